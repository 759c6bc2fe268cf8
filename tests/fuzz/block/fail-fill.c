/*
 * Zoned images that are filled from others, while requests fail
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What is filled is as before, says that it is not finished, or has all.
 * Started again, on disks that are well, each operation ends well.
 */

#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qemu/cutils.h"
#include "qemu/qemu-progress.h"
#include "block/block_int.h"
#include "block/zone/img/copy.h"
#include "fail-chain.h"

#define COPY_BYTES      16384

static void must(int ret)
{
    g_assert_cmpint(ret, >=, 0);
}

static void close_quietly(FailImage *image)
{
    int quiet = fail_quiet_begin();

    fail_image_close(image);
    fail_quiet_end(quiet);
}

static bool is_view(const FailReport *now, const FailView *view)
{
    uint32_t i;

    for (i = 0; i < now->nr_zones; i++) {
        const ZoneInfo *a = &now->info[i];
        const ZoneInfo *b = &view->report.info[i];

        if (a->state != b->state || a->wp_bytes != b->wp_bytes ||
            a->attributes != b->attributes) {
            return false;
        }
    }
    return true;
}

/* Others read a raw data file without its image */
static void check_raw(const FailRun *run, const FailImage *image,
                      const FailView *view, const char *of)
{
    const FailDisk *disk = image->disk[1];
    uint64_t zone_bytes = image->geometry.zone_bytes;
    uint32_t i;

    for (i = 0; image->variant->data_file_raw && i < FAIL_MIN_ZONES; i++) {
        const ZoneInfo *info = &view->report.info[i];
        uint64_t end = MIN(info->start_bytes + zone_bytes, disk->length_bytes);

        if (info->state != ZONE_STATE_CONVENTIONAL &&
            info->state != ZONE_STATE_OFFLINE) {
            fail_expect(run, info->wp_bytes >= end ||
                        buffer_is_zero(disk->data + info->wp_bytes,
                                       end - info->wp_bytes),
                        "%s: zone %u has data above its write pointer in the "
                        "raw data file", of, i);
        }
    }
}

/* A closed image: before an error, and only then, need it not be complete */
static void check_filled(FailRun *run, FailImage *image, const FailView *before,
                         const FailView *complete, const char *of)
{
    Error *local_err = NULL;
    FailReport now;
    bool as_before;

    /* before it is opened, which puts that right */
    if (run->ret >= 0) {
        check_raw(run, image, complete, of);
    }
    fail_expect_sound(run, image, of);
    if (fail_image_open(image, 0, &local_err) < 0) {
        fail_expect(run, run->ret < 0 &&
                    strstr(error_get_pretty(local_err), "is not finished"),
                    "%s does not open: %s", of, error_get_pretty(local_err));
        error_free(local_err);
        return;
    }
    now = fail_report(image);
    as_before = run->ret < 0 && is_view(&now, before);
    fail_report_free(&now);
    fail_image_close(image);
    fail_expect_shows(run, image, as_before ? before : complete, of);
}

/* Zones of a filled image live on */
static void check_lives(FailRun *run, FailImage *image, const FailView *view)
{
    FailImage *run_image = run->image;

    fail_chain_set_run(fail_chain_of(run), view);
    must(fail_image_open(image, 0, &error_abort));
    run->image = image;
    fail_check_recovery(run);
    fail_image_close(image);
    run->image = run_image;
}

/*
 * Commit: whatever happens, the overlay shows what it did.
 */

static int commit(FailImage *over)
{
    BlockDriverState *base_bs;
    Error *local_err = NULL;

    bdrv_graph_rdlock_main_loop();
    base_bs = bdrv_backing_chain_next(blk_bs(over->blk));
    bdrv_graph_rdunlock_main_loop();
    g_assert_true(img_zones_commit(over->blk, base_bs, false, 0, &local_err));
    if (local_err) {
        error_free(local_err);
        return -EIO;
    }
    return 0;
}

static void commit_again(FailRun *run, FailImage *over)
{
    const FailView *view = &fail_chain_of(run)->used;

    must(fail_image_open(over, 0, &error_abort));
    fail_expect(run, commit(over) >= 0, "the second commit fails as well");
    fail_image_close(over);
    fail_expect_sound(run, over, "the overlay at the end");
    fail_expect_sound(run, over->backing, "the base at the end");
    fail_expect_shows(run, over, view, "the overlay at the end");
    fail_expect_shows(run, over->backing, view, "the base at the end");
}

static void check_committed(FailRun *run, bool durable)
{
    FailChain *chain = fail_chain_of(run);
    FailImage *over = fail_image_dup(run->image, durable);

    fail_expect_sound(run, over, "the overlay");
    fail_expect_shows(run, over, &chain->used, "the overlay");
    check_filled(run, over->backing, &chain->prepared, &chain->used,
                 "the base");
    commit_again(run, over);
    fail_image_free(over);
}

static void commit_once(FailRun *run)
{
    FailChain *chain = fail_chain_of(run);

    run->image = fail_image_dup(fail_prepared_over(run->image->variant, true),
                                false);
    must(fail_image_open(run->image, 0, &error_abort));
    fail_arm(run, run->image);
    run->ret = commit(run->image);
    fail_expect(run, run->plan.nr_failed || run->ret >= 0,
                "fails without cause");
    check_committed(run, true);
    close_quietly(run->image);
    fail_disarm(run, run->image);
    check_committed(run, false);
    check_committed(run, true);
    commit_again(run, run->image);
    check_lives(run, run->image, &chain->used);
    check_lives(run, run->image->backing, &chain->used);
    fail_image_free(run->image);
}

