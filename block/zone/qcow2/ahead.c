/*
 * Zoned qcow2 images: what is done ahead of the data
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Sequential writes come to each position of a zone once.  The write that
 * comes to the start of a stretch of the zone readies all of it for those that
 * follow, so nothing has to be remembered.  All of it happens above the write
 * pointer, where the read clamp hides what clusters have in them, and with the
 * zone held: no other write is there, and nothing changes the mapping.  So
 * s->lock is held for metadata alone; other zones do not wait for the file.
 *
 * - A run of clusters is mapped, contiguous in the file and without zeroing it.
 *   The writes that follow find their cluster mapped: no allocation, no
 *   copy-on-write, no L2 update.  Runs double in length up to that of the
 *   option: a zone that gets a few blocks costs little.
 * - Holes of the file get space, those of new clusters and those that a Reset
 *   with discard=unmap has left: a write into a hole takes longer.
 * - When commits come after little data each, zeros are written.  A file
 *   system that has only reserved a block must change its own metadata when the
 *   block is written, and store the change with the next flush, which takes
 *   several times as long as the flush of a block that has been written before.
 */

#include "qemu/osdep.h"
#include "qemu/memalign.h"
#include "qemu/units.h"
#include "block/zone/qcow2/internal.h"
#include "block/zone/trace.h"

/* The first runs of a zone, unless clusters are longer */
#define QCOW2_ZONE_FIRST_RUN_BYTES      (1 * MiB)
/* Zeros pay when there is a commit at least after this much data */
#define QCOW2_ZONE_PREZERO_COMMIT_BYTES (64 * KiB)
/* What was written before this much says nothing of what comes */
#define QCOW2_ZONE_RECENT_BYTES         (1 * MiB)
/* Zeros start here: no block is read to be written */
#define QCOW2_ZONE_PREZERO_ALIGNMENT    4096

/* The first start of a run at pos_bytes of a zone or behind */
static uint64_t qcow2_zone_run_start(BDRVQcow2State *s, uint64_t pos_bytes)
{
    uint64_t run_bytes = s->zone_options.premap_bytes;
    uint64_t start_bytes;

    if (!pos_bytes) {
        return 0;
    }
    start_bytes = MAX(pow2ceil(pos_bytes),
                      MAX(s->cluster_size, QCOW2_ZONE_FIRST_RUN_BYTES));
    return start_bytes < run_bytes ? start_bytes :
           QEMU_ALIGN_UP(pos_bytes, run_bytes);
}

static uint64_t qcow2_zone_pos(Qcow2Zone *zone, const ZoneWrite *write)
{
    return write->start_bytes - write->zone_idx * zone->geometry.zone_bytes;
}

static bool qcow2_zone_starts_run(BDRVQcow2State *s, const ZoneWrite *write)
{
    uint64_t pos_bytes = qcow2_zone_pos(s->zone, write);

    return s->zone_options.premap_bytes &&
           qcow2_zone_run_start(s, pos_bytes) <
           pos_bytes + (write->end_bytes - write->start_bytes);
}

static bool qcow2_zone_starts_zeros(BDRVQcow2State *s, const ZoneWrite *write)
{
    uint64_t stretch_bytes = s->zone_options.prezero_bytes;
    uint64_t pos_bytes = qcow2_zone_pos(s->zone, write);

    return stretch_bytes &&
           QEMU_ALIGN_UP(pos_bytes, stretch_bytes) <
           pos_bytes + (write->end_bytes - write->start_bytes);
}

bool qcow2_zone_commits_are_frequent(Qcow2Zone *zone)
{
    return zone->recent_commits * QCOW2_ZONE_PREZERO_COMMIT_BYTES >=
           zone->recent_bytes;
}

void qcow2_zone_count_commit(Qcow2Zone *zone)
{
    zone->recent_commits++;
}

bool qcow2_zone_wants_prepare(BlockDriverState *bs, const ZoneWrite *write)
{
    BDRVQcow2State *s = bs->opaque;
    Qcow2Zone *zone = s->zone;

    zone->recent_bytes += write->end_bytes - write->start_bytes;
    if (zone->recent_bytes > QCOW2_ZONE_RECENT_BYTES) {
        zone->recent_bytes /= 2;
        zone->recent_commits /= 2;
    }
    return qcow2_zone_starts_run(s, write) ||
           (qcow2_zone_starts_zeros(s, write) &&
            qcow2_zone_commits_are_frequent(zone));
}

