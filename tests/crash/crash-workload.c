/*
 * Load on a zoned image, decided by a seed
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Workers, one coroutine each, keep several requests in flight.  A zone has one
 * management action at a time, as the oracle could not tell the order of two;
 * writes and appends go on meanwhile.
 */

#include "qemu/osdep.h"
#include "qapi/error.h"
#include "block/block_int.h"
#include "block/zone-io.h"
#include "system/block-backend-zone.h"
#include "../zone/discard.h"
#include "crash-change.h"
#include "crash-check.h"
#include "crash-fault.h"
#include "crash-job.h"
#include "crash-snapshot.h"
#include "crash-stage.h"

#define CRASH_ZRWA_BYTES        16384
#define CRASH_ZRWA_STEP_BYTES   4096

static CrashOp *crash_begin(CrashRun *run, CrashOpKind kind, uint32_t zone_idx)
{
    CrashOp *op = crash_oracle_begin(run->oracle, kind, zone_idx,
                                     crash_log_tick(run->log));

    op->late = crash_jobs_keep_up(run);
    return op;
}

/* The write that a write pointer waits for is accepted again */
static char *crash_check_retry(CrashRun *run, const CrashOp *failed)
{
    ZoneStatus status = blk_check_zone_write(run->image->blk,
                                             failed->offset_bytes,
                                             failed->length_bytes);

    if (status == ZONE_OK || zone_status_is_busy(status) ||
        status == ZONE_ERR_TOO_MANY_ACTIVE ||
        status == ZONE_ERR_TOO_MANY_OPEN) {
        return NULL;
    }
    return g_strdup_printf("live: write %u of zone %u has failed and cannot "
                           "be made again: %s", failed->id, failed->zone_idx,
                           zone_status_str(status));
}

static void crash_check_live(CrashRun *run, uint32_t zone_idx)
{
    const CrashOp *failed;
    ZoneInfo info;

    if (run->live_fault) {
        return;
    }
    blk_get_zone_info(run->image->blk, zone_idx, &info);
    run->live_fault = crash_oracle_check_live(run->oracle, &info, &failed);
    if (!run->live_fault && failed) {
        run->live_fault = crash_check_retry(run, failed);
    }
}

static void crash_end(CrashRun *run, CrashOp *op, int ret)
{
    op->lost = op->kind == CRASH_OP_WRITE && crash_fault_lost(run, ret);
    op->late |= crash_jobs_keep_up(run);
    crash_oracle_end(run->oracle, op, ret, crash_log_tick(run->log));
    if (op->kind != CRASH_OP_FLUSH) {
        crash_check_live(run, op->zone_idx);
    }
}

static int64_t crash_pick_length(CrashRun *run)
{
    static const int64_t lengths[] = {
        512, 512, 1024, 4096, 4096, 5632, 12288, 16384
    };

    if (run->whole_clusters) {
        return run->image->cluster_bytes;
    }
    return lengths[crash_pick(run, ARRAY_SIZE(lengths))];
}

/* Data ********************************************************************/

static void coroutine_fn crash_co_write_at(CrashRun *run, uint32_t zone_idx,
                                           int64_t offset_bytes,
                                           int64_t length_bytes, bool append)
{
    CrashOp *op = crash_begin(run, CRASH_OP_WRITE, zone_idx);
    bool fua = crash_percent(run, run->record_percent ? 75 : 12);
    g_autofree uint8_t *buf = g_malloc(length_bytes);
    QEMUIOVector qiov;
    int ret;

    op->length_bytes = length_bytes;
    op->offset_bytes = offset_bytes;
    op->append = append;
    op->co = qemu_coroutine_self();
    op->fua = fua || run->image->variant->writethrough;
    crash_stamp(op->id, 0, buf, length_bytes);
    qemu_iovec_init_buf(&qiov, buf, length_bytes);
    crash_change_add(run, buf, length_bytes);
    if (append) {
        ret = blk_co_zone_append(run->image->blk, &offset_bytes, &qiov,
                                 fua ? BDRV_REQ_FUA : 0);
        op->offset_bytes = offset_bytes;
    } else {
        ret = blk_co_pwritev(run->image->blk, offset_bytes, length_bytes,
                             &qiov, fua ? BDRV_REQ_FUA : 0);
    }
    crash_change_remove(run, buf);
    crash_end(run, op, ret);
    if (op->lost && !append) {
        crash_fault_remember(run, op);
    }
}

