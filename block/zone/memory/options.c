/*
 * The driver "zoned": runtime options and the geometry that they make
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Every rule is one condition with one message: the option, its value, and
 * what is allowed.
 */

#include "qemu/osdep.h"
#include "qemu/option.h"
#include "qemu/units.h"
#include "qapi/error.h"
#include "qobject/qdict.h"
#include "qobject/qnum.h"
#include "block/block_int-common.h"
#include "block/zone/memory/zoned.h"

#define ZONED_DEFAULT_ZONE_BYTES    (128 * MiB)
/* What all positions and lengths are multiples of */
#define ZONED_UNIT_BYTES            BDRV_SECTOR_SIZE

#define OPT_ZONE_SIZE           "zone-size"
#define OPT_ZONE_CAPACITY       "zone-capacity"
#define OPT_ZONES               "zones"
#define OPT_CONVENTIONAL_ZONES  "conventional-zones"
#define OPT_MAX_OPEN_ZONES      "max-open-zones"
#define OPT_MAX_ACTIVE_ZONES    "max-active-zones"
#define OPT_MAX_APPEND_BYTES    "max-append-bytes"
#define OPT_ZD_EXTENSION_SIZE   "zd-extension-size"
#define OPT_ZRWA_SIZE           "zrwa-size"
#define OPT_ZRWA_GRANULARITY    "zrwa-granularity"
#define OPT_MAX_ZRWA_ZONES      "max-zrwa-zones"
#define OPT_AUTO_CLOSE          "auto-close"

static QemuOptsList zoned_runtime_opts = {
    .name = "zoned",
    .head = QTAILQ_HEAD_INITIALIZER(zoned_runtime_opts.head),
    .desc = {
        {
            .name = OPT_ZONE_SIZE,
            .type = QEMU_OPT_SIZE,
            .help = "Zone size in bytes (128M)",
        }, {
            .name = OPT_ZONE_CAPACITY,
            .type = QEMU_OPT_SIZE,
            .help = "Writable bytes of each zone (zone size)",
        }, {
            .name = OPT_ZONES,
            .type = QEMU_OPT_NUMBER,
            .help = "Number of zones (as many as the file holds)",
        }, {
            .name = OPT_CONVENTIONAL_ZONES,
            .type = QEMU_OPT_NUMBER,
            .help = "How many zones, the first ones, take random writes (0)",
        }, {
            .name = OPT_MAX_OPEN_ZONES,
            .type = QEMU_OPT_NUMBER,
            .help = "Open zones at the same time (0: no limit)",
        }, {
            .name = OPT_MAX_ACTIVE_ZONES,
            .type = QEMU_OPT_NUMBER,
            .help = "Open and closed zones at the same time (0: no limit)",
        }, {
            .name = OPT_MAX_APPEND_BYTES,
            .type = QEMU_OPT_SIZE,
            .help = "Longest zone append (0: no limit)",
        }, {
            .name = OPT_ZD_EXTENSION_SIZE,
            .type = QEMU_OPT_SIZE,
            .help = "Bytes of each zone descriptor extension (0: none)",
        }, {
            .name = OPT_ZRWA_SIZE,
            .type = QEMU_OPT_SIZE,
            .help = "Bytes of a Zone Random Write Area (0: none)",
        }, {
            .name = OPT_ZRWA_GRANULARITY,
            .type = QEMU_OPT_SIZE,
            .help = "Flush granularity of a Zone Random Write Area (512)",
        }, {
            .name = OPT_MAX_ZRWA_ZONES,
            .type = QEMU_OPT_NUMBER,
            .help = "Zone Random Write Areas at the same time (0: no limit)",
        }, {
            .name = OPT_AUTO_CLOSE,
            .type = QEMU_OPT_BOOL,
            .help = "Close implicitly opened zones to make room (on)",
        },
        { /* end of list */ }
    },
};

const char *const zoned_runtime_opt_names[] = {
    OPT_ZONE_SIZE,
    OPT_ZONE_CAPACITY,
    OPT_ZONES,
    OPT_CONVENTIONAL_ZONES,
    OPT_MAX_OPEN_ZONES,
    OPT_MAX_ACTIVE_ZONES,
    OPT_MAX_APPEND_BYTES,
    OPT_ZD_EXTENSION_SIZE,
    OPT_ZRWA_SIZE,
    OPT_ZRWA_GRANULARITY,
    OPT_MAX_ZRWA_ZONES,
    OPT_AUTO_CLOSE,
    NULL
};

