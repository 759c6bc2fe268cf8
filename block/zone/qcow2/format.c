/*
 * Zoned qcow2 images: header extension and creation
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The extension is read and written here, and an image made zoned; what is
 * valid is the matter of decode.c.
 */

#include "qemu/osdep.h"
#include "qemu/bswap.h"
#include "qemu/cutils.h"
#include "qemu/option.h"
#include "qemu/units.h"
#include "qapi/error.h"
#include "qapi/qapi-visit-block-core.h"
#include "qapi/qobject-input-visitor.h"
#include "block/qdict.h"
#include "block/zone/qcow2/internal.h"

#define QCOW2_ZONE_DEFAULT_BYTES        (256 * MiB)

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

/* Ours, among those that the base keeps without knowing them; NULL: none */
static Qcow2UnknownHeaderExtension *find_extension(BDRVQcow2State *s,
                                                   uint32_t magic)
{
    Qcow2UnknownHeaderExtension *ext;

    QLIST_FOREACH(ext, &s->unknown_header_ext, next) {
        if (ext->magic == magic) {
            return ext;
        }
    }
    return NULL;
}

static bool check_other_extensions(BDRVQcow2State *s, Error **errp)
{
    Qcow2UnknownHeaderExtension *ext;
    unsigned nr = 0;

    if (find_extension(s, QCOW2_EXT_MAGIC_ZONE_DRAFT)) {
        error_setg(errp, "Header extension 0x%08x is that of an unfinished "
                   "draft of zoned qcow2, which is not supported",
                   QCOW2_EXT_MAGIC_ZONE_DRAFT);
        return false;
    }
    QLIST_FOREACH(ext, &s->unknown_header_ext, next) {
        nr += ext->magic == QCOW2_EXT_MAGIC_ZONE;
    }
    if (nr > 1) {
        error_setg(errp, "Image has two zone table header extensions");
        return false;
    }
    return true;
}

/*
 * The device's length as the header has it, as the block layer keeps whole
 * sectors; and the type of the first header extension.
 */
static int coroutine_fn GRAPH_RDLOCK
load_header(BlockDriverState *bs, uint64_t *device_bytes,
            uint32_t *first_magic)
{
    QCowHeader header;
    uint32_t header_bytes;
    int ret;

    ret = bdrv_co_pread(bs->file, 0, sizeof(header), &header, 0);
    if (ret < 0) {
        return ret;
    }
    *device_bytes = be64_to_cpu(header.size);
    header_bytes = be32_to_cpu(header.header_length);
    ret = bdrv_co_pread(bs->file, header_bytes, sizeof(*first_magic),
                        first_magic, 0);
    *first_magic = be32_to_cpu(*first_magic);
    return ret;
}

static bool check_first_extension(const Qcow2ZoneLayout *layout,
                                  uint32_t first_magic, Error **errp)
{
    if (layout->version > 1 && first_magic != QCOW2_EXT_MAGIC_ZONE) {
        error_setg(errp, "Zone table header extension of layout version %u is "
                   "not the first header extension, which has type 0x%08x",
                   layout->version, first_magic);
        return false;
    }
    return true;
}

/* What the header is written with next: ours has been taken off the list */
static void take_layout(BDRVQcow2State *s, Qcow2UnknownHeaderExtension *ext,
                        const Qcow2ZoneLayout *layout)
{
    QLIST_REMOVE(ext, next);
    g_free(ext);
    s->zone = g_new0(Qcow2Zone, 1);
    qcow2_zone_set_layout(s->zone, layout);
}

int coroutine_fn qcow2_zone_co_load_extension(BlockDriverState *bs,
                                              Error **errp)
{
    BDRVQcow2State *s = bs->opaque;
    Qcow2UnknownHeaderExtension *ext = find_extension(s, QCOW2_EXT_MAGIC_ZONE);
    Qcow2ZoneLayout layout;
    uint64_t device_bytes = 0;
    uint32_t first_magic = 0;
    int ret;

    if (!check_other_extensions(s, errp)) {
        return -EINVAL;
    }
    if (!ext) {
        return 0;
    }
    if (!qcow2_zone_check_extension_bytes(ext->len, errp)) {
        return -EINVAL;
    }
    ret = load_header(bs, &device_bytes, &first_magic);
    if (ret < 0) {
        error_setg_errno(errp, -ret, "Could not read the image header");
        return ret;
    }
    if (!qcow2_zone_decode_extension(ext->data, ext->len, s->cluster_size,
                                     device_bytes, &layout, errp) ||
        !check_first_extension(&layout, first_magic, errp)) {
        return -EINVAL;
    }
    take_layout(s, ext, &layout);
    return 0;
}