/* Exactly what has failed, as a device does that has stopped its guest */
static bool coroutine_fn crash_co_retry(CrashRun *run)
{
    CrashFailed failed;

    if (!crash_percent(run, 45) || !crash_fault_recall(run, &failed)) {
        return false;
    }
    crash_co_write_at(run, failed.zone_idx, failed.offset_bytes,
                      failed.length_bytes, false);
    return true;
}

/*
 * Anywhere in the window, again and again, or near the end of what has been
 * written, where writes are the first to cover something.  Off the window's end
 * it is refused.
 */
static void coroutine_fn crash_co_write_in_zrwa(CrashRun *run,
                                                const ZoneInfo *info,
                                                int64_t length_bytes)
{
    uint64_t end_bytes = info->start_bytes + info->capacity_bytes;
    uint64_t sectors = 2 * CRASH_ZRWA_BYTES / CRASH_SECTOR_BYTES;
    uint64_t offset_bytes;

    if (crash_percent(run, 50)) {
        offset_bytes = info->reserved_bytes +
                       crash_pick(run, 4) * CRASH_ZRWA_STEP_BYTES;
    } else {
        offset_bytes = info->wp_bytes +
                       crash_pick(run, sectors) * CRASH_SECTOR_BYTES;
    }
    offset_bytes = MIN(offset_bytes, end_bytes - length_bytes);
    crash_co_write_at(run, info->zone_idx, offset_bytes, length_bytes, false);
}

static void coroutine_fn crash_co_write(CrashRun *run, uint32_t zone_idx)
{
    const ZoneGeometry *geometry = &run->image->geometry;
    int64_t length_bytes = crash_pick_length(run);
    bool append = !run->image->variant->errors && crash_percent(run, 35);
    ZoneInfo info;
    int64_t room;

    blk_get_zone_info(run->image->blk, zone_idx, &info);
    if (zone_idx < geometry->conventional_zones) {
        room = crash_pick(run, (info.length_bytes - length_bytes) /
                               CRASH_SECTOR_BYTES) * CRASH_SECTOR_BYTES;
        crash_co_write_at(run, zone_idx, info.start_bytes + room,
                          length_bytes, false);
        return;
    }
    room = info.start_bytes + info.capacity_bytes - info.reserved_bytes;
    if (room <= 0) {
        /* refused; behind the end of the zone another one begins */
        info.reserved_bytes = info.start_bytes;
        room = length_bytes;
    }
    length_bytes = MIN(length_bytes, room);
    if (info.attributes & ZONE_ATTR_ZRWAV) {
        crash_co_write_in_zrwa(run, &info, length_bytes);
        return;
    }
    crash_co_write_at(run, zone_idx,
                      append ? info.start_bytes : info.reserved_bytes,
                      length_bytes, append);
}

static void coroutine_fn crash_co_flush(CrashRun *run)
{
    CrashOp *op = crash_begin(run, CRASH_OP_FLUSH, 0);

    crash_end(run, op, blk_co_flush(run->image->blk));
}

/* What the timer does: a commit that nobody waits for */
static void coroutine_fn crash_co_commit(CrashRun *run)
{
    BlockDriverState *bs = bdrv_zone_node(blk_bs(run->image->blk));

    bdrv_inc_in_flight(bs);
    WITH_GRAPH_RDLOCK_GUARD() {
        bs->drv->bdrv_co_flush_to_os(bs);
    }
    bdrv_dec_in_flight(bs);
}

/*
 * Not with lazy refcounts: a cluster that the base frees and uses again may
 * have two references after a crash there, which the repair at open undoes
 * without setting a flag that the check misses.
 */
static void coroutine_fn crash_co_discard(CrashRun *run, uint32_t zone_idx)
{
    const ZoneGeometry *geometry = &run->image->geometry;
    int64_t clusters = geometry->zone_bytes / run->image->cluster_bytes;
    int64_t first = crash_pick(run, clusters);
    CrashOp *op;

    if (run->image->variant->lazy_refcounts) {
        return;
    }
    op = crash_begin(run, CRASH_OP_DISCARD, zone_idx);
    op->co = qemu_coroutine_self();
    op->offset_bytes = geometry->zone_bytes * zone_idx +
                       first * run->image->cluster_bytes;
    op->length_bytes = (1 + crash_pick(run, clusters - first)) *
                       run->image->cluster_bytes;
    crash_end(run, op, zone_test_discard(blk_co_pdiscard, run->image->blk,
                                         op->offset_bytes,
                                         op->length_bytes));
}