/* Space ******************************************************************/

/*
 * Where [offset, end) of the file has neither data nor zeros that were written:
 * writes zeros, or reserves space for them if there are none to write.
 */
static int coroutine_fn GRAPH_RDLOCK
qcow2_zone_co_fill_holes(BlockDriverState *bs, uint64_t offset, uint64_t end,
                         const void *zeros)
{
    BDRVQcow2State *s = bs->opaque;
    int64_t n;
    int ret = 0;

    for (; offset < end && ret >= 0; offset += n) {
        ret = bdrv_co_block_status(s->data_file->bs, offset, end - offset, &n,
                                   NULL, NULL);
        if (ret < 0) {
            break;
        }
        if (n && !(ret & BDRV_BLOCK_ZERO)) {
            continue;
        }
        n = n ?: end - offset; /* behind the end of the file */
        if (zeros) {
            ret = bdrv_co_pwrite(s->data_file, offset, n, zeros, 0);
        } else {
            ret = bdrv_co_pwrite_zeroes(s->data_file, offset, n,
                                        BDRV_REQ_NO_FALLBACK);
        }
    }
    return ret;
}

/* The file has to reach to end, of clusters that have nothing in them yet */
static int coroutine_fn GRAPH_RDLOCK
qcow2_zone_co_reach(BlockDriverState *bs, int64_t end)
{
    BDRVQcow2State *s = bs->opaque;
    int64_t file_bytes = bdrv_co_getlength(s->data_file->bs);

    if (file_bytes < 0 || file_bytes >= end) {
        return MIN(file_bytes, 0);
    }
    return bdrv_co_pwrite_zeroes(s->data_file, end - BDRV_SECTOR_SIZE,
                                 BDRV_SECTOR_SIZE, 0);
}

/* Mapping ****************************************************************/

/*
 * Maps clusters that have no mapping.
 *
 * 1. Host clusters are allocated, with s->lock held.  A crash here and up to 3
 *    leaks them at most.
 * 2. They get space in the file, which becomes long enough to have them: no
 *    mapping may point behind its end.  What is written are zeros, to these
 *    clusters alone, which belong to nobody else: the file never gets shorter,
 *    and another write that makes it longer meanwhile loses nothing.
 * 3. The mapping is set in the cache, with s->lock held.  It gets to disk
 *    behind the refcounts, with the next flush.  A crash after that leaves
 *    clusters mapped above the write pointer, which is how they were meant to
 *    be.
 *
 * After an error the clusters are free again.  Sets *bytes to how many have
 * been mapped.
 */
static int coroutine_fn GRAPH_RDLOCK
qcow2_zone_co_map(BlockDriverState *bs, uint64_t offset, unsigned int *bytes)
{
    BDRVQcow2State *s = bs->opaque;
    QCowL2Meta *meta = NULL;
    uint64_t host_offset;
    int ret;

    qemu_co_mutex_lock(&s->lock);
    ret = qcow2_alloc_host_offset(bs, offset, bytes, &host_offset, &meta);
    qemu_co_mutex_unlock(&s->lock);
    if (ret < 0) {
        return ret;
    }
    /* space does not come everywhere, length has to */
    qcow2_zone_co_fill_holes(bs, host_offset, host_offset + *bytes, NULL);
    ret = qcow2_zone_co_reach(bs, host_offset + *bytes);

    qemu_co_mutex_lock(&s->lock);
    if (ret >= 0) {
        ret = qcow2_handle_l2meta(bs, &meta, true);
    }
    qcow2_handle_l2meta(bs, &meta, false);
    qemu_co_mutex_unlock(&s->lock);
    return ret;
}

/* Whole clusters without a host offset: zeros, or what a backing file has */
static bool qcow2_zone_is_unmapped(BDRVQcow2State *s, uint64_t offset,
                                   unsigned int bytes,
                                   QCow2SubclusterType type)
{
    return (type == QCOW2_SUBCLUSTER_UNALLOCATED_PLAIN ||
            type == QCOW2_SUBCLUSTER_ZERO_PLAIN) &&
           !offset_into_cluster(s, offset) && bytes >= s->cluster_size;
}

