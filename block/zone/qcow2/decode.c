/*
 * Zoned qcow2 images: what the bytes on disk mean, and which are valid
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * docs/interop/qcow2-zone.rst is the normative description.  Every rule is a
 * function of one condition and one message, in the order of the fields.  No
 * I/O and nothing of the block layer, so that this file is also built, tested
 * and fuzzed without QEMU.
 */

#include "qemu/osdep.h"
#include "qemu/bswap.h"
#include "qemu/cutils.h"
#include "qapi/error.h"
#include "block/zone/qcow2/decode.h"
#include "block/zone/qcow2/record.h"

#define QCOW2_ZONE_MODEL_HOST_MANAGED   1
#define QCOW2_ZONE_SNAPSHOT_MAGIC       0x5a4e5354 /* "ZNST" */
#define QCOW2_ZONE_CAPACITY_ALIGNMENT   4096
#define QCOW2_ZONE_PART_ALIGNMENT       4096
/* Of any cluster of qcow2: what its tables have bits for */
#define QCOW2_ZONE_MAX_OFFSET           ((UINT64_C(1) << 56) - 1)

typedef struct QEMU_PACKED Qcow2ZoneExtension {
    uint8_t zone_model;
    uint8_t layout_version;
    uint8_t flags;
    uint8_t reserved1[5];
    uint64_t zone_size;
    uint64_t zone_capacity;
    uint64_t zonedmeta_offset;
    uint64_t zonedmeta_size;
    uint32_t nr_zones;
    uint32_t conventional_zones;
    uint32_t max_active_zones;
    uint32_t max_open_zones;
    uint32_t max_append_bytes;
    uint32_t zd_extension_size;
    uint8_t reserved2[16];
} Qcow2ZoneExtension;

QEMU_BUILD_BUG_ON(sizeof(Qcow2ZoneExtension) != QCOW2_ZONE_EXTENSION_BYTES);

typedef struct QEMU_PACKED Qcow2ZoneSnapshot {
    uint32_t magic;
    uint32_t reserved;
    uint64_t zonedmeta_offset;
    uint64_t zonedmeta_size;
} Qcow2ZoneSnapshot;

QEMU_BUILD_BUG_ON(sizeof(Qcow2ZoneSnapshot) != QCOW2_ZONE_SNAPSHOT_BYTES);

/* Byte order; each its own inverse would hide a missing field: two of them */

static void decode_fields(const Qcow2ZoneExtension *ext,
                          Qcow2ZoneLayout *layout)
{
    layout->geometry = (ZoneGeometry) {
        .zone_bytes         = be64_to_cpu(ext->zone_size),
        .capacity_bytes     = be64_to_cpu(ext->zone_capacity),
        .nr_zones           = be32_to_cpu(ext->nr_zones),
        .conventional_zones = be32_to_cpu(ext->conventional_zones),
        .max_active_zones   = be32_to_cpu(ext->max_active_zones),
        .max_open_zones     = be32_to_cpu(ext->max_open_zones),
        .max_append_bytes   = be32_to_cpu(ext->max_append_bytes),
        .zd_extension_bytes = be32_to_cpu(ext->zd_extension_size),
        .auto_close         = true,
    };
    layout->version = ext->layout_version;
    if (layout->version > 1) {
        layout->geometry.capacity_step_bytes =
            zone_capacity_step(layout->geometry.capacity_bytes);
    }
    layout->flags = ext->flags;
    layout->meta_offset = be64_to_cpu(ext->zonedmeta_offset);
    layout->meta_bytes = be64_to_cpu(ext->zonedmeta_size);
}

static void encode_fields(const Qcow2ZoneLayout *layout,
                          Qcow2ZoneExtension *ext)
{
    const ZoneGeometry *geometry = &layout->geometry;

    *ext = (Qcow2ZoneExtension) {
        .zone_model         = QCOW2_ZONE_MODEL_HOST_MANAGED,
        .layout_version     = layout->version,
        .flags              = layout->flags,
        .zone_size          = cpu_to_be64(geometry->zone_bytes),
        .zone_capacity      = cpu_to_be64(geometry->capacity_bytes),
        .zonedmeta_offset   = cpu_to_be64(layout->meta_offset),
        .zonedmeta_size     = cpu_to_be64(layout->meta_bytes),
        .nr_zones           = cpu_to_be32(geometry->nr_zones),
        .conventional_zones = cpu_to_be32(geometry->conventional_zones),
        .max_active_zones   = cpu_to_be32(geometry->max_active_zones),
        .max_open_zones     = cpu_to_be32(geometry->max_open_zones),
        .max_append_bytes   = cpu_to_be32(geometry->max_append_bytes),
        .zd_extension_size  = cpu_to_be32(geometry->zd_extension_bytes),
    };
}