/* Values as given, before they are known to fit a geometry */
typedef struct ZonedValues {
    uint64_t zone_bytes;
    uint64_t capacity_bytes;
    uint64_t nr_zones;
    uint64_t conventional_zones;
    uint64_t max_open_zones;
    uint64_t max_active_zones;
    uint64_t max_append_bytes;
    uint64_t zd_extension_bytes;
    uint64_t zrwa_bytes;
    uint64_t zrwa_granularity_bytes;
    uint64_t max_zrwa_zones;
    bool has_zrwa_granularity;
    bool auto_close;
} ZonedValues;

static void load_values(QemuOpts *opts, uint64_t default_zones, ZonedValues *v)
{
    v->zone_bytes = qemu_opt_get_size(opts, OPT_ZONE_SIZE,
                                      ZONED_DEFAULT_ZONE_BYTES);
    v->capacity_bytes = qemu_opt_get_size(opts, OPT_ZONE_CAPACITY,
                                          v->zone_bytes);
    v->nr_zones = qemu_opt_get_number(opts, OPT_ZONES, default_zones);
    v->conventional_zones = qemu_opt_get_number(opts, OPT_CONVENTIONAL_ZONES,
                                                0);
    v->max_open_zones = qemu_opt_get_number(opts, OPT_MAX_OPEN_ZONES, 0);
    v->max_active_zones = qemu_opt_get_number(opts, OPT_MAX_ACTIVE_ZONES, 0);
    v->max_append_bytes = qemu_opt_get_size(opts, OPT_MAX_APPEND_BYTES, 0);
    v->zd_extension_bytes = qemu_opt_get_size(opts, OPT_ZD_EXTENSION_SIZE, 0);
    v->zrwa_bytes = qemu_opt_get_size(opts, OPT_ZRWA_SIZE, 0);
    v->has_zrwa_granularity = qemu_opt_get(opts, OPT_ZRWA_GRANULARITY);
    v->zrwa_granularity_bytes = qemu_opt_get_size(opts, OPT_ZRWA_GRANULARITY,
                                                  ZONED_UNIT_BYTES);
    v->max_zrwa_zones = qemu_opt_get_number(opts, OPT_MAX_ZRWA_ZONES, 0);
    v->auto_close = qemu_opt_get_bool(opts, OPT_AUTO_CLOSE, true);
}

/* Rules ******************************************************************/

static bool check_multiple(const char *name, uint64_t value, uint64_t unit,
                           Error **errp)
{
    if (value % unit) {
        error_setg(errp, "%s=%" PRIu64 " is not a multiple of %" PRIu64, name,
                   value, unit);
        return false;
    }
    return true;
}

static bool check_max(const char *name, uint64_t value, uint64_t max,
                      Error **errp)
{
    if (value > max) {
        error_setg(errp, "%s=%" PRIu64 " exceeds the maximum of %" PRIu64,
                   name, value, max);
        return false;
    }
    return true;
}

static bool check_not_zero(const char *name, uint64_t value, Error **errp)
{
    if (!value) {
        error_setg(errp, "%s must not be 0", name);
        return false;
    }
    return true;
}

/* Among two options; a limit of 0 is none */
static bool check_not_above(const char *name, uint64_t value,
                            const char *limit_name, uint64_t limit,
                            Error **errp)
{
    if (value > limit) {
        error_setg(errp, "%s=%" PRIu64 " exceeds %s=%" PRIu64, name, value,
                   limit_name, limit);
        return false;
    }
    return true;
}

static bool check_zone_bytes(const ZonedValues *v, Error **errp)
{
    return check_not_zero(OPT_ZONE_SIZE, v->zone_bytes, errp) &&
           check_multiple(OPT_ZONE_SIZE, v->zone_bytes, ZONED_UNIT_BYTES,
                          errp) &&
           check_max(OPT_ZONE_SIZE, v->zone_bytes, ZONE_MAX_BYTES, errp);
}

static bool check_capacity(const ZonedValues *v, Error **errp)
{
    return check_not_zero(OPT_ZONE_CAPACITY, v->capacity_bytes, errp) &&
           check_multiple(OPT_ZONE_CAPACITY, v->capacity_bytes,
                          ZONED_UNIT_BYTES, errp) &&
           check_not_above(OPT_ZONE_CAPACITY, v->capacity_bytes,
                           OPT_ZONE_SIZE, v->zone_bytes, errp);
}

