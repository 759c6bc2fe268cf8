/*
 * Zoned I/O: requests on zones, in the block graph
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * They come through a BdrvChild, whose permissions they need, and are tracked
 * like writes: they wait for requests that must have a range for themselves
 * (BDRV_REQ_SERIALISING), and those wait for them.
 */

#include "qemu/osdep.h"
#include "block/block-io.h"
#include "block/block_int.h"
#include "block/zone/gate/block-io.h"
#include "block/zone/gate/internal.h"

/* Writes and appends ******************************************************/

/*
 * All that can be said of an append before it has a place.  The zone is what it
 * is tracked with.
 */
static int zone_io_check_append(ZoneIO *io, int64_t offset, int64_t bytes,
                                BdrvRequestFlags flags)
{
    const ZoneGeometry *geometry = zone_io_geometry(io);

    if (offset < 0 || offset >= zone_io_zoned_bytes(io) || bytes == 0 ||
        !QEMU_IS_ALIGNED(bytes, io->bs->bl.request_alignment) ||
        (flags & BDRV_REQ_ZERO_WRITE)) {
        return -EINVAL;
    }
    if (offset % geometry->zone_bytes) {
        return zone_io_refuse(io, offset, ZONE_ERR_UNALIGNED);
    }
    if (geometry->max_append_bytes && bytes > geometry->max_append_bytes) {
        return zone_io_refuse(io, offset, ZONE_ERR_APPEND_LIMIT);
    }
    if (bytes > geometry->zone_bytes) {
        return zone_io_refuse(io, offset, ZONE_ERR_BOUNDARY);
    }
    return 0;
}

static int zone_io_check_write(ZoneIO *io, const ZoneIOWrite *write)
{
    if (write->append) {
        return zone_io_check_append(io, write->offset_bytes,
                                    write->length_bytes, write->flags);
    }
    return write->offset_bytes >= 0 && write->length_bytes > 0 &&
           QEMU_IS_ALIGNED(write->offset_bytes | write->length_bytes,
                           io->bs->bl.request_alignment) &&
           write->length_bytes <= zone_io_zoned_bytes(io) &&
           write->offset_bytes <= zone_io_zoned_bytes(io) -
                                  write->length_bytes ? 0 : -EINVAL;
}

int coroutine_fn bdrv_zone_co_write(BdrvChild *child, ZoneIOWrite *write)
{
    BlockDriverState *bs = child->bs;
    ZoneTracked tracked = { .write = write };
    BdrvRequestFlags flags = write->flags | BDRV_REQ_ZONE;
    int ret = zone_io_check_writable(child);

    if (ret >= 0) {
        ret = zone_io_check_write(bdrv_zone_io(bs), write);
    }
    if (ret < 0) {
        return ret;
    }
    if (!bs->zones) {
        return zone_filter_co_write(bs, write);
    }
    bdrv_inc_in_flight(bs);
    tracked_request_begin(&tracked.req, bs, write->offset_bytes,
                          write->append
                          ? zone_io_geometry(bs->zones)->zone_bytes
                          : write->length_bytes, BDRV_TRACKED_WRITE);
    ret = bdrv_aligned_pwritev(child, &tracked.req, write->offset_bytes,
                               write->length_bytes, bs->bl.request_alignment,
                               write->qiov, 0,
                               write->qiov ? flags
                                           : flags | BDRV_REQ_ZERO_WRITE);
    write->offset_bytes = tracked.req.offset;
    tracked_request_end(&tracked.req);
    bdrv_dec_in_flight(bs);
    return ret;
}

int coroutine_fn
bdrv_zone_co_append(BdrvChild *child, int64_t *offset, QEMUIOVector *qiov,
                    BdrvRequestFlags flags)
{
    ZoneIOWrite write = {
        .offset_bytes = *offset,
        .length_bytes = qiov->size,
        .qiov = qiov,
        .flags = flags,
        .append = true,
    };
    int ret = bdrv_zone_co_write(child, &write);

    *offset = write.offset_bytes;
    return ret;
}

