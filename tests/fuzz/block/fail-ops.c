/*
 * Operations on zones in which requests fail
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qemu/option.h"
#include "block/block_int.h"
#include "../../zone/discard.h"
#include "fail-ops.h"

#define MANY_SECTORS    132     /* of words: more than one batch of a commit */
#define SECTOR_WORDS    64

static void must(int ret)
{
    g_assert_cmpint(ret, >=, 0);
}

/* What a commit will have to store */

static void prepare_write(FailImage *image)
{
    must(fail_write(image, FAIL_ZONE_CLOSED, 3, 2, FAIL_LIFE_BEFORE, 0));
}

static void prepare_writes(FailImage *image)
{
    prepare_write(image);
    must(fail_write(image, FAIL_ZONE_NEW, 0, 3, FAIL_LIFE_BEFORE, 0));
    must(fail_write(image, FAIL_ZONE_USED, 0, 11, FAIL_LIFE_BEFORE, 0));
}

static void prepare_many(FailImage *image)
{
    unsigned i;

    for (i = 0; i < MANY_SECTORS - 1; i++) {
        must(fail_write(image, i * SECTOR_WORDS + FAIL_ZONE_SPARE, 0, 1,
                        FAIL_LIFE_BEFORE, 0));
    }
}

static void prepare_many_stored(FailImage *image)
{
    prepare_many(image);
    must(blk_flush(image->blk));
}

/* Snapshots: what comes next is shared with one, or is after it */

static void prepare_shared(FailImage *image)
{
    must(fail_snapshot_make(image));
    prepare_writes(image);
}

static void prepare_shared_reset(FailImage *image)
{
    must(fail_snapshot_make(image));
    must(fail_action(image, BLK_ZO_RESET, FAIL_ZONE_FULL));
}

static void prepare_snapshot(FailImage *image)
{
    must(fail_snapshot_make(image));
}

static void prepare_open(FailImage *image)
{
    must(fail_action(image, BLK_ZO_OPEN, FAIL_ZONE_CLOSED));
    must(fail_action(image, BLK_ZO_OPEN, FAIL_ZONE_NEW));
}

/* Writes */

static int write_new(FailImage *image)
{
    return fail_write(image, FAIL_ZONE_NEW, 0, 2, FAIL_LIFE_OP, 0);
}

static int write_partial(FailImage *image)
{
    return fail_write(image, FAIL_ZONE_CLOSED, 3, 2, FAIL_LIFE_OP, 0);
}

static int write_used(FailImage *image)
{
    return fail_write(image, FAIL_ZONE_USED, 0, 5, FAIL_LIFE_OP, 0);
}

static int write_fua(FailImage *image)
{
    return fail_write(image, FAIL_ZONE_NEW, 0, 2, FAIL_LIFE_OP, BDRV_REQ_FUA);
}

static int write_all(FailImage *image)
{
    return fail_write(image, FAIL_ZONE_NEW, 0, 12, FAIL_LIFE_OP, 0);
}

static int write_zeroes(FailImage *image)
{
    return blk_pwrite_zeroes(image->blk, FAIL_ZONE_USED *
                             image->geometry.zone_bytes, 5 * FAIL_BLOCK_BYTES,
                             BDRV_REQ_MAY_UNMAP);
}

static int write_conventional(FailImage *image)
{
    return fail_write(image, FAIL_ZONE_CONVENTIONAL, 3, 2, FAIL_LIFE_OP, 0);
}

static int append_flags(FailImage *image, BdrvRequestFlags flags)
{
    g_autofree uint8_t *buf = fail_data(FAIL_ZONE_CLOSED, 3, 4, FAIL_LIFE_OP);
    int64_t offset = FAIL_ZONE_CLOSED * image->geometry.zone_bytes;
    QEMUIOVector qiov;
    int ret;

    qemu_iovec_init_buf(&qiov, buf, 4 * FAIL_BLOCK_BYTES);
    ret = blk_zone_append(image->blk, &offset, &qiov, flags);
    if (ret >= 0) {
        g_assert_cmpint(offset, ==, FAIL_ZONE_CLOSED *
                        image->geometry.zone_bytes + 3 * FAIL_BLOCK_BYTES);
    }
    return ret;
}

static int append(FailImage *image)
{
    return append_flags(image, 0);
}

