/*
 * qtest of zoned namespaces: Identify, and the NVM commands in zones
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What it shows: that the drive says what it is, that Write Zeroes and Copy
 * obey every rule of Write, and that Compare, Verify and Dataset Management
 * leave the write pointer alone.
 *
 * How: Identify data structures against the geometry of the image; commands
 * on a fresh drive, then a look at the zone.
 */

#include "qemu/osdep.h"
#include "qemu/bswap.h"
#include "qemu/units.h"
#include "nvme-zns-drive.h"

/* Identify Controller of the command set, as revision 1.4 has it */
#define ID_CTRL_ZNS_TAR     8
#define ID_CTRL_ZNS_UAR     12
#define ID_CTRL_ZNS_TOR     16
#define ID_CTRL_ZNS_UOR     20
#define ID_CTRL_ZNS_TZRWAR  24
#define ID_CTRL_ZNS_UZRWAR  28
#define ID_CTRL_ZNS_VER     32

/* Identify */

void zns_identify(ZnsDrive *drive, uint8_t cns, uint8_t csi, void *data)
{
    NvmeCmd cmd = {
        .opcode = NVME_ADM_CMD_IDENTIFY,
        .nsid = cpu_to_le32(cns == NVME_ID_CNS_CS_CTRL ? 0 : drive->nsid),
        .cdw10 = cpu_to_le32(cns),
        .cdw11 = cpu_to_le32((uint32_t)csi << 24),
    };

    qtest_memset(drive->qts, drive->buf_addr, 0xa5, NVME_IDENTIFY_DATA_SIZE);
    zns_assert_ok(zns_exec(drive->ctrl, ZNS_ADMIN, &cmd, drive->buf_addr,
                           NVME_IDENTIFY_DATA_SIZE).status);
    qtest_memread(drive->qts, drive->buf_addr, data, NVME_IDENTIFY_DATA_SIZE);
}

static void identify_command_set(ZnsDrive *drive)
{
    uint8_t data[NVME_IDENTIFY_DATA_SIZE];
    NvmeIdNsDescr descr;
    size_t at = 0;
    int csi = -1;

    zns_identify(drive, NVME_ID_CNS_NS_DESCR_LIST, 0, data);
    while (at + sizeof(descr) < sizeof(data)) {
        memcpy(&descr, data + at, sizeof(descr));
        if (!descr.nidl) {
            break;
        }
        at += sizeof(descr);
        if (descr.nidt == NVME_NIDT_CSI) {
            csi = data[at];
        }
        at += descr.nidl;
    }
    g_assert_cmpint(csi, ==, NVME_CSI_ZONED);
}

static void identify_namespace(ZnsDrive *drive)
{
    const ZnsSpec *spec = drive->spec;
    g_autofree NvmeIdNs *ns = g_new0(NvmeIdNs, 1);
    g_autofree NvmeIdNsZoned *zoned = g_new0(NvmeIdNsZoned, 1);
    unsigned format;

    zns_identify(drive, NVME_ID_CNS_NS, 0, ns);
    zns_identify(drive, NVME_ID_CNS_CS_NS, NVME_CSI_ZONED, zoned);
    format = NVME_ID_NS_FLBAS_INDEX(ns->flbas);
    g_assert_cmpuint(le64_to_cpu(ns->nsze), ==,
                     zns_lba(drive, drive->nr_zones));
    g_assert_cmpuint(le64_to_cpu(ns->ncap), ==,
                     drive->nr_zones * drive->capacity_blocks);
    g_assert_cmpuint(1 << ns->lbaf[format].ds, ==, spec->block_bytes);
    g_assert_cmpuint(ns->nlbaf, >, 0);
    for (format = 0; format <= ns->nlbaf; format++) {
        g_assert_cmpuint(le64_to_cpu(zoned->lbafe[format].zsze) <<
                         ns->lbaf[format].ds, ==,
                         drive->zone_blocks * spec->block_bytes);
        g_assert_cmpuint(zoned->lbafe[format].zdes, ==, spec->zde_bytes / 64);
    }
    /* Zero-based, so that "no limit" is all ones */
    g_assert_cmphex(le32_to_cpu(zoned->mor), ==,
                    (uint32_t)(spec->max_open_zones - 1));
    g_assert_cmphex(le32_to_cpu(zoned->mar), ==,
                    (uint32_t)(spec->max_active_zones - 1));
    g_assert_cmphex(le16_to_cpu(zoned->ozcs), ==, 0);
}

