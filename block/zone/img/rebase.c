/*
 * qemu-img rebase: another image below a zoned overlay
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What the overlay takes over from the old backing file is what it shows
 * already, so that its zones stay as they are, and so does a crash leave it.
 */

#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qemu/error-report.h"
#include "block/block_int.h"
#include "block/zone/img/copy.h"
#include "system/block-backend.h"

static bool is_offline(const ZoneGeometry *g, const uint64_t *words,
                       uint32_t zone_idx)
{
    return zone_stored_state(g, zone_idx, words[zone_idx]) ==
           ZONE_STATE_OFFLINE;
}

/* The overlay would have nothing to read where only the new one is Offline */
static bool check_offline(BlockDriverState *bs, BlockDriverState *backing_bs,
                          Error **errp)
{
    const ZoneGeometry *g = zone_io_geometry(bs->zones);
    const ZoneGeometry *backing_g = zone_io_geometry(backing_bs->zones);
    g_autofree uint64_t *words = zone_io_get_words(bs->zones);
    g_autofree uint64_t *backing_words = zone_io_get_words(backing_bs->zones);
    uint32_t i;

    for (i = 0; i < MIN(g->nr_zones, backing_g->nr_zones); i++) {
        if (is_offline(backing_g, backing_words, i) &&
            !is_offline(g, words, i)) {
            error_setg(errp, "Zone %" PRIu32 " of backing file '%s' is "
                       "Offline, that of '%s' is not", i, backing_bs->filename,
                       bs->filename);
            return false;
        }
    }
    return true;
}

static bool check_backing(BlockDriverState *bs, BlockDriverState *backing_bs,
                          Error **errp)
{
    if (!bs->zones) {
        error_setg(errp, "Backing file '%s' is zoned, but '%s' is not",
                   backing_bs->filename, bs->filename);
        return false;
    }
    if (!backing_bs->zones) {
        error_setg(errp, "Image '%s' is zoned, but backing file '%s' is not",
                   bs->filename, backing_bs->filename);
        return false;
    }
    return zone_io_check_same_zones(bs, backing_bs, errp) &&
           check_offline(bs, backing_bs, errp);
}

int img_zones_begin_rebase(BlockBackend *blk, BlockBackend *old_backing,
                           BlockBackend *new_backing)
{
    BlockDriverState *bs = blk_bs(blk);
    ZoneIO *old_zones = old_backing ? bdrv_zone_io(blk_bs(old_backing)) : NULL;
    ZoneIO *new_zones = new_backing ? bdrv_zone_io(blk_bs(new_backing)) : NULL;
    Error *local_err = NULL;

    if (!bs->zones && !new_zones) {
        return 0;
    }
    if ((new_backing && !check_backing(bs, blk_bs(new_backing), &local_err)) ||
        zone_io_import_begin(bs, ZONE_IMPORT_SAME, &local_err) < 0) {
        error_report_err(local_err);
        return -EINVAL;
    }
    if (old_zones) {
        zone_io_skip_offline(old_zones, true);
    }
    if (new_zones) {
        zone_io_skip_offline(new_zones, true);
    }
    return 0;
}

/* The header is written next: what it makes the overlay rely on is there */
int img_zones_end_rebase(BlockBackend *blk)
{
    int ret;

    if (!bdrv_zone_io(blk_bs(blk))) {
        return 0;
    }
    ret = blk_flush(blk);
    if (ret < 0) {
        error_report("Could not flush image '%s': %s", blk_bs(blk)->filename,
                     strerror(-ret));
        return ret;
    }
    zone_io_import_end(blk_bs(blk));
    return 0;
}
