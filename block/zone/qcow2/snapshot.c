/*
 * Zoned qcow2 images: internal snapshots
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A snapshot has a region of its own with words and extensions, which its entry
 * in the snapshot table names.  block/qcow2-snapshot.c calls these in the main
 * loop, with the node drained by whoever has asked for the snapshot.
 */

#include "qemu/osdep.h"
#include "qemu/error-report.h"
#include "qemu/range.h"
#include "qemu/memalign.h"
#include "qapi/error.h"
#include "block/zone/qcow2/internal.h"
#include "block/zone/trace.h"

/* A step of an operation in a coroutine, where requests to the file are */
typedef int coroutine_fn GRAPH_RDLOCK_PTR
SnapshotStep(BlockDriverState *bs, QCowSnapshot *sn, Error **errp);

typedef struct SnapshotCo {
    BlockDriverState *bs;
    QCowSnapshot *sn;
    SnapshotStep *step;
    Error **errp;
    int ret;
    bool done;
} SnapshotCo;

static void coroutine_fn snapshot_entry(void *opaque)
{
    SnapshotCo *co = opaque;

    GRAPH_RDLOCK_GUARD();
    co->ret = co->step(co->bs, co->sn, co->errp);
    co->done = true;
    aio_wait_kick();
}

static int GRAPH_RDLOCK
snapshot_run(BlockDriverState *bs, QCowSnapshot *sn, SnapshotStep *step,
             Error **errp)
{
    SnapshotCo co = { .bs = bs, .sn = sn, .step = step, .errp = errp };

    aio_co_enter(bdrv_get_aio_context(bs),
                 qemu_coroutine_create(snapshot_entry, &co));
    BDRV_POLL_WHILE(bs, !co.done);
    return co.ret;
}

/* For callers that have nobody to give an error to */
static int GRAPH_RDLOCK
snapshot_run_report(BlockDriverState *bs, QCowSnapshot *sn, SnapshotStep *step)
{
    Error *local_err = NULL;
    int ret = snapshot_run(bs, sn, step, &local_err);

    if (local_err) {
        error_report_err(local_err);
    }
    return ret;
}

/* The record *************************************************************/

static bool snapshot_decode(BlockDriverState *bs, const QCowSnapshot *sn,
                            const Qcow2ZoneLayout *image,
                            Qcow2ZoneLayout *layout, Error **errp)
{
    BDRVQcow2State *s = bs->opaque;
    uint32_t known_bytes = MIN(sn->extra_data_size,
                               sizeof(QCowSnapshotExtraData));

    return qcow2_zone_decode_snapshot(sn->unknown_extra_data,
                                      sn->extra_data_size - known_bytes,
                                      s->cluster_size, sn->disk_size, image,
                                      layout, errp);
}

static bool snapshot_check_apart(const Qcow2ZoneLayout *layout,
                                 const Qcow2ZoneLayout *other,
                                 const char *what, const char *name,
                                 Error **errp)
{
    if (!ranges_overlap(layout->meta_offset, layout->meta_bytes,
                        other->meta_offset, other->meta_bytes)) {
        return true;
    }
    error_setg(errp, "Zone metadata at %" PRIu64 " (%" PRIu64 " bytes) "
               "overlaps that of %s%s at %" PRIu64, layout->meta_offset,
               layout->meta_bytes, what, name, other->meta_offset);
    return false;
}

/* Each region has one owner: what one of them frees the other would lose */
static bool snapshot_check_owner(BlockDriverState *bs, const QCowSnapshot *sn,
                                 const Qcow2ZoneLayout *image,
                                 const Qcow2ZoneLayout *layout, Error **errp)
{
    BDRVQcow2State *s = bs->opaque;
    Qcow2ZoneLayout other;
    unsigned i;

    if (!snapshot_check_apart(layout, image, "the image", "", errp)) {
        return false;
    }
    for (i = 0; i < s->nb_snapshots; i++) {
        if (!g_str_equal(s->snapshots[i].id_str, sn->id_str) &&
            snapshot_decode(bs, &s->snapshots[i], image, &other, NULL) &&
            !snapshot_check_apart(layout, &other, "snapshot ",
                                  s->snapshots[i].name, errp)) {
            return false;
        }
    }
    return true;
}

