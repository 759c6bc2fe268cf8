/*
 * Reference model of a zoned device: slow, and as plain as can be
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Written from the words of the Zoned Namespace Command Set Specification and
 * of block/zone.h, to be compared with the zone table.  It keeps the status of
 * every single block of every zone and derives the rest from that whenever
 * somebody asks.  It shares no code and no table with block/zone.
 */

#ifndef TESTS_UNIT_ZONE_REFERENCE_H
#define TESTS_UNIT_ZONE_REFERENCE_H

#include "block/zone.h"

#define REF_MAX_WRITES   16
#define REF_MAX_DISCARDS 3

typedef enum RefBlock {
    REF_BLANK,      /* never written in this life of the zone */
    REF_FLYING,     /* reserved, in flight for the first time */
    REF_WRITTEN,    /* or forgotten to have failed */
    REF_FAILED,     /* a write failed here: may be made again, may be so now */
    REF_LOST,       /* an append failed here: never made again */
} RefBlock;

typedef struct RefZone {
    ZoneState state;
    bool zfc, fzr, rzr, zdev;
    uint8_t fzr_limit, rzr_limit;   /* mean nothing without the attribute */
    uint64_t capacity;      /* blocks */
    uint64_t next_capacity; /* from the next Reset on */
    bool zrwa;
    bool held;
    bool stored_full;       /* the stored state says Full, whatever the wp */
    uint64_t zrwa_wp;       /* blocks; with a ZRWA only */
    uint64_t last_used;     /* for auto-close */
    uint8_t *blocks;        /* RefBlock of each; all of the zone's length */
    /*
     * Of each block: how many a failed write has that starts there, be it
     * below the reservation or beyond; 0: none does
     */
    uint8_t *failed;
    uint8_t *unsure;        /* the same for what is written, but unsure */
    uint64_t life_seq;      /* of the first write in its present life */
} RefZone;

typedef struct RefWrite {
    bool in_use;
    bool tracked;
    bool zrwa;              /* began in a zone with a ZRWA */
    bool append;
    bool retry;             /* of blocks that were REF_FAILED, or unsure */
    uint64_t passed_by;     /* as in ZoneWrite */
    uint32_t zone_idx;
    uint64_t start;         /* blocks from the start of the zone */
    uint64_t end;
    uint64_t top;           /* of the zone when it began */
    uint64_t seq;
} RefWrite;

typedef struct RefTable {
    ZoneGeometry g;
    uint64_t block_bytes;
    uint64_t zone_blocks;
    uint64_t capacity_blocks;
    RefZone *zones;
    RefWrite writes[REF_MAX_WRITES];
    RefWrite discards[REF_MAX_DISCARDS];
    uint64_t seq;
    uint64_t nr_ended;      /* well */
    uint64_t clock;
} RefTable;

RefTable *ref_new(const ZoneGeometry *geometry, uint64_t block_bytes);
void ref_free(RefTable *ref);

ZoneStatus ref_write_status(const RefTable *ref, uint64_t offset_bytes,
                            uint64_t bytes);
/* slot: which of ref->writes to use */
ZoneStatus ref_write_begin(RefTable *ref, int slot, uint64_t offset_bytes,
                           uint64_t bytes);
ZoneStatus ref_append_begin(RefTable *ref, int slot, uint64_t start_bytes,
                            uint64_t bytes);
void ref_write_end(RefTable *ref, int slot, bool success);
/* A copy of one that has ended well; false: not remembered */
bool ref_write_unsure(RefTable *ref, const RefWrite *write);
/* Writes that could be made again now: 0 <= nth < the return value */
int ref_nth_failed(const RefTable *ref, uint32_t zone_idx, int nth,
                   uint64_t *offset_bytes, uint64_t *bytes);

ZoneStatus ref_discard_begin(RefTable *ref, int slot, uint64_t offset_bytes);
void ref_discard_end(RefTable *ref, int slot);

ZoneStatus ref_event_status(const RefTable *ref, uint32_t zone_idx,
                            ZoneEvent event);
ZoneStatus ref_event(RefTable *ref, uint32_t zone_idx, ZoneEvent event);
ZoneStatus ref_open_all(RefTable *ref);
ZoneStatus ref_zrwa_flush(RefTable *ref, uint64_t end_bytes);

/* Power fails with writes in flight: they are gone, as if never begun */
void ref_crash(RefTable *ref);
bool ref_word_valid(const RefTable *ref, uint32_t zone_idx, uint64_t word);
void ref_load_word(RefTable *ref, uint32_t zone_idx, uint64_t word);

bool ref_in_flight(const RefTable *ref, uint32_t zone_idx);
uint64_t ref_wp_bytes(const RefTable *ref, uint32_t zone_idx);
uint64_t ref_reserved_bytes(const RefTable *ref, uint32_t zone_idx);
/* Which time limits come with what is recommended */
uint8_t ref_limits(const RefTable *ref, uint32_t zone_idx);
uint8_t ref_attributes(const RefTable *ref, uint32_t zone_idx);
uint64_t ref_word(const RefTable *ref, uint32_t zone_idx);
ZoneCounts ref_counts(const RefTable *ref);
bool ref_is_data(const RefTable *ref, uint64_t offset_bytes);
uint64_t ref_gap_bytes(const RefTable *ref, int slot);
bool ref_passed_by(const RefTable *ref, uint64_t nr_ended);

#endif /* TESTS_UNIT_ZONE_REFERENCE_H */
