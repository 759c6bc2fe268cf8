/*
 * Zone table: the state machine of a zoned device, in memory
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * No I/O, no locks, no coroutines: the caller serialises every call on one
 * table (block/zone/gate/io.c does so with a mutex).  All positions and lengths
 * are in bytes.  "Section N" names the NVMe Zoned Namespace Command Set
 * Specification 1.1.
 */

#ifndef BLOCK_ZONE_H
#define BLOCK_ZONE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "block/zone-word.h"

typedef struct ZoneTable ZoneTable;

/* Zone states; the values are those of NVMe's Zone State field */
typedef enum ZoneState {
    ZONE_STATE_CONVENTIONAL      = 0x0, /* no write pointer: virtio-blk only */
    ZONE_STATE_EMPTY             = 0x1,
    ZONE_STATE_IMPLICITLY_OPENED = 0x2,
    ZONE_STATE_EXPLICITLY_OPENED = 0x3,
    ZONE_STATE_CLOSED            = 0x4,
    ZONE_STATE_READ_ONLY         = 0xd,
    ZONE_STATE_FULL              = 0xe,
    ZONE_STATE_OFFLINE           = 0xf,
} ZoneState;

#define ZONE_STATE__MAX 16

/* Why a request was refused.  zone_status_errno() maps to errno and back. */
typedef enum ZoneStatus {
    ZONE_OK = 0,
    ZONE_ERR_NOT_AT_WP,          /* Zone Invalid Write */
    ZONE_ERR_BOUNDARY,           /* Zone Boundary Error */
    ZONE_ERR_FULL,               /* Zone Is Full */
    ZONE_ERR_READ_ONLY,          /* Zone Is Read Only */
    ZONE_ERR_OFFLINE,            /* Zone Is Offline */
    ZONE_ERR_TOO_MANY_OPEN,      /* Too Many Open Zones */
    ZONE_ERR_TOO_MANY_ACTIVE,    /* Too Many Active Zones */
    ZONE_ERR_INVALID_TRANSITION, /* Invalid Zone State Transition */
    /* Invalid Zone Operation: ZRWA absent or forbidden here */
    ZONE_ERR_NO_ZRWA,
    ZONE_ERR_ZRWA_EXHAUSTED,     /* Not enough ZRWA resources */
    /* not the start of a zone, or not a multiple of the granularity */
    ZONE_ERR_UNALIGNED,
    ZONE_ERR_APPEND_LIMIT,       /* append longer than the image allows */
    ZONE_ERR_CONVENTIONAL,       /* not for conventional zones */
    ZONE_ERR_NO_ZDE,             /* no zone descriptor extensions here */
    ZONE_STATUS__MAX,
    /* These never leave block/zone: wait */
    ZONE_BUSY = ZONE_STATUS__MAX, /* the zone is held */
    /* so is what would have to be closed for it, or to be opened with it */
    ZONE_BUSY_OTHERS,
    ZONE_BUSY_RANGE,             /* a write in flight keeps its range (ZRWA) */
    ZONE_BUSY__MAX,
} ZoneStatus;

static inline bool zone_status_is_busy(ZoneStatus status)
{
    return status >= ZONE_BUSY;
}

/* Negative errno for a refusal, 0 for ZONE_OK; ZONE_BUSY* are not allowed. */
int zone_status_errno(ZoneStatus status);

/*
 * The refusal that a negative errno stands for; ZONE_OK for every value that
 * no refusal maps to (ordinary I/O errors, and 0).
 */
ZoneStatus zone_status_from_errno(int ret);

/* "zone is full" and the like, for traces and error messages */
const char *zone_status_str(ZoneStatus status);
/* "Empty", "Implicitly Opened", ...: the words of the standard */
const char *zone_state_str(ZoneState state);
/* Has a zone in this state a write pointer that means something? */
bool zone_state_has_wp(ZoneState state);

/* Does a zone in this state take an open, an active resource? */
static inline bool zone_state_is_open(ZoneState state)
{
    return state == ZONE_STATE_IMPLICITLY_OPENED ||
           state == ZONE_STATE_EXPLICITLY_OPENED;
}

