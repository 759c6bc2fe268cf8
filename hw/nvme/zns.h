/*
 * NVMe Zoned Namespace Command Set
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The zones live behind the namespace's block backend: in a zoned image, or for
 * zoned=on over any other in a node of the driver "zoned" that is put on it.
 * Nothing here remembers a zone state.
 *
 * "Section N" names the NVMe Zoned Namespace Command Set Specification 1.1.
 */

#ifndef HW_NVME_ZNS_H
#define HW_NVME_ZNS_H

#include "nvme.h"
#include "zns-ctrl.h"
#include "system/block-backend-zone.h"

typedef struct NvmeZnsLog NvmeZnsLog;

/* Properties of nvme-ns: how zones change by themselves, which it announces */
#define NVME_ZNS_BOOL(name_, member_) \
    DEFINE_PROP_BOOL("zoned." name_, NvmeNamespace, params.member_, false)
#define NVME_ZNS_LIMIT(name_, member_) \
    DEFINE_PROP_UINT32("zoned." name_, NvmeNamespace, params.member_, 0)

/*
 * Makes the namespace a zoned one when its backend has zones or zoned=on asks
 * for them; does nothing otherwise.  Needs the LBA format and the size.
 */
bool nvme_zns_setup(NvmeNamespace *ns, Error **errp);
void nvme_zns_cleanup(NvmeNamespace *ns);
/*
 * What depends on the LBA format; the zones stay as they are.  Nothing in
 * namespaces without zones.
 */
void nvme_zns_init_format(NvmeNamespace *ns);

/*
 * A controller shuts down.  The zones see a power cycle when all that have the
 * namespace attached have reported shutdown complete (section 2.1.1.3).  One
 * that is being reset, or was and has not been enabled again, has not reported
 * it, unless it did before; one that nobody has enabled has nothing to report.
 */
void nvme_zns_shutdown(NvmeNamespace *ns);
/*
 * A controller is unplugged and has left the subsystem: to the zones of its
 * namespaces that is a shutdown, to a namespace of its own the end.
 */
void nvme_zns_ctrl_exit(NvmeCtrl *n);

/*
 * Format NVM keeps the LBA format of a zoned namespace: zones are made of whole
 * logical blocks, and an image does not remember a format.
 */
bool nvme_zns_refuses_format(NvmeNamespace *ns, uint8_t lbaf);
/*
 * Would a Format be accepted, of ns or (NULL) of all namespaces of the
 * controller?  One that is not stops it before any of them is erased.
 */
uint16_t nvme_check_format(NvmeCtrl *n, NvmeNamespace *ns, uint8_t lbaf,
                           uint8_t pi);
/*
 * Empties all zones but those that cannot be written any more: Read Only zones
 * go Offline, which takes their data away too, and Offline zones stay so.
 * Durable when cb is called with 0.
 */
BlockAIOCB *nvme_zns_format(NvmeNamespace *ns, BlockCompletionFunc *cb,
                            void *opaque);

/*
 * Changed zones: which ones the drive has changed by itself, for each
 * controller, with the log page and the event that tell the host.  All in the
 * main loop.
 */
#define NVME_LOG_CHANGED_ZONES  0xbf

void nvme_zns_watch(NvmeNamespace *ns);
void nvme_zns_unwatch(NvmeNamespace *ns);
/* Announces the event on a controller that has a zoned namespace */
void nvme_zns_attached(NvmeCtrl *n, NvmeNamespace *ns);
/* Ends the log of a namespace that the controller has no more */
void nvme_zns_detached(NvmeCtrl *n, NvmeNamespace *ns);
void nvme_zns_free_logs(NvmeCtrl *n);
/* Sends what can be sent: requests have come in, or notices are not masked */
void nvme_zns_send_events(NvmeCtrl *n);
/*
 * A reset begins, before anything is polled: no more commands are fetched, the
 * requests that wait for events go with their queue, and a controller that was
 * not shut down stays so.
 */
void nvme_zns_begin_reset(NvmeCtrl *n);
/* After a reset: a log that was not read is news again */
void nvme_zns_repeat_events(NvmeCtrl *n);
/* Get Log Page; retain: Retain Asynchronous Event */
uint16_t nvme_zns_changed_zones(NvmeCtrl *n, bool retain, size_t len,
                                uint64_t off, NvmeRequest *req);

/*
 * Zone Active Excursions, where zoned.excursions announces them; by themselves,
 * when FZR has been set for zoned.frl seconds
 */
void nvme_zns_excursions_init(NvmeNamespace *ns);
void nvme_zns_excursions_cleanup(NvmeNamespace *ns);
void nvme_zns_excursions_zone_changed(NvmeNamespace *ns, uint32_t zone_idx);

/*
 * Zone Append Size Limit to announce: the smallest of those of the controller
 * and of all images that it has.  zns_zasl has it for appends, to all of them
 * (section 3.4.1).
 */
uint8_t nvme_zns_zasl(NvmeCtrl *n);
/* Unit of ZASL (and of MDTS): CAP.MPSMIN, whatever page size the host takes */
uint64_t nvme_zns_page_bytes(NvmeCtrl *n);
/* Fills Identify Controller data of the command set, 4096 bytes of zeros */
void nvme_zns_identify_ctrl(NvmeCtrl *n, void *data);

