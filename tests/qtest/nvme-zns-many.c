/*
 * qtest of zoned namespaces: many of different kinds on one controller
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What it shows: a controller lists its namespaces by kind, and each of them
 * has a geometry, limits, Zone Random Write Areas, extensions, changed zones
 * and a format of its own; what is done to the zones of one happens to no
 * other; what the controller has one of, the append limit and the flush of all
 * namespaces, takes all of them into account; each image keeps its own zones;
 * one that is read-only says so, and refuses what would change it.
 *
 * How: five namespaces: an image with descriptor extensions; a disk without
 * zones; an image with 256 Zone Random Write Areas that gives back what is
 * discarded; an image of odd zones; zoned=on over a raw file.  Before and
 * after an action on one, the zones of all others are reported and read.
 */

#include "qemu/osdep.h"
#include "qemu/bswap.h"
#include "qemu/units.h"
#include "nvme-zns-drive.h"

enum { LABELLED = 1, DISK, WIDE, ODD, MEMORY, NSID__MAX };

#define LOG_CHANGED_ZONES   0xbf
#define LOG_BYTES           4096
#define EVENT_BIT           (1u << 27)
/* Notice, Zone Descriptor Changed, log page BFh; the namespace is above */
#define EVENT_RESULT        0x00bfef02ull

#define NR_AREAS            256
#define AREA_BLOCKS         32
#define STEP_BLOCKS         16
/* Zones that are looked at, the same ones in all namespaces */
#define NR_SEEN             6
#define SEEN_BLOCKS         8

#define NVME_NS_WRITE_PROTECTED 0x20
#define FORMAT_512          0
#define FORMAT_4096         4

/* Nothing is durable before it is flushed */
#define NO_TIMER            ",zone-commit-interval=0"

static const ZnsSpec spec_disk = {
    .device_bytes = 16 * MiB,
    .block_bytes = 4096,
};

static const ZnsSpec spec_wide = {
    .device_bytes = 512 * 32 * MiB,
    .zone_bytes = 32 * MiB,
    .capacity_bytes = 28 * MiB,
    .max_open_zones = NR_AREAS,
    .max_active_zones = NR_AREAS,
    .block_bytes = 4096,
    .ns_options = ",zoned.zrwas=128K,zoned.zrwafg=64K,zoned.numzrwa=256",
    .drive_options = ",discard=unmap,detect-zeroes=unmap" NO_TIMER,
};

static const ZnsSpec spec_odd = {
    .device_bytes = 48 * MiB,
    .zone_bytes = 3 * MiB,
    .capacity_bytes = 2 * MiB + 64 * KiB,
    .block_bytes = 512,
    .image_options = ",zone.max_append_bytes=16384",
    .drive_options = NO_TIMER,
};

static const ZnsSpec spec_memory = {
    .device_bytes = 64 * MiB,
    .zone_bytes = 8 * MiB,
    .capacity_bytes = 8 * MiB,
    .max_open_zones = 6,
    .max_active_zones = 6,
    .block_bytes = 4096,
};

static const ZnsMore more_namespaces[] = {
    { &spec_disk, ZNS_PLAIN },
    { &spec_wide, ZNS_QCOW2 },
    { &spec_odd, ZNS_QCOW2 },
    { &spec_memory, ZNS_MEMORY },
    { }
};

static const ZnsSpec spec_many = {
    .device_bytes = 64 * MiB,
    .zone_bytes = 4 * MiB,
    .capacity_bytes = 3 * MiB,
    .max_open_zones = 3,
    .max_active_zones = 5,
    .zde_bytes = 64,
    .block_bytes = 512,
    .image_options = ",zone.max_append_bytes=65536",
    .drive_options = NO_TIMER,
    .more = more_namespaces,
};

static bool is_zoned(uint32_t nsid)
{
    return nsid != DISK;
}

/* Identify */

