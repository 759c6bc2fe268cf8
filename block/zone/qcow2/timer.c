/*
 * Zoned qcow2 images: the timer that bounds what is lost when QEMU alone dies
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Contract C5 of docs/devel/zone-store.rst.  It empties the ring as well: each
 * word that becomes dirty starts it anew, so it comes when nobody writes.
 */

#include "qemu/osdep.h"
#include "block/zone/qcow2/internal.h"

static void coroutine_fn qcow2_zone_timer_entry(void *opaque)
{
    BlockDriverState *bs = opaque;
    Qcow2Zone *zone = qcow2_zone(bs);
    bool active = !(bs->open_flags & BDRV_O_INACTIVE);
    int ret = -EAGAIN;

    /* a drained node starts no requests of its own */
    if (active && !qatomic_read(&bs->quiesce_counter)) {
        GRAPH_RDLOCK_GUARD();
        ret = qcow2_zone_co_commit(bs, false);
        ret = ret < 0 ? ret : qcow2_zone_co_settle(bs);
    }
    zone_io_lock(zone->io);
    if (active && (ret < 0 || zone->nr_dirty)) {
        qcow2_zone_commit_timer_start(bs);
    }
    zone_io_unlock(zone->io);
    bdrv_dec_in_flight(bs);
}

static void qcow2_zone_timer_cb(void *opaque)
{
    BlockDriverState *bs = opaque;

    bdrv_inc_in_flight(bs);
    qemu_coroutine_enter(qemu_coroutine_create(qcow2_zone_timer_entry, bs));
}

void qcow2_zone_commit_timer_init(BlockDriverState *bs, AioContext *context)
{
    Qcow2Zone *zone = qcow2_zone(bs);

    if (!zone || !zone->io) {
        return; /* the driver has gone, or failed to come back */
    }
    zone_io_lock(zone->io);
    zone->commit_timer = aio_timer_new(context, QEMU_CLOCK_REALTIME, SCALE_MS,
                                       qcow2_zone_timer_cb, bs);
    if (zone->nr_dirty) {
        qcow2_zone_commit_timer_start(bs);
    }
    zone_io_unlock(zone->io);
}

void qcow2_zone_commit_timer_start(BlockDriverState *bs)
{
    BDRVQcow2State *s = bs->opaque;

    if (s->zone->commit_timer && s->zone_options.commit_interval_ms &&
        !qatomic_read(&s->zone->stopped)) {
        timer_mod(s->zone->commit_timer,
                  qemu_clock_get_ms(QEMU_CLOCK_REALTIME) +
                  s->zone_options.commit_interval_ms);
    }
}

void qcow2_zone_commit_timer_stop(BlockDriverState *bs)
{
    Qcow2Zone *zone = qcow2_zone(bs);

    if (!zone || !zone->io) {
        return;
    }
    /* the iothread may be about to start it again, in a drained node too */
    zone_io_lock(zone->io);
    timer_free(zone->commit_timer);
    zone->commit_timer = NULL;
    zone_io_unlock(zone->io);
}

void qcow2_zone_stop(BlockDriverState *bs)
{
    Qcow2Zone *zone = qcow2_zone(bs);

    if (!zone || !zone->io) {
        return;
    }
    zone_io_lock(zone->io);
    qatomic_set(&zone->stopped, true);
    if (zone->commit_timer) {
        timer_del(zone->commit_timer);
    }
    zone_io_unlock(zone->io);
}
