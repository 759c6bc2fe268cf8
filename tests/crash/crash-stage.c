/*
 * What a drive is kept in while a load goes on
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qemu/cutils.h"
#include "qemu/option.h"
#include "block/block_int.h"
#include "block/zone/img/copy.h"
#include "system/block-backend-zone.h"
#include "crash-check.h"
#include "crash-fault.h"
#include "crash-job.h"
#include "crash-stage.h"

/* In pieces of this, in any order, as by coroutines of qemu-img convert */
#define CRASH_COPY_BYTES    16384

static void crash_stage_free(gpointer opaque)
{
    CrashStage *stage = opaque;

    crash_view_free(stage->below);
    crash_view_free(stage->view);
    g_free(stage);
}

static void crash_stage_fault(CrashRun *run, char *fault)
{
    if (run->live_fault) {
        g_free(fault);
    } else {
        run->live_fault = fault;
    }
}

/* What the images below the highest show from now on, if that is known */
static CrashView *crash_stage_below(CrashRun *run)
{
    g_autoptr(CrashView) view = g_new0(CrashView, 1);
    CrashImage *copy = crash_image_like(run->image);
    char *fault = NULL;

    copy->chain.depth--;
    crash_image_copy(copy, run->image);
    if (run->exact && copy->chain.depth && crash_image_open(copy, NULL)) {
        fault = crash_view_fill(run, copy, view);
    }
    if (!copy->blk) {
        g_clear_pointer(&view, crash_view_free);
    }
    crash_image_free(copy);
    crash_stage_fault(run, fault);
    return g_steal_pointer(&view);
}

/* Of the open image */
static CrashStage *crash_stage_add(CrashRun *run, CrashStageKind kind,
                                   CrashSpan made)
{
    CrashStage *stage = g_new0(CrashStage, 1);

    stage->kind = kind;
    stage->made = made;
    stage->chain = run->image->chain;
    stage->geometry = *blk_get_zone_geometry(run->image->blk);
    run->meta_offset = crash_image_meta_offset(run->image);
    g_ptr_array_add(run->stages, stage);
    stage->below = crash_stage_below(run);
    return stage;
}

void crash_stages_add_job(CrashRun *run, const CrashJob *job)
{
    crash_stage_add(run, CRASH_STAGE_JOB, job->made);
}

void crash_stages_init(CrashRun *run)
{
    run->stages = g_ptr_array_new_with_free_func(crash_stage_free);
    crash_stage_add(run, CRASH_STAGE_FIRST, (CrashSpan) { 0, 0 });
}

void crash_stages_free(CrashRun *run)
{
    g_ptr_array_unref(run->stages);
}

/*
 * A disk that the drive is not on; CRASH_MAX_DISKS: there is none.  With lazy
 * refcounts two are the most: the base would mark the lowest of three clean,
 * when those above are reopened, though it is read-only.
 */
unsigned crash_free_disk(const CrashRun *run)
{
    const CrashChain *chain = &run->image->chain;
    unsigned disk_idx, i;

    if (run->image->variant->lazy_refcounts && chain->depth > 1) {
        return CRASH_MAX_DISKS;
    }
    for (disk_idx = 0; disk_idx < CRASH_MAX_DISKS; disk_idx++) {
        for (i = 0; i < chain->depth && chain->disk_idx[i] != disk_idx; i++) {
            /* it is on another */
        }
        if (i == chain->depth && run->image->disk[disk_idx]) {
            break;
        }
    }
    return disk_idx;
}

static void crash_stage_failed(CrashRun *run, const char *what, Error *err)
{
    crash_stage_fault(run, g_strdup_printf("live: %s: %s", what,
                                           error_get_pretty(err)));
    error_free(err);
}

/* An overlay *************************************************************/

static void crash_stage_create_overlay(CrashRun *run)
{
    CrashImage *image = run->image;
    unsigned disk_idx = crash_free_disk(run);

    crash_jobs_forget(run, disk_idx);
    crash_image_wipe(image, disk_idx);
    crash_image_create_on(image, disk_idx, blk_get_zone_geometry(image->blk),
                          image->disk[crash_chain_top(&image->chain)]);
    run->overlay_ready = true;
}

