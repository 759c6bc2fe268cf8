/*
 * Zoned qcow2 images: other limits
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Called by qemu-img alone, which has nobody else use the image meanwhile.
 */

#include "qemu/osdep.h"
#include "qemu/bswap.h"
#include "qapi/error.h"
#include "block/zone/qcow2/internal.h"

#define QCOW2_ZONE_OPT_MODE     "zone.mode"
#define QCOW2_ZONE_OPT_RECORDS  "zone.records"

enum {
    AMEND_SIZE,
    AMEND_CAPACITY,
    AMEND_CONVENTIONAL,
    AMEND_ZDE,
    AMEND_OPEN,                 /* from here on what can be changed */
    AMEND_ACTIVE,
    AMEND_APPEND,
    AMEND__MAX,
};

static const struct {
    const char *name;
    enum QemuOptType type;          /* as in create-opts.c.inc */
} amend_options[AMEND__MAX] = {
    [AMEND_SIZE]         = { "zone.size", QEMU_OPT_SIZE },
    [AMEND_CAPACITY]     = { "zone.capacity", QEMU_OPT_SIZE },
    [AMEND_CONVENTIONAL] = { "zone.conventional_zones", QEMU_OPT_NUMBER },
    [AMEND_ZDE]          = { "zd_extension_size", QEMU_OPT_SIZE },
    [AMEND_OPEN]         = { "zone.max_open_zones", QEMU_OPT_NUMBER },
    [AMEND_ACTIVE]       = { "zone.max_active_zones", QEMU_OPT_NUMBER },
    [AMEND_APPEND]       = { "zone.max_append_bytes", QEMU_OPT_SIZE },
};

bool qcow2_zone_is_option(const char *name)
{
    int i;

    for (i = 0; i < AMEND__MAX; i++) {
        if (g_str_equal(name, amend_options[i].name)) {
            return true;
        }
    }
    return g_str_equal(name, QCOW2_ZONE_OPT_MODE) ||
           g_str_equal(name, QCOW2_ZONE_OPT_RECORDS);
}

/* What is asked for *******************************************************/

/* An option of zones that is there, or NULL */
static const char *first_option(QemuOpts *opts)
{
    int i;

    for (i = 0; i < AMEND__MAX; i++) {
        if (qemu_opt_find(opts, amend_options[i].name)) {
            return amend_options[i].name;
        }
    }
    if (qemu_opt_find(opts, QCOW2_ZONE_OPT_RECORDS)) {
        return QCOW2_ZONE_OPT_RECORDS;
    }
    return qemu_opt_find(opts, QCOW2_ZONE_OPT_MODE) ? QCOW2_ZONE_OPT_MODE
                                                    : NULL;
}

static uint64_t get_value(QemuOpts *opts, int i, uint64_t now)
{
    return amend_options[i].type == QEMU_OPT_SIZE
        ? qemu_opt_get_size(opts, amend_options[i].name, now)
        : qemu_opt_get_number(opts, amend_options[i].name, now);
}

static bool check_mode(QemuOpts *opts, Error **errp)
{
    const char *mode = qemu_opt_get(opts, QCOW2_ZONE_OPT_MODE);

    if (mode && !g_str_equal(mode, "host-managed")) {
        error_setg(errp, QCOW2_ZONE_OPT_MODE "=%s: it cannot be changed, and "
                   "is host-managed", mode);
        return false;
    }
    return true;
}

static bool check_records(QemuOpts *opts, uint8_t flags, Error **errp)
{
    bool now = flags & QCOW2_ZONE_FLAG_RECORDS;

    if (qemu_opt_get_bool(opts, QCOW2_ZONE_OPT_RECORDS, now) != now) {
        error_setg(errp, QCOW2_ZONE_OPT_RECORDS ": it cannot be changed, and "
                   "is %s", now ? "on" : "off");
        return false;
    }
    return true;
}

static bool check_value(int i, uint64_t value, uint64_t now, Error **errp)
{
    if (i < AMEND_OPEN && value != now) {
        error_setg(errp, "%s=%" PRIu64 ": it cannot be changed, and is %"
                   PRIu64, amend_options[i].name, value, now);
        return false;
    }
    if (i >= AMEND_OPEN && value > UINT32_MAX) {
        error_setg(errp, "%s=%" PRIu64 " exceeds the maximum of %" PRIu32,
                   amend_options[i].name, value, UINT32_MAX);
        return false;
    }
    return true;
}

/* The limits go to g; False, with an error, where anything else would change */
static bool take_options(QemuOpts *opts, ZoneGeometry *g, Error **errp)
{
    uint64_t now[AMEND__MAX] = {
        [AMEND_SIZE]         = g->zone_bytes,
        [AMEND_CAPACITY]     = g->capacity_bytes,
        [AMEND_CONVENTIONAL] = g->conventional_zones,
        [AMEND_ZDE]          = g->zd_extension_bytes,
        [AMEND_OPEN]         = g->max_open_zones,
        [AMEND_ACTIVE]       = g->max_active_zones,
        [AMEND_APPEND]       = g->max_append_bytes,
    };
    int i;

    if (!check_mode(opts, errp)) {
        return false;
    }
    for (i = 0; i < AMEND__MAX; i++) {
        uint64_t value = get_value(opts, i, now[i]);

        if (!check_value(i, value, now[i], errp)) {
            return false;
        }
        now[i] = value;
    }
    g->max_open_zones = now[AMEND_OPEN];
    g->max_active_zones = now[AMEND_ACTIVE];
    g->max_append_bytes = now[AMEND_APPEND];
    return true;
}

