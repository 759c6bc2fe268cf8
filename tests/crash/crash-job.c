/*
 * Block jobs on the drive while a load goes on
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * One at a time, begun in the middle of the load, with requests in flight.  Its
 * requests are steps of the log like those of the load.
 */

#include "qemu/osdep.h"
#include "qapi/error.h"
#include "block/block_int.h"
#include "block/blockjob.h"
#include "block/zone-io.h"
#include "block/zone/gate/job.h"
#include "system/block-backend-zone.h"
#include "crash-job.h"
#include "crash-stage.h"

#define CRASH_JOB_ID    "crash-job"

/* Whose job zone_job_end() ends */
static CrashRun *ending;

static void crash_job_fault(CrashRun *run, char *fault)
{
    if (run->live_fault) {
        g_free(fault);
    } else {
        run->live_fault = fault;
    }
}

static void crash_job_free(gpointer opaque)
{
    CrashJob *job = opaque;

    crash_view_free(job->before);
    crash_view_free(job->view);
    g_free(job->backing);
    g_free(job);
}

void crash_jobs_init(CrashRun *run)
{
    run->jobs = g_ptr_array_new_with_free_func(crash_job_free);
}

void crash_jobs_free(CrashRun *run)
{
    g_ptr_array_unref(run->jobs);
}

static bool crash_job_is_mirror(CrashJobKind kind)
{
    return kind == CRASH_JOB_MIRROR || kind == CRASH_JOB_MIRROR_TOP;
}

/* Goes on until it is told to end */
static bool crash_job_gets_ready(CrashJobKind kind)
{
    return crash_job_is_mirror(kind) || kind == CRASH_JOB_COMMIT;
}

static bool crash_job_streams(CrashJobKind kind)
{
    return kind == CRASH_JOB_STREAM || kind == CRASH_JOB_STREAM_BASE;
}

/* The image on a disk of its own */
static bool crash_job_fills(CrashJobKind kind)
{
    return crash_job_is_mirror(kind) || kind == CRASH_JOB_BACKUP;
}

void crash_jobs_forget(CrashRun *run, unsigned disk_idx)
{
    guint i;

    for (i = 0; i < run->jobs->len; i++) {
        CrashJob *job = g_ptr_array_index(run->jobs, i);
        bool gone = crash_job_fills(job->kind)
                    ? crash_chain_top(&job->chain) == disk_idx
                    : disk_idx == CRASH_MAX_DISKS;

        if (gone && job != run->job && job->until == CRASH_NEVER) {
            job->until = crash_log_tick(run->log);
        }
    }
}

bool crash_jobs_drain(const CrashRun *run)
{
    return blk_bs(run->image->blk)->quiesce_counter;
}

bool crash_jobs_filter(const CrashRun *run)
{
    return blk_bs(run->image->blk)->drv->is_filter;
}

bool crash_jobs_keep_up(const CrashRun *run)
{
    return run->job && run->job->keeps_up;
}

/* Begin ******************************************************************/

static BlockDriverState *crash_job_open_target(CrashRun *run, CrashJob *job)
{
    CrashImage *image = run->image;
    const CrashChain *drive = &image->chain;
    unsigned disk_idx = crash_chain_top(&job->chain);
    CrashDisk *backing = job->kind == CRASH_JOB_MIRROR_TOP
                         ? image->disk[drive->disk_idx[drive->depth - 2]]
                         : NULL;

    crash_image_create_on(image, disk_idx, blk_get_zone_geometry(image->blk),
                          backing);
    job->created = crash_log_tick(run->log);
    return crash_image_open_alone(image, disk_idx);
}

