/*
 * qtest of zoned namespaces: Zone Management Receive
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What it shows: that reports list the right zones, count them by the rules of
 * the Partial Report bit, filter by each state, fill small buffers no further
 * than they reach, and begin at any LBA of a zone; that a descriptor extension
 * is reported when it is stored, with the zone that it belongs to.
 *
 * How: a drive with zones in every state that a host can bring about, and
 * reports of it with all kinds of arguments.  Limits below the image stop what
 * writes or reads extensions, until the test lets them go on.
 */

#include "qemu/osdep.h"
#include "qemu/cutils.h"
#include "qemu/units.h"
#include "nvme-zns-drive.h"

#define HEAD_BYTES  sizeof(NvmeZoneReportHeader)
#define DESCR_BYTES sizeof(NvmeZoneDescr)

/* 2 Full, 1 Explicitly Opened, 2 Implicitly Opened, 2 Closed, the rest Empty */
static void prepare_zones(ZnsDrive *drive)
{
    zns_assert_ok(zns_finish(drive, 1));
    zns_assert_ok(zns_fill_zone(drive, 9));
    zns_assert_ok(zns_write(drive, zns_lba(drive, 3), 8, 3));
    zns_assert_ok(zns_close(drive, 3));
    zns_assert_ok(zns_set_zde(drive, 6, 6));
    zns_assert_ok(zns_open(drive, 4));
    zns_assert_ok(zns_write(drive, zns_lba(drive, 5), 24, 5));
    zns_assert_ok(zns_write(drive, zns_lba(drive, 15), 8, 15));
}

static void lists_fresh_drive(ZnsDrive *drive)
{
    g_autofree ZnsReport *report = g_new(ZnsReport, 1);
    uint32_t i;

    zns_assert_ok(zns_report(drive, (ZnsReportArgs) { }, report));
    g_assert_cmpuint(report->nr_zones, ==, drive->nr_zones);
    for (i = 0; i < report->nr_listed; i++) {
        g_assert_cmpuint(report->zones[i].start_lba, ==, zns_lba(drive, i));
        g_assert_cmpuint(report->zones[i].wp_lba, ==, zns_lba(drive, i));
        g_assert_cmpuint(report->zones[i].capacity_blocks, ==,
                         drive->capacity_blocks);
        g_assert_cmphex(report->zones[i].type, ==, NVME_ZONE_TYPE_SEQ_WRITE);
        g_assert_cmphex(report->zones[i].state, ==, NVME_ZONE_STATE_EMPTY);
        g_assert_cmphex(report->zones[i].attributes, ==, 0);
    }
}

static void filters(ZnsDrive *drive)
{
    static const struct {
        uint8_t filter;
        uint8_t state;
        uint32_t nr_zones;
        uint32_t first_idx;
    } expected[] = {
        { NVME_ZONE_REPORT_EMPTY, NVME_ZONE_STATE_EMPTY, 9, 0 },
        { NVME_ZONE_REPORT_IMPLICITLY_OPEN, NVME_ZONE_STATE_IMPLICITLY_OPEN,
          2, 5 },
        { NVME_ZONE_REPORT_EXPLICITLY_OPEN, NVME_ZONE_STATE_EXPLICITLY_OPEN,
          1, 4 },
        { NVME_ZONE_REPORT_CLOSED, NVME_ZONE_STATE_CLOSED, 2, 3 },
        { NVME_ZONE_REPORT_FULL, NVME_ZONE_STATE_FULL, 2, 1 },
        { NVME_ZONE_REPORT_READ_ONLY, NVME_ZONE_STATE_READ_ONLY, 0, 0 },
        { NVME_ZONE_REPORT_OFFLINE, NVME_ZONE_STATE_OFFLINE, 0, 0 },
    };
    g_autofree ZnsReport *report = g_new(ZnsReport, 1);
    ZnsReportArgs args = { 0 };
    uint32_t i, j;

    prepare_zones(drive);
    for (i = 0; i < ARRAY_SIZE(expected); i++) {
        args.filter = expected[i].filter;
        zns_assert_ok(zns_report(drive, args, report));
        g_assert_cmpuint(report->nr_zones, ==, expected[i].nr_zones);
        g_assert_cmpuint(report->nr_listed, ==, expected[i].nr_zones);
        for (j = 0; j < report->nr_listed; j++) {
            g_assert_cmphex(report->zones[j].state, ==, expected[i].state);
        }
        if (report->nr_listed) {
            g_assert_cmpuint(report->zones[0].start_lba, ==,
                             zns_lba(drive, expected[i].first_idx));
        }
    }
}

