/*
 * The states that a crash can leave on the disks of a run
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The fault model of docs/devel/zone-store.rst: what completed before a flush
 * was submitted that has completed, and FUA writes that have, are settled.  Of
 * all else that was submitted each sector is on the disk or not, whatever the
 * order; what was discarded holds anything.
 */

#include "qemu/osdep.h"
#include "crash-state.h"

/* With so many requests or fewer, every subset is tried */
#define CRASH_MAX_ALL_SUBSETS   3

CrashStates *crash_states_new(const CrashRun *run)
{
    CrashStates *states = g_new0(CrashStates, 1);
    unsigned i;

    states->run = run;
    states->settled = crash_image_like(run->start);
    for (i = 0; i < CRASH_MAX_DISKS && run->start->disk[i]; i++) {
        crash_disk_copy(states->settled->disk[i], run->start->disk[i]);
        states->settled_since[i] = g_array_new(false, true, sizeof(uint64_t));
    }
    states->open = g_ptr_array_new();
    return states;
}

void crash_states_free(CrashStates *states)
{
    unsigned i;

    for (i = 0; i < CRASH_MAX_DISKS; i++) {
        if (states->settled_since[i]) {
            g_array_unref(states->settled_since[i]);
        }
    }
    crash_image_free(states->settled);
    g_ptr_array_unref(states->open);
    g_free(states);
}

static uint64_t *crash_settled_since(const CrashStates *states,
                                     unsigned disk_idx, int64_t offset_bytes)
{
    GArray *since = states->settled_since[disk_idx];
    guint sector = offset_bytes / CRASH_SECTOR_BYTES;

    if (sector >= since->len) {
        g_array_set_size(since, sector + 1);
    }
    return &g_array_index(since, uint64_t, sector);
}

static void crash_put_sector(CrashDisk *disk, const CrashRequest *request,
                             int64_t done_bytes)
{
    crash_disk_poke(disk, request->offset_bytes + done_bytes,
                    request->data ? request->data + done_bytes : NULL,
                    MIN(CRASH_SECTOR_BYTES,
                        request->length_bytes - done_bytes));
}

/*
 * Is the sector newer on the settled disk?  Then nothing of the request, which
 * had completed before that was submitted, can come back.
 */
static bool crash_superseded(const CrashStates *states,
                             const CrashRequest *request, int64_t done_bytes)
{
    return request->completed <=
           *crash_settled_since(states, request->disk_idx,
                                request->offset_bytes + done_bytes);
}

static void crash_settle(CrashStates *states, const CrashRequest *request)
{
    CrashDisk *disk = states->settled->disk[request->disk_idx];
    int64_t done_bytes;
    uint64_t *since;

    for (done_bytes = 0; done_bytes < request->length_bytes;
         done_bytes += CRASH_SECTOR_BYTES) {
        if (!crash_superseded(states, request, done_bytes) &&
            (!request->reached ||
             request->reached[done_bytes / CRASH_SECTOR_BYTES])) {
            crash_put_sector(disk, request, done_bytes);
            since = crash_settled_since(states, request->disk_idx,
                                        request->offset_bytes + done_bytes);
            /* one that was in flight together with another: both are there */
            *since = MAX(*since, request->submitted);
        }
    }
}

static gint crash_compare_completed(gconstpointer a, gconstpointer b)
{
    const CrashRequest *x = *(CrashRequest *const *)a;
    const CrashRequest *y = *(CrashRequest *const *)b;

    return x->completed < y->completed ? -1 : x->completed > y->completed;
}

static void crash_settle_flushed(CrashStates *states, const CrashRequest *flush)
{
    guint i = 0;

    g_ptr_array_sort(states->open, crash_compare_completed);
    while (i < states->open->len) {
        CrashRequest *request = g_ptr_array_index(states->open, i);

        if ((!request->failed || request->reached) &&
            request->disk_idx == flush->disk_idx &&
            request->completed <= flush->submitted) {
            crash_settle(states, request);
            g_ptr_array_remove_index(states->open, i);
        } else {
            i++;
        }
    }
}

bool crash_states_next_cut(CrashStates *states)
{
    const GArray *events = states->run->log->events;
    const CrashEvent *event;

    if (states->next_event >= events->len) {
        return false;
    }
    event = &g_array_index(events, CrashEvent, states->next_event);
    states->next_event++;
    if (!event->completion) {
        if (event->request->kind != CRASH_FLUSH) {
            g_ptr_array_add(states->open, event->request);
        }
    } else if (event->request->failed) {
        /* each sector old or new, for ever or until the next flush */
    } else if (event->request->kind == CRASH_FLUSH) {
        crash_settle_flushed(states, event->request);
    } else if (event->request->fua) {
        crash_settle(states, event->request);
        g_ptr_array_remove(states->open, event->request);
    }
    /* as late as possible: the workload has heard of all that has happened */
    states->time = states->run->log->now;
    if (states->next_event < events->len) {
        states->time = g_array_index(events, CrashEvent,
                                     states->next_event).time - 1;
    }
    return true;
}

