/*
 * qtest of zoned virtio-blk: writes that fail while others are in flight
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What it shows: when the disk is full, the machine stops, and "cont" carries
 * out every write that was in flight, in its place, or stops again.  With
 * werror=report the guest makes the failed write again.  A refusal stops no
 * machine, but waits for a write before it that does.
 *
 * How: blkdebug fails the first writes of data to the image file with ENOSPC.
 * Each write has clusters of its own, so that all are in flight at once.
 */

#include "qemu/osdep.h"
#include "qemu/units.h"
#include "qobject/qdict.h"
#include "virtio-blk-zns-drive.h"

#define NR_WRITES       3
#define WRITE_SECTORS   128

/*
 * The nth write of data; not of what maps or zeroes clusters ahead.  A write
 * that fails has zeros written in its place, which take a fault, too.
 */
#define FAIL(n) \
    ",file.inject-error." #n ".event=write_aio" \
    ",file.inject-error." #n ".iotype=write" \
    ",file.inject-error." #n ".once=on" \
    ",file.inject-error." #n ".errno=28"

#define SPEC_FAILING(faults, device, drive) { \
        .zone_bytes = 1 * MiB, \
        .capacity_bytes = 1 * MiB, \
        .nr_zones = 4, \
        .drive_options = ",zone-premap-size=0,zone-prezero-size=0" \
                         ",file.driver=blkdebug" faults drive, \
        .device_options = device, \
    }

static const VzSpec spec_stop_one =
    SPEC_FAILING(FAIL(0), ",werror=stop", "");
static const VzSpec spec_enospc_one =
    SPEC_FAILING(FAIL(0), ",werror=enospc", "");
static const VzSpec spec_stop_all =
    SPEC_FAILING(FAIL(0) FAIL(1) FAIL(2), ",werror=stop", "");
static const VzSpec spec_stop_all_iothread =
    SPEC_FAILING(FAIL(0) FAIL(1) FAIL(2), ",werror=stop,iothread=t0",
                 " -object iothread,id=t0");
static const VzSpec spec_stop_again =
    SPEC_FAILING(FAIL(0) FAIL(1) FAIL(2) FAIL(3) FAIL(4) FAIL(5)
                 FAIL(6) FAIL(7) FAIL(8), ",werror=stop", "");
static const VzSpec spec_report_one =
    SPEC_FAILING(FAIL(0), ",werror=report", "");
static const VzSpec spec_report_all =
    SPEC_FAILING(FAIL(0) FAIL(1) FAIL(2), ",werror=report", "");

static VzReq nth_write(unsigned n)
{
    return vz_write_req(n * WRITE_SECTORS, WRITE_SECTORS, n + 1);
}

static void submit_writes(VzDrive *drive, VzReq *writes)
{
    unsigned i;

    for (i = 0; i < NR_WRITES; i++) {
        writes[i] = nth_write(i);
    }
    vz_submit(drive, writes, NR_WRITES);
}

static uint8_t status_now(VzDrive *drive, const VzReq *req)
{
    return qtest_readb(drive->qts, req->status_addr);
}

static void wait_for_stop(VzDrive *drive)
{
    qtest_qmp_eventwait(drive->qts, "STOP");
}

static void go_on(VzDrive *drive)
{
    qtest_qmp_assert_success(drive->qts, "{ 'execute': 'cont' }");
}

static bool is_running(VzDrive *drive)
{
    QDict *answer = qtest_qmp(drive->qts, "{ 'execute': 'query-status' }");
    bool running = qdict_get_bool(qdict_get_qdict(answer, "return"), "running");

    qobject_unref(answer);
    return running;
}

static void check_data(VzDrive *drive, unsigned nr)
{
    unsigned i;

    vz_assert_zone(drive, 0, IOPEN, nr * WRITE_SECTORS);
    for (i = 0; i < nr; i++) {
        g_assert_true(vz_holds(drive, i * WRITE_SECTORS, WRITE_SECTORS, i + 1));
    }
}

/* Everything that was in flight ends well, and outlives QEMU */
static void check_all_written(VzDrive *drive, VzReq *writes)
{
    unsigned i;

    vz_wait(drive, writes, NR_WRITES);
    for (i = 0; i < NR_WRITES; i++) {
        vz_assert_ok(writes[i].status);
    }
    g_assert_true(is_running(drive));
    g_assert_cmpint(vz_stat(drive, "invalid_wr_operations"), ==, 0);
    check_data(drive, NR_WRITES);
    vz_assert_ok(vz_flush(drive));
}

