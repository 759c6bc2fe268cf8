/*
 * Measures a zoned NVMe namespace without the overhead of a guest
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * usage: nvme-zone-bench TEST --qemu=BINARY --drive=OPTIONS [--NAME=VALUE ...]
 *
 *   write     sequential writes to some zones in turn
 *   append    the same as zone appends
 *   read      sequential reads of what has been written
 *   randread  random reads of the same
 *   reset     reset of full zones, one at a time
 *   flush     flush behind a write of one block to as many zones
 *   report    reports of all zones in pieces; memory of the whole process
 *
 * QEMU runs without a processor.  Its guest memory is a memfd that this
 * program maps too: submission entries are written and completions polled
 * there, and only doorbells are rung through the qtest socket, one for all
 * commands that are ready to go.  With --dbbuf=1 they go through shadow
 * doorbells where the controller asks for no more.  Prints lines of a name and
 * a value; the duration of a request is from its submission entry to when its
 * completion is seen.
 */

#include "qemu/osdep.h"
#include <time.h>
#include "qemu/atomic.h"
#include "qemu/bswap.h"
#include "qemu/units.h"
#include "block/nvme.h"
#include "../qtest/libqtest.h"
#include "../qtest/libqos/pci-pc.h"
#include "latency.h"
#include "nvme-bench-options.h"

#define NSID            1
#define CTRL_SLOT       4
#define DOORBELL_BASE   0x1000
#define QUEUE_ENTRIES   2048
#define QUEUE_PHYS_CONTIG 1
#define TIME_LIMIT_US   (60 * G_USEC_PER_SEC)
#define IDLE_POLLS      1000

/* Guest memory below DATA_ADDR; the first MiBs are not plain memory */
#define QUEUE_ADDR      (16 * MiB)
#define QUEUE_BYTES     (256 * KiB)
#define SHADOW_ADDR     (17 * MiB)
#define EVENT_ADDR      (SHADOW_ADDR + PAGE_BYTES)
#define LIST_ADDR       (20 * MiB)

QEMU_BUILD_BUG_ON(QUEUE_ADDR + 2 * QUEUE_BYTES > SHADOW_ADDR);
QEMU_BUILD_BUG_ON(LIST_ADDR + MAX_DEPTH * PAGE_BYTES > DATA_ADDR);
QEMU_BUILD_BUG_ON(QUEUE_ENTRIES * (sizeof(NvmeCmd) + sizeof(NvmeCqe)) >
                  QUEUE_BYTES);

typedef struct Queue {
    uint16_t qid;
    uint16_t sq_tail;
    uint16_t sq_rung;
    uint16_t cq_head;
    uint16_t cq_rung;
    uint16_t phase;             /* of entries that are new */
    NvmeCmd *sq;
    NvmeCqe *cq;
} Queue;

typedef struct Drive {
    QTestState *qts;
    QPCIBus *bus;
    QPCIDevice *pci;
    QPCIBar bar;
    uint8_t *ram;
    Queue admin;
    Queue io;
    uint64_t slot_bytes;        /* of data for each command in flight */
    bool dbbuf;
} Drive;

typedef enum BenchKind {
    BENCH_WRITE,
    BENCH_APPEND,
    BENCH_READ,
    BENCH_RANDREAD,
} BenchKind;

typedef struct Bench {
    Drive *drive;
    const BenchOptions *options;
    BenchKind kind;
    uint64_t bytes;
    uint64_t left;              /* requests not yet submitted */
    uint64_t next;              /* the number of the next request */
    uint64_t requests;
    unsigned in_flight;
    unsigned streams;
    GRand *random;
    int64_t start_ns[MAX_DEPTH];
    Latencies latencies;
} Bench;

static void print_value(const char *name, double value)
{
    printf("%s %.3f\n", name, value);
}

static int64_t now_ns(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return ts.tv_sec * 1000000000ll + ts.tv_nsec;
}

static double qemu_cpu_us(Drive *drive)
{
    struct timespec ts;
    clockid_t clock;

    if (clock_getcpuclockid(qtest_pid(drive->qts), &clock) ||
        clock_gettime(clock, &ts)) {
        fail("no CPU clock of QEMU");
    }
    return ts.tv_sec * 1e6 + ts.tv_nsec / 1e3;
}

