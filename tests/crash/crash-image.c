/*
 * Zoned images on disks in memory
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qapi/qapi-types-block-core.h"
#include "block/qdict.h"
#include "qobject/qdict.h"
#include "qobject/qnull.h"
#include "qemu/option.h"
#include "qom/object.h"
#include "block/block_int.h"
#include "block/qcow2.h"
#include "block/snapshot.h"
#include "block/zone/qcow2/internal.h"
#include "crypto/pbkdf.h"
#include "qom/object_interfaces.h"
#include "crash-image.h"

#define CRASH_SECRET    "crash-secret"

const CrashVariant crash_variants[] = {
    { .name = "plain" },
    { .name = "extended-l2", .extended_l2 = true },
    { .name = "lazy-refcounts", .lazy_refcounts = true },
    { .name = "data-file", .data_file = true },
    { .name = "data-file-raw", .data_file = true, .data_file_raw = true },
    { .name = "luks", .luks = true },
    { .name = "writethrough", .writethrough = true },
    { .name = "direct", .direct = true },
    { .name = "discard", .discard = true },
    { .name = "limits", .limits = true },
    { .name = "errors", .errors = true },
    { .name = "zrwa", .zrwa = true },
    { .name = "snapshots", .snapshots = true },
    { .name = "snapshots-discard", .snapshots = true, .discard = true },
    { .name = "snapshots-mixed", .snapshots = true, .extended_l2 = true,
      .limits = true, .direct = true },
    { .name = "overlays", .overlays = true },
    { .name = "overlays-discard", .overlays = true, .discard = true },
    { .name = "overlays-lazy", .overlays = true, .lazy_refcounts = true },
    { .name = "overlays-holes", .overlays = true, .holes = true },
    { .name = "overlays-mixed", .overlays = true, .resizes = true,
      .extended_l2 = true, .limits = true, .direct = true },
    { .name = "resizes", .resizes = true },
    { .name = "jobs", .overlays = true, .jobs = true },
    { .name = "jobs-discard", .overlays = true, .jobs = true,
      .discard = true },
    { .name = "jobs-mixed", .overlays = true, .jobs = true, .resizes = true,
      .extended_l2 = true, .limits = true, .direct = true },
    { .name = "records", .records = true },
    { .name = "records-discard", .records = true, .discard = true },
    { .name = "records-errors", .records = true, .errors = true },
    { .name = "records-mixed", .records = true, .extended_l2 = true,
      .lazy_refcounts = true, .limits = true, .direct = true },
    { .name = "records-snapshots", .records = true, .snapshots = true },
    { .name = "records-overlays", .records = true, .overlays = true,
      .resizes = true },
    { .name = "mixed-1", .extended_l2 = true, .lazy_refcounts = true,
      .direct = true, .limits = true, .discard = true },
    { .name = "mixed-2", .data_file = true, .luks = true, .discard = true,
      .lazy_refcounts = true },
    { .name = "mixed-3", .extended_l2 = true, .data_file = true,
      .writethrough = true, .limits = true },
    { }
};

const CrashVariant *crash_variant_find(const char *name)
{
    const CrashVariant *variant;

    for (variant = crash_variants; variant->name; variant++) {
        if (!strcmp(variant->name, name)) {
            return variant;
        }
    }
    return NULL;
}

const char *crash_variant_missing(const CrashVariant *variant)
{
    if (variant->luks && !qcrypto_pbkdf2_supports(QCRYPTO_HASH_ALGO_SHA256)) {
        return "PBKDF2 of a crypto library, which LUKS needs";
    }
    return NULL;
}

/* Words in several sectors; little space, so that everything meets */
static void crash_image_layout(CrashImage *image, GRand *rand)
{
    const CrashVariant *variant = image->variant;
    ZoneGeometry *geometry = &image->geometry;
    bool clusters_of_4k = !variant->extended_l2 && g_rand_boolean(rand);

    uint64_t capacity_bytes = g_rand_boolean(rand) ? 65536 : 45056;

    if (variant->limits && g_rand_boolean(rand)) {
        capacity_bytes = 8192; /* many zones become Full */
    }
    image->cluster_bytes = clusters_of_4k ? 4096 : 16384;
    *geometry = (ZoneGeometry) {
        .zone_bytes = 65536,
        .capacity_bytes = capacity_bytes,
        .nr_zones = variant->data_file_raw || variant->jobs ? 72 : 160,
        .conventional_zones = g_rand_int_range(rand, 0, 3),
        .max_active_zones = variant->limits ? 4 : 0,
        .max_open_zones = variant->limits ? 3 : 0,
        .zd_extension_bytes = 64 * g_rand_int_range(rand, 0, 4),
    };
}

