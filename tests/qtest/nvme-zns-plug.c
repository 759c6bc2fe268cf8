/*
 * qtest of zoned namespaces: controllers that come and go while they work
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What it shows: a controller can be unplugged amid its own commands and those
 * of others to the same zones; nothing that was acknowledged is lost, zones of
 * a namespace that still has a controller go on as they were, and those of
 * one that has none are as after a power cycle, whether the node lives on or
 * the image is opened again; a controller that is refused leaves its slot free.
 * Namespaces themselves are neither added nor removed at run time.
 *
 * How: a PCIe root port of q35 whose power this program switches as a guest
 * does; device_add, device_del, blockdev-add and blockdev-del, 20 rounds.  I/O
 * limits, for which no time goes by in a qtest, keep commands in flight.
 */

#include "qemu/osdep.h"
#include "qemu/bswap.h"
#include "qemu/units.h"
#include "hw/pci/pci_regs.h"
#include "qobject/qdict.h"
#include "nvme-zns-drive.h"

#define NR_ROUNDS       20
#define NR_APPENDS      16
#define APPEND_BLOCKS   8
#define NR_FLIGHTS      24

#define PORT_SLOT       6
#define PORT_BUS        1
/* Where the devices behind the port have their registers */
#define PORT_WINDOW     0xf8000000u
#define SLOT_ON         PCI_EXP_SLTCTL_PWR_IND_ON
#define SLOT_OFF        (PCI_EXP_SLTCTL_PWR_IND_OFF | PCI_EXP_SLTCTL_PWR_OFF)

#define HOT_NODE        "hot-node"

#define ROOT_PORT                                                   \
    " -global ICH9-LPC.acpi-pci-hotplug-with-bridge-support=off"    \
    " -device pcie-root-port,id=port0,chassis=1,slot=1,addr=6.0"

static const ZnsSpec spec_disk = {
    .device_bytes = 16 * MiB,
    .block_bytes = 4096,
};

static const ZnsMore with_disk[] = {
    { &spec_disk, ZNS_PLAIN },
    { }
};

/* Two controllers at most have the namespaces of one subsystem */
static const ZnsSpec spec_shared = {
    .device_bytes = 64 * MiB,
    .zone_bytes = 4 * MiB,
    .capacity_bytes = 3 * MiB,
    .max_open_zones = 12,
    .max_active_zones = 16,
    .zde_bytes = 64,
    .block_bytes = 512,
    .drive_options = ROOT_PORT " -device nvme-subsys,id=subsys0",
    .ctrl_options = ",subsys=subsys0",
    .ns_options = ",id=ns0",
    .more = with_disk,
};

/* The one that is plugged has an image of its own */
static const ZnsSpec spec_own = {
    .device_bytes = 64 * MiB,
    .zone_bytes = 4 * MiB,
    .capacity_bytes = 3 * MiB,
    .max_open_zones = 12,
    .max_active_zones = 16,
    .zde_bytes = 64,
    .block_bytes = 512,
    .drive_options = ROOT_PORT,
    .ns_options = ",id=ns0",
};

/* The root port */

static QPCIDevice *find_port(ZnsDrive *drive)
{
    QPCIDevice *port = qpci_device_find(drive->bus, QPCI_DEVFN(PORT_SLOT, 0));

    g_assert_nonnull(port);
    return port;
}

