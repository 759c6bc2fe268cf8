/*
 * qtest of zoned virtio-blk: management, limits, appends
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/units.h"
#include "block/zone.h"
#include "virtio-blk-zns-drive.h"

static uint8_t manage_zone(VzDrive *drive, uint32_t type, uint32_t zone_idx)
{
    return vz_manage(drive, type, vz_start(drive, zone_idx));
}

#define OPEN(drive, zone_idx) \
    manage_zone(drive, VIRTIO_BLK_T_ZONE_OPEN, zone_idx)
#define CLOSE(drive, zone_idx) \
    manage_zone(drive, VIRTIO_BLK_T_ZONE_CLOSE, zone_idx)
#define FINISH(drive, zone_idx) \
    manage_zone(drive, VIRTIO_BLK_T_ZONE_FINISH, zone_idx)
#define RESET(drive, zone_idx) \
    manage_zone(drive, VIRTIO_BLK_T_ZONE_RESET, zone_idx)

static const uint32_t single_zone_types[] = {
    VIRTIO_BLK_T_ZONE_OPEN, VIRTIO_BLK_T_ZONE_CLOSE, VIRTIO_BLK_T_ZONE_FINISH,
    VIRTIO_BLK_T_ZONE_RESET,
};

/* Management */

static void mgmt_open_close_finish_reset(VzDrive *drive)
{
    vz_assert_ok(OPEN(drive, 2));
    vz_assert_zone(drive, 2, EOPEN, 0);
    vz_assert_ok(vz_write(drive, vz_start(drive, 2), 8, 1));
    vz_assert_zone(drive, 2, EOPEN, 8);
    vz_assert_ok(CLOSE(drive, 2));
    vz_assert_zone(drive, 2, CLOSED, 8);
    vz_assert_ok(FINISH(drive, 2));
    vz_assert_state(drive, 2, FULL);
    g_assert_true(vz_holds(drive, vz_start(drive, 2), 8, 1));
    vz_assert_ok(RESET(drive, 2));
    vz_assert_zone(drive, 2, EMPTY, 0);
    g_assert_true(vz_reads_zeros(drive, vz_start(drive, 2), 8));
}

static void mgmt_reset_all(VzDrive *drive)
{
    vz_quit(drive);
    vz_store_state(drive, 8, ZONE_STATE_OFFLINE);
    vz_boot(drive);
    vz_assert_ok(vz_write(drive, 0, 8, 1));
    vz_assert_ok(vz_write(drive, vz_start(drive, 2), 8, 2));
    vz_assert_ok(OPEN(drive, 3));
    vz_assert_ok(FINISH(drive, 15));
    vz_assert_ok(vz_manage(drive, VIRTIO_BLK_T_ZONE_RESET_ALL, 0));

    vz_assert_state(drive, 0, NOT_WP);
    g_assert_true(vz_holds(drive, 0, 8, 1));
    vz_assert_zone(drive, 2, EMPTY, 0);
    vz_assert_zone(drive, 3, EMPTY, 0);
    vz_assert_state(drive, 8, OFFLINE);
    vz_assert_zone(drive, 15, EMPTY, 0);
}

static void mgmt_impossible_transitions(VzDrive *drive)
{
    vz_assert_status(CLOSE(drive, 2), ZONE_INVALID_CMD);
    vz_assert_ok(FINISH(drive, 3));
    vz_assert_status(OPEN(drive, 3), ZONE_INVALID_CMD);
    vz_assert_status(CLOSE(drive, 3), ZONE_INVALID_CMD);
    vz_assert_zone(drive, 2, EMPTY, 0);
    vz_assert_state(drive, 3, FULL);
}

static void mgmt_broken_zones(VzDrive *drive)
{
    size_t i;

    vz_quit(drive);
    vz_store_state(drive, 7, ZONE_STATE_READ_ONLY);
    vz_store_state(drive, 8, ZONE_STATE_OFFLINE);
    vz_boot(drive);
    for (i = 0; i < ARRAY_SIZE(single_zone_types); i++) {
        vz_assert_status(manage_zone(drive, single_zone_types[i], 7),
                         ZONE_INVALID_CMD);
        vz_assert_status(manage_zone(drive, single_zone_types[i], 8),
                         ZONE_INVALID_CMD);
    }
    vz_assert_state(drive, 7, RDONLY);
    vz_assert_state(drive, 8, OFFLINE);
}

