/*
 * The states that a crash can leave on the disks of a run
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef TESTS_CRASH_STATE_H
#define TESTS_CRASH_STATE_H

#include "crash-workload.h"

typedef struct CrashStates {
    const CrashRun *run;
    CrashImage *settled;        /* what is durable for sure */
    GArray *settled_since[CRASH_MAX_DISKS]; /* uint64_t by sector */
    GPtrArray *open;            /* CrashRequest: may be on disk or not */
    uint64_t time;              /* of the crash */
    guint next_event;
} CrashStates;

/* How much of the open requests is on the disk */
typedef enum CrashSubset {
    CRASH_SUBSET_MASK,          /* those whose bit is set */
    CRASH_SUBSET_COMPLETED,     /* those that have completed */
    CRASH_SUBSET_RANDOM,        /* some */
    CRASH_SUBSET_TORN,          /* some sectors of some */
} CrashSubset;

typedef struct CrashChoice {
    CrashSubset subset;
    uint64_t mask;
} CrashChoice;

CrashStates *crash_states_new(const CrashRun *run);
void crash_states_free(CrashStates *states);
/* The crash after the next event; false when there are no more events */
bool crash_states_next_cut(CrashStates *states);
/* How many choices the cut has, and each of them */
uint32_t crash_states_nr_choices(const CrashStates *states,
                                 uint32_t max_choices);
CrashChoice crash_states_choice(const CrashStates *states, uint32_t nr_choices,
                                uint32_t choice_idx);
/* Makes the disks of image what the choice leaves; rand as needed */
void crash_states_build(const CrashStates *states, const CrashChoice *choice,
                        GRand *rand, CrashImage *image);

#endif /* TESTS_CRASH_STATE_H */
