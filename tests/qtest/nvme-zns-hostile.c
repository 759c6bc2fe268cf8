/*
 * qtest of zoned namespaces: a guest that means harm, or has gone mad
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What it shows: whatever the guest puts into a queue or a doorbell, QEMU goes
 * on, each command that was taken completes, the zones stay consistent, and
 * the drive works afterwards, also over a restart.  Under ASan: nothing outside
 * of the guest's memory is touched.
 *
 * How: an I/O queue pair of its own, whose entries are written byte by byte:
 * bad PRPs and lists, random fields, management amid writes, resets of the
 * controller and deletion of the queue with appends in flight.  ZNS_SEED in the
 * environment repeats a run; the seed is printed.
 */

#include "qemu/osdep.h"
#include "qemu/bswap.h"
#include "qemu/units.h"
#include "hw/pci/pci_regs.h"
#include "nvme-zns-drive.h"

#define SLOT            4
#define DEPTH           64
#define PAGE_BYTES      (4 * KiB)
#define TIME_LIMIT_US   (30 * G_USEC_PER_SEC)
#define NO_MEMORY       (UINT64_C(1) << 44)

/* A queue pair that believes nothing of what a driver should do */
typedef struct RawQueue {
    ZnsDrive *drive;
    GRand *rand;
    uint16_t qid;
    uint64_t doorbells;
    uint64_t sq_addr;
    uint64_t cq_addr;
    uint64_t list_addr;         /* PRP lists: one page */
    uint16_t tail;
    uint16_t head;
    uint16_t phase;
    unsigned nr_in_flight;
    unsigned nr_done;
    unsigned nr_refused;        /* of those done */
} RawQueue;

static uint16_t admin(ZnsDrive *drive, uint8_t opcode, uint32_t cdw10,
                      uint32_t cdw11, uint64_t addr)
{
    NvmeCmd cmd = {
        .opcode = opcode,
        .cdw10 = cpu_to_le32(cdw10),
        .cdw11 = cpu_to_le32(cdw11),
    };

    return zns_exec(drive->ctrl, ZNS_ADMIN, &cmd, addr,
                    addr ? PAGE_BYTES : 0).status;
}

static void raw_create(RawQueue *raw)
{
    uint32_t size_and_id = (DEPTH - 1) << 16 | raw->qid;

    raw->tail = 0;
    raw->head = 0;
    raw->phase = 1;
    raw->nr_in_flight = 0;
    qtest_memset(raw->drive->qts, raw->cq_addr, 0, PAGE_BYTES);
    zns_assert_ok(admin(raw->drive, NVME_ADM_CMD_CREATE_CQ, size_and_id, 1,
                        raw->cq_addr));
    zns_assert_ok(admin(raw->drive, NVME_ADM_CMD_CREATE_SQ, size_and_id,
                        raw->qid << 16 | 1, raw->sq_addr));
}

static void raw_delete(RawQueue *raw)
{
    zns_assert_ok(admin(raw->drive, NVME_ADM_CMD_DELETE_SQ, raw->qid, 0, 0));
    zns_assert_ok(admin(raw->drive, NVME_ADM_CMD_DELETE_CQ, raw->qid, 0, 0));
}

static RawQueue *raw_new(ZnsDrive *drive)
{
    QPCIDevice *pci = qpci_device_find(drive->bus, QPCI_DEVFN(SLOT, 0));
    RawQueue *raw = g_new0(RawQueue, 1);
    uint64_t bar;

    g_assert_nonnull(pci);
    bar = qpci_config_readl(pci, PCI_BASE_ADDRESS_0) & ~0xfull;
    bar |= (uint64_t)qpci_config_readl(pci, PCI_BASE_ADDRESS_0 + 4) << 32;
    g_free(pci);
    *raw = (RawQueue) {
        .drive = drive,
        .rand = g_rand_new_with_seed(zns_pick_seed()),
        .qid = 2,
        .doorbells = bar + 0x1000,
        .sq_addr = guest_alloc(&drive->alloc, DEPTH * sizeof(NvmeCmd)),
        .cq_addr = guest_alloc(&drive->alloc, PAGE_BYTES),
        .list_addr = guest_alloc(&drive->alloc, PAGE_BYTES),
    };
    raw_create(raw);
    return raw;
}

static void raw_free(RawQueue *raw)
{
    g_test_message("%u commands done, %u of them refused", raw->nr_done,
                   raw->nr_refused);
    g_rand_free(raw->rand);
    g_free(raw);
}

static uint32_t below(RawQueue *raw, uint32_t limit)
{
    return g_rand_int(raw->rand) % limit;
}

