/*
 * qtest of zoned namespaces: more zones than are looked at in one go
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What it shows: reports, actions with Select All, and Format NVM find all of
 * their zones, and no others, also where they stop on the way to let others
 * have their turn; and that reports and actions do stop: what comes behind them
 * is done before they are.
 *
 * How: 262144 zones, which are four stretches of 65536; those that are used lie
 * in three of them, at the ends of two.
 */

#include "qemu/osdep.h"
#include "qemu/units.h"
#include "nvme-zns-drive.h"

#define STRETCH_ZONES   65536
#define NR_USED         5
#define REPORT_BYTES    (16 * KiB)

#define REPORT_ATTRIBUTES   0x09

static const ZnsSpec spec_large_image = {
    .device_bytes = 16 * GiB,
    .zone_bytes = 64 * KiB,
    .capacity_bytes = 64 * KiB,
    .block_bytes = 512,
};

static const ZnsSpec spec_large_memory = {
    .device_bytes = 1 * GiB,
    .zone_bytes = 4 * KiB,
    .capacity_bytes = 4 * KiB,
    .block_bytes = 512,
};

static const uint32_t used[NR_USED] = {
    7, STRETCH_ZONES - 1, STRETCH_ZONES, 3 * STRETCH_ZONES + 1234,
    4 * STRETCH_ZONES - 1,
};

static void report(ZnsDrive *drive, uint8_t filter, uint32_t zone_idx,
                   ZnsReport *report)
{
    ZnsReportArgs args = {
        .lba = zns_lba(drive, zone_idx),
        .action = NVME_ZONE_REPORT,
        .filter = filter,
        .bytes = sizeof(NvmeZoneReportHeader) + 30 * sizeof(NvmeZoneDescr),
    };

    zns_assert_ok(zns_report(drive, args, report));
}

/* All that are used match, and nothing else does */
static void assert_used_match(ZnsDrive *drive, uint8_t filter)
{
    g_autofree ZnsReport *all = g_new(ZnsReport, 1);
    uint32_t i;

    report(drive, filter, 0, all);
    g_assert_cmpuint(all->nr_zones, ==, NR_USED);
    for (i = 0; i < NR_USED; i++) {
        g_assert_cmpuint(all->zones[i].start_lba, ==, zns_lba(drive, used[i]));
    }
    /* From the last stretch on */
    report(drive, filter, used[3], all);
    g_assert_cmpuint(all->nr_zones, ==, 2);
}

static void assert_used_are(ZnsDrive *drive, uint8_t filter)
{
    g_autofree ZnsReport *all = g_new(ZnsReport, 1);

    assert_used_match(drive, filter);
    report(drive, NVME_ZONE_REPORT_EMPTY, 0, all);
    g_assert_cmpuint(all->nr_zones, ==, drive->nr_zones - NR_USED);
}

static void use_zones(ZnsDrive *drive)
{
    uint32_t i;

    for (i = 0; i < NR_USED; i++) {
        zns_assert_ok(zns_write(drive, zns_lba(drive, used[i]), 1, i));
    }
    assert_used_are(drive, NVME_ZONE_REPORT_IMPLICITLY_OPEN);
}

static void send_all(ZnsDrive *drive, uint32_t action)
{
    zns_assert_ok(zns_send(drive, 0, action | ZNS_SELECT_ALL));
}

static void all_are_found(ZnsDrive *drive)
{
    g_autofree ZnsReport *all = g_new(ZnsReport, 1);

    use_zones(drive);
    send_all(drive, NVME_ZONE_ACTION_CLOSE);
    assert_used_are(drive, NVME_ZONE_REPORT_CLOSED);
    send_all(drive, NVME_ZONE_ACTION_OPEN);
    assert_used_are(drive, NVME_ZONE_REPORT_EXPLICITLY_OPEN);
    zns_ctrl_shutdown(drive->ctrl);
    assert_used_are(drive, NVME_ZONE_REPORT_CLOSED);
    send_all(drive, NVME_ZONE_ACTION_FINISH);
    assert_used_are(drive, NVME_ZONE_REPORT_FULL);
    send_all(drive, NVME_ZONE_ACTION_RESET);
    report(drive, NVME_ZONE_REPORT_EMPTY, 0, all);
    g_assert_cmpuint(all->nr_zones, ==, drive->nr_zones);
}

