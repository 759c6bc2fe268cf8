/*
 * Measures reads, writes and zone management on the block layer
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * usage: zone-bench TEST --image=OPTIONS [--NAME=VALUE ...]
 *
 *   write     sequential writes; where the image is zoned, at write pointers
 *   append    the same as zone appends (writes where there are no zones)
 *   read      sequential reads of what has been written
 *   randread  random reads of the same range
 *   reset     reset of full zones, one at a time
 *   finish    finish of zones with one request in each
 *   open      explicit open of zones with one request in each
 *   close     close of the same
 *   load      open of the image: time and resident memory; report of all zones
 *
 * Requests are made as device models make them: blk_aio_*() from the main loop,
 * never from the completion of another, which is inside a coroutine: what is
 * submitted there does not start in the order of the calls.  OPTIONS are those
 * of qemu-img's --image-opts.  Prints lines of a name and a value; durations of
 * requests as medians and as percentiles.  What is flushed behind a write is
 * part of the write's duration.
 *
 * Reads and writes have two more options.  With --threads=N they come from N
 * iothreads, as those of a device with several queues do.  Each makes an Nth of
 * the requests, with an Nth of depth and streams (at least one, rounded down),
 * and writes to zones of its own.  Percentiles are those of all requests.
 * --profile=1 also prints where all threads waited for mutexes and condition
 * variables; that costs time itself.
 */

#include "qemu/osdep.h"
#include <sys/resource.h>
#include "qemu/cutils.h"
#include "qemu/error-report.h"
#include "qemu/iov.h"
#include "qemu/main-loop.h"
#include "qemu/memalign.h"
#include "qemu/option.h"
#include "qemu/units.h"
#include "qapi/error.h"
#include "qobject/qdict.h"
#include "block/block.h"
#include "crypto/init.h"
#include "system/block-backend.h"
#include "system/block-backend-zone.h"
#include "iothread.h"
#include "latency.h"

#define FILL_BYTES      (1 * MiB)
#define FILL_DEPTH      8
#define PROFILE_LINES   8

typedef struct BenchOptions {
    char *image;
    uint64_t bytes;             /* of one request */
    uint64_t total_bytes;       /* of all requests */
    uint64_t stretch_bytes;     /* stands in for the zone size elsewhere */
    unsigned depth;
    unsigned streams;           /* zones that are written at the same time */
    unsigned zones;             /* to be managed */
    unsigned piece_zones;       /* of one report */
    unsigned threads;           /* 0: requests come from the main loop */
    bool flush;                 /* a flush behind each write */
    bool profile;
} BenchOptions;

/* Writes that follow each other, in every n-th zone */
typedef struct Stream {
    uint64_t zone_idx;
    uint64_t done_bytes;        /* of the zone */
} Stream;

typedef enum BenchKind {
    BENCH_WRITE,
    BENCH_APPEND,
    BENCH_READ,
    BENCH_RANDREAD,
} BenchKind;

typedef struct Request Request;

/* What one thread does */
typedef struct Bench {
    BlockBackend *blk;
    BenchKind kind;
    bool zoned;
    uint64_t zone_bytes;
    uint64_t capacity_bytes;
    uint64_t bytes;
    uint64_t range_bytes;       /* of reads, those of all threads */
    uint64_t nr_requests;
    uint64_t left;              /* requests not yet submitted */
    unsigned depth;
    unsigned in_flight;
    unsigned nr_streams;
    unsigned all_streams;       /* of all threads */
    unsigned next_stream;
    Stream *streams;
    uint64_t next_bytes;        /* of sequential reads */
    GRand *random;
    bool flush;
    int ret;
    Latencies latencies;
    Request *requests;
    QSIMPLEQ_HEAD(, Request) idle;
    IOThread *thread;           /* NULL: the main loop */
    QEMUBH *bh;                 /* submits in the thread */
    bool done;                  /* atomic */
} Bench;

struct Request {
    Bench *bench;
    QEMUIOVector qiov;
    void *buf;
    int64_t offset;
    int64_t start_ns;
    QSIMPLEQ_ENTRY(Request) next;
};

static void fail(const char *what, int ret)
{
    error_report("%s: %s", what, strerror(-ret));
    exit(1);
}

static void print_value(const char *name, double value)
{
    printf("%s %.3f\n", name, value);
}

