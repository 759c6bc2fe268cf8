/*
 * qtest of zoned namespaces: QEMU dies under load
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What it shows: contracts C1 to C5 of docs/devel/zone-store.rst when QEMU
 * alone dies with writes, appends, flushes and zone management in flight, and
 * that the image opens without repair.
 *
 * How: rounds on one image.  Each keeps up to 24 commands in flight, in 24
 * zones whose words are in three sectors, and ends QEMU:
 *
 *   most rounds  SIGKILL in the middle.  Writes that a Flush or FUA covers and
 *                management that has completed are found
 *   some         SIGKILL after a rest, when the commit interval has passed:
 *                all is found, flushed or not
 *   some         SIGTERM or "quit" in the middle: all that completed is found
 *
 * Then qemu-img check finds no corruption, a new QEMU opens the image, and each
 * zone is compared with what it was told: management in flight has happened or
 * not, below the write pointer is data of this life of the zone, in its place,
 * above it are zeros.  The next round goes on from there.
 *
 * Command n is sent when command n - depth has completed.  So the seed decides
 * which commands are sent, and in which zones nothing can be in flight:
 * management is sent to those, and nothing else to a zone that may have
 * management in flight.  A Select All is alone.  ZNS_KILLS in the environment
 * is the number of rounds; ZNS_SEED repeats the requests, but not the moment at
 * which QEMU dies.
 */

#include "qemu/osdep.h"
#include "qemu/bswap.h"
#include "qemu/units.h"
#include "block/zone-word.h"
#include "nvme-zns-kill.h"

#define DEFAULT_ROUNDS  3
#define MAX_COMMANDS    400
#define MAX_FLUSH_PERCENT 12
/* Guest memory of a command in flight */
#define SLOT_BYTES      (32 * KiB)
#define TIME_LIMIT_US   (30 * G_USEC_PER_SEC)
#define POLL_SLEEP_US   20

/* docs/interop/qcow2-zone.rst */
#define HEADER_BYTES            (64 * KiB)
#define HEADER_LENGTH_BYTE      100
#define ZONE_EXTENSION          0x5a4e5354
#define WORDS_OFFSET_BYTE       24

typedef enum Death {
    BY_KILL, BY_KILL_AFTER_REST, BY_SIGTERM, BY_QUIT,
} Death;

static uint32_t below(KillRun *run, uint32_t limit)
{
    return g_rand_int(run->rand) % limit;
}

static void apply_to_all(KillRun *run, const KillCommand *cmd)
{
    int i;

    for (i = 0; i < KILL_NR_ZONES; i++) {
        if (kill_is_selected(run, &run->zones[i], cmd)) {
            kill_apply(&run->zones[i], cmd);
        }
    }
}

/* Commands in flight */

static void complete(KillRun *run, KillCommand *cmd, ZnsReply reply)
{
    if (reply.status) {
        kill_broken(run, cmd->zone, "command %u, action %u at block %" PRIu64
                    " fails with status 0x%x", cmd->number, cmd->action,
                    cmd->lba, reply.status);
    }
    cmd->completed_as = ++run->nr_completed;
    run->window[cmd->number % run->depth] = NULL;
    if (cmd->action == CMD_APPEND) {
        cmd->lba = reply.result;
        cmd->placed = true;
    }
    if (cmd->action == CMD_FLUSH || cmd->fua) {
        run->nr_flushed = MAX(run->nr_flushed, cmd->nr_covered);
        cmd->durable = cmd->fua;
    }
    if (cmd == run->alone) {
        apply_to_all(run, cmd);
        run->alone = NULL;
    } else if (cmd->zone && cmd->zone->managing == cmd) {
        kill_apply(cmd->zone, cmd);
        cmd->zone->managing = NULL;
    }
}

/* Takes what has completed; returns how many have not */
static unsigned reap(KillRun *run)
{
    unsigned nr_left = 0;
    unsigned i;

    for (i = 0; i < run->depth; i++) {
        KillCommand *cmd = run->window[i];
        ZnsReply reply;

        if (cmd && zns_poll(run->drive->ctrl, ZNS_IO, cmd->cid, &reply)) {
            complete(run, cmd, reply);
        }
        nr_left += run->window[i] != NULL;
    }
    return nr_left;
}

static void wait_for(KillRun *run, unsigned slot)
{
    KillCommand *cmd = run->window[slot];

    if (cmd) {
        zns_ring(run->drive->ctrl, ZNS_IO);
        complete(run, cmd, zns_wait(run->drive->ctrl, ZNS_IO, cmd->cid));
        reap(run);
    }
}

static void drain(KillRun *run)
{
    unsigned i;

    for (i = 0; i < run->depth; i++) {
        wait_for(run, i);
    }
}

/* Sending */

