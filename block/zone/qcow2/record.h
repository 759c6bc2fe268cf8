/*
 * Zoned qcow2 images: what a record is, and a ring of them
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * docs/interop/qcow2-zone.rst, "Records", is the normative description.  No
 * I/O, no locks.
 */

#ifndef BLOCK_QCOW2_ZONE_RECORD_H
#define BLOCK_QCOW2_ZONE_RECORD_H

#include "block/zone.h"

#define QCOW2_ZONE_RECORD_BYTES         512
/* Zones of one record */
#define QCOW2_ZONE_RECORD_ZONES         20
/* Slots of a ring */
#define QCOW2_ZONE_RING_RECORDS         64
#define QCOW2_ZONE_RING_BYTES           (QCOW2_ZONE_RING_RECORDS * \
                                         QCOW2_ZONE_RECORD_BYTES)
/* So that there is always a next one */
#define QCOW2_ZONE_MAX_SEQ              INT64_MAX
/* By how much the write pointers of one record advance at most */
#define QCOW2_ZONE_MAX_RECORD_DATA      (UINT32_C(1) << 20)

/* The word of a zone, before and after; and the data between */
typedef struct Qcow2ZoneChange {
    uint32_t zone_idx;
    uint32_t checksum;
    uint64_t old_word;
    uint64_t new_word;
} Qcow2ZoneChange;

typedef struct Qcow2ZoneRecord {
    uint64_t seq;
    uint64_t first;             /* the oldest that a reader needs */
    uint32_t nr;
    Qcow2ZoneChange changes[QCOW2_ZONE_RECORD_ZONES]; /* ascending zones */
} Qcow2ZoneRecord;

/*
 * Records from first to newest, in this order; nr 0: there is none, or not all
 * that are needed
 */
typedef struct Qcow2ZoneRing {
    uint64_t newest_seq;        /* 0: there is none */
    Qcow2ZoneRecord records[QCOW2_ZONE_RING_RECORDS];
    uint32_t nr;
} Qcow2ZoneRing;

/* Of data, as records have it: checksum is that of what comes before, or 0 */
uint32_t qcow2_zone_checksum(uint32_t checksum, const void *buf, size_t bytes);
/* Of data with checksum a, and bytes behind it with checksum b */
uint32_t qcow2_zone_checksum_join(uint32_t a, uint32_t b, uint64_t bytes);

/* How far the write pointer of a change advances */
uint64_t qcow2_zone_change_bytes(const Qcow2ZoneChange *change);
/* In which slot of the ring a record is */
uint32_t qcow2_zone_record_slot(uint64_t seq);

/* To QCOW2_ZONE_RECORD_BYTES at buf */
void qcow2_zone_encode_record(const Qcow2ZoneRecord *record, uint8_t *buf);
/* False where the slot holds no record */
bool qcow2_zone_decode_record(const ZoneGeometry *geometry, const uint8_t *buf,
                              uint32_t slot, Qcow2ZoneRecord *record);

/*
 * Of QCOW2_ZONE_RING_BYTES at buf.  False, with an error, when a record is
 * missing that the newest one needs; ring->nr is 0 then.
 */
bool qcow2_zone_decode_ring(const ZoneGeometry *geometry, const uint8_t *buf,
                            Qcow2ZoneRing *ring, Error **errp);
/* Is there nothing that says other words than those in their places? */
bool qcow2_zone_ring_is_empty(const Qcow2ZoneRing *ring);
/* The newest, or NULL */
const Qcow2ZoneRecord *qcow2_zone_ring_newest(const Qcow2ZoneRing *ring);

/*
 * Puts the words of all records but the newest in place.  False, with an error,
 * where the newest does not follow.
 */
bool qcow2_zone_replay_before(const Qcow2ZoneRing *ring, uint64_t *words,
                              Error **errp);
/* ... and those of the newest, whose data has been checked */
void qcow2_zone_replay_record(const Qcow2ZoneRecord *record, uint64_t *words);

#endif /* BLOCK_QCOW2_ZONE_RECORD_H */
