/*
 * QMP commands for zones
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/coroutine.h"
#include "qemu/timer.h"
#include "qapi/error.h"
#include "qapi/qapi-commands-zone.h"
#include "block/block-io.h"
#include "block/block_int.h"
#include "block/zone-io.h"
#include "hw/qdev-core.h"
#include "system/block-backend.h"

#define ZONE_QUERY_DEFAULT_LIMIT    1000
/* An answer costs some KiB of memory for each zone */
#define ZONE_QUERY_MAX_LIMIT        16384
/* The table's lock is given back to requests after so many zones */
#define ZONE_QUERY_BATCH            1024

#define ZONE_DRAINED_WAIT_NS        (10 * SCALE_MS)

/* Finding zones **********************************************************/

/*
 * Has the device that ID, or that path?  Who starts a machine gives an ID to
 * virtio-blk-pci, but the drive belongs to a part of it that has none.
 */
static bool zone_device_is(DeviceState *dev, const char *name)
{
    g_autofree char *path = object_get_canonical_path(OBJECT(dev));
    g_autofree char *parts = g_strdup_printf("/machine/peripheral/%s/", name);

    return g_strcmp0(dev->id, name) == 0 ||
           (path && (g_str_equal(path, name) || g_str_has_prefix(path, parts)));
}

static BlockDriverState *zone_find_device(const char *name)
{
    BlockBackend *blk = NULL;
    BlockDriverState *bs = NULL;

    while (!bs && (blk = blk_all_next(blk))) {
        DeviceState *dev = blk_get_attached_dev(blk);

        if (dev && zone_device_is(dev, name)) {
            bs = blk_bs(blk);
        }
    }
    return bs;
}

static BlockDriverState *zone_find_node(const char *name, Error **errp)
{
    BlockDriverState *bs = bdrv_lookup_bs(name, name, NULL);

    if (!bs && *name) {
        bs = zone_find_device(name);
    }
    if (!bs) {
        error_setg(errp, "Cannot find node, drive or device '%s'", name);
        return NULL;
    }
    if (!bs->drv) {
        error_setg(errp, "Node '%s' is not usable", bdrv_get_node_name(bs));
        return NULL;
    }
    if (!bdrv_zone_io(bs)) {
        error_setg(errp, "Node '%s' has no zones: it is neither a zoned qcow2 "
                   "image nor a node of driver 'zoned'",
                   bdrv_get_node_name(bs));
        return NULL;
    }
    return bdrv_zone_node(bs);
}

static bool zone_check_active(BlockDriverState *bs, Error **errp)
{
    if (bs->open_flags & BDRV_O_INACTIVE) {
        error_setg(errp, "Node '%s' is inactive: another process may be "
                   "changing its zones", bdrv_get_node_name(bs));
        return false;
    }
    return true;
}

/* Read-only or not: what an overlay shows may not change below it */
static bool coroutine_fn zone_co_check_thawed(BlockDriverState *bs,
                                              Error **errp)
{
    GRAPH_RDLOCK_GUARD();
    if (bdrv_zone_is_frozen(bs)) {
        error_setg(errp, "Node '%s' is the backing node of another: its zones "
                   "do not change", bdrv_get_node_name(bs));
        return false;
    }
    return true;
}

static bool coroutine_fn zone_co_check_writable(BlockDriverState *bs,
                                                Error **errp)
{
    if (!zone_co_check_thawed(bs, errp)) {
        return false;
    }
    if (bdrv_is_read_only(bs)) {
        error_setg(errp, "Node '%s' is read-only", bdrv_get_node_name(bs));
        return false;
    }
    return zone_check_active(bs, errp);
}

/* Of a geometry without capacity_step_bytes */
static void zone_set_no_details(BlockDriverState *bs, Error **errp)
{
    error_setg(errp, "Node '%s' is an image of layout version 1, which has no "
               "place for this: 'qemu-img convert' makes one of version 2 of "
               "it", bdrv_get_node_name(bs));
}

