/*
 * qtest of zoned namespaces: metadata and protection information
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What it shows: metadata follows its data, to where an append puts it too,
 * is not touched by a refused write and is gone after a reset; the reference
 * tag of an append is remapped to where the data went.
 *
 * How: 8 bytes of metadata for each block, in a buffer of their own, on drives
 * with their zones in memory (zoned images have none).
 */

#include "qemu/osdep.h"
#include "qemu/bswap.h"
#include "qemu/units.h"
#include "nvme-zns-drive.h"

#define META_BYTES      8
#define MAX_BLOCKS      64

/* Bits of dword 12 */
#define PIREMAP         ((uint32_t)NVME_RW_PIREMAP << 16)
#define PRACT           ((uint32_t)NVME_RW_PRINFO_PRACT << 16)
#define PRCHK           ((uint32_t)NVME_RW_PRINFO_PRCHK_MASK << 16)

#define META_SPEC(options) {            \
    .device_bytes = 64 * MiB,           \
    .zone_bytes = 4 * MiB,              \
    .capacity_bytes = 3 * MiB,          \
    .block_bytes = 512,                 \
    .ns_options = options,              \
}

static const ZnsSpec spec_meta = META_SPEC(",ms=8");
static const ZnsSpec spec_pi1 = META_SPEC(",ms=8,pi=1");
static const ZnsSpec spec_pi2 = META_SPEC(",ms=8,pi=2");
static const ZnsSpec spec_pi3 = META_SPEC(",ms=8,pi=3");

static const ZnsSpec spec_extended = META_SPEC(",ms=8,mset=1");
/* Appends of 8 KiB: 15 blocks of 520 bytes */
static const ZnsSpec spec_extended_8k = {
    .device_bytes = 66 * MiB,
    .zone_bytes = 4 * MiB,
    .capacity_bytes = 3 * MiB,
    .block_bytes = 512,
    .ns_options = ",ms=8,mset=1",
    .ctrl_options = ",zoned.zasl=1",
};
static const ZnsSpec spec_extended_pi1_8k = {
    .device_bytes = 66 * MiB,
    .zone_bytes = 4 * MiB,
    .capacity_bytes = 3 * MiB,
    .block_bytes = 512,
    .ns_options = ",ms=8,mset=1,pi=1",
    .ctrl_options = ",zoned.zasl=1",
};
static const ZnsSpec spec_pi2_guard64 = META_SPEC(",ms=16,pi=2,pif=2");

static const ZnsSpec spec_meta_zrwa =
    META_SPEC(",ms=8,zoned.zrwas=65536,zoned.zrwafg=4096");

/* Each request waits 5 ms: what is assigned too early is assigned twice */
static const ZnsSpec spec_meta_slow = {
    .device_bytes = 64 * MiB,
    .zone_bytes = 4 * MiB,
    .capacity_bytes = 3 * MiB,
    .block_bytes = 512,
    .ns_options = ",ms=8",
    .drive_options = ",throttling.iops-total=200",
};

static const ZnsSpec spec_pi1_slow = {
    .device_bytes = 64 * MiB,
    .zone_bytes = 4 * MiB,
    .capacity_bytes = 3 * MiB,
    .block_bytes = 512,
    .ns_options = ",ms=8,pi=1",
    .drive_options = ",throttling.iops-total=200",
};

static uint64_t meta_addr(const ZnsDrive *drive)
{
    return drive->buf_addr + ZNS_BUF_BYTES / 2;
}

static ZnsReply exec_meta(ZnsDrive *drive, uint8_t opcode, uint64_t lba,
                          uint32_t nr_blocks, uint32_t flags, uint32_t reftag)
{
    NvmeCmd cmd = zns_rw_cmd(opcode, lba, nr_blocks);

    g_assert_cmpuint(nr_blocks, <=, MAX_BLOCKS);
    cmd.mptr = cpu_to_le64(meta_addr(drive));
    cmd.cdw12 |= cpu_to_le32(flags);
    cmd.cdw14 = cpu_to_le32(reftag);
    return zns_exec(drive->ctrl, ZNS_IO, &cmd, drive->buf_addr,
                    nr_blocks * drive->spec->block_bytes);
}

