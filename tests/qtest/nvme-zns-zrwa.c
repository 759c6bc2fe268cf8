/*
 * qtest of zoned namespaces: Zone Random Write Areas
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What it shows: who gets an area, by Open and with a descriptor extension,
 * writes anywhere in the window, the explicit and the implicit flush that move
 * the write pointer, the pool of such areas, and that a loss of power takes the
 * areas but nothing of what was written in them.
 *
 * How: two areas of 128 blocks, flushed in steps of 32 blocks.  The areas come
 * with the device, the zones are in the image or in memory.
 */

#include "qemu/osdep.h"
#include "qemu/units.h"
#include "nvme-zns-drive.h"

#define WINDOW_BLOCKS 128
#define STEP_BLOCKS   32

static const ZnsSpec spec_zrwa = {
    .device_bytes = 64 * MiB,
    .zone_bytes = 4 * MiB,
    .capacity_bytes = 3 * MiB,
    .max_open_zones = 4,
    .max_active_zones = 5,
    .block_bytes = 512,
    .ns_options = ",zoned.zrwas=65536,zoned.zrwafg=16384,zoned.numzrwa=2",
    .filter_options = ",zrwa-size=65536,zrwa-granularity=16384,"
                      "max-zrwa-zones=2",
};

static const ZnsSpec spec_zrwa_fine = {
    .device_bytes = 64 * MiB,
    .zone_bytes = 4 * MiB,
    .capacity_bytes = 3 * MiB,
    .max_open_zones = 4,
    .max_active_zones = 5,
    .block_bytes = 512,
    .ns_options = ",zoned.zrwas=65536,zoned.zrwafg=512,zoned.numzrwa=2",
    .filter_options = ",zrwa-size=65536,zrwa-granularity=512,"
                      "max-zrwa-zones=2",
};

static const ZnsSpec spec_zrwa_no_limit = {
    .device_bytes = 64 * MiB,
    .zone_bytes = 4 * MiB,
    .capacity_bytes = 3 * MiB,
    .max_open_zones = 4,
    .max_active_zones = 5,
    .block_bytes = 512,
    .ns_options = ",zoned.zrwas=65536,zoned.zrwafg=16384",
};

static const ZnsSpec spec_zrwa_zde = {
    .device_bytes = 64 * MiB,
    .zone_bytes = 4 * MiB,
    .capacity_bytes = 3 * MiB,
    .max_open_zones = 4,
    .max_active_zones = 5,
    .zde_bytes = 64,
    .block_bytes = 512,
    .ns_options = ",zoned.zrwas=65536,zoned.zrwafg=16384,zoned.numzrwa=2",
    .filter_options = ",zrwa-size=65536,zrwa-granularity=16384,"
                      "max-zrwa-zones=2",
};

static uint16_t open_zrwa(ZnsDrive *drive, uint32_t zone_idx)
{
    return zns_send(drive, zns_lba(drive, zone_idx),
                    NVME_ZONE_ACTION_OPEN | ZNS_ZRWA_ALLOC);
}

/* Up to and including the LBA */
static uint16_t flush_zrwa(ZnsDrive *drive, uint64_t lba)
{
    return zns_send(drive, lba, NVME_ZONE_ACTION_ZRWA_FLUSH);
}

/* Flushes zone 1, which has an area, until the window ends at the capacity */
static void flush_to_last_window(ZnsDrive *drive)
{
    uint64_t lba = zns_lba(drive, 1);
    uint64_t end_lba = lba + drive->capacity_blocks - WINDOW_BLOCKS;

    for (lba += WINDOW_BLOCKS; lba <= end_lba; lba += WINDOW_BLOCKS) {
        zns_assert_ok(flush_zrwa(drive, lba - 1));
    }
}

static void allocation(ZnsDrive *drive)
{
    zns_assert_ok(open_zrwa(drive, 1));
    zns_assert_zone(drive, 1, EXPLICITLY_OPEN, 0);
    g_assert_cmphex(zns_zone(drive, 1).attributes, ==, NVME_ZA_ZRWA_VALID);
    zns_assert_ok(zns_close(drive, 1));
    zns_assert_ok(zns_reset(drive, 1));
    g_assert_cmphex(zns_zone(drive, 1).attributes, ==, 0);
}

