/*
 * Zoned qcow2 images: filled from elsewhere
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A flag in the header extension says that the words do not describe the data
 * yet.  The node is drained, and the commit lock held.
 */

#include "qemu/osdep.h"
#include "qapi/error.h"
#include "block/zone/qcow2/internal.h"

/* Extensions are taken over in pieces of this */
#define QCOW2_ZONE_ADOPT_BYTES  (1 * MiB)

bool qcow2_zone_check_finished(BlockDriverState *bs, int flags, Error **errp)
{
    BDRVQcow2State *s = bs->opaque;
    ERRP_GUARD();

    if (!(s->zone->flags & QCOW2_ZONE_FLAG_UNFINISHED) ||
        s->zone_options.unfinished || (flags & BDRV_O_NO_IO)) {
        return true;
    }
    if (bs->zones && zone_io_is_unfinished(bs->zones)) {
        return true; /* active again: a job here has left it so */
    }
    error_setg(errp, "Zoned image is not finished: its zones do not describe "
               "its data, as what filled it was interrupted");
    error_append_hint(errp, "Convert to it or commit to it again; option %s=on "
                      "opens it to look at what is there.\n",
                      QCOW2_OPT_ZONE_UNFINISHED);
    return false;
}

int coroutine_fn qcow2_zone_co_store_header(BlockDriverState *bs)
{
    int ret = qcow2_update_header(bs);

    return ret < 0 || !qcow2_zone(bs) ? ret : bdrv_co_flush(bs->file->bs);
}

static void qcow2_zone_take_words(Qcow2Zone *zone, const uint64_t *words)
{
    uint32_t i;

    for (i = 0; i < zone->geometry.nr_zones; i++) {
        zone->durable[i] = words ? words[i]
                                 : zone_empty_word(&zone->geometry, i);
    }
    qcow2_zone_count_durable(zone);
    zone->uncertain = false;
    zone->suspect = false;
    zone->words_cached = false;
}

/*
 * 1. The ring becomes empty: the data that it checks will not stay.  A crash
 *    leaves the drive of before.
 * 2. The header gets the flag, and is flushed.  A crash leaves the drive of
 *    before, or an image that is not finished, with the words of before.
 * 3. If the words are to go, all become Empty, and are flushed.  A crash leaves
 *    each word as it was or Empty, in an image that is not finished.
 */
int coroutine_fn
qcow2_zone_co_import_begin(BlockDriverState *bs, bool empty, Error **errp)
{
    Qcow2Zone *zone = qcow2_zone(bs);
    Qcow2ZoneLayout layout;
    int ret;

    if (zone->version < 2) {
        error_setg(errp, "Image '%s' has layout version %u, and cannot say "
                   "that it is not finished: version 2 is needed",
                   bs->filename, zone->version);
        error_append_hint(errp, "'qemu-img convert' makes an image of "
                          "version 2 of it.\n");
        return -ENOTSUP;
    }
    zone->flags |= QCOW2_ZONE_FLAG_UNFINISHED;
    zone_io_set_unfinished(zone->io);
    ret = qcow2_zone_co_empty_ring(bs);
    if (ret >= 0) {
        ret = qcow2_zone_co_store_header(bs);
    }
    if (ret >= 0 && empty) {
        qcow2_zone_get_layout(zone, &layout);
        ret = qcow2_zone_co_write_words(bs, &layout, NULL);
        if (ret >= 0) {
            ret = bdrv_co_flush(bs->file->bs);
        }
    }
    if (ret < 0) {
        error_setg_errno(errp, -ret, "Could not mark image '%s' as not "
                         "finished", bs->filename);
        return ret;
    }
    if (empty) {
        qcow2_zone_take_words(zone, NULL);
    }
    return 0;
}

