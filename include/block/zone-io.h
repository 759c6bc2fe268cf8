/*
 * Zoned I/O: a zone table in front of a block driver's own read and write
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef BLOCK_ZONE_IO_H
#define BLOCK_ZONE_IO_H

#include "block/block_int-common.h"
#include "block/zone.h"

typedef struct ZoneIO ZoneIO;

/*
 * One management action.  It stays valid until the action completes.
 */
typedef struct ZoneAction {
    BlockZoneOp op;
    bool select_all;        /* every zone the standard names for op */
    int64_t offset_bytes;   /* zone start; for BLK_ZO_FLUSH_ZRWA the first
                               byte that is not flushed */
    const void *zde;        /* BLK_ZO_SET_ZDED: zd_extension_bytes bytes */
} ZoneAction;

/*
 * What a driver gives.  Coroutine calls come with the graph read lock
 * held and without the table's lock; all return 0 or a negative errno.
 */
typedef struct ZoneIOOps {
    int coroutine_fn GRAPH_RDLOCK_PTR
    (*co_read)(BlockDriverState *bs, int64_t offset, int64_t bytes,
               QEMUIOVector *qiov, size_t qiov_offset, BdrvRequestFlags flags);
    int coroutine_fn GRAPH_RDLOCK_PTR
    (*co_write)(BlockDriverState *bs, int64_t offset, int64_t bytes,
                QEMUIOVector *qiov, size_t qiov_offset, BdrvRequestFlags flags);
    /*
     * A sequential write or append has begun, in a zone without a ZRWA, with
     * the table's lock held: does the driver want co_prepare() before its data
     * is written?  NULL: never.
     */
    bool (*wants_prepare)(BlockDriverState *bs, const ZoneWrite *write);
    /*
     * Readies the storage for the write and what will follow it.  The zone is
     * held meanwhile: from the start of the write up to the capacity there is
     * neither data nor a write in flight.  Failure does no harm.
     */
    void coroutine_fn GRAPH_RDLOCK_PTR
    (*co_prepare)(BlockDriverState *bs, const ZoneWrite *write);
    /* Zeros the range whatever its alignment; never -ENOTSUP */
    int coroutine_fn GRAPH_RDLOCK_PTR
    (*co_write_zeroes)(BlockDriverState *bs, int64_t offset, int64_t bytes,
                       BdrvRequestFlags flags);
    /*
     * Makes words durable, with the commit lock held: all data below their
     * write pointers first, if data is set; then the words.  The table
     * still has the old ones.  After an error the next commit stores what the
     * table has.
     */
    int coroutine_fn GRAPH_RDLOCK_PTR
    (*co_commit_words)(BlockDriverState *bs, const uint32_t *zone_idx,
                       const uint64_t *words, uint32_t nr, bool data);
    /* Writes the extension to its slot and makes it durable */
    int coroutine_fn GRAPH_RDLOCK_PTR
    (*co_store_zde)(BlockDriverState *bs, uint32_t zone_idx, const void *zde);
    int coroutine_fn GRAPH_RDLOCK_PTR
    (*co_load_zde)(BlockDriverState *bs, uint32_t zone_idx, void *zde);
    /*
     * The zone was reset: its old data may go.  Failure does no harm.  Called
     * when the reset may have been reported, with the zone still held, if
     * wants_drop() said yes.
     */
    bool GRAPH_RDLOCK_PTR
    (*wants_drop)(BlockDriverState *bs);
    void coroutine_fn GRAPH_RDLOCK_PTR
    (*co_drop)(BlockDriverState *bs, uint32_t zone_idx);
    /*
     * Forgets what is not durable, and fills words (nr_zones of them) with what
     * a power cycle finds.  With the commit lock held and the node drained.
     * After an error (errp) nothing has changed.
     */
    int coroutine_fn GRAPH_RDLOCK_PTR
    (*co_power_cut)(BlockDriverState *bs, uint64_t *words, Error **errp);
    /*
     * The stored word of the zone has changed: commit it with the next flush.
     * Called with the table's lock held.
     */
    void (*mark_dirty)(BlockDriverState *bs, uint32_t zone_idx);
} ZoneIOOps;

/* Takes the table */
ZoneIO *zone_io_new(BlockDriverState *bs, const ZoneIOOps *ops,
                    ZoneTable *table);
void zone_io_free(ZoneIO *io);

/*
 * The table, for calls between zone_io_lock() and zone_io_unlock().  Nothing
 * may yield in between.
 */
ZoneTable *zone_io_table(ZoneIO *io);
void zone_io_lock(ZoneIO *io);
void zone_io_unlock(ZoneIO *io);

/* Serialises commits; taken before the table's lock */
void coroutine_fn zone_io_co_commit_lock(ZoneIO *io);
void coroutine_fn zone_io_co_commit_unlock(ZoneIO *io);

/* Fixed for the life of the node: no lock needed */
const ZoneGeometry *zone_io_geometry(ZoneIO *io);

/*
 * The zones behind a node: its own, or those of the child that its driver
 * passes zones through to; NULL when it has none.  A corrupt node, which has
 * lost its driver, keeps its zones to look at.
 */
ZoneIO *bdrv_zone_io(BlockDriverState *bs);

/*
 * False, with an error that names both nodes, when child may not be attached
 * to parent: nothing passes zones on yet, and zoned images have no backing.
 */