/* Metadata is the byte, data the pattern of the same seed */
static ZnsReply store(ZnsDrive *drive, uint8_t opcode, uint64_t lba,
                      uint32_t nr_blocks, uint8_t seed)
{
    zns_put_pattern(drive, drive->buf_addr, nr_blocks, seed);
    qtest_memset(drive->qts, meta_addr(drive), seed, nr_blocks * META_BYTES);
    return exec_meta(drive, opcode, lba, nr_blocks, 0, 0);
}

static bool meta_is(ZnsDrive *drive, uint64_t lba, uint32_t nr_blocks,
                    uint8_t byte)
{
    size_t bytes = nr_blocks * META_BYTES;
    g_autofree uint8_t *data = g_malloc(bytes);
    size_t i;

    qtest_memset(drive->qts, meta_addr(drive), 0xa5, bytes);
    zns_assert_ok(exec_meta(drive, NVME_CMD_READ, lba, nr_blocks, 0,
                            0).status);
    qtest_memread(drive->qts, meta_addr(drive), data, bytes);
    for (i = 0; i < bytes && data[i] == byte; i++) {
        /* look on */
    }
    return i == bytes;
}

static void meta_follows_data(ZnsDrive *drive)
{
    uint64_t lba = zns_lba(drive, 1);
    ZnsReply reply;

    zns_assert_ok(store(drive, NVME_CMD_WRITE, lba, 8, 1).status);
    reply = store(drive, NVME_CMD_ZONE_APPEND, lba, 8, 2);
    zns_assert_ok(reply.status);
    g_assert_cmpuint(reply.result, ==, lba + 8);
    zns_assert_zone(drive, 1, IMPLICITLY_OPEN, 16);

    g_assert_true(meta_is(drive, lba, 8, 1));
    g_assert_true(meta_is(drive, lba + 8, 8, 2));
    g_assert_true(meta_is(drive, lba + 16, 8, 0));
    g_assert_true(zns_holds(drive, lba, 8, 1));
    g_assert_true(zns_holds(drive, lba + 8, 8, 2));
}

/* Both are on their way: the write comes first, with all that belongs to it */
static void write_before_reset_leaves_no_meta(ZnsDrive *drive)
{
    uint64_t lba = zns_lba(drive, 1);
    NvmeCmd write = zns_rw_cmd(NVME_CMD_WRITE, lba, 8);
    NvmeCmd reset = zns_rw_cmd(NVME_CMD_ZONE_MGMT_SEND, lba, 1);
    uint16_t write_cid, reset_cid;

    zns_put_pattern(drive, drive->buf_addr, 8, 7);
    qtest_memset(drive->qts, meta_addr(drive), 7, 8 * META_BYTES);
    write.mptr = cpu_to_le64(meta_addr(drive));
    reset.cdw13 = cpu_to_le32(NVME_ZONE_ACTION_RESET);
    write_cid = zns_queue_cmd(drive->ctrl, ZNS_IO, &write, drive->buf_addr,
                              8 * drive->spec->block_bytes);
    reset_cid = zns_queue_cmd(drive->ctrl, ZNS_IO, &reset, 0, 0);
    zns_ring(drive->ctrl, ZNS_IO);
    zns_assert_ok(zns_wait(drive->ctrl, ZNS_IO, write_cid).status);
    zns_assert_ok(zns_wait(drive->ctrl, ZNS_IO, reset_cid).status);
    zns_assert_zone(drive, 1, EMPTY, 0);
    g_assert_true(meta_is(drive, lba, 8, 0));
    zns_assert_ok(store(drive, NVME_CMD_WRITE, lba, 4, 1).status);
    g_assert_true(meta_is(drive, lba, 4, 1));
    g_assert_true(meta_is(drive, lba + 4, 4, 0));
}

static void copy_takes_meta_along(ZnsDrive *drive)
{
    uint64_t to_lba = zns_lba(drive, 2);

    zns_assert_ok(store(drive, NVME_CMD_WRITE, 0, 4, 1).status);
    zns_assert_ok(store(drive, NVME_CMD_WRITE, 4, 4, 2).status);
    zns_assert_ok(zns_copy_two(drive, to_lba, 4, 0, 4));
    zns_assert_zone(drive, 2, IMPLICITLY_OPEN, 8);
    g_assert_true(meta_is(drive, to_lba, 4, 2));
    g_assert_true(meta_is(drive, to_lba + 4, 4, 1));
    g_assert_true(zns_holds(drive, to_lba, 4, 2));
    g_assert_true(zns_holds(drive, to_lba + 4, 4, 1));
}

