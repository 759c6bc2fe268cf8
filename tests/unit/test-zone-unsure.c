/*
 * Writes that have ended well, and that may be made again all the same
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Each test shows one rule of unsure ranges: the flush behind a write has
 * failed.  Zone 1 gets writes of 4 KiB side by side, numbered from its start.
 */

#include "qemu/osdep.h"
#include "zone-test.h"

#define A_OK(expression) g_assert_cmpint((expression), ==, ZONE_OK)
#define REFUSED(expression, status)                                     \
    g_assert_cmpstr(zone_status_str(expression), ==, zone_status_str(status))

#define UNIT        4096
#define NR_UNITS    (ZONE_CAP / UNIT)

/* What is reported and what is stored, in units */
static void expect_at(const ZoneTable *table, unsigned wp, unsigned stored,
                      unsigned reserved)
{
    g_assert_cmpint(wp_of(table, 1), ==, wp * UNIT);
    g_assert_cmpint(zone_word_wp_bytes(zone_table_word(table, 1)), ==,
                    ZONE_LEN + stored * UNIT);
    g_assert_cmpint(reserved_of(table, 1), ==, reserved * UNIT);
}

/* Units that a read finds data in, one by one */
static void expect_data(const ZoneTable *table, unsigned nr)
{
    uint64_t n;
    unsigned i;

    for (i = 0; i < NR_UNITS; i++) {
        g_assert_cmpint(zone_table_read_extent(table, ZONE_LEN + i * UNIT,
                                               UNIT, &n), ==, i < nr);
        g_assert_cmpint(n, ==, UNIT);
    }
}

static ZoneStatus begin_range(ZoneTable *table, ZoneWrite *write,
                              uint64_t pos_bytes, uint64_t bytes)
{
    ZoneStatus foretold = zone_table_check_write(table, ZONE_LEN + pos_bytes,
                                                 bytes);
    ZoneStatus status = begin_at(table, write, 1, pos_bytes, bytes);

    g_assert_cmpint(foretold, ==, status);
    zone_table_verify(table);
    return status;
}

static ZoneStatus begin(ZoneTable *table, ZoneWrite *write, unsigned n)
{
    return begin_range(table, write, n * UNIT, UNIT);
}

static bool end(ZoneTable *table, ZoneWrite *write, bool success)
{
    bool changed = zone_table_write_end(table, write, success);

    zone_table_verify(table);
    return changed;
}

static void flush_failed(ZoneTable *table, const ZoneWrite *write)
{
    zone_table_write_unsure(table, write);
    zone_table_verify(table);
}

/* Writes unit n, with a flush behind it that fails */
static void write_unsure(ZoneTable *table, unsigned n)
{
    ZoneWrite w;

    A_OK(begin(table, &w, n));
    end(table, &w, true);
    flush_failed(table, &w);
}

/* Writes 0 to nr - 1, with a failing flush behind unit n */
static ZoneTable *make_unsure(unsigned nr, unsigned n)
{
    ZoneTable *table = make_table(.zrwa_bytes = 2 * UNIT,
                                  .zrwa_granularity_bytes = UNIT,
                                  .max_open_zones = 1,
                                  .zd_extension_bytes = 64);
    unsigned i;

    for (i = 0; i < nr; i++) {
        ZoneWrite w;

        A_OK(begin(table, &w, i));
        end(table, &w, true);
        if (i == n) {
            flush_failed(table, &w);
        }
    }
    return table;
}

/* Making again */

/* It has been written: nothing changes, before, meanwhile, afterwards */
static void test_again(void)
{
    ZoneTable *table = make_unsure(3, 1);
    ZoneWrite w;

    expect_at(table, 3, 3, 3);
    expect_data(table, 3);
    A_OK(begin(table, &w, 1));
    g_assert_cmphex(w.unwritten_bytes, ==, UINT64_MAX);
    expect_at(table, 3, 3, 3);
    expect_data(table, 3);
    g_assert_true(zone_table_in_flight(table, 1));
    g_assert_false(end(table, &w, true));
    expect_at(table, 3, 3, 3);
    REFUSED(begin(table, &w, 1), ZONE_ERR_NOT_AT_WP);
    zone_table_free(table);
}

