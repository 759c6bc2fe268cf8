/*
 * Zone table: what its source files share
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef BLOCK_ZONE_TABLE_INTERNAL_H
#define BLOCK_ZONE_TABLE_INTERNAL_H

#include "block/zone.h"

#define ZONE_NONE               UINT32_MAX
#define ZONE_BUCKETS            256
#define ZONE_GROUP_ZONES        1024

/* Fields of ZoneTable.live[] */
#define ZONE_LIVE_STATE_SHIFT   60
#define ZONE_LIVE_STATE_MASK    (UINT64_C(15) << ZONE_LIVE_STATE_SHIFT)
#define ZONE_LIVE_HELD          (UINT64_C(1) << 59)
#define ZONE_LIVE_ZRWA          (UINT64_C(1) << 58)
#define ZONE_LIVE_FAILED        (UINT64_C(1) << 57) /* has failed ranges */
#define ZONE_LIVE_UNSURE        (UINT64_C(1) << 56) /* has unsure ranges */
/* What is stored can be above the write pointer of words[] */
#define ZONE_LIVE_AHEAD         (ZONE_LIVE_ZRWA | ZONE_LIVE_FAILED)
#define ZONE_LIVE_RESERVED_MASK ZONE_WORD_WP_MASK
/* As in the word, but what the zone gets with its next Reset */
#define ZONE_LIVE_LESS_MASK     ZONE_WORD_LESS_MASK

/* A recommendation to finish, and a ZRWA, end with the active state */
#define ZONE_ATTR_OF_ACTIVE     (ZONE_ATTR_FZR | ZONE_ATTR_ZRWAV)

/* Zones in one state; the list of Implicitly Opened zones is in LRU order */
typedef struct ZoneList {
    uint32_t head;
    uint32_t tail;
} ZoneList;

/* What is in flight, in the order of its begin */
typedef struct ZoneQueue {
    ZoneWrite *first;
    ZoneWrite **tail;
} ZoneQueue;

/*
 * Where a write or append of a sequential zone has failed, with others behind
 * it, or between the reservation and what that was before it rolled back.  The
 * same for an unsure range, which has been written (see unsure.c).
 */
typedef struct ZoneFailed ZoneFailed;
struct ZoneFailed {
    ZoneFailed *next;
    uint64_t start_bytes;
    uint64_t end_bytes;
    uint32_t zone_idx;
    bool append;                /* nobody can make it again */
    bool retrying;              /* a write in flight makes it again */
};

/* Zones share them, by the last bits of their numbers */
typedef struct ZoneBucket {
    ZoneQueue writes;
    ZoneQueue discards;
    ZoneFailed *failed;         /* in the order of zones and positions */
    ZoneFailed *unsure;         /* in no order */
    uint64_t life_seq;          /* of what began earlier, none becomes unsure */
} ZoneBucket;

/* There are eight states, which differ in three bits */
#define ZONE_GROUP_STATE(state) ((state) & 7)

/* How many zones of a group are in each state, and what else is to be known */
typedef struct ZoneGroup {
    uint16_t by_state[8];       /* ZONE_GROUP_STATE() */
    uint16_t zrwa_by_state[ZONE_STATE_CLOSED + 1]; /* only active zones have */
    uint16_t nr_with_attributes;
    uint16_t nr_closed_half;    /* this and the next: see ZoneSummary */
    uint64_t closed_bytes;
} ZoneGroup;

struct ZoneTable {
    ZoneGeometry geometry;
    int zone_shift;             /* -1: zone_bytes is not a power of two */

    /* 24 bytes a zone; see zone_table_word() for what is stored of a word */
    uint64_t *words;
    uint64_t *live;
    uint32_t *prev;
    uint32_t *next;

    ZoneList lists[ZONE_STATE__MAX];
    ZoneCounts counts;
    uint32_t claimed_active;    /* for events to come; not in counts */
    uint32_t claimed_zrwa;
    ZoneGroup *groups;          /* of ZONE_GROUP_ZONES; the last has less */

    ZoneBucket buckets[ZONE_BUCKETS];
    uint64_t next_seq;
    uint64_t nr_ended;          /* well */
    /* writes in flight with passed_by set, in the order of that */
    ZoneWrite *passed;
    ZoneWrite **passed_tail;
};

static inline uint64_t zone_start(const ZoneTable *table, uint32_t zone_idx)
{
    return (uint64_t)zone_idx * table->geometry.zone_bytes;
}

/* Where the usable part of a zone ends: all of a conventional zone is usable */
static inline uint64_t zone_writable_end(const ZoneTable *table,
                                         uint32_t zone_idx)
{
    return zone_start(table, zone_idx) +
           (zone_idx < table->geometry.conventional_zones
            ? table->geometry.zone_bytes
            : zone_word_capacity_bytes(&table->geometry,
                                       table->words[zone_idx]));
}

