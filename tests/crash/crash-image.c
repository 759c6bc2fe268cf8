/*
 * Zoned images on disks in memory
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qapi/qapi-types-block-core.h"
#include "qobject/qdict.h"
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
        .nr_zones = variant->data_file_raw ? 72 : 160,
        .conventional_zones = g_rand_int_range(rand, 0, 3),
        .max_active_zones = variant->limits ? 4 : 0,
        .max_open_zones = variant->limits ? 3 : 0,
        .zd_extension_bytes = 64 * g_rand_int_range(rand, 0, 4),
    };
}

static CrashImage *crash_image_alloc(const CrashVariant *variant)
{
    CrashImage *image = g_new0(CrashImage, 1);
    unsigned i;

    image->variant = variant;
    for (i = 0; i <= variant->data_file; i++) {
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

static void crash_image_create(CrashImage *image)
{
    const CrashVariant *variant = image->variant;
    BlockdevCreateOptions *options = g_new0(BlockdevCreateOptions, 1);
    BlockdevCreateOptionsQcow2 *qcow2 = &options->u.qcow2;
    CrashCreate create = { .options = options };
    BlockDriverState *bs[CRASH_MAX_DISKS] = { };

    bs[0] = crash_disk_open(image->disk[0], "crash-0", BDRV_O_RDWR);
    options->driver = BLOCKDEV_DRIVER_QCOW2;
    qcow2->file = crash_image_ref("crash-0");
    if (variant->data_file) {
        bs[1] = crash_disk_open(image->disk[1], "crash-1", BDRV_O_RDWR);
        qcow2->data_file = crash_image_ref("crash-1");
        qcow2->has_data_file_raw = true;
        qcow2->data_file_raw = variant->data_file_raw;
    }
    qcow2->size = image->geometry.zone_bytes * image->geometry.nr_zones;
    qcow2->has_extended_l2 = true;
    qcow2->extended_l2 = variant->extended_l2;
    qcow2->has_cluster_size = true;
    qcow2->cluster_size = image->cluster_bytes;
    qcow2->has_lazy_refcounts = true;
    qcow2->lazy_refcounts = variant->lazy_refcounts;
    qcow2->encrypt = variant->luks ? crash_image_encrypt() : NULL;
    qcow2->zone = crash_image_zones(&image->geometry);

    qemu_coroutine_enter(qemu_coroutine_create(crash_image_create_entry,
                                               &create));
    AIO_WAIT_WHILE_UNLOCKED(NULL, !create.done);
    g_assert_cmpint(create.ret, ==, 0);
    qapi_free_BlockdevCreateOptions(options);
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
    crash_image_create(image);
    return image;
}

CrashImage *crash_image_like(const CrashImage *image)
{
    CrashImage *like = crash_image_alloc(image->variant);

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
                                  BlockDriverState *const *bs)
{
    const CrashVariant *variant = image->variant;
    QDict *options = qdict_new();

    qdict_put_str(options, "driver", "qcow2");
    qdict_put_str(options, "file", bdrv_get_node_name(bs[0]));
    qdict_put_str(options, "overlap-check.template", "all");
    /* the base sets flags in tables that two snapshots share */
    qdict_put_bool(options, "overlap-check.inactive-l2", !variant->snapshots);
    qdict_put_int(options, QCOW2_OPT_ZONE_COMMIT_INTERVAL, 0);
    qdict_put_int(options, QCOW2_OPT_ZONE_PREZERO_SIZE, image->cluster_bytes);
    /* the least there can be, so that tables are written early */
    qdict_put_int(options, "cache-clean-interval", 0);
    qdict_put_int(options, "l2-cache-size", image->cluster_bytes);
    qdict_put_bool(options, "lazy-refcounts", variant->lazy_refcounts);
    if (variant->data_file) {
        qdict_put_str(options, "data-file", bdrv_get_node_name(bs[1]));
    }
    if (variant->luks) {
        qdict_put_str(options, "encrypt.key-secret", CRASH_SECRET);
    }
    return options;
}

/* A name of its own, as another image may be open */
static BlockDriverState *crash_image_open_disk(CrashDisk *disk, int flags)
{
    static unsigned nr_opened;
    g_autofree char *name = g_strdup_printf("crash-disk-%u", nr_opened++);

    return crash_disk_open(disk, name, flags);
}

static bool crash_image_open_flags(CrashImage *image, int flags, Error **errp)
{
    const CrashVariant *variant = image->variant;
    BlockDriverState *bs[CRASH_MAX_DISKS] = { };
    unsigned i;

    if (variant->discard) {
        flags |= BDRV_O_UNMAP;
    }
    if (variant->direct) {
        flags |= BDRV_O_NOCACHE;
    }
    for (i = 0; i <= variant->data_file; i++) {
        bs[i] = crash_image_open_disk(image->disk[i], flags);
    }
    image->blk = blk_new_open(NULL, NULL, crash_image_options(image, bs), flags,
                              errp);
    for (i = 0; i <= variant->data_file; i++) {
        bdrv_unref(bs[i]);
    }
    if (!image->blk) {
        return false;
    }
    blk_set_enable_write_cache(image->blk, !variant->writethrough);
    return true;
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
    return qcow2_zone(blk_bs(image->blk))->meta_offset;
}
