/*
 * Zone table: what it says of its zones
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "block/zone.h"
#include "block/zone/table/internal.h"

void zone_table_info(const ZoneTable *table, uint32_t zone_idx, ZoneInfo *info)
{
    assert(zone_idx < table->geometry.nr_zones);
    *info = (ZoneInfo) {
        .start_bytes = zone_start(table, zone_idx),
        .length_bytes = table->geometry.zone_bytes,
        .capacity_bytes = zone_writable_end(table, zone_idx) -
                          zone_start(table, zone_idx),
        .wp_bytes = zone_wp(table, zone_idx),
        .reserved_bytes = zone_reserved(table, zone_idx),
        .state = zone_state(table, zone_idx),
        .attributes = zone_word_attributes(table->words[zone_idx]) |
                      (zone_has_zrwa(table, zone_idx) ? ZONE_ATTR_ZRWAV : 0),
        .zone_idx = zone_idx,
    };
}

bool zone_table_has_zrwa(const ZoneTable *table, uint32_t zone_idx)
{
    return zone_has_zrwa(table, zone_idx);
}

ZoneCounts zone_table_counts(const ZoneTable *table)
{
    return table->counts;
}

uint32_t zone_table_idx(const ZoneTable *table, uint64_t offset_bytes)
{
    assert(offset_bytes < zones_end(table));
    return table->zone_shift >= 0 ?
           offset_bytes >> table->zone_shift :
           offset_bytes / table->geometry.zone_bytes;
}

static bool zone_matches(const ZoneTable *table, uint32_t zone_idx,
                         uint32_t states)
{
    return (states & ZONE_STATE_BIT(zone_state(table, zone_idx))) ||
           ((states & ZONE_STATE_BIT(ZONE_WITH_ATTRIBUTES)) &&
            (zone_word_attributes(table->words[zone_idx]) &
             ZONE_ATTR_REPORTED));
}

static bool group_matches(const ZoneTable *table, uint32_t zone_idx,
                          uint32_t states)
{
    const ZoneGroup *group = &table->groups[zone_idx / ZONE_GROUP_ZONES];
    int state;

    for (state = 0; states; state++, states >>= 1) {
        if ((states & 1) && group->by_state[state]) {
            return true;
        }
    }
    return false;
}

uint32_t zone_table_find_among(const ZoneTable *table, uint32_t states,
                               uint32_t zone_idx, uint32_t end_idx)
{
    assert(end_idx <= table->geometry.nr_zones);
    while (zone_idx < end_idx) {
        if (zone_idx % ZONE_GROUP_ZONES == 0 &&
            !group_matches(table, zone_idx, states)) {
            zone_idx += ZONE_GROUP_ZONES;
        } else if (zone_matches(table, zone_idx, states)) {
            return zone_idx;
        } else {
            zone_idx++;
        }
    }
    return end_idx;
}

uint32_t zone_table_find(const ZoneTable *table, ZoneState state,
                         uint32_t zone_idx)
{
    return zone_table_find_among(table, ZONE_STATE_BIT(state), zone_idx,
                                 table->geometry.nr_zones);
}

uint32_t zone_table_count_from(const ZoneTable *table, ZoneState state,
                               uint32_t zone_idx)
{
    const uint32_t nr_zones = table->geometry.nr_zones;
    uint32_t nr = 0;

    for (; zone_idx < nr_zones && zone_idx % ZONE_GROUP_ZONES; zone_idx++) {
        nr += zone_matches(table, zone_idx, ZONE_STATE_BIT(state));
    }
    for (; zone_idx < nr_zones; zone_idx += ZONE_GROUP_ZONES) {
        nr += table->groups[zone_idx / ZONE_GROUP_ZONES].by_state[state];
    }
    return nr;
}

int64_t zone_table_next_in_state(const ZoneTable *table, ZoneState state,
                                 int64_t zone_idx)
{
    uint32_t next;

    assert((unsigned)state < ZONE_STATE__MAX);
    assert(zone_idx >= -1 && zone_idx < table->geometry.nr_zones);
    next = zone_idx < 0 ? table->lists[state].head : table->next[zone_idx];
    return next == ZONE_NONE ? -1 : (int64_t)next;
}