static bool zone_check_index(BlockDriverState *bs, uint32_t zone_idx,
                             Error **errp)
{
    uint32_t nr_zones = zone_io_geometry(bdrv_zone_io(bs))->nr_zones;

    if (zone_idx >= nr_zones) {
        error_setg(errp, "Zone %" PRIu32 " does not exist: node '%s' has %"
                   PRIu32 " zones", zone_idx, bdrv_get_node_name(bs),
                   nr_zones);
        return false;
    }
    return true;
}

/* Changes ****************************************************************/

/* What a command does to one zone: an event, or attributes */
typedef struct ZoneFault {
    uint32_t zone_idx;
    ZoneEvent event;            /* ZONE_EVENT__MAX: attributes */
    ZoneAdvice advice;
    bool force;                 /* attributes in any state */
} ZoneFault;

/*
 * Nothing new starts in a drained section.  Those that a command can see are of
 * commands of other monitors: few and short.  (A BlockBackend of our own could
 * wait better, but the node may leave its iothread when that goes.)
 */
static void coroutine_fn zone_co_wait_while_drained(BlockDriverState *bs)
{
    while (qatomic_read(&bs->quiesce_counter)) {
        qemu_co_sleep_ns(QEMU_CLOCK_REALTIME, ZONE_DRAINED_WAIT_NS);
    }
}

static int coroutine_fn zone_co_apply_fault(BlockDriverState *bs,
                                            const ZoneFault *fault)
{
    ZoneIO *io;
    int ret;

    zone_co_wait_while_drained(bs);
    bdrv_inc_in_flight(bs);
    WITH_GRAPH_RDLOCK_GUARD() {
        io = bdrv_zone_io(bs);
        if (!io) {
            ret = -ENOMEDIUM;
        } else if (fault->event == ZONE_EVENT__MAX) {
            ret = zone_io_co_advise(io, fault->zone_idx, &fault->advice,
                                    fault->force);
        } else {
            ret = zone_io_co_set_state(io, fault->zone_idx, fault->event);
        }
    }
    bdrv_dec_in_flight(bs);
    return ret;
}

/* What would have been allowed, as far as the zone could have it at all */
static const char *zone_fault_rule(const ZoneFault *fault, ZoneStatus status)
{
    if (fault->event == ZONE_EVENT_EXCURSION) {
        return ": open and closed zones are finished";
    }
    if (fault->event != ZONE_EVENT__MAX ||
        (status != ZONE_ERR_INVALID_TRANSITION && status != ZONE_ERR_FULL)) {
        return "";
    }
    return fault->advice.set == ZONE_ATTR_FZR
        ? ": finish-recommended is for open and closed zones"
        : fault->advice.set == ZONE_ATTR_RZR
        ? ": reset-recommended is for full zones"
        : ": finish-recommended is for open and closed zones, "
          "reset-recommended for full ones";
}

static void zone_set_error(BlockDriverState *bs, const ZoneFault *fault,
                           const char *action, int ret, Error **errp)
{
    ZoneStatus status = zone_status_from_errno(ret);
    ZoneIO *io = bdrv_zone_io(bs);
    ZoneInfo info;

    if (status == ZONE_OK || !io) {
        error_setg_errno(errp, -ret, "Could not %s zone %" PRIu32 " of node "
                         "'%s'", action, fault->zone_idx,
                         bdrv_get_node_name(bs));
        return;
    }
    zone_io_get_info(io, fault->zone_idx, &info);
    error_setg(errp, "Cannot %s zone %" PRIu32 " of node '%s', which is %s%s",
               action, fault->zone_idx, bdrv_get_node_name(bs),
               zone_state_str(info.state), zone_fault_rule(fault, status));
}

static bool zone_check_excursion(BlockDriverState *bs, const ZoneFault *fault,
                                 Error **errp)
{
    if (fault->event != ZONE_EVENT_EXCURSION ||
        zone_io_has_trait(bdrv_zone_io(bs), ZONE_TRAIT_EXCURSIONS)) {
        return true;
    }
    error_setg(errp, "No device of node '%s' announces that it finishes zones: "
               "nvme-ns does with zoned.excursions=on",
               bdrv_get_node_name(bs));
    return false;
}