bool GRAPH_RDLOCK
bdrv_zone_check_child(BlockDriverState *parent, BlockDriverState *child,
                      BdrvChildRole role, Error **errp);
/* False, with an error, when backing is zoned */
bool bdrv_zone_check_backing(BlockDriverState *backing, Error **errp);
/* False, with an error, when target is zoned; operation is a noun */
bool bdrv_zone_check_target(BlockDriverState *target, const char *operation,
                            Error **errp);

/* Driver callbacks: same arguments and results as those of BlockDriver */
int coroutine_fn GRAPH_RDLOCK
zone_io_co_preadv(ZoneIO *io, int64_t offset, int64_t bytes,
                  QEMUIOVector *qiov, size_t qiov_offset,
                  BdrvRequestFlags flags);
int coroutine_fn GRAPH_RDLOCK
zone_io_co_pwritev(ZoneIO *io, int64_t offset, int64_t bytes,
                   QEMUIOVector *qiov, size_t qiov_offset,
                   BdrvRequestFlags flags);
int coroutine_fn GRAPH_RDLOCK
zone_io_co_pwrite_zeroes(ZoneIO *io, int64_t offset, int64_t bytes,
                         BdrvRequestFlags flags);
int coroutine_fn GRAPH_RDLOCK
zone_io_co_append(ZoneIO *io, int64_t *offset, QEMUIOVector *qiov,
                  BdrvRequestFlags flags);
int coroutine_fn GRAPH_RDLOCK
zone_io_co_report(ZoneIO *io, int64_t offset, unsigned *nr_zones,
                  BlockZoneDescriptor *zones);
/* len 0, or all of several zones: Select All */
int coroutine_fn GRAPH_RDLOCK
zone_io_co_mgmt(ZoneIO *io, BlockZoneOp op, int64_t offset, int64_t len);

/* Everything else that is done to zones */
int coroutine_fn GRAPH_RDLOCK
zone_io_co_action(ZoneIO *io, const ZoneAction *action);

/*
 * What the drive itself does to a zone, not the host (section 2.1.1.4, fault
 * injection).  Durable on return.  A zone that already is as asked for is not
 * an error; whoever is on the list of change notifiers has heard of real
 * changes, and of no others.  The caller has a request in flight on the node.
 * Both return -EPERM on a node that cannot be written, the errno of a
 * refusal (zone_status_from_errno()), or that of failed I/O, after which the
 * zone is as before.
 */
/* event: ZONE_EVENT_FAULT_READ_ONLY or ZONE_EVENT_FAULT_OFFLINE */
int coroutine_fn GRAPH_RDLOCK
zone_io_co_set_state(ZoneIO *io, uint32_t zone_idx, ZoneEvent event);
/*
 * set and clear: ZONE_ATTR_FZR and ZONE_ATTR_RZR.  Refused in conventional and
 * Offline zones, which have none, and FZR in Full zones, where nothing is left
 * to finish.
 */
int coroutine_fn GRAPH_RDLOCK
zone_io_co_set_attributes(ZoneIO *io, uint32_t zone_idx, uint8_t set,
                          uint8_t clear);

/*
 * What a loss of power leaves: the table becomes what is durable, all else is
 * forgotten (docs/devel/zone-store.rst).  The node is drained.  Nobody is
 * notified: a host finds out as it does after a real one, by looking.  On
 * error (errp) the table is unchanged.
 */
int coroutine_fn GRAPH_RDLOCK zone_io_co_power_cut(ZoneIO *io, Error **errp);

/* Open zones become Closed or Empty, ZRWAs are gone (section 2.1.1.3) */
int coroutine_fn zone_io_co_power_cycle(ZoneIO *io);
/* Fills zd_extension_bytes: zeros where ZDEV is clear */
int coroutine_fn GRAPH_RDLOCK
zone_io_co_get_extension(ZoneIO *io, uint32_t zone_idx, void *zde);

/*
 * Waits until no write that began before the call is in flight below a
 * completed one (contract C1): what a commit does before it takes frontiers.
 */
void coroutine_fn zone_io_co_settle(ZoneIO *io);

/*
 * The length of the first stretch of the range that a discard may give up
 * (returns true), or has to leave alone: zeros, what cannot be read, and the
 * data of Read Only zones.
 */
bool zone_io_discard_extent(ZoneIO *io, int64_t offset, int64_t bytes,
                            int64_t *pnum);

/*
 * Block status of the first stretch of the range that has one: 0 where the
 * driver knows it, BDRV_BLOCK_ZERO where reads are clamped, and BDRV_BLOCK_DATA
 * in Offline zones: whoever takes them for zeros would never see that reads
 * fail.
 */
int zone_io_block_status(ZoneIO *io, int64_t offset, int64_t bytes,
                         int64_t *pnum);

/* Fills bl.zoned and its companions from the geometry */
void zone_io_refresh_limits(ZoneIO *io, BlockLimits *bl);

/*
 * strerror(), which takes a positive errno, for those of block requests: the
 * numbers that refusals borrow come as the phrase of the refusal.  What fails
 * with one of these numbers in earnest (a position in a pipe, a process out of
 * file descriptors) is seen when a file is opened, before it has requests.
 */
const char *zone_strerror(int errnum);

#endif /* BLOCK_ZONE_IO_H */
