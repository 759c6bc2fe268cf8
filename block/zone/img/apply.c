/*
 * qemu-img zones --apply: the zones of a report for an image with its data
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/error-report.h"
#include "qapi/error.h"
#include "block/block_int-common.h"
#include "block/zone/img/report.h"
#include "block/zone/img/zones.h"
#include "system/block-backend.h"

#define READ_BYTES      (64 * 1024)

/* The file ***************************************************************/

static bool read_file(const char *name, GString *text, Error **errp)
{
    bool is_stdin = g_str_equal(name, "-");
    FILE *file = is_stdin ? stdin : fopen(name, "r");
    g_autofree char *buf = g_malloc(READ_BYTES);
    size_t n;
    bool failed;

    if (!file) {
        error_setg_errno(errp, errno, "Could not open '%s'", name);
        return false;
    }
    while ((n = fread(buf, 1, READ_BYTES, file)) > 0) {
        g_string_append_len(text, buf, n);
    }
    failed = ferror(file);
    if (failed) {
        error_setg_errno(errp, errno, "Could not read '%s'", name);
    }
    if (!is_stdin) {
        fclose(file);
    }
    if (!failed && strlen(text->str) != text->len) {
        error_setg(errp, "'%s' has a byte 0: a report is text", name);
        failed = true;
    }
    return !failed;
}

/* Words ******************************************************************/

/*
 * Where writing has ended in a zone without a write pointer, no report says:
 * the image has that, from its data.  Nothing of an Offline zone is known.
 */
static uint64_t known_end(const ZoneInfo *now)
{
    return now->state == ZONE_STATE_OFFLINE ? now->start_bytes
                                            : now->wp_bytes;
}

static uint64_t full_word(const ZoneReportEntry *zone, const ZoneInfo *now,
                          uint8_t attributes)
{
    bool all = known_end(now) == now->start_bytes + zone->capacity;

    return zone_word_encode(all ? ZONE_WORD_DERIVED : ZONE_WORD_FULL, false,
                            attributes & ~ZONE_ATTR_FZR, known_end(now));
}

/*
 * Without capacity and limits.  An extension is there, or not: reports do not
 * bring them along.
 */
static uint64_t plain_word_of(const ZoneReportEntry *zone,
                        const ZoneGeometry *geometry, const ZoneInfo *now)
{
    uint8_t attributes = zone->attributes & ZONE_ATTR_STORED &
                         (now->attributes | ~ZONE_ATTR_ZDEV);

    switch (zone->state) {
    case ZONE_STATE_CONVENTIONAL:
        return zone_empty_word(geometry, now->zone_idx);
    case ZONE_STATE_EMPTY:
        return zone_word_encode(ZONE_WORD_DERIVED, false,
                                attributes & ~ZONE_ATTR_ZDEV, zone->wp);
    case ZONE_STATE_FULL:
        return full_word(zone, now, attributes);
    case ZONE_STATE_READ_ONLY:
        return zone_word_encode(ZONE_WORD_READ_ONLY, false, attributes,
                                known_end(now));
    case ZONE_STATE_OFFLINE:
        return zone_word_encode(ZONE_WORD_OFFLINE, false, 0,
                                now->start_bytes);
    default:
        if (zone->wp == now->start_bytes && !(attributes & ZONE_ATTR_ZDEV)) {
            attributes &= ~ZONE_ATTR_FZR; /* that is Empty from now on */
        }
        return zone_word_encode(ZONE_WORD_DERIVED, false, attributes,
                                zone->wp);
    }
}

static uint64_t word_of(const ZoneReportEntry *zone,
                        const ZoneGeometry *geometry, const ZoneInfo *now)
{
    uint64_t word = plain_word_of(zone, geometry, now);

    if (zone->state == ZONE_STATE_CONVENTIONAL) {
        return word;
    }
    return word | zone_word_of_capacity(geometry, zone->capacity) |
           (zone->limits & zone_limits_of(zone_word_attributes(word)));
}

