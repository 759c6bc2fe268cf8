/*
 * Random commands to a zoned namespace: which ones
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Most make sense, so that the zones get somewhere; some have fields on edges
 * or at random, wrong namespaces, or bits that are reserved.
 */

#include "qemu/osdep.h"
#include "qemu/bswap.h"
#include "qemu/cutils.h"
#include "nvme-zns-fuzz.h"

#define NO_MEMORY       (UINT64_C(1) << 44)
#define MAX_RANGES      16
/* Most commands go to a few zones, or limits would be all that is met */
#define NR_HOT_ZONES    6

uint32_t fuzz_below(FuzzPick *pick, uint32_t limit)
{
    return g_rand_int(pick->rand) % limit;
}

static bool one_in(FuzzPick *pick, uint32_t n)
{
    return fuzz_below(pick, n) == 0;
}

static uint32_t pick_zone(FuzzPick *pick)
{
    uint32_t nr_zones = pick->model->drive->nr_zones;

    return one_in(pick, 4) ? fuzz_below(pick, nr_zones)
                           : fuzz_below(pick, MIN(NR_HOT_ZONES, nr_zones));
}

/* Beyond all bounds, or about to wrap */
static uint64_t pick_far_lba(FuzzPick *pick)
{
    uint64_t nr_blocks = pick->model->nr_blocks;

    switch (fuzz_below(pick, 7)) {
    case 0:
        return nr_blocks - 1 - fuzz_below(pick, 4);
    case 1:
        return nr_blocks + fuzz_below(pick, 2);
    case 2:
        return (UINT64_C(1) << 32) + fuzz_below(pick, nr_blocks);
    case 3:
        return (UINT64_C(1) << 63) + fuzz_below(pick, nr_blocks);
    case 4:
        return -(uint64_t)(1 + fuzz_below(pick, 64));
    case 5:
        /* whose product with the size of a block is in the namespace again */
        return UINT64_MAX / pick->model->ref->block_bytes + 1 +
               fuzz_below(pick, nr_blocks);
    default:
        return (uint64_t)g_rand_int(pick->rand) << 32 |
               g_rand_int(pick->rand);
    }
}

static uint64_t pick_lba(FuzzPick *pick, uint32_t zone_idx)
{
    const RefTable *ref = pick->model->ref;
    uint64_t lba = zone_idx * ref->zone_blocks;
    uint32_t dice = fuzz_below(pick, 100);

    if (dice < 60) {
        return lba + pick->guess[zone_idx];
    }
    if (dice < 68) {
        return lba + pick->guess[zone_idx] + fuzz_below(pick, 16) - 8;
    }
    if (dice < 76) {
        return lba;
    }
    if (dice < 82) {
        return lba + ref->zones[zone_idx].capacity + fuzz_below(pick, 8) - 6;
    }
    if (dice < 86) {
        return lba + ref->zone_blocks - 1 - fuzz_below(pick, 4);
    }
    if (dice < 97) {
        return lba + fuzz_below(pick, ref->zone_blocks);
    }
    return pick_far_lba(pick);
}

/* lba: where it begins, for those that end on an edge */
static uint32_t pick_blocks(FuzzPick *pick, uint64_t lba)
{
    static const uint8_t lengths[] = { 1, 1, 2, 3, 4, 8, 8, 8, 16, 32 };
    const RefTable *ref = pick->model->ref;
    uint32_t offset = lba % ref->zone_blocks;
    uint64_t capacity = lba < pick->model->nr_blocks
                        ? ref->zones[fuzz_zone_idx(pick->model, lba)].capacity
                        : ref->capacity_blocks;
    uint32_t dice = fuzz_below(pick, 100);

    if (dice < 80) {
        return lengths[fuzz_below(pick, ARRAY_SIZE(lengths))];
    }
    if (dice < 88 && offset < capacity) {
        return capacity - offset;
    }
    if (dice < 91) {
        return ref->zone_blocks - offset;
    }
    if (dice < 97) {
        return 1 + fuzz_below(pick, ref->zone_blocks);
    }
    return one_in(pick, 2) ? 65536 : 1 + fuzz_below(pick, 65536);
}

static void set_slba(NvmeCmd *entry, uint64_t lba)
{
    entry->cdw10 = cpu_to_le32(lba);
    entry->cdw11 = cpu_to_le32(lba >> 32);
}

static uint8_t *data_of(const FuzzPick *pick, const FuzzCmd *cmd)
{
    return pick->model->drive->memory + cmd->addr;
}