static void crash_job_start_mirror(CrashRun *run, CrashJob *job, Error **errp)
{
    static const uint32_t granularities[] = { 0, 0, 4096, 65536 };
    bool top = job->kind == CRASH_JOB_MIRROR_TOP;
    BlockDriverState *target = crash_job_open_target(run, job);

    mirror_start(CRASH_JOB_ID, blk_bs(run->image->blk), target, NULL,
                 JOB_DEFAULT, 0,
                 granularities[crash_pick(run, ARRAY_SIZE(granularities))],
                 65536 << crash_pick(run, 4),
                 top ? MIRROR_SYNC_MODE_TOP : MIRROR_SYNC_MODE_FULL,
                 top ? MIRROR_SOURCE_BACKING_CHAIN : MIRROR_OPEN_BACKING_CHAIN,
                 !top && crash_percent(run, 30), BLOCKDEV_ON_ERROR_REPORT,
                 BLOCKDEV_ON_ERROR_REPORT, crash_percent(run, 70), NULL,
                 job->keeps_up ? MIRROR_COPY_MODE_WRITE_BLOCKING
                               : MIRROR_COPY_MODE_BACKGROUND, errp);
    bdrv_unref(target);
}

/* What the drive has then is what the backup gets; it may change at once */
static void crash_job_start_backup(CrashRun *run, CrashJob *job, Error **errp)
{
    BlockDriverState *bs = blk_bs(run->image->blk);
    BlockDriverState *target = crash_job_open_target(run, job);
    BackupPerf perf = { .max_workers = 1 + crash_pick(run, 8) };
    BlockJob *block_job;

    bdrv_drained_begin(bs);
    job->moment = crash_log_tick(run->log);
    block_job = backup_job_create(CRASH_JOB_ID, bs, target, 0,
                                  MIRROR_SYNC_MODE_FULL, NULL, 0, false, false,
                                  NULL, &perf, BLOCKDEV_ON_ERROR_REPORT,
                                  BLOCKDEV_ON_ERROR_REPORT, JOB_DEFAULT, NULL,
                                  NULL, NULL, errp);
    if (block_job) {
        job_start(&block_job->job);
    }
    bdrv_drained_end(bs);
    bdrv_unref(target);
}

static BlockDriverState *crash_job_below(BlockDriverState *bs)
{
    GRAPH_RDLOCK_GUARD_MAINLOOP();
    return bdrv_backing_chain_next(bs);
}

static void crash_job_start_kind(CrashRun *run, CrashJob *job, Error **errp)
{
    BlockDriverState *bs = blk_bs(run->image->blk);
    BlockDriverState *below = crash_job_below(bs);

    switch (job->kind) {
    case CRASH_JOB_MIRROR:
    case CRASH_JOB_MIRROR_TOP:
        crash_job_start_mirror(run, job, errp);
        break;
    case CRASH_JOB_BACKUP:
        crash_job_start_backup(run, job, errp);
        break;
    case CRASH_JOB_COMMIT:
        commit_active_start(CRASH_JOB_ID, bs, below, JOB_DEFAULT, 0,
                            BLOCKDEV_ON_ERROR_REPORT, NULL, NULL, NULL, false,
                            errp);
        break;
    case CRASH_JOB_COMMIT_BELOW:
        commit_start(CRASH_JOB_ID, bs, crash_job_below(below), below,
                     JOB_DEFAULT, 0, BLOCKDEV_ON_ERROR_REPORT, job->backing,
                     false, NULL, errp);
        break;
    case CRASH_JOB_STREAM:
        stream_start(CRASH_JOB_ID, bs, NULL, NULL, false, NULL, JOB_DEFAULT, 0,
                     BLOCKDEV_ON_ERROR_REPORT, NULL, errp);
        break;
    case CRASH_JOB_STREAM_BASE:
        stream_start(CRASH_JOB_ID, bs, crash_job_below(below), job->backing,
                     false, NULL, JOB_DEFAULT, 0, BLOCKDEV_ON_ERROR_REPORT,
                     NULL, errp);
        break;
    }
}

/* Where it writes, and what the drive is in when it has ended */
static void crash_job_plan_chain(CrashRun *run, CrashJob *job)
{
    const CrashChain *drive = &run->image->chain;
    const CrashChain both = {
        .depth = 2,
        .disk_idx = { drive->disk_idx[0], crash_chain_top(drive) },
    };

    job->chain = *drive;
    switch (job->kind) {
    case CRASH_JOB_MIRROR_TOP:
        job->chain.disk_idx[drive->depth - 1] = crash_free_disk(run);
        break;
    case CRASH_JOB_COMMIT:
        job->chain.depth--;
        break;
    default:
        job->chain.depth = 1;
        job->chain.disk_idx[0] =
            job->kind == CRASH_JOB_STREAM ? crash_chain_top(drive) :
            crash_job_fills(job->kind) ? crash_free_disk(run) :
                                         drive->disk_idx[0];
        break;
    }
    job->drive = job->kind == CRASH_JOB_COMMIT_BELOW ||
                 job->kind == CRASH_JOB_STREAM_BASE ? both : job->chain;
}

