/*
 * Zoned qcow2 images: how words get to disk, one step of a commit or an action
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Whoever wants words stored makes a plan, and holds the commit lock.
 */

#include "qemu/osdep.h"
#include "qemu/bitmap.h"
#include "block/zone/qcow2/internal.h"
#include "block/zone/trace.h"

/* What is dirty **********************************************************/

/* With the table's lock held */
static void qcow2_zone_mark_sector(BlockDriverState *bs, uint32_t sector)
{
    Qcow2Zone *zone = qcow2_zone(bs);

    if (test_and_set_bit(sector, zone->dirty)) {
        return;
    }
    if (zone->nr_dirty++ == 0) {
        qcow2_zone_commit_timer_start(bs);
    }
}

void qcow2_zone_mark_dirty(BlockDriverState *bs, uint32_t zone_idx)
{
    qcow2_zone_mark_sector(bs, qcow2_zone_sector(zone_idx));
}

void qcow2_zone_redirty(BlockDriverState *bs, const ZoneSectors *sectors,
                        const GArray *words, guint nr_words)
{
    Qcow2Zone *zone = qcow2_zone(bs);
    guint i;

    zone->uncertain = true;
    zone->suspect = true;
    zone_io_lock(zone->io);
    for (i = 0; sectors && i < sectors->nr; i++) {
        qcow2_zone_mark_sector(bs, sectors->sector[i]);
    }
    for (i = 0; i < nr_words; i++) {
        qcow2_zone_mark_dirty(bs, g_array_index(words, ZoneNewWord,
                                                i).zone_idx);
    }
    zone_io_unlock(zone->io);
}

/* Phases of a plan *******************************************************/

int coroutine_fn
qcow2_zone_co_flush_words(BlockDriverState *bs)
{
    Qcow2Zone *zone = qcow2_zone(bs);
    int ret;

    if (!zone->words_cached && !qcow2_zone_ring_is_unflushed(bs)) {
        return 0;
    }
    ret = bdrv_co_flush(bs->file->bs);
    if (ret >= 0) {
        zone->words_cached = false;
        zone->ring.unflushed = false;
    }
    return ret;
}

int coroutine_fn qcow2_zone_co_flush_data(BlockDriverState *bs)
{
    BDRVQcow2State *s = bs->opaque;
    int ret = 0;

    if (has_data_file(bs)) {
        ret = bdrv_co_flush(s->data_file->bs);
    }
    if (ret >= 0) {
        qemu_co_mutex_lock(&s->lock);
        ret = qcow2_write_caches(bs);
        qemu_co_mutex_unlock(&s->lock);
    }
    if (ret >= 0) {
        ret = bdrv_co_flush(bs->file->bs);
    }
    if (ret >= 0) {
        s->zone->words_cached = false;
        s->zone->ring.unflushed = false;
    }
    return ret;
}

static void qcow2_zone_sectors_are_durable(Qcow2Zone *zone,
                                           const ZoneSectors *sectors)
{
    uint32_t i, slot;

    for (slot = 0; slot < sectors->nr; slot++) {
        for (i = sectors->sector[slot] * QCOW2_ZONE_SECTOR_WORDS;
             i < qcow2_zone_sector_end(zone, sectors->sector[slot]); i++) {
            qcow2_zone_set_durable(zone, i,
                                   qcow2_zone_sectors_get(sectors, slot, i));
        }
    }
}

/*
 * Writes sectors, durable on return: one run with FUA, several with one flush
 * behind them.  Neither when the caller flushes the image file next.
 */
static int coroutine_fn GRAPH_RDLOCK
qcow2_zone_co_store_sectors(BlockDriverState *bs, const ZoneSectors *sectors,
                            bool flush_follows)
{
    Qcow2Zone *zone = qcow2_zone(bs);
    BdrvRequestFlags flags = 0;
    int ret;

    if (flush_follows || qcow2_zone_sectors_run(sectors, 0) < sectors->nr) {
        zone->words_cached = true;
    } else {
        flags = BDRV_REQ_FUA;
    }
    ret = qcow2_zone_co_write_sectors(bs, sectors, flags);
    if (ret >= 0 && !flags && !flush_follows) {
        ret = qcow2_zone_co_flush_words(bs);
    }
    if (ret >= 0) {
        qcow2_zone_sectors_are_durable(zone, sectors);
    }
    return ret;
}

/*
 * Puts words from the i-th on into sectors, as many as fit.  Returns the first
 * that is left.
 */
