/*
 * Zone table: states, limits and management
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "block/zone.h"
#include "internal.h"

#define REFUSE(status_)   { .refusal = (status_) }
#define STAY(state_)      { .next = (state_) }
#define REFUSE_CONV       REFUSE(ZONE_ERR_CONVENTIONAL)
#define REFUSE_MOVE       REFUSE(ZONE_ERR_INVALID_TRANSITION)

#define ATTR_ALL          0xff
/* A recommendation to finish, and a ZRWA, end with the active state */
#define ATTR_OF_ACTIVE    (ZONE_ATTR_FZR | ZONE_ATTR_ZRWAV)
#define ATTR_OF_CONTENT   (ZONE_ATTR_STORED | ZONE_ATTR_ZRWAV)

#define TO_FULL(open_, active_) {                                       \
        .next = ZONE_STATE_FULL, .open_delta = (open_),                 \
        .active_delta = (active_), .wp = ZONE_WP_COMMIT,                \
        .clear_attributes = ATTR_OF_ACTIVE,                             \
    }
#define TO_EMPTY(open_, active_) {                                      \
        .next = ZONE_STATE_EMPTY, .open_delta = (open_),                \
        .active_delta = (active_), .wp = ZONE_WP_START,                 \
        .clear_attributes = ATTR_OF_CONTENT,                            \
    }
#define TO_READ_ONLY(open_, active_) {                                  \
        .next = ZONE_STATE_READ_ONLY, .open_delta = (open_),            \
        .active_delta = (active_), .wp = ZONE_WP_COMMIT,                \
        .clear_attributes = ZONE_ATTR_ZRWAV,                            \
    }
#define TO_OFFLINE(open_, active_) {                                    \
        .next = ZONE_STATE_OFFLINE, .open_delta = (open_),              \
        .active_delta = (active_), .clear_attributes = ATTR_ALL,        \
    }
#define TO_OPENED(next_, open_, active_, set_) {                        \
        .next = (next_), .open_delta = (open_),                         \
        .active_delta = (active_), .set_attributes = (set_),            \
    }
#define TO_CLOSED(open_, active_, set_) {                               \
        .next = ZONE_STATE_CLOSED, .open_delta = (open_),               \
        .active_delta = (active_), .set_attributes = (set_),            \
    }
#define TO_WRITTEN(open_) {                                             \
        .next = ZONE_STATE_CLOSED, .open_delta = (open_),               \
        .wp = ZONE_WP_COMMIT, .clear_attributes = ZONE_ATTR_ZRWAV,      \
    }
#define TO_UNWRITTEN(open_, active_) {                                  \
        .next = ZONE_STATE_EMPTY, .open_delta = (open_),                \
        .active_delta = (active_), .clear_attributes = ZONE_ATTR_ZRWAV, \
    }