/* What else is refused ***************************************************/

static bool check_counts(BlockDriverState *bs, const ZoneGeometry *g,
                         Error **errp)
{
    Qcow2Zone *zone = qcow2_zone(bs);
    ZoneCounts counts;

    zone_io_lock(zone->io);
    counts = zone_table_counts(zone_io_table(zone->io));
    zone_io_unlock(zone->io);
    if (g->max_active_zones && counts.active > g->max_active_zones) {
        error_setg(errp, "Image '%s' has %" PRIu32 " active zones, which %s=%"
                   PRIu32 " does not allow", bs->filename, counts.active,
                   amend_options[AMEND_ACTIVE].name, g->max_active_zones);
        return false;
    }
    if (g->max_open_zones && counts.open > g->max_open_zones) {
        error_setg(errp, "Image '%s' has %" PRIu32 " open zones, which %s=%"
                   PRIu32 " does not allow", bs->filename, counts.open,
                   amend_options[AMEND_OPEN].name, g->max_open_zones);
        return false;
    }
    return true;
}

/* In version 1 the extension may be elsewhere; the header puts it first */
static bool GRAPH_RDLOCK check_place(BlockDriverState *bs, Error **errp)
{
    BDRVQcow2State *s = bs->opaque;
    uint32_t magic;
    int ret = bdrv_pread(bs->file,
                         sizeof(QCowHeader) + s->unknown_header_fields_size,
                         sizeof(magic), &magic, 0);

    if (ret < 0) {
        error_setg_errno(errp, -ret, "Could not read the image header");
        return false;
    }
    if (be32_to_cpu(magic) != QCOW2_EXT_MAGIC_ZONE) {
        error_setg(errp, "Image '%s' has zones of layout version %u, whose "
                   "header extension is not the first: it would have to be "
                   "moved to be changed", bs->filename, s->zone->version);
        error_append_hint(errp, "'qemu-img convert' makes an image of version "
                          "%d.\n", QCOW2_ZONE_VERSION);
        return false;
    }
    return true;
}

/* The change *************************************************************/

static bool is_same(const ZoneGeometry *a, const ZoneGeometry *b)
{
    return a->max_open_zones == b->max_open_zones &&
           a->max_active_zones == b->max_active_zones &&
           a->max_append_bytes == b->max_append_bytes;
}

/*
 * 1. The header is written and flushed.  Only the sector of the extension
 *    differs from before: a crash leaves the old limits or the new ones, and
 *    the words keep to both.
 *
 * After an error the disk may have either.
 */
static int GRAPH_RDLOCK
store_limits(BlockDriverState *bs, const ZoneGeometry *g, Error **errp)
{
    Qcow2Zone *zone = qcow2_zone(bs);
    ZoneGeometry old = zone->geometry;
    int ret;

    zone->geometry = *g;
    ret = qcow2_update_header(bs);
    if (ret >= 0) {
        ret = bdrv_flush(bs->file->bs);
    }
    if (ret < 0) {
        zone->geometry = old;
        error_setg_errno(errp, -ret, "Could not write the limits of zones");
        return ret;
    }
    zone_io_lock(zone->io);
    zone_io_set_limits(zone->io, g);
    zone_io_unlock(zone->io);
    return 0;
}

int qcow2_zone_amend(BlockDriverState *bs, QemuOpts *opts, Error **errp)
{
    ERRP_GUARD();
    BDRVQcow2State *s = bs->opaque;
    const char *option = first_option(opts);
    ZoneGeometry g;

    if (!option && !s->zone) {
        return 0;
    }
    if (!s->zone) {
        error_setg(errp, "%s: image '%s' has no zones, which it can only get "
                   "when it is created", option, bs->filename);
        return -EINVAL;
    }
    /* whatever is amended, the header is written */
    g = s->zone->geometry;
    if (!check_place(bs, errp) ||
        !check_records(opts, s->zone->flags, errp) ||
        !take_options(opts, &g, errp)) {
        return -EINVAL;
    }
    if (is_same(&g, &s->zone->geometry)) {
        return 0;
    }
    if (!qcow2_zone_check_geometry(&g, s->cluster_size,
                                   bs->total_sectors * BDRV_SECTOR_SIZE,
                                   errp) ||
        !check_counts(bs, &g, errp) ||
        !qcow2_zone_check_snapshot_limits(bs, &g, errp)) {
        return -EINVAL;
    }
    return store_limits(bs, &g, errp);
}
