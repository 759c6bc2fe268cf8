/*
 * Zoned I/O: jobs that copy a drive with its zones
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The target says that it is not finished, and takes data in any order, until
 * it gets the words and extensions of the source: after any crash, and after a
 * job that was cancelled or failed, the source is as it was, and the target is
 * right or says that it is not finished.
 */

#ifndef BLOCK_ZONE_GATE_JOB_H
#define BLOCK_ZONE_GATE_JOB_H

#include "block/zone-io.h"
#include "qapi/qapi-types-block-export.h"

/* What a job has to remember; NULL where nothing is zoned, and for all calls */
typedef struct ZoneJob ZoneJob;

typedef enum ZoneJobKind {
    ZONE_JOB_MIRROR,            /* takes the place of the source in the end */
    ZONE_JOB_BACKUP,            /* what the source had at the start */
    /* the target is below the source, which does not change */
    ZONE_JOB_COMMIT,
    /* ... which goes on changing, until the target takes its place */
    ZONE_JOB_COMMIT_ACTIVE,
} ZoneJobKind;

/*
 * In the main loop, before anything is done.  False, with an error that names
 * both, when only one of them has zones, or they cannot be those of the other.
 */
bool zone_job_check(BlockDriverState *bs, BlockDriverState *target,
                    ZoneJobKind kind, Error **errp);
/*
 * Before the first data is written to the target, to which nobody else writes.
 * Returns 0, with *job set; after an error the target may say that it is not
 * finished.
 */
int coroutine_fn GRAPH_UNLOCKED
zone_job_co_begin(ZoneJob **job, BlockDriverState *bs,
                  BlockDriverState *target, ZoneJobKind kind, Error **errp);
/*
 * The same for a backup, in the main loop, with bs drained from the first to
 * the end of the second: its zones now are what the target will have.  The
 * first changes nothing; the second comes when the job has its permissions.
 */
int zone_job_prepare_backup(ZoneJob **job, BlockDriverState *bs,
                            BlockDriverState *target, MirrorSyncMode sync_mode,
                            Error **errp);
int zone_job_begin_backup(ZoneJob *job, Error **errp);
/*
 * All data is in the target, and bs drained (a backup: it does not matter).
 * Gives the target words and extensions, and then it is finished, durably.
 * After an error it is not.  The first in the main loop; it prints the error.
 */
int zone_job_end(ZoneJob *job);
int coroutine_fn GRAPH_UNLOCKED zone_job_co_end(ZoneJob *job, Error **errp);
/*
 * The target has a backing file that comes at the end: what is no whole cluster
 * would hide what that has around it.  Only the job, which copies all of one,
 * writes to it until then.
 */
bool zone_job_lacks_backing(ZoneJob *job);
/*
 * The target, finished and drained as bs is, has taken the place of bs: it has
 * what is in memory only, and whoever looks at the zones of bs looks at it.
 */
void GRAPH_WRLOCK zone_job_pivot(ZoneJob *job);
/* A target that is not finished stays so.  In the main loop */
void zone_job_free(ZoneJob *job);

/* bdrv_co_preadv_part(), with zeros for zones that are Offline */
int coroutine_fn GRAPH_RDLOCK
zone_job_co_preadv(BdrvChild *child, int64_t offset, int64_t bytes,
                   QEMUIOVector *qiov, size_t qiov_offset);
int coroutine_fn GRAPH_RDLOCK
zone_job_co_pread(BdrvChild *child, int64_t offset, int64_t bytes, void *buf);

/*
 * block-stream has brought everything that bs reads from nodes above base (or
 * NULL) to bs: makes it durable before a header leads past them.  bs is
 * drained.
 */
int zone_job_end_stream(BlockDriverState *bs, BlockDriverState *base);

/*
 * False, with an error, when whoever uses the export would take a zoned drive
 * for one without zones, and write anywhere.  Exports by NBD and FUSE are
 * for tools that know what they do.
 */
bool bdrv_zone_check_export(BlockDriverState *bs,
                            const BlockExportOptions *options, Error **errp);

#endif /* BLOCK_ZONE_GATE_JOB_H */