/* Where PRPs begin does not have to be the start of a page */
static void misalign(FuzzPick *pick, FuzzCmd *cmd)
{
    if (one_in(pick, 4) && cmd->bytes <= pick->max_blocks / 2 *
                                         pick->model->block_bytes) {
        cmd->addr += 4 * fuzz_below(pick, 1024);
    }
}

static void put_new_data(FuzzPick *pick, FuzzCmd *cmd, uint32_t nr_blocks)
{
    uint32_t block_bytes = pick->model->block_bytes;
    uint32_t i;

    cmd->stamp = pick->next_stamp;
    pick->next_stamp += nr_blocks;
    for (i = 0; i < nr_blocks; i++) {
        fuzz_put_stamp(data_of(pick, cmd) + i * block_bytes, block_bytes,
                       cmd->stamp + i);
    }
}

/* What is there; or something else, in one block */
static void put_compare_data(FuzzPick *pick, FuzzCmd *cmd, uint64_t lba,
                             uint32_t nr_blocks)
{
    uint32_t block_bytes = pick->model->block_bytes;
    uint32_t wrong = one_in(pick, 3) ? fuzz_below(pick, nr_blocks) : nr_blocks;
    uint32_t i;

    for (i = 0; i < nr_blocks; i++) {
        bool known = fuzz_in_range(pick->model, lba, i + 1) && i != wrong;

        fuzz_put_stamp(data_of(pick, cmd) + i * block_bytes, block_bytes,
                       known ? pick->model->stamps[lba + i] : 1);
    }
}

/* Read, Write, Append, Write Zeroes, Compare, Verify */
static void pick_rw(FuzzPick *pick, FuzzCmd *cmd)
{
    NvmeCmd *entry = &cmd->entry;
    uint32_t zone_idx = pick_zone(pick);
    uint64_t lba = pick_lba(pick, zone_idx);
    uint64_t start = zone_idx * pick->model->ref->zone_blocks;
    uint32_t nr_blocks = pick_blocks(pick, lba);
    bool append = entry->opcode == NVME_CMD_ZONE_APPEND;
    uint32_t room;

    if (append && !one_in(pick, 12)) {
        lba = start;
    } else if (entry->opcode == NVME_CMD_READ && one_in(pick, 2)) {
        lba = start + fuzz_below(pick, pick->model->ref->zone_blocks);
    }
    set_slba(entry, lba);
    entry->cdw12 = cpu_to_le32(nr_blocks - 1);
    if (entry->opcode == NVME_CMD_WRITE_ZEROES ||
        entry->opcode == NVME_CMD_VERIFY) {
        return;
    }
    /* what is longer than the buffer is refused before it is looked at */
    room = MIN(nr_blocks, pick->max_blocks);
    if (pick->max_blocks * pick->model->block_bytes < FUZZ_MDTS_BYTES) {
        nr_blocks = room;
        entry->cdw12 = cpu_to_le32(nr_blocks - 1);
    }
    cmd->bytes = room * pick->model->block_bytes;
    misalign(pick, cmd);
    if (append || entry->opcode == NVME_CMD_WRITE) {
        put_new_data(pick, cmd, room);
    } else if (entry->opcode == NVME_CMD_COMPARE) {
        put_compare_data(pick, cmd, lba, room);
    }
}

static void pick_copy(FuzzPick *pick, FuzzCmd *cmd)
{
    NvmeCopySourceRangeFormat0_2 *ranges;
    uint32_t nr = one_in(pick, 40) ? 1 + fuzz_below(pick, 256)
                                   : 1 + fuzz_below(pick, 4);
    uint32_t format = one_in(pick, 30) ? fuzz_below(pick, 16) : 0;
    uint32_t i;

    set_slba(&cmd->entry, pick_lba(pick, pick_zone(pick)));
    cmd->entry.cdw12 = cpu_to_le32((nr - 1) | format << 8);
    cmd->bytes = nr * sizeof(*ranges);
    ranges = (void *)data_of(pick, cmd);
    memset(ranges, 0, cmd->bytes);
    for (i = 0; i < nr; i++) {
        uint64_t lba = one_in(pick, 20) ? pick_far_lba(pick) :
                       pick_zone(pick) * pick->model->ref->zone_blocks +
                       fuzz_below(pick, pick->model->ref->zone_blocks);

        ranges[i].slba = cpu_to_le64(lba);
        ranges[i].nlb = cpu_to_le16(one_in(pick, 20)
                                    ? g_rand_int(pick->rand)
                                    : fuzz_below(pick, 16));
    }
}

