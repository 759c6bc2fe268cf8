/*
 * Zoned I/O: a zone table in front of the requests of a node
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef BLOCK_ZONE_IO_H
#define BLOCK_ZONE_IO_H

#include "block/block_int-common.h"
#include "block/zone-compat.h"
#include "block/zone.h"

typedef struct ZoneIO ZoneIO;

/*
 * What belongs to the data of a zone and lies elsewhere, as the metadata of a
 * device does.  co_fn comes with the graph read lock held, and may make
 * requests of nodes (blk_zone_co_tail()), but none that waits for the end of a
 * drain.  It returns 0 or a negative errno, which is then the result of all.
 */
typedef struct ZoneTail {
    int coroutine_fn GRAPH_RDLOCK_PTR
    (*co_fn)(void *opaque, int64_t offset_bytes);
    void *opaque;
} ZoneTail;

/* A write or append.  It stays valid until that completes. */
typedef struct ZoneIOWrite {
    int64_t offset_bytes;   /* an append: of its zone, then its place */
    int64_t length_bytes;
    QEMUIOVector *qiov;     /* NULL: zeros, of a write */
    BdrvRequestFlags flags;
    bool append;
    /*
     * with the position, when the data is written and before the write has
     * ended; NULL: none
     */
    const ZoneTail *tail;
} ZoneIOWrite;

/*
 * One management action.  It stays valid until the action completes.
 */
typedef struct ZoneAction {
    BlockZoneOp op;
    bool select_all;        /* every zone the standard names for op */
    /* zone start; for BLK_ZO_FLUSH_ZRWA the first byte that is not flushed */
    int64_t offset_bytes;
    /* BLK_ZO_SET_ZDED, also with a ZRWA: zd_extension_bytes bytes */
    const void *zde;
    /*
     * BLK_ZO_RESET: with the start of each zone that is reset, while nothing
     * can be written to it; after an error the zone stays as it is.  NULL: none
     */
    const ZoneTail *tail;
    /*
     * BLK_ZO_CLOSE: of a zone that nothing was written to, as disks do that
     * have no Closed ones of that kind
     */
    bool unwritten_to_empty;
    /*
     * BLK_ZO_RESET: set to true, before it completes, when a zone has another
     * capacity now.  NULL: does not matter
     */
    bool *capacity_changed;
} ZoneAction;

/* When the old data of a zone that was reset goes */
typedef enum ZoneDropTime {
    ZONE_DROP_NEVER,
    ZONE_DROP_LATER,            /* unless the zone has been written by then */
    ZONE_DROP_FIRST,            /* before the zone takes another write */
} ZoneDropTime;

/*
 * What keeps the zones of a node: the image, or (all NULL) nobody.  Coroutine
 * calls come with the graph read lock held and without the table's lock; all
 * return 0 or a negative errno.
 */
