/*
 * A disk in memory that remembers its requests
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/cutils.h"
#include "qapi/error.h"
#include "block/block_int.h"
#include "block/zone-compat.h"
#include "qemu/coroutine.h"
#include "crash-disk.h"

typedef struct CrashNode {
    CrashDisk *disk;
} CrashNode;

/* The disk of the node that is being opened */
static CrashDisk *opening;
/* The function that crash_disk_register() has taken the place of */
static int coroutine_fn GRAPH_RDLOCK_PTR
(*format_co_pdiscard)(BlockDriverState *bs, int64_t offset, int64_t bytes);

static void crash_request_free(gpointer opaque)
{
    CrashRequest *request = opaque;

    g_free(request->reached);
    g_free(request->data);
    g_free(request);
}

CrashLog *crash_log_new(GRand *rand)
{
    CrashLog *log = g_new0(CrashLog, 1);

    log->rand = rand;
    log->events = g_array_new(false, false, sizeof(CrashEvent));
    log->requests = g_ptr_array_new_with_free_func(crash_request_free);
    log->waiting = g_array_new(false, false, sizeof(CrashWaiter));
    return log;
}

void crash_log_free(CrashLog *log)
{
    assert(!log->waiting->len);
    g_array_unref(log->events);
    g_ptr_array_unref(log->requests);
    g_array_unref(log->waiting);
    g_free(log);
}

uint64_t crash_log_tick(CrashLog *log)
{
    return ++log->now;
}

static guint crash_log_pick(CrashLog *log)
{
    guint first = log->starve && log->waiting->len > 1;

    return log->in_order ? 0 :
           g_rand_int_range(log->rand, first, log->waiting->len);
}

/* The next behind it that is no discard, if there is any */
static guint crash_log_pass_discards(CrashLog *log, guint picked)
{
    guint i, next;

    for (i = 0; i < log->waiting->len; i++) {
        next = (picked + i) % log->waiting->len;
        if (!g_array_index(log->waiting, CrashWaiter, next).discard) {
            return next;
        }
    }
    return picked;
}

void crash_log_add_sleeper(CrashLog *log, Job *job)
{
    CrashWaiter waiter = { .sleeper = job };

    g_array_append_val(log->waiting, waiter);
}

void crash_log_remove_sleeper(CrashLog *log, Job *job)
{
    guint i;

    for (i = 0; i < log->waiting->len; i++) {
        if (g_array_index(log->waiting, CrashWaiter, i).sleeper == job) {
            g_array_remove_index(log->waiting, i);
            break;
        }
    }
}

/* One that is paused meanwhile is woken by whoever has paused it */
static void crash_log_wake(const CrashWaiter *waiter)
{
    if (!waiter->sleeper) {
        aio_co_wake(waiter->co);
        return;
    }
    WITH_JOB_LOCK_GUARD() {
        if (!waiter->sleeper->paused) {
            job_enter_cond_locked(waiter->sleeper, NULL);
        }
    }
}

bool crash_log_step(CrashLog *log)
{
    CrashWaiter waiter;
    guint next;

    if (!log->waiting->len) {
        return false;
    }
    next = crash_log_pick(log);
    if (log->slow_discards) {
        next = crash_log_pass_discards(log, next);
    }
    waiter = g_array_index(log->waiting, CrashWaiter, next);
    g_array_remove_index(log->waiting, next);
    crash_log_wake(&waiter);
    return true;
}

static void crash_log_pump(void *opaque)
{
    CrashLog *log = opaque;

    crash_log_step(log);
    qemu_bh_schedule(log->pump);
}

void crash_log_start_pump(CrashLog *log)
{
    log->pump = aio_bh_new(qemu_get_aio_context(), crash_log_pump, log);
    qemu_bh_schedule(log->pump);
}

void crash_log_stop_pump(CrashLog *log)
{
    qemu_bh_delete(log->pump);
    log->pump = NULL;
}

static void coroutine_fn crash_log_wait(CrashLog *log, bool discard)
{
    CrashWaiter waiter = { .co = qemu_coroutine_self(), .discard = discard };

    if (log && log->delay) {
        g_array_append_val(log->waiting, waiter);
        qemu_coroutine_yield();
    }
}