/* Until the area is gone, also where the zone is Closed */
static void map(ZnsDrive *drive)
{
    char *text;

    zns_assert_ok(open_zrwa(drive, 1));
    zns_assert_ok(open_zrwa(drive, 3));
    zns_assert_ok(zns_close(drive, 3));
    zns_assert_ok(zns_open(drive, 2));
    text = qtest_hmp(drive->qts, "info zones -m zns0");
    g_assert_nonnull(strstr(text, "\n 0 .zez......"));
    g_assert_nonnull(strstr(text, ". Empty: 13   e Explicitly Opened: 1   "
                            "z with a ZRWA: 2\r\n"));
    g_free(text);
    zns_assert_ok(zns_reset(drive, 1));
    text = qtest_hmp(drive->qts, "info zones -m zns0");
    g_assert_nonnull(strstr(text, "\n 0 ..ez......"));
    g_free(text);
}

static void unsupported(ZnsDrive *drive)
{
    zns_assert_status(open_zrwa(drive, 1), NVME_INVALID_ZONE_OP);
    zns_assert_zone(drive, 1, EMPTY, 0);
    zns_assert_status(zns_set_zde_zrwa(drive, 1, 11), NVME_INVALID_ZONE_OP);
    zns_assert_zone(drive, 1, EMPTY, 0);
    g_assert_true(zns_zde_is_zero(drive, 1));
}

static void assert_refused(ZnsDrive *drive, uint32_t zone_idx)
{
    ZnsZone before = zns_zone(drive, zone_idx);
    ZnsZone after;

    zns_assert_status(open_zrwa(drive, zone_idx), NVME_INVALID_ZONE_OP);
    after = zns_zone(drive, zone_idx);
    g_assert_cmphex(after.state, ==, before.state);
    g_assert_cmphex(after.wp_lba, ==, before.wp_lba);
    g_assert_cmphex(after.attributes, ==, before.attributes);
}

/* Zones 0 to 5 are in all other states, 6 has an area */
static void only_empty_zones(ZnsDrive *drive)
{
    uint32_t i;

    zns_assert_ok(zns_write(drive, 0, 8, 1));
    zns_assert_ok(zns_open(drive, 1));
    zns_assert_ok(zns_write(drive, zns_lba(drive, 2), 8, 2));
    zns_assert_ok(zns_close(drive, 2));
    zns_assert_ok(zns_finish(drive, 3));
    zns_set_state(drive, 4, "read-only");
    zns_set_state(drive, 5, "offline");
    zns_assert_ok(open_zrwa(drive, 6));
    for (i = 0; i <= 6; i++) {
        assert_refused(drive, i);
    }
    zns_assert_ok(zns_write(drive, zns_lba(drive, 6) + 8, 8, 6));
    assert_refused(drive, 6);
    zns_assert_ok(zns_close(drive, 6));
    assert_refused(drive, 6);
    /* Nothing of it has taken an area; refused with none left, too */
    zns_assert_ok(zns_reset(drive, 2));
    zns_assert_ok(open_zrwa(drive, 7));
    zns_assert_status(open_zrwa(drive, 8), NVME_NOZRWA);
    assert_refused(drive, 1);
}

static void area_with_extension(ZnsDrive *drive)
{
    uint64_t lba = zns_lba(drive, 1);

    zns_assert_ok(zns_set_zde_zrwa(drive, 1, 11));
    zns_assert_zone(drive, 1, CLOSED, 0);
    g_assert_cmphex(zns_zone(drive, 1).attributes, ==,
                    NVME_ZA_ZD_EXT_VALID | NVME_ZA_ZRWA_VALID);
    g_assert_true(zns_zde_is(drive, 1, 11));
    zns_assert_status(open_zrwa(drive, 1), NVME_INVALID_ZONE_OP);
    zns_assert_status(zns_set_zde_zrwa(drive, 1, 12),
                      NVME_ZONE_INVAL_TRANSITION);
    g_assert_true(zns_zde_is(drive, 1, 11));
    /* A write opens it, with its area */
    zns_assert_ok(zns_write(drive, lba + 64, 8, 1));
    zns_assert_ok(zns_write(drive, lba, 8, 2));
    zns_assert_zone(drive, 1, IMPLICITLY_OPEN, 0);
    zns_assert_ok(flush_zrwa(drive, lba + STEP_BLOCKS - 1));
    zns_assert_zone(drive, 1, IMPLICITLY_OPEN, STEP_BLOCKS);
    g_assert_true(zns_holds(drive, lba + 64, 8, 1));
    g_assert_true(zns_reads_zeros(drive, lba + 8, 56));
    g_assert_true(zns_zde_is(drive, 1, 11));
}

