/*
 * qtest of zoned namespaces: zones whose capacity changes
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What it shows: where it is announced, a zone has the capacity that it was
 * told to have from its next reset on, and no sooner; the reset says so; all
 * that a host can do meets the new end; an image keeps it.
 *
 * How: zones of 4 MiB and 3 MiB capacity, which changes by steps of 96 KiB.
 */

#include "qemu/osdep.h"
#include "qemu/bswap.h"
#include "qemu/units.h"
#include "nvme-zns-drive.h"

#define ZOC_VARIABLE_CAPACITY   1
#define CAPACITY_CHANGED        1
#define STEP_BYTES              (96 * KiB)
#define LESS_BLOCKS             (5 * STEP_BYTES / 512)

static const ZnsSpec spec_variable = {
    .device_bytes = 64 * MiB,
    .zone_bytes = 4 * MiB,
    .capacity_bytes = 3 * MiB,
    .zde_bytes = 64,
    .block_bytes = 512,
    .ns_options = ",zoned.variable_capacity=on,"
                  "zoned.zrwas=65536,zoned.zrwafg=16384,zoned.numzrwa=2",
};

static void announced(ZnsDrive *drive)
{
    g_autofree NvmeIdNsZoned *id = g_new0(NvmeIdNsZoned, 1);

    zns_identify(drive, NVME_ID_CNS_CS_NS, NVME_CSI_ZONED, id);
    g_assert_cmphex(le16_to_cpu(id->zoc), ==, ZOC_VARIABLE_CAPACITY);
}

/* With the next reset, less by some steps of 96 KiB */
static void take_steps(ZnsDrive *drive, uint32_t zone_idx, unsigned nr_steps)
{
    zns_set_capacity(drive, zone_idx, 3 * MiB - nr_steps * STEP_BYTES);
}

static void reset(ZnsDrive *drive, uint32_t zone_idx, uint32_t expected)
{
    ZnsReply reply = zns_send_for_reply(drive, zns_lba(drive, zone_idx),
                                        NVME_ZONE_ACTION_RESET);

    zns_assert_ok(reply.status);
    g_assert_cmphex(reply.result, ==, expected);
}

static void assert_steps(ZnsDrive *drive, uint32_t zone_idx, unsigned nr_steps)
{
    g_assert_cmpuint(zns_zone(drive, zone_idx).capacity_blocks, ==,
                     (3 * MiB - nr_steps * STEP_BYTES) / 512);
}

static void shrink(ZnsDrive *drive, uint32_t zone_idx)
{
    take_steps(drive, zone_idx, 5);
    reset(drive, zone_idx, CAPACITY_CHANGED);
    assert_steps(drive, zone_idx, 5);
}

static void with_the_next_reset(ZnsDrive *drive)
{
    uint64_t lba = zns_lba(drive, 3);

    zns_assert_ok(zns_write(drive, lba, 8, 1));
    take_steps(drive, 3, 5);
    assert_steps(drive, 3, 0);
    zns_assert_ok(zns_write_zeroes(drive, lba + 8, drive->capacity_blocks - 8));
    zns_assert_state(drive, 3, FULL);
    reset(drive, 3, CAPACITY_CHANGED);
    assert_steps(drive, 3, 5);
    assert_steps(drive, 2, 0);
    assert_steps(drive, 4, 0);
    reset(drive, 3, 0);
    assert_steps(drive, 3, 5);
}

/* Also by Reset of a zone that is Empty already */
static void grows_again(ZnsDrive *drive)
{
    shrink(drive, 3);
    take_steps(drive, 3, 31);
    take_steps(drive, 3, 1);
    reset(drive, 3, CAPACITY_CHANGED);
    assert_steps(drive, 3, 1);
    take_steps(drive, 3, 0);
    reset(drive, 3, CAPACITY_CHANGED);
    assert_steps(drive, 3, 0);
    zns_assert_ok(zns_fill_zone(drive, 3));
    zns_assert_state(drive, 3, FULL);
}

static void is_taken_back(ZnsDrive *drive)
{
    shrink(drive, 3);
    take_steps(drive, 3, 7);
    take_steps(drive, 3, 5);
    reset(drive, 3, 0);
    assert_steps(drive, 3, 5);
}

