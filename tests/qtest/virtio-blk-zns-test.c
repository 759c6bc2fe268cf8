/*
 * qtest of zoned virtio-blk: a drive on a zoned qcow2 image
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What it shows: that virtio-blk presents the zones of a qcow2 image as the
 * Virtual I/O Device specification says (section 5.2), that each refusal has
 * the status for it, that requests of one kick are taken one by one, in their
 * order, that the host's errors stop the machine where they should, and that
 * the zones outlive QEMU.
 *
 * How: every test makes a fresh image, starts QEMU on it and sends requests
 * through a virtqueue of libqos.  One test alone: -p PATH; all below a path: -r
 * PATH.  What is in this file: config space, reports, restarts.
 */

#include "qemu/osdep.h"
#include "qemu/units.h"
#include "block/zone.h"
#include "virtio-blk-zns-drive.h"

#define MAX_ZONES 64

static uint32_t zoned_field(VzDrive *drive, size_t offset)
{
    return qvirtio_config_readl(drive->vdev,
                                offsetof(struct virtio_blk_config, zoned) +
                                offset);
}

#define ZONED_FIELD(drive, field) \
    zoned_field(drive, offsetof(struct virtio_blk_zoned_characteristics, field))

/* Config space */

static void config_fields(VzDrive *drive)
{
    g_assert_cmpuint(ZONED_FIELD(drive, zone_sectors), ==, 2048);
    g_assert_cmpuint(ZONED_FIELD(drive, max_open_zones), ==, 2);
    g_assert_cmpuint(ZONED_FIELD(drive, max_active_zones), ==, 3);
    g_assert_cmpuint(ZONED_FIELD(drive, write_granularity), ==, 512);
    /* an append cannot be longer than a zone */
    g_assert_cmpuint(ZONED_FIELD(drive, max_append_sectors), ==, 1536);
    g_assert_cmpuint(qvirtio_config_readb(drive->vdev,
                     offsetof(struct virtio_blk_config, zoned.model)), ==,
                     VIRTIO_BLK_Z_HM);
}

static const VzSpec spec_blocks = {
    .zone_bytes = 2 * MiB,
    .capacity_bytes = 2 * MiB,
    .nr_zones = 4,
    .max_append_bytes = 64 * KiB,
    .device_options = ",logical_block_size=4096,physical_block_size=4096",
};

static void config_limits_of_image(VzDrive *drive)
{
    g_assert_cmpuint(ZONED_FIELD(drive, zone_sectors), ==, 4096);
    g_assert_cmpuint(ZONED_FIELD(drive, max_open_zones), ==, 0);
    g_assert_cmpuint(ZONED_FIELD(drive, max_active_zones), ==, 0);
    g_assert_cmpuint(ZONED_FIELD(drive, write_granularity), ==, 4096);
    g_assert_cmpuint(ZONED_FIELD(drive, max_append_sectors), ==, 128);
}

static void config_features(VzDrive *drive)
{
    g_assert_true(drive->features & (1ull << VIRTIO_BLK_F_ZONED));
    g_assert_true(drive->features & (1ull << VIRTIO_BLK_F_WRITE_ZEROES));
    g_assert_false(drive->features & (1ull << VIRTIO_BLK_F_DISCARD));
    g_assert_false(drive->features & (1ull << VIRTIO_BLK_F_SECURE_ERASE));
}

static const VzSpec spec_unaware = {
    .zone_bytes = 1 * MiB,
    .capacity_bytes = 1 * MiB,
    .nr_zones = 4,
    .ignored_features = 1ull << VIRTIO_BLK_F_ZONED,
};

/* A driver that does not know of zones gets statuses that it knows */
static void config_driver_without_zones(VzDrive *drive)
{
    struct virtio_blk_zone_descriptor zone;
    uint64_t value;

    vz_assert_status(vz_report(drive, 0, 1, &zone, &value), UNSUPP);
    vz_assert_status(vz_manage(drive, VIRTIO_BLK_T_ZONE_OPEN, 0), UNSUPP);
    vz_assert_status(vz_append(drive, 0, 8, 1, &value), UNSUPP);
    vz_assert_ok(vz_write(drive, 0, 8, 1));
    vz_assert_status(vz_write(drive, 0, 8, 1), IOERR);
}

static const VzSpec spec_three_quarters = {
    .zone_bytes = 1 * MiB,
    .capacity_bytes = 768 * KiB,
    .nr_zones = 4,
};

/*
 * A guest could not write the last half block of a zone.  QEMU should not get
 * as far as the monitor, whose first command makes it exit with success.
 */