static void extension_and_pool(ZnsDrive *drive)
{
    uint32_t i;

    zns_assert_ok(open_zrwa(drive, 0));
    zns_assert_ok(zns_set_zde_zrwa(drive, 1, 11));
    zns_assert_status(zns_set_zde_zrwa(drive, 2, 12), NVME_NOZRWA);
    zns_assert_zone(drive, 2, EMPTY, 0);
    g_assert_cmphex(zns_zone(drive, 2).attributes, ==, 0);
    g_assert_true(zns_zde_is_zero(drive, 2));
    zns_assert_status(open_zrwa(drive, 2), NVME_NOZRWA);
    /* The state comes first */
    zns_assert_status(zns_set_zde_zrwa(drive, 0, 10),
                      NVME_ZONE_INVAL_TRANSITION);
    zns_assert_ok(zns_reset(drive, 1));
    zns_assert_ok(zns_set_zde_zrwa(drive, 2, 12));
    g_assert_true(zns_zde_is(drive, 2, 12));
    for (i = 3; i < 6; i++) {
        zns_assert_ok(zns_set_zde(drive, i, i));
    }
    zns_assert_ok(zns_reset(drive, 2));
    zns_assert_ok(zns_set_zde(drive, 6, 6));
    zns_assert_status(zns_set_zde_zrwa(drive, 7, 7),
                      NVME_ZONE_TOO_MANY_ACTIVE);
    g_assert_true(zns_zde_is_zero(drive, 7));
}

static void extension_survives_area(ZnsDrive *drive)
{
    uint64_t lba = zns_lba(drive, 2);

    zns_assert_ok(zns_set_zde_zrwa(drive, 1, 11));
    zns_assert_ok(zns_set_zde_zrwa(drive, 2, 12));
    zns_assert_ok(zns_write_fua(drive, lba + 8, 8, 2));
    zns_kill_and_restart(drive);
    zns_assert_zone(drive, 1, CLOSED, 0);
    zns_assert_zone(drive, 2, CLOSED, 16);
    g_assert_cmphex(zns_zone(drive, 1).attributes, ==, NVME_ZA_ZD_EXT_VALID);
    g_assert_cmphex(zns_zone(drive, 2).attributes, ==, NVME_ZA_ZD_EXT_VALID);
    g_assert_true(zns_zde_is(drive, 1, 11));
    g_assert_true(zns_zde_is(drive, 2, 12));
    g_assert_true(zns_holds(drive, lba + 8, 8, 2));
    zns_assert_ok(open_zrwa(drive, 3));
    zns_assert_ok(open_zrwa(drive, 4));
}

static void writes_in_window(ZnsDrive *drive)
{
    uint64_t lba = zns_lba(drive, 1);

    zns_assert_ok(open_zrwa(drive, 1));
    zns_assert_ok(zns_write(drive, lba + 64, 8, 1));
    zns_assert_ok(zns_write(drive, lba + 64, 8, 2));
    zns_assert_ok(zns_write(drive, lba + WINDOW_BLOCKS - 8, 8, 3));
    zns_assert_zone(drive, 1, EXPLICITLY_OPEN, 0);
    g_assert_true(zns_holds(drive, lba + 64, 8, 2));
    g_assert_true(zns_holds(drive, lba + WINDOW_BLOCKS - 8, 8, 3));
    g_assert_true(zns_reads_zeros(drive, lba, 64));
    g_assert_true(zns_reads_zeros(drive, lba + WINDOW_BLOCKS, 8));
}