/* What comes from the image below gets a copy; for a reader nothing changes */
static void coroutine_fn crash_co_copy_on_read(CrashRun *run, uint32_t zone_idx)
{
    const ZoneGeometry *geometry = &run->image->geometry;
    g_autofree uint8_t *buf = g_malloc(geometry->zone_bytes);
    QEMUIOVector qiov;

    qemu_iovec_init_buf(&qiov, buf, geometry->zone_bytes);
    blk_co_preadv(run->image->blk, geometry->zone_bytes * zone_idx,
                  geometry->zone_bytes, &qiov, BDRV_REQ_COPY_ON_READ);
}

/* Management **************************************************************/

/* What the monitor makes the drive do */
static int coroutine_fn crash_co_fault(CrashRun *run, const CrashOp *op)
{
    BlockDriverState *bs = blk_bs(run->image->blk);
    ZoneIO *io = bdrv_zone_io(bs);
    ZoneAdvice advice = { .set = op->set, .clear = op->clear };
    int ret;

    bdrv_inc_in_flight(bs);
    WITH_GRAPH_RDLOCK_GUARD() {
        if (op->kind == CRASH_OP_ATTRIBUTES) {
            ret = zone_io_co_advise(io, op->zone_idx, &advice, true);
        } else {
            ret = zone_io_co_set_state(io, op->zone_idx,
                                       op->kind == CRASH_OP_READ_ONLY ?
                                       ZONE_EVENT_FAULT_READ_ONLY :
                                       ZONE_EVENT_FAULT_OFFLINE);
        }
    }
    bdrv_dec_in_flight(bs);
    return ret;
}

static int coroutine_fn crash_co_action(CrashRun *run, const CrashOp *op)
{
    const ZoneGeometry *geometry = &run->image->geometry;
    g_autofree uint8_t *zde = g_malloc0(MAX(geometry->zd_extension_bytes, 1));
    ZoneAction action = {
        .offset_bytes = op->kind == CRASH_OP_ZRWA_FLUSH ? op->offset_bytes :
                        geometry->zone_bytes * op->zone_idx,
        .select_all = op->select_all,
        .zde = zde,
    };

    switch (op->kind) {
    case CRASH_OP_RESET:
        action.op = BLK_ZO_RESET;
        break;
    case CRASH_OP_FINISH:
        action.op = BLK_ZO_FINISH;
        break;
    case CRASH_OP_SET_ZDE:
        action.op = op->zrwa ? BLK_ZO_SET_ZDED_ZRWA : BLK_ZO_SET_ZDED;
        crash_stamp(op->id, 0, zde, geometry->zd_extension_bytes);
        break;
    case CRASH_OP_ZRWA:
        action.op = BLK_ZO_OPEN_ZRWA;
        break;
    case CRASH_OP_ZRWA_FLUSH:
        action.op = BLK_ZO_FLUSH_ZRWA;
        break;
    case CRASH_OP_OFFLINE:
        action.op = BLK_ZO_OFFLINE;
        break;
    default:
        return crash_co_fault(run, op);
    }
    return blk_zone_action(run->image->blk, &action);
}

static void crash_pick_attributes(CrashRun *run, CrashOp *op)
{
    static const uint8_t attributes[] = {
        ZONE_ATTR_FZR, ZONE_ATTR_RZR, ZONE_ATTR_FZR | ZONE_ATTR_RZR
    };
    uint8_t picked = attributes[crash_pick(run, ARRAY_SIZE(attributes))];

    if (crash_percent(run, 70)) {
        op->set = picked;
    } else {
        op->clear = picked;
    }
}

static void coroutine_fn crash_co_manage(CrashRun *run, CrashOpKind kind,
                                         uint32_t hot_idx)
{
    CrashOp *op;

    if (run->managed[hot_idx] ||
        run->hot[hot_idx] < run->image->geometry.conventional_zones) {
        return;
    }
    run->managed[hot_idx] = true;
    run->nr_managed++;
    op = crash_begin(run, kind, run->hot[hot_idx]);
    if (kind == CRASH_OP_ATTRIBUTES) {
        crash_pick_attributes(run, op);
    } else if (kind == CRASH_OP_SET_ZDE) {
        op->zrwa = run->zrwa && crash_percent(run, 50);
    }
    crash_end(run, op, crash_co_action(run, op));
    run->managed[hot_idx] = false;
    run->nr_managed--;
}

