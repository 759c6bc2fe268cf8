/*
 * Another node for a device that is in use
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qapi/error.h"
#include "block/block_int.h"
#include "system/block-backend.h"
#include "system/block-backend-zone.h"

int blk_zone_replace_bs(BlockBackend *blk, BlockDriverState *new_bs,
                        Error **errp)
{
    BlockDriverState *old_bs = blk_bs(blk);
    BlockDriverState *zoned_bs = bdrv_zone_io(old_bs) ? old_bs : new_bs;
    g_autofree char *device = NULL;

    if (bdrv_zone_io(old_bs) == bdrv_zone_io(new_bs)) {
        return blk_replace_bs(blk, new_bs, errp); /* a filter comes, or goes */
    }
    device = blk_get_attached_dev_id(blk);
    error_setg(errp, "Device '%s' cannot change its drive from '%s' to '%s' "
               "while it is in use: node '%s' is zoned; remove the device and "
               "add it again", device,
               old_bs ? bdrv_get_device_or_node_name(old_bs) : "",
               bdrv_get_device_or_node_name(new_bs),
               bdrv_get_device_or_node_name(zoned_bs));
    return -ENOTSUP;
}
