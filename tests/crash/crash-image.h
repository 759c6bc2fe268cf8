/*
 * Zoned images on disks in memory
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef TESTS_CRASH_IMAGE_H
#define TESTS_CRASH_IMAGE_H

#include "block/zone.h"
#include "system/block-backend.h"
#include "crash-disk.h"

/* What a run varies beside its seed */
typedef struct CrashVariant {
    const char *name;
    bool extended_l2;
    bool lazy_refcounts;
    bool data_file;
    bool data_file_raw;
    bool luks;
    bool writethrough;
    bool direct;                /* cache=none: sectors of 4096 bytes below */
    bool discard;
    bool limits;                /* few active zones */
    bool errors;                /* writes of words fail now and then */
    bool zrwa;                  /* every load has Zone Random Write Areas */
    bool snapshots;             /* internal ones are made, used, deleted */
    /* the drive goes on in others, is committed, is copied */
    bool overlays;
    /*
     * ... only goes on in others, where writes fail and zeros in their place as
     * well
     */
    bool holes;
    /* ... and block jobs copy and move it while the load goes on */
    bool jobs;
    bool resizes;               /* it gets another length, and other limits */
    /* most of what is done are small writes with a flush behind them */
    bool records;
} CrashVariant;

/* The disks that an image and what lies below it are on, the lowest first */
typedef struct CrashChain {
    unsigned depth;
    unsigned disk_idx[CRASH_MAX_DISKS];
} CrashChain;

typedef struct CrashImage {
    const CrashVariant *variant;
    CrashDisk *disk[CRASH_MAX_DISKS];
    CrashChain chain;           /* of the drive, in one of the images */
    ZoneGeometry geometry;      /* when it was created */
    uint32_t cluster_bytes;
    BlockBackend *blk;          /* NULL while the image is closed */
} CrashImage;

extern const CrashVariant crash_variants[];
const CrashVariant *crash_variant_find(const char *name);
/* NULL when this build has what the variant needs, else what is missing */
const char *crash_variant_missing(const CrashVariant *variant);

/* An image on new disks; rand decides what the variant leaves open */
CrashImage *crash_image_new(const CrashVariant *variant, GRand *rand);
/* The same kind of image on new, empty disks */
CrashImage *crash_image_like(const CrashImage *image);
/* Takes the contents of the disks of another image of the same kind */
void crash_image_copy(CrashImage *image, const CrashImage *from);
void crash_image_free(CrashImage *image);

bool crash_image_open(CrashImage *image, Error **errp);
/* For reading, with what the snapshot has */
bool crash_image_open_snapshot(CrashImage *image, const char *name,
                               Error **errp);
/* What the chain shows, opened as image is; NULL: it cannot be opened */
BlockBackend *crash_image_open_chain(const CrashImage *image,
                                     const CrashChain *chain, int flags,
                                     Error **errp);
void crash_image_close(CrashImage *image);

static inline unsigned crash_chain_top(const CrashChain *chain)
{
    return chain->disk_idx[chain->depth - 1];
}

/* Durable zeros, as in a new file */
void crash_image_wipe(const CrashImage *image, unsigned disk_idx);
/* A new drive with these zones, or an overlay of what is on backing */
void crash_image_create_on(const CrashImage *image, unsigned disk_idx,
                           const ZoneGeometry *geometry, CrashDisk *backing);
/* For bdrv_append(): the image on that disk, with nothing below it */
BlockDriverState *crash_image_open_alone(const CrashImage *image,
                                         unsigned disk_idx);
/* Reads where words and descriptor extensions are, from the open image */
uint64_t crash_image_meta_offset(const CrashImage *image);

#endif /* TESTS_CRASH_IMAGE_H */
