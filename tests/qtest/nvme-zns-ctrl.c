/*
 * qtest of zoned namespaces: what depends on the controller
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What it shows: open zones of a shared namespace stay so until all its
 * controllers that were ever enabled have shut down, or were unplugged; data in
 * the controller's memory buffer is written and appended like data in RAM; a
 * controller that is reset in the midst of commands leaves zones that work;
 * blocks that hold nothing are an error where the host asked for it; errors of
 * a namespace without zones are never taken for what zones refuse; the drive
 * of a namespace cannot be changed where zones would come or go.
 *
 * How: a second controller beside the first; a memory buffer at BAR 2; a reset
 * right behind the doorbell; Set Features with DULBE; blkdebug below other
 * namespaces; the QOM property "drive".
 */

#include "qemu/osdep.h"
#include "qemu/bswap.h"
#include "qemu/units.h"
#include "qobject/qdict.h"
#include "nvme-zns-drive.h"

#define SECOND_SLOT     5
#define DULBE           (1 << 16)
#define ATTACH          0
#define DETACH          1

static const ZnsSpec spec_shared = {
    .device_bytes = 64 * MiB,
    .zone_bytes = 4 * MiB,
    .capacity_bytes = 3 * MiB,
    .block_bytes = 512,
    .drive_options = " -device nvme-subsys,id=subsys0",
    .ctrl_options = ",subsys=subsys0",
    .ns_options = " -device nvme,serial=zns,subsys=subsys0,addr=5.0",
};

/* The PC has slots that devices can be pulled out of */
static const ZnsSpec spec_unplug = {
    .device_bytes = 64 * MiB,
    .zone_bytes = 4 * MiB,
    .capacity_bytes = 3 * MiB,
    .block_bytes = 512,
    .drive_options = " -machine pc -device nvme-subsys,id=subsys0",
    .ctrl_options = ",subsys=subsys0",
    .ns_options = " -device nvme,id=nvme1,serial=zns,subsys=subsys0,addr=5.0",
};

static const ZnsSpec spec_cmb = {
    .device_bytes = 64 * MiB,
    .zone_bytes = 4 * MiB,
    .capacity_bytes = 3 * MiB,
    .block_bytes = 512,
    .ctrl_options = ",cmb_size_mb=1,legacy-cmb=on",
};

static void shared_until_all_shut_down(ZnsDrive *drive)
{
    ZnsCtrl *second = zns_ctrl_new(drive->qts, drive->bus,
                                   QPCI_DEVFN(SECOND_SLOT, 0), &drive->alloc);
    ZnsCtrl *first = drive->ctrl;

    zns_assert_ok(zns_open(drive, 1));
    zns_assert_ok(zns_write(drive, zns_lba(drive, 2), 8, 1));

    zns_ctrl_shutdown(first);
    zns_assert_zone(drive, 1, EXPLICITLY_OPEN, 0);
    zns_assert_zone(drive, 2, IMPLICITLY_OPEN, 8);

    /* Both notified, before either is enabled again */
    zns_ctrl_notify_shutdown(first);
    zns_ctrl_notify_shutdown(second);
    zns_ctrl_reset(first);
    zns_assert_zone(drive, 1, EMPTY, 0);
    zns_assert_zone(drive, 2, CLOSED, 8);
    zns_ctrl_free(second);
}

static void prepare_open_zones(ZnsDrive *drive)
{
    zns_assert_ok(zns_open(drive, 1));
    zns_assert_ok(zns_write(drive, zns_lba(drive, 2), 8, 1));
}

static void check_still_open(ZnsDrive *drive)
{
    zns_assert_zone(drive, 1, EXPLICITLY_OPEN, 0);
    zns_assert_zone(drive, 2, IMPLICITLY_OPEN, 8);
}

static void check_power_cycled(ZnsDrive *drive)
{
    zns_assert_zone(drive, 1, EMPTY, 0);
    zns_assert_zone(drive, 2, CLOSED, 8);
    g_assert_true(zns_holds(drive, zns_lba(drive, 2), 8, 1));
}

/* The second one is there, and nobody has ever enabled it */
static void unused_controller_does_not_count(ZnsDrive *drive)
{
    prepare_open_zones(drive);
    zns_ctrl_shutdown(drive->ctrl);
    check_power_cycled(drive);
}

