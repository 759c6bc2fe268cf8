/*
 * Random commands to a zoned namespace: data, reports and logs of the model
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/bswap.h"
#include "qemu/cutils.h"
#include "nvme-zns-fuzz.h"

#define DESCR_BYTES         64
#define LOG_BYTES           4096
#define REPORT_ATTRIBUTES   9

/* Data */

static uint64_t pattern_word(uint32_t stamp, size_t i)
{
    uint64_t x = (uint64_t)~stamp << 32 | stamp;

    return i ? (x + i) * UINT64_C(0x9e3779b97f4a7c15) : x;
}

void fuzz_put_stamp(void *block, size_t bytes, uint32_t stamp)
{
    size_t i;

    if (!stamp) {
        memset(block, 0, bytes);
        return;
    }
    for (i = 0; i < bytes / sizeof(uint64_t); i++) {
        stq_le_p((uint64_t *)block + i, pattern_word(stamp, i));
    }
}

uint32_t fuzz_get_stamp(const void *block, size_t bytes)
{
    uint32_t stamp = ldl_le_p(block);
    size_t i;

    if (!stamp) {
        return buffer_is_zero(block, bytes) ? 0 : FUZZ_UNKNOWN;
    }
    for (i = 0; i < bytes / sizeof(uint64_t); i++) {
        if (ldq_le_p((const uint64_t *)block + i) != pattern_word(stamp, i)) {
            return FUZZ_UNKNOWN;
        }
    }
    return stamp;
}

uint32_t fuzz_find_wrong(FuzzModel *model, uint64_t lba, uint32_t nr_blocks,
                         const uint8_t *data)
{
    uint32_t i;

    for (i = 0; i < nr_blocks; i++) {
        uint32_t *stamp = &model->stamps[lba + i];
        uint32_t found = fuzz_get_stamp(data + i * model->block_bytes,
                                        model->block_bytes);

        if (*stamp == FUZZ_UNKNOWN) {
            continue;
        }
        if (found != *stamp && (found || !model->deallocated[lba + i])) {
            break;
        }
        *stamp = found;
        model->deallocated[lba + i] = false;
    }
    return i;
}

/* Reports and logs */

static bool matches(const FuzzModel *model, uint32_t zone_idx, uint8_t filter)
{
    static const ZoneState states[] = {
        0, ZONE_STATE_EMPTY, ZONE_STATE_IMPLICITLY_OPENED,
        ZONE_STATE_EXPLICITLY_OPENED, ZONE_STATE_CLOSED, ZONE_STATE_FULL,
        ZONE_STATE_READ_ONLY, ZONE_STATE_OFFLINE,
    };

    if (filter == REPORT_ATTRIBUTES) {
        return ref_attributes(model->ref, zone_idx) & 7;
    }
    return !filter || model->ref->zones[zone_idx].state == states[filter];
}

static void make_descriptor(const FuzzModel *model, uint32_t zone_idx,
                            uint8_t *descr)
{
    const RefTable *ref = model->ref;
    ZoneState state = ref->zones[zone_idx].state;
    bool has_wp = state != ZONE_STATE_FULL && state != ZONE_STATE_READ_ONLY &&
                  state != ZONE_STATE_OFFLINE;

    descr[0] = 2;
    descr[1] = state << 4;
    descr[2] = ref_attributes(ref, zone_idx);
    descr[3] = ref_limits(ref, zone_idx);
    stq_le_p(descr + 8, ref->zones[zone_idx].capacity);
    stq_le_p(descr + 16, zone_idx * ref->zone_blocks);
    stq_le_p(descr + 24, has_wp ? ref_wp_bytes(ref, zone_idx) /
                                  ref->block_bytes : UINT64_MAX);
}

void fuzz_make_report(const FuzzModel *model, const NvmeCmd *entry,
                      uint8_t *data, size_t bytes)
{
    uint32_t dw13 = le32_to_cpu(entry->cdw13);
    bool partial = dw13 >> 16 & 1;
    uint32_t zde_bytes = (uint8_t)dw13 == NVME_ZONE_REPORT_EXTENDED ?
                         model->ref->g.zd_extension_bytes : 0;
    uint8_t *descr = data + DESCR_BYTES;
    uint64_t nr_matches = 0, nr_listed = 0;
    uint32_t i;

    memset(data, 0, bytes);
    for (i = fuzz_zone_idx(model, fuzz_slba(entry));
         i < model->ref->g.nr_zones; i++) {
        if (!matches(model, i, dw13 >> 8)) {
            continue;
        }
        nr_matches++;
        if (descr + DESCR_BYTES + zde_bytes <= data + bytes) {
            nr_listed++;
            make_descriptor(model, i, descr);
            if (zde_bytes && model->ref->zones[i].zdev) {
                fuzz_put_stamp(descr + DESCR_BYTES, zde_bytes, model->zdes[i]);
            }
            descr += DESCR_BYTES + zde_bytes;
        }
    }
    stq_le_p(data, partial ? nr_listed : nr_matches);
}

void fuzz_make_changed_list(const FuzzModel *model, uint8_t *page)
{
    uint32_t i;

    memset(page, 0, LOG_BYTES);
    stw_le_p(page, model->nr_changed);
    for (i = 0; i < model->nr_changed; i++) {
        stq_le_p(page + 8 + 8 * i, model->changed[i] * model->ref->zone_blocks);
    }
}
