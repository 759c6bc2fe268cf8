/*
 * What writes that failed, and discards, may leave of a zone
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The rules of "Writes that fail" in docs/devel/zone-store.rst, for zones that
 * have had no ZRWA in their life.
 */

#include "qemu/osdep.h"
#include "qemu/cutils.h"
#include "crash-oracle-internal.h"

static bool crash_op_covers(const CrashOp *op, int64_t offset_bytes)
{
    return op->offset_bytes <= offset_bytes &&
           offset_bytes < op->offset_bytes + op->length_bytes;
}

static bool crash_op_has_range_of(const CrashOp *op, const CrashOp *other)
{
    return op->offset_bytes == other->offset_bytes &&
           op->length_bytes == other->length_bytes;
}

/*
 * May the write have ended by the crash, and well?  With FUA, or a job that
 * keeps up with it, the load hears of it later than others can rely on it.
 */
static bool crash_op_has_written(const CrashCheck *check, const CrashOp *op)
{
    return op->kind == CRASH_OP_WRITE && !op->refused && !op->lost &&
           op->submitted <= check->time &&
           (op->acked <= check->time || op->fua || op->late) &&
           crash_op_in_life(op, check->life);
}

/* Holes ******************************************************************/

/*
 * When the range of failed was made again, by a write that ended well:
 * CRASH_NEVER when it was not, 0 when other writes came there.  Then it had
 * been rolled back before, and no write pointer has ever covered it.
 */
static uint64_t crash_made_again(const CrashCheck *check, const CrashOp *failed,
                                 int64_t offset_bytes)
{
    uint64_t again = CRASH_NEVER;
    guint i;

    for (i = 0; i < check->ops->len; i++) {
        const CrashOp *op = crash_op(check->ops, i);

        if (op->kind != CRASH_OP_WRITE || op->refused ||
            op->submitted < failed->acked ||
            !crash_op_surely_in_life(op, check->life) ||
            !crash_op_covers(op, offset_bytes)) {
            continue;
        }
        if (!crash_op_has_range_of(op, failed)) {
            return 0;
        }
        if (crash_op_succeeded(op) && op->acked <= check->time) {
            again = MIN(again, op->acked);
        }
    }
    return again;
}

/*
 * Can a stored write pointer have passed the failed write?  Not while it was in
 * flight; not without data above it that had been written before the range was
 * made again, if it was.
 */
static bool crash_hole_is_passed(const CrashCheck *check,
                                 const CrashOp *failed, int64_t offset_bytes)
{
    uint64_t again = crash_made_again(check, failed, offset_bytes);
    guint i;

    if (failed->acked > check->time) {
        return false;
    }
    for (i = 0; i < check->ops->len; i++) {
        const CrashOp *op = crash_op(check->ops, i);

        if (crash_op_has_written(check, op) && op->submitted < again &&
            op->offset_bytes >= failed->offset_bytes + failed->length_bytes) {
            return true;
        }
    }
    return false;
}

/* In a ZRWA another write may come there meanwhile: then no zeros follow */
static bool crash_op_has_company(const CrashCheck *check,
                                 const CrashOp *failed)
{
    guint i;

    for (i = 0; i < check->ops->len; i++) {
        const CrashOp *op = crash_op(check->ops, i);

        if (op->kind == CRASH_OP_WRITE && op != failed && !op->refused &&
            op->submitted < failed->acked && failed->submitted < op->acked &&
            op->offset_bytes < failed->offset_bytes + failed->length_bytes &&
            failed->offset_bytes < op->offset_bytes + op->length_bytes) {
            return true;
        }
    }
    return false;
}

bool crash_hole_covers(const CrashCheck *check, int64_t offset_bytes,
                       bool *anything)
{
    bool covers = false;
    guint i;

    *anything = false;
    for (i = 0; i < check->ops->len; i++) {
        const CrashOp *op = crash_op(check->ops, i);

        if (op->kind == CRASH_OP_WRITE && op->failed &&
            op->submitted <= check->time &&
            crash_op_in_life(op, check->life) &&
            crash_op_covers(op, offset_bytes) &&
            (!op->lost || crash_had_zrwa(check) ||
             crash_hole_is_passed(check, op, offset_bytes))) {
            covers = true;
            *anything |= op->unzeroed || (crash_had_zrwa(check) &&
                                          crash_op_has_company(check, op));
        }
    }
    return covers;
}

