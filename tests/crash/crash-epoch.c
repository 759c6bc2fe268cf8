/*
 * What a load knows from one change of the whole drive to the next
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "crash-snapshot.h"

static CrashEpoch *crash_epoch(const CrashRun *run, guint i)
{
    return g_ptr_array_index(run->epochs, i);
}

static void crash_epoch_free(gpointer opaque)
{
    CrashEpoch *epoch = opaque;

    crash_oracle_free(epoch->oracle);
    g_free(epoch);
}

static void crash_epoch_add(CrashRun *run, CrashSpan made, uint32_t first_id)
{
    CrashEpoch *epoch = g_new0(CrashEpoch, 1);

    epoch->made = made;
    epoch->oracle = crash_oracle_new(&run->image->geometry, first_id);
    epoch->oracle->encrypted = run->image->variant->luks;
    g_ptr_array_add(run->epochs, epoch);
    run->oracle = epoch->oracle;
}

void crash_epochs_init(CrashRun *run, uint32_t first_id)
{
    run->epochs = g_ptr_array_new_with_free_func(crash_epoch_free);
    crash_epoch_add(run, (CrashSpan) { 0, 0 }, first_id);
}

void crash_epochs_free(CrashRun *run)
{
    g_ptr_array_unref(run->epochs);
}

void crash_epochs_begin(CrashRun *run, CrashSpan made, const CrashView *view)
{
    uint32_t i;

    crash_epoch_add(run, made, crash_oracle_next_id(run->oracle));
    for (i = 0; i < run->nr_hot; i++) {
        crash_oracle_found(run->oracle, &view->zone[i]);
    }
}

void crash_epochs_close(CrashRun *run)
{
    guint i;

    for (i = 0; i < run->epochs->len; i++) {
        crash_oracle_close(crash_epoch(run, i)->oracle);
    }
}

static char *
crash_epoch_check_zones(const CrashRun *run, const CrashOracle *oracle,
                        uint64_t time, const CrashView *view,
                        char *(*check)(const CrashOracle *oracle, uint64_t time,
                                       const CrashZone *zone))
{
    char *fault = NULL;
    uint32_t i;

    for (i = 0; i < run->nr_hot && !fault; i++) {
        fault = check(oracle, time, &view->zone[i]);
    }
    return fault;
}

char *crash_epoch_check(const CrashRun *run, const CrashOracle *oracle,
                        uint64_t time, const CrashView *view)
{
    return crash_epoch_check_zones(run, oracle, time, view,
                                   crash_oracle_check_zone);
}

char *crash_epoch_check_copy(const CrashRun *run, const CrashOracle *oracle,
                             uint64_t time, const CrashView *view)
{
    return crash_epoch_check_zones(run, oracle, time, view,
                                   crash_oracle_check_copy);
}

/* An epoch that has begun, and has not surely been followed by another */
char *crash_epochs_check(const CrashRun *run, uint64_t time,
                         const CrashView *view)
{
    g_autofree char *before = NULL;
    char *fault = NULL;
    guint i;

    for (i = 0; i < run->epochs->len; i++) {
        const CrashEpoch *epoch = crash_epoch(run, i);

        if (epoch->made.begin > time) {
            break;
        }
        if (i + 1 < run->epochs->len &&
            crash_epoch(run, i + 1)->made.end <= time) {
            continue;
        }
        g_free(before);
        before = fault;
        fault = crash_epoch_check(run, epoch->oracle, time, view);
        if (!fault) {
            return NULL;
        }
    }
    if (before) {
        char *both = g_strdup_printf("neither as before what was done to "
                                     "the drive (%s) nor as after (%s)",
                                     before, fault);

        g_free(fault);
        fault = both;
    }
    return fault;
}
