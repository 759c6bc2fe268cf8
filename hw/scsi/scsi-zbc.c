/*
 * Host-managed zoned SCSI disks (Zoned Block Commands)
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A guest's mistakes get the sense of the standard; trouble of the host goes by
 * the error policies of the drive.  Zones have no capacity less than their
 * length here, no descriptor extensions and no random write areas.
 */

#include "qemu/osdep.h"
#include "qemu/bswap.h"
#include "qemu/units.h"
#include "qapi/error.h"
#include "hw/scsi/scsi.h"
#include "scsi/constants.h"
#include "scsi/utils.h"
#include "system/block-backend.h"
#include "system/block-backend-zone.h"
#include "scsi-zbc.h"
#include "trace.h"

#define ZBC_OUT                     0x94
#define ZBC_IN                      0x95
/* Which zones do not have */
#define WRITE_ATOMIC_16             0x9c

/* Service actions */
#define ZBC_OUT_CLOSE_ZONE          0x01
#define ZBC_OUT_FINISH_ZONE         0x02
#define ZBC_OUT_OPEN_ZONE           0x03
#define ZBC_OUT_RESET_WRITE_POINTER 0x04
#define ZBC_IN_REPORT_ZONES         0x00

#define ZBC_SERVICE_ACTION_MASK     0x1f
#define ZBC_OUT_ALL                 0x01
#define ZBC_REPORT_PARTIAL          0x80
#define ZBC_REPORT_OPTION_MASK      0x3f

/* Reporting options; 1 to 7 are zone conditions */
#define ZBC_REPORT_ALL              0x00
#define ZBC_REPORT_INACTIVE         0x08
#define ZBC_REPORT_RESET            0x10
#define ZBC_REPORT_NON_SEQ          0x11
#define ZBC_REPORT_NOT_GAP          0x3e
#define ZBC_REPORT_NOT_WP           0x3f

#define ZBC_TYPE_CONVENTIONAL       0x1
#define ZBC_TYPE_SEQUENTIAL         0x2
#define ZBC_SAME_TYPE_AND_LENGTH    0x1
#define ZBC_SAME_LENGTH             0x3

#define VPD_SUPPORTED_PAGES         0x00
#define VPD_ZONED_CHARACTERISTICS   0xb6
#define VPD_ZONED_BYTES             64
#define VPD_ZONED_URSWRZ            0x1
#define VPD_NOT_REPORTED            UINT32_MAX
#define VPD_CONSTANT_ZONE_LENGTH    0x1
/* Version descriptor: ZBC, no version claimed */
#define ZBC_VERSION_DESCRIPTOR      0x0620
#define ZBC_VERSION_BYTE            58
#define ZBC_STANDARD_BYTES          96
/* READ CAPACITY (16): the last LBA is that of the whole disk */
#define RC16_BASIS_DISK             0x10

#define REPORT_HEADER_BYTES         64
#define REPORT_ZONE_BYTES           64
/* In one command; a host goes on behind the last one */
#define REPORT_MAX_ZONES            4096
/* Of a write that comes in pieces */
#define ZBC_MAX_BUFFER_BYTES        (16 * MiB)

/* The sense key and code of each refusal */
static const SCSISense zone_senses[ZONE_STATUS__MAX] = {
    [ZONE_OK]                     = { NO_SENSE, 0x00, 0x00 },
    /* Unaligned Write Command */
    [ZONE_ERR_NOT_AT_WP]          = { ILLEGAL_REQUEST, 0x21, 0x04 },
    /* Write Boundary Violation */
    [ZONE_ERR_BOUNDARY]           = { ILLEGAL_REQUEST, 0x21, 0x05 },
    /* Invalid Field In CDB */
    [ZONE_ERR_FULL]               = { ILLEGAL_REQUEST, 0x24, 0x00 },
    /* Zone Is Read Only */
    [ZONE_ERR_READ_ONLY]          = { DATA_PROTECT, 0x27, 0x08 },
    /* Zone Is Offline */
    [ZONE_ERR_OFFLINE]            = { DATA_PROTECT, 0x2c, 0x0e },
    /* Insufficient Zone Resources */
    [ZONE_ERR_TOO_MANY_OPEN]      = { DATA_PROTECT, 0x55, 0x0e },
    [ZONE_ERR_TOO_MANY_ACTIVE]    = { DATA_PROTECT, 0x55, 0x0e },
    /* Invalid Field In CDB */
    [ZONE_ERR_INVALID_TRANSITION] = { ILLEGAL_REQUEST, 0x24, 0x00 },
    [ZONE_ERR_NO_ZRWA]            = { ILLEGAL_REQUEST, 0x24, 0x00 },
    [ZONE_ERR_ZRWA_EXHAUSTED]     = { ILLEGAL_REQUEST, 0x24, 0x00 },
    [ZONE_ERR_UNALIGNED]          = { ILLEGAL_REQUEST, 0x24, 0x00 },
    [ZONE_ERR_APPEND_LIMIT]       = { ILLEGAL_REQUEST, 0x24, 0x00 },
    [ZONE_ERR_CONVENTIONAL]       = { ILLEGAL_REQUEST, 0x24, 0x00 },
    [ZONE_ERR_NO_ZDE]             = { ILLEGAL_REQUEST, 0x24, 0x00 },
};

