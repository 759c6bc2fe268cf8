/*
 * A disk in memory on which the Nth request of a kind fails
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qemu/coroutine.h"
#include "qemu/cutils.h"
#include "qemu/lockable.h"
#include "block/block_int.h"
#include "block/zone-compat.h"
#include "fail-disk.h"

typedef struct FailNode {
    FailDisk *disk;
} FailNode;

/* The disk of the node that is being opened */
static FailDisk *opening;

/* Over all disks: requests may come from several threads */
static QemuMutex contents_lock;

const char *fail_kind_str(FailKind kind)
{
    static const char *const names[] = {
        [FAIL_READ] = "read",
        [FAIL_WRITE] = "write",
        [FAIL_FLUSH] = "flush",
        [FAIL_DISCARD] = "discard",
    };

    return names[kind];
}

FailDisk *fail_disk_new(void)
{
    return g_new0(FailDisk, 1);
}

void fail_disk_free(FailDisk *disk)
{
    if (disk) {
        g_free(disk->data);
        g_free(disk->durable);
        g_free(disk);
    }
}

static uint8_t *grow(uint8_t *buf, int64_t old_bytes, int64_t new_bytes)
{
    buf = g_realloc(buf, new_bytes);
    memset(buf + old_bytes, 0, new_bytes - old_bytes);
    return buf;
}

/* Makes room; bytes that were never written are zeros */
static void reach(FailDisk *disk, int64_t end_bytes)
{
    int64_t alloc_bytes = MAX(disk->alloc_bytes, 65536);

    while (alloc_bytes < end_bytes) {
        alloc_bytes *= 2;
    }
    if (alloc_bytes > disk->alloc_bytes) {
        disk->data = grow(disk->data, disk->alloc_bytes, alloc_bytes);
        disk->durable = grow(disk->durable, disk->alloc_bytes, alloc_bytes);
        disk->alloc_bytes = alloc_bytes;
    }
    disk->length_bytes = MAX(disk->length_bytes, end_bytes);
}

static void flush_cache(FailDisk *disk)
{
    if (disk->length_bytes) {
        memcpy(disk->durable, disk->data, disk->length_bytes);
    }
    disk->durable_bytes = disk->length_bytes;
    disk->first.bytes = disk->last.bytes = 0;
}

/*
 * What a flush that fails gets to the disk, in an order that nobody has asked
 * for: the last change alone (EIO), or all but the first (ENOSPC).  The file
 * keeps its length: the base takes what is behind its end for free, though
 * tables lead there.
 */
static void flush_part(FailDisk *disk, int error)
{
    FailRange part = error == EIO ? disk->last : disk->first;
    g_autofree uint8_t *old = NULL;

    if (!part.bytes) {
        return;
    }
    if (error == EIO) {
        memcpy(disk->durable + part.offset, disk->data + part.offset,
               part.bytes);
    } else {
        old = g_memdup2(disk->durable + part.offset, part.bytes);
        memcpy(disk->durable, disk->data, disk->length_bytes);
        memcpy(disk->durable + part.offset, old, part.bytes);
    }
    disk->durable_bytes = disk->length_bytes;
}

FailDisk *fail_disk_dup(const FailDisk *disk, bool durable)
{
    FailDisk *copy = fail_disk_new();
    int64_t bytes = durable ? disk->durable_bytes : disk->length_bytes;

    copy->fua = disk->fua;
    reach(copy, bytes);
    if (bytes) {
        memcpy(copy->data, durable ? disk->durable : disk->data, bytes);
    }
    flush_cache(copy);
    return copy;
}

void fail_disk_poke(FailDisk *disk, int64_t offset_bytes, const void *buf,
                    int64_t bytes)
{
    reach(disk, offset_bytes + bytes);
    memcpy(disk->data + offset_bytes, buf, bytes);
    memcpy(disk->durable + offset_bytes, buf, bytes);
}

/* Yields, so that requests overlap; then 0 or what the plan says */
static int coroutine_fn begin_request(FailDisk *disk, FailKind kind)
{
    FailPlan *plan = disk->plan;

    aio_co_schedule(qemu_get_current_aio_context(), qemu_coroutine_self());
    qemu_coroutine_yield();
    if (!plan || !plan->armed || plan->kind != kind) {
        return 0;
    }
    plan->count++;
    if (plan->count == plan->nth ||
        (plan->forever && plan->count > plan->nth)) {
        plan->nr_failed++;
        return -plan->error;
    }
    return 0;
}