/* It was reset, and is not enabled: it still has to report its shutdown */
static void reset_is_no_shutdown(ZnsDrive *drive)
{
    ZnsCtrl *second = zns_ctrl_new(drive->qts, drive->bus,
                                   QPCI_DEVFN(SECOND_SLOT, 0), &drive->alloc);

    prepare_open_zones(drive);
    zns_ctrl_disable(second);
    zns_ctrl_shutdown(drive->ctrl);
    check_still_open(drive);

    zns_ctrl_notify_shutdown(drive->ctrl);
    zns_ctrl_reset(second);
    zns_ctrl_notify_shutdown(second);
    zns_ctrl_reset(drive->ctrl);
    check_power_cycled(drive);
    zns_ctrl_free(second);
}

/* A reset behind the shutdown takes nothing of it back */
static void shutdown_before_reset_counts(ZnsDrive *drive)
{
    ZnsCtrl *second = zns_ctrl_new(drive->qts, drive->bus,
                                   QPCI_DEVFN(SECOND_SLOT, 0), &drive->alloc);

    prepare_open_zones(drive);
    zns_ctrl_notify_shutdown(second);
    zns_ctrl_disable(second);
    check_still_open(drive);
    zns_ctrl_shutdown(drive->ctrl);
    check_power_cycled(drive);
    zns_ctrl_free(second);
}

static void resets_change_nothing(ZnsDrive *drive)
{
    ZnsCtrl *second = zns_ctrl_new(drive->qts, drive->bus,
                                   QPCI_DEVFN(SECOND_SLOT, 0), &drive->alloc);

    prepare_open_zones(drive);
    zns_ctrl_reset(second);
    zns_ctrl_reset(drive->ctrl);
    zns_ctrl_disable(second);
    zns_ctrl_reset(drive->ctrl);
    check_still_open(drive);
    zns_ctrl_free(second);
}

static void detached_controller_does_not_count(ZnsDrive *drive)
{
    ZnsCtrl *second = zns_ctrl_new(drive->qts, drive->bus,
                                   QPCI_DEVFN(SECOND_SLOT, 0), &drive->alloc);

    prepare_open_zones(drive);
    zns_assert_ok(zns_attach(drive, 1, 1, DETACH));
    check_still_open(drive);
    zns_ctrl_shutdown(drive->ctrl);
    check_power_cycled(drive);

    /* Attached again, it does */
    zns_assert_ok(zns_attach(drive, 1, 1, ATTACH));
    zns_assert_ok(zns_open(drive, 1));
    zns_ctrl_shutdown(drive->ctrl);
    zns_assert_zone(drive, 1, EXPLICITLY_OPEN, 0);
    zns_ctrl_free(second);
}

static void unplug_second(ZnsDrive *drive)
{
    qpci_unplug_acpi_device_test(drive->qts, "nvme1", SECOND_SLOT);
}

static void unplugged_controller_does_not_count(ZnsDrive *drive)
{
    ZnsCtrl *second = zns_ctrl_new(drive->qts, drive->bus,
                                   QPCI_DEVFN(SECOND_SLOT, 0), &drive->alloc);

    prepare_open_zones(drive);
    unplug_second(drive);
    check_still_open(drive);
    zns_ctrl_shutdown(drive->ctrl);
    check_power_cycled(drive);
    zns_ctrl_free(second);
}

/* The last one that had not shut down */
static void unplugged_controller_has_shut_down(ZnsDrive *drive)
{
    ZnsCtrl *second = zns_ctrl_new(drive->qts, drive->bus,
                                   QPCI_DEVFN(SECOND_SLOT, 0), &drive->alloc);

    prepare_open_zones(drive);
    zns_ctrl_notify_shutdown(drive->ctrl);
    unplug_second(drive);
    zns_ctrl_reset(drive->ctrl);
    check_power_cycled(drive);
    zns_ctrl_free(second);
}

/* What one controller writes the other one sees, zones included */
static void shared_zones_are_the_same(ZnsDrive *drive)
{
    ZnsCtrl *second = zns_ctrl_new(drive->qts, drive->bus,
                                   QPCI_DEVFN(SECOND_SLOT, 0), &drive->alloc);
    ZnsCtrl *first = drive->ctrl;
    uint64_t lba = zns_lba(drive, 1);

    zns_assert_ok(zns_write(drive, lba, 8, 1));
    drive->ctrl = second;
    zns_assert_zone(drive, 1, IMPLICITLY_OPEN, 8);
    zns_assert_status(zns_write(drive, lba, 8, 2), NVME_ZONE_INVALID_WRITE);
    zns_assert_ok(zns_write(drive, lba + 8, 8, 2));
    drive->ctrl = first;
    zns_assert_zone(drive, 1, IMPLICITLY_OPEN, 16);
    g_assert_true(zns_holds(drive, lba, 8, 1));
    g_assert_true(zns_holds(drive, lba + 8, 8, 2));
    zns_ctrl_free(second);
}

