/*
 * Zoned qcow2 images: the driver's side of the zones
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Opening and closing, the read clamp, and what is refused.  The format is
 * in format.c, durability in commit.c.
 */

#include "qemu/osdep.h"
#include "qemu/error-report.h"
#include "qemu/memalign.h"
#include "qemu/units.h"
#include "qapi/error.h"
#include "block/zone/qcow2/internal.h"
#include "../trace.h"

/* Zeros that are written as data go in pieces of this */
#define QCOW2_ZONE_ZEROS_BYTES  (256 * KiB)

ZoneIO *qcow2_zone_io(BlockDriverState *bs)
{
    Qcow2Zone *zone = qcow2_zone(bs);

    return zone ? zone->io : NULL;
}

/* Opening ****************************************************************/

bool qcow2_zone_load_options(BlockDriverState *bs, QemuOpts *opts,
                             Qcow2ZoneOptions *options, Error **errp)
{
    BDRVQcow2State *s = bs->opaque;
    uint64_t interval_ms = qemu_opt_get_number(opts,
                                               QCOW2_OPT_ZONE_COMMIT_INTERVAL,
                                               QCOW2_ZONE_COMMIT_INTERVAL_MS);
    uint64_t premap_bytes = qemu_opt_get_size(opts, QCOW2_OPT_ZONE_PREMAP_SIZE,
                                              QCOW2_ZONE_PREMAP_BYTES);
    uint64_t prezero_bytes = qemu_opt_get_size(opts,
                                               QCOW2_OPT_ZONE_PREZERO_SIZE,
                                               QCOW2_ZONE_PREZERO_BYTES);

    if (interval_ms > UINT32_MAX) {
        error_setg(errp, QCOW2_OPT_ZONE_COMMIT_INTERVAL " %" PRIu64 " exceeds "
                   "the maximum of %" PRIu32, interval_ms, UINT32_MAX);
        return false;
    }
    if (premap_bytes > QCOW2_ZONE_MAX_PREMAP_BYTES) {
        error_setg(errp, QCOW2_OPT_ZONE_PREMAP_SIZE " %" PRIu64 " exceeds the "
                   "maximum of %" PRIu64, premap_bytes,
                   (uint64_t)QCOW2_ZONE_MAX_PREMAP_BYTES);
        return false;
    }
    if (prezero_bytes > QCOW2_ZONE_MAX_PREZERO_BYTES) {
        error_setg(errp, QCOW2_OPT_ZONE_PREZERO_SIZE " %" PRIu64 " exceeds "
                   "the maximum of %" PRIu64, prezero_bytes,
                   (uint64_t)QCOW2_ZONE_MAX_PREZERO_BYTES);
        return false;
    }

    options->commit_interval_ms = interval_ms;
    options->premap_bytes = ROUND_UP(premap_bytes, s->cluster_size);
    options->prezero_bytes = ROUND_UP(prezero_bytes, BDRV_SECTOR_SIZE);
    return true;
}

static bool qcow2_zone_check_refused(BlockDriverState *bs, Error **errp)
{
    BDRVQcow2State *s = bs->opaque;

    if (s->nb_snapshots) {
        error_setg(errp, "Zoned image has %u internal snapshots, which are "
                   "not supported on zoned images", s->nb_snapshots);
        return false;
    }
    if (s->image_backing_file) {
        error_setg(errp, "Zoned image has backing file '%s': backing files "
                   "are not supported on zoned images",
                   s->image_backing_file);
        return false;
    }
    return true;
}

static int coroutine_fn GRAPH_RDLOCK
qcow2_zone_open_words(BlockDriverState *bs, int flags, Error **errp)
{
    Qcow2Zone *zone = qcow2_zone(bs);
    ZoneTable *table;
    int ret;

    if (!qcow2_zone_co_check_region(bs, errp)) {
        return -EINVAL;
    }
    /* aligned: with cache=none, millions of words need no other buffer */
    zone->durable = qemu_try_blockalign(bs->file->bs,
                                        zone->geometry.nr_zones *
                                        sizeof(*zone->durable));
    if (!zone->durable) {
        error_setg(errp, "Could not allocate memory for %" PRIu32 " zones",
                   zone->geometry.nr_zones);
        return -ENOMEM;
    }
    ret = qcow2_zone_co_load_words(bs, zone->durable);
    if (ret < 0) {
        error_setg_errno(errp, -ret, "Could not read the zone words");
        return ret;
    }
    /* somebody else may be writing them: the source of a migration, too */
    table = qcow2_zone_decode_words(&zone->geometry, zone->durable,
                                    zone->meta_offset, bs->force_share ||
                                    (flags & BDRV_O_INACTIVE), errp);
    if (!table) {
        return -EINVAL;
    }
    zone->io = zone_io_new(bs, &qcow2_zone_io_ops, table);
    ret = qcow2_zone_commit_init(bs, errp);
    if (ret >= 0 && (flags & BDRV_O_RDWR) && !(flags & BDRV_O_INACTIVE)) {
        ret = qcow2_zone_co_clean_raw(bs, errp);
    }
    return ret;
}

