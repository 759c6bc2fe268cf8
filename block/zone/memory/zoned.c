/*
 * The driver "zoned": a zone table in memory over any node
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What zoned=on puts over an image without zones, and a driver of its own for
 * -blockdev.  All state ends with the node: nothing is committed, and every
 * zone starts Empty.
 */

#include "qemu/osdep.h"
#include "qemu/module.h"
#include "qemu/units.h"
#include "qapi/error.h"
#include "qobject/qdict.h"
#include "block/block-io.h"
#include "block/block_int.h"
#include "block/zone/memory/zoned.h"
#include "system/block-backend.h"
#include "system/block-backend-zone.h"

/* A hole at most: file systems let nobody else at the file meanwhile */
#define ZONED_HOLE_BYTES    (2 * MiB)

typedef struct ZonedState {
    /* as in the options, without ZRWAs that a device has added */
    ZoneGeometry geometry;
    uint8_t *zdes;
    uint32_t zde_bytes;
} ZonedState;

/* Store: nothing is durable **********************************************/

static uint8_t *zoned_zde(BlockDriverState *bs, uint32_t zone_idx)
{
    ZonedState *s = bs->opaque;

    return s->zdes + (size_t)zone_idx * s->zde_bytes;
}

static int coroutine_fn
zoned_store_zde(BlockDriverState *bs, uint32_t zone_idx, const void *zde)
{
    ZonedState *s = bs->opaque;

    memcpy(zoned_zde(bs, zone_idx), zde, s->zde_bytes);
    return 0;
}

static int coroutine_fn
zoned_load_zde(BlockDriverState *bs, uint32_t zone_idx, void *zde)
{
    ZonedState *s = bs->opaque;

    memcpy(zde, zoned_zde(bs, zone_idx), s->zde_bytes);
    return 0;
}

/*
 * How many of the bytes are in the file, which may have shrunk since the zones
 * were made, or may be a smaller one after a reopen.
 */
static int64_t GRAPH_RDLOCK
zoned_file_part(BlockDriverState *bs, int64_t offset, int64_t bytes)
{
    int64_t file_bytes = bs->file->bs->total_sectors * BDRV_SECTOR_SIZE;

    return MIN(bytes, MAX(file_bytes - offset, 0));
}

static ZoneDropTime GRAPH_RDLOCK zoned_wants_drop(BlockDriverState *bs)
{
    return bs->file->bs->open_flags & BDRV_O_UNMAP ? ZONE_DROP_LATER
                                                   : ZONE_DROP_NEVER;
}

static void coroutine_fn GRAPH_RDLOCK
zoned_drop(BlockDriverState *bs, uint32_t zone_idx)
{
    const ZoneGeometry *geometry = zone_io_geometry(bs->zones);
    int64_t offset = geometry->zone_bytes * zone_idx;
    int64_t end = offset + zoned_file_part(bs, offset, geometry->zone_bytes);
    int64_t n;

    /* who drains the node need not wait for the space of many zones */
    for (; offset < end && !qatomic_read(&bs->quiesce_counter); offset += n) {
        n = MIN(end - offset, ZONED_HOLE_BYTES);
        bdrv_co_pdiscard(bs->file, offset, n);
    }
}

static const ZoneStoreOps zoned_store_ops = {
    .co_store_zde    = zoned_store_zde,
    .co_load_zde     = zoned_load_zde,
    .wants_drop      = zoned_wants_drop,
    .co_drop         = zoned_drop,
};

/* BlockDriver ************************************************************/

/* Zones of the host's own below would move under ours */
static bool GRAPH_RDLOCK
zoned_check_file(BlockDriverState *file_bs, Error **errp)
{
    if (file_bs->bl.zoned != BLK_Z_NONE) {
        error_setg(errp, "Node '%s' is a zoned device: driver 'zoned' makes "
                   "zones of storage that has none",
                   bdrv_get_device_or_node_name(file_bs));
        return false;
    }
    return true;
}

static bool zoned_init(BlockDriverState *bs, const ZoneGeometry *geometry,
                       Error **errp)
{
    ZonedState *s = bs->opaque;
    uint64_t zdes_bytes = (uint64_t)geometry->nr_zones *
                          geometry->zd_extension_bytes;

    s->geometry = *geometry;
    s->zde_bytes = geometry->zd_extension_bytes;
    s->zdes = g_try_malloc0(zdes_bytes);
    if (zdes_bytes && !s->zdes) {
        error_setg(errp, "Could not allocate %" PRIu64 " bytes of zone "
                   "descriptor extensions", zdes_bytes);
        return false;
    }
    zone_io_new(bs, &zoned_store_ops, zone_table_new(geometry));
    return true;
}

