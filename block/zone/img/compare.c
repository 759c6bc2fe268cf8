/*
 * qemu-img compare: the zones of two images
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/error-report.h"
#include "block/block_int-common.h"
#include "block/zone/img/zones.h"
#include "system/block-backend.h"

typedef struct ZonePair {
    BlockBackend *blk[2];
    const char *filename[2];
    bool quiet;
} ZonePair;

static bool is_zoned(BlockBackend *blk)
{
    return blk_get_zone_geometry(blk);
}

/* Zones with the same number are at the same place */
static bool same_grid(BlockBackend *blk1, BlockBackend *blk2)
{
    return is_zoned(blk1) && is_zoned(blk2) &&
           blk_get_zone_size(blk1) == blk_get_zone_size(blk2);
}

/* Where there are no zones any more, there is no Offline one */
static bool is_offline(BlockBackend *blk, uint64_t zone_idx)
{
    ZoneInfo info;

    if (zone_idx >= blk_get_nr_zones(blk)) {
        return false;
    }
    blk_get_zone_info(blk, zone_idx, &info);
    return info.state == ZONE_STATE_OFFLINE;
}

int64_t img_zones_unreadable(BlockBackend *blk1, BlockBackend *blk2,
                             int64_t offset, int64_t max_bytes)
{
    uint64_t zone_bytes, zone_idx;

    if (!same_grid(blk1, blk2)) {
        return 0;
    }
    zone_bytes = blk_get_zone_size(blk1);
    zone_idx = offset / zone_bytes;
    if (!is_offline(blk1, zone_idx) && !is_offline(blk2, zone_idx)) {
        return 0;
    }
    return MIN((zone_idx + 1) * zone_bytes - offset, max_bytes);
}

/* Geometry ***************************************************************/

static bool G_GNUC_PRINTF(2, 3) differ(const ZonePair *p, const char *fmt, ...)
{
    va_list ap;

    if (!p->quiet) {
        va_start(ap, fmt);
        vprintf(fmt, ap);
        va_end(ap);
    }
    return false;
}

static bool compare_value(const ZonePair *p, const char *what, uint64_t a,
                          uint64_t b)
{
    return a == b || differ(p, "Zones differ: %s is %" PRIu64 " in '%s', %"
                            PRIu64 " in '%s'\n", what, a, p->filename[0], b,
                            p->filename[1]);
}

/* Limits are no contents; lengths have been compared */
static bool compare_geometry(const ZonePair *p)
{
    const ZoneGeometry *a = blk_get_zone_geometry(p->blk[0]);
    const ZoneGeometry *b = blk_get_zone_geometry(p->blk[1]);

    return compare_value(p, "the zone size", a->zone_bytes, b->zone_bytes) &&
           compare_value(p, "the zone capacity", a->capacity_bytes,
                         b->capacity_bytes) &&
           compare_value(p, "the number of conventional zones",
                         a->conventional_zones, b->conventional_zones) &&
           compare_value(p, "the zone descriptor extension size",
                         a->zd_extension_bytes, b->zd_extension_bytes);
}

/* Zones ******************************************************************/

/* Open states are not stored: a zone that is open is a Closed one later */
static bool compare_info(const ZonePair *p, const ZoneInfo *a,
                         const ZoneInfo *b)
{
    if (a->state != b->state) {
        return differ(p, "Zone %" PRIu32 " differs: %s in '%s', %s in '%s'\n",
                      a->zone_idx, zone_state_str(a->state), p->filename[0],
                      zone_state_str(b->state), p->filename[1]);
    }
    if (a->state != ZONE_STATE_OFFLINE && a->wp_bytes != b->wp_bytes) {
        return differ(p, "Zone %" PRIu32 " differs: written up to 0x%" PRIx64
                      " in '%s', 0x%" PRIx64 " in '%s'\n", a->zone_idx,
                      a->wp_bytes, p->filename[0], b->wp_bytes,
                      p->filename[1]);
    }
    if (a->state != ZONE_STATE_OFFLINE &&
        a->capacity_bytes != b->capacity_bytes) {
        return differ(p, "Zone %" PRIu32 " differs: a capacity of %" PRIu64
                      " in '%s', %" PRIu64 " in '%s'\n", a->zone_idx,
                      a->capacity_bytes, p->filename[0], b->capacity_bytes,
                      p->filename[1]);
    }
    if (a->attributes != b->attributes) {
        return differ(p, "Zone %" PRIu32 " differs: attributes 0x%02x in '%s', "
                      "0x%02x in '%s'\n", a->zone_idx, a->attributes,
                      p->filename[0], b->attributes, p->filename[1]);
    }
    if (a->limits != b->limits) {
        return differ(p, "Zone %" PRIu32 " differs: limits 0x%02x in '%s', "
                      "0x%02x in '%s'\n", a->zone_idx, a->limits,
                      p->filename[0], b->limits, p->filename[1]);
    }
    return true;
}