int coroutine_fn
qcow2_zone_open(BlockDriverState *bs, int flags, Error **errp)
{
    BDRVQcow2State *s = bs->opaque;
    bool has_feature = s->incompatible_features & QCOW2_INCOMPAT_ZONE;

    if (!s->zone && !has_feature) {
        return 0;
    }
    if (!s->zone) {
        error_setg(errp, "Image has the incompatible feature 'zone table' "
                   "(bit %d), but no zone table header extension",
                   QCOW2_INCOMPAT_ZONE_BITNR);
        return -EINVAL;
    }
    if (!has_feature) {
        error_setg(errp, "Image has a zone table header extension, but not "
                   "the incompatible feature 'zone table' (bit %d)",
                   QCOW2_INCOMPAT_ZONE_BITNR);
        return -EINVAL;
    }
    if (flags & BDRV_O_CHECK) {
        return 0;
    }
    if (!qcow2_zone_check_refused(bs, errp)) {
        return -ENOTSUP;
    }
    return qcow2_zone_open_words(bs, flags, errp);
}

void qcow2_zone_close(BlockDriverState *bs)
{
    BDRVQcow2State *s = bs->opaque;
    Qcow2Zone *zone = s->zone;

    if (!zone) {
        return;
    }
    qcow2_zone_commit_cleanup(bs);
    zone_io_free(zone->io);
    qemu_vfree(zone->durable);
    g_free(zone);
    s->zone = NULL;
}

/* Data *******************************************************************/

int coroutine_fn
qcow2_zone_co_preadv_part(BlockDriverState *bs, int64_t offset, int64_t bytes,
                          QEMUIOVector *qiov, size_t qiov_offset,
                          BdrvRequestFlags flags)
{
    ZoneIO *io = qcow2_zone_io(bs);

    if (!io) {
        return qcow2_co_preadv_part(bs, offset, bytes, qiov, qiov_offset,
                                    flags);
    }
    return zone_io_co_preadv(io, offset, bytes, qiov, qiov_offset, flags);
}

int coroutine_fn
qcow2_zone_co_pwritev_part(BlockDriverState *bs, int64_t offset, int64_t bytes,
                           QEMUIOVector *qiov, size_t qiov_offset,
                           BdrvRequestFlags flags)
{
    ZoneIO *io = qcow2_zone_io(bs);

    if (!io) {
        return qcow2_co_pwritev_part(bs, offset, bytes, qiov, qiov_offset,
                                     flags);
    }
    return zone_io_co_pwritev(io, offset, bytes, qiov, qiov_offset, flags);
}

int coroutine_fn
qcow2_zone_co_pwrite_zeroes(BlockDriverState *bs, int64_t offset,
                            int64_t bytes, BdrvRequestFlags flags)
{
    ZoneIO *io = qcow2_zone_io(bs);

    if (!io) {
        return qcow2_co_pwrite_zeroes(bs, offset, bytes, flags);
    }
    return zone_io_co_pwrite_zeroes(io, offset, bytes, flags);
}

/* Zeros as data */
static int coroutine_fn GRAPH_RDLOCK
qcow2_zone_co_write_zero_data(BlockDriverState *bs, int64_t offset,
                              int64_t bytes)
{
    int64_t buf_bytes = MIN(bytes, QCOW2_ZONE_ZEROS_BYTES);
    QEMU_AUTO_VFREE void *buf = qemu_try_blockalign(bs, buf_bytes);
    QEMUIOVector qiov;
    int64_t n;
    int ret = 0;

    if (!buf) {
        return -ENOMEM;
    }
    memset(buf, 0, buf_bytes);
    for (; bytes && ret >= 0; offset += n, bytes -= n) {
        n = MIN(bytes, buf_bytes);
        qemu_iovec_init_buf(&qiov, buf, n);
        ret = qcow2_co_pwritev_part(bs, offset, n, &qiov, 0, 0);
    }
    return ret;
}

static bool qcow2_zone_has_zrwa(BlockDriverState *bs, int64_t offset)
{
    ZoneIO *io = qcow2_zone_io(bs);
    ZoneTable *table = zone_io_table(io);
    bool has_zrwa;

    zone_io_lock(io);
    has_zrwa = zone_table_has_zrwa(table, zone_table_idx(table, offset));
    zone_io_unlock(io);
    return has_zrwa;
}