/* The end of the zoned part of the device */
static inline uint64_t zones_end(const ZoneTable *table)
{
    return (uint64_t)table->geometry.nr_zones * table->geometry.zone_bytes;
}

static inline ZoneState zone_state(const ZoneTable *table, uint32_t zone_idx)
{
    return table->live[zone_idx] >> ZONE_LIVE_STATE_SHIFT;
}

static inline bool zone_has_zrwa(const ZoneTable *table, uint32_t zone_idx)
{
    return table->live[zone_idx] & ZONE_LIVE_ZRWA;
}

static inline bool zone_has_failed(const ZoneTable *table, uint32_t zone_idx)
{
    return table->live[zone_idx] & ZONE_LIVE_FAILED;
}

static inline bool zone_has_unsure(const ZoneTable *table, uint32_t zone_idx)
{
    return table->live[zone_idx] & ZONE_LIVE_UNSURE;
}

static inline bool zone_is_held(const ZoneTable *table, uint32_t zone_idx)
{
    return table->live[zone_idx] & ZONE_LIVE_HELD;
}

static inline uint64_t zone_wp(const ZoneTable *table, uint32_t zone_idx)
{
    return zone_word_wp_bytes(table->words[zone_idx]);
}

/*
 * Where the next sequential write goes; in a zone with a ZRWA, the end of the
 * highest write that has completed.
 */
static inline uint64_t zone_reserved(const ZoneTable *table, uint32_t zone_idx)
{
    return table->live[zone_idx] & ZONE_LIVE_RESERVED_MASK;
}

static inline void zone_set_reserved(ZoneTable *table, uint32_t zone_idx,
                                     uint64_t reserved_bytes)
{
    table->live[zone_idx] &= ~ZONE_LIVE_RESERVED_MASK;
    table->live[zone_idx] |= reserved_bytes;
}

/* Is what has been written to the zone part of the sums of its group? */
static inline bool zone_is_summed(const ZoneTable *table, uint32_t zone_idx)
{
    return zone_state(table, zone_idx) == ZONE_STATE_CLOSED &&
           !zone_has_zrwa(table, zone_idx);
}

/* Such a zone comes to the sums (sign 1), or goes (sign -1) */
void zone_sum(ZoneTable *table, uint32_t zone_idx, int sign);

/* Only while the stored state stays as it is */
static inline void zone_set_wp(ZoneTable *table, uint32_t zone_idx,
                               uint64_t wp_bytes)
{
    bool summed = zone_is_summed(table, zone_idx);

    if (summed) {
        zone_sum(table, zone_idx, -1);
    }
    table->words[zone_idx] &= ~ZONE_WORD_WP_MASK;
    table->words[zone_idx] |= wp_bytes;
    if (summed) {
        zone_sum(table, zone_idx, 1);
    }
}

static inline const ZoneBucket *zone_bucket(const ZoneTable *table,
                                            uint32_t zone_idx)
{
    return &table->buckets[zone_idx % ZONE_BUCKETS];
}

/* The first of a zone from write on */
static inline ZoneWrite *zone_write_of(ZoneWrite *write, uint32_t zone_idx)
{
    while (write && write->zone_idx != zone_idx) {
        write = write->next;
    }
    return write;
}

/* The next write in flight in a zone; NULL starts */
static inline ZoneWrite *zone_next_write(const ZoneTable *table,
                                         uint32_t zone_idx,
                                         const ZoneWrite *write)
{
    return zone_write_of(write ? write->next :
                         zone_bucket(table, zone_idx)->writes.first, zone_idx);
}

/* Makes again what has failed, below what was begun since, or what is unsure */
static inline bool zone_write_is_retry(const ZoneTable *table,
                                       const ZoneWrite *write)
{
    return write->unwritten_bytes == UINT64_MAX &&
           !zone_has_zrwa(table, write->zone_idx);
}

/* Half of the capacity, or more */
static inline bool zone_is_half_written(const ZoneTable *table,
                                        uint32_t zone_idx)
{
    uint64_t wp_bytes = zone_wp(table, zone_idx);

    return wp_bytes - zone_start(table, zone_idx) >=
           zone_writable_end(table, zone_idx) - wp_bytes;
}

/* What zone_transition() looks up: every write does, more than once */
extern const ZoneTransition zone_transitions[ZONE_STATE__MAX][ZONE_EVENT__MAX];

/*
 * The one place where states, ZRWAs and counters change, and lists with them
 */
