/*
 * Zoned qcow2 images: what becomes of the data of a zone that was reset
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The word of the Empty zone is durable by now, and the zone is held: only the
 * next write to it waits.  The mapping stays as it is.
 */

#include "qemu/osdep.h"
#include "qemu/error-report.h"
#include "block/zone/qcow2/internal.h"
#include "block/zone/trace.h"

ZoneDropTime qcow2_zone_wants_drop(BlockDriverState *bs)
{
    BDRVQcow2State *s = bs->opaque;

    if (data_file_is_raw(bs)) {
        return ZONE_DROP_FIRST; /* the file has to show no old data */
    }
    return (bs->open_flags & BDRV_O_UNMAP) &&
           s->discard_passthrough[QCOW2_DISCARD_REQUEST] ? ZONE_DROP_LATER
                                                         : ZONE_DROP_NEVER;
}

int coroutine_fn
qcow2_zone_co_lookup(BlockDriverState *bs, uint64_t offset,
                     unsigned int *bytes, uint64_t *host_offset,
                     QCow2SubclusterType *type)
{
    BDRVQcow2State *s = bs->opaque;
    int ret;

    qemu_co_mutex_lock(&s->lock);
    ret = qcow2_get_host_offset(bs, offset, bytes, host_offset, type);
    if (ret >= 0 && *type == QCOW2_SUBCLUSTER_NORMAL) {
        ret = qcow2_pre_write_overlap_check(bs, 0, *host_offset, *bytes, true);
    }
    qemu_co_mutex_unlock(&s->lock);
    return ret;
}

/*
 * Gives the host file's space back, run by run: what nobody takes back does no
 * harm.  Stops when the node is drained, as whoever quits would wait for the
 * holes of all zones.
 *
 * 1. The mapping of a run is looked up, with s->lock held.
 * 2. A hole is punched, without it: nothing can change the mapping.
 *
 * A crash leaves the holes that have been made by then, under an Empty zone.
 */
static void coroutine_fn GRAPH_RDLOCK
qcow2_zone_co_punch(BlockDriverState *bs, uint64_t offset, uint64_t end)
{
    BDRVQcow2State *s = bs->opaque;
    QCow2SubclusterType type;
    uint64_t host_offset;
    unsigned int n;

    for (; offset < end && !qatomic_read(&bs->quiesce_counter); offset += n) {
        n = MIN(end - offset, QCOW2_ZONE_HOLE_BYTES);
        if (qcow2_zone_co_lookup(bs, offset, &n, &host_offset, &type) < 0) {
            break;
        }
        if (type == QCOW2_SUBCLUSTER_NORMAL) {
            bdrv_co_pdiscard(s->data_file, host_offset, n);
        }
    }
    trace_qcow2_zone_punched(bs, offset, end - offset);
}

/*
 * 1. The mapping of what a host discards has gone, in the caches, with s->lock
 *    held: nobody gets the clusters yet.
 * 2. The caches are written and flushed, unless data has a file of its own,
 *    where each cluster keeps its place.  A crash before leaves some of the old
 *    mapping, to old data or holes; afterwards nothing leads there, and the
 *    clusters can be used again.
 *
 * When that fails, so does the discard, but the clusters are free all the same:
 * until a later flush goes well, a crash may show there what they got since.
 */
int coroutine_fn qcow2_zone_co_end_discard(BlockDriverState *bs)
{
    BDRVQcow2State *s = bs->opaque;
    int ret;

    if (!s->zone || has_data_file(bs) ||
        (s->zone->flags & QCOW2_ZONE_FLAG_UNFINISHED)) {
        return 0;
    }
    ret = qcow2_write_caches(bs);
    return ret < 0 ? ret : bdrv_co_flush(bs->file->bs);
}

/*
 * Only a node with discard=unmap asks for holes.  A raw external data file is
 * zeroed in any case, for those who read it without the image, and to the end:
 * it is to be what the guest sees when the node has been closed.
 */
void coroutine_fn qcow2_zone_co_drop(BlockDriverState *bs, uint32_t zone_idx)
{
    BDRVQcow2State *s = bs->opaque;
    const ZoneGeometry *geometry = &s->zone->geometry;
    uint64_t start = geometry->zone_bytes * zone_idx;
    uint64_t end = start + geometry->capacity_bytes;
    int ret;

    if (qcow2_zone_shares(bs)) {
        qcow2_zone_co_begin_life(bs, zone_idx); /* no holes for others */
        return;
    }
    if (!data_file_is_raw(bs)) {
        qcow2_zone_co_punch(bs, start, end);
        return;
    }
    ret = qcow2_zone_co_zero_raw(bs, start, end);
    if (ret < 0) {
        error_report("Node '%s': zone %" PRIu32 " was reset, but could not be "
                     "zeroed in the raw data file '%s': %s; that is done when "
                     "the image is next opened for writing",
                     bdrv_get_device_or_node_name(bs), zone_idx,
                     qcow2_zone_raw_name(bs), strerror(-ret));
    }
}
