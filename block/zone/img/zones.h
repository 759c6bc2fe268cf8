/*
 * qemu-img zones: what is printed
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

/* $COLUMNS, else the columns of the terminal, else 80 */
int img_zones_terminal_width(void);

#endif /* BLOCK_ZONE_IMG_ZONES_H */
