/*
 * qemu-img zones: list and map of the zones of an image
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#ifndef _WIN32
#include <sys/ioctl.h>
#endif
#include "qemu/cutils.h"
#include "qapi/error.h"
#include "qapi/qapi-commands-zone.h"
#include "qapi/qapi-visit-zone.h"
#include "qapi/qobject-output-visitor.h"
#include "qobject/qdict.h"
#include "qobject/qjson.h"
#include "block/block_int-common.h"
#include "block/snapshot.h"
#include "block/zone/img/zones.h"
#include "system/block-backend.h"

bool img_zones_check(BlockBackend *blk, const char *filename, Error **errp)
{
    BlockDriverState *bs = blk_bs(blk);

    if (bdrv_zone_io(bs)) {
        return true;
    }
    if (bs->bl.zoned != BLK_Z_NONE) {
        error_setg(errp, "'%s' is a zoned device of the host, which has no "
                   "zones of QEMU's to show", filename);
        error_append_hint(errp, "blkzone(8) reports the zones of devices.\n");
    } else {
        error_setg(errp, "Image '%s' is not zoned", filename);
    }
    return false;
}

/* Limits and counts ******************************************************/

bool img_zones_load_snapshot(BlockBackend *blk, const char *snapshot,
                             Error **errp)
{
    Error *local_err = NULL;

    if (snapshot) {
        bdrv_graph_rdlock_main_loop();
        bdrv_snapshot_load_tmp_by_id_or_name(blk_bs(blk), snapshot,
                                             &local_err);
        bdrv_graph_rdunlock_main_loop();
    }
    if (local_err) {
        error_propagate_prepend(errp, local_err, "Could not load snapshot "
                                "'%s': ", snapshot);
        return false;
    }
    return true;
}

static void print_bytes(const char *name, uint64_t bytes)
{
    g_autofree char *size_str = size_to_str(bytes);

    printf("%s: %s (%" PRIu64 " bytes)\n", name, size_str, bytes);
}

/* A limit of the drive; 0 is none */
static void print_limit(const char *name, uint32_t limit)
{
    if (limit) {
        printf("%s: %" PRIu32 "\n", name, limit);
    } else {
        printf("%s: no limit\n", name);
    }
}

static void print_geometry(const ZoneGeometry *geometry)
{
    printf("zones: %" PRIu32 "\n", geometry->nr_zones);
    print_bytes("zone size", geometry->zone_bytes);
    print_bytes("zone capacity", geometry->capacity_bytes);
    print_limit("max open zones", geometry->max_open_zones);
    print_limit("max active zones", geometry->max_active_zones);
    if (geometry->max_append_bytes) {
        print_bytes("max append", geometry->max_append_bytes);
    } else {
        print_limit("max append", 0);
    }
    if (geometry->zd_extension_bytes) {
        print_bytes("zone descriptor extension",
                    geometry->zd_extension_bytes);
    }
    if (geometry->zrwa_bytes) {
        print_bytes("zone random write area", geometry->zrwa_bytes);
    }
}

static void print_counts(const ZoneCounts *counts)
{
    const char *separator = "";
    int state;

    printf("zone states: ");
    for (state = 0; state < ZONE_STATE__MAX; state++) {
        if (counts->by_state[state]) {
            printf("%s%" PRIu32 " %s", separator, counts->by_state[state],
                   zone_state_str(state));
            separator = ", ";
        }
    }
    printf("\nactive zones: %" PRIu32 "\n", counts->active);
}

static void print_head(BlockBackend *blk)
{
    ZoneCounts counts = blk_get_zone_counts(blk);

    print_geometry(blk_get_zone_geometry(blk));
    print_counts(&counts);
}

/* List *******************************************************************/

static char *attributes_str(uint8_t attributes)
{
    static const struct {
        uint8_t bit;
        const char *name;
    } names[] = {
        { ZONE_ATTR_ZFC, "ZFC" },
        { ZONE_ATTR_FZR, "FZR" },
        { ZONE_ATTR_RZR, "RZR" },
        { ZONE_ATTR_ZRWAV, "ZRWAV" },
        { ZONE_ATTR_ZDEV, "ZDEV" },
    };
    GString *str = g_string_new(NULL);
    int i;

    for (i = 0; i < ARRAY_SIZE(names); i++) {
        if (attributes & names[i].bit) {
            g_string_append_printf(str, "%s%s", str->len ? " " : "",
                                   names[i].name);
        }
    }
    return g_string_free(str, false);
}

