/*
 * Who waits for zones, and what lets them go on
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Shows that each thing that somebody can wait for in block/zone/gate/wait.c
 * ends the wait as soon as it is there, that nobody is asked for anything else,
 * and that requests to a zone which was held begin in the order in which they
 * came, before any that comes later.
 *
 * How: on zones in memory, over a disk that keeps writes and discards in flight
 * until the test lets them end.  Who can go on has done so when nothing is left
 * to poll for.
 */

#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qemu/main-loop.h"
#include "block/block_int.h"
#include "block/zone/gate/internal.h"
#include "iothread.h"
#include "system/block-backend.h"
#include "system/block-backend-zone.h"
#include "../../zone/discard.h"

#define BLOCK_BYTES     4096
#define ZONE_BYTES      (16 * BLOCK_BYTES)
#define NR_ZONES        300
/* Shares what it can with zone 1 */
#define TWIN            (1 + 256)
#define RUNNING         1

/* The disk ****************************************************************/

typedef struct Parked Parked;
struct Parked {
    Coroutine *co;
    int64_t offset;
    QTAILQ_ENTRY(Parked) next;
};

typedef struct ParkDisk {
    QemuMutex lock;
    bool parks;
    QTAILQ_HEAD(, Parked) parked;
} ParkDisk;

/* There is one; what is written to it is lost */
static ParkDisk park_disk;

static int coroutine_fn park(int64_t offset)
{
    Parked parked = { .co = qemu_coroutine_self(), .offset = offset };

    qemu_mutex_lock(&park_disk.lock);
    if (!park_disk.parks) {
        qemu_mutex_unlock(&park_disk.lock);
        return 0;
    }
    QTAILQ_INSERT_TAIL(&park_disk.parked, &parked, next);
    qemu_mutex_unlock(&park_disk.lock);
    qemu_coroutine_yield();
    return 0;
}

static int coroutine_fn park_co_preadv(BlockDriverState *bs, int64_t offset,
                                       int64_t bytes, QEMUIOVector *qiov,
                                       BdrvRequestFlags flags)
{
    qemu_iovec_memset(qiov, 0, 0, bytes);
    return 0;
}

static int coroutine_fn park_co_pwritev(BlockDriverState *bs, int64_t offset,
                                        int64_t bytes, QEMUIOVector *qiov,
                                        BdrvRequestFlags flags)
{
    return park(offset);
}

static int coroutine_fn park_co_pwrite_zeroes(BlockDriverState *bs,
                                              int64_t offset, int64_t bytes,
                                              BdrvRequestFlags flags)
{
    return park(offset);
}

static int coroutine_fn park_co_pdiscard(BlockDriverState *bs, int64_t offset,
                                         int64_t bytes)
{
    return park(offset);
}

static int64_t coroutine_fn park_co_getlength(BlockDriverState *bs)
{
    return (int64_t)NR_ZONES * ZONE_BYTES;
}

static BlockDriver bdrv_park = {
    .format_name            = "park",
    .protocol_name          = "park",
    .bdrv_co_getlength      = park_co_getlength,
    .bdrv_co_preadv         = park_co_preadv,
    .bdrv_co_pwritev        = park_co_pwritev,
    .bdrv_co_pwrite_zeroes  = park_co_pwrite_zeroes,
    .bdrv_co_pdiscard       = park_co_pdiscard,
};

static int64_t at(uint32_t zone_idx, unsigned block)
{
    return (int64_t)zone_idx * ZONE_BYTES + block * BLOCK_BYTES;
}

static void poll_all(void)
{
    while (aio_poll(qemu_get_aio_context(), false)) {
        /* until all wait for something else */
    }
}

static Parked *find_parked(int64_t offset)
{
    Parked *parked;

    QTAILQ_FOREACH(parked, &park_disk.parked, next) {
        if (parked->offset == offset) {
            break;
        }
    }
    return parked;
}

static bool is_parked(uint32_t zone_idx, unsigned block)
{
    QEMU_LOCK_GUARD(&park_disk.lock);
    return find_parked(at(zone_idx, block));
}