/* At the write pointer: the next write goes behind it, not over it */
static void test_last(void)
{
    ZoneTable *table = make_unsure(1, 0);
    ZoneWrite a, b;

    A_OK(begin(table, &a, 0));
    A_OK(append_to(table, &b, 1, UNIT));
    g_assert_cmpint(b.start_bytes, ==, ZONE_LEN + UNIT);
    end(table, &b, true);
    expect_at(table, 2, 2, 2);
    /* No commit waits for a retry */
    g_assert_false(zone_table_passed_by(table, UINT64_MAX));
    end(table, &a, true);
    expect_at(table, 2, 2, 2);
    zone_table_free(table);
}

static void test_other_ranges(void)
{
    ZoneTable *table = make_unsure(3, 1);
    ZoneWrite w;

    REFUSED(begin_range(table, &w, UNIT, 512), ZONE_ERR_NOT_AT_WP);
    REFUSED(begin_range(table, &w, UNIT, 2 * UNIT), ZONE_ERR_NOT_AT_WP);
    REFUSED(begin_range(table, &w, UNIT + 512, UNIT - 512),
            ZONE_ERR_NOT_AT_WP);
    REFUSED(begin(table, &w, 0), ZONE_ERR_NOT_AT_WP);
    REFUSED(begin(table, &w, 2), ZONE_ERR_NOT_AT_WP);
    /* Another zone */
    REFUSED(begin_at(table, &w, 0, UNIT, UNIT), ZONE_ERR_NOT_AT_WP);
    A_OK(begin(table, &w, 1));
    end(table, &w, true);
    zone_table_free(table);
}

/* One at a time, until one has ended well */
static void test_fails(void)
{
    ZoneTable *table = make_unsure(2, 1);
    ZoneWrite a, b;

    A_OK(begin(table, &a, 1));
    REFUSED(begin(table, &b, 1), ZONE_ERR_NOT_AT_WP);
    g_assert_false(end(table, &a, false));
    expect_at(table, 2, 2, 2);
    expect_data(table, 2);
    A_OK(begin(table, &a, 1));
    end(table, &a, true);
    /* The flush behind that one fails as well */
    flush_failed(table, &a);
    A_OK(begin(table, &a, 1));
    end(table, &a, true);
    REFUSED(begin(table, &a, 1), ZONE_ERR_NOT_AT_WP);
    zone_table_free(table);
}

static void test_several(void)
{
    ZoneTable *table = make_table();
    ZoneWrite a, b;

    write_unsure(table, 0);
    write_unsure(table, 1);
    write_unsure(table, 2);
    A_OK(begin(table, &a, 2));
    A_OK(begin(table, &b, 0));
    end(table, &a, true);
    end(table, &b, false);
    REFUSED(begin(table, &a, 2), ZONE_ERR_NOT_AT_WP);
    A_OK(begin(table, &a, 1));
    A_OK(begin(table, &b, 0));
    end(table, &b, true);
    end(table, &a, true);
    REFUSED(begin(table, &a, 0), ZONE_ERR_NOT_AT_WP);
    expect_at(table, 3, 3, 3);
    zone_table_free(table);
}

/* The write that has made the zone Full: without a resource, without a move */
static void test_full(void)
{
    ZoneTable *table = make_unsure(NR_UNITS, NR_UNITS - 1);
    ZoneWrite w, other;

    g_assert_cmpint(state_of(table, 1), ==, ZONE_STATE_FULL);
    expect_send(table, 2, ZONE_EVENT_OPEN);
    REFUSED(begin(table, &w, 0), ZONE_ERR_FULL);
    A_OK(begin(table, &w, NR_UNITS - 1));
    REFUSED(begin(table, &other, NR_UNITS - 1), ZONE_ERR_FULL);
    REFUSED(append_to(table, &other, 1, UNIT), ZONE_ERR_FULL);
    g_assert_cmpint(state_of(table, 1), ==, ZONE_STATE_FULL);
    g_assert_cmpint(zone_table_counts(table).open, ==, 1);
    g_assert_true(zone_table_in_flight(table, 1));
    g_assert_false(end(table, &w, false));
    expect_at(table, NR_UNITS, NR_UNITS, NR_UNITS);
    zone_table_hold(table, 1);
    REFUSED(begin(table, &w, NR_UNITS - 1), ZONE_BUSY);
    zone_table_release(table, 1);
    A_OK(begin(table, &w, NR_UNITS - 1));
    expect_data(table, NR_UNITS);
    g_assert_false(end(table, &w, true));
    g_assert_cmpint(state_of(table, 1), ==, ZONE_STATE_FULL);
    REFUSED(begin(table, &w, NR_UNITS - 1), ZONE_ERR_FULL);
    zone_table_free(table);
}

