/*
 * qtest of zoned namespaces: Write, Zone Append and Read
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What it shows: where data may be written, what each misplaced command gets,
 * that many commands in flight to one zone do not disturb each other, and what
 * reads see below and above the write pointer.
 *
 * How: commands on a fresh drive; after each refusal the write pointer is
 * looked at, because a refused command must not move it.
 */

#include "qemu/osdep.h"
#include "qemu/bswap.h"
#include "qemu/cutils.h"
#include "qemu/units.h"
#include "nvme-zns-drive.h"

static const ZnsSpec spec_4096 = {
    .device_bytes = 64 * MiB,
    .zone_bytes = 4 * MiB,
    .capacity_bytes = 3 * MiB,
    .max_open_zones = 3,
    .max_active_zones = 5,
    .block_bytes = 4096,
};

static const ZnsSpec spec_odd_zone = {
    .device_bytes = 48 * MiB,
    .zone_bytes = 3 * MiB,
    .capacity_bytes = 2 * MiB + 64 * KiB,
    .block_bytes = 512,
};

static const ZnsSpec spec_full_capacity = {
    .device_bytes = 64 * MiB,
    .zone_bytes = 4 * MiB,
    .capacity_bytes = 4 * MiB,
    .block_bytes = 512,
};

static const ZnsSpec spec_cross_read = {
    .device_bytes = 64 * MiB,
    .zone_bytes = 4 * MiB,
    .capacity_bytes = 4 * MiB,
    .block_bytes = 512,
    .ns_options = ",zoned.cross_read=on",
};

static const ZnsSpec spec_zasl_64k = {
    .device_bytes = 64 * MiB,
    .zone_bytes = 4 * MiB,
    .capacity_bytes = 3 * MiB,
    .block_bytes = 512,
    .ctrl_options = ",zoned.zasl=4",
};

static const ZnsSpec spec_image_append_64k = {
    .device_bytes = 64 * MiB,
    .zone_bytes = 4 * MiB,
    .capacity_bytes = 3 * MiB,
    .block_bytes = 512,
    .image_options = ",zone.max_append_bytes=65536",
};

static const ZnsSpec spec_discard = {
    .device_bytes = 64 * MiB,
    .zone_bytes = 4 * MiB,
    .capacity_bytes = 3 * MiB,
    .block_bytes = 512,
    .drive_options = ",discard=unmap",
};

/* Write */

static void write_at_wp(ZnsDrive *drive)
{
    uint64_t lba = zns_lba(drive, 1);

    zns_assert_ok(zns_write(drive, lba, 8, 1));
    zns_assert_zone(drive, 1, IMPLICITLY_OPEN, 8);
    zns_assert_ok(zns_write(drive, lba + 8, 16, 2));
    zns_assert_zone(drive, 1, IMPLICITLY_OPEN, 24);
    g_assert_true(zns_holds(drive, lba, 8, 1));
    g_assert_true(zns_holds(drive, lba + 8, 16, 2));
    zns_assert_zone(drive, 0, EMPTY, 0);
    zns_assert_zone(drive, 2, EMPTY, 0);
}

static void write_last_zone(ZnsDrive *drive)
{
    uint32_t last_idx = drive->nr_zones - 1;

    zns_assert_ok(zns_write(drive, zns_lba(drive, last_idx), 8, 1));
    zns_assert_zone(drive, last_idx, IMPLICITLY_OPEN, 8);
    g_assert_true(zns_holds(drive, zns_lba(drive, last_idx), 8, 1));
    zns_assert_zone(drive, last_idx - 1, EMPTY, 0);
}

static void write_not_at_wp(ZnsDrive *drive)
{
    zns_assert_status(zns_write(drive, 1, 8, 9), NVME_ZONE_INVALID_WRITE);
    zns_assert_zone(drive, 0, EMPTY, 0);
    zns_assert_ok(zns_write(drive, 0, 8, 1));
    zns_assert_status(zns_write(drive, 0, 8, 9), NVME_ZONE_INVALID_WRITE);
    zns_assert_status(zns_write(drive, 4, 8, 9), NVME_ZONE_INVALID_WRITE);
    zns_assert_status(zns_write(drive, 9, 8, 9), NVME_ZONE_INVALID_WRITE);
    zns_assert_zone(drive, 0, IMPLICITLY_OPEN, 8);
    g_assert_true(zns_holds(drive, 0, 8, 1));
    g_assert_true(zns_reads_zeros(drive, 8, 16));
}