/* What blockdev-snapshot does, or blockdev-snapshot-sync */
static bool crash_stage_put_overlay(CrashRun *run, unsigned disk_idx)
{
    CrashImage *image = run->image;
    BlockDriverState *base_bs = blk_bs(image->blk);
    BlockDriverState *bs;
    Error *err = NULL;
    int ret;

    if (crash_percent(run, 50)) {
        bdrv_flush(base_bs);
    }
    run->overlay_ready = false;
    bs = crash_image_open_alone(image, disk_idx);
    ret = bdrv_append(bs, base_bs, &err);
    bdrv_unref(bs);
    if (ret < 0) {
        crash_stage_failed(run, "the zones cannot be handed over", err);
        return false;
    }
    bdrv_reopen_set_read_only(base_bs, true, &error_abort);
    image->chain.disk_idx[image->chain.depth++] = disk_idx;
    return true;
}

/*
 * All that has completed is durable with it, as after a flush.  What is in
 * flight ends first, and what comes meanwhile waits in the backend.
 */
static void crash_stage_hand_over(CrashRun *run)
{
    BlockDriverState *bs = blk_bs(run->image->blk);
    CrashOp *flush;
    CrashSpan made;

    bdrv_ref(bs);
    run->drained = true;
    bdrv_drained_begin(bs);
    if (!run->overlay_ready) {
        crash_stage_create_overlay(run);
    }
    crash_jobs_forget(run, CRASH_MAX_DISKS);
    made.begin = crash_log_tick(run->log);
    flush = crash_oracle_begin(run->oracle, CRASH_OP_FLUSH, 0, made.begin);
    if (crash_stage_put_overlay(run, crash_free_disk(run))) {
        made.end = crash_log_tick(run->log);
        crash_oracle_end(run->oracle, flush, 0, made.end);
        run->oracle->handed_over = made.end;
        crash_stage_add(run, CRASH_STAGE_OVERLAY, made);
    }
    bdrv_drained_end(bs);
    run->drained = false;
    bdrv_unref(bs);
}

/* With the drive closed **************************************************/

static void crash_stage_copy_zone(const CrashImage *image, BlockBackend *source,
                                  BlockBackend *target, int64_t offset_bytes)
{
    uint8_t buf[CRASH_COPY_BYTES];

    g_assert_cmpint(blk_pread(source, offset_bytes, sizeof(buf), buf, 0), >=,
                    0);
    if (!buffer_is_zero(buf, sizeof(buf))) {
        g_assert_cmpint(blk_pwrite(target, offset_bytes, sizeof(buf), buf, 0),
                        >=, 0);
    }
}

static void crash_stage_copy_data(CrashRun *run, BlockBackend *source,
                                  BlockBackend *target)
{
    const ZoneGeometry *geometry = blk_get_zone_geometry(source);
    uint32_t per_zone = geometry->zone_bytes / CRASH_COPY_BYTES;
    uint32_t nr = run->nr_hot * per_zone;
    g_autofree uint32_t *order = g_new(uint32_t, nr);
    ZoneInfo info;
    uint32_t i, other;

    for (i = 0; i < nr; i++) {
        other = crash_pick(run, i + 1);
        order[i] = order[other];
        order[other] = i;
    }
    for (i = 0; i < nr; i++) {
        blk_get_zone_info(source, run->hot[order[i] / per_zone], &info);
        if (info.state != ZONE_STATE_OFFLINE) {
            crash_stage_copy_zone(run->image, source, target, info.start_bytes +
                                  order[i] % per_zone * CRASH_COPY_BYTES);
        }
    }
}

/* What qemu-img convert does */
static bool crash_stage_copy(CrashRun *run, CrashSpan *made)
{
    CrashImage *image = run->image;
    CrashChain chain = { .depth = 1, .disk_idx = { crash_free_disk(run) } };
    BlockBackend *source = crash_image_open_chain(image, &image->chain, 0,
                                                  &error_abort);
    BlockBackend *target;
    int ret;

    crash_image_create_on(image, chain.disk_idx[0],
                          blk_get_zone_geometry(source), NULL);
    target = crash_image_open_chain(image, &chain, BDRV_O_RDWR, &error_abort);
    ret = img_zones_begin_copy(&source, 1, target, true);
    if (ret >= 0) {
        crash_stage_copy_data(run, source, target);
        ret = img_zones_end_copy(&source, 1, target, blk_getlength(source));
    }
    made->end = crash_log_tick(run->log);
    blk_unref(target);
    blk_unref(source);
    if (ret < 0) {
        crash_stage_fault(run, g_strdup("live: the drive cannot be copied"));
        return false;
    }
    image->chain = chain;
    return true;
}

