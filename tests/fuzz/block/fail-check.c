/*
 * What must hold after a request has failed
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qapi/error.h"
#include "fail-check.h"

#define ZONE_BLOCKS     16
#define MAX_READ_ZONES  FAIL_MIN_ZONES

void fail_say_run(const FailRun *run)
{
    fprintf(stderr, "# %s, %s: %s %u fails with %s%s; the result was %d\n",
            run->image->variant->name, run->op->name,
            fail_kind_str(run->plan.kind), run->plan.nth,
            run->plan.error == ENOSPC ? "ENOSPC" : "EIO",
            run->plan.forever ? ", and all that follow" : "", run->ret);
}

void fail_expect(const FailRun *run, bool ok, const char *format, ...)
{
    va_list args;

    if (ok) {
        return;
    }
    fprintf(stderr, "# failed: %s%s", run->of ?: "", run->of ? ": " : "");
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    abort();
}

FailReport fail_report(FailImage *image)
{
    FailReport report = {
        .geometry = *blk_get_zone_geometry(image->blk),
        .nr_zones = blk_get_nr_zones(image->blk),
    };
    uint32_t i;

    report.info = g_new(ZoneInfo, report.nr_zones + FAIL_MORE_ZONES);
    for (i = 0; i < report.nr_zones; i++) {
        blk_get_zone_info(image->blk, i, &report.info[i]);
    }
    for (; i < report.nr_zones + FAIL_MORE_ZONES; i++) {
        uint64_t start_bytes = i * image->geometry.zone_bytes;

        report.info[i] = (ZoneInfo) {
            .state = ZONE_STATE_EMPTY, .zone_idx = i,
            .start_bytes = start_bytes, .wp_bytes = start_bytes,
            .reserved_bytes = start_bytes,
        };
    }
    return report;
}

FailReport fail_report_of(const FailImage *closed)
{
    FailImage *image = fail_image_dup(closed, false);
    FailReport report;

    fail_image_open(image, 0, &error_abort);
    report = fail_report(image);
    fail_image_free(image);
    return report;
}

FailReport fail_report_dup(const FailReport *report)
{
    FailReport copy = *report;

    copy.info = g_memdup2(report->info, (report->nr_zones + FAIL_MORE_ZONES) *
                                        sizeof(*report->info));
    return copy;
}

void fail_report_free(FailReport *report)
{
    g_free(report->info);
    *report = (FailReport) { };
}

/*
 * What a power cycle makes of a zone without writes in flight.  The write
 * pointer waits for a write that has failed below others, the stored one does
 * not.  A Zone Random Write Area goes.
 */
static ZoneInfo powered(const ZoneInfo *info)
{
    ZoneInfo next = *info;

    next.wp_bytes = info->reserved_bytes;
    next.attributes &= ~ZONE_ATTR_ZRWAV;
    if (info->state == ZONE_STATE_IMPLICITLY_OPENED ||
        info->state == ZONE_STATE_EXPLICITLY_OPENED ||
        info->state == ZONE_STATE_CLOSED) {
        next.state = next.wp_bytes == info->start_bytes &&
                     !(info->attributes & ZONE_ATTR_ZDEV) ?
                     ZONE_STATE_EMPTY : ZONE_STATE_CLOSED;
    }
    return next;
}

static bool same(const ZoneInfo *a, const ZoneInfo *b)
{
    return a->state == b->state && a->wp_bytes == b->wp_bytes &&
           a->attributes == b->attributes;
}

static void expect_same(const FailRun *run, const char *when,
                        const ZoneInfo *now, const ZoneInfo *expected)
{
    fail_expect(run, same(now, expected), "%s, zone %u: %s, wp +%" PRIu64
                ", attributes %02x; expected %s, wp +%" PRIu64 ", %02x",
                when, now->zone_idx, zone_state_str(now->state),
                now->wp_bytes - now->start_bytes, now->attributes,
                zone_state_str(expected->state),
                expected->wp_bytes - expected->start_bytes,
                expected->attributes);
}

/*
 * One of the states that the operation goes through: nr of them are given.  A
 * write can get anywhere between them.
 */
