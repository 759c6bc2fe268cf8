/*
 * Zoned qcow2 images: records, for one flush in place of two
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * docs/devel/zone-store.rst, "Records", has the proof.  With a ring that is not
 * empty the words on disk (in their places) are older than the durable ones,
 * which zone->durable has; zone->ring.behind tells where.
 */

#include "qemu/osdep.h"
#include "qemu/bitmap.h"
#include "qemu/memalign.h"
#include "qapi/error.h"
#include "block/zone/qcow2/internal.h"
#include "block/zone/trace.h"

/* Records that a reader needs before words are put in their places */
#define QCOW2_ZONE_RING_HALF    (QCOW2_ZONE_RING_RECORDS / 2)

/* An encrypted image would tell of its data; two files are two flushes */
static bool has_ring(BlockDriverState *bs, const Qcow2ZoneLayout *layout)
{
    BDRVQcow2State *s = bs->opaque;

    return layout->ring_offset && !s->crypto && !s->crypt_method_header &&
           !has_data_file(bs);
}

bool qcow2_zone_can_record(BlockDriverState *bs)
{
    BDRVQcow2State *s = bs->opaque;

    return s->zone->ring.sums && s->zone->ring.offset &&
           s->zone_options.record_bytes;
}

/* Life *******************************************************************/

void qcow2_zone_ring_init(BlockDriverState *bs)
{
    Qcow2Zone *zone = qcow2_zone(bs);
    Qcow2ZoneLayout layout;

    qcow2_zone_get_layout(zone, &layout);
    qcow2_zone_ring_reset(zone);
    if (has_ring(bs, &layout)) {
        zone->ring.sums = g_new(ZoneSum, QCOW2_ZONE_MAX_SUMS);
    }
}

void qcow2_zone_ring_cleanup(Qcow2Zone *zone)
{
    g_free(zone->ring.behind);
    g_free(zone->ring.sums);
}

void qcow2_zone_ring_reset(Qcow2Zone *zone)
{
    ZoneRing *ring = &zone->ring;

    g_free(ring->behind);
    ring->behind = bitmap_new(zone->nr_sectors);
    ring->seq = 0;
    ring->first = 1;
    ring->in_use = false;
    ring->broken = false;
    ring->unflushed = false;
    ring->unsettled = false;
    ring->nr_sums = 0;
}

/* With data and mapping: the generations tell whether all has been flushed */
void qcow2_zone_ring_written(BlockDriverState *bs)
{
    ZoneRing *ring = &qcow2_zone(bs)->ring;

    ring->unflushed = true;
    ring->write_gen = qatomic_read(&bs->file->bs->write_gen);
}

bool qcow2_zone_ring_is_unflushed(BlockDriverState *bs)
{
    ZoneRing *ring = &qcow2_zone(bs)->ring;
    unsigned int flushed_gen = qatomic_read(&bs->file->bs->flushed_gen);

    if (ring->unflushed && (int)(flushed_gen - ring->write_gen) >= 0) {
        ring->unflushed = false;
    }
    return ring->unflushed;
}

static void mark_behind(Qcow2Zone *zone, const Qcow2ZoneRecord *record)
{
    uint32_t i;

    for (i = 0; i < record->nr; i++) {
        set_bit(qcow2_zone_sector(record->changes[i].zone_idx),
                zone->ring.behind);
    }
}

/* Another process may have died before it has flushed what is there */
void qcow2_zone_ring_take(BlockDriverState *bs, const Qcow2ZoneRing *found)
{
    Qcow2Zone *zone = qcow2_zone(bs);
    const Qcow2ZoneRecord *newest = qcow2_zone_ring_newest(found);
    uint32_t i;

    qcow2_zone_ring_reset(zone);
    if (!newest) {
        return;
    }
    zone->ring.seq = newest->seq;
    zone->ring.first = newest->first;
    zone->ring.in_use = !qcow2_zone_ring_is_empty(found);
    zone->ring.broken = zone->ring.in_use;
    zone->ring.unsettled = zone->ring.in_use;
    for (i = 0; i < found->nr; i++) {
        mark_behind(zone, &found->records[i]);
    }
    if (zone->ring.in_use) {
        qatomic_inc(&bs->file->bs->write_gen);
        qcow2_zone_ring_written(bs);
    }
}