static void coroutine_fn zone_co_fault(const char *node_name,
                                       const ZoneFault *fault,
                                       const char *action, Error **errp)
{
    BlockDriverState *bs = zone_find_node(node_name, errp);
    int ret;

    if (!bs || !zone_co_check_writable(bs, errp) ||
        !zone_check_index(bs, fault->zone_idx, errp) ||
        !zone_check_excursion(bs, fault, errp)) {
        return;
    }
    bdrv_ref(bs);
    ret = zone_co_apply_fault(bs, fault);
    if (ret < 0) {
        zone_set_error(bs, fault, action, ret, errp);
    }
    bdrv_co_unref(bs);
}

void coroutine_fn qmp_block_zone_set_state(const char *node_name, uint32_t zone,
                                           BlockdevZoneFault state,
                                           Error **errp)
{
    static const struct {
        ZoneEvent event;
        const char *action;
    } faults[BLOCKDEV_ZONE_FAULT__MAX] = {
        [BLOCKDEV_ZONE_FAULT_FULL] = { ZONE_EVENT_EXCURSION, "finish" },
        [BLOCKDEV_ZONE_FAULT_READ_ONLY] = {
            ZONE_EVENT_FAULT_READ_ONLY, "make read-only" },
        [BLOCKDEV_ZONE_FAULT_OFFLINE] = {
            ZONE_EVENT_FAULT_OFFLINE, "take offline" },
    };
    ZoneFault fault = { .zone_idx = zone, .event = faults[state].event };

    zone_co_fault(node_name, &fault, faults[state].action, errp);
}

static void zone_fault_attribute(ZoneFault *fault, uint8_t attribute,
                                 bool given, bool value)
{
    if (given && value) {
        fault->advice.set |= attribute;
    } else if (given) {
        fault->advice.clear |= attribute;
    }
}

/* One of four limits of an attribute that is set: 0 unless it is given */
static bool zone_fault_limit(ZoneFault *fault, uint8_t attribute,
                             const char *name, uint8_t limit, Error **errp)
{
    if (limit > 3) {
        error_setg(errp, "'%s' is %u: there are limits 0 to 3", name, limit);
        return false;
    }
    if (limit && !(fault->advice.set & attribute)) {
        error_setg(errp, "'%s' is the limit of a recommendation, which is not "
                   "given", name);
        return false;
    }
    fault->advice.limits |= attribute == ZONE_ATTR_RZR
                            ? limit << ZONE_LIMITS_RZR_SHIFT : limit;
    return true;
}

/* An image of version 1 has no place for it */
static bool zone_check_limits(const char *node_name, const ZoneFault *fault,
                              Error **errp)
{
    BlockDriverState *bs = zone_find_node(node_name, errp);

    if (bs && fault->advice.limits &&
        !zone_io_geometry(bdrv_zone_io(bs))->capacity_step_bytes) {
        zone_set_no_details(bs, errp);
        return false;
    }
    return bs;
}

void coroutine_fn
qmp_block_zone_set_attributes(const char *node_name, uint32_t zone,
                              bool has_finish_recommended,
                              bool finish_recommended,
                              bool has_reset_recommended,
                              bool reset_recommended,
                              bool has_finish_limit, uint8_t finish_limit,
                              bool has_reset_limit, uint8_t reset_limit,
                              bool has_force, bool force, Error **errp)
{
    ZoneFault fault = {
        .zone_idx = zone,
        .event = ZONE_EVENT__MAX,
        .force = has_force && force,
    };

    if (!has_finish_recommended && !has_reset_recommended) {
        error_setg(errp, "Neither 'finish-recommended' nor "
                   "'reset-recommended' is given");
        return;
    }
    zone_fault_attribute(&fault, ZONE_ATTR_FZR, has_finish_recommended,
                         finish_recommended);
    zone_fault_attribute(&fault, ZONE_ATTR_RZR, has_reset_recommended,
                         reset_recommended);
    if (zone_fault_limit(&fault, ZONE_ATTR_FZR, "finish-limit",
                         has_finish_limit ? finish_limit : 0, errp) &&
        zone_fault_limit(&fault, ZONE_ATTR_RZR, "reset-limit",
                         has_reset_limit ? reset_limit : 0, errp) &&
        zone_check_limits(node_name, &fault, errp)) {
        zone_co_fault(node_name, &fault, "set attributes of", errp);
    }
}

