/*
 * Zoned I/O: zone management, one zone at a time
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "block/block_int.h"
#include "block/zone/gate/internal.h"
#include "block/zone/trace.h"

typedef struct ZonePlainEvent {
    ZoneWaiter waiter;
    ZoneEvent event;
    ZoneStatus status;
} ZonePlainEvent;

static ZoneWait zone_io_look_event(ZoneIO *io, ZoneWaiter *waiter)
{
    ZonePlainEvent *plain = container_of(waiter, ZonePlainEvent, waiter);
    bool changed;

    if (zone_table_held(io->table, waiter->zone_idx)) {
        return ZONE_WAIT_RELEASE;
    }
    plain->status = zone_table_event(io->table, waiter->zone_idx, plain->event,
                                     &changed);
    if (changed) {
        zone_io_mark_dirty(io, waiter->zone_idx);
    }
    return zone_wait_of_status(plain->status);
}

int coroutine_fn zone_io_co_plain_event(ZoneIO *io, uint32_t zone_idx,
                                        ZoneEvent event)
{
    ZonePlainEvent plain = {
        .waiter = { .look = zone_io_look_event, .zone_idx = zone_idx },
        .event = event,
    };

    zone_io_co_wait(io, &plain.waiter);
    if (event == ZONE_EVENT_CLOSE) {
        zone_io_co_made_room(io);
    }
    trace_zone_io_event(io->bs, zone_idx, zone_event_str(event),
                        zone_status_str(plain.status));
    return plain.status == ZONE_OK ? 0 :
        zone_io_refuse(io, zone_io_geometry(io)->zone_bytes * zone_idx,
                       plain.status);
}

/* Reset, Finish, Offline: a zone that needs no resources for it */
static int coroutine_fn GRAPH_RDLOCK
zone_io_co_durable_event(ZoneIO *io, uint32_t zone_idx, ZoneEvent event,
                         const ZoneAction *action)
{
    ZoneTransaction t = {
        .io = io,
        .plan = zone_transaction_plan_event,
        .finish = zone_transaction_finish_event,
        .event = event,
        .data = event == ZONE_EVENT_FINISH,
        .tail = action->tail,
    };
    int ret = zone_io_co_transact(&t, &zone_idx, 1);

    zone_action_tell_capacity(action, &t);
    return ret;
}

/*
 * The zone stays Empty until all is durable, but nobody else may have the
 * active resource and the area meanwhile.  Whoever reads the slot looks again.
 */
static ZoneStatus zone_plan_zde(ZoneTransaction *t, uint32_t zone_idx,
                                uint64_t *word)
{
    ZoneStatus status = zone_transaction_plan_event(t, zone_idx, word);

    if (status == ZONE_OK) {
        zone_table_claim(t->io->table, zone_idx, t->event);
        t->io->zde_seq++;
    }
    return status;
}

static void zone_finish_zde(ZoneTransaction *t, uint32_t zone_idx, int ret)
{
    zone_table_unclaim(t->io->table, zone_idx, t->event);
    zone_transaction_finish_event(t, zone_idx, ret);
}

/* Set Zone Descriptor Extension: the zone is Empty, so its slot is free */
static int coroutine_fn GRAPH_RDLOCK
zone_io_co_set_zde(ZoneIO *io, uint32_t zone_idx, ZoneEvent event,
                   const void *zde)
{
    ZoneTransaction t = {
        .io = io,
        .plan = zone_plan_zde,
        .finish = zone_finish_zde,
        .event = event,
        .zde = zde,
    };

    return zone_io_co_transact(&t, &zone_idx, 1);
}

/* Zone Random Write Areas *************************************************/

/* Zeros what the flush brings below the write pointer and nobody has written */
static int coroutine_fn GRAPH_RDLOCK
zone_io_co_zrwa_fill(ZoneIO *io, uint32_t zone_idx, uint64_t end)
{
    ZoneInfo info;

    zone_io_get_info(io, zone_idx, &info);
    if (!(info.attributes & ZONE_ATTR_ZRWAV) || end <= info.reserved_bytes ||
        end > info.wp_bytes + zone_io_geometry(io)->zrwa_bytes ||
        end > info.start_bytes + info.capacity_bytes) {
        return 0; /* nothing to fill, or to be refused */
    }
    return zone_io_co_write_zeroes(io, info.reserved_bytes,
                                   end - info.reserved_bytes);
}

/* In a zone that is held; ends the hold */
static ZoneStatus coroutine_fn
zone_io_co_zrwa_commit(ZoneIO *io, uint32_t zone_idx, uint64_t end)
{
    ZoneStatus status;

    zone_io_lock(io);
    status = zone_table_zrwa_flush(io->table, end);
    if (status == ZONE_OK) {
        zone_io_mark_dirty(io, zone_idx);
    }
    zone_io_release(io, zone_idx);
    zone_io_unlock(io);
    return status;
}

