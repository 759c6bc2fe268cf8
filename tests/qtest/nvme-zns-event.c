/*
 * qtest of zoned namespaces: the Zone Descriptor Changed event and its log
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What it shows: that the host learns of every zone that the drive itself has
 * changed, from each controller that has the namespace attached, once, and
 * only where it asked for it; and that what the host does to zones is no news.
 *
 * How: zones are broken through QMP; Asynchronous Event Requests wait in the
 * admin queue; the Changed Zone List is read with all kinds of arguments.  A
 * slow image below a filter makes a change last while the controller is reset.
 */

#include "qemu/osdep.h"
#include "qemu/bswap.h"
#include "qemu/cutils.h"
#include "qemu/units.h"
#include "nvme-zns-drive.h"

#define SECOND_SLOT         5
#define PLAIN_NSID          2

#define LOG_CHANGED_ZONES   0xbf
#define LOG_BYTES           4096
#define LOG_MAX_ZONES       511
#define EVENT_BIT           (1u << 27)
/* Notice, Zone Descriptor Changed, log page BFh; namespace 1 */
#define EVENT_RESULT        (0x00bfef02 | 1ull << 32)
/* Notice, Namespace Attribute Changed, log page 04h */
#define NS_EVENT_RESULT     0x00040002

#define ATTACH              0
#define DETACH              1

#define PLAIN_NS(bus)                                               \
    " -drive if=none,id=plain0,driver=null-co,size=16M"             \
    " -device nvme-ns,drive=plain0,nsid=2,bus=" bus

/* A namespace without zones beside the one with them */
static const ZnsSpec spec_two_namespaces = {
    .device_bytes = 64 * MiB,
    .zone_bytes = 4 * MiB,
    .capacity_bytes = 3 * MiB,
    .block_bytes = 512,
    .ns_options = PLAIN_NS("nvme0"),
};

static const ZnsSpec spec_plain_ctrl = {
    .device_bytes = 64 * MiB,
    .zone_bytes = 4 * MiB,
    .capacity_bytes = 3 * MiB,
    .block_bytes = 512,
    .ns_options = " -device nvme,serial=plain,id=nvme1,addr=5.0"
                  PLAIN_NS("nvme1"),
};

static const ZnsSpec spec_shared = {
    .device_bytes = 64 * MiB,
    .zone_bytes = 4 * MiB,
    .capacity_bytes = 3 * MiB,
    .block_bytes = 512,
    .drive_options = " -device nvme-subsys,id=subsys0",
    .ctrl_options = ",subsys=subsys0",
    .ns_options = " -device nvme,serial=zns,subsys=subsys0,addr=5.0",
};

static const ZnsSpec spec_many_zones = {
    .device_bytes = 600 * 64 * KiB,
    .zone_bytes = 64 * KiB,
    .capacity_bytes = 64 * KiB,
    .block_bytes = 512,
};

static const ZnsSpec spec_excursions = {
    .device_bytes = 64 * MiB,
    .zone_bytes = 4 * MiB,
    .capacity_bytes = 3 * MiB,
    .block_bytes = 512,
    .ns_options = ",zoned.excursions=on,zoned.frl=100",
};

#define SLOW_NSID           2
#define SLOW_NS                                                             \
    " -blockdev driver=null-co,node-name=slow0,size=65536,"                 \
    "latency-ns=100000000 -device nvme-ns,drive=slow0,bus=nvme0,nsid=2"

/*
 * What comes to zones0 from QMP is not waited for when the device is drained.
 * A Format of namespace 2 ends while namespace 1 is.
 */
static const ZnsSpec spec_below = {
    .device_bytes = 64 * MiB,
    .zone_bytes = 4 * MiB,
    .capacity_bytes = 3 * MiB,
    .block_bytes = 512,
    .drive_options = " -object throttle-group,id=none0",
    .qcow2_node = "discard=unmap,driver=throttle,throttle-group=none0,"
                  "file.driver=qcow2,file.discard=unmap,"
                  "file.node-name=zones0," ZNS_SLOW_FILE("file.file"),
    .ns_options = SLOW_NS,
};

typedef struct ChangedZones {
    uint16_t nr_zones;
    uint64_t zone_lba[LOG_MAX_ZONES];
} ChangedZones;