/* A write or Reset that may have come before the overlay took over */
static bool crash_op_is_below(const CrashCheck *check, const CrashOp *op)
{
    return op->submitted < check->oracle->handed_over;
}

bool crash_is_of_below(const CrashCheck *check, const CrashOp *op,
                       const uint8_t *data)
{
    bool aged = data[0] == CRASH_AGE_BYTE &&
                !memcmp(data, data + 1, CRASH_SECTOR_BYTES - 1);
    uint32_t nr_below = 0;
    guint i;

    if (!check->oracle->handed_over ||
        check->oracle->handed_over > check->time) {
        return false;
    }
    for (i = 0; i < check->ops->len; i++) {
        const CrashOp *reset = crash_op(check->ops, i);

        nr_below += reset->kind == CRASH_OP_RESET && !reset->refused &&
                    crash_op_is_below(check, reset);
    }
    return check->life > nr_below &&
           (op ? crash_op_is_below(check, op) &&
                 op->acked < check->oracle->handed_over : aged);
}

static bool crash_written_at(const CrashCheck *check, int64_t offset_bytes,
                             bool or_failed)
{
    guint i;

    for (i = 0; i < check->ops->len; i++) {
        const CrashOp *op = crash_op(check->ops, i);

        if (!crash_op_covers(op, offset_bytes)) {
            continue;
        }
        if (crash_op_has_written(check, op) ||
            (or_failed && op->kind == CRASH_OP_WRITE && op->lost &&
             op->acked <= check->time && crash_op_in_life(op, check->life))) {
            return true;
        }
    }
    return false;
}

char *crash_check_covered(const CrashCheck *check, uint64_t from_bytes)
{
    uint64_t end_bytes = crash_zone_written(check->zone);
    uint64_t start_bytes = check->zone->info.start_bytes;
    uint64_t pos_bytes;

    if (from_bytes >= end_bytes || crash_had_zrwa(check)) {
        return NULL;
    }
    if (!crash_written_at(check, start_bytes + end_bytes - CRASH_SECTOR_BYTES,
                          false)) {
        return crash_fault(check, "C2: the last byte below the write pointer "
                           "was not written by a write that has completed");
    }
    for (pos_bytes = from_bytes; pos_bytes < end_bytes;
         pos_bytes += CRASH_SECTOR_BYTES) {
        if (!crash_written_at(check, start_bytes + pos_bytes, true)) {
            return crash_fault(check, "C2: byte %" PRIu64 " of the zone is "
                               "below the write pointer, and its write had "
                               "not ended", pos_bytes);
        }
    }
    return NULL;
}

/* Discards ***************************************************************/

/* What begins after a discard is nothing that it may take */
static bool crash_discard_may_take(const CrashCheck *check,
                                   const CrashOp *discard,
                                   int64_t offset_bytes)
{
    const CrashZone *found = crash_zone_found(check);
    /* in a ZRWA, what nobody has written is below the write pointer as well */
    bool may = (found && offset_bytes < found->info.wp_bytes) ||
               crash_had_zrwa(check);
    guint i;

    for (i = 0; i < check->ops->len; i++) {
        const CrashOp *op = crash_op(check->ops, i);

        if (op->kind != CRASH_OP_WRITE || op->refused ||
            !crash_op_covers(op, offset_bytes)) {
            continue;
        }
        /* in a ZRWA, one in flight with it may be the first to get there */
        if (op->submitted < discard->begun ||
            (crash_had_zrwa(check) && op->submitted < discard->acked)) {
            may |= crash_op_in_life(op, check->life);
        } else if (crash_op_required(op, check->fence, check->time) &&
                   crash_op_surely_in_life(op, check->life)) {
            return false;
        }
    }
    return may;
}

bool crash_discarded(const CrashCheck *check, int64_t offset_bytes)
{
    guint i;

    for (i = 0; i < check->ops->len; i++) {
        const CrashOp *op = crash_op(check->ops, i);

        if (op->kind == CRASH_OP_DISCARD && op->first_begun &&
            op->first_begun <= check->time &&
            crash_op_covers(op, offset_bytes) &&
            crash_discard_may_take(check, op, offset_bytes)) {
            return true;
        }
    }
    return false;
}

bool crash_is_discarded(const CrashCheck *check, const uint8_t *data)
{
    return buffer_is_zero(data, CRASH_SECTOR_BYTES) ||
           check->oracle->encrypted ||
           (data[0] == CRASH_GARBAGE_BYTE &&
            !memcmp(data, data + 1, CRASH_SECTOR_BYTES - 1));
}