static uint16_t identify(ZnsDrive *drive, uint32_t nsid, uint8_t cns,
                         uint8_t csi, void *data)
{
    NvmeCmd cmd = {
        .opcode = NVME_ADM_CMD_IDENTIFY,
        .nsid = cpu_to_le32(nsid),
        .cdw10 = cpu_to_le32(cns),
        .cdw11 = cpu_to_le32((uint32_t)csi << 24),
    };
    uint16_t status;

    qtest_memset(drive->qts, drive->buf_addr, 0xa5, NVME_IDENTIFY_DATA_SIZE);
    status = zns_exec(drive->ctrl, ZNS_ADMIN, &cmd, drive->buf_addr,
                      NVME_IDENTIFY_DATA_SIZE).status;
    qtest_memread(drive->qts, drive->buf_addr, data, NVME_IDENTIFY_DATA_SIZE);
    return status;
}

/* The identifiers above nsid, as digits */
static char *list_namespaces(ZnsDrive *drive, uint32_t nsid, uint8_t cns,
                             uint8_t csi)
{
    uint32_t ids[NVME_IDENTIFY_DATA_SIZE / sizeof(uint32_t)];
    GString *text = g_string_new("");
    size_t i;

    zns_assert_ok(identify(drive, nsid, cns, csi, ids));
    for (i = 0; i < ARRAY_SIZE(ids) && ids[i]; i++) {
        g_string_append_printf(text, "%u ", le32_to_cpu(ids[i]));
    }
    return g_string_free(text, false);
}

static void assert_listed(ZnsDrive *drive, uint32_t nsid, uint8_t cns,
                          uint8_t csi, const char *expected)
{
    g_autofree char *found = list_namespaces(drive, nsid, cns, csi);

    g_assert_cmpstr(found, ==, expected);
}

static void lists_by_kind(ZnsDrive *drive)
{
    assert_listed(drive, 0, NVME_ID_CNS_NS_ACTIVE_LIST, 0, "1 2 3 4 5 ");
    assert_listed(drive, WIDE, NVME_ID_CNS_NS_ACTIVE_LIST, 0, "4 5 ");
    assert_listed(drive, 0, NVME_ID_CNS_CS_NS_ACTIVE_LIST, NVME_CSI_NVM, "2 ");
    assert_listed(drive, DISK, NVME_ID_CNS_CS_NS_ACTIVE_LIST, NVME_CSI_NVM,
                  "");
    assert_listed(drive, 0, NVME_ID_CNS_CS_NS_ACTIVE_LIST, NVME_CSI_ZONED,
                  "1 3 4 5 ");
    assert_listed(drive, LABELLED, NVME_ID_CNS_CS_NS_ACTIVE_LIST,
                  NVME_CSI_ZONED, "3 4 5 ");
}

static void assert_size(ZnsDrive *ns)
{
    g_autofree NvmeIdNs *id = g_new0(NvmeIdNs, 1);
    uint64_t blocks = ns->spec->device_bytes / ns->spec->block_bytes;
    uint8_t format;

    zns_assert_ok(identify(ns, ns->nsid, NVME_ID_CNS_NS, 0, id));
    format = NVME_ID_NS_FLBAS_INDEX(id->flbas);
    g_assert_cmpuint(1 << id->lbaf[format].ds, ==, ns->spec->block_bytes);
    g_assert_cmpuint(le64_to_cpu(id->nsze), ==, blocks);
    g_assert_cmpuint(le64_to_cpu(id->ncap), ==,
                     ns->nr_zones ? ns->nr_zones * ns->capacity_blocks
                                  : blocks);
}

static void assert_areas(ZnsDrive *ns, const NvmeIdNsZoned *id)
{
    bool has_areas = ns->nsid == WIDE;

    g_assert_cmphex(le16_to_cpu(id->ozcs), ==,
                    has_areas ? NVME_ID_NS_ZONED_OZCS_ZRWASUP : 0);
    g_assert_cmpuint(le32_to_cpu(id->numzrwa), ==,
                     has_areas ? NR_AREAS - 1 : 0);
    g_assert_cmpuint(le16_to_cpu(id->zrwas), ==, has_areas ? AREA_BLOCKS : 0);
    g_assert_cmpuint(le16_to_cpu(id->zrwafg), ==, has_areas ? STEP_BLOCKS : 0);
}

