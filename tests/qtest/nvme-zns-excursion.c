/*
 * qtest of zoned namespaces: zones that the controller finishes itself
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What it shows: Zone Active Excursions are announced and happen where they
 * are asked for, and nowhere else; they take active zones, with all that is
 * written, and say so (ZFC) until the zone is reset; where a limit is set, they
 * follow a recommendation to finish the zone that the host has not taken.
 *
 * How: through QMP; qtest's clock is moved on to where the limit is, and over
 * it.  The event and the log page are in nvme-zns-event.c.
 */

#include "qemu/osdep.h"
#include "qemu/bswap.h"
#include "qemu/units.h"
#include "nvme-zns-drive.h"

#define ZOC_EXCURSIONS  2
#define LIMIT_SECONDS   100
#define SECOND_NS       1000000000LL
#define WAIT_SECONDS    10

static const ZnsSpec spec_excursions = {
    .device_bytes = 64 * MiB,
    .zone_bytes = 4 * MiB,
    .capacity_bytes = 3 * MiB,
    .zde_bytes = 64,
    .block_bytes = 512,
    .ns_options = ",zoned.excursions=on,zoned.rrl=7,"
                  "zoned.zrwas=65536,zoned.zrwafg=16384,zoned.numzrwa=2",
};

static const ZnsSpec spec_limit = {
    .device_bytes = 64 * MiB,
    .zone_bytes = 4 * MiB,
    .capacity_bytes = 3 * MiB,
    .block_bytes = 512,
    .ns_options = ",zoned.excursions=on,zoned.frl=100",
};

static const ZnsSpec spec_limits = {
    .device_bytes = 64 * MiB,
    .zone_bytes = 4 * MiB,
    .capacity_bytes = 3 * MiB,
    .block_bytes = 512,
    .ns_options = ",zoned.excursions=on,zoned.frl=100,zoned.frl1=200,"
                  "zoned.frl2=50,zoned.rrl=7,zoned.rrl1=8,zoned.rrl2=9,"
                  "zoned.rrl3=10",
};

static const ZnsSpec spec_limit_alone = {
    .device_bytes = 64 * MiB,
    .zone_bytes = 4 * MiB,
    .capacity_bytes = 3 * MiB,
    .block_bytes = 512,
    .ns_options = ",zoned.frl=100",
};

static void assert_announced(ZnsDrive *drive, uint16_t zoc, uint32_t rrl,
                             uint32_t frl)
{
    g_autofree NvmeIdNsZoned *id = g_new0(NvmeIdNsZoned, 1);

    zns_identify(drive, NVME_ID_CNS_CS_NS, NVME_CSI_ZONED, id);
    g_assert_cmphex(le16_to_cpu(id->zoc), ==, zoc);
    g_assert_cmpuint(le32_to_cpu(id->rrl), ==, rrl);
    g_assert_cmpuint(le32_to_cpu(id->frl), ==, frl);
}

static void announced(ZnsDrive *drive)
{
    assert_announced(drive, ZOC_EXCURSIONS, 7, 0);
}

static void announced_limit(ZnsDrive *drive)
{
    assert_announced(drive, ZOC_EXCURSIONS, 0, LIMIT_SECONDS);
}

static void not_announced(ZnsDrive *drive)
{
    assert_announced(drive, 0, 0, 0);
}

static void assert_refused(ZnsDrive *drive, uint32_t zone_idx, const char *why)
{
    zns_assert_refused(qtest_qmp(drive->qts,
        "{ 'execute': 'block-zone-set-state', 'arguments': "
        "{ 'node-name': 'zns0', 'zone': %u, 'state': 'full' } }", zone_idx),
        why);
}

/* In the window of a ZRWA, and one with an extension */
static void prepare_zones(ZnsDrive *drive)
{
    uint64_t lba;

    zns_assert_ok(zns_write(drive, zns_lba(drive, 0), 8, 10));
    zns_assert_ok(zns_open(drive, 1));
    zns_assert_ok(zns_append(drive, zns_lba(drive, 1), 8, 11, &lba));
    zns_assert_ok(zns_write(drive, zns_lba(drive, 2), 8, 12));
    zns_assert_ok(zns_close(drive, 2));
    zns_assert_ok(zns_set_zde(drive, 3, 33));
    zns_assert_ok(zns_send(drive, zns_lba(drive, 4),
                           NVME_ZONE_ACTION_OPEN | ZNS_ZRWA_ALLOC));
    zns_assert_ok(zns_write(drive, zns_lba(drive, 4) + 4, 4, 14));
}

