/*
 * What is repaired in the block layer of the base
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What it shows: that a FUA write, and an append with the write cache off, are
 * durable; that a zone request which waits in a drained section does not keep
 * another from beginning; and that qcow2 frees no L2 table which the L1 table
 * on disk points to.  The tests are in the order of patches/series, and each
 * fails without its repair.  No zones of ours are involved.
 *
 * How: on a disk in memory that tells what is durable and lets flushes fail,
 * and on a driver that only notes what it is asked for.
 */

#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qapi/qapi-types-block-core.h"
#include "qobject/qdict.h"
#include "block/block_int.h"
#include "qemu/main-loop.h"
#include "system/block-backend.h"
#include "fail-disk.h"
#include "fail-image.h"

#define SECTOR_BYTES    512
#define ZONE_BYTES      65536
#define CLUSTER_BYTES   4096
#define IMAGE_BYTES     (8 * 1024 * 1024)
#define WRITE_BYTES     65536
#define MAX_FLUSHES     64
#define HANG_SECONDS    10

static BlockBackend *open_blk(BlockDriverState *bs)
{
    BlockBackend *blk = blk_new(qemu_get_aio_context(),
                                BLK_PERM_CONSISTENT_READ | BLK_PERM_WRITE,
                                BLK_PERM_ALL);

    blk_insert_bs(blk, bs, &error_abort);
    bdrv_unref(bs);
    return blk;
}

/* FUA on a disk that does not know it */

static void test_fua(void)
{
    FailDisk *disk = fail_disk_new();
    BlockBackend *blk;
    uint8_t buf[SECTOR_BYTES];

    fail_disk_poke(disk, 0, (uint8_t[8 * SECTOR_BYTES]) {}, 8 * SECTOR_BYTES);
    blk = open_blk(fail_disk_open(disk));
    memset(buf, 1, sizeof(buf));
    g_assert_cmpint(blk_pwrite(blk, 0, sizeof(buf), buf, 0), ==, 0);
    g_assert_cmpint(blk_flush(blk), ==, 0);
    memset(buf, 2, sizeof(buf));
    g_assert_cmpint(blk_pwrite(blk, 0, sizeof(buf), buf, BDRV_REQ_FUA), ==, 0);
    g_assert_cmpint(disk->durable[0], ==, 2);
    g_assert_cmpint(blk_pwrite_zeroes(blk, 0, sizeof(buf), BDRV_REQ_FUA), ==,
                    0);
    g_assert_cmpint(disk->durable[0], ==, 0);
    blk_unref(blk);
    fail_disk_free(disk);
}

/* A zoned drive that notes the flags of appends */

static BdrvRequestFlags append_flags;

static int zoned_open(BlockDriverState *bs, QDict *options, int flags,
                      Error **errp)
{
    bs->total_sectors = 4 * ZONE_BYTES / SECTOR_BYTES;
    return 0;
}

static void zoned_refresh_limits(BlockDriverState *bs, Error **errp)
{
    bs->bl.zoned = BLK_Z_HM;
    bs->bl.zone_size = ZONE_BYTES;
    bs->bl.nr_zones = 4;
    bs->bl.write_granularity = SECTOR_BYTES;
}

static int64_t coroutine_fn zoned_co_getlength(BlockDriverState *bs)
{
    return 4 * ZONE_BYTES;
}

static int coroutine_fn zoned_co_report(BlockDriverState *bs, int64_t offset,
                                        unsigned int *nr_zones,
                                        BlockZoneDescriptor *zones)
{
    *nr_zones = 0;
    return 0;
}

static int coroutine_fn zoned_co_mgmt(BlockDriverState *bs, BlockZoneOp op,
                                      int64_t offset, int64_t len)
{
    return 0;
}

static int coroutine_fn zoned_co_append(BlockDriverState *bs, int64_t *offset,
                                        QEMUIOVector *qiov,
                                        BdrvRequestFlags flags)
{
    append_flags = flags;
    return 0;
}

