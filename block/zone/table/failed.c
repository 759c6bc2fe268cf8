/*
 * Zone table: failed ranges of sequential zones
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Everything between the start of a zone and its reservation has completed, is
 * in flight, or has failed: the byte before the reservation has not failed.
 * What failed at the tail is known beyond the reservation, without gaps, so
 * that a device can make its requests again in any order.  Those beyond are
 * writes alone: an append comes to another position when it is made again.
 */

#include "qemu/osdep.h"
#include "block/zone.h"
#include "block/zone/table/internal.h"

/* The link to the first range of the bucket that is not below the position */
static ZoneFailed **link_at(ZoneTable *table, uint32_t zone_idx,
                            uint64_t pos_bytes)
{
    ZoneFailed **link = &table->buckets[zone_idx % ZONE_BUCKETS].failed;

    while (*link && ((*link)->zone_idx < zone_idx ||
                     ((*link)->zone_idx == zone_idx &&
                      (*link)->start_bytes < pos_bytes))) {
        link = &(*link)->next;
    }
    return link;
}

ZoneFailed *zone_next_failed(const ZoneTable *table, uint32_t zone_idx,
                             const ZoneFailed *failed)
{
    ZoneFailed *next = failed ? failed->next :
                       zone_bucket(table, zone_idx)->failed;

    while (next && next->zone_idx < zone_idx) {
        next = next->next;
    }
    return next && next->zone_idx == zone_idx ? next : NULL;
}

/* The failed write of exactly that range */
static ZoneFailed *find(const ZoneTable *table, uint32_t zone_idx,
                        uint64_t start_bytes, uint64_t end_bytes)
{
    ZoneFailed *failed = NULL;

    while ((failed = zone_next_failed(table, zone_idx, failed))) {
        if (failed->start_bytes == start_bytes) {
            return failed->end_bytes == end_bytes && !failed->append ?
                   failed : NULL;
        }
    }
    return NULL;
}

static void add(ZoneTable *table, const ZoneWrite *write)
{
    ZoneFailed **link = link_at(table, write->zone_idx, write->start_bytes);
    ZoneFailed *failed = g_new(ZoneFailed, 1);

    *failed = (ZoneFailed) {
        .next = *link,
        .start_bytes = write->start_bytes,
        .end_bytes = write->end_bytes,
        .zone_idx = write->zone_idx,
        .append = write->append,
    };
    *link = failed;
    table->live[write->zone_idx] |= ZONE_LIVE_FAILED;
}

static void drop(ZoneTable *table, ZoneFailed *failed)
{
    uint32_t zone_idx = failed->zone_idx;

    *link_at(table, zone_idx, failed->start_bytes) = failed->next;
    g_free(failed);
    if (!zone_next_failed(table, zone_idx, NULL)) {
        table->live[zone_idx] &= ~ZONE_LIVE_FAILED;
    }
}

void zone_failed_forget(ZoneTable *table, uint32_t zone_idx,
                        uint64_t from_bytes)
{
    ZoneFailed *failed = zone_next_failed(table, zone_idx, NULL);

    while (failed) {
        ZoneFailed *next = zone_next_failed(table, zone_idx, failed);

        if (failed->start_bytes >= from_bytes) {
            assert(!failed->retrying);
            drop(table, failed);
        }
        failed = next;
    }
}

uint64_t zone_failed_lowest(const ZoneTable *table, uint32_t zone_idx)
{
    ZoneFailed *failed = NULL;

    while ((failed = zone_next_failed(table, zone_idx, failed))) {
        if (!failed->append) {
            return failed->start_bytes;
        }
    }
    return UINT64_MAX;
}

uint64_t zone_failed_cut(const ZoneTable *table, uint32_t zone_idx,
                         uint64_t pos_bytes, bool retrying)
{
    uint64_t run_start_bytes = 0;
    uint64_t run_end_bytes = 0;
    ZoneFailed *failed = NULL;

    while ((failed = zone_next_failed(table, zone_idx, failed))) {
        if (failed->end_bytes > pos_bytes) {
            break;
        }
        if (failed->retrying && !retrying) {
            continue;
        }
        if (failed->start_bytes != run_end_bytes) {
            run_start_bytes = failed->start_bytes;
        }
        run_end_bytes = failed->end_bytes;
    }
    return run_end_bytes == pos_bytes ? run_start_bytes : pos_bytes;
}

bool zone_failed_may_retry(const ZoneTable *table, uint32_t zone_idx,
                           uint64_t start_bytes, uint64_t end_bytes)
{
    ZoneFailed *failed = find(table, zone_idx, start_bytes, end_bytes);

    return failed && !failed->retrying &&
           failed->start_bytes != zone_reserved(table, zone_idx);
}

/*
 * Beyond the reservation, a write is one like any other: what is stored has
 * not passed it, and waits for it.
 */
void zone_failed_begin(ZoneTable *table, ZoneWrite *write)
{
    uint32_t zone_idx = write->zone_idx;
    uint64_t reserved_bytes = zone_reserved(table, zone_idx);
    ZoneFailed *failed = write->append ? NULL :
        find(table, zone_idx, write->start_bytes, write->end_bytes);

    if (!failed) {
        zone_failed_forget(table, zone_idx, reserved_bytes);
    } else if (failed->start_bytes < reserved_bytes) {
        failed->retrying = true;
        write->unwritten_bytes = UINT64_MAX;
    } else {
        drop(table, failed);
    }
}

/*
 * To the end of the last byte that has been written or is in flight.  What is
 * stored ends behind a written byte, or where the zone starts: it stays.
 */
static void roll_back(ZoneTable *table, uint32_t zone_idx)
{
    uint64_t reserved_bytes =
        zone_failed_cut(table, zone_idx, zone_reserved(table, zone_idx), false);
    ZoneFailed *failed = NULL;

    zone_set_reserved(table, zone_idx, reserved_bytes);
    /* Nobody comes to what is beyond an append at its old position */
    while ((failed = zone_next_failed(table, zone_idx, failed))) {
        if (failed->append && failed->start_bytes >= reserved_bytes) {
            zone_failed_forget(table, zone_idx, failed->start_bytes);
            break;
        }
    }
}

void zone_failed_end(ZoneTable *table, const ZoneWrite *write, bool success)
{
    ZoneFailed *failed = NULL;

    if (zone_write_is_retry(table, write)) {
        failed = find(table, write->zone_idx, write->start_bytes,
                      write->end_bytes);
        failed->retrying = false;
    }
    if (success) {
        if (failed) {
            drop(table, failed);
        }
        return;
    }
    if (!failed) {
        add(table, write);
    }
    if (write->end_bytes == zone_reserved(table, write->zone_idx)) {
        roll_back(table, write->zone_idx);
    }
}
