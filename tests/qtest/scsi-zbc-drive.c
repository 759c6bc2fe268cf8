/*
 * A host-managed SCSI disk under test: its image, QEMU's life, commands
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/bswap.h"
#include "qemu/cutils.h"
#include "qemu/units.h"
#include "libqos/malloc-pc.h"
#include "libqos/pci-pc.h"
#include "scsi/constants.h"
#include "standard-headers/linux/virtio_config.h"
#include "standard-headers/linux/virtio_scsi.h"
#include "scsi-zbc-drive.h"
#include "zone-image.h"
#include "zone-virtqueue.h"

#define HBA_SLOT        4
#define REQUEST_QUEUE   2
#define HEAD_BYTES      512     /* request and response of one command */
#define RESPONSE_BYTE   128
#define WAIT_LIMIT_US   (30 * G_USEC_PER_SEC)
#define ZBC_OUT         0x94
#define ZBC_IN          0x95

const ZbcSpec zbc_spec_default = {
    .zone_bytes = 1 * MiB,
    .nr_zones = 16,
    .nr_conventional = 2,
    .max_open_zones = 3,
};

/* The image */

static char *create_image(const ZbcSpec *spec)
{
    g_autofree char *options = g_strdup_printf(
        "size=%" PRIu64 ",zone.mode=host-managed,zone.size=%" PRIu64
        ",zone.conventional_zones=%u,zone.max_open_zones=%u"
        ",zone.max_active_zones=%u", spec->zone_bytes * spec->nr_zones,
        spec->zone_bytes, spec->nr_conventional, spec->max_open_zones,
        spec->max_active_zones);

    return zone_image_new("scsi-zbc", options);
}

/* QEMU's life */

static void find_hba(ZbcDrive *drive)
{
    QPCIAddress addr = { .devfn = QPCI_DEVFN(HBA_SLOT, 0) };

    drive->pci = virtio_pci_new(drive->bus, &addr);
    g_assert_nonnull(drive->pci);
    drive->vdev = &drive->pci->vdev;
    qvirtio_pci_device_enable(drive->pci);
}

static void start_driver(ZbcDrive *drive)
{
    unsigned i;

    qvirtio_start_device(drive->vdev);
    qvirtio_set_features(drive->vdev, qvirtio_get_features(drive->vdev) &
                         ~(QVIRTIO_F_BAD_FEATURE |
                           (1ull << VIRTIO_RING_F_INDIRECT_DESC) |
                           (1ull << VIRTIO_RING_F_EVENT_IDX)));
    for (i = 0; i < ARRAY_SIZE(drive->vqs); i++) {
        drive->vqs[i] = qvirtqueue_setup(drive->vdev, &drive->alloc, i);
    }
    qvirtio_set_driver_ok(drive->vdev);
}

/* The first command of a host reports that the bus was reset */
static void take_unit_attention(ZbcDrive *drive)
{
    ZbcCmd cmd = { .cdb = { TEST_UNIT_READY } };
    int i;

    for (i = 0; i < 4 && zbc_exec(drive, &cmd) >> 16 == UNIT_ATTENTION; i++) {
        continue;
    }
}

void zbc_select(ZbcDrive *drive, uint8_t target)
{
    drive->target = target;
    take_unit_attention(drive);
}

void zbc_boot(ZbcDrive *drive)
{
    const ZbcSpec *spec = drive->spec;

    drive->qts = qtest_initf(
        "-nodefaults -machine q35 "
        "-drive if=none,id=zns0,file=%s,format=qcow2%s "
        "-device virtio-scsi-pci,id=hba,disable-legacy=on,addr=%d.0 "
        "-device scsi-hd,drive=zns0,bus=hba.0,logical_block_size=%u,"
        "physical_block_size=4096%s", drive->image, spec->drive_options ?: "",
        HBA_SLOT, drive->block_bytes, spec->device_options ?: "");
    pc_alloc_init(&drive->alloc, drive->qts, ALLOC_NO_FLAGS);
    drive->bus = qpci_new_pc(drive->qts, &drive->alloc);
    find_hba(drive);
    start_driver(drive);
    drive->buf_addr = guest_alloc(&drive->alloc, ZBC_BUF_BYTES);
    drive->head_addr = guest_alloc(&drive->alloc,
                                   ZBC_MAX_IN_FLIGHT * HEAD_BYTES);
    take_unit_attention(drive);
}

