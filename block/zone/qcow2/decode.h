/*
 * Zoned qcow2 images: what the bytes on disk mean, and which are valid
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * docs/interop/qcow2-zone.rst is the normative description.  No I/O, no locks:
 * all is about bytes that the caller has read or will write.
 */

#ifndef BLOCK_QCOW2_ZONE_DECODE_H
#define BLOCK_QCOW2_ZONE_DECODE_H

#include "block/zone.h"

/* Data of the header extension, as it is written */
#define QCOW2_ZONE_EXTENSION_BYTES      80
/* What a longer one may have; the excess must be zero */
#define QCOW2_ZONE_MAX_EXTENSION_BYTES  1024

/* What a snapshot says of its region, as it is written */
#define QCOW2_ZONE_SNAPSHOT_BYTES       24
/*
 * In version 2 the extension is the first of the header, so that it shares a
 * sector with the place of the L1 table; images may have flags, snapshots and
 * backing files.  Images of version 1 have none of these.
 */
#define QCOW2_ZONE_MIN_VERSION          1
#define QCOW2_ZONE_VERSION              2

/* The image is being filled from elsewhere: its words do not describe it yet */
#define QCOW2_ZONE_FLAG_UNFINISHED      0x01
/* The region has a ring of records: record.h */
#define QCOW2_ZONE_FLAG_RECORDS         0x02

/* What the header extension says.  Offsets are those in the image file. */
typedef struct Qcow2ZoneLayout {
    uint8_t version;
    uint8_t flags;
    ZoneGeometry geometry;
    uint64_t meta_offset;       /* of the region */
    uint64_t meta_bytes;        /* words, extensions, ring */
    uint64_t zde_offset;        /* of the extensions */
    uint64_t ring_offset;       /* of the ring, or 0 */
} Qcow2ZoneLayout;

/* Rules that hold for the header extension and for creation alike */
bool qcow2_zone_check_size(const ZoneGeometry *g, uint64_t cluster_bytes,
                           Error **errp);
bool qcow2_zone_check_geometry(const ZoneGeometry *g, uint64_t cluster_bytes,
                               uint64_t device_bytes, Error **errp);

/*
 * Length of the region, with a ring or without; needs a geometry that has been
 * checked.
 */
uint64_t qcow2_zone_region_bytes(const ZoneGeometry *g, uint8_t flags);
/* The region is at an offset: layout->meta_offset, and what that implies */
void qcow2_zone_place_region(Qcow2ZoneLayout *layout, uint64_t offset);

/* False, with an error, for a length that no reader accepts */
bool qcow2_zone_check_extension_bytes(uint32_t len, Error **errp);

/*
 * Decodes the data of the header extension: len bytes, a length that has been
 * checked.  False, with an error, when a rule is broken; layout is then
 * undefined.
 */
bool qcow2_zone_decode_extension(const uint8_t *buf, uint32_t len,
                                 uint64_t cluster_bytes, uint64_t device_bytes,
                                 Qcow2ZoneLayout *layout, Error **errp);

/* Encodes it to QCOW2_ZONE_EXTENSION_BYTES at buf */
void qcow2_zone_encode_layout(const Qcow2ZoneLayout *layout, uint8_t *buf);

/*
 * A snapshot names the region with its words and extensions in its entry of the
 * snapshot table: extra_bytes at extra, behind the extra data that qcow2
 * defines.  layout becomes that of the image, with the region and the number of
 * zones of the snapshot, and without a ring.  False, with an error, when a rule
 * is broken.
 */
bool qcow2_zone_decode_snapshot(const uint8_t *extra, uint32_t extra_bytes,
                                uint64_t cluster_bytes, uint64_t device_bytes,
                                const Qcow2ZoneLayout *image,
                                Qcow2ZoneLayout *layout, Error **errp);
/* Encodes it to QCOW2_ZONE_SNAPSHOT_BYTES at extra */
void qcow2_zone_encode_snapshot(const Qcow2ZoneLayout *layout, uint8_t *extra);

/*
 * A table with the words of an image (geometry->nr_zones of them, in host byte
 * order).  NULL, with an error, when one is invalid or when they exceed a
 * limit.  Words that were read while another process writes them (torn) belong
 * to different moments, which together may do so.  meta_offset is for the
 * error.
 */
ZoneTable *qcow2_zone_decode_words(const ZoneGeometry *geometry,
                                   const uint64_t *words,
                                   uint64_t meta_offset, bool torn,
                                   Error **errp);

/*
 * A valid word for a zone with a damaged one; *what says how it came about.
 * Where the write pointer cannot be trusted, nothing tells the data of this
 * life of the zone from what is left of earlier ones: the zone goes Offline.
 */
uint64_t qcow2_zone_repaired_word(const ZoneGeometry *geometry,
                                  uint32_t zone_idx, uint64_t word,
                                  const char **what);

#endif /* BLOCK_QCOW2_ZONE_DECODE_H */