static bool check_zones_fit(const ZonedValues *v, uint64_t file_bytes,
                            Error **errp)
{
    if (v->nr_zones > file_bytes / v->zone_bytes) {
        error_setg(errp, OPT_ZONES "=%" PRIu64 " of %" PRIu64 " bytes exceed "
                   "the file of %" PRIu64 " bytes", v->nr_zones,
                   v->zone_bytes, file_bytes);
        return false;
    }
    return true;
}

/* The write pointer of a zone word has no room for more */
static bool check_zones_end(const ZonedValues *v, Error **errp)
{
    if (v->nr_zones * v->zone_bytes > ZONE_MAX_DEVICE_BYTES - 1) {
        error_setg(errp, OPT_ZONES "=%" PRIu64 " of %" PRIu64 " bytes end at "
                   "%" PRIu64 ": zones have to end below 2 PiB", v->nr_zones,
                   v->zone_bytes, v->nr_zones * v->zone_bytes);
        return false;
    }
    return true;
}

static bool check_zones(const ZonedValues *v, uint64_t file_bytes,
                        Error **errp)
{
    if (file_bytes < v->zone_bytes) {
        error_setg(errp, OPT_ZONE_SIZE "=%" PRIu64 " exceeds the file of %"
                   PRIu64 " bytes", v->zone_bytes, file_bytes);
        return false;
    }
    return check_not_zero(OPT_ZONES, v->nr_zones, errp) &&
           check_max(OPT_ZONES, v->nr_zones, ZONE_MAX_ZONES, errp) &&
           check_zones_fit(v, file_bytes, errp) &&
           check_zones_end(v, errp) &&
           check_not_above(OPT_CONVENTIONAL_ZONES, v->conventional_zones,
                           OPT_ZONES, v->nr_zones, errp);
}

static bool check_limits(const ZonedValues *v, Error **errp)
{
    return check_max(OPT_MAX_OPEN_ZONES, v->max_open_zones, UINT32_MAX,
                     errp) &&
           check_max(OPT_MAX_ACTIVE_ZONES, v->max_active_zones, UINT32_MAX,
                     errp) &&
           (!v->max_active_zones ||
            check_not_above(OPT_MAX_OPEN_ZONES, v->max_open_zones,
                            OPT_MAX_ACTIVE_ZONES, v->max_active_zones,
                            errp)) &&
           check_multiple(OPT_MAX_APPEND_BYTES, v->max_append_bytes,
                          ZONED_UNIT_BYTES, errp) &&
           check_max(OPT_MAX_APPEND_BYTES, v->max_append_bytes, UINT32_MAX,
                     errp) &&
           check_multiple(OPT_ZD_EXTENSION_SIZE, v->zd_extension_bytes,
                          ZONE_ZDE_UNIT_BYTES, errp) &&
           check_max(OPT_ZD_EXTENSION_SIZE, v->zd_extension_bytes,
                     ZONE_MAX_ZDE_BYTES, errp);
}

static bool check_zrwa_wanted(const char *name, bool given, Error **errp)
{
    if (given) {
        error_setg(errp, "%s means nothing without " OPT_ZRWA_SIZE, name);
        return false;
    }
    return true;
}

static bool check_zrwa(const ZonedValues *v, Error **errp)
{
    if (!v->zrwa_bytes) {
        return check_zrwa_wanted(OPT_ZRWA_GRANULARITY, v->has_zrwa_granularity,
                                 errp) &&
               check_zrwa_wanted(OPT_MAX_ZRWA_ZONES, v->max_zrwa_zones, errp);
    }
    return check_not_zero(OPT_ZRWA_GRANULARITY, v->zrwa_granularity_bytes,
                          errp) &&
           check_multiple(OPT_ZRWA_GRANULARITY, v->zrwa_granularity_bytes,
                          ZONED_UNIT_BYTES, errp) &&
           check_multiple(OPT_ZRWA_SIZE, v->zrwa_bytes,
                          v->zrwa_granularity_bytes, errp) &&
           check_max(OPT_ZRWA_SIZE, v->zrwa_bytes, ZONE_MAX_BYTES, errp) &&
           check_max(OPT_MAX_ZRWA_ZONES, v->max_zrwa_zones, UINT32_MAX,
                     errp) &&
           (!v->max_active_zones ||
            check_not_above(OPT_MAX_ZRWA_ZONES, v->max_zrwa_zones,
                            OPT_MAX_ACTIVE_ZONES, v->max_active_zones, errp));
}