/* What a reader makes of it **********************************************/

/*
 * A part of the data, *bytes of it at most.  Returns 1; 0 where there is none,
 * as a record's is in clusters of the image, and not compressed; or an error.
 */
static int coroutine_fn GRAPH_RDLOCK
read_part(BlockDriverState *bs, uint64_t offset, unsigned int *bytes, void *buf)
{
    BDRVQcow2State *s = bs->opaque;
    QCow2SubclusterType type;
    uint64_t host_offset;
    int ret = qcow2_get_host_offset(bs, offset, bytes, &host_offset, &type);

    if (ret < 0 || !bs->drv) {
        return MIN(ret, -EIO); /* maybe found to be corrupt just now */
    }
    switch (type) {
    case QCOW2_SUBCLUSTER_NORMAL:
        ret = bdrv_co_pread(s->data_file, host_offset, *bytes, buf, 0);
        return MIN(ret, 0) ?: 1;
    case QCOW2_SUBCLUSTER_UNALLOCATED_PLAIN:
    case QCOW2_SUBCLUSTER_UNALLOCATED_ALLOC:
        if (s->image_backing_file) {
            return 0;
        }
        /* fall through */
    case QCOW2_SUBCLUSTER_ZERO_PLAIN:
    case QCOW2_SUBCLUSTER_ZERO_ALLOC:
        memset(buf, 0, *bytes);
        return 1;
    default:
        return 0;
    }
}

/* Past the zones, which the node may not have yet */
static int coroutine_fn GRAPH_RDLOCK
read_data(BlockDriverState *bs, uint64_t offset, uint64_t bytes, uint8_t *buf)
{
    unsigned int n;
    int ret = 1;

    for (; bytes && ret > 0; offset += n, buf += n, bytes -= n) {
        n = bytes;
        ret = read_part(bs, offset, &n, buf);
    }
    return ret;
}

/* 1: its data is there; 0: its epoch was interrupted */
static int coroutine_fn GRAPH_RDLOCK
check_data(BlockDriverState *bs, const Qcow2ZoneRecord *record)
{
    QEMU_AUTO_VFREE void *buf = NULL;
    int ret = 1;
    uint32_t i;

    buf = qemu_try_blockalign(bs->file->bs, QCOW2_ZONE_MAX_RECORD_DATA);
    if (!buf) {
        return -ENOMEM;
    }
    for (i = 0; i < record->nr && ret > 0; i++) {
        const Qcow2ZoneChange *change = &record->changes[i];
        uint64_t bytes = qcow2_zone_change_bytes(change);

        ret = read_data(bs, zone_word_wp_bytes(change->old_word), bytes, buf);
        if (ret > 0) {
            ret = qcow2_zone_checksum(0, buf, bytes) == change->checksum;
        }
    }
    return ret;
}

static int coroutine_fn GRAPH_RDLOCK
load_ring(BlockDriverState *bs, const Qcow2ZoneLayout *layout,
          Qcow2ZoneRing *ring, Error **errp)
{
    QEMU_AUTO_VFREE uint8_t *buf = NULL;
    int ret = -ENOMEM;

    buf = qemu_try_blockalign(bs->file->bs, QCOW2_ZONE_RING_BYTES);
    if (buf) {
        ret = bdrv_co_pread(bs->file, layout->ring_offset,
                            QCOW2_ZONE_RING_BYTES, buf, 0);
    }
    if (ret < 0) {
        error_setg_errno(errp, -ret, "Could not read the zone records");
        return ret;
    }
    return qcow2_zone_decode_ring(&layout->geometry, buf, ring, errp)
        ? 0 : -EINVAL;
}

