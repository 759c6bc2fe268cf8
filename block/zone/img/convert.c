/*
 * qemu-img convert and dd: copies of zoned images stay zoned
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * qemu-img.c copies the data, in its own way; the zones come along here.
 */

#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qemu/error-report.h"
#include "block/block_int.h"
#include "block/zone/img/copy.h"
#include "system/block-backend.h"

static ZoneIO *zones_of(BlockBackend *blk)
{
    return bdrv_zone_io(blk_bs(blk));
}

/* The first zoned one, or NULL */
static BlockBackend *find_zoned(BlockBackend **source, int nr_sources)
{
    int i;

    for (i = 0; i < nr_sources; i++) {
        if (zones_of(source[i])) {
            return source[i];
        }
    }
    return NULL;
}

static bool check_alone(BlockBackend *zoned, int nr_sources, Error **errp)
{
    if (nr_sources > 1) {
        error_setg(errp, "Image '%s' is zoned: %d images do not make one zoned "
                   "image", blk_bs(zoned)->filename, nr_sources);
        error_append_hint(errp, "With '-o zone.mode=none' the target is a "
                          "plain image.\n");
        return false;
    }
    return true;
}

/* Options of the target ***************************************************/

static uint64_t given_value(QemuOpts *opts, const ZoneCreateOption *option)
{
    return option->count
        ? qemu_opt_get_number(opts, option->name, option->value)
        : qemu_opt_get_size(opts, option->name, option->value);
}

static bool inherit_option(QemuOpts *opts, const ZoneCreateOption *option,
                           BlockBackend *zoned, Error **errp)
{
    uint64_t given = given_value(opts, option);

    if (!option->fixed && qemu_opt_get(opts, BLOCK_OPT_BACKING_FILE)) {
        return true; /* an overlay is created with the limits below it */
    }
    if (!qemu_opt_get(opts, option->name)) {
        return qemu_opt_set_number(opts, option->name, option->value, errp);
    }
    if (option->fixed && given != option->value) {
        error_setg(errp, "%s=%" PRIu64 " is not the %" PRIu64 " of image "
                   "'%s'", option->name, given, option->value,
                   blk_bs(zoned)->filename);
        error_append_hint(errp, "Without options of zones the target gets "
                          "those of the source.\n");
        return false;
    }
    return true;
}

static bool inherit_options(QemuOpts *opts, BlockBackend *zoned, Error **errp)
{
    const ZoneGeometry *g = zone_io_geometry(zones_of(zoned));
    ZoneCreateOption options[ZONE_CREATE_OPTIONS];
    int i;

    if (!qemu_opt_get(opts, "zone.mode") &&
        !qemu_opt_set(opts, "zone.mode", "host-managed", errp)) {
        return false;
    }
    zone_geometry_list_options(g, options);
    for (i = 0; i < ZONE_CREATE_OPTIONS; i++) {
        if (!inherit_option(opts, &options[i], zoned, errp)) {
            return false;
        }
    }
    return zone_geometry_set_clusters(g, opts, errp);
}

/* dd can leave something out */
static bool check_whole(QemuOpts *opts, BlockBackend *zoned, Error **errp)
{
    uint64_t target_bytes = qemu_opt_get_size(opts, BLOCK_OPT_SIZE, 0);
    int64_t source_bytes = blk_getlength(zoned);

    if (target_bytes != source_bytes) {
        error_setg(errp, "Image '%s' is zoned, and has %" PRId64 " bytes: %"
                   PRIu64 " of them do not make a zoned image",
                   blk_bs(zoned)->filename, source_bytes, target_bytes);
        error_append_hint(errp, "Images of other formats take part of the "
                          "data.\n");
        return false;
    }
    return true;
}

int img_zones_inherit(BlockDriver *drv, QemuOpts *opts, BlockBackend **source,
                      int nr_sources)
{
    BlockBackend *zoned = find_zoned(source, nr_sources);
    Error *local_err = NULL;

    if (!zoned || strcmp(drv->format_name, "qcow2") ||
        !g_strcmp0(qemu_opt_get(opts, "zone.mode"), "none")) {
        return 0;
    }
    if (!check_alone(zoned, nr_sources, &local_err) ||
        !check_whole(opts, zoned, &local_err) ||
        !inherit_options(opts, zoned, &local_err)) {
        error_report_err(local_err);
        return -EINVAL;
    }
    return 0;
}

