/*
 * Failed writes that are made again, and discards in flight
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Each test shows one rule of failed ranges.  Zone 1 gets writes of 4 KiB side
 * by side, numbered from its start, which end well or badly in the order that
 * matters; then both write pointers, the reported and the stored one, the
 * reservation, and what can be written again are looked at.
 */

#include "qemu/osdep.h"
#include "zone-test.h"

#define A_OK(expression) g_assert_cmpint((expression), ==, ZONE_OK)
#define REFUSED(expression, status)                                     \
    g_assert_cmpstr(zone_status_str(expression), ==, zone_status_str(status))

#define UNIT        4096
#define NR_UNITS    (ZONE_CAP / UNIT)

static uint64_t stored_of(const ZoneTable *table)
{
    return zone_word_wp_bytes(zone_table_word(table, 1)) - ZONE_LEN;
}

/* In units; the table recounts itself on the way */
static void expect_at(const ZoneTable *table, unsigned wp, unsigned stored,
                      unsigned reserved)
{
    g_assert_cmpint(wp_of(table, 1), ==, wp * UNIT);
    g_assert_cmpint(stored_of(table), ==, stored * UNIT);
    g_assert_cmpint(reserved_of(table, 1), ==, reserved * UNIT);
}

static ZoneStatus begin(ZoneTable *table, ZoneWrite *write, unsigned n)
{
    uint64_t offset_bytes = ZONE_LEN + n * UNIT;
    ZoneStatus foretold = zone_table_check_write(table, offset_bytes, UNIT);
    ZoneStatus status = begin_at(table, write, 1, n * UNIT, UNIT);

    g_assert_cmpint(foretold, ==, status);
    zone_table_verify(table);
    return status;
}

static void begin_many(ZoneTable *table, ZoneWrite *writes, unsigned first,
                       unsigned nr)
{
    unsigned i;

    for (i = first; i < first + nr; i++) {
        A_OK(begin(table, &writes[i], i));
    }
}

static bool end_well(ZoneTable *table, ZoneWrite *write)
{
    bool changed = zone_table_write_end(table, write, true);

    zone_table_verify(table);
    return changed;
}

static bool end_badly(ZoneTable *table, ZoneWrite *write)
{
    bool changed = zone_table_write_end(table, write, false);

    zone_table_verify(table);
    return changed;
}

/* Writes 0 to nr - 1, of which "f" fail and "w" end well, the lowest first */
static ZoneTable *make_written(const char *ends)
{
    ZoneTable *table = make_table(.zrwa_bytes = 2 * UNIT,
                                  .zrwa_granularity_bytes = UNIT);
    ZoneWrite w[NR_UNITS];
    unsigned i;

    begin_many(table, w, 0, strlen(ends));
    for (i = 0; ends[i]; i++) {
        zone_table_write_end(table, &w[i], ends[i] == 'w');
        zone_table_verify(table);
    }
    return table;
}

static void write_again(ZoneTable *table, unsigned n)
{
    ZoneWrite w;

    A_OK(begin(table, &w, n));
    end_well(table, &w);
}

/* Making again */

/* What is reported waits for the failed write, and goes on with its retry */
static void test_retry(void)
{
    ZoneTable *table = make_written("wfww");
    ZoneWrite w;

    expect_at(table, 1, 4, 4);
    A_OK(begin(table, &w, 1));
    expect_at(table, 1, 4, 4);
    /* Only what is reported changes */
    g_assert_false(end_well(table, &w));
    expect_at(table, 4, 4, 4);
    REFUSED(begin(table, &w, 1), ZONE_ERR_NOT_AT_WP);
    zone_table_free(table);
}

