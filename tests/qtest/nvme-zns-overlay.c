/*
 * qtest of zoned namespaces: external snapshots and mirrors of the drive
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What it shows: a host does not notice that an overlay takes the place of the
 * image.  Zones stay open as they were, with their ZRWAs and what was written
 * in these; appends in flight end well, and go on; events still come from the
 * zones that the controller sees.  So it is when a transaction takes the
 * overlay back.  A mirror has zeros wherever the drive has them, also where it
 * had something else when that was copied.
 *
 * How: blockdev-snapshot-sync, alone or in a transaction that fails, with
 * commands queued right before it.  At last QEMU starts again on the overlay.
 * A power cut takes what a mirror has copied; a ZRWA makes a gap of it.
 */

#include "qemu/osdep.h"
#include "qemu/units.h"
#include "qobject/qdict.h"
#include "nvme-zns-drive.h"

#define WINDOW_BLOCKS 128
#define NR_IN_FLIGHT  24
#define FLIGHT_BLOCKS 8

/* Nothing is durable before it is flushed */
static const ZnsSpec spec_overlay = {
    .device_bytes = 64 * MiB,
    .zone_bytes = 4 * MiB,
    .capacity_bytes = 3 * MiB,
    .max_open_zones = 4,
    .max_active_zones = 6,
    .zde_bytes = 64,
    .block_bytes = 512,
    .ns_options = ",zoned.zrwas=65536,zoned.zrwafg=16384,zoned.numzrwa=2",
    .drive_options = ",zone-commit-interval=0",
};

/* A name for an overlay; the caller frees it */
static char *overlay_name(ZnsDrive *drive)
{
    return g_strconcat(drive->image, ".overlay", NULL);
}

static void snapshot(ZnsDrive *drive, const char *overlay)
{
    qtest_qmp_assert_success(drive->qts,
        "{ 'execute': 'blockdev-snapshot-sync', 'arguments': "
        "{ 'device': 'zns0', 'snapshot-file': %s, 'format': 'qcow2' } }",
        overlay);
}

/* The second action fails, so the first is taken back */
static void fail_snapshot(ZnsDrive *drive, const char *overlay)
{
    QDict *answer = qtest_qmp(drive->qts,
        "{ 'execute': 'transaction', 'arguments': { 'actions': [ "
        "{ 'type': 'blockdev-snapshot-sync', 'data': "
        "{ 'device': 'zns0', 'snapshot-file': %s, 'format': 'qcow2' } }, "
        "{ 'type': 'blockdev-snapshot', 'data': "
        "{ 'node': 'none', 'overlay': 'none' } } ] } }", overlay);

    g_assert_true(qdict_haskey(answer, "error"));
    qobject_unref(answer);
}

/*
 * Zone 0 is open explicitly, 1 has a ZRWA, 2 an extension, 3 is full, 4 open
 * implicitly.
 */
static void use_zones(ZnsDrive *drive)
{
    uint64_t window = zns_lba(drive, 1);
    uint64_t lba;

    zns_assert_ok(zns_fill_zone(drive, 3));
    zns_assert_ok(zns_open(drive, 0));
    zns_assert_ok(zns_append(drive, 0, 8, 1, &lba));
    zns_assert_ok(zns_send(drive, window,
                           NVME_ZONE_ACTION_OPEN | ZNS_ZRWA_ALLOC));
    zns_assert_ok(zns_write(drive, window + 92, 8, 2));
    zns_assert_ok(zns_set_zde(drive, 2, 3));
    zns_assert_ok(zns_write(drive, zns_lba(drive, 4), 5, 4));
}

static void check_zones(ZnsDrive *drive)
{
    uint64_t window = zns_lba(drive, 1);

    zns_assert_zone(drive, 0, EXPLICITLY_OPEN, 8);
    zns_assert_zone(drive, 1, EXPLICITLY_OPEN, 0);
    g_assert_cmphex(zns_zone(drive, 1).attributes & NVME_ZA_ZRWA_VALID, !=, 0);
    zns_assert_zone(drive, 2, CLOSED, 0);
    g_assert_true(zns_zde_is(drive, 2, 3));
    zns_assert_state(drive, 3, FULL);
    zns_assert_state(drive, 4, IMPLICITLY_OPEN);
    g_assert_true(zns_holds(drive, 0, 8, 1));
    g_assert_true(zns_holds(drive, window + 92, 8, 2));
    g_assert_true(zns_reads_zeros(drive, window, 92));
    g_assert_true(zns_holds(drive, zns_lba(drive, 4), 5, 4));
}

