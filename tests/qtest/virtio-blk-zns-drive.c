/*
 * A zoned virtio-blk drive under test: its image, QEMU's life, requests
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/bswap.h"
#include "qemu/units.h"
#include "qobject/qdict.h"
#include "qobject/qlist.h"
#include "libqos/malloc-pc.h"
#include "libqos/pci-pc.h"
#include "standard-headers/linux/virtio_config.h"
#include "virtio-blk-zns-drive.h"
#include "zone-image.h"
#include "zone-virtqueue.h"

#define DRIVE_SLOT      4
#define WAIT_LIMIT_US   (30 * G_USEC_PER_SEC)
#define WAIT_SLEEP_US   100
#define HEADER_BYTES    sizeof(struct virtio_blk_outhdr)

/* docs/interop/qcow2-zone.rst */
#define ZONE_EXTENSION_MAGIC    0x5a4e5354
#define ZONE_EXTENSION_OFFSET   24
#define ZONE_STATE_SHIFT        60

const VzSpec vz_spec_default = {
    .zone_bytes = 1 * MiB,
    .capacity_bytes = 768 * KiB,
    .nr_zones = 16,
    .nr_conventional = 2,
    .max_open_zones = 2,
    .max_active_zones = 3,
};

/* The image */

static char *create_image(const VzSpec *spec)
{
    g_autofree char *options = g_strdup_printf(
        "size=%" PRIu64 ",zone.mode=host-managed,zone.size=%" PRIu64
        ",zone.capacity=%" PRIu64 ",zone.conventional_zones=%u"
        ",zone.max_open_zones=%u,zone.max_active_zones=%u"
        ",zone.max_append_bytes=%u", spec->zone_bytes * spec->nr_zones,
        spec->zone_bytes, spec->capacity_bytes, spec->nr_conventional,
        spec->max_open_zones, spec->max_active_zones, spec->max_append_bytes);

    return zone_image_new("virtio-blk-zns", options);
}

static uint64_t load_be64(int fd, uint64_t offset)
{
    uint64_t value;

    g_assert_cmpint(pread(fd, &value, sizeof(value), offset), ==,
                    sizeof(value));
    return be64_to_cpu(value);
}

/* Header extensions begin at multiples of 8, with magic and length */
static uint64_t find_words(int fd)
{
    uint64_t offset;

    for (offset = 0; offset < 64 * KiB; offset += 8) {
        if (load_be64(fd, offset) >> 32 == ZONE_EXTENSION_MAGIC) {
            return load_be64(fd, offset + 8 + ZONE_EXTENSION_OFFSET);
        }
    }
    g_error("the image has no zone extension");
}

void vz_store_state(VzDrive *drive, uint32_t zone_idx, uint8_t state)
{
    int fd = open(drive->image, O_RDWR);
    uint64_t offset = find_words(fd) + zone_idx * sizeof(uint64_t);
    uint64_t word = load_be64(fd, offset);

    word = (word << 4 >> 4) | ((uint64_t)state << ZONE_STATE_SHIFT);
    word = cpu_to_be64(word);
    g_assert_cmpint(pwrite(fd, &word, sizeof(word), offset), ==, sizeof(word));
    close(fd);
}

/* QEMU's life */

static void find_device(VzDrive *drive)
{
    QPCIAddress addr = { .devfn = QPCI_DEVFN(DRIVE_SLOT, 0) };

    drive->pci = virtio_pci_new(drive->bus, &addr);
    g_assert_nonnull(drive->pci);
    drive->vdev = &drive->pci->vdev;
    qvirtio_pci_device_enable(drive->pci);
}

uint32_t vz_nr_queues(const VzDrive *drive)
{
    return MAX(drive->spec->nr_queues, 1);
}

void vz_use_queue(VzDrive *drive, uint32_t idx)
{
    drive->vq = drive->vqs[idx];
    drive->buf_addr = drive->buf_addrs[idx];
}