static void data_in_cmb(ZnsDrive *drive)
{
    uint64_t cmb_addr = zns_ctrl_map_cmb(drive->ctrl);
    uint64_t lba = zns_lba(drive, 1);
    NvmeCmd cmd;
    ZnsReply reply;

    zns_put_pattern(drive, cmb_addr, 8, 1);
    cmd = zns_rw_cmd(NVME_CMD_WRITE, lba, 8);
    zns_assert_ok(zns_exec(drive->ctrl, ZNS_IO, &cmd, cmb_addr,
                           4 * KiB).status);

    zns_put_pattern(drive, cmb_addr, 8, 2);
    cmd = zns_rw_cmd(NVME_CMD_ZONE_APPEND, lba, 8);
    reply = zns_exec(drive->ctrl, ZNS_IO, &cmd, cmb_addr, 4 * KiB);
    zns_assert_ok(reply.status);
    g_assert_cmpuint(reply.result, ==, lba + 8);

    zns_assert_zone(drive, 1, IMPLICITLY_OPEN, 16);
    g_assert_true(zns_holds(drive, lba, 8, 1));
    g_assert_true(zns_holds(drive, lba + 8, 8, 2));
}

static void queue_mixed(ZnsDrive *drive, uint32_t zone_idx, uint32_t nr_writes)
{
    uint64_t lba = zns_lba(drive, zone_idx);
    NvmeCmd cmd;
    uint32_t i;

    for (i = 0; i < nr_writes; i++) {
        cmd = zns_rw_cmd(NVME_CMD_WRITE, lba + i * 64, 64);
        zns_queue_cmd(drive->ctrl, ZNS_IO, &cmd, drive->buf_addr, 32 * KiB);
    }
    cmd = zns_rw_cmd(NVME_CMD_ZONE_APPEND, lba, 64);
    zns_queue_cmd(drive->ctrl, ZNS_IO, &cmd, drive->buf_addr, 32 * KiB);
    cmd = zns_rw_cmd(NVME_CMD_ZONE_MGMT_RECV, 0, 1024);
    cmd.cdw13 = cpu_to_le32(NVME_ZONE_REPORT_EXTENDED);
    zns_queue_cmd(drive->ctrl, ZNS_IO, &cmd, drive->buf_addr, 4 * KiB);
    cmd = zns_rw_cmd(NVME_CMD_ZONE_MGMT_SEND, zns_lba(drive, 0), 1);
    cmd.cdw13 = cpu_to_le32(zone_idx & 1 ? NVME_ZONE_ACTION_RESET
                                         : NVME_ZONE_ACTION_SET_ZD_EXT);
    zns_queue_cmd(drive->ctrl, ZNS_IO, &cmd, drive->buf_addr, 64);
}

static void reset_amid_commands(ZnsDrive *drive)
{
    uint32_t zone_idx;
    ZnsZone zone;

    zns_assert_ok(zns_set_zde(drive, 15, 1));
    for (zone_idx = 1; zone_idx < 12; zone_idx++) {
        queue_mixed(drive, zone_idx, zone_idx);
        zns_ring(drive->ctrl, ZNS_IO);
        if (zone_idx % 3 == 0) {
            g_usleep(500);
        }
        zns_ctrl_reset(drive->ctrl);

        /* However many got through, the next write goes on from there */
        zone = zns_zone(drive, zone_idx);
        zns_assert_ok(zns_write(drive, zone.wp_lba, 8, zone_idx));
        g_assert_true(zns_holds(drive, zone.wp_lba, 8, zone_idx));
        zns_assert_zone(drive, zone_idx, IMPLICITLY_OPEN,
                        zone.wp_lba - zone.start_lba + 8);
        zns_assert_ok(zns_reset(drive, zone_idx));
    }
    g_assert_true(zns_zde_is(drive, 15, 1));
}

