/*
 * Zoned I/O: reads, writes and discards of a node with zones
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * block/io.c calls these for each request of such a node, above whatever it
 * does to the request: splitting, padding with zeros, emulation of flags.
 */

#include "qemu/osdep.h"
#include "qemu/error-report.h"
#include "qemu/iov.h"
#include "qemu/memalign.h"
#include "qemu/units.h"
#include "block/block-io.h"
#include "block/block_int.h"
#include "block/write-threshold.h"
#include "block/zone/gate/block-io.h"
#include "block/zone/gate/internal.h"
#include "block/zone/trace.h"

/* Zeros that are written as data go in pieces of this */
#define ZONE_IO_ZEROS_BYTES     (256 * KiB)

/* Writes ******************************************************************/

/* What is to be done, with the zone held, before the data is written */
typedef struct ZoneIOBefore {
    bool begin_life;            /* earlier ones have left something */
    bool fill_gap;              /* what a write in a ZRWA leaves out: zeros */
    bool prepare;               /* what the store wants */
    bool settle;                /* before what has been written changes */
    bool sum;                   /* not before: the store is to see the data */
} ZoneIOBefore;

static bool zone_io_wants_begin_life(ZoneIO *io, const ZoneWrite *write)
{
    return io->ops->wants_begin_life && io->ops->wants_begin_life(io->bs) &&
           zone_table_write_begins_life(io->table, write);
}

/*
 * Zeros need no space.  A write that is made again has others above it, which
 * the store must leave alone.
 */
static bool zone_io_wants_prepare(ZoneIO *io, const ZoneWrite *write,
                                  BdrvRequestFlags flags)
{
    return !(flags & BDRV_REQ_ZERO_WRITE) &&
           write->unwritten_bytes == write->start_bytes &&
           io->ops->wants_prepare && io->ops->wants_prepare(io->bs, write);
}

/* A write that is made again is one over what has been written */
static bool zone_io_wants_settle(ZoneIO *io, const ZoneWrite *write)
{
    return write->unwritten_bytes == UINT64_MAX && io->ops->wants_settle &&
           io->ops->wants_settle(io->bs, write->zone_idx);
}

static bool zone_io_wants_sum(ZoneIO *io, const ZoneWrite *write,
                              BdrvRequestFlags flags)
{
    return !(flags & BDRV_REQ_ZERO_WRITE) &&
           write->unwritten_bytes == write->start_bytes &&
           io->ops->wants_sum &&
           io->ops->wants_sum(io->bs, write, flags & BDRV_REQ_FUA);
}

/* True when there is something to do */
static bool zone_io_plan_before(ZoneIO *io, const ZoneWrite *write,
                                BdrvRequestFlags flags, ZoneIOBefore *before)
{
    if (!write->tracked) {
        return false;
    }
    before->begin_life = zone_io_wants_begin_life(io, write);
    if (zone_table_has_zrwa(io->table, write->zone_idx)) {
        before->fill_gap = zone_table_write_gap(io->table, write) <
                           write->start_bytes;
    } else {
        before->prepare = zone_io_wants_prepare(io, write, flags);
        before->settle = zone_io_wants_settle(io, write);
        before->sum = zone_io_wants_sum(io, write, flags);
    }
    return before->begin_life || before->fill_gap || before->prepare ||
           before->settle;
}

/* A write, or an append if the position is to be assigned, until it begins */
typedef struct ZoneReserve {
    ZoneWaiter waiter;
    ZoneWrite *write;
    const ZoneIOWrite *more;
    int64_t offset;
    int64_t bytes;
    BdrvRequestFlags flags;
    ZoneIOBefore before;
    bool held;                  /* the zone is: zone_io_co_before() ends that */
    ZoneStatus status;
} ZoneReserve;

/*
 * With a tail it keeps its range to itself, or there could be the data of one
 * write and the tail of another.
 */