/*
 * ZoneIOOps.co_write_zeroes: whole subclusters become zero subclusters.  Head
 * and tail are written as data: what else is in their subclusters may be left
 * over from an earlier life of the zone, and must not decide.
 *
 * So is all of it in a ZRWA, where a write may follow: the mapping that says no
 * longer zero could get to disk before the data of that, and below the write
 * pointer show what the clusters had before.
 */
static int coroutine_fn GRAPH_RDLOCK
qcow2_zone_co_zero(BlockDriverState *bs, int64_t offset, int64_t bytes,
                   BdrvRequestFlags flags)
{
    BDRVQcow2State *s = bs->opaque;
    int64_t end = offset + bytes;
    int64_t body = MIN(ROUND_UP(offset, s->subcluster_size), end);
    int64_t tail = MAX(QEMU_ALIGN_DOWN(end, s->subcluster_size), body);
    int ret = 0;

    if (qcow2_zone_has_zrwa(bs, offset)) {
        return qcow2_zone_co_write_zero_data(bs, offset, bytes);
    }
    if (body > offset) {
        ret = qcow2_zone_co_write_zero_data(bs, offset, body - offset);
    }
    if (ret >= 0 && tail > body) {
        ret = qcow2_co_pwrite_zeroes(bs, body, tail - body,
                                     flags & BDRV_REQ_MAY_UNMAP);
    }
    if (ret >= 0 && end > tail) {
        ret = qcow2_zone_co_write_zero_data(bs, tail, end - tail);
    }
    return ret;
}

/*
 * A discard gives up data below the write pointer and never moves it.  Cut to
 * whole clusters, as a cluster with the write pointer in it is being written.
 */
static int coroutine_fn GRAPH_RDLOCK
qcow2_zone_co_discard_extent(BlockDriverState *bs, int64_t offset,
                             int64_t bytes)
{
    BDRVQcow2State *s = bs->opaque;
    int64_t start = ROUND_UP(offset, s->cluster_size);
    int64_t end = QEMU_ALIGN_DOWN(offset + bytes, s->cluster_size);

    return end > start ? qcow2_co_pdiscard(bs, start, end - start) : 0;
}

int coroutine_fn
qcow2_zone_co_pdiscard(BlockDriverState *bs, int64_t offset, int64_t bytes)
{
    ZoneIO *io = qcow2_zone_io(bs);
    int64_t n;
    int ret = 0;

    if (!io) {
        return qcow2_co_pdiscard(bs, offset, bytes);
    }
    for (; bytes && ret >= 0; offset += n, bytes -= n) {
        if (zone_io_discard_extent(io, offset, bytes, &n)) {
            ret = qcow2_zone_co_discard_extent(bs, offset, n);
        }
    }
    return ret;
}

int coroutine_fn
qcow2_zone_co_block_status(BlockDriverState *bs, bool want_zero,
                           int64_t offset, int64_t count, int64_t *pnum,
                           int64_t *map, BlockDriverState **file)
{
    ZoneIO *io = qcow2_zone_io(bs);
    int status = io ? zone_io_block_status(io, offset, count, &count) : 0;

    if (status) {
        *pnum = count;
        return status;
    }
    return qcow2_co_block_status(bs, want_zero, offset, count, pnum, map,
                                 file);
}

/*
 * Words first: the flush of the caches then finds nothing new to do.  The block
 * layer flushes the image file behind this in any case, as the words have been
 * written to it: one flush less for the commit.
 */
int coroutine_fn qcow2_zone_co_flush_to_os(BlockDriverState *bs)
{
    int ret = qcow2_zone_co_commit(bs, true);

    return ret < 0 ? ret : qcow2_co_flush_to_os(bs);
}

const ZoneIOOps qcow2_zone_io_ops = {
    .co_read         = qcow2_co_preadv_part,
    .co_write        = qcow2_co_pwritev_part,
    .wants_prepare   = qcow2_zone_wants_prepare,
    .co_prepare      = qcow2_zone_co_prepare,
    .co_write_zeroes = qcow2_zone_co_zero,
    .co_commit_words = qcow2_zone_co_commit_words,
    .co_store_zde    = qcow2_zone_co_store_zde,
    .co_load_zde     = qcow2_zone_co_load_zde,
    .wants_drop      = qcow2_zone_wants_drop,
    .co_drop         = qcow2_zone_co_drop,
    .co_power_cut    = qcow2_zone_co_power_cut,
    .mark_dirty      = qcow2_zone_mark_dirty,
};

