/*
 * qtest of zoned namespaces: Zone Management Send
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What it shows: each transition of the zone state machine that a host can
 * ask for, each that it cannot, Select All, the limits of open and active
 * zones, and zone descriptor extensions.
 *
 * How: actions on a fresh drive; the state of every zone that took part is
 * read back from a report, also after refusals.
 */

#include "qemu/osdep.h"
#include "qemu/units.h"
#include "nvme-zns-drive.h"

/* Zones 0 to 5 in one state each; wp 8 blocks in where that is possible */
enum { EMPTY_ZONE, IMPLICIT_ZONE, EXPLICIT_ZONE, CLOSED_ZONE, FULL_ZONE,
       FINISHED_ZONE, NR_PREPARED };

static void prepare_zones(ZnsDrive *drive)
{
    uint32_t i;

    for (i = IMPLICIT_ZONE; i < NR_PREPARED; i++) {
        zns_assert_ok(zns_write(drive, zns_lba(drive, i), 8, i));
        if (i == EXPLICIT_ZONE) {
            zns_assert_ok(zns_open(drive, i));
        } else if (i == CLOSED_ZONE) {
            zns_assert_ok(zns_close(drive, i));
        } else if (i == FULL_ZONE) {
            zns_assert_ok(zns_write_zeroes(drive, zns_lba(drive, i) + 8,
                                           drive->capacity_blocks - 8));
        } else if (i == FINISHED_ZONE) {
            zns_assert_ok(zns_finish(drive, i));
        }
    }
}

static void check_prepared_zones(ZnsDrive *drive)
{
    zns_assert_zone(drive, EMPTY_ZONE, EMPTY, 0);
    zns_assert_zone(drive, IMPLICIT_ZONE, IMPLICITLY_OPEN, 8);
    zns_assert_zone(drive, EXPLICIT_ZONE, EXPLICITLY_OPEN, 8);
    zns_assert_zone(drive, CLOSED_ZONE, CLOSED, 8);
    zns_assert_state(drive, FULL_ZONE, FULL);
    zns_assert_state(drive, FINISHED_ZONE, FULL);
}

static void open_transitions(ZnsDrive *drive)
{
    zns_assert_ok(zns_open(drive, 7));
    zns_assert_zone(drive, 7, EXPLICITLY_OPEN, 0);
    zns_assert_ok(zns_open(drive, 7));
    zns_assert_zone(drive, 7, EXPLICITLY_OPEN, 0);
    zns_assert_ok(zns_reset(drive, 7));

    prepare_zones(drive);
    check_prepared_zones(drive);
    zns_assert_ok(zns_open(drive, IMPLICIT_ZONE));
    zns_assert_zone(drive, IMPLICIT_ZONE, EXPLICITLY_OPEN, 8);
    zns_assert_ok(zns_open(drive, CLOSED_ZONE));
    zns_assert_zone(drive, CLOSED_ZONE, EXPLICITLY_OPEN, 8);
    zns_assert_status(zns_open(drive, FULL_ZONE),
                      NVME_ZONE_INVAL_TRANSITION);
    zns_assert_status(zns_open(drive, FINISHED_ZONE),
                      NVME_ZONE_INVAL_TRANSITION);
    zns_assert_state(drive, FULL_ZONE, FULL);
}

static void explicitly_opened_stays_on_write(ZnsDrive *drive)
{
    zns_assert_ok(zns_open(drive, 0));
    zns_assert_ok(zns_write(drive, 0, 8, 1));
    zns_assert_zone(drive, 0, EXPLICITLY_OPEN, 8);
    zns_assert_ok(zns_close(drive, 0));
    zns_assert_ok(zns_write(drive, 8, 8, 2));
    zns_assert_zone(drive, 0, IMPLICITLY_OPEN, 16);
}

static void close_transitions(ZnsDrive *drive)
{
    prepare_zones(drive);
    zns_assert_ok(zns_close(drive, IMPLICIT_ZONE));
    zns_assert_zone(drive, IMPLICIT_ZONE, CLOSED, 8);
    zns_assert_ok(zns_close(drive, EXPLICIT_ZONE));
    zns_assert_zone(drive, EXPLICIT_ZONE, CLOSED, 8);
    zns_assert_ok(zns_close(drive, CLOSED_ZONE));
    zns_assert_zone(drive, CLOSED_ZONE, CLOSED, 8);
    zns_assert_status(zns_close(drive, EMPTY_ZONE),
                      NVME_ZONE_INVAL_TRANSITION);
    zns_assert_zone(drive, EMPTY_ZONE, EMPTY, 0);
    zns_assert_status(zns_close(drive, FULL_ZONE),
                      NVME_ZONE_INVAL_TRANSITION);
    zns_assert_state(drive, FULL_ZONE, FULL);
}

