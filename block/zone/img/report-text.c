/*
 * Zone reports of other tools: text of blkzone(8)
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A zone is a line of names with values.  All numbers are sectors of 512 bytes;
 * the write pointer counts from the start of its zone.  Versions before 2.38
 * have no capacities.
 */

#include "qemu/osdep.h"
#include "qemu/cutils.h"
#include "qapi/error.h"
#include "block/zone/img/report.h"

#define BLKZONE_SECTOR_BYTES    512
/* Of the kernel's interface */
#define BLKZONE_CONVENTIONAL    1
#define BLKZONE_SEQ_REQUIRED    2

typedef struct TextLine {
    const char *text;
    unsigned number;
} TextLine;

static const struct {
    unsigned condition;
    ZoneState state;
} conditions[] = {
    { 0x0, ZONE_STATE_CONVENTIONAL },
    { 0x1, ZONE_STATE_EMPTY },
    { 0x2, ZONE_STATE_IMPLICITLY_OPENED },
    { 0x3, ZONE_STATE_EXPLICITLY_OPENED },
    { 0x4, ZONE_STATE_CLOSED },
    { 0xd, ZONE_STATE_READ_ONLY },
    { 0xe, ZONE_STATE_FULL },
    { 0xf, ZONE_STATE_OFFLINE },
};

/* The number behind a name, which has to be there */
static bool take_number(const TextLine *line, const char *name,
                        uint64_t *value, Error **errp)
{
    const char *found = strstr(line->text, name);
    const char *end;

    if (!found) {
        error_setg(errp, "Line %u has no '%s' of a zone: '%s'", line->number,
                   name, line->text);
        return false;
    }
    if (qemu_strtou64(found + strlen(name), &end, 0, value) < 0 ||
        !strchr(",( ]", *end)) {
        error_setg(errp, "Line %u has no number behind '%s': '%s'",
                   line->number, name, line->text);
        return false;
    }
    return true;
}

static bool take_state(const TextLine *line, ZoneReportEntry *zone,
                       Error **errp)
{
    uint64_t condition;
    int i;

    if (!take_number(line, "zcond:", &condition, errp)) {
        return false;
    }
    for (i = 0; i < ARRAY_SIZE(conditions); i++) {
        if (conditions[i].condition == condition) {
            zone->state = conditions[i].state;
            return true;
        }
    }
    error_setg(errp, "Line %u: unknown zone condition %" PRIu64 ", known are 0 "
               "to 4 and 13 to 15", line->number, condition);
    return false;
}

static bool check_type(const TextLine *line, const ZoneReportEntry *zone,
                       Error **errp)
{
    uint64_t type;
    bool conventional = zone->state == ZONE_STATE_CONVENTIONAL;

    if (!take_number(line, "[type:", &type, errp)) {
        return false;
    }
    if (type != BLKZONE_CONVENTIONAL && type != BLKZONE_SEQ_REQUIRED) {
        error_setg(errp, "Line %u: zone type %" PRIu64 ", an image can have %d "
                   "(conventional) and %d (sequential write required)",
                   line->number, type, BLKZONE_CONVENTIONAL,
                   BLKZONE_SEQ_REQUIRED);
        return false;
    }
    if (conventional != (type == BLKZONE_CONVENTIONAL)) {
        error_setg(errp, "Line %u: zone type %" PRIu64 " does not go with "
                   "condition %s", line->number, type,
                   zone_state_str(zone->state));
        return false;
    }
    return true;
}

static bool take_zone(const TextLine *line, ZoneReportEntry *zone,
                      Error **errp)
{
    uint64_t wp, reset;

    *zone = (ZoneReportEntry) { .line = line->number };
    if (!take_number(line, "start:", &zone->start, errp) ||
        !take_number(line, "len ", &zone->length, errp) ||
        !take_number(line, "wptr ", &wp, errp) ||
        !take_number(line, "reset:", &reset, errp) ||
        !take_state(line, zone, errp) ||
        !check_type(line, zone, errp)) {
        return false;
    }
    zone->capacity = zone->length;
    if (strstr(line->text, "cap ") &&
        !take_number(line, "cap ", &zone->capacity, errp)) {
        return false;
    }
    zone->wp = zone->start + MIN(wp, UINT64_MAX - zone->start);
    zone->attributes = reset ? ZONE_ATTR_RZR : 0;
    return true;
}

bool zone_report_parse_text(ZoneReport *report, const char *text,
                            Error **errp)
{
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    ZoneReportEntry zone;
    unsigned i;

    report->unit_bytes = BLKZONE_SECTOR_BYTES;
    for (i = 0; lines[i]; i++) {
        TextLine line = { .text = g_strstrip(lines[i]), .number = i + 1 };

        if (!*line.text) {
            continue;
        }
        if (!take_zone(&line, &zone, errp)) {
            return false;
        }
        g_array_append_val(report->zones, zone);
    }
    return true;
}