static void write_over_capacity(ZnsDrive *drive)
{
    uint64_t capacity = drive->capacity_blocks;
    uint64_t lba = zns_lba(drive, 2) + capacity - 4;

    zns_assert_ok(zns_write_zeroes(drive, zns_lba(drive, 2), capacity - 4));
    zns_assert_status(zns_write(drive, lba, 5, 9), NVME_ZONE_BOUNDARY_ERROR);
    zns_assert_zone(drive, 2, IMPLICITLY_OPEN, capacity - 4);
    g_assert_true(zns_reads_zeros(drive, lba, 5));
    zns_assert_ok(zns_write(drive, lba, 4, 1));
    zns_assert_state(drive, 2, FULL);
    g_assert_true(zns_holds(drive, lba, 4, 1));
}

static void write_into_next_zone(ZnsDrive *drive)
{
    uint64_t lba = zns_lba(drive, 1) - 4;

    zns_assert_ok(zns_write_zeroes(drive, 0, drive->capacity_blocks - 4));
    zns_assert_status(zns_write(drive, lba, 8, 9), NVME_ZONE_BOUNDARY_ERROR);
    zns_assert_zone(drive, 0, IMPLICITLY_OPEN, drive->capacity_blocks - 4);
    zns_assert_zone(drive, 1, EMPTY, 0);
    g_assert_true(zns_reads_zeros(drive, zns_lba(drive, 1), 8));
}

static void write_whole_zone(ZnsDrive *drive)
{
    uint32_t chunk_blocks = 512 * KiB / drive->spec->block_bytes;
    uint64_t lba = zns_lba(drive, 1);
    uint64_t done;

    for (done = 0; done < drive->capacity_blocks; done += chunk_blocks) {
        zns_assert_ok(zns_write(drive, lba + done, chunk_blocks, done));
    }
    zns_assert_state(drive, 1, FULL);
    for (done = 0; done < drive->capacity_blocks; done += chunk_blocks) {
        g_assert_true(zns_holds(drive, lba + done, chunk_blocks, done));
    }
}

static void write_full_zone(ZnsDrive *drive)
{
    zns_assert_ok(zns_fill_zone(drive, 0));
    zns_assert_state(drive, 0, FULL);
    zns_assert_status(zns_write(drive, 0, 8, 9), NVME_ZONE_FULL);
    zns_assert_status(zns_write(drive, drive->capacity_blocks, 8, 9),
                      NVME_ZONE_FULL);
    g_assert_true(zns_reads_zeros(drive, 0, 8));
}

static void write_beyond_namespace(ZnsDrive *drive)
{
    uint64_t end_lba = zns_lba(drive, drive->nr_zones);

    zns_assert_status(zns_write(drive, end_lba, 8, 9), NVME_LBA_RANGE);
    zns_assert_status(zns_write(drive, end_lba - 4, 8, 9), NVME_LBA_RANGE);
    zns_assert_status(zns_read(drive, end_lba - 4, 8), NVME_LBA_RANGE);
    zns_assert_zone(drive, drive->nr_zones - 1, EMPTY, 0);
}

static void write_above_capacity(ZnsDrive *drive)
{
    uint64_t capacity = drive->capacity_blocks;

    /* Off the write pointer of an Empty zone, at that of none */
    zns_assert_status(zns_write(drive, capacity, 8, 9),
                      NVME_ZONE_INVALID_WRITE);
    zns_assert_zone(drive, 0, EMPTY, 0);
    zns_assert_ok(zns_write_zeroes(drive, 0, capacity - 8));
    zns_assert_status(zns_write(drive, capacity, 8, 9),
                      NVME_ZONE_INVALID_WRITE);
    zns_assert_status(zns_write(drive, drive->zone_blocks - 8, 8, 9),
                      NVME_ZONE_INVALID_WRITE);
    zns_assert_zone(drive, 0, IMPLICITLY_OPEN, capacity - 8);
    zns_assert_ok(zns_finish(drive, 0));
    zns_assert_status(zns_write(drive, capacity, 8, 9), NVME_ZONE_FULL);
    g_assert_true(zns_reads_zeros(drive, capacity, 64));
}

