/*
 * Overlays of zoned images, and zones that are handed over, while requests fail
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * An overlay of an image with a data file has one, too, but not a raw one: the
 * base creates no raw data file for an image with a backing file.
 */

#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qemu/option.h"
#include "block/block_int.h"
#include "block/zone-io.h"
#include "fail-chain.h"

#define ZONE_BLOCKS     16
#define MANY_SECTORS    132     /* of words: more than one batch of a commit */
#define SECTOR_WORDS    64

static void must(int ret)
{
    g_assert_cmpint(ret, >=, 0);
}

FailChain *fail_chain_of(FailRun *run)
{
    return container_of(run, FailChain, run);
}

/* Prepared images *********************************************************/

void fail_use(FailImage *image)
{
    unsigned i;

    must(fail_write(image, FAIL_ZONE_CONVENTIONAL, 3, 2, FAIL_LIFE_OP, 0));
    must(fail_write(image, FAIL_ZONE_CLOSED, 3, 2, FAIL_LIFE_BEFORE, 0));
    must(fail_action(image, BLK_ZO_OPEN, FAIL_ZONE_CLOSED));
    must(fail_action(image, BLK_ZO_RESET, FAIL_ZONE_FULL));
    must(fail_action(image, BLK_ZO_RESET, FAIL_ZONE_ZDE));
    must(fail_action(image, BLK_ZO_OFFLINE, FAIL_ZONE_READ_ONLY));
    must(fail_set_zde(image, FAIL_ZONE_OTHER));
    for (i = 1; image->variant->nr_zones && i < MANY_SECTORS; i++) {
        must(fail_write(image, i * SECTOR_WORDS + FAIL_ZONE_SPARE, 0, 1,
                        FAIL_LIFE_BEFORE, 0));
    }
    /* after what is durable at once, and the dirty words with it */
    must(fail_write(image, FAIL_ZONE_FULL, 0, 5, FAIL_LIFE_BEFORE, 0));
    must(fail_write(image, FAIL_ZONE_NEW, 0, 3, FAIL_LIFE_BEFORE, 0));
    must(fail_write(image, FAIL_ZONE_USED, 0, 11, FAIL_LIFE_BEFORE, 0));
}

static FailImage *make_over(const FailVariant *variant, bool used)
{
    FailImage *image = fail_image_new_over(
        fail_image_dup(fail_prepared(variant), false));

    must(fail_image_create(image));
    if (used) {
        must(fail_image_open(image, 0, &error_abort));
        fail_use(image);
        fail_image_close(image);
    }
    return image;
}

const FailImage *fail_prepared_over(const FailVariant *variant, bool used)
{
    static FailImage *images[FAIL_MAX_VARIANTS][2];
    FailImage **image = &images[variant - fail_variants][used];

    if (!*image) {
        *image = make_over(variant, used);
    }
    return *image;
}

/* Views *******************************************************************/

/*
 * What fail_use() has made durable at once, and data of the prepared image for
 * the rest
 */
static FailReport old_of(const FailReport *prepared, const FailReport *used)
{
    FailReport old = fail_report_dup(prepared);
    ZoneInfo *full = &old.info[FAIL_ZONE_FULL];

    old.info[FAIL_ZONE_ZDE] = used->info[FAIL_ZONE_ZDE];
    old.info[FAIL_ZONE_READ_ONLY] = used->info[FAIL_ZONE_READ_ONLY];
    old.info[FAIL_ZONE_OTHER] = used->info[FAIL_ZONE_OTHER];
    full->state = ZONE_STATE_EMPTY;
    full->wp_bytes = full->reserved_bytes = full->start_bytes;
    full->attributes = 0;
    return old;
}

static void free_view(FailView *view)
{
    fail_report_free(&view->report);
    fail_report_free(&view->old);
}

void fail_chain_set_run(FailChain *chain, const FailView *view)
{
    fail_free_reports(&chain->run);
    chain->run.stored = fail_report_dup(&view->old);
    chain->run.before = fail_report_dup(&view->report);
    chain->run.after = fail_report_dup(&view->report);
}

