/*
 * Zoned qcow2 images: what block/qcow2.c and its companions call
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Every function is harmless on an image without zones: it then does what the
 * base's function of the same name without "zone" does, or nothing.
 */

#ifndef BLOCK_QCOW2_ZONE_H
#define BLOCK_QCOW2_ZONE_H

#include "qemu/option.h"
#include "qemu/units.h"
#include "block/zone-io.h"
#include "qapi/qapi-types-block-core.h"

typedef struct Qcow2Zone Qcow2Zone;
typedef struct QCowL2Meta QCowL2Meta;
typedef struct QCowSnapshot QCowSnapshot;

#define QCOW2_EXT_MAGIC_ZONE        0x5a4e5354
/* The zoned qcow2 drafts of qemu-devel: another layout, refused by name */
#define QCOW2_EXT_MAGIC_ZONE_DRAFT  0x007a6264
#define QCOW2_ZONE_DRAFT_BITNR      5

#define QCOW2_OPT_ZONE_COMMIT_INTERVAL "zone-commit-interval"
#define QCOW2_ZONE_COMMIT_INTERVAL_MS  1000
#define QCOW2_OPT_ZONE_PREMAP_SIZE     "zone-premap-size"
#define QCOW2_ZONE_PREMAP_BYTES        (16 * MiB)
/* One allocation must not fill the refcount cache */
#define QCOW2_ZONE_MAX_PREMAP_BYTES    (1 * GiB)
#define QCOW2_OPT_ZONE_PREZERO_SIZE    "zone-prezero-size"
#define QCOW2_ZONE_PREZERO_BYTES       (256 * KiB)
/* So much memory is needed, for as long as the zeros are written */
#define QCOW2_ZONE_MAX_PREZERO_BYTES   (16 * MiB)
#define QCOW2_OPT_ZONE_RECORD_SIZE     "zone-record-size"
#define QCOW2_ZONE_RECORD_DATA_BYTES   (256 * KiB)
#define QCOW2_OPT_ZONE_UNFINISHED      "zone-unfinished"
#define QCOW2_OPT_ZONE_ANY_DEVICE      "zone-any-device"

typedef struct Qcow2ZoneOptions {
    uint64_t commit_interval_ms;    /* 0: only when asked to */
    uint64_t premap_bytes;          /* whole clusters; 0: never */
    uint64_t prezero_bytes;         /* whole sectors; 0: never */
    uint64_t record_bytes;          /* of a commit with one flush; 0: none */
    bool unfinished;                /* open what is not finished */
    bool any_device;                /* also one that knows nothing of zones */
} Qcow2ZoneOptions;

/* Takes the runtime options; false and errp when one is out of range */
bool qcow2_zone_load_options(BlockDriverState *bs, QemuOpts *opts,
                             Qcow2ZoneOptions *options, Error **errp);

/* Life of the state ******************************************************/

/* Refuses the draft's feature bit with an error that names it */
bool qcow2_zone_check_features(uint64_t incompatible_features, Error **errp);

/*
 * When the whole header is known: header extension, feature bit, refusals,
 * words.  In check mode (BDRV_O_CHECK) damaged words are left to the check.
 */
int coroutine_fn GRAPH_RDLOCK
qcow2_zone_open(BlockDriverState *bs, int flags, Error **errp);
void qcow2_zone_close(BlockDriverState *bs);

/* The image is corrupt, the node will never be closed: commit nothing more */
void qcow2_zone_stop(BlockDriverState *bs);

/* Called before the caches are flushed for the last time */
int coroutine_mixed_fn GRAPH_RDLOCK
qcow2_zone_inactivate(BlockDriverState *bs);

/* Creation ***************************************************************/

/*
 * Checks the options before anything is written, and completes them with what
 * the backing file says; opts->zone is NULL then if there are to be no zones.
 */
bool coroutine_fn GRAPH_UNLOCKED
qcow2_zone_co_check_create(BlockDriverState *file_bs,
                           BlockdevCreateOptionsQcow2 *opts, int version,
                           uint64_t cluster_bytes, Error **errp);
/*
 * qemu-img measure: adds to *file_bytes, the size of an image without zones,
 * what the zones of opts take, and those of in_bs (may be NULL) which convert
 * would take over.  False where creation would refuse them.
 */
bool qcow2_zone_measure(QemuOpts *opts, BlockDriverState *in_bs,
                        uint64_t device_bytes, int version,
                        uint64_t cluster_bytes, int refcount_order,
                        int64_t *file_bytes, Error **errp);
/* Makes an empty image zoned; the options have been checked */
int coroutine_fn GRAPH_UNLOCKED
qcow2_zone_co_create(BlockDriverState *bs,
                     const BlockdevCreateOptionsQcow2 *opts, Error **errp);

/* Header *****************************************************************/

#define QCOW2_ZONE_FEATURE                                              \
    {                                                                   \
        .type = QCOW2_FEAT_TYPE_INCOMPATIBLE,                           \
        .bit  = QCOW2_INCOMPAT_ZONE_BITNR,                              \
        .name = "zone table",                                           \
    },

/*
 * Puts the header extension, which is the first, at buf: its length, 0 without
 * zones, or -ENOSPC.
 */
int qcow2_zone_put_extension(BlockDriverState *bs, void *buf, size_t room);

/*
 * qcow2_update_header(); with zones it is durable on return, and after an error
 * the disk may have either.
 */
int coroutine_fn GRAPH_RDLOCK qcow2_zone_co_store_header(BlockDriverState *bs);

/* What to leave off the end of the feature table where there are no zones */
size_t qcow2_zone_unnamed_bytes(BlockDriverState *bs);

