/*
 * Percentiles of durations, as the programs of tests/bench print them
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Shows that a percentile is within one in 64 of what sorting all durations
 * gives, and that it stands for as many of them as it should.  How: durations
 * by chance from nanoseconds to hours; all around powers of two.
 */

#include "qemu/osdep.h"
#include "latency.h"

#define NR_ROUNDS       200
#define NR_DURATIONS    1500

static const unsigned per_mille[] = { 1, 500, 990, 999, 1000 };

static int compare_durations(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return x < y ? -1 : x > y;
}

static void expect_near(double found_ns, uint64_t wanted_ns)
{
    double error_ns = found_ns > wanted_ns ? found_ns - wanted_ns
                                           : wanted_ns - found_ns;

    /* half of a bucket */
    g_assert_cmpfloat(error_ns * 2 * LATENCY_STEPS, <=, wanted_ns);
}

/* The rank that so many in 1000 come to, from 1 */
static unsigned rank_of(unsigned n, unsigned in_1000)
{
    unsigned rank = n * in_1000 / 1000;

    return rank * 1000 < n * in_1000 ? rank + 1 : MAX(rank, 1);
}

static void expect_percentiles(uint64_t *ns, unsigned n)
{
    Latencies latencies = { .count = 0 };
    unsigned i;

    for (i = 0; i < n; i++) {
        latencies_add(&latencies, ns[i]);
    }
    qsort(ns, n, sizeof(ns[0]), compare_durations);
    g_assert_cmpuint(latencies.count, ==, n);
    for (i = 0; i < G_N_ELEMENTS(per_mille); i++) {
        expect_near(latencies_ns(&latencies, per_mille[i]),
                    ns[rank_of(n, per_mille[i]) - 1]);
    }
}

static void test_sorted(void)
{
    static uint64_t ns[NR_DURATIONS];
    unsigned round, i;

    for (round = 0; round < NR_ROUNDS; round++) {
        unsigned n = g_test_rand_int_range(1, NR_DURATIONS + 1);

        for (i = 0; i < n; i++) {
            ns[i] = (uint64_t)(uint32_t)g_test_rand_int() << 16;
            ns[i] >>= g_test_rand_int_range(0, 48);
        }
        expect_percentiles(ns, n);
    }
}

static void test_powers(void)
{
    unsigned shift;
    int off;

    for (shift = 0; shift < 63; shift++) {
        for (off = -1; off <= 1; off++) {
            uint64_t ns = (1ull << shift) + off;

            g_assert_cmpuint(latency_bucket(ns), <, LATENCY_BUCKETS);
            expect_percentiles(&ns, 1);
        }
    }
    g_assert_cmpuint(latency_bucket(UINT64_MAX), ==, LATENCY_BUCKETS - 1);
}

static void test_none(void)
{
    Latencies latencies = { .count = 0 };

    g_assert_cmpfloat(latencies_ns(&latencies, 500), ==, 0);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/latency/sorted", test_sorted);
    g_test_add_func("/latency/powers", test_powers);
    g_test_add_func("/latency/none", test_none);
    return g_test_run();
}
