/*
 * Zoned qcow2 images: shared by the files of block/zone only
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef BLOCK_QCOW2_ZONE_INT_H
#define BLOCK_QCOW2_ZONE_INT_H

#include "block/block_int.h"
#include "block/block-io.h"
#include "block/qcow2.h"
#include "block/zone-io.h"
#include "block/zone/qcow2/decode.h"
#include "block/zone/qcow2/record.h"

/* Words are written, and torn, in units of this */
#define QCOW2_ZONE_SECTOR_BYTES     512
#define QCOW2_ZONE_SECTOR_WORDS     (QCOW2_ZONE_SECTOR_BYTES / 8)
/* Sectors of one step of a commit */
#define QCOW2_ZONE_BATCH_SECTORS    128
/*
 * A hole at most: file systems let nobody else at the file meanwhile, and a
 * drain waits for one.  Longer ones take no less time in all.
 */
#define QCOW2_ZONE_HOLE_BYTES       (2 * MiB)

/* Sectors of words, in ascending order, as they are to be on disk */
typedef struct ZoneSectors {
    uint32_t sector[QCOW2_ZONE_BATCH_SECTORS];
    uint32_t nr;
    uint8_t *buf;
} ZoneSectors;

/* What the word of a zone is to become on disk */
typedef struct ZoneNewWord {
    uint32_t zone_idx;
    uint64_t word;
} ZoneNewWord;

/*
 * What one step of a commit or of an action does, in phases.  Each is durable
 * before the next begins; what is not there is not done.
 */
typedef struct ZonePlan {
    bool data;                  /* 1: data and mapping are flushed */
    /* 2: words that have to go before the others; ZoneNewWord, as in words */
    GArray *releases;
    ZoneSectors *sectors;       /* 3: sectors as they are, or */
    GArray *words;              /*    words, with what is durable beside them */
    bool flush_follows;         /* 3 becomes durable by the caller's flush */
} ZonePlan;

typedef struct Qcow2ZoneExtents Qcow2ZoneExtents;

/* Checksums that are remembered */
#define QCOW2_ZONE_MAX_SUMS         256
/* In place of a zone */
#define QCOW2_ZONE_ALL              UINT32_MAX

/* A range that has been written, above the durable word, and its checksum */
typedef struct ZoneSum {
    uint64_t start_bytes;
    uint64_t end_bytes;
    uint32_t zone_idx;
    uint32_t checksum;
} ZoneSum;

/* Records: ring.c; with the commit lock, but for what says otherwise */
typedef struct ZoneRing {
    uint64_t offset;            /* in the image file; 0: there is none */
    uint64_t seq;               /* of the newest that the disk may have */
    uint64_t first;             /* the oldest that the next one needs */
    /* not empty: words are stored in their places when it is */
    bool in_use;
    /*
     * what the disk has of it is not certain: it becomes empty before anything
     * is recorded
     */
    bool broken;
    /*
     * the newest has been written with its data, and becomes durable by the
     * caller's flush
     */
    bool unflushed;
    unsigned int write_gen;     /* ... of the image file, up to this one */
    /* sectors where the disk has older words than durable says */
    unsigned long *behind;
    /* there may be a record whose data has to stay as it is; table's lock */
    bool unsettled;
    ZoneSum *sums;              /* NULL: nothing is recorded; table's lock */
    uint32_t nr_sums;           /* the same */
} ZoneRing;

struct Qcow2Zone {
    ZoneGeometry geometry;
    uint8_t version;            /* of the layout */
    uint8_t flags;              /* QCOW2_ZONE_FLAG_* */
    uint64_t meta_offset;       /* of the region in the image file */
    uint64_t meta_bytes;        /* words, extensions, ring */
    uint64_t zde_offset;        /* of the extensions in the image file */

