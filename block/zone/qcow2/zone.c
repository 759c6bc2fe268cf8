/*
 * Zoned qcow2 images: the driver's side of the zones
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Opening and closing, the read clamp, and what is refused.  The format is
 * in format.c, durability in commit.c.
 */

#include "qemu/osdep.h"
#include "qemu/error-report.h"
#include "qemu/memalign.h"
#include "qemu/units.h"
#include "qapi/error.h"
#include "block/zone/qcow2/internal.h"
#include "block/zone/trace.h"

/* Zeros that are written as data go in pieces of this */
#define QCOW2_ZONE_ZEROS_BYTES  (256 * KiB)

/* Opening ****************************************************************/

bool qcow2_zone_load_options(BlockDriverState *bs, QemuOpts *opts,
                             Qcow2ZoneOptions *options, Error **errp)
{
    BDRVQcow2State *s = bs->opaque;
    uint64_t interval_ms = qemu_opt_get_number(opts,
                                               QCOW2_OPT_ZONE_COMMIT_INTERVAL,
                                               QCOW2_ZONE_COMMIT_INTERVAL_MS);
    uint64_t premap_bytes = qemu_opt_get_size(opts, QCOW2_OPT_ZONE_PREMAP_SIZE,
                                              QCOW2_ZONE_PREMAP_BYTES);
    uint64_t prezero_bytes = qemu_opt_get_size(opts,
                                               QCOW2_OPT_ZONE_PREZERO_SIZE,
                                               QCOW2_ZONE_PREZERO_BYTES);
    uint64_t record_bytes = qemu_opt_get_size(opts, QCOW2_OPT_ZONE_RECORD_SIZE,
                                              QCOW2_ZONE_RECORD_DATA_BYTES);

    if (interval_ms > UINT32_MAX) {
        error_setg(errp, QCOW2_OPT_ZONE_COMMIT_INTERVAL " %" PRIu64 " exceeds "
                   "the maximum of %" PRIu32, interval_ms, UINT32_MAX);
        return false;
    }
    if (premap_bytes > QCOW2_ZONE_MAX_PREMAP_BYTES) {
        error_setg(errp, QCOW2_OPT_ZONE_PREMAP_SIZE " %" PRIu64 " exceeds the "
                   "maximum of %" PRIu64, premap_bytes,
                   (uint64_t)QCOW2_ZONE_MAX_PREMAP_BYTES);
        return false;
    }
    if (prezero_bytes > QCOW2_ZONE_MAX_PREZERO_BYTES) {
        error_setg(errp, QCOW2_OPT_ZONE_PREZERO_SIZE " %" PRIu64 " exceeds "
                   "the maximum of %" PRIu64, prezero_bytes,
                   (uint64_t)QCOW2_ZONE_MAX_PREZERO_BYTES);
        return false;
    }
    if (record_bytes > QCOW2_ZONE_MAX_RECORD_DATA) {
        error_setg(errp, QCOW2_OPT_ZONE_RECORD_SIZE " %" PRIu64 " exceeds the "
                   "maximum of %" PRIu32, record_bytes,
                   QCOW2_ZONE_MAX_RECORD_DATA);
        return false;
    }

    options->unfinished = qemu_opt_get_bool(opts, QCOW2_OPT_ZONE_UNFINISHED,
                                            false);
    options->any_device = qemu_opt_get_bool(opts, QCOW2_OPT_ZONE_ANY_DEVICE,
                                            false);
    options->commit_interval_ms = interval_ms;
    options->premap_bytes = ROUND_UP(premap_bytes, s->cluster_size);
    options->prezero_bytes = ROUND_UP(prezero_bytes, BDRV_SECTOR_SIZE);
    options->record_bytes = record_bytes;
    return true;
}

static bool qcow2_zone_check_refused(BlockDriverState *bs, Error **errp)
{
    BDRVQcow2State *s = bs->opaque;

    if (s->image_backing_file && s->zone->version < 2) {
        error_setg(errp, "Zoned image of layout version %u has backing file "
                   "'%s': it needs layout version 2", s->zone->version,
                   s->image_backing_file);
        return false;
    }
    return qcow2_zone_check_snapshots(bs, errp);
}

/* A node that was inactive has zones already: the words may be newer */
static bool qcow2_zone_take_table(BlockDriverState *bs, ZoneTable *table,
                                  Error **errp)
{
    Qcow2Zone *zone = qcow2_zone(bs);

    if (!bs->zones) {
        zone->io = zone_io_new(bs, &qcow2_zone_store_ops, table);
        return true;
    }
    zone_table_free(table);
    if (!zone_io_resume(bs->zones, &zone->geometry, zone->durable, errp)) {
        return false;
    }
    zone->io = bs->zones;
    return true;
}