void fail_chain_try(const FailVariant *variant, const FailOp *op,
                    void (*once)(FailRun *run))
{
    FailImage named = { .variant = variant };
    FailChain chain = { .run = { .op = op, .image = &named } };

    chain.prepared.report = fail_report_of(fail_prepared(variant));
    chain.prepared.old = fail_report_dup(&chain.prepared.report);
    chain.used.report = fail_report_of(fail_prepared_over(variant, true));
    chain.used.old = old_of(&chain.prepared.report, &chain.used.report);
    chain.used.flags = FAIL_OP_CONV;
    fail_try_plans(&chain.run, once);
    free_view(&chain.prepared);
    free_view(&chain.used);
    fail_free_reports(&chain.run);
}

void fail_expect_shows(const FailRun *run, FailImage *image,
                       const FailView *view, const char *of)
{
    const FailOp op = { .name = run->op->name, .flags = view->flags };
    FailRun look = {
        .op = &op,
        .of = of,
        .image = image,
        .plan = run->plan,
        .stored = view->old,
        .before = view->report,
        .after = view->report,
    };
    Error *local_err = NULL;
    int quiet = fail_quiet_begin();
    int ret = fail_image_open(image, 0, &local_err);

    fail_quiet_end(quiet);
    fail_expect(&look, ret >= 0, "it does not open: %s",
                local_err ? error_get_pretty(local_err) : "");
    fail_check_live(&look);
    fail_image_close(image);
}

void fail_arm(FailRun *run, FailImage *image)
{
    fail_image_set_plan(image, &run->plan);
    run->plan.armed = true;
}

void fail_disarm(FailRun *run, FailImage *image)
{
    run->plan.armed = false;
    fail_image_set_plan(image, NULL);
}

/*
 * Creation: what is on the disk cannot be opened over the base, or it shows
 * what the base does.  The base is not written to.
 */

/*
 * Without a name in the header, others would open it over nothing.  The base
 * writes name and header in one request: half of that can be an empty name, in
 * a plain image as well.
 */
static bool names_backing(const FailRun *run, FailImage *image)
{
    bool names;

    must(fail_image_open(image, 0, NULL));
    names = blk_bs(image->blk)->auto_backing_file[0];
    fail_image_close(image);
    return names || run->plan.header_failed;
}

static void check_new_over(FailRun *run, bool durable)
{
    FailImage *copy = fail_image_dup(run->image, durable);
    int ret = fail_image_open(copy, 0, NULL);

    fail_expect(run, ret >= 0 || run->ret < 0, "the new overlay does not open");
    if (ret >= 0) {
        fail_image_close(copy);
        fail_expect_sound(run, copy, "the new overlay");
        fail_expect_shows(run, copy, &fail_chain_of(run)->prepared,
                          "the new overlay");
        fail_expect(run, names_backing(run, copy), "the new overlay has "
                    "zones, and does not name its backing file");
    }
    fail_image_free(copy);
}

static void create_once(FailRun *run)
{
    FailImage *base = fail_image_dup(fail_prepared(run->image->variant), false);
    int quiet;

    run->image = fail_image_new_over(base);
    fail_arm(run, run->image);
    quiet = fail_quiet_begin();
    run->ret = fail_image_create(run->image);
    fail_quiet_end(quiet);
    fail_disarm(run, run->image);
    fail_expect(run, run->plan.nr_failed || run->ret >= 0,
                "fails without cause");
    check_new_over(run, false);
    check_new_over(run, true);
    if (run->ret >= 0) {
        fail_chain_set_run(fail_chain_of(run), &fail_chain_of(run)->prepared);
        must(fail_image_open(run->image, 0, &error_abort));
        fail_check_recovery(run);
    }
    fail_expect(run, !fail_image_nr_changes(base), "the base is written to");
    fail_image_free(run->image);
}

/* As qemu-img and blockdev-snapshot-sync do it */
static void check_asks_for_zones(const FailVariant *variant)
{
    FailImage *base = fail_image_dup(fail_prepared(variant), false);
    BlockDriver *drv = bdrv_find_format("qcow2");
    QemuOpts *opts = qemu_opts_create(drv->create_opts, NULL, 0, &error_abort);

    must(fail_image_open_to_read(base, &error_abort));
    g_assert_true(bdrv_zone_check_create(drv, opts, blk_bs(base->blk),
                                         &error_abort));
    g_assert_cmpstr(qemu_opt_get(opts, "zone.mode"), ==, "host-managed");
    qemu_opts_del(opts);
    fail_image_free(base);
}