static void coroutine_fn crash_co_manage_all(CrashRun *run, CrashOpKind kind)
{
    g_autoptr(GPtrArray) ops = g_ptr_array_new();
    uint32_t i;
    int ret;

    if (run->nr_managed) {
        return;
    }
    for (i = 0; i < run->nr_hot; i++) {
        if (run->hot[i] >= run->image->geometry.conventional_zones) {
            CrashOp *op = crash_begin(run, kind, run->hot[i]);

            op->select_all = true;
            g_ptr_array_add(ops, op);
        }
        run->managed[i] = true;
    }
    if (ops->len) {
        run->nr_managed++;
        ret = crash_co_action(run, g_ptr_array_index(ops, 0));
        for (i = 0; i < ops->len; i++) {
            crash_end(run, g_ptr_array_index(ops, i), ret);
        }
        run->nr_managed--;
    }
    memset(run->managed, 0, sizeof(run->managed));
}

/* A hot zone in the state, if any, else hot_idx */
static uint32_t crash_pick_in_state(CrashRun *run, uint32_t hot_idx,
                                    ZoneState state)
{
    ZoneInfo info;
    uint32_t i;

    for (i = 0; i < run->nr_hot; i++) {
        blk_get_zone_info(run->image->blk, run->hot[i], &info);
        if (info.state == state) {
            return i;
        }
    }
    return hot_idx;
}

/* A window is for Empty zones alone */
static void coroutine_fn crash_co_open_zrwa(CrashRun *run, uint32_t hot_idx)
{
    ZoneInfo info;

    hot_idx = crash_pick_in_state(run, hot_idx, ZONE_STATE_EMPTY);
    blk_get_zone_info(run->image->blk, run->hot[hot_idx], &info);
    if (info.state != ZONE_STATE_EMPTY && crash_percent(run, 80)) {
        crash_co_manage(run, CRASH_OP_RESET, hot_idx);
    }
    crash_co_manage(run, CRASH_OP_ZRWA, hot_idx);
}

/* A flush of a part of the window, or a new window where there is none */
static void coroutine_fn crash_co_zrwa(CrashRun *run, uint32_t hot_idx)
{
    uint32_t zone_idx = run->hot[hot_idx];
    uint64_t end_bytes;
    ZoneInfo info;
    CrashOp *op;

    if (!run->zrwa || run->managed[hot_idx] ||
        zone_idx < run->image->geometry.conventional_zones) {
        return;
    }
    blk_get_zone_info(run->image->blk, zone_idx, &info);
    if (!(info.attributes & ZONE_ATTR_ZRWAV)) {
        crash_co_open_zrwa(run, hot_idx);
        return;
    }
    end_bytes = info.wp_bytes + CRASH_ZRWA_STEP_BYTES *
                (1 + crash_pick(run, CRASH_ZRWA_BYTES / CRASH_ZRWA_STEP_BYTES));
    if (end_bytes >= info.start_bytes + info.capacity_bytes) {
        return;
    }
    run->managed[hot_idx] = true;
    run->nr_managed++;
    op = crash_begin(run, CRASH_OP_ZRWA_FLUSH, zone_idx);
    op->offset_bytes = end_bytes;
    crash_end(run, op, crash_co_action(run, op));
    run->managed[hot_idx] = false;
    run->nr_managed--;
}

/* Seldom states: such a zone is lost to the rest of the load */
static void coroutine_fn crash_co_fail(CrashRun *run, uint32_t hot_idx)
{
    uint32_t dice = crash_pick(run, 100);

    if (dice < 65) {
        crash_co_manage(run, CRASH_OP_ATTRIBUTES, hot_idx);
        if (dice < 20) {
            /* which keeps them, also when it fails */
            crash_co_manage(run, CRASH_OP_SET_ZDE, hot_idx);
        }
    } else if (dice < 82) {
        crash_co_manage(run, CRASH_OP_READ_ONLY, hot_idx);
    } else if (dice < 88) {
        crash_co_manage(run, CRASH_OP_FAULT_OFFLINE, hot_idx);
    } else if (dice < 97) {
        /* to Read Only zones alone the host's Offline applies */
        crash_co_manage(run, CRASH_OP_OFFLINE,
                        crash_pick_in_state(run, hot_idx,
                                            ZONE_STATE_READ_ONLY));
    } else {
        crash_co_manage_all(run, CRASH_OP_OFFLINE);
    }
}

