/*
 * qtest of zoned namespaces: Read Only and Offline zones, recommendations
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What it shows: what each command gets in a zone that is broken, that it
 * touches no other zone, and that broken zones hold no resources, stay broken
 * over restarts and formats, and are reported as what they are.
 *
 * How: zones are broken through QMP, from each state that they can be in.
 */

#include "qemu/osdep.h"
#include "qemu/bswap.h"
#include "qemu/cutils.h"
#include "qemu/units.h"
#include "nvme-zns-drive.h"

#define DULBE               (1 << 16)
#define ZRWA_STEP_BLOCKS    32

/* Zones that were written before they broke, and healthy ones beside them */
enum { HEALTHY, READ_ONLY, OFFLINE, OPENED, EMPTY };

static const ZnsSpec spec_zrwa = {
    .device_bytes = 64 * MiB,
    .zone_bytes = 4 * MiB,
    .capacity_bytes = 3 * MiB,
    .max_open_zones = 4,
    .max_active_zones = 5,
    .block_bytes = 512,
    .ns_options = ",zoned.zrwas=65536,zoned.zrwafg=16384,zoned.numzrwa=2",
};

static const ZnsSpec spec_cross_read = {
    .device_bytes = 64 * MiB,
    .zone_bytes = 4 * MiB,
    .capacity_bytes = 4 * MiB,
    .block_bytes = 512,
    .ns_options = ",zoned.cross_read=on",
};

static const ZnsSpec spec_discard = {
    .device_bytes = 64 * MiB,
    .zone_bytes = 4 * MiB,
    .capacity_bytes = 3 * MiB,
    .block_bytes = 512,
    .drive_options = ",discard=unmap",
};

static void prepare_zones(ZnsDrive *drive)
{
    uint32_t i;

    for (i = HEALTHY; i <= OFFLINE; i++) {
        zns_assert_ok(zns_write(drive, zns_lba(drive, i), 128, i + 1));
    }
    zns_assert_ok(zns_close(drive, HEALTHY));
    zns_assert_ok(zns_open(drive, OPENED));
    zns_set_state(drive, READ_ONLY, "read-only");
    zns_set_state(drive, OFFLINE, "offline");
}

static void check_prepared_zones(ZnsDrive *drive)
{
    zns_assert_zone(drive, HEALTHY, CLOSED, 128);
    g_assert_true(zns_holds(drive, zns_lba(drive, HEALTHY), 128,
                            HEALTHY + 1));
    zns_assert_state(drive, READ_ONLY, READ_ONLY);
    g_assert_true(zns_holds(drive, zns_lba(drive, READ_ONLY), 128,
                            READ_ONLY + 1));
    zns_assert_state(drive, OFFLINE, OFFLINE);
    zns_assert_zone(drive, OPENED, EXPLICITLY_OPEN, 0);
    zns_assert_zone(drive, EMPTY, EMPTY, 0);
}

static void actions_are_refused(ZnsDrive *drive)
{
    static const uint32_t broken[] = { READ_ONLY, OFFLINE };
    uint32_t i, zone_idx;

    prepare_zones(drive);
    for (i = 0; i < ARRAY_SIZE(broken); i++) {
        zone_idx = broken[i];
        zns_assert_status(zns_reset(drive, zone_idx),
                          NVME_ZONE_INVAL_TRANSITION);
        zns_assert_status(zns_open(drive, zone_idx),
                          NVME_ZONE_INVAL_TRANSITION);
        zns_assert_status(zns_close(drive, zone_idx),
                          NVME_ZONE_INVAL_TRANSITION);
        zns_assert_status(zns_finish(drive, zone_idx),
                          NVME_ZONE_INVAL_TRANSITION);
        zns_assert_status(zns_set_zde(drive, zone_idx, 1),
                          NVME_ZONE_INVAL_TRANSITION);
        check_prepared_zones(drive);
    }
}

static void offline_takes_read_only(ZnsDrive *drive)
{
    uint64_t lba = zns_lba(drive, READ_ONLY);

    prepare_zones(drive);
    zns_assert_ok(zns_send(drive, lba, NVME_ZONE_ACTION_OFFLINE));
    zns_assert_state(drive, READ_ONLY, OFFLINE);
    zns_assert_status(zns_read(drive, lba, 8), NVME_ZONE_OFFLINE);
    zns_assert_ok(zns_send(drive, lba, NVME_ZONE_ACTION_OFFLINE));
    zns_assert_state(drive, READ_ONLY, OFFLINE);
    zns_assert_zone(drive, HEALTHY, CLOSED, 128);
    zns_assert_zone(drive, OPENED, EXPLICITLY_OPEN, 0);
}