static ZnsReply append_extended(ZnsDrive *drive, uint32_t nr_blocks,
                                uint32_t flags)
{
    NvmeCmd cmd = zns_rw_cmd(NVME_CMD_ZONE_APPEND, 0, nr_blocks);

    cmd.cdw12 |= cpu_to_le32(flags);
    return zns_exec(drive->ctrl, ZNS_IO, &cmd, drive->buf_addr,
                    nr_blocks * (drive->spec->block_bytes + META_BYTES));
}

static void append_limit_counts_metadata(ZnsDrive *drive)
{
    zns_assert_status(append_extended(drive, 16, 0).status,
                      NVME_INVALID_FIELD);
    zns_assert_zone(drive, 0, EMPTY, 0);
    zns_assert_ok(append_extended(drive, 15, 0).status);
    zns_assert_zone(drive, 0, IMPLICITLY_OPEN, 15);
}

/* The controller makes the tuples, which are all of the metadata */
static void append_limit_is_of_what_is_sent(ZnsDrive *drive)
{
    zns_assert_status(append_extended(drive, 16, PIREMAP).status,
                      NVME_INVALID_FIELD);
    zns_assert_zone(drive, 0, EMPTY, 0);
    zns_assert_ok(append_extended(drive, 16, PIREMAP | PRACT).status);
    zns_assert_zone(drive, 0, IMPLICITLY_OPEN, 16);
}

static void refused_write_keeps_meta(ZnsDrive *drive)
{
    uint64_t lba = zns_lba(drive, 1);

    zns_assert_ok(store(drive, NVME_CMD_WRITE, lba, 8, 1).status);
    zns_assert_status(store(drive, NVME_CMD_WRITE, lba, 8, 2).status,
                      NVME_ZONE_INVALID_WRITE);
    zns_assert_status(store(drive, NVME_CMD_WRITE, lba + 16, 8, 2).status,
                      NVME_ZONE_INVALID_WRITE);
    g_assert_true(meta_is(drive, lba, 8, 1));
    g_assert_true(meta_is(drive, lba + 16, 8, 0));
}

static void append_with_meta_is_refused(ZnsDrive *drive)
{
    uint64_t lba = zns_lba(drive, 1);

    zns_assert_ok(zns_write_zeroes(drive, lba, drive->capacity_blocks - 4));
    zns_assert_status(store(drive, NVME_CMD_ZONE_APPEND, lba, 8, 1).status,
                      NVME_ZONE_BOUNDARY_ERROR);
    zns_assert_ok(store(drive, NVME_CMD_ZONE_APPEND, lba, 4, 1).status);
    zns_assert_status(store(drive, NVME_CMD_ZONE_APPEND, lba, 1, 1).status,
                      NVME_ZONE_FULL);
    zns_assert_status(store(drive, NVME_CMD_ZONE_APPEND, lba + 1, 1, 1).status,
                      NVME_INVALID_FIELD);
    zns_assert_zone(drive, 2, EMPTY, 0);
}

#define NR_IN_FLIGHT    24
#define FLIGHT_BLOCKS   4

static uint16_t queue_append(ZnsDrive *drive, unsigned i, uint64_t zslba,
                             uint32_t flags)
{
    size_t bytes = FLIGHT_BLOCKS * drive->spec->block_bytes;
    uint64_t addr = drive->buf_addr + i * bytes;
    NvmeCmd cmd = zns_rw_cmd(NVME_CMD_ZONE_APPEND, zslba, FLIGHT_BLOCKS);

    zns_put_pattern(drive, addr, FLIGHT_BLOCKS, i);
    cmd.mptr = cpu_to_le64(meta_addr(drive) + i * FLIGHT_BLOCKS * META_BYTES);
    cmd.cdw12 |= cpu_to_le32(flags);
    cmd.cdw14 = cpu_to_le32(zslba);
    return zns_queue_cmd(drive->ctrl, ZNS_IO, &cmd, addr, bytes);
}