void zone_set_state(ZoneTable *table, uint32_t zone_idx, ZoneState next,
                    bool zrwa);
/* Another word, with what counts attributes */
void zone_set_word(ZoneTable *table, uint32_t zone_idx, uint64_t word);
/* query.c: one zone more in a summary */
void zone_summary_add(const ZoneTable *table, uint32_t zone_idx,
                      ZoneSummary *summary);
/* A zone that stays Implicitly Opened becomes the one most recently used */
void zone_touch(ZoneTable *table, uint32_t zone_idx);
/*
 * What to store for a zone that is, or is to be, active and has that word.  The
 * stored write pointer can be above that of the word, and the attributes are
 * those that a power cycle leaves.
 */
uint64_t zone_word_of_active(const ZoneTable *table, uint32_t zone_idx,
                             uint64_t word);

/*
 * The write pointer to store: up to there all has been written by completed
 * writes, failed ranges apart.  With a ZRWA or failed ranges that can be above
 * the write pointer, never below.
 */
uint64_t zone_stored_wp(const ZoneTable *table, uint32_t zone_idx);

/* write.c: the end of what no write in flight is the first to cover */
uint64_t zone_frontier(const ZoneTable *table, uint32_t zone_idx);

/* zrwa.c: zones with a ZRWA; the write has been linked, or unlinked again */
void zone_zrwa_begin(ZoneTable *table, ZoneWrite *write);
void zone_zrwa_end(ZoneTable *table, const ZoneWrite *write, bool success);
/* Are zeros being written to a part of the range, where a write has failed? */
bool zone_zrwa_is_zeroing(const ZoneTable *table, uint32_t zone_idx,
                          uint64_t start_bytes, uint64_t end_bytes);

/* failed.c: zones without a ZRWA */

/* The next failed range of a zone, in the order of positions; NULL starts */
ZoneFailed *zone_next_failed(const ZoneTable *table, uint32_t zone_idx,
                             const ZoneFailed *failed);
/* Could a write of that range, not at the reservation, be made again now? */
bool zone_failed_may_retry(const ZoneTable *table, uint32_t zone_idx,
                           uint64_t start_bytes, uint64_t end_bytes);
/* Of a zone with failed ranges: before the reservation follows */
void zone_failed_begin(ZoneTable *table, ZoneWrite *write);
/* After a failure, or in a zone with failed ranges: the write is unlinked */
void zone_failed_end(ZoneTable *table, const ZoneWrite *write, bool success);
/*
 * From pos_bytes down over the failed ranges that end there, those that are
 * being made again included or not
 */
uint64_t zone_failed_cut(const ZoneTable *table, uint32_t zone_idx,
                         uint64_t pos_bytes, bool retrying);
/* Where the lowest one is that the reported write pointer waits for */
uint64_t zone_failed_lowest(const ZoneTable *table, uint32_t zone_idx);
void zone_failed_forget(ZoneTable *table, uint32_t zone_idx,
                        uint64_t from_bytes);

/* unsure.c: zones without a ZRWA */

/* The unsure range of exactly these bytes, or NULL */
ZoneFailed *zone_unsure_find(const ZoneTable *table, uint32_t zone_idx,
                             uint64_t start_bytes, uint64_t end_bytes);
/* Of a zone with unsure ranges; both do nothing and say so if it is of none */
bool zone_unsure_begin(ZoneTable *table, ZoneWrite *write);
bool zone_unsure_end(ZoneTable *table, const ZoneWrite *write, bool success);
/* Nor is what has begun until now remembered when its flush fails later */
void zone_unsure_forget(ZoneTable *table, uint32_t zone_idx);

/*
 * Could this happen in the zone now, leaving holds aside?  When another zone
 * has to be closed to make room, *victim is its number, else ZONE_NONE.
 */
ZoneStatus zone_table_admit(const ZoneTable *table, uint32_t zone_idx,
                            ZoneEvent event, uint32_t *victim);

/* Carries out what zone_table_admit() has let pass */
void zone_table_apply(ZoneTable *table, uint32_t zone_idx, ZoneEvent event,
                      uint32_t victim);

/* After a zone's write pointer has moved: Full when it is at the capacity */
void zone_table_check_filled(ZoneTable *table, uint32_t zone_idx);

/* Debug builds recount everything after every change: slow */
#ifdef CONFIG_DEBUG_GRAPH_LOCK
#define ZONE_TABLE_DEBUG 1
#else
#define ZONE_TABLE_DEBUG 0
#endif

static inline void zone_table_debug_verify(const ZoneTable *table)
{
    if (ZONE_TABLE_DEBUG) {
        zone_table_verify(table);
    }
}

#endif /* BLOCK_ZONE_TABLE_INTERNAL_H */
