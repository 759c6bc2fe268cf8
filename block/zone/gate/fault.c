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
#include "block/zone/gate/internal.h"
#include "system/block-backend.h"
#include "system/block-backend-zone.h"
#include "../trace.h"

/* Notifiers **************************************************************/

typedef struct ZoneChange {
    ZoneIO *io;
    uint32_t zone_idx;
    Coroutine *co;
} ZoneChange;

static void zone_io_notify_bh(void *opaque)
{
    ZoneChange *change = opaque;

    trace_zone_io_changed(change->io->bs, change->zone_idx);
    notifier_list_notify(&change->io->change_notifiers, &change->zone_idx);
    aio_co_wake(change->co);
}

/* Goes to the main loop and back */
static void coroutine_fn zone_io_co_notify(ZoneIO *io, uint32_t zone_idx)
{
    ZoneChange change = {
        .io = io, .zone_idx = zone_idx, .co = qemu_coroutine_self(),
    };

    aio_bh_schedule_oneshot(qemu_get_aio_context(), zone_io_notify_bh,
                            &change);
    qemu_coroutine_yield();
}

void zone_io_remove_change_notifiers(ZoneIO *io)
{
    Notifier *notifier, *next;

    QLIST_FOREACH_SAFE(notifier, &io->change_notifiers.notifiers, node, next) {
        notifier_remove(notifier);
    }
}

void blk_add_zone_change_notifier(BlockBackend *blk, Notifier *notifier)
{
    ZoneIO *io = bdrv_zone_io(blk_bs(blk));

    GLOBAL_STATE_CODE();
    if (io) {
        notifier_list_add(&io->change_notifiers, notifier);
    }
}

void blk_remove_zone_change_notifier(Notifier *notifier)
{
    GLOBAL_STATE_CODE();
    if (QLIST_IS_INSERTED(notifier, node)) {
        notifier_remove(notifier);
    }
}

/* Faults *****************************************************************/

/*
 * 1. The zone is held: writes in flight have ended, so its write pointer
 *    covers all that the host was told is written.
 * 2. The data below the write pointer (Read Only), then the word are made
 *    durable.  A crash before leaves the zone as it was, a crash after as it
 *    shall be: a word is within one sector.
 * 3. The table follows.  An error in 2 leaves it alone.
 */
int coroutine_fn
zone_io_co_set_state(ZoneIO *io, uint32_t zone_idx, ZoneEvent event)
{
    uint64_t start_bytes = zone_io_geometry(io)->zone_bytes * zone_idx;
    ZoneInfo before, after;
    ZoneStatus status;
    int ret;

    assert(event == ZONE_EVENT_FAULT_READ_ONLY ||
           event == ZONE_EVENT_FAULT_OFFLINE);
    ret = zone_io_check_writable(io);
    if (ret < 0) {
        return ret;
    }

    zone_io_co_hold(io, zone_idx);
    zone_io_co_commit_lock(io);
    zone_io_lock(io);
    zone_table_info(io->table, zone_idx, &before);
    status = zone_table_check_event(io->table, zone_idx, event);
    zone_io_unlock(io);
    trace_zone_io_event(io->bs, zone_idx, zone_event_str(event),
                        zone_status_str(status));
    if (status == ZONE_OK) {
        ret = zone_io_co_commit_event(io, &zone_idx, 1, event);
    } else {
        ret = zone_io_refuse(io, start_bytes, status);
    }
    zone_io_lock(io);
    zone_table_info(io->table, zone_idx, &after);
    zone_io_unlock(io);
    zone_io_co_commit_unlock(io);
    zone_io_co_release(io, zone_idx);

    if (before.state != after.state) {
        zone_io_co_notify(io, zone_idx);
    }
    return ret;
}

static ZoneStatus zone_io_check_attributes(ZoneState state, uint8_t set)
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
    return ZONE_OK;
}

/*
 * The word to store.  That of a zone whose ZRWA was written up to the capacity
 * is Full already, where nothing is left to finish; the table sees to that when
 * the zone becomes Full there.
 */