/* The state machine, whole: resources and ZRWA rules only add refusals */
static const ZoneTransition transitions[ZONE_STATE__MAX][ZONE_EVENT__MAX] = {
    /* Values that the standard gives to no state */
    [0x5 ... 0xc] = {
        [0 ... ZONE_EVENT__MAX - 1]  = REFUSE_MOVE,
    },
    [ZONE_STATE_CONVENTIONAL] = {
        [ZONE_EVENT_WRITE]           = STAY(ZONE_STATE_CONVENTIONAL),
        [ZONE_EVENT_OPEN]            = REFUSE_CONV,
        [ZONE_EVENT_OPEN_ZRWA]       = REFUSE_CONV,
        [ZONE_EVENT_CLOSE]           = REFUSE_CONV,
        [ZONE_EVENT_AUTO_CLOSE]      = REFUSE_CONV,
        [ZONE_EVENT_FINISH]          = REFUSE_CONV,
        [ZONE_EVENT_FILLED]          = REFUSE_CONV,
        [ZONE_EVENT_RESET]           = REFUSE_CONV,
        [ZONE_EVENT_OFFLINE]         = REFUSE_CONV,
        [ZONE_EVENT_SET_ZDE]         = REFUSE_CONV,
        [ZONE_EVENT_POWER_CYCLE]     = STAY(ZONE_STATE_CONVENTIONAL),
        [ZONE_EVENT_POWER_CYCLE_UNWRITTEN] = STAY(ZONE_STATE_CONVENTIONAL),
        [ZONE_EVENT_POWER_CYCLE_FILLED] = STAY(ZONE_STATE_CONVENTIONAL),
        [ZONE_EVENT_FAULT_READ_ONLY] = REFUSE_CONV,
        [ZONE_EVENT_FAULT_OFFLINE]   = REFUSE_CONV,
    },
    [ZONE_STATE_EMPTY] = {
        [ZONE_EVENT_WRITE]           =
            TO_OPENED(ZONE_STATE_IMPLICITLY_OPENED, 1, 1, 0),
        [ZONE_EVENT_OPEN]            =
            TO_OPENED(ZONE_STATE_EXPLICITLY_OPENED, 1, 1, 0),
        [ZONE_EVENT_OPEN_ZRWA]       =
            TO_OPENED(ZONE_STATE_EXPLICITLY_OPENED, 1, 1, ZONE_ATTR_ZRWAV),
        [ZONE_EVENT_CLOSE]           = REFUSE_MOVE,
        [ZONE_EVENT_AUTO_CLOSE]      = REFUSE_MOVE,
        [ZONE_EVENT_FINISH]          = TO_FULL(0, 0),
        [ZONE_EVENT_FILLED]          = REFUSE_MOVE,
        [ZONE_EVENT_RESET]           = TO_EMPTY(0, 0),
        [ZONE_EVENT_OFFLINE]         = REFUSE_MOVE,
        [ZONE_EVENT_SET_ZDE]         = TO_CLOSED(0, 1, ZONE_ATTR_ZDEV),
        [ZONE_EVENT_POWER_CYCLE]     = STAY(ZONE_STATE_EMPTY),
        [ZONE_EVENT_POWER_CYCLE_UNWRITTEN] = STAY(ZONE_STATE_EMPTY),
        [ZONE_EVENT_POWER_CYCLE_FILLED] = STAY(ZONE_STATE_EMPTY),
        [ZONE_EVENT_FAULT_READ_ONLY] = TO_READ_ONLY(0, 0),
        [ZONE_EVENT_FAULT_OFFLINE]   = TO_OFFLINE(0, 0),
    },
    [ZONE_STATE_IMPLICITLY_OPENED] = {
        [ZONE_EVENT_WRITE]           = STAY(ZONE_STATE_IMPLICITLY_OPENED),
        [ZONE_EVENT_OPEN]            =
            TO_OPENED(ZONE_STATE_EXPLICITLY_OPENED, 0, 0, 0),
        [ZONE_EVENT_OPEN_ZRWA]       =
            TO_OPENED(ZONE_STATE_EXPLICITLY_OPENED, 0, 0, ZONE_ATTR_ZRWAV),
        [ZONE_EVENT_CLOSE]           = TO_CLOSED(-1, 0, 0),
        [ZONE_EVENT_AUTO_CLOSE]      = TO_CLOSED(-1, 0, 0),
        [ZONE_EVENT_FINISH]          = TO_FULL(-1, -1),
        [ZONE_EVENT_FILLED]          = TO_FULL(-1, -1),
        [ZONE_EVENT_RESET]           = TO_EMPTY(-1, -1),
        [ZONE_EVENT_OFFLINE]         = REFUSE_MOVE,
        [ZONE_EVENT_SET_ZDE]         = REFUSE_MOVE,
        [ZONE_EVENT_POWER_CYCLE]     = TO_WRITTEN(-1),
        [ZONE_EVENT_POWER_CYCLE_UNWRITTEN] = TO_UNWRITTEN(-1, -1),
        [ZONE_EVENT_POWER_CYCLE_FILLED] = TO_FULL(-1, -1),
        [ZONE_EVENT_FAULT_READ_ONLY] = TO_READ_ONLY(-1, -1),
        [ZONE_EVENT_FAULT_OFFLINE]   = TO_OFFLINE(-1, -1),
    },
    [ZONE_STATE_EXPLICITLY_OPENED] = {
        [ZONE_EVENT_WRITE]           = STAY(ZONE_STATE_EXPLICITLY_OPENED),
        [ZONE_EVENT_OPEN]            = STAY(ZONE_STATE_EXPLICITLY_OPENED),
        [ZONE_EVENT_OPEN_ZRWA]       =
            TO_OPENED(ZONE_STATE_EXPLICITLY_OPENED, 0, 0, ZONE_ATTR_ZRWAV),
        [ZONE_EVENT_CLOSE]           = TO_CLOSED(-1, 0, 0),
        [ZONE_EVENT_AUTO_CLOSE]      = REFUSE_MOVE,
        [ZONE_EVENT_FINISH]          = TO_FULL(-1, -1),
        [ZONE_EVENT_FILLED]          = TO_FULL(-1, -1),
        [ZONE_EVENT_RESET]           = TO_EMPTY(-1, -1),
        [ZONE_EVENT_OFFLINE]         = REFUSE_MOVE,
        [ZONE_EVENT_SET_ZDE]         = REFUSE_MOVE,
        [ZONE_EVENT_POWER_CYCLE]     = TO_WRITTEN(-1),
        [ZONE_EVENT_POWER_CYCLE_UNWRITTEN] = TO_UNWRITTEN(-1, -1),
        [ZONE_EVENT_POWER_CYCLE_FILLED] = TO_FULL(-1, -1),
        [ZONE_EVENT_FAULT_READ_ONLY] = TO_READ_ONLY(-1, -1),
        [ZONE_EVENT_FAULT_OFFLINE]   = TO_OFFLINE(-1, -1),
    },
    [ZONE_STATE_CLOSED] = {
        [ZONE_EVENT_WRITE]           =
            TO_OPENED(ZONE_STATE_IMPLICITLY_OPENED, 1, 0, 0),
        [ZONE_EVENT_OPEN]            =
            TO_OPENED(ZONE_STATE_EXPLICITLY_OPENED, 1, 0, 0),
        [ZONE_EVENT_OPEN_ZRWA]       =
            TO_OPENED(ZONE_STATE_EXPLICITLY_OPENED, 1, 0, ZONE_ATTR_ZRWAV),
        [ZONE_EVENT_CLOSE]           = STAY(ZONE_STATE_CLOSED),
        [ZONE_EVENT_AUTO_CLOSE]      = REFUSE_MOVE,
        [ZONE_EVENT_FINISH]          = TO_FULL(0, -1),
        [ZONE_EVENT_FILLED]          = TO_FULL(0, -1),
        [ZONE_EVENT_RESET]           = TO_EMPTY(0, -1),
        [ZONE_EVENT_OFFLINE]         = REFUSE_MOVE,
        [ZONE_EVENT_SET_ZDE]         = REFUSE_MOVE,
        [ZONE_EVENT_POWER_CYCLE]     = TO_WRITTEN(0),
        [ZONE_EVENT_POWER_CYCLE_UNWRITTEN] = TO_UNWRITTEN(0, -1),
        [ZONE_EVENT_POWER_CYCLE_FILLED] = TO_FULL(0, -1),
        [ZONE_EVENT_FAULT_READ_ONLY] = TO_READ_ONLY(0, -1),
        [ZONE_EVENT_FAULT_OFFLINE]   = TO_OFFLINE(0, -1),
    },
    [ZONE_STATE_READ_ONLY] = {
        [ZONE_EVENT_WRITE]           = REFUSE(ZONE_ERR_READ_ONLY),
        [ZONE_EVENT_OPEN]            = REFUSE_MOVE,
        [ZONE_EVENT_OPEN_ZRWA]       = REFUSE_MOVE,
        [ZONE_EVENT_CLOSE]           = REFUSE_MOVE,
        [ZONE_EVENT_AUTO_CLOSE]      = REFUSE_MOVE,
        [ZONE_EVENT_FINISH]          = REFUSE_MOVE,
        [ZONE_EVENT_FILLED]          = REFUSE_MOVE,
        [ZONE_EVENT_RESET]           = REFUSE_MOVE,
        [ZONE_EVENT_OFFLINE]         = TO_OFFLINE(0, 0),
        [ZONE_EVENT_SET_ZDE]         = REFUSE_MOVE,
        [ZONE_EVENT_POWER_CYCLE]     = STAY(ZONE_STATE_READ_ONLY),
        [ZONE_EVENT_POWER_CYCLE_UNWRITTEN] = STAY(ZONE_STATE_READ_ONLY),
        [ZONE_EVENT_POWER_CYCLE_FILLED] = STAY(ZONE_STATE_READ_ONLY),
        [ZONE_EVENT_FAULT_READ_ONLY] = STAY(ZONE_STATE_READ_ONLY),
        [ZONE_EVENT_FAULT_OFFLINE]   = TO_OFFLINE(0, 0),
    },
    [ZONE_STATE_FULL] = {
        [ZONE_EVENT_WRITE]           = REFUSE(ZONE_ERR_FULL),
        [ZONE_EVENT_OPEN]            = REFUSE_MOVE,
        [ZONE_EVENT_OPEN_ZRWA]       = REFUSE_MOVE,
        [ZONE_EVENT_CLOSE]           = REFUSE_MOVE,
        [ZONE_EVENT_AUTO_CLOSE]      = REFUSE_MOVE,
        [ZONE_EVENT_FINISH]          = STAY(ZONE_STATE_FULL),
        [ZONE_EVENT_FILLED]          = REFUSE_MOVE,
        [ZONE_EVENT_RESET]           = TO_EMPTY(0, 0),
        [ZONE_EVENT_OFFLINE]         = REFUSE_MOVE,
        [ZONE_EVENT_SET_ZDE]         = REFUSE_MOVE,
        [ZONE_EVENT_POWER_CYCLE]     = STAY(ZONE_STATE_FULL),
        [ZONE_EVENT_POWER_CYCLE_UNWRITTEN] = STAY(ZONE_STATE_FULL),
        [ZONE_EVENT_POWER_CYCLE_FILLED] = STAY(ZONE_STATE_FULL),
        [ZONE_EVENT_FAULT_READ_ONLY] = TO_READ_ONLY(0, 0),
        [ZONE_EVENT_FAULT_OFFLINE]   = TO_OFFLINE(0, 0),
    },
    [ZONE_STATE_OFFLINE] = {
        [ZONE_EVENT_WRITE]           = REFUSE(ZONE_ERR_OFFLINE),
        [ZONE_EVENT_OPEN]            = REFUSE_MOVE,
        [ZONE_EVENT_OPEN_ZRWA]       = REFUSE_MOVE,
        [ZONE_EVENT_CLOSE]           = REFUSE_MOVE,
        [ZONE_EVENT_AUTO_CLOSE]      = REFUSE_MOVE,
        [ZONE_EVENT_FINISH]          = REFUSE_MOVE,
        [ZONE_EVENT_FILLED]          = REFUSE_MOVE,
        [ZONE_EVENT_RESET]           = REFUSE_MOVE,
        [ZONE_EVENT_OFFLINE]         = STAY(ZONE_STATE_OFFLINE),
        [ZONE_EVENT_SET_ZDE]         = REFUSE_MOVE,
        [ZONE_EVENT_POWER_CYCLE]     = STAY(ZONE_STATE_OFFLINE),
        [ZONE_EVENT_POWER_CYCLE_UNWRITTEN] = STAY(ZONE_STATE_OFFLINE),
        [ZONE_EVENT_POWER_CYCLE_FILLED] = STAY(ZONE_STATE_OFFLINE),
        [ZONE_EVENT_FAULT_READ_ONLY] = REFUSE_MOVE,
        [ZONE_EVENT_FAULT_OFFLINE]   = STAY(ZONE_STATE_OFFLINE),
    },
};

