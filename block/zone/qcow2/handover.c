/*
 * Zoned qcow2 images: zones that come from another node, or go there
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Both nodes are drained, and of the two timers neither runs.
 */

#include "qemu/osdep.h"
#include "qemu/bitmap.h"
#include "block/zone/qcow2/internal.h"

/*
 * 1. Dirty words are committed, behind their data, and all else is flushed:
 *    nobody flushes this node when it is below another.
 * 2. The ring becomes empty: the durable words, which are in their places, are
 *    all that there is to say.
 */
int coroutine_fn qcow2_zone_co_freeze(BlockDriverState *bs, uint64_t *words)
{
    Qcow2Zone *zone = qcow2_zone(bs);
    int ret = 0;

    qcow2_zone_commit_timer_stop(bs);
    if (!bdrv_is_read_only(bs)) {
        ret = bdrv_co_flush(bs);
    }
    if (ret >= 0) {
        zone_io_co_commit_lock(zone->io);
        if (!bdrv_is_read_only(bs)) {
            ret = qcow2_zone_co_empty_ring(bs);
        }
        memcpy(words, zone->durable,
               zone->geometry.nr_zones * sizeof(*words));
        zone_io_co_commit_unlock(zone->io);
    }
    return ret;
}

static bool qcow2_zone_has_extensions(const uint64_t *words, uint32_t nr_zones)
{
    uint32_t i;

    for (i = 0; i < nr_zones; i++) {
        if (zone_word_attributes(words[i]) & ZONE_ATTR_ZDEV) {
            return true;
        }
    }
    return false;
}

/* All words of the region, durable on return; NULL: those of an empty device */
static int coroutine_fn GRAPH_RDLOCK
qcow2_zone_co_replace_words(BlockDriverState *bs, const Qcow2ZoneLayout *layout,
                            const uint64_t *words)
{
    int ret = qcow2_zone_co_write_words(bs, layout, words);

    return ret < 0 ? ret : bdrv_co_flush(bs->file->bs);
}

/*
 * 1. The ring becomes empty.
 * 2. If words here have ZDEV, all become those of an empty device, durable: no
 *    slot is written below a valid word.
 * 3. The slots of the zones whose words will have ZDEV are written, and
 *    flushed.
 * 4. The words are written and flushed.
 *
 * A crash leaves the words of before, of an empty device, or the new ones, zone
 * by zone; each has its extension, and data of the node below to its write
 * pointer.  Nothing leads to the image yet.
 */
static int coroutine_fn GRAPH_RDLOCK
qcow2_zone_co_store_all(BlockDriverState *bs, BlockDriverState *from,
                        const uint64_t *words)
{
    Qcow2Zone *zone = qcow2_zone(bs);
    uint32_t nr_zones = zone->geometry.nr_zones;
    Qcow2ZoneLayout layout, from_layout;
    int ret = qcow2_zone_co_empty_ring(bs);

    qcow2_zone_get_layout(zone, &layout);
    qcow2_zone_get_layout(qcow2_zone(from), &from_layout);
    if (ret >= 0 && (zone->uncertain ||
                     qcow2_zone_has_extensions(zone->durable, nr_zones))) {
        ret = qcow2_zone_co_replace_words(bs, &layout, NULL);
    }
    if (ret >= 0 && qcow2_zone_has_extensions(words, nr_zones)) {
        ret = qcow2_zone_co_copy_extensions(from, &from_layout, bs, &layout,
                                            words);
        ret = ret < 0 ? ret : bdrv_co_flush(bs->file->bs);
    }
    return ret < 0 ? ret : qcow2_zone_co_replace_words(bs, &layout, words);
}

int coroutine_fn
qcow2_zone_co_adopt(BlockDriverState *bs, BlockDriverState *from,
                    const uint64_t *words)
{
    Qcow2Zone *zone = qcow2_zone(bs);
    int ret;

    qcow2_zone_commit_timer_stop(bs);
    zone_io_co_commit_lock(zone->io);
    ret = qcow2_zone_co_store_all(bs, from, words);
    qcow2_zone_set_words(bs, ret < 0 ? NULL : words);
    zone_io_co_commit_unlock(zone->io);
    return ret;
}

void qcow2_zone_take_zones(BlockDriverState *bs)
{
    Qcow2Zone *zone = qcow2_zone(bs);

    qcow2_zone_commit_timer_stop(bs);
    zone->io = bs->zones;
    qcow2_zone_commit_timer_init(bs, bdrv_get_aio_context(bs));
}
