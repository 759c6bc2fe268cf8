/*
 * A zoned NVMe drive under test: its image, QEMU's life, commands, checks
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include <sys/mman.h>
#include "qemu/bswap.h"
#include "qemu/cutils.h"
#include "qemu/units.h"
#include "libqos/malloc-pc.h"
#include "libqos/pci-pc.h"
#include "nvme-zns-drive.h"
#include "zone-image.h"

#define FIRST_NSID      1
#define CTRL_SLOT       4
#define EXIT_LIMIT_US   (30 * G_USEC_PER_SEC)
#define EXIT_SLEEP_US   500
#define MEMORY_BYTES    (128 * MiB)
/* Exit status of qemu-img check when leaked clusters are all it finds */
#define CHECK_LEAKS     3

const ZnsSpec zns_spec_default = {
    .device_bytes = 64 * MiB,
    .zone_bytes = 4 * MiB,
    .capacity_bytes = 3 * MiB,
    .max_open_zones = 3,
    .max_active_zones = 5,
    .zde_bytes = 64,
    .block_bytes = 512,
};

const ZnsSpec zns_spec_plain = {
    .device_bytes = 64 * MiB,
    .zone_bytes = 4 * MiB,
    .capacity_bytes = 3 * MiB,
    .block_bytes = 512,
};

/* The image */

static char *create_qcow2(const ZnsSpec *spec, ZnsKind kind)
{
    g_autofree char *zoned = kind == ZNS_PLAIN ? g_strdup("") : g_strdup_printf(
        ",zone.mode=host-managed,zone.size=%" PRIu64
        ",zone.capacity=%" PRIu64 ",zone.max_open_zones=%u"
        ",zone.max_active_zones=%u,zd_extension_size=%u",
        spec->zone_bytes, spec->capacity_bytes, spec->max_open_zones,
        spec->max_active_zones, spec->zde_bytes);
    g_autofree char *options = g_strdup_printf(
        "size=%" PRIu64 "%s%s", spec->device_bytes, zoned,
        spec->image_options ?: "");

    return zone_image_new("nvme-zns", options);
}

bool zns_check_image(const ZnsDrive *drive)
{
    return zone_image_check(drive->image, drive->may_leak ? CHECK_LEAKS : 0);
}

static bool is_qcow2(ZnsKind kind)
{
    return kind & (ZNS_QCOW2 | ZNS_PLAIN);
}

char *zns_create_image(const ZnsSpec *spec, ZnsKind kind)
{
    char *image;

    if (is_qcow2(kind)) {
        return create_qcow2(spec, kind);
    }
    image = zone_image_new("nvme-zns", NULL);
    if (truncate(image, spec->device_bytes)) {
        g_error("cannot size %s: %s", image, g_strerror(errno));
    }
    return image;
}

/* Options of -drive for the node that the namespace is on */
static char *node_options(const ZnsSpec *spec, ZnsKind kind, const char *image)
{
    if (spec->qcow2_node && kind == ZNS_QCOW2) {
        return g_strconcat(spec->qcow2_node, image, NULL);
    }
    if (kind != ZNS_FILTER) {
        return g_strdup_printf("file=%s,format=%s", image,
                               kind == ZNS_MEMORY ? "raw" : "qcow2");
    }
    return g_strdup_printf(
        "driver=zoned,file.driver=file,file.filename=%s,zone-size=%" PRIu64
        ",zone-capacity=%" PRIu64 ",max-open-zones=%u,max-active-zones=%u"
        ",zd-extension-size=%u%s", image, spec->zone_bytes,
        spec->capacity_bytes, spec->max_open_zones, spec->max_active_zones,
        spec->zde_bytes, spec->filter_options ?: "");
}

static char *drive_options(const ZnsSpec *spec, ZnsKind kind,
                           const char *image, uint32_t nsid)
{
    g_autofree char *node = node_options(spec, kind, image);

    return g_strdup_printf("-drive if=none,id=zns%u,%s%s", nsid - 1, node,
                           spec->drive_options ?: "");
}

