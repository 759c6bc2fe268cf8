/*
 * Zone table: its life, states with what counts them, stored words
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "block/zone.h"
#include "block/zone/table/internal.h"

/* States, counters and lists */

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

void zone_sum(ZoneTable *table, uint32_t zone_idx, int sign)
{
    ZoneGroup *group = &table->groups[zone_idx / ZONE_GROUP_ZONES];
    uint64_t written_bytes = zone_wp(table, zone_idx) -
                             zone_start(table, zone_idx);

    group->closed_bytes += sign > 0 ? written_bytes : -written_bytes;
    group->nr_closed_half += zone_is_half_written(table, zone_idx) ? sign : 0;
}

static void count_zone(ZoneTable *table, uint32_t zone_idx, int delta)
{
    ZoneGroup *group = &table->groups[zone_idx / ZONE_GROUP_ZONES];
    ZoneState state = zone_state(table, zone_idx);

    table->counts.by_state[state] += delta;
    group->by_state[ZONE_GROUP_STATE(state)] += delta;
    table->counts.open += zone_state_is_open(state) ? delta : 0;
    table->counts.active += zone_state_is_active(state) ? delta : 0;
    if (zone_has_zrwa(table, zone_idx)) {
        table->counts.zrwa += delta;
        group->zrwa_by_state[state] += delta;
    } else if (zone_is_summed(table, zone_idx)) {
        zone_sum(table, zone_idx, delta);
    }
}

void zone_set_word(ZoneTable *table, uint32_t zone_idx, uint64_t word)
{
    ZoneGroup *group = &table->groups[zone_idx / ZONE_GROUP_ZONES];
    uint64_t before = table->words[zone_idx];
    bool summed = zone_is_summed(table, zone_idx);

    group->nr_with_attributes +=
        !!(zone_word_attributes(word) & ZONE_ATTR_REPORTED) -
        !!(zone_word_attributes(before) & ZONE_ATTR_REPORTED);
    if (summed) {
        zone_sum(table, zone_idx, -1);
    }
    table->words[zone_idx] = word;
    if (summed) {
        zone_sum(table, zone_idx, 1);
    }
}

void zone_touch(ZoneTable *table, uint32_t zone_idx)
{
    ZoneState state = zone_state(table, zone_idx);

    if (state == ZONE_STATE_IMPLICITLY_OPENED &&
        table->lists[state].tail != zone_idx) {
        list_remove(table, &table->lists[state], zone_idx);
        list_append(table, &table->lists[state], zone_idx);
    }
}

void zone_set_state(ZoneTable *table, uint32_t zone_idx, ZoneState next,
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
        zone_touch(table, zone_idx);
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

/* A zone without a state yet gets that of its word, behind those with one */
static void add_zone(ZoneTable *table, uint32_t zone_idx, uint64_t word)
{
    ZoneGroup *group = &table->groups[zone_idx / ZONE_GROUP_ZONES];
    ZoneState state = zone_stored_state(&table->geometry, zone_idx, word);

    table->words[zone_idx] = word;
    table->live[zone_idx] = (uint64_t)state << ZONE_LIVE_STATE_SHIFT |
                            (word & ZONE_WORD_LESS_MASK) |
                            zone_word_wp_bytes(word);
    group->nr_with_attributes +=
        !!(zone_word_attributes(word) & ZONE_ATTR_REPORTED);
    list_append(table, &table->lists[state], zone_idx);
    count_zone(table, zone_idx, 1);
}

static void add_empty_zone(ZoneTable *table, uint32_t zone_idx)
{
    add_zone(table, zone_idx, zone_empty_word(&table->geometry, zone_idx));
}

/* The reverse, for an Empty zone that nobody uses */
static void remove_zone(ZoneTable *table, uint32_t zone_idx)
{
    assert(zone_state(table, zone_idx) == ZONE_STATE_EMPTY);
    assert(!zone_is_held(table, zone_idx));
    assert(!zone_table_in_flight(table, zone_idx));
    zone_failed_forget(table, zone_idx, 0);
    zone_unsure_forget(table, zone_idx);
    zone_set_word(table, zone_idx, zone_empty_word(&table->geometry, zone_idx));
    count_zone(table, zone_idx, -1);
    list_remove(table, &table->lists[ZONE_STATE_EMPTY], zone_idx);
}

/* The last one has less than the others */
static uint32_t nr_groups(uint32_t nr_zones)
{
    return nr_zones / ZONE_GROUP_ZONES + 1;
}

/* Without zones */
static ZoneTable *new_table(const ZoneGeometry *geometry)
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
    table->groups = g_new0(ZoneGroup, nr_groups(geometry->nr_zones));
    for (i = 0; i < ZONE_STATE__MAX; i++) {
        table->lists[i].head = ZONE_NONE;
        table->lists[i].tail = ZONE_NONE;
    }
    for (i = 0; i < ZONE_BUCKETS; i++) {
        ZoneBucket *bucket = &table->buckets[i];

        bucket->writes.tail = &bucket->writes.first;
        bucket->discards.tail = &bucket->discards.first;
    }
    table->passed_tail = &table->passed;
    return table;
}