/* Each command breaks two rules or more: the first in this order answers */
static void order_of_checks(ZnsDrive *drive)
{
    uint64_t capacity = drive->capacity_blocks;
    uint64_t end_lba = zns_lba(drive, drive->nr_zones);
    uint32_t i;

    /* Zone 0 Full, 1 to 3 open, which is all: no zone can be opened */
    zns_assert_ok(zns_fill_zone(drive, 0));
    for (i = 1; i <= 3; i++) {
        zns_assert_ok(zns_open(drive, i));
    }

    /* LBA range, before an append that is not at a zone start */
    zns_assert_status(zns_append(drive, end_lba + 1, 8, 9, NULL),
                      NVME_LBA_RANGE);
    /* Append checks, before the state */
    zns_assert_status(zns_append(drive, 1, 8, 9, NULL), NVME_INVALID_FIELD);
    /* The state, before the write pointer and the boundary */
    zns_assert_status(zns_write(drive, 1, 8, 9), NVME_ZONE_FULL);
    zns_assert_status(zns_write(drive, capacity - 4, 8, 9), NVME_ZONE_FULL);
    /* The write pointer, before the boundary and before resources */
    zns_assert_status(zns_write(drive, zns_lba(drive, 1) + capacity - 4, 8,
                                9), NVME_ZONE_INVALID_WRITE);
    zns_assert_status(zns_write(drive, zns_lba(drive, 4) + 1, 8, 9),
                      NVME_ZONE_INVALID_WRITE);
    /* The boundary, before resources */
    zns_assert_status(zns_write_zeroes(drive, zns_lba(drive, 4),
                                       capacity + 1),
                      NVME_ZONE_BOUNDARY_ERROR);
    zns_assert_status(zns_write(drive, zns_lba(drive, 4), 8, 9),
                      NVME_ZONE_TOO_MANY_OPEN);
    zns_assert_zone(drive, 1, EXPLICITLY_OPEN, 0);
    zns_assert_zone(drive, 4, EMPTY, 0);
}

/* Commands in flight: nothing is waited for before all are queued */

#define NR_IN_FLIGHT    48
#define FLIGHT_BLOCKS   8

static uint64_t flight_addr(const ZnsDrive *drive, unsigned i)
{
    return drive->buf_addr + (uint64_t)i * FLIGHT_BLOCKS *
                             drive->spec->block_bytes;
}

/* Queues command i, whose data is the pattern with seed i */
static uint16_t queue_flight(ZnsDrive *drive, unsigned i, uint8_t opcode,
                             uint64_t lba)
{
    NvmeCmd cmd = zns_rw_cmd(opcode, lba, FLIGHT_BLOCKS);
    size_t bytes = FLIGHT_BLOCKS * drive->spec->block_bytes;

    zns_put_pattern(drive, flight_addr(drive, i), FLIGHT_BLOCKS, i);
    return zns_queue_cmd(drive->ctrl, ZNS_IO, &cmd, flight_addr(drive, i),
                         bytes);
}

static void writes_in_flight(ZnsDrive *drive)
{
    uint64_t lba = zns_lba(drive, 3);
    uint16_t cids[NR_IN_FLIGHT];
    unsigned i;

    for (i = 0; i < NR_IN_FLIGHT; i++) {
        cids[i] = queue_flight(drive, i, NVME_CMD_WRITE,
                               lba + i * FLIGHT_BLOCKS);
    }
    zns_ring(drive->ctrl, ZNS_IO);
    for (i = NR_IN_FLIGHT; i-- > 0; ) {
        zns_assert_ok(zns_wait(drive->ctrl, ZNS_IO, cids[i]).status);
    }
    zns_assert_zone(drive, 3, IMPLICITLY_OPEN, NR_IN_FLIGHT * FLIGHT_BLOCKS);
    for (i = 0; i < NR_IN_FLIGHT; i++) {
        g_assert_true(zns_holds(drive, lba + i * FLIGHT_BLOCKS,
                                FLIGHT_BLOCKS, i));
    }
}

static void writes_in_flight_to_zones(ZnsDrive *drive)
{
    uint16_t cids[NR_IN_FLIGHT];
    unsigned i;

    for (i = 0; i < NR_IN_FLIGHT; i++) {
        cids[i] = queue_flight(drive, i, NVME_CMD_WRITE,
                               zns_lba(drive, i % 3) + i / 3 * FLIGHT_BLOCKS);
    }
    zns_ring(drive->ctrl, ZNS_IO);
    for (i = 0; i < NR_IN_FLIGHT; i++) {
        zns_assert_ok(zns_wait(drive->ctrl, ZNS_IO, cids[i]).status);
    }
    for (i = 0; i < 3; i++) {
        zns_assert_zone(drive, i, IMPLICITLY_OPEN,
                        NR_IN_FLIGHT / 3 * FLIGHT_BLOCKS);
    }
    for (i = 0; i < NR_IN_FLIGHT; i++) {
        g_assert_true(zns_holds(drive, zns_lba(drive, i % 3) +
                                i / 3 * FLIGHT_BLOCKS, FLIGHT_BLOCKS, i));
    }
}

