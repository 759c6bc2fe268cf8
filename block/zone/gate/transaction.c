/*
 * Zoned I/O: changes of zones that are durable before they are seen
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "block/block_int.h"
#include "block/zone/gate/internal.h"
#include "block/zone/trace.h"

/* The zones of a transaction that change, and the words that they get */
typedef struct ZonePlan {
    uint32_t *zone_idx;
    uint64_t *words;
    uint32_t nr;
} ZonePlan;

static const char *zone_transaction_str(const ZoneTransaction *t)
{
    return t->event == ZONE_EVENT__MAX ? "Attributes" :
           zone_event_str(t->event);
}

/* Zones that stay as they are go to the end of the list, behind plan->nr */
static ZoneStatus zone_transaction_plan(ZoneTransaction *t, ZonePlan *plan,
                                        const uint32_t *zone_idx, uint32_t nr)
{
    uint32_t nr_refused = 0;
    ZoneStatus status = ZONE_OK;
    uint32_t i;

    zone_io_lock(t->io);
    for (i = 0; i < nr; i++) {
        ZoneStatus refusal = t->plan(t, zone_idx[i], &plan->words[plan->nr]);

        trace_zone_io_plan(t->io->bs, zone_idx[i], zone_transaction_str(t),
                           zone_status_str(refusal));
        if (refusal == ZONE_OK) {
            plan->zone_idx[plan->nr++] = zone_idx[i];
        } else {
            plan->zone_idx[nr - ++nr_refused] = zone_idx[i];
            status = refusal;
        }
    }
    zone_io_unlock(t->io);
    return t->select_all ? ZONE_OK : status;
}

static int coroutine_fn GRAPH_RDLOCK
zone_transaction_co_store(ZoneTransaction *t, const ZonePlan *plan)
{
    const ZoneStoreOps *ops = t->io->ops;
    int ret = 0;

    if (t->zde) {
        ret = ops->co_store_zde(t->io->bs, plan->zone_idx[0], t->zde);
    }
    if (ret >= 0 && ops->co_commit_words) {
        ret = ops->co_commit_words(t->io->bs, plan->zone_idx, plan->words,
                                   plan->nr, t->data);
    }
    return ret;
}

static void zone_transaction_finish(ZoneTransaction *t, const ZonePlan *plan,
                                    int ret)
{
    uint32_t i;

    zone_io_lock(t->io);
    for (i = 0; i < plan->nr; i++) {
        t->finish(t, plan->zone_idx[i], ret);
    }
    zone_io_unlock(t->io);
}

/* The zones are held, and stay as they are when something fails */
static int coroutine_fn GRAPH_RDLOCK
zone_transaction_co_tail(ZoneTransaction *t, const ZonePlan *plan)
{
    uint64_t zone_bytes = zone_io_geometry(t->io)->zone_bytes;
    uint32_t i;
    int ret = 0;

    for (i = 0; i < plan->nr && ret >= 0; i++) {
        ret = t->tail->co_fn(t->tail->opaque, zone_bytes * plan->zone_idx[i]);
    }
    return ret;
}

/* Old data ****************************************************************/

typedef struct ZoneDrop {
    ZoneIO *io;
    uint32_t *zone_idx;
    uint32_t nr;
    bool held;
} ZoneDrop;

/* Has nothing been written to it since it was reset? */
static bool zone_io_is_unwritten(ZoneIO *io, uint32_t zone_idx)
{
    ZoneInfo info;

    zone_io_get_info(io, zone_idx, &info);
    return zone_state_has_wp(info.state) &&
           info.reserved_bytes == info.start_bytes;
}

static void coroutine_fn GRAPH_RDLOCK
zone_io_co_drop(ZoneDrop *drop, uint32_t zone_idx)
{
    ZoneIO *io = drop->io;

    if (zone_idx >= zone_io_geometry(io)->nr_zones) {
        return; /* the drive has become shorter meanwhile */
    }
    if (!drop->held) {
        zone_io_co_hold(io, zone_idx);
    }
    if (drop->held || zone_io_is_unwritten(io, zone_idx)) {
        io->ops->co_drop(io->bs, zone_idx);
    }
    zone_io_co_release(io, zone_idx);
}

static void coroutine_fn zone_io_drop_entry(void *opaque)
{
    g_autofree ZoneDrop *drop = opaque;
    uint32_t i;

    WITH_GRAPH_RDLOCK_GUARD() {
        for (i = 0; i < drop->nr; i++) {
            zone_io_co_drop(drop, drop->zone_idx[i]);
        }
    }
    bdrv_dec_in_flight(drop->io->bs);
    g_free(drop->zone_idx);
}

/*
 * The old data of zones that were reset goes in a coroutine of its own.  Their
 * words are durable and Empty by now, so nothing of what is dropped can be read
 * again, whenever a crash comes.  Where it must go before anything else is
 * written, the zones stay held until then; otherwise each is held by itself, if
 * nothing has come in the meantime: a write waits for one zone at most.
 */