/* Zones ******************************************************************/

int coroutine_fn
qcow2_zone_co_report(BlockDriverState *bs, int64_t offset,
                     unsigned int *nr_zones, BlockZoneDescriptor *zones)
{
    return zone_io_co_report(qcow2_zone_io(bs), offset, nr_zones, zones);
}

int coroutine_fn
qcow2_zone_co_mgmt(BlockDriverState *bs, BlockZoneOp op, int64_t offset,
                   int64_t len)
{
    return zone_io_co_mgmt(qcow2_zone_io(bs), op, offset, len);
}

int coroutine_fn
qcow2_zone_co_append(BlockDriverState *bs, int64_t *offset,
                     QEMUIOVector *qiov, BdrvRequestFlags flags)
{
    return zone_io_co_append(qcow2_zone_io(bs), offset, qiov, flags);
}

void qcow2_zone_refresh_limits(BlockDriverState *bs, Error **errp)
{
    ZoneIO *io = qcow2_zone_io(bs);

    qcow2_refresh_limits(bs, errp);
    if (io) {
        zone_io_refresh_limits(io, &bs->bl);
    }
}

/* What is refused ********************************************************/

/* For callbacks that can only return an error number */
static int qcow2_zone_refuse(BlockDriverState *bs, const char *what)
{
    error_report("Image '%s': %s not supported on zoned images",
                 bs->filename, what);
    return -ENOTSUP;
}

int coroutine_fn
qcow2_zone_co_pwritev_compressed_part(BlockDriverState *bs, int64_t offset,
                                      int64_t bytes, QEMUIOVector *qiov,
                                      size_t qiov_offset)
{
    if (qcow2_zone(bs)) {
        return qcow2_zone_refuse(bs, "compressed writes are");
    }
    return qcow2_co_pwritev_compressed_part(bs, offset, bytes, qiov,
                                            qiov_offset);
}

/*
 * Copying between files would pass the read clamp by; the caller reads and
 * writes instead.
 */
int coroutine_fn
qcow2_zone_co_copy_range_from(BlockDriverState *bs, BdrvChild *src,
                              int64_t src_offset, BdrvChild *dst,
                              int64_t dst_offset, int64_t bytes,
                              BdrvRequestFlags read_flags,
                              BdrvRequestFlags write_flags)
{
    if (qcow2_zone(bs)) {
        return -ENOTSUP;
    }
    return qcow2_co_copy_range_from(bs, src, src_offset, dst, dst_offset,
                                    bytes, read_flags, write_flags);
}

int coroutine_fn
qcow2_zone_co_copy_range_to(BlockDriverState *bs, BdrvChild *src,
                            int64_t src_offset, BdrvChild *dst,
                            int64_t dst_offset, int64_t bytes,
                            BdrvRequestFlags read_flags,
                            BdrvRequestFlags write_flags)
{
    if (qcow2_zone(bs)) {
        return -ENOTSUP;
    }
    return qcow2_co_copy_range_to(bs, src, src_offset, dst, dst_offset, bytes,
                                  read_flags, write_flags);
}

int coroutine_fn
qcow2_zone_co_truncate(BlockDriverState *bs, int64_t offset, bool exact,
                       PreallocMode prealloc, BdrvRequestFlags flags,
                       Error **errp)
{
    if (qcow2_zone(bs)) {
        error_setg(errp, "Resizing is not supported on zoned images");
        return -ENOTSUP;
    }
    return qcow2_co_truncate(bs, offset, exact, prealloc, flags, errp);
}

int coroutine_fn
qcow2_zone_co_change_backing_file(BlockDriverState *bs,
                                  const char *backing_file,
                                  const char *backing_fmt)
{
    if (qcow2_zone(bs) && backing_file) {
        return qcow2_zone_refuse(bs, "backing files are");
    }
    return qcow2_co_change_backing_file(bs, backing_file, backing_fmt);
}

int qcow2_zone_make_empty(BlockDriverState *bs)
{
    if (qcow2_zone(bs)) {
        return qcow2_zone_refuse(bs, "emptying the image is");
    }
    return qcow2_make_empty(bs);
}

int qcow2_zone_snapshot_create(BlockDriverState *bs, QEMUSnapshotInfo *sn_info)
{
    if (qcow2_zone(bs)) {
        return qcow2_zone_refuse(bs, "internal snapshots are");
    }
    return qcow2_snapshot_create(bs, sn_info);
}

bool qcow2_zone_check_downgrade(BlockDriverState *bs, Error **errp)
{
    if (qcow2_zone(bs)) {
        error_setg(errp, "Zoned images need compatibility level 1.1");
        return false;
    }
    return true;
}