const ZoneTransition *zone_transition(ZoneState state, ZoneEvent event)
{
    assert((unsigned)state < ZONE_STATE__MAX);
    assert((unsigned)event < ZONE_EVENT__MAX);
    return &transitions[state][event];
}

/* States, counters and lists */

static bool state_is_open(ZoneState state)
{
    return state == ZONE_STATE_IMPLICITLY_OPENED ||
           state == ZONE_STATE_EXPLICITLY_OPENED;
}

static bool state_is_active(ZoneState state)
{
    return state_is_open(state) || state == ZONE_STATE_CLOSED;
}

static void list_remove(ZoneTable *table, ZoneList *list, uint32_t zone_idx)
{
    uint32_t prev = table->prev[zone_idx];
    uint32_t next = table->next[zone_idx];

    if (prev == ZONE_NONE) {
        list->head = next;
    } else {
        table->next[prev] = next;
    }
    if (next == ZONE_NONE) {
        list->tail = prev;
    } else {
        table->prev[next] = prev;
    }
}

static void list_append(ZoneTable *table, ZoneList *list, uint32_t zone_idx)
{
    table->prev[zone_idx] = list->tail;
    table->next[zone_idx] = ZONE_NONE;
    if (list->tail == ZONE_NONE) {
        list->head = zone_idx;
    } else {
        table->next[list->tail] = zone_idx;
    }
    list->tail = zone_idx;
}

