/*
 * Zoned qcow2 images: other zones at the end
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * qcow2_co_truncate() does what it does for any image; where it would write the
 * new length, the header is written with length and zones.
 */

#include "qemu/osdep.h"
#include "qemu/bitmap.h"
#include "qemu/memalign.h"
#include "qapi/error.h"
#include "block/zone/qcow2/internal.h"

/* What qcow2_co_truncate() is asked for, and the zones before and after */
typedef struct ZoneResize {
    int64_t device_bytes;
    bool exact;
    PreallocMode prealloc;
    BdrvRequestFlags flags;
    Qcow2ZoneLayout old;
    Qcow2ZoneLayout new;
} ZoneResize;

/* What is refused ********************************************************/

/* Versions 1 and 2 differ in where the extension is */
static bool check_version(BlockDriverState *bs, Error **errp)
{
    Qcow2Zone *zone = qcow2_zone(bs);

    if (zone->version < QCOW2_ZONE_VERSION) {
        error_setg(errp, "Image '%s' has zones of layout version %u, which "
                   "cannot be resized: version %d is needed", bs->filename,
                   zone->version, QCOW2_ZONE_VERSION);
        error_append_hint(errp, "'qemu-img convert' makes an image of that "
                          "version.\n");
        return false;
    }
    return true;
}

/* Length and zones change together only where they share a sector */
static bool check_header_bytes(BlockDriverState *bs, Error **errp)
{
    BDRVQcow2State *s = bs->opaque;
    size_t header_bytes = sizeof(QCowHeader) + s->unknown_header_fields_size;
    size_t max_bytes = QCOW2_ZONE_SECTOR_BYTES - 2 * sizeof(uint32_t) -
                       QCOW2_ZONE_EXTENSION_BYTES;

    if (header_bytes > max_bytes) {
        error_setg(errp, "Image '%s' has a header of %zu bytes: zones can be "
                   "resized behind one of %zu at most", bs->filename,
                   header_bytes, max_bytes);
        return false;
    }
    return true;
}

/* They have no write pointer that would say that nobody needs their data */
static bool check_conventional(const ZoneGeometry *g, uint64_t device_bytes,
                               Error **errp)
{
    ERRP_GUARD();
    uint64_t min_bytes = g->conventional_zones * g->zone_bytes;
    g_autofree char *min_str = qcow2_zone_exact_size_str(min_bytes);

    if (device_bytes < min_bytes) {
        error_setg(errp, "Zone %" PRIu32 " is conventional: an image loses "
                   "Empty zones only when it is made smaller",
                   g->conventional_zones - 1);
        error_append_hint(errp, "The smallest size that works is %s.\n",
                          min_str);
        return false;
    }
    return true;
}

static bool check_geometry(BlockDriverState *bs, uint64_t device_bytes,
                           Error **errp)
{
    BDRVQcow2State *s = bs->opaque;
    ZoneGeometry g = s->zone->geometry;

    if (!qcow2_zone_check_multiple(&g, device_bytes, errp) ||
        !check_conventional(&g, device_bytes, errp)) {
        return false;
    }
    g.nr_zones = MIN(device_bytes / g.zone_bytes, UINT32_MAX);
    return qcow2_zone_check_geometry(&g, s->cluster_size, device_bytes, errp);
}

static bool check_resize(BlockDriverState *bs, uint64_t device_bytes,
                         Error **errp)
{
    ERRP_GUARD();

    return check_version(bs, errp) && check_header_bytes(bs, errp) &&
           bdrv_zone_check_resize(bs, errp) &&
           check_geometry(bs, device_bytes, errp);
}

/* With the commit lock held: what is Empty now has an Empty word on disk */
static bool check_cropped(BlockDriverState *bs, uint32_t nr_zones, Error **errp)
{
    ERRP_GUARD();
    Qcow2Zone *zone = qcow2_zone(bs);
    ZoneTable *table = zone_io_table(zone->io);
    g_autofree char *nearest = NULL;
    uint32_t i = zone->geometry.nr_zones;
    ZoneInfo info = { .state = ZONE_STATE_EMPTY };
    bool busy = false;

    zone_io_lock(zone->io);
    while (i > nr_zones && info.state == ZONE_STATE_EMPTY && !busy) {
        i--;
        zone_table_info(table, i, &info);
        busy = zone_table_held(table, i) || zone_table_in_flight(table, i);
    }
    zone_io_unlock(zone->io);
    if (info.state != ZONE_STATE_EMPTY) {
        error_setg(errp, "Zone %" PRIu32 " is %s: an image loses Empty zones "
                   "only when it is made smaller", i,
                   zone_state_str(info.state));
        nearest = qcow2_zone_exact_size_str(info.start_bytes +
                                            info.length_bytes);
        error_append_hint(errp, "The smallest size that works is %s.\n",
                          nearest);
        return false;
    }
    if (busy) {
        error_setg(errp, "Zone %" PRIu32 " has requests in flight: an image is "
                   "made smaller when nobody uses what it loses", i);
        return false;
    }
    return true;
}

