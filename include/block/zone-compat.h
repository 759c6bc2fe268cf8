/*
 * Zoned I/O: what the bases call by different names
 *
 * Here, and nowhere else: docs/devel/porting.rst.  Each test is for what the
 * API itself has, not for a version.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef BLOCK_ZONE_COMPAT_H
#define BLOCK_ZONE_COMPAT_H

#include "block/block-common.h"

/* Until 10.0, a driver is told whether zeroes matter; since then, what does */
#ifdef BDRV_WANT_ZERO
typedef unsigned int BdrvStatusHint;
#else
typedef bool BdrvStatusHint;
#endif

/* blk_pdiscard and blk_co_pdiscard, which is fn: in some bases with flags */
#define zone_compat_discard(fn, blk, offset, bytes) \
    _Generic(&(fn), BlkDiscardFlags *: zone_compat_discard_flags, \
             BlkDiscard *: zone_compat_discard_plain)(fn, blk, offset, bytes)

typedef int BlkDiscard(BlockBackend *blk, int64_t offset, int64_t bytes);
typedef int BlkDiscardFlags(BlockBackend *blk, int64_t offset, int64_t bytes,
                            BdrvRequestFlags flags);

static inline int zone_compat_discard_plain(BlkDiscard *fn, BlockBackend *blk,
                                            int64_t offset, int64_t bytes)
{
    return fn(blk, offset, bytes);
}

static inline int zone_compat_discard_flags(BlkDiscardFlags *fn,
                                            BlockBackend *blk, int64_t offset,
                                            int64_t bytes)
{
    return fn(blk, offset, bytes, 0);
}

#endif /* BLOCK_ZONE_COMPAT_H */
