/*
 * Random walk of the zone table, compared with a reference model
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Shows that table and model (zone-reference.c) agree on every answer and on
 * all state, whatever the order of calls (zone-walk.c).
 *
 * usage: test-zone-walk [--seed N] [--steps N]
 * The seed is also taken from ZONE_SEED; without one it comes from the clock.
 * On a difference: seed, step, the last calls, both states; exit by abort.
 */

#include "qemu/osdep.h"
#include "block/zone.h"
#include "zone-walk.h"

static uint64_t walk_seed;
static uint64_t walk_steps = 3000000;

/*
 * A walk that never got anywhere would agree with any model: all cases
 * together have met every answer, every transition that there is, and what
 * matters about writes that fail.
 */
static void test_coverage(void)
{
    int state, event;
    int status, what;

    if (walk_steps < 500000) {
        g_test_skip("too few steps to meet everything");
        return;
    }
    /* Nothing keeps its range to itself here */
    for (status = ZONE_OK; status <= ZONE_BUSY_OTHERS; status++) {
        if (!walk_met_status(status)) {
            g_test_message("never met: %s", zone_status_str(status));
            g_test_fail();
        }
    }
    for (what = 0; what < WALK_MET__MAX; what++) {
        if (!walk_met(what)) {
            g_test_message("never met: number %d of WalkMet", what);
            g_test_fail();
        }
    }
    for (state = 0; state < ZONE_STATE__MAX; state++) {
        for (event = 0; event < ZONE_EVENT__MAX; event++) {
            const ZoneTransition *t = zone_transition(state, event);

            /* FILLED is no call: the ends of writes bring it about */
            if (t->refusal == ZONE_OK && event != ZONE_EVENT_FILLED &&
                !walk_met_move(state, event)) {
                g_test_message("never met: %s in state %s",
                               zone_event_str(event), zone_state_str(state));
                g_test_fail();
            }
        }
    }
}

static void test_walk(const void *data)
{
    size_t case_idx = GPOINTER_TO_SIZE(data);
    uint64_t steps = walk_case_steps(case_idx, walk_steps);
    Walk *w = walk_new(case_idx, walk_seed);

    while (steps--) {
        walk_step(w);
    }
    g_test_message("%s: %" PRIu64 " steps", walk_case_name(case_idx),
                   walk_free(w));
}

static uint64_t parse_number(const char *text)
{
    guint64 value;

    if (!g_ascii_string_to_unsigned(text, 10, 0, UINT64_MAX, &value, NULL)) {
        fprintf(stderr, "'%s' is not a number\n", text);
        exit(2);
    }
    return value;
}

/* Takes our options out of argv: GLib has a --seed of its own */
static int parse_options(int argc, char **argv)
{
    int kept = 1;
    int i;

    for (i = 1; i < argc; i++) {
        if (!strcmp(argv[i], "--seed") && i + 1 < argc) {
            walk_seed = parse_number(argv[++i]);
        } else if (!strcmp(argv[i], "--steps") && i + 1 < argc) {
            walk_steps = parse_number(argv[++i]);
        } else {
            argv[kept++] = argv[i];
        }
    }
    argv[kept] = NULL;
    return kept;
}

int main(int argc, char **argv)
{
    const char *seed = getenv("ZONE_SEED");
    size_t i;

    walk_seed = g_get_real_time();
    if (seed && *seed) {
        walk_seed = parse_number(seed);
    }
    argc = parse_options(argc, argv);
    g_test_init(&argc, &argv, NULL);
    printf("# seed %" PRIu64 ", %" PRIu64 " steps\n", walk_seed, walk_steps);
    for (i = 0; i < WALK_CASES; i++) {
        g_autofree char *path = g_strdup_printf("/zone/walk/%s",
                                                walk_case_name(i));

        g_test_add_data_func(path, GSIZE_TO_POINTER(i), test_walk);
    }
    g_test_add_func("/zone/walk/coverage", test_coverage);
    return g_test_run();
}
