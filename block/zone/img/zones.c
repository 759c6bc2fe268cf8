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

#define MAP_MAX_ROWS        16
/* Cells come in groups, for counting; a row has at least one */
#define MAP_GROUP_CELLS     10
#define MAP_MAX_WIDTH       1000
#define MAP_DEFAULT_WIDTH   80

/* The order is that of rank: what a cell of several zones shows first */
typedef enum MapSymbol {
    MAP_EMPTY,
    MAP_SOME,
    MAP_MORE,
    MAP_FULL,
    MAP_CONVENTIONAL,
    MAP_READ_ONLY,
    MAP_OFFLINE,
    MAP__MAX,
} MapSymbol;

static const struct {
    char symbol;
    const char *name;
} map_symbols[MAP__MAX] = {
    [MAP_EMPTY]        = { '.', "Empty" },
    [MAP_SOME]         = { '-', "less than half written" },
    [MAP_MORE]         = { '+', "half written or more" },
    [MAP_FULL]         = { '#', "Full" },
    [MAP_CONVENTIONAL] = { 'c', "Conventional" },
    [MAP_READ_ONLY]    = { 'R', "Read Only" },
    [MAP_OFFLINE]      = { 'X', "Offline" },
};

/* How many zones there are of each, and how much is written of them */
typedef struct MapCell {
    uint32_t zones[MAP__MAX];
    uint64_t written_bytes;
    uint64_t capacity_bytes;
} MapCell;

static MapSymbol map_fill(uint64_t written_bytes, uint64_t capacity_bytes)
{
    return written_bytes >= capacity_bytes - written_bytes ? MAP_MORE
                                                           : MAP_SOME;
}

static void map_add_zone(MapCell *cell, const ZoneInfo *info)
{
    uint64_t written_bytes = info->wp_bytes - info->start_bytes;

    switch (info->state) {
    case ZONE_STATE_CONVENTIONAL:
        cell->zones[MAP_CONVENTIONAL]++;
        return;
    case ZONE_STATE_OFFLINE:
        cell->zones[MAP_OFFLINE]++;
        return;
    case ZONE_STATE_READ_ONLY:
        cell->zones[MAP_READ_ONLY]++;
        return;
    case ZONE_STATE_EMPTY:
        cell->zones[MAP_EMPTY]++;
        break;
    case ZONE_STATE_FULL:
        cell->zones[MAP_FULL]++;
        written_bytes = info->capacity_bytes;
        break;
    default:
        cell->zones[map_fill(written_bytes, info->capacity_bytes)]++;
        break;
    }
    cell->written_bytes += written_bytes;
    cell->capacity_bytes += info->capacity_bytes;
}

/*
 * Broken zones win.  Conventional ones show only where there is nothing else.
 * What is left is Empty or Full if all of it is, or else partly written.
 */
static MapSymbol map_cell_symbol(const MapCell *cell)
{
    if (cell->zones[MAP_OFFLINE]) {
        return MAP_OFFLINE;
    }
    if (cell->zones[MAP_READ_ONLY]) {
        return MAP_READ_ONLY;
    }
    if (!cell->capacity_bytes) {
        return MAP_CONVENTIONAL;
    }
    if (!cell->zones[MAP_SOME] && !cell->zones[MAP_MORE]) {
        if (!cell->zones[MAP_FULL]) {
            return MAP_EMPTY;
        }
        if (!cell->zones[MAP_EMPTY]) {
            return MAP_FULL;
        }
    }
    return map_fill(cell->written_bytes, cell->capacity_bytes);
}

typedef struct MapLayout {
    int label_width;
    uint32_t row_cells;
    uint32_t cell_zones;
} MapLayout;

/* Steps of 1, 2, 5, 10, ..., so that rows begin with round numbers */
static uint32_t map_next_step(uint32_t step)
{
    uint32_t lead;

    for (lead = step; lead >= 10; lead /= 10) {
        /* down to the first digit */
    }
    return lead == 2 ? step / 2 * 5 : step * 2;
}

static MapLayout map_layout(uint32_t nr_zones, int width)
{
    g_autofree char *last = g_strdup_printf("%" PRIu32, nr_zones - 1);
    MapLayout layout = { .label_width = strlen(last), .cell_zones = 1 };
    /* the label and each group have a space in front of the next */
    int groups = (width - layout.label_width) / (MAP_GROUP_CELLS + 1);

    layout.row_cells = MAX(groups, 1) * MAP_GROUP_CELLS;
    while ((uint64_t)layout.row_cells * layout.cell_zones * MAP_MAX_ROWS <
           nr_zones) {
        layout.cell_zones = map_next_step(layout.cell_zones);
    }
    return layout;
}

/* Prints the cells; returns the count of zones by symbol */
static MapCell print_map_rows(BlockBackend *blk, const MapLayout *layout)
{
    uint32_t nr_zones = blk_get_nr_zones(blk);
    MapCell total = {};
    uint32_t i = 0, column = 0, end;
    ZoneInfo info;
    int j;

    while (i < nr_zones) {
        MapCell cell = {};

        if (column == 0) {
            printf("%*" PRIu32, layout->label_width, i);
        }
        if (column % MAP_GROUP_CELLS == 0) {
            putchar(' ');
        }
        for (end = i + MIN(layout->cell_zones, nr_zones - i); i < end; i++) {
            blk_get_zone_info(blk, i, &info);
            map_add_zone(&cell, &info);
        }
        for (j = 0; j < MAP__MAX; j++) {
            total.zones[j] += cell.zones[j];
        }
        putchar(map_symbols[map_cell_symbol(&cell)].symbol);
        column = (column + 1) % layout->row_cells;
        if (column == 0 || i == nr_zones) {
            putchar('\n');
        }
    }
    return total;
}

/* Entries side by side, as many as fit */
static void print_map_legend(const MapCell *total, int width)
{
    int column = 0;
    int i;

    for (i = 0; i < MAP__MAX; i++) {
        g_autofree char *entry =
            g_strdup_printf("%c %s: %" PRIu32, map_symbols[i].symbol,
                            map_symbols[i].name, total->zones[i]);
        int entry_width = strlen(entry);

        if (!total->zones[i]) {
            continue;
        }
        if (column && column + 3 + entry_width > width) {
            putchar('\n');
            column = 0;
        }
        column += printf("%s%s", column ? "   " : "", entry);
    }
    putchar('\n');
}

void img_zones_print_map(BlockBackend *blk, int width)
{
    MapLayout layout = map_layout(blk_get_nr_zones(blk), width);
    MapCell total;

    print_head(blk);
    putchar('\n');
    total = print_map_rows(blk, &layout);
    putchar('\n');
    print_map_legend(&total, width);
    if (layout.cell_zones > 1) {
        printf("Each character stands for %" PRIu32 " zones.\n",
               layout.cell_zones);
    }
}

int img_zones_terminal_width(void)
{
    const char *columns = getenv("COLUMNS");
    int width;

    if (columns && qemu_strtoi(columns, NULL, 10, &width) == 0 && width > 0) {
        return MIN(width, MAP_MAX_WIDTH);
    }
#ifdef TIOCGWINSZ
    {
        struct winsize size;

        if (isatty(STDOUT_FILENO) &&
            ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col) {
            return MIN(size.ws_col, MAP_MAX_WIDTH);
        }
    }
#endif
    return MAP_DEFAULT_WIDTH;
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
