/*
 * Zoned I/O: filters that show the zones of the node below them
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Reads, writes and discards go through a filter as its driver has it, and meet
 * the gate at the zoned node.  Requests on zones are none of the drivers': they
 * come here, and each filter gets to see what it is there for.
 */

#include "qemu/osdep.h"
#include "block/block-io.h"
#include "block/block_int.h"
#include "block/throttle-groups.h"
#include "block/zone/gate/filter.h"
#include "block/zone/gate/internal.h"

/* A request on zones on its way down */
typedef struct ZoneFilterRequest {
    int64_t offset_bytes;       /* an append: of its zone, then its place */
    int64_t length_bytes;       /* of the data of an append, else of zones */
    QEMUIOVector *qiov;         /* NULL: management */
    bool changes_data;
} ZoneFilterRequest;

typedef int coroutine_fn GRAPH_RDLOCK
ZoneFilterFunc(BlockDriverState *bs, ZoneFilterRequest *req);

typedef struct ZoneFilter {
    const char *format_name;
    ZoneFilterFunc *co_before;  /* an error is the request's */
    ZoneFilterFunc *co_after;   /* ... that has ended well */
} ZoneFilter;

/* Limits of writes hold; management counts as one without data */
static int coroutine_fn GRAPH_RDLOCK
zone_filter_co_throttle(BlockDriverState *bs, ZoneFilterRequest *req)
{
    throttle_group_co_io_limits_intercept(bs->opaque,
                                          req->qiov ? req->qiov->size : 0,
                                          THROTTLE_WRITE);
    return 0;
}

static int coroutine_fn GRAPH_RDLOCK
zone_filter_co_inject(BlockDriverState *bs, ZoneFilterRequest *req)
{
    return rule_check(bs, req->offset_bytes, req->length_bytes,
                      BLKDEBUG_IO_TYPE_WRITE);
}

static int coroutine_fn GRAPH_RDLOCK
zone_filter_co_do_nothing(struct BlkLogWritesFileReq *req)
{
    return 0;
}

/* Where an append went; what a Reset or Offline has taken, as a discard */
static int coroutine_fn GRAPH_RDLOCK
zone_filter_co_log(BlockDriverState *bs, ZoneFilterRequest *req)
{
    if (!req->changes_data) {
        return 0;
    }
    return blk_log_writes_co_log(bs, req->offset_bytes, req->length_bytes,
                                 req->qiov, 0, zone_filter_co_do_nothing,
                                 req->qiov ? 0 : BLK_LOG_WRITES_DISCARD,
                                 false);
}

static const ZoneFilter zone_filters[] = {
    { "blkdebug", zone_filter_co_inject },
    { "blklogwrites", NULL, zone_filter_co_log },
    { "copy-on-read" },
    { "raw" },
    { "throttle", zone_filter_co_throttle },
};

static const ZoneFilter *zone_filter_find(const char *format_name)
{
    unsigned i;

    for (i = 0; i < ARRAY_SIZE(zone_filters); i++) {
        if (g_str_equal(zone_filters[i].format_name, format_name)) {
            return &zone_filters[i];
        }
    }
    return NULL;
}

bool zone_filter_passes(BlockDriver *drv, BdrvChildRole role)
{
    return (role & BDRV_CHILD_FILTERED) && zone_filter_find(drv->format_name);
}

/* Nobody changes the graph while requests are made or devices look */
BlockDriverState * TSA_NO_TSA bdrv_zone_node(BlockDriverState *bs)
{
    while (bs && !bs->zones) {
        bs = bs->drv && bs->file &&
             zone_filter_passes(bs->drv, bs->file->role) ? bs->file->bs : NULL;
    }
    return bs;
}

/* Requests ****************************************************************/

static int coroutine_fn GRAPH_RDLOCK
zone_filter_co_begin(BlockDriverState *bs, ZoneFilterRequest *req)
{
    const ZoneFilter *filter = zone_filter_find(bs->drv->format_name);

    bdrv_inc_in_flight(bs);
    return filter->co_before ? filter->co_before(bs, req) : 0;
}

static int coroutine_fn GRAPH_RDLOCK
zone_filter_co_end(BlockDriverState *bs, ZoneFilterRequest *req, int ret)
{
    const ZoneFilter *filter = zone_filter_find(bs->drv->format_name);

    if (ret >= 0 && req->changes_data) {
        bdrv_set_dirty(bs, req->offset_bytes, req->length_bytes);
    }
    if (ret >= 0 && filter->co_after) {
        ret = filter->co_after(bs, req);
    }
    bdrv_dec_in_flight(bs);
    return ret;
}

int coroutine_fn
zone_filter_co_append(BlockDriverState *bs, int64_t *offset,
                      QEMUIOVector *qiov, BdrvRequestFlags flags)
{
    ZoneFilterRequest req = {
        .offset_bytes = *offset,
        .length_bytes = qiov->size,
        .qiov = qiov,
        .changes_data = true,
    };
    int ret = zone_filter_co_begin(bs, &req);

    if (ret >= 0) {
        ret = bdrv_zone_co_append(bs->file, offset, qiov, flags);
    }
    req.offset_bytes = *offset;
    return zone_filter_co_end(bs, &req, ret);
}

int coroutine_fn
zone_filter_co_action(BlockDriverState *bs, const ZoneAction *action)
{
    ZoneFilterRequest req = {
        .changes_data = action->op == BLK_ZO_RESET ||
                        action->op == BLK_ZO_OFFLINE,
    };
    int ret;

    zone_io_action_range(bdrv_zone_io(bs), action, &req.offset_bytes,
                         &req.length_bytes);
    ret = zone_filter_co_begin(bs, &req);
    if (ret >= 0) {
        ret = bdrv_zone_co_action(bs->file, action);
    }
    return zone_filter_co_end(bs, &req, ret);
}
