/*
 * qtest of zoned namespaces: Format NVM
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What it shows: that Format NVM empties every zone that can still be written,
 * durably, whatever state it was in and whatever is in flight; that broken
 * zones do not come back; and that a format which zones cannot have is
 * refused and changes nothing.
 *
 * How: zones in every state, Format NVM through the admin queue, then reports
 * and reads, where it matters after QEMU was killed.
 */

#include "qemu/osdep.h"
#include "qemu/bswap.h"
#include "qemu/units.h"
#include "nvme-zns-drive.h"

/* Indices of the LBA formats that nvme-ns announces */
#define FORMAT_512      0
#define FORMAT_512_MS8  1
#define FORMAT_4096     4

#define META_BYTES      8
#define PRACT           ((uint32_t)NVME_RW_PRINFO_PRACT << 16)

static const ZnsSpec spec_4096 = {
    .device_bytes = 64 * MiB,
    .zone_bytes = 4 * MiB,
    .capacity_bytes = 3 * MiB,
    .max_open_zones = 3,
    .max_active_zones = 5,
    .zde_bytes = 64,
    .block_bytes = 4096,
};

static const ZnsSpec spec_two = {
    .device_bytes = 64 * MiB,
    .zone_bytes = 4 * MiB,
    .capacity_bytes = 3 * MiB,
    .zde_bytes = 64,
    .block_bytes = 512,
    .ns_options = " -blockdev driver=null-co,node-name=disk1,size=67108864"
                  " -blockdev driver=zoned,node-name=zones1,file=disk1,"
                  "zone-size=4M"
                  " -device nvme-ns,drive=zones1,bus=nvme0,nsid=2,"
                  "logical_block_size=4096,physical_block_size=4096",
};

/* 16 zones with their metadata behind them */
static const ZnsSpec spec_meta = {
    .device_bytes = 66 * MiB,
    .zone_bytes = 4 * MiB,
    .capacity_bytes = 3 * MiB,
    .block_bytes = 512,
    .ns_options = ",ms=8",
};

static uint16_t queue_format(ZnsDrive *drive, uint32_t nsid, uint32_t lbaf,
                             uint32_t pi)
{
    NvmeCmd cmd = {
        .opcode = NVME_ADM_CMD_FORMAT_NVM,
        .nsid = cpu_to_le32(nsid),
        .cdw10 = cpu_to_le32(lbaf | pi << 5),
    };

    return zns_queue_cmd(drive->ctrl, ZNS_ADMIN, &cmd, 0, 0);
}

static uint16_t format_ns(ZnsDrive *drive, uint32_t nsid, uint32_t lbaf,
                          uint32_t pi)
{
    uint16_t cid = queue_format(drive, nsid, lbaf, pi);

    zns_ring(drive->ctrl, ZNS_ADMIN);
    return zns_wait(drive->ctrl, ZNS_ADMIN, cid).status;
}

static uint16_t format(ZnsDrive *drive)
{
    return format_ns(drive, 1, drive->spec->block_bytes == 4096 ? FORMAT_4096
                                                                : FORMAT_512,
                     0);
}

/* Full, finished, Explicitly and Implicitly Opened, Closed, with extension */
static void prepare_zones(ZnsDrive *drive)
{
    zns_assert_ok(zns_write(drive, zns_lba(drive, 0), 64, 1));
    zns_assert_ok(zns_finish(drive, 0));
    zns_assert_ok(zns_fill_zone(drive, 1));
    zns_assert_ok(zns_write(drive, zns_lba(drive, 2), 64, 2));
    zns_assert_ok(zns_close(drive, 2));
    zns_assert_ok(zns_set_zde(drive, 3, 3));
    zns_assert_ok(zns_open(drive, 4));
    zns_assert_ok(zns_write(drive, zns_lba(drive, 4), 64, 4));
    zns_assert_ok(zns_write(drive, zns_lba(drive, 5), 64, 5));
    zns_assert_ok(zns_write(drive, zns_lba(drive, 15), 64, 15));
    zns_assert_ok(zns_flush(drive));
}

static void check_prepared_zones(ZnsDrive *drive)
{
    zns_assert_state(drive, 0, FULL);
    zns_assert_state(drive, 1, FULL);
    zns_assert_zone(drive, 2, CLOSED, 64);
    zns_assert_zone(drive, 3, CLOSED, 0);
    g_assert_true(zns_zde_is(drive, 3, 3));
    zns_assert_zone(drive, 4, EXPLICITLY_OPEN, 64);
    zns_assert_zone(drive, 15, IMPLICITLY_OPEN, 64);
    g_assert_true(zns_holds(drive, zns_lba(drive, 15), 64, 15));
}