/*
 * Readies the clusters of [offset, end), whole ones.  Those that have a mapping
 * keep it, from an earlier life of the zone, and get space.
 */
static void coroutine_fn GRAPH_RDLOCK
qcow2_zone_co_premap(BlockDriverState *bs, uint64_t offset, uint64_t end)
{
    BDRVQcow2State *s = bs->opaque;
    uint64_t start = offset;
    QCow2SubclusterType type;
    uint64_t host_offset;
    unsigned int n;
    int ret = 0;

    for (; offset < end && ret >= 0; offset += n) {
        n = MIN(end - offset, QEMU_ALIGN_DOWN(INT_MAX, s->cluster_size));
        ret = qcow2_zone_co_lookup(bs, offset, &n, &host_offset, &type);
        if (ret >= 0 && qcow2_zone_is_unmapped(s, offset, n, type)) {
            n = QEMU_ALIGN_DOWN(n, s->cluster_size);
            ret = qcow2_zone_co_map(bs, offset, &n);
        } else if (ret >= 0 && type == QCOW2_SUBCLUSTER_NORMAL) {
            ret = qcow2_zone_co_fill_holes(bs, host_offset, host_offset + n,
                                           NULL);
        }
    }
    trace_qcow2_zone_premap(bs, start, end - start, ret);
}

/* Writes zeros to mapped clusters of [offset, end), where there are holes */
static void coroutine_fn GRAPH_RDLOCK
qcow2_zone_co_prezero(BlockDriverState *bs, uint64_t offset, uint64_t end)
{
    uint64_t start = ROUND_UP(offset, QCOW2_ZONE_PREZERO_ALIGNMENT);
    QEMU_AUTO_VFREE void *zeros = NULL;
    QCow2SubclusterType type;
    uint64_t host_offset;
    unsigned int n;
    int ret = 0;

    if (start >= end) {
        return;
    }
    zeros = qemu_try_blockalign0(bs, end - start);
    for (offset = start; zeros && offset < end && ret >= 0; offset += n) {
        n = end - offset;
        ret = qcow2_zone_co_lookup(bs, offset, &n, &host_offset, &type);
        if (ret >= 0 && type == QCOW2_SUBCLUSTER_NORMAL) {
            ret = qcow2_zone_co_fill_holes(bs, host_offset, host_offset + n,
                                           zeros);
        }
    }
    if (zeros) {
        trace_qcow2_zone_prezero(bs, start, end - start);
    }
}

/*
 * 1. A run is mapped and gets space.
 * 2. Zeros are written to the rest of a stretch.
 *
 * No step is needed for the next, and none can do harm when it fails or when a
 * crash comes: writes map their own clusters then.  Clusters stay leaked or
 * mapped above the write pointer, with anything in them.
 */
void coroutine_fn
qcow2_zone_co_prepare(BlockDriverState *bs, const ZoneWrite *write)
{
    BDRVQcow2State *s = bs->opaque;
    Qcow2Zone *zone = s->zone;
    uint64_t pos_bytes = qcow2_zone_pos(zone, write);
    uint64_t zone_start = write->start_bytes - pos_bytes;
    uint64_t write_bytes = write->end_bytes - write->start_bytes;
    uint64_t capacity_bytes = zone->geometry.capacity_bytes;
    uint64_t first_bytes, end_bytes;
    bool frequent;

    if (qcow2_zone_starts_run(s, write)) {
        first_bytes = qcow2_zone_run_start(s, pos_bytes);
        end_bytes = MIN(qcow2_zone_run_start(s, pos_bytes + write_bytes),
                        ROUND_UP(capacity_bytes, s->cluster_size));
        qcow2_zone_co_premap(bs, zone_start + first_bytes,
                             zone_start + end_bytes);
    }
    zone_io_lock(zone->io);
    frequent = qcow2_zone_commits_are_frequent(zone);
    zone_io_unlock(zone->io);
    if (frequent && qcow2_zone_starts_zeros(s, write)) {
        end_bytes = MIN(QEMU_ALIGN_UP(pos_bytes + write_bytes,
                                      s->zone_options.prezero_bytes),
                        capacity_bytes);
        qcow2_zone_co_prezero(bs, write->end_bytes, zone_start + end_bytes);
    }
}
