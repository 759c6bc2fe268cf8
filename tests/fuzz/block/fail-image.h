/*
 * Zoned images for the tests of failing I/O and of damaged images
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Each zone of a prepared image is in a state of its own (FAIL_ZONE_*).  What
 * is written tells zone, block and life, so that no byte can be taken for
 * another.
 */

#ifndef TESTS_FUZZ_FAIL_IMAGE_H
#define TESTS_FUZZ_FAIL_IMAGE_H

#include "block/zone.h"
#include "system/block-backend.h"
#include "system/block-backend-zone.h"
#include "fail-disk.h"

#define FAIL_BLOCK_BYTES    4096
#define FAIL_MAX_DISKS      2

enum {
    FAIL_ZONE_CONVENTIONAL,     /* 3 blocks of data */
    FAIL_ZONE_CLOSED,           /* 3 blocks: its last cluster is half full */
    FAIL_ZONE_FULL,
    FAIL_ZONE_FINISHED,         /* after 2 blocks */
    FAIL_ZONE_NEW,              /* never written */
    FAIL_ZONE_USED,             /* reset: Empty, with data of its first life */
    FAIL_ZONE_ZDE,              /* Closed by its descriptor extension */
    FAIL_ZONE_READ_ONLY,        /* 2 blocks */
    FAIL_ZONE_OFFLINE,
    FAIL_ZONE_OTHER,            /* never written */
    FAIL_ZONE_SPARE,            /* the same, and all that follow */
    FAIL_MIN_ZONES = 16,
};

typedef struct FailVariant {
    const char *name;
    bool extended_l2;
    bool lazy_refcounts;
    bool data_file;
    bool data_file_raw;
    bool discard;
    bool fua;                   /* the disks know FUA */
    uint32_t nr_zones;          /* 0: FAIL_MIN_ZONES */
    uint32_t max_open_zones;    /* 0: no limit */
    uint32_t commit_interval_ms; /* 0: commits only when asked for */
} FailVariant;

/* With its backing image, if it has one: what is done to it is to both */
typedef struct FailImage {
    const FailVariant *variant;
    FailDisk *disk[FAIL_MAX_DISKS];
    ZoneGeometry geometry;
    uint64_t meta_offset;       /* of the words in a prepared image */
    struct FailImage *backing;  /* whose overlay it is, or NULL */
    bool takes_unfinished;      /* opens as well when it is not finished */
    BlockBackend *blk;          /* NULL while the image is closed */
} FailImage;

extern const FailVariant fail_variants[];

/* Fills in the geometry; the disks are empty */
FailImage *fail_image_new(const FailVariant *variant);
/* To be created over backing, which belongs to it from here on */
FailImage *fail_image_new_over(FailImage *backing);
/* With copies of the disks; closed */
FailImage *fail_image_dup(const FailImage *image, bool durable);
void fail_image_free(FailImage *image);
void fail_image_set_plan(FailImage *image, FailPlan *plan);
/* How many requests have changed it, not what is below, since it was made */
unsigned fail_image_nr_changes(const FailImage *image);

int fail_image_create(FailImage *image);
/*
 * flags are added to BDRV_O_RDWR and BDRV_O_RESIZE; a negative errno leaves it
 * closed
 */
int fail_image_open(FailImage *image, int flags, Error **errp);
int fail_image_open_to_read(FailImage *image, Error **errp);
/* For reading, with what the snapshot has */
int fail_image_open_snapshot(FailImage *image, Error **errp);
void fail_image_close(FailImage *image);
/* The zones as FAIL_ZONE_* says, closed and durable */
void fail_image_prepare(FailImage *image);

/* Flips bits of a zone's word; the image is closed */
void fail_image_damage(FailImage *image, uint32_t zone_idx, uint64_t bits);

/* Byte of a block that was written in a life of its zone; life 0: zeros */
uint8_t fail_pattern(uint32_t zone_idx, unsigned block, unsigned life);
/* Blocks of a zone filled with the pattern; g_free() it */
uint8_t *fail_data(uint32_t zone_idx, unsigned first_block, unsigned nr_blocks,
                   unsigned life);
void fail_zde(const FailImage *image, uint32_t zone_idx, uint8_t *zde);

/* All of these return 0 or a negative errno */
int fail_write(FailImage *image, uint32_t zone_idx, unsigned first_block,
               unsigned nr_blocks, unsigned life, BdrvRequestFlags flags);
int fail_action(FailImage *image, BlockZoneOp op, int64_t zone_idx);
int fail_set_zde(FailImage *image, uint32_t zone_idx);
/* The same with a Zone Random Write Area, of which the drive has to have one */
int fail_set_zde_zrwa(FailImage *image, uint32_t zone_idx);
/* The one snapshot that there may be */
int fail_snapshot_make(FailImage *image);
int fail_snapshot_go_to(FailImage *image);
int fail_snapshot_delete(FailImage *image);
bool fail_snapshot_exists(FailImage *image);
/* qcow2's check; corruptions are those found and not repaired */
int fail_image_check(FailImage *image, bool repair, int *corruptions);
/* Without flags of the base that are wrong and do no harm: crash-copied.h */
int fail_image_check_loose(FailImage *image, int *corruptions);

/*
 * What is said on stderr in between is lost: the block layer says what fails,
 * and here that is thousands of requests
 */
int fail_quiet_begin(void);
void fail_quiet_end(int old_stderr);

#endif /* TESTS_FUZZ_FAIL_IMAGE_H */