static void crash_log_event(CrashLog *log, CrashRequest *request,
                            bool completion)
{
    CrashEvent event = {
        .time = crash_log_tick(log),
        .request = request,
        .completion = completion,
    };

    *(completion ? &request->completed : &request->submitted) = event.time;
    g_array_append_val(log->events, event);
}

CrashDisk *crash_disk_new(unsigned idx)
{
    CrashDisk *disk = g_new0(CrashDisk, 1);

    disk->idx = idx;
    disk->alignment_bytes = CRASH_SECTOR_BYTES;
    return disk;
}

void crash_disk_free(CrashDisk *disk)
{
    g_free(disk->data);
    g_free(disk);
}

void crash_disk_reach(CrashDisk *disk, int64_t end_bytes)
{
    int64_t alloc_bytes = MAX(disk->alloc_bytes, 65536);

    while (alloc_bytes < end_bytes) {
        alloc_bytes *= 2;
    }
    if (alloc_bytes > disk->alloc_bytes) {
        disk->data = g_realloc(disk->data, alloc_bytes);
        memset(disk->data + disk->alloc_bytes, 0,
               alloc_bytes - disk->alloc_bytes);
        disk->alloc_bytes = alloc_bytes;
    }
    disk->length_bytes = MAX(disk->length_bytes, end_bytes);
}

void crash_disk_poke(CrashDisk *disk, int64_t offset_bytes, const uint8_t *data,
                     int64_t length_bytes)
{
    crash_disk_reach(disk, offset_bytes + length_bytes);
    if (data) {
        memcpy(disk->data + offset_bytes, data, length_bytes);
    } else {
        memset(disk->data + offset_bytes, 0, length_bytes);
    }
}

void crash_disk_copy(CrashDisk *disk, const CrashDisk *from)
{
    if (disk->length_bytes > from->length_bytes) {
        memset(disk->data + from->length_bytes, 0,
               disk->length_bytes - from->length_bytes);
    }
    disk->length_bytes = 0;
    crash_disk_poke(disk, 0, from->data, from->length_bytes);
    disk->fua = from->fua;
    disk->alignment_bytes = from->alignment_bytes;
}

/* Half of the sectors of a write that fails get to the disk */
static void crash_disk_apply(CrashDisk *disk, CrashRequest *request)
{
    int64_t offset_bytes = request->offset_bytes;
    int64_t done_bytes, n;

    if (request->failed && disk->log->settles_failed) {
        request->reached = g_new0(bool, DIV_ROUND_UP(request->length_bytes,
                                                     CRASH_SECTOR_BYTES));
    }
    for (done_bytes = 0; done_bytes < request->length_bytes; done_bytes += n) {
        n = request->length_bytes - done_bytes;
        if (request->failed) {
            n = MIN(n, CRASH_SECTOR_BYTES);
            if (g_rand_boolean(disk->log->rand)) {
                continue;
            }
            if (request->reached) {
                request->reached[done_bytes / CRASH_SECTOR_BYTES] = true;
            }
        }
        crash_disk_poke(disk, offset_bytes + done_bytes,
                        request->data ? request->data + done_bytes : NULL, n);
    }
}

/* Takes request and its data */
static int coroutine_fn crash_disk_submit(CrashDisk *disk,
                                          CrashRequest *request)
{
    CrashLog *log = disk->log;
    int ret = 0;

    if (!log) {
        crash_disk_apply(disk, request);
        crash_request_free(request);
        return 0;
    }
    request->disk_idx = disk->idx;
    request->completed = CRASH_NEVER;
    g_ptr_array_add(log->requests, request);
    crash_log_event(log, request, false);
    crash_log_wait(log, request->kind == CRASH_DISCARD);
    if (log->fault) {
        ret = log->fault(log->opaque, request);
    }
    request->failed = ret < 0;
    crash_disk_apply(disk, request);
    crash_log_event(log, request, true);
    return ret;
}

static CrashRequest *crash_request_new(CrashRequestKind kind, int64_t offset,
                                       int64_t bytes)
{
    CrashRequest *request = g_new0(CrashRequest, 1);

    request->kind = kind;
    request->offset_bytes = offset;
    request->length_bytes = bytes;
    return request;
}

static CrashDisk *crash_node_disk(BlockDriverState *bs)
{
    CrashNode *node = bs->opaque;

    return node->disk;
}