static ZoneWait zone_io_look_reserve(ZoneIO *io, ZoneWaiter *waiter)
{
    ZoneReserve *reserve = container_of(waiter, ZoneReserve, waiter);
    const ZoneIOWrite *more = reserve->more;
    ZoneWrite *write = reserve->write;

    reserve->status = more && more->append
        ? zone_table_append_begin(io->table, write, reserve->offset,
                                  reserve->bytes)
        : zone_table_write_begin(io->table, write, reserve->offset,
                                 reserve->bytes);
    if (reserve->status != ZONE_OK) {
        waiter->zone_idx = zone_table_idx(io->table, reserve->offset);
        return zone_wait_of_status(reserve->status);
    }
    write->exclusive = more && more->tail;
    if (write->changed) {
        zone_io_mark_dirty(io, write->zone_idx);
    }
    reserve->held = zone_io_plan_before(io, write, reserve->flags,
                                        &reserve->before);
    if (reserve->held) {
        zone_table_hold(io->table, write->zone_idx);
    }
    return ZONE_WAIT_NOTHING;
}

static int coroutine_fn zone_io_co_reserve(ZoneIO *io, ZoneReserve *reserve)
{
    reserve->waiter.look = zone_io_look_reserve;
    zone_io_co_wait(io, &reserve->waiter);
    return reserve->status == ZONE_OK ? 0 :
           zone_io_refuse(io, reserve->offset, reserve->status);
}

/*
 * What is written above a failed write brings it below the write pointer, and
 * its clusters may have anything in them: zeros go there, if they can.  As
 * data: the write may be made again, and a mapping that no longer says zero
 * could get to disk before that.  It is in flight meanwhile, so no word covers
 * it yet.  Where part of the range was written before, that stays.
 */
static void coroutine_fn GRAPH_RDLOCK
zone_io_co_zero_failed(ZoneIO *io, ZoneWrite *write)
{
    BlockDriverState *bs = io->bs;
    int64_t max_bytes = QEMU_ALIGN_DOWN(
        MIN_NON_ZERO(bs->bl.max_transfer, ZONE_IO_ZEROS_BYTES),
        bs->bl.request_alignment);
    QEMU_AUTO_VFREE void *zeros = NULL;
    QEMUIOVector qiov;
    uint64_t offset;
    bool wanted;
    int64_t n;
    int ret = 0;

    zone_io_lock(io);
    wanted = zone_table_write_zero(io->table, write, &offset);
    zone_io_unlock(io);
    if (!wanted) {
        return;
    }
    zeros = qemu_try_blockalign0(bs, max_bytes);
    for (; zeros && bs->drv && offset < write->end_bytes && ret >= 0;
         offset += n) {
        n = MIN(write->end_bytes - offset, max_bytes);
        qemu_iovec_init_buf(&qiov, zeros, n);
        ret = bdrv_driver_pwritev(bs, offset, n, &qiov, 0, 0);
        zone_filter_set_dirty(bs, offset, n);
    }
}

static void coroutine_fn GRAPH_RDLOCK
zone_io_co_ended(ZoneIO *io, ZoneWrite *write, int ret)
{
    if (ret < 0) {
        zone_io_co_zero_failed(io, write);
    }
    zone_io_co_end_write(io, write, ret >= 0);
}

/* The hold keeps other writes out of the gap */
static int coroutine_fn GRAPH_RDLOCK
zone_io_co_fill_gap(ZoneIO *io, ZoneWrite *write)
{
    uint64_t gap;
    int ret;

    zone_io_lock(io);
    gap = zone_table_write_gap(io->table, write);
    zone_io_unlock(io);
    ret = zone_io_co_write_zeroes(io, gap, write->start_bytes - gap);
    if (ret >= 0) {
        zone_io_lock(io);
        zone_table_gap_filled(io->table, write);
        zone_io_unlock(io);
    }
    return ret;
}

