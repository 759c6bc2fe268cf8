/*
 * Zoned I/O: shared by the files of block/zone/gate only
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Three locks, always taken in this order:
 *
 *   hold         of a zone, from zone_table_hold() to zone_table_release(): a
 *                management action that changes the write pointer owns the
 *                zone; writes and discards that come meanwhile wait, those
 *                that were in flight have ended
 *   commit_lock  serialises everything that makes zone words durable, so
 *                that the table never shows a committer half an action
 *   lock         guards the table, and who waits for it to change (wait.c);
 *                never held across I/O
 */

#ifndef BLOCK_ZONE_GATE_INTERNAL_H
#define BLOCK_ZONE_GATE_INTERNAL_H

#include "qemu/coroutine.h"
#include "qemu/notify.h"
#include "qemu/queue.h"
#include "block/zone-io.h"

/* What somebody waits for, and who makes it true: see wait.c */
typedef enum ZoneWait {
    ZONE_WAIT_NOTHING,
    ZONE_WAIT_RELEASE,          /* of the zone */
    ZONE_WAIT_END,              /* of a write or discard in the zone */
    /* to open zones: a zone is released, or is no longer open */
    ZONE_WAIT_ROOM,
    ZONE_WAIT_SETTLED,          /* the end of a write that others have passed */
} ZoneWait;

typedef struct ZoneWaiter ZoneWaiter;
/*
 * Goes on, with the table's lock held, or says what it waits for.  In whatever
 * thread makes that true: it neither waits nor enters coroutines.
 */
typedef ZoneWait ZoneWaitFunc(ZoneIO *io, ZoneWaiter *waiter);

struct ZoneWaiter {
    ZoneWaitFunc *look;
    uint32_t zone_idx;          /* whose release or end */
    ZoneWait wait;
    Coroutine *co;
    QTAILQ_ENTRY(ZoneWaiter) next;
};

/* In the order in which they came to it */
typedef QTAILQ_HEAD(, ZoneWaiter) ZoneWaitList;

/* Zones share them, by the last bits of their numbers */
#define ZONE_WAIT_BUCKETS   256

struct ZoneIO {
    unsigned refcnt;            /* atomic */
    BlockDriverState *bs;       /* NULL once the node has been closed */
    const ZoneStoreOps *ops;
    ZoneTable *table;           /* NULL: see zone_io_describe() */
    ZoneGeometry described;
    QemuMutex lock;
    uint64_t zde_seq;           /* how often a slot was about to be written */
    /* These are guarded by it, too */
    ZoneWaitList waits_release[ZONE_WAIT_BUCKETS];
    ZoneWaitList waits_end[ZONE_WAIT_BUCKETS];
    ZoneWaitList waits_room;
    ZoneWaitList waits_settled;
    CoMutex commit_lock;
    NotifierList change_notifiers; /* main loop only */
    /* These change while the node is drained */
    bool importing;             /* data passes the zones in any order */
    ZoneImportMode import_mode; /* while it does */
    /*
     * the words do not describe the data yet: no changes but those of an import
     */
    bool unfinished;
    bool expected;              /* a job is about to fill it */
    bool skips_offline;         /* Offline zones read as zeros */
    /* those above have been committed: what they show is of the past */
    bool outlives_overlays;
    char *absolute_name;        /* see bdrv_zone_backing_name() */
    /* ZONE_TRAIT_*: a device announces them (main loop) */
    unsigned traits;
    char *create_options;       /* see bdrv_zone_create_options() */
};

/*
 * From the main loop: runs co_fn(opaque) where bs runs, with the graph locked,
 * and returns what it does.
 */
typedef int coroutine_fn GRAPH_RDLOCK ZoneIOFunc(void *opaque);
int zone_io_run(BlockDriverState *bs, ZoneIOFunc *co_fn, void *opaque);

/* Where the zones end; whatever lies beyond is plain storage */
uint64_t zone_io_zoned_bytes(ZoneIO *io);