static void mgmt_conventional(VzDrive *drive)
{
    size_t i;

    vz_assert_ok(vz_write(drive, vz_start(drive, 1), 8, 1));
    for (i = 0; i < ARRAY_SIZE(single_zone_types); i++) {
        vz_assert_status(manage_zone(drive, single_zone_types[i], 1),
                         ZONE_INVALID_CMD);
    }
    vz_assert_state(drive, 1, NOT_WP);
    g_assert_true(vz_holds(drive, vz_start(drive, 1), 8, 1));
}

static void mgmt_not_the_start_of_a_zone(VzDrive *drive)
{
    size_t i;

    for (i = 0; i < ARRAY_SIZE(single_zone_types); i++) {
        vz_assert_status(vz_manage(drive, single_zone_types[i],
                                   vz_start(drive, 2) + 8), ZONE_INVALID_CMD);
        vz_assert_status(vz_manage(drive, single_zone_types[i],
                                   vz_start(drive, 15) + 8), ZONE_INVALID_CMD);
    }
    vz_assert_zone(drive, 2, EMPTY, 0);
}

static void mgmt_outside_the_drive(VzDrive *drive)
{
    vz_assert_status(OPEN(drive, 16), ZONE_INVALID_CMD);
    /* in bytes, this is zone 2 and more than 64 bits hold */
    vz_assert_status(vz_manage(drive, VIRTIO_BLK_T_ZONE_OPEN,
                               (1ull << 55) + vz_start(drive, 2)),
                     ZONE_INVALID_CMD);
    vz_assert_zone(drive, 2, EMPTY, 0);
}

static const VzSpec spec_one_zone = {
    .zone_bytes = 1 * MiB,
    .capacity_bytes = 1 * MiB,
    .nr_zones = 1,
};

/* The zone's range is that of the drive: it is one zone all the same */
static void mgmt_drive_of_one_zone(VzDrive *drive)
{
    vz_assert_ok(OPEN(drive, 0));
    vz_assert_state(drive, 0, EOPEN);
    vz_assert_ok(RESET(drive, 0));
    vz_assert_status(CLOSE(drive, 0), ZONE_INVALID_CMD);
    vz_assert_ok(vz_manage(drive, VIRTIO_BLK_T_ZONE_RESET_ALL, 0));
    vz_assert_state(drive, 0, EMPTY);
}

const VzTest vz_mgmt_tests[] = {
    { "mgmt/open-close-finish-reset", mgmt_open_close_finish_reset },
    { "mgmt/reset-all", mgmt_reset_all },
    { "mgmt/impossible-transitions", mgmt_impossible_transitions },
    { "mgmt/broken-zones", mgmt_broken_zones },
    { "mgmt/conventional", mgmt_conventional },
    { "mgmt/not-the-start-of-a-zone", mgmt_not_the_start_of_a_zone },
    { "mgmt/outside-the-drive", mgmt_outside_the_drive },
    { "mgmt/drive-of-one-zone", mgmt_drive_of_one_zone, &spec_one_zone },
    { }
};

/* Limits: 2 zones open, 3 active */

static void limits_open(VzDrive *drive)
{
    uint64_t placed;

    vz_assert_ok(OPEN(drive, 2));
    vz_assert_ok(OPEN(drive, 3));
    vz_assert_status(OPEN(drive, 4), ZONE_OPEN_RESOURCE);
    vz_assert_status(vz_write(drive, vz_start(drive, 4), 8, 1),
                     ZONE_OPEN_RESOURCE);
    vz_assert_status(vz_append(drive, vz_start(drive, 4), 8, 1, &placed),
                     ZONE_OPEN_RESOURCE);
    vz_assert_zone(drive, 4, EMPTY, 0);
    vz_assert_ok(vz_write(drive, vz_start(drive, 0), 8, 1));
    vz_assert_ok(FINISH(drive, 3));
    vz_assert_ok(vz_write(drive, vz_start(drive, 4), 8, 1));
}

