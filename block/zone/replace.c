/*
 * Nodes for devices: which of these know what zones are; another node for one
 * that is in use
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qapi/error.h"
#include "block/block_int.h"
#include "hw/qdev-core.h"
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

bool blk_zone_check_device(BlockBackend *blk, DeviceState *dev, Error **errp)
{
    /* Those that the drive is a property of */
    static const char *const types[] = {
        "nvme", "nvme-ns", "scsi-hd", "virtio-blk-device",
    };
    BlockDriverState *bs = blk_bs(blk);
    ZoneIO *io = bdrv_zone_io(bs);
    size_t i;

    if (!io || zone_io_serves_any_device(io)) {
        return true;
    }
    for (i = 0; i < ARRAY_SIZE(types); i++) {
        if (object_dynamic_cast(OBJECT(dev), types[i])) {
            return true;
        }
    }
    error_setg(errp, "Device '%s' knows nothing of zones, and node '%s' is "
               "zoned", object_get_typename(OBJECT(dev)),
               bdrv_get_device_or_node_name(bs));
    error_append_hint(errp, "nvme-ns, virtio-blk-pci and scsi-hd do. "
                      "zone-any-device=on of a qcow2 node attaches it to "
                      "others, where writes off a write pointer fail.\n");
    return false;
}
