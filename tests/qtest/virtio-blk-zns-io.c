/*
 * qtest of zoned virtio-blk: reads, writes, requests of one kick, errors
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/bswap.h"
#include "qemu/units.h"
#include "qobject/qdict.h"
#include "block/zone.h"
#include "virtio-blk-zns-drive.h"

/* Reads and writes */

static void io_write_at_wp(VzDrive *drive)
{
    uint64_t start = vz_start(drive, 2);

    vz_assert_ok(vz_write(drive, start, 8, 1));
    vz_assert_zone(drive, 2, IOPEN, 8);
    vz_assert_ok(vz_write(drive, start + 8, 1, 2));
    vz_assert_ok(vz_flush(drive));
    vz_assert_zone(drive, 2, IOPEN, 9);
    g_assert_true(vz_holds(drive, start, 8, 1));
    g_assert_true(vz_holds(drive, start + 8, 1, 2));
    g_assert_true(vz_reads_zeros(drive, start + 9, 100));
}

static void io_write_not_at_wp(VzDrive *drive)
{
    uint64_t start = vz_start(drive, 2);

    vz_assert_status(vz_write(drive, start + 8, 8, 1), ZONE_UNALIGNED_WP);
    vz_assert_zone(drive, 2, EMPTY, 0);
    vz_assert_ok(vz_write(drive, start, 8, 1));
    vz_assert_status(vz_write(drive, start, 8, 2), ZONE_UNALIGNED_WP);
    g_assert_true(vz_holds(drive, start, 8, 1));
}

static void io_write_beyond_capacity(VzDrive *drive)
{
    uint64_t start = vz_start(drive, 2);
    uint64_t capacity = drive->capacity_sectors;

    vz_assert_ok(vz_write(drive, start, capacity - 8, 1));
    vz_assert_status(vz_write(drive, start + capacity - 8, 16, 2),
                     ZONE_INVALID_CMD);
    vz_assert_zone(drive, 2, IOPEN, capacity - 8);
    vz_assert_ok(vz_write(drive, start + capacity - 8, 8, 2));
    vz_assert_state(drive, 2, FULL);
}

static void io_write_to_full(VzDrive *drive)
{
    uint64_t start = vz_start(drive, 2);

    vz_assert_ok(vz_manage(drive, VIRTIO_BLK_T_ZONE_FINISH, start));
    vz_assert_status(vz_write(drive, start, 8, 1), ZONE_INVALID_CMD);
    vz_assert_status(vz_write_zeroes(drive, start, 8), ZONE_INVALID_CMD);
    g_assert_true(vz_reads_zeros(drive, start, 8));
}

static void io_write_across_zones(VzDrive *drive)
{
    uint64_t boundary = vz_start(drive, 2);

    /* from a conventional zone into a sequential one, and into the other */
    vz_assert_status(vz_write(drive, boundary - 8, 16, 1), ZONE_INVALID_CMD);
    g_assert_true(vz_reads_zeros(drive, boundary - 8, 16));
    vz_assert_ok(vz_write(drive, vz_start(drive, 1) - 8, 16, 1));
    g_assert_true(vz_holds(drive, vz_start(drive, 1) - 8, 16, 1));
}

static void io_read_across_zones(VzDrive *drive)
{
    uint64_t boundary = vz_start(drive, 3);

    vz_assert_ok(vz_write(drive, boundary, 8, 1));
    g_assert_true(vz_reads_zeros(drive, boundary - 8, 8));
    vz_assert_ok(vz_read(drive, boundary - 2000, 4000));
    g_assert_true(vz_holds(drive, boundary, 8, 1));
}

static void io_broken_zones(VzDrive *drive)
{
    vz_assert_ok(vz_write(drive, vz_start(drive, 7), 8, 1));
    vz_quit(drive);
    vz_store_state(drive, 7, ZONE_STATE_READ_ONLY);
    vz_store_state(drive, 8, ZONE_STATE_OFFLINE);
    vz_boot(drive);
    g_assert_true(vz_holds(drive, vz_start(drive, 7), 8, 1));
    vz_assert_status(vz_write(drive, vz_start(drive, 7) + 8, 8, 1),
                     ZONE_INVALID_CMD);
    vz_assert_status(vz_read(drive, vz_start(drive, 8), 8), ZONE_INVALID_CMD);
    vz_assert_status(vz_read(drive, vz_start(drive, 8) - 8, 16),
                     ZONE_INVALID_CMD);
    vz_assert_status(vz_write(drive, vz_start(drive, 8), 8, 1),
                     ZONE_INVALID_CMD);
}