/* Nothing but exactly that range */
static void test_other_ranges(void)
{
    ZoneTable *table = make_written("wffw");
    ZoneWrite w;

    REFUSED(begin_at(table, &w, 1, UNIT, 512), ZONE_ERR_NOT_AT_WP);
    REFUSED(begin_at(table, &w, 1, UNIT, 2 * UNIT), ZONE_ERR_NOT_AT_WP);
    REFUSED(begin_at(table, &w, 1, UNIT + 512, UNIT - 512),
            ZONE_ERR_NOT_AT_WP);
    REFUSED(begin(table, &w, 0), ZONE_ERR_NOT_AT_WP);
    REFUSED(begin(table, &w, 3), ZONE_ERR_NOT_AT_WP);
    g_assert_cmpint(zone_table_check_write(table, ZONE_LEN + UNIT, 512), ==,
                    ZONE_ERR_NOT_AT_WP);
    /* The reservation is as good as ever, appends go there */
    A_OK(append_to(table, &w, 1, UNIT));
    g_assert_cmpint(w.start_bytes, ==, ZONE_LEN + 4 * UNIT);
    end_well(table, &w);
    write_again(table, 1);
    write_again(table, 2);
    expect_at(table, 5, 5, 5);
    zone_table_free(table);
}

/* Not while it is being made again already; after that, if it failed again */
static void test_retry_fails(void)
{
    ZoneTable *table = make_written("fw");
    ZoneWrite a, b;

    A_OK(begin(table, &a, 0));
    REFUSED(begin(table, &b, 0), ZONE_ERR_NOT_AT_WP);
    g_assert_false(end_badly(table, &a));
    expect_at(table, 0, 2, 2);
    write_again(table, 0);
    expect_at(table, 2, 2, 2);
    zone_table_free(table);
}

/* In any order, and at the same time */
static void test_retry_several(void)
{
    ZoneTable *table = make_written("fwffwfw");
    ZoneWrite w[NR_UNITS];

    A_OK(begin(table, &w[5], 5));
    A_OK(begin(table, &w[3], 3));
    A_OK(begin(table, &w[2], 2));
    A_OK(begin(table, &w[0], 0));
    end_well(table, &w[2]);
    end_badly(table, &w[3]);
    end_well(table, &w[0]);
    expect_at(table, 3, 7, 7);
    A_OK(begin(table, &w[3], 3));
    end_well(table, &w[3]);
    expect_at(table, 5, 7, 7);
    end_well(table, &w[5]);
    expect_at(table, 7, 7, 7);
    zone_table_free(table);
}

/* While what was behind it is still in flight */
static void test_retry_below_flight(void)
{
    ZoneTable *table = make_table();
    ZoneWrite w[NR_UNITS];

    begin_many(table, w, 0, 3);
    end_badly(table, &w[0]);
    expect_at(table, 0, 0, 3);
    A_OK(begin(table, &w[0], 0));
    end_well(table, &w[0]);
    expect_at(table, 1, 1, 3);
    end_well(table, &w[2]);
    end_well(table, &w[1]);
    expect_at(table, 3, 3, 3);
    zone_table_free(table);
}

/* A Closed zone keeps its failed ranges; a retry opens it, if there is room */
static void test_retry_opens(void)
{
    ZoneTable *table = make_table(.max_open_zones = 1);
    ZoneWrite w[NR_UNITS];

    begin_many(table, w, 0, 2);
    end_badly(table, &w[0]);
    end_well(table, &w[1]);
    expect_send(table, 1, ZONE_EVENT_OPEN);
    expect_send(table, 1, ZONE_EVENT_CLOSE);
    expect_at(table, 0, 2, 2);
    expect_send(table, 2, ZONE_EVENT_OPEN);
    REFUSED(begin(table, &w[0], 0), ZONE_ERR_TOO_MANY_OPEN);
    expect_send(table, 2, ZONE_EVENT_CLOSE);
    zone_table_hold(table, 1);
    REFUSED(begin(table, &w[0], 0), ZONE_BUSY);
    zone_table_release(table, 1);
    A_OK(begin(table, &w[0], 0));
    g_assert_cmpint(state_of(table, 1), ==, ZONE_STATE_IMPLICITLY_OPENED);
    expect_send(table, 1, ZONE_EVENT_CLOSE);
    end_well(table, &w[0]);
    expect_at(table, 2, 2, 2);
    zone_table_free(table);
}