/* Returns 0 (the same), 1 (not) or 4, as img_zones_compare() */
static int compare_extensions(const ZonePair *p, uint32_t zone_idx)
{
    uint32_t zde_bytes = blk_get_zd_ext_size(p->blk[0]);
    g_autofree uint8_t *zdes = g_malloc(2 * zde_bytes);
    int i, ret;

    for (i = 0; i < 2; i++) {
        ret = blk_get_zone_extension(p->blk[i], zone_idx, zdes + i * zde_bytes);
        if (ret < 0) {
            error_report("Could not read the descriptor extension of zone %"
                         PRIu32 " of '%s': %s", zone_idx, p->filename[i],
                         strerror(-ret));
            return 4;
        }
    }
    if (memcmp(zdes, zdes + zde_bytes, zde_bytes)) {
        differ(p, "Zone %" PRIu32 " differs: descriptor extension in '%s' and "
               "'%s'\n", zone_idx, p->filename[0], p->filename[1]);
        return 1;
    }
    return 0;
}

static int compare_zone(const ZonePair *p, uint32_t zone_idx)
{
    ZoneInfo a, b;

    blk_get_zone_info(p->blk[0], zone_idx, &a);
    blk_get_zone_info(p->blk[1], zone_idx, &b);
    if (!compare_info(p, &a, &b)) {
        return 1;
    }
    return a.attributes & ZONE_ATTR_ZDEV ? compare_extensions(p, zone_idx) : 0;
}

/* What one has and the other has not: its data has been found to be zeros */
static bool compare_rest(const ZonePair *p, uint32_t zone_idx)
{
    bool second = blk_get_nr_zones(p->blk[1]) > blk_get_nr_zones(p->blk[0]);
    BlockBackend *blk = p->blk[second];
    ZoneInfo info;

    for (; zone_idx < blk_get_nr_zones(blk); zone_idx++) {
        blk_get_zone_info(blk, zone_idx, &info);
        if (info.state != ZONE_STATE_EMPTY &&
            info.state != ZONE_STATE_CONVENTIONAL) {
            return differ(p, "Zone %" PRIu32 " differs: %s in '%s', not there "
                          "in '%s'\n", zone_idx, zone_state_str(info.state),
                          p->filename[second], p->filename[!second]);
        }
    }
    return true;
}

int img_zones_compare(BlockBackend *blk1, BlockBackend *blk2,
                      const char *filename1, const char *filename2, bool quiet)
{
    ZonePair p = {
        .blk = { blk1, blk2 }, .filename = { filename1, filename2 },
        .quiet = quiet,
    };
    uint32_t nr_both, i;
    int ret;

    if (!is_zoned(blk1) && !is_zoned(blk2)) {
        return 0;
    }
    if (!is_zoned(blk1) || !is_zoned(blk2)) {
        differ(&p, "Warning: '%s' is zoned, '%s' is not: only data has been "
               "compared\n", is_zoned(blk1) ? filename1 : filename2,
               is_zoned(blk1) ? filename2 : filename1);
        return 0;
    }
    if (!compare_geometry(&p)) {
        return 1;
    }
    nr_both = MIN(blk_get_nr_zones(blk1), blk_get_nr_zones(blk2));
    for (i = 0; i < nr_both; i++) {
        ret = compare_zone(&p, i);
        if (ret) {
            return ret;
        }
    }
    return !compare_rest(&p, nr_both);
}
