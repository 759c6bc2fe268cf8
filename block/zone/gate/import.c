/*
 * Zoned I/O: a node that is filled from elsewhere
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Data passes the zones in any order, and the words that describe it come at
 * the end.  Until then the image says that it is not finished.
 */

#include "qemu/osdep.h"
#include "qapi/error.h"
#include "block/block-io.h"
#include "block/block_int.h"
#include "block/dirty-bitmap.h"
#include "block/zone/gate/internal.h"
#include "block/zone/trace.h"

/* What a word says ********************************************************/

uint64_t *zone_io_get_words(ZoneIO *io)
{
    uint32_t nr_zones = zone_io_geometry(io)->nr_zones;
    uint64_t *words = g_new(uint64_t, nr_zones);
    uint32_t i;

    zone_io_lock(io);
    for (i = 0; i < nr_zones; i++) {
        words[i] = zone_table_word(io->table, i);
    }
    zone_io_unlock(io);
    return words;
}

/* What a user of qemu-img knows it by, or else one of the monitor */
static const char *zone_import_name(BlockDriverState *bs)
{
    return bs->filename[0] ? bs->filename : bdrv_get_device_or_node_name(bs);
}

static bool zone_io_check_active(ZoneIO *io, const uint64_t *words,
                                 Error **errp)
{
    const ZoneGeometry *geometry = zone_io_geometry(io);
    uint32_t nr_active = zone_words_count_active(geometry, words);

    if (geometry->max_active_zones && nr_active > geometry->max_active_zones) {
        error_setg(errp, "%" PRIu32 " zones would be active in '%s', which "
                   "allows %" PRIu32, nr_active, zone_import_name(io->bs),
                   geometry->max_active_zones);
        return false;
    }
    return true;
}

bool zone_io_check_words(BlockDriverState *bs, const uint64_t *words,
                         Error **errp)
{
    ZoneIO *io = bs->zones;
    const ZoneGeometry *geometry = zone_io_geometry(io);
    const char *fault;
    uint32_t i;

    for (i = 0; i < geometry->nr_zones; i++) {
        fault = zone_word_check(geometry, i, words[i]);
        if (fault) {
            error_setg(errp, "Zone %" PRIu32 " of '%s' cannot get word 0x%016"
                       PRIx64 ": %s", i, zone_import_name(bs), words[i],
                       fault);
            return false;
        }
    }
    return zone_io_check_active(io, words, errp);
}

/* An extension that comes from nowhere must be there already */
static bool zone_io_check_extensions(ZoneIO *io, const uint64_t *words,
                                     Error **errp)
{
    uint64_t before;
    uint32_t i;

    for (i = 0; i < zone_io_geometry(io)->nr_zones; i++) {
        zone_io_lock(io);
        before = zone_table_word(io->table, i);
        zone_io_unlock(io);
        if (zone_word_attributes(words[i]) & ~zone_word_attributes(before) &
            ZONE_ATTR_ZDEV) {
            error_setg(errp, "Zone %" PRIu32 " of '%s' would have a valid "
                       "descriptor extension, but none is given", i,
                       zone_import_name(io->bs));
            return false;
        }
    }
    return true;
}

static bool check_equal(BlockDriverState *bs, BlockDriverState *other_bs,
                        const char *what, uint64_t value, uint64_t other,
                        Error **errp)
{
    if (value != other) {
        error_setg(errp, "'%s' has the %s %" PRIu64 ", '%s' has %" PRIu64,
                   zone_import_name(bs), what, value,
                   zone_import_name(other_bs), other);
        return false;
    }
    return true;
}

bool zone_io_check_same_zones(BlockDriverState *bs, BlockDriverState *other_bs,
                              Error **errp)
{
    const ZoneGeometry *a = zone_io_geometry(bs->zones);
    const ZoneGeometry *b = zone_io_geometry(other_bs->zones);

    return check_equal(bs, other_bs, "zone size", a->zone_bytes,
                       b->zone_bytes, errp) &&
           check_equal(bs, other_bs, "zone capacity", a->capacity_bytes,
                       b->capacity_bytes, errp) &&
           check_equal(bs, other_bs, "number of conventional zones",
                       a->conventional_zones, b->conventional_zones, errp) &&
           check_equal(bs, other_bs, "zone descriptor extension size",
                       a->zd_extension_bytes, b->zd_extension_bytes, errp);
}