/* What qemu-img commit does */
char *crash_stages_commit(CrashImage *image, bool drop)
{
    Error *err = NULL;
    BlockBackend *blk = crash_image_open_chain(image, &image->chain,
                                               BDRV_O_RDWR, &err);
    BlockDriverState *base_bs;
    char *fault = NULL;

    if (blk) {
        bdrv_graph_rdlock_main_loop();
        base_bs = bdrv_backing_chain_next(blk_bs(blk));
        bdrv_graph_rdunlock_main_loop();
        img_zones_commit(blk, base_bs, drop, 0, &err);
    }
    if (err) {
        fault = g_strdup_printf("the overlay cannot be committed: %s",
                                error_get_pretty(err));
        error_free(err);
    }
    blk_unref(blk);
    image->chain.depth -= !fault;
    return fault;
}

static bool crash_stage_commit(CrashRun *run, CrashSpan *made)
{
    char *fault = crash_stages_commit(run->image, crash_percent(run, 50));

    made->end = crash_log_tick(run->log);
    crash_stage_fault(run, fault);
    return !fault;
}

static QemuOpts *crash_stage_limits(CrashRun *run, BlockBackend *blk)
{
    uint32_t active = blk_get_zone_counts(blk).active;
    QemuOpts *opts = qemu_opts_create(blk_bs(blk)->drv->create_opts, NULL, 0,
                                      &error_abort);
    uint32_t max = crash_percent(run, 30) ? 0 :
                   MAX(active, 1) + crash_pick(run, 4);

    qemu_opt_set_number(opts, "zone.max_active_zones", max, &error_abort);
    qemu_opt_set_number(opts, "zone.max_open_zones",
                        max ? 1 + crash_pick(run, max) : crash_pick(run, 6),
                        &error_abort);
    return opts;
}

/* What qemu-img amend does; durable before it closes the image */
static bool crash_stage_amend(CrashRun *run, CrashSpan *made)
{
    BlockBackend *blk = crash_image_open_chain(run->image, &run->image->chain,
                                               BDRV_O_RDWR, &error_abort);
    QemuOpts *opts = crash_stage_limits(run, blk);
    Error *err = NULL;

    bdrv_graph_rdlock_main_loop();
    bdrv_amend_options(blk_bs(blk), opts, NULL, NULL, false, &err);
    bdrv_graph_rdunlock_main_loop();
    made->end = crash_log_tick(run->log);
    qemu_opts_del(opts);
    blk_unref(blk);
    if (err) {
        crash_stage_failed(run, "limits cannot be changed", err);
    }
    return !err;
}

/* The drive is closed by one process, and opened by another when do_it ends */
static void crash_stage_offline(CrashRun *run, CrashStageKind kind,
                                bool (*do_it)(CrashRun *run, CrashSpan *made))
{
    CrashOp *end = crash_oracle_begin(run->oracle, CRASH_OP_FLUSH, 0,
                                      crash_log_tick(run->log));
    unsigned disk_idx = crash_free_disk(run);
    const CrashOracle *oracle = run->oracle;
    CrashStage *stage;
    CrashSpan made;
    bool done;

    crash_image_close(run->image);
    crash_oracle_end(run->oracle, end, 0, crash_log_tick(run->log));
    g_array_set_size(run->failed, 0);
    crash_jobs_forget(run, CRASH_MAX_DISKS);
    if (disk_idx < CRASH_MAX_DISKS) {
        crash_jobs_forget(run, disk_idx);
        crash_image_wipe(run->image, disk_idx);
    }
    made.begin = crash_log_tick(run->log);
    done = do_it(run, &made);
    crash_run_open(run);
    if (!done) {
        return;
    }
    stage = crash_stage_add(run, kind, made);
    stage->oracle = oracle;
    stage->view = g_new0(CrashView, 1);
    crash_stage_fault(run, crash_view_fill(run, run->image, stage->view));
    crash_epochs_begin(run, made, stage->view);
}

/* The length of the open drive *******************************************/

/* As short as it may be: behind the last zone that has anything to lose */
static uint32_t crash_stage_min_zones(CrashRun *run)
{
    BlockBackend *blk = run->image->blk;
    uint32_t nr_zones = blk_get_zone_geometry(blk)->nr_zones;
    ZoneInfo info;

    do {
        blk_get_zone_info(blk, --nr_zones, &info);
    } while (nr_zones && info.state == ZONE_STATE_EMPTY && !info.attributes);
    return nr_zones + 1;
}