static char *ns_options(const ZnsSpec *spec, ZnsKind kind, uint32_t nsid)
{
    bool in_memory = kind == ZNS_MEMORY;
    g_autofree char *zoned = !in_memory ? g_strdup("") : g_strdup_printf(
        ",zoned=on,zoned.zone_size=%" PRIu64 ",zoned.zone_capacity=%" PRIu64
        ",zoned.max_open=%u,zoned.max_active=%u,zoned.descr_ext_size=%u%s",
        spec->zone_bytes, spec->capacity_bytes, spec->max_open_zones,
        spec->max_active_zones, spec->zde_bytes, spec->memory_options ?: "");

    return g_strdup_printf(
        "-device nvme-ns,drive=zns%u,bus=nvme0,nsid=%u,"
        "logical_block_size=%u,physical_block_size=%u%s%s",
        nsid - 1, nsid, spec->block_bytes, spec->block_bytes, zoned,
        spec->ns_options ?: "");
}

char *zns_device_options(const ZnsSpec *spec, ZnsKind kind, const char *image)
{
    g_autofree char *drive = drive_options(spec, kind, image, FIRST_NSID);
    g_autofree char *ns = ns_options(spec, kind, FIRST_NSID);

    return g_strdup_printf(
        "-nodefaults -machine q35 %s "
        "-device nvme,id=nvme0,serial=zns,addr=%d.0%s %s",
        drive, CTRL_SLOT, spec->ctrl_options ?: "", ns);
}

/* The command line of the drive with all its namespaces */
static char *qemu_options(const ZnsDrive *drive)
{
    char *options = zns_device_options(drive->spec, drive->kind, drive->image);
    size_t i;

    for (i = 0; drive->more[i]; i++) {
        const ZnsDrive *each = drive->more[i];
        g_autofree char *before = options;
        g_autofree char *node = drive_options(each->spec, each->kind,
                                              each->image, each->nsid);
        g_autofree char *ns = ns_options(each->spec, each->kind, each->nsid);

        options = g_strjoin(" ", before, node, ns, NULL);
    }
    return options;
}

/* QEMU's life */

/* Further namespaces are reached by the controller of the first one */
static void share_ctrl(ZnsDrive *drive)
{
    size_t i;

    for (i = 0; drive->more[i]; i++) {
        drive->more[i]->qts = drive->qts;
        drive->more[i]->ctrl = drive->ctrl;
        drive->more[i]->buf_addr = drive->buf_addr;
    }
}

/* Options for QEMU to have its memory in common with the test */
static char *map_memory(ZnsDrive *drive)
{
    if (!drive->spec->map_memory) {
        return g_strdup("");
    }
    drive->memory_fd = memfd_create("nvme-zns", 0);
    g_assert_cmpint(drive->memory_fd, >=, 0);
    g_assert_cmpint(ftruncate(drive->memory_fd, MEMORY_BYTES), ==, 0);
    drive->memory = mmap(NULL, MEMORY_BYTES, PROT_READ | PROT_WRITE,
                         MAP_SHARED, drive->memory_fd, 0);
    g_assert_true(drive->memory != MAP_FAILED);
    return g_strdup_printf(
        " -object memory-backend-file,id=ram,share=on,size=%" PRIu64
        ",mem-path=/proc/%d/fd/%d -machine memory-backend=ram",
        (uint64_t)MEMORY_BYTES, getpid(), drive->memory_fd);
}

static void unmap_memory(ZnsDrive *drive)
{
    if (drive->memory) {
        munmap(drive->memory, MEMORY_BYTES);
        close(drive->memory_fd);
        drive->memory = NULL;
    }
}

void zns_boot(ZnsDrive *drive)
{
    g_autofree char *device = qemu_options(drive);
    g_autofree char *memory = map_memory(drive);
    g_autofree char *options = g_strconcat(device, memory, NULL);

    drive->qts = qtest_init(options);
    pc_alloc_init(&drive->alloc, drive->qts, ALLOC_NO_FLAGS);
    drive->bus = qpci_new_pc(drive->qts, &drive->alloc);
    drive->ctrl = zns_ctrl_new(drive->qts, drive->bus,
                               QPCI_DEVFN(CTRL_SLOT, 0), &drive->alloc);
    zns_ctrl_map_memory(drive->ctrl, drive->memory);
    drive->buf_addr = guest_alloc(&drive->alloc, ZNS_BUF_BYTES);
    share_ctrl(drive);
}