/* Resets the device first, as every driver does */
static void start_driver(VzDrive *drive)
{
    uint32_t i;

    qvirtio_start_device(drive->vdev);
    drive->features = qvirtio_get_features(drive->vdev);
    qvirtio_set_features(drive->vdev, drive->features &
                         ~(QVIRTIO_F_BAD_FEATURE |
                           (1ull << VIRTIO_RING_F_INDIRECT_DESC) |
                           (1ull << VIRTIO_RING_F_EVENT_IDX) |
                           drive->spec->ignored_features));
    for (i = 0; i < vz_nr_queues(drive); i++) {
        drive->vqs[i] = qvirtqueue_setup(drive->vdev, &drive->alloc, i);
    }
    drive->vq = drive->vqs[0];
    qvirtio_set_driver_ok(drive->vdev);
}

static char *device_arguments(const VzSpec *spec)
{
    GString *args = g_string_new(NULL);
    uint32_t i;

    if (!spec->nr_queues) {
        g_string_printf(args, "-device virtio-blk-pci,id=vz0,drive=zns0,"
                        "disable-legacy=on,addr=%d.0%s", DRIVE_SLOT,
                        spec->device_options ?: "");
        return g_string_free(args, false);
    }
    for (i = 0; i < spec->nr_queues; i++) {
        g_string_append_printf(args, "-object iothread,id=t%u ", i);
    }
    g_string_append_printf(args, "-device '{\"driver\": \"virtio-blk-pci\", "
                           "\"id\": \"vz0\", \"drive\": \"zns0\", "
                           "\"disable-legacy\": \"on\", \"addr\": \"%d.0\", "
                           "\"num-queues\": %u, \"iothread-vq-mapping\": [",
                           DRIVE_SLOT, spec->nr_queues);
    for (i = 0; i < spec->nr_queues; i++) {
        g_string_append_printf(args, "%s{\"iothread\": \"t%u\"}",
                               i ? ", " : "", i);
    }
    g_string_append(args, "]}'");
    return g_string_free(args, false);
}

void vz_boot(VzDrive *drive)
{
    g_autofree char *device = device_arguments(drive->spec);
    uint32_t i;

    drive->qts = qtest_initf(
        "-nodefaults -machine q35 "
        "-drive if=none,id=zns0,file=%s,format=qcow2%s %s",
        drive->image, drive->spec->drive_options ?: "", device);
    pc_alloc_init(&drive->alloc, drive->qts, ALLOC_NO_FLAGS);
    drive->bus = qpci_new_pc(drive->qts, &drive->alloc);
    find_device(drive);
    start_driver(drive);
    for (i = 0; i < vz_nr_queues(drive); i++) {
        drive->buf_addrs[i] = guest_alloc(&drive->alloc, VZ_BUF_BYTES);
    }
    drive->buf_addr = drive->buf_addrs[0];
}

void vz_quit(VzDrive *drive)
{
    uint32_t i;

    qtest_qmp_send(drive->qts, "{ 'execute': 'quit' }");
    qtest_wait_qemu(drive->qts);
    qtest_quit(drive->qts);
    /* QEMU has the queues no more: only what libqos holds here is left */
    for (i = 0; i < vz_nr_queues(drive); i++) {
        g_free(drive->vqs[i]);
    }
    g_free(drive->pci->pdev);
    g_free(drive->pci);
    qpci_free_pc(drive->bus);
    alloc_destroy(&drive->alloc);
}

void vz_reset(VzDrive *drive)
{
    uint32_t i;

    qvirtio_reset(drive->vdev);
    for (i = 0; i < vz_nr_queues(drive); i++) {
        qvirtqueue_cleanup(drive->vdev->bus, drive->vqs[i], &drive->alloc);
    }
    start_driver(drive);
}

void vz_restart(VzDrive *drive)
{
    vz_quit(drive);
    vz_boot(drive);
}

