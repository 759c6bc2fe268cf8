/*
 * Zoned qcow2 images: header extension
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The extension is read and written here; what is valid is the matter of
 * decode.c.
 */

#include "qemu/osdep.h"
#include "qemu/bswap.h"
#include "qapi/error.h"
#include "block/zone/qcow2/internal.h"

bool qcow2_zone_check_features(uint64_t incompatible_features, Error **errp)
{
    if (incompatible_features & (1u << QCOW2_ZONE_DRAFT_BITNR)) {
        error_setg(errp, "Incompatible feature bit %d is that of an "
                   "unfinished draft of zoned qcow2, which is not supported: "
                   "zoned images have bit %d", QCOW2_ZONE_DRAFT_BITNR,
                   QCOW2_INCOMPAT_ZONE_BITNR);
        return false;
    }
    return true;
}

/* Ours, among those that the base keeps without knowing them; NULL: none */
static Qcow2UnknownHeaderExtension *find_extension(BDRVQcow2State *s,
                                                   uint32_t magic)
{
    Qcow2UnknownHeaderExtension *ext;

    QLIST_FOREACH(ext, &s->unknown_header_ext, next) {
        if (ext->magic == magic) {
            return ext;
        }
    }
    return NULL;
}

static bool check_other_extensions(BDRVQcow2State *s, Error **errp)
{
    Qcow2UnknownHeaderExtension *ext;
    unsigned nr = 0;

    if (find_extension(s, QCOW2_EXT_MAGIC_ZONE_DRAFT)) {
        error_setg(errp, "Header extension 0x%08x is that of an unfinished "
                   "draft of zoned qcow2, which is not supported",
                   QCOW2_EXT_MAGIC_ZONE_DRAFT);
        return false;
    }
    QLIST_FOREACH(ext, &s->unknown_header_ext, next) {
        nr += ext->magic == QCOW2_EXT_MAGIC_ZONE;
    }
    if (nr > 1) {
        error_setg(errp, "Image has two zone table header extensions");
        return false;
    }
    return true;
}

/*
 * The device's length as the header has it, as the block layer keeps whole
 * sectors; and the type of the first header extension.
 */
static int coroutine_fn GRAPH_RDLOCK
load_header(BlockDriverState *bs, uint64_t *device_bytes,
            uint32_t *first_magic)
{
    QCowHeader header;
    uint32_t header_bytes;
    int ret;

    ret = bdrv_co_pread(bs->file, 0, sizeof(header), &header, 0);
    if (ret < 0) {
        return ret;
    }
    *device_bytes = be64_to_cpu(header.size);
    header_bytes = be32_to_cpu(header.header_length);
    ret = bdrv_co_pread(bs->file, header_bytes, sizeof(*first_magic),
                        first_magic, 0);
    *first_magic = be32_to_cpu(*first_magic);
    return ret;
}

static bool check_first_extension(const Qcow2ZoneLayout *layout,
                                  uint32_t first_magic, Error **errp)
{
    if (layout->version > 1 && first_magic != QCOW2_EXT_MAGIC_ZONE) {
        error_setg(errp, "Zone table header extension of layout version %u is "
                   "not the first header extension, which has type 0x%08x",
                   layout->version, first_magic);
        return false;
    }
    return true;
}

/* What the header is written with next: ours has been taken off the list */
static void take_layout(BDRVQcow2State *s, Qcow2UnknownHeaderExtension *ext,
                        const Qcow2ZoneLayout *layout)
{
    QLIST_REMOVE(ext, next);
    g_free(ext);
    s->zone = g_new0(Qcow2Zone, 1);
    qcow2_zone_set_layout(s->zone, layout);
}

int coroutine_fn qcow2_zone_co_load_extension(BlockDriverState *bs,
                                              Error **errp)
{
    BDRVQcow2State *s = bs->opaque;
    Qcow2UnknownHeaderExtension *ext = find_extension(s, QCOW2_EXT_MAGIC_ZONE);
    Qcow2ZoneLayout layout;
    uint64_t device_bytes = 0;
    uint32_t first_magic = 0;
    int ret;

    if (!check_other_extensions(s, errp)) {
        return -EINVAL;
    }
    if (!ext) {
        return 0;
    }
    if (!qcow2_zone_check_extension_bytes(ext->len, errp)) {
        return -EINVAL;
    }
    ret = load_header(bs, &device_bytes, &first_magic);
    if (ret < 0) {
        error_setg_errno(errp, -ret, "Could not read the image header");
        return ret;
    }
    if (!qcow2_zone_decode_extension(ext->data, ext->len, s->cluster_size,
                                     device_bytes, &layout, errp) ||
        !check_first_extension(&layout, first_magic, errp)) {
        return -EINVAL;
    }
    take_layout(s, ext, &layout);
    return 0;
}

/*
 * Type, length and data: a multiple of 8, so there is nothing to pad.  Images
 * of version 1 are written with the extension first, too, when their header
 * changes: it is allowed anywhere there.
 */
int qcow2_zone_put_extension(BlockDriverState *bs, void *buf, size_t room)
{
    BDRVQcow2State *s = bs->opaque;
    const size_t bytes = 2 * sizeof(uint32_t) + QCOW2_ZONE_EXTENSION_BYTES;
    Qcow2ZoneLayout layout;

    if (!s->zone) {
        return 0;
    }
    if (room < bytes) {
        return -ENOSPC;
    }
    qcow2_zone_get_layout(s->zone, &layout);
    stl_be_p(buf, QCOW2_EXT_MAGIC_ZONE);
    stl_be_p(buf + sizeof(uint32_t), QCOW2_ZONE_EXTENSION_BYTES);
    qcow2_zone_encode_layout(&layout, buf + 2 * sizeof(uint32_t));
    return bytes;
}

size_t qcow2_zone_unnamed_bytes(BlockDriverState *bs)
{
    return qcow2_zone(bs) ? 0 : sizeof(Qcow2Feature);
}

Qcow2ZoneInfo *qcow2_zone_get_info(BlockDriverState *bs)
{
    Qcow2Zone *zone = qcow2_zone(bs);
    Qcow2ZoneInfo *info;

    if (!zone) {
        return NULL;
    }
    info = g_new(Qcow2ZoneInfo, 1);
    *info = (Qcow2ZoneInfo) {
        .mode               = QCOW2_ZONE_MODE_HOST_MANAGED,
        .size               = zone->geometry.zone_bytes,
        .capacity           = zone->geometry.capacity_bytes,
        .zones              = zone->geometry.nr_zones,
        .conventional_zones = zone->geometry.conventional_zones,
        .max_open_zones     = zone->geometry.max_open_zones,
        .max_active_zones   = zone->geometry.max_active_zones,
        .max_append_bytes   = zone->geometry.max_append_bytes,
        .zd_extension_size  = zone->geometry.zd_extension_bytes,
        .has_records        = zone->flags & QCOW2_ZONE_FLAG_RECORDS,
        .records            = true,
        .has_unfinished     = zone->flags & QCOW2_ZONE_FLAG_UNFINISHED,
        .unfinished         = true,
    };
    return info;
}
