/*
 * Zoned I/O: gates reads and writes through a zone table
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/iov.h"
#include "block/block-io.h"
#include "block/block_int.h"
#include "block/zone/gate/internal.h"
#include "../trace.h"

ZoneIO *zone_io_new(BlockDriverState *bs, const ZoneIOOps *ops,
                    ZoneTable *table)
{
    ZoneIO *io = g_new0(ZoneIO, 1);

    io->bs = bs;
    io->ops = ops;
    io->table = table;
    qemu_mutex_init(&io->lock);
    qemu_co_queue_init(&io->waiters);
    qemu_co_mutex_init(&io->commit_lock);
    notifier_list_init(&io->change_notifiers);
    return io;
}

void zone_io_free(ZoneIO *io)
{
    if (!io) {
        return;
    }
    assert(qemu_co_queue_empty(&io->waiters));
    zone_io_remove_change_notifiers(io);
    qemu_mutex_destroy(&io->lock);
    zone_table_free(io->table);
    g_free(io);
}

ZoneTable *zone_io_table(ZoneIO *io)
{
    return io->table;
}

void zone_io_lock(ZoneIO *io)
{
    qemu_mutex_lock(&io->lock);
}

void zone_io_unlock(ZoneIO *io)
{
    qemu_mutex_unlock(&io->lock);
}

const ZoneGeometry *zone_io_geometry(ZoneIO *io)
{
    return zone_table_geometry(io->table);
}

void coroutine_fn zone_io_co_commit_lock(ZoneIO *io)
{
    qemu_co_mutex_lock(&io->commit_lock);
}

void coroutine_fn zone_io_co_commit_unlock(ZoneIO *io)
{
    qemu_co_mutex_unlock(&io->commit_lock);
}

uint64_t zone_io_zoned_bytes(ZoneIO *io)
{
    const ZoneGeometry *geometry = zone_io_geometry(io);

    return geometry->zone_bytes * geometry->nr_zones;
}

int zone_io_check_writable(ZoneIO *io)
{
    if (bdrv_is_read_only(io->bs) || (io->bs->open_flags & BDRV_O_INACTIVE)) {
        return -EPERM;
    }
    return 0;
}

int zone_io_refuse(ZoneIO *io, int64_t offset, ZoneStatus status)
{
    trace_zone_io_refused(io->bs, offset, zone_status_str(status));
    return zone_status_errno(status);
}

void coroutine_fn zone_io_wait(ZoneIO *io)
{
    qemu_co_queue_wait(&io->waiters, &io->lock);
}

void coroutine_fn zone_io_wake(ZoneIO *io)
{
    qemu_co_queue_restart_all(&io->waiters);
}

void coroutine_fn zone_io_co_release(ZoneIO *io, uint32_t zone_idx)
{
    zone_io_lock(io);
    zone_table_release(io->table, zone_idx);
    zone_io_wake(io);
    zone_io_unlock(io);
}

/* What is to be done, with the zone held, before the data is written */
typedef enum ZoneIOBefore {
    ZONE_IO_NOTHING,
    ZONE_IO_FILL_GAP,           /* what a write in a ZRWA leaves out: zeros */
    ZONE_IO_PREPARE,            /* what the driver wants */
} ZoneIOBefore;

static ZoneIOBefore zone_io_before(ZoneIO *io, const ZoneWrite *write)
{
    if (!write->tracked) {
        return ZONE_IO_NOTHING;
    }
    if (zone_table_has_zrwa(io->table, write->zone_idx)) {
        return zone_table_write_gap(io->table, write) < write->start_bytes ?
               ZONE_IO_FILL_GAP : ZONE_IO_NOTHING;
    }
    return io->ops->wants_prepare && io->ops->wants_prepare(io->bs, write) ?
           ZONE_IO_PREPARE : ZONE_IO_NOTHING;
}

/*
 * Starts a write, or an append if the position is to be assigned.  Waits for
 * a management action that owns the zone.  Holds the zone unless *before is
 * ZONE_IO_NOTHING: zone_io_co_before() ends that.
 */
static int coroutine_fn zone_io_begin(ZoneIO *io, ZoneWrite *write,
                                      int64_t offset, int64_t bytes,
                                      bool append, ZoneIOBefore *before)
{
    ZoneStatus status;

    zone_io_lock(io);
    while (true) {
        status = append
            ? zone_table_append_begin(io->table, write, offset, bytes)
            : zone_table_write_begin(io->table, write, offset, bytes);
        if (status != ZONE_BUSY) {
            break;
        }
        zone_io_wait(io);
    }
    if (status == ZONE_OK) {
        *before = zone_io_before(io, write);
        if (*before != ZONE_IO_NOTHING) {
            zone_table_hold(io->table, write->zone_idx);
        }
    }
    zone_io_unlock(io);
    return status == ZONE_OK ? 0 : zone_io_refuse(io, offset, status);
}