bool qcow2_zone_snapshot_layout(BlockDriverState *bs, const QCowSnapshot *sn,
                                Qcow2ZoneLayout *layout, Error **errp)
{
    ERRP_GUARD();
    BDRVQcow2State *s = bs->opaque;
    Qcow2ZoneLayout image;

    qcow2_zone_get_layout(s->zone, &image);
    if (!snapshot_decode(bs, sn, &image, layout, errp) ||
        !snapshot_check_owner(bs, sn, &image, layout, errp)) {
        error_prepend(errp, "Snapshot '%s' (%s): ", sn->name, sn->id_str);
        return false;
    }
    return true;
}

bool qcow2_zone_check_snapshots(BlockDriverState *bs, Error **errp)
{
    BDRVQcow2State *s = bs->opaque;

    if (s->nb_snapshots && s->zone->version < 2) {
        error_setg(errp, "Zoned image of layout version %u has %u internal "
                   "snapshots, which need version 2", s->zone->version,
                   s->nb_snapshots);
        return false;
    }
    return true;
}

/*
 * The words of a snapshot, checked: they have to be what an image may have.
 * NULL, with an error, if they are not.
 */
static uint64_t *coroutine_fn GRAPH_RDLOCK
snapshot_co_load_words(BlockDriverState *bs, const QCowSnapshot *sn,
                       const Qcow2ZoneLayout *layout, Error **errp)
{
    ERRP_GUARD();
    g_autofree uint64_t *words = g_try_new(uint64_t,
                                           layout->geometry.nr_zones);
    ZoneTable *table = NULL;
    int ret = words ? 0 : -ENOMEM;

    if (ret >= 0 && qcow2_zone_co_check_region(bs, layout, errp)) {
        ret = qcow2_zone_co_load_words(bs, layout, words);
    }
    if (ret < 0) {
        error_setg_errno(errp, -ret, "Could not read the zone words");
    } else if (!*errp) {
        table = qcow2_zone_decode_words(&layout->geometry, words,
                                        layout->meta_offset, false, errp);
    }
    if (!table) {
        error_prepend(errp, "Snapshot '%s' (%s): ", sn->name, sn->id_str);
        return NULL;
    }
    zone_table_free(table);
    return g_steal_pointer(&words);
}

/* How many zones of a snapshot would be active, whatever the limit is */
static int coroutine_fn GRAPH_RDLOCK
snapshot_co_count_active(BlockDriverState *bs, QCowSnapshot *sn, Error **errp)
{
    g_autofree uint64_t *words = NULL;
    Qcow2ZoneLayout layout;

    if (!qcow2_zone_snapshot_layout(bs, sn, &layout, errp)) {
        return -EINVAL;
    }
    layout.geometry.max_active_zones = 0;
    layout.geometry.max_open_zones = 0;
    words = snapshot_co_load_words(bs, sn, &layout, errp);
    return words ? zone_words_count_active(&layout.geometry, words) : -EINVAL;
}

bool qcow2_zone_check_snapshot_limits(BlockDriverState *bs,
                                      const ZoneGeometry *limits, Error **errp)
{
    BDRVQcow2State *s = bs->opaque;
    unsigned i;

    for (i = 0; i < s->nb_snapshots && limits->max_active_zones; i++) {
        QCowSnapshot *sn = &s->snapshots[i];
        int nr_active = snapshot_run(bs, sn, snapshot_co_count_active, errp);

        if (nr_active > (int64_t)limits->max_active_zones) {
            error_setg(errp, "Snapshot '%s' of image '%s' has %d active zones, "
                       "which zone.max_active_zones=%" PRIu32 " does not allow",
                       sn->name, bs->filename, nr_active,
                       limits->max_active_zones);
        }
        if (nr_active < 0 || nr_active > (int64_t)limits->max_active_zones) {
            return false;
        }
    }
    return true;
}

/* Creation ***************************************************************/

/*
 * What is mapped above the write pointers is nobody's data: the snapshot would
 * keep its clusters, and make the writes that come copy them.
 */
