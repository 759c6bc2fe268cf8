/*
 * virtio-blk on images that keep their own zones
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The block layer decides about writes, appends and management actions, and
 * answers a refusal with an errno of its own.  What is checked here comes
 * before that: the fields of a request that the zones never see.
 */

#include "qemu/osdep.h"
#include "qemu/iov.h"
#include "qapi/error.h"
#include "block/block_int.h"
#include "hw/virtio/virtio-access.h"
#include "system/block-backend-zone.h"
#include "trace.h"
#include "virtio-blk-zone.h"

/* Virtio has four statuses for all that can be wrong with a zone request */
static const uint8_t virtio_statuses[ZONE_STATUS__MAX] = {
    [ZONE_OK]                     = VIRTIO_BLK_S_OK,
    [ZONE_ERR_NOT_AT_WP]          = VIRTIO_BLK_S_ZONE_UNALIGNED_WP,
    [ZONE_ERR_BOUNDARY]           = VIRTIO_BLK_S_ZONE_INVALID_CMD,
    [ZONE_ERR_FULL]               = VIRTIO_BLK_S_ZONE_INVALID_CMD,
    [ZONE_ERR_READ_ONLY]          = VIRTIO_BLK_S_ZONE_INVALID_CMD,
    [ZONE_ERR_OFFLINE]            = VIRTIO_BLK_S_ZONE_INVALID_CMD,
    [ZONE_ERR_TOO_MANY_OPEN]      = VIRTIO_BLK_S_ZONE_OPEN_RESOURCE,
    [ZONE_ERR_TOO_MANY_ACTIVE]    = VIRTIO_BLK_S_ZONE_ACTIVE_RESOURCE,
    [ZONE_ERR_INVALID_TRANSITION] = VIRTIO_BLK_S_ZONE_INVALID_CMD,
    [ZONE_ERR_NO_ZRWA]            = VIRTIO_BLK_S_ZONE_INVALID_CMD,
    [ZONE_ERR_ZRWA_EXHAUSTED]     = VIRTIO_BLK_S_ZONE_INVALID_CMD,
    [ZONE_ERR_UNALIGNED]          = VIRTIO_BLK_S_ZONE_INVALID_CMD,
    [ZONE_ERR_APPEND_LIMIT]       = VIRTIO_BLK_S_ZONE_INVALID_CMD,
    [ZONE_ERR_CONVENTIONAL]       = VIRTIO_BLK_S_ZONE_INVALID_CMD,
    [ZONE_ERR_NO_ZDE]             = VIRTIO_BLK_S_ZONE_INVALID_CMD,
};

static bool check_blocks(const BlockConf *conf, const ZoneGeometry *geometry,
                         Error **errp)
{
    if (geometry->zone_bytes % conf->logical_block_size) {
        error_setg(errp, "logical_block_size %" PRIu32 " does not divide the "
                   "zone size of the image, %" PRIu64 " bytes",
                   conf->logical_block_size, geometry->zone_bytes);
        return false;
    }
    if (geometry->capacity_bytes % conf->logical_block_size) {
        error_setg(errp, "logical_block_size %" PRIu32 " does not divide the "
                   "zone capacity of the image, %" PRIu64 " bytes",
                   conf->logical_block_size, geometry->capacity_bytes);
        return false;
    }
    return true;
}

/* A driver is told of another length, but has no way to hear of zones */
static bool forbid_resize(BlockBackend *blk, Error **errp)
{
    uint64_t perm, shared;

    blk_get_perm(blk, &perm, &shared);
    return blk_set_perm(blk, perm, shared & ~BLK_PERM_RESIZE, errp) >= 0;
}

bool virtio_blk_zone_configure(VirtIOBlkConf *conf, Error **errp)
{
    const BlockDriverState *bs = blk_bs(conf->conf.blk);
    const ZoneGeometry *geometry = blk_get_zone_geometry(conf->conf.blk);

    if (bs && bs->bl.zoned != BLK_Z_NONE) {
        conf->request_merging = false;
    }
    return !geometry || (check_blocks(&conf->conf, geometry, errp) &&
                         forbid_resize(conf->conf.blk, errp));
}

static bool zones_negotiated(const VirtIOBlockReq *req)
{
    return virtio_vdev_has_feature(VIRTIO_DEVICE(req->dev), VIRTIO_BLK_F_ZONED);
}

/* The statuses do not exist for a driver that has not asked for zones */
static uint8_t status_of(const VirtIOBlockReq *req, ZoneStatus reason)
{
    return zones_negotiated(req) ? virtio_statuses[reason] : VIRTIO_BLK_S_IOERR;
}

static void complete(VirtIOBlockReq *req, uint8_t status)
{
    virtio_blk_req_complete(req, status);
    g_free(req);
}

/* Why the zones have refused the request; ZONE_OK: they have not */
static ZoneStatus refusal(const VirtIOBlockReq *req, int ret)
{
    if (ret >= 0 || !blk_get_zone_geometry(req->dev->blk)) {
        return ZONE_OK;
    }
    return zone_status_from_errno(ret);
}

/* Reads and writes */