static void raw_put(RawQueue *raw, const NvmeCmd *cmd)
{
    qtest_memwrite(raw->drive->qts, raw->sq_addr + raw->tail * sizeof(*cmd),
                   cmd, sizeof(*cmd));
    raw->tail = (raw->tail + 1) % DEPTH;
    raw->nr_in_flight++;
}

static void raw_doorbell(RawQueue *raw, unsigned qid, bool completion,
                         uint32_t value)
{
    qtest_writel(raw->drive->qts, raw->doorbells + (2 * qid + completion) * 4,
                 value);
}

static void raw_ring(RawQueue *raw)
{
    raw_doorbell(raw, raw->qid, false, raw->tail);
}

/* The status of the next completion, which must come */
static uint16_t raw_reap(RawQueue *raw)
{
    int64_t end_us = g_get_monotonic_time() + TIME_LIMIT_US;
    uint16_t status;
    NvmeCqe cqe;

    for (;;) {
        qtest_memread(raw->drive->qts, raw->cq_addr + raw->head * sizeof(cqe),
                      &cqe, sizeof(cqe));
        status = le16_to_cpu(cqe.status);
        if ((status & 1) == raw->phase) {
            break;
        }
        if (g_get_monotonic_time() > end_us) {
            g_error("%u commands do not complete", raw->nr_in_flight);
        }
        g_usleep(20);
    }
    raw->head = (raw->head + 1) % DEPTH;
    raw->phase ^= raw->head == 0;
    raw->nr_in_flight--;
    raw->nr_done++;
    raw->nr_refused += (status >> 1 & 0x7ff) != NVME_SUCCESS;
    raw_doorbell(raw, raw->qid, true, raw->head);
    return status >> 1 & 0x7ff;
}

static void raw_drain(RawQueue *raw)
{
    while (raw->nr_in_flight) {
        raw_reap(raw);
    }
}

/*
 * The report makes sense: states, write pointers, limits, zeros above.
 * Returns the blocks below the write pointers of active zones.
 */
static uint64_t check_zones(ZnsDrive *drive)
{
    const ZnsSpec *spec = drive->spec;
    uint32_t nr_open = 0, nr_active = 0;
    uint64_t nr_written = 0;
    ZnsReport report;
    uint32_t i;

    zns_assert_ok(zns_report(drive, (ZnsReportArgs) { }, &report));
    g_assert_cmpuint(report.nr_listed, ==, drive->nr_zones);
    for (i = 0; i < report.nr_listed; i++) {
        const ZnsZone *zone = &report.zones[i];
        bool open = zone->state == NVME_ZONE_STATE_IMPLICITLY_OPEN ||
                    zone->state == NVME_ZONE_STATE_EXPLICITLY_OPEN;
        bool active = open || zone->state == NVME_ZONE_STATE_CLOSED;

        g_assert_cmpuint(zone->start_lba, ==, zns_lba(drive, i));
        if (zone->state == NVME_ZONE_STATE_EMPTY) {
            g_assert_cmpuint(zone->wp_lba, ==, zone->start_lba);
        }
        if (active) {
            g_assert_cmpuint(zone->wp_lba, >=, zone->start_lba);
            g_assert_cmpuint(zone->wp_lba, <,
                             zone->start_lba + zone->capacity_blocks);
            g_assert_true(zns_reads_zeros(drive, zone->wp_lba, 1));
            nr_written += zone->wp_lba - zone->start_lba;
        }
        nr_open += open;
        nr_active += active;
    }
    g_assert_cmpuint(nr_open, <=, spec->max_open_zones);
    g_assert_cmpuint(nr_active, <=, spec->max_active_zones);
    return nr_written;
}

/* After all that: it works, and keeps what it has */
static void check_alive(ZnsDrive *drive)
{
    ZnsReport before, after;
    uint32_t i;

    check_zones(drive);
    zns_restart(drive);
    check_zones(drive);
    zns_assert_ok(zns_send(drive, 0, NVME_ZONE_ACTION_RESET | ZNS_SELECT_ALL));
    for (i = 0; i < 3; i++) {
        zns_assert_zone(drive, i, EMPTY, 0);
        zns_assert_ok(zns_write(drive, zns_lba(drive, i), 8, i + 1));
        zns_assert_zone(drive, i, IMPLICITLY_OPEN, 8);
        g_assert_true(zns_holds(drive, zns_lba(drive, i), 8, i + 1));
    }
    zns_assert_ok(zns_report(drive, (ZnsReportArgs) { }, &before));
    zns_assert_ok(zns_report(drive, (ZnsReportArgs) { }, &after));
    g_assert_cmpmem(&before, sizeof(before), &after, sizeof(after));
}

