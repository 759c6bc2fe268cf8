/*
 * What a workload was told, and what a crash may make of it
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/cutils.h"
#include "crash-oracle-internal.h"

#define CRASH_MAGIC     UINT64_C(0x5ec70f0000000000)
#define SECTOR_WORDS    (CRASH_SECTOR_BYTES / sizeof(uint64_t))

CrashOracle *crash_oracle_new(const ZoneGeometry *geometry, uint32_t first_id)
{
    CrashOracle *oracle = g_new0(CrashOracle, 1);
    uint32_t i;

    oracle->geometry = geometry;
    oracle->first_id = first_id;
    oracle->found = g_new0(CrashZone *, geometry->nr_zones);
    oracle->ops = g_ptr_array_new_with_free_func(g_free);
    oracle->zone_ops = g_new(GPtrArray *, geometry->nr_zones);
    for (i = 0; i < geometry->nr_zones; i++) {
        oracle->zone_ops[i] = g_ptr_array_new();
    }
    return oracle;
}

void crash_oracle_free(CrashOracle *oracle)
{
    uint32_t i;

    for (i = 0; i < oracle->geometry->nr_zones; i++) {
        g_ptr_array_unref(oracle->zone_ops[i]);
        if (oracle->found[i]) {
            g_free((void *)oracle->found[i]->data);
            g_free((void *)oracle->found[i]->zde);
            g_free(oracle->found[i]);
        }
    }
    g_free(oracle->found);
    g_free(oracle->zone_ops);
    g_ptr_array_unref(oracle->ops);
    g_free(oracle);
}

void crash_oracle_found(CrashOracle *oracle, const CrashZone *zone)
{
    const ZoneGeometry *geometry = oracle->geometry;
    CrashZone *found = g_memdup2(zone, sizeof(*zone));

    found->data = g_memdup2(zone->data, geometry->zone_bytes);
    found->zde = g_memdup2(zone->zde, geometry->zd_extension_bytes);
    oracle->found[zone->info.zone_idx] = found;
}

CrashOp *crash_oracle_begin(CrashOracle *oracle, CrashOpKind kind,
                            uint32_t zone_idx, uint64_t now)
{
    CrashOp *op = g_new0(CrashOp, 1);

    op->kind = kind;
    op->id = crash_oracle_next_id(oracle);
    op->zone_idx = zone_idx;
    op->offset_bytes = -1;
    op->submitted = now;
    op->acked = CRASH_NEVER;
    g_ptr_array_add(oracle->ops, op);
    if (kind != CRASH_OP_FLUSH) {
        g_ptr_array_add(oracle->zone_ops[zone_idx], op);
    }
    return op;
}

/* Select All passes Read Only and Offline zones by; Offline means the former */
static bool crash_select_passes_by(const CrashOracle *oracle,
                                   const CrashOp *action)
{
    const GPtrArray *ops = oracle->zone_ops[action->zone_idx];
    const CrashZone *found = oracle->found[action->zone_idx];
    bool read_only = found && found->info.state == ZONE_STATE_READ_ONLY;
    bool offline = found && found->info.state == ZONE_STATE_OFFLINE;
    guint i;

    for (i = 0; i < ops->len; i++) {
        const CrashOp *op = crash_op(ops, i);

        if (op->acked < action->submitted && crash_op_succeeded(op)) {
            read_only |= op->kind == CRASH_OP_READ_ONLY;
            offline |= op->kind == CRASH_OP_OFFLINE ||
                       op->kind == CRASH_OP_FAULT_OFFLINE;
        }
    }
    return offline || read_only == (action->kind != CRASH_OP_OFFLINE);
}

void crash_oracle_end(CrashOracle *oracle, CrashOp *op, int ret, uint64_t now)
{
    op->acked = now;
    op->refused = zone_status_from_errno(ret) != ZONE_OK ||
                  (op->select_all && crash_select_passes_by(oracle, op));
    op->failed = ret < 0 && !op->refused;
}

static void crash_op_find_lives(const GPtrArray *ops, CrashOp *op)
{
    guint i;

    for (i = 0; i < ops->len; i++) {
        const CrashOp *reset = crash_op(ops, i);

        if (reset->kind != CRASH_OP_RESET || reset == op || reset->refused) {
            continue;
        }
        op->life_min += !reset->failed && reset->acked < op->submitted;
        op->life_max += reset->submitted < op->acked;
    }
}