static void forget_qemu(ZnsDrive *drive)
{
    zns_ctrl_free(drive->ctrl);
    qpci_free_pc(drive->bus);
    alloc_destroy(&drive->alloc);
    unmap_memory(drive);
    drive->qts = NULL;
}

/* qtest_quit() looks only every 100 ms: wait here, and leave it the corpse */
static void wait_for_exit(pid_t pid)
{
    int64_t end_us = g_get_monotonic_time() + EXIT_LIMIT_US;
    siginfo_t info = { 0 };

    while (!waitid(P_PID, pid, &info, WEXITED | WNOHANG | WNOWAIT) &&
           !info.si_pid) {
        if (g_get_monotonic_time() > end_us) {
            g_error("QEMU does not exit");
        }
        g_usleep(EXIT_SLEEP_US);
    }
}

static void reap_exited(ZnsDrive *drive)
{
    wait_for_exit(qtest_pid(drive->qts));
    qtest_wait_qemu(drive->qts);
    qtest_quit(drive->qts);
    forget_qemu(drive);
}

void zns_quit(ZnsDrive *drive)
{
    qtest_qmp_send(drive->qts, "{ 'execute': 'quit' }");
    reap_exited(drive);
}

void zns_terminate(ZnsDrive *drive)
{
    g_assert_cmpint(kill(qtest_pid(drive->qts), SIGTERM), ==, 0);
    reap_exited(drive);
}

/*
 * libqtest takes death by a signal for a failure.  Reaping the process here
 * makes it find none, which it takes for an exit that went well.
 */
void zns_kill(ZnsDrive *drive)
{
    pid_t pid = qtest_pid(drive->qts);
    int status = 0;

    g_assert_cmpint(kill(pid, SIGKILL), ==, 0);
    g_assert_cmpint(waitpid(pid, &status, 0), ==, pid);
    g_assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    g_assert_false(qtest_probe_child(drive->qts));
    qtest_quit(drive->qts);
    forget_qemu(drive);
}

static void remove_image(ZnsDrive *drive)
{
    unlink(drive->image);
    g_free(drive->image);
    g_free(drive);
}

/* A drive or namespace that has its image; NULL as in zns_create_image() */
static ZnsDrive *new_namespace(const ZnsSpec *spec, ZnsKind kind, uint32_t nsid)
{
    char *image = zns_create_image(spec, kind);
    ZnsDrive *drive;

    if (!image) {
        return NULL;
    }
    drive = g_new0(ZnsDrive, 1);
    drive->spec = spec;
    drive->kind = kind;
    drive->nsid = nsid;
    drive->image = image;
    drive->capacity_blocks = spec->capacity_bytes / spec->block_bytes;
    if (spec->zone_bytes) {
        drive->nr_zones = spec->device_bytes / spec->zone_bytes;
        drive->zone_blocks = spec->zone_bytes / spec->block_bytes;
    }
    return drive;
}

/* False, and the test has failed, when one of the images is not made */
static bool add_more(ZnsDrive *drive)
{
    const ZnsMore *more;
    size_t i = 0;

    for (more = drive->spec->more; more && more->spec; more++, i++) {
        g_assert_cmpuint(i + 1, <, ZNS_MAX_MORE);
        drive->more[i] = new_namespace(more->spec, more->kind,
                                       FIRST_NSID + 1 + i);
        if (!drive->more[i]) {
            return false;
        }
    }
    return true;
}

static void remove_images(ZnsDrive *drive)
{
    size_t i;

    for (i = 0; drive->more[i]; i++) {
        remove_image(drive->more[i]);
    }
    remove_image(drive);
}

ZnsDrive *zns_drive_new(const ZnsSpec *spec, ZnsKind kind)
{
    ZnsDrive *drive = new_namespace(spec, kind, FIRST_NSID);

    if (drive && !add_more(drive)) {
        remove_images(drive);
        return NULL;
    }
    if (drive) {
        zns_boot(drive);
    }
    return drive;
}

