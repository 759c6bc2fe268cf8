/*
 * Writes in flight: position checks, reservation, frontier, reads
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Each test shows one rule of beginning and ending writes and appends, with
 * several in flight at once where that matters, and what reads see meanwhile.
 */

#include "qemu/osdep.h"
#include "zone-test.h"

#define A_OK(expression) g_assert_cmpint((expression), ==, ZONE_OK)

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

/* Position checks */

static void test_not_at_wp(void)
{
    ZoneTable *table = make_table();
    ZoneWrite w;

    write_some(table, 2, 8192);
    g_assert_cmpint(begin_at(table, &w, 2, 4096, 4096), ==,
                    ZONE_ERR_NOT_AT_WP);
    g_assert_cmpint(begin_at(table, &w, 2, 12288, 4096), ==,
                    ZONE_ERR_NOT_AT_WP);
    A_OK(begin_at(table, &w, 2, 8192, 4096));
    end_well(table, &w);
    zone_table_free(table);
}

static void test_boundary(void)
{
    ZoneTable *table = make_table();
    ZoneWrite w;

    g_assert_cmpint(begin_at(table, &w, 2, 0, ZONE_CAP + 512), ==,
                    ZONE_ERR_BOUNDARY);
    g_assert_cmpint(state_of(table, 2), ==, ZONE_STATE_EMPTY);
    A_OK(begin_at(table, &w, 2, 0, ZONE_CAP));
    end_well(table, &w);
    zone_table_free(table);
}

/* Out of its zone: the first check, whatever state the zone is in */
static void test_crosses_zones(void)
{
    ZoneTable *table = make_table();
    ZoneWrite w;

    bring_to(table, 2, ZONE_STATE_FULL);
    g_assert_cmpint(begin_at(table, &w, 2, 0, ZONE_LEN + 512), ==,
                    ZONE_ERR_BOUNDARY);
    g_assert_cmpint(begin_at(table, &w, 8, 0, 512), ==, ZONE_ERR_BOUNDARY);
    g_assert_cmpint(begin_at(table, &w, 7, 0, UINT64_MAX), ==,
                    ZONE_ERR_BOUNDARY);
    g_assert_cmpint(zone_table_write_begin(table, &w, UINT64_MAX - 511, 512),
                    ==, ZONE_ERR_BOUNDARY);
    zone_table_free(table);
}

/* The order of the checks: state, write pointer, boundary, resources */
static void test_order_of_checks(void)
{
    ZoneTable *table = make_table(.max_open_zones = 1);
    ZoneWrite w;

    bring_to(table, 0, ZONE_STATE_IMPLICITLY_OPENED);
    bring_to(table, 1, ZONE_STATE_FULL);
    g_assert_cmpint(begin_at(table, &w, 1, 512, ZONE_LEN - 512), ==,
                    ZONE_ERR_FULL);
    g_assert_cmpint(begin_at(table, &w, 2, 512, ZONE_LEN - 512), ==,
                    ZONE_ERR_NOT_AT_WP);
    g_assert_cmpint(begin_at(table, &w, 2, 0, ZONE_LEN), ==,
                    ZONE_ERR_BOUNDARY);
    g_assert_cmpint(begin_at(table, &w, 2, 0, 512), ==,
                    ZONE_ERR_TOO_MANY_OPEN);
    zone_table_free(table);
}

static void test_refusing_states(void)
{
    ZoneTable *table = make_table();
    ZoneWrite w;

    bring_to(table, 1, ZONE_STATE_FULL);
    bring_to(table, 2, ZONE_STATE_READ_ONLY);
    bring_to(table, 3, ZONE_STATE_OFFLINE);
    g_assert_cmpint(begin_at(table, &w, 1, 0, 512), ==, ZONE_ERR_FULL);
    g_assert_cmpint(begin_at(table, &w, 2, 0, 512), ==, ZONE_ERR_READ_ONLY);
    g_assert_cmpint(begin_at(table, &w, 3, 0, 512), ==, ZONE_ERR_OFFLINE);
    g_assert_cmpint(append_to(table, &w, 1, 512), ==, ZONE_ERR_FULL);
    g_assert_cmpint(append_to(table, &w, 2, 512), ==, ZONE_ERR_READ_ONLY);
    g_assert_cmpint(append_to(table, &w, 3, 512), ==, ZONE_ERR_OFFLINE);
    zone_table_free(table);
}

