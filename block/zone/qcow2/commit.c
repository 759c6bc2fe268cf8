/*
 * Zoned qcow2 images: making zone words durable
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The contract is in docs/devel/zone-store.rst.  Two copies of the words
 * exist beside the table: the one on disk, and zone->durable, which equals it
 * except after a failed write, when the sector is dirty again.  A sector that
 * is written for the sake of one zone takes the words of its neighbours from
 * there, so no write pointer gets to disk before its data.
 */

#include "qemu/osdep.h"
#include "qemu/bitmap.h"
#include "qemu/error-report.h"
#include "qemu/memalign.h"
#include "qapi/error.h"
#include "block/zone/qcow2/internal.h"
#include "block/zone/trace.h"

/* Commit *****************************************************************/

/* Adds a dirty sector as the table has it; counts zones that become active */
static uint32_t qcow2_zone_stage_sector(Qcow2Zone *zone, ZoneSectors *sectors,
                                        uint32_t sector)
{
    ZoneTable *table = zone_io_table(zone->io);
    uint32_t nr_more = 0;
    uint64_t word;
    uint32_t i;

    clear_bit(sector, zone->dirty);
    zone->nr_dirty--;
    qcow2_zone_sectors_add(zone, sectors, sector);
    for (i = sector * QCOW2_ZONE_SECTOR_WORDS;
         i < qcow2_zone_sector_end(zone, sector); i++) {
        word = zone_table_word(table, i);
        nr_more += qcow2_zone_word_takes(zone, i, word);
        qcow2_zone_sectors_put(sectors, i, word);
    }
    return nr_more;
}

/*
 * Plans for the dirty sectors from next_sector on, as many as one step stores.
 * Returns the first that is left.
 */
static uint32_t qcow2_zone_stage(Qcow2Zone *zone, ZonePlan *plan,
                                 uint32_t next_sector)
{
    uint32_t nr_active, nr_more = 0;

    plan->sectors->nr = 0;
    zone_io_lock(zone->io);
    nr_active = zone_table_counts(zone_io_table(zone->io)).active;
    if (qcow2_zone_exceeds(zone, nr_active)) {
        plan->releases = qcow2_zone_find_releases(zone);
    }
    while (zone->nr_dirty && plan->sectors->nr < QCOW2_ZONE_BATCH_SECTORS) {
        next_sector = find_next_bit(zone->dirty, zone->nr_sectors,
                                    next_sector);
        if (next_sector >= zone->nr_sectors) {
            break;
        }
        nr_more += qcow2_zone_stage_sector(zone, plan->sectors, next_sector++);
    }
    if (plan->sectors->nr) {
        qcow2_zone_count_commit(zone);
    }
    zone_io_unlock(zone->io);
    if (plan->releases && !qcow2_zone_exceeds(zone, nr_more)) {
        g_clear_pointer(&plan->releases, g_array_unref);
    }
    return next_sector;
}

/*
 * Stores the dirty sectors, with the commit lock held: by a record, if that can
 * be done (qcow2_zone_co_record()), or
 *
 * 1. Their words are taken from the table: frontiers of writes that have
 *    completed, so all their data is in the caches below.
 * 2. They are stored, behind the data; see qcow2_zone_co_run() for what a crash
 *    leaves.
 *
 * After an error the sectors are dirty again, with whatever the table then
 * has.  Sectors that get dirty behind the cursor wait for the next commit.
 */
static int coroutine_fn GRAPH_RDLOCK
qcow2_zone_co_commit_locked(BlockDriverState *bs, bool flush_follows)
{
    Qcow2Zone *zone = qcow2_zone(bs);
    ZoneSectors sectors = { .buf = zone->batch };
    uint32_t next_sector = 0;
    int ret = qcow2_zone_co_record(bs, flush_follows);

    if (ret) {
        return MIN(ret, 0);
    }
    do {
        ZonePlan plan = { .data = true, .sectors = &sectors,
                          .flush_follows = flush_follows };

        next_sector = qcow2_zone_stage(zone, &plan, next_sector);
        if (!sectors.nr) {
            zone->suspect = false;
            ret = 0;
            break;
        }
        ret = qcow2_zone_co_run(bs, &plan);
        g_clear_pointer(&plan.releases, g_array_unref);
        trace_qcow2_zone_commit(bs, sectors.nr, ret);
        if (ret < 0) {
            qcow2_zone_redirty(bs, &sectors, NULL, 0);
        }
    } while (ret >= 0);
    zone_io_lock(zone->io);
    qcow2_zone_trim_sums(zone);
    zone_io_unlock(zone->io);
    return ret;
}