VzDrive *vz_drive_new(const VzSpec *spec)
{
    char *image = create_image(spec);
    VzDrive *drive;

    if (!image) {
        return NULL;
    }
    drive = g_new0(VzDrive, 1);
    drive->spec = spec;
    drive->image = image;
    drive->zone_sectors = spec->zone_bytes / VZ_SECTOR_BYTES;
    drive->capacity_sectors = spec->capacity_bytes / VZ_SECTOR_BYTES;
    vz_boot(drive);
    return drive;
}

void vz_drive_free(VzDrive *drive)
{
    vz_quit(drive);
    g_assert_true(zone_image_check(drive->image, 0));
    unlink(drive->image);
    g_free(drive->image);
    g_free(drive);
}

int64_t vz_stat(VzDrive *drive, const char *name)
{
    QDict *answer = qtest_qmp(drive->qts, "{ 'execute': 'query-blockstats' }");
    QList *drives = qdict_get_qlist(answer, "return");
    QDict *entry = qobject_to(QDict, qlist_peek(drives));
    QDict *stats = qdict_get_qdict(entry, "stats");
    int64_t value = qdict_get_int(stats, name);

    qobject_unref(answer);
    return value;
}

/* Requests */

/* Sector idx of what a request with this seed writes: never zeros */
static void fill_sector(uint8_t *sector, uint8_t seed, uint64_t idx)
{
    memset(sector, seed | 0x80, VZ_SECTOR_BYTES);
    stq_le_p(sector, idx);
}

static void put_out_data(VzDrive *drive, const VzReq *req, uint64_t addr)
{
    g_autofree uint8_t *data = NULL;
    uint32_t i;

    if (req->out_data) {
        qtest_memwrite(drive->qts, addr, req->out_data, req->out_bytes);
        return;
    }
    data = g_malloc(ROUND_UP(req->out_bytes, VZ_SECTOR_BYTES));
    for (i = 0; i < DIV_ROUND_UP(req->out_bytes, VZ_SECTOR_BYTES); i++) {
        fill_sector(data + i * VZ_SECTOR_BYTES, req->seed, i);
    }
    qtest_memwrite(drive->qts, addr, data, req->out_bytes);
}

static uint32_t add_buffer(VzDrive *drive, uint64_t addr, uint32_t bytes,
                           bool write, bool next)
{
    return qvirtqueue_add(drive->qts, drive->vq, addr, bytes, write, next);
}

/* Puts a request into the descriptor table; returns the end of its buffers */
static uint64_t add_request(VzDrive *drive, VzReq *req, uint64_t addr)
{
    struct virtio_blk_outhdr header = {
        .type = cpu_to_le32(req->type),
        .sector = cpu_to_le64(req->sector),
    };
    uint64_t out_addr = addr + HEADER_BYTES;

    req->in_addr = out_addr + req->out_bytes;
    req->status_addr = req->in_addr + req->in_bytes;
    req->status = VZ_PENDING;
    g_assert_cmpuint(req->status_addr, <, drive->buf_addr + VZ_BUF_BYTES);

    qtest_memwrite(drive->qts, addr, &header, HEADER_BYTES);
    qtest_writeb(drive->qts, req->status_addr, VZ_PENDING);
    req->head = add_buffer(drive, addr, HEADER_BYTES, false, true);
    if (req->out_bytes) {
        put_out_data(drive, req, out_addr);
        add_buffer(drive, out_addr, req->out_bytes, false, true);
    }
    if (req->in_bytes) {
        add_buffer(drive, req->in_addr, req->in_bytes, true, true);
    }
    add_buffer(drive, req->status_addr, 1, true, false);
    return req->status_addr + 1;
}

