/*
 * Zoned qcow2 images: what a record is, and a ring of them
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * docs/interop/qcow2-zone.rst, "Records", is the normative description.  No
 * I/O and nothing of the block layer, as in decode.c.
 */

#include "qemu/osdep.h"
#include <zlib.h>
#include "qemu/bswap.h"
#include "qemu/cutils.h"
#include "qapi/error.h"
#include "block/zone/qcow2/record.h"

#define QCOW2_ZONE_RECORD_MAGIC     0x5a4e5243 /* "ZNRC" */

typedef struct QEMU_PACKED RecordChange {
    uint32_t zone;
    uint32_t data_checksum;
    uint64_t old_word;
    uint64_t new_word;
} RecordChange;

typedef struct QEMU_PACKED Record {
    uint32_t magic;
    uint32_t record_checksum;
    uint64_t seq;
    uint64_t first;
    uint32_t nr_changes;
    uint32_t reserved;
    RecordChange changes[QCOW2_ZONE_RECORD_ZONES];
} Record;

QEMU_BUILD_BUG_ON(sizeof(Record) != QCOW2_ZONE_RECORD_BYTES);

uint32_t qcow2_zone_checksum(uint32_t checksum, const void *buf, size_t bytes)
{
    return crc32(checksum, buf, bytes);
}

uint32_t qcow2_zone_checksum_join(uint32_t a, uint32_t b, uint64_t bytes)
{
    return crc32_combine(a, b, bytes);
}

uint64_t qcow2_zone_change_bytes(const Qcow2ZoneChange *change)
{
    return zone_word_wp_bytes(change->new_word) -
           zone_word_wp_bytes(change->old_word);
}

uint32_t qcow2_zone_record_slot(uint64_t seq)
{
    return seq % QCOW2_ZONE_RING_RECORDS;
}

static uint32_t record_checksum(const Record *raw)
{
    Record copy = *raw;

    copy.record_checksum = 0;
    return qcow2_zone_checksum(0, &copy, sizeof(copy));
}

void qcow2_zone_encode_record(const Qcow2ZoneRecord *record, uint8_t *buf)
{
    Record *raw = (Record *)buf;
    uint32_t i;

    *raw = (Record) {
        .magic      = cpu_to_be32(QCOW2_ZONE_RECORD_MAGIC),
        .seq        = cpu_to_be64(record->seq),
        .first      = cpu_to_be64(record->first),
        .nr_changes = cpu_to_be32(record->nr),
    };
    for (i = 0; i < record->nr; i++) {
        raw->changes[i] = (RecordChange) {
            .zone          = cpu_to_be32(record->changes[i].zone_idx),
            .data_checksum = cpu_to_be32(record->changes[i].checksum),
            .old_word      = cpu_to_be64(record->changes[i].old_word),
            .new_word      = cpu_to_be64(record->changes[i].new_word),
        };
    }
    raw->record_checksum = cpu_to_be32(record_checksum(raw));
}

/* Rules; where one is broken, the slot holds no record *******************/

static bool decode_head(const Record *raw, uint32_t slot,
                        Qcow2ZoneRecord *record)
{
    record->seq = be64_to_cpu(raw->seq);
    record->first = be64_to_cpu(raw->first);
    record->nr = be32_to_cpu(raw->nr_changes);
    return be32_to_cpu(raw->magic) == QCOW2_ZONE_RECORD_MAGIC &&
           be32_to_cpu(raw->record_checksum) == record_checksum(raw) &&
           qcow2_zone_record_slot(record->seq) == slot &&
           record->seq <= QCOW2_ZONE_MAX_SEQ && record->first >= 1 &&
           /* and not behind it, as this is without sign */
           record->seq - record->first < QCOW2_ZONE_RING_RECORDS &&
           record->nr <= QCOW2_ZONE_RECORD_ZONES && !raw->reserved &&
           buffer_is_zero(raw->changes + record->nr,
                          (QCOW2_ZONE_RECORD_ZONES - record->nr) *
                          sizeof(raw->changes[0]));
}

static bool check_change(const ZoneGeometry *g, const Qcow2ZoneChange *change)
{
    uint32_t i = change->zone_idx;

    return i < g->nr_zones && i >= g->conventional_zones &&
           !zone_word_check(g, i, change->old_word) &&
           !zone_word_check(g, i, change->new_word) &&
           zone_word_wp_bytes(change->old_word) <=
           zone_word_wp_bytes(change->new_word) &&
           (qcow2_zone_change_bytes(change) || !change->checksum);
}

