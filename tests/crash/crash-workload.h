/*
 * Load on a zoned image, decided by a seed
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef TESTS_CRASH_WORKLOAD_H
#define TESTS_CRASH_WORKLOAD_H

#include "crash-image.h"
#include "crash-oracle.h"

#define CRASH_MAX_HOT   12

/* A write that may be made again */
typedef struct CrashFailed {
    uint32_t zone_idx;
    int64_t offset_bytes;
    int64_t length_bytes;
} CrashFailed;

typedef struct CrashJob CrashJob;

typedef struct CrashRun {
    uint32_t seed;
    CrashImage *image;          /* as it is at the end */
    CrashImage *start;          /* as it was before the load */
    CrashImage *handed_over;    /* what inactivation leaves to others (C5) */
    CrashLog *log;
    CrashOracle *oracle;        /* of the newest epoch */
    GPtrArray *epochs;          /* CrashEpoch */
    GPtrArray *snapshots;       /* CrashSnapshot, deleted ones too */
    uint32_t snapshot_serial;   /* the name of the next */
    GPtrArray *stages;          /* CrashStage */
    GPtrArray *jobs;            /* CrashJob, of all times */
    CrashJob *job;              /* that is under way, or NULL */
    uint32_t job_after;         /* another, after so many steps; 0: no */
    uint32_t job_serial;
    /* what there is at some moment is known, and stays so */
    bool exact;
    uint32_t hand_over_after;   /* an overlay, after so many requests; 0: no */
    bool overlay_ready;         /* ... which has been created */
    bool drained;               /* nothing may pass the backend */
    /* began with flags of the base that may not fit the refcounts */
    bool loose;
    GRand *rand;
    uint32_t hot[CRASH_MAX_HOT]; /* the zones that are used, ascending */
    uint32_t nr_hot;
    uint32_t focus;             /* where most requests go, an index of hot */
    bool whole_clusters;        /* writes of those, which overtake each other */
    bool zrwa;                  /* the drive has Zone Random Write Areas */
    bool faults;                /* zones fail, the drive sets attributes */
    uint32_t record_percent;    /* writes and flushes, of all that is done */
    GArray *changing;           /* of crash-change.c */
    bool lossy;                 /* writes of data fail */
    uint32_t storm;             /* ... so many of the next all do */
    GArray *failed;             /* CrashFailed */
    bool managed[CRASH_MAX_HOT]; /* a management action is under way */
    uint32_t nr_managed;
    uint32_t ops_left;
    uint32_t nr_workers;
    uint64_t meta_offset;
    bool stuck;                 /* the load came to a standstill */
    char *live_fault;           /* what a zone should not have said meanwhile */
} CrashRun;

static inline uint32_t crash_pick(CrashRun *run, uint32_t below)
{
    return g_rand_int_range(run->rand, 0, below);
}

static inline bool crash_percent(CrashRun *run, uint32_t percent)
{
    return crash_pick(run, 100) < percent;
}

/* Runs the whole load on a new image, and closes the image */
CrashRun *crash_run_new(const CrashVariant *variant, uint32_t seed);
/*
 * Runs a short load on what a crash of the run at time has left (the disks of
 * image), in the same zones
 */
CrashRun *crash_run_again(const CrashRun *first, uint64_t time,
                          const CrashImage *image, uint32_t seed);
/* Opens the image for the load, as a device does */
void crash_run_open(CrashRun *run);
void crash_run_free(CrashRun *run);

#endif /* TESTS_CRASH_WORKLOAD_H */