static void identify_zasl(ZnsDrive *drive)
{
    NvmeIdCtrlZoned ctrl;

    zns_identify(drive, NVME_ID_CNS_CS_CTRL, NVME_CSI_ZONED, &ctrl);
    g_assert_cmpuint(ctrl.zasl, ==, 5);
}

/* The smallest limit of those that have one, in pages as a power of two */
static void identify_zasl_of_image(ZnsDrive *drive)
{
    NvmeIdCtrlZoned ctrl;

    zns_identify(drive, NVME_ID_CNS_CS_CTRL, NVME_CSI_ZONED, &ctrl);
    g_assert_cmpuint(ctrl.zasl, ==, 4);
}

static void identify_resources(ZnsDrive *drive, uint32_t nr_active,
                               uint32_t nr_open, uint32_t nr_zrwa)
{
    g_autofree uint8_t *data = g_malloc(4096);

    zns_identify(drive, NVME_ID_CNS_CS_CTRL, NVME_CSI_ZONED, data);
    g_assert_cmphex((uint32_t)ldl_le_p(data + ID_CTRL_ZNS_TAR), ==, nr_active);
    g_assert_cmphex((uint32_t)ldl_le_p(data + ID_CTRL_ZNS_UAR), ==, 0);
    g_assert_cmphex((uint32_t)ldl_le_p(data + ID_CTRL_ZNS_TOR), ==, nr_open);
    g_assert_cmphex((uint32_t)ldl_le_p(data + ID_CTRL_ZNS_UOR), ==, 0);
    g_assert_cmphex((uint32_t)ldl_le_p(data + ID_CTRL_ZNS_TZRWAR), ==, nr_zrwa);
    g_assert_cmphex((uint32_t)ldl_le_p(data + ID_CTRL_ZNS_UZRWAR), ==, 0);
    g_assert_cmphex((uint32_t)ldl_le_p(data + ID_CTRL_ZNS_VER), ==, 0x10100);
}

static void identify_sums(ZnsDrive *drive)
{
    identify_resources(drive, 5 + 7, 3 + 6, 2);
}

static void identify_sum_without_limit(ZnsDrive *drive)
{
    identify_resources(drive, UINT32_MAX, UINT32_MAX, 0);
}

/* Only active zones have areas */
static void identify_areas_of_active_zones(ZnsDrive *drive)
{
    identify_resources(drive, 5, 3, 5);
}

#define SECOND_NS(limits)                                                   \
    " -blockdev driver=null-co,node-name=disk1,size=67108864"              \
    " -blockdev driver=zoned,node-name=zones1,file=disk1,zone-size=4M"     \
    limits                                                                  \
    " -device nvme-ns,drive=zones1,bus=nvme0,nsid=2"

static const ZnsSpec spec_two = {
    .device_bytes = 64 * MiB,
    .zone_bytes = 4 * MiB,
    .capacity_bytes = 3 * MiB,
    .max_open_zones = 3,
    .max_active_zones = 5,
    .block_bytes = 512,
    .ns_options = ",zoned.zrwas=65536,zoned.zrwafg=16384,zoned.numzrwa=2"
                  SECOND_NS(",max-open-zones=6,max-active-zones=7"),
};

static const ZnsSpec spec_two_without_limit = {
    .device_bytes = 64 * MiB,
    .zone_bytes = 4 * MiB,
    .capacity_bytes = 3 * MiB,
    .max_open_zones = 3,
    .max_active_zones = 5,
    .block_bytes = 512,
    .ns_options = SECOND_NS(""),
};

static const ZnsSpec spec_areas_without_limit = {
    .device_bytes = 64 * MiB,
    .zone_bytes = 4 * MiB,
    .capacity_bytes = 3 * MiB,
    .max_open_zones = 3,
    .max_active_zones = 5,
    .block_bytes = 512,
    .ns_options = ",zoned.zrwas=65536,zoned.zrwafg=16384",
};

static const ZnsSpec spec_image_append_100k = {
    .device_bytes = 64 * MiB,
    .zone_bytes = 4 * MiB,
    .capacity_bytes = 3 * MiB,
    .block_bytes = 512,
    .image_options = ",zone.max_append_bytes=102400",
};