static void config_block_size_that_does_not_fit(VzDrive *drive)
{
    g_autofree char *command = g_strdup_printf(
        "echo quit | exec %s -accel qtest -display none -S -monitor stdio "
        "-nodefaults -drive if=none,id=zns0,file=%s,format=qcow2 "
        "-device virtio-blk-pci,drive=zns0,logical_block_size=524288,"
        "physical_block_size=524288",
        getenv("QTEST_QEMU_BINARY"), drive->image);
    const char *argv[] = { "/bin/sh", "-c", command, NULL };
    g_autofree char *messages = NULL;
    g_autoptr(GError) err = NULL;
    int status = 0;

    vz_quit(drive);
    if (!g_spawn_sync(NULL, (char **)argv, NULL, G_SPAWN_STDOUT_TO_DEV_NULL,
                      NULL, NULL, NULL, &messages, &status, &err)) {
        g_error("cannot run QEMU: %s", err->message);
    }
    vz_boot(drive);
    g_test_message("QEMU says: %s", messages);
    g_assert_true(WIFEXITED(status));
    g_assert_cmpint(WEXITSTATUS(status), ==, 1);
    g_assert_nonnull(strstr(messages, "logical_block_size 524288"));
    g_assert_nonnull(strstr(messages, "zone capacity"));
}

static const VzTest config_tests[] = {
    { "config/fields", config_fields },
    { "config/limits-of-image", config_limits_of_image, &spec_blocks },
    { "config/features", config_features },
    { "config/driver-without-zones", config_driver_without_zones,
      &spec_unaware },
    { "config/block-size-that-does-not-fit",
      config_block_size_that_does_not_fit, &spec_three_quarters },
    { }
};

/* Reports */

static void report_every_zone(VzDrive *drive)
{
    struct virtio_blk_zone_descriptor zones[MAX_ZONES];
    uint64_t nr_zones;
    bool conventional;
    uint64_t i;

    vz_assert_ok(vz_report(drive, 0, MAX_ZONES, zones, &nr_zones));
    g_assert_cmpuint(nr_zones, ==, drive->spec->nr_zones);
    for (i = 0; i < nr_zones; i++) {
        conventional = i < drive->spec->nr_conventional;
        g_assert_cmpuint(zones[i].z_start, ==, i * drive->zone_sectors);
        g_assert_cmpuint(zones[i].z_type, ==,
                         conventional ? VIRTIO_BLK_ZT_CONV
                                      : VIRTIO_BLK_ZT_SWR);
        g_assert_cmpuint(zones[i].z_state, ==,
                         conventional ? VIRTIO_BLK_ZS_NOT_WP
                                      : VIRTIO_BLK_ZS_EMPTY);
        g_assert_cmpuint(zones[i].z_cap, ==,
                         conventional ? drive->zone_sectors
                                      : drive->capacity_sectors);
        if (!conventional) {
            g_assert_cmpuint(zones[i].z_wp, ==, zones[i].z_start);
        }
    }
}

static void report_only_what_fits(VzDrive *drive)
{
    struct virtio_blk_zone_descriptor zones[MAX_ZONES];
    uint64_t nr_zones;

    vz_assert_ok(vz_report(drive, vz_start(drive, 3), 5, zones, &nr_zones));
    g_assert_cmpuint(nr_zones, ==, 5);
    g_assert_cmpuint(zones[4].z_start, ==, vz_start(drive, 7));
}

static void report_from_inside_a_zone(VzDrive *drive)
{
    struct virtio_blk_zone_descriptor zones[MAX_ZONES];
    uint64_t nr_zones;

    vz_assert_ok(vz_report(drive, vz_start(drive, 14) - 1, MAX_ZONES, zones,
                           &nr_zones));
    g_assert_cmpuint(nr_zones, ==, 3);
    g_assert_cmpuint(zones[0].z_start, ==, vz_start(drive, 13));
}

static void report_outside_the_drive(VzDrive *drive)
{
    struct virtio_blk_zone_descriptor zone;
    uint64_t nr_zones;

    vz_assert_status(vz_report(drive, vz_start(drive, 16), 1, &zone, &nr_zones),
                     ZONE_INVALID_CMD);
    /* in bytes, this is more than 64 bits hold */
    vz_assert_status(vz_report(drive, 1ull << 55, 1, &zone, &nr_zones),
                     ZONE_INVALID_CMD);
    vz_assert_status(vz_report(drive, UINT64_MAX, 1, &zone, &nr_zones),
                     ZONE_INVALID_CMD);
}

static void report_states(VzDrive *drive)
{
    vz_quit(drive);
    vz_store_state(drive, 7, ZONE_STATE_READ_ONLY);
    vz_store_state(drive, 8, ZONE_STATE_OFFLINE);
    vz_boot(drive);
    vz_assert_ok(vz_manage(drive, VIRTIO_BLK_T_ZONE_OPEN, vz_start(drive, 2)));
    vz_assert_ok(vz_write(drive, vz_start(drive, 3), 8, 1));
    vz_assert_ok(vz_manage(drive, VIRTIO_BLK_T_ZONE_CLOSE,
                           vz_start(drive, 3)));
    vz_assert_ok(vz_write(drive, vz_start(drive, 4), 16, 1));
    vz_assert_ok(vz_manage(drive, VIRTIO_BLK_T_ZONE_FINISH,
                           vz_start(drive, 5)));

    vz_assert_zone(drive, 2, EOPEN, 0);
    vz_assert_zone(drive, 3, CLOSED, 8);
    vz_assert_zone(drive, 4, IOPEN, 16);
    vz_assert_state(drive, 5, FULL);
    vz_assert_state(drive, 6, EMPTY);
    vz_assert_state(drive, 7, RDONLY);
    vz_assert_state(drive, 8, OFFLINE);
}

