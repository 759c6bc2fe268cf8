/*
 * Zoned qcow2 images: a raw external data file is what the guest sees
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Whoever reads the file without the image passes the read clamp by: bytes
 * above a write pointer have to be zeros in the file itself.
 */

#include "qemu/osdep.h"
#include "qemu/main-loop.h"
#include "qapi/error.h"
#include "block/zone/qcow2/internal.h"
#include "block/zone/trace.h"

const char *qcow2_zone_raw_name(BlockDriverState *bs)
{
    BDRVQcow2State *s = bs->opaque;
    BlockDriverState *file = s->data_file->bs;

    return file->filename[0] ? file->filename : bdrv_get_node_name(file);
}

/*
 * How much from offset on is zero, or is not (returns 1).  0 bytes at the end
 * of the file.
 */
static int coroutine_fn GRAPH_RDLOCK
qcow2_zone_co_raw_extent(BlockDriverState *bs, uint64_t offset, uint64_t end,
                         int64_t *bytes)
{
    BDRVQcow2State *s = bs->opaque;
    int ret = bdrv_co_block_status(s->data_file->bs, offset, end - offset,
                                   bytes, NULL, NULL);

    return ret < 0 ? ret : !(ret & BDRV_BLOCK_ZERO);
}

int coroutine_fn
qcow2_zone_co_zero_raw(BlockDriverState *bs, uint64_t offset, uint64_t end)
{
    BDRVQcow2State *s = bs->opaque;
    int64_t n;
    int ret = 0;

    for (; offset < end; offset += n) {
        ret = qcow2_zone_co_raw_extent(bs, offset, end, &n);
        if (ret < 0 || n == 0) {
            break;
        }
        if (ret) {
            n = MIN(n, QCOW2_ZONE_HOLE_BYTES);
            ret = bdrv_co_pwrite_zeroes(s->data_file, offset, n,
                                        BDRV_REQ_MAY_UNMAP);
            if (ret < 0) {
                break;
            }
        }
    }
    return MIN(ret, 0);
}

/*
 * A node that is being opened has no parents, and so no permission to write to
 * its data file: it is taken.  That cannot be done in an iothread, where a node
 * is activated: 0 if it has no parent there that writes.
 */
static int coroutine_fn GRAPH_RDLOCK
qcow2_zone_co_may_zero(BlockDriverState *bs, Error **errp)
{
    BDRVQcow2State *s = bs->opaque;
    BdrvChild *child = s->data_file;
    int ret;

    if (child->perm & BLK_PERM_WRITE) {
        return 1;
    }
    if (!qemu_in_main_thread()) {
        return 0;
    }
    ret = bdrv_child_try_set_perm(child, child->perm | BLK_PERM_WRITE,
                                  child->shared_perm, errp);
    return ret < 0 ? ret : 1;
}

/* From where on a zone has to have zeros; its end where all may be data */
static uint64_t qcow2_zone_raw_zeros(Qcow2Zone *zone, uint32_t zone_idx)
{
    uint64_t word;

    zone_io_lock(zone->io);
    word = zone_table_word(zone_io_table(zone->io), zone_idx);
    zone_io_unlock(zone->io);
    if (zone_idx < zone->geometry.conventional_zones ||
        zone_word_state(word) == ZONE_WORD_OFFLINE) {
        return (zone_idx + UINT64_C(1)) * zone->geometry.zone_bytes;
    }
    return zone_word_wp_bytes(word);
}

/*
 * Zeros the first extent of data from offset on that has to be zeros.  Returns
 * where it ends, or an error.
 */
static int64_t coroutine_fn GRAPH_RDLOCK
qcow2_zone_co_clean_extent(BlockDriverState *bs, uint64_t offset,
                           Error **errp)
{
    Qcow2Zone *zone = qcow2_zone(bs);
    uint64_t zone_bytes = zone->geometry.zone_bytes;
    uint64_t device_bytes = zone_bytes * zone->geometry.nr_zones;
    uint32_t zone_idx = offset / zone_bytes;
    uint64_t zone_end = (zone_idx + UINT64_C(1)) * zone_bytes;
    int64_t n;
    int ret;

    offset = MAX(offset, qcow2_zone_raw_zeros(zone, zone_idx));
    if (offset >= zone_end) {
        return zone_end;
    }
    ret = qcow2_zone_co_raw_extent(bs, offset, device_bytes, &n);
    if (ret >= 0 && n == 0) {
        return device_bytes; /* the file ends here */
    }
    if (ret == 0) {
        return offset + n; /* a hole may go on behind the zone */
    }
    if (ret > 0) {
        ret = qcow2_zone_co_may_zero(bs, errp);
    }
    if (ret <= 0) {
        return ret < 0 ? ret : device_bytes;
    }
    n = MIN(n, zone_end - offset);
    ret = qcow2_zone_co_zero_raw(bs, offset, offset + n);
    trace_qcow2_zone_clean_raw(bs, offset, n, ret);
    return ret < 0 ? ret : offset + n;
}

/*
 * Goes through the extents of the file, not through its zones.
 *
 * 1. Extents of data above a write pointer are zeroed.  Nothing is flushed: a
 *    crash may leave any of them, for the next time.
 */
int coroutine_fn qcow2_zone_co_clean_raw(BlockDriverState *bs, Error **errp)
{
    ERRP_GUARD();
    BDRVQcow2State *s = bs->opaque;
    const ZoneGeometry *geometry = &s->zone->geometry;
    uint64_t device_bytes = geometry->zone_bytes * geometry->nr_zones;
    uint64_t perm, shared;
    int64_t offset = 0;

    /* a node that does no I/O has no data file */
    if (!data_file_is_raw(bs) || !s->data_file) {
        return 0;
    }
    perm = s->data_file->perm;
    shared = s->data_file->shared_perm;
    while (offset >= 0 && offset < device_bytes) {
        offset = qcow2_zone_co_clean_extent(bs, offset, errp);
    }
    if (s->data_file->perm != perm) {
        bdrv_child_try_set_perm(s->data_file, perm, shared, NULL);
    }
    if (offset >= 0) {
        return 0;
    }
    if (!*errp) {
        error_setg_errno(errp, -offset, "I/O failed");
    }
    error_prepend(errp, "Could not zero what is above the write pointers in "
                  "the raw data file '%s': ", qcow2_zone_raw_name(bs));
    return offset;
}