static guint qcow2_zone_fill_sectors(Qcow2Zone *zone, ZoneSectors *sectors,
                                     const GArray *words, guint i)
{
    const ZoneNewWord *new_word;

    sectors->nr = 0;
    for (; i < words->len; i++) {
        new_word = &g_array_index(words, ZoneNewWord, i);
        if (!qcow2_zone_sectors_add(zone, sectors,
                                    qcow2_zone_sector(new_word->zone_idx))) {
            break;
        }
        qcow2_zone_sectors_put(sectors, new_word->zone_idx, new_word->word);
    }
    return i;
}

/*
 * Stores words, durable on return, with all other words of their sectors as
 * they are on disk.  After an error the sectors are dirty, those that were
 * stored before it included.
 */
static int coroutine_fn GRAPH_RDLOCK
qcow2_zone_co_store_words(BlockDriverState *bs, const GArray *words,
                          uint8_t *buf)
{
    Qcow2Zone *zone = qcow2_zone(bs);
    ZoneSectors sectors = { .buf = buf };
    guint i = 0;
    int ret = 0;

    while (i < words->len && ret >= 0) {
        i = qcow2_zone_fill_sectors(zone, &sectors, words, i);
        ret = qcow2_zone_co_store_sectors(bs, &sectors, false);
        trace_qcow2_zone_commit_words(
            bs, g_array_index(words, ZoneNewWord, i - 1).zone_idx, sectors.nr,
            ret);
    }
    if (ret < 0) {
        qcow2_zone_redirty(bs, NULL, words, i);
    }
    return ret;
}

/*
 * 1. If the ring is in use, its last record is flushed, unless it has been: its
 *    data comes before its words.  Those of all records are put in their
 *    places.  Then data and mapping are flushed, or the image file alone if
 *    there is anything to flush.  A crash leaves what the ring says.
 * 2. The ring becomes empty, durably.  A crash leaves the same words, by the
 *    ring or in their places.
 */
static int coroutine_fn GRAPH_RDLOCK
qcow2_zone_co_flush_before(BlockDriverState *bs, bool data, bool words)
{
    Qcow2Zone *zone = qcow2_zone(bs);
    bool in_use = zone->ring.in_use;
    int ret = in_use ? qcow2_zone_co_flush_words(bs) : 0;

    if (ret >= 0 && in_use) {
        ret = qcow2_zone_co_write_behind(bs);
    }
    if (ret >= 0 && data) {
        ret = qcow2_zone_co_flush_data(bs);
    } else if (ret >= 0 && (words || in_use)) {
        ret = qcow2_zone_co_flush_words(bs);
    }
    if (ret >= 0 && in_use) {
        ret = qcow2_zone_co_end_ring(bs);
    }
    return ret;
}

int coroutine_fn qcow2_zone_co_empty_ring(BlockDriverState *bs)
{
    int ret;

    if (!qcow2_zone(bs)->ring.in_use) {
        return 0;
    }
    ret = qcow2_zone_co_settle_header(bs);
    return ret < 0 ? ret : qcow2_zone_co_flush_before(bs, false, true);
}

/*
 * Carries a plan out, with the commit lock held.
 *
 * 1. Data and mapping are flushed, if the plan says so or has releases: those
 *    cover data as well.  Where there is a limit of active zones, at least
 *    words that a Flush has written and not flushed yet are: the order of words
 *    counts from here on.  A crash leaves the old words, and more data than
 *    they cover, which the read clamp hides.  The ring is empty from here on:
 *    qcow2_zone_co_flush_before().
 * 2. Releases are stored.  A crash leaves each zone with its old word or its
 *    new one, and fewer active zones than before, if anything changes.
 * 3. Sectors or words are stored; with flush_follows, the caller flushes.  A
 *    crash leaves each zone with its old word or its new one; the data of both
 *    is there.
 */
int coroutine_fn
qcow2_zone_co_run(BlockDriverState *bs, const ZonePlan *plan)
{
    Qcow2Zone *zone = qcow2_zone(bs);
    int ret = qcow2_zone_co_flush_before(bs, plan->data || plan->releases,
                                         zone->geometry.max_active_zones);

    if (ret >= 0 && plan->releases) {
        ret = qcow2_zone_co_store_words(bs, plan->releases,
                                        zone->release_batch);
        zone->uncertain = ret < 0;
    }
    if (ret >= 0 && plan->words) {
        ret = qcow2_zone_co_store_words(bs, plan->words, zone->batch);
    } else if (ret >= 0) {
        ret = qcow2_zone_co_store_sectors(bs, plan->sectors,
                                          plan->flush_follows);
    }
    return ret;
}