static double qemu_rss_kib(Drive *drive)
{
    g_autofree char *path = g_strdup_printf("/proc/%d/status",
                                            qtest_pid(drive->qts));
    g_autofree char *text = NULL;
    char *line = NULL;

    if (g_file_get_contents(path, &text, NULL, NULL)) {
        line = strstr(text, "RssAnon:");
    }
    if (!line) {
        fail("no RssAnon in %s", path);
    }
    return g_ascii_strtod(line + strlen("RssAnon:"), NULL);
}

/* The guest's memory: the one memfd of that name among QEMU's files */
static void *map_ram(pid_t pid)
{
    g_autofree char *dir_name = g_strdup_printf("/proc/%d/fd", pid);
    g_autoptr(GDir) dir = g_dir_open(dir_name, 0, NULL);
    const char *name;
    void *ram;

    while (dir && (name = g_dir_read_name(dir))) {
        g_autofree char *path = g_build_filename(dir_name, name, NULL);
        g_autofree char *target = g_file_read_link(path, NULL);
        int fd;

        if (!target || !strstr(target, "memfd:memory-backend-memfd")) {
            continue;
        }
        fd = open(path, O_RDWR);
        ram = fd < 0 ? MAP_FAILED : mmap(NULL, RAM_BYTES,
                                         PROT_READ | PROT_WRITE, MAP_SHARED,
                                         fd, 0);
        if (ram == MAP_FAILED) {
            fail("%s: %s", path, strerror(errno));
        }
        close(fd);
        return ram;
    }
    fail("QEMU has no memfd");
}

/* Queues */

static void ring(Drive *drive, const Queue *queue, bool completion,
                 uint16_t value)
{
    qpci_io_writel(drive->pci, drive->bar,
                   DOORBELL_BASE + (2 * queue->qid + completion) * 4, value);
}

/* Tells the controller through memory; rings where it has asked for that */
static void ring_shadow(Drive *drive, const Queue *queue, bool completion,
                        uint16_t old_value, uint16_t value)
{
    unsigned idx = 2 * queue->qid + completion;
    uint32_t *shadow = (uint32_t *)(drive->ram + SHADOW_ADDR) + idx;
    uint32_t *event = (uint32_t *)(drive->ram + EVENT_ADDR) + idx;
    uint16_t wanted;

    qatomic_set(shadow, cpu_to_le32(value));
    /* pairs with the controller's: it sets the event index, then looks again */
    smp_mb();
    wanted = le32_to_cpu(qatomic_read(event));
    if ((uint16_t)(value - wanted - 1) < (uint16_t)(value - old_value)) {
        ring(drive, queue, completion, value);
    }
}

static void ring_sq(Drive *drive, Queue *queue)
{
    /* the entries are there before the doorbell says so */
    smp_wmb();
    if (drive->dbbuf) {
        ring_shadow(drive, queue, false, queue->sq_rung, queue->sq_tail);
    } else {
        ring(drive, queue, false, queue->sq_tail);
    }
    queue->sq_rung = queue->sq_tail;
}

static void ring_cq(Drive *drive, Queue *queue)
{
    if (drive->dbbuf) {
        ring_shadow(drive, queue, true, queue->cq_rung, queue->cq_head);
    } else {
        ring(drive, queue, true, queue->cq_head);
    }
    queue->cq_rung = queue->cq_head;
}

static void queue_init(Drive *drive, Queue *queue, uint16_t qid)
{
    *queue = (Queue) {
        .qid = qid,
        .phase = 1,
        .sq = (NvmeCmd *)(drive->ram + QUEUE_ADDR + qid * QUEUE_BYTES),
    };
    queue->cq = (NvmeCqe *)(queue->sq + QUEUE_ENTRIES);
    memset(queue->sq, 0, QUEUE_BYTES);
}

static uint64_t guest_addr(Drive *drive, const void *mem)
{
    return (const uint8_t *)mem - drive->ram;
}

static void put_cmd(Queue *queue, const NvmeCmd *cmd)
{
    queue->sq[queue->sq_tail] = *cmd;
    queue->sq_tail = (queue->sq_tail + 1) % QUEUE_ENTRIES;
}

/* Takes the next completion, if there is one: its command's identifier */
static bool take_cqe(Drive *drive, Queue *queue, uint16_t *cid)
{
    NvmeCqe *cqe = &queue->cq[queue->cq_head];
    uint16_t status = le16_to_cpu(qatomic_read(&cqe->status));

    if ((status & 1) != queue->phase) {
        return false;
    }
    /* the phase is written last: the rest of the entry is read behind it */
    smp_rmb();
    if (status >> 1) {
        fail("command %u fails with status 0x%x", le16_to_cpu(cqe->cid),
             status >> 1);
    }
    *cid = le16_to_cpu(cqe->cid);
    queue->cq_head = (queue->cq_head + 1) % QUEUE_ENTRIES;
    queue->phase ^= queue->cq_head == 0;
    if ((uint16_t)(queue->cq_head - queue->cq_rung) % QUEUE_ENTRIES >=
        QUEUE_ENTRIES / 2) {
        ring_cq(drive, queue);
    }
    return true;
}