/* Rules of the geometry, for the header extension and for creation *******/

bool qcow2_zone_check_size(const ZoneGeometry *g, uint64_t cluster_bytes,
                           Error **errp)
{
    if (!g->zone_bytes || g->zone_bytes % cluster_bytes) {
        error_setg(errp, "Zone size %" PRIu64 " is not a multiple of the "
                   "cluster size %" PRIu64, g->zone_bytes, cluster_bytes);
        return false;
    }
    if (g->zone_bytes > ZONE_MAX_BYTES) {
        error_setg(errp, "Zone size %" PRIu64 " exceeds the maximum of %"
                   PRIu64, g->zone_bytes, ZONE_MAX_BYTES);
        return false;
    }
    return true;
}

static bool check_zone_capacity(const ZoneGeometry *g, Error **errp)
{
    if (!g->capacity_bytes ||
        g->capacity_bytes % QCOW2_ZONE_CAPACITY_ALIGNMENT) {
        error_setg(errp, "Zone capacity %" PRIu64 " is not a multiple of %d",
                   g->capacity_bytes, QCOW2_ZONE_CAPACITY_ALIGNMENT);
        return false;
    }
    if (g->capacity_bytes > g->zone_bytes) {
        error_setg(errp, "Zone capacity %" PRIu64 " exceeds the zone size %"
                   PRIu64, g->capacity_bytes, g->zone_bytes);
        return false;
    }
    return true;
}

static bool check_conventional_zones(const ZoneGeometry *g, Error **errp)
{
    if (g->conventional_zones > g->nr_zones) {
        error_setg(errp, "%" PRIu32 " conventional zones exceed the number of "
                   "zones, %" PRIu32, g->conventional_zones, g->nr_zones);
        return false;
    }
    return true;
}

static bool check_max_open_zones(const ZoneGeometry *g, Error **errp)
{
    if (g->max_active_zones && g->max_open_zones > g->max_active_zones) {
        error_setg(errp, "Maximum of %" PRIu32 " open zones exceeds the "
                   "maximum of %" PRIu32 " active zones", g->max_open_zones,
                   g->max_active_zones);
        return false;
    }
    return true;
}

static bool check_max_append(const ZoneGeometry *g, Error **errp)
{
    if (g->max_append_bytes % ZONE_WP_UNIT_BYTES) {
        error_setg(errp, "Maximum append of %" PRIu32 " bytes is not a "
                   "multiple of %d", g->max_append_bytes, ZONE_WP_UNIT_BYTES);
        return false;
    }
    return true;
}

static bool check_zd_extension(const ZoneGeometry *g, Error **errp)
{
    if (g->zd_extension_bytes % ZONE_ZDE_UNIT_BYTES) {
        error_setg(errp, "Zone descriptor extension size %" PRIu32 " is not a "
                   "multiple of %d", g->zd_extension_bytes,
                   ZONE_ZDE_UNIT_BYTES);
        return false;
    }
    if (g->zd_extension_bytes > ZONE_MAX_ZDE_BYTES) {
        error_setg(errp, "Zone descriptor extension size %" PRIu32 " exceeds "
                   "the maximum of %d", g->zd_extension_bytes,
                   ZONE_MAX_ZDE_BYTES);
        return false;
    }
    return true;
}

static bool check_device_bytes(uint64_t device_bytes, Error **errp)
{
    if (device_bytes > ZONE_MAX_DEVICE_BYTES - 1) {
        error_setg(errp, "Size %" PRIu64 " is too large: zoned images end "
                   "below 2 PiB", device_bytes);
        return false;
    }
    return true;
}

static bool check_device_zones(const ZoneGeometry *g, uint64_t device_bytes,
                               Error **errp)
{
    if (!device_bytes || device_bytes % g->zone_bytes) {
        error_setg(errp, "Image size %" PRIu64 " is not a positive multiple "
                   "of the zone size %" PRIu64, device_bytes, g->zone_bytes);
        return false;
    }
    return true;
}