/* Open and Close: nothing of them is stored */
static void coroutine_fn crash_co_open_close(CrashRun *run, uint32_t zone_idx)
{
    uint64_t zone_bytes = run->image->geometry.zone_bytes;

    blk_co_zone_mgmt(run->image->blk,
                     crash_percent(run, 50) ? BLK_ZO_OPEN : BLK_ZO_CLOSE,
                     zone_bytes * zone_idx, zone_bytes);
}

/* The workers *************************************************************/

static void coroutine_fn crash_co_work(CrashRun *run)
{
    uint32_t hot_idx = run->focus;
    uint32_t dice = crash_pick(run, 100);
    uint32_t zone_idx;

    if (crash_percent(run, 5)) {
        run->focus = crash_pick(run, run->nr_hot);
    }
    if (crash_percent(run, 50)) {
        hot_idx = crash_pick(run, run->nr_hot);
    }
    zone_idx = run->hot[hot_idx];
    if (run->lossy && crash_co_retry(run)) {
        return;
    }
    if (run->drained || crash_jobs_drain(run)) {
        crash_co_write(run, zone_idx); /* what waits in the backend */
        return;
    }
    if (run->record_percent && crash_percent(run, run->record_percent)) {
        if (crash_percent(run, 80)) {
            crash_co_write(run, zone_idx);
        } else if (crash_percent(run, 60)) {
            crash_co_flush(run);
        } else {
            crash_co_commit(run);
        }
    } else if (run->image->variant->overlays && !crash_jobs_filter(run) &&
               crash_percent(run, 8)) {
        crash_co_copy_on_read(run, zone_idx);
    } else if (run->zrwa && crash_percent(run, 15)) {
        crash_co_zrwa(run, hot_idx);
    } else if (run->faults && crash_percent(run, 12)) {
        crash_co_fail(run, hot_idx);
    } else if (run->image->variant->zrwa && crash_percent(run, 20)) {
        crash_co_commit(run); /* waits for another while writes come */
    } else if (dice < 64) {
        crash_co_write(run, zone_idx);
    } else if (dice < 73) {
        crash_co_flush(run);
    } else if (dice < 76) {
        crash_co_commit(run);
    } else if (dice < 84) {
        crash_co_manage(run, CRASH_OP_RESET, hot_idx);
    } else if (dice < 88) {
        crash_co_manage(run, CRASH_OP_FINISH, hot_idx);
    } else if (dice < 93) {
        crash_co_manage(run, CRASH_OP_SET_ZDE, hot_idx);
    } else if (dice < 95) {
        crash_co_manage_all(run, dice & 1 ? CRASH_OP_RESET : CRASH_OP_FINISH);
    } else if (dice < 97) {
        crash_co_discard(run, zone_idx);
    } else {
        crash_co_open_close(run, zone_idx);
    }
}

static void coroutine_fn crash_worker_entry(void *opaque)
{
    CrashRun *run = opaque;

    while (run->ops_left) {
        run->ops_left--;
        crash_co_work(run);
    }
    run->nr_workers--;
}

/* How the disks complete requests */
typedef struct CrashPace {
    uint32_t depth;
    bool in_order;
    bool starve;
    bool slow_discards;
} CrashPace;

/* Workers do nr_ops operations, and end */
static void crash_run_workers(CrashRun *run, const CrashPace *pace,
                              uint32_t nr_ops)
{
    AioContext *ctx = qemu_get_aio_context();
    uint32_t i;

    run->ops_left = nr_ops;
    for (i = 0; i < pace->depth; i++) {
        run->nr_workers++;
        aio_co_enter(ctx, qemu_coroutine_create(crash_worker_entry, run));
    }
    while (run->nr_workers) {
        while (aio_poll(ctx, false)) {
            /* until only the disks can go on */
        }
        run->log->in_order = pace->in_order ||
                             crash_percent(run, pace->starve ? 5 : 30);
        run->log->starve = pace->starve && crash_percent(run, 90);
        run->log->slow_discards = pace->slow_discards &&
                                  crash_percent(run, 95);
        crash_jobs_step(run);
        if (run->hand_over_after && --run->hand_over_after == 0) {
            crash_stages_hand_over(run);
        } else if (run->nr_workers && !crash_log_step(run->log) &&
                   !aio_poll(ctx, false)) {
            run->stuck = true;
            return;
        }
    }
}

