/*
 * qtest of zoned namespaces: random commands beside a model of the zones
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What it shows: whatever the host sends, the status of each command, the
 * state, write pointer and attributes of each zone, and the data are those of a
 * reference model that knows the rules alone; and commands in flight together
 * leave zones that some order of them can leave.
 *
 * How: fuzz/one-by-one/... sends one command at a time, with a report of all
 * zones behind each, reads some zones now and then, and all of them in the end,
 * after a restart as well.  fuzz/in-flight/... sends many together, looks at
 * what they have made of the zones, and goes on from there.  The reference is
 * that of the unit tests.  Guest memory is mapped, so that a command and a
 * report are one message to QEMU.
 *
 * ZNS_FUZZ_COMMANDS says how many commands each test sends.  ZNS_SEED repeats a
 * run; one by one, it is the same command for command.
 */

#include "qemu/osdep.h"
#include "qemu/bswap.h"
#include "qemu/units.h"
#include "qobject/qdict.h"
#include "nvme-zns-fuzz.h"

#define DEFAULT_COMMANDS    1000
/* A drive is used for so many, then there is a new one */
#define EPISODE_COMMANDS    10000
#define GUARD_BYTES         64
#define GUARD_BYTE          0xa5
#define LOG_BYTES           4096
/* From one look at the data of some zone to the next */
#define LOOK_COMMANDS       16
/* Zones that may fail for good: the last of each so many */
#define FAIL_STEP           4

void fuzz_broken(FuzzRun *run, const FuzzCmd *cmd, const char *format, ...)
{
    g_autofree char *text = NULL;
    va_list args;

    if (run->broken) {
        return;
    }
    va_start(args, format);
    text = g_strdup_vprintf(format, args);
    va_end(args);
    if (cmd) {
        const NvmeCmd *entry = &cmd->entry;

        g_test_message("%s command 0x%02x, flags 0x%02x, namespace 0x%x, dwords"
                       " 0x%x 0x%x 0x%x 0x%x 0x%x 0x%x, data at 0x%" PRIx64
                       ", stamp %u", cmd->queue == ZNS_ADMIN ? "admin" : "I/O",
                       entry->opcode, entry->flags, le32_to_cpu(entry->nsid),
                       le32_to_cpu(entry->cdw10), le32_to_cpu(entry->cdw11),
                       le32_to_cpu(entry->cdw12), le32_to_cpu(entry->cdw13),
                       le32_to_cpu(entry->cdw14), le32_to_cpu(entry->cdw15),
                       cmd->addr, cmd->stamp);
    }
    g_test_message("%s, behind command %u: %s", run->name, run->nr_sent, text);
    g_test_fail();
    run->broken = true;
}

static uint8_t *data_of(const FuzzRun *run, const FuzzCmd *cmd)
{
    return run->drive->memory + cmd->addr;
}

uint16_t fuzz_queue(FuzzRun *run, const FuzzCmd *cmd)
{
    return zns_queue_cmd(run->drive->ctrl, cmd->queue, &cmd->entry, cmd->addr,
                         cmd->bytes);
}

/* Looking at zones */

const uint8_t *fuzz_look(FuzzRun *run, uint64_t lba, uint32_t nr_blocks)
{
    ZnsDrive *drive = run->drive;
    NvmeCmd read = zns_rw_cmd(NVME_CMD_READ, lba, nr_blocks);
    uint64_t addr = drive->buf_addr + FUZZ_LOOK_BYTE;
    size_t bytes = nr_blocks * run->model->block_bytes;

    memset(drive->memory + addr, GUARD_BYTE, bytes);
    if (zns_exec(drive->ctrl, ZNS_IO, &read, addr, bytes).status) {
        return NULL;
    }
    return drive->memory + addr;
}

