/*
 * NVMe Zoned Namespace Command Set: I/O and Zone Management Send
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The block layer decides about writes, appends and management actions, in the
 * order in which they are submitted, and answers a refusal with an errno of
 * its own.  What is checked here comes before that: the fields of a command
 * that the zones never see.
 */

#include "qemu/osdep.h"
#include "qemu/bswap.h"
#include "system/block-backend.h"
#include "system/dma.h"
#include "zns.h"
#include "dif.h"
#include "trace.h"

static const uint16_t nvme_statuses[ZONE_STATUS__MAX] = {
    [ZONE_OK]                     = NVME_SUCCESS,
    [ZONE_ERR_NOT_AT_WP]          = NVME_ZONE_INVALID_WRITE,
    [ZONE_ERR_BOUNDARY]           = NVME_ZONE_BOUNDARY_ERROR,
    [ZONE_ERR_FULL]               = NVME_ZONE_FULL,
    [ZONE_ERR_READ_ONLY]          = NVME_ZONE_READ_ONLY,
    [ZONE_ERR_OFFLINE]            = NVME_ZONE_OFFLINE,
    [ZONE_ERR_TOO_MANY_OPEN]      = NVME_ZONE_TOO_MANY_OPEN,
    [ZONE_ERR_TOO_MANY_ACTIVE]    = NVME_ZONE_TOO_MANY_ACTIVE,
    [ZONE_ERR_INVALID_TRANSITION] = NVME_ZONE_INVAL_TRANSITION,
    [ZONE_ERR_NO_ZRWA]            = NVME_INVALID_ZONE_OP,
    [ZONE_ERR_ZRWA_EXHAUSTED]     = NVME_NOZRWA,
    [ZONE_ERR_UNALIGNED]          = NVME_INVALID_FIELD,
    [ZONE_ERR_APPEND_LIMIT]       = NVME_INVALID_FIELD,
    [ZONE_ERR_CONVENTIONAL]       = NVME_INVALID_FIELD,
    [ZONE_ERR_NO_ZDE]             = NVME_INVALID_FIELD,
};

/*
 * All commands of the set that name one LBA have it in the same place, except
 * for Dataset Management.
 */
static uint64_t cmd_slba(const NvmeRequest *req)
{
    return ((uint64_t)le32_to_cpu(req->cmd.cdw11) << 32) |
           le32_to_cpu(req->cmd.cdw10);
}

static void trace_refusal(NvmeNamespace *ns, NvmeRequest *req,
                          ZoneStatus reason, uint16_t status)
{
    uint64_t slba = cmd_slba(req);
    uint16_t nlb = le32_to_cpu(req->cmd.cdw12);
    ZoneInfo info;
    uint64_t zslba;

    if (ns != req->ns || nvme_zns_idx(ns, slba) >= ns->num_zones) {
        trace_pci_nvme_err_zone_write_not_ok(slba, nlb, status);
        return;
    }

    nvme_zns_info(ns, slba, &info);
    zslba = nvme_zns_b2l(ns, info.start_bytes);

    switch (reason) {
    case ZONE_ERR_NOT_AT_WP:
        trace_pci_nvme_err_write_not_at_wp(
            slba, zslba, nvme_zns_b2l(ns, info.reserved_bytes));
        break;
    case ZONE_ERR_BOUNDARY:
        trace_pci_nvme_err_zone_boundary(
            slba, nlb, nvme_zns_b2l(ns, info.capacity_bytes));
        break;
    case ZONE_ERR_FULL:
        trace_pci_nvme_err_zone_is_full(zslba);
        break;
    case ZONE_ERR_READ_ONLY:
        trace_pci_nvme_err_zone_is_read_only(zslba);
        break;
    case ZONE_ERR_OFFLINE:
        trace_pci_nvme_err_zone_is_offline(zslba);
        break;
    case ZONE_ERR_TOO_MANY_OPEN:
        trace_pci_nvme_err_insuff_open_res(
            blk_get_max_open_zones(ns->blkconf.blk));
        break;
    case ZONE_ERR_TOO_MANY_ACTIVE:
        trace_pci_nvme_err_insuff_active_res(
            blk_get_max_active_zones(ns->blkconf.blk));
        break;
    case ZONE_ERR_INVALID_TRANSITION:
        trace_pci_nvme_err_invalid_zone_state_transition(
            le32_to_cpu(req->cmd.cdw13), slba, info.attributes);
        break;
    default:
        trace_pci_nvme_err_zone_write_not_ok(slba, nlb, status);
        break;
    }
}