/* The header *************************************************************/

/* Durable on return, where it succeeds; with s->lock held */
static int coroutine_fn GRAPH_RDLOCK store_header(BlockDriverState *bs)
{
    int ret = qcow2_update_header(bs);

    return ret < 0 ? ret : bdrv_co_flush(bs->file->bs);
}

/*
 * 1. In a raw data file, what comes is zeroed, as the device shows it.  A crash
 *    leaves the old drive.
 * 2. The header is written and flushed.  Only its first sector differs from
 *    before: a crash leaves the old drive or the new one.
 *
 * After an error in 2 the disk may have either, and the old drive goes on.
 */
int coroutine_fn qcow2_zone_co_store_size(BlockDriverState *bs)
{
    Qcow2Zone *zone = qcow2_zone(bs);
    uint64_t old_bytes = zone->geometry.nr_zones * zone->geometry.zone_bytes;
    uint64_t new_bytes = bs->total_sectors * BDRV_SECTOR_SIZE;
    Qcow2ZoneLayout old;
    int ret = 0;

    qcow2_zone_get_layout(zone, &old);
    if (data_file_is_raw(bs) && new_bytes > old_bytes) {
        ret = qcow2_zone_co_zero_raw(bs, old_bytes, new_bytes);
    }
    if (ret >= 0 && zone->next_layout) {
        qcow2_zone_set_layout(zone, zone->next_layout);
    }
    if (ret >= 0) {
        ret = store_header(bs);
    }
    if (ret < 0) {
        qcow2_zone_set_layout(zone, &old);
        bs->total_sectors = old_bytes / BDRV_SECTOR_SIZE;
    }
    return ret;
}

int coroutine_fn qcow2_zone_co_settle_header(BlockDriverState *bs)
{
    BDRVQcow2State *s = bs->opaque;
    Qcow2ZoneLayout *layout = s->zone->maybe_layout;
    int ret;

    if (!layout) {
        return 0;
    }
    qemu_co_mutex_lock(&s->lock);
    ret = store_header(bs);
    qemu_co_mutex_unlock(&s->lock);
    if (ret >= 0) {
        qcow2_zone_co_free_region(bs, layout);
        g_clear_pointer(&s->zone->maybe_layout, g_free);
    }
    return ret;
}

/* The steps **************************************************************/

/* The durable words of the new drive, in host byte order; NULL: no memory */
static uint64_t *new_durable_words(BlockDriverState *bs,
                                   const ZoneGeometry *geometry)
{
    Qcow2Zone *zone = qcow2_zone(bs);
    uint32_t nr_kept = MIN(geometry->nr_zones, zone->geometry.nr_zones);
    uint64_t *words = qemu_try_blockalign(bs->file->bs, geometry->nr_zones *
                                          sizeof(*words));
    uint32_t i;

    if (words) {
        memcpy(words, zone->durable, nr_kept * sizeof(*words));
        for (i = nr_kept; i < geometry->nr_zones; i++) {
            words[i] = zone_empty_word(geometry, i);
        }
    }
    return words;
}

/* Durable on return.  After an error there is none. */
static int coroutine_fn GRAPH_RDLOCK
make_region(BlockDriverState *bs, ZoneResize *r, const uint64_t *words,
            Error **errp)
{
    int ret = qcow2_zone_co_create_region(bs, &r->new, words);

    if (ret >= 0) {
        ret = qcow2_zone_co_copy_extensions(bs, &r->old, bs, &r->new, words);
        if (ret >= 0) {
            ret = qcow2_zone_co_flush_data(bs);
        }
        if (ret < 0) {
            qcow2_zone_co_free_region(bs, &r->new);
        }
    }
    if (ret < 0) {
        error_setg_errno(errp, -ret, "Could not make the zone metadata of %"
                         PRIu64 " bytes for %" PRIu32 " zones",
                         r->new.meta_bytes, r->new.geometry.nr_zones);
    }
    return ret;
}