static CrashImage *crash_image_alloc(const CrashVariant *variant)
{
    CrashImage *image = g_new0(CrashImage, 1);
    unsigned i, nr = variant->overlays ? CRASH_MAX_DISKS :
                     1 + variant->data_file;

    image->variant = variant;
    image->chain.depth = 1;
    for (i = 0; i < nr; i++) {
        image->disk[i] = crash_disk_new(i);
        image->disk[i]->alignment_bytes = variant->direct ? 4096 : 512;
    }
    return image;
}

static void crash_image_add_secret(void)
{
    if (!object_resolve_path_component(object_get_objects_root(),
                                       CRASH_SECRET)) {
        object_new_with_props("secret", object_get_objects_root(),
                              CRASH_SECRET, &error_abort, "data", "123456",
                              NULL);
    }
}

typedef struct CrashCreate {
    BlockdevCreateOptions *options;
    bool done;
    int ret;
} CrashCreate;

static void coroutine_fn crash_image_create_entry(void *opaque)
{
    CrashCreate *create = opaque;

    create->ret = bdrv_find_format("qcow2")->bdrv_co_create(create->options,
                                                            &error_abort);
    create->done = true;
    aio_wait_kick();
}

static BlockdevRef *crash_image_ref(const char *node_name)
{
    BlockdevRef *ref = g_new0(BlockdevRef, 1);

    ref->type = QTYPE_QSTRING;
    ref->u.reference = g_strdup(node_name);
    return ref;
}

static QCryptoBlockCreateOptions *crash_image_encrypt(void)
{
    QCryptoBlockCreateOptions *encrypt = g_new0(QCryptoBlockCreateOptions, 1);

    encrypt->format = QCRYPTO_BLOCK_FORMAT_LUKS;
    encrypt->u.luks.key_secret = g_strdup(CRASH_SECRET);
    encrypt->u.luks.has_iter_time = true;
    encrypt->u.luks.iter_time = 1;
    return encrypt;
}

static Qcow2ZoneCreateOptions *crash_image_zones(const ZoneGeometry *geometry)
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
        .has_max_active_zones = true,
        .max_active_zones = geometry->max_active_zones,
        .has_zd_extension_size = true,
        .zd_extension_size = geometry->zd_extension_bytes,
    };
    return zone;
}

static BlockdevCreateOptions *crash_image_create_options(
    const CrashImage *image, const ZoneGeometry *geometry)
{
    const CrashVariant *variant = image->variant;
    BlockdevCreateOptions *options = g_new0(BlockdevCreateOptions, 1);
    BlockdevCreateOptionsQcow2 *qcow2 = &options->u.qcow2;

    options->driver = BLOCKDEV_DRIVER_QCOW2;
    qcow2->size = geometry->zone_bytes * geometry->nr_zones;
    qcow2->has_extended_l2 = true;
    qcow2->extended_l2 = variant->extended_l2;
    qcow2->has_cluster_size = true;
    qcow2->cluster_size = image->cluster_bytes;
    qcow2->has_lazy_refcounts = true;
    qcow2->lazy_refcounts = variant->lazy_refcounts;
    return options;
}

/* Takes options */
static void crash_image_create(BlockdevCreateOptions *options)
{
    CrashCreate create = { .options = options };

    qemu_coroutine_enter(qemu_coroutine_create(crash_image_create_entry,
                                               &create));
    AIO_WAIT_WHILE_UNLOCKED(NULL, !create.done);
    g_assert_cmpint(create.ret, ==, 0);
    qapi_free_BlockdevCreateOptions(options);
}

/* A name of its own, as another image may be open */
static BlockDriverState *crash_image_open_disk(CrashDisk *disk, int flags)
{
    static unsigned nr_opened;
    g_autofree char *name = g_strdup_printf("crash-disk-%u", nr_opened++);

    return crash_disk_open(disk, name, flags);
}

void crash_image_wipe(const CrashImage *image, unsigned disk_idx)
{
    CrashDisk *disk = image->disk[disk_idx];
    BlockDriverState *bs = crash_image_open_disk(disk, BDRV_O_RDWR);
    BlockBackend *blk = blk_new_with_bs(bs, BLK_PERM_WRITE, BLK_PERM_ALL,
                                        &error_abort);

    g_assert_cmpint(blk_pwrite_zeroes(blk, 0, blk_getlength(blk), 0), >=, 0);
    g_assert_cmpint(blk_flush(blk), >=, 0);
    blk_unref(blk);
    bdrv_unref(bs);
}

