/*
 * Internal snapshots in a load, and what a crash may make of them
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A snapshot has the zones of one moment, in which all that has completed is
 * durable: what it shows is known exactly from then on.  An epoch begins with
 * the image, or with a snapshot that the image goes to: each has an oracle of
 * its own, which begins with what was found then.
 */

#ifndef TESTS_CRASH_SNAPSHOT_H
#define TESTS_CRASH_SNAPSHOT_H

#include "crash-view.h"

/* When something was done: a crash in between may find either */
typedef struct CrashSpan {
    uint64_t begin;             /* CRASH_NEVER: not at all */
    uint64_t end;
} CrashSpan;

typedef struct CrashEpoch {
    CrashOracle *oracle;
    CrashSpan made;             /* by going to a snapshot */
} CrashEpoch;

typedef struct CrashSnapshot {
    char *name;
    CrashSpan made;
    CrashSpan deleted;
    /* of the epoch; NULL: a crash before has left the snapshot */
    const CrashOracle *oracle;
    CrashView *view;            /* what it shows */
} CrashSnapshot;

/* The first epoch, without snapshots */
void crash_epochs_init(CrashRun *run, uint32_t first_id);
void crash_epochs_free(CrashRun *run);
/* The image is that of the view from now on, which is durable */
void crash_epochs_begin(CrashRun *run, CrashSpan made, const CrashView *view);
/* All operations have ended: the oracles look back */
void crash_epochs_close(CrashRun *run);
char *crash_epoch_check(const CrashRun *run, const CrashOracle *oracle,
                        uint64_t time, const CrashView *view);
/* Of a copy that has all that had completed at time */
char *crash_epoch_check_copy(const CrashRun *run, const CrashOracle *oracle,
                             uint64_t time, const CrashView *view);
/* Is this the one or the other epoch as a whole, after a crash at time? */
char *crash_epochs_check(const CrashRun *run, uint64_t time,
                         const CrashView *view);

void crash_snapshots_init(CrashRun *run);
void crash_snapshots_free(CrashRun *run);
/* Makes, deletes, or goes to a snapshot, while nothing else is under way */
void crash_snapshots_step(CrashRun *run);
/* Those that the image has at the beginning */
void crash_snapshots_learn(CrashRun *run);
/* The oracles have looked back: does each have what it had to get? */
char *crash_snapshots_check_made(const CrashRun *run);

/* May a crash at time have left flags of the base that do not fit? */
bool crash_snapshots_are_loose(const CrashRun *run, uint64_t time);
/* The open image has the snapshots that it must have, and no others */
char *crash_snapshots_check_list(const CrashRun *run, uint64_t time,
                                 CrashImage *image);
/* All that the closed image has show what they have to */
char *crash_snapshots_check_views(const CrashRun *run, CrashImage *image);
/* One that the open image has, or NULL; now and then */
const CrashSnapshot *crash_snapshots_pick(const CrashRun *run,
                                          CrashImage *image, GRand *rand);
/* The open image becomes what the snapshot has, at once and after closing */
char *crash_snapshots_go_to(const CrashRun *run, CrashImage *image,
                            const CrashSnapshot *snapshot);

#endif /* TESTS_CRASH_SNAPSHOT_H */
