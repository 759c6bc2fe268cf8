/*
 * NVMe Zoned Namespace Command Set: Format NVM
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/coroutine.h"
#include "block/aio.h"
#include "system/block-backend.h"
#include "zns.h"

typedef struct ZoneFormat {
    BlockAIOCB common;
    NvmeNamespace *ns;
    int ret;
} ZoneFormat;

static const AIOCBInfo zone_format_aiocb_info = {
    .aiocb_size = sizeof(ZoneFormat),
};

static int coroutine_fn format_all(NvmeNamespace *ns, BlockZoneOp op)
{
    ZoneAction action = { .op = op, .select_all = true };

    return blk_zone_action(ns->blkconf.blk, &action);
}

/* How many zones are looked at before others get their turn */
#define NVME_ZNS_FORMAT_LOOK (64 * 1024)

static int coroutine_fn format_zone_attributes(NvmeNamespace *ns,
                                               uint32_t zone_idx)
{
    ZoneAction action = { .op = BLK_ZO_RESET };
    ZoneInfo info;

    blk_get_zone_info(ns->blkconf.blk, zone_idx, &info);
    if (info.state != ZONE_STATE_EMPTY) {
        return 0;
    }
    action.offset_bytes = info.start_bytes;
    return blk_zone_action(ns->blkconf.blk, &action);
}

/* Select All leaves Empty zones alone, recommendations to the host included */
static int coroutine_fn format_attributes(NvmeNamespace *ns)
{
    BlockBackend *blk = ns->blkconf.blk;
    uint32_t zone_idx = 0, end_idx = 0;
    int ret = 0;

    while (end_idx < ns->num_zones && ret >= 0) {
        end_idx += MIN(ns->num_zones - end_idx, NVME_ZNS_FORMAT_LOOK);
        while (ret >= 0) {
            if (blk_get_zone_model(blk) == BLK_Z_NONE) {
                return -ENOMEDIUM; /* the drive has gone meanwhile */
            }
            zone_idx = blk_find_zone(blk, ZONE_WITH_ATTRIBUTES, zone_idx,
                                     end_idx);
            if (zone_idx == end_idx) {
                break;
            }
            ret = format_zone_attributes(ns, zone_idx++);
        }
        zone_io_co_give_way();
    }

    return ret;
}

/* Metadata lies behind the zones, up to the end of the drive */
static int coroutine_fn format_metadata(NvmeNamespace *ns)
{
    int64_t offset, bytes;
    int ret = 0;

    for (offset = ns->moff; offset < ns->size && ret >= 0; offset += bytes) {
        bytes = MIN(ns->size - offset, BDRV_REQUEST_MAX_BYTES);
        ret = blk_co_pwrite_zeroes(ns->blkconf.blk, offset, bytes,
                                   BDRV_REQ_MAY_UNMAP);
    }

    return ret;
}

/*
 * 1. Read Only zones go Offline, all others that hold anything are reset; both
 *    are durable zone by zone.  A crash leaves each zone as it was or as it
 *    shall be, and the host without an answer: it formats again.
 * 2. Metadata is cleared once no zone holds data that it belongs to.
 * 3. A flush makes that durable too.
 */
static int coroutine_fn format_co(NvmeNamespace *ns)
{
    int ret = format_all(ns, BLK_ZO_OFFLINE);

    if (ret >= 0) {
        ret = format_all(ns, BLK_ZO_RESET);
    }
    if (ret >= 0) {
        ret = format_attributes(ns);
    }
    if (ret >= 0 && ns->lbaf.ms) {
        ret = format_metadata(ns);
    }

    return ret < 0 ? ret : blk_co_flush(ns->blkconf.blk);
}

/* Each zone is whole now, also when the format has failed or was cancelled */
static void format_complete(void *opaque)
{
    ZoneFormat *format = opaque;

    format->ns->status = NVME_SUCCESS;
    format->common.cb(format->common.opaque, format->ret);
    qemu_aio_unref(format);
}

static void coroutine_fn format_entry(void *opaque)
{
    ZoneFormat *format = opaque;

    format->ret = format_co(format->ns);
    /* Not from here: the caller may not have its BlockAIOCB yet */
    aio_bh_schedule_oneshot(qemu_get_current_aio_context(), format_complete,
                            format);
}

/*
 * The backend's requests are the steps.  A format that counted as one itself
 * would never end when the backend is drained between two of them.
 */
BlockAIOCB *nvme_zns_format(NvmeNamespace *ns, BlockCompletionFunc *cb,
                            void *opaque)
{
    ZoneFormat *format = blk_aio_get(&zone_format_aiocb_info, ns->blkconf.blk,
                                     cb, opaque);

    format->ns = ns;
    aio_co_enter(qemu_get_current_aio_context(),
                 qemu_coroutine_create(format_entry, format));
    return &format->common;
}

bool nvme_zns_refuses_format(NvmeNamespace *ns, uint8_t lbaf)
{
    return ns->params.zoned && lbaf != NVME_ID_NS_FLBAS_INDEX(ns->id_ns.flbas);
}

uint16_t nvme_check_format(NvmeCtrl *n, NvmeNamespace *ns, uint8_t lbaf,
                           uint8_t pi)
{
    uint16_t status = NVME_SUCCESS;
    uint32_t nsid;

    if (ns) {
        return nvme_format_check(ns, lbaf, pi);
    }
    for (nsid = 1; nsid <= NVME_MAX_NAMESPACES && !status; nsid++) {
        ns = nvme_ns(n, nsid);
        status = ns ? nvme_format_check(ns, lbaf, pi) : NVME_SUCCESS;
    }
    return status;
}
