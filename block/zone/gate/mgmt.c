/*
 * Zoned I/O: zone management
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "block/block_int.h"
#include "block/zone/gate/internal.h"
#include "../trace.h"

/* Durable actions on many zones hold at most this many at the same time */
#define ZONE_ACTION_BATCH 1024

void coroutine_fn zone_io_co_hold(ZoneIO *io, uint32_t zone_idx)
{
    zone_io_lock(io);
    while (zone_table_held(io->table, zone_idx)) {
        zone_io_wait(io);
    }
    zone_table_hold(io->table, zone_idx);
    while (zone_table_in_flight(io->table, zone_idx)) {
        zone_io_wait(io);
    }
    zone_io_unlock(io);
}

/* An event that changes no stored word: Open, Close, power cycle */
static int coroutine_fn zone_io_co_plain_event(ZoneIO *io, uint32_t zone_idx,
                                               ZoneEvent event)
{
    ZoneStatus status;
    uint64_t start_bytes = zone_io_geometry(io)->zone_bytes * zone_idx;

    zone_io_lock(io);
    while (zone_table_held(io->table, zone_idx) ||
           (status = zone_table_event(io->table, zone_idx, event, NULL)) ==
           ZONE_BUSY) {
        zone_io_wait(io);
    }
    zone_io_unlock(io);
    trace_zone_io_event(io->bs, zone_idx, zone_event_str(event),
                        zone_status_str(status));
    return status == ZONE_OK ? 0 : zone_io_refuse(io, start_bytes, status);
}

/*
 * Reset, Finish, Offline and the drive's own Read Only and Offline of zones
 * that are held, with the commit lock held.
 *
 * 1. The words that the event leads to are made durable (where the data stays
 *    readable, after the data below their write pointers).  A crash before
 *    leaves each zone as it was, a crash after as it shall be: a word is within
 *    one sector.
 * 2. The table follows.  An error in 1 leaves it alone: the driver rewrites
 *    the words with the next commit.
 */
int coroutine_fn
zone_io_co_commit_event(ZoneIO *io, const uint32_t *zone_idx, uint32_t nr,
                        ZoneEvent event)
{
    bool data = event == ZONE_EVENT_FINISH ||
                event == ZONE_EVENT_FAULT_READ_ONLY;
    g_autofree uint64_t *words = g_new(uint64_t, nr);
    uint64_t zone_bytes = zone_io_geometry(io)->zone_bytes;
    ZoneStatus status;
    uint32_t i;
    int ret;

    zone_io_lock(io);
    for (i = 0; i < nr; i++) {
        words[i] = zone_table_word_after(io->table, zone_idx[i], event);
    }
    zone_io_unlock(io);

    ret = io->ops->co_commit_words(io->bs, zone_idx, words, nr, data);
    if (ret < 0) {
        return ret;
    }

    zone_io_lock(io);
    for (i = 0; i < nr; i++) {
        status = zone_table_event(io->table, zone_idx[i], event, NULL);
        /* checked before; a held zone only moves between open and Closed */
        assert(status == ZONE_OK);
    }
    zone_io_unlock(io);

    for (i = 0; i < nr && event == ZONE_EVENT_RESET; i++) {
        bdrv_set_dirty(io->bs, zone_bytes * zone_idx[i], zone_bytes);
    }
    return 0;
}

typedef struct ZoneDrop {
    ZoneIO *io;
    uint32_t nr;
    uint32_t zone_idx[];
} ZoneDrop;

static void coroutine_fn zone_io_drop_entry(void *opaque)
{
    g_autofree ZoneDrop *drop = opaque;
    ZoneIO *io = drop->io;
    uint32_t i;

    WITH_GRAPH_RDLOCK_GUARD() {
        for (i = 0; i < drop->nr; i++) {
            io->ops->co_drop(io->bs, drop->zone_idx[i]);
            zone_io_co_release(io, drop->zone_idx[i]);
        }
    }
    bdrv_dec_in_flight(io->bs);
}