static uint16_t get_log(ZnsDrive *drive, uint32_t nsid, bool retain,
                        uint64_t offset, size_t bytes)
{
    NvmeCmd cmd = {
        .opcode = NVME_ADM_CMD_GET_LOG_PAGE,
        .nsid = cpu_to_le32(nsid),
        .cdw10 = cpu_to_le32(LOG_CHANGED_ZONES | retain << 15 |
                             (uint32_t)(bytes / 4 - 1) << 16),
        .cdw12 = cpu_to_le32(offset),
        .cdw13 = cpu_to_le32(offset >> 32),
    };

    return zns_exec(drive->ctrl, ZNS_ADMIN, &cmd, drive->buf_addr,
                    bytes).status;
}

/* Changed Namespace List: notices are not masked any more */
static void clear_namespace_event(ZnsDrive *drive)
{
    NvmeCmd cmd = {
        .opcode = NVME_ADM_CMD_GET_LOG_PAGE,
        .cdw10 = cpu_to_le32(NVME_LOG_CHANGED_NSLIST |
                             (LOG_BYTES / 4 - 1) << 16),
    };

    zns_assert_ok(zns_exec(drive->ctrl, ZNS_ADMIN, &cmd, drive->buf_addr,
                           LOG_BYTES).status);
}

static void load_changed(ZnsDrive *drive, bool retain, ChangedZones *changed)
{
    uint8_t page[LOG_BYTES];
    size_t i;

    qtest_memset(drive->qts, drive->buf_addr, 0xa5, sizeof(page));
    zns_assert_ok(get_log(drive, 1, retain, 0, sizeof(page)));
    qtest_memread(drive->qts, drive->buf_addr, page, sizeof(page));
    changed->nr_zones = lduw_le_p(page);
    g_assert_true(buffer_is_zero(page + 2, 6));
    for (i = 0; i < LOG_MAX_ZONES; i++) {
        changed->zone_lba[i] = ldq_le_p(page + 8 + i * 8);
        if (i >= changed->nr_zones) {
            g_assert_cmphex(changed->zone_lba[i], ==, 0);
        }
    }
}

static void assert_changed(ZnsDrive *drive, const uint32_t *zone_idx,
                           uint16_t nr_zones)
{
    g_autofree ChangedZones *changed = g_new0(ChangedZones, 1);
    uint16_t i, j;

    load_changed(drive, false, changed);
    g_assert_cmpuint(changed->nr_zones, ==, nr_zones);
    for (i = 0; i < nr_zones; i++) {
        for (j = 0; j < nr_zones; j++) {
            if (changed->zone_lba[j] == zns_lba(drive, zone_idx[i])) {
                break;
            }
        }
        g_assert_cmpuint(j, <, nr_zones);
    }
}

static void assert_none_changed(ZnsDrive *drive)
{
    assert_changed(drive, NULL, 0);
}

static void assert_one_changed(ZnsDrive *drive, uint32_t zone_idx)
{
    assert_changed(drive, &zone_idx, 1);
}

static void configure_events(ZnsDrive *drive, uint32_t bits)
{
    NvmeCmd cmd = {
        .opcode = NVME_ADM_CMD_SET_FEATURES,
        .cdw10 = cpu_to_le32(NVME_ASYNCHRONOUS_EVENT_CONF),
        .cdw11 = cpu_to_le32(bits),
    };

    zns_assert_ok(zns_exec(drive->ctrl, ZNS_ADMIN, &cmd, 0, 0).status);
}

static uint16_t request_event(ZnsDrive *drive)
{
    NvmeCmd cmd = { .opcode = NVME_ADM_CMD_ASYNC_EV_REQ };
    uint16_t cid = zns_queue_cmd(drive->ctrl, ZNS_ADMIN, &cmd, 0, 0);

    zns_ring(drive->ctrl, ZNS_ADMIN);
    return cid;
}

static void assert_event(ZnsDrive *drive, uint16_t cid)
{
    ZnsReply reply = zns_wait(drive->ctrl, ZNS_ADMIN, cid);

    zns_assert_ok(reply.status);
    g_assert_cmphex(reply.result, ==, EVENT_RESULT);
}

