/*
 * Zoned qcow2 images: what is done ahead of the data
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Sequential writes come to each position of a zone once.  The write that
 * comes to the start of a stretch of the zone readies all of it for those that
 * follow, so nothing has to be remembered.  All of it happens above the write
 * pointer, where the read clamp hides what clusters have in them, and with the
 * zone held: no other write is there.
 *
 * - A run of clusters is mapped (premap.c).  Runs double in length
 *   up to that of the option: a zone that gets a few blocks costs little.
 * - Holes that a Reset with discard=unmap has left there get space in the file
 *   again: a write into a hole takes longer.
 * - When commits come after little data each, zeros are written.  A file
 *   system that has only reserved a block must change its own metadata when the
 *   block is written, and store the change with the next flush, which takes
 *   several times as long as the flush of a block that has been written before.
 */

#include "qemu/osdep.h"
#include "qemu/memalign.h"
#include "qemu/units.h"
#include "block/zone/qcow2/internal.h"
#include "block/zone/trace.h"

/* The first runs of a zone, unless clusters are longer */
#define QCOW2_ZONE_FIRST_RUN_BYTES      (1 * MiB)
/* Zeros pay when there is a commit at least after this much data */
#define QCOW2_ZONE_PREZERO_COMMIT_BYTES (64 * KiB)
/* What was written before this much says nothing of what comes */
#define QCOW2_ZONE_RECENT_BYTES         (1 * MiB)
/* Zeros start here: no block is read to be written */
#define QCOW2_ZONE_PREZERO_ALIGNMENT    4096

/* The first start of a run at pos_bytes of a zone or behind */
static uint64_t qcow2_zone_run_start(BDRVQcow2State *s, uint64_t pos_bytes)
{
    uint64_t run_bytes = s->zone_options.premap_bytes;
    uint64_t start_bytes;

    if (!pos_bytes) {
        return 0;
    }
    start_bytes = MAX(pow2ceil(pos_bytes),
                      MAX(s->cluster_size, QCOW2_ZONE_FIRST_RUN_BYTES));
    return start_bytes < run_bytes ? start_bytes :
           QEMU_ALIGN_UP(pos_bytes, run_bytes);
}

static uint64_t qcow2_zone_pos(Qcow2Zone *zone, const ZoneWrite *write)
{
    return write->start_bytes - write->zone_idx * zone->geometry.zone_bytes;
}

static bool qcow2_zone_starts_run(BDRVQcow2State *s, const ZoneWrite *write)
{
    uint64_t pos_bytes = qcow2_zone_pos(s->zone, write);

    return s->zone_options.premap_bytes &&
           qcow2_zone_run_start(s, pos_bytes) <
           pos_bytes + (write->end_bytes - write->start_bytes);
}

static bool qcow2_zone_starts_zeros(BDRVQcow2State *s, const ZoneWrite *write)
{
    uint64_t stretch_bytes = s->zone_options.prezero_bytes;
    uint64_t pos_bytes = qcow2_zone_pos(s->zone, write);

    return stretch_bytes &&
           QEMU_ALIGN_UP(pos_bytes, stretch_bytes) <
           pos_bytes + (write->end_bytes - write->start_bytes);
}

static bool qcow2_zone_commits_are_frequent(Qcow2Zone *zone)
{
    return zone->recent_commits * QCOW2_ZONE_PREZERO_COMMIT_BYTES >=
           zone->recent_bytes;
}

void qcow2_zone_count_commit(Qcow2Zone *zone)
{
    zone->recent_commits++;
}

bool qcow2_zone_wants_prepare(BlockDriverState *bs, const ZoneWrite *write)
{
    BDRVQcow2State *s = bs->opaque;
    Qcow2Zone *zone = s->zone;

    zone->recent_bytes += write->end_bytes - write->start_bytes;
    if (zone->recent_bytes > QCOW2_ZONE_RECENT_BYTES) {
        zone->recent_bytes /= 2;
        zone->recent_commits /= 2;
    }
    return qcow2_zone_starts_run(s, write) ||
           (qcow2_zone_starts_zeros(s, write) &&
            qcow2_zone_commits_are_frequent(zone));
}

