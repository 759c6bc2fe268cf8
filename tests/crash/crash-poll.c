/*
 * Whoever polls lets the disks go on
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Jobs end in the main loop, and poll there until their requests have ended, at
 * any depth: nobody can call crash_log_step() for them.  And they sleep: for
 * how long, compared with a request of a disk, is for the seed to decide.
 */

#include "qemu/osdep.h"
#include "block/aio.h"
#include "qemu/job.h"
#include "qemu/timer.h"
#include "crash-disk.h"

/* Whose disks go on; NULL: nobody's */
static CrashLog *polled;

void crash_log_start_polling(CrashLog *log)
{
    polled = log;
}

void crash_log_stop_polling(void)
{
    polled = NULL;
}

/* Who blocks waits for something: that is a request, or will never come */
bool __wrap_aio_poll(AioContext *ctx, bool blocking)
{
    if (!polled || !blocking) {
        return __real_aio_poll(ctx, blocking);
    }
    if (__real_aio_poll(ctx, false)) {
        return true;
    }
    if (!crash_log_step(polled)) {
        g_error("%s: somebody waits, and no request is under way",
                polled->name);
    }
    return true;
}

/* No clock wakes it: a step does, or whoever has something for it to do */
void coroutine_fn __wrap_job_sleep_ns(Job *job, int64_t ns)
{
    CrashLog *log = polled;

    if (!log) {
        __real_job_sleep_ns(job, ns);
        return;
    }
    crash_log_add_sleeper(log, job);
    job_yield(job);
    crash_log_remove_sleeper(log, job);
}

/* Stands still: nothing takes long */
int64_t __wrap_qemu_clock_get_ns(QEMUClockType type)
{
    return polled && type == QEMU_CLOCK_REALTIME
           ? 1 : __real_qemu_clock_get_ns(type);
}