static void pick_dsm(FuzzPick *pick, FuzzCmd *cmd)
{
    NvmeDsmRange *ranges;
    uint32_t nr = 1 + fuzz_below(pick, MAX_RANGES);
    uint32_t i;

    cmd->entry.cdw10 = cpu_to_le32((nr - 1) | (one_in(pick, 8) ?
                                   g_rand_int(pick->rand) << 8 : 0));
    cmd->entry.cdw11 = cpu_to_le32(one_in(pick, 8) ? fuzz_below(pick, 8)
                                                   : NVME_DSMGMT_AD);
    cmd->bytes = nr * sizeof(*ranges);
    ranges = (void *)data_of(pick, cmd);
    for (i = 0; i < nr; i++) {
        uint64_t lba = pick_lba(pick, pick_zone(pick));

        ranges[i] = (NvmeDsmRange) {
            .cattr = g_rand_int(pick->rand),
            .nlb = cpu_to_le32(one_in(pick, 10) ? g_rand_int(pick->rand)
                                                : pick_blocks(pick, lba)),
            .slba = cpu_to_le64(lba),
        };
    }
}

/* The last block of an explicit flush: most often where one may end */
static uint64_t pick_flush_lba(FuzzPick *pick, uint32_t zone_idx)
{
    const RefTable *ref = pick->model->ref;
    uint32_t step = ref->g.zrwa_granularity_bytes / ref->block_bytes;
    uint32_t nr_steps = step ? ref->g.zrwa_bytes / ref->block_bytes / step : 0;

    if (!step || one_in(pick, 4)) {
        return pick_lba(pick, zone_idx) - 1;
    }
    return ref_wp_bytes(ref, zone_idx) / ref->block_bytes +
           (1 + fuzz_below(pick, nr_steps + 1)) * step - 1;
}

/* One that has a ZRWA, if there is any */
static uint32_t pick_zrwa_zone(FuzzPick *pick)
{
    uint32_t nr_zones = pick->model->drive->nr_zones;
    uint32_t first_idx = fuzz_below(pick, nr_zones);
    uint32_t i;

    for (i = 0; i < nr_zones; i++) {
        uint32_t zone_idx = (first_idx + i) % nr_zones;

        if (pick->model->ref->zones[zone_idx].zrwa) {
            return zone_idx;
        }
    }
    return first_idx;
}

static void pick_send(FuzzPick *pick, FuzzCmd *cmd)
{
    static const uint8_t actions[] = {
        NVME_ZONE_ACTION_OPEN, NVME_ZONE_ACTION_OPEN, NVME_ZONE_ACTION_OPEN,
        NVME_ZONE_ACTION_CLOSE, NVME_ZONE_ACTION_CLOSE,
        NVME_ZONE_ACTION_FINISH,
        NVME_ZONE_ACTION_RESET, NVME_ZONE_ACTION_RESET, NVME_ZONE_ACTION_RESET,
        NVME_ZONE_ACTION_OFFLINE,
        NVME_ZONE_ACTION_SET_ZD_EXT, NVME_ZONE_ACTION_SET_ZD_EXT,
        NVME_ZONE_ACTION_ZRWA_FLUSH, NVME_ZONE_ACTION_ZRWA_FLUSH,
    };
    uint8_t action = one_in(pick, 50) ? g_rand_int(pick->rand) :
                     actions[fuzz_below(pick, ARRAY_SIZE(actions))];
    uint8_t flags = (one_in(pick, 25) ? NVME_ZSFLAG_SELECT_ALL : 0) |
                    (one_in(pick, 3) ? NVME_ZSFLAG_ZRWA_ALLOC : 0) |
                    (one_in(pick, 25) ? g_rand_int(pick->rand) & 0xfc : 0);
    uint32_t zone_idx = pick_zone(pick);
    uint32_t zde_bytes = pick->model->ref->g.zd_extension_bytes;

    if (action == NVME_ZONE_ACTION_ZRWA_FLUSH) {
        zone_idx = one_in(pick, 4) ? zone_idx : pick_zrwa_zone(pick);
        set_slba(&cmd->entry, pick_flush_lba(pick, zone_idx));
    } else {
        set_slba(&cmd->entry, one_in(pick, 12) ? pick_lba(pick, zone_idx) :
                              zone_idx * pick->model->ref->zone_blocks);
    }
    cmd->entry.cdw13 = cpu_to_le32(action | flags << 8);
    if (action == NVME_ZONE_ACTION_SET_ZD_EXT && zde_bytes) {
        cmd->bytes = zde_bytes;
        misalign(pick, cmd);
        cmd->stamp = pick->next_stamp++;
        fuzz_put_stamp(data_of(pick, cmd), zde_bytes, cmd->stamp);
    }
}