static const SCSISense read_boundary_violation = {
    ILLEGAL_REQUEST, 0x21, 0x07
};

/* NULL: a disk without zones */
static const ZoneGeometry *geometry_of(SCSIDevice *dev)
{
    return blk_get_zone_geometry(dev->conf.blk);
}

static uint64_t to_blocks(SCSIDevice *dev, uint64_t bytes)
{
    return bytes / dev->blocksize;
}

/* lba is on the disk */
static uint32_t zone_idx_of(SCSIDevice *dev, uint64_t lba)
{
    return lba * dev->blocksize / geometry_of(dev)->zone_bytes;
}

static bool is_on_disk(SCSIDevice *dev, uint64_t lba)
{
    const ZoneGeometry *geometry = geometry_of(dev);

    return lba < to_blocks(dev, geometry->nr_zones * geometry->zone_bytes);
}

static void refuse(SCSIRequest *req, SCSISense sense)
{
    trace_scsi_zbc_refuse(req->tag, req->cmd.buf[0], req->cmd.lba, sense.key,
                          sense.asc, sense.ascq);
    scsi_req_build_sense(req, sense);
    scsi_req_complete(req, CHECK_CONDITION);
}

bool scsi_zbc_refuse(SCSIRequest *req, int ret)
{
    ZoneStatus reason = zone_status_from_errno(ret);

    if (ret >= 0 || reason == ZONE_OK || !geometry_of(req->dev)) {
        return false;
    }
    refuse(req, zone_senses[reason]);
    return true;
}

/* The disk *****************************************************************/

static bool check_zones(SCSIDevice *dev, const ZoneGeometry *geometry,
                        Error **errp)
{
    int64_t disk_bytes = blk_getlength(dev->conf.blk);

    if (geometry->capacity_bytes != geometry->zone_bytes) {
        error_setg(errp, "the zones of a SCSI disk can be written to their "
                   "end: a zone capacity of %" PRIu64 " bytes must be the zone "
                   "size, %" PRIu64, geometry->capacity_bytes,
                   geometry->zone_bytes);
        return false;
    }
    if (geometry->zone_bytes % dev->blocksize) {
        error_setg(errp, "logical_block_size %d does not divide the zone size "
                   "of %" PRIu64 " bytes", dev->blocksize,
                   geometry->zone_bytes);
        return false;
    }
    if (disk_bytes != geometry->nr_zones * geometry->zone_bytes) {
        error_setg(errp, "%" PRIu32 " zones of %" PRIu64 " bytes are not all "
                   "of the drive, which has %" PRId64, geometry->nr_zones,
                   geometry->zone_bytes, disk_bytes);
        return false;
    }
    return true;
}

bool scsi_zbc_realize(SCSIDevice *dev, Error **errp)
{
    const ZoneGeometry *geometry =
        dev->conf.blk ? geometry_of(dev) : NULL;

    if (!geometry) {
        return true;
    }
    if (!check_zones(dev, geometry, errp)) {
        return false;
    }
    /* Implicitly opened zones are closed where the limit asks for it */
    blk_set_zone_auto_close(dev->conf.blk, true);
    return true;
}

