/*
 * A small NVMe driver for qtests: one admin and one I/O queue pair
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/atomic.h"
#include "qemu/bswap.h"
#include "qemu/units.h"
#include "nvme-zns-driver.h"

#define PAGE_BYTES      (4 * KiB)
#define MAX_PAGE_BYTES  (8 * KiB)
#define TIME_LIMIT_US   (20 * G_USEC_PER_SEC)
#define POLL_SLEEP_US   20
/* With guest memory at hand, polls in a row before the first sleep */
#define POLL_SPINS      2000
#define DOORBELL_BASE   0x1000
#define DOORBELL_STRIDE 4

#define QUEUE_PHYS_CONTIG 1

/* Completions that wait for a doorbell leave room for those in flight */
#define MAX_UNRUNG      (ZNS_QUEUE_DEPTH - ZNS_MAPPED_DEPTH - 1)

typedef struct ZnsSlot {
    bool in_use;
    bool done;
    uint8_t opcode;
    ZnsReply reply;
} ZnsSlot;

typedef struct ZnsQueue {
    uint16_t qid;
    uint16_t depth;             /* ZNS_QUEUE_DEPTH at most */
    uint16_t sq_tail;
    uint16_t cq_head;
    uint16_t phase;             /* of entries that are new */
    unsigned nr_unrung;         /* entries taken since the last doorbell */
    uint64_t sq_addr;
    uint64_t cq_addr;
    uint64_t prp_list_addr;     /* a page for each slot */
    ZnsSlot slots[ZNS_QUEUE_DEPTH];
} ZnsQueue;

struct ZnsCtrl {
    QTestState *qts;
    QPCIDevice *pci;
    QPCIBar bar;
    unsigned mps;               /* CC.MPS: pages of PAGE_BYTES << mps */
    uint8_t *memory;            /* of the guest, or NULL */
    ZnsQueue queues[ZNS_QUEUE__MAX];
};

static void write_doorbell(ZnsCtrl *ctrl, const ZnsQueue *queue,
                           bool completion, uint16_t value)
{
    unsigned idx = 2 * queue->qid + completion;

    qpci_io_writel(ctrl->pci, ctrl->bar,
                   DOORBELL_BASE + idx * DOORBELL_STRIDE, value);
}

static void write_memory(ZnsCtrl *ctrl, uint64_t addr, const void *data,
                         size_t bytes)
{
    if (ctrl->memory) {
        memcpy(ctrl->memory + addr, data, bytes);
    } else {
        qtest_memwrite(ctrl->qts, addr, data, bytes);
    }
}

/*
 * In mapped memory an entry can be seen half written; under ASan, which copies
 * byte by byte and often from the end on, it is.  So all that comes before the
 * status is marked, and an entry that still has marks gets some time.
 */
#define UNWRITTEN       0xff
#define UNWRITTEN_BYTES offsetof(NvmeCqe, status)
#define UNWRITTEN_POLLS 50

static void mark_cqe(ZnsCtrl *ctrl, uint64_t addr)
{
    if (ctrl->memory) {
        memset(ctrl->memory + addr, UNWRITTEN, UNWRITTEN_BYTES);
    }
}

/* Those that are to come, when none is on its way */
static void mark_all(ZnsCtrl *ctrl, const ZnsQueue *queue)
{
    unsigned i;

    for (i = 0; i < ZNS_QUEUE_DEPTH; i++) {
        mark_cqe(ctrl, queue->cq_addr + i * sizeof(NvmeCqe));
    }
}

static void read_cqe(ZnsCtrl *ctrl, const ZnsQueue *queue, NvmeCqe *cqe)
{
    uint64_t addr = queue->cq_addr + queue->cq_head * sizeof(*cqe);
    unsigned nr_polls = 0;
    const uint8_t *entry;

    if (!ctrl->memory) {
        qtest_memread(ctrl->qts, addr, cqe, sizeof(*cqe));
        return;
    }
    entry = ctrl->memory + addr;
    do {
        cqe->status = qatomic_load_acquire(
            (const uint16_t *)(entry + offsetof(NvmeCqe, status)));
        if ((le16_to_cpu(cqe->status) & 1) != queue->phase) {
            return;
        }
        if (nr_polls) {
            g_usleep(POLL_SLEEP_US);
        }
        memcpy(cqe, entry, sizeof(*cqe));
    } while (memchr(cqe, UNWRITTEN, UNWRITTEN_BYTES) &&
             nr_polls++ < UNWRITTEN_POLLS);
}