static int coroutine_fn
crash_disk_co_preadv(BlockDriverState *bs, int64_t offset, int64_t bytes,
                     QEMUIOVector *qiov, BdrvRequestFlags flags)
{
    CrashDisk *disk = crash_node_disk(bs);
    int64_t n;

    crash_log_wait(disk->log, false);
    n = MIN(bytes, MAX(disk->length_bytes - offset, 0));
    if (n) {
        qemu_iovec_from_buf(qiov, 0, disk->data + offset, n);
    }
    qemu_iovec_memset(qiov, n, 0, bytes - n);
    return 0;
}

static int coroutine_fn
crash_disk_co_pwritev(BlockDriverState *bs, int64_t offset, int64_t bytes,
                      QEMUIOVector *qiov, BdrvRequestFlags flags)
{
    CrashRequest *request = crash_request_new(CRASH_WRITE, offset, bytes);
    CrashDisk *disk = crash_node_disk(bs);

    request->data = g_malloc(bytes);
    request->fua = flags & BDRV_REQ_FUA;
    qemu_iovec_to_buf(qiov, 0, request->data, bytes);
    if (disk->log && disk->log->taken) {
        disk->log->taken(disk->log->opaque, qiov);
    }
    return crash_disk_submit(disk, request);
}

static int coroutine_fn
crash_disk_co_pwrite_zeroes(BlockDriverState *bs, int64_t offset,
                            int64_t bytes, BdrvRequestFlags flags)
{
    CrashRequest *request = crash_request_new(CRASH_WRITE, offset, bytes);

    request->fua = flags & BDRV_REQ_FUA;
    return crash_disk_submit(crash_node_disk(bs), request);
}

static int coroutine_fn
crash_disk_co_pdiscard(BlockDriverState *bs, int64_t offset, int64_t bytes)
{
    return crash_disk_submit(crash_node_disk(bs),
                             crash_request_new(CRASH_DISCARD, offset, bytes));
}

static int coroutine_fn crash_disk_co_flush(BlockDriverState *bs)
{
    return crash_disk_submit(crash_node_disk(bs),
                             crash_request_new(CRASH_FLUSH, 0, 0));
}

static int64_t coroutine_fn crash_disk_co_getlength(BlockDriverState *bs)
{
    CrashDisk *disk = crash_node_disk(bs);

    return ROUND_UP(disk->length_bytes, disk->alignment_bytes);
}

static bool crash_disk_is_zero(const CrashDisk *disk, int64_t offset)
{
    int64_t n = MIN(disk->alignment_bytes, disk->length_bytes - offset);

    return n <= 0 || buffer_is_zero(disk->data + offset, n);
}

/* Zeros are holes */
static int coroutine_fn
crash_disk_co_block_status(BlockDriverState *bs, BdrvStatusHint hint,
                           int64_t offset, int64_t bytes, int64_t *pnum,
                           int64_t *map, BlockDriverState **file)
{
    CrashDisk *disk = crash_node_disk(bs);
    bool zero = crash_disk_is_zero(disk, offset);
    int64_t n = 0;

    do {
        n += disk->alignment_bytes;
    } while (n < bytes && crash_disk_is_zero(disk, offset + n) == zero);
    *pnum = MIN(n, bytes);
    *map = offset;
    *file = bs;
    return BDRV_BLOCK_OFFSET_VALID |
           (zero ? BDRV_BLOCK_ZERO : BDRV_BLOCK_DATA);
}

/* Grows only: by zeros at the new end, which are lost like any other write */
static int coroutine_fn
crash_disk_co_truncate(BlockDriverState *bs, int64_t offset, bool exact,
                       PreallocMode prealloc, BdrvRequestFlags flags,
                       Error **errp)
{
    CrashDisk *disk = crash_node_disk(bs);
    int64_t start = MAX(disk->length_bytes,
                        offset - (int64_t)disk->alignment_bytes);

    if (start >= offset) {
        return 0;
    }
    return crash_disk_submit(disk, crash_request_new(CRASH_WRITE, start,
                                                     offset - start));
}

static void crash_disk_refresh_limits(BlockDriverState *bs, Error **errp)
{
    bs->bl.request_alignment = crash_node_disk(bs)->alignment_bytes;
}