static int coroutine_fn GRAPH_RDLOCK
qcow2_zone_open_words(BlockDriverState *bs, int flags, Error **errp)
{
    Qcow2Zone *zone = qcow2_zone(bs);
    /* another process may be storing words right now */
    bool tolerant = bs->force_share || (flags & BDRV_O_INACTIVE);
    g_autofree Qcow2ZoneRing *ring = g_new(Qcow2ZoneRing, 1);
    Qcow2ZoneLayout layout;
    ZoneTable *table;
    int ret;

    /* aligned: with cache=none, millions of words need no other buffer */
    zone->durable = qemu_try_blockalign(bs->file->bs,
                                        zone->geometry.nr_zones *
                                        sizeof(*zone->durable));
    if (!zone->durable) {
        error_setg(errp, "Could not allocate memory for %" PRIu32 " zones",
                   zone->geometry.nr_zones);
        return -ENOMEM;
    }
    qcow2_zone_get_layout(zone, &layout);
    ret = qcow2_zone_co_load_all(bs, &layout, zone->durable, tolerant, ring,
                                 errp);
    if (ret < 0) {
        return ret;
    }
    table = qcow2_zone_decode_words(&zone->geometry, zone->durable,
                                    zone->meta_offset, tolerant, errp);
    if (!table) {
        return -EINVAL;
    }
    if (!qcow2_zone_take_table(bs, table, errp)) {
        return -EINVAL;
    }
    qcow2_zone_extents_init(bs);
    ret = qcow2_zone_commit_init(bs, errp);
    if (ret >= 0) {
        qcow2_zone_ring_take(bs, ring);
    }
    if (zone->flags & QCOW2_ZONE_FLAG_UNFINISHED) {
        zone_io_set_unfinished(zone->io);
    } else if (ret >= 0 && (flags & BDRV_O_RDWR) &&
               !(flags & BDRV_O_INACTIVE)) {
        ret = qcow2_zone_co_clean_raw(bs, errp);
    }
    return ret;
}

int coroutine_fn
qcow2_zone_open(BlockDriverState *bs, int flags, Error **errp)
{
    BDRVQcow2State *s = bs->opaque;
    bool has_feature = s->incompatible_features & QCOW2_INCOMPAT_ZONE;
    Qcow2ZoneLayout layout;
    int ret = qcow2_zone_co_load_extension(bs, errp);

    if (ret < 0) {
        return ret;
    }
    if (!s->zone && !has_feature) {
        return 0;
    }
    if (!s->zone) {
        error_setg(errp, "Image has the incompatible feature 'zone table' "
                   "(bit %d), but no zone table header extension",
                   QCOW2_INCOMPAT_ZONE_BITNR);
        return -EINVAL;
    }
    if (!has_feature) {
        error_setg(errp, "Image has a zone table header extension, but not "
                   "the incompatible feature 'zone table' (bit %d)",
                   QCOW2_INCOMPAT_ZONE_BITNR);
        return -EINVAL;
    }
    if (flags & BDRV_O_CHECK) {
        return 0; /* which looks at the words itself */
    }
    if (!qcow2_zone_check_refused(bs, errp)) {
        return -ENOTSUP;
    }
    if (!qcow2_zone_check_finished(bs, flags, errp)) {
        return -EINVAL;
    }
    qcow2_zone_get_layout(s->zone, &layout);
    if (!qcow2_zone_co_check_region(bs, &layout, errp)) {
        return -EINVAL;
    }
    if (flags & BDRV_O_NO_IO) {
        zone_io_describe(bs, &s->zone->geometry);
        return 0;
    }
    return qcow2_zone_open_words(bs, flags, errp);
}

/* The drive gets as many zones as zone->geometry says */
static int qcow2_zone_follow_geometry(BlockDriverState *bs)
{
    Qcow2Zone *zone = qcow2_zone(bs);
    uint32_t nr_zones = zone->geometry.nr_zones;
    uint64_t *words;

    if (zone_io_geometry(zone->io)->nr_zones == nr_zones) {
        return 0;
    }
    words = qemu_try_blockalign0(bs->file->bs, nr_zones * sizeof(*words));
    if (!words) {
        return -ENOMEM;
    }
    zone_io_load_words(zone->io, NULL); /* zones that go have to be Empty */
    qcow2_zone_resize_words(bs, words);
    return 0;
}