/* Admin commands complete in order: what has not come by then is not sent */
static void assert_no_event(ZnsDrive *drive, uint16_t cid)
{
    NvmeCmd cmd = {
        .opcode = NVME_ADM_CMD_GET_FEATURES,
        .cdw10 = cpu_to_le32(NVME_ASYNCHRONOUS_EVENT_CONF),
    };
    ZnsReply reply;

    zns_assert_ok(zns_exec(drive->ctrl, ZNS_ADMIN, &cmd, 0, 0).status);
    g_assert_false(zns_poll(drive->ctrl, ZNS_ADMIN, cid, &reply));
}

static bool is_announced(ZnsDrive *drive, ZnsCtrl *ctrl)
{
    NvmeCmd cmd = {
        .opcode = NVME_ADM_CMD_IDENTIFY,
        .cdw10 = cpu_to_le32(NVME_ID_CNS_CTRL),
    };
    g_autofree NvmeIdCtrl *id = g_new0(NvmeIdCtrl, 1);

    zns_assert_ok(zns_exec(ctrl, ZNS_ADMIN, &cmd, drive->buf_addr,
                           sizeof(*id)).status);
    qtest_memread(drive->qts, drive->buf_addr, id, sizeof(*id));
    return le32_to_cpu(id->oaes) & EVENT_BIT;
}

static void announced(ZnsDrive *drive)
{
    ZnsCtrl *plain = zns_ctrl_new(drive->qts, drive->bus,
                                  QPCI_DEVFN(SECOND_SLOT, 0), &drive->alloc);

    g_assert_true(is_announced(drive, drive->ctrl));
    g_assert_false(is_announced(drive, plain));
    zns_ctrl_free(plain);
}

static void sent_and_logged(ZnsDrive *drive)
{
    uint16_t cid;

    configure_events(drive, EVENT_BIT);
    cid = request_event(drive);
    assert_no_event(drive, cid);
    zns_set_state(drive, 3, "read-only");
    assert_event(drive, cid);
    zns_assert_state(drive, 3, READ_ONLY);
    assert_one_changed(drive, 3);
    assert_none_changed(drive);
}

static void sent_of_excursion(ZnsDrive *drive)
{
    uint16_t cid;

    configure_events(drive, EVENT_BIT);
    zns_assert_ok(zns_write(drive, zns_lba(drive, 3), 8, 1));
    cid = request_event(drive);
    zns_set_state(drive, 3, "full");
    assert_event(drive, cid);
    zns_assert_state(drive, 3, FULL);
    assert_one_changed(drive, 3);
    assert_none_changed(drive);
}

/* By itself, after the host has gone: it finds out when it is back */
static void sent_of_late_excursion(ZnsDrive *drive)
{
    int64_t end_us = g_get_monotonic_time() + 10 * G_USEC_PER_SEC;
    uint16_t cid;

    zns_assert_ok(zns_write(drive, zns_lba(drive, 3), 8, 1));
    zns_set_attributes(drive, 3, true, false);
    zns_restart(drive);
    qtest_clock_step(drive->qts, 101 * 1000000000LL);
    while (zns_zone(drive, 3).state != NVME_ZONE_STATE_FULL &&
           g_get_monotonic_time() < end_us) {
        g_usleep(1000);
    }
    zns_assert_state(drive, 3, FULL);
    zns_ctrl_reset(drive->ctrl);
    assert_one_changed(drive, 3);
    configure_events(drive, EVENT_BIT);
    cid = request_event(drive);
    assert_no_event(drive, cid);
}

static void waits_for_a_request(ZnsDrive *drive)
{
    configure_events(drive, EVENT_BIT);
    zns_set_state(drive, 3, "offline");
    assert_event(drive, request_event(drive));
    assert_one_changed(drive, 3);
}

static void attributes_are_news(ZnsDrive *drive)
{
    uint16_t cid;

    configure_events(drive, EVENT_BIT);
    zns_assert_ok(zns_write(drive, zns_lba(drive, 2), 8, 1));
    cid = request_event(drive);
    zns_set_attributes(drive, 2, true, false);
    assert_event(drive, cid);
    g_assert_cmphex(zns_zone(drive, 2).attributes, ==,
                    NVME_ZA_FINISH_RECOMMENDED);
    assert_one_changed(drive, 2);

    cid = request_event(drive);
    zns_assert_ok(zns_finish(drive, 2));
    zns_set_attributes(drive, 2, false, true);
    assert_event(drive, cid);
    g_assert_cmphex(zns_zone(drive, 2).attributes, ==,
                    NVME_ZA_RESET_RECOMMENDED);
    assert_one_changed(drive, 2);
}

