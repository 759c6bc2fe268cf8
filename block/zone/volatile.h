/*
 * The "zoned" filter: a zone table in memory over any node
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef BLOCK_ZONE_VOLATILE_H
#define BLOCK_ZONE_VOLATILE_H

#include "block/zone-io.h"

/*
 * A node with all zones Empty over bs.  The caller gets its reference; NULL
 * and errp on error.  Bytes of bs behind the last zone stay plain storage.
 */
BlockDriverState *zoned_filter_new(BlockDriverState *bs,
                                   const ZoneGeometry *geometry, Error **errp);

#endif /* BLOCK_ZONE_VOLATILE_H */