void scsi_zbc_unrealize(SCSIDevice *dev)
{
    if (dev->conf.blk && geometry_of(dev)) {
        blk_zone_power_cycle(dev->conf.blk);
    }
}

/* What it says of itself ***************************************************/

static int fill_characteristics(SCSIDevice *dev, uint8_t *outbuf)
{
    const ZoneGeometry *geometry = geometry_of(dev);
    uint32_t max_open_zones = geometry->max_open_zones ?:
                              geometry->max_active_zones ?: VPD_NOT_REPORTED;

    memset(outbuf, 0, VPD_ZONED_BYTES);
    outbuf[0] = TYPE_ZBC;
    outbuf[1] = VPD_ZONED_CHARACTERISTICS;
    stw_be_p(&outbuf[2], VPD_ZONED_BYTES - 4);
    outbuf[4] = VPD_ZONED_URSWRZ;
    /* Optimal numbers, of zones that are preferred to be sequential */
    stl_be_p(&outbuf[8], VPD_NOT_REPORTED);
    stl_be_p(&outbuf[12], VPD_NOT_REPORTED);
    stl_be_p(&outbuf[16], max_open_zones);
    outbuf[23] = VPD_CONSTANT_ZONE_LENGTH;
    stq_be_p(&outbuf[24], to_blocks(dev, geometry->zone_bytes));
    return VPD_ZONED_BYTES;
}

int scsi_zbc_inquiry(SCSIRequest *req, uint8_t *outbuf, int len)
{
    bool vital = req->cmd.buf[1] & 1;
    uint8_t page = req->cmd.buf[2];

    if (!geometry_of(req->dev)) {
        return len;
    }
    if (vital && page == VPD_ZONED_CHARACTERISTICS) {
        return fill_characteristics(req->dev, outbuf);
    }
    if (len < 0) {
        return len;
    }
    outbuf[0] = TYPE_ZBC;
    if (!vital) {
        stw_be_p(&outbuf[ZBC_VERSION_BYTE], ZBC_VERSION_DESCRIPTOR);
        /* Whoever has asked for less is told how much there is */
        outbuf[4] = ZBC_STANDARD_BYTES - 5;
        len = MIN(len, ZBC_STANDARD_BYTES);
    } else if (page == VPD_SUPPORTED_PAGES) {
        outbuf[len++] = VPD_ZONED_CHARACTERISTICS;
        outbuf[3]++;
    }
    return len;
}

void scsi_zbc_read_capacity(SCSIDevice *dev, uint8_t *outbuf)
{
    if (geometry_of(dev)) {
        outbuf[12] |= RC16_BASIS_DISK;
    }
}

/* Reads and writes *********************************************************/

/* Reads of sequential zones may go beyond write pointers and zone ends */
static bool check_read(SCSIRequest *req, uint64_t last_lba)
{
    uint32_t nr_conventional = geometry_of(req->dev)->conventional_zones;

    if (zone_idx_of(req->dev, req->cmd.lba) < nr_conventional &&
        zone_idx_of(req->dev, last_lba) >= nr_conventional) {
        refuse(req, read_boundary_violation);
        return false;
    }
    return true;
}

/* One that comes in pieces is put together, for the zones to see it whole */
static bool check_write(SCSIRequest *req)
{
    if (!req->sg && req->cmd.xfer > ZBC_MAX_BUFFER_BYTES) {
        refuse(req, SENSE_CODE(INVALID_FIELD));
        return false;
    }
    return true;
}

bool scsi_zbc_check_rw(SCSIRequest *req, uint32_t nr_blocks)
{
    uint64_t last_lba = req->cmd.lba + nr_blocks - 1;

    /* What is beyond the end of the disk is seen by the caller */
    if (!geometry_of(req->dev) || !nr_blocks || last_lba < req->cmd.lba ||
        !is_on_disk(req->dev, last_lba)) {
        return true;
    }
    return req->cmd.mode == SCSI_XFER_TO_DEV ? check_write(req)
                                             : check_read(req, last_lba);
}

size_t scsi_zbc_piece_bytes(SCSIRequest *req, size_t piece_bytes)
{
    return geometry_of(req->dev) ? MAX(req->cmd.xfer, piece_bytes)
                                 : piece_bytes;
}