/* All to one zone; lbas[i] is where append i went, which no other one did */
static void append_in_flight(ZnsDrive *drive, uint64_t zslba, uint32_t flags,
                             uint64_t *lbas)
{
    uint16_t cids[NR_IN_FLIGHT];
    bool seen[NR_IN_FLIGHT] = { false };
    ZnsReply reply;
    uint64_t place;
    unsigned i;

    for (i = 0; i < NR_IN_FLIGHT; i++) {
        qtest_memset(drive->qts, meta_addr(drive) +
                     i * FLIGHT_BLOCKS * META_BYTES, i + 1,
                     FLIGHT_BLOCKS * META_BYTES);
        cids[i] = queue_append(drive, i, zslba, flags);
    }
    zns_ring(drive->ctrl, ZNS_IO);
    for (i = 0; i < NR_IN_FLIGHT; i++) {
        reply = zns_wait(drive->ctrl, ZNS_IO, cids[i]);
        zns_assert_ok(reply.status);
        lbas[i] = reply.result;
        place = (reply.result - zslba) / FLIGHT_BLOCKS;
        g_assert_cmpuint(reply.result % FLIGHT_BLOCKS, ==, 0);
        g_assert_cmpuint(place, <, NR_IN_FLIGHT);
        g_assert_false(seen[place % NR_IN_FLIGHT]);
        seen[place % NR_IN_FLIGHT] = true;
    }
}

static void appends_in_flight(ZnsDrive *drive)
{
    uint64_t lba = zns_lba(drive, 1);
    uint64_t lbas[NR_IN_FLIGHT];
    unsigned i;

    append_in_flight(drive, lba, 0, lbas);
    zns_assert_zone(drive, 1, IMPLICITLY_OPEN, NR_IN_FLIGHT * FLIGHT_BLOCKS);
    for (i = 0; i < NR_IN_FLIGHT; i++) {
        g_assert_true(zns_holds(drive, lbas[i], FLIGHT_BLOCKS, i));
        g_assert_true(meta_is(drive, lbas[i], FLIGHT_BLOCKS, i + 1));
    }
}

static uint16_t queue_to_one_place(ZnsDrive *drive, uint64_t lba, unsigned i)
{
    uint32_t nr_blocks = i % 2 ? 1 : 16;
    size_t bytes = nr_blocks * drive->spec->block_bytes;
    uint64_t addr = drive->buf_addr + i * 16 * drive->spec->block_bytes;
    uint64_t at = meta_addr(drive) + i * 16 * META_BYTES;
    NvmeCmd cmd = zns_rw_cmd(NVME_CMD_WRITE, lba, nr_blocks);

    qtest_memset(drive->qts, addr, i + 1, bytes);
    qtest_memset(drive->qts, at, i + 1, nr_blocks * META_BYTES);
    cmd.mptr = cpu_to_le64(at);
    return zns_queue_cmd(drive->ctrl, ZNS_IO, &cmd, addr, bytes);
}

/* In a random write area: whichever comes last, it is one that is there */
static void writes_to_one_place(ZnsDrive *drive)
{
    uint64_t lba = zns_lba(drive, 1);
    uint16_t cids[NR_IN_FLIGHT];
    unsigned round, i;

    zns_assert_ok(zns_send(drive, lba,
                           NVME_ZONE_ACTION_OPEN | ZNS_ZRWA_ALLOC));
    for (round = 0; round < 50 && !g_test_failed(); round++) {
        g_autofree char *data = NULL;

        for (i = 0; i < NR_IN_FLIGHT; i++) {
            cids[i] = queue_to_one_place(drive, lba, i);
        }
        zns_ring(drive->ctrl, ZNS_IO);
        for (i = 0; i < NR_IN_FLIGHT; i++) {
            zns_assert_ok(zns_wait(drive->ctrl, ZNS_IO, cids[i]).status);
        }
        data = zns_load_blocks(drive, lba, 1);
        g_assert_nonnull(data);
        g_assert_true(meta_is(drive, lba, 1, data[0]));
    }
}

/* Of the zones that are reset, and of no other */
static void reset_clears_meta(ZnsDrive *drive)
{
    uint32_t i;

    for (i = 0; i < 4; i++) {
        zns_assert_ok(store(drive, NVME_CMD_WRITE, zns_lba(drive, i), 8,
                            i + 1).status);
    }
    zns_assert_ok(zns_reset(drive, 1));
    g_assert_true(meta_is(drive, zns_lba(drive, 0), 8, 1));
    g_assert_true(meta_is(drive, zns_lba(drive, 1), 8, 0));
    g_assert_true(meta_is(drive, zns_lba(drive, 2), 8, 3));

    zns_assert_ok(zns_finish(drive, 2));
    zns_assert_ok(zns_send(drive, 0, NVME_ZONE_ACTION_RESET | ZNS_SELECT_ALL));
    for (i = 0; i < 4; i++) {
        zns_assert_zone(drive, i, EMPTY, 0);
        g_assert_true(meta_is(drive, zns_lba(drive, i), 8, 0));
    }
}