static void select_all_skips(ZnsDrive *drive)
{
    prepare_zones(drive);
    zns_assert_ok(zns_send(drive, 0, NVME_ZONE_ACTION_CLOSE |
                           ZNS_SELECT_ALL));
    zns_assert_ok(zns_send(drive, 0, NVME_ZONE_ACTION_OPEN | ZNS_SELECT_ALL));
    zns_assert_ok(zns_send(drive, 0, NVME_ZONE_ACTION_FINISH |
                           ZNS_SELECT_ALL));
    zns_assert_state(drive, HEALTHY, FULL);
    zns_assert_state(drive, READ_ONLY, READ_ONLY);
    zns_assert_state(drive, OFFLINE, OFFLINE);
    zns_assert_ok(zns_send(drive, 0, NVME_ZONE_ACTION_RESET |
                           ZNS_SELECT_ALL));
    zns_assert_zone(drive, HEALTHY, EMPTY, 0);
    zns_assert_state(drive, READ_ONLY, READ_ONLY);
    g_assert_true(zns_holds(drive, zns_lba(drive, READ_ONLY), 128,
                            READ_ONLY + 1));
    zns_assert_state(drive, OFFLINE, OFFLINE);
}

static void offline_all(ZnsDrive *drive)
{
    prepare_zones(drive);
    zns_set_state(drive, 9, "read-only");
    zns_assert_ok(zns_send(drive, 0, NVME_ZONE_ACTION_OFFLINE |
                           ZNS_SELECT_ALL));
    zns_assert_state(drive, READ_ONLY, OFFLINE);
    zns_assert_state(drive, 9, OFFLINE);
    zns_assert_state(drive, OFFLINE, OFFLINE);
    zns_assert_zone(drive, HEALTHY, CLOSED, 128);
    zns_assert_zone(drive, OPENED, EXPLICITLY_OPEN, 0);
    zns_assert_zone(drive, EMPTY, EMPTY, 0);
}

static void writes_are_refused(ZnsDrive *drive, uint32_t zone_idx,
                               uint16_t status)
{
    uint64_t lba = zns_lba(drive, zone_idx);

    zns_assert_status(zns_write(drive, lba + 128, 8, 9), status);
    zns_assert_status(zns_write(drive, lba, 8, 9), status);
    zns_assert_status(zns_append(drive, lba, 8, 9, NULL), status);
    zns_assert_status(zns_write_zeroes(drive, lba + 128, 8), status);
    zns_assert_status(zns_copy_two(drive, lba + 128, 0, 8, 8), status);
    /* The state comes before the boundary of the capacity */
    zns_assert_status(zns_write(drive, lba + drive->capacity_blocks - 4, 8,
                                9), status);
}

static void read_only_is_not_written(ZnsDrive *drive)
{
    prepare_zones(drive);
    writes_are_refused(drive, READ_ONLY, NVME_ZONE_READ_ONLY);
    check_prepared_zones(drive);
}

static void offline_is_not_written(ZnsDrive *drive)
{
    prepare_zones(drive);
    writes_are_refused(drive, OFFLINE, NVME_ZONE_OFFLINE);
    check_prepared_zones(drive);
}

static void read_only_is_read(ZnsDrive *drive)
{
    uint64_t lba = zns_lba(drive, READ_ONLY);

    prepare_zones(drive);
    g_assert_true(zns_holds(drive, lba, 128, READ_ONLY + 1));
    g_assert_true(zns_reads_zeros(drive, lba + 128, 64));
    g_assert_true(zns_reads_zeros(drive, lba + drive->zone_blocks - 8, 8));
    zns_assert_ok(zns_compare(drive, lba, 128, READ_ONLY + 1));
    zns_assert_ok(zns_verify(drive, lba, 128));
    zns_assert_ok(zns_copy_two(drive, zns_lba(drive, EMPTY), lba, lba + 120,
                               8));
    g_assert_true(zns_holds(drive, zns_lba(drive, EMPTY), 8, READ_ONLY + 1));
}