void crash_oracle_close(CrashOracle *oracle)
{
    uint32_t zone_idx;
    guint i;

    for (zone_idx = 0; zone_idx < oracle->geometry->nr_zones; zone_idx++) {
        const GPtrArray *ops = oracle->zone_ops[zone_idx];

        for (i = 0; i < ops->len; i++) {
            crash_op_find_lives(ops, crash_op(ops, i));
        }
    }
}

/* Stamps *****************************************************************/

static uint64_t crash_mix(uint64_t x)
{
    x ^= x >> 31;
    x *= UINT64_C(0x9e3779b97f4a7c15);
    x ^= x >> 29;
    return x;
}

void crash_stamp(uint32_t id, uint32_t first_sector, void *buf,
                 int64_t length_bytes)
{
    uint64_t *word = buf;
    uint32_t sector;
    size_t i;

    for (sector = first_sector; length_bytes > 0;
         sector++, length_bytes -= CRASH_SECTOR_BYTES) {
        uint64_t key = (uint64_t)id << 32 | sector;

        *word++ = CRASH_MAGIC | id;
        *word++ = sector;
        for (i = 2; i < SECTOR_WORDS && i * 8 < length_bytes; i++) {
            *word++ = crash_mix(key + (i << 20));
        }
    }
}

bool crash_is_stamped(const uint8_t *buf, int64_t length_bytes)
{
    uint64_t head;
    int64_t i;

    for (i = 0; i + (int64_t)sizeof(head) <= length_bytes;
         i += CRASH_SECTOR_BYTES) {
        memcpy(&head, buf + i, sizeof(head));
        if ((head & ~(uint64_t)UINT32_MAX) == CRASH_MAGIC) {
            return true;
        }
    }
    return false;
}

/* The operation that has written the sector; NULL when none has */
static const CrashOp *crash_unstamp(const CrashOracle *oracle,
                                    const uint8_t *data, uint32_t *sector)
{
    uint64_t expected[SECTOR_WORDS];
    uint64_t head[2];
    uint32_t id;

    memcpy(head, data, sizeof(head));
    id = head[0];
    if (head[0] != (CRASH_MAGIC | id) || id < oracle->first_id ||
        id - oracle->first_id >= oracle->ops->len ||
        head[1] > UINT32_MAX) {
        return NULL;
    }
    *sector = head[1];
    crash_stamp(id, *sector, expected, sizeof(expected));
    if (memcmp(expected, data, sizeof(expected))) {
        return NULL;
    }
    return crash_op(oracle->ops, id - oracle->first_id);
}

static bool crash_is_zero(const uint8_t *data, int64_t length_bytes)
{
    return buffer_is_zero(data, length_bytes);
}

/* Fences *****************************************************************/

/*
 * When the last of the flushes and FUA writes that had completed by the crash
 * was submitted: what had completed by then is to be found.
 */
static uint64_t crash_fence(const CrashOracle *oracle, uint64_t time)
{
    uint64_t fence = 0;
    guint i;

    for (i = 0; i < oracle->ops->len; i++) {
        const CrashOp *op = crash_op(oracle->ops, i);

        if ((op->kind == CRASH_OP_FLUSH || op->fua) && op->acked <= time &&
            crash_op_succeeded(op)) {
            fence = MAX(fence, op->submitted);
        }
    }
    return fence;
}

/* One sequential zone ****************************************************/

char *crash_fault(const CrashCheck *check, const char *format, ...)
{
    const ZoneInfo *info = &check->zone->info;
    g_autofree char *what = NULL;
    va_list args;

    va_start(args, format);
    what = g_strdup_vprintf(format, args);
    va_end(args);
    return g_strdup_printf("%s (zone %u, %s, write pointer at %" PRIu64 " of "
                           "the zone, attributes 0x%02x, taken for life %u)",
                           what, info->zone_idx, zone_state_str(info->state),
                           crash_zone_written(check->zone), info->attributes,
                           check->life);
}

bool crash_had_zrwa(const CrashCheck *check)
{
    guint i;

    for (i = 0; i < check->ops->len; i++) {
        const CrashOp *op = crash_op(check->ops, i);

        if ((op->kind == CRASH_OP_ZRWA ||
             (op->kind == CRASH_OP_SET_ZDE && op->zrwa)) && !op->refused &&
            op->submitted <= check->time && crash_op_in_life(op, check->life)) {
            return true;
        }
    }
    return false;
}

/*
 * In a ZRWA a sector may be written more than once: then what was flushed, or
 * something later, is to be found.  found: NULL for zeros.
 */
