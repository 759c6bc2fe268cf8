/*
 * A host that changes its data while it is written
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/iov.h"
#include "crash-change.h"

#define CRASH_CHANGE_BYTE       0xc4

typedef struct CrashChange {
    uint8_t *buf;
    size_t length_bytes;
} CrashChange;

static bool crash_change_has(const CrashChange *change, const uint8_t *buf)
{
    return buf >= change->buf && buf < change->buf + change->length_bytes;
}

/* Buffers of the drivers in between are none of the host's */
static bool crash_change_is_of_host(CrashRun *run, const uint8_t *buf)
{
    guint i;

    for (i = 0; i < run->changing->len; i++) {
        if (crash_change_has(&g_array_index(run->changing, CrashChange, i),
                             buf)) {
            return true;
        }
    }
    return false;
}

static void crash_change_taken(void *opaque, QEMUIOVector *qiov)
{
    CrashRun *run = opaque;
    int i;

    for (i = 0; i < qiov->niov; i++) {
        const struct iovec *iov = &qiov->iov[i];

        if (crash_change_is_of_host(run, iov->iov_base)) {
            memset(iov->iov_base, CRASH_CHANGE_BYTE, iov->iov_len);
        }
    }
}

void crash_change_start(CrashRun *run)
{
    run->changing = g_array_new(false, false, sizeof(CrashChange));
    run->log->taken = crash_change_taken;
}

void crash_change_stop(CrashRun *run)
{
    assert(!run->changing->len);
    run->log->taken = NULL;
    g_array_unref(run->changing);
    run->changing = NULL;
}

void crash_change_add(CrashRun *run, uint8_t *buf, size_t length_bytes)
{
    CrashChange change = { .buf = buf, .length_bytes = length_bytes };

    g_array_append_val(run->changing, change);
}

void crash_change_remove(CrashRun *run, const uint8_t *buf)
{
    guint i = 0;

    while (g_array_index(run->changing, CrashChange, i).buf != buf) {
        i++;
    }
    g_array_remove_index_fast(run->changing, i);
}