static void not_without_asking(ZnsDrive *drive)
{
    uint16_t cid = request_event(drive);

    zns_set_state(drive, 3, "read-only");
    assert_no_event(drive, cid);
    assert_one_changed(drive, 3);

    configure_events(drive, EVENT_BIT);
    assert_no_event(drive, cid);
    zns_set_state(drive, 4, "read-only");
    assert_event(drive, cid);
    assert_one_changed(drive, 4);
}

static void masked_until_read(ZnsDrive *drive)
{
    static const uint32_t both[] = { 3, 5 };
    uint16_t cid;

    configure_events(drive, EVENT_BIT);
    cid = request_event(drive);
    zns_set_state(drive, 3, "read-only");
    assert_event(drive, cid);
    cid = request_event(drive);
    zns_set_state(drive, 5, "offline");
    assert_no_event(drive, cid);
    assert_changed(drive, both, ARRAY_SIZE(both));
    assert_no_event(drive, cid);
    zns_set_state(drive, 6, "offline");
    assert_event(drive, cid);
    assert_one_changed(drive, 6);
}

static void retained(ZnsDrive *drive)
{
    g_autofree ChangedZones *changed = g_new0(ChangedZones, 1);
    uint16_t cid;

    configure_events(drive, EVENT_BIT);
    cid = request_event(drive);
    zns_set_state(drive, 3, "read-only");
    assert_event(drive, cid);
    load_changed(drive, true, changed);
    g_assert_cmpuint(changed->nr_zones, ==, 1);
    cid = request_event(drive);
    zns_set_state(drive, 3, "offline");
    assert_no_event(drive, cid);
    assert_one_changed(drive, 3);
    zns_set_state(drive, 4, "offline");
    assert_event(drive, cid);
}

static void listed_once(ZnsDrive *drive)
{
    zns_assert_ok(zns_open(drive, 3));
    zns_set_attributes(drive, 3, true, false);
    zns_set_attributes(drive, 3, false, false);
    zns_set_state(drive, 3, "read-only");
    zns_set_state(drive, 3, "offline");
    assert_one_changed(drive, 3);
}

static void overflow(ZnsDrive *drive)
{
    g_autofree ChangedZones *changed = g_new0(ChangedZones, 1);
    uint32_t i;

    for (i = 0; i < LOG_MAX_ZONES; i++) {
        zns_set_state(drive, i + 1, "read-only");
    }
    load_changed(drive, true, changed);
    g_assert_cmpuint(changed->nr_zones, ==, LOG_MAX_ZONES);
    for (i = 0; i < LOG_MAX_ZONES; i++) {
        g_assert_cmpuint(changed->zone_lba[i], ==, zns_lba(drive, i + 1));
    }
    /* One that is listed takes no more room */
    zns_set_state(drive, 7, "offline");
    load_changed(drive, true, changed);
    g_assert_cmpuint(changed->nr_zones, ==, LOG_MAX_ZONES);

    zns_set_state(drive, 0, "read-only");
    load_changed(drive, false, changed);
    g_assert_cmphex(changed->nr_zones, ==, 0xffff);
    for (i = 0; i < LOG_MAX_ZONES; i++) {
        g_assert_cmphex(changed->zone_lba[i], ==, 0);
    }
    assert_none_changed(drive);
    zns_set_state(drive, 9, "offline");
    assert_one_changed(drive, 9);
}

static void parts(ZnsDrive *drive)
{
    uint8_t data[16];

    zns_set_state(drive, 3, "read-only");
    qtest_memset(drive->qts, drive->buf_addr, 0xa5, sizeof(data));
    zns_assert_ok(get_log(drive, 1, true, 8, 8));
    qtest_memread(drive->qts, drive->buf_addr, data, sizeof(data));
    g_assert_cmpuint(ldq_le_p(data), ==, zns_lba(drive, 3));
    g_assert_cmphex(ldq_le_p(data + 8), ==, 0xa5a5a5a5a5a5a5a5);

    /* More than there is: what lies behind the page stays */
    qtest_memset(drive->qts, drive->buf_addr, 0xa5, sizeof(data));
    zns_assert_ok(get_log(drive, 1, true, LOG_BYTES - 8, 16));
    qtest_memread(drive->qts, drive->buf_addr, data, sizeof(data));
    g_assert_cmphex(ldq_le_p(data), ==, 0);
    g_assert_cmphex(ldq_le_p(data + 8), ==, 0xa5a5a5a5a5a5a5a5);

    zns_assert_status(get_log(drive, 1, false, LOG_BYTES, 8),
                      NVME_INVALID_FIELD);
    zns_assert_status(get_log(drive, 1, false, 2, 8), NVME_INVALID_FIELD);
    /* None of them has cleared it */
    assert_one_changed(drive, 3);
}

