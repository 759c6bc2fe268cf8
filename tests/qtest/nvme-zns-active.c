/*
 * qtest of zoned namespaces: a node that is inactive for a while
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What it shows: that a namespace finds its zones as they were when its node is
 * activated again: open zones, Zone Random Write Areas, auto-close, and who
 * hears of what the drive does; and that the monitor does not show zones that
 * another process may be changing.
 *
 * How: the machine is stopped, and blockdev-set-active sets the node inactive
 * and active.
 */

#include "qemu/osdep.h"
#include "qemu/units.h"
#include "qobject/qdict.h"
#include "nvme-zns-drive.h"

#define STEP_BLOCKS 32

static const ZnsSpec spec_active = {
    .device_bytes = 64 * MiB,
    .zone_bytes = 4 * MiB,
    .capacity_bytes = 3 * MiB,
    .max_open_zones = 4,
    .max_active_zones = 6,
    .block_bytes = 512,
    .ns_options = ",zoned.zrwas=65536,zoned.zrwafg=16384,zoned.numzrwa=2",
    .drive_options = ",node-name=node0",
};

static void set_active(ZnsDrive *drive, bool active)
{
    qtest_qmp_assert_success(drive->qts,
        "{ 'execute': 'blockdev-set-active',"
        "  'arguments': { 'node-name': 'node0', 'active': %i } }", active);
}

static void assert_shown(ZnsDrive *drive, bool shown)
{
    QDict *reply = qtest_qmp(drive->qts,
        "{ 'execute': 'query-block-zones',"
        "  'arguments': { 'node-name': 'node0' } }");
    const char *desc = "";

    if (qdict_haskey(reply, "error")) {
        desc = qdict_get_str(qdict_get_qdict(reply, "error"), "desc");
    }
    g_assert_true(shown == qdict_haskey(reply, "return"));
    g_assert_true(shown == !strstr(desc, "'node0' is inactive"));
    qobject_unref(reply);
}

static void inactive_and_back(ZnsDrive *drive)
{
    qtest_qmp_assert_success(drive->qts, "{ 'execute': 'stop' }");
    assert_shown(drive, true);
    set_active(drive, false);
    assert_shown(drive, false);
    set_active(drive, true);
    assert_shown(drive, true);
    qtest_qmp_assert_success(drive->qts, "{ 'execute': 'cont' }");
}

static uint16_t open_zrwa(ZnsDrive *drive, uint32_t zone_idx)
{
    return zns_send(drive, zns_lba(drive, zone_idx),
                    NVME_ZONE_ACTION_OPEN | ZNS_ZRWA_ALLOC);
}

static void open_zones(ZnsDrive *drive)
{
    zns_assert_ok(zns_open(drive, 2));
    zns_assert_ok(zns_open(drive, 3));
    zns_assert_ok(zns_write(drive, zns_lba(drive, 3), 8, 3));
    zns_assert_ok(zns_write(drive, zns_lba(drive, 4), 16, 4));
    inactive_and_back(drive);
    zns_assert_zone(drive, 2, EXPLICITLY_OPEN, 0);
    zns_assert_zone(drive, 3, EXPLICITLY_OPEN, 8);
    zns_assert_zone(drive, 4, IMPLICITLY_OPEN, 16);
    g_assert_true(zns_holds(drive, zns_lba(drive, 4), 16, 4));
    /* the one that may be closed to make room is closed */
    zns_assert_ok(zns_open(drive, 5));
    zns_assert_ok(zns_open(drive, 6));
    zns_assert_zone(drive, 4, CLOSED, 16);
    zns_assert_ok(zns_write(drive, zns_lba(drive, 3) + 8, 8, 3));
}

static void areas(ZnsDrive *drive)
{
    uint64_t lba = zns_lba(drive, 1);

    zns_assert_ok(open_zrwa(drive, 1));
    zns_assert_ok(zns_write(drive, lba + 8, 8, 1));
    inactive_and_back(drive);
    g_assert_cmphex(zns_zone(drive, 1).attributes, ==, NVME_ZA_ZRWA_VALID);
    zns_assert_zone(drive, 1, EXPLICITLY_OPEN, 0);
    g_assert_true(zns_holds(drive, lba + 8, 8, 1));
    zns_assert_ok(zns_write(drive, lba, 8, 2));
    zns_assert_ok(zns_send(drive, lba + STEP_BLOCKS - 1,
                           NVME_ZONE_ACTION_ZRWA_FLUSH));
    zns_assert_zone(drive, 1, EXPLICITLY_OPEN, STEP_BLOCKS);
    /* the pool has two of them */
    zns_assert_ok(open_zrwa(drive, 2));
    zns_assert_status(open_zrwa(drive, 3), NVME_NOZRWA);
}

static uint16_t nr_changed_zones(ZnsDrive *drive)
{
    NvmeCmd cmd = {
        .opcode = NVME_ADM_CMD_GET_LOG_PAGE,
        .nsid = cpu_to_le32(1),
        .cdw10 = cpu_to_le32(0xbf | (4096 / 4 - 1) << 16),
    };

    zns_assert_ok(zns_exec(drive->ctrl, ZNS_ADMIN, &cmd, drive->buf_addr,
                           4096).status);
    return qtest_readw(drive->qts, drive->buf_addr);
}

static void news(ZnsDrive *drive)
{
    inactive_and_back(drive);
    zns_set_state(drive, 4, "read-only");
    g_assert_cmpuint(nr_changed_zones(drive), ==, 1);
    inactive_and_back(drive);
    zns_set_state(drive, 5, "offline");
    g_assert_cmpuint(nr_changed_zones(drive), ==, 1);
    zns_assert_state(drive, 4, READ_ONLY);
    zns_assert_state(drive, 5, OFFLINE);
}

static void writes_are_stored(ZnsDrive *drive)
{
    zns_assert_ok(zns_write(drive, zns_lba(drive, 7), 24, 7));
    inactive_and_back(drive);
    zns_assert_ok(zns_write(drive, zns_lba(drive, 7) + 24, 8, 8));
    zns_kill_and_restart(drive);
    /* at least what was there when the node became inactive */
    g_assert_cmpuint(zns_zone(drive, 7).wp_lba, >=, zns_lba(drive, 7) + 24);
    g_assert_true(zns_holds(drive, zns_lba(drive, 7), 24, 7));
}

const ZnsTest zns_active_tests[] = {
    { "inactive/keeps-open-zones", open_zones, ZNS_QCOW2, &spec_active },
    { "inactive/keeps-random-write-areas", areas, ZNS_QCOW2, &spec_active },
    { "inactive/keeps-who-hears-of-changes", news, ZNS_QCOW2, &spec_active },
    { "inactive/stores-what-was-written", writes_are_stored, ZNS_QCOW2,
      &spec_active },
    { }
};
