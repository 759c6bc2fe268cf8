/*
 * Zone reports of other tools: are they of such a drive?
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/host-utils.h"
#include "qapi/error.h"
#include "block/zone/img/report.h"

/* Logical blocks of NVMe */
#define REPORT_MIN_LBA_BYTES    512
#define REPORT_MAX_LBA_BYTES    65536

bool zone_report_parse(ZoneReport *report, const char *text, Error **errp)
{
    report->zones = g_array_new(false, false, sizeof(ZoneReportEntry));
    text += strspn(text, " \t\r\n");
    return *text == '{' || *text == '[' ? zone_report_parse_json(report, text,
                                                                 errp)
                                        : zone_report_parse_text(report, text,
                                                                 errp);
}

void zone_report_clear(ZoneReport *report)
{
    g_clear_pointer(&report->zones, g_array_unref);
}

static ZoneReportEntry *entry_of(const ZoneReport *report, uint32_t zone_idx)
{
    return &g_array_index(report->zones, ZoneReportEntry, zone_idx);
}

/* Units ******************************************************************/

static bool check_nr_zones(const ZoneReport *report,
                           const ZoneGeometry *geometry, Error **errp)
{
    if (report->zones->len != geometry->nr_zones) {
        error_setg(errp, "The report has %u zones, the image %" PRIu32,
                   report->zones->len, geometry->nr_zones);
        return false;
    }
    return true;
}

/* What is a logical block, when zones are as long as in the image? */
static bool find_unit(ZoneReport *report, const ZoneGeometry *geometry,
                      Error **errp)
{
    uint64_t blocks, bytes, unit;

    if (report->unit_bytes) {
        return true;
    }
    if (geometry->nr_zones > 1) {
        blocks = entry_of(report, 1)->start - entry_of(report, 0)->start;
        bytes = geometry->zone_bytes;
    } else {
        blocks = entry_of(report, 0)->capacity;
        bytes = geometry->capacity_bytes;
    }
    unit = blocks && bytes % blocks == 0 ? bytes / blocks : 0;
    if (!is_power_of_2(unit) || unit < REPORT_MIN_LBA_BYTES ||
        unit > REPORT_MAX_LBA_BYTES) {
        error_setg(errp, "A %s of %" PRIu64 " logical blocks in the report is "
                   "not one of %" PRIu64 " bytes, as in the image, with blocks "
                   "of any length from %d to %d",
                   geometry->nr_zones > 1 ? "zone" : "capacity", blocks, bytes,
                   REPORT_MIN_LBA_BYTES, REPORT_MAX_LBA_BYTES);
        return false;
    }
    report->unit_bytes = unit;
    return true;
}

/* Values that no drive can have become the largest there are */
static uint64_t to_bytes(const ZoneReport *report, uint64_t value)
{
    return value > UINT64_MAX / report->unit_bytes
           ? UINT64_MAX : value * report->unit_bytes;
}

static void convert_units(ZoneReport *report)
{
    uint32_t i;

    for (i = 0; i < report->zones->len; i++) {
        ZoneReportEntry *zone = entry_of(report, i);

        zone->start = to_bytes(report, zone->start);
        zone->length = to_bytes(report, zone->length);
        zone->capacity = to_bytes(report, zone->capacity);
        zone->wp = to_bytes(report, zone->wp);
    }
    report->unit_bytes = 1;
}

/* Zones ******************************************************************/

/* "Zone 3", or where it is in a text: g_free() */
static char *place_of(const ZoneReport *report, uint32_t zone_idx)
{
    unsigned line = entry_of(report, zone_idx)->line;

    return line ? g_strdup_printf("Line %u, zone %" PRIu32, line, zone_idx)
                : g_strdup_printf("Zone %" PRIu32, zone_idx);
}