/* All at once: a device that polls must not see some of them before */
static void offer(VzDrive *drive, const VzReq *reqs, unsigned nr)
{
    uint64_t avail = drive->vq->avail;
    uint16_t idx = qtest_readw(drive->qts, avail + 2);
    unsigned i;

    for (i = 0; i < nr; i++) {
        qtest_writew(drive->qts, avail + 4 + 2 * ((idx + i) % drive->vq->size),
                     reqs[i].head);
    }
    qtest_writew(drive->qts, avail + 2, idx + nr);
    drive->vdev->bus->virtqueue_kick(drive->vdev, drive->vq);
}

void vz_submit(VzDrive *drive, VzReq *reqs, unsigned nr)
{
    zone_virtqueue_free_all(drive->vq);
    drive->next_addr = drive->buf_addr;
    vz_submit_more(drive, reqs, nr);
}

void vz_submit_more(VzDrive *drive, VzReq *reqs, unsigned nr)
{
    unsigned i;

    g_assert_cmpuint(nr, <=, VZ_MAX_BATCH);
    for (i = 0; i < nr; i++) {
        drive->next_addr = ROUND_UP(add_request(drive, &reqs[i],
                                                drive->next_addr), 8);
    }
    offer(drive, reqs, nr);
}

static void take_status(VzDrive *drive, VzReq *reqs, unsigned nr, uint32_t head)
{
    unsigned i;

    for (i = 0; i < nr; i++) {
        if (reqs[i].head == head) {
            g_assert_cmpuint(reqs[i].status, ==, VZ_PENDING);
            reqs[i].status = qtest_readb(drive->qts, reqs[i].status_addr);
            return;
        }
    }
    g_assert_not_reached();
}

void vz_wait(VzDrive *drive, VzReq *reqs, unsigned nr)
{
    int64_t end_us = g_get_monotonic_time() + WAIT_LIMIT_US;
    unsigned nr_done = 0;
    uint32_t head;

    while (nr_done < nr) {
        if (qvirtqueue_get_buf(drive->qts, drive->vq, &head, NULL)) {
            take_status(drive, reqs, nr, head);
            nr_done++;
            continue;
        }
        if (g_get_monotonic_time() > end_us) {
            g_error("%u of %u requests do not complete", nr - nr_done, nr);
        }
        g_usleep(WAIT_SLEEP_US);
    }
}

void vz_run(VzDrive *drive, VzReq *reqs, unsigned nr)
{
    vz_submit(drive, reqs, nr);
    vz_wait(drive, reqs, nr);
}

VzReq vz_write_req(uint64_t sector, uint32_t nr_sectors, uint8_t seed)
{
    return (VzReq) {
        .type = VIRTIO_BLK_T_OUT,
        .sector = sector,
        .out_bytes = nr_sectors * VZ_SECTOR_BYTES,
        .seed = seed,
    };
}

VzReq vz_read_req(uint64_t sector, uint32_t nr_sectors)
{
    return (VzReq) {
        .type = VIRTIO_BLK_T_IN,
        .sector = sector,
        .in_bytes = nr_sectors * VZ_SECTOR_BYTES,
    };
}

static uint8_t run_one(VzDrive *drive, VzReq req)
{
    vz_run(drive, &req, 1);
    return req.status;
}

uint8_t vz_write(VzDrive *drive, uint64_t sector, uint32_t nr_sectors,
                 uint8_t seed)
{
    return run_one(drive, vz_write_req(sector, nr_sectors, seed));
}

uint8_t vz_read(VzDrive *drive, uint64_t sector, uint32_t nr_sectors)
{
    return run_one(drive, vz_read_req(sector, nr_sectors));
}

uint8_t vz_write_zeroes(VzDrive *drive, uint64_t sector, uint32_t nr_sectors)
{
    struct virtio_blk_discard_write_zeroes range = {
        .sector = cpu_to_le64(sector),
        .num_sectors = cpu_to_le32(nr_sectors),
    };

    return run_one(drive, (VzReq) {
        .type = VIRTIO_BLK_T_WRITE_ZEROES,
        .out_data = &range,
        .out_bytes = sizeof(range),
    });
}

