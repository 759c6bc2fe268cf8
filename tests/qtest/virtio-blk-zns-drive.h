/*
 * A zoned virtio-blk drive under test: its image, QEMU's life, requests
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Sectors are those of virtio: 512 bytes.
 */

#ifndef VIRTIO_BLK_ZNS_DRIVE_H
#define VIRTIO_BLK_ZNS_DRIVE_H

#include "libqtest.h"
#include "libqos/libqos-malloc.h"
#include "libqos/virtio.h"
#include "libqos/virtio-pci.h"
#include "standard-headers/linux/virtio_blk.h"

#define VZ_SECTOR_BYTES 512
#define VZ_MAX_BATCH    16
#define VZ_BUF_BYTES    (4 * 1024 * 1024)
#define VZ_MAX_QUEUES   4

/* Limits of 0 mean no limit, option strings of NULL none */
typedef struct VzSpec {
    uint64_t zone_bytes;
    uint64_t capacity_bytes;
    uint32_t nr_zones;
    uint32_t nr_conventional;
    uint32_t max_open_zones;
    uint32_t max_active_zones;
    uint32_t max_append_bytes;
    /* each in an iothread of its own; 0: one, in the main loop */
    uint32_t nr_queues;
    const char *device_options; /* more for virtio-blk-pci in the main loop */
    const char *drive_options;  /* more for -drive */
    uint64_t ignored_features;  /* that the driver does not ask for */
} VzSpec;

/* 2 conventional zones and 14 of 1 MiB that hold 768 KiB; 2 open, 3 active */
extern const VzSpec vz_spec_default;

typedef struct VzDrive {
    const VzSpec *spec;
    char *image;
    uint64_t zone_sectors;
    uint64_t capacity_sectors;
    QTestState *qts;
    QPCIBus *bus;
    QGuestAllocator alloc;
    QVirtioPCIDevice *pci;
    QVirtioDevice *vdev;
    QVirtQueue *vq;             /* for what is submitted and waited for next */
    QVirtQueue *vqs[VZ_MAX_QUEUES];
    uint64_t features;          /* as offered */
    uint64_t buf_addr;          /* VZ_BUF_BYTES of guest memory */
    uint64_t next_addr;         /* behind the last request there */
    uint64_t buf_addrs[VZ_MAX_QUEUES];
} VzDrive;

/* Status of a request that has not completed */
#define VZ_PENDING 0xff

/* Fields that a type does not use are 0 */
typedef struct VzReq {
    uint32_t type;
    uint64_t sector;
    uint32_t out_bytes;         /* of data, a pattern made of seed */
    uint8_t seed;
    const void *out_data;       /* instead of the pattern */
    uint32_t in_bytes;          /* of data, without the status */
    /* What the device answers */
    uint8_t status;
    uint64_t in_addr;           /* until the next batch */
    /* The driver's own */
    uint64_t status_addr;
    uint32_t head;
} VzReq;

/* An image and a QEMU that runs on it; NULL, the test failed, without */
VzDrive *vz_drive_new(const VzSpec *spec);
/* Ends QEMU and has qemu-img check the image */
void vz_drive_free(VzDrive *drive);
/* "quit"; then vz_boot() */
void vz_quit(VzDrive *drive);
void vz_boot(VzDrive *drive);
/* The driver resets the device and starts again, whatever is in flight */
void vz_reset(VzDrive *drive);
/* "quit", and a new QEMU on the same image */
void vz_restart(VzDrive *drive);

/* Requests go through this queue from now on, with buffers of its own */
void vz_use_queue(VzDrive *drive, uint32_t idx);
uint32_t vz_nr_queues(const VzDrive *drive);

/*
 * Without QEMU: gives zones the stored state (ZONE_STATE_READ_ONLY, ...) that
 * nothing in a guest's reach leads to.
 */
void vz_store_state(VzDrive *drive, uint32_t zone_idx, uint8_t state);