static void finish_transitions(ZnsDrive *drive)
{
    uint32_t i;

    prepare_zones(drive);
    for (i = 0; i < NR_PREPARED; i++) {
        zns_assert_ok(zns_finish(drive, i));
        zns_assert_state(drive, i, FULL);
        zns_assert_status(zns_write(drive, zns_lba(drive, i) + 8, 8, 9),
                          NVME_ZONE_FULL);
    }
    g_assert_true(zns_reads_zeros(drive, zns_lba(drive, EMPTY_ZONE), 64));
    for (i = IMPLICIT_ZONE; i < NR_PREPARED; i++) {
        g_assert_true(zns_holds(drive, zns_lba(drive, i), 8, i));
        g_assert_true(zns_reads_zeros(drive, zns_lba(drive, i) + 8, 64));
    }
}

static void reset_transitions(ZnsDrive *drive)
{
    uint32_t i;

    prepare_zones(drive);
    for (i = 0; i < NR_PREPARED; i++) {
        zns_assert_ok(zns_reset(drive, i));
        zns_assert_zone(drive, i, EMPTY, 0);
        g_assert_true(zns_reads_zeros(drive, zns_lba(drive, i), 64));
        zns_assert_ok(zns_write(drive, zns_lba(drive, i), 8, 100 + i));
        g_assert_true(zns_holds(drive, zns_lba(drive, i), 8, 100 + i));
        zns_assert_ok(zns_reset(drive, i));
    }
}

static void offline_needs_read_only(ZnsDrive *drive)
{
    uint32_t i;

    prepare_zones(drive);
    for (i = 0; i < NR_PREPARED; i++) {
        zns_assert_status(zns_send(drive, zns_lba(drive, i),
                                   NVME_ZONE_ACTION_OFFLINE),
                          NVME_ZONE_INVAL_TRANSITION);
    }
    check_prepared_zones(drive);
}

static void needs_zone_start(ZnsDrive *drive)
{
    static const uint8_t actions[] = {
        NVME_ZONE_ACTION_OPEN, NVME_ZONE_ACTION_CLOSE,
        NVME_ZONE_ACTION_FINISH, NVME_ZONE_ACTION_RESET,
        NVME_ZONE_ACTION_OFFLINE, NVME_ZONE_ACTION_SET_ZD_EXT,
    };
    uint64_t end_lba = zns_lba(drive, drive->nr_zones);
    size_t i;

    prepare_zones(drive);
    for (i = 0; i < ARRAY_SIZE(actions); i++) {
        zns_assert_status(zns_send(drive, zns_lba(drive, 1) + 1, actions[i]),
                          NVME_INVALID_FIELD);
        zns_assert_status(zns_send(drive, zns_lba(drive, 1) - 1, actions[i]),
                          NVME_INVALID_FIELD);
        zns_assert_status(zns_send(drive, end_lba, actions[i]),
                          NVME_LBA_RANGE);
    }
    check_prepared_zones(drive);
}

static void unknown_action(ZnsDrive *drive)
{
    prepare_zones(drive);
    zns_assert_status(zns_send(drive, 0, NVME_ZONE_ACTION_RSD),
                      NVME_INVALID_FIELD);
    zns_assert_status(zns_send(drive, 0, 0x12), NVME_INVALID_FIELD);
    check_prepared_zones(drive);
}

/* Select All; the LBA says nothing then */

static void close_all(ZnsDrive *drive)
{
    prepare_zones(drive);
    zns_assert_ok(zns_send(drive, 5, NVME_ZONE_ACTION_CLOSE | ZNS_SELECT_ALL));
    zns_assert_zone(drive, EMPTY_ZONE, EMPTY, 0);
    zns_assert_zone(drive, IMPLICIT_ZONE, CLOSED, 8);
    zns_assert_zone(drive, EXPLICIT_ZONE, CLOSED, 8);
    zns_assert_zone(drive, CLOSED_ZONE, CLOSED, 8);
    zns_assert_state(drive, FULL_ZONE, FULL);
}

