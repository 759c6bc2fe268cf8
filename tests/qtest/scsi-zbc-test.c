/*
 * qtest of host-managed SCSI disks: scsi-hd on a zoned qcow2 image
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What it shows: that the disk says what it is, that reports and commands on
 * zones do what Zoned Block Commands ask for, that each mistake has its sense
 * and changes nothing, that writes in flight are taken in their order, and that
 * all of it outlives QEMU.
 *
 * How: every test makes a fresh image, starts QEMU on it and sends commands
 * through virtio-scsi.  One test alone: -p PATH.
 */

#include "qemu/osdep.h"
#include "qemu/bswap.h"
#include "qemu/units.h"
#include "qobject/qdict.h"
#include "scsi/constants.h"
#include "scsi-zbc-drive.h"

#define REPORT_BYTES    (64 * 17)
#define PARTIAL         0x80

#define assert_sense(got, expected) g_assert_cmphex(got, ==, expected)
#define assert_good(got)            assert_sense(got, ZBC_GOOD)

/* What the disk says of itself */

static void standard_inquiry(ZbcDrive *drive)
{
    g_autofree uint8_t *data = zbc_inquiry(drive, -1, 96);

    g_assert_nonnull(data);
    g_assert_cmphex(data[0], ==, TYPE_ZBC);
    g_assert_cmphex(lduw_be_p(data + 58), ==, 0x0620);
}

/* The additional length is that of all data, however much is asked for */
static void standard_inquiry_length(ZbcDrive *drive)
{
    const uint32_t lengths[] = { 5, 36, 60, 96, 255 };
    int i;

    for (i = 0; i < ARRAY_SIZE(lengths); i++) {
        g_autofree uint8_t *data = zbc_inquiry(drive, -1, lengths[i]);

        g_assert_nonnull(data);
        g_assert_cmpuint(data[4], ==, 96 - 5);
    }
}

static void supported_pages(ZbcDrive *drive)
{
    g_autofree uint8_t *data = zbc_inquiry(drive, 0, 64);
    uint8_t nr_pages = data[3];
    int i;

    g_assert_cmphex(data[0], ==, TYPE_ZBC);
    for (i = 0; i < nr_pages; i++) {
        g_autofree uint8_t *page = zbc_inquiry(drive, data[4 + i], 64);

        g_assert_nonnull(page);
        g_assert_cmphex(page[0], ==, TYPE_ZBC);
        g_assert_cmphex(page[1], ==, data[4 + i]);
    }
    g_assert_cmphex(data[3 + nr_pages], ==, 0xb6);
    g_assert_null(zbc_inquiry(drive, 0xb7, 64));
}

static void characteristics(ZbcDrive *drive)
{
    g_autofree uint8_t *data = zbc_inquiry(drive, 0xb6, 64);

    g_assert_cmpuint(lduw_be_p(data + 2), ==, 60);
    g_assert_cmphex(data[4], ==, 1);                    /* URSWRZ */
    g_assert_cmphex((uint32_t)ldl_be_p(data + 8), ==, UINT32_MAX);
    g_assert_cmphex((uint32_t)ldl_be_p(data + 12), ==, UINT32_MAX);
    g_assert_cmphex((uint32_t)ldl_be_p(data + 16), ==,
                    drive->spec->max_open_zones ?: UINT32_MAX);
    g_assert_cmpuint(ldq_be_p(data + 24), ==, drive->zone_blocks);
}

static const ZbcSpec spec_no_limits = {
    .zone_bytes = 1 * MiB,
    .nr_zones = 16,
};

static void read_capacity(ZbcDrive *drive)
{
    ZbcCmd cmd = {
        .cdb = { SERVICE_ACTION_IN_16, SAI_READ_CAPACITY_16, [13] = 32 },
        .in_bytes = 32,
    };
    uint8_t data[32];

    assert_good(zbc_exec(drive, &cmd));
    qtest_memread(drive->qts, drive->buf_addr, data, sizeof(data));
    g_assert_cmpuint(ldq_be_p(data), ==, 16 * drive->zone_blocks - 1);
    g_assert_cmpuint(ldl_be_p(data + 8), ==, drive->block_bytes);
    g_assert_cmphex(data[12] & 0x30, ==, 0x10);         /* RC BASIS */
}