static bool check_nr_zones(const ZoneGeometry *g, uint64_t device_bytes,
                           Error **errp)
{
    if (g->nr_zones != device_bytes / g->zone_bytes) {
        error_setg(errp, "%" PRIu32 " zones of %" PRIu64 " bytes do not make "
                   "the image size of %" PRIu64, g->nr_zones, g->zone_bytes,
                   device_bytes);
        return false;
    }
    if (g->nr_zones > ZONE_MAX_ZONES) {
        error_setg(errp, "%" PRIu32 " zones exceed the maximum of %u",
                   g->nr_zones, ZONE_MAX_ZONES);
        return false;
    }
    return true;
}

bool qcow2_zone_check_geometry(const ZoneGeometry *g, uint64_t cluster_bytes,
                               uint64_t device_bytes, Error **errp)
{
    return qcow2_zone_check_size(g, cluster_bytes, errp) &&
           check_zone_capacity(g, errp) &&
           check_device_bytes(device_bytes, errp) &&
           check_device_zones(g, device_bytes, errp) &&
           check_nr_zones(g, device_bytes, errp) &&
           check_conventional_zones(g, errp) &&
           check_max_open_zones(g, errp) &&
           check_max_append(g, errp) &&
           check_zd_extension(g, errp);
}

/* Rules of the extension alone *******************************************/

static uint8_t known_flags(uint8_t version)
{
    return version < 2 ? 0 : QCOW2_ZONE_FLAG_UNFINISHED |
                             QCOW2_ZONE_FLAG_RECORDS;
}

static bool check_constants(const Qcow2ZoneExtension *ext, Error **errp)
{
    if (ext->zone_model != QCOW2_ZONE_MODEL_HOST_MANAGED) {
        error_setg(errp, "Unknown zone model %u, only %d (host-managed) is "
                   "known", ext->zone_model, QCOW2_ZONE_MODEL_HOST_MANAGED);
        return false;
    }
    if (ext->layout_version < QCOW2_ZONE_MIN_VERSION ||
        ext->layout_version > QCOW2_ZONE_VERSION) {
        error_setg(errp, "Unknown layout version %u, only %d and %d are known",
                   ext->layout_version, QCOW2_ZONE_MIN_VERSION,
                   QCOW2_ZONE_VERSION);
        return false;
    }
    if (ext->flags & ~known_flags(ext->layout_version)) {
        error_setg(errp, "Flags 0x%02x are not all known in layout version "
                   "%u, only 0x%02x", ext->flags, ext->layout_version,
                   known_flags(ext->layout_version));
        return false;
    }
    if (!buffer_is_zero(ext->reserved1, sizeof(ext->reserved1))) {
        error_setg(errp, "Reserved bytes 3 to 7 are not zero");
        return false;
    }
    if (!buffer_is_zero(ext->reserved2, sizeof(ext->reserved2))) {
        error_setg(errp, "Reserved bytes 64 to 79 are not zero");
        return false;
    }
    return true;
}

static uint64_t region_words_bytes(const ZoneGeometry *g)
{
    return (uint64_t)g->nr_zones * sizeof(uint64_t);
}

static uint64_t region_zde_start(const ZoneGeometry *g)
{
    return ROUND_UP(region_words_bytes(g), QCOW2_ZONE_PART_ALIGNMENT);
}

/* Where words and extensions end */
static uint64_t region_zde_end(const ZoneGeometry *g)
{
    if (!g->zd_extension_bytes) {
        return region_words_bytes(g);
    }
    return region_zde_start(g) +
           (uint64_t)g->nr_zones * g->zd_extension_bytes;
}

static uint64_t region_ring_start(const ZoneGeometry *g)
{
    return ROUND_UP(region_zde_end(g), QCOW2_ZONE_PART_ALIGNMENT);
}

uint64_t qcow2_zone_region_bytes(const ZoneGeometry *g, uint8_t flags)
{
    return flags & QCOW2_ZONE_FLAG_RECORDS
        ? region_ring_start(g) + QCOW2_ZONE_RING_BYTES : region_zde_end(g);
}

void qcow2_zone_place_region(Qcow2ZoneLayout *layout, uint64_t offset)
{
    layout->meta_offset = offset;
    layout->zde_offset = offset + region_zde_start(&layout->geometry);
    layout->ring_offset = layout->flags & QCOW2_ZONE_FLAG_RECORDS
        ? offset + region_ring_start(&layout->geometry) : 0;
}