/* Asking does not change anything, and answers as the write would */
static void test_check_write(void)
{
    ZoneTable *table = make_table(.max_open_zones = 1, .auto_close = true);
    ZoneWrite w;

    write_some(table, 0, 512);
    A_OK(zone_table_check_write(table, ZONE_LEN, 512));
    g_assert_cmpint(state_of(table, 0), ==, ZONE_STATE_IMPLICITLY_OPENED);
    g_assert_cmpint(state_of(table, 1), ==, ZONE_STATE_EMPTY);
    g_assert_cmpint(zone_table_check_write(table, ZONE_LEN + 512, 512), ==,
                    ZONE_ERR_NOT_AT_WP);
    zone_table_hold(table, 1);
    g_assert_cmpint(zone_table_check_write(table, ZONE_LEN, 512), ==,
                    ZONE_BUSY);
    zone_table_release(table, 1);
    A_OK(begin_at(table, &w, 1, 0, 512));
    end_well(table, &w);
    zone_table_free(table);
}

/* Conventional zones take any write within them, and nothing is tracked */
static void test_conventional(void)
{
    ZoneTable *table = make_table(.conventional_zones = 2);
    ZoneWrite a, b;

    A_OK(begin_at(table, &a, 0, ZONE_LEN - 512, 512));
    A_OK(begin_at(table, &b, 0, 0, 4096));
    g_assert_false(a.tracked);
    g_assert_false(zone_table_in_flight(table, 0));
    g_assert_false(end_well(table, &b));
    g_assert_false(end_badly(table, &a));
    g_assert_cmpint(state_of(table, 0), ==, ZONE_STATE_CONVENTIONAL);
    A_OK(begin_at(table, &a, 0, ZONE_LEN - 512, 1024));
    g_assert_false(end_well(table, &a));
    g_assert_cmpint(begin_at(table, &a, 1, ZONE_LEN - 512, 1024), ==,
                    ZONE_ERR_BOUNDARY);
    zone_table_hold(table, 0);
    g_assert_cmpint(begin_at(table, &a, 0, ZONE_LEN - 512, 1024), ==,
                    ZONE_BUSY);
    zone_table_release(table, 0);
    g_assert_cmpint(append_to(table, &a, 0, 512), ==, ZONE_ERR_CONVENTIONAL);
    zone_table_free(table);
}

/* Appends */

static void test_append(void)
{
    ZoneTable *table = make_table();
    ZoneWrite a, b;

    A_OK(append_to(table, &a, 3, 4096));
    A_OK(append_to(table, &b, 3, 512));
    g_assert_cmpint(a.start_bytes, ==, 3 * ZONE_LEN);
    g_assert_cmpint(b.start_bytes, ==, 3 * ZONE_LEN + 4096);
    g_assert_cmpint(b.end_bytes, ==, 3 * ZONE_LEN + 4608);
    end_well(table, &b);
    end_well(table, &a);
    g_assert_cmpint(wp_of(table, 3), ==, 4608);
    zone_table_free(table);
}

static void test_append_unaligned(void)
{
    ZoneTable *table = make_table();
    ZoneWrite w;

    g_assert_cmpint(zone_table_append_begin(table, &w, 512, 512), ==,
                    ZONE_ERR_UNALIGNED);
    g_assert_cmpint(zone_table_append_begin(table, &w, 8 * ZONE_LEN, 512), ==,
                    ZONE_ERR_UNALIGNED);
    zone_table_free(table);
}

