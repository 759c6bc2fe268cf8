/*
 * What is repaired in the NVMe device of the base
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What it shows: that commands which never post a completion keep nothing of
 * the controller, that Format NVM takes no LBA format that does not exist, and
 * that the limit of a transfer does not depend on the host's page size.
 * Each test fails without its repair (patches/series).  Those of the block
 * layer are in tests/fuzz/block/base-repairs.c; the permission of qemu-io's
 * zone commands is in the iotest zone-qmp.
 *
 * How: on a second controller, whose namespace has no zones.
 */

#include "qemu/osdep.h"
#include "qemu/bswap.h"
#include "qemu/units.h"
#include "qobject/qdict.h"
#include "libqos/pci-pc.h"
#include "nvme-zns-drive.h"

#define SECOND_SLOT         5
#define ACPI_EJECT_PORT     0xae08
#define RETRY_SECONDS       10
#define HOST_BEHAVIOR_BYTES 512
#define LBAFEE_OFFSET       2
#define LBAFU_SHIFT         12

/* The PC has slots that devices can be pulled out of; reads take 20 ms */
static const ZnsSpec spec_second = {
    .device_bytes = 64 * MiB,
    .zone_bytes = 4 * MiB,
    .capacity_bytes = 3 * MiB,
    .block_bytes = 512,
    .drive_options = " -machine pc -blockdev driver=null-co,node-name=plain,"
                     "size=67108864,read-zeroes=on,latency-ns=20000000",
    .ns_options = " -device nvme,id=nvme1,serial=plain,drive=plain,addr=5.0",
};

static ZnsCtrl *second_ctrl(ZnsDrive *drive)
{
    return zns_ctrl_new(drive->qts, drive->bus, QPCI_DEVFN(SECOND_SLOT, 0),
                        &drive->alloc);
}

/* Whether another device may have the drive of the one that was unplugged */
static bool drive_is_free(ZnsDrive *drive)
{
    QDict *answer = qtest_qmp(drive->qts,
        "{ 'execute': 'device_add', 'arguments': { 'driver': 'nvme',"
        "  'id': 'nvme2', 'serial': 'plain', 'drive': 'plain' } }");
    bool is_free = !qdict_haskey(answer, "error");

    qobject_unref(answer);
    return is_free;
}

/*
 * Reads end while the controller is disabled, and post nothing.  Their mapping
 * holds the device: after it is unplugged, nobody else would get its drive.
 */
static void cancelled_commands_are_unmapped(ZnsDrive *drive)
{
    int64_t end_us = g_get_monotonic_time() + RETRY_SECONDS * G_USEC_PER_SEC;
    ZnsCtrl *ctrl = second_ctrl(drive);
    NvmeCmd cmd = zns_rw_cmd(NVME_CMD_READ, 0, 8);
    bool is_free;
    int i;

    for (i = 0; i < 4; i++) {
        zns_queue_cmd(ctrl, ZNS_IO, &cmd, drive->buf_addr, 4 * KiB);
    }
    zns_ring(ctrl, ZNS_IO);
    zns_ctrl_disable(ctrl);
    /* not waited for: a device that is held sends no event */
    qtest_qmp_device_del_send(drive->qts, "nvme1");
    qtest_outl(drive->qts, ACPI_EJECT_PORT, 1 << SECOND_SLOT);
    do {
        is_free = drive_is_free(drive);
    } while (!is_free && g_get_monotonic_time() < end_us);
    g_assert_true(is_free);
    zns_ctrl_free(ctrl);
}

/* Format 16: the bits above the lower four are 1 */
static void format_that_does_not_exist(ZnsDrive *drive)
{
    ZnsCtrl *ctrl = second_ctrl(drive);
    NvmeCmd features = {
        .opcode = NVME_ADM_CMD_SET_FEATURES,
        .cdw10 = cpu_to_le32(NVME_HOST_BEHAVIOR_SUPPORT),
    };
    NvmeCmd format = {
        .opcode = NVME_ADM_CMD_FORMAT_NVM,
        .nsid = cpu_to_le32(1),
        .cdw10 = cpu_to_le32(1 << LBAFU_SHIFT),
    };

    qtest_memset(drive->qts, drive->buf_addr, 0, HOST_BEHAVIOR_BYTES);
    qtest_writeb(drive->qts, drive->buf_addr + LBAFEE_OFFSET, 1);
    zns_assert_ok(zns_exec(ctrl, ZNS_ADMIN, &features, drive->buf_addr,
                           HOST_BEHAVIOR_BYTES).status);
    zns_assert_status(zns_exec(ctrl, ZNS_ADMIN, &format, 0, 0).status,
                      NVME_INVALID_FORMAT);
    format.cdw10 = 0;
    zns_assert_ok(zns_exec(ctrl, ZNS_ADMIN, &format, 0, 0).status);
    zns_ctrl_free(ctrl);
}

/* 512 KiB in units of 4 KiB, with pages of 8 KiB as well */
static void transfer_limit_with_larger_pages(ZnsDrive *drive)
{
    ZnsCtrl *ctrl = second_ctrl(drive);
    NvmeCmd cmd = zns_rw_cmd(NVME_CMD_READ, 0, 1025);

    zns_ctrl_reset_to_pages(ctrl, 8 * KiB);
    zns_assert_status(zns_exec(ctrl, ZNS_IO, &cmd, drive->buf_addr,
                               1025 * 512).status, NVME_INVALID_FIELD);
    cmd = zns_rw_cmd(NVME_CMD_READ, 0, 1024);
    zns_assert_ok(zns_exec(ctrl, ZNS_IO, &cmd, drive->buf_addr,
                           1024 * 512).status);
    zns_ctrl_free(ctrl);
}

const ZnsTest zns_repair_tests[] = {
    { "repairs/cancelled-commands-are-unmapped",
      cancelled_commands_are_unmapped, ZNS_QCOW2, &spec_second },
    { "repairs/format-that-does-not-exist-is-invalid",
      format_that_does_not_exist, ZNS_QCOW2, &spec_second },
    { "repairs/transfer-limit-is-the-same-with-larger-pages",
      transfer_limit_with_larger_pages, ZNS_QCOW2, &spec_second },
    { }
};
