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
    QEMUIOVector *qiov;         /* NULL: no data */
    BdrvRequestFlags flags;
    bool append;                /* offset_bytes is that of its zone, for now */
    bool zeros;                 /* a write of zeros */
    bool changes_data;
    bool select_all;            /* ... of some zones of the range alone */
    void *opaque;               /* the filter's */
} ZoneFilterRequest;

typedef int coroutine_fn
ZoneFilterBefore(BlockDriverState *bs, ZoneFilterRequest *req);
typedef int coroutine_fn
ZoneFilterAfter(BlockDriverState *bs, ZoneFilterRequest *req, int ret);
typedef void coroutine_mixed_fn
ZoneFilterMark(BlockDriverState *bs, int64_t offset, int64_t bytes);

typedef struct ZoneFilter {
    const char *format_name;
    /* An error is the request's */
    ZoneFilterBefore *co_before GRAPH_RDLOCK_PTR;
    /* ret is the request's result, or that of co_before */
    ZoneFilterAfter *co_after GRAPH_RDLOCK_PTR;
    /* What a reader of the range sees has changed by itself */
    ZoneFilterMark *mark;
} ZoneFilter;

/* Limits of writes hold; management counts as one without data */
static int coroutine_fn GRAPH_RDLOCK
zone_filter_co_throttle(BlockDriverState *bs, ZoneFilterRequest *req)
{
    bool writes = req->qiov || req->zeros;

    throttle_group_co_io_limits_intercept(bs->opaque,
                                          writes ? req->length_bytes : 0,
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
zone_filter_co_log(BlockDriverState *bs, ZoneFilterRequest *req, int ret)
{
    if (ret < 0 || !req->changes_data) {
        return ret;
    }
    return blk_log_writes_co_log(bs, req->offset_bytes, req->length_bytes,
                                 req->qiov, 0, zone_filter_co_do_nothing,
                                 req->qiov || req->zeros
                                 ? 0 : BLK_LOG_WRITES_DISCARD, req->zeros);
}

/*
 * What is there now is copied before it changes.  An append goes to where its
 * zone shows zeros still, nobody knows where: all of that is copied, once.
 */
static int coroutine_fn GRAPH_RDLOCK
zone_filter_co_copy_before(BlockDriverState *bs, ZoneFilterRequest *req)
{
    int64_t offset = req->offset_bytes;
    int64_t end = offset + req->length_bytes;
    ZoneIO *io = bdrv_zone_io(bs);
    ZoneInfo info;

    if (!req->changes_data) {
        return 0;
    }
    if (req->append) {
        zone_io_get_info(io, zone_table_idx(zone_io_table(io), offset), &info);
        if (!zone_state_has_wp(info.state)) {
            return 0; /* it will be refused */
        }
        offset = info.wp_bytes;
        end = info.start_bytes + info.length_bytes;
    }
    return cbw_do_copy_before_write(bs, offset, end - offset, 0);
}

/*
 * With the target written before the request ends, others keep out of all of
 * the zone meanwhile: nobody knows yet where an append goes.
 */
static int coroutine_fn GRAPH_RDLOCK
zone_filter_co_mirror_before(BlockDriverState *bs, ZoneFilterRequest *req)
{
    int64_t bytes = req->length_bytes;

    if (!req->changes_data) {
        return 0;
    }
    if (req->append) {
        bytes = zone_io_geometry(bdrv_zone_io(bs))->zone_bytes;
    }
    req->opaque = zone_mirror_co_begin(bs, req->offset_bytes, bytes,
                                       &req->qiov, &req->flags);
    return 0;
}

static int coroutine_fn GRAPH_RDLOCK
zone_filter_co_mirror_after(BlockDriverState *bs, ZoneFilterRequest *req,
                            int ret)
{
    if (req->opaque) {
        zone_mirror_co_end(req->opaque, req->offset_bytes, req->length_bytes,
                           ret, req->select_all);
    } else if (req->changes_data) {
        zone_mirror_mark(bs, req->offset_bytes, req->length_bytes);
    }
    return ret;
}

static const ZoneFilter zone_filters[] = {
    { "blkdebug", zone_filter_co_inject },
    { "blklogwrites", NULL, zone_filter_co_log },
    { "commit_top" },
    { "copy-before-write", zone_filter_co_copy_before },
    { "copy-on-read" },
    { "mirror_top", zone_filter_co_mirror_before, zone_filter_co_mirror_after,
      zone_mirror_mark },
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

/* The child whose zones a filter shows, or NULL */
static TSA_NO_TSA BdrvChild *zone_filter_child(BlockDriverState *bs)
{
    BdrvChild *child = bs->backing ?: bs->file;

    return bs->drv && child && zone_filter_passes(bs->drv, child->role)
           ? child : NULL;
}

/* Nobody changes the graph while requests are made or devices look */
TSA_NO_TSA BlockDriverState *bdrv_zone_node(BlockDriverState *bs)
{
    BdrvChild *child;

    while (bs && !bs->zones) {
        child = zone_filter_child(bs);
        bs = child ? child->bs : NULL;
    }
    return bs;
}

BlockDriverState *zone_filter_parent(BdrvChild *child)
{
    BlockDriverState *bs = child->klass == &child_of_bds ? child->opaque : NULL;

    return bs && bs->drv && zone_filter_passes(bs->drv, child->role) ? bs
                                                                     : NULL;
}

static bool zone_filter_is_backup(BlockDriverState *bs)
{
    return zone_filter_find(bs->drv->format_name)->co_before ==
           zone_filter_co_copy_before;
}

/* Requests are being made, or the node is drained: the graph stays */
void TSA_NO_TSA
zone_filter_set_dirty(BlockDriverState *bs, int64_t offset, int64_t bytes)
{
    BlockDriverState *parent_bs;
    const ZoneFilter *filter;
    BdrvChild *parent;

    bdrv_set_dirty(bs, offset, bytes);
    QLIST_FOREACH(parent, &bs->parents, next_parent) {
        parent_bs = zone_filter_parent(parent);
        if (!parent_bs) {
            continue;
        }
        filter = zone_filter_find(parent_bs->drv->format_name);
        if (filter->mark) {
            filter->mark(parent_bs, offset, bytes);
        }
        zone_filter_set_dirty(parent_bs, offset, bytes);
    }
}

bool zone_filter_copies_before(BlockDriverState *bs)
{
    BlockDriverState *parent_bs;
    BdrvChild *parent;

    QLIST_FOREACH(parent, &bs->parents, next_parent) {
        parent_bs = zone_filter_parent(parent);
        if (parent_bs && (zone_filter_is_backup(parent_bs) ||
                          zone_filter_copies_before(parent_bs))) {
            return true;
        }
    }
    return false;
}

int coroutine_fn
zone_filter_co_before_loss(BlockDriverState *bs, int64_t offset, int64_t bytes)
{
    ZoneFilterRequest req = {
        .offset_bytes = offset, .length_bytes = bytes, .changes_data = true,
    };
    BlockDriverState *parent_bs;
    BdrvChild *parent;
    int ret = 0;

    QLIST_FOREACH(parent, &bs->parents, next_parent) {
        parent_bs = zone_filter_parent(parent);
        if (!parent_bs || ret < 0) {
            continue;
        }
        ret = zone_filter_co_before_loss(parent_bs, offset, bytes);
        if (ret >= 0 && zone_filter_is_backup(parent_bs)) {
            ret = zone_filter_co_copy_before(parent_bs, &req);
        }
    }
    return ret;
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
    if (filter->co_after) {
        ret = filter->co_after(bs, req, ret);
    }
    bdrv_dec_in_flight(bs);
    return ret;
}

int coroutine_fn zone_filter_co_write(BlockDriverState *bs, ZoneIOWrite *write)
{
    ZoneFilterRequest req = {
        .offset_bytes = write->offset_bytes,
        .length_bytes = write->length_bytes,
        .qiov = write->qiov,
        .flags = write->flags,
        .append = write->append,
        .zeros = !write->qiov,
        .changes_data = true,
    };
    ZoneIOWrite below = *write;
    int ret;

    ret = zone_filter_co_begin(bs, &req);
    if (ret >= 0) {
        below.qiov = req.qiov;
        below.flags = req.flags;
        ret = bdrv_zone_co_write(zone_filter_child(bs), &below);
        write->offset_bytes = below.offset_bytes;
    }
    req.offset_bytes = write->offset_bytes;
    return zone_filter_co_end(bs, &req, ret);
}

int coroutine_fn
zone_filter_co_action(BlockDriverState *bs, const ZoneAction *action)
{
    ZoneFilterRequest req = {
        .changes_data = action->op == BLK_ZO_RESET ||
                        action->op == BLK_ZO_OFFLINE,
        .select_all = action->select_all,
    };
    int ret;

    zone_io_action_range(bdrv_zone_io(bs), action, &req.offset_bytes,
                         &req.length_bytes);
    ret = zone_filter_co_begin(bs, &req);
    if (ret >= 0) {
        ret = bdrv_zone_co_action(zone_filter_child(bs), action);
    }
    return zone_filter_co_end(bs, &req, ret);
}
