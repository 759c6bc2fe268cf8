/*
 * Requests of a load that fail or are late
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Writes of data fail one by one, and in storms that also take what is behind.
 * A device that stops its guest makes them again exactly, in whatever order; a
 * guest that hears of them may give them up.
 */

#include "qemu/osdep.h"
#include "crash-fault.h"
#include "crash-job.h"

#define CRASH_RING_BYTES 32768

static bool crash_is_of_meta(const CrashRun *run, const CrashRequest *request,
                             uint64_t start_bytes, uint64_t meta_bytes)
{
    uint64_t offset_bytes = run->meta_offset + start_bytes;

    return request->kind == CRASH_WRITE &&
           request->disk_idx == crash_chain_top(&run->image->chain) &&
           request->offset_bytes >= offset_bytes &&
           request->offset_bytes < offset_bytes + meta_bytes;
}

/* Of words and extensions */
static uint64_t crash_region_bytes(const CrashRun *run)
{
    const ZoneGeometry *geometry = &run->image->geometry;

    return ROUND_UP(8 * geometry->nr_zones, 4096) +
           (uint64_t)geometry->nr_zones * geometry->zd_extension_bytes;
}

/* In their places, or in a record */
static bool crash_is_of_words(const CrashRun *run, const CrashRequest *request)
{
    return crash_is_of_meta(run, request, 0,
                            8 * run->image->geometry.nr_zones) ||
           crash_is_of_meta(run, request,
                            ROUND_UP(crash_region_bytes(run), 4096),
                            CRASH_RING_BYTES);
}

/* Words and extensions, which are stamped too */
static bool crash_is_of_region(const CrashRun *run, const CrashRequest *request)
{
    return crash_is_of_meta(run, request, 0, crash_region_bytes(run));
}

/* What a job writes; and what it makes the drive write, as it would fail */
static bool crash_is_of_job(const CrashRun *run, const CrashRequest *request)
{
    return run->job &&
           (request->disk_idx != crash_chain_top(&run->image->chain) ||
            run->job->kind == CRASH_JOB_STREAM ||
            run->job->kind == CRASH_JOB_STREAM_BASE);
}

/* Encrypted data is found in a data file alone */
static bool crash_is_of_data(const CrashRun *run, const CrashRequest *request)
{
    if (request->kind != CRASH_WRITE || !request->data ||
        crash_is_of_region(run, request) || crash_is_of_job(run, request)) {
        return false;
    }
    return run->image->variant->luks ? request->disk_idx == 1 :
           crash_is_stamped(request->data, request->length_bytes);
}

/*
 * Writes of words fail, and flushes right behind them.  No other flush: qcow2
 * itself does not survive one that fails while it enters an L2 table.
 */
static bool crash_may_fail_words(CrashRun *run, const CrashRequest *request)
{
    const GPtrArray *requests = run->log->requests;
    guint i;

    if (request->kind != CRASH_FLUSH) {
        return crash_is_of_words(run, request);
    }
    for (i = requests->len; i > 0; i--) {
        if (g_ptr_array_index(requests, i - 1) == request) {
            break;
        }
    }
    return i >= 2 && !request->disk_idx &&
           crash_is_of_words(run, g_ptr_array_index(requests, i - 2));
}

/* What this coroutine does */
static CrashOp *crash_op_under_way(const CrashRun *run)
{
    const GPtrArray *ops = run->oracle->ops;
    guint i;

    for (i = 0; i < ops->len; i++) {
        CrashOp *op = g_ptr_array_index(ops, i);

        if (op->acked == CRASH_NEVER && op->co == qemu_coroutine_self()) {
            return op;
        }
    }
    return NULL;
}

static bool crash_data_fails(CrashRun *run)
{
    if (run->storm) {
        run->storm--;
        return true;
    }
    if (!crash_percent(run, 15)) {
        return false;
    }
    if (crash_percent(run, 30)) {
        run->storm = 1 + crash_pick(run, 8);
    }
    return true;
}

/* Where words fail too, the error says which it was */
static int crash_fault(void *opaque, const CrashRequest *request)
{
    CrashRun *run = opaque;
    bool errors = run->image->variant->errors;
    const CrashOp *op;

    if (!run->log->delay) {
        return 0;
    }
    if (run->lossy && crash_is_of_data(run, request)) {
        op = crash_op_under_way(run);
        if (op && op->zeroing) {
            return 0; /* what the cluster had is written as well */
        }
        return !crash_data_fails(run) ? 0 :
               errors || crash_percent(run, 50) ? -ENOSPC : -EIO;
    }
    return errors && crash_may_fail_words(run, request) &&
           crash_percent(run, 20) ? -EIO : 0;
}

static void crash_discard_begun(void *opaque)
{
    CrashRun *run = opaque;
    CrashOp *op = crash_op_under_way(run);

    if (op) {
        op->begun = crash_log_tick(run->log);
        op->first_begun = op->first_begun ?: op->begun;
    }
}

/*
 * Seldom, as what is there then says nothing, unless that is what is looked
 * for.  Never where what is there
 * at some moment has to be there for ever.
 */
static bool crash_zeros_fail(void *opaque)
{
    CrashRun *run = opaque;
    CrashOp *op = crash_op_under_way(run);

    if (op) {
        op->zeroing = true;
    }
    return !run->exact &&
           crash_percent(run, run->image->variant->holes ? 60 : 10);
}

static void crash_zeros_failed(void *opaque)
{
    CrashOp *op = crash_op_under_way(opaque);

    if (op) {
        op->unzeroed = true;
    }
}

void crash_fault_start(CrashRun *run)
{
    run->lossy = crash_percent(run, run->image->variant->holes ? 90 : 45);
    run->failed = g_array_new(false, false, sizeof(CrashFailed));
    run->log->opaque = run;
    run->log->discard = crash_discard_begun;
    run->log->zeros = crash_zeros_fail;
    run->log->zeros_failed = crash_zeros_failed;
    if (run->lossy || run->image->variant->errors) {
        run->log->fault = crash_fault;
    }
}

bool crash_fault_lost(const CrashRun *run, int ret)
{
    return ret < 0 && zone_status_from_errno(ret) == ZONE_OK &&
           (ret == -ENOSPC || !run->image->variant->errors);
}

void crash_fault_remember(CrashRun *run, const CrashOp *op)
{
    CrashFailed failed = {
        .zone_idx = op->zone_idx,
        .offset_bytes = op->offset_bytes,
        .length_bytes = op->length_bytes,
    };

    if (crash_percent(run, 80)) {
        g_array_append_val(run->failed, failed);
    }
}

bool crash_fault_recall(CrashRun *run, CrashFailed *failed)
{
    guint i = run->failed->len;

    if (!i) {
        return false;
    }
    i = crash_percent(run, 60) ? i - 1 : crash_pick(run, i);
    *failed = g_array_index(run->failed, CrashFailed, i);
    g_array_remove_index(run->failed, i);
    return true;
}