static const CrashOp *crash_find_later(const CrashCheck *check,
                                       int64_t offset_bytes,
                                       const CrashOp *found)
{
    guint i;

    for (i = 0; i < check->ops->len; i++) {
        const CrashOp *op = crash_op(check->ops, i);

        if (crash_op_required(op, check->fence, check->time) &&
            crash_op_surely_in_life(op, check->life) && op != found &&
            op->offset_bytes <= offset_bytes &&
            offset_bytes < op->offset_bytes + op->length_bytes &&
            (!found || found->acked < op->submitted)) {
            return op;
        }
    }
    return NULL;
}

/* What was below the write pointer after the crash before is still there */
static char *crash_check_found_sector(const CrashCheck *check,
                                      int64_t pos_bytes)
{
    int64_t offset_bytes = check->zone->info.start_bytes + pos_bytes;

    if (!memcmp(check->zone->data + pos_bytes,
                crash_zone_found(check)->data + pos_bytes,
                CRASH_SECTOR_BYTES) ||
        (crash_is_discarded(check, check->zone->data + pos_bytes) &&
         crash_discarded(check, offset_bytes))) {
        return NULL;
    }
    return crash_fault(check, "C1: byte %" PRId64 " of the zone is not what "
                       "was found after the crash before", pos_bytes);
}

static char *crash_check_sector(const CrashCheck *check, int64_t pos_bytes)
{
    const CrashOp *later;
    const uint8_t *data = check->zone->data + pos_bytes;
    int64_t offset_bytes = check->zone->info.start_bytes + pos_bytes;
    uint32_t sector = 0;
    const CrashOp *op = crash_unstamp(check->oracle, data, &sector);
    bool zeros = crash_is_zero(data, CRASH_SECTOR_BYTES);
    bool anything;
    bool hole = crash_hole_covers(check, offset_bytes, &anything) &&
                !crash_find_later(check, offset_bytes, NULL);

    if (op && (!op->lost || hole || crash_had_zrwa(check)) &&
        op->zone_idx == check->zone->info.zone_idx &&
        op->offset_bytes + (int64_t)sector * CRASH_SECTOR_BYTES ==
        offset_bytes && op->submitted <= check->time &&
        crash_op_in_life(op, check->life)) {
        later = crash_find_later(check, offset_bytes, op);
        if (!later) {
            return NULL;
        }
        return crash_fault(check, "C1: byte %" PRId64 " of the zone has "
                           "operation %u, not operation %u that was flushed",
                           pos_bytes, op->id, later->id);
    }
    if (hole && (zeros || (anything &&
                           !crash_is_of_below(check, op, data)))) {
        return NULL;
    }
    if (crash_is_discarded(check, data) &&
        crash_discarded(check, offset_bytes)) {
        return NULL;
    }
    if (zeros && crash_had_zrwa(check) &&
        !crash_find_later(check, offset_bytes, NULL)) {
        return NULL;
    }
    if (op) {
        return crash_fault(check, "C2: byte %" PRId64 " of the zone has "
                           "sector %u of operation %u (zone %u, offset %"
                           PRId64 ", lives %u to %u)", pos_bytes, sector,
                           op->id, op->zone_idx, op->offset_bytes,
                           op->life_min, op->life_max);
    }
    return crash_fault(check, "C2: byte %" PRId64 " of the zone was never "
                       "written: %s", pos_bytes,
                       zeros ? "zeros" : "garbage");
}

static char *crash_check_below_wp(const CrashCheck *check)
{
    const CrashZone *found = crash_zone_found(check);
    uint64_t found_bytes = found ? crash_zone_written(found) : 0;
    uint64_t end_bytes = crash_zone_written(check->zone);
    uint64_t pos_bytes;
    char *fault;

    if (end_bytes < found_bytes) {
        return crash_fault(check, "C1: the write pointer was at %" PRIu64
                           " after the crash before", found_bytes);
    }
    fault = crash_check_covered(check, found_bytes);
    for (pos_bytes = 0; pos_bytes < end_bytes && !fault;
         pos_bytes += CRASH_SECTOR_BYTES) {
        fault = pos_bytes < found_bytes ?
                crash_check_found_sector(check, pos_bytes) :
                crash_check_sector(check, pos_bytes);
    }
    return fault;
}