static inline bool zone_state_is_active(ZoneState state)
{
    return zone_state_is_open(state) || state == ZONE_STATE_CLOSED;
}

#define ZONE_MAX_BYTES          (UINT64_C(1) << 40) /* 1 TiB a zone */
#define ZONE_MAX_ZONES          (UINT32_C(1) << 24)
#define ZONE_MIN_ZRWA_BYTES     512
#define ZONE_ZDE_UNIT_BYTES     64
#define ZONE_MAX_ZDE_BYTES      16320

/*
 * What a drive is.  Limits: 0 = no limit.
 * The zoned part of the device is [0, nr_zones * zone_bytes).
 */
typedef struct ZoneGeometry {
    uint64_t zone_bytes;        /* 1 .. ZONE_MAX_BYTES, any multiple of 512 */
    uint64_t capacity_bytes;    /* 1 .. zone_bytes */
    uint32_t nr_zones;          /* of images and drives <= ZONE_MAX_ZONES */
    uint32_t conventional_zones; /* the first ones; <= nr_zones */
    uint32_t max_open_zones;    /* <= max_active_zones unless that is 0 */
    uint32_t max_active_zones;
    uint32_t max_append_bytes;
    /*
     * per zone; multiple of ZONE_ZDE_UNIT_BYTES up to ZONE_MAX_ZDE_BYTES; 0 =
     * none
     */
    uint32_t zd_extension_bytes;
    /*
     * an Implicitly Opened zone may be closed to make room (section 2.1.1.4.1)
     */
    bool auto_close;
    /* Zone Random Write Area (section 5.7); zrwa_bytes 0 = not supported */
    uint64_t zrwa_bytes;        /* multiple of zrwa_granularity_bytes */
    uint64_t zrwa_granularity_bytes;
    uint32_t max_zrwa_zones;    /* allocated at the same time; 0 = no limit */
    /*
     * What a zone's capacity can be less by, up to ZONE_CAPACITY_STEPS - 1
     * times; 0 = all zones have the same capacity, and words have no details
     */
    uint64_t capacity_step_bytes;
} ZoneGeometry;

/* The step to use for a capacity: a multiple of 4096, of most block sizes */
uint64_t zone_capacity_step(uint64_t capacity_bytes);
/* What a word says of a capacity that zone_table_set_next_capacity() takes */
static inline uint64_t zone_word_of_capacity(const ZoneGeometry *geometry,
                                             uint64_t capacity_bytes)
{
    return capacity_bytes == geometry->capacity_bytes
           ? 0 : (geometry->capacity_bytes - capacity_bytes) /
                 geometry->capacity_step_bytes << ZONE_WORD_LESS_SHIFT;
}

/* What a sequential zone with that word can hold; the word has been checked */
static inline uint64_t zone_word_capacity_bytes(const ZoneGeometry *geometry,
                                                uint64_t word)
{
    return geometry->capacity_bytes -
           zone_word_less(word) * geometry->capacity_step_bytes;
}

/* A copy of what the table knows of one zone */
typedef struct ZoneInfo {
    uint64_t start_bytes;
    uint64_t length_bytes;
    uint64_t capacity_bytes;
    /* see zone_state_has_wp(); waits for failed writes to be made again */
    uint64_t wp_bytes;
    uint64_t reserved_bytes;    /* where the next write or append would go */
    ZoneState state;
    uint8_t attributes;         /* ZONE_ATTR_*, ZRWAV included */
    uint8_t limits;             /* ZONE_LIMITS_OF_* */
    uint32_t zone_idx;
} ZoneInfo;

typedef struct ZoneCounts {
    uint32_t open;              /* Implicitly plus Explicitly Opened */
    uint32_t active;            /* open plus Closed */
    uint32_t zrwa;              /* allocated ZRWAs */
    uint32_t by_state[ZONE_STATE__MAX];
} ZoneCounts;