/* In the window: below what was written, over it, and above it */
static void go_on(ZnsDrive *drive)
{
    uint64_t window = zns_lba(drive, 1);
    uint64_t lba;

    zns_assert_ok(zns_append(drive, 0, 8, 11, &lba));
    g_assert_cmpuint(lba, ==, 8);
    zns_assert_ok(zns_write(drive, window + 20, 8, 12));
    zns_assert_ok(zns_write(drive, window + 94, 2, 13));
    zns_assert_ok(zns_write(drive, window + WINDOW_BLOCKS, 8, 14));
    zns_set_state(drive, 7, "read-only");
}

static void check_data(ZnsDrive *drive)
{
    uint64_t window = zns_lba(drive, 1);

    g_assert_true(zns_holds(drive, 0, 8, 1));
    g_assert_true(zns_holds(drive, 8, 8, 11));
    g_assert_true(zns_holds(drive, window + 20, 8, 12));
    g_assert_true(zns_reads_zeros(drive, window + 28, 64));
    g_assert_true(zns_holds(drive, window + 92, 2, 2));
    g_assert_true(zns_holds(drive, window + 94, 2, 13));
    g_assert_true(zns_holds(drive, window + WINDOW_BLOCKS, 8, 14));
    g_assert_true(zns_reads_zeros(drive, window + WINDOW_BLOCKS + 8, 64));
    g_assert_true(zns_zde_is(drive, 2, 3));
    zns_assert_state(drive, 7, READ_ONLY);
}

/* Appends that are queued when the snapshot comes: all in a row, none lost */
static void queue_appends(ZnsDrive *drive, uint16_t *cids)
{
    NvmeCmd cmd = zns_rw_cmd(NVME_CMD_ZONE_APPEND, zns_lba(drive, 5),
                             FLIGHT_BLOCKS);
    size_t bytes = FLIGHT_BLOCKS * drive->spec->block_bytes;
    uint64_t addr;
    unsigned i;

    for (i = 0; i < NR_IN_FLIGHT; i++) {
        addr = drive->buf_addr + i * bytes;
        zns_put_pattern(drive, addr, FLIGHT_BLOCKS, 100 + i);
        cids[i] = zns_queue_cmd(drive->ctrl, ZNS_IO, &cmd, addr, bytes);
    }
    zns_ring(drive->ctrl, ZNS_IO);
}

static void finish_appends(ZnsDrive *drive, const uint16_t *cids)
{
    ZnsReply replies[NR_IN_FLIGHT];
    unsigned i;

    for (i = 0; i < NR_IN_FLIGHT; i++) {
        replies[i] = zns_wait(drive->ctrl, ZNS_IO, cids[i]);
        zns_assert_ok(replies[i].status);
    }
    zns_assert_zone(drive, 5, IMPLICITLY_OPEN, NR_IN_FLIGHT * FLIGHT_BLOCKS);
    for (i = 0; i < NR_IN_FLIGHT; i++) {
        g_assert_true(zns_holds(drive, replies[i].result, FLIGHT_BLOCKS,
                                100 + i));
    }
}

/* The base belongs to nobody any more once the overlay is checked */
static void restart_on(ZnsDrive *drive, const char *overlay)
{
    g_autofree char *base = drive->image;

    zns_quit(drive);
    drive->image = g_strdup(overlay);
    zns_boot(drive);
    check_data(drive);
    zns_assert_zone(drive, 0, CLOSED, 16);
    zns_assert_zone(drive, 1, CLOSED, WINDOW_BLOCKS + 8);
    zns_quit(drive);
    g_assert_true(zns_check_image(drive));
    unlink(overlay);
    g_free(drive->image);
    drive->image = g_steal_pointer(&base);
    zns_boot(drive);
}

static void host_goes_on(ZnsDrive *drive)
{
    g_autofree char *overlay = overlay_name(drive);
    uint16_t cids[NR_IN_FLIGHT];

    use_zones(drive);
    queue_appends(drive, cids);
    snapshot(drive, overlay);
    finish_appends(drive, cids);
    check_zones(drive);
    go_on(drive);
    check_data(drive);
    restart_on(drive, overlay);
    /* what the image has stored itself */
    zns_assert_zone(drive, 0, CLOSED, 8);
    zns_assert_zone(drive, 1, CLOSED, 100);
    zns_assert_zone(drive, 7, EMPTY, 0);
    g_assert_true(zns_holds(drive, 0, 8, 1));
}

