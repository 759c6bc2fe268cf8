/*
 * Internal snapshots in a load
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qemu/cutils.h"
#include "block/block_int.h"
#include "block/snapshot.h"
#include "system/block-backend-zone.h"
#include "crash-snapshot.h"

/* At a time: each is looked at in each state */
#define CRASH_MAX_SNAPSHOTS 3

static CrashSnapshot *crash_snapshot(const CrashRun *run, guint i)
{
    return g_ptr_array_index(run->snapshots, i);
}

static void crash_snapshot_free(gpointer opaque)
{
    CrashSnapshot *snapshot = opaque;

    g_free(snapshot->name);
    crash_view_free(snapshot->view);
    g_free(snapshot);
}

void crash_snapshots_init(CrashRun *run)
{
    run->snapshots = g_ptr_array_new_with_free_func(crash_snapshot_free);
}

static CrashSnapshot *crash_snapshot_add(CrashRun *run, char *name)
{
    CrashSnapshot *snapshot = g_new0(CrashSnapshot, 1);

    snapshot->name = name;
    snapshot->deleted = (CrashSpan) { CRASH_NEVER, CRASH_NEVER };
    snapshot->view = g_new0(CrashView, 1);
    g_ptr_array_add(run->snapshots, snapshot);
    return snapshot;
}

/* What a snapshot of the closed image shows */
static char *crash_snapshot_view(const CrashRun *run, CrashImage *image,
                                 const char *name, CrashView *view)
{
    Error *err = NULL;
    char *fault;

    if (!crash_image_open_snapshot(image, name, &err)) {
        fault = g_strdup_printf("snapshot %s cannot be loaded: %s", name,
                                error_get_pretty(err));
        error_free(err);
        return fault;
    }
    fault = crash_view_fill(run, image, view);
    crash_image_close(image);
    return fault;
}

static char *crash_snapshot_compare(const CrashRun *run,
                                    const CrashSnapshot *snapshot,
                                    const CrashView *view, const char *where)
{
    g_autofree char *fault = crash_view_compare(run, snapshot->view, view);

    return fault ? g_strdup_printf("snapshot %s, %s: %s", snapshot->name,
                                   where, fault) : NULL;
}

/* Operations *************************************************************/

static void crash_snapshot_begin(CrashRun *run, CrashSpan *span)
{
    span->begin = crash_log_tick(run->log);
}

/* Nothing has failed on the disks, so nothing may fail */
static void crash_snapshot_end(CrashRun *run, CrashSpan *span, int ret,
                               const char *what)
{
    span->end = crash_log_tick(run->log);
    if (ret < 0 && !run->live_fault) {
        run->live_fault = g_strdup_printf("live: a snapshot cannot be %s: %s",
                                          what, strerror(-ret));
    }
}

/* With a copy of the disks: the node of the image is in use */
static void crash_snapshot_look(CrashRun *run, CrashSnapshot *snapshot)
{
    CrashImage *copy = crash_image_like(run->image);
    char *fault;

    crash_image_copy(copy, run->image);
    fault = crash_snapshot_view(run, copy, snapshot->name, snapshot->view);
    crash_image_free(copy);
    if (run->live_fault) {
        g_free(fault);
    } else {
        run->live_fault = fault;
    }
}

/* All that has completed is durable with it, as after a flush */
static void crash_snapshot_make(CrashRun *run)
{
    CrashSnapshot *snapshot =
        crash_snapshot_add(run, g_strdup_printf("s%u", run->snapshot_serial++));
    QEMUSnapshotInfo info = { };
    CrashOp *flush = crash_oracle_begin(run->oracle, CRASH_OP_FLUSH, 0,
                                        crash_log_tick(run->log));
    int ret;

    GRAPH_RDLOCK_GUARD_MAINLOOP();
    pstrcpy(info.name, sizeof(info.name), snapshot->name);
    crash_snapshot_begin(run, &snapshot->made);
    ret = bdrv_snapshot_create(blk_bs(run->image->blk), &info);
    crash_snapshot_end(run, &snapshot->made, ret, "made");
    crash_oracle_end(run->oracle, flush, ret, snapshot->made.end);
    snapshot->oracle = run->oracle;
}

static void crash_snapshot_delete(CrashRun *run, CrashSnapshot *snapshot)
{
    int ret;

    GRAPH_RDLOCK_GUARD_MAINLOOP();
    crash_snapshot_begin(run, &snapshot->deleted);
    bdrv_drained_begin(blk_bs(run->image->blk));
    ret = bdrv_snapshot_delete(blk_bs(run->image->blk), NULL, snapshot->name,
                               NULL);
    bdrv_drained_end(blk_bs(run->image->blk));
    crash_snapshot_end(run, &snapshot->deleted, ret, "deleted");
}