/* All words; *nr_lost zones have an extension that the image has not */
static uint64_t *make_words(BlockBackend *blk, const ZoneReport *report,
                            uint32_t *nr_lost)
{
    const ZoneGeometry *geometry = blk_get_zone_geometry(blk);
    uint64_t *words = g_new(uint64_t, geometry->nr_zones);
    ZoneInfo now;
    uint32_t i;

    *nr_lost = 0;
    for (i = 0; i < geometry->nr_zones; i++) {
        const ZoneReportEntry *zone = &g_array_index(report->zones,
                                                     ZoneReportEntry, i);

        blk_get_zone_info(blk, i, &now);
        words[i] = word_of(zone, geometry, &now);
        *nr_lost += !!(zone->attributes & ~now.attributes & ZONE_ATTR_ZDEV);
    }
    return words;
}

/* What comes below a write pointer is zeros, not what the clusters had */
static bool write_zeros(BlockBackend *blk, const ZoneInfo *before,
                        const uint64_t *words, Error **errp)
{
    const ZoneGeometry *geometry = blk_get_zone_geometry(blk);
    uint64_t from, to;
    uint32_t i;
    int ret;

    for (i = geometry->conventional_zones; i < geometry->nr_zones; i++) {
        from = known_end(&before[i]);
        to = zone_word_wp_bytes(words[i]);
        if (from >= to || zone_word_state(words[i]) == ZONE_WORD_OFFLINE) {
            continue;
        }
        ret = blk_pwrite_zeroes(blk, from, to - from, 0);
        if (ret < 0) {
            error_setg_errno(errp, -ret, "Could not write zeros to zone %"
                             PRIu32, i);
            return false;
        }
    }
    return true;
}

static ZoneInfo *get_zones(BlockBackend *blk)
{
    uint32_t nr_zones = blk_get_nr_zones(blk);
    ZoneInfo *zones = g_new(ZoneInfo, nr_zones);
    uint32_t i;

    for (i = 0; i < nr_zones; i++) {
        blk_get_zone_info(blk, i, &zones[i]);
    }
    return zones;
}

/*
 * 1. The image says that it is not finished; its words stay.
 * 2. Where words go up, the data in between becomes zeros.
 * 3. All words are adopted, and the image is finished again.
 *
 * A crash before 1 leaves the drive of before, one after 3 that of the report;
 * in between the image says that it is not finished.
 */
static bool store_words(BlockBackend *blk, const uint64_t *words, Error **errp)
{
    BlockDriverState *bs = blk_bs(blk);
    g_autofree ZoneInfo *before = get_zones(blk);

    return zone_io_check_words(bs, words, errp) &&
           zone_io_import_begin(bs, ZONE_IMPORT_KEEP, errp) >= 0 &&
           write_zeros(blk, before, words, errp) &&
           zone_io_import_adopt(bs, words, NULL, errp) >= 0;
}

static bool apply_report(BlockBackend *blk, ZoneReport *report, Error **errp)
{
    g_autofree uint64_t *words = NULL;
    uint32_t nr_lost;

    if (!zone_report_check(report, blk_get_zone_geometry(blk), errp)) {
        return false;
    }
    words = make_words(blk, report, &nr_lost);
    if (!store_words(blk, words, errp)) {
        return false;
    }
    if (nr_lost) {
        warn_report("The report has zone descriptor extensions of %" PRIu32
                    " zones that the image has not: they are not valid there",
                    nr_lost);
    }
    return true;
}

bool img_zones_apply(BlockBackend *blk, const char *report_name, Error **errp)
{
    ERRP_GUARD();
    g_autoptr(GString) text = g_string_new(NULL);
    ZoneReport report = {};
    bool done;

    if (!read_file(report_name, text, errp)) {
        return false;
    }
    done = zone_report_parse(&report, text->str, errp) &&
           apply_report(blk, &report, errp);
    zone_report_clear(&report);
    if (!done) {
        error_prepend(errp, "Report '%s' cannot be applied: ",
                      g_str_equal(report_name, "-") ? "standard input"
                                                   : report_name);
    }
    return done;
}
