/*
 * Extents whose place in the data file is known
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What it shows: that reads and writes of them pass qcow2's lock, and that
 * nothing is known any more once it has changed: discards, zeros, snapshots,
 * other lengths, overlays that are emptied, other processes, damaged images.
 *
 * How: requests are made while the test has the lock of qcow2.  What completes
 * has not asked for it.  Whoever is given clusters that others have lost
 * writes to them; then all data is compared.
 */

#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qobject/qdict.h"
#include "qemu/main-loop.h"
#include "block/qcow2.h"
#include "block/snapshot.h"
#include "block/zone/qcow2/internal.h"
#include "../../zone/discard.h"
#include "fail-image.h"

#define CLUSTER_BLOCKS  4               /* of the images of fail-image.c */
#define CLUSTER_BYTES   (CLUSTER_BLOCKS * FAIL_BLOCK_BYTES)
#define ZONE_BLOCKS     12
#define ZONE_BYTES      (ZONE_BLOCKS * FAIL_BLOCK_BYTES)
#define CONVENTIONAL    0
#define SEQUENTIAL      1               /* and all that follow */

static const FailVariant variants[] = {
    { .name = "plain", .discard = true },
    { .name = "extended-l2", .extended_l2 = true, .discard = true },
    { .name = "data-file", .data_file = true, .discard = true },
    { .name = "data-file-raw", .data_file = true, .data_file_raw = true,
      .discard = true },
    { }
};
/* Reset leaves the old data in the file */
static const FailVariant variant_keeps_data = { .name = "keeps-data" };
/* Zones that need two L2 tables */
static const FailVariant variant_two_tables = {
    .name = "two-tables", .nr_zones = 600, .discard = true,
};
#define SECOND_TABLE    520

static int64_t pos(const FailImage *image, uint32_t zone_idx, unsigned block)
{
    return zone_idx * image->geometry.zone_bytes + block * FAIL_BLOCK_BYTES;
}

static FailImage *new_image(const FailVariant *variant)
{
    FailImage *image = fail_image_new(variant);

    g_assert_cmpint(fail_image_create(image), ==, 0);
    g_assert_cmpint(fail_image_open(image, 0, &error_abort), ==, 0);
    return image;
}

static void write_blocks(FailImage *image, uint32_t zone_idx, unsigned block,
                         unsigned nr, unsigned life)
{
    g_assert_cmpint(fail_write(image, zone_idx, block, nr, life, 0), ==, 0);
}

static void expect_blocks(FailImage *image, uint32_t zone_idx, unsigned block,
                          unsigned nr, unsigned life)
{
    g_autofree uint8_t *data = fail_data(zone_idx, block, nr, life);
    g_autofree uint8_t *buf = g_malloc(nr * FAIL_BLOCK_BYTES);

    g_assert_cmpint(blk_pread(image->blk, pos(image, zone_idx, block),
                              nr * FAIL_BLOCK_BYTES, buf, 0), ==, 0);
    g_assert_cmpmem(buf, nr * FAIL_BLOCK_BYTES, data, nr * FAIL_BLOCK_BYTES);
}

/* An image that is sound, and closed */
static void finish(FailImage *image)
{
    int corruptions;

    fail_image_close(image);
    g_assert_cmpint(fail_image_check(image, false, &corruptions), ==, 0);
    g_assert_cmpint(corruptions, ==, 0);
    fail_image_free(image);
}

/* Requests while the lock is taken */

typedef struct Owner {
    BDRVQcow2State *s;
    bool done;
} Owner;

static void coroutine_fn own_lock(void *opaque)
{
    Owner *owner = opaque;

    qemu_co_mutex_lock(&owner->s->lock);
    qemu_coroutine_yield();
    qemu_co_mutex_unlock(&owner->s->lock);
    owner->done = true;
    aio_wait_kick();
}

typedef struct Request {
    QEMUIOVector qiov;
    int ret;
    bool done;
} Request;

static void complete(void *opaque, int ret)
{
    Request *req = opaque;

    req->ret = ret;
    req->done = true;
    aio_wait_kick();
}