bool zone_io_check_same_geometry(BlockDriverState *bs,
                                 BlockDriverState *other_bs, Error **errp)
{
    return zone_io_check_same_zones(bs, other_bs, errp) &&
           check_equal(bs, other_bs, "number of zones",
                       zone_io_geometry(bs->zones)->nr_zones,
                       zone_io_geometry(other_bs->zones)->nr_zones, errp);
}

bool zone_io_check_same_limits(BlockDriverState *bs, BlockDriverState *other_bs,
                               Error **errp)
{
    const ZoneGeometry *a = zone_io_geometry(bs->zones);
    const ZoneGeometry *b = zone_io_geometry(other_bs->zones);

    return check_equal(bs, other_bs, "maximum of open zones",
                       a->max_open_zones, b->max_open_zones, errp) &&
           check_equal(bs, other_bs, "maximum of active zones",
                       a->max_active_zones, b->max_active_zones, errp) &&
           check_equal(bs, other_bs, "maximum append", a->max_append_bytes,
                       b->max_append_bytes, errp);
}

bool zone_io_check_same_drive(BlockDriverState *bs, BlockDriverState *other_bs,
                              Error **errp)
{
    return zone_io_check_same_geometry(bs, other_bs, errp) &&
           zone_io_check_same_limits(bs, other_bs, errp);
}

void zone_io_skip_offline(ZoneIO *io, bool skip)
{
    io->skips_offline = skip;
}

bool zone_io_passes_reads(ZoneIO *io)
{
    return io->importing && io->import_mode != ZONE_IMPORT_KEEP;
}

void zone_io_set_unfinished(ZoneIO *io)
{
    io->unfinished = true;
}

bool zone_io_is_unfinished(ZoneIO *io)
{
    return io->unfinished;
}

/* As a power cycle finds it */
static void zone_import_load_word(ZoneIO *io, uint32_t zone_idx, uint64_t word)
{
    zone_io_lock(io);
    assert(!zone_table_held(io->table, zone_idx) &&
           !zone_table_in_flight(io->table, zone_idx));
    zone_table_load_word(io->table, zone_idx, word);
    zone_io_unlock(io);
}

/* A reader sees nothing of what was there any more */
static void zone_import_load_empty(ZoneIO *io)
{
    const ZoneGeometry *geometry = zone_io_geometry(io);
    uint32_t i;

    for (i = 0; i < geometry->nr_zones; i++) {
        zone_import_load_word(io, i, zone_empty_word(geometry, i));
    }
    zone_filter_set_dirty(io->bs, 0, zone_io_zoned_bytes(io));
}

/*
 * What was kept and changes is something else for a reader.  What began empty
 * has been recorded as that, and its bitmaps may be new.
 */
static void zone_import_load_words(ZoneIO *io, const uint64_t *words)
{
    const ZoneGeometry *geometry = zone_io_geometry(io);
    g_autofree uint64_t *before = zone_io_get_words(io);
    uint32_t i;

    for (i = 0; i < geometry->nr_zones; i++) {
        if (io->import_mode == ZONE_IMPORT_KEEP && words[i] != before[i]) {
            zone_filter_set_dirty(io->bs, geometry->zone_bytes * i,
                           geometry->zone_bytes);
        }
        zone_import_load_word(io, i, words[i]);
    }
}

/* Above the write pointers ************************************************/

