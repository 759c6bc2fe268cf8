/*
 * Zoned I/O: zone management with Select All
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "block/block_int.h"
#include "block/zone/gate/internal.h"
#include "block/zone/trace.h"

/* Durable actions on many zones hold at most this many at the same time */
#define ZONE_ACTION_BATCH 1024

bool zone_event_selects(ZoneEvent event, ZoneState state)
{
    bool open = state == ZONE_STATE_IMPLICITLY_OPENED ||
                state == ZONE_STATE_EXPLICITLY_OPENED;
    bool active = open || state == ZONE_STATE_CLOSED;

    switch (event) {
    case ZONE_EVENT_CLOSE:
        return open;
    case ZONE_EVENT_FINISH:
    case ZONE_EVENT_POWER_CYCLE:
        return active;
    case ZONE_EVENT_RESET:
        return active || state == ZONE_STATE_FULL;
    case ZONE_EVENT_OFFLINE:
        return state == ZONE_STATE_READ_ONLY;
    default:
        return false;
    }
}

static int zone_io_compare_idx(gconstpointer a, gconstpointer b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

    return x < y ? -1 : x > y;
}

static void zone_io_add_selected(ZoneIO *io, ZoneState state, GArray *selected)
{
    int64_t next = zone_table_next_in_state(io->table, state, -1);

    while (next >= 0) {
        uint32_t zone_idx = next;

        g_array_append_val(selected, zone_idx);
        next = zone_table_next_in_state(io->table, state, next);
    }
}

GArray *zone_io_select(ZoneIO *io, ZoneEvent event)
{
    GArray *selected = g_array_new(false, false, sizeof(uint32_t));
    int state;

    zone_io_lock(io);
    for (state = 0; state < ZONE_STATE__MAX; state++) {
        if (zone_event_selects(event, state)) {
            zone_io_add_selected(io, state, selected);
        }
    }
    zone_io_unlock(io);
    g_array_sort(selected, zone_io_compare_idx);
    return selected;
}

static int coroutine_fn zone_io_co_open_all(ZoneIO *io)
{
    ZoneStatus status;

    zone_io_lock(io);
    while ((status = zone_table_open_all(io->table)) == ZONE_BUSY) {
        zone_io_wait(io);
    }
    zone_io_unlock(io);
    return status == ZONE_OK ? 0 : zone_io_refuse(io, 0, status);
}

static int coroutine_fn zone_io_co_close_all(ZoneIO *io)
{
    g_autoptr(GArray) selected = zone_io_select(io, ZONE_EVENT_CLOSE);
    uint32_t i;

    for (i = 0; i < selected->len; i++) {
        /* a zone that has moved on by itself meanwhile is none of ours */
        zone_io_co_plain_event(io, g_array_index(selected, uint32_t, i),
                               ZONE_EVENT_CLOSE);
    }
    return 0;
}

static int coroutine_fn GRAPH_RDLOCK
zone_io_co_durable_all(ZoneIO *io, ZoneEvent event)
{
    g_autoptr(GArray) selected = zone_io_select(io, event);
    ZoneTransaction t = {
        .io = io,
        .plan = zone_transaction_plan_event,
        .finish = zone_transaction_finish_event,
        .event = event,
        .select_all = true,
        .data = event == ZONE_EVENT_FINISH,
    };
    uint32_t i, nr;
    int ret = 0;

    trace_zone_io_select_all(io->bs, zone_event_str(event), selected->len);
    for (i = 0; i < selected->len && ret >= 0; i += nr) {
        nr = MIN(selected->len - i, ZONE_ACTION_BATCH);
        ret = zone_io_co_transact(&t, &g_array_index(selected, uint32_t, i),
                                  nr);
    }
    return ret;
}

int coroutine_fn
zone_io_co_action_all(ZoneIO *io, BlockZoneOp op, ZoneEvent event)
{
    switch (op) {
    case BLK_ZO_OPEN:
        return zone_io_co_open_all(io);
    case BLK_ZO_CLOSE:
        return zone_io_co_close_all(io);
    case BLK_ZO_FINISH:
    case BLK_ZO_RESET:
    case BLK_ZO_OFFLINE:
        return zone_io_co_durable_all(io, event);
    default:
        return -EINVAL;
    }
}

/* Stored words already are what a power cycle makes of a zone */
int coroutine_fn bdrv_zone_co_power_cycle(BlockDriverState *bs)
{
    ZoneIO *io = bdrv_zone_io(bs);
    g_autoptr(GArray) selected = zone_io_select(io, ZONE_EVENT_POWER_CYCLE);
    uint32_t zone_idx, i;

    if (io->importing) {
        return -EBUSY;
    }
    bdrv_inc_in_flight(bs);
    for (i = 0; i < selected->len; i++) {
        zone_idx = g_array_index(selected, uint32_t, i);
        zone_io_co_hold(io, zone_idx);
        zone_io_lock(io);
        zone_table_event(io->table, zone_idx, ZONE_EVENT_POWER_CYCLE, NULL);
        zone_io_unlock(io);
        zone_io_co_release(io, zone_idx);
    }
    bdrv_dec_in_flight(bs);
    return 0;
}
