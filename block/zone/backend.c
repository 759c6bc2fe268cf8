/*
 * Zones of a block backend, for device models
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qobject/qdict.h"
#include "block/block-io.h"
#include "block/block_int.h"
#include "block/zone/memory/zoned.h"
#include "system/block-backend.h"
#include "system/block-backend-zone.h"

ZoneIO *bdrv_zone_io(BlockDriverState *bs)
{
    BlockDriver *drv;

    if (!bs) {
        return NULL;
    }
    /* once: an iothread may find out meanwhile that the image is corrupt */
    drv = qatomic_read(&bs->drv);
    if (!drv) {
        return bs->lost_zones;
    }
    return drv->bdrv_zone_io ? drv->bdrv_zone_io(bs) : NULL;
}

bool bdrv_zone_check_child(BlockDriverState *parent, BlockDriverState *child,
                           BdrvChildRole role, Error **errp)
{
    if (bdrv_zone_io(child) && (role & BDRV_CHILD_FILTERED) &&
        parent->drv->bdrv_zone_io) {
        error_setg(errp, "Node '%s' is zoned already: driver '%s' makes zones "
                   "of storage that has none",
                   bdrv_get_device_or_node_name(child),
                   parent->drv->format_name);
        return false;
    }
    if (bdrv_zone_io(child)) {
        error_setg(errp, "Node '%s' is zoned, and driver '%s' of node '%s' "
                   "does not pass zones on: overlays, filters and jobs over "
                   "zoned images are not supported",
                   bdrv_get_device_or_node_name(child),
                   parent->drv->format_name,
                   bdrv_get_device_or_node_name(parent));
        return false;
    }
    if ((role & BDRV_CHILD_COW) && bdrv_zone_io(parent)) {
        error_setg(errp, "Node '%s' is zoned: backing files are not supported "
                   "on zoned images", bdrv_get_device_or_node_name(parent));
        return false;
    }
    return true;
}

bool bdrv_zone_check_backing(BlockDriverState *backing, Error **errp)
{
    if (bdrv_zone_io(backing)) {
        error_setg(errp, "Image '%s' is zoned: overlays over zoned images are "
                   "not supported", backing->filename);
        return false;
    }
    return true;
}

bool bdrv_zone_check_target(BlockDriverState *target, const char *operation,
                            Error **errp)
{
    if (bdrv_zone_io(target)) {
        error_setg(errp, "Image '%s' is zoned: %s to zoned images is not "
                   "supported", target->filename, operation);
        return false;
    }
    return true;
}

static ZoneIO *blk_zone_io(BlockBackend *blk)
{
    return bdrv_zone_io(blk_bs(blk));
}

/* Geometry ***************************************************************/

const ZoneGeometry *blk_get_zone_geometry(BlockBackend *blk)
{
    ZoneIO *io = blk_zone_io(blk);

    return io ? zone_io_geometry(io) : NULL;
}

BlockZoneModel blk_get_zone_model(BlockBackend *blk)
{
    return blk_zone_io(blk) ? BLK_Z_HM : BLK_Z_NONE;
}

#define BLK_ZONE_ACCESSOR(type, name, field)                            \
    type name(BlockBackend *blk)                                        \
    {                                                                   \
        const ZoneGeometry *geometry = blk_get_zone_geometry(blk);      \
                                                                        \
        return geometry ? geometry->field : 0;                          \
    }

BLK_ZONE_ACCESSOR(uint64_t, blk_get_zone_size, zone_bytes)
BLK_ZONE_ACCESSOR(uint64_t, blk_get_zone_capacity, capacity_bytes)
BLK_ZONE_ACCESSOR(uint32_t, blk_get_nr_zones, nr_zones)
BLK_ZONE_ACCESSOR(uint32_t, blk_get_nr_conventional_zones, conventional_zones)
BLK_ZONE_ACCESSOR(uint32_t, blk_get_max_open_zones, max_open_zones)
BLK_ZONE_ACCESSOR(uint32_t, blk_get_max_active_zones, max_active_zones)
BLK_ZONE_ACCESSOR(uint32_t, blk_get_max_append_bytes, max_append_bytes)
BLK_ZONE_ACCESSOR(uint32_t, blk_get_zd_ext_size, zd_extension_bytes)
BLK_ZONE_ACCESSOR(uint64_t, blk_get_zrwa_size, zrwa_bytes)

uint32_t blk_get_max_append_sectors(BlockBackend *blk)
{
    return blk_get_max_append_bytes(blk) >> BDRV_SECTOR_BITS;
}

