/*
 * Zoned images for the tests of failing I/O and of damaged images
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qapi/qapi-types-block-core.h"
#include "qobject/qdict.h"
#include "qobject/qjson.h"
#include "block/block_int.h"
#include "block/qcow2.h"
#include "block/zone/qcow2/internal.h"
#include "block/snapshot.h"
#include "crash-copied.h"
#include "fail-image.h"

#define FAIL_CLUSTER_BYTES  16384
#define FAIL_SNAPSHOT       "snapshot"

const FailVariant fail_variants[] = {
    { .name = "plain" },
    { .name = "fua", .fua = true, .lazy_refcounts = true },
    { .name = "extended-l2", .extended_l2 = true, .discard = true },
    { .name = "data-file", .data_file = true, .discard = true },
    { .name = "data-file-raw", .data_file = true, .data_file_raw = true,
      .fua = true },
    /* words in more sectors than one commit takes at a time (128) */
    { .name = "many-zones", .nr_zones = 8400 },
    { }
};

static FailImage *alloc_image(const FailVariant *variant)
{
    FailImage *image = g_new0(FailImage, 1);

    image->variant = variant;
    image->geometry = (ZoneGeometry) {
        .zone_bytes = 65536,
        .capacity_bytes = 49152,
        .nr_zones = variant->nr_zones ?: FAIL_MIN_ZONES,
        .conventional_zones = 1,
        .max_open_zones = variant->max_open_zones,
        .zd_extension_bytes = 64,
    };
    return image;
}

FailImage *fail_image_new(const FailVariant *variant)
{
    FailImage *image = alloc_image(variant);
    int i;

    for (i = 0; i <= variant->data_file; i++) {
        image->disk[i] = fail_disk_new();
        image->disk[i]->fua = variant->fua;
    }
    return image;
}

FailImage *fail_image_new_over(FailImage *backing)
{
    FailImage *image = fail_image_new(backing->variant);

    image->backing = backing;
    return image;
}

FailImage *fail_image_dup(const FailImage *image, bool durable)
{
    FailImage *copy = alloc_image(image->variant);
    int i;

    copy->meta_offset = image->meta_offset;
    copy->takes_unfinished = image->takes_unfinished;
    if (image->backing) {
        copy->backing = fail_image_dup(image->backing, durable);
    }
    for (i = 0; i <= image->variant->data_file; i++) {
        copy->disk[i] = fail_disk_dup(image->disk[i], durable);
    }
    return copy;
}

void fail_image_free(FailImage *image)
{
    int i;

    if (!image) {
        return;
    }
    fail_image_close(image);
    fail_image_free(image->backing);
    for (i = 0; i < FAIL_MAX_DISKS; i++) {
        fail_disk_free(image->disk[i]);
    }
    g_free(image);
}

void fail_image_set_plan(FailImage *image, FailPlan *plan)
{
    int i;

    for (i = 0; i <= image->variant->data_file; i++) {
        image->disk[i]->plan = plan;
    }
    if (image->backing) {
        fail_image_set_plan(image->backing, plan);
    }
}

unsigned fail_image_nr_changes(const FailImage *image)
{
    unsigned nr = 0;
    int i;

    for (i = 0; i <= image->variant->data_file; i++) {
        nr += image->disk[i]->nr_changes;
    }
    return nr;
}

/* Nodes */

/*
 * The options of the image, and of those below it, over new nodes of their
 * disks, which go to the list: unref_nodes()
 */
static void put_options(FailImage *image, QDict *options, const char *prefix,
                        GSList **nodes)
{
    static const char *const names[FAIL_MAX_DISKS] = { "file", "data-file" };
    g_autofree char *driver = g_strconcat(prefix, "driver", NULL);
    g_autofree char *below = g_strconcat(prefix, "backing.", NULL);
    int i;

    qdict_put_str(options, driver, "qcow2");
    for (i = 0; i <= image->variant->data_file; i++) {
        g_autofree char *name = g_strconcat(prefix, names[i], NULL);
        BlockDriverState *bs = fail_disk_open(image->disk[i]);

        qdict_put_str(options, name, bdrv_get_node_name(bs));
        *nodes = g_slist_prepend(*nodes, bs);
    }
    if (image->backing) {
        put_options(image->backing, options, below, nodes);
    }
}

static void unref_nodes(GSList *nodes)
{
    g_slist_free_full(nodes, (GDestroyNotify)bdrv_unref);
}

/* Creation */

typedef struct CreateCo {
    BlockdevCreateOptions *options;
    int ret;
    bool done;
} CreateCo;

static void coroutine_fn create_entry(void *opaque)
{
    CreateCo *co = opaque;
    Error *local_err = NULL;

    co->ret = bdrv_find_format("qcow2")->bdrv_co_create(co->options,
                                                        &local_err);
    assert((co->ret < 0) == !!local_err);
    error_free(local_err);
    co->done = true;
    aio_wait_kick();
}