static void crash_snapshot_go_to(CrashRun *run, const CrashSnapshot *snapshot)
{
    CrashSpan made;
    int ret;

    crash_snapshot_begin(run, &made);
    ret = bdrv_snapshot_goto(blk_bs(run->image->blk), snapshot->name, NULL);
    crash_snapshot_end(run, &made, ret, "gone to");
    crash_epochs_begin(run, made, snapshot->view);
    run->meta_offset = crash_image_meta_offset(run->image);
}

/* Picks one that exists now; *nr: how many do */
static CrashSnapshot *crash_snapshot_pick(CrashRun *run, uint32_t *nr)
{
    CrashSnapshot *picked = NULL;
    guint i;

    *nr = 0;
    for (i = 0; i < run->snapshots->len; i++) {
        CrashSnapshot *snapshot = crash_snapshot(run, i);

        if (snapshot->deleted.begin == CRASH_NEVER) {
            if (crash_pick(run, ++*nr) == 0) {
                picked = snapshot;
            }
        }
    }
    return picked;
}

static void crash_snapshot_check_gone(CrashRun *run,
                                      const CrashSnapshot *snapshot)
{
    g_autoptr(CrashView) view = g_new0(CrashView, 1);
    char *fault = crash_view_fill(run, run->image, view);

    if (!fault) {
        fault = crash_snapshot_compare(run, snapshot, view,
                                       "just gone to");
    }
    if (run->live_fault) {
        g_free(fault);
    } else {
        run->live_fault = fault;
    }
}

void crash_snapshots_step(CrashRun *run)
{
    BlockDriverState *bs = blk_bs(run->image->blk);
    CrashFaultFunc *fault = run->log->fault;
    uint32_t nr, dice = crash_pick(run, 100);
    CrashSnapshot *snapshot = crash_snapshot_pick(run, &nr);
    bool make = !nr || (nr < CRASH_MAX_SNAPSHOTS && dice < 45);
    bool go_to = !make && dice < 75;

    run->log->fault = NULL;
    crash_log_start_pump(run->log);
    bdrv_drained_begin(bs);
    if (make) {
        crash_snapshot_make(run);
    } else if (go_to) {
        crash_snapshot_go_to(run, snapshot);
    } else {
        crash_snapshot_delete(run, snapshot);
    }
    bdrv_drained_end(bs);
    crash_log_stop_pump(run->log);
    run->log->fault = fault;
    run->log->delay = false;
    if (make) {
        crash_snapshot_look(run, crash_snapshot(run, run->snapshots->len - 1));
    } else if (go_to) {
        crash_snapshot_check_gone(run, snapshot);
    }
    run->log->delay = true;
}

void crash_snapshots_learn(CrashRun *run)
{
    CrashImage *copy = crash_image_like(run->image);
    QEMUSnapshotInfo *list = NULL;
    int nr = bdrv_snapshot_list(blk_bs(run->image->blk), &list);
    int i;

    crash_image_copy(copy, run->image);
    for (i = 0; i < nr; i++) {
        CrashSnapshot *snapshot =
            crash_snapshot_add(run, g_strdup(list[i].name));
        g_autofree char *fault = crash_snapshot_view(run, copy, snapshot->name,
                                                     snapshot->view);

        g_assert_null(fault); /* it could be read before */
    }
    crash_image_free(copy);
    g_free(list);
}

/* After a crash **********************************************************/

static bool crash_in_span(const CrashSpan *span, uint64_t time)
{
    return span->begin <= time && time <= span->end;
}

bool crash_snapshots_are_loose(const CrashRun *run, uint64_t time)
{
    bool loose = run->loose;
    guint i;

    for (i = 0; i < run->snapshots->len; i++) {
        const CrashSnapshot *snapshot = crash_snapshot(run, i);

        loose |= crash_in_span(&snapshot->made, time) ||
                 crash_in_span(&snapshot->deleted, time);
    }
    return loose;
}

static const CrashSnapshot *crash_snapshot_find(const CrashRun *run,
                                                const char *name)
{
    const CrashSnapshot *found = NULL;
    guint i;

    for (i = 0; i < run->snapshots->len; i++) {
        if (!strcmp(crash_snapshot(run, i)->name, name)) {
            found = crash_snapshot(run, i);
        }
    }
    return found;
}

