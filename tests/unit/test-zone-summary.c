/*
 * Zone table: what it says of ranges of zones, all together
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Shows that a summary is what a look at each zone of the range gives, wherever
 * the range begins and ends, whatever the zones are and however they have come
 * to it.  How: events and writes by chance in a table of more than three groups
 * of zones; ranges that begin and end around the limits of groups, and others.
 */

#include "qemu/osdep.h"
#include "zone-test.h"

#define GROUP           1024
#define NR_ZONES        (3 * GROUP + 100)

static ZoneTable *make_groups(void)
{
    return zone_table_new(&(ZoneGeometry) {
        .zone_bytes = ZONE_LEN, .capacity_bytes = ZONE_CAP,
        .nr_zones = NR_ZONES, .conventional_zones = 40,
        .zrwa_bytes = 8 * KIB, .zrwa_granularity_bytes = 4 * KIB,
    });
}

static void look_at_each(const ZoneTable *table, uint32_t first, uint32_t end,
                         ZoneSummary *summary)
{
    uint32_t i;

    *summary = (ZoneSummary) { .closed_bytes = 0 };
    for (i = first; i < MIN(end, NR_ZONES); i++) {
        ZoneInfo info;
        uint64_t written_bytes;

        zone_table_info(table, i, &info);
        written_bytes = info.wp_bytes - info.start_bytes;
        summary->by_state[info.state]++;
        if (info.attributes & ZONE_ATTR_ZRWAV) {
            summary->zrwa_by_state[info.state]++;
        } else if (info.state == ZONE_STATE_CLOSED) {
            summary->nr_closed_half += written_bytes * 2 >= ZONE_CAP;
            summary->closed_bytes += written_bytes;
        }
    }
}

static void check_range(const ZoneTable *table, uint32_t first, uint32_t nr)
{
    ZoneSummary summary, each;
    int state;

    zone_table_summarize(table, first, nr, &summary);
    look_at_each(table, first, first + nr, &each);
    for (state = 0; state < ZONE_STATE__MAX; state++) {
        g_assert_cmpuint(summary.by_state[state], ==, each.by_state[state]);
        g_assert_cmpuint(summary.zrwa_by_state[state], ==,
                         each.zrwa_by_state[state]);
    }
    g_assert_cmpuint(summary.nr_closed_half, ==, each.nr_closed_half);
    g_assert_cmpuint(summary.closed_bytes, ==, each.closed_bytes);
}

static void check_ranges(const ZoneTable *table)
{
    static const uint32_t edges[] = {
        0, 1, GROUP - 1, GROUP, GROUP + 1, 2 * GROUP, 2 * GROUP + 500,
        3 * GROUP - 1, 3 * GROUP, NR_ZONES - 1, NR_ZONES, NR_ZONES + 2 * GROUP,
    };
    size_t first, end;

    for (first = 0; first < G_N_ELEMENTS(edges); first++) {
        for (end = first; end < G_N_ELEMENTS(edges); end++) {
            check_range(table, edges[first], edges[end] - edges[first]);
        }
    }
}

static void test_empty(void)
{
    ZoneTable *table = make_groups();

    check_ranges(table);
    zone_table_free(table);
}

static void do_something(ZoneTable *table)
{
    static const ZoneEvent events[] = {
        ZONE_EVENT_OPEN, ZONE_EVENT_OPEN_ZRWA, ZONE_EVENT_CLOSE,
        ZONE_EVENT_CLOSE, ZONE_EVENT_FINISH, ZONE_EVENT_RESET,
        ZONE_EVENT_FAULT_READ_ONLY, ZONE_EVENT_FAULT_OFFLINE,
        ZONE_EVENT_POWER_CYCLE,
    };
    uint32_t zone_idx = g_test_rand_int_range(40, NR_ZONES);
    int what = g_test_rand_int_range(0, 40);
    ZoneInfo info;
    ZoneWrite write;

    if (what < (int)G_N_ELEMENTS(events)) {
        zone_table_event(table, zone_idx, events[what], NULL);
        return;
    }
    zone_table_info(table, zone_idx, &info);
    if (zone_table_write_begin(table, &write, info.reserved_bytes,
                               4 * KIB * g_test_rand_int_range(1, 8)) ==
        ZONE_OK) {
        zone_table_write_end(table, &write, true);
    }
}

/* Closed, with a ZRWA, and the rest of what chance may have left out */
static void do_what_is_rare(ZoneTable *table)
{
    uint32_t zone_idx = zone_table_find(table, ZONE_STATE_EMPTY, 40);

    expect_send(table, zone_idx, ZONE_EVENT_OPEN_ZRWA);
    g_assert_cmpint(write_some(table, zone_idx, 4 * KIB), ==, ZONE_OK);
    expect_send(table, zone_idx, ZONE_EVENT_CLOSE);
    zone_idx = zone_table_find(table, ZONE_STATE_EMPTY, zone_idx);
    expect_send(table, zone_idx, ZONE_EVENT_OPEN_ZRWA);
}

static void test_all_states(void)
{
    ZoneTable *table = make_groups();
    ZoneSummary all;
    int i;

    for (i = 0; i < 10000; i++) {
        do_something(table);
        if (i % 1000 == 0) {
            check_ranges(table);
            zone_table_verify(table);
        }
    }
    do_what_is_rare(table);
    check_ranges(table);
    zone_table_summarize(table, 0, NR_ZONES, &all);
    for (i = 0; i < ZONE_STATE__MAX; i++) {
        g_assert_true(all.by_state[i] || (i > ZONE_STATE_CLOSED &&
                                          i < ZONE_STATE_READ_ONLY));
    }
    g_assert_cmpuint(all.zrwa_by_state[ZONE_STATE_EXPLICITLY_OPENED], >, 0);
    g_assert_cmpuint(all.zrwa_by_state[ZONE_STATE_CLOSED], >, 0);
    g_assert_cmpuint(all.nr_closed_half, >, 0);
    g_assert_cmpuint(all.nr_closed_half, <, all.by_state[ZONE_STATE_CLOSED]);
    zone_table_free(table);
}

/* A write may end when its zone has been closed to make room */
static void test_closed_in_flight(void)
{
    ZoneTable *table = make_groups();
    ZoneWrite writes[3];
    ZoneSummary summary;
    int i;

    for (i = 0; i < 3; i++) {
        g_assert_cmpint(begin_at(table, &writes[i], GROUP, i * 12 * KIB,
                                 12 * KIB), ==, ZONE_OK);
    }
    expect_send(table, GROUP, ZONE_EVENT_CLOSE);
    for (i = 0; i < 3; i++) {
        zone_table_write_end(table, &writes[i], true);
        zone_table_verify(table);
        zone_table_summarize(table, GROUP, GROUP, &summary);
        g_assert_cmpuint(summary.by_state[ZONE_STATE_CLOSED], ==, 1);
        g_assert_cmpuint(summary.closed_bytes, ==, (i + 1) * 12 * KIB);
        g_assert_cmpuint(summary.nr_closed_half, ==, i > 0);
    }
    expect_send(table, GROUP, ZONE_EVENT_RESET);
    zone_table_summarize(table, GROUP, GROUP, &summary);
    g_assert_cmpuint(summary.closed_bytes, ==, 0);
    g_assert_cmpuint(summary.nr_closed_half, ==, 0);
    zone_table_free(table);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/zone/summary/empty", test_empty);
    g_test_add_func("/zone/summary/all-states", test_all_states);
    g_test_add_func("/zone/summary/closed-in-flight", test_closed_in_flight);
    return g_test_run();
}