static void note_change(FailDisk *disk, int64_t offset, int64_t bytes)
{
    disk->nr_changes++;
    disk->last = (FailRange) { .offset = offset, .bytes = bytes };
    if (!disk->first.bytes) {
        disk->first = disk->last;
    }
}

/* Of a write that fails, every other sector gets to the disk */
static void change(FailDisk *disk, int64_t offset, int64_t bytes,
                   const uint8_t *buf, bool failed, bool durable)
{
    int64_t end = offset + bytes;
    int64_t pos, n;

    QEMU_LOCK_GUARD(&contents_lock);
    reach(disk, end);
    note_change(disk, offset, bytes);
    for (pos = offset; pos < end; pos += n) {
        n = failed ? MIN(end - pos, FAIL_SECTOR_BYTES) : end - pos;
        if (failed && (pos / FAIL_SECTOR_BYTES + disk->plan->nth) % 2) {
            continue;
        }
        if (buf) {
            memcpy(disk->data + pos, buf + (pos - offset), n);
        } else {
            memset(disk->data + pos, 0, n);
        }
        if (durable && !failed) {
            memcpy(disk->durable + pos, disk->data + pos, n);
            disk->durable_bytes = MAX(disk->durable_bytes, pos + n);
        }
    }
}

static void note_header(FailDisk *disk, int64_t offset, bool failed)
{
    QEMU_LOCK_GUARD(&contents_lock);
    disk->wrote_header = offset < FAIL_SECTOR_BYTES;
    if (failed && disk->wrote_header) {
        disk->plan->header_failed = true;
    }
}

static FailDisk *node_disk(BlockDriverState *bs)
{
    FailNode *node = bs->opaque;

    return node->disk;
}

static int coroutine_fn
fail_disk_co_preadv(BlockDriverState *bs, int64_t offset, int64_t bytes,
                    QEMUIOVector *qiov, BdrvRequestFlags flags)
{
    FailDisk *disk = node_disk(bs);
    int ret = begin_request(disk, FAIL_READ);
    int64_t n;

    if (ret < 0) {
        return ret;
    }
    QEMU_LOCK_GUARD(&contents_lock);
    n = MIN(bytes, MAX(disk->length_bytes - offset, 0));
    if (n) {
        qemu_iovec_from_buf(qiov, 0, disk->data + offset, n);
    }
    qemu_iovec_memset(qiov, n, 0, bytes - n);
    return 0;
}

static int coroutine_fn
fail_disk_co_pwritev(BlockDriverState *bs, int64_t offset, int64_t bytes,
                     QEMUIOVector *qiov, BdrvRequestFlags flags)
{
    FailDisk *disk = node_disk(bs);
    g_autofree uint8_t *buf = g_malloc(bytes);
    int ret = begin_request(disk, FAIL_WRITE);

    if (offset + bytes > FAIL_MAX_BYTES) {
        return -EFBIG;
    }
    note_header(disk, offset, ret < 0);
    qemu_iovec_to_buf(qiov, 0, buf, bytes);
    change(disk, offset, bytes, buf, ret < 0, flags & BDRV_REQ_FUA);
    return ret;
}

static int coroutine_fn
fail_disk_co_pwrite_zeroes(BlockDriverState *bs, int64_t offset, int64_t bytes,
                           BdrvRequestFlags flags)
{
    FailDisk *disk = node_disk(bs);
    int ret = begin_request(disk, FAIL_WRITE);

    if (offset + bytes > FAIL_MAX_BYTES) {
        return -EFBIG;
    }
    change(disk, offset, bytes, NULL, ret < 0, flags & BDRV_REQ_FUA);
    return ret;
}

static int coroutine_fn
fail_disk_co_pdiscard(BlockDriverState *bs, int64_t offset, int64_t bytes)
{
    FailDisk *disk = node_disk(bs);
    int ret = begin_request(disk, FAIL_DISCARD);

    if (ret >= 0 && offset + bytes <= disk->length_bytes) {
        change(disk, offset, bytes, NULL, false, false);
    }
    return ret;
}

/* With the contents' lock held */
static bool is_zero(const FailDisk *disk, int64_t offset)
{
    int64_t n = MIN(FAIL_SECTOR_BYTES, disk->length_bytes - offset);

    return n <= 0 || buffer_is_zero(disk->data + offset, n);
}