static void check_zones(ZnsDrive *drive)
{
    uint32_t i;

    for (i = 0; i < 5; i++) {
        zns_assert_state(drive, i, FULL);
        g_assert_cmphex(zns_zone(drive, i).attributes, ==,
                        NVME_ZA_FINISHED_BY_CTLR |
                        (i == 3 ? NVME_ZA_ZD_EXT_VALID : 0));
    }
    for (i = 0; i < 3; i++) {
        g_assert_true(zns_holds(drive, zns_lba(drive, i), 8, 10 + i));
        g_assert_true(zns_reads_zeros(drive, zns_lba(drive, i) + 8, 64));
    }
    g_assert_true(zns_zde_is(drive, 3, 33));
    g_assert_true(zns_reads_zeros(drive, zns_lba(drive, 4), 4));
    g_assert_true(zns_holds(drive, zns_lba(drive, 4) + 4, 4, 14));
}

static void takes_active_zones(ZnsDrive *drive)
{
    uint32_t i;

    prepare_zones(drive);
    for (i = 0; i < 5; i++) {
        zns_set_state(drive, i, "full");
    }
    check_zones(drive);
    zns_assert_status(zns_write(drive, zns_lba(drive, 0) + 8, 8, 9),
                      NVME_ZONE_FULL);
    zns_assert_ok(zns_reset(drive, 0));
    zns_assert_zone(drive, 0, EMPTY, 0);
    g_assert_cmphex(zns_zone(drive, 0).attributes, ==, 0);
}

static void takes_no_others(ZnsDrive *drive)
{
    assert_refused(drive, 5, "which is Empty");
    zns_assert_zone(drive, 5, EMPTY, 0);
    zns_assert_ok(zns_fill_zone(drive, 6));
    zns_set_state(drive, 6, "full");
    zns_assert_state(drive, 6, FULL);
    g_assert_cmphex(zns_zone(drive, 6).attributes, ==, 0);
    zns_set_state(drive, 7, "read-only");
    assert_refused(drive, 7, "which is Read Only");
}

static void is_durable(ZnsDrive *drive)
{
    uint32_t i;

    prepare_zones(drive);
    for (i = 0; i < 5; i++) {
        zns_set_state(drive, i, "full");
    }
    zns_kill_and_restart(drive);
    check_zones(drive);
}

static void not_without_announcing(ZnsDrive *drive)
{
    zns_assert_ok(zns_write(drive, 0, 8, 1));
    assert_refused(drive, 0, "zoned.excursions=on");
    zns_assert_zone(drive, 0, IMPLICITLY_OPEN, 8);
}

/* Limits */

static void pass_seconds(ZnsDrive *drive, int64_t seconds)
{
    qtest_clock_step(drive->qts, seconds * SECOND_NS);
}

static void recommend_finish(ZnsDrive *drive, uint32_t zone_idx)
{
    zns_assert_ok(zns_write(drive, zns_lba(drive, zone_idx), 8, zone_idx));
    zns_set_attributes(drive, zone_idx, true, false);
}

/* It takes I/O, which the clock does not wait for */
static void assert_finished(ZnsDrive *drive, uint32_t zone_idx)
{
    int64_t end_us = g_get_monotonic_time() + WAIT_SECONDS * G_USEC_PER_SEC;

    while (zns_zone(drive, zone_idx).state != NVME_ZONE_STATE_FULL &&
           g_get_monotonic_time() < end_us) {
        g_usleep(1000);
    }
    zns_assert_state(drive, zone_idx, FULL);
    g_assert_cmphex(zns_zone(drive, zone_idx).attributes, ==,
                    NVME_ZA_FINISHED_BY_CTLR);
    g_assert_true(zns_holds(drive, zns_lba(drive, zone_idx), 8, zone_idx));
}

static void after_the_limit(ZnsDrive *drive)
{
    recommend_finish(drive, 1);
    pass_seconds(drive, LIMIT_SECONDS / 2);
    recommend_finish(drive, 2);
    pass_seconds(drive, LIMIT_SECONDS / 2 - 1);
    zns_assert_zone(drive, 1, IMPLICITLY_OPEN, 8);
    pass_seconds(drive, 1);
    assert_finished(drive, 1);
    zns_assert_zone(drive, 2, IMPLICITLY_OPEN, 8);
    pass_seconds(drive, LIMIT_SECONDS / 2);
    assert_finished(drive, 2);
}