/* Reports */

static void report_all(ZbcDrive *drive)
{
    uint32_t sense, i;
    g_autofree uint8_t *data = zbc_report(drive, 0, 0, REPORT_BYTES, &sense);

    assert_good(sense);
    g_assert_cmpuint(ldl_be_p(data), ==, 16 * 64);
    g_assert_cmphex(data[4], ==, 3);                    /* SAME: lengths */
    g_assert_cmpuint(ldq_be_p(data + 8), ==, 16 * drive->zone_blocks - 1);
    for (i = 0; i < 16; i++) {
        ZbcZone zone = zbc_decode_zone(data + 64 * (i + 1));

        g_assert_cmpuint(zone.start_lba, ==, zbc_lba(drive, i));
        g_assert_cmpuint(zone.nr_blocks, ==, drive->zone_blocks);
        g_assert_cmphex(zone.type, ==, i < 2 ? 1 : 2);
        g_assert_cmphex(zone.condition, ==, i < 2 ? 0 : 1);
        g_assert_cmphex(zone.wp_lba, ==, i < 2 ? UINT64_MAX : zone.start_lba);
    }
}

static void report_same(ZbcDrive *drive)
{
    uint32_t sense;
    g_autofree uint8_t *data = zbc_report(drive, 0, 0, 64, &sense);

    g_assert_cmphex(data[4], ==, 1);
}

static void set_state(ZbcDrive *drive, uint32_t zone_idx, const char *state)
{
    qtest_qmp_assert_success(drive->qts,
        "{ 'execute': 'block-zone-set-state', 'arguments': "
        "{ 'node-name': 'zns0', 'zone': %u, 'state': %s } }", zone_idx, state);
}

/* One zone in each condition; zones from 9 on are Empty */
static void prepare_conditions(ZbcDrive *drive)
{
    assert_good(zbc_write(drive, zbc_lba(drive, 3), 8, 1));
    assert_good(zbc_out(drive, ZBC_CLOSE, zbc_lba(drive, 3)));
    assert_good(zbc_write(drive, zbc_lba(drive, 4), 8, 1));
    assert_good(zbc_out(drive, ZBC_OPEN, zbc_lba(drive, 5)));
    assert_good(zbc_out(drive, ZBC_FINISH, zbc_lba(drive, 6)));
    set_state(drive, 7, "read-only");
    set_state(drive, 8, "offline");
    qtest_qmp_assert_success(drive->qts,
        "{ 'execute': 'block-zone-set-attributes', 'arguments': "
        "{ 'node-name': 'zns0', 'zone': 6, 'reset-recommended': true } }");
}

static void report_options(ZbcDrive *drive)
{
    static const struct {
        uint8_t option;
        uint32_t nr;
        uint32_t first_idx;
    } options[] = {
        { 0x00, 16, 0 }, { 0x01, 8, 2 }, { 0x02, 1, 4 }, { 0x03, 1, 5 },
        { 0x04, 1, 3 }, { 0x05, 1, 6 }, { 0x06, 1, 7 }, { 0x07, 1, 8 },
        { 0x08, 0, 0 }, { 0x10, 1, 6 }, { 0x11, 0, 0 }, { 0x3e, 16, 0 },
        { 0x3f, 2, 0 },
    };
    size_t i;

    prepare_conditions(drive);
    for (i = 0; i < G_N_ELEMENTS(options); i++) {
        uint32_t sense;
        g_autofree uint8_t *data = zbc_report(drive, 0, options[i].option,
                                              REPORT_BYTES, &sense);

        assert_good(sense);
        g_assert_cmpuint(ldl_be_p(data), ==, 64 * options[i].nr);
        if (options[i].nr) {
            g_assert_cmpuint(zbc_decode_zone(data + 64).start_lba, ==,
                             zbc_lba(drive, options[i].first_idx));
        }
    }
    g_assert_true(zbc_zone(drive, 6).reset_recommended);
    g_assert_false(zbc_zone(drive, 5).reset_recommended);
}