static void check_data(FuzzRun *run, uint32_t zone_idx)
{
    FuzzModel *model = run->model;
    uint64_t lba = zone_idx * model->ref->zone_blocks;
    uint64_t end = lba + model->ref->zone_blocks;
    uint32_t nr_blocks, wrong;

    if (model->ref->zones[zone_idx].state == ZONE_STATE_OFFLINE) {
        return;
    }
    for (; lba < end; lba += nr_blocks) {
        const uint8_t *data;

        nr_blocks = MIN(end - lba, FUZZ_MDTS_BYTES / model->block_bytes);
        data = fuzz_look(run, lba, nr_blocks);
        if (!data) {
            fuzz_broken(run, NULL, "zone %u cannot be read", zone_idx);
            return;
        }
        wrong = fuzz_find_wrong(model, lba, nr_blocks, data);
        if (wrong < nr_blocks) {
            fuzz_broken(run, NULL, "block %" PRIu64 " of zone %u has %x "
                        "instead of %x",
                        (lba + wrong) % model->ref->zone_blocks, zone_idx,
                        fuzz_get_stamp(data + wrong * model->block_bytes,
                                       model->block_bytes),
                        model->stamps[lba + wrong]);
            return;
        }
    }
}

static FuzzCmd make_report_cmd(const FuzzRun *run, bool extended)
{
    uint32_t zde_bytes = extended ? run->model->ref->g.zd_extension_bytes : 0;
    size_t bytes = 64 + run->drive->nr_zones * (64 + zde_bytes);
    FuzzCmd cmd = {
        .queue = ZNS_IO,
        .entry = zns_rw_cmd(NVME_CMD_ZONE_MGMT_RECV, 0, bytes / 4),
        .addr = run->drive->buf_addr + FUZZ_LIST_BYTE,
        .bytes = bytes,
    };

    cmd.entry.cdw13 = cpu_to_le32(extended ? NVME_ZONE_REPORT_EXTENDED
                                           : NVME_ZONE_REPORT);
    return cmd;
}

static void compare_report(FuzzRun *run, const FuzzCmd *report)
{
    g_autofree uint8_t *expected = g_malloc(report->bytes);
    const uint8_t *data = data_of(run, report);
    size_t i;

    fuzz_make_report(run->model, &report->entry, expected, report->bytes);
    for (i = 0; i < report->bytes && data[i] == expected[i]; i++) {
        /* look */
    }
    if (i < report->bytes) {
        size_t at = i & ~63ul;

        fuzz_broken(run, report, "byte %zu of the report, 64 bytes: state 0x%x,"
                    " attributes 0x%x, start 0x%" PRIx64 ", write pointer 0x%"
                    PRIx64 "; expected 0x%x, 0x%x, 0x%" PRIx64 ", 0x%" PRIx64,
                    i, data[at + 1] >> 4, data[at + 2],
                    ldq_le_p(data + at + 16), ldq_le_p(data + at + 24),
                    expected[at + 1] >> 4,
                    expected[at + 2], ldq_le_p(expected + at + 16),
                    ldq_le_p(expected + at + 24));
    }
}

static void check_report(FuzzRun *run, bool extended)
{
    FuzzCmd report = make_report_cmd(run, extended);
    uint16_t cid = fuzz_queue(run, &report);
    uint16_t status;

    zns_ring(run->drive->ctrl, ZNS_IO);
    status = zns_wait(run->drive->ctrl, ZNS_IO, cid).status;
    if (status) {
        fuzz_broken(run, &report, "report: status 0x%x", status);
    } else {
        compare_report(run, &report);
    }
}

static void check_everything(FuzzRun *run)
{
    uint32_t i;

    check_report(run, run->model->ref->g.zd_extension_bytes);
    for (i = 0; i < run->drive->nr_zones && !run->broken; i++) {
        check_data(run, i);
    }
}

/* One command */

static bool is_transfer_error(uint16_t status)
{
    return status == NVME_DATA_TRAS_ERROR ||
           status == NVME_INTERNAL_DEV_ERROR ||
           status == NVME_INVALID_USE_OF_CMB ||
           status == NVME_INVALID_PRP_OFFSET;
}