    /* of the node; NULL while an image is only checked or described */
    ZoneIO *io;
    /* the words on disk, the ring included; commit lock */
    uint64_t *durable;
    uint32_t nr_durable_active; /* how many of them are active; commit lock */
    /*
     * a write of words has failed: in dirty sectors the disk may have others;
     * commit lock
     */
    bool uncertain;
    bool suspect;               /* the same, until all of them are stored */
    ZoneRing ring;
    unsigned long *dirty;       /* sectors of words to store; table's lock */
    uint32_t nr_sectors;
    uint32_t nr_dirty;          /* bits set in dirty; table's lock */

    /* Commits asked for, and the newest that is done; table's lock */
    uint64_t commit_requested;
    uint64_t commit_done;
    uint8_t *batch;             /* commit lock */
    uint8_t *release_batch;     /* the same */
    /* some have been written but not flushed; commit lock */
    bool words_cached;

    /* What the next header brings along with another length; commit lock */
    const Qcow2ZoneLayout *next_layout;
    /*
     * What the header on disk may say, as a write of it has failed; NULL: what
     * is above; commit lock
     */
    Qcow2ZoneLayout *maybe_layout;
    QEMUTimer *commit_timer;

    /* How much is written between two commits, lately; table's lock */
    uint64_t recent_bytes;
    uint32_t recent_commits;
    /* the node is unusable: commit nothing more; table's lock */
    bool stopped;
    Qcow2ZoneExtents *extents;  /* NULL: none will be known */
};

extern const ZoneStoreOps qcow2_zone_store_ops;

/*
 * Validates the header extension (ours or, to refuse it, the draft's), and sets
 * s->zone when there is one.
 */
int coroutine_fn GRAPH_RDLOCK
qcow2_zone_co_load_extension(BlockDriverState *bs, Error **errp);

static inline Qcow2Zone *qcow2_zone(BlockDriverState *bs)
{
    BDRVQcow2State *s = bs->opaque;

    return s->zone;
}

/* The commit's part of the state: after the words are loaded */
int GRAPH_RDLOCK qcow2_zone_commit_init(BlockDriverState *bs, Error **errp);
void qcow2_zone_commit_cleanup(BlockDriverState *bs);
/* The timer starts at once if there is something to commit */
void qcow2_zone_commit_timer_init(BlockDriverState *bs, AioContext *context);
void qcow2_zone_commit_timer_stop(BlockDriverState *bs);
/* With the table's lock held */
void qcow2_zone_commit_timer_start(BlockDriverState *bs);

/* All that has completed is durable, and the ring is empty */
int coroutine_mixed_fn GRAPH_RDLOCK qcow2_zone_sync(BlockDriverState *bs);

/* ZoneStoreOps of the commit */
int coroutine_fn GRAPH_RDLOCK
qcow2_zone_co_commit_words(BlockDriverState *bs, const uint32_t *zone_idx,
                           const uint64_t *words, uint32_t nr, bool data);
int coroutine_fn GRAPH_RDLOCK
qcow2_zone_co_store_zde(BlockDriverState *bs, uint32_t zone_idx,
                        const void *zde);
int coroutine_fn GRAPH_RDLOCK
qcow2_zone_co_load_zde(BlockDriverState *bs, uint32_t zone_idx, void *zde);
int coroutine_fn GRAPH_RDLOCK
qcow2_zone_co_power_cut(BlockDriverState *bs, uint64_t *words, Error **errp);
void qcow2_zone_mark_dirty(BlockDriverState *bs, uint32_t zone_idx);

/* ZoneStoreOps of an import: import.c */
int coroutine_fn GRAPH_RDLOCK
qcow2_zone_co_import_begin(BlockDriverState *bs, bool empty, Error **errp);
int coroutine_fn GRAPH_RDLOCK
qcow2_zone_co_import_adopt(BlockDriverState *bs, const uint64_t *words,
                           BlockDriverState *from, Error **errp);
int coroutine_fn GRAPH_RDLOCK
qcow2_zone_co_import_extensions(BlockDriverState *bs, const uint64_t *words,
                                BlockDriverState *from);
