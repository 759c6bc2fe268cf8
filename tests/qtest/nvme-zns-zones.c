/*
 * A zoned NVMe drive under test: its zones as reports show them
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/bswap.h"
#include "qemu/cutils.h"
#include "nvme-zns-drive.h"

/* Reports */

#define HEAD_BYTES sizeof(NvmeZoneReportHeader)

static void decode_zone(const uint8_t *descr, size_t zde_bytes, ZnsZone *zone)
{
    zone->type = descr[offsetof(NvmeZoneDescr, zt)] & 0xf;
    zone->state = descr[offsetof(NvmeZoneDescr, zs)] >> 4;
    zone->attributes = descr[offsetof(NvmeZoneDescr, za)];
    zone->limits = descr[offsetof(NvmeZoneDescr, rsvd3)];
    zone->capacity_blocks = ldq_le_p(descr + offsetof(NvmeZoneDescr, zcap));
    zone->start_lba = ldq_le_p(descr + offsetof(NvmeZoneDescr, zslba));
    zone->wp_lba = ldq_le_p(descr + offsetof(NvmeZoneDescr, wp));
    memset(zone->zde, 0, sizeof(zone->zde));
    memcpy(zone->zde, descr + sizeof(NvmeZoneDescr), zde_bytes);
}

static size_t zde_bytes_of(const ZnsDrive *drive, ZnsReportArgs args)
{
    return args.action == NVME_ZONE_REPORT_EXTENDED ? drive->spec->zde_bytes
                                                    : 0;
}

static size_t report_bytes(const ZnsDrive *drive, ZnsReportArgs args)
{
    return args.bytes ?: HEAD_BYTES + drive->nr_zones *
                         (sizeof(NvmeZoneDescr) + zde_bytes_of(drive, args));
}

uint16_t zns_send_report(ZnsDrive *drive, ZnsReportArgs args, uint64_t addr)
{
    size_t bytes = report_bytes(drive, args);
    NvmeCmd cmd = zns_rw_cmd(NVME_CMD_ZONE_MGMT_RECV, args.lba, bytes / 4);
    uint16_t cid;

    cmd.nsid = cpu_to_le32(drive->nsid);
    cmd.cdw13 = cpu_to_le32(args.action | args.filter << 8 |
                            (uint32_t)args.partial << 16);
    cid = zns_queue_cmd(drive->ctrl, ZNS_IO, &cmd, addr, bytes);
    zns_ring(drive->ctrl, ZNS_IO);
    return cid;
}

void zns_take_report(ZnsDrive *drive, ZnsReportArgs args, uint64_t addr,
                     ZnsReport *report)
{
    size_t bytes = report_bytes(drive, args);
    size_t zde_bytes = zde_bytes_of(drive, args);
    size_t descr_bytes = sizeof(NvmeZoneDescr) + zde_bytes;
    g_autofree uint8_t *data = g_malloc0(bytes + HEAD_BYTES);
    uint32_t i;

    memset(report, 0, sizeof(*report));
    if (bytes < HEAD_BYTES) {
        return;
    }
    qtest_memread(drive->qts, addr, data, bytes);
    report->nr_zones = ldq_le_p(data);
    report->nr_listed = MIN(report->nr_zones,
                            (bytes - HEAD_BYTES) / descr_bytes);
    g_assert_cmpuint(report->nr_listed, <=, ZNS_MAX_ZONES);
    for (i = 0; i < MIN(report->nr_listed, ZNS_MAX_ZONES); i++) {
        decode_zone(data + HEAD_BYTES + i * descr_bytes, zde_bytes,
                    &report->zones[i]);
    }
}

uint16_t zns_report(ZnsDrive *drive, ZnsReportArgs args, ZnsReport *report)
{
    uint16_t cid = zns_send_report(drive, args, drive->buf_addr);
    uint16_t status = zns_wait(drive->ctrl, ZNS_IO, cid).status;

    memset(report, 0, sizeof(*report));
    if (!status) {
        zns_take_report(drive, args, drive->buf_addr, report);
    }
    return status;
}

ZnsZone zns_zone(ZnsDrive *drive, uint32_t zone_idx)
{
    size_t zde_bytes = drive->spec->zde_bytes;
    g_autofree ZnsReport *report = g_new(ZnsReport, 1);
    ZnsReportArgs args = {
        .lba = zns_lba(drive, zone_idx),
        .action = zde_bytes ? NVME_ZONE_REPORT_EXTENDED : NVME_ZONE_REPORT,
        .partial = true,
        .bytes = sizeof(NvmeZoneReportHeader) + sizeof(NvmeZoneDescr) +
                 zde_bytes,
    };

    zns_assert_ok(zns_report(drive, args, report));
    g_assert_cmpuint(report->nr_listed, ==, 1);
    g_assert_cmpuint(report->zones[0].start_lba, ==, args.lba);
    return report->zones[0];
}

bool zns_zone_has_zde(const ZnsZone *zone, uint32_t seed)
{
    uint8_t expected[ZNS_MAX_ZDE_BYTES];

    zns_fill_pattern(expected, sizeof(expected), seed, 0);
    return !memcmp(zone->zde, expected, sizeof(expected));
}

bool zns_zde_is(ZnsDrive *drive, uint32_t zone_idx, uint32_t seed)
{
    ZnsZone zone = zns_zone(drive, zone_idx);

    return zns_zone_has_zde(&zone, seed);
}

bool zns_zde_is_zero(ZnsDrive *drive, uint32_t zone_idx)
{
    ZnsZone zone = zns_zone(drive, zone_idx);

    return buffer_is_zero(zone.zde, sizeof(zone.zde));
}