/* What the zones of a range are, all of them together */
typedef struct ZoneSummary {
    uint32_t by_state[ZONE_STATE__MAX];
    uint32_t zrwa_by_state[ZONE_STATE__MAX]; /* of these, with a ZRWA */
    /* Of Closed zones without a ZRWA: half of the capacity written or more */
    uint32_t nr_closed_half;
    uint64_t closed_bytes;      /* of the same: written in all of them */
} ZoneSummary;

/* All zones Empty (conventional ones first); geometry is copied */
ZoneTable *zone_table_new(const ZoneGeometry *geometry);
/* All zones as their words say, each of which has passed zone_word_check() */
ZoneTable *zone_table_new_from_words(const ZoneGeometry *geometry,
                                     const uint64_t *words);
void zone_table_free(ZoneTable *table);
const ZoneGeometry *zone_table_geometry(const ZoneTable *table);

/*
 * The drive has nr_zones from now on: Empty ones come at the end, or go there.
 * Those that go have to be Empty, with nothing in flight and no hold: assert.
 * All others stay what they are, open ones as well.
 */
void zone_table_resize(ZoneTable *table, uint32_t nr_zones);

/*
 * Checks one word against the geometry without changing the table.  Returns
 * NULL when it is valid for zone_idx, else a static phrase that says what is
 * wrong with it ("write pointer below the start of the zone" ...).
 */
const char *zone_word_check(const ZoneGeometry *geometry, uint32_t zone_idx,
                            uint64_t word);

/*
 * The state that a stored, checked word stands for after a power cycle; of
 * these, Closed alone is active.
 */
ZoneState zone_stored_state(const ZoneGeometry *geometry, uint32_t zone_idx,
                            uint64_t word);
/* How many of nr_zones stored, checked words are active */
uint32_t zone_words_count_active(const ZoneGeometry *geometry,
                                 const uint64_t *words);

/*
 * Puts a stored, checked word into a table: the state after a power cycle
 * (section 2.1.1.3: Empty, Closed, Full, Read Only, Offline).  Does not check
 * the limits: compare zone_table_counts() when all words are in.
 */
void zone_table_load_word(ZoneTable *table, uint32_t zone_idx, uint64_t word);

/*
 * The word to store for a zone now: the frontier, never the reservation; open
 * states become what a power cycle makes of them; ZRWAV is masked out, and FZR
 * where an active zone becomes Empty or Full.  What has been written in a ZRWA
 * counts as committed: a power cycle does that.  It passes failed ranges with
 * something written above them, which a power cycle forgets, and ends behind a
 * byte that has been written.
 */
uint64_t zone_table_word(const ZoneTable *table, uint32_t zone_idx);

/* The word of a zone in state Empty (or a conventional zone) */
uint64_t zone_empty_word(const ZoneGeometry *geometry, uint32_t zone_idx);

void zone_table_info(const ZoneTable *table, uint32_t zone_idx, ZoneInfo *info);
/* The same as ZONE_ATTR_ZRWAV there, for those who need no more */
bool zone_table_has_zrwa(const ZoneTable *table, uint32_t zone_idx);
ZoneCounts zone_table_counts(const ZoneTable *table);

/* Zone that holds a byte; offset_bytes below the zoned part's end */
uint32_t zone_table_idx(const ZoneTable *table, uint64_t offset_bytes);

/*
 * Iterates the zones in one state, without order, in time proportional to
 * their number.  zone_idx -1 starts; returns the next index or -1.  The zone
 * last returned may change state before the next call only if the next one was
 * fetched first.
 */
int64_t zone_table_next_in_state(const ZoneTable *table, ZoneState state,
                                 int64_t zone_idx);

/* In place of a state: zones with one of ZONE_ATTR_REPORTED */
#define ZONE_WITH_ATTRIBUTES ZONE_STATE__MAX

/*
 * The first zone in a state, from zone_idx on, or nr_zones; how many there are
 * from there on.  Looks at groups of zones where it can, so that neither a
 * report of all zones in pieces nor one of few among millions takes long.
 */
uint32_t zone_table_find(const ZoneTable *table, ZoneState state,
                         uint32_t zone_idx);
