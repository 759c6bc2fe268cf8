/*
 * NVMe Zoned Namespace Command Set: Zone Management Receive
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/bswap.h"
#include "system/block-backend.h"
#include "zns.h"
#include "trace.h"

/* One Zone Management Receive command */
typedef struct ZoneReport {
    NvmeRequest *req;

    /* The command */
    uint32_t zone_idx;          /* where the report starts */
    uint8_t filter;
    bool partial;
    bool extended;
    uint32_t max_zones;         /* for how many there is room */
    size_t slot_bytes;          /* one zone in the report */
    size_t buf_bytes;
    uint8_t *buf;

    /* The extensions to be read: zone and slot of each, one after the other */
    uint32_t nr_zdes;
    uint32_t *zde_zones;
    uint32_t *zde_slots;
    uint8_t *zdes;
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

static void report_free(ZoneReport *report)
{
    g_free(report->buf);
    g_free(report->zde_zones);
    g_free(report->zde_slots);
    g_free(report->zdes);
    g_free(report);
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
        .zcap = cpu_to_le64(nvme_zns_b2l(ns, info->capacity_bytes)),
        .zslba = cpu_to_le64(nvme_zns_b2l(ns, info->start_bytes)),
        .wp = cpu_to_le64(wp),
    };
}

/* The first zone from zone_idx on that matches; num_zones if there is none */
static uint32_t report_next(ZoneReport *report, uint32_t zone_idx)
{
    return report->filter == NVME_ZONE_REPORT_ALL ? zone_idx :
           blk_find_zone(report->req->ns->blkconf.blk,
                         filter_states[report->filter], zone_idx);
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

/* Fills the buffer but for the extensions, which take I/O */
static void report_fill(ZoneReport *report)
{
    NvmeNamespace *ns = report->req->ns;
    NvmeZoneReportHeader *header = (NvmeZoneReportHeader *)report->buf;
    uint32_t zone_idx = report->zone_idx;
    uint32_t slot;

    for (slot = 0; slot < report->max_zones; slot++, zone_idx++) {
        ZoneInfo info;

        zone_idx = report_next(report, zone_idx);
        if (zone_idx >= ns->num_zones) {
            break;
        }

        blk_get_zone_info(ns->blkconf.blk, zone_idx, &info);
        encode_zone(ns, &info, (NvmeZoneDescr *)report_slot(report, slot));
        if (report->extended && info.attributes & ZONE_ATTR_ZDEV) {
            report->zde_zones[report->nr_zdes] = zone_idx;
            report->zde_slots[report->nr_zdes] = slot;
            report->nr_zdes++;
        }
    }

    header->nr_zones = cpu_to_le64(report->partial ? slot
                                                   : report_count(report));
}

static void report_zdes_cb(void *opaque, int ret)
{
    ZoneReport *report = opaque;
    NvmeRequest *req = report->req;
    uint32_t zde_bytes = blk_get_zd_ext_size(req->ns->blkconf.blk);
    uint32_t i;

    /* A request that was aborted meanwhile keeps its status */
    if (!ret && !req->status) {
        for (i = 0; i < report->nr_zdes; i++) {
            memcpy(report_slot(report, report->zde_slots[i]) +
                   sizeof(NvmeZoneDescr),
                   report->zdes + (size_t)i * zde_bytes, zde_bytes);
        }
        req->status = nvme_c2h(nvme_ctrl(req), report->buf, report->buf_bytes,
                               req);
    }

    report_free(report);
    nvme_misc_cb(req, ret);
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
    report->buf_bytes = data_bytes;
    report->max_zones = MIN((data_bytes - sizeof(NvmeZoneReportHeader)) /
                            report->slot_bytes,
                            ns->num_zones - report->zone_idx);
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

    report = g_new0(ZoneReport, 1);
    report->req = req;
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
    report_fill(report);

    if (report->nr_zdes) {
        report->zdes = g_malloc_n(report->nr_zdes,
                                  blk_get_zd_ext_size(ns->blkconf.blk));
        req->aiocb = blk_aio_get_zone_extensions(ns->blkconf.blk,
                                                 report->zde_zones,
                                                 report->nr_zdes, report->zdes,
                                                 report_zdes_cb, report);
        return NVME_NO_COMPLETE;
    }

    status = nvme_c2h(n, report->buf, report->buf_bytes, req);
    report_free(report);
    return status;
}