static BlockdevRef *node_ref(BlockDriverState *bs)
{
    BlockdevRef *ref = g_new0(BlockdevRef, 1);

    ref->type = QTYPE_QSTRING;
    ref->u.reference = g_strdup(bdrv_get_node_name(bs));
    return ref;
}

static Qcow2ZoneCreateOptions *zone_options(const ZoneGeometry *geometry)
{
    Qcow2ZoneCreateOptions *zone = g_new0(Qcow2ZoneCreateOptions, 1);

    *zone = (Qcow2ZoneCreateOptions) {
        .has_mode = true,
        .mode = QCOW2_ZONE_MODE_HOST_MANAGED,
        .has_size = true,
        .size = geometry->zone_bytes,
        .has_capacity = true,
        .capacity = geometry->capacity_bytes,
        .has_conventional_zones = true,
        .conventional_zones = geometry->conventional_zones,
        .has_max_open_zones = true,
        .max_open_zones = geometry->max_open_zones,
        .has_zd_extension_size = true,
        .zd_extension_size = geometry->zd_extension_bytes,
    };
    return zone;
}

/* The name that leads to the backing image for as long as nodes are there */
static char *backing_name(FailImage *backing, GSList **nodes)
{
    g_autoptr(QDict) options = qdict_new();
    g_autoptr(GString) json = NULL;

    put_options(backing, options, "", nodes);
    json = qobject_to_json(QOBJECT(options));
    return g_strconcat("json:", json->str, NULL);
}

/*
 * What an overlay has comes from what is below, and no data file of it is raw.
 * Zones are asked for, as by qemu-img: else a backing file that cannot be read
 * could have any, or none.
 */
static void set_origin(FailImage *image, BlockdevCreateOptionsQcow2 *qcow2,
                       GSList **nodes)
{
    if (image->backing) {
        qcow2->backing_file = backing_name(image->backing, nodes);
        qcow2->has_backing_fmt = true;
        qcow2->backing_fmt = BLOCKDEV_DRIVER_QCOW2;
        qcow2->zone = g_new0(Qcow2ZoneCreateOptions, 1);
        qcow2->zone->has_mode = true;
        qcow2->zone->mode = QCOW2_ZONE_MODE_HOST_MANAGED;
    } else {
        qcow2->zone = zone_options(&image->geometry);
        qcow2->has_data_file_raw = image->variant->data_file;
        qcow2->data_file_raw = image->variant->data_file_raw;
    }
}

static BlockdevRef *disk_ref(FailDisk *disk, GSList **nodes)
{
    BlockDriverState *bs = fail_disk_open(disk);

    *nodes = g_slist_prepend(*nodes, bs);
    return node_ref(bs);
}

int fail_image_create(FailImage *image)
{
    const FailVariant *variant = image->variant;
    BlockdevCreateOptions *options = g_new0(BlockdevCreateOptions, 1);
    BlockdevCreateOptionsQcow2 *qcow2 = &options->u.qcow2;
    CreateCo co = { .options = options };
    GSList *nodes = NULL;

    options->driver = BLOCKDEV_DRIVER_QCOW2;
    qcow2->file = disk_ref(image->disk[0], &nodes);
    if (variant->data_file) {
        qcow2->data_file = disk_ref(image->disk[1], &nodes);
    }
    set_origin(image, qcow2, &nodes);
    qcow2->size = image->geometry.zone_bytes * image->geometry.nr_zones;
    qcow2->has_cluster_size = true;
    qcow2->cluster_size = FAIL_CLUSTER_BYTES;
    qcow2->has_extended_l2 = true;
    qcow2->extended_l2 = variant->extended_l2;
    qcow2->has_lazy_refcounts = true;
    qcow2->lazy_refcounts = variant->lazy_refcounts;
    qemu_coroutine_enter(qemu_coroutine_create(create_entry, &co));
    AIO_WAIT_WHILE_UNLOCKED(NULL, !co.done);
    qapi_free_BlockdevCreateOptions(options);
    unref_nodes(nodes);
    return co.ret;
}

/* Opening */

static int open_flags(FailImage *image, int flags, Error **errp)
{
    QDict *options = qdict_new();
    GSList *nodes = NULL;

    put_options(image, options, "", &nodes);
    if (!image->backing) {
        qdict_put_null(options, "backing");
    }
    if (image->takes_unfinished) {
        qdict_put_bool(options, QCOW2_OPT_ZONE_UNFINISHED, true);
    }
    /* a commit in the middle would be a step that no plan counts */
    qdict_put_int(options, QCOW2_OPT_ZONE_COMMIT_INTERVAL,
                  image->variant->commit_interval_ms);
    qdict_put_int(options, "cache-clean-interval", 0);
    if (image->variant->discard) {
        flags |= BDRV_O_UNMAP;
    }
    image->blk = blk_new_open(NULL, NULL, options, flags, errp);
    unref_nodes(nodes);
    if (!image->blk) {
        return -EINVAL;
    }
    blk_set_enable_write_cache(image->blk, true);
    return 0;
}