/* What is in flight there ends */
static void let_end(uint32_t zone_idx, unsigned block)
{
    Parked *parked;

    qemu_mutex_lock(&park_disk.lock);
    parked = find_parked(at(zone_idx, block));
    g_assert_nonnull(parked);
    QTAILQ_REMOVE(&park_disk.parked, parked, next);
    qemu_mutex_unlock(&park_disk.lock);
    aio_co_wake(parked->co);
    poll_all();
}

/* The drive ***************************************************************/

static BlockBackend *blk;
static ZoneIO *io;

static void open_drive(const ZoneGeometry *more)
{
    ZoneGeometry geometry = *more;
    BlockDriverState *bs;

    geometry.zone_bytes = ZONE_BYTES;
    geometry.capacity_bytes = ZONE_BYTES;
    geometry.nr_zones = NR_ZONES;
    bs = bdrv_new_open_driver(&bdrv_park, "park", BDRV_O_RDWR | BDRV_O_UNMAP,
                              &error_abort);
    blk = blk_new(qemu_get_aio_context(),
                  BLK_PERM_CONSISTENT_READ | BLK_PERM_WRITE, BLK_PERM_ALL);
    blk_insert_bs(blk, bs, &error_abort);
    bdrv_unref(bs);
    g_assert_true(blk_insert_volatile_zones(blk, &geometry, &error_abort));
    io = bdrv_zone_io(blk_bs(blk));
    park_disk.parks = true;
}

#define OPEN_DRIVE(...) open_drive(&(ZoneGeometry) { __VA_ARGS__ })

static void close_drive(void)
{
    poll_all();
    g_assert_true(QTAILQ_EMPTY(&park_disk.parked));
    g_assert_false(zone_io_has_waits(io));
    zone_io_lock(io);
    zone_table_verify(zone_io_table(io));
    zone_io_unlock(io);
    blk_unref(blk);
}

static ZoneState state_of(uint32_t zone_idx)
{
    ZoneInfo info;

    zone_io_get_info(io, zone_idx, &info);
    return info.state;
}

/* Requests ****************************************************************/

typedef enum RequestKind {
    REQUEST_WRITE,
    REQUEST_EXCLUSIVE,              /* a write that keeps its range to itself */
    REQUEST_APPEND,
    REQUEST_DISCARD,
    REQUEST_OP,
    REQUEST_OP_ALL,
    REQUEST_HOLD,                   /* done once the zone is held */
    REQUEST_SETTLE,
} RequestKind;

typedef struct Request {
    RequestKind kind;
    BlockZoneOp op;
    uint32_t zone_idx;
    unsigned block;
    int64_t offset;             /* of an append: where it went */
    int ret;                    /* RUNNING until it is done */
} Request;

static int coroutine_fn tail_entry(void *opaque, int64_t offset_bytes)
{
    return 0;
}

static int coroutine_fn write_exclusive(Request *request, QEMUIOVector *qiov)
{
    ZoneTail tail = { .co_fn = tail_entry };
    ZoneIOWrite write = {
        .offset_bytes = request->offset, .length_bytes = qiov->size,
        .qiov = qiov, .tail = &tail,
    };

    ThrottleGroupMember *tgm;

    GRAPH_RDLOCK_GUARD();
    return bdrv_zone_co_write(blk_zone_root(blk, &tgm), &write);
}

static int coroutine_fn run_action(Request *request)
{
    ZoneAction action = {
        .op = request->op, .select_all = request->kind == REQUEST_OP_ALL,
        .offset_bytes = request->kind == REQUEST_OP_ALL ? 0 : request->offset,
    };

    return blk_co_zone_action(blk, &action);
}

static int coroutine_fn run_request(Request *request)
{
    static uint8_t buf[BLOCK_BYTES];
    QEMUIOVector qiov = QEMU_IOVEC_INIT_BUF(qiov, buf, sizeof(buf));

    switch (request->kind) {
    case REQUEST_WRITE:
        return blk_co_pwritev(blk, request->offset, qiov.size, &qiov, 0);
    case REQUEST_EXCLUSIVE:
        return write_exclusive(request, &qiov);
    case REQUEST_APPEND:
        return blk_co_zone_append(blk, &request->offset, &qiov, 0);
    case REQUEST_DISCARD:
        return zone_test_discard(blk_co_pdiscard, blk, request->offset,
                                 BLOCK_BYTES);
    case REQUEST_HOLD:
        zone_io_co_hold(io, request->zone_idx);
        return 0;
    case REQUEST_SETTLE:
        zone_io_co_settle(io);
        return 0;
    default:
        return run_action(request);
    }
}