static void values_to_geometry(const ZonedValues *v, ZoneGeometry *geometry)
{
    *geometry = (ZoneGeometry) {
        .zone_bytes         = v->zone_bytes,
        .capacity_bytes     = v->capacity_bytes,
        .capacity_step_bytes = zone_capacity_step(v->capacity_bytes),
        .nr_zones           = v->nr_zones,
        .conventional_zones = v->conventional_zones,
        .max_open_zones     = v->max_open_zones,
        .max_active_zones   = v->max_active_zones,
        .max_append_bytes   = v->max_append_bytes,
        .zd_extension_bytes = v->zd_extension_bytes,
        .auto_close         = v->auto_close,
        .zrwa_bytes         = v->zrwa_bytes,
        .zrwa_granularity_bytes =
            v->zrwa_bytes ? v->zrwa_granularity_bytes : 0,
        .max_zrwa_zones     = v->max_zrwa_zones,
    };
}

bool zoned_options_to_geometry(QDict *options, uint64_t file_bytes,
                               uint32_t default_zones, ZoneGeometry *geometry,
                               Error **errp)
{
    QemuOpts *opts = qemu_opts_create(&zoned_runtime_opts, NULL, 0,
                                      &error_abort);
    ZonedValues v;
    bool ok = false;

    if (!qemu_opts_absorb_qdict(opts, options, errp)) {
        goto out;
    }
    load_values(opts, default_zones, &v);
    if (!check_zone_bytes(&v, errp) || !check_capacity(&v, errp)) {
        goto out;
    }
    if (!qemu_opt_get(opts, OPT_ZONES) && !default_zones) {
        v.nr_zones = file_bytes / v.zone_bytes;
    }
    ok = check_zones(&v, file_bytes, errp) && check_limits(&v, errp) &&
         check_zrwa(&v, errp);
    if (ok) {
        values_to_geometry(&v, geometry);
    }
out:
    qemu_opts_del(opts);
    return ok;
}

/* From a geometry back to options, and compared by option ****************/

typedef struct ZonedField {
    const char *name;
    uint64_t value;
} ZonedField;

#define ZONED_NR_FIELDS 11

static void geometry_to_fields(const ZoneGeometry *g, ZonedField *fields)
{
    const ZonedField all[ZONED_NR_FIELDS] = {
        { OPT_ZONE_SIZE, g->zone_bytes },
        { OPT_ZONE_CAPACITY, g->capacity_bytes },
        { OPT_ZONES, g->nr_zones },
        { OPT_CONVENTIONAL_ZONES, g->conventional_zones },
        { OPT_MAX_OPEN_ZONES, g->max_open_zones },
        { OPT_MAX_ACTIVE_ZONES, g->max_active_zones },
        { OPT_MAX_APPEND_BYTES, g->max_append_bytes },
        { OPT_ZD_EXTENSION_SIZE, g->zd_extension_bytes },
        { OPT_ZRWA_SIZE, g->zrwa_bytes },
        { OPT_ZRWA_GRANULARITY, g->zrwa_granularity_bytes },
        { OPT_MAX_ZRWA_ZONES, g->max_zrwa_zones },
    };

    memcpy(fields, all, sizeof(all));
}

void zoned_geometry_to_options(const ZoneGeometry *geometry, QDict *options)
{
    ZonedField fields[ZONED_NR_FIELDS];
    int i;

    geometry_to_fields(geometry, fields);
    for (i = 0; i < ZONED_NR_FIELDS; i++) {
        /* 0 is the default where it is allowed */
        if (fields[i].value) {
            qdict_put(options, fields[i].name,
                      qnum_from_uint(fields[i].value));
        }
    }
    qdict_put_bool(options, OPT_AUTO_CLOSE, geometry->auto_close);
}

bool zoned_geometry_check_equal(const ZoneGeometry *old,
                                const ZoneGeometry *new, Error **errp)
{
    ZonedField old_fields[ZONED_NR_FIELDS], new_fields[ZONED_NR_FIELDS];
    int i;

    geometry_to_fields(old, old_fields);
    geometry_to_fields(new, new_fields);
    for (i = 0; i < ZONED_NR_FIELDS; i++) {
        if (old_fields[i].value != new_fields[i].value) {
            error_setg(errp, "Cannot change %s from %" PRIu64 " to %" PRIu64
                       ": zones stay as they are while the node exists",
                       old_fields[i].name, old_fields[i].value,
                       new_fields[i].value);
            return false;
        }
    }
    return true;
}