typedef struct ZoneStoreOps {
    /*
     * Does what is left of earlier lives of zones have to go before anything is
     * written to a zone?  With the table's lock held.  NULL: never.
     */
    bool (*wants_begin_life)(BlockDriverState *bs);
    /*
     * It does: nothing has been written to the zone since it became Empty, the
     * first write waits, and the zone is held.  After an error the write fails.
     */
    int coroutine_fn GRAPH_RDLOCK_PTR
    (*co_begin_life)(BlockDriverState *bs, uint32_t zone_idx);
    /*
     * What has been written in a sequential zone is about to change, without a
     * ZRWA: by a discard, or by a write that is made again.  With the table's
     * lock held: does the store want co_settle() before?  NULL: never.
     */
    bool (*wants_settle)(BlockDriverState *bs, uint32_t zone_idx);
    /* After an error the request fails */
    int coroutine_fn GRAPH_RDLOCK_PTR
    (*co_settle)(BlockDriverState *bs);
    /*
     * A sequential write of data has begun, as above, and is no retry: does the
     * store want to see what will have been written?  With the table's lock
     * held.  Then the data is copied first: nobody changes it meanwhile.  NULL:
     * never.
     */
    bool (*wants_sum)(BlockDriverState *bs, const ZoneWrite *write, bool fua);
    /* It has been written, and has not ended yet */
    void (*add_sum)(BlockDriverState *bs, const ZoneWrite *write,
                    const void *buf);
    /*
     * A sequential write or append has begun, in a zone without a ZRWA, with
     * the table's lock held: does the store want co_prepare() before its data
     * is written?  NULL: never.
     */
    bool (*wants_prepare)(BlockDriverState *bs, const ZoneWrite *write);
    /*
     * Readies the storage for the write and what will follow it.  The zone is
     * held meanwhile: from the start of the write up to the capacity there is
     * neither data nor a write in flight.  Failure does no harm.
     */
    void coroutine_fn GRAPH_RDLOCK_PTR
    (*co_prepare)(BlockDriverState *bs, const ZoneWrite *write);
    /* May devices use the node that know nothing of zones?  NULL: no. */
    bool (*serves_any_device)(BlockDriverState *bs);
    /*
     * Makes words durable, with the commit lock held: all data below their
     * write pointers first, if data is set; then the words.  The table
     * still has the old ones.  After an error the next commit stores what the
     * table has.
     */
    int coroutine_fn GRAPH_RDLOCK_PTR
    (*co_commit_words)(BlockDriverState *bs, const uint32_t *zone_idx,
                       const uint64_t *words, uint32_t nr, bool data);
    /* Writes the extension to its slot and makes it durable */
    int coroutine_fn GRAPH_RDLOCK_PTR
    (*co_store_zde)(BlockDriverState *bs, uint32_t zone_idx, const void *zde);
    int coroutine_fn GRAPH_RDLOCK_PTR
    (*co_load_zde)(BlockDriverState *bs, uint32_t zone_idx, void *zde);
    /*
     * The zone was reset: its old data may go.  Failure does no harm.  Called
     * when the reset may have been reported, with the zone held and unwritten,
     * if wants_drop() asked for it (NULL: never).
     */
    ZoneDropTime GRAPH_RDLOCK_PTR
    (*wants_drop)(BlockDriverState *bs);
    void coroutine_fn GRAPH_RDLOCK_PTR
    (*co_drop)(BlockDriverState *bs, uint32_t zone_idx);
    /*
     * Forgets what is not durable, and fills words (nr_zones of them) with what
     * a power cycle finds.  With the commit lock held and the node drained.
     * After an error (errp) nothing has changed.  NULL: nothing is durable.
     */
    int coroutine_fn GRAPH_RDLOCK_PTR
    (*co_power_cut)(BlockDriverState *bs, uint64_t *words, Error **errp);
    /*
     * The stored word of the zone has changed: commit it with the next flush.
     * Called with the table's lock held.  NULL: there is nothing to commit.
     */
    void (*mark_dirty)(BlockDriverState *bs, uint32_t zone_idx);
    /*
     * Both with the commit lock held and the node drained.  The first makes the
     * store say, durably, that the node is not finished; then, if empty, all
     * its words Empty.  The second makes words durable, with the extensions of
     * from (NULL: those that are there), behind all data; and then the node
     * finished.  NULL: the store keeps no words.
     */
    int coroutine_fn GRAPH_RDLOCK_PTR
    (*co_import_begin)(BlockDriverState *bs, bool empty, Error **errp);
    int coroutine_fn GRAPH_RDLOCK_PTR
    (*co_import_adopt)(BlockDriverState *bs, const uint64_t *words,
                       BlockDriverState *from, Error **errp);
    /* The first part of co_import_adopt(): extensions alone, for later */
    int coroutine_fn GRAPH_RDLOCK_PTR
    (*co_import_extensions)(BlockDriverState *bs, const uint64_t *words,
                            BlockDriverState *from);
    /*
     * Gives up what the zone has from start to end, whole clusters, where
     * nobody has written in this life: zeros for whoever writes above.  Durable
     * before any word that is stored later.
     */
    int coroutine_fn GRAPH_RDLOCK_PTR
    (*co_hide)(BlockDriverState *bs, uint32_t zone_idx, uint64_t start,
               uint64_t end);
    /*
     * Gives up all data of a node over a backing file that has it, durably;
     * words and extensions stay.  The node is drained.
     */
    int GRAPH_RDLOCK_PTR
    (*make_empty)(BlockDriverState *bs);
    /*
     * Hand-over: fills words (nr_zones of them) with those of the node, which
     * are durable then, with all data below their write pointers; and starts
     * nothing by itself from now on.  The node is drained.
     */
    int coroutine_fn GRAPH_RDLOCK_PTR
    (*co_freeze)(BlockDriverState *bs, uint64_t *words);
    /*
     * The other end: makes words durable in bs, and before them the valid
     * extensions of from, a node of the same driver and drive.  After an error
     * the disk may have either, and the next commit stores what the table has.
     */
    int coroutine_fn GRAPH_RDLOCK_PTR
    (*co_adopt)(BlockDriverState *bs, BlockDriverState *from,
                const uint64_t *words);
    /* bs->zones may be others than before, and say what bs has stored */
    void (*take_zones)(BlockDriverState *bs);
    /* The node, drained, moves to another AioContext; NULL: nothing to do */
    void (*detach_aio_context)(BlockDriverState *bs);
    void (*attach_aio_context)(BlockDriverState *bs, AioContext *context);
} ZoneStoreOps;