static void pick_receive(FuzzPick *pick, FuzzCmd *cmd)
{
    uint32_t limit_bytes = pick->max_blocks * pick->model->block_bytes;
    uint32_t action = one_in(pick, 30) ? fuzz_below(pick, 256)
                                       : fuzz_below(pick, 2);
    uint32_t filter = one_in(pick, 30) ? fuzz_below(pick, 256)
                                       : fuzz_below(pick, 11);
    uint32_t nr_dwords;

    switch (fuzz_below(pick, 12)) {
    case 0:
        nr_dwords = 1 + fuzz_below(pick, limit_bytes / 4);
        break;
    case 1:
        nr_dwords = 1 + fuzz_below(pick, 40);
        break;
    case 2:
        /* too much, or all there is */
        nr_dwords = one_in(pick, 2) ? g_rand_int(pick->rand) : 0;
        break;
    default:
        nr_dwords = 16 + fuzz_below(pick, 600);
        break;
    }
    set_slba(&cmd->entry, pick_lba(pick, pick_zone(pick)));
    cmd->entry.cdw12 = cpu_to_le32(nr_dwords - 1);
    cmd->entry.cdw13 = cpu_to_le32(action | filter << 8 |
                                   fuzz_below(pick, 2) << 16);
    cmd->bytes = MIN((uint64_t)(nr_dwords - 1) * 4 + 4, limit_bytes);
    if (cmd->bytes < (uint64_t)(uint32_t)(nr_dwords - 1) * 4 + 4 &&
        limit_bytes < FUZZ_MDTS_BYTES) {
        cmd->entry.cdw12 = cpu_to_le32(limit_bytes / 4 - 1);
        cmd->bytes = limit_bytes;
    }
    misalign(pick, cmd);
}

/* Fields that say nothing, and some that say that the command is wrong */
static void spoil(FuzzPick *pick, FuzzCmd *cmd)
{
    NvmeCmd *entry = &cmd->entry;
    bool rw = entry->opcode == NVME_CMD_READ ||
              entry->opcode == NVME_CMD_WRITE ||
              entry->opcode == NVME_CMD_ZONE_APPEND ||
              entry->opcode == NVME_CMD_WRITE_ZEROES ||
              entry->opcode == NVME_CMD_COMPARE ||
              entry->opcode == NVME_CMD_VERIFY;

    switch (fuzz_below(pick, 8)) {
    case 0:
        entry->res1 = (uint64_t)g_rand_int(pick->rand) << 32 |
                      g_rand_int(pick->rand);
        break;
    case 1:
        entry->mptr = (uint64_t)g_rand_int(pick->rand) << 32 |
                      g_rand_int(pick->rand);
        break;
    case 2:
        entry->cdw14 = g_rand_int(pick->rand);
        entry->cdw15 = g_rand_int(pick->rand);
        break;
    case 3:
        entry->nsid = cpu_to_le32(one_in(pick, 4) ? g_rand_int(pick->rand)
                                                  : fuzz_below(pick, 4) - 1);
        break;
    case 4:
        entry->flags = fuzz_below(pick, 64); /* fused operations; reserved */
        break;
    case 5:
        entry->cdw13 |= rw ? g_rand_int(pick->rand) :
                        cpu_to_le32(g_rand_int(pick->rand) & 0xfffe0000);
        break;
    default:
        if (rw) {
            entry->cdw12 |= cpu_to_le32(g_rand_int(pick->rand) & 0xffff0000);
        } else if (entry->opcode == NVME_CMD_ZONE_MGMT_SEND) {
            entry->cdw12 = g_rand_int(pick->rand);
        }
        break;
    }
}

static const struct {
    uint8_t opcode;
    uint8_t weight;
    void (*pick)(FuzzPick *pick, FuzzCmd *cmd);
} commands[] = {
    { NVME_CMD_WRITE, 20, pick_rw },
    { NVME_CMD_ZONE_APPEND, 18, pick_rw },
    { NVME_CMD_READ, 9, pick_rw },
    { NVME_CMD_WRITE_ZEROES, 5, pick_rw },
    { NVME_CMD_COMPARE, 3, pick_rw },
    { NVME_CMD_VERIFY, 2, pick_rw },
    { NVME_CMD_COPY, 6, pick_copy },
    { NVME_CMD_DSM, 3, pick_dsm },
    { NVME_CMD_FLUSH, 1, NULL },
    { NVME_CMD_ZONE_MGMT_SEND, 25, pick_send },
    { NVME_CMD_ZONE_MGMT_RECV, 8, pick_receive },
};

