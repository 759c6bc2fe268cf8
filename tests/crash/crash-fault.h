/*
 * Requests of a load that fail or are late
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef TESTS_CRASH_FAULT_H
#define TESTS_CRASH_FAULT_H

#include "crash-workload.h"

/* Decides what fails, and has the log ask; before the load */
void crash_fault_start(CrashRun *run);
/* Is it sure that a write with this result has not written its data? */
bool crash_fault_lost(const CrashRun *run, int ret);
/* A write has failed that may be made again: remembers it, or gives it up */
void crash_fault_remember(CrashRun *run, const CrashOp *op);
/* One of those, which is forgotten then; false when there is none */
bool crash_fault_recall(CrashRun *run, CrashFailed *failed);

#endif /* TESTS_CRASH_FAULT_H */