static void check_empty_drive(ZnsDrive *drive)
{
    uint32_t i;

    for (i = 0; i < drive->nr_zones; i++) {
        zns_assert_zone(drive, i, EMPTY, 0);
        g_assert_cmphex(zns_zone(drive, i).attributes, ==, 0);
        g_assert_true(zns_reads_zeros(drive, zns_lba(drive, i), 64));
        if (drive->spec->zde_bytes) {
            g_assert_true(zns_zde_is_zero(drive, i));
        }
    }
}

/* The second of two namespaces has blocks that the first one may not get */
static void all_or_none(ZnsDrive *drive)
{
    prepare_zones(drive);
    zns_assert_status(format_ns(drive, NVME_NSID_BROADCAST, FORMAT_512, 0),
                      NVME_INVALID_FORMAT);
    check_prepared_zones(drive);
}

static void empties_every_zone(ZnsDrive *drive)
{
    uint32_t i;

    prepare_zones(drive);
    zns_assert_ok(format(drive));
    check_empty_drive(drive);

    /* No resource is held by what is gone */
    for (i = 6; i < 6 + drive->spec->max_open_zones; i++) {
        zns_assert_ok(zns_open(drive, i));
    }
    zns_assert_ok(zns_write(drive, zns_lba(drive, 6), 8, 6));
    g_assert_true(zns_holds(drive, zns_lba(drive, 6), 8, 6));
    zns_assert_zone(drive, 6, EXPLICITLY_OPEN, 8);
}

static void is_durable(ZnsDrive *drive)
{
    prepare_zones(drive);
    zns_assert_ok(format(drive));
    zns_kill_and_restart(drive);
    check_empty_drive(drive);
}

static void takes_all_namespaces(ZnsDrive *drive)
{
    prepare_zones(drive);
    zns_assert_ok(format_ns(drive, NVME_NSID_BROADCAST, FORMAT_512, 0));
    check_empty_drive(drive);
}

static void refuses_other_formats(ZnsDrive *drive)
{
    uint32_t lbaf;

    prepare_zones(drive);
    for (lbaf = 0; lbaf < 16; lbaf++) {
        if (lbaf != FORMAT_512) {
            zns_assert_status(format_ns(drive, 1, lbaf, 0),
                              NVME_INVALID_FORMAT);
        }
    }
    /* Protection takes metadata, of which there is none */
    zns_assert_status(format_ns(drive, 1, FORMAT_512, 1),
                      NVME_INVALID_FORMAT);
    zns_assert_status(format_ns(drive, 0, FORMAT_512, 0), NVME_INVALID_NSID);
    zns_assert_status(format_ns(drive, 2, FORMAT_512, 0), NVME_INVALID_FIELD);
    check_prepared_zones(drive);
}

/* Which of them come before the format is open; each is done or refused */
static void amid_writes(ZnsDrive *drive)
{
    uint16_t cids[48];
    uint16_t format_cid;
    uint16_t status;
    ZnsZone zone;
    uint32_t i;

    zns_put_pattern(drive, drive->buf_addr, 8, 1);
    for (i = 0; i < ARRAY_SIZE(cids); i++) {
        NvmeCmd cmd = zns_rw_cmd(NVME_CMD_ZONE_APPEND, zns_lba(drive, i % 3),
                                 8);

        cids[i] = zns_queue_cmd(drive->ctrl, ZNS_IO, &cmd, drive->buf_addr,
                                8 * drive->spec->block_bytes);
    }
    format_cid = queue_format(drive, 1, FORMAT_512, 0);
    zns_ring(drive->ctrl, ZNS_IO);
    zns_ring(drive->ctrl, ZNS_ADMIN);
    zns_assert_ok(zns_wait(drive->ctrl, ZNS_ADMIN, format_cid).status);
    for (i = 0; i < ARRAY_SIZE(cids); i++) {
        status = zns_wait(drive->ctrl, ZNS_IO, cids[i]).status;
        g_assert_true(status == NVME_SUCCESS ||
                      status == NVME_FORMAT_IN_PROGRESS);
    }

    for (i = 0; i < 3; i++) {
        zone = zns_zone(drive, i);
        if (zone.wp_lba > zone.start_lba) {
            g_assert_true(zns_holds(drive, zone.start_lba, 8, 1));
        }
        g_assert_true(zns_reads_zeros(drive, zone.wp_lba, 512));
        zns_assert_ok(zns_write(drive, zone.wp_lba, 8, 2));
        g_assert_true(zns_holds(drive, zone.wp_lba, 8, 2));
    }
    zns_assert_ok(format(drive));
    check_empty_drive(drive);
}

