/*
 * HMP commands for zones
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/cutils.h"
#include "qapi/error.h"
#include "qapi/qapi-commands-zone.h"
#include "qobject/qdict.h"
#include "block/block-global-state.h"
#include "block/block-hmp-cmds.h"
#include "block/zone-io.h"
#include "monitor/hmp.h"
#include "monitor/monitor.h"

/* Zones that "info zones" shows when nobody says how many: a few screens */
#define ZONE_HMP_DEFAULT_COUNT  64

static void print_limit(Monitor *mon, uint32_t limit, const char *noun,
                        uint32_t now)
{
    monitor_printf(mon, "  %" PRIu32 " %s, ", now, noun);
    if (limit) {
        monitor_printf(mon, "at most %" PRIu32 "\n", limit);
    } else {
        monitor_printf(mon, "no limit\n");
    }
}

static void print_geometry(Monitor *mon, const BlockdevZones *zones)
{
    g_autofree char *zone_size = size_to_str(zones->zone_size);
    g_autofree char *capacity = size_to_str(zones->zone_capacity);

    monitor_printf(mon, "%s: %" PRIu32 " zones of %s, capacity %s\n",
                   zones->node_name, zones->total_zones, zone_size, capacity);
    print_limit(mon, zones->max_open_zones, "open", zones->open_zones);
    print_limit(mon, zones->max_active_zones, "active", zones->active_zones);
    if (zones->max_append_bytes) {
        g_autofree char *append = size_to_str(zones->max_append_bytes);

        monitor_printf(mon, "  appends of at most %s\n", append);
    }
    if (zones->zd_extension_size) {
        monitor_printf(mon, "  descriptor extensions of %" PRIu32 " bytes\n",
                       zones->zd_extension_size);
    }
}

/* States that no zone is in are left out */
static void print_counts(Monitor *mon, const BlockdevZoneCounts *c)
{
    const struct {
        uint32_t nr;
        BlockdevZoneState state;
    } counts[] = {
        { c->conventional, BLOCKDEV_ZONE_STATE_CONVENTIONAL },
        { c->empty, BLOCKDEV_ZONE_STATE_EMPTY },
        { c->implicitly_opened, BLOCKDEV_ZONE_STATE_IMPLICITLY_OPENED },
        { c->explicitly_opened, BLOCKDEV_ZONE_STATE_EXPLICITLY_OPENED },
        { c->closed, BLOCKDEV_ZONE_STATE_CLOSED },
        { c->read_only, BLOCKDEV_ZONE_STATE_READ_ONLY },
        { c->full, BLOCKDEV_ZONE_STATE_FULL },
        { c->offline, BLOCKDEV_ZONE_STATE_OFFLINE },
    };
    const char *separator = "  ";
    int i;

    for (i = 0; i < ARRAY_SIZE(counts); i++) {
        if (counts[i].nr) {
            monitor_printf(mon, "%s%" PRIu32 " %s", separator, counts[i].nr,
                           BlockdevZoneState_str(counts[i].state));
            separator = ", ";
        }
    }
    monitor_printf(mon, "\n");
}

static void print_zone(Monitor *mon, const BlockdevZone *zone)
{
    g_autofree char *wp = zone->has_wp ?
        g_strdup_printf("0x%" PRIx64, zone->wp) : g_strdup("-");

    monitor_printf(mon, "%8" PRIu32 "  0x%013" PRIx64 "  %15s  %s",
                   zone->index, zone->start, wp,
                   BlockdevZoneState_str(zone->state));
    monitor_printf(mon, "%s%s%s%s%s\n",
                   zone->finished_by_controller ? " ZFC" : "",
                   zone->finish_recommended ? " FZR" : "",
                   zone->reset_recommended ? " RZR" : "",
                   zone->zrwa_valid ? " ZRWAV" : "",
                   zone->descriptor_extension_valid ? " ZDEV" : "");
}

static void print_zones(Monitor *mon, const BlockdevZones *zones)
{
    BlockdevZoneList *zone;

    if (!zones->zones) {
        return;
    }
    monitor_printf(mon, "%8s  %15s  %15s  %s\n", "zone", "start",
                   "write pointer", "state, attributes");
    for (zone = zones->zones; zone; zone = zone->next) {
        print_zone(mon, zone->value);
    }
    if (zones->has_next_start) {
        monitor_printf(mon, "%8s  %" PRIu32 " more from zone %" PRIu32 " on\n",
                       "...", zones->total_zones - zones->next_start,
                       zones->next_start);
    }
}

static void print_map(Monitor *mon, const BlockdevZones *zones)
{
    BlockDriverState *bs = bdrv_find_node(zones->node_name);
    g_autofree char *map = zone_io_draw_map(bdrv_zone_io(bs),
                                            ZONE_MAP_DEFAULT_WIDTH);

    monitor_printf(mon, "\n%s", map);
}

void hmp_info_zones(Monitor *mon, const QDict *qdict)
{
    const char *node = qdict_get_str(qdict, "node");
    bool map = qdict_get_try_bool(qdict, "map", false);
    /* the monitor has checked that both fit into 32 bits */
    uint32_t start = qdict_get_try_int(qdict, "start", 0);
    uint32_t count = qdict_get_try_int(qdict, "count", ZONE_HMP_DEFAULT_COUNT);
    BlockdevZones *zones;
    Error *err = NULL;

    if (map && qdict_haskey(qdict, "start")) {
        error_setg(&err, "A map (-m) has all zones: start and count are for "
                   "the list");
        hmp_handle_error(mon, err);
        return;
    }
    zones = qmp_query_block_zones(node, true, start, true, map ? 0 : count,
                                  false, 0, &err);
    if (zones) {
        print_geometry(mon, zones);
        print_counts(mon, zones->counts);
        if (map) {
            print_map(mon, zones);
        } else {
            print_zones(mon, zones);
        }
        qapi_free_BlockdevZones(zones);
    }
    hmp_handle_error(mon, err);
}
