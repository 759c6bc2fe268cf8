/*
 * Zoned I/O: who waits for zones, and what ends that
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A waiter is a function that looks whether it can go on.  If so, it does what
 * it has come for at once; if not, it says what it waits for (ZoneWait), and
 * there is a list of those who wait for that.  Whoever makes it true has the
 * functions of that list look again, in the order in which they came, and
 * enters the coroutines of those that went on.
 *
 * All of it is under the table's lock.  So nobody who comes meanwhile gets what
 * others have waited for, and nobody is missed: the lock is not given back
 * between a look and the list, and the table lets go of holds, and of what is
 * in flight, in this file alone.
 */

#include "qemu/osdep.h"
#include "block/block_int.h"
#include "block/zone/gate/internal.h"

void zone_io_waits_init(ZoneIO *io)
{
    unsigned i;

    for (i = 0; i < ZONE_WAIT_BUCKETS; i++) {
        QTAILQ_INIT(&io->waits_release[i]);
        QTAILQ_INIT(&io->waits_end[i]);
    }
    QTAILQ_INIT(&io->waits_room);
    QTAILQ_INIT(&io->waits_settled);
}

bool zone_io_has_waits(const ZoneIO *io)
{
    unsigned i;

    for (i = 0; i < ZONE_WAIT_BUCKETS; i++) {
        if (!QTAILQ_EMPTY(&io->waits_release[i]) ||
            !QTAILQ_EMPTY(&io->waits_end[i])) {
            return true;
        }
    }
    return !QTAILQ_EMPTY(&io->waits_room) || !QTAILQ_EMPTY(&io->waits_settled);
}

static ZoneWaitList *zone_io_waits(ZoneIO *io, ZoneWait wait, uint32_t zone_idx)
{
    switch (wait) {
    case ZONE_WAIT_RELEASE:
        return &io->waits_release[zone_idx % ZONE_WAIT_BUCKETS];
    case ZONE_WAIT_END:
        return &io->waits_end[zone_idx % ZONE_WAIT_BUCKETS];
    case ZONE_WAIT_ROOM:
        return &io->waits_room;
    case ZONE_WAIT_SETTLED:
        return &io->waits_settled;
    default:
        g_assert_not_reached();
    }
}

ZoneWait zone_wait_of_status(ZoneStatus status)
{
    switch (status) {
    case ZONE_BUSY:
        return ZONE_WAIT_RELEASE;
    case ZONE_BUSY_RANGE:
        return ZONE_WAIT_END;
    case ZONE_BUSY_OTHERS:
        return ZONE_WAIT_ROOM;
    default:
        return ZONE_WAIT_NOTHING;
    }
}

void coroutine_fn zone_io_co_wait(ZoneIO *io, ZoneWaiter *waiter)
{
    zone_io_lock(io);
    waiter->wait = waiter->look(io, waiter);
    if (waiter->wait == ZONE_WAIT_NOTHING) {
        zone_io_unlock(io);
        return;
    }
    waiter->co = qemu_coroutine_self();
    QTAILQ_INSERT_TAIL(zone_io_waits(io, waiter->wait, waiter->zone_idx),
                       waiter, next);
    zone_io_unlock(io);
    /* who is woken from now on runs in this AioContext, so behind this */
    qemu_coroutine_yield();
    assert(waiter->wait == ZONE_WAIT_NOTHING);
}

/*
 * False when the waiter still waits for the same.  Once its coroutine has been
 * entered, in whatever thread, it is gone.
 */
static bool coroutine_fn zone_io_look_again(ZoneIO *io, ZoneWaiter *waiter)
{
    ZoneWait wait = waiter->look(io, waiter);
    Coroutine *co = waiter->co;

    if (wait == waiter->wait) {
        return false;
    }
    QTAILQ_REMOVE(zone_io_waits(io, waiter->wait, waiter->zone_idx), waiter,
                  next);
    waiter->wait = wait;
    if (wait == ZONE_WAIT_NOTHING) {
        aio_co_wake(co);
    } else {
        QTAILQ_INSERT_TAIL(zone_io_waits(io, wait, waiter->zone_idx), waiter,
                           next);
    }
    return true;
}

/* The hold of a zone has gone: until one of those who waited has it */
static void coroutine_fn zone_io_wake_release(ZoneIO *io, uint32_t zone_idx)
{
    ZoneWaiter *waiter, *next;

    QTAILQ_FOREACH_SAFE(waiter, zone_io_waits(io, ZONE_WAIT_RELEASE, zone_idx),
                        next, next) {
        if (waiter->zone_idx != zone_idx) {
            continue;
        }
        if (zone_table_held(io->table, zone_idx)) {
            break;
        }
        zone_io_look_again(io, waiter);
    }
}