/*
 * Type, length and data: a multiple of 8, so there is nothing to pad.  Images
 * of version 1 are written with the extension first, too, when their header
 * changes: it is allowed anywhere there.
 */
int qcow2_zone_put_extension(BlockDriverState *bs, void *buf, size_t room)
{
    BDRVQcow2State *s = bs->opaque;
    const size_t bytes = 2 * sizeof(uint32_t) + QCOW2_ZONE_EXTENSION_BYTES;
    Qcow2ZoneLayout layout;

    if (!s->zone) {
        return 0;
    }
    if (room < bytes) {
        return -ENOSPC;
    }
    qcow2_zone_get_layout(s->zone, &layout);
    stl_be_p(buf, QCOW2_EXT_MAGIC_ZONE);
    stl_be_p(buf + sizeof(uint32_t), QCOW2_ZONE_EXTENSION_BYTES);
    qcow2_zone_encode_layout(&layout, buf + 2 * sizeof(uint32_t));
    return bytes;
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
        .has_unfinished     = zone->flags & QCOW2_ZONE_FLAG_UNFINISHED,
        .unfinished         = true,
    };
    return info;
}

/* Creation ***************************************************************/

static bool wants_zones(const BlockdevCreateOptionsQcow2 *opts)
{
    return opts->zone && opts->zone->mode != QCOW2_ZONE_MODE_NONE;
}

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

char *qcow2_zone_exact_size_str(uint64_t bytes)
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