int coroutine_fn qcow2_zone_co_commit(BlockDriverState *bs, bool flush_follows)
{
    Qcow2Zone *zone = qcow2_zone(bs);
    uint64_t ticket, covers;
    int ret = 0;

    if (!zone || !zone->io) {
        return 0;
    }
    if (qatomic_read(&zone->stopped)) {
        return -ENOMEDIUM;
    }
    zone_io_co_settle(zone->io);
    zone_io_lock(zone->io);
    ticket = ++zone->commit_requested;
    zone_io_unlock(zone->io);

    zone_io_co_commit_lock(zone->io);
    /* a commit that started after the request has done it all meanwhile */
    if (zone->commit_done < ticket) {
        zone_io_lock(zone->io);
        covers = zone->commit_requested;
        zone_io_unlock(zone->io);
        ret = qcow2_zone_co_settle_header(bs);
        if (ret >= 0) {
            ret = qcow2_zone_co_commit_locked(bs, flush_follows);
        }
        if (ret >= 0) {
            zone->commit_done = covers;
        }
    }
    if (ret >= 0 && !flush_follows) {
        ret = qcow2_zone_co_flush_words(bs);
    }
    zone_io_co_commit_unlock(zone->io);
    return ret;
}

/* Actions ****************************************************************/

/* True when the words have been written already */
static bool qcow2_zone_words_are_stored(Qcow2Zone *zone, const GArray *words)
{
    const ZoneNewWord *new_word;
    bool stored = true;
    guint i;

    zone_io_lock(zone->io);
    for (i = 0; i < words->len && stored; i++) {
        new_word = &g_array_index(words, ZoneNewWord, i);
        stored = zone->durable[new_word->zone_idx] == new_word->word &&
                 !test_bit(qcow2_zone_sector(new_word->zone_idx), zone->dirty);
    }
    zone_io_unlock(zone->io);
    return stored;
}

/* What has to be stored before the words, or NULL */
static GArray *qcow2_zone_releases_before(Qcow2Zone *zone, const GArray *words)
{
    const ZoneNewWord *new_word;
    GArray *releases = NULL;
    uint32_t nr_more = 0;
    guint i;

    for (i = 0; i < words->len; i++) {
        new_word = &g_array_index(words, ZoneNewWord, i);
        nr_more += qcow2_zone_word_takes(zone, new_word->zone_idx,
                                         new_word->word);
    }
    if (qcow2_zone_exceeds(zone, nr_more)) {
        zone_io_lock(zone->io);
        releases = qcow2_zone_find_releases(zone);
        zone_io_unlock(zone->io);
    }
    return releases;
}

/* What comes is another life of the zones, or what nobody has asked for */
static void qcow2_zone_forget_sums_of(Qcow2Zone *zone, const GArray *words)
{
    guint i;

    zone_io_lock(zone->io);
    if (words->len > QCOW2_ZONE_RECORD_ZONES) {
        qcow2_zone_forget_sums(zone, QCOW2_ZONE_ALL);
    }
    for (i = 0; i < words->len && zone->ring.nr_sums; i++) {
        qcow2_zone_forget_sums(zone, g_array_index(words, ZoneNewWord,
                                                   i).zone_idx);
    }
    zone_io_unlock(zone->io);
}

static GArray *qcow2_zone_list_words(const uint32_t *zone_idx,
                                     const uint64_t *words, uint32_t nr)
{
    GArray *list = g_array_sized_new(false, false, sizeof(ZoneNewWord), nr);
    uint32_t i;

    for (i = 0; i < nr; i++) {
        ZoneNewWord new_word = { .zone_idx = zone_idx[i], .word = words[i] };

        g_array_append_val(list, new_word);
    }
    return list;
}

/*
 * Stores given words of some zones; all others in their sectors stay as they
 * are on disk.  Finish asks for data: the new word covers writes that nobody
 * has flushed yet.
 *
 * 1. Words that are on disk already are flushed at most.
 * 2. All others are stored, with what has to go before; see qcow2_zone_co_run()
 *    for what a crash leaves.
 *
 * After an error the disk may have either word, and the sectors that were
 * written are dirty: the next commit stores what the table then has.
 */
