/*
 * Zoned I/O: jobs that copy a drive with its zones
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qemu/error-report.h"
#include "block/block-io.h"
#include "block/block_int.h"
#include "block/zone/gate/internal.h"
#include "block/zone/gate/job.h"

struct ZoneJob {
    BlockDriverState *bs;       /* of the job: filters perhaps */
    BlockDriverState *target_bs;
    BlockDriverState *source;   /* the zoned nodes themselves */
    BlockDriverState *target;
    ZoneJobKind kind;
    uint64_t *words;            /* ZONE_JOB_BACKUP: of the source's start */
};

static bool zone_job_is_commit(ZoneJobKind kind)
{
    return kind == ZONE_JOB_COMMIT || kind == ZONE_JOB_COMMIT_ACTIVE;
}

/* The device of the source gets the target, sooner or later */
static bool zone_job_pivots(ZoneJobKind kind)
{
    return kind == ZONE_JOB_MIRROR || kind == ZONE_JOB_COMMIT_ACTIVE;
}

/* Checks ******************************************************************/

static bool zone_job_check_both(BlockDriverState *bs, BlockDriverState *target,
                                Error **errp)
{
    bool zoned = bdrv_zone_node(bs);

    if (zoned != !!bdrv_zone_node(target)) {
        error_setg(errp, "Node '%s' is zoned, and node '%s' is not: zones can "
                   "only be copied to a zoned image of the same geometry",
                   bdrv_get_device_or_node_name(zoned ? bs : target),
                   bdrv_get_device_or_node_name(zoned ? target : bs));
        return false;
    }
    return true;
}

static bool zone_job_check_driver(BlockDriverState *source,
                                  BlockDriverState *target, Error **errp)
{
    if (source->drv != target->drv) {
        error_setg(errp, "Node '%s' has zones of driver '%s', which cannot "
                   "become those of node '%s'",
                   bdrv_get_device_or_node_name(source),
                   source->drv->format_name,
                   bdrv_get_device_or_node_name(target));
        return false;
    }
    return true;
}

/* An overlay may have more zones than its base, which grows then */
static bool zone_job_check_length(BlockDriverState *source,
                                  BlockDriverState *target, Error **errp)
{
    if (zone_io_geometry(target->zones)->nr_zones >
        zone_io_geometry(source->zones)->nr_zones) {
        error_setg(errp, "Node '%s' has more zones than node '%s': it cannot "
                   "take its place", bdrv_get_device_or_node_name(target),
                   bdrv_get_device_or_node_name(source));
        return false;
    }
    return zone_io_check_same_limits(target, source, errp);
}

bool zone_job_check(BlockDriverState *bs, BlockDriverState *target,
                    ZoneJobKind kind, Error **errp)
{
    BlockDriverState *zoned_target = bdrv_zone_node(target);
    BlockDriverState *source = bdrv_zone_node(bs);

    if (!zone_job_check_both(bs, target, errp)) {
        return false;
    }
    if (!source) {
        return true;
    }
    if (zone_io_is_unfinished(source->zones)) {
        error_setg(errp, "Node '%s' is not finished: its zones do not describe "
                   "its data", bdrv_get_device_or_node_name(source));
        return false;
    }
    if (!zone_io_check_import(zoned_target, errp) ||
        !zone_io_check_same_zones(zoned_target, source, errp) ||
        (zone_job_pivots(kind) &&
         !zone_job_check_driver(source, zoned_target, errp))) {
        return false;
    }
    if ((kind == ZONE_JOB_MIRROR || kind == ZONE_JOB_BACKUP) &&
        bdrv_zone_is_frozen(zoned_target)) {
        error_setg(errp, "Node '%s' is the backing node of another: its zones "
                   "do not change", bdrv_get_device_or_node_name(zoned_target));
        return false;
    }
    switch (kind) {
    case ZONE_JOB_MIRROR:
        return zone_io_check_same_drive(zoned_target, source, errp);
    case ZONE_JOB_BACKUP:
        return zone_io_check_same_geometry(zoned_target, source, errp);
    case ZONE_JOB_COMMIT:
        return true;
    case ZONE_JOB_COMMIT_ACTIVE:
        return zone_job_check_length(source, zoned_target, errp);
    default:
        g_assert_not_reached();
    }
}

/* Begin *******************************************************************/

