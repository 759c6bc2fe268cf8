/*
 * The crash test finds what breaks a contract
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What it shows: for every contract of docs/devel/zone-store.rst, zone-crash
 * fails when the contract is broken.  How: this program has block/zone of its
 * own, built with the breakages of tests/crash/breakage.h; each in turn is
 * switched on, and the states that zone-crash would try are tried until one
 * fails.  With none switched on, none fails.
 */

#include "qemu/osdep.h"
#include "breakage.h"
#include "crash-runner.h"

/* With so many states at most a breakage has to be found */
#define CRASH_BROKEN_STATES 200000
/* Rare histories are found by more loads, not by more states of each */
#define CRASH_BROKEN_STRIDE 10

typedef struct CrashBreakage {
    ZoneBreakage breakage;
    const char *contract;
    const char *name;
    const char *variant;
    uint32_t seed;              /* where to begin, so that it is found soon */
} CrashBreakage;

static const CrashBreakage breakages[] = {
    { ZONE_BREAKAGE_NO_SETTLE, "C1",
      "flush-leaves-out-what-passed-others", "plain" },
    { ZONE_BREAKAGE_DURABLE_FORGOTTEN, "C1",
      "words-on-disk-forgotten-at-open", "plain" },
    { ZONE_BREAKAGE_PREPARE_NOT_HELD, "C1",
      "zeros-ahead-not-held", "plain" },
    { ZONE_BREAKAGE_DISCARD_NOT_TRACKED, "C1",
      "discards-not-waited-for", "discard" },
    { ZONE_BREAKAGE_STORED_WAITS, "C1",
      "stored-waits-for-failed", "plain" },
    { ZONE_BREAKAGE_NO_DATA_FLUSH, "C2",
      "words-before-data", "plain" },
    { ZONE_BREAKAGE_HIGHEST_END, "C2",
      "highest-end-for-frontier", "plain" },
    { ZONE_BREAKAGE_NEIGHBOURS, "C2",
      "words-of-neighbours-from-the-table", "plain" },
    { ZONE_BREAKAGE_ZRWA_IN_FLIGHT, "C2",
      "zrwa-counts-writes-in-flight", "zrwa", 1874 },
    { ZONE_BREAKAGE_ZRWA_GAP, "C2",
      "zrwa-gap-not-zeroed", "zrwa" },
    { ZONE_BREAKAGE_FAILED_FORGOTTEN, "C2",
      "failed-write-counts", "plain" },
    { ZONE_BREAKAGE_RETRY_COUNTS, "C2",
      "failed-retry-counts", "plain" },
    { ZONE_BREAKAGE_STORED_STAYS, "C2",
      "stored-ends-behind-failed", "plain" },
    { ZONE_BREAKAGE_NO_ROLL_BACK, "C2",
      "reservation-not-rolled-back", "plain" },
    { ZONE_BREAKAGE_NO_CLAMP, "C3",
      "reads-not-cut", "plain" },
    { ZONE_BREAKAGE_RAW_NOT_CLEANED, "C3",
      "raw-file-not-cleaned", "data-file-raw" },
    { ZONE_BREAKAGE_WORDS_NOT_DURABLE, "C4",
      "words-not-flushed", "plain" },
    { ZONE_BREAKAGE_RESET_NOT_DURABLE, "C4",
      "reset-not-durable", "plain" },
    { ZONE_BREAKAGE_ZDE_WORD_FIRST, "C4",
      "word-before-slot", "plain" },
    { ZONE_BREAKAGE_FAULT_NOT_DURABLE, "C4",
      "read-only-and-offline-not-durable", "plain" },
    { ZONE_BREAKAGE_ATTRIBUTES_NOT_DURABLE, "C4",
      "attributes-not-durable", "plain" },
    { ZONE_BREAKAGE_READ_ONLY_NO_FLUSH, "C4",
      "read-only-before-data", "plain" },
    { ZONE_BREAKAGE_NO_COMMIT_AT_EXIT, "C5",
      "no-commit-at-exit", "plain" },
    { ZONE_BREAKAGE_LOAD_OPEN, "C6",
      "zones-open-at-open", "plain" },
    { ZONE_BREAKAGE_NO_ROOM, "C6",
      "no-room-on-disk", "limits", 820 },
    { ZONE_BREAKAGE_NO_REDIRTY, "C7",
      "failed-words-forgotten", "errors" },
    { ZONE_BREAKAGE_MAP_BEHIND_END, "C8",
      "mapped-behind-the-end", "plain" },
    { ZONE_BREAKAGE_SILENT_REPAIR, "C8",
      "silent-repair", "plain" },
    { ZONE_BREAKAGE_FAILED_NOT_ZEROED, "C2",
      "failed-not-zeroed", "plain" },
    { ZONE_BREAKAGE_ZEROS_OVER_OTHERS, "C1",
      "zeros-over-others", "zrwa" },
    { ZONE_BREAKAGE_SNAPSHOT_NO_COMMIT, "snapshot",
      "words-of-the-last-commit", "snapshots" },
    { ZONE_BREAKAGE_SNAPSHOT_TABLE_FIRST, "snapshot",
      "table-before-region", "snapshots" },
    { ZONE_BREAKAGE_SNAPSHOT_FREED_FIRST, "snapshot",
      "region-freed-before-table", "snapshots" },
    { ZONE_BREAKAGE_SHARED_PUNCHED, "snapshot",
      "holes-in-shared-clusters", "snapshots-discard" },
    { ZONE_BREAKAGE_SNAPSHOT_COPIED, "snapshot",
      "shared-tables-in-place", "snapshots" },
    { ZONE_BREAKAGE_GOTO_TWO_STEPS, "snapshot",
      "region-and-mapping-apart", "snapshots" },
    { ZONE_BREAKAGE_GOTO_REGION_LATE, "snapshot",
      "region-used-before-flush", "snapshots" },
    { ZONE_BREAKAGE_GOTO_NO_EXTENSIONS, "snapshot",
      "extensions-left-behind", "snapshots" },
    { ZONE_BREAKAGE_GOTO_FREES_FIRST, "snapshot",
      "region-freed-before-header", "snapshots" },
    { ZONE_BREAKAGE_HANDOVER_NO_COMMIT, "overlay",
      "words-of-the-last-commit", "overlays" },
    { ZONE_BREAKAGE_HANDOVER_NOT_FLUSHED, "overlay",
      "words-not-flushed", "overlays" },
    { ZONE_BREAKAGE_HANDOVER_NO_EXTENSIONS, "overlay",
      "extensions-left-behind", "overlays" },
    { ZONE_BREAKAGE_LIFE_SHOWS_BACKING, "overlay",
      "backing-file-shows", "overlays-holes", .seed = 4000838 },
    { ZONE_BREAKAGE_COPIED_WHOLE, "overlay",
      "copied-without-order", "overlays-lazy" },
    { ZONE_BREAKAGE_COMMIT_NOT_MARKED, "commit",
      "base-not-marked", "overlays" },
    { ZONE_BREAKAGE_COMMIT_EMPTIES_BASE, "commit",
      "base-loses-its-words", "overlays" },
    { ZONE_BREAKAGE_COMMIT_DROPS_FIRST, "commit",
      "overlay-emptied-before-words", "overlays" },
    { ZONE_BREAKAGE_COMMIT_HOLES_FIRST, "commit",
      "holes-before-mapping", "overlays-discard" },
    { ZONE_BREAKAGE_ADOPT_NO_DATA, "adopt",
      "words-before-data", "overlays" },
    { ZONE_BREAKAGE_ADOPT_MARK_FIRST, "adopt",
      "mark-gone-before-words", "overlays" },
    { ZONE_BREAKAGE_RESIZE_REGION_LATE, "resize",
      "header-before-region", "resizes" },
    { ZONE_BREAKAGE_RESIZE_FREES_FIRST, "resize",
      "region-freed-before-header", "resizes" },
    { ZONE_BREAKAGE_RESIZE_TWO_STEPS, "resize",
      "length-and-zones-apart", "resizes" },
    { ZONE_BREAKAGE_AMEND_NOT_FLUSHED, "amend",
      "limits-not-flushed", "resizes" },
    { ZONE_BREAKAGE_MIRROR_NOT_MARKED, "mirror",
      "target-not-marked", "jobs" },
    { ZONE_BREAKAGE_DISCARDED_REUSED, "discard", "reused-early", "discard",
      .seed = 700010 },
    { ZONE_BREAKAGE_MIRROR_WORDS_EARLY, "mirror",
      "words-of-the-beginning", "jobs" },
    { ZONE_BREAKAGE_MIRROR_NO_APPEND, "mirror",
      "appends-not-marked", "jobs" },
    { ZONE_BREAKAGE_MIRROR_SELECTS_ALL, "mirror",
      "select-all-clears-others", "jobs" },
    { ZONE_BREAKAGE_PIVOT_LEAVES_ZONES, "mirror",
      "zones-left-behind", "jobs" },
    { ZONE_BREAKAGE_BACKUP_WORDS_LATE, "backup",
      "words-of-the-end", "jobs" },
    { ZONE_BREAKAGE_BACKUP_NO_RESET, "backup",
      "reset-before-copy", "jobs" },
    { ZONE_BREAKAGE_STREAM_NOT_FLUSHED, "stream",
      "data-not-flushed", "jobs" },
    { ZONE_BREAKAGE_RECORD_UNCHECKED, "record",
      "data-not-checked", "records" },
    { ZONE_BREAKAGE_RECORD_REUSED, "record",
      "reused-early", "records" },
    { ZONE_BREAKAGE_RECORD_NOT_SETTLED, "record",
      "data-changes", "records-discard" },
    { ZONE_BREAKAGE_RECORD_EARLY, "record",
      "before-what-it-follows", "records" },
    { ZONE_BREAKAGE_RECORD_TRUSTED, "record",
      "behind-one-that-does-not-count", "records" },
    { ZONE_BREAKAGE_RECORD_ENDED_FIRST, "record",
      "ring-emptied-before-words", "records" },
    { ZONE_BREAKAGE_RECORD_STAYS, "record",
      "ring-not-emptied", "records" },
    { ZONE_BREAKAGE_RECORD_OLD_SUMS, "record",
      "checksums-of-another-life", "records" },
    { ZONE_BREAKAGE_RECORD_MAPPING_LATE, "record",
      "mapping-still-dirty", "records" },
    { ZONE_BREAKAGE_RECORD_WORDS_FIRST, "record",
      "words-before-data", "records" },
    { ZONE_BREAKAGE_RECORD_NOT_COPIED, "record",
      "data-not-copied", "records" },
};