/* Where a Reset comes at all, and somebody expects that it does this */
static bool zone_check_next_capacity(BlockDriverState *bs, uint32_t zone_idx,
                                     Error **errp)
{
    ZoneIO *io = bdrv_zone_io(bs);
    ZoneInfo info;

    if (!zone_io_has_trait(io, ZONE_TRAIT_VARIABLE_CAPACITY)) {
        error_setg(errp, "No device of node '%s' announces that capacities "
                   "change: nvme-ns does with zoned.variable_capacity=on",
                   bdrv_get_node_name(bs));
        return false;
    }
    if (!zone_io_geometry(io)->capacity_step_bytes) {
        zone_set_no_details(bs, errp);
        return false;
    }
    zone_io_get_info(io, zone_idx, &info);
    if (info.state == ZONE_STATE_CONVENTIONAL ||
        info.state == ZONE_STATE_READ_ONLY ||
        info.state == ZONE_STATE_OFFLINE) {
        error_setg(errp, "Zone %" PRIu32 " of node '%s' is %s: it is never "
                   "reset", zone_idx, bdrv_get_node_name(bs),
                   zone_state_str(info.state));
        return false;
    }
    return true;
}

void coroutine_fn qmp_block_zone_set_capacity(const char *node_name,
                                              uint32_t zone, uint64_t capacity,
                                              Error **errp)
{
    BlockDriverState *bs = zone_find_node(node_name, errp);
    const ZoneGeometry *geometry;

    if (!bs || !zone_co_check_writable(bs, errp) ||
        !zone_check_index(bs, zone, errp) ||
        !zone_check_next_capacity(bs, zone, errp)) {
        return;
    }
    geometry = zone_io_geometry(bdrv_zone_io(bs));
    if (!zone_io_co_set_next_capacity(bdrv_zone_io(bs), zone, capacity)) {
        error_setg(errp, "Zone %" PRIu32 " of node '%s' cannot have a capacity "
                   "of %" PRIu64 ": it is %" PRIu64 ", or less than that by a "
                   "multiple of %" PRIu64, zone, bdrv_get_node_name(bs),
                   capacity, geometry->capacity_bytes,
                   geometry->capacity_step_bytes);
    }
}

/* With the node drained; a request in flight keeps others from moving it */
static void coroutine_fn zone_co_power_cut_drained(BlockDriverState *bs,
                                                   Error **errp)
{
    ZoneIO *io;

    bdrv_inc_in_flight(bs);
    WITH_GRAPH_RDLOCK_GUARD() {
        io = bdrv_zone_io(bs);
        if (io) {
            zone_io_co_power_cut(io, errp);
        } else {
            error_setg(errp, "Node '%s' is not usable",
                       bdrv_get_node_name(bs));
        }
    }
    bdrv_dec_in_flight(bs);
}

void coroutine_fn qmp_block_zone_power_cut(const char *node_name, Error **errp)
{
    ERRP_GUARD();
    BlockDriverState *bs = zone_find_node(node_name, errp);

    if (!bs || !zone_check_active(bs, errp) ||
        !zone_co_check_thawed(bs, errp)) {
        return;
    }
    bdrv_ref(bs);
    bdrv_drained_begin(bs);
    zone_co_power_cut_drained(bs, errp);
    bdrv_drained_end(bs);
    if (*errp) {
        error_prepend(errp, "Power cut of node '%s': ",
                      bdrv_get_node_name(bs));
    }
    bdrv_co_unref(bs);
}

/* Query ******************************************************************/