static void implicit_flush(ZnsDrive *drive)
{
    uint64_t lba = zns_lba(drive, 1);

    zns_assert_ok(open_zrwa(drive, 1));
    zns_assert_ok(zns_write(drive, lba + WINDOW_BLOCKS - 4, 8, 1));
    zns_assert_zone(drive, 1, EXPLICITLY_OPEN, STEP_BLOCKS);
    g_assert_true(zns_holds(drive, lba + WINDOW_BLOCKS - 4, 8, 1));
    g_assert_true(zns_reads_zeros(drive, lba, STEP_BLOCKS));
    zns_assert_status(zns_write(drive, lba, 8, 9), NVME_ZONE_INVALID_WRITE);
    zns_assert_ok(zns_write(drive, lba + STEP_BLOCKS, 8, 2));
}

static void beyond_window(ZnsDrive *drive)
{
    uint64_t lba = zns_lba(drive, 1);

    zns_assert_ok(open_zrwa(drive, 1));
    zns_assert_status(zns_write(drive, lba + 2 * WINDOW_BLOCKS - 4, 8, 9),
                      NVME_ZONE_INVALID_WRITE);
    zns_assert_zone(drive, 1, EXPLICITLY_OPEN, 0);
    zns_assert_ok(zns_write(drive, lba + 2 * WINDOW_BLOCKS - 8, 8, 1));
    zns_assert_zone(drive, 1, EXPLICITLY_OPEN, WINDOW_BLOCKS);
}

static void explicit_flush(ZnsDrive *drive)
{
    uint64_t lba = zns_lba(drive, 1);

    zns_assert_ok(open_zrwa(drive, 1));
    zns_assert_ok(zns_write(drive, lba, STEP_BLOCKS, 1));
    zns_assert_status(flush_zrwa(drive, lba + 10), NVME_INVALID_ZONE_OP);
    zns_assert_status(flush_zrwa(drive, lba + WINDOW_BLOCKS + STEP_BLOCKS - 1),
                      NVME_INVALID_ZONE_OP);
    zns_assert_zone(drive, 1, EXPLICITLY_OPEN, 0);
    zns_assert_ok(flush_zrwa(drive, lba + STEP_BLOCKS - 1));
    zns_assert_zone(drive, 1, EXPLICITLY_OPEN, STEP_BLOCKS);
    g_assert_true(zns_holds(drive, lba, STEP_BLOCKS, 1));
    zns_assert_ok(flush_zrwa(drive, lba + STEP_BLOCKS + WINDOW_BLOCKS - 1));
    zns_assert_zone(drive, 1, EXPLICITLY_OPEN, STEP_BLOCKS + WINDOW_BLOCKS);
    g_assert_true(zns_reads_zeros(drive, lba + STEP_BLOCKS, WINDOW_BLOCKS));
}

static void flush_to_window_end(ZnsDrive *drive)
{
    uint64_t lba = zns_lba(drive, 1);

    zns_assert_ok(open_zrwa(drive, 1));
    zns_assert_status(flush_zrwa(drive, lba + WINDOW_BLOCKS),
                      NVME_INVALID_ZONE_OP);
    zns_assert_zone(drive, 1, EXPLICITLY_OPEN, 0);
    zns_assert_ok(flush_zrwa(drive, lba + WINDOW_BLOCKS - 1));
    zns_assert_zone(drive, 1, EXPLICITLY_OPEN, WINDOW_BLOCKS);
    zns_assert_status(flush_zrwa(drive, lba + WINDOW_BLOCKS - 1),
                      NVME_INVALID_ZONE_OP);
}

static void flush_needs_area(ZnsDrive *drive)
{
    zns_assert_ok(zns_open(drive, 1));
    zns_assert_status(flush_zrwa(drive, zns_lba(drive, 1) + STEP_BLOCKS - 1),
                      NVME_INVALID_ZONE_OP);
    zns_assert_zone(drive, 1, EXPLICITLY_OPEN, 0);
}