/* Those of the source; zones that it does not have stay as they are */
static uint64_t *zone_job_get_words(ZoneJob *job)
{
    uint64_t *words = zone_io_get_words(job->target->zones);
    g_autofree uint64_t *source = zone_io_get_words(job->source->zones);

    memcpy(words, source, sizeof(*words) *
           MIN(zone_io_geometry(job->target->zones)->nr_zones,
               zone_io_geometry(job->source->zones)->nr_zones));
    return words;
}

/*
 * Extensions of a backup go to their slots right away.  They are flushed with
 * the words, and nobody looks at them before.
 */
static int coroutine_fn GRAPH_RDLOCK
zone_job_co_freeze(ZoneJob *job, Error **errp)
{
    const ZoneStoreOps *ops = job->target->zones->ops;
    int ret = ops->co_import_extensions(job->target, job->words, job->source);

    if (ret < 0) {
        error_setg_errno(errp, -ret, "Could not copy the zone descriptor "
                         "extensions of node '%s' to node '%s'",
                         bdrv_get_device_or_node_name(job->source),
                         bdrv_get_device_or_node_name(job->target));
    }
    return ret;
}

static int coroutine_fn GRAPH_RDLOCK
zone_job_co_start(ZoneJob *job, Error **errp)
{
    ZoneIO *io = job->target->zones;
    int ret = zone_io_co_import_begin(io, zone_job_is_commit(job->kind)
                                          ? ZONE_IMPORT_KEEP
                                          : ZONE_IMPORT_EMPTY, errp);

    if (ret >= 0 && job->kind == ZONE_JOB_BACKUP) {
        ret = zone_job_co_freeze(job, errp);
        io->importing = ret >= 0;
    }
    if (ret >= 0 && job->kind == ZONE_JOB_COMMIT) {
        zone_io_skip_offline(job->source->zones, true);
    }
    return ret;
}

static ZoneJob *zone_job_new(BlockDriverState *bs, BlockDriverState *target,
                             ZoneJobKind kind)
{
    ZoneJob *job;

    if (!bdrv_zone_node(bs)) {
        return NULL;
    }
    job = g_new0(ZoneJob, 1);
    job->bs = bs;
    job->target_bs = target;
    job->source = bdrv_zone_node(bs);
    job->target = bdrv_zone_node(target);
    job->kind = kind;
    return job;
}

/* The nodes stay: the job has them among its own */
int coroutine_fn
zone_job_co_begin(ZoneJob **result, BlockDriverState *bs,
                  BlockDriverState *target, ZoneJobKind kind, Error **errp)
{
    ZoneJob *job = zone_job_new(bs, target, kind);
    int ret = 0;

    if (job) {
        WITH_GRAPH_RDLOCK_GUARD() {
            ret = zone_job_co_start(job, errp);
        }
    }
    if (ret < 0) {
        g_free(job->words);
        g_clear_pointer(&job, g_free);
    }
    *result = job;
    return ret;
}

/* End *********************************************************************/

/*
 * Below a filter the graph may have changed: an overlay has the zones now,
 * which are those that have been copied.  No other target has been filled.
 */
static int GRAPH_RDLOCK zone_job_look_again(ZoneJob *job, Error **errp)
{
    BlockDriverState *source = bdrv_zone_node(job->bs);

    if (bdrv_zone_node(job->target_bs) != job->target) {
        error_setg(errp, "Node '%s' has not the zones any more that were to be "
                   "filled", bdrv_get_device_or_node_name(job->target_bs));
        return -EINVAL;
    }
    if (job->kind == ZONE_JOB_BACKUP) {
        source = job->source; /* which has given all that is asked of it */
    }
    if (!source) {
        error_setg(errp, "Node '%s' has no zones any more",
                   bdrv_get_device_or_node_name(job->bs));
        return -EINVAL;
    }
    if (source != job->source &&
        !zone_io_check_same_drive(job->target, source, errp)) {
        return -EINVAL;
    }
    job->source = source;
    if ((job->bs->open_flags | job->target->open_flags) & BDRV_O_INACTIVE) {
        error_setg(errp, "Node '%s' is inactive: zones cannot be copied",
                   bdrv_get_device_or_node_name(
                       job->target->open_flags & BDRV_O_INACTIVE
                       ? job->target_bs : job->bs));
        return -EPERM;
    }
    return 0;
}