int fail_image_open(FailImage *image, int flags, Error **errp)
{
    return open_flags(image, BDRV_O_RDWR | BDRV_O_RESIZE | flags, errp);
}

int fail_image_open_to_read(FailImage *image, Error **errp)
{
    return open_flags(image, 0, errp);
}

int fail_image_open_snapshot(FailImage *image, Error **errp)
{
    int ret = open_flags(image, 0, errp);

    if (ret >= 0) {
        ret = bdrv_snapshot_load_tmp(blk_bs(image->blk), NULL, FAIL_SNAPSHOT,
                                     errp);
    }
    if (ret < 0) {
        fail_image_close(image);
    }
    return ret;
}

void fail_image_close(FailImage *image)
{
    blk_unref(image->blk);
    image->blk = NULL;
}

/* Contents */

uint8_t fail_pattern(uint32_t zone_idx, unsigned block, unsigned life)
{
    return life ? 1 + (zone_idx * 31 + block * 7 + life * 101) % 255 : 0;
}

uint8_t *fail_data(uint32_t zone_idx, unsigned first_block, unsigned nr_blocks,
                   unsigned life)
{
    uint8_t *buf = g_malloc(nr_blocks * FAIL_BLOCK_BYTES);
    unsigned i;

    for (i = 0; i < nr_blocks; i++) {
        memset(buf + i * FAIL_BLOCK_BYTES,
               fail_pattern(zone_idx, first_block + i, life),
               FAIL_BLOCK_BYTES);
    }
    return buf;
}

void fail_zde(const FailImage *image, uint32_t zone_idx, uint8_t *zde)
{
    memset(zde, 0x80 + zone_idx, image->geometry.zd_extension_bytes);
}

int fail_write(FailImage *image, uint32_t zone_idx, unsigned first_block,
               unsigned nr_blocks, unsigned life, BdrvRequestFlags flags)
{
    g_autofree uint8_t *buf = fail_data(zone_idx, first_block, nr_blocks,
                                        life);

    return blk_pwrite(image->blk, zone_idx * image->geometry.zone_bytes +
                      first_block * FAIL_BLOCK_BYTES,
                      nr_blocks * FAIL_BLOCK_BYTES, buf, flags);
}

/* zone_idx -1: Select All */
int fail_action(FailImage *image, BlockZoneOp op, int64_t zone_idx)
{
    ZoneAction action = { .op = op, .select_all = zone_idx < 0 };

    if (zone_idx >= 0) {
        action.offset_bytes = zone_idx * image->geometry.zone_bytes;
    }
    return blk_zone_action(image->blk, &action);
}

static int fail_set_zde_by(FailImage *image, BlockZoneOp op, uint32_t zone_idx)
{
    uint8_t zde[64];
    ZoneAction action = {
        .op = op,
        .offset_bytes = zone_idx * image->geometry.zone_bytes,
        .zde = zde,
    };

    assert(image->geometry.zd_extension_bytes == sizeof(zde));
    fail_zde(image, zone_idx, zde);
    return blk_zone_action(image->blk, &action);
}

int fail_set_zde(FailImage *image, uint32_t zone_idx)
{
    return fail_set_zde_by(image, BLK_ZO_SET_ZDED, zone_idx);
}

int fail_set_zde_zrwa(FailImage *image, uint32_t zone_idx)
{
    return fail_set_zde_by(image, BLK_ZO_SET_ZDED_ZRWA, zone_idx);
}

/* Snapshots, with the node drained as by whoever asks for one */

int fail_snapshot_make(FailImage *image)
{
    BlockDriverState *bs = blk_bs(image->blk);
    QEMUSnapshotInfo info = { .name = FAIL_SNAPSHOT };
    int ret;

    bdrv_drained_begin(bs);
    ret = bdrv_snapshot_create(bs, &info);
    bdrv_drained_end(bs);
    return ret;
}

int fail_snapshot_go_to(FailImage *image)
{
    BlockDriverState *bs = blk_bs(image->blk);
    int ret;

    bdrv_drained_begin(bs);
    ret = bdrv_snapshot_goto(bs, FAIL_SNAPSHOT, NULL);
    bdrv_drained_end(bs);
    return ret;
}