/* A hint, which is not followed: the zone's data cannot change any more */
static void read_only_is_not_deallocated(ZnsDrive *drive)
{
    uint64_t lba = zns_lba(drive, READ_ONLY);

    prepare_zones(drive);
    zns_assert_ok(zns_deallocate(drive, zns_lba(drive, HEALTHY), 128));
    g_assert_true(zns_reads_zeros(drive, zns_lba(drive, HEALTHY), 128));
    zns_assert_ok(zns_deallocate(drive, lba, 128));
    g_assert_true(zns_holds(drive, lba, 128, READ_ONLY + 1));
    zns_assert_ok(zns_deallocate(drive, lba, drive->zone_blocks));
    g_assert_true(zns_holds(drive, lba, 128, READ_ONLY + 1));
}

static void offline_is_not_read(ZnsDrive *drive)
{
    uint64_t lba = zns_lba(drive, OFFLINE);

    prepare_zones(drive);
    zns_assert_status(zns_read(drive, lba, 8), NVME_ZONE_OFFLINE);
    zns_assert_status(zns_read(drive, lba + drive->zone_blocks - 8, 8),
                      NVME_ZONE_OFFLINE);
    zns_assert_status(zns_compare(drive, lba, 8, OFFLINE + 1),
                      NVME_ZONE_OFFLINE);
    zns_assert_status(zns_verify(drive, lba, 8), NVME_ZONE_OFFLINE);
    zns_assert_status(zns_deallocate(drive, lba, 8), NVME_ZONE_OFFLINE);
    zns_assert_status(zns_copy_two(drive, zns_lba(drive, EMPTY), lba, 0, 8),
                      NVME_ZONE_OFFLINE);
    check_prepared_zones(drive);
}

static void offline_among_read_zones(ZnsDrive *drive)
{
    uint64_t lba = zns_lba(drive, 3) - 4;

    zns_assert_ok(zns_read(drive, lba, 8));
    zns_set_state(drive, 3, "offline");
    zns_assert_status(zns_read(drive, lba, 8), NVME_ZONE_OFFLINE);
    zns_assert_status(zns_compare(drive, lba, 8, 1), NVME_ZONE_OFFLINE);
    zns_assert_status(zns_verify(drive, lba, 8), NVME_ZONE_OFFLINE);
    zns_assert_status(zns_deallocate(drive, lba, 8), NVME_ZONE_OFFLINE);
    zns_assert_ok(zns_read(drive, lba, 4));
}

/* From every state: 3 may be open, 5 active */
static void hold_no_resources(ZnsDrive *drive)
{
    uint32_t i;

    for (i = 0; i < 5; i++) {
        zns_assert_ok(zns_open(drive, i));
        if (i < 2) {
            zns_assert_ok(zns_close(drive, i));
        }
    }
    zns_assert_status(zns_open(drive, 5), NVME_ZONE_TOO_MANY_ACTIVE);
    zns_set_state(drive, 0, "read-only");
    zns_assert_status(zns_open(drive, 5), NVME_ZONE_TOO_MANY_OPEN);
    zns_set_state(drive, 2, "offline");
    zns_assert_ok(zns_open(drive, 5));
    zns_assert_status(zns_open(drive, 6), NVME_ZONE_TOO_MANY_OPEN);
    zns_set_state(drive, 3, "read-only");
    zns_assert_ok(zns_open(drive, 6));
    zns_set_state(drive, 1, "offline");
    zns_set_state(drive, 4, "offline");
    zns_assert_ok(zns_open(drive, 7));
    zns_assert_status(zns_open(drive, 8), NVME_ZONE_TOO_MANY_OPEN);
}

static void are_reported(ZnsDrive *drive)
{
    g_autofree ZnsReport *report = g_new(ZnsReport, 1);
    ZnsReportArgs args = { .filter = NVME_ZONE_REPORT_READ_ONLY };

    prepare_zones(drive);
    zns_assert_ok(zns_report(drive, args, report));
    g_assert_cmpuint(report->nr_zones, ==, 1);
    g_assert_cmpuint(report->zones[0].start_lba, ==,
                     zns_lba(drive, READ_ONLY));
    g_assert_cmphex(report->zones[0].wp_lba, ==, UINT64_MAX);
    args.filter = NVME_ZONE_REPORT_OFFLINE;
    zns_assert_ok(zns_report(drive, args, report));
    g_assert_cmpuint(report->nr_zones, ==, 1);
    g_assert_cmpuint(report->zones[0].start_lba, ==, zns_lba(drive, OFFLINE));
    g_assert_cmphex(report->zones[0].wp_lba, ==, UINT64_MAX);
    g_assert_cmphex(report->zones[0].attributes, ==, 0);
}