/* Those of zones from zone_idx on, nr at most, that words make valid */
static int coroutine_fn GRAPH_RDLOCK
qcow2_zone_co_adopt_extensions(BlockDriverState *bs, const uint64_t *words,
                               BlockDriverState *from, uint32_t zone_idx,
                               uint32_t nr, uint8_t *buf)
{
    Qcow2Zone *zone = qcow2_zone(bs);
    uint32_t zde_bytes = zone->geometry.zd_extension_bytes;
    g_autofree uint32_t *list = g_new(uint32_t, nr);
    uint32_t n = 0;
    uint32_t i;
    int ret;

    for (i = zone_idx; i < zone_idx + nr; i++) {
        if (zone_word_attributes(words[i]) & ZONE_ATTR_ZDEV) {
            list[n++] = i;
        }
    }
    ret = bdrv_zone_co_get_extensions(from, list, n, buf);
    for (i = 0; i < n && ret >= 0; i++) {
        ret = qcow2_zone_co_store(bs, zone->zde_offset +
                                  (uint64_t)list[i] * zde_bytes, zde_bytes,
                                  buf + (size_t)i * zde_bytes, 0);
    }
    return ret;
}

/*
 * Slots may be written though the disk has ZDEV: nobody looks at them.  Zones
 * that from does not have keep theirs.
 */
int coroutine_fn
qcow2_zone_co_import_extensions(BlockDriverState *bs, const uint64_t *words,
                                BlockDriverState *from)
{
    const ZoneGeometry *geometry = &qcow2_zone(bs)->geometry;
    uint32_t zde_bytes = geometry->zd_extension_bytes;
    uint32_t nr_zones = MIN(geometry->nr_zones,
                            zone_io_geometry(from->zones)->nr_zones);
    g_autofree uint8_t *buf = NULL;
    uint32_t i, n, max;
    int ret = 0;

    if (!zde_bytes) {
        return 0;
    }
    max = MAX(QCOW2_ZONE_ADOPT_BYTES / zde_bytes, 1);
    buf = g_try_malloc((size_t)max * zde_bytes);
    if (!buf) {
        return -ENOMEM;
    }
    for (i = 0; i < nr_zones && ret >= 0; i += n) {
        n = MIN(nr_zones - i, max);
        ret = qcow2_zone_co_adopt_extensions(bs, words, from, i, n, buf);
    }
    return ret;
}

/*
 * The caches of the node are flushed, and the table has the words.
 *
 * 1. A raw data file gets zeros above the write pointers.  All data is flushed.
 * 2. Words, and extensions if they come from anywhere, are stored and flushed.
 *    A crash up to here leaves an image that is not finished.
 * 3. The flag goes from the header, which is flushed.  A crash leaves an image
 *    that is not finished, or the drive: all that it says is durable.
 */
int coroutine_fn
qcow2_zone_co_import_adopt(BlockDriverState *bs, const uint64_t *words,
                           BlockDriverState *from, Error **errp)
{
    BDRVQcow2State *s = bs->opaque;
    Qcow2Zone *zone = s->zone;
    Qcow2ZoneLayout layout;
    int ret;

    ret = qcow2_zone_co_clean_raw(bs, errp);
    if (ret < 0) {
        return ret;
    }
    ret = has_data_file(bs) ? bdrv_co_flush(s->data_file->bs) : 0;
    if (ret >= 0) {
        qcow2_zone_get_layout(zone, &layout);
        ret = qcow2_zone_co_write_words(bs, &layout, words);
    }
    if (ret >= 0 && from) {
        ret = qcow2_zone_co_import_extensions(bs, words, from);
    }
    if (ret >= 0) {
        ret = bdrv_co_flush(bs->file->bs);
    }
    if (ret < 0) {
        error_setg_errno(errp, -ret, "Could not store the zones of image '%s'",
                         bs->filename);
        return ret;
    }
    qcow2_zone_take_words(zone, words);
    zone->flags &= ~QCOW2_ZONE_FLAG_UNFINISHED;
    ret = qcow2_zone_co_store_header(bs);
    if (ret < 0) {
        zone->flags |= QCOW2_ZONE_FLAG_UNFINISHED;
        error_setg_errno(errp, -ret, "Could not mark image '%s' as finished",
                         bs->filename);
    }
    return ret;
}
