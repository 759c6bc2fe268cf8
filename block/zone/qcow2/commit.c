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
#include "qemu/bswap.h"
#include "qemu/memalign.h"
#include "qapi/error.h"
#include "block/zone/qcow2/internal.h"
#include "block/zone/trace.h"

/* Sectors of words that one step writes, in ascending order */
typedef struct ZoneBatch {
    uint32_t sector[QCOW2_ZONE_BATCH_SECTORS];
    uint32_t nr;
    uint8_t *buf;
} ZoneBatch;

static uint32_t qcow2_zone_sector(uint32_t zone_idx)
{
    return zone_idx / QCOW2_ZONE_SECTOR_WORDS;
}

static uint8_t *qcow2_zone_batch_word(ZoneBatch *batch, uint32_t slot,
                                      uint32_t zone_idx)
{
    return batch->buf + slot * QCOW2_ZONE_SECTOR_BYTES +
           zone_idx % QCOW2_ZONE_SECTOR_WORDS * sizeof(uint64_t);
}

/* One past the last zone whose word is in the sector */
static uint32_t qcow2_zone_sector_end(Qcow2Zone *zone, uint32_t sector)
{
    return MIN((sector + 1) * QCOW2_ZONE_SECTOR_WORDS,
               zone->geometry.nr_zones);
}

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

/* Does the word on disk hold an active resource? */
static bool qcow2_zone_word_is_active(Qcow2Zone *zone, uint32_t zone_idx,
                                      uint64_t word)
{
    return zone_stored_state(&zone->geometry, zone_idx, word) ==
           ZONE_STATE_CLOSED;
}

/* Would the word be one more active one on disk? */
static bool qcow2_zone_word_takes(Qcow2Zone *zone, uint32_t zone_idx,
                                  uint64_t word)
{
    return qcow2_zone_word_is_active(zone, zone_idx, word) &&
           !qcow2_zone_word_is_active(zone, zone_idx, zone->durable[zone_idx]);
}

static void qcow2_zone_set_durable(Qcow2Zone *zone, uint32_t zone_idx,
                                   uint64_t word)
{
    zone->nr_durable_active -=
        qcow2_zone_word_is_active(zone, zone_idx, zone->durable[zone_idx]);
    zone->durable[zone_idx] = word;
    zone->nr_durable_active += qcow2_zone_word_is_active(zone, zone_idx, word);
}

/*
 * Might the disk, if nr_more words became active before any other is stored,
 * have more active zones than an image may have?
 */
static bool qcow2_zone_exceeds(Qcow2Zone *zone, uint32_t nr_more)
{
    uint32_t max = zone->geometry.max_active_zones;

    return max && nr_more &&
           (zone->uncertain || zone->nr_durable_active + nr_more > max);
}

/* A zone that has given its active resource back, which the disk is to learn */
typedef struct ZoneRelease {
    uint32_t zone_idx;
    uint64_t word;
} ZoneRelease;

/* Adds those of a sector; one at least when the disk may have either word */
static void qcow2_zone_add_releases(Qcow2Zone *zone, uint32_t sector,
                                    GArray *releases)
{
    ZoneTable *table = zone_io_table(zone->io);
    uint32_t first = sector * QCOW2_ZONE_SECTOR_WORDS;
    guint nr_before = releases->len;
    ZoneRelease release;
    uint32_t i;

    for (i = first; i < qcow2_zone_sector_end(zone, sector); i++) {
        release.zone_idx = i;
        release.word = zone_table_word(table, i);
        if (qcow2_zone_word_is_active(zone, i, zone->durable[i]) &&
            !qcow2_zone_word_is_active(zone, i, release.word)) {
            g_array_append_val(releases, release);
        }
    }
    if (zone->uncertain && releases->len == nr_before) {
        release.zone_idx = first;
        release.word = zone->durable[first];
        g_array_append_val(releases, release);
    }
}

/*
 * All of them, in ascending order.  With the commit lock and the table's lock
 * held: together with what is active in the table now, the rest of what is
 * active on disk keeps to the limit.
 */