/* Closed to make room: the same */
static void test_retry_after_auto_close(void)
{
    ZoneTable *table = make_table(.max_open_zones = 1, .auto_close = true);
    ZoneWrite w[NR_UNITS];

    begin_many(table, w, 0, 2);
    end_badly(table, &w[0]);
    end_well(table, &w[1]);
    A_OK(write_some(table, 2, UNIT));
    g_assert_cmpint(state_of(table, 1), ==, ZONE_STATE_CLOSED);
    expect_at(table, 0, 2, 2);
    write_again(table, 0);
    g_assert_cmpint(state_of(table, 2), ==, ZONE_STATE_CLOSED);
    expect_at(table, 2, 2, 2);
    zone_table_free(table);
}

/* All but one is written: not Full yet, and full for all but that one */
static void test_retry_fills(void)
{
    ZoneTable *table = make_written("wfwwwwwwwwww");
    ZoneWrite w;

    expect_at(table, 1, NR_UNITS, NR_UNITS);
    g_assert_cmpint(state_of(table, 1), ==, ZONE_STATE_IMPLICITLY_OPENED);
    REFUSED(begin_at(table, &w, 1, UNIT, 512), ZONE_ERR_FULL);
    REFUSED(begin(table, &w, 2), ZONE_ERR_FULL);
    REFUSED(append_to(table, &w, 1, 512), ZONE_ERR_FULL);
    A_OK(begin(table, &w, 1));
    REFUSED(begin(table, &w, 1), ZONE_ERR_FULL);
    end_badly(table, &w);
    g_assert_cmpint(state_of(table, 1), ==, ZONE_STATE_IMPLICITLY_OPENED);
    write_again(table, 1);
    g_assert_cmpint(state_of(table, 1), ==, ZONE_STATE_FULL);
    zone_table_free(table);
}

/* Rolling back */

/* To the end of what has been written, over all that failed */
static void test_roll_back(void)
{
    ZoneTable *table = make_written("wfwfff");

    expect_at(table, 1, 3, 3);
    write_again(table, 3);
    expect_at(table, 1, 4, 4);
    write_again(table, 1);
    expect_at(table, 4, 4, 4);
    zone_table_free(table);
}

/* ... or of what is in flight */
static void test_roll_back_to_flight(void)
{
    ZoneTable *table = make_table();
    ZoneWrite w[NR_UNITS];

    begin_many(table, w, 0, 4);
    end_badly(table, &w[2]);
    end_badly(table, &w[3]);
    expect_at(table, 0, 0, 2);
    end_badly(table, &w[0]);
    end_badly(table, &w[1]);
    expect_at(table, 0, 0, 0);
    zone_table_free(table);
}

/* ... which includes what is made again; should that fail, on from there */
static void test_roll_back_to_retry(void)
{
    ZoneTable *table = make_table();
    ZoneWrite w[NR_UNITS];

    begin_many(table, w, 0, 3);
    end_badly(table, &w[0]);
    end_badly(table, &w[1]);
    A_OK(begin(table, &w[1], 1));
    end_badly(table, &w[2]);
    expect_at(table, 0, 0, 2);
    end_badly(table, &w[1]);
    expect_at(table, 0, 0, 0);
    /* All are known still */
    write_again(table, 2);
    write_again(table, 1);
    write_again(table, 0);
    expect_at(table, 3, 3, 3);
    zone_table_free(table);
}

/* As above, but it ends well: the others are known beyond it */
static void test_roll_back_to_good_retry(void)
{
    ZoneTable *table = make_table();
    ZoneWrite w[NR_UNITS];

    begin_many(table, w, 0, 3);
    end_badly(table, &w[0]);
    end_badly(table, &w[1]);
    A_OK(begin(table, &w[1], 1));
    end_badly(table, &w[2]);
    g_assert_true(end_well(table, &w[1]));
    expect_at(table, 0, 2, 2);
    write_again(table, 2);
    write_again(table, 0);
    expect_at(table, 3, 3, 3);
    zone_table_free(table);
}

/* A device makes all again, the last first */
static void test_last_first(void)
{
    ZoneTable *table = make_written("wff");
    ZoneWrite a, b;

    expect_at(table, 1, 1, 1);
    A_OK(begin(table, &b, 2));
    expect_at(table, 1, 1, 3);
    A_OK(begin(table, &a, 1));
    g_assert_true(end_well(table, &b));
    expect_at(table, 1, 3, 3);
    end_well(table, &a);
    expect_at(table, 3, 3, 3);
    zone_table_free(table);
}

