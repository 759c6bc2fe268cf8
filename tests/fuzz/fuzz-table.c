/*
 * Fuzzer of the zone table
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Shows that table and reference model (tests/unit/zone-reference.c) agree
 * whatever calls are made: libFuzzer looks for streams of calls that reach code
 * not reached before.  After each call all answers are compared and the table
 * recounts itself (tests/unit/zone-walk.c).
 *
 * Input: one byte, the geometry (one of those with few zones: a run is then ten
 * times as fast); then the steps.
 */

#include "qemu/osdep.h"
#include "zone-walk.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t input_bytes)
{
    Walk *w;

    if (input_bytes == 0) {
        return 0;
    }
    w = walk_new(input[0] % WALK_SMALL_CASES, 1);
    walk_set_input(w, input + 1, input_bytes - 1);
    while (walk_input_left(w)) {
        walk_step(w);
    }
    walk_free(w);
    return 0;
}
