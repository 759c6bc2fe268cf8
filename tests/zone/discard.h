/*
 * Discards by the block backend, which some bases give flags and others do not
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef TESTS_ZONE_DISCARD_H
#define TESTS_ZONE_DISCARD_H

#include "system/block-backend.h"

/* blk_pdiscard or blk_co_pdiscard, which is fn */
#define zone_test_discard(fn, blk, offset, bytes) \
    __builtin_choose_expr( \
        __builtin_types_compatible_p(typeof(fn), BlkDiscardFlags), \
        zone_test_discard_flags, \
        zone_test_discard_plain)(fn, blk, offset, bytes)

typedef int BlkDiscard(BlockBackend *blk, int64_t offset, int64_t bytes);
typedef int BlkDiscardFlags(BlockBackend *blk, int64_t offset, int64_t bytes,
                            BdrvRequestFlags flags);

static inline int zone_test_discard_plain(BlkDiscard *fn, BlockBackend *blk,
                                          int64_t offset, int64_t bytes)
{
    return fn(blk, offset, bytes);
}

static inline int zone_test_discard_flags(BlkDiscardFlags *fn,
                                          BlockBackend *blk, int64_t offset,
                                          int64_t bytes)
{
    return fn(blk, offset, bytes, 0);
}

#endif /* TESTS_ZONE_DISCARD_H */