/* Where a zone has nothing that a reader sees; false where there is no place */
static bool zone_io_unwritten(ZoneIO *io, uint32_t zone_idx, uint64_t *start,
                              uint64_t *end)
{
    ZoneInfo info;

    zone_io_get_info(io, zone_idx, &info);
    if (info.state == ZONE_STATE_CONVENTIONAL) {
        return false;
    }
    *start = info.state == ZONE_STATE_OFFLINE ? info.start_bytes
                                              : info.reserved_bytes;
    *end = info.start_bytes + info.length_bytes;
    return *start < *end;
}

/* Of a cluster that is partly written, the rest becomes zeros */
static int coroutine_fn GRAPH_RDLOCK
zone_io_co_hide_zone(ZoneIO *io, uint32_t zone_idx, uint64_t start,
                     uint64_t end, uint64_t cluster_bytes)
{
    uint64_t aligned = MIN(ROUND_UP(start, cluster_bytes), end);
    int ret = 0;

    if (start < aligned) {
        ret = zone_io_co_write_zeroes(io, start, aligned - start);
    }
    return ret < 0 || aligned == end
           ? ret : io->ops->co_hide(io->bs, zone_idx, aligned, end);
}

int coroutine_fn zone_io_co_hide(ZoneIO *io, Error **errp)
{
    BlockDriverInfo info = { };
    uint64_t start, end;
    uint32_t i;
    int ret = bdrv_co_get_info(io->bs, &info);

    for (i = 0; i < zone_io_geometry(io)->nr_zones && ret >= 0; i++) {
        if (zone_io_unwritten(io, i, &start, &end)) {
            ret = zone_io_co_hide_zone(io, i, start, end, info.cluster_size);
        }
    }
    if (ret < 0) {
        error_setg_errno(errp, -ret, "Could not give up what lies above the "
                         "write pointers of '%s'", zone_import_name(io->bs));
    }
    return ret;
}

/* Begin and end ***********************************************************/

bool zone_io_check_import(BlockDriverState *bs, Error **errp)
{
    const char *name = zone_import_name(bs);

    if (!bs->drv) {
        error_setg(errp, "'%s' has no medium", name);
        return false;
    }
    if (!bs->zones->ops->co_import_begin) {
        error_setg(errp, "'%s' keeps its zones in memory: it cannot be filled "
                   "from elsewhere", name);
        return false;
    }
    if (bs->zones->importing) {
        error_setg(errp, "'%s' is being filled already", name);
        return false;
    }
    if (bdrv_is_read_only(bs)) {
        error_setg(errp, "'%s' is read-only", name);
        return false;
    }
    if (bs->open_flags & BDRV_O_INACTIVE) {
        error_setg(errp, "'%s' is inactive", name);
        return false;
    }
    if (bdrv_has_readonly_bitmaps(bs)) {
        error_setg(errp, "'%s' has a bitmap that cannot take changes down",
                   name);
        return false;
    }
    return true;
}

/*
 * 1. What has been written is committed, and the store says on disk that the
 *    image is not finished.  A crash before leaves the drive of before, a crash
 *    after an image that is refused by name.
 * 2. With ZONE_IMPORT_EMPTY the store makes all words Empty.  A crash leaves
 *    each of them as it was or Empty.  With ZONE_IMPORT_KEEP what lies above
 *    the write pointers is given up: words that are adopted may cover it.
 *
 * After an error the disk may say either, and the node takes no writes.
 */
int coroutine_fn
zone_io_co_import_begin(ZoneIO *io, ZoneImportMode mode, Error **errp)
{
    int ret;

    if (!zone_io_check_import(io->bs, errp)) {
        return -EINVAL;
    }
    ret = bdrv_co_flush(io->bs);
    if (ret < 0) {
        error_setg_errno(errp, -ret, "Could not flush '%s'",
                         zone_import_name(io->bs));
        return ret;
    }
    if (mode != ZONE_IMPORT_SAME) {
        zone_io_co_commit_lock(io);
        ret = io->ops->co_import_begin(io->bs, mode == ZONE_IMPORT_EMPTY,
                                       errp);
        zone_io_co_commit_unlock(io);
    }
    if (ret >= 0 && mode == ZONE_IMPORT_KEEP) {
        ret = zone_io_co_hide(io, errp);
    }
    if (ret >= 0 && mode == ZONE_IMPORT_EMPTY) {
        zone_import_load_empty(io);
    }
    if (ret >= 0) {
        io->import_mode = mode;
        io->unfinished |= mode != ZONE_IMPORT_SAME;
        io->importing = true;
    }
    trace_zone_io_import(io->bs, "begin", ret);
    return ret;
}