int coroutine_fn
qcow2_zone_co_replay(BlockDriverState *bs, const Qcow2ZoneLayout *layout,
                     uint64_t *words, Qcow2ZoneRing *ring, Error **errp)
{
    const Qcow2ZoneRecord *newest;
    int ret = 0;

    ring->nr = 0;
    ring->newest_seq = 0;
    if (has_ring(bs, layout)) {
        ret = load_ring(bs, layout, ring, errp);
    }
    newest = qcow2_zone_ring_newest(ring);
    if (ret < 0 || !newest) {
        return ret;
    }
    if (!qcow2_zone_replay_before(ring, words, errp)) {
        return -EINVAL;
    }
    ret = check_data(bs, newest);
    trace_qcow2_zone_replay(bs, newest->seq, newest->first, ret);
    if (ret < 0) {
        error_setg_errno(errp, -ret, "Could not read the data of zone record %"
                         PRIu64, newest->seq);
        return ret;
    }
    if (ret) {
        qcow2_zone_replay_record(newest, words);
    }
    return 0;
}

int coroutine_fn
qcow2_zone_co_load_all(BlockDriverState *bs, const Qcow2ZoneLayout *layout,
                       uint64_t *words, bool torn, Qcow2ZoneRing *ring,
                       Error **errp)
{
    Error *local_err = NULL;
    int ret = qcow2_zone_co_load_words(bs, layout, words);

    if (ret < 0) {
        error_setg_errno(errp, -ret, "Could not read the zone words");
        return ret;
    }
    ret = qcow2_zone_co_replay(bs, layout, words, ring, &local_err);
    if (ret == -EINVAL && torn) {
        error_free(local_err);
        ring->nr = 0;
        return qcow2_zone_co_load_words(bs, layout, words);
    }
    if (ret == -EINVAL) {
        error_append_hint(&local_err, "'qemu-img check -r all' repairs the "
                          "image.\n");
    }
    error_propagate(errp, local_err);
    return ret;
}

/* Words in their places **************************************************/

int coroutine_fn
qcow2_zone_co_write_behind(BlockDriverState *bs)
{
    Qcow2Zone *zone = qcow2_zone(bs);
    ZoneSectors sectors = { .buf = zone->release_batch };
    uint32_t sector = find_first_bit(zone->ring.behind, zone->nr_sectors);
    int ret = 0;

    while (sector < zone->nr_sectors && ret >= 0) {
        sectors.nr = 0;
        while (sector < zone->nr_sectors &&
               qcow2_zone_sectors_add(zone, &sectors, sector)) {
            sector = find_next_bit(zone->ring.behind, zone->nr_sectors,
                                   sector + 1);
        }
        zone->words_cached = true;
        ret = qcow2_zone_co_write_sectors(bs, &sectors, 0);
    }
    return ret;
}

static uint64_t slot_offset(uint64_t ring_offset, uint64_t seq)
{
    return ring_offset + qcow2_zone_record_slot(seq) * QCOW2_ZONE_RECORD_BYTES;
}

static int coroutine_fn GRAPH_RDLOCK
store_record(BlockDriverState *bs, const Qcow2ZoneRecord *record,
             BdrvRequestFlags flags)
{
    QEMU_AUTO_VFREE uint8_t *buf = NULL;

    if (record->seq > QCOW2_ZONE_MAX_SEQ) {
        return -EOVERFLOW;
    }
    buf = qemu_try_blockalign(bs->file->bs, QCOW2_ZONE_RECORD_BYTES);
    if (!buf) {
        return -ENOMEM;
    }
    qcow2_zone_encode_record(record, buf);
    return qcow2_zone_co_store(bs, slot_offset(qcow2_zone(bs)->ring.offset,
                                               record->seq),
                               QCOW2_ZONE_RECORD_BYTES, buf, flags);
}

int coroutine_fn
qcow2_zone_co_repair_ring(BlockDriverState *bs, const Qcow2ZoneLayout *layout,
                          uint64_t seq)
{
    Qcow2ZoneRecord record = { .seq = seq, .first = seq };
    uint8_t buf[QCOW2_ZONE_RECORD_BYTES];

    if (seq > QCOW2_ZONE_MAX_SEQ) {
        return -EOVERFLOW;
    }
    qcow2_zone_encode_record(&record, buf);
    return bdrv_co_pwrite(bs->file, slot_offset(layout->ring_offset, seq),
                          sizeof(buf), buf, BDRV_REQ_FUA);
}

