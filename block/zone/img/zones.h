/*
 * qemu-img: zones, their list, map, import and comparison
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef BLOCK_ZONE_IMG_ZONES_H
#define BLOCK_ZONE_IMG_ZONES_H

#include "system/block-backend-zone.h"

/* False, with an error that says why, when there are no zones to print */
bool img_zones_check(BlockBackend *blk, const char *filename, Error **errp);

/* Loads an internal snapshot in place of the image; NULL: nothing to do */
bool img_zones_load_snapshot(BlockBackend *blk, const char *snapshot,
                             Error **errp);

/* Limits and counts, then a line for each zone */
void img_zones_print_list(BlockBackend *blk);
/* Limits and counts, then a map for a terminal of width columns */
void img_zones_print_map(BlockBackend *blk, int width);
/* What query-block-zones returns */
void img_zones_print_json(BlockBackend *blk);

/*
 * The zones become those of a report (zone_report_parse()), in a file or in
 * "-", the standard input.  False, with an error, when nothing has changed, or
 * when storing them has failed.
 */
bool img_zones_apply(BlockBackend *blk, const char *report_name, Error **errp);

/*
 * qemu-img compare: how many bytes from offset on, of max_bytes, cannot be read
 * of one of two images, as a zone is Offline.  0 as well where their zones do
 * not lie at the same places.
 */
int64_t img_zones_unreadable(BlockBackend *blk1, BlockBackend *blk2,
                             int64_t offset, int64_t max_bytes);
/*
 * The zones of two images, whose data is the same: 0 when they are, too.  1
 * where they differ: unless quiet, the first zone that does has been printed,
 * and how.  4 after an error, which has been reported.
 */
int img_zones_compare(BlockBackend *blk1, BlockBackend *blk2,
                      const char *filename1, const char *filename2,
                      bool quiet);

/* $COLUMNS, else the columns of the terminal, else 80 */
int img_zones_terminal_width(void);

#endif /* BLOCK_ZONE_IMG_ZONES_H */