static int append_fua(FailImage *image)
{
    return append_flags(image, BDRV_REQ_FUA);
}

static int write_full(FailImage *image)
{
    return fail_write(image, FAIL_ZONE_FULL, 0, 5, FAIL_LIFE_OP, 0);
}

/* Several in flight at the same time; the first error is the result */

typedef struct Parallel {
    unsigned nr_left;
    int ret;
} Parallel;

static void parallel_done(void *opaque, int ret)
{
    Parallel *all = opaque;

    all->nr_left--;
    if (ret < 0 && all->ret >= 0) {
        all->ret = ret;
    }
}

static int write_parallel(FailImage *image)
{
    static const struct {
        uint32_t zone_idx;
        unsigned block;
    } writes[] = {
        { FAIL_ZONE_NEW, 0 }, { FAIL_ZONE_USED, 0 }, { FAIL_ZONE_NEW, 2 },
        { FAIL_ZONE_NEW, 4 }, { FAIL_ZONE_USED, 2 }, { FAIL_ZONE_NEW, 6 },
    };
    Parallel all = { .nr_left = G_N_ELEMENTS(writes) };
    QEMUIOVector qiov[G_N_ELEMENTS(writes)];
    uint8_t *buf[G_N_ELEMENTS(writes)];
    unsigned i;

    for (i = 0; i < G_N_ELEMENTS(writes); i++) {
        buf[i] = fail_data(writes[i].zone_idx, writes[i].block, 2,
                           FAIL_LIFE_OP);
        qemu_iovec_init_buf(&qiov[i], buf[i], 2 * FAIL_BLOCK_BYTES);
        blk_aio_pwritev(image->blk, writes[i].zone_idx *
                        image->geometry.zone_bytes +
                        writes[i].block * FAIL_BLOCK_BYTES, &qiov[i], 0,
                        parallel_done, &all);
    }
    while (all.nr_left) {
        aio_poll(qemu_get_aio_context(), true);
    }
    for (i = 0; i < G_N_ELEMENTS(writes); i++) {
        g_free(buf[i]);
    }
    return all.ret;
}

/* All else */

static int read_data(FailImage *image)
{
    g_autofree uint8_t *buf = g_malloc(3 * FAIL_BLOCK_BYTES);
    g_autofree uint8_t *expected = fail_data(FAIL_ZONE_CLOSED, 0, 3,
                                             FAIL_LIFE_BASE);
    int ret = blk_pread(image->blk, FAIL_ZONE_CLOSED *
                        image->geometry.zone_bytes, 3 * FAIL_BLOCK_BYTES, buf,
                        0);

    if (ret >= 0) {
        g_assert_cmpmem(buf, 3 * FAIL_BLOCK_BYTES, expected,
                        3 * FAIL_BLOCK_BYTES);
    }
    return ret;
}

static int read_zde(FailImage *image)
{
    uint8_t zde[64], expected[64];
    int ret = blk_get_zone_extension(image->blk, FAIL_ZONE_ZDE, zde);

    if (ret >= 0) {
        fail_zde(image, FAIL_ZONE_ZDE, expected);
        g_assert_cmpmem(zde, sizeof(zde), expected, sizeof(expected));
    }
    return ret;
}

static int flush(FailImage *image)
{
    return blk_flush(image->blk);
}

static int discard(FailImage *image)
{
    return zone_test_discard(blk_pdiscard, image->blk, FAIL_ZONE_FULL *
                             image->geometry.zone_bytes,
                             12 * FAIL_BLOCK_BYTES);
}

static int open_zone(FailImage *image)
{
    return fail_action(image, BLK_ZO_OPEN, FAIL_ZONE_CLOSED);
}

static int open_all(FailImage *image)
{
    return fail_action(image, BLK_ZO_OPEN, -1);
}

static int close_zone(FailImage *image)
{
    return fail_action(image, BLK_ZO_CLOSE, FAIL_ZONE_CLOSED);
}

static int close_all(FailImage *image)
{
    return fail_action(image, BLK_ZO_CLOSE, -1);
}

static int finish(FailImage *image)
{
    return fail_action(image, BLK_ZO_FINISH, FAIL_ZONE_CLOSED);
}

static int finish_new(FailImage *image)
{
    return fail_action(image, BLK_ZO_FINISH, FAIL_ZONE_NEW);
}

