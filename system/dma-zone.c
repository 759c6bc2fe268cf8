/*
 * DMA for zone appends and writes: one request, never split
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/memalign.h"
#include "system/block-backend.h"
#include "system/block-backend-zone.h"
#include "system/dma.h"

typedef struct ZoneDMA {
    BlockAIOCB common;
    QEMUSGList *sg;
    QEMUIOVector iov;
    void *bounce;               /* where the memory could not be mapped whole */
} ZoneDMA;

static const AIOCBInfo zone_dma_aiocb_info = {
    .aiocb_size = sizeof(ZoneDMA),
};

static void zone_dma_unmap(ZoneDMA *dma)
{
    int i;

    for (i = 0; i < dma->iov.niov && !dma->bounce; i++) {
        dma_memory_unmap(dma->sg->as, dma->iov.iov[i].iov_base,
                         dma->iov.iov[i].iov_len, DMA_DIRECTION_TO_DEVICE,
                         dma->iov.iov[i].iov_len);
    }
    qemu_iovec_reset(&dma->iov);
}

static bool zone_dma_map_entry(ZoneDMA *dma, const ScatterGatherEntry *entry)
{
    dma_addr_t done, len;
    void *mem;

    for (done = 0; done < entry->len; done += len) {
        len = entry->len - done;
        mem = dma_memory_map(dma->sg->as, entry->base + done, &len,
                             DMA_DIRECTION_TO_DEVICE, MEMTXATTRS_UNSPECIFIED);
        if (!mem) {
            return false;
        }
        qemu_iovec_add(&dma->iov, mem, len);
    }
    return true;
}

static void zone_dma_copy(ZoneDMA *dma, BlockBackend *blk)
{
    dma_addr_t residual;

    zone_dma_unmap(dma);
    dma->bounce = blk_blockalign(blk, dma->sg->size);
    dma_buf_write(dma->bounce, dma->sg->size, &residual, dma->sg,
                  MEMTXATTRS_UNSPECIFIED);
    qemu_iovec_add(&dma->iov, dma->bounce, dma->sg->size);
}

static void zone_dma_complete(void *opaque, int ret)
{
    ZoneDMA *dma = opaque;

    zone_dma_unmap(dma);
    qemu_vfree(dma->bounce);
    qemu_iovec_destroy(&dma->iov);
    dma->common.cb(dma->common.opaque, ret);
    qemu_aio_unref(dma);
}

static ZoneDMA *zone_dma_new(BlockBackend *blk, QEMUSGList *sg,
                             BlockCompletionFunc *cb, void *opaque)
{
    ZoneDMA *dma = blk_aio_get(&zone_dma_aiocb_info, blk, cb, opaque);
    int i;

    dma->sg = sg;
    dma->bounce = NULL;
    qemu_iovec_init(&dma->iov, sg->nsg);
    for (i = 0; i < sg->nsg; i++) {
        if (!zone_dma_map_entry(dma, &sg->sg[i])) {
            zone_dma_copy(dma, blk);
            break;
        }
    }
    return dma;
}

BlockAIOCB *dma_blk_zone_append(BlockBackend *blk, QEMUSGList *sg,
                                int64_t *offset, BdrvRequestFlags flags,
                                BlockCompletionFunc *cb, void *opaque)
{
    ZoneDMA *dma = zone_dma_new(blk, sg, cb, opaque);

    blk_aio_zone_append(blk, offset, &dma->iov, flags, zone_dma_complete, dma);
    return &dma->common;
}

BlockAIOCB *dma_blk_zone_write(BlockBackend *blk, QEMUSGList *sg,
                               int64_t offset, BdrvRequestFlags flags,
                               BlockCompletionFunc *cb, void *opaque)
{
    ZoneDMA *dma = zone_dma_new(blk, sg, cb, opaque);

    blk_aio_pwritev(blk, offset, &dma->iov, flags, zone_dma_complete, dma);
    return &dma->common;
}