static void test_create(const void *data)
{
    const FailOp op = { .name = "overlay-create", .flags = FAIL_OP_DURABLE };

    check_asks_for_zones(data);
    fail_chain_try(data, &op, create_once);
}

/*
 * Hand-over: after an error the drive goes on in the base, after a success in
 * the overlay, each time with all that has completed and with its open zones.
 * FAIL_OP_AGAIN: after an error it is tried again.
 */

/* As blockdev-add opens it, without what it will be over */
static BlockDriverState *open_top(FailImage *top)
{
    BlockDriverState *bs;

    assert(!top->backing);
    must(fail_image_open(top, 0, &error_abort));
    bs = blk_bs(top->blk);
    bdrv_ref(bs);
    fail_image_close(top);
    return bs;
}

/* As blockdev-snapshot, which does not mind when the last step fails */
static int hand_over(FailImage *base, BlockDriverState *top_bs)
{
    BlockDriverState *base_bs = blk_bs(base->blk);
    Error *local_err = NULL;
    int ret = bdrv_append(top_bs, base_bs, &local_err);

    error_free(local_err);
    if (ret >= 0) {
        bdrv_reopen_set_read_only(base_bs, true, NULL);
    }
    return ret;
}

static bool is_same(const ZoneInfo *a, const ZoneInfo *b)
{
    return a->state == b->state && a->wp_bytes == b->wp_bytes &&
           a->attributes == b->attributes;
}

/* Zone by zone: as it was created, Empty, or as the drive */
static void check_left_zone(FailRun *run, const ZoneInfo *info)
{
    FailChain *chain = fail_chain_of(run);
    uint32_t i = info->zone_idx;
    bool is_empty = info->state == ZONE_STATE_EMPTY && !info->attributes;

    fail_expect(run, is_empty ||
                is_same(info, &chain->prepared.report.info[i]) ||
                is_same(info, &chain->used.report.info[i]),
                "zone %u of the overlay: %s, wp +%" PRIu64 ", attributes %02x",
                i, zone_state_str(info->state),
                info->wp_bytes - info->start_bytes, info->attributes);
}

/* Below its write pointer what the base shows, zeros above */
static void check_left_data(FailRun *run, FailImage *over, FailImage *base,
                            const ZoneInfo *info)
{
    uint64_t zone_bytes = over->geometry.zone_bytes;
    g_autofree uint8_t *data = g_malloc(zone_bytes);
    g_autofree uint8_t *expected = g_malloc(zone_bytes);
    uint64_t end = info->state == ZONE_STATE_CONVENTIONAL ? zone_bytes :
                   info->wp_bytes - info->start_bytes;
    ZoneInfo base_info;

    blk_get_zone_info(base->blk, info->zone_idx, &base_info);
    if (info->state == ZONE_STATE_OFFLINE ||
        base_info.state == ZONE_STATE_OFFLINE) {
        return;
    }
    must(blk_pread(over->blk, info->start_bytes, zone_bytes, data, 0));
    must(blk_pread(base->blk, info->start_bytes, zone_bytes, expected, 0));
    memset(expected + end, 0, zone_bytes - end);
    fail_expect(run, !memcmp(data, expected, zone_bytes), "zone %u of the "
                "overlay does not show data of the base", info->zone_idx);
}

/* What a failed hand-over leaves of the overlay, beside the base in use */
static void check_left(FailRun *run, FailImage *over, bool durable)
{
    FailImage *base = fail_image_dup(run->image, durable);
    FailImage *copy = fail_image_dup(over, durable);
    ZoneInfo info;
    uint32_t i;

    copy->backing = fail_image_dup(run->image, durable);
    fail_expect_sound(run, copy, "the overlay");
    must(fail_image_open(base, 0, &error_abort));
    must(fail_image_open(copy, 0, &error_abort));
    for (i = 0; i < blk_get_nr_zones(copy->blk); i++) {
        blk_get_zone_info(copy->blk, i, &info);
        if (info.state != ZONE_STATE_CONVENTIONAL) {
            check_left_zone(run, &info);
        }
        if (i < FAIL_MIN_ZONES) {
            check_left_data(run, copy, base, &info);
        }
    }
    fail_image_free(copy);
    fail_image_free(base);
}

