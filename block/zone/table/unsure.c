/*
 * Zone table: unsure ranges of sequential zones
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A write has ended well, and the flush behind it has failed.  The device that
 * sent it is told of an error and may make it again.  To everybody else it is
 * a write that has been written: nothing waits for it, and no roll-back goes
 * over it.  So these ranges are in a list of their own; they lie below the
 * reservation, apart from each other, from failed ranges, and from whatever is
 * in flight but their own retries.
 */

#include "qemu/osdep.h"
#include "block/zone.h"
#include "block/zone/table/internal.h"

ZoneFailed *zone_unsure_find(const ZoneTable *table, uint32_t zone_idx,
                             uint64_t start_bytes, uint64_t end_bytes)
{
    ZoneFailed *unsure = zone_bucket(table, zone_idx)->unsure;

    /* Positions are those of the device: no two zones share one */
    while (unsure && (unsure->start_bytes != start_bytes ||
                      unsure->end_bytes != end_bytes)) {
        unsure = unsure->next;
    }
    return unsure;
}

/* Those of the zone that lie in [start_bytes, end_bytes) */
static void drop(ZoneTable *table, uint32_t zone_idx, uint64_t start_bytes,
                 uint64_t end_bytes)
{
    ZoneFailed **link = &table->buckets[zone_idx % ZONE_BUCKETS].unsure;
    ZoneFailed *unsure;

    table->live[zone_idx] &= ~ZONE_LIVE_UNSURE;
    while ((unsure = *link)) {
        if (unsure->zone_idx == zone_idx &&
            unsure->start_bytes >= start_bytes &&
            unsure->end_bytes <= end_bytes) {
            assert(!unsure->retrying);
            *link = unsure->next;
            g_free(unsure);
            continue;
        }
        if (unsure->zone_idx == zone_idx) {
            table->live[zone_idx] |= ZONE_LIVE_UNSURE;
        }
        link = &unsure->next;
    }
}

/*
 * The caller has let go of the table since the end of the write: the zone may
 * have been reset and written to anew.
 */
void zone_table_write_unsure(ZoneTable *table, const ZoneWrite *write)
{
    uint32_t zone_idx = write->zone_idx;
    ZoneBucket *bucket = &table->buckets[zone_idx % ZONE_BUCKETS];
    ZoneFailed *unsure;

    assert(!write->tracked);
    if (write->append || zone_has_zrwa(table, zone_idx) ||
        zone_state(table, zone_idx) == ZONE_STATE_CONVENTIONAL ||
        write->seq < bucket->life_seq) {
        return;
    }
    unsure = g_new(ZoneFailed, 1);
    *unsure = (ZoneFailed) {
        .next = bucket->unsure,
        .start_bytes = write->start_bytes,
        .end_bytes = write->end_bytes,
        .zone_idx = zone_idx,
    };
    bucket->unsure = unsure;
    table->live[zone_idx] |= ZONE_LIVE_UNSURE;
    zone_table_debug_verify(table);
}

bool zone_unsure_begin(ZoneTable *table, ZoneWrite *write)
{
    ZoneFailed *unsure = zone_unsure_find(table, write->zone_idx,
                                          write->start_bytes,
                                          write->end_bytes);

    if (unsure) {
        unsure->retrying = true;
        write->unwritten_bytes = UINT64_MAX;
    }
    return unsure;
}

bool zone_unsure_end(ZoneTable *table, const ZoneWrite *write, bool success)
{
    ZoneFailed *unsure = zone_unsure_find(table, write->zone_idx,
                                          write->start_bytes,
                                          write->end_bytes);

    if (!unsure) {
        return false;
    }
    unsure->retrying = false;
    if (success) {
        drop(table, write->zone_idx, write->start_bytes, write->end_bytes);
    }
    return true;
}

void zone_unsure_forget(ZoneTable *table, uint32_t zone_idx)
{
    if (zone_has_unsure(table, zone_idx)) {
        drop(table, zone_idx, 0, UINT64_MAX);
    }
    table->buckets[zone_idx % ZONE_BUCKETS].life_seq = table->next_seq;
}