/*
 * Checks that come before the zones are asked; all return an NVMe status.  The
 * first one serves reads of zoned namespaces, when the LBA range has been
 * checked; the second checks that as well, of namespaces of any kind.
 */
uint16_t nvme_check_zone_read(NvmeNamespace *ns, uint64_t slba, uint32_t nlb);
uint16_t nvme_zns_check_read(NvmeNamespace *ns, uint64_t slba, uint32_t nlb);
/*
 * Deallocation is a hint: a range that is not to be followed, because the zone
 * is Read Only, is moved beyond the namespace, where it is skipped.
 */
uint16_t nvme_zns_check_dsm(NvmeCtrl *n, NvmeNamespace *ns,
                            NvmeDsmRange *ranges, unsigned int nr);
/* Both do nothing in namespaces without zones */
uint16_t nvme_zns_check_copy(NvmeRequest *req, uint64_t slba, uint32_t nlb);
uint16_t nvme_zns_check_write(NvmeCtrl *n, NvmeRequest *req, bool append);

/*
 * Writes or appends the mapped data of the request, with its metadata where the
 * format has any: then cb, which would write that, is not called, but what
 * comes behind it.
 */
void nvme_zns_blk_write(BlockBackend *blk, int64_t offset_bytes,
                        BlockCompletionFunc *cb, NvmeRequest *req);

/*
 * Writes with metadata, as one: cb comes when both are written.  Those that
 * take data_cb are for namespaces of any kind; of a namespace without zones
 * they write the data alone, and data_cb goes on with metadata.
 */
void nvme_zns_meta_write(NvmeRequest *req, int64_t offset_bytes,
                         BlockCompletionFunc *cb);
BlockAIOCB *nvme_zns_write_zeroes(NvmeRequest *req, int64_t offset_bytes,
                                  int64_t length_bytes,
                                  BlockCompletionFunc *data_cb,
                                  BlockCompletionFunc *cb);
/*
 * With protection information, bounced; ctx goes to the callbacks.  The
 * reference tags of an append with PIREMAP are remapped on the way.
 */
BlockAIOCB *nvme_zns_dif_write(NvmeBounceContext *ctx, int64_t offset_bytes,
                               BlockCompletionFunc *data_cb,
                               BlockCompletionFunc *cb);
BlockAIOCB *nvme_zns_dif_write_zeroes(NvmeBounceContext *ctx,
                                      int64_t offset_bytes,
                                      int64_t length_bytes,
                                      BdrvRequestFlags flags,
                                      BlockCompletionFunc *data_cb,
                                      BlockCompletionFunc *cb);
/* One range of a Copy, to slba */
BlockAIOCB *nvme_zns_copy_write(NvmeRequest *req, uint64_t slba,
                                QEMUIOVector *iov, BlockCompletionFunc *data_cb,
                                BlockCompletionFunc *cb, void *opaque);
/* Of the zone at offset_bytes; opaque: the namespace (ZoneTail) */
int coroutine_fn GRAPH_RDLOCK
nvme_zns_co_reset_meta(void *opaque, int64_t offset_bytes);

/*
 * Contract C1: BDRV_REQ_FUA where the command has Force Unit Access, in zoned
 * namespaces; 0 in others
 */
BdrvRequestFlags nvme_zns_fua(NvmeRequest *req);

/*
 * A zoned namespace on a drive that is read-only says so (NSATTR bit 0), and
 * refuses what would change it with a status of its own.  The feature Namespace
 * Write Protection, which would switch that, is not offered.
 */
#define NVME_NS_WRITE_PROTECTED     0x20
#define NVME_ID_NS_NSATTR_WP        0x1

bool nvme_zns_write_protected(NvmeNamespace *ns);

/*
 * The status of a request that the block layer has completed with ret for ns
 * (NULL: of Format NVM, for that of the command): that of the refusal if its
 * zones refused it, that of a namespace that is write protected, else generic.
 */
uint16_t nvme_zns_status(NvmeNamespace *ns, NvmeRequest *req, int ret,
                         uint16_t generic);
/*
 * Sets status and result when a read, write or append is through.  Returns what
 * is left to report: 0 after a refusal, ret in namespaces without zones.
 */
int nvme_zns_complete(NvmeRequest *req, int ret);

uint16_t nvme_zone_mgmt_send(NvmeCtrl *n, NvmeRequest *req);
uint16_t nvme_zone_mgmt_recv(NvmeCtrl *n, NvmeRequest *req);

static inline uint32_t nvme_zns_idx(NvmeNamespace *ns, uint64_t slba)
{
    return ns->zone_size_log2 ? slba >> ns->zone_size_log2
                              : slba / ns->zone_size;
}

/* The zone that holds an LBA */
static inline void nvme_zns_info(NvmeNamespace *ns, uint64_t slba,
                                 ZoneInfo *info)
{
    blk_get_zone_info(ns->blkconf.blk, nvme_zns_idx(ns, slba), info);
}

static inline uint64_t nvme_zns_b2l(NvmeNamespace *ns, uint64_t bytes)
{
    return bytes >> ns->lbaf.ds;
}

#endif /* HW_NVME_ZNS_H */
