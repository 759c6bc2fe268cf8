/*
 * A map of the zones of a drive, as text
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * For qemu-img and the human monitor, whose maps are to look alike.  The number
 * of cells has a limit, and so has what a cell looks at: a drive of millions of
 * zones is drawn as quickly as one of thousands.
 */

#include "qemu/osdep.h"
#include "block/zone-io.h"

#define MAP_MAX_ROWS        16
/* Cells come in groups, for counting; a row has at least one */
#define MAP_GROUP_CELLS     10

/* In the order of the legend */
typedef enum MapSymbol {
    MAP_EMPTY,
    MAP_SOME,
    MAP_MORE,
    MAP_IMPLICITLY_OPENED,
    MAP_EXPLICITLY_OPENED,
    MAP_ZRWA,
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
    [MAP_EMPTY]             = { '.', "Empty" },
    [MAP_SOME]              = { '-', "less than half written" },
    [MAP_MORE]              = { '+', "half written or more" },
    [MAP_IMPLICITLY_OPENED] = { 'i', "Implicitly Opened" },
    [MAP_EXPLICITLY_OPENED] = { 'e', "Explicitly Opened" },
    [MAP_ZRWA]              = { 'z', "with a ZRWA" },
    [MAP_FULL]              = { '#', "Full" },
    [MAP_CONVENTIONAL]      = { 'c', "Conventional" },
    [MAP_READ_ONLY]         = { 'R', "Read Only" },
    [MAP_OFFLINE]           = { 'X', "Offline" },
};

/* What wins in a cell of several zones, whatever else is there */
static const MapSymbol map_first[] = {
    MAP_OFFLINE, MAP_READ_ONLY, MAP_ZRWA, MAP_EXPLICITLY_OPENED,
    MAP_IMPLICITLY_OPENED,
};

/* How many zones there are of each, and how much is written of the others */
typedef struct MapCell {
    uint32_t zones[MAP__MAX];
    uint64_t written_bytes;
    uint64_t capacity_bytes;
} MapCell;

static MapCell map_cell(const ZoneSummary *summary, uint64_t capacity_bytes)
{
    const uint32_t *nr = summary->by_state;
    const uint32_t *nr_zrwa = summary->zrwa_by_state;
    uint32_t nr_closed = nr[ZONE_STATE_CLOSED] - nr_zrwa[ZONE_STATE_CLOSED];
    uint32_t nr_more = summary->nr_closed_half;

    return (MapCell) {
        .zones = {
            [MAP_EMPTY] = nr[ZONE_STATE_EMPTY],
            [MAP_SOME] = nr_closed - nr_more,
            [MAP_MORE] = nr_more,
            [MAP_IMPLICITLY_OPENED] = nr[ZONE_STATE_IMPLICITLY_OPENED] -
                                      nr_zrwa[ZONE_STATE_IMPLICITLY_OPENED],
            [MAP_EXPLICITLY_OPENED] = nr[ZONE_STATE_EXPLICITLY_OPENED] -
                                      nr_zrwa[ZONE_STATE_EXPLICITLY_OPENED],
            [MAP_ZRWA] = nr_zrwa[ZONE_STATE_IMPLICITLY_OPENED] +
                         nr_zrwa[ZONE_STATE_EXPLICITLY_OPENED] +
                         nr_zrwa[ZONE_STATE_CLOSED],
            [MAP_FULL] = nr[ZONE_STATE_FULL],
            [MAP_CONVENTIONAL] = nr[ZONE_STATE_CONVENTIONAL],
            [MAP_READ_ONLY] = nr[ZONE_STATE_READ_ONLY],
            [MAP_OFFLINE] = nr[ZONE_STATE_OFFLINE],
        },
        .written_bytes = nr[ZONE_STATE_FULL] * capacity_bytes +
                         summary->closed_bytes,
        .capacity_bytes = ((uint64_t)nr[ZONE_STATE_EMPTY] + nr_closed +
                           nr[ZONE_STATE_FULL]) * capacity_bytes,
    };
}

/*
 * Broken zones win, then open ones: they are few, and what is looked for.
 * Conventional ones show only where there is nothing else.  What is left is
 * Empty or Full if all of it is, or else partly written.
 */
static MapSymbol map_cell_symbol(const MapCell *cell)
{
    int i;

    for (i = 0; i < ARRAY_SIZE(map_first); i++) {
        if (cell->zones[map_first[i]]) {
            return map_first[i];
        }
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
    return cell->written_bytes >= cell->capacity_bytes - cell->written_bytes
        ? MAP_MORE : MAP_SOME;
}

typedef struct MapLayout {
    uint32_t nr_zones;
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
    MapLayout layout = {
        .nr_zones = nr_zones, .label_width = strlen(last), .cell_zones = 1,
    };
    /* the label and each group have a space in front of the next */
    int groups = (width - layout.label_width) / (MAP_GROUP_CELLS + 1);

    layout.row_cells = MAX(groups, 1) * MAP_GROUP_CELLS;
    while ((uint64_t)layout.row_cells * layout.cell_zones * MAP_MAX_ROWS <
           nr_zones) {
        layout.cell_zones = map_next_step(layout.cell_zones);
    }
    return layout;
}

/* Requests may have the zones between cells */
static MapCell map_load_cell(ZoneIO *io, uint32_t zone_idx, uint32_t nr_zones)
{
    ZoneSummary summary;

    zone_io_lock(io);
    zone_table_summarize(zone_io_table(io), zone_idx, nr_zones, &summary);
    zone_io_unlock(io);
    return map_cell(&summary, zone_io_geometry(io)->capacity_bytes);
}

/* Draws the cells; returns the count of zones by symbol */
static MapCell map_draw_rows(GString *map, ZoneIO *io, const MapLayout *layout)
{
    MapCell total = {};
    uint32_t zone_idx = 0, column = 0;
    int i;

    while (zone_idx < layout->nr_zones) {
        uint32_t nr_zones = MIN(layout->cell_zones,
                                layout->nr_zones - zone_idx);
        MapCell cell = map_load_cell(io, zone_idx, nr_zones);

        if (column == 0) {
            g_string_append_printf(map, "%*" PRIu32, layout->label_width,
                                   zone_idx);
        }
        if (column % MAP_GROUP_CELLS == 0) {
            g_string_append_c(map, ' ');
        }
        for (i = 0; i < MAP__MAX; i++) {
            total.zones[i] += cell.zones[i];
        }
        g_string_append_c(map, map_symbols[map_cell_symbol(&cell)].symbol);
        column = (column + 1) % layout->row_cells;
        zone_idx += nr_zones;
        if (column == 0 || zone_idx == layout->nr_zones) {
            g_string_append_c(map, '\n');
        }
    }
    return total;
}

/* Entries side by side, as many as fit */
static void map_draw_legend(GString *map, const MapCell *total, int width)
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
            g_string_append_c(map, '\n');
            column = 0;
        }
        g_string_append_printf(map, "%s%s", column ? "   " : "", entry);
        column += entry_width + (column ? 3 : 0);
    }
    g_string_append_c(map, '\n');
}

char *zone_io_draw_map(ZoneIO *io, int width)
{
    MapLayout layout = map_layout(zone_io_geometry(io)->nr_zones, width);
    GString *map = g_string_new(NULL);
    MapCell total = map_draw_rows(map, io, &layout);

    g_string_append_c(map, '\n');
    map_draw_legend(map, &total, width);
    if (layout.cell_zones > 1) {
        g_string_append_printf(map, "Each character stands for %" PRIu32
                               " zones.\n", layout.cell_zones);
    }
    return g_string_free(map, false);
}