static uint64_t alloc_pages(QGuestAllocator *alloc, size_t bytes)
{
    return QEMU_ALIGN_UP(guest_alloc(alloc, bytes + MAX_PAGE_BYTES),
                         MAX_PAGE_BYTES);
}

static void alloc_queue(ZnsQueue *queue, uint16_t qid, QGuestAllocator *alloc)
{
    queue->qid = qid;
    queue->depth = ZNS_QUEUE_DEPTH;
    queue->sq_addr = alloc_pages(alloc, ZNS_QUEUE_DEPTH * sizeof(NvmeCmd));
    queue->cq_addr = alloc_pages(alloc, ZNS_QUEUE_DEPTH * sizeof(NvmeCqe));
    queue->prp_list_addr = guest_alloc(alloc, ZNS_QUEUE_DEPTH * PAGE_BYTES);
}

static void clear_queue(ZnsCtrl *ctrl, ZnsQueue *queue)
{
    queue->sq_tail = 0;
    queue->cq_head = 0;
    queue->phase = 1;
    queue->nr_unrung = 0;
    memset(queue->slots, 0, sizeof(queue->slots));
    qtest_memset(ctrl->qts, queue->cq_addr, 0,
                 ZNS_QUEUE_DEPTH * sizeof(NvmeCqe));
    mark_all(ctrl, queue);
}

/* Polls CSTS until its bits in mask have the value */
static void wait_csts(ZnsCtrl *ctrl, uint32_t mask, uint32_t value)
{
    int64_t end_us = g_get_monotonic_time() + TIME_LIMIT_US;
    uint32_t csts;

    for (;;) {
        csts = qpci_io_readl(ctrl->pci, ctrl->bar, NVME_REG_CSTS);
        if ((csts & mask) == value) {
            return;
        }
        if (g_get_monotonic_time() > end_us) {
            g_error("controller status 0x%x: bits 0x%x never became 0x%x",
                    csts, mask, value);
        }
        g_usleep(POLL_SLEEP_US);
    }
}

static void write_cc(ZnsCtrl *ctrl, bool enable, bool shutdown)
{
    uint32_t cc = 0;

    NVME_SET_CC_EN(cc, enable);
    NVME_SET_CC_CSS(cc, NVME_CC_CSS_ALL);
    NVME_SET_CC_MPS(cc, ctrl->mps);
    NVME_SET_CC_SHN(cc, shutdown);
    NVME_SET_CC_IOSQES(cc, ctz32(sizeof(NvmeCmd)));
    NVME_SET_CC_IOCQES(cc, ctz32(sizeof(NvmeCqe)));
    qpci_io_writel(ctrl->pci, ctrl->bar, NVME_REG_CC, cc);
}

static void create_io_queues(ZnsCtrl *ctrl)
{
    ZnsQueue *io = &ctrl->queues[ZNS_IO];
    uint32_t size_and_id = (ZNS_QUEUE_DEPTH - 1) << 16 | io->qid;
    NvmeCmd create_cq = {
        .opcode = NVME_ADM_CMD_CREATE_CQ,
        .cdw10 = cpu_to_le32(size_and_id),
        .cdw11 = cpu_to_le32(QUEUE_PHYS_CONTIG),
    };
    NvmeCmd create_sq = {
        .opcode = NVME_ADM_CMD_CREATE_SQ,
        .cdw10 = cpu_to_le32(size_and_id),
        .cdw11 = cpu_to_le32(io->qid << 16 | QUEUE_PHYS_CONTIG),
    };
    ZnsReply reply;

    reply = zns_exec(ctrl, ZNS_ADMIN, &create_cq, io->cq_addr, PAGE_BYTES);
    g_assert_cmphex(reply.status, ==, NVME_SUCCESS);
    reply = zns_exec(ctrl, ZNS_ADMIN, &create_sq, io->sq_addr, PAGE_BYTES);
    g_assert_cmphex(reply.status, ==, NVME_SUCCESS);
}

static void enable_ctrl(ZnsCtrl *ctrl)
{
    const ZnsQueue *admin = &ctrl->queues[ZNS_ADMIN];
    uint32_t depth = admin->depth - 1;
    ZnsQueueId id;

    for (id = 0; id < ZNS_QUEUE__MAX; id++) {
        clear_queue(ctrl, &ctrl->queues[id]);
    }
    qpci_io_writel(ctrl->pci, ctrl->bar, NVME_REG_AQA,
                   depth << AQA_ACQS_SHIFT | depth << AQA_ASQS_SHIFT);
    qpci_io_writeq(ctrl->pci, ctrl->bar, NVME_REG_ASQ, admin->sq_addr);
    qpci_io_writeq(ctrl->pci, ctrl->bar, NVME_REG_ACQ, admin->cq_addr);
    write_cc(ctrl, true, false);
    wait_csts(ctrl, NVME_CSTS_READY, NVME_CSTS_READY);
    create_io_queues(ctrl);
}