/* Zeroes-based */
static void identify_areas(ZnsDrive *drive)
{
    g_autofree NvmeIdNsZoned *zoned = g_new0(NvmeIdNsZoned, 1);
    bool is_limited = strstr(drive->spec->ns_options, "numzrwa");

    zns_identify(drive, NVME_ID_CNS_CS_NS, NVME_CSI_ZONED, zoned);
    g_assert_cmpuint(le32_to_cpu(zoned->numzrwa) + 1, ==,
                     is_limited ? 2 : drive->spec->max_active_zones
                                      ?: drive->nr_zones);
}

static void append_refused(ZnsDrive *drive)
{
    zns_assert_ok(open_zrwa(drive, 1));
    zns_assert_status(zns_append(drive, zns_lba(drive, 1), 8, 9, NULL),
                      NVME_INVALID_ZONE_OP);
    zns_assert_zone(drive, 1, EXPLICITLY_OPEN, 0);
}

static void flush_to_capacity(ZnsDrive *drive)
{
    uint64_t lba = zns_lba(drive, 1);
    uint64_t end_lba = lba + drive->capacity_blocks;

    zns_assert_ok(open_zrwa(drive, 1));
    flush_to_last_window(drive);
    zns_assert_ok(zns_write(drive, end_lba - 8, 8, 1));
    zns_assert_status(zns_write(drive, end_lba - 4, 8, 9),
                      NVME_ZONE_BOUNDARY_ERROR);
    zns_assert_ok(flush_zrwa(drive, end_lba - 1));
    zns_assert_state(drive, 1, FULL);
    g_assert_cmphex(zns_zone(drive, 1).attributes, ==, 0);
    g_assert_true(zns_holds(drive, end_lba - 8, 8, 1));
}

static void pool(ZnsDrive *drive)
{
    zns_assert_ok(open_zrwa(drive, 0));
    zns_assert_ok(open_zrwa(drive, 1));
    zns_assert_status(open_zrwa(drive, 2), NVME_NOZRWA);
    zns_assert_zone(drive, 2, EMPTY, 0);
    zns_assert_ok(zns_reset(drive, 0));
    zns_assert_ok(open_zrwa(drive, 2));
    zns_assert_status(open_zrwa(drive, 3), NVME_NOZRWA);
    zns_assert_ok(zns_finish(drive, 1));
    zns_assert_ok(open_zrwa(drive, 3));
    zns_assert_status(open_zrwa(drive, 4), NVME_NOZRWA);
}

/* 100 blocks in the window of zone 1, 16 of them written, then twice */
static void write_window(ZnsDrive *drive)
{
    uint64_t lba = zns_lba(drive, 1);

    zns_assert_ok(open_zrwa(drive, 1));
    zns_assert_ok(zns_write(drive, lba + 92, 8, 1));
    zns_assert_ok(zns_write(drive, lba + 8, 8, 9));
    zns_assert_ok(zns_write(drive, lba + 8, 8, 2));
    zns_assert_zone(drive, 1, EXPLICITLY_OPEN, 0);
}

static void check_window_committed(ZnsDrive *drive)
{
    uint64_t lba = zns_lba(drive, 1);

    zns_assert_zone(drive, 1, CLOSED, 100);
    g_assert_cmphex(zns_zone(drive, 1).attributes, ==, 0);
    g_assert_true(zns_holds(drive, lba + 92, 8, 1));
    g_assert_true(zns_holds(drive, lba + 8, 8, 2));
    g_assert_true(zns_reads_zeros(drive, lba, 8));
    g_assert_true(zns_reads_zeros(drive, lba + 16, 76));
    g_assert_true(zns_reads_zeros(drive, lba + 100, 100));
    /* The pool is whole again; zone 1 goes on without an area of it */
    zns_assert_ok(open_zrwa(drive, 2));
    zns_assert_ok(open_zrwa(drive, 3));
    zns_assert_status(open_zrwa(drive, 1), NVME_INVALID_ZONE_OP);
    zns_assert_status(zns_write(drive, lba + 110, 8, 9),
                      NVME_ZONE_INVALID_WRITE);
    zns_assert_ok(zns_write(drive, lba + 100, 8, 3));
    zns_assert_zone(drive, 1, IMPLICITLY_OPEN, 108);
}