static void coroutine_fn request_entry(void *opaque)
{
    Request *request = opaque;

    qatomic_set(&request->ret, run_request(request));
    aio_wait_kick();
}

static void request_start_in(AioContext *context, Request *request)
{
    request->offset = at(request->zone_idx, request->block);
    request->ret = RUNNING;
    aio_co_enter(context, qemu_coroutine_create(request_entry, request));
    poll_all();
}

static Request *request_start(Request request)
{
    Request *copy = g_memdup2(&request, sizeof(request));

    request_start_in(qemu_get_aio_context(), copy);
    return copy;
}

#define START(kind_, zone, ...)                                         \
    request_start((Request) {                                           \
        .kind = (kind_), .zone_idx = (zone), __VA_ARGS__                \
    })
#define WRITE(zone, nth)        START(REQUEST_WRITE, zone, .block = (nth))
#define OP(op_, zone, ...)                                              \
    START(REQUEST_OP, zone, .op = (op_), __VA_ARGS__)

static bool runs(const Request *request)
{
    return qatomic_read(&request->ret) == RUNNING;
}

/* Has ended, as it should */
static void finish(Request *request, int ret)
{
    g_assert_cmpint(qatomic_read(&request->ret), ==, ret);
    g_free(request);
}

static void hold(uint32_t zone_idx)
{
    finish(START(REQUEST_HOLD, zone_idx), 0);
}

static void coroutine_fn release_entry(void *opaque)
{
    zone_io_co_release(io, *(uint32_t *)opaque);
}

static void release(uint32_t zone_idx)
{
    qemu_coroutine_enter(qemu_coroutine_create(release_entry, &zone_idx));
    poll_all();
}

/* Writes the first blocks of a zone, one after the other */
static void fill(uint32_t zone_idx, unsigned nr_blocks)
{
    unsigned i;

    for (i = 0; i < nr_blocks; i++) {
        Request *request = WRITE(zone_idx, i);

        let_end(zone_idx, i);
        finish(request, 0);
    }
}

/* Somebody who is asked in vain *******************************************/

typedef struct Asked {
    ZoneWaiter waiter;
    ZoneWait wait;              /* NOTHING ends it */
    unsigned nr_looks;
    bool done;
} Asked;

static ZoneWait asked_look(ZoneIO *zones, ZoneWaiter *waiter)
{
    Asked *asked = container_of(waiter, Asked, waiter);

    asked->nr_looks++;
    return asked->wait;
}

static void coroutine_fn asked_entry(void *opaque)
{
    Asked *asked = opaque;

    zone_io_co_wait(io, &asked->waiter);
    asked->done = true;
}

static void ask(Asked *asked, ZoneWait wait, uint32_t zone_idx)
{
    *asked = (Asked) {
        .waiter = { .look = asked_look, .zone_idx = zone_idx }, .wait = wait,
    };
    qemu_coroutine_enter(qemu_coroutine_create(asked_entry, asked));
    asked->nr_looks = 0;
}

static unsigned take_looks(Asked *asked)
{
    unsigned nr_looks = asked->nr_looks;

    asked->nr_looks = 0;
    return nr_looks;
}

/* Holds *******************************************************************/

static void test_release(void)
{
    Request *write, *append, *next, *discard, *close;

    OPEN_DRIVE();
    fill(1, 2);
    hold(1);
    hold(TWIN);
    write = WRITE(1, 2);
    append = START(REQUEST_APPEND, 1);
    next = WRITE(1, 4);
    discard = START(REQUEST_DISCARD, 1, .block = 1);
    close = OP(BLK_ZO_CLOSE, 1);
    release(TWIN);
    g_assert_true(QTAILQ_EMPTY(&park_disk.parked));
    release(1);
    /* in this order, or some would be off the write pointer */
    g_assert_true(is_parked(1, 2) && is_parked(1, 3) && is_parked(1, 4));
    g_assert_true(is_parked(1, 1));
    finish(close, 0);
    let_end(1, 3);
    let_end(1, 4);
    let_end(1, 1);
    let_end(1, 2);
    finish(write, 0);
    g_assert_cmpint(append->offset, ==, at(1, 3));
    finish(append, 0);
    finish(next, 0);
    finish(discard, 0);
    close_drive();
}

