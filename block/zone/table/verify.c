/*
 * Zone table: recounts everything that the table counts or caches
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "block/zone.h"
#include "block/zone/table/internal.h"

/* What is reported is what is stored, or waits for a failed write below */
static void verify_wp(const ZoneTable *table, uint32_t zone_idx)
{
    uint64_t wp_bytes = zone_frontier(table, zone_idx);

    if (zone_has_failed(table, zone_idx)) {
        wp_bytes = MIN(zone_failed_cut(table, zone_idx, wp_bytes, true),
                       zone_failed_lowest(table, zone_idx));
    }
    assert(zone_wp(table, zone_idx) == wp_bytes);
}

static void verify_zone(const ZoneTable *table, uint32_t zone_idx)
{
    ZoneState state = zone_state(table, zone_idx);
    uint64_t word = table->words[zone_idx];
    uint64_t start_bytes = zone_start(table, zone_idx);
    uint64_t end_bytes = zone_writable_end(table, zone_idx);
    uint64_t wp_bytes = zone_wp(table, zone_idx);
    uint64_t reserved_bytes = zone_reserved(table, zone_idx);
    bool active = zone_state_is_active(state);

    assert(!zone_word_check(&table->geometry, zone_idx, word));
    assert(wp_bytes <= reserved_bytes && reserved_bytes <= end_bytes);
    assert(zone_stored_wp(table, zone_idx) >= wp_bytes);
    assert(!zone_word_check(&table->geometry, zone_idx,
                            zone_table_word(table, zone_idx)));
    assert(active || !zone_has_zrwa(table, zone_idx));
    assert((active && !zone_has_zrwa(table, zone_idx)) ||
           !zone_has_failed(table, zone_idx));
    if (active && !zone_has_zrwa(table, zone_idx)) {
        verify_wp(table, zone_idx);
    }
    assert((state == ZONE_STATE_READ_ONLY) ==
           (zone_word_state(word) == ZONE_WORD_READ_ONLY));
    assert((state == ZONE_STATE_OFFLINE) ==
           (zone_word_state(word) == ZONE_WORD_OFFLINE));
    assert(state == ZONE_STATE_FULL ||
           zone_word_state(word) != ZONE_WORD_FULL);
    assert((state == ZONE_STATE_CONVENTIONAL) ==
           (zone_idx < table->geometry.conventional_zones));
    if (state == ZONE_STATE_EMPTY) {
        assert(wp_bytes == start_bytes && reserved_bytes == start_bytes);
        assert(!(zone_word_attributes(word) & ZONE_ATTR_ZDEV));
    } else if (state == ZONE_STATE_FULL) {
        assert(wp_bytes == reserved_bytes);
        assert(wp_bytes == end_bytes ||
               zone_word_state(word) == ZONE_WORD_FULL);
    } else if (active) {
        assert(wp_bytes < end_bytes);
    }
}

static uint32_t verify_list(const ZoneTable *table, ZoneState state)
{
    const ZoneList *list = &table->lists[state];
    uint32_t prev = ZONE_NONE;
    uint32_t count = 0;
    uint32_t i;

    for (i = list->head; i != ZONE_NONE; i = table->next[i]) {
        assert(zone_state(table, i) == state);
        assert(table->prev[i] == prev);
        assert(count < table->geometry.nr_zones);
        prev = i;
        count++;
    }
    assert(list->tail == prev);
    return count;
}

static void verify_groups(const ZoneTable *table)
{
    uint32_t nr_zones = table->geometry.nr_zones;
    uint32_t first, i, state;

    for (first = 0; first < nr_zones; first += ZONE_GROUP_ZONES) {
        const ZoneGroup *group = &table->groups[first / ZONE_GROUP_ZONES];
        uint32_t by_state[G_N_ELEMENTS(group->by_state)] = { 0 };
        uint32_t with_attributes = 0;
        ZoneSummary all = {};

        for (i = first; i < nr_zones && i < first + ZONE_GROUP_ZONES; i++) {
            zone_summary_add(table, i, &all);
            with_attributes +=
                !!(zone_word_attributes(table->words[i]) & ZONE_ATTR_REPORTED);
        }
        for (state = 0; state < ZONE_STATE__MAX; state++) {
            by_state[ZONE_GROUP_STATE(state)] += all.by_state[state];
        }
        for (state = 0; state < G_N_ELEMENTS(by_state); state++) {
            assert(group->by_state[state] == by_state[state]);
        }
        for (state = 0; state <= ZONE_STATE_CLOSED; state++) {
            assert(group->zrwa_by_state[state] == all.zrwa_by_state[state]);
        }
        assert(group->nr_with_attributes == with_attributes);
        assert(group->nr_closed_half == all.nr_closed_half);
        assert(group->closed_bytes == all.closed_bytes);
    }
}