/* With nothing under way */
static void crash_run_step(CrashRun *run)
{
    const CrashVariant *variant = run->image->variant;

    if (variant->snapshots) {
        crash_snapshots_step(run);
    } else if (run->exact) {
        crash_stages_step(run);
    }
}

static void crash_run_load(CrashRun *run, uint32_t nr_ops)
{
    bool overlays = run->image->variant->overlays;
    CrashPace pace = { .depth = 1 + crash_pick(run, 12) };
    uint32_t n;

    pace.in_order = crash_percent(run, 20);
    pace.starve = crash_percent(run, 50);
    pace.slow_discards = crash_percent(run, 50);
    run->focus = crash_pick(run, run->nr_hot);
    run->whole_clusters = crash_percent(run, 40);
    run->log->delay = true;
    if (run->image->variant->jobs) {
        crash_log_start_polling(run->log);
    }
    for (; nr_ops && !run->stuck; nr_ops -= n) {
        n = run->exact ? MIN(nr_ops, 1 + crash_pick(run, 14)) : nr_ops;
        if (overlays) {
            crash_jobs_plan(run);
            crash_stages_plan(run);
        }
        crash_run_workers(run, &pace, n);
        if (!run->stuck) {
            crash_run_step(run);
        }
    }
    if (!run->stuck) {
        crash_jobs_finish(run);
    }
    /* what goes on behind completed requests: the holes of zones after Reset */
    while (!run->stuck) {
        while (aio_poll(qemu_get_aio_context(), false)) {
            /* until only the disks can go on */
        }
        if (!crash_log_step(run->log)) {
            break;
        }
    }
    crash_log_stop_polling();
    run->log->delay = false;
}

/* Zones in all sectors of words, some of them neighbours */
static void crash_run_pick_zones(CrashRun *run)
{
    uint32_t nr_zones = run->image->geometry.nr_zones;
    uint32_t i, zone_idx = 0;

    if (run->image->variant->resizes) {
        nr_zones /= 2;
    }
    run->nr_hot = 4 + crash_pick(run, CRASH_MAX_HOT - 4 + 1);
    for (i = 0; i < run->nr_hot && zone_idx < nr_zones; i++) {
        run->hot[i] = zone_idx;
        zone_idx += crash_percent(run, 40) ? 1 :
                    1 + crash_pick(run, 2 * nr_zones / run->nr_hot);
    }
    run->nr_hot = i;
}

/*
 * Earlier lives: zones whose clusters are mapped and hold something, which
 * nobody may see again
 */
static void crash_run_age(CrashRun *run)
{
    const ZoneGeometry *geometry = &run->image->geometry;
    g_autofree uint8_t *buf = g_malloc(geometry->capacity_bytes);
    uint32_t i;

    memset(buf, CRASH_AGE_BYTE, geometry->capacity_bytes);
    crash_image_open(run->image, &error_abort);
    for (i = 0; i < run->nr_hot; i++) {
        if (run->hot[i] >= geometry->conventional_zones) {
            uint64_t start_bytes = geometry->zone_bytes * run->hot[i];

            g_assert_cmpint(blk_pwrite(run->image->blk, start_bytes,
                                       geometry->capacity_bytes, buf, 0),
                            >=, 0);
            g_assert_cmpint(blk_zone_mgmt(run->image->blk, BLK_ZO_RESET,
                                          start_bytes, geometry->zone_bytes),
                            >=, 0);
        }
    }
    crash_image_close(run->image);
}

static void crash_run_attach_log(CrashRun *run, CrashLog *log)
{
    unsigned i;

    for (i = 0; i < CRASH_MAX_DISKS && run->image->disk[i]; i++) {
        run->image->disk[i]->log = log;
    }
}

/* What migration does before the other side opens the image */
static void crash_run_hand_over(CrashRun *run)
{
    blk_set_force_allow_inactivate(run->image->blk);
    g_assert_cmpint(bdrv_inactivate_all(), ==, 0);
    run->handed_over = crash_image_like(run->image);
    crash_image_copy(run->handed_over, run->image);
    bdrv_activate_all(&error_abort);
}