/* The first write of data to the image file finds the disk full */
static const ZnsSpec spec_full_disk = {
    .device_bytes = 64 * MiB,
    .zone_bytes = 4 * MiB,
    .capacity_bytes = 3 * MiB,
    .block_bytes = 512,
    .drive_options = ",zone-premap-size=0,zone-prezero-size=0"
                     ",file.driver=blkdebug"
                     ",file.inject-error.0.event=write_aio"
                     ",file.inject-error.0.iotype=write"
                     ",file.inject-error.0.once=on"
                     ",file.inject-error.0.errno=28",
};

#define CLUSTER_BLOCKS  128

static uint16_t queue_cluster(ZnsDrive *drive, unsigned i)
{
    NvmeCmd cmd = zns_rw_cmd(NVME_CMD_WRITE, i * CLUSTER_BLOCKS,
                             CLUSTER_BLOCKS);
    uint64_t addr = drive->buf_addr + i * CLUSTER_BLOCKS * 512;

    zns_put_pattern(drive, addr, CLUSTER_BLOCKS, i);
    return zns_queue_cmd(drive->ctrl, ZNS_IO, &cmd, addr, CLUSTER_BLOCKS * 512);
}

/* No refusal for the failed write, nor for those behind it or its repetition */
static void failed_write_in_flight(ZnsDrive *drive)
{
    uint16_t cids[3], status;
    unsigned i;

    for (i = 0; i < ARRAY_SIZE(cids); i++) {
        cids[i] = queue_cluster(drive, i);
    }
    zns_ring(drive->ctrl, ZNS_IO);
    status = zns_wait(drive->ctrl, ZNS_IO, cids[0]).status;
    g_assert_cmphex(status, !=, NVME_SUCCESS);
    g_assert_cmphex(status, !=, NVME_ZONE_INVALID_WRITE);
    zns_assert_ok(zns_wait(drive->ctrl, ZNS_IO, cids[1]).status);
    zns_assert_ok(zns_wait(drive->ctrl, ZNS_IO, cids[2]).status);

    cids[0] = queue_cluster(drive, 0);
    zns_ring(drive->ctrl, ZNS_IO);
    zns_assert_ok(zns_wait(drive->ctrl, ZNS_IO, cids[0]).status);
    zns_assert_zone(drive, 0, IMPLICITLY_OPEN, 3 * CLUSTER_BLOCKS);
    for (i = 0; i < ARRAY_SIZE(cids); i++) {
        g_assert_true(zns_holds(drive, i * CLUSTER_BLOCKS, CLUSTER_BLOCKS, i));
    }
}

static void refused_write_in_flight(ZnsDrive *drive)
{
    uint16_t good1 = queue_flight(drive, 1, NVME_CMD_WRITE, 0);
    uint16_t bad = queue_flight(drive, 2, NVME_CMD_WRITE, 100);
    uint16_t good2 = queue_flight(drive, 3, NVME_CMD_WRITE, FLIGHT_BLOCKS);

    zns_ring(drive->ctrl, ZNS_IO);
    zns_assert_ok(zns_wait(drive->ctrl, ZNS_IO, good1).status);
    zns_assert_status(zns_wait(drive->ctrl, ZNS_IO, bad).status,
                      NVME_ZONE_INVALID_WRITE);
    zns_assert_ok(zns_wait(drive->ctrl, ZNS_IO, good2).status);
    zns_assert_zone(drive, 0, IMPLICITLY_OPEN, 2 * FLIGHT_BLOCKS);
    g_assert_true(zns_holds(drive, 0, FLIGHT_BLOCKS, 1));
    g_assert_true(zns_holds(drive, FLIGHT_BLOCKS, FLIGHT_BLOCKS, 3));
    g_assert_true(zns_reads_zeros(drive, 100, FLIGHT_BLOCKS));
}