static void window_survives_quit(ZnsDrive *drive)
{
    write_window(drive);
    zns_restart(drive);
    check_window_committed(drive);
}

static void window_survives_kill_after_flush(ZnsDrive *drive)
{
    write_window(drive);
    zns_assert_ok(zns_flush(drive));
    zns_assert_zone(drive, 1, EXPLICITLY_OPEN, 0);
    zns_kill_and_restart(drive);
    check_window_committed(drive);
}

static void window_survives_kill_after_fua(ZnsDrive *drive)
{
    uint64_t lba = zns_lba(drive, 1);

    zns_assert_ok(open_zrwa(drive, 1));
    zns_assert_ok(zns_write(drive, lba + 92, 8, 1));
    zns_assert_ok(zns_write_fua(drive, lba + 8, 8, 2));
    zns_kill_and_restart(drive);
    check_window_committed(drive);
}

static void window_survives_shutdown(ZnsDrive *drive)
{
    write_window(drive);
    zns_ctrl_shutdown(drive->ctrl);
    check_window_committed(drive);
}

static void unwritten_window_leaves_empty_zone(ZnsDrive *drive)
{
    zns_assert_ok(open_zrwa(drive, 1));
    zns_ctrl_shutdown(drive->ctrl);
    zns_assert_zone(drive, 1, EMPTY, 0);
    g_assert_cmphex(zns_zone(drive, 1).attributes, ==, 0);
}

/* All is written, though the write pointer is not there yet */
static void window_at_capacity_leaves_full_zone(ZnsDrive *drive)
{
    uint64_t lba = zns_lba(drive, 1);
    uint64_t end_lba = lba + drive->capacity_blocks;

    zns_assert_ok(open_zrwa(drive, 1));
    flush_to_last_window(drive);
    zns_assert_ok(zns_write(drive, end_lba - 8, 8, 1));
    zns_assert_state(drive, 1, EXPLICITLY_OPEN);
    zns_ctrl_shutdown(drive->ctrl);
    zns_assert_state(drive, 1, FULL);
    g_assert_true(zns_holds(drive, end_lba - 8, 8, 1));
}

static void full_after_kill(ZnsDrive *drive)
{
    uint64_t lba = zns_lba(drive, 1);
    uint64_t end_lba = lba + drive->capacity_blocks;

    zns_assert_ok(open_zrwa(drive, 1));
    flush_to_last_window(drive);
    zns_assert_ok(zns_write_fua(drive, end_lba - 8, 8, 1));
    zns_kill_and_restart(drive);
    zns_assert_state(drive, 1, FULL);
    g_assert_true(zns_holds(drive, end_lba - 8, 8, 1));
}

/* All areas at once, then all ways to give them back, again and again */
static void pool_without_leak(ZnsDrive *drive)
{
    uint64_t lba;
    uint32_t i, j;

    for (i = 0; i < 4; i++) {
        for (j = 0; j < 2; j++) {
            zns_assert_ok(open_zrwa(drive, j));
        }
        zns_assert_status(open_zrwa(drive, 2), NVME_NOZRWA);
        /* Reset, Finish, filled by a flush, a power cycle */
        lba = zns_lba(drive, 1);
        if (i == 0) {
            zns_assert_ok(zns_reset(drive, 0));
            zns_assert_ok(zns_reset(drive, 1));
        } else if (i == 1) {
            zns_assert_ok(zns_finish(drive, 0));
            zns_assert_ok(zns_finish(drive, 1));
        } else if (i == 2) {
            for (j = 1; j <= drive->capacity_blocks / WINDOW_BLOCKS; j++) {
                zns_assert_ok(flush_zrwa(drive, lba + j * WINDOW_BLOCKS - 1));
            }
            zns_assert_state(drive, 1, FULL);
        } else {
            zns_ctrl_shutdown(drive->ctrl);
        }
        if (i < 3) {
            zns_assert_ok(zns_send(drive, 0, NVME_ZONE_ACTION_RESET |
                                   ZNS_SELECT_ALL));
        }
    }
    zns_assert_ok(open_zrwa(drive, 2));
    zns_assert_ok(open_zrwa(drive, 3));
    zns_assert_status(open_zrwa(drive, 4), NVME_NOZRWA);
}