static void close_three_written_zones(VzDrive *drive)
{
    uint32_t i;

    for (i = 2; i < 5; i++) {
        vz_assert_ok(vz_write(drive, vz_start(drive, i), 8, 1));
        vz_assert_ok(CLOSE(drive, i));
    }
}

static void limits_active(VzDrive *drive)
{
    uint64_t placed;

    close_three_written_zones(drive);
    vz_assert_status(OPEN(drive, 5), ZONE_ACTIVE_RESOURCE);
    vz_assert_status(vz_write(drive, vz_start(drive, 5), 8, 1),
                     ZONE_ACTIVE_RESOURCE);
    vz_assert_status(vz_append(drive, vz_start(drive, 5), 8, 1, &placed),
                     ZONE_ACTIVE_RESOURCE);
    vz_assert_zone(drive, 5, EMPTY, 0);
    vz_assert_ok(RESET(drive, 2));
    vz_assert_ok(OPEN(drive, 5));
}

static void limits_active_after_restart(VzDrive *drive)
{
    close_three_written_zones(drive);
    vz_restart(drive);
    vz_assert_status(OPEN(drive, 5), ZONE_ACTIVE_RESOURCE);
    vz_assert_ok(OPEN(drive, 2));
}

static void limits_implicit_zones_make_room(VzDrive *drive)
{
    vz_assert_ok(vz_write(drive, vz_start(drive, 2), 8, 1));
    vz_assert_ok(vz_write(drive, vz_start(drive, 3), 8, 1));
    vz_assert_ok(vz_write(drive, vz_start(drive, 4), 8, 1));
    vz_assert_zone(drive, 2, CLOSED, 8);
    vz_assert_zone(drive, 3, IOPEN, 8);
    vz_assert_zone(drive, 4, IOPEN, 8);
}

const VzTest vz_limit_tests[] = {
    { "limits/open", limits_open },
    { "limits/active", limits_active },
    { "limits/active-after-restart", limits_active_after_restart },
    { "limits/implicit-zones-make-room", limits_implicit_zones_make_room },
    { }
};

/* Appends */

static void append_returns_the_sector(VzDrive *drive)
{
    uint64_t start = vz_start(drive, 2);
    uint64_t placed = 0;

    vz_assert_ok(vz_append(drive, start, 8, 1, &placed));
    g_assert_cmpuint(placed, ==, start);
    vz_assert_ok(vz_append(drive, start, 16, 2, &placed));
    g_assert_cmpuint(placed, ==, start + 8);
    vz_assert_zone(drive, 2, IOPEN, 24);
    g_assert_true(vz_holds(drive, start, 8, 1));
    g_assert_true(vz_holds(drive, start + 8, 16, 2));
    g_assert_cmpint(vz_stat(drive, "zone_append_operations"), ==, 2);
    g_assert_cmpint(vz_stat(drive, "zone_append_bytes"), ==,
                    24 * VZ_SECTOR_BYTES);
}

/* Each gets a place of its own, and what is there is its data */
static void append_several_at_once(VzDrive *drive)
{
    uint64_t start = vz_start(drive, 2);
    uint64_t placed[VZ_MAX_BATCH];
    VzReq reqs[VZ_MAX_BATCH];
    unsigned i;

    for (i = 0; i < VZ_MAX_BATCH; i++) {
        reqs[i] = vz_write_req(start, 8, i);
        reqs[i].type = VIRTIO_BLK_T_ZONE_APPEND;
        reqs[i].in_bytes = sizeof(uint64_t);
    }
    vz_run(drive, reqs, VZ_MAX_BATCH);
    for (i = 0; i < VZ_MAX_BATCH; i++) {
        vz_assert_ok(reqs[i].status);
        placed[i] = qtest_readq(drive->qts, reqs[i].in_addr);
    }
    for (i = 0; i < VZ_MAX_BATCH; i++) {
        g_assert_true(vz_holds(drive, placed[i], 8, i));
    }
    vz_assert_zone(drive, 2, IOPEN, 8 * VZ_MAX_BATCH);
}