/* From the zone that has the LBA on; PARTIAL counts what is there */
static void report_in_part(ZbcDrive *drive)
{
    uint64_t lba = zbc_lba(drive, 5) + 17;
    uint32_t sense;
    g_autofree uint8_t *whole = zbc_report(drive, lba, 0, 64 * 3, &sense);
    g_autofree uint8_t *part = zbc_report(drive, lba, PARTIAL, 64 * 3 + 63,
                                          &sense);
    g_autofree uint8_t *head = zbc_report(drive, lba, PARTIAL, 20, &sense);
    g_autofree uint8_t *none = zbc_report(drive, lba, 0, 0, &sense);

    assert_good(sense);
    g_assert_nonnull(none);
    g_assert_cmpuint(ldl_be_p(whole), ==, 11 * 64);
    g_assert_cmpuint(zbc_decode_zone(whole + 64).start_lba, ==,
                     zbc_lba(drive, 5));
    g_assert_cmpuint(ldl_be_p(part), ==, 2 * 64);
    g_assert_cmpuint(zbc_decode_zone(part + 128).start_lba, ==,
                     zbc_lba(drive, 6));
    g_assert_cmphex(part[64 * 3], ==, 0x55);    /* no descriptor in part */
    g_assert_cmpuint(ldl_be_p(head), ==, 0);
}

static void report_refused(ZbcDrive *drive)
{
    static const uint8_t reserved[] = { 0x09, 0x0f, 0x12, 0x20, 0x3d };
    uint32_t sense;
    size_t i;

    for (i = 0; i < G_N_ELEMENTS(reserved); i++) {
        g_assert_null(zbc_report(drive, 0, reserved[i], 128, &sense));
        assert_sense(sense, ZBC_INVALID_FIELD);
    }
    g_assert_null(zbc_report(drive, zbc_lba(drive, 16), 0, 128, &sense));
    assert_sense(sense, ZBC_LBA_OUT_OF_RANGE);
    g_assert_null(zbc_report(drive, UINT64_MAX, 0, 128, &sense));
    assert_sense(sense, ZBC_LBA_OUT_OF_RANGE);
}

/* Commands on zones */

static void conditions(ZbcDrive *drive)
{
    uint64_t lba = zbc_lba(drive, 3);

    assert_good(zbc_out(drive, ZBC_OPEN, lba));
    zbc_assert_zone(drive, 3, EXPLICITLY_OPENED, 0);
    assert_good(zbc_out(drive, ZBC_OPEN, lba));
    assert_good(zbc_write(drive, lba, 8, 1));
    zbc_assert_zone(drive, 3, EXPLICITLY_OPENED, 8);
    assert_good(zbc_out(drive, ZBC_CLOSE, lba));
    zbc_assert_zone(drive, 3, CLOSED, 8);
    assert_good(zbc_out(drive, ZBC_CLOSE, lba));
    assert_good(zbc_write(drive, lba + 8, 8, 2));
    zbc_assert_zone(drive, 3, IMPLICITLY_OPENED, 16);
    assert_good(zbc_out(drive, ZBC_FINISH, lba));
    zbc_assert_condition(drive, 3, FULL);
    assert_good(zbc_out(drive, ZBC_FINISH, lba));
    g_assert_true(zbc_holds(drive, lba, 8, 1));
    assert_good(zbc_out(drive, ZBC_RESET, lba));
    zbc_assert_zone(drive, 3, EMPTY, 0);
    assert_good(zbc_out(drive, ZBC_RESET, lba));
    g_assert_true(zbc_reads_zeros(drive, lba, 16));
}

/* They are no Closed zones, and need nothing to be done */
static void nothing_to_do(ZbcDrive *drive)
{
    uint64_t lba = zbc_lba(drive, 3);

    assert_good(zbc_out(drive, ZBC_OPEN, lba));
    assert_good(zbc_out(drive, ZBC_CLOSE, lba));
    zbc_assert_zone(drive, 3, EMPTY, 0);
    assert_good(zbc_out(drive, ZBC_CLOSE, lba));
    zbc_assert_zone(drive, 3, EMPTY, 0);
    assert_good(zbc_out(drive, ZBC_FINISH, lba));
    assert_good(zbc_out(drive, ZBC_CLOSE, lba));
    assert_good(zbc_out(drive, ZBC_OPEN, lba));
    zbc_assert_condition(drive, 3, FULL);
}

