/*
 * qtest of zoned namespaces: what outlives QEMU, and what is refused
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What it shows: that a zoned image keeps every zone over a clean exit and
 * over the death of QEMU, as after a power cycle; that zoned=on over a raw
 * file forgets; and that images which cannot be such a drive are refused with
 * a message that helps.
 *
 * How: zones in many states, "quit" or SIGKILL, a second QEMU on the same
 * image, and reports and data compared.
 */

#include "qemu/osdep.h"
#include "qemu/units.h"
#include "nvme-zns-drive.h"

/* One zone for each thing that a power cycle may do */
enum { UNTOUCHED, IMPLICIT, EXPLICIT, OPENED_EMPTY, CLOSED, WITH_ZDE,
       FINISHED, FINISHED_EMPTY, WRITTEN_FULL, RESET };

/* Nothing is durable by itself */
static const ZnsSpec spec_no_commit = {
    .device_bytes = 64 * MiB,
    .zone_bytes = 4 * MiB,
    .capacity_bytes = 3 * MiB,
    .block_bytes = 512,
    .drive_options = ",zone-commit-interval=0",
};

static const ZnsSpec spec_many_zones = {
    .device_bytes = 64 * MiB,
    .zone_bytes = 4 * MiB,
    .capacity_bytes = 3 * MiB,
    .max_open_zones = 6,
    .max_active_zones = 8,
    .zde_bytes = 64,
    .block_bytes = 512,
};

static const ZnsSpec spec_odd_zone = {
    .device_bytes = 48 * MiB,
    .zone_bytes = 3 * MiB,
    .capacity_bytes = 2 * MiB + 64 * KiB,
    .zde_bytes = 64,
    .block_bytes = 512,
};

static const ZnsSpec spec_4096 = {
    .device_bytes = 64 * MiB,
    .zone_bytes = 4 * MiB,
    .capacity_bytes = 3 * MiB,
    .zde_bytes = 64,
    .block_bytes = 4096,
};

static const ZnsSpec spec_discard = {
    .device_bytes = 64 * MiB,
    .zone_bytes = 4 * MiB,
    .capacity_bytes = 3 * MiB,
    .zde_bytes = 64,
    .block_bytes = 512,
    .drive_options = ",discard=unmap",
};

static void prepare_zones(ZnsDrive *drive)
{
    uint64_t full_lba = zns_lba(drive, WRITTEN_FULL);

    zns_assert_ok(zns_write(drive, zns_lba(drive, IMPLICIT), 8, IMPLICIT));
    zns_assert_ok(zns_open(drive, EXPLICIT));
    zns_assert_ok(zns_write(drive, zns_lba(drive, EXPLICIT), 1, EXPLICIT));
    zns_assert_ok(zns_open(drive, OPENED_EMPTY));
    zns_assert_ok(zns_write(drive, zns_lba(drive, CLOSED), 100, CLOSED));
    zns_assert_ok(zns_close(drive, CLOSED));
    zns_assert_ok(zns_set_zde(drive, WITH_ZDE, WITH_ZDE));
    zns_assert_ok(zns_write(drive, zns_lba(drive, FINISHED), 24, FINISHED));
    zns_assert_ok(zns_finish(drive, FINISHED));
    zns_assert_ok(zns_finish(drive, FINISHED_EMPTY));
    zns_assert_ok(zns_write(drive, full_lba, 8, WRITTEN_FULL));
    zns_assert_ok(zns_write_zeroes(drive, full_lba + 8,
                                   drive->capacity_blocks - 8));
    zns_assert_ok(zns_write(drive, zns_lba(drive, RESET), 64, RESET));
    zns_assert_ok(zns_flush(drive));
    zns_assert_ok(zns_reset(drive, RESET));
}

