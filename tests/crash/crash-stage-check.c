/*
 * What a crash may make of what a drive is kept in
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 *  While this is made   the drive is in             what is made
 *  -------------------  --------------------------  ---------------------------
 *  an overlay           the images of before        has no zones yet, or its
 *                                                   tables are sound
 *  a commit             overlay and base            the base is not finished,
 *                                                   as it was, or has all
 *  a copy               the images of before        has no zones yet, or is not
 *                                                   finished; or all is Empty,
 *                                                   or it has all
 *  another length,      the one image               has the one or the other
 *  other limits
 */

#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qemu/cutils.h"
#include "block/block_int.h"
#include "system/block-backend-zone.h"
#include "crash-check.h"
#include "crash-job.h"
#include "crash-stage.h"

/* One state in so many: does the image below show what it had? */
#define CRASH_BELOW 4

static const CrashStage *crash_stage(const CrashRun *run, guint i)
{
    return g_ptr_array_index(run->stages, i);
}

/* The last that was complete */
static const CrashStage *crash_stage_at(const CrashRun *run, uint64_t time)
{
    guint i = run->stages->len;

    while (--i && crash_stage(run, i)->made.end > time) {
        /* it was not there for sure */
    }
    return crash_stage(run, i);
}

/* The one that was being made, or NULL */
static const CrashStage *crash_stage_after(const CrashRun *run, uint64_t time)
{
    guint i;

    for (i = 1; i < run->stages->len; i++) {
        const CrashSpan *made = &crash_stage(run, i)->made;

        if (made->begin <= time && time < made->end) {
            return crash_stage(run, i);
        }
    }
    return NULL;
}

void crash_stages_enter(const CrashRun *run, uint64_t time, CrashImage *image)
{
    image->chain = crash_stage_at(run, time)->chain;
    if (image->variant->jobs) {
        crash_jobs_enter(run, time, image);
    }
}

static char *crash_stage_explain(const char *what, char *fault)
{
    char *text = fault ? g_strdup_printf("%s: %s", what, fault) : NULL;

    g_free(fault);
    return text;
}

static bool crash_stage_fits(const CrashStage *stage, const ZoneGeometry *found)
{
    return stage && stage->geometry.nr_zones == found->nr_zones &&
           stage->geometry.max_open_zones == found->max_open_zones &&
           stage->geometry.max_active_zones == found->max_active_zones;
}

char *crash_stages_check_geometry(const CrashRun *run, uint64_t time,
                                  const CrashImage *image)
{
    const ZoneGeometry *found = blk_get_zone_geometry(image->blk);

    if (crash_stage_fits(crash_stage_at(run, time), found) ||
        crash_stage_fits(crash_stage_after(run, time), found)) {
        return NULL;
    }
    return g_strdup_printf("%u zones, of which %u may be open and %u active, "
                           "were never asked for", found->nr_zones,
                           found->max_open_zones, found->max_active_zones);
}

/* Others than the drive **************************************************/

char *crash_stage_sound(BlockBackend *blk)
{
    BdrvCheckResult res = { };
    int ret = bdrv_check(blk_bs(blk), &res, 0);

    return ret >= 0 && !res.corruptions && !res.check_errors ? NULL :
           g_strdup_printf("%d corruptions (%d)", res.corruptions, ret);
}

/* Is it what the drive has been at some time near? */
static char *crash_stage_same(const CrashRun *run, const CrashStage *stage,
                              uint64_t time, const CrashView *view,
                              const CrashView *before)
{
    g_autofree char *all = crash_epochs_check(run, time, view);

    if (!all) {
        return NULL;
    }
    return stage->kind == CRASH_STAGE_COPY ? crash_view_empty(run, view) :
           before ? crash_view_compare(run, before, view) :
           g_strdup_printf("it has no mark, and %s", all);
}

