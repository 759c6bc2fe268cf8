/*
 * qemu-img commit: a zoned overlay into the image below it
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Until the base has the zones of the overlay it says that it is not finished,
 * and keeps its old ones: whatever the overlay shows of it stays as it was.  So
 * the overlay has all, and the commit can be started again.
 */

#include "qemu/osdep.h"
#include "qemu/memalign.h"
#include "qemu/qemu-progress.h"
#include "qemu/units.h"
#include "qapi/error.h"
#include "block/block-io.h"
#include "block/block_int.h"
#include "block/throttle-groups.h"
#include "block/zone/img/copy.h"
#include "system/block-backend.h"

#define COMMIT_BYTES            (2 * MiB)
#define COMMIT_THROTTLE_GROUP   "img_zones_commit"

typedef struct ImgZoneCommit {
    BlockBackend *blk;
    BlockBackend *base;
    uint64_t *words;            /* that the base will have */
    uint64_t *base_words;       /* ... and has before */
    uint8_t *buf;
} ImgZoneCommit;

/* Where data ends that can be read */
static uint64_t data_end(const ZoneGeometry *g, uint32_t zone_idx,
                         uint64_t word)
{
    uint64_t start = g->zone_bytes * zone_idx;

    switch (zone_stored_state(g, zone_idx, word)) {
    case ZONE_STATE_CONVENTIONAL:
        return start + g->zone_bytes;
    case ZONE_STATE_OFFLINE:
        return start;
    default:
        return zone_word_wp_bytes(word);
    }
}

static int block_status(ImgZoneCommit *c, int64_t offset, int64_t *bytes)
{
    GRAPH_RDLOCK_GUARD_MAINLOOP();
    return bdrv_block_status_above(blk_bs(c->blk), blk_bs(c->base), offset,
                                   *bytes, bytes, NULL, NULL);
}

static int copy_zeros(ImgZoneCommit *c, int64_t offset, int64_t bytes)
{
    return blk_pwrite_zeroes(c->base, offset, bytes, BDRV_REQ_MAY_UNMAP);
}

static int copy_data(ImgZoneCommit *c, int64_t offset, int64_t bytes)
{
    int ret = blk_pread(c->blk, offset, bytes, c->buf, 0);

    return ret < 0 ? ret : blk_pwrite(c->base, offset, bytes, c->buf, 0);
}

/*
 * What is allocated above the base, up to the write pointer.  What is not comes
 * from the base: data below its write pointer, zeros above.  Those have to be
 * there when the write pointer covers them.
 */
static int copy_zone(ImgZoneCommit *c, const ZoneGeometry *g, uint32_t zone_idx)
{
    int64_t end = data_end(g, zone_idx, c->words[zone_idx]);
    int64_t base_end = data_end(g, zone_idx, c->base_words[zone_idx]);
    int64_t offset = g->zone_bytes * zone_idx;
    int64_t n;
    int ret = 0;

    for (; offset < end && ret >= 0; offset += n) {
        n = MIN((offset < base_end ? MIN(end, base_end) : end) - offset,
                COMMIT_BYTES);
        ret = block_status(c, offset, &n);
        if (ret < 0) {
            break;
        }
        if (ret & BDRV_BLOCK_ZERO) {
            ret = copy_zeros(c, offset, n);
        } else if (ret & BDRV_BLOCK_ALLOCATED) {
            ret = copy_data(c, offset, n);
        } else if (offset >= base_end) {
            ret = copy_zeros(c, offset, n);
        }
    }
    return ret;
}

/* What the image below the base has there is not to show in a hole later */
static int hide_rest(ImgZoneCommit *c, const ZoneGeometry *g, uint32_t zone_idx)
{
    int64_t end = data_end(g, zone_idx, c->words[zone_idx]);
    int64_t start = g->zone_bytes * zone_idx;

    if (!blk_bs(c->base)->backing || end == start ||
        end == start + g->zone_bytes) {
        return 0;
    }
    return copy_zeros(c, end, start + g->zone_bytes - end);
}

static int copy_zones(ImgZoneCommit *c, Error **errp)
{
    const ZoneGeometry *g = blk_get_zone_geometry(c->blk);
    uint32_t i;
    int ret;

    for (i = 0; i < g->nr_zones; i++) {
        ret = copy_zone(c, g, i);
        ret = ret < 0 ? ret : hide_rest(c, g, i);
        if (ret < 0) {
            error_setg_errno(errp, -ret, "Could not commit zone %" PRIu32
                             " to image '%s'", i, blk_bs(c->base)->filename);
            return ret;
        }
        qemu_progress_print(100.0 / g->nr_zones, 100);
    }
    return 0;
}

static uint32_t nr_zones(BlockDriverState *bs)
{
    return zone_io_geometry(bs->zones)->nr_zones;
}