/* Commands are taken up in order: the action comes after the writes */
static void action_behind_writes(ZnsDrive *drive, uint8_t action)
{
    NvmeCmd cmd = zns_rw_cmd(NVME_CMD_ZONE_MGMT_SEND, 0, 1);
    uint16_t cids[16];
    uint16_t cid;
    unsigned i;

    cmd.cdw13 = cpu_to_le32(action);
    for (i = 0; i < ARRAY_SIZE(cids); i++) {
        cids[i] = queue_flight(drive, i, NVME_CMD_WRITE, i * FLIGHT_BLOCKS);
    }
    cid = zns_queue_cmd(drive->ctrl, ZNS_IO, &cmd, 0, 0);
    zns_ring(drive->ctrl, ZNS_IO);
    zns_assert_ok(zns_wait(drive->ctrl, ZNS_IO, cid).status);
    for (i = 0; i < ARRAY_SIZE(cids); i++) {
        zns_assert_ok(zns_wait(drive->ctrl, ZNS_IO, cids[i]).status);
    }
}

static void reset_behind_writes(ZnsDrive *drive)
{
    action_behind_writes(drive, NVME_ZONE_ACTION_RESET);
    zns_assert_zone(drive, 0, EMPTY, 0);
    g_assert_true(zns_reads_zeros(drive, 0, 16 * FLIGHT_BLOCKS));
    zns_assert_ok(zns_write(drive, 0, 8, 50));
    g_assert_true(zns_holds(drive, 0, 8, 50));
    zns_assert_zone(drive, 0, IMPLICITLY_OPEN, 8);
}

static void finish_behind_writes(ZnsDrive *drive)
{
    unsigned i;

    action_behind_writes(drive, NVME_ZONE_ACTION_FINISH);
    zns_assert_state(drive, 0, FULL);
    for (i = 0; i < 16; i++) {
        g_assert_true(zns_holds(drive, i * FLIGHT_BLOCKS, FLIGHT_BLOCKS, i));
    }
    g_assert_true(zns_reads_zeros(drive, 16 * FLIGHT_BLOCKS, 64));
}

static void close_behind_writes(ZnsDrive *drive)
{
    action_behind_writes(drive, NVME_ZONE_ACTION_CLOSE);
    zns_assert_zone(drive, 0, CLOSED, 16 * FLIGHT_BLOCKS);
}

static void write_with_prp_list(ZnsDrive *drive)
{
    uint32_t nr_blocks = 256 * KiB / drive->spec->block_bytes;
    size_t bytes = nr_blocks * drive->spec->block_bytes;
    uint64_t addr = drive->buf_addr + 1024 + 4;
    NvmeCmd cmd = zns_rw_cmd(NVME_CMD_WRITE, 0, nr_blocks);

    zns_put_pattern(drive, addr, nr_blocks, 7);
    zns_assert_ok(zns_exec(drive->ctrl, ZNS_IO, &cmd, addr, bytes).status);
    zns_assert_zone(drive, 0, IMPLICITLY_OPEN, nr_blocks);
    g_assert_true(zns_holds(drive, 0, nr_blocks, 7));
}

/* Zone Append */

static void append_returns_lba(ZnsDrive *drive)
{
    uint64_t zone_lba = zns_lba(drive, 1);
    uint64_t lba = 0;

    zns_assert_ok(zns_append(drive, zone_lba, 8, 1, &lba));
    g_assert_cmpuint(lba, ==, zone_lba);
    zns_assert_ok(zns_append(drive, zone_lba, 16, 2, &lba));
    g_assert_cmpuint(lba, ==, zone_lba + 8);
    zns_assert_zone(drive, 1, IMPLICITLY_OPEN, 24);
    zns_assert_ok(zns_write(drive, zone_lba + 24, 8, 3));
    zns_assert_ok(zns_append(drive, zone_lba, 8, 4, &lba));
    g_assert_cmpuint(lba, ==, zone_lba + 32);
    g_assert_true(zns_holds(drive, zone_lba, 8, 1));
    g_assert_true(zns_holds(drive, zone_lba + 8, 16, 2));
    g_assert_true(zns_holds(drive, lba, 8, 4));
}