/* Does the request complete without the lock?  It does with it. */
static bool passes(FailImage *image, bool is_write, int64_t offset,
                   uint8_t *buf, size_t bytes)
{
    Owner owner = { .s = blk_bs(image->blk)->opaque };
    Coroutine *co = qemu_coroutine_create(own_lock, &owner);
    Request req = { 0 };
    bool passed;

    qemu_coroutine_enter(co);
    qemu_iovec_init_buf(&req.qiov, buf, bytes);
    if (is_write) {
        blk_aio_pwritev(image->blk, offset, &req.qiov, 0, complete, &req);
    } else {
        blk_aio_preadv(image->blk, offset, &req.qiov, 0, complete, &req);
    }
    while (aio_poll(qemu_get_aio_context(), false)) {
        /* as long as anything happens */
    }
    passed = req.done;
    qemu_coroutine_enter(co);
    AIO_WAIT_WHILE_UNLOCKED(NULL, !owner.done || !req.done);
    g_assert_cmpint(req.ret, ==, 0);
    return passed;
}

static bool read_passes(FailImage *image, uint32_t zone_idx, unsigned block,
                        unsigned nr, unsigned life)
{
    g_autofree uint8_t *data = fail_data(zone_idx, block, nr, life);
    g_autofree uint8_t *buf = g_malloc(nr * FAIL_BLOCK_BYTES);
    bool passed = passes(image, false, pos(image, zone_idx, block), buf,
                         nr * FAIL_BLOCK_BYTES);

    g_assert_cmpmem(buf, nr * FAIL_BLOCK_BYTES, data, nr * FAIL_BLOCK_BYTES);
    return passed;
}

static bool write_passes(FailImage *image, uint32_t zone_idx, unsigned block,
                         unsigned nr, unsigned life)
{
    g_autofree uint8_t *data = fail_data(zone_idx, block, nr, life);

    return passes(image, true, pos(image, zone_idx, block), data,
                  nr * FAIL_BLOCK_BYTES);
}

/* Blocks of the first life, which are known when this returns */
static void write_known(FailImage *image, uint32_t zone_idx, unsigned nr)
{
    write_blocks(image, zone_idx, 0, nr, 1);
    expect_blocks(image, zone_idx, 0, nr, 1);
    g_assert_true(read_passes(image, zone_idx, 0, nr, 1));
}

/* Writes to zones until all clusters that were free are in use */
static void take_clusters(FailImage *image, uint32_t first, uint32_t last)
{
    uint32_t i;

    for (i = first; i <= last; i++) {
        write_blocks(image, i, 0, ZONE_BLOCKS, 1);
    }
}

static void expect_taken(FailImage *image, uint32_t first, uint32_t last)
{
    uint32_t i;

    for (i = first; i <= last; i++) {
        expect_blocks(image, i, 0, ZONE_BLOCKS, 1);
    }
}

/* What is known */

static void test_passes(gconstpointer opaque)
{
    FailImage *image = new_image(opaque);
    FailImage *copy;

    write_known(image, CONVENTIONAL, ZONE_BLOCKS);
    g_assert_true(write_passes(image, CONVENTIONAL, 3, 2, 2));
    write_blocks(image, SEQUENTIAL, 0, 1, 1); /* maps the zone ahead */
    write_blocks(image, SEQUENTIAL, 1, 1, 1);
    g_assert_true(write_passes(image, SEQUENTIAL, 2, 4, 1));
    g_assert_true(read_passes(image, SEQUENTIAL, 1, 5, 1));
    expect_blocks(image, SEQUENTIAL, 6, 6, 0);
    g_assert_cmpint(blk_flush(image->blk), ==, 0);

    copy = fail_image_dup(image, true);
    g_assert_cmpint(fail_image_open(copy, 0, &error_abort), ==, 0);
    expect_blocks(copy, CONVENTIONAL, 0, 3, 1);
    expect_blocks(copy, CONVENTIONAL, 3, 2, 2);
    expect_blocks(copy, CONVENTIONAL, 5, 7, 1);
    expect_blocks(copy, SEQUENTIAL, 0, 6, 1);
    finish(copy);
    finish(image);
}

/* Clusters that do not follow each other in the file, with others among them */
static void test_fragments(gconstpointer opaque)
{
    FailImage *image = new_image(opaque);
    unsigned i;

    for (i = 3; i-- > 0;) {
        write_blocks(image, CONVENTIONAL, i * CLUSTER_BLOCKS, CLUSTER_BLOCKS,
                     1);
        write_blocks(image, SEQUENTIAL + i, 0, ZONE_BLOCKS, 1);
    }
    for (i = 0; i < 3; i++) {
        expect_blocks(image, CONVENTIONAL, i * CLUSTER_BLOCKS, CLUSTER_BLOCKS,
                      1);
        expect_blocks(image, CONVENTIONAL, 0, ZONE_BLOCKS, 1);
    }
    g_assert_true(read_passes(image, CONVENTIONAL, CLUSTER_BLOCKS,
                              CLUSTER_BLOCKS, 1));
    write_blocks(image, CONVENTIONAL, 1, ZONE_BLOCKS - 1, 2);
    expect_blocks(image, CONVENTIONAL, 0, 1, 1);
    expect_blocks(image, CONVENTIONAL, 1, ZONE_BLOCKS - 1, 2);
    expect_taken(image, SEQUENTIAL, SEQUENTIAL + 2);
    finish(image);
}