static ZoneWait zone_io_look_room(ZoneIO *io, ZoneWaiter *waiter)
{
    ZoneStatus status = zone_table_check_event(io->table, waiter->zone_idx,
                                               ZONE_EVENT_WRITE);

    return zone_wait_of_status(status);
}

/*
 * For the zone to be opened, if that can be.  Without a hold: who owns those
 * that would be closed for it may wait for this one.
 */
static void coroutine_fn zone_io_co_wait_room(ZoneIO *io, uint32_t zone_idx)
{
    ZoneWaiter waiter = { .look = zone_io_look_room, .zone_idx = zone_idx };

    zone_io_co_wait(io, &waiter);
}

static int coroutine_fn GRAPH_RDLOCK
zone_io_co_zrwa_flush(ZoneIO *io, int64_t end)
{
    uint32_t zone_idx;
    ZoneStatus status;
    int ret;

    if (end <= 0 || end > zone_io_zoned_bytes(io)) {
        return -EINVAL;
    }
    zone_idx = zone_table_idx(io->table, end - 1);
    do {
        zone_io_co_hold(io, zone_idx);
        ret = zone_io_co_zrwa_fill(io, zone_idx, end);
        if (ret < 0) {
            zone_io_co_release(io, zone_idx);
            return ret;
        }
        status = zone_io_co_zrwa_commit(io, zone_idx, end);
        if (status == ZONE_BUSY_OTHERS) {
            zone_io_co_wait_room(io, zone_idx);
        }
    } while (status == ZONE_BUSY_OTHERS);
    return status == ZONE_OK ? 0 : zone_io_refuse(io, end, status);
}

/* Actions *****************************************************************/

static ZoneEvent zone_event_of_op(BlockZoneOp op)
{
    switch (op) {
    case BLK_ZO_OPEN:
        return ZONE_EVENT_OPEN;
    case BLK_ZO_OPEN_ZRWA:
        return ZONE_EVENT_OPEN_ZRWA;
    case BLK_ZO_CLOSE:
        return ZONE_EVENT_CLOSE;
    case BLK_ZO_FINISH:
        return ZONE_EVENT_FINISH;
    case BLK_ZO_RESET:
        return ZONE_EVENT_RESET;
    case BLK_ZO_OFFLINE:
        return ZONE_EVENT_OFFLINE;
    case BLK_ZO_SET_ZDED:
        return ZONE_EVENT_SET_ZDE;
    case BLK_ZO_SET_ZDED_ZRWA:
        return ZONE_EVENT_SET_ZDE_ZRWA;
    default:
        return ZONE_EVENT__MAX;
    }
}

static int coroutine_fn zone_io_co_close(ZoneIO *io, uint32_t zone_idx,
                                         bool unwritten_to_empty)
{
    if (!unwritten_to_empty) {
        return zone_io_co_plain_event(io, zone_idx, ZONE_EVENT_CLOSE);
    }
    zone_io_co_power_cycle(io, zone_idx);
    return 0;
}

/* An action on the zone that starts at offset_bytes */
static int coroutine_fn GRAPH_RDLOCK
zone_io_co_action_one(ZoneIO *io, const ZoneAction *action)
{
    ZoneEvent event = zone_event_of_op(action->op);
    int64_t offset = action->offset_bytes;
    uint32_t zone_idx;

    if (offset < 0 || offset >= zone_io_zoned_bytes(io)) {
        return -EINVAL;
    }
    zone_idx = zone_table_idx(io->table, offset);
    if (offset != zone_io_geometry(io)->zone_bytes * zone_idx) {
        return zone_io_refuse(io, offset, ZONE_ERR_UNALIGNED);
    }
    switch (event) {
    case ZONE_EVENT__MAX:
        return -EINVAL;
    case ZONE_EVENT_CLOSE:
        return zone_io_co_close(io, zone_idx, action->unwritten_to_empty);
    case ZONE_EVENT_SET_ZDE:
    case ZONE_EVENT_SET_ZDE_ZRWA:
        return zone_io_co_set_zde(io, zone_idx, event, action->zde);
    case ZONE_EVENT_FINISH:
    case ZONE_EVENT_RESET:
    case ZONE_EVENT_OFFLINE:
        return zone_io_co_durable_event(io, zone_idx, event, action);
    default:
        return zone_io_co_plain_event(io, zone_idx, event);
    }
}

int coroutine_fn zone_io_co_action(ZoneIO *io, const ZoneAction *action)
{
    if (action->select_all) {
        return zone_io_co_action_all(io, action, zone_event_of_op(action->op));
    }
    if (action->op == BLK_ZO_FLUSH_ZRWA) {
        return zone_io_co_zrwa_flush(io, action->offset_bytes);
    }
    return zone_io_co_action_one(io, action);
}
