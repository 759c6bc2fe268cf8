/*
 * Zoned qcow2 images: qemu-img check and repair
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/range.h"
#include "qapi/error.h"
#include "block/zone/qcow2/internal.h"

bool qcow2_zone_overlaps(BlockDriverState *bs, int64_t offset, int64_t bytes)
{
    BDRVQcow2State *s = bs->opaque;

    return s->zone &&
           ranges_overlap(offset, bytes, s->zone->meta_offset,
                          ROUND_UP(s->zone->meta_bytes, s->cluster_size));
}

int coroutine_fn
qcow2_zone_check_refcounts(BlockDriverState *bs, BdrvCheckResult *res,
                           void **refcount_table, int64_t *nb_clusters)
{
    Qcow2Zone *zone = qcow2_zone(bs);

    if (!zone) {
        return 0;
    }
    return qcow2_inc_refcounts_imrt(bs, res, refcount_table, nb_clusters,
                                    zone->meta_offset, zone->meta_bytes);
}

/* Reports one fault; with BDRV_FIX_ERRORS stores what it becomes */
static int coroutine_fn GRAPH_RDLOCK
qcow2_zone_report_word(BlockDriverState *bs, BdrvCheckResult *res,
                       BdrvCheckMode fix, uint32_t zone_idx, uint64_t *word,
                       uint64_t fixed, const char *fault, const char *what)
{
    bool repair = fix & BDRV_FIX_ERRORS;
    int ret;

    fprintf(stderr, "%s zone %" PRIu32 ": word 0x%016" PRIx64 ": %s%s%s\n",
            repair ? "Repairing" : "ERROR", zone_idx, *word, fault,
            repair ? ": " : "", repair ? what : "");
    if (!repair) {
        res->corruptions++;
        return 0;
    }
    ret = qcow2_zone_co_repair_word(bs, zone_idx, fixed);
    if (ret < 0) {
        fprintf(stderr, "ERROR zone %" PRIu32 ": could not write its word: "
                "%s\n", zone_idx, strerror(-ret));
        res->corruptions++;
        res->check_errors++;
        return ret;
    }
    *word = fixed;
    res->corruptions_fixed++;
    return 0;
}

static int coroutine_fn GRAPH_RDLOCK
qcow2_zone_check_words(BlockDriverState *bs, BdrvCheckResult *res,
                       BdrvCheckMode fix, uint64_t *words)
{
    const ZoneGeometry *geometry = &qcow2_zone(bs)->geometry;
    const char *fault, *what;
    uint64_t fixed;
    uint32_t i;
    int ret;

    for (i = 0; i < geometry->nr_zones; i++) {
        fault = zone_word_check(geometry, i, words[i]);
        if (fault) {
            fixed = qcow2_zone_repaired_word(geometry, i, words[i], &what);
            ret = qcow2_zone_report_word(bs, res, fix, i, &words[i], fixed,
                                         fault, what);
            if (ret < 0) {
                return ret;
            }
        }
    }
    return 0;
}

/* Finishes Closed zones from the last one down until the limit holds */
static int coroutine_fn GRAPH_RDLOCK
qcow2_zone_check_active(BlockDriverState *bs, BdrvCheckResult *res,
                        BdrvCheckMode fix, uint64_t *words)
{
    const ZoneGeometry *geometry = &qcow2_zone(bs)->geometry;
    ZoneTable *table = zone_table_new(geometry);
    uint64_t fixed;
    uint32_t active, i;
    ZoneInfo info;
    int ret = 0;

    for (i = 0; i < geometry->nr_zones; i++) {
        if (!zone_word_check(geometry, i, words[i])) {
            zone_table_load_word(table, i, words[i]);
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
        ret = qcow2_zone_report_word(bs, res, fix, i, &words[i], fixed,
                                     "active above the limit",
                                     "zone finished");
        active--;
    }
    zone_table_free(table);
    return ret;
}

/* The words behind the end of the file are lost: none of them is valid */
static void qcow2_zone_lose_words(Qcow2Zone *zone, uint64_t *words,
                                  uint64_t file_bytes)
{
    uint64_t kept = 0;

    if (file_bytes > zone->meta_offset) {
        kept = (file_bytes - zone->meta_offset) / sizeof(*words);
    }
    for (; kept < zone->geometry.nr_zones; kept++) {
        words[kept] = UINT64_MAX;
    }
}

/*
 * A region that overlaps anything else is not written to: its words are
 * faulty because they are something else.  The reference counts have been
 * checked by now, and repaired if that was asked for.
 */
static bool coroutine_fn GRAPH_RDLOCK
qcow2_zone_region_is_shared(BlockDriverState *bs)
{
    BDRVQcow2State *s = bs->opaque;
    uint64_t cluster = s->zone->meta_offset >> s->cluster_bits;
    uint64_t end = (s->zone->meta_offset + s->zone->meta_bytes - 1) >>
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
qcow2_zone_check_truncated(BlockDriverState *bs, BdrvCheckResult *res,
                           BdrvCheckMode fix)
{
    Qcow2Zone *zone = qcow2_zone(bs);
    uint64_t end = zone->meta_offset + zone->meta_bytes;
    Error *local_err = NULL;
    int ret;

    if (qcow2_zone_co_check_region(bs, &local_err)) {
        return 0;
    }
    fprintf(stderr, "%s %s\n", fix & BDRV_FIX_ERRORS ? "Repairing" : "ERROR",
            error_get_pretty(local_err));
    error_free(local_err);
    if (!(fix & BDRV_FIX_ERRORS)) {
        res->corruptions++;
        return 0;
    }
    ret = bdrv_co_truncate(bs->file, ROUND_UP(end, BDRV_SECTOR_SIZE), false,
                           PREALLOC_MODE_OFF, 0, NULL);
    if (ret < 0) {
        res->corruptions++;
        res->check_errors++;
        return ret;
    }
    res->corruptions_fixed++;
    return 0;
}

int coroutine_fn
qcow2_zone_co_check(BlockDriverState *bs, BdrvCheckResult *res,
                    BdrvCheckMode fix)
{
    Qcow2Zone *zone = qcow2_zone(bs);
    g_autofree uint64_t *words = NULL;
    int64_t file_bytes;
    int ret;

    if (!zone) {
        return 0;
    }
    if ((fix & BDRV_FIX_ERRORS) && qcow2_zone_region_is_shared(bs)) {
        fprintf(stderr, "ERROR zone metadata at %" PRIu64 " shares clusters "
                "with other data: not repaired\n", zone->meta_offset);
        res->corruptions++;
        fix &= ~BDRV_FIX_ERRORS;
    }
    words = g_try_new(uint64_t, zone->geometry.nr_zones);
    file_bytes = bdrv_co_getlength(bs->file->bs);
    if (file_bytes < 0) {
        res->check_errors++;
        return file_bytes;
    }
    ret = words ? qcow2_zone_check_truncated(bs, res, fix) : -ENOMEM;
    if (ret >= 0) {
        ret = qcow2_zone_co_load_words(bs, words);
    }
    if (ret < 0) {
        fprintf(stderr, "ERROR: could not read the zone words: %s\n",
                strerror(-ret));
        res->check_errors++;
        return ret;
    }
    qcow2_zone_lose_words(zone, words, file_bytes);
    ret = qcow2_zone_check_words(bs, res, fix, words);
    if (ret >= 0) {
        ret = qcow2_zone_check_active(bs, res, fix, words);
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
