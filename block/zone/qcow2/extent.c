/*
 * Zoned qcow2 images: extents whose place in the data file is known
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Clusters that follow each other in the device and in the data file, and that
 * nobody else has (COPIED), are remembered as one extent.  Reads and writes
 * within it go straight to the data file: neither s->lock nor an L2 table is
 * looked at.  That is what qcow2 does to such clusters, too: it leaves their
 * mapping alone, and gives s->lock back before their data is read or written.
 *
 * Whoever changes the L2 entry of such a cluster, or the reference count of a
 * cluster, forgets the extents near it in the file (set_l2_entry(),
 * set_l2_bitmap(), update_refcount()); whoever takes another L1 table forgets
 * all.  Both happen with s->lock held, or while the node is drained, and before
 * anybody else can get the cluster.  So an extent that is found says what the
 * L2 table would.
 */

#include "qemu/osdep.h"
#include "qemu/host-utils.h"
#include "qemu/range.h"
#include "qemu/seqlock.h"
#include "qemu/thread.h"
#include "block/zone/qcow2/internal.h"
#include "block/zone/trace.h"

/* An extent lies in one part of the device of this length, a power of two */
#define QCOW2_ZONE_PART_BITS    24
/* Changes are counted for parts of the file, of the same length */
#define QCOW2_ZONE_NR_COUNTERS  64
/* Extents of one part that are known; and of how many parts, at most */
#define QCOW2_ZONE_NR_WAYS      4
#define QCOW2_ZONE_MAX_SET_BITS 11
/*
 * To look for an extent in an L2 table takes as long as some requests do.  Each
 * request brings one unit, a search takes this many, and so many searches can
 * follow each other: where little is known, or can be, they are rare.
 */
#define QCOW2_ZONE_SEARCH_UNITS 16
#define QCOW2_ZONE_MAX_UNITS    (4096 * QCOW2_ZONE_SEARCH_UNITS)

typedef struct KnownExtent {
    uint64_t start;             /* of the device */
    uint64_t end;               /* 0: none */
    uint64_t host_offset;
    uint64_t changes;           /* in its parts of the file, up to now */
} KnownExtent;

struct Qcow2ZoneExtents {
    QemuMutex lock;             /* of those who write */
    /*
     * those who read take no lock, and do not wait: what they find amid a write
     * is not known
     */
    QemuSeqLock sequence;
    /*
     * see QCOW2_ZONE_SEARCH_UNITS; one that is lost among threads does not
     * matter
     */
    uint32_t units;
    uint32_t next_way;          /* to be taken when all are in use */
    unsigned set_bits;
    uint64_t changes[QCOW2_ZONE_NR_COUNTERS];
    KnownExtent extents[];
};

/* Life *******************************************************************/

void qcow2_zone_extents_init(BlockDriverState *bs)
{
    Qcow2Zone *zone = qcow2_zone(bs);
    uint64_t nr_parts = DIV_ROUND_UP(zone->geometry.zone_bytes *
                                     zone->geometry.nr_zones,
                                     UINT64_C(1) << QCOW2_ZONE_PART_BITS);
    unsigned set_bits = MIN(ctz64(pow2ceil(nr_parts)), QCOW2_ZONE_MAX_SET_BITS);
    size_t extents_bytes = (sizeof(KnownExtent) * QCOW2_ZONE_NR_WAYS) <<
                           set_bits;
    Qcow2ZoneExtents *known;

    if (bs->encrypted) {
        return;
    }
    known = g_try_malloc0(sizeof(*known) + extents_bytes);
    if (!known) {
        return; /* slower, but right */
    }
    qemu_mutex_init(&known->lock);
    seqlock_init(&known->sequence);
    known->set_bits = set_bits;
    known->units = QCOW2_ZONE_MAX_UNITS;
    zone->extents = known;
}

void qcow2_zone_extents_cleanup(Qcow2Zone *zone)
{
    if (zone->extents) {
        qemu_mutex_destroy(&zone->extents->lock);
        g_free(zone->extents);
        zone->extents = NULL;
    }
}

/* Changes ****************************************************************/

static uint64_t host_changes(const Qcow2ZoneExtents *known,
                             uint64_t host_offset)
{
    uint64_t part = host_offset >> QCOW2_ZONE_PART_BITS;

    return qatomic_read_u64(&known->changes[part % QCOW2_ZONE_NR_COUNTERS]);
}