/*
 * 1. The table gets the words; nothing looks at it before the end.
 * 2. The store makes data, words and extensions durable, and then the drive
 *    finished.  A crash before leaves an image that says that it is not, a
 *    crash after a drive with all of it.
 *
 * After an error the node goes on being filled, and the words can be adopted
 * again.
 */
int coroutine_fn
zone_io_co_import_adopt(ZoneIO *io, const uint64_t *words,
                        BlockDriverState *from, Error **errp)
{
    int ret;

    assert(io->importing && io->unfinished);
    if (!zone_io_check_words(io->bs, words, errp) ||
        (!from && !zone_io_check_extensions(io, words, errp))) {
        return -EINVAL;
    }
    zone_import_load_words(io, words);
    /* what is dirty in the node's caches: a flush takes the commit lock */
    ret = bdrv_co_flush(io->bs);
    if (ret < 0) {
        error_setg_errno(errp, -ret, "Could not flush '%s'",
                         zone_import_name(io->bs));
        return ret;
    }
    zone_io_co_commit_lock(io);
    ret = io->ops->co_import_adopt(io->bs, words,
                                   from == io->bs ? NULL : from, errp);
    zone_io_co_commit_unlock(io);
    if (ret >= 0) {
        io->importing = false;
        io->unfinished = false;
    }
    trace_zone_io_import(io->bs, "adopt", ret);
    return ret;
}

/* From the main loop ******************************************************/

typedef struct ZoneImportCo {
    ZoneIO *io;
    ZoneImportMode mode;
    const uint64_t *words;      /* NULL: begin */
    BlockDriverState *from;
    Error **errp;
} ZoneImportCo;

static int coroutine_fn GRAPH_RDLOCK zone_import_co_step(void *opaque)
{
    ZoneImportCo *co = opaque;

    return co->words
        ? zone_io_co_import_adopt(co->io, co->words, co->from, co->errp)
        : zone_io_co_import_begin(co->io, co->mode, co->errp);
}

/* With nothing in flight: no write is half in front of the zones */
static int zone_import_run(ZoneImportCo *co)
{
    BlockDriverState *bs = co->io->bs;
    int ret;

    bdrv_drained_begin(bs);
    ret = zone_io_run(bs, zone_import_co_step, co);
    bdrv_drained_end(bs);
    return ret;
}

int zone_io_import_begin(BlockDriverState *bs, ZoneImportMode mode,
                         Error **errp)
{
    ZoneImportCo co = { .io = bs->zones, .mode = mode, .errp = errp };

    return zone_import_run(&co);
}

int zone_io_import_adopt(BlockDriverState *bs, const uint64_t *words,
                         BlockDriverState *from, Error **errp)
{
    ZoneImportCo co = {
        .io = bs->zones, .words = words, .from = from, .errp = errp,
    };

    return zone_import_run(&co);
}

void zone_io_import_end(BlockDriverState *bs)
{
    GLOBAL_STATE_CODE();
    bdrv_drained_begin(bs);
    bs->zones->importing = false;
    bdrv_drained_end(bs);
}

int zone_io_make_empty(BlockDriverState *bs, Error **errp)
{
    int ret;

    GLOBAL_STATE_CODE();
    bdrv_drained_begin(bs);
    bdrv_graph_rdlock_main_loop();
    ret = bs->zones->ops->make_empty(bs);
    bdrv_graph_rdunlock_main_loop();
    bdrv_drained_end(bs);
    if (ret < 0) {
        error_setg_errno(errp, -ret, "Could not empty '%s'",
                         zone_import_name(bs));
    }
    return ret;
}