/* What the command has put into guest memory, and nothing behind it */
static void check_answer(FuzzRun *run, const FuzzCmd *cmd,
                         const uint8_t *page)
{
    const uint8_t *data = data_of(run, cmd);
    g_autofree uint8_t *expected = NULL;
    size_t bytes = cmd->bytes, i;

    if (cmd->queue == ZNS_ADMIN) {
        uint32_t offset = le32_to_cpu(cmd->entry.cdw12);

        bytes = MIN(bytes, LOG_BYTES - offset);
        if (memcmp(data, page + offset, bytes)) {
            fuzz_broken(run, cmd, "another Changed Zone List");
        }
    } else if (cmd->entry.opcode == NVME_CMD_ZONE_MGMT_RECV) {
        expected = g_malloc(bytes);
        fuzz_make_report(run->model, &cmd->entry, expected, bytes);
        if (memcmp(data, expected, bytes)) {
            fuzz_broken(run, cmd, "another report");
        }
    } else {
        uint32_t nr_blocks = fuzz_nlb(&cmd->entry);
        uint32_t wrong = fuzz_find_wrong(run->model, fuzz_slba(&cmd->entry),
                                         nr_blocks, data);

        if (wrong < nr_blocks) {
            fuzz_broken(run, cmd, "block %u has other data", wrong);
        }
    }
    for (i = 0; i < GUARD_BYTES; i++) {
        if (data[bytes + i] != GUARD_BYTE) {
            fuzz_broken(run, cmd, "more data than asked for");
            break;
        }
    }
}

static bool has_answer(const FuzzCmd *cmd)
{
    return cmd->queue == ZNS_ADMIN
        ? cmd->entry.opcode == NVME_ADM_CMD_GET_LOG_PAGE
        : cmd->entry.opcode == NVME_CMD_READ ||
          cmd->entry.opcode == NVME_CMD_ZONE_MGMT_RECV;
}

static void check_reply(FuzzRun *run, FuzzCmd *cmd, ZnsReply reply)
{
    uint8_t page[LOG_BYTES];
    FuzzExpected expected;

    run->nr_sent++;
    run->nr_refused += reply.status != NVME_SUCCESS;
    run->nr_astray += cmd->astray;
    if (cmd->astray) {
        if (is_transfer_error(reply.status)) {
            return;
        }
        cmd->stamp = FUZZ_UNKNOWN;
    }
    fuzz_make_changed_list(run->model, page);
    expected = fuzz_apply(run->model, cmd);
    if (expected.status == FUZZ_ANY_STATUS) {
        return;
    }
    if (reply.status != expected.status &&
        !(expected.any_refusal && expected.status && reply.status)) {
        fuzz_broken(run, cmd, "status 0x%x instead of 0x%x", reply.status,
                    expected.status);
    } else if (expected.has_result && reply.result != expected.result) {
        fuzz_broken(run, cmd, "result 0x%" PRIx64 " instead of 0x%" PRIx64,
                    reply.result, expected.result);
    } else if (!reply.status && has_answer(cmd) && !cmd->astray) {
        check_answer(run, cmd, page);
    }
}

/* With a report before it, of what the last one has left */
static void send_one(FuzzRun *run, FuzzCmd *cmd)
{
    ZnsCtrl *ctrl = run->drive->ctrl;
    FuzzCmd report = make_report_cmd(run, false);
    uint16_t report_cid, cid;

    if (has_answer(cmd) && !cmd->astray) {
        memset(data_of(run, cmd), GUARD_BYTE, cmd->bytes + GUARD_BYTES);
    }
    report_cid = fuzz_queue(run, &report);
    if (cmd->queue != ZNS_IO) {
        zns_ring(ctrl, ZNS_IO);
    }
    cid = fuzz_queue(run, cmd);
    zns_ring(ctrl, cmd->queue);
    if (zns_wait(ctrl, ZNS_IO, report_cid).status) {
        fuzz_broken(run, &report, "report refused");
        return;
    }
    compare_report(run, &report);
    check_reply(run, cmd, zns_wait(ctrl, cmd->queue, cid));
}

/* Rare events */

static void expect_qmp(FuzzRun *run, QDict *response, bool success,
                       const char *what)
{
    if (qdict_haskey(response, "error") == success) {
        fuzz_broken(run, NULL, "QMP: %s should %s", what,
                    success ? "succeed" : "fail");
    }
    qobject_unref(response);
}

