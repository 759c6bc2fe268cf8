/*
 * Zoned I/O: where block/io.c and the gate meet
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef BLOCK_ZONE_GATE_BLOCK_IO_H
#define BLOCK_ZONE_GATE_BLOCK_IO_H

#include "block/zone-io.h"

/* Of block/io.c *************************************************************/

void coroutine_fn
tracked_request_begin(BdrvTrackedRequest *req, BlockDriverState *bs,
                      int64_t offset, int64_t bytes,
                      enum BdrvTrackedRequestType type);
void coroutine_fn tracked_request_end(BdrvTrackedRequest *req);
void coroutine_fn bdrv_wait_serialising_requests(BdrvTrackedRequest *self);

int coroutine_fn GRAPH_RDLOCK
bdrv_driver_preadv(BlockDriverState *bs, int64_t offset, int64_t bytes,
                   QEMUIOVector *qiov, size_t qiov_offset, int flags);
int coroutine_fn GRAPH_RDLOCK
bdrv_driver_pwritev(BlockDriverState *bs, int64_t offset, int64_t bytes,
                    QEMUIOVector *qiov, size_t qiov_offset,
                    BdrvRequestFlags flags);
int coroutine_fn GRAPH_RDLOCK
bdrv_aligned_pwritev(BdrvChild *child, BdrvTrackedRequest *req,
                     int64_t offset, int64_t bytes, int64_t align,
                     QEMUIOVector *qiov, size_t qiov_offset,
                     BdrvRequestFlags flags);

int coroutine_fn GRAPH_RDLOCK
bdrv_co_do_pwrite_zeroes(BlockDriverState *bs, int64_t offset, int64_t bytes,
                         BdrvRequestFlags flags);

/* What block/io.c calls: a null test for nodes without zones ***************/

static inline int coroutine_fn GRAPH_RDLOCK
zone_gate_co_begin(ZoneRequest *req, BdrvTrackedRequest *tracked, int ret,
                   int64_t *offset, int64_t bytes, QEMUIOVector **qiov,
                   size_t *qiov_offset, BdrvRequestFlags *flags)
{
    req->io = NULL;
    if (ret < 0 || !tracked->bs->zones) {
        return ret;
    }
    return zone_io_co_begin(req, tracked->bs, tracked, offset, bytes, qiov,
                            qiov_offset, flags);
}

static inline int coroutine_fn GRAPH_RDLOCK
zone_gate_co_end(ZoneRequest *req, int ret)
{
    return req->io ? zone_io_co_end(req, ret) : ret;
}

static inline int coroutine_fn GRAPH_RDLOCK
zone_gate_co_pdiscard(BlockDriverState *bs, int64_t offset, int64_t bytes)
{
    return bs->zones ? zone_io_co_pdiscard(bs, offset, bytes)
                     : bs->drv->bdrv_co_pdiscard(bs, offset, bytes);
}

static inline int coroutine_fn GRAPH_RDLOCK
zone_gate_co_block_status(BlockDriverState *bs, BdrvStatusHint hint,
                          int64_t offset, int64_t bytes, int64_t *pnum,
                          int64_t *map, BlockDriverState **file)
{
    return bs->zones
        ? zone_io_co_block_status(bs, hint, offset, bytes, pnum, map,
                                  file)
        : bs->drv->bdrv_co_block_status(bs, hint, offset, bytes, pnum,
                                        map, file);
}

#endif /* BLOCK_ZONE_GATE_BLOCK_IO_H */
