/*
 * What a fuzzer is: libFuzzer's interface, which replay.c calls as well
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef TESTS_FUZZ_FUZZ_H
#define TESTS_FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>

/* Aborts when something is wrong; always returns 0 */
int LLVMFuzzerTestOneInput(const uint8_t *input, size_t input_bytes);

#endif /* TESTS_FUZZ_FUZZ_H */
