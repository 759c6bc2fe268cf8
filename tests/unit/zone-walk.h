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

/* What all walks of the process together have met */
bool walk_met_status(ZoneStatus status);
bool walk_met_move(ZoneState state, ZoneEvent event);

#endif /* TESTS_UNIT_ZONE_WALK_H */
