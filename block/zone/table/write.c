/*
 * Zone table: writes and discards in flight
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The frontier of a zone is where the lowest write in flight starts, or the
 * reservation when there is none; so a write that has ended well needs no
 * record.  A reservation is always at the end of all that was reserved before:
 * in a zone without ZRWA, the order of begin is the order of positions.  Writes
 * that make again what has failed are the exception; to all but reads they are
 * writes over what has been written.  Those that make an unsure write again are
 * that to reads as well, and alone may be in flight in a Full zone.
 */

#include "qemu/osdep.h"
#include "block/zone.h"
#include "block/zone/table/internal.h"

static void link_write(ZoneQueue *queue, ZoneWrite *write)
{
    write->tracked = true;
    write->next = NULL;
    write->pprev = queue->tail;
    *queue->tail = write;
    queue->tail = &write->next;
}

static void unlink_write(ZoneQueue *queue, ZoneWrite *write)
{
    *write->pprev = write->next;
    if (write->next) {
        write->next->pprev = write->pprev;
    } else {
        queue->tail = write->pprev;
    }
    write->next = NULL;
    write->pprev = NULL;
    write->tracked = false;
}

bool zone_table_in_flight(const ZoneTable *table, uint32_t zone_idx)
{
    assert(zone_idx < table->geometry.nr_zones);
    return zone_next_write(table, zone_idx, NULL) ||
           zone_write_of(zone_bucket(table, zone_idx)->discards.first,
                         zone_idx);
}

static bool zone_table_others_in_flight(const ZoneTable *table,
                                        const ZoneWrite *write)
{
    ZoneWrite *other = zone_next_write(table, write->zone_idx, NULL);

    return other != write ||
           zone_next_write(table, write->zone_idx, other);
}

bool zone_table_write_begins_life(const ZoneTable *table,
                                  const ZoneWrite *write)
{
    uint64_t start_bytes = zone_start(table, write->zone_idx);

    if (!write->tracked || zone_table_others_in_flight(table, write)) {
        return false;
    }
    return zone_has_zrwa(table, write->zone_idx) ?
           zone_reserved(table, write->zone_idx) == start_bytes :
           write->unwritten_bytes == start_bytes;
}

/* Is no write behind this one in the list the first to cover what is below? */
static bool is_lowest_left(const ZoneTable *table, const ZoneWrite *write)
{
    return write->unwritten_bytes != UINT64_MAX &&
           !zone_has_zrwa(table, write->zone_idx);
}

uint64_t zone_frontier(const ZoneTable *table, uint32_t zone_idx)
{
    uint64_t frontier_bytes = zone_reserved(table, zone_idx);
    ZoneWrite *write = NULL;

    while ((write = zone_next_write(table, zone_idx, write))) {
        frontier_bytes = MIN(frontier_bytes, write->unwritten_bytes);
        if (is_lowest_left(table, write)) {
            break;
        }
    }
    return frontier_bytes;
}

/*
 * Writes over what has been written do not hold it back, though they may be
 * below a write pointer that is durable.
 */
uint64_t zone_stored_wp(const ZoneTable *table, uint32_t zone_idx)
{
    uint64_t frontier_bytes;

    if (!(table->live[zone_idx] & ZONE_LIVE_AHEAD)) {
        return zone_wp(table, zone_idx);
    }
    frontier_bytes = zone_frontier(table, zone_idx);
    return zone_has_failed(table, zone_idx) ?
           zone_failed_cut(table, zone_idx, frontier_bytes, true) :
           frontier_bytes;
}

/* Begin */

/*
 * A zone whose last byte is spoken for is full for whoever comes next, though
 * its state says so only once the writes have ended.
 */