/*
 * Where a part of the file has neither data nor zeros that were written:
 * writes zeros, or reserves space for them if there are none to write.
 */
static int coroutine_fn GRAPH_RDLOCK
qcow2_zone_co_fill_holes(BlockDriverState *bs, uint64_t host_offset,
                         uint64_t bytes, const void *zeros)
{
    BDRVQcow2State *s = bs->opaque;
    int64_t n;
    int ret = 0;

    for (; bytes && ret >= 0; host_offset += n, bytes -= n) {
        ret = bdrv_co_block_status(s->data_file->bs, host_offset, bytes, &n,
                                   NULL, NULL);
        if (ret < 0 || !n) {
            break;
        }
        if (!(ret & BDRV_BLOCK_ZERO)) {
            continue;
        }
        if (zeros) {
            ret = bdrv_co_pwrite(s->data_file, host_offset, n, zeros, 0);
        } else {
            ret = bdrv_co_pwrite_zeroes(s->data_file, host_offset, n,
                                        BDRV_REQ_NO_FALLBACK);
        }
    }
    return ret;
}

static void coroutine_fn GRAPH_RDLOCK
qcow2_zone_co_prezero(BlockDriverState *bs, uint64_t offset, uint64_t end)
{
    QEMU_AUTO_VFREE void *zeros = NULL;

    offset = ROUND_UP(offset, QCOW2_ZONE_PREZERO_ALIGNMENT);
    if (offset >= end) {
        return;
    }
    zeros = qemu_try_blockalign0(bs, end - offset);
    if (zeros) {
        qcow2_zone_co_walk_host(bs, offset, end, qcow2_zone_co_fill_holes,
                                zeros);
        trace_qcow2_zone_prezero(bs, offset, end - offset);
    }
}

/*
 * No step is needed for the next, and none can do harm when a crash comes:
 * clusters stay leaked or mapped above the write pointer, with anything in
 * them.
 */
void coroutine_fn
qcow2_zone_co_prepare(BlockDriverState *bs, const ZoneWrite *write)
{
    BDRVQcow2State *s = bs->opaque;
    Qcow2Zone *zone = s->zone;
    uint64_t pos_bytes = qcow2_zone_pos(zone, write);
    uint64_t zone_start = write->start_bytes - pos_bytes;
    uint64_t write_bytes = write->end_bytes - write->start_bytes;
    uint64_t capacity_bytes = zone->geometry.capacity_bytes;
    uint64_t first_bytes, end_bytes;
    bool frequent;

    if (qcow2_zone_starts_run(s, write)) {
        first_bytes = qcow2_zone_run_start(s, pos_bytes);
        end_bytes = MIN(qcow2_zone_run_start(s, pos_bytes + write_bytes),
                        ROUND_UP(capacity_bytes, s->cluster_size));
        if (qcow2_zone_co_premap(bs, zone_start + first_bytes,
                                 zone_start + end_bytes)) {
            qcow2_zone_co_walk_host(bs, zone_start + first_bytes,
                                    zone_start + end_bytes,
                                    qcow2_zone_co_fill_holes, NULL);
        }
    }
    zone_io_lock(zone->io);
    frequent = qcow2_zone_commits_are_frequent(zone);
    zone_io_unlock(zone->io);
    if (frequent && qcow2_zone_starts_zeros(s, write)) {
        end_bytes = MIN(QEMU_ALIGN_UP(pos_bytes + write_bytes,
                                      s->zone_options.prezero_bytes),
                        capacity_bytes);
        qcow2_zone_co_prezero(bs, write->end_bytes, zone_start + end_bytes);
    }
}