static const ZoneState zone_states[BLOCKDEV_ZONE_STATE__MAX] = {
    [BLOCKDEV_ZONE_STATE_CONVENTIONAL] = ZONE_STATE_CONVENTIONAL,
    [BLOCKDEV_ZONE_STATE_EMPTY] = ZONE_STATE_EMPTY,
    [BLOCKDEV_ZONE_STATE_IMPLICITLY_OPENED] = ZONE_STATE_IMPLICITLY_OPENED,
    [BLOCKDEV_ZONE_STATE_EXPLICITLY_OPENED] = ZONE_STATE_EXPLICITLY_OPENED,
    [BLOCKDEV_ZONE_STATE_CLOSED] = ZONE_STATE_CLOSED,
    [BLOCKDEV_ZONE_STATE_READ_ONLY] = ZONE_STATE_READ_ONLY,
    [BLOCKDEV_ZONE_STATE_FULL] = ZONE_STATE_FULL,
    [BLOCKDEV_ZONE_STATE_OFFLINE] = ZONE_STATE_OFFLINE,
};

static BlockdevZoneState zone_state_to_qapi(ZoneState state)
{
    BlockdevZoneState i = 0;

    while (zone_states[i] != state) {
        i++;
        assert(i < BLOCKDEV_ZONE_STATE__MAX);
    }
    return i;
}

static BlockdevZone *zone_to_qapi(const ZoneInfo *info)
{
    BlockdevZone *zone = g_new0(BlockdevZone, 1);

    *zone = (BlockdevZone) {
        .index = info->zone_idx,
        .type = info->state == ZONE_STATE_CONVENTIONAL ?
                BLOCKDEV_ZONE_TYPE_CONVENTIONAL :
                BLOCKDEV_ZONE_TYPE_SEQUENTIAL_WRITE_REQUIRED,
        .state = zone_state_to_qapi(info->state),
        .start = info->start_bytes,
        .has_wp = zone_state_has_wp(info->state),
        .wp = info->wp_bytes,
        .capacity = info->capacity_bytes,
        .finished_by_controller = info->attributes & ZONE_ATTR_ZFC,
        .finish_recommended = info->attributes & ZONE_ATTR_FZR,
        .reset_recommended = info->attributes & ZONE_ATTR_RZR,
        .zrwa_valid = info->attributes & ZONE_ATTR_ZRWAV,
        .descriptor_extension_valid = info->attributes & ZONE_ATTR_ZDEV,
        .finish_limit = info->limits & ZONE_LIMITS_OF_FZR,
        .reset_limit = info->limits >> ZONE_LIMITS_RZR_SHIFT,
    };
    zone->has_finish_limit = zone->finish_limit;
    zone->has_reset_limit = zone->reset_limit;
    return zone;
}

static BlockdevZoneCounts *zone_counts_to_qapi(const ZoneCounts *counts)
{
    const uint32_t *by_state = counts->by_state;
    BlockdevZoneCounts *c = g_new(BlockdevZoneCounts, 1);

    *c = (BlockdevZoneCounts) {
        .conventional = by_state[ZONE_STATE_CONVENTIONAL],
        .empty = by_state[ZONE_STATE_EMPTY],
        .implicitly_opened = by_state[ZONE_STATE_IMPLICITLY_OPENED],
        .explicitly_opened = by_state[ZONE_STATE_EXPLICITLY_OPENED],
        .closed = by_state[ZONE_STATE_CLOSED],
        .read_only = by_state[ZONE_STATE_READ_ONLY],
        .full = by_state[ZONE_STATE_FULL],
        .offline = by_state[ZONE_STATE_OFFLINE],
    };
    return c;
}

