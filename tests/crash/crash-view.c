/*
 * What the driver says of the zones that a load uses
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/cutils.h"
#include "system/block-backend-zone.h"
#include "crash-view.h"

void crash_view_free(CrashView *view)
{
    uint32_t i;

    if (!view) {
        return;
    }
    for (i = 0; i < CRASH_MAX_HOT; i++) {
        g_free(view->data[i]);
        g_free(view->zde[i]);
    }
    g_free(view);
}

/* One that the drive has lost was Empty, and will be when it comes back */
static void crash_view_lost(const ZoneGeometry *geometry, CrashView *view,
                            uint32_t hot_idx)
{
    ZoneInfo *info = &view->zone[hot_idx].info;

    info->state = ZONE_STATE_EMPTY;
    info->start_bytes = geometry->zone_bytes * info->zone_idx;
    info->wp_bytes = info->start_bytes;
    info->length_bytes = geometry->zone_bytes;
    info->capacity_bytes = geometry->capacity_bytes;
    memset(view->data[hot_idx], 0, geometry->zone_bytes);
    memset(view->zde[hot_idx], 0, geometry->zd_extension_bytes);
}

char *crash_view_zone(const CrashRun *run, CrashImage *image, CrashView *view,
                      uint32_t hot_idx)
{
    const ZoneGeometry *geometry = &image->geometry;
    CrashZone *zone = &view->zone[hot_idx];
    uint32_t zone_idx = run->hot[hot_idx];
    int ret;

    if (!view->data[hot_idx]) {
        view->data[hot_idx] = g_malloc(geometry->zone_bytes);
        view->zde[hot_idx] = g_malloc0(MAX(geometry->zd_extension_bytes, 1));
    }
    zone->data = view->data[hot_idx];
    zone->zde = view->zde[hot_idx];
    zone->info = (ZoneInfo) { .zone_idx = zone_idx };
    if (zone_idx >= blk_get_zone_geometry(image->blk)->nr_zones) {
        crash_view_lost(geometry, view, hot_idx);
        return NULL;
    }
    blk_get_zone_info(image->blk, zone_idx, &zone->info);
    ret = blk_pread(image->blk, geometry->zone_bytes * zone_idx,
                    geometry->zone_bytes, view->data[hot_idx], 0);
    if (zone->info.state == ZONE_STATE_OFFLINE) {
        if (zone_status_from_errno(ret) != ZONE_ERR_OFFLINE) {
            return g_strdup_printf("zone %u is Offline, and a read gives %d",
                                   zone_idx, ret);
        }
        memset(view->data[hot_idx], 0, geometry->zone_bytes);
        ret = 0;
    }
    if (ret >= 0 && geometry->zd_extension_bytes) {
        ret = blk_get_zone_extension(image->blk, zone_idx, view->zde[hot_idx]);
    }
    if (ret < 0) {
        return g_strdup_printf("zone %u cannot be read: %s", zone_idx,
                               strerror(-ret));
    }
    return NULL;
}

char *crash_view_fill(const CrashRun *run, CrashImage *image, CrashView *view)
{
    char *fault = NULL;
    uint32_t i;

    for (i = 0; i < run->nr_hot && !fault; i++) {
        fault = crash_view_zone(run, image, view, i);
    }
    return fault;
}

static ZoneState crash_after_close(const ZoneInfo *info)
{
    if (info->state == ZONE_STATE_IMPLICITLY_OPENED ||
        info->state == ZONE_STATE_EXPLICITLY_OPENED) {
        return ZONE_STATE_CLOSED;
    }
    return info->state;
}

char *crash_view_compare(const CrashRun *run, const CrashView *before,
                         const CrashView *after)
{
    const ZoneGeometry *geometry = &run->image->geometry;
    uint32_t i;

    for (i = 0; i < run->nr_hot; i++) {
        const ZoneInfo *old = &before->zone[i].info;
        const ZoneInfo *new = &after->zone[i].info;

        if (new->state != crash_after_close(old) ||
            new->wp_bytes != old->wp_bytes ||
            new->attributes != old->attributes) {
            return g_strdup_printf("C5: zone %u was closed %s at %" PRIu64
                                   ", is opened %s at %" PRIu64,
                                   old->zone_idx, zone_state_str(old->state),
                                   old->wp_bytes - old->start_bytes,
                                   zone_state_str(new->state),
                                   new->wp_bytes - new->start_bytes);
        }
        if (memcmp(before->data[i], after->data[i], geometry->zone_bytes) ||
            memcmp(before->zde[i], after->zde[i],
                   geometry->zd_extension_bytes)) {
            return g_strdup_printf("C5: zone %u has other contents after it "
                                   "was closed", old->zone_idx);
        }
    }
    return NULL;
}

char *crash_view_empty(const CrashRun *run, const CrashView *view)
{
    const ZoneGeometry *geometry = &run->image->geometry;
    uint32_t i;

    for (i = 0; i < run->nr_hot; i++) {
        ZoneState state = view->zone[i].info.state;

        if ((state != ZONE_STATE_EMPTY && state != ZONE_STATE_CONVENTIONAL) ||
            !buffer_is_zero(view->data[i], geometry->zone_bytes)) {
            return g_strdup_printf("zone %u is neither Empty nor what it "
                                   "should become",
                                   view->zone[i].info.zone_idx);
        }
    }
    return NULL;
}