static void io_conventional(VzDrive *drive)
{
    vz_assert_ok(vz_write(drive, 800, 8, 1));
    vz_assert_ok(vz_write(drive, 80, 8, 2));
    vz_assert_ok(vz_write(drive, 800, 8, 3));
    vz_assert_ok(vz_write_zeroes(drive, 80, 8));
    g_assert_true(vz_holds(drive, 800, 8, 3));
    g_assert_true(vz_reads_zeros(drive, 80, 8));
}

static void io_write_zeroes(VzDrive *drive)
{
    uint64_t start = vz_start(drive, 2);

    vz_assert_ok(vz_write(drive, start, 8, 1));
    vz_assert_status(vz_write_zeroes(drive, start, 8), ZONE_UNALIGNED_WP);
    g_assert_true(vz_holds(drive, start, 8, 1));
    vz_assert_ok(vz_write_zeroes(drive, start + 8, 800));
    vz_assert_zone(drive, 2, IOPEN, 808);
    vz_assert_status(vz_write_zeroes(drive, start + 808, 800),
                     ZONE_INVALID_CMD);
}

/* Secure Erase differs from Zone Append by one bit: no data may be appended */
static void io_erasing_is_unsupported(VzDrive *drive)
{
    struct virtio_blk_discard_write_zeroes range = {
        .sector = cpu_to_le64(vz_start(drive, 2)),
        .num_sectors = cpu_to_le32(8),
    };
    VzReq req = {
        .type = VIRTIO_BLK_T_DISCARD,
        .out_data = &range,
        .out_bytes = sizeof(range),
    };

    vz_assert_ok(vz_write(drive, vz_start(drive, 2), 8, 1));
    vz_run(drive, &req, 1);
    vz_assert_status(req.status, UNSUPP);
    g_assert_true(vz_holds(drive, vz_start(drive, 2), 8, 1));

    req = vz_write_req(vz_start(drive, 2), 8, 2);
    req.type = VIRTIO_BLK_T_SECURE_ERASE;
    req.in_bytes = sizeof(uint64_t);
    vz_run(drive, &req, 1);
    vz_assert_status(req.status, UNSUPP);
    vz_assert_zone(drive, 2, IOPEN, 8);
}

const VzTest vz_io_tests[] = {
    { "io/write-at-wp", io_write_at_wp },
    { "io/write-not-at-wp", io_write_not_at_wp },
    { "io/write-beyond-capacity", io_write_beyond_capacity },
    { "io/write-to-full", io_write_to_full },
    { "io/write-across-zones", io_write_across_zones },
    { "io/read-across-zones", io_read_across_zones },
    { "io/broken-zones", io_broken_zones },
    { "io/conventional", io_conventional },
    { "io/write-zeroes", io_write_zeroes },
    { "io/erasing-is-unsupported", io_erasing_is_unsupported },
    { }
};

/* Requests of one kick: each goes to the zones by itself, in their order */

static void batch_in_order(VzDrive *drive)
{
    uint64_t start = vz_start(drive, 2);
    VzReq writes[] = {
        vz_write_req(start + 16, 8, 4),
        vz_write_req(start, 8, 1),
        vz_write_req(start + 8, 8, 2),
        vz_write_req(start + 16, 8, 3),
    };
    VzReq reads[] = {
        vz_read_req(start, 8),
        vz_read_req(start + 8, 8),
    };

    vz_run(drive, writes, 4);
    vz_assert_status(writes[0].status, ZONE_UNALIGNED_WP);
    vz_assert_ok(writes[1].status);
    vz_assert_ok(writes[2].status);
    vz_assert_ok(writes[3].status);
    vz_run(drive, reads, 2);
    vz_assert_ok(reads[0].status);
    vz_assert_ok(reads[1].status);
    g_assert_cmpint(vz_stat(drive, "wr_merged"), ==, 0);
    g_assert_cmpint(vz_stat(drive, "rd_merged"), ==, 0);
    g_assert_true(vz_holds(drive, start, 8, 1));
    g_assert_true(vz_holds(drive, start + 8, 8, 2));
    g_assert_true(vz_holds(drive, start + 16, 8, 3));
}

static const VzSpec spec_no_gap = {
    .zone_bytes = 1 * MiB,
    .capacity_bytes = 1 * MiB,
    .nr_zones = 8,
    .nr_conventional = 2,
};