static void select_all(ZnsDrive *drive)
{
    ZnsReply reply;

    zns_assert_ok(zns_write(drive, zns_lba(drive, 1), 8, 1));
    zns_assert_ok(zns_write(drive, zns_lba(drive, 2), 8, 1));
    take_steps(drive, 2, 5);
    take_steps(drive, 3, 5);
    reply = zns_send_for_reply(drive, 0,
                               NVME_ZONE_ACTION_RESET | ZNS_SELECT_ALL);
    zns_assert_ok(reply.status);
    g_assert_cmphex(reply.result, ==, CAPACITY_CHANGED);
    assert_steps(drive, 1, 0);
    assert_steps(drive, 2, 5);
    assert_steps(drive, 3, 0); /* it was Empty: not reset */
    zns_assert_ok(zns_write(drive, zns_lba(drive, 2), 8, 1));
    reply = zns_send_for_reply(drive, 0,
                               NVME_ZONE_ACTION_RESET | ZNS_SELECT_ALL);
    zns_assert_ok(reply.status);
    g_assert_cmphex(reply.result, ==, 0);
}

/* Write, Append, Copy; what reaches the new end makes the zone Full */
static void writes_end_there(ZnsDrive *drive)
{
    uint32_t capacity = drive->capacity_blocks - LESS_BLOCKS;
    uint64_t lba = zns_lba(drive, 3);
    uint32_t zone_idx;

    for (zone_idx = 3; zone_idx < 5; zone_idx++) {
        zns_assert_ok(zns_fill_zone(drive, zone_idx));
        shrink(drive, zone_idx);
        zns_assert_ok(zns_write_zeroes(drive, zns_lba(drive, zone_idx),
                                       capacity - 8));
    }
    zns_assert_status(zns_write(drive, lba + capacity - 8, 16, 1),
                      NVME_ZONE_BOUNDARY_ERROR);
    zns_assert_status(zns_append(drive, lba, 16, 1, NULL),
                      NVME_ZONE_BOUNDARY_ERROR);
    zns_assert_status(zns_copy_two(drive, lba + capacity - 8, zns_lba(drive, 4),
                                   zns_lba(drive, 4), 8),
                      NVME_ZONE_BOUNDARY_ERROR);
    zns_assert_zone(drive, 3, IMPLICITLY_OPEN, capacity - 8);
    zns_assert_ok(zns_copy_two(drive, lba + capacity - 8, zns_lba(drive, 4),
                               zns_lba(drive, 4), 4));
    zns_assert_state(drive, 3, FULL);
    zns_assert_ok(zns_append(drive, zns_lba(drive, 4), 8, 1, NULL));
    zns_assert_state(drive, 4, FULL);
}

/* Nothing of before is left above the new end */
static void above_are_zeros(ZnsDrive *drive)
{
    uint32_t capacity = drive->capacity_blocks - LESS_BLOCKS;
    uint64_t lba = zns_lba(drive, 3);

    zns_assert_ok(zns_write_zeroes(drive, lba, capacity));
    zns_assert_ok(zns_write(drive, lba + capacity, LESS_BLOCKS, 1));
    g_assert_true(zns_holds(drive, lba + capacity, LESS_BLOCKS, 1));
    shrink(drive, 3);
    zns_assert_ok(zns_write_zeroes(drive, lba, capacity - 8));
    zns_assert_ok(zns_write(drive, lba + capacity - 8, 8, 2));
    zns_assert_state(drive, 3, FULL);
    g_assert_true(zns_holds(drive, lba + capacity - 8, 8, 2));
    g_assert_true(zns_reads_zeros(drive, lba + capacity, LESS_BLOCKS));
}