ZoneTable *zone_table_new(const ZoneGeometry *geometry)
{
    ZoneTable *table = new_table(geometry);
    uint32_t i;

    for (i = 0; i < geometry->nr_zones; i++) {
        add_empty_zone(table, i);
    }
    return table;
}

ZoneTable *zone_table_new_from_words(const ZoneGeometry *geometry,
                                     const uint64_t *words)
{
    ZoneTable *table = new_table(geometry);
    uint32_t i;

    for (i = 0; i < geometry->nr_zones; i++) {
        add_zone(table, i, words[i]);
    }
    zone_table_debug_verify(table);
    return table;
}

void zone_table_resize(ZoneTable *table, uint32_t nr_zones)
{
    uint32_t nr_before = table->geometry.nr_zones;
    uint32_t groups_before = nr_groups(nr_before);
    uint32_t i;

    for (i = nr_zones; i < nr_before; i++) {
        remove_zone(table, i);
    }
    table->geometry.nr_zones = nr_zones;
    check_geometry(&table->geometry);
    table->words = g_renew(uint64_t, table->words, nr_zones);
    table->live = g_renew(uint64_t, table->live, nr_zones);
    table->prev = g_renew(uint32_t, table->prev, nr_zones);
    table->next = g_renew(uint32_t, table->next, nr_zones);
    table->groups = g_renew(ZoneGroup, table->groups, nr_groups(nr_zones));
    for (i = groups_before; i < nr_groups(nr_zones); i++) {
        table->groups[i] = (ZoneGroup) {};
    }
    for (i = nr_before; i < nr_zones; i++) {
        add_empty_zone(table, i);
    }
    zone_table_debug_verify(table);
}

static void free_failed(ZoneFailed *failed)
{
    while (failed) {
        ZoneFailed *next = failed->next;

        g_free(failed);
        failed = next;
    }
}