/* virtio-blk asks for as many zones at a time: none are left after them */
static const VzSpec spec_batch = {
    .zone_bytes = 64 * KiB,
    .capacity_bytes = 64 * KiB,
    .nr_zones = 4096,
};

static void report_exactly_one_batch(VzDrive *drive)
{
    g_autofree struct virtio_blk_zone_descriptor *zones =
        g_new0(struct virtio_blk_zone_descriptor, 5000);
    uint64_t nr_zones = 0;

    vz_assert_ok(vz_report(drive, 0, 5000, zones, &nr_zones));
    g_assert_cmpuint(nr_zones, ==, 4096);
    g_assert_cmpuint(zones[4095].z_start, ==, vz_start(drive, 4095));
}

static const VzSpec spec_batches = {
    .zone_bytes = 64 * KiB,
    .capacity_bytes = 64 * KiB,
    .nr_zones = 10000,
};

static void report_several_batches(VzDrive *drive)
{
    g_autofree struct virtio_blk_zone_descriptor *zones =
        g_new0(struct virtio_blk_zone_descriptor, 10000);
    uint64_t nr_zones = 0;
    uint64_t i;

    vz_assert_ok(vz_write(drive, vz_start(drive, 9000), 8, 1));
    vz_assert_ok(vz_report(drive, 0, 10000, zones, &nr_zones));
    g_assert_cmpuint(nr_zones, ==, 10000);
    for (i = 0; i < nr_zones; i++) {
        g_assert_cmpuint(zones[i].z_start, ==, vz_start(drive, i));
        g_assert_cmpuint(zones[i].z_wp - zones[i].z_start, ==,
                         i == 9000 ? 8 : 0);
    }
}

static const VzTest report_tests[] = {
    { "report/every-zone", report_every_zone },
    { "report/only-what-fits", report_only_what_fits },
    { "report/from-inside-a-zone", report_from_inside_a_zone },
    { "report/outside-the-drive", report_outside_the_drive },
    { "report/states", report_states },
    { "report/exactly-one-batch", report_exactly_one_batch, &spec_batch },
    { "report/several-batches", report_several_batches, &spec_batches },
    { }
};

/* Restarts */

static void restart_keeps_zones(VzDrive *drive)
{
    uint64_t placed;

    vz_assert_ok(vz_write(drive, 100, 8, 1));
    vz_assert_ok(vz_write(drive, vz_start(drive, 2), 24, 2));
    vz_assert_ok(vz_append(drive, vz_start(drive, 3), 8, 3, &placed));
    vz_assert_ok(vz_manage(drive, VIRTIO_BLK_T_ZONE_FINISH,
                           vz_start(drive, 3)));
    vz_assert_ok(vz_manage(drive, VIRTIO_BLK_T_ZONE_OPEN, vz_start(drive, 4)));
    vz_restart(drive);

    g_assert_true(vz_holds(drive, 100, 8, 1));
    vz_assert_zone(drive, 2, CLOSED, 24);
    g_assert_true(vz_holds(drive, vz_start(drive, 2), 24, 2));
    vz_assert_state(drive, 3, FULL);
    g_assert_true(vz_holds(drive, vz_start(drive, 3), 8, 3));
    vz_assert_zone(drive, 4, EMPTY, 0);
    vz_assert_ok(vz_append(drive, vz_start(drive, 2), 8, 4, &placed));
    g_assert_cmpuint(placed, ==, vz_start(drive, 2) + 24);
}

static const VzTest restart_tests[] = {
    { "restart/keeps-zones", restart_keeps_zones },
    { }
};

static void run_test(gconstpointer opaque)
{
    const VzTest *test = opaque;
    VzDrive *drive;

    if (!have_qemu_img()) {
        g_test_skip("QTEST_QEMU_IMG does not name a qemu-img program");
        return;
    }
    drive = vz_drive_new(test->spec ?: &vz_spec_default);
    if (drive) {
        test->run(drive);
        vz_drive_free(drive);
    }
}

static void add_tests(const VzTest *tests)
{
    for (; tests->path; tests++) {
        g_autofree char *path = g_strdup_printf("virtio-blk-zns/%s",
                                                tests->path);

        qtest_add_data_func(path, tests, run_test);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    /* A failed check fails its test and lets the others run */
    g_test_set_nonfatal_assertions();

    add_tests(config_tests);
    add_tests(report_tests);
    add_tests(vz_io_tests);
    add_tests(vz_batch_tests);
    add_tests(vz_error_tests);
    add_tests(vz_stop_tests);
    add_tests(vz_mgmt_tests);
    add_tests(vz_limit_tests);
    add_tests(vz_append_tests);
    add_tests(vz_thread_tests);
    add_tests(restart_tests);
    return g_test_run();
}
