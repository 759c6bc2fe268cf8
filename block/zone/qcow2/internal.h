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

/* Words are written, and torn, in units of this */
#define QCOW2_ZONE_SECTOR_BYTES     512
#define QCOW2_ZONE_SECTOR_WORDS     (QCOW2_ZONE_SECTOR_BYTES / 8)
/* Sectors of one step of a commit */
#define QCOW2_ZONE_BATCH_SECTORS    128

struct Qcow2Zone {
    ZoneGeometry geometry;
    uint64_t meta_offset;       /* of the region in the image file */
    uint64_t meta_bytes;        /* words and extensions */
    uint64_t zde_offset;        /* of the extensions in the image file */

    ZoneIO *io;                 /* of the node; NULL while an image is only
                                   checked or described */
    uint64_t *durable;          /* the words on disk; commit lock */
    uint32_t nr_durable_active; /* how many of them are active; commit lock */
    bool uncertain;             /* a write of words has failed: in dirty sectors
                                   the disk may have others; commit lock */
    unsigned long *dirty;       /* sectors of words to store; table's lock */
    uint32_t nr_sectors;
    uint32_t nr_dirty;          /* bits set in dirty; table's lock */

    /* Commits asked for, and the newest that is done; table's lock */
    uint64_t commit_requested;
    uint64_t commit_done;
    uint8_t *batch;             /* commit lock */
    uint8_t *release_batch;     /* the same; NULL without a limit of active
                                   zones */
    bool words_cached;          /* some have been written but not flushed;
                                   commit lock */
    QEMUTimer *commit_timer;

    /* How much is written between two commits, lately; table's lock */
    uint64_t recent_bytes;
    uint32_t recent_commits;
    bool stopped;               /* the node is unusable: commit nothing more;
                                   table's lock */
};

extern const ZoneStoreOps qcow2_zone_store_ops;

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

/* Writes to the metadata region, checked for overlaps with anything else */
int coroutine_fn GRAPH_RDLOCK
qcow2_zone_co_store(BlockDriverState *bs, uint64_t offset, uint64_t bytes,
                    const void *buf, BdrvRequestFlags flags);

/* ZoneStoreOps of what is done ahead of the data */
bool qcow2_zone_wants_prepare(BlockDriverState *bs, const ZoneWrite *write);
void coroutine_fn GRAPH_RDLOCK
qcow2_zone_co_prepare(BlockDriverState *bs, const ZoneWrite *write);
/* A commit has words to store; with the table's lock held */
void qcow2_zone_count_commit(Qcow2Zone *zone);

/*
 * Maps the clusters of [offset, end), whole ones, that have no mapping.  The
 * zone is held, and nothing has been written there in this life of it.  True
 * when some had one: from an earlier life.
 */
bool coroutine_fn GRAPH_RDLOCK
qcow2_zone_co_premap(BlockDriverState *bs, uint64_t offset, uint64_t end);

/*
 * Calls func for the host clusters of [offset, end), run by run, until it
 * returns an error.  s->lock is held for each run: a discard that is still on
 * its way could free the clusters, and another zone have its data in them by
 * then.  Ends with an error where metadata is as well: the image is marked
 * corrupt, and the rest of the mapping may be wrong, too.
 */
typedef int coroutine_fn
Qcow2ZoneHostFunc(BlockDriverState *bs, uint64_t host_offset, uint64_t bytes,
                  const void *opaque);
int coroutine_fn GRAPH_RDLOCK
qcow2_zone_co_walk_host(BlockDriverState *bs, uint64_t offset, uint64_t end,
                        Qcow2ZoneHostFunc *func, const void *opaque);

/* Reads all words into words (nr_zones of them), in host byte order */
int coroutine_fn GRAPH_RDLOCK
qcow2_zone_co_load_words(BlockDriverState *bs, uint64_t *words);

/* True when the region ends within the image file */
bool coroutine_fn GRAPH_RDLOCK
qcow2_zone_co_check_region(BlockDriverState *bs, Error **errp);

#endif /* BLOCK_QCOW2_ZONE_INT_H */