static int coroutine_fn GRAPH_RDLOCK
zone_io_co_before(ZoneIO *io, ZoneWrite *write, const ZoneIOBefore *before)
{
    int ret = 0;

    if (before->settle) {
        ret = io->ops->co_settle(io->bs);
    }
    if (ret >= 0 && before->begin_life) {
        ret = io->ops->co_begin_life(io->bs, write->zone_idx);
    }
    if (ret >= 0 && before->fill_gap) {
        ret = zone_io_co_fill_gap(io, write);
    }
    if (ret >= 0 && before->prepare) {
        io->ops->co_prepare(io->bs, write);
        ret = io->bs->drv ? 0 : -EIO; /* found to be corrupt just now */
    }
    zone_io_co_release(io, write->zone_idx);
    return ret;
}

int coroutine_fn
zone_io_co_write_zeroes(ZoneIO *io, int64_t offset, int64_t bytes)
{
    int ret = bdrv_co_do_pwrite_zeroes(io->bs, offset, bytes, 0);

    zone_filter_set_dirty(io->bs, offset, bytes);
    return ret;
}

/*
 * A flush behind the write stands for FUA where words have to be stored: only
 * once the write has ended is its word what the flush has to store.
 */
static bool zone_io_takes_fua(ZoneIO *io, BdrvRequestFlags *flags)
{
    if (!(*flags & BDRV_REQ_FUA) || !io->ops->mark_dirty ||
        (io->bs->open_flags & BDRV_O_NO_FLUSH)) {
        return false;
    }
    *flags &= ~BDRV_REQ_FUA;
    return true;
}

/* A guest may change the data while it is written; without memory it stays */
static void zone_io_copy_data(ZoneRequest *req, int64_t bytes,
                              QEMUIOVector **qiov, size_t *qiov_offset,
                              BdrvRequestFlags *flags)
{
    req->copy = qemu_try_blockalign(req->io->bs, bytes);
    if (!req->copy) {
        return;
    }
    qemu_iovec_to_buf(*qiov, *qiov_offset, req->copy, bytes);
    qemu_iovec_init_buf(&req->copy_qiov, req->copy, bytes);
    *qiov = &req->copy_qiov;
    *qiov_offset = 0;
    *flags &= ~BDRV_REQ_REGISTERED_BUF;
}

int coroutine_fn
zone_io_co_begin(ZoneRequest *req, BlockDriverState *bs,
                 BdrvTrackedRequest *tracked, int64_t *offset, int64_t bytes,
                 QEMUIOVector **qiov, size_t *qiov_offset,
                 BdrvRequestFlags *flags)
{
    ZoneIO *io = bs->zones;
    const ZoneIOWrite *more = *flags & BDRV_REQ_ZONE
        ? container_of(tracked, ZoneTracked, req)->write : NULL;
    bool append = more && more->append;
    ZoneReserve reserve = {
        .write = &req->write, .more = more, .offset = *offset, .bytes = bytes,
    };
    int ret;

    *flags &= ~BDRV_REQ_ZONE;
    if (bytes == 0 || *offset >= zone_io_zoned_bytes(io) || io->importing) {
        return 0;
    }
    if (io->unfinished) {
        return -EBUSY;
    }
    if (*flags & BDRV_REQ_WRITE_COMPRESSED) {
        error_report("Image '%s': compressed writes are not supported on zoned "
                     "images", bs->filename);
        return -ENOTSUP;
    }
    if (bdrv_zone_is_frozen(bs)) {
        return -EPERM; /* an overlay relies on it */
    }
    reserve.flags = *flags;
    ret = zone_io_co_reserve(io, &reserve);
    if (ret < 0) {
        return ret;
    }
    ret = reserve.held ?
          zone_io_co_before(io, &req->write, &reserve.before) : 0;
    if (ret < 0) {
        zone_io_co_ended(io, &req->write, ret);
        return ret;
    }
    req->io = io;
    req->tail = more ? more->tail : NULL;
    req->flush = zone_io_takes_fua(io, flags);
    req->copy = NULL;
    if (reserve.before.sum) {
        zone_io_copy_data(req, bytes, qiov, qiov_offset, flags);
    }
    if (append) {
        *offset = req->write.start_bytes;
        tracked->offset = *offset; /* what the caller has come for */
        bdrv_write_threshold_check_write(bs, *offset, bytes);
    }
    return 0;
}