static BlockDriver bdrv_zoned_notes = {
    .format_name          = "zoned-notes",
    .protocol_name        = "zoned-notes",
    .bdrv_open            = zoned_open,
    .bdrv_refresh_limits  = zoned_refresh_limits,
    .bdrv_co_getlength    = zoned_co_getlength,
    .bdrv_co_zone_report  = zoned_co_report,
    .bdrv_co_zone_mgmt    = zoned_co_mgmt,
    .bdrv_co_zone_append  = zoned_co_append,
};

static BlockBackend *open_zoned_notes(void)
{
    return open_blk(bdrv_new_open_driver(&bdrv_zoned_notes, "notes",
                                         BDRV_O_RDWR, &error_abort));
}

typedef struct Request {
    BlockBackend *blk;
    int64_t offset;
    unsigned nr_zones;
    BlockZoneDescriptor zone;
    uint8_t data[SECTOR_BYTES];
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

static void submit_append(Request *req)
{
    qemu_iovec_init_buf(&req->qiov, req->data, sizeof(req->data));
    blk_aio_zone_append(req->blk, &req->offset, &req->qiov, 0, complete, req);
}

static void submit_mgmt(Request *req)
{
    blk_aio_zone_mgmt(req->blk, BLK_ZO_RESET, 0, ZONE_BYTES, complete, req);
}

static void submit_report(Request *req)
{
    req->nr_zones = 1;
    blk_aio_zone_report(req->blk, 0, &req->nr_zones, &req->zone, complete, req);
}

static void test_append(void)
{
    Request req = { .blk = open_zoned_notes() };

    blk_set_enable_write_cache(req.blk, true);
    submit_append(&req);
    AIO_WAIT_WHILE_UNLOCKED(NULL, !req.done);
    g_assert_cmpint(req.ret, ==, 0);
    g_assert_cmphex(append_flags & BDRV_REQ_FUA, ==, 0);

    blk_set_enable_write_cache(req.blk, false);
    req.done = false;
    submit_append(&req);
    AIO_WAIT_WHILE_UNLOCKED(NULL, !req.done);
    g_assert_cmphex(append_flags & BDRV_REQ_FUA, ==, BDRV_REQ_FUA);

    append_flags = 0;
    g_assert_cmpint(blk_zone_append(req.blk, &req.offset, &req.qiov, 0), ==, 0);
    g_assert_cmphex(append_flags & BDRV_REQ_FUA, ==, BDRV_REQ_FUA);
    blk_unref(req.blk);
}

/* The main loop has blocked the signal */
static void end_when_hanging(unsigned seconds)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGALRM);
    pthread_sigmask(SIG_UNBLOCK, &set, NULL);
    alarm(seconds);
}

/* A section that begins while the request waits for the end of another */
static void test_drained(gconstpointer opaque)
{
    void (*submit)(Request *req) = opaque;
    Request req = { .blk = open_zoned_notes() };
    BlockDriverState *bs = blk_bs(req.blk);

    end_when_hanging(HANG_SECONDS);
    bdrv_drained_begin(bs);
    submit(&req);
    bdrv_drained_begin(bs);
    g_assert_false(req.done);
    bdrv_drained_end(bs);
    bdrv_drained_end(bs);
    AIO_WAIT_WHILE_UNLOCKED(NULL, !req.done);
    g_assert_cmpint(req.ret, ==, 0);
    end_when_hanging(0);
    blk_unref(req.blk);
}

/* qcow2 when flushes fail */

static BlockBackend *open_qcow2(FailDisk *disk, int flags)
{
    BlockDriverState *file = fail_disk_open(disk);
    QDict *options = qdict_new();
    BlockBackend *blk;

    qdict_put_str(options, "driver", "qcow2");
    qdict_put_str(options, "file", bdrv_get_node_name(file));
    blk = blk_new_open(NULL, NULL, options, BDRV_O_RDWR | flags, &error_abort);
    bdrv_unref(file);
    return blk;
}

