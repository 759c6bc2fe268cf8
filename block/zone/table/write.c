/*
 * Zone table: writes in flight, and what reads see
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The frontier of a zone is where the lowest write in flight starts, or the
 * reservation when there is none; so a write that has ended needs no record.
 * A reservation is always at the end of all that was reserved before: in a
 * zone without ZRWA, the order of begin is the order of positions.
 */

#include "qemu/osdep.h"
#include "block/zone.h"
#include "internal.h"

/* The next write in flight in a zone; NULL starts */
static ZoneWrite *next_write(const ZoneTable *table, uint32_t zone_idx,
                             ZoneWrite *write)
{
    write = write ? write->next : zone_bucket(table, zone_idx)->first;
    while (write && write->zone_idx != zone_idx) {
        write = write->next;
    }
    return write;
}

static void link_write(ZoneTable *table, ZoneWrite *write)
{
    ZoneBucket *bucket = &table->buckets[write->zone_idx % ZONE_BUCKETS];

    write->seq = table->next_seq++;
    write->passed = false;
    write->tracked = true;
    write->next = NULL;
    write->pprev = bucket->tail;
    *bucket->tail = write;
    bucket->tail = &write->next;
}

static void unlink_write(ZoneTable *table, ZoneWrite *write)
{
    ZoneBucket *bucket = &table->buckets[write->zone_idx % ZONE_BUCKETS];

    *write->pprev = write->next;
    if (write->next) {
        write->next->pprev = write->pprev;
    } else {
        bucket->tail = write->pprev;
    }
    write->next = NULL;
    write->pprev = NULL;
    if (write->passed) {
        table->nr_passed--;
    }
}

bool zone_table_in_flight(const ZoneTable *table, uint32_t zone_idx)
{
    assert(zone_idx < table->geometry.nr_zones);
    return next_write(table, zone_idx, NULL);
}

/* Where the lowest write in flight starts; UINT64_MAX when there is none */
static uint64_t lowest_start(const ZoneTable *table, uint32_t zone_idx)
{
    ZoneWrite *write = next_write(table, zone_idx, NULL);
    uint64_t lowest_bytes = UINT64_MAX;

    if (write && !zone_has_zrwa(table, zone_idx)) {
        return write->start_bytes;
    }
    for (; write; write = next_write(table, zone_idx, write)) {
        lowest_bytes = MIN(lowest_bytes, write->start_bytes);
    }
    return lowest_bytes;
}

/*
 * Writes in flight in a ZRWA may cover what has been written already, even
 * below a write pointer that is durable: those do not hold it back.
 */
uint64_t zone_stored_wp(const ZoneTable *table, uint32_t zone_idx)
{
    uint64_t wp_bytes = zone_reserved(table, zone_idx);
    ZoneWrite *write = NULL;

    if (!zone_has_zrwa(table, zone_idx)) {
        return zone_wp(table, zone_idx);
    }
    while ((write = next_write(table, zone_idx, write))) {
        wp_bytes = MIN(wp_bytes, write->unwritten_bytes);
    }
    return wp_bytes;
}

/* Begin */

static ZoneStatus check_position(const ZoneTable *table, uint32_t zone_idx,
                                 uint64_t start_bytes, uint64_t bytes)
{
    uint64_t end_bytes = start_bytes + bytes;
    uint64_t first_bytes = zone_reserved(table, zone_idx);
    uint64_t last_bytes = first_bytes;

    if (zone_has_zrwa(table, zone_idx)) {
        first_bytes = zone_wp(table, zone_idx);
        last_bytes = first_bytes + 2 * table->geometry.zrwa_bytes;
        if (end_bytes > last_bytes) {
            return ZONE_ERR_NOT_AT_WP;
        }
    }
    if (start_bytes < first_bytes || start_bytes > last_bytes) {
        return ZONE_ERR_NOT_AT_WP;
    }
    if (end_bytes > zone_writable_end(table, zone_idx)) {
        return ZONE_ERR_BOUNDARY;
    }
    return ZONE_OK;
}