static void crash_stage_set_length(CrashRun *run, uint32_t nr_zones)
{
    BlockBackend *blk = run->image->blk;
    uint64_t zone_bytes = run->image->geometry.zone_bytes;
    Error *err = NULL;
    CrashSpan made;

    if (nr_zones == blk_get_zone_geometry(blk)->nr_zones) {
        return;
    }
    made.begin = crash_log_tick(run->log);
    if (blk_truncate(blk, nr_zones * zone_bytes, false, PREALLOC_MODE_OFF, 0,
                     &err) < 0) {
        crash_stage_failed(run, "the drive cannot be resized", err);
        return;
    }
    made.end = crash_log_tick(run->log);
    crash_stage_add(run, CRASH_STAGE_RESIZE, made);
}

/* Zones that the load uses may be lost while they are Empty, and come back */
static void crash_stage_resize(CrashRun *run)
{
    uint32_t needed = run->hot[run->nr_hot - 1] + 1;
    uint32_t nr_zones = blk_get_zone_geometry(run->image->blk)->nr_zones;
    uint32_t min_zones = crash_stage_min_zones(run);

    if (crash_percent(run, 50)) {
        nr_zones = min_zones + crash_pick(run, nr_zones - min_zones + 1);
    } else {
        nr_zones += 1 + crash_pick(run, 100);
    }
    crash_stage_set_length(run, nr_zones);
    if (nr_zones < needed && !run->live_fault) {
        crash_stage_set_length(run, needed + crash_pick(run, 20));
    }
}

static void crash_stage_move(CrashRun *run)
{
    const CrashChain *chain = &run->image->chain;
    bool room = crash_free_disk(run) < CRASH_MAX_DISKS;
    uint32_t dice = crash_pick(run, 100);

    if (chain->depth > 1 && (!room || dice < 45)) {
        crash_stage_offline(run, CRASH_STAGE_COMMIT, crash_stage_commit);
    } else if (dice < 65) {
        crash_stage_offline(run, CRASH_STAGE_COPY, crash_stage_copy);
    } else {
        crash_stage_hand_over(run);
    }
}

static void crash_stage_run(CrashRun *run, void (*step)(CrashRun *run))
{
    CrashFaultFunc *fault = run->log->fault;

    run->log->fault = NULL;
    crash_log_start_pump(run->log);
    step(run);
    crash_log_stop_pump(run->log);
    run->log->fault = fault;
}

static void crash_stage_regrow(CrashRun *run)
{
    crash_stage_set_length(run, run->hot[run->nr_hot - 1] + 1);
}

void crash_stages_regrow(CrashRun *run)
{
    if (blk_get_zone_geometry(run->image->blk)->nr_zones <=
        run->hot[run->nr_hot - 1]) {
        crash_stage_run(run, crash_stage_regrow);
    }
}

void crash_stages_hand_over(CrashRun *run)
{
    if (crash_free_disk(run) < CRASH_MAX_DISKS) {
        crash_stage_run(run, crash_stage_hand_over);
    }
}

static void crash_stage_change(CrashRun *run)
{
    const CrashVariant *variant = run->image->variant;

    if (variant->overlays && (!variant->resizes || crash_percent(run, 60))) {
        crash_stage_move(run);
    } else if (crash_percent(run, 70) || run->image->chain.depth > 1) {
        crash_stage_resize(run);
    } else {
        /* of what has nothing below: a commit would be refused by its limits */
        crash_stage_offline(run, CRASH_STAGE_AMEND, crash_stage_amend);
    }
}

void crash_stages_step(CrashRun *run)
{
    if (run->job || run->job_after) {
        return;
    }
    run->overlay_ready = false;
    crash_stage_run(run, crash_stage_change);
}

/* One that was created long before has other zones until it takes over */
void crash_stages_plan(CrashRun *run)
{
    if (run->job || run->job_after) {
        run->hand_over_after = 0; /* the chain stays as it is */
        run->overlay_ready = false;
        return;
    }
    run->hand_over_after = crash_pick(run, 40);
    if (crash_free_disk(run) < CRASH_MAX_DISKS && crash_percent(run, 40)) {
        crash_stage_run(run, crash_stage_create_overlay);
    }
}

/*
 * What a stage begins with is what a crash may leave that comes when the one
 * before has been closed
 */
char *crash_stages_check_made(const CrashRun *run)
{
    char *fault = NULL;
    guint i;

    for (i = 0; i < run->stages->len && !fault; i++) {
        const CrashStage *stage = g_ptr_array_index(run->stages, i);

        if (stage->oracle) {
            fault = crash_epoch_check(run, stage->oracle, stage->made.begin,
                                      stage->view);
        }
    }
    return fault;
}