static int coroutine_fn GRAPH_RDLOCK
snapshot_co_give_up_ahead(BlockDriverState *bs)
{
    BDRVQcow2State *s = bs->opaque;
    const ZoneGeometry *geometry = &s->zone->geometry;
    uint64_t start, frontier;
    uint32_t i;
    int ret = 0;

    for (i = geometry->conventional_zones; i < geometry->nr_zones && ret >= 0;
         i++) {
        start = geometry->zone_bytes * i;
        frontier = zone_word_wp_bytes(s->zone->durable[i]);
        ret = qcow2_zone_co_unmap(bs, ROUND_UP(frontier, s->cluster_size),
                                  start + geometry->zone_bytes, 0);
    }
    return ret;
}

static void snapshot_set_record(QCowSnapshot *sn,
                                const Qcow2ZoneLayout *layout)
{
    sn->unknown_extra_data = g_malloc(QCOW2_ZONE_SNAPSHOT_BYTES);
    qcow2_zone_encode_snapshot(layout, sn->unknown_extra_data);
    sn->extra_data_size = sizeof(QCowSnapshotExtraData) +
                          QCOW2_ZONE_SNAPSHOT_BYTES;
}

static int coroutine_fn GRAPH_RDLOCK
snapshot_co_create(BlockDriverState *bs, QCowSnapshot *sn, Error **errp)
{
    Qcow2Zone *zone = qcow2_zone(bs);
    Qcow2ZoneLayout image, layout;
    int ret;

    if (zone->version < 2) {
        error_setg(errp, "Image '%s': layout version %u of zoned images has no "
                   "internal snapshots; version 2 has, which 'qemu-img "
                   "convert' makes", bs->filename, zone->version);
        return -ENOTSUP;
    }
    if (zone->flags & QCOW2_ZONE_FLAG_UNFINISHED) {
        error_setg(errp, "Image '%s' is not finished: its zones do not "
                   "describe its data, and a snapshot would have both",
                   bs->filename);
        return -EBUSY;
    }
    ret = qcow2_zone_co_commit(bs, false);
    if (ret < 0) {
        return ret;
    }
    zone_io_co_commit_lock(zone->io);
    ret = snapshot_co_give_up_ahead(bs);
    if (ret >= 0) {
        qcow2_zone_get_layout(zone, &image);
        layout = image;
        layout.flags &= ~QCOW2_ZONE_FLAG_RECORDS;
        ret = qcow2_zone_co_create_region(bs, &layout, zone->durable);
    }
    if (ret >= 0) {
        ret = qcow2_zone_co_copy_extensions(bs, &image, bs, &layout,
                                            zone->durable);
        if (ret < 0) {
            qcow2_zone_co_free_region(bs, &layout);
        }
    }
    zone_io_co_commit_unlock(zone->io);
    if (ret >= 0) {
        snapshot_set_record(sn, &layout);
    }
    return ret;
}

/*
 * 1. The words of all that has completed are committed.
 * 2. Mapping above the write pointers is given up.  It gets to disk with the
 *    next flush, whatever becomes of the snapshot: the read clamp hides it.
 * 3. A region with words and extensions is made.  A crash up to here, and until
 *    the snapshot table leads to it, leaks it.
 * 4. The caller takes a copy of the L1 table, and references to all clusters.
 *    The flush that ends this makes the region durable as well.
 * 5. The caller writes the snapshot table, and the header that leads to it: the
 *    snapshot is there from here on, with its words.
 */
int qcow2_zone_snapshot_create(BlockDriverState *bs, QCowSnapshot *sn)
{
    return qcow2_zone(bs) ? snapshot_run_report(bs, sn, snapshot_co_create) : 0;
}

/* Deletion ***************************************************************/

/*
 * The snapshot table without the snapshot is durable, so nothing leads to the
 * region any more.  A crash leaks it, and so does a record that is damaged;
 * behind the end of the file there is nothing to free.
 */
void qcow2_zone_snapshot_delete(BlockDriverState *bs, const QCowSnapshot *sn)
{
    Qcow2ZoneLayout layout;

    if (qcow2_zone(bs) && qcow2_zone_snapshot_layout(bs, sn, &layout, NULL) &&
        layout.meta_offset < MAX(bdrv_getlength(bs->file->bs), 0)) {
        qcow2_free_clusters(bs, layout.meta_offset, layout.meta_bytes,
                            QCOW2_DISCARD_SNAPSHOT);
    }
}