static const ZnsSpec spec_image_append_and_zasl = {
    .device_bytes = 64 * MiB,
    .zone_bytes = 4 * MiB,
    .capacity_bytes = 3 * MiB,
    .block_bytes = 512,
    .image_options = ",zone.max_append_bytes=65536",
    .ctrl_options = ",zoned.zasl=5",
};

static const ZnsSpec spec_zasl_5 = {
    .device_bytes = 64 * MiB,
    .zone_bytes = 4 * MiB,
    .capacity_bytes = 3 * MiB,
    .block_bytes = 512,
    .ctrl_options = ",zoned.zasl=5",
};

static const ZnsSpec spec_4096 = {
    .device_bytes = 64 * MiB,
    .zone_bytes = 4 * MiB,
    .capacity_bytes = 3 * MiB,
    .max_open_zones = 2,
    .max_active_zones = 2,
    .zde_bytes = 64,
    .block_bytes = 4096,
};

const ZnsTest zns_identify_tests[] = {
    { "identify/names-the-zoned-command-set", identify_command_set,
      ZNS_BOTH },
    { "identify/shows-geometry-and-limits", identify_namespace, ZNS_BOTH },
    { "identify/shows-no-limits-as-all-ones", identify_namespace, ZNS_BOTH,
      &zns_spec_plain },
    { "identify/shows-geometry-in-4096-byte-blocks", identify_namespace,
      ZNS_BOTH, &spec_4096 },
    { "identify/shows-the-append-limit", identify_zasl, ZNS_BOTH,
      &spec_zasl_5 },
    { "identify/shows-the-append-limit-of-the-image", identify_zasl_of_image,
      ZNS_QCOW2, &spec_image_append_100k },
    { "identify/shows-the-smaller-append-limit", identify_zasl_of_image,
      ZNS_QCOW2, &spec_image_append_and_zasl },
    { "identify/shows-the-resources-of-all-namespaces", identify_sums,
      ZNS_BOTH, &spec_two },
    { "identify/shows-resources-without-limit", identify_sum_without_limit,
      ZNS_BOTH, &spec_two_without_limit },
    { "identify/shows-areas-as-far-as-zones-are-active",
      identify_areas_of_active_zones, ZNS_BOTH, &spec_areas_without_limit },
    { }
};

/* Write Zeroes */

static void zeroes_advance_wp(ZnsDrive *drive)
{
    zns_assert_ok(zns_write(drive, 0, 8, 1));
    zns_assert_ok(zns_write_zeroes(drive, 8, 200));
    zns_assert_zone(drive, 0, IMPLICITLY_OPEN, 208);
    zns_assert_ok(zns_write(drive, 208, 8, 2));
    g_assert_true(zns_holds(drive, 0, 8, 1));
    g_assert_true(zns_reads_zeros(drive, 8, 200));
    g_assert_true(zns_holds(drive, 208, 8, 2));
}

static void zeroes_obey_write_rules(ZnsDrive *drive)
{
    uint64_t capacity = drive->capacity_blocks;

    zns_assert_status(zns_write_zeroes(drive, 1, 8), NVME_ZONE_INVALID_WRITE);
    zns_assert_zone(drive, 0, EMPTY, 0);
    zns_assert_status(zns_write_zeroes(drive, 0, capacity + 1),
                      NVME_ZONE_BOUNDARY_ERROR);
    zns_assert_zone(drive, 0, EMPTY, 0);
    zns_assert_ok(zns_write(drive, 0, 8, 1));
    zns_assert_status(zns_write_zeroes(drive, 0, 8), NVME_ZONE_INVALID_WRITE);
    g_assert_true(zns_holds(drive, 0, 8, 1));
    zns_assert_ok(zns_write_zeroes(drive, 8, capacity - 8));
    zns_assert_state(drive, 0, FULL);
    zns_assert_status(zns_write_zeroes(drive, 0, 8), NVME_ZONE_FULL);
    zns_assert_status(zns_write_zeroes(drive, zns_lba(drive, drive->nr_zones),
                                       8), NVME_LBA_RANGE);
    g_assert_true(zns_holds(drive, 0, 8, 1));
}