/* Commands */

static const uint8_t opcodes[] = {
    NVME_CMD_WRITE, NVME_CMD_ZONE_APPEND, NVME_CMD_READ,
    NVME_CMD_WRITE_ZEROES, NVME_CMD_ZONE_MGMT_SEND, NVME_CMD_ZONE_MGMT_RECV,
    NVME_CMD_COMPARE, NVME_CMD_DSM, NVME_CMD_VERIFY, NVME_CMD_COPY,
    NVME_CMD_FLUSH,
};

static uint64_t bad_address(RawQueue *raw)
{
    uint64_t addr = raw->drive->buf_addr;

    switch (below(raw, 7)) {
    case 0:
        return 0;
    case 1:
        return addr + below(raw, 4096);
    case 2:
        return NO_MEMORY;
    case 3:
        return UINT64_MAX - below(raw, 8192);
    case 4:
        return raw->list_addr + 4096 - 8;
    case 5:
        /* no memory of this machine, below 4 GiB */
        return 0xd0000000 + below(raw, 4096);
    default:
        return addr;
    }
}

static void fill_list(RawQueue *raw)
{
    uint64_t list[PAGE_BYTES / sizeof(uint64_t)];
    size_t i;

    for (i = 0; i < ARRAY_SIZE(list); i++) {
        list[i] = cpu_to_le64(below(raw, 16) ? raw->drive->buf_addr +
                              i % 64 * PAGE_BYTES : bad_address(raw));
    }
    /* a list that goes on in itself */
    list[ARRAY_SIZE(list) - 1] = cpu_to_le64(raw->list_addr);
    qtest_memwrite(raw->drive->qts, raw->list_addr, list, sizeof(list));
}

static void set_dptr(RawQueue *raw, NvmeCmd *cmd, bool bad)
{
    uint64_t addr = raw->drive->buf_addr;
    uint64_t second = raw->list_addr;

    if (bad) {
        addr = bad_address(raw);
        second = below(raw, 3) ? raw->list_addr + below(raw, 3) * 8
                               : bad_address(raw);
        fill_list(raw);
    }
    cmd->dptr.prp1 = cpu_to_le64(addr);
    cmd->dptr.prp2 = cpu_to_le64(second);
}

/* Near the write pointers, near borders, or anywhere */
static uint64_t some_lba(RawQueue *raw)
{
    ZnsDrive *drive = raw->drive;
    uint64_t lba = zns_lba(drive, below(raw, drive->nr_zones));

    switch (below(raw, 8)) {
    case 0:
        return lba + below(raw, drive->zone_blocks);
    case 1:
        return lba + drive->capacity_blocks - below(raw, 4);
    case 2:
        return (uint64_t)g_rand_int(raw->rand) << below(raw, 33);
    case 3:
        return -(uint64_t)below(raw, 64);
    default:
        return lba;
    }
}

/* A command that makes some sense, to get further than the first check */
static NvmeCmd some_command(RawQueue *raw)
{
    uint64_t lba = some_lba(raw);
    NvmeCmd cmd = {
        .opcode = opcodes[below(raw, ARRAY_SIZE(opcodes))],
        .cid = cpu_to_le16(g_rand_int(raw->rand)),
        .nsid = cpu_to_le32(1),
        .cdw10 = cpu_to_le32(lba),
        .cdw11 = cpu_to_le32(lba >> 32),
        .cdw12 = cpu_to_le32(below(raw, 128)),
    };

    set_dptr(raw, &cmd, false);
    if (cmd.opcode == NVME_CMD_ZONE_MGMT_SEND) {
        cmd.cdw13 = cpu_to_le32(below(raw, 18) | (below(raw, 6) == 0) << 8);
    } else if (cmd.opcode == NVME_CMD_ZONE_MGMT_RECV) {
        cmd.cdw12 = cpu_to_le32(below(raw, 2048));
        cmd.cdw13 = cpu_to_le32(below(raw, 2) | below(raw, 11) << 8 |
                                below(raw, 2) << 16);
    } else if (cmd.opcode == NVME_CMD_COPY || cmd.opcode == NVME_CMD_DSM) {
        cmd.cdw12 = cpu_to_le32(below(raw, 4));
    }
    return cmd;
}

