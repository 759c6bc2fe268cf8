/*
 * Requests that fail, one after the other, in everything that is done to zones
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Shows that, whichever request to the disk fails in an operation (the 1st
 * read, the 2nd, ..., the 1st write ...; with EIO or ENOSPC; once or for ever),
 * the result is an error, or a success that is true; that memory and disk
 * agree; that what a kill or a loss of power would leave is as before or as
 * after, sound, with at most leaked clusters; and that the next flush makes up
 * for it.  How: each run starts from a copy of one prepared image on a disk in
 * memory, N grows until the operation completes unhurt.
 */

#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qemu/main-loop.h"
#include "qemu/module.h"
#include "fail-chain.h"
#include "fail-ops.h"
#include "fail-run.h"

typedef struct Case {
    const FailVariant *variant;
    const FailOp *op;
} Case;

/* For LeakSanitizer: the base forgets refcount tables that it rebuilds */
const char *__lsan_default_suppressions(void);

const char *__lsan_default_suppressions(void)
{
    return "leak:qcow2_refcount_init\n"
           "leak:rebuild_refcounts_write_refblocks\n"
           /* forgotten by qcow2_snapshot_delete() when a write fails */
           "leak:qcow2_snapshot_create\n"
           "leak:qcow2_do_read_snapshots\n"
           "leak:snapshot_set_record\n";
}

static void run_op(FailRun *run)
{
    FailImage *closed;
    Error *local_err = NULL;

    if (!(run->op->flags & FAIL_OP_CLOSED)) {
        fail_image_open(run->image, 0, &error_abort);
        if (run->op->prepare) {
            run->op->prepare(run->image);
        }
    }
    fail_image_set_plan(run->image, &run->plan);
    run->image->disk[0]->nr_changes = 0;
    run->plan.armed = true;
    run->ret = run->op->run(run->image);
    run->plan.armed = false;
    fail_image_set_plan(run->image, NULL);
    if ((run->op->flags & FAIL_OP_ENDS) && run->plan.nr_failed) {
        run->ret = -run->plan.error;
    }
    if (run->op->flags & FAIL_OP_CLOSED) {
        fail_expect(run, !run->image->disk[0]->nr_changes,
                    "the image has been written to");
    }
    if (!run->image->blk) {
        fail_check_crash(run, false);
        fail_check_crash(run, true);
        /* what was in the way is gone now, caches are written back */
        closed = run->image;
        run->image = fail_image_dup(closed, false);
        fail_image_free(closed);
        fail_image_open(run->image, 0, &local_err);
        fail_expect(run, run->image->blk, "the image does not open again: %s",
                    local_err ? error_get_pretty(local_err) : "");
    }
}

/* What the operation leads to, and from where, when nothing fails */
static void run_unhurt(FailRun *run)
{
    run->image = fail_image_dup(fail_prepared(run->image->variant), false);
    fail_image_open(run->image, 0, &error_abort);
    if (run->op->prepare) {
        run->op->prepare(run->image);
    }
    run->before = fail_report(run->image);
    if (run->op->flags & FAIL_OP_CLOSED) {
        fail_image_close(run->image);
    }
    g_assert_cmpint(run->op->run(run->image), >=, 0);
    if (!run->image->blk) {
        fail_image_open(run->image, 0, &error_abort);
    }
    run->after = fail_report(run->image);
    fail_image_free(run->image);
}

/*
 * When the header that leads to another snapshot table cannot be written, the
 * base frees that table, to which the header on the disk may lead by now.  So
 * it does without zones, and what a crash leaves then says nothing.
 */
static bool base_fails(const FailRun *run)
{
    return run->ret < 0 && run->plan.header_failed &&
           (run->op->flags & FAIL_OP_MAKES);
}