/* Only the monitor recommends anything of Empty zones, and only by force */
static void format_takes_recommendations(ZnsDrive *drive)
{
    g_autofree ZnsReport *all = g_new(ZnsReport, 1);
    NvmeCmd format = {
        .opcode = NVME_ADM_CMD_FORMAT_NVM, .nsid = cpu_to_le32(1),
    };
    uint32_t i;

    for (i = 0; i < NR_USED; i++) {
        zns_force_attributes(drive, used[i], true, false);
    }
    assert_used_match(drive, REPORT_ATTRIBUTES);
    zns_assert_ok(zns_exec(drive->ctrl, ZNS_ADMIN, &format, 0, 0).status);
    report(drive, REPORT_ATTRIBUTES, 0, all);
    g_assert_cmpuint(all->nr_zones, ==, 0);
}

/* Queues the command, and one behind it that opens an Empty zone */
static void assert_gives_way(ZnsDrive *drive, const NvmeCmd *cmd,
                             uint32_t zone_idx)
{
    NvmeCmd open = zns_rw_cmd(NVME_CMD_ZONE_MGMT_SEND,
                              zns_lba(drive, zone_idx), 1);
    ZnsReply reply;
    uint16_t first, second;

    open.cdw13 = cpu_to_le32(NVME_ZONE_ACTION_OPEN);
    first = zns_queue_cmd(drive->ctrl, ZNS_IO, cmd, drive->buf_addr,
                          REPORT_BYTES);
    second = zns_queue_cmd(drive->ctrl, ZNS_IO, &open, 0, 0);
    zns_ring(drive->ctrl, ZNS_IO);
    zns_assert_ok(zns_wait(drive->ctrl, ZNS_IO, second).status);
    g_assert_false(zns_has_completed(drive->ctrl, ZNS_IO, first));
    reply = zns_wait(drive->ctrl, ZNS_IO, first);
    zns_assert_ok(reply.status);
}

/* No zone is Offline: there are many to look at, and nothing to list */
static void others_have_their_turn(ZnsDrive *drive)
{
    NvmeCmd cmd = zns_rw_cmd(NVME_CMD_ZONE_MGMT_RECV, 0, REPORT_BYTES / 4);

    use_zones(drive);
    cmd.cdw13 = cpu_to_le32(NVME_ZONE_REPORT_OFFLINE << 8);
    assert_gives_way(drive, &cmd, 10);
    cmd = zns_rw_cmd(NVME_CMD_ZONE_MGMT_SEND, 0, 1);
    cmd.cdw13 = cpu_to_le32(NVME_ZONE_ACTION_OPEN | ZNS_SELECT_ALL);
    assert_gives_way(drive, &cmd, 11);
    cmd.cdw13 = cpu_to_le32(NVME_ZONE_ACTION_CLOSE | ZNS_SELECT_ALL);
    assert_gives_way(drive, &cmd, 12);
    cmd.cdw13 = cpu_to_le32(NVME_ZONE_ACTION_FINISH | ZNS_SELECT_ALL);
    assert_gives_way(drive, &cmd, 13);
    cmd.cdw13 = cpu_to_le32(NVME_ZONE_ACTION_RESET | ZNS_SELECT_ALL);
    assert_gives_way(drive, &cmd, 14);
}

const ZnsTest zns_large_tests[] = {
    { "large/all-zones-are-found", all_are_found, ZNS_QCOW2,
      &spec_large_image },
    { "large/all-zones-are-found", all_are_found, ZNS_MEMORY,
      &spec_large_memory },
    { "large/others-have-their-turn", others_have_their_turn, ZNS_QCOW2,
      &spec_large_image },
    { "large/others-have-their-turn", others_have_their_turn, ZNS_MEMORY,
      &spec_large_memory },
    { "large/format-takes-recommendations-of-empty-zones",
      format_takes_recommendations, ZNS_QCOW2, &spec_large_image },
    { "large/format-takes-recommendations-of-empty-zones",
      format_takes_recommendations, ZNS_MEMORY, &spec_large_memory },
    { }
};
