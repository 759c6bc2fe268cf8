/*
 * Opens what a crash has left and compares it with what is allowed
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Open, compare with the oracle, check the image, use it, close, open again,
 * compare with what was there before closing, check again.
 */

#include "qemu/osdep.h"
#include "qapi/error.h"
#include "block/block_int.h"
#include "system/block-backend-zone.h"
#include "crash-check.h"
#include "crash-copied.h"
#include "crash-snapshot.h"
#include "crash-stage.h"

/* How many zones of a state are written to */
#define CRASH_ZONES_USED    3

/*
 * Block status has to say zero from the write pointer to the zone's end, but
 * for Offline zones, where no read may be left out
 */
static char *crash_check_status(const CrashRun *run, CrashImage *image,
                                const CrashZone *zone)
{
    const ZoneInfo *info = &zone->info;
    int64_t offset_bytes = info->wp_bytes;
    int64_t end_bytes = info->start_bytes + info->length_bytes;
    int64_t n;
    int ret;

    if (info->state == ZONE_STATE_CONVENTIONAL) {
        return NULL;
    }
    for (; offset_bytes < end_bytes; offset_bytes += n) {
        ret = bdrv_block_status_above(blk_bs(image->blk), NULL, offset_bytes,
                                      end_bytes - offset_bytes, &n, NULL, NULL);
        if (ret < 0 || !(ret & BDRV_BLOCK_ZERO) !=
                       (info->state == ZONE_STATE_OFFLINE)) {
            return g_strdup_printf("C3: block status 0x%x at byte %" PRId64
                                   " of zone %u, above its write pointer", ret,
                                   offset_bytes - (int64_t)info->start_bytes,
                                   info->zone_idx);
        }
    }
    return NULL;
}

/* A raw data file shows what the guest sees to those who have no image */
static char *crash_check_raw(CrashImage *image, const CrashZone *zone)
{
    const ZoneInfo *info = &zone->info;
    CrashDisk *disk = image->disk[1];
    int64_t end_bytes = info->start_bytes + info->length_bytes;
    int64_t i;

    if (!image->variant->data_file_raw ||
        info->state == ZONE_STATE_CONVENTIONAL ||
        info->state == ZONE_STATE_OFFLINE) {
        return NULL;
    }
    for (i = info->wp_bytes; i < MIN(end_bytes, disk->length_bytes); i++) {
        if (disk->data[i]) {
            return g_strdup_printf("C3: the raw data file has 0x%02x at byte %"
                                   PRId64 " of zone %u, above its write "
                                   "pointer", disk->data[i],
                                   i - (int64_t)info->start_bytes,
                                   info->zone_idx);
        }
    }
    return NULL;
}

/* Zones that the load has left alone */
static char *crash_check_cold(const CrashRun *run, CrashImage *image)
{
    const ZoneGeometry *geometry = blk_get_zone_geometry(image->blk);
    uint32_t zone_idx, hot_idx = 0;
    ZoneInfo info;

    for (zone_idx = 0; zone_idx < geometry->nr_zones; zone_idx++) {
        if (hot_idx < run->nr_hot && run->hot[hot_idx] == zone_idx) {
            hot_idx++;
            continue;
        }
        blk_get_zone_info(image->blk, zone_idx, &info);
        if (info.state != (zone_idx < geometry->conventional_zones ?
                           ZONE_STATE_CONVENTIONAL : ZONE_STATE_EMPTY)) {
            return g_strdup_printf("C2: zone %u is %s, and nobody has used it",
                                   zone_idx, zone_state_str(info.state));
        }
    }
    return NULL;
}

/*
 * While refcounts of snapshots change, flags of the base need not fit them: see
 * crash-copied.c for what is harmless of that
 */
static char *crash_check_image(const CrashRun *run, uint64_t time,
                               CrashImage *image)
{
    BdrvCheckResult res = { };
    int ret = bdrv_check(blk_bs(image->blk), &res, 0);
    uint32_t nr_loose = 0;

    if (ret >= 0 && res.corruptions && crash_snapshots_are_loose(run, time)) {
        char *fault = crash_check_copied(blk_bs(image->blk),
                                         image->disk[0]->data,
                                         image->disk[0]->alloc_bytes,
                                         &nr_loose);

        if (fault) {
            return fault;
        }
    }
    if (ret < 0 || res.corruptions != nr_loose || res.check_errors) {
        return g_strdup_printf("check of the image: %d corruptions, %u of them "
                               "flags that may be wrong, %d errors (%d)",
                               res.corruptions, nr_loose, res.check_errors,
                               ret);
    }
    return NULL;
}

