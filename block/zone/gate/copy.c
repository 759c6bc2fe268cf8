/*
 * Zoned I/O: copy on read
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * One sector of each cluster is written, and the driver copies the rest of it,
 * as it does for a host that writes a part of a cluster.  Then it has the data
 * on disk before a mapping that leads there.  A cluster that is written whole
 * may be mapped first: nobody has flushed what a host writes so, and a crash
 * may take it; but what comes from the backing node may be old, and was
 * durable.
 */

#include "qemu/osdep.h"
#include "block/block-io.h"
#include "block/block_int.h"
#include "block/zone/gate/block-io.h"
#include "block/zone/gate/internal.h"

static int coroutine_fn GRAPH_RDLOCK
zone_io_co_copy_sector(BlockDriverState *bs, int64_t offset)
{
    uint32_t bytes = bs->bl.request_alignment;
    g_autofree uint8_t *buf = g_malloc(bytes);
    QEMUIOVector qiov;
    int ret;

    qemu_iovec_init_buf(&qiov, buf, bytes);
    ret = bdrv_driver_preadv(bs, offset, bytes, &qiov, 0, 0);
    return ret < 0 ? ret :
        bdrv_driver_pwritev(bs, offset, bytes, &qiov, 0,
                            BDRV_REQ_WRITE_UNCHANGED);
}

/* What the driver maps at once */
static int64_t coroutine_fn GRAPH_RDLOCK
zone_io_co_cluster_bytes(BlockDriverState *bs)
{
    BlockDriverInfo info = { };

    if (bdrv_co_get_info(bs, &info) < 0 || !info.cluster_size) {
        return 0;
    }
    return info.subcluster_size ? info.subcluster_size : info.cluster_size;
}

int coroutine_fn
zone_io_co_copy_up(BlockDriverState *bs, int64_t offset, int64_t bytes)
{
    int64_t cluster_bytes = zone_io_co_cluster_bytes(bs);
    int64_t end = offset + bytes;
    int64_t n;
    int ret = 0;

    if (!cluster_bytes || !bs->backing) {
        return 0; /* all that there is is here */
    }
    for (offset = QEMU_ALIGN_DOWN(offset, cluster_bytes);
         offset < end && ret >= 0; offset += cluster_bytes) {
        ret = bdrv_co_is_allocated(bs, offset, bs->bl.request_alignment, &n);
        if (ret == 0) {
            ret = zone_io_co_copy_sector(bs, offset);
        }
    }
    return ret;
}