static void expect_between(const FailRun *run, const char *when,
                           const ZoneInfo *now, const ZoneInfo *given,
                           unsigned nr)
{
    uint64_t low = UINT64_MAX, high = 0;
    bool known = false;
    unsigned i;

    for (i = 0; i < nr; i++) {
        known = known || same(now, &given[i]);
        low = MIN(low, given[i].wp_bytes);
        high = MAX(high, given[i].wp_bytes);
    }
    if (known) {
        return;
    }
    fail_expect(run, run->op->flags & FAIL_OP_WRITES, "%s, zone %u: %s, wp +%"
                PRIu64 ": neither as before nor as after", when,
                now->zone_idx, zone_state_str(now->state),
                now->wp_bytes - now->start_bytes);
    fail_expect(run, now->wp_bytes >= low && now->wp_bytes <= high,
                "%s, zone %u: wp +%" PRIu64 ", not between before and after",
                when, now->zone_idx, now->wp_bytes - now->start_bytes);
    fail_expect(run, now->state == ZONE_STATE_IMPLICITLY_OPENED ||
                now->state == ZONE_STATE_CLOSED,
                "%s, zone %u: %s by a write that failed", when, now->zone_idx,
                zone_state_str(now->state));
    fail_expect(run, now->attributes == given[0].attributes,
                "%s, zone %u: attributes %02x by a write", when,
                now->zone_idx, now->attributes);
}

/* Data */

static bool block_is(const uint8_t *block, uint8_t byte)
{
    return block[0] == byte &&
           !memcmp(block, block + 1, FAIL_BLOCK_BYTES - 1);
}

static bool block_is_life(const uint8_t *block, uint32_t zone_idx,
                          unsigned i, unsigned life)
{
    return block_is(block, fail_pattern(zone_idx, i, life));
}

/* Without write pointer: what was not flushed may be there, or not */
static void check_conventional(const FailRun *run, const char *when,
                               const uint8_t *data, bool live)
{
    unsigned i;

    for (i = 0; i < ZONE_BLOCKS; i++) {
        const uint8_t *block = data + i * FAIL_BLOCK_BYTES;
        unsigned life = i < 3 ? FAIL_LIFE_BASE : 0;
        bool ok = block_is_life(block, FAIL_ZONE_CONVENTIONAL, i, life);

        if ((run->op->flags & FAIL_OP_CONV) && (i == 3 || i == 4)) {
            ok = (ok && !(live && run->ret >= 0)) || run->ret < 0 ||
                 block_is_life(block, FAIL_ZONE_CONVENTIONAL, i,
                               FAIL_LIFE_OP);
        }
        fail_expect(run, ok, "%s, conventional zone: block %u has %02x", when,
                    i, block[0]);
    }
}

static bool block_ok(const FailRun *run, const uint8_t *block,
                     const ZoneInfo *now, unsigned i)
{
    uint32_t zone_idx = now->zone_idx;
    uint64_t pos = now->start_bytes + i * FAIL_BLOCK_BYTES;

    if (pos >= now->wp_bytes) {
        /* or written behind a write that has failed */
        return block_is(block, 0) ||
               (run->ret < 0 && run->op->flags & FAIL_OP_WRITES &&
                pos < now->reserved_bytes &&
                block_is_life(block, zone_idx, i, FAIL_LIFE_OP));
    }
    if (pos < run->stored.info[zone_idx].wp_bytes) {
        return block_is_life(block, zone_idx, i, FAIL_LIFE_BASE) ||
               (run->op->flags & FAIL_OP_DISCARD &&
                zone_idx == FAIL_ZONE_FULL && block_is(block, 0));
    }
    if (pos < run->before.info[zone_idx].wp_bytes) {
        return block_is_life(block, zone_idx, i, FAIL_LIFE_BEFORE);
    }
    /* the hole of a failed write has no content that one could name */
    return run->ret < 0 || block_is_life(block, zone_idx, i,
                                         run->op->flags & FAIL_OP_ZEROES ?
                                         0 : FAIL_LIFE_OP);
}