static bool is_zrwa_flush(const NvmeRequest *req)
{
    const NvmeZoneSendCmd *cmd = (const NvmeZoneSendCmd *)&req->cmd;

    return req->cmd.opcode == NVME_CMD_ZONE_MGMT_SEND &&
           cmd->zsa == NVME_ZONE_ACTION_ZRWA_FLUSH;
}

bool nvme_zns_write_protected(NvmeNamespace *ns)
{
    return ns->params.zoned && !blk_is_writable(ns->blkconf.blk);
}

uint16_t nvme_zns_status(NvmeNamespace *ns, NvmeRequest *req, int ret,
                         uint16_t generic)
{
    ZoneStatus reason = zone_status_from_errno(ret);
    uint16_t status;

    ns = ns ?: nvme_ns(nvme_ctrl(req), le32_to_cpu(req->cmd.nsid));
    if (ret == -EPERM && ns && nvme_zns_write_protected(ns)) {
        return NVME_NS_WRITE_PROTECTED | NVME_DNR;
    }
    if (!ns || !ns->params.zoned || reason == ZONE_OK) {
        return generic; /* elsewhere the same numbers are ordinary errors */
    }

    status = nvme_statuses[reason] | NVME_DNR;
    if (is_zrwa_flush(req) &&
        (reason == ZONE_ERR_BOUNDARY || reason == ZONE_ERR_UNALIGNED)) {
        status = NVME_INVALID_ZONE_OP | NVME_DNR; /* not in the window */
    }
    trace_refusal(ns, req, reason, status);
    return status;
}

int nvme_zns_complete(NvmeRequest *req, int ret)
{
    NvmeNamespace *ns = req->ns;
    uint16_t status;

    if (!ns->params.zoned) {
        return ret;
    }
    status = nvme_zns_status(ns, req, ret, NVME_SUCCESS);
    if (status) {
        /* Neither done nor failed: the medium has not been touched */
        block_acct_invalid(blk_get_stats(ns->blkconf.blk),
                           req->acct.type ?: BLOCK_ACCT_WRITE);
        req->acct.type = BLOCK_ACCT_NONE;
        req->status = status;
        return 0;
    }

    if (!ret && req->cmd.opcode == NVME_CMD_ZONE_APPEND) {
        NvmeZonedResult *result = (NvmeZonedResult *)&req->cqe;

        result->slba = cpu_to_le64(nvme_zns_b2l(ns, req->append_bytes));
    }

    return ret;
}

static uint16_t check_readable(NvmeNamespace *ns, uint32_t zone_idx)
{
    ZoneInfo info;

    blk_get_zone_info(ns->blkconf.blk, zone_idx, &info);
    if (info.state == ZONE_STATE_OFFLINE) {
        trace_pci_nvme_err_zone_is_offline(
            nvme_zns_b2l(ns, info.start_bytes));
        return NVME_ZONE_OFFLINE | NVME_DNR;
    }

    return NVME_SUCCESS;
}

uint16_t nvme_check_zone_read(NvmeNamespace *ns, uint64_t slba, uint32_t nlb)
{
    uint32_t zone_idx = nvme_zns_idx(ns, slba);
    uint32_t last_idx = nvme_zns_idx(ns, slba + nlb - 1);
    uint16_t status = check_readable(ns, zone_idx);

    if (!status && zone_idx != last_idx && !ns->params.cross_zone_read) {
        trace_pci_nvme_err_zone_boundary(slba, nlb, ns->zone_capacity);
        return NVME_ZONE_BOUNDARY_ERROR | NVME_DNR;
    }

    while (!status && zone_idx < last_idx) {
        status = check_readable(ns, ++zone_idx);
    }

    return status;
}

uint16_t nvme_zns_check_read(NvmeNamespace *ns, uint64_t slba, uint32_t nlb)
{
    uint16_t status = nvme_check_bounds(ns, slba, nlb);

    return status || !ns->params.zoned ? status
                                       : nvme_check_zone_read(ns, slba, nlb);
}