/* The zones of a node *****************************************************/

/* Gives bs its zones, with one reference; takes the table */
ZoneIO *zone_io_new(BlockDriverState *bs, const ZoneStoreOps *ops,
                    ZoneTable *table);
/*
 * The same for a node without I/O (BDRV_O_NO_IO): it has a geometry, and no
 * table.
 */
void zone_io_describe(BlockDriverState *bs, const ZoneGeometry *geometry);
/*
 * For who looks at zones that may outlive their node: between these the table
 * stays, but no request gets through once the node is closed.  NULL is allowed.
 */
ZoneIO *zone_io_ref(ZoneIO *io);
void zone_io_unref(ZoneIO *io);
/* The node goes, and its reference with it; does nothing without zones */
void zone_io_close(BlockDriverState *bs);

/*
 * An inactive node is active again: what words says is in place of what the
 * table has, where the two differ.  All else stays: open states, ZRWAs,
 * notifiers, auto-close.  False, with an error and no change, when another
 * process has made another drive of it.
 */
bool zone_io_resume(ZoneIO *io, const ZoneGeometry *geometry,
                    const uint64_t *words, Error **errp);

/*
 * Makes words (nr_zones of them, valid; NULL: Empty ones) those of all zones,
 * as a power cycle finds them.  The node is drained.  Nobody is notified.
 * Returns how many are other words than before.
 */
uint32_t zone_io_load_words(ZoneIO *io, const uint64_t *words);
/*
 * The drive has other zones at its end, or other limits, durably.  With commit
 * lock and table's lock held; see zone_table_resize(), zone_table_set_limits().
 */
void zone_io_resize(ZoneIO *io, uint32_t nr_zones);
void zone_io_set_limits(ZoneIO *io, const ZoneGeometry *geometry);

/*
 * The table, for calls between zone_io_lock() and zone_io_unlock().  Nothing
 * may yield in between.
 */
ZoneTable *zone_io_table(ZoneIO *io);
void zone_io_lock(ZoneIO *io);
void zone_io_unlock(ZoneIO *io);
/* zone_table_info(), with the lock */
void zone_io_get_info(ZoneIO *io, uint32_t zone_idx, ZoneInfo *info);

/* Serialises commits; taken before the table's lock */
void coroutine_fn zone_io_co_commit_lock(ZoneIO *io);
void coroutine_fn zone_io_co_commit_unlock(ZoneIO *io);

/*
 * Waits until no write is in flight below one that had completed before the
 * call (contract C1): what a commit does before it takes frontiers.
 */
void coroutine_fn zone_io_co_settle(ZoneIO *io);

/*
 * Fixed for the life of the node, but for ZRWAs and what zone_io_resize() and
 * zone_io_set_limits() change, which nobody does under a device: no lock needed
 */