static void count_zone(ZoneTable *table, uint32_t zone_idx, int delta)
{
    ZoneState state = zone_state(table, zone_idx);

    table->counts.by_state[state] += delta;
    table->groups[zone_idx / ZONE_GROUP_ZONES].by_state[state] += delta;
    table->counts.open += state_is_open(state) ? delta : 0;
    table->counts.active += state_is_active(state) ? delta : 0;
    table->counts.zrwa += zone_has_zrwa(table, zone_idx) ? delta : 0;
}

/* A zone that stays Implicitly Opened becomes the one most recently used */
static void touch(ZoneTable *table, uint32_t zone_idx)
{
    ZoneState state = zone_state(table, zone_idx);

    if (state == ZONE_STATE_IMPLICITLY_OPENED &&
        table->lists[state].tail != zone_idx) {
        list_remove(table, &table->lists[state], zone_idx);
        list_append(table, &table->lists[state], zone_idx);
    }
}

/*
 * The one place where states, ZRWAs and counters change, and lists with them
 */
static void set_state(ZoneTable *table, uint32_t zone_idx, ZoneState next,
                      bool zrwa)
{
    ZoneState state = zone_state(table, zone_idx);
    uint64_t live = table->live[zone_idx];

    count_zone(table, zone_idx, -1);
    live &= ~(ZONE_LIVE_STATE_MASK | ZONE_LIVE_ZRWA);
    live |= (uint64_t)next << ZONE_LIVE_STATE_SHIFT;
    live |= zrwa ? ZONE_LIVE_ZRWA : 0;
    table->live[zone_idx] = live;
    count_zone(table, zone_idx, 1);

    if (state != next) {
        list_remove(table, &table->lists[state], zone_idx);
        list_append(table, &table->lists[next], zone_idx);
    } else {
        touch(table, zone_idx);
    }
}

