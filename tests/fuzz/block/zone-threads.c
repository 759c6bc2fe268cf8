/*
 * One zoned node, used from several threads
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Shows that requests and management from four iothreads at once leave what an
 * oracle says: each coroutine owns some zones and knows at any time what they
 * must be; other zones get appends from all of them, and every position is
 * given away once.  In the end the report, the data, and what a loss of power
 * would leave are compared.  The same program is what runs under
 * ThreadSanitizer (configure --enable-tsan).
 *
 * usage: zone-threads [--steps N]      steps of each coroutine
 */

#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qemu/cutils.h"
#include "qemu/main-loop.h"
#include "block/zone/qcow2/internal.h"
#include "iothread.h"
#include "fail-image.h"

#define NR_THREADS      4
#define NR_WORKERS      16              /* coroutines, over the threads */
#define OWNED           2               /* zones of each */
#define FIRST_SHARED    (1 + NR_WORKERS * OWNED)
#define NR_SHARED       31
#define CAPACITY_BLOCKS 12

typedef struct Worker {
    FailImage *image;
    unsigned idx;
    GRand *rand;
    unsigned written[OWNED];            /* blocks below the write pointer */
    unsigned life[OWNED];
    bool full[OWNED];
} Worker;

static const FailVariant variant = {
    .name = "threads",
    .nr_zones = FIRST_SHARED + NR_SHARED,
    .max_open_zones = 6,
    .commit_interval_ms = 1,
};

static unsigned nr_steps = 3000;
static unsigned nr_running;
/* Who appended to a block of a shared zone; 0: nobody */
static uint8_t appended[NR_SHARED][CAPACITY_BLOCKS];
static unsigned nr_requests;

static uint32_t owned_zone(const Worker *w, unsigned i)
{
    return 1 + w->idx * OWNED + i;
}

static void expect_zone(Worker *w, unsigned i)
{
    ZoneInfo info;

    blk_get_zone_info(w->image->blk, owned_zone(w, i), &info);
    g_assert_cmpuint(info.wp_bytes - info.start_bytes, ==,
                     w->written[i] * FAIL_BLOCK_BYTES);
    g_assert_cmpint(info.state == ZONE_STATE_FULL, ==,
                    w->full[i] || w->written[i] == CAPACITY_BLOCKS);
}

static int coroutine_fn rw(Worker *w, uint32_t zone_idx, unsigned block,
                           unsigned nr, uint8_t *buf, bool write)
{
    QEMUIOVector qiov = QEMU_IOVEC_INIT_BUF(qiov, buf, nr * FAIL_BLOCK_BYTES);
    int64_t offset = zone_idx * w->image->geometry.zone_bytes +
                     block * FAIL_BLOCK_BYTES;

    return write ? blk_co_pwritev(w->image->blk, offset, qiov.size, &qiov, 0)
                 : blk_co_preadv(w->image->blk, offset, qiov.size, &qiov, 0);
}

static void coroutine_fn step_write(Worker *w, unsigned i)
{
    unsigned room = CAPACITY_BLOCKS - w->written[i];
    unsigned nr = 1 + g_rand_int(w->rand) % 3;
    g_autofree uint8_t *buf = NULL;
    int ret;

    if (w->full[i] || nr > room) {
        return;
    }
    buf = fail_data(owned_zone(w, i), w->written[i], nr, w->life[i]);
    ret = rw(w, owned_zone(w, i), w->written[i], nr, buf, true);
    g_assert_cmpint(ret, ==, 0);
    w->written[i] += nr;
}