uint32_t crash_states_nr_choices(const CrashStates *states,
                                 uint32_t max_choices)
{
    if (states->open->len <= CRASH_MAX_ALL_SUBSETS) {
        return (1 << states->open->len) + (states->open->len > 0);
    }
    return max_choices;
}

CrashChoice crash_states_choice(const CrashStates *states, uint32_t nr_choices,
                                uint32_t choice_idx)
{
    CrashChoice choice = { .subset = CRASH_SUBSET_MASK };

    if (states->open->len <= CRASH_MAX_ALL_SUBSETS) {
        choice.mask = choice_idx;
        if (choice_idx == 1 << states->open->len) {
            choice.subset = CRASH_SUBSET_TORN;
        }
        return choice;
    }
    switch (choice_idx) {
    case 0:
        break;
    case 1:
        choice.subset = CRASH_SUBSET_COMPLETED;
        break;
    case 2:
        choice.mask = UINT64_MAX;
        break;
    default:
        choice.subset = choice_idx & 1 ? CRASH_SUBSET_TORN :
                                         CRASH_SUBSET_RANDOM;
        break;
    }
    return choice;
}

/* A discarded sector: as it was, zeros, or something else */
static void crash_put_discarded(CrashDisk *disk, const CrashRequest *request,
                                int64_t done_bytes, GRand *rand)
{
    uint8_t garbage[CRASH_SECTOR_BYTES];

    switch (g_rand_int_range(rand, 0, 3)) {
    case 0:
        break;
    case 1:
        crash_put_sector(disk, request, done_bytes);
        break;
    default:
        memset(garbage, CRASH_GARBAGE_BYTE, sizeof(garbage));
        crash_disk_poke(disk, request->offset_bytes + done_bytes, garbage,
                        sizeof(garbage));
        break;
    }
}

static void crash_put_request(const CrashStates *states,
                              const CrashRequest *request, bool torn,
                              GRand *rand, CrashImage *image)
{
    CrashDisk *disk = image->disk[request->disk_idx];
    int64_t done_bytes;

    for (done_bytes = 0; done_bytes < request->length_bytes;
         done_bytes += CRASH_SECTOR_BYTES) {
        if (crash_superseded(states, request, done_bytes) ||
            (torn && g_rand_boolean(rand))) {
            continue;
        }
        if (request->kind == CRASH_DISCARD) {
            crash_put_discarded(disk, request, done_bytes, rand);
        } else {
            crash_put_sector(disk, request, done_bytes);
        }
    }
}

static bool crash_chosen(const CrashStates *states, const CrashChoice *choice,
                         guint request_idx, double share, GRand *rand)
{
    const CrashRequest *request = g_ptr_array_index(states->open, request_idx);

    switch (choice->subset) {
    case CRASH_SUBSET_MASK:
        return request_idx >= 64 || choice->mask >> request_idx & 1;
    case CRASH_SUBSET_COMPLETED:
        return request->completed <= states->time;
    default:
        return g_rand_double(rand) < share;
    }
}

/*
 * With lazy refcounts the base repairs the image when it is opened, and takes
 * clusters behind the end of the file for free, even if L2 tables lead there.
 * So the length of the file is never lost there; in all others it may be.
 */
static void crash_reach_request(CrashImage *image, const CrashRequest *request)
{
    crash_disk_reach(image->disk[request->disk_idx],
                     request->offset_bytes + request->length_bytes);
}

void crash_states_build(const CrashStates *states, const CrashChoice *choice,
                        GRand *rand, CrashImage *image)
{
    double share = g_rand_double(rand);
    bool torn = choice->subset == CRASH_SUBSET_TORN;
    unsigned i;
    guint idx;

    for (i = 0; i < CRASH_MAX_DISKS && image->disk[i]; i++) {
        crash_disk_copy(image->disk[i], states->settled->disk[i]);
    }
    for (idx = 0; idx < states->open->len; idx++) {
        if (image->variant->lazy_refcounts) {
            crash_reach_request(image, g_ptr_array_index(states->open, idx));
        }
        if (crash_chosen(states, choice, idx, share, rand)) {
            crash_put_request(states, g_ptr_array_index(states->open, idx),
                              torn, rand, image);
        }
    }
}
