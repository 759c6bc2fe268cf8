/*
 * What the unit tests of the zone table share
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "zone-test.h"

ZoneInfo info_of(const ZoneTable *table, uint32_t zone_idx)
{
    ZoneInfo info;

    zone_table_verify(table);
    zone_table_info(table, zone_idx, &info);
    return info;
}

ZoneState state_of(const ZoneTable *table, uint32_t zone_idx)
{
    return info_of(table, zone_idx).state;
}

uint64_t wp_of(const ZoneTable *table, uint32_t zone_idx)
{
    ZoneInfo info = info_of(table, zone_idx);

    return info.wp_bytes - info.start_bytes;
}

uint64_t reserved_of(const ZoneTable *table, uint32_t zone_idx)
{
    ZoneInfo info = info_of(table, zone_idx);

    return info.reserved_bytes - info.start_bytes;
}

uint8_t attributes_of(const ZoneTable *table, uint32_t zone_idx)
{
    return info_of(table, zone_idx).attributes;
}

ZoneStatus begin_at(ZoneTable *table, ZoneWrite *write, uint32_t zone_idx,
                    uint64_t pos_bytes, uint64_t bytes)
{
    uint64_t start_bytes = zone_idx * zone_table_geometry(table)->zone_bytes;

    return zone_table_write_begin(table, write, start_bytes + pos_bytes,
                                  bytes);
}

ZoneStatus append_to(ZoneTable *table, ZoneWrite *write, uint32_t zone_idx,
                     uint64_t bytes)
{
    uint64_t start_bytes = zone_idx * zone_table_geometry(table)->zone_bytes;

    return zone_table_append_begin(table, write, start_bytes, bytes);
}

ZoneStatus write_some(ZoneTable *table, uint32_t zone_idx, uint64_t bytes)
{
    ZoneWrite write;
    ZoneStatus status = begin_at(table, &write, zone_idx,
                                 reserved_of(table, zone_idx), bytes);

    if (status == ZONE_OK) {
        zone_table_write_end(table, &write, true);
    }
    return status;
}

bool advise(ZoneTable *table, uint32_t zone_idx, uint8_t set, uint8_t clear)
{
    ZoneAdvice advice = { .set = set, .clear = clear };

    return zone_table_advise(table, zone_idx, &advice);
}

uint64_t word_advised(const ZoneTable *table, uint32_t zone_idx, uint8_t set,
                      uint8_t clear)
{
    ZoneAdvice advice = { .set = set, .clear = clear };

    return zone_table_word_advised(table, zone_idx, &advice);
}

ZoneStatus send(ZoneTable *table, uint32_t zone_idx, ZoneEvent event)
{
    return zone_table_event(table, zone_idx, event, NULL);
}

void expect_send(ZoneTable *table, uint32_t zone_idx, ZoneEvent event)
{
    g_assert_cmpstr(zone_status_str(send(table, zone_idx, event)), ==,
                    zone_status_str(ZONE_OK));
    zone_table_verify(table);
}

void bring_to(ZoneTable *table, uint32_t zone_idx, ZoneState state)
{
    switch (state) {
    case ZONE_STATE_IMPLICITLY_OPENED:
        g_assert_cmpint(write_some(table, zone_idx, 4096), ==, ZONE_OK);
        break;
    case ZONE_STATE_EXPLICITLY_OPENED:
        expect_send(table, zone_idx, ZONE_EVENT_OPEN);
        break;
    case ZONE_STATE_CLOSED:
        g_assert_cmpint(write_some(table, zone_idx, 4096), ==, ZONE_OK);
        expect_send(table, zone_idx, ZONE_EVENT_CLOSE);
        break;
    case ZONE_STATE_FULL:
        expect_send(table, zone_idx, ZONE_EVENT_FINISH);
        break;
    case ZONE_STATE_READ_ONLY:
        expect_send(table, zone_idx, ZONE_EVENT_FAULT_READ_ONLY);
        break;
    case ZONE_STATE_OFFLINE:
        expect_send(table, zone_idx, ZONE_EVENT_FAULT_OFFLINE);
        break;
    default:
        break;
    }
    g_assert_cmpint(state_of(table, zone_idx), ==, state);
}