/* More than are remembered, of zones that were written in turn */
static void test_many(void)
{
    FailImage *image = new_image(&variant_two_tables);
    unsigned block, i, round;

    for (block = 0; block < ZONE_BLOCKS; block += CLUSTER_BLOCKS) {
        for (i = SEQUENTIAL; i < SECOND_TABLE; i += 3) {
            write_blocks(image, i, block, CLUSTER_BLOCKS, 1);
        }
    }
    for (round = 0; round < 2; round++) {
        for (i = SEQUENTIAL; i < SECOND_TABLE; i += 3) {
            expect_blocks(image, i, 0, ZONE_BLOCKS, 1);
        }
    }
    g_assert_true(read_passes(image, i - 3, 0, CLUSTER_BLOCKS, 1));
    finish(image);
}

/* Requests fail as they do elsewhere */
static void test_fails(gconstpointer opaque)
{
    FailImage *image = new_image(opaque);
    FailPlan plan = { .kind = FAIL_READ, .nth = 1, .error = EIO };
    uint8_t buf[FAIL_BLOCK_BYTES];

    write_known(image, CONVENTIONAL, ZONE_BLOCKS);
    write_known(image, SEQUENTIAL, CLUSTER_BLOCKS);
    fail_image_set_plan(image, &plan);
    plan.armed = true;
    g_assert_cmpint(blk_pread(image->blk, 0, sizeof(buf), buf, 0), ==, -EIO);
    plan = (FailPlan) { .kind = FAIL_WRITE, .nth = 1, .error = ENOSPC,
                        .armed = true };
    g_assert_cmpint(fail_write(image, SEQUENTIAL, CLUSTER_BLOCKS, 2, 1, 0), ==,
                    -ENOSPC);
    plan.armed = false;
    expect_blocks(image, SEQUENTIAL, CLUSTER_BLOCKS, 2, 0);
    write_blocks(image, SEQUENTIAL, CLUSTER_BLOCKS, 2, 1);
    expect_blocks(image, SEQUENTIAL, 0, CLUSTER_BLOCKS + 2, 1);
    finish(image);
}

/* What changes it */

static void test_discard(gconstpointer opaque)
{
    FailImage *image = new_image(opaque);

    write_known(image, CONVENTIONAL, ZONE_BLOCKS);
    g_assert_cmpint(zone_test_discard(blk_pdiscard, image->blk, 0,
                                      ZONE_BYTES), ==, 0);
    expect_blocks(image, CONVENTIONAL, 0, ZONE_BLOCKS, 0);
    take_clusters(image, SEQUENTIAL, 2);
    expect_blocks(image, CONVENTIONAL, 0, ZONE_BLOCKS, 0);
    write_blocks(image, CONVENTIONAL, 0, ZONE_BLOCKS, 2);
    expect_taken(image, SEQUENTIAL, 2);
    expect_blocks(image, CONVENTIONAL, 0, ZONE_BLOCKS, 2);
    finish(image);
}

static void zero(FailImage *image, uint32_t zone_idx, unsigned block,
                 unsigned nr, BdrvRequestFlags flags)
{
    g_assert_cmpint(blk_pwrite_zeroes(image->blk, pos(image, zone_idx, block),
                                      nr * FAIL_BLOCK_BYTES, flags), ==, 0);
}

static void test_zeroes(gconstpointer opaque)
{
    FailImage *image = new_image(opaque);

    write_known(image, CONVENTIONAL, ZONE_BLOCKS);
    zero(image, CONVENTIONAL, 0, CLUSTER_BLOCKS, 0);
    expect_blocks(image, CONVENTIONAL, 0, CLUSTER_BLOCKS, 0);
    zero(image, CONVENTIONAL, CLUSTER_BLOCKS, CLUSTER_BLOCKS,
         BDRV_REQ_MAY_UNMAP);
    expect_blocks(image, CONVENTIONAL, CLUSTER_BLOCKS, CLUSTER_BLOCKS, 0);
    expect_blocks(image, CONVENTIONAL, 2 * CLUSTER_BLOCKS, CLUSTER_BLOCKS, 1);
    write_known(image, CONVENTIONAL, ZONE_BLOCKS);
    finish(image);
}