static void finish_all(ZnsDrive *drive)
{
    prepare_zones(drive);
    zns_assert_ok(zns_send(drive, 0, NVME_ZONE_ACTION_FINISH |
                           ZNS_SELECT_ALL));
    zns_assert_zone(drive, EMPTY_ZONE, EMPTY, 0);
    zns_assert_state(drive, IMPLICIT_ZONE, FULL);
    zns_assert_state(drive, EXPLICIT_ZONE, FULL);
    zns_assert_state(drive, CLOSED_ZONE, FULL);
    zns_assert_state(drive, FULL_ZONE, FULL);
    g_assert_true(zns_holds(drive, zns_lba(drive, CLOSED_ZONE), 8,
                            CLOSED_ZONE));
}

static void open_all(ZnsDrive *drive)
{
    prepare_zones(drive);
    zns_assert_ok(zns_send(drive, 0, NVME_ZONE_ACTION_OPEN | ZNS_SELECT_ALL));
    zns_assert_zone(drive, EMPTY_ZONE, EMPTY, 0);
    zns_assert_zone(drive, IMPLICIT_ZONE, IMPLICITLY_OPEN, 8);
    zns_assert_zone(drive, EXPLICIT_ZONE, EXPLICITLY_OPEN, 8);
    zns_assert_zone(drive, CLOSED_ZONE, EXPLICITLY_OPEN, 8);
    zns_assert_state(drive, FULL_ZONE, FULL);
}

/* 2 Explicitly Opened and 3 Closed zones, where 3 may be open */
static void open_all_or_none(ZnsDrive *drive)
{
    uint32_t i;

    for (i = 0; i < 5; i++) {
        zns_assert_ok(zns_open(drive, i));
        if (i < 3) {
            zns_assert_ok(zns_close(drive, i));
        }
    }
    zns_assert_status(zns_send(drive, 0, NVME_ZONE_ACTION_OPEN |
                               ZNS_SELECT_ALL), NVME_ZONE_TOO_MANY_OPEN);
    for (i = 0; i < 3; i++) {
        zns_assert_zone(drive, i, CLOSED, 0);
    }
    zns_assert_zone(drive, 3, EXPLICITLY_OPEN, 0);
    zns_assert_zone(drive, 4, EXPLICITLY_OPEN, 0);
}

static void reset_all(ZnsDrive *drive)
{
    uint32_t i;

    prepare_zones(drive);
    zns_assert_ok(zns_send(drive, 3, NVME_ZONE_ACTION_RESET |
                           ZNS_SELECT_ALL));
    for (i = 0; i < NR_PREPARED; i++) {
        zns_assert_zone(drive, i, EMPTY, 0);
        g_assert_true(zns_reads_zeros(drive, zns_lba(drive, i), 64));
    }
}

static void offline_all_without_read_only(ZnsDrive *drive)
{
    prepare_zones(drive);
    zns_assert_ok(zns_send(drive, 0, NVME_ZONE_ACTION_OFFLINE |
                           ZNS_SELECT_ALL));
    check_prepared_zones(drive);
}

const ZnsTest zns_mgmt_tests[] = {
    { "open/from-each-state", open_transitions, ZNS_BOTH },
    { "open/explicitly-opened-stays-so-when-written",
      explicitly_opened_stays_on_write, ZNS_BOTH },
    { "close/from-each-state", close_transitions, ZNS_BOTH },
    { "finish/from-each-state", finish_transitions, ZNS_BOTH },
    { "reset/from-each-state", reset_transitions, ZNS_BOTH },
    { "offline/only-from-read-only", offline_needs_read_only, ZNS_BOTH },
    { "mgmt-send/needs-the-start-of-a-zone", needs_zone_start, ZNS_BOTH },
    { "mgmt-send/unknown-action-is-invalid-field", unknown_action, ZNS_BOTH },
    { "select-all/close-takes-open-zones", close_all, ZNS_BOTH },
    { "select-all/finish-takes-open-and-closed-zones", finish_all, ZNS_BOTH },
    { "select-all/open-takes-closed-zones", open_all, ZNS_BOTH },
    { "select-all/open-takes-all-or-none", open_all_or_none, ZNS_BOTH },
    { "select-all/reset-takes-all-but-empty-zones", reset_all, ZNS_BOTH },
    { "select-all/offline-takes-read-only-zones-only",
      offline_all_without_read_only, ZNS_BOTH },
    { }
};

/* Limits */

