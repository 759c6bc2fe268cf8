/*
 * NVMe Zoned Namespace Command Set: Zone Management Receive
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/bswap.h"
#include "qemu/coroutine.h"
#include "block/aio.h"
#include "system/block-backend.h"
#include "zns.h"
#include "trace.h"

/*
 * A report looks at no more zones than this before others get their turn, as a
 * host may ask for any of millions, again and again.
 */
#define NVME_ZNS_REPORT_LOOK    (64 * 1024)

/* One Zone Management Receive command */
typedef struct ZoneReport {
    BlockAIOCB common;
    NvmeRequest *req;

    /* The command */
    uint32_t zone_idx;          /* where the report starts */
    uint8_t filter;
    bool partial;
    bool extended;
    uint32_t max_zones;         /* for how many there is room */
    uint32_t nr_zones;          /* how many are in the buffer */
    uint32_t next_idx;          /* all below have been looked at */
    bool filled;
    int ret;
    size_t slot_bytes;          /* one zone in the report */
    size_t buf_bytes;
    uint8_t *buf;

    /* The extensions to be read: zone and slot of each */
    uint32_t nr_zdes;
    uint32_t *zde_zones;
    uint32_t *zde_slots;
} ZoneReport;

/* Zones with RZR, FZR or ZFC; the value below it is reserved */
#define NVME_ZONE_REPORT_ATTRIBUTES 0x09

static const ZoneState filter_states[] = {
    [NVME_ZONE_REPORT_EMPTY]           = ZONE_STATE_EMPTY,
    [NVME_ZONE_REPORT_IMPLICITLY_OPEN] = ZONE_STATE_IMPLICITLY_OPENED,
    [NVME_ZONE_REPORT_EXPLICITLY_OPEN] = ZONE_STATE_EXPLICITLY_OPENED,
    [NVME_ZONE_REPORT_CLOSED]          = ZONE_STATE_CLOSED,
    [NVME_ZONE_REPORT_FULL]            = ZONE_STATE_FULL,
    [NVME_ZONE_REPORT_READ_ONLY]       = ZONE_STATE_READ_ONLY,
    [NVME_ZONE_REPORT_OFFLINE]         = ZONE_STATE_OFFLINE,
    [NVME_ZONE_REPORT_ATTRIBUTES]      = ZONE_WITH_ATTRIBUTES,
};

static const AIOCBInfo report_aiocb_info = {
    .aiocb_size = sizeof(ZoneReport),
};

static ZoneReport *report_new(NvmeRequest *req)
{
    ZoneReport *report = blk_aio_get(&report_aiocb_info, req->ns->blkconf.blk,
                                     nvme_misc_cb, req);
    BlockAIOCB common = report->common;

    *report = (ZoneReport) { .common = common, .req = req };
    return report;
}

static void report_free(ZoneReport *report)
{
    g_free(report->buf);
    g_free(report->zde_zones);
    g_free(report->zde_slots);
    qemu_aio_unref(report);
}

static bool filter_exists(uint8_t filter)
{
    return filter <= NVME_ZONE_REPORT_OFFLINE ||
           filter == NVME_ZONE_REPORT_ATTRIBUTES;
}

static uint8_t *report_slot(ZoneReport *report, uint32_t slot)
{
    return report->buf + sizeof(NvmeZoneReportHeader) +
           slot * report->slot_bytes;
}

static void encode_zone(NvmeNamespace *ns, const ZoneInfo *info,
                        NvmeZoneDescr *descr)
{
    uint64_t wp = zone_state_has_wp(info->state) ?
                  nvme_zns_b2l(ns, info->wp_bytes) : UINT64_MAX;

    *descr = (NvmeZoneDescr) {
        .zt = NVME_ZONE_TYPE_SEQ_WRITE,
        .zs = info->state << 4,
        .za = info->attributes,
        .rsvd3 = { info->limits }, /* Zone Attributes Information */
        .zcap = cpu_to_le64(nvme_zns_b2l(ns, info->capacity_bytes)),
        .zslba = cpu_to_le64(nvme_zns_b2l(ns, info->start_bytes)),
        .wp = cpu_to_le64(wp),
    };
}

