/*
 * A walk of the zone table, compared with a reference model
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * On a difference the walk prints seed, step, the last calls and both states,
 * and aborts.
 */

#ifndef TESTS_UNIT_ZONE_WALK_H
#define TESTS_UNIT_ZONE_WALK_H

#include "block/zone.h"

/* Number of geometries to walk on; the first ones have few zones */
#define WALK_CASES          9
#define WALK_SMALL_CASES    8

typedef struct Walk Walk;

const char *walk_case_name(size_t case_idx);
/* How many of the steps of all walks this one takes: at least one */
uint64_t walk_case_steps(size_t case_idx, uint64_t steps);

Walk *walk_new(size_t case_idx, uint64_t seed);
/* Steps are taken from the input from now on; it stays the caller's */
void walk_set_input(Walk *w, const uint8_t *input, size_t input_bytes);
size_t walk_input_left(const Walk *w);
/* One call on table and model, and all comparisons */
void walk_step(Walk *w);
/* Ends what is in flight; returns the steps taken */
uint64_t walk_free(Walk *w);

/* What writes and events meet that is not in a status or state */
typedef enum WalkMet {
    WALK_MET_RETRY,             /* a failed write is made again below others */
    WALK_MET_RETRY_TWO,         /* with another retry of the zone in flight */
    WALK_MET_RETRY_AT_TAIL,     /* ... at the reservation, in its old length */
    WALK_MET_RETRY_BEYOND,      /* ... beyond it: the last first */
    WALK_MET_OTHER_AT_TAIL,     /* something else comes there instead */
    WALK_MET_LOST,              /* an append has failed below others */
    WALK_MET_STORED_AHEAD,      /* a failed range is below the stored wp */
    WALK_MET_FILLED_BY_RETRY,
    WALK_MET_CHANGED_BY_BEGIN,  /* a write opens an Empty zone with FZR */
    WALK_MET_DISCARD,
    WALK_MET_UNSURE,            /* a flush behind a write has failed */
    WALK_MET_UNSURE_TOO_LATE,   /* ... after a reset, or the like */
    WALK_MET_SURE,              /* it is made again */
    WALK_MET_SURE_CLOSED,       /* ... in a Closed zone */
    WALK_MET_SURE_FULL,         /* ... in a Full zone */
    WALK_MET_SURE_FAILS,        /* ... and fails */
    WALK_MET__MAX,
} WalkMet;

/* What all walks of the process together have met */
bool walk_met(WalkMet what);
bool walk_met_status(ZoneStatus status);
bool walk_met_move(ZoneState state, ZoneEvent event);

#endif /* TESTS_UNIT_ZONE_WALK_H */