/* Those behind it succeed meanwhile */
static void stop_and_write_one_again(VzDrive *drive)
{
    VzReq writes[NR_WRITES];

    submit_writes(drive, writes);
    wait_for_stop(drive);
    g_assert_cmpuint(status_now(drive, &writes[0]), ==, VZ_PENDING);
    go_on(drive);
    check_all_written(drive, writes);
}

static void stop_and_write_all_again(VzDrive *drive)
{
    VzReq writes[NR_WRITES];
    unsigned i;

    submit_writes(drive, writes);
    wait_for_stop(drive);
    for (i = 0; i < NR_WRITES; i++) {
        g_assert_cmpuint(status_now(drive, &writes[i]), ==, VZ_PENDING);
    }
    go_on(drive);
    check_all_written(drive, writes);
}

static void stop_while_still_full(VzDrive *drive)
{
    VzReq writes[NR_WRITES];
    unsigned i, nr_pending = 0;

    submit_writes(drive, writes);
    wait_for_stop(drive);
    go_on(drive);
    wait_for_stop(drive);
    /* not all: zeros and metadata may have taken some of the faults */
    for (i = 0; i < NR_WRITES; i++) {
        nr_pending += status_now(drive, &writes[i]) == VZ_PENDING;
    }
    g_assert_cmpuint(nr_pending, >, 0);
    go_on(drive);
    check_all_written(drive, writes);
}

/*
 * The first write waits for "cont" and has given its place back.  One behind it
 * is not wrong for that; one that is wrong is refused in its turn.
 */
static void stop_and_send_more(VzDrive *drive)
{
    VzReq writes[NR_WRITES] = {
        nth_write(0),
        nth_write(1),
        vz_write_req(7 * WRITE_SECTORS, WRITE_SECTORS, 7),
    };

    vz_submit(drive, writes, 1);
    wait_for_stop(drive);
    vz_submit_more(drive, writes + 1, 2);
    g_assert_cmpuint(status_now(drive, &writes[1]), ==, VZ_PENDING);
    g_assert_cmpuint(status_now(drive, &writes[2]), ==, VZ_PENDING);
    go_on(drive);
    vz_wait(drive, writes, NR_WRITES);
    vz_assert_ok(writes[0].status);
    vz_assert_ok(writes[1].status);
    vz_assert_status(writes[2].status, ZONE_UNALIGNED_WP);
    g_assert_true(is_running(drive));
    check_data(drive, 2);
}

static void report_and_write_one_again(VzDrive *drive)
{
    VzReq writes[NR_WRITES];

    submit_writes(drive, writes);
    vz_wait(drive, writes, NR_WRITES);
    g_assert_true(is_running(drive));
    vz_assert_status(writes[0].status, IOERR);
    vz_assert_ok(writes[1].status);
    vz_assert_ok(writes[2].status);
    vz_assert_ok(vz_write(drive, 0, WRITE_SECTORS, 1));
    check_data(drive, NR_WRITES);
}

static void report_and_write_all_again(VzDrive *drive)
{
    VzReq writes[NR_WRITES];
    unsigned i;

    submit_writes(drive, writes);
    vz_wait(drive, writes, NR_WRITES);
    g_assert_true(is_running(drive));
    for (i = 0; i < NR_WRITES; i++) {
        vz_assert_status(writes[i].status, IOERR);
    }
    g_assert_cmpint(vz_stat(drive, "failed_wr_operations"), ==, NR_WRITES);
    submit_writes(drive, writes);
    check_all_written(drive, writes);
}

const VzTest vz_stop_tests[] = {
    { "stop/one-write-again", stop_and_write_one_again, &spec_stop_one },
    { "stop/one-write-again-enospc", stop_and_write_one_again,
      &spec_enospc_one },
    { "stop/all-writes-again", stop_and_write_all_again, &spec_stop_all },
    { "stop/all-writes-again-in-an-iothread", stop_and_write_all_again,
      &spec_stop_all_iothread },
    { "stop/while-still-full", stop_while_still_full, &spec_stop_again },
    { "stop/and-send-more", stop_and_send_more, &spec_stop_one },
    { "error/one-write-again", report_and_write_one_again, &spec_report_one },
    { "error/all-writes-again", report_and_write_all_again, &spec_report_all },
    { }
};
