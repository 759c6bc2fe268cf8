/*
 * Runs of an operation, in each of which another request fails
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "fail-run.h"

#define MAX_REQUESTS 1000

static const FailRun *current;
static unsigned nr_runs;
static unsigned nr_failed;

static void say_current(int sig)
{
    if (current) {
        fail_say_run(current);
    }
    /* SA_RESETHAND: this one ends the process */
    raise(sig);
}

void fail_catch_signals(void)
{
    struct sigaction act = {
        .sa_handler = say_current,
        .sa_flags = SA_RESETHAND | SA_NODEFER,
    };

    sigaction(SIGABRT, &act, NULL);
    sigaction(SIGSEGV, &act, NULL);
}

const FailImage *fail_prepared(const FailVariant *variant)
{
    static FailImage *images[FAIL_MAX_VARIANTS];
    size_t i = variant - fail_variants;

    assert(i < G_N_ELEMENTS(images));
    if (!images[i]) {
        images[i] = fail_image_new(variant);
        fail_image_prepare(images[i]);
    }
    return images[i];
}

void fail_add_test(const FailVariant *variant, const char *name,
                   GTestDataFunc func)
{
    g_autofree char *path = g_strdup_printf("/fail/%s/%s", variant->name,
                                            name);

    g_test_add_data_func(path, variant, func);
}

void fail_try_plans(FailRun *run, void (*once)(FailRun *run))
{
    static const int errors[] = { EIO, ENOSPC };
    FailImage *named = run->image;
    unsigned first_run = nr_runs;
    unsigned plan;

    for (plan = 0; plan < FAIL_KINDS * 4; plan++) {
        run->plan = (FailPlan) {
            .kind = plan / 4,
            .error = errors[plan / 2 % 2],
            .forever = plan % 2,
        };
        do {
            run->plan.nth++;
            run->plan.count = 0;
            run->plan.nr_failed = 0;
            run->plan.header_failed = false;
            run->image = named;
            g_assert_cmpuint(run->plan.nth, <, MAX_REQUESTS);
            current = run;
            nr_runs++;
            once(run);
            nr_failed += run->plan.nr_failed;
            current = NULL;
        } while (run->plan.nr_failed);
    }
    run->image = named;
    g_test_message("%u runs", nr_runs - first_run);
}

void fail_free_reports(FailRun *run)
{
    fail_report_free(&run->stored);
    fail_report_free(&run->snapshot);
    fail_report_free(&run->before);
    fail_report_free(&run->after);
}

bool fail_say_runs(void)
{
    printf("# %u runs, %u requests failed\n", nr_runs, nr_failed);
    return nr_failed;
}