/* With a copy of the disks, of which chain is opened */
static char *crash_stage_try_other(const CrashRun *run, const CrashImage *image,
                                   const CrashChain *chain,
                                   const CrashStage *stage, uint64_t time,
                                   const CrashView *before)
{
    g_autoptr(CrashView) view = g_new0(CrashView, 1);
    CrashImage *copy = crash_image_like(image);
    char *fault = NULL;

    crash_image_copy(copy, image);
    copy->chain = *chain;
    /* until it has zones it is what the base makes of it */
    if (crash_image_open(copy, NULL) && bdrv_zone_io(blk_bs(copy->blk))) {
        fault = crash_stage_sound(copy->blk);
        if (!fault && stage->kind != CRASH_STAGE_OVERLAY) {
            fault = crash_view_fill(run, copy, view);
            if (!fault) {
                fault = crash_stage_same(run, stage, time, view, before);
            }
        }
    }
    crash_image_free(copy);
    return fault;
}

static char *crash_stage_check_next(const CrashRun *run, uint64_t time,
                                    const CrashImage *image,
                                    const CrashStage *next)
{
    const CrashView *below = crash_stage_at(run, time)->below;

    switch (next->kind) {
    case CRASH_STAGE_OVERLAY:
        return crash_stage_explain("an overlay that is being made",
                                   crash_stage_try_other(run, image,
                                                         &next->chain, next,
                                                         time, NULL));
    case CRASH_STAGE_COMMIT:
        return crash_stage_explain("what is being committed to",
                                   crash_stage_try_other(run, image,
                                                         &next->chain, next,
                                                         time, below));
    case CRASH_STAGE_COPY:
        return crash_stage_explain("a copy that is being made",
                                   crash_stage_try_other(run, image,
                                                         &next->chain, next,
                                                         time, NULL));
    default:
        return NULL;
    }
}

/* For reading: it is as it was when the overlay was made */
static char *crash_stage_check_below(const CrashRun *run,
                                     const CrashImage *image,
                                     const CrashStage *stage)
{
    g_autoptr(CrashView) view = g_new0(CrashView, 1);
    CrashImage *copy = crash_image_like(image);
    char *fault = NULL;
    Error *err = NULL;

    crash_image_copy(copy, image);
    copy->chain = stage->chain;
    copy->chain.depth--;
    copy->blk = crash_image_open_chain(copy, &copy->chain, 0, &err);
    if (!copy->blk) {
        fault = g_strdup(error_get_pretty(err));
        error_free(err);
    } else {
        fault = crash_view_fill(run, copy, view);
    }
    if (!fault) {
        fault = crash_view_compare(run, stage->below, view);
    }
    crash_image_free(copy);
    return crash_stage_explain("the backing file", fault);
}

char *crash_stages_check_others(const CrashRun *run, uint64_t time,
                                const CrashImage *image, GRand *rand)
{
    const CrashStage *stage = crash_stage_at(run, time);
    const CrashStage *next = crash_stage_after(run, time);
    char *fault = crash_jobs_check(run, time, image, rand);

    if (fault || crash_jobs_commit(run, time)) {
        return fault;
    }
    if (next) {
        return crash_stage_check_next(run, time, image, next);
    }
    return stage->below && g_rand_int_range(rand, 0, CRASH_BELOW) == 0 ?
           crash_stage_check_below(run, image, stage) : NULL;
}

char *crash_stage_check_again(const CrashRun *run, CrashImage *image,
                              const CrashView *view, char *fault)
{
    g_autoptr(CrashView) now = g_new0(CrashView, 1);

    if (!fault && !crash_image_open(image, NULL)) {
        fault = g_strdup("it cannot be opened");
    }
    if (!fault) {
        fault = crash_view_fill(run, image, now);
    }
    if (!fault) {
        fault = crash_view_compare(run, view, now);
    }
    crash_image_close(image);
    return crash_stage_explain("a commit that was done again", fault);
}

char *crash_stages_finish(const CrashRun *run, uint64_t time,
                          CrashImage *image, const CrashView *view)
{
    const CrashStage *next = crash_stage_after(run, time);

    return next && next->kind == CRASH_STAGE_COMMIT
        ? crash_stage_check_again(run, image, view,
                                  crash_stages_commit(image, false))
        : crash_jobs_do_again(run, time, image, view);
}
