/*
 * Runs loads and tries the states that crashes leave
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qemu/bswap.h"
#include "qemu/main-loop.h"
#include "qemu/qemu-progress.h"
#include "block/block.h"
#include "crypto/init.h"
#include "crash-check.h"
#include "crash-runner.h"
#include "crash-state.h"

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

/* How many choices there are decides which step is which */
static char *crash_explain(const CrashRun *run, const CrashOptions *options,
                           uint64_t step, char *fault)
{
    char *text = g_strdup_printf("%s; replay: -p /zone/crash/%s "
                                 "--load-seed=%u --step=%" PRIu64
                                 " --choices=%u", fault,
                                 run->image->variant->name, run->seed, step,
                                 options->choices);

    g_free(fault);
    return text;
}

/* Cuts of the second load, on average */
#define CRASH_AGAIN_CUTS    4
/* ... and the choices where many requests are open, of which one is tried */
#define CRASH_AGAIN_CHOICES 6

static char *crash_try_second_state(const CrashRun *run,
                                    const CrashStates *states, GRand *rand)
{
    uint32_t nr = crash_states_nr_choices(states, CRASH_AGAIN_CHOICES);
    CrashChoice choice = crash_states_choice(states, nr,
                                             g_rand_int_range(rand, 0, nr));
    CrashImage *image = crash_image_like(run->image);
    char *fault;

    crash_states_build(states, &choice, rand, image);
    fault = crash_check_state_of(run, states->time, image, rand);
    crash_image_free(image);
    if (fault) {
        crash_report_open(states, &choice);
    }
    return fault;
}

/*
 * A short load on what the first crash has left, and some of the crashes of
 * that.  What the first crash has left is durable.
 */
static char *crash_try_again(const CrashRun *first, uint64_t time,
                             const CrashImage *image, GRand *rand,
                             CrashTally *tally)
{
    CrashRun *run = crash_run_again(first, time, image, g_rand_int(rand));
    g_autofree char *fault = NULL;
    CrashStates *states;

    if (run->stuck) {
        return g_strdup("the load after the crash came to a standstill");
    }
    fault = g_strdup(run->live_fault);
    states = crash_states_new(run);
    while (!fault && crash_states_next_cut(states)) {
        if (g_rand_int_range(rand, 0, run->log->events->len) <
            CRASH_AGAIN_CUTS) {
            fault = crash_try_second_state(run, states, rand);
            tally->states++;
        }
    }
    crash_states_free(states);
    crash_run_free(run);
    return fault ? g_strdup_printf("after a second crash: %s", fault) : NULL;
}

static char *crash_try_state(const CrashRun *run, const CrashOptions *options,
                             const CrashStates *states,
                             const CrashChoice *choice, uint64_t step,
                             CrashTally *tally)
{
    const guint32 seeds[] = { run->seed, step, step >> 32 };
    GRand *rand = g_rand_new_with_seed_array(seeds, ARRAY_SIZE(seeds));
    CrashImage *image = crash_image_like(run->image);
    CrashImage *crashed = NULL;
    char *fault;

    crash_states_build(states, choice, rand, image);
    if (options->again && g_rand_int_range(rand, 0, options->again) == 0) {
        crashed = crash_image_like(run->image);
        crash_image_copy(crashed, image);
    }
    fault = crash_check_state_of(run, states->time, image, rand);
    tally->states++;
    if (crashed) {
        if (!fault) {
            fault = crash_try_again(run, states->time, crashed, rand, tally);
        }
        crash_image_free(crashed);
    }
    crash_image_free(image);
    g_rand_free(rand);
    if (fault) {
        crash_report_open(states, choice);
        fault = crash_explain(run, options, step, fault);
    }
    return fault;
}

/* The image that another process gets: with all that had completed (C5) */
static char *crash_try_handed_over(const CrashRun *run)
{
    GRand *rand = g_rand_new_with_seed(run->seed);
    char *fault = crash_check_state_of(run, CRASH_NEVER - 1, run->handed_over,
                                       rand);
    char *text = NULL;

    g_rand_free(rand);
    if (fault) {
        text = g_strdup_printf("C5: handed over by inactivation: %s; replay: "
                               "-p /zone/crash/%s --load-seed=%u", fault,
                               run->image->variant->name, run->seed);
        g_free(fault);
    }
    return text;
}

