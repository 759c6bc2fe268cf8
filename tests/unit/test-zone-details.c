/*
 * What a zone has of its own: a capacity, and limits of recommendations
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Shows which details a word may have and where they begin to count, and that
 * they come and go with Reset and with the recommendations.  Zones have steps
 * of 4 KiB; the words are spelt out as the format's description counts bits.
 */

#include "qemu/osdep.h"
#include "zone-test.h"

#define STEP (4 * KIB)

static ZoneTable *make_stepped(void)
{
    return make_table(.capacity_step_bytes = STEP, .conventional_zones = 1,
                      .zd_extension_bytes = 64);
}

/* Multiples of 4096, 32 of which are the capacity or more */
static void test_step(void)
{
    g_assert_cmpuint(zone_capacity_step(512), ==, 4096);
    g_assert_cmpuint(zone_capacity_step(128 * KIB), ==, 4096);
    g_assert_cmpuint(zone_capacity_step(128 * KIB + 512), ==, 8192);
    g_assert_cmpuint(zone_capacity_step(62 * KIB * KIB), ==, 1984 * KIB);
    g_assert_cmpuint(zone_capacity_step(ZONE_MAX_BYTES), ==,
                     ZONE_MAX_BYTES / 32);
}

static void test_faults(void)
{
    ZoneTable *table = make_stepped();
    ZoneGeometry geometry = *zone_table_geometry(table);
    uint64_t wp_bytes = ZONE_LEN + ZONE_CAP - STEP;

    g_assert_cmpstr(zone_word_check(&geometry, 1, wp_bytes | 0x10), ==, NULL);
    g_assert_cmpstr(zone_word_check(&geometry, 1, wp_bytes | 0x20), ==,
                    "write pointer above the capacity of the zone");
    g_assert_cmpstr(zone_word_check(&geometry, 1, ZONE_LEN | 0xb0), ==, NULL);
    g_assert_cmpstr(zone_word_check(&geometry, 1, ZONE_LEN | 0xc0), ==,
                    "zone without capacity");
    g_assert_nonnull(zone_word_check(&geometry, 1, ZONE_LEN | 0x1));
    g_assert_nonnull(zone_word_check(&geometry, 1, ZONE_LEN | 0x4));
    g_assert_nonnull(zone_word_check(&geometry, 1, ZONE_LEN | 0x4 |
                                     UINT64_C(0x0010000000000000)));
    g_assert_null(zone_word_check(&geometry, 1, ZONE_LEN | 0x3 |
                                  UINT64_C(0x0010000000000000)));
    g_assert_null(zone_word_check(&geometry, 1, ZONE_LEN | 0xc |
                                  UINT64_C(0x0020000000000000)));
    g_assert_nonnull(zone_word_check(&geometry, 0,
                                     UINT64_C(0x0800000000000010)));
    geometry.capacity_step_bytes = 0;
    g_assert_cmpstr(zone_word_check(&geometry, 1, wp_bytes | 0x10), ==,
                    "write pointer not a multiple of 512");
    zone_table_free(table);
}

static void test_possible(void)
{
    ZoneTable *table = make_stepped();
    ZoneTable *plain = make_table();

    g_assert_true(zone_table_set_next_capacity(table, 1, ZONE_CAP));
    g_assert_true(zone_table_set_next_capacity(table, 1, STEP));
    g_assert_false(zone_table_set_next_capacity(table, 1, 0));
    g_assert_false(zone_table_set_next_capacity(table, 1, ZONE_CAP - 512));
    g_assert_false(zone_table_set_next_capacity(table, 1, ZONE_CAP + STEP));
    g_assert_false(zone_table_set_next_capacity(plain, 1, ZONE_CAP));
    expect_send(table, 1, ZONE_EVENT_RESET); /* what was refused is nothing */
    g_assert_cmpuint(info_of(table, 1).capacity_bytes, ==, STEP);
    zone_table_free(table);
    zone_table_free(plain);
}