/* It is no longer than a part: it is in two at most */
static uint64_t extent_changes(const Qcow2ZoneExtents *known,
                               uint64_t host_offset, uint64_t bytes)
{
    return host_changes(known, host_offset) +
           host_changes(known, host_offset + bytes - 1);
}

void qcow2_zone_forget(Qcow2Zone *zone, uint64_t host_offset, uint64_t bytes)
{
    Qcow2ZoneExtents *known = zone ? zone->extents : NULL;
    uint64_t first = host_offset >> QCOW2_ZONE_PART_BITS;
    uint64_t last = (host_offset + bytes - 1) >> QCOW2_ZONE_PART_BITS;
    uint64_t *changes;
    uint64_t i;

    if (!known) {
        return;
    }
    last = MIN(last, first + QCOW2_ZONE_NR_COUNTERS - 1);
    seqlock_write_lock(&known->sequence, &known->lock);
    for (i = first; i <= last; i++) {
        changes = &known->changes[i % QCOW2_ZONE_NR_COUNTERS];
        qatomic_set_u64(changes, *changes + 1);
    }
    seqlock_write_unlock(&known->sequence, &known->lock);
}

/* Clusters that others may have are not known */
void qcow2_zone_forget_entry(Qcow2Zone *zone, uint64_t l2_entry)
{
    if (l2_entry & QCOW_OFLAG_COPIED) {
        qcow2_zone_forget(zone, l2_entry & L2E_OFFSET_MASK, 1);
    }
}

void qcow2_zone_forget_all(Qcow2Zone *zone)
{
    qcow2_zone_forget(zone, 0, QCOW2_ZONE_NR_COUNTERS *
                               (UINT64_C(1) << QCOW2_ZONE_PART_BITS));
}

/* Extents that are known *************************************************/

/* Nothing of an extent is in two parts, nor in two slices of an L2 table */
static unsigned part_bits(BDRVQcow2State *s)
{
    return MIN(s->cluster_bits + ctz32(s->l2_slice_size),
               QCOW2_ZONE_PART_BITS);
}

/* Parts at the same place of long zones get different sets */
static KnownExtent *extents_set(BDRVQcow2State *s, Qcow2ZoneExtents *known,
                                uint64_t offset)
{
    uint64_t part = offset >> part_bits(s);
    uint64_t set = (part ^ (part >> known->set_bits)) &
                   ((1 << known->set_bits) - 1);

    return &known->extents[set * QCOW2_ZONE_NR_WAYS];
}

/* True if it is valid and has all of the range */
static bool extent_find(const Qcow2ZoneExtents *known,
                        const KnownExtent *extent, uint64_t offset,
                        uint64_t bytes, uint64_t *host_offset)
{
    uint64_t start = qatomic_read_u64(&extent->start);
    uint64_t end = qatomic_read_u64(&extent->end);
    uint64_t host_start;

    if (offset < start || offset + bytes > end) {
        return false;
    }
    host_start = qatomic_read_u64(&extent->host_offset);
    *host_offset = host_start + (offset - start);
    return qatomic_read_u64(&extent->changes) ==
           extent_changes(known, host_start, end - start);
}

static bool extents_find(BDRVQcow2State *s, Qcow2ZoneExtents *known,
                         uint64_t offset, uint64_t bytes,
                         uint64_t *host_offset)
{
    const KnownExtent *set = extents_set(s, known, offset);
    unsigned sequence = seqlock_read_begin(&known->sequence);
    unsigned i;

    for (i = 0; i < QCOW2_ZONE_NR_WAYS; i++) {
        if (extent_find(known, &set[i], offset, bytes, host_offset)) {
            return !seqlock_read_retry(&known->sequence, sequence);
        }
    }
    return false;
}

/* Is it time to look for what is not known? */
static bool extents_take_units(Qcow2ZoneExtents *known, bool found)
{
    uint32_t units = qatomic_read(&known->units);

    if (!found && units >= QCOW2_ZONE_SEARCH_UNITS) {
        qatomic_set(&known->units, units - QCOW2_ZONE_SEARCH_UNITS);
        return true;
    }
    if (units < QCOW2_ZONE_MAX_UNITS) {
        qatomic_set(&known->units, units + 1);
    }
    return false;
}

