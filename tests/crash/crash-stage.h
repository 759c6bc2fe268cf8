/*
 * What a drive is kept in while a load goes on, and what a crash may make of it
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A stage is a chain of images with a number of zones and limits.  What ends it
 * makes the next one:
 *
 *  - an overlay, which takes the place of the node with writes in flight;
 *  - a commit, which brings the overlay to the image below;
 *  - a copy to another image, as by qemu-img convert;
 *  - another length, other limits.
 *
 * The last one that was complete has everything.  What is being made is as it
 * will be, or says that it is not finished.
 */

#ifndef TESTS_CRASH_STAGE_H
#define TESTS_CRASH_STAGE_H

#include "crash-snapshot.h"

typedef enum CrashStageKind {
    CRASH_STAGE_FIRST,
    CRASH_STAGE_OVERLAY,
    CRASH_STAGE_COMMIT,
    CRASH_STAGE_COPY,
    CRASH_STAGE_RESIZE,
    CRASH_STAGE_AMEND,
    CRASH_STAGE_JOB,            /* crash-job.h */
} CrashStageKind;

typedef struct CrashStage {
    CrashStageKind kind;
    CrashSpan made;
    CrashChain chain;
    ZoneGeometry geometry;
    /*
     * what the chain without the highest shows; NULL: there is none, it is not
     * finished, or has what may change (CrashRun.exact)
     */
    CrashView *below;
    const CrashOracle *oracle;  /* of the epoch before, if this began one */
    CrashView *view;            /* ... which begins with this */
} CrashStage;

/* A disk that the drive is not on; CRASH_MAX_DISKS: there is none */
unsigned crash_free_disk(const CrashRun *run);
/*
 * After a commit that was done again (fault: NULL if it could be): the image
 * has what view shows
 */
char *crash_stage_check_again(const CrashRun *run, CrashImage *image,
                              const CrashView *view, char *fault);

/* With the open image */
void crash_stages_init(CrashRun *run);
void crash_stages_free(CrashRun *run);
/* The drive is in what the job has made of it */
void crash_stages_add_job(CrashRun *run, const CrashJob *job);
/* A crash may have left less zones than the load uses */
void crash_stages_regrow(CrashRun *run);
/* Makes another stage, while nothing else is under way */
void crash_stages_step(CrashRun *run);
/* Is an overlay to take the place of the node, and when? */
void crash_stages_plan(CrashRun *run);
/* It does so, with writes in flight */
void crash_stages_hand_over(CrashRun *run);
/*
 * Brings the highest image of the closed drive to the one below, which is the
 * drive then; unless drop, it is empty
 */
char *crash_stages_commit(CrashImage *image, bool drop);
/* The oracles have looked back: a stage begins as the one before has ended */
char *crash_stages_check_made(const CrashRun *run);

/* After a crash at time, the drive is in these images for sure */
void crash_stages_enter(const CrashRun *run, uint64_t time, CrashImage *image);
/* Its tables are */
char *crash_stage_sound(BlockBackend *blk);
/* What is above and below the closed drive, without a change */
char *crash_stages_check_others(const CrashRun *run, uint64_t time,
                                const CrashImage *image, GRand *rand);
/* The open drive has the zones and limits that it must have */
char *crash_stages_check_geometry(const CrashRun *run, uint64_t time,
                                  const CrashImage *image);
/*
 * What the crash has interrupted, if it is a commit, is done again from the
 * closed drive, which shows view
 */
char *crash_stages_finish(const CrashRun *run, uint64_t time,
                          CrashImage *image, const CrashView *view);

#endif /* TESTS_CRASH_STAGE_H */