static void all_zones(ZbcDrive *drive)
{
    uint32_t i;

    for (i = 2; i < 5; i++) {
        assert_good(zbc_write(drive, zbc_lba(drive, i), 8, i));
    }
    assert_good(zbc_out_all(drive, ZBC_CLOSE));
    for (i = 2; i < 5; i++) {
        zbc_assert_zone(drive, i, CLOSED, 8);
    }
    assert_good(zbc_out_all(drive, ZBC_OPEN));
    zbc_assert_zone(drive, 4, EXPLICITLY_OPENED, 8);
    zbc_assert_zone(drive, 5, EMPTY, 0);
    assert_good(zbc_out_all(drive, ZBC_FINISH));
    zbc_assert_condition(drive, 2, FULL);
    zbc_assert_zone(drive, 5, EMPTY, 0);
    assert_good(zbc_out_all(drive, ZBC_RESET));
    for (i = 2; i < 6; i++) {
        zbc_assert_zone(drive, i, EMPTY, 0);
    }
    assert_good(zbc_write(drive, 0, 8, 1)); /* conventional ones stay */
    assert_good(zbc_out_all(drive, ZBC_RESET));
    g_assert_true(zbc_holds(drive, 0, 8, 1));
}

static void close_all_unwritten(ZbcDrive *drive)
{
    assert_good(zbc_out(drive, ZBC_OPEN, zbc_lba(drive, 3)));
    assert_good(zbc_out(drive, ZBC_OPEN, zbc_lba(drive, 4)));
    assert_good(zbc_write(drive, zbc_lba(drive, 4), 8, 1));
    assert_good(zbc_out_all(drive, ZBC_CLOSE));
    zbc_assert_zone(drive, 3, EMPTY, 0);
    zbc_assert_zone(drive, 4, CLOSED, 8);
}

static void wrong_zones(ZbcDrive *drive)
{
    uint8_t action;

    for (action = ZBC_CLOSE; action <= ZBC_RESET; action++) {
        assert_sense(zbc_out(drive, action, 0), ZBC_INVALID_FIELD);
        assert_sense(zbc_out(drive, action, zbc_lba(drive, 3) + 8),
                     ZBC_INVALID_FIELD);
        assert_sense(zbc_out(drive, action, zbc_lba(drive, 16)),
                     ZBC_LBA_OUT_OF_RANGE);
        assert_sense(zbc_out(drive, action, UINT64_MAX),
                     ZBC_LBA_OUT_OF_RANGE);
    }
    assert_sense(zbc_out(drive, 5, zbc_lba(drive, 3)), ZBC_INVALID_FIELD);
    assert_sense(zbc_out(drive, 0, zbc_lba(drive, 3)), ZBC_INVALID_FIELD);
    zbc_assert_zone(drive, 3, EMPTY, 0);
}

/* A later standard has zone counts: one zone must not stand for several */
static void zone_count(ZbcDrive *drive)
{
    ZbcCmd cmd = { .cdb = { 0x94, ZBC_FINISH, [13] = 2 } };

    stq_be_p(&cmd.cdb[2], zbc_lba(drive, 3));
    assert_sense(zbc_exec(drive, &cmd), ZBC_INVALID_FIELD);
    zbc_assert_zone(drive, 3, EMPTY, 0);
    cmd.cdb[13] = 1;
    assert_good(zbc_exec(drive, &cmd));
    zbc_assert_condition(drive, 3, FULL);
}

static void broken_zones(ZbcDrive *drive)
{
    uint8_t action;

    assert_good(zbc_write(drive, zbc_lba(drive, 7), 8, 1));
    set_state(drive, 7, "read-only");
    set_state(drive, 8, "offline");
    for (action = ZBC_CLOSE; action <= ZBC_RESET; action++) {
        assert_sense(zbc_out(drive, action, zbc_lba(drive, 7)),
                     ZBC_ZONE_IS_READ_ONLY);
        assert_sense(zbc_out(drive, action, zbc_lba(drive, 8)),
                     ZBC_ZONE_IS_OFFLINE);
    }
    assert_sense(zbc_out(drive, ZBC_RESET, zbc_lba(drive, 7) + 8),
                 ZBC_INVALID_FIELD);
    assert_sense(zbc_write(drive, zbc_lba(drive, 7) + 8, 8, 1),
                 ZBC_ZONE_IS_READ_ONLY);
    g_assert_true(zbc_holds(drive, zbc_lba(drive, 7), 8, 1));
    assert_sense(zbc_write(drive, zbc_lba(drive, 8), 8, 1),
                 ZBC_ZONE_IS_OFFLINE);
    assert_sense(zbc_read(drive, zbc_lba(drive, 8), 8), ZBC_ZONE_IS_OFFLINE);
}