/* What the highest image is to name */
static char *crash_job_plan_backing(CrashRun *run, CrashJobKind kind)
{
    switch (kind) {
    case CRASH_JOB_STREAM:
        return g_strdup("");
    case CRASH_JOB_COMMIT_BELOW:
    case CRASH_JOB_STREAM_BASE:
        return g_strdup_printf("json:{\"driver\": \"qcow2\", \"file\": "
                               "\"crash-below-%u\"}", run->job_serial++);
    default:
        return NULL;
    }
}

/* What there is below the drive does not change before the job begins */
static void crash_job_look_below(CrashRun *run, CrashJob *job)
{
    CrashChain below = run->image->chain;
    char *fault = NULL;

    below.depth--;
    switch (job->kind) {
    case CRASH_JOB_MIRROR_TOP:
    case CRASH_JOB_COMMIT:
        job->before = crash_job_look(run, run->image, &below, &fault);
        break;
    case CRASH_JOB_COMMIT_BELOW:
        job->before = crash_job_look(run, run->image, &job->chain, &fault);
        crash_job_fault(run, fault);
        job->view = crash_job_look(run, run->image, &below, &fault);
        break;
    default:
        break;
    }
    crash_job_fault(run, fault);
}

/* Nobody can create an overlay of an image that a commit has left unfinished */
static bool crash_job_has_below(CrashRun *run)
{
    CrashChain below = run->image->chain;
    char *fault = NULL;
    CrashView *view;

    below.depth--;
    view = crash_job_look(run, run->image, &below, &fault);
    crash_job_fault(run, fault);
    crash_view_free(view);
    return view;
}

/* What has more zones cannot take the place of the drive */
static bool crash_job_fits_below(CrashRun *run)
{
    BlockDriverState *bs = blk_bs(run->image->blk);

    return bdrv_getlength(crash_job_below(bs)) <= bdrv_getlength(bs);
}

static CrashJobKind crash_job_pick_kind(CrashRun *run)
{
    const CrashChain *drive = &run->image->chain;
    CrashJobKind kinds[8];
    unsigned nr = 0;

    if (crash_free_disk(run) < CRASH_MAX_DISKS) {
        kinds[nr++] = CRASH_JOB_MIRROR;
        if (drive->depth > 1 && crash_job_has_below(run)) {
            kinds[nr++] = CRASH_JOB_MIRROR_TOP;
        }
        kinds[nr++] = CRASH_JOB_BACKUP;
    }
    if (drive->depth > 1) {
        kinds[nr++] = CRASH_JOB_STREAM;
        if (crash_job_fits_below(run)) {
            kinds[nr++] = CRASH_JOB_COMMIT;
        }
    }
    if (drive->depth > 2) {
        kinds[nr++] = CRASH_JOB_STREAM_BASE;
        if (crash_job_has_below(run)) {
            kinds[nr++] = CRASH_JOB_COMMIT_BELOW;
        }
    }
    return kinds[crash_pick(run, nr)];
}

static CrashJobFate crash_job_pick_fate(CrashRun *run, CrashJobKind kind)
{
    uint32_t dice = crash_pick(run, 100);

    if (dice < 60) {
        return CRASH_JOB_ENDS;
    }
    return dice < 80 && crash_job_gets_ready(kind) ? CRASH_JOB_STOPS
                                                   : CRASH_JOB_CANCELLED;
}

