/*
 * Zoned I/O: the zones of a node
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A node that is zoned owns one ZoneIO, from the open that finds the zones to
 * the close of the node.  It outlives reopen, inactivation and a driver that
 * has gone; whoever holds a reference may look at it after the node is closed.
 */

#include "qemu/osdep.h"
#include "qapi/error.h"
#include "block/aio-wait.h"
#include "block/block-io.h"
#include "block/block_int.h"
#include "block/dirty-bitmap.h"
#include "block/zone/gate/internal.h"
#include "block/zone/trace.h"

/* Of the node: its zones can be handed over, and others come */
static void zone_io_attach_aio_context(AioContext *context, void *opaque)
{
    BlockDriverState *bs = opaque;

    if (bs->zones->ops->attach_aio_context) {
        bs->zones->ops->attach_aio_context(bs, context);
    }
}

bool zone_io_serves_any_device(ZoneIO *io)
{
    GLOBAL_STATE_CODE();
    return io->ops->serves_any_device && io->ops->serves_any_device(io->bs);
}

static void zone_io_detach_aio_context(void *opaque)
{
    BlockDriverState *bs = opaque;

    if (bs->zones->ops->detach_aio_context) {
        bs->zones->ops->detach_aio_context(bs);
    }
}

static ZoneIO *zone_io_attach(BlockDriverState *bs, const ZoneStoreOps *ops)
{
    ZoneIO *io = g_new0(ZoneIO, 1);

    io->refcnt = 1;
    io->bs = bs;
    io->ops = ops;
    qemu_mutex_init(&io->lock);
    zone_io_waits_init(io);
    qemu_co_mutex_init(&io->commit_lock);
    notifier_list_init(&io->change_notifiers);
    assert(!bs->zones);
    bs->zones = io;
    bdrv_add_aio_context_notifier(bs, zone_io_attach_aio_context,
                                  zone_io_detach_aio_context, bs);
    return io;
}

ZoneIO *zone_io_new(BlockDriverState *bs, const ZoneStoreOps *ops,
                    ZoneTable *table)
{
    ZoneIO *io = zone_io_attach(bs, ops);

    io->table = table;
    return io;
}

void zone_io_describe(BlockDriverState *bs, const ZoneGeometry *geometry)
{
    static const ZoneStoreOps no_ops;
    ZoneIO *io = zone_io_attach(bs, &no_ops);

    io->described = *geometry;
}

ZoneIO *zone_io_ref(ZoneIO *io)
{
    if (io) {
        qatomic_inc(&io->refcnt);
    }
    return io;
}

void zone_io_unref(ZoneIO *io)
{
    if (!io || qatomic_fetch_dec(&io->refcnt) > 1) {
        return;
    }
    assert(!zone_io_has_waits(io));
    qemu_mutex_destroy(&io->lock);
    zone_table_free(io->table);
    g_free(io->absolute_name);
    g_free(io->create_options);
    g_free(io);
}

void zone_io_close(BlockDriverState *bs)
{
    ZoneIO *io = bs->zones;

    GLOBAL_STATE_CODE();
    if (!io) {
        return;
    }
    bdrv_remove_aio_context_notifier(bs, zone_io_attach_aio_context,
                                     zone_io_detach_aio_context, bs);
    zone_io_remove_change_notifiers(io);
    bs->zones = NULL;
    io->bs = NULL;
    zone_io_unref(io);
}

ZoneTable *zone_io_table(ZoneIO *io)
{
    return io->table;
}

void zone_io_lock(ZoneIO *io)
{
    qemu_mutex_lock(&io->lock);
}

void zone_io_unlock(ZoneIO *io)
{
    qemu_mutex_unlock(&io->lock);
}

const ZoneGeometry *zone_io_geometry(ZoneIO *io)
{
    return io->table ? zone_table_geometry(io->table) : &io->described;
}

uint64_t zone_io_zoned_bytes(ZoneIO *io)
{
    const ZoneGeometry *geometry = zone_io_geometry(io);

    return geometry->zone_bytes * geometry->nr_zones;
}

void zone_io_get_info(ZoneIO *io, uint32_t zone_idx, ZoneInfo *info)
{
    zone_io_lock(io);
    zone_table_info(io->table, zone_idx, info);
    zone_io_unlock(io);
}

/* Activation **************************************************************/

/* What an image says of its zones; limits of devices do not count */
static bool zone_geometry_is_same_drive(const ZoneGeometry *a,
                                        const ZoneGeometry *b)
{
    return a->zone_bytes == b->zone_bytes &&
           a->capacity_bytes == b->capacity_bytes &&
           a->nr_zones == b->nr_zones &&
           a->conventional_zones == b->conventional_zones &&
           a->max_open_zones == b->max_open_zones &&
           a->max_active_zones == b->max_active_zones &&
           a->max_append_bytes == b->max_append_bytes &&
           a->zd_extension_bytes == b->zd_extension_bytes;
}

/*
 * A zone whose word is what a power cycle would find keeps what is in memory
 * only: it is open, has a ZRWA.  Returns how many were changed by others.
 */
static uint32_t zone_io_load_changed(ZoneIO *io, const uint64_t *words)
{
    uint32_t nr_changed = 0;
    uint32_t i;

    for (i = 0; i < zone_io_geometry(io)->nr_zones; i++) {
        if (zone_table_word(io->table, i) != words[i]) {
            zone_table_load_word(io->table, i, words[i]);
            nr_changed++;
        }
    }
    return nr_changed;
}