static ZoneStatus check_position(const ZoneTable *table, uint32_t zone_idx,
                                 uint64_t start_bytes, uint64_t bytes)
{
    uint64_t end_bytes = start_bytes + bytes;
    uint64_t limit_bytes = zone_writable_end(table, zone_idx);

    if (zone_has_zrwa(table, zone_idx)) {
        uint64_t wp_bytes = zone_wp(table, zone_idx);

        if (start_bytes < wp_bytes ||
            end_bytes > wp_bytes + 2 * table->geometry.zrwa_bytes) {
            return ZONE_ERR_NOT_AT_WP;
        }
        if (zone_zrwa_is_zeroing(table, zone_idx, start_bytes, end_bytes)) {
            return ZONE_BUSY_RANGE;
        }
    } else {
        uint64_t reserved_bytes = zone_reserved(table, zone_idx);

        if (reserved_bytes == limit_bytes) {
            return ZONE_ERR_FULL;
        }
        if (start_bytes != reserved_bytes) {
            return ZONE_ERR_NOT_AT_WP;
        }
    }
    return end_bytes > limit_bytes ? ZONE_ERR_BOUNDARY : ZONE_OK;
}

static bool may_retry_now(const ZoneTable *table, uint32_t zone_idx,
                          uint64_t start_bytes, uint64_t end_bytes)
{
    if (zone_has_unsure(table, zone_idx)) {
        const ZoneFailed *unsure = zone_unsure_find(table, zone_idx,
                                                    start_bytes, end_bytes);

        if (unsure) {
            return !unsure->retrying;
        }
    }
    return zone_has_failed(table, zone_idx) &&
           zone_failed_may_retry(table, zone_idx, start_bytes, end_bytes);
}

/* All checks of a write that does not leave its zone */
static ZoneStatus check_begin(const ZoneTable *table, uint32_t zone_idx,
                              uint64_t start_bytes, uint64_t bytes,
                              uint32_t *victim)
{
    ZoneState state = zone_state(table, zone_idx);
    const ZoneTransition *transition =
        &zone_transitions[state][ZONE_EVENT_WRITE];
    ZoneStatus status;
    bool may_retry;

    *victim = ZONE_NONE;
    if (zone_is_held(table, zone_idx)) {
        return ZONE_BUSY;
    }
    if (state == ZONE_STATE_CONVENTIONAL) {
        return ZONE_OK;
    }
    may_retry = may_retry_now(table, zone_idx, start_bytes,
                              start_bytes + bytes);
    if (state == ZONE_STATE_FULL && may_retry) {
        return ZONE_OK; /* it stays Full, whatever comes of it */
    }
    if (transition->refusal != ZONE_OK) {
        return transition->refusal;
    }
    if (!may_retry) {
        status = check_position(table, zone_idx, start_bytes, bytes);
        if (status != ZONE_OK) {
            return status;
        }
    }
    return zone_table_admit(table, zone_idx, ZONE_EVENT_WRITE, victim);
}

/*
 * Does [offset_bytes, offset_bytes + bytes) leave the zone it starts in, or all
 * conventional ones?
 */
static bool crosses_zones(const ZoneTable *table, uint64_t offset_bytes,
                          uint64_t bytes)
{
    uint64_t conventional_end = table->geometry.conventional_zones *
                                table->geometry.zone_bytes;
    uint32_t zone_idx;

    if (offset_bytes >= zones_end(table)) {
        return true;
    }
    if (offset_bytes < conventional_end) {
        return bytes > conventional_end - offset_bytes;
    }
    zone_idx = zone_table_idx(table, offset_bytes);
    return bytes > zone_start(table, zone_idx) + table->geometry.zone_bytes -
                   offset_bytes;
}

ZoneStatus zone_table_check_write(const ZoneTable *table,
                                  uint64_t offset_bytes, uint64_t bytes)
{
    uint32_t victim;

    assert(bytes > 0);
    if (crosses_zones(table, offset_bytes, bytes)) {
        return ZONE_ERR_BOUNDARY;
    }
    return check_begin(table, zone_table_idx(table, offset_bytes),
                       offset_bytes, bytes, &victim);
}

/* In a zone without a ZRWA: a retry leaves the reservation alone */
static void begin_sequential(ZoneTable *table, ZoneWrite *write)
{
    uint32_t zone_idx = write->zone_idx;

    if (zone_has_unsure(table, zone_idx) && zone_unsure_begin(table, write)) {
        return;
    }
    if (zone_has_failed(table, zone_idx)) {
        zone_failed_begin(table, write);
    }
    if (!zone_write_is_retry(table, write)) {
        zone_set_reserved(table, zone_idx, write->end_bytes);
    }
}

