/*
 * Operations on zones in which requests fail
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef TESTS_FUZZ_FAIL_OPS_H
#define TESTS_FUZZ_FAIL_OPS_H

#include "fail-check.h"

/* Ends with one that has no name */
extern const FailOp fail_ops[];

#endif /* TESTS_FUZZ_FAIL_OPS_H */