void crash_image_create_on(const CrashImage *image, unsigned disk_idx,
                           const ZoneGeometry *geometry, CrashDisk *backing)
{
    BlockDriverState *backing_bs = NULL;
    BlockdevCreateOptions *options = crash_image_create_options(image,
                                                                geometry);
    BlockdevCreateOptionsQcow2 *qcow2 = &options->u.qcow2;
    BlockDriverState *bs = crash_image_open_disk(image->disk[disk_idx],
                                                 BDRV_O_RDWR);

    qcow2->file = crash_image_ref(bdrv_get_node_name(bs));
    if (backing) {
        backing_bs = crash_image_open_disk(backing, 0);
        qcow2->backing_file = g_strdup_printf(
            "json:{\"driver\": \"qcow2\", \"file\": \"%s\"}",
            bdrv_get_node_name(backing_bs));
        qcow2->has_backing_fmt = true;
        qcow2->backing_fmt = BLOCKDEV_DRIVER_QCOW2;
    } else {
        qcow2->zone = crash_image_zones(geometry);
    }
    crash_image_create(options);
    bdrv_unref(bs);
    bdrv_unref(backing_bs);
}

static void crash_image_create_first(CrashImage *image)
{
    const CrashVariant *variant = image->variant;
    BlockdevCreateOptions *options =
        crash_image_create_options(image, &image->geometry);
    BlockdevCreateOptionsQcow2 *qcow2 = &options->u.qcow2;
    BlockDriverState *bs[CRASH_MAX_DISKS] = { };

    bs[0] = crash_disk_open(image->disk[0], "crash-0", BDRV_O_RDWR);
    qcow2->file = crash_image_ref("crash-0");
    if (variant->data_file) {
        bs[1] = crash_disk_open(image->disk[1], "crash-1", BDRV_O_RDWR);
        qcow2->data_file = crash_image_ref("crash-1");
        qcow2->has_data_file_raw = true;
        qcow2->data_file_raw = variant->data_file_raw;
    }
    qcow2->encrypt = variant->luks ? crash_image_encrypt() : NULL;
    qcow2->zone = crash_image_zones(&image->geometry);
    crash_image_create(options);
    bdrv_unref(bs[0]);
    if (bs[1]) {
        bdrv_unref(bs[1]);
    }
}

CrashImage *crash_image_new(const CrashVariant *variant, GRand *rand)
{
    CrashImage *image = crash_image_alloc(variant);
    bool fua = g_rand_boolean(rand);
    unsigned i;

    for (i = 0; i < CRASH_MAX_DISKS && image->disk[i]; i++) {
        image->disk[i]->fua = fua;
    }
    if (variant->luks) {
        crash_image_add_secret();
    }
    crash_image_layout(image, rand);
    crash_image_create_first(image);
    return image;
}

CrashImage *crash_image_like(const CrashImage *image)
{
    CrashImage *like = crash_image_alloc(image->variant);

    like->chain = image->chain;
    like->geometry = image->geometry;
    like->cluster_bytes = image->cluster_bytes;
    return like;
}

void crash_image_copy(CrashImage *image, const CrashImage *from)
{
    unsigned i;

    for (i = 0; i < CRASH_MAX_DISKS && from->disk[i]; i++) {
        crash_disk_copy(image->disk[i], from->disk[i]);
    }
}

void crash_image_free(CrashImage *image)
{
    unsigned i;

    crash_image_close(image);
    for (i = 0; i < CRASH_MAX_DISKS && image->disk[i]; i++) {
        crash_disk_free(image->disk[i]);
    }
    g_free(image);
}