static char *crash_check_above_wp(const CrashCheck *check)
{
    uint64_t end_bytes = check->oracle->geometry->zone_bytes;
    uint64_t pos_bytes = crash_zone_written(check->zone);

    for (; pos_bytes < end_bytes; pos_bytes += CRASH_SECTOR_BYTES) {
        if (!crash_is_zero(check->zone->data + pos_bytes,
                           CRASH_SECTOR_BYTES)) {
            return crash_fault(check, "C3: byte %" PRIu64 " of the zone is "
                               "above the write pointer and not zero",
                               pos_bytes);
        }
    }
    return NULL;
}

char *crash_check_writes(const CrashCheck *check, uint64_t fence,
                         const char *contract)
{
    guint i;

    for (i = 0; i < check->ops->len; i++) {
        const CrashOp *op = crash_op(check->ops, i);

        if (crash_op_required(op, fence, check->time) &&
            crash_op_surely_in_life(op, check->life) &&
            op->offset_bytes + op->length_bytes >
            check->zone->info.wp_bytes) {
            return crash_fault(check, "%s: operation %u (%" PRId64 " bytes at "
                               "%" PRId64 " of the device) was flushed and is "
                               "not below the write pointer", contract, op->id,
                               op->length_bytes, op->offset_bytes);
        }
    }
    return NULL;
}

static char *crash_check_life(const CrashCheck *check)
{
    char *fault = crash_check_state(check);

    if (fault || check->zone->info.state == ZONE_STATE_OFFLINE) {
        return fault; /* and nothing in it can be read */
    }
    fault = crash_check_writes(check, check->fence, "C1");
    if (!fault) {
        fault = crash_check_below_wp(check);
    }
    return fault ? fault : crash_check_above_wp(check);
}

/* The lives that the zone may be in at the crash */
static void crash_lives(const CrashCheck *check, uint32_t *first,
                        uint32_t *last)
{
    guint i;

    *first = 0;
    *last = 0;
    for (i = 0; i < check->ops->len; i++) {
        const CrashOp *op = crash_op(check->ops, i);

        if (op->kind == CRASH_OP_RESET && !op->refused) {
            *first += !op->failed && op->acked <= check->time;
            *last += op->submitted <= check->time;
        }
    }
    for (i = 0; i < check->ops->len; i++) {
        const CrashOp *op = crash_op(check->ops, i);

        if (crash_op_required(op, check->fence, check->time)) {
            *first = MAX(*first, op->life_min);
        }
    }
}

static char *crash_check_sequential(CrashCheck *check)
{
    uint32_t first, last;
    char *fault = NULL;

    crash_lives(check, &first, &last);
    for (check->life = first; check->life <= last; check->life++) {
        g_free(fault);
        fault = crash_check_life(check);
        if (!fault) {
            break;
        }
    }
    return fault;
}

/* One conventional zone **************************************************/

/* No cluster of an image is larger */
#define CRASH_MAX_CLUSTER_BYTES 16384

/*
 * A sector that has a write under way, or one that nobody flushed, holds
 * anything of what was written there.  Sectors of writes that were flushed
 * hold the last of those, or something later.  Where nobody has ever written,
 * zeros, except in the cluster of a write that nobody has flushed: the base
 * does not flush what it copies to an external data file there, and encrypted
 * zeros are no zeros.  What an earlier crash has left counts as flushed, but
 * for zeros, which may be where nobody has written.
 */
static char *crash_check_conventional_sector(const CrashCheck *check,
                                             int64_t pos_bytes)
{
    const CrashZone *zone = check->zone;
    const CrashZone *before = crash_zone_found(check);
    const uint8_t *data = zone->data + pos_bytes;
    int64_t offset_bytes = zone->info.start_bytes + pos_bytes;
    uint64_t required = 0;
    bool loose = false, near = false, flushed;
    uint32_t sector = 0;
    const CrashOp *found;
    guint i;

    for (i = 0; i < check->ops->len; i++) {
        const CrashOp *op = crash_op(check->ops, i);

        if (op->submitted > check->time || op->refused) {
            continue;
        }
        flushed = crash_op_required(op, check->fence, check->time);
        near |= !flushed &&
                op->offset_bytes < ROUND_UP(offset_bytes + 1,
                                            CRASH_MAX_CLUSTER_BYTES) &&
                op->offset_bytes + op->length_bytes >
                QEMU_ALIGN_DOWN(offset_bytes, CRASH_MAX_CLUSTER_BYTES);
        if (offset_bytes < op->offset_bytes ||
            offset_bytes >= op->offset_bytes + op->length_bytes) {
            continue;
        }
        if (flushed) {
            required = MAX(required, op->submitted);
        } else {
            loose = true;
        }
    }
    if (before && !required &&
        !memcmp(data, before->data + pos_bytes, CRASH_SECTOR_BYTES)) {
        return NULL;
    }
    if (before && !crash_is_zero(before->data + pos_bytes,
                                 CRASH_SECTOR_BYTES)) {
        near = false;
    }
    if (loose || (!required && near)) {
        return NULL;
    }
    found = crash_unstamp(check->oracle, data, &sector);
    if (found && (found->zone_idx != zone->info.zone_idx ||
                  found->offset_bytes + (int64_t)sector * CRASH_SECTOR_BYTES !=
                  offset_bytes || found->submitted > check->time)) {
        found = NULL;
    }
    if (found && found->acked >= required) {
        return NULL;
    }
    if (!required && !before && crash_is_zero(data, CRASH_SECTOR_BYTES)) {
        return NULL;
    }
    return crash_fault(check, "C1: byte %" PRId64 " of the conventional zone "
                       "has not what was flushed", pos_bytes);
}