static void batch_across_zones(VzDrive *drive)
{
    uint64_t boundary = vz_start(drive, 3);
    VzReq writes[] = {
        vz_write_req(boundary - 16, 8, 1),
        vz_write_req(boundary - 8, 8, 2),
        vz_write_req(boundary, 8, 3),
        vz_write_req(boundary + 8, 8, 4),
        /* conventional */
        vz_write_req(vz_start(drive, 1) - 8, 8, 5),
        vz_write_req(vz_start(drive, 1), 8, 6),
    };
    VzReq reads[] = {
        vz_read_req(boundary - 8, 8),
        vz_read_req(boundary, 8),
    };
    unsigned i;

    vz_assert_ok(vz_write(drive, boundary - drive->zone_sectors,
                          drive->zone_sectors - 16, 7));
    vz_run(drive, writes, ARRAY_SIZE(writes));
    for (i = 0; i < ARRAY_SIZE(writes); i++) {
        vz_assert_ok(writes[i].status);
    }
    vz_run(drive, reads, 2);
    vz_assert_ok(reads[0].status);
    vz_assert_ok(reads[1].status);
    g_assert_cmpint(vz_stat(drive, "invalid_wr_operations"), ==, 0);
    vz_assert_state(drive, 2, FULL);
    vz_assert_zone(drive, 3, IOPEN, 16);
    for (i = 0; i < ARRAY_SIZE(writes); i++) {
        g_assert_true(vz_holds(drive, writes[i].sector, 8, writes[i].seed));
    }
}

/* The request at the end is the one that crosses */
static void batch_with_a_crossing_request(VzDrive *drive)
{
    uint64_t boundary = vz_start(drive, 2);     /* the first sequential zone */
    VzReq writes[] = {
        vz_write_req(boundary - 16, 8, 1),
        vz_write_req(boundary - 8, 16, 2),
    };

    vz_run(drive, writes, 2);
    vz_assert_ok(writes[0].status);
    vz_assert_status(writes[1].status, ZONE_INVALID_CMD);
    g_assert_true(vz_holds(drive, boundary - 16, 8, 1));
}

static void batch_last_is_beyond_capacity(VzDrive *drive)
{
    uint64_t wp = vz_start(drive, 2) + drive->capacity_sectors - 16;
    VzReq writes[] = {
        vz_write_req(wp, 8, 1),
        vz_write_req(wp + 8, 8, 2),
        vz_write_req(wp + 16, 8, 3),
    };

    vz_assert_ok(vz_write(drive, vz_start(drive, 2),
                          drive->capacity_sectors - 16, 7));
    vz_run(drive, writes, 3);
    g_assert_cmpint(vz_stat(drive, "wr_merged"), ==, 0);
    vz_assert_ok(writes[0].status);
    vz_assert_ok(writes[1].status);
    vz_assert_status(writes[2].status, ZONE_INVALID_CMD);
    vz_assert_state(drive, 2, FULL);
    g_assert_true(vz_holds(drive, wp, 8, 1));
    g_assert_true(vz_holds(drive, wp + 8, 8, 2));
    g_assert_cmpint(vz_stat(drive, "invalid_wr_operations"), ==, 1);
    g_assert_cmpint(vz_stat(drive, "failed_wr_operations"), ==, 0);
}

static void batch_first_is_behind_wp(VzDrive *drive)
{
    uint64_t start = vz_start(drive, 2);
    VzReq writes[] = {
        vz_write_req(start, 8, 2),
        vz_write_req(start + 8, 8, 3),
    };

    vz_assert_ok(vz_write(drive, start, 8, 1));
    vz_run(drive, writes, 2);
    vz_assert_status(writes[0].status, ZONE_UNALIGNED_WP);
    vz_assert_ok(writes[1].status);
    vz_assert_zone(drive, 2, IOPEN, 16);
    g_assert_true(vz_holds(drive, start, 8, 1));
    g_assert_true(vz_holds(drive, start + 8, 8, 3));
}

static void batch_reads_of_an_offline_zone(VzDrive *drive)
{
    VzReq reads[] = {
        vz_read_req(vz_start(drive, 8), 8),
        vz_read_req(vz_start(drive, 8) + 8, 8),
        vz_read_req(vz_start(drive, 9), 8),
    };

    vz_quit(drive);
    vz_store_state(drive, 8, ZONE_STATE_OFFLINE);
    vz_boot(drive);
    vz_run(drive, reads, 3);
    vz_assert_status(reads[0].status, ZONE_INVALID_CMD);
    vz_assert_status(reads[1].status, ZONE_INVALID_CMD);
    vz_assert_ok(reads[2].status);
    g_assert_cmpint(vz_stat(drive, "invalid_rd_operations"), ==, 2);
}