BlockAIOCB *scsi_zbc_dma_write(QEMUSGList *sg, uint64_t offset_bytes,
                               uint32_t align, DMAIOFunc *io_func,
                               void *io_func_opaque, BlockCompletionFunc *cb,
                               void *opaque, DMADirection dir)
{
    SCSIRequest *req = io_func_opaque;

    return geometry_of(req->dev)
           ? dma_blk_zone_write(req->dev->conf.blk, sg, offset_bytes, 0, cb,
                                opaque)
           : dma_blk_io(sg, offset_bytes, align, io_func, io_func_opaque, cb,
                        opaque, dir);
}

/* Commands on zones ********************************************************/

typedef struct ScsiZbcReq {
    SCSIRequest req;
    ZoneAction action;
    uint32_t zone_idx;          /* unless action.select_all */
    uint8_t *report;
    size_t report_bytes;
    bool transferred;
} ScsiZbcReq;

static ScsiZbcReq *to_zbc(SCSIRequest *req)
{
    return container_of(req, ScsiZbcReq, req);
}

static void zbc_free_req(SCSIRequest *req)
{
    g_free(to_zbc(req)->report);
}

static uint8_t *zbc_get_buf(SCSIRequest *req)
{
    return to_zbc(req)->report;
}

/* There is nothing to do in a Full zone that is to be opened */
static bool is_done_already(ScsiZbcReq *r, int ret)
{
    ZoneInfo info;

    if (r->action.op != BLK_ZO_OPEN || r->action.select_all ||
        zone_status_from_errno(ret) != ZONE_ERR_INVALID_TRANSITION) {
        return false;
    }
    blk_get_zone_info(r->req.dev->conf.blk, r->zone_idx, &info);
    return info.state == ZONE_STATE_FULL;
}

static void report_error(SCSIRequest *req, int ret)
{
    BlockBackend *blk = req->dev->conf.blk;
    BlockErrorAction action = blk_get_error_action(blk, false, -ret);
    SCSISense sense;
    int status;

    blk_error_action(blk, action, false, -ret);
    if (action == BLOCK_ERROR_ACTION_STOP) {
        scsi_req_retry(req);
        return;
    }
    if (action == BLOCK_ERROR_ACTION_IGNORE) {
        scsi_req_complete(req, GOOD);
        return;
    }
    status = scsi_sense_from_errno(-ret, &sense);
    if (status == CHECK_CONDITION) {
        scsi_req_build_sense(req, sense);
    }
    scsi_req_complete(req, status);
}

static void finish(SCSIRequest *req, int ret)
{
    req->aiocb = NULL;
    if (req->io_canceled) {
        scsi_req_cancel_complete(req);
    } else if (!ret) {
        scsi_req_complete(req, GOOD);
    } else if (!scsi_zbc_refuse(req, ret)) {
        report_error(req, ret);
    }
    scsi_req_unref(req);
}

static void action_done(void *opaque, int ret)
{
    ScsiZbcReq *r = opaque;

    finish(&r->req, is_done_already(r, ret) ? 0 : ret);
}

/* BLK_ZO_OPEN and so on; -1: no such action */
static int op_of(uint8_t service_action)
{
    switch (service_action) {
    case ZBC_OUT_CLOSE_ZONE:
        return BLK_ZO_CLOSE;
    case ZBC_OUT_FINISH_ZONE:
        return BLK_ZO_FINISH;
    case ZBC_OUT_OPEN_ZONE:
        return BLK_ZO_OPEN;
    case ZBC_OUT_RESET_WRITE_POINTER:
        return BLK_ZO_RESET;
    default:
        return -1;
    }
}

/* The first block of a sequential zone that can change at all */
static bool check_zone_id(SCSIRequest *req)
{
    SCSIDevice *dev = req->dev;
    uint64_t lba = req->cmd.lba;
    ZoneInfo info;

    if (!is_on_disk(dev, lba)) {
        refuse(req, SENSE_CODE(LBA_OUT_OF_RANGE));
        return false;
    }
    blk_get_zone_info(dev->conf.blk, zone_idx_of(dev, lba), &info);
    if (to_blocks(dev, info.start_bytes) != lba) {
        refuse(req, zone_senses[ZONE_ERR_UNALIGNED]);
        return false;
    }
    if (info.state == ZONE_STATE_CONVENTIONAL) {
        refuse(req, zone_senses[ZONE_ERR_CONVENTIONAL]);
        return false;
    }
    if (info.state == ZONE_STATE_READ_ONLY ||
        info.state == ZONE_STATE_OFFLINE) {
        refuse(req, zone_senses[info.state == ZONE_STATE_OFFLINE
                                ? ZONE_ERR_OFFLINE : ZONE_ERR_READ_ONLY]);
        return false;
    }
    return true;
}