static char *crash_check_conventional(const CrashCheck *check)
{
    uint64_t pos_bytes;
    char *fault = NULL;

    for (pos_bytes = 0;
         pos_bytes < check->oracle->geometry->zone_bytes && !fault;
         pos_bytes += CRASH_SECTOR_BYTES) {
        fault = crash_check_conventional_sector(check, pos_bytes);
    }
    return fault;
}

static const char *crash_op_str(CrashOpKind kind)
{
    static const char *const names[] = {
        [CRASH_OP_WRITE] = "write",
        [CRASH_OP_FLUSH] = "flush",
        [CRASH_OP_RESET] = "reset",
        [CRASH_OP_FINISH] = "finish",
        [CRASH_OP_SET_ZDE] = "set extension",
        [CRASH_OP_DISCARD] = "discard",
        [CRASH_OP_ZRWA] = "open with ZRWA",
        [CRASH_OP_ZRWA_FLUSH] = "flush ZRWA",
        [CRASH_OP_OFFLINE] = "offline",
        [CRASH_OP_READ_ONLY] = "becomes read only",
        [CRASH_OP_FAULT_OFFLINE] = "goes offline",
        [CRASH_OP_ATTRIBUTES] = "attributes",
    };

    return names[kind];
}

/* The operations on the zone, for whoever has to find out what went wrong */
static char *crash_add_history(const CrashCheck *check, char *fault)
{
    GString *text;
    guint i;

    if (!fault) {
        return NULL;
    }
    text = g_string_new(fault);
    g_free(fault);
    g_string_append_printf(text, "; the zone's operations by time %" PRIu64
                           ":", check->time);
    for (i = 0; i < check->ops->len; i++) {
        const CrashOp *op = crash_op(check->ops, i);

        if (op->submitted <= check->time) {
            g_string_append_printf(text, " [%u %s%s %" PRId64 "+%" PRId64
                                   " set 0x%x clear 0x%x time %" PRIu64 " to %"
                                   PRId64 "%s%s%s, lives %u to %u]", op->id,
                                   op->append ? "append" :
                                   crash_op_str(op->kind),
                                   op->select_all ? " all" : "",
                                   op->offset_bytes, op->length_bytes,
                                   op->set, op->clear,
                                   op->submitted, (int64_t)op->acked,
                                   op->fua ? ", FUA" : "",
                                   op->refused ? ", refused" : "",
                                   op->lost ? ", lost" :
                                   op->failed ? ", failed" : "",
                                   op->life_min, op->life_max);
        }
    }
    return g_string_free(text, false);
}

static char *crash_check_zone(const CrashOracle *oracle, uint64_t time,
                              uint64_t fence, const CrashZone *zone)
{
    CrashCheck check = {
        .oracle = oracle,
        .zone = zone,
        .ops = oracle->zone_ops[zone->info.zone_idx],
        .time = time,
        .fence = fence,
    };

    if (zone->info.zone_idx < oracle->geometry->conventional_zones) {
        return crash_add_history(&check, crash_check_conventional(&check));
    }
    return crash_add_history(&check, crash_check_sequential(&check));
}

char *crash_oracle_check_zone(const CrashOracle *oracle, uint64_t time,
                              const CrashZone *zone)
{
    return crash_check_zone(oracle, time, crash_fence(oracle, time), zone);
}

char *crash_oracle_check_copy(const CrashOracle *oracle, uint64_t time,
                              const CrashZone *zone)
{
    return crash_check_zone(oracle, time, time, zone);
}
