/*
 * Zone table: events, and the resources and rules that they meet
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "block/zone.h"
#include "block/zone/table/internal.h"

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
    return &zone_transitions[zone_state(table, zone_idx)][event];
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

static ZoneStatus check_resources(const ZoneTable *table,
                                  const ZoneTransition *transition,
                                  uint32_t *victim)
{
    const ZoneGeometry *geometry = &table->geometry;

    *victim = ZONE_NONE;
    if (transition->active_delta > 0 && geometry->max_active_zones &&
        table->counts.active + table->claimed_active >=
        geometry->max_active_zones) {
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
            return ZONE_BUSY_OTHERS; /* there will be, once one is released */
        }
    }
    if ((transition->set_attributes & ZONE_ATTR_ZRWAV) &&
        geometry->max_zrwa_zones &&
        table->counts.zrwa + table->claimed_zrwa >= geometry->max_zrwa_zones) {
        return ZONE_ERR_ZRWA_EXHAUSTED;
    }
    return ZONE_OK;
}

/* What an event needs besides a row of the state machine and resources */
static ZoneStatus check_rules(const ZoneTable *table, uint32_t zone_idx,
                              ZoneEvent event)
{
    return event == ZONE_EVENT_FILLED &&
           zone_wp(table, zone_idx) != zone_writable_end(table, zone_idx) ?
           ZONE_ERR_INVALID_TRANSITION : ZONE_OK;
}

/* Has the drive what the event is about? */
static ZoneStatus check_features(const ZoneGeometry *geometry, ZoneEvent event)
{
    bool zde = event == ZONE_EVENT_SET_ZDE || event == ZONE_EVENT_SET_ZDE_ZRWA;
    bool zrwa = event == ZONE_EVENT_OPEN_ZRWA ||
                event == ZONE_EVENT_SET_ZDE_ZRWA;

    if (zde && !geometry->zd_extension_bytes) {
        return ZONE_ERR_NO_ZDE;
    }
    return zrwa && !geometry->zrwa_bytes ? ZONE_ERR_NO_ZRWA : ZONE_OK;
}

ZoneStatus zone_table_admit(const ZoneTable *table, uint32_t zone_idx,
                            ZoneEvent event, uint32_t *victim)
{
    const ZoneTransition *transition = find_transition(table, zone_idx, event);
    ZoneStatus status = ZONE_OK;

    *victim = ZONE_NONE;
    if (zone_state(table, zone_idx) != ZONE_STATE_CONVENTIONAL) {
        status = check_features(&table->geometry, event);
    }
    if (status != ZONE_OK) {
        return status;
    }
    if (transition->refusal != ZONE_OK) {
        return transition->refusal;
    }
    status = check_rules(table, zone_idx, event);
    if (status != ZONE_OK) {
        return status;
    }
    return check_resources(table, transition, victim);
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
    bool failed;                /* failed ranges are kept */
} ZoneAfter;

/* A Reset brings the capacity that was asked for */
static uint64_t details_after(const ZoneTable *table, uint32_t zone_idx,
                              const ZoneTransition *transition,
                              uint8_t attributes)
{
    uint64_t less = transition->wp == ZONE_WP_START
                    ? table->live[zone_idx] : table->words[zone_idx];

    return (less & ZONE_WORD_LESS_MASK) |
           (zone_word_limits(table->words[zone_idx]) &
            zone_limits_of(attributes));
}

static ZoneAfter compute_after(const ZoneTable *table, uint32_t zone_idx,
                               const ZoneTransition *transition)
{
    uint8_t attributes = zone_word_attributes(table->words[zone_idx]) |
                         (zone_has_zrwa(table, zone_idx) ? ZONE_ATTR_ZRWAV : 0);
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
    } else if (zone_state_is_active(transition->next)) {
        after.failed = zone_has_failed(table, zone_idx);
    } else {
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
    after.word |= details_after(table, zone_idx, transition, attributes);
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
        zone_touch(table, zone_idx); /* nearly every write ends up here */
        return;
    }
    after = compute_after(table, zone_idx, transition);
    zone_set_word(table, zone_idx, after.word);
    zone_set_reserved(table, zone_idx, after.reserved_bytes);
    if (zone_has_failed(table, zone_idx) && !after.failed) {
        zone_failed_forget(table, zone_idx, 0);
    }
    if (zone_has_zrwa(table, zone_idx) != after.zrwa) {
        zone_unsure_forget(table, zone_idx); /* also when a write fills it */
    }
    zone_set_state(table, zone_idx, transition->next, after.zrwa);
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

    if (zone_wp(table, zone_idx) != zone_writable_end(table, zone_idx)) {
        return;
    }
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
    case ZONE_EVENT_SET_ZDE_ZRWA:
    case ZONE_EVENT_POWER_CYCLE:
    case ZONE_EVENT_POWER_CYCLE_UNWRITTEN:
    case ZONE_EVENT_POWER_CYCLE_FILLED:
    case ZONE_EVENT_EXCURSION:
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
        if (event_needs_idle_zone(event)) {
            assert(!zone_table_in_flight(table, zone_idx));
            zone_unsure_forget(table, zone_idx);
        }
        zone_table_apply(table, zone_idx, event, victim);
        zone_table_debug_verify(table);
    }
    if (changed) {
        *changed = zone_table_word(table, zone_idx) != word;
    }
    return status;
}

static void count_claim(ZoneTable *table, uint32_t zone_idx, ZoneEvent event,
                        int delta)
{
    const ZoneTransition *transition = find_transition(table, zone_idx, event);

    assert(zone_is_held(table, zone_idx) && transition->open_delta <= 0);
    table->claimed_active += transition->active_delta > 0 ? delta : 0;
    table->claimed_zrwa += transition->set_attributes & ZONE_ATTR_ZRWAV ? delta
                                                                        : 0;
}

void zone_table_claim(ZoneTable *table, uint32_t zone_idx, ZoneEvent event)
{
    assert(zone_table_check_event(table, zone_idx, event) == ZONE_OK);
    count_claim(table, zone_idx, event, 1);
}

void zone_table_unclaim(ZoneTable *table, uint32_t zone_idx, ZoneEvent event)
{
    count_claim(table, zone_idx, event, -1);
}

uint64_t zone_table_word_after(const ZoneTable *table, uint32_t zone_idx,
                               ZoneEvent event)
{
    const ZoneTransition *transition = find_transition(table, zone_idx, event);
    ZoneAfter after = compute_after(table, zone_idx, transition);

    assert(zone_table_check_event(table, zone_idx, event) == ZONE_OK);
    return zone_state_is_active(transition->next) ?
           zone_word_of_active(table, zone_idx, after.word) : after.word;
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
    if (table->geometry.max_open_zones &&
        nr_closed > table->geometry.max_open_zones) {
        return ZONE_ERR_TOO_MANY_OPEN; /* however many there are to look at */
    }
    for (i = 0; i < nr_closed; i++) {
        if (zone_is_held(table, zone_idx)) {
            return ZONE_BUSY_OTHERS;
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
        return nr_held >= nr_closed - room ? ZONE_BUSY_OTHERS :
               ZONE_ERR_TOO_MANY_OPEN;
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