void zone_table_free(ZoneTable *table)
{
    uint32_t i;

    if (!table) {
        return;
    }
    assert(!table->claimed_active && !table->claimed_zrwa);
    for (i = 0; i < ZONE_BUCKETS; i++) {
        assert(!table->buckets[i].writes.first);
        assert(!table->buckets[i].discards.first);
        free_failed(table->buckets[i].failed);
        free_failed(table->buckets[i].unsure);
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

static void zone_set_next_less(ZoneTable *table, uint32_t zone_idx,
                               uint64_t less)
{
    table->live[zone_idx] &= ~ZONE_LIVE_LESS_MASK;
    table->live[zone_idx] |= less << ZONE_WORD_LESS_SHIFT;
}

void zone_table_load_word(ZoneTable *table, uint32_t zone_idx, uint64_t word)
{
    assert(zone_idx < table->geometry.nr_zones);
    assert(!zone_word_check(&table->geometry, zone_idx, word));
    assert(!zone_table_in_flight(table, zone_idx));

    zone_failed_forget(table, zone_idx, 0);
    zone_unsure_forget(table, zone_idx);
    zone_set_word(table, zone_idx, word);
    zone_set_reserved(table, zone_idx, zone_word_wp_bytes(word));
    zone_set_next_less(table, zone_idx, zone_word_less(word));
    zone_set_state(table, zone_idx,
                   zone_stored_state(&table->geometry, zone_idx, word), false);
    zone_table_debug_verify(table);
}

/* What is stored */

uint64_t zone_word_of_active(const ZoneTable *table, uint32_t zone_idx,
                             uint64_t word)
{
    uint8_t attributes = zone_word_attributes(word);
    uint64_t wp_bytes = zone_stored_wp(table, zone_idx);

    if (wp_bytes == zone_writable_end(table, zone_idx) ||
        (wp_bytes == zone_start(table, zone_idx) &&
         !(attributes & ZONE_ATTR_ZDEV))) {
        attributes &= ~ZONE_ATTR_OF_ACTIVE;
    }
    return zone_word_encode(ZONE_WORD_DERIVED, false, attributes, wp_bytes) |
           (word & ZONE_WORD_LESS_MASK) |
           (zone_word_limits(word) & zone_limits_of(attributes));
}

static uint64_t stored_word(const ZoneTable *table, uint32_t zone_idx,
                            uint64_t word)
{
    return zone_state_is_active(zone_state(table, zone_idx)) ?
           zone_word_of_active(table, zone_idx, word) : word;
}

uint64_t zone_table_word(const ZoneTable *table, uint32_t zone_idx)
{
    assert(zone_idx < table->geometry.nr_zones);
    return stored_word(table, zone_idx, table->words[zone_idx]);
}

/* Settings, holds, attributes */

void zone_table_set_auto_close(ZoneTable *table, bool enable)
{
    table->geometry.auto_close = enable;
}

void zone_table_set_limits(ZoneTable *table, uint32_t max_open_zones,
                           uint32_t max_active_zones, uint32_t max_append_bytes)
{
    table->geometry.max_open_zones = max_open_zones;
    table->geometry.max_active_zones = max_active_zones;
    table->geometry.max_append_bytes = max_append_bytes;
    check_geometry(&table->geometry);
}

void zone_table_set_zrwa(ZoneTable *table, uint64_t zrwa_bytes,
                         uint64_t granularity_bytes, uint32_t max_zones)
{
    assert(table->counts.zrwa + table->claimed_zrwa == 0);
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

/* The word of the table; zones without attributes keep what they have */
static uint64_t word_advised(const ZoneTable *table, uint32_t zone_idx,
                             const ZoneAdvice *advice)
{
    ZoneState state = zone_state(table, zone_idx);
    uint64_t word = table->words[zone_idx];
    uint8_t kept;

    assert(!((advice->set | advice->clear) & ~(ZONE_ATTR_FZR | ZONE_ATTR_RZR)));
    assert(!(advice->limits & ~zone_limits_of(advice->set)));
    assert(!advice->limits || table->geometry.capacity_step_bytes);
    if (state == ZONE_STATE_CONVENTIONAL || state == ZONE_STATE_OFFLINE) {
        return word;
    }
    kept = zone_word_limits(word) &
           ~zone_limits_of(advice->set | advice->clear);
    word &= ~((uint64_t)advice->clear << ZONE_WORD_ATTR_SHIFT);
    word |= (uint64_t)advice->set << ZONE_WORD_ATTR_SHIFT;
    return (word & ~ZONE_WORD_LIMITS_MASK) | kept | advice->limits;
}

uint64_t zone_table_word_advised(const ZoneTable *table, uint32_t zone_idx,
                                 const ZoneAdvice *advice)
{
    assert(zone_idx < table->geometry.nr_zones);
    return stored_word(table, zone_idx, word_advised(table, zone_idx, advice));
}

bool zone_table_advise(ZoneTable *table, uint32_t zone_idx,
                       const ZoneAdvice *advice)
{
    uint64_t word;

    assert(zone_idx < table->geometry.nr_zones);
    word = word_advised(table, zone_idx, advice);
    if (word == table->words[zone_idx]) {
        return false;
    }
    zone_set_word(table, zone_idx, word);
    zone_table_debug_verify(table);
    return true;
}

bool zone_table_set_next_capacity(ZoneTable *table, uint32_t zone_idx,
                                  uint64_t capacity_bytes)
{
    const ZoneGeometry *geometry = &table->geometry;
    uint64_t less_bytes = geometry->capacity_bytes - capacity_bytes;
    uint64_t step_bytes = geometry->capacity_step_bytes;

    assert(zone_idx < geometry->nr_zones);
    assert(zone_state(table, zone_idx) != ZONE_STATE_CONVENTIONAL);
    if (!step_bytes || !capacity_bytes ||
        capacity_bytes > geometry->capacity_bytes || less_bytes % step_bytes) {
        return false;
    }
    zone_set_next_less(table, zone_idx, zone_word_less(
                           zone_word_of_capacity(geometry, capacity_bytes)));
    return true;
}