static void verify_write(const ZoneTable *table, const ZoneWrite *write)
{
    uint32_t zone_idx = write->zone_idx;

    assert(write->seq < table->next_seq);
    if (zone_unsure_find(table, zone_idx, write->start_bytes,
                         write->end_bytes)) {
        assert(write->unwritten_bytes == UINT64_MAX && !write->passed_by);
        assert(write->end_bytes <= zone_reserved(table, zone_idx));
        return;
    }
    assert(write->start_bytes >= zone_wp(table, zone_idx));
    if (zone_has_zrwa(table, zone_idx)) {
        return;
    }
    assert(zone_state(table, zone_idx) != ZONE_STATE_FULL);
    assert(write->end_bytes <= zone_reserved(table, zone_idx));
    if (!zone_write_is_retry(table, write)) {
        assert(write->unwritten_bytes == write->start_bytes);
        /* What is stored covers what has been written, or has failed */
        assert(write->start_bytes >= zone_stored_wp(table, zone_idx));
    }
}

static uint64_t verify_queue(const ZoneTable *table, const ZoneQueue *queue,
                             unsigned bucket, bool writes)
{
    ZoneWrite *const *link = &queue->first;
    const ZoneWrite *write;
    uint64_t nr_passed = 0;

    for (write = *link; write; write = *link) {
        uint32_t zone_idx = write->zone_idx;

        assert(write->tracked && write->pprev == link);
        assert(zone_idx % ZONE_BUCKETS == bucket);
        assert(write->start_bytes < write->end_bytes);
        assert(write->start_bytes >= zone_start(table, zone_idx));
        assert(write->end_bytes <= zone_start(table, zone_idx) +
                                   table->geometry.zone_bytes);
        if (writes) {
            verify_write(table, write);
        }
        nr_passed += !!write->passed_by;
        link = &write->next;
    }
    assert(queue->tail == link);
    return nr_passed;
}

/* Is the range in flight, as a retry or at all? */
static bool is_in_flight(const ZoneTable *table, const ZoneFailed *failed,
                         bool retry)
{
    ZoneWrite *write = NULL;

    while ((write = zone_next_write(table, failed->zone_idx, write))) {
        if (retry ? zone_write_is_retry(table, write) &&
                    write->start_bytes == failed->start_bytes &&
                    write->end_bytes == failed->end_bytes
                  : write->start_bytes < failed->end_bytes &&
                    write->end_bytes > failed->start_bytes) {
            return true;
        }
    }
    return false;
}

static bool overlap(const ZoneFailed *a, const ZoneFailed *b)
{
    return a->start_bytes < b->end_bytes && b->start_bytes < a->end_bytes;
}

/* They neither overlap nor are in flight, unless the flight is a retry */
static void verify_failed_zone(const ZoneTable *table, uint32_t zone_idx)
{
    uint64_t reserved_bytes = zone_reserved(table, zone_idx);
    uint64_t stored_bytes = zone_stored_wp(table, zone_idx);
    uint64_t end_bytes = zone_start(table, zone_idx);
    uint64_t beyond_bytes = reserved_bytes;
    ZoneFailed *failed = NULL;

    while ((failed = zone_next_failed(table, zone_idx, failed))) {
        assert(failed->start_bytes >= end_bytes);
        assert(failed->start_bytes < failed->end_bytes);
        assert(is_in_flight(table, failed, failed->retrying) ==
               failed->retrying);
        if (failed->start_bytes >= reserved_bytes) {
            assert(failed->start_bytes == beyond_bytes);
            assert(!failed->append && !failed->retrying);
            beyond_bytes = failed->end_bytes;
        } else {
            assert(failed->append ||
                   failed->start_bytes >= zone_wp(table, zone_idx));
            assert(failed->end_bytes <= reserved_bytes);
            assert(failed->end_bytes != reserved_bytes || failed->retrying);
            /* Nothing stored rests on it: no roll-back comes below that */
            assert(failed->end_bytes != stored_bytes);
        }
        end_bytes = failed->end_bytes;
    }
    assert(end_bytes <= zone_writable_end(table, zone_idx));
}

