/*
 * Zoned qcow2 images: qemu-img check and repair
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/range.h"
#include "qapi/error.h"
#include "block/zone/qcow2/internal.h"

static bool region_overlaps(BDRVQcow2State *s, const Qcow2ZoneLayout *layout,
                            int64_t offset, int64_t bytes)
{
    return ranges_overlap(offset, bytes, layout->meta_offset,
                          ROUND_UP(layout->meta_bytes, s->cluster_size));
}

bool qcow2_zone_overlaps(BlockDriverState *bs, int64_t offset, int64_t bytes)
{
    BDRVQcow2State *s = bs->opaque;
    Qcow2ZoneLayout layout;
    bool overlaps;
    unsigned i;

    if (!s->zone) {
        return false;
    }
    qcow2_zone_get_layout(s->zone, &layout);
    overlaps = region_overlaps(s, &layout, offset, bytes);
    for (i = 0; i < s->nb_snapshots && !overlaps; i++) {
        overlaps = qcow2_zone_snapshot_layout(bs, &s->snapshots[i], &layout,
                                              NULL) &&
                   region_overlaps(s, &layout, offset, bytes);
    }
    return overlaps;
}

int coroutine_fn
qcow2_zone_check_refcounts(BlockDriverState *bs, BdrvCheckResult *res,
                           void **refcount_table, int64_t *nb_clusters)
{
    BDRVQcow2State *s = bs->opaque;
    Qcow2ZoneLayout layout;
    unsigned i;
    int ret;

    if (!s->zone) {
        return 0;
    }
    qcow2_zone_get_layout(s->zone, &layout);
    ret = qcow2_inc_refcounts_imrt(bs, res, refcount_table, nb_clusters,
                                   layout.meta_offset, layout.meta_bytes);
    for (i = 0; i < s->nb_snapshots && ret >= 0; i++) {
        if (qcow2_zone_snapshot_layout(bs, &s->snapshots[i], &layout, NULL)) {
            ret = qcow2_inc_refcounts_imrt(bs, res, refcount_table,
                                           nb_clusters, layout.meta_offset,
                                           layout.meta_bytes);
        }
    }
    return ret;
}

/* A region that is being checked: that of the image, or of a snapshot */
typedef struct ZoneCheck {
    BdrvCheckResult *res;
    BdrvCheckMode fix;
    Qcow2ZoneLayout layout;
    const char *snapshot;       /* its name, for messages; NULL: the image */
    uint64_t *words;
} ZoneCheck;

static char *check_place_str(const ZoneCheck *check)
{
    return check->snapshot ? g_strdup_printf("snapshot '%s' ", check->snapshot)
                           : g_strdup("");
}

/* Reports one fault; with BDRV_FIX_ERRORS stores what it becomes */
static int coroutine_fn GRAPH_RDLOCK
check_report_word(BlockDriverState *bs, ZoneCheck *check, uint32_t zone_idx,
                  uint64_t fixed, const char *fault, const char *what)
{
    g_autofree char *place = check_place_str(check);
    bool repair = check->fix & BDRV_FIX_ERRORS;
    int ret;

    fprintf(stderr, "%s %szone %" PRIu32 ": word 0x%016" PRIx64 ": %s%s%s\n",
            repair ? "Repairing" : "ERROR", place, zone_idx,
            check->words[zone_idx], fault, repair ? ": " : "",
            repair ? what : "");
    if (!repair) {
        check->res->corruptions++;
        return 0;
    }
    ret = qcow2_zone_co_repair_word(bs, &check->layout, zone_idx, fixed);
    if (ret < 0) {
        fprintf(stderr, "ERROR %szone %" PRIu32 ": could not write its word: "
                "%s\n", place, zone_idx, strerror(-ret));
        check->res->corruptions++;
        check->res->check_errors++;
        return ret;
    }
    check->words[zone_idx] = fixed;
    check->res->corruptions_fixed++;
    return 0;
}

