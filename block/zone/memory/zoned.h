/*
 * The driver "zoned": a zone table in memory over any node
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef BLOCK_ZONE_VOLATILE_H
#define BLOCK_ZONE_VOLATILE_H

#include "block/zone-io.h"

/* All runtime options (BlockdevOptionsZoned), NULL at the end */
extern const char *const zoned_runtime_opt_names[];

/*
 * Takes the options of the driver out of the dictionary and makes a geometry
 * of them for a file of file_bytes.  Without the option "zones" there are
 * default_zones of them, or as many as fit if that is 0.  False with errp
 * where a value is outside of its range.
 */
bool zoned_options_to_geometry(QDict *options, uint64_t file_bytes,
                               uint32_t default_zones, ZoneGeometry *geometry,
                               Error **errp);

/* The inverse: options that make this geometry */
void zoned_geometry_to_options(const ZoneGeometry *geometry, QDict *options);

/* False, with an error that names the option, where the two differ */
bool zoned_geometry_check_equal(const ZoneGeometry *old,
                                const ZoneGeometry *new, Error **errp);

#endif /* BLOCK_ZONE_VOLATILE_H */
