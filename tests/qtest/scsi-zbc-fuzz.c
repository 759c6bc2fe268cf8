/*
 * Random commands to a host-managed SCSI disk
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What it shows: whatever a host sends, QEMU lives, and what the disk reports
 * is a state that it can have: no write pointer outside of its zone, no more
 * open zones than the limit, conventional zones as they were.  The image is
 * good at the end.  ZBC_SEED=SEED repeats a run, ZBC_FUZZ_COMMANDS=NUMBER makes
 * it longer.
 */

#include "qemu/osdep.h"
#include "qemu/bswap.h"
#include "scsi/constants.h"
#include "scsi-zbc-drive.h"

#define DEFAULT_COMMANDS    3000
#define LOOK_EVERY          100

static uint32_t below(GRand *rand, uint32_t limit)
{
    return g_rand_int_range(rand, 0, limit);
}

/* Mostly near what means something: zone starts, write pointers, ends */
static uint64_t pick_lba(ZbcDrive *drive, GRand *rand)
{
    uint32_t zone_idx = below(rand, drive->spec->nr_zones + 1);
    uint64_t lba = zbc_lba(drive, zone_idx);

    switch (below(rand, 8)) {
    case 0:
        return (uint64_t)g_rand_int(rand) << 32 | g_rand_int(rand);
    case 1:
        return lba + below(rand, drive->zone_blocks);
    case 2:
        return lba - below(rand, 9);
    case 3:
    case 4:
    case 5:
        if (zone_idx < drive->spec->nr_zones) {
            ZbcZone zone = zbc_zone(drive, zone_idx);

            return zone.wp_lba == UINT64_MAX ? lba : zone.wp_lba;
        }
        return lba;
    default:
        return lba;
    }
}

static ZbcCmd pick_zone_cmd(ZbcDrive *drive, GRand *rand)
{
    ZbcCmd cmd = { .cdb = { below(rand, 3) ? 0x94 : 0x95 } };
    uint32_t bytes = below(rand, 4) ? 64 * below(rand, 20) : below(rand, 2000);

    cmd.cdb[1] = below(rand, 12) ? below(rand, 6) : below(rand, 256);
    stq_be_p(&cmd.cdb[2], pick_lba(drive, rand));
    cmd.cdb[14] = below(rand, 6) ? 0 : below(rand, 256);
    if (cmd.cdb[0] == 0x95) {
        cmd.cdb[1] = below(rand, 12) ? 0 : cmd.cdb[1];
        cmd.cdb[14] = below(rand, 256);
        stl_be_p(&cmd.cdb[10], bytes);
        cmd.in_bytes = below(rand, 8) ? bytes : below(rand, 2000);
    }
    return cmd;
}

static ZbcCmd pick_rw_cmd(ZbcDrive *drive, GRand *rand)
{
    static const uint8_t opcodes[] = {
        WRITE_16, WRITE_16, WRITE_16, WRITE_10, READ_16, READ_10, WRITE_SAME_16,
        WRITE_SAME_10, WRITE_VERIFY_16, VERIFY_16, UNMAP, SYNCHRONIZE_CACHE,
    };
    ZbcCmd cmd = { .cdb = { opcodes[below(rand, G_N_ELEMENTS(opcodes))] } };
    uint32_t nr_blocks = 1 + below(rand, 32);
    uint64_t lba = pick_lba(drive, rand);
    bool is_read = cmd.cdb[0] == READ_16 || cmd.cdb[0] == READ_10;
    bool is_same = cmd.cdb[0] == WRITE_SAME_16 || cmd.cdb[0] == WRITE_SAME_10;
    uint32_t bytes = (is_same ? 1 : nr_blocks) * drive->block_bytes;

    cmd.cdb[1] = below(rand, 4) ? 0 : below(rand, 256);
    if (cmd.cdb[0] >> 5 == 4) {
        stq_be_p(&cmd.cdb[2], lba);
        stl_be_p(&cmd.cdb[10], nr_blocks);
    } else {
        stl_be_p(&cmd.cdb[2], lba);
        stw_be_p(&cmd.cdb[7], nr_blocks);
    }
    if (is_read) {
        cmd.in_bytes = bytes;
    } else if (cmd.cdb[0] != SYNCHRONIZE_CACHE && cmd.cdb[0] != VERIFY_16) {
        cmd.out_bytes = below(rand, 16) ? bytes : below(rand, 8192);
    }
    return cmd;
}