/* Those of the overlay; zones that it does not have stay as they are */
static bool load_words(ImgZoneCommit *c, BlockDriverState *base_bs,
                       Error **errp)
{
    BlockDriverState *bs = blk_bs(c->blk);
    g_autofree uint64_t *words = zone_io_get_words(bs->zones);
    uint32_t nr = MIN(nr_zones(bs), nr_zones(base_bs));

    g_free(c->words);
    g_free(c->base_words);
    c->base_words = zone_io_get_words(base_bs->zones);
    c->words = zone_io_get_words(base_bs->zones);
    memcpy(c->words, words, nr * sizeof(*words));
    return zone_io_check_words(base_bs, c->words, errp);
}

static bool check_base(ImgZoneCommit *c, BlockDriverState *base_bs,
                       Error **errp)
{
    BlockDriverState *bs = blk_bs(c->blk);

    if (!base_bs->zones) {
        error_setg(errp, "Image '%s' is zoned, but '%s' is not", bs->filename,
                   base_bs->filename);
        return false;
    }
    return zone_io_check_same_zones(bs, base_bs, errp) &&
           load_words(c, base_bs, errp);
}

/*
 * Lazy refcounts that are not up to date are put right when an image is opened
 * to be written.  The base has been opened to be read: without this, what is
 * written to it could go to clusters in use.
 */
static bool put_refcounts_right(BlockDriverState *bs, Error **errp)
{
    BlockDriverInfo info = {};
    BdrvCheckResult res = {};
    int ret;

    if (bdrv_get_info(bs, &info) < 0 || !info.is_dirty) {
        return true;
    }
    ret = bdrv_check(bs, &res, BDRV_FIX_ERRORS | BDRV_FIX_LEAKS);
    if (ret < 0 || res.check_errors || res.corruptions) {
        error_setg(errp, "Could not repair image '%s', which was not closed",
                   bs->filename);
        return false;
    }
    return true;
}

static bool open_base(ImgZoneCommit *c, BlockDriverState *base_bs,
                      int64_t bytes_per_second, Error **errp)
{
    uint64_t perm = BLK_PERM_CONSISTENT_READ | BLK_PERM_WRITE;
    ThrottleConfig cfg;

    if (bdrv_reopen_set_read_only(base_bs, false, errp) < 0 ||
        !put_refcounts_right(base_bs, errp)) {
        return false;
    }
    if (nr_zones(blk_bs(c->blk)) > nr_zones(base_bs)) {
        perm |= BLK_PERM_RESIZE;
    }
    c->base = blk_new_with_bs(base_bs, perm, BLK_PERM_ALL, errp);
    if (c->base && bytes_per_second) {
        throttle_config_init(&cfg);
        cfg.buckets[THROTTLE_BPS_WRITE].avg = bytes_per_second;
        blk_io_limits_enable(c->base, COMMIT_THROTTLE_GROUP);
        blk_set_io_limits(c->base, &cfg);
    }
    return c->base;
}

/*
 * 1. Empty zones come to the base, as in any image that is made larger.  A
 *    crash leaves a base with or without them: the overlay does not mind.
 */
static bool grow_base(ImgZoneCommit *c, Error **errp)
{
    BlockDriverState *base_bs = blk_bs(c->base);

    return nr_zones(blk_bs(c->blk)) <= nr_zones(base_bs) ||
           (blk_truncate(c->base, blk_getlength(c->blk), true,
                         PREALLOC_MODE_OFF, 0, errp) >= 0 &&
            load_words(c, base_bs, errp));
}

/*
 * 1. The base says on disk that it is not finished; its words stay.  A crash
 *    before has changed nothing.
 * 2. What the overlay has is copied: all of it hides what the base has there,
 *    and the rest lies above the write pointers of the base.
 * 3. The base adopts the overlay's words and extensions.  A crash in 2 or 3
 *    leaves an overlay that shows what it did, and a base that nobody else can
 *    use; the commit can be started again.
 * 4. The overlay gives up its clusters.  A crash leaves some: they are the same
 *    as in the base.
 */
static bool commit(ImgZoneCommit *c, bool drop, Error **errp)
{
    BlockDriverState *base_bs = blk_bs(c->base);

    c->buf = blk_blockalign(c->base, COMMIT_BYTES);
    return zone_io_import_begin(base_bs, ZONE_IMPORT_KEEP, errp) >= 0 &&
           copy_zones(c, errp) >= 0 &&
           zone_io_import_adopt(base_bs, c->words, blk_bs(c->blk),
                                errp) >= 0 &&
           (drop || zone_io_make_empty(blk_bs(c->blk), errp) >= 0);
}

bool img_zones_commit(BlockBackend *blk, BlockDriverState *base_bs, bool drop,
                      int64_t bytes_per_second, Error **errp)
{
    ImgZoneCommit c = { .blk = blk };

    if (!blk_bs(blk)->zones) {
        return false;
    }
    if (check_base(&c, base_bs, errp) &&
        open_base(&c, base_bs, bytes_per_second, errp) &&
        grow_base(&c, errp)) {
        commit(&c, drop, errp);
    }
    if (c.base && bytes_per_second) {
        blk_io_limits_disable(c.base);
    }
    blk_unref(c.base);
    g_free(c.words);
    g_free(c.base_words);
    qemu_vfree(c.buf);
    return true;
}