static void identify_each(ZnsDrive *drive)
{
    g_autofree NvmeIdNsZoned *id = g_new0(NvmeIdNsZoned, 1);
    uint32_t nsid;

    for (nsid = 1; nsid < NSID__MAX; nsid++) {
        ZnsDrive *ns = zns_ns(drive, nsid);
        uint8_t format = ns->spec->block_bytes == 512 ? FORMAT_512
                                                      : FORMAT_4096;
        uint16_t status = identify(drive, nsid, NVME_ID_CNS_CS_NS,
                                   NVME_CSI_ZONED, id);

        assert_size(ns);
        if (!is_zoned(nsid)) {
            zns_assert_status(status, NVME_INVALID_FIELD);
            continue;
        }
        zns_assert_ok(status);
        g_assert_cmpuint(le64_to_cpu(id->lbafe[format].zsze), ==,
                         ns->zone_blocks);
        g_assert_cmpuint(id->lbafe[format].zdes, ==, ns->spec->zde_bytes / 64);
        g_assert_cmphex(le32_to_cpu(id->mor), ==,
                        (uint32_t)(ns->spec->max_open_zones - 1));
        g_assert_cmphex(le32_to_cpu(id->mar), ==,
                        (uint32_t)(ns->spec->max_active_zones - 1));
        assert_areas(ns, id);
    }
}

static uint8_t announced_zasl(ZnsDrive *drive)
{
    uint8_t data[NVME_IDENTIFY_DATA_SIZE];

    zns_assert_ok(identify(drive, 0, NVME_ID_CNS_CS_CTRL, NVME_CSI_ZONED,
                           data));
    return data[offsetof(NvmeIdCtrlZoned, zasl)];
}

/* What the controller announces holds for each namespace that it has */
static void smallest_append_limit(ZnsDrive *drive)
{
    ZnsDrive *odd = zns_ns(drive, ODD);
    ZnsDrive *memory = zns_ns(drive, MEMORY);

    g_assert_cmpuint(announced_zasl(drive), ==, 2);
    zns_assert_ok(zns_append(odd, 0, 32, 1, NULL));
    zns_assert_status(zns_append(odd, 0, 33, 2, NULL), NVME_INVALID_FIELD);
    zns_assert_ok(zns_append(drive, 0, 32, 3, NULL));
    zns_assert_status(zns_append(drive, 0, 33, 4, NULL), NVME_INVALID_FIELD);
    zns_assert_ok(zns_append(memory, 0, 4, 5, NULL));
    zns_assert_status(zns_append(memory, 0, 5, 6, NULL), NVME_INVALID_FIELD);
    zns_assert_zone(drive, 0, IMPLICITLY_OPEN, 32);

    /* The limit goes with the namespace, and comes again */
    zns_assert_ok(zns_attach(drive, ODD, 0, 1));
    g_assert_cmpuint(announced_zasl(drive), ==, 4);
    zns_assert_ok(zns_append(drive, 0, 128, 7, NULL));
    zns_assert_status(zns_append(drive, 0, 129, 8, NULL), NVME_INVALID_FIELD);
    zns_assert_ok(zns_attach(drive, ODD, 0, 0));
    zns_assert_status(zns_append(drive, 0, 33, 9, NULL), NVME_INVALID_FIELD);
    zns_assert_zone(drive, 0, IMPLICITLY_OPEN, 160);
}

/* Zones side by side */

typedef struct SeenZones {
    ZnsZone zones[NR_SEEN];
} SeenZones;

static void see_zones(ZnsDrive *ns, SeenZones *seen)
{
    uint32_t i;

    memset(seen, 0, sizeof(*seen));
    for (i = 0; i < NR_SEEN && is_zoned(ns->nsid); i++) {
        seen->zones[i] = zns_zone(ns, i);
    }
}

static void see_all(ZnsDrive *drive, SeenZones *seen)
{
    uint32_t nsid;

    for (nsid = 1; nsid < NSID__MAX; nsid++) {
        see_zones(zns_ns(drive, nsid), &seen[nsid]);
    }
}

/* What a namespace has in zone idx names both */
static uint32_t seed_of(const ZnsDrive *ns, uint32_t zone_idx)
{
    return ns->nsid * 100 + zone_idx;
}

static uint16_t write_start(ZnsDrive *ns, uint32_t zone_idx)
{
    return zns_write(ns, zns_lba(ns, zone_idx), SEEN_BLOCKS,
                     seed_of(ns, zone_idx));
}