static void explicit_limit(ZbcDrive *drive)
{
    uint32_t i;

    for (i = 2; i < 5; i++) {
        assert_good(zbc_out(drive, ZBC_OPEN, zbc_lba(drive, i)));
    }
    assert_sense(zbc_out(drive, ZBC_OPEN, zbc_lba(drive, 5)),
                 ZBC_INSUFFICIENT_RESOURCES);
    assert_sense(zbc_write(drive, zbc_lba(drive, 5), 8, 1),
                 ZBC_INSUFFICIENT_RESOURCES);
    zbc_assert_zone(drive, 5, EMPTY, 0);
}

/* The one that was written least recently is closed */
static void implicit_limit(ZbcDrive *drive)
{
    uint32_t i;

    for (i = 2; i < 6; i++) {
        assert_good(zbc_write(drive, zbc_lba(drive, i), 8, i));
    }
    zbc_assert_zone(drive, 2, CLOSED, 8);
    zbc_assert_zone(drive, 3, IMPLICITLY_OPENED, 8);
    zbc_assert_zone(drive, 5, IMPLICITLY_OPENED, 8);
}

/* Reads and writes */

static void write_rules(ZbcDrive *drive)
{
    uint64_t lba = zbc_lba(drive, 3);
    ZbcCmd zeroes = { .cdb = { WRITE_SAME_16 }, .out_bytes = 512 };

    assert_good(zbc_write(drive, lba, 8, 1));
    assert_sense(zbc_write(drive, lba, 8, 2), ZBC_UNALIGNED_WRITE);
    assert_sense(zbc_write(drive, lba + 16, 8, 2), ZBC_UNALIGNED_WRITE);
    g_assert_true(zbc_holds(drive, lba, 8, 1));
    zbc_assert_zone(drive, 3, IMPLICITLY_OPENED, 8);

    qtest_memset(drive->qts, drive->buf_addr, 0, 512);
    stq_be_p(&zeroes.cdb[2], lba + 8);
    stl_be_p(&zeroes.cdb[10], drive->zone_blocks - 16);
    assert_good(zbc_exec(drive, &zeroes));
    zbc_assert_zone(drive, 3, IMPLICITLY_OPENED, drive->zone_blocks - 8);
    assert_sense(zbc_write(drive, lba + drive->zone_blocks - 8, 16, 2),
                 ZBC_WRITE_BOUNDARY);
    assert_good(zbc_write(drive, lba + drive->zone_blocks - 8, 8, 2));
    zbc_assert_condition(drive, 3, FULL);
    assert_sense(zbc_write(drive, lba, 8, 2), ZBC_INVALID_FIELD);
    g_assert_true(zbc_holds(drive, lba, 8, 1));
}

/* From a conventional zone into a sequential one, and out of the disk */
static void boundaries(ZbcDrive *drive)
{
    uint64_t lba = zbc_lba(drive, 2) - 8;

    assert_sense(zbc_write(drive, lba, 16, 1), ZBC_WRITE_BOUNDARY);
    assert_good(zbc_write(drive, lba, 8, 1));
    assert_good(zbc_write(drive, lba, 8, 2));   /* in place */
    g_assert_true(zbc_holds(drive, lba, 8, 2));
    assert_good(zbc_write(drive, zbc_lba(drive, 1) - 8, 16, 3));
    g_assert_true(zbc_holds(drive, zbc_lba(drive, 1) - 8, 16, 3));
    assert_sense(zbc_read(drive, lba, 16), ZBC_READ_BOUNDARY);
    assert_good(zbc_read(drive, zbc_lba(drive, 4) - 8, 16));
    g_assert_true(zbc_reads_zeros(drive, zbc_lba(drive, 4) - 8, 16));
    assert_sense(zbc_read(drive, zbc_lba(drive, 16) - 8, 16),
                 ZBC_LBA_OUT_OF_RANGE);
    assert_sense(zbc_write(drive, zbc_lba(drive, 16) - 8, 16, 1),
                 ZBC_LBA_OUT_OF_RANGE);
}

