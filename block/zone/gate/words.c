/*
 * Zoned I/O: other words for all zones of a node
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qapi/error.h"
#include "block/aio-wait.h"
#include "block/block-io.h"
#include "block/block_int.h"
#include "block/dirty-bitmap.h"
#include "block/zone/gate/internal.h"

typedef struct ZoneWordsCo {
    ZoneIO *io;
    const uint64_t *words;
    int ret;
    bool done;
} ZoneWordsCo;

/* Where a zone has been written up to; an Offline one has nothing to keep */
static uint64_t written_end(ZoneIO *io, uint32_t zone_idx)
{
    ZoneInfo info;

    zone_io_get_info(io, zone_idx, &info);
    return info.state == ZONE_STATE_OFFLINE ? info.start_bytes
                                            : info.wp_bytes;
}

/* What comes below a write pointer is zeros, not what the clusters had */
static int coroutine_fn GRAPH_RDLOCK
zone_words_co_zero(ZoneIO *io, const uint64_t *words)
{
    const ZoneGeometry *geometry = zone_io_geometry(io);
    uint64_t from, to;
    uint32_t i;
    int ret = 0;

    for (i = geometry->conventional_zones;
         i < geometry->nr_zones && ret >= 0; i++) {
        from = written_end(io, i);
        to = zone_word_wp_bytes(words[i]);
        if (from < to && zone_word_state(words[i]) != ZONE_WORD_OFFLINE) {
            ret = zone_io_co_write_zeroes(io, from, to - from);
        }
    }
    return ret;
}

/* Those of zones that are active then, or of all others */
static int coroutine_fn GRAPH_RDLOCK
zone_words_co_store(ZoneIO *io, const uint64_t *words, bool active)
{
    const ZoneGeometry *geometry = zone_io_geometry(io);
    g_autofree uint32_t *zone_idx = g_new(uint32_t, geometry->nr_zones);
    g_autofree uint64_t *new_words = g_new(uint64_t, geometry->nr_zones);
    uint32_t nr = 0;
    uint32_t i;
    int ret = 0;

    for (i = 0; i < geometry->nr_zones; i++) {
        if ((zone_stored_state(geometry, i, words[i]) == ZONE_STATE_CLOSED) ==
            active) {
            zone_idx[nr] = i;
            new_words[nr++] = words[i];
        }
    }
    if (nr && io->ops->co_commit_words) {
        ret = io->ops->co_commit_words(io->bs, zone_idx, new_words, nr, true);
    }
    zone_io_lock(io);
    for (i = 0; i < nr && ret >= 0; i++) {
        zone_table_load_word(io->table, zone_idx[i], new_words[i]);
    }
    zone_io_unlock(io);
    return ret;
}

/*
 * 1. Where words go up, the data in between becomes zeros.  A crash leaves the
 *    drive as it was.
 * 2. The words of zones that are not active are stored, behind the data: no
 *    more zones than before are active meanwhile.  A crash leaves each of these
 *    zones as it was or as it shall be.
 * 3. The others are stored.  A crash leaves the same.
 */
static int coroutine_fn GRAPH_RDLOCK
zone_words_co_run(ZoneIO *io, const uint64_t *words)
{
    int ret = zone_words_co_zero(io, words);

    if (ret < 0) {
        return ret;
    }
    zone_io_co_commit_lock(io);
    ret = zone_words_co_store(io, words, false);
    if (ret >= 0) {
        ret = zone_words_co_store(io, words, true);
    }
    zone_io_co_commit_unlock(io);
    bdrv_set_dirty(io->bs, 0, zone_io_zoned_bytes(io));
    return ret;
}

static void coroutine_fn zone_words_entry(void *opaque)
{
    ZoneWordsCo *co = opaque;

    WITH_GRAPH_RDLOCK_GUARD() {
        co->ret = zone_words_co_run(co->io, co->words);
    }
    co->done = true;
    aio_wait_kick();
}

int zone_io_store_words(BlockDriverState *bs, const uint64_t *words)
{
    ZoneWordsCo co = { .io = bs->zones, .words = words };

    GLOBAL_STATE_CODE();
    bdrv_drained_begin(bs);
    aio_co_enter(bdrv_get_aio_context(bs),
                 qemu_coroutine_create(zone_words_entry, &co));
    BDRV_POLL_WHILE(bs, !co.done);
    bdrv_drained_end(bs);
    return co.ret;
}
