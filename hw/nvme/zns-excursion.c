/*
 * NVMe Zoned Namespace Command Set: zones that the controller finishes itself
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A controller that recommends to finish a zone may do that itself, a Zone
 * Active Excursion, when the host has not done it within the Finish Recommended
 * Limit that the zone has (section 5.4).  So does this one, where both are
 * configured: for hosts to be tested.
 *
 * The time is the guest's.  When the namespace is realized, that of zones
 * begins whose attribute is stored in an image.  An excursion that fails is not
 * tried again.  All in the main loop.
 */

#include "qemu/osdep.h"
#include "qemu/timer.h"
#include "system/block-backend.h"
#include "zns.h"

typedef struct ZoneDeadline {
    QTAILQ_ENTRY(ZoneDeadline) entry;
    uint32_t zone_idx;
    int64_t end_ns;
} ZoneDeadline;

/* Each zone once, in the order of their deadlines */
struct NvmeZnsExcursions {
    NvmeNamespace *ns;
    QEMUTimer *timer;
    GHashTable *of_zones;
    QTAILQ_HEAD(, ZoneDeadline) deadlines;
};

/*
 * Seconds that the host has to finish the zone; 0: it is not up to the
 * controller, any more or at all
 */
static uint32_t finish_limit(NvmeNamespace *ns, uint32_t zone_idx)
{
    ZoneInfo info;

    blk_get_zone_info(ns->blkconf.blk, zone_idx, &info);
    return (info.attributes & ZONE_ATTR_FZR) &&
           blk_check_zone_event(ns->blkconf.blk, zone_idx,
                                ZONE_EVENT_EXCURSION) == ZONE_OK
           ? ns->params.finish_limits[info.limits & ZONE_LIMITS_OF_FZR] : 0;
}

static void add_deadline(struct NvmeZnsExcursions *excursions,
                         uint32_t zone_idx, uint32_t limit_s)
{
    ZoneDeadline *deadline = g_new(ZoneDeadline, 1);
    ZoneDeadline *before;

    deadline->zone_idx = zone_idx;
    deadline->end_ns = qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL) +
                       limit_s * NANOSECONDS_PER_SECOND;
    before = QTAILQ_LAST(&excursions->deadlines);
    while (before && before->end_ns > deadline->end_ns) {
        before = QTAILQ_PREV(before, entry);
    }
    if (before) {
        QTAILQ_INSERT_AFTER(&excursions->deadlines, before, deadline, entry);
    } else {
        QTAILQ_INSERT_HEAD(&excursions->deadlines, deadline, entry);
    }
    g_hash_table_insert(excursions->of_zones, GUINT_TO_POINTER(zone_idx),
                        deadline);
}

static void remove_deadline(struct NvmeZnsExcursions *excursions,
                            uint32_t zone_idx)
{
    gpointer key = GUINT_TO_POINTER(zone_idx);
    ZoneDeadline *deadline = g_hash_table_lookup(excursions->of_zones, key);

    if (deadline) {
        QTAILQ_REMOVE(&excursions->deadlines, deadline, entry);
        g_hash_table_remove(excursions->of_zones, key);
        g_free(deadline);
    }
}

static void rearm(struct NvmeZnsExcursions *excursions)
{
    ZoneDeadline *first = QTAILQ_FIRST(&excursions->deadlines);

    if (first) {
        timer_mod(excursions->timer, first->end_ns);
    } else {
        timer_del(excursions->timer);
    }
}

static void time_is_up(void *opaque)
{
    struct NvmeZnsExcursions *excursions = opaque;
    NvmeNamespace *ns = excursions->ns;
    int64_t now_ns = qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL);
    ZoneDeadline *first;

    while ((first = QTAILQ_FIRST(&excursions->deadlines)) &&
           first->end_ns <= now_ns) {
        if (finish_limit(ns, first->zone_idx)) {
            blk_start_zone_excursion(ns->blkconf.blk, first->zone_idx);
        }
        remove_deadline(excursions, first->zone_idx);
    }
    rearm(excursions);
}

/*
 * The time begins anew with whatever the drive does to the zone: the zone may
 * have had another life since FZR was set last, of which nobody tells.
 */
void nvme_zns_excursions_zone_changed(NvmeNamespace *ns, uint32_t zone_idx)
{
    struct NvmeZnsExcursions *excursions = ns->excursions;
    uint32_t limit_s;

    if (!excursions) {
        return;
    }
    remove_deadline(excursions, zone_idx);
    limit_s = finish_limit(ns, zone_idx);
    if (limit_s) {
        add_deadline(excursions, zone_idx, limit_s);
    }
    rearm(excursions);
}

static bool has_finish_limit(NvmeNamespace *ns)
{
    const uint32_t *limits = ns->params.finish_limits;

    return limits[0] || limits[1] || limits[2] || limits[3];
}

void nvme_zns_excursions_init(NvmeNamespace *ns)
{
    uint32_t zone_idx = 0;

    if (!ns->params.excursions || !has_finish_limit(ns) ||
        nvme_zns_write_protected(ns)) {
        return;
    }
    ns->excursions = g_new0(struct NvmeZnsExcursions, 1);
    ns->excursions->ns = ns;
    ns->excursions->timer = timer_new_ns(QEMU_CLOCK_VIRTUAL, time_is_up,
                                         ns->excursions);
    ns->excursions->of_zones = g_hash_table_new(NULL, NULL);
    QTAILQ_INIT(&ns->excursions->deadlines);
    while ((zone_idx = blk_find_zone(ns->blkconf.blk, ZONE_WITH_ATTRIBUTES,
                                     zone_idx, ns->num_zones)) <
           ns->num_zones) {
        nvme_zns_excursions_zone_changed(ns, zone_idx++);
    }
}

void nvme_zns_excursions_cleanup(NvmeNamespace *ns)
{
    struct NvmeZnsExcursions *excursions = ns->excursions;
    ZoneDeadline *first;

    if (!excursions) {
        return;
    }
    while ((first = QTAILQ_FIRST(&excursions->deadlines))) {
        remove_deadline(excursions, first->zone_idx);
    }
    g_hash_table_destroy(excursions->of_zones);
    timer_free(excursions->timer);
    g_free(excursions);
    ns->excursions = NULL;
}