/* Filter 9h: RZR, FZR and ZFC, whatever the state */
static void filter_attributes(ZnsDrive *drive)
{
    g_autofree ZnsReport *report = g_new(ZnsReport, 1);
    ZnsReportArgs args = { .filter = 0x09 };

    prepare_zones(drive);
    zns_assert_ok(zns_report(drive, args, report));
    g_assert_cmpuint(report->nr_zones, ==, 0);
    zns_set_attributes(drive, 9, false, true);
    zns_set_attributes(drive, 4, true, false);
    zns_force_attributes(drive, 15, true, true);
    zns_assert_ok(zns_report(drive, args, report));
    g_assert_cmpuint(report->nr_zones, ==, 3);
    g_assert_cmpuint(report->zones[0].start_lba, ==, zns_lba(drive, 4));
    g_assert_cmpuint(report->zones[1].start_lba, ==, zns_lba(drive, 9));
    g_assert_cmpuint(report->zones[2].start_lba, ==, zns_lba(drive, 15));
    zns_assert_ok(zns_reset(drive, 9));
    args.lba = zns_lba(drive, 5);
    zns_assert_ok(zns_report(drive, args, report));
    g_assert_cmpuint(report->nr_zones, ==, 1);
    g_assert_cmpuint(report->zones[0].start_lba, ==, zns_lba(drive, 15));
}

static void invalid_arguments(ZnsDrive *drive)
{
    g_autofree ZnsReport *report = g_new(ZnsReport, 1);
    uint64_t end_lba = zns_lba(drive, drive->nr_zones);

    zns_assert_status(zns_report(drive, (ZnsReportArgs) { .filter = 0x08 },
                                 report), NVME_INVALID_FIELD);
    zns_assert_status(zns_report(drive, (ZnsReportArgs) { .filter = 0x0a },
                                 report), NVME_INVALID_FIELD);
    zns_assert_status(zns_report(drive, (ZnsReportArgs) { .filter = 0xff },
                                 report), NVME_INVALID_FIELD);
    zns_assert_status(zns_report(drive, (ZnsReportArgs) { .action = 2 },
                                 report), NVME_INVALID_FIELD);
    zns_assert_status(zns_report(drive, (ZnsReportArgs) { .lba = end_lba },
                                 report), NVME_LBA_RANGE);
}

static void extended_unsupported(ZnsDrive *drive)
{
    g_autofree ZnsReport *report = g_new(ZnsReport, 1);
    ZnsReportArgs args = { .action = NVME_ZONE_REPORT_EXTENDED };

    zns_assert_status(zns_report(drive, args, report), NVME_INVALID_FIELD);
}

static void extended(ZnsDrive *drive)
{
    g_autofree ZnsReport *report = g_new(ZnsReport, 1);
    ZnsReportArgs args = { .action = NVME_ZONE_REPORT_EXTENDED };
    uint8_t expected[512];
    uint32_t i;

    prepare_zones(drive);
    zns_fill_pattern(expected, sizeof(expected), 6, 0);
    zns_assert_ok(zns_report(drive, args, report));
    g_assert_cmpuint(report->nr_listed, ==, drive->nr_zones);
    for (i = 0; i < report->nr_listed; i++) {
        g_assert_cmpuint(report->zones[i].start_lba, ==, zns_lba(drive, i));
        if (i == 6) {
            g_assert_cmpmem(report->zones[i].zde, ZNS_MAX_ZDE_BYTES,
                            expected, ZNS_MAX_ZDE_BYTES);
        } else {
            g_assert_true(buffer_is_zero(report->zones[i].zde,
                                         ZNS_MAX_ZDE_BYTES));
        }
    }
}

