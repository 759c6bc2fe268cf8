/*
 * QEMU dies under load: what is sent, and what is known of the zones
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef NVME_ZNS_KILL_H
#define NVME_ZNS_KILL_H

#include "nvme-zns-drive.h"

/*
 * A round uses groups of neighbours, whose words are in one sector; the groups
 * are in different ones.  The next round uses the zones behind them, so that
 * many rounds find zones that nobody has written yet.
 */
#define KILL_NR_GROUPS      3
#define KILL_GROUP_ZONES    8
#define KILL_GROUP_STEP     320
#define KILL_NR_ZONES       (KILL_NR_GROUPS * KILL_GROUP_STEP)
#define KILL_MAX_DEPTH      24

typedef enum KillAction {
    CMD_WRITE, CMD_APPEND, CMD_FLUSH, CMD_OPEN, CMD_CLOSE, CMD_RESET,
    CMD_FINISH, CMD_SET_ZDE, CMD__MAX,
} KillAction;

typedef struct KillZone KillZone;

typedef struct KillCommand {
    KillAction action;
    KillZone *zone;             /* NULL: a Flush, or all zones */
    uint32_t round;
    uint32_t number;            /* in the round, from 1 */
    uint64_t lba;
    uint32_t nr_blocks;
    uint16_t cid;
    bool fua;
    bool placed;                /* lba is known: that of an append is late */
    bool durable;
    unsigned nr_covered;        /* Flush and FUA: completed before it */
    unsigned completed_as;      /* a count from 1; 0: in flight */
} KillCommand;

struct KillZone {
    uint32_t idx;
    uint64_t start_lba;
    GPtrArray *writes;          /* and appends of this life, as sent */
    uint32_t nr_blocks;         /* of all of them */
    bool finished;
    bool active;
    const KillCommand *zde;
    KillAction kind;            /* of the writes in flight */
    uint32_t written_by;        /* the last write, and the last management, */
    uint32_t managed_by;        /* of this round; 0: none */
    const KillCommand *managing; /* in flight */
};

typedef struct KillRun {
    ZnsDrive *drive;
    GRand *rand;
    uint32_t seed;
    uint32_t round;
    GPtrArray *commands;        /* of all rounds: owns them */
    KillZone zones[KILL_NR_ZONES];
    uint32_t hot_idx;           /* the first zone of this round's first group */
    KillCommand *window[KILL_MAX_DEPTH];    /* in flight */
    unsigned depth;
    unsigned flush_percent;     /* of commands, and how many writes have FUA */
    uint32_t nr_sent;           /* in this round */
    KillCommand *alone;         /* Select All, in flight */
    unsigned nr_completed;      /* in all rounds */
    unsigned nr_flushed;        /* of these, those up to here are durable */
    unsigned nr_in_flight;      /* when QEMU died, in all rounds */
    unsigned nr_before;         /* zones as before management in flight */
    unsigned nr_after;          /* and as after it */
} KillRun;

/* The seed of a command's data, which names round and command */
uint32_t kill_stamp(const KillCommand *cmd);

/* What is known of a zone when all that was sent has completed */
bool kill_is_full(const KillRun *run, const KillZone *zone);
/* Select All leaves out zones in which its action is not possible */
bool kill_is_selected(const KillRun *run, const KillZone *zone,
                      const KillCommand *cmd);
/* Management has happened */
void kill_apply(KillZone *zone, const KillCommand *cmd);

/* Something is not as it has to be: the test has failed */
void kill_broken(const KillRun *run, const KillZone *zone, const char *format,
                 ...) G_GNUC_PRINTF(3, 4);
/* Compares what a new QEMU finds, and takes it for what is known */
void kill_check_zones(KillRun *run);

#endif /* NVME_ZNS_KILL_H */