static void test_append_limit(void)
{
    ZoneTable *table = make_table(.max_append_bytes = 4096);
    ZoneWrite w;

    g_assert_cmpint(append_to(table, &w, 0, 4608), ==, ZONE_ERR_APPEND_LIMIT);
    A_OK(append_to(table, &w, 0, 4096));
    end_well(table, &w);
    /* The limit is for appends alone */
    A_OK(write_some(table, 0, 8192));
    zone_table_free(table);
}

static void test_append_boundary(void)
{
    ZoneTable *table = make_table();
    ZoneWrite w;

    write_some(table, 0, ZONE_CAP - 4096);
    g_assert_cmpint(append_to(table, &w, 0, 8192), ==, ZONE_ERR_BOUNDARY);
    g_assert_cmpint(append_to(table, &w, 0, UINT64_MAX), ==,
                    ZONE_ERR_BOUNDARY);
    A_OK(append_to(table, &w, 0, 4096));
    g_assert_cmpint(state_of(table, 0), ==, ZONE_STATE_IMPLICITLY_OPENED);
    end_well(table, &w);
    g_assert_cmpint(state_of(table, 0), ==, ZONE_STATE_FULL);
    g_assert_cmpint(append_to(table, &w, 0, 512), ==, ZONE_ERR_FULL);
    zone_table_free(table);
}

/* Frontier and reservation */

/* Whatever the order of completion, the frontier is the contiguous prefix */
static void test_frontier(void)
{
    ZoneTable *table = make_table();
    ZoneWrite a, b, c;

    A_OK(begin_at(table, &a, 1, 0, 4096));
    A_OK(begin_at(table, &b, 1, 4096, 4096));
    A_OK(begin_at(table, &c, 1, 8192, 512));
    g_assert_cmpint(wp_of(table, 1), ==, 0);
    g_assert_cmpint(reserved_of(table, 1), ==, 8704);
    g_assert_false(end_well(table, &b));
    g_assert_cmpint(wp_of(table, 1), ==, 0);
    g_assert_true(end_well(table, &a));
    g_assert_cmpint(wp_of(table, 1), ==, 8192);
    g_assert_cmphex(zone_table_word(table, 1), ==, ZONE_LEN + 8192);
    g_assert_true(end_well(table, &c));
    g_assert_cmpint(wp_of(table, 1), ==, 8704);
    zone_table_free(table);
}

/* The word holds the frontier while more is reserved */
static void test_word_is_frontier(void)
{
    ZoneTable *table = make_table();
    ZoneWrite a;

    write_some(table, 1, 512);
    A_OK(begin_at(table, &a, 1, 512, 4096));
    g_assert_cmphex(zone_table_word(table, 1), ==, ZONE_LEN + 512);
    end_well(table, &a);
    g_assert_cmphex(zone_table_word(table, 1), ==, ZONE_LEN + 4608);
    zone_table_free(table);
}

/* Zone Full only when the last byte is written; nobody else gets in before */
static void test_filled(void)
{
    ZoneTable *table = make_table(.max_open_zones = 1, .max_active_zones = 1);
    ZoneWrite a, b, c;

    A_OK(begin_at(table, &a, 1, 0, 4096));
    A_OK(begin_at(table, &b, 1, 4096, ZONE_CAP - 4096));
    g_assert_cmpint(begin_at(table, &c, 1, ZONE_CAP, 512), ==, ZONE_ERR_FULL);
    g_assert_cmpint(append_to(table, &c, 1, 512), ==, ZONE_ERR_FULL);
    end_well(table, &b);
    g_assert_cmpint(state_of(table, 1), ==, ZONE_STATE_IMPLICITLY_OPENED);
    g_assert_cmpint(zone_table_counts(table).open, ==, 1);
    end_well(table, &a);
    g_assert_cmpint(state_of(table, 1), ==, ZONE_STATE_FULL);
    g_assert_cmpint(zone_table_counts(table).active, ==, 0);
    /* Stored as what the write pointer says, without a state of its own */
    g_assert_cmphex(zone_table_word(table, 1), ==, ZONE_LEN + ZONE_CAP);
    A_OK(write_some(table, 2, 512));
    zone_table_free(table);
}