/* The zone becomes Full while one of its writes is made again */
static void test_filled_meanwhile(void)
{
    ZoneTable *table = make_unsure(NR_UNITS - 1, 3);
    ZoneWrite a, b;

    A_OK(begin(table, &a, 3));
    A_OK(begin(table, &b, NR_UNITS - 1));
    g_assert_true(end(table, &b, true));
    g_assert_cmpint(state_of(table, 1), ==, ZONE_STATE_FULL);
    end(table, &a, false);
    A_OK(begin(table, &a, 3));
    end(table, &a, true);
    REFUSED(begin(table, &a, 3), ZONE_ERR_FULL);
    zone_table_free(table);
}

static void test_opens(void)
{
    ZoneTable *table = make_unsure(2, 0);
    ZoneWrite w;

    expect_send(table, 1, ZONE_EVENT_CLOSE);
    expect_send(table, 2, ZONE_EVENT_OPEN);
    REFUSED(begin(table, &w, 0), ZONE_ERR_TOO_MANY_OPEN);
    expect_send(table, 2, ZONE_EVENT_CLOSE);
    A_OK(begin(table, &w, 0));
    g_assert_cmpint(state_of(table, 1), ==, ZONE_STATE_IMPLICITLY_OPENED);
    expect_send(table, 1, ZONE_EVENT_CLOSE);
    end(table, &w, true);
    g_assert_cmpint(state_of(table, 1), ==, ZONE_STATE_CLOSED);
    expect_at(table, 2, 2, 2);
    zone_table_free(table);
}

/* With failed ranges */

/* A roll-back stops at it, and so it does when a retry of it fails */
static void test_roll_back(void)
{
    ZoneTable *table = make_unsure(2, 1);
    ZoneWrite a, b;

    A_OK(begin(table, &a, 1));
    A_OK(begin(table, &b, 2));
    end(table, &b, false);
    expect_at(table, 2, 2, 2);
    g_assert_false(end(table, &a, false));
    expect_at(table, 2, 2, 2);
    /* What is known beyond stays so, whatever comes below */
    A_OK(begin(table, &b, 2));
    A_OK(append_to(table, &a, 1, UNIT));
    end(table, &b, false);
    end(table, &a, true);
    expect_at(table, 2, 4, 4);
    A_OK(begin(table, &a, 1));
    end(table, &a, true);
    expect_at(table, 2, 4, 4);
    A_OK(begin(table, &b, 2));
    end(table, &b, true);
    expect_at(table, 4, 4, 4);
    zone_table_free(table);
}

/* Ranges beyond the reservation are forgotten for a new write alone */
static void test_beyond(void)
{
    ZoneTable *table = make_unsure(1, 0);
    ZoneWrite w[4];
    unsigned i;

    for (i = 1; i < 4; i++) {
        A_OK(begin(table, &w[i], i));
    }
    for (i = 1; i < 4; i++) {
        end(table, &w[i], false);
    }
    A_OK(begin(table, &w[0], 0));
    end(table, &w[0], true);
    A_OK(begin(table, &w[3], 3));
    end(table, &w[3], true);
    expect_at(table, 1, 4, 4);
    zone_table_free(table);
}

/* A failed write is made again, and then the flush behind it fails */
static void test_after_failed(void)
{
    ZoneTable *table = make_table();
    ZoneWrite a, b;

    A_OK(begin(table, &a, 0));
    A_OK(begin(table, &b, 1));
    end(table, &a, false);
    end(table, &b, true);
    A_OK(begin(table, &a, 0));
    end(table, &a, true);
    flush_failed(table, &a);
    expect_at(table, 2, 2, 2);
    A_OK(begin(table, &a, 0));
    expect_at(table, 2, 2, 2);
    end(table, &a, true);
    REFUSED(begin(table, &a, 0), ZONE_ERR_NOT_AT_WP);
    zone_table_free(table);
}

