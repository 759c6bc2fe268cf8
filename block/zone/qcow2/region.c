/*
 * Zoned qcow2 images: regions for words and extensions
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A region is made as a whole, before anything leads to it.  What the one in
 * use gets afterwards is the matter of words.c.
 */

#include "qemu/osdep.h"
#include "qemu/bswap.h"
#include "qemu/units.h"
#include "block/zone/qcow2/internal.h"

/* Words are made in pieces of this */
#define QCOW2_ZONE_IO_WORDS     (128 * 1024)
/* A region of this length may take space, where its zeros do */
#define QCOW2_ZONE_DENSE_BYTES  (1 * MiB)
/* Extensions are copied in pieces of this */
#define QCOW2_ZONE_COPY_BYTES   (1 * MiB)

/*
 * A region whose refcounts fit into a block is allocated like anything else.
 * The search for a longer one would begin anew for each block that it makes,
 * and the blocks would be in its way: here they all come first.
 */
static int64_t coroutine_fn GRAPH_RDLOCK
qcow2_zone_co_alloc_region(BlockDriverState *bs, uint64_t bytes)
{
    BDRVQcow2State *s = bs->opaque;
    int64_t clusters = size_to_clusters(s, bytes);
    int overlap_check = s->overlap_check;
    int64_t file_bytes, last, offset, n;

    if (clusters <= s->refcount_block_size) {
        return qcow2_alloc_clusters(bs, bytes);
    }
    file_bytes = bdrv_co_getlength(bs->file->bs);
    if (file_bytes < 0) {
        return file_bytes;
    }
    last = qcow2_get_last_cluster(bs, file_bytes);
    if (last < 0) {
        return last;
    }
    /* for each block written, a check would look at all tables of an image */
    s->overlap_check = 0;
    offset = qcow2_refcount_area(bs, (last + 1) << s->cluster_bits, clusters,
                                 false, 0, 0);
    if (offset >= 0) {
        n = qcow2_alloc_clusters_at(bs, offset, clusters);
        offset = n < 0 ? n : n < clusters ? -EIO : offset;
    }
    s->overlap_check = overlap_check;
    return offset;
}

/*
 * A region can have hundreds of GiB: zeros must not take space for nothing.  A
 * short one does: when much of a file is missing, the base takes its metadata
 * for preallocated, and asks the file for the status of every cluster.
 */
static int coroutine_fn GRAPH_RDLOCK
qcow2_zone_co_zero_region(BlockDriverState *bs, const Qcow2ZoneLayout *layout)
{
    BDRVQcow2State *s = bs->opaque;
    int64_t start = layout->meta_offset;
    int64_t end = start + ROUND_UP(layout->meta_bytes, s->cluster_size);
    int64_t file_bytes = bdrv_co_getlength(bs->file->bs);
    int64_t n = MIN(end, file_bytes) - start;
    int ret = 0;

    if (file_bytes < 0) {
        return file_bytes;
    }
    if (end - start <= QCOW2_ZONE_DENSE_BYTES) {
        return bdrv_co_pwrite_zeroes(bs->file, start, end - start, 0);
    }
    if (n > 0) {
        ret = bdrv_co_pwrite_zeroes(bs->file, start, n, BDRV_REQ_MAY_UNMAP);
        start += n;
    }
    if (ret < 0 || start == end ||
        bdrv_co_truncate(bs->file, end, false, PREALLOC_MODE_OFF,
                         BDRV_REQ_ZERO_WRITE, NULL) >= 0) {
        return ret;
    }
    return bdrv_co_pwrite_zeroes(bs->file, start, end - start,
                                 BDRV_REQ_MAY_UNMAP);
}

int coroutine_fn
qcow2_zone_co_write_words(BlockDriverState *bs, const Qcow2ZoneLayout *layout,
                          const uint64_t *words)
{
    const ZoneGeometry *geometry = &layout->geometry;
    const uint32_t max = MIN(geometry->nr_zones, QCOW2_ZONE_IO_WORDS);
    g_autofree uint64_t *be_words = g_try_new(uint64_t, max);
    uint32_t first, n, i;
    int ret;

    if (!be_words) {
        return -ENOMEM;
    }
    for (first = 0; first < geometry->nr_zones; first += n) {
        n = MIN(geometry->nr_zones - first, max);
        for (i = 0; i < n; i++) {
            be_words[i] = cpu_to_be64(words ? words[first + i] :
                                      zone_empty_word(geometry, first + i));
        }
        ret = qcow2_zone_co_store(bs, layout->meta_offset +
                                  (uint64_t)first * sizeof(*words),
                                  (uint64_t)n * sizeof(*words), be_words, 0);
        if (ret < 0) {
            return ret;
        }
    }
    return 0;
}