/* NULL without zones */
Qcow2ZoneInfo *qcow2_zone_get_info(BlockDriverState *bs);

/* Internal snapshots: snapshot.c *****************************************/

/*
 * What block/qcow2-snapshot.c calls.  Without zones, all but the last do
 * nothing.
 */
int GRAPH_RDLOCK
qcow2_zone_snapshot_create(BlockDriverState *bs, QCowSnapshot *sn);
void GRAPH_RDLOCK
qcow2_zone_snapshot_delete(BlockDriverState *bs,
                           const QCowSnapshot *sn);
int GRAPH_RDLOCK
qcow2_zone_snapshot_load(BlockDriverState *bs, QCowSnapshot *sn,
                         Error **errp);
/* Goes back to a snapshot of an image with zones, as a whole */
int GRAPH_RDLOCK
qcow2_zone_snapshot_goto(BlockDriverState *bs, QCowSnapshot *sn);

/* qemu-img check *********************************************************/

/* Whether a write to the host range would touch the metadata region */
bool qcow2_zone_overlaps(BlockDriverState *bs, int64_t offset, int64_t bytes);

int coroutine_fn GRAPH_RDLOCK
qcow2_zone_check_refcounts(BlockDriverState *bs, BdrvCheckResult *res,
                           void **refcount_table, int64_t *nb_clusters);

/* Checks the words on disk; repairs what can be repaired and reports it */
int coroutine_fn GRAPH_RDLOCK
qcow2_zone_co_check(BlockDriverState *bs, BdrvCheckResult *res,
                    BdrvCheckMode fix);

/* Other lengths and limits ***********************************************/

/*
 * qcow2_co_truncate(), by whole zones: Empty ones come at the end, or go there.
 * Without zones it does nothing else.
 */
int coroutine_fn GRAPH_RDLOCK
qcow2_zone_co_truncate(BlockDriverState *bs, int64_t device_bytes, bool exact,
                       PreallocMode prealloc, BdrvRequestFlags flags,
                       Error **errp);
/*
 * Stores the new length of an image with zones (bs->total_sectors), with
 * s->lock held.  After an error that is the old one again.
 */
int coroutine_fn GRAPH_RDLOCK qcow2_zone_co_store_size(BlockDriverState *bs);

/* qemu-img amend: is it an option of zones? */
bool qcow2_zone_is_option(const char *name);
/*
 * Takes the limits among the options; refuses, before anything is written, what
 * cannot be changed, and on an image of version 1 all that would move its
 * header extension.
 */
int GRAPH_RDLOCK
qcow2_zone_amend(BlockDriverState *bs, QemuOpts *opts, Error **errp);

/* Requests ***************************************************************/

/*
 * Makes every write that has completed durable, with its write pointer; with
 * flush_follows, once the caller has flushed the image file.  Does nothing
 * without zones.
 */
int coroutine_fn GRAPH_RDLOCK
qcow2_zone_co_commit(BlockDriverState *bs, bool flush_follows);

/*
 * What has been discarded, with s->lock held since, may be used again: on a
 * zoned image a crash never shows what others write there.
 */
int coroutine_fn GRAPH_RDLOCK qcow2_zone_co_end_discard(BlockDriverState *bs);

/*
 * May zeros at offset be written otherwise than as data?  Takes from flags what
 * may not be done with them.
 */
bool qcow2_zone_takes_zeroes(BlockDriverState *bs, int64_t offset,
                             BdrvRequestFlags *flags);

/*
 * Reads and writes: past s->lock where it is known where the data is, else as
 * qcow2 does them.
 */
int coroutine_fn GRAPH_RDLOCK
qcow2_zone_co_preadv_part(BlockDriverState *bs, int64_t offset, int64_t bytes,
                          QEMUIOVector *qiov, size_t qiov_offset,
                          BdrvRequestFlags flags);
int coroutine_fn GRAPH_RDLOCK
qcow2_zone_co_pwritev_part(BlockDriverState *bs, int64_t offset, int64_t bytes,
                           QEMUIOVector *qiov, size_t qiov_offset,
                           BdrvRequestFlags flags);

/*
 * An L2 entry that was this so far, or the reference counts of these clusters,
 * are about to change, with s->lock held: nobody may rely any more on what is
 * known of the data there.
 */
void qcow2_zone_forget_entry(Qcow2Zone *zone, uint64_t l2_entry);
void qcow2_zone_forget(Qcow2Zone *zone, uint64_t host_offset, uint64_t bytes);

/* True, with an error, where the layout has no room for a backing file */
bool qcow2_zone_refuses_backing(BlockDriverState *bs);
/* A zoned image cannot be stored with the older header */
bool qcow2_zone_check_downgrade(BlockDriverState *bs, Error **errp);

/* Of block/qcow2.c *******************************************************/

int coroutine_fn GRAPH_RDLOCK
qcow2_co_truncate(BlockDriverState *bs, int64_t offset, bool exact,
                  PreallocMode prealloc, BdrvRequestFlags flags, Error **errp);
int coroutine_fn GRAPH_RDLOCK
qcow2_co_preadv_part(BlockDriverState *bs, int64_t offset, int64_t bytes,
                     QEMUIOVector *qiov, size_t qiov_offset,
                     BdrvRequestFlags flags);
int coroutine_fn GRAPH_RDLOCK
qcow2_co_pwritev_part(BlockDriverState *bs, int64_t offset, int64_t bytes,
                      QEMUIOVector *qiov, size_t qiov_offset,
                      BdrvRequestFlags flags);
int coroutine_fn GRAPH_RDLOCK
qcow2_handle_l2meta(BlockDriverState *bs, QCowL2Meta **pl2meta, bool link_l2);

#endif /* BLOCK_QCOW2_ZONE_H */