static void extension_until_offline(ZnsDrive *drive)
{
    zns_assert_ok(zns_set_zde(drive, 5, 55));
    zns_assert_ok(zns_set_zde(drive, 6, 66));
    zns_set_state(drive, 5, "read-only");
    g_assert_cmphex(zns_zone(drive, 5).attributes, ==, NVME_ZA_ZD_EXT_VALID);
    g_assert_true(zns_zde_is(drive, 5, 55));
    zns_set_state(drive, 5, "offline");
    g_assert_cmphex(zns_zone(drive, 5).attributes, ==, 0);
    g_assert_true(zns_zde_is_zero(drive, 5));
    g_assert_true(zns_zde_is(drive, 6, 66));
}

static void survive_restarts(ZnsDrive *drive)
{
    prepare_zones(drive);
    zns_force_attributes(drive, HEALTHY, false, true);
    zns_assert_ok(zns_set_zde(drive, 6, 66));
    zns_set_state(drive, 6, "read-only");
    zns_kill_and_restart(drive);
    zns_assert_state(drive, READ_ONLY, READ_ONLY);
    g_assert_true(zns_holds(drive, zns_lba(drive, READ_ONLY), 128,
                            READ_ONLY + 1));
    zns_assert_state(drive, OFFLINE, OFFLINE);
    zns_assert_status(zns_read(drive, zns_lba(drive, OFFLINE), 8),
                      NVME_ZONE_OFFLINE);
    g_assert_true(zns_zde_is(drive, 6, 66));
    g_assert_cmphex(zns_zone(drive, HEALTHY).attributes, ==,
                    NVME_ZA_RESET_RECOMMENDED);
    zns_restart(drive);
    zns_assert_state(drive, READ_ONLY, READ_ONLY);
    zns_assert_state(drive, OFFLINE, OFFLINE);
}

static uint16_t format(ZnsDrive *drive)
{
    NvmeCmd cmd = {
        .opcode = NVME_ADM_CMD_FORMAT_NVM,
        .nsid = cpu_to_le32(1),
    };

    return zns_exec(drive->ctrl, ZNS_ADMIN, &cmd, 0, 0).status;
}

/* What cannot be written cannot be emptied; its data is gone all the same */
static void formatted(ZnsDrive *drive)
{
    prepare_zones(drive);
    zns_force_attributes(drive, EMPTY, false, true);
    zns_assert_ok(format(drive));
    zns_assert_zone(drive, HEALTHY, EMPTY, 0);
    zns_assert_state(drive, READ_ONLY, OFFLINE);
    zns_assert_status(zns_read(drive, zns_lba(drive, READ_ONLY), 8),
                      NVME_ZONE_OFFLINE);
    zns_assert_state(drive, OFFLINE, OFFLINE);
    zns_assert_zone(drive, OPENED, EMPTY, 0);
    zns_assert_zone(drive, EMPTY, EMPTY, 0);
    g_assert_cmphex(zns_zone(drive, EMPTY).attributes, ==, 0);
}

static void recommendations(ZnsDrive *drive)
{
    zns_assert_ok(zns_write(drive, 0, 8, 1));
    zns_force_attributes(drive, 0, true, true);
    g_assert_cmphex(zns_zone(drive, 0).attributes, ==,
                    NVME_ZA_FINISH_RECOMMENDED | NVME_ZA_RESET_RECOMMENDED);
    /* They are no more than that */
    zns_assert_ok(zns_write(drive, 8, 8, 2));
    zns_assert_zone(drive, 0, IMPLICITLY_OPEN, 16);
    zns_assert_ok(zns_finish(drive, 0));
    g_assert_cmphex(zns_zone(drive, 0).attributes, ==,
                    NVME_ZA_RESET_RECOMMENDED);
    zns_assert_ok(zns_reset(drive, 0));
    g_assert_cmphex(zns_zone(drive, 0).attributes, ==, 0);
}

static void recommendations_and_reset_all(ZnsDrive *drive)
{
    zns_assert_ok(zns_write(drive, 0, 8, 1));
    zns_assert_ok(zns_finish(drive, 1));
    zns_force_attributes(drive, 0, true, true);
    zns_set_attributes(drive, 1, false, true);
    zns_assert_ok(zns_send(drive, 0, NVME_ZONE_ACTION_RESET |
                           ZNS_SELECT_ALL));
    g_assert_cmphex(zns_zone(drive, 0).attributes, ==, 0);
    g_assert_cmphex(zns_zone(drive, 1).attributes, ==, 0);
}