bool qcow2_zone_check_multiple(const ZoneGeometry *g, uint64_t device_bytes,
                               Error **errp)
{
    ERRP_GUARD();
    uint64_t below = QEMU_ALIGN_DOWN(device_bytes, g->zone_bytes);
    g_autofree char *below_str = qcow2_zone_exact_size_str(below);
    g_autofree char *above_str =
        qcow2_zone_exact_size_str(below + g->zone_bytes);

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

/* Zones that are none have nothing to say */
static bool check_create_none(const Qcow2ZoneCreateOptions *z, Error **errp)
{
    if (z->has_size || z->has_capacity || z->has_conventional_zones ||
        z->has_max_open_zones || z->has_max_active_zones ||
        z->has_max_append_bytes || z->has_zd_extension_size) {
        error_setg(errp, "Options of zones need zone.mode=host-managed, not "
                   "zone.mode=none");
        return false;
    }
    return true;
}

bool qcow2_zone_check_create(const BlockdevCreateOptionsQcow2 *opts,
                             int version, uint64_t cluster_bytes, Error **errp)
{
    ERRP_GUARD();
    ZoneGeometry g;

    if (!wants_zones(opts)) {
        return !opts->zone || check_create_none(opts->zone, errp);
    }
    options_to_geometry(opts, &g);
    return check_create_combination(opts, version, errp) &&
           check_create_width("Maximum append", opts->zone->max_append_bytes,
                              errp) &&
           check_create_width("Zone descriptor extension size",
                              opts->zone->zd_extension_size, errp) &&
           qcow2_zone_check_size(&g, cluster_bytes, errp) &&
           qcow2_zone_check_multiple(&g, opts->size, errp) &&
           qcow2_zone_check_geometry(&g, cluster_bytes, opts->size, errp);
}

/* qemu-img convert takes what is not given from an image that is zoned */
static void inherit_options(QDict *dict, const ZoneGeometry *g)
{
    const struct {
        const char *name;
        uint64_t value;
    } inherited[] = {
        { "size", g->zone_bytes },
        { "capacity", g->capacity_bytes },
        { "conventional-zones", g->conventional_zones },
        { "max-open-zones", g->max_open_zones },
        { "max-active-zones", g->max_active_zones },
        { "max-append-bytes", g->max_append_bytes },
        { "zd-extension-size", g->zd_extension_bytes },
    };
    int i;

    qdict_set_default_str(dict, "mode", "host-managed");
    for (i = 0; i < ARRAY_SIZE(inherited) &&
         !g_str_equal(qdict_get_str(dict, "mode"), "none"); i++) {
        g_autofree char *value = g_strdup_printf("%" PRIu64,
                                                 inherited[i].value);

        qdict_set_default_str(dict, inherited[i].name, value);
    }
}

/*
 * As creation takes them from a command line, to copy in_bs if that is not
 * NULL; NULL, without error, for none
 */
static Qcow2ZoneCreateOptions *load_create_options(QemuOpts *opts,
                                                   BlockDriverState *in_bs,
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
    if (in_bs && in_bs->zones) {
        inherit_options(dict, zone_io_geometry(in_bs->zones));
    }
    if (qdict_size(dict)) {
        v = qobject_input_visitor_new_keyval(QOBJECT(dict));
        visit_type_Qcow2ZoneCreateOptions(v, "zone", &zone, errp);
        visit_free(v);
    }
    return zone;
}

bool qcow2_zone_measure(QemuOpts *opts, BlockDriverState *in_bs,
                        uint64_t device_bytes, int version,
                        uint64_t cluster_bytes, int refcount_order,
                        int64_t *file_bytes, Error **errp)
{
    ERRP_GUARD();
    g_autoptr(Qcow2ZoneCreateOptions) zone = load_create_options(opts, in_bs,
                                                                 errp);
    BlockdevCreateOptionsQcow2 create = { .size = device_bytes, .zone = zone };
    uint64_t clusters, region_clusters;
    ZoneGeometry g;

    if (!zone) {
        return !*errp;
    }
    if (!qcow2_zone_check_create(&create, version, cluster_bytes, errp)) {
        return false;
    }
    if (!wants_zones(&create)) {
        return true;
    }
    options_to_geometry(&create, &g);
    region_clusters = DIV_ROUND_UP(qcow2_zone_region_bytes(&g), cluster_bytes);
    clusters = *file_bytes / cluster_bytes;
    *file_bytes += region_clusters * cluster_bytes +
        qcow2_refcount_metadata_size(clusters + region_clusters, cluster_bytes,
                                     refcount_order, false, NULL) -
        qcow2_refcount_metadata_size(clusters, cluster_bytes, refcount_order,
                                     false, NULL);
    return true;
}

/*
 * 1. The region is allocated and filled, and flushed with the refcounts of its
 *    clusters.  A crash leaves leaked clusters.
 * 2. The header gets extension and feature bit, in one write, and is flushed:
 *    the image is zoned from here on.
 *
 * Closing the node, which comes next, would flush as well, but not report it.
 */
int coroutine_fn
qcow2_zone_co_create(BlockDriverState *bs,
                     const BlockdevCreateOptionsQcow2 *opts, Error **errp)
{
    BDRVQcow2State *s = bs->opaque;
    Qcow2ZoneLayout layout = { .version = QCOW2_ZONE_VERSION };
    int ret;

    if (!wants_zones(opts)) {
        return 0;
    }
    GRAPH_RDLOCK_GUARD();
    options_to_geometry(opts, &layout.geometry);
    ret = qcow2_zone_co_create_region(bs, &layout, NULL);
    if (ret >= 0) {
        ret = bdrv_co_flush(bs);
    }
    if (ret < 0) {
        error_setg_errno(errp, -ret, "Could not create the zone metadata of %"
                         PRIu64 " bytes", layout.meta_bytes);
        return ret;
    }
    s->zone = g_new0(Qcow2Zone, 1);
    qcow2_zone_set_layout(s->zone, &layout);
    s->incompatible_features |= QCOW2_INCOMPAT_ZONE;
    ret = qcow2_update_header(bs);
    if (ret >= 0) {
        ret = bdrv_co_flush(bs);
    }
    if (ret < 0) {
        error_setg_errno(errp, -ret, "Could not write the zone table header "
                         "extension");
    }
    return ret;
}