/*
 * False, with an error, when the image is not finished, unless it is opened to
 * be described or in spite of that
 */
bool qcow2_zone_check_finished(BlockDriverState *bs, int flags, Error **errp);

/* How words get to disk: plan.c; with the commit lock held ****************/

int coroutine_fn GRAPH_RDLOCK
qcow2_zone_co_run(BlockDriverState *bs, const ZonePlan *plan);
/* Data and the mapping to it: whatever a write pointer may point behind */
int coroutine_fn GRAPH_RDLOCK qcow2_zone_co_flush_data(BlockDriverState *bs);
/* Makes words and records durable that a Flush has left in the caches below */
int coroutine_fn GRAPH_RDLOCK qcow2_zone_co_flush_words(BlockDriverState *bs);
/*
 * A write of these sectors, or of the first nr_words words, has failed: the
 * disk may have the old ones or the new ones.
 */
void qcow2_zone_redirty(BlockDriverState *bs, const ZoneSectors *sectors,
                        const GArray *words, guint nr_words);

/* Records: ring.c, sums.c ************************************************/

/* May the node record anything? */
bool qcow2_zone_can_record(BlockDriverState *bs);
/* With the number of sectors known */
void qcow2_zone_ring_init(BlockDriverState *bs);
void qcow2_zone_ring_cleanup(Qcow2Zone *zone);
/* The region is another one, whose ring is empty */
void qcow2_zone_ring_reset(Qcow2Zone *zone);
/* What has been found in the one of the node */
void GRAPH_RDLOCK
qcow2_zone_ring_take(BlockDriverState *bs, const Qcow2ZoneRing *found);

/*
 * Puts what the ring of a region says in the place of words, and into ring what
 * is there.  -EINVAL, with an error, where it is damaged.  With s->lock held.
 */
int coroutine_fn GRAPH_RDLOCK
qcow2_zone_co_replay(BlockDriverState *bs, const Qcow2ZoneLayout *layout,
                     uint64_t *words, Qcow2ZoneRing *ring, Error **errp);
/*
 * The words of a region, as its ring says.  Where another process may be
 * writing both (torn), a ring that does not fit is left out.  With s->lock
 * held.
 */
int coroutine_fn GRAPH_RDLOCK
qcow2_zone_co_load_all(BlockDriverState *bs, const Qcow2ZoneLayout *layout,
                       uint64_t *words, bool torn, Qcow2ZoneRing *ring,
                       Error **errp);
/* Makes the ring empty in an image that is being checked; durable on return */
int coroutine_fn GRAPH_RDLOCK
qcow2_zone_co_repair_ring(BlockDriverState *bs, const Qcow2ZoneLayout *layout,
                          uint64_t seq);

/*
 * All of these with the commit lock held.  The first stores all that is dirty
 * by a record: 1 if it has, 0 if it cannot be done, or an error.
 */
int coroutine_fn GRAPH_RDLOCK
qcow2_zone_co_record(BlockDriverState *bs, bool flush_follows);
/* The newest record has been written */
void GRAPH_RDLOCK qcow2_zone_ring_written(BlockDriverState *bs);
/* Does it wait for a flush? */
bool GRAPH_RDLOCK qcow2_zone_ring_is_unflushed(BlockDriverState *bs);
/* Puts words of records in their places; a flush has to follow */
int coroutine_fn GRAPH_RDLOCK qcow2_zone_co_write_behind(BlockDriverState *bs);
/* ... which it has: the ring is empty, durably */
int coroutine_fn GRAPH_RDLOCK qcow2_zone_co_end_ring(BlockDriverState *bs);
/* All of it: plan.c */
int coroutine_fn GRAPH_RDLOCK qcow2_zone_co_empty_ring(BlockDriverState *bs);

/* ZoneStoreOps of records */
bool qcow2_zone_wants_settle(BlockDriverState *bs, uint32_t zone_idx);
int coroutine_fn GRAPH_RDLOCK qcow2_zone_co_settle(BlockDriverState *bs);
bool qcow2_zone_wants_sum(BlockDriverState *bs, const ZoneWrite *write,
                          bool fua);
