/*
 * Zoned qcow2 images: header extension and words on disk
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * docs/interop/qcow2-zone.rst is the normative description.  Every rule is a
 * function of one condition and one message, in the order of the fields.
 */

#include "qemu/osdep.h"
#include "qemu/bswap.h"
#include "qemu/cutils.h"
#include "qemu/option.h"
#include "qemu/units.h"
#include "qapi/error.h"
#include "qapi/qapi-visit-block-core.h"
#include "qapi/qobject-input-visitor.h"
#include "qobject/qdict.h"
#include "block/zone/qcow2-zone-int.h"

#define QCOW2_ZONE_MODEL_HOST_MANAGED   1
#define QCOW2_ZONE_LAYOUT_VERSION       1
#define QCOW2_ZONE_CAPACITY_ALIGNMENT   4096
#define QCOW2_ZONE_ZDE_ALIGNMENT        4096
#define QCOW2_ZONE_MAX_ZONES            (1u << 24)
#define QCOW2_ZONE_ZDE_UNIT_BYTES       64
#define QCOW2_ZONE_MAX_ZDE_BYTES        16320
#define QCOW2_ZONE_DEFAULT_BYTES        (256 * MiB)
/* What a longer extension may have; the excess must be zero */
#define QCOW2_ZONE_MAX_EXTENSION_BYTES  1024
/* Words are read and written in pieces of this */
#define QCOW2_ZONE_IO_WORDS             (128 * 1024)