ZnsCtrl *zns_ctrl_new(QTestState *qts, QPCIBus *bus, int devfn,
                      QGuestAllocator *alloc)
{
    ZnsCtrl *ctrl = g_new0(ZnsCtrl, 1);
    ZnsQueueId id;

    ctrl->qts = qts;
    ctrl->pci = qpci_device_find(bus, devfn);
    g_assert_nonnull(ctrl->pci);
    qpci_device_enable(ctrl->pci);
    ctrl->bar = qpci_iomap(ctrl->pci, 0, NULL);
    for (id = 0; id < ZNS_QUEUE__MAX; id++) {
        alloc_queue(&ctrl->queues[id], id, alloc);
    }
    enable_ctrl(ctrl);
    return ctrl;
}

void zns_ctrl_map_memory(ZnsCtrl *ctrl, void *memory)
{
    ZnsQueueId id;

    ctrl->memory = memory;
    for (id = 0; id < ZNS_QUEUE__MAX; id++) {
        mark_all(ctrl, &ctrl->queues[id]);
    }
}

void zns_ctrl_free(ZnsCtrl *ctrl)
{
    g_free(ctrl->pci);
    g_free(ctrl);
}

void zns_ctrl_disable(ZnsCtrl *ctrl)
{
    write_cc(ctrl, false, false);
    wait_csts(ctrl, NVME_CSTS_READY, 0);
}

void zns_ctrl_reset(ZnsCtrl *ctrl)
{
    zns_ctrl_disable(ctrl);
    enable_ctrl(ctrl);
}

void zns_ctrl_reset_to_pages(ZnsCtrl *ctrl, size_t page_bytes)
{
    g_assert_cmpuint(page_bytes, <=, MAX_PAGE_BYTES);
    ctrl->mps = ctz32(page_bytes / PAGE_BYTES);
    zns_ctrl_reset(ctrl);
}

void zns_ctrl_reset_to_admin_depth(ZnsCtrl *ctrl, uint16_t depth)
{
    g_assert_cmpuint(depth, <=, ZNS_QUEUE_DEPTH);
    ctrl->queues[ZNS_ADMIN].depth = depth;
    zns_ctrl_reset(ctrl);
}

void zns_ctrl_notify_shutdown(ZnsCtrl *ctrl)
{
    write_cc(ctrl, true, true);
    wait_csts(ctrl, CSTS_SHST_MASK << CSTS_SHST_SHIFT,
              NVME_CSTS_SHST_COMPLETE);
}

void zns_ctrl_shutdown(ZnsCtrl *ctrl)
{
    zns_ctrl_notify_shutdown(ctrl);
    zns_ctrl_reset(ctrl);
}

uint64_t zns_ctrl_map_cmb(ZnsCtrl *ctrl)
{
    return qpci_iomap(ctrl->pci, 2, NULL).addr;
}

/* Data of more than two pages goes through the list page of the slot */
static void set_prps(ZnsCtrl *ctrl, ZnsQueue *queue, uint16_t cid,
                     NvmeCmd *cmd, uint64_t addr, size_t bytes)
{
    uint64_t list_addr = queue->prp_list_addr + cid * PAGE_BYTES;
    size_t page_bytes = PAGE_BYTES << ctrl->mps;
    size_t first_bytes = MIN(bytes, page_bytes - addr % page_bytes);
    uint64_t next_addr = addr + first_bytes;
    size_t nr_pages = DIV_ROUND_UP(bytes - first_bytes, page_bytes);
    uint64_t list[PAGE_BYTES / sizeof(uint64_t)];
    size_t i;

    g_assert_cmpuint(nr_pages, <=, ARRAY_SIZE(list));
    cmd->dptr.prp1 = cpu_to_le64(bytes ? addr : 0);
    cmd->dptr.prp2 = cpu_to_le64(nr_pages ? next_addr : 0);
    if (nr_pages > 1) {
        for (i = 0; i < nr_pages; i++) {
            list[i] = cpu_to_le64(next_addr + i * page_bytes);
        }
        write_memory(ctrl, list_addr, list, nr_pages * sizeof(list[0]));
        cmd->dptr.prp2 = cpu_to_le64(list_addr);
    }
}

