/*
 * The command line of nvme-zone-bench
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/cutils.h"
#include "nvme-bench-options.h"

void fail(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    fprintf(stderr, "nvme-zone-bench: ");
    vfprintf(stderr, format, args);
    fprintf(stderr, "\n");
    va_end(args);
    exit(1);
}

/* Filling the drive takes slots, too */
unsigned bench_nr_slots(const BenchOptions *options)
{
    return MAX(options->depth, FILL_DEPTH);
}

uint64_t bench_slot_bytes(const BenchOptions *options)
{
    return ROUND_UP(MAX(options->bytes, FILL_BYTES), PAGE_BYTES);
}

/* False when the option's value is not a string */
static bool parse_string(BenchOptions *options, const char *name,
                         const char *value)
{
    char **string = !strcmp(name, "qemu") ? &options->qemu
                  : !strcmp(name, "drive") ? &options->drive
                  : !strcmp(name, "ctrl") ? &options->ctrl
                  : !strcmp(name, "ns") ? &options->ns
                  : !strcmp(name, "args") ? &options->args : NULL;

    if (string) {
        *string = *value ? g_strdup(value) : NULL;
    }
    return string;
}

static void parse_option(BenchOptions *options, const char *name,
                         const char *value)
{
    uint64_t number = 0;

    if (parse_string(options, name, value)) {
        return;
    }
    if (qemu_strtosz(value, NULL, &number) < 0) {
        fail("--%s: '%s' is no number", name, value);
    }
    if (!strcmp(name, "bytes")) {
        options->bytes = number;
    } else if (!strcmp(name, "total")) {
        options->total_bytes = number;
    } else if (!strcmp(name, "zone")) {
        options->zone_bytes = number;
    } else if (!strcmp(name, "capacity")) {
        options->capacity_bytes = number;
    } else if (!strcmp(name, "device")) {
        options->device_bytes = number;
    } else if (!strcmp(name, "block")) {
        options->block_bytes = number;
    } else if (!strcmp(name, "depth")) {
        options->depth = number;
    } else if (!strcmp(name, "streams")) {
        options->streams = number;
    } else if (!strcmp(name, "zones")) {
        options->zones = number;
    } else if (!strcmp(name, "pause")) {
        options->pause_ms = number;
    } else if (!strcmp(name, "state")) {
        options->state = number;
    } else if (!strcmp(name, "dbbuf")) {
        options->dbbuf = number;
    } else {
        fail("unknown option --%s", name);
    }
}

void bench_parse_options(BenchOptions *options, int argc, char **argv)
{
    int i;

    for (i = 2; i < argc; i++) {
        g_auto(GStrv) parts = g_strsplit(argv[i], "=", 2);

        if (!g_str_has_prefix(argv[i], "--") || !parts[1]) {
            fail("'%s' is not of the form --NAME=VALUE", argv[i]);
        }
        parse_option(options, parts[0] + 2, parts[1]);
    }
    if (!options->qemu || !options->drive || !options->device_bytes) {
        fail("--qemu, --drive or --device is missing");
    }
    if (!options->depth || options->depth > MAX_DEPTH || !options->streams ||
        !options->zones || options->bytes < options->block_bytes ||
        options->bytes > MAX_BYTES) {
        fail("depth, streams, zones or bytes out of range");
    }
    if (DATA_ADDR + bench_nr_slots(options) * bench_slot_bytes(options) >
        RAM_BYTES) {
        fail("so many requests of that length do not fit into memory");
    }
    if (!options->capacity_bytes) {
        options->capacity_bytes = options->zone_bytes;
    }
}
