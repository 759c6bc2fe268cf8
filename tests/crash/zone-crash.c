/*
 * Crash states of zoned images
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What it shows: contracts C1 to C6 of docs/devel/zone-store.rst hold in every
 * state that a loss of power can leave, as far as states are tried.  How: a
 * load decided by a seed runs on an image whose disks record every request;
 * then the states that the fault model allows are built after every request,
 * opened with the real driver, compared with what the load was told, checked,
 * used, closed, opened again.
 *
 * A failure prints variant, seed and step; the same three replay it:
 *   zone-crash -p /zone/crash/VARIANT --load-seed=SEED --step=STEP
 */

#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qemu/main-loop.h"
#include "block/block.h"
#include "crypto/init.h"
#include "crash-check.h"
#include "crash-state.h"

static struct {
    gint seed;
    gint64 states;
    gint64 step;                /* only this one; negative: all */
    gint choices;
    gboolean progress;
} options = {
    .seed = 1,
    .states = 250,
    .step = -1,
    .choices = 6,
};

typedef struct CrashTally {
    uint64_t states;
    uint64_t runs;
    uint64_t cuts;
} CrashTally;

static const char *crash_kind_str(CrashRequestKind kind)
{
    switch (kind) {
    case CRASH_WRITE:
        return "write";
    case CRASH_DISCARD:
        return "discard";
    default:
        return "flush";
    }
}

static void crash_report_open(const CrashStates *states,
                              const CrashChoice *choice)
{
    guint i;

    g_test_message("a crash at time %" PRIu64 ", choice %d mask 0x%" PRIx64
                   ", these requests open:", states->time, choice->subset,
                   choice->mask);
    for (i = 0; i < states->open->len; i++) {
        const CrashRequest *request = g_ptr_array_index(states->open, i);

        g_test_message("  %s of %" PRId64 " bytes at %" PRId64 " of disk %u, "
                       "time %" PRIu64 " to %" PRId64 "%s%s",
                       crash_kind_str(request->kind), request->length_bytes,
                       request->offset_bytes, request->disk_idx,
                       request->submitted, (int64_t)request->completed,
                       request->fua ? ", FUA" : "",
                       request->failed ? ", failed" : "");
    }
}

static void crash_report(const CrashRun *run, uint64_t step, const char *fault)
{
    g_test_message("%s", fault);
    g_test_message("replay: -p /zone/crash/%s --load-seed=%u --step=%" PRIu64,
                   run->image->variant->name, run->seed, step);
    g_test_fail();
}

static bool crash_try_state(const CrashRun *run, const CrashStates *states,
                            const CrashChoice *choice, uint64_t step)
{
    g_autoptr(GRand) rand = g_rand_new_with_seed_array(
        (guint32[]) { run->seed, step, step >> 32 }, 3);
    CrashImage *image = crash_image_like(run->image);
    char *fault;

    crash_states_build(states, choice, rand, image);
    fault = crash_check_state_of(run, states->time, image, rand);
    crash_image_free(image);
    if (fault) {
        crash_report_open(states, choice);
        crash_report(run, step, fault);
        g_free(fault);
        return false;
    }
    return true;
}

/* All cuts of a run, unless it is told to stop before */
static bool crash_try_run(const CrashRun *run, CrashTally *tally)
{
    CrashStates *states = crash_states_new(run);
    uint64_t step = 0;
    bool good = true;

    while (good && crash_states_next_cut(states)) {
        uint32_t nr = crash_states_nr_choices(states, options.choices);
        uint32_t i;

        tally->cuts++;
        for (i = 0; i < nr && good; i++, step++) {
            CrashChoice choice = crash_states_choice(states, nr, i);

            if (options.step >= 0 && options.step != step) {
                continue;
            }
            good = crash_try_state(run, states, &choice, step);
            tally->states++;
        }
    }
    crash_states_free(states);
    return good;
}

static void crash_test_variant(gconstpointer opaque)
{
    const CrashVariant *variant = opaque;
    const char *missing = crash_variant_missing(variant);
    uint32_t seed = options.seed;
    CrashTally tally = { };
    bool good = true;

    if (missing) {
        g_autofree char *reason = g_strdup_printf("this build has no %s",
                                                  missing);
        g_test_skip(reason);
        return;
    }
    while (good && tally.states < options.states) {
        CrashRun *run = crash_run_new(variant, seed++);

        tally.runs++;
        if (run->stuck) {
            crash_report(run, 0, "the load came to a standstill");
            good = false;
        } else {
            good = crash_try_run(run, &tally);
        }
        crash_run_free(run);
        if (options.progress) {
            g_print("# states %" PRIu64 "\n", tally.states);
        }
        if (options.step >= 0) {
            break;
        }
    }
    g_test_message("%s: %" PRIu64 " states after %" PRIu64 " requests of %"
                   PRIu64 " runs, seeds %d to %u", variant->name, tally.states,
                   tally.cuts, tally.runs, options.seed, seed - 1);
}

static const GOptionEntry entries[] = {
    { "load-seed", 0, 0, G_OPTION_ARG_INT, &options.seed,
      "first seed", "N" },
    { "states", 0, 0, G_OPTION_ARG_INT64, &options.states,
      "states to try of each variant, at least", "N" },
    { "step", 0, 0, G_OPTION_ARG_INT64, &options.step,
      "only this state of the first seed", "N" },
    { "choices", 0, 0, G_OPTION_ARG_INT, &options.choices,
      "states after one request, where many are open", "N" },
    { "progress", 0, 0, G_OPTION_ARG_NONE, &options.progress,
      "say after each run how far it is", NULL },
    { }
};

static void crash_parse(int *argc, char ***argv)
{
    g_autoptr(GOptionContext) context = g_option_context_new(NULL);
    g_autoptr(GError) error = NULL;

    g_option_context_add_main_entries(context, entries, NULL);
    if (!g_option_context_parse(context, argc, argv, &error)) {
        g_printerr("%s\n", error->message);
        exit(2);
    }
}

int main(int argc, char **argv)
{
    const CrashVariant *variant;

    qcrypto_init(&error_abort);
    module_call_init(MODULE_INIT_QOM);
    bdrv_init();
    qemu_init_main_loop(&error_abort);
    crash_disk_register();

    g_test_init(&argc, &argv, NULL);
    crash_parse(&argc, &argv);
    for (variant = crash_variants; variant->name; variant++) {
        g_autofree char *path = g_strdup_printf("/zone/crash/%s",
                                                variant->name);

        g_test_add_data_func(path, variant, crash_test_variant);
    }
    return g_test_run();
}
