/*
 * What a crash may make of what a block job writes
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 *  Until it has ended       what it writes is found as
 *  -----------------------  --------------------------------------------------
 *  a mirror                 no image, one without zones, not finished, Empty,
 *                           what was below the drive; or, told to end, as the
 *                           drive
 *  a backup                 the same; or with what the drive had at its start
 *  a commit                 not finished, as it was, or with all
 *
 * One that was cancelled leaves what it leaves before it is told to end.  A
 * copy that was finished shows the same for ever.
 */

#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qemu/bswap.h"
#include "qemu/cutils.h"
#include "block/block_int.h"
#include "block/zone-io.h"
#include "crash-check.h"
#include "crash-job.h"
#include "crash-stage.h"

/* One state in so many: does a copy still show what it did? */
#define CRASH_COPY_LOOKS    4

static const CrashJob *crash_job(const CrashRun *run, guint i)
{
    return g_ptr_array_index(run->jobs, i);
}

static bool crash_job_matters(const CrashJob *job, uint64_t time)
{
    return job->made.begin <= time && time < job->until;
}

/* It shows the drive of one moment from now on */
static bool crash_job_is_copy(const CrashJob *job, uint64_t time)
{
    return job->fate == CRASH_JOB_STOPS && time >= job->made.end;
}

static bool crash_job_is_commit(const CrashJob *job)
{
    return job->kind == CRASH_JOB_COMMIT || job->kind == CRASH_JOB_COMMIT_BELOW;
}

static char *crash_job_explain(const CrashJob *job, char *fault)
{
    char *text = fault ? g_strdup_printf("what job %d writes: %s", job->kind,
                                         fault) : NULL;

    g_free(fault);
    return text;
}

CrashView *crash_job_look(const CrashRun *run, const CrashImage *image,
                          const CrashChain *chain, char **fault)
{
    g_autoptr(CrashView) view = g_new0(CrashView, 1);
    CrashImage *copy = crash_image_like(image);

    crash_image_copy(copy, image);
    copy->chain = *chain;
    if (crash_image_open(copy, NULL) && bdrv_zone_io(blk_bs(copy->blk))) {
        *fault = crash_view_fill(run, copy, view);
    } else {
        g_clear_pointer(&view, crash_view_free);
    }
    crash_image_free(copy);
    return g_steal_pointer(&view);
}

/* Is it as it was before the job? */
static char *crash_job_check_before(const CrashRun *run, const CrashJob *job,
                                    const CrashView *view)
{
    char *empty = crash_job_is_commit(job)
                  ? g_strdup("it is no copy") : crash_view_empty(run, view);
    char *fault;

    if (!empty || !job->before) {
        return empty;
    }
    fault = crash_view_compare(run, job->before, view);
    g_free(empty);
    return fault;
}

/* Is it what it has to be in the end? */
static char *crash_job_check_after(const CrashRun *run, const CrashJob *job,
                                   uint64_t time, const CrashView *view)
{
    if (job->view) {
        return crash_view_compare(run, job->view, view);
    }
    if (job->kind == CRASH_JOB_BACKUP) {
        /* which may have been cancelled at the very end */
        return crash_epoch_check_copy(run, job->oracle, job->moment, view);
    }
    if (job->fate == CRASH_JOB_CANCELLED) {
        return g_strdup("the job was cancelled");
    }
    return crash_epochs_check(run, time, view);
}

/* It says that it is finished */
static char *crash_job_check_view(const CrashRun *run, const CrashJob *job,
                                  uint64_t time, const CrashView *view)
{
    g_autofree char *before = NULL;
    char *after = crash_job_check_after(run, job, time, view);
    char *fault;

    if (!after || crash_job_is_copy(job, time)) {
        return after;
    }
    before = crash_job_check_before(run, job, view);
    fault = before ? g_strdup_printf("neither as before (%s) nor as after "
                                     "(%s)", before, after) : NULL;
    g_free(after);
    return fault;
}

/* The error of an image that cannot be opened: does it have to be that one? */
static char *crash_job_check_error(const CrashJob *job, uint64_t time,
                                   const Error *err)
{
    bool unfinished = strstr(error_get_pretty(err), "not finished");

    if ((unfinished && !crash_job_is_copy(job, time)) ||
        (!unfinished && time < job->created)) {
        return NULL;
    }
    return g_strdup(error_get_pretty(err));
}