static NvmeCmd encode(const KillCommand *cmd)
{
    static const uint8_t opcodes[CMD__MAX] = {
        [CMD_WRITE] = NVME_CMD_WRITE,
        [CMD_APPEND] = NVME_CMD_ZONE_APPEND,
        [CMD_FLUSH] = NVME_CMD_FLUSH,
        [CMD_OPEN ... CMD_SET_ZDE] = NVME_CMD_ZONE_MGMT_SEND,
    };
    static const uint32_t sends[CMD__MAX] = {
        [CMD_OPEN] = NVME_ZONE_ACTION_OPEN,
        [CMD_CLOSE] = NVME_ZONE_ACTION_CLOSE,
        [CMD_RESET] = NVME_ZONE_ACTION_RESET,
        [CMD_FINISH] = NVME_ZONE_ACTION_FINISH,
        [CMD_SET_ZDE] = NVME_ZONE_ACTION_SET_ZD_EXT,
    };
    NvmeCmd entry = zns_rw_cmd(opcodes[cmd->action], cmd->lba,
                               MAX(cmd->nr_blocks, 1));

    if (cmd->fua) {
        entry.cdw12 |= cpu_to_le32((uint32_t)NVME_RW_FUA << 16);
    }
    entry.cdw13 = cpu_to_le32(sends[cmd->action]);
    if (sends[cmd->action] && !cmd->zone) {
        entry.cdw13 |= cpu_to_le32(ZNS_SELECT_ALL);
    }
    return entry;
}

/* The next command: its place in the window is free when it comes to that */
static KillCommand *new_command(KillRun *run, KillAction action, KillZone *zone)
{
    KillCommand *cmd = g_new0(KillCommand, 1);

    *cmd = (KillCommand) {
        .action = action,
        .zone = zone,
        .round = run->round,
        .number = ++run->nr_sent,
        .lba = zone ? zone->start_lba : 0,
    };
    g_ptr_array_add(run->commands, cmd);
    return cmd;
}

static void send_command(KillRun *run, KillCommand *cmd)
{
    ZnsDrive *drive = run->drive;
    unsigned slot = cmd->number % run->depth;
    uint64_t addr = drive->buf_addr + slot * SLOT_BYTES;
    uint32_t block_bytes = drive->spec->block_bytes;
    NvmeCmd entry = encode(cmd);
    size_t data_bytes = cmd->nr_blocks * block_bytes;

    if (cmd->action == CMD_SET_ZDE) {
        data_bytes = drive->spec->zde_bytes;
    }
    if (data_bytes) {
        zns_put_pattern(drive, addr, DIV_ROUND_UP(data_bytes, block_bytes),
                        kill_stamp(cmd));
    }
    cmd->nr_covered = run->nr_completed;
    cmd->cid = zns_queue_cmd(drive->ctrl, ZNS_IO, &entry, addr, data_bytes);
    run->window[slot] = cmd;
}

/* True when nothing up to that command of this round can be in flight */
static bool has_completed(const KillRun *run, uint32_t number)
{
    return !number || number + run->depth <= run->nr_sent + 1;
}

static void send_write(KillRun *run, KillZone *zone)
{
    static const uint8_t lengths[] = { 1, 1, 2, 8, 8, 8, 32, 64 };
    uint32_t nr_blocks = lengths[below(run, ARRAY_SIZE(lengths))];
    KillAction kind = below(run, 2) ? CMD_WRITE : CMD_APPEND;
    KillCommand *cmd;

    /* where a write goes is known when no append is in flight */
    if (has_completed(run, zone->written_by)) {
        zone->kind = kind;
    }
    cmd = new_command(run, zone->kind, zone);
    cmd->nr_blocks = MIN(nr_blocks,
                         run->drive->capacity_blocks - zone->nr_blocks);
    cmd->fua = below(run, 100) < run->flush_percent;
    cmd->placed = zone->kind == CMD_WRITE;
    if (cmd->placed) {
        cmd->lba += zone->nr_blocks;
    }
    g_ptr_array_add(zone->writes, cmd);
    zone->nr_blocks += cmd->nr_blocks;
    zone->active = !kill_is_full(run, zone);
    zone->written_by = cmd->number;
    send_command(run, cmd);
}

static KillAction pick_management(KillRun *run, const KillZone *zone)
{
    static const KillAction actions[] = {
        CMD_RESET, CMD_RESET, CMD_FINISH, CMD_OPEN, CMD_CLOSE,
    };
    KillAction action = actions[below(run, ARRAY_SIZE(actions))];

    if (kill_is_full(run, zone)) {
        return CMD_RESET;
    }
    if (!zone->active && (action == CMD_CLOSE || action == CMD_RESET)) {
        return CMD_SET_ZDE;
    }
    return action;
}