/* With a write in flight below: it is reported as far as without all this */
static void test_above_flight(void)
{
    ZoneTable *table = make_table();
    ZoneWrite a, b;

    A_OK(begin(table, &a, 0));
    A_OK(begin(table, &b, 1));
    end(table, &b, true);
    flush_failed(table, &b);
    expect_at(table, 0, 0, 2);
    A_OK(begin(table, &b, 1));
    end(table, &a, true);
    expect_at(table, 2, 2, 2);
    end(table, &b, true);
    zone_table_free(table);
}

/* Forgetting */

static void test_forgetting(void)
{
    static const ZoneEvent events[] = {
        ZONE_EVENT_FINISH, ZONE_EVENT_RESET, ZONE_EVENT_POWER_CYCLE,
        ZONE_EVENT_FAULT_READ_ONLY, ZONE_EVENT_FAULT_OFFLINE,
    };
    size_t i;

    for (i = 0; i < G_N_ELEMENTS(events); i++) {
        ZoneTable *table = make_unsure(2, 1);
        ZoneWrite w;

        expect_send(table, 1, events[i]);
        g_assert_cmpint(begin(table, &w, 1), !=, ZONE_OK);
        zone_table_free(table);
    }
}

/* ... also where they change nothing else */
static void test_forgetting_full(void)
{
    static const ZoneEvent events[] = {
        ZONE_EVENT_FINISH, ZONE_EVENT_POWER_CYCLE, ZONE_EVENT_FAULT_READ_ONLY,
    };
    size_t i;

    for (i = 0; i < G_N_ELEMENTS(events); i++) {
        ZoneTable *table = make_unsure(NR_UNITS, 1);
        ZoneWrite w;

        expect_send(table, 1, events[i]);
        g_assert_cmpint(begin(table, &w, 1), !=, ZONE_OK);
        zone_table_free(table);
    }
}

static void test_load(void)
{
    ZoneTable *table = make_unsure(2, 1);
    ZoneWrite w;

    zone_table_load_word(table, 1, zone_table_word(table, 1));
    REFUSED(begin(table, &w, 1), ZONE_ERR_NOT_AT_WP);
    zone_table_free(table);
}

/* The flush fails after the zone has begun anew, and been written to again */
static void test_too_late(void)
{
    ZoneTable *table = make_table();
    ZoneWrite old, w;

    A_OK(begin(table, &old, 0));
    end(table, &old, true);
    expect_send(table, 1, ZONE_EVENT_RESET);
    flush_failed(table, &old);
    A_OK(begin(table, &w, 0));
    flush_failed(table, &old);
    end(table, &w, true);
    flush_failed(table, &old);
    REFUSED(begin(table, &w, 0), ZONE_ERR_NOT_AT_WP);
    zone_table_free(table);
}

/* Opening and closing end no life; nor does another zone's reset */
static void test_in_time(void)
{
    ZoneTable *table = make_table();
    ZoneWrite w;

    bring_to(table, 2, ZONE_STATE_CLOSED);
    A_OK(begin(table, &w, 0));
    end(table, &w, true);
    expect_send(table, 1, ZONE_EVENT_OPEN);
    expect_send(table, 1, ZONE_EVENT_CLOSE);
    expect_send(table, 2, ZONE_EVENT_RESET);
    flush_failed(table, &w);
    A_OK(begin(table, &w, 0));
    end(table, &w, true);
    zone_table_free(table);
}

/* Zones 1 and 257 share a list, and the note of when lives ended */
static void test_same_bucket(void)
{
    ZoneTable *table = zone_table_new(&(ZoneGeometry) {
        .zone_bytes = ZONE_LEN, .capacity_bytes = ZONE_CAP, .nr_zones = 300,
    });
    ZoneWrite a, b;

    write_unsure(table, 0);
    A_OK(begin_at(table, &b, 257, 0, UNIT));
    end(table, &b, true);
    flush_failed(table, &b);
    A_OK(begin(table, &a, 1));
    end(table, &a, true);
    expect_send(table, 257, ZONE_EVENT_RESET);
    A_OK(begin_at(table, &b, 257, 0, UNIT));
    end(table, &b, true);
    REFUSED(begin_at(table, &b, 257, 0, UNIT), ZONE_ERR_NOT_AT_WP);
    /* What is remembered stays; what comes now has come too late */
    flush_failed(table, &a);
    REFUSED(begin(table, &a, 1), ZONE_ERR_NOT_AT_WP);
    A_OK(begin(table, &a, 0));
    end(table, &a, true);
    zone_table_free(table);
}