const ZoneGeometry *zone_io_geometry(ZoneIO *io);

/* In the main loop; the notifier goes with the node (zone_io_close()) */
void zone_io_add_change_notifier(ZoneIO *io, Notifier *notifier);

/* A node that is filled from elsewhere: in the main loop *******************/

typedef enum ZoneImportMode {
    /* everything is new: stored words become Empty, what was there is lost */
    ZONE_IMPORT_EMPTY,
    ZONE_IMPORT_KEEP,           /* stored words stay until others are adopted */
    /*
     * what is written is what a reader sees there already: the image stays
     * finished
     */
    ZONE_IMPORT_SAME,
} ZoneImportMode;

/*
 * From here on data passes the zones in any order: writes, zeros, discards,
 * compressed writes; reads and block status see what the driver has.  All that
 * is about zones is refused with EBUSY.  The image says that it is not finished
 * (ZONE_IMPORT_SAME apart), until zone_io_import_adopt() succeeds.
 * Returns a negative errno, with an error, when the node cannot be filled, or
 * its image does not take the mark: then it takes no changes any more.
 */
int zone_io_import_begin(BlockDriverState *bs, ZoneImportMode mode,
                         Error **errp);
/*
 * Ends it, as a power cycle does: words (nr_zones of them) are the zones' now,
 * with the extensions of from, or with those that bs has (NULL, and zones that
 * from does not have; bs: those that have been imported).  After any crash the
 * image is as it shall be, or says that it is not finished.  After an error the
 * import goes on.
 */
int zone_io_import_adopt(BlockDriverState *bs, const uint64_t *words,
                         BlockDriverState *from, Error **errp);
/* The end of ZONE_IMPORT_SAME; of others: the image stays unfinished */
void zone_io_import_end(BlockDriverState *bs);
/*
 * An overlay that has been committed gives up its data, and shows that of the
 * backing file; durable on return.  A crash leaves some of it, whole.
 */
int zone_io_make_empty(BlockDriverState *bs, Error **errp);

/*
 * An image that is not finished has been opened all the same: it can be looked
 * at, and filled
 */
void zone_io_set_unfinished(ZoneIO *io);
bool zone_io_is_unfinished(ZoneIO *io);
/* May devices that know nothing of zones use them?  In the main loop. */
bool zone_io_serves_any_device(ZoneIO *io);

/* False, with an error, where bs cannot have these words */
bool zone_io_check_words(BlockDriverState *bs, const uint64_t *words,
                         Error **errp);
/*
 * False, with an error that names both and the values, where a word of one
 * would not do for the same zone of the other; or where they have not as many
 */
bool zone_io_check_same_zones(BlockDriverState *bs, BlockDriverState *other_bs,
                              Error **errp);
bool zone_io_check_same_geometry(BlockDriverState *bs,
                                 BlockDriverState *other_bs, Error **errp);
/* The words that would be stored now, nr_zones of them: g_free() */
uint64_t *zone_io_get_words(ZoneIO *io);
/* ... and the limits; both: a host does not tell one from the other */
bool zone_io_check_same_limits(BlockDriverState *bs, BlockDriverState *other_bs,
                               Error **errp);
bool zone_io_check_same_drive(BlockDriverState *bs, BlockDriverState *other_bs,
                              Error **errp);
/* Can bs be filled from elsewhere?  False, with an error, unless so */
bool zone_io_check_import(BlockDriverState *bs, Error **errp);
/* Offline zones read as zeros, for who takes data and words over together */
void zone_io_skip_offline(ZoneIO *io, bool skip);

/* Zones in the graph ******************************************************/

/*
 * The node whose zones bs shows: itself, or the one below filters that pass
 * zones on.  NULL without zones, and of NULL.
 */
BlockDriverState *bdrv_zone_node(BlockDriverState *bs);
/* ... and these zones, or NULL.  Corrupt nodes keep them */
ZoneIO *bdrv_zone_io(BlockDriverState *bs);

/*
 * False, with an error that names both nodes, when child may not be attached
 * to parent: few filters pass zones on, and of overlay and backing node both
 * are zoned images of the same geometry, or neither.
 */