/* The first zone in one of some states, from zone_idx on, or end_idx */
#define ZONE_STATE_BIT(state) (UINT32_C(1) << (state))
uint32_t zone_table_find_among(const ZoneTable *table, uint32_t states,
                               uint32_t zone_idx, uint32_t end_idx);
uint32_t zone_table_count_from(const ZoneTable *table, ZoneState state,
                               uint32_t zone_idx);

/*
 * Of nr_zones zones from zone_idx on; those beyond the end of the drive count
 * for nothing.  Looks at groups, too: at some 2000 zones at most.
 */
void zone_table_summarize(const ZoneTable *table, uint32_t zone_idx,
                          uint32_t nr_zones, ZoneSummary *summary);

/*
 * One write, append or discard in flight.  The caller owns the memory (a
 * coroutine's stack); the table links it from begin to end.
 */
typedef struct ZoneWrite ZoneWrite;
struct ZoneWrite {
    ZoneWrite *next;
    ZoneWrite **pprev;
    uint64_t start_bytes;
    uint64_t end_bytes;
    uint64_t seq;               /* grows with every begin on the table */
    uint32_t zone_idx;
    /*
     * what it covers or zeroes from here on had not been written when it began.
     * With a ZRWA, UINT64_MAX when all of it had. Without: start_bytes;
     * UINT64_MAX when it makes a failed or unsure write again (a retry), below
     * what others have written or are writing, or where it has been written
     */
    uint64_t unwritten_bytes;
    /*
     * By which one that has ended well, of all on the table, it was passed:
     * by one above; 0: by none.  Those that were passed are linked.
     */
    uint64_t passed_by;
    ZoneWrite *next_passed;
    ZoneWrite **pprev_passed;
    bool overwritten;           /* another to part of its range has (ZRWA) */
    /*
     * it has failed, and zeros are written there: who comes to its range waits
     * (ZRWA)
     */
    bool zeroing;
    /*
     * set by the caller when it has begun: who comes to its range waits (ZRWA)
     */
    bool exclusive;
    bool append;
    /*
     * the stored word, by its begin (FZR of what was Empty): the zone is dirty
     */
    bool changed;
    bool tracked;               /* false: conventional zone, nothing to track */
};

/*
 * Starts a write at offset_bytes: checks in the order boundary of the zone
 * range, state, write pointer, capacity boundary, resources; opens the zone
 * implicitly (auto-closing another one if needed and allowed); reserves.  A
 * write may not cross into another zone (ZONE_ERR_BOUNDARY), unless all are
 * conventional.  A zone that a management action holds gives ZONE_BUSY and
 * changes nothing (of conventional ones the first is asked: a hold says nothing
 * of writes there).  Nor does one that cannot be opened because all zones that
 * could be closed for it are held: ZONE_BUSY_OTHERS.  bytes > 0.  Zones with a
 * ZRWA accept [wp, wp + 2 * zrwa_bytes).
 *
 * Other zones accept a write at the reservation; and one of exactly the range
 * of a write that has failed (a failed range), in any order.  Below the
 * reservation such a retry has no effect on it.  Beyond, where failures have
 * rolled it back, it becomes the end of the write; failed ranges that it skips
 * can still be made again.  Those beyond are forgotten when something else is
 * begun at the reservation.  See also zone_table_write_unsure().
 */
ZoneStatus zone_table_write_begin(ZoneTable *table, ZoneWrite *write,
                                  uint64_t offset_bytes, uint64_t bytes);

/*
 * The same for an append to the zone that starts at zone_start_bytes: the
 * position is assigned (write->start_bytes).
 */
ZoneStatus zone_table_append_begin(ZoneTable *table, ZoneWrite *write,
                                   uint64_t zone_start_bytes, uint64_t bytes);

/*
 * Ends a write.  Success advances the frontier to the start of the lowest
 * write still in flight in the zone (or to the reservation).  Failure of a
 * write leaves a failed range, for which the reported write pointer waits; that
 * of an append leaves one that nothing waits for, with undefined contents.
 * Failure of the last one rolls the reservation back, over all failed ranges
 * that end there.  A zone whose reported write pointer reaches its capacity
 * becomes Full.  Returns true when the stored word of the zone has changed (the
 * zone is dirty).
 */
