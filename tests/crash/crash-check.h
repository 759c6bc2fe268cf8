/*
 * Opens what a crash has left and compares it with what is allowed
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef TESTS_CRASH_CHECK_H
#define TESTS_CRASH_CHECK_H

#include "crash-workload.h"

/*
 * The disks of image are what a crash at time has left.  NULL when all is as
 * it should be, else an explanation.  Writes to the image.
 */
char *crash_check_state_of(const CrashRun *run, uint64_t time,
                           CrashImage *image, GRand *rand);

/* Tells the oracle of the run what its image has when it has been opened */
void crash_check_learn(CrashRun *run);

#endif /* TESTS_CRASH_CHECK_H */