static uint32_t count_in_state(ZnsDrive *drive, uint8_t filter)
{
    g_autofree ZnsReport *report = g_new(ZnsReport, 1);
    ZnsReportArgs args = { .filter = filter };

    zns_assert_ok(zns_report(drive, args, report));
    return report->nr_zones;
}

static void open_limit(ZnsDrive *drive)
{
    uint32_t i;

    for (i = 0; i < 3; i++) {
        zns_assert_ok(zns_open(drive, i));
    }
    zns_assert_status(zns_open(drive, 3), NVME_ZONE_TOO_MANY_OPEN);
    zns_assert_status(zns_write(drive, zns_lba(drive, 3), 8, 9),
                      NVME_ZONE_TOO_MANY_OPEN);
    zns_assert_status(zns_append(drive, zns_lba(drive, 3), 8, 9, NULL),
                      NVME_ZONE_TOO_MANY_OPEN);
    zns_assert_zone(drive, 3, EMPTY, 0);
    zns_assert_ok(zns_close(drive, 1));
    zns_assert_ok(zns_write(drive, zns_lba(drive, 3), 8, 1));
    zns_assert_zone(drive, 3, IMPLICITLY_OPEN, 8);
}

static void active_limit(ZnsDrive *drive)
{
    uint32_t i;

    for (i = 0; i < 5; i++) {
        zns_assert_ok(zns_write(drive, zns_lba(drive, i), 8, i));
        zns_assert_ok(zns_close(drive, i));
    }
    zns_assert_status(zns_open(drive, 5), NVME_ZONE_TOO_MANY_ACTIVE);
    zns_assert_status(zns_write(drive, zns_lba(drive, 5), 8, 9),
                      NVME_ZONE_TOO_MANY_ACTIVE);
    zns_assert_status(zns_append(drive, zns_lba(drive, 5), 8, 9, NULL),
                      NVME_ZONE_TOO_MANY_ACTIVE);
    zns_assert_zone(drive, 5, EMPTY, 0);
    /* Those that are active already need no more */
    zns_assert_ok(zns_write(drive, zns_lba(drive, 4) + 8, 8, 6));
    zns_assert_ok(zns_finish(drive, 0));
    zns_assert_ok(zns_write(drive, zns_lba(drive, 5), 8, 5));
    zns_assert_status(zns_open(drive, 6), NVME_ZONE_TOO_MANY_ACTIVE);
    zns_assert_ok(zns_reset(drive, 1));
    zns_assert_ok(zns_open(drive, 6));
    zns_assert_status(zns_open(drive, 7), NVME_ZONE_TOO_MANY_ACTIVE);
    zns_assert_status(zns_fill_zone(drive, 8), NVME_ZONE_TOO_MANY_ACTIVE);
}

static void full_zone_frees_resources(ZnsDrive *drive)
{
    uint32_t i;

    for (i = 0; i < drive->nr_zones; i++) {
        zns_assert_ok(zns_fill_zone(drive, i));
    }
    g_assert_cmpuint(count_in_state(drive, NVME_ZONE_REPORT_FULL), ==,
                     drive->nr_zones);
    zns_assert_ok(zns_send(drive, 0, NVME_ZONE_ACTION_RESET |
                           ZNS_SELECT_ALL));
    for (i = 0; i < 3; i++) {
        zns_assert_ok(zns_open(drive, i));
    }
}

static void auto_close(ZnsDrive *drive)
{
    uint32_t i;

    for (i = 0; i < 4; i++) {
        zns_assert_ok(zns_write(drive, zns_lba(drive, i), 8, i));
    }
    zns_assert_zone(drive, 3, IMPLICITLY_OPEN, 8);
    g_assert_cmpuint(count_in_state(drive, NVME_ZONE_REPORT_IMPLICITLY_OPEN),
                     ==, 3);
    g_assert_cmpuint(count_in_state(drive, NVME_ZONE_REPORT_CLOSED), ==, 1);
    zns_assert_ok(zns_open(drive, 4));
    zns_assert_zone(drive, 4, EXPLICITLY_OPEN, 0);
    g_assert_cmpuint(count_in_state(drive, NVME_ZONE_REPORT_IMPLICITLY_OPEN),
                     ==, 2);
    g_assert_cmpuint(count_in_state(drive, NVME_ZONE_REPORT_CLOSED), ==, 2);
    for (i = 0; i < 4; i++) {
        zns_assert_ok(zns_write(drive, zns_lba(drive, i) + 8, 8, i));
    }
    zns_assert_zone(drive, 4, EXPLICITLY_OPEN, 0);
}