static void appends_in_flight(ZnsDrive *drive)
{
    uint64_t zone_lba = zns_lba(drive, 2);
    uint16_t cids[NR_IN_FLIGHT];
    bool seen[NR_IN_FLIGHT] = { false };
    ZnsReply reply;
    uint64_t place;
    unsigned i;

    for (i = 0; i < NR_IN_FLIGHT; i++) {
        cids[i] = queue_flight(drive, i, NVME_CMD_ZONE_APPEND, zone_lba);
    }
    zns_ring(drive->ctrl, ZNS_IO);
    for (i = 0; i < NR_IN_FLIGHT; i++) {
        reply = zns_wait(drive->ctrl, ZNS_IO, cids[i]);
        zns_assert_ok(reply.status);
        place = (reply.result - zone_lba) / FLIGHT_BLOCKS;
        g_assert_cmpuint(reply.result % FLIGHT_BLOCKS, ==, 0);
        g_assert_cmpuint(place, <, NR_IN_FLIGHT);
        g_assert_false(seen[place % NR_IN_FLIGHT]);
        seen[place % NR_IN_FLIGHT] = true;
        cids[i] = place % NR_IN_FLIGHT;
    }
    zns_assert_zone(drive, 2, IMPLICITLY_OPEN, NR_IN_FLIGHT * FLIGHT_BLOCKS);
    for (i = 0; i < NR_IN_FLIGHT; i++) {
        g_assert_true(zns_holds(drive, zone_lba + cids[i] * FLIGHT_BLOCKS,
                                FLIGHT_BLOCKS, i));
    }
}

static void appends_among_writes(ZnsDrive *drive)
{
    uint64_t lba = zns_lba(drive, 1);
    uint16_t write1 = queue_flight(drive, 1, NVME_CMD_WRITE, lba);
    uint16_t append = queue_flight(drive, 2, NVME_CMD_ZONE_APPEND, lba);
    uint16_t write2 = queue_flight(drive, 3, NVME_CMD_WRITE,
                                   lba + 2 * FLIGHT_BLOCKS);
    ZnsReply reply;

    zns_ring(drive->ctrl, ZNS_IO);
    zns_assert_ok(zns_wait(drive->ctrl, ZNS_IO, write1).status);
    zns_assert_ok(zns_wait(drive->ctrl, ZNS_IO, write2).status);
    reply = zns_wait(drive->ctrl, ZNS_IO, append);
    zns_assert_ok(reply.status);
    g_assert_cmpuint(reply.result, ==, lba + FLIGHT_BLOCKS);
    zns_assert_zone(drive, 1, IMPLICITLY_OPEN, 3 * FLIGHT_BLOCKS);
    g_assert_true(zns_holds(drive, lba, FLIGHT_BLOCKS, 1));
    g_assert_true(zns_holds(drive, reply.result, FLIGHT_BLOCKS, 2));
    g_assert_true(zns_holds(drive, lba + 2 * FLIGHT_BLOCKS,
                            FLIGHT_BLOCKS, 3));
}

static void append_not_at_start(ZnsDrive *drive)
{
    zns_assert_ok(zns_write(drive, 0, 8, 1));
    zns_assert_status(zns_append(drive, 8, 8, 9, NULL), NVME_INVALID_FIELD);
    zns_assert_status(zns_append(drive, drive->zone_blocks - 1, 8, 9, NULL),
                      NVME_INVALID_FIELD);
    zns_assert_zone(drive, 0, IMPLICITLY_OPEN, 8);
}

static void append_above_64k(ZnsDrive *drive)
{
    uint32_t most_blocks = 64 * KiB / drive->spec->block_bytes;

    zns_assert_status(zns_append(drive, 0, most_blocks + 1, 9, NULL),
                      NVME_INVALID_FIELD);
    zns_assert_zone(drive, 0, EMPTY, 0);
    zns_assert_ok(zns_append(drive, 0, most_blocks, 1, NULL));
    g_assert_true(zns_holds(drive, 0, most_blocks, 1));
    zns_assert_ok(zns_write(drive, most_blocks, most_blocks + 1, 2));
}

/* The unit is the smallest page, not the one that the host has chosen */
static void append_above_64k_with_larger_pages(ZnsDrive *drive)
{
    zns_ctrl_reset_to_pages(drive->ctrl, 8 * KiB);
    append_above_64k(drive);
}

static void append_above_mdts(ZnsDrive *drive)
{
    uint32_t nr_blocks = MiB / drive->spec->block_bytes;

    zns_assert_status(zns_append(drive, 0, nr_blocks, 9, NULL),
                      NVME_INVALID_FIELD);
    zns_assert_zone(drive, 0, EMPTY, 0);
}