static void prepare_port(ZnsDrive *drive)
{
    g_autofree QPCIDevice *port = find_port(drive);

    qpci_config_writeb(port, PCI_SECONDARY_BUS, PORT_BUS);
    qpci_config_writeb(port, PCI_SUBORDINATE_BUS, PORT_BUS);
    qpci_config_writew(port, PCI_MEMORY_BASE, PORT_WINDOW >> 16);
    qpci_config_writew(port, PCI_MEMORY_LIMIT, PORT_WINDOW >> 16);
    qpci_config_writew(port, PCI_COMMAND,
                       PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
}

static void switch_slot(ZnsDrive *drive, uint16_t control)
{
    g_autofree QPCIDevice *port = find_port(drive);
    uint8_t cap = qpci_find_capability(port, PCI_CAP_ID_EXP, 0);

    qpci_config_writew(port, cap + PCI_EXP_SLTCTL, control);
}

static ZnsCtrl *enable_plugged(ZnsDrive *drive)
{
    uint64_t next_addr = drive->bus->mmio_alloc_ptr;
    ZnsCtrl *ctrl;

    switch_slot(drive, SLOT_ON);
    drive->bus->mmio_alloc_ptr = PORT_WINDOW;
    ctrl = zns_ctrl_new(drive->qts, drive->bus, PORT_BUS << 8, &drive->alloc);
    drive->bus->mmio_alloc_ptr = next_addr;
    return ctrl;
}

static ZnsCtrl *plug_shared(ZnsDrive *drive)
{
    qtest_qmp_device_add(drive->qts, "nvme", "hot0",
                         "{ 'bus': 'port0', 'serial': 'zns', "
                         "'subsys': 'subsys0' }");
    return enable_plugged(drive);
}

static ZnsCtrl *plug_own(ZnsDrive *drive)
{
    qtest_qmp_device_add(drive->qts, "nvme", "hot0",
                         "{ 'bus': 'port0', 'serial': 'hot', "
                         "'drive': '" HOT_NODE "' }");
    return enable_plugged(drive);
}

static void unplug(ZnsDrive *drive, ZnsCtrl *ctrl)
{
    qtest_qmp_device_del_send(drive->qts, "hot0");
    switch_slot(drive, SLOT_OFF);
    qtest_qmp_eventwait(drive->qts, "DEVICE_DELETED");
    zns_ctrl_free(ctrl);
}

/* Commands in flight */

/* One write, and no more, until the limit is 0 again; id: that of the device */
static void limit_writes(ZnsDrive *drive, const char *id, int iops)
{
    qtest_qmp_assert_success(drive->qts,
        "{ 'execute': 'block_set_io_throttle', 'arguments': { 'id': %s, "
        "'bps': 0, 'bps_rd': 0, 'bps_wr': 0, 'iops': 0, 'iops_rd': 0, "
        "'iops_wr': %d } }", id, iops);
}

static void queue_appends(ZnsDrive *drive, ZnsCtrl *ctrl, uint32_t zone_idx,
                          uint32_t nr, uint16_t *cids)
{
    NvmeCmd cmd = zns_rw_cmd(NVME_CMD_ZONE_APPEND, zns_lba(drive, zone_idx),
                             APPEND_BLOCKS);
    uint32_t i;

    for (i = 0; i < nr; i++) {
        cids[i] = zns_queue_cmd(ctrl, ZNS_IO, &cmd, drive->buf_addr,
                                APPEND_BLOCKS * drive->spec->block_bytes);
    }
}

static void assert_in_flight(ZnsCtrl *ctrl, uint16_t cid)
{
    ZnsReply reply;

    g_assert_false(zns_poll(ctrl, ZNS_IO, cid, &reply));
}

/*
 * Of all kinds; they change zone_idx and the one behind it.  Returns the last
 * one that a limit holds.
 */
static uint16_t send_flight(ZnsDrive *drive, ZnsCtrl *ctrl, uint32_t zone_idx)
{
    uint16_t cids[NR_FLIGHTS];
    uint64_t next_lba = zns_lba(drive, zone_idx + 1);
    NvmeCmd wait_event = { .opcode = NVME_ADM_CMD_ASYNC_EV_REQ };
    NvmeCmd cmd;

    queue_appends(drive, ctrl, zone_idx, NR_FLIGHTS, cids);
    cmd = zns_rw_cmd(NVME_CMD_WRITE, next_lba, 64);
    zns_queue_cmd(ctrl, ZNS_IO, &cmd, drive->buf_addr, 32 * KiB);
    cmd = zns_rw_cmd(NVME_CMD_ZONE_MGMT_SEND, next_lba, 1);
    cmd.cdw13 = cpu_to_le32(NVME_ZONE_ACTION_RESET);
    zns_queue_cmd(ctrl, ZNS_IO, &cmd, 0, 0);
    cmd.cdw13 = cpu_to_le32(NVME_ZONE_ACTION_SET_ZD_EXT);
    zns_queue_cmd(ctrl, ZNS_IO, &cmd, drive->buf_addr, 64);
    cmd = zns_rw_cmd(NVME_CMD_READ, zns_lba(drive, zone_idx), 64);
    zns_queue_cmd(ctrl, ZNS_IO, &cmd, drive->buf_addr + ZNS_BUF_BYTES / 2,
                  32 * KiB);
    cmd = (NvmeCmd) {
        .opcode = NVME_CMD_FLUSH, .nsid = cpu_to_le32(NVME_NSID_BROADCAST),
    };
    zns_queue_cmd(ctrl, ZNS_IO, &cmd, 0, 0);
    zns_queue_cmd(ctrl, ZNS_ADMIN, &wait_event, 0, 0);
    zns_ring(ctrl, ZNS_IO);
    zns_ring(ctrl, ZNS_ADMIN);
    return cids[NR_FLIGHTS - 1];
}

/* By the controller that stays */
static void send_appends(ZnsDrive *drive, uint32_t zone_idx, uint16_t *cids)
{
    queue_appends(drive, drive->ctrl, zone_idx, NR_APPENDS, cids);
    zns_ring(drive->ctrl, ZNS_IO);
    assert_in_flight(drive->ctrl, cids[NR_APPENDS - 1]);
}

static void wait_appends(ZnsDrive *drive, const uint16_t *cids, uint32_t seed)
{
    uint32_t i;

    for (i = 0; i < NR_APPENDS; i++) {
        ZnsReply reply = zns_wait(drive->ctrl, ZNS_IO, cids[i]);

        zns_assert_ok(reply.status);
        g_assert_true(zns_holds(drive, reply.result, APPEND_BLOCKS, seed));
    }
}

/* Each below the write pointer is whole, and nothing is above */
static uint32_t check_appended(ZnsDrive *drive, uint32_t zone_idx,
                               uint32_t seed)
{
    ZnsZone zone = zns_zone(drive, zone_idx);
    uint64_t lba;

    g_assert_cmpuint((zone.wp_lba - zone.start_lba) % APPEND_BLOCKS, ==, 0);
    for (lba = zone.start_lba; lba < zone.wp_lba; lba += APPEND_BLOCKS) {
        g_assert_true(zns_holds(drive, lba, APPEND_BLOCKS, seed));
    }
    g_assert_true(zns_reads_zeros(drive, zone.wp_lba, 64));
    return (zone.wp_lba - zone.start_lba) / APPEND_BLOCKS;
}

/* A controller of a subsystem */

/* The one that stays appends to a zone, that which goes to another */
static void shared_round(ZnsDrive *drive, uint32_t round)
{
    uint32_t zone_idx = round % 5 * 3;
    ZnsCtrl *hot = plug_shared(drive);
    uint16_t cids[NR_APPENDS];

    zns_assert_ok(zns_open(drive, zone_idx));
    zns_put_pattern(drive, drive->buf_addr, APPEND_BLOCKS, round);
    limit_writes(drive, "ns0", 1);
    assert_in_flight(hot, send_flight(drive, hot, zone_idx + 1));
    send_appends(drive, zone_idx, cids);
    unplug(drive, hot);
    limit_writes(drive, "ns0", 0);
    wait_appends(drive, cids, round);
    /* Open zones stay open: they still have a controller */
    zns_assert_zone(drive, zone_idx, EXPLICITLY_OPEN,
                    NR_APPENDS * APPEND_BLOCKS);
    check_appended(drive, zone_idx, round);
    check_appended(drive, zone_idx + 1, round);
}

static void empty_zones_of(ZnsDrive *drive, uint32_t round)
{
    uint32_t i;

    for (i = 0; i < 3; i++) {
        zns_assert_ok(zns_reset(drive, round % 5 * 3 + i));
    }
}

static void comes_and_goes_amid_commands(ZnsDrive *drive)
{
    ZnsDrive *disk = zns_ns(drive, 2);
    uint32_t round;

    prepare_port(drive);
    zns_assert_ok(zns_write(disk, 0, 8, 1));
    for (round = 0; round < NR_ROUNDS; round++) {
        empty_zones_of(drive, round);
        shared_round(drive, round);
    }
    g_assert_true(zns_holds(disk, 0, 8, 1));
    zns_assert_ok(zns_flush(drive));

    drive->may_leak = true;
    zns_kill_and_restart(drive);
    for (round = NR_ROUNDS - 5; round < NR_ROUNDS; round++) {
        zns_assert_zone(drive, round % 5 * 3, CLOSED,
                        NR_APPENDS * APPEND_BLOCKS);
        check_appended(drive, round % 5 * 3, round);
        check_appended(drive, round % 5 * 3 + 1, round);
    }
}

/* Nobody has the zones any more, until another one comes */
static void last_one_goes(ZnsDrive *drive)
{
    ZnsCtrl *first = drive->ctrl;
    ZnsCtrl *hot;
    uint32_t round;

    prepare_port(drive);
    zns_ctrl_notify_shutdown(first);
    zns_ctrl_disable(first);
    for (round = 0; round < NR_ROUNDS; round++) {
        hot = drive->ctrl = plug_shared(drive);
        empty_zones_of(drive, round);
        zns_assert_ok(zns_open(drive, round % 5 * 3 + 2));
        zns_assert_ok(zns_write(drive, zns_lba(drive, round % 5 * 3 + 2), 8,
                                round));
        zns_put_pattern(drive, drive->buf_addr, APPEND_BLOCKS, round);
        limit_writes(drive, "ns0", 1);
        assert_in_flight(hot, send_flight(drive, hot, round % 5 * 3));
        unplug(drive, hot);
        limit_writes(drive, "ns0", 0);

        hot = drive->ctrl = plug_shared(drive);
        zns_assert_zone(drive, round % 5 * 3 + 2, CLOSED, 8);
        g_assert_true(zns_holds(drive, zns_lba(drive, round % 5 * 3 + 2), 8,
                                round));
        check_appended(drive, round % 5 * 3, round);
        unplug(drive, hot);
    }
    drive->ctrl = first;
}

/* A controller with an image of its own */

static void add_node(ZnsDrive *drive, const char *name, const char *image)
{
    qtest_qmp_assert_success(drive->qts,
        "{ 'execute': 'blockdev-add', 'arguments': { 'driver': 'qcow2', "
        "'node-name': %s, 'zone-commit-interval': 0, 'file': "
        "{ 'driver': 'file', 'filename': %s } } }", name, image);
}

static void delete_node(ZnsDrive *drive)
{
    qtest_qmp_assert_success(drive->qts,
        "{ 'execute': 'blockdev-del', 'arguments': "
        "{ 'node-name': '" HOT_NODE "' } }");
}

/* While nobody but the node has the zones */
static void assert_none_open(ZnsDrive *drive)
{
    QDict *zones = qtest_qmp_assert_success_ref(drive->qts,
        "{ 'execute': 'query-block-zones', 'arguments': "
        "{ 'node-name': '" HOT_NODE "' } }");
    const QDict *counts = qdict_get_qdict(zones, "counts");

    g_assert_nonnull(counts);
    g_assert_cmpint(qdict_get_int(counts, "explicitly-opened"), ==, 0);
    g_assert_cmpint(qdict_get_int(counts, "implicitly-opened"), ==, 0);
    qobject_unref(zones);
}

static void send_format(ZnsCtrl *ctrl)
{
    NvmeCmd cmd = {
        .opcode = NVME_ADM_CMD_FORMAT_NVM, .nsid = cpu_to_le32(1),
    };

    zns_queue_cmd(ctrl, ZNS_ADMIN, &cmd, 0, 0);
    zns_ring(ctrl, ZNS_ADMIN);
}

/* Zone 9 is written before, and flushed; a format may empty it */
static void check_flushed(ZnsDrive *drive, uint32_t round, bool may_be_empty)
{
    ZnsZone zone = zns_zone(drive, 9);

    if (may_be_empty && zone.wp_lba == zone.start_lba) {
        zns_assert_zone(drive, 9, EMPTY, 0);
    } else {
        zns_assert_zone(drive, 9, CLOSED, 8);
        g_assert_true(zns_holds(drive, zns_lba(drive, 9), 8, round + 1000));
    }
}

/* Commands of the drive itself go on beside it */
static void own_round(ZnsDrive *drive, ZnsDrive *own, uint32_t round)
{
    bool formats = round % 4 == 3;
    uint32_t zone_idx = round % 3 * 2;
    uint16_t cids[NR_APPENDS];

    own->ctrl = plug_own(drive);
    zns_assert_ok(zns_send(own, 0, NVME_ZONE_ACTION_RESET | ZNS_SELECT_ALL));
    zns_assert_ok(zns_open(own, 9));
    zns_assert_ok(zns_write(own, zns_lba(own, 9), 8, round + 1000));
    zns_assert_ok(zns_flush(own));
    zns_put_pattern(drive, drive->buf_addr, APPEND_BLOCKS, round);
    if (formats) {
        /* whose steps would wait for a limit, and that for time to go by */
        send_flight(own, own->ctrl, zone_idx);
        send_format(own->ctrl);
    } else {
        limit_writes(drive, "hot0", 1);
        assert_in_flight(own->ctrl, send_flight(own, own->ctrl, zone_idx));
    }
    limit_writes(drive, "ns0", 1);
    send_appends(drive, 1, cids);
    unplug(drive, own->ctrl);
    limit_writes(drive, "ns0", 0);
    wait_appends(drive, cids, round);
    zns_assert_ok(zns_reset(drive, 1));
    assert_none_open(drive);
    if (round % 2) {
        delete_node(drive);
        add_node(drive, HOT_NODE, own->image);
    }

    own->ctrl = plug_own(drive);
    check_flushed(own, round, formats);
    check_appended(own, zone_idx, round);
    unplug(drive, own->ctrl);
}

/* A namespace of which the rest of the drive knows nothing */
static ZnsDrive *new_own(ZnsDrive *drive)
{
    ZnsDrive *own = g_new0(ZnsDrive, 1);

    *own = *drive;
    own->image = zns_create_image(&spec_own, ZNS_QCOW2);
    g_assert_nonnull(own->image);
    return own;
}

static void free_own(ZnsDrive *own)
{
    g_assert_true(zns_check_image(own));
    unlink(own->image);
    g_free(own->image);
    g_free(own);
}

static void own_image_comes_and_goes(ZnsDrive *drive)
{
    ZnsDrive *own = new_own(drive);
    uint32_t round;

    prepare_port(drive);
    add_node(drive, HOT_NODE, own->image);
    for (round = 0; round < NR_ROUNDS; round++) {
        own_round(drive, own, round);
    }
    delete_node(drive);
    free_own(own);
}

/* What it had to tell goes with it; the zones have nobody to tell then */
static void changed_zones_go_with_it(ZnsDrive *drive)
{
    ZnsDrive *own = new_own(drive);
    uint32_t i;

    prepare_port(drive);
    add_node(drive, HOT_NODE, own->image);
    for (i = 0; i < 3; i++) {
        own->ctrl = plug_own(drive);
        qtest_qmp_assert_success(drive->qts,
            "{ 'execute': 'block-zone-set-state', 'arguments': { "
            "'node-name': '" HOT_NODE "', 'zone': %u, 'state': 'read-only' } }",
            2 * i);
        zns_assert_state(own, 2 * i, READ_ONLY);
        unplug(drive, own->ctrl);
        qtest_qmp_assert_success(drive->qts,
            "{ 'execute': 'block-zone-set-state', 'arguments': { "
            "'node-name': '" HOT_NODE "', 'zone': %u, 'state': 'offline' } }",
            2 * i + 1);
    }
    own->ctrl = plug_own(drive);
    zns_assert_state(own, 4, READ_ONLY);
    zns_assert_state(own, 5, OFFLINE);
    unplug(drive, own->ctrl);
    delete_node(drive);
    free_own(own);
}

/* What is refused */

static void assert_refused(ZnsDrive *drive, const char *text, QDict *answer)
{
    QDict *error = qdict_get_qdict(answer, "error");

    g_assert_nonnull(error);
    if (error) {
        g_test_message("%s", qdict_get_str(error, "desc"));
        g_assert_nonnull(strstr(qdict_get_str(error, "desc"), text));
    }
    qobject_unref(answer);
}

static void namespaces_stay(ZnsDrive *drive)
{
    QTestState *qts = drive->qts;

    zns_assert_ok(zns_write(drive, 0, 8, 1));
    assert_refused(drive, "does not support hotplugging", qtest_qmp(qts,
        "{ 'execute': 'device_del', 'arguments': { 'id': 'ns0' } }"));
    qtest_qmp_assert_success(qts,
        "{ 'execute': 'blockdev-add', 'arguments': { 'driver': 'null-co', "
        "'node-name': '" HOT_NODE "', 'size': 16777216 } }");
    assert_refused(drive, "does not support hotplugging", qtest_qmp(qts,
        "{ 'execute': 'device_add', 'arguments': { 'driver': 'nvme-ns', "
        "'drive': '" HOT_NODE "', 'bus': 'nvme0' } }"));
    delete_node(drive);
    zns_assert_zone(drive, 0, IMPLICITLY_OPEN, 8);
    zns_assert_ok(zns_write(drive, 8, 8, 2));
}

/*
 * The slot is free afterwards.  (The node is not: a controller of the base that
 * fails while it is realized is never freed.)
 */
static void refused_leaves_slot(ZnsDrive *drive)
{
    static const ZnsSpec spec_conventional = {
        .device_bytes = 64 * MiB,
        .zone_bytes = 4 * MiB,
        .capacity_bytes = 4 * MiB,
        .block_bytes = 512,
        .image_options = ",zone.conventional_zones=2",
    };
    char *conventional = zns_create_image(&spec_conventional, ZNS_QCOW2);
    ZnsDrive *own = new_own(drive);

    prepare_port(drive);
    add_node(drive, "refused", conventional);
    assert_refused(drive, "cannot have conventional zones",
        qtest_qmp(drive->qts,
            "{ 'execute': 'device_add', 'arguments': { 'driver': 'nvme', "
            "'id': 'hot0', 'bus': 'port0', 'serial': 'hot', "
            "'drive': 'refused' } }"));

    add_node(drive, HOT_NODE, own->image);
    own->ctrl = plug_own(drive);
    zns_assert_ok(zns_write(own, zns_lba(own, 1), 8, 1));
    unplug(drive, own->ctrl);
    delete_node(drive);
    unlink(conventional);
    g_free(conventional);
    free_own(own);
}

const ZnsTest zns_plug_tests[] = {
    { "plug/controller-comes-and-goes-amid-commands",
      comes_and_goes_amid_commands, ZNS_QCOW2, &spec_shared },
    { "plug/last-controller-comes-and-goes", last_one_goes, ZNS_QCOW2,
      &spec_shared },
    { "plug/image-comes-and-goes-with-its-controller",
      own_image_comes_and_goes, ZNS_QCOW2, &spec_own },
    { "plug/changed-zones-go-with-the-controller", changed_zones_go_with_it,
      ZNS_QCOW2, &spec_own },
    { "plug/refused-controller-leaves-its-slot", refused_leaves_slot,
      ZNS_QCOW2, &spec_own },
    { "plug/namespaces-stay", namespaces_stay, ZNS_QCOW2, &spec_own },
    { }
};