static void test_filled_in_closed(void)
{
    ZoneTable *table = make_table();
    ZoneWrite a;

    A_OK(begin_at(table, &a, 1, 0, ZONE_CAP));
    expect_send(table, 1, ZONE_EVENT_CLOSE);
    end_well(table, &a);
    g_assert_cmpint(state_of(table, 1), ==, ZONE_STATE_FULL);
    zone_table_free(table);
}

/* The last in the order fails: its place is free again */
static void test_failed_last(void)
{
    ZoneTable *table = make_table();
    ZoneWrite a, b;

    A_OK(begin_at(table, &a, 1, 0, 4096));
    A_OK(begin_at(table, &b, 1, 4096, 4096));
    g_assert_false(end_badly(table, &b));
    g_assert_cmpint(reserved_of(table, 1), ==, 4096);
    A_OK(begin_at(table, &b, 1, 4096, 512));
    end_well(table, &a);
    end_well(table, &b);
    g_assert_cmpint(wp_of(table, 1), ==, 4608);
    zone_table_free(table);
}

/* All fail, the last first: the zone is as if nothing had been written */
static void test_failed_all(void)
{
    ZoneTable *table = make_table();
    ZoneWrite a, b;

    A_OK(begin_at(table, &a, 1, 0, 4096));
    A_OK(begin_at(table, &b, 1, 4096, 4096));
    end_badly(table, &b);
    g_assert_false(end_badly(table, &a));
    g_assert_cmpint(reserved_of(table, 1), ==, 0);
    /* It was opened, and stays so until somebody closes it */
    g_assert_cmpint(state_of(table, 1), ==, ZONE_STATE_IMPLICITLY_OPENED);
    g_assert_cmphex(zone_table_word(table, 1), ==, ZONE_LEN);
    zone_table_free(table);
}

/* Another one fails: what is reported waits for it; see test-zone-failed.c */
static void test_failed_middle(void)
{
    ZoneTable *table = make_table();
    ZoneWrite a, b, c;

    A_OK(begin_at(table, &a, 1, 0, 4096));
    A_OK(begin_at(table, &b, 1, 4096, 4096));
    A_OK(begin_at(table, &c, 1, 8192, 4096));
    end_badly(table, &b);
    g_assert_cmpint(reserved_of(table, 1), ==, 12288);
    end_well(table, &a);
    g_assert_cmpint(wp_of(table, 1), ==, 4096);
    /* The next one to fail gives back its own place, and that one's */
    end_badly(table, &c);
    g_assert_cmpint(reserved_of(table, 1), ==, 4096);
    g_assert_cmpint(wp_of(table, 1), ==, 4096);
    zone_table_free(table);
}

/* A failure below the capacity: Full on the disk, but not for the host yet */
static void test_failed_then_filled(void)
{
    ZoneTable *table = make_table();
    ZoneWrite a, b;

    A_OK(begin_at(table, &a, 1, 0, 4096));
    A_OK(begin_at(table, &b, 1, 4096, ZONE_CAP - 4096));
    end_well(table, &b);
    g_assert_true(end_badly(table, &a));
    g_assert_cmpint(state_of(table, 1), ==, ZONE_STATE_IMPLICITLY_OPENED);
    g_assert_cmphex(zone_table_word(table, 1), ==, ZONE_LEN + ZONE_CAP);
    zone_table_free(table);
}

/* The last byte's write fails: the zone can be written again */
static void test_failed_at_capacity(void)
{
    ZoneTable *table = make_table();
    ZoneWrite a;

    write_some(table, 1, 4096);
    A_OK(begin_at(table, &a, 1, 4096, ZONE_CAP - 4096));
    end_badly(table, &a);
    g_assert_cmpint(state_of(table, 1), ==, ZONE_STATE_IMPLICITLY_OPENED);
    A_OK(begin_at(table, &a, 1, 4096, ZONE_CAP - 4096));
    end_well(table, &a);
    g_assert_cmpint(state_of(table, 1), ==, ZONE_STATE_FULL);
    zone_table_free(table);
}