/* Zones that come back are in danger everywhere, others where they may be */
static void send_fault(FuzzRun *run)
{
    static const struct {
        const char *state;
        ZoneEvent event;
    } faults[] = {
        { "full", ZONE_EVENT_EXCURSION },
        { "full", ZONE_EVENT_EXCURSION },
        { "read-only", ZONE_EVENT_FAULT_READ_ONLY },
        { "offline", ZONE_EVENT_FAULT_OFFLINE },
    };
    uint32_t kind = fuzz_below(&run->pick, ARRAY_SIZE(faults));
    uint32_t zone_idx = fuzz_below(&run->pick, run->drive->nr_zones);
    QDict *response;

    if (faults[kind].event != ZONE_EVENT_EXCURSION) {
        zone_idx = MIN(zone_idx | (FAIL_STEP - 1), run->drive->nr_zones - 1);
    }
    response = qtest_qmp(run->drive->qts,
        "{ 'execute': 'block-zone-set-state', 'arguments': "
        "{ 'node-name': 'zns0', 'zone': %u, 'state': %s } }", zone_idx,
        faults[kind].state);
    expect_qmp(run, response,
               fuzz_apply_fault(run->model, zone_idx, faults[kind].event),
               "block-zone-set-state");
}

static void send_attributes(FuzzRun *run)
{
    FuzzPick *pick = &run->pick;
    uint32_t zone_idx = fuzz_below(pick, run->drive->nr_zones);
    bool finish = fuzz_below(pick, 2), reset = fuzz_below(pick, 2);
    bool force = fuzz_below(pick, 2);
    bool limits = run->model->spec->variable;
    uint8_t finish_limit = limits && finish ? fuzz_below(pick, 4) : 0;
    uint8_t reset_limit = limits && reset ? fuzz_below(pick, 4) : 0;
    QDict *response;

    response = qtest_qmp(run->drive->qts,
        "{ 'execute': 'block-zone-set-attributes', 'arguments': "
        "{ 'node-name': 'zns0', 'zone': %u, 'finish-recommended': %i, "
        "'reset-recommended': %i, 'finish-limit': %u, 'reset-limit': %u, "
        "'force': %i } }", zone_idx, finish, reset, finish_limit, reset_limit,
        force);
    expect_qmp(run, response,
               fuzz_apply_attributes(run->model, zone_idx, finish, reset,
                                     finish_limit, reset_limit, force),
               "block-zone-set-attributes");
}

static void send_capacity(FuzzRun *run)
{
    FuzzPick *pick = &run->pick;
    const ZoneGeometry *g = &run->model->ref->g;
    uint32_t zone_idx = fuzz_below(pick, run->drive->nr_zones);
    uint64_t less_bytes = fuzz_below(pick, 6) * g->capacity_step_bytes +
                          (fuzz_below(pick, 8) ? 0 : 512);
    QDict *response;

    response = qtest_qmp(run->drive->qts,
        "{ 'execute': 'block-zone-set-capacity', 'arguments': "
        "{ 'node-name': 'zns0', 'zone': %u, 'capacity': %" PRIu64 " } }",
        zone_idx, g->capacity_bytes - less_bytes);
    expect_qmp(run, response,
               fuzz_apply_capacity(run->model, zone_idx,
                                   g->capacity_bytes - less_bytes),
               "block-zone-set-capacity");
}

static void send_format(FuzzRun *run)
{
    FuzzPick *pick = &run->pick;
    /* With metadata, protection would be another format that there is */
    bool other = fuzz_below(pick, 3) == 0 && !run->model->spec->meta_bytes;
    FuzzCmd cmd = {
        .queue = ZNS_ADMIN,
        .entry.opcode = NVME_ADM_CMD_FORMAT_NVM,
        .entry.nsid = cpu_to_le32(fuzz_below(pick, 3) ? 1 :
                                  fuzz_below(pick, 3) - 1),
        .entry.cdw10 = cpu_to_le32(other ? fuzz_below(pick, 16) |
                                           fuzz_below(pick, 4) << 5 :
                                           fuzz_format(run->model)),
        .addr = run->drive->buf_addr,
    };

    send_one(run, &cmd);
}

static void send_rare(FuzzRun *run)
{
    switch (fuzz_below(&run->pick, run->model->spec->variable ? 10 : 8)) {
    case 0:
        send_fault(run);
        break;
    case 8:
    case 9:
        send_capacity(run);
        break;
    case 1:
    case 2:
    case 3:
    case 4:
        send_attributes(run);
        break;
    case 5:
        send_format(run);
        break;
    case 6:
        zns_ctrl_reset(run->drive->ctrl);
        break;
    default:
        zns_ctrl_shutdown(run->drive->ctrl);
        fuzz_apply_power_cycle(run->model);
        break;
    }
    run->nr_sent++;
}

