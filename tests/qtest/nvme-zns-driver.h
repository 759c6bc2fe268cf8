/*
 * A small NVMe driver for qtests: one admin and one I/O queue pair
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Commands are put into a queue, handed over together by ringing the
 * doorbell, and waited for one by one in any order.  Completions are polled;
 * a command that does not complete in time ends the whole test program.
 */

#ifndef NVME_ZNS_DRIVER_H
#define NVME_ZNS_DRIVER_H

#include "libqtest.h"
#include "libqos/libqos-malloc.h"
#include "libqos/pci.h"
#include "block/nvme.h"

typedef struct ZnsCtrl ZnsCtrl;

typedef enum ZnsQueueId {
    ZNS_ADMIN,
    ZNS_IO,
    ZNS_QUEUE__MAX,
} ZnsQueueId;

/* Slots of each queue; one less can be in flight */
#define ZNS_QUEUE_DEPTH 64

typedef struct ZnsReply {
    uint16_t status;        /* status code type << 8 | status code */
    bool do_not_retry;
    uint64_t result;        /* dwords 0 and 1 */
} ZnsReply;

/* Finds the controller, enables it with all command sets, makes the queues */
ZnsCtrl *zns_ctrl_new(QTestState *qts, QPCIBus *bus, int devfn,
                      QGuestAllocator *alloc);
/* Touches the device no more: it may be gone */
void zns_ctrl_free(ZnsCtrl *ctrl);
/*
 * Guest memory from address 0 on is mapped at memory: from now on queues are
 * written and polled there, and completions are acknowledged several at a time.
 * A command that is alone then costs one message to QEMU.
 */
void zns_ctrl_map_memory(ZnsCtrl *ctrl, void *memory);
/* Commands that may be in flight then */
#define ZNS_MAPPED_DEPTH 48

/* CC.EN = 0, waited for */
void zns_ctrl_disable(ZnsCtrl *ctrl);
/* The same, then everything as in zns_ctrl_new() */
void zns_ctrl_reset(ZnsCtrl *ctrl);
/* The same, and from then on with pages of another size: 4 or 8 KiB */
void zns_ctrl_reset_to_pages(ZnsCtrl *ctrl, size_t page_bytes);
/* The same with another number of slots in the admin queues */
void zns_ctrl_reset_to_admin_depth(ZnsCtrl *ctrl, uint16_t depth);
/* A normal shutdown notification (CC.SHN), waited for */
void zns_ctrl_notify_shutdown(ZnsCtrl *ctrl);
/* The same; then as reset */
void zns_ctrl_shutdown(ZnsCtrl *ctrl);

/* Guest address of the controller's memory buffer (legacy-cmb=on) */
uint64_t zns_ctrl_map_cmb(ZnsCtrl *ctrl);

/*
 * Queues a command whose data is at addr, any alignment to 4 bytes; PRP
 * entries and the identifier are filled in.  Returns the identifier.
 */
uint16_t zns_queue_cmd(ZnsCtrl *ctrl, ZnsQueueId id, const NvmeCmd *cmd,
                       uint64_t addr, size_t bytes);
void zns_ring(ZnsCtrl *ctrl, ZnsQueueId id);
/* True when the command has completed: its slot is free again */
bool zns_poll(ZnsCtrl *ctrl, ZnsQueueId id, uint16_t cid, ZnsReply *reply);
/* True when it has, so far as completions were taken; its slot stays in use */
bool zns_has_completed(ZnsCtrl *ctrl, ZnsQueueId id, uint16_t cid);
ZnsReply zns_wait(ZnsCtrl *ctrl, ZnsQueueId id, uint16_t cid);
/* All three in a row */
ZnsReply zns_exec(ZnsCtrl *ctrl, ZnsQueueId id, const NvmeCmd *cmd,
                  uint64_t addr, size_t bytes);

#endif /* NVME_ZNS_DRIVER_H */