/*
 * Ends the holds of zones that an event has reached.  The old data of zones
 * that were reset goes in a coroutine of its own, on which only the next writes
 * to those zones wait.  Their words are durable and Empty by now, so nothing of
 * what is dropped can be read again, whenever a crash comes.
 */
static void coroutine_fn GRAPH_RDLOCK
zone_io_co_end_event(ZoneIO *io, const uint32_t *zone_idx, uint32_t nr,
                     ZoneEvent event, int ret)
{
    ZoneDrop *drop;
    uint32_t i;

    if (nr && ret >= 0 && event == ZONE_EVENT_RESET &&
        io->ops->wants_drop(io->bs)) {
        drop = g_malloc(sizeof(*drop) + nr * sizeof(drop->zone_idx[0]));
        drop->io = io;
        drop->nr = nr;
        memcpy(drop->zone_idx, zone_idx, nr * sizeof(drop->zone_idx[0]));
        bdrv_inc_in_flight(io->bs);
        qemu_coroutine_enter(qemu_coroutine_create(zone_io_drop_entry, drop));
        return;
    }
    for (i = 0; i < nr; i++) {
        zone_io_co_release(io, zone_idx[i]);
    }
}

static int coroutine_fn GRAPH_RDLOCK
zone_io_co_durable_event(ZoneIO *io, uint32_t zone_idx, ZoneEvent event)
{
    uint64_t start_bytes = zone_io_geometry(io)->zone_bytes * zone_idx;
    ZoneStatus status;
    int ret;

    zone_io_co_hold(io, zone_idx);
    zone_io_co_commit_lock(io);
    zone_io_lock(io);
    status = zone_table_check_event(io->table, zone_idx, event);
    zone_io_unlock(io);
    trace_zone_io_event(io->bs, zone_idx, zone_event_str(event),
                        zone_status_str(status));
    if (status == ZONE_OK) {
        ret = zone_io_co_commit_event(io, &zone_idx, 1, event);
    } else {
        ret = zone_io_refuse(io, start_bytes, status);
    }
    zone_io_co_commit_unlock(io);
    zone_io_co_end_event(io, &zone_idx, 1, event, ret);
    return ret;
}

/*
 * Set Zone Descriptor Extension.  The zone is Empty, so its slot is free.
 *
 * 1. The table takes the event, and with it the active resource.  Nothing of
 *    it can be committed by others: the commit lock is held.
 * 2. The slot is written and flushed.  A crash here leaves an Empty zone with
 *    a slot that nobody looks at.
 * 3. The word with ZDEV is made durable.  A crash after it leaves the zone
 *    Closed with its extension.
 *
 * When 2 or 3 fails the zone is made Empty again, with the attributes that it
 * had.
 */
static int coroutine_fn GRAPH_RDLOCK
zone_io_co_set_zde(ZoneIO *io, uint32_t zone_idx, const void *zde)
{
    ZoneStatus status;
    uint64_t word, word_before;
    int ret;

    zone_io_co_hold(io, zone_idx);
    zone_io_co_commit_lock(io);
    zone_io_lock(io);
    word_before = zone_table_word(io->table, zone_idx);
    status = zone_table_event(io->table, zone_idx, ZONE_EVENT_SET_ZDE, NULL);
    word = zone_table_word(io->table, zone_idx);
    zone_io_unlock(io);
    trace_zone_io_event(io->bs, zone_idx, zone_event_str(ZONE_EVENT_SET_ZDE),
                        zone_status_str(status));

    if (status != ZONE_OK) {
        ret = zone_status_errno(status);
    } else {
        ret = io->ops->co_store_zde(io->bs, zone_idx, zde);
        if (ret >= 0) {
            ret = io->ops->co_commit_words(io->bs, &zone_idx, &word, 1, false);
        }
        if (ret < 0) {
            zone_io_lock(io);
            zone_table_load_word(io->table, zone_idx, word_before);
            zone_io_unlock(io);
        }
    }
    zone_io_co_commit_unlock(io);
    zone_io_co_release(io, zone_idx);
    return ret;
}