/* Has a zone of the range this state?  Without a drive all are Offline */
static bool range_meets(NvmeNamespace *ns, uint64_t slba, uint32_t nlb,
                        ZoneState state)
{
    uint32_t end_idx = nvme_zns_idx(ns, slba + nlb - 1) + 1;

    if (blk_get_zone_model(ns->blkconf.blk) == BLK_Z_NONE) {
        return state == ZONE_STATE_OFFLINE;
    }
    return blk_find_zone(ns->blkconf.blk, state, nvme_zns_idx(ns, slba),
                         end_idx) < end_idx;
}

/*
 * All ranges before any: a command that is refused has deallocated nothing.
 * Zone Is Offline is what zones add to the command (3.3.3); the block layer
 * passes Read Only ones by, but it knows nothing of their metadata.
 */
uint16_t nvme_zns_check_dsm(NvmeCtrl *n, NvmeNamespace *ns,
                            NvmeDsmRange *ranges, unsigned int nr)
{
    uint64_t nsze = le64_to_cpu(ns->id_ns.nsze);
    unsigned int i;

    if (nvme_zns_write_protected(ns)) {
        return NVME_NS_WRITE_PROTECTED | NVME_DNR;
    }
    for (i = 0; ns->params.zoned && i < nr; i++) {
        uint64_t slba = le64_to_cpu(ranges[i].slba);
        uint32_t nlb = le32_to_cpu(ranges[i].nlb);

        /* What is too long, or beyond the namespace, is skipped later on */
        if (!nlb || nlb > n->dmrsl || slba >= nsze || nlb > nsze - slba) {
            continue;
        }
        if (range_meets(ns, slba, nlb, ZONE_STATE_OFFLINE)) {
            trace_pci_nvme_err_zone_is_offline(slba);
            return NVME_ZONE_OFFLINE | NVME_DNR;
        }
        if (ns->lbaf.ms && range_meets(ns, slba, nlb, ZONE_STATE_READ_ONLY)) {
            ranges[i].slba = cpu_to_le64(nsze);
        }
    }

    return NVME_SUCCESS;
}

/*
 * Copy writes range by range, but as one command it fits or writes nothing.
 * Whether it is at the write pointer turns out with the first of the writes:
 * others that come before may still be on their way.  What ends above the
 * capacity does not fit, whatever has become of the zone by then.
 */
uint16_t nvme_zns_check_copy(NvmeRequest *req, uint64_t slba, uint32_t nlb)
{
    NvmeNamespace *ns = req->ns;
    uint64_t zslba;
    ZoneInfo info;
    ZoneStatus reason;
    uint16_t status;

    if (!ns->params.zoned) {
        return NVME_SUCCESS;
    }
    status = nvme_check_bounds(ns, slba, nlb);
    if (status) {
        return status;
    }

    zslba = nvme_zns_idx(ns, slba) * ns->zone_size;
    reason = blk_check_zone_write(ns->blkconf.blk, nvme_l2b(ns, slba),
                                  nvme_l2b(ns, nlb));
    nvme_zns_info(ns, slba, &info);
    if (slba + nlb <= zslba + nvme_zns_b2l(ns, info.capacity_bytes)) {
        if (reason == ZONE_ERR_NOT_AT_WP || reason == ZONE_OK ||
            zone_status_is_busy(reason)) {
            return NVME_SUCCESS;
        }
    } else if (zone_status_is_busy(reason)) {
        reason = ZONE_ERR_BOUNDARY;
    }

    return nvme_zns_status(ns, req, zone_status_errno(reason), NVME_SUCCESS);
}

/* Interleaved metadata is transferred, unless the controller makes it */
static uint64_t transfer_bytes(NvmeNamespace *ns, const NvmeRwCmd *rw)
{
    uint32_t nlb = le16_to_cpu(rw->nlb) + 1;
    bool generates = NVME_ID_NS_DPS_TYPE(ns->id_ns.dps) &&
                     NVME_RW_PRINFO(le16_to_cpu(rw->control)) &
                     NVME_PRINFO_PRACT &&
                     ns->lbaf.ms == nvme_pi_tuple_size(ns);

    return nvme_l2b(ns, nlb) +
           (nvme_ns_ext(ns) && !generates ? nvme_m2b(ns, nlb) : 0);
}