void qcow2_zone_add_sum(BlockDriverState *bs, const ZoneWrite *write,
                        const void *buf);

/* With the table's lock held: of one zone, or QCOW2_ZONE_ALL */
void qcow2_zone_forget_sums(Qcow2Zone *zone, uint32_t zone_idx);
/* ... those below durable words; with the commit lock as well */
void qcow2_zone_trim_sums(Qcow2Zone *zone);
/* Fills in the checksum; false where it is not known.  With the table's lock */
bool qcow2_zone_sum_change(Qcow2Zone *zone, Qcow2ZoneChange *change);

/* The limit of active zones on disk: limit.c; with the commit lock held ****/

/* Would the word be one more active one on disk? */
bool qcow2_zone_word_takes(Qcow2Zone *zone, uint32_t zone_idx, uint64_t word);
/*
 * Might the disk, if nr_more words became active before any other is stored,
 * have more active zones than an image may have?
 */
bool qcow2_zone_exceeds(Qcow2Zone *zone, uint32_t nr_more);
/*
 * Words of zones in dirty sectors that have given their active resource back,
 * in ascending order.  With the table's lock held: together with what is active
 * in the table now, the rest of what is active on disk keeps to the limit.
 */
GArray *qcow2_zone_find_releases(Qcow2Zone *zone);
void qcow2_zone_set_durable(Qcow2Zone *zone, uint32_t zone_idx, uint64_t word);
/* All durable words have been set otherwise */
void qcow2_zone_count_durable(Qcow2Zone *zone);

/* Words in the image file: words.c ***************************************/

/* True when the region ends within the image file */
bool coroutine_fn GRAPH_RDLOCK
qcow2_zone_co_check_region(BlockDriverState *bs, const Qcow2ZoneLayout *layout,
                           Error **errp);
/* Writes to the region, checked for overlaps with anything else */
int coroutine_fn GRAPH_RDLOCK
qcow2_zone_co_store(BlockDriverState *bs, uint64_t offset, uint64_t bytes,
                    const void *buf, BdrvRequestFlags flags);
/* Reads all words into words (nr_zones of them), in host byte order */
int coroutine_fn GRAPH_RDLOCK
qcow2_zone_co_load_words(BlockDriverState *bs, const Qcow2ZoneLayout *layout,
                         uint64_t *words);
/* One word, in an image that is being checked */
int coroutine_fn GRAPH_RDLOCK
qcow2_zone_co_repair_word(BlockDriverState *bs, const Qcow2ZoneLayout *layout,
                          uint32_t zone_idx, uint64_t word);
/* To the slot of a zone; durable on return */
int coroutine_fn GRAPH_RDLOCK
qcow2_zone_co_write_zde(BlockDriverState *bs, uint32_t zone_idx,
                        const void *zde);

/*
 * Makes words, which are durable on disk, those of the node: nothing is dirty.
 * NULL: the disk may have any, so that all are to be stored.
 */
void qcow2_zone_set_words(BlockDriverState *bs, const uint64_t *words);
/*
 * The drive has the number of zones of zone->geometry now: words, an aligned
 * array, become its durable words.  Zones that go are Empty.
 */
void qcow2_zone_resize_words(BlockDriverState *bs, uint64_t *words);
/*
 * The node's zones become those of another region (NULL: the region is that of
 * the node already), as a power cycle finds them.  The node is drained.
 */
int coroutine_fn GRAPH_RDLOCK
qcow2_zone_co_replace(BlockDriverState *bs, const Qcow2ZoneLayout *layout,
                      const uint64_t *words);

/* Snapshots: snapshot.c **************************************************/

/* Where a snapshot has its words; false, with an error, if that is damaged */
bool qcow2_zone_snapshot_layout(BlockDriverState *bs, const QCowSnapshot *sn,
                                Qcow2ZoneLayout *layout, Error **errp);