/* Management **************************************************************/

void zone_io_action_range(ZoneIO *io, const ZoneAction *action, int64_t *offset,
                          int64_t *bytes)
{
    uint64_t zone_bytes = zone_io_geometry(io)->zone_bytes;
    uint64_t zoned_bytes = zone_io_zoned_bytes(io);
    int64_t pos = action->offset_bytes;

    if (action->op == BLK_ZO_FLUSH_ZRWA) {
        pos--; /* up to there */
    }
    *offset = 0;
    *bytes = zoned_bytes;
    if (!action->select_all && pos >= 0 && pos < zoned_bytes) {
        *offset = QEMU_ALIGN_DOWN(pos, zone_bytes);
        *bytes = zone_bytes;
    }
}

int coroutine_fn
bdrv_zone_co_action(BdrvChild *child, const ZoneAction *action)
{
    BlockDriverState *bs = child->bs;
    BdrvTrackedRequest req;
    int64_t offset, bytes;
    int ret = zone_io_check_writable(child);

    if (ret < 0) {
        return ret;
    }
    if (!bs->zones) {
        return zone_filter_co_action(bs, action);
    }
    zone_io_action_range(bs->zones, action, &offset, &bytes);
    bdrv_inc_in_flight(bs);
    tracked_request_begin(&req, bs, offset, bytes, BDRV_TRACKED_DISCARD);
    bdrv_wait_serialising_requests(&req);
    ret = zone_io_co_action(bs->zones, action);
    tracked_request_end(&req);
    bdrv_dec_in_flight(bs);
    return ret;
}

/* Whole zones: an action on each, or on all that it selects */
int coroutine_fn
bdrv_zone_co_mgmt(BdrvChild *child, BlockZoneOp op, int64_t offset, int64_t len)
{
    ZoneIO *io = bdrv_zone_io(child->bs);
    uint64_t zone_bytes = zone_io_geometry(io)->zone_bytes;
    uint64_t zoned_bytes = zone_io_zoned_bytes(io);
    ZoneAction action = { .op = op, .offset_bytes = offset };
    int ret = zone_io_check_writable(child);

    if (ret < 0) {
        return ret;
    }
    if (op == BLK_ZO_SET_ZDED || op == BLK_ZO_SET_ZDED_ZRWA ||
        op == BLK_ZO_FLUSH_ZRWA) {
        return -EINVAL; /* they need more than a range */
    }
    if (offset < 0 || len < 0 || len > zoned_bytes ||
        offset > zoned_bytes - len) {
        return -EINVAL;
    }
    if (offset % zone_bytes || len % zone_bytes) {
        return zone_io_refuse(io, offset, ZONE_ERR_UNALIGNED);
    }
    if (offset == 0 && (len == 0 || (len == zoned_bytes && len > zone_bytes))) {
        action.select_all = true;
        return bdrv_zone_co_action(child, &action);
    }
    for (; len && ret >= 0; len -= zone_bytes) {
        ret = bdrv_zone_co_action(child, &action);
        action.offset_bytes += zone_bytes;
    }
    return ret;
}

/* Reports *****************************************************************/

/* So many zones are described at one moment; others wait for the lock */
#define ZONE_REPORT_LOCKED 256
/* Other coroutines get their turn behind so many */
#define ZONE_REPORT_BATCH 4096

static BlockZoneDescriptor zone_io_descriptor(const ZoneInfo *info)
{
    return (BlockZoneDescriptor) {
        .start  = info->start_bytes,
        .length = info->length_bytes,
        .cap    = info->capacity_bytes,
        .wp     = info->wp_bytes,
        .type   = info->state == ZONE_STATE_CONVENTIONAL ? BLK_ZT_CONV
                                                         : BLK_ZT_SWR,
        /* the values of both enums are those of the standard */
        .state  = (BlockZoneState)info->state,
    };
}