static GArray *qcow2_zone_find_releases(Qcow2Zone *zone)
{
    GArray *releases = g_array_new(false, false, sizeof(ZoneRelease));
    uint32_t sector;

    for (sector = find_first_bit(zone->dirty, zone->nr_sectors);
         sector < zone->nr_sectors;
         sector = find_next_bit(zone->dirty, zone->nr_sectors, sector + 1)) {
        qcow2_zone_add_releases(zone, sector, releases);
    }
    return releases;
}

/*
 * Moves the next dirty sectors, as the table has them, into the batch.  Returns
 * what has to be stored before it, or NULL.
 */
static GArray *qcow2_zone_stage(Qcow2Zone *zone, ZoneBatch *batch,
                                uint32_t *next_sector)
{
    ZoneTable *table = zone_io_table(zone->io);
    g_autoptr(GArray) releases = NULL;
    uint32_t sector = *next_sector;
    uint32_t nr_more = 0;
    uint64_t word;
    uint32_t i;

    batch->nr = 0;
    zone_io_lock(zone->io);
    if (qcow2_zone_exceeds(zone, zone_table_counts(table).active)) {
        releases = qcow2_zone_find_releases(zone);
    }
    while (zone->nr_dirty && batch->nr < QCOW2_ZONE_BATCH_SECTORS) {
        sector = find_next_bit(zone->dirty, zone->nr_sectors, sector);
        if (sector >= zone->nr_sectors) {
            break;
        }
        clear_bit(sector, zone->dirty);
        zone->nr_dirty--;
        memset(batch->buf + batch->nr * QCOW2_ZONE_SECTOR_BYTES, 0,
               QCOW2_ZONE_SECTOR_BYTES);
        for (i = sector * QCOW2_ZONE_SECTOR_WORDS;
             i < qcow2_zone_sector_end(zone, sector); i++) {
            word = zone_table_word(table, i);
            nr_more += qcow2_zone_word_takes(zone, i, word);
            stq_be_p(qcow2_zone_batch_word(batch, batch->nr, i), word);
        }
        batch->sector[batch->nr++] = sector++;
    }
    if (batch->nr) {
        qcow2_zone_count_commit(zone);
    }
    zone_io_unlock(zone->io);
    *next_sector = sector;
    return qcow2_zone_exceeds(zone, nr_more) ? g_steal_pointer(&releases)
                                             : NULL;
}

/* An action that has failed on the way: the table keeps the old words of all */
static void qcow2_zone_unstage_words(BlockDriverState *bs,
                                     const uint32_t *zone_idx, uint32_t nr)
{
    Qcow2Zone *zone = qcow2_zone(bs);
    uint32_t i;

    zone->uncertain = true;
    zone_io_lock(zone->io);
    for (i = 0; i < nr; i++) {
        qcow2_zone_mark_dirty(bs, zone_idx[i]);
    }
    zone_io_unlock(zone->io);
}

static void qcow2_zone_unstage(BlockDriverState *bs, const ZoneBatch *batch)
{
    Qcow2Zone *zone = qcow2_zone(bs);
    uint32_t i;

    zone->uncertain = true;
    zone_io_lock(zone->io);
    for (i = 0; i < batch->nr; i++) {
        qcow2_zone_mark_sector(bs, batch->sector[i]);
    }
    zone_io_unlock(zone->io);
}

static void qcow2_zone_batch_is_durable(Qcow2Zone *zone, ZoneBatch *batch)
{
    uint32_t i, slot;

    for (slot = 0; slot < batch->nr; slot++) {
        for (i = batch->sector[slot] * QCOW2_ZONE_SECTOR_WORDS;
             i < qcow2_zone_sector_end(zone, batch->sector[slot]); i++) {
            qcow2_zone_set_durable(zone, i, ldq_be_p(
                qcow2_zone_batch_word(batch, slot, i)));
        }
    }
}