/* Of requests: what the file takes is passed on, the rest is emulated above */
static void GRAPH_RDLOCK zoned_take_flags(BlockDriverState *bs)
{
    const BlockDriverState *file_bs = bs->file->bs;
    unsigned passed = BDRV_REQ_FUA;

    bs->supported_write_flags = file_bs->supported_write_flags & passed;
    passed |= BDRV_REQ_MAY_UNMAP | BDRV_REQ_NO_FALLBACK;
    bs->supported_zero_flags = file_bs->supported_zero_flags & passed;
    bs->supported_write_flags |= BDRV_REQ_WRITE_UNCHANGED;
    bs->supported_zero_flags |= BDRV_REQ_WRITE_UNCHANGED;
}

static int zoned_open(BlockDriverState *bs, QDict *options, int flags,
                      Error **errp)
{
    ZoneGeometry geometry;
    int64_t file_bytes;

    /* reads above write pointers are zeros, whatever is there: no filter */
    bdrv_open_child(NULL, options, "file", bs, &child_of_bds,
                    BDRV_CHILD_DATA | BDRV_CHILD_PRIMARY, false, errp);
    if (!bs->file) {
        return -EINVAL;
    }
    GRAPH_RDLOCK_GUARD_MAINLOOP();
    if (!zoned_check_file(bs->file->bs, errp)) {
        return -ENOTSUP;
    }
    file_bytes = bdrv_getlength(bs->file->bs);
    if (file_bytes < 0) {
        error_setg_errno(errp, -file_bytes, "Could not get the length of "
                         "node '%s'",
                         bdrv_get_device_or_node_name(bs->file->bs));
        return file_bytes;
    }
    if (!zoned_options_to_geometry(options, file_bytes, 0, &geometry, errp)) {
        return -EINVAL;
    }
    zoned_take_flags(bs);
    return zoned_init(bs, &geometry, errp) ? 0 : -ENOMEM;
}

/* No more than the users of the zones want, and share */
static void zoned_child_perm(BlockDriverState *bs, BdrvChild *c,
                             BdrvChildRole role,
                             BlockReopenQueue *reopen_queue, uint64_t perm,
                             uint64_t shared, uint64_t *nperm,
                             uint64_t *nshared)
{
    bdrv_default_perms(bs, c, BDRV_CHILD_FILTERED | BDRV_CHILD_PRIMARY,
                       reopen_queue, perm, shared, nperm, nshared);
}

static void zoned_close(BlockDriverState *bs)
{
    ZonedState *s = bs->opaque;

    g_free(s->zdes);
}

/* Only auto-close may change: it takes effect in zoned_reopen_commit */
static int zoned_reopen_prepare(BDRVReopenState *state,
                                BlockReopenQueue *queue, Error **errp)
{
    ZonedState *s = state->bs->opaque;
    const ZoneGeometry *old = &s->geometry;
    ZoneGeometry new;

    /* A file that has grown or shrunk since is none of reopen's business */
    if (!zoned_options_to_geometry(state->options,
                                   old->zone_bytes * old->nr_zones,
                                   old->nr_zones, &new, errp) ||
        !zoned_geometry_check_equal(old, &new, errp)) {
        return -EINVAL;
    }
    state->opaque = GINT_TO_POINTER(new.auto_close);
    return 0;
}

static void zoned_reopen_commit(BDRVReopenState *state)
{
    ZoneIO *io = state->bs->zones;

    zone_io_lock(io);
    zone_table_set_auto_close(zone_io_table(io),
                              GPOINTER_TO_INT(state->opaque));
    zone_io_unlock(io);
}

static int coroutine_fn GRAPH_RDLOCK
zoned_co_truncate(BlockDriverState *bs, int64_t offset, bool exact,
                  PreallocMode prealloc, BdrvRequestFlags flags, Error **errp)
{
    error_setg(errp, "Node '%s': resizing is not supported on zoned nodes",
               bdrv_get_node_name(bs));
    return -ENOTSUP;
}

static int64_t coroutine_fn GRAPH_RDLOCK
zoned_co_getlength(BlockDriverState *bs)
{
    return bdrv_co_getlength(bs->file->bs);
}