static bool check_place(const char *place, const ZoneReportEntry *zone,
                        const ZoneGeometry *geometry, uint32_t zone_idx,
                        Error **errp)
{
    uint64_t start = zone_idx * geometry->zone_bytes;

    if (zone->start != start) {
        error_setg(errp, "%s of the report starts at byte %" PRIu64 ", in the "
                   "image at %" PRIu64, place, zone->start, start);
        return false;
    }
    if (zone->length && zone->length != geometry->zone_bytes) {
        error_setg(errp, "%s of the report has %" PRIu64 " bytes, in the image "
                   "%" PRIu64, place, zone->length, geometry->zone_bytes);
        return false;
    }
    return true;
}

static bool check_type(const char *place, const ZoneReportEntry *zone,
                       const ZoneGeometry *geometry, uint32_t zone_idx,
                       Error **errp)
{
    bool conventional = zone_idx < geometry->conventional_zones;

    if ((zone->state == ZONE_STATE_CONVENTIONAL) != conventional) {
        error_setg(errp, "%s of the report is %s, in the image it is %s", place,
                   conventional ? "sequential" : "conventional",
                   conventional ? "conventional" : "sequential");
        return false;
    }
    return true;
}

static bool check_capacity(const char *place, const ZoneReportEntry *zone,
                           const ZoneGeometry *geometry, Error **errp)
{
    uint64_t less_bytes = geometry->capacity_bytes - zone->capacity;
    uint64_t step_bytes = geometry->capacity_step_bytes;

    if (zone->state == ZONE_STATE_CONVENTIONAL ||
        zone->capacity == geometry->capacity_bytes) {
        return true;
    }
    if (!step_bytes || !zone->capacity || less_bytes % step_bytes ||
        zone->capacity > geometry->capacity_bytes) {
        error_setg(errp, "%s of the report has a capacity of %" PRIu64
                   " bytes, in the image %" PRIu64, place, zone->capacity,
                   geometry->capacity_bytes);
        return false;
    }
    return true;
}

/* Where a state has a write pointer, what is written is not all */
static bool check_wp(const char *place, const ZoneReportEntry *zone,
                     const ZoneGeometry *geometry, Error **errp)
{
    uint64_t end = zone->start + zone->capacity;

    if (!zone_state_has_wp(zone->state)) {
        return true;
    }
    if (zone->state == ZONE_STATE_EMPTY && zone->wp != zone->start) {
        error_setg(errp, "%s of the report is Empty, with its write pointer at "
                   "byte %" PRIu64 ": allowed is its start, %" PRIu64, place,
                   zone->wp, zone->start);
        return false;
    }
    if (zone->wp < zone->start || zone->wp >= end) {
        error_setg(errp, "%s of the report is %s, with its write pointer at "
                   "byte %" PRIu64 ": allowed is from %" PRIu64 " to below %"
                   PRIu64, place, zone_state_str(zone->state), zone->wp,
                   zone->start, end);
        return false;
    }
    if (zone->wp % ZONE_WP_UNIT_BYTES) {
        error_setg(errp, "%s of the report has its write pointer at byte %"
                   PRIu64 ", which is not a multiple of %d", place, zone->wp,
                   ZONE_WP_UNIT_BYTES);
        return false;
    }
    return true;
}

bool zone_report_check(ZoneReport *report, const ZoneGeometry *geometry,
                       Error **errp)
{
    uint32_t i;

    if (!check_nr_zones(report, geometry, errp) ||
        !find_unit(report, geometry, errp)) {
        return false;
    }
    convert_units(report);
    for (i = 0; i < geometry->nr_zones; i++) {
        g_autofree char *place = place_of(report, i);
        const ZoneReportEntry *zone = entry_of(report, i);

        if (!check_place(place, zone, geometry, i, errp) ||
            !check_type(place, zone, geometry, i, errp) ||
            !check_capacity(place, zone, geometry, errp) ||
            !check_wp(place, zone, geometry, errp)) {
            return false;
        }
    }
    return true;
}