/* Until Reset the zone is as it was; a word that is loaded forgets it */
static void test_with_reset(void)
{
    ZoneTable *table = make_stepped();
    bool changed = false;

    bring_to(table, 1, ZONE_STATE_CLOSED);
    g_assert_true(zone_table_set_next_capacity(table, 1, ZONE_CAP - 2 * STEP));
    g_assert_cmpuint(info_of(table, 1).capacity_bytes, ==, ZONE_CAP);
    g_assert_cmphex(zone_table_word(table, 1) & 0x1ff, ==, 0);
    expect_send(table, 1, ZONE_EVENT_FINISH);
    g_assert_cmphex(zone_table_word(table, 1) & 0x1ff, ==, 0);
    g_assert_cmphex(zone_table_word_after(table, 1, ZONE_EVENT_RESET), ==,
                    ZONE_LEN | 0x20);
    expect_send(table, 1, ZONE_EVENT_RESET);
    g_assert_cmphex(zone_table_word(table, 1), ==, ZONE_LEN | 0x20);

    g_assert_true(zone_table_set_next_capacity(table, 1, ZONE_CAP));
    zone_table_load_word(table, 1, zone_table_word(table, 1));
    zone_table_event(table, 1, ZONE_EVENT_RESET, &changed);
    g_assert_false(changed);
    g_assert_true(zone_table_set_next_capacity(table, 1, ZONE_CAP));
    zone_table_event(table, 1, ZONE_EVENT_RESET, &changed);
    g_assert_true(changed);
    g_assert_cmphex(zone_table_word(table, 1), ==, ZONE_LEN);
    zone_table_free(table);
}

static void test_writes(void)
{
    ZoneTable *table = make_stepped();
    ZoneWrite write;

    zone_table_load_word(table, 1, ZONE_LEN | 0x20);
    g_assert_cmpint(begin_at(table, &write, 1, 0, ZONE_CAP - STEP), ==,
                    ZONE_ERR_BOUNDARY);
    g_assert_cmpint(append_to(table, &write, 1, ZONE_CAP - STEP), ==,
                    ZONE_ERR_BOUNDARY);
    g_assert_cmpint(write_some(table, 1, ZONE_CAP - 2 * STEP), ==, ZONE_OK);
    g_assert_cmpint(state_of(table, 1), ==, ZONE_STATE_FULL);
    g_assert_cmphex(zone_table_word(table, 1), ==,
                    (ZONE_LEN + ZONE_CAP - 2 * STEP) | 0x20);
    g_assert_cmpint(zone_stored_state(zone_table_geometry(table), 1,
                                      zone_table_word(table, 1)), ==,
                    ZONE_STATE_FULL);
    zone_table_free(table);
}

static void advise_with(ZoneTable *table, uint8_t set, uint8_t clear,
                        uint8_t limits, bool expected)
{
    ZoneAdvice advice = { .set = set, .clear = clear, .limits = limits };

    g_assert_cmpint(zone_table_advise(table, 1, &advice), ==, expected);
}

/* Each recommendation has its own limit, which another one replaces */
static void test_limits(void)
{
    ZoneTable *table = make_stepped();

    bring_to(table, 1, ZONE_STATE_CLOSED);
    advise_with(table, ZONE_ATTR_FZR, 0, 0x2, true);
    advise_with(table, ZONE_ATTR_RZR, 0, 0xc, true);
    g_assert_cmphex(info_of(table, 1).limits, ==, 0xe);
    g_assert_cmphex(zone_table_word(table, 1) & 0x1ff, ==, 0xe);
    advise_with(table, ZONE_ATTR_FZR, 0, 0x2, false);
    advise_with(table, ZONE_ATTR_FZR, 0, 0x1, true);
    g_assert_cmphex(info_of(table, 1).limits, ==, 0xd);
    advise_with(table, 0, ZONE_ATTR_RZR, 0, true);
    g_assert_cmphex(info_of(table, 1).limits, ==, 0x1);
    expect_send(table, 1, ZONE_EVENT_FINISH);
    g_assert_cmphex(info_of(table, 1).limits, ==, 0);
    zone_table_free(table);
}

/* FZR goes from the stored word of what a power cycle leaves Empty */
static void test_limits_of_unwritten(void)
{
    ZoneTable *table = make_stepped();

    expect_send(table, 1, ZONE_EVENT_OPEN);
    advise_with(table, ZONE_ATTR_FZR | ZONE_ATTR_RZR, 0, 0xf, true);
    g_assert_cmphex(info_of(table, 1).limits, ==, 0xf);
    g_assert_cmphex(zone_table_word(table, 1) & 0x1ff, ==, 0xc);
    expect_send(table, 1, ZONE_EVENT_POWER_CYCLE);
    g_assert_cmphex(info_of(table, 1).limits, ==, 0xc);
    expect_send(table, 1, ZONE_EVENT_FAULT_READ_ONLY);
    g_assert_cmphex(info_of(table, 1).limits, ==, 0);
    zone_table_free(table);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/zone/details/step", test_step);
    g_test_add_func("/zone/details/faults", test_faults);
    g_test_add_func("/zone/details/possible", test_possible);
    g_test_add_func("/zone/details/with-reset", test_with_reset);
    g_test_add_func("/zone/details/writes", test_writes);
    g_test_add_func("/zone/details/limits", test_limits);
    g_test_add_func("/zone/details/limits-of-unwritten",
                    test_limits_of_unwritten);
    return g_test_run();
}