int coroutine_fn
qcow2_zone_co_store(BlockDriverState *bs, uint64_t offset, uint64_t bytes,
                    const void *buf, BdrvRequestFlags flags)
{
    BDRVQcow2State *s = bs->opaque;
    int ret;

    qemu_co_mutex_lock(&s->lock);
    ret = qcow2_pre_write_overlap_check(bs, QCOW2_OL_ZONE_TABLE, offset, bytes,
                                        false);
    qemu_co_mutex_unlock(&s->lock);
    if (ret < 0) {
        return ret;
    }
    return bdrv_co_pwrite(bs->file, offset, bytes, buf, flags);
}

/* Sectors of the batch from first on that follow each other on disk */
static uint32_t qcow2_zone_batch_run(const ZoneBatch *batch, uint32_t first)
{
    uint32_t n = 1;

    while (first + n < batch->nr &&
           batch->sector[first + n] == batch->sector[first] + n) {
        n++;
    }
    return n;
}

/* Makes words durable that a batch has left in the caches below */
static int coroutine_fn GRAPH_RDLOCK
qcow2_zone_co_flush_words(BlockDriverState *bs)
{
    Qcow2Zone *zone = qcow2_zone(bs);
    int ret;

    if (!zone->words_cached) {
        return 0;
    }
    ret = bdrv_co_flush(bs->file->bs);
    if (ret >= 0) {
        zone->words_cached = false;
    }
    return ret;
}

/*
 * Writes the batch, durable on return: one run with FUA, several with one
 * flush behind them.  Neither when the caller flushes the image file next.
 */
static int coroutine_fn GRAPH_RDLOCK
qcow2_zone_co_commit_batch(BlockDriverState *bs, const ZoneBatch *batch,
                           bool flush_follows)
{
    Qcow2Zone *zone = qcow2_zone(bs);
    BdrvRequestFlags flags = 0;
    uint32_t slot, n;
    int ret;

    if (flush_follows || qcow2_zone_batch_run(batch, 0) < batch->nr) {
        zone->words_cached = true;
    } else {
        flags = BDRV_REQ_FUA;
    }
    for (slot = 0; slot < batch->nr; slot += n) {
        n = qcow2_zone_batch_run(batch, slot);
        ret = qcow2_zone_co_store(bs, zone->meta_offset +
                                  (uint64_t)batch->sector[slot] *
                                  QCOW2_ZONE_SECTOR_BYTES,
                                  n * QCOW2_ZONE_SECTOR_BYTES,
                                  batch->buf + slot * QCOW2_ZONE_SECTOR_BYTES,
                                  flags);
        if (ret < 0) {
            return ret;
        }
    }
    return flags || flush_follows ? 0 : qcow2_zone_co_flush_words(bs);
}

/* Data and the mapping to it: whatever a write pointer may point behind */
static int coroutine_fn GRAPH_RDLOCK
qcow2_zone_co_flush_data(BlockDriverState *bs)
{
    BDRVQcow2State *s = bs->opaque;
    int ret;

    if (has_data_file(bs)) {
        ret = bdrv_co_flush(s->data_file->bs);
        if (ret < 0) {
            return ret;
        }
    }
    qemu_co_mutex_lock(&s->lock);
    ret = qcow2_write_caches(bs);
    qemu_co_mutex_unlock(&s->lock);
    if (ret >= 0) {
        ret = bdrv_co_flush(bs->file->bs);
    }
    if (ret >= 0) {
        qcow2_zone(bs)->words_cached = false;
    }
    return ret;
}

/* Adds the sector of a zone, as it is on disk; zones come in ascending order */
static uint32_t qcow2_zone_batch_sector(Qcow2Zone *zone, ZoneBatch *batch,
                                        uint32_t zone_idx)
{
    uint32_t sector = qcow2_zone_sector(zone_idx);
    uint32_t slot = batch->nr;
    uint32_t i;

    if (slot && batch->sector[slot - 1] == sector) {
        return slot - 1;
    }
    memset(batch->buf + slot * QCOW2_ZONE_SECTOR_BYTES, 0,
           QCOW2_ZONE_SECTOR_BYTES);
    for (i = sector * QCOW2_ZONE_SECTOR_WORDS;
         i < qcow2_zone_sector_end(zone, sector); i++) {
        stq_be_p(qcow2_zone_batch_word(batch, slot, i), zone->durable[i]);
    }
    batch->sector[slot] = sector;
    batch->nr++;
    return slot;
}