/* More zones than one by their number belong to a later standard */
static bool check_out(SCSIRequest *req, int op)
{
    bool all = req->cmd.buf[14] & ZBC_OUT_ALL;

    if (op < 0) {
        refuse(req, SENSE_CODE(INVALID_FIELD));
        return false;
    }
    if (!blk_is_available(req->dev->conf.blk)) {
        refuse(req, SENSE_CODE(NO_MEDIUM));
        return false;
    }
    if (!blk_is_writable(req->dev->conf.blk)) {
        refuse(req, SENSE_CODE(WRITE_PROTECTED));
        return false;
    }
    if (lduw_be_p(&req->cmd.buf[12]) > 1) {
        refuse(req, SENSE_CODE(INVALID_FIELD));
        return false;
    }
    return all || check_zone_id(req);
}

static int32_t zbc_out(SCSIRequest *req, uint8_t *buf)
{
    ScsiZbcReq *r = to_zbc(req);
    int op = op_of(req->cmd.buf[1] & ZBC_SERVICE_ACTION_MASK);

    if (!check_out(req, op)) {
        return 0;
    }
    r->action = (ZoneAction) {
        .op = op,
        .select_all = req->cmd.buf[14] & ZBC_OUT_ALL,
        .unwritten_to_empty = true,
    };
    if (!r->action.select_all) {
        r->action.offset_bytes = req->cmd.lba * req->dev->blocksize;
        r->zone_idx = zone_idx_of(req->dev, req->cmd.lba);
    }
    trace_scsi_zbc_out(req->tag, op, r->action.select_all, req->cmd.lba);
    scsi_req_ref(req);
    req->aiocb = blk_aio_zone_action(req->dev->conf.blk, &r->action,
                                     action_done, r);
    return 0;
}

static const SCSIReqOps zbc_out_ops = {
    .size         = sizeof(ScsiZbcReq),
    .free_req     = zbc_free_req,
    .send_command = zbc_out,
    .get_buf      = zbc_get_buf,
};

/* REPORT ZONES *************************************************************/

static const ZoneState option_states[] = {
    [1] = ZONE_STATE_EMPTY,
    [2] = ZONE_STATE_IMPLICITLY_OPENED,
    [3] = ZONE_STATE_EXPLICITLY_OPENED,
    [4] = ZONE_STATE_CLOSED,
    [5] = ZONE_STATE_FULL,
    [6] = ZONE_STATE_READ_ONLY,
    [7] = ZONE_STATE_OFFLINE,
};

static bool is_option(uint8_t option)
{
    return option <= ZBC_REPORT_INACTIVE || option == ZBC_REPORT_RESET ||
           option == ZBC_REPORT_NON_SEQ || option == ZBC_REPORT_NOT_GAP ||
           option == ZBC_REPORT_NOT_WP;
}

/* The drive recommends few zones at a time */
static uint32_t find_recommended(BlockBackend *blk, uint32_t zone_idx,
                                 uint32_t nr_zones)
{
    ZoneInfo info;

    for (; zone_idx < nr_zones; zone_idx++) {
        zone_idx = blk_find_zone(blk, ZONE_WITH_ATTRIBUTES, zone_idx, nr_zones);
        if (zone_idx == nr_zones) {
            break;
        }
        blk_get_zone_info(blk, zone_idx, &info);
        if (info.attributes & ZONE_ATTR_RZR) {
            break;
        }
    }
    return zone_idx;
}