static void other_opcodes(ZbcDrive *drive)
{
    uint64_t lba = zbc_lba(drive, 3);
    ZbcCmd write6 = { .cdb = { WRITE_6, 0, 0, 0, 8 }, .out_bytes = 4096 };
    ZbcCmd write10 = { .cdb = { WRITE_10, [8] = 8 }, .out_bytes = 4096 };
    ZbcCmd write12 = { .cdb = { WRITE_12, [9] = 8 }, .out_bytes = 4096 };
    ZbcCmd atomic = { .cdb = { 0x9c, [13] = 8 }, .out_bytes = 4096 };
    ZbcCmd write32 = { .cdb = { 0x7f, [7] = 24, [9] = 11, [31] = 8 },
                       .out_bytes = 4096 };
    ZbcCmd read6 = { .cdb = { READ_6, 0, 0, 0, 8 }, .in_bytes = 4096 };
    ZbcCmd read10 = { .cdb = { READ_10, [8] = 8 }, .in_bytes = 4096 };
    ZbcCmd read12 = { .cdb = { READ_12, [9] = 8 }, .in_bytes = 4096 };
    ZbcCmd read32 = { .cdb = { 0x7f, [7] = 24, [9] = 9, [31] = 8 },
                      .in_bytes = 4096 };

    stw_be_p(&write6.cdb[2], lba);
    stl_be_p(&write10.cdb[2], lba + 8);
    stl_be_p(&write12.cdb[2], lba + 16);
    stq_be_p(&atomic.cdb[2], lba + 24);
    stq_be_p(&write32.cdb[12], lba + 24);
    stw_be_p(&read6.cdb[2], lba);
    stl_be_p(&read10.cdb[2], lba + 8);
    stl_be_p(&read12.cdb[2], lba + 16);
    stq_be_p(&read32.cdb[12], lba);
    assert_good(zbc_exec(drive, &write6));
    assert_good(zbc_exec(drive, &write10));
    assert_good(zbc_exec(drive, &write12));
    assert_sense(zbc_exec(drive, &write10), ZBC_UNALIGNED_WRITE);
    assert_sense(zbc_exec(drive, &atomic), ZBC_INVALID_OPCODE);
    assert_sense(zbc_exec(drive, &write32), ZBC_INVALID_OPCODE);
    assert_good(zbc_exec(drive, &read6));
    assert_good(zbc_exec(drive, &read10));
    assert_good(zbc_exec(drive, &read12));
    assert_sense(zbc_exec(drive, &read32), ZBC_INVALID_OPCODE);
    zbc_assert_zone(drive, 3, IMPLICITLY_OPENED, 24);
}

/* In their order all of them are at the write pointer */
static void in_flight(ZbcDrive *drive)
{
    uint64_t lba = zbc_lba(drive, 3);
    ZbcCmd cmds[ZBC_MAX_IN_FLIGHT];
    uint32_t senses[ZBC_MAX_IN_FLIGHT];
    unsigned i;

    for (i = 0; i < ZBC_MAX_IN_FLIGHT; i++) {
        cmds[i] = zbc_write_cmd(drive, lba + 64 * i, 64, 1);
    }
    zbc_exec_all(drive, cmds, senses, ZBC_MAX_IN_FLIGHT);
    for (i = 0; i < ZBC_MAX_IN_FLIGHT; i++) {
        assert_good(senses[i]);
        g_assert_true(zbc_holds(drive, lba + 64 * i, 64, 1));
    }
    cmds[1] = zbc_write_cmd(drive, lba + 64 * (i + 1), 64, 1);
    cmds[0] = zbc_write_cmd(drive, lba + 64 * i, 64, 1);
    cmds[2] = zbc_write_cmd(drive, lba + 64 * i, 64, 1);
    zbc_exec_all(drive, cmds, senses, 3);
    assert_good(senses[0]);
    assert_good(senses[1]);
    assert_sense(senses[2], ZBC_UNALIGNED_WRITE);
}