static void wrong_namespaces(ZnsDrive *drive)
{
    zns_assert_status(get_log(drive, 0, false, 0, LOG_BYTES),
                      NVME_INVALID_NSID);
    zns_assert_status(get_log(drive, NVME_NSID_BROADCAST, false, 0,
                              LOG_BYTES), NVME_INVALID_NSID);
    zns_assert_status(get_log(drive, 7, false, 0, LOG_BYTES),
                      NVME_INVALID_FIELD);
    zns_assert_status(get_log(drive, PLAIN_NSID, false, 0, LOG_BYTES),
                      NVME_INVALID_LOG_ID);
    assert_none_changed(drive);
}

/* Every way in which a command changes a zone, and room made by the drive */
static void commands_are_no_news(ZnsDrive *drive)
{
    uint32_t i;

    for (i = 0; i < 4; i++) {
        zns_assert_ok(zns_write(drive, zns_lba(drive, i), 8, i));
    }
    zns_assert_ok(zns_open(drive, 3));
    zns_assert_ok(zns_close(drive, 3));
    zns_assert_ok(zns_finish(drive, 3));
    zns_assert_ok(zns_reset(drive, 3));
    zns_assert_ok(zns_fill_zone(drive, 3));
    zns_assert_ok(zns_set_zde(drive, 4, 4));
    zns_set_state(drive, 5, "read-only");
    assert_one_changed(drive, 5);
    zns_assert_ok(zns_send(drive, zns_lba(drive, 5),
                           NVME_ZONE_ACTION_OFFLINE));
    zns_assert_state(drive, 5, OFFLINE);
    assert_none_changed(drive);
}

static void all_controllers(ZnsDrive *drive)
{
    ZnsCtrl *first = drive->ctrl;
    ZnsCtrl *second = zns_ctrl_new(drive->qts, drive->bus,
                                   QPCI_DEVFN(SECOND_SLOT, 0), &drive->alloc);
    uint16_t cid1, cid2;

    configure_events(drive, EVENT_BIT);
    cid1 = request_event(drive);
    drive->ctrl = second;
    configure_events(drive, EVENT_BIT);
    cid2 = request_event(drive);

    zns_set_state(drive, 3, "read-only");
    assert_event(drive, cid2);
    assert_one_changed(drive, 3);
    drive->ctrl = first;
    assert_event(drive, cid1);
    assert_one_changed(drive, 3);
    zns_ctrl_free(second);
}

static void detached_gets_none(ZnsDrive *drive)
{
    ZnsCtrl *first = drive->ctrl;
    ZnsCtrl *second = zns_ctrl_new(drive->qts, drive->bus,
                                   QPCI_DEVFN(SECOND_SLOT, 0), &drive->alloc);
    uint16_t cid;

    drive->ctrl = second;
    configure_events(drive, EVENT_BIT);
    cid = request_event(drive);
    zns_assert_ok(zns_attach(drive, 1, 1, DETACH));
    /* The detachment itself is news of another kind */
    g_assert_cmphex(zns_wait(second, ZNS_ADMIN, cid).result, ==,
                    NS_EVENT_RESULT);
    clear_namespace_event(drive);
    cid = request_event(drive);
    zns_set_state(drive, 3, "read-only");
    assert_no_event(drive, cid);
    zns_assert_status(get_log(drive, 1, false, 0, LOG_BYTES),
                      NVME_INVALID_FIELD);
    drive->ctrl = first;
    assert_one_changed(drive, 3);
    zns_ctrl_free(second);
}