static void exec_cmd(Drive *drive, Queue *queue, const NvmeCmd *cmd)
{
    int64_t end_us = g_get_monotonic_time() + TIME_LIMIT_US;
    uint16_t cid;

    put_cmd(queue, cmd);
    ring_sq(drive, queue);
    while (!take_cqe(drive, queue, &cid)) {
        if (g_get_monotonic_time() > end_us) {
            fail("command 0x%x does not complete", cmd->opcode);
        }
        /* QEMU may have been put to sleep on this processor */
        g_thread_yield();
    }
}

/* The controller */

static void create_io_queue(Drive *drive)
{
    uint32_t entries_and_id = (QUEUE_ENTRIES - 1) << 16 | drive->io.qid;
    NvmeCmd create_cq = {
        .opcode = NVME_ADM_CMD_CREATE_CQ,
        .dptr.prp1 = cpu_to_le64(guest_addr(drive, drive->io.cq)),
        .cdw10 = cpu_to_le32(entries_and_id),
        .cdw11 = cpu_to_le32(QUEUE_PHYS_CONTIG),
    };
    NvmeCmd create_sq = {
        .opcode = NVME_ADM_CMD_CREATE_SQ,
        .dptr.prp1 = cpu_to_le64(guest_addr(drive, drive->io.sq)),
        .cdw10 = cpu_to_le32(entries_and_id),
        .cdw11 = cpu_to_le32(drive->io.qid << 16 | QUEUE_PHYS_CONTIG),
    };

    exec_cmd(drive, &drive->admin, &create_cq);
    exec_cmd(drive, &drive->admin, &create_sq);
}

static void use_shadow_doorbells(Drive *drive)
{
    NvmeCmd cmd = {
        .opcode = NVME_ADM_CMD_DBBUF_CONFIG,
        .dptr.prp1 = cpu_to_le64(SHADOW_ADDR),
        .dptr.prp2 = cpu_to_le64(EVENT_ADDR),
    };

    exec_cmd(drive, &drive->admin, &cmd);
    drive->dbbuf = true;
}

static void enable_ctrl(Drive *drive)
{
    int64_t end_us = g_get_monotonic_time() + TIME_LIMIT_US;
    uint32_t last = QUEUE_ENTRIES - 1;
    uint32_t cc = 0;

    qpci_io_writel(drive->pci, drive->bar, NVME_REG_AQA,
                   last << AQA_ACQS_SHIFT | last << AQA_ASQS_SHIFT);
    qpci_io_writeq(drive->pci, drive->bar, NVME_REG_ASQ,
                   guest_addr(drive, drive->admin.sq));
    qpci_io_writeq(drive->pci, drive->bar, NVME_REG_ACQ,
                   guest_addr(drive, drive->admin.cq));
    NVME_SET_CC_EN(cc, 1);
    NVME_SET_CC_CSS(cc, NVME_CC_CSS_ALL);
    NVME_SET_CC_IOSQES(cc, ctz32(sizeof(NvmeCmd)));
    NVME_SET_CC_IOCQES(cc, ctz32(sizeof(NvmeCqe)));
    qpci_io_writel(drive->pci, drive->bar, NVME_REG_CC, cc);
    while (!(qpci_io_readl(drive->pci, drive->bar, NVME_REG_CSTS) &
             NVME_CSTS_READY)) {
        if (g_get_monotonic_time() > end_us) {
            fail("the controller does not become ready");
        }
    }
}

static uint64_t slot_addr(const Drive *drive, unsigned slot)
{
    return DATA_ADDR + slot * drive->slot_bytes;
}

/* Pages of the data of each slot; the lists never change */
static void write_prp_lists(Drive *drive, unsigned slots)
{
    unsigned slot, page;

    for (slot = 0; slot < slots; slot++) {
        uint64_t data_addr = slot_addr(drive, slot);
        uint64_t *list = (uint64_t *)(drive->ram + LIST_ADDR +
                                      slot * PAGE_BYTES);

        memset(drive->ram + data_addr, 0x5a + slot % 64, drive->slot_bytes);
        for (page = 1; page < drive->slot_bytes / PAGE_BYTES; page++) {
            list[page - 1] = cpu_to_le64(data_addr + page * PAGE_BYTES);
        }
    }
}