static uint16_t take_slot(ZnsQueue *queue, uint8_t opcode)
{
    uint16_t cid;

    /* A queue with as many entries as slots would look empty */
    for (cid = 0; cid < ZNS_QUEUE_DEPTH - 1; cid++) {
        if (!queue->slots[cid].in_use) {
            queue->slots[cid] = (ZnsSlot) { .in_use = true, .opcode = opcode };
            return cid;
        }
    }
    g_error("no free slot in queue %u", queue->qid);
}

uint16_t zns_queue_cmd(ZnsCtrl *ctrl, ZnsQueueId id, const NvmeCmd *cmd,
                       uint64_t addr, size_t bytes)
{
    ZnsQueue *queue = &ctrl->queues[id];
    uint16_t cid = take_slot(queue, cmd->opcode);
    NvmeCmd entry = *cmd;

    entry.cid = cpu_to_le16(cid);
    set_prps(ctrl, queue, cid, &entry, addr, bytes);
    write_memory(ctrl, queue->sq_addr + queue->sq_tail * sizeof(entry), &entry,
                 sizeof(entry));
    queue->sq_tail = (queue->sq_tail + 1) % queue->depth;
    return cid;
}

void zns_ring(ZnsCtrl *ctrl, ZnsQueueId id)
{
    ZnsQueue *queue = &ctrl->queues[id];

    write_doorbell(ctrl, queue, false, queue->sq_tail);
}

/* Takes the next entry from the completion queue, if there is a new one */
static bool reap(ZnsCtrl *ctrl, ZnsQueue *queue)
{
    NvmeCqe cqe;
    uint16_t status;
    uint16_t cid;
    ZnsSlot *slot;

    read_cqe(ctrl, queue, &cqe);
    status = le16_to_cpu(cqe.status);
    if ((status & 1) != queue->phase) {
        return false;
    }
    cid = le16_to_cpu(cqe.cid);
    if (cid >= ZNS_QUEUE_DEPTH || !queue->slots[cid].in_use ||
        queue->slots[cid].done) {
        g_error("queue %u completes command %u, which is not in flight",
                queue->qid, cid);
    }
    slot = &queue->slots[cid];
    slot->done = true;
    slot->reply = (ZnsReply) {
        .status = (status >> 1) & 0x7ff,
        .do_not_retry = status >> 15,
        .result = le32_to_cpu(cqe.result) |
                  (uint64_t)le32_to_cpu(cqe.dw1) << 32,
    };
    mark_cqe(ctrl, queue->cq_addr + queue->cq_head * sizeof(cqe));
    queue->cq_head = (queue->cq_head + 1) % queue->depth;
    queue->phase ^= queue->cq_head == 0;
    if (!ctrl->memory || ++queue->nr_unrung >= MAX_UNRUNG) {
        write_doorbell(ctrl, queue, true, queue->cq_head);
        queue->nr_unrung = 0;
    }
    return true;
}

bool zns_poll(ZnsCtrl *ctrl, ZnsQueueId id, uint16_t cid, ZnsReply *reply)
{
    ZnsQueue *queue = &ctrl->queues[id];
    ZnsSlot *slot = &queue->slots[cid];

    g_assert(slot->in_use);
    while (!slot->done) {
        if (!reap(ctrl, queue)) {
            return false;
        }
    }
    *reply = slot->reply;
    slot->in_use = false;
    return true;
}

bool zns_has_completed(ZnsCtrl *ctrl, ZnsQueueId id, uint16_t cid)
{
    return ctrl->queues[id].slots[cid].done;
}

ZnsReply zns_wait(ZnsCtrl *ctrl, ZnsQueueId id, uint16_t cid)
{
    int64_t end_us = g_get_monotonic_time() + TIME_LIMIT_US;
    unsigned nr_spins = 0;
    ZnsReply reply;

    while (!zns_poll(ctrl, id, cid, &reply)) {
        if (ctrl->memory && nr_spins++ < POLL_SPINS) {
            g_thread_yield();
            continue;
        }
        if (g_get_monotonic_time() > end_us) {
            g_error("command 0x%02x in queue %u does not complete",
                    ctrl->queues[id].slots[cid].opcode, ctrl->queues[id].qid);
        }
        g_usleep(POLL_SLEEP_US);
    }
    return reply;
}

ZnsReply zns_exec(ZnsCtrl *ctrl, ZnsQueueId id, const NvmeCmd *cmd,
                  uint64_t addr, size_t bytes)
{
    uint16_t cid = zns_queue_cmd(ctrl, id, cmd, addr, bytes);

    zns_ring(ctrl, id);
    return zns_wait(ctrl, id, cid);
}