void zns_drive_free(ZnsDrive *drive)
{
    ZnsDrive **more = drive->more;

    zns_quit(drive);
    if (drive->kind == ZNS_QCOW2) {
        g_assert_true(zns_check_image(drive));
    }
    for (; *more; more++) {
        if (is_qcow2((*more)->kind)) {
            g_assert_true(zns_check_image(*more));
        }
    }
    remove_images(drive);
}

void zns_restart(ZnsDrive *drive)
{
    zns_quit(drive);
    zns_boot(drive);
}

void zns_terminate_and_restart(ZnsDrive *drive)
{
    zns_terminate(drive);
    zns_boot(drive);
}

void zns_kill_and_restart(ZnsDrive *drive)
{
    zns_kill(drive);
    zns_boot(drive);
}

/* Data */

uint32_t zns_pick_seed(void)
{
    const char *text = getenv("ZNS_SEED");
    uint32_t seed = text ? g_ascii_strtoull(text, NULL, 0)
                         : g_get_real_time();

    g_test_message("ZNS_SEED=%u repeats this", seed);
    return seed;
}

void zns_fill_pattern(void *block, size_t block_bytes, uint32_t seed,
                      uint64_t idx)
{
    uint64_t x = (uint64_t)seed << 32 ^ idx;
    size_t i;

    for (i = 0; i < block_bytes; i += sizeof(x)) {
        x = (x + 0x9e3779b97f4a7c15) * 0xbf58476d1ce4e5b9;
        x ^= x >> 29;
        stq_le_p((char *)block + i, x);
    }
}

static char *new_pattern(const ZnsDrive *drive, uint32_t nr_blocks,
                         uint32_t seed)
{
    size_t block_bytes = drive->spec->block_bytes;
    char *data = g_malloc(nr_blocks * block_bytes);
    uint32_t i;

    for (i = 0; i < nr_blocks; i++) {
        zns_fill_pattern(data + i * block_bytes, block_bytes, seed, i);
    }
    return data;
}

void zns_put_pattern(ZnsDrive *drive, uint64_t addr, uint32_t nr_blocks,
                     uint32_t seed)
{
    g_autofree char *data = new_pattern(drive, nr_blocks, seed);

    qtest_bufwrite(drive->qts, addr, data,
                   nr_blocks * drive->spec->block_bytes);
}

char *zns_load_blocks(ZnsDrive *drive, uint64_t lba, uint32_t nr_blocks)
{
    size_t bytes = nr_blocks * drive->spec->block_bytes;
    char *data;

    /* What the read does not write must not pass for data */
    qtest_memset(drive->qts, drive->buf_addr, 0xa5, bytes);
    if (zns_read(drive, lba, nr_blocks)) {
        return NULL;
    }
    data = g_malloc(bytes);
    qtest_bufread(drive->qts, drive->buf_addr, data, bytes);
    return data;
}

bool zns_holds(ZnsDrive *drive, uint64_t lba, uint32_t nr_blocks,
               uint32_t seed)
{
    g_autofree char *expected = new_pattern(drive, nr_blocks, seed);
    g_autofree char *data = zns_load_blocks(drive, lba, nr_blocks);

    return data && !memcmp(data, expected,
                           nr_blocks * drive->spec->block_bytes);
}

bool zns_reads_zeros(ZnsDrive *drive, uint64_t lba, uint32_t nr_blocks)
{
    g_autofree char *data = zns_load_blocks(drive, lba, nr_blocks);

    return data && buffer_is_zero(data, nr_blocks * drive->spec->block_bytes);
}

/* Commands */

NvmeCmd zns_rw_cmd(uint8_t opcode, uint64_t lba, uint32_t nr_blocks)
{
    return (NvmeCmd) {
        .opcode = opcode,
        .nsid = cpu_to_le32(FIRST_NSID),
        .cdw10 = cpu_to_le32(lba),
        .cdw11 = cpu_to_le32(lba >> 32),
        .cdw12 = cpu_to_le32(nr_blocks - 1),
    };
}

static NvmeCmd ns_cmd(const ZnsDrive *drive, uint8_t opcode, uint64_t lba,
                      uint32_t nr_blocks)
{
    NvmeCmd cmd = zns_rw_cmd(opcode, lba, nr_blocks);

    cmd.nsid = cpu_to_le32(drive->nsid);
    return cmd;
}