static void check_data(ZnsDrive *drive, uint32_t zone_idx, uint32_t nr_blocks)
{
    uint64_t lba = zns_lba(drive, zone_idx);

    if (nr_blocks) {
        g_assert_true(zns_holds(drive, lba, nr_blocks, zone_idx));
    }
    g_assert_true(zns_reads_zeros(drive, lba + nr_blocks, 128));
    g_assert_true(zns_reads_zeros(drive, lba + drive->zone_blocks - 8, 8));
}

static void check_after_power_cycle(ZnsDrive *drive)
{
    uint32_t i;

    zns_assert_zone(drive, UNTOUCHED, EMPTY, 0);
    zns_assert_zone(drive, IMPLICIT, CLOSED, 8);
    zns_assert_zone(drive, EXPLICIT, CLOSED, 1);
    zns_assert_zone(drive, OPENED_EMPTY, EMPTY, 0);
    zns_assert_zone(drive, CLOSED, CLOSED, 100);
    zns_assert_zone(drive, WITH_ZDE, CLOSED, 0);
    zns_assert_state(drive, FINISHED, FULL);
    zns_assert_state(drive, FINISHED_EMPTY, FULL);
    zns_assert_state(drive, WRITTEN_FULL, FULL);
    zns_assert_zone(drive, RESET, EMPTY, 0);
    for (i = RESET + 1; i < drive->nr_zones; i++) {
        zns_assert_zone(drive, i, EMPTY, 0);
    }
    g_assert_cmphex(zns_zone(drive, WITH_ZDE).attributes, ==,
                    NVME_ZA_ZD_EXT_VALID);
    g_assert_true(zns_zde_is(drive, WITH_ZDE, WITH_ZDE));
    g_assert_true(zns_zde_is_zero(drive, CLOSED));
    check_data(drive, UNTOUCHED, 0);
    check_data(drive, IMPLICIT, 8);
    check_data(drive, EXPLICIT, 1);
    check_data(drive, OPENED_EMPTY, 0);
    check_data(drive, CLOSED, 100);
    check_data(drive, FINISHED, 24);
    check_data(drive, FINISHED_EMPTY, 0);
    check_data(drive, WRITTEN_FULL, 8);
    check_data(drive, RESET, 0);
}

/* Properties that say what the image says are no contradiction */
static const ZnsSpec spec_agreeing = {
    .device_bytes = 64 * MiB,
    .zone_bytes = 4 * MiB,
    .capacity_bytes = 3 * MiB,
    .max_open_zones = 6,
    .max_active_zones = 8,
    .zde_bytes = 64,
    .block_bytes = 512,
    .ns_options = ",zoned=on,zoned.zone_size=4M,zoned.zone_capacity=3M,"
                  "zoned.max_open=6,zoned.max_active=8,"
                  "zoned.descr_ext_size=64",
};

static void survives_quit(ZnsDrive *drive)
{
    prepare_zones(drive);
    zns_restart(drive);
    check_after_power_cycle(drive);
}

static void survives_sigterm(ZnsDrive *drive)
{
    prepare_zones(drive);
    zns_terminate_and_restart(drive);
    check_after_power_cycle(drive);
}

static void survives_kill_after_flush(ZnsDrive *drive)
{
    prepare_zones(drive);
    zns_assert_ok(zns_flush(drive));
    zns_kill_and_restart(drive);
    check_after_power_cycle(drive);
}

static void survives_controller_shutdown(ZnsDrive *drive)
{
    prepare_zones(drive);
    zns_ctrl_shutdown(drive->ctrl);
    check_after_power_cycle(drive);
}

static void controller_reset_changes_nothing(ZnsDrive *drive)
{
    prepare_zones(drive);
    zns_ctrl_reset(drive->ctrl);
    zns_assert_zone(drive, IMPLICIT, IMPLICITLY_OPEN, 8);
    zns_assert_zone(drive, EXPLICIT, EXPLICITLY_OPEN, 1);
    zns_assert_zone(drive, OPENED_EMPTY, EXPLICITLY_OPEN, 0);
    zns_assert_zone(drive, CLOSED, CLOSED, 100);
    zns_assert_state(drive, FINISHED, FULL);
    g_assert_true(zns_zde_is(drive, WITH_ZDE, WITH_ZDE));
}