/* What the host does itself, and what is taken back, is not done again */
static void unless_nothing_is_left_to_do(ZnsDrive *drive)
{
    recommend_finish(drive, 1);
    recommend_finish(drive, 2);
    recommend_finish(drive, 3);
    zns_assert_ok(zns_reset(drive, 1));
    zns_assert_ok(zns_write(drive, zns_lba(drive, 1), 4, 1));
    zns_assert_ok(zns_finish(drive, 2));
    zns_set_attributes(drive, 3, false, false);
    pass_seconds(drive, 2 * LIMIT_SECONDS);
    zns_assert_zone(drive, 1, IMPLICITLY_OPEN, 4);
    zns_assert_state(drive, 2, FULL);
    g_assert_cmphex(zns_zone(drive, 2).attributes, ==, 0);
    zns_assert_zone(drive, 3, IMPLICITLY_OPEN, 8);
}

/* What another life of the zone has left of the limit does not count */
static void after_the_limit_of_this_life(ZnsDrive *drive)
{
    recommend_finish(drive, 1);
    pass_seconds(drive, LIMIT_SECONDS / 2);
    zns_assert_ok(zns_reset(drive, 1));
    recommend_finish(drive, 1);
    pass_seconds(drive, LIMIT_SECONDS - 1);
    zns_assert_ok(zns_flush(drive));
    zns_assert_zone(drive, 1, IMPLICITLY_OPEN, 8);
    pass_seconds(drive, 2);
    assert_finished(drive, 1);
}

/* The time begins anew */
static void after_a_restart(ZnsDrive *drive)
{
    recommend_finish(drive, 1);
    zns_restart(drive);
    pass_seconds(drive, LIMIT_SECONDS - 1);
    zns_assert_zone(drive, 1, CLOSED, 8);
    pass_seconds(drive, 2);
    assert_finished(drive, 1);
}

static void limit_alone(ZnsDrive *drive)
{
    assert_announced(drive, 0, 0, LIMIT_SECONDS);
    recommend_finish(drive, 1);
    pass_seconds(drive, 2 * LIMIT_SECONDS);
    zns_assert_zone(drive, 1, IMPLICITLY_OPEN, 8);
}

/* RRL1 to RRL3, FRL1 to FRL3 */
static void announced_limits(ZnsDrive *drive)
{
    static const uint32_t limits[] = { 8, 9, 10, 200, 50, 0 };
    g_autofree NvmeIdNsZoned *id = g_new0(NvmeIdNsZoned, 1);
    int i;

    assert_announced(drive, ZOC_EXCURSIONS, 7, LIMIT_SECONDS);
    zns_identify(drive, NVME_ID_CNS_CS_NS, NVME_CSI_ZONED, id);
    for (i = 0; i < ARRAY_SIZE(limits); i++) {
        g_assert_cmpuint(ldl_le_p((uint8_t *)id + 20 + 4 * i), ==, limits[i]);
    }
}

static void assert_limits(ZnsDrive *drive, uint32_t zone_idx, uint8_t expected)
{
    g_assert_cmphex(zns_zone(drive, zone_idx).limits, ==, expected);
}

/* Of each recommendation its own; it goes with it */
static void limits_in_reports(ZnsDrive *drive)
{
    zns_assert_ok(zns_write(drive, zns_lba(drive, 1), 8, 1));
    zns_recommend_finish(drive, 1, 3);
    assert_limits(drive, 1, 0x3);
    zns_recommend_finish(drive, 1, 1);
    assert_limits(drive, 1, 0x1);
    zns_set_attributes(drive, 1, false, false);
    assert_limits(drive, 1, 0);
    zns_recommend_finish(drive, 1, 2);
    zns_assert_ok(zns_finish(drive, 1));
    assert_limits(drive, 1, 0);
    zns_recommend_reset(drive, 1, 3);
    assert_limits(drive, 1, 0xc);
    zns_recommend_reset(drive, 1, 0);
    assert_limits(drive, 1, 0);
    zns_recommend_reset(drive, 1, 2);
    zns_assert_ok(zns_reset(drive, 1));
    assert_limits(drive, 1, 0);
}