static void append_over_capacity(ZnsDrive *drive)
{
    uint64_t capacity = drive->capacity_blocks;
    uint64_t lba = 0;

    zns_assert_ok(zns_write_zeroes(drive, 0, capacity - 4));
    zns_assert_status(zns_append(drive, 0, 5, 9, NULL),
                      NVME_ZONE_BOUNDARY_ERROR);
    zns_assert_zone(drive, 0, IMPLICITLY_OPEN, capacity - 4);
    zns_assert_ok(zns_append(drive, 0, 4, 1, &lba));
    g_assert_cmpuint(lba, ==, capacity - 4);
    zns_assert_state(drive, 0, FULL);
    zns_assert_status(zns_append(drive, 0, 1, 9, NULL), NVME_ZONE_FULL);
    g_assert_true(zns_holds(drive, capacity - 4, 4, 1));
}

/* Read */

static void read_above_wp(ZnsDrive *drive)
{
    zns_assert_ok(zns_write(drive, 0, 8, 1));
    g_assert_true(zns_reads_zeros(drive, 8, 64));
    g_assert_true(zns_reads_zeros(drive, drive->capacity_blocks - 8, 8));
    /* One command over the write pointer and into the next half cluster */
    zns_assert_ok(zns_read(drive, 0, 256));
    g_assert_true(zns_holds(drive, 0, 8, 1));
    zns_assert_zone(drive, 0, IMPLICITLY_OPEN, 8);
}

static void read_over_wp(ZnsDrive *drive)
{
    size_t block_bytes = drive->spec->block_bytes;
    g_autofree char *data = g_malloc(24 * block_bytes);

    zns_assert_ok(zns_write(drive, 0, 8, 1));
    qtest_memset(drive->qts, drive->buf_addr, 0xa5, 24 * block_bytes);
    zns_assert_ok(zns_read(drive, 0, 24));
    qtest_bufread(drive->qts, drive->buf_addr, data, 24 * block_bytes);
    g_assert_false(buffer_is_zero(data + 7 * block_bytes, block_bytes));
    g_assert_true(buffer_is_zero(data + 8 * block_bytes, 16 * block_bytes));
}

static void read_above_capacity(ZnsDrive *drive)
{
    uint64_t capacity = drive->capacity_blocks;

    zns_assert_ok(zns_write_zeroes(drive, 0, capacity - 8));
    zns_assert_ok(zns_write(drive, capacity - 8, 8, 1));
    zns_assert_state(drive, 0, FULL);
    g_assert_true(zns_holds(drive, capacity - 8, 8, 1));
    g_assert_true(zns_reads_zeros(drive, capacity, 64));
    g_assert_true(zns_reads_zeros(drive, drive->zone_blocks - 8, 8));
}

static void read_over_zone_end(ZnsDrive *drive)
{
    uint64_t lba = zns_lba(drive, 1) - 4;

    zns_assert_status(zns_read(drive, lba, 8), NVME_ZONE_BOUNDARY_ERROR);
    zns_assert_ok(zns_read(drive, lba, 4));
}

static void read_over_zone_end_allowed(ZnsDrive *drive)
{
    uint64_t lba = zns_lba(drive, 1) - 4;

    zns_assert_ok(zns_write_zeroes(drive, 0, drive->capacity_blocks - 4));
    zns_assert_ok(zns_write(drive, lba, 4, 1));
    g_assert_true(zns_holds(drive, lba, 4, 1));
    zns_assert_ok(zns_write(drive, lba + 4, 4, 1));
    zns_assert_ok(zns_read(drive, lba, 8));
    zns_assert_zone(drive, 1, IMPLICITLY_OPEN, 4);
}

static void read_after_reset(ZnsDrive *drive)
{
    zns_assert_ok(zns_write(drive, 0, 256, 1));
    zns_assert_ok(zns_flush(drive));
    zns_assert_ok(zns_reset(drive, 0));
    g_assert_true(zns_reads_zeros(drive, 0, 256));
    zns_assert_ok(zns_write(drive, 0, 3, 2));
    g_assert_true(zns_holds(drive, 0, 3, 2));
    g_assert_true(zns_reads_zeros(drive, 3, 253));
}