/* Room for two descriptors, while more zones match */
static void partial_bit(ZnsDrive *drive)
{
    g_autofree ZnsReport *report = g_new(ZnsReport, 1);
    ZnsReportArgs args = {
        .filter = NVME_ZONE_REPORT_EMPTY,
        .bytes = HEAD_BYTES + 2 * DESCR_BYTES,
    };

    prepare_zones(drive);
    zns_assert_ok(zns_report(drive, args, report));
    g_assert_cmpuint(report->nr_zones, ==, 9);
    g_assert_cmpuint(report->zones[1].start_lba, ==, zns_lba(drive, 2));
    args.partial = true;
    zns_assert_ok(zns_report(drive, args, report));
    g_assert_cmpuint(report->nr_zones, ==, 2);
    g_assert_cmpuint(report->zones[0].start_lba, ==, 0);
    g_assert_cmpuint(report->zones[1].start_lba, ==, zns_lba(drive, 2));
}

/* With room to spare, the bit makes no difference */
static void partial_with_room(ZnsDrive *drive)
{
    g_autofree ZnsReport *report = g_new(ZnsReport, 1);
    ZnsReportArgs args = {
        .filter = NVME_ZONE_REPORT_CLOSED,
        .partial = true,
    };

    prepare_zones(drive);
    zns_assert_ok(zns_report(drive, args, report));
    g_assert_cmpuint(report->nr_zones, ==, 2);
}

static void header_alone(ZnsDrive *drive)
{
    g_autofree ZnsReport *report = g_new(ZnsReport, 1);
    ZnsReportArgs args = { .bytes = HEAD_BYTES };

    prepare_zones(drive);
    zns_assert_ok(zns_report(drive, args, report));
    g_assert_cmpuint(report->nr_zones, ==, drive->nr_zones);
    args.partial = true;
    zns_assert_ok(zns_report(drive, args, report));
    g_assert_cmpuint(report->nr_zones, ==, 0);
}

/* One and a half descriptors: nothing is written behind the buffer */
static void buffer_end(ZnsDrive *drive)
{
    g_autofree ZnsReport *report = g_new(ZnsReport, 1);
    size_t bytes = HEAD_BYTES + DESCR_BYTES + DESCR_BYTES / 2;
    ZnsReportArgs args = { .partial = true, .bytes = bytes };
    uint8_t behind[64];
    size_t i;

    qtest_memset(drive->qts, drive->buf_addr, 0xa5, bytes + sizeof(behind));
    zns_assert_ok(zns_report(drive, args, report));
    g_assert_cmpuint(report->nr_zones, ==, 1);
    qtest_memread(drive->qts, drive->buf_addr + bytes, behind,
                  sizeof(behind));
    for (i = 0; i < sizeof(behind); i++) {
        g_assert_cmphex(behind[i], ==, 0xa5);
    }
}

static void from_mid_device(ZnsDrive *drive)
{
    g_autofree ZnsReport *report = g_new(ZnsReport, 1);
    ZnsReportArgs args = { .lba = zns_lba(drive, 5) };

    prepare_zones(drive);
    zns_assert_ok(zns_report(drive, args, report));
    g_assert_cmpuint(report->nr_zones, ==, drive->nr_zones - 5);
    g_assert_cmpuint(report->zones[0].start_lba, ==, zns_lba(drive, 5));
    g_assert_cmpuint(report->zones[0].wp_lba, ==, zns_lba(drive, 5) + 24);

    args.lba += drive->zone_blocks / 2 + 1;
    zns_assert_ok(zns_report(drive, args, report));
    g_assert_cmpuint(report->nr_zones, ==, drive->nr_zones - 5);
    g_assert_cmpuint(report->zones[0].start_lba, ==, zns_lba(drive, 5));

    args.filter = NVME_ZONE_REPORT_FULL;
    zns_assert_ok(zns_report(drive, args, report));
    g_assert_cmpuint(report->nr_zones, ==, 1);
    g_assert_cmpuint(report->zones[0].start_lba, ==, zns_lba(drive, 9));

    args = (ZnsReportArgs) { .lba = zns_lba(drive, drive->nr_zones) - 1 };
    zns_assert_ok(zns_report(drive, args, report));
    g_assert_cmpuint(report->nr_zones, ==, 1);
    g_assert_cmphex(report->zones[0].state, ==,
                    NVME_ZONE_STATE_IMPLICITLY_OPEN);
}

/* Extensions on their way *************************************************/