static CrashJob *crash_job_new(CrashRun *run)
{
    CrashJob *job = g_new0(CrashJob, 1);

    job->kind = crash_job_pick_kind(run);
    job->fate = crash_job_pick_fate(run, job->kind);
    /* with nothing below the target, the base fills its clusters with zeros */
    job->keeps_up = crash_job_is_mirror(job->kind) && crash_percent(run, 50);
    job->patience = 1 + crash_pick(run, job->fate == CRASH_JOB_CANCELLED ? 400
                                                                         : 80);
    job->made.end = CRASH_NEVER;
    job->created = CRASH_NEVER;
    job->asked = CRASH_NEVER;
    job->until = CRASH_NEVER;
    job->oracle = run->oracle;
    crash_job_plan_chain(run, job);
    job->backing = crash_job_plan_backing(run, job->kind);
    crash_job_look_below(run, job);
    return job;
}

/* No device has that permission, and no job allows it */
static void crash_job_set_resizable(CrashRun *run, bool resizable)
{
    uint64_t perm, shared_perm;

    blk_get_perm(run->image->blk, &perm, &shared_perm);
    perm &= ~BLK_PERM_RESIZE;
    if (resizable && run->image->variant->resizes) {
        perm |= BLK_PERM_RESIZE;
    }
    blk_set_perm(run->image->blk, perm, shared_perm, &error_abort);
}

static void crash_job_start(CrashRun *run)
{
    CrashJob *job = crash_job_new(run);
    Error *err = NULL;

    ending = run;

    if (crash_job_fills(job->kind)) {
        crash_jobs_forget(run, crash_chain_top(&job->chain));
        crash_image_wipe(run->image, crash_chain_top(&job->chain));
    } else {
        crash_jobs_forget(run, CRASH_MAX_DISKS);
    }
    job->made.begin = crash_log_tick(run->log);
    job->zones = bdrv_zone_io(blk_bs(run->image->blk));
    g_ptr_array_add(run->jobs, job);
    run->job = job;
    crash_job_set_resizable(run, false);
    crash_job_start_kind(run, job, &err);
    if (err) {
        crash_job_fault(run, g_strdup_printf("live: job %d cannot begin: %s",
                                             job->kind, error_get_pretty(err)));
        error_free(err);
        run->job = NULL;
        return;
    }
    WITH_JOB_LOCK_GUARD() {
        job->job = job_get_locked(CRASH_JOB_ID);
        if (job->job) {
            job_ref_locked(job->job);
        }
    }
}

void crash_jobs_plan(CrashRun *run)
{
    if (run->image->variant->jobs && !run->job && !run->job_after &&
        crash_percent(run, 70)) {
        run->job_after = 1 + crash_pick(run, 60);
    }
}

/* End ********************************************************************/

/*
 * In place of zone_job_end(), which makes the other image the drive of now, or
 * a copy: requests of the load wait, and go on as soon as the graph has changed
 */
int __wrap_zone_job_end(ZoneJob *zone_job)
{
    int ret = __real_zone_job_end(zone_job);
    CrashJob *job = ending ? ending->job : NULL;

    if (job && ret >= 0 && crash_job_gets_ready(job->kind)) {
        job->moment = crash_log_tick(ending->log);
        if (job->fate == CRASH_JOB_ENDS) {
            CrashOp *flush = crash_oracle_begin(ending->oracle, CRASH_OP_FLUSH,
                                                0, job->moment);

            crash_oracle_end(ending->oracle, flush, 0, job->moment);
        }
    }
    return ret;
}

/* The drive is in another chain, with all that has completed */
static void crash_job_pivoted(CrashRun *run, CrashJob *job)
{
    if (bdrv_zone_io(blk_bs(run->image->blk)) != job->zones) {
        crash_job_fault(run, g_strdup("live: the drive has other zones after "
                                      "a job than before"));
    }
    run->image->chain = job->drive;
    job->made.end = job->moment;
    if (job->backing) {
        /* the header that leads there is durable when the job has ended */
        job->made.end = crash_log_tick(run->log);
    }
    job->until = job->made.end;
    run->oracle->handed_over = 0;
    crash_stages_add_job(run, job);
}

/* The image is there, and nobody writes to it any more */
static void crash_job_copied(CrashRun *run, CrashJob *job)
{
    char *fault = NULL;

    job->made.end = crash_log_tick(run->log);
    job->view = crash_job_look(run, run->image, &job->chain, &fault);
    if (!job->view && !fault) {
        fault = g_strdup_printf("live: what job %d has finished cannot be "
                                "opened", job->kind);
    }
    crash_job_fault(run, fault);
}

