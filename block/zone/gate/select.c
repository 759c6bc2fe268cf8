/*
 * Zoned I/O: zone management with Select All
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "block/block_int.h"
#include "block/zone/gate/internal.h"
#include "block/zone/trace.h"

/*
 * Zones are taken in batches, each after a look at a number of zones that the
 * length of the drive does not change; others get their turn in between.
 */
#define ZONE_SELECT_BATCH   1024
#define ZONE_SELECT_LOOK    (64 * 1024)

typedef struct ZoneSelection {
    ZoneEvent event;
    uint32_t next_idx;          /* all zones below have been looked at */
    uint32_t nr;
    uint32_t zone_idx[ZONE_SELECT_BATCH];   /* ascending */
} ZoneSelection;

uint32_t zone_event_selects(ZoneEvent event)
{
    uint32_t open = ZONE_STATE_BIT(ZONE_STATE_IMPLICITLY_OPENED) |
                    ZONE_STATE_BIT(ZONE_STATE_EXPLICITLY_OPENED);
    uint32_t active = open | ZONE_STATE_BIT(ZONE_STATE_CLOSED);

    switch (event) {
    case ZONE_EVENT_OPEN:
        return ZONE_STATE_BIT(ZONE_STATE_CLOSED);
    case ZONE_EVENT_CLOSE:
        return open;
    case ZONE_EVENT_FINISH:
    case ZONE_EVENT_POWER_CYCLE:
        return active;
    case ZONE_EVENT_RESET:
        return active | ZONE_STATE_BIT(ZONE_STATE_FULL);
    case ZONE_EVENT_OFFLINE:
        return ZONE_STATE_BIT(ZONE_STATE_READ_ONLY);
    default:
        return 0;
    }
}

/* The next batch, which may be an empty one; false when there is no more */
static bool coroutine_fn
zone_io_co_select(ZoneIO *io, ZoneSelection *selection)
{
    uint32_t states = zone_event_selects(selection->event);
    uint32_t nr_zones = zone_io_geometry(io)->nr_zones;
    uint32_t zone_idx = selection->next_idx;
    uint32_t end_idx;

    if (zone_idx >= nr_zones) {
        return false;
    }
    if (zone_idx) {
        zone_io_co_give_way();
    }
    end_idx = zone_idx + MIN(nr_zones - zone_idx, ZONE_SELECT_LOOK);
    selection->nr = 0;
    zone_io_lock(io);
    while (selection->nr < ZONE_SELECT_BATCH) {
        zone_idx = zone_table_find_among(io->table, states, zone_idx, end_idx);
        if (zone_idx == end_idx) {
            break;
        }
        selection->zone_idx[selection->nr++] = zone_idx++;
    }
    zone_io_unlock(io);
    selection->next_idx = zone_idx;
    return true;
}

static ZoneWait zone_io_look_open_closed(ZoneIO *io, ZoneWaiter *waiter)
{
    ZoneInfo info;

    if (zone_table_held(io->table, waiter->zone_idx)) {
        return ZONE_WAIT_RELEASE;
    }
    zone_table_info(io->table, waiter->zone_idx, &info);
    if (info.state == ZONE_STATE_CLOSED) {
        zone_table_event(io->table, waiter->zone_idx, ZONE_EVENT_OPEN, NULL);
    }
    return ZONE_WAIT_NOTHING;
}

static void coroutine_fn zone_io_co_open_closed(ZoneIO *io, uint32_t zone_idx)
{
    ZoneWaiter waiter = {
        .look = zone_io_look_open_closed, .zone_idx = zone_idx,
    };

    zone_io_co_wait(io, &waiter);
}

/* Where nothing limits open zones there is no need to open all at once */
static int coroutine_fn zone_io_co_open_one_by_one(ZoneIO *io)
{
    g_autofree ZoneSelection *selection = g_new0(ZoneSelection, 1);
    uint32_t i;

    selection->event = ZONE_EVENT_OPEN;
    while (zone_io_co_select(io, selection)) {
        for (i = 0; i < selection->nr; i++) {
            zone_io_co_open_closed(io, selection->zone_idx[i]);
        }
    }
    return 0;
}

typedef struct ZoneOpenAll {
    ZoneWaiter waiter;
    ZoneStatus status;
} ZoneOpenAll;