static ZnsReply exec_rw(ZnsDrive *drive, uint8_t opcode, uint64_t lba,
                        uint32_t nr_blocks, uint32_t cdw12_flags)
{
    NvmeCmd cmd = ns_cmd(drive, opcode, lba, nr_blocks);
    size_t bytes = (size_t)nr_blocks * drive->spec->block_bytes;

    g_assert_cmpuint(bytes, <=, ZNS_BUF_BYTES);
    cmd.cdw12 |= cpu_to_le32(cdw12_flags);
    return zns_exec(drive->ctrl, ZNS_IO, &cmd, drive->buf_addr, bytes);
}

uint16_t zns_write(ZnsDrive *drive, uint64_t lba, uint32_t nr_blocks,
                   uint32_t seed)
{
    zns_put_pattern(drive, drive->buf_addr, nr_blocks, seed);
    return exec_rw(drive, NVME_CMD_WRITE, lba, nr_blocks, 0).status;
}

uint16_t zns_write_fua(ZnsDrive *drive, uint64_t lba, uint32_t nr_blocks,
                       uint32_t seed)
{
    zns_put_pattern(drive, drive->buf_addr, nr_blocks, seed);
    return exec_rw(drive, NVME_CMD_WRITE, lba, nr_blocks,
                   (uint32_t)NVME_RW_FUA << 16).status;
}

uint16_t zns_append(ZnsDrive *drive, uint64_t zone_lba, uint32_t nr_blocks,
                    uint32_t seed, uint64_t *lba)
{
    ZnsReply reply;

    zns_put_pattern(drive, drive->buf_addr, nr_blocks, seed);
    reply = exec_rw(drive, NVME_CMD_ZONE_APPEND, zone_lba, nr_blocks, 0);
    if (lba) {
        *lba = reply.result;
    }
    return reply.status;
}

uint16_t zns_read(ZnsDrive *drive, uint64_t lba, uint32_t nr_blocks)
{
    return exec_rw(drive, NVME_CMD_READ, lba, nr_blocks, 0).status;
}

uint16_t zns_write_zeroes(ZnsDrive *drive, uint64_t lba, uint32_t nr_blocks)
{
    NvmeCmd cmd = ns_cmd(drive, NVME_CMD_WRITE_ZEROES, lba, nr_blocks);

    return zns_exec(drive->ctrl, ZNS_IO, &cmd, 0, 0).status;
}

uint16_t zns_flush(ZnsDrive *drive)
{
    NvmeCmd cmd = {
        .opcode = NVME_CMD_FLUSH,
        .nsid = cpu_to_le32(drive->nsid),
    };

    return zns_exec(drive->ctrl, ZNS_IO, &cmd, 0, 0).status;
}

uint16_t zns_fill_zone(ZnsDrive *drive, uint32_t zone_idx)
{
    return zns_write_zeroes(drive, zns_lba(drive, zone_idx),
                            drive->capacity_blocks);
}

static ZnsReply send_data(ZnsDrive *drive, uint64_t lba, uint32_t action_flags,
                          size_t bytes)
{
    NvmeCmd cmd = ns_cmd(drive, NVME_CMD_ZONE_MGMT_SEND, lba, 1);

    cmd.cdw13 = cpu_to_le32(action_flags);
    return zns_exec(drive->ctrl, ZNS_IO, &cmd, drive->buf_addr, bytes);
}

ZnsReply zns_send_for_reply(ZnsDrive *drive, uint64_t lba,
                            uint32_t action_flags)
{
    return send_data(drive, lba, action_flags, 0);
}

uint16_t zns_send(ZnsDrive *drive, uint64_t lba, uint32_t action_flags)
{
    return send_data(drive, lba, action_flags, 0).status;
}

uint16_t zns_open(ZnsDrive *drive, uint32_t zone_idx)
{
    return zns_send(drive, zns_lba(drive, zone_idx), NVME_ZONE_ACTION_OPEN);
}

uint16_t zns_close(ZnsDrive *drive, uint32_t zone_idx)
{
    return zns_send(drive, zns_lba(drive, zone_idx), NVME_ZONE_ACTION_CLOSE);
}