/* The write has ended well, but the request fails: it may come again */
static void coroutine_fn zone_io_co_unsure(ZoneIO *io, const ZoneWrite *write)
{
    zone_io_lock(io);
    zone_table_write_unsure(io->table, write);
    zone_io_unlock(io);
}

int coroutine_fn zone_io_co_end(ZoneRequest *req, int ret)
{
    ZoneIO *io = req->io;

    if (!io) {
        return ret;
    }
    if (ret >= 0 && req->tail) {
        ret = req->tail->co_fn(req->tail->opaque, req->write.start_bytes);
    }
    if (req->copy) {
        if (ret >= 0) {
            io->ops->add_sum(io->bs, &req->write, req->copy);
        }
        qemu_vfree(req->copy);
    }
    zone_io_co_ended(io, &req->write, ret);
    if (ret >= 0 && req->flush) {
        qatomic_inc(&io->bs->write_gen);
        ret = bdrv_co_flush(io->bs);
        if (ret < 0) {
            zone_io_co_unsure(io, &req->write);
        }
    }
    return ret;
}

/* Reads *******************************************************************/

/*
 * The first stretch of the range that is all data (true) or all zeros; with the
 * state of its zone where it is no data.
 */
static bool zone_io_extent(ZoneIO *io, int64_t offset, int64_t bytes,
                           int64_t *extent_bytes, ZoneState *state)
{
    uint64_t n;
    ZoneInfo info;
    bool data;

    zone_io_lock(io);
    data = zone_table_read_extent(io->table, offset, bytes, &n);
    if (!data) {
        zone_table_info(io->table, zone_table_idx(io->table, offset), &info);
        *state = info.state;
    }
    zone_io_unlock(io);
    *extent_bytes = n;
    return data;
}

/* In pieces that the driver takes */
static int coroutine_fn GRAPH_RDLOCK
zone_io_co_read_data(BlockDriverState *bs, int64_t offset, int64_t bytes,
                     QEMUIOVector *qiov, size_t qiov_offset,
                     BdrvRequestFlags flags)
{
    int64_t max_bytes = QEMU_ALIGN_DOWN(
        MIN_NON_ZERO(bs->bl.max_transfer, BDRV_REQUEST_MAX_BYTES),
        bs->bl.request_alignment);
    int64_t n;
    int ret = 0;

    for (; bytes && ret >= 0; offset += n, qiov_offset += n, bytes -= n) {
        n = MIN(bytes, max_bytes);
        ret = bdrv_driver_preadv(bs, offset, n, qiov, qiov_offset, flags);
    }
    /* a zone of the backing node, which is Offline: none of this node is */
    return zone_status_from_errno(ret) == ZONE_OK ? ret : -EIO;
}

/* Below a write pointer; first what comes from a backing node is copied here */
static int coroutine_fn GRAPH_RDLOCK
zone_io_co_read_extent(BlockDriverState *bs, int64_t offset, int64_t bytes,
                       QEMUIOVector *qiov, size_t qiov_offset,
                       BdrvRequestFlags flags)
{
    int ret = 0;

    if (flags & BDRV_REQ_COPY_ON_READ) {
        ret = zone_io_co_copy_up(bs, offset, bytes);
    }
    return ret < 0 || (flags & BDRV_REQ_PREFETCH) ? ret :
        zone_io_co_read_data(bs, offset, bytes, qiov, qiov_offset,
                             flags & ~ZONE_COPY_FLAGS);
}

