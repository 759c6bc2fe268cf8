/*
 * What a zone must say of itself while the load runs
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * When nothing of a zone is in flight, all of it that has been written, and
 * what has failed below, is known for sure, and with it both of its positions:
 * the next write goes behind the highest byte that was written, and the write
 * pointer waits for the lowest write below that has failed.
 */

#include "qemu/osdep.h"
#include "crash-oracle-internal.h"

/* One zone, sector by sector */
typedef struct CrashMap {
    const CrashOp **last;       /* what has written there; else has failed */
    uint64_t start_bytes;
    uint64_t found_bytes;       /* what an earlier crash has left */
} CrashMap;

/* The last Reset of the zone, or NULL; all operations have ended */
static const CrashOp *crash_last_reset(const GPtrArray *ops)
{
    const CrashOp *reset = NULL;
    guint i;

    for (i = 0; i < ops->len; i++) {
        const CrashOp *op = crash_op(ops, i);

        if (op->kind == CRASH_OP_RESET && crash_op_succeeded(op)) {
            reset = op;
        }
    }
    return reset;
}

/* Is it sure what the operation has done to the zone as it is now? */
static bool crash_op_is_plain(const CrashOp *op, const CrashOp *reset)
{
    if (op->acked == CRASH_NEVER) {
        return false;
    }
    if (op->refused || (reset && op->acked < reset->submitted)) {
        return true;
    }
    switch (op->kind) {
    case CRASH_OP_WRITE:
        return (!op->failed || op->lost) &&
               (!reset || op->submitted > reset->acked);
    case CRASH_OP_SET_ZDE:
        return !op->zrwa || op->failed;
    case CRASH_OP_RESET:
    case CRASH_OP_DISCARD:
    case CRASH_OP_ATTRIBUTES:
        return true;
    default:
        return false;
    }
}

static bool crash_is_plain(const GPtrArray *ops, const CrashOp *reset)
{
    bool plain = true;
    guint i;

    for (i = 0; i < ops->len && plain; i++) {
        plain = crash_op_is_plain(crash_op(ops, i), reset);
    }
    return plain;
}

static gint crash_compare_acked(gconstpointer a, gconstpointer b)
{
    const CrashOp *x = *(CrashOp *const *)a;
    const CrashOp *y = *(CrashOp *const *)b;

    return x->acked < y->acked ? -1 : x->acked > y->acked;
}

static void crash_map_put(CrashMap *map, const CrashOp *op)
{
    uint64_t pos_bytes = op->offset_bytes - map->start_bytes;
    uint64_t end_bytes = pos_bytes + op->length_bytes;

    for (; pos_bytes < end_bytes; pos_bytes += CRASH_SECTOR_BYTES) {
        const CrashOp **last = &map->last[pos_bytes / CRASH_SECTOR_BYTES];

        if (!op->failed || !*last || (*last)->failed) {
            *last = op;
        }
    }
}

static void crash_map_fill(CrashMap *map, const GPtrArray *ops,
                           const CrashOp *reset)
{
    g_autoptr(GPtrArray) writes = g_ptr_array_new();
    guint i;

    for (i = 0; i < ops->len; i++) {
        CrashOp *op = crash_op(ops, i);

        if (op->kind == CRASH_OP_WRITE && !op->refused &&
            (!reset || op->submitted > reset->acked)) {
            g_ptr_array_add(writes, op);
        }
    }
    g_ptr_array_sort(writes, crash_compare_acked);
    for (i = 0; i < writes->len; i++) {
        crash_map_put(map, crash_op(writes, i));
    }
}

static char *crash_map_check(const CrashMap *map, const ZoneInfo *info,
                             const CrashOp **failed)
{
    uint64_t capacity_bytes = info->capacity_bytes;
    uint64_t reserved_bytes = map->found_bytes;
    uint64_t wp_bytes, pos_bytes;

    for (pos_bytes = map->found_bytes; pos_bytes < capacity_bytes;
         pos_bytes += CRASH_SECTOR_BYTES) {
        const CrashOp *op = map->last[pos_bytes / CRASH_SECTOR_BYTES];

        if (op && !op->failed) {
            reserved_bytes = pos_bytes + CRASH_SECTOR_BYTES;
        }
    }
    for (wp_bytes = map->found_bytes; wp_bytes < reserved_bytes;
         wp_bytes += CRASH_SECTOR_BYTES) {
        const CrashOp *op = map->last[wp_bytes / CRASH_SECTOR_BYTES];

        if (!op || (op->failed && !op->append)) {
            *failed = op;
            break;
        }
    }
    if (info->wp_bytes - info->start_bytes != wp_bytes ||
        info->reserved_bytes - info->start_bytes != reserved_bytes ||
        (info->state == ZONE_STATE_FULL) != (wp_bytes == capacity_bytes)) {
        return g_strdup_printf("live: zone %u is %s, its write pointer is at %"
                               PRIu64 " and the next write at %" PRIu64
                               " of the zone, not at %" PRIu64 " and %" PRIu64,
                               info->zone_idx, zone_state_str(info->state),
                               info->wp_bytes - info->start_bytes,
                               info->reserved_bytes - info->start_bytes,
                               wp_bytes, reserved_bytes);
    }
    return NULL;
}

char *crash_oracle_check_live(const CrashOracle *oracle, const ZoneInfo *info,
                              const CrashOp **failed)
{
    const GPtrArray *ops = oracle->zone_ops[info->zone_idx];
    const CrashOp *reset = crash_last_reset(ops);
    const CrashZone *found = reset ? NULL : oracle->found[info->zone_idx];
    CrashMap map = {
        .start_bytes = info->start_bytes,
        .found_bytes = found ? crash_zone_written(found) : 0,
    };
    char *fault;

    *failed = NULL;
    if (info->zone_idx < oracle->geometry->conventional_zones ||
        (found && found->info.state != ZONE_STATE_EMPTY &&
         found->info.state != ZONE_STATE_CLOSED) ||
        !crash_is_plain(ops, reset)) {
        return NULL;
    }
    map.last = g_new0(const CrashOp *,
                      info->length_bytes / CRASH_SECTOR_BYTES);
    crash_map_fill(&map, ops, reset);
    fault = crash_map_check(&map, info, failed);
    g_free(map.last);
    return fault;
}
