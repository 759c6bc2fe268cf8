/*
 * Crash states of zoned images
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What it shows: contracts C1 to C8 of docs/devel/zone-store.rst hold in every
 * state that a loss of power can leave, as far as states are tried.  How: a
 * load decided by a seed runs on an image whose disks record every request;
 * then the states that the fault model allows are built after every request,
 * opened with the real driver, compared with what the load was told, checked,
 * used, closed, opened again.
 *
 * A failure prints what replays it:
 *   zone-crash -p /zone/crash/VARIANT --load-seed=SEED --step=STEP \
 *     --choices=CHOICES
 */

#include "qemu/osdep.h"
#include "crash-runner.h"

/* LUKS takes a hundred times longer to open: so much fewer states of it */
#define CRASH_LUKS_SHARE    25
/* Loads differ more than the states of one */
#define CRASH_STRIDE        8
/* Another crash follows after one in so many */
#define CRASH_AGAIN         8

static CrashOptions options = {
    .seed = 1,
    .max_states = 500,
    .step = -1,
    .choices = 6,
    .stride = CRASH_STRIDE,
    .again = CRASH_AGAIN,
};

static void crash_test_variant(gconstpointer opaque)
{
    const CrashVariant *variant = opaque;
    const char *missing = crash_variant_missing(variant);
    CrashOptions own = options;
    CrashTally tally = { };
    g_autofree char *fault = NULL;

    if (missing) {
        g_autofree char *reason = g_strdup_printf("this build has no %s",
                                                  missing);
        g_test_skip(reason);
        return;
    }
    if (variant->luks) {
        own.max_states = DIV_ROUND_UP(own.max_states, CRASH_LUKS_SHARE);
        own.stride = CRASH_LUKS_SHARE; /* a load takes as long */
    }
    fault = crash_try_variant(variant, &own, &tally);
    g_test_message("%s: %" PRIu64 " states after %" PRIu64 " requests of %"
                   PRIu64 " loads from seed %u on", variant->name,
                   tally.states, tally.cuts, tally.runs, own.seed);
    if (fault) {
        g_test_message("%s", fault);
        g_test_fail();
    }
}

/* C8: damaged words are refused, and stay as they are */
static void crash_test_damage(void)
{
    CrashTally tally = { };
    uint32_t i;

    for (i = 0; i < 10; i++) {
        g_autofree char *fault = crash_try_damage(crash_variants,
                                                  options.seed + i, &tally);

        if (fault) {
            g_test_message("%s (--load-seed=%u)", fault, options.seed + i);
            g_test_fail();
            return;
        }
    }
}

static void crash_parse(int *argc, char ***argv)
{
    gint64 seed = options.seed, states = options.max_states, step = -1;
    gint choices = options.choices, stride = options.stride;
    gboolean progress = false;
    const GOptionEntry entries[] = {
        { "load-seed", 0, 0, G_OPTION_ARG_INT64, &seed,
          "seed of the first load", "N" },
        { "states", 0, 0, G_OPTION_ARG_INT64, &states,
          "states to try of each variant, at least", "N" },
        { "step", 0, 0, G_OPTION_ARG_INT64, &step,
          "only this state of the first load", "N" },
        { "choices", 0, 0, G_OPTION_ARG_INT, &choices,
          "states after one request, where many are open", "N" },
        { "stride", 0, 0, G_OPTION_ARG_INT, &stride,
          "try one in so many states of a load", "N" },
        { "progress", 0, 0, G_OPTION_ARG_NONE, &progress,
          "say after each load how far it is", NULL },
        { }
    };
    g_autoptr(GOptionContext) context = g_option_context_new(NULL);
    g_autoptr(GError) error = NULL;

    g_option_context_add_main_entries(context, entries, NULL);
    if (!g_option_context_parse(context, argc, argv, &error)) {
        g_printerr("%s\n", error->message);
        exit(2);
    }
    options = (CrashOptions) {
        .seed = seed,
        .max_states = states,
        .step = step,
        .choices = MAX(choices, 3),
        .stride = MAX(stride, 1),
        .again = CRASH_AGAIN,
        .progress = progress,
    };
}

int main(int argc, char **argv)
{
    const CrashVariant *variant;

    crash_init();
    g_test_init(&argc, &argv, NULL);
    crash_parse(&argc, &argv);
    for (variant = crash_variants; variant->name; variant++) {
        g_autofree char *path = g_strdup_printf("/zone/crash/%s",
                                                variant->name);

        g_test_add_data_func(path, variant, crash_test_variant);
    }
    g_test_add_func("/zone/crash/damage", crash_test_damage);
    return g_test_run();
}