static void coroutine_fn zone_io_wake_end(ZoneIO *io, uint32_t zone_idx)
{
    ZoneWaiter *waiter, *next;

    QTAILQ_FOREACH_SAFE(waiter, zone_io_waits(io, ZONE_WAIT_END, zone_idx),
                        next, next) {
        if (waiter->zone_idx == zone_idx) {
            zone_io_look_again(io, waiter);
        }
    }
}

static void coroutine_fn zone_io_wake_room(ZoneIO *io)
{
    ZoneWaiter *waiter, *next;

    QTAILQ_FOREACH_SAFE(waiter, &io->waits_room, next, next) {
        zone_io_look_again(io, waiter);
    }
}

/* Those behind the first one that waits on ask for no less */
static void coroutine_fn zone_io_wake_settled(ZoneIO *io)
{
    ZoneWaiter *waiter;

    do {
        waiter = QTAILQ_FIRST(&io->waits_settled);
    } while (waiter && zone_io_look_again(io, waiter));
}

/* Holds *******************************************************************/

typedef struct ZoneHolder {
    ZoneWaiter waiter;
    bool holds;
} ZoneHolder;

static ZoneWait zone_io_look_hold(ZoneIO *io, ZoneWaiter *waiter)
{
    ZoneHolder *holder = container_of(waiter, ZoneHolder, waiter);

    if (!holder->holds) {
        if (zone_table_held(io->table, waiter->zone_idx)) {
            return ZONE_WAIT_RELEASE;
        }
        zone_table_hold(io->table, waiter->zone_idx);
        holder->holds = true;
    }
    return zone_table_in_flight(io->table, waiter->zone_idx) ?
           ZONE_WAIT_END : ZONE_WAIT_NOTHING;
}

void coroutine_fn zone_io_co_hold(ZoneIO *io, uint32_t zone_idx)
{
    ZoneHolder holder = {
        .waiter = { .look = zone_io_look_hold, .zone_idx = zone_idx },
    };

    zone_io_co_wait(io, &holder.waiter);
}

void coroutine_fn zone_io_release(ZoneIO *io, uint32_t zone_idx)
{
    zone_table_release(io->table, zone_idx);
    zone_io_wake_release(io, zone_idx);
    zone_io_wake_room(io);
}

void coroutine_fn zone_io_co_release(ZoneIO *io, uint32_t zone_idx)
{
    zone_io_lock(io);
    zone_io_release(io, zone_idx);
    zone_io_unlock(io);
}

void coroutine_fn zone_io_co_made_room(ZoneIO *io)
{
    zone_io_lock(io);
    zone_io_wake_room(io);
    zone_io_unlock(io);
}

/* What is in flight *******************************************************/

static bool zone_io_is_open(ZoneIO *io, uint32_t zone_idx)
{
    ZoneInfo info;

    zone_table_info(io->table, zone_idx, &info);
    return zone_state_is_open(info.state);
}

void coroutine_fn zone_io_co_end_write(ZoneIO *io, ZoneWrite *write,
                                       bool success)
{
    uint32_t zone_idx = write->zone_idx;

    zone_io_lock(io);
    if (zone_table_write_end(io->table, write, success)) {
        zone_io_mark_dirty(io, zone_idx);
    }
    zone_io_wake_end(io, zone_idx);
    zone_io_wake_settled(io);
    if (!QTAILQ_EMPTY(&io->waits_room) && !zone_io_is_open(io, zone_idx)) {
        zone_io_wake_room(io); /* it may just have become Full */
    }
    zone_io_unlock(io);
}

void coroutine_fn zone_io_co_end_discard(ZoneIO *io, ZoneWrite *write)
{
    zone_io_lock(io);
    zone_table_discard_end(io->table, write);
    zone_io_wake_end(io, write->zone_idx);
    zone_io_unlock(io);
}

typedef struct ZoneSettler {
    ZoneWaiter waiter;
    uint64_t nr_ended;          /* 0: it has not looked yet */
} ZoneSettler;

static ZoneWait zone_io_look_settled(ZoneIO *io, ZoneWaiter *waiter)
{
    ZoneSettler *settler = container_of(waiter, ZoneSettler, waiter);

    if (!settler->nr_ended) {
        settler->nr_ended = zone_table_nr_ended(io->table);
    }
    return zone_table_passed_by(io->table, settler->nr_ended) ?
           ZONE_WAIT_SETTLED : ZONE_WAIT_NOTHING;
}

void coroutine_fn zone_io_co_settle(ZoneIO *io)
{
    ZoneSettler settler = { .waiter = { .look = zone_io_look_settled } };

    zone_io_co_wait(io, &settler.waiter);
}