uint8_t vz_flush(VzDrive *drive)
{
    return run_one(drive, (VzReq) { .type = VIRTIO_BLK_T_FLUSH });
}

uint8_t vz_append(VzDrive *drive, uint64_t sector, uint32_t nr_sectors,
                  uint8_t seed, uint64_t *placed_sector)
{
    VzReq req = vz_write_req(sector, nr_sectors, seed);

    req.type = VIRTIO_BLK_T_ZONE_APPEND;
    req.in_bytes = sizeof(*placed_sector);
    vz_run(drive, &req, 1);
    *placed_sector = qtest_readq(drive->qts, req.in_addr);
    return req.status;
}

uint8_t vz_manage(VzDrive *drive, uint32_t type, uint64_t sector)
{
    return run_one(drive, (VzReq) { .type = type, .sector = sector });
}

static bool reads_as(VzDrive *drive, uint64_t sector, uint32_t nr_sectors,
                     const uint8_t *expected)
{
    g_autofree uint8_t *data = g_malloc(nr_sectors * VZ_SECTOR_BYTES);
    VzReq req = vz_read_req(sector, nr_sectors);

    vz_run(drive, &req, 1);
    if (req.status != VIRTIO_BLK_S_OK) {
        return false;
    }
    qtest_memread(drive->qts, req.in_addr, data, req.in_bytes);
    return memcmp(data, expected, req.in_bytes) == 0;
}

bool vz_holds(VzDrive *drive, uint64_t sector, uint32_t nr_sectors,
              uint8_t seed)
{
    g_autofree uint8_t *expected = g_malloc(nr_sectors * VZ_SECTOR_BYTES);
    uint32_t i;

    for (i = 0; i < nr_sectors; i++) {
        fill_sector(expected + i * VZ_SECTOR_BYTES, seed, i);
    }
    return reads_as(drive, sector, nr_sectors, expected);
}

bool vz_reads_zeros(VzDrive *drive, uint64_t sector, uint32_t nr_sectors)
{
    g_autofree uint8_t *zeros = g_malloc0(nr_sectors * VZ_SECTOR_BYTES);

    return reads_as(drive, sector, nr_sectors, zeros);
}

/* Reports */

uint8_t vz_report(VzDrive *drive, uint64_t sector, uint32_t max_zones,
                  struct virtio_blk_zone_descriptor *zones, uint64_t *nr_zones)
{
    VzReq req = {
        .type = VIRTIO_BLK_T_ZONE_REPORT,
        .sector = sector,
        .in_bytes = sizeof(struct virtio_blk_zone_report) +
                    max_zones * sizeof(*zones),
    };
    uint64_t i;

    vz_run(drive, &req, 1);
    if (req.status != VIRTIO_BLK_S_OK) {
        return req.status;
    }
    *nr_zones = qtest_readq(drive->qts, req.in_addr);
    g_assert_cmpuint(*nr_zones, <=, max_zones);
    qtest_memread(drive->qts,
                  req.in_addr + sizeof(struct virtio_blk_zone_report), zones,
                  *nr_zones * sizeof(*zones));
    for (i = 0; i < *nr_zones; i++) {
        le64_to_cpus((uint64_t *)&zones[i].z_start);
        le64_to_cpus((uint64_t *)&zones[i].z_cap);
        le64_to_cpus((uint64_t *)&zones[i].z_wp);
    }
    return req.status;
}

struct virtio_blk_zone_descriptor vz_zone(VzDrive *drive, uint32_t zone_idx)
{
    struct virtio_blk_zone_descriptor zone = { 0 };
    uint64_t nr_zones = 0;

    vz_assert_ok(vz_report(drive, vz_start(drive, zone_idx), 1, &zone,
                           &nr_zones));
    g_assert_cmpuint(nr_zones, ==, 1);
    return zone;
}