/* What is behind an explicit flush is committed too; both zones had an area */
static void power_cycle(ZnsDrive *drive)
{
    uint64_t lba = zns_lba(drive, 1);

    zns_assert_ok(open_zrwa(drive, 0));
    zns_assert_ok(zns_write(drive, 8, 8, 1));
    zns_assert_ok(open_zrwa(drive, 1));
    zns_assert_ok(zns_write(drive, lba, STEP_BLOCKS, 2));
    zns_assert_ok(flush_zrwa(drive, lba + STEP_BLOCKS - 1));
    zns_assert_ok(zns_write(drive, lba + STEP_BLOCKS, 8, 3));

    zns_ctrl_shutdown(drive->ctrl);
    zns_assert_zone(drive, 0, CLOSED, 16);
    zns_assert_zone(drive, 1, CLOSED, STEP_BLOCKS + 8);
    g_assert_cmphex(zns_zone(drive, 1).attributes, ==, 0);
    g_assert_true(zns_reads_zeros(drive, 0, 8));
    g_assert_true(zns_holds(drive, 8, 8, 1));
    g_assert_true(zns_holds(drive, lba, STEP_BLOCKS, 2));
    g_assert_true(zns_holds(drive, lba + STEP_BLOCKS, 8, 3));
    zns_assert_status(flush_zrwa(drive, lba + 2 * STEP_BLOCKS - 1),
                      NVME_INVALID_ZONE_OP);
    zns_assert_ok(zns_write(drive, lba + STEP_BLOCKS + 8, 8, 4));
}

/* More often than there are zones: a leak would show */
static void no_limit(ZnsDrive *drive)
{
    uint32_t i, round;

    for (round = 0; round < 5; round++) {
        for (i = 0; i < 4; i++) {
            zns_assert_ok(open_zrwa(drive, i));
            g_assert_cmphex(zns_zone(drive, i).attributes, ==,
                            NVME_ZA_ZRWA_VALID);
        }
        zns_assert_ok(zns_send(drive, 0, NVME_ZONE_ACTION_RESET |
                               ZNS_SELECT_ALL));
    }
}

/* An area needs the resources of an open zone, which come first */
static void area_needs_open_zone(ZnsDrive *drive)
{
    uint32_t i;

    for (i = 0; i < 4; i++) {
        zns_assert_ok(zns_open(drive, i));
    }
    zns_assert_status(open_zrwa(drive, 4), NVME_ZONE_TOO_MANY_OPEN);
    zns_assert_zone(drive, 4, EMPTY, 0);
    zns_assert_ok(zns_close(drive, 0));
    zns_assert_ok(zns_open(drive, 4));
    zns_assert_status(open_zrwa(drive, 5), NVME_ZONE_TOO_MANY_ACTIVE);
    g_assert_cmphex(zns_zone(drive, 5).attributes, ==, 0);
    zns_assert_ok(zns_reset(drive, 4));
    zns_assert_ok(open_zrwa(drive, 5));
}

static void zeroes_in_window(ZnsDrive *drive)
{
    uint64_t lba = zns_lba(drive, 1);

    zns_assert_ok(open_zrwa(drive, 1));
    zns_assert_ok(zns_write(drive, lba, 64, 1));
    zns_assert_ok(zns_write_zeroes(drive, lba + 8, 8));
    zns_assert_zone(drive, 1, EXPLICITLY_OPEN, 0);
    g_assert_true(zns_holds(drive, lba, 8, 1));
    g_assert_true(zns_reads_zeros(drive, lba + 8, 8));
    zns_assert_status(zns_write_zeroes(drive, lba + 2 * WINDOW_BLOCKS, 8),
                      NVME_ZONE_INVALID_WRITE);
}

