/*
 * Zoned qcow2 images: words, and sectors of words, in the image file
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Nothing else reads or writes them.  What is stored when, and what is durable
 * by then, is the matter of commit.c.
 */

#include "qemu/osdep.h"
#include "qemu/bswap.h"
#include "qapi/error.h"
#include "block/zone/qcow2/internal.h"

/* Words are read in pieces of this */
#define QCOW2_ZONE_IO_WORDS     (128 * 1024)

/* The region *************************************************************/

bool coroutine_fn
qcow2_zone_co_check_region(BlockDriverState *bs, const Qcow2ZoneLayout *layout,
                           Error **errp)
{
    int64_t file_bytes = bdrv_co_getlength(bs->file->bs);

    if (file_bytes < 0) {
        error_setg_errno(errp, -file_bytes, "Could not get the image file's "
                         "length");
        return false;
    }
    if (layout->meta_offset + layout->meta_bytes > file_bytes) {
        error_setg(errp, "Zone metadata is truncated: it ends at %" PRIu64
                   ", the image file at %" PRId64,
                   layout->meta_offset + layout->meta_bytes, file_bytes);
        return false;
    }
    return true;
}

int coroutine_fn
qcow2_zone_co_store(BlockDriverState *bs, uint64_t offset, uint64_t bytes,
                    const void *buf, BdrvRequestFlags flags)
{
    BDRVQcow2State *s = bs->opaque;
    int ret;

    qemu_co_mutex_lock(&s->lock);
    ret = qcow2_pre_write_overlap_check(bs, QCOW2_OL_ZONE_TABLE, offset, bytes,
                                        false);
    qemu_co_mutex_unlock(&s->lock);
    return ret < 0 ? ret : bdrv_co_pwrite(bs->file, offset, bytes, buf, flags);
}

/* Words ******************************************************************/

int coroutine_fn
qcow2_zone_co_load_words(BlockDriverState *bs, const Qcow2ZoneLayout *layout,
                         uint64_t *words)
{
    uint32_t nr_zones = layout->geometry.nr_zones;
    uint32_t first, n, i;
    int ret;

    for (first = 0; first < nr_zones; first += n) {
        n = MIN(nr_zones - first, QCOW2_ZONE_IO_WORDS);
        ret = bdrv_co_pread(bs->file, layout->meta_offset +
                            (uint64_t)first * sizeof(*words),
                            (uint64_t)n * sizeof(*words), words + first, 0);
        if (ret < 0) {
            return ret;
        }
        for (i = first; i < first + n; i++) {
            words[i] = be64_to_cpu(words[i]);
        }
    }
    return 0;
}

int coroutine_fn
qcow2_zone_co_repair_word(BlockDriverState *bs, const Qcow2ZoneLayout *layout,
                          uint32_t zone_idx, uint64_t word)
{
    uint64_t be_word = cpu_to_be64(word);

    return bdrv_co_pwrite(bs->file, layout->meta_offset +
                          (uint64_t)zone_idx * sizeof(be_word),
                          sizeof(be_word), &be_word, 0);
}

/* Sectors of words *******************************************************/

uint32_t qcow2_zone_sector_end(Qcow2Zone *zone, uint32_t sector)
{
    return MIN((sector + 1) * QCOW2_ZONE_SECTOR_WORDS,
               zone->geometry.nr_zones);
}

static uint8_t *qcow2_zone_slot(const ZoneSectors *sectors, uint32_t slot,
                                uint32_t zone_idx)
{
    return sectors->buf + slot * QCOW2_ZONE_SECTOR_BYTES +
           zone_idx % QCOW2_ZONE_SECTOR_WORDS * sizeof(uint64_t);
}

void qcow2_zone_sectors_put(ZoneSectors *sectors, uint32_t zone_idx,
                            uint64_t word)
{
    assert(sectors->sector[sectors->nr - 1] == qcow2_zone_sector(zone_idx));
    stq_be_p(qcow2_zone_slot(sectors, sectors->nr - 1, zone_idx), word);
}

uint64_t qcow2_zone_sectors_get(const ZoneSectors *sectors, uint32_t slot,
                                uint32_t zone_idx)
{
    return ldq_be_p(qcow2_zone_slot(sectors, slot, zone_idx));
}

bool qcow2_zone_sectors_add(Qcow2Zone *zone, ZoneSectors *sectors,
                            uint32_t sector)
{
    uint32_t slot = sectors->nr;
    uint32_t i;

    if (slot && sectors->sector[slot - 1] == sector) {
        return true;
    }
    if (slot == QCOW2_ZONE_BATCH_SECTORS) {
        return false;
    }
    sectors->sector[slot] = sector;
    sectors->nr++;
    memset(sectors->buf + slot * QCOW2_ZONE_SECTOR_BYTES, 0,
           QCOW2_ZONE_SECTOR_BYTES);
    for (i = sector * QCOW2_ZONE_SECTOR_WORDS;
         i < qcow2_zone_sector_end(zone, sector); i++) {
        qcow2_zone_sectors_put(sectors, i, zone->durable[i]);
    }
    return true;
}

uint32_t qcow2_zone_sectors_run(const ZoneSectors *sectors, uint32_t slot)
{
    uint32_t n = 1;

    while (slot + n < sectors->nr &&
           sectors->sector[slot + n] == sectors->sector[slot] + n) {
        n++;
    }
    return n;
}

int coroutine_fn
qcow2_zone_co_write_sectors(BlockDriverState *bs, const ZoneSectors *sectors,
                            BdrvRequestFlags flags)
{
    Qcow2Zone *zone = qcow2_zone(bs);
    uint32_t slot, n;
    int ret = 0;

    for (slot = 0; slot < sectors->nr && ret >= 0; slot += n) {
        n = qcow2_zone_sectors_run(sectors, slot);
        ret = qcow2_zone_co_store(bs, zone->meta_offset +
                                  (uint64_t)sectors->sector[slot] *
                                  QCOW2_ZONE_SECTOR_BYTES,
                                  n * QCOW2_ZONE_SECTOR_BYTES,
                                  sectors->buf +
                                  slot * QCOW2_ZONE_SECTOR_BYTES, flags);
    }
    return ret;
}

/* Extensions *************************************************************/

static uint64_t qcow2_zone_zde_offset(Qcow2Zone *zone, uint32_t zone_idx)
{
    return zone->zde_offset +
           (uint64_t)zone_idx * zone->geometry.zd_extension_bytes;
}

int coroutine_fn
qcow2_zone_co_write_zde(BlockDriverState *bs, uint32_t zone_idx,
                        const void *zde)
{
    Qcow2Zone *zone = qcow2_zone(bs);

    return qcow2_zone_co_store(bs, qcow2_zone_zde_offset(zone, zone_idx),
                               zone->geometry.zd_extension_bytes, zde,
                               BDRV_REQ_FUA);
}

int coroutine_fn
qcow2_zone_co_load_zde(BlockDriverState *bs, uint32_t zone_idx, void *zde)
{
    Qcow2Zone *zone = qcow2_zone(bs);

    return bdrv_co_pread(bs->file, qcow2_zone_zde_offset(zone, zone_idx),
                         zone->geometry.zd_extension_bytes, zde, 0);
}