static void guess_from_model(FuzzRun *run)
{
    uint32_t i;

    for (i = 0; i < run->drive->nr_zones; i++) {
        run->pick.guess[i] = fuzz_top(run->model, i);
    }
}

static bool may_be_astray(const FuzzCmd *cmd)
{
    switch (cmd->entry.opcode) {
    case NVME_CMD_READ:
    case NVME_CMD_WRITE:
    case NVME_CMD_ZONE_APPEND:
    case NVME_CMD_COMPARE:
    case NVME_CMD_ZONE_MGMT_RECV:
        return cmd->queue == ZNS_IO && cmd->bytes;
    default:
        return false;
    }
}

static void step(FuzzRun *run)
{
    FuzzPick *pick = &run->pick;
    uint64_t addr = run->drive->buf_addr;
    FuzzCmd cmd;

    guess_from_model(run);
    pick->max_blocks = FUZZ_MDTS_BYTES / run->model->block_bytes;
    if (fuzz_below(pick, 150) == 0) {
        send_rare(run);
        return;
    }
    cmd = fuzz_below(pick, 30) ? fuzz_pick_io(pick, addr)
                               : fuzz_pick_admin(pick, addr);
    if (may_be_astray(&cmd) && fuzz_below(pick, 40) == 0) {
        fuzz_lead_astray(pick, &cmd);
    }
    send_one(run, &cmd);
    if (run->nr_sent % LOOK_COMMANDS == 0 && !run->broken) {
        check_data(run, fuzz_below(pick, run->drive->nr_zones));
    }
}

/* Runs */

static void run_begin(FuzzRun *run, ZnsDrive *drive, uint32_t seed,
                      bool in_flight)
{
    *run = (FuzzRun) {
        .drive = drive,
        .model = fuzz_model_new(drive),
        .name = g_strdup_printf("ZNS_SEED=%u %s", seed,
                                in_flight ? "in flight" : "one by one"),
        .pick.rand = g_rand_new_with_seed(seed),
        .pick.next_stamp = 2,
    };
    run->pick.model = run->model;
}

/* QEMU ends; what a zoned image keeps is compared once more */
static void run_end(FuzzRun *run)
{
    if (!run->broken) {
        check_everything(run);
    }
    if (!run->broken && run->drive->kind == ZNS_QCOW2) {
        zns_restart(run->drive);
        fuzz_apply_power_cycle(run->model);
        check_everything(run);
    }
    fuzz_model_free(run->model);
    g_rand_free(run->pick.rand);
    g_free(run->name);
}

/* False when the test has failed */
static bool run_episode(ZnsDrive *drive, uint32_t seed, unsigned nr_commands,
                        bool in_flight)
{
    int64_t start_us = g_get_monotonic_time();
    FuzzRun run;

    g_test_message("ZNS_SEED=%u, %u commands", seed, nr_commands);
    run_begin(&run, drive, seed, in_flight);
    while (run.nr_sent < nr_commands && !run.broken) {
        if (in_flight && fuzz_below(&run.pick, 6) == 0) {
            fuzz_batch(&run);
        } else {
            step(&run);
        }
    }
    run_end(&run);
    g_test_message("%u commands, %u refused, %u with pointers astray, %.1f s",
                   run.nr_sent, run.nr_refused, run.nr_astray,
                   (g_get_monotonic_time() - start_us) / 1e6);
    return !run.broken;
}

/* On a drive of its own */
static bool run_again(const ZnsDrive *like, uint32_t seed,
                      unsigned nr_commands, bool in_flight)
{
    ZnsDrive *drive = zns_drive_new(like->spec, like->kind);
    bool good = drive && run_episode(drive, seed, nr_commands, in_flight);

    if (drive) {
        zns_drive_free(drive);
    }
    return good;
}

/* Drives */

#define FUZZ_CTRL_OPTIONS \
    ",mdts=4,zoned.zasl=3,x-max-bounce-buffer-size=16M"

static const FuzzSpec spec_limits = {
    .drive = {
        .device_bytes = 16 * 128 * KiB,
        .zone_bytes = 128 * KiB,
        .capacity_bytes = 104 * KiB,
        .max_open_zones = 3,
        .max_active_zones = 5,
        .zde_bytes = 64,
        .block_bytes = 512,
        .image_options = ",cluster_size=16k",
        .ctrl_options = FUZZ_CTRL_OPTIONS,
        .ns_options = ",zoned.excursions=on",
        .map_memory = true,
    },
    .excursions = true,
};