/* Notices must not wait for a log that cannot be read any more */
static void detached_before_reading(ZnsDrive *drive)
{
    uint16_t cid;

    configure_events(drive, EVENT_BIT);
    cid = request_event(drive);
    zns_set_state(drive, 3, "read-only");
    assert_event(drive, cid);
    cid = request_event(drive);
    zns_assert_ok(zns_attach(drive, 1, 0, DETACH));
    g_assert_cmphex(zns_wait(drive->ctrl, ZNS_ADMIN, cid).result, ==,
                    NS_EVENT_RESULT);
    zns_assert_ok(zns_attach(drive, 1, 0, ATTACH));
    assert_none_changed(drive);
}

static void again_after_reset(ZnsDrive *drive)
{
    uint16_t cid;

    configure_events(drive, EVENT_BIT);
    cid = request_event(drive);
    zns_set_state(drive, 3, "read-only");
    assert_event(drive, cid);
    zns_ctrl_reset(drive->ctrl);
    /* which has forgotten what the host had asked for */
    cid = request_event(drive);
    assert_no_event(drive, cid);
    configure_events(drive, EVENT_BIT);
    assert_event(drive, request_event(drive));
    assert_one_changed(drive, 3);
}

static uint16_t send_deallocate(ZnsDrive *drive, const uint64_t *lbas,
                                size_t nr, uint32_t nr_blocks)
{
    g_autofree NvmeDsmRange *ranges = g_new0(NvmeDsmRange, nr);
    NvmeCmd cmd = {
        .opcode = NVME_CMD_DSM,
        .nsid = cpu_to_le32(1),
        .cdw10 = cpu_to_le32(nr - 1),
        .cdw11 = cpu_to_le32(NVME_DSMGMT_AD),
    };
    uint16_t cid;
    size_t i;

    for (i = 0; i < nr; i++) {
        ranges[i].slba = cpu_to_le64(lbas[i]);
        ranges[i].nlb = cpu_to_le32(nr_blocks);
    }
    qtest_memwrite(drive->qts, drive->buf_addr, ranges, nr * sizeof(*ranges));
    cid = zns_queue_cmd(drive->ctrl, ZNS_IO, &cmd, drive->buf_addr,
                        nr * sizeof(*ranges));
    zns_ring(drive->ctrl, ZNS_IO);
    return cid;
}

/* In zones 1 and 2 */
static void prepare_ranges(ZnsDrive *drive, uint64_t *lbas, uint32_t nr_blocks)
{
    uint32_t i;

    for (i = 0; i < 2; i++) {
        lbas[i] = zns_lba(drive, i + 1);
        zns_assert_ok(zns_write(drive, lbas[i], nr_blocks, i));
    }
    zns_assert_ok(zns_flush(drive));
    configure_events(drive, EVENT_BIT);
}

/*
 * The drain of the reset waits for the first range.  The second one begins when
 * the drive has set the attribute of its zone, and is waited for when it is
 * cancelled: the requests for events have gone by then.
 */
static void reset_amid_change(ZnsDrive *drive, const uint64_t *lbas,
                              uint32_t nr_blocks)
{
    send_deallocate(drive, lbas, 2, nr_blocks);
    qtest_qmp_send(drive->qts,
        "{ 'execute': 'block-zone-set-attributes', 'arguments': "
        "{ 'node-name': 'zones0', 'zone': 2, 'finish-recommended': true } }");
    g_usleep(ZNS_SLOW_MS * 1000);
    zns_ctrl_reset(drive->ctrl);
    qobject_unref(qtest_qmp_receive(drive->qts));

    g_assert_cmphex(zns_zone(drive, 2).attributes, ==,
                    NVME_ZA_FINISH_RECOMMENDED);
    assert_one_changed(drive, 2);
}

static void amid_reset(ZnsDrive *drive)
{
    uint32_t nr_blocks = 64 * KiB / drive->spec->block_bytes;
    uint64_t lbas[2];

    prepare_ranges(drive, lbas, nr_blocks);
    request_event(drive);
    reset_amid_change(drive, lbas, nr_blocks);
}