/* Life of a table */

static void check_geometry(const ZoneGeometry *geometry)
{
    assert(geometry->zone_bytes > 0);
    assert(geometry->zone_bytes <= ZONE_MAX_BYTES);
    assert(geometry->capacity_bytes > 0);
    assert(geometry->capacity_bytes <= geometry->zone_bytes);
    assert(geometry->nr_zones > 0);
    assert((uint64_t)geometry->nr_zones <
           ZONE_MAX_DEVICE_BYTES / geometry->zone_bytes +
           !!(ZONE_MAX_DEVICE_BYTES % geometry->zone_bytes));
    assert(geometry->conventional_zones <= geometry->nr_zones);
    assert(!geometry->max_active_zones ||
           geometry->max_open_zones <= geometry->max_active_zones);
    if (geometry->zrwa_bytes) {
        assert(geometry->zrwa_granularity_bytes > 0);
        assert(geometry->zrwa_bytes % geometry->zrwa_granularity_bytes == 0);
    }
}

ZoneTable *zone_table_new(const ZoneGeometry *geometry)
{
    ZoneTable *table = g_new0(ZoneTable, 1);
    uint32_t i;

    check_geometry(geometry);
    table->geometry = *geometry;
    table->zone_shift = -1;
    if ((geometry->zone_bytes & (geometry->zone_bytes - 1)) == 0) {
        table->zone_shift = __builtin_ctzll(geometry->zone_bytes);
    }
    table->words = g_new(uint64_t, geometry->nr_zones);
    table->live = g_new(uint64_t, geometry->nr_zones);
    table->prev = g_new(uint32_t, geometry->nr_zones);
    table->next = g_new(uint32_t, geometry->nr_zones);
    table->groups = g_new0(ZoneGroup,
                           geometry->nr_zones / ZONE_GROUP_ZONES + 1);
    for (i = 0; i < ZONE_STATE__MAX; i++) {
        table->lists[i].head = ZONE_NONE;
        table->lists[i].tail = ZONE_NONE;
    }
    for (i = 0; i < ZONE_BUCKETS; i++) {
        table->buckets[i].tail = &table->buckets[i].first;
    }
    for (i = 0; i < geometry->nr_zones; i++) {
        uint64_t state = i < geometry->conventional_zones ?
                         ZONE_STATE_CONVENTIONAL : ZONE_STATE_EMPTY;

        table->words[i] = zone_empty_word(geometry, i);
        table->live[i] = state << ZONE_LIVE_STATE_SHIFT | zone_start(table, i);
        list_append(table, &table->lists[state], i);
        count_zone(table, i, 1);
    }
    return table;
}

void zone_table_free(ZoneTable *table)
{
    uint32_t i;

    if (!table) {
        return;
    }
    for (i = 0; i < ZONE_BUCKETS; i++) {
        assert(!table->buckets[i].first);
    }
    g_free(table->words);
    g_free(table->live);
    g_free(table->prev);
    g_free(table->next);
    g_free(table->groups);
    g_free(table);
}

const ZoneGeometry *zone_table_geometry(const ZoneTable *table)
{
    return &table->geometry;
}

void zone_table_load_word(ZoneTable *table, uint32_t zone_idx, uint64_t word)
{
    assert(zone_idx < table->geometry.nr_zones);
    assert(!zone_word_check(&table->geometry, zone_idx, word));
    assert(!zone_table_in_flight(table, zone_idx));

    table->words[zone_idx] = word;
    zone_set_reserved(table, zone_idx, zone_word_wp_bytes(word));
    set_state(table, zone_idx,
              zone_stored_state(&table->geometry, zone_idx, word), false);
    zone_table_debug_verify(table);
}

/* What is stored */

/* What to store for a zone with that word; with a ZRWA, what it will become */
static uint64_t stored_word(const ZoneTable *table, uint32_t zone_idx,
                            uint64_t word, bool zrwa)
{
    uint8_t attributes = zone_word_attributes(word);
    uint64_t wp_bytes;

    if (!zrwa) {
        return word;
    }
    wp_bytes = zone_stored_wp(table, zone_idx);
    if (wp_bytes == zone_writable_end(table, zone_idx)) {
        attributes &= ~ATTR_OF_ACTIVE;
    }
    return zone_word_encode(ZONE_WORD_DERIVED, false, attributes, wp_bytes);
}

uint64_t zone_table_word(const ZoneTable *table, uint32_t zone_idx)
{
    assert(zone_idx < table->geometry.nr_zones);
    return stored_word(table, zone_idx, table->words[zone_idx],
                       zone_has_zrwa(table, zone_idx));
}

/* Events */

