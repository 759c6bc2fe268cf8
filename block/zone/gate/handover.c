/*
 * Zoned I/O: zones that move from a node to its overlay
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The live object moves, with all that is in memory only: open states, ZRWAs,
 * failed ranges, notifiers, references of devices.  The node below gets that of
 * the overlay, which has been loaded with the words that are stored.
 */

#include "qemu/osdep.h"
#include "qapi/error.h"
#include "block/block-io.h"
#include "block/block_int.h"
#include "block/zone/gate/internal.h"
#include "block/zone/trace.h"

typedef struct ZoneHandover {
    BlockDriverState *to;
    BlockDriverState *from;
    uint64_t *words;            /* of all zones */
} ZoneHandover;

/* Filters and plain images are left to bdrv_zone_check_child() */
static bool zone_handover_applies(BlockDriverState *to, BlockDriverState *from)
{
    return to->zones && from->zones && to->zones->table &&
           from->zones->table && to->drv && !to->drv->is_filter;
}

/* What nobody opens again need not store what nobody changes */
static bool zone_handover_stores(BlockDriverState *to)
{
    return !(bdrv_is_read_only(to) && (to->open_flags & BDRV_O_TEMPORARY));
}

static bool zone_handover_check_state(BlockDriverState *to,
                                      BlockDriverState *from, Error **errp)
{
    if (to->zones->unfinished || from->zones->unfinished) {
        error_setg(errp, "Node '%s' is not finished: its zones do not describe "
                   "its data", bdrv_get_device_or_node_name(
                       to->zones->unfinished ? to : from));
        return false;
    }
    if ((to->open_flags | from->open_flags) & BDRV_O_INACTIVE) {
        bool is_to = to->open_flags & BDRV_O_INACTIVE;

        error_setg(errp, "Node '%s' is inactive: it cannot %s zones",
                   bdrv_get_device_or_node_name(is_to ? to : from),
                   is_to ? "take over" : "hand over");
        return false;
    }
    if (bdrv_is_read_only(to) && zone_handover_stores(to)) {
        error_setg(errp, "Node '%s' is read-only: the zones of node '%s' "
                   "cannot be stored in it", bdrv_get_device_or_node_name(to),
                   bdrv_get_device_or_node_name(from));
        return false;
    }
    return true;
}

static bool GRAPH_RDLOCK
zone_handover_check(BlockDriverState *to, BlockDriverState *from, Error **errp)
{
    if (!from->drv) {
        error_setg(errp, "Node '%s' is not usable",
                   bdrv_get_device_or_node_name(from));
        return false;
    }
    return bdrv_zone_check_child(to, from, BDRV_CHILD_COW, errp) &&
           bdrv_zone_check_drive(to, from, errp) &&
           zone_handover_check_state(to, from, errp);
}

static int coroutine_fn GRAPH_RDLOCK zone_handover_co_freeze(void *opaque)
{
    ZoneHandover *h = opaque;

    return h->from->zones->ops->co_freeze(h->from, h->words);
}

static int coroutine_fn GRAPH_RDLOCK zone_handover_co_adopt(void *opaque)
{
    ZoneHandover *h = opaque;

    return h->to->zones->ops->co_adopt(h->to, h->from, h->words);
}

/*
 * 1. The words of from become durable, with all data below their write
 *    pointers, as by a Flush.  A crash leaves what it leaves of that.
 * 2. The extensions that are valid and all words are stored in to, and durable
 *    when that ends, unless to is temporary and read-only.  A crash leaves from
 *    complete, and all of it: nothing leads to to before the graph has changed,
 *    and whoever opens it all the same finds the zones of before, or of now.
 *
 * Then the graph changes, in memory: a crash has no steps there.  Until the
 * next commit, to has written no data and no word.
 */
int bdrv_zone_prepare_handover(BlockDriverState *to, BlockDriverState *from,
                               Error **errp)
{
    g_autofree uint64_t *words = NULL;
    ZoneHandover h = { .to = to, .from = from };
    int ret;

    GLOBAL_STATE_CODE();
    if (!zone_handover_applies(to, from)) {
        return 0;
    }
    GRAPH_RDLOCK_GUARD_MAINLOOP();
    if (!zone_handover_check(to, from, errp)) {
        return -ENOTSUP;
    }
    h.words = words = g_try_new(uint64_t,
                                zone_io_geometry(from->zones)->nr_zones);
    if (!words) {
        error_setg(errp, "Could not allocate memory for %" PRIu32 " zones",
                   zone_io_geometry(from->zones)->nr_zones);
        return -ENOMEM;
    }
    /* each node's part where its timer runs */
    ret = zone_io_run(from, zone_handover_co_freeze, &h);
    if (ret < 0) {
        error_setg_errno(errp, -ret, "Could not make the zones of node '%s' "
                         "durable", bdrv_get_device_or_node_name(from));
        return ret;
    }
    if (zone_handover_stores(to)) {
        ret = zone_io_run(to, zone_handover_co_adopt, &h);
    }
    if (ret < 0) {
        error_setg_errno(errp, -ret, "Could not store the zones of node '%s' "
                         "in node '%s'", bdrv_get_device_or_node_name(from),
                         bdrv_get_device_or_node_name(to));
        return ret;
    }
    zone_io_load_words(to->zones, words);
    return 0;
}

static void GRAPH_WRLOCK
zone_handover_swap(BlockDriverState *a, BlockDriverState *b)
{
    ZoneIO *io = a->zones;

    a->zones = b->zones;
    a->zones->bs = a;
    a->zones->outlives_overlays = false;
    b->zones = io;
    b->zones->bs = b;
}

static void zone_handover_take(BlockDriverState *bs)
{
    if (bs->drv && bs->zones->ops->take_zones) {
        bs->zones->ops->take_zones(bs);
    }
}

void bdrv_zone_finish_handover(BlockDriverState *to, BlockDriverState *from,
                               int ret)
{
    if (!zone_handover_applies(to, from)) {
        return;
    }
    if (ret >= 0) {
        zone_handover_swap(to, from);
    }
    trace_zone_io_handover(to, from, ret);
    zone_handover_take(to);
    zone_handover_take(from);
}

void bdrv_zone_hand_back(BlockDriverState *to, BlockDriverState *from)
{
    bdrv_zone_finish_handover(to, from, 0);
}
