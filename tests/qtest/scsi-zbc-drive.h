/*
 * A host-managed SCSI disk under test: its image, QEMU's life, commands
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The disk is behind virtio-scsi, with logical blocks of 512 bytes unless its
 * spec says otherwise.
 */

#ifndef SCSI_ZBC_DRIVE_H
#define SCSI_ZBC_DRIVE_H

#include "libqtest.h"
#include "libqos/libqos-malloc.h"
#include "libqos/virtio.h"
#include "libqos/virtio-pci.h"
#include "block/zone.h"

#define ZBC_BUF_BYTES       (2 * 1024 * 1024)
#define ZBC_MAX_IN_FLIGHT   16

/* Limits of 0 mean no limit, option strings of NULL none */
typedef struct ZbcSpec {
    uint64_t zone_bytes;
    uint32_t nr_zones;
    uint32_t nr_conventional;
    uint32_t max_open_zones;
    uint32_t max_active_zones;
    uint32_t block_bytes;       /* 0: 512 */
    const char *device_options; /* more for scsi-hd */
    const char *drive_options;  /* more for -drive */
} ZbcSpec;

/* 2 conventional zones and 14 others of 1 MiB; 3 open */
extern const ZbcSpec zbc_spec_default;

typedef struct ZbcDrive {
    const ZbcSpec *spec;
    char *image;
    uint32_t block_bytes;
    uint64_t zone_blocks;
    QTestState *qts;
    QPCIBus *bus;
    QGuestAllocator alloc;
    QVirtioPCIDevice *pci;
    QVirtioDevice *vdev;
    QVirtQueue *vqs[3];         /* control, events, requests */
    uint64_t buf_addr;          /* of the data of a command */
    uint64_t head_addr;         /* requests and responses */
    uint8_t target;             /* where commands go; 0: the drive's disk */
} ZbcDrive;

/* Sense key, additional sense code and qualifier: 0xkkaaqq; 0: GOOD */
#define ZBC_GOOD                    0x000000
#define ZBC_INVALID_OPCODE          0x052000
#define ZBC_LBA_OUT_OF_RANGE        0x052100
#define ZBC_UNALIGNED_WRITE         0x052104
#define ZBC_WRITE_BOUNDARY          0x052105
#define ZBC_READ_BOUNDARY           0x052107
#define ZBC_INVALID_FIELD           0x052400
#define ZBC_WRITE_PROTECTED         0x072700
#define ZBC_ZONE_IS_READ_ONLY       0x072708
#define ZBC_ZONE_IS_OFFLINE         0x072c0e
#define ZBC_INSUFFICIENT_RESOURCES  0x07550e

typedef struct ZbcCmd {
    uint8_t cdb[32];
    uint32_t out_bytes;         /* of data at buf_addr */
    uint32_t in_bytes;          /* goes there */
} ZbcCmd;

/* An image and a QEMU that runs on it; NULL, the test failed, without */
ZbcDrive *zbc_drive_new(const ZbcSpec *spec);
/* Ends QEMU and has qemu-img check the image */
void zbc_drive_free(ZbcDrive *drive);
/* "quit"; then zbc_boot() */
void zbc_quit(ZbcDrive *drive);
void zbc_boot(ZbcDrive *drive);
/* "quit", SIGKILL; and a new QEMU on the same image */
void zbc_restart(ZbcDrive *drive);
void zbc_kill_and_restart(ZbcDrive *drive);

/* Commands go there from now on, to another disk of zones of this length */
void zbc_select(ZbcDrive *drive, uint8_t target);

/* The HBA has refused the command: its lengths do not go together */
#define ZBC_OVERRUN                 0xffffff

/* Sense, 0xkkaaqq, or ZBC_OVERRUN */
uint32_t zbc_exec(ZbcDrive *drive, const ZbcCmd *cmd);
/* All at once, in this order; ZBC_MAX_IN_FLIGHT at most, without data in */
void zbc_exec_all(ZbcDrive *drive, const ZbcCmd *cmds, uint32_t *senses,
                  unsigned nr);

/* Opcodes with 16 bytes; data is a pattern made of the seed */
ZbcCmd zbc_write_cmd(ZbcDrive *drive, uint64_t lba, uint32_t nr_blocks,
                     uint8_t seed);
uint32_t zbc_write(ZbcDrive *drive, uint64_t lba, uint32_t nr_blocks,
                   uint8_t seed);
uint32_t zbc_read(ZbcDrive *drive, uint64_t lba, uint32_t nr_blocks);
/* They read back without error as the pattern, as zeros */
bool zbc_holds(ZbcDrive *drive, uint64_t lba, uint32_t nr_blocks,
               uint8_t seed);
bool zbc_reads_zeros(ZbcDrive *drive, uint64_t lba, uint32_t nr_blocks);
uint32_t zbc_sync(ZbcDrive *drive);

#define ZBC_CLOSE   1
#define ZBC_FINISH  2
#define ZBC_OPEN    3
#define ZBC_RESET   4
/* ZBC OUT: service action, zone, or all zones */
uint32_t zbc_out(ZbcDrive *drive, uint8_t action, uint64_t lba);
uint32_t zbc_out_all(ZbcDrive *drive, uint8_t action);

/* INQUIRY; page -1: standard data.  Into memory that the caller frees */
uint8_t *zbc_inquiry(ZbcDrive *drive, int page, uint32_t bytes);

/* REPORT ZONES into memory that the caller frees; NULL: refused */
uint8_t *zbc_report(ZbcDrive *drive, uint64_t lba, uint8_t options,
                    uint32_t bytes, uint32_t *sense);
/* What it says of one zone */
typedef struct ZbcZone {
    uint8_t type;
    uint8_t condition;
    bool reset_recommended;
    uint64_t nr_blocks;
    uint64_t start_lba;
    uint64_t wp_lba;
} ZbcZone;

ZbcZone zbc_decode_zone(const uint8_t *descriptor);
ZbcZone zbc_zone(ZbcDrive *drive, uint32_t zone_idx);

/* Random commands (scsi-zbc-fuzz.c) */
void zbc_fuzz(ZbcDrive *drive);

static inline uint64_t zbc_lba(const ZbcDrive *drive, uint32_t zone_idx)
{
    return zone_idx * drive->zone_blocks;
}

/* The condition, and how many blocks lie below the write pointer */
#define zbc_assert_zone(drive, zone_idx, expected, nr_written) \
    do { \
        ZbcZone zone_ = zbc_zone(drive, zone_idx); \
        g_assert_cmphex(zone_.condition, ==, ZONE_STATE_##expected); \
        g_assert_cmpuint(zone_.wp_lba - zone_.start_lba, ==, nr_written); \
    } while (0)
#define zbc_assert_condition(drive, zone_idx, expected) \
    g_assert_cmphex(zbc_zone(drive, zone_idx).condition, ==, \
                    ZONE_STATE_##expected)

#endif /* SCSI_ZBC_DRIVE_H */