static void check_data(const FailRun *run, FailImage *image, const char *when)
{
    g_autofree uint8_t *data = g_malloc(ZONE_BLOCKS * FAIL_BLOCK_BYTES);
    uint32_t nr_zones = MIN(blk_get_nr_zones(image->blk), MAX_READ_ZONES);
    ZoneInfo now;
    uint32_t zone_idx;
    unsigned i;
    int ret;

    for (zone_idx = 0; zone_idx < nr_zones; zone_idx++) {
        blk_get_zone_info(image->blk, zone_idx, &now);
        memset(data, 0xa5, ZONE_BLOCKS * FAIL_BLOCK_BYTES);
        ret = blk_pread(image->blk, now.start_bytes,
                        ZONE_BLOCKS * FAIL_BLOCK_BYTES, data, 0);
        if (now.state == ZONE_STATE_OFFLINE) {
            fail_expect(run, zone_status_from_errno(ret) == ZONE_ERR_OFFLINE,
                        "%s: a read of an Offline zone gives %d", when, ret);
            continue;
        }
        fail_expect(run, ret >= 0, "%s: a read of zone %u gives %d", when,
                    zone_idx, ret);
        if (now.state == ZONE_STATE_CONVENTIONAL) {
            check_conventional(run, when, data, image == run->image);
            continue;
        }
        for (i = 0; i < ZONE_BLOCKS; i++) {
            const uint8_t *block = data + i * FAIL_BLOCK_BYTES;

            fail_expect(run, block_ok(run, block, &now, i),
                        "%s, zone %u (%s, wp +%" PRIu64 "): block %u has %02x",
                        when, zone_idx, zone_state_str(now.state),
                        now.wp_bytes - now.start_bytes, i, block[0]);
        }
    }
}

/* ZDEV is set where the extension can be read, and it is the one set */
static void check_zde(const FailRun *run, FailImage *image, const char *when)
{
    uint32_t nr_zones = MIN(blk_get_nr_zones(image->blk), MAX_READ_ZONES);
    uint8_t zde[64], expected[64];
    ZoneInfo now;
    uint32_t zone_idx;
    int ret;

    for (zone_idx = 0; zone_idx < nr_zones; zone_idx++) {
        blk_get_zone_info(image->blk, zone_idx, &now);
        memset(expected, 0, sizeof(expected));
        if (now.attributes & ZONE_ATTR_ZDEV) {
            fail_zde(image, zone_idx, expected);
        }
        ret = blk_get_zone_extension(image->blk, zone_idx, zde);
        fail_expect(run, ret >= 0 && !memcmp(zde, expected, sizeof(zde)),
                    "%s, zone %u: extension %02x, expected %02x (%d)", when,
                    zone_idx, zde[0], expected[0], ret);
    }
}

/* States */

/* As before or as after; known tells that it has to be as after */
static void check_nr_zones(const FailRun *run, const char *when,
                           uint32_t nr_zones, bool known)
{
    fail_expect(run, nr_zones == run->after.nr_zones ||
                (!known && nr_zones == run->before.nr_zones),
                "%s, %u zones: expected %u, before it %u", when, nr_zones,
                run->after.nr_zones, run->before.nr_zones);
}

static bool same_limits(const ZoneGeometry *a, const ZoneGeometry *b)
{
    return a->max_open_zones == b->max_open_zones &&
           a->max_active_zones == b->max_active_zones &&
           a->max_append_bytes == b->max_append_bytes;
}

/* As after the operation; unless known, as before it will do */
static void expect_limits(const FailRun *run, const char *when,
                          const FailReport *now, bool known)
{
    const ZoneGeometry *g = &now->geometry;

    fail_expect(run, same_limits(g, &run->after.geometry) ||
                (!known && same_limits(g, &run->before.geometry)),
                "%s: the limits are %u open zones, %u active, appends of %u",
                when, g->max_open_zones, g->max_active_zones,
                g->max_append_bytes);
}

/* What memory says of them has been made durable before */
static bool has_new_limits(const FailRun *run)
{
    return run->image->blk && same_limits(blk_get_zone_geometry(
               run->image->blk), &run->after.geometry);
}

/* The operation has happened to all zones, or to none */
static void expect_whole(const FailRun *run, const FailReport *now)
{
    bool as_before = true, as_after = true;
    uint32_t i;

    for (i = 0; i < now->nr_zones; i++) {
        as_before &= same(&now->info[i], &run->before.info[i]);
        as_after &= same(&now->info[i], &run->after.info[i]);
    }
    fail_expect(run, as_before || as_after, "some zones are as before it and "
                "others as after");
}

void fail_check_live(const FailRun *run)
{
    FailReport now = fail_report(run->image);
    uint32_t i;

    check_nr_zones(run, "after it", now.nr_zones, run->ret >= 0);
    expect_limits(run, "after it", &now, run->ret >= 0);
    for (i = 0; i < now.nr_zones; i++) {
        ZoneInfo given[] = { run->before.info[i], run->after.info[i] };

        if (run->ret >= 0) {
            expect_same(run, "after success", &now.info[i],
                        &run->after.info[i]);
        } else {
            expect_between(run, "after failure", &now.info[i], given,
                           G_N_ELEMENTS(given));
        }
    }
    if (run->op->flags & FAIL_OP_WHOLE) {
        expect_whole(run, &now);
    }
    fail_report_free(&now);
    check_data(run, run->image, "after it");
    check_zde(run, run->image, "after it");
}