/* QEMU has the queues no more: only what libqos holds here is left */
static void forget(ZbcDrive *drive)
{
    unsigned i;

    for (i = 0; i < ARRAY_SIZE(drive->vqs); i++) {
        g_free(drive->vqs[i]);
    }
    g_free(drive->pci->pdev);
    g_free(drive->pci);
    qpci_free_pc(drive->bus);
    alloc_destroy(&drive->alloc);
}

void zbc_quit(ZbcDrive *drive)
{
    qtest_qmp_send(drive->qts, "{ 'execute': 'quit' }");
    qtest_wait_qemu(drive->qts);
    qtest_quit(drive->qts);
    forget(drive);
}

void zbc_restart(ZbcDrive *drive)
{
    zbc_quit(drive);
    zbc_boot(drive);
}

void zbc_kill_and_restart(ZbcDrive *drive)
{
    qtest_kill_qemu(drive->qts);
    qtest_quit(drive->qts);
    forget(drive);
    zbc_boot(drive);
}

ZbcDrive *zbc_drive_new(const ZbcSpec *spec)
{
    char *image = create_image(spec);
    ZbcDrive *drive;

    if (!image) {
        return NULL;
    }
    drive = g_new0(ZbcDrive, 1);
    drive->spec = spec;
    drive->image = image;
    drive->block_bytes = spec->block_bytes ?: 512;
    drive->zone_blocks = spec->zone_bytes / drive->block_bytes;
    zbc_boot(drive);
    return drive;
}

void zbc_drive_free(ZbcDrive *drive)
{
    zbc_quit(drive);
    g_assert_true(zone_image_check(drive->image, 0));
    unlink(drive->image);
    g_free(drive->image);
    g_free(drive);
}

/* Commands */

static uint32_t queue_cmd(ZbcDrive *drive, const ZbcCmd *cmd, unsigned slot)
{
    QVirtQueue *vq = drive->vqs[REQUEST_QUEUE];
    uint64_t addr = drive->head_addr + slot * HEAD_BYTES;
    struct virtio_scsi_cmd_req req = {
        .lun = { 1, drive->target }, .tag = slot + 1,
    };
    uint32_t head;

    memcpy(req.cdb, cmd->cdb, sizeof(req.cdb));
    qtest_memwrite(drive->qts, addr, &req, sizeof(req));
    qtest_memset(drive->qts, addr + RESPONSE_BYTE, 0xff,
                 sizeof(struct virtio_scsi_cmd_resp));
    head = qvirtqueue_add(drive->qts, vq, addr, sizeof(req), false, true);
    if (cmd->out_bytes) {
        qvirtqueue_add(drive->qts, vq, drive->buf_addr, cmd->out_bytes, false,
                       true);
    }
    qvirtqueue_add(drive->qts, vq, addr + RESPONSE_BYTE,
                   sizeof(struct virtio_scsi_cmd_resp), true, cmd->in_bytes);
    if (cmd->in_bytes) {
        qvirtqueue_add(drive->qts, vq, drive->buf_addr, cmd->in_bytes, true,
                       false);
    }
    return head;
}

static uint32_t sense_of(ZbcDrive *drive, unsigned slot)
{
    struct virtio_scsi_cmd_resp resp;

    qtest_memread(drive->qts,
                  drive->head_addr + slot * HEAD_BYTES + RESPONSE_BYTE, &resp,
                  sizeof(resp));
    if (resp.response == VIRTIO_SCSI_S_OVERRUN) {
        return ZBC_OVERRUN;
    }
    g_assert_cmphex(resp.response, ==, VIRTIO_SCSI_S_OK);
    if (resp.status == GOOD) {
        return ZBC_GOOD;
    }
    g_assert_cmphex(resp.status, ==, CHECK_CONDITION);
    g_assert_cmphex(resp.sense[0], ==, 0x70);
    return resp.sense[2] << 16 | resp.sense[12] << 8 | resp.sense[13];
}