static void deallocated_is_an_error(ZnsDrive *drive)
{
    NvmeCmd set_dulbe = {
        .opcode = NVME_ADM_CMD_SET_FEATURES,
        .nsid = cpu_to_le32(1),
        .cdw10 = cpu_to_le32(NVME_ERROR_RECOVERY),
        .cdw11 = cpu_to_le32(DULBE),
    };
    uint32_t nr_blocks = 64 * KiB / drive->spec->block_bytes;
    uint64_t lba = zns_lba(drive, 1);

    zns_assert_ok(zns_read(drive, lba, nr_blocks));
    zns_assert_ok(zns_exec(drive->ctrl, ZNS_ADMIN, &set_dulbe, 0, 0).status);

    zns_assert_status(zns_read(drive, lba, nr_blocks), NVME_DULB);
    zns_assert_ok(zns_write(drive, lba, nr_blocks, 1));
    g_assert_true(zns_holds(drive, lba, nr_blocks, 1));
    zns_assert_status(zns_read(drive, lba + nr_blocks, nr_blocks), NVME_DULB);
    zns_assert_ok(zns_reset(drive, 1));
    zns_assert_status(zns_read(drive, lba, nr_blocks), NVME_DULB);

    /* From the capacity to the end of the zone, also of a Full one */
    zns_assert_ok(zns_write(drive, lba, nr_blocks, 1));
    zns_assert_status(zns_read(drive, lba + drive->capacity_blocks,
                               nr_blocks), NVME_DULB);
    zns_assert_ok(zns_write_zeroes(drive, lba + nr_blocks,
                                   drive->capacity_blocks - nr_blocks));
    zns_assert_state(drive, 1, FULL);
    g_assert_true(zns_holds(drive, lba, nr_blocks, 1));
    zns_assert_status(zns_read(drive, lba + drive->capacity_blocks,
                               nr_blocks), NVME_DULB);
    zns_assert_status(zns_read(drive, lba + drive->zone_blocks - 1, 1),
                      NVME_DULB);

    /* And above where a zone was finished */
    zns_assert_ok(zns_write(drive, zns_lba(drive, 2), nr_blocks, 2));
    zns_assert_ok(zns_finish(drive, 2));
    g_assert_true(zns_holds(drive, zns_lba(drive, 2), nr_blocks, 2));
    zns_assert_status(zns_read(drive, zns_lba(drive, 2) + nr_blocks,
                               nr_blocks), NVME_DULB);
}

/* Errors of a drive without zones that have the numbers of refusals */

#define BAD_NS(nsid, number)                                                \
    " -blockdev driver=null-co,node-name=disk" #nsid ",size=67108864"       \
    " -blockdev driver=blkdebug,node-name=bad" #nsid ",image=disk" #nsid ","\
    "inject-error.0.event=none,inject-error.0.errno=" #number               \
    " -device nvme-ns,drive=bad" #nsid ",bus=nvme0,nsid=" #nsid

static const ZnsSpec spec_errors = {
    .device_bytes = 64 * MiB,
    .zone_bytes = 4 * MiB,
    .capacity_bytes = 3 * MiB,
    .block_bytes = 512,
    /* EMFILE, ESPIPE, ERANGE */
    .ns_options = BAD_NS(2, 24) BAD_NS(3, 29) BAD_NS(4, 34),
};

static uint16_t exec_on(ZnsDrive *drive, uint32_t nsid, uint8_t opcode)
{
    NvmeCmd cmd = zns_rw_cmd(opcode, 0, 8);

    cmd.nsid = cpu_to_le32(nsid);
    return zns_exec(drive->ctrl, ZNS_IO, &cmd, drive->buf_addr,
                    8 * drive->spec->block_bytes).status;
}

static void errors_without_zones(ZnsDrive *drive)
{
    uint32_t nsid;

    for (nsid = 2; nsid <= 4; nsid++) {
        zns_assert_status(exec_on(drive, nsid, NVME_CMD_READ),
                          NVME_UNRECOVERED_READ);
        zns_assert_status(exec_on(drive, nsid, NVME_CMD_WRITE),
                          NVME_WRITE_FAULT);
        zns_assert_status(exec_on(drive, nsid, NVME_CMD_COMPARE),
                          NVME_UNRECOVERED_READ);
        zns_assert_status(exec_on(drive, nsid, NVME_CMD_VERIFY),
                          NVME_UNRECOVERED_READ);
        zns_assert_status(exec_on(drive, nsid, NVME_CMD_FLUSH),
                          NVME_WRITE_FAULT);
    }
}

/* Another drive for a namespace that is in use */