/* One who waits takes the zone: the others wait on, in their order */
static void test_release_to_holder(void)
{
    Request *first, *holder, *second, *reset, *third;

    OPEN_DRIVE();
    hold(1);
    first = WRITE(1, 0);
    holder = START(REQUEST_HOLD, 1);
    second = WRITE(1, 1);
    reset = OP(BLK_ZO_RESET, 1);
    third = WRITE(1, 0);
    release(1);
    g_assert_true(is_parked(1, 0) && !is_parked(1, 1) && runs(holder));
    let_end(1, 0);
    finish(first, 0);
    finish(holder, 0);
    g_assert_false(is_parked(1, 1));
    release(1);
    g_assert_true(is_parked(1, 1) && runs(reset) && !is_parked(1, 0));
    let_end(1, 1);
    finish(second, 0);
    finish(reset, 0);
    let_end(1, 0);
    finish(third, 0);
    close_drive();
}

static void test_end(void)
{
    Request *write, *discard, *other, *twin, *holder;

    OPEN_DRIVE();
    fill(1, 1);
    write = WRITE(1, 1);
    discard = START(REQUEST_DISCARD, 1, .block = 0);
    other = WRITE(2, 0);
    twin = WRITE(TWIN, 0);
    holder = START(REQUEST_HOLD, 1);
    let_end(2, 0);
    let_end(TWIN, 0);
    let_end(1, 1);
    g_assert_true(runs(holder));
    let_end(1, 0);
    finish(holder, 0);
    release(1);
    finish(write, 0);
    finish(discard, 0);
    finish(other, 0);
    finish(twin, 0);
    close_drive();
}

static void test_range(void)
{
    Request *write, *same, *other;

    OPEN_DRIVE(.zrwa_bytes = 4 * BLOCK_BYTES,
               .zrwa_granularity_bytes = BLOCK_BYTES);
    finish(OP(BLK_ZO_OPEN_ZRWA, 1), 0);
    fill(1, 2);
    write = START(REQUEST_EXCLUSIVE, 1, .block = 0);
    same = START(REQUEST_EXCLUSIVE, 1, .block = 0);
    other = START(REQUEST_EXCLUSIVE, 1, .block = 1);
    let_end(1, 1);
    finish(other, 0);
    let_end(1, 0);
    finish(write, 0);
    g_assert_true(is_parked(1, 0) && runs(same));
    let_end(1, 0);
    finish(same, 0);
    close_drive();
}

/* Room ********************************************************************/

/* All that may be open is, and what could be closed is held */
static void open_without_room(void)
{
    OPEN_DRIVE(.max_open_zones = 2, .auto_close = true,
               .zrwa_bytes = 4 * BLOCK_BYTES,
               .zrwa_granularity_bytes = BLOCK_BYTES);
}

static void test_room_by_release(void)
{
    Request *write, *open;

    open_without_room();
    fill(1, 1);
    fill(2, 1);
    hold(1);
    hold(2);
    write = WRITE(3, 0);
    open = OP(BLK_ZO_OPEN, 4);
    release(2);
    g_assert_true(is_parked(3, 0));
    finish(open, 0);
    g_assert_cmpint(state_of(2), ==, ZONE_STATE_CLOSED);
    let_end(3, 0);
    finish(write, 0);
    release(1);
    close_drive();
}

static void test_room_by_full(void)
{
    Request *write, *last;

    open_without_room();
    fill(1, 1);
    finish(OP(BLK_ZO_OPEN, 2), 0);
    fill(2, 15);
    last = WRITE(2, 15);
    hold(1);
    write = WRITE(3, 0);
    g_assert_false(is_parked(3, 0));
    let_end(2, 15);
    finish(last, 0);
    let_end(3, 0);
    finish(write, 0);
    release(1);
    close_drive();
}