/* Work goes on after the first restart; the second keeps both parts */
static void survives_two_restarts(ZnsDrive *drive)
{
    uint64_t lba = zns_lba(drive, CLOSED);
    uint64_t appended_lba = 0;

    prepare_zones(drive);
    zns_restart(drive);
    zns_assert_ok(zns_write(drive, lba + 100, 8, 90));
    zns_assert_ok(zns_append(drive, lba, 8, 91, &appended_lba));
    g_assert_cmpuint(appended_lba, ==, lba + 108);
    zns_assert_ok(zns_reset(drive, WITH_ZDE));
    zns_assert_ok(zns_set_zde(drive, UNTOUCHED, 92));
    zns_assert_ok(zns_reset(drive, FINISHED));
    zns_assert_ok(zns_finish(drive, IMPLICIT));
    zns_restart(drive);
    zns_assert_zone(drive, CLOSED, CLOSED, 116);
    g_assert_true(zns_holds(drive, lba, 100, CLOSED));
    g_assert_true(zns_holds(drive, lba + 100, 8, 90));
    g_assert_true(zns_holds(drive, lba + 108, 8, 91));
    zns_assert_zone(drive, WITH_ZDE, EMPTY, 0);
    g_assert_true(zns_zde_is_zero(drive, WITH_ZDE));
    zns_assert_zone(drive, UNTOUCHED, CLOSED, 0);
    g_assert_true(zns_zde_is(drive, UNTOUCHED, 92));
    zns_assert_zone(drive, FINISHED, EMPTY, 0);
    check_data(drive, FINISHED, 0);
    zns_assert_state(drive, IMPLICIT, FULL);
    check_data(drive, IMPLICIT, 8);
    zns_assert_state(drive, WRITTEN_FULL, FULL);
}

static void full_capacity_of_data(ZnsDrive *drive)
{
    uint32_t chunk_blocks = 512 * KiB / drive->spec->block_bytes;
    uint64_t lba = zns_lba(drive, 3);
    uint64_t done;

    for (done = 0; done < drive->capacity_blocks; done += chunk_blocks) {
        zns_assert_ok(zns_write(drive, lba + done, chunk_blocks, done + 1));
    }
    zns_restart(drive);
    zns_assert_state(drive, 3, FULL);
    for (done = 0; done < drive->capacity_blocks; done += chunk_blocks) {
        g_assert_true(zns_holds(drive, lba + done, chunk_blocks, done + 1));
    }
    zns_assert_status(zns_write(drive, lba, 8, 9), NVME_ZONE_FULL);
}

static void closed_zones_stay_active(ZnsDrive *drive)
{
    uint32_t i;

    for (i = 0; i < 5; i++) {
        zns_assert_ok(zns_write(drive, zns_lba(drive, i), 8, i));
    }
    zns_restart(drive);
    for (i = 0; i < 5; i++) {
        zns_assert_zone(drive, i, CLOSED, 8);
    }
    zns_assert_status(zns_open(drive, 5), NVME_ZONE_TOO_MANY_ACTIVE);
    zns_assert_status(zns_write(drive, zns_lba(drive, 5), 8, 9),
                      NVME_ZONE_TOO_MANY_ACTIVE);
    zns_assert_ok(zns_reset(drive, 2));
    zns_assert_ok(zns_write(drive, zns_lba(drive, 5), 8, 5));
    zns_assert_status(zns_open(drive, 6), NVME_ZONE_TOO_MANY_ACTIVE);
}

static void open_resources_are_freed(ZnsDrive *drive)
{
    uint32_t i;

    for (i = 0; i < 3; i++) {
        zns_assert_ok(zns_open(drive, i));
    }
    zns_restart(drive);
    for (i = 3; i < 6; i++) {
        zns_assert_ok(zns_open(drive, i));
    }
    zns_assert_status(zns_open(drive, 0), NVME_ZONE_TOO_MANY_OPEN);
}