static bool event_is_power_cycle(ZoneEvent event)
{
    return event == ZONE_EVENT_POWER_CYCLE ||
           event == ZONE_EVENT_POWER_CYCLE_UNWRITTEN ||
           event == ZONE_EVENT_POWER_CYCLE_FILLED;
}

/* What is stored of a zone decides where a power cycle leads it */
static ZoneEvent power_cycle_of(const ZoneTable *table, uint32_t zone_idx)
{
    uint8_t attributes = zone_word_attributes(table->words[zone_idx]);
    uint64_t wp_bytes = zone_stored_wp(table, zone_idx);

    if (wp_bytes == zone_writable_end(table, zone_idx)) {
        return ZONE_EVENT_POWER_CYCLE_FILLED;
    }
    if (wp_bytes == zone_start(table, zone_idx) &&
        !(attributes & ZONE_ATTR_ZDEV)) {
        return ZONE_EVENT_POWER_CYCLE_UNWRITTEN;
    }
    return ZONE_EVENT_POWER_CYCLE;
}

static const ZoneTransition *find_transition(const ZoneTable *table,
                                             uint32_t zone_idx,
                                             ZoneEvent event)
{
    if (event_is_power_cycle(event)) {
        event = power_cycle_of(table, zone_idx);
    }
    return zone_transition(zone_state(table, zone_idx), event);
}

/* The Implicitly Opened zone that was written least recently */
static uint32_t find_victim(const ZoneTable *table)
{
    uint32_t i = table->lists[ZONE_STATE_IMPLICITLY_OPENED].head;

    while (i != ZONE_NONE && zone_is_held(table, i)) {
        i = table->next[i];
    }
    return i;
}

static ZoneStatus check_resources(const ZoneTable *table, uint32_t zone_idx,
                                  const ZoneTransition *transition,
                                  uint32_t *victim)
{
    const ZoneGeometry *geometry = &table->geometry;
    bool adds_zrwa = (transition->set_attributes & ZONE_ATTR_ZRWAV) &&
                     !zone_has_zrwa(table, zone_idx);

    *victim = ZONE_NONE;
    if (transition->active_delta > 0 && geometry->max_active_zones &&
        table->counts.active >= geometry->max_active_zones) {
        return ZONE_ERR_TOO_MANY_ACTIVE;
    }
    if (transition->open_delta > 0 && geometry->max_open_zones &&
        table->counts.open >= geometry->max_open_zones) {
        if (!geometry->auto_close ||
            !table->counts.by_state[ZONE_STATE_IMPLICITLY_OPENED]) {
            return ZONE_ERR_TOO_MANY_OPEN;
        }
        *victim = find_victim(table);
        if (*victim == ZONE_NONE) {
            return ZONE_BUSY; /* there is one, once its action has ended */
        }
    }
    if (adds_zrwa && geometry->max_zrwa_zones &&
        table->counts.zrwa >= geometry->max_zrwa_zones) {
        return ZONE_ERR_ZRWA_EXHAUSTED;
    }
    return ZONE_OK;
}

/* What an event needs besides a row of the state machine and resources */
static ZoneStatus check_rules(const ZoneTable *table, uint32_t zone_idx,
                              ZoneEvent event)
{
    if (event == ZONE_EVENT_FILLED &&
        zone_wp(table, zone_idx) != zone_writable_end(table, zone_idx)) {
        return ZONE_ERR_INVALID_TRANSITION;
    }
    if (event == ZONE_EVENT_OPEN_ZRWA && !zone_has_zrwa(table, zone_idx) &&
        zone_table_in_flight(table, zone_idx)) {
        return ZONE_BUSY;
    }
    return ZONE_OK;
}

ZoneStatus zone_table_admit(const ZoneTable *table, uint32_t zone_idx,
                            ZoneEvent event, uint32_t *victim)
{
    const ZoneTransition *transition = find_transition(table, zone_idx, event);
    ZoneStatus status;

    *victim = ZONE_NONE;
    if (zone_state(table, zone_idx) != ZONE_STATE_CONVENTIONAL) {
        if (event == ZONE_EVENT_SET_ZDE &&
            !table->geometry.zd_extension_bytes) {
            return ZONE_ERR_NO_ZDE;
        }
        if (event == ZONE_EVENT_OPEN_ZRWA && !table->geometry.zrwa_bytes) {
            return ZONE_ERR_NO_ZRWA;
        }
    }
    if (transition->refusal != ZONE_OK) {
        return transition->refusal;
    }
    status = check_rules(table, zone_idx, event);
    if (status != ZONE_OK) {
        return status;
    }
    return check_resources(table, zone_idx, transition, victim);
}