/*
 * All checks of a write that does not leave its zone.  A zone whose last byte
 * is spoken for is full for whoever comes next, though its state says so only
 * once the writes have ended.
 */
static ZoneStatus check_begin(const ZoneTable *table, uint32_t zone_idx,
                              uint64_t start_bytes, uint64_t bytes,
                              uint32_t *victim)
{
    ZoneState state = zone_state(table, zone_idx);
    const ZoneTransition *transition =
        zone_transition(state, ZONE_EVENT_WRITE);
    ZoneStatus status;

    *victim = ZONE_NONE;
    if (zone_is_held(table, zone_idx)) {
        return ZONE_BUSY;
    }
    if (state == ZONE_STATE_CONVENTIONAL) {
        return ZONE_OK;
    }
    if (transition->refusal != ZONE_OK) {
        return transition->refusal;
    }
    if (!zone_has_zrwa(table, zone_idx) && zone_reserved(table, zone_idx) ==
        zone_writable_end(table, zone_idx)) {
        return ZONE_ERR_FULL;
    }
    status = check_position(table, zone_idx, start_bytes, bytes);
    if (status != ZONE_OK) {
        return status;
    }
    return zone_table_admit(table, zone_idx, ZONE_EVENT_WRITE, victim);
}

/* Does [offset_bytes, offset_bytes + bytes) leave the zone it starts in? */
static bool crosses_zones(const ZoneTable *table, uint64_t offset_bytes,
                          uint64_t bytes)
{
    uint32_t zone_idx;

    if (offset_bytes >= zones_end(table)) {
        return true;
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

/* In a ZRWA: where what nobody has written yet starts, gap included */
static uint64_t first_unwritten(const ZoneTable *table, const ZoneWrite *write)
{
    uint64_t unwritten_bytes = MAX(zone_table_write_gap(table, write),
                                   zone_reserved(table, write->zone_idx));

    return unwritten_bytes < write->end_bytes ? unwritten_bytes : UINT64_MAX;
}

static void begin(ZoneTable *table, ZoneWrite *write, uint32_t zone_idx,
                  uint64_t start_bytes, uint64_t bytes, uint32_t victim)
{
    *write = (ZoneWrite) {
        .start_bytes = start_bytes,
        .end_bytes = start_bytes + bytes,
        .zone_idx = zone_idx,
    };
    if (zone_state(table, zone_idx) == ZONE_STATE_CONVENTIONAL) {
        return;
    }
    zone_table_apply(table, zone_idx, ZONE_EVENT_WRITE, victim);
    link_write(table, write);
    if (!zone_has_zrwa(table, zone_idx)) {
        zone_set_reserved(table, zone_idx, write->end_bytes);
    } else {
        write->unwritten_bytes = first_unwritten(table, write);
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
        begin(table, write, zone_idx, offset_bytes, bytes, victim);
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
        begin(table, write, zone_idx, start_bytes, bytes, victim);
    }
    return status;
}

/* End */

/*
 * A success above what writes in flight are the first to cover: a commit has
 * to wait for those
 */
static void mark_passed(ZoneTable *table, const ZoneWrite *ended)
{
    bool zrwa = zone_has_zrwa(table, ended->zone_idx);
    ZoneWrite *write = NULL;

    while ((write = next_write(table, ended->zone_idx, write))) {
        bool below = zrwa ? write->unwritten_bytes < ended->end_bytes
                          : write->start_bytes < ended->start_bytes;

        if (below && !write->passed) {
            write->passed = true;
            table->nr_passed++;
        } else if (!below && !zrwa) {
            break;
        }
    }
}

static void end_sequential(ZoneTable *table, const ZoneWrite *write,
                           bool success)
{
    uint32_t zone_idx = write->zone_idx;
    uint64_t reserved_bytes = zone_reserved(table, zone_idx);

    if (!success && write->end_bytes == reserved_bytes) {
        reserved_bytes = write->start_bytes;
        zone_set_reserved(table, zone_idx, reserved_bytes);
    }
    zone_set_wp(table, zone_idx,
                MIN(reserved_bytes, lowest_start(table, zone_idx)));
}

/*
 * The write pointer follows at a distance of the ZRWA's length, in steps of
 * the granularity, and never covers what is still in flight.
 */
static void end_zrwa(ZoneTable *table, const ZoneWrite *write, bool success)
{
    uint32_t zone_idx = write->zone_idx;
    uint64_t granularity_bytes = table->geometry.zrwa_granularity_bytes;
    uint64_t zrwa_bytes = table->geometry.zrwa_bytes;
    uint64_t wp_bytes = zone_wp(table, zone_idx);
    uint64_t lowest_bytes = lowest_start(table, zone_idx);
    uint64_t reserved_bytes = zone_reserved(table, zone_idx);
    uint64_t steps, free_steps;

    if (success && write->end_bytes > reserved_bytes) {
        reserved_bytes = write->end_bytes;
        zone_set_reserved(table, zone_idx, reserved_bytes);
    }
    if (reserved_bytes - wp_bytes <= zrwa_bytes) {
        return;
    }
    steps = (reserved_bytes - wp_bytes - zrwa_bytes + granularity_bytes - 1) /
            granularity_bytes;
    if (lowest_bytes != UINT64_MAX) {
        free_steps = (lowest_bytes - wp_bytes) / granularity_bytes;
        steps = MIN(steps, free_steps);
    }
    wp_bytes += steps * granularity_bytes;
    zone_set_wp(table, zone_idx,
                MIN(wp_bytes, zone_writable_end(table, zone_idx)));
}

bool zone_table_write_end(ZoneTable *table, ZoneWrite *write, bool success)
{
    uint64_t word;

    if (!write->tracked) {
        return false;
    }
    word = zone_table_word(table, write->zone_idx);
    unlink_write(table, write);
    if (success) {
        mark_passed(table, write);
    }
    if (zone_has_zrwa(table, write->zone_idx)) {
        end_zrwa(table, write, success);
    } else {
        end_sequential(table, write, success);
    }
    zone_table_check_filled(table, write->zone_idx);
    write->tracked = false;
    zone_table_debug_verify(table);
    return zone_table_word(table, write->zone_idx) != word;
}

bool zone_table_passed_before(const ZoneTable *table, uint64_t seq)
{
    uint64_t left = table->nr_passed;
    unsigned i;

    for (i = 0; left && i < ZONE_BUCKETS; i++) {
        const ZoneWrite *write;

        for (write = table->buckets[i].first; write; write = write->next) {
            if (write->passed && write->seq < seq) {
                return true;
            }
            left -= write->passed;
        }
    }
    return false;
}

uint64_t zone_table_next_seq(const ZoneTable *table)
{
    return table->next_seq;
}

/* Reads */

/*
 * The stretch at pos_bytes, between the frontier and the reservation.  Writes
 * in a ZRWA hide what they are the first to cover.
 */
static bool extent_in_flight(const ZoneTable *table, uint32_t zone_idx,
                             uint64_t pos_bytes, uint64_t *end_bytes)
{
    bool zrwa = zone_has_zrwa(table, zone_idx);
    uint64_t reserved_bytes = zone_reserved(table, zone_idx);
    ZoneWrite *write = NULL;

    *end_bytes = reserved_bytes;
    while ((write = next_write(table, zone_idx, write))) {
        uint64_t hidden_bytes = zrwa ? write->unwritten_bytes
                                     : write->start_bytes;

        if (hidden_bytes <= pos_bytes && pos_bytes < write->end_bytes) {
            *end_bytes = MIN(write->end_bytes, reserved_bytes);
            return false;
        }
        if (hidden_bytes > pos_bytes) {
            *end_bytes = MIN(*end_bytes, hidden_bytes);
        }
    }
    return true;
}

bool zone_table_read_extent(const ZoneTable *table, uint64_t offset_bytes,
                            uint64_t bytes, uint64_t *extent_bytes)
{
    uint32_t zone_idx;
    uint64_t end_bytes, data_bytes;
    ZoneState state;
    bool data = true;

    assert(bytes > 0);
    if (offset_bytes >= zones_end(table)) {
        *extent_bytes = bytes;
        return true;
    }
    zone_idx = zone_table_idx(table, offset_bytes);
    state = zone_state(table, zone_idx);
    end_bytes = zone_start(table, zone_idx) + table->geometry.zone_bytes;
    data_bytes = zone_stored_wp(table, zone_idx);

    if (state == ZONE_STATE_OFFLINE) {
        data = false;
    } else if (state != ZONE_STATE_CONVENTIONAL) {
        if (offset_bytes < data_bytes) {
            end_bytes = data_bytes;
        } else if (offset_bytes < zone_reserved(table, zone_idx)) {
            data = extent_in_flight(table, zone_idx, offset_bytes, &end_bytes);
        } else {
            data = false;
        }
    }
    *extent_bytes = MIN(bytes, end_bytes - offset_bytes);
    return data;
}

/* Zone Random Write Areas */

uint64_t zone_table_write_gap(const ZoneTable *table, const ZoneWrite *write)
{
    uint32_t zone_idx = write->zone_idx;
    uint64_t gap_bytes = write->start_bytes;
    ZoneWrite *other = NULL;

    if (!write->tracked || !zone_has_zrwa(table, zone_idx)) {
        return gap_bytes;
    }
    gap_bytes = zone_reserved(table, zone_idx);
    /* A write that began before takes care of all that is below its end */
    while ((other = next_write(table, zone_idx, other))) {
        if (other->seq < write->seq) {
            gap_bytes = MAX(gap_bytes, other->end_bytes);
        }
    }
    return MIN(gap_bytes, write->start_bytes);
}

void zone_table_gap_filled(ZoneTable *table, ZoneWrite *write)
{
    write->unwritten_bytes = MAX(write->unwritten_bytes, write->start_bytes);
    zone_table_debug_verify(table);
}

ZoneStatus zone_table_zrwa_flush(ZoneTable *table, uint64_t end_bytes)
{
    const ZoneGeometry *geometry = &table->geometry;
    uint32_t zone_idx, victim;
    uint64_t wp_bytes, limit_bytes;
    ZoneStatus status;

    if (end_bytes == 0 || end_bytes > zones_end(table)) {
        return ZONE_ERR_BOUNDARY;
    }
    zone_idx = zone_table_idx(table, end_bytes - 1);
    if (!zone_has_zrwa(table, zone_idx)) {
        return ZONE_ERR_NO_ZRWA;
    }
    assert(!zone_table_in_flight(table, zone_idx));
    wp_bytes = zone_wp(table, zone_idx);
    limit_bytes = MIN(wp_bytes + geometry->zrwa_bytes,
                      zone_writable_end(table, zone_idx));
    if (end_bytes <= wp_bytes || end_bytes > limit_bytes) {
        return ZONE_ERR_BOUNDARY;
    }
    if ((end_bytes - wp_bytes) % geometry->zrwa_granularity_bytes &&
        end_bytes != zone_writable_end(table, zone_idx)) {
        return ZONE_ERR_UNALIGNED;
    }
    status = zone_table_admit(table, zone_idx, ZONE_EVENT_WRITE, &victim);
    if (status != ZONE_OK) {
        return status;
    }
    zone_table_apply(table, zone_idx, ZONE_EVENT_WRITE, victim);
    zone_set_wp(table, zone_idx, end_bytes);
    zone_set_reserved(table, zone_idx,
                      MAX(end_bytes, zone_reserved(table, zone_idx)));
    zone_table_check_filled(table, zone_idx);
    zone_table_debug_verify(table);
    return ZONE_OK;
}
