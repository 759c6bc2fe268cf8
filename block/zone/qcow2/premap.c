/*
 * Zoned qcow2 images: mapping clusters ahead of the data
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A run of clusters is mapped as a whole, contiguous in the file and without
 * zeroing it: reads are clamped at the write pointer, so what the clusters have
 * from before never shows.  The writes that follow find their cluster mapped:
 * no allocation, no copy-on-write, no L2 update.
 */

#include "qemu/osdep.h"
#include "block/zone/qcow2/internal.h"
#include "block/zone/trace.h"

/* Where the last of the clusters ends that are being allocated right now */
static uint64_t qcow2_zone_allocating_end(BDRVQcow2State *s)
{
    uint64_t end = 0;
    QCowL2Meta *m;

    QLIST_FOREACH(m, &s->cluster_allocs, next_in_flight) {
        end = MAX(end, m->alloc_offset +
                       ((uint64_t)m->nb_clusters << s->cluster_bits));
    }
    return end;
}

/*
 * Makes the file long enough for all clusters that are being allocated, with
 * s->lock held.  Not for ours alone: another write may make the file longer
 * meanwhile, and what it has written must not be cut off.
 *
 * Space is reserved where the file system can do that, because a write into a
 * hole of a file takes much longer than one behind its end.
 */
static int coroutine_fn GRAPH_RDLOCK
qcow2_zone_co_extend_file(BlockDriverState *bs)
{
    BDRVQcow2State *s = bs->opaque;
    int64_t end = qcow2_zone_allocating_end(s);
    int64_t file_bytes = bdrv_co_getlength(s->data_file->bs);
    int ret;

    if (file_bytes < 0) {
        return file_bytes;
    }
    if (end <= file_bytes) {
        return 0;
    }
    ret = bdrv_co_truncate(s->data_file, end, false, PREALLOC_MODE_FALLOC, 0,
                           NULL);
    if (ret < 0) {
        ret = bdrv_co_truncate(s->data_file, end, false, PREALLOC_MODE_OFF, 0,
                               NULL);
    }
    return ret;
}

/*
 * Maps clusters that have no mapping, with s->lock held.
 *
 * 1. Host clusters are allocated.  A crash here and up to 3 leaks them at most.
 * 2. The file is made long enough to have them: no mapping may point behind
 *    its end.
 * 3. The mapping is set in the cache.  It gets to disk behind the refcounts,
 *    with the next flush.  A crash after that leaves clusters mapped above the
 *    write pointer, which is how they were meant to be.
 *
 * Sets *bytes to how many have been mapped.
 */
static int coroutine_fn GRAPH_RDLOCK
qcow2_zone_co_map(BlockDriverState *bs, uint64_t offset, unsigned int *bytes)
{
    QCowL2Meta *meta = NULL;
    uint64_t host_offset;
    int ret;

    ret = qcow2_alloc_host_offset(bs, offset, bytes, &host_offset, &meta);
    if (ret < 0) {
        return ret;
    }
    ret = qcow2_zone_co_extend_file(bs);
    if (ret >= 0) {
        ret = qcow2_handle_l2meta(bs, &meta, true);
    }
    qcow2_handle_l2meta(bs, &meta, false);
    return ret;
}

/*
 * Maps what has no mapping in [offset, end).  Whatever has one keeps it: from
 * an earlier life of the zone.  Sets *mapped when there is such a cluster.
 */
static int coroutine_fn GRAPH_RDLOCK
qcow2_zone_co_map_run(BlockDriverState *bs, uint64_t offset, uint64_t end,
                      bool *mapped)
{
    BDRVQcow2State *s = bs->opaque;
    QCow2SubclusterType type;
    uint64_t host_offset;
    unsigned int n;
    int ret = 0;

    for (; offset < end && ret >= 0; offset += n) {
        n = MIN(end - offset, QEMU_ALIGN_DOWN(INT_MAX, s->cluster_size));
        ret = qcow2_get_host_offset(bs, offset, &n, &host_offset, &type);
        if (ret < 0) {
            break;
        }
        /* With subclusters, a cluster without a host offset may have zeros */
        if (type != QCOW2_SUBCLUSTER_UNALLOCATED_PLAIN ||
            offset_into_cluster(s, offset) || n < s->cluster_size) {
            *mapped = true;
            continue;
        }
        n = QEMU_ALIGN_DOWN(n, s->cluster_size);
        ret = qcow2_zone_co_map(bs, offset, &n);
    }
    return ret;
}

/* Failure does no harm: writes map their own clusters then */
bool coroutine_fn
qcow2_zone_co_premap(BlockDriverState *bs, uint64_t offset, uint64_t end)
{
    BDRVQcow2State *s = bs->opaque;
    bool mapped = false;
    int ret;

    qemu_co_mutex_lock(&s->lock);
    ret = qcow2_zone_co_map_run(bs, offset, end, &mapped);
    qemu_co_mutex_unlock(&s->lock);
    trace_qcow2_zone_premap(bs, offset, end - offset, ret);
    return mapped;
}