/* Contract C1 */

static void sync_is_durable(ZbcDrive *drive)
{
    uint64_t lba = zbc_lba(drive, 3);

    assert_good(zbc_write(drive, lba, 32, 1));
    assert_good(zbc_sync(drive));
    zbc_kill_and_restart(drive);
    zbc_assert_zone(drive, 3, CLOSED, 32);
    g_assert_true(zbc_holds(drive, lba, 32, 1));
}

/* Which Linux sends to zoned disks */
static void sync_16_is_durable(ZbcDrive *drive)
{
    ZbcCmd cmd = { .cdb = { SYNCHRONIZE_CACHE_16 } };
    uint64_t lba = zbc_lba(drive, 3);

    assert_good(zbc_write(drive, lba, 32, 1));
    assert_good(zbc_exec(drive, &cmd));
    zbc_kill_and_restart(drive);
    zbc_assert_zone(drive, 3, CLOSED, 32);
}

static void fua_is_durable(ZbcDrive *drive)
{
    uint64_t lba = zbc_lba(drive, 3);
    ZbcCmd cmd = zbc_write_cmd(drive, lba, 32, 1);

    cmd.cdb[1] = 8;
    assert_good(zbc_exec(drive, &cmd));
    zbc_kill_and_restart(drive);
    zbc_assert_zone(drive, 3, CLOSED, 32);
    g_assert_true(zbc_holds(drive, lba, 32, 1));
}

static void zones_outlive_qemu(ZbcDrive *drive)
{
    prepare_conditions(drive);
    zbc_restart(drive);
    zbc_assert_zone(drive, 3, CLOSED, 8);
    zbc_assert_zone(drive, 4, CLOSED, 8);
    zbc_assert_zone(drive, 5, EMPTY, 0);
    zbc_assert_condition(drive, 6, FULL);
    g_assert_true(zbc_zone(drive, 6).reset_recommended);
    zbc_assert_condition(drive, 7, READ_ONLY);
    zbc_assert_condition(drive, 8, OFFLINE);
}

static const ZbcSpec spec_blocks = {
    .zone_bytes = 1 * MiB,
    .nr_zones = 8,
    .nr_conventional = 1,
    .block_bytes = 4096,
};

static void blocks_of_4096(ZbcDrive *drive)
{
    uint64_t lba = zbc_lba(drive, 2);

    g_assert_cmpuint(zbc_zone(drive, 2).nr_blocks, ==, 256);
    assert_good(zbc_write(drive, lba, 200, 1));
    zbc_assert_zone(drive, 2, IMPLICITLY_OPENED, 200);
    assert_sense(zbc_write(drive, lba + 200, 57, 1), ZBC_WRITE_BOUNDARY);
    assert_good(zbc_write(drive, lba + 200, 56, 1));
    zbc_assert_condition(drive, 2, FULL);
}

static const ZbcSpec spec_read_only = {
    .zone_bytes = 1 * MiB,
    .nr_zones = 8,
    .drive_options = ",readonly=on",
};

static void read_only_disk(ZbcDrive *drive)
{
    assert_sense(zbc_write(drive, 0, 8, 1), ZBC_WRITE_PROTECTED);
    assert_sense(zbc_out(drive, ZBC_FINISH, 0), ZBC_WRITE_PROTECTED);
    zbc_assert_zone(drive, 0, EMPTY, 0);
}

/* Without the drive there is no disk to ask, and nothing to crash */
static void without_medium(ZbcDrive *drive)
{
    uint32_t sense;

    qtest_qmp_assert_success(drive->qts,
        "{ 'execute': 'human-monitor-command', 'arguments': "
        "{ 'command-line': 'drive_del zns0' } }");
    g_assert_null(zbc_report(drive, 0, 0, 128, &sense));
    assert_sense(zbc_write(drive, 0, 8, 1), 0x023a00);
    g_assert_cmphex(zbc_out(drive, ZBC_RESET, 0), !=, ZBC_GOOD);
}