static ZoneWordState word_state_of(ZoneState state, bool at_capacity)
{
    switch (state) {
    case ZONE_STATE_READ_ONLY:
        return ZONE_WORD_READ_ONLY;
    case ZONE_STATE_OFFLINE:
        return ZONE_WORD_OFFLINE;
    case ZONE_STATE_FULL:
        return at_capacity ? ZONE_WORD_DERIVED : ZONE_WORD_FULL;
    default:
        return ZONE_WORD_DERIVED;
    }
}

typedef struct ZoneAfter {
    uint64_t word;
    uint64_t reserved_bytes;
    bool zrwa;
} ZoneAfter;

static ZoneAfter compute_after(const ZoneTable *table, uint32_t zone_idx,
                               const ZoneTransition *transition)
{
    bool had_zrwa = zone_has_zrwa(table, zone_idx);
    uint8_t attributes = zone_word_attributes(table->words[zone_idx]) |
                         (had_zrwa ? ZONE_ATTR_ZRWAV : 0);
    uint64_t wp_bytes = zone_wp(table, zone_idx);
    ZoneWordState word_state = zone_word_state(table->words[zone_idx]);
    ZoneAfter after = { .reserved_bytes = zone_reserved(table, zone_idx) };

    attributes &= ~transition->clear_attributes;
    attributes |= transition->set_attributes;
    after.zrwa = attributes & ZONE_ATTR_ZRWAV;

    if (transition->wp == ZONE_WP_START) {
        wp_bytes = zone_start(table, zone_idx);
        after.reserved_bytes = wp_bytes;
    } else if (transition->wp == ZONE_WP_COMMIT) {
        wp_bytes = zone_stored_wp(table, zone_idx);
        after.reserved_bytes = wp_bytes;
    } else if (had_zrwa && !after.zrwa) {
        after.reserved_bytes = wp_bytes;
    }
    /* A Full zone at its capacity has two spellings: keep the one it has */
    if (transition->next != zone_state(table, zone_idx)) {
        word_state = word_state_of(transition->next, wp_bytes ==
                                   zone_writable_end(table, zone_idx));
    }
    after.word = zone_word_encode(
        word_state, zone_word_conventional(table->words[zone_idx]),
        attributes & ZONE_ATTR_STORED, wp_bytes);
    return after;
}

static void apply_transition(ZoneTable *table, uint32_t zone_idx,
                             ZoneEvent event)
{
    const ZoneTransition *transition = find_transition(table, zone_idx, event);
    ZoneAfter after;

    assert(transition->refusal == ZONE_OK);
    if (transition->next == zone_state(table, zone_idx) &&
        transition->wp == ZONE_WP_KEEP && !transition->set_attributes &&
        !transition->clear_attributes) {
        touch(table, zone_idx); /* nearly every write ends up here */
        return;
    }
    after = compute_after(table, zone_idx, transition);
    table->words[zone_idx] = after.word;
    zone_set_reserved(table, zone_idx, after.reserved_bytes);
    set_state(table, zone_idx, transition->next, after.zrwa);
}

void zone_table_apply(ZoneTable *table, uint32_t zone_idx, ZoneEvent event,
                      uint32_t victim)
{
    if (victim != ZONE_NONE) {
        apply_transition(table, victim, ZONE_EVENT_AUTO_CLOSE);
    }
    apply_transition(table, zone_idx, event);
}

void zone_table_check_filled(ZoneTable *table, uint32_t zone_idx)
{
    uint32_t victim;

    /* Read Only and Offline zones stay what they are */
    if (zone_table_admit(table, zone_idx, ZONE_EVENT_FILLED,
                         &victim) == ZONE_OK) {
        apply_transition(table, zone_idx, ZONE_EVENT_FILLED);
    }
}

ZoneStatus zone_table_check_event(const ZoneTable *table, uint32_t zone_idx,
                                  ZoneEvent event)
{
    uint32_t victim;

    assert(zone_idx < table->geometry.nr_zones);
    return zone_table_admit(table, zone_idx, event, &victim);
}

static bool event_needs_idle_zone(ZoneEvent event)
{
    switch (event) {
    case ZONE_EVENT_FINISH:
    case ZONE_EVENT_RESET:
    case ZONE_EVENT_OFFLINE:
    case ZONE_EVENT_SET_ZDE:
    case ZONE_EVENT_POWER_CYCLE:
    case ZONE_EVENT_POWER_CYCLE_UNWRITTEN:
    case ZONE_EVENT_POWER_CYCLE_FILLED:
    case ZONE_EVENT_FAULT_READ_ONLY:
    case ZONE_EVENT_FAULT_OFFLINE:
        return true;
    default:
        return false;
    }
}