static void kill_after_fua(ZnsDrive *drive)
{
    zns_assert_ok(zns_write(drive, 0, 8, 1));
    zns_assert_ok(zns_write_fua(drive, 8, 8, 2));
    zns_kill_and_restart(drive);
    zns_assert_zone(drive, 0, CLOSED, 16);
    g_assert_true(zns_holds(drive, 0, 8, 1));
    g_assert_true(zns_holds(drive, 8, 8, 2));
    g_assert_true(zns_reads_zeros(drive, 16, 256));
}

static void kill_after_fua_zeroes(ZnsDrive *drive)
{
    NvmeCmd cmd = zns_rw_cmd(NVME_CMD_WRITE_ZEROES, 8, 8);

    cmd.cdw12 |= cpu_to_le32((uint32_t)NVME_RW_FUA << 16);
    zns_assert_ok(zns_write(drive, 0, 8, 1));
    zns_assert_ok(zns_exec(drive->ctrl, ZNS_IO, &cmd, 0, 0).status);
    zns_kill_and_restart(drive);
    zns_assert_zone(drive, 0, CLOSED, 16);
    g_assert_true(zns_holds(drive, 0, 8, 1));
    g_assert_true(zns_reads_zeros(drive, 8, 8));
}

static void kill_after_fua_copy(ZnsDrive *drive)
{
    NvmeCopySourceRangeFormat0_2 range = { .nlb = cpu_to_le16(8 - 1) };
    NvmeCmd cmd = zns_rw_cmd(NVME_CMD_COPY, zns_lba(drive, 1), 1);

    cmd.cdw12 |= cpu_to_le32((uint32_t)NVME_RW_FUA << 16);
    zns_assert_ok(zns_write(drive, 0, 8, 1));
    qtest_memwrite(drive->qts, drive->buf_addr, &range, sizeof(range));
    zns_assert_ok(zns_exec(drive->ctrl, ZNS_IO, &cmd, drive->buf_addr,
                           sizeof(range)).status);
    zns_kill_and_restart(drive);
    zns_assert_zone(drive, 1, CLOSED, 8);
    g_assert_true(zns_holds(drive, zns_lba(drive, 1), 8, 1));
}

static void kill_after_reset(ZnsDrive *drive)
{
    zns_assert_ok(zns_write(drive, 0, 256, 1));
    zns_assert_ok(zns_write(drive, zns_lba(drive, 1), 8, 2));
    zns_assert_ok(zns_flush(drive));
    zns_assert_ok(zns_reset(drive, 0));
    zns_kill_and_restart(drive);
    zns_assert_zone(drive, 0, EMPTY, 0);
    g_assert_true(zns_reads_zeros(drive, 0, 256));
    zns_assert_zone(drive, 1, CLOSED, 8);
    g_assert_true(zns_holds(drive, zns_lba(drive, 1), 8, 2));
}

static void kill_after_finish(ZnsDrive *drive)
{
    zns_assert_ok(zns_write(drive, 0, 40, 1));
    zns_assert_ok(zns_finish(drive, 0));
    zns_kill_and_restart(drive);
    zns_assert_state(drive, 0, FULL);
    g_assert_true(zns_holds(drive, 0, 40, 1));
    g_assert_true(zns_reads_zeros(drive, 40, 256));
    zns_assert_status(zns_write(drive, 40, 8, 9), NVME_ZONE_FULL);
}

static void kill_after_set_zde(ZnsDrive *drive)
{
    zns_assert_ok(zns_set_zde(drive, 3, 33));
    zns_kill_and_restart(drive);
    zns_assert_zone(drive, 3, CLOSED, 0);
    g_assert_true(zns_zde_is(drive, 3, 33));
}

/* The interval of commits that nobody asked for is a second */
static void kill_after_interval(ZnsDrive *drive)
{
    zns_assert_ok(zns_write(drive, 0, 16, 1));
    g_usleep(5000 * 1000);
    zns_kill_and_restart(drive);
    zns_assert_zone(drive, 0, CLOSED, 16);
    g_assert_true(zns_holds(drive, 0, 16, 1));
}

