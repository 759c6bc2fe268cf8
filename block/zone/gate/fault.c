/*
 * Zoned I/O: what a drive does to its zones by itself
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Zones that fail, zones whose finish or reset the drive recommends, and loss
 * of power: for tests of what runs on the drive.
 */

#include "qemu/osdep.h"
#include "qapi/error.h"
#include "block/block-io.h"
#include "block/block_int.h"
#include "block/dirty-bitmap.h"
#include "block/zone/gate/internal.h"
#include "block/zone/trace.h"

static int coroutine_fn GRAPH_RDLOCK
zone_io_co_fault(ZoneTransaction *t, uint32_t zone_idx)
{
    int ret = zone_io_check_changeable(t->io);

    if (ret < 0) {
        return ret;
    }
    ret = zone_io_co_transact(t, &zone_idx, 1);
    if (t->changed) {
        zone_io_co_notify(t->io, zone_idx);
    }
    return ret;
}

int coroutine_fn
zone_io_co_set_state(ZoneIO *io, uint32_t zone_idx, ZoneEvent event)
{
    ZoneTransaction t = {
        .io = io,
        .plan = zone_transaction_plan_event,
        .finish = zone_transaction_finish_event,
        .event = event,
        .data = event != ZONE_EVENT_FAULT_OFFLINE, /* it stays readable */
    };
    uint64_t zone_bytes = zone_io_geometry(io)->zone_bytes;
    int ret = 0;

    assert(event == ZONE_EVENT_EXCURSION ||
           event == ZONE_EVENT_FAULT_READ_ONLY ||
           event == ZONE_EVENT_FAULT_OFFLINE);
    if (event == ZONE_EVENT_FAULT_OFFLINE) {
        ret = zone_filter_co_before_loss(io->bs, zone_bytes * zone_idx,
                                         zone_bytes);
    }
    return ret < 0 ? ret : zone_io_co_fault(&t, zone_idx);
}

bool zone_io_has_trait(ZoneIO *io, ZoneTraits trait)
{
    GLOBAL_STATE_CODE();
    return io->traits & trait;
}

void zone_io_set_traits(ZoneIO *io, unsigned traits)
{
    GLOBAL_STATE_CODE();
    io->traits = traits;
}

bool coroutine_fn zone_io_co_set_next_capacity(ZoneIO *io, uint32_t zone_idx,
                                               uint64_t capacity_bytes)
{
    bool possible;

    zone_io_lock(io);
    possible = zone_table_set_next_capacity(io->table, zone_idx,
                                            capacity_bytes);
    zone_io_unlock(io);
    return possible;
}

/* Attributes **************************************************************/

/* States that an attribute is for: sections 5.4 and 5.5 */
static bool zone_attributes_fit(ZoneState state, uint8_t set)
{
    return (zone_state_is_active(state) || !(set & ZONE_ATTR_FZR)) &&
           (state == ZONE_STATE_FULL || !(set & ZONE_ATTR_RZR));
}

static ZoneStatus zone_io_check_attributes(ZoneState state, uint8_t set,
                                           bool force)
{
    if (state == ZONE_STATE_CONVENTIONAL) {
        return ZONE_ERR_CONVENTIONAL;
    }
    if (state == ZONE_STATE_OFFLINE) {
        return ZONE_ERR_OFFLINE;
    }
    if (state == ZONE_STATE_FULL && (set & ZONE_ATTR_FZR)) {
        return ZONE_ERR_FULL;
    }
    return force || zone_attributes_fit(state, set) ?
           ZONE_OK : ZONE_ERR_INVALID_TRANSITION;
}

static ZoneStatus zone_plan_advice(ZoneTransaction *t, uint32_t zone_idx,
                                   uint64_t *word)
{
    ZoneInfo info;

    *word = zone_table_word_advised(t->io->table, zone_idx, &t->advice);
    zone_table_info(t->io->table, zone_idx, &info);
    return zone_io_check_attributes(info.state, t->advice.set, t->force);
}

static void zone_finish_advice(ZoneTransaction *t, uint32_t zone_idx, int ret)
{
    if (ret >= 0) {
        t->changed = zone_table_advise(t->io->table, zone_idx, &t->advice);
    }
}

int coroutine_fn
zone_io_co_advise(ZoneIO *io, uint32_t zone_idx, const ZoneAdvice *advice,
                  bool force)
{
    ZoneTransaction t = {
        .io = io,
        .plan = zone_plan_advice,
        .finish = zone_finish_advice,
        .event = ZONE_EVENT__MAX,
        .advice = *advice,
        .force = force,
        .data = true, /* which the new word may be the first to cover */
    };

    return zone_io_co_fault(&t, zone_idx);
}

/* Loss of power ***********************************************************/

/*
 * Nothing is written.  The store forgets its dirty words and reads what is
 * durable, all of which it checks first; then the table follows.
 */
int coroutine_fn zone_io_co_power_cut(ZoneIO *io, Error **errp)
{
    uint32_t nr_zones = zone_io_geometry(io)->nr_zones;
    g_autofree uint64_t *words = g_try_new(uint64_t, nr_zones);
    int ret = 0;

    if (!bdrv_is_read_only(io->bs) && bdrv_has_readonly_bitmaps(io->bs)) {
        error_setg(errp, "Node '%s' has a bitmap that cannot take changes down",
                   bdrv_get_device_or_node_name(io->bs));
        return -EPERM;
    }
    if (io->importing || io->unfinished) {
        error_setg(errp, "Node '%s' is not finished: it is being filled from "
                   "elsewhere", bdrv_get_device_or_node_name(io->bs));
        return -EBUSY;
    }
    if (zone_filter_copies_before(io->bs)) {
        error_setg(errp, "Node '%s' is being backed up: what it loses could "
                   "not be copied before",
                   bdrv_get_device_or_node_name(io->bs));
        return -EBUSY;
    }
    if (!words) {
        error_setg(errp, "Could not allocate memory for %" PRIu32 " zones",
                   nr_zones);
        return -ENOMEM;
    }
    zone_io_co_commit_lock(io);
    if (io->ops->co_power_cut) {
        ret = io->ops->co_power_cut(io->bs, words, errp);
    } else {
        g_clear_pointer(&words, g_free); /* nothing is durable */
    }
    if (ret >= 0) {
        trace_zone_io_power_cut(io->bs, zone_io_load_words(io, words));
    }
    zone_io_co_commit_unlock(io);
    return ret;
}