static void start_drive(Drive *drive, const BenchOptions *options)
{
    g_autofree char *args = g_strdup_printf(
        "-nodefaults -machine q35,memory-backend=ram -m %" PRIu64 "M "
        "-object memory-backend-memfd,id=ram,size=%" PRIu64 "M,share=on "
        "-drive if=none,id=zns0,%s "
        "-device nvme,id=nvme0,serial=zns,addr=%d.0%s%s "
        "-device nvme-ns,drive=zns0,bus=nvme0,nsid=%d,"
        "logical_block_size=%" PRIu64 ",physical_block_size=%" PRIu64 "%s%s %s",
        (uint64_t)RAM_BYTES / MiB, (uint64_t)RAM_BYTES / MiB, options->drive,
        CTRL_SLOT, options->ctrl ? "," : "", options->ctrl ?: "", NSID,
        options->block_bytes, options->block_bytes,
        options->ns ? "," : "", options->ns ?: "", options->args ?: "");

    *drive = (Drive) {
        .qts = qtest_init(args),
        .slot_bytes = bench_slot_bytes(options),
    };
    drive->ram = map_ram(qtest_pid(drive->qts));
    drive->bus = qpci_new_pc(drive->qts, NULL);
    drive->pci = qpci_device_find(drive->bus, QPCI_DEVFN(CTRL_SLOT, 0));
    if (!drive->pci) {
        fail("no controller in slot %d", CTRL_SLOT);
    }
    qpci_device_enable(drive->pci);
    drive->bar = qpci_iomap(drive->pci, 0, NULL);
    queue_init(drive, &drive->admin, 0);
    queue_init(drive, &drive->io, 1);
    write_prp_lists(drive, bench_nr_slots(options));
    enable_ctrl(drive);
    create_io_queue(drive);
    if (options->dbbuf) {
        use_shadow_doorbells(drive);
    }
}

static void stop_drive(Drive *drive)
{
    g_free(drive->pci);
    qpci_free_pc(drive->bus);
    qtest_quit(drive->qts);
    munmap(drive->ram, RAM_BYTES);
}

/* Requests */

static void set_data(const Drive *drive, NvmeCmd *cmd, unsigned slot,
                     uint64_t bytes)
{
    uint64_t data_addr = slot_addr(drive, slot);

    cmd->dptr.prp1 = cpu_to_le64(data_addr);
    if (bytes > 2 * PAGE_BYTES) {
        cmd->dptr.prp2 = cpu_to_le64(LIST_ADDR + slot * PAGE_BYTES);
    } else if (bytes > PAGE_BYTES) {
        cmd->dptr.prp2 = cpu_to_le64(data_addr + PAGE_BYTES);
    }
}

/* Request by request, one zone after the other gets its next bytes */
static uint64_t request_offset(const Bench *bench, uint64_t number)
{
    const BenchOptions *options = bench->options;
    uint64_t per_zone = options->capacity_bytes / bench->bytes;
    uint64_t stream = number % bench->streams;
    uint64_t in_stream = number / bench->streams;
    uint64_t zone_idx = in_stream / per_zone * bench->streams + stream;
    uint64_t offset = zone_idx * options->zone_bytes;

    if (offset + options->zone_bytes > options->device_bytes) {
        fail("the drive is too small for so many requests");
    }
    if (bench->kind == BENCH_APPEND) {
        return offset;
    }
    return offset + in_stream % per_zone * bench->bytes;
}

static void put_request(Bench *bench, uint16_t slot)
{
    const BenchOptions *options = bench->options;
    uint64_t number = bench->next++;
    NvmeRwCmd cmd = {
        .cid = cpu_to_le16(slot),
        .nsid = cpu_to_le32(NSID),
        .nlb = cpu_to_le16(bench->bytes / options->block_bytes - 1),
    };

    switch (bench->kind) {
    case BENCH_APPEND:
        cmd.opcode = NVME_CMD_ZONE_APPEND;
        break;
    case BENCH_WRITE:
        cmd.opcode = NVME_CMD_WRITE;
        break;
    case BENCH_RANDREAD:
        number = g_rand_int_range(bench->random, 0, bench->requests);
        /* fall through */
    case BENCH_READ:
        cmd.opcode = NVME_CMD_READ;
        break;
    }
    cmd.slba = cpu_to_le64(request_offset(bench, number) /
                           options->block_bytes);
    set_data(bench->drive, (NvmeCmd *)&cmd, slot, bench->bytes);
    bench->start_ns[slot] = now_ns();
    put_cmd(&bench->drive->io, (NvmeCmd *)&cmd);
    bench->left--;
    bench->in_flight++;
}