/*
 * Stores words that give active resources back, all other words as they are on
 * disk.  The data below their write pointers has been flushed.  The sectors
 * stay dirty.
 */
static int coroutine_fn GRAPH_RDLOCK
qcow2_zone_co_commit_releases(BlockDriverState *bs, const GArray *releases)
{
    Qcow2Zone *zone = qcow2_zone(bs);
    ZoneBatch batch = { .buf = zone->release_batch };
    const ZoneRelease *release;
    uint32_t i = 0, slot;
    int ret = 0;

    while (i < releases->len && ret >= 0) {
        batch.nr = 0;
        while (i < releases->len && batch.nr < QCOW2_ZONE_BATCH_SECTORS) {
            release = &g_array_index(releases, ZoneRelease, i++);
            slot = qcow2_zone_batch_sector(zone, &batch, release->zone_idx);
            stq_be_p(qcow2_zone_batch_word(&batch, slot, release->zone_idx),
                     release->word);
        }
        ret = qcow2_zone_co_commit_batch(bs, &batch, false);
        trace_qcow2_zone_commit_releases(bs, batch.nr, ret);
        if (ret < 0) {
            qcow2_zone_unstage(bs, &batch);
        } else {
            qcow2_zone_batch_is_durable(zone, &batch);
        }
    }
    zone->uncertain = ret < 0;
    return ret;
}

/*
 * Stores the dirty sectors, with the commit lock held.
 *
 * 1. Their words are taken from the table: frontiers of writes that have
 *    completed, so all their data is in the caches below.
 * 2. Data and mapping are flushed.  A crash up to here leaves the old words,
 *    and more data than they cover, which the read clamp hides.
 * 3. If zones that become active might get to disk before those that they are
 *    active instead of, exceeding the image's limit, the latter go first.
 * 4. The sectors are written and flushed; with flush_follows, the caller
 *    flushes.  A crash in between leaves each zone with its old word or its
 *    new one; the data of both is there.
 *
 * After an error the sectors are dirty again, with whatever the table then
 * has.  Sectors that get dirty behind the cursor wait for the next commit.
 */