/* The drive does not hang, nor does it stay in the middle of a format */
static void reset_amid_format(ZnsDrive *drive)
{
    uint32_t i, j;
    ZnsZone zone;

    for (i = 0; i < 8; i++) {
        for (j = 0; j < 3; j++) {
            zns_assert_ok(zns_write(drive, zns_lba(drive, j), 8, j));
        }
        queue_format(drive, 1, FORMAT_512, 0);
        zns_ring(drive->ctrl, ZNS_ADMIN);
        g_usleep(i * 100);
        zns_ctrl_reset(drive->ctrl);

        for (j = 0; j < 3; j++) {
            zone = zns_zone(drive, j);
            if (zone.wp_lba > zone.start_lba) {
                g_assert_true(zns_holds(drive, zone.start_lba, 8, j));
            }
            zns_assert_ok(zns_reset(drive, j));
        }
    }
    zns_assert_ok(format(drive));
    check_empty_drive(drive);
}

/* Metadata */

static uint16_t exec_meta(ZnsDrive *drive, uint8_t opcode, uint64_t lba,
                          uint32_t flags)
{
    NvmeCmd cmd = zns_rw_cmd(opcode, lba, 8);

    cmd.mptr = cpu_to_le64(drive->buf_addr + ZNS_BUF_BYTES / 2);
    cmd.cdw12 |= cpu_to_le32(flags);
    cmd.cdw14 = cpu_to_le32(lba);
    return zns_exec(drive->ctrl, ZNS_IO, &cmd, drive->buf_addr,
                    8 * drive->spec->block_bytes).status;
}

static void clears_metadata(ZnsDrive *drive)
{
    uint64_t meta_addr = drive->buf_addr + ZNS_BUF_BYTES / 2;
    uint64_t lba = zns_lba(drive, drive->nr_zones - 2);
    uint8_t data[8 * META_BYTES];
    size_t i;

    qtest_memset(drive->qts, meta_addr, 7, sizeof(data));
    zns_assert_ok(exec_meta(drive, NVME_CMD_WRITE, lba, 0));
    zns_assert_ok(format_ns(drive, 1, FORMAT_512_MS8, 0));
    zns_assert_zone(drive, drive->nr_zones - 2, EMPTY, 0);
    zns_assert_ok(exec_meta(drive, NVME_CMD_READ, lba, 0));
    qtest_memread(drive->qts, meta_addr, data, sizeof(data));
    for (i = 0; i < sizeof(data); i++) {
        g_assert_cmphex(data[i], ==, 0);
    }
}

/* The number and the size of zones stay, protection may change */
static void changes_protection(ZnsDrive *drive)
{
    uint64_t lba = zns_lba(drive, 1);

    zns_assert_status(format_ns(drive, 1, FORMAT_512, 0),
                      NVME_INVALID_FORMAT);
    zns_assert_ok(format_ns(drive, 1, FORMAT_512_MS8, 1));
    zns_assert_ok(exec_meta(drive, NVME_CMD_WRITE, lba, PRACT));
    zns_assert_ok(exec_meta(drive, NVME_CMD_READ, lba, PRACT |
                            (uint32_t)NVME_RW_PRINFO_PRCHK_MASK << 16));
    zns_assert_zone(drive, 1, IMPLICITLY_OPEN, 8);
    zns_assert_status(zns_read(drive, zns_lba(drive, drive->nr_zones), 8),
                      NVME_LBA_RANGE);
    zns_assert_ok(format_ns(drive, 1, FORMAT_512_MS8, 0));
    check_empty_drive(drive);
}

const ZnsTest zns_format_tests[] = {
    { "format/empties-every-zone", empties_every_zone, ZNS_BOTH },
    { "format/empties-every-zone-of-4096-byte-blocks", empties_every_zone,
      ZNS_BOTH, &spec_4096 },
    { "format/is-durable-when-it-completes", is_durable, ZNS_QCOW2 },
    { "format/broadcast-takes-the-namespace", takes_all_namespaces,
      ZNS_BOTH },
    { "format/of-all-namespaces-or-none", all_or_none, ZNS_BOTH, &spec_two },
    { "format/to-another-lba-format-is-invalid-format",
      refuses_other_formats, ZNS_BOTH },
    { "format/amid-appends-leaves-zones-that-work", amid_writes, ZNS_BOTH },
    { "format/reset-of-the-controller-amid-one", reset_amid_format,
      ZNS_BOTH },
    { "format/clears-metadata", clears_metadata, ZNS_MEMORY, &spec_meta },
    { "format/may-change-protection", changes_protection, ZNS_MEMORY,
      &spec_meta },
    { }
};