/* Puts the requests into the queue with one kick; at most VZ_MAX_BATCH */
void vz_submit(VzDrive *drive, VzReq *reqs, unsigned nr);
/* The same while those of the last vz_submit() on this queue are in flight */
void vz_submit_more(VzDrive *drive, VzReq *reqs, unsigned nr);
/* Waits until they have completed */
void vz_wait(VzDrive *drive, VzReq *reqs, unsigned nr);
void vz_run(VzDrive *drive, VzReq *reqs, unsigned nr);

/* One request; all return its status */
uint8_t vz_write(VzDrive *drive, uint64_t sector, uint32_t nr_sectors,
                 uint8_t seed);
uint8_t vz_read(VzDrive *drive, uint64_t sector, uint32_t nr_sectors);
uint8_t vz_write_zeroes(VzDrive *drive, uint64_t sector, uint32_t nr_sectors);
uint8_t vz_flush(VzDrive *drive);
uint8_t vz_append(VzDrive *drive, uint64_t sector, uint32_t nr_sectors,
                  uint8_t seed, uint64_t *placed_sector);
/* type: VIRTIO_BLK_T_ZONE_OPEN, ... */
uint8_t vz_manage(VzDrive *drive, uint32_t type, uint64_t sector);

VzReq vz_write_req(uint64_t sector, uint32_t nr_sectors, uint8_t seed);
VzReq vz_read_req(uint64_t sector, uint32_t nr_sectors);

/* True when they read back without error as what a write with seed wrote */
bool vz_holds(VzDrive *drive, uint64_t sector, uint32_t nr_sectors,
              uint8_t seed);
bool vz_reads_zeros(VzDrive *drive, uint64_t sector, uint32_t nr_sectors);

/* A report of at most max_zones; status as above, descriptors in CPU order */
uint8_t vz_report(VzDrive *drive, uint64_t sector, uint32_t max_zones,
                  struct virtio_blk_zone_descriptor *zones, uint64_t *nr_zones);
struct virtio_blk_zone_descriptor vz_zone(VzDrive *drive, uint32_t zone_idx);

/* A number of query-blockstats */
int64_t vz_stat(VzDrive *drive, const char *name);

static inline uint64_t vz_start(const VzDrive *drive, uint32_t zone_idx)
{
    return zone_idx * drive->zone_sectors;
}

/* A test: run on a fresh drive */
typedef struct VzTest {
    const char *path;
    void (*run)(VzDrive *drive);
    const VzSpec *spec;         /* NULL: vz_spec_default */
} VzTest;

/* Each ends with an entry without a path */
extern const VzTest vz_io_tests[];
extern const VzTest vz_batch_tests[];
extern const VzTest vz_error_tests[];
extern const VzTest vz_stop_tests[];
extern const VzTest vz_mgmt_tests[];
extern const VzTest vz_limit_tests[];
extern const VzTest vz_append_tests[];
extern const VzTest vz_thread_tests[];

/* Checks that name the caller's line */
#define vz_assert_status(got, expected) \
    g_assert_cmpuint(got, ==, VIRTIO_BLK_S_##expected)
#define vz_assert_ok(got) \
    vz_assert_status(got, OK)
#define vz_assert_state(drive, zone_idx, expected) \
    g_assert_cmpuint(vz_zone(drive, zone_idx).z_state, ==, \
                     VIRTIO_BLK_ZS_##expected)
/* The state, and how many sectors lie below the write pointer */
#define vz_assert_zone(drive, zone_idx, expected, nr_written) \
    do { \
        struct virtio_blk_zone_descriptor zone_ = vz_zone(drive, zone_idx); \
        g_assert_cmpuint(zone_.z_state, ==, VIRTIO_BLK_ZS_##expected); \
        g_assert_cmpuint(zone_.z_wp - zone_.z_start, ==, nr_written); \
    } while (0)

#endif /* VIRTIO_BLK_ZNS_DRIVE_H */