static void run_once(FailRun *run)
{
    const FailVariant *variant = run->image->variant;

    run->image = fail_image_dup(fail_prepared(variant), false);
    run_op(run);
    fail_expect(run, run->plan.nr_failed || run->ret >= 0,
                "fails without cause");
    if (!(run->op->flags & FAIL_OP_ENDS)) {
        fail_check_live(run);
    }
    if (!(run->op->flags & FAIL_OP_ENDS) && !base_fails(run)) {
        fail_check_crash(run, false);
        fail_check_crash(run, true);
    }
    if (!base_fails(run)) {
        fail_check_recovery(run);
    }
    fail_image_free(run->image);
}

/* What the snapshot has, and what the image has besides */
static void share(FailRun *run)
{
    uint32_t i;

    for (i = 0; i < FAIL_MIN_ZONES; i++) {
        run->prepared_wp_bytes[i] = run->stored.info[i].wp_bytes;
    }
    if (run->op->flags & (FAIL_OP_SHARED | FAIL_OP_MAKES)) {
        FailReport *from = run->op->flags & FAIL_OP_MAKES ? &run->before :
                                                            &run->stored;

        run->snapshot.nr_zones = from->nr_zones;
        run->snapshot.info = g_memdup2(from->info, from->nr_zones *
                                                   sizeof(*from->info));
    }
    if (run->op->flags & FAIL_OP_NEW_FULL) {
        run->stored.info[FAIL_ZONE_FULL] = run->before.info[FAIL_ZONE_FULL];
    }
}

static void test_op(const void *data)
{
    const Case *c = data;
    FailImage named = { .variant = c->variant };
    FailRun run = { .op = c->op, .image = &named };

    run.stored = fail_report_of(fail_prepared(c->variant));
    run_unhurt(&run);
    share(&run);
    run.image = &named;
    fail_try_plans(&run, run_once);
    fail_free_reports(&run);
}

/* Creation: a success is a sound image of Empty zones, on the disk */

static void check_created(const FailRun *run, bool durable)
{
    FailImage *copy = fail_image_dup(run->image, durable);
    int corruptions = 0;
    ZoneInfo info;
    uint32_t i;
    int ret = fail_image_check(copy, false, &corruptions);

    fail_expect(run, run->ret < 0 || (ret >= 0 && corruptions == 0),
                "the new image has %d corruptions (%d)", corruptions, ret);
    ret = fail_image_open(copy, 0, NULL);
    fail_expect(run, run->ret < 0 || ret >= 0, "the new image does not open");
    fail_expect(run, run->ret < 0 || blk_get_nr_zones(copy->blk) ==
                copy->geometry.nr_zones, "the new image has not its zones");
    for (i = 1; ret >= 0 && i < blk_get_nr_zones(copy->blk); i++) {
        blk_get_zone_info(copy->blk, i, &info);
        fail_expect(run, info.state == ZONE_STATE_EMPTY,
                    "zone %u is created as %s", i, zone_state_str(info.state));
    }
    fail_image_free(copy);
}

static void create_once(FailRun *run)
{
    FailImage *image = fail_image_new(run->image->variant);
    int quiet;

    run->image = image;
    fail_image_set_plan(image, &run->plan);
    run->plan.armed = true;
    quiet = fail_quiet_begin();
    run->ret = fail_image_create(image);
    fail_quiet_end(quiet);
    run->plan.armed = false;
    fail_expect(run, run->plan.nr_failed || run->ret >= 0,
                "fails without cause");
    check_created(run, false);
    check_created(run, true);
    fail_image_free(image);
}

static void test_create(const void *data)
{
    const FailVariant *variant = data;
    const FailOp op = { .name = "create" };
    FailImage named = { .variant = variant };
    FailRun run = { .op = &op, .image = &named };

    fail_try_plans(&run, create_once);
}

/*
 * Repair: a success leaves nothing to repair; after an error it can be started
 * again.  Zones without damage are as they were.
 */