static void zeroes_need_resources(ZnsDrive *drive)
{
    uint32_t i;

    for (i = 0; i < drive->spec->max_open_zones; i++) {
        zns_assert_ok(zns_open(drive, i));
    }
    zns_assert_status(zns_write_zeroes(drive, zns_lba(drive, 9), 8),
                      NVME_ZONE_TOO_MANY_OPEN);
    zns_assert_zone(drive, 9, EMPTY, 0);

    for (i = 0; i < drive->spec->max_active_zones; i++) {
        zns_assert_ok(zns_open(drive, i));
        zns_assert_ok(zns_close(drive, i));
    }
    zns_assert_status(zns_write_zeroes(drive, zns_lba(drive, 9), 8),
                      NVME_ZONE_TOO_MANY_ACTIVE);
    zns_assert_zone(drive, 9, EMPTY, 0);
}

static void copy_needs_resources(ZnsDrive *drive)
{
    uint32_t i;

    zns_assert_ok(zns_write(drive, 0, 16, 1));
    zns_assert_ok(zns_finish(drive, 0));
    for (i = 1; i <= drive->spec->max_open_zones; i++) {
        zns_assert_ok(zns_open(drive, i));
    }
    zns_assert_status(zns_copy_two(drive, zns_lba(drive, 9), 0, 8, 8),
                      NVME_ZONE_TOO_MANY_OPEN);
    zns_assert_zone(drive, 9, EMPTY, 0);
    g_assert_true(zns_reads_zeros(drive, zns_lba(drive, 9), 16));
}

/* Copy */

static void copy_into_zone(ZnsDrive *drive)
{
    uint64_t from1 = zns_lba(drive, 1);
    uint64_t from2 = zns_lba(drive, 2);
    uint64_t to = zns_lba(drive, 3);

    zns_assert_ok(zns_write(drive, from1, 8, 1));
    zns_assert_ok(zns_write(drive, from2, 8, 2));
    zns_assert_ok(zns_write(drive, to, 4, 3));
    zns_assert_ok(zns_copy_two(drive, to + 4, from1, from2, 8));
    zns_assert_zone(drive, 3, IMPLICITLY_OPEN, 20);
    g_assert_true(zns_holds(drive, to, 4, 3));
    g_assert_true(zns_holds(drive, to + 4, 8, 1));
    g_assert_true(zns_holds(drive, to + 12, 8, 2));
    g_assert_true(zns_reads_zeros(drive, to + 20, 8));
    zns_assert_zone(drive, 1, IMPLICITLY_OPEN, 8);
}

static void copy_obeys_write_rules(ZnsDrive *drive)
{
    uint64_t capacity = drive->capacity_blocks;
    uint64_t to = zns_lba(drive, 1);

    zns_assert_ok(zns_write(drive, 0, 16, 1));
    zns_assert_status(zns_copy_two(drive, to + 4, 0, 8, 8),
                      NVME_ZONE_INVALID_WRITE);
    zns_assert_zone(drive, 1, EMPTY, 0);
    zns_assert_ok(zns_write_zeroes(drive, to, capacity - 8));
    zns_assert_status(zns_copy_two(drive, to + capacity - 8, 0, 8, 8),
                      NVME_ZONE_BOUNDARY_ERROR);
    zns_assert_ok(zns_copy_two(drive, to + capacity - 8, 0, 4, 4));
    zns_assert_state(drive, 1, FULL);
    g_assert_true(zns_holds(drive, to + capacity - 8, 8, 1));
    zns_assert_status(zns_copy_two(drive, to, 0, 8, 8), NVME_ZONE_FULL);
}

static void copy_from_above_wp(ZnsDrive *drive)
{
    uint64_t to = zns_lba(drive, 1);

    zns_assert_ok(zns_write(drive, 0, 8, 1));
    zns_assert_ok(zns_copy_two(drive, to, 0, 100, 8));
    zns_assert_zone(drive, 1, IMPLICITLY_OPEN, 16);
    g_assert_true(zns_holds(drive, to, 8, 1));
    g_assert_true(zns_reads_zeros(drive, to + 8, 8));
}

static void copy_over_zone_end(ZnsDrive *drive)
{
    zns_assert_status(zns_copy_two(drive, zns_lba(drive, 3),
                               zns_lba(drive, 1) - 4, 0, 8),
                      NVME_ZONE_BOUNDARY_ERROR);
    g_assert_true(zns_reads_zeros(drive, zns_lba(drive, 3), 16));
}

/*
 * While the zone is being reset nobody knows what it is, but two ranges that
 * are longer than any zone do not fit then, either.
 */
