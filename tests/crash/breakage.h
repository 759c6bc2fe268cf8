/*
 * Deliberate breakages of the contracts, for the test that must find them
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * breakages.patch puts them into copies of files of block/zone, which are built
 * for zone-crash-broken alone, with this file in front of each.
 */

#ifndef TESTS_CRASH_BREAKAGE_H
#define TESTS_CRASH_BREAKAGE_H

#include <stdbool.h>

typedef enum ZoneBreakage {
    ZONE_BREAKAGE_NONE,
    /* C1: a flush leaves out what completed above a write in flight */
    ZONE_BREAKAGE_NO_SETTLE,
    /* C1: the copy of the words on disk is Empty words after opening */
    ZONE_BREAKAGE_DURABLE_FORGOTTEN,
    /* C1: other writes go on behind one while zeros are written there */
    ZONE_BREAKAGE_PREPARE_NOT_HELD,
    /* C1: a hold does not wait for discards in flight */
    ZONE_BREAKAGE_DISCARD_NOT_TRACKED,
    /* C1: what is stored waits for failed writes, as what is reported does */
    ZONE_BREAKAGE_STORED_WAITS,
    /* C4: words are written and not flushed */
    ZONE_BREAKAGE_WORDS_NOT_DURABLE,
    /* C2: words are written before their data is flushed */
    ZONE_BREAKAGE_NO_DATA_FLUSH,
    /* C2: the write pointer is the highest end of a completed write */
    ZONE_BREAKAGE_HIGHEST_END,
    /* C2: a sector takes its neighbours' words from the table */
    ZONE_BREAKAGE_NEIGHBOURS,
    /* C2: what writes in a ZRWA are the first to cover counts as written */
    ZONE_BREAKAGE_ZRWA_IN_FLIGHT,
    /* C2: a gap below a write in a ZRWA is not zeroed */
    ZONE_BREAKAGE_ZRWA_GAP,
    /* C2: a failed write counts as written */
    ZONE_BREAKAGE_FAILED_FORGOTTEN,
    /* C2: a failed write that is made again counts as written, if it fails */
    ZONE_BREAKAGE_RETRY_COUNTS,
    /* C2: what is stored ends behind failed writes below one in flight */
    ZONE_BREAKAGE_STORED_STAYS,
    /* C2: the reservation stays where it is when all at its end has failed */
    ZONE_BREAKAGE_NO_ROLL_BACK,
    /* C3: reads are not cut at the write pointer */
    ZONE_BREAKAGE_NO_CLAMP,
    /* C3: what is above a write pointer stays in a raw data file */
    ZONE_BREAKAGE_RAW_NOT_CLEANED,
    /* C4: Reset leaves its word to the next commit */
    ZONE_BREAKAGE_RESET_NOT_DURABLE,
    /* C4: the word with ZDEV is written before the slot */
    ZONE_BREAKAGE_ZDE_WORD_FIRST,
    /* C4: Read Only and Offline leave their words to the next commit */
    ZONE_BREAKAGE_FAULT_NOT_DURABLE,
    /* C4: attributes leave their word to the next commit */
    ZONE_BREAKAGE_ATTRIBUTES_NOT_DURABLE,
    /* C4: the word of a Read Only zone is written before its data is flushed */
    ZONE_BREAKAGE_READ_ONLY_NO_FLUSH,
    /* C5: inactivation commits nothing */
    ZONE_BREAKAGE_NO_COMMIT_AT_EXIT,
    /* C6: zones that were written to are open after opening the image */
    ZONE_BREAKAGE_LOAD_OPEN,
    /* C6: zones become active on disk before others have made room */
    ZONE_BREAKAGE_NO_ROOM,
    /* C7: sectors that could not be written are not tried again */
    ZONE_BREAKAGE_NO_REDIRTY,
    /* C8: clusters are mapped ahead behind the end of the file */
    ZONE_BREAKAGE_MAP_BEHIND_END,
    /* C8: damaged words are taken for those of Empty zones at open */
    ZONE_BREAKAGE_SILENT_REPAIR,
    /* C2: nothing is written where a write has failed */
    ZONE_BREAKAGE_FAILED_NOT_ZEROED,
    /* C1: ... or zeros are, over what others have written there meanwhile */
    ZONE_BREAKAGE_ZEROS_OVER_OTHERS,
    /* Snapshots: one has the words of the last commit */
    ZONE_BREAKAGE_SNAPSHOT_NO_COMMIT,
    /* ... the table leads to one whose region is not durable */
    ZONE_BREAKAGE_SNAPSHOT_TABLE_FIRST,
    /* ... the region of one is freed before the table without it is written */
    ZONE_BREAKAGE_SNAPSHOT_FREED_FIRST,
    /* ... Reset makes holes in clusters of theirs */
    ZONE_BREAKAGE_SHARED_PUNCHED,
    /* ... gone to, tables that are theirs as well are changed in place */
    ZONE_BREAKAGE_SNAPSHOT_COPIED,
    /* ... region and L1 table change one after the other */
    ZONE_BREAKAGE_GOTO_TWO_STEPS,
    /* ... the new region is used before its words are flushed */
    ZONE_BREAKAGE_GOTO_REGION_LATE,
    /* ... it has no extensions */
    ZONE_BREAKAGE_GOTO_NO_EXTENSIONS,
    /* ... the old one is freed before nothing leads there */
    ZONE_BREAKAGE_GOTO_FREES_FIRST,
    /* Overlays: one takes over the words of the last commit */
    ZONE_BREAKAGE_HANDOVER_NO_COMMIT,
    /* ... its words are not flushed */
    ZONE_BREAKAGE_HANDOVER_NOT_FLUSHED,
    /* ... extensions are left behind */
    ZONE_BREAKAGE_HANDOVER_NO_EXTENSIONS,
    /* ... a hole shows what an earlier life has in the backing file */
    ZONE_BREAKAGE_LIFE_SHOWS_BACKING,
    /* ... what is copied on read is mapped before its data is durable */
    ZONE_BREAKAGE_COPIED_WHOLE,
    /* Commit: the base does not say that it is not finished */
    ZONE_BREAKAGE_COMMIT_NOT_MARKED,
    /* ... it loses its words at the beginning */
    ZONE_BREAKAGE_COMMIT_EMPTIES_BASE,
    /* ... the overlay gives up its data before the base has the words */
    ZONE_BREAKAGE_COMMIT_DROPS_FIRST,
    /* ... or makes holes where its L2 tables still lead to */
    ZONE_BREAKAGE_COMMIT_HOLES_FIRST,
    /* Adopted: words come before the data */
    ZONE_BREAKAGE_ADOPT_NO_DATA,
    /* ... the mark goes before the words are durable */
    ZONE_BREAKAGE_ADOPT_MARK_FIRST,
    /* Resize: the header leads to a region that is not durable */
    ZONE_BREAKAGE_RESIZE_REGION_LATE,
    /* ... the old region is freed before nothing leads there */
    ZONE_BREAKAGE_RESIZE_FREES_FIRST,
    /* ... length and zones change one after the other */
    ZONE_BREAKAGE_RESIZE_TWO_STEPS,
    /* Amend: the limits are not flushed */
    ZONE_BREAKAGE_AMEND_NOT_FLUSHED,
    /* What is discarded is used again while tables on disk lead there */
    ZONE_BREAKAGE_DISCARDED_REUSED,
    /* Jobs: the target of a mirror does not say that it is not finished */
    ZONE_BREAKAGE_MIRROR_NOT_MARKED,
    /* ... it gets the words of the beginning */
    ZONE_BREAKAGE_MIRROR_WORDS_EARLY,
    /* ... appends are not marked */
    ZONE_BREAKAGE_MIRROR_NO_APPEND,
    /* ... it gets zeros in zones that a Select All passes by */
    ZONE_BREAKAGE_MIRROR_SELECTS_ALL,
    /* ... what is in memory only stays with the source */
    ZONE_BREAKAGE_PIVOT_LEAVES_ZONES,
    /* ... a backup gets the words of the end */
    ZONE_BREAKAGE_BACKUP_WORDS_LATE,
    /* ... what a Reset takes is not copied before */
    ZONE_BREAKAGE_BACKUP_NO_RESET,
    /* ... what a stream has copied is not flushed before the header */
    ZONE_BREAKAGE_STREAM_NOT_FLUSHED,
    /* Records: nobody looks whether the data of the newest is there */
    ZONE_BREAKAGE_RECORD_UNCHECKED,
    /* ... none needs those before, whose words are not in their places */
    ZONE_BREAKAGE_RECORD_REUSED,
    /* ... data of the newest one changes */
    ZONE_BREAKAGE_RECORD_NOT_SETTLED,
    /* ... one is written before what it follows is durable */
    ZONE_BREAKAGE_RECORD_EARLY,
    /* ... others follow one that an interrupted epoch has left */
    ZONE_BREAKAGE_RECORD_TRUSTED,
    /* ... the ring is emptied before their words are durable in their places */
    ZONE_BREAKAGE_RECORD_ENDED_FIRST,
    /* ... it is not emptied when words are stored in their places */
    ZONE_BREAKAGE_RECORD_STAYS,
    /* ... one has checksums of an earlier life */
    ZONE_BREAKAGE_RECORD_OLD_SUMS,
    /* ... a flush is taken for its own before the mapping is written */
    ZONE_BREAKAGE_RECORD_MAPPING_LATE,
    /* ... words are in their places before its data is durable */
    ZONE_BREAKAGE_RECORD_WORDS_FIRST,
    /* ... checksums are of what the host has when its write has ended */
    ZONE_BREAKAGE_RECORD_NOT_COPIED,
    ZONE_BREAKAGE__MAX,
} ZoneBreakage;

/* Set by the test */
extern ZoneBreakage zone_breakage_current;

static inline bool zone_breakage(ZoneBreakage breakage)
{
    return breakage == zone_breakage_current;
}

#endif /* TESTS_CRASH_BREAKAGE_H */