static void test_room_by_close(void)
{
    Request *write;

    open_without_room();
    fill(1, 1);
    finish(OP(BLK_ZO_OPEN, 2), 0);
    hold(1);
    write = WRITE(3, 0);
    g_assert_false(is_parked(3, 0));
    finish(OP(BLK_ZO_CLOSE, 2), 0);
    let_end(3, 0);
    finish(write, 0);
    release(1);
    close_drive();
}

/* First for its own zone, then for room, then for its own zone again */
static void test_room_and_release(void)
{
    Request *write;

    open_without_room();
    fill(1, 1);
    finish(OP(BLK_ZO_OPEN, 2), 0);
    hold(1);
    hold(3);
    write = WRITE(3, 0);
    release(3);
    g_assert_true(runs(write) && !is_parked(3, 0));
    hold(3);
    release(1);
    g_assert_true(runs(write) && !is_parked(3, 0));
    release(3);
    let_end(3, 0);
    finish(write, 0);
    close_drive();
}

static void test_open_all(void)
{
    Request *open;

    open_without_room();
    fill(1, 1);
    finish(OP(BLK_ZO_CLOSE, 1), 0);
    hold(1);
    hold(2);
    open = START(REQUEST_OP_ALL, 0, .op = BLK_ZO_OPEN);
    release(2);
    g_assert_true(runs(open));
    release(1);
    finish(open, 0);
    g_assert_cmpint(state_of(1), ==, ZONE_STATE_EXPLICITLY_OPENED);
    close_drive();
}

/* An explicit flush of a Closed zone opens it, and waits without a hold */
static void test_zrwa_flush(void)
{
    Request *flush;

    open_without_room();
    finish(OP(BLK_ZO_OPEN_ZRWA, 3), 0);
    fill(3, 1);
    finish(OP(BLK_ZO_CLOSE, 3), 0);
    fill(1, 1);
    fill(2, 1);
    hold(1);
    hold(2);
    flush = OP(BLK_ZO_FLUSH_ZRWA, 3, .block = 1);
    hold(3);
    release(3);
    g_assert_true(runs(flush));
    release(1);
    finish(flush, 0);
    release(2);
    g_assert_cmpint(state_of(3), ==, ZONE_STATE_IMPLICITLY_OPENED);
    close_drive();
}

/* Commits *****************************************************************/

static void test_settle(void)
{
    Request *w[2][3], *settle, *later;
    int i;

    OPEN_DRIVE();
    for (i = 0; i < 3; i++) {
        w[0][i] = WRITE(1, i);
        w[1][i] = WRITE(2, i);
    }
    let_end(1, 1);
    settle = START(REQUEST_SETTLE, 0);
    /* neither what is passed later, nor what others ask for */
    let_end(2, 2);
    later = START(REQUEST_SETTLE, 0);
    let_end(1, 2);
    g_assert_true(runs(settle));
    let_end(1, 0);
    finish(settle, 0);
    let_end(2, 0);
    g_assert_true(runs(later));
    let_end(2, 1);
    finish(later, 0);
    for (i = 0; i < 3; i++) {
        finish(w[0][i], 0);
        finish(w[1][i], 0);
    }
    close_drive();
}

/* In vain *****************************************************************/

static void test_asked(void)
{
    Asked asked[5];
    unsigned i;
    Request *request;

    OPEN_DRIVE();
    ask(&asked[0], ZONE_WAIT_RELEASE, 1);
    ask(&asked[1], ZONE_WAIT_END, 1);
    ask(&asked[2], ZONE_WAIT_ROOM, 1);
    ask(&asked[3], ZONE_WAIT_SETTLED, 1);
    ask(&asked[4], ZONE_WAIT_SETTLED, 1);
    fill(TWIN, 3);
    g_assert_cmpuint(take_looks(&asked[0]) + take_looks(&asked[1]) +
                     take_looks(&asked[2]), ==, 0);
    fill(1, 3);
    g_assert_cmpuint(take_looks(&asked[0]) + take_looks(&asked[2]), ==, 0);
    g_assert_cmpuint(take_looks(&asked[1]), ==, 3);
    /* a commit that waits is one look for each end, however many there are */
    g_assert_cmpuint(take_looks(&asked[3]), ==, 6);
    g_assert_cmpuint(take_looks(&asked[4]), ==, 0);
    hold(1);
    hold(TWIN);
    release(TWIN);
    g_assert_cmpuint(take_looks(&asked[0]), ==, 0);
    release(1);
    g_assert_cmpuint(take_looks(&asked[0]), ==, 1);
    g_assert_cmpuint(take_looks(&asked[2]), ==, 2);
    for (i = 0; i < 5; i++) {
        asked[i].wait = ZONE_WAIT_NOTHING;
    }
    request = WRITE(1, 3);
    let_end(1, 3);
    finish(request, 0);
    hold(1);
    release(1);
    for (i = 0; i < 5; i++) {
        g_assert_true(asked[i].done);
    }
    close_drive();
}