/* A part of a cluster; with subclusters, without data */
static void test_zeroes_in_cluster(gconstpointer opaque)
{
    FailImage *image = new_image(opaque);

    write_known(image, CONVENTIONAL, ZONE_BLOCKS);
    zero(image, CONVENTIONAL, 1, 2, 0);
    expect_blocks(image, CONVENTIONAL, 0, 1, 1);
    expect_blocks(image, CONVENTIONAL, 1, 2, 0);
    expect_blocks(image, CONVENTIONAL, 3, ZONE_BLOCKS - 3, 1);
    finish(image);
}

/* Above what has been written, where the mapping of a life before is known */
static void test_zeroes_in_life(void)
{
    FailImage *image = new_image(&variant_keeps_data);

    write_known(image, SEQUENTIAL, ZONE_BLOCKS);
    g_assert_cmpint(fail_action(image, BLK_ZO_RESET, SEQUENTIAL), ==, 0);
    write_blocks(image, SEQUENTIAL, 0, CLUSTER_BLOCKS, 2);
    zero(image, SEQUENTIAL, CLUSTER_BLOCKS, CLUSTER_BLOCKS,
         BDRV_REQ_MAY_UNMAP);
    write_blocks(image, SEQUENTIAL, 2 * CLUSTER_BLOCKS, 1, 2);
    expect_blocks(image, SEQUENTIAL, 0, CLUSTER_BLOCKS, 2);
    expect_blocks(image, SEQUENTIAL, CLUSTER_BLOCKS, CLUSTER_BLOCKS, 0);
    take_clusters(image, SEQUENTIAL + 1, 3);
    expect_blocks(image, SEQUENTIAL, CLUSTER_BLOCKS, CLUSTER_BLOCKS, 0);
    finish(image);
}

static void test_snapshot(gconstpointer opaque)
{
    FailImage *image = new_image(opaque);

    write_known(image, CONVENTIONAL, ZONE_BLOCKS);
    write_known(image, SEQUENTIAL, ZONE_BLOCKS / 2);
    g_assert_cmpint(fail_snapshot_make(image), ==, 0);
    expect_blocks(image, CONVENTIONAL, 0, ZONE_BLOCKS, 1);
    g_assert_false(read_passes(image, CONVENTIONAL, 0, ZONE_BLOCKS, 1));
    write_blocks(image, CONVENTIONAL, 0, ZONE_BLOCKS, 2);
    g_assert_cmpint(fail_action(image, BLK_ZO_RESET, SEQUENTIAL), ==, 0);
    write_blocks(image, SEQUENTIAL, 0, ZONE_BLOCKS, 2);
    expect_blocks(image, CONVENTIONAL, 0, ZONE_BLOCKS, 2);
    g_assert_true(read_passes(image, CONVENTIONAL, 0, ZONE_BLOCKS, 2));

    g_assert_cmpint(fail_snapshot_go_to(image), ==, 0);
    expect_blocks(image, CONVENTIONAL, 0, ZONE_BLOCKS, 1);
    expect_blocks(image, SEQUENTIAL, 0, ZONE_BLOCKS / 2, 1);
    expect_blocks(image, SEQUENTIAL, ZONE_BLOCKS / 2, ZONE_BLOCKS / 2, 0);
    g_assert_cmpint(fail_snapshot_delete(image), ==, 0);
    take_clusters(image, SEQUENTIAL + 1, 6);
    expect_blocks(image, CONVENTIONAL, 0, ZONE_BLOCKS, 1);
    g_assert_true(write_passes(image, CONVENTIONAL, 0, ZONE_BLOCKS, 3));
    expect_taken(image, SEQUENTIAL + 1, 6);
    finish(image);
}

/* A node that is read-only shows what a snapshot has */
static void test_snapshot_load(gconstpointer opaque)
{
    FailImage *image = new_image(opaque);

    write_known(image, CONVENTIONAL, ZONE_BLOCKS);
    g_assert_cmpint(fail_snapshot_make(image), ==, 0);
    write_blocks(image, CONVENTIONAL, 0, ZONE_BLOCKS, 2);
    fail_image_close(image);
    g_assert_cmpint(fail_image_open_to_read(image, &error_abort), ==, 0);
    expect_blocks(image, CONVENTIONAL, 0, ZONE_BLOCKS, 2);
    g_assert_true(read_passes(image, CONVENTIONAL, 0, ZONE_BLOCKS, 2));
    g_assert_cmpint(bdrv_snapshot_load_tmp(blk_bs(image->blk), NULL,
                                           "snapshot", &error_abort), ==, 0);
    expect_blocks(image, CONVENTIONAL, 0, ZONE_BLOCKS, 1);
    finish(image);
}