/* The first zone from zone_idx on that the option asks for, or nr_zones */
static uint32_t find_zone(BlockBackend *blk, uint8_t option, uint32_t zone_idx,
                          uint32_t nr_zones)
{
    switch (option) {
    case ZBC_REPORT_ALL:
    case ZBC_REPORT_NOT_GAP:
        return zone_idx;
    case ZBC_REPORT_INACTIVE:
    case ZBC_REPORT_NON_SEQ:
        return nr_zones;
    case ZBC_REPORT_RESET:
        return find_recommended(blk, zone_idx, nr_zones);
    case ZBC_REPORT_NOT_WP:
        return blk_find_zone(blk, ZONE_STATE_CONVENTIONAL, zone_idx, nr_zones);
    default:
        return blk_find_zone(blk, option_states[option], zone_idx, nr_zones);
    }
}

static uint32_t count_zones(BlockBackend *blk, uint8_t option,
                            uint32_t zone_idx, uint32_t nr_zones)
{
    uint32_t nr = 0;

    switch (option) {
    case ZBC_REPORT_ALL:
    case ZBC_REPORT_NOT_GAP:
        return nr_zones - zone_idx;
    case ZBC_REPORT_INACTIVE:
    case ZBC_REPORT_NON_SEQ:
        return 0;
    case ZBC_REPORT_RESET:
        while ((zone_idx = find_recommended(blk, zone_idx, nr_zones)) <
               nr_zones) {
            zone_idx++;
            nr++;
        }
        return nr;
    case ZBC_REPORT_NOT_WP:
        return blk_count_zones_from(blk, ZONE_STATE_CONVENTIONAL, zone_idx);
    default:
        return blk_count_zones_from(blk, option_states[option], zone_idx);
    }
}

static void encode_zone(SCSIDevice *dev, uint32_t zone_idx, uint8_t *descriptor)
{
    ZoneInfo info;
    uint64_t wp_lba;

    blk_get_zone_info(dev->conf.blk, zone_idx, &info);
    wp_lba = zone_state_has_wp(info.state) ? to_blocks(dev, info.wp_bytes)
                                           : UINT64_MAX;
    descriptor[0] = info.state == ZONE_STATE_CONVENTIONAL
                    ? ZBC_TYPE_CONVENTIONAL : ZBC_TYPE_SEQUENTIAL;
    /* Zone conditions have the values of NVMe's zone states */
    descriptor[1] = info.state << 4 | !!(info.attributes & ZONE_ATTR_RZR);
    stq_be_p(&descriptor[8], to_blocks(dev, info.length_bytes));
    stq_be_p(&descriptor[16], to_blocks(dev, info.start_bytes));
    stq_be_p(&descriptor[24], wp_lba);
}

static void encode_header(SCSIDevice *dev, uint32_t nr_listed, uint8_t *header)
{
    const ZoneGeometry *geometry = geometry_of(dev);
    bool one_type = !geometry->conventional_zones ||
                    geometry->conventional_zones == geometry->nr_zones;

    stl_be_p(header, nr_listed * REPORT_ZONE_BYTES);
    header[4] = one_type ? ZBC_SAME_TYPE_AND_LENGTH : ZBC_SAME_LENGTH;
    stq_be_p(&header[8], to_blocks(dev, geometry->nr_zones *
                                        geometry->zone_bytes) - 1);
    stq_be_p(&header[16], to_blocks(dev, geometry->zone_bytes));
}

/* As many descriptors as fit into the room, all of them whole */
static void make_report(ScsiZbcReq *r, uint8_t option, size_t room_bytes)
{
    SCSIDevice *dev = r->req.dev;
    BlockBackend *blk = dev->conf.blk;
    uint32_t nr_zones = geometry_of(dev)->nr_zones;
    uint32_t first_idx = zone_idx_of(dev, r->req.cmd.lba);
    uint32_t nr_room = MIN(room_bytes / REPORT_ZONE_BYTES, REPORT_MAX_ZONES);
    uint32_t zone_idx = first_idx;
    uint32_t nr = 0;

    /* Room for the header, also where it is cut off */
    r->report = g_malloc0(REPORT_HEADER_BYTES +
                          (size_t)nr_room * REPORT_ZONE_BYTES);
    for (; nr < nr_room; nr++, zone_idx++) {
        zone_idx = find_zone(blk, option, zone_idx, nr_zones);
        if (zone_idx >= nr_zones) {
            break;
        }
        encode_zone(dev, zone_idx, r->report + REPORT_HEADER_BYTES +
                                   (size_t)nr * REPORT_ZONE_BYTES);
    }
    r->report_bytes = REPORT_HEADER_BYTES + (size_t)nr * REPORT_ZONE_BYTES;
    encode_header(dev, r->req.cmd.buf[14] & ZBC_REPORT_PARTIAL
                       ? nr : count_zones(blk, option, first_idx, nr_zones),
                  r->report);
}