static int coroutine_fn GRAPH_RDLOCK
check_words(BlockDriverState *bs, ZoneCheck *check)
{
    const ZoneGeometry *geometry = &check->layout.geometry;
    const char *fault, *what;
    uint64_t fixed;
    uint32_t i;
    int ret;

    for (i = 0; i < geometry->nr_zones; i++) {
        fault = zone_word_check(geometry, i, check->words[i]);
        if (fault) {
            fixed = qcow2_zone_repaired_word(geometry, i, check->words[i],
                                             &what);
            ret = check_report_word(bs, check, i, fixed, fault, what);
            if (ret < 0) {
                return ret;
            }
        }
    }
    return 0;
}

/* Finishes Closed zones from the last one down until the limit holds */
static int coroutine_fn GRAPH_RDLOCK
check_active(BlockDriverState *bs, ZoneCheck *check)
{
    const ZoneGeometry *geometry = &check->layout.geometry;
    ZoneTable *table = zone_table_new(geometry);
    uint64_t fixed;
    uint32_t active, i;
    ZoneInfo info;
    int ret = 0;

    for (i = 0; i < geometry->nr_zones; i++) {
        if (!zone_word_check(geometry, i, check->words[i])) {
            zone_table_load_word(table, i, check->words[i]);
        }
    }
    active = zone_table_counts(table).active;
    for (i = geometry->nr_zones; geometry->max_active_zones &&
         active > geometry->max_active_zones && i-- > 0 && ret >= 0;) {
        zone_table_info(table, i, &info);
        if (info.state != ZONE_STATE_CLOSED) {
            continue;
        }
        fixed = zone_table_word_after(table, i, ZONE_EVENT_FINISH);
        ret = check_report_word(bs, check, i, fixed, "active above the limit",
                                "zone finished");
        active--;
    }
    zone_table_free(table);
    return ret;
}

/* The words behind the end of the file are lost: none of them is valid */
static void check_lose_words(ZoneCheck *check, uint64_t file_bytes)
{
    uint64_t kept = 0;

    if (file_bytes > check->layout.meta_offset) {
        kept = (file_bytes - check->layout.meta_offset) /
               sizeof(*check->words);
    }
    for (; kept < check->layout.geometry.nr_zones; kept++) {
        check->words[kept] = UINT64_MAX;
    }
}

/*
 * A region that overlaps anything else is not written to: its words are
 * faulty because they are something else.  The reference counts have been
 * checked by now, and repaired if that was asked for.
 */
static bool coroutine_fn GRAPH_RDLOCK
check_is_shared(BlockDriverState *bs, const Qcow2ZoneLayout *layout)
{
    BDRVQcow2State *s = bs->opaque;
    uint64_t cluster = layout->meta_offset >> s->cluster_bits;
    uint64_t end = (layout->meta_offset + layout->meta_bytes - 1) >>
                   s->cluster_bits;
    uint64_t refcount;

    for (; cluster <= end; cluster++) {
        if (qcow2_get_refcount(bs, cluster, &refcount) < 0 || refcount > 1) {
            return true;
        }
    }
    return false;
}

/* A file that ends too early is made longer */
static int coroutine_fn GRAPH_RDLOCK
check_truncated(BlockDriverState *bs, ZoneCheck *check)
{
    uint64_t end = check->layout.meta_offset + check->layout.meta_bytes;
    bool repair = check->fix & BDRV_FIX_ERRORS;
    g_autofree char *place = check_place_str(check);
    Error *local_err = NULL;
    int ret;

    if (qcow2_zone_co_check_region(bs, &check->layout, &local_err)) {
        return 0;
    }
    fprintf(stderr, "%s %s%s\n", repair ? "Repairing" : "ERROR", place,
            error_get_pretty(local_err));
    error_free(local_err);
    if (!repair) {
        check->res->corruptions++;
        return 0;
    }
    ret = bdrv_co_truncate(bs->file, ROUND_UP(end, BDRV_SECTOR_SIZE), false,
                           PREALLOC_MODE_OFF, 0, NULL);
    if (ret < 0) {
        check->res->corruptions++;
        check->res->check_errors++;
        return ret;
    }
    check->res->corruptions_fixed++;
    return 0;
}

