/*
 * What the driver says of the zones that a load uses
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef TESTS_CRASH_VIEW_H
#define TESTS_CRASH_VIEW_H

#include "crash-workload.h"

typedef struct CrashView {
    CrashZone zone[CRASH_MAX_HOT];
    uint8_t *data[CRASH_MAX_HOT];
    uint8_t *zde[CRASH_MAX_HOT];
} CrashView;

void crash_view_free(CrashView *view);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(CrashView, crash_view_free)

/* What the open image says; an explanation when something cannot be read */
char *crash_view_zone(const CrashRun *run, CrashImage *image, CrashView *view,
                      uint32_t hot_idx);
char *crash_view_fill(const CrashRun *run, CrashImage *image, CrashView *view);
/* Is after what before is when it has been closed?  Else an explanation */
char *crash_view_compare(const CrashRun *run, const CrashView *before,
                         const CrashView *after);
/* Are all zones Empty? */
char *crash_view_empty(const CrashRun *run, const CrashView *view);

#endif /* TESTS_CRASH_VIEW_H */
