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

#endif /* BLOCK_ZONE_COMPAT_H */