bool zone_table_write_end(ZoneTable *table, ZoneWrite *write, bool success);

/*
 * The write has failed, and has not ended yet: true when zeros have to be
 * written from *start_bytes to its end, so that nothing of before the zone's
 * life is left there.  Until it ends, others wait that would come there.  With
 * a ZRWA others may have: then it stays what they and this one have made of it.
 */
bool zone_table_write_zero(ZoneTable *table, ZoneWrite *write,
                           uint64_t *start_bytes);

/*
 * The flush behind a write that has ended well has failed (FUA): whoever has
 * sent it may make it again, though it has been written.  Call it at most once
 * for each end.  From now on, a write of exactly that range is accepted, in a
 * Full zone as well, which it leaves as it is; it is a retry that has nothing
 * to wait for it but holds.  Reads find data all the time.  When it ends well,
 * the range is forgotten; when it fails, it may be made again once more.
 *
 * Nothing is remembered of appends and conventional zones, nor where a ZRWA
 * takes or took the write.  Nor is it when an event that forgets such ranges
 * has come since the write began: to its zone, or to one of those that have the
 * last 8 bits of the number in common with it.
 */
void zone_table_write_unsure(ZoneTable *table, const ZoneWrite *write);

/*
 * Would a write be accepted now?  No side effects; resources and auto-close
 * are taken into account.
 */
ZoneStatus zone_table_check_write(const ZoneTable *table, uint64_t offset_bytes,
                                  uint64_t bytes);

/*
 * What a read sees.  Splits [offset_bytes, offset_bytes + bytes) at zones,
 * write pointer, writes in flight, failed ranges and capacity: sets
 * *extent_bytes (> 0, <= bytes) to the length of the first stretch that is all
 * data or all zeros, and returns true for data.  Data: below the reported write
 * pointer, or above it but written by a completed write; neither what is in
 * flight nor failed ranges.  A ZRWA window is data up to the end of the highest
 * completed write in it, but for what writes in flight are the first to cover;
 * conventional zones and whatever lies beyond the zoned part are data.  Offline
 * zones read as zeros here (io.c refuses reads of them before).
 */
bool zone_table_read_extent(const ZoneTable *table, uint64_t offset_bytes,
                            uint64_t bytes, uint64_t *extent_bytes);

/*
 * In a zone with a ZRWA, the part before a write that was never written and
 * has to be zeroed with it: [return value, write->start_bytes), or nothing when
 * the return value is write->start_bytes.  What a write that began earlier will
 * zero or write is left out.  Hold the zone while zeroing, so that no later
 * write lands in between.
 */
uint64_t zone_table_write_gap(const ZoneTable *table, const ZoneWrite *write);

/*
 * Is the write, just begun, the first of this life of its zone?  No other is in
 * flight, and none has completed.
 */
bool zone_table_write_begins_life(const ZoneTable *table,
                                  const ZoneWrite *write);
/* The gap has been zeroed */
void zone_table_gap_filled(ZoneTable *table, ZoneWrite *write);

/* How many writes have ended well so far: what a commit is asked to store */
uint64_t zone_table_nr_ended(const ZoneTable *table);
/*
 * True while a write is in flight below one of the first nr_ended that ended
 * well: a commit waits for those alone (C1).  What begins later is above them.
 * Takes no longer with more zones or writes.
 */
bool zone_table_passed_by(const ZoneTable *table, uint64_t nr_ended);
/* The seq that the next begin will get */
uint64_t zone_table_next_seq(const ZoneTable *table);

/*
 * A discard in flight, of part of one zone.  zone_table_in_flight() is true
 * meanwhile, so that whoever holds the zone waits for it; nothing else does.
 * ZONE_BUSY when the zone is held.  Any zone, conventional ones included; what
 * may be discarded is the caller's business.
 */