static void wait_for(ZbcDrive *drive, unsigned nr)
{
    int64_t end_us = g_get_monotonic_time() + WAIT_LIMIT_US;

    while (nr) {
        if (qvirtqueue_get_buf(drive->qts, drive->vqs[REQUEST_QUEUE], NULL,
                               NULL)) {
            nr--;
        } else {
            g_assert_cmpint(g_get_monotonic_time(), <, end_us);
            g_usleep(100);
        }
    }
}

void zbc_exec_all(ZbcDrive *drive, const ZbcCmd *cmds, uint32_t *senses,
                  unsigned nr)
{
    QVirtQueue *vq = drive->vqs[REQUEST_QUEUE];
    uint16_t idx = qtest_readw(drive->qts, vq->avail + 2);
    unsigned i;

    g_assert_cmpuint(nr, <=, ZBC_MAX_IN_FLIGHT);
    zone_virtqueue_free_all(vq);
    for (i = 0; i < nr; i++) {
        qtest_writew(drive->qts, vq->avail + 4 + 2 * ((idx + i) % vq->size),
                     queue_cmd(drive, &cmds[i], i));
    }
    qtest_writew(drive->qts, vq->avail + 2, idx + nr);
    drive->vdev->bus->virtqueue_kick(drive->vdev, vq);
    wait_for(drive, nr);
    for (i = 0; i < nr; i++) {
        senses[i] = sense_of(drive, i);
    }
}

uint32_t zbc_exec(ZbcDrive *drive, const ZbcCmd *cmd)
{
    uint32_t sense;

    zbc_exec_all(drive, cmd, &sense, 1);
    return sense;
}

static void fill_pattern(uint8_t *data, uint32_t nr_blocks,
                         uint32_t block_bytes, uint8_t seed)
{
    uint32_t i;

    memset(data, seed | 0x80, (size_t)nr_blocks * block_bytes);
    for (i = 0; i < nr_blocks; i++) {
        stl_be_p(data + (size_t)i * block_bytes, i + 1);
    }
}

static ZbcCmd rw_cmd(uint8_t opcode, uint64_t lba, uint32_t nr_blocks)
{
    ZbcCmd cmd = { .cdb = { opcode } };

    stq_be_p(&cmd.cdb[2], lba);
    stl_be_p(&cmd.cdb[10], nr_blocks);
    return cmd;
}

ZbcCmd zbc_write_cmd(ZbcDrive *drive, uint64_t lba, uint32_t nr_blocks,
                     uint8_t seed)
{
    size_t bytes = (size_t)nr_blocks * drive->block_bytes;
    g_autofree uint8_t *data = g_malloc(bytes);
    ZbcCmd cmd = rw_cmd(WRITE_16, lba, nr_blocks);

    g_assert_cmpuint(bytes, <=, ZBC_BUF_BYTES);
    fill_pattern(data, nr_blocks, drive->block_bytes, seed);
    qtest_memwrite(drive->qts, drive->buf_addr, data, bytes);
    cmd.out_bytes = bytes;
    return cmd;
}

uint32_t zbc_write(ZbcDrive *drive, uint64_t lba, uint32_t nr_blocks,
                   uint8_t seed)
{
    ZbcCmd cmd = zbc_write_cmd(drive, lba, nr_blocks, seed);

    return zbc_exec(drive, &cmd);
}

uint32_t zbc_read(ZbcDrive *drive, uint64_t lba, uint32_t nr_blocks)
{
    ZbcCmd cmd = rw_cmd(READ_16, lba, nr_blocks);

    cmd.in_bytes = nr_blocks * drive->block_bytes;
    g_assert_cmpuint(cmd.in_bytes, <=, ZBC_BUF_BYTES);
    return zbc_exec(drive, &cmd);
}

static uint8_t *load_blocks(ZbcDrive *drive, uint64_t lba, uint32_t nr_blocks)
{
    size_t bytes = (size_t)nr_blocks * drive->block_bytes;
    uint8_t *data = g_malloc(bytes);

    qtest_memset(drive->qts, drive->buf_addr, 0x55, bytes);
    if (zbc_read(drive, lba, nr_blocks)) {
        memset(data, 0x55, bytes);
        return data;
    }
    qtest_memread(drive->qts, drive->buf_addr, data, bytes);
    return data;
}