/* One zone may be active */
static const ZnsSpec spec_limited = {
    .device_bytes = 64 * MiB,
    .zone_bytes = 4 * MiB,
    .capacity_bytes = 3 * MiB,
    .max_open_zones = 1,
    .max_active_zones = 1,
    .zde_bytes = 64,
    .block_bytes = 512,
    .drive_options = " -object throttle-group,id=limits0",
    .qcow2_node = "driver=qcow2,file.driver=throttle,"
                  "file.throttle-group=limits0,file.file.driver=file,"
                  "file.file.filename=",
};

static void limit_file(ZnsDrive *drive, int bps_read, int bps_write)
{
    qtest_qmp_assert_success(drive->qts,
        "{ 'execute': 'qom-set', 'arguments': { 'path': '/objects/limits0', "
        "'property': 'limits', 'value': { 'bps-read': %d, "
        "'bps-write': %d } } }", bps_read, bps_write);
}

/* One request to the image file, and no more for a minute */
static void stop_reads(ZnsDrive *drive)
{
    limit_file(drive, 1, 0);
}

static void stop_writes(ZnsDrive *drive)
{
    limit_file(drive, 0, 1);
}

/* Those that wait are let go when all is drained */
static void go_on(ZnsDrive *drive)
{
    limit_file(drive, 0, 0);
    qtest_qmp_assert_success(drive->qts, "{ 'execute': 'stop' }");
    qtest_qmp_assert_success(drive->qts, "{ 'execute': 'cont' }");
}

static void assert_in_flight(ZnsDrive *drive, uint16_t cid)
{
    ZnsReply reply;

    g_assert_false(zns_poll(drive->ctrl, ZNS_IO, cid, &reply));
}

static uint16_t wait_for(ZnsDrive *drive, uint16_t cid)
{
    return zns_wait(drive->ctrl, ZNS_IO, cid).status;
}

/* The data for it, wanted or not, is a pattern of the zone */
static uint16_t send_action(ZnsDrive *drive, uint32_t zone_idx,
                            uint32_t action_flags, uint64_t addr)
{
    NvmeCmd cmd = zns_rw_cmd(NVME_CMD_ZONE_MGMT_SEND,
                             zns_lba(drive, zone_idx), 1);
    uint16_t cid;

    cmd.cdw13 = cpu_to_le32(action_flags);
    zns_put_pattern(drive, addr, 1, zone_idx);
    cid = zns_queue_cmd(drive->ctrl, ZNS_IO, &cmd, addr, ZNS_MAX_ZDE_BYTES);
    zns_ring(drive->ctrl, ZNS_IO);
    return cid;
}

static void extension_when_stored(ZnsDrive *drive)
{
    g_autofree ZnsReport *report = g_new(ZnsReport, 1);
    ZnsReportArgs closed = { .filter = NVME_ZONE_REPORT_CLOSED };
    uint16_t cid;
    ZnsZone zone;

    stop_writes(drive);
    cid = send_action(drive, 1, NVME_ZONE_ACTION_SET_ZD_EXT,
                      drive->buf_addr + ZNS_BUF_BYTES / 2);
    zone = zns_zone(drive, 1);
    g_assert_cmphex(zone.state, ==, NVME_ZONE_STATE_EMPTY);
    g_assert_cmphex(zone.attributes, ==, 0);
    g_assert_true(buffer_is_zero(zone.zde, sizeof(zone.zde)));
    zns_assert_ok(zns_report(drive, closed, report));
    g_assert_cmpuint(report->nr_zones, ==, 0);
    /* But what it will take is taken */
    zns_assert_status(zns_open(drive, 2), NVME_ZONE_TOO_MANY_ACTIVE);
    assert_in_flight(drive, cid);

    go_on(drive);
    zns_assert_ok(wait_for(drive, cid));
    zns_assert_zone(drive, 1, CLOSED, 0);
    g_assert_true(zns_zde_is(drive, 1, 1));
}