ZoneStatus zone_table_discard_begin(ZoneTable *table, ZoneWrite *write,
                                    uint64_t offset_bytes, uint64_t bytes);
void zone_table_discard_end(ZoneTable *table, ZoneWrite *write);

typedef enum ZoneEvent {
    ZONE_EVENT_WRITE,           /* opens implicitly; begin and end use it */
    ZONE_EVENT_OPEN,            /* Open Zone */
    ZONE_EVENT_OPEN_ZRWA,       /* Open Zone with ZRWA allocation */
    ZONE_EVENT_CLOSE,           /* Close Zone */
    ZONE_EVENT_AUTO_CLOSE,      /* to make room for another */
    ZONE_EVENT_FINISH,          /* Finish Zone */
    ZONE_EVENT_FILLED,          /* the write pointer reached the capacity */
    ZONE_EVENT_RESET,           /* Reset Zone */
    ZONE_EVENT_OFFLINE,         /* Offline Zone */
    ZONE_EVENT_SET_ZDE,         /* Set Zone Descriptor Extension */
    ZONE_EVENT_SET_ZDE_ZRWA,    /* ... with ZRWA allocation */
    ZONE_EVENT_POWER_CYCLE,     /* section 2.1.1.3; never alters the word */
    /*
     * The same with the stored write pointer at the start and ZDEV clear, or
     * at the capacity; the table picks
     */
    ZONE_EVENT_POWER_CYCLE_UNWRITTEN,
    ZONE_EVENT_POWER_CYCLE_FILLED,
    /* the controller finishes it (Zone Active Excursion) */
    ZONE_EVENT_EXCURSION,
    ZONE_EVENT_FAULT_READ_ONLY, /* the controller makes it Read Only */
    ZONE_EVENT_FAULT_OFFLINE,   /* the controller makes it Offline */
    ZONE_EVENT__MAX,
} ZoneEvent;

const char *zone_event_str(ZoneEvent event);

/*
 * What a transition of the const table says; the documentation prints the
 * same rows (section 2.1.1.3, figure "Zone State Machine").
 */
typedef enum ZoneWpAction {
    ZONE_WP_KEEP,
    ZONE_WP_START,              /* back to the start */
    /*
     * to where the stored one is: behind what has been written in a ZRWA, or
     * above failed ranges
     */
    ZONE_WP_COMMIT,
} ZoneWpAction;

typedef struct ZoneTransition {
    ZoneStatus refusal;         /* ZONE_OK: the transition exists */
    ZoneState next;
    int8_t open_delta;
    int8_t active_delta;
    ZoneWpAction wp;
    uint8_t set_attributes;
    uint8_t clear_attributes;
} ZoneTransition;

/* For the documentation and its test */
const ZoneTransition *zone_transition(ZoneState state, ZoneEvent event);

/*
 * Would the event be accepted in the zone now?  Resources, auto-close and
 * ZRWA rules are taken into account; no side effects.  A hold is not looked
 * at: its owner asks.
 */
ZoneStatus zone_table_check_event(const ZoneTable *table, uint32_t zone_idx,
                                  ZoneEvent event);

/*
 * Applies the event, or refuses it and changes nothing.  A zone that already
 * is where the event leads is not an error where the standard says so (Close
 * on Closed, Finish on Full, Reset on Empty, Open on Explicitly Opened,
 * Offline on Offline); a ZRWA is for Empty zones alone.  Events that move the
 * write pointer (FINISH, RESET, OFFLINE) and both kinds of SET_ZDE need a zone
 * with nothing in flight: assert; so do POWER_CYCLE and the faults.  All of
 * these forget failed ranges; opening and closing leave them as they are.  So
 * it is with unsure ranges; zones that become Full by a write keep them.  Holds
 * do not matter here.  May auto-close another zone.  *changed (may be NULL)
 * tells whether the stored word of the zone differs from before.
 */
ZoneStatus zone_table_event(ZoneTable *table, uint32_t zone_idx,
                            ZoneEvent event, bool *changed);