typedef struct Creation {
    BlockdevCreateOptions *options;
    bool done;
} Creation;

static void coroutine_fn create_entry(void *opaque)
{
    Creation *creation = opaque;

    bdrv_find_format("qcow2")->bdrv_co_create(creation->options, &error_abort);
    creation->done = true;
    aio_wait_kick();
}

static FailDisk *create_qcow2(void)
{
    FailDisk *disk = fail_disk_new();
    BlockDriverState *file = fail_disk_open(disk);
    BlockdevRef *ref = g_new0(BlockdevRef, 1);
    Creation creation = { .options = g_new0(BlockdevCreateOptions, 1) };
    BlockdevCreateOptionsQcow2 *qcow2 = &creation.options->u.qcow2;

    ref->type = QTYPE_QSTRING;
    ref->u.reference = g_strdup(bdrv_get_node_name(file));
    creation.options->driver = BLOCKDEV_DRIVER_QCOW2;
    qcow2->file = ref;
    qcow2->size = IMAGE_BYTES;
    qcow2->has_cluster_size = true;
    qcow2->cluster_size = CLUSTER_BYTES;
    qemu_coroutine_enter(qemu_coroutine_create(create_entry, &creation));
    AIO_WAIT_WHILE_UNLOCKED(NULL, !creation.done);
    qapi_free_BlockdevCreateOptions(creation.options);
    bdrv_unref(file);
    return disk;
}

static int count_corruptions(FailDisk *disk)
{
    BlockBackend *blk = open_qcow2(disk, BDRV_O_CHECK);
    BdrvCheckResult res = {};
    int quiet = fail_quiet_begin();
    int ret = bdrv_check(blk_bs(blk), &res, 0);

    fail_quiet_end(quiet);
    g_assert_cmpint(ret, ==, 0);
    blk_unref(blk);
    return res.corruptions;
}

/* From the nth flush of a write on, all of it fail; then the disk works */
static void fail_flushes(unsigned nth, bool *has_failed)
{
    FailPlan plan = {
        .kind = FAIL_FLUSH, .nth = nth, .error = EIO, .forever = true,
    };
    FailDisk *disk = create_qcow2();
    BlockBackend *blk;
    g_autofree uint8_t *data = g_malloc(WRITE_BYTES);

    memset(data, 1, WRITE_BYTES);
    disk->plan = &plan;
    blk = open_qcow2(disk, 0);
    plan.armed = true;
    *has_failed = blk_pwrite(blk, 0, WRITE_BYTES, data, 0) < 0;
    plan.armed = false;
    blk_unref(blk);
    g_test_message("flush %u%s", nth, *has_failed ? "" : ": no more");
    g_assert_cmpint(count_corruptions(disk), ==, 0);
    fail_disk_free(disk);
}

static void test_l2(void)
{
    bool has_failed = true;
    unsigned nth;

    for (nth = 1; has_failed && nth < MAX_FLUSHES; nth++) {
        fail_flushes(nth, &has_failed);
    }
    g_assert_cmpuint(nth, >, 2);
    g_assert_false(has_failed);
}

int main(int argc, char **argv)
{
    bdrv_init();
    qemu_init_main_loop(&error_abort);
    fail_disk_register();
    bdrv_register(&bdrv_zoned_notes);
    g_test_init(&argc, &argv, NULL);
    g_test_set_nonfatal_assertions();
    g_test_add_func("/base-repairs/block-io-fua-flush", test_fua);
    g_test_add_func("/base-repairs/block-backend-append", test_append);
    g_test_add_func("/base-repairs/qcow2-l2-keep", test_l2);
    /* what hangs ends the program: last */
    g_test_add_data_func("/base-repairs/block-backend-count/append",
                         submit_append, test_drained);
    g_test_add_data_func("/base-repairs/block-backend-count/mgmt",
                         submit_mgmt, test_drained);
    g_test_add_data_func("/base-repairs/block-backend-count/report",
                         submit_report, test_drained);
    return g_test_run();
}