static void begin(ZoneTable *table, ZoneWrite *write, uint32_t zone_idx,
                  uint64_t start_bytes, uint64_t bytes, uint32_t victim,
                  bool append)
{
    /* That of an open zone changes when a write ends, and not before */
    bool opens = !zone_state_is_open(zone_state(table, zone_idx));
    uint64_t word = opens ? zone_table_word(table, zone_idx) : 0;

    *write = (ZoneWrite) {
        .start_bytes = start_bytes,
        .end_bytes = start_bytes + bytes,
        .unwritten_bytes = start_bytes,
        .zone_idx = zone_idx,
        .append = append,
    };
    if (zone_state(table, zone_idx) == ZONE_STATE_CONVENTIONAL) {
        return;
    }
    if (zone_state(table, zone_idx) != ZONE_STATE_FULL) {
        zone_table_apply(table, zone_idx, ZONE_EVENT_WRITE, victim);
    }
    write->changed = opens && zone_table_word(table, zone_idx) != word;
    write->seq = table->next_seq++;
    link_write(&table->buckets[zone_idx % ZONE_BUCKETS].writes, write);
    if (zone_has_zrwa(table, zone_idx)) {
        zone_zrwa_begin(table, write);
    } else {
        begin_sequential(table, write);
    }
    zone_table_debug_verify(table);
}

ZoneStatus zone_table_write_begin(ZoneTable *table, ZoneWrite *write,
                                  uint64_t offset_bytes, uint64_t bytes)
{
    uint32_t zone_idx, victim;
    ZoneStatus status;

    assert(bytes > 0);
    if (crosses_zones(table, offset_bytes, bytes)) {
        return ZONE_ERR_BOUNDARY;
    }
    zone_idx = zone_table_idx(table, offset_bytes);
    status = check_begin(table, zone_idx, offset_bytes, bytes, &victim);
    if (status == ZONE_OK) {
        begin(table, write, zone_idx, offset_bytes, bytes, victim, false);
    }
    return status;
}

ZoneStatus zone_table_append_begin(ZoneTable *table, ZoneWrite *write,
                                   uint64_t zone_start_bytes, uint64_t bytes)
{
    const ZoneGeometry *geometry = &table->geometry;
    uint32_t zone_idx, victim;
    uint64_t start_bytes;
    ZoneStatus status;

    assert(bytes > 0);
    if (zone_start_bytes >= zones_end(table)) {
        return ZONE_ERR_UNALIGNED;
    }
    zone_idx = zone_table_idx(table, zone_start_bytes);
    if (zone_start_bytes != zone_start(table, zone_idx)) {
        return ZONE_ERR_UNALIGNED;
    }
    if (zone_state(table, zone_idx) == ZONE_STATE_CONVENTIONAL) {
        return ZONE_ERR_CONVENTIONAL;
    }
    if (geometry->max_append_bytes && bytes > geometry->max_append_bytes) {
        return ZONE_ERR_APPEND_LIMIT;
    }
    if (zone_is_held(table, zone_idx)) {
        return ZONE_BUSY;
    }
    if (zone_has_zrwa(table, zone_idx)) {
        return ZONE_ERR_NO_ZRWA;
    }
    /* No sum of position and length can overflow below */
    bytes = MIN(bytes, geometry->zone_bytes + 1);
    start_bytes = zone_reserved(table, zone_idx);
    status = check_begin(table, zone_idx, start_bytes, bytes, &victim);
    if (status == ZONE_OK) {
        begin(table, write, zone_idx, start_bytes, bytes, victim, true);
    }
    return status;
}

/* End */

static void link_passed(ZoneTable *table, ZoneWrite *write)
{
    write->passed_by = table->nr_ended;
    write->next_passed = NULL;
    write->pprev_passed = table->passed_tail;
    *table->passed_tail = write;
    table->passed_tail = &write->next_passed;
}