static bool holds_start(ZnsDrive *ns, uint32_t zone_idx)
{
    return zns_holds(ns, zns_lba(ns, zone_idx), SEEN_BLOCKS,
                     seed_of(ns, zone_idx));
}

/* Zone 0 full, 1 explicitly and 2 implicitly opened, 3 closed */
static void use_zones(ZnsDrive *ns)
{
    zns_assert_ok(write_start(ns, 0));
    if (!is_zoned(ns->nsid)) {
        return;
    }
    zns_assert_ok(zns_finish(ns, 0));
    zns_assert_ok(zns_open(ns, 1));
    zns_assert_ok(write_start(ns, 1));
    zns_assert_ok(write_start(ns, 2));
    zns_assert_ok(write_start(ns, 3));
    zns_assert_ok(zns_close(ns, 3));
    if (ns->spec->zde_bytes) {
        zns_assert_ok(zns_set_zde(ns, 4, seed_of(ns, 4)));
    }
}

static void use_all(ZnsDrive *drive)
{
    uint32_t nsid;

    for (nsid = 1; nsid < NSID__MAX; nsid++) {
        use_zones(zns_ns(drive, nsid));
    }
}

static void reset_all(ZnsDrive *drive)
{
    uint32_t nsid;

    for (nsid = 1; nsid < NSID__MAX; nsid++) {
        if (is_zoned(nsid)) {
            zns_assert_ok(zns_send(zns_ns(drive, nsid), 0,
                                   NVME_ZONE_ACTION_RESET | ZNS_SELECT_ALL));
        }
    }
}

static void check_data(ZnsDrive *ns)
{
    uint32_t i;

    for (i = 0; i < (is_zoned(ns->nsid) ? 4 : 1); i++) {
        g_assert_true(holds_start(ns, i));
    }
}

/* Zones and data of all namespaces but one are what they were */
static void check_others(ZnsDrive *drive, uint32_t except,
                         const SeenZones *seen)
{
    SeenZones now;
    uint32_t nsid;

    for (nsid = 1; nsid < NSID__MAX; nsid++) {
        ZnsDrive *ns = zns_ns(drive, nsid);

        if (nsid != except) {
            see_zones(ns, &now);
            g_assert_cmpmem(&now, sizeof(now), &seen[nsid], sizeof(now));
            check_data(ns);
        }
    }
}

static void change_zones(ZnsDrive *ns)
{
    uint64_t lba;

    if (!is_zoned(ns->nsid)) {
        zns_assert_ok(zns_write(ns, 0, SEEN_BLOCKS, 9));
        zns_assert_ok(zns_deallocate(ns, 0, SEEN_BLOCKS));
        return;
    }
    zns_assert_ok(zns_write(ns, zns_lba(ns, 1) + SEEN_BLOCKS, 4, 7));
    zns_assert_ok(zns_append(ns, zns_lba(ns, 2), 4, 8, &lba));
    g_assert_cmpuint(lba, ==, zns_lba(ns, 2) + SEEN_BLOCKS);
    zns_assert_ok(zns_reset(ns, 0));
    zns_assert_ok(zns_finish(ns, 3));
    zns_assert_ok(zns_write(ns, zns_lba(ns, 5), 1, 9));

    zns_assert_zone(ns, 0, EMPTY, 0);
    zns_assert_zone(ns, 1, EXPLICITLY_OPEN, SEEN_BLOCKS + 4);
    zns_assert_zone(ns, 2, IMPLICITLY_OPEN, SEEN_BLOCKS + 4);
    zns_assert_state(ns, 3, FULL);
    zns_assert_zone(ns, 5, IMPLICITLY_OPEN, 1);
    g_assert_true(zns_reads_zeros(ns, 0, SEEN_BLOCKS));
}

static void disturbs_no_other(ZnsDrive *drive)
{
    SeenZones seen[NSID__MAX];
    uint32_t nsid;

    for (nsid = 1; nsid < NSID__MAX; nsid++) {
        use_all(drive);
        see_all(drive, seen);
        change_zones(zns_ns(drive, nsid));
        check_others(drive, nsid, seen);
        reset_all(drive);
    }
}