/* The tag given is that of the zone start; the check is against the LBA */
static void pi_append_is_remapped(ZnsDrive *drive)
{
    uint64_t lba = zns_lba(drive, 1);
    ZnsReply reply;
    uint32_t i;

    zns_put_pattern(drive, drive->buf_addr, 8, 1);
    for (i = 0; i < 3; i++) {
        reply = exec_meta(drive, NVME_CMD_ZONE_APPEND, lba, 8,
                          PIREMAP | PRACT, lba);
        zns_assert_ok(reply.status);
        g_assert_cmpuint(reply.result, ==, lba + i * 8);
    }
    for (i = 0; i < 3; i++) {
        zns_assert_ok(exec_meta(drive, NVME_CMD_READ, lba + i * 8, 8,
                                PRACT | PRCHK, lba + i * 8).status);
    }
}

/* The tag goes up with each block even if it has nothing to do with the LBA */
static void pi2_append_is_remapped_on_request(ZnsDrive *drive)
{
    uint64_t lba = zns_lba(drive, 1);
    uint32_t tag = 0xfffffff0;

    zns_put_pattern(drive, drive->buf_addr, 8, 1);
    zns_assert_ok(exec_meta(drive, NVME_CMD_ZONE_APPEND, lba, 8,
                            PIREMAP | PRACT, tag).status);
    zns_assert_ok(exec_meta(drive, NVME_CMD_ZONE_APPEND, lba, 8,
                            PIREMAP | PRACT, tag).status);
    zns_assert_ok(exec_meta(drive, NVME_CMD_ZONE_APPEND, lba, 8, PRACT,
                            tag).status);
    zns_assert_ok(exec_meta(drive, NVME_CMD_READ, lba, 8, PRACT | PRCHK,
                            tag).status);
    zns_assert_ok(exec_meta(drive, NVME_CMD_READ, lba + 8, 8, PRACT | PRCHK,
                            tag + 8).status);
    zns_assert_ok(exec_meta(drive, NVME_CMD_READ, lba + 16, 8, PRACT | PRCHK,
                            tag).status);
}

static void pi_appends_in_flight(ZnsDrive *drive)
{
    uint64_t lba = zns_lba(drive, 1);
    uint64_t lbas[NR_IN_FLIGHT];
    unsigned i;

    append_in_flight(drive, lba, PIREMAP | PRACT, lbas);
    for (i = 0; i < NR_IN_FLIGHT; i++) {
        zns_assert_ok(exec_meta(drive, NVME_CMD_READ, lbas[i], FLIGHT_BLOCKS,
                                PRACT | PRCHK, lbas[i]).status);
    }
}

/* Tuples of the host, whose tags count from the zone start as in the command */
static void put_tuples(ZnsDrive *drive, uint32_t nr_blocks, uint32_t reftag)
{
    uint8_t tuple[META_BYTES] = { 0 };
    uint32_t i;

    for (i = 0; i < nr_blocks; i++) {
        stl_be_p(tuple + 4, reftag + i);
        qtest_memwrite(drive->qts, meta_addr(drive) + i * META_BYTES, tuple,
                       sizeof(tuple));
    }
}