static void plug_memory(ZbcDrive *drive)
{
    qtest_qmp_assert_success(drive->qts,
        "{ 'execute': 'device_add', 'arguments': { 'driver': 'scsi-hd', "
        "'id': 'second', 'drive': 'memory', 'bus': 'hba.0', 'scsi-id': 1 } }");
    zbc_select(drive, 1);
}

/* A disk loses its power when it is unplugged, though its node lives on */
static void unplugged(ZbcDrive *drive)
{
    qtest_qmp_assert_success(drive->qts,
        "{ 'execute': 'blockdev-add', 'arguments': { 'node-name': 'memory', "
        "'driver': 'zoned', 'zone-size': 1048576, 'file': { "
        "'driver': 'null-co', 'size': 16777216, 'read-zeroes': true } } }");
    plug_memory(drive);
    assert_good(zbc_out(drive, ZBC_OPEN, zbc_lba(drive, 3)));
    assert_good(zbc_out(drive, ZBC_OPEN, zbc_lba(drive, 4)));
    assert_good(zbc_write(drive, zbc_lba(drive, 4), 8, 1));
    zbc_assert_zone(drive, 3, EXPLICITLY_OPENED, 0);
    zbc_assert_zone(drive, 4, EXPLICITLY_OPENED, 8);
    qtest_qmp_assert_success(drive->qts,
        "{ 'execute': 'device_del', 'arguments': { 'id': 'second' } }");
    qtest_qmp_eventwait(drive->qts, "DEVICE_DELETED");

    plug_memory(drive);
    zbc_assert_zone(drive, 3, EMPTY, 0);
    zbc_assert_zone(drive, 4, CLOSED, 8);
}

typedef struct ZbcTest {
    const char *path;
    void (*run)(ZbcDrive *drive);
    const ZbcSpec *spec;        /* NULL: zbc_spec_default */
} ZbcTest;

static const ZbcTest tests[] = {
    { "inquiry/standard", standard_inquiry },
    { "inquiry/standard-length", standard_inquiry_length },
    { "inquiry/supported-pages", supported_pages },
    { "inquiry/characteristics", characteristics },
    { "inquiry/characteristics-without-limits", characteristics,
      &spec_no_limits },
    { "inquiry/capacity", read_capacity },
    { "report/all", report_all },
    { "report/same", report_same, &spec_no_limits },
    { "report/options", report_options },
    { "report/in-part", report_in_part },
    { "report/refused", report_refused },
    { "zones/conditions", conditions },
    { "zones/nothing-to-do", nothing_to_do },
    { "zones/all", all_zones },
    { "zones/close-all-unwritten", close_all_unwritten },
    { "zones/wrong", wrong_zones },
    { "zones/count", zone_count },
    { "zones/broken", broken_zones },
    { "zones/explicit-limit", explicit_limit },
    { "zones/implicit-limit", implicit_limit },
    { "io/write-rules", write_rules },
    { "io/boundaries", boundaries },
    { "io/other-opcodes", other_opcodes },
    { "io/in-flight", in_flight },
    { "io/sync-is-durable", sync_is_durable },
    { "io/sync-16-is-durable", sync_16_is_durable },
    { "io/fua-is-durable", fua_is_durable },
    { "disk/zones-outlive-qemu", zones_outlive_qemu },
    { "disk/blocks-of-4096", blocks_of_4096, &spec_blocks },
    { "disk/read-only", read_only_disk, &spec_read_only },
    { "disk/without-medium", without_medium },
    { "disk/unplugged", unplugged },
    { "fuzz/commands", zbc_fuzz },
};

static void run_test(const void *opaque)
{
    const ZbcTest *test = opaque;
    ZbcDrive *drive = zbc_drive_new(test->spec ?: &zbc_spec_default);

    if (drive) {
        test->run(drive);
        zbc_drive_free(drive);
    }
}

int main(int argc, char **argv)
{
    size_t i;

    g_test_init(&argc, &argv, NULL);
    for (i = 0; i < G_N_ELEMENTS(tests); i++) {
        g_autofree char *path = g_strdup_printf("scsi-zbc/%s", tests[i].path);

        qtest_add_data_func(path, &tests[i], run_test);
    }
    return g_test_run();
}