/* Loading for reading ****************************************************/

static int coroutine_fn GRAPH_RDLOCK
snapshot_co_load(BlockDriverState *bs, QCowSnapshot *sn, Error **errp)
{
    Qcow2ZoneLayout layout;
    g_autofree uint64_t *words = NULL;

    int ret;

    if (!qcow2_zone_snapshot_layout(bs, sn, &layout, errp)) {
        return -EINVAL;
    }
    words = snapshot_co_load_words(bs, sn, &layout, errp);
    if (!words) {
        return -EINVAL;
    }
    ret = qcow2_zone_co_replace(bs, &layout, words);
    if (ret < 0) {
        error_setg_errno(errp, -ret, "Could not load the zones of snapshot "
                         "'%s'", sn->name);
        return ret;
    }
    bs->total_sectors = sn->disk_size / BDRV_SECTOR_SIZE;
    return 0;
}

/* Its L1 table has been loaded, to a node that is read-only */
int qcow2_zone_snapshot_load(BlockDriverState *bs, QCowSnapshot *sn,
                             Error **errp)
{
    return qcow2_zone(bs) ? snapshot_run(bs, sn, snapshot_co_load, errp) : 0;
}

/* Going back *************************************************************/

/* An L1 table, in memory and in the image file */
typedef struct SnapshotL1 {
    uint64_t *table;
    uint64_t offset;
    uint32_t nr_entries;
} SnapshotL1;

static uint64_t l1_bytes(BDRVQcow2State *s, const SnapshotL1 *l1)
{
    return (uint64_t)l1->nr_entries * L1E_SIZE;
}

/*
 * A copy of the snapshot's table, long enough to replace the one in use.  All
 * that it leads to belongs to the snapshot as well, so no entry is COPIED.
 */
static int coroutine_fn GRAPH_RDLOCK
snapshot_co_copy_l1(BlockDriverState *bs, const QCowSnapshot *sn,
                    SnapshotL1 *l1)
{
    BDRVQcow2State *s = bs->opaque;
    int64_t offset;
    uint32_t i;
    int ret;

    l1->nr_entries = MAX(s->l1_size, sn->l1_size);
    l1->table = qemu_try_blockalign0(bs->file->bs, l1_bytes(s, l1));
    if (!l1->table) {
        return -ENOMEM;
    }
    ret = bdrv_co_pread(bs->file, sn->l1_table_offset, sn->l1_size * L1E_SIZE,
                        l1->table, 0);
    if (ret < 0) {
        return ret;
    }
    for (i = 0; i < sn->l1_size; i++) {
        l1->table[i] &= cpu_to_be64(~QCOW_OFLAG_COPIED);
    }
    offset = qcow2_alloc_clusters(bs, l1_bytes(s, l1));
    if (offset < 0) {
        return offset;
    }
    l1->offset = offset;
    ret = bdrv_co_pwrite(bs->file, offset, l1_bytes(s, l1), l1->table, 0);
    for (i = 0; i < l1->nr_entries; i++) {
        l1->table[i] = be64_to_cpu(l1->table[i]);
    }
    return ret;
}

static void snapshot_swap_l1(BDRVQcow2State *s, SnapshotL1 *l1)
{
    SnapshotL1 old = {
        .table = s->l1_table, .offset = s->l1_table_offset,
        .nr_entries = s->l1_size,
    };

    s->l1_table = l1->table;
    s->l1_table_offset = l1->offset;
    s->l1_size = l1->nr_entries;
    *l1 = old;
}

static void snapshot_set_length(BlockDriverState *bs,
                                const Qcow2ZoneLayout *layout)
{
    BDRVQcow2State *s = bs->opaque;
    uint64_t device_bytes = layout->geometry.nr_zones *
                            layout->geometry.zone_bytes;

    bs->total_sectors = device_bytes / BDRV_SECTOR_SIZE;
    s->l1_vm_state_index = size_to_l1(s, device_bytes);
}

/*
 * Writes the header with another L1 table and another region.  Both are in its
 * first sector, with the length of the device.  After an error the disk may
 * have either: the old ones go on, and nothing becomes durable before the
 * header is the old one again.
 */