static void crash_job_ended(CrashRun *run, CrashJob *job)
{
    bool done = job->job->ret >= 0 && !job_is_cancelled(job->job);

    run->job = NULL;
    if (!done && job->fate != CRASH_JOB_CANCELLED) {
        crash_job_fault(run, g_strdup_printf("live: job %d has failed: %s",
                                             job->kind, job->job->err ?
                                             error_get_pretty(job->job->err) :
                                             strerror(-job->job->ret)));
    } else if (!done) {
        job->made.end = crash_log_tick(run->log);
        if (crash_job_streams(job->kind)) {
            job->until = job->made.end; /* nothing is left */
        }
    } else if (job->kind != CRASH_JOB_BACKUP && job->fate != CRASH_JOB_STOPS) {
        job->fate = CRASH_JOB_ENDS;
        crash_job_pivoted(run, job);
    } else {
        job->fate = CRASH_JOB_STOPS;
        crash_job_copied(run, job);
    }
    WITH_JOB_LOCK_GUARD() {
        job_unref_locked(job->job);
        job->job = NULL;
    }
    crash_job_set_resizable(run, true);
}

static void crash_job_ask(CrashRun *run, CrashJob *job)
{
    Error *err = NULL;

    job->asked = crash_log_tick(run->log);
    WITH_JOB_LOCK_GUARD() {
        if (job->fate == CRASH_JOB_ENDS) {
            job_complete_locked(job->job, &err);
        } else {
            job_user_cancel_locked(job->job, job->fate == CRASH_JOB_CANCELLED,
                                   &err);
        }
    }
    if (err) {
        crash_job_fault(run, g_strdup_printf("live: job %d cannot end: %s",
                                             job->kind, error_get_pretty(err)));
        error_free(err);
    }
}

/* One that is paused takes no orders; one that ends by itself needs none */
static bool crash_job_may_ask(const CrashJob *job)
{
    JobStatus status = job->job->status;

    if (job->asked != CRASH_NEVER) {
        return false;
    }
    return status == JOB_STATUS_READY ||
           (job->fate == CRASH_JOB_CANCELLED && status == JOB_STATUS_RUNNING);
}

static void crash_job_step(CrashRun *run, CrashJob *job)
{
    JobStatus status;

    WITH_JOB_LOCK_GUARD() {
        status = job->job->status;
    }
    if (status == JOB_STATUS_NULL) {
        crash_job_ended(run, job);
    } else if (crash_job_may_ask(job) &&
               (!job->patience || !--job->patience)) {
        crash_job_ask(run, job);
    }
}

void crash_jobs_step(CrashRun *run)
{
    if (run->job) {
        crash_job_step(run, run->job);
    } else if (run->job_after && --run->job_after == 0 && !run->live_fault) {
        crash_job_start(run);
    }
}

void crash_jobs_finish(CrashRun *run)
{
    run->job_after = 0;
    if (run->job) {
        run->job->patience = MIN(run->job->patience, 1);
    }
    while (run->job) {
        while (aio_poll(qemu_get_aio_context(), false)) {
            /* until only the disks can go on */
        }
        crash_jobs_step(run);
        if (run->job && !crash_log_step(run->log) &&
            !aio_poll(qemu_get_aio_context(), false)) {
            run->stuck = true;
            return;
        }
    }
}

/* Looking back ***********************************************************/

char *crash_jobs_check_made(const CrashRun *run)
{
    char *fault = NULL;
    guint i;

    for (i = 0; i < run->jobs->len && !fault; i++) {
        const CrashJob *job = g_ptr_array_index(run->jobs, i);

        if (job->fate == CRASH_JOB_STOPS && job->view) {
            fault = crash_epoch_check_copy(run, job->oracle, job->moment,
                                           job->view);
        }
        if (fault) {
            char *text = g_strdup_printf("live: what job %d has copied: %s",
                                         job->kind, fault);

            g_free(fault);
            fault = text;
        }
    }
    return fault;
}