static int coroutine_fn GRAPH_RDLOCK
zoned_co_preadv_part(BlockDriverState *bs, int64_t offset, int64_t bytes,
                     QEMUIOVector *qiov, size_t qiov_offset,
                     BdrvRequestFlags flags)
{
    return bdrv_co_preadv_part(bs->file, offset, bytes, qiov, qiov_offset,
                               flags);
}

static int coroutine_fn GRAPH_RDLOCK
zoned_co_pwritev_part(BlockDriverState *bs, int64_t offset, int64_t bytes,
                      QEMUIOVector *qiov, size_t qiov_offset,
                      BdrvRequestFlags flags)
{
    if (zoned_file_part(bs, offset, bytes) < bytes) {
        return -EIO;
    }
    return bdrv_co_pwritev_part(bs->file, offset, bytes, qiov, qiov_offset,
                                flags);
}

static int coroutine_fn GRAPH_RDLOCK
zoned_co_pwrite_zeroes(BlockDriverState *bs, int64_t offset, int64_t bytes,
                       BdrvRequestFlags flags)
{
    if (zoned_file_part(bs, offset, bytes) < bytes) {
        return -EIO;
    }
    return bdrv_co_pwrite_zeroes(bs->file, offset, bytes, flags);
}

static int coroutine_fn GRAPH_RDLOCK
zoned_co_pdiscard(BlockDriverState *bs, int64_t offset, int64_t bytes)
{
    bytes = zoned_file_part(bs, offset, bytes);
    return bytes ? bdrv_co_pdiscard(bs->file, offset, bytes) : 0;
}

static int coroutine_fn GRAPH_RDLOCK
zoned_co_block_status(BlockDriverState *bs, BdrvStatusHint hint,
                      int64_t offset, int64_t count, int64_t *pnum,
                      int64_t *map, BlockDriverState **file)
{
    int64_t file_part = zoned_file_part(bs, offset, count);

    if (file_part == 0) {
        *pnum = count;
        return BDRV_BLOCK_ZERO | BDRV_BLOCK_ALLOCATED;
    }
    *pnum = file_part;
    *map = offset;
    *file = bs->file->bs;
    return BDRV_BLOCK_RAW | BDRV_BLOCK_OFFSET_VALID;
}

static BlockDriver bdrv_zoned = {
    .format_name              = "zoned",
    .instance_size            = sizeof(ZonedState),
    .strong_runtime_opts      = zoned_runtime_opt_names,
    /* all, to say in words of our own which of them may not change */
    .mutable_opts             = zoned_runtime_opt_names,

    .bdrv_open                = zoned_open,
    .bdrv_close               = zoned_close,
    .bdrv_reopen_prepare      = zoned_reopen_prepare,
    .bdrv_reopen_commit       = zoned_reopen_commit,
    .bdrv_child_perm          = zoned_child_perm,
    .bdrv_co_getlength        = zoned_co_getlength,
    .bdrv_co_truncate         = zoned_co_truncate,

    .bdrv_co_preadv_part      = zoned_co_preadv_part,
    .bdrv_co_pwritev_part     = zoned_co_pwritev_part,
    .bdrv_co_pwrite_zeroes    = zoned_co_pwrite_zeroes,
    .bdrv_co_pdiscard         = zoned_co_pdiscard,
    .bdrv_co_block_status     = zoned_co_block_status,
};

static BlockDriverState *zoned_node_new(BlockDriverState *bs,
                                        const ZoneGeometry *geometry,
                                        Error **errp)
{
    QDict *options = qdict_new();
    int flags = bdrv_is_read_only(bs) ? 0 : BDRV_O_RDWR;

    zoned_geometry_to_options(geometry, options);
    qdict_put_str(options, "file", bdrv_get_node_name(bs));
    return bdrv_new_open_driver_opts(&bdrv_zoned, NULL, options,
                                     flags | (bs->open_flags & BDRV_O_UNMAP),
                                     errp);
}

bool blk_insert_volatile_zones(BlockBackend *blk, const ZoneGeometry *geometry,
                               Error **errp)
{
    BlockDriverState *node;
    int ret;

    node = zoned_node_new(blk_bs(blk), geometry, errp);
    if (!node) {
        return false;
    }
    ret = blk_replace_bs(blk, node, errp);
    bdrv_unref(node);
    return ret >= 0;
}

static void zoned_register(void)
{
    bdrv_register(&bdrv_zoned);
}

block_init(zoned_register);
