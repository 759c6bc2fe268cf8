/*
 * Operations on two zoned images, in which requests to either fail
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef TESTS_FUZZ_FAIL_CHAIN_H
#define TESTS_FUZZ_FAIL_CHAIN_H

#include "fail-run.h"

/* What an image shows that has just been opened */
typedef struct FailView {
    FailReport report;
    /*
     * up to these write pointers, the data is of FAIL_LIFE_BASE; above, of
     * FAIL_LIFE_BEFORE
     */
    FailReport old;
    unsigned flags;             /* FAIL_OP_CONV: it has been used */
} FailView;

typedef struct FailChain {
    FailRun run;
    FailView prepared;          /* the prepared image */
    FailView used;              /* the same after fail_use() */
} FailChain;

/* The one whose run it is */
FailChain *fail_chain_of(FailRun *run);

/* Makes run->before, run->after and run->stored what the view says */
void fail_chain_set_run(FailChain *chain, const FailView *view);

/* Runs once(), with all plans, on chain->run; the views are there */
void fail_chain_try(const FailVariant *variant, const FailOp *op,
                    void (*once)(FailRun *run));

/* Brings zones of an open image from each state to another */
void fail_use(FailImage *image);
/* An overlay of the prepared image: just created, or used since; closed */
const FailImage *fail_prepared_over(const FailVariant *variant, bool used);

/* From here on requests to the image, and to what is below it, can fail */
void fail_arm(FailRun *run, FailImage *image);
void fail_disarm(FailRun *run, FailImage *image);

/* A closed image opens, and shows all of the view and nothing else */
void fail_expect_shows(const FailRun *run, FailImage *image,
                       const FailView *view, const char *of);

/* The tests of overlays and hand-over, /fail/VARIANT/NAME */
void fail_chain_add_tests(const FailVariant *variant);
/* Those of commit and copy */
void fail_fill_add_tests(const FailVariant *variant);

#endif /* TESTS_FUZZ_FAIL_CHAIN_H */