/* State ******************************************************************/

void blk_get_zone_info(BlockBackend *blk, uint32_t zone_idx, ZoneInfo *info)
{
    ZoneIO *io = blk_zone_io(blk);

    if (!io) {
        *info = (ZoneInfo) {
            .state = ZONE_STATE_OFFLINE, .zone_idx = zone_idx,
        };
        return;
    }
    zone_io_lock(io);
    zone_table_info(zone_io_table(io), zone_idx, info);
    zone_io_unlock(io);
}

ZoneCounts blk_get_zone_counts(BlockBackend *blk)
{
    ZoneIO *io = blk_zone_io(blk);
    ZoneCounts counts;

    zone_io_lock(io);
    counts = zone_table_counts(zone_io_table(io));
    zone_io_unlock(io);
    return counts;
}

uint32_t blk_find_zone(BlockBackend *blk, ZoneState state, uint32_t zone_idx)
{
    ZoneIO *io = blk_zone_io(blk);

    zone_io_lock(io);
    zone_idx = zone_table_find(zone_io_table(io), state, zone_idx);
    zone_io_unlock(io);
    return zone_idx;
}

uint32_t blk_count_zones_from(BlockBackend *blk, ZoneState state,
                              uint32_t zone_idx)
{
    ZoneIO *io = blk_zone_io(blk);
    uint32_t nr;

    zone_io_lock(io);
    nr = zone_table_count_from(zone_io_table(io), state, zone_idx);
    zone_io_unlock(io);
    return nr;
}

ZoneStatus blk_check_zone_write(BlockBackend *blk, int64_t offset,
                                int64_t bytes)
{
    ZoneIO *io = blk_zone_io(blk);
    ZoneStatus status;

    if (!io) {
        return ZONE_ERR_OFFLINE;
    }
    zone_io_lock(io);
    status = zone_table_check_write(zone_io_table(io), offset, bytes);
    zone_io_unlock(io);
    return status;
}

ZoneStatus blk_check_zone_event(BlockBackend *blk, uint32_t zone_idx,
                                ZoneEvent event)
{
    ZoneIO *io = blk_zone_io(blk);
    ZoneStatus status;

    if (!io) {
        return ZONE_ERR_OFFLINE;
    }
    zone_io_lock(io);
    status = zone_table_check_event(zone_io_table(io), zone_idx, event);
    zone_io_unlock(io);
    return status;
}

void blk_set_zone_auto_close(BlockBackend *blk, bool enable)
{
    ZoneIO *io = blk_zone_io(blk);

    if (io) {
        zone_io_lock(io);
        zone_table_set_auto_close(zone_io_table(io), enable);
        zone_io_unlock(io);
    }
}

void blk_set_zone_zrwa(BlockBackend *blk, uint64_t zrwa_bytes,
                       uint64_t granularity_bytes, uint32_t max_zones)
{
    ZoneIO *io = blk_zone_io(blk);

    if (io) {
        zone_io_lock(io);
        zone_table_set_zrwa(zone_io_table(io), zrwa_bytes, granularity_bytes,
                            max_zones);
        zone_io_unlock(io);
    }
}

/* Requests ***************************************************************/

/* One request: an action, extensions to get, or (neither) a power cycle */
typedef struct BlkZoneRequest {
    BlockBackend *blk;
    const ZoneAction *action;
    const uint32_t *zone_idx;
    uint32_t nr;
    uint8_t *zdes;
    int ret;
    bool done;
} BlkZoneRequest;

static int coroutine_fn GRAPH_RDLOCK
blk_co_zone_extensions(BlkZoneRequest *req, ZoneIO *io)
{
    uint32_t zde_bytes = zone_io_geometry(io)->zd_extension_bytes;
    uint32_t i;
    int ret = 0;

    for (i = 0; i < req->nr && ret >= 0; i++) {
        ret = zone_io_co_get_extension(io, req->zone_idx[i],
                                       req->zdes + (size_t)i * zde_bytes);
    }
    return ret;
}

static void coroutine_fn blk_co_zone_request(BlkZoneRequest *req)
{
    ZoneIO *io;

    blk_wait_while_drained(req->blk, 0);
    GRAPH_RDLOCK_GUARD();
    io = blk_is_available(req->blk) ? blk_zone_io(req->blk) : NULL;
    if (!io) {
        req->ret = -ENOMEDIUM;
    } else if (req->action) {
        req->ret = zone_io_co_action(io, req->action);
    } else if (req->zone_idx) {
        req->ret = blk_co_zone_extensions(req, io);
    } else {
        req->ret = zone_io_co_power_cycle(io);
    }
}

