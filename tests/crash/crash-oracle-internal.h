/*
 * The oracle's own: shared by crash-oracle*.c only
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef TESTS_CRASH_ORACLE_INTERNAL_H
#define TESTS_CRASH_ORACLE_INTERNAL_H

#include "crash-oracle.h"

/* One zone after a crash, taken to be in one of its lives */
typedef struct CrashCheck {
    const CrashOracle *oracle;
    const CrashZone *zone;
    const GPtrArray *ops;
    uint64_t time;
    uint64_t fence;
    uint32_t life;
} CrashCheck;

static inline CrashOp *crash_op(const GPtrArray *ops, guint i)
{
    return g_ptr_array_index(ops, i);
}

static inline bool crash_op_succeeded(const CrashOp *op)
{
    return !op->refused && !op->failed;
}

static inline bool crash_op_in_life(const CrashOp *op, uint32_t life)
{
    return op->life_min <= life && life <= op->life_max;
}

static inline bool crash_op_surely_in_life(const CrashOp *op, uint32_t life)
{
    return op->life_min == life && life == op->life_max;
}

static inline uint64_t crash_zone_written(const CrashZone *zone)
{
    return zone->info.wp_bytes - zone->info.start_bytes;
}

/* What an earlier crash has left of the zone, in life 0; else NULL */
static inline const CrashZone *crash_zone_found(const CrashCheck *check)
{
    return check->life == 0 ?
           check->oracle->found[check->zone->info.zone_idx] : NULL;
}

static inline bool crash_was_found(const CrashCheck *check, ZoneState state)
{
    const CrashZone *found = crash_zone_found(check);

    return found && found->info.state == state;
}

/* Must the write be found after a crash at time, as long as its life lasts? */
static inline bool crash_op_required(const CrashOp *op, uint64_t fence,
                                     uint64_t time)
{
    return op->kind == CRASH_OP_WRITE && crash_op_succeeded(op) &&
           (op->acked <= fence || (op->fua && op->acked <= time));
}

char *crash_fault(const CrashCheck *check, const char *format, ...)
    G_GNUC_PRINTF(2, 3);

/* What had completed by the fence has to be below the write pointer */
char *crash_check_writes(const CrashCheck *check, uint64_t fence,
                         const char *contract);

/* In a ZRWA, what nobody has written comes below the write pointer as zeros */
bool crash_had_zrwa(const CrashCheck *check);

/*
 * A write that failed may have left anything of itself there, below a write
 * pointer, or zeros; *anything: or what was there before the zone's life
 */
bool crash_hole_covers(const CrashCheck *check, int64_t offset_bytes,
                       bool *anything);
/*
 * Does a sector, which op has written if that is not NULL, come from an image
 * below the one that the zone began its life in?
 */
bool crash_is_of_below(const CrashCheck *check, const CrashOp *op,
                       const uint8_t *data);
/*
 * From there on, what is below the write pointer has been written or has
 * failed; the last byte has been written
 */
char *crash_check_covered(const CrashCheck *check, uint64_t from_bytes);
/* Data that was discarded reads as itself, as this, or as garbage */
bool crash_discarded(const CrashCheck *check, int64_t offset_bytes);
bool crash_is_discarded(const CrashCheck *check, const uint8_t *data);

/* State, attributes and extension; nothing that is in the zone */
char *crash_check_state(const CrashCheck *check);

#endif /* TESTS_CRASH_ORACLE_INTERNAL_H */