typedef struct QEMU_PACKED Qcow2ZoneExtension {
    uint8_t zone_model;
    uint8_t layout_version;
    uint8_t reserved1[6];
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

QEMU_BUILD_BUG_ON(sizeof(Qcow2ZoneExtension) != 80);

/* Byte order; each its own inverse would hide a missing field: two of them */

static void qcow2_zone_decode(const Qcow2ZoneExtension *ext, Qcow2Zone *zone)
{
    zone->geometry = (ZoneGeometry) {
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
    zone->meta_offset = be64_to_cpu(ext->zonedmeta_offset);
    zone->meta_bytes = be64_to_cpu(ext->zonedmeta_size);
}

static void qcow2_zone_encode(const Qcow2Zone *zone, Qcow2ZoneExtension *ext)
{
    const ZoneGeometry *geometry = &zone->geometry;

    *ext = (Qcow2ZoneExtension) {
        .zone_model         = QCOW2_ZONE_MODEL_HOST_MANAGED,
        .layout_version     = QCOW2_ZONE_LAYOUT_VERSION,
        .zone_size          = cpu_to_be64(geometry->zone_bytes),
        .zone_capacity      = cpu_to_be64(geometry->capacity_bytes),
        .zonedmeta_offset   = cpu_to_be64(zone->meta_offset),
        .zonedmeta_size     = cpu_to_be64(zone->meta_bytes),
        .nr_zones           = cpu_to_be32(geometry->nr_zones),
        .conventional_zones = cpu_to_be32(geometry->conventional_zones),
        .max_active_zones   = cpu_to_be32(geometry->max_active_zones),
        .max_open_zones     = cpu_to_be32(geometry->max_open_zones),
        .max_append_bytes   = cpu_to_be32(geometry->max_append_bytes),
        .zd_extension_size  = cpu_to_be32(geometry->zd_extension_bytes),
    };
}

/* Rules of the geometry, for the header extension and for creation *******/

static bool check_zone_size(const ZoneGeometry *g, uint64_t cluster_bytes,
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
    if (g->max_append_bytes % BDRV_SECTOR_SIZE) {
        error_setg(errp, "Maximum append of %" PRIu32 " bytes is not a "
                   "multiple of %d", g->max_append_bytes,
                   (int)BDRV_SECTOR_SIZE);
        return false;
    }
    return true;
}

static bool check_zd_extension(const ZoneGeometry *g, Error **errp)
{
    if (g->zd_extension_bytes % QCOW2_ZONE_ZDE_UNIT_BYTES) {
        error_setg(errp, "Zone descriptor extension size %" PRIu32 " is not a "
                   "multiple of %d", g->zd_extension_bytes,
                   QCOW2_ZONE_ZDE_UNIT_BYTES);
        return false;
    }
    if (g->zd_extension_bytes > QCOW2_ZONE_MAX_ZDE_BYTES) {
        error_setg(errp, "Zone descriptor extension size %" PRIu32 " exceeds "
                   "the maximum of %d", g->zd_extension_bytes,
                   QCOW2_ZONE_MAX_ZDE_BYTES);
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

static bool check_nr_zones(const ZoneGeometry *g, uint64_t device_bytes,
                           Error **errp)
{
    if (g->nr_zones != device_bytes / g->zone_bytes ||
        device_bytes % g->zone_bytes || !g->nr_zones) {
        error_setg(errp, "%" PRIu32 " zones of %" PRIu64 " bytes do not make "
                   "the image size of %" PRIu64, g->nr_zones, g->zone_bytes,
                   device_bytes);
        return false;
    }
    if (g->nr_zones > QCOW2_ZONE_MAX_ZONES) {
        error_setg(errp, "%" PRIu32 " zones exceed the maximum of %u",
                   g->nr_zones, QCOW2_ZONE_MAX_ZONES);
        return false;
    }
    return true;
}

static bool check_geometry(const ZoneGeometry *g, uint64_t cluster_bytes,
                           uint64_t device_bytes, Error **errp)
{
    return check_zone_size(g, cluster_bytes, errp) &&
           check_zone_capacity(g, errp) &&
           check_device_bytes(device_bytes, errp) &&
           check_nr_zones(g, device_bytes, errp) &&
           check_conventional_zones(g, errp) &&
           check_max_open_zones(g, errp) &&
           check_max_append(g, errp) &&
           check_zd_extension(g, errp);
}

/* Rules of the extension alone *******************************************/

static bool check_constants(const Qcow2ZoneExtension *ext, Error **errp)
{
    if (ext->zone_model != QCOW2_ZONE_MODEL_HOST_MANAGED) {
        error_setg(errp, "Unknown zone model %u, only %d (host-managed) is "
                   "known", ext->zone_model, QCOW2_ZONE_MODEL_HOST_MANAGED);
        return false;
    }
    if (ext->layout_version != QCOW2_ZONE_LAYOUT_VERSION) {
        error_setg(errp, "Unknown layout version %u, only %d is known",
                   ext->layout_version, QCOW2_ZONE_LAYOUT_VERSION);
        return false;
    }
    if (!buffer_is_zero(ext->reserved1, sizeof(ext->reserved1))) {
        error_setg(errp, "Reserved bytes 2 to 7 are not zero");
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
    return ROUND_UP(region_words_bytes(g), QCOW2_ZONE_ZDE_ALIGNMENT);
}

static uint64_t region_bytes(const ZoneGeometry *g)
{
    if (!g->zd_extension_bytes) {
        return region_words_bytes(g);
    }
    return region_zde_start(g) + (uint64_t)g->nr_zones * g->zd_extension_bytes;
}

static bool check_region(const Qcow2Zone *zone, uint64_t cluster_bytes,
                         Error **errp)
{
    uint64_t expected_bytes = region_bytes(&zone->geometry);

    if (!zone->meta_offset || zone->meta_offset % cluster_bytes) {
        error_setg(errp, "Metadata offset %" PRIu64 " is not a positive "
                   "multiple of the cluster size %" PRIu64, zone->meta_offset,
                   cluster_bytes);
        return false;
    }
    if (zone->meta_bytes != expected_bytes) {
        error_setg(errp, "Metadata size is %" PRIu64 ", but %" PRIu32 " zones "
                   "need %" PRIu64, zone->meta_bytes, zone->geometry.nr_zones,
                   expected_bytes);
        return false;
    }
    if (zone->meta_offset > QCOW_MAX_CLUSTER_OFFSET - zone->meta_bytes) {
        error_setg(errp, "Metadata offset %" PRIu64 " is out of range, the "
                   "region must end below %llu", zone->meta_offset,
                   QCOW_MAX_CLUSTER_OFFSET);
        return false;
    }
    return true;
}

bool qcow2_zone_check_features(uint64_t incompatible_features, Error **errp)
{
    if (incompatible_features & (1u << QCOW2_ZONE_DRAFT_BITNR)) {
        error_setg(errp, "Incompatible feature bit %d is that of an "
                   "unfinished draft of zoned qcow2, which is not supported: "
                   "zoned images have bit %d", QCOW2_ZONE_DRAFT_BITNR,
                   QCOW2_INCOMPAT_ZONE_BITNR);
        return false;
    }
    return true;
}

static bool check_extension_frame(BlockDriverState *bs, uint32_t magic,
                                  uint32_t len, Error **errp)
{
    if (magic != QCOW2_EXT_MAGIC_ZONE) {
        error_setg(errp, "Header extension 0x%08" PRIx32 " is that of an "
                   "unfinished draft of zoned qcow2, which is not supported",
                   magic);
        return false;
    }
    if (qcow2_zone(bs)) {
        error_setg(errp, "Image has two zone table header extensions");
        return false;
    }
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

int coroutine_fn
qcow2_zone_load_extension(BlockDriverState *bs, uint32_t magic,
                          uint64_t offset, uint32_t len, Error **errp)
{
    ERRP_GUARD();
    BDRVQcow2State *s = bs->opaque;
    uint8_t buf[QCOW2_ZONE_MAX_EXTENSION_BYTES];
    const Qcow2ZoneExtension *ext = (const Qcow2ZoneExtension *)buf;
    g_autofree Qcow2Zone *zone = g_new0(Qcow2Zone, 1);
    int ret;

    if (!check_extension_frame(bs, magic, len, errp)) {
        return -EINVAL;
    }
    ret = bdrv_co_pread(bs->file, offset, len, buf, 0);
    if (ret < 0) {
        error_setg_errno(errp, -ret,
                         "Could not read the zone table header extension");
        return ret;
    }
    qcow2_zone_decode(ext, zone);
    if (!check_constants(ext, errp) ||
        !check_geometry(&zone->geometry, s->cluster_size,
                        bs->total_sectors * BDRV_SECTOR_SIZE, errp) ||
        !check_region(zone, s->cluster_size, errp)) {
        error_prepend(errp, "Zone table header extension: ");
        return -EINVAL;
    }
    if (!buffer_is_zero(buf + sizeof(*ext), len - sizeof(*ext))) {
        error_setg(errp, "Zone table header extension: bytes from %zu on are "
                   "not zero", sizeof(*ext));
        return -EINVAL;
    }
    zone->zde_offset = zone->meta_offset + region_zde_start(&zone->geometry);
    s->zone = g_steal_pointer(&zone);
    return 0;
}

int qcow2_zone_encode_extension(BlockDriverState *bs, char *buf, size_t buflen)
{
    Qcow2Zone *zone = qcow2_zone(bs);
    const size_t frame_bytes = 2 * sizeof(uint32_t);

    if (!zone) {
        return 0;
    }
    if (buflen < frame_bytes + sizeof(Qcow2ZoneExtension)) {
        return -ENOSPC;
    }
    stl_be_p(buf, QCOW2_EXT_MAGIC_ZONE);
    stl_be_p(buf + sizeof(uint32_t), sizeof(Qcow2ZoneExtension));
    qcow2_zone_encode(zone, (Qcow2ZoneExtension *)(buf + frame_bytes));
    return frame_bytes + sizeof(Qcow2ZoneExtension);
}

size_t qcow2_zone_unnamed_bytes(BlockDriverState *bs)
{
    return qcow2_zone(bs) ? 0 : sizeof(Qcow2Feature);
}

Qcow2ZoneInfo *qcow2_zone_get_info(BlockDriverState *bs)
{
    Qcow2Zone *zone = qcow2_zone(bs);
    Qcow2ZoneInfo *info;

    if (!zone) {
        return NULL;
    }
    info = g_new(Qcow2ZoneInfo, 1);
    *info = (Qcow2ZoneInfo) {
        .mode               = QCOW2_ZONE_MODE_HOST_MANAGED,
        .size               = zone->geometry.zone_bytes,
        .capacity           = zone->geometry.capacity_bytes,
        .zones              = zone->geometry.nr_zones,
        .conventional_zones = zone->geometry.conventional_zones,
        .max_open_zones     = zone->geometry.max_open_zones,
        .max_active_zones   = zone->geometry.max_active_zones,
        .max_append_bytes   = zone->geometry.max_append_bytes,
        .zd_extension_size  = zone->geometry.zd_extension_bytes,
    };
    return info;
}

/* Words ******************************************************************/

bool coroutine_fn
qcow2_zone_co_check_region(BlockDriverState *bs, Error **errp)
{
    Qcow2Zone *zone = qcow2_zone(bs);
    int64_t file_bytes = bdrv_co_getlength(bs->file->bs);

    if (file_bytes < 0) {
        error_setg_errno(errp, -file_bytes, "Could not get the image file's "
                         "length");
        return false;
    }
    if (zone->meta_offset + zone->meta_bytes > file_bytes) {
        error_setg(errp, "Zone metadata is truncated: it ends at %" PRIu64
                   ", the image file at %" PRId64,
                   zone->meta_offset + zone->meta_bytes, file_bytes);
        return false;
    }
    return true;
}

int coroutine_fn
qcow2_zone_co_load_words(BlockDriverState *bs, uint64_t *words)
{
    Qcow2Zone *zone = qcow2_zone(bs);
    uint32_t nr_zones = zone->geometry.nr_zones;
    uint32_t first, n, i;
    int ret;

    for (first = 0; first < nr_zones; first += n) {
        n = MIN(nr_zones - first, QCOW2_ZONE_IO_WORDS);
        ret = bdrv_co_pread(bs->file, zone->meta_offset +
                            (uint64_t)first * sizeof(*words),
                            (uint64_t)n * sizeof(*words), words + first, 0);
        if (ret < 0) {
            return ret;
        }
        for (i = first; i < first + n; i++) {
            words[i] = be64_to_cpu(words[i]);
        }
    }
    return 0;
}

/* Creation ***************************************************************/

static void options_to_geometry(const BlockdevCreateOptionsQcow2 *opts,
                                ZoneGeometry *g)
{
    const Qcow2ZoneCreateOptions *z = opts->zone;

    *g = (ZoneGeometry) {
        .zone_bytes = z->has_size ? z->size : QCOW2_ZONE_DEFAULT_BYTES,
        .conventional_zones =
            z->has_conventional_zones ? z->conventional_zones : 0,
        .max_open_zones = z->has_max_open_zones ? z->max_open_zones : 0,
        .max_active_zones = z->has_max_active_zones ? z->max_active_zones : 0,
        .max_append_bytes = z->has_max_append_bytes ? z->max_append_bytes : 0,
        .zd_extension_bytes =
            z->has_zd_extension_size ? z->zd_extension_size : 0,
        .auto_close = true,
    };
    g->capacity_bytes = z->has_capacity ? z->capacity : g->zone_bytes;
    g->nr_zones = g->zone_bytes ? MIN(opts->size / g->zone_bytes, UINT32_MAX)
                                : 0;
}

/* In the largest unit that is exact, as creation options take it */
static char *exact_size_str(uint64_t bytes)
{
    static const char units[] = "KMGTP";
    char unit = 0;
    int i;

    for (i = 0; units[i] && bytes && bytes % KiB == 0; i++) {
        bytes /= KiB;
        unit = units[i];
    }
    return unit ? g_strdup_printf("%" PRIu64 "%c", bytes, unit)
                : g_strdup_printf("%" PRIu64, bytes);
}

static bool check_create_size(const ZoneGeometry *g, uint64_t device_bytes,
                              Error **errp)
{
    uint64_t below = QEMU_ALIGN_DOWN(device_bytes, g->zone_bytes);
    g_autofree char *below_str = exact_size_str(below);
    g_autofree char *above_str = exact_size_str(below + g->zone_bytes);

    if (device_bytes && below == device_bytes) {
        return true;
    }
    error_setg(errp, "Image size %" PRIu64 " is not a multiple of the zone "
               "size %" PRIu64, device_bytes, g->zone_bytes);
    if (below) {
        error_append_hint(errp, "The nearest sizes that work are %s and %s.\n",
                          below_str, above_str);
    } else {
        error_append_hint(errp, "The smallest size that works is %s.\n",
                          above_str);
    }
    return false;
}

/* The format has 32 bits for each of these */
static bool check_create_width(const char *name, uint64_t value, Error **errp)
{
    if (value > UINT32_MAX) {
        error_setg(errp, "%s %" PRIu64 " exceeds the maximum of %" PRIu32,
                   name, value, UINT32_MAX);
        return false;
    }
    return true;
}

static bool check_create_combination(const BlockdevCreateOptionsQcow2 *opts,
                                     int version, Error **errp)
{
    if (version < 3) {
        error_setg(errp, "Zoned images need compatibility level 1.1 or above "
                   "(use version=v3 or greater)");
        return false;
    }
    if (opts->backing_file) {
        error_setg(errp, "Backing files are not supported on zoned images");
        return false;
    }
    return true;
}

bool qcow2_zone_check_create(const BlockdevCreateOptionsQcow2 *opts,
                             int version, uint64_t cluster_bytes, Error **errp)
{
    ERRP_GUARD();
    ZoneGeometry g;

    if (!opts->zone) {
        return true;
    }
    options_to_geometry(opts, &g);
    return check_create_combination(opts, version, errp) &&
           check_create_width("Maximum append", opts->zone->max_append_bytes,
                              errp) &&
           check_create_width("Zone descriptor extension size",
                              opts->zone->zd_extension_size, errp) &&
           check_zone_size(&g, cluster_bytes, errp) &&
           check_create_size(&g, opts->size, errp) &&
           check_geometry(&g, cluster_bytes, opts->size, errp);
}

/* As creation takes them from a command line; NULL, without error, for none */
static Qcow2ZoneCreateOptions *load_create_options(QemuOpts *opts,
                                                   Error **errp)
{
    static const char *const names[][2] = {
        { "zone.mode", "mode" },
        { "zone.size", "size" },
        { "zone.capacity", "capacity" },
        { "zone.conventional_zones", "conventional-zones" },
        { "zone.max_open_zones", "max-open-zones" },
        { "zone.max_active_zones", "max-active-zones" },
        { "zone.max_append_bytes", "max-append-bytes" },
        { "zd_extension_size", "zd-extension-size" },
    };
    g_autoptr(QDict) dict = qdict_new();
    Qcow2ZoneCreateOptions *zone = NULL;
    Visitor *v;
    int i;

    for (i = 0; i < ARRAY_SIZE(names); i++) {
        const char *value = qemu_opt_get(opts, names[i][0]);

        if (value) {
            qdict_put_str(dict, names[i][1], value);
        }
    }
    if (qdict_size(dict)) {
        v = qobject_input_visitor_new_keyval(QOBJECT(dict));
        visit_type_Qcow2ZoneCreateOptions(v, "zone", &zone, errp);
        visit_free(v);
    }
    return zone;
}

bool qcow2_zone_measure(QemuOpts *opts, uint64_t device_bytes, int version,
                        uint64_t cluster_bytes, int refcount_order,
                        int64_t *file_bytes, Error **errp)
{
    ERRP_GUARD();
    g_autoptr(Qcow2ZoneCreateOptions) zone = load_create_options(opts, errp);
    BlockdevCreateOptionsQcow2 create = { .size = device_bytes, .zone = zone };
    uint64_t clusters, region_clusters;
    ZoneGeometry g;

    if (!zone) {
        return !*errp;
    }
    if (!qcow2_zone_check_create(&create, version, cluster_bytes, errp)) {
        return false;
    }
    options_to_geometry(&create, &g);
    region_clusters = DIV_ROUND_UP(region_bytes(&g), cluster_bytes);
    clusters = *file_bytes / cluster_bytes;
    *file_bytes += region_clusters * cluster_bytes +
        qcow2_refcount_metadata_size(clusters + region_clusters, cluster_bytes,
                                     refcount_order, false, NULL) -
        qcow2_refcount_metadata_size(clusters, cluster_bytes, refcount_order,
                                     false, NULL);
    return true;
}

/* Writes the words of an empty device */
static int coroutine_fn GRAPH_RDLOCK
qcow2_zone_co_create_words(BlockDriverState *bs)
{
    Qcow2Zone *zone = qcow2_zone(bs);
    const uint32_t max = MIN(zone->geometry.nr_zones, QCOW2_ZONE_IO_WORDS);
    g_autofree uint64_t *words = g_try_new(uint64_t, max);
    uint32_t first, n, i;
    int ret;

    if (!words) {
        return -ENOMEM;
    }
    for (first = 0; first < zone->geometry.nr_zones; first += n) {
        n = MIN(zone->geometry.nr_zones - first, max);
        for (i = 0; i < n; i++) {
            words[i] = cpu_to_be64(zone_empty_word(&zone->geometry,
                                                   first + i));
        }
        ret = qcow2_zone_co_store(bs, zone->meta_offset +
                                  (uint64_t)first * sizeof(*words),
                                  (uint64_t)n * sizeof(*words), words, 0);
        if (ret < 0) {
            return ret;
        }
    }
    return 0;
}

/* The region, zeroed: unused parts of it have no other owner */
static int coroutine_fn GRAPH_RDLOCK
qcow2_zone_co_create_region(BlockDriverState *bs)
{
    BDRVQcow2State *s = bs->opaque;
    Qcow2Zone *zone = s->zone;
    int64_t offset;
    int ret;

    qemu_co_mutex_lock(&s->lock);
    offset = qcow2_alloc_clusters(bs, zone->meta_bytes);
    qemu_co_mutex_unlock(&s->lock);
    if (offset < 0) {
        return offset;
    }
    zone->meta_offset = offset;
    zone->zde_offset = offset + region_zde_start(&zone->geometry);
    ret = bdrv_co_pwrite_zeroes(bs->file, offset,
                                ROUND_UP(zone->meta_bytes, s->cluster_size),
                                0);
    return ret < 0 ? ret : qcow2_zone_co_create_words(bs);
}

/*
 * 1. The region is allocated and filled.  A crash leaves leaked clusters.
 * 2. The header gets extension and feature bit, in one write: the image
 *    is zoned from here on.  The caller flushes it before it reports success.
 */
int coroutine_fn
qcow2_zone_co_create(BlockDriverState *bs,
                     const BlockdevCreateOptionsQcow2 *opts, Error **errp)
{
    BDRVQcow2State *s = bs->opaque;
    int ret;

    if (!opts->zone) {
        return 0;
    }
    GRAPH_RDLOCK_GUARD();
    s->zone = g_new0(Qcow2Zone, 1);
    options_to_geometry(opts, &s->zone->geometry);
    s->zone->meta_bytes = region_bytes(&s->zone->geometry);
    ret = qcow2_zone_co_create_region(bs);
    if (ret < 0) {
        error_setg_errno(errp, -ret, "Could not create the zone metadata");
        return ret;
    }
    s->incompatible_features |= QCOW2_INCOMPAT_ZONE;
    ret = qcow2_update_header(bs);
    if (ret < 0) {
        error_setg_errno(errp, -ret, "Could not write the zone table header "
                         "extension");
    }
    return ret;
}