static QDict *crash_image_options(const CrashImage *image,
                                  BlockDriverState *file_bs,
                                  BlockDriverState *data_bs)
{
    const CrashVariant *variant = image->variant;
    QDict *options = qdict_new();

    qdict_put_str(options, "driver", "qcow2");
    qdict_put_str(options, "file", bdrv_get_node_name(file_bs));
    qdict_put_str(options, "overlap-check.template", "all");
    /* the base sets flags in tables that two snapshots share */
    qdict_put_bool(options, "overlap-check.inactive-l2", !variant->snapshots);
    qdict_put_int(options, QCOW2_OPT_ZONE_COMMIT_INTERVAL, 0);
    qdict_put_int(options, QCOW2_OPT_ZONE_PREZERO_SIZE, image->cluster_bytes);
    if (variant->holes) {
        /* what is mapped ahead hides what comes from below */
        qdict_put_int(options, QCOW2_OPT_ZONE_PREMAP_SIZE, 0);
    }
    /* the least there can be, so that tables are written early */
    qdict_put_int(options, "cache-clean-interval", 0);
    qdict_put_int(options, "l2-cache-size", image->cluster_bytes);
    qdict_put_bool(options, "lazy-refcounts", variant->lazy_refcounts);
    if (data_bs) {
        qdict_put_str(options, "data-file", bdrv_get_node_name(data_bs));
    }
    if (variant->luks) {
        qdict_put_str(options, "encrypt.key-secret", CRASH_SECRET);
    }
    return options;
}

/* Those of the highest, with the others nested in them */
static QDict *crash_image_chain_options(const CrashImage *image,
                                        const CrashChain *chain,
                                        BlockDriverState *const *bs)
{
    BlockDriverState *data_bs = image->variant->data_file ? bs[1] : NULL;
    QDict *below = NULL;
    unsigned i;

    for (i = 0; i < chain->depth; i++) {
        QDict *options = crash_image_options(image, bs[chain->disk_idx[i]],
                                             data_bs);

        if (below) {
            qdict_put(options, "backing", below);
        }
        below = options;
    }
    qdict_flatten(below);
    return below;
}

static int crash_image_flags(const CrashImage *image, int flags)
{
    const CrashVariant *variant = image->variant;

    if (flags & BDRV_O_RDWR && variant->resizes) {
        flags |= BDRV_O_RESIZE;
    }
    if (variant->discard) {
        flags |= BDRV_O_UNMAP;
    }
    if (variant->direct) {
        flags |= BDRV_O_NOCACHE;
    }
    return flags;
}

BlockBackend *crash_image_open_chain(const CrashImage *image,
                                     const CrashChain *chain, int flags,
                                     Error **errp)
{
    BlockDriverState *bs[CRASH_MAX_DISKS] = { };
    BlockBackend *blk;
    unsigned i;

    flags = crash_image_flags(image, flags);
    for (i = 0; i < CRASH_MAX_DISKS && image->disk[i]; i++) {
        bs[i] = crash_image_open_disk(image->disk[i], flags & ~BDRV_O_RESIZE);
    }
    blk = blk_new_open(NULL, NULL, crash_image_chain_options(image, chain, bs),
                       flags, errp);
    for (i = 0; i < CRASH_MAX_DISKS && image->disk[i]; i++) {
        bdrv_unref(bs[i]);
    }
    if (blk) {
        blk_set_enable_write_cache(blk, !image->variant->writethrough);
    }
    return blk;
}

BlockDriverState *crash_image_open_alone(const CrashImage *image,
                                         unsigned disk_idx)
{
    int flags = crash_image_flags(image, BDRV_O_RDWR) & ~BDRV_O_RESIZE;
    BlockDriverState *bs = crash_image_open_disk(image->disk[disk_idx], flags);
    QDict *options = crash_image_options(image, bs, NULL);
    BlockDriverState *alone;

    qdict_put_null(options, "backing");
    alone = bdrv_open(NULL, NULL, options, flags, &error_abort);
    bdrv_unref(bs);
    return alone;
}

static bool crash_image_open_flags(CrashImage *image, int flags, Error **errp)
{
    image->blk = crash_image_open_chain(image, &image->chain, flags, errp);
    return image->blk;
}

bool crash_image_open(CrashImage *image, Error **errp)
{
    return crash_image_open_flags(image, BDRV_O_RDWR, errp);
}

bool crash_image_open_snapshot(CrashImage *image, const char *name,
                               Error **errp)
{
    if (!crash_image_open_flags(image, 0, errp)) {
        return false;
    }
    if (bdrv_snapshot_load_tmp(blk_bs(image->blk), NULL, name, errp) < 0) {
        crash_image_close(image);
        return false;
    }
    return true;
}

void crash_image_close(CrashImage *image)
{
    if (image->blk) {
        blk_unref(image->blk);
        image->blk = NULL;
    }
}

uint64_t crash_image_meta_offset(const CrashImage *image)
{
    return qcow2_zone(bdrv_zone_node(blk_bs(image->blk)))->meta_offset;
}