/* Zones that Select All means for an event */
static bool zone_event_selects(ZoneEvent event, ZoneState state)
{
    switch (event) {
    case ZONE_EVENT_CLOSE:
        return state == ZONE_STATE_IMPLICITLY_OPENED ||
               state == ZONE_STATE_EXPLICITLY_OPENED;
    case ZONE_EVENT_FINISH:
    case ZONE_EVENT_POWER_CYCLE:
        return state == ZONE_STATE_IMPLICITLY_OPENED ||
               state == ZONE_STATE_EXPLICITLY_OPENED ||
               state == ZONE_STATE_CLOSED;
    case ZONE_EVENT_RESET:
        return state == ZONE_STATE_IMPLICITLY_OPENED ||
               state == ZONE_STATE_EXPLICITLY_OPENED ||
               state == ZONE_STATE_CLOSED ||
               state == ZONE_STATE_FULL;
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

/* The zones that an event selects now, in ascending order */
static GArray *zone_io_select(ZoneIO *io, ZoneEvent event)
{
    GArray *selected = g_array_new(false, false, sizeof(uint32_t));
    uint32_t zone_idx;
    int64_t next;
    int state;

    zone_io_lock(io);
    for (state = 0; state < ZONE_STATE__MAX; state++) {
        if (!zone_event_selects(event, state)) {
            continue;
        }
        next = zone_table_next_in_state(io->table, state, -1);
        while (next >= 0) {
            zone_idx = next;
            g_array_append_val(selected, zone_idx);
            next = zone_table_next_in_state(io->table, state, next);
        }
    }
    zone_io_unlock(io);
    g_array_sort(selected, zone_io_compare_idx);
    return selected;
}

static int coroutine_fn zone_io_co_plain_all(ZoneIO *io, ZoneEvent event)
{
    g_autoptr(GArray) selected = zone_io_select(io, event);
    uint32_t i;

    for (i = 0; i < selected->len; i++) {
        /* a zone that has moved on by itself meanwhile is none of ours */
        zone_io_co_plain_event(io, g_array_index(selected, uint32_t, i), event);
    }
    return 0;
}

/*
 * Holds a batch (in ascending order, so that two Select All never wait for
 * each other), and commits what the event still applies to.
 */
static int coroutine_fn GRAPH_RDLOCK
zone_io_co_durable_batch(ZoneIO *io, uint32_t *zone_idx, uint32_t nr,
                         ZoneEvent event)
{
    g_autofree uint32_t *matching = g_new(uint32_t, nr);
    g_autofree uint32_t *others = g_new(uint32_t, nr);
    uint32_t nr_matching = 0, nr_others = 0;
    ZoneInfo info;
    uint32_t i;
    int ret = 0;

    for (i = 0; i < nr; i++) {
        zone_io_co_hold(io, zone_idx[i]);
    }
    zone_io_co_commit_lock(io);
    zone_io_lock(io);
    for (i = 0; i < nr; i++) {
        zone_table_info(io->table, zone_idx[i], &info);
        if (zone_event_selects(event, info.state)) {
            matching[nr_matching++] = zone_idx[i];
        } else {
            others[nr_others++] = zone_idx[i];
        }
    }
    zone_io_unlock(io);
    if (nr_matching) {
        ret = zone_io_co_commit_event(io, matching, nr_matching, event);
    }
    zone_io_co_commit_unlock(io);
    for (i = 0; i < nr_others; i++) {
        zone_io_co_release(io, others[i]);
    }
    zone_io_co_end_event(io, matching, nr_matching, event, ret);
    return ret;
}

static int coroutine_fn GRAPH_RDLOCK
zone_io_co_durable_all(ZoneIO *io, ZoneEvent event)
{
    g_autoptr(GArray) selected = zone_io_select(io, event);
    uint32_t i, nr;
    int ret = 0;

    trace_zone_io_select_all(io->bs, zone_event_str(event), selected->len);
    for (i = 0; i < selected->len && ret >= 0; i += nr) {
        nr = MIN(selected->len - i, ZONE_ACTION_BATCH);
        ret = zone_io_co_durable_batch(io, &g_array_index(selected, uint32_t,
                                                          i), nr, event);
    }
    return ret;
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

/* Zeros what the flush brings below the write pointer and nobody has written */
static int coroutine_fn GRAPH_RDLOCK
zone_io_co_zrwa_fill(ZoneIO *io, uint32_t zone_idx, uint64_t end)
{
    ZoneInfo info;

    zone_io_lock(io);
    zone_table_info(io->table, zone_idx, &info);
    zone_io_unlock(io);
    if (!(info.attributes & ZONE_ATTR_ZRWAV) || end <= info.reserved_bytes ||
        end > info.wp_bytes + zone_io_geometry(io)->zrwa_bytes ||
        end > info.start_bytes + info.capacity_bytes) {
        return 0; /* nothing to fill, or to be refused */
    }
    return io->ops->co_write_zeroes(io->bs, info.reserved_bytes,
                                    end - info.reserved_bytes, 0);
}

static int coroutine_fn GRAPH_RDLOCK
zone_io_co_zrwa_flush(ZoneIO *io, int64_t end)
{
    uint32_t zone_idx;
    ZoneStatus status;
    int ret;

    if (end <= 0 || end > zone_io_zoned_bytes(io)) {
        return -EINVAL;
    }
    zone_idx = zone_table_idx(io->table, end - 1);
    do {
        zone_io_co_hold(io, zone_idx);
        ret = zone_io_co_zrwa_fill(io, zone_idx, end);
        zone_io_lock(io);
        status = ret < 0 ? ZONE_OK : zone_table_zrwa_flush(io->table, end);
        if (ret >= 0 && status == ZONE_OK) {
            io->ops->mark_dirty(io->bs, zone_idx);
        }
        zone_table_release(io->table, zone_idx);
        zone_io_wake(io);
        if (status == ZONE_BUSY) {
            zone_io_wait(io); /* without a hold: its owner may wait for it */
        }
        zone_io_unlock(io);
    } while (status == ZONE_BUSY);
    return status == ZONE_OK ? ret : zone_io_refuse(io, end, status);
}

/* Stored words already are what a power cycle makes of a zone */
int coroutine_fn zone_io_co_power_cycle(ZoneIO *io)
{
    g_autoptr(GArray) selected = zone_io_select(io, ZONE_EVENT_POWER_CYCLE);
    uint32_t zone_idx, i;

    for (i = 0; i < selected->len; i++) {
        zone_idx = g_array_index(selected, uint32_t, i);
        zone_io_co_hold(io, zone_idx);
        zone_io_lock(io);
        zone_table_event(io->table, zone_idx, ZONE_EVENT_POWER_CYCLE, NULL);
        zone_io_unlock(io);
        zone_io_co_release(io, zone_idx);
    }
    return 0;
}

static ZoneEvent zone_event_of_op(BlockZoneOp op)
{
    switch (op) {
    case BLK_ZO_OPEN:
        return ZONE_EVENT_OPEN;
    case BLK_ZO_OPEN_ZRWA:
        return ZONE_EVENT_OPEN_ZRWA;
    case BLK_ZO_CLOSE:
        return ZONE_EVENT_CLOSE;
    case BLK_ZO_FINISH:
        return ZONE_EVENT_FINISH;
    case BLK_ZO_RESET:
        return ZONE_EVENT_RESET;
    case BLK_ZO_OFFLINE:
        return ZONE_EVENT_OFFLINE;
    default:
        return ZONE_EVENT__MAX;
    }
}

static bool zone_event_is_durable(ZoneEvent event)
{
    return event == ZONE_EVENT_FINISH || event == ZONE_EVENT_RESET ||
           event == ZONE_EVENT_OFFLINE;
}

static int coroutine_fn GRAPH_RDLOCK
zone_io_co_action_all(ZoneIO *io, BlockZoneOp op)
{
    ZoneEvent event = zone_event_of_op(op);

    switch (op) {
    case BLK_ZO_OPEN:
        return zone_io_co_open_all(io);
    case BLK_ZO_CLOSE:
        return zone_io_co_plain_all(io, event);
    case BLK_ZO_FINISH:
    case BLK_ZO_RESET:
    case BLK_ZO_OFFLINE:
        return zone_io_co_durable_all(io, event);
    default:
        return -EINVAL;
    }
}

int coroutine_fn zone_io_co_action(ZoneIO *io, const ZoneAction *action)
{
    ZoneEvent event = zone_event_of_op(action->op);
    int64_t offset = action->offset_bytes;
    uint32_t zone_idx;
    int ret;

    ret = zone_io_check_writable(io);
    if (ret < 0) {
        return ret;
    }
    if (action->select_all) {
        return zone_io_co_action_all(io, action->op);
    }
    if (action->op == BLK_ZO_FLUSH_ZRWA) {
        return zone_io_co_zrwa_flush(io, offset);
    }
    if (offset < 0 || offset >= zone_io_zoned_bytes(io)) {
        return -EINVAL;
    }
    zone_idx = zone_table_idx(io->table, offset);
    if (offset != zone_io_geometry(io)->zone_bytes * zone_idx) {
        return zone_io_refuse(io, offset, ZONE_ERR_UNALIGNED);
    }
    if (action->op == BLK_ZO_SET_ZDED) {
        return zone_io_co_set_zde(io, zone_idx, action->zde);
    }
    if (event == ZONE_EVENT__MAX) {
        return -EINVAL;
    }
    if (zone_event_is_durable(event)) {
        return zone_io_co_durable_event(io, zone_idx, event);
    }
    return zone_io_co_plain_event(io, zone_idx, event);
}

int coroutine_fn
zone_io_co_mgmt(ZoneIO *io, BlockZoneOp op, int64_t offset, int64_t len)
{
    uint64_t zone_bytes = zone_io_geometry(io)->zone_bytes;
    uint64_t zoned_bytes = zone_io_zoned_bytes(io);
    ZoneAction action = { .op = op, .offset_bytes = offset };
    int64_t end;
    int ret = 0;

    if (op == BLK_ZO_SET_ZDED || op == BLK_ZO_FLUSH_ZRWA) {
        return -EINVAL; /* they need more than a range */
    }
    if (offset < 0 || len < 0 || len > zoned_bytes ||
        offset > zoned_bytes - len) {
        return -EINVAL;
    }
    if (offset % zone_bytes || len % zone_bytes) {
        return zone_io_refuse(io, offset, ZONE_ERR_UNALIGNED);
    }
    if (offset == 0 && (len == 0 || (len == zoned_bytes && len > zone_bytes))) {
        action.select_all = true;
        return zone_io_co_action(io, &action);
    }
    for (end = offset + len; action.offset_bytes < end && ret >= 0;
         action.offset_bytes += zone_bytes) {
        ret = zone_io_co_action(io, &action);
    }
    return ret;
}

int coroutine_fn
zone_io_co_get_extension(ZoneIO *io, uint32_t zone_idx, void *zde)
{
    uint32_t zde_bytes = zone_io_geometry(io)->zd_extension_bytes;
    ZoneInfo info;

    zone_io_lock(io);
    zone_table_info(io->table, zone_idx, &info);
    zone_io_unlock(io);
    if (!(info.attributes & ZONE_ATTR_ZDEV)) {
        memset(zde, 0, zde_bytes);
        return 0;
    }
    return io->ops->co_load_zde(io->bs, zone_idx, zde);
}