static void spoil(RawQueue *raw, NvmeCmd *cmd)
{
    uint8_t *bytes = (uint8_t *)cmd;
    unsigned nr = 1 + below(raw, 4);

    switch (below(raw, 6)) {
    case 0:
        set_dptr(raw, cmd, true);
        break;
    case 1:
        cmd->cdw12 = cpu_to_le32(g_rand_int(raw->rand));
        break;
    case 2:
        cmd->cdw13 = cpu_to_le32(g_rand_int(raw->rand));
        break;
    case 3:
        cmd->nsid = cpu_to_le32(below(raw, 4) - 1);
        break;
    case 4:
        cmd->opcode = below(raw, 256);
        break;
    default:
        while (nr--) {
            size_t at = below(raw, sizeof(*cmd));

            /* an address that is random may be that of our own queues */
            if (at < offsetof(NvmeCmd, dptr) ||
                at >= offsetof(NvmeCmd, cdw10)) {
                bytes[at] = g_rand_int(raw->rand);
            }
        }
        break;
    }
    /* which leaves SGLs, whose first descriptor is what the PRPs are */
}

/* Bad PRPs: an error, and the write pointer says whether it was one */
static void bad_prps(ZnsDrive *drive)
{
    RawQueue *raw = raw_new(drive);
    uint64_t lba = zns_lba(drive, 1);
    unsigned i;

    for (i = 0; i < 400; i++) {
        ZnsZone before = zns_zone(drive, 1);
        ZnsZone after;
        NvmeCmd cmd = some_command(raw);
        bool writes;
        uint16_t status;

        cmd.opcode = opcodes[below(raw, 3)];
        writes = cmd.opcode != NVME_CMD_READ;
        cmd.cdw10 = cpu_to_le32(cmd.opcode == NVME_CMD_WRITE ? before.wp_lba :
                                lba);
        cmd.cdw11 = 0;
        set_dptr(raw, &cmd, true);
        raw_put(raw, &cmd);
        raw_ring(raw);
        status = raw_reap(raw);
        after = zns_zone(drive, 1);
        g_assert_cmpuint(after.wp_lba - before.wp_lba, ==,
                         writes && status == NVME_SUCCESS ?
                         le32_to_cpu(cmd.cdw12) + 1 : 0);
        if (after.wp_lba > lba + drive->capacity_blocks - 256) {
            zns_assert_ok(zns_reset(drive, 1));
        }
    }
    raw_free(raw);
    check_alive(drive);
}

static void random_commands(ZnsDrive *drive)
{
    RawQueue *raw = raw_new(drive);
    unsigned batch, nr;

    for (batch = 0; batch < 120; batch++) {
        for (nr = 1 + below(raw, DEPTH - 2); nr; nr--) {
            NvmeCmd cmd = some_command(raw);

            if (below(raw, 2)) {
                spoil(raw, &cmd);
            }
            raw_put(raw, &cmd);
        }
        raw_ring(raw);
        raw_drain(raw);
        if (batch % 10 == 0) {
            check_zones(drive);
            /* Read Only and Offline stay; all others get a new life */
            zns_assert_ok(zns_send(drive, 0, NVME_ZONE_ACTION_RESET |
                                   ZNS_SELECT_ALL));
        }
    }
    /* neither a drive that takes nothing, nor commands that harm nobody */
    g_assert_cmpuint(raw->nr_refused, <, raw->nr_done * 9 / 10);
    g_assert_cmpuint(raw->nr_refused, >, raw->nr_done / 10);
    raw_free(raw);
    check_alive(drive);
}

static NvmeCmd append_to(RawQueue *raw, uint32_t zone_idx)
{
    NvmeCmd cmd = zns_rw_cmd(NVME_CMD_ZONE_APPEND,
                             zns_lba(raw->drive, zone_idx), 8);

    cmd.dptr.prp1 = cpu_to_le64(raw->drive->buf_addr);
    return cmd;
}

static void put_appends(RawQueue *raw, unsigned nr)
{
    while (nr--) {
        NvmeCmd cmd = append_to(raw, below(raw, 3));

        raw_put(raw, &cmd);
    }
    raw_ring(raw);
}

/* Management of the very zones that are written */
static void management_amid_writes(ZnsDrive *drive)
{
    static const uint8_t actions[] = {
        NVME_ZONE_ACTION_OPEN, NVME_ZONE_ACTION_CLOSE,
        NVME_ZONE_ACTION_FINISH, NVME_ZONE_ACTION_RESET,
        NVME_ZONE_ACTION_SET_ZD_EXT,
    };
    RawQueue *raw = raw_new(drive);
    unsigned round, i;

    for (round = 0; round < 60; round++) {
        for (i = 0; i < 48; i++) {
            NvmeCmd cmd = append_to(raw, below(raw, 3));

            if (i % 6 == 5) {
                cmd.opcode = NVME_CMD_ZONE_MGMT_SEND;
                cmd.cdw12 = 0;
                cmd.cdw13 = cpu_to_le32(
                    actions[below(raw, ARRAY_SIZE(actions))] |
                    (below(raw, 5) ? 0 : ZNS_SELECT_ALL));
            }
            raw_put(raw, &cmd);
        }
        raw_ring(raw);
        raw_drain(raw);
        check_zones(drive);
        zns_assert_ok(zns_send(drive, 0,
                               NVME_ZONE_ACTION_RESET | ZNS_SELECT_ALL));
    }
    raw_free(raw);
    check_alive(drive);
}