static bool extent_is_free(const Qcow2ZoneExtents *known,
                           const KnownExtent *extent)
{
    return !extent->end ||
           extent->changes != extent_changes(known, extent->host_offset,
                                             extent->end - extent->start);
}

/* In place of what it replaces, of one that is no longer valid, or of any */
static void extents_add(BDRVQcow2State *s, Qcow2ZoneExtents *known,
                        const KnownExtent *extent)
{
    KnownExtent *set = extents_set(s, known, extent->start);
    uint64_t bytes = extent->end - extent->start;
    uint32_t i, way;

    seqlock_write_lock(&known->sequence, &known->lock);
    way = known->next_way++ % QCOW2_ZONE_NR_WAYS;
    for (i = 0; i < QCOW2_ZONE_NR_WAYS; i++) {
        if (extent_is_free(known, &set[i]) ||
            ranges_overlap(set[i].start, set[i].end - set[i].start,
                           extent->start, bytes)) {
            way = i;
        }
    }
    qatomic_set_u64(&set[way].start, extent->start);
    qatomic_set_u64(&set[way].end, extent->end);
    qatomic_set_u64(&set[way].host_offset, extent->host_offset);
    qatomic_set_u64(&set[way].changes,
                    extent_changes(known, extent->host_offset, bytes));
    seqlock_write_unlock(&known->sequence, &known->lock);
}

/* Extents that are found in L2 tables ************************************/

/*
 * Is it a whole cluster of data at host_offset, and nobody else's?  No other
 * bit may be set in its entry.
 */
static bool l2_is_at(BDRVQcow2State *s, uint64_t *l2_slice, int idx,
                     uint64_t host_offset)
{
    return get_l2_entry(s, l2_slice, idx) ==
           (host_offset | QCOW_OFLAG_COPIED) &&
           (!has_subclusters(s) || get_l2_bitmap(s, l2_slice, idx) ==
                                   QCOW_L2_BITMAP_ALL_ALLOC);
}

/* The extent around offset, as far as a part goes, within a slice */
static void l2_get_extent(BDRVQcow2State *s, uint64_t *l2_slice,
                          uint64_t offset, uint64_t host_offset,
                          KnownExtent *extent)
{
    int idx = offset_to_l2_slice_index(s, offset);
    int nr = 1 << (part_bits(s) - s->cluster_bits);
    int min = QEMU_ALIGN_DOWN(idx, nr);
    int first = idx;
    int end = idx + 1;
    int64_t first_host = host_offset;
    int64_t end_host = host_offset + s->cluster_size;

    for (; first > min && first_host > 0 &&
         l2_is_at(s, l2_slice, first - 1, first_host - s->cluster_size);
         first--) {
        first_host -= s->cluster_size;
    }
    for (; end < min + nr && l2_is_at(s, l2_slice, end, end_host); end++) {
        end_host += s->cluster_size;
    }
    extent->host_offset = first_host;
    extent->start = start_of_cluster(s, offset) - (host_offset - first_host);
    extent->end = extent->start + (end_host - first_host);
}

/* May data be at host_offset?  In a file of its own it may be at 0, too */
static bool GRAPH_RDLOCK
is_data_offset(BlockDriverState *bs, uint64_t host_offset)
{
    return !offset_into_cluster(bs->opaque, host_offset) &&
           (host_offset || has_data_file(bs));
}

/*
 * With s->lock held.  False where there is none; what is wrong with the image
 * is for qcow2 to find.
 */
static bool coroutine_fn GRAPH_RDLOCK
l2_co_find_extent(BlockDriverState *bs, uint64_t offset, KnownExtent *extent)
{
    BDRVQcow2State *s = bs->opaque;
    int l1_index = offset_to_l1_index(s, offset);
    int idx = offset_to_l2_slice_index(s, offset);
    uint64_t l2_offset = l1_index < s->l1_size ? s->l1_table[l1_index] &
                                                 L1E_OFFSET_MASK : 0;
    uint64_t slice_bytes = (offset_to_l2_index(s, offset) - idx) *
                           l2_entry_size(s);
    uint64_t host_offset;
    void *l2_slice;
    bool found;

    if (!l2_offset || offset_into_cluster(s, l2_offset) ||
        qcow2_cache_get(bs, s->l2_table_cache, l2_offset + slice_bytes,
                        &l2_slice) < 0) {
        return false;
    }
    host_offset = get_l2_entry(s, l2_slice, idx) & L2E_OFFSET_MASK;
    found = is_data_offset(bs, host_offset) &&
            l2_is_at(s, l2_slice, idx, host_offset);
    if (found) {
        l2_get_extent(s, l2_slice, offset, host_offset, extent);
    }
    qcow2_cache_put(s->l2_table_cache, &l2_slice);
    return found;
}

