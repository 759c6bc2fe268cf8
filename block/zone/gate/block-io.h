/*
 * Zoned I/O: functions of block/io.c that the gate uses
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef BLOCK_ZONE_GATE_BLOCK_IO_H
#define BLOCK_ZONE_GATE_BLOCK_IO_H

#include "block/zone-io.h"

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
bdrv_aligned_pwritev(BdrvChild *child, BdrvTrackedRequest *req,
                     int64_t offset, int64_t bytes, int64_t align,
                     QEMUIOVector *qiov, size_t qiov_offset,
                     BdrvRequestFlags flags);

#endif /* BLOCK_ZONE_GATE_BLOCK_IO_H */