static void queues_deleted(ZnsDrive *drive)
{
    RawQueue *raw = raw_new(drive);
    uint64_t nr_written = 0;
    unsigned round;

    for (round = 0; round < 40; round++) {
        put_appends(raw, 1 + below(raw, DEPTH - 2));
        if (round % 3 == 0) {
            g_usleep(below(raw, 500));
        }
        raw_delete(raw);
        nr_written += check_zones(drive);
        zns_assert_ok(zns_send(drive, 0,
                               NVME_ZONE_ACTION_RESET | ZNS_SELECT_ALL));
        raw_create(raw);
    }
    /* or nothing was in flight */
    g_assert_cmpuint(nr_written, >, 0);
    raw_free(raw);
    check_alive(drive);
}

static void controller_reset(ZnsDrive *drive)
{
    RawQueue *raw = raw_new(drive);
    uint64_t nr_written = 0;
    unsigned round;

    for (round = 0; round < 40; round++) {
        NvmeCmd cmd = some_command(raw);

        raw_put(raw, &cmd);
        put_appends(raw, 1 + below(raw, DEPTH - 3));
        if (round % 3 == 0) {
            g_usleep(below(raw, 500));
        }
        zns_ctrl_reset(drive->ctrl);
        nr_written += check_zones(drive);
        zns_assert_ok(zns_send(drive, 0,
                               NVME_ZONE_ACTION_RESET | ZNS_SELECT_ALL));
        raw_create(raw);
    }
    /* or nothing was in flight */
    g_assert_cmpuint(nr_written, >, 0);
    raw_free(raw);
    check_alive(drive);
}

/* Doorbells of queues that are not there, and values out of range */
static void bad_doorbells(ZnsDrive *drive)
{
    RawQueue *raw = raw_new(drive);
    unsigned i;

    for (i = 0; i < 200; i++) {
        raw_doorbell(raw, 3 + below(raw, 200), below(raw, 2),
                     g_rand_int(raw->rand));
        raw_doorbell(raw, raw->qid, true, DEPTH + below(raw, 65536));
        raw_doorbell(raw, raw->qid, false, DEPTH + below(raw, 65536));
        qtest_writew(drive->qts, raw->doorbells + 16 + below(raw, 4080),
                     g_rand_int(raw->rand) & 0x3f);
        if (i % 20 == 0) {
            zns_ctrl_reset(drive->ctrl);
            raw_create(raw);
            put_appends(raw, 4);
            raw_drain(raw);
            check_zones(drive);
        }
    }
    zns_ctrl_reset(drive->ctrl);
    raw_free(raw);
    check_alive(drive);
}

/*
 * The base's DMA helpers lose a buffer for addresses without memory when all
 * such buffers are in use, and reads then wait for ever: let there be enough.
 */
static const ZnsSpec spec_hostile = {
    .device_bytes = 64 * MiB,
    .zone_bytes = 4 * MiB,
    .capacity_bytes = 3 * MiB,
    .max_open_zones = 3,
    .max_active_zones = 5,
    .zde_bytes = 64,
    .block_bytes = 512,
    .ctrl_options = ",x-max-bounce-buffer-size=16M",
};

const ZnsTest zns_hostile_tests[] = {
    { "hostile/bad-prps-write-nothing", bad_prps, ZNS_BOTH,
      &spec_hostile },
    { "hostile/random-commands-leave-a-working-drive", random_commands,
      ZNS_BOTH, &spec_hostile },
    { "hostile/management-amid-writes", management_amid_writes, ZNS_BOTH,
      &spec_hostile },
    { "hostile/queues-deleted-with-appends-in-flight", queues_deleted,
      ZNS_BOTH, &spec_hostile },
    { "hostile/controller-reset-with-appends-in-flight", controller_reset,
      ZNS_BOTH, &spec_hostile },
    { "hostile/bad-doorbells", bad_doorbells, ZNS_BOTH,
      &spec_hostile },
    { }
};