/* Where the write pointer is then is open; what lies on its sides is not */
static void kill_without_flush(ZnsDrive *drive)
{
    const uint32_t nr_blocks = 64;
    ZnsZone zone;
    uint32_t wp;

    zns_assert_ok(zns_write(drive, 0, nr_blocks, 1));
    zns_assert_ok(zns_flush(drive));
    zns_assert_ok(zns_reset(drive, 0));
    zns_assert_ok(zns_write(drive, 0, nr_blocks, 2));
    zns_kill_and_restart(drive);
    zone = zns_zone(drive, 0);
    wp = zone.wp_lba;
    g_assert_cmpuint(zone.wp_lba, <=, nr_blocks);
    g_assert_cmphex(zone.state, ==, wp ? NVME_ZONE_STATE_CLOSED :
                                         NVME_ZONE_STATE_EMPTY);
    if (wp) {
        g_assert_true(zns_holds(drive, 0, wp, 2));
    }
    g_assert_true(zns_reads_zeros(drive, wp, nr_blocks + 8));
    zns_assert_ok(zns_write(drive, wp, 8, 3));
    g_assert_true(zns_holds(drive, wp, 8, 3));
}

/* QEMU's zoned=on: zones are forgotten, and with them what was written */
static void memory_forgets(ZnsDrive *drive)
{
    uint32_t i;

    prepare_zones(drive);
    zns_restart(drive);
    for (i = 0; i < drive->nr_zones; i++) {
        zns_assert_zone(drive, i, EMPTY, 0);
        g_assert_true(zns_zde_is_zero(drive, i));
    }
    zns_assert_ok(zns_write(drive, zns_lba(drive, FINISHED), 8, 1));
}

/* No byte of an earlier life of the zone shows above the write pointer */
static void memory_reads_zeros(ZnsDrive *drive)
{
    zns_assert_ok(zns_write(drive, 0, 64, 1));
    zns_restart(drive);
    g_assert_true(zns_reads_zeros(drive, 0, 64));
    zns_assert_ok(zns_write(drive, 0, 8, 2));
    g_assert_true(zns_holds(drive, 0, 8, 2));
    g_assert_true(zns_reads_zeros(drive, 8, 56));
}

const ZnsTest zns_persist_tests[] = {
    { "restart/keeps-every-zone", survives_quit, ZNS_QCOW2,
      &spec_many_zones },
    { "restart/by-sigterm-keeps-every-zone", survives_sigterm, ZNS_QCOW2,
      &spec_many_zones },
    { "restart/keeps-zones-of-odd-size", survives_quit, ZNS_QCOW2,
      &spec_odd_zone },
    { "restart/keeps-zones-where-properties-agree", survives_quit, ZNS_QCOW2,
      &spec_agreeing },
    { "restart/keeps-zones-of-4096-byte-blocks", survives_quit, ZNS_QCOW2,
      &spec_4096 },
    { "restart/keeps-zones-where-reset-discards", survives_quit, ZNS_QCOW2,
      &spec_discard },
    { "restart/twice-keeps-what-came-between", survives_two_restarts,
      ZNS_QCOW2, &spec_many_zones },
    { "restart/keeps-a-zone-full-of-data", full_capacity_of_data,
      ZNS_QCOW2 },
    { "restart/closed-zones-hold-active-resources",
      closed_zones_stay_active, ZNS_QCOW2 },
    { "restart/open-resources-are-freed", open_resources_are_freed,
      ZNS_QCOW2 },
    { "restart/forgets-zones-in-memory", memory_forgets, ZNS_MEMORY,
      &spec_many_zones },
    { "restart/old-data-of-zones-in-memory-is-hidden", memory_reads_zeros,
      ZNS_MEMORY },
    { "kill/after-flush-keeps-every-zone", survives_kill_after_flush,
      ZNS_QCOW2, &spec_many_zones },
    { "kill/after-fua-write-keeps-it", kill_after_fua, ZNS_QCOW2 },
    { "kill/after-fua-write-zeroes-keeps-it", kill_after_fua_zeroes,
      ZNS_QCOW2, &spec_no_commit },
    { "kill/after-fua-copy-keeps-it", kill_after_fua_copy, ZNS_QCOW2,
      &spec_no_commit },
    { "kill/after-reset-keeps-it-empty", kill_after_reset, ZNS_QCOW2 },
    { "kill/after-finish-keeps-it-full", kill_after_finish, ZNS_QCOW2 },
    { "kill/after-set-zde-keeps-it", kill_after_set_zde, ZNS_QCOW2 },
    { "kill/loses-at-most-the-last-second", kill_after_interval, ZNS_QCOW2 },
    { "kill/without-flush-shows-data-or-zeros", kill_without_flush,
      ZNS_QCOW2 },
    { "controller/shutdown-is-a-power-cycle-of-the-zones",
      survives_controller_shutdown, ZNS_BOTH, &spec_many_zones },
    { "controller/reset-leaves-open-zones-open",
      controller_reset_changes_nothing, ZNS_BOTH, &spec_many_zones },
    { }
};