/* Apart from all that is not written, and from the others */
static void verify_unsure(const ZoneTable *table, const ZoneFailed *unsure)
{
    uint32_t zone_idx = unsure->zone_idx;
    const ZoneFailed *other;
    ZoneFailed *failed = NULL;

    assert(zone_has_unsure(table, zone_idx));
    assert(!zone_has_zrwa(table, zone_idx));
    assert(zone_state_is_active(zone_state(table, zone_idx)) ||
           zone_state(table, zone_idx) == ZONE_STATE_FULL);
    assert(unsure->start_bytes < unsure->end_bytes && !unsure->append);
    assert(unsure->start_bytes >= zone_start(table, zone_idx));
    assert(unsure->end_bytes <= zone_reserved(table, zone_idx));
    assert(is_in_flight(table, unsure, unsure->retrying) == unsure->retrying);
    while ((failed = zone_next_failed(table, zone_idx, failed))) {
        assert(!overlap(unsure, failed));
    }
    for (other = unsure->next; other; other = other->next) {
        assert(!overlap(unsure, other));
    }
}

/* In the order in which they were passed */
static uint64_t verify_passed(const ZoneTable *table)
{
    ZoneWrite *const *link = &table->passed;
    uint64_t passed_by = 0;
    uint64_t nr_passed = 0;

    for (; *link; link = &(*link)->next_passed) {
        assert((*link)->tracked && (*link)->pprev_passed == link);
        assert((*link)->passed_by && (*link)->passed_by >= passed_by);
        passed_by = (*link)->passed_by;
        nr_passed++;
    }
    assert(table->passed_tail == link && passed_by <= table->nr_ended);
    return nr_passed;
}

static void verify_buckets(const ZoneTable *table)
{
    uint32_t nr_buckets = MIN(table->geometry.nr_zones, ZONE_BUCKETS);
    uint64_t nr_passed = 0;
    uint32_t nr_zones = 0;
    uint32_t i;

    for (i = 0; i < nr_buckets; i++) {
        const ZoneBucket *bucket = &table->buckets[i];
        const ZoneFailed *failed;

        nr_passed += verify_queue(table, &bucket->writes, i, true);
        nr_passed += verify_queue(table, &bucket->discards, i, false);
        assert(bucket->life_seq <= table->next_seq);
        for (failed = bucket->unsure; failed; failed = failed->next) {
            assert(failed->zone_idx % ZONE_BUCKETS == i);
            verify_unsure(table, failed);
        }
        for (failed = bucket->failed; failed; failed = failed->next) {
            assert(failed->zone_idx % ZONE_BUCKETS == i);
            if (!failed->next || failed->next->zone_idx != failed->zone_idx) {
                assert(!failed->next ||
                       failed->next->zone_idx > failed->zone_idx);
                assert(zone_has_failed(table, failed->zone_idx));
                verify_failed_zone(table, failed->zone_idx);
                nr_zones++;
            }
        }
    }
    assert(nr_passed == verify_passed(table));
    for (i = 0; i < table->geometry.nr_zones; i++) {
        nr_zones -= zone_has_failed(table, i);
    }
    assert(nr_zones == 0);
}

void zone_table_verify(const ZoneTable *table)
{
    const ZoneGeometry *geometry = &table->geometry;
    const ZoneCounts *counts = &table->counts;
    uint32_t total = 0;
    uint32_t zrwa = 0;
    uint32_t open, i;

    for (i = 0; i < geometry->nr_zones; i++) {
        verify_zone(table, i);
        zrwa += zone_has_zrwa(table, i);
    }
    for (i = 0; i < ZONE_STATE__MAX; i++) {
        uint32_t count = verify_list(table, i);

        assert(counts->by_state[i] == count);
        total += count;
    }
    assert(total == geometry->nr_zones);
    open = counts->by_state[ZONE_STATE_IMPLICITLY_OPENED] +
           counts->by_state[ZONE_STATE_EXPLICITLY_OPENED];
    assert(counts->open == open);
    assert(counts->active == open + counts->by_state[ZONE_STATE_CLOSED]);
    assert(counts->zrwa == zrwa);
    assert(!geometry->max_open_zones || open <= geometry->max_open_zones);
    verify_groups(table);
    verify_buckets(table);
}
