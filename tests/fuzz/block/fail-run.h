/*
 * Runs of an operation, in each of which another request fails
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef TESTS_FUZZ_FAIL_RUN_H
#define TESTS_FUZZ_FAIL_RUN_H

#include "fail-check.h"

#define FAIL_MAX_VARIANTS 8

/* The prepared image of a variant, made once, closed */
const FailImage *fail_prepared(const FailVariant *variant);

/* func gets the variant */
void fail_add_test(const FailVariant *variant, const char *name,
                   GTestDataFunc func);

/*
 * Lets the 1st, 2nd ... request of each kind fail, in all ways.  once() finds
 * in run->image what has the variant and nothing else; it puts the image of the
 * run there, and frees it.
 */
void fail_try_plans(FailRun *run, void (*once)(FailRun *run));
void fail_free_reports(FailRun *run);

/* From here on whatever ends the program says in which run */
void fail_catch_signals(void);
/* How many runs there have been; false when nothing has failed in them */
bool fail_say_runs(void);

#endif /* TESTS_FUZZ_FAIL_RUN_H */