static bool check_region(const Qcow2ZoneLayout *layout, uint64_t cluster_bytes,
                         Error **errp)
{
    uint64_t expected_bytes = qcow2_zone_region_bytes(&layout->geometry,
                                                      layout->flags);

    if (!layout->meta_offset || layout->meta_offset % cluster_bytes) {
        error_setg(errp, "Metadata offset %" PRIu64 " is not a positive "
                   "multiple of the cluster size %" PRIu64, layout->meta_offset,
                   cluster_bytes);
        return false;
    }
    if (layout->meta_bytes != expected_bytes) {
        error_setg(errp, "Metadata size is %" PRIu64 ", but %" PRIu32 " zones "
                   "need %" PRIu64, layout->meta_bytes,
                   layout->geometry.nr_zones, expected_bytes);
        return false;
    }
    if (layout->meta_offset > QCOW2_ZONE_MAX_OFFSET - layout->meta_bytes) {
        error_setg(errp, "Metadata offset %" PRIu64 " is out of range, the "
                   "region must end below %" PRIu64, layout->meta_offset,
                   QCOW2_ZONE_MAX_OFFSET);
        return false;
    }
    return true;
}

/* The extension as a whole ***********************************************/

bool qcow2_zone_check_extension_bytes(uint32_t len, Error **errp)
{
    if (len < sizeof(Qcow2ZoneExtension)) {
        error_setg(errp, "Zone table header extension has %" PRIu32 " bytes, "
                   "at least %zu are needed", len, sizeof(Qcow2ZoneExtension));
        return false;
    }
    if (len > QCOW2_ZONE_MAX_EXTENSION_BYTES) {
        error_setg(errp, "Zone table header extension has %" PRIu32 " bytes, "
                   "at most %d are allowed", len,
                   QCOW2_ZONE_MAX_EXTENSION_BYTES);
        return false;
    }
    return true;
}

bool qcow2_zone_decode_extension(const uint8_t *buf, uint32_t len,
                                 uint64_t cluster_bytes, uint64_t device_bytes,
                                 Qcow2ZoneLayout *layout, Error **errp)
{
    ERRP_GUARD();
    const Qcow2ZoneExtension *ext = (const Qcow2ZoneExtension *)buf;

    assert(len >= sizeof(*ext));
    decode_fields(ext, layout);
    if (!check_constants(ext, errp) ||
        !qcow2_zone_check_geometry(&layout->geometry, cluster_bytes,
                                   device_bytes, errp) ||
        !check_region(layout, cluster_bytes, errp)) {
        error_prepend(errp, "Zone table header extension: ");
        return false;
    }
    if (!buffer_is_zero(buf + sizeof(*ext), len - sizeof(*ext))) {
        error_setg(errp, "Zone table header extension: bytes from %zu on are "
                   "not zero", sizeof(*ext));
        return false;
    }
    qcow2_zone_place_region(layout, layout->meta_offset);
    return true;
}

void qcow2_zone_encode_layout(const Qcow2ZoneLayout *layout, uint8_t *buf)
{
    encode_fields(layout, (Qcow2ZoneExtension *)buf);
}

/* Snapshots **************************************************************/

static bool check_snapshot_record(const Qcow2ZoneSnapshot *record,
                                  uint32_t extra_bytes, Error **errp)
{
    if (extra_bytes < sizeof(*record)) {
        error_setg(errp, "No zone words: %" PRIu32 " bytes of extra data, at "
                   "least %zu are needed", extra_bytes, sizeof(*record));
        return false;
    }
    if (be32_to_cpu(record->magic) != QCOW2_ZONE_SNAPSHOT_MAGIC) {
        error_setg(errp, "No zone words: extra data has type 0x%08" PRIx32
                   ", not 0x%08x", be32_to_cpu(record->magic),
                   QCOW2_ZONE_SNAPSHOT_MAGIC);
        return false;
    }
    if (record->reserved) {
        error_setg(errp, "Reserved bytes 4 to 7 of the extra data are not "
                   "zero");
        return false;
    }
    return true;
}

bool qcow2_zone_decode_snapshot(const uint8_t *extra, uint32_t extra_bytes,
                                uint64_t cluster_bytes, uint64_t device_bytes,
                                const Qcow2ZoneLayout *image,
                                Qcow2ZoneLayout *layout, Error **errp)
{
    const Qcow2ZoneSnapshot *record = (const Qcow2ZoneSnapshot *)extra;
    uint64_t zone_bytes = image->geometry.zone_bytes;

    *layout = *image;
    layout->flags &= ~QCOW2_ZONE_FLAG_RECORDS;
    layout->geometry.nr_zones = MIN(device_bytes / zone_bytes, UINT32_MAX);
    if (!check_snapshot_record(record, extra_bytes, errp) ||
        !qcow2_zone_check_geometry(&layout->geometry, cluster_bytes,
                                   device_bytes, errp)) {
        return false;
    }
    qcow2_zone_place_region(layout, be64_to_cpu(record->zonedmeta_offset));
    layout->meta_bytes = be64_to_cpu(record->zonedmeta_size);
    return check_region(layout, cluster_bytes, errp);
}