static bool decode_changes(const ZoneGeometry *g, const Record *raw,
                           Qcow2ZoneRecord *record)
{
    uint64_t data_bytes = 0;
    uint32_t i;

    for (i = 0; i < record->nr; i++) {
        Qcow2ZoneChange *change = &record->changes[i];

        change->zone_idx = be32_to_cpu(raw->changes[i].zone);
        change->checksum = be32_to_cpu(raw->changes[i].data_checksum);
        change->old_word = be64_to_cpu(raw->changes[i].old_word);
        change->new_word = be64_to_cpu(raw->changes[i].new_word);
        if (!check_change(g, change) ||
            (i && change->zone_idx <= change[-1].zone_idx)) {
            return false;
        }
        /* up to 20 times the length of a zone */
        data_bytes += qcow2_zone_change_bytes(change);
    }
    return data_bytes <= QCOW2_ZONE_MAX_RECORD_DATA;
}

bool qcow2_zone_decode_record(const ZoneGeometry *geometry, const uint8_t *buf,
                              uint32_t slot, Qcow2ZoneRecord *record)
{
    const Record *raw = (const Record *)buf;

    return decode_head(raw, slot, record) &&
           decode_changes(geometry, raw, record);
}

/* The ring ***************************************************************/

static bool decode_newest(const ZoneGeometry *geometry, const uint8_t *buf,
                          Qcow2ZoneRecord *newest)
{
    Qcow2ZoneRecord record;
    uint32_t slot;

    newest->seq = 0;
    for (slot = 0; slot < QCOW2_ZONE_RING_RECORDS; slot++) {
        if (qcow2_zone_decode_record(geometry,
                                     buf + slot * QCOW2_ZONE_RECORD_BYTES,
                                     slot, &record) &&
            record.seq > newest->seq) {
            *newest = record;
        }
    }
    return newest->seq > 0;
}

bool qcow2_zone_decode_ring(const ZoneGeometry *geometry, const uint8_t *buf,
                            Qcow2ZoneRing *ring, Error **errp)
{
    Qcow2ZoneRecord newest, *record;
    uint64_t seq;
    uint32_t slot;

    ring->nr = 0;
    ring->newest_seq = 0;
    if (!decode_newest(geometry, buf, &newest)) {
        return true;
    }
    ring->newest_seq = newest.seq;
    for (seq = newest.first; seq <= newest.seq; seq++) {
        record = &ring->records[ring->nr++];
        slot = qcow2_zone_record_slot(seq);
        if (!qcow2_zone_decode_record(geometry,
                                      buf + slot * QCOW2_ZONE_RECORD_BYTES,
                                      slot, record) || record->seq != seq) {
            error_setg(errp, "Zone record %" PRIu64 " is missing: the newest, "
                       "%" PRIu64 ", needs all from %" PRIu64 " on", seq,
                       newest.seq, newest.first);
            ring->nr = 0;
            return false;
        }
    }
    return true;
}

const Qcow2ZoneRecord *qcow2_zone_ring_newest(const Qcow2ZoneRing *ring)
{
    return ring->nr ? &ring->records[ring->nr - 1] : NULL;
}

bool qcow2_zone_ring_is_empty(const Qcow2ZoneRing *ring)
{
    const Qcow2ZoneRecord *newest = qcow2_zone_ring_newest(ring);

    return !newest || (newest->first == newest->seq && !newest->nr);
}

void qcow2_zone_replay_record(const Qcow2ZoneRecord *record, uint64_t *words)
{
    uint32_t i;

    for (i = 0; i < record->nr; i++) {
        words[record->changes[i].zone_idx] = record->changes[i].new_word;
    }
}

bool qcow2_zone_replay_before(const Qcow2ZoneRing *ring, uint64_t *words,
                              Error **errp)
{
    const Qcow2ZoneRecord *newest = qcow2_zone_ring_newest(ring);
    uint32_t i;

    for (i = 0; i + 1 < ring->nr; i++) {
        qcow2_zone_replay_record(&ring->records[i], words);
    }
    for (i = 0; newest && i < newest->nr; i++) {
        const Qcow2ZoneChange *change = &newest->changes[i];
        uint64_t word = words[change->zone_idx];

        if (word != change->old_word && word != change->new_word) {
            error_setg(errp, "Zone record %" PRIu64 " does not follow: the "
                       "word of zone %" PRIu32 " is 0x%016" PRIx64 ", not "
                       "0x%016" PRIx64 " or 0x%016" PRIx64, newest->seq,
                       change->zone_idx, word, change->old_word,
                       change->new_word);
            return false;
        }
    }
    return true;
}