static void send_management(KillRun *run, KillZone *zone)
{
    KillCommand *cmd = new_command(run, pick_management(run, zone), zone);

    zone->managing = cmd;
    zone->managed_by = cmd->number;
    send_command(run, cmd);
}

static void send_select_all(KillRun *run)
{
    drain(run);
    run->alone = new_command(run, below(run, 3) ? CMD_RESET : CMD_FINISH, NULL);
    send_command(run, run->alone);
}

/* One that takes a command now; NULL when there is none after some tries */
static KillZone *pick_zone(KillRun *run)
{
    int tries;

    for (tries = 0; tries < 8; tries++) {
        uint32_t group = below(run, KILL_NR_GROUPS);
        KillZone *zone = &run->zones[run->hot_idx + group * KILL_GROUP_STEP +
                                     below(run, KILL_GROUP_ZONES)];

        if (has_completed(run, zone->managed_by) &&
            (!kill_is_full(run, zone) ||
             has_completed(run, zone->written_by))) {
            return zone;
        }
    }
    return NULL;
}

static void send_something(KillRun *run)
{
    KillZone *zone = pick_zone(run);
    unsigned dice = below(run, 100);

    if (!zone || dice < run->flush_percent) {
        send_command(run, new_command(run, CMD_FLUSH, NULL));
    } else if (dice == 99) {
        send_select_all(run);
    } else if (has_completed(run, zone->written_by) &&
               (kill_is_full(run, zone) || dice < 45)) {
        send_management(run, zone);
    } else {
        send_write(run, zone);
    }
}

static void send_many(KillRun *run, unsigned nr_commands, bool ring_at_once)
{
    while (nr_commands-- && !g_test_failed()) {
        if (run->alone) {
            drain(run);
        }
        wait_for(run, (run->nr_sent + 1) % run->depth);
        send_something(run);
        if (ring_at_once && below(run, 4) == 0) {
            zns_ring(run->drive->ctrl, ZNS_IO);
            reap(run);
        }
    }
}

/* Ends with as many commands in flight as may be, or with a Select All */
static void load(KillRun *run)
{
    send_many(run, below(run, MAX_COMMANDS), true);
    drain(run);
    if (below(run, 8) == 0) {
        send_select_all(run);
    } else {
        send_many(run, run->depth, false);
    }
    zns_ring(run->drive->ctrl, ZNS_IO);
}

/* The end of QEMU */

static void load_words(const ZnsDrive *drive, uint64_t *words)
{
    g_autofree uint8_t *header = g_malloc0(HEADER_BYTES);
    size_t words_bytes = drive->nr_zones * sizeof(*words);
    int fd = open(drive->image, O_RDONLY);
    uint64_t at;
    uint32_t i;

    g_assert_cmpint(fd, >=, 0);
    g_assert_cmpint(pread(fd, header, HEADER_BYTES, 0), ==, HEADER_BYTES);
    at = ldl_be_p(header + HEADER_LENGTH_BYTE);
    while (at < HEADER_BYTES / 2 && ldl_be_p(header + at) != ZONE_EXTENSION) {
        at += 8 + ROUND_UP(ldl_be_p(header + at + 4), 8);
    }
    g_assert_cmphex(ldl_be_p(header + at), ==, ZONE_EXTENSION);
    at = ldq_be_p(header + at + 8 + WORDS_OFFSET_BYTE);
    g_assert_cmpint(pread(fd, words, words_bytes, at), ==, words_bytes);
    close(fd);
    for (i = 0; i < drive->nr_zones; i++) {
        words[i] = be64_to_cpu(words[i]);
    }
}

static bool all_is_stored(KillRun *run)
{
    ZnsDrive *drive = run->drive;
    g_autofree uint64_t *words = g_new(uint64_t, drive->nr_zones);
    int i;

    load_words(drive, words);
    for (i = 0; i < KILL_NR_ZONES; i++) {
        const KillZone *zone = &run->zones[i];
        uint64_t wp_blocks = zone->start_lba + zone->nr_blocks;

        if (zone_word_wp_bytes(words[zone->idx]) !=
            wp_blocks * drive->spec->block_bytes) {
            return false;
        }
    }
    return true;
}

/* Nobody flushes: QEMU stores all of it by itself */
static void rest(KillRun *run)
{
    int64_t end_us = g_get_monotonic_time() + TIME_LIMIT_US;

    drain(run);
    while (!all_is_stored(run)) {
        if (g_get_monotonic_time() > end_us) {
            kill_broken(run, NULL, "C5: words are not stored long after the "
                        "commit interval");
            return;
        }
        g_usleep(10 * 1000);
    }
}

/* Up to 0.8 ms, mostly short: a command takes some tenths of that */
static void go_on_for_a_moment(KillRun *run)
{
    unsigned x = below(run, 28);
    int64_t end_us = g_get_monotonic_time() + x * x;

    while (g_get_monotonic_time() < end_us && reap(run)) {
        g_usleep(POLL_SLEEP_US);
    }
}