static int coroutine_fn GRAPH_RDLOCK
qcow2_zone_co_commit_locked(BlockDriverState *bs, bool flush_follows)
{
    Qcow2Zone *zone = qcow2_zone(bs);
    ZoneBatch batch = { .buf = zone->batch };
    uint32_t next_sector = 0;
    int ret;

    while (true) {
        g_autoptr(GArray) releases = qcow2_zone_stage(zone, &batch,
                                                      &next_sector);

        if (!batch.nr) {
            return 0;
        }
        ret = qcow2_zone_co_flush_data(bs);
        if (ret >= 0 && releases) {
            ret = qcow2_zone_co_commit_releases(bs, releases);
        }
        if (ret >= 0) {
            ret = qcow2_zone_co_commit_batch(bs, &batch, flush_follows);
        }
        trace_qcow2_zone_commit(bs, batch.nr, ret);
        if (ret < 0) {
            qcow2_zone_unstage(bs, &batch);
            return ret;
        }
        qcow2_zone_batch_is_durable(zone, &batch);
    }
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
        ret = qcow2_zone_co_commit_locked(bs, flush_follows);
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

/* True when the words have been written already */
static bool qcow2_zone_words_are_stored(Qcow2Zone *zone,
                                         const uint32_t *zone_idx,
                                         const uint64_t *words, uint32_t nr)
{
    bool durable = true;
    uint32_t i;

    zone_io_lock(zone->io);
    for (i = 0; i < nr && durable; i++) {
        durable = zone->durable[zone_idx[i]] == words[i] &&
                  !test_bit(qcow2_zone_sector(zone_idx[i]), zone->dirty);
    }
    zone_io_unlock(zone->io);
    return durable;
}

/* What has to be stored before the words, or NULL */
static GArray *qcow2_zone_releases_before(Qcow2Zone *zone,
                                          const uint32_t *zone_idx,
                                          const uint64_t *words, uint32_t nr)
{
    GArray *releases = NULL;
    uint32_t nr_more = 0;
    uint32_t i;

    for (i = 0; i < nr; i++) {
        nr_more += qcow2_zone_word_takes(zone, zone_idx[i], words[i]);
    }
    if (qcow2_zone_exceeds(zone, nr_more)) {
        zone_io_lock(zone->io);
        releases = qcow2_zone_find_releases(zone);
        zone_io_unlock(zone->io);
    }
    return releases;
}

/*
 * Stores given words of some zones; all others in their sectors stay as they
 * are on disk.
 *
 * 1. If asked for, data and mapping are flushed (Finish: the new word covers
 *    data that nobody has flushed yet).
 * 2. Words of other zones go first if the image might else have too many active
 *    zones, and before them the data that they cover; so do words that a Flush
 *    has written and not flushed yet.
 * 3. The sectors are written and flushed.  A crash leaves each zone with its
 *    old word or its new one.
 *
 * After an error the disk may have either, and the sectors are dirty, those of
 * batches that were stored before the error included: the next commit stores
 * what the table then has.
 */
int coroutine_fn
qcow2_zone_co_commit_words(BlockDriverState *bs, const uint32_t *zone_idx,
                           const uint64_t *words, uint32_t nr, bool data)
{
    Qcow2Zone *zone = qcow2_zone(bs);
    ZoneBatch batch = { .buf = zone->batch };
    g_autoptr(GArray) releases = NULL;
    uint32_t i, slot;
    int ret = 0;

    if (qcow2_zone_words_are_stored(zone, zone_idx, words, nr)) {
        return qcow2_zone_co_flush_words(bs);
    }
    releases = qcow2_zone_releases_before(zone, zone_idx, words, nr);
    if (data || releases) {
        ret = qcow2_zone_co_flush_data(bs);
    } else if (zone->geometry.max_active_zones) {
        ret = qcow2_zone_co_flush_words(bs);
    }
    if (ret >= 0 && releases) {
        ret = qcow2_zone_co_commit_releases(bs, releases);
    }
    for (i = 0; i < nr && ret >= 0;) {
        batch.nr = 0;
        do {
            slot = qcow2_zone_batch_sector(zone, &batch, zone_idx[i]);
            stq_be_p(qcow2_zone_batch_word(&batch, slot, zone_idx[i]),
                     words[i]);
            i++;
        } while (i < nr && (batch.nr < QCOW2_ZONE_BATCH_SECTORS ||
                            qcow2_zone_sector(zone_idx[i]) ==
                            batch.sector[batch.nr - 1]));
        ret = qcow2_zone_co_commit_batch(bs, &batch, false);
        trace_qcow2_zone_commit_words(bs, zone_idx[i - 1], batch.nr, ret);
        if (ret < 0) {
            qcow2_zone_unstage_words(bs, zone_idx, i);
        } else {
            qcow2_zone_batch_is_durable(zone, &batch);
        }
    }
    return ret;
}

static uint64_t qcow2_zone_zde_offset(Qcow2Zone *zone, uint32_t zone_idx)
{
    return zone->zde_offset +
           (uint64_t)zone_idx * zone->geometry.zd_extension_bytes;
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
    if (ret < 0) {
        return ret;
    }
    return qcow2_zone_co_store(bs, qcow2_zone_zde_offset(zone, zone_idx),
                               zone->geometry.zd_extension_bytes, zde,
                               BDRV_REQ_FUA);
}

int coroutine_fn
qcow2_zone_co_load_zde(BlockDriverState *bs, uint32_t zone_idx, void *zde)
{
    Qcow2Zone *zone = qcow2_zone(bs);

    return bdrv_co_pread(bs->file, qcow2_zone_zde_offset(zone, zone_idx),
                         zone->geometry.zd_extension_bytes, zde, 0);
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
    bitmap_zero(zone->dirty, zone->nr_sectors);
    zone->nr_dirty = 0;
    if (zone->commit_timer) {
        timer_del(zone->commit_timer);
    }
    for (i = 0; i < zone->geometry.nr_zones; i++) {
        if (zone->durable[i] != words[i]) {
            qcow2_zone_set_durable(zone, i, words[i]);
            qcow2_zone_mark_dirty(bs, i);
        }
    }
    zone_io_unlock(zone->io);
}

/*
 * 1. The words are read, and checked as they are when an image is opened.  An
 *    error up to here leaves all as it was.
 * 2. Dirty sectors are forgotten.
 *
 * Nothing is written, so nothing changes on disk whenever a crash comes.  The
 * metadata caches keep the mapping of what was written and not flushed: the
 * read clamp hides it, and later writes to the zone use it, as after a Reset.
 */
int coroutine_fn
qcow2_zone_co_power_cut(BlockDriverState *bs, uint64_t *words, Error **errp)
{
    Qcow2Zone *zone = qcow2_zone(bs);
    ZoneTable *table;
    int ret;

    ret = qcow2_zone_co_load_words(bs, words);
    if (ret < 0) {
        error_setg_errno(errp, -ret, "Could not read the zone words");
        return ret;
    }
    table = qcow2_zone_decode_words(&zone->geometry, words, zone->meta_offset,
                                    false, errp);
    if (!table) {
        return -EINVAL;
    }
    zone_table_free(table);
    qcow2_zone_reload(bs, words);
    return 0;
}

int qcow2_zone_commit_init(BlockDriverState *bs, Error **errp)
{
    Qcow2Zone *zone = qcow2_zone(bs);
    uint32_t i;

    zone->nr_sectors = DIV_ROUND_UP(zone->geometry.nr_zones,
                                    QCOW2_ZONE_SECTOR_WORDS);
    zone->dirty = bitmap_new(zone->nr_sectors);
    zone->batch = qemu_try_blockalign(bs->file->bs,
                                      QCOW2_ZONE_BATCH_SECTORS *
                                      QCOW2_ZONE_SECTOR_BYTES);
    if (!zone->batch) {
        error_setg(errp, "Could not allocate the zone commit buffer");
        return -ENOMEM;
    }
    for (i = 0; i < zone->geometry.nr_zones; i++) {
        zone->nr_durable_active +=
            qcow2_zone_word_is_active(zone, i, zone->durable[i]);
    }
    if (zone->geometry.max_active_zones) {
        zone->release_batch = qemu_try_blockalign(bs->file->bs,
                                                  QCOW2_ZONE_BATCH_SECTORS *
                                                  QCOW2_ZONE_SECTOR_BYTES);
        if (!zone->release_batch) {
            error_setg(errp, "Could not allocate the zone release buffer");
            return -ENOMEM;
        }
    }
    qcow2_zone_commit_timer_init(bs, bdrv_get_aio_context(bs));
    return 0;
}

void qcow2_zone_commit_cleanup(BlockDriverState *bs)
{
    Qcow2Zone *zone = qcow2_zone(bs);

    qcow2_zone_commit_timer_stop(bs);
    qemu_vfree(zone->batch);
    qemu_vfree(zone->release_batch);
    g_free(zone->dirty);
}

typedef struct ZoneCommitCo {
    BlockDriverState *bs;
    int ret;
    bool done;
} ZoneCommitCo;

static void coroutine_fn qcow2_zone_inactivate_entry(void *opaque)
{
    ZoneCommitCo *co = opaque;

    GRAPH_RDLOCK_GUARD();
    co->ret = qcow2_zone_co_commit(co->bs, false);
    co->done = true;
    aio_wait_kick();
}

int qcow2_zone_inactivate(BlockDriverState *bs)
{
    Qcow2Zone *zone = qcow2_zone(bs);
    ZoneCommitCo co = { .bs = bs };

    if (!zone || !zone->io || bdrv_is_read_only(bs)) {
        return 0;
    }
    if (qemu_in_coroutine()) {
        return qcow2_zone_co_commit(bs, false);
    }
    aio_co_enter(bdrv_get_aio_context(bs),
                 qemu_coroutine_create(qcow2_zone_inactivate_entry, &co));
    BDRV_POLL_WHILE(bs, !co.done);
    return co.ret;
}