/* Zones 256 apart share a bucket, and nothing else */
static void test_same_bucket(void)
{
    ZoneTable *table = zone_table_new(&(ZoneGeometry) {
        .zone_bytes = ZONE_LEN, .capacity_bytes = ZONE_CAP, .nr_zones = 600,
    });
    ZoneWrite a, b, c;

    A_OK(begin_at(table, &a, 3, 0, 4096));
    A_OK(begin_at(table, &b, 259, 0, 8192));
    A_OK(begin_at(table, &c, 515, 0, 512));
    g_assert_true(zone_table_in_flight(table, 259));
    end_well(table, &b);
    g_assert_cmpint(wp_of(table, 259), ==, 8192);
    g_assert_false(zone_table_in_flight(table, 259));
    g_assert_true(zone_table_in_flight(table, 3));
    g_assert_false(a.passed_by || c.passed_by);
    end_badly(table, &a);
    end_well(table, &c);
    g_assert_cmpint(wp_of(table, 3), ==, 0);
    g_assert_cmpint(wp_of(table, 515), ==, 512);
    zone_table_free(table);
}

/* What a commit waits for */

static void test_passed(void)
{
    ZoneTable *table = make_table();
    ZoneWrite a, b, c;
    uint64_t seq;

    A_OK(begin_at(table, &a, 1, 0, 4096));
    seq = zone_table_next_seq(table);
    A_OK(begin_at(table, &b, 1, 4096, 4096));
    A_OK(begin_at(table, &c, 1, 8192, 4096));
    g_assert_cmpint(b.seq, ==, seq);
    g_assert_false(zone_table_passed_by(table, UINT64_MAX));
    end_well(table, &b);
    g_assert_true(a.passed_by);
    g_assert_false(c.passed_by);
    g_assert_true(zone_table_passed_by(table, zone_table_nr_ended(table)));
    end_well(table, &a);
    g_assert_false(zone_table_passed_by(table, UINT64_MAX));
    end_well(table, &c);
    zone_table_free(table);
}

/*
 * A commit waits for what was passed when it was asked for, whatever is passed
 * later, by others or by the same
 */
static void test_passed_later(void)
{
    ZoneTable *table = make_table();
    ZoneWrite a[3], b[3];
    uint64_t nr_ended;
    int i;

    for (i = 0; i < 3; i++) {
        A_OK(begin_at(table, &a[i], 1, i * 4096, 4096));
        A_OK(begin_at(table, &b[i], 2, i * 4096, 4096));
    }
    g_assert_false(zone_table_passed_by(table, UINT64_MAX));
    end_well(table, &b[1]);
    nr_ended = zone_table_nr_ended(table);
    end_well(table, &a[2]);
    g_assert_true(zone_table_passed_by(table, nr_ended));
    g_assert_false(zone_table_passed_by(table, nr_ended - 1));
    end_badly(table, &b[2]);
    end_well(table, &a[1]);
    g_assert_true(zone_table_passed_by(table, nr_ended));
    end_well(table, &b[0]);
    g_assert_false(zone_table_passed_by(table, nr_ended));
    g_assert_true(zone_table_passed_by(table, nr_ended + 1));
    end_well(table, &a[0]);
    g_assert_false(zone_table_passed_by(table, UINT64_MAX));
    zone_table_free(table);
}

/* Nobody was promised the data of a write that failed */
static void test_failure_passes_nobody(void)
{
    ZoneTable *table = make_table();
    ZoneWrite a, b;

    A_OK(begin_at(table, &a, 1, 0, 4096));
    A_OK(begin_at(table, &b, 1, 4096, 4096));
    end_badly(table, &b);
    g_assert_false(zone_table_passed_by(table, UINT64_MAX));
    end_well(table, &a);
    zone_table_free(table);
}