static char *crash_job_check_open(const CrashRun *run, const CrashJob *job,
                                  uint64_t time, CrashImage *copy)
{
    g_autoptr(CrashView) view = g_new0(CrashView, 1);
    char *fault;

    /* until it has zones it is what the base makes of it */
    if (!bdrv_zone_io(blk_bs(copy->blk))) {
        return time < job->created ? NULL : g_strdup("it has no zones");
    }
    fault = crash_stage_sound(copy->blk);
    if (!fault) {
        fault = crash_view_fill(run, copy, view);
    }
    return fault ? fault : crash_job_check_view(run, job, time, view);
}

static char *crash_job_check(const CrashRun *run, const CrashJob *job,
                             uint64_t time, const CrashImage *image)
{
    CrashImage *copy = crash_image_like(image);
    Error *err = NULL;
    char *fault;

    crash_image_copy(copy, image);
    copy->chain = job->chain;
    if (crash_image_open(copy, &err)) {
        fault = crash_job_check_open(run, job, time, copy);
    } else {
        fault = crash_job_check_error(job, time, err);
        error_free(err);
    }
    crash_image_free(copy);
    return crash_job_explain(job, fault);
}

char *crash_jobs_check(const CrashRun *run, uint64_t time,
                       const CrashImage *image, GRand *rand)
{
    char *fault = NULL;
    guint i;

    for (i = 0; i < run->jobs->len && !fault; i++) {
        const CrashJob *job = crash_job(run, i);

        if (job->kind == CRASH_JOB_STREAM ||
            job->kind == CRASH_JOB_STREAM_BASE ||
            !crash_job_matters(job, time)) {
            continue;
        }
        if (time < job->made.end ||
            g_rand_int_range(rand, 0, CRASH_COPY_LOOKS) == 0) {
            fault = crash_job_check(run, job, time, image);
        }
    }
    return fault;
}

bool crash_jobs_commit(const CrashRun *run, uint64_t time)
{
    bool commits = false;
    guint i;

    for (i = 0; i < run->jobs->len; i++) {
        const CrashJob *job = crash_job(run, i);

        commits |= crash_job_is_commit(job) && crash_job_matters(job, time);
    }
    return commits;
}

/* The highest image names what it is over */
static char *crash_job_backing(const CrashImage *image)
{
    const CrashDisk *disk = image->disk[crash_chain_top(&image->chain)];
    uint64_t offset_bytes = ldq_be_p(disk->data + 8);
    uint32_t length_bytes = ldl_be_p(disk->data + 16);

    return g_strndup((const char *)disk->data + offset_bytes, length_bytes);
}

void crash_jobs_enter(const CrashRun *run, uint64_t time, CrashImage *image)
{
    g_autofree char *backing = crash_job_backing(image);
    guint i;

    for (i = 0; i < run->jobs->len; i++) {
        const CrashJob *job = crash_job(run, i);

        if (job->backing && crash_job_matters(job, time) &&
            g_str_equal(job->backing, backing)) {
            image->chain = job->drive;
            break;
        }
    }
}

/* Of the highest image, or of the one below it where that is still there */
static char *crash_job_commit(const CrashJob *job, CrashImage *image)
{
    unsigned top = crash_chain_top(&image->chain);
    char *fault;

    if (job->kind == CRASH_JOB_COMMIT) {
        return crash_stages_commit(image, false);
    }
    if (image->chain.depth == job->drive.depth) {
        return NULL;
    }
    image->chain.depth--;
    fault = crash_stages_commit(image, false);
    image->chain.disk_idx[image->chain.depth++] = top;
    return fault;
}

/* Always while it is under way, and now and then when it was cancelled */
static const CrashJob *crash_job_to_do(const CrashRun *run, uint64_t time)
{
    guint i;

    for (i = 0; i < run->jobs->len; i++) {
        const CrashJob *job = crash_job(run, i);

        if (crash_job_is_commit(job) && crash_job_matters(job, time) &&
            (time < job->made.end || time % CRASH_COPY_LOOKS == 0)) {
            return job;
        }
    }
    return NULL;
}

char *crash_jobs_do_again(const CrashRun *run, uint64_t time,
                          CrashImage *image, const CrashView *view)
{
    const CrashJob *job = crash_job_to_do(run, time);

    return job ? crash_stage_check_again(run, image, view,
                                         crash_job_commit(job, image)) : NULL;
}