static FailImage *damaged(const FailVariant *variant)
{
    FailImage *image = fail_image_dup(fail_prepared(variant), false);

    fail_image_damage(image, FAIL_ZONE_CLOSED, UINT64_C(0x70) << 51);
    fail_image_damage(image, FAIL_ZONE_FULL, 1 << 17);
    fail_image_damage(image, FAIL_ZONE_FINISHED, UINT64_C(0xd) << 60);
    fail_image_damage(image, FAIL_ZONE_CONVENTIONAL, 512);
    return image;
}

static int repair(FailRun *run)
{
    int corruptions = 0;
    int quiet = fail_quiet_begin();
    int ret = fail_image_check(run->image, true, &corruptions);

    fail_quiet_end(quiet);
    return ret >= 0 && corruptions ? -EINVAL : ret;
}

static void repair_once(FailRun *run)
{
    FailImage *image;
    int corruptions = 0;

    run->image = damaged(run->image->variant);
    fail_image_set_plan(run->image, &run->plan);
    run->plan.armed = true;
    run->ret = repair(run);
    run->plan.armed = false;
    fail_image_set_plan(run->image, NULL);
    fail_expect(run, run->plan.nr_failed || run->ret >= 0,
                "fails without cause");
    /* after success, what power would leave; after an error, start again */
    image = fail_image_dup(run->image, run->ret >= 0);
    fail_image_free(run->image);
    run->image = image;
    if (run->ret < 0) {
        fail_expect(run, repair(run) >= 0, "the second repair fails as well");
    }
    fail_expect(run, fail_image_check(run->image, false, &corruptions) >= 0 &&
                !corruptions, "%d corruptions after repair", corruptions);
    fail_expect(run, fail_image_open(run->image, 0, NULL) >= 0,
                "the image does not open after repair");
    fail_check_live(run);
    fail_check_recovery(run);
    fail_image_free(run->image);
}

static void test_repair(const void *data)
{
    const FailVariant *variant = data;
    const FailOp op = { .name = "repair" };
    FailImage named = { .variant = variant };
    FailRun run = { .op = &op, .image = &named };
    FailReport *reports[] = { &run.stored, &run.before, &run.after };
    size_t i;

    run.image = damaged(variant);
    g_assert_cmpint(fail_image_open(run.image, 0, NULL), <, 0);
    g_assert_cmpint(repair(&run), ==, 0);
    g_assert_cmpint(fail_image_open(run.image, 0, NULL), >=, 0);
    for (i = 0; i < G_N_ELEMENTS(reports); i++) {
        *reports[i] = fail_report(run.image);
    }
    g_assert_cmpint(run.after.info[FAIL_ZONE_FULL].state, ==,
                    ZONE_STATE_OFFLINE);
    fail_image_free(run.image);
    run.image = &named;
    fail_try_plans(&run, repair_once);
    fail_free_reports(&run);
}

static void add_op(const FailVariant *variant, const FailOp *op)
{
    g_autofree char *path = g_strdup_printf("/fail/%s/%s", variant->name,
                                            op->name);
    Case *c = g_new(Case, 1);

    *c = (Case) { .variant = variant, .op = op };
    g_test_add_data_func_full(path, c, test_op, g_free);
}

int main(int argc, char **argv)
{
    const FailVariant *variant;
    const FailOp *op;
    int ret;

    bdrv_init();
    qemu_init_main_loop(&error_abort);
    fail_disk_register();
    fail_catch_signals();
    g_test_init(&argc, &argv, NULL);
    for (variant = fail_variants; variant->name; variant++) {
        fail_add_test(variant, "create", test_create);
        if (!variant->nr_zones) {
            fail_add_test(variant, "repair", test_repair);
        }
        fail_chain_add_tests(variant);
        fail_fill_add_tests(variant);
        for (op = fail_ops; op->name; op++) {
            if (variant->data_file &&
                (op->flags & (FAIL_OP_SHARED | FAIL_OP_MAKES))) {
                continue; /* has no snapshots */
            }
            if (!variant->nr_zones == !(op->flags & FAIL_OP_MANY)) {
                add_op(variant, op);
            }
        }
    }
    ret = g_test_run();
    return !fail_say_runs() || ret;
}
