/*
 * qemu-img: commands that copy data to zoned images
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What qemu-img.c calls.  All of it is harmless where there are no zones.
 * Errors have been printed when a call returns.
 */

#ifndef BLOCK_ZONE_IMG_COPY_H
#define BLOCK_ZONE_IMG_COPY_H

#include "block/block-common.h"
#include "qemu/option.h"
#include "system/block-backend-zone.h"

/* convert and dd **********************************************************/

/*
 * Before drv creates the target from opts: where all of one zoned image is
 * copied, options of zones that opts leaves out are those of the source.
 * Negative where that cannot be.
 */
int img_zones_inherit(BlockDriver *drv, QemuOpts *opts, BlockBackend **source,
                      int nr_sources);
/*
 * Before the data is copied to target, and when all of it (data_bytes) is
 * there.  A new target whose copy fails says that it is not finished.
 */
int img_zones_begin_copy(BlockBackend **source, int nr_sources,
                         BlockBackend *target, bool is_new);
int img_zones_end_copy(BlockBackend **source, int nr_sources,
                       BlockBackend *target, int64_t data_bytes);

/*
 * The words of zones that are written up to the end of their last data below
 * data_bytes: g_free().  NULL, with an error, where that cannot be.
 */
uint64_t *img_zones_from_data(BlockBackend *blk, int64_t data_bytes,
                              Error **errp);

/* commit and rebase *******************************************************/

/*
 * Brings all that is in blk, and in what is between it and base_bs, to
 * base_bs, with its zones; unless drop, blk is empty then.  False without
 * zones: nothing has been done.
 */
bool img_zones_commit(BlockBackend *blk, BlockDriverState *base_bs, bool drop,
                      int64_t bytes_per_second, Error **errp);

/*
 * Around the copy of what an overlay loses when it gets another backing file.
 * Either of these may be NULL.
 */
int img_zones_begin_rebase(BlockBackend *blk, BlockBackend *old_backing,
                           BlockBackend *new_backing);
int img_zones_end_rebase(BlockBackend *blk);

#endif /* BLOCK_ZONE_IMG_COPY_H */
