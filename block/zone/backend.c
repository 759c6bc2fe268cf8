/*
 * Zones of a block backend, for device models
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/error-report.h"
#include "block/block-io.h"
#include "block/block_int.h"
#include "block/throttle-groups.h"
#include "system/block-backend.h"
#include "system/block-backend-zone.h"

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
    zone_io_get_info(io, zone_idx, info);
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

uint32_t blk_find_zone(BlockBackend *blk, ZoneState state, uint32_t zone_idx,
                       uint32_t end_idx)
{
    ZoneIO *io = blk_zone_io(blk);

    zone_io_lock(io);
    zone_idx = zone_table_find_among(zone_io_table(io), ZONE_STATE_BIT(state),
                                     zone_idx, end_idx);
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

/* Changes by the drive ***************************************************/

void blk_add_zone_change_notifier(BlockBackend *blk, Notifier *notifier)
{
    ZoneIO *io = blk_zone_io(blk);

    GLOBAL_STATE_CODE();
    if (io) {
        zone_io_add_change_notifier(io, notifier);
    }
}

void blk_remove_zone_change_notifier(Notifier *notifier)
{
    GLOBAL_STATE_CODE();
    if (QLIST_IS_INSERTED(notifier, node)) {
        notifier_remove(notifier);
    }
}

void blk_set_zone_traits(BlockBackend *blk, unsigned traits)
{
    ZoneIO *io = blk_zone_io(blk);

    if (io) {
        zone_io_set_traits(io, traits);
    }
}

static int coroutine_fn blk_co_zone_excursion(BlockBackend *blk,
                                              uint32_t zone_idx)
{
    ZoneIO *io;

    blk_co_wait_drained(blk);
    GRAPH_RDLOCK_GUARD();
    io = blk_zone_io(blk);
    return io ? zone_io_co_set_state(io, zone_idx, ZONE_EVENT_EXCURSION)
              : -ENOMEDIUM;
}

typedef struct BlkZoneExcursion {
    BlockBackend *blk;
    uint32_t zone_idx;
} BlkZoneExcursion;

static void coroutine_fn blk_zone_excursion_entry(void *opaque)
{
    g_autofree BlkZoneExcursion *excursion = opaque;
    BlockBackend *blk = excursion->blk;
    int ret = blk_co_zone_excursion(blk, excursion->zone_idx);

    if (ret < 0 && zone_status_from_errno(ret) == ZONE_OK) {
        g_autofree char *device = blk_get_attached_dev_id(blk);

        error_report("Device '%s' could not finish zone %" PRIu32 ": %s",
                     device, excursion->zone_idx, strerror(-ret));
    }
    blk_dec_in_flight(blk);
}

void blk_start_zone_excursion(BlockBackend *blk, uint32_t zone_idx)
{
    BlkZoneExcursion *excursion = g_new(BlkZoneExcursion, 1);

    GLOBAL_STATE_CODE();
    *excursion = (BlkZoneExcursion) { .blk = blk, .zone_idx = zone_idx };
    blk_inc_in_flight(blk);
    qemu_coroutine_enter(qemu_coroutine_create(blk_zone_excursion_entry,
                                               excursion));
}

ZoneIO *blk_ref_zones(BlockBackend *blk)
{
    return zone_io_ref(blk_zone_io(blk));
}

/* Requests of the base's API *********************************************/

/*
 * The child that a zone request goes through.  The limits of writes hold for
 * it: it is a request to the drive.
 */
static BdrvChild *coroutine_fn blk_zone_charge(BlockBackend *blk, int64_t bytes)
{
    ThrottleGroupMember *tgm;
    BdrvChild *root = blk_zone_root(blk, &tgm);

    if (tgm->throttle_state) {
        throttle_group_co_io_limits_intercept(tgm, bytes, THROTTLE_WRITE);
    }
    return root;
}

int coroutine_fn
blk_zone_co_report(BlockBackend *blk, int64_t offset, unsigned int *nr_zones,
                   BlockZoneDescriptor *zones)
{
    BlockDriverState *bs = blk_bs(blk);

    return bdrv_zone_io(bs)
        ? bdrv_zone_co_report(bs, offset, nr_zones, zones)
        : bdrv_co_zone_report(bs, offset, nr_zones, zones);
}

int coroutine_fn
blk_zone_co_mgmt(BlockBackend *blk, BlockZoneOp op, int64_t offset, int64_t len)
{
    BdrvChild *root = blk_zone_charge(blk, 0);

    return bdrv_zone_io(root->bs)
        ? bdrv_zone_co_mgmt(root, op, offset, len)
        : bdrv_co_zone_mgmt(root->bs, op, offset, len);
}

int coroutine_fn
blk_zone_co_append(BlockBackend *blk, int64_t *offset, QEMUIOVector *qiov,
                   BdrvRequestFlags flags)
{
    BdrvChild *root = blk_zone_charge(blk, qiov->size);

    return bdrv_zone_io(root->bs)
        ? bdrv_zone_co_append(root, offset, qiov, flags)
        : bdrv_co_zone_append(root->bs, offset, qiov, flags);
}

/* Requests of our own ****************************************************/

int coroutine_fn blk_zone_co_tail(BlockBackend *blk, int64_t offset,
                                  int64_t bytes, QEMUIOVector *qiov)
{
    ThrottleGroupMember *tgm;
    BdrvChild *root = blk_zone_root(blk, &tgm);

    return qiov ? bdrv_co_pwritev(root, offset, bytes, qiov, 0)
                : bdrv_co_pwrite_zeroes(root, offset, bytes,
                                        BDRV_REQ_MAY_UNMAP);
}