/* Nobody sees it yet, but it came before */
static void reset_all_amid_storing(ZnsDrive *drive)
{
    uint16_t cid1, cid2;

    stop_writes(drive);
    cid1 = send_action(drive, 1, NVME_ZONE_ACTION_SET_ZD_EXT,
                       drive->buf_addr + ZNS_BUF_BYTES / 2);
    cid2 = send_action(drive, 0, NVME_ZONE_ACTION_RESET | ZNS_SELECT_ALL,
                       drive->buf_addr);
    assert_in_flight(drive, cid1);
    go_on(drive);
    zns_assert_ok(wait_for(drive, cid1));
    zns_assert_ok(wait_for(drive, cid2));
    zns_assert_zone(drive, 1, EMPTY, 0);
}

/* Zones 1 and 2 are Full; zone 1 gets another life amid a report of both */
static void report_amid_reset(ZnsDrive *drive, ZnsReportArgs args,
                              ZnsReport *report)
{
    uint64_t addr = drive->buf_addr + ZNS_BUF_BYTES / 2;
    uint32_t zone_idx;
    uint16_t cid;

    for (zone_idx = 1; zone_idx <= 2; zone_idx++) {
        zns_assert_ok(zns_reset(drive, zone_idx));
    }
    for (zone_idx = 1; zone_idx <= 2; zone_idx++) {
        zns_assert_ok(zns_set_zde(drive, zone_idx, zone_idx));
        zns_assert_ok(zns_finish(drive, zone_idx));
    }
    stop_reads(drive);
    g_assert_true(zns_zde_is(drive, 2, 2));
    cid = zns_send_report(drive, args, addr);
    zns_assert_ok(zns_reset(drive, 1));
    zns_assert_ok(zns_set_zde(drive, 1, 3));
    assert_in_flight(drive, cid);
    go_on(drive);
    zns_assert_ok(wait_for(drive, cid));
    zns_take_report(drive, args, addr, report);
}

static void extension_of_the_zone(ZnsDrive *drive)
{
    g_autofree ZnsReport *report = g_new(ZnsReport, 1);
    ZnsReportArgs args = { .action = NVME_ZONE_REPORT_EXTENDED };

    report_amid_reset(drive, args, report);
    g_assert_cmpuint(report->nr_zones, ==, drive->nr_zones);
    g_assert_cmphex(report->zones[1].state, ==, NVME_ZONE_STATE_CLOSED);
    g_assert_true(zns_zone_has_zde(&report->zones[1], 3));
    g_assert_cmphex(report->zones[2].state, ==, NVME_ZONE_STATE_FULL);
    g_assert_true(zns_zone_has_zde(&report->zones[2], 2));

    args.filter = NVME_ZONE_REPORT_FULL;
    report_amid_reset(drive, args, report);
    g_assert_cmpuint(report->nr_zones, ==, 1);
    g_assert_cmpuint(report->zones[0].start_lba, ==, zns_lba(drive, 2));
    g_assert_cmphex(report->zones[0].state, ==, NVME_ZONE_STATE_FULL);
    g_assert_true(zns_zone_has_zde(&report->zones[0], 2));
}

const ZnsTest zns_report_tests[] = {
    { "report/fresh-drive-is-all-empty", lists_fresh_drive, ZNS_BOTH },
    { "report/filters-by-state", filters, ZNS_BOTH },
    { "report/filters-by-attributes", filter_attributes, ZNS_BOTH },
    { "report/unknown-argument-is-invalid-field", invalid_arguments,
      ZNS_BOTH },
    { "report/extended-shows-descriptor-extensions", extended, ZNS_BOTH },
    { "report/extended-is-invalid-field-where-not-supported",
      extended_unsupported, ZNS_BOTH, &zns_spec_plain },
    { "report/partial-bit-counts-what-is-transferred", partial_bit,
      ZNS_BOTH },
    { "report/partial-bit-with-room-counts-all", partial_with_room,
      ZNS_BOTH },
    { "report/header-alone", header_alone, ZNS_BOTH },
    { "report/stays-within-the-buffer", buffer_end, ZNS_BOTH },
    { "report/from-any-lba-of-a-zone", from_mid_device, ZNS_BOTH },
    { "report/shows-an-extension-when-it-is-stored", extension_when_stored,
      ZNS_QCOW2, &spec_limited },
    { "zde/ends-before-a-reset-of-all-zones", reset_all_amid_storing,
      ZNS_QCOW2, &spec_limited },
    { "report/shows-extensions-with-their-zones", extension_of_the_zone,
      ZNS_QCOW2, &spec_limited },
    { }
};
