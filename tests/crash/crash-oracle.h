/*
 * What a workload was told, and what a crash may make of it
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Every sector that a workload writes names the operation that wrote it, and
 * its place in it.  Times are those of the log of requests: a crash at time T
 * is compared with what was submitted and acknowledged by T.
 *
 * Life n of a zone begins with its n-th Reset.  An operation that was under
 * way at the same time as a Reset may belong to either life.  Life 0 begins
 * Empty, or as what an earlier crash has left.
 */

#ifndef TESTS_CRASH_ORACLE_H
#define TESTS_CRASH_ORACLE_H

#include "block/zone.h"
#include "crash-disk.h"

typedef enum CrashOpKind {
    CRASH_OP_WRITE,             /* appends too: their position is known late */
    CRASH_OP_FLUSH,
    CRASH_OP_RESET,
    CRASH_OP_FINISH,
    CRASH_OP_SET_ZDE,
    CRASH_OP_DISCARD,
    CRASH_OP_ZRWA,              /* Open with a Zone Random Write Area */
    CRASH_OP_ZRWA_FLUSH,
    CRASH_OP_OFFLINE,           /* the host's */
    CRASH_OP_READ_ONLY,         /* the drive's own */
    CRASH_OP_FAULT_OFFLINE,     /* the drive's own */
    CRASH_OP_ATTRIBUTES,
} CrashOpKind;

typedef struct CrashOp {
    CrashOpKind kind;
    uint32_t id;
    uint32_t zone_idx;
    int64_t offset_bytes;       /* of the device; -1 until it is known */
    int64_t length_bytes;
    uint8_t set;                /* ZONE_ATTR_* of CRASH_OP_ATTRIBUTES */
    uint8_t clear;
    bool zrwa;                  /* CRASH_OP_SET_ZDE: with such an area */
    bool append;
    bool fua;
    /*
     * who waits for it hears of it when more has been done: a job keeps up with
     * its guest
     */
    bool late;
    bool select_all;            /* one of the zones of a Select All */
    bool refused;               /* changed nothing */
    bool failed;                /* an I/O error: may have happened, or partly */
    bool lost;                  /* ... for sure that of a write of its data */
    bool zeroing;               /* ... and zeros were written in its place */
    bool unzeroed;              /* ... which have failed, too */
    Coroutine *co;              /* of writes and discards */
    uint64_t submitted;
    /*
     * CRASH_OP_DISCARD: when the gate had chosen the last that it takes; 0:
     * took nothing
     */
    uint64_t begun;
    uint64_t first_begun;       /* ... and the first */
    uint64_t acked;             /* CRASH_NEVER while it is under way */
    uint32_t life_min;
    uint32_t life_max;
} CrashOp;

/* What the driver says of one zone */
typedef struct CrashZone {
    ZoneInfo info;
    const uint8_t *data;        /* zone_bytes of it */
    const uint8_t *zde;         /* zd_extension_bytes of it */
} CrashZone;

typedef struct CrashOracle {
    const ZoneGeometry *geometry;
    bool encrypted;             /* what a discard leaves looks like anything */
    uint32_t first_id;          /* above those of the load before a crash */
    GPtrArray *ops;             /* CrashOp, by id from first_id on */
    GPtrArray **zone_ops;       /* the same by zone, without flushes */
    CrashZone **found;          /* what was found of a zone, or NULL */
    /*
     * when an overlay took over last: what was written before is in the image
     * below; 0
     */
    uint64_t handed_over;
} CrashOracle;

CrashOracle *crash_oracle_new(const ZoneGeometry *geometry, uint32_t first_id);
void crash_oracle_free(CrashOracle *oracle);
/*
 * Before all operations: the zone begins as this, which is durable (it was on
 * the disk when the load began)
 */
void crash_oracle_found(CrashOracle *oracle, const CrashZone *zone);

static inline uint32_t crash_oracle_next_id(const CrashOracle *oracle)
{
    return oracle->first_id + oracle->ops->len;
}

/* zone_idx is ignored for flushes */
CrashOp *crash_oracle_begin(CrashOracle *oracle, CrashOpKind kind,
                            uint32_t zone_idx, uint64_t now);
/* ret is that of the block layer */
void crash_oracle_end(CrashOracle *oracle, CrashOp *op, int ret, uint64_t now);
/* When all operations have ended: tells the lives apart */
void crash_oracle_close(CrashOracle *oracle);

/* The sectors of an operation, from its sector first_sector on */
void crash_stamp(uint32_t id, uint32_t first_sector, void *buf,
                 int64_t length_bytes);
/* What zones had in lives before the load */
#define CRASH_AGE_BYTE  0x5a
/* Is any sector one of an operation? */
bool crash_is_stamped(const uint8_t *buf, int64_t length_bytes);

/*
 * Compares one zone after a crash at time with what the contracts allow.  NULL
 * when it is allowed, else an explanation that begins with the contract.
 */
char *crash_oracle_check_zone(const CrashOracle *oracle, uint64_t time,
                              const CrashZone *zone);
/* The same of a copy that has all that had completed at time */
char *crash_oracle_check_copy(const CrashOracle *oracle, uint64_t time,
                              const CrashZone *zone);

/*
 * While the load runs: compares what a zone says with what it must say, as far
 * as that is sure.  *failed is the write that its write pointer waits for, or
 * NULL.
 */
char *crash_oracle_check_live(const CrashOracle *oracle, const ZoneInfo *info,
                              const CrashOp **failed);

#endif /* TESTS_CRASH_ORACLE_H */