void crash_run_open(CrashRun *run)
{
    crash_image_open(run->image, &error_abort);
    if (run->zrwa) {
        blk_set_zone_zrwa(run->image->blk, CRASH_ZRWA_BYTES,
                          CRASH_ZRWA_STEP_BYTES, 3);
    }
}

/* From here on the disks record */
static void crash_run_start(CrashRun *run, uint32_t first_id)
{
    const CrashVariant *variant = run->image->variant;

    run->start = crash_image_like(run->image);
    crash_image_copy(run->start, run->image);
    crash_epochs_init(run, first_id);
    crash_snapshots_init(run);
    crash_jobs_init(run);
    run->log = crash_log_new(run->rand);
    run->log->name = variant->name;
    run->exact = (variant->snapshots || variant->overlays ||
                  variant->resizes) && !variant->holes;
    run->log->settles_failed = run->exact;
    crash_run_attach_log(run, run->log);
    run->zrwa = crash_percent(run, variant->zrwa ? 100 : 40);
    run->faults = crash_percent(run, 50);
    if (variant->records) {
        run->record_percent = crash_percent(run, 40) ? 97 : 75;
    }
    crash_run_open(run);
    crash_stages_init(run);
    crash_fault_start(run);
    crash_change_start(run);
}

static void crash_run_end(CrashRun *run)
{
    /* a clean exit keeps what a flush would keep (C5) */
    CrashOp *end = crash_begin(run, CRASH_OP_FLUSH, 0);

    crash_image_close(run->image);
    crash_end(run, end, 0);
    crash_change_stop(run);
    crash_run_attach_log(run, NULL);
    crash_epochs_close(run);
    if (!run->live_fault) {
        run->live_fault = crash_snapshots_check_made(run);
    }
    if (!run->live_fault) {
        run->live_fault = crash_stages_check_made(run);
    }
    if (!run->live_fault) {
        run->live_fault = crash_jobs_check_made(run);
    }
}

CrashRun *crash_run_new(const CrashVariant *variant, uint32_t seed)
{
    CrashRun *run = g_new0(CrashRun, 1);

    run->seed = seed;
    run->rand = g_rand_new_with_seed(seed);
    run->image = crash_image_new(variant, run->rand);
    crash_run_pick_zones(run);
    if (crash_percent(run, variant->zrwa ? 80 : 40)) {
        crash_run_age(run);
    }
    crash_run_start(run, 0);
    crash_run_load(run, 20 + crash_pick(run, variant->records ? 140 : 60));
    if (!run->stuck) {
        crash_run_hand_over(run);
        crash_run_end(run);
    }
    return run;
}

CrashRun *crash_run_again(const CrashRun *first, uint64_t time,
                          const CrashImage *image, uint32_t seed)
{
    CrashRun *run = g_new0(CrashRun, 1);

    run->seed = seed;
    run->rand = g_rand_new_with_seed(seed);
    run->image = crash_image_like(image);
    crash_image_copy(run->image, image);
    crash_stages_enter(first, time, run->image);
    if (image->variant->lazy_refcounts) {
        /* the base repairs at open, and may not be interrupted at that */
        crash_image_open(run->image, &error_abort);
        crash_image_close(run->image);
    }
    memcpy(run->hot, first->hot, sizeof(run->hot));
    run->nr_hot = first->nr_hot;
    run->loose = crash_snapshots_are_loose(first, time);
    run->snapshot_serial = first->snapshot_serial;
    crash_run_start(run, crash_oracle_next_id(first->oracle));
    crash_check_learn(run);
    crash_stages_regrow(run);
    crash_run_load(run, 8 + crash_pick(run, 16));
    if (!run->stuck) {
        crash_run_end(run);
    }
    return run;
}

/* A run that is stuck has requests that will never end: it is left alone */
void crash_run_free(CrashRun *run)
{
    if (run->stuck) {
        return;
    }
    crash_log_free(run->log);
    g_array_unref(run->failed);
    g_free(run->live_fault);
    crash_snapshots_free(run);
    crash_stages_free(run);
    crash_jobs_free(run);
    crash_epochs_free(run);
    crash_image_free(run->image); /* its geometry is that of the oracles */
    crash_image_free(run->start);
    if (run->handed_over) {
        crash_image_free(run->handed_over);
    }
    g_rand_free(run->rand);
    g_free(run);
}
