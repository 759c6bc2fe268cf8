/*
 * How long requests took: percentiles without an allocation or a sort
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Each power of two has 64 buckets, so that a duration is known to one in 64
 * of itself, from a nanosecond up; adding one costs a few instructions.
 */

#ifndef TESTS_BENCH_LATENCY_H
#define TESTS_BENCH_LATENCY_H

#include <glib.h>

#define LATENCY_BITS    6
#define LATENCY_STEPS   (1u << LATENCY_BITS)
#define LATENCY_BUCKETS ((64 - LATENCY_BITS + 1) * LATENCY_STEPS)

typedef struct Latencies {
    uint64_t count;
    uint64_t buckets[LATENCY_BUCKETS];
} Latencies;

static inline unsigned latency_shift(uint64_t ns)
{
    return ns < LATENCY_STEPS ? 0
                              : 63 - __builtin_clzll(ns) - LATENCY_BITS;
}

static inline unsigned latency_bucket(uint64_t ns)
{
    unsigned shift = latency_shift(ns);

    /* from LATENCY_STEPS on, the leading bit counts as one shift */
    return shift * LATENCY_STEPS + (ns >> shift);
}

static inline void latencies_add(Latencies *latencies, int64_t ns)
{
    latencies->count++;
    latencies->buckets[latency_bucket(MAX(ns, 0))]++;
}

static inline void latencies_merge(Latencies *into, const Latencies *from)
{
    unsigned i;

    into->count += from->count;
    for (i = 0; i < LATENCY_BUCKETS; i++) {
        into->buckets[i] += from->buckets[i];
    }
}

/* The middle of a bucket */
static inline double latency_middle_ns(unsigned bucket)
{
    unsigned shift = bucket < 2 * LATENCY_STEPS ? 0
                                                : bucket / LATENCY_STEPS - 1;
    uint64_t low_ns = (uint64_t)(bucket - shift * LATENCY_STEPS) << shift;

    return low_ns + ((1ull << shift) - 1) / 2.0;
}

/* What so many of 1000 requests did not exceed; 0 when there were none */
static inline double latencies_ns(const Latencies *latencies,
                                  unsigned per_mille)
{
    uint64_t rank = (latencies->count * per_mille + 999) / 1000;
    uint64_t seen = 0;
    unsigned i;

    for (i = 0; i < LATENCY_BUCKETS; i++) {
        seen += latencies->buckets[i];
        if (seen >= rank) {
            return latency_middle_ns(i);
        }
    }
    return 0;
}

static inline void latencies_print(const Latencies *latencies)
{
    printf("p50_us %.3f\n", latencies_ns(latencies, 500) / 1e3);
    printf("p99_us %.3f\n", latencies_ns(latencies, 990) / 1e3);
    printf("p999_us %.3f\n", latencies_ns(latencies, 999) / 1e3);
}

#endif
