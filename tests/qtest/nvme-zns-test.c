/*
 * qtest of the Zoned Namespace Command Set: nvme-ns driven through queues
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What it shows: that a zoned NVMe drive answers every command as the NVMe
 * ZNS Command Set says, status code for status code, and that the zones of a
 * zoned qcow2 image outlive QEMU.
 *
 * How: every test makes a fresh image, starts QEMU on it and sends commands
 * with a queue driver of its own (nvme-zns-driver.c).  Most run on two kinds of
 * drive: nvme-zns/qcow2/... has its zones in the image, nvme-zns/memory/... is
 * zoned=on over a raw file.  Some run on nvme-zns/filter/... too, where the
 * options of the block driver "zoned" make the zones.  One test alone: -p PATH;
 * all below a path: -r PATH.
 */

#include "qemu/osdep.h"
#include "nvme-zns-drive.h"

typedef struct ZnsRun {
    const ZnsTest *test;
    ZnsKind kind;
} ZnsRun;

static void run_test(gconstpointer opaque)
{
    const ZnsRun *run = opaque;
    const ZnsSpec *spec = run->test->spec ?: &zns_spec_default;
    ZnsDrive *drive;

    if (run->kind == ZNS_QCOW2 && !have_qemu_img()) {
        g_test_skip("QTEST_QEMU_IMG does not name a qemu-img program");
        return;
    }
    drive = zns_drive_new(spec, run->kind);
    if (drive) {
        run->test->run(drive);
        zns_drive_free(drive);
    }
}

static void add_test(const ZnsTest *test, ZnsKind kind, const char *kind_name)
{
    g_autofree char *path = g_strdup_printf("nvme-zns/%s/%s", kind_name,
                                            test->path);
    ZnsRun *run;

    if (test->on & (kind == ZNS_FILTER ? ZNS_MEMORY : kind)) {
        run = g_new(ZnsRun, 1);
        *run = (ZnsRun) { .test = test, .kind = kind };
        qtest_add_data_func_full(path, run, run_test, g_free);
    }
}

static void add_tests(const ZnsTest *tests)
{
    for (; tests->path; tests++) {
        add_test(tests, ZNS_QCOW2, "qcow2");
        add_test(tests, ZNS_MEMORY, "memory");
    }
}

/* The zones are the same as those in memory: what options make of them */
static void add_tests_on_filter(const ZnsTest *tests)
{
    for (; tests->path; tests++) {
        const ZnsSpec *spec = tests->spec ?: &zns_spec_default;

        if (!spec->memory_options || spec->filter_options) {
            add_test(tests, ZNS_FILTER, "filter");
        }
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    /* A failed check fails its test and lets the others run */
    g_test_set_nonfatal_assertions();

    add_tests(zns_identify_tests);
    add_tests(zns_io_tests);
    add_tests(zns_command_tests);
    add_tests(zns_mgmt_tests);
    add_tests(zns_limit_tests);
    add_tests(zns_zde_tests);
    add_tests(zns_report_tests);
    add_tests(zns_zrwa_tests);
    add_tests(zns_meta_tests);
    add_tests(zns_format_tests);
    add_tests(zns_event_tests);
    add_tests(zns_broken_tests);
    add_tests(zns_ctrl_tests);
    add_tests(zns_hostile_tests);
    add_tests(zns_active_tests);
    add_tests(zns_repair_tests);
    add_tests(zns_persist_tests);
    add_tests(zns_kill_tests);
    add_tests(zns_excursion_tests);
    add_tests(zns_capacity_tests);
    add_tests(zns_overlay_tests);
    add_tests(zns_large_tests);
    add_tests(zns_many_tests);
    add_tests(zns_plug_tests);
    add_tests(zns_fuzz_tests);
    add_tests_on_filter(zns_identify_tests);
    add_tests_on_filter(zns_limit_tests);
    add_tests_on_filter(zns_zde_tests);
    add_tests_on_filter(zns_zrwa_tests);
    zns_add_refuse_tests();
    return g_test_run();
}