int coroutine_fn
qcow2_zone_co_commit_words(BlockDriverState *bs, const uint32_t *zone_idx,
                           const uint64_t *words, uint32_t nr, bool data)
{
    g_autoptr(GArray) list = qcow2_zone_list_words(zone_idx, words, nr);
    g_autoptr(GArray) releases = NULL;
    Qcow2Zone *zone = qcow2_zone(bs);
    ZonePlan plan = { .data = data, .words = list };
    int ret = qcow2_zone_co_settle_header(bs);

    if (ret < 0) {
        return ret;
    }
    qcow2_zone_forget_sums_of(zone, list);
    if (qcow2_zone_words_are_stored(zone, list)) {
        return qcow2_zone_co_flush_words(bs);
    }
    plan.releases = releases = qcow2_zone_releases_before(zone, list);
    return qcow2_zone_co_run(bs, &plan);
}

/*
 * Writes the slot of a zone without a valid extension.
 *
 * 1. If the sector is dirty, an earlier Set Zone Descriptor Extension may have
 *    failed and left a word with ZDEV on disk: the word is stored as it
 *    should be there, without.
 * 2. The slot is written and flushed.  Nobody looks at it before the word with
 *    ZDEV is on disk, so a crash in between leaves an Empty zone.
 */
int coroutine_fn
qcow2_zone_co_store_zde(BlockDriverState *bs, uint32_t zone_idx,
                        const void *zde)
{
    Qcow2Zone *zone = qcow2_zone(bs);
    uint64_t word = zone->durable[zone_idx];
    int ret;

    assert(!(zone_word_attributes(word) & ZONE_ATTR_ZDEV));
    ret = qcow2_zone_co_commit_words(bs, &zone_idx, &word, 1, false);
    return ret < 0 ? ret : qcow2_zone_co_write_zde(bs, zone_idx, zde);
}

/* With the table's lock held */
static void qcow2_zone_forget_dirty(Qcow2Zone *zone)
{
    bitmap_zero(zone->dirty, zone->nr_sectors);
    zone->nr_dirty = 0;
    zone->ring.nr_sums = 0;
    if (zone->commit_timer) {
        timer_del(zone->commit_timer);
    }
}

void qcow2_zone_set_words(BlockDriverState *bs, const uint64_t *words)
{
    Qcow2Zone *zone = qcow2_zone(bs);
    uint32_t i;

    zone_io_lock(zone->io);
    qcow2_zone_forget_dirty(zone);
    if (words) {
        memcpy(zone->durable, words, zone->geometry.nr_zones * sizeof(*words));
        qcow2_zone_count_durable(zone);
        zone->words_cached = false;
    }
    zone->uncertain = !words;
    zone->suspect = !words;
    for (i = 0; !words && i < zone->geometry.nr_zones; i++) {
        qcow2_zone_mark_dirty(bs, i);
    }
    zone_io_unlock(zone->io);
}

/* Loss of power **********************************************************/

/*
 * Makes words, just read, the durable ones, and forgets what is dirty.  A word
 * that differs from the durable copy comes from a write that has failed, and
 * may not be durable: its sector stays dirty.
 */
static void qcow2_zone_reload(BlockDriverState *bs, const uint64_t *words)
{
    Qcow2Zone *zone = qcow2_zone(bs);
    uint32_t i;

    zone_io_lock(zone->io);
    qcow2_zone_forget_dirty(zone);
    for (i = 0; i < zone->geometry.nr_zones; i++) {
        if (zone->durable[i] != words[i]) {
            qcow2_zone_set_durable(zone, i, words[i]);
            qcow2_zone_mark_dirty(bs, i);
            zone->suspect = true;
        }
    }
    zone_io_unlock(zone->io);
}

/*
 * 1. Words and ring are read, and checked as they are when an image is opened.
 *    An error up to here leaves all as it was.
 * 2. Dirty sectors are forgotten.
 *
 * Nothing is written, so nothing changes on disk whenever a crash comes.  The
 * metadata caches keep the mapping of what was written and not flushed: the
 * read clamp hides it, and later writes to the zone use it, as after a Reset.
 */
