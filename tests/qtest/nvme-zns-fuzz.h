/*
 * Random commands to a zoned namespace, and what is known of its zones
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The model is the reference of the unit tests (tests/unit/zone-reference.h),
 * and beside it what each block holds.  Data that is written is a pattern made
 * of a stamp, which no other block of the run has.
 */

#ifndef NVME_ZNS_FUZZ_H
#define NVME_ZNS_FUZZ_H

#include "nvme-zns-drive.h"
#include "../unit/zone-reference.h"

/* What the model has to know beside the options of the drive */
typedef struct FuzzSpec {
    ZnsSpec drive;
    uint64_t zrwa_bytes;
    uint64_t zrwa_granularity_bytes;
    uint32_t max_zrwa_zones;
    uint32_t max_append_bytes;  /* of the image: with ZNS_QCOW2 alone */
    uint32_t meta_bytes;        /* of each block, behind its data */
    bool no_auto_close;
    bool cross_read;
    bool excursions;
    bool variable;              /* zoned.variable_capacity=on */
} FuzzSpec;

/* All of them: mdts=4, zoned.zasl=3 */
#define FUZZ_MDTS_BYTES (64 * 1024)
#define FUZZ_ZASL_BYTES (32 * 1024)

/* Where things are in the drive's buffer */
#define FUZZ_DATA_BYTES (832 * 1024)    /* of commands, from 0 on */
#define FUZZ_LOOK_BYTE  FUZZ_DATA_BYTES /* FUZZ_MDTS_BYTES to look at zones */
#define FUZZ_LIST_BYTE  (FUZZ_LOOK_BYTE + FUZZ_MDTS_BYTES)

/* A block that may hold anything; 0 stands for zeros */
#define FUZZ_UNKNOWN    UINT32_MAX
/* A command whose status nobody predicts, and that changes nothing */
#define FUZZ_ANY_STATUS UINT16_MAX

typedef struct FuzzModel {
    const ZnsDrive *drive;
    const FuzzSpec *spec;
    RefTable *ref;
    uint64_t nr_blocks;         /* of the namespace */
    uint32_t block_bytes;       /* as transferred: with metadata */
    uint32_t *stamps;           /* of each block */
    bool *deallocated;          /* each block may read as zeros instead */
    uint32_t *zdes;             /* the stamp of each zone's extension */
    uint32_t changed[ZNS_MAX_ZONES]; /* the Changed Zone List */
    uint32_t nr_changed;
} FuzzModel;

typedef struct FuzzCmd {
    ZnsQueueId queue;
    NvmeCmd entry;              /* but for identifier and PRPs */
    uint64_t addr;              /* of the data in guest memory */
    size_t bytes;               /* of data that PRPs are made for */
    uint32_t stamp;             /* of the first block of data */
    bool astray;                /* there is no memory at addr */
} FuzzCmd;

typedef struct FuzzExpected {
    uint16_t status;
    bool any_refusal;           /* another one will do */
    bool has_result;
    uint64_t result;
} FuzzExpected;

/* The model (nvme-zns-fuzz-model.c) */

FuzzModel *fuzz_model_new(const ZnsDrive *drive);
void fuzz_model_free(FuzzModel *model);

/* Does what the drive should have done, but for where addr leads nowhere */
FuzzExpected fuzz_apply(FuzzModel *model, const FuzzCmd *cmd);
/* Format NVM has completed */
void fuzz_apply_format(FuzzModel *model);
void fuzz_apply_power_cycle(FuzzModel *model);
/* QMP: true when it is to succeed.  A fault, or a Zone Active Excursion */
bool fuzz_apply_fault(FuzzModel *model, uint32_t zone_idx, ZoneEvent event);
/* The limits, 0 to 3, are those of what is set */
bool fuzz_apply_attributes(FuzzModel *model, uint32_t zone_idx, bool finish,
                           bool reset, uint8_t finish_limit,
                           uint8_t reset_limit, bool force);
bool fuzz_apply_capacity(FuzzModel *model, uint32_t zone_idx,
                         uint64_t capacity_bytes);