static uint16_t check_append_size(NvmeCtrl *n, NvmeRequest *req)
{
    uint64_t bytes = transfer_bytes(req->ns, (const NvmeRwCmd *)&req->cmd);

    if (n->zns_zasl && bytes > nvme_zns_page_bytes(n) << n->zns_zasl) {
        trace_pci_nvme_err_zasl(bytes);
        return NVME_INVALID_FIELD | NVME_DNR;
    }

    return NVME_SUCCESS;
}

/* What PIREMAP must be depends on the type of protection */
static uint16_t check_append_piremap(NvmeNamespace *ns, bool piremap)
{
    switch (NVME_ID_NS_DPS_TYPE(ns->id_ns.dps)) {
    case NVME_ID_NS_DPS_TYPE_1:
        return piremap ? NVME_SUCCESS : NVME_INVALID_PROT_INFO | NVME_DNR;
    case NVME_ID_NS_DPS_TYPE_3:
        return piremap ? NVME_INVALID_PROT_INFO | NVME_DNR : NVME_SUCCESS;
    default:
        return NVME_SUCCESS;
    }
}

static uint16_t check_append(NvmeCtrl *n, NvmeRequest *req)
{
    NvmeNamespace *ns = req->ns;
    NvmeRwCmd *rw = (NvmeRwCmd *)&req->cmd;
    bool piremap = le16_to_cpu(rw->control) & NVME_RW_PIREMAP;
    uint64_t slba = le64_to_cpu(rw->slba);
    ZoneInfo info;
    uint16_t status;

    nvme_zns_info(ns, slba, &info);
    if (nvme_l2b(ns, slba) != info.start_bytes) {
        trace_pci_nvme_err_append_not_at_start(
            slba, nvme_zns_b2l(ns, info.start_bytes));
        return NVME_INVALID_FIELD | NVME_DNR;
    }

    status = check_append_size(n, req);
    if (!status) {
        status = check_append_piremap(ns, piremap);
    }
    if (!status && info.attributes & ZONE_ATTR_ZRWAV) {
        status = nvme_zns_status(ns, req, zone_status_errno(ZONE_ERR_NO_ZRWA),
                                 NVME_SUCCESS);
    }

    return status;
}

uint16_t nvme_zns_check_write(NvmeCtrl *n, NvmeRequest *req, bool append)
{
    return append ? check_append(n, req) : NVME_SUCCESS;
}

/* Write, Append, Write Zeroes and Copy have the bit in the same place */
BdrvRequestFlags nvme_zns_fua(NvmeRequest *req)
{
    NvmeRwCmd *rw = (NvmeRwCmd *)&req->cmd;

    return req->ns->params.zoned && le16_to_cpu(rw->control) & NVME_RW_FUA
           ? BDRV_REQ_FUA : 0;
}

static void blk_append(BlockBackend *blk, int64_t zone_start_bytes,
                       BlockCompletionFunc *cb, NvmeRequest *req)
{
    BdrvRequestFlags flags = nvme_zns_fua(req);

    req->append_bytes = zone_start_bytes;
    if (req->sg.flags & NVME_SG_DMA) {
        req->aiocb = dma_blk_zone_append(blk, &req->sg.qsg, &req->append_bytes,
                                         flags, cb, req);
    } else {
        req->aiocb = blk_aio_zone_append(blk, &req->append_bytes,
                                         &req->sg.iov, flags, cb, req);
    }
}

void nvme_zns_blk_write(BlockBackend *blk, int64_t offset_bytes,
                        BlockCompletionFunc *cb, NvmeRequest *req)
{
    BdrvRequestFlags flags = nvme_zns_fua(req);

    if (req->ns->lbaf.ms) {
        nvme_zns_meta_write(req, offset_bytes, nvme_rw_complete_cb);
    } else if (req->cmd.opcode == NVME_CMD_ZONE_APPEND) {
        blk_append(blk, offset_bytes, cb, req);
    } else if (req->sg.flags & NVME_SG_DMA) {
        req->aiocb = dma_blk_zone_write(blk, &req->sg.qsg, offset_bytes, flags,
                                        cb, req);
    } else {
        req->aiocb = blk_aio_pwritev(blk, offset_bytes, &req->sg.iov, flags,
                                     cb, req);
    }
}