bool zbc_holds(ZbcDrive *drive, uint64_t lba, uint32_t nr_blocks,
               uint8_t seed)
{
    size_t bytes = (size_t)nr_blocks * drive->block_bytes;
    g_autofree uint8_t *data = load_blocks(drive, lba, nr_blocks);
    g_autofree uint8_t *expected = g_malloc(bytes);

    fill_pattern(expected, nr_blocks, drive->block_bytes, seed);
    return !memcmp(data, expected, bytes);
}

bool zbc_reads_zeros(ZbcDrive *drive, uint64_t lba, uint32_t nr_blocks)
{
    g_autofree uint8_t *data = load_blocks(drive, lba, nr_blocks);

    return buffer_is_zero(data, (size_t)nr_blocks * drive->block_bytes);
}

uint32_t zbc_sync(ZbcDrive *drive)
{
    ZbcCmd cmd = { .cdb = { SYNCHRONIZE_CACHE } };

    return zbc_exec(drive, &cmd);
}

uint32_t zbc_out(ZbcDrive *drive, uint8_t action, uint64_t lba)
{
    ZbcCmd cmd = { .cdb = { ZBC_OUT, action } };

    stq_be_p(&cmd.cdb[2], lba);
    return zbc_exec(drive, &cmd);
}

uint32_t zbc_out_all(ZbcDrive *drive, uint8_t action)
{
    ZbcCmd cmd = { .cdb = { ZBC_OUT, action, [14] = 1 } };

    return zbc_exec(drive, &cmd);
}

uint8_t *zbc_inquiry(ZbcDrive *drive, int page, uint32_t bytes)
{
    ZbcCmd cmd = {
        .cdb = { INQUIRY, page >= 0, MAX(page, 0), bytes >> 8, bytes },
        .in_bytes = bytes,
    };
    uint8_t *data = g_malloc0(bytes);

    qtest_memset(drive->qts, drive->buf_addr, 0, bytes);
    if (zbc_exec(drive, &cmd)) {
        g_free(data);
        return NULL;
    }
    qtest_memread(drive->qts, drive->buf_addr, data, bytes);
    return data;
}

/* Reports */

uint8_t *zbc_report(ZbcDrive *drive, uint64_t lba, uint8_t options,
                    uint32_t bytes, uint32_t *sense)
{
    ZbcCmd cmd = { .cdb = { ZBC_IN, [14] = options }, .in_bytes = bytes };
    uint8_t *data;

    stq_be_p(&cmd.cdb[2], lba);
    stl_be_p(&cmd.cdb[10], bytes);
    g_assert_cmpuint(bytes, <=, ZBC_BUF_BYTES);
    qtest_memset(drive->qts, drive->buf_addr, 0x55, MAX(bytes, 1));
    *sense = zbc_exec(drive, &cmd);
    if (*sense) {
        return NULL;
    }
    data = g_malloc(MAX(bytes, 1));
    qtest_memread(drive->qts, drive->buf_addr, data, bytes);
    return data;
}

ZbcZone zbc_decode_zone(const uint8_t *descriptor)
{
    return (ZbcZone) {
        .type = descriptor[0] & 0xf,
        .condition = descriptor[1] >> 4,
        .reset_recommended = descriptor[1] & 1,
        .nr_blocks = ldq_be_p(descriptor + 8),
        .start_lba = ldq_be_p(descriptor + 16),
        .wp_lba = ldq_be_p(descriptor + 24),
    };
}

ZbcZone zbc_zone(ZbcDrive *drive, uint32_t zone_idx)
{
    uint32_t sense;
    g_autofree uint8_t *data = zbc_report(drive, zbc_lba(drive, zone_idx), 0x80,
                                          128, &sense);

    g_assert_cmphex(sense, ==, ZBC_GOOD);
    g_assert_cmpuint(ldl_be_p(data), ==, 64);
    return zbc_decode_zone(data + 64);
}
