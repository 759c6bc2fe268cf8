/*
 * A disk in memory on which the Nth request of a kind fails
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Why not blkdebug: it counts events of qcow2, not requests of a kind, and
 * would have to be set up anew, in a new process and on a new file, for each N.
 */

#ifndef TESTS_FUZZ_FAIL_DISK_H
#define TESTS_FUZZ_FAIL_DISK_H

#include "block/block_int.h"

#define FAIL_SECTOR_BYTES   512
/* Writes above this give EFBIG: damaged tables lead anywhere */
#define FAIL_MAX_BYTES      (64 * 1024 * 1024)

typedef enum FailKind {
    FAIL_READ,
    FAIL_WRITE,                 /* Write Zeroes and truncation included */
    FAIL_FLUSH,
    FAIL_DISCARD,
    FAIL_KINDS,
} FailKind;

const char *fail_kind_str(FailKind kind);

/* Which request fails; shared by the disks of an image */
typedef struct FailPlan {
    bool armed;
    FailKind kind;
    unsigned nth;               /* counted from 1 */
    int error;                  /* positive errno */
    bool forever;               /* and all of the kind that follow */
    unsigned count;             /* requests of the kind while armed */
    unsigned nr_failed;
    bool header_failed;         /* a write of the header, or a flush behind */
} FailPlan;

typedef struct FailRange {
    int64_t offset;
    int64_t bytes;              /* 0: none */
} FailRange;

typedef struct FailDisk {
    FailPlan *plan;             /* NULL: nothing fails */
    bool fua;                   /* the disk knows FUA */
    uint8_t *data;              /* what a read finds: the cache */
    uint8_t *durable;           /* what is left when power fails */
    int64_t length_bytes;
    int64_t durable_bytes;
    int64_t alloc_bytes;        /* of data and of durable */
    unsigned nr_changes;        /* requests that changed data */
    bool wrote_header;          /* with the last write */
    FailRange first;            /* of the changes that were not flushed */
    FailRange last;
} FailDisk;

FailDisk *fail_disk_new(void);
void fail_disk_free(FailDisk *disk);
/* A copy with nothing in its cache: of the durable part, or of all */
FailDisk *fail_disk_dup(const FailDisk *disk, bool durable);
/* Writes at once and durable, past the plan */
void fail_disk_poke(FailDisk *disk, int64_t offset_bytes, const void *buf,
                    int64_t bytes);
/* A node over the disk, and a reference to it for the caller */
BlockDriverState *fail_disk_open(FailDisk *disk);
void fail_disk_register(void);

#endif /* TESTS_FUZZ_FAIL_DISK_H */