/* Zones that are active here and none of others' words may be too many */
static void zone_io_keep_limit(ZoneIO *io, const uint64_t *words)
{
    uint32_t max = zone_io_geometry(io)->max_active_zones;
    uint32_t i;

    if (!max || zone_table_counts(io->table).active <= max) {
        return;
    }
    for (i = 0; i < zone_io_geometry(io)->nr_zones; i++) {
        zone_table_load_word(io->table, i, words[i]);
    }
}

bool zone_io_resume(ZoneIO *io, const ZoneGeometry *geometry,
                    const uint64_t *words, Error **errp)
{
    uint32_t nr_changed;

    if (!zone_geometry_is_same_drive(zone_io_geometry(io), geometry)) {
        error_setg(errp, "The zones of node '%s' have another geometry or "
                   "other limits than before it was inactive",
                   bdrv_get_node_name(io->bs));
        return false;
    }
    zone_io_lock(io);
    nr_changed = zone_io_load_changed(io, words);
    if (nr_changed) {
        zone_io_keep_limit(io, words);
    }
    zone_io_unlock(io);
    trace_zone_io_resume(io->bs, nr_changed);
    return true;
}

/* Words from elsewhere ****************************************************/

uint32_t zone_io_load_words(ZoneIO *io, const uint64_t *words)
{
    const ZoneGeometry *geometry = zone_io_geometry(io);
    bool records = !bdrv_is_read_only(io->bs) &&
                   !bdrv_has_readonly_bitmaps(io->bs);
    uint32_t nr_changed = 0;
    uint64_t word;
    uint32_t i;

    zone_io_lock(io);
    for (i = 0; i < geometry->nr_zones; i++) {
        assert(!zone_table_held(io->table, i));
        word = words ? words[i] : zone_empty_word(geometry, i);
        if (zone_table_word(io->table, i) != word) {
            nr_changed++;
            if (records) {
                zone_filter_set_dirty(io->bs, geometry->zone_bytes * i,
                               geometry->zone_bytes);
            }
        }
        zone_table_load_word(io->table, i, word);
    }
    zone_io_unlock(io);
    return nr_changed;
}

/* Other geometry *********************************************************/

void zone_io_resize(ZoneIO *io, uint32_t nr_zones)
{
    zone_table_resize(io->table, nr_zones);
    zone_io_refresh_limits(io->bs);
}

void zone_io_set_limits(ZoneIO *io, const ZoneGeometry *geometry)
{
    zone_table_set_limits(io->table, geometry->max_open_zones,
                          geometry->max_active_zones,
                          geometry->max_append_bytes);
    zone_io_refresh_limits(io->bs);
}

/* Locks *******************************************************************/

void coroutine_fn zone_io_co_commit_lock(ZoneIO *io)
{
    qemu_co_mutex_lock(&io->commit_lock);
}

void coroutine_fn zone_io_co_commit_unlock(ZoneIO *io)
{
    qemu_co_mutex_unlock(&io->commit_lock);
}

void coroutine_fn zone_io_co_give_way(void)
{
    aio_co_schedule(qemu_get_current_aio_context(), qemu_coroutine_self());
    qemu_coroutine_yield();
}

/* From the main loop ******************************************************/

typedef struct ZoneIORun {
    ZoneIOFunc *co_fn;
    void *opaque;
    int ret;
    bool done;
} ZoneIORun;

static void coroutine_fn zone_io_run_entry(void *opaque)
{
    ZoneIORun *run = opaque;

    WITH_GRAPH_RDLOCK_GUARD() {
        run->ret = run->co_fn(run->opaque);
    }
    run->done = true;
    aio_wait_kick();
}

int zone_io_run(BlockDriverState *bs, ZoneIOFunc *co_fn, void *opaque)
{
    ZoneIORun run = { .co_fn = co_fn, .opaque = opaque };

    GLOBAL_STATE_CODE();
    aio_co_enter(bdrv_get_aio_context(bs),
                 qemu_coroutine_create(zone_io_run_entry, &run));
    BDRV_POLL_WHILE(bs, !run.done);
    return run.ret;
}

/* Checks and refusals *****************************************************/

int zone_io_check_changeable(ZoneIO *io)
{
    BlockDriverState *bs = io->bs;

    if (!bs->drv) {
        return -ENOMEDIUM;
    }
    if (bdrv_is_read_only(bs) || (bs->open_flags & BDRV_O_INACTIVE)) {
        return -EPERM;
    }
    if (bdrv_has_readonly_bitmaps(bs)) {
        return -EPERM; /* a change could not be recorded there */
    }
    if (io->importing || io->unfinished) {
        return -EBUSY; /* what is there now is not what will be */
    }
    if (bdrv_zone_is_frozen(bs)) {
        return -EPERM; /* an overlay relies on it */
    }
    return 0;
}

int zone_io_check_writable(BdrvChild *child)
{
    if (!(child->perm & BLK_PERM_WRITE)) {
        return -EPERM;
    }
    return zone_io_check_changeable(bdrv_zone_io(child->bs));
}

int zone_io_refuse(ZoneIO *io, int64_t offset, ZoneStatus status)
{
    trace_zone_io_refused(io->bs, offset, zone_status_str(status));
    return zone_status_errno(status);
}