/* Nor of an Empty zone, and there is nothing left to do in a Read Only one */
static void recommendations_where_they_end(ZnsDrive *drive)
{
    zns_assert_ok(zns_open(drive, 0));
    zns_assert_ok(zns_write(drive, zns_lba(drive, 1), 8, 1));
    zns_assert_ok(zns_finish(drive, 2));
    zns_set_attributes(drive, 0, true, false);
    zns_set_attributes(drive, 1, true, false);
    zns_set_attributes(drive, 2, false, true);
    g_assert_cmphex(zns_zone(drive, 0).attributes, ==,
                    NVME_ZA_FINISH_RECOMMENDED);
    zns_ctrl_shutdown(drive->ctrl);
    zns_assert_zone(drive, 0, EMPTY, 0);
    g_assert_cmphex(zns_zone(drive, 0).attributes, ==, 0);
    g_assert_cmphex(zns_zone(drive, 1).attributes, ==,
                    NVME_ZA_FINISH_RECOMMENDED);
    zns_set_state(drive, 1, "read-only");
    zns_set_state(drive, 2, "read-only");
    g_assert_cmphex(zns_zone(drive, 1).attributes, ==, 0);
    g_assert_cmphex(zns_zone(drive, 2).attributes, ==, 0);
}

static void recommendations_on_disk(ZnsDrive *drive)
{
    recommendations_where_they_end(drive);
    zns_assert_ok(zns_open(drive, 3));
    zns_set_attributes(drive, 3, true, false);
    zns_kill_and_restart(drive);
    g_assert_cmphex(zns_zone(drive, 1).attributes, ==, 0);
    g_assert_cmphex(zns_zone(drive, 2).attributes, ==, 0);
    zns_assert_zone(drive, 3, EMPTY, 0);
    g_assert_cmphex(zns_zone(drive, 3).attributes, ==, 0);
}

static void deallocated_in_read_only(ZnsDrive *drive)
{
    NvmeCmd set_dulbe = {
        .opcode = NVME_ADM_CMD_SET_FEATURES,
        .nsid = cpu_to_le32(1),
        .cdw10 = cpu_to_le32(NVME_ERROR_RECOVERY),
        .cdw11 = cpu_to_le32(DULBE),
    };
    uint64_t lba = zns_lba(drive, READ_ONLY);

    prepare_zones(drive);
    zns_assert_ok(zns_exec(drive->ctrl, ZNS_ADMIN, &set_dulbe, 0, 0).status);
    g_assert_true(zns_holds(drive, lba, 128, READ_ONLY + 1));
    zns_assert_status(zns_read(drive, lba + 128, 8), NVME_DULB);
    zns_assert_status(zns_read(drive, lba + drive->capacity_blocks, 8),
                      NVME_DULB);
    zns_assert_status(zns_read(drive, zns_lba(drive, OFFLINE), 8),
                      NVME_ZONE_OFFLINE);
}

static uint16_t open_zrwa(ZnsDrive *drive, uint32_t zone_idx)
{
    return zns_send(drive, zns_lba(drive, zone_idx),
                    NVME_ZONE_ACTION_OPEN | ZNS_ZRWA_ALLOC);
}

/* A pool of two */
static void zrwa_is_returned(ZnsDrive *drive)
{
    zns_assert_ok(open_zrwa(drive, 0));
    zns_assert_ok(open_zrwa(drive, 1));
    zns_assert_ok(zns_write(drive, 0, ZRWA_STEP_BLOCKS, 1));
    zns_assert_status(open_zrwa(drive, 2), NVME_NOZRWA);
    zns_set_state(drive, 0, "read-only");
    g_assert_cmphex(zns_zone(drive, 0).attributes, ==, 0);
    zns_assert_ok(open_zrwa(drive, 2));
    zns_assert_status(open_zrwa(drive, 3), NVME_NOZRWA);
    zns_set_state(drive, 1, "offline");
    zns_assert_ok(open_zrwa(drive, 3));
    zns_assert_status(open_zrwa(drive, 4), NVME_NOZRWA);
    /* What was written in the window stays, as in a loss of power */
    g_assert_true(zns_holds(drive, 0, ZRWA_STEP_BLOCKS, 1));
    g_assert_true(zns_reads_zeros(drive, ZRWA_STEP_BLOCKS, 64));
}