int coroutine_fn
qcow2_zone_co_end_ring(BlockDriverState *bs)
{
    Qcow2Zone *zone = qcow2_zone(bs);
    ZoneRing *ring = &zone->ring;
    Qcow2ZoneRecord record = { .seq = ring->seq + 1, .first = ring->seq + 1 };
    int ret = store_record(bs, &record, BDRV_REQ_FUA);

    trace_qcow2_zone_end_ring(bs, ring->seq + 1, ret);
    if (ret < 0) {
        ring->broken = true; /* it may be there */
        return ret;
    }
    ring->seq++;
    ring->first = ring->seq + 1;
    ring->in_use = false;
    ring->broken = false;
    bitmap_zero(ring->behind, zone->nr_sectors);
    zone_io_lock(zone->io);
    ring->unsettled = false;
    zone_io_unlock(zone->io);
    return 0;
}

/* Data that is changed ***************************************************/

bool qcow2_zone_wants_settle(BlockDriverState *bs, uint32_t zone_idx)
{
    Qcow2Zone *zone = qcow2_zone(bs);

    if (zone_idx < zone->geometry.conventional_zones) {
        return false;
    }
    qcow2_zone_forget_sums(zone, zone_idx);
    return zone->ring.unsettled;
}

int coroutine_fn qcow2_zone_co_settle(BlockDriverState *bs)
{
    Qcow2Zone *zone = qcow2_zone(bs);
    int ret;

    if (qatomic_read(&zone->stopped)) {
        return -ENOMEDIUM;
    }
    zone_io_co_commit_lock(zone->io);
    ret = qcow2_zone_co_empty_ring(bs);
    zone_io_co_commit_unlock(zone->io);
    return ret;
}

/* A commit ***************************************************************/

/* Adds the words of a dirty sector that are not durable; false: no room */
static bool stage_sector(Qcow2Zone *zone, uint32_t sector,
                         Qcow2ZoneRecord *record)
{
    ZoneTable *table = zone_io_table(zone->io);
    Qcow2ZoneChange *change;
    uint64_t word;
    uint32_t i;

    for (i = sector * QCOW2_ZONE_SECTOR_WORDS;
         i < qcow2_zone_sector_end(zone, sector); i++) {
        word = zone_table_word(table, i);
        if (word == zone->durable[i]) {
            continue;
        }
        if (record->nr == QCOW2_ZONE_RECORD_ZONES) {
            return false;
        }
        change = &record->changes[record->nr++];
        *change = (Qcow2ZoneChange) {
            .zone_idx = i, .old_word = zone->durable[i], .new_word = word,
        };
        if (zone_word_wp_bytes(change->old_word) >
            zone_word_wp_bytes(change->new_word) ||
            !qcow2_zone_sum_change(zone, change)) {
            return false;
        }
    }
    return true;
}

/* All that is dirty, or nothing */
static bool stage_changes(Qcow2Zone *zone, uint64_t max_bytes,
                          Qcow2ZoneRecord *record)
{
    uint32_t sector = find_first_bit(zone->dirty, zone->nr_sectors);
    uint64_t bytes = 0;
    uint32_t i;

    for (; sector < zone->nr_sectors;
         sector = find_next_bit(zone->dirty, zone->nr_sectors, sector + 1)) {
        if (!stage_sector(zone, sector, record)) {
            return false;
        }
    }
    for (i = 0; i < record->nr; i++) {
        bytes += qcow2_zone_change_bytes(&record->changes[i]);
    }
    return record->nr && bytes <= max_bytes;
}

/*
 * From here on what the record has checksums of must stay as it is, though
 * nobody knows what becomes of the record.
 */