static int coroutine_fn GRAPH_RDLOCK
snapshot_co_switch(BlockDriverState *bs, SnapshotL1 *l1,
                   Qcow2ZoneLayout *layout)
{
    BDRVQcow2State *s = bs->opaque;
    Qcow2ZoneLayout old_layout;
    int ret;

    qcow2_zone_get_layout(s->zone, &old_layout);
    snapshot_swap_l1(s, l1);
    qcow2_zone_set_layout(s->zone, layout);
    snapshot_set_length(bs, layout);
    ret = qcow2_update_header(bs);
    if (ret >= 0) {
        ret = bdrv_co_flush(bs->file->bs);
    }
    if (ret < 0) {
        snapshot_swap_l1(s, l1);
        qcow2_zone_set_layout(s->zone, &old_layout);
        snapshot_set_length(bs, &old_layout);
        s->zone->maybe_layout = g_memdup2(layout, sizeof(*layout));
        return ret;
    }
    *layout = old_layout;
    return 0;
}

/* What nothing leads to any more; an error leaks the rest of it */
static int coroutine_fn GRAPH_RDLOCK
snapshot_co_free_old(BlockDriverState *bs, const SnapshotL1 *l1,
                     const Qcow2ZoneLayout *layout)
{
    BDRVQcow2State *s = bs->opaque;
    int ret = qcow2_update_snapshot_refcount(bs, l1->offset, l1->nr_entries,
                                             -1);

    qcow2_free_clusters(bs, l1->offset, l1_bytes(s, l1), QCOW2_DISCARD_OTHER);
    qcow2_zone_co_free_region(bs, layout);
    return ret;
}

/*
 * 1. A copy of the snapshot's L1 table and of its region is made.  A crash here
 *    and up to 3 leaks them.
 * 2. All that the table leads to gets another reference.  The flush that ends
 *    this makes the copies durable.
 * 3. One sector of the header is written, and flushed: L1 table, region.  A
 *    crash leaves the image as it was, or gone back.
 * 4. What the image had is given up.  A crash leaks the rest of it.
 */
static int coroutine_fn GRAPH_RDLOCK
snapshot_co_goto(BlockDriverState *bs, QCowSnapshot *sn, Qcow2ZoneLayout *from,
                 const uint64_t *words)
{
    Qcow2ZoneLayout layout = *from;
    SnapshotL1 l1 = { 0 };
    int ret;

    layout.flags = qcow2_zone(bs)->flags;
    ret = snapshot_co_copy_l1(bs, sn, &l1);
    if (ret >= 0) {
        ret = qcow2_zone_co_create_region(bs, &layout, words);
    }
    if (ret >= 0) {
        ret = qcow2_zone_co_copy_extensions(bs, from, bs, &layout, words);
    }
    if (ret >= 0) {
        ret = qcow2_update_snapshot_refcount(bs, sn->l1_table_offset,
                                             sn->l1_size, 1);
    }
    if (ret >= 0) {
        ret = snapshot_co_switch(bs, &l1, &layout);
    }
    qemu_vfree(l1.table);
    if (ret < 0) {
        return ret;
    }
    ret = qcow2_zone_co_replace(bs, NULL, words);
    return snapshot_co_free_old(bs, &l1, &layout) ?: ret;
}

static int coroutine_fn GRAPH_RDLOCK
snapshot_co_goto_checked(BlockDriverState *bs, QCowSnapshot *sn, Error **errp)
{
    g_autofree uint64_t *words = NULL;
    Qcow2ZoneLayout layout;
    int ret;

    if (!qcow2_zone_snapshot_layout(bs, sn, &layout, errp)) {
        return -EINVAL;
    }
    words = snapshot_co_load_words(bs, sn, &layout, errp);
    if (!words) {
        return -EINVAL;
    }
    if (layout.geometry.nr_zones != qcow2_zone(bs)->geometry.nr_zones &&
        !bdrv_zone_check_resize(bs, errp)) {
        return -ENOTSUP;
    }
    ret = qcow2_zone_co_commit(bs, false);
    return ret < 0 ? ret : snapshot_co_goto(bs, sn, &layout, words);
}

int qcow2_zone_snapshot_goto(BlockDriverState *bs, QCowSnapshot *sn)
{
    return snapshot_run_report(bs, sn, snapshot_co_goto_checked);
}
