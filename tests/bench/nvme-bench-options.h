/*
 * What nvme-zone-bench is told to do, and what fits into its guest memory
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef TESTS_BENCH_NVME_BENCH_OPTIONS_H
#define TESTS_BENCH_NVME_BENCH_OPTIONS_H

#include "qemu/units.h"

#define PAGE_BYTES      (4 * KiB)
#define MAX_DEPTH       1024
#define MAX_BYTES       (512 * KiB)
#define FILL_BYTES      (128 * KiB)
#define FILL_DEPTH      8

/* Guest memory: from DATA_ADDR to its end, the data of all slots */
#define RAM_BYTES       (256 * MiB)
#define DATA_ADDR       (32 * MiB)

typedef struct BenchOptions {
    char *qemu;
    char *drive;
    char *ctrl;                 /* more properties of the controller */
    char *ns;                   /* and of the namespace */
    char *args;                 /* more arguments of QEMU */
    uint64_t bytes;             /* of one request */
    uint64_t total_bytes;       /* of all requests */
    uint64_t zone_bytes;
    uint64_t capacity_bytes;
    uint64_t device_bytes;
    uint64_t block_bytes;
    unsigned depth;
    unsigned streams;           /* zones that are written at the same time */
    unsigned zones;             /* to be reset, or flushed */
    unsigned pause_ms;          /* before each of them */
    unsigned state;             /* to report; 0 = any, as in the command */
    bool dbbuf;
} BenchOptions;

/* Ends the program */
void G_GNUC_PRINTF(1, 2) G_NORETURN fail(const char *format, ...);

/* Options that make no sense end the program */
void bench_parse_options(BenchOptions *options, int argc, char **argv);

unsigned bench_nr_slots(const BenchOptions *options);
uint64_t bench_slot_bytes(const BenchOptions *options);

#endif