/* Reads */

static void expect_read(const ZoneTable *table, uint64_t offset_bytes,
                        uint64_t bytes, bool data, uint64_t extent_bytes)
{
    uint64_t found_bytes = 0;

    g_assert_cmpint(zone_table_read_extent(table, offset_bytes, bytes,
                                           &found_bytes), ==, data);
    g_assert_cmpint(found_bytes, ==, extent_bytes);
}

static void test_read(void)
{
    ZoneTable *table = make_table();

    write_some(table, 1, 8192);
    expect_read(table, ZONE_LEN, 4096, true, 4096);
    expect_read(table, ZONE_LEN + 4096, ZONE_LEN, true, 4096);
    expect_read(table, ZONE_LEN + 8192, 512, false, 512);
    expect_read(table, ZONE_LEN + 8192, 4 * ZONE_LEN, false, ZONE_LEN - 8192);
    expect_read(table, 0, 512, false, 512);
    zone_table_free(table);
}

static void test_read_in_flight(void)
{
    ZoneTable *table = make_table();
    ZoneWrite a, b, c;

    write_some(table, 1, 512);
    A_OK(begin_at(table, &a, 1, 512, 512));
    A_OK(begin_at(table, &b, 1, 1024, 512));
    A_OK(begin_at(table, &c, 1, 1536, 512));
    end_well(table, &b);
    expect_read(table, ZONE_LEN, ZONE_LEN, true, 512);
    expect_read(table, ZONE_LEN + 512, ZONE_LEN, false, 512);
    expect_read(table, ZONE_LEN + 700, 100, false, 100);
    expect_read(table, ZONE_LEN + 1024, ZONE_LEN, true, 512);
    expect_read(table, ZONE_LEN + 1536, ZONE_LEN, false, 512);
    expect_read(table, ZONE_LEN + 2048, ZONE_LEN, false, ZONE_LEN - 2048);
    end_well(table, &a);
    expect_read(table, ZONE_LEN, ZONE_LEN, true, 1536);
    end_well(table, &c);
    zone_table_free(table);
}

/* After a reset, and behind the end of a zone finished early: zeros */
static void test_read_states(void)
{
    ZoneTable *table = make_table(.conventional_zones = 1);

    write_some(table, 1, 4096);
    expect_send(table, 1, ZONE_EVENT_FINISH);
    expect_read(table, ZONE_LEN + 4096, 512, false, 512);
    expect_read(table, ZONE_LEN, 8192, true, 4096);
    expect_send(table, 1, ZONE_EVENT_RESET);
    expect_read(table, ZONE_LEN, 8192, false, 8192);
    write_some(table, 2, 4096);
    expect_send(table, 2, ZONE_EVENT_FAULT_READ_ONLY);
    expect_read(table, 2 * ZONE_LEN, 8192, true, 4096);
    expect_send(table, 2, ZONE_EVENT_OFFLINE);
    expect_read(table, 2 * ZONE_LEN, 8192, false, 8192);
    write_some(table, 3, ZONE_CAP);
    expect_read(table, 3 * ZONE_LEN, ZONE_LEN, true, ZONE_CAP);
    expect_read(table, 3 * ZONE_LEN + ZONE_CAP, ZONE_LEN, false,
                ZONE_LEN - ZONE_CAP);
    /* All data: conventional zones, and what is not zoned */
    expect_read(table, 512, ZONE_LEN, true, ZONE_LEN - 512);
    expect_read(table, 8 * ZONE_LEN, 512, true, 512);
    zone_table_free(table);
}