static void select_all_takes_one(ZnsDrive *drive)
{
    static const struct {
        uint32_t action;
        uint8_t state;      /* of zone 1 then */
    } actions[] = {
        { NVME_ZONE_ACTION_CLOSE, NVME_ZONE_STATE_CLOSED },
        { NVME_ZONE_ACTION_FINISH, NVME_ZONE_STATE_FULL },
        { NVME_ZONE_ACTION_RESET, NVME_ZONE_STATE_EMPTY },
    };
    SeenZones seen[NSID__MAX];
    ZnsDrive *odd = zns_ns(drive, ODD);
    size_t i;

    use_all(drive);
    see_all(drive, seen);
    for (i = 0; i < ARRAY_SIZE(actions); i++) {
        zns_assert_ok(zns_send(odd, 0, actions[i].action | ZNS_SELECT_ALL));
        check_others(drive, ODD, seen);
        g_assert_cmphex(zns_zone(odd, 1).state, ==, actions[i].state);
    }
    zns_assert_zone(odd, 0, EMPTY, 0);
}

/* Limits */

static void open_zones(ZnsDrive *ns, uint32_t nr)
{
    uint32_t i;

    for (i = 0; i < nr; i++) {
        zns_assert_ok(zns_open(ns, i));
    }
}

static void limits_of_each(ZnsDrive *drive)
{
    ZnsDrive *wide = zns_ns(drive, WIDE);
    ZnsDrive *odd = zns_ns(drive, ODD);
    ZnsDrive *memory = zns_ns(drive, MEMORY);

    open_zones(drive, 3);
    zns_assert_status(zns_open(drive, 3), NVME_ZONE_TOO_MANY_OPEN);
    open_zones(memory, 6);
    zns_assert_status(zns_open(memory, 6), NVME_ZONE_TOO_MANY_ACTIVE);
    open_zones(odd, odd->nr_zones);
    open_zones(wide, 8);

    /* Room in one is no room in another */
    zns_assert_ok(zns_reset(odd, 0));
    zns_assert_ok(zns_close(wide, 0));
    zns_assert_status(zns_open(drive, 3), NVME_ZONE_TOO_MANY_OPEN);
    zns_assert_status(zns_open(memory, 6), NVME_ZONE_TOO_MANY_ACTIVE);
    zns_assert_ok(zns_close(drive, 0));
    zns_assert_ok(zns_open(drive, 3));
}

/*
 * As many areas as zones may be active, each with a block in the middle of its
 * window.  The death of QEMU commits what is in them.
 */
static void areas_of_all_active_zones(ZnsDrive *drive)
{
    ZnsDrive *wide = zns_ns(drive, WIDE);
    uint32_t open_zrwa = NVME_ZONE_ACTION_OPEN | ZNS_ZRWA_ALLOC;
    uint32_t nr_written = AREA_BLOCKS / 2 + 1;
    uint32_t i;

    for (i = 0; i < NR_AREAS; i++) {
        uint64_t lba = zns_lba(wide, i * 2);

        zns_assert_ok(zns_send(wide, lba, open_zrwa));
        zns_assert_ok(zns_write(wide, lba + nr_written - 1, 1, i));
    }
    zns_assert_status(zns_send(wide, zns_lba(wide, 1), open_zrwa),
                      NVME_ZONE_TOO_MANY_ACTIVE);
    zns_assert_status(zns_send(drive, 0, open_zrwa), NVME_INVALID_ZONE_OP);
    zns_assert_zone(wide, 510, EXPLICITLY_OPEN, 0);
    zns_assert_ok(zns_flush(wide));

    zns_kill_and_restart(drive);
    for (i = 0; i < NR_AREAS; i++) {
        uint64_t lba = zns_lba(wide, i * 2);

        zns_assert_zone(wide, i * 2, CLOSED, nr_written);
        g_assert_true(zns_holds(wide, lba + nr_written - 1, 1, i));
        g_assert_true(zns_reads_zeros(wide, lba, nr_written - 1));
    }
    zns_assert_status(zns_open(wide, 1), NVME_ZONE_TOO_MANY_ACTIVE);
}

/* Changed zones */