/* How many of the zones that the load uses the drive has */
static uint32_t crash_nr_used(const CrashRun *run, CrashImage *image)
{
    uint32_t nr_zones = blk_get_zone_geometry(image->blk)->nr_zones;
    uint32_t i;

    for (i = 0; i < run->nr_hot && run->hot[i] < nr_zones; i++) {
        /* the next */
    }
    return i;
}

static char *crash_check_recovered(const CrashRun *run, uint64_t time,
                                   CrashImage *image, CrashView *view)
{
    char *fault = crash_view_fill(run, image, view);
    uint32_t i;

    if (!fault) {
        fault = crash_epochs_check(run, time, view);
    }
    if (!fault) {
        fault = crash_stages_check_geometry(run, time, image);
    }
    for (i = 0; i < crash_nr_used(run, image) && !fault; i++) {
        fault = crash_check_status(run, image, &view->zone[i]);
        if (!fault) {
            fault = crash_check_raw(image, &view->zone[i]);
        }
    }
    if (!fault) {
        fault = crash_check_cold(run, image);
    }
    return fault ? fault : crash_check_image(run, time, image);
}

/* Use after the crash *****************************************************/

static int crash_append(CrashImage *image, const ZoneInfo *info, uint8_t *buf,
                        int64_t length_bytes)
{
    int64_t offset_bytes = info->start_bytes;
    QEMUIOVector qiov;
    int ret;

    qemu_iovec_init_buf(&qiov, buf, length_bytes);
    ret = blk_zone_append(image->blk, &offset_bytes, &qiov, 0);
    if (ret >= 0 && offset_bytes != info->wp_bytes) {
        return -EPROTO;
    }
    return ret;
}

/* A Read Only or Offline zone takes neither write nor Reset; nothing changes */
static char *crash_refuse_zone(const CrashRun *run, CrashImage *image,
                               CrashView *view, uint32_t hot_idx)
{
    const ZoneGeometry *geometry = &image->geometry;
    ZoneInfo info = view->zone[hot_idx].info;
    ZoneStatus refusal = info.state == ZONE_STATE_OFFLINE ?
                         ZONE_ERR_OFFLINE : ZONE_ERR_READ_ONLY;
    g_autofree uint8_t *before = g_memdup2(view->data[hot_idx],
                                           geometry->zone_bytes);
    uint8_t buf[CRASH_SECTOR_BYTES] = { };
    int append = crash_append(image, &info, buf, sizeof(buf));
    int write = blk_pwrite(image->blk, info.start_bytes, sizeof(buf), buf, 0);
    int reset = blk_zone_mgmt(image->blk, BLK_ZO_RESET, info.start_bytes,
                              geometry->zone_bytes);
    char *fault;

    if (zone_status_from_errno(append) != refusal ||
        zone_status_from_errno(write) != refusal ||
        zone_status_from_errno(reset) != ZONE_ERR_INVALID_TRANSITION) {
        return g_strdup_printf("zone %u is %s; append gives %d, write %d, "
                               "Reset %d", info.zone_idx,
                               zone_state_str(info.state), append, write,
                               reset);
    }
    fault = crash_view_zone(run, image, view, hot_idx);
    if (!fault && (view->zone[hot_idx].info.state != info.state ||
                   memcmp(before, view->data[hot_idx],
                          geometry->zone_bytes))) {
        fault = g_strdup_printf("zone %u is %s and has changed", info.zone_idx,
                                zone_state_str(info.state));
    }
    return fault;
}