/* All but the zones themselves; state BLOCKDEV_ZONE_STATE__MAX is any */
static BlockdevZones *zones_to_qapi(ZoneIO *io, BlockDriverState *bs,
                                    BlockdevZoneState state)
{
    const ZoneGeometry *geometry = zone_io_geometry(io);
    BlockdevZones *zones = g_new0(BlockdevZones, 1);
    ZoneCounts counts;

    zone_io_lock(io);
    counts = zone_table_counts(zone_io_table(io));
    zone_io_unlock(io);

    *zones = (BlockdevZones) {
        .node_name = g_strdup(bdrv_get_node_name(bs)),
        .zone_size = geometry->zone_bytes,
        .zone_capacity = geometry->capacity_bytes,
        .total_zones = geometry->nr_zones,
        .conventional_zones = geometry->conventional_zones,
        .max_open_zones = geometry->max_open_zones,
        .max_active_zones = geometry->max_active_zones,
        .max_append_bytes = geometry->max_append_bytes,
        .zd_extension_size = geometry->zd_extension_bytes,
        .open_zones = counts.open,
        .active_zones = counts.active,
        .counts = zone_counts_to_qapi(&counts),
        .matching_zones = state == BLOCKDEV_ZONE_STATE__MAX ?
                          geometry->nr_zones :
                          counts.by_state[zone_states[state]],
    };
    return zones;
}

/*
 * Adds matching zones from zone_idx on, ZONE_QUERY_BATCH of them at most and
 * no more than *limit.  Returns where the next call goes on.
 */
static uint32_t zones_add_batch(ZoneIO *io, BlockdevZoneState state,
                                uint32_t zone_idx,
                                BlockdevZoneList ***tail, uint32_t *limit)
{
    const ZoneTable *table = zone_io_table(io);
    ZoneInfo info;
    uint32_t nr;

    zone_io_lock(io);
    for (nr = 0; nr < ZONE_QUERY_BATCH && *limit; nr++) {
        if (state != BLOCKDEV_ZONE_STATE__MAX) {
            zone_idx = zone_table_find(table, zone_states[state], zone_idx);
        }
        if (zone_idx == zone_io_geometry(io)->nr_zones) {
            break;
        }
        zone_table_info(table, zone_idx++, &info);
        QAPI_LIST_APPEND(*tail, zone_to_qapi(&info));
        --*limit;
    }
    zone_io_unlock(io);
    return zone_idx;
}

static void zones_add(ZoneIO *io, BlockdevZones *zones,
                      BlockdevZoneState state, uint32_t start, uint32_t limit)
{
    BlockdevZoneList **tail = &zones->zones;
    uint32_t zone_idx = start;

    if (!zones->matching_zones) {
        return;
    }
    while (zone_idx < zones->total_zones && limit) {
        zone_idx = zones_add_batch(io, state, zone_idx, &tail, &limit);
    }
    zones->has_next_start = zone_idx < zones->total_zones;
    zones->next_start = zone_idx;
}

BlockdevZones *qmp_query_block_zones(const char *node_name, bool has_start,
                                     uint32_t start, bool has_limit,
                                     uint32_t limit, bool has_state,
                                     BlockdevZoneState state, Error **errp)
{
    BlockDriverState *bs = zone_find_node(node_name, errp);
    BlockdevZones *zones;
    ZoneIO *io;

    if (!bs || !zone_check_active(bs, errp)) {
        return NULL;
    }
    start = has_start ? start : 0;
    limit = has_limit ? limit : ZONE_QUERY_DEFAULT_LIMIT;
    state = has_state ? state : BLOCKDEV_ZONE_STATE__MAX;
    io = bdrv_zone_io(bs);
    if (start > zone_io_geometry(io)->nr_zones) {
        error_setg(errp, "Start %" PRIu32 " exceeds the %" PRIu32 " zones of "
                   "node '%s'", start, zone_io_geometry(io)->nr_zones,
                   bdrv_get_node_name(bs));
        return NULL;
    }
    if (limit > ZONE_QUERY_MAX_LIMIT) {
        error_setg(errp, "Limit %" PRIu32 " exceeds the maximum of %d zones",
                   limit, ZONE_QUERY_MAX_LIMIT);
        return NULL;
    }
    zones = zones_to_qapi(io, bs, state);
    zones_add(io, zones, state, start, limit);
    return zones;
}