/* Zones in the log of a namespace, the first of them in *lba */
static uint16_t load_changed(ZnsDrive *ns, uint64_t *lba)
{
    NvmeCmd cmd = {
        .opcode = NVME_ADM_CMD_GET_LOG_PAGE,
        .nsid = cpu_to_le32(ns->nsid),
        .cdw10 = cpu_to_le32(LOG_CHANGED_ZONES |
                             (uint32_t)(LOG_BYTES / 4 - 1) << 16),
    };
    uint8_t head[16];

    zns_assert_ok(zns_exec(ns->ctrl, ZNS_ADMIN, &cmd, ns->buf_addr,
                           LOG_BYTES).status);
    qtest_memread(ns->qts, ns->buf_addr, head, sizeof(head));
    *lba = ldq_le_p(head + 8);
    return lduw_le_p(head);
}

static void assert_changed(ZnsDrive *ns, uint32_t zone_idx)
{
    uint64_t lba;

    g_assert_cmpuint(load_changed(ns, &lba), ==, 1);
    g_assert_cmphex(lba, ==, zns_lba(ns, zone_idx));
}

static void assert_none_changed(ZnsDrive *ns)
{
    uint64_t lba;

    g_assert_cmpuint(load_changed(ns, &lba), ==, 0);
}

static uint16_t request_event(ZnsDrive *drive)
{
    NvmeCmd cmd = { .opcode = NVME_ADM_CMD_ASYNC_EV_REQ };
    uint16_t cid = zns_queue_cmd(drive->ctrl, ZNS_ADMIN, &cmd, 0, 0);

    zns_ring(drive->ctrl, ZNS_ADMIN);
    return cid;
}

static void assert_event(ZnsDrive *drive, uint16_t cid, uint32_t nsid)
{
    ZnsReply reply = zns_wait(drive->ctrl, ZNS_ADMIN, cid);

    zns_assert_ok(reply.status);
    g_assert_cmphex(reply.result, ==, EVENT_RESULT | (uint64_t)nsid << 32);
}

static void changed_zones_of_each(ZnsDrive *drive)
{
    NvmeCmd configure = {
        .opcode = NVME_ADM_CMD_SET_FEATURES,
        .cdw10 = cpu_to_le32(NVME_ASYNCHRONOUS_EVENT_CONF),
        .cdw11 = cpu_to_le32(EVENT_BIT),
    };
    ZnsDrive *wide = zns_ns(drive, WIDE);
    ZnsDrive *memory = zns_ns(drive, MEMORY);
    uint16_t cid;

    zns_assert_ok(zns_exec(drive->ctrl, ZNS_ADMIN, &configure, 0, 0).status);
    cid = request_event(drive);
    zns_set_state(wide, 300, "read-only");
    assert_event(drive, cid, WIDE);
    zns_force_attributes(memory, 2, true, false);
    zns_set_state(drive, 3, "offline");
    assert_changed(wide, 300);
    assert_changed(memory, 2);
    assert_changed(drive, 3);
    assert_none_changed(zns_ns(drive, ODD));
    zns_assert_state(wide, 3, EMPTY);
    zns_assert_state(drive, 2, EMPTY);

    assert_none_changed(wide);
    cid = request_event(drive);
    zns_set_state(memory, 7, "read-only");
    assert_event(drive, cid, MEMORY);
    assert_changed(memory, 7);
}

/* What is kept */

static uint16_t flush_all(ZnsDrive *drive)
{
    NvmeCmd cmd = {
        .opcode = NVME_CMD_FLUSH,
        .nsid = cpu_to_le32(NVME_NSID_BROADCAST),
    };

    return zns_exec(drive->ctrl, ZNS_IO, &cmd, 0, 0).status;
}

static bool is_kept(const ZnsDrive *ns)
{
    return ns->kind != ZNS_MEMORY;
}

static void check_after_power_cycle(ZnsDrive *drive)
{
    uint32_t nsid;

    for (nsid = 1; nsid < NSID__MAX; nsid++) {
        ZnsDrive *ns = zns_ns(drive, nsid);

        if (!is_kept(ns)) {
            zns_assert_zone(ns, 1, EMPTY, 0);
            continue;
        }
        check_data(ns);
        if (is_zoned(nsid)) {
            zns_assert_state(ns, 0, FULL);
            zns_assert_zone(ns, 1, CLOSED, SEEN_BLOCKS);
            zns_assert_zone(ns, 2, CLOSED, SEEN_BLOCKS);
            zns_assert_zone(ns, 3, CLOSED, SEEN_BLOCKS);
            zns_assert_zone(ns, 5, EMPTY, 0);
        }
    }
    g_assert_true(zns_zde_is(drive, 4, seed_of(drive, 4)));
}