static int32_t zbc_in(SCSIRequest *req, uint8_t *buf)
{
    ScsiZbcReq *r = to_zbc(req);
    uint8_t option = req->cmd.buf[14] & ZBC_REPORT_OPTION_MASK;

    if ((req->cmd.buf[1] & ZBC_SERVICE_ACTION_MASK) != ZBC_IN_REPORT_ZONES ||
        !is_option(option)) {
        refuse(req, SENSE_CODE(INVALID_FIELD));
        return 0;
    }
    if (!blk_is_available(req->dev->conf.blk)) {
        refuse(req, SENSE_CODE(NO_MEDIUM));
        return 0;
    }
    if (!is_on_disk(req->dev, req->cmd.lba)) {
        refuse(req, SENSE_CODE(LBA_OUT_OF_RANGE));
        return 0;
    }
    if (!req->cmd.xfer) {
        scsi_req_complete(req, GOOD);
        return 0;
    }
    make_report(r, option, MAX(req->cmd.xfer, REPORT_HEADER_BYTES) -
                           REPORT_HEADER_BYTES);
    r->report_bytes = MIN(r->report_bytes, req->cmd.xfer);
    return r->report_bytes;
}

static void zbc_in_read_data(SCSIRequest *req)
{
    ScsiZbcReq *r = to_zbc(req);

    if (r->transferred) {
        scsi_req_complete(req, GOOD);
        return;
    }
    r->transferred = true;
    scsi_req_data(req, r->report_bytes);
}

static const SCSIReqOps zbc_in_ops = {
    .size         = sizeof(ScsiZbcReq),
    .free_req     = zbc_free_req,
    .send_command = zbc_in,
    .read_data    = zbc_in_read_data,
    .get_buf      = zbc_get_buf,
};

/* SYNCHRONIZE CACHE (16) ***************************************************/

static void sync_done(void *opaque, int ret)
{
    ScsiZbcReq *r = opaque;

    finish(&r->req, ret);
}

/* All of the cache, whatever part of it is asked for */
static int32_t zbc_sync(SCSIRequest *req, uint8_t *buf)
{
    if (!blk_is_available(req->dev->conf.blk)) {
        refuse(req, SENSE_CODE(NO_MEDIUM));
        return 0;
    }
    scsi_req_ref(req);
    req->aiocb = blk_aio_flush(req->dev->conf.blk, sync_done, to_zbc(req));
    return 0;
}

static const SCSIReqOps zbc_sync_ops = {
    .size         = sizeof(ScsiZbcReq),
    .free_req     = zbc_free_req,
    .send_command = zbc_sync,
    .get_buf      = zbc_get_buf,
};

const SCSIReqOps *scsi_zbc_reqops(SCSIDevice *dev, uint8_t opcode,
                                  const SCSIReqOps *ops)
{
    if (!geometry_of(dev)) {
        return ops;
    }
    switch (opcode) {
    case ZBC_OUT:
        return &zbc_out_ops;
    case ZBC_IN:
        return &zbc_in_ops;
    case SYNCHRONIZE_CACHE_16:
        return &zbc_sync_ops;   /* Linux has no other for such disks */
    default:
        return ops;
    }
}

int scsi_zbc_parse_cdb(SCSIDevice *dev, SCSICommand *cmd, uint8_t *buf,
                       size_t buf_bytes, void *hba_private)
{
    int ret = scsi_req_parse_cdb(dev, cmd, buf, buf_bytes);

    if (ret || !geometry_of(dev)) {
        return ret;
    }
    if (buf[0] == ZBC_OUT) {
        cmd->xfer = 0;
        cmd->mode = SCSI_XFER_NONE;
    } else if (buf[0] == WRITE_ATOMIC_16) {
        cmd->mode = SCSI_XFER_TO_DEV; /* for it to come to its refusal */
    }
    return 0;
}