/* Takes what has completed and puts as many new requests into the queue */
static unsigned turn_around(Bench *bench)
{
    unsigned n = 0;
    uint16_t slot;

    while (take_cqe(bench->drive, &bench->drive->io, &slot)) {
        n++;
        bench->in_flight--;
        latencies_add(&bench->latencies, now_ns() - bench->start_ns[slot]);
        if (bench->left) {
            put_request(bench, slot);
        }
    }
    return n;
}

static void wait_for_all(Bench *bench)
{
    int64_t end_us = g_get_monotonic_time() + TIME_LIMIT_US;
    Queue *queue = &bench->drive->io;
    unsigned idle = 0;

    while (bench->in_flight) {
        if (turn_around(bench)) {
            idle = 0;
        } else if (++idle % IDLE_POLLS == 0) {
            g_thread_yield();
            if (idle == IDLE_POLLS) {
                end_us = g_get_monotonic_time() + TIME_LIMIT_US;
            } else if (g_get_monotonic_time() > end_us) {
                fail("%u requests do not complete", bench->in_flight);
            }
        }
        if (queue->sq_rung != queue->sq_tail) {
            ring_sq(bench->drive, queue);
        }
    }
}

static void bench_run(Bench *bench, unsigned depth)
{
    uint16_t slot;

    bench->random = g_rand_new_with_seed(1);
    bench->left = bench->requests;
    for (slot = 0; slot < depth && bench->left; slot++) {
        put_request(bench, slot);
    }
    ring_sq(bench->drive, &bench->drive->io);
    wait_for_all(bench);
    g_rand_free(bench->random);
}

/* Writes what is to be read or reset */
static void fill(Drive *drive, const BenchOptions *options,
                 uint64_t total_bytes)
{
    Bench bench = {
        .drive = drive, .options = options, .kind = BENCH_WRITE,
        .bytes = MIN(FILL_BYTES, options->capacity_bytes), .streams = 1,
    };
    NvmeCmd flush = {
        .opcode = NVME_CMD_FLUSH, .nsid = cpu_to_le32(NSID),
    };

    bench.requests = total_bytes / bench.bytes;
    bench_run(&bench, FILL_DEPTH);
    exec_cmd(drive, &drive->io, &flush);
}

static void test_requests(Drive *drive, const BenchOptions *options,
                          BenchKind kind)
{
    Bench bench = {
        .drive = drive, .options = options, .kind = kind,
        .bytes = options->bytes, .streams = options->streams,
        .requests = options->total_bytes / options->bytes,
    };
    double start_cpu_us, seconds;
    int64_t start_ns;

    if (kind == BENCH_READ || kind == BENCH_RANDREAD) {
        bench.streams = 1;
        fill(drive, options, options->total_bytes);
    }
    start_cpu_us = qemu_cpu_us(drive);
    start_ns = now_ns();
    bench_run(&bench, options->depth);
    seconds = (now_ns() - start_ns) / 1e9;
    print_value("requests", bench.requests);
    print_value("iops", bench.requests / seconds);
    print_value("mib_per_s", options->total_bytes / seconds / MiB);
    print_value("cpu_us_per_request",
                (qemu_cpu_us(drive) - start_cpu_us) / bench.requests);
    latencies_print(&bench.latencies);
}

static int compare_doubles(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return x < y ? -1 : x > y;
}

static double exec_us(Drive *drive, const void *cmd)
{
    int64_t start_ns = now_ns();

    exec_cmd(drive, &drive->io, cmd);
    return (now_ns() - start_ns) / 1e3;
}

/* Sorts them */
static void print_durations(double *us, unsigned n)
{
    Latencies latencies = {};
    unsigned i;

    qsort(us, n, sizeof(us[0]), compare_doubles);
    for (i = 0; i < n; i++) {
        latencies_add(&latencies, us[i] * 1e3);
    }
    print_value("us", us[n / 2]);
    print_value("max_us", us[n - 1]);
    latencies_print(&latencies);
}