static double cpu_us(void)
{
    struct rusage usage;

    getrusage(RUSAGE_SELF, &usage);
    return (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1e6 +
           usage.ru_utime.tv_usec + usage.ru_stime.tv_usec;
}

/* One line of /proc/self/status, in KiB */
static double status_kib(const char *name)
{
    g_autofree char *text = NULL;
    char *line;

    if (!g_file_get_contents("/proc/self/status", &text, NULL, NULL)) {
        fail("/proc/self/status", -EIO);
    }
    line = strstr(text, name);
    return line ? g_ascii_strtod(line + strlen(name) + 1, NULL) : 0;
}

/* Where requests go */

static uint64_t write_offset(Bench *bench)
{
    Stream *stream = &bench->streams[bench->next_stream];
    uint64_t offset;

    bench->next_stream = (bench->next_stream + 1) % bench->nr_streams;
    if (stream->done_bytes + bench->bytes > bench->capacity_bytes) {
        stream->zone_idx += bench->all_streams;
        stream->done_bytes = 0;
    }
    offset = stream->zone_idx * bench->zone_bytes;
    if (bench->kind == BENCH_WRITE || !bench->zoned) {
        offset += stream->done_bytes;
    }
    stream->done_bytes += bench->bytes;
    return offset;
}

static uint64_t request_offset(Bench *bench)
{
    uint64_t offset;

    switch (bench->kind) {
    case BENCH_READ:
        offset = bench->next_bytes;
        bench->next_bytes += bench->bytes;
        if (bench->next_bytes + bench->bytes > bench->range_bytes) {
            bench->next_bytes = 0;
        }
        return offset;
    case BENCH_RANDREAD:
        return g_rand_int_range(bench->random, 0,
                                bench->range_bytes / bench->bytes) *
               bench->bytes;
    default:
        return write_offset(bench);
    }
}

/* Requests */

static void request_done(void *opaque, int ret)
{
    Request *req = opaque;
    Bench *bench = req->bench;

    bench->in_flight--;
    if (ret < 0) {
        bench->ret = ret;
    }
    latencies_add(&bench->latencies, get_clock() - req->start_ns);
    QSIMPLEQ_INSERT_TAIL(&bench->idle, req, next);
    if (bench->bh) {
        qemu_bh_schedule(bench->bh);
    }
}

static void request_written(void *opaque, int ret)
{
    Request *req = opaque;

    if (ret < 0 || !req->bench->flush) {
        request_done(req, ret);
    } else {
        blk_aio_flush(req->bench->blk, request_done, req);
    }
}

static void request_submit(Request *req)
{
    Bench *bench = req->bench;

    bench->left--;
    bench->in_flight++;
    req->offset = request_offset(bench);
    req->start_ns = get_clock();
    if (bench->kind == BENCH_READ || bench->kind == BENCH_RANDREAD) {
        blk_aio_preadv(bench->blk, req->offset, &req->qiov, 0, request_done,
                       req);
    } else if (bench->kind == BENCH_APPEND && bench->zoned) {
        blk_aio_zone_append(bench->blk, &req->offset, &req->qiov, 0,
                            request_written, req);
    } else {
        blk_aio_pwritev(bench->blk, req->offset, &req->qiov, 0,
                        request_written, req);
    }
}

static void requests_new(Bench *bench)
{
    Request *req;
    unsigned i;

    bench->requests = g_new0(Request, bench->depth);
    for (i = 0; i < bench->depth; i++) {
        req = &bench->requests[i];
        req->bench = bench;
        req->buf = blk_blockalign(bench->blk, bench->bytes);
        memset(req->buf, 0x5a + i, bench->bytes);
        qemu_iovec_init_buf(&req->qiov, req->buf, bench->bytes);
        QSIMPLEQ_INSERT_TAIL(&bench->idle, req, next);
    }
}

static void requests_free(Bench *bench)
{
    unsigned i;

    for (i = 0; i < bench->depth; i++) {
        qemu_vfree(bench->requests[i].buf);
    }
    g_free(bench->requests);
}

/* False once nothing is in flight and nothing more will be */
static bool bench_submit(Bench *bench)
{
    Request *req;

    while (bench->left && !bench->ret && !QSIMPLEQ_EMPTY(&bench->idle)) {
        req = QSIMPLEQ_FIRST(&bench->idle);
        QSIMPLEQ_REMOVE_HEAD(&bench->idle, next);
        request_submit(req);
    }
    return bench->in_flight;
}

static void bench_submit_bh(void *opaque)
{
    Bench *bench = opaque;

    if (!bench_submit(bench)) {
        qatomic_set(&bench->done, true);
        aio_wait_kick();
    }
}

static void bench_init(Bench *bench, BlockBackend *blk,
                       const BenchOptions *options, BenchKind kind)
{
    const ZoneGeometry *geometry = blk_get_zone_geometry(blk);
    unsigned i;

    *bench = (Bench) {
        .blk = blk,
        .kind = kind,
        .zoned = geometry,
        .zone_bytes = geometry ? geometry->zone_bytes : options->stretch_bytes,
        .capacity_bytes = geometry ? geometry->capacity_bytes
                                   : options->stretch_bytes,
        .bytes = options->bytes,
        .range_bytes = options->total_bytes,
        .nr_requests = options->total_bytes / options->bytes,
        .depth = options->depth,
        .nr_streams = options->streams,
        .all_streams = options->streams,
        .streams = g_new0(Stream, options->streams),
        .random = g_rand_new_with_seed(1),
        .flush = options->flush,
    };
    QSIMPLEQ_INIT(&bench->idle);
    for (i = 0; i < bench->nr_streams; i++) {
        bench->streams[i].zone_idx = i;
    }
}

/* Thread number i of nr does its part of what the options say */
static void bench_init_thread(Bench *bench, BlockBackend *blk,
                              const BenchOptions *options, BenchKind kind,
                              unsigned i, unsigned nr)
{
    BenchOptions part = *options;
    unsigned stream;

    part.depth = MAX(options->depth / nr, 1);
    part.streams = MAX(options->streams / nr, 1);
    bench_init(bench, blk, &part, kind);
    bench->nr_requests /= nr;
    bench->next_bytes = i * bench->nr_requests * bench->bytes;
    bench->all_streams *= nr;
    for (stream = 0; stream < part.streams; stream++) {
        bench->streams[stream].zone_idx += i * part.streams;
    }
    g_rand_set_seed(bench->random, 1 + i);
    bench->thread = iothread_new();
    bench->bh = aio_bh_new(iothread_get_aio_context(bench->thread),
                           bench_submit_bh, bench);
}

static void bench_cleanup(Bench *bench)
{
    if (bench->thread) {
        iothread_join(bench->thread);
    }
    g_rand_free(bench->random);
    g_free(bench->streams);
}

static void bench_wait(Bench *bench)
{
    if (bench->bh) {
        AIO_WAIT_WHILE_UNLOCKED(NULL, !qatomic_read(&bench->done));
        qemu_bh_delete(bench->bh);
    } else {
        while (bench_submit(bench)) {
            main_loop_wait(false);
        }
    }
}

/* Submits all requests, as many at a time as each may, and waits for them */
static void benches_run(Bench *benches, unsigned nr)
{
    unsigned i;

    for (i = 0; i < nr; i++) {
        requests_new(&benches[i]);
        benches[i].left = benches[i].nr_requests;
    }
    for (i = 0; i < nr && benches[i].bh; i++) {
        qemu_bh_schedule(benches[i].bh);
    }
    for (i = 0; i < nr; i++) {
        bench_wait(&benches[i]);
    }
    for (i = 0; i < nr; i++) {
        if (benches[i].ret < 0) {
            fail("request", benches[i].ret);
        }
        requests_free(&benches[i]);
    }
}

static void print_requests(const Bench *benches, unsigned nr, double seconds,
                           double used_cpu_us)
{
    g_autofree Latencies *latencies = g_new0(Latencies, 1);
    uint64_t requests = 0;
    unsigned i;

    for (i = 0; i < nr; i++) {
        requests += benches[i].nr_requests;
        latencies_merge(latencies, &benches[i].latencies);
    }
    print_value("requests", requests);
    print_value("iops", requests / seconds);
    print_value("mib_per_s", requests * benches[0].bytes / seconds / MiB);
    print_value("cpu_us_per_request", used_cpu_us / requests);
    latencies_print(latencies);
}

static void test_requests(BlockBackend *blk, const BenchOptions *options,
                          BenchKind kind)
{
    unsigned i, nr = MAX(options->threads, 1);
    g_autofree Bench *benches = g_new(Bench, nr);
    int64_t start_ns, end_ns;
    double start_cpu_us;

    for (i = 0; i < nr; i++) {
        if (options->threads) {
            bench_init_thread(&benches[i], blk, options, kind, i, nr);
        } else {
            bench_init(&benches[i], blk, options, kind);
        }
    }
    if (options->profile) {
        qsp_enable();
    }
    start_cpu_us = cpu_us();
    start_ns = get_clock();
    benches_run(benches, nr);
    end_ns = get_clock();
    print_requests(benches, nr, (end_ns - start_ns) / 1e9,
                   cpu_us() - start_cpu_us);
    if (options->profile) {
        qsp_report(PROFILE_LINES, QSP_SORT_BY_TOTAL_WAIT_TIME, true);
    }
    for (i = 0; i < nr; i++) {
        bench_cleanup(&benches[i]);
    }
}

/* Zone management */

static void action_done(void *opaque, int ret)
{
    *(int *)opaque = ret;
}

/* Returns how long it took */
static double manage_us(BlockBackend *blk, BlockZoneOp op, uint64_t offset)
{
    ZoneAction action = { .op = op, .offset_bytes = offset };
    int64_t start_ns = get_clock();
    int ret = 1;

    blk_aio_zone_action(blk, &action, action_done, &ret);
    while (ret > 0) {
        main_loop_wait(false);
    }
    if (ret < 0) {
        fail("zone management", ret);
    }
    return (get_clock() - start_ns) / 1e3;
}

static int compare_doubles(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return x < y ? -1 : x > y;
}

static void flush(BlockBackend *blk)
{
    int ret = blk_flush(blk);

    if (ret < 0) {
        fail("flush", ret);
    }
}

/* Gives each of the zones its first bytes, or all */
static void prepare_zones(BlockBackend *blk, const BenchOptions *options,
                          bool full)
{
    BenchOptions fill = *options;
    Bench bench;

    fill.flush = false;
    fill.depth = full ? FILL_DEPTH : 1;
    if (full) {
        fill.bytes = MIN(FILL_BYTES, blk_get_zone_capacity(blk));
        fill.streams = 1;
        fill.total_bytes = options->zones * blk_get_zone_capacity(blk);
    } else {
        fill.streams = options->zones;
        fill.total_bytes = options->zones * options->bytes;
    }
    bench_init(&bench, blk, &fill, BENCH_WRITE);
    benches_run(&bench, 1);
    bench_cleanup(&bench);
    flush(blk);
}

static void test_management(BlockBackend *blk, const BenchOptions *options,
                            BlockZoneOp op)
{
    g_autofree double *us = g_new(double, options->zones);
    uint64_t zone_bytes = blk_get_zone_size(blk);
    Latencies latencies = {};
    unsigned i;

    if (!zone_bytes) {
        fail("the image has no zones", -ENOTSUP);
    }
    prepare_zones(blk, options, op == BLK_ZO_RESET);
    for (i = 0; i < options->zones; i++) {
        if (op == BLK_ZO_CLOSE) {
            manage_us(blk, BLK_ZO_OPEN, i * zone_bytes);
        }
        us[i] = manage_us(blk, op, i * zone_bytes);
        latencies_add(&latencies, us[i] * 1e3);
    }
    qsort(us, options->zones, sizeof(us[0]), compare_doubles);
    print_value("us", us[options->zones / 2]);
    print_value("max_us", us[options->zones - 1]);
    latencies_print(&latencies);
}

/* Open */

static QemuOptsList image_opts = {
    .name = "image",
    .head = QTAILQ_HEAD_INITIALIZER(image_opts.head),
    .desc = { { } },
};

static BlockBackend *open_image(const BenchOptions *options)
{
    QemuOpts *opts = qemu_opts_parse(&image_opts, options->image, false,
                                     &error_fatal);
    BlockBackend *blk;
    QDict *dict;

    dict = qemu_opts_to_qdict(opts, NULL);
    blk = blk_new_open(NULL, NULL, dict, BDRV_O_RDWR, &error_fatal);
    qemu_opts_del(opts);
    blk_set_enable_write_cache(blk, true);
    return blk;
}

static double report_ms(BlockBackend *blk, unsigned piece_zones)
{
    g_autofree BlockZoneDescriptor *zones = g_new(BlockZoneDescriptor,
                                                  piece_zones);
    uint64_t zone_bytes = blk_get_zone_size(blk);
    uint32_t nr_zones = blk_get_nr_zones(blk);
    int64_t start_ns = get_clock();
    uint32_t zone_idx;
    unsigned nr;
    int ret;

    for (zone_idx = 0; zone_idx < nr_zones; zone_idx += nr) {
        nr = piece_zones;
        ret = 1;
        blk_aio_zone_report(blk, zone_idx * zone_bytes, &nr, zones,
                            action_done, &ret);
        while (ret > 0) {
            main_loop_wait(false);
        }
        if (ret < 0 || !nr) {
            fail("zone report", ret ?: -EIO);
        }
    }
    return (get_clock() - start_ns) / 1e6;
}

static void test_load(const BenchOptions *options)
{
    double rss_kib = status_kib("RssAnon");
    int64_t start_ns = get_clock();
    BlockBackend *blk = open_image(options);

    print_value("ms", (get_clock() - start_ns) / 1e6);
    print_value("rss_kib", status_kib("RssAnon") - rss_kib);
    if (blk_get_zone_geometry(blk)) {
        print_value("report_ms", report_ms(blk, options->piece_zones));
    }
    blk_unref(blk);
}

/* Command line */

typedef struct BenchTest {
    const char *name;
    void (*requests)(BlockBackend *blk, const BenchOptions *options,
                     BenchKind kind);
    BenchKind kind;
    BlockZoneOp op;
} BenchTest;

static const BenchTest tests[] = {
    { "write", test_requests, .kind = BENCH_WRITE },
    { "append", test_requests, .kind = BENCH_APPEND },
    { "read", test_requests, .kind = BENCH_READ },
    { "randread", test_requests, .kind = BENCH_RANDREAD },
    { "reset", .op = BLK_ZO_RESET },
    { "finish", .op = BLK_ZO_FINISH },
    { "open", .op = BLK_ZO_OPEN },
    { "close", .op = BLK_ZO_CLOSE },
};

static bool run_test(const char *name, const BenchOptions *options)
{
    BlockBackend *blk;
    size_t i;

    if (!strcmp(name, "load")) {
        test_load(options);
        return true;
    }
    for (i = 0; i < ARRAY_SIZE(tests) && strcmp(name, tests[i].name); i++) {
        continue;
    }
    if (i == ARRAY_SIZE(tests)) {
        return false;
    }
    blk = open_image(options);
    if (tests[i].requests) {
        tests[i].requests(blk, options, tests[i].kind);
    } else {
        test_management(blk, options, tests[i].op);
    }
    blk_unref(blk);
    return true;
}

/* A number of bytes with a suffix (4k), or a plain number */
static void parse_option(BenchOptions *options, const char *name,
                         const char *value)
{
    uint64_t number = 0;

    if (!strcmp(name, "image")) {
        options->image = g_strdup(value);
        return;
    }
    if (qemu_strtosz(value, NULL, &number) < 0) {
        error_report("--%s: '%s' is no number", name, value);
        exit(2);
    }
    if (!strcmp(name, "bytes")) {
        options->bytes = number;
    } else if (!strcmp(name, "total")) {
        options->total_bytes = number;
    } else if (!strcmp(name, "stretch")) {
        options->stretch_bytes = number;
    } else if (!strcmp(name, "depth")) {
        options->depth = number;
    } else if (!strcmp(name, "streams")) {
        options->streams = number;
    } else if (!strcmp(name, "zones")) {
        options->zones = number;
    } else if (!strcmp(name, "piece")) {
        options->piece_zones = number;
    } else if (!strcmp(name, "threads")) {
        options->threads = number;
    } else if (!strcmp(name, "profile")) {
        options->profile = number;
    } else if (!strcmp(name, "flush")) {
        options->flush = number;
    } else {
        error_report("unknown option --%s", name);
        exit(2);
    }
}

static void parse_options(BenchOptions *options, int argc, char **argv)
{
    int i;

    for (i = 2; i < argc; i++) {
        g_auto(GStrv) parts = g_strsplit(argv[i], "=", 2);

        if (!g_str_has_prefix(argv[i], "--") || !parts[1]) {
            error_report("'%s' is not of the form --NAME=VALUE", argv[i]);
            exit(2);
        }
        parse_option(options, parts[0] + 2, parts[1]);
    }
    if (!options->image || !options->bytes || !options->depth ||
        !options->streams || !options->zones || !options->piece_zones) {
        error_report("--image is missing, or an option is 0");
        exit(2);
    }
}

int main(int argc, char **argv)
{
    BenchOptions options = {
        .bytes = 64 * KiB,
        .total_bytes = 64 * MiB,
        .stretch_bytes = 64 * MiB,
        .depth = 1,
        .streams = 1,
        .zones = 1,
        .piece_zones = 1024,
    };

    error_init(argv[0]);
    if (argc < 2) {
        error_report("a test is missing");
        return 2;
    }
    parse_options(&options, argc, argv);
    qemu_init_main_loop(&error_fatal);
    qcrypto_init(&error_fatal);
    module_call_init(MODULE_INIT_QOM);
    bdrv_init();
    if (!run_test(argv[1], &options)) {
        error_report("unknown test '%s'", argv[1]);
        return 2;
    }
    g_free(options.image);
    return 0;
}