/* Lazy refcounts are put right whenever the image is opened */
static void put_refcounts_right(FailImage *image)
{
    bool takes_unfinished = image->takes_unfinished;
    int quiet = fail_quiet_begin();

    image->takes_unfinished = true;
    if (fail_image_open(image, 0, NULL) >= 0) {
        fail_image_close(image);
    }
    image->takes_unfinished = takes_unfinished;
    fail_quiet_end(quiet);
}

void fail_expect_sound(const FailRun *run, FailImage *image, const char *when)
{
    int corruptions = 0;
    int ret;

    if (image->variant->lazy_refcounts) {
        put_refcounts_right(image);
    }
    ret = run->snapshot.info ? fail_image_check_loose(image, &corruptions) :
                               fail_image_check(image, false, &corruptions);
    fail_expect(run, ret >= 0, "%s: the check fails: %d", when, ret);
    fail_expect(run, corruptions == 0, "%s: %d corruptions", when,
                corruptions);
}

static FailImage *crash_copy(const FailRun *run, const char *when,
                             bool durable)
{
    FailImage *copy = fail_image_dup(run->image, durable);
    Error *local_err = NULL;
    int ret;

    fail_expect_sound(run, copy, when);
    ret = fail_image_open(copy, 0, &local_err);
    fail_expect(run, ret >= 0, "%s: the image does not open: %s", when,
                local_err ? error_get_pretty(local_err) : "");
    return copy;
}

/* Snapshots ***************************************************************/

static void check_snapshot_zone(const FailRun *run, FailImage *image,
                                const char *when, const ZoneInfo *info)
{
    g_autofree uint8_t *data = g_malloc(ZONE_BLOCKS * FAIL_BLOCK_BYTES);
    uint64_t stored_bytes = run->prepared_wp_bytes[info->zone_idx];
    unsigned i, life;

    if (info->state == ZONE_STATE_OFFLINE ||
        info->state == ZONE_STATE_CONVENTIONAL) {
        return;
    }
    fail_expect(run, blk_pread(image->blk, info->start_bytes,
                               ZONE_BLOCKS * FAIL_BLOCK_BYTES, data, 0) >= 0,
                "%s: zone %u of the snapshot cannot be read", when,
                info->zone_idx);
    for (i = 0; i < ZONE_BLOCKS; i++) {
        uint64_t pos = info->start_bytes + i * FAIL_BLOCK_BYTES;

        life = pos >= info->wp_bytes ? 0 :
               pos < stored_bytes ? FAIL_LIFE_BASE : FAIL_LIFE_BEFORE;
        fail_expect(run, block_is_life(data + i * FAIL_BLOCK_BYTES,
                                       info->zone_idx, i, life),
                    "%s, zone %u of the snapshot: block %u has %02x", when,
                    info->zone_idx, i, data[i * FAIL_BLOCK_BYTES]);
    }
}

/* It is there when it has to be, and shows what it was made of */
static void check_snapshot(const FailRun *run, FailImage *copy,
                           const char *when)
{
    bool exists = fail_snapshot_exists(copy);
    bool made = run->ret >= 0 && (run->op->flags & FAIL_OP_MAKES);
    bool deleted = run->ret >= 0 && (run->op->flags & FAIL_OP_DELETES);
    Error *local_err = NULL;
    FailReport now;
    uint32_t i;
    int ret;

    fail_expect(run, exists || !(made || ((run->op->flags & FAIL_OP_SHARED) &&
                                          !(run->op->flags & FAIL_OP_DELETES))),
                "%s: the snapshot is gone", when);
    fail_expect(run, !exists || !deleted, "%s: the snapshot is there", when);
    if (!exists) {
        return;
    }
    fail_image_close(copy);
    ret = fail_image_open_snapshot(copy, &local_err);
    fail_expect(run, ret >= 0, "%s: the snapshot cannot be loaded: %s", when,
                local_err ? error_get_pretty(local_err) : "");
    now = fail_report(copy);
    for (i = 0; i < now.nr_zones; i++) {
        ZoneInfo expected = powered(&run->snapshot.info[i]);

        expect_same(run, "in the snapshot", &now.info[i], &expected);
        check_snapshot_zone(run, copy, when, &now.info[i]);
    }
    check_zde(run, copy, when);
    fail_report_free(&now);
}