static void test_commit(const void *data)
{
    const FailOp op = {
        .name = "commit", .flags = FAIL_OP_DURABLE | FAIL_OP_CONV,
    };

    qemu_progress_init(false, 1);
    fail_chain_try(data, &op, commit_once);
    qemu_progress_end();
}

/*
 * Copy: the source is not written to.  The target is there already, and has
 * other zones and data, of which nothing is left.
 */

static int copy_piece(FailImage *source, FailImage *target, int64_t offset,
                      uint8_t *buf)
{
    int ret = blk_pread(source->blk, offset, COPY_BYTES, buf, 0);

    if (ret < 0) {
        return ret;
    }
    if (buffer_is_zero(buf, COPY_BYTES)) {
        return blk_pwrite_zeroes(target->blk, offset, COPY_BYTES,
                                 BDRV_REQ_MAY_UNMAP);
    }
    return blk_pwrite(target->blk, offset, COPY_BYTES, buf, 0);
}

/* Behind the first zones there is none */
static int copy_data(FailImage *source, FailImage *target)
{
    g_autofree uint8_t *buf = g_malloc(COPY_BYTES);
    int64_t end = FAIL_MIN_ZONES * source->geometry.zone_bytes;
    int64_t offset;
    int ret = 0;

    for (offset = 0; offset < end && ret >= 0; offset += COPY_BYTES) {
        ret = copy_piece(source, target, offset, buf);
    }
    return ret;
}

/* As qemu-img convert; both images are open */
static int copy(FailImage *source, FailImage *target)
{
    int quiet = fail_quiet_begin();
    int ret = img_zones_begin_copy(&source->blk, 1, target->blk, false);

    if (ret >= 0) {
        ret = copy_data(source, target);
    }
    if (ret >= 0) {
        ret = img_zones_end_copy(&source->blk, 1, target->blk,
                                 blk_getlength(source->blk));
    }
    fail_quiet_end(quiet);
    return ret;
}

static void copy_again(FailRun *run, FailImage *source, FailImage *target)
{
    const FailView *view = &fail_chain_of(run)->used;

    must(fail_image_open_to_read(source, &error_abort));
    target->takes_unfinished = true;
    must(fail_image_open(target, 0, &error_abort));
    fail_expect(run, copy(source, target) >= 0,
                "the second copy fails as well");
    fail_image_close(target);
    fail_image_close(source);
    target->takes_unfinished = false;
    fail_expect_sound(run, target, "the target at the end");
    fail_expect_shows(run, target, view, "the target at the end");
}

static const FailImage *prepared_source(const FailVariant *variant)
{
    static FailImage *images[FAIL_MAX_VARIANTS];
    FailImage **image = &images[variant - fail_variants];

    if (!*image) {
        *image = fail_image_dup(fail_prepared(variant), false);
        must(fail_image_open(*image, 0, &error_abort));
        fail_use(*image);
        fail_image_close(*image);
    }
    return *image;
}

/*
 * Freeing clusters, update_refcount() of the base does not look whether the
 * caches took the order in which to write.  When nothing can be written or
 * flushed any more, refcounts get to the disk before the tables that do without
 * the clusters, in a plain image as well: what is left then says nothing.
 */
static bool base_fails(const FailRun *run, FailImage *image)
{
    int corruptions = 0;

    if (run->ret >= 0 || !run->plan.forever || !image->variant->discard ||
        (run->plan.kind != FAIL_WRITE && run->plan.kind != FAIL_FLUSH)) {
        return false;
    }
    return fail_image_check(image, false, &corruptions) >= 0 && corruptions;
}

static void check_copied(FailRun *run, FailImage *source, FailImage *target,
                         bool durable)
{
    FailChain *chain = fail_chain_of(run);
    FailImage *image = fail_image_dup(target, durable);

    if (!base_fails(run, image)) {
        check_filled(run, image, &chain->prepared, &chain->used,
                     "the target");
        copy_again(run, source, image);
    }
    fail_image_free(image);
}

static void copy_once(FailRun *run)
{
    const FailVariant *variant = run->image->variant;
    FailImage *source = fail_image_dup(prepared_source(variant), false);
    FailImage *target = fail_image_dup(fail_prepared(variant), false);

    run->image = target;
    must(fail_image_open_to_read(source, &error_abort));
    must(fail_image_open(target, 0, &error_abort));
    fail_arm(run, source);
    fail_arm(run, target);
    run->ret = copy(source, target);
    fail_expect(run, run->plan.nr_failed || run->ret >= 0,
                "fails without cause");
    fail_image_close(source);
    fail_disarm(run, source);
    check_copied(run, source, target, true);
    run->plan.armed = true;
    close_quietly(target);
    fail_disarm(run, target);
    check_copied(run, source, target, false);
    check_copied(run, source, target, true);
    if (!base_fails(run, target)) {
        copy_again(run, source, target);
        check_lives(run, target, &fail_chain_of(run)->used);
    }
    fail_expect(run, !fail_image_nr_changes(source),
                "the source is written to");
    fail_image_free(source);
    fail_image_free(target);
}

static void test_copy(const void *data)
{
    const FailOp op = {
        .name = "copy", .flags = FAIL_OP_DURABLE | FAIL_OP_CONV,
    };

    fail_chain_try(data, &op, copy_once);
}

void fail_fill_add_tests(const FailVariant *variant)
{
    /* all words are written at once, however many there are */
    if (!variant->nr_zones) {
        fail_add_test(variant, "commit", test_commit);
        fail_add_test(variant, "copy", test_copy);
    }
}