/*
 * Between these, resources that the event will take (active, ZRWA; not open)
 * are taken for it already: others are refused as if it had happened.  All
 * that can be seen of the zone, counts included, stays as it is.  The event
 * must be acceptable, and the zone held.
 */
void zone_table_claim(ZoneTable *table, uint32_t zone_idx, ZoneEvent event);
void zone_table_unclaim(ZoneTable *table, uint32_t zone_idx, ZoneEvent event);

/* The word that zone_table_event() would leave; the event must be acceptable */
uint64_t zone_table_word_after(const ZoneTable *table, uint32_t zone_idx,
                               ZoneEvent event);

/*
 * Open Zone with Select All: every Closed zone, or none (ZONE_ERR_TOO_MANY_*)
 * when resources do not suffice (section 3.4.3.1.3), counting the zones that
 * auto-close would free.  ZONE_BUSY_OTHERS while a Closed zone is held.
 */
ZoneStatus zone_table_open_all(ZoneTable *table);

/*
 * Explicit ZRWA flush up to, not including, end_bytes (section 3.4.3.1.7):
 * ZONE_ERR_NO_ZRWA without one, ZONE_ERR_UNALIGNED off the granularity (a
 * flush to the capacity is always allowed),
 * ZONE_ERR_BOUNDARY above wp + zrwa_bytes or the capacity.  Needs no writes
 * in flight.  The zone may become Full.  What lies between the highest write
 * and end_bytes ([info.reserved_bytes, end_bytes)) comes below the write
 * pointer unwritten: the caller zeroes it first.
 */
ZoneStatus zone_table_zrwa_flush(ZoneTable *table, uint64_t end_bytes);

/*
 * Other limits of the drive, 0 for none; fields as in ZoneGeometry.  Zones that
 * exceed them stay as they are: compare zone_table_counts() before.
 */
void zone_table_set_limits(ZoneTable *table, uint32_t max_open_zones,
                           uint32_t max_active_zones,
                           uint32_t max_append_bytes);

/* What of ZoneGeometry is not fixed: it belongs to the device, not the drive */
void zone_table_set_auto_close(ZoneTable *table, bool enable);
/* Fields as in ZoneGeometry; no zone may have a ZRWA */
void zone_table_set_zrwa(ZoneTable *table, uint64_t zrwa_bytes,
                         uint64_t granularity_bytes, uint32_t max_zones);

/* A management action owns the zone between these: begins give ZONE_BUSY */
void zone_table_hold(ZoneTable *table, uint32_t zone_idx);
void zone_table_release(ZoneTable *table, uint32_t zone_idx);
bool zone_table_held(const ZoneTable *table, uint32_t zone_idx);
/* A write, append or discard */
bool zone_table_in_flight(const ZoneTable *table, uint32_t zone_idx);

/*
 * What the drive recommends from now on (fault injection): FZR and RZR, and
 * which time limits come with those that are set (ZONE_LIMITS_OF_*; 0 where the
 * drive has no details)
 */
typedef struct ZoneAdvice {
    uint8_t set;
    uint8_t clear;
    uint8_t limits;
} ZoneAdvice;

/*
 * True when that changed any.  In which states they mean something is the
 * caller's business; conventional and Offline zones have none.
 */
bool zone_table_advise(ZoneTable *table, uint32_t zone_idx,
                       const ZoneAdvice *advice);
/* What zone_table_word() would be after that */
uint64_t zone_table_word_advised(const ZoneTable *table, uint32_t zone_idx,
                                 const ZoneAdvice *advice);

/*
 * The capacity of a sequential zone changes with its next Reset, or stays when
 * it is what it has.  Not stored until then: a word that is loaded forgets it.
 * Returns false, and changes nothing, for one that the zone cannot have: it is
 * that of the drive, or less by whole steps.
 */
bool zone_table_set_next_capacity(ZoneTable *table, uint32_t zone_idx,
                                  uint64_t capacity_bytes);

/* Recounts everything and asserts that it agrees: tests and debug builds */
void zone_table_verify(const ZoneTable *table);

#endif /* BLOCK_ZONE_H */