/* Outside ZRWAs there is nothing to zero before a write */
static void test_no_gap(void)
{
    ZoneTable *table = make_table(.conventional_zones = 1);
    ZoneWrite w;

    A_OK(begin_at(table, &w, 0, 8192, 512));
    g_assert_cmpint(zone_table_write_gap(table, &w), ==, 8192);
    end_well(table, &w);
    A_OK(begin_at(table, &w, 1, 0, 512));
    g_assert_cmpint(zone_table_write_gap(table, &w), ==, ZONE_LEN);
    end_well(table, &w);
    zone_table_free(table);
}

/* In flight at the start of the zone, alone, with nothing behind it */
static void test_begins_life(void)
{
    ZoneTable *table = make_table(.conventional_zones = 1);
    ZoneWrite first, second, again, conventional;

    g_assert_cmpint(begin_at(table, &first, 1, 0, 4096), ==, ZONE_OK);
    g_assert_true(zone_table_write_begins_life(table, &first));
    g_assert_cmpint(begin_at(table, &second, 1, 4096, 4096), ==, ZONE_OK);
    g_assert_false(zone_table_write_begins_life(table, &second));
    zone_table_write_end(table, &first, false);
    g_assert_false(zone_table_write_begins_life(table, &second));
    /* It is made again, with another behind it */
    g_assert_cmpint(begin_at(table, &again, 1, 0, 4096), ==, ZONE_OK);
    g_assert_false(zone_table_write_begins_life(table, &again));
    zone_table_write_end(table, &second, false);
    zone_table_write_end(table, &again, false);
    /* All have failed: the next one begins anew */
    g_assert_cmpint(begin_at(table, &again, 1, 0, 8192), ==, ZONE_OK);
    g_assert_true(zone_table_write_begins_life(table, &again));
    zone_table_write_end(table, &again, true);
    g_assert_cmpint(begin_at(table, &second, 1, 8192, 4096), ==, ZONE_OK);
    g_assert_false(zone_table_write_begins_life(table, &second));
    zone_table_write_end(table, &second, true);
    expect_send(table, 1, ZONE_EVENT_RESET);
    g_assert_cmpint(append_to(table, &first, 1, 4096), ==, ZONE_OK);
    g_assert_true(zone_table_write_begins_life(table, &first));
    zone_table_write_end(table, &first, true);

    g_assert_cmpint(begin_at(table, &conventional, 0, 0, 4096), ==, ZONE_OK);
    g_assert_false(zone_table_write_begins_life(table, &conventional));
    zone_table_write_end(table, &conventional, true);
    zone_table_free(table);
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*run)(void);
    } tests[] = {
        { "not-at-wp", test_not_at_wp },
        { "boundary", test_boundary },
        { "crosses-zones", test_crosses_zones },
        { "order-of-checks", test_order_of_checks },
        { "refusing-states", test_refusing_states },
        { "check-write", test_check_write },
        { "conventional", test_conventional },
        { "append/position", test_append },
        { "append/unaligned", test_append_unaligned },
        { "append/limit", test_append_limit },
        { "append/boundary", test_append_boundary },
        { "frontier", test_frontier },
        { "word-is-frontier", test_word_is_frontier },
        { "filled", test_filled },
        { "filled-in-closed", test_filled_in_closed },
        { "failed/last", test_failed_last },
        { "failed/all", test_failed_all },
        { "failed/middle", test_failed_middle },
        { "failed/then-filled", test_failed_then_filled },
        { "failed/at-capacity", test_failed_at_capacity },
        { "same-bucket", test_same_bucket },
        { "passed", test_passed },
        { "passed-later", test_passed_later },
        { "failure-passes-nobody", test_failure_passes_nobody },
        { "read/frontier", test_read },
        { "read/in-flight", test_read_in_flight },
        { "read/states", test_read_states },
        { "no-gap", test_no_gap },
        { "begins-life", test_begins_life },
    };
    size_t i;

    g_test_init(&argc, &argv, NULL);
    for (i = 0; i < G_N_ELEMENTS(tests); i++) {
        g_autofree char *path = g_strdup_printf("/zone/write/%s",
                                                tests[i].name);

        g_test_add_func(path, tests[i].run);
    }
    return g_test_run();
}
