/*
 * Zoned I/O: who hears of what the drive itself does to its zones
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "block/block_int.h"
#include "block/zone/gate/internal.h"
#include "block/zone/trace.h"

typedef struct ZoneChange {
    ZoneIO *io;
    uint32_t zone_idx;
    Coroutine *co;
} ZoneChange;

static void zone_io_notify_bh(void *opaque)
{
    ZoneChange *change = opaque;

    trace_zone_io_changed(change->io->bs, change->zone_idx);
    notifier_list_notify(&change->io->change_notifiers, &change->zone_idx);
    aio_co_wake(change->co);
}

void coroutine_fn zone_io_co_notify(ZoneIO *io, uint32_t zone_idx)
{
    ZoneChange change = {
        .io = io, .zone_idx = zone_idx, .co = qemu_coroutine_self(),
    };

    aio_bh_schedule_oneshot(qemu_get_aio_context(), zone_io_notify_bh,
                            &change);
    qemu_coroutine_yield();
}

void zone_io_add_change_notifier(ZoneIO *io, Notifier *notifier)
{
    GLOBAL_STATE_CODE();
    notifier_list_add(&io->change_notifiers, notifier);
}

void zone_io_remove_change_notifiers(ZoneIO *io)
{
    Notifier *notifier, *next;

    QLIST_FOREACH_SAFE(notifier, &io->change_notifiers.notifiers, node, next) {
        notifier_remove(notifier);
    }
}