static const FuzzSpec spec_zrwa = {
    .drive = {
        .device_bytes = 12 * 128 * KiB,
        .zone_bytes = 128 * KiB,
        .capacity_bytes = 104 * KiB,
        .max_open_zones = 4,
        .max_active_zones = 6,
        .zde_bytes = 64,
        .block_bytes = 512,
        .image_options = ",cluster_size=16k",
        .ctrl_options = FUZZ_CTRL_OPTIONS,
        .ns_options = ",zoned.zrwas=16384,zoned.zrwafg=4096,zoned.numzrwa=2"
                      ",zoned.excursions=on",
        .drive_options = ",discard=unmap",
        .map_memory = true,
    },
    .excursions = true,
    .zrwa_bytes = 16 * KiB,
    .zrwa_granularity_bytes = 4 * KiB,
    .max_zrwa_zones = 2,
};

/* A zone size that is no power of two, no limits but that of appends */
static const FuzzSpec spec_odd = {
    .drive = {
        .device_bytes = 9 * 112 * KiB,
        .zone_bytes = 112 * KiB,
        .capacity_bytes = 100 * KiB,
        .zde_bytes = 192,
        .block_bytes = 512,
        .image_options = ",cluster_size=16k,zone.max_append_bytes=12288",
        .ctrl_options = FUZZ_CTRL_OPTIONS,
        .ns_options = ",zoned.zrwas=8192,zoned.zrwafg=512,"
                      "zoned.cross_read=on",
        .drive_options = ",discard=unmap",
        .map_memory = true,
    },
    .zrwa_bytes = 8 * KiB,
    .zrwa_granularity_bytes = 512,
    .max_append_bytes = 12 * KiB,
    .cross_read = true,
};

static const FuzzSpec spec_4096 = {
    .drive = {
        .device_bytes = 12 * 256 * KiB,
        .zone_bytes = 256 * KiB,
        .capacity_bytes = 200 * KiB,
        .max_open_zones = 4,
        .max_active_zones = 4,
        .zde_bytes = 64,
        .block_bytes = 4096,
        .ctrl_options = FUZZ_CTRL_OPTIONS,
        .ns_options = ",zoned.zrwas=32768,zoned.zrwafg=8192,zoned.numzrwa=3",
        .map_memory = true,
    },
    .zrwa_bytes = 32 * KiB,
    .zrwa_granularity_bytes = 8 * KiB,
    .max_zrwa_zones = 3,
};

/* No zone is closed to make room; zones are as long as their capacity */
static const FuzzSpec spec_no_auto_close = {
    .drive = {
        .device_bytes = 16 * 64 * KiB,
        .zone_bytes = 64 * KiB,
        .capacity_bytes = 64 * KiB,
        .max_open_zones = 3,
        .max_active_zones = 6,
        .block_bytes = 512,
        .ctrl_options = FUZZ_CTRL_OPTIONS ",zoned.auto_transition=off",
        .map_memory = true,
    },
    .no_auto_close = true,
};

/* Zones with capacities of their own, and limits of recommendations */
static const FuzzSpec spec_variable = {
    .drive = {
        .device_bytes = 12 * 256 * KiB,
        .zone_bytes = 256 * KiB,
        .capacity_bytes = 200 * KiB,
        .max_open_zones = 4,
        .max_active_zones = 6,
        .zde_bytes = 64,
        .block_bytes = 512,
        .image_options = ",cluster_size=16k",
        .ctrl_options = FUZZ_CTRL_OPTIONS,
        .ns_options = ",zoned.zrwas=16384,zoned.zrwafg=4096,zoned.numzrwa=2"
                      ",zoned.excursions=on,zoned.variable_capacity=on",
        .drive_options = ",discard=unmap",
        .map_memory = true,
    },
    .excursions = true,
    .variable = true,
    .zrwa_bytes = 16 * KiB,
    .zrwa_granularity_bytes = 4 * KiB,
    .max_zrwa_zones = 2,
};