static const VzSpec spec_iothread = {
    .zone_bytes = 1 * MiB,
    .capacity_bytes = 768 * KiB,
    .nr_zones = 16,
    .nr_conventional = 2,
    .drive_options = " -object iothread,id=t0",
    .device_options = ",iothread=t0",
};

/* The clock stands still: the first request goes ahead, others wait */
static const VzSpec spec_throttled = {
    .zone_bytes = 1 * MiB,
    .capacity_bytes = 768 * KiB,
    .nr_zones = 4,
    .drive_options = ",throttling.iops-total=1",
};

/*
 * The drain of a reset lets requests go on.  One is refused while it waits for
 * them: that must not hold it back.
 */
static void batch_refused_during_a_reset(VzDrive *drive)
{
    uint64_t wp = drive->capacity_sectors - 16;
    VzReq writes[] = {
        vz_write_req(wp, 8, 1),
        vz_write_req(wp + 8, 8, 2),
        vz_write_req(wp + 16, 8, 3),
    };

    vz_assert_ok(vz_write(drive, 0, wp, 7));
    vz_submit(drive, writes, 3);
    g_assert_cmpint(vz_stat(drive, "wr_operations"), ==, 1);
    qvirtio_reset(drive->vdev);
    g_assert_cmpint(vz_stat(drive, "wr_operations"), ==, 3);
    g_assert_cmpint(vz_stat(drive, "invalid_wr_operations"), ==, 1);
    vz_reset(drive);
    vz_assert_state(drive, 0, FULL);
}

const VzTest vz_batch_tests[] = {
    { "batch/nothing-is-merged", batch_in_order },
    { "batch/across-zones", batch_across_zones, &spec_no_gap },
    { "batch/with-a-crossing-request", batch_with_a_crossing_request },
    { "batch/last-is-beyond-capacity", batch_last_is_beyond_capacity },
    { "batch/first-is-behind-wp", batch_first_is_behind_wp },
    { "batch/reads-of-an-offline-zone", batch_reads_of_an_offline_zone },
    { "batch/refused-during-a-reset", batch_refused_during_a_reset,
      &spec_throttled },
    { "batch/in-an-iothread", batch_last_is_beyond_capacity, &spec_iothread },
    { }
};

/* Refusals and errors of the host */

static const VzSpec spec_stop = {
    .zone_bytes = 1 * MiB,
    .capacity_bytes = 1 * MiB,
    .nr_zones = 4,
    .max_active_zones = 1,
    .device_options = ",werror=stop,rerror=stop",
};

static const VzSpec spec_ignore = {
    .zone_bytes = 1 * MiB,
    .capacity_bytes = 1 * MiB,
    .nr_zones = 4,
    .max_active_zones = 1,
    .device_options = ",werror=ignore,rerror=ignore",
};

static bool is_running(VzDrive *drive)
{
    QDict *answer = qtest_qmp(drive->qts, "{ 'execute': 'query-status' }");
    bool running = qdict_get_bool(qdict_get_qdict(answer, "return"), "running");

    qobject_unref(answer);
    return running;
}

/* The guest has made these mistakes: no policy for the host's errors applies */
static void error_policy_is_not_for_refusals(VzDrive *drive)
{
    uint64_t placed;

    vz_quit(drive);
    vz_store_state(drive, 3, ZONE_STATE_OFFLINE);
    vz_boot(drive);
    vz_assert_status(vz_read(drive, vz_start(drive, 3), 8), ZONE_INVALID_CMD);
    vz_assert_status(vz_write(drive, 8, 8, 1), ZONE_UNALIGNED_WP);
    vz_assert_status(vz_write_zeroes(drive, 8, 8), ZONE_UNALIGNED_WP);
    vz_assert_status(vz_append(drive, vz_start(drive, 3), 8, 1, &placed),
                     ZONE_INVALID_CMD);
    vz_assert_status(vz_manage(drive, VIRTIO_BLK_T_ZONE_CLOSE, 0),
                     ZONE_INVALID_CMD);
    vz_assert_ok(vz_write(drive, 0, 8, 1));
    vz_assert_status(vz_write(drive, vz_start(drive, 1), 8, 1),
                     ZONE_ACTIVE_RESOURCE);
    g_assert_true(is_running(drive));
    g_assert_null(qtest_qmp_event_ref(drive->qts, "BLOCK_IO_ERROR"));
    g_assert_cmpint(vz_stat(drive, "invalid_rd_operations"), ==, 1);
    g_assert_cmpint(vz_stat(drive, "invalid_wr_operations"), ==, 3);
    g_assert_cmpint(vz_stat(drive, "failed_rd_operations"), ==, 0);
    g_assert_cmpint(vz_stat(drive, "failed_wr_operations"), ==, 0);
}