static void coroutine_fn step_read(Worker *w, unsigned i)
{
    g_autofree uint8_t *buf = g_malloc(16 * FAIL_BLOCK_BYTES);
    g_autofree uint8_t *data = fail_data(owned_zone(w, i), 0, 16, w->life[i]);
    size_t written_bytes = w->written[i] * FAIL_BLOCK_BYTES;

    g_assert_cmpint(rw(w, owned_zone(w, i), 0, 16, buf, false), ==, 0);
    g_assert_cmpmem(buf, written_bytes, data, written_bytes);
    g_assert(buffer_is_zero(buf + written_bytes,
                            16 * FAIL_BLOCK_BYTES - written_bytes));
}

static void coroutine_fn step_append(Worker *w)
{
    g_autofree uint8_t *buf = g_malloc(FAIL_BLOCK_BYTES);
    QEMUIOVector qiov = QEMU_IOVEC_INIT_BUF(qiov, buf, FAIL_BLOCK_BYTES);
    uint64_t zone_bytes = w->image->geometry.zone_bytes;
    unsigned shared = g_rand_int(w->rand) % NR_SHARED;
    int64_t offset = (FIRST_SHARED + shared) * zone_bytes;
    int64_t block;
    int ret;

    memset(buf, w->idx + 1, FAIL_BLOCK_BYTES);
    ret = blk_co_zone_append(w->image->blk, &offset, &qiov, 0);
    if (ret < 0) {
        g_assert_cmpint(zone_status_from_errno(ret), ==, ZONE_ERR_FULL);
        return;
    }
    block = (offset - (FIRST_SHARED + shared) * zone_bytes) /
            FAIL_BLOCK_BYTES;
    g_assert_cmpint(block, >=, 0);
    g_assert_cmpint(block, <, CAPACITY_BLOCKS);
    g_assert_cmpint(qatomic_xchg(&appended[shared][block], w->idx + 1), ==, 0);
}

static void coroutine_fn step_manage(Worker *w, unsigned i)
{
    switch (g_rand_int(w->rand) % 4) {
    case 0:
        g_assert_cmpint(fail_action(w->image, BLK_ZO_RESET, owned_zone(w, i)),
                        ==, 0);
        w->written[i] = 0;
        w->full[i] = false;
        w->life[i]++;
        break;
    case 1:
        if (w->written[i] > 6) {
            g_assert_cmpint(fail_action(w->image, BLK_ZO_FINISH,
                                        owned_zone(w, i)), ==, 0);
            w->full[i] = true;
        }
        break;
    case 2:
        /* closes a zone that another one may be about to close */
        fail_action(w->image, BLK_ZO_CLOSE, owned_zone(w, i));
        break;
    default:
        g_assert_cmpint(blk_co_flush(w->image->blk), ==, 0);
        break;
    }
}

static void coroutine_fn worker_entry(void *opaque)
{
    Worker *w = opaque;
    unsigned step;

    for (step = 0; step < nr_steps; step++) {
        unsigned i = g_rand_int(w->rand) % OWNED;
        unsigned dice = g_rand_int(w->rand) % 100;

        if (dice < 50) {
            step_write(w, i);
        } else if (dice < 65) {
            step_read(w, i);
        } else if (dice < 70) {
            step_append(w);
        } else {
            step_manage(w, i);
        }
        expect_zone(w, i);
        qatomic_inc(&nr_requests);
    }
    qatomic_dec(&nr_running);
    aio_wait_kick();
}

static void check_appended(FailImage *image)
{
    g_autofree uint8_t *buf = g_malloc(CAPACITY_BLOCKS * FAIL_BLOCK_BYTES);
    unsigned shared, block, nr = 0;
    ZoneInfo info;

    for (shared = 0; shared < NR_SHARED; shared++) {
        blk_get_zone_info(image->blk, FIRST_SHARED + shared, &info);
        g_assert_cmpint(blk_pread(image->blk, info.start_bytes,
                                  CAPACITY_BLOCKS * FAIL_BLOCK_BYTES, buf, 0),
                        ==, 0);
        for (block = 0; block < CAPACITY_BLOCKS; block++) {
            uint8_t who = appended[shared][block];

            /* no holes: what was given away lies below the write pointer */
            g_assert_cmpint(who != 0, ==, info.start_bytes +
                            block * FAIL_BLOCK_BYTES < info.wp_bytes);
            g_assert_cmpint(buf[block * FAIL_BLOCK_BYTES], ==, who);
            nr += who != 0;
        }
    }
    g_assert_cmpuint(nr, >, 0);
}