void fail_check_crash(const FailRun *run, bool durable)
{
    const char *when = durable ? "after a loss of power" : "after a kill";
    FailImage *copy = crash_copy(run, when, durable);
    FailReport now = fail_report(copy);
    uint32_t i;

    check_nr_zones(run, when, now.nr_zones, run->ret >= 0);
    expect_limits(run, when, &now, run->ret >= 0 || has_new_limits(run));
    for (i = 0; i < now.nr_zones; i++) {
        ZoneInfo given[] = {
            powered(&run->stored.info[i]), powered(&run->before.info[i]),
            powered(&run->after.info[i])
        };

        if (run->ret >= 0 && (run->op->flags & FAIL_OP_DURABLE)) {
            expect_same(run, when, &now.info[i], &given[2]);
        } else {
            expect_between(run, when, &now.info[i], given,
                           G_N_ELEMENTS(given));
        }
    }
    fail_report_free(&now);
    check_data(run, copy, when);
    check_zde(run, copy, when);
    if (run->snapshot.info) {
        check_snapshot(run, copy, when);
    }
    fail_image_free(copy);
}

/* Zones get new lives, in which nothing of the old ones is seen */
static void check_new_life(const FailRun *run)
{
    g_autofree uint8_t *data = g_malloc(ZONE_BLOCKS * FAIL_BLOCK_BYTES);
    uint64_t zone_bytes = run->image->geometry.zone_bytes;
    FailImage *copy;
    uint32_t zone_idx;
    unsigned i;

    for (zone_idx = FAIL_ZONE_CLOSED; zone_idx <= FAIL_ZONE_USED; zone_idx++) {
        if (run->after.info[zone_idx].state == ZONE_STATE_OFFLINE) {
            continue;
        }
        fail_expect(run, fail_action(run->image, BLK_ZO_RESET, zone_idx) >= 0,
                    "zone %u cannot be reset later", zone_idx);
        fail_expect(run, fail_write(run->image, zone_idx, 0, 2, FAIL_LIFE_NEW,
                                    0) >= 0,
                    "zone %u cannot be written later", zone_idx);
    }
    fail_expect(run, blk_flush(run->image->blk) >= 0, "the last flush fails");
    copy = crash_copy(run, "at the end", true);
    for (zone_idx = FAIL_ZONE_CLOSED; zone_idx <= FAIL_ZONE_USED; zone_idx++) {
        if (run->after.info[zone_idx].state == ZONE_STATE_OFFLINE) {
            continue;
        }
        fail_expect(run, blk_pread(copy->blk, zone_idx * zone_bytes,
                                   ZONE_BLOCKS * FAIL_BLOCK_BYTES, data,
                                   0) >= 0, "at the end: a read fails");
        for (i = 0; i < ZONE_BLOCKS; i++) {
            fail_expect(run, block_is_life(data + i * FAIL_BLOCK_BYTES,
                                           zone_idx, i,
                                           i < 2 ? FAIL_LIFE_NEW : 0),
                        "at the end, zone %u: block %u has %02x", zone_idx, i,
                        data[i * FAIL_BLOCK_BYTES]);
        }
    }
    fail_image_free(copy);
}

void fail_check_recovery(const FailRun *run)
{
    FailReport now, stored;
    FailImage *copy;
    uint32_t i;
    int ret = blk_flush(run->image->blk);

    fail_expect(run, ret >= 0, "the next flush fails as well: %d", ret);
    now = fail_report(run->image);
    copy = crash_copy(run, "after the next flush", true);
    stored = fail_report(copy);
    fail_expect(run, stored.nr_zones == now.nr_zones, "after the next flush: "
                "%u zones, in memory %u", stored.nr_zones, now.nr_zones);
    for (i = 0; i < now.nr_zones; i++) {
        ZoneInfo expected = powered(&now.info[i]);

        expect_same(run, "after the next flush", &stored.info[i], &expected);
    }
    check_data(run, copy, "after the next flush");
    check_zde(run, copy, "after the next flush");
    if (run->snapshot.info) {
        check_snapshot(run, copy, "after the next flush");
    }
    fail_image_free(copy);
    fail_report_free(&now);
    fail_report_free(&stored);
    check_new_life(run);
}