/* Of tests/crash/breakage.h */
ZoneBreakage zone_breakage_current;

static char *crash_find(const CrashBreakage *broken, uint64_t max_states,
                        CrashTally *tally)
{
    const CrashOptions options = {
        .seed = broken->seed ? broken->seed : 1,
        .max_states = max_states,
        .step = -1,
        .choices = 6,
        .stride = CRASH_BROKEN_STRIDE,
        .again = 8,
    };
    const CrashVariant *variant = crash_variant_find(broken->variant);

    if (broken->breakage == ZONE_BREAKAGE_SILENT_REPAIR) {
        return crash_try_damage(variant, options.seed, tally);
    }
    return crash_try_variant(variant, &options, tally);
}

static void crash_test_breakage(gconstpointer opaque)
{
    const CrashBreakage *broken = opaque;
    g_autofree char *fault = NULL;
    CrashTally tally = { };

    zone_breakage_current = broken->breakage;
    fault = crash_find(broken, CRASH_BROKEN_STATES, &tally);
    zone_breakage_current = ZONE_BREAKAGE_NONE;
    if (fault) {
        g_test_message("found after %" PRIu64 " states: %s", tally.states,
                       fault);
    } else {
        g_test_message("not found in %" PRIu64 " states", tally.states);
        g_test_fail();
    }
}

/* What finds the breakages finds nothing where there are none */
static void crash_test_unbroken(void)
{
    g_autofree char *fault = NULL;
    CrashTally tally = { };

    fault = crash_find(&breakages[0], 500, &tally);
    if (fault) {
        g_test_message("%s", fault);
        g_test_fail();
    }
}

int main(int argc, char **argv)
{
    unsigned i;

    QEMU_BUILD_BUG_ON(ARRAY_SIZE(breakages) != ZONE_BREAKAGE__MAX - 1);
    crash_init();
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/zone/broken/none", crash_test_unbroken);
    for (i = 0; i < ARRAY_SIZE(breakages); i++) {
        g_autofree char *path = g_strdup_printf("/zone/broken/%s/%s",
                                                breakages[i].contract,
                                                breakages[i].name);

        g_test_add_data_func(path, &breakages[i], crash_test_breakage);
    }
    return g_test_run();
}
