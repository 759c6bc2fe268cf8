/*
 * Zoned qcow2 images: an overlay gives up what its base has now
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "block/block-io.h"
#include "block/zone/qcow2/internal.h"

static bool qcow2_zone_is_free(BlockDriverState *bs, int64_t cluster)
{
    uint64_t refcount;

    return qcow2_get_refcount(bs, cluster, &refcount) >= 0 && !refcount;
}

/* What nobody takes back does no harm */
static void GRAPH_RDLOCK qcow2_zone_punch_free(BlockDriverState *bs)
{
    BDRVQcow2State *s = bs->opaque;
    int64_t nr_clusters = bdrv_getlength(bs->file->bs) >> s->cluster_bits;
    int64_t cluster, n;

    for (cluster = 0; cluster < nr_clusters; cluster += n + 1) {
        for (n = 0; cluster + n < nr_clusters &&
             qcow2_zone_is_free(bs, cluster + n); n++) {
            /* the run goes on */
        }
        if (n && bdrv_pdiscard(bs->file, cluster << s->cluster_bits,
                               n << s->cluster_bits) < 0) {
            break;
        }
    }
}

static void GRAPH_RDLOCK qcow2_zone_punch_data_file(BlockDriverState *bs)
{
    BDRVQcow2State *s = bs->opaque;
    int64_t data_bytes = bdrv_getlength(s->data_file->bs);

    if (data_bytes > 0) {
        bdrv_pdiscard(s->data_file, 0, data_bytes);
    }
}

/*
 * 1. The mapping goes, and is flushed.  A crash leaves some of it, with all the
 *    data that it leads to: qcow2_make_empty() by itself would punch holes
 *    there before the L2 tables are on disk.
 * 2. Holes are punched where nothing leads any more.  A crash leaves some.
 */
int qcow2_zone_make_empty(BlockDriverState *bs)
{
    BDRVQcow2State *s = bs->opaque;
    bool *passes = &s->discard_passthrough[QCOW2_DISCARD_SNAPSHOT];
    bool punches = *passes;
    int ret;

    *passes = false;
    ret = bs->drv->bdrv_make_empty(bs);
    *passes = punches;
    if (ret >= 0) {
        ret = bdrv_flush(bs);
    }
    if (ret >= 0 && punches) {
        qcow2_zone_punch_free(bs);
        if (has_data_file(bs)) {
            qcow2_zone_punch_data_file(bs);
        }
    }
    return ret;
}