/* Zones *******************************************************************/

static bool check_target(BlockBackend *zoned, int nr_sources,
                         BlockDriverState *target_bs, Error **errp)
{
    g_autofree uint64_t *words = NULL;

    if (!check_alone(zoned, nr_sources, errp) ||
        !zone_io_check_same_geometry(bdrv_zone_node(blk_bs(zoned)), target_bs,
                                     errp)) {
        return false;
    }
    words = zone_io_get_words(zones_of(zoned));
    return zone_io_check_words(target_bs, words, errp);
}

/* Zeros are behind the end of what is shorter */
static bool check_room(BlockBackend **source, int nr_sources,
                       BlockBackend *target, Error **errp)
{
    int64_t source_bytes = 0;
    int i;

    for (i = 0; i < nr_sources; i++) {
        source_bytes += MAX(blk_getlength(source[i]), 0);
    }
    if (source_bytes > blk_getlength(target)) {
        error_setg(errp, "Image '%s' has %" PRId64 " bytes: the %" PRId64
                   " of '%s' do not fit", blk_bs(target)->filename,
                   blk_getlength(target), source_bytes,
                   nr_sources == 1 ? blk_bs(source[0])->filename : "all");
        return false;
    }
    return true;
}

/*
 * Lives that have ended left data there, which qemu-img may leave alone: the
 * target read as zeros before.  It says on disk that it is not finished: a
 * crash leaves that, with some of the data.
 */
static bool drop_data(BlockBackend *target, Error **errp)
{
    int ret = blk_make_zero(target, BDRV_REQ_MAY_UNMAP);

    if (ret < 0) {
        error_setg_errno(errp, -ret, "Could not empty image '%s'",
                         blk_bs(target)->filename);
    }
    return ret >= 0;
}

/*
 * What can be said without a change comes first: an existing target is as
 * before then.
 */
int img_zones_begin_copy(BlockBackend **source, int nr_sources,
                         BlockBackend *target, bool is_new)
{
    BlockBackend *zoned = find_zoned(source, nr_sources);
    BlockDriverState *target_bs = bdrv_zone_node(blk_bs(target));
    Error *local_err = NULL;
    bool ok = true;

    if (!target_bs) {
        return 0;
    }
    if (zoned) {
        ok = check_target(zoned, nr_sources, target_bs, &local_err);
    } else if (!is_new) {
        ok = check_room(source, nr_sources, target, &local_err);
    }
    if (ok || is_new) {
        ok &= zone_io_import_begin(target_bs, ZONE_IMPORT_EMPTY,
                                   ok ? &local_err : NULL) >= 0 &&
              (is_new || drop_data(target, &local_err));
    }
    if (!ok) {
        error_report_err(local_err);
        return -EINVAL;
    }
    if (zoned) {
        zone_io_skip_offline(zones_of(zoned), true);
    }
    return 0;
}

int img_zones_end_copy(BlockBackend **source, int nr_sources,
                       BlockBackend *target, int64_t data_bytes)
{
    BlockBackend *zoned = find_zoned(source, nr_sources);
    BlockDriverState *target_bs = bdrv_zone_node(blk_bs(target));
    g_autofree uint64_t *words = NULL;
    Error *local_err = NULL;
    int ret = -EINVAL;

    if (!target_bs) {
        return 0;
    }
    words = zoned ? zone_io_get_words(zones_of(zoned))
                  : img_zones_from_data(target, data_bytes, &local_err);
    if (words) {
        ret = zone_io_import_adopt(target_bs, words,
                                   zoned ? bdrv_zone_node(blk_bs(zoned))
                                         : NULL, &local_err);
    }
    if (ret < 0) {
        error_report_err(local_err);
    }
    return ret;
}
