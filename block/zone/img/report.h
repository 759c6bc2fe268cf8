/*
 * Zone reports of other tools
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef BLOCK_ZONE_IMG_REPORT_H
#define BLOCK_ZONE_IMG_REPORT_H

#include "block/zone.h"

/* A zone as a report has it */
typedef struct ZoneReportEntry {
    unsigned line;              /* of the text; 0: there are no lines */
    ZoneState state;
    uint8_t attributes;
    uint8_t limits;             /* 0: not said */
    uint64_t start;             /* in units of the report, as all that follow */
    uint64_t length;            /* 0: not said */
    uint64_t capacity;          /* 0: not said */
    uint64_t wp;                /* only where the state has a write pointer */
} ZoneReportEntry;

typedef struct ZoneReport {
    uint64_t unit_bytes;        /* 0: logical blocks of a length not said */
    GArray *zones;              /* ZoneReportEntry */
} ZoneReport;

/*
 * Parses what "blkzone report", "nvme zns report-zones -o json" or "qemu-img
 * zones --output json" has printed; which of them it was is found out.  False,
 * with an error, when it is none of these.  report is to be cleared either way.
 */
bool zone_report_parse(ZoneReport *report, const char *text, Error **errp);
void zone_report_clear(ZoneReport *report);

/* The formats, for zone_report_parse() */
bool zone_report_parse_text(ZoneReport *report, const char *text,
                            Error **errp);
bool zone_report_parse_json(ZoneReport *report, const char *text,
                            Error **errp);

/*
 * Turns units into bytes, and checks that the zones are those of a drive with
 * this geometry, in states that it can have.  False, with an error that says
 * where, what is there, and what is allowed.
 */
bool zone_report_check(ZoneReport *report, const ZoneGeometry *geometry,
                       Error **errp);

#endif /* BLOCK_ZONE_IMG_REPORT_H */