/* Who waits behind one that takes the zone */
static void test_asked_behind(void)
{
    Request *holder;
    Asked asked;

    OPEN_DRIVE();
    hold(1);
    holder = START(REQUEST_HOLD, 1);
    ask(&asked, ZONE_WAIT_RELEASE, 1);
    release(1);
    finish(holder, 0);
    g_assert_cmpuint(take_looks(&asked), ==, 0);
    asked.wait = ZONE_WAIT_NOTHING;
    release(1);
    g_assert_true(asked.done);
    close_drive();
}

/* Threads *****************************************************************/

static QemuEvent blocks, goes_on;

static void block_thread(void *opaque)
{
    qemu_event_set(&blocks);
    qemu_event_wait(&goes_on);
}

static void wait_for_waiter(uint32_t zone_idx)
{
    bool waits = false;

    while (!waits) {
        zone_io_lock(io);
        waits = !QTAILQ_EMPTY(&io->waits_release[zone_idx]);
        zone_io_unlock(io);
    }
}

/* What waits in a thread that is busy is not overtaken by what comes here */
static void test_order_of_threads(void)
{
    IOThread *thread = iothread_new();
    AioContext *context = iothread_get_aio_context(thread);
    Request first = { .kind = REQUEST_WRITE, .zone_idx = 1, .block = 0 };
    Request *second;

    OPEN_DRIVE();
    qemu_event_init(&blocks, false);
    qemu_event_init(&goes_on, false);
    hold(1);
    request_start_in(context, &first);
    wait_for_waiter(1);
    aio_bh_schedule_oneshot(context, block_thread, NULL);
    qemu_event_wait(&blocks);
    release(1);
    second = WRITE(1, 1);
    g_assert_true(is_parked(1, 1) && !is_parked(1, 0));
    qemu_event_set(&goes_on);
    while (!is_parked(1, 0)) {
        poll_all();
    }
    let_end(1, 0);
    let_end(1, 1);
    AIO_WAIT_WHILE_UNLOCKED(NULL, runs(&first));
    iothread_join(thread);
    g_assert_cmpint(first.ret, ==, 0);
    finish(second, 0);
    close_drive();
}

int main(int argc, char **argv)
{
    bdrv_init();
    qemu_init_main_loop(&error_abort);
    qemu_mutex_init(&park_disk.lock);
    QTAILQ_INIT(&park_disk.parked);
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/wait/release", test_release);
    g_test_add_func("/wait/release-to-holder", test_release_to_holder);
    g_test_add_func("/wait/end", test_end);
    g_test_add_func("/wait/range", test_range);
    g_test_add_func("/wait/room-by-release", test_room_by_release);
    g_test_add_func("/wait/room-by-full", test_room_by_full);
    g_test_add_func("/wait/room-by-close", test_room_by_close);
    g_test_add_func("/wait/room-and-release", test_room_and_release);
    g_test_add_func("/wait/open-all", test_open_all);
    g_test_add_func("/wait/zrwa-flush", test_zrwa_flush);
    g_test_add_func("/wait/settle", test_settle);
    g_test_add_func("/wait/asked", test_asked);
    g_test_add_func("/wait/asked-behind", test_asked_behind);
    g_test_add_func("/wait/order-of-threads", test_order_of_threads);
    return g_test_run();
}