/* An overlay may be longer than its backing node: zeros behind the end */
static int64_t coroutine_fn GRAPH_RDLOCK
zone_io_co_cut(BlockDriverState *bs, int64_t offset, int64_t bytes)
{
    int64_t device_bytes;

    if (offset + bytes <= zone_io_zoned_bytes(bs->zones)) {
        return bytes;
    }
    device_bytes = bdrv_co_getlength(bs);
    return device_bytes < 0 ? device_bytes :
           MIN(bytes, MAX(device_bytes - offset, 0));
}

int coroutine_fn
zone_io_co_preadv(BlockDriverState *bs, int64_t offset, int64_t bytes,
                  QEMUIOVector *qiov, size_t qiov_offset,
                  BdrvRequestFlags flags)
{
    ZoneIO *io = bs->zones;
    int64_t n = zone_io_co_cut(bs, offset, bytes);
    ZoneState state;
    int ret = 0;

    if (n < 0) {
        return n;
    }
    if ((flags & BDRV_REQ_PREFETCH) && !(flags & BDRV_REQ_COPY_ON_READ)) {
        return 0; /* nothing to copy */
    }
    if (n < bytes && qiov) {
        qemu_iovec_memset(qiov, qiov_offset + n, 0, bytes - n);
        bytes = n;
    }
    if (zone_io_passes_reads(io)) {
        return zone_io_co_read_data(bs, offset, bytes, qiov, qiov_offset,
                                    flags & ~ZONE_COPY_FLAGS);
    }
    for (; bytes && ret >= 0; offset += n, qiov_offset += n, bytes -= n) {
        if (zone_io_extent(io, offset, bytes, &n, &state)) {
            ret = zone_io_co_read_extent(bs, offset, n, qiov, qiov_offset,
                                         flags);
        } else if (state == ZONE_STATE_OFFLINE && !io->skips_offline) {
            ret = zone_io_refuse(io, offset, ZONE_ERR_OFFLINE);
        } else if (!(flags & BDRV_REQ_PREFETCH)) {
            qemu_iovec_memset(qiov, qiov_offset, 0, n);
        }
    }
    return ret;
}

int coroutine_fn
zone_io_co_block_status(BlockDriverState *bs, BdrvStatusHint hint,
                        int64_t offset, int64_t bytes, int64_t *pnum,
                        int64_t *map, BlockDriverState **file)
{
    ZoneIO *io = bs->zones;
    ZoneState state;

    if (!zone_io_passes_reads(io) &&
        !zone_io_extent(io, offset, bytes, &bytes, &state)) {
        *pnum = bytes;
        return state == ZONE_STATE_OFFLINE && !io->skips_offline
               ? BDRV_BLOCK_DATA : BDRV_BLOCK_ZERO;
    }
    return bs->drv->bdrv_co_block_status(bs, hint, offset, bytes, pnum,
                                         map, file);
}

/* Discards ****************************************************************/

/*
 * What is begun to be discarded: data of one zone, of the range that starts
 * with it
 */
typedef struct ZoneDiscard {
    ZoneWaiter waiter;
    ZoneWrite write;
    int64_t offset;
    int64_t bytes;
    uint64_t extent_bytes;      /* of these, what has begun or stays */
    bool may;                   /* there is something that may go */
    bool settle;                /* the store has something to do before */
} ZoneDiscard;

static ZoneWait zone_io_look_discard(ZoneIO *io, ZoneWaiter *waiter)
{
    ZoneDiscard *discard = container_of(waiter, ZoneDiscard, waiter);
    int64_t offset = discard->offset;
    ZoneInfo info;
    ZoneStatus status = ZONE_OK;
    uint64_t n;

    discard->may = zone_table_read_extent(io->table, offset, discard->bytes,
                                          &n);
    if (discard->may) {
        zone_table_info(io->table, waiter->zone_idx, &info);
        n = MIN(n, info.start_bytes + info.length_bytes - offset);
        discard->may = info.state != ZONE_STATE_READ_ONLY;
    }
    if (discard->may) {
        status = zone_table_discard_begin(io->table, &discard->write, offset,
                                          n);
    }
    discard->settle = discard->may && status == ZONE_OK &&
                      io->ops->wants_settle &&
                      io->ops->wants_settle(io->bs, waiter->zone_idx);
    discard->extent_bytes = n;
    return zone_wait_of_status(status);
}