static Death pick_death(KillRun *run)
{
    static const Death deaths[] = {
        BY_KILL_AFTER_REST, BY_SIGTERM, BY_QUIT,
    };
    unsigned dice = below(run, 15);

    return dice < ARRAY_SIZE(deaths) ? deaths[dice] : BY_KILL;
}

static void end_qemu(KillRun *run, Death death)
{
    switch (death) {
    case BY_KILL:
        go_on_for_a_moment(run);
        run->nr_in_flight += reap(run);
        zns_kill(run->drive);
        break;
    case BY_KILL_AFTER_REST:
        rest(run);
        run->nr_flushed = run->nr_completed;
        zns_kill(run->drive);
        break;
    case BY_SIGTERM:
        run->nr_flushed = run->nr_completed;
        zns_terminate(run->drive);
        break;
    case BY_QUIT:
        run->nr_flushed = run->nr_completed;
        zns_quit(run->drive);
        break;
    }
}

/* Rounds */

/* The interval is short, to have more commits that nobody asked for */
#define KILL_SPEC \
    .device_bytes = (uint64_t)KILL_NR_ZONES * 128 * KiB, \
    .zone_bytes = 128 * KiB, \
    .capacity_bytes = 104 * KiB, \
    .zde_bytes = 64, \
    .block_bytes = 512, \
    .image_options = ",cluster_size=16k"

static const ZnsSpec spec_kill = {
    KILL_SPEC,
    .drive_options = ",zone-commit-interval=50",
};

static const ZnsSpec spec_kill_discard = {
    KILL_SPEC,
    .drive_options = ",zone-commit-interval=50,discard=unmap",
};

static void play_round(KillRun *run)
{
    Death death;

    g_rand_set_seed(run->rand, run->seed + run->round);
    run->hot_idx = run->round * KILL_GROUP_ZONES % KILL_GROUP_STEP;
    run->nr_sent = 0;
    run->depth = 1 + below(run, KILL_MAX_DEPTH);
    run->flush_percent = below(run, MAX_FLUSH_PERCENT + 1);
    death = pick_death(run);
    load(run);
    end_qemu(run, death);
    g_assert_true(zns_check_image(run->drive));
    run->drive->spec = below(run, 2) ? &spec_kill : &spec_kill_discard;
    zns_boot(run->drive);
    kill_check_zones(run);
    memset(run->window, 0, sizeof(run->window));
    run->alone = NULL;
}

static KillRun *run_new(ZnsDrive *drive)
{
    KillRun *run = g_new0(KillRun, 1);
    uint32_t i;

    run->drive = drive;
    run->seed = zns_pick_seed();
    run->rand = g_rand_new_with_seed(run->seed);
    run->commands = g_ptr_array_new_with_free_func(g_free);
    for (i = 0; i < KILL_NR_ZONES; i++) {
        run->zones[i].idx = i;
        run->zones[i].start_lba = zns_lba(drive, i);
        run->zones[i].writes = g_ptr_array_new();
    }
    return run;
}

static void run_free(KillRun *run)
{
    int i;

    for (i = 0; i < KILL_NR_ZONES; i++) {
        g_ptr_array_unref(run->zones[i].writes);
    }
    g_ptr_array_unref(run->commands);
    g_rand_free(run->rand);
    g_free(run);
}

static void under_load(ZnsDrive *drive)
{
    const char *text = getenv("ZNS_KILLS");
    uint32_t nr_rounds = text ? g_ascii_strtoull(text, NULL, 0)
                              : DEFAULT_ROUNDS;
    KillRun *run = run_new(drive);

    drive->may_leak = true;
    while (run->round < nr_rounds && !g_test_failed()) {
        run->round++;
        play_round(run);
    }
    if (g_test_failed()) {
        g_test_message("QTEST_QEMU_BINARY=%s QTEST_QEMU_IMG=%s ZNS_SEED=%u "
                       "ZNS_KILLS=%u tests/zone/nvme-zns-test -p "
                       "/%s/nvme-zns/qcow2/kill/under-load repeats this",
                       getenv("QTEST_QEMU_BINARY"), getenv("QTEST_QEMU_IMG"),
                       run->seed, run->round, qtest_get_arch());
    }
    g_test_message("%u rounds: %u commands completed, %u were in flight; "
                   "%u zones as before the management in flight, %u as after",
                   run->round, run->nr_completed, run->nr_in_flight,
                   run->nr_before, run->nr_after);
    run_free(run);
}

const ZnsTest zns_kill_tests[] = {
    { "kill/under-load", under_load, ZNS_QCOW2, &spec_kill },
    { }
};