/*
 * 1. A source that the target has below it now is flushed: nobody does so from
 *    here on.
 * 2. The target adopts words and extensions, behind all data.  A crash before
 *    leaves a target that is not finished, a crash after a whole one.
 */
static int coroutine_fn GRAPH_RDLOCK
zone_job_co_adopt(ZoneJob *job, Error **errp)
{
    g_autofree uint64_t *words = NULL;
    int ret = zone_job_look_again(job, errp);

    if (ret < 0) {
        return ret;
    }
    if (job->kind == ZONE_JOB_BACKUP) {
        return zone_io_co_import_adopt(job->target->zones, job->words,
                                       job->target, errp);
    }
    if (bdrv_zone_is_frozen(job->source) && !bdrv_is_read_only(job->source)) {
        ret = bdrv_co_flush(job->source);
    }
    if (ret < 0) {
        error_setg_errno(errp, -ret, "Could not flush node '%s'",
                         bdrv_get_device_or_node_name(job->source));
        return ret;
    }
    words = zone_job_get_words(job);
    return zone_io_co_import_adopt(job->target->zones, words, job->source,
                                   errp);
}

int coroutine_fn zone_job_co_end(ZoneJob *job, Error **errp)
{
    int ret = 0;

    if (job) {
        WITH_GRAPH_RDLOCK_GUARD() {
            ret = zone_job_co_adopt(job, errp);
        }
    }
    return ret;
}

bool zone_job_lacks_backing(ZoneJob *job)
{
    return job && job->target->backing_file[0] && !job->target->backing;
}

void zone_job_pivot(ZoneJob *job)
{
    if (job) {
        bdrv_zone_finish_handover(job->target, job->source, 0);
        job->target->zones->outlives_overlays =
            job->kind == ZONE_JOB_COMMIT_ACTIVE;
    }
}

void zone_job_free(ZoneJob *job)
{
    GLOBAL_STATE_CODE();
    if (!job) {
        return;
    }
    if (bdrv_zone_node(job->target_bs) == job->target) {
        job->target->zones->expected = false;
        if (job->target->zones->importing) {
            zone_io_import_end(job->target);
        }
    }
    if (job->kind == ZONE_JOB_COMMIT) {
        zone_io_skip_offline(job->source->zones, false);
    }
    if (job->kind == ZONE_JOB_BACKUP) {
        bdrv_unref(job->target_bs);
    }
    g_free(job->words);
    g_free(job);
}

/* From the main loop ******************************************************/

typedef struct ZoneJobCo {
    ZoneJob *job;
    Error **errp;
} ZoneJobCo;

static int coroutine_fn GRAPH_RDLOCK zone_job_co_run_start(void *opaque)
{
    ZoneJobCo *co = opaque;

    return zone_job_co_start(co->job, co->errp);
}

static int coroutine_fn GRAPH_RDLOCK zone_job_co_run_adopt(void *opaque)
{
    ZoneJobCo *co = opaque;

    return zone_job_co_adopt(co->job, co->errp);
}

static int zone_job_run(ZoneJob *job, ZoneIOFunc *co_fn, Error **errp)
{
    ZoneJobCo co = { .job = job, .errp = errp };
    BlockDriverState *target = job->target;
    int ret;

    bdrv_drained_begin(target);
    ret = zone_io_run(target, co_fn, &co);
    bdrv_drained_end(target);
    return ret;
}

/* The target is written until the filter of the job has gone: it stays */
int zone_job_prepare_backup(ZoneJob **job, BlockDriverState *bs,
                            BlockDriverState *target, MirrorSyncMode sync_mode,
                            Error **errp)
{
    GLOBAL_STATE_CODE();
    bdrv_graph_rdlock_main_loop();
    if (!zone_job_check(bs, target, ZONE_JOB_BACKUP, errp)) {
        bdrv_graph_rdunlock_main_loop();
        return -ENOTSUP;
    }
    bdrv_graph_rdunlock_main_loop();
    if (bdrv_zone_node(bs) && sync_mode == MIRROR_SYNC_MODE_NONE) {
        error_setg(errp, "Node '%s' is zoned: a backup with sync 'none' would "
                   "never be finished; export a 'snapshot-access' node over "
                   "'copy-before-write' instead",
                   bdrv_get_device_or_node_name(bs));
        return -ENOTSUP;
    }
    *job = zone_job_new(bs, target, ZONE_JOB_BACKUP);
    if (*job) {
        bdrv_ref(target);
        (*job)->words = zone_job_get_words(*job);
        if (!zone_io_check_words((*job)->target, (*job)->words, errp)) {
            return -EINVAL;
        }
        (*job)->target->zones->expected = true;
    }
    return 0;
}