/* All cuts of a run, up to the first that breaks a contract */
static char *crash_try_run(const CrashRun *run, const CrashOptions *options,
                           CrashTally *tally)
{
    CrashStates *states = crash_states_new(run);
    uint64_t step = 0;
    char *fault = NULL;

    while (!fault && crash_states_next_cut(states)) {
        uint32_t nr = crash_states_nr_choices(states, options->choices);
        uint32_t i;

        tally->cuts++;
        for (i = 0; i < nr && !fault; i++, step++) {
            CrashChoice choice = crash_states_choice(states, nr, i);

            if (options->step < 0 ? (step + run->seed) % options->stride == 0
                                  : options->step == step) {
                fault = crash_try_state(run, options, states, &choice, step,
                                        tally);
            }
        }
    }
    crash_states_free(states);
    return fault;
}

char *crash_try_variant(const CrashVariant *variant,
                        const CrashOptions *options, CrashTally *tally)
{
    uint64_t end = tally->states + options->max_states;
    uint32_t seed = options->seed;
    char *fault = NULL;

    while (!fault && tally->states < end) {
        CrashRun *run = crash_run_new(variant, seed++);

        tally->runs++;
        if (run->stuck) {
            fault = crash_explain(run, options, 0,
                                  g_strdup("the load came to a standstill"));
        } else if (run->live_fault) {
            fault = crash_explain(run, options, 0,
                                  g_steal_pointer(&run->live_fault));
        } else {
            if (run->handed_over) {
                fault = crash_try_handed_over(run);
                tally->states++;
            }
            if (!fault) {
                fault = crash_try_run(run, options, tally);
            }
        }
        crash_run_free(run);
        if (options->progress) {
            g_print("# states %" PRIu64 "\n", tally->states);
        }
        if (options->step >= 0) {
            break;
        }
    }
    return fault;
}

/* Damage ******************************************************************/

static char *crash_try_word(const CrashRun *run, uint32_t zone_idx,
                            uint64_t word, const char *what)
{
    CrashImage *image = crash_image_like(run->image);
    CrashDisk *disk = image->disk[0];
    g_autofree uint8_t *before = NULL;
    uint8_t bytes[sizeof(word)];
    unsigned i;
    char *fault = NULL;

    for (i = 0; i < CRASH_MAX_DISKS && image->disk[i]; i++) {
        crash_disk_copy(image->disk[i], run->image->disk[i]);
    }
    stq_be_p(bytes, word);
    crash_disk_poke(disk, run->meta_offset + zone_idx * sizeof(word), bytes,
                    sizeof(bytes));
    before = g_memdup2(disk->data, disk->length_bytes);
    if (crash_image_open(image, NULL)) {
        fault = g_strdup_printf("C8: zone %u with %s was opened", zone_idx,
                                what);
    }
    crash_image_close(image);
    if (!fault && memcmp(before, disk->data, disk->length_bytes)) {
        fault = g_strdup_printf("C8: the refused image with %s was written to",
                                what);
    }
    crash_image_free(image);
    return fault;
}

char *crash_try_damage(const CrashVariant *variant, uint32_t seed,
                       CrashTally *tally)
{
    CrashRun *run = crash_run_new(variant, seed);
    const ZoneGeometry *geometry = &run->image->geometry;
    uint32_t zone_idx = geometry->conventional_zones + seed % 64;
    uint64_t start_bytes = geometry->zone_bytes * zone_idx;
    uint64_t end_bytes = start_bytes + geometry->capacity_bytes;
    const struct {
        uint64_t word;
        const char *what;
    } damages[] = {
        { UINT64_C(3) << 60 | start_bytes, "a state that does not exist" },
        { start_bytes - 512, "a write pointer below the zone" },
        { end_bytes + 512, "a write pointer above the capacity" },
        { start_bytes + 100, "a write pointer between two sectors" },
        { UINT64_C(1) << 59 | start_bytes, "the type of a conventional zone" },
        { UINT64_C(1) << 54 | start_bytes, "a ZRWA" },
        { UINT64_C(1) << 55 | start_bytes, "a reserved attribute" },
        { UINT64_MAX, "all bits set" },
    };
    char *fault = NULL;
    unsigned i;

    for (i = 0; i < ARRAY_SIZE(damages) && !fault; i++) {
        fault = crash_try_word(run, zone_idx, damages[i].word,
                               damages[i].what);
        tally->states++;
    }
    crash_run_free(run);
    return fault;
}

void crash_init(void)
{
    qcrypto_init(&error_abort);
    module_call_init(MODULE_INIT_QOM);
    bdrv_init();
    qemu_init_main_loop(&error_abort);
    qemu_progress_init(0, 0);
    crash_disk_register(bdrv_find_format("qcow2"));
}