static void coroutine_fn zone_io_end(ZoneIO *io, ZoneWrite *write, int ret)
{
    uint32_t zone_idx = write->zone_idx;

    zone_io_lock(io);
    if (zone_table_write_end(io->table, write, ret >= 0)) {
        io->ops->mark_dirty(io->bs, zone_idx);
    }
    zone_io_wake(io);
    zone_io_unlock(io);
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
    ret = io->ops->co_write_zeroes(io->bs, gap, write->start_bytes - gap, 0);
    if (ret >= 0) {
        zone_io_lock(io);
        zone_table_gap_filled(io->table, write);
        zone_io_unlock(io);
    }
    return ret;
}

static int coroutine_fn GRAPH_RDLOCK
zone_io_co_before(ZoneIO *io, ZoneWrite *write, ZoneIOBefore before)
{
    int ret = 0;

    if (before == ZONE_IO_NOTHING) {
        return 0;
    }
    if (before == ZONE_IO_FILL_GAP) {
        ret = zone_io_co_fill_gap(io, write);
    } else {
        io->ops->co_prepare(io->bs, write);
    }
    zone_io_co_release(io, write->zone_idx);
    return ret;
}

/* The driver's write; without a qiov, zeros */
static int coroutine_fn GRAPH_RDLOCK
zone_io_co_submit(ZoneIO *io, int64_t offset, int64_t bytes,
                  QEMUIOVector *qiov, size_t qiov_offset,
                  BdrvRequestFlags flags)
{
    if (!qiov) {
        return io->ops->co_write_zeroes(io->bs, offset, bytes, flags);
    }
    return io->ops->co_write(io->bs, offset, bytes, qiov, qiov_offset, flags);
}

int coroutine_fn
zone_io_co_pwritev(ZoneIO *io, int64_t offset, int64_t bytes,
                   QEMUIOVector *qiov, size_t qiov_offset,
                   BdrvRequestFlags flags)
{
    ZoneIOBefore before;
    ZoneWrite write;
    int ret;

    if (bytes == 0) {
        return 0;
    }
    if (offset >= zone_io_zoned_bytes(io)) {
        return zone_io_co_submit(io, offset, bytes, qiov, qiov_offset, flags);
    }
    ret = zone_io_begin(io, &write, offset, bytes, false, &before);
    if (ret < 0) {
        return ret;
    }
    ret = zone_io_co_before(io, &write, before);
    if (ret >= 0) {
        ret = zone_io_co_submit(io, offset, bytes, qiov, qiov_offset, flags);
    }
    zone_io_end(io, &write, ret);
    return ret;
}

int coroutine_fn
zone_io_co_pwrite_zeroes(ZoneIO *io, int64_t offset, int64_t bytes,
                         BdrvRequestFlags flags)
{
    return zone_io_co_pwritev(io, offset, bytes, NULL, 0, flags);
}

int coroutine_fn
zone_io_co_append(ZoneIO *io, int64_t *offset, QEMUIOVector *qiov,
                  BdrvRequestFlags flags)
{
    ZoneIOBefore before;
    ZoneWrite write;
    int ret;

    ret = zone_io_check_writable(io);
    if (ret < 0) {
        return ret;
    }
    if (*offset < 0 || *offset >= zone_io_zoned_bytes(io) ||
        qiov->size == 0 ||
        !QEMU_IS_ALIGNED(qiov->size, io->bs->bl.request_alignment)) {
        return -EINVAL;
    }
    ret = zone_io_begin(io, &write, *offset, qiov->size, true, &before);
    if (ret < 0) {
        return ret;
    }
    ret = zone_io_co_before(io, &write, before);
    if (ret >= 0) {
        ret = io->ops->co_write(io->bs, write.start_bytes, qiov->size, qiov, 0,
                                flags & ~BDRV_REQ_FUA);
    }
    *offset = write.start_bytes;
    zone_io_end(io, &write, ret);

    /* The generic layer counts writes for flush and bitmaps, not appends */
    qatomic_inc(&io->bs->write_gen);
    bdrv_set_dirty(io->bs, *offset, qiov->size);
    if (ret >= 0 && (flags & BDRV_REQ_FUA)) {
        ret = bdrv_co_flush(io->bs);
    }
    return ret;
}