int coroutine_fn
qcow2_zone_co_power_cut(BlockDriverState *bs, uint64_t *words, Error **errp)
{
    BDRVQcow2State *s = bs->opaque;
    Qcow2Zone *zone = s->zone;
    g_autofree Qcow2ZoneRing *ring = g_new(Qcow2ZoneRing, 1);
    Qcow2ZoneLayout layout;
    ZoneTable *table;
    int ret;

    qcow2_zone_get_layout(zone, &layout);
    qemu_co_mutex_lock(&s->lock);
    ret = qcow2_zone_co_load_all(bs, &layout, words, false, ring, errp);
    qemu_co_mutex_unlock(&s->lock);
    if (ret < 0) {
        return ret;
    }
    table = qcow2_zone_decode_words(&zone->geometry, words, zone->meta_offset,
                                    false, errp);
    if (!table) {
        return -EINVAL;
    }
    zone_table_free(table);
    qcow2_zone_reload(bs, words);
    qcow2_zone_ring_take(bs, ring);
    return 0;
}

int qcow2_zone_commit_init(BlockDriverState *bs, Error **errp)
{
    Qcow2Zone *zone = qcow2_zone(bs);

    zone->nr_sectors = DIV_ROUND_UP(zone->geometry.nr_zones,
                                    QCOW2_ZONE_SECTOR_WORDS);
    zone->dirty = bitmap_new(zone->nr_sectors);
    zone->batch = qemu_try_blockalign(bs->file->bs,
                                      QCOW2_ZONE_BATCH_SECTORS *
                                      QCOW2_ZONE_SECTOR_BYTES);
    zone->release_batch = qemu_try_blockalign(bs->file->bs,
                                              QCOW2_ZONE_BATCH_SECTORS *
                                              QCOW2_ZONE_SECTOR_BYTES);
    if (!zone->batch || !zone->release_batch) {
        error_setg(errp, "Could not allocate the zone commit buffers");
        return -ENOMEM;
    }
    qcow2_zone_ring_init(bs);
    qcow2_zone_count_durable(zone);
    qcow2_zone_commit_timer_init(bs, bdrv_get_aio_context(bs));
    return 0;
}

void qcow2_zone_commit_cleanup(BlockDriverState *bs)
{
    Qcow2Zone *zone = qcow2_zone(bs);

    qcow2_zone_commit_timer_stop(bs);
    qemu_vfree(zone->batch);
    qemu_vfree(zone->release_batch);
    g_free(zone->maybe_layout);
    g_free(zone->dirty);
    qcow2_zone_ring_cleanup(zone);
}

typedef struct ZoneCommitCo {
    BlockDriverState *bs;
    int ret;
    bool done;
} ZoneCommitCo;

/* Nobody has to look at the ring of an image that has been closed */
static int coroutine_fn GRAPH_RDLOCK
qcow2_zone_co_inactivate(BlockDriverState *bs)
{
    int ret = qcow2_zone_co_commit(bs, false);

    return ret < 0 ? ret : qcow2_zone_co_settle(bs);
}

static void coroutine_fn qcow2_zone_inactivate_entry(void *opaque)
{
    ZoneCommitCo *co = opaque;

    GRAPH_RDLOCK_GUARD();
    co->ret = qcow2_zone_co_inactivate(co->bs);
    co->done = true;
    aio_wait_kick();
}

int coroutine_mixed_fn qcow2_zone_sync(BlockDriverState *bs)
{
    ZoneCommitCo co = { .bs = bs };

    if (qemu_in_coroutine()) {
        return qcow2_zone_co_inactivate(bs);
    }
    aio_co_enter(bdrv_get_aio_context(bs),
                 qemu_coroutine_create(qcow2_zone_inactivate_entry, &co));
    BDRV_POLL_WHILE(bs, !co.done);
    return co.ret;
}

int qcow2_zone_inactivate(BlockDriverState *bs)
{
    Qcow2Zone *zone = qcow2_zone(bs);
    int ret = 0;

    if (zone && zone->io && !bdrv_is_read_only(bs)) {
        ret = qcow2_zone_sync(bs);
    }
    if (ret < 0) {
        error_report("Node '%s': failed to store the zone table: %s",
                     bdrv_get_device_or_node_name(bs), strerror(-ret));
    }
    return ret;
}