static void zone_io_describe_zones(ZoneIO *io, uint32_t zone_idx, uint32_t nr,
                                   BlockZoneDescriptor *zones)
{
    ZoneInfo info;
    uint32_t i;

    zone_io_lock(io);
    for (i = 0; i < nr; i++) {
        zone_table_info(io->table, zone_idx + i, &info);
        zones[i] = zone_io_descriptor(&info);
    }
    zone_io_unlock(io);
}

int coroutine_fn
bdrv_zone_co_report(BlockDriverState *bs, int64_t offset, unsigned *nr_zones,
                    BlockZoneDescriptor *zones)
{
    ZoneIO *io = bdrv_zone_io(bs);
    unsigned max = *nr_zones;
    uint32_t zone_idx, nr;

    *nr_zones = 0;
    if (offset < 0 || offset > zone_io_zoned_bytes(io)) {
        return -EINVAL;
    }
    if (bs->open_flags & BDRV_O_INACTIVE) {
        return -EPERM; /* somebody else may be changing them */
    }
    if (io->importing) {
        return -EBUSY;
    }
    if (offset == zone_io_zoned_bytes(io)) {
        return 0; /* a caller that goes on where the last report ended */
    }
    zone_idx = zone_table_idx(io->table, offset);
    while (*nr_zones < max && zone_idx < zone_io_geometry(io)->nr_zones) {
        if (*nr_zones && *nr_zones % ZONE_REPORT_BATCH == 0) {
            zone_io_co_give_way();
        }
        nr = MIN(max - *nr_zones, ZONE_REPORT_LOCKED);
        nr = MIN(nr, zone_io_geometry(io)->nr_zones - zone_idx);
        zone_io_describe_zones(io, zone_idx, nr, zones + *nr_zones);
        zone_idx += nr;
        *nr_zones += nr;
    }
    return 0;
}

/* Gives a number that is another one when a slot may have been written since */
static uint64_t zone_io_sample(ZoneIO *io, uint32_t zone_idx, ZoneInfo *info)
{
    uint64_t zde_seq;

    zone_io_lock(io);
    zone_table_info(io->table, zone_idx, info);
    zde_seq = io->zde_seq;
    zone_io_unlock(io);
    return zde_seq;
}

/*
 * The slot of a zone with ZDEV is written when the zone has been reset: what
 * has been read is whole, and belongs to info, if none was begun meanwhile.
 */
int coroutine_fn
bdrv_zone_co_get_extension(BlockDriverState *bs, uint32_t zone_idx, void *zde,
                           ZoneInfo *info)
{
    ZoneIO *io = bdrv_zone_io(bs);
    uint64_t zde_seq;
    ZoneInfo after;
    int ret = 0;

    bdrv_inc_in_flight(bs);
    do {
        zde_seq = zone_io_sample(io, zone_idx, info);
        if (!(info->attributes & ZONE_ATTR_ZDEV)) {
            memset(zde, 0, zone_io_geometry(io)->zd_extension_bytes);
            break;
        }
        ret = io->ops->co_load_zde(io->bs, zone_idx, zde);
    } while (ret >= 0 && zone_io_sample(io, zone_idx, &after) != zde_seq);
    bdrv_dec_in_flight(bs);
    return ret;
}

int coroutine_fn
bdrv_zone_co_get_extensions(BlockDriverState *bs, const uint32_t *zone_idx,
                            uint32_t nr, void *zdes)
{
    uint32_t zde_bytes = zone_io_geometry(bdrv_zone_io(bs))->zd_extension_bytes;
    uint8_t *zde = zdes;
    ZoneInfo info;
    uint32_t i;
    int ret = 0;

    for (i = 0; i < nr && ret >= 0; i++, zde += zde_bytes) {
        ret = bdrv_zone_co_get_extension(bs, zone_idx[i], zde, &info);
    }
    return ret;
}