/* Appends, after a Reset where the zone is Full; all else stays as it was */
static char *crash_use_zone(const CrashRun *run, CrashImage *image,
                            CrashView *view, uint32_t hot_idx)
{
    const ZoneGeometry *geometry = &image->geometry;
    uint8_t *data = view->data[hot_idx];
    ZoneInfo info = view->zone[hot_idx].info;
    int64_t written_bytes = info.wp_bytes - info.start_bytes;
    int64_t length_bytes = 1024;
    g_autofree uint8_t *expected = g_memdup2(data, geometry->zone_bytes);
    char *fault;
    int ret = 0;

    if (info.state == ZONE_STATE_CONVENTIONAL) {
        return NULL;
    }
    if (info.state == ZONE_STATE_READ_ONLY ||
        info.state == ZONE_STATE_OFFLINE) {
        return crash_refuse_zone(run, image, view, hot_idx);
    }
    if (info.state == ZONE_STATE_FULL) {
        ret = blk_zone_mgmt(image->blk, BLK_ZO_RESET, info.start_bytes,
                            geometry->zone_bytes);
        memset(expected, 0, geometry->zone_bytes);
        written_bytes = 0;
        info.wp_bytes = info.start_bytes;
    }
    length_bytes = MIN(length_bytes, geometry->capacity_bytes - written_bytes);
    memset(expected + written_bytes, 0xa7, length_bytes);
    if (ret >= 0) {
        ret = crash_append(image, &info, expected + written_bytes,
                           length_bytes);
    }
    if (zone_status_from_errno(ret) == ZONE_ERR_TOO_MANY_ACTIVE) {
        memset(expected + written_bytes, 0, length_bytes);
        ret = 0;
    }
    if (ret < 0) {
        return g_strdup_printf("zone %u (%s) cannot be used: %s",
                               info.zone_idx, zone_state_str(info.state),
                               strerror(-ret));
    }
    fault = crash_view_zone(run, image, view, hot_idx);
    if (!fault && memcmp(expected, data, geometry->zone_bytes)) {
        fault = g_strdup_printf("C3: zone %u (%s) reads otherwise than before "
                                "the append", info.zone_idx,
                                zone_state_str(info.state));
    }
    return fault;
}

void crash_check_learn(CrashRun *run)
{
    g_autoptr(CrashView) view = g_new0(CrashView, 1);
    g_autofree char *fault = crash_view_fill(run, run->image, view);
    uint32_t i;

    g_assert_null(fault); /* it could be read before */
    for (i = 0; i < run->nr_hot; i++) {
        crash_oracle_found(run->oracle, &view->zone[i]);
    }
    crash_snapshots_learn(run);
}

static char *crash_open(CrashImage *image)
{
    Error *err = NULL;
    char *fault;

    if (crash_image_open(image, &err)) {
        return NULL;
    }
    fault = g_strdup_printf("the image cannot be opened: %s",
                            error_get_pretty(err));
    error_free(err);
    return fault;
}

/* Snapshots are what they were, whatever has been written since */
static char *crash_check_snapshots(const CrashRun *run, CrashImage *image,
                                   uint64_t time, GRand *rand)
{
    const CrashSnapshot *snapshot = crash_snapshots_pick(run, image, rand);
    char *fault = NULL;

    if (snapshot) {
        fault = crash_snapshots_go_to(run, image, snapshot);
        if (!fault) {
            fault = crash_check_image(run, time, image);
        }
    }
    return fault;
}

/* What is in the drive can be used, and stays when it is closed */
static char *crash_check_drive(const CrashRun *run, uint64_t time,
                               CrashImage *image, CrashView *before,
                               CrashView *after, GRand *rand)
{
    char *fault = crash_open(image);
    uint32_t i;

    if (!fault) {
        fault = crash_check_recovered(run, time, image, before);
    }
    if (!fault) {
        fault = crash_snapshots_check_list(run, time, image);
    }
    for (i = 0; i < CRASH_ZONES_USED && !fault; i++) {
        fault = crash_use_zone(run, image, before,
                               g_rand_int_range(rand, 0,
                                                crash_nr_used(run, image)));
    }
    crash_image_close(image);
    if (!fault) {
        fault = crash_snapshots_check_views(run, image);
    }
    if (!fault) {
        fault = crash_open(image);
    }
    if (!fault) {
        fault = crash_view_fill(run, image, after);
    }
    if (!fault) {
        fault = crash_view_compare(run, before, after);
    }
    if (!fault) {
        fault = crash_check_image(run, time, image);
    }
    return fault;
}

char *crash_check_state_of(const CrashRun *run, uint64_t time,
                           CrashImage *image, GRand *rand)
{
    g_autoptr(CrashView) before = g_new0(CrashView, 1);
    g_autoptr(CrashView) after = g_new0(CrashView, 1);
    char *fault;

    crash_stages_enter(run, time, image);
    fault = crash_stages_check_others(run, time, image, rand);
    if (!fault) {
        fault = crash_check_drive(run, time, image, before, after, rand);
    }
    if (!fault) {
        fault = crash_check_snapshots(run, image, time, rand);
    }
    crash_image_close(image);
    return fault ? fault : crash_stages_finish(run, time, image, after);
}