/* The queue has room for two commands: the third one waits for the Format */
static void not_fetched_amid_reset(ZnsDrive *drive)
{
    uint32_t nr_blocks = 64 * KiB / drive->spec->block_bytes;
    NvmeCmd format = {
        .opcode = NVME_ADM_CMD_FORMAT_NVM, .nsid = cpu_to_le32(SLOW_NSID),
    };
    uint64_t lbas[2];

    zns_ctrl_reset_to_admin_depth(drive->ctrl, 2);
    prepare_ranges(drive, lbas, nr_blocks);
    request_event(drive);
    zns_assert_ok(zns_read(drive, lbas[0], 1));
    zns_queue_cmd(drive->ctrl, ZNS_ADMIN, &format, 0, 0);
    zns_ring(drive->ctrl, ZNS_ADMIN);
    zns_assert_ok(zns_read(drive, lbas[0], 1));
    request_event(drive);
    reset_amid_change(drive, lbas, nr_blocks);
}

/* Notices mask each other; none that waits may be lost */
static void among_other_notices(ZnsDrive *drive)
{
    uint16_t cid1, cid2;

    configure_events(drive, EVENT_BIT | 1 << 8);
    cid1 = request_event(drive);
    cid2 = request_event(drive);
    zns_set_state(drive, 3, "read-only");
    /* Requests are answered in any order */
    assert_event(drive, cid2);
    zns_assert_ok(zns_attach(drive, PLAIN_NSID, 0, DETACH));
    assert_no_event(drive, cid1);
    assert_one_changed(drive, 3);
    g_assert_cmphex(zns_wait(drive->ctrl, ZNS_ADMIN, cid1).result, ==,
                    NS_EVENT_RESULT);
}

/* That another log was read says nothing about this one */
static void not_repeated_by_other_notices(ZnsDrive *drive)
{
    uint16_t cid;

    configure_events(drive, EVENT_BIT);
    cid = request_event(drive);
    zns_set_state(drive, 3, "read-only");
    assert_event(drive, cid);
    cid = request_event(drive);
    zns_set_state(drive, 4, "read-only");
    clear_namespace_event(drive);
    assert_no_event(drive, cid);
    zns_set_state(drive, 5, "read-only");
    assert_no_event(drive, cid);
}

const ZnsTest zns_event_tests[] = {
    { "event/is-announced-with-a-zoned-namespace", announced, ZNS_BOTH,
      &spec_plain_ctrl },
    { "event/of-a-zone-that-becomes-read-only", sent_and_logged, ZNS_BOTH },
    { "event/waits-for-a-request", waits_for_a_request, ZNS_BOTH },
    { "event/of-a-zone-that-the-controller-finishes", sent_of_excursion,
      ZNS_BOTH, &spec_excursions },
    { "changed-zones/of-an-excursion-at-its-time", sent_of_late_excursion,
      ZNS_QCOW2, &spec_excursions },
    { "event/of-recommendations", attributes_are_news, ZNS_BOTH },
    { "event/not-where-nobody-asked-for-it", not_without_asking, ZNS_BOTH },
    { "event/is-masked-until-the-log-is-read", masked_until_read, ZNS_BOTH },
    { "event/to-all-controllers-of-the-namespace", all_controllers, ZNS_BOTH,
      &spec_shared },
    { "event/not-to-a-detached-controller", detached_gets_none, ZNS_BOTH,
      &spec_shared },
    { "event/of-a-namespace-that-goes", detached_before_reading, ZNS_BOTH },
    { "event/again-after-a-reset", again_after_reset, ZNS_BOTH },
    { "event/not-to-a-request-that-a-reset-takes", amid_reset, ZNS_QCOW2,
      &spec_below },
    { "event/not-to-a-request-that-comes-amid-a-reset", not_fetched_amid_reset,
      ZNS_QCOW2, &spec_below },
    { "event/not-lost-among-other-notices", among_other_notices, ZNS_BOTH,
      &spec_two_namespaces },
    { "event/not-repeated-by-other-notices", not_repeated_by_other_notices,
      ZNS_BOTH },
    { "event/not-of-the-hosts-own-commands", commands_are_no_news,
      ZNS_BOTH },
    { "changed-zones/are-retained-on-request", retained, ZNS_BOTH },
    { "changed-zones/are-listed-once", listed_once, ZNS_BOTH },
    { "changed-zones/overflow-at-512", overflow, ZNS_BOTH,
      &spec_many_zones },
    { "changed-zones/are-read-in-parts", parts, ZNS_BOTH },
    { "changed-zones/of-other-namespaces-are-refused", wrong_namespaces,
      ZNS_BOTH, &spec_two_namespaces },
    { }
};