/*
 * Queues a write off the write pointer with those that "cont" carries out, if
 * there are any: the one before it may be among them.
 */
static bool waits_for_restart(VirtIOBlockReq *req, ZoneStatus reason)
{
    VirtIOBlock *s = req->dev;

    if (reason != ZONE_ERR_NOT_AT_WP) {
        return false;
    }
    QEMU_LOCK_GUARD(&s->rq_lock);
    if (!s->rq) {
        return false;
    }
    req->next = s->rq;
    s->rq = req;
    return true;
}

bool virtio_blk_zone_refused(VirtIOBlockReq *req, int error, bool is_read,
                             bool acct)
{
    ZoneStatus reason = refusal(req, -error);

    if (reason == ZONE_OK) {
        return false;
    }
    if (waits_for_restart(req, reason)) {
        return true;
    }
    if (acct) {
        block_acct_invalid(blk_get_stats(req->dev->blk),
                           is_read ? BLOCK_ACCT_READ : BLOCK_ACCT_WRITE);
    }
    complete(req, status_of(req, reason));
    return true;
}

/* Management */

typedef struct ZoneMgmtReq {
    VirtIOBlockReq *req;
    ZoneAction action;
} ZoneMgmtReq;

/* True when an error was none of the zones' and the request is done with it */
static bool handle_io_error(VirtIOBlockReq *req, int ret)
{
    return ret < 0 && refusal(req, ret) == ZONE_OK &&
           virtio_blk_handle_rw_error(req, -ret, false, false);
}

static void mgmt_complete(void *opaque, int ret)
{
    g_autofree ZoneMgmtReq *mgmt = opaque;
    VirtIOBlockReq *req = mgmt->req;

    trace_virtio_blk_zone_mgmt_complete(VIRTIO_DEVICE(req->dev), req, ret);
    if (!handle_io_error(req, ret)) {
        complete(req, status_of(req, refusal(req, ret)));
    }
}

/* Unlike a range of bytes, an action tells one zone from all of one */
static void submit_mgmt(VirtIOBlockReq *req, BlockZoneOp op, bool select_all)
{
    VirtIOBlock *s = req->dev;
    uint64_t sector = virtio_ldq_p(VIRTIO_DEVICE(s), &req->out.sector);
    ZoneMgmtReq *mgmt = g_new(ZoneMgmtReq, 1);

    *mgmt = (ZoneMgmtReq) {
        .req = req,
        .action = {
            .op = op,
            .select_all = select_all,
            .offset_bytes = select_all ? 0 : sector << BDRV_SECTOR_BITS,
        },
    };
    trace_virtio_blk_handle_zone_mgmt(VIRTIO_DEVICE(s), req, op, sector,
                                      blk_get_zone_size(s->blk) >>
                                      BDRV_SECTOR_BITS);
    blk_aio_zone_action(s->blk, &mgmt->action, mgmt_complete, mgmt);
}

/* Appends */

typedef struct ZoneAppendReq {
    VirtIOBlockReq *req;
    struct iovec *in_iov;
    unsigned in_num;
    int64_t offset_bytes;       /* of the zone, then of the data */
} ZoneAppendReq;

static void append_complete(void *opaque, int ret)
{
    g_autofree ZoneAppendReq *append = opaque;
    VirtIOBlockReq *req = append->req;
    VirtIODevice *vdev = VIRTIO_DEVICE(req->dev);
    BlockAcctStats *stats = blk_get_stats(req->dev->blk);
    ZoneStatus reason = refusal(req, ret);
    uint64_t sector;

    if (handle_io_error(req, ret)) {
        return;
    }
    if (reason != ZONE_OK) {
        block_acct_invalid(stats, BLOCK_ACCT_ZONE_APPEND);
    } else {
        virtio_stq_p(vdev, &sector, append->offset_bytes >> BDRV_SECTOR_BITS);
        iov_from_buf(append->in_iov, append->in_num, 0, &sector,
                     sizeof(sector));
        trace_virtio_blk_zone_append_complete(vdev, req, append->offset_bytes >>
                                              BDRV_SECTOR_BITS, ret);
        block_acct_done(stats, &req->acct);
    }
    complete(req, status_of(req, reason));
}

/*
 * In blocks, the unit of the drive's config space: the image would take an
 * append of less, and leave a write pointer that no write can reach.
 */
static uint8_t check_append(const VirtIOBlockReq *req, uint64_t bytes)
{
    uint64_t sector = virtio_ldq_p(VIRTIO_DEVICE(req->dev), &req->out.sector);

    if (bytes == 0) {
        return VIRTIO_BLK_S_ZONE_INVALID_CMD;
    }
    if (sector & req->dev->sector_mask) {
        return VIRTIO_BLK_S_ZONE_UNALIGNED_WP;
    }
    if (bytes % req->dev->conf.conf.logical_block_size) {
        return VIRTIO_BLK_S_ZONE_UNALIGNED_WP;
    }
    return VIRTIO_BLK_S_OK;
}