static int finish_all(FailImage *image)
{
    return fail_action(image, BLK_ZO_FINISH, -1);
}

static int reset(FailImage *image)
{
    return fail_action(image, BLK_ZO_RESET, FAIL_ZONE_CLOSED);
}

static int reset_full(FailImage *image)
{
    return fail_action(image, BLK_ZO_RESET, FAIL_ZONE_FULL);
}

static int reset_zde(FailImage *image)
{
    return fail_action(image, BLK_ZO_RESET, FAIL_ZONE_ZDE);
}

static int reset_all(FailImage *image)
{
    return fail_action(image, BLK_ZO_RESET, -1);
}

static int offline(FailImage *image)
{
    return fail_action(image, BLK_ZO_OFFLINE, FAIL_ZONE_READ_ONLY);
}

static int offline_all(FailImage *image)
{
    return fail_action(image, BLK_ZO_OFFLINE, -1);
}

static int set_zde_new(FailImage *image)
{
    return fail_set_zde(image, FAIL_ZONE_NEW);
}

/* After a failure the area is there for others */
static int set_zde_zrwa(FailImage *image)
{
    int ret;

    blk_set_zone_zrwa(image->blk, 2 * FAIL_BLOCK_BYTES, FAIL_BLOCK_BYTES, 1);
    ret = fail_set_zde_zrwa(image, FAIL_ZONE_NEW);
    g_assert_cmpuint(blk_get_zone_counts(image->blk).zrwa, ==, ret >= 0);
    g_assert_cmpint(blk_check_zone_event(image->blk, FAIL_ZONE_NEW,
                                         ZONE_EVENT_OPEN_ZRWA) == ZONE_OK, ==,
                    ret < 0);
    return ret;
}

/* Negative: fewer zones */
static int resize(FailImage *image, int32_t nr_more)
{
    uint32_t nr_zones = blk_get_nr_zones(image->blk) + nr_more;
    Error *local_err = NULL;
    int ret = blk_truncate(image->blk, nr_zones * image->geometry.zone_bytes,
                           true, PREALLOC_MODE_OFF, 0, &local_err);

    error_free(local_err);
    return ret;
}

static int grow(FailImage *image)
{
    return resize(image, FAIL_MORE_ZONES);
}

static int shrink(FailImage *image)
{
    return resize(image, -3);
}

static int amend_limits(FailImage *image, unsigned max_open_zones,
                        unsigned max_active_zones)
{
    BlockDriverState *bs = blk_bs(image->blk);
    QemuOpts *opts = qemu_opts_create(bs->drv->amend_opts, NULL, 0,
                                      &error_abort);
    Error *local_err = NULL;
    int ret;

    qemu_opt_set_number(opts, "zone.max_open_zones", max_open_zones,
                        &error_abort);
    qemu_opt_set_number(opts, "zone.max_active_zones", max_active_zones,
                        &error_abort);
    bdrv_graph_rdlock_main_loop();
    ret = bdrv_amend_options(bs, opts, NULL, NULL, false, &local_err);
    bdrv_graph_rdunlock_main_loop();
    error_free(local_err);
    qemu_opts_del(opts);
    return ret;
}

/* More zones are active than the first limit allows, whatever fails */
static int amend(FailImage *image)
{
    g_assert_cmpint(amend_limits(image, 1, 1), <, 0);
    return amend_limits(image, 9, 12);
}

static int open_image(FailImage *image)
{
    return fail_image_open(image, 0, NULL);
}

static int check_image(FailImage *image)
{
    int corruptions = 0;
    int ret = fail_image_check(image, false, &corruptions);

    if (ret >= 0) {
        g_assert_cmpint(corruptions, ==, 0);
    }
    return ret;
}

static int close_image(FailImage *image)
{
    int quiet = fail_quiet_begin();

    fail_image_close(image);
    fail_quiet_end(quiet);
    return 0;
}