/* The first zone from next_idx on that matches; end_idx if there is none */
static uint32_t report_find(ZoneReport *report, uint32_t end_idx)
{
    return report->filter == NVME_ZONE_REPORT_ALL ? report->next_idx :
           blk_find_zone(report->req->ns->blkconf.blk,
                         filter_states[report->filter], report->next_idx,
                         end_idx);
}

/* How many zones match from where the report starts; looks at few of them */
static uint64_t report_count(ZoneReport *report)
{
    NvmeNamespace *ns = report->req->ns;

    return report->filter == NVME_ZONE_REPORT_ALL
        ? ns->num_zones - report->zone_idx
        : blk_count_zones_from(ns->blkconf.blk, filter_states[report->filter],
                               report->zone_idx);
}

static void report_add(ZoneReport *report, uint32_t zone_idx)
{
    NvmeNamespace *ns = report->req->ns;
    uint32_t slot = report->nr_zones++;
    ZoneInfo info;

    blk_get_zone_info(ns->blkconf.blk, zone_idx, &info);
    encode_zone(ns, &info, (NvmeZoneDescr *)report_slot(report, slot));
    if (report->extended && info.attributes & ZONE_ATTR_ZDEV) {
        report->zde_zones[report->nr_zdes] = zone_idx;
        report->zde_slots[report->nr_zdes] = slot;
        report->nr_zdes++;
    }
}

/* Does the filter let it pass? */
static bool report_wants(const ZoneReport *report, const ZoneInfo *info)
{
    switch (report->filter) {
    case NVME_ZONE_REPORT_ALL:
        return true;
    case NVME_ZONE_REPORT_ATTRIBUTES:
        return info->attributes & ZONE_ATTR_REPORTED;
    default:
        return info->state == filter_states[report->filter];
    }
}

/* Those behind it follow */
static void report_remove(ZoneReport *report, uint32_t slot)
{
    NvmeZoneReportHeader *header = (NvmeZoneReportHeader *)report->buf;

    report->nr_zones--;
    memmove(report_slot(report, slot), report_slot(report, slot + 1),
            (report->nr_zones - slot) * report->slot_bytes);
    memset(report_slot(report, report->nr_zones), 0, report->slot_bytes);
    header->nr_zones = cpu_to_le64(le64_to_cpu(header->nr_zones) - 1);
}

/*
 * Fills the buffer but for the extensions, which take I/O; false when there is
 * more to look at.
 */
static bool report_fill(ZoneReport *report)
{
    NvmeNamespace *ns = report->req->ns;
    NvmeZoneReportHeader *header = (NvmeZoneReportHeader *)report->buf;
    uint32_t end_idx = report->next_idx +
                       MIN(ns->num_zones - report->next_idx,
                           NVME_ZNS_REPORT_LOOK);

    while (report->nr_zones < report->max_zones) {
        report->next_idx = report_find(report, end_idx);
        if (report->next_idx == end_idx) {
            break;
        }
        report_add(report, report->next_idx++);
    }
    if (report->nr_zones < report->max_zones &&
        report->next_idx < ns->num_zones) {
        return false;
    }
    header->nr_zones = cpu_to_le64(report->partial ? report->nr_zones
                                                   : report_count(report));
    return true;
}

/* Commands *****************************************************************/

/* The drive may go while others have their turn */
static int coroutine_fn report_co_fill(ZoneReport *report)
{
    BlockBackend *blk = report->req->ns->blkconf.blk;
    int ret = 0;
    bool done;

    blk_inc_in_flight(blk);
    do {
        zone_io_co_give_way();
        if (blk_get_zone_model(blk) == BLK_Z_NONE) {
            ret = -ENOMEDIUM;
            break;
        }
        done = report_fill(report);
    } while (!done);
    blk_dec_in_flight(blk);
    return ret;
}

/*
 * A zone whose extension is read is reported as it is then: what was seen of it
 * before may be of another life, with another extension.
 */
static int coroutine_fn report_co_add_extensions(ZoneReport *report)
{
    NvmeNamespace *ns = report->req->ns;
    uint32_t nr_gone = 0;
    uint32_t i;
    int ret = 0;

    for (i = 0; i < report->nr_zdes; i++) {
        uint32_t slot = report->zde_slots[i] - nr_gone;
        uint8_t *descr = report_slot(report, slot);
        ZoneInfo info;

        ret = blk_co_get_zone_with_extension(ns->blkconf.blk,
                                             report->zde_zones[i],
                                             descr + sizeof(NvmeZoneDescr),
                                             &info);
        if (ret < 0) {
            break;
        }
        if (report_wants(report, &info)) {
            encode_zone(ns, &info, (NvmeZoneDescr *)descr);
        } else {
            report_remove(report, slot);
            nr_gone++;
        }
    }
    return ret;
}