/* The check that each write makes elsewhere; only those find it corrupt */
static bool coroutine_fn GRAPH_RDLOCK
extent_overlaps_metadata(BlockDriverState *bs, const KnownExtent *extent)
{
    return !has_data_file(bs) &&
           qcow2_check_metadata_overlap(bs, 0, extent->host_offset,
                                        extent->end - extent->start);
}

static bool coroutine_fn GRAPH_RDLOCK
extents_co_search(BlockDriverState *bs, uint64_t offset, uint64_t bytes,
                  uint64_t *host_offset)
{
    BDRVQcow2State *s = bs->opaque;
    KnownExtent extent;
    bool found;

    qemu_co_mutex_lock(&s->lock);
    found = l2_co_find_extent(bs, offset, &extent) &&
            !extent_overlaps_metadata(bs, &extent);
    if (found) {
        extents_add(s, s->zone->extents, &extent);
        trace_qcow2_zone_extent(bs, extent.start, extent.end - extent.start,
                                extent.host_offset);
    }
    qemu_co_mutex_unlock(&s->lock);
    if (!found || offset + bytes > extent.end) {
        return false;
    }
    *host_offset = extent.host_offset + (offset - extent.start);
    return true;
}

/* Is all of it within one extent? */
static bool coroutine_fn GRAPH_RDLOCK
extents_co_find(BlockDriverState *bs, uint64_t offset, uint64_t bytes,
                uint64_t *host_offset)
{
    BDRVQcow2State *s = bs->opaque;
    Qcow2ZoneExtents *known = s->zone ? s->zone->extents : NULL;
    bool found;

    if (!known) {
        return false;
    }
    found = extents_find(s, known, offset, bytes, host_offset);
    return extents_take_units(known, found)
           ? extents_co_search(bs, offset, bytes, host_offset) : found;
}

/* Requests ***************************************************************/

int coroutine_fn
qcow2_zone_co_preadv_part(BlockDriverState *bs, int64_t offset, int64_t bytes,
                          QEMUIOVector *qiov, size_t qiov_offset,
                          BdrvRequestFlags flags)
{
    BDRVQcow2State *s = bs->opaque;
    uint64_t host_offset;

    if (!extents_co_find(bs, offset, bytes, &host_offset)) {
        return qcow2_co_preadv_part(bs, offset, bytes, qiov, qiov_offset,
                                    flags);
    }
    trace_qcow2_zone_known(bs, "read", offset, bytes, host_offset);
    BLKDBG_CO_EVENT(bs->file, BLKDBG_READ_AIO);
    return bdrv_co_preadv_part(s->data_file, host_offset, bytes, qiov,
                               qiov_offset, 0);
}

/*
 * No metadata changes.  The mapping may be in the caches alone: the commit that
 * stores a word flushes them before, and the data.
 */
int coroutine_fn
qcow2_zone_co_pwritev_part(BlockDriverState *bs, int64_t offset, int64_t bytes,
                           QEMUIOVector *qiov, size_t qiov_offset,
                           BdrvRequestFlags flags)
{
    BDRVQcow2State *s = bs->opaque;
    uint64_t host_offset;

    if (!extents_co_find(bs, offset, bytes, &host_offset)) {
        return qcow2_co_pwritev_part(bs, offset, bytes, qiov, qiov_offset,
                                     flags);
    }
    trace_qcow2_zone_known(bs, "write", offset, bytes, host_offset);
    BLKDBG_CO_EVENT(bs->file, BLKDBG_WRITE_AIO);
    return bdrv_co_pwritev_part(s->data_file, host_offset, bytes, qiov,
                                qiov_offset, 0);
}
