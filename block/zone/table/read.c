/*
 * Zone table: what reads see
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "block/zone.h"
#include "block/zone/table/internal.h"

/*
 * The stretch at pos_bytes ends where something hidden starts or ends; is it
 * hidden itself?
 */
static bool hide(uint64_t start_bytes, uint64_t hidden_end_bytes,
                 uint64_t pos_bytes, uint64_t *end_bytes)
{
    if (start_bytes > pos_bytes) {
        *end_bytes = MIN(*end_bytes, start_bytes);
    } else if (pos_bytes < hidden_end_bytes) {
        *end_bytes = MIN(*end_bytes, hidden_end_bytes);
        return true;
    }
    return false;
}

/*
 * Between write pointer and reservation; in a ZRWA also below.  Writes in
 * flight hide what they are the first to cover; what has failed stays hidden
 * while it is written again.
 */
static bool extent_above_wp(const ZoneTable *table, uint32_t zone_idx,
                            uint64_t pos_bytes, uint64_t *end_bytes)
{
    ZoneWrite *write = NULL;
    ZoneFailed *failed = NULL;

    *end_bytes = zone_reserved(table, zone_idx);
    while ((write = zone_next_write(table, zone_idx, write))) {
        if (hide(write->unwritten_bytes, write->end_bytes, pos_bytes,
                 end_bytes)) {
            return false;
        }
    }
    while (zone_has_failed(table, zone_idx) &&
           (failed = zone_next_failed(table, zone_idx, failed))) {
        if (hide(failed->start_bytes, failed->end_bytes, pos_bytes,
                 end_bytes)) {
            return false;
        }
    }
    return true;
}

static bool sequential_extent(const ZoneTable *table, uint32_t zone_idx,
                              uint64_t pos_bytes, uint64_t *end_bytes)
{
    if (pos_bytes >= zone_reserved(table, zone_idx)) {
        return false;
    }
    if (pos_bytes < zone_wp(table, zone_idx) &&
        !zone_has_zrwa(table, zone_idx)) {
        *end_bytes = zone_wp(table, zone_idx);
        return true;
    }
    return extent_above_wp(table, zone_idx, pos_bytes, end_bytes);
}

bool zone_table_read_extent(const ZoneTable *table, uint64_t offset_bytes,
                            uint64_t bytes, uint64_t *extent_bytes)
{
    uint32_t zone_idx;
    uint64_t end_bytes;
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

    if (state == ZONE_STATE_OFFLINE) {
        data = false;
    } else if (state != ZONE_STATE_CONVENTIONAL) {
        data = sequential_extent(table, zone_idx, offset_bytes, &end_bytes);
    }
    *extent_bytes = MIN(bytes, end_bytes - offset_bytes);
    return data;
}
