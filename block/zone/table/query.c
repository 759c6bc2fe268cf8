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
        .limits = zone_word_limits(table->words[zone_idx]),
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

static uint32_t group_count(const ZoneTable *table, uint32_t zone_idx,
                            ZoneState state)
{
    const ZoneGroup *group = &table->groups[zone_idx / ZONE_GROUP_ZONES];

    return state == ZONE_WITH_ATTRIBUTES
        ? group->nr_with_attributes
        : group->by_state[ZONE_GROUP_STATE(state)];
}

static bool group_matches(const ZoneTable *table, uint32_t zone_idx,
                          uint32_t states)
{
    int state;

    for (state = 0; states; state++, states >>= 1) {
        if ((states & 1) && group_count(table, zone_idx, state)) {
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
        nr += group_count(table, zone_idx, state);
    }
    return nr;
}

void zone_summary_add(const ZoneTable *table, uint32_t zone_idx,
                      ZoneSummary *summary)
{
    ZoneState state = zone_state(table, zone_idx);

    summary->by_state[state]++;
    if (zone_has_zrwa(table, zone_idx)) {
        summary->zrwa_by_state[state]++;
    } else if (zone_is_summed(table, zone_idx)) {
        summary->nr_closed_half += zone_is_half_written(table, zone_idx);
        summary->closed_bytes += zone_wp(table, zone_idx) -
                                 zone_start(table, zone_idx);
    }
}

static void summary_add_group(const ZoneGroup *group, ZoneSummary *summary)
{
    static const ZoneState states[] = {
        ZONE_STATE_CONVENTIONAL, ZONE_STATE_EMPTY,
        ZONE_STATE_IMPLICITLY_OPENED, ZONE_STATE_EXPLICITLY_OPENED,
        ZONE_STATE_CLOSED, ZONE_STATE_READ_ONLY, ZONE_STATE_FULL,
        ZONE_STATE_OFFLINE,
    };
    size_t i;
    int state;

    for (i = 0; i < G_N_ELEMENTS(states); i++) {
        summary->by_state[states[i]] +=
            group->by_state[ZONE_GROUP_STATE(states[i])];
    }
    for (state = 0; state <= ZONE_STATE_CLOSED; state++) {
        summary->zrwa_by_state[state] += group->zrwa_by_state[state];
    }
    summary->nr_closed_half += group->nr_closed_half;
    summary->closed_bytes += group->closed_bytes;
}

void zone_table_summarize(const ZoneTable *table, uint32_t zone_idx,
                          uint32_t nr_zones, ZoneSummary *summary)
{
    uint32_t end = MIN((uint64_t)zone_idx + nr_zones,
                       table->geometry.nr_zones);

    *summary = (ZoneSummary) {};
    while (zone_idx < end) {
        if (zone_idx % ZONE_GROUP_ZONES == 0 &&
            end - zone_idx >= ZONE_GROUP_ZONES) {
            summary_add_group(&table->groups[zone_idx / ZONE_GROUP_ZONES],
                              summary);
            zone_idx += ZONE_GROUP_ZONES;
        } else {
            zone_summary_add(table, zone_idx++, summary);
        }
    }
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