/* Without a flush there is nothing, so it is the flush that has kept it */
static void flush_of_all_is_durable(ZnsDrive *drive)
{
    ZnsDrive *odd = zns_ns(drive, ODD);

    zns_assert_ok(write_start(odd, 5));
    drive->may_leak = odd->may_leak = true;
    zns_kill_and_restart(drive);
    zns_assert_zone(odd, 5, EMPTY, 0);

    use_all(drive);
    zns_assert_ok(flush_all(drive));
    zns_kill_and_restart(drive);
    check_after_power_cycle(drive);
}

static void restart_keeps_each(ZnsDrive *drive)
{
    use_all(drive);
    zns_restart(drive);
    check_after_power_cycle(drive);
    zns_terminate_and_restart(drive);
    check_after_power_cycle(drive);
}

/* Format NVM */

static uint16_t format(ZnsDrive *drive, uint32_t nsid, uint32_t lbaf)
{
    NvmeCmd cmd = {
        .opcode = NVME_ADM_CMD_FORMAT_NVM,
        .nsid = cpu_to_le32(nsid),
        .cdw10 = cpu_to_le32(lbaf),
    };

    return zns_exec(drive->ctrl, ZNS_ADMIN, &cmd, 0, 0).status;
}

static void assert_formatted(ZnsDrive *ns)
{
    uint32_t i;

    for (i = 0; i < NR_SEEN && is_zoned(ns->nsid); i++) {
        zns_assert_zone(ns, i, EMPTY, 0);
    }
    g_assert_true(zns_reads_zeros(ns, 0, SEEN_BLOCKS));
}

static void format_takes_one(ZnsDrive *drive)
{
    static const uint32_t order[] = { WIDE, DISK, MEMORY, LABELLED };
    SeenZones seen[NSID__MAX];
    size_t i;

    for (i = 0; i < ARRAY_SIZE(order); i++) {
        ZnsDrive *ns = zns_ns(drive, order[i]);
        bool is_512 = ns->spec->block_bytes == 512;

        use_all(drive);
        see_all(drive, seen);
        if (is_zoned(order[i])) {
            /* to the format of another one */
            zns_assert_status(format(drive, order[i], is_512 ? FORMAT_4096
                                                             : FORMAT_512),
                              NVME_INVALID_FORMAT);
            check_others(drive, 0, seen);
        }
        zns_assert_ok(format(drive, order[i], is_512 ? FORMAT_512
                                                     : FORMAT_4096));
        assert_formatted(ns);
        check_others(drive, order[i], seen);
        reset_all(drive);
    }
}

/* A drive that is read-only */

static const ZnsSpec spec_protected_odd = {
    .device_bytes = 48 * MiB,
    .zone_bytes = 3 * MiB,
    .capacity_bytes = 2 * MiB + 64 * KiB,
    .block_bytes = 512,
    .drive_options = ",readonly=on",
};

static const ZnsSpec spec_protected_memory = {
    .device_bytes = 64 * MiB,
    .zone_bytes = 8 * MiB,
    .capacity_bytes = 8 * MiB,
    .max_open_zones = 6,
    .max_active_zones = 6,
    .block_bytes = 4096,
    .drive_options = ",readonly=on",
};

static bool says_protected(ZnsDrive *ns)
{
    g_autofree NvmeIdNs *id = g_new0(NvmeIdNs, 1);
    g_autofree NvmeIdNsInd *independent = g_new0(NvmeIdNsInd, 1);

    zns_assert_ok(identify(ns, ns->nsid, NVME_ID_CNS_NS, 0, id));
    zns_assert_ok(identify(ns, ns->nsid, NVME_ID_CNS_CS_IND_NS, 0,
                           independent));
    g_assert_cmphex(id->nsattr, ==, independent->nsattr);
    return id->nsattr & 1;
}