/* Zeros are holes */
static int coroutine_fn
fail_disk_co_block_status(BlockDriverState *bs, BdrvStatusHint hint,
                          int64_t offset, int64_t bytes, int64_t *pnum,
                          int64_t *map, BlockDriverState **file)
{
    FailDisk *disk = node_disk(bs);
    int64_t n = 0;
    bool zero;

    QEMU_LOCK_GUARD(&contents_lock);
    zero = is_zero(disk, offset);
    do {
        n += FAIL_SECTOR_BYTES;
    } while (n < bytes && is_zero(disk, offset + n) == zero);
    *pnum = MIN(n, bytes);
    *map = offset;
    *file = bs;
    return BDRV_BLOCK_OFFSET_VALID |
           (zero ? BDRV_BLOCK_ZERO : BDRV_BLOCK_DATA);
}

static int coroutine_fn fail_disk_co_flush(BlockDriverState *bs)
{
    FailDisk *disk = node_disk(bs);
    int ret = begin_request(disk, FAIL_FLUSH);

    QEMU_LOCK_GUARD(&contents_lock);
    if (ret < 0 && disk->wrote_header) {
        disk->plan->header_failed = true;
    }
    if (ret >= 0) {
        flush_cache(disk);
    } else {
        flush_part(disk, -ret);
    }
    return ret;
}

static int64_t coroutine_fn fail_disk_co_getlength(BlockDriverState *bs)
{
    QEMU_LOCK_GUARD(&contents_lock);
    return ROUND_UP(node_disk(bs)->length_bytes, FAIL_SECTOR_BYTES);
}

static int coroutine_fn
fail_disk_co_truncate(BlockDriverState *bs, int64_t offset, bool exact,
                      PreallocMode prealloc, BdrvRequestFlags flags,
                      Error **errp)
{
    FailDisk *disk = node_disk(bs);
    int ret = begin_request(disk, FAIL_WRITE);

    if (offset > FAIL_MAX_BYTES) {
        ret = -EFBIG;
    }
    if (ret < 0) {
        error_setg_errno(errp, -ret, "Could not resize the disk");
        return ret;
    }
    QEMU_LOCK_GUARD(&contents_lock);
    if (exact && offset < disk->length_bytes) {
        memset(disk->data + offset, 0, disk->length_bytes - offset);
        disk->length_bytes = offset;
    }
    reach(disk, offset);
    disk->nr_changes++;
    return 0;
}

static int fail_disk_bdrv_open(BlockDriverState *bs, QDict *options, int flags,
                               Error **errp)
{
    FailNode *node = bs->opaque;

    if (!opening) {
        error_setg(errp, "fail-disk is for the test alone");
        return -EINVAL;
    }
    node->disk = opening;
    bs->supported_write_flags = node->disk->fua ? BDRV_REQ_FUA : 0;
    bs->supported_zero_flags = bs->supported_write_flags | BDRV_REQ_MAY_UNMAP |
                               BDRV_REQ_NO_FALLBACK;
    return 0;
}

static BlockDriver bdrv_fail_disk = {
    .format_name            = "fail-disk",
    .protocol_name          = "fail-disk",
    .instance_size          = sizeof(FailNode),
    .bdrv_open              = fail_disk_bdrv_open,
    .bdrv_co_getlength      = fail_disk_co_getlength,
    .bdrv_co_truncate       = fail_disk_co_truncate,
    .bdrv_co_preadv         = fail_disk_co_preadv,
    .bdrv_co_pwritev        = fail_disk_co_pwritev,
    .bdrv_co_pwrite_zeroes  = fail_disk_co_pwrite_zeroes,
    .bdrv_co_pdiscard       = fail_disk_co_pdiscard,
    .bdrv_co_block_status   = fail_disk_co_block_status,
    .bdrv_co_flush_to_disk  = fail_disk_co_flush,
};

BlockDriverState *fail_disk_open(FailDisk *disk)
{
    static unsigned nr_opened;
    g_autofree char *name = g_strdup_printf("fail-%u", nr_opened++);
    BlockDriverState *bs;

    opening = disk;
    bs = bdrv_new_open_driver(&bdrv_fail_disk, name,
                              BDRV_O_RDWR | BDRV_O_UNMAP, &error_abort);
    opening = NULL;
    return bs;
}

void fail_disk_register(void)
{
    qemu_mutex_init(&contents_lock);
    bdrv_register(&bdrv_fail_disk);
}