static void test_reset(Drive *drive, const BenchOptions *options)
{
    g_autofree double *us = g_new(double, options->zones);
    unsigned i;

    fill(drive, options, options->zones * options->capacity_bytes);
    for (i = 0; i < options->zones; i++) {
        NvmeZoneSendCmd cmd = {
            .opcode = NVME_CMD_ZONE_MGMT_SEND,
            .nsid = cpu_to_le32(NSID),
            .slba = cpu_to_le64(i * options->zone_bytes /
                                options->block_bytes),
            .zsa = NVME_ZONE_ACTION_RESET,
        };

        g_usleep(options->pause_ms * 1000);
        us[i] = exec_us(drive, &cmd);
    }
    print_durations(us, options->zones);
}

/* The flush alone: the write has completed before */
static void test_flush(Drive *drive, const BenchOptions *options)
{
    g_autofree double *us = g_new(double, options->zones);
    NvmeCmd flush = {
        .opcode = NVME_CMD_FLUSH, .nsid = cpu_to_le32(NSID),
    };
    unsigned i;

    for (i = 0; i < options->zones; i++) {
        NvmeRwCmd cmd = {
            .opcode = NVME_CMD_WRITE,
            .nsid = cpu_to_le32(NSID),
            .slba = cpu_to_le64(i * options->zone_bytes /
                                options->block_bytes),
        };

        set_data(drive, (NvmeCmd *)&cmd, 0, options->block_bytes);
        g_usleep(options->pause_ms * 1000);
        exec_cmd(drive, &drive->io, (NvmeCmd *)&cmd);
        us[i] = exec_us(drive, &flush);
    }
    print_durations(us, options->zones);
}

static void test_report(Drive *drive, const BenchOptions *options)
{
    uint64_t zones_per_piece = (options->bytes - sizeof(NvmeZoneReportHeader)) /
                               sizeof(NvmeZoneDescr);
    uint64_t nr_zones = options->device_bytes / options->zone_bytes;
    uint64_t zone_blocks = options->zone_bytes / options->block_bytes;
    int64_t start_us;
    uint64_t i;

    print_value("rss_kib", qemu_rss_kib(drive));
    start_us = g_get_monotonic_time();
    for (i = 0; i < nr_zones; i += zones_per_piece) {
        NvmeCmd cmd = {
            .opcode = NVME_CMD_ZONE_MGMT_RECV,
            .nsid = cpu_to_le32(NSID),
            .cdw10 = cpu_to_le32(i * zone_blocks),
            .cdw11 = cpu_to_le32(i * zone_blocks >> 32),
            .cdw12 = cpu_to_le32(options->bytes / 4 - 1),
            .cdw13 = cpu_to_le32(NVME_ZONE_REPORT | options->state << 8),
        };

        set_data(drive, &cmd, 0, options->bytes);
        exec_cmd(drive, &drive->io, &cmd);
    }
    print_value("report_ms", (g_get_monotonic_time() - start_us) / 1e3);
}

/* Command line */

static const struct {
    const char *name;
    BenchKind kind;
} request_tests[] = {
    { "write", BENCH_WRITE },
    { "append", BENCH_APPEND },
    { "read", BENCH_READ },
    { "randread", BENCH_RANDREAD },
};

static bool run_test(Drive *drive, const char *name,
                     const BenchOptions *options)
{
    size_t i;

    for (i = 0; i < ARRAY_SIZE(request_tests); i++) {
        if (!strcmp(name, request_tests[i].name)) {
            test_requests(drive, options, request_tests[i].kind);
            return true;
        }
    }
    if (!strcmp(name, "reset")) {
        test_reset(drive, options);
    } else if (!strcmp(name, "flush")) {
        test_flush(drive, options);
    } else if (!strcmp(name, "report")) {
        test_report(drive, options);
    } else {
        return false;
    }
    return true;
}

int main(int argc, char **argv)
{
    BenchOptions options = {
        .bytes = 4 * KiB,
        .total_bytes = 16 * MiB,
        .zone_bytes = 64 * MiB,
        .block_bytes = 4 * KiB,
        .depth = 1,
        .streams = 1,
        .zones = 1,
    };
    Drive drive;

    if (argc < 2) {
        fail("a test is missing");
    }
    bench_parse_options(&options, argc, argv);
    g_setenv("QTEST_QEMU_BINARY", options.qemu, true);
    start_drive(&drive, &options);
    if (!run_test(&drive, argv[1], &options)) {
        fail("unknown test '%s'", argv[1]);
    }
    stop_drive(&drive);
    return 0;
}
