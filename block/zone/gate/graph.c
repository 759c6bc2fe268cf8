/*
 * Zoned I/O: zones in the block graph, and what is refused there
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qemu/error-report.h"
#include "qemu/option.h"
#include "qemu/units.h"
#include "block/block-io.h"
#include "block/block_int.h"
#include "block/qdict.h"
#include "block/zone-io.h"
#include "block/zone/gate/internal.h"

/* What qcow2 takes when nothing is said */
#define DEFAULT_CLUSTER_BYTES   (64 * KiB)

ZoneIO *bdrv_zone_io(BlockDriverState *bs)
{
    BlockDriverState *zoned = bdrv_zone_node(bs);

    return zoned ? zoned->zones : NULL;
}

/* Overlays ****************************************************************/

static bool check_equal(const char *what, BlockDriverState *overlay,
                        uint64_t overlay_value, BlockDriverState *backing,
                        uint64_t backing_value, Error **errp)
{
    if (overlay_value == backing_value) {
        return true;
    }
    error_setg(errp, "%s of node '%s' is %" PRIu64 ", that of its backing node "
               "'%s' %" PRIu64 ": they have to be equal", what,
               bdrv_get_device_or_node_name(overlay), overlay_value,
               bdrv_get_device_or_node_name(backing), backing_value);
    return false;
}

bool bdrv_zone_check_geometry(BlockDriverState *overlay,
                              BlockDriverState *backing, Error **errp)
{
    const ZoneGeometry *o = zone_io_geometry(overlay->zones);
    const ZoneGeometry *b = zone_io_geometry(backing->zones);

    return check_equal("Zone size", overlay, o->zone_bytes, backing,
                       b->zone_bytes, errp) &&
           check_equal("Zone capacity", overlay, o->capacity_bytes, backing,
                       b->capacity_bytes, errp) &&
           check_equal("Number of conventional zones", overlay,
                       o->conventional_zones, backing, b->conventional_zones,
                       errp) &&
           check_equal("Zone descriptor extension size", overlay,
                       o->zd_extension_bytes, backing, b->zd_extension_bytes,
                       errp);
}

bool bdrv_zone_check_drive(BlockDriverState *overlay, BlockDriverState *backing,
                           Error **errp)
{
    const ZoneGeometry *o = zone_io_geometry(overlay->zones);
    const ZoneGeometry *b = zone_io_geometry(backing->zones);

    return bdrv_zone_check_geometry(overlay, backing, errp) &&
           check_equal("Number of zones", overlay, o->nr_zones, backing,
                       b->nr_zones, errp) &&
           check_equal("Maximum of open zones", overlay, o->max_open_zones,
                       backing, b->max_open_zones, errp) &&
           check_equal("Maximum of active zones", overlay,
                       o->max_active_zones, backing, b->max_active_zones,
                       errp) &&
           check_equal("Maximum append", overlay, o->max_append_bytes, backing,
                       b->max_append_bytes, errp);
}

/* A hand-over looks at the node below itself; that of a job does not change */
static bool check_below_overlay(BlockDriverState *overlay,
                                BlockDriverState *backing, Error **errp)
{
    BlockDriverState *zoned = bdrv_zone_node(backing);

    if (zoned && zoned != backing &&
        !g_str_equal(backing->drv->format_name, "commit_top")) {
        error_setg(errp, "Node '%s' is a filter of zoned node '%s': only the "
                   "zoned node itself can be below overlay '%s'",
                   bdrv_get_device_or_node_name(backing),
                   bdrv_get_device_or_node_name(zoned),
                   bdrv_get_device_or_node_name(overlay));
        return false;
    }
    return true;
}

/* One of the two has zones at least */
static bool check_overlay(BlockDriverState *overlay, BlockDriverState *backing,
                          Error **errp)
{
    BlockDriverState *zoned = bdrv_zone_node(backing);

    if (!overlay->zones) {
        error_setg(errp, "Node '%s' is zoned, and node '%s' over it is not: "
                   "only a zoned image can be its overlay",
                   bdrv_get_device_or_node_name(backing),
                   bdrv_get_device_or_node_name(overlay));
        return false;
    }
    if (!zoned) {
        error_setg(errp, "Node '%s' is zoned, and its backing node '%s' is "
                   "not: only a zoned image can be below it",
                   bdrv_get_device_or_node_name(overlay),
                   bdrv_get_device_or_node_name(backing));
        return false;
    }
    if (overlay->drv != zoned->drv) {
        error_setg(errp, "Node '%s' has zones of driver '%s', which are in no "
                   "image: node '%s' cannot be its overlay",
                   bdrv_get_device_or_node_name(backing),
                   zoned->drv->format_name,
                   bdrv_get_device_or_node_name(overlay));
        return false;
    }
    return bdrv_zone_check_geometry(overlay, zoned, errp);
}