/* Images that are refused */

typedef struct ZnsRefusal {
    const char *path;
    ZnsSpec spec;
    const char *named[3];       /* what the message must contain */
} ZnsRefusal;

static const ZnsRefusal refusals[] = {
    {
        .path = "conventional-zones",
        .spec = {
            .device_bytes = 64 * MiB,
            .zone_bytes = 4 * MiB,
            .capacity_bytes = 4 * MiB,
            .block_bytes = 512,
            .image_options = ",zone.conventional_zones=2",
        },
        .named = { "zone.conventional_zones" },
    }, {
        .path = "metadata",
        .spec = {
            .device_bytes = 64 * MiB,
            .zone_bytes = 4 * MiB,
            .capacity_bytes = 4 * MiB,
            .block_bytes = 512,
            .ns_options = ",ms=8",
        },
        .named = { "metadata" },
    }, {
        .path = "protection",
        .spec = {
            .device_bytes = 64 * MiB,
            .zone_bytes = 4 * MiB,
            .capacity_bytes = 4 * MiB,
            .block_bytes = 512,
            .ns_options = ",ms=8,pi=1",
        },
        .named = { "protection information" },
    }, {
        .path = "zone-size-that-contradicts",
        .spec = {
            .device_bytes = 64 * MiB,
            .zone_bytes = 4 * MiB,
            .capacity_bytes = 4 * MiB,
            .block_bytes = 512,
            .ns_options = ",zoned.zone_size=8M",
        },
        .named = { "8388608", "4194304" },
    }, {
        .path = "capacity-that-contradicts",
        .spec = {
            .device_bytes = 64 * MiB,
            .zone_bytes = 4 * MiB,
            .capacity_bytes = 4 * MiB,
            .block_bytes = 512,
            .ns_options = ",zoned.zone_capacity=3M",
        },
        .named = { "3145728", "4194304" },
    }, {
        .path = "limit-that-contradicts",
        .spec = {
            .device_bytes = 64 * MiB,
            .zone_bytes = 4 * MiB,
            .capacity_bytes = 4 * MiB,
            .block_bytes = 512,
            .max_open_zones = 3,
            .max_active_zones = 5,
            .ns_options = ",zoned.max_open=7",
        },
        .named = { "zoned.max_open=7", "is 3" },
    }, {
        .path = "active-limit-that-contradicts",
        .spec = {
            .device_bytes = 64 * MiB,
            .zone_bytes = 4 * MiB,
            .capacity_bytes = 4 * MiB,
            .block_bytes = 512,
            .max_open_zones = 3,
            .max_active_zones = 5,
            .ns_options = ",zoned.max_open=3,zoned.max_active=6",
        },
        .named = { "zoned.max_active=6", "is 5" },
    }, {
        .path = "extension-size-that-contradicts",
        .spec = {
            .device_bytes = 64 * MiB,
            .zone_bytes = 4 * MiB,
            .capacity_bytes = 4 * MiB,
            .block_bytes = 512,
            .zde_bytes = 64,
            .ns_options = ",zoned.descr_ext_size=128",
        },
        .named = { "zoned.descr_ext_size=128", "is 64" },
    }, {
        .path = "extension-that-the-image-has-not",
        .spec = {
            .device_bytes = 64 * MiB,
            .zone_bytes = 4 * MiB,
            .capacity_bytes = 4 * MiB,
            .block_bytes = 512,
            .ns_options = ",zoned.descr_ext_size=64",
        },
        .named = { "zoned.descr_ext_size=64", "is 0" },
    }, {
        .path = "random-write-areas-above-the-active-limit",
        .spec = {
            .device_bytes = 64 * MiB,
            .zone_bytes = 4 * MiB,
            .capacity_bytes = 4 * MiB,
            .max_active_zones = 3,
            .block_bytes = 512,
            .ns_options = ",zoned.zrwas=64k,zoned.numzrwa=4",
        },
        .named = { "zoned.numzrwa=4", "active zones, 3" },
    }, {
        .path = "append-limit-below-two-pages",
        .spec = {
            .device_bytes = 64 * MiB,
            .zone_bytes = 4 * MiB,
            .capacity_bytes = 4 * MiB,
            .block_bytes = 512,
            .image_options = ",zone.max_append_bytes=4096",
        },
        .named = { "zone.max_append_bytes", "4096" },
    }, {
        .path = "block-larger-than-capacity-granularity",
        .spec = {
            .device_bytes = 64 * MiB,
            .zone_bytes = 4 * MiB,
            .capacity_bytes = 3 * MiB + 4 * KiB,
            .block_bytes = 8192,
        },
        .named = { "8192" },
    },
};