/* 8 bytes of it behind each block; zoned images have none */
static const FuzzSpec spec_metadata = {
    .drive = {
        .device_bytes = 12 * 128 * KiB + 64 * KiB,
        .zone_bytes = 128 * KiB,
        .capacity_bytes = 104 * KiB,
        .max_open_zones = 4,
        .max_active_zones = 5,
        .zde_bytes = 64,
        .block_bytes = 512,
        .ctrl_options = FUZZ_CTRL_OPTIONS,
        .ns_options = ",ms=8,mset=1,zoned.zrwas=16384,zoned.zrwafg=4096,"
                      "zoned.numzrwa=3",
        .map_memory = true,
    },
    .zrwa_bytes = 16 * KiB,
    .zrwa_granularity_bytes = 4 * KiB,
    .max_zrwa_zones = 3,
    .meta_bytes = 8,
};

/*
 * Seeds that have failed, which are the first to be run.  They are worth
 * something as long as the commands are picked in the same way.
 */
static const struct {
    const FuzzSpec *spec;
    ZnsKind kind;
    bool in_flight;
    uint32_t seed;
    unsigned nr_commands;
} failed_seeds[] = {
    /* a Copy beyond the capacity, written in part */
    { &spec_4096, ZNS_MEMORY, false, 157519603, 2200 },
    /* the capacity of an Empty zone, over a Format */
    { &spec_variable, ZNS_MEMORY, false, 2395369413, 700 },
};

static void run_fuzz(ZnsDrive *drive, bool in_flight)
{
    const char *text = getenv("ZNS_FUZZ_COMMANDS");
    uint32_t nr_commands = text ? g_ascii_strtoull(text, NULL, 0)
                                : DEFAULT_COMMANDS;
    uint32_t seed = zns_pick_seed();
    bool good = true;
    size_t i;

    for (i = 0; i < ARRAY_SIZE(failed_seeds) && good; i++) {
        if (drive->spec == &failed_seeds[i].spec->drive &&
            failed_seeds[i].kind == drive->kind &&
            failed_seeds[i].in_flight == in_flight) {
            good = run_again(drive, failed_seeds[i].seed,
                             failed_seeds[i].nr_commands, in_flight);
        }
    }
    if (good) {
        good = run_episode(drive, seed, MIN(nr_commands, EPISODE_COMMANDS),
                           in_flight);
    }
    while (good && nr_commands > EPISODE_COMMANDS) {
        nr_commands -= EPISODE_COMMANDS;
        good = run_again(drive, ++seed, MIN(nr_commands, EPISODE_COMMANDS),
                         in_flight);
    }
}

static void one_by_one(ZnsDrive *drive)
{
    run_fuzz(drive, false);
}

static void in_flight(ZnsDrive *drive)
{
    run_fuzz(drive, true);
}

const ZnsTest zns_fuzz_tests[] = {
    { "fuzz/one-by-one/limits", one_by_one, ZNS_BOTH, &spec_limits.drive },
    { "fuzz/one-by-one/random-write-areas", one_by_one, ZNS_BOTH,
      &spec_zrwa.drive },
    { "fuzz/one-by-one/odd-zone-size", one_by_one, ZNS_BOTH, &spec_odd.drive },
    { "fuzz/one-by-one/4096-byte-blocks", one_by_one, ZNS_BOTH,
      &spec_4096.drive },
    { "fuzz/one-by-one/no-auto-close", one_by_one, ZNS_BOTH,
      &spec_no_auto_close.drive },
    { "fuzz/one-by-one/metadata", one_by_one, ZNS_MEMORY,
      &spec_metadata.drive },
    { "fuzz/one-by-one/variable-capacity", one_by_one, ZNS_BOTH,
      &spec_variable.drive },
    { "fuzz/in-flight/limits", in_flight, ZNS_BOTH, &spec_limits.drive },
    { "fuzz/in-flight/random-write-areas", in_flight, ZNS_BOTH,
      &spec_zrwa.drive },
    { "fuzz/in-flight/odd-zone-size", in_flight, ZNS_BOTH, &spec_odd.drive },
    { "fuzz/in-flight/4096-byte-blocks", in_flight, ZNS_BOTH,
      &spec_4096.drive },
    { "fuzz/in-flight/no-auto-close", in_flight, ZNS_BOTH,
      &spec_no_auto_close.drive },
    { "fuzz/in-flight/variable-capacity", in_flight, ZNS_BOTH,
      &spec_variable.drive },
    { "fuzz/in-flight/metadata", in_flight, ZNS_MEMORY, &spec_metadata.drive },
    { }
};