const ZnsTest zns_io_tests[] = {
    { "write/at-the-write-pointer-advances-it", write_at_wp, ZNS_BOTH },
    { "write/at-the-write-pointer-in-4096-byte-blocks", write_at_wp,
      ZNS_BOTH, &spec_4096 },
    { "write/at-the-write-pointer-of-a-zone-of-odd-size", write_at_wp,
      ZNS_BOTH, &spec_odd_zone },
    { "write/last-zone-of-odd-size", write_last_zone, ZNS_BOTH,
      &spec_odd_zone },
    { "write/not-at-the-write-pointer-is-zone-invalid-write",
      write_not_at_wp, ZNS_BOTH },
    { "write/over-the-capacity-is-zone-boundary-error",
      write_over_capacity, ZNS_BOTH },
    { "write/over-the-capacity-in-4096-byte-blocks", write_over_capacity,
      ZNS_BOTH, &spec_4096 },
    { "write/over-the-capacity-of-a-zone-of-odd-size", write_over_capacity,
      ZNS_BOTH, &spec_odd_zone },
    { "write/into-the-next-zone-is-zone-boundary-error",
      write_into_next_zone, ZNS_BOTH, &spec_full_capacity },
    { "write/up-to-the-capacity-makes-the-zone-full", write_whole_zone,
      ZNS_BOTH },
    { "write/to-a-full-zone-is-zone-is-full", write_full_zone, ZNS_BOTH },
    { "write/above-the-capacity-is-refused", write_above_capacity,
      ZNS_BOTH },
    { "write/checks-come-in-order", order_of_checks, ZNS_BOTH },
    { "write/beyond-the-namespace-is-lba-out-of-range",
      write_beyond_namespace, ZNS_BOTH },
    { "write/many-in-flight-to-one-zone", writes_in_flight, ZNS_BOTH },
    { "write/many-in-flight-in-4096-byte-blocks", writes_in_flight, ZNS_BOTH,
      &spec_4096 },
    { "write/many-in-flight-to-three-zones", writes_in_flight_to_zones,
      ZNS_BOTH },
    { "write/failed-one-in-flight-can-be-made-again", failed_write_in_flight,
      ZNS_QCOW2, &spec_full_disk },
    { "write/refused-one-in-flight-leaves-the-others-alone",
      refused_write_in_flight, ZNS_BOTH },
    { "write/in-flight-before-a-reset-is-gone", reset_behind_writes,
      ZNS_BOTH },
    { "write/in-flight-before-a-finish-is-kept", finish_behind_writes,
      ZNS_BOTH },
    { "write/in-flight-before-a-close-is-kept", close_behind_writes,
      ZNS_BOTH },
    { "write/data-in-a-prp-list-at-an-odd-offset", write_with_prp_list,
      ZNS_BOTH },
    { "append/returns-the-assigned-lba", append_returns_lba, ZNS_BOTH },
    { "append/many-in-flight-get-lbas-of-their-own", appends_in_flight,
      ZNS_BOTH },
    { "append/many-in-flight-in-4096-byte-blocks", appends_in_flight,
      ZNS_BOTH, &spec_4096 },
    { "append/among-writes-in-flight", appends_among_writes, ZNS_BOTH },
    { "append/not-at-a-zone-start-is-invalid-field", append_not_at_start,
      ZNS_BOTH },
    { "append/above-the-controllers-limit-is-invalid-field",
      append_above_64k, ZNS_BOTH, &spec_zasl_64k },
    { "append/limit-is-the-same-with-larger-pages",
      append_above_64k_with_larger_pages, ZNS_BOTH, &spec_zasl_64k },
    { "append/above-the-images-limit-is-invalid-field", append_above_64k,
      ZNS_QCOW2, &spec_image_append_64k },
    { "append/above-mdts-is-invalid-field", append_above_mdts, ZNS_BOTH },
    { "append/over-the-capacity-is-zone-boundary-error",
      append_over_capacity, ZNS_BOTH },
    { "read/above-the-write-pointer-is-zeros", read_above_wp, ZNS_BOTH },
    { "read/over-the-write-pointer-is-data-then-zeros", read_over_wp,
      ZNS_BOTH },
    { "read/above-the-capacity-is-zeros", read_above_capacity, ZNS_BOTH },
    { "read/over-the-zone-end-is-zone-boundary-error", read_over_zone_end,
      ZNS_BOTH },
    { "read/over-the-zone-end-with-cross-read", read_over_zone_end_allowed,
      ZNS_BOTH, &spec_cross_read },
    { "read/after-reset-is-zeros", read_after_reset, ZNS_BOTH },
    { "read/after-reset-that-discards-is-zeros", read_after_reset, ZNS_BOTH,
      &spec_discard },
    { }
};