/*
 * QEMU should not get as far as the monitor, whose first command makes it
 * exit with success.
 */
static int run_qemu(const char *options, char **messages)
{
    g_autofree char *command = g_strdup_printf(
        "echo quit | exec %s %s -accel qtest -display none -S -monitor stdio",
        getenv("QTEST_QEMU_BINARY"), options);
    const char *argv[] = { "/bin/sh", "-c", command, NULL };
    g_autoptr(GError) err = NULL;
    int status = 0;

    if (!g_spawn_sync(NULL, (char **)argv, NULL, G_SPAWN_STDOUT_TO_DEV_NULL,
                      NULL, NULL, NULL, messages, &status, &err)) {
        g_error("cannot run QEMU: %s", err->message);
    }
    return status;
}

static void refused(gconstpointer opaque)
{
    const ZnsRefusal *refusal = opaque;
    g_autofree char *image = NULL;
    g_autofree char *options = NULL;
    g_autofree char *messages = NULL;
    int status;
    size_t i;

    if (!have_qemu_img()) {
        g_test_skip("QTEST_QEMU_IMG does not name a qemu-img program");
        return;
    }
    image = zns_create_image(&refusal->spec, ZNS_QCOW2);
    if (!image) {
        return;
    }
    options = zns_device_options(&refusal->spec, ZNS_QCOW2, image);
    status = run_qemu(options, &messages);
    g_test_message("QEMU says: %s", messages);
    g_assert_true(WIFEXITED(status));
    g_assert_cmpint(WEXITSTATUS(status), ==, 1);
    for (i = 0; i < ARRAY_SIZE(refusal->named) && refusal->named[i]; i++) {
        g_assert_nonnull(strstr(messages, refusal->named[i]));
    }
    unlink(image);
}

void zns_add_refuse_tests(void)
{
    size_t i;

    for (i = 0; i < ARRAY_SIZE(refusals); i++) {
        g_autofree char *path = g_strdup_printf("nvme-zns/refuse/%s",
                                                refusals[i].path);

        qtest_add_data_func(path, &refusals[i], refused);
    }
}
