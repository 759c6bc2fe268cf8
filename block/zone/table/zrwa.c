/*
 * Zone table: Zone Random Write Areas
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The reservation is the end of the highest write that has completed.  Below
 * it all has been written: a write zeroes the gap that it would leave.
 */

#include "qemu/osdep.h"
#include "block/zone.h"
#include "block/zone/table/internal.h"

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
    while ((other = zone_next_write(table, zone_idx, other))) {
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

/* Where what nobody has written yet starts, gap included */
void zone_zrwa_begin(ZoneTable *table, ZoneWrite *write)
{
    uint64_t unwritten_bytes = MAX(zone_table_write_gap(table, write),
                                   zone_reserved(table, write->zone_idx));

    write->unwritten_bytes = unwritten_bytes < write->end_bytes ?
                             unwritten_bytes : UINT64_MAX;
}

/* Failed writes ***********************************************************/

/* The next write in flight behind prev that comes to a part of the range */
static ZoneWrite *next_overlap(const ZoneTable *table, uint32_t zone_idx,
                               ZoneWrite *prev, uint64_t start_bytes,
                               uint64_t end_bytes)
{
    ZoneWrite *write = prev;

    do {
        write = zone_next_write(table, zone_idx, write);
    } while (write && (write->start_bytes >= end_bytes ||
                       write->end_bytes <= start_bytes));
    return write;
}

bool zone_zrwa_is_zeroing(const ZoneTable *table, uint32_t zone_idx,
                          uint64_t start_bytes, uint64_t end_bytes)
{
    ZoneWrite *write = NULL;

    while ((write = next_overlap(table, zone_idx, write, start_bytes,
                                 end_bytes))) {
        if (write->zeroing || write->exclusive) {
            return true;
        }
    }
    return false;
}

static void mark_overwritten(ZoneTable *table, const ZoneWrite *ended)
{
    ZoneWrite *write = NULL;

    while ((write = next_overlap(table, ended->zone_idx, write,
                                 ended->start_bytes, ended->end_bytes))) {
        write->overwritten = true;
    }
}

static bool is_alone(const ZoneTable *table, const ZoneWrite *write)
{
    ZoneWrite *other = NULL;

    do {
        other = next_overlap(table, write->zone_idx, other,
                             write->start_bytes, write->end_bytes);
    } while (other == write);
    return !other;
}

bool zone_table_write_zero(ZoneTable *table, ZoneWrite *write,
                           uint64_t *start_bytes)
{
    if (!write->tracked) {
        return false;
    }
    *start_bytes = MAX(write->start_bytes, write->unwritten_bytes);
    if (*start_bytes >= write->end_bytes) {
        return false; /* was written before, and that stays */
    }
    if (zone_has_zrwa(table, write->zone_idx)) {
        if (write->overwritten || !is_alone(table, write)) {
            return false;
        }
        write->zeroing = true;
    }
    return true;
}

/* End *********************************************************************/

/* Where the lowest write in flight starts; UINT64_MAX when there is none */
static uint64_t lowest_start(const ZoneTable *table, uint32_t zone_idx)
{
    uint64_t lowest_bytes = UINT64_MAX;
    ZoneWrite *write = NULL;

    while ((write = zone_next_write(table, zone_idx, write))) {
        lowest_bytes = MIN(lowest_bytes, write->start_bytes);
    }
    return lowest_bytes;
}

/*
 * The write pointer follows at a distance of the ZRWA's length, in steps of
 * the granularity, and never covers what is still in flight.
 */
void zone_zrwa_end(ZoneTable *table, const ZoneWrite *write, bool success)
{
    uint32_t zone_idx = write->zone_idx;
    uint64_t granularity_bytes = table->geometry.zrwa_granularity_bytes;
    uint64_t zrwa_bytes = table->geometry.zrwa_bytes;
    uint64_t wp_bytes = zone_wp(table, zone_idx);
    uint64_t lowest_bytes = lowest_start(table, zone_idx);
    uint64_t reserved_bytes = zone_reserved(table, zone_idx);
    uint64_t steps, free_steps;

    if (success) {
        mark_overwritten(table, write);
    }
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