static void print_zone(const ZoneInfo *info)
{
    g_autofree char *attributes = attributes_str(info->attributes);
    g_autofree char *wp = NULL;
    g_autofree char *written = NULL;

    if (zone_state_has_wp(info->state)) {
        wp = g_strdup_printf("0x%" PRIx64, info->wp_bytes);
        written = size_to_str(info->wp_bytes - info->start_bytes);
    }
    printf("%8" PRIu32 "  0x%-15" PRIx64 "  %-17s  %9s  ", info->zone_idx,
           info->start_bytes, wp ?: "-", written ?: "-");
    if (*attributes) {
        printf("%-17s  %s\n", zone_state_str(info->state), attributes);
    } else {
        puts(zone_state_str(info->state));
    }
}

void img_zones_print_list(BlockBackend *blk)
{
    uint32_t nr_zones = blk_get_nr_zones(blk);
    ZoneInfo info;
    uint32_t i;

    print_head(blk);
    printf("\n%8s  %-17s  %-17s  %9s  %-17s  %s\n", "Zone", "Start",
           "Write pointer", "Written", "State", "Attributes");
    for (i = 0; i < nr_zones; i++) {
        blk_get_zone_info(blk, i, &info);
        print_zone(&info);
    }
}

/* Map ********************************************************************/

void img_zones_print_map(BlockBackend *blk, int width)
{
    g_autofree char *map = zone_io_draw_map(bdrv_zone_io(blk_bs(blk)), width);

    print_head(blk);
    printf("\n%s", map);
}

int img_zones_terminal_width(void)
{
    const char *columns = getenv("COLUMNS");
    int width;

    if (columns && qemu_strtoi(columns, NULL, 10, &width) == 0 && width > 0) {
        return MIN(width, ZONE_MAP_MAX_WIDTH);
    }
#ifdef TIOCGWINSZ
    {
        struct winsize size;

        if (isatty(STDOUT_FILENO) &&
            ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col) {
            return MIN(size.ws_col, ZONE_MAP_MAX_WIDTH);
        }
    }
#endif
    return ZONE_MAP_DEFAULT_WIDTH;
}

/* JSON *******************************************************************/

/* What a query returns at most; the output is built piece by piece */
#define JSON_QUERY_ZONES    16384

static void print_json_zones(const BlockdevZones *part, bool first)
{
    const BlockdevZoneList *tail;

    for (tail = part->zones; tail; tail = tail->next) {
        BlockdevZone *zone = tail->value;
        QObject *obj;
        Visitor *v = qobject_output_visitor_new(&obj);
        g_autoptr(GString) json = NULL;

        visit_type_BlockdevZone(v, NULL, &zone, &error_abort);
        visit_complete(v, &obj);
        visit_free(v);
        json = qobject_to_json(obj);
        qobject_unref(obj);
        printf("%s\n        %s", first ? "" : ",", json->str);
        first = false;
    }
}

/* All members but those that differ between parts of an answer */
static void print_json_head(BlockdevZones *part)
{
    const QDictEntry *entry;
    QObject *obj;
    QDict *dict;
    Visitor *v = qobject_output_visitor_new(&obj);

    visit_type_BlockdevZones(v, NULL, &part, &error_abort);
    visit_complete(v, &obj);
    visit_free(v);
    dict = qobject_to(QDict, obj);
    qdict_del(dict, "zones");
    qdict_del(dict, "next-start");
    for (entry = qdict_first(dict); entry; entry = qdict_next(dict, entry)) {
        g_autoptr(GString) value = qobject_to_json(qdict_entry_value(entry));

        printf("    \"%s\": %s,\n", qdict_entry_key(entry), value->str);
    }
    qobject_unref(obj);
}

void img_zones_print_json(BlockBackend *blk)
{
    const char *node_name = bdrv_get_node_name(blk_bs(blk));
    BlockdevZones *part;
    uint32_t start = 0;
    bool more;

    do {
        part = qmp_query_block_zones(node_name, true, start, true,
                                     JSON_QUERY_ZONES, false, 0, &error_abort);
        if (start == 0) {
            printf("{\n");
            print_json_head(part);
            printf("    \"zones\": [");
        }
        print_json_zones(part, start == 0);
        more = part->has_next_start;
        start = part->next_start;
        qapi_free_BlockdevZones(part);
    } while (more);
    printf("\n    ]\n}\n");
}
