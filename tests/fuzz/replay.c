/*
 * Runs a fuzzer over its seeds, without libFuzzer
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Shows that no seed makes the fuzzer abort: what has been found once stays
 * repaired, with any compiler.  One test for each seed.
 *
 * usage: replay FILE                 the seeds
 *        replay --unpack DIR FILE   one file for each seed, for libFuzzer
 */

#include "qemu/osdep.h"
#include "fuzz.h"

typedef struct Seed {
    char *name;
    GByteArray *bytes;
} Seed;

static void free_seed(void *data)
{
    Seed *seed = data;

    g_byte_array_unref(seed->bytes);
    g_free(seed->name);
    g_free(seed);
}

static void bad_line(unsigned number, const char *what)
{
    fprintf(stderr, "line %u: %s\n", number, what);
    exit(2);
}

static void take_hex(Seed *seed, const char *text, unsigned number)
{
    for (; *text; text += 2) {
        int high = g_ascii_xdigit_value(text[0]);
        int low = high < 0 ? -1 : g_ascii_xdigit_value(text[1]);
        uint8_t byte = high << 4 | low;

        if (high < 0 || low < 0) {
            bad_line(number, "not pairs of hex digits");
        }
        g_byte_array_append(seed->bytes, &byte, 1);
    }
}

/* "NAME:" starts a seed, indented lines of hex digits are its bytes */
static GPtrArray *load_seeds(const char *path)
{
    GPtrArray *seeds = g_ptr_array_new_with_free_func(free_seed);
    Seed *seed = NULL;
    GError *err = NULL;
    char *text;
    char **lines;
    unsigned i;

    if (!g_file_get_contents(path, &text, NULL, &err)) {
        fprintf(stderr, "%s\n", err->message);
        exit(2);
    }
    lines = g_strsplit(text, "\n", -1);
    for (i = 0; lines[i]; i++) {
        size_t len = strlen(lines[i]);

        if (len == 0 || lines[i][0] == '#') {
            continue;
        }
        if (lines[i][0] != ' ' && lines[i][len - 1] == ':') {
            seed = g_new0(Seed, 1);
            seed->name = g_strndup(lines[i], len - 1);
            seed->bytes = g_byte_array_new();
            g_ptr_array_add(seeds, seed);
        } else if (seed && lines[i][0] == ' ') {
            take_hex(seed, g_strstrip(lines[i]), i + 1);
        } else {
            bad_line(i + 1, "neither a name nor bytes");
        }
    }
    g_strfreev(lines);
    g_free(text);
    if (seeds->len == 0) {
        fprintf(stderr, "%s: no seeds\n", path);
        exit(2);
    }
    return seeds;
}

static void test_seed(const void *data)
{
    const Seed *seed = data;

    g_assert_cmpint(LLVMFuzzerTestOneInput(seed->bytes->data,
                                           seed->bytes->len), ==, 0);
}

static void unpack_seed(void *data, void *opaque)
{
    const Seed *seed = data;
    g_autofree char *path = g_build_filename(opaque, seed->name, NULL);
    GError *err = NULL;

    if (!g_file_set_contents(path, (const char *)seed->bytes->data,
                             seed->bytes->len, &err)) {
        fprintf(stderr, "%s\n", err->message);
        exit(2);
    }
}

int main(int argc, char **argv)
{
    GPtrArray *seeds;
    int ret = 0;
    unsigned i;

    if (argc == 4 && !strcmp(argv[1], "--unpack")) {
        seeds = load_seeds(argv[3]);
        g_ptr_array_foreach(seeds, unpack_seed, argv[2]);
    } else {
        g_test_init(&argc, &argv, NULL);
        if (argc != 2) {
            fprintf(stderr, "usage: replay [--unpack DIR] FILE\n");
            return 2;
        }
        seeds = load_seeds(argv[1]);
        for (i = 0; i < seeds->len; i++) {
            const Seed *seed = g_ptr_array_index(seeds, i);
            g_autofree char *path = g_strconcat("/seed/", seed->name, NULL);

            g_test_add_data_func(path, seed, test_seed);
        }
        ret = g_test_run();
    }
    g_ptr_array_free(seeds, true);
    return ret;
}