/* The one in the middle first: one is below then, one beyond */
static void test_middle_first(void)
{
    ZoneTable *table = make_written("fff");
    ZoneWrite w;

    A_OK(begin(table, &w, 1));
    expect_at(table, 0, 0, 2);
    write_again(table, 2);
    expect_at(table, 0, 0, 3);
    write_again(table, 0);
    end_well(table, &w);
    expect_at(table, 3, 3, 3);
    zone_table_free(table);
}

/* The last again, and it fails again: everything is back where it was */
static void test_last_first_fails(void)
{
    ZoneTable *table = make_written("wfff");
    ZoneWrite w;

    A_OK(begin(table, &w, 3));
    end_badly(table, &w);
    expect_at(table, 1, 1, 1);
    write_again(table, 3);
    write_again(table, 2);
    write_again(table, 1);
    expect_at(table, 4, 4, 4);
    zone_table_free(table);
}

/* Something else at the reservation: what is known beyond is forgotten */
static void test_other_at_reservation(void)
{
    ZoneTable *table = make_written("wfff");
    ZoneWrite w;

    A_OK(begin_at(table, &w, 1, UNIT, 512));
    REFUSED(begin(table, &(ZoneWrite) {}, 2), ZONE_ERR_NOT_AT_WP);
    end_badly(table, &w);
    REFUSED(begin(table, &w, 3), ZONE_ERR_NOT_AT_WP);
    /* What has failed last was alone at the tail */
    A_OK(begin(table, &w, 1));
    end_well(table, &w);
    REFUSED(begin(table, &w, 3), ZONE_ERR_NOT_AT_WP);
    expect_at(table, 2, 2, 2);
    zone_table_free(table);
}

/* The known one at the reservation does not forget those behind it */
static void test_same_at_reservation(void)
{
    ZoneTable *table = make_written("wfff");

    write_again(table, 1);
    expect_at(table, 2, 2, 2);
    write_again(table, 3);
    expect_at(table, 2, 4, 4);
    write_again(table, 2);
    expect_at(table, 4, 4, 4);
    zone_table_free(table);
}

/* An append forgets them even if it is as long as the known one */
static void test_append_at_reservation(void)
{
    ZoneTable *table = make_written("wfff");
    ZoneWrite w;

    A_OK(append_to(table, &w, 1, UNIT));
    g_assert_cmpint(w.start_bytes, ==, ZONE_LEN + UNIT);
    end_well(table, &w);
    REFUSED(begin(table, &w, 3), ZONE_ERR_NOT_AT_WP);
    write_again(table, 2);
    expect_at(table, 3, 3, 3);
    zone_table_free(table);
}

/* Appends */

/* Passed as soon as something has been written above; never made again */
static void test_append_lost(void)
{
    ZoneTable *table = make_table();
    ZoneWrite a, b, c;

    A_OK(append_to(table, &a, 1, UNIT));
    A_OK(append_to(table, &b, 1, UNIT));
    A_OK(append_to(table, &c, 1, UNIT));
    end_badly(table, &a);
    expect_at(table, 0, 0, 3);
    REFUSED(begin(table, &a, 0), ZONE_ERR_NOT_AT_WP);
    end_well(table, &b);
    expect_at(table, 2, 2, 3);
    end_well(table, &c);
    expect_at(table, 3, 3, 3);
    REFUSED(begin(table, &a, 0), ZONE_ERR_NOT_AT_WP);
    zone_table_free(table);
}

/* A roll-back goes over it, so the write pointer does not wait at its end */
static void test_append_rolled_over(void)
{
    ZoneTable *table = make_table();
    ZoneWrite w[NR_UNITS];
    unsigned i;

    A_OK(append_to(table, &w[0], 1, UNIT));
    A_OK(append_to(table, &w[1], 1, UNIT));
    A_OK(append_to(table, &w[2], 1, UNIT));
    end_badly(table, &w[1]);
    end_well(table, &w[0]);
    expect_at(table, 1, 1, 3);
    g_assert_false(end_badly(table, &w[2]));
    expect_at(table, 1, 1, 1);
    for (i = 1; i < 3; i++) {
        A_OK(append_to(table, &w[i], 1, UNIT));
        g_assert_cmpint(w[i].start_bytes, ==, ZONE_LEN + i * UNIT);
    }
    end_well(table, &w[1]);
    end_well(table, &w[2]);
    zone_table_free(table);
}