static uint16_t report_transfer(ZoneReport *report)
{
    return nvme_c2h(nvme_ctrl(report->req), report->buf, report->buf_bytes,
                    report->req);
}

static void report_complete(void *opaque)
{
    ZoneReport *report = opaque;
    NvmeRequest *req = report->req;

    /* A request that was aborted meanwhile keeps its status */
    if (report->ret >= 0 && !req->status) {
        req->status = report_transfer(report);
    }
    report->common.cb(req, report->ret);
    report_free(report);
}

static void coroutine_fn report_entry(void *opaque)
{
    ZoneReport *report = opaque;

    report->ret = report->filled ? 0 : report_co_fill(report);
    if (report->ret >= 0) {
        report->ret = report_co_add_extensions(report);
    }
    /* Not from here: the caller may not have its BlockAIOCB yet */
    aio_bh_schedule_oneshot(qemu_get_current_aio_context(), report_complete,
                            report);
}

/* The fields of the command; the same order of checks as in the base */
static uint16_t report_decode(NvmeCtrl *n, NvmeRequest *req,
                              ZoneReport *report)
{
    NvmeNamespace *ns = req->ns;
    uint64_t slba = ((uint64_t)le32_to_cpu(req->cmd.cdw11) << 32) |
                    le32_to_cpu(req->cmd.cdw10);
    uint64_t data_bytes = ((uint64_t)le32_to_cpu(req->cmd.cdw12) + 1) * 4;
    uint32_t dw13 = le32_to_cpu(req->cmd.cdw13);
    uint8_t action = dw13;
    uint32_t zde_bytes = blk_get_zd_ext_size(ns->blkconf.blk);
    uint16_t status = nvme_check_bounds(ns, slba, 1);

    if (status) {
        return status;
    }

    report->zone_idx = nvme_zns_idx(ns, slba);
    report->next_idx = report->zone_idx;
    report->extended = action == NVME_ZONE_REPORT_EXTENDED;
    report->filter = dw13 >> 8;
    report->partial = dw13 >> 16 & 1;

    if ((action != NVME_ZONE_REPORT && !report->extended) ||
        (report->extended && !zde_bytes) ||
        !filter_exists(report->filter) ||
        data_bytes < sizeof(NvmeZoneReportHeader)) {
        trace_pci_nvme_err_invalid_mgmt_action(action);
        return NVME_INVALID_FIELD | NVME_DNR;
    }

    report->slot_bytes = sizeof(NvmeZoneDescr) +
                         (report->extended ? zde_bytes : 0);
    report->max_zones = MIN((data_bytes - sizeof(NvmeZoneReportHeader)) /
                            report->slot_bytes,
                            ns->num_zones - report->zone_idx);
    report->buf_bytes = data_bytes;
    return nvme_check_mdts(n, data_bytes);
}

uint16_t nvme_zone_mgmt_recv(NvmeCtrl *n, NvmeRequest *req)
{
    NvmeNamespace *ns = req->ns;
    ZoneReport *report;
    uint16_t status;

    if (blk_get_zone_model(ns->blkconf.blk) == BLK_Z_NONE) {
        return NVME_INTERNAL_DEV_ERROR | NVME_DNR; /* the drive is gone */
    }

    report = report_new(req);
    status = report_decode(n, req, report);
    if (status) {
        report_free(report);
        return status;
    }

    report->buf = g_malloc0(report->buf_bytes);
    if (report->extended) {
        report->zde_zones = g_new(uint32_t, report->max_zones);
        report->zde_slots = g_new(uint32_t, report->max_zones);
    }
    report->filled = report_fill(report);
    if (report->filled && !report->nr_zdes) {
        status = report_transfer(report);
        report_free(report);
        return status;
    }

    req->aiocb = &report->common;
    aio_co_enter(qemu_get_current_aio_context(),
                 qemu_coroutine_create(report_entry, report));
    return NVME_NO_COMPLETE;
}