/* The drive is that of run->before, whatever it is in */
static void check_drive(FailRun *run)
{
    FailRun look = *run;

    look.ret = 0;
    fail_check_live(&look);
    fail_check_crash(run, false);
    fail_check_crash(run, true);
}

/* The base stays what it was at that moment, durable */
static void check_base(const FailRun *run)
{
    FailRun look = *run;

    look.of = "the base";
    look.image = run->image->backing;
    fail_check_crash(&look, false);
    fail_check_crash(&look, true);
}

static void check_handed_over(FailRun *run, FailImage *over)
{
    FailImage *base = run->image;
    unsigned nr_changes = fail_image_nr_changes(base);

    over->backing = base;
    over->blk = base->blk;
    base->blk = NULL;
    run->image = over;
    check_drive(run);
    check_base(run);
    fail_check_recovery(run);
    fail_expect(run, fail_image_nr_changes(base) == nr_changes,
                "the base is written to");
    fail_image_free(over);
}

static void check_not_handed_over(FailRun *run, FailImage *over)
{
    check_drive(run);
    check_left(run, over, false);
    check_left(run, over, true);
}

/* The drive in run->image, and what is to be its overlay */
static FailImage *start_drive(FailRun *run)
{
    FailChain *chain = fail_chain_of(run);
    FailImage *over = fail_image_dup(
        fail_prepared_over(run->image->variant, false), false);

    run->image = over->backing;
    over->backing = NULL;
    must(fail_image_open(run->image, 0, &error_abort));
    fail_use(run->image);
    fail_chain_set_run(chain, &chain->used);
    fail_report_free(&run->before);
    fail_report_free(&run->after);
    run->before = fail_report(run->image);
    run->after = fail_report_dup(&run->before);
    return over;
}

static int hand_over_armed(FailRun *run, FailImage *over,
                           BlockDriverState *top_bs)
{
    int ret;

    fail_arm(run, over);
    fail_arm(run, run->image);
    ret = hand_over(run->image, top_bs);
    fail_disarm(run, over);
    fail_disarm(run, run->image);
    fail_expect(run, run->plan.nr_failed || ret >= 0, "fails without cause");
    return ret;
}

static void hand_over_once(FailRun *run)
{
    FailImage *over = start_drive(run);
    BlockDriverState *top_bs = open_top(over);

    run->ret = hand_over_armed(run, over, top_bs);
    if (run->ret < 0) {
        check_not_handed_over(run, over);
    }
    if (run->ret < 0 && (run->op->flags & FAIL_OP_AGAIN)) {
        run->ret = hand_over(run->image, top_bs);
        fail_expect(run, run->ret >= 0, "it fails again");
    }
    bdrv_unref(top_bs);
    if (run->ret >= 0) {
        check_handed_over(run, over);
        return;
    }
    check_left(run, over, true);
    fail_check_recovery(run);
    fail_image_free(run->image);
    fail_image_free(over);
}

static void test_hand_over(const void *data)
{
    const FailOp op = {
        .name = "hand-over", .flags = FAIL_OP_DURABLE | FAIL_OP_CONV,
    };

    fail_chain_try(data, &op, hand_over_once);
}

static void test_hand_over_again(const void *data)
{
    const FailOp op = {
        .name = "hand-over-again",
        .flags = FAIL_OP_DURABLE | FAIL_OP_CONV | FAIL_OP_AGAIN,
    };

    fail_chain_try(data, &op, hand_over_once);
}

void fail_chain_add_tests(const FailVariant *variant)
{
    fail_add_test(variant, "overlay-create", test_create);
    fail_add_test(variant, "hand-over", test_hand_over);
    if (!variant->nr_zones) {
        fail_add_test(variant, "hand-over-again", test_hand_over_again);
    }
}