static void auto_close_off(ZnsDrive *drive)
{
    uint32_t i;

    for (i = 0; i < 3; i++) {
        zns_assert_ok(zns_write(drive, zns_lba(drive, i), 8, i));
    }
    zns_assert_status(zns_write(drive, zns_lba(drive, 3), 8, 3),
                      NVME_ZONE_TOO_MANY_OPEN);
    for (i = 0; i < 3; i++) {
        zns_assert_zone(drive, i, IMPLICITLY_OPEN, 8);
    }
    zns_assert_zone(drive, 3, EMPTY, 0);
}

static void equal_limits(ZnsDrive *drive)
{
    zns_assert_ok(zns_open(drive, 0));
    zns_assert_ok(zns_open(drive, 1));
    zns_assert_status(zns_open(drive, 2), NVME_ZONE_TOO_MANY_ACTIVE);
    zns_assert_status(zns_write(drive, zns_lba(drive, 2), 8, 9),
                      NVME_ZONE_TOO_MANY_ACTIVE);
    zns_assert_zone(drive, 2, EMPTY, 0);
}

static void no_limits(ZnsDrive *drive)
{
    uint32_t i;

    for (i = 0; i < drive->nr_zones; i++) {
        zns_assert_ok(zns_open(drive, i));
    }
    g_assert_cmpuint(count_in_state(drive, NVME_ZONE_REPORT_EXPLICITLY_OPEN),
                     ==, drive->nr_zones);
}

static const ZnsSpec spec_no_auto_close = {
    .device_bytes = 64 * MiB,
    .zone_bytes = 4 * MiB,
    .capacity_bytes = 3 * MiB,
    .max_open_zones = 3,
    .max_active_zones = 5,
    .block_bytes = 512,
    .ctrl_options = ",zoned.auto_transition=off",
};

static const ZnsSpec spec_equal_limits = {
    .device_bytes = 64 * MiB,
    .zone_bytes = 4 * MiB,
    .capacity_bytes = 3 * MiB,
    .max_open_zones = 2,
    .max_active_zones = 2,
    .block_bytes = 512,
};

const ZnsTest zns_limit_tests[] = {
    { "limits/too-many-open-zones", open_limit, ZNS_BOTH },
    { "limits/too-many-active-zones", active_limit, ZNS_BOTH },
    { "limits/full-zones-hold-no-resources", full_zone_frees_resources,
      ZNS_BOTH },
    { "limits/implicitly-opened-zone-is-closed-to-make-room", auto_close,
      ZNS_BOTH },
    { "limits/none-is-closed-without-auto-transition", auto_close_off,
      ZNS_BOTH, &spec_no_auto_close },
    { "limits/too-many-active-when-both-are-exhausted", equal_limits,
      ZNS_BOTH, &spec_equal_limits },
    { "limits/none", no_limits, ZNS_BOTH, &zns_spec_plain },
    { }
};

/* Zone descriptor extensions */

static void zde_from_empty(ZnsDrive *drive)
{
    zns_assert_ok(zns_set_zde(drive, 2, 42));
    zns_assert_zone(drive, 2, CLOSED, 0);
    g_assert_cmphex(zns_zone(drive, 2).attributes, ==,
                    NVME_ZA_ZD_EXT_VALID);
    g_assert_true(zns_zde_is(drive, 2, 42));
    g_assert_true(zns_zde_is_zero(drive, 1));
    g_assert_cmphex(zns_zone(drive, 1).attributes, ==, 0);
}

static void zde_kept_while_written(ZnsDrive *drive)
{
    uint64_t lba = zns_lba(drive, 2);

    zns_assert_ok(zns_set_zde(drive, 2, 42));
    zns_assert_ok(zns_write(drive, lba, 8, 1));
    zns_assert_zone(drive, 2, IMPLICITLY_OPEN, 8);
    g_assert_true(zns_zde_is(drive, 2, 42));
    zns_assert_ok(zns_finish(drive, 2));
    g_assert_cmphex(zns_zone(drive, 2).attributes, ==,
                    NVME_ZA_ZD_EXT_VALID);
    g_assert_true(zns_zde_is(drive, 2, 42));
    g_assert_true(zns_holds(drive, lba, 8, 1));
}