static void pi_append_remaps_tuples(ZnsDrive *drive)
{
    uint32_t check_tag = (uint32_t)NVME_RW_PRINFO_PRCHK_REF << 16;
    uint64_t lba = zns_lba(drive, 1);
    uint8_t tuple[META_BYTES];
    ZnsReply reply;
    uint32_t i, j;

    zns_put_pattern(drive, drive->buf_addr, 8, 1);
    for (i = 0; i < 3; i++) {
        put_tuples(drive, 8, lba);
        reply = exec_meta(drive, NVME_CMD_ZONE_APPEND, lba, 8,
                          PIREMAP | check_tag, lba);
        zns_assert_ok(reply.status);
        g_assert_cmpuint(reply.result, ==, lba + i * 8);
    }
    for (i = 0; i < 3; i++) {
        zns_assert_ok(exec_meta(drive, NVME_CMD_READ, lba + i * 8, 8,
                                check_tag, lba + i * 8).status);
        for (j = 0; j < 8; j++) {
            qtest_memread(drive->qts, meta_addr(drive) + j * META_BYTES,
                          tuple, sizeof(tuple));
            g_assert_cmphex(ldl_be_p(tuple + 4), ==, lba + i * 8 + j);
        }
    }
    /* A tag that is wrong stays wrong */
    put_tuples(drive, 8, lba + 1);
    zns_assert_status(exec_meta(drive, NVME_CMD_ZONE_APPEND, lba, 8,
                                PIREMAP | check_tag, lba).status,
                      NVME_E2E_REF_ERROR);
    zns_assert_zone(drive, 1, IMPLICITLY_OPEN, 24);
}

/* Tags of 48 bits, which go up over the lower 32; metadata is all tuple */
static void pi_guard64_is_remapped(ZnsDrive *drive)
{
    uint64_t lba = zns_lba(drive, 1);
    uint32_t tag = 0xfffffff8;
    NvmeCmd cmd;

    zns_put_pattern(drive, drive->buf_addr, 8, 1);
    zns_assert_ok(exec_meta(drive, NVME_CMD_ZONE_APPEND, lba, 8,
                            PIREMAP | PRACT, tag).status);
    zns_assert_ok(exec_meta(drive, NVME_CMD_ZONE_APPEND, lba, 8,
                            PIREMAP | PRACT, tag).status);
    zns_assert_ok(exec_meta(drive, NVME_CMD_READ, lba, 8, PRACT | PRCHK,
                            tag).status);
    zns_assert_status(exec_meta(drive, NVME_CMD_READ, lba + 8, 8,
                                PRACT | PRCHK, 0).status,
                      NVME_E2E_REF_ERROR);

    cmd = zns_rw_cmd(NVME_CMD_READ, lba + 8, 8);
    cmd.cdw12 |= cpu_to_le32(PRACT | PRCHK);
    cmd.cdw14 = cpu_to_le32(0);
    ((NvmeRwCmd *)&cmd)->cdw3 = cpu_to_le32(1);
    zns_assert_ok(zns_exec(drive->ctrl, ZNS_IO, &cmd, drive->buf_addr,
                           8 * drive->spec->block_bytes).status);
}

/* Data and metadata of a block side by side in one buffer */
static void extended_blocks(ZnsDrive *drive)
{
    size_t block_bytes = drive->spec->block_bytes + META_BYTES;
    uint64_t lba = zns_lba(drive, 1);
    g_autofree uint8_t *written = g_malloc(8 * block_bytes);
    g_autofree uint8_t *read = g_malloc(8 * block_bytes);
    NvmeCmd cmd;
    ZnsReply reply;
    uint32_t i;

    for (i = 0; i < 3; i++) {
        zns_fill_pattern(written, 8 * block_bytes, i, 0);
        qtest_memwrite(drive->qts, drive->buf_addr, written, 8 * block_bytes);
        cmd = zns_rw_cmd(i ? NVME_CMD_ZONE_APPEND : NVME_CMD_WRITE, lba, 8);
        reply = zns_exec(drive->ctrl, ZNS_IO, &cmd, drive->buf_addr,
                         8 * block_bytes);
        zns_assert_ok(reply.status);
        if (i) {
            g_assert_cmpuint(reply.result, ==, lba + i * 8);
        }
    }
    for (i = 0; i < 3; i++) {
        zns_fill_pattern(written, 8 * block_bytes, i, 0);
        qtest_memset(drive->qts, drive->buf_addr, 0xa5, 8 * block_bytes);
        cmd = zns_rw_cmd(NVME_CMD_READ, lba + i * 8, 8);
        zns_assert_ok(zns_exec(drive->ctrl, ZNS_IO, &cmd, drive->buf_addr,
                               8 * block_bytes).status);
        qtest_memread(drive->qts, drive->buf_addr, read, 8 * block_bytes);
        g_assert_cmpmem(read, 8 * block_bytes, written, 8 * block_bytes);
    }
}