/*
 * May the zones be changed, and through child?  -EPERM unless so.  The block
 * layer asserts for reads and writes what is an error here.
 */
int GRAPH_RDLOCK zone_io_check_changeable(ZoneIO *io);
int GRAPH_RDLOCK zone_io_check_writable(BdrvChild *child);

/*
 * Do reads see what the driver has, as the words say nothing of it yet?  Not
 * those of an overlay, whose base keeps its words until others are adopted.
 */
bool zone_io_passes_reads(ZoneIO *io);

/*
 * Parts of zone_io_import_begin() and zone_io_import_adopt(), on a node that
 * nobody but the caller writes to.
 */
int coroutine_fn GRAPH_RDLOCK
zone_io_co_import_begin(ZoneIO *io, ZoneImportMode mode, Error **errp);
int coroutine_fn GRAPH_RDLOCK
zone_io_co_import_adopt(ZoneIO *io, const uint64_t *words,
                        BlockDriverState *from, Error **errp);

/* Zones have zeros, for writes to come, above what has been written */
int coroutine_fn GRAPH_RDLOCK zone_io_co_hide(ZoneIO *io, Error **errp);

/* Traces a refusal and returns its errno */
int zone_io_refuse(ZoneIO *io, int64_t offset, ZoneStatus status);

/* The word to store for a zone has changed; with the table's lock held */
static inline void zone_io_mark_dirty(ZoneIO *io, uint32_t zone_idx)
{
    if (io->ops->mark_dirty) {
        io->ops->mark_dirty(io->bs, zone_idx);
    }
}

void zone_io_waits_init(ZoneIO *io);
bool zone_io_has_waits(const ZoneIO *io);
/* What somebody waits for who has been told so; nothing for a refusal */
ZoneWait zone_wait_of_status(ZoneStatus status);
/* Returns once waiter->look() went on.  The table's lock is not held. */
void coroutine_fn zone_io_co_wait(ZoneIO *io, ZoneWaiter *waiter);

/* Takes the zone over once nothing else owns it, writes to it or discards */
void coroutine_fn zone_io_co_hold(ZoneIO *io, uint32_t zone_idx);
/* Ends a hold; the second with the table's lock held */
void coroutine_fn zone_io_co_release(ZoneIO *io, uint32_t zone_idx);
void coroutine_fn zone_io_release(ZoneIO *io, uint32_t zone_idx);
/* A zone has been closed */
void coroutine_fn zone_io_co_made_room(ZoneIO *io);
/* End what is in flight */
void coroutine_fn zone_io_co_end_write(ZoneIO *io, ZoneWrite *write,
                                       bool success);
void coroutine_fn zone_io_co_end_discard(ZoneIO *io, ZoneWrite *write);

/* A write of block/zone on its way through block/io.c (BDRV_REQ_ZONE) */
typedef struct ZoneTracked {
    BdrvTrackedRequest req;
    const ZoneIOWrite *write;
} ZoneTracked;

/* Writes zeros below the gate, to a zone that is held */
int coroutine_fn GRAPH_RDLOCK
zone_io_co_write_zeroes(ZoneIO *io, int64_t offset, int64_t bytes);

/*
 * A change of zones that is durable before it is seen: the words first, then
 * the table.  plan and finish are called with the table's lock held.
 */
typedef struct ZoneTransaction ZoneTransaction;
struct ZoneTransaction {
    ZoneIO *io;
    /* May the zone change, and to which word?  Else a refusal. */
    ZoneStatus (*plan)(ZoneTransaction *t, uint32_t zone_idx, uint64_t *word);
    /* The word is durable; or, with ret < 0, the disk may have either */
    void (*finish)(ZoneTransaction *t, uint32_t zone_idx, int ret);

    ZoneEvent event;
    ZoneAdvice advice;
    bool force;                 /* attributes in states they are not for */
    bool select_all;            /* leave out zones that refuse */
    bool data;                  /* words may cover data that is not flushed */
    const void *zde;            /* of one zone: stored before its word */
    const ZoneTail *tail;       /* of each zone, while it is held */