/* One stretch of a read; *bytes is cut to its length */
static int coroutine_fn GRAPH_RDLOCK
zone_io_co_read_extent(ZoneIO *io, int64_t offset, int64_t *bytes,
                       QEMUIOVector *qiov, size_t qiov_offset,
                       BdrvRequestFlags flags)
{
    uint64_t extent_bytes;
    ZoneInfo info = {};
    bool data;

    zone_io_lock(io);
    data = zone_table_read_extent(io->table, offset, *bytes, &extent_bytes);
    if (!data) {
        zone_table_info(io->table, zone_table_idx(io->table, offset), &info);
    }
    zone_io_unlock(io);

    *bytes = extent_bytes;
    if (data) {
        return io->ops->co_read(io->bs, offset, extent_bytes, qiov,
                                qiov_offset, flags);
    }
    if (info.state == ZONE_STATE_OFFLINE) {
        return zone_io_refuse(io, offset, ZONE_ERR_OFFLINE);
    }
    qemu_iovec_memset(qiov, qiov_offset, 0, extent_bytes);
    return 0;
}

int coroutine_fn
zone_io_co_preadv(ZoneIO *io, int64_t offset, int64_t bytes,
                  QEMUIOVector *qiov, size_t qiov_offset,
                  BdrvRequestFlags flags)
{
    int64_t cur_bytes;
    int ret;

    while (bytes > 0) {
        cur_bytes = bytes;
        ret = zone_io_co_read_extent(io, offset, &cur_bytes, qiov,
                                     qiov_offset, flags);
        if (ret < 0) {
            return ret;
        }
        offset += cur_bytes;
        qiov_offset += cur_bytes;
        bytes -= cur_bytes;
    }
    return 0;
}

bool zone_io_discard_extent(ZoneIO *io, int64_t offset, int64_t bytes,
                            int64_t *pnum)
{
    uint64_t extent_bytes;
    ZoneInfo info;
    bool may;

    zone_io_lock(io);
    may = zone_table_read_extent(io->table, offset, bytes, &extent_bytes);
    if (may && offset < zone_io_zoned_bytes(io)) {
        zone_table_info(io->table, zone_table_idx(io->table, offset), &info);
        may = info.state != ZONE_STATE_READ_ONLY;
    }
    zone_io_unlock(io);
    *pnum = extent_bytes;
    return may;
}

int zone_io_block_status(ZoneIO *io, int64_t offset, int64_t bytes,
                         int64_t *pnum)
{
    uint64_t extent_bytes;
    ZoneInfo info;
    int status = 0;

    zone_io_lock(io);
    if (!zone_table_read_extent(io->table, offset, bytes, &extent_bytes)) {
        zone_table_info(io->table, zone_table_idx(io->table, offset), &info);
        status = info.state == ZONE_STATE_OFFLINE ? BDRV_BLOCK_DATA
                                                  : BDRV_BLOCK_ZERO;
    }
    zone_io_unlock(io);
    *pnum = extent_bytes;
    return status;
}

void coroutine_fn zone_io_co_settle(ZoneIO *io)
{
    uint64_t seq;

    zone_io_lock(io);
    seq = zone_table_next_seq(io->table);
    while (zone_table_passed_before(io->table, seq)) {
        zone_io_wait(io);
    }
    zone_io_unlock(io);
}

static BlockZoneType zone_io_report_type(const ZoneInfo *info)
{
    return info->state == ZONE_STATE_CONVENTIONAL ? BLK_ZT_CONV : BLK_ZT_SWR;
}

int coroutine_fn
zone_io_co_report(ZoneIO *io, int64_t offset, unsigned *nr_zones,
                  BlockZoneDescriptor *zones)
{
    const ZoneGeometry *geometry = zone_io_geometry(io);
    unsigned max = *nr_zones;
    unsigned n = 0;
    uint32_t zone_idx;
    ZoneInfo info;

    *nr_zones = 0;
    if (offset < 0 || offset > zone_io_zoned_bytes(io)) {
        return -EINVAL;
    }
    if (offset == zone_io_zoned_bytes(io)) {
        return 0; /* a caller that goes on where the last report ended */
    }
    zone_io_lock(io);
    zone_idx = zone_table_idx(io->table, offset);
    for (; n < max && zone_idx < geometry->nr_zones; n++, zone_idx++) {
        zone_table_info(io->table, zone_idx, &info);
        zones[n] = (BlockZoneDescriptor) {
            .start  = info.start_bytes,
            .length = info.length_bytes,
            .cap    = info.capacity_bytes,
            .wp     = info.wp_bytes,
            .type   = zone_io_report_type(&info),
            /* the values of both enums are those of the standard */
            .state  = (BlockZoneState)info.state,
        };
    }
    zone_io_unlock(io);
    *nr_zones = n;
    return 0;
}

void zone_io_refresh_limits(ZoneIO *io, BlockLimits *bl)
{
    const ZoneGeometry *geometry = zone_io_geometry(io);
    uint64_t append_bytes = geometry->max_append_bytes;

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
    /* one request must stay one: the pieces would not follow each other */
    bl->pwrite_zeroes_alignment = 0;
    bl->max_pwrite_zeroes = 0;
}
