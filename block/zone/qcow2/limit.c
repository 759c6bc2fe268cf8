/*
 * Zoned qcow2 images: the limit of active zones on disk
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The table keeps to the limit at any time, the words on disk have to as well,
 * whichever of those that are being stored a crash leaves there.  So zones that
 * are active on disk and no longer in the table (releases) may have to be
 * stored before those that are active instead of them.
 */

#include "qemu/osdep.h"
#include "qemu/bitmap.h"
#include "block/zone/qcow2/internal.h"

/* Does the word on disk hold an active resource? */
static bool qcow2_zone_word_is_active(Qcow2Zone *zone, uint32_t zone_idx,
                                      uint64_t word)
{
    return zone_stored_state(&zone->geometry, zone_idx, word) ==
           ZONE_STATE_CLOSED;
}

bool qcow2_zone_word_takes(Qcow2Zone *zone, uint32_t zone_idx, uint64_t word)
{
    return qcow2_zone_word_is_active(zone, zone_idx, word) &&
           !qcow2_zone_word_is_active(zone, zone_idx, zone->durable[zone_idx]);
}

void qcow2_zone_set_durable(Qcow2Zone *zone, uint32_t zone_idx, uint64_t word)
{
    zone->nr_durable_active -=
        qcow2_zone_word_is_active(zone, zone_idx, zone->durable[zone_idx]);
    zone->durable[zone_idx] = word;
    zone->nr_durable_active += qcow2_zone_word_is_active(zone, zone_idx, word);
}

void qcow2_zone_count_durable(Qcow2Zone *zone)
{
    uint32_t i;

    zone->nr_durable_active = 0;
    for (i = 0; i < zone->geometry.nr_zones; i++) {
        zone->nr_durable_active +=
            qcow2_zone_word_is_active(zone, i, zone->durable[i]);
    }
}

bool qcow2_zone_exceeds(Qcow2Zone *zone, uint32_t nr_more)
{
    uint32_t max = zone->geometry.max_active_zones;

    return max && nr_more &&
           (zone->uncertain || zone->nr_durable_active + nr_more > max);
}

/* Adds those of a sector; one at least when the disk may have either word */
static void qcow2_zone_add_releases(Qcow2Zone *zone, uint32_t sector,
                                    GArray *releases)
{
    ZoneTable *table = zone_io_table(zone->io);
    uint32_t first = sector * QCOW2_ZONE_SECTOR_WORDS;
    guint nr_before = releases->len;
    ZoneNewWord release;
    uint32_t i;

    for (i = first; i < qcow2_zone_sector_end(zone, sector); i++) {
        release.zone_idx = i;
        release.word = zone_table_word(table, i);
        if (qcow2_zone_word_is_active(zone, i, zone->durable[i]) &&
            !qcow2_zone_word_is_active(zone, i, release.word)) {
            g_array_append_val(releases, release);
        }
    }
    if (zone->uncertain && releases->len == nr_before) {
        release.zone_idx = first;
        release.word = zone->durable[first];
        g_array_append_val(releases, release);
    }
}

GArray *qcow2_zone_find_releases(Qcow2Zone *zone)
{
    GArray *releases = g_array_new(false, false, sizeof(ZoneNewWord));
    uint32_t sector;

    for (sector = find_first_bit(zone->dirty, zone->nr_sectors);
         sector < zone->nr_sectors;
         sector = find_next_bit(zone->dirty, zone->nr_sectors, sector + 1)) {
        qcow2_zone_add_releases(zone, sector, releases);
    }
    return releases;
}