static int crash_disk_bdrv_open(BlockDriverState *bs, QDict *options,
                                int flags, Error **errp)
{
    CrashNode *node = bs->opaque;

    if (!opening) {
        error_setg(errp, "crash-disk is for the test alone");
        return -EINVAL;
    }
    node->disk = opening;
    bs->supported_write_flags = node->disk->fua ? BDRV_REQ_FUA : 0;
    bs->supported_zero_flags = bs->supported_write_flags | BDRV_REQ_MAY_UNMAP |
                               BDRV_REQ_NO_FALLBACK;
    return 0;
}

static BlockDriver bdrv_crash_disk = {
    .format_name            = "crash-disk",
    .protocol_name          = "crash-disk",
    .instance_size          = sizeof(CrashNode),
    .bdrv_open              = crash_disk_bdrv_open,
    .bdrv_refresh_limits    = crash_disk_refresh_limits,
    .bdrv_co_getlength      = crash_disk_co_getlength,
    .bdrv_co_truncate       = crash_disk_co_truncate,
    .bdrv_co_preadv         = crash_disk_co_preadv,
    .bdrv_co_pwritev        = crash_disk_co_pwritev,
    .bdrv_co_pwrite_zeroes  = crash_disk_co_pwrite_zeroes,
    .bdrv_co_pdiscard       = crash_disk_co_pdiscard,
    .bdrv_co_block_status   = crash_disk_co_block_status,
    .bdrv_co_flush_to_disk  = crash_disk_co_flush,
};

BlockDriverState *crash_disk_open(CrashDisk *disk, const char *node_name,
                                  int flags)
{
    BlockDriverState *bs;

    opening = disk;
    bs = bdrv_new_open_driver(&bdrv_crash_disk, node_name, flags,
                              &error_abort);
    opening = NULL;
    return bs;
}

/* Of the node of an image; NULL when its disks do not record */
static CrashLog *crash_format_log(BlockDriverState *bs)
{
    BlockDriverState *file = bs->file ? bs->file->bs : NULL;

    return file && file->drv == &bdrv_crash_disk ?
           crash_node_disk(file)->log : NULL;
}

/*
 * A discard that the gate has let pass.  A thread can be late here for any
 * time, with nothing of the driver's locked yet: so it waits like a request.
 */
static int coroutine_fn GRAPH_RDLOCK
crash_format_co_pdiscard(BlockDriverState *bs, int64_t offset, int64_t bytes)
{
    CrashLog *log = crash_format_log(bs);

    if (log && log->discard) {
        log->discard(log->opaque);
    }
    crash_log_wait(log, true);
    return format_co_pdiscard(bs, offset, bytes);
}

void crash_disk_register(BlockDriver *format)
{
    bdrv_register(&bdrv_crash_disk);
    format_co_pdiscard = format->bdrv_co_pdiscard;
    format->bdrv_co_pdiscard = crash_format_co_pdiscard;
}

/*
 * In place of thread_pool_submit_co(): threads would end in an order that no
 * seed decides
 */
int coroutine_fn __wrap_thread_pool_submit_co(ThreadPoolFunc *func, void *arg)
{
    return func(arg);
}

/*
 * In place of bdrv_driver_pwritev(), which the gate calls where a write has
 * failed, and for nothing else
 */
int coroutine_fn __wrap_bdrv_driver_pwritev(BlockDriverState *bs,
                                            int64_t offset, int64_t bytes,
                                            QEMUIOVector *qiov,
                                            size_t qiov_offset,
                                            BdrvRequestFlags flags)
{
    CrashLog *log = crash_format_log(bs);
    int ret = log && log->zeros && log->zeros(log->opaque) ? -EIO :
              __real_bdrv_driver_pwritev(bs, offset, bytes, qiov, qiov_offset,
                                         flags);

    if (ret < 0 && log && log->zeros) {
        log->zeros_failed(log->opaque);
    }
    return ret;
}

/*
 * In place of qcrypto_pbkdf2_count_iters(), which measures for seconds: the
 * key of the test is no secret, and the count comes out at its minimum
 */
uint64_t __wrap_qcrypto_pbkdf2_count_iters(QCryptoHashAlgo hash,
                                           const uint8_t *key, size_t nkey,
                                           const uint8_t *salt, size_t nsalt,
                                           size_t nout, Error **errp)
{
    return 1;
}