/* Blocks below the write pointer, or behind the last written in a ZRWA */
uint64_t fuzz_top(const FuzzModel *model, uint32_t zone_idx);
static inline uint32_t fuzz_zone_idx(const FuzzModel *model, uint64_t lba)
{
    return lba / model->ref->zone_blocks;
}
bool fuzz_in_range(const FuzzModel *model, uint64_t lba, uint64_t nr_blocks);
/* The status of a command that reads */
uint16_t fuzz_check_read(const FuzzModel *model, uint64_t lba,
                         uint32_t nr_blocks);
/* Fields of a command */
static inline uint64_t fuzz_slba(const NvmeCmd *entry)
{
    return (uint64_t)le32_to_cpu(entry->cdw11) << 32 |
           le32_to_cpu(entry->cdw10);
}
static inline uint32_t fuzz_nlb(const NvmeCmd *entry)
{
    return (le32_to_cpu(entry->cdw12) & 0xffff) + 1;
}

/* Of Format NVM: the format that the drive has */
uint32_t fuzz_format(const FuzzModel *model);

/* What the model holds (nvme-zns-fuzz-data.c) */

/* Fills the buffer as the command of Zone Management Receive does */
void fuzz_make_report(const FuzzModel *model, const NvmeCmd *entry,
                      uint8_t *data, size_t bytes);
/* The log page, 4096 bytes */
void fuzz_make_changed_list(const FuzzModel *model, uint8_t *page);
/* Patterns; bytes is a multiple of 8 */
void fuzz_put_stamp(void *block, size_t bytes, uint32_t stamp);
/* 0 for zeros, FUZZ_UNKNOWN for what is no pattern */
uint32_t fuzz_get_stamp(const void *block, size_t bytes);
/*
 * The first block that does not hold what the model has, or nr_blocks.  What is
 * found settles what has become of deallocated ones.
 */
uint32_t fuzz_find_wrong(FuzzModel *model, uint64_t lba, uint32_t nr_blocks,
                         const uint8_t *data);

/* Commands (nvme-zns-fuzz-pick.c) */

typedef struct FuzzPick {
    GRand *rand;
    const FuzzModel *model;
    uint32_t next_stamp;
    uint64_t guess[ZNS_MAX_ZONES]; /* where writes go on, in blocks */
    uint32_t max_blocks;        /* of one command that moves data */
} FuzzPick;

uint32_t fuzz_below(FuzzPick *pick, uint32_t limit);
/* Of the I/O queue: its data is at addr, of FUZZ_DATA_BYTES or max_blocks */
FuzzCmd fuzz_pick_io(FuzzPick *pick, uint64_t addr);
FuzzCmd fuzz_pick_admin(FuzzPick *pick, uint64_t addr);
/* Data pointers that lead nowhere, for a command that has data */
void fuzz_lead_astray(FuzzPick *pick, FuzzCmd *cmd);

/* Runs (nvme-zns-fuzz.c, nvme-zns-fuzz-batch.c) */

typedef struct FuzzRun {
    ZnsDrive *drive;
    FuzzModel *model;
    FuzzPick pick;
    bool broken;                /* the test has failed, and goes no further */
    char *name;                 /* for messages: how to have it again */
    unsigned nr_sent;
    unsigned nr_refused;
    unsigned nr_astray;
} FuzzRun;

/* Fails the test, once */
void fuzz_broken(FuzzRun *run, const FuzzCmd *cmd, const char *format, ...)
    G_GNUC_PRINTF(3, 4);
uint16_t fuzz_queue(FuzzRun *run, const FuzzCmd *cmd);
/* Reads a piece of at most FUZZ_MDTS_BYTES; the data, or NULL */
const uint8_t *fuzz_look(FuzzRun *run, uint64_t lba, uint32_t nr_blocks);
/* Many commands together, and what is known afterwards */
void fuzz_batch(FuzzRun *run);

#endif /* NVME_ZNS_FUZZ_H */