static uint64_t zone_io_word_with_attributes(ZoneIO *io, uint32_t zone_idx,
                                             uint8_t set, uint8_t clear)
{
    uint64_t word = zone_table_word(io->table, zone_idx);
    uint8_t attributes = (zone_word_attributes(word) & ~clear) | set;

    if (zone_stored_state(zone_io_geometry(io), zone_idx, word) ==
        ZONE_STATE_FULL) {
        attributes &= ~ZONE_ATTR_FZR;
    }
    return zone_word_encode(zone_word_state(word), zone_word_conventional(word),
                            attributes, zone_word_wp_bytes(word));
}

/*
 * The same steps: hold the zone; data below the write pointer, which the new
 * word may be the first to cover; the word; the table.  An error leaves the
 * table alone, and a crash one of both words.
 */
int coroutine_fn
zone_io_co_set_attributes(ZoneIO *io, uint32_t zone_idx, uint8_t set,
                          uint8_t clear)
{
    uint64_t start_bytes = zone_io_geometry(io)->zone_bytes * zone_idx;
    bool changed = false;
    ZoneStatus status;
    ZoneInfo info;
    uint64_t word;
    int ret;

    ret = zone_io_check_writable(io);
    if (ret < 0) {
        return ret;
    }

    zone_io_co_hold(io, zone_idx);
    zone_io_co_commit_lock(io);
    zone_io_lock(io);
    zone_table_info(io->table, zone_idx, &info);
    status = zone_io_check_attributes(info.state, set);
    word = zone_io_word_with_attributes(io, zone_idx, set, clear);
    zone_io_unlock(io);
    trace_zone_io_set_attributes(io->bs, zone_idx, set, clear,
                                 zone_status_str(status));
    if (status == ZONE_OK) {
        ret = io->ops->co_commit_words(io->bs, &zone_idx, &word, 1, true);
    } else {
        ret = zone_io_refuse(io, start_bytes, status);
    }
    if (ret >= 0) {
        zone_io_lock(io);
        changed = zone_table_set_attributes(io->table, zone_idx, set, clear);
        zone_io_unlock(io);
    }
    zone_io_co_commit_unlock(io);
    zone_io_co_release(io, zone_idx);

    if (changed) {
        zone_io_co_notify(io, zone_idx);
    }
    return ret;
}

/* Loss of power **********************************************************/

/* Puts the words into the table; returns how many of them are new to it */
static uint32_t zone_io_load_words(ZoneIO *io, const uint64_t *words)
{
    const ZoneGeometry *geometry = zone_io_geometry(io);
    uint32_t nr_changed = 0;
    uint32_t i;

    zone_io_lock(io);
    for (i = 0; i < geometry->nr_zones; i++) {
        assert(!zone_table_held(io->table, i));
        if (zone_table_word(io->table, i) != words[i]) {
            bdrv_set_dirty(io->bs, geometry->zone_bytes * i,
                           geometry->zone_bytes);
            nr_changed++;
        }
        zone_table_load_word(io->table, i, words[i]);
    }
    zone_io_unlock(io);
    return nr_changed;
}

/*
 * Nothing is written.  The driver forgets its dirty words and reads what is
 * durable, all of which it checks first; then the table follows.
 */
int coroutine_fn zone_io_co_power_cut(ZoneIO *io, Error **errp)
{
    uint32_t nr_zones = zone_io_geometry(io)->nr_zones;
    g_autofree uint64_t *words = g_try_new(uint64_t, nr_zones);
    int ret;

    if (!words) {
        error_setg(errp, "Could not allocate memory for %" PRIu32 " zones",
                   nr_zones);
        return -ENOMEM;
    }
    zone_io_co_commit_lock(io);
    ret = io->ops->co_power_cut(io->bs, words, errp);
    if (ret >= 0) {
        trace_zone_io_power_cut(io->bs, zone_io_load_words(io, words));
    }
    zone_io_co_commit_unlock(io);
    return ret;
}