static void copy_behind_reset(ZnsDrive *drive)
{
    uint32_t nr_blocks = drive->capacity_blocks - 8;
    uint64_t to = zns_lba(drive, 1);
    NvmeCopySourceRangeFormat0_2 ranges[2] = {
        { .nlb = cpu_to_le16(nr_blocks - 1) },
        { .nlb = cpu_to_le16(nr_blocks - 1) },
    };
    NvmeCmd reset = zns_rw_cmd(NVME_CMD_ZONE_MGMT_SEND, to, 1);
    NvmeCmd copy = zns_rw_cmd(NVME_CMD_COPY, to, ARRAY_SIZE(ranges));
    uint16_t reset_cid, copy_cid;

    zns_assert_ok(zns_write(drive, 0, 8, 1));
    zns_assert_ok(zns_write(drive, to, 8, 2));
    qtest_memwrite(drive->qts, drive->buf_addr, ranges, sizeof(ranges));
    reset.cdw13 = cpu_to_le32(NVME_ZONE_ACTION_RESET);
    reset_cid = zns_queue_cmd(drive->ctrl, ZNS_IO, &reset, 0, 0);
    copy_cid = zns_queue_cmd(drive->ctrl, ZNS_IO, &copy, drive->buf_addr,
                             sizeof(ranges));
    zns_ring(drive->ctrl, ZNS_IO);
    zns_assert_ok(zns_wait(drive->ctrl, ZNS_IO, reset_cid).status);
    zns_assert_status(zns_wait(drive->ctrl, ZNS_IO, copy_cid).status,
                      NVME_ZONE_BOUNDARY_ERROR);
    zns_assert_zone(drive, 1, EMPTY, 0);
}

static const ZnsSpec spec_short_zones = {
    .device_bytes = 64 * MiB,
    .zone_bytes = 4 * MiB,
    .capacity_bytes = 32 * KiB,
    .block_bytes = 512,
};

/* Compare, Verify, Dataset Management */

static void compare_keeps_wp(ZnsDrive *drive)
{
    zns_assert_ok(zns_write(drive, 0, 16, 1));
    zns_assert_ok(zns_compare(drive, 0, 16, 1));
    zns_assert_status(zns_compare(drive, 0, 16, 2), NVME_CMP_FAILURE);
    zns_assert_status(zns_compare(drive, 16, 16, 1), NVME_CMP_FAILURE);
    zns_assert_zone(drive, 0, IMPLICITLY_OPEN, 16);
    zns_assert_ok(zns_compare(drive, 0, 16, 1));
}

static void verify_keeps_wp(ZnsDrive *drive)
{
    zns_assert_ok(zns_write(drive, 0, 16, 1));
    zns_assert_ok(zns_verify(drive, 0, 16));
    zns_assert_ok(zns_verify(drive, 8, 64));
    zns_assert_zone(drive, 0, IMPLICITLY_OPEN, 16);
    g_assert_true(zns_holds(drive, 0, 16, 1));
}

static void checks_stay_in_zone(ZnsDrive *drive)
{
    uint64_t lba = zns_lba(drive, 1) - 4;

    zns_assert_status(zns_compare(drive, lba, 8, 1), NVME_ZONE_BOUNDARY_ERROR);
    zns_assert_status(zns_verify(drive, lba, 8), NVME_ZONE_BOUNDARY_ERROR);
}

/* 64 KiB: what one cluster of the image or one page of the host can lose */
static void deallocate_keeps_wp(ZnsDrive *drive)
{
    uint32_t nr_blocks = 64 * KiB / drive->spec->block_bytes;

    zns_assert_ok(zns_write(drive, 0, nr_blocks, 1));
    zns_assert_ok(zns_write(drive, nr_blocks, nr_blocks, 2));
    zns_assert_ok(zns_deallocate(drive, 0, nr_blocks));
    zns_assert_zone(drive, 0, IMPLICITLY_OPEN, 2 * nr_blocks);
    g_assert_true(zns_holds(drive, nr_blocks, nr_blocks, 2));
    g_assert_true(zns_holds(drive, 0, nr_blocks, 1) ||
                  zns_reads_zeros(drive, 0, nr_blocks));
    zns_assert_ok(zns_write(drive, 2 * nr_blocks, nr_blocks, 3));
    zns_assert_zone(drive, 0, IMPLICITLY_OPEN, 3 * nr_blocks);
}