const FailOp fail_ops[] = {
    { "open-image", FAIL_OP_CLOSED, NULL, open_image },
    { "check", FAIL_OP_CLOSED, NULL, check_image },
    { "write-new", FAIL_OP_WRITES, NULL, write_new },
    { "write-partial", FAIL_OP_WRITES, NULL, write_partial },
    { "write-used", FAIL_OP_WRITES, NULL, write_used },
    { "write-fua", FAIL_OP_WRITES | FAIL_OP_DURABLE, NULL, write_fua },
    { "write-all", FAIL_OP_WRITES, NULL, write_all },
    { "write-zeroes", FAIL_OP_WRITES | FAIL_OP_ZEROES, NULL, write_zeroes },
    { "write-conventional", FAIL_OP_CONV, NULL, write_conventional },
    { "write-parallel", FAIL_OP_WRITES, NULL, write_parallel },
    { "append", FAIL_OP_WRITES, NULL, append },
    { "append-fua", FAIL_OP_WRITES | FAIL_OP_DURABLE, NULL, append_fua },
    { "read", 0, NULL, read_data },
    { "read-zde", 0, NULL, read_zde },
    { "flush", FAIL_OP_DURABLE, prepare_writes, flush },
    { "discard", FAIL_OP_DISCARD, NULL, discard },
    { "open", 0, prepare_write, open_zone },
    { "open-all", 0, NULL, open_all },
    { "close", 0, prepare_write, close_zone },
    { "close-all", 0, prepare_open, close_all },
    { "finish", FAIL_OP_DURABLE, prepare_write, finish },
    { "finish-new", FAIL_OP_DURABLE, NULL, finish_new },
    { "finish-all", FAIL_OP_DURABLE, prepare_writes, finish_all },
    { "reset", FAIL_OP_DURABLE, prepare_write, reset },
    { "reset-full", FAIL_OP_DURABLE, NULL, reset_full },
    { "reset-zde", FAIL_OP_DURABLE, NULL, reset_zde },
    { "reset-all", FAIL_OP_DURABLE, prepare_writes, reset_all },
    { "offline", FAIL_OP_DURABLE, NULL, offline },
    { "offline-all", FAIL_OP_DURABLE, NULL, offline_all },
    { "set-zde", FAIL_OP_DURABLE, NULL, set_zde_new },
    { "set-zde-zrwa", FAIL_OP_DURABLE, NULL, set_zde_zrwa },
    { "grow", FAIL_OP_DURABLE, NULL, grow },
    { "grow-dirty", FAIL_OP_DURABLE, prepare_writes, grow },
    { "shrink", FAIL_OP_DURABLE, prepare_writes, shrink },
    { "amend", FAIL_OP_DURABLE, NULL, amend },
    { "close-image", FAIL_OP_DURABLE | FAIL_OP_ENDS, prepare_writes,
      close_image },
    { "flush-many", FAIL_OP_DURABLE | FAIL_OP_MANY, prepare_many, flush },
    { "finish-many", FAIL_OP_DURABLE | FAIL_OP_MANY, prepare_many,
      finish_all },
    { "reset-many", FAIL_OP_DURABLE | FAIL_OP_MANY, prepare_many, reset_all },
    { "finish-stored", FAIL_OP_DURABLE | FAIL_OP_MANY, prepare_many_stored,
      finish_all },
    { "reset-stored", FAIL_OP_DURABLE | FAIL_OP_MANY, prepare_many_stored,
      reset_all },
    { "grow-many", FAIL_OP_DURABLE | FAIL_OP_MANY, prepare_many, grow },
    { "shrink-many", FAIL_OP_DURABLE | FAIL_OP_MANY, NULL, shrink },
    { "close-many", FAIL_OP_DURABLE | FAIL_OP_ENDS | FAIL_OP_MANY,
      prepare_many, close_image },
    { "snapshot-make", FAIL_OP_DURABLE | FAIL_OP_MAKES, prepare_writes,
      fail_snapshot_make },
    { "snapshot-go-to", FAIL_OP_DURABLE | FAIL_OP_SHARED | FAIL_OP_WHOLE,
      prepare_shared, fail_snapshot_go_to },
    { "snapshot-delete", FAIL_OP_SHARED | FAIL_OP_DELETES, prepare_shared,
      fail_snapshot_delete },
    { "write-shared", FAIL_OP_WRITES | FAIL_OP_SHARED, prepare_snapshot,
      write_partial },
    { "write-shared-reset", FAIL_OP_WRITES | FAIL_OP_SHARED | FAIL_OP_NEW_FULL,
      prepare_shared_reset, write_full },
    { "reset-shared", FAIL_OP_DURABLE | FAIL_OP_SHARED, prepare_snapshot,
      reset_full },
    { }
};