/* Reads the words of a region that may be damaged or behind the file's end */
static int coroutine_fn GRAPH_RDLOCK
check_load_words(BlockDriverState *bs, ZoneCheck *check)
{
    int64_t file_bytes = bdrv_co_getlength(bs->file->bs);
    int ret;

    if (file_bytes < 0) {
        check->res->check_errors++;
        return file_bytes;
    }
    check->words = g_try_new(uint64_t, check->layout.geometry.nr_zones);
    ret = check->words ? check_truncated(bs, check) : -ENOMEM;
    if (ret >= 0) {
        ret = qcow2_zone_co_load_words(bs, &check->layout, check->words);
    }
    if (ret < 0) {
        fprintf(stderr, "ERROR: could not read the zone words: %s\n",
                strerror(-ret));
        check->res->check_errors++;
        return ret;
    }
    check_lose_words(check, file_bytes);
    return 0;
}

/*
 * 1. The image file is flushed.  A crash leaves what was found.
 * 2. Where the ring says another word, it is put in its place, and all are
 *    flushed.  A crash leaves some of them there: the ring says the same.
 * 3. The ring becomes empty, durably: by one sector.  A crash leaves the same
 *    words, by the ring or in their places.  Of a damaged ring there are no
 *    words, and 2 has nothing to do.
 */
static int coroutine_fn GRAPH_RDLOCK
check_end_ring(BlockDriverState *bs, ZoneCheck *check,
               const uint64_t *words_in_place, uint64_t seq)
{
    uint32_t i;
    int ret;

    /* nobody knows what has been flushed of it */
    qatomic_inc(&bs->file->bs->write_gen);
    ret = bdrv_co_flush(bs->file->bs);
    for (i = 0; i < check->layout.geometry.nr_zones && ret >= 0; i++) {
        if (check->words[i] != words_in_place[i]) {
            ret = qcow2_zone_co_repair_word(bs, &check->layout, i,
                                            check->words[i]);
        }
    }
    if (ret >= 0) {
        ret = bdrv_co_flush(bs->file->bs);
    }
    if (ret >= 0) {
        ret = qcow2_zone_co_repair_ring(bs, &check->layout, seq);
    }
    if (ret < 0) {
        fprintf(stderr, "ERROR: could not store the zone records: %s\n",
                strerror(-ret));
        check->res->check_errors++;
    }
    return ret;
}

/*
 * Puts in place what the ring says.  Where the mapping is damaged nobody looks
 * for its data; there, and where the ring is, words are those in their places.
 */
static int coroutine_fn GRAPH_RDLOCK
check_ring(BlockDriverState *bs, ZoneCheck *check)
{
    g_autofree Qcow2ZoneRing *ring = g_new(Qcow2ZoneRing, 1);
    g_autofree uint64_t *words = NULL;
    bool repair = check->fix & BDRV_FIX_ERRORS;
    size_t bytes = check->layout.geometry.nr_zones * sizeof(*words);
    Error *local_err = NULL;
    int ret;

    if (!check->layout.ring_offset || check->res->corruptions) {
        return 0;
    }
    words = g_try_malloc(bytes);
    if (!words) {
        fprintf(stderr, "ERROR: no memory for %zu bytes of zone words\n",
                bytes);
        check->res->check_errors++;
        return -ENOMEM;
    }
    memcpy(words, check->words, bytes);
    ret = qcow2_zone_co_replay(bs, &check->layout, check->words, ring,
                               &local_err);
    if (ret == -EINVAL) {
        memcpy(check->words, words, bytes);
        fprintf(stderr, "%s %s\n", repair ? "Repairing" : "ERROR",
                error_get_pretty(local_err));
        check->res->corruptions += !repair;
        check->res->corruptions_fixed += repair;
    } else if (ret < 0) {
        fprintf(stderr, "ERROR: %s\n", error_get_pretty(local_err));
        check->res->check_errors++;
    }
    error_free(local_err);
    if (repair && (ret == -EINVAL || (ret >= 0 &&
                                      !qcow2_zone_ring_is_empty(ring)))) {
        return check_end_ring(bs, check, words, ring->newest_seq + 1);
    }
    return ret == -EINVAL ? 0 : ret;
}