/*
 * A node that is not zoned itself: does it use the zones of its child as they
 * are meant to be?  The target of a backup is written past them, and who reads
 * the past of a node reads data alone.
 */
static bool passes_zones(BlockDriverState *parent, BlockDriverState *zoned,
                         BdrvChildRole role)
{
    return zone_filter_passes(parent->drv, role) ||
           ((zoned->zones->importing || zoned->zones->expected) &&
            g_str_equal(parent->drv->format_name, "copy-before-write")) ||
           g_str_equal(parent->drv->format_name, "snapshot-access");
}

bool bdrv_zone_check_child(BlockDriverState *parent, BlockDriverState *child,
                           BdrvChildRole role, Error **errp)
{
    BlockDriverState *zoned = bdrv_zone_node(child);

    if (zoned && g_str_equal(parent->drv->format_name, "zoned")) {
        error_setg(errp, "Node '%s' is zoned already: driver '%s' makes zones "
                   "of storage that has none",
                   bdrv_get_device_or_node_name(child),
                   parent->drv->format_name);
        return false;
    }
    if ((role & BDRV_CHILD_COW) && (zoned || parent->zones)) {
        return check_below_overlay(parent, child, errp) &&
               check_overlay(parent, child, errp);
    }
    if (zoned && zoned != child &&
        g_str_equal(parent->drv->format_name, "copy-on-read")) {
        error_setg(errp, "Node '%s' is a filter of zoned node '%s': node '%s' "
                   "of driver 'copy-on-read' has to be over the zoned node "
                   "itself", bdrv_get_device_or_node_name(child),
                   bdrv_get_device_or_node_name(zoned),
                   bdrv_get_device_or_node_name(parent));
        return false;
    }
    if (zoned && !passes_zones(parent, zoned, role)) {
        error_setg(errp, "Node '%s' is zoned, and driver '%s' of node '%s' "
                   "does not pass zones on",
                   bdrv_get_device_or_node_name(child),
                   parent->drv->format_name,
                   bdrv_get_device_or_node_name(parent));
        return false;
    }
    return true;
}

bool bdrv_zone_is_frozen(BlockDriverState *bs)
{
    BlockDriverState *filter_bs;
    BdrvChild *parent;

    if (bs->zones && bs->zones->outlives_overlays) {
        return false;
    }
    QLIST_FOREACH(parent, &bs->parents, next_parent) {
        filter_bs = zone_filter_parent(parent);
        if ((parent->role & BDRV_CHILD_COW) ||
            (filter_bs && bdrv_zone_is_frozen(filter_bs))) {
            return true;
        }
    }
    return false;
}

void bdrv_zone_put_backing_options(BlockDriverState *bs, const char *reference,
                                   QDict *options)
{
    if (bs->zones && !reference &&
        !g_strcmp0(qdict_get_try_str(options, "driver"), "qcow2")) {
        qdict_set_default_str(options, "zone-unfinished", "on");
    }
}

/*
 * Who does not share BLK_PERM_RESIZE has looked at the length, and with it at
 * the zones, for good; unless it is that who resizes.  Filters ask of their
 * child what is asked of them.
 */
bool bdrv_zone_check_resize(BlockDriverState *bs, Error **errp)
{
    g_autofree char *parent = NULL;
    BdrvChild *child;

    if (!bs->zones) {
        return true;
    }
    QLIST_FOREACH(child, &bs->parents, next_parent) {
        if (!((child->shared_perm | child->perm) & BLK_PERM_RESIZE)) {
            parent = child->klass->get_parent_desc(child);
            error_setg(errp, "Node '%s' is zoned and cannot be resized while "
                       "it is in use by %s, which cannot be told of other "
                       "zones", bdrv_get_device_or_node_name(bs), parent);
            return false;
        }
    }
    return true;
}

/* Making overlays *********************************************************/

void zone_geometry_list_options(const ZoneGeometry *g,
                                ZoneCreateOption *options)
{
    const ZoneCreateOption list[ZONE_CREATE_OPTIONS] = {
        { "zone.size", g->zone_bytes, .fixed = true },
        { "zone.capacity", g->capacity_bytes, .fixed = true },
        { "zone.conventional_zones", g->conventional_zones, .fixed = true,
          .count = true },
        { "zd_extension_size", g->zd_extension_bytes, .fixed = true },
        { "zone.max_open_zones", g->max_open_zones, .count = true },
        { "zone.max_active_zones", g->max_active_zones, .count = true },
        { "zone.max_append_bytes", g->max_append_bytes },
    };

    memcpy(options, list, sizeof(list));
}

