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

/* Of block/copy-before-write.c *********************************************/

/* Copies what is there to the target, unless it has been; or an errno */
int coroutine_fn
cbw_do_copy_before_write(BlockDriverState *bs, uint64_t offset, uint64_t bytes,
                         BdrvRequestFlags flags);

/* Of block/mirror.c: mirror.c.inc *******************************************/

/* What a reader of the source sees in the range has changed */
void coroutine_mixed_fn
zone_mirror_mark(BlockDriverState *bs, int64_t offset, int64_t bytes);
/*
 * Around a request on zones that ends when the target has what it did: others
 * keep out of the range meanwhile.  NULL when it need not wait for that, and is
 * to be marked.  What *qiov has stays as it is until the end; NULL: the range
 * will read as zeros; or, with only_mark, some of it.
 */
void *coroutine_fn GRAPH_RDLOCK
zone_mirror_co_begin(BlockDriverState *bs, int64_t offset, int64_t bytes,
                     QEMUIOVector **qiov, BdrvRequestFlags *flags);
void coroutine_fn GRAPH_RDLOCK
zone_mirror_co_end(void *opaque, int64_t offset, int64_t bytes, int ret,
                   bool only_mark);

/* A write that the zones have refused is not in the log */
static inline bool zone_filter_wants_log(int ret)
{
    return zone_status_from_errno(ret) == ZONE_OK;
}

#endif /* BLOCK_ZONE_GATE_FILTER_H */