/* Sectors that stay dirty have words that are not on disk, here or there */
void qcow2_zone_resize_words(BlockDriverState *bs, uint64_t *words)
{
    Qcow2Zone *zone = qcow2_zone(bs);
    uint32_t nr_sectors = DIV_ROUND_UP(zone->geometry.nr_zones,
                                       QCOW2_ZONE_SECTOR_WORDS);
    unsigned long *dirty = bitmap_new(nr_sectors);

    qemu_vfree(zone->durable);
    zone->durable = words;
    qcow2_zone_count_durable(zone);
    zone_io_lock(zone->io);
    bitmap_copy(dirty, zone->dirty, MIN(nr_sectors, zone->nr_sectors));
    g_free(zone->dirty);
    zone->dirty = dirty;
    zone->nr_sectors = nr_sectors;
    zone->nr_dirty = bitmap_count_one(dirty, nr_sectors);
    qcow2_zone_ring_reset(zone);
    zone_io_resize(zone->io, zone->geometry.nr_zones);
    zone_io_unlock(zone->io);
}

/*
 * With the commit lock held: nobody else writes words.
 *
 * 1. A new region is made, with the words that are durable, Empty ones for
 *    zones that come, and the extensions; it is flushed with its refcounts.  A
 *    crash leaves leaked clusters.
 * 2. qcow2_co_truncate() gives back what was mapped in zones that go, all of
 *    which are Empty, or makes the L1 table longer and preallocates.  A crash
 *    leaves the old drive, and leaked clusters.
 * 3. The header is written and flushed: qcow2_zone_co_store_size().  A crash
 *    leaves the old drive or the new one.
 * 4. What is in memory follows, and the old region is freed.  A crash leaves
 *    the new drive, and the old region leaked.
 *
 * After an error in 1 to 3 the drive is the old one.  In 2 and 3 a header may
 * have got to disk all the same, with another L1 table or with all that is new:
 * nothing becomes durable before it is the old one again, and the new region is
 * there until then.  The base looks at its caches last of all: an error from
 * there finds the new drive.
 */
static int coroutine_fn GRAPH_RDLOCK
do_resize(BlockDriverState *bs, ZoneResize *r, Error **errp)
{
    Qcow2Zone *zone = qcow2_zone(bs);
    uint64_t *words = new_durable_words(bs, &r->new.geometry);
    int ret;

    if (!words) {
        error_setg(errp, "Could not allocate memory for %" PRIu32 " zones",
                   r->new.geometry.nr_zones);
        return -ENOMEM;
    }
    ret = make_region(bs, r, words, errp);
    if (ret < 0) {
        qemu_vfree(words);
        return ret;
    }
    zone->next_layout = &r->new;
    ret = qcow2_co_truncate(bs, r->device_bytes, r->exact, r->prealloc,
                            r->flags, errp);
    zone->next_layout = NULL;
    if (zone->meta_offset == r->new.meta_offset) {
        zone->words_cached = false;
        qcow2_zone_resize_words(bs, words);
        qcow2_zone_co_free_region(bs, &r->old);
        return ret;
    }
    qemu_vfree(words);
    zone->maybe_layout = g_memdup2(&r->new, sizeof(r->new));
    return ret;
}

static int coroutine_fn GRAPH_RDLOCK
resize_locked(BlockDriverState *bs, ZoneResize *r, Error **errp)
{
    Qcow2Zone *zone = qcow2_zone(bs);

    qcow2_zone_get_layout(zone, &r->old);
    r->new = r->old;
    r->new.geometry.nr_zones = r->device_bytes / r->old.geometry.zone_bytes;
    if (r->new.geometry.nr_zones == r->old.geometry.nr_zones) {
        return qcow2_co_truncate(bs, r->device_bytes, r->exact, r->prealloc,
                                 r->flags, errp);
    }
    if (!check_cropped(bs, r->new.geometry.nr_zones, errp)) {
        return -EINVAL;
    }
    return do_resize(bs, r, errp);
}

int coroutine_fn
qcow2_zone_co_truncate(BlockDriverState *bs, int64_t device_bytes, bool exact,
                       PreallocMode prealloc, BdrvRequestFlags flags,
                       Error **errp)
{
    ZoneResize r = {
        .device_bytes = device_bytes, .exact = exact, .prealloc = prealloc,
        .flags = flags,
    };
    Qcow2Zone *zone = qcow2_zone(bs);
    int ret;

    if (!zone) {
        return qcow2_co_truncate(bs, device_bytes, exact, prealloc, flags,
                                 errp);
    }
    if (!check_resize(bs, device_bytes, errp)) {
        return -EINVAL;
    }
    ret = qcow2_zone_co_commit(bs, false);
    if (ret < 0) {
        error_setg_errno(errp, -ret, "Could not store the zone table");
        return ret;
    }
    zone_io_co_commit_lock(zone->io);
    ret = resize_locked(bs, &r, errp);
    zone_io_co_commit_unlock(zone->io);
    return ret;
}