static void coroutine_fn blk_zone_request_entry(void *opaque)
{
    BlkZoneRequest *req = opaque;

    blk_co_zone_request(req);
    req->done = true;
    aio_wait_kick();
}

/* Runs a request to its end, from wherever it is called */
static int coroutine_mixed_fn blk_zone_run(BlkZoneRequest *req)
{
    Coroutine *co;

    blk_inc_in_flight(req->blk);
    if (qemu_in_coroutine()) {
        blk_co_zone_request(req);
    } else {
        co = qemu_coroutine_create(blk_zone_request_entry, req);
        aio_co_enter(blk_get_aio_context(req->blk), co);
        AIO_WAIT_WHILE(blk_get_aio_context(req->blk), !req->done);
    }
    blk_dec_in_flight(req->blk);
    return req->ret;
}

int coroutine_mixed_fn blk_zone_action(BlockBackend *blk,
                                       const ZoneAction *action)
{
    BlkZoneRequest req = { .blk = blk, .action = action };

    return blk_zone_run(&req);
}

int coroutine_mixed_fn blk_get_zone_extension(BlockBackend *blk,
                                              uint32_t zone_idx, void *zde)
{
    BlkZoneRequest req = {
        .blk = blk, .zone_idx = &zone_idx, .nr = 1, .zdes = zde,
    };

    return blk_zone_run(&req);
}

int coroutine_mixed_fn blk_zone_power_cycle(BlockBackend *blk)
{
    BlkZoneRequest req = { .blk = blk };

    return blk_zone_run(&req);
}

typedef struct BlkZoneAIOCB {
    BlockAIOCB common;
    BlkZoneRequest req;
    bool has_returned;
} BlkZoneAIOCB;

static const AIOCBInfo blk_zone_aiocb_info = {
    .aiocb_size = sizeof(BlkZoneAIOCB),
};

static void blk_zone_aio_complete(void *opaque)
{
    BlkZoneAIOCB *acb = opaque;
    BlockBackend *blk = acb->req.blk;

    acb->common.cb(acb->common.opaque, acb->req.ret);
    blk_dec_in_flight(blk);
    qemu_aio_unref(acb);
}

/* The callback must not come before the caller has its BlockAIOCB */
static void coroutine_fn blk_zone_aio_entry(void *opaque)
{
    BlkZoneAIOCB *acb = opaque;

    blk_co_zone_request(&acb->req);
    if (acb->has_returned) {
        blk_zone_aio_complete(acb);
    } else {
        aio_bh_schedule_oneshot(qemu_get_current_aio_context(),
                                blk_zone_aio_complete, acb);
    }
}

static BlockAIOCB *blk_zone_aio(const BlkZoneRequest *req,
                                BlockCompletionFunc *cb, void *opaque)
{
    BlkZoneAIOCB *acb;

    blk_inc_in_flight(req->blk);
    acb = blk_aio_get(&blk_zone_aiocb_info, req->blk, cb, opaque);
    acb->req = *req;
    acb->has_returned = false;
    aio_co_enter(qemu_get_current_aio_context(),
                 qemu_coroutine_create(blk_zone_aio_entry, acb));
    acb->has_returned = true;
    return &acb->common;
}

BlockAIOCB *blk_aio_zone_action(BlockBackend *blk, const ZoneAction *action,
                                BlockCompletionFunc *cb, void *opaque)
{
    BlkZoneRequest req = { .blk = blk, .action = action };

    return blk_zone_aio(&req, cb, opaque);
}

BlockAIOCB *blk_aio_get_zone_extensions(BlockBackend *blk,
                                        const uint32_t *zone_idx, uint32_t nr,
                                        void *zdes,
                                        BlockCompletionFunc *cb, void *opaque)
{
    BlkZoneRequest req = {
        .blk = blk, .zone_idx = zone_idx, .nr = nr, .zdes = zdes,
    };

    return blk_zone_aio(&req, cb, opaque);
}

/* The volatile filter ****************************************************/

bool blk_insert_volatile_zones(BlockBackend *blk, const ZoneGeometry *geometry,
                               Error **errp)
{
    BlockDriverState *filter;
    int ret;

    filter = zoned_filter_new(blk_bs(blk), geometry, errp);
    if (!filter) {
        return false;
    }
    ret = blk_replace_bs(blk, filter, errp);
    bdrv_unref(filter);
    return ret >= 0;
}