static void append_up_to_and_beyond_the_capacity(VzDrive *drive)
{
    uint64_t start = vz_start(drive, 2);
    uint64_t placed;

    vz_assert_ok(vz_write(drive, start, drive->capacity_sectors - 8, 1));
    vz_assert_status(vz_append(drive, start, 16, 2, &placed),
                     ZONE_INVALID_CMD);
    vz_assert_zone(drive, 2, IOPEN, drive->capacity_sectors - 8);
    vz_assert_ok(vz_append(drive, start, 8, 3, &placed));
    g_assert_cmpuint(placed, ==, start + drive->capacity_sectors - 8);
    vz_assert_state(drive, 2, FULL);
    vz_assert_status(vz_append(drive, start, 8, 4, &placed), ZONE_INVALID_CMD);
    g_assert_cmpint(vz_stat(drive, "invalid_zone_append_operations"), ==, 2);
    g_assert_cmpint(vz_stat(drive, "failed_zone_append_operations"), ==, 0);
}

static const VzSpec spec_append_limit = {
    .zone_bytes = 1 * MiB,
    .capacity_bytes = 1 * MiB,
    .nr_zones = 4,
    .max_append_bytes = 16 * KiB,
};

static void append_above_the_limit(VzDrive *drive)
{
    uint64_t placed;

    vz_assert_status(vz_append(drive, 0, 33, 1, &placed), ZONE_INVALID_CMD);
    vz_assert_zone(drive, 0, EMPTY, 0);
    vz_assert_ok(vz_append(drive, 0, 32, 1, &placed));
}

static void append_not_to_the_start_of_a_zone(VzDrive *drive)
{
    uint64_t placed;

    vz_assert_status(vz_append(drive, vz_start(drive, 2) + 8, 8, 1, &placed),
                     ZONE_INVALID_CMD);
    vz_assert_zone(drive, 2, EMPTY, 0);
}

static void append_to_conventional_and_nowhere(VzDrive *drive)
{
    uint64_t placed;

    vz_assert_status(vz_append(drive, 0, 8, 1, &placed), ZONE_INVALID_CMD);
    vz_assert_status(vz_append(drive, vz_start(drive, 16), 8, 1, &placed),
                     ZONE_INVALID_CMD);
    vz_assert_status(vz_append(drive, vz_start(drive, 2), 0, 1, &placed),
                     ZONE_INVALID_CMD);
    g_assert_true(vz_reads_zeros(drive, 0, 8));
}

static const VzSpec spec_blocks = {
    .zone_bytes = 1 * MiB,
    .capacity_bytes = 1 * MiB,
    .nr_zones = 4,
    .device_options = ",logical_block_size=4096,physical_block_size=4096",
};

/* The image would take it, and leave a write pointer within a block */
static void append_part_of_a_block(VzDrive *drive)
{
    uint64_t placed;

    vz_assert_status(vz_append(drive, 0, 1, 1, &placed), ZONE_UNALIGNED_WP);
    vz_assert_status(vz_append(drive, 1, 8, 1, &placed), ZONE_UNALIGNED_WP);
    vz_assert_zone(drive, 0, EMPTY, 0);
    vz_assert_ok(vz_append(drive, 0, 8, 1, &placed));
}

const VzTest vz_append_tests[] = {
    { "append/returns-the-sector", append_returns_the_sector },
    { "append/several-at-once", append_several_at_once },
    { "append/up-to-and-beyond-the-capacity",
      append_up_to_and_beyond_the_capacity },
    { "append/above-the-limit", append_above_the_limit, &spec_append_limit },
    { "append/not-to-the-start-of-a-zone", append_not_to_the_start_of_a_zone },
    { "append/to-conventional-and-nowhere",
      append_to_conventional_and_nowhere },
    { "append/part-of-a-block", append_part_of_a_block, &spec_blocks },
    { }
};