int fail_snapshot_delete(FailImage *image)
{
    BlockDriverState *bs = blk_bs(image->blk);
    int ret;

    bdrv_drained_begin(bs);
    ret = bdrv_snapshot_delete(bs, NULL, FAIL_SNAPSHOT, NULL);
    bdrv_drained_end(bs);
    return ret;
}

bool fail_snapshot_exists(FailImage *image)
{
    g_autofree QEMUSnapshotInfo *list = NULL;

    return bdrv_snapshot_list(blk_bs(image->blk), &list) > 0;
}

static void must(int ret)
{
    g_assert_cmpint(ret, >=, 0);
}

/* Nothing brings a zone there but the drive itself: the word is stored */
static void store_state(FailImage *image, uint32_t zone_idx,
                        ZoneWordState state, unsigned nr_blocks)
{
    uint64_t word = zone_word_encode(state, false, 0, zone_idx *
                                     image->geometry.zone_bytes +
                                     nr_blocks * FAIL_BLOCK_BYTES);
    uint64_t be_word = cpu_to_be64(word);

    fail_disk_poke(image->disk[0], image->meta_offset + zone_idx * sizeof(word),
                   &be_word, sizeof(be_word));
}

void fail_image_prepare(FailImage *image)
{
    must(fail_image_create(image));
    must(fail_image_open(image, 0, &error_abort));
    must(fail_write(image, FAIL_ZONE_CONVENTIONAL, 0, 3, 1, 0));
    must(fail_write(image, FAIL_ZONE_CLOSED, 0, 3, 1, 0));
    must(fail_write(image, FAIL_ZONE_FULL, 0, 12, 1, 0));
    must(fail_write(image, FAIL_ZONE_FINISHED, 0, 2, 1, 0));
    must(fail_action(image, BLK_ZO_FINISH, FAIL_ZONE_FINISHED));
    must(fail_write(image, FAIL_ZONE_USED, 0, 12, 7, 0));
    must(fail_action(image, BLK_ZO_RESET, FAIL_ZONE_USED));
    must(fail_set_zde(image, FAIL_ZONE_ZDE));
    must(fail_write(image, FAIL_ZONE_READ_ONLY, 0, 2, 1, 0));
    must(fail_write(image, FAIL_ZONE_OFFLINE, 0, 2, 1, 0));
    image->meta_offset = qcow2_zone(blk_bs(image->blk))->meta_offset;
    fail_image_close(image);
    store_state(image, FAIL_ZONE_READ_ONLY, ZONE_WORD_READ_ONLY, 2);
    store_state(image, FAIL_ZONE_OFFLINE, ZONE_WORD_OFFLINE, 2);
}

void fail_image_damage(FailImage *image, uint32_t zone_idx, uint64_t bits)
{
    uint64_t offset = image->meta_offset + zone_idx * sizeof(uint64_t);
    uint64_t be_word;

    memcpy(&be_word, image->disk[0]->data + offset, sizeof(be_word));
    be_word ^= cpu_to_be64(bits);
    fail_disk_poke(image->disk[0], offset, &be_word, sizeof(be_word));
}

int fail_quiet_begin(void)
{
    int old_stderr = dup(STDERR_FILENO);
    int null = open("/dev/null", O_WRONLY);

    assert(old_stderr >= 0 && null >= 0);
    dup2(null, STDERR_FILENO);
    close(null);
    return old_stderr;
}

void fail_quiet_end(int old_stderr)
{
    dup2(old_stderr, STDERR_FILENO);
    close(old_stderr);
}

static int check(FailImage *image, BdrvCheckMode fix, bool loose,
                 int *corruptions)
{
    BdrvCheckResult res = {};
    Error *local_err = NULL;
    int ret = fail_image_open(image, BDRV_O_CHECK, &local_err);
    uint32_t nr_loose = 0;
    int quiet;

    if (ret < 0) {
        error_free(local_err);
        return ret;
    }
    quiet = fail_quiet_begin();
    ret = bdrv_check(blk_bs(image->blk), &res, fix);
    fail_quiet_end(quiet);
    *corruptions = res.corruptions;
    if (ret >= 0 && res.check_errors) {
        ret = -EIO;
    }
    if (loose && res.corruptions) {
        g_autofree char *fault =
            crash_check_copied(blk_bs(image->blk), image->disk[0]->data,
                               image->disk[0]->alloc_bytes, &nr_loose);

        *corruptions -= fault ? 0 : nr_loose;
    }
    fail_image_close(image);
    return ret;
}

int fail_image_check(FailImage *image, bool repair, int *corruptions)
{
    return check(image, repair ? BDRV_FIX_LEAKS | BDRV_FIX_ERRORS : 0, false,
                 corruptions);
}

int fail_image_check_loose(FailImage *image, int *corruptions)
{
    return check(image, 0, true, corruptions);
}