/* The default ones, or the largest that fit */
static uint64_t zone_geometry_cluster_bytes(const ZoneGeometry *g)
{
    return MIN(g->zone_bytes & -g->zone_bytes, DEFAULT_CLUSTER_BYTES);
}

bool zone_geometry_set_clusters(const ZoneGeometry *g, QemuOpts *opts,
                                Error **errp)
{
    uint64_t cluster_bytes = zone_geometry_cluster_bytes(g);

    if (cluster_bytes == DEFAULT_CLUSTER_BYTES ||
        qemu_opt_find(opts, BLOCK_OPT_CLUSTER_SIZE)) {
        return true;
    }
    return qemu_opt_set_number(opts, BLOCK_OPT_CLUSTER_SIZE, cluster_bytes,
                               errp);
}

bool bdrv_zone_check_create(BlockDriver *drv, QemuOpts *opts,
                            BlockDriverState *backing, Error **errp)
{
    const char *mode = qemu_opt_get(opts, "zone.mode");

    if (!backing->zones) {
        return true;
    }
    if (drv != backing->drv) {
        error_setg(errp, "Backing file '%s' is zoned by driver '%s': an image "
                   "of format '%s' cannot be its overlay", backing->filename,
                   backing->drv->format_name, drv->format_name);
        return false;
    }
    if (mode && g_str_equal(mode, "none")) {
        error_setg(errp, "Backing file '%s' is zoned: zone.mode=none "
                   "contradicts that", backing->filename);
        return false;
    }
    /* creation opens it again, and would do without if it could not */
    return (mode || qemu_opt_set(opts, "zone.mode", "host-managed", errp)) &&
           zone_geometry_set_clusters(zone_io_geometry(backing->zones), opts,
                                      errp);
}

void bdrv_zone_create_unseen(QemuOpts *opts, int flags)
{
    if ((flags & BDRV_O_NO_BACKING) &&
        qemu_opt_get(opts, BLOCK_OPT_BACKING_FILE) &&
        !qemu_opt_get(opts, "zone.mode")) {
        /* formats that have no zones do not know the option */
        qemu_opt_set(opts, "zone.mode", "none", NULL);
    }
}

int bdrv_zone_create_flags(BlockDriverState *backing, int flags)
{
    return backing->zones ? flags & ~BDRV_O_NO_BACKING : flags;
}

const char *bdrv_zone_backing_name(BlockDriverState *backing)
{
    ZoneIO *io = backing->zones;

    if (!io || path_has_protocol(backing->filename) ||
        path_is_absolute(backing->filename)) {
        return backing->filename;
    }
    g_free(io->absolute_name);
    io->absolute_name = g_canonicalize_filename(backing->filename, NULL);
    return io->absolute_name;
}

char *bdrv_zone_create_options(BlockDriverState *bs, const char *format)
{
    BlockDriverState *zoned = bdrv_zone_node(bs);
    ZoneCreateOption options[ZONE_CREATE_OPTIONS];
    GString *str;
    int i;

    if (!zoned || g_strcmp0(format, "qcow2")) {
        return NULL; /* the job will refuse it */
    }
    zone_geometry_list_options(zone_io_geometry(zoned->zones), options);
    str = g_string_new("zone.mode=host-managed");
    for (i = 0; i < ZONE_CREATE_OPTIONS; i++) {
        g_string_append_printf(str, ",%s=%" PRIu64, options[i].name,
                               options[i].value);
    }
    g_string_append_printf(str, ",cluster_size=%" PRIu64,
                           zone_geometry_cluster_bytes(
                               zone_io_geometry(zoned->zones)));
    g_free(zoned->zones->create_options);
    zoned->zones->create_options = g_string_free(str, FALSE);
    return zoned->zones->create_options;
}

void bdrv_zone_set_create_opts(BlockDriverState *bs, QemuOpts *opts)
{
    ZoneCreateOption options[ZONE_CREATE_OPTIONS];
    int i;

    if (!bs->zones) {
        return;
    }
    zone_geometry_list_options(zone_io_geometry(bs->zones), options);
    qemu_opt_set(opts, "zone.mode", "host-managed", &error_abort);
    for (i = 0; i < ZONE_CREATE_OPTIONS; i++) {
        qemu_opt_set_number(opts, options[i].name, options[i].value,
                            &error_abort);
    }
    zone_geometry_set_clusters(zone_io_geometry(bs->zones), opts,
                               &error_abort);
}

/* What carries no zones ***************************************************/

bool bdrv_zone_refuses_commit(BlockDriverState *bs)
{
    if (bdrv_zone_node(bs)) {
        error_report("Node '%s' is zoned: only block-commit brings its zones "
                     "to the node below", bdrv_get_device_or_node_name(bs));
        return true;
    }
    return false;
}