static void coroutine_fn zone_io_co_discard_begin(ZoneIO *io,
                                                  ZoneDiscard *discard)
{
    discard->waiter.look = zone_io_look_discard;
    discard->waiter.zone_idx = zone_table_idx(io->table, discard->offset);
    zone_io_co_wait(io, &discard->waiter);
}

/* Cut to what the driver can discard whole: the rest may be being written */
static int coroutine_fn GRAPH_RDLOCK
zone_io_co_discard_data(BlockDriverState *bs, int64_t offset, int64_t bytes)
{
    int64_t align = MAX(bs->bl.pdiscard_alignment, bs->bl.request_alignment);
    int64_t start = ROUND_UP(offset, align);
    int64_t end = QEMU_ALIGN_DOWN(offset + bytes, align);

    if (!bs->drv) {
        return -ENOMEDIUM; /* found to be corrupt meanwhile */
    }
    return end > start ? bs->drv->bdrv_co_pdiscard(bs, start, end - start) : 0;
}

int coroutine_fn
zone_io_co_pdiscard(BlockDriverState *bs, int64_t offset, int64_t bytes)
{
    ZoneIO *io = bs->zones;
    ZoneDiscard discard;
    int64_t n;
    int ret = 0;

    if (io->unfinished && !io->importing) {
        return -EBUSY;
    }
    for (; bytes && ret >= 0; offset += n, bytes -= n) {
        if (offset >= zone_io_zoned_bytes(io) || io->importing) {
            return zone_io_co_discard_data(bs, offset, bytes);
        }
        discard = (ZoneDiscard) { .offset = offset, .bytes = bytes };
        zone_io_co_discard_begin(io, &discard);
        n = discard.extent_bytes;
        if (discard.may) {
            ret = discard.settle ? io->ops->co_settle(bs) : 0;
            ret = ret < 0 ? ret : zone_io_co_discard_data(bs, offset, n);
            ret = ret == -ENOTSUP ? 0 : ret; /* there may be others */
            zone_io_co_end_discard(io, &discard.write);
        }
    }
    return ret;
}

/* What else the block layer asks ******************************************/

void zone_io_refresh_limits(BlockDriverState *bs)
{
    ZoneIO *io = bdrv_zone_io(bs);
    const ZoneGeometry *geometry;
    uint64_t append_bytes;
    BlockLimits *bl = &bs->bl;

    if (!io) {
        return;
    }
    geometry = zone_io_geometry(io);
    append_bytes = geometry->max_append_bytes;
    if (!append_bytes) {
        /* users of the limit take 0 for "no appends" */
        append_bytes = MIN(geometry->capacity_bytes, BDRV_REQUEST_MAX_BYTES);
    }
    bl->zoned = BLK_Z_HM;
    bl->zone_size = geometry->zone_bytes;
    bl->nr_zones = geometry->nr_zones;
    bl->max_open_zones = geometry->max_open_zones;
    bl->max_active_zones = geometry->max_active_zones;
    bl->max_append_sectors = append_bytes >> BDRV_SECTOR_BITS;
    bl->request_alignment = MAX(bl->request_alignment, BDRV_SECTOR_SIZE);
    bl->write_granularity = bl->request_alignment;
    if (!bs->zones && !g_str_equal(bs->drv->format_name, "blkdebug")) {
        bl->max_transfer = 0; /* what is split here, others would overtake */
    }
}