static void pi_type1_needs_piremap(ZnsDrive *drive)
{
    uint64_t lba = zns_lba(drive, 1);

    zns_assert_status(exec_meta(drive, NVME_CMD_ZONE_APPEND, lba, 8, PRACT,
                                lba).status, NVME_INVALID_PROT_INFO);
    zns_assert_zone(drive, 1, EMPTY, 0);
}

static void pi_type3_forbids_piremap(ZnsDrive *drive)
{
    uint64_t lba = zns_lba(drive, 1);

    zns_assert_status(exec_meta(drive, NVME_CMD_ZONE_APPEND, lba, 8,
                                PRACT | PIREMAP, lba).status,
                      NVME_INVALID_PROT_INFO);
    zns_assert_ok(exec_meta(drive, NVME_CMD_ZONE_APPEND, lba, 8, PRACT,
                            lba).status);
}

/* A write that fails its check is not written: the write pointer stays */
static void pi_wrong_tag_is_not_written(ZnsDrive *drive)
{
    uint64_t lba = zns_lba(drive, 1);

    zns_put_pattern(drive, drive->buf_addr, 8, 1);
    zns_assert_status(exec_meta(drive, NVME_CMD_WRITE, lba, 8, PRACT | PRCHK,
                                lba + 1).status, NVME_INVALID_PROT_INFO);
    zns_assert_zone(drive, 1, EMPTY, 0);
    zns_assert_ok(exec_meta(drive, NVME_CMD_WRITE, lba, 8, PRACT | PRCHK,
                            lba).status);
    zns_assert_zone(drive, 1, IMPLICITLY_OPEN, 8);
}

const ZnsTest zns_meta_tests[] = {
    { "metadata/follows-its-data", meta_follows_data, ZNS_MEMORY, &spec_meta },
    { "metadata/refused-write-leaves-it-alone", refused_write_keeps_meta,
      ZNS_MEMORY, &spec_meta },
    { "metadata/append-obeys-the-rules-of-append",
      append_with_meta_is_refused, ZNS_MEMORY, &spec_meta },
    { "metadata/of-appends-in-flight", appends_in_flight, ZNS_MEMORY,
      &spec_meta },
    { "metadata/of-appends-in-flight-to-a-slow-drive", appends_in_flight,
      ZNS_MEMORY, &spec_meta_slow },
    { "metadata/of-writes-to-one-place-in-flight", writes_to_one_place,
      ZNS_MEMORY, &spec_meta_zrwa },
    { "metadata/in-extended-blocks", extended_blocks, ZNS_MEMORY,
      &spec_extended },
    { "metadata/in-flight-before-a-reset-is-gone",
      write_before_reset_leaves_no_meta, ZNS_MEMORY, &spec_meta_slow },
    { "metadata/goes-with-a-copy", copy_takes_meta_along, ZNS_MEMORY,
      &spec_meta },
    { "metadata/counts-for-the-append-limit", append_limit_counts_metadata,
      ZNS_MEMORY, &spec_extended_8k },
    { "protection/made-here-does-not-count-for-the-append-limit",
      append_limit_is_of_what_is_sent, ZNS_MEMORY, &spec_extended_pi1_8k },
    { "metadata/is-gone-after-reset", reset_clears_meta, ZNS_MEMORY,
      &spec_meta },
    { "protection/append-remaps-the-reference-tag", pi_append_is_remapped,
      ZNS_MEMORY, &spec_pi1 },
    { "protection/append-remaps-the-tags-of-the-host",
      pi_append_remaps_tuples, ZNS_MEMORY, &spec_pi1 },
    { "protection/append-remaps-tags-of-48-bits", pi_guard64_is_remapped,
      ZNS_MEMORY, &spec_pi2_guard64 },
    { "protection/appends-in-flight-to-a-slow-drive", pi_appends_in_flight,
      ZNS_MEMORY, &spec_pi1_slow },
    { "protection/append-remaps-type-2-on-request",
      pi2_append_is_remapped_on_request, ZNS_MEMORY, &spec_pi2 },
    { "protection/append-with-type-1-needs-piremap", pi_type1_needs_piremap,
      ZNS_MEMORY, &spec_pi1 },
    { "protection/append-with-type-3-forbids-piremap",
      pi_type3_forbids_piremap, ZNS_MEMORY, &spec_pi3 },
    { "protection/wrong-reference-tag-is-not-written",
      pi_wrong_tag_is_not_written, ZNS_MEMORY, &spec_pi1 },
    { }
};