static bool stage_record(BlockDriverState *bs, Qcow2ZoneRecord *record)
{
    BDRVQcow2State *s = bs->opaque;
    Qcow2Zone *zone = s->zone;
    bool staged;

    zone_io_lock(zone->io);
    staged = zone->nr_dirty && zone->nr_dirty <= QCOW2_ZONE_RECORD_ZONES &&
             stage_changes(zone, s->zone_options.record_bytes, record);
    if (staged) {
        bitmap_zero(zone->dirty, zone->nr_sectors);
        zone->nr_dirty = 0;
        zone->ring.unsettled = true;
        qcow2_zone_count_commit(zone);
    }
    zone_io_unlock(zone->io);
    return staged;
}

static int coroutine_fn GRAPH_RDLOCK
write_record(BlockDriverState *bs, const Qcow2ZoneRecord *record, bool half,
             bool flush_follows)
{
    BDRVQcow2State *s = bs->opaque;
    int ret = qcow2_zone_co_flush_words(bs);

    if (ret >= 0 && half) {
        ret = qcow2_zone_co_write_behind(bs);
    }
    if (ret >= 0) {
        ret = store_record(bs, record, 0);
    }
    if (ret >= 0) {
        /* now: a flush in between would be taken for the one that counts */
        qemu_co_mutex_lock(&s->lock);
        ret = qcow2_write_caches(bs);
        qemu_co_mutex_unlock(&s->lock);
    }
    return ret < 0 || flush_follows ? ret : bdrv_co_flush(bs->file->bs);
}

/* Or will be, before anybody relies on it */
static void record_is_durable(BlockDriverState *bs,
                              const Qcow2ZoneRecord *record, bool half)
{
    Qcow2Zone *zone = qcow2_zone(bs);
    uint32_t i;

    zone->words_cached = false;
    qcow2_zone_ring_written(bs);
    if (half) {
        zone->ring.first = record->seq;
        bitmap_zero(zone->ring.behind, zone->nr_sectors);
    }
    mark_behind(zone, record);
    for (i = 0; i < record->nr; i++) {
        qcow2_zone_set_durable(zone, record->changes[i].zone_idx,
                               record->changes[i].new_word);
    }
    zone_io_lock(zone->io);
    qcow2_zone_trim_sums(zone);
    zone_io_unlock(zone->io);
}

static void record_failed(BlockDriverState *bs, const Qcow2ZoneRecord *record)
{
    Qcow2Zone *zone = qcow2_zone(bs);
    uint32_t i;

    zone->ring.broken = true;
    zone_io_lock(zone->io);
    for (i = 0; i < record->nr; i++) {
        qcow2_zone_mark_dirty(bs, record->changes[i].zone_idx);
    }
    zone_io_unlock(zone->io);
}

/*
 * With the commit lock held.
 *
 * 1. Words and records of before that are in the caches below are flushed: all
 *    that the record relies on is durable.
 * 2. Where the ring is half full, words of earlier records are put in their
 *    places; the record is written, then the mapping.  A crash leaves any of
 *    it, and of the data: the record counts if its data is there.
 * 3. The image file is flushed, once for data, mapping and record.  For a Flush
 *    the block layer does so (flush_follows).
 *
 * After an error the disk may have the record, and the sectors are dirty.
 * Where the block layer's flush fails, the next one makes up for it.
 */
int coroutine_fn
qcow2_zone_co_record(BlockDriverState *bs, bool flush_follows)
{
    Qcow2Zone *zone = qcow2_zone(bs);
    ZoneRing *ring = &zone->ring;
    Qcow2ZoneRecord record = { .seq = ring->seq + 1 };
    bool half = record.seq - ring->first >= QCOW2_ZONE_RING_HALF;
    int ret;

    if (!qcow2_zone_can_record(bs) || ring->broken || zone->suspect ||
        record.seq >= QCOW2_ZONE_MAX_SEQ || !stage_record(bs, &record)) {
        return 0;
    }
    record.first = ring->in_use ? ring->first : record.seq;
    ring->first = record.first;
    ring->in_use = true;
    ring->seq = record.seq;
    ret = write_record(bs, &record, half, flush_follows);
    trace_qcow2_zone_record(bs, record.seq, record.nr, ret);
    if (ret < 0) {
        record_failed(bs, &record);
        return ret;
    }
    record_is_durable(bs, &record, half);
    return 1;
}