int coroutine_fn
qcow2_zone_co_replace(BlockDriverState *bs, const Qcow2ZoneLayout *layout,
                      const uint64_t *words)
{
    Qcow2Zone *zone = qcow2_zone(bs);
    int ret;

    zone_io_co_commit_lock(zone->io);
    qcow2_zone_forget_all(zone);
    if (layout) {
        qcow2_zone_set_layout(zone, layout);
    }
    ret = qcow2_zone_follow_geometry(bs);
    if (ret >= 0) {
        qcow2_zone_ring_reset(zone);
        qcow2_zone_set_words(bs, words);
        zone_io_load_words(zone->io, words);
    }
    zone_io_co_commit_unlock(zone->io);
    return ret;
}

void qcow2_zone_close(BlockDriverState *bs)
{
    BDRVQcow2State *s = bs->opaque;
    Qcow2Zone *zone = s->zone;

    if (!zone) {
        return;
    }
    qcow2_zone_commit_cleanup(bs);
    qcow2_zone_extents_cleanup(zone);
    qemu_vfree(zone->durable);
    g_free(zone);
    s->zone = NULL;
}

static bool qcow2_zone_serves_any_device(BlockDriverState *bs)
{
    BDRVQcow2State *s = bs->opaque;

    return s->zone_options.any_device;
}

const ZoneStoreOps qcow2_zone_store_ops = {
    .wants_begin_life = qcow2_zone_shares,
    .co_begin_life   = qcow2_zone_co_begin_life,
    .wants_settle    = qcow2_zone_wants_settle,
    .co_settle       = qcow2_zone_co_settle,
    .wants_sum       = qcow2_zone_wants_sum,
    .add_sum         = qcow2_zone_add_sum,
    .wants_prepare   = qcow2_zone_wants_prepare,
    .co_prepare      = qcow2_zone_co_prepare,
    .co_commit_words = qcow2_zone_co_commit_words,
    .co_store_zde    = qcow2_zone_co_store_zde,
    .co_load_zde     = qcow2_zone_co_load_zde,
    .serves_any_device = qcow2_zone_serves_any_device,
    .wants_drop      = qcow2_zone_wants_drop,
    .co_drop         = qcow2_zone_co_drop,
    .co_power_cut    = qcow2_zone_co_power_cut,
    .co_import_begin = qcow2_zone_co_import_begin,
    .co_import_adopt = qcow2_zone_co_import_adopt,
    .co_import_extensions = qcow2_zone_co_import_extensions,
    .co_hide         = qcow2_zone_co_hide,
    .make_empty      = qcow2_zone_make_empty,
    .mark_dirty      = qcow2_zone_mark_dirty,
    .co_freeze       = qcow2_zone_co_freeze,
    .co_adopt        = qcow2_zone_co_adopt,
    .take_zones      = qcow2_zone_take_zones,
    .attach_aio_context = qcow2_zone_commit_timer_init,
    .detach_aio_context = qcow2_zone_commit_timer_stop,
};

/* What is refused ********************************************************/

/*
 * In a ZRWA a write may follow zeros: the mapping that says no longer zero
 * could get to disk before the data of that, and below the write pointer show
 * what the clusters had before.  So zeros are data there.
 */
static bool qcow2_zone_wants_zero_data(const ZoneInfo *info)
{
    return info->attributes & ZONE_ATTR_ZRWAV;
}

/*
 * Where no write pointer hides it, a crash could show what others have written
 * to a cluster that zeros have given up, while tables on disk still lead there.
 * A discard waits for these; zeros keep the cluster.
 */
static bool qcow2_zone_keeps_clusters(BlockDriverState *bs,
                                      const ZoneInfo *info)
{
    return info->state == ZONE_STATE_CONVENTIONAL &&
           !(qcow2_zone(bs)->flags & QCOW2_ZONE_FLAG_UNFINISHED);
}

bool qcow2_zone_takes_zeroes(BlockDriverState *bs, int64_t offset,
                             BdrvRequestFlags *flags)
{
    ZoneInfo info;

    if (!bs->zones) {
        return true;
    }
    zone_io_get_info(bs->zones, zone_table_idx(zone_io_table(bs->zones),
                                               offset), &info);
    if (qcow2_zone_keeps_clusters(bs, &info)) {
        *flags &= ~BDRV_REQ_MAY_UNMAP;
    }
    return !qcow2_zone_wants_zero_data(&info);
}

bool qcow2_zone_refuses_backing(BlockDriverState *bs)
{
    if (qcow2_zone(bs) && qcow2_zone(bs)->version < 2) {
        error_report("Image '%s' has layout version %u: a zoned image with a "
                     "backing file needs version 2", bs->filename,
                     qcow2_zone(bs)->version);
        return true;
    }
    return false;
}

bool qcow2_zone_check_downgrade(BlockDriverState *bs, Error **errp)
{
    if (qcow2_zone(bs)) {
        error_setg(errp, "Zoned images need compatibility level 1.1");
        return false;
    }
    return true;
}