/* The node, once requests may begin; NULL when its zones are gone */
static BlockDriverState *coroutine_fn GRAPH_RDLOCK
blk_zone_node(BlockBackend *blk)
{
    return blk_is_available(blk) && blk_zone_io(blk) ? blk_bs(blk) : NULL;
}

/* These come with the request counted as in flight, once */

static int coroutine_fn blk_co_do_zone_action(BlockBackend *blk,
                                              const ZoneAction *action)
{
    blk_co_wait_drained(blk);
    GRAPH_RDLOCK_GUARD();
    if (!blk_zone_node(blk)) {
        return -ENOMEDIUM;
    }
    return bdrv_zone_co_action(blk_zone_charge(blk, 0), action);
}

static int coroutine_fn blk_co_do_zone_write(BlockBackend *blk,
                                             ZoneIOWrite *write)
{
    blk_co_wait_drained(blk);
    GRAPH_RDLOCK_GUARD();
    if (!blk_zone_node(blk)) {
        return -ENOMEDIUM;
    }
    if (!blk_enable_write_cache(blk)) {
        write->flags |= BDRV_REQ_FUA;
    }
    return bdrv_zone_co_write(blk_zone_charge(blk, write->length_bytes), write);
}

static int coroutine_fn
blk_co_do_get_zone_extension(BlockBackend *blk, uint32_t zone_idx, void *zde,
                             ZoneInfo *info)
{
    BlockDriverState *bs;

    blk_co_wait_drained(blk);
    GRAPH_RDLOCK_GUARD();
    bs = blk_zone_node(blk);
    return bs ? bdrv_zone_co_get_extension(bs, zone_idx, zde, info)
              : -ENOMEDIUM;
}

static int coroutine_fn blk_co_do_zone_power_cycle(BlockBackend *blk)
{
    BlockDriverState *bs;

    blk_co_wait_drained(blk);
    GRAPH_RDLOCK_GUARD();
    bs = blk_zone_node(blk);
    return bs ? bdrv_zone_co_power_cycle(bs) : -ENOMEDIUM;
}

int coroutine_fn blk_co_zone_action(BlockBackend *blk, const ZoneAction *action)
{
    int ret;

    blk_inc_in_flight(blk);
    ret = blk_co_do_zone_action(blk, action);
    blk_dec_in_flight(blk);
    return ret;
}

int coroutine_fn blk_co_get_zone_with_extension(BlockBackend *blk,
                                                uint32_t zone_idx, void *zde,
                                                ZoneInfo *info)
{
    int ret;

    blk_inc_in_flight(blk);
    ret = blk_co_do_get_zone_extension(blk, zone_idx, zde, info);
    blk_dec_in_flight(blk);
    return ret;
}

int coroutine_fn blk_co_get_zone_extension(BlockBackend *blk,
                                           uint32_t zone_idx, void *zde)
{
    ZoneInfo info;

    return blk_co_get_zone_with_extension(blk, zone_idx, zde, &info);
}

int coroutine_fn blk_co_zone_power_cycle(BlockBackend *blk)
{
    int ret;

    blk_inc_in_flight(blk);
    ret = blk_co_do_zone_power_cycle(blk);
    blk_dec_in_flight(blk);
    return ret;
}

/* Callbacks **************************************************************/

typedef struct BlkZoneAIOCB {
    BlockAIOCB common;
    BlockBackend *blk;
    const ZoneAction *action;
    ZoneIOWrite *write;         /* one of the two */
    int ret;
    bool has_returned;
} BlkZoneAIOCB;

static const AIOCBInfo blk_zone_aiocb_info = {
    .aiocb_size = sizeof(BlkZoneAIOCB),
};

static void blk_zone_aio_complete(void *opaque)
{
    BlkZoneAIOCB *acb = opaque;
    BlockBackend *blk = acb->blk;

    acb->common.cb(acb->common.opaque, acb->ret);
    blk_dec_in_flight(blk);
    qemu_aio_unref(acb);
}

/* The callback must not come before the caller has its BlockAIOCB */
static void coroutine_fn blk_zone_aio_entry(void *opaque)
{
    BlkZoneAIOCB *acb = opaque;

    acb->ret = acb->write ? blk_co_do_zone_write(acb->blk, acb->write)
                          : blk_co_do_zone_action(acb->blk, acb->action);
    if (acb->has_returned) {
        blk_zone_aio_complete(acb);
    } else {
        aio_bh_schedule_oneshot(qemu_get_current_aio_context(),
                                blk_zone_aio_complete, acb);
    }
}

static BlockAIOCB *blk_zone_aio_start(BlockBackend *blk,
                                      const ZoneAction *action,
                                      ZoneIOWrite *write,
                                      BlockCompletionFunc *cb, void *opaque)
{
    BlkZoneAIOCB *acb = blk_aio_get(&blk_zone_aiocb_info, blk, cb, opaque);

    acb->blk = blk;
    acb->action = action;
    acb->write = write;
    acb->has_returned = false;
    blk_inc_in_flight(blk);
    aio_co_enter(qemu_get_current_aio_context(),
                 qemu_coroutine_create(blk_zone_aio_entry, acb));
    acb->has_returned = true;
    return &acb->common;
}

BlockAIOCB *blk_aio_zone_action(BlockBackend *blk, const ZoneAction *action,
                                BlockCompletionFunc *cb, void *opaque)
{
    return blk_zone_aio_start(blk, action, NULL, cb, opaque);
}

BlockAIOCB *blk_aio_zone_write(BlockBackend *blk, ZoneIOWrite *write,
                               BlockCompletionFunc *cb, void *opaque)
{
    return blk_zone_aio_start(blk, NULL, write, cb, opaque);
}