static ZbcCmd pick_any_cmd(GRand *rand)
{
    ZbcCmd cmd = { };
    size_t i;

    for (i = 0; i < 16; i++) {
        cmd.cdb[i] = below(rand, 3) ? 0 : below(rand, 256);
    }
    cmd.cdb[0] = below(rand, 256);
    if (cmd.cdb[0] == FORMAT_UNIT || cmd.cdb[0] == START_STOP) {
        cmd.cdb[0] = TEST_UNIT_READY;
    }
    *(below(rand, 2) ? &cmd.in_bytes : &cmd.out_bytes) = below(rand, 70000);
    return cmd;
}

static void check_zones(ZbcDrive *drive)
{
    uint32_t nr_zones = drive->spec->nr_zones;
    uint32_t nr_open = 0;
    uint32_t sense, i;
    g_autofree uint8_t *data = zbc_report(drive, 0, 0, 64 * (nr_zones + 1),
                                          &sense);

    g_assert_cmphex(sense, ==, ZBC_GOOD);
    g_assert_cmpuint(ldl_be_p(data), ==, 64 * nr_zones);
    for (i = 0; i < nr_zones; i++) {
        ZbcZone zone = zbc_decode_zone(data + 64 * (i + 1));
        bool open = zone.condition == ZONE_STATE_IMPLICITLY_OPENED ||
                    zone.condition == ZONE_STATE_EXPLICITLY_OPENED;

        g_assert_cmpuint(zone.start_lba, ==, zbc_lba(drive, i));
        g_assert_cmpint(zone.condition == ZONE_STATE_CONVENTIONAL, ==,
                        i < drive->spec->nr_conventional);
        nr_open += open;
        if (open || zone.condition == ZONE_STATE_CLOSED) {
            g_assert_cmpuint(zone.wp_lba, <, zone.start_lba + zone.nr_blocks);
            g_assert_cmpuint(zone.wp_lba, >=, zone.start_lba);
        }
        if (zone.condition == ZONE_STATE_CLOSED) {
            g_assert_cmpuint(zone.wp_lba, >, zone.start_lba);
        }
    }
    g_assert_cmpuint(nr_open, <=, drive->spec->max_open_zones);
}

void zbc_fuzz(ZbcDrive *drive)
{
    const char *text = getenv("ZBC_SEED");
    uint32_t seed = text ? g_ascii_strtoull(text, NULL, 0) : g_random_int();
    uint32_t nr_commands = DEFAULT_COMMANDS;
    g_autoptr(GRand) rand = g_rand_new_with_seed(seed);
    uint32_t nr_good = 0;
    uint32_t i;

    text = getenv("ZBC_FUZZ_COMMANDS");
    nr_commands = text ? g_ascii_strtoull(text, NULL, 0) : nr_commands;
    g_test_message("ZBC_SEED=%u repeats this", seed);
    for (i = 0; i < nr_commands; i++) {
        uint32_t dice = below(rand, 20);
        ZbcCmd cmd = dice < 9 ? pick_zone_cmd(drive, rand)
                   : dice < 19 ? pick_rw_cmd(drive, rand) : pick_any_cmd(rand);

        nr_good += zbc_exec(drive, &cmd) == ZBC_GOOD;
        if (i % LOOK_EVERY == LOOK_EVERY - 1) {
            check_zones(drive);
        }
    }
    g_test_message("%u commands, %u of them good", nr_commands, nr_good);
    g_assert_cmpuint(nr_good, >, nr_commands / 10);
}
