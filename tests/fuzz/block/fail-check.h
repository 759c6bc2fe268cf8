/*
 * What must hold after a request has failed
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef TESTS_FUZZ_FAIL_CHECK_H
#define TESTS_FUZZ_FAIL_CHECK_H

#include "fail-image.h"

enum {
    FAIL_LIFE_BASE = 1,         /* data of the prepared image */
    FAIL_LIFE_BEFORE,           /* written by FailOp.prepare */
    FAIL_LIFE_OP,               /* written by FailOp.run */
    FAIL_LIFE_NEW,              /* written after it */
};

/* What an operation is allowed to leave when it fails, or does by success */
enum {
    FAIL_OP_DURABLE = 1 << 0,   /* success survives a loss of power */
    FAIL_OP_WRITES  = 1 << 1,   /* zones open implicitly, even on failure */
    FAIL_OP_ZEROES  = 1 << 2,   /* what it writes is zeros */
    FAIL_OP_DISCARD = 1 << 3,   /* data of the Full zone may be gone */
    FAIL_OP_CLOSED  = 1 << 4,   /* starts with a closed image */
    FAIL_OP_ENDS    = 1 << 5,   /* ends with one; errors get lost */
    FAIL_OP_MANY    = 1 << 6,   /* for the variant with many zones alone */
    FAIL_OP_CONV    = 1 << 7,   /* writes blocks 3 and 4 of zone 0 */
    FAIL_OP_SHARED  = 1 << 8,   /* starts with a snapshot, made before all */
    FAIL_OP_MAKES   = 1 << 9,   /* makes the snapshot */
    FAIL_OP_DELETES = 1 << 10,  /* deletes it */
    FAIL_OP_WHOLE   = 1 << 11,  /* all zones as before, or all as after */
    FAIL_OP_NEW_FULL = 1 << 12, /* starts with the Full zone reset */
    FAIL_OP_AGAIN   = 1 << 13,  /* is tried again when it has failed */
};

typedef struct FailOp {
    const char *name;
    unsigned flags;
    /* Without failures; may be NULL */
    void (*prepare)(FailImage *image);
    /* 0 or a negative errno */
    int (*run)(FailImage *image);
} FailOp;

/* An operation can give an image so many zones more */
#define FAIL_MORE_ZONES 8

/*
 * The zones of an image at one time; behind the last, FAIL_MORE_ZONES that are
 * not there: Empty, as if they were to come
 */
typedef struct FailReport {
    ZoneGeometry geometry;      /* with the limits */
    uint32_t nr_zones;
    ZoneInfo *info;
} FailReport;

typedef struct FailRun {
    const FailOp *op;
    /* what is looked at, where there is more than one image; or NULL */
    const char *of;
    FailImage *image;
    FailReport stored;          /* in the prepared image */
    FailReport snapshot;        /* what the snapshot has, if there is one */
    uint64_t prepared_wp_bytes[FAIL_MIN_ZONES]; /* in the prepared image */
    FailReport before;          /* after FailOp.prepare */
    FailReport after;           /* of the operation, unhurt */
    FailPlan plan;
    int ret;
} FailRun;

/* Says what goes on in this run, for whoever has to find out */
void fail_say_run(const FailRun *run);
/* Aborts, saying it, when ok is false */
void G_GNUC_PRINTF(3, 4)
fail_expect(const FailRun *run, bool ok, const char *format, ...);

FailReport fail_report(FailImage *image);
/* ... of a closed one, which stays as it is */
FailReport fail_report_of(const FailImage *closed);
FailReport fail_report_dup(const FailReport *report);
void fail_report_free(FailReport *report);

/* A closed image, which qemu-img check would not find fault with */
void fail_expect_sound(const FailRun *run, FailImage *image, const char *when);
/* The node, in memory: the image is open, nothing fails any more */
void fail_check_live(const FailRun *run);
/*
 * What a loss of power leaves now, with all that is in the caches of the
 * disks or (durable) without
 */
void fail_check_crash(const FailRun *run, bool durable);
/* The next commit makes up for what has failed; zones go on living */
void fail_check_recovery(const FailRun *run);

#endif /* TESTS_FUZZ_FAIL_CHECK_H */