void qcow2_zone_encode_snapshot(const Qcow2ZoneLayout *layout, uint8_t *extra)
{
    Qcow2ZoneSnapshot *record = (Qcow2ZoneSnapshot *)extra;

    *record = (Qcow2ZoneSnapshot) {
        .magic            = cpu_to_be32(QCOW2_ZONE_SNAPSHOT_MAGIC),
        .zonedmeta_offset = cpu_to_be64(layout->meta_offset),
        .zonedmeta_size   = cpu_to_be64(layout->meta_bytes),
    };
}

/* Words ******************************************************************/

static bool check_active(const ZoneGeometry *geometry,
                         const ZoneCounts *counts, Error **errp)
{
    ERRP_GUARD();

    if (geometry->max_active_zones &&
        counts->active > geometry->max_active_zones) {
        error_setg(errp, "Zoned image has %" PRIu32 " active zones, more than "
                   "its limit of %" PRIu32, counts->active,
                   geometry->max_active_zones);
        error_append_hint(errp, "'qemu-img check -r all' finishes those "
                          "above the limit.\n");
        return false;
    }
    return true;
}

ZoneTable *qcow2_zone_decode_words(const ZoneGeometry *geometry,
                                   const uint64_t *words,
                                   uint64_t meta_offset, bool torn,
                                   Error **errp)
{
    ERRP_GUARD();
    ZoneTable *table;
    ZoneCounts counts;
    const char *fault;
    uint32_t i;

    for (i = 0; i < geometry->nr_zones; i++) {
        fault = zone_word_check(geometry, i, words[i]);
        if (fault) {
            error_setg(errp, "Zone %" PRIu32 ": word 0x%016" PRIx64 " at "
                       "offset %" PRIu64 ": %s", i, words[i],
                       meta_offset + i * sizeof(uint64_t), fault);
            error_append_hint(errp, "'qemu-img check -r all' repairs the "
                              "image.\n");
            return NULL;
        }
    }
    table = zone_table_new_from_words(geometry, words);
    counts = zone_table_counts(table);
    if (!torn && !check_active(geometry, &counts, errp)) {
        zone_table_free(table);
        return NULL;
    }
    return table;
}

/* A capacity is kept or lost with the write pointer, which it belongs to */
static uint64_t repaired_details(const ZoneGeometry *geometry, uint64_t word,
                                 uint8_t attributes)
{
    uint64_t details = word & ZONE_WORD_DETAIL_MASK;

    return geometry->capacity_step_bytes
           ? details & (ZONE_WORD_LESS_MASK | zone_limits_of(attributes))
           : details;
}

uint64_t qcow2_zone_repaired_word(const ZoneGeometry *geometry,
                                  uint32_t zone_idx, uint64_t word,
                                  const char **what)
{
    uint8_t storable = geometry->zd_extension_bytes
                       ? ZONE_ATTR_STORED : ZONE_ATTR_STORED & ~ZONE_ATTR_ZDEV;
    uint8_t attributes = zone_word_attributes(word) & storable;
    bool conventional = zone_idx < geometry->conventional_zones;
    uint64_t details = repaired_details(geometry, word, attributes);
    uint64_t fixed;

    *what = "set to its only value";
    if (conventional) {
        return zone_empty_word(geometry, zone_idx);
    }
    *what = "invalid attributes and type cleared";
    fixed = zone_word_encode(zone_word_state(word), false, attributes,
                             zone_word_wp_bytes(word)) | details;
    if (!zone_word_check(geometry, zone_idx, fixed)) {
        return fixed;
    }
    *what = "state derived from the write pointer";
    fixed = zone_word_encode(ZONE_WORD_DERIVED, false, attributes,
                             zone_word_wp_bytes(word)) | details;
    if (!zone_word_check(geometry, zone_idx, fixed)) {
        return fixed;
    }
    *what = "zone set to Offline, its write pointer is lost";
    return zone_word_encode(ZONE_WORD_OFFLINE, false, 0,
                            geometry->zone_bytes * zone_idx);
}
