/*
 * Zoned I/O: zones in the block graph, and what is refused there
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qapi/error.h"
#include "block/block-io.h"
#include "block/block_int.h"
#include "block/qdict.h"
#include "block/zone-io.h"

ZoneIO *bdrv_zone_io(BlockDriverState *bs)
{
    return bs ? bs->zones : NULL;
}

bool bdrv_zone_check_child(BlockDriverState *parent, BlockDriverState *child,
                           BdrvChildRole role, Error **errp)
{
    if (child->zones && g_str_equal(parent->drv->format_name, "zoned")) {
        error_setg(errp, "Node '%s' is zoned already: driver '%s' makes zones "
                   "of storage that has none",
                   bdrv_get_device_or_node_name(child),
                   parent->drv->format_name);
        return false;
    }
    if (child->zones) {
        error_setg(errp, "Node '%s' is zoned, and driver '%s' of node '%s' "
                   "does not pass zones on: overlays, filters and jobs over "
                   "zoned images are not supported",
                   bdrv_get_device_or_node_name(child),
                   parent->drv->format_name,
                   bdrv_get_device_or_node_name(parent));
        return false;
    }
    if ((role & BDRV_CHILD_COW) && parent->zones) {
        error_setg(errp, "Node '%s' is zoned: backing files are not supported "
                   "on zoned images", bdrv_get_device_or_node_name(parent));
        return false;
    }
    return true;
}

bool bdrv_zone_check_backing(BlockDriverState *backing, Error **errp)
{
    if (backing->zones) {
        error_setg(errp, "Image '%s' is zoned: overlays over zoned images are "
                   "not supported", backing->filename);
        return false;
    }
    return true;
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
 * the zones, for good.  Filters ask of their child what is asked of them.
 */
bool bdrv_zone_check_resize(BlockDriverState *bs, Error **errp)
{
    g_autofree char *parent = NULL;
    BdrvChild *child;

    if (!bs->zones) {
        return true;
    }
    QLIST_FOREACH(child, &bs->parents, next_parent) {
        if (!(child->shared_perm & BLK_PERM_RESIZE)) {
            parent = child->klass->get_parent_desc(child);
            error_setg(errp, "Node '%s' is zoned and cannot be resized while "
                       "it is in use by %s, which cannot be told of other "
                       "zones", bdrv_get_device_or_node_name(bs), parent);
            return false;
        }
    }
    return true;
}

bool bdrv_zone_check_target(BlockDriverState *target, const char *operation,
                            Error **errp)
{
    if (target->zones) {
        error_setg(errp, "Image '%s' is zoned: %s to zoned images is not "
                   "supported", target->filename, operation);
        return false;
    }
    return true;
}

bool bdrv_zone_refuses_target(BlockDriverState *target, const char *operation)
{
    Error *local_err = NULL;

    if (bdrv_zone_check_target(target, operation, &local_err)) {
        return false;
    }
    error_report_err(local_err);
    return true;
}