int coroutine_fn
qcow2_zone_co_create_region(BlockDriverState *bs, Qcow2ZoneLayout *layout,
                            const uint64_t *words)
{
    BDRVQcow2State *s = bs->opaque;
    int64_t offset;
    int ret;

    layout->meta_bytes = qcow2_zone_region_bytes(&layout->geometry,
                                                 layout->flags);
    qemu_co_mutex_lock(&s->lock);
    offset = qcow2_zone_co_alloc_region(bs, layout->meta_bytes);
    qemu_co_mutex_unlock(&s->lock);
    if (offset < 0) {
        return offset;
    }
    qcow2_zone_place_region(layout, offset);
    ret = qcow2_zone_co_zero_region(bs, layout);
    if (ret >= 0) {
        ret = qcow2_zone_co_write_words(bs, layout, words);
    }
    if (ret < 0) {
        qcow2_zone_co_free_region(bs, layout);
    }
    return ret;
}

void coroutine_fn
qcow2_zone_co_free_region(BlockDriverState *bs, const Qcow2ZoneLayout *layout)
{
    BDRVQcow2State *s = bs->opaque;

    qemu_co_mutex_lock(&s->lock);
    qcow2_free_clusters(bs, layout->meta_offset, layout->meta_bytes,
                        QCOW2_DISCARD_OTHER);
    qemu_co_mutex_unlock(&s->lock);
}

/* How many zones from zone_idx on have a valid extension, max at most */
static uint32_t count_extensions(const uint64_t *words, uint32_t zone_idx,
                                 uint32_t max)
{
    uint32_t n = 0;

    while (n < max &&
           (zone_word_attributes(words[zone_idx + n]) & ZONE_ATTR_ZDEV)) {
        n++;
    }
    return n;
}

int coroutine_fn
qcow2_zone_co_copy_extensions(BlockDriverState *from_bs,
                              const Qcow2ZoneLayout *from,
                              BlockDriverState *to_bs,
                              const Qcow2ZoneLayout *to, const uint64_t *words)
{
    uint32_t zde_bytes = from->geometry.zd_extension_bytes;
    uint32_t nr_zones = MIN(from->geometry.nr_zones, to->geometry.nr_zones);
    g_autofree uint8_t *buf = NULL;
    uint32_t i, n, max;
    int ret;

    if (!zde_bytes) {
        return 0;
    }
    max = MAX(QCOW2_ZONE_COPY_BYTES / zde_bytes, 1);
    buf = g_try_malloc((size_t)max * zde_bytes);
    if (!buf) {
        return -ENOMEM;
    }
    for (i = 0; i < nr_zones; i += MAX(n, 1)) {
        n = count_extensions(words, i, MIN(max, nr_zones - i));
        if (!n) {
            continue;
        }
        ret = bdrv_co_pread(from_bs->file,
                            from->zde_offset + (uint64_t)i * zde_bytes,
                            (uint64_t)n * zde_bytes, buf, 0);
        if (ret >= 0) {
            ret = qcow2_zone_co_store(to_bs,
                                      to->zde_offset + (uint64_t)i * zde_bytes,
                                      (uint64_t)n * zde_bytes, buf, 0);
        }
        if (ret < 0) {
            return ret;
        }
    }
    return 0;
}

void qcow2_zone_get_layout(Qcow2Zone *zone, Qcow2ZoneLayout *layout)
{
    *layout = (Qcow2ZoneLayout) {
        .version     = zone->version,
        .flags       = zone->flags,
        .geometry    = zone->geometry,
        .meta_offset = zone->meta_offset,
        .meta_bytes  = zone->meta_bytes,
        .zde_offset  = zone->zde_offset,
        .ring_offset = zone->ring.offset,
    };
}

void qcow2_zone_set_layout(Qcow2Zone *zone, const Qcow2ZoneLayout *layout)
{
    zone->geometry = layout->geometry;
    zone->version = layout->version;
    zone->flags = layout->flags;
    zone->meta_offset = layout->meta_offset;
    zone->meta_bytes = layout->meta_bytes;
    zone->zde_offset = layout->zde_offset;
    zone->ring.offset = layout->ring_offset;
}
