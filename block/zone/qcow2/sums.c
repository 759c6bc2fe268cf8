/*
 * Zoned qcow2 images: checksums of what is written
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A record (ring.c) has a checksum of the data that its words are the first to
 * cover.  Whatever is not known here goes the other way.  All is guarded by the
 * table's lock.
 */

#include "qemu/osdep.h"
#include "block/zone/qcow2/internal.h"

/* Where a flush is not near, nobody needs a checksum */
#define QCOW2_ZONE_SUM_BYTES    (64 * KiB)

/* Which of them is never wrong: the order means nothing */
static void sums_remove(ZoneRing *ring, uint32_t i)
{
    ring->sums[i] = ring->sums[--ring->nr_sums];
}

void qcow2_zone_forget_sums(Qcow2Zone *zone, uint32_t zone_idx)
{
    ZoneRing *ring = &zone->ring;
    uint32_t i = 0;

    while (i < ring->nr_sums) {
        if (zone_idx == QCOW2_ZONE_ALL ||
            ring->sums[i].zone_idx == zone_idx) {
            sums_remove(ring, i);
        } else {
            i++;
        }
    }
}

void qcow2_zone_trim_sums(Qcow2Zone *zone)
{
    ZoneRing *ring = &zone->ring;
    uint32_t i = 0;

    while (i < ring->nr_sums) {
        const ZoneSum *sum = &ring->sums[i];

        if (sum->end_bytes <=
            zone_word_wp_bytes(zone->durable[sum->zone_idx])) {
            sums_remove(ring, i);
        } else {
            i++;
        }
    }
}

bool qcow2_zone_wants_sum(BlockDriverState *bs, const ZoneWrite *write,
                          bool fua)
{
    Qcow2Zone *zone = qcow2_zone(bs);

    return write->end_bytes - write->start_bytes <= QCOW2_ZONE_SUM_BYTES &&
           qcow2_zone_can_record(bs) &&
           (fua || qcow2_zone_commits_are_frequent(zone));
}

void qcow2_zone_add_sum(BlockDriverState *bs, const ZoneWrite *write,
                        const void *buf)
{
    Qcow2Zone *zone = qcow2_zone(bs);
    ZoneRing *ring = &zone->ring;
    ZoneSum sum = {
        .start_bytes = write->start_bytes,
        .end_bytes = write->end_bytes,
        .zone_idx = write->zone_idx,
        .checksum = qcow2_zone_checksum(0, buf, write->end_bytes -
                                        write->start_bytes),
    };

    zone_io_lock(zone->io);
    if (ring->nr_sums == QCOW2_ZONE_MAX_SUMS) {
        ring->nr_sums = 0;
    }
    ring->sums[ring->nr_sums++] = sum;
    zone_io_unlock(zone->io);
}

static const ZoneSum *find_sum(const ZoneRing *ring, uint32_t zone_idx,
                               uint64_t start_bytes)
{
    uint32_t i;

    for (i = 0; i < ring->nr_sums; i++) {
        if (ring->sums[i].zone_idx == zone_idx &&
            ring->sums[i].start_bytes == start_bytes) {
            return &ring->sums[i];
        }
    }
    return NULL;
}

bool qcow2_zone_sum_change(Qcow2Zone *zone, Qcow2ZoneChange *change)
{
    uint64_t pos_bytes = zone_word_wp_bytes(change->old_word);
    uint64_t end_bytes = zone_word_wp_bytes(change->new_word);

    change->checksum = 0;
    while (pos_bytes < end_bytes) {
        const ZoneSum *sum = find_sum(&zone->ring, change->zone_idx,
                                      pos_bytes);

        if (!sum || sum->end_bytes > end_bytes) {
            return false;
        }
        change->checksum =
            qcow2_zone_checksum_join(change->checksum, sum->checksum,
                                     sum->end_bytes - pos_bytes);
        pos_bytes = sum->end_bytes;
    }
    return pos_bytes == end_bytes;
}