static void limits_are_durable(ZnsDrive *drive)
{
    zns_assert_ok(zns_write(drive, zns_lba(drive, 1), 8, 1));
    zns_recommend_finish(drive, 1, 3);
    zns_assert_ok(zns_fill_zone(drive, 2));
    zns_recommend_reset(drive, 2, 1);
    zns_kill_and_restart(drive);
    assert_limits(drive, 1, 0x3);
    zns_assert_zone(drive, 1, CLOSED, 8);
    assert_limits(drive, 2, 0x4);
    zns_assert_state(drive, 2, FULL);
}

static void refuses_limits(ZnsDrive *drive)
{
    zns_assert_ok(zns_write(drive, zns_lba(drive, 1), 8, 1));
    zns_assert_refused(qtest_qmp(drive->qts,
        "{ 'execute': 'block-zone-set-attributes', 'arguments': "
        "{ 'node-name': 'zns0', 'zone': 1, 'finish-recommended': true, "
        "'finish-limit': 4 } }"), "limits 0 to 3");
    zns_assert_refused(qtest_qmp(drive->qts,
        "{ 'execute': 'block-zone-set-attributes', 'arguments': "
        "{ 'node-name': 'zns0', 'zone': 1, 'finish-recommended': true, "
        "'reset-limit': 1 } }"), "which is not given");
    g_assert_cmphex(zns_zone(drive, 1).attributes, ==, 0);
}

/* FRL2 ends before FRL, FRL1 after it, and FRL3 never */
static void after_its_own_limit(ZnsDrive *drive)
{
    uint32_t i;

    for (i = 0; i < 4; i++) {
        zns_assert_ok(zns_write(drive, zns_lba(drive, i), 8, i));
        zns_recommend_finish(drive, i, i);
    }
    pass_seconds(drive, 49);
    zns_assert_zone(drive, 2, IMPLICITLY_OPEN, 8);
    pass_seconds(drive, 1);
    assert_finished(drive, 2);
    zns_assert_zone(drive, 0, IMPLICITLY_OPEN, 8);
    pass_seconds(drive, 50);
    assert_finished(drive, 0);
    zns_assert_zone(drive, 1, IMPLICITLY_OPEN, 8);
    pass_seconds(drive, 100);
    assert_finished(drive, 1);
    pass_seconds(drive, 1000);
    zns_assert_ok(zns_flush(drive));
    zns_assert_zone(drive, 3, IMPLICITLY_OPEN, 8);
}

const ZnsTest zns_excursion_tests[] = {
    { "excursion/is-announced", announced, ZNS_BOTH, &spec_excursions },
    { "excursion/announces-its-limit", announced_limit, ZNS_BOTH,
      &spec_limit },
    { "excursion/is-not-announced-by-default", not_announced, ZNS_BOTH },
    { "excursion/takes-active-zones", takes_active_zones, ZNS_BOTH,
      &spec_excursions },
    { "excursion/takes-no-others", takes_no_others, ZNS_BOTH,
      &spec_excursions },
    { "excursion/is-durable", is_durable, ZNS_QCOW2, &spec_excursions },
    { "excursion/not-without-announcing", not_without_announcing, ZNS_BOTH },
    { "excursion/after-the-limit", after_the_limit, ZNS_BOTH, &spec_limit },
    { "excursion/unless-nothing-is-left-to-do", unless_nothing_is_left_to_do,
      ZNS_BOTH, &spec_limit },
    { "excursion/after-the-limit-of-this-life", after_the_limit_of_this_life,
      ZNS_BOTH, &spec_limit },
    { "excursion/after-a-restart", after_a_restart, ZNS_QCOW2, &spec_limit },
    { "excursion/not-by-the-limit-alone", limit_alone, ZNS_BOTH,
      &spec_limit_alone },
    { "excursion/announces-all-limits", announced_limits, ZNS_BOTH,
      &spec_limits },
    { "excursion/limits-in-reports", limits_in_reports, ZNS_BOTH,
      &spec_limits },
    { "excursion/limits-are-durable", limits_are_durable, ZNS_QCOW2,
      &spec_limits },
    { "excursion/refuses-limits", refuses_limits, ZNS_BOTH, &spec_limits },
    { "excursion/after-its-own-limit", after_its_own_limit, ZNS_BOTH,
      &spec_limits },
    { }
};