    bool changed;               /* one zone: its state or attributes */
    bool capacity_changed;      /* of any zone */
};

/* All of one zone, up to nr of them with select_all */
int coroutine_fn GRAPH_RDLOCK
zone_io_co_transact(ZoneTransaction *t, const uint32_t *zone_idx, uint32_t nr);

static inline void zone_action_tell_capacity(const ZoneAction *action,
                                             const ZoneTransaction *t)
{
    if (action->capacity_changed && t->capacity_changed) {
        *action->capacity_changed = true;
    }
}

/* The zones that an action may change: one of them, or all */
void zone_io_action_range(ZoneIO *io, const ZoneAction *action, int64_t *offset,
                          int64_t *bytes);

#define ZONE_COPY_FLAGS (BDRV_REQ_COPY_ON_READ | BDRV_REQ_PREFETCH)

/*
 * Copies to bs what comes from its backing node there, below a write pointer.
 * The caller's request serialises: nobody else writes to these clusters.
 */
int coroutine_fn GRAPH_RDLOCK
zone_io_co_copy_up(BlockDriverState *bs, int64_t offset, int64_t bytes);

/* May drv show the zones of a child with this role? */
bool zone_filter_passes(BlockDriver *drv, BdrvChildRole role);
/* Of filters: the node above, that shows what child has; or NULL */
BlockDriverState *zone_filter_parent(BdrvChild *child);
/*
 * bdrv_set_dirty(), for what no request from above has written by itself: of bs
 * and of the filters that show it.
 */
void coroutine_mixed_fn
zone_filter_set_dirty(BlockDriverState *bs, int64_t offset, int64_t bytes);
/* A fault takes the data: who copies it before it goes does so now */
int coroutine_fn GRAPH_RDLOCK
zone_filter_co_before_loss(BlockDriverState *bs, int64_t offset,
                           int64_t bytes);
/* Does anybody above bs copy data before it goes? */
bool GRAPH_RDLOCK zone_filter_copies_before(BlockDriverState *bs);
/* Requests on zones that a filter shows, on the way to the node below it */
int coroutine_fn GRAPH_RDLOCK
zone_filter_co_write(BlockDriverState *bs, ZoneIOWrite *write);
int coroutine_fn GRAPH_RDLOCK
zone_filter_co_action(BlockDriverState *bs, const ZoneAction *action);

/* Plan and finish of an event that needs no resources */
ZoneStatus zone_transaction_plan_event(ZoneTransaction *t, uint32_t zone_idx,
                                       uint64_t *word);
void zone_transaction_finish_event(ZoneTransaction *t, uint32_t zone_idx,
                                   int ret);

/* The states (ZONE_STATE_BIT) of zones that Select All means for an event */
uint32_t zone_event_selects(ZoneEvent event);

/* Open, Close: events that change no stored word */
int coroutine_fn zone_io_co_plain_event(ZoneIO *io, uint32_t zone_idx,
                                        ZoneEvent event);
/* Open zones are closed, or Empty where nothing was written */
void coroutine_fn zone_io_co_power_cycle(ZoneIO *io, uint32_t zone_idx);
/* An event on all zones that it selects; or, of op, what the standard says */
int coroutine_fn GRAPH_RDLOCK
zone_io_co_action_all(ZoneIO *io, const ZoneAction *action, ZoneEvent event);

/* Everything that a host does to zones but reads, writes and appends */
int coroutine_fn GRAPH_RDLOCK
zone_io_co_action(ZoneIO *io, const ZoneAction *action);

/* Goes to the main loop, where the notifiers are called, and back */
void coroutine_fn zone_io_co_notify(ZoneIO *io, uint32_t zone_idx);
/* Before the list goes: whoever is still on it may remove itself later */
void zone_io_remove_change_notifiers(ZoneIO *io);

#endif /* BLOCK_ZONE_GATE_INTERNAL_H */