int zone_job_begin_backup(ZoneJob *job, Error **errp)
{
    return job ? zone_job_run(job, zone_job_co_run_start, errp) : 0;
}

int zone_job_end(ZoneJob *job)
{
    Error *local_err = NULL;
    int ret = job ? zone_job_run(job, zone_job_co_run_adopt, &local_err) : 0;

    if (ret < 0) {
        error_report_err(local_err);
    }
    return MIN(ret, 0);
}

/* Stream ******************************************************************/

typedef struct ZoneStreamCo {
    BlockDriverState *bs;
    bool hides;
    Error *err;
} ZoneStreamCo;

static int coroutine_fn GRAPH_RDLOCK zone_stream_co_finish(void *opaque)
{
    ZoneStreamCo *co = opaque;
    int ret = co->hides ? zone_io_co_hide(co->bs->zones, &co->err) : 0;

    return ret < 0 ? ret : bdrv_co_flush(co->bs);
}

/*
 * 1. What lies above the write pointers becomes zeros where base has data: the
 *    nodes between hid it.  A crash leaves some of it.
 * 2. Data and mapping are flushed.  A crash before the header is written leaves
 *    the overlay over the nodes that it had.
 */
int zone_job_end_stream(BlockDriverState *bs, BlockDriverState *base)
{
    ZoneStreamCo co = { .bs = bs, .hides = base };
    int ret = bs->zones ? zone_io_run(bs, zone_stream_co_finish, &co) : 0;

    if (co.err) {
        error_report_err(co.err);
    }
    return ret;
}

/* Reads *******************************************************************/

/* Zone by zone: one that has gone Offline is zeros, whatever it had */
static int coroutine_fn GRAPH_RDLOCK
zone_job_co_read_zones(BdrvChild *child, int64_t offset, int64_t bytes,
                       QEMUIOVector *qiov, size_t qiov_offset)
{
    uint64_t zone_bytes = zone_io_geometry(bdrv_zone_io(child->bs))->zone_bytes;
    int64_t n;
    int ret = 0;

    for (; bytes && ret >= 0; offset += n, qiov_offset += n, bytes -= n) {
        n = MIN(bytes, zone_bytes - offset % zone_bytes);
        ret = bdrv_co_preadv_part(child, offset, n, qiov, qiov_offset, 0);
        if (zone_status_from_errno(ret) == ZONE_ERR_OFFLINE) {
            qemu_iovec_memset(qiov, qiov_offset, 0, n);
            ret = 0;
        }
    }
    return ret;
}

int coroutine_fn
zone_job_co_preadv(BdrvChild *child, int64_t offset, int64_t bytes,
                   QEMUIOVector *qiov, size_t qiov_offset)
{
    int ret = bdrv_co_preadv_part(child, offset, bytes, qiov, qiov_offset, 0);

    if (ret >= 0 || zone_status_from_errno(ret) != ZONE_ERR_OFFLINE ||
        !bdrv_zone_node(child->bs)) {
        return ret;
    }
    return zone_job_co_read_zones(child, offset, bytes, qiov, qiov_offset);
}

int coroutine_fn
zone_job_co_pread(BdrvChild *child, int64_t offset, int64_t bytes, void *buf)
{
    QEMUIOVector qiov = QEMU_IOVEC_INIT_BUF(qiov, buf, bytes);

    return zone_job_co_preadv(child, offset, bytes, &qiov, 0);
}

/* Exports *****************************************************************/

bool bdrv_zone_check_export(BlockDriverState *bs,
                            const BlockExportOptions *options, Error **errp)
{
    bool is_disk = options->type != BLOCK_EXPORT_TYPE_NBD;

#ifdef CONFIG_FUSE
    is_disk &= options->type != BLOCK_EXPORT_TYPE_FUSE;
#endif
    if (is_disk && options->writable && bdrv_zone_node(bs)) {
        error_setg(errp, "Node '%s' is zoned, and exports of type '%s' do not "
                   "tell of zones: only a read-only export is possible",
                   bdrv_get_device_or_node_name(bs),
                   BlockExportType_str(options->type));
        return false;
    }
    return true;
}