const ZnsTest zns_zrwa_tests[] = {
    { "zrwa/open-allocates-and-reset-frees", allocation, ZNS_BOTH,
      &spec_zrwa },
    { "zrwa/map-of-the-monitor-shows-areas", map, ZNS_BOTH, &spec_zrwa },
    { "zrwa/is-invalid-zone-operation-where-not-supported", unsupported,
      ZNS_BOTH },
    { "zrwa/only-empty-zones-get-an-area", only_empty_zones, ZNS_BOTH,
      &spec_zrwa },
    { "zrwa/set-zde-allocates-an-area", area_with_extension, ZNS_BOTH,
      &spec_zrwa_zde },
    { "zrwa/set-zde-needs-an-area-of-the-pool", extension_and_pool, ZNS_BOTH,
      &spec_zrwa_zde },
    { "zrwa/kill-keeps-the-extension-not-the-area", extension_survives_area,
      ZNS_QCOW2, &spec_zrwa_zde },
    { "zrwa/writes-in-the-window-keep-the-write-pointer", writes_in_window,
      ZNS_BOTH, &spec_zrwa },
    { "zrwa/write-behind-the-window-flushes", implicit_flush, ZNS_BOTH,
      &spec_zrwa },
    { "zrwa/write-behind-two-windows-is-zone-invalid-write", beyond_window,
      ZNS_BOTH, &spec_zrwa },
    { "zrwa/explicit-flush-moves-the-write-pointer", explicit_flush,
      ZNS_BOTH, &spec_zrwa },
    { "zrwa/explicit-flush-ends-with-the-window", flush_to_window_end,
      ZNS_BOTH, &spec_zrwa_fine },
    { "zrwa/areas-are-announced-zeroes-based", identify_areas, ZNS_BOTH,
      &spec_zrwa },
    { "zrwa/areas-without-a-limit-are-announced", identify_areas, ZNS_BOTH,
      &spec_zrwa_no_limit },
    { "zrwa/explicit-flush-without-an-area-is-invalid-zone-operation",
      flush_needs_area, ZNS_BOTH, &spec_zrwa },
    { "zrwa/append-is-invalid-zone-operation", append_refused, ZNS_BOTH,
      &spec_zrwa },
    { "zrwa/flush-to-the-capacity-makes-the-zone-full", flush_to_capacity,
      ZNS_BOTH, &spec_zrwa },
    { "zrwa/pool-is-limited-and-refilled", pool, ZNS_BOTH, &spec_zrwa },
    { "zrwa/restart-commits-what-was-written", window_survives_quit,
      ZNS_QCOW2, &spec_zrwa },
    { "zrwa/kill-after-flush-keeps-what-was-written",
      window_survives_kill_after_flush, ZNS_QCOW2, &spec_zrwa },
    { "zrwa/kill-after-fua-write-keeps-what-was-written",
      window_survives_kill_after_fua, ZNS_QCOW2, &spec_zrwa },
    { "zrwa/shutdown-commits-what-was-written", window_survives_shutdown,
      ZNS_BOTH, &spec_zrwa },
    { "zrwa/shutdown-leaves-an-unwritten-zone-empty",
      unwritten_window_leaves_empty_zone, ZNS_BOTH, &spec_zrwa },
    { "zrwa/shutdown-leaves-a-written-zone-full",
      window_at_capacity_leaves_full_zone, ZNS_BOTH, &spec_zrwa },
    { "zrwa/kill-after-fua-leaves-a-written-zone-full", full_after_kill,
      ZNS_QCOW2, &spec_zrwa },
    { "zrwa/area-needs-an-open-and-an-active-resource", area_needs_open_zone,
      ZNS_BOTH, &spec_zrwa },
    { "zrwa/pool-is-whole-again-each-time", pool_without_leak, ZNS_BOTH,
      &spec_zrwa },
    { "zrwa/pool-without-a-limit", no_limit, ZNS_BOTH,
      &spec_zrwa_no_limit },
    { "zrwa/power-cycle-commits-the-window", power_cycle, ZNS_BOTH,
      &spec_zrwa },
    { "zrwa/write-zeroes-in-the-window", zeroes_in_window, ZNS_BOTH,
      &spec_zrwa },
    { }
};
