/*
 * COPIED flags that do not fit the refcounts
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef TESTS_CRASH_COPIED_H
#define TESTS_CRASH_COPIED_H

#include "block/block_int.h"

/*
 * Of an open qcow2 node, nothing of which has been changed since, over a file
 * with these data: *nr becomes how many COPIED flags do not fit the refcounts.
 * An explanation when one of them can do harm, else NULL.
 */
char *crash_check_copied(BlockDriverState *bs, const uint8_t *data,
                         uint64_t data_bytes, uint32_t *nr);

#endif /* TESTS_CRASH_COPIED_H */
