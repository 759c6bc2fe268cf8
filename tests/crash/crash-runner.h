/*
 * Runs loads and tries the states that crashes leave
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef TESTS_CRASH_RUNNER_H
#define TESTS_CRASH_RUNNER_H

#include "crash-image.h"

typedef struct CrashOptions {
    uint32_t seed;              /* of the first load */
    uint64_t max_states;        /* at least so many, then the load's rest */
    int64_t step;               /* only this one of the first load, or -1 */
    uint32_t choices;           /* states of a cut with many requests open */
    uint32_t stride;            /* only one state of so many */
    uint32_t again;             /* a second crash after one of so many; 0: no */
    bool progress;              /* say how far it is */
} CrashOptions;

typedef struct CrashTally {
    uint64_t states;
    uint64_t runs;
    uint64_t cuts;
} CrashTally;

/*
 * Tries states until one breaks a contract: returns the explanation then, and
 * NULL when all hold.  Adds to the tally.
 */
char *crash_try_variant(const CrashVariant *variant,
                        const CrashOptions *options, CrashTally *tally);

/*
 * Opens images with damaged words: they have to be refused, and stay as they
 * are (C8).  Returns an explanation or NULL.
 */
char *crash_try_damage(const CrashVariant *variant, uint32_t seed,
                       CrashTally *tally);

/* What a test program calls before all else */
void crash_init(void);

#endif /* TESTS_CRASH_RUNNER_H */