uint16_t zns_finish(ZnsDrive *drive, uint32_t zone_idx)
{
    return zns_send(drive, zns_lba(drive, zone_idx), NVME_ZONE_ACTION_FINISH);
}

uint16_t zns_reset(ZnsDrive *drive, uint32_t zone_idx)
{
    return zns_send(drive, zns_lba(drive, zone_idx), NVME_ZONE_ACTION_RESET);
}

uint16_t zns_set_zde(ZnsDrive *drive, uint32_t zone_idx, uint32_t seed)
{
    zns_put_pattern(drive, drive->buf_addr, 1, seed);
    return send_data(drive, zns_lba(drive, zone_idx),
                     NVME_ZONE_ACTION_SET_ZD_EXT, ZNS_MAX_ZDE_BYTES).status;
}

uint16_t zns_set_zde_zrwa(ZnsDrive *drive, uint32_t zone_idx, uint32_t seed)
{
    zns_put_pattern(drive, drive->buf_addr, 1, seed);
    return send_data(drive, zns_lba(drive, zone_idx),
                     NVME_ZONE_ACTION_SET_ZD_EXT | ZNS_ZRWA_ALLOC,
                     ZNS_MAX_ZDE_BYTES).status;
}

uint16_t zns_compare(ZnsDrive *drive, uint64_t lba, uint32_t nr_blocks,
                     uint32_t seed)
{
    zns_put_pattern(drive, drive->buf_addr, nr_blocks, seed);
    return exec_rw(drive, NVME_CMD_COMPARE, lba, nr_blocks, 0).status;
}

uint16_t zns_verify(ZnsDrive *drive, uint64_t lba, uint32_t nr_blocks)
{
    NvmeCmd cmd = ns_cmd(drive, NVME_CMD_VERIFY, lba, nr_blocks);

    return zns_exec(drive->ctrl, ZNS_IO, &cmd, 0, 0).status;
}

uint16_t zns_deallocate(ZnsDrive *drive, uint64_t lba, uint32_t nr_blocks)
{
    NvmeDsmRange range = {
        .nlb = cpu_to_le32(nr_blocks),
        .slba = cpu_to_le64(lba),
    };
    NvmeCmd cmd = {
        .opcode = NVME_CMD_DSM,
        .nsid = cpu_to_le32(drive->nsid),
        .cdw11 = cpu_to_le32(NVME_DSMGMT_AD),
    };

    qtest_memwrite(drive->qts, drive->buf_addr, &range, sizeof(range));
    return zns_exec(drive->ctrl, ZNS_IO, &cmd, drive->buf_addr,
                    sizeof(range)).status;
}

uint16_t zns_copy_two(ZnsDrive *drive, uint64_t to_lba, uint64_t from1_lba,
                      uint64_t from2_lba, uint32_t nr_blocks)
{
    NvmeCopySourceRangeFormat0_2 ranges[2] = {
        { .slba = cpu_to_le64(from1_lba), .nlb = cpu_to_le16(nr_blocks - 1) },
        { .slba = cpu_to_le64(from2_lba), .nlb = cpu_to_le16(nr_blocks - 1) },
    };
    NvmeCmd cmd = ns_cmd(drive, NVME_CMD_COPY, to_lba, ARRAY_SIZE(ranges));

    qtest_memwrite(drive->qts, drive->buf_addr, ranges, sizeof(ranges));
    return zns_exec(drive->ctrl, ZNS_IO, &cmd, drive->buf_addr,
                    sizeof(ranges)).status;
}

uint16_t zns_attach(ZnsDrive *drive, uint32_t nsid, uint16_t cntlid,
                    uint32_t select)
{
    uint16_t ids[NVME_CONTROLLER_LIST_SIZE] = {
        cpu_to_le16(1), cpu_to_le16(cntlid),
    };
    NvmeCmd cmd = {
        .opcode = NVME_ADM_CMD_NS_ATTACHMENT,
        .nsid = cpu_to_le32(nsid),
        .cdw10 = cpu_to_le32(select),
    };

    qtest_memwrite(drive->qts, drive->buf_addr, ids, sizeof(ids));
    return zns_exec(drive->ctrl, ZNS_ADMIN, &cmd, drive->buf_addr,
                    sizeof(ids)).status;
}