static void assert_protected(ZnsDrive *ns)
{
    static const uint32_t actions[] = {
        NVME_ZONE_ACTION_OPEN, NVME_ZONE_ACTION_CLOSE,
        NVME_ZONE_ACTION_FINISH, NVME_ZONE_ACTION_RESET,
        NVME_ZONE_ACTION_RESET | ZNS_SELECT_ALL,
        NVME_ZONE_ACTION_FINISH | ZNS_SELECT_ALL,
    };
    uint64_t lba = zns_lba(ns, 1);
    uint8_t lbaf = ns->spec->block_bytes == 512 ? FORMAT_512 : FORMAT_4096;
    uint16_t status = NVME_NS_WRITE_PROTECTED;
    uint64_t wp_lba = zns_zone(ns, 1).wp_lba;
    size_t i;

    g_assert_true(says_protected(ns));
    zns_assert_status(zns_write(ns, wp_lba, 1, 1), status);
    zns_assert_status(zns_write_fua(ns, wp_lba, 1, 1), status);
    zns_assert_status(zns_append(ns, lba, 1, 1, NULL), status);
    zns_assert_status(zns_write_zeroes(ns, wp_lba, 1), status);
    zns_assert_status(zns_copy_two(ns, wp_lba, 0, 1, 1), status);
    zns_assert_status(zns_deallocate(ns, lba, 1), status);
    for (i = 0; i < ARRAY_SIZE(actions); i++) {
        zns_assert_status(zns_send(ns, lba, actions[i]), status);
    }
    zns_assert_status(format(ns, ns->nsid, lbaf), status);
    zns_assert_ok(zns_flush(ns));
    zns_assert_ok(zns_verify(ns, lba, 1));
}

/* It can be read, and its zones stay as they are; the others are written */
static void read_only_is_write_protected(ZnsDrive *drive)
{
    ZnsDrive *odd = zns_ns(drive, ODD);
    ZnsDrive *memory = zns_ns(drive, MEMORY);
    SeenZones seen[NSID__MAX];

    use_all(drive);
    g_assert_false(says_protected(odd));
    odd->spec = &spec_protected_odd;
    memory->spec = &spec_protected_memory;
    zns_restart(drive);
    see_all(drive, seen);
    zns_assert_zone(odd, 1, CLOSED, SEEN_BLOCKS);
    zns_assert_zone(memory, 1, EMPTY, 0);
    assert_protected(odd);
    assert_protected(memory);
    g_assert_false(says_protected(drive));
    zns_assert_ok(flush_all(drive));
    zns_assert_ok(zns_compare(odd, zns_lba(odd, 1), SEEN_BLOCKS,
                              seed_of(odd, 1)));

    zns_assert_ok(zns_write(drive, zns_lba(drive, 1) + SEEN_BLOCKS, 4, 7));
    see_zones(odd, &seen[0]);
    g_assert_cmpmem(&seen[0], sizeof(seen[0]), &seen[ODD], sizeof(seen[0]));
    check_data(odd);
}

const ZnsTest zns_many_tests[] = {
    { "many/are-listed-by-kind", lists_by_kind, ZNS_QCOW2, &spec_many },
    { "many/each-has-its-geometry-and-limits", identify_each, ZNS_QCOW2,
      &spec_many },
    { "many/smallest-append-limit-holds-for-all", smallest_append_limit,
      ZNS_QCOW2, &spec_many },
    { "many/commands-disturb-no-other", disturbs_no_other, ZNS_QCOW2,
      &spec_many },
    { "many/select-all-takes-one", select_all_takes_one, ZNS_QCOW2,
      &spec_many },
    { "many/limits-count-in-each", limits_of_each, ZNS_QCOW2, &spec_many },
    { "many/areas-of-all-active-zones", areas_of_all_active_zones, ZNS_QCOW2,
      &spec_many },
    { "many/changed-zones-of-each", changed_zones_of_each, ZNS_QCOW2,
      &spec_many },
    { "many/flush-of-all-is-durable", flush_of_all_is_durable, ZNS_QCOW2,
      &spec_many },
    { "many/restart-keeps-each", restart_keeps_each, ZNS_QCOW2, &spec_many },
    { "many/format-takes-one", format_takes_one, ZNS_QCOW2, &spec_many },
    { "many/read-only-drive-is-write-protected",
      read_only_is_write_protected, ZNS_QCOW2, &spec_many },
    { }
};