static bool crash_snapshot_is_listed(const CrashSnapshot *snapshot,
                                     const QEMUSnapshotInfo *list, int nr)
{
    int i;

    for (i = 0; i < nr; i++) {
        if (!strcmp(list[i].name, snapshot->name)) {
            return true;
        }
    }
    return false;
}

char *crash_snapshots_check_list(const CrashRun *run, uint64_t time,
                                 CrashImage *image)
{
    g_autofree QEMUSnapshotInfo *list = NULL;
    guint i, nr_listed = 0;
    int nr;

    if (!image->variant->snapshots) {
        return NULL;
    }
    nr = bdrv_snapshot_list(blk_bs(image->blk), &list);
    for (i = 0; i < run->snapshots->len; i++) {
        const CrashSnapshot *snapshot = crash_snapshot(run, i);
        bool listed = crash_snapshot_is_listed(snapshot, list, nr);

        nr_listed += listed;
        if (!listed && snapshot->made.end <= time &&
            snapshot->deleted.begin > time) {
            return g_strdup_printf("snapshot %s is gone", snapshot->name);
        }
        if (listed && (snapshot->made.begin > time ||
                       snapshot->deleted.end <= time)) {
            return g_strdup_printf("snapshot %s is there", snapshot->name);
        }
    }
    return nr_listed == nr ? NULL :
           g_strdup_printf("%d snapshots, of which %u were made", nr,
                           nr_listed);
}

char *crash_snapshots_check_views(const CrashRun *run, CrashImage *image)
{
    QEMUSnapshotInfo *list = NULL;
    char *fault = NULL;
    int nr, i;

    if (!run->snapshots->len) {
        return NULL;
    }
    if (!crash_image_open(image, NULL)) {
        return g_strdup("the image cannot be opened to list snapshots");
    }
    nr = bdrv_snapshot_list(blk_bs(image->blk), &list);
    crash_image_close(image);
    for (i = 0; i < nr && !fault; i++) {
        const CrashSnapshot *snapshot = crash_snapshot_find(run, list[i].name);
        g_autoptr(CrashView) view = g_new0(CrashView, 1);

        fault = crash_snapshot_view(run, image, list[i].name, view);
        if (!fault) {
            fault = crash_snapshot_compare(run, snapshot, view,
                                           "loaded after a crash");
        }
    }
    g_free(list);
    return fault;
}

const CrashSnapshot *crash_snapshots_pick(const CrashRun *run,
                                          CrashImage *image, GRand *rand)
{
    g_autofree QEMUSnapshotInfo *list = NULL;
    int nr;

    if (!run->snapshots->len || g_rand_int_range(rand, 0, 3)) {
        return NULL;
    }
    nr = bdrv_snapshot_list(blk_bs(image->blk), &list);
    return nr <= 0 ? NULL :
           crash_snapshot_find(run,
                               list[g_rand_int_range(rand, 0, nr)].name);
}

char *crash_snapshots_go_to(const CrashRun *run, CrashImage *image,
                            const CrashSnapshot *snapshot)
{
    g_autoptr(CrashView) view = g_new0(CrashView, 1);
    char *fault;
    int ret = bdrv_snapshot_goto(blk_bs(image->blk), snapshot->name, NULL);

    if (ret < 0) {
        return g_strdup_printf("the image cannot go to snapshot %s: %s",
                               snapshot->name, strerror(-ret));
    }
    fault = crash_view_fill(run, image, view);
    if (!fault) {
        fault = crash_snapshot_compare(run, snapshot, view, "gone to");
    }
    crash_image_close(image);
    if (!fault && !crash_image_open(image, NULL)) {
        fault = g_strdup("the image cannot be opened after going to a "
                         "snapshot");
    }
    if (!fault) {
        fault = crash_view_fill(run, image, view);
    }
    if (!fault) {
        fault = crash_snapshot_compare(run, snapshot, view,
                                       "gone to, and opened again");
    }
    return fault;
}

/*
 * What a snapshot shows is what a crash may leave that comes when it has been
 * made, with all that had completed
 */
char *crash_snapshots_check_made(const CrashRun *run)
{
    char *fault = NULL;
    guint i;

    for (i = 0; i < run->snapshots->len && !fault; i++) {
        const CrashSnapshot *snapshot = crash_snapshot(run, i);

        if (snapshot->oracle) {
            fault = crash_epoch_check(run, snapshot->oracle,
                                      snapshot->made.end, snapshot->view);
        }
        if (fault) {
            char *text = g_strdup_printf("snapshot %s: %s", snapshot->name,
                                         fault);

            g_free(fault);
            fault = text;
        }
    }
    return fault;
}

void crash_snapshots_free(CrashRun *run)
{
    g_ptr_array_unref(run->snapshots);
}