/* What is beyond a lost append cannot be made again, what is below it can */
static void test_beyond_append(void)
{
    ZoneTable *table = make_table();
    ZoneWrite w[NR_UNITS];

    begin_many(table, w, 0, 3);
    A_OK(append_to(table, &w[3], 1, UNIT));
    begin_many(table, w, 4, 2);
    end_well(table, &w[0]);
    end_badly(table, &w[5]);
    end_badly(table, &w[4]);
    end_badly(table, &w[3]);
    end_badly(table, &w[1]);
    end_badly(table, &w[2]);
    expect_at(table, 1, 1, 1);
    REFUSED(begin(table, &w[5], 5), ZONE_ERR_NOT_AT_WP);
    REFUSED(begin(table, &w[4], 4), ZONE_ERR_NOT_AT_WP);
    REFUSED(begin(table, &w[3], 3), ZONE_ERR_NOT_AT_WP);
    write_again(table, 2);
    write_again(table, 1);
    expect_at(table, 3, 3, 3);
    zone_table_free(table);
}

/* What is stored, and what a commit waits for */

/* It passes a failed range with something written above it, and no other */
static void test_stored(void)
{
    ZoneTable *table = make_table();
    ZoneWrite w[NR_UNITS];

    begin_many(table, w, 0, 4);
    g_assert_true(end_well(table, &w[0]));
    g_assert_false(end_badly(table, &w[1]));
    expect_at(table, 1, 1, 4);
    g_assert_false(end_badly(table, &w[2]));
    expect_at(table, 1, 1, 4);
    g_assert_true(end_well(table, &w[3]));
    expect_at(table, 1, 4, 4);
    zone_table_free(table);
}

/* It never goes back, and no commit waits, for a retry of what it has passed */
static void test_stored_with_retry(void)
{
    ZoneTable *table = make_written("wfw");
    ZoneWrite a, b;

    A_OK(begin(table, &a, 1));
    expect_at(table, 1, 3, 3);
    A_OK(begin(table, &b, 3));
    g_assert_true(end_well(table, &b));
    expect_at(table, 1, 4, 4);
    g_assert_false(a.passed_by);
    g_assert_false(zone_table_passed_by(table, UINT64_MAX));
    g_assert_false(end_badly(table, &a));
    expect_at(table, 1, 4, 4);
    zone_table_free(table);
}

/* A commit does wait for what is in flight below a retry that ended well */
static void test_retry_passes(void)
{
    ZoneTable *table = make_table();
    ZoneWrite w[NR_UNITS];

    begin_many(table, w, 0, 4);
    end_badly(table, &w[1]);
    A_OK(begin(table, &w[1], 1));
    end_well(table, &w[1]);
    g_assert_true(w[0].passed_by);
    g_assert_false(w[2].passed_by);
    g_assert_true(zone_table_passed_by(table, UINT64_MAX));
    end_well(table, &w[0]);
    expect_at(table, 2, 2, 4);
    end_well(table, &w[2]);
    end_well(table, &w[3]);
    zone_table_free(table);
}

/* Beyond the reservation, what is stored has passed nothing: it waits */
static void test_stored_with_last_first(void)
{
    ZoneTable *table = make_written("wff");
    ZoneWrite a, b;

    A_OK(begin(table, &a, 2));
    A_OK(begin(table, &b, 3));
    end_well(table, &b);
    expect_at(table, 1, 1, 4);
    g_assert_true(a.passed_by);
    g_assert_true(end_well(table, &a));
    expect_at(table, 1, 4, 4);
    zone_table_free(table);
}

