/*
 * qemu-img convert: zones that end behind their last data
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The data is there, and nothing says where it ends in each zone.
 */

#include "qemu/osdep.h"
#include "qemu/cutils.h"
#include "qemu/memalign.h"
#include "qemu/units.h"
#include "qapi/error.h"
#include "block/block-io.h"
#include "block/block_int.h"
#include "block/zone/img/copy.h"
#include "system/block-backend.h"

/* What a drive is written in: write pointers are multiples of it */
#define FROM_DATA_BLOCK_BYTES   4096
#define FROM_DATA_READ_BYTES    (1 * MiB)

/* What may be data, in ascending order */
typedef struct DataExtent {
    int64_t offset;
    int64_t bytes;
} DataExtent;

static int block_status(BlockDriverState *bs, int64_t offset, int64_t bytes,
                        int64_t *n)
{
    GRAPH_RDLOCK_GUARD_MAINLOOP();
    return bdrv_block_status_above(bs, NULL, offset, bytes, n, NULL, NULL);
}

static int list_extents(BlockBackend *blk, int64_t offset, int64_t end,
                        GArray *extents)
{
    DataExtent extent;
    int ret;

    for (; offset < end; offset += extent.bytes) {
        extent.offset = offset;
        ret = block_status(blk_bs(blk), offset, end - offset, &extent.bytes);
        if (ret < 0) {
            return ret;
        }
        if (!(ret & BDRV_BLOCK_ZERO)) {
            g_array_append_val(extents, extent);
        }
    }
    return 0;
}

/*
 * The end of what is not zero in an extent, read from its end: its offset if
 * all is
 */
static int64_t find_end(BlockBackend *blk, const DataExtent *extent,
                        uint8_t *buf)
{
    int64_t end = extent->offset + extent->bytes;
    int64_t n;
    int ret;

    for (; end > extent->offset; end -= n) {
        n = MIN(end - extent->offset, FROM_DATA_READ_BYTES);
        ret = blk_pread(blk, end - n, n, buf, 0);
        if (ret < 0) {
            return ret;
        }
        if (!buffer_is_zero(buf, n)) {
            while (!buf[n - 1]) {
                n--;
                end--;
            }
            return end;
        }
    }
    return end;
}

/* The end of the data of [offset, end); offset if all of it is zero */
static int64_t find_data_end(BlockBackend *blk, int64_t offset, int64_t end,
                             uint8_t *buf)
{
    g_autoptr(GArray) extents = g_array_new(false, false, sizeof(DataExtent));
    int64_t ret = list_extents(blk, offset, end, extents);
    guint i;

    for (i = extents->len; ret >= 0 && i-- > 0;) {
        const DataExtent *extent = &g_array_index(extents, DataExtent, i);

        ret = find_end(blk, extent, buf);
        if (ret < 0 || ret > extent->offset) {
            return ret;
        }
    }
    return ret < 0 ? ret : offset;
}

/* False, with an error, when the data does not fit into the zone */
static bool word_from_data(BlockBackend *blk, uint32_t zone_idx,
                           int64_t data_bytes, uint8_t *buf, uint64_t *word,
                           Error **errp)
{
    const ZoneGeometry *g = zone_io_geometry(bdrv_zone_io(blk_bs(blk)));
    uint64_t start = g->zone_bytes * zone_idx;
    int64_t end;

    *word = zone_empty_word(g, zone_idx);
    if (zone_idx < g->conventional_zones || start >= data_bytes) {
        return true;
    }
    end = find_data_end(blk, start, MIN(start + g->zone_bytes, data_bytes),
                        buf);
    if (end < 0) {
        error_setg_errno(errp, -end, "Could not look for data in zone %" PRIu32
                         " of image '%s'", zone_idx, blk_bs(blk)->filename);
        return false;
    }
    if (end > start + g->capacity_bytes) {
        error_setg(errp, "Zone %" PRIu32 " has data up to position %" PRId64
                   ", but its capacity ends at %" PRIu64, zone_idx, end,
                   start + g->capacity_bytes);
        return false;
    }
    end = start + ROUND_UP(end - start, FROM_DATA_BLOCK_BYTES);
    *word = zone_word_encode(ZONE_WORD_DERIVED, false, 0, end);
    return true;
}

uint64_t *img_zones_from_data(BlockBackend *blk, int64_t data_bytes,
                              Error **errp)
{
    uint32_t nr_zones = zone_io_geometry(bdrv_zone_io(blk_bs(blk)))->nr_zones;
    g_autofree uint64_t *words = g_new(uint64_t, nr_zones);
    QEMU_AUTO_VFREE uint8_t *buf = blk_blockalign(blk, FROM_DATA_READ_BYTES);
    uint32_t i;

    for (i = 0; i < nr_zones; i++) {
        if (!word_from_data(blk, i, data_bytes, buf, &words[i], errp)) {
            return NULL;
        }
    }
    return g_steal_pointer(&words);
}
