/*
 * Zoned I/O: shared by the files of block/zone/gate only
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Three locks, always taken in this order:
 *
 *   hold         of a zone, from zone_table_hold() to zone_table_release(): a
 *                management action that changes the write pointer owns the
 *                zone; writes that come meanwhile wait, writes that were in
 *                flight have ended
 *   commit_lock  serialises everything that makes zone words durable, so
 *                that the table never shows a committer half an action
 *   lock         guards the table; never held across I/O
 */

#ifndef BLOCK_ZONE_IO_INTERNAL_H
#define BLOCK_ZONE_IO_INTERNAL_H

#include "qemu/coroutine.h"
#include "qemu/notify.h"
#include "block/zone-io.h"

struct ZoneIO {
    BlockDriverState *bs;
    const ZoneIOOps *ops;
    ZoneTable *table;
    QemuMutex lock;
    CoQueue waiters;            /* for a write to end or a hold to go */
    CoMutex commit_lock;
    NotifierList change_notifiers; /* main loop only */
};

/* Where the zones end; whatever lies beyond is plain storage */
uint64_t zone_io_zoned_bytes(ZoneIO *io);

/* The generic layer checks reads and writes, but not zone requests */
int zone_io_check_writable(ZoneIO *io);

/* Traces a refusal and returns its errno */
int zone_io_refuse(ZoneIO *io, int64_t offset, ZoneStatus status);

/* Both with the table's lock held */
void coroutine_fn zone_io_wait(ZoneIO *io);
void coroutine_fn zone_io_wake(ZoneIO *io);

/* Takes the zone over once nothing else owns it or writes to it */
void coroutine_fn zone_io_co_hold(ZoneIO *io, uint32_t zone_idx);
/* Ends a hold */
void coroutine_fn zone_io_co_release(ZoneIO *io, uint32_t zone_idx);

/*
 * Makes an event durable in zones that are held, then applies it; with the
 * commit lock held.  Every zone accepts the event (zone_table_check_event()).
 */
int coroutine_fn GRAPH_RDLOCK
zone_io_co_commit_event(ZoneIO *io, const uint32_t *zone_idx, uint32_t nr,
                        ZoneEvent event);

/* Before the list goes: whoever is still on it may remove itself later */
void zone_io_remove_change_notifiers(ZoneIO *io);

#endif /* BLOCK_ZONE_IO_INTERNAL_H */