static const ZnsSpec spec_drives = {
    .device_bytes = 64 * MiB,
    .zone_bytes = 4 * MiB,
    .capacity_bytes = 3 * MiB,
    .block_bytes = 512,
    .ns_options = ",id=ns1 -device nvme-ns,id=ns2,drive=plain0,bus=nvme0,nsid=2"
                  " -blockdev driver=null-co,node-name=plain0,size=67108864"
                  " -blockdev driver=null-co,node-name=plain1,size=67108864"
                  " -blockdev driver=null-co,node-name=disk0,size=67108864"
                  " -blockdev driver=zoned,node-name=zones0,file=disk0,"
                  "zone-size=4M",
};

/* The error, which the caller frees, or NULL */
static char *set_drive(ZnsDrive *drive, const char *device, const char *node)
{
    QDict *answer = qtest_qmp(drive->qts,
        "{ 'execute': 'qom-set', 'arguments': { 'path': %s,"
        "  'property': 'drive', 'value': %s } }", device, node);
    QDict *error = qdict_get_qdict(answer, "error");
    char *text = error ? g_strdup(qdict_get_str(error, "desc")) : NULL;

    qobject_unref(answer);
    return text;
}

static void assert_refused(ZnsDrive *drive, const char *device,
                           const char *node, const char *zoned)
{
    g_autofree char *path = g_strdup_printf("/machine/peripheral/%s", device);
    g_autofree char *who = g_strdup_printf("Device '%s' cannot change its "
                                           "drive from ", device);
    g_autofree char *why = g_strdup_printf("node '%s' is zoned", zoned);
    g_autofree char *text = set_drive(drive, path, node);

    g_assert_nonnull(text);
    g_test_message("%s", text);
    g_assert_nonnull(strstr(text, who));
    g_assert_nonnull(strstr(text, node));
    g_assert_nonnull(strstr(text, why));
}

static void drive_is_fixed_where_zones_are(ZnsDrive *drive)
{
    zns_assert_ok(zns_write(drive, 0, 8, 1));
    assert_refused(drive, "ns1", "plain1", "zns0");
    assert_refused(drive, "ns1", "zones0", "zns0");
    assert_refused(drive, "ns2", "zones0", "zones0");
    zns_assert_zone(drive, 0, IMPLICITLY_OPEN, 8);
    g_assert_true(zns_holds(drive, 0, 8, 1));
    zns_assert_ok(zns_write(drive, 8, 8, 2));
    /* without zones the base lets it through */
    g_assert_null(set_drive(drive, "/machine/peripheral/ns2", "plain1"));
}

const ZnsTest zns_ctrl_tests[] = {
    { "shared/zones-stay-open-until-all-controllers-shut-down",
      shared_until_all_shut_down, ZNS_BOTH, &spec_shared },
    { "shared/controller-never-enabled-does-not-count",
      unused_controller_does_not_count, ZNS_BOTH, &spec_shared },
    { "shared/controller-that-was-reset-has-not-shut-down",
      reset_is_no_shutdown, ZNS_BOTH, &spec_shared },
    { "shared/controller-that-was-reset-later-has-shut-down",
      shutdown_before_reset_counts, ZNS_BOTH, &spec_shared },
    { "shared/controller-that-is-detached-does-not-count",
      detached_controller_does_not_count, ZNS_BOTH, &spec_shared },
    { "shared/controller-that-is-unplugged-does-not-count",
      unplugged_controller_does_not_count, ZNS_BOTH, &spec_unplug },
    { "shared/controller-that-is-unplugged-has-shut-down",
      unplugged_controller_has_shut_down, ZNS_BOTH, &spec_unplug },
    { "shared/resets-leave-open-zones-open", resets_change_nothing, ZNS_BOTH,
      &spec_shared },
    { "shared/zones-are-those-of-all-controllers", shared_zones_are_the_same,
      ZNS_BOTH, &spec_shared },
    { "memory-buffer/data-is-written-and-appended", data_in_cmb, ZNS_BOTH,
      &spec_cmb },
    { "controller/reset-amid-commands-leaves-zones-that-work",
      reset_amid_commands, ZNS_BOTH },
    { "controller/errors-of-namespaces-without-zones-are-ordinary-ones",
      errors_without_zones, ZNS_BOTH, &spec_errors },
    { "controller/drive-is-fixed-where-zones-are",
      drive_is_fixed_where_zones_are, ZNS_BOTH, &spec_drives },
    { "read/deallocated-blocks-are-errors-on-request",
      deallocated_is_an_error, ZNS_BOTH, &zns_spec_plain },
    { }
};
