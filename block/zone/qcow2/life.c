/*
 * Zoned qcow2 images: what earlier lives of a zone have left in the mapping
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A Reset changes the word alone.  Where the mapping of the zone is its own,
 * the next life writes over it.  Two kinds are not, and go before the first
 * write of a life: clusters that a snapshot has as well, which every write
 * would copy, and unallocated ones over a backing file, which would show its
 * data below a write pointer where a write fails.
 */

#include "qemu/osdep.h"
#include "block/zone/qcow2/internal.h"
#include "block/zone/trace.h"

bool qcow2_zone_shares(BlockDriverState *bs)
{
    BDRVQcow2State *s = bs->opaque;

    return s->nb_snapshots || s->image_backing_file || bs->backing;
}

/* The device's bytes that an L2 table maps */
static uint64_t qcow2_zone_l2_bytes(BDRVQcow2State *s)
{
    return (uint64_t)s->cluster_size << s->l2_bits;
}

/* Without a L2 table nothing is mapped */
static bool qcow2_zone_has_l2(BDRVQcow2State *s, uint64_t offset)
{
    uint64_t l1_index = offset / qcow2_zone_l2_bytes(s);

    return l1_index < s->l1_size && (s->l1_table[l1_index] & L1E_OFFSET_MASK);
}

int coroutine_fn
qcow2_zone_co_unmap(BlockDriverState *bs, uint64_t offset, uint64_t end,
                    uint64_t hide_end)
{
    BDRVQcow2State *s = bs->opaque;
    uint64_t n;
    int ret = 0;

    for (; offset < end && ret >= 0; offset += n) {
        n = MIN(end, ROUND_UP(offset + 1, qcow2_zone_l2_bytes(s))) - offset;
        /* one that a neighbour is just getting has nothing of this zone yet */
        if (offset >= hide_end && !qcow2_zone_has_l2(s, offset)) {
            continue;
        }
        qemu_co_mutex_lock(&s->lock);
        ret = qcow2_cluster_discard(bs, offset, n, QCOW2_DISCARD_REQUEST,
                                    false);
        qemu_co_mutex_unlock(&s->lock);
    }
    return ret;
}

/* Where the backing file has data of the zone at most */
static uint64_t coroutine_fn GRAPH_RDLOCK
qcow2_zone_hide_end(BlockDriverState *bs, uint32_t zone_idx)
{
    const ZoneGeometry *geometry = &qcow2_zone(bs)->geometry;
    ZoneIO *io = bs->backing ? bdrv_zone_io(bs->backing->bs) : NULL;
    ZoneInfo info;

    if (!bs->backing) {
        return 0;
    }
    if (!io || zone_idx >= zone_io_geometry(io)->nr_zones) {
        return geometry->zone_bytes * (zone_idx + 1ULL);
    }
    zone_io_get_info(io, zone_idx, &info);
    return info.state == ZONE_STATE_EMPTY ? 0 : info.start_bytes +
                                                geometry->zone_bytes;
}

/*
 * The clusters of the zone become zero clusters, or stay unallocated where
 * there is nothing to hide.  The L2 tables change in the cache: they get to
 * disk before any word of this life, and behind the word of the Reset.  A
 * crash leaves an Empty zone.
 */
int coroutine_fn
qcow2_zone_co_begin_life(BlockDriverState *bs, uint32_t zone_idx)
{
    BDRVQcow2State *s = bs->opaque;
    const ZoneGeometry *geometry = &s->zone->geometry;
    uint64_t start = geometry->zone_bytes * zone_idx;
    int ret;

    ret = qcow2_zone_co_unmap(bs, start, start + geometry->zone_bytes,
                              qcow2_zone_hide_end(bs, zone_idx));
    trace_qcow2_zone_begin_life(bs, zone_idx, ret);
    return ret;
}

/*
 * Whole clusters become zero clusters, or stay unallocated where there is
 * nothing to hide.  Nothing of this is below a write pointer: a crash leaves
 * some of it.
 */
int coroutine_fn
qcow2_zone_co_hide(BlockDriverState *bs, uint32_t zone_idx, uint64_t start,
                   uint64_t end)
{
    return qcow2_zone_co_unmap(bs, start, end,
                               qcow2_zone_hide_end(bs, zone_idx));
}