/* Explicit flush to the end is allowed off the granularity */
static void zrwa_ends_there(ZnsDrive *drive)
{
    uint32_t capacity = drive->capacity_blocks - LESS_BLOCKS;
    uint64_t lba = zns_lba(drive, 3);

    shrink(drive, 3);
    zns_assert_ok(zns_send(drive, lba, NVME_ZONE_ACTION_OPEN | ZNS_ZRWA_ALLOC));
    zns_assert_ok(zns_write(drive, lba, 128, 1));
    while (zns_zone(drive, 3).wp_lba + 128 < lba + capacity) {
        zns_assert_ok(zns_write(drive, zns_zone(drive, 3).wp_lba + 128, 32,
                                1));
    }
    zns_assert_status(zns_write(drive, lba + capacity - 4, 8, 1),
                      NVME_ZONE_BOUNDARY_ERROR);
    zns_assert_ok(zns_write(drive, lba + capacity - 4, 4, 1));
    zns_assert_ok(zns_send(drive, lba + capacity - 1,
                           NVME_ZONE_ACTION_ZRWA_FLUSH));
    zns_assert_state(drive, 3, FULL);
}

/* The capacity that a zone has, not the one that it was told to have */
static void is_durable(ZnsDrive *drive)
{
    uint32_t capacity = drive->capacity_blocks - LESS_BLOCKS;

    shrink(drive, 3);
    shrink(drive, 4);
    zns_assert_ok(zns_write_zeroes(drive, zns_lba(drive, 4), capacity));
    take_steps(drive, 5, 7);
    zns_assert_ok(zns_flush(drive));
    zns_kill_and_restart(drive);
    assert_steps(drive, 3, 5);
    zns_assert_zone(drive, 3, EMPTY, 0);
    assert_steps(drive, 4, 5);
    zns_assert_state(drive, 4, FULL);
    assert_steps(drive, 5, 0);
    reset(drive, 5, 0);
    reset(drive, 4, 0);
    assert_steps(drive, 4, 5);
    zns_assert_status(zns_write_zeroes(drive, zns_lba(drive, 4), capacity + 8),
                      NVME_ZONE_BOUNDARY_ERROR);
}

static QDict *ask(ZnsDrive *drive, uint32_t zone_idx, uint64_t capacity_bytes)
{
    return qtest_qmp(drive->qts,
        "{ 'execute': 'block-zone-set-capacity', 'arguments': "
        "{ 'node-name': 'zns0', 'zone': %u, 'capacity': %" PRIu64 " } }",
        zone_idx, capacity_bytes);
}

static void is_refused(ZnsDrive *drive)
{
    zns_assert_refused(ask(drive, 3, 0), "multiple of 98304");
    zns_assert_refused(ask(drive, 3, 3 * MiB - 4096), "multiple of 98304");
    zns_assert_refused(ask(drive, 3, 3 * MiB + STEP_BYTES),
                       "multiple of 98304");
    zns_assert_refused(ask(drive, 16, 3 * MiB), "does not exist");
    zns_set_state(drive, 3, "read-only");
    zns_assert_refused(ask(drive, 3, 3 * MiB - STEP_BYTES),
                       "Read Only: it is never reset");
    zns_set_state(drive, 3, "offline");
    zns_assert_refused(ask(drive, 3, 3 * MiB - STEP_BYTES),
                       "Offline: it is never reset");
    reset(drive, 4, 0);
    assert_steps(drive, 4, 0);
}

static void not_without_announcing(ZnsDrive *drive)
{
    zns_assert_refused(ask(drive, 3, 3 * MiB - STEP_BYTES),
                       "zoned.variable_capacity=on");
    reset(drive, 3, 0);
}

const ZnsTest zns_capacity_tests[] = {
    { "capacity/is-announced", announced, ZNS_BOTH, &spec_variable },
    { "capacity/with-the-next-reset", with_the_next_reset, ZNS_BOTH,
      &spec_variable },
    { "capacity/grows-again", grows_again, ZNS_BOTH, &spec_variable },
    { "capacity/is-taken-back", is_taken_back, ZNS_BOTH, &spec_variable },
    { "capacity/select-all", select_all, ZNS_BOTH, &spec_variable },
    { "capacity/writes-end-there", writes_end_there, ZNS_BOTH,
      &spec_variable },
    { "capacity/above-are-zeros", above_are_zeros, ZNS_BOTH, &spec_variable },
    { "capacity/zrwa-ends-there", zrwa_ends_there, ZNS_BOTH, &spec_variable },
    { "capacity/is-durable", is_durable, ZNS_QCOW2, &spec_variable },
    { "capacity/is-refused", is_refused, ZNS_BOTH, &spec_variable },
    { "capacity/not-without-announcing", not_without_announcing, ZNS_BOTH },
    { }
};