/* Beside these, one of all others in a hundred */
#define ALL_WEIGHTS 101

FuzzCmd fuzz_pick_io(FuzzPick *pick, uint64_t addr)
{
    FuzzCmd cmd = {
        .queue = ZNS_IO,
        .entry.nsid = cpu_to_le32(1),
        .addr = addr,
    };
    uint32_t dice = fuzz_below(pick, ALL_WEIGHTS);
    size_t i;

    for (i = 0; i < ARRAY_SIZE(commands) && dice >= commands[i].weight; i++) {
        dice -= commands[i].weight;
    }
    if (i == ARRAY_SIZE(commands)) {
        do {
            cmd.entry.opcode = fuzz_below(pick, 256);
            for (i = 0; i < ARRAY_SIZE(commands) &&
                        commands[i].opcode != cmd.entry.opcode; i++) {
                /* look */
            }
        } while (i < ARRAY_SIZE(commands));
        set_slba(&cmd.entry, pick_lba(pick, pick_zone(pick)));
        return cmd;
    }
    cmd.entry.opcode = commands[i].opcode;
    if (commands[i].pick) {
        commands[i].pick(pick, &cmd);
    }
    if (one_in(pick, 6)) {
        spoil(pick, &cmd);
    }
    return cmd;
}

/* Get Log Page BFh, Identify, Asynchronous Event Configuration */
FuzzCmd fuzz_pick_admin(FuzzPick *pick, uint64_t addr)
{
    static const uint8_t cns[] = { 0x00, 0x01, 0x05, 0x06, 0x08, 0x10 };
    FuzzCmd cmd = {
        .queue = ZNS_ADMIN,
        .entry.nsid = cpu_to_le32(1),
        .addr = addr,
        .bytes = 4096,
    };
    NvmeCmd *entry = &cmd.entry;
    uint32_t nr_dwords = one_in(pick, 3) ? 1 + fuzz_below(pick, 2048) : 1024;

    switch (fuzz_below(pick, 3)) {
    case 0:
        entry->opcode = NVME_ADM_CMD_GET_LOG_PAGE;
        entry->cdw10 = cpu_to_le32(0xbf | fuzz_below(pick, 2) << 15 |
                                   (nr_dwords - 1) << 16);
        entry->cdw12 = cpu_to_le32(one_in(pick, 4) ? fuzz_below(pick, 5000)
                                                   : 0);
        entry->cdw13 = cpu_to_le32(one_in(pick, 30));
        entry->nsid = cpu_to_le32(one_in(pick, 8) ? fuzz_below(pick, 4) - 1
                                                  : 1);
        cmd.bytes = nr_dwords * 4;
        break;
    case 1:
        entry->opcode = NVME_ADM_CMD_IDENTIFY;
        entry->cdw10 = cpu_to_le32(one_in(pick, 4) ? fuzz_below(pick, 256) :
                                   cns[fuzz_below(pick, ARRAY_SIZE(cns))]);
        entry->cdw11 = cpu_to_le32(fuzz_below(pick, 4) << 24);
        break;
    default:
        entry->opcode = NVME_ADM_CMD_SET_FEATURES;
        entry->cdw10 = cpu_to_le32(0x0b);
        entry->cdw11 = g_rand_int(pick->rand);
        entry->nsid = 0;
        cmd.bytes = 0;
        break;
    }
    return cmd;
}

void fuzz_lead_astray(FuzzPick *pick, FuzzCmd *cmd)
{
    switch (fuzz_below(pick, 4)) {
    case 0:
        cmd->addr = NO_MEMORY + fuzz_below(pick, 4096);
        break;
    case 1:
        cmd->addr = UINT64_MAX - fuzz_below(pick, 8192);
        break;
    case 2:
        /* no memory of this machine, below 4 GiB */
        cmd->addr = 0xd0000000 + fuzz_below(pick, 4096);
        break;
    default:
        cmd->addr = (UINT64_C(1) << 63) + fuzz_below(pick, 8192);
        break;
    }
    cmd->astray = true;
}