static ZoneWait zone_io_look_open_all(ZoneIO *io, ZoneWaiter *waiter)
{
    ZoneOpenAll *all = container_of(waiter, ZoneOpenAll, waiter);

    all->status = zone_table_open_all(io->table);
    return zone_wait_of_status(all->status);
}

static int coroutine_fn zone_io_co_open_all(ZoneIO *io)
{
    ZoneOpenAll all = { .waiter = { .look = zone_io_look_open_all } };

    if (!zone_io_geometry(io)->max_open_zones) {
        return zone_io_co_open_one_by_one(io);
    }
    zone_io_co_wait(io, &all.waiter);
    return all.status == ZONE_OK ? 0 : zone_io_refuse(io, 0, all.status);
}

/* Where a power cycle leads: nothing that is stored changes */
void coroutine_fn zone_io_co_power_cycle(ZoneIO *io, uint32_t zone_idx)
{
    zone_io_co_hold(io, zone_idx);
    zone_io_lock(io);
    zone_table_event(io->table, zone_idx, ZONE_EVENT_POWER_CYCLE, NULL);
    zone_io_unlock(io);
    zone_io_co_release(io, zone_idx);
}

static int coroutine_fn zone_io_co_close_all(ZoneIO *io,
                                             bool unwritten_to_empty)
{
    g_autofree ZoneSelection *selection = g_new0(ZoneSelection, 1);
    uint32_t i;

    selection->event = ZONE_EVENT_CLOSE;
    while (zone_io_co_select(io, selection)) {
        for (i = 0; i < selection->nr; i++) {
            /* a zone that has moved on by itself meanwhile is none of ours */
            if (unwritten_to_empty) {
                zone_io_co_power_cycle(io, selection->zone_idx[i]);
            } else {
                zone_io_co_plain_event(io, selection->zone_idx[i],
                                       ZONE_EVENT_CLOSE);
            }
        }
    }
    return 0;
}

static int coroutine_fn GRAPH_RDLOCK
zone_io_co_durable_all(ZoneIO *io, ZoneEvent event, const ZoneAction *action)
{
    g_autofree ZoneSelection *selection = g_new0(ZoneSelection, 1);
    ZoneTransaction t = {
        .io = io,
        .plan = zone_transaction_plan_event,
        .finish = zone_transaction_finish_event,
        .event = event,
        .select_all = true,
        .data = event == ZONE_EVENT_FINISH,
        .tail = action->tail,
    };
    int ret = 0;

    /* A Set Zone Descriptor Extension that came before is not seen yet */
    zone_io_co_commit_lock(io);
    zone_io_co_commit_unlock(io);
    selection->event = event;
    while (ret >= 0 && zone_io_co_select(io, selection)) {
        trace_zone_io_select_all(io->bs, zone_event_str(event), selection->nr);
        if (selection->nr) {
            ret = zone_io_co_transact(&t, selection->zone_idx, selection->nr);
        }
    }
    zone_action_tell_capacity(action, &t);
    return ret;
}

int coroutine_fn
zone_io_co_action_all(ZoneIO *io, const ZoneAction *action, ZoneEvent event)
{
    switch (action->op) {
    case BLK_ZO_OPEN:
        return zone_io_co_open_all(io);
    case BLK_ZO_CLOSE:
        return zone_io_co_close_all(io, action->unwritten_to_empty);
    case BLK_ZO_FINISH:
    case BLK_ZO_RESET:
    case BLK_ZO_OFFLINE:
        return zone_io_co_durable_all(io, event, action);
    default:
        return -EINVAL;
    }
}

/* Stored words already are what a power cycle makes of a zone */
int coroutine_fn bdrv_zone_co_power_cycle(BlockDriverState *bs)
{
    ZoneIO *io = bdrv_zone_io(bs);
    g_autofree ZoneSelection *selection = g_new0(ZoneSelection, 1);
    uint32_t i;

    if (io->importing) {
        return -EBUSY;
    }
    selection->event = ZONE_EVENT_POWER_CYCLE;
    bdrv_inc_in_flight(bs);
    while (zone_io_co_select(io, selection)) {
        for (i = 0; i < selection->nr; i++) {
            zone_io_co_power_cycle(io, selection->zone_idx[i]);
        }
    }
    bdrv_dec_in_flight(bs);
    return 0;
}