/* With the capacity written, it is that of a Full zone, without FZR */
static void test_stored_full(void)
{
    ZoneTable *table = make_written("fwwwwwwwwwww");
    bool changed;

    advise(table, 1, ZONE_ATTR_FZR | ZONE_ATTR_RZR, 0);
    g_assert_cmphex(zone_table_word(table, 1), ==,
                    zone_word_encode(ZONE_WORD_DERIVED, false, ZONE_ATTR_RZR,
                                     ZONE_LEN + ZONE_CAP));
    g_assert_cmphex(zone_table_word_after(table, 1, ZONE_EVENT_CLOSE), ==,
                    zone_table_word(table, 1));
    A_OK(zone_table_event(table, 1, ZONE_EVENT_CLOSE, &changed));
    g_assert_false(changed);
    A_OK(zone_table_event(table, 1, ZONE_EVENT_POWER_CYCLE, &changed));
    g_assert_false(changed);
    g_assert_cmpint(state_of(table, 1), ==, ZONE_STATE_FULL);
    zone_table_free(table);
}

/* Events */

static void check_event(ZoneEvent event, ZoneState state, unsigned wp)
{
    ZoneTable *table = make_written("wfwff");
    uint64_t after = zone_table_word_after(table, 1, event);
    ZoneWrite w;

    expect_at(table, 1, 3, 3);
    expect_send(table, 1, event);
    g_assert_cmpint(state_of(table, 1), ==, state);
    expect_at(table, wp, wp, wp);
    g_assert_cmphex(zone_table_word(table, 1), ==, after);
    g_assert_cmpint(begin(table, &w, 1), !=, ZONE_OK);
    g_assert_cmpint(begin(table, &w, 4), !=, ZONE_OK);
    zone_table_free(table);
}

/* What ends a life, or stores what is written, forgets what failed */
static void test_forgetting(void)
{
    check_event(ZONE_EVENT_RESET, ZONE_STATE_EMPTY, 0);
    check_event(ZONE_EVENT_FINISH, ZONE_STATE_FULL, 3);
    check_event(ZONE_EVENT_POWER_CYCLE, ZONE_STATE_CLOSED, 3);
    check_event(ZONE_EVENT_FAULT_READ_ONLY, ZONE_STATE_READ_ONLY, 3);
    check_event(ZONE_EVENT_FAULT_OFFLINE, ZONE_STATE_OFFLINE, 1);
}

static void test_load_forgets(void)
{
    ZoneTable *table = make_written("wfwff");
    ZoneWrite w;

    expect_at(table, 1, 3, 3);
    zone_table_load_word(table, 1, ZONE_LEN + 2 * UNIT);
    expect_at(table, 2, 2, 2);
    REFUSED(begin(table, &w, 1), ZONE_ERR_NOT_AT_WP);
    REFUSED(begin(table, &w, 3), ZONE_ERR_NOT_AT_WP);
    zone_table_free(table);
}

/* Nothing written but what failed: Empty after a power cycle */
static void test_forgotten_unwritten(void)
{
    ZoneTable *table = make_written("ff");
    ZoneWrite w;

    g_assert_cmpint(state_of(table, 1), ==, ZONE_STATE_IMPLICITLY_OPENED);
    expect_send(table, 1, ZONE_EVENT_POWER_CYCLE);
    g_assert_cmpint(state_of(table, 1), ==, ZONE_STATE_EMPTY);
    REFUSED(begin(table, &w, 1), ZONE_ERR_NOT_AT_WP);
    zone_table_free(table);
}

/* A ZRWA comes to Empty zones alone, and what failed is not forgotten */
static void test_open_zrwa(void)
{
    ZoneTable *table = make_written("wfwff");

    REFUSED(send(table, 1, ZONE_EVENT_OPEN_ZRWA), ZONE_ERR_NO_ZRWA);
    expect_at(table, 1, 3, 3);
    write_again(table, 1);
    expect_at(table, 3, 3, 3);
    zone_table_free(table);
}

/* Reads */

