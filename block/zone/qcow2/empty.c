/*
 * Zoned qcow2 images: an overlay gives up what its base has now
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/bitmap.h"
#include "block/block-io.h"
#include "block/zone/qcow2/internal.h"

static bool GRAPH_RDLOCK
qcow2_zone_is_free(BlockDriverState *bs, int64_t cluster)
{
    uint64_t refcount;

    return qcow2_get_refcount(bs, cluster, &refcount) >= 0 && !refcount;
}

/* The clusters of the file that are in use; NULL: nobody knows */
static unsigned long *GRAPH_RDLOCK
qcow2_zone_get_used(BlockDriverState *bs, int64_t *nr_clusters)
{
    BDRVQcow2State *s = bs->opaque;
    int64_t file_bytes = bdrv_getlength(bs->file->bs);
    unsigned long *used;
    int64_t i;

    *nr_clusters = MAX(file_bytes, 0) >> s->cluster_bits;
    used = bitmap_try_new(*nr_clusters);
    for (i = 0; used && i < *nr_clusters; i++) {
        if (!qcow2_zone_is_free(bs, i)) {
            set_bit(i, used);
        }
    }
    return used;
}

/*
 * Those that were used and are not any more, run by run.  What nobody takes
 * back does no harm.
 */
static void GRAPH_RDLOCK
qcow2_zone_punch_freed(BlockDriverState *bs, const unsigned long *used,
                       int64_t nr_clusters)
{
    BDRVQcow2State *s = bs->opaque;
    int64_t cluster, n;

    for (cluster = 0; cluster < nr_clusters; cluster += n + 1) {
        for (n = 0; cluster + n < nr_clusters && test_bit(cluster + n, used) &&
             qcow2_zone_is_free(bs, cluster + n); n++) {
            /* the run goes on */
        }
        if (n && bdrv_pdiscard(bs->file, cluster << s->cluster_bits,
                               n << s->cluster_bits) < 0) {
            break;
        }
    }
}

/*
 * 0. The ring becomes empty: a record's data is looked for in this image alone.
 * 1. The mapping goes, and is flushed.  A crash leaves some of it, with all the
 *    data that it leads to: qcow2_make_empty() by itself would punch holes
 *    there before the L2 tables are on disk.
 * 2. Holes are punched where nothing leads any more.  A crash leaves some.
 *
 * After an error in 1, later calls punch nothing of it: they change no L2
 * table, and the disk may have lost those of before for good.  An external data
 * file keeps its clusters.
 */
int qcow2_zone_make_empty(BlockDriverState *bs)
{
    BDRVQcow2State *s = bs->opaque;
    bool *passes = &s->discard_passthrough[QCOW2_DISCARD_SNAPSHOT];
    bool punches = *passes;
    g_autofree unsigned long *used = NULL;
    int64_t nr_clusters = 0;
    int ret = qcow2_zone_sync(bs);

    if (ret < 0) {
        return ret;
    }
    if (punches) {
        used = qcow2_zone_get_used(bs, &nr_clusters);
    }
    *passes = false;
    ret = bs->drv->bdrv_make_empty(bs);
    *passes = punches;
    if (ret >= 0) {
        ret = bdrv_flush(bs);
    }
    if (ret >= 0 && used) {
        qcow2_zone_punch_freed(bs, used, nr_clusters);
    }
    return ret;
}