/*
 * May the image have the snapshots that it has?  What each says of its words is
 * looked at when they are used: damage there does not concern the image.
 */
bool qcow2_zone_check_snapshots(BlockDriverState *bs, Error **errp);

/* Lives of a zone: life.c ************************************************/

/* Are there others with clusters that zones of this image lead to? */
bool qcow2_zone_shares(BlockDriverState *bs);
/*
 * Clusters of [offset, end), whole ones, lose their mapping: they become zero
 * clusters, or stay unallocated.  Below hide_end those that are unallocated
 * become zero clusters, too, if there is a backing file.
 */
int coroutine_fn GRAPH_RDLOCK
qcow2_zone_co_unmap(BlockDriverState *bs, uint64_t offset, uint64_t end,
                    uint64_t hide_end);
/* ZoneStoreOps.co_begin_life() */
int coroutine_fn GRAPH_RDLOCK
qcow2_zone_co_begin_life(BlockDriverState *bs, uint32_t zone_idx);
/* ZoneStoreOps.co_hide() */
int coroutine_fn GRAPH_RDLOCK
qcow2_zone_co_hide(BlockDriverState *bs, uint32_t zone_idx, uint64_t start,
                   uint64_t end);

/* Regions: region.c ******************************************************/

/*
 * A new region for layout->geometry, with zeros in all its clusters but for the
 * words: those of an empty device if words is NULL.  Sets where it is.  Nothing
 * leads to it yet, and nothing is flushed.
 */
int coroutine_fn GRAPH_RDLOCK
qcow2_zone_co_create_region(BlockDriverState *bs, Qcow2ZoneLayout *layout,
                            const uint64_t *words);
/* Writes all words of a region; NULL: those of an empty device */
int coroutine_fn GRAPH_RDLOCK
qcow2_zone_co_write_words(BlockDriverState *bs, const Qcow2ZoneLayout *layout,
                          const uint64_t *words);
/*
 * Copies the slots of the zones whose words have ZDEV, from one region to
 * another, of the same image or of two.
 */
int coroutine_fn GRAPH_RDLOCK
qcow2_zone_co_copy_extensions(BlockDriverState *from_bs,
                              const Qcow2ZoneLayout *from,
                              BlockDriverState *to_bs,
                              const Qcow2ZoneLayout *to, const uint64_t *words);
/* Nothing leads to it any more */
void coroutine_fn GRAPH_RDLOCK
qcow2_zone_co_free_region(BlockDriverState *bs, const Qcow2ZoneLayout *layout);

/*
 * Where a write of the header has failed, it is made again: what the disk has
 * must not lead to another region when words are stored.  With the commit lock
 * held.
 */
int coroutine_fn GRAPH_RDLOCK qcow2_zone_co_settle_header(BlockDriverState *bs);

/* In the largest unit that is exact, as options take it */
char *qcow2_zone_exact_size_str(uint64_t bytes);
/* False, with an error that names the nearest lengths that work */
bool qcow2_zone_check_multiple(const ZoneGeometry *g, uint64_t device_bytes,
                               Error **errp);

/* The part of the state that the header extension describes */
void qcow2_zone_get_layout(Qcow2Zone *zone, Qcow2ZoneLayout *layout);
void qcow2_zone_set_layout(Qcow2Zone *zone, const Qcow2ZoneLayout *layout);

static inline uint32_t qcow2_zone_sector(uint32_t zone_idx)
{
    return zone_idx / QCOW2_ZONE_SECTOR_WORDS;
}

/* One past the last zone whose word is in the sector */
uint32_t qcow2_zone_sector_end(Qcow2Zone *zone, uint32_t sector);
/*
 * Adds a sector, as it is on disk, unless it is the last one already.  False
 * when there is no room.
 */
bool qcow2_zone_sectors_add(Qcow2Zone *zone, ZoneSectors *sectors,
                            uint32_t sector);
/* A word of the last sector */
void qcow2_zone_sectors_put(ZoneSectors *sectors, uint32_t zone_idx,
                            uint64_t word);