bool GRAPH_RDLOCK
bdrv_zone_check_child(BlockDriverState *parent, BlockDriverState *child,
                      BdrvChildRole role, Error **errp);
/*
 * Both are zoned.  False, with an error that names both and the values, when
 * zones differ in what an overlay has to have in common with its backing node.
 */
bool bdrv_zone_check_geometry(BlockDriverState *overlay,
                              BlockDriverState *backing, Error **errp);
/* The same, and for whoever uses the one in place of the other */
bool bdrv_zone_check_drive(BlockDriverState *overlay, BlockDriverState *backing,
                           Error **errp);
/* The node has an overlay, maybe over filters: its zones do not change */
bool GRAPH_RDLOCK bdrv_zone_is_frozen(BlockDriverState *bs);

/*
 * Before the backing file of bs is opened with options, unless reference names
 * a node: a commit into it may have been interrupted, and bs has what counts.
 */
void bdrv_zone_put_backing_options(BlockDriverState *bs, const char *reference,
                                   QDict *options);
/*
 * False, with an error that names both, when bs has zones and a user that
 * cannot be told of others: a device, a job.
 */
bool GRAPH_RDLOCK bdrv_zone_check_resize(BlockDriverState *bs, Error **errp);

/*
 * bdrv_img_create(), of an overlay.  False, with an error, when an image of drv
 * with these options cannot be one; zones are asked for, and clusters become
 * such that the zones of backing consist of them.
 */
bool bdrv_zone_check_create(BlockDriver *drv, QemuOpts *opts,
                            BlockDriverState *backing, Error **errp);
/*
 * The same without a look at the backing file (BDRV_O_NO_BACKING): what is
 * created does not look either.
 */
void bdrv_zone_create_unseen(QemuOpts *opts, int flags);
/* blockdev-snapshot-sync: with which flags an overlay of backing is created */
int bdrv_zone_create_flags(BlockDriverState *backing, int flags);
/*
 * ... and what its backing file is called there: zones are looked for by that
 * name, wherever the overlay is.  Valid until the next call.
 */
const char *bdrv_zone_backing_name(BlockDriverState *backing);

/* An option of creation, and the value that makes zones of some geometry */
typedef struct ZoneCreateOption {
    const char *name;
    uint64_t value;
    /*
     * zones whose words and data go from one drive to the other have it in
     * common
     */
    bool fixed;
    bool count;                 /* not a size */
} ZoneCreateOption;

#define ZONE_CREATE_OPTIONS     7

void zone_geometry_list_options(const ZoneGeometry *geometry,
                                ZoneCreateOption *options);
/*
 * Zones consist of clusters.  Unless opts says how long these are: the default
 * ones, or the largest that fit.
 */
bool zone_geometry_set_clusters(const ZoneGeometry *geometry, QemuOpts *opts,
                                Error **errp);

/*
 * drive-mirror, drive-backup: what an image of format is created with for the
 * zones of bs; NULL without zones.  Valid until the next call.
 */
char *bdrv_zone_create_options(BlockDriverState *bs, const char *format);
/* snapshot=on: a temporary overlay of bs has the same zones */
void bdrv_zone_set_create_opts(BlockDriverState *bs, QemuOpts *opts);

/* Hand-over ***************************************************************/

/*
 * to becomes the overlay of from, in its place: from then on the zones of from
 * (table, notifiers, whoever has a reference) are those of to, and from has
 * zones of its own that say what is stored there and are frozen.
 *
 * Prepare comes first, with both nodes drained: all words and extensions are
 * durable in to when it returns 0.  After an error (errp) nothing has changed
 * in from.  The graph can still fail to change (ret).  All do nothing without
 * zones.
 */
int bdrv_zone_prepare_handover(BlockDriverState *to, BlockDriverState *from,
                               Error **errp);
void GRAPH_WRLOCK
bdrv_zone_finish_handover(BlockDriverState *to, BlockDriverState *from,
                          int ret);
/* Back again: nothing has been written to to since */
void GRAPH_WRLOCK
bdrv_zone_hand_back(BlockDriverState *to, BlockDriverState *from);

