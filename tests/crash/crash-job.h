/*
 * Block jobs on the drive while a load goes on, and what a crash may make of
 * them
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A job writes an image beside the drive, or one that the drive is over.  The
 * drive goes on in what it is in until the job has ended; then it is in the
 * other, or the other is a copy of one moment.
 */

#ifndef TESTS_CRASH_JOB_H
#define TESTS_CRASH_JOB_H

#include "crash-snapshot.h"

typedef enum CrashJobKind {
    CRASH_JOB_MIRROR,           /* of all */
    CRASH_JOB_MIRROR_TOP,       /* of the highest image */
    CRASH_JOB_BACKUP,
    CRASH_JOB_COMMIT,           /* of the highest image */
    CRASH_JOB_COMMIT_BELOW,     /* of the one below it */
    CRASH_JOB_STREAM,           /* all comes to the highest image */
    CRASH_JOB_STREAM_BASE,      /* ... but for what is in the lowest */
} CrashJobKind;

typedef enum CrashJobFate {
    CRASH_JOB_ENDS,
    CRASH_JOB_STOPS,            /* what it has written is the drive of then */
    CRASH_JOB_CANCELLED,
} CrashJobFate;

struct CrashJob {
    CrashJobKind kind;
    CrashJobFate fate;
    /* it writes what the drive does before that ends */
    bool keeps_up;
    Job *job;                   /* NULL when it has ended */
    /*
     * so many steps until it ends: of those it is ready, where it can be that
     */
    uint32_t patience;
    CrashChain chain;           /* what it writes, over what is below that */
    CrashChain drive;           /* what the drive is in afterwards */
    /*
     * ... as the highest image names it; NULL: it does not change, "": nothing
     */
    char *backing;
    CrashSpan made;
    uint64_t created;           /* when all images were there */
    uint64_t asked;             /* when it was told to end, CRASH_NEVER: not */
    uint64_t until;             /* the image is used otherwise from then on */
    CrashView *before;          /* what it showed before, or NULL */
    const CrashOracle *oracle;
    uint64_t moment;            /* what it is a copy of, where it is one */
    CrashView *view;            /* ... and shows; else NULL */
    const void *zones;          /* those of the drive, before */
};

void crash_jobs_init(CrashRun *run);
void crash_jobs_free(CrashRun *run);
/* Is a job to begin, and when? */
void crash_jobs_plan(CrashRun *run);
/* Before each step: jobs begin, are told to end, have ended */
void crash_jobs_step(CrashRun *run);
/* The drive has none of its requests under way, and takes no others */
bool crash_jobs_drain(const CrashRun *run);
/* The requests of the load go through the filter of a job */
bool crash_jobs_filter(const CrashRun *run);
/* ... and end when it has done what they have done */
bool crash_jobs_keep_up(const CrashRun *run);
/* The load is over: a job comes to its end */
void crash_jobs_finish(CrashRun *run);
/* The disk gets another image, or, CRASH_MAX_DISKS: the chain changes */
void crash_jobs_forget(CrashRun *run, unsigned disk_idx);
/* The oracles have looked back: is each copy that of its moment? */
char *crash_jobs_check_made(const CrashRun *run);

/* After a crash at time: what the header of the highest image leads to */
void crash_jobs_enter(const CrashRun *run, uint64_t time, CrashImage *image);
/* What the jobs write; the closed drive does not change */
char *crash_jobs_check(const CrashRun *run, uint64_t time,
                       const CrashImage *image, GRand *rand);
/* Does the job write to what is below the drive? */
bool crash_jobs_commit(const CrashRun *run, uint64_t time);
/*
 * A commit that the crash, or somebody else, has ended is done again from the
 * closed drive, which shows view
 */
char *crash_jobs_do_again(const CrashRun *run, uint64_t time,
                          CrashImage *image, const CrashView *view);

/* Of crash-job-check.c: what the chain shows; NULL: it cannot be opened */
CrashView *crash_job_look(const CrashRun *run, const CrashImage *image,
                          const CrashChain *chain, char **fault);

/* What the linker puts in place of zone_job_end(), and that */
struct ZoneJob;
int __wrap_zone_job_end(struct ZoneJob *zone_job);
int __real_zone_job_end(struct ZoneJob *zone_job);

#endif /* TESTS_CRASH_JOB_H */