/* Of Reset Zone, in the completion: any zone has another capacity now */
#define NVME_ZNS_CAPACITY_CHANGED   0x1

/* One Zone Management Send command */
typedef struct ZoneSend {
    NvmeRequest *req;
    ZoneAction action;
    ZoneTail tail;              /* clears metadata */
    uint32_t zone_idx;
    bool capacity_changed;      /* by a Reset */
    uint8_t zde[];
} ZoneSend;

static void send_cb(void *opaque, int ret)
{
    ZoneSend *send = opaque;
    NvmeRequest *req = send->req;

    if (!ret && send->action.zde) {
        trace_pci_nvme_zd_extension_set(send->zone_idx);
    }
    if (send->capacity_changed) {
        req->cqe.result = cpu_to_le32(NVME_ZNS_CAPACITY_CHANGED);
    }
    g_free(send);
    nvme_misc_cb(req, ret);
}

static uint16_t submit_action(NvmeRequest *req, ZoneSend *send)
{
    NvmeNamespace *ns = req->ns;

    send->req = req;
    send->action.capacity_changed = &send->capacity_changed;
    if (send->action.op == BLK_ZO_RESET && ns->lbaf.ms) {
        send->tail.co_fn = nvme_zns_co_reset_meta;
        send->tail.opaque = ns;
        send->action.tail = &send->tail;
    }
    req->aiocb = blk_aio_zone_action(ns->blkconf.blk, &send->action, send_cb,
                                     send);
    return NVME_NO_COMPLETE;
}

static uint16_t send_action(NvmeRequest *req, BlockZoneOp op, bool all,
                            uint64_t slba)
{
    NvmeNamespace *ns = req->ns;
    ZoneSend *send = g_new0(ZoneSend, 1);

    send->action.op = op;
    send->action.select_all = all;
    send->action.offset_bytes = nvme_l2b(ns, slba);
    send->zone_idx = nvme_zns_idx(ns, slba);
    return submit_action(req, send);
}

static uint16_t send_open(NvmeRequest *req, bool all, uint64_t slba)
{
    NvmeZoneSendCmd *cmd = (NvmeZoneSendCmd *)&req->cmd;
    NvmeNamespace *ns = req->ns;

    trace_pci_nvme_open_zone(slba, nvme_zns_idx(ns, slba), all);

    if (!(cmd->zsflags & NVME_ZSFLAG_ZRWA_ALLOC)) {
        return send_action(req, BLK_ZO_OPEN, all, slba);
    }
    if (all) {
        return NVME_INVALID_FIELD | NVME_DNR;
    }
    if (!blk_get_zrwa_size(ns->blkconf.blk)) {
        return nvme_zns_status(ns, req, zone_status_errno(ZONE_ERR_NO_ZRWA),
                               NVME_SUCCESS);
    }
    return send_action(req, BLK_ZO_OPEN_ZRWA, all, slba);
}

static uint16_t send_zde(NvmeCtrl *n, NvmeRequest *req, bool all,
                         uint64_t slba)
{
    NvmeZoneSendCmd *cmd = (NvmeZoneSendCmd *)&req->cmd;
    NvmeNamespace *ns = req->ns;
    bool zrwa = cmd->zsflags & NVME_ZSFLAG_ZRWA_ALLOC;
    uint32_t zone_idx = nvme_zns_idx(ns, slba);
    uint32_t zde_bytes = blk_get_zd_ext_size(ns->blkconf.blk);
    ZoneSend *send;
    uint16_t status;

    trace_pci_nvme_set_descriptor_extension(slba, zone_idx);

    if (all || !zde_bytes) {
        return NVME_INVALID_FIELD | NVME_DNR;
    }

    send = g_malloc0(sizeof(*send) + zde_bytes);
    status = nvme_h2c(n, send->zde, zde_bytes, req);
    if (status) {
        trace_pci_nvme_err_zd_extension_map_error(zone_idx);
        g_free(send);
        return status;
    }

    send->action.op = zrwa ? BLK_ZO_SET_ZDED_ZRWA : BLK_ZO_SET_ZDED;
    send->action.offset_bytes = nvme_l2b(ns, slba);
    send->action.zde = send->zde;
    send->zone_idx = zone_idx;
    return submit_action(req, send);
}

