/*
 * Zoned I/O: where filters of the block layer and the gate meet
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef BLOCK_ZONE_GATE_FILTER_H
#define BLOCK_ZONE_GATE_FILTER_H

#include "block/zone-io.h"
#include "qapi/qapi-types-block-core.h"

/* Of block/blkdebug.c *******************************************************/

/* The error of a rule that fits the request, or 0 */
int coroutine_fn rule_check(BlockDriverState *bs, uint64_t offset,
                            uint64_t bytes, BlkdebugIOType iotype);

/* Of block/blklogwrites.c ***************************************************/

struct BlkLogWritesFileReq;

/* The format of the log has it */
#define BLK_LOG_WRITES_DISCARD  (1 << 2)

int coroutine_fn GRAPH_RDLOCK
blk_log_writes_co_log(BlockDriverState *bs, uint64_t offset, uint64_t bytes,
                      QEMUIOVector *qiov, int flags,
                      int (*file_func)(struct BlkLogWritesFileReq *req),
                      uint64_t entry_flags, bool is_zero_write);

/* A write that the zones have refused is not in the log */
static inline bool zone_filter_wants_log(int ret)
{
    return zone_status_from_errno(ret) == ZONE_OK;
}

#endif /* BLOCK_ZONE_GATE_FILTER_H */