/* Not remembered */

static void test_append(void)
{
    ZoneTable *table = make_table(.conventional_zones = 1);
    ZoneWrite w;

    A_OK(append_to(table, &w, 1, UNIT));
    end(table, &w, true);
    flush_failed(table, &w);
    REFUSED(begin(table, &w, 0), ZONE_ERR_NOT_AT_WP);
    A_OK(begin_at(table, &w, 0, 0, UNIT));
    end(table, &w, true);
    flush_failed(table, &w);
    A_OK(begin_at(table, &w, 0, 0, UNIT));
    end(table, &w, true);
    zone_table_free(table);
}

/* With a ZRWA, now or until the write has filled the zone */
static void test_zrwa(void)
{
    ZoneTable *table = make_unsure(0, 0);
    ZoneWrite first, second;

    expect_send(table, 1, ZONE_EVENT_OPEN_ZRWA);
    A_OK(begin_range(table, &first, 0, 2 * UNIT));
    end(table, &first, true);
    flush_failed(table, &first);
    A_OK(begin_range(table, &second, UNIT, UNIT));
    end(table, &second, true);
    flush_failed(table, &second);
    A_OK(zone_table_zrwa_flush(table, ZONE_LEN + 2 * UNIT));
    REFUSED(begin_range(table, &first, 0, 2 * UNIT), ZONE_ERR_NOT_AT_WP);
    REFUSED(begin_range(table, &second, UNIT, UNIT), ZONE_ERR_NOT_AT_WP);
    zone_table_free(table);
}

static void test_zrwa_filled(void)
{
    ZoneTable *table = make_unsure(0, 0);
    ZoneWrite w;
    unsigned i;

    expect_send(table, 1, ZONE_EVENT_OPEN_ZRWA);
    for (i = 0; i < NR_UNITS; i += 2) {
        A_OK(begin_range(table, &w, i * UNIT, 2 * UNIT));
        end(table, &w, true);
        A_OK(zone_table_zrwa_flush(table, ZONE_LEN + (i + 2) * UNIT));
    }
    g_assert_cmpint(state_of(table, 1), ==, ZONE_STATE_FULL);
    flush_failed(table, &w);
    REFUSED(begin_range(table, &w, (NR_UNITS - 2) * UNIT, 2 * UNIT),
            ZONE_ERR_FULL);
    zone_table_free(table);
}

/* A ZRWA that is refused forgets nothing */
static void test_zrwa_refused(void)
{
    ZoneTable *table = make_unsure(2, 1);
    ZoneWrite w;

    REFUSED(send(table, 1, ZONE_EVENT_OPEN_ZRWA), ZONE_ERR_NO_ZRWA);
    A_OK(begin(table, &w, 1));
    end(table, &w, true);
    zone_table_free(table);
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*run)(void);
    } tests[] = {
        { "again", test_again },
        { "again/last", test_last },
        { "again/other-ranges", test_other_ranges },
        { "again/fails", test_fails },
        { "again/several", test_several },
        { "again/full", test_full },
        { "again/filled-meanwhile", test_filled_meanwhile },
        { "again/opens", test_opens },
        { "failed/roll-back", test_roll_back },
        { "failed/beyond", test_beyond },
        { "failed/before", test_after_failed },
        { "above-flight", test_above_flight },
        { "forgets", test_forgetting },
        { "forgets/full", test_forgetting_full },
        { "forgets/load", test_load },
        { "too-late", test_too_late },
        { "in-time", test_in_time },
        { "same-bucket", test_same_bucket },
        { "not/append", test_append },
        { "not/zrwa", test_zrwa },
        { "not/zrwa-filled", test_zrwa_filled },
        { "forgets/not-when-refused", test_zrwa_refused },
    };
    size_t i;

    g_test_init(&argc, &argv, NULL);
    for (i = 0; i < G_N_ELEMENTS(tests); i++) {
        g_autofree char *path = g_strdup_printf("/zone/unsure/%s",
                                                tests[i].name);

        g_test_add_func(path, tests[i].run);
    }
    return g_test_run();
}