static void deallocate_above_wp(ZnsDrive *drive)
{
    zns_assert_ok(zns_write(drive, 0, 8, 1));
    zns_assert_ok(zns_deallocate(drive, 8, drive->capacity_blocks - 8));
    zns_assert_zone(drive, 0, IMPLICITLY_OPEN, 8);
    g_assert_true(zns_holds(drive, 0, 8, 1));
    zns_assert_ok(zns_write(drive, 8, 8, 2));
    g_assert_true(zns_holds(drive, 8, 8, 2));
}

/* What Linux does for blkdiscard of the whole drive */
static void deallocate_over_zone_end(ZnsDrive *drive)
{
    uint64_t lba = zns_lba(drive, 1);
    uint32_t nr_blocks = 64 * KiB / drive->spec->block_bytes;

    zns_assert_ok(zns_write(drive, 0, nr_blocks, 1));
    zns_assert_ok(zns_write(drive, lba, nr_blocks, 2));
    zns_assert_ok(zns_deallocate(drive, lba - 8, 16));
    zns_assert_ok(zns_deallocate(drive, 0, 2 * drive->zone_blocks));
    zns_assert_zone(drive, 0, IMPLICITLY_OPEN, nr_blocks);
    zns_assert_zone(drive, 1, IMPLICITLY_OPEN, nr_blocks);
    g_assert_true(zns_holds(drive, lba, nr_blocks, 2) ||
                  zns_reads_zeros(drive, lba, nr_blocks));
    zns_assert_ok(zns_write(drive, lba + nr_blocks, 8, 3));
    g_assert_true(zns_holds(drive, lba + nr_blocks, 8, 3));
}

/* Nothing of the other zones goes */
static void deallocate_meets_offline_zone(ZnsDrive *drive)
{
    uint64_t lba = zns_lba(drive, 1);

    zns_assert_ok(zns_write(drive, 0, 8, 1));
    zns_set_state(drive, 1, "offline");
    zns_assert_status(zns_deallocate(drive, 0, 2 * drive->zone_blocks),
                      NVME_ZONE_OFFLINE);
    zns_assert_status(zns_deallocate(drive, lba, 8), NVME_ZONE_OFFLINE);
    g_assert_true(zns_holds(drive, 0, 8, 1));
    zns_assert_ok(zns_deallocate(drive, 0, drive->zone_blocks));
}

const ZnsTest zns_command_tests[] = {
    { "write-zeroes/advances-the-write-pointer", zeroes_advance_wp,
      ZNS_BOTH },
    { "write-zeroes/obeys-the-rules-of-write", zeroes_obey_write_rules,
      ZNS_BOTH },
    { "write-zeroes/needs-open-resources", zeroes_need_resources, ZNS_BOTH },
    { "copy/into-a-zone-advances-its-write-pointer", copy_into_zone,
      ZNS_BOTH, &zns_spec_plain },
    { "copy/obeys-the-rules-of-write", copy_obeys_write_rules, ZNS_BOTH },
    { "copy/needs-open-resources", copy_needs_resources, ZNS_BOTH },
    { "copy/from-above-the-write-pointer-copies-zeros", copy_from_above_wp,
      ZNS_BOTH },
    { "copy/from-over-a-zone-end-is-zone-boundary-error", copy_over_zone_end,
      ZNS_BOTH },
    { "copy/behind-a-reset-fits-or-writes-nothing", copy_behind_reset,
      ZNS_QCOW2, &spec_short_zones },
    { "compare/keeps-the-write-pointer", compare_keeps_wp, ZNS_BOTH },
    { "verify/keeps-the-write-pointer", verify_keeps_wp, ZNS_BOTH },
    { "compare-and-verify/over-a-zone-end-is-zone-boundary-error",
      checks_stay_in_zone, ZNS_BOTH },
    { "deallocate/below-the-write-pointer-keeps-it", deallocate_keeps_wp,
      ZNS_BOTH },
    { "deallocate/above-the-write-pointer-changes-nothing",
      deallocate_above_wp, ZNS_BOTH },
    { "deallocate/over-a-zone-end", deallocate_over_zone_end, ZNS_BOTH },
    { "deallocate/over-an-offline-zone-is-zone-is-offline",
      deallocate_meets_offline_zone, ZNS_BOTH },
    { }
};