static int coroutine_fn GRAPH_RDLOCK
check_region_words(BlockDriverState *bs, ZoneCheck *check)
{
    g_autofree char *place = check_place_str(check);
    int ret;

    if ((check->fix & BDRV_FIX_ERRORS) && check_is_shared(bs, &check->layout)) {
        fprintf(stderr, "ERROR %szone metadata at %" PRIu64 " shares clusters "
                "with other data: not repaired\n", place,
                check->layout.meta_offset);
        check->res->corruptions++;
        check->fix &= ~BDRV_FIX_ERRORS;
    }
    ret = check_load_words(bs, check);
    if (ret >= 0) {
        ret = check_ring(bs, check);
    }
    if (ret >= 0) {
        ret = check_words(bs, check);
    }
    if (ret >= 0) {
        ret = check_active(bs, check);
    }
    g_free(check->words);
    return ret;
}

/* The file is made longer for words that end behind it, not to begin there */
static bool coroutine_fn GRAPH_RDLOCK
check_begins_in_file(BlockDriverState *bs, const QCowSnapshot *sn,
                     const Qcow2ZoneLayout *layout, Error **errp)
{
    int64_t file_bytes = bdrv_co_getlength(bs->file->bs);

    if (file_bytes >= 0 && layout->meta_offset >= file_bytes) {
        error_setg(errp, "Snapshot '%s' (%s): Zone metadata at %" PRIu64
                   " lies behind the end of the file, at %" PRId64, sn->name,
                   sn->id_str, layout->meta_offset, file_bytes);
        return false;
    }
    return true;
}

/* A snapshot without a good record has no words to look at */
static int coroutine_fn GRAPH_RDLOCK
check_snapshot(BlockDriverState *bs, BdrvCheckResult *res, BdrvCheckMode fix,
               const QCowSnapshot *sn)
{
    ZoneCheck check = { .res = res, .fix = fix, .snapshot = sn->name };
    Error *local_err = NULL;

    if (!qcow2_zone_snapshot_layout(bs, sn, &check.layout, &local_err) ||
        !check_begins_in_file(bs, sn, &check.layout, &local_err)) {
        fprintf(stderr, "ERROR %s: delete the snapshot\n",
                error_get_pretty(local_err));
        error_free(local_err);
        res->corruptions++;
        return 0;
    }
    return check_region_words(bs, &check);
}

int coroutine_fn
qcow2_zone_co_check(BlockDriverState *bs, BdrvCheckResult *res,
                    BdrvCheckMode fix)
{
    BDRVQcow2State *s = bs->opaque;
    ZoneCheck check = { .res = res, .fix = fix };
    unsigned i;
    int ret;

    if (!s->zone) {
        return 0;
    }
    if (s->zone->flags & QCOW2_ZONE_FLAG_UNFINISHED) {
        fprintf(stderr, "Zoned image is not finished: its zones do not "
                "describe its data\n");
    }
    qcow2_zone_get_layout(s->zone, &check.layout);
    ret = check_region_words(bs, &check);
    for (i = 0; i < s->nb_snapshots && ret >= 0; i++) {
        ret = check_snapshot(bs, res, fix, &s->snapshots[i]);
    }
    /* closing the node would flush as well, but not report it */
    if (ret >= 0 && (fix & BDRV_FIX_ERRORS)) {
        ret = bdrv_co_flush(bs->file->bs);
        if (ret < 0) {
            fprintf(stderr, "ERROR: could not flush the zone words: %s\n",
                    strerror(-ret));
            res->check_errors++;
        }
    }
    return ret;
}
