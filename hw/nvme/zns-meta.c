/*
 * NVMe Zoned Namespace Command Set: metadata and protection information
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Metadata lies behind the zones, where the block layer knows nothing of them.
 * It is the tail of what happens to the data: a write has not ended before its
 * metadata is written too, and a zone becomes Empty when its metadata is gone.
 * So none lands in a later life of the zone.  When a Reset fails, the zone
 * stays what it was, but may have lost metadata.
 */

#include "qemu/osdep.h"
#include "qemu/bswap.h"
#include "qemu/memalign.h"
#include "system/block-backend.h"
#include "zns.h"
#include "dif.h"
#include "trace.h"

typedef struct MetaWrite {
    ZoneIOWrite write;
    ZoneTail tail;
    NvmeRequest *req;
    BlockCompletionFunc *cb;
    void *opaque;
    uint32_t nr_blocks;
    QEMUIOVector *meta_iov;     /* NULL: zeros */
    uint8_t *tuples;            /* of an append, to be remapped; or NULL */

    /* What is copied from the host here, of a namespace without protection */
    void *data;
    uint8_t *meta;
    QEMUIOVector own_data_iov;
    QEMUIOVector own_meta_iov;
} MetaWrite;

/* Reference tags count from the zone start; PIREMAP makes that the position */
static void remap_tuples(NvmeNamespace *ns, uint8_t *tuples, uint32_t nlb,
                         uint64_t distance)
{
    uint32_t at = ns->id_ns.dps & NVME_ID_NS_DPS_FIRST_EIGHT
                  ? 0 : ns->lbaf.ms - nvme_pi_tuple_size(ns);
    uint64_t reftag;
    uint32_t i;

    for (i = 0; i < nlb; i++, at += ns->lbaf.ms) {
        NvmeDifTuple *dif = (NvmeDifTuple *)(tuples + at);

        if (ns->pif == NVME_PI_GUARD_16) {
            reftag = be32_to_cpu(dif->g16.reftag) + distance;
            dif->g16.reftag = cpu_to_be32(reftag);
        } else {
            reftag = ((uint64_t)lduw_be_p(dif->g64.sr) << 32 |
                      (uint32_t)ldl_be_p(dif->g64.sr + 2)) + distance;
            stw_be_p(dif->g64.sr, reftag >> 32);
            stl_be_p(dif->g64.sr + 2, reftag);
        }
    }
}

static int coroutine_fn GRAPH_RDLOCK
meta_co_tail(void *opaque, int64_t offset_bytes)
{
    MetaWrite *mw = opaque;
    NvmeNamespace *ns = mw->req->ns;
    uint64_t slba = nvme_zns_b2l(ns, offset_bytes);

    if (mw->tuples) {
        remap_tuples(ns, mw->tuples, mw->nr_blocks,
                     slba - le64_to_cpu(((NvmeRwCmd *)&mw->req->cmd)->slba));
    }
    return blk_zone_co_tail(ns->blkconf.blk, nvme_moff(ns, slba),
                            nvme_m2b(ns, mw->nr_blocks), mw->meta_iov);
}

static void meta_write_complete(void *opaque, int ret)
{
    MetaWrite *mw = opaque;

    mw->req->append_bytes = mw->write.offset_bytes;
    if (mw->data) {
        qemu_iovec_destroy(&mw->own_data_iov);
    }
    if (mw->meta) {
        qemu_iovec_destroy(&mw->own_meta_iov);
    }
    mw->cb(mw->opaque, ret);
    qemu_vfree(mw->data);
    g_free(mw->meta);
    g_free(mw);
}

static MetaWrite *meta_write_new(NvmeRequest *req, int64_t offset_bytes,
                                 int64_t length_bytes, QEMUIOVector *iov,
                                 BlockCompletionFunc *cb, void *opaque)
{
    MetaWrite *mw = g_new0(MetaWrite, 1);

    mw->write = (ZoneIOWrite) {
        .offset_bytes = offset_bytes,
        .length_bytes = length_bytes,
        .qiov = iov,
        .flags = nvme_zns_fua(req),
        .append = req->cmd.opcode == NVME_CMD_ZONE_APPEND,
        .tail = &mw->tail,
    };
    mw->tail = (ZoneTail) { .co_fn = meta_co_tail, .opaque = mw };
    mw->req = req;
    mw->cb = cb;
    mw->opaque = opaque;
    mw->nr_blocks = nvme_zns_b2l(req->ns, length_bytes);
    return mw;
}

static BlockAIOCB *meta_write_start(MetaWrite *mw)
{
    return blk_aio_zone_write(mw->req->ns->blkconf.blk, &mw->write,
                              meta_write_complete, mw);
}

/* Without protection *******************************************************/

static uint16_t meta_write_get_data(MetaWrite *mw)
{
    NvmeRequest *req = mw->req;
    size_t bytes = mw->write.length_bytes;

    mw->data = blk_blockalign(req->ns->blkconf.blk, bytes);
    qemu_iovec_init_buf(&mw->own_data_iov, mw->data, bytes);
    mw->write.qiov = &mw->own_data_iov;
    return nvme_tx(nvme_ctrl(req), &req->sg, mw->data, bytes,
                   NVME_TX_DIRECTION_TO_DEVICE);
}

