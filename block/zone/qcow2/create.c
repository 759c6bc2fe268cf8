/*
 * Zoned qcow2 images: creation
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Geometry comes from the options, or from a backing file that is zoned; the
 * words of an overlay are those that the backing file has stored.
 */

#include "qemu/osdep.h"
#include "qemu/option.h"
#include "qemu/units.h"
#include "qapi/error.h"
#include "qapi/qmp/qerror.h"
#include "qapi/qapi-visit-block-core.h"
#include "qapi/qobject-input-visitor.h"
#include "qobject/qdict.h"
#include "block/qdict.h"
#include "block/zone/qcow2/internal.h"

#define QCOW2_ZONE_DEFAULT_BYTES        (256 * MiB)

/* Options ****************************************************************/

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
    g->capacity_step_bytes = zone_capacity_step(g->capacity_bytes);
    g->nr_zones = g->zone_bytes ? MIN(opts->size / g->zone_bytes, UINT32_MAX)
                                : 0;
}

/* An image with another file for data, or encrypted, has no records */
static uint8_t options_to_flags(const BlockdevCreateOptionsQcow2 *opts)
{
    bool records = !opts->encrypt && !opts->data_file;

    if (opts->zone->has_records) {
        records = opts->zone->records;
    }
    return records ? QCOW2_ZONE_FLAG_RECORDS : 0;
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

static bool check_create_version(int version, Error **errp)
{
    if (version < 3) {
        error_setg(errp, "Zoned images need compatibility level 1.1 or above "
                   "(use version=v3 or greater)");
        return false;
    }
    return true;
}

/* No zones are asked for, whatever a backing file has: takes them off */
static bool check_create_none(BlockdevCreateOptionsQcow2 *opts, Error **errp)
{
    const Qcow2ZoneCreateOptions *z = opts->zone;

    if (z->has_size || z->has_capacity || z->has_conventional_zones ||
        z->has_max_open_zones || z->has_max_active_zones ||
        z->has_max_append_bytes || z->has_zd_extension_size ||
        z->has_records) {
        error_setg(errp, "Options of zones need zone.mode=host-managed, not "
                   "zone.mode=none");
        return false;
    }
    qapi_free_Qcow2ZoneCreateOptions(opts->zone);
    opts->zone = NULL;
    return true;
}

static bool check_create_records(const BlockdevCreateOptionsQcow2 *opts,
                                 Error **errp)
{
    if (opts->zone->has_records && opts->zone->records &&
        (opts->encrypt || opts->data_file)) {
        error_setg(errp, "zone.records=on: an image that is encrypted or has "
                   "an external data file has no records");
        return false;
    }
    return true;
}

/* All options; true without zones */
static bool check_create(const BlockdevCreateOptionsQcow2 *opts, int version,
                         uint64_t cluster_bytes, Error **errp)
{
    ERRP_GUARD();
    ZoneGeometry g;

    if (!opts->zone) {
        return true;
    }
    if (!opts->zone->has_mode) {
        error_setg(errp, QERR_MISSING_PARAMETER, "zone.mode");
        return false;
    }
    options_to_geometry(opts, &g);
    return check_create_version(version, errp) &&
           check_create_records(opts, errp) &&
           check_create_width("Maximum append", opts->zone->max_append_bytes,
                              errp) &&
           check_create_width("Zone descriptor extension size",
                              opts->zone->zd_extension_size, errp) &&
           qcow2_zone_check_size(&g, cluster_bytes, errp) &&
           qcow2_zone_check_multiple(&g, opts->size, errp) &&
           qcow2_zone_check_geometry(&g, cluster_bytes, opts->size, errp);
}

/* Backing file ***********************************************************/

/*
 * For its header and words alone, as they are stored: read-only, beside whoever
 * else has it open.  NULL, with an error, when it cannot be opened.
 */
static BlockDriverState *coroutine_fn GRAPH_UNLOCKED
co_open_backing(BlockDriverState *file_bs,
                const BlockdevCreateOptionsQcow2 *opts, Error **errp)
{
    g_autofree char *path = NULL;
    QDict *options;

    path = bdrv_get_full_backing_filename_from_filename(file_bs->filename,
                                                        opts->backing_file,
                                                        errp);
    if (!path) {
        return NULL;
    }
    options = qdict_new();
    qdict_put_bool(options, BDRV_OPT_FORCE_SHARE, true);
    if (opts->has_backing_fmt) {
        qdict_put_str(options, "driver", BlockdevDriver_str(opts->backing_fmt));
    }
    return bdrv_co_open(path, NULL, options, BDRV_O_NO_IO | BDRV_O_NO_BACKING,
                        errp);
}

/* Takes the value of the backing file; one that is given must be the same */
static bool inherit(const char *backing_file, const char *name, bool *has,
                    uint64_t *value, uint64_t backing_value, Error **errp)
{
    if (*has && *value != backing_value) {
        error_setg(errp, "%s=%" PRIu64 " contradicts backing file '%s', which "
                   "has %" PRIu64, name, *value, backing_file, backing_value);
        return false;
    }
    *has = true;
    *value = backing_value;
    return true;
}

static bool inherit_number(const char *backing_file, const char *name,
                           bool *has, uint32_t *value, uint32_t backing_value,
                           Error **errp)
{
    uint64_t wide = *value;
    bool ok = inherit(backing_file, name, has, &wide, backing_value, errp);

    *value = wide;
    return ok;
}

static bool inherit_geometry(Qcow2ZoneCreateOptions *z, const char *file,
                             const ZoneGeometry *g, Error **errp)
{
    z->has_mode = true;
    z->mode = QCOW2_ZONE_MODE_HOST_MANAGED;
    return inherit(file, "zone.size", &z->has_size, &z->size, g->zone_bytes,
                   errp) &&
           inherit(file, "zone.capacity", &z->has_capacity, &z->capacity,
                   g->capacity_bytes, errp) &&
           inherit_number(file, "zone.conventional_zones",
                          &z->has_conventional_zones, &z->conventional_zones,
                          g->conventional_zones, errp) &&
           inherit_number(file, "zone.max_open_zones", &z->has_max_open_zones,
                          &z->max_open_zones, g->max_open_zones, errp) &&
           inherit_number(file, "zone.max_active_zones",
                          &z->has_max_active_zones, &z->max_active_zones,
                          g->max_active_zones, errp) &&
           inherit(file, "zone.max_append_bytes", &z->has_max_append_bytes,
                   &z->max_append_bytes, g->max_append_bytes, errp) &&
           inherit(file, "zd_extension_size", &z->has_zd_extension_size,
                   &z->zd_extension_size, g->zd_extension_bytes, errp);
}

/* Adds the zones of the backing file to the options, or checks them */
static bool load_backing_options(BlockDriverState *backing,
                                 BlockdevCreateOptionsQcow2 *opts, Error **errp)
{
    if (!backing->zones && opts->zone) {
        error_setg(errp, "Backing file '%s' is not zoned: the image over it "
                   "cannot have zones", opts->backing_file);
        return false;
    }
    if (!backing->zones) {
        return true;
    }
    if (backing->drv != &bdrv_qcow2) {
        error_setg(errp, "Backing file '%s' has zones of driver '%s', which "
                   "are in no image", opts->backing_file,
                   backing->drv->format_name);
        return false;
    }
    if (qcow2_zone(backing)->flags & QCOW2_ZONE_FLAG_UNFINISHED) {
        error_setg(errp, "Backing file '%s' is not finished: its zones do not "
                   "describe its data, as what filled it was interrupted",
                   opts->backing_file);
        return false;
    }
    if (!opts->zone) {
        opts->zone = g_new0(Qcow2ZoneCreateOptions, 1);
    }
    return inherit_geometry(opts->zone, opts->backing_file,
                            zone_io_geometry(backing->zones), errp);
}

/*
 * A backing file that cannot be opened, and of which nothing is asked, may have
 * zones or not: what is created has none, and is refused over it if it has.
 */
static bool coroutine_fn GRAPH_UNLOCKED
co_inherit(BlockDriverState *file_bs, BlockdevCreateOptionsQcow2 *opts,
           Error **errp)
{
    BlockDriverState *backing;
    Error *local_err = NULL;
    bool ok;

    if (!opts->zone && opts->has_backing_fmt &&
        opts->backing_fmt != BLOCKDEV_DRIVER_QCOW2) {
        return true; /* no other format is looked at in vain */
    }
    backing = co_open_backing(file_bs, opts, &local_err);
    if (!backing && !opts->zone) {
        error_free(local_err);
        return true;
    }
    if (!backing) {
        error_propagate_prepend(errp, local_err, "Could not open the backing "
                                "file, of which the zones are to come: ");
        return false;
    }
    ok = load_backing_options(backing, opts, errp);
    bdrv_co_unref(backing);
    return ok;
}

bool coroutine_fn
qcow2_zone_co_check_create(BlockDriverState *file_bs,
                           BlockdevCreateOptionsQcow2 *opts, int version,
                           uint64_t cluster_bytes, Error **errp)
{
    if (opts->zone && opts->zone->has_mode &&
        opts->zone->mode == QCOW2_ZONE_MODE_NONE) {
        return check_create_none(opts, errp);
    }
    if (opts->backing_file && !co_inherit(file_bs, opts, errp)) {
        return false;
    }
    return check_create(opts, version, cluster_bytes, errp);
}

/* qemu-img measure *******************************************************/

/* What the options of a command line are called in QMP */
static const char *const option_names[][2] = {
    { "zone.mode", "mode" },
    { "zone.size", "size" },
    { "zone.capacity", "capacity" },
    { "zone.conventional_zones", "conventional-zones" },
    { "zone.max_open_zones", "max-open-zones" },
    { "zone.max_active_zones", "max-active-zones" },
    { "zone.max_append_bytes", "max-append-bytes" },
    { "zd_extension_size", "zd-extension-size" },
    { "zone.records", "records" },
};

static const char *qmp_name(const char *name)
{
    int i;

    for (i = 0; !g_str_equal(option_names[i][0], name); i++) {
        assert(i + 1 < ARRAY_SIZE(option_names));
    }
    return option_names[i][1];
}

/* qemu-img convert takes what is not given from an image that is zoned */
static void set_default_options(QDict *dict, const ZoneGeometry *g)
{
    ZoneCreateOption options[ZONE_CREATE_OPTIONS];
    int i;

    zone_geometry_list_options(g, options);
    qdict_set_default_str(dict, "mode", "host-managed");
    for (i = 0; i < ZONE_CREATE_OPTIONS &&
         !g_str_equal(qdict_get_str(dict, "mode"), "none"); i++) {
        g_autofree char *value = g_strdup_printf("%" PRIu64,
                                                 options[i].value);

        qdict_set_default_str(dict, qmp_name(options[i].name), value);
    }
}

/*
 * As creation takes them from a command line, to copy zones of geometry g if
 * that is not NULL; NULL, without error, for none
 */
static Qcow2ZoneCreateOptions *load_create_options(QemuOpts *opts,
                                                   const ZoneGeometry *g,
                                                   Error **errp)
{
    g_autoptr(QDict) dict = qdict_new();
    Qcow2ZoneCreateOptions *zone = NULL;
    Visitor *v;
    int i;

    for (i = 0; i < ARRAY_SIZE(option_names); i++) {
        const char *value = qemu_opt_get(opts, option_names[i][0]);

        if (value) {
            qdict_put_str(dict, option_names[i][1], value);
        }
    }
    if (g) {
        set_default_options(dict, g);
    }
    if (qdict_size(dict)) {
        v = qobject_input_visitor_new_keyval(QOBJECT(dict));
        visit_type_Qcow2ZoneCreateOptions(v, "zone", &zone, errp);
        visit_free(v);
    }
    return zone;
}

/* As options_to_flags() */
static bool measures_no_records(QemuOpts *opts)
{
    return qemu_opt_get(opts, BLOCK_OPT_ENCRYPT_FORMAT) ||
           qemu_opt_get_bool(opts, BLOCK_OPT_ENCRYPT, false) ||
           qemu_opt_get(opts, BLOCK_OPT_DATA_FILE);
}

bool qcow2_zone_measure(QemuOpts *opts, BlockDriverState *in_bs,
                        uint64_t device_bytes, int version,
                        uint64_t cluster_bytes, int refcount_order,
                        int64_t *file_bytes, Error **errp)
{
    ERRP_GUARD();
    g_autoptr(Qcow2ZoneCreateOptions) zone = NULL;
    BlockdevCreateOptionsQcow2 create = { .size = device_bytes };
    const ZoneGeometry *copied = NULL;
    uint64_t clusters, region_clusters;
    ZoneGeometry g;
    uint8_t flags;

    if (in_bs && in_bs->zones) {
        copied = zone_io_geometry(in_bs->zones);
    }
    if (copied && copied->zone_bytes % cluster_bytes) {
        return true; /* convert takes other clusters */
    }
    create.zone = zone = load_create_options(opts, copied, errp);
    if (!zone) {
        return !*errp;
    }
    if (zone->has_mode && zone->mode == QCOW2_ZONE_MODE_NONE) {
        return true;
    }
    if (!check_create(&create, version, cluster_bytes, errp)) {
        return false;
    }
    options_to_geometry(&create, &g);
    flags = options_to_flags(&create);
    if (!zone->has_records && measures_no_records(opts)) {
        flags = 0;
    }
    region_clusters = DIV_ROUND_UP(qcow2_zone_region_bytes(&g, flags),
                                   cluster_bytes);
    clusters = *file_bytes / cluster_bytes;
    *file_bytes += region_clusters * cluster_bytes +
        qcow2_refcount_metadata_size(clusters + region_clusters, cluster_bytes,
                                     refcount_order, false, NULL) -
        qcow2_refcount_metadata_size(clusters, cluster_bytes, refcount_order,
                                     false, NULL);
    return true;
}

/* The image **************************************************************/

/*
 * Each must be valid, and all together keep to the limit: another process may
 * be changing them, and then they are of different moments.
 */
static bool check_backing_words(const char *backing_file, const ZoneGeometry *g,
                                const uint64_t *words, Error **errp)
{
    uint32_t nr_active;
    const char *fault;
    uint32_t i;

    for (i = 0; i < g->nr_zones; i++) {
        fault = zone_word_check(g, i, words[i]);
        if (fault) {
            error_setg(errp, "Backing file '%s': zone %" PRIu32 ": word 0x%016"
                       PRIx64 ": %s", backing_file, i, words[i], fault);
            return false;
        }
    }
    nr_active = zone_words_count_active(g, words);
    if (g->max_active_zones && nr_active > g->max_active_zones) {
        error_setg(errp, "Backing file '%s': %" PRIu32 " active zones exceed "
                   "the maximum of %" PRIu32, backing_file, nr_active,
                   g->max_active_zones);
        return false;
    }
    return true;
}

/*
 * The words of an overlay, which has another number of zones perhaps: those of
 * the backing file, then Empty ones.
 */
static int coroutine_fn GRAPH_RDLOCK
co_load_backing_words(BlockDriverState *backing, const ZoneGeometry *g,
                      uint64_t *words, Error **errp)
{
    ERRP_GUARD();
    BDRVQcow2State *s = backing->opaque;
    uint32_t nr_backing = s->zone->geometry.nr_zones;
    g_autofree Qcow2ZoneRing *ring = g_new(Qcow2ZoneRing, 1);
    g_autofree uint64_t *backing_words = g_try_new(uint64_t, nr_backing);
    Qcow2ZoneLayout layout;
    uint32_t i;
    int ret;

    if (!backing_words) {
        error_setg(errp, "Could not allocate memory for %" PRIu32 " zones",
                   nr_backing);
        return -ENOMEM;
    }
    qcow2_zone_get_layout(s->zone, &layout);
    qemu_co_mutex_lock(&s->lock);
    ret = qcow2_zone_co_load_all(backing, &layout, backing_words, true, ring,
                                 errp);
    qemu_co_mutex_unlock(&s->lock);
    if (ret < 0) {
        error_prepend(errp, "Backing file '%s': ", backing->filename);
        return ret;
    }
    for (i = 0; i < g->nr_zones; i++) {
        words[i] = i < nr_backing ? backing_words[i] : zone_empty_word(g, i);
    }
    return check_backing_words(backing->filename, g, words, errp) ? 0 : -EINVAL;
}

/* A region with the words and valid extensions of the backing file */
static int coroutine_fn GRAPH_RDLOCK
co_create_region_over(BlockDriverState *bs, BlockDriverState *backing,
                      Qcow2ZoneLayout *layout, Error **errp)
{
    g_autofree uint64_t *words = g_try_new(uint64_t, layout->geometry.nr_zones);
    Qcow2ZoneLayout from;
    int ret;

    if (!words) {
        error_setg(errp, "Could not allocate memory for %" PRIu32 " zones",
                   layout->geometry.nr_zones);
        return -ENOMEM;
    }
    ret = co_load_backing_words(backing, &layout->geometry, words, errp);
    if (ret < 0) {
        return ret;
    }
    qcow2_zone_get_layout(qcow2_zone(backing), &from);
    ret = qcow2_zone_co_create_region(bs, layout, words);
    return ret < 0 ? ret :
        qcow2_zone_co_copy_extensions(backing, &from, bs, layout, words);
}

static int coroutine_fn GRAPH_UNLOCKED
co_create_region(BlockDriverState *bs, const BlockdevCreateOptionsQcow2 *opts,
                 Qcow2ZoneLayout *layout, Error **errp)
{
    BlockDriverState *backing;
    int ret;

    if (!opts->backing_file) {
        GRAPH_RDLOCK_GUARD();
        return qcow2_zone_co_create_region(bs, layout, NULL);
    }
    backing = co_open_backing(bs, opts, errp);
    if (!backing) {
        return -EINVAL;
    }
    WITH_GRAPH_RDLOCK_GUARD() {
        if (backing->drv == &bdrv_qcow2 && qcow2_zone(backing)) {
            ret = co_create_region_over(bs, backing, layout, errp);
        } else {
            error_setg(errp, "Backing file '%s' is not zoned any more",
                       opts->backing_file);
            ret = -EINVAL;
        }
    }
    bdrv_co_unref(backing);
    return ret;
}

/* From here on the image is zoned, once this is durable */
static int coroutine_fn GRAPH_RDLOCK
co_write_header(BlockDriverState *bs, const Qcow2ZoneLayout *layout,
                Error **errp)
{
    BDRVQcow2State *s = bs->opaque;
    int ret;

    s->zone = g_new0(Qcow2Zone, 1);
    qcow2_zone_set_layout(s->zone, layout);
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

/*
 * 1. The region is allocated and filled, from the backing file if there is one,
 *    and flushed with the refcounts of its clusters.  A crash leaves leaked
 *    clusters, in an image without zones.
 * 2. The header gets extension and feature bit, in one write, and is flushed:
 *    the image is zoned from here on.
 *
 * Closing the node, which comes next, would flush as well, but not report it.
 */
int coroutine_fn
qcow2_zone_co_create(BlockDriverState *bs,
                     const BlockdevCreateOptionsQcow2 *opts, Error **errp)
{
    ERRP_GUARD();
    Qcow2ZoneLayout layout = { .version = QCOW2_ZONE_VERSION };
    int ret;

    if (!opts->zone) {
        return 0;
    }
    options_to_geometry(opts, &layout.geometry);
    layout.flags = options_to_flags(opts);
    ret = co_create_region(bs, opts, &layout, errp);
    GRAPH_RDLOCK_GUARD();
    if (ret >= 0) {
        ret = bdrv_co_flush(bs);
    }
    if (ret < 0) {
        if (!*errp) {
            error_setg_errno(errp, -ret, "Could not create the zone metadata "
                             "of %" PRIu64 " bytes", layout.meta_bytes);
        }
        return ret;
    }
    return co_write_header(bs, &layout, errp);
}