/* A word of the slot-th sector */
uint64_t qcow2_zone_sectors_get(const ZoneSectors *sectors, uint32_t slot,
                                uint32_t zone_idx);
/* How many from the slot-th on follow each other on disk */
uint32_t qcow2_zone_sectors_run(const ZoneSectors *sectors, uint32_t slot);
/* Each run in one request */
int coroutine_fn GRAPH_RDLOCK
qcow2_zone_co_write_sectors(BlockDriverState *bs, const ZoneSectors *sectors,
                            BdrvRequestFlags flags);

/* Ahead of the data, and behind it ***************************************/

/* ZoneStoreOps of what is done ahead of the data */
bool qcow2_zone_wants_prepare(BlockDriverState *bs, const ZoneWrite *write);
void coroutine_fn GRAPH_RDLOCK
qcow2_zone_co_prepare(BlockDriverState *bs, const ZoneWrite *write);
/* Do commits come after little data?  With the table's lock held */
bool qcow2_zone_commits_are_frequent(Qcow2Zone *zone);
/* A commit has words to store; with the table's lock held */
void qcow2_zone_count_commit(Qcow2Zone *zone);

/*
 * Where a part of the device from offset on, up to *bytes of it, has its
 * clusters.  Fails where metadata is as well: the image is marked corrupt, and
 * the rest of the mapping may be wrong, too.  The zone is held, and what
 * is in flight (writes and discards) is elsewhere in it: the mapping stays what
 * it is when s->lock is gone.
 */
int coroutine_fn GRAPH_RDLOCK
qcow2_zone_co_lookup(BlockDriverState *bs, uint64_t offset,
                     unsigned int *bytes, uint64_t *host_offset,
                     QCow2SubclusterType *type);

/* Extents whose place is known: extent.c *********************************/

void qcow2_zone_extents_init(BlockDriverState *bs);
void qcow2_zone_extents_cleanup(Qcow2Zone *zone);
/* The mapping is that of another L1 table */
void qcow2_zone_forget_all(Qcow2Zone *zone);

/* ZoneStoreOps of the hand-over */
int coroutine_fn GRAPH_RDLOCK
qcow2_zone_co_freeze(BlockDriverState *bs, uint64_t *words);
int coroutine_fn GRAPH_RDLOCK
qcow2_zone_co_adopt(BlockDriverState *bs, BlockDriverState *from,
                    const uint64_t *words);
void qcow2_zone_take_zones(BlockDriverState *bs);

/* False, with an error, where limits are below what a snapshot has active */
bool GRAPH_RDLOCK
qcow2_zone_check_snapshot_limits(BlockDriverState *bs,
                                 const ZoneGeometry *limits, Error **errp);

/* Of an overlay whose base has all of it: durable on return */
int GRAPH_RDLOCK qcow2_zone_make_empty(BlockDriverState *bs);

/* ZoneStoreOps of a Reset */
ZoneDropTime GRAPH_RDLOCK qcow2_zone_wants_drop(BlockDriverState *bs);
void coroutine_fn GRAPH_RDLOCK
qcow2_zone_co_drop(BlockDriverState *bs, uint32_t zone_idx);

/*
 * Makes a raw external data file what the guest sees: zeros from the write
 * pointers on, where a crash or a failed write has left anything else.  Nothing
 * writes to the zones meanwhile.  Does nothing to any other image.
 */
int coroutine_fn GRAPH_RDLOCK
qcow2_zone_co_clean_raw(BlockDriverState *bs, Error **errp);
/* For messages: its file name, or that of the node */
const char *qcow2_zone_raw_name(BlockDriverState *bs);
/* Zeros what is not zero of a part of the raw file */
int coroutine_fn GRAPH_RDLOCK
qcow2_zone_co_zero_raw(BlockDriverState *bs, uint64_t offset, uint64_t end);

#endif /* BLOCK_QCOW2_ZONE_INT_H */