/* Of a host that names no buffer for metadata it is zeros */
static uint16_t meta_write_get_meta(MetaWrite *mw)
{
    NvmeRequest *req = mw->req;
    NvmeCtrl *n = nvme_ctrl(req);
    size_t bytes = nvme_m2b(req->ns, mw->nr_blocks);
    uint16_t status;

    if (!nvme_ns_ext(req->ns) && !req->cmd.mptr) {
        return NVME_SUCCESS;
    }
    nvme_sg_unmap(&req->sg);
    status = nvme_map_mdata(n, mw->nr_blocks, req);
    if (status) {
        return status;
    }
    mw->meta = g_malloc(bytes);
    qemu_iovec_init_buf(&mw->own_meta_iov, mw->meta, bytes);
    mw->meta_iov = &mw->own_meta_iov;
    return nvme_tx(n, &req->sg, mw->meta, bytes, NVME_TX_DIRECTION_TO_DEVICE);
}

/* Both come with the command: the data that it has mapped, then metadata */
void nvme_zns_meta_write(NvmeRequest *req, int64_t offset_bytes,
                         BlockCompletionFunc *cb)
{
    NvmeNamespace *ns = req->ns;
    uint32_t nlb = le16_to_cpu(((NvmeRwCmd *)&req->cmd)->nlb) + 1;
    MetaWrite *mw = meta_write_new(req, offset_bytes, nvme_l2b(ns, nlb), NULL,
                                   cb, req);
    uint16_t status = meta_write_get_data(mw);

    status = status ?: meta_write_get_meta(mw);
    if (status) {
        req->status = status;
        req->aiocb = blk_abort_aio_request(ns->blkconf.blk, meta_write_complete,
                                           mw, 0);
        return;
    }
    req->aiocb = meta_write_start(mw);
}

BlockAIOCB *nvme_zns_write_zeroes(NvmeRequest *req, int64_t offset_bytes,
                                  int64_t length_bytes,
                                  BlockCompletionFunc *data_cb,
                                  BlockCompletionFunc *cb)
{
    NvmeNamespace *ns = req->ns;
    BdrvRequestFlags flags = BDRV_REQ_MAY_UNMAP | nvme_zns_fua(req);
    MetaWrite *mw;

    if (!ns->params.zoned || !ns->lbaf.ms) {
        return blk_aio_pwrite_zeroes(ns->blkconf.blk, offset_bytes,
                                     length_bytes, flags, data_cb, req);
    }
    mw = meta_write_new(req, offset_bytes, length_bytes, NULL, cb, req);
    mw->write.flags = flags;
    return meta_write_start(mw);
}

/* With protection **********************************************************/

BlockAIOCB *nvme_zns_dif_write(NvmeBounceContext *ctx, int64_t offset_bytes,
                               BlockCompletionFunc *data_cb,
                               BlockCompletionFunc *cb)
{
    NvmeRequest *req = ctx->req;
    NvmeRwCmd *rw = (NvmeRwCmd *)&req->cmd;
    MetaWrite *mw;

    if (!req->ns->params.zoned) {
        return blk_aio_pwritev(req->ns->blkconf.blk, offset_bytes,
                               &ctx->data.iov, 0, data_cb, ctx);
    }
    mw = meta_write_new(req, offset_bytes, ctx->data.iov.size, &ctx->data.iov,
                        cb, ctx);
    mw->meta_iov = &ctx->mdata.iov;
    if (mw->write.append && le16_to_cpu(rw->control) & NVME_RW_PIREMAP) {
        mw->tuples = ctx->mdata.bounce;
    }
    return meta_write_start(mw);
}

BlockAIOCB *nvme_zns_dif_write_zeroes(NvmeBounceContext *ctx,
                                      int64_t offset_bytes,
                                      int64_t length_bytes,
                                      BdrvRequestFlags flags,
                                      BlockCompletionFunc *data_cb,
                                      BlockCompletionFunc *cb)
{
    NvmeRequest *req = ctx->req;
    MetaWrite *mw;

    if (!req->ns->params.zoned) {
        return blk_aio_pwrite_zeroes(req->ns->blkconf.blk, offset_bytes,
                                     length_bytes, flags, data_cb, ctx);
    }
    mw = meta_write_new(req, offset_bytes, length_bytes, NULL, cb, ctx);
    mw->write.flags |= flags;
    if (ctx->mdata.bounce) {
        mw->meta_iov = &ctx->mdata.iov;
    }
    return meta_write_start(mw);
}

/* Copy, Reset **************************************************************/

/* iov has one element, which metadata follows in memory */
BlockAIOCB *nvme_zns_copy_write(NvmeRequest *req, uint64_t slba,
                                QEMUIOVector *iov, BlockCompletionFunc *data_cb,
                                BlockCompletionFunc *cb, void *opaque)
{
    NvmeNamespace *ns = req->ns;
    uint32_t nlb = nvme_zns_b2l(ns, iov->size);
    MetaWrite *mw;

    if (!ns->params.zoned || !ns->lbaf.ms) {
        return blk_aio_pwritev(ns->blkconf.blk, nvme_l2b(ns, slba), iov,
                               nvme_zns_fua(req), data_cb, opaque);
    }
    mw = meta_write_new(req, nvme_l2b(ns, slba), iov->size, iov, cb, opaque);
    qemu_iovec_init_buf(&mw->own_meta_iov,
                        (uint8_t *)iov->iov[0].iov_base + iov->size,
                        nvme_m2b(ns, nlb));
    mw->meta_iov = &mw->own_meta_iov;
    return meta_write_start(mw);
}

int coroutine_fn nvme_zns_co_reset_meta(void *opaque, int64_t offset_bytes)
{
    NvmeNamespace *ns = opaque;
    uint64_t zslba = nvme_zns_b2l(ns, offset_bytes);

    trace_pci_nvme_zns_zone_reset(zslba);
    return blk_zone_co_tail(ns->blkconf.blk, nvme_moff(ns, zslba),
                            nvme_m2b(ns, ns->zone_size), NULL);
}