/* slba is the last block to flush, here alone */
static uint16_t send_zrwa_flush(NvmeRequest *req, bool all, uint64_t slba)
{
    NvmeNamespace *ns = req->ns;
    ZoneSend *send;
    ZoneInfo info;

    if (all) {
        return NVME_INVALID_FIELD | NVME_DNR;
    }
    if (!blk_get_zrwa_size(ns->blkconf.blk)) {
        return nvme_zns_status(ns, req, zone_status_errno(ZONE_ERR_NO_ZRWA),
                               NVME_SUCCESS);
    }

    nvme_zns_info(ns, slba, &info);
    if (!(info.attributes & ZONE_ATTR_ZRWAV) ||
        nvme_l2b(ns, slba) < info.wp_bytes) {
        return nvme_zns_status(ns, req, zone_status_errno(ZONE_ERR_NO_ZRWA),
                               NVME_SUCCESS);
    }

    send = g_new0(ZoneSend, 1);
    send->action.op = BLK_ZO_FLUSH_ZRWA;
    send->action.offset_bytes = nvme_l2b(ns, slba + 1);
    return submit_action(req, send);
}

/* The zone start, or 0 for all zones */
static uint16_t send_slba(NvmeRequest *req, bool all, uint64_t *slba)
{
    NvmeZoneSendCmd *cmd = (NvmeZoneSendCmd *)&req->cmd;
    NvmeNamespace *ns = req->ns;
    uint64_t zslba;
    uint16_t status;

    *slba = 0;
    if (all) {
        return NVME_SUCCESS;
    }

    *slba = le64_to_cpu(cmd->slba);
    status = nvme_check_bounds(ns, *slba, 1);
    if (status) {
        return status;
    }

    zslba = nvme_zns_idx(ns, *slba) * ns->zone_size;
    if (*slba != zslba && cmd->zsa != NVME_ZONE_ACTION_ZRWA_FLUSH) {
        trace_pci_nvme_err_unaligned_zone_cmd(cmd->zsa, *slba, zslba);
        return NVME_INVALID_FIELD | NVME_DNR;
    }

    return NVME_SUCCESS;
}

uint16_t nvme_zone_mgmt_send(NvmeCtrl *n, NvmeRequest *req)
{
    NvmeZoneSendCmd *cmd = (NvmeZoneSendCmd *)&req->cmd;
    bool all = cmd->zsflags & NVME_ZSFLAG_SELECT_ALL;
    uint32_t zone_idx;
    uint64_t slba;
    uint16_t status = send_slba(req, all, &slba);

    if (status) {
        return status;
    }
    zone_idx = nvme_zns_idx(req->ns, slba);

    switch (cmd->zsa) {
    case NVME_ZONE_ACTION_OPEN:
        return send_open(req, all, slba);
    case NVME_ZONE_ACTION_CLOSE:
        trace_pci_nvme_close_zone(slba, zone_idx, all);
        return send_action(req, BLK_ZO_CLOSE, all, slba);
    case NVME_ZONE_ACTION_FINISH:
        trace_pci_nvme_finish_zone(slba, zone_idx, all);
        return send_action(req, BLK_ZO_FINISH, all, slba);
    case NVME_ZONE_ACTION_RESET:
        trace_pci_nvme_reset_zone(slba, zone_idx, all);
        return send_action(req, BLK_ZO_RESET, all, slba);
    case NVME_ZONE_ACTION_OFFLINE:
        trace_pci_nvme_offline_zone(slba, zone_idx, all);
        return send_action(req, BLK_ZO_OFFLINE, all, slba);
    case NVME_ZONE_ACTION_SET_ZD_EXT:
        return send_zde(n, req, all, slba);
    case NVME_ZONE_ACTION_ZRWA_FLUSH:
        return send_zrwa_flush(req, all, slba);
    default:
        trace_pci_nvme_err_invalid_mgmt_action(cmd->zsa);
        return NVME_INVALID_FIELD | NVME_DNR;
    }
}