/* HMP "commit", which does not carry zones: true, once it has said so */
bool bdrv_zone_refuses_commit(BlockDriverState *bs);

/*
 * Lets whatever else the AioContext has to do run: what goes over many zones
 * does this between stretches of bounded length.
 */
void coroutine_fn zone_io_co_give_way(void);

/* What block/io.c calls, of a node with zones *****************************/

/* A write on its way through the gate */
typedef struct ZoneRequest {
    ZoneIO *io;                 /* NULL: nothing to end */
    ZoneWrite write;
    const ZoneTail *tail;
    bool flush;                 /* stands for FUA */
    void *copy;                 /* of the data, for the store; or NULL */
    QEMUIOVector copy_qiov;
} ZoneRequest;

/*
 * Begins a write (no data is written yet), or with BDRV_REQ_ZONE one that
 * tracked is a part of; the position of an append goes to *offset.  Waits for
 * management of the zone.  Takes from *flags what zone_io_co_end() does.  The
 * data may be copied, and comes from *qiov at *qiov_offset then.
 * Returns 0, with req->io set (it is NULL before) when zone_io_co_end() has
 * something to end; or an errno: zone_status_from_errno() tells a refusal.
 */
int coroutine_fn GRAPH_RDLOCK
zone_io_co_begin(ZoneRequest *req, BlockDriverState *bs,
                 BdrvTrackedRequest *tracked, int64_t *offset, int64_t bytes,
                 QEMUIOVector **qiov, size_t *qiov_offset,
                 BdrvRequestFlags *flags);
/* Ends it; ret is the result of the write, the return value that of all */
int coroutine_fn GRAPH_RDLOCK zone_io_co_end(ZoneRequest *req, int ret);

/* Reads what the zones let through, zeros elsewhere */
int coroutine_fn GRAPH_RDLOCK
zone_io_co_preadv(BlockDriverState *bs, int64_t offset, int64_t bytes,
                  QEMUIOVector *qiov, size_t qiov_offset,
                  BdrvRequestFlags flags);

/*
 * Discards data below write pointers, but none of Read Only zones, and moves
 * no write pointer.
 */
int coroutine_fn GRAPH_RDLOCK
zone_io_co_pdiscard(BlockDriverState *bs, int64_t offset, int64_t bytes);

/*
 * The driver's, where there is data; BDRV_BLOCK_ZERO where reads are clamped,
 * and BDRV_BLOCK_DATA in Offline zones: whoever takes them for zeros would
 * never see that reads fail.
 */
int coroutine_fn GRAPH_RDLOCK
zone_io_co_block_status(BlockDriverState *bs, BdrvStatusHint hint,
                        int64_t offset, int64_t bytes, int64_t *pnum,
                        int64_t *map, BlockDriverState **file);

/* Fills bl.zoned and its companions from the geometry, where there is one */
void zone_io_refresh_limits(BlockDriverState *bs);

/* Requests on zones, of a node that shows them ****************************/

/*
 * What changes something needs BLK_PERM_WRITE: -EPERM without, on a node that
 * is read-only or inactive, and where a bitmap could not take the change down.
 */
int coroutine_fn GRAPH_RDLOCK
bdrv_zone_co_append(BdrvChild *child, int64_t *offset, QEMUIOVector *qiov,
                    BdrvRequestFlags flags);
int coroutine_fn GRAPH_RDLOCK
bdrv_zone_co_write(BdrvChild *child, ZoneIOWrite *write);
/* len 0, or all of several zones: Select All */
int coroutine_fn GRAPH_RDLOCK
bdrv_zone_co_mgmt(BdrvChild *child, BlockZoneOp op, int64_t offset,
                  int64_t len);
/* Everything else that a host does to zones */
int coroutine_fn GRAPH_RDLOCK
bdrv_zone_co_action(BdrvChild *child, const ZoneAction *action);
/* -EPERM when the node is inactive: another process may be changing them */
int coroutine_fn GRAPH_RDLOCK
bdrv_zone_co_report(BlockDriverState *bs, int64_t offset, unsigned *nr_zones,
                    BlockZoneDescriptor *zones);