/* The monitor takes the drive out of the namespace, which stays */
static void drive_goes(ZnsDrive *drive)
{
    g_autofree ZnsReport *report = g_new(ZnsReport, 1);
    g_autofree char *reply = NULL;

    zns_assert_ok(zns_write(drive, 0, 8, 1));
    reply = qtest_hmp(drive->qts, "drive_del zns0");
    g_assert_cmpstr(reply, ==, "");
    zns_assert_status(zns_read(drive, 0, 8), NVME_ZONE_OFFLINE);
    zns_assert_status(zns_deallocate(drive, 0, 8), NVME_ZONE_OFFLINE);
    zns_assert_status(zns_copy_two(drive, 8, 0, 2, 1), NVME_ZONE_OFFLINE);
    g_assert_cmphex(zns_write(drive, 8, 8, 2), !=, NVME_SUCCESS);
    g_assert_cmphex(zns_append(drive, 0, 8, 2, NULL), !=, NVME_SUCCESS);
    g_assert_cmphex(zns_open(drive, 1), !=, NVME_SUCCESS);
    g_assert_cmphex(zns_send(drive, 0, NVME_ZONE_ACTION_RESET |
                             ZNS_SELECT_ALL), !=, NVME_SUCCESS);
    g_assert_cmphex(zns_set_zde(drive, 1, 1), !=, NVME_SUCCESS);
    g_assert_cmphex(open_zrwa(drive, 1), !=, NVME_SUCCESS);
    g_assert_cmphex(zns_report(drive, (ZnsReportArgs) {}, report), !=,
                    NVME_SUCCESS);
    /* Attaching asks for the append limit */
    zns_assert_ok(zns_attach(drive, 1, 0, 1));
    zns_assert_ok(zns_attach(drive, 1, 0, 0));
    zns_ctrl_reset(drive->ctrl);
    zns_assert_status(zns_read(drive, 0, 8), NVME_ZONE_OFFLINE);
}

const ZnsTest zns_broken_tests[] = {
    { "broken/actions-are-invalid-transitions", actions_are_refused,
      ZNS_BOTH },
    { "broken/offline-takes-a-read-only-zone", offline_takes_read_only,
      ZNS_BOTH },
    { "broken/select-all-skips-them", select_all_skips, ZNS_BOTH },
    { "broken/offline-all-takes-read-only-zones", offline_all, ZNS_BOTH },
    { "broken/write-to-a-read-only-zone-is-zone-is-read-only",
      read_only_is_not_written, ZNS_BOTH },
    { "broken/write-to-an-offline-zone-is-zone-is-offline",
      offline_is_not_written, ZNS_BOTH },
    { "broken/read-only-zones-are-read", read_only_is_read, ZNS_BOTH },
    { "broken/read-only-zones-are-not-deallocated",
      read_only_is_not_deallocated, ZNS_BOTH, &spec_discard },
    { "broken/read-of-an-offline-zone-is-zone-is-offline",
      offline_is_not_read, ZNS_BOTH },
    { "broken/cross-read-into-an-offline-zone-is-zone-is-offline",
      offline_among_read_zones, ZNS_BOTH, &spec_cross_read },
    { "broken/hold-no-resources", hold_no_resources, ZNS_BOTH },
    { "broken/are-reported-without-write-pointer", are_reported, ZNS_BOTH },
    { "broken/extension-stays-until-offline", extension_until_offline,
      ZNS_BOTH },
    { "broken/survive-kill-and-restart", survive_restarts, ZNS_QCOW2 },
    { "broken/format-takes-them-offline", formatted, ZNS_BOTH },
    { "broken/recommendations-are-cleared-by-reset", recommendations,
      ZNS_BOTH },
    { "broken/recommendations-are-cleared-by-reset-of-all",
      recommendations_and_reset_all, ZNS_BOTH },
    { "broken/recommendations-end-in-empty-and-read-only-zones",
      recommendations_where_they_end, ZNS_BOTH },
    { "broken/recommendations-that-have-ended-are-not-stored",
      recommendations_on_disk, ZNS_QCOW2 },
    { "broken/deallocated-blocks-of-read-only-zones-are-errors-on-request",
      deallocated_in_read_only, ZNS_BOTH, &zns_spec_plain },
    { "broken/without-a-drive-all-fails", drive_goes, ZNS_BOTH },
    { "broken/zrwa-is-returned-to-the-pool", zrwa_is_returned, ZNS_BOTH,
      &spec_zrwa },
    { }
};