static void check_owned(Worker *workers, FailImage *image)
{
    g_autofree uint8_t *buf = g_malloc(16 * FAIL_BLOCK_BYTES);
    unsigned idx, i;

    for (idx = 0; idx < NR_WORKERS; idx++) {
        Worker *w = &workers[idx];

        w->image = image;
        for (i = 0; i < OWNED; i++) {
            size_t written_bytes = w->written[i] * FAIL_BLOCK_BYTES;
            g_autofree uint8_t *data = fail_data(owned_zone(w, i), 0, 16,
                                                 w->life[i]);

            expect_zone(w, i);
            g_assert_cmpint(blk_pread(image->blk, owned_zone(w, i) *
                                      image->geometry.zone_bytes,
                                      16 * FAIL_BLOCK_BYTES, buf, 0), ==, 0);
            g_assert_cmpmem(buf, written_bytes, data, written_bytes);
            g_assert(buffer_is_zero(buf + written_bytes, 16 *
                                    FAIL_BLOCK_BYTES - written_bytes));
        }
    }
}

static void check_all(Worker *workers, FailImage *image)
{
    ZoneIO *io = bdrv_zone_io(blk_bs(image->blk));

    check_owned(workers, image);
    check_appended(image);
    zone_io_lock(io);
    zone_table_verify(zone_io_table(io));
    zone_io_unlock(io);
}

static void test_threads(void)
{
    FailImage *image = fail_image_new(&variant);
    IOThread *threads[NR_THREADS];
    Worker workers[NR_WORKERS] = { };
    FailImage *copy;
    int corruptions = 0;
    unsigned i;

    memset(appended, 0, sizeof(appended));
    g_assert_cmpint(fail_image_create(image), >=, 0);
    fail_image_open(image, 0, &error_abort);
    for (i = 0; i < NR_THREADS; i++) {
        threads[i] = iothread_new();
    }
    nr_running = NR_WORKERS;
    for (i = 0; i < NR_WORKERS; i++) {
        workers[i] = (Worker) {
            .image = image, .idx = i, .rand = g_rand_new(), .life = { 1, 1 },
        };
        aio_co_enter(iothread_get_aio_context(threads[i % NR_THREADS]),
                     qemu_coroutine_create(worker_entry, &workers[i]));
    }
    AIO_WAIT_WHILE_UNLOCKED(NULL, qatomic_read(&nr_running));
    for (i = 0; i < NR_THREADS; i++) {
        iothread_join(threads[i]);
    }

    g_assert_cmpint(blk_flush(image->blk), ==, 0);
    check_all(workers, image);
    copy = fail_image_dup(image, true);
    g_assert_cmpint(fail_image_check(copy, false, &corruptions), >=, 0);
    g_assert_cmpint(corruptions, ==, 0);
    fail_image_open(copy, 0, &error_abort);
    check_all(workers, copy);
    fail_image_free(copy);
    fail_image_free(image);
    for (i = 0; i < NR_WORKERS; i++) {
        g_rand_free(workers[i].rand);
    }
    g_test_message("%u requests", nr_requests);
}

int main(int argc, char **argv)
{
    bdrv_init();
    qemu_init_main_loop(&error_abort);
    fail_disk_register();
    g_test_init(&argc, &argv, NULL);
    if (argc == 3 && !strcmp(argv[1], "--steps")) {
        qemu_strtoui(argv[2], NULL, 0, &nr_steps);
    }
    g_test_add_func("/threads/owned-and-shared-zones", test_threads);
    return g_test_run();
}