static void truncate_zones(FailImage *image, uint32_t nr_zones)
{
    g_assert_cmpint(blk_truncate(image->blk,
                                 nr_zones * image->geometry.zone_bytes, true,
                                 PREALLOC_MODE_OFF, 0, &error_abort), ==, 0);
}

/* A zone that goes, and comes again when others have its clusters */
static void test_resize(gconstpointer opaque)
{
    FailImage *image = new_image(opaque);
    uint32_t last = FAIL_MIN_ZONES - 1;

    write_known(image, last, ZONE_BLOCKS);
    g_assert_cmpint(fail_action(image, BLK_ZO_RESET, last), ==, 0);
    truncate_zones(image, last);
    take_clusters(image, SEQUENTIAL, 2);
    truncate_zones(image, last + 1);
    write_blocks(image, last, 0, ZONE_BLOCKS, 2);
    expect_taken(image, SEQUENTIAL, 2);
    expect_blocks(image, last, 0, ZONE_BLOCKS, 2);
    finish(image);
}

/* Into a base, which has other data */
static void test_empty(gconstpointer opaque)
{
    FailImage *base = new_image(opaque);
    FailImage *image;
    int ret;

    write_blocks(base, CONVENTIONAL, 0, ZONE_BLOCKS, 2);
    fail_image_close(base);
    image = fail_image_new_over(base);
    g_assert_cmpint(fail_image_create(image), ==, 0);
    g_assert_cmpint(fail_image_open(image, 0, &error_abort), ==, 0);
    write_known(image, CONVENTIONAL, ZONE_BLOCKS);
    bdrv_graph_rdlock_main_loop();
    ret = qcow2_zone_make_empty(blk_bs(image->blk));
    bdrv_graph_rdunlock_main_loop();
    g_assert_cmpint(ret, ==, 0);
    expect_blocks(image, CONVENTIONAL, 0, ZONE_BLOCKS, 2);
    take_clusters(image, SEQUENTIAL, 2);
    write_blocks(image, CONVENTIONAL, 0, ZONE_BLOCKS, 3);
    expect_taken(image, SEQUENTIAL, 2);
    finish(image);
}

/* Another L2 cache, with longer pieces of the tables */
static void test_reopen(gconstpointer opaque)
{
    FailImage *image = new_image(opaque);
    QDict *options = qdict_new();

    write_known(image, CONVENTIONAL, ZONE_BLOCKS);
    qdict_put_str(options, "l2-cache-entry-size", "16k");
    g_assert_cmpint(bdrv_reopen(blk_bs(image->blk), options, true,
                                &error_abort), ==, 0);
    g_assert_true(write_passes(image, CONVENTIONAL, 0, ZONE_BLOCKS, 2));
    g_assert_cmpint(zone_test_discard(blk_pdiscard, image->blk, 0,
                                      ZONE_BYTES), ==, 0);
    take_clusters(image, SEQUENTIAL, 1);
    expect_blocks(image, CONVENTIONAL, 0, ZONE_BLOCKS, 0);
    finish(image);
}

/* While the node is inactive another one changes the image */
static void test_inactive(gconstpointer opaque)
{
    FailImage *image = new_image(opaque);
    BlockBackend *blk = image->blk;

    write_known(image, CONVENTIONAL, ZONE_BLOCKS);
    blk_set_force_allow_inactivate(blk);
    g_assert_cmpint(bdrv_inactivate_all(), ==, 0);
    g_assert_cmpint(fail_image_open(image, 0, &error_abort), ==, 0);
    g_assert_cmpint(zone_test_discard(blk_pdiscard, image->blk, 0,
                                      ZONE_BYTES), ==, 0);
    take_clusters(image, SEQUENTIAL, 2);
    fail_image_close(image);
    image->blk = blk;
    bdrv_activate_all(&error_abort);
    expect_blocks(image, CONVENTIONAL, 0, ZONE_BLOCKS, 0);
    write_blocks(image, CONVENTIONAL, 0, ZONE_BLOCKS, 2);
    expect_taken(image, SEQUENTIAL, 2);
    finish(image);
}

