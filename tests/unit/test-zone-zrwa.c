/*
 * Zone Random Write Areas
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Each test shows one rule of section 5.7: allocation, the window, implicit
 * and explicit flushes, and where a ZRWA ends.  The window is 8 KiB, flushed in
 * steps of 4 KiB, unless a test says otherwise.
 */

#include "qemu/osdep.h"
#include "zone-test.h"

#define A_OK(expression) g_assert_cmpint((expression), ==, ZONE_OK)

#define make_zrwa_table(...)                                            \
    make_table(.zrwa_bytes = 8192, .zrwa_granularity_bytes = 4096,      \
               ##__VA_ARGS__)

static ZoneTable *open_zrwa(void)
{
    ZoneTable *table = make_zrwa_table();

    expect_send(table, 1, ZONE_EVENT_OPEN_ZRWA);
    return table;
}

static ZoneStatus write_at(ZoneTable *table, uint64_t pos_bytes,
                           uint64_t bytes)
{
    ZoneWrite w;
    ZoneStatus status = begin_at(table, &w, 1, pos_bytes, bytes);

    if (status == ZONE_OK) {
        zone_table_gap_filled(table, &w);
        zone_table_write_end(table, &w, true);
    }
    return status;
}

/* From the start, in steps of the window's length: all of it is flushed */
static void write_up_to(ZoneTable *table, uint64_t end_bytes)
{
    uint64_t pos_bytes, bytes;

    for (pos_bytes = 0; pos_bytes < end_bytes; pos_bytes += bytes) {
        bytes = MIN(end_bytes - pos_bytes, 8192);
        A_OK(write_at(table, pos_bytes, bytes));
        A_OK(zone_table_zrwa_flush(table, ZONE_LEN + pos_bytes + bytes));
    }
}

static ZoneStatus flush_to(ZoneTable *table, uint64_t pos_bytes)
{
    return zone_table_zrwa_flush(table, ZONE_LEN + pos_bytes);
}

static void test_unsupported(void)
{
    ZoneTable *table = make_table(.zd_extension_bytes = 64);

    g_assert_cmpint(send(table, 1, ZONE_EVENT_OPEN_ZRWA), ==,
                    ZONE_ERR_NO_ZRWA);
    g_assert_cmpint(send(table, 1, ZONE_EVENT_SET_ZDE_ZRWA), ==,
                    ZONE_ERR_NO_ZRWA);
    g_assert_cmpint(flush_to(table, 4096), ==, ZONE_ERR_NO_ZRWA);
    zone_table_free(table);
}

static void test_allocate(void)
{
    ZoneTable *table = open_zrwa();

    g_assert_cmpint(state_of(table, 1), ==, ZONE_STATE_EXPLICITLY_OPENED);
    g_assert_cmphex(attributes_of(table, 1), ==, ZONE_ATTR_ZRWAV);
    g_assert_cmpint(zone_table_counts(table).zrwa, ==, 1);
    /* Never stored */
    g_assert_cmphex(zone_table_word(table, 1), ==, ZONE_LEN);
    /* Opening keeps it */
    expect_send(table, 1, ZONE_EVENT_OPEN);
    g_assert_cmpint(zone_table_counts(table).zrwa, ==, 1);
    zone_table_free(table);
}

static void check_no_area(ZoneTable *table, uint32_t zone_idx)
{
    ZoneInfo before = info_of(table, zone_idx);
    uint32_t nr_areas = zone_table_counts(table).zrwa;

    g_assert_cmpint(zone_table_check_event(table, zone_idx,
                                           ZONE_EVENT_OPEN_ZRWA), ==,
                    ZONE_ERR_NO_ZRWA);
    g_assert_cmpint(send(table, zone_idx, ZONE_EVENT_OPEN_ZRWA), ==,
                    ZONE_ERR_NO_ZRWA);
    g_assert_cmpint(state_of(table, zone_idx), ==, before.state);
    g_assert_cmphex(attributes_of(table, zone_idx), ==, before.attributes);
    g_assert_cmpint(info_of(table, zone_idx).wp_bytes, ==, before.wp_bytes);
    g_assert_cmpint(zone_table_counts(table).zrwa, ==, nr_areas);
}

/* No zone gets one that is not Empty, or once more; also with none left */
static void test_allocate_when_empty(void)
{
    static const ZoneState states[] = {
        ZONE_STATE_IMPLICITLY_OPENED, ZONE_STATE_EXPLICITLY_OPENED,
        ZONE_STATE_CLOSED, ZONE_STATE_FULL, ZONE_STATE_READ_ONLY,
        ZONE_STATE_OFFLINE,
    };
    ZoneTable *table = make_zrwa_table(.max_zrwa_zones = 1);
    size_t i;

    for (i = 0; i < G_N_ELEMENTS(states); i++) {
        bring_to(table, i, states[i]);
        check_no_area(table, i);
    }
    expect_send(table, 7, ZONE_EVENT_OPEN_ZRWA);
    check_no_area(table, 7);
    A_OK(write_some(table, 7, 4096));
    check_no_area(table, 7);
    expect_send(table, 7, ZONE_EVENT_CLOSE);
    check_no_area(table, 7);
    check_no_area(table, 0);
    zone_table_free(table);
}

/* Set Zone Descriptor Extension takes one along; writes open the zone then */
static void test_allocate_with_extension(void)
{
    ZoneTable *table = make_zrwa_table(.zd_extension_bytes = 64,
                                       .max_zrwa_zones = 1,
                                       .max_active_zones = 2);

    expect_send(table, 1, ZONE_EVENT_SET_ZDE_ZRWA);
    g_assert_cmpint(state_of(table, 1), ==, ZONE_STATE_CLOSED);
    g_assert_cmphex(attributes_of(table, 1), ==,
                    ZONE_ATTR_ZDEV | ZONE_ATTR_ZRWAV);
    g_assert_cmphex(zone_table_word(table, 1), ==,
                    UINT64_C(0x0400000000000000) + ZONE_LEN);
    g_assert_cmpint(send(table, 2, ZONE_EVENT_SET_ZDE_ZRWA), ==,
                    ZONE_ERR_ZRWA_EXHAUSTED);
    g_assert_cmpint(state_of(table, 2), ==, ZONE_STATE_EMPTY);
    check_no_area(table, 1);
    A_OK(write_at(table, 4096, 4096));
    g_assert_cmpint(state_of(table, 1), ==, ZONE_STATE_IMPLICITLY_OPENED);
    g_assert_cmphex(attributes_of(table, 1), ==,
                    ZONE_ATTR_ZDEV | ZONE_ATTR_ZRWAV);
    g_assert_cmpint(wp_of(table, 1), ==, 0);
    /* Active resources come before areas */
    expect_send(table, 2, ZONE_EVENT_OPEN);
    g_assert_cmpint(send(table, 3, ZONE_EVENT_SET_ZDE_ZRWA), ==,
                    ZONE_ERR_TOO_MANY_ACTIVE);
    g_assert_cmpint(send(table, 2, ZONE_EVENT_SET_ZDE_ZRWA), ==,
                    ZONE_ERR_INVALID_TRANSITION);
    zone_table_free(table);
}

/* While it is stored, the area is nobody else's */
static void test_extension_claims(void)
{
    ZoneTable *table = make_zrwa_table(.zd_extension_bytes = 64,
                                       .max_zrwa_zones = 1);

    zone_table_hold(table, 1);
    zone_table_claim(table, 1, ZONE_EVENT_SET_ZDE_ZRWA);
    g_assert_cmpint(state_of(table, 1), ==, ZONE_STATE_EMPTY);
    g_assert_cmphex(attributes_of(table, 1), ==, 0);
    g_assert_cmpint(zone_table_counts(table).zrwa, ==, 0);
    g_assert_cmpint(send(table, 2, ZONE_EVENT_OPEN_ZRWA), ==,
                    ZONE_ERR_ZRWA_EXHAUSTED);
    /* One without an area takes none */
    zone_table_hold(table, 3);
    zone_table_claim(table, 3, ZONE_EVENT_SET_ZDE);
    zone_table_unclaim(table, 3, ZONE_EVENT_SET_ZDE);
    zone_table_release(table, 3);
    g_assert_cmpint(send(table, 2, ZONE_EVENT_OPEN_ZRWA), ==,
                    ZONE_ERR_ZRWA_EXHAUSTED);
    zone_table_unclaim(table, 1, ZONE_EVENT_SET_ZDE_ZRWA);
    zone_table_release(table, 1);
    expect_send(table, 2, ZONE_EVENT_SET_ZDE_ZRWA);
    zone_table_free(table);
}

static void test_exhausted(void)
{
    ZoneTable *table = make_zrwa_table(.max_zrwa_zones = 1);

    expect_send(table, 1, ZONE_EVENT_OPEN_ZRWA);
    g_assert_cmpint(send(table, 2, ZONE_EVENT_OPEN_ZRWA), ==,
                    ZONE_ERR_ZRWA_EXHAUSTED);
    g_assert_cmpint(state_of(table, 2), ==, ZONE_STATE_EMPTY);
    /* Closed zones keep theirs */
    expect_send(table, 1, ZONE_EVENT_CLOSE);
    g_assert_cmpint(send(table, 2, ZONE_EVENT_OPEN_ZRWA), ==,
                    ZONE_ERR_ZRWA_EXHAUSTED);
    expect_send(table, 1, ZONE_EVENT_RESET);
    expect_send(table, 2, ZONE_EVENT_OPEN_ZRWA);
    zone_table_free(table);
}

/* The granularity counts from the start, wherever writes begin and end */
static void test_unaligned_writes(void)
{
    ZoneTable *table = open_zrwa();

    A_OK(write_at(table, 512, 8192));
    g_assert_cmpint(wp_of(table, 1), ==, 4096);
    g_assert_cmpint(flush_to(table, 4096 + 512), ==, ZONE_ERR_UNALIGNED);
    A_OK(flush_to(table, 8192));
    g_assert_cmpint(wp_of(table, 1), ==, 8192);
    zone_table_free(table);
}

/* A zone that a write is the first to open is none for an area */
static void test_not_while_in_flight(void)
{
    ZoneTable *table = make_zrwa_table();
    ZoneWrite w;

    A_OK(begin_at(table, &w, 1, 0, 4096));
    check_no_area(table, 1);
    zone_table_write_end(table, &w, false);
    check_no_area(table, 1);
    zone_table_free(table);
}

/* Writes go anywhere in the window of two lengths from the write pointer */
static void test_window(void)
{
    ZoneTable *table = open_zrwa();

    A_OK(write_at(table, 4096, 512));
    A_OK(write_at(table, 0, 512));
    A_OK(write_at(table, 0, 8192));
    g_assert_cmpint(wp_of(table, 1), ==, 0);
    g_assert_cmpint(write_at(table, 12288, 4608), ==, ZONE_ERR_NOT_AT_WP);
    A_OK(write_at(table, 12288, 4096));
    g_assert_cmpint(wp_of(table, 1), ==, 8192);
    g_assert_cmpint(write_at(table, 7680, 512), ==, ZONE_ERR_NOT_AT_WP);
    zone_table_free(table);
}

static void test_window_at_capacity(void)
{
    ZoneTable *table = open_zrwa();

    A_OK(write_at(table, 8192, 8192));
    A_OK(write_at(table, 16384, 8192));
    A_OK(write_at(table, 24576, 8192));
    A_OK(write_at(table, 32768, 8192));
    g_assert_cmpint(wp_of(table, 1), ==, 32768);
    A_OK(write_at(table, 40960, 8192));
    g_assert_cmpint(wp_of(table, 1), ==, 40960);
    g_assert_cmpint(write_at(table, 45056, 4608), ==, ZONE_ERR_BOUNDARY);
    /* All is written, but the last 8 KiB are still in the window */
    g_assert_cmpint(state_of(table, 1), ==, ZONE_STATE_EXPLICITLY_OPENED);
    A_OK(write_at(table, 45056, 4096));
    A_OK(flush_to(table, ZONE_CAP));
    g_assert_cmpint(state_of(table, 1), ==, ZONE_STATE_FULL);
    g_assert_cmpint(zone_table_counts(table).zrwa, ==, 0);
    g_assert_cmphex(zone_table_word(table, 1), ==, ZONE_LEN + ZONE_CAP);
    zone_table_free(table);
}

/* The write pointer follows in whole steps, when the write ends */
static void test_implicit_flush(void)
{
    ZoneTable *table = open_zrwa();
    ZoneWrite w;

    A_OK(begin_at(table, &w, 1, 8192, 512));
    g_assert_cmpint(wp_of(table, 1), ==, 0);
    g_assert_true(zone_table_write_end(table, &w, true));
    g_assert_cmpint(wp_of(table, 1), ==, 4096);
    g_assert_cmpint(reserved_of(table, 1), ==, 8704);
    A_OK(begin_at(table, &w, 1, 8192, 4096));
    zone_table_write_end(table, &w, true);
    g_assert_cmpint(wp_of(table, 1), ==, 4096);
    zone_table_free(table);
}

/* It never covers a write that is in flight */
static void test_flush_stops_at_flight(void)
{
    ZoneTable *table = open_zrwa();
    ZoneWrite a, b;

    A_OK(begin_at(table, &a, 1, 4608, 512));
    zone_table_gap_filled(table, &a);
    A_OK(begin_at(table, &b, 1, 12288, 4096));
    zone_table_gap_filled(table, &b);
    zone_table_write_end(table, &b, true);
    g_assert_cmpint(wp_of(table, 1), ==, 4096);
    g_assert_true(a.passed_by);
    zone_table_write_end(table, &a, true);
    g_assert_cmpint(wp_of(table, 1), ==, 8192);
    zone_table_free(table);
}

static void test_failed(void)
{
    ZoneTable *table = open_zrwa();
    ZoneWrite w;

    A_OK(write_at(table, 0, 4096));
    A_OK(begin_at(table, &w, 1, 12288, 4096));
    g_assert_false(zone_table_write_end(table, &w, false));
    g_assert_cmpint(wp_of(table, 1), ==, 0);
    g_assert_cmpint(reserved_of(table, 1), ==, 4096);
    zone_table_free(table);
}

static void test_no_append(void)
{
    ZoneTable *table = open_zrwa();
    ZoneWrite w;

    g_assert_cmpint(append_to(table, &w, 1, 512), ==, ZONE_ERR_NO_ZRWA);
    A_OK(append_to(table, &w, 2, 512));
    zone_table_write_end(table, &w, true);
    zone_table_free(table);
}

static void test_explicit_flush(void)
{
    ZoneTable *table = open_zrwa();

    A_OK(write_at(table, 0, 8192));
    g_assert_cmpint(flush_to(table, 512), ==, ZONE_ERR_UNALIGNED);
    g_assert_cmpint(flush_to(table, 12288), ==, ZONE_ERR_BOUNDARY);
    A_OK(flush_to(table, 4096));
    g_assert_cmpint(wp_of(table, 1), ==, 4096);
    g_assert_cmpint(flush_to(table, 4096), ==, ZONE_ERR_BOUNDARY);
    g_assert_cmpint(zone_table_zrwa_flush(table, 0), ==, ZONE_ERR_BOUNDARY);
    g_assert_cmpint(zone_table_zrwa_flush(table, 9 * ZONE_LEN), ==,
                    ZONE_ERR_BOUNDARY);
    /* Beyond what was written: that much comes below the write pointer */
    A_OK(flush_to(table, 12288));
    g_assert_cmpint(reserved_of(table, 1), ==, 12288);
    g_assert_cmphex(attributes_of(table, 1), ==, ZONE_ATTR_ZRWAV);
    zone_table_free(table);
}

/* A capacity off the granularity can be reached */
static void test_flush_to_odd_capacity(void)
{
    ZoneTable *table = zone_table_new(&(ZoneGeometry) {
        .zone_bytes = ZONE_LEN, .capacity_bytes = 6144, .nr_zones = 2,
        .zrwa_bytes = 8192, .zrwa_granularity_bytes = 4096,
    });

    expect_send(table, 1, ZONE_EVENT_OPEN_ZRWA);
    A_OK(write_at(table, 0, 6144));
    g_assert_cmpint(flush_to(table, 5120), ==, ZONE_ERR_UNALIGNED);
    g_assert_cmpint(flush_to(table, 8192), ==, ZONE_ERR_BOUNDARY);
    A_OK(flush_to(table, 6144));
    g_assert_cmpint(state_of(table, 1), ==, ZONE_STATE_FULL);
    zone_table_free(table);
}

/* A flush opens a Closed zone, as a write does */
static void test_flush_opens(void)
{
    ZoneTable *table = make_zrwa_table(.max_open_zones = 1);

    expect_send(table, 1, ZONE_EVENT_OPEN_ZRWA);
    A_OK(write_at(table, 0, 8192));
    expect_send(table, 1, ZONE_EVENT_CLOSE);
    g_assert_cmphex(attributes_of(table, 1), ==, ZONE_ATTR_ZRWAV);
    expect_send(table, 2, ZONE_EVENT_OPEN);
    g_assert_cmpint(flush_to(table, 4096), ==, ZONE_ERR_TOO_MANY_OPEN);
    g_assert_cmpint(wp_of(table, 1), ==, 0);
    expect_send(table, 2, ZONE_EVENT_CLOSE);
    A_OK(flush_to(table, 4096));
    g_assert_cmpint(state_of(table, 1), ==, ZONE_STATE_IMPLICITLY_OPENED);
    zone_table_free(table);
}

/* Finish commits what is in the window */
static void test_finish(void)
{
    ZoneTable *table = open_zrwa();

    A_OK(write_at(table, 4096, 512));
    g_assert_cmphex(zone_table_word_after(table, 1, ZONE_EVENT_FINISH), ==,
                    UINT64_C(0xe000000000000000) + ZONE_LEN + 4608);
    expect_send(table, 1, ZONE_EVENT_FINISH);
    g_assert_cmpint(wp_of(table, 1), ==, 4608);
    g_assert_cmphex(attributes_of(table, 1), ==, 0);
    g_assert_cmpint(zone_table_counts(table).zrwa, ==, 0);
    zone_table_free(table);
}

static void check_loss(ZoneEvent event, ZoneState state, uint64_t wp_bytes)
{
    ZoneTable *table = open_zrwa();

    A_OK(write_at(table, 0, 8192));
    A_OK(flush_to(table, 4096));
    expect_send(table, 1, event);
    g_assert_cmpint(state_of(table, 1), ==, state);
    g_assert_cmphex(attributes_of(table, 1), ==, 0);
    g_assert_cmpint(zone_table_counts(table).zrwa, ==, 0);
    g_assert_cmpint(wp_of(table, 1), ==, wp_bytes);
    g_assert_cmpint(reserved_of(table, 1), ==, wp_of(table, 1));
    zone_table_free(table);
}

/* Where a ZRWA ends, what is in it is committed if it can still be read */
static void test_loss(void)
{
    check_loss(ZONE_EVENT_RESET, ZONE_STATE_EMPTY, 0);
    check_loss(ZONE_EVENT_POWER_CYCLE, ZONE_STATE_CLOSED, 8192);
    check_loss(ZONE_EVENT_FAULT_READ_ONLY, ZONE_STATE_READ_ONLY, 8192);
    check_loss(ZONE_EVENT_FAULT_OFFLINE, ZONE_STATE_OFFLINE, 4096);
}

/* Nothing written at all: Empty after a power cycle */
static void test_power_cycle_unwritten(void)
{
    ZoneTable *table = open_zrwa();

    expect_send(table, 1, ZONE_EVENT_POWER_CYCLE);
    g_assert_cmpint(state_of(table, 1), ==, ZONE_STATE_EMPTY);
    g_assert_cmpint(zone_table_counts(table).active, ==, 0);
    zone_table_free(table);
}

/* All written, though some still in the window: Full after a power cycle */
static void test_power_cycle_filled(void)
{
    ZoneTable *table = open_zrwa();

    write_up_to(table, ZONE_CAP - 4096);
    advise(table, 1, ZONE_ATTR_FZR, 0);
    A_OK(write_at(table, ZONE_CAP - 4096, 4096));
    g_assert_cmpint(state_of(table, 1), ==, ZONE_STATE_EXPLICITLY_OPENED);
    g_assert_cmphex(zone_table_word(table, 1), ==, ZONE_LEN + ZONE_CAP);
    expect_send(table, 1, ZONE_EVENT_POWER_CYCLE);
    g_assert_cmpint(state_of(table, 1), ==, ZONE_STATE_FULL);
    g_assert_cmphex(attributes_of(table, 1), ==, 0);
    g_assert_cmpint(zone_table_counts(table).active, ==, 0);
    g_assert_cmphex(zone_table_word(table, 1), ==, ZONE_LEN + ZONE_CAP);
    zone_table_free(table);
}

/* What is stored covers the window, but for what has not been written yet */
static void test_stored_word(void)
{
    ZoneTable *table = open_zrwa();
    ZoneWrite a, b, c;

    A_OK(begin_at(table, &a, 1, 0, 1024));
    A_OK(begin_at(table, &b, 1, 1024, 1024));
    g_assert_false(zone_table_write_end(table, &b, true));
    g_assert_cmphex(zone_table_word(table, 1), ==, ZONE_LEN);
    g_assert_true(a.passed_by);
    g_assert_true(zone_table_write_end(table, &a, true));
    g_assert_cmphex(zone_table_word(table, 1), ==, ZONE_LEN + 2048);
    g_assert_cmpint(wp_of(table, 1), ==, 0);
    /* What is written again does not take back what is stored */
    A_OK(begin_at(table, &a, 1, 512, 512));
    A_OK(begin_at(table, &b, 1, 1536, 1024));
    A_OK(begin_at(table, &c, 1, 2560, 512));
    g_assert_cmphex(zone_table_word(table, 1), ==, ZONE_LEN + 2048);
    zone_table_write_end(table, &c, true);
    g_assert_cmphex(zone_table_word(table, 1), ==, ZONE_LEN + 2048);
    g_assert_false(a.passed_by);
    g_assert_true(b.passed_by);
    g_assert_true(zone_table_write_end(table, &b, true));
    g_assert_cmphex(zone_table_word(table, 1), ==, ZONE_LEN + 3072);
    zone_table_write_end(table, &a, true);
    g_assert_cmpint(wp_of(table, 1), ==, 0);
    zone_table_free(table);
}

/* A gap counts once it has been zeroed */
static void test_stored_gap(void)
{
    ZoneTable *table = open_zrwa();
    ZoneWrite a, b;

    A_OK(begin_at(table, &b, 1, 512, 512));
    A_OK(begin_at(table, &a, 1, 2048, 512));
    zone_table_gap_filled(table, &b);
    zone_table_write_end(table, &b, true);
    g_assert_cmphex(zone_table_word(table, 1), ==, ZONE_LEN + 1024);
    zone_table_gap_filled(table, &a);
    A_OK(begin_at(table, &b, 1, 2560, 512));
    zone_table_write_end(table, &b, true);
    g_assert_cmphex(zone_table_word(table, 1), ==, ZONE_LEN + 2048);
    zone_table_write_end(table, &a, true);
    g_assert_cmphex(zone_table_word(table, 1), ==, ZONE_LEN + 3072);
    zone_table_free(table);
}

/* A device brings its ZRWAs along */
static void test_set_zrwa(void)
{
    ZoneTable *table = make_table();

    zone_table_set_zrwa(table, 8192, 4096, 1);
    expect_send(table, 1, ZONE_EVENT_OPEN_ZRWA);
    A_OK(write_at(table, 4096, 4096));
    g_assert_cmpint(send(table, 2, ZONE_EVENT_OPEN_ZRWA), ==,
                    ZONE_ERR_ZRWA_EXHAUSTED);
    expect_send(table, 1, ZONE_EVENT_RESET);
    zone_table_set_zrwa(table, 0, 0, 0);
    g_assert_cmpint(send(table, 1, ZONE_EVENT_OPEN_ZRWA), ==,
                    ZONE_ERR_NO_ZRWA);
    zone_table_free(table);
}

/* The window reads as data up to its highest completed write */
static void test_read(void)
{
    ZoneTable *table = open_zrwa();
    uint64_t extent_bytes;
    ZoneWrite w;

    A_OK(write_at(table, 512, 512));
    g_assert_true(zone_table_read_extent(table, ZONE_LEN, ZONE_LEN,
                                         &extent_bytes));
    g_assert_cmpint(extent_bytes, ==, 1024);
    g_assert_false(zone_table_read_extent(table, ZONE_LEN + 1024, 512,
                                          &extent_bytes));
    /* Overwriting does not hide what is there */
    A_OK(begin_at(table, &w, 1, 0, 4096));
    g_assert_true(zone_table_read_extent(table, ZONE_LEN, ZONE_LEN,
                                         &extent_bytes));
    g_assert_cmpint(extent_bytes, ==, 1024);
    zone_table_write_end(table, &w, true);
    zone_table_free(table);
}

/* Nor does what is in flight for the first time show what was there before */
static void test_read_fresh(void)
{
    ZoneTable *table = open_zrwa();
    uint64_t extent_bytes;
    ZoneWrite a, b;

    A_OK(begin_at(table, &a, 1, 0, 1024));
    A_OK(begin_at(table, &b, 1, 1024, 512));
    zone_table_write_end(table, &b, true);
    g_assert_false(zone_table_read_extent(table, ZONE_LEN, ZONE_LEN,
                                          &extent_bytes));
    g_assert_cmpint(extent_bytes, ==, 1024);
    g_assert_true(zone_table_read_extent(table, ZONE_LEN + 1024, ZONE_LEN,
                                         &extent_bytes));
    g_assert_cmpint(extent_bytes, ==, 512);
    zone_table_write_end(table, &a, true);
    g_assert_true(zone_table_read_extent(table, ZONE_LEN, ZONE_LEN,
                                         &extent_bytes));
    g_assert_cmpint(extent_bytes, ==, 1536);
    zone_table_free(table);
}

static void test_gap(void)
{
    ZoneTable *table = open_zrwa();
    ZoneWrite a, b, c;

    A_OK(write_at(table, 0, 512));
    A_OK(begin_at(table, &a, 1, 2048, 512));
    g_assert_cmpint(zone_table_write_gap(table, &a), ==, ZONE_LEN + 512);
    /* The one before will have taken care of all below its end */
    A_OK(begin_at(table, &b, 1, 4096, 512));
    g_assert_cmpint(zone_table_write_gap(table, &b), ==, ZONE_LEN + 2560);
    A_OK(begin_at(table, &c, 1, 1024, 512));
    g_assert_cmpint(zone_table_write_gap(table, &c), ==, ZONE_LEN + 1024);
    g_assert_cmpint(zone_table_write_gap(table, &a), ==, ZONE_LEN + 512);
    zone_table_write_end(table, &a, true);
    zone_table_write_end(table, &b, true);
    zone_table_write_end(table, &c, true);
    zone_table_free(table);
}

/* The first of them all, wherever in the window */
static void test_begins_life(void)
{
    ZoneTable *table = open_zrwa();
    ZoneWrite first, second;

    g_assert_cmpint(begin_at(table, &first, 1, 4096, 4096), ==, ZONE_OK);
    g_assert_true(zone_table_write_begins_life(table, &first));
    g_assert_cmpint(begin_at(table, &second, 1, 0, 4096), ==, ZONE_OK);
    g_assert_false(zone_table_write_begins_life(table, &second));
    g_assert_false(zone_table_write_begins_life(table, &first));
    zone_table_write_end(table, &first, false);
    zone_table_write_end(table, &second, false);
    g_assert_cmpint(begin_at(table, &second, 1, 0, 4096), ==, ZONE_OK);
    g_assert_true(zone_table_write_begins_life(table, &second));
    zone_table_write_end(table, &second, true);
    g_assert_cmpint(begin_at(table, &first, 1, 0, 4096), ==, ZONE_OK);
    g_assert_false(zone_table_write_begins_life(table, &first));
    zone_table_write_end(table, &first, true);
    zone_table_free(table);
}

/*
 * Where a write has failed, zeros may go: not over what another has written
 * meanwhile, or may be writing.  Who comes while they are written waits.
 */
static void test_zero_failed(void)
{
    ZoneTable *table = open_zrwa();
    ZoneWrite first, second, third;
    uint64_t start_bytes;

    A_OK(begin_at(table, &first, 1, 0, 4096));
    g_assert_true(zone_table_write_zero(table, &first, &start_bytes));
    g_assert_cmpuint(start_bytes, ==, ZONE_LEN);
    g_assert_cmpint(begin_at(table, &second, 1, 2048, 4096), ==,
                    ZONE_BUSY_RANGE);
    A_OK(begin_at(table, &second, 1, 4096, 4096));
    zone_table_write_end(table, &first, false);
    A_OK(begin_at(table, &third, 1, 2048, 4096));
    g_assert_false(zone_table_write_zero(table, &second, &start_bytes));
    zone_table_write_end(table, &third, true);
    g_assert_false(zone_table_write_zero(table, &second, &start_bytes));
    zone_table_write_end(table, &second, false);
    A_OK(begin_at(table, &first, 1, 0, 4096));
    g_assert_false(zone_table_write_zero(table, &first, &start_bytes));
    zone_table_write_end(table, &first, false);
    zone_table_free(table);
}

/* Writes to the same blocks are together in flight, unless one objects */
static void test_exclusive(void)
{
    ZoneTable *table = open_zrwa();
    ZoneWrite first, second;

    A_OK(begin_at(table, &first, 1, 0, 4096));
    A_OK(begin_at(table, &second, 1, 2048, 4096));
    zone_table_write_end(table, &second, true);
    first.exclusive = true;
    g_assert_cmpint(begin_at(table, &second, 1, 2048, 4096), ==,
                    ZONE_BUSY_RANGE);
    A_OK(begin_at(table, &second, 1, 4096, 4096));
    g_assert_false(second.exclusive);
    zone_table_write_end(table, &second, true);
    zone_table_write_end(table, &first, true);
    A_OK(begin_at(table, &second, 1, 2048, 4096));
    zone_table_write_end(table, &second, true);
    zone_table_free(table);
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*run)(void);
    } tests[] = {
        { "unsupported", test_unsupported },
        { "allocate", test_allocate },
        { "allocate-when-empty", test_allocate_when_empty },
        { "allocate-with-extension", test_allocate_with_extension },
        { "extension-claims", test_extension_claims },
        { "exhausted", test_exhausted },
        { "unaligned-writes", test_unaligned_writes },
        { "not-while-in-flight", test_not_while_in_flight },
        { "window", test_window },
        { "window-at-capacity", test_window_at_capacity },
        { "implicit-flush", test_implicit_flush },
        { "flush-stops-at-flight", test_flush_stops_at_flight },
        { "failed", test_failed },
        { "no-append", test_no_append },
        { "explicit-flush", test_explicit_flush },
        { "flush-to-odd-capacity", test_flush_to_odd_capacity },
        { "flush-opens", test_flush_opens },
        { "finish", test_finish },
        { "loss", test_loss },
        { "power-cycle-unwritten", test_power_cycle_unwritten },
        { "power-cycle-filled", test_power_cycle_filled },
        { "stored-word", test_stored_word },
        { "stored-gap", test_stored_gap },
        { "set-zrwa", test_set_zrwa },
        { "read", test_read },
        { "read-fresh", test_read_fresh },
        { "gap", test_gap },
        { "begins-life", test_begins_life },
        { "zero-failed", test_zero_failed },
        { "exclusive", test_exclusive },
    };
    size_t i;

    g_test_init(&argc, &argv, NULL);
    for (i = 0; i < G_N_ELEMENTS(tests); i++) {
        g_autofree char *path = g_strdup_printf("/zone/zrwa/%s",
                                                tests[i].name);

        g_test_add_func(path, tests[i].run);
    }
    return g_test_run();
}