static void unlink_passed(ZoneTable *table, ZoneWrite *write)
{
    *write->pprev_passed = write->next_passed;
    if (write->next_passed) {
        write->next_passed->pprev_passed = write->pprev_passed;
    } else {
        table->passed_tail = write->pprev_passed;
    }
}

/*
 * A success above what writes in flight are the first to cover: a commit has
 * to wait for those
 */
static void mark_passed(ZoneTable *table, const ZoneWrite *ended)
{
    ZoneWrite *write = NULL;

    while ((write = zone_next_write(table, ended->zone_idx, write))) {
        if (write->unwritten_bytes >= ended->end_bytes) {
            if (is_lowest_left(table, write)) {
                break;
            }
        } else if (!write->passed_by) {
            link_passed(table, write);
        }
    }
}

/* What is reported waits for failed writes to be made again */
static void end_sequential(ZoneTable *table, const ZoneWrite *write,
                           bool success)
{
    uint32_t zone_idx = write->zone_idx;
    uint64_t wp_bytes;

    if (zone_has_unsure(table, zone_idx) &&
        zone_unsure_end(table, write, success)) {
        return; /* it was written before, and still is */
    }
    if (!success || zone_has_failed(table, zone_idx)) {
        zone_failed_end(table, write, success);
    }
    if (zone_has_failed(table, zone_idx)) {
        wp_bytes = MIN(zone_stored_wp(table, zone_idx),
                       zone_failed_lowest(table, zone_idx));
    } else {
        wp_bytes = zone_frontier(table, zone_idx);
    }
    zone_set_wp(table, zone_idx, wp_bytes);
}

bool zone_table_write_end(ZoneTable *table, ZoneWrite *write, bool success)
{
    uint32_t zone_idx = write->zone_idx;
    uint64_t word, word_before;

    if (!write->tracked) {
        return false;
    }
    word_before = zone_table_word(table, zone_idx);
    unlink_write(&table->buckets[zone_idx % ZONE_BUCKETS].writes, write);
    if (write->passed_by) {
        unlink_passed(table, write);
    }
    if (success) {
        table->nr_ended++;
        mark_passed(table, write);
    }
    if (zone_has_zrwa(table, zone_idx)) {
        zone_zrwa_end(table, write, success);
    } else {
        end_sequential(table, write, success);
    }
    zone_table_check_filled(table, zone_idx);
    zone_table_debug_verify(table);
    word = zone_table_word(table, zone_idx);
    /* What a flush has promised stays, whatever fails */
    assert(zone_word_wp_bytes(word) >= zone_word_wp_bytes(word_before));
    return word != word_before;
}

uint64_t zone_table_nr_ended(const ZoneTable *table)
{
    return table->nr_ended;
}

/*
 * What is in flight below one of these was marked when that one ended, and the
 * list is in the order of those ends: the first is the one to look at.
 */
bool zone_table_passed_by(const ZoneTable *table, uint64_t nr_ended)
{
    return table->passed && table->passed->passed_by <= nr_ended;
}

uint64_t zone_table_next_seq(const ZoneTable *table)
{
    return table->next_seq;
}

/* Discards: nothing but a hold waits for them */

ZoneStatus zone_table_discard_begin(ZoneTable *table, ZoneWrite *write,
                                    uint64_t offset_bytes, uint64_t bytes)
{
    uint32_t zone_idx;

    assert(bytes > 0 && !crosses_zones(table, offset_bytes, bytes));
    zone_idx = zone_table_idx(table, offset_bytes);
    if (zone_is_held(table, zone_idx)) {
        return ZONE_BUSY;
    }
    *write = (ZoneWrite) {
        .start_bytes = offset_bytes,
        .end_bytes = offset_bytes + bytes,
        .unwritten_bytes = UINT64_MAX,
        .zone_idx = zone_idx,
    };
    link_write(&table->buckets[zone_idx % ZONE_BUCKETS].discards, write);
    zone_table_debug_verify(table);
    return ZONE_OK;
}

void zone_table_discard_end(ZoneTable *table, ZoneWrite *write)
{
    assert(write->tracked);
    unlink_write(&table->buckets[write->zone_idx % ZONE_BUCKETS].discards,
                 write);
    zone_table_debug_verify(table);
}