ZoneStatus zone_table_event(ZoneTable *table, uint32_t zone_idx,
                            ZoneEvent event, bool *changed)
{
    uint64_t word;
    uint32_t victim;
    ZoneStatus status;

    assert(zone_idx < table->geometry.nr_zones);
    word = zone_table_word(table, zone_idx);
    status = zone_table_admit(table, zone_idx, event, &victim);
    if (status == ZONE_OK) {
        assert(!event_needs_idle_zone(event) ||
               !zone_table_in_flight(table, zone_idx));
        zone_table_apply(table, zone_idx, event, victim);
        zone_table_debug_verify(table);
    }
    if (changed) {
        *changed = zone_table_word(table, zone_idx) != word;
    }
    return status;
}

uint64_t zone_table_word_after(const ZoneTable *table, uint32_t zone_idx,
                               ZoneEvent event)
{
    ZoneAfter after = compute_after(table, zone_idx,
                                    find_transition(table, zone_idx, event));

    assert(zone_table_check_event(table, zone_idx, event) == ZONE_OK);
    return stored_word(table, zone_idx, after.word, after.zrwa);
}

ZoneStatus zone_table_open_all(ZoneTable *table)
{
    uint32_t nr_closed = table->counts.by_state[ZONE_STATE_CLOSED];
    uint32_t zone_idx = table->lists[ZONE_STATE_CLOSED].head;
    uint32_t room = UINT32_MAX;
    uint32_t nr_held = 0;
    uint32_t i;

    if (table->geometry.max_open_zones) {
        room = table->geometry.max_open_zones - table->counts.open;
    }
    for (i = 0; i < nr_closed; i++) {
        if (zone_is_held(table, zone_idx)) {
            return ZONE_BUSY;
        }
        zone_idx = table->next[zone_idx];
    }
    if (table->geometry.auto_close) {
        i = table->lists[ZONE_STATE_IMPLICITLY_OPENED].head;
        for (; i != ZONE_NONE && room < nr_closed; i = table->next[i]) {
            room += !zone_is_held(table, i);
            nr_held += zone_is_held(table, i);
        }
    }
    if (room < nr_closed) {
        return nr_held >= nr_closed - room ? ZONE_BUSY : ZONE_ERR_TOO_MANY_OPEN;
    }

    /* Zones closed to make room queue up behind those that were Closed */
    zone_idx = table->lists[ZONE_STATE_CLOSED].head;
    for (i = 0; i < nr_closed; i++) {
        uint32_t next = table->next[zone_idx];
        uint32_t victim;
        ZoneStatus status = zone_table_admit(table, zone_idx, ZONE_EVENT_OPEN,
                                             &victim);

        assert(status == ZONE_OK);
        zone_table_apply(table, zone_idx, ZONE_EVENT_OPEN, victim);
        zone_idx = next;
    }
    zone_table_debug_verify(table);
    return ZONE_OK;
}

void zone_table_set_auto_close(ZoneTable *table, bool enable)
{
    table->geometry.auto_close = enable;
}

void zone_table_set_zrwa(ZoneTable *table, uint64_t zrwa_bytes,
                         uint64_t granularity_bytes, uint32_t max_zones)
{
    assert(table->counts.zrwa == 0);
    table->geometry.zrwa_bytes = zrwa_bytes;
    table->geometry.zrwa_granularity_bytes = granularity_bytes;
    table->geometry.max_zrwa_zones = max_zones;
    check_geometry(&table->geometry);
}

void zone_table_hold(ZoneTable *table, uint32_t zone_idx)
{
    assert(zone_idx < table->geometry.nr_zones);
    assert(!zone_is_held(table, zone_idx));
    table->live[zone_idx] |= ZONE_LIVE_HELD;
}

void zone_table_release(ZoneTable *table, uint32_t zone_idx)
{
    assert(zone_idx < table->geometry.nr_zones);
    assert(zone_is_held(table, zone_idx));
    table->live[zone_idx] &= ~ZONE_LIVE_HELD;
}

bool zone_table_held(const ZoneTable *table, uint32_t zone_idx)
{
    assert(zone_idx < table->geometry.nr_zones);
    return zone_is_held(table, zone_idx);
}

bool zone_table_set_attributes(ZoneTable *table, uint32_t zone_idx,
                               uint8_t set, uint8_t clear)
{
    ZoneState state;
    uint64_t word;

    assert(zone_idx < table->geometry.nr_zones);
    assert(!((set | clear) & ~(ZONE_ATTR_FZR | ZONE_ATTR_RZR)));
    state = zone_state(table, zone_idx);
    if (state == ZONE_STATE_CONVENTIONAL || state == ZONE_STATE_OFFLINE) {
        return false;
    }
    word = table->words[zone_idx];
    word &= ~((uint64_t)clear << ZONE_WORD_ATTR_SHIFT);
    word |= (uint64_t)set << ZONE_WORD_ATTR_SHIFT;
    if (word == table->words[zone_idx]) {
        return false;
    }
    table->words[zone_idx] = word;
    zone_table_debug_verify(table);
    return true;
}