/*
 * The extension of a zone, zeros where ZDEV is clear, and what else there is to
 * say of the zone at the same moment
 */
int coroutine_fn GRAPH_RDLOCK
bdrv_zone_co_get_extension(BlockDriverState *bs, uint32_t zone_idx, void *zde,
                           ZoneInfo *info);
/* Slot i of zdes is that of zone_idx[i] */
int coroutine_fn GRAPH_RDLOCK
bdrv_zone_co_get_extensions(BlockDriverState *bs, const uint32_t *zone_idx,
                            uint32_t nr, void *zdes);
/* Open zones become Closed or Empty, ZRWAs are gone (section 2.1.1.3) */
int coroutine_fn bdrv_zone_co_power_cycle(BlockDriverState *bs);

/*
 * What the drive itself does to a zone, not the host (section 2.1.1.4, fault
 * injection).  Durable on return.  A zone that already is as asked for is not
 * an error; whoever is on the list of change notifiers has heard of real
 * changes, and of no others.  The caller has a request in flight on the node.
 * Both return -EPERM on a node that cannot be changed, the errno of a
 * refusal (zone_status_from_errno()), or that of failed I/O, after which the
 * zone is as before.
 */
/* event: ZONE_EVENT_EXCURSION, or one of the faults */
int coroutine_fn GRAPH_RDLOCK
zone_io_co_set_state(ZoneIO *io, uint32_t zone_idx, ZoneEvent event);
/*
 * What the device that uses the zones announces of them (ZOC).  A host that
 * does not expect it takes it for damage.  In the main loop.
 */
typedef enum ZoneTraits {
    ZONE_TRAIT_EXCURSIONS        = 1 << 0, /* Zone Active Excursions */
    ZONE_TRAIT_VARIABLE_CAPACITY = 1 << 1, /* a Reset may change it */
} ZoneTraits;

bool zone_io_has_trait(ZoneIO *io, ZoneTraits trait);
void zone_io_set_traits(ZoneIO *io, unsigned traits);
/*
 * Refused in conventional and Offline zones, which have no attributes, and FZR
 * in Full zones, where nothing is left to finish.  Unless force, FZR is set in
 * active zones alone (section 5.4) and RZR in Full ones (section 5.5):
 * ZONE_ERR_INVALID_TRANSITION in others.
 */
int coroutine_fn GRAPH_RDLOCK
zone_io_co_advise(ZoneIO *io, uint32_t zone_idx, const ZoneAdvice *advice,
                  bool force);
/*
 * From the next Reset of the zone on, a sequential one.  False when it cannot
 * have that capacity: see zone_table_set_next_capacity().
 */
bool coroutine_fn zone_io_co_set_next_capacity(ZoneIO *io, uint32_t zone_idx,
                                               uint64_t capacity_bytes);

/*
 * What a loss of power leaves: the table becomes what is durable, all else is
 * forgotten (docs/devel/zone-store.rst).  The node is drained.  Nobody is
 * notified: a host finds out as it does after a real one, by looking.  On
 * error (errp) the table is unchanged.
 */
int coroutine_fn GRAPH_RDLOCK zone_io_co_power_cut(ZoneIO *io, Error **errp);

/*
 * strerror(), which takes a positive errno, for those of block requests: the
 * numbers that refusals borrow come as the phrase of the refusal.  What fails
 * with one of these numbers in earnest (a position in a pipe, a process out of
 * file descriptors) is seen when a file is opened, before it has requests.
 */
const char *zone_strerror(int errnum);

/*
 * A map of all zones for width columns (up to ZONE_MAP_MAX_WIDTH; there are at
 * least 10 cells in a row), and its legend: g_free().  At most 16 rows, however
 * many zones there are.  Takes the table's lock for each cell.
 */
#define ZONE_MAP_MAX_WIDTH      1000
#define ZONE_MAP_DEFAULT_WIDTH  80
char *zone_io_draw_map(ZoneIO *io, int width);

#endif /* BLOCK_ZONE_IO_H */