/* Damaged images */

static uint64_t l2_entry_offset(FailImage *image)
{
    BDRVQcow2State *s = blk_bs(image->blk)->opaque;

    return s->l1_table[0] & L1E_OFFSET_MASK;
}

static uint64_t host_offset(FailImage *image)
{
    uint64_t entry;

    memcpy(&entry, image->disk[0]->data + l2_entry_offset(image),
           sizeof(entry));
    return be64_to_cpu(entry) & L2E_OFFSET_MASK;
}

static void expect_corrupt_write(FailImage *image)
{
    int quiet = fail_quiet_begin();
    int ret = fail_write(image, CONVENTIONAL, 0, 1, 2, 0);

    fail_quiet_end(quiet);
    g_assert_cmpint(ret, ==, -EIO);
    g_assert_null(blk_bs(image->blk)->drv);
    fail_image_free(image);
}

/* A cluster that is taken for free becomes an L2 table */
static void test_refcount(void)
{
    FailImage *image = new_image(&variant_two_tables);
    uint16_t none = 0;
    BDRVQcow2State *s;
    uint64_t cluster;

    write_blocks(image, CONVENTIONAL, 0, CLUSTER_BLOCKS, 1);
    g_assert_cmpint(blk_flush(image->blk), ==, 0);
    s = blk_bs(image->blk)->opaque;
    cluster = host_offset(image) / CLUSTER_BYTES;
    fail_disk_poke(image->disk[0], s->refcount_table[0] +
                   cluster * sizeof(none), &none, sizeof(none));
    fail_image_close(image);

    g_assert_cmpint(fail_image_open(image, 0, &error_abort), ==, 0);
    expect_blocks(image, CONVENTIONAL, 0, CLUSTER_BLOCKS, 1);
    g_assert_true(read_passes(image, CONVENTIONAL, 0, CLUSTER_BLOCKS, 1));
    write_blocks(image, SECOND_TABLE, 0, 1, 1);
    expect_corrupt_write(image);
}

/* An entry that leads to the zone words */
static void test_overlap(void)
{
    FailImage *image = new_image(&variant_two_tables);
    uint8_t buf[FAIL_BLOCK_BYTES];
    uint64_t entry;

    write_blocks(image, CONVENTIONAL, 0, CLUSTER_BLOCKS, 1);
    g_assert_cmpint(blk_flush(image->blk), ==, 0);
    entry = cpu_to_be64(qcow2_zone(blk_bs(image->blk))->meta_offset |
                        QCOW_OFLAG_COPIED);
    fail_disk_poke(image->disk[0], l2_entry_offset(image), &entry,
                   sizeof(entry));
    fail_image_close(image);

    g_assert_cmpint(fail_image_open(image, 0, &error_abort), ==, 0);
    g_assert_cmpint(blk_pread(image->blk, 0, sizeof(buf), buf, 0), ==, 0);
    expect_corrupt_write(image);
}

static void add(const char *name, GTestDataFunc function,
                const FailVariant *variant)
{
    g_autofree char *path = g_strdup_printf("/zone/extents/%s/%s",
                                            variant->name, name);

    g_test_add_data_func(path, variant, function);
}

int main(int argc, char **argv)
{
    const FailVariant *variant;

    bdrv_init();
    qemu_init_main_loop(&error_abort);
    fail_disk_register();
    g_test_init(&argc, &argv, NULL);
    g_test_set_nonfatal_assertions();
    for (variant = variants; variant->name; variant++) {
        add("passes", test_passes, variant);
        add("fragments", test_fragments, variant);
        add("fails", test_fails, variant);
        add("discard", test_discard, variant);
        add("zeroes", test_zeroes, variant);
        add("zeroes-in-cluster", test_zeroes_in_cluster, variant);
        add("resize", test_resize, variant);
        add("reopen", test_reopen, variant);
        add("inactive", test_inactive, variant);
        if (!variant->data_file) {
            add("snapshot", test_snapshot, variant);
            add("snapshot-load", test_snapshot_load, variant);
        }
        if (!variant->data_file_raw) {
            add("empty", test_empty, variant);
        }
    }
    g_test_add_func("/zone/extents/many", test_many);
    g_test_add_func("/zone/extents/zeroes-in-life", test_zeroes_in_life);
    g_test_add_func("/zone/extents/refcount", test_refcount);
    g_test_add_func("/zone/extents/overlap", test_overlap);
    return g_test_run();
}