/* From unit first on: "d" for data, "z" for zeros */
static void expect_read(const ZoneTable *table, unsigned first,
                        const char *kinds)
{
    uint64_t pos_bytes = ZONE_LEN + first * UNIT;
    uint64_t left_bytes = strlen(kinds) * UNIT;

    while (left_bytes) {
        uint64_t extent_bytes;
        bool data = zone_table_read_extent(table, pos_bytes, left_bytes,
                                           &extent_bytes);
        unsigned i;

        g_assert_cmpint(extent_bytes % UNIT, ==, 0);
        for (i = 0; i < extent_bytes / UNIT; i++) {
            g_assert_cmpint(*kinds++, ==, data ? 'd' : 'z');
        }
        pos_bytes += extent_bytes;
        left_bytes -= extent_bytes;
    }
}

/* Zeros where a write failed, also while it is made again; data above */
static void test_read(void)
{
    ZoneTable *table = make_written("wffwwf");
    ZoneWrite w;

    expect_read(table, 0, "dzzddz");
    A_OK(begin(table, &w, 2));
    expect_read(table, 0, "dzzddz");
    expect_read(table, 2, "zd");
    end_well(table, &w);
    expect_read(table, 0, "dzdddz");
    A_OK(begin(table, &w, 5));
    expect_read(table, 0, "dzdddz");
    end_well(table, &w);
    expect_read(table, 0, "dzdddd");
    write_again(table, 1);
    expect_read(table, 0, "ddddddz");
    zone_table_free(table);
}

/* What an append has lost is hidden above the write pointer, not below */
static void test_read_append(void)
{
    ZoneTable *table = make_table();
    ZoneWrite a, b, c;

    A_OK(begin(table, &a, 0));
    A_OK(append_to(table, &b, 1, UNIT));
    A_OK(begin(table, &c, 2));
    end_badly(table, &b);
    end_well(table, &c);
    expect_read(table, 0, "zzdz");
    end_well(table, &a);
    expect_at(table, 3, 3, 3);
    expect_read(table, 0, "dddz");
    zone_table_free(table);
}

/* Once forgotten, undefined: the disk has them below its write pointer */
static void test_read_forgotten(void)
{
    ZoneTable *table = make_written("wfw");

    expect_read(table, 0, "dzdz");
    expect_send(table, 1, ZONE_EVENT_FINISH);
    expect_read(table, 0, "dddz");
    zone_table_free(table);
}

/* Zones 256 apart share a bucket, and nothing else */
static void test_same_bucket(void)
{
    ZoneTable *table = zone_table_new(&(ZoneGeometry) {
        .zone_bytes = ZONE_LEN, .capacity_bytes = ZONE_CAP, .nr_zones = 600,
    });
    static const uint32_t zones[] = { 257, 513, 1 };
    ZoneWrite w[3][2];
    unsigned i;

    for (i = 0; i < 3; i++) {
        A_OK(begin_at(table, &w[i][0], zones[i], 0, UNIT));
        A_OK(begin_at(table, &w[i][1], zones[i], UNIT, UNIT));
        end_badly(table, &w[i][0]);
        end_well(table, &w[i][1]);
    }
    expect_send(table, 257, ZONE_EVENT_RESET);
    A_OK(begin_at(table, &w[0][0], 257, 0, 2 * UNIT));
    REFUSED(begin_at(table, &w[0][1], 257, 0, UNIT), ZONE_ERR_NOT_AT_WP);
    end_well(table, &w[0][0]);
    for (i = 1; i < 3; i++) {
        g_assert_cmpint(wp_of(table, zones[i]), ==, 0);
        A_OK(begin_at(table, &w[i][0], zones[i], 0, UNIT));
        end_well(table, &w[i][0]);
        g_assert_cmpint(wp_of(table, zones[i]), ==, 2 * UNIT);
    }
    zone_table_free(table);
}

/* Discards */