/*
 * The first write to the image file after the image was opened fails.  It must
 * not be one of those that map clusters ahead: their errors do no harm.
 */
#define FAILING_WRITE \
    ",zone-premap-size=0" \
    ",file.driver=blkdebug,file.inject-error.0.event=pwritev" \
    ",file.inject-error.0.iotype=write,file.inject-error.0.once=on" \
    ",file.inject-error.0.errno=28"

static const VzSpec spec_failing = {
    .zone_bytes = 1 * MiB,
    .capacity_bytes = 1 * MiB,
    .nr_zones = 4,
    .drive_options = FAILING_WRITE,
    .device_options = ",werror=report",
};

static void error_of_a_write(VzDrive *drive)
{
    vz_assert_status(vz_write(drive, 0, 8, 1), IOERR);
    vz_assert_ok(vz_write(drive, 0, 8, 1));
    g_assert_cmpint(vz_stat(drive, "failed_wr_operations"), ==, 1);
    g_assert_cmpint(vz_stat(drive, "invalid_wr_operations"), ==, 0);
}

static void error_of_an_append(VzDrive *drive)
{
    uint64_t placed;

    vz_assert_status(vz_append(drive, 0, 8, 1, &placed), IOERR);
    vz_assert_ok(vz_append(drive, 0, 8, 1, &placed));
    g_assert_cmpuint(placed, ==, 0);
    g_assert_cmpint(vz_stat(drive, "invalid_zone_append_operations"), ==, 0);
}

static void error_of_management(VzDrive *drive)
{
    vz_assert_status(vz_manage(drive, VIRTIO_BLK_T_ZONE_FINISH, 0), IOERR);
    vz_assert_state(drive, 0, EMPTY);
    vz_assert_ok(vz_manage(drive, VIRTIO_BLK_T_ZONE_FINISH, 0));
}

static const VzSpec spec_stopping = {
    .zone_bytes = 1 * MiB,
    .capacity_bytes = 1 * MiB,
    .nr_zones = 4,
    .drive_options = FAILING_WRITE,
    .device_options = ",werror=stop",
};

/* The append waits for the administrator and is carried out after all */
static void error_stops_and_append_goes_on(VzDrive *drive)
{
    VzReq req = vz_write_req(0, 8, 1);

    req.type = VIRTIO_BLK_T_ZONE_APPEND;
    req.in_bytes = sizeof(uint64_t);
    vz_submit(drive, &req, 1);
    qtest_qmp_eventwait(drive->qts, "STOP");
    g_assert_cmpuint(qtest_readb(drive->qts, req.status_addr), ==, VZ_PENDING);
    qtest_qmp_assert_success(drive->qts, "{ 'execute': 'cont' }");
    vz_wait(drive, &req, 1);
    vz_assert_ok(req.status);
    g_assert_true(vz_holds(drive, 0, 8, 1));
}

/* The monitor takes the drive out of the device, which stays */
static void error_without_a_drive(VzDrive *drive)
{
    g_autofree char *reply = qtest_hmp(drive->qts, "drive_del zns0");
    struct virtio_blk_zone_descriptor zone;
    uint64_t nr_zones, placed;

    g_assert_cmpstr(reply, ==, "");
    vz_assert_status(vz_append(drive, 0, 8, 1, &placed), IOERR);
    vz_assert_status(vz_manage(drive, VIRTIO_BLK_T_ZONE_OPEN, 0), IOERR);
    vz_assert_status(vz_manage(drive, VIRTIO_BLK_T_ZONE_RESET_ALL, 0), IOERR);
    vz_assert_status(vz_report(drive, 0, 1, &zone, &nr_zones), IOERR);
    vz_assert_status(vz_write(drive, 0, 8, 1), IOERR);
}

const VzTest vz_error_tests[] = {
    { "error/refusals-do-not-stop", error_policy_is_not_for_refusals,
      &spec_stop },
    { "error/refusals-are-not-ignored", error_policy_is_not_for_refusals,
      &spec_ignore },
    { "error/of-a-write", error_of_a_write, &spec_failing },
    { "error/of-an-append", error_of_an_append, &spec_failing },
    { "error/of-management", error_of_management, &spec_failing },
    { "error/without-a-drive", error_without_a_drive },
    { "error/stops-and-append-goes-on", error_stops_and_append_goes_on,
      &spec_stopping },
    { }
};