static void host_goes_on_without(ZnsDrive *drive)
{
    g_autofree char *overlay = overlay_name(drive);
    uint16_t cids[NR_IN_FLIGHT];

    use_zones(drive);
    queue_appends(drive, cids);
    fail_snapshot(drive, overlay);
    finish_appends(drive, cids);
    check_zones(drive);
    go_on(drive);
    check_data(drive);
    unlink(overlay);
    zns_restart(drive);
    check_data(drive);
}

/* Each of several, and each write over several levels */
static void host_goes_on_often(ZnsDrive *drive)
{
    char *overlays[4] = {};
    uint64_t lba;
    int i;

    zns_assert_ok(zns_open(drive, 0));
    for (i = 0; i < ARRAY_SIZE(overlays); i++) {
        zns_assert_ok(zns_append(drive, 0, 3, i, &lba));
        g_assert_cmpuint(lba, ==, 3 * i);
        overlays[i] = g_strdup_printf("%s.overlay%d", drive->image, i);
        snapshot(drive, overlays[i]);
        zns_assert_zone(drive, 0, EXPLICITLY_OPEN, 3 * (i + 1));
    }
    for (i = 0; i < ARRAY_SIZE(overlays); i++) {
        g_assert_true(zns_holds(drive, 3 * i, 3, i));
    }
    zns_assert_ok(zns_reset(drive, 0));
    g_assert_true(zns_reads_zeros(drive, 0, 12));
    zns_quit(drive);
    for (i = 0; i < ARRAY_SIZE(overlays); i++) {
        unlink(overlays[i]);
        g_free(overlays[i]);
    }
    zns_boot(drive);
    zns_assert_zone(drive, 0, CLOSED, 3);
}

static void start_mirror(ZnsDrive *drive, const char *target,
                         const char *copy_mode)
{
    qtest_qmp_assert_success(drive->qts,
        "{ 'execute': 'drive-mirror', 'arguments': { 'device': 'zns0', "
        "'job-id': 'job0', 'target': %s, 'format': 'qcow2', 'sync': 'full', "
        "'copy-mode': %s } }", target, copy_mode);
    qtest_qmp_eventwait(drive->qts, "BLOCK_JOB_READY");
}

static void pivot(ZnsDrive *drive)
{
    qtest_qmp_assert_success(drive->qts,
        "{ 'execute': 'block-job-complete', "
        "'arguments': { 'device': 'job0' } }");
    qtest_qmp_eventwait(drive->qts, "BLOCK_JOB_COMPLETED");
}

static void mirror_gap(ZnsDrive *drive, const char *copy_mode)
{
    g_autofree char *target = g_strconcat(drive->image, ".mirror", NULL);
    uint64_t window = zns_lba(drive, 1);

    zns_assert_ok(zns_write(drive, window, WINDOW_BLOCKS, 1));
    start_mirror(drive, target, copy_mode);
    qtest_qmp_assert_success(drive->qts,
        "{ 'execute': 'block-zone-power-cut', "
        "'arguments': { 'node-name': 'zns0' } }");
    zns_assert_zone(drive, 1, EMPTY, 0);
    zns_assert_ok(zns_send(drive, window,
                           NVME_ZONE_ACTION_OPEN | ZNS_ZRWA_ALLOC));
    zns_assert_ok(zns_write(drive, window + 64, 32, 2));
    zns_assert_ok(zns_send(drive, window + 95, NVME_ZONE_ACTION_ZRWA_FLUSH));
    pivot(drive);
    zns_assert_zone(drive, 1, EXPLICITLY_OPEN, 96);
    g_assert_true(zns_reads_zeros(drive, window, 64));
    g_assert_true(zns_holds(drive, window + 64, 32, 2));
    unlink(target);
}

static void mirror_gap_background(ZnsDrive *drive)
{
    mirror_gap(drive, "background");
}

static void mirror_gap_write_blocking(ZnsDrive *drive)
{
    mirror_gap(drive, "write-blocking");
}

const ZnsTest zns_overlay_tests[] = {
    { "overlay/host-goes-on", host_goes_on, ZNS_QCOW2, &spec_overlay },
    { "overlay/host-goes-on-without", host_goes_on_without, ZNS_QCOW2,
      &spec_overlay },
    { "overlay/host-goes-on-often", host_goes_on_often, ZNS_QCOW2 },
    { "mirror/has-zeros-in-a-gap", mirror_gap_background, ZNS_QCOW2,
      &spec_overlay },
    { "mirror/has-zeros-in-a-gap-at-once", mirror_gap_write_blocking,
      ZNS_QCOW2, &spec_overlay },
    { }
};