/* A hold waits for them, and they for a hold; in zones of all kinds */
static void test_discard(void)
{
    ZoneTable *table = make_table(.conventional_zones = 1);
    ZoneWrite a, b, c;

    A_OK(write_some(table, 1, 2 * UNIT));
    A_OK(zone_table_discard_begin(table, &a, ZONE_LEN, UNIT));
    A_OK(zone_table_discard_begin(table, &b, ZONE_LEN, 2 * UNIT));
    A_OK(zone_table_discard_begin(table, &c, 512, 512));
    g_assert_true(zone_table_in_flight(table, 0));
    g_assert_false(zone_table_in_flight(table, 2));
    zone_table_hold(table, 1);
    REFUSED(zone_table_discard_begin(table, &(ZoneWrite) {}, ZONE_LEN, UNIT),
            ZONE_BUSY);
    zone_table_discard_end(table, &a);
    g_assert_true(zone_table_in_flight(table, 1));
    zone_table_discard_end(table, &b);
    g_assert_false(zone_table_in_flight(table, 1));
    zone_table_release(table, 1);
    g_assert_true(zone_table_in_flight(table, 0));
    zone_table_discard_end(table, &c);
    g_assert_false(zone_table_in_flight(table, 0));
    zone_table_verify(table);
    zone_table_free(table);
}

/* Nothing else waits for them */
static void test_discard_alone(void)
{
    ZoneTable *table = make_table(.zrwa_bytes = 2 * UNIT,
                                  .zrwa_granularity_bytes = UNIT);
    ZoneWrite d, w;
    uint64_t seq;

    expect_send(table, 1, ZONE_EVENT_OPEN_ZRWA);
    A_OK(write_some(table, 1, 2 * UNIT));
    A_OK(zone_table_zrwa_flush(table, ZONE_LEN + 2 * UNIT));
    seq = zone_table_next_seq(table);
    A_OK(zone_table_discard_begin(table, &d, ZONE_LEN, UNIT));
    g_assert_cmpint(zone_table_next_seq(table), ==, seq);
    expect_at(table, 2, 2, 2);
    expect_read(table, 0, "ddz");
    A_OK(begin_at(table, &w, 1, 5 * UNIT, UNIT));
    g_assert_cmpint(zone_table_write_gap(table, &w), ==, ZONE_LEN + 2 * UNIT);
    zone_table_gap_filled(table, &w);
    end_well(table, &w);
    g_assert_false(zone_table_passed_by(table, UINT64_MAX));
    expect_at(table, 4, 6, 6);
    zone_table_discard_end(table, &d);
    expect_at(table, 4, 6, 6);
    zone_table_free(table);
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*run)(void);
    } tests[] = {
        { "retry", test_retry },
        { "retry/other-ranges", test_other_ranges },
        { "retry/fails", test_retry_fails },
        { "retry/several", test_retry_several },
        { "retry/below-flight", test_retry_below_flight },
        { "retry/opens", test_retry_opens },
        { "retry/after-auto-close", test_retry_after_auto_close },
        { "retry/fills", test_retry_fills },
        { "roll-back", test_roll_back },
        { "roll-back/to-flight", test_roll_back_to_flight },
        { "roll-back/to-retry", test_roll_back_to_retry },
        { "roll-back/to-good-retry", test_roll_back_to_good_retry },
        { "beyond/last-first", test_last_first },
        { "beyond/middle-first", test_middle_first },
        { "beyond/fails", test_last_first_fails },
        { "beyond/other-at-reservation", test_other_at_reservation },
        { "beyond/same-at-reservation", test_same_at_reservation },
        { "beyond/append-at-reservation", test_append_at_reservation },
        { "append/lost", test_append_lost },
        { "append/rolled-over", test_append_rolled_over },
        { "append/beyond", test_beyond_append },
        { "stored", test_stored },
        { "stored/retry", test_stored_with_retry },
        { "stored/retry-passes", test_retry_passes },
        { "stored/last-first", test_stored_with_last_first },
        { "stored/full", test_stored_full },
        { "event/forgets", test_forgetting },
        { "event/load", test_load_forgets },
        { "event/unwritten", test_forgotten_unwritten },
        { "event/open-zrwa", test_open_zrwa },
        { "read", test_read },
        { "read/append", test_read_append },
        { "read/forgotten", test_read_forgotten },
        { "same-bucket", test_same_bucket },
        { "discard", test_discard },
        { "discard/alone", test_discard_alone },
    };
    size_t i;

    g_test_init(&argc, &argv, NULL);
    for (i = 0; i < G_N_ELEMENTS(tests); i++) {
        g_autofree char *path = g_strdup_printf("/zone/failed/%s",
                                                tests[i].name);

        g_test_add_func(path, tests[i].run);
    }
    return g_test_run();
}