static void zde_cleared_by_reset(ZnsDrive *drive)
{
    zns_assert_ok(zns_set_zde(drive, 2, 42));
    zns_assert_ok(zns_reset(drive, 2));
    zns_assert_zone(drive, 2, EMPTY, 0);
    g_assert_cmphex(zns_zone(drive, 2).attributes, ==, 0);
    g_assert_true(zns_zde_is_zero(drive, 2));
    zns_assert_ok(zns_set_zde(drive, 2, 43));
    g_assert_true(zns_zde_is(drive, 2, 43));
}

static void zde_refused_keeps_stored(ZnsDrive *drive)
{
    zns_assert_ok(zns_set_zde(drive, 2, 42));
    zns_assert_status(zns_set_zde(drive, 2, 43), NVME_ZONE_INVAL_TRANSITION);
    g_assert_true(zns_zde_is(drive, 2, 42));
    zns_assert_ok(zns_open(drive, 2));
    zns_assert_status(zns_set_zde(drive, 2, 43), NVME_ZONE_INVAL_TRANSITION);
    zns_assert_zone(drive, 2, EXPLICITLY_OPEN, 0);
    zns_assert_ok(zns_finish(drive, 2));
    zns_assert_status(zns_set_zde(drive, 2, 43), NVME_ZONE_INVAL_TRANSITION);
    g_assert_true(zns_zde_is(drive, 2, 42));
}

static void zde_refused_where_none(ZnsDrive *drive)
{
    prepare_zones(drive);
    zns_assert_status(zns_set_zde(drive, IMPLICIT_ZONE, 1),
                      NVME_ZONE_INVAL_TRANSITION);
    zns_assert_status(zns_set_zde(drive, EXPLICIT_ZONE, 1),
                      NVME_ZONE_INVAL_TRANSITION);
    zns_assert_status(zns_set_zde(drive, CLOSED_ZONE, 1),
                      NVME_ZONE_INVAL_TRANSITION);
    zns_assert_status(zns_set_zde(drive, FULL_ZONE, 1),
                      NVME_ZONE_INVAL_TRANSITION);
    check_prepared_zones(drive);
    g_assert_true(zns_zde_is_zero(drive, CLOSED_ZONE));
}

static void zde_needs_active_resource(ZnsDrive *drive)
{
    uint32_t i;

    for (i = 0; i < 5; i++) {
        zns_assert_ok(zns_set_zde(drive, i, i));
    }
    zns_assert_status(zns_set_zde(drive, 5, 5), NVME_ZONE_TOO_MANY_ACTIVE);
    zns_assert_zone(drive, 5, EMPTY, 0);
    g_assert_true(zns_zde_is_zero(drive, 5));
    zns_assert_ok(zns_reset(drive, 0));
    zns_assert_ok(zns_set_zde(drive, 5, 5));
    g_assert_true(zns_zde_is(drive, 5, 5));
    g_assert_true(zns_zde_is(drive, 4, 4));
}

static void zde_select_all(ZnsDrive *drive)
{
    zns_assert_status(zns_send(drive, 0, NVME_ZONE_ACTION_SET_ZD_EXT |
                               ZNS_SELECT_ALL), NVME_INVALID_FIELD);
    zns_assert_zone(drive, 0, EMPTY, 0);
}

static void zde_unsupported(ZnsDrive *drive)
{
    zns_assert_status(zns_set_zde(drive, 0, 1), NVME_INVALID_FIELD);
    zns_assert_zone(drive, 0, EMPTY, 0);
}

const ZnsTest zns_zde_tests[] = {
    { "zde/set-on-an-empty-zone-closes-it", zde_from_empty, ZNS_BOTH },
    { "zde/stays-while-the-zone-is-written", zde_kept_while_written,
      ZNS_BOTH },
    { "zde/is-cleared-by-reset", zde_cleared_by_reset, ZNS_BOTH },
    { "zde/refused-one-leaves-the-stored-one", zde_refused_keeps_stored,
      ZNS_BOTH },
    { "zde/only-on-empty-zones", zde_refused_where_none, ZNS_BOTH },
    { "zde/needs-an-active-resource", zde_needs_active_resource, ZNS_BOTH },
    { "zde/select-all-is-invalid-field", zde_select_all, ZNS_BOTH },
    { "zde/is-invalid-field-where-not-supported", zde_unsupported, ZNS_BOTH,
      &zns_spec_plain },
    { }
};