static void coroutine_fn
zone_io_start_drop(ZoneIO *io, ZonePlan *plan, bool held)
{
    ZoneDrop *drop = g_new(ZoneDrop, 1);

    *drop = (ZoneDrop) {
        .io = io,
        .zone_idx = g_steal_pointer(&plan->zone_idx),
        .nr = plan->nr,
        .held = held,
    };
    bdrv_inc_in_flight(io->bs);
    qemu_coroutine_enter(qemu_coroutine_create(zone_io_drop_entry, drop));
}

static void coroutine_fn GRAPH_RDLOCK
zone_transaction_co_release(ZoneTransaction *t, ZonePlan *plan, uint32_t nr,
                            int ret)
{
    const ZoneStoreOps *ops = t->io->ops;
    ZoneDropTime when = ZONE_DROP_NEVER;
    uint32_t i;

    if (plan->nr && ret >= 0 && t->event == ZONE_EVENT_RESET &&
        ops->wants_drop) {
        when = ops->wants_drop(t->io->bs);
    }
    for (i = when == ZONE_DROP_FIRST ? plan->nr : 0; i < nr; i++) {
        zone_io_co_release(t->io, plan->zone_idx[i]);
    }
    if (when != ZONE_DROP_NEVER) {
        zone_io_start_drop(t->io, plan, when == ZONE_DROP_FIRST);
    }
}

/*
 * 1. The zones are held, in ascending order, so that two of these never wait
 *    for each other: writes in flight have ended, and write pointers cover all
 *    that the host was told is written.
 * 2. The plan: the words that the zones are to get.  What a device keeps
 *    elsewhere of their data goes, of zones in memory alone: a crash leaves
 *    nothing of these.
 * 3. A descriptor extension is made durable in its slot, which nobody looks at
 *    yet.
 * 4. With t->data the data below the new write pointers is made durable, then
 *    the words.  A crash before leaves each zone as it was, a crash after as
 *    it shall be: a word is within one sector.
 * 5. The table follows.  After an error in 2, 3 or 4 it keeps what it had, and
 *    the next commit stores that.
 */
int coroutine_fn
zone_io_co_transact(ZoneTransaction *t, const uint32_t *zone_idx, uint32_t nr)
{
    ZoneIO *io = t->io;
    ZonePlan plan = {
        .zone_idx = g_new(uint32_t, nr), .words = g_new(uint64_t, nr),
    };
    ZoneStatus status;
    uint32_t i;
    int ret = 0;

    for (i = 0; i < nr; i++) {
        zone_io_co_hold(io, zone_idx[i]);
    }
    zone_io_co_commit_lock(io);
    status = zone_transaction_plan(t, &plan, zone_idx, nr);
    if (plan.nr) {
        ret = t->tail ? zone_transaction_co_tail(t, &plan) : 0;
        if (ret >= 0) {
            ret = zone_transaction_co_store(t, &plan);
        }
        zone_transaction_finish(t, &plan, ret);
    } else if (status != ZONE_OK) {
        ret = zone_io_refuse(io, zone_io_geometry(io)->zone_bytes * zone_idx[0],
                             status);
    }
    zone_io_co_commit_unlock(io);
    zone_transaction_co_release(t, &plan, nr, ret);
    g_free(plan.zone_idx);
    g_free(plan.words);
    return ret;
}

/* Events ******************************************************************/

ZoneStatus zone_transaction_plan_event(ZoneTransaction *t, uint32_t zone_idx,
                                       uint64_t *word)
{
    ZoneTable *table = t->io->table;
    ZoneStatus status = zone_table_check_event(table, zone_idx, t->event);
    ZoneInfo info;

    zone_table_info(table, zone_idx, &info);
    if (t->select_all &&
        !(zone_event_selects(t->event) & ZONE_STATE_BIT(info.state))) {
        return ZONE_ERR_INVALID_TRANSITION;
    }
    if (status == ZONE_OK) {
        *word = zone_table_word_after(table, zone_idx, t->event);
    }
    return status;
}

/* What a reader sees of these zones is something else from now on */
static bool zone_event_changes_data(ZoneEvent event)
{
    return event == ZONE_EVENT_RESET || event == ZONE_EVENT_OFFLINE ||
           event == ZONE_EVENT_FAULT_OFFLINE;
}

void zone_transaction_finish_event(ZoneTransaction *t, uint32_t zone_idx,
                                   int ret)
{
    ZoneInfo before, after;
    ZoneStatus status;

    if (ret < 0) {
        return;
    }
    zone_table_info(t->io->table, zone_idx, &before);
    status = zone_table_event(t->io->table, zone_idx, t->event, NULL);
    /* checked before; a held zone only moves between open and Closed */
    assert(status == ZONE_OK);
    zone_table_info(t->io->table, zone_idx, &after);
    t->changed = before.state != after.state;
    t->capacity_changed |= before.capacity_bytes != after.capacity_bytes;
    if (zone_event_changes_data(t->event)) {
        zone_filter_set_dirty(t->io->bs, after.start_bytes, after.length_bytes);
    }
}
