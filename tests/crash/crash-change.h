/*
 * A host that changes its data while it is written
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * It may: what is read afterwards is one or the other.  Here a buffer changes
 * as soon as a disk has taken the data out of it, so the disk has the old one,
 * and whoever looks into the buffer later finds what no disk has.
 */

#ifndef TESTS_CRASH_CHANGE_H
#define TESTS_CRASH_CHANGE_H

#include "crash-workload.h"

void crash_change_start(CrashRun *run);
void crash_change_stop(CrashRun *run);

/* The buffer of a write that is about to begin, and the end of that */
void crash_change_add(CrashRun *run, uint8_t *buf, size_t length_bytes);
void crash_change_remove(CrashRun *run, const uint8_t *buf);

#endif /* TESTS_CRASH_CHANGE_H */