static void submit_append(VirtIOBlockReq *req, struct iovec *out_iov,
                          unsigned out_num, struct iovec *in_iov,
                          unsigned in_num)
{
    VirtIOBlock *s = req->dev;
    VirtIODevice *vdev = VIRTIO_DEVICE(s);
    uint64_t sector = virtio_ldq_p(vdev, &req->out.sector);
    uint64_t bytes = iov_size(out_iov, out_num);
    uint8_t status = check_append(req, bytes);
    ZoneAppendReq *append;

    trace_virtio_blk_handle_zone_append(vdev, req, sector);
    if (iov_size(in_iov, in_num) < sizeof(sector)) {
        virtio_error(vdev, "zone append without room for the sector");
        status = VIRTIO_BLK_S_ZONE_INVALID_CMD;
    }
    if (status != VIRTIO_BLK_S_OK) {
        block_acct_invalid(blk_get_stats(s->blk), BLOCK_ACCT_ZONE_APPEND);
        complete(req, status);
        return;
    }

    append = g_new(ZoneAppendReq, 1);
    *append = (ZoneAppendReq) {
        .req = req,
        .in_iov = in_iov,
        .in_num = in_num,
        .offset_bytes = sector << BDRV_SECTOR_BITS,
    };
    qemu_iovec_init_external(&req->qiov, out_iov, out_num);
    block_acct_start(blk_get_stats(s->blk), &req->acct, bytes,
                     BLOCK_ACCT_ZONE_APPEND);
    blk_aio_zone_append(s->blk, &append->offset_bytes, &req->qiov, 0,
                        append_complete, append);
}

/* All types */

/*
 * VIRTIO_BLK_S_OK when the request may go on.  The sector is checked before it
 * becomes a number of bytes, which 64 bits may not hold.
 */
static uint8_t check_request(const VirtIOBlockReq *req, uint32_t type)
{
    uint64_t sector = virtio_ldq_p(VIRTIO_DEVICE(req->dev), &req->out.sector);
    uint64_t nr_sectors;

    if (!zones_negotiated(req)) {
        return VIRTIO_BLK_S_UNSUPP;
    }
    blk_get_geometry(req->dev->blk, &nr_sectors);
    if (type != VIRTIO_BLK_T_ZONE_RESET_ALL && sector >= nr_sectors) {
        return VIRTIO_BLK_S_ZONE_INVALID_CMD;
    }
    return VIRTIO_BLK_S_OK;
}

/* As in virtio-blk.c, these bits do not tell types apart */
static uint32_t base_type(uint32_t type)
{
    return type & ~(VIRTIO_BLK_T_OUT | VIRTIO_BLK_T_BARRIER);
}

/* Secure Erase is Zone Append without the bit for the direction */
static bool is_append(uint32_t type)
{
    return (type & ~VIRTIO_BLK_T_BARRIER) == VIRTIO_BLK_T_ZONE_APPEND;
}

/* Neither Discard nor Secure Erase is offered by a host-managed device */
static bool is_erasing(uint32_t type)
{
    return base_type(type) == base_type(VIRTIO_BLK_T_DISCARD) ||
           (base_type(type) == base_type(VIRTIO_BLK_T_SECURE_ERASE) &&
            !is_append(type));
}

static bool is_mgmt_or_report(uint32_t type)
{
    return base_type(type) >= VIRTIO_BLK_T_ZONE_REPORT &&
           base_type(type) <= VIRTIO_BLK_T_ZONE_RESET_ALL;
}

bool virtio_blk_zone_request(VirtIOBlockReq *req, uint32_t type,
                             struct iovec *out_iov, unsigned out_num,
                             struct iovec *in_iov, unsigned in_num)
{
    uint8_t status;

    if (!is_append(type) && !is_mgmt_or_report(type) && !is_erasing(type)) {
        return false;
    }
    if (!blk_bs(req->dev->blk)) {
        complete(req, VIRTIO_BLK_S_IOERR); /* the drive is gone */
        return true;
    }
    if (!blk_get_zone_geometry(req->dev->blk)) {
        return false;
    }
    status = is_erasing(type) ? VIRTIO_BLK_S_UNSUPP
                              : check_request(req, base_type(type));
    if (status != VIRTIO_BLK_S_OK) {
        complete(req, status);
        return true;
    }
    switch (base_type(type)) {
    case VIRTIO_BLK_T_ZONE_APPEND & ~VIRTIO_BLK_T_OUT:
        submit_append(req, out_iov, out_num, in_iov, in_num);
        return true;
    case VIRTIO_BLK_T_ZONE_OPEN:
        submit_mgmt(req, BLK_ZO_OPEN, false);
        return true;
    case VIRTIO_BLK_T_ZONE_CLOSE:
        submit_mgmt(req, BLK_ZO_CLOSE, false);
        return true;
    case VIRTIO_BLK_T_ZONE_FINISH:
        submit_mgmt(req, BLK_ZO_FINISH, false);
        return true;
    case VIRTIO_BLK_T_ZONE_RESET:
        submit_mgmt(req, BLK_ZO_RESET, false);
        return true;
    case VIRTIO_BLK_T_ZONE_RESET_ALL:
        submit_mgmt(req, BLK_ZO_RESET, true);
        return true;
    default:
        return false;
    }
}
