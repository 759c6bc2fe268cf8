/*
 * Random commands to a zoned namespace: many in flight together
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * In which order management and writes have taken effect is not known.  What
 * has to hold whatever it was: limits, bounds of write pointers, and that every
 * block has what some command of the batch that succeeded has put there, or
 * what it had before, or zeros.  In a zone without a ZRWA that was neither
 * reset nor finished, the write pointer has moved by just what the commands
 * that succeeded have written, and each has its data where it says.
 */

#include "qemu/osdep.h"
#include "qemu/bswap.h"
#include "qemu/cutils.h"
#include "nvme-zns-fuzz.h"

#define SLOT_BYTES      (32 * 1024)
#define MAX_BATCH       (FUZZ_DATA_BYTES / SLOT_BYTES)
#define RECOMMENDED     (NVME_ZA_FINISH_RECOMMENDED | \
                         NVME_ZA_RESET_RECOMMENDED)

/* What the commands that succeeded have done to a zone */
typedef struct BatchZone {
    uint64_t nr_written;        /* blocks */
    bool opened;                /* or closed */
    bool reset;
    bool finished;
    bool offline;
    bool zde;
    bool zrwa;                  /* allocated or flushed */
    bool deallocated;
} BatchZone;

typedef struct Batch {
    FuzzRun *run;
    FuzzModel *model;           /* as before the batch */
    unsigned nr;
    FuzzCmd cmds[MAX_BATCH];
    ZnsReply replies[MAX_BATCH];
    uint64_t lbas[MAX_BATCH];   /* where each has written */
    uint64_t lengths[MAX_BATCH]; /* and how much */
    BatchZone zones[ZNS_MAX_ZONES];
    ZnsZone after[ZNS_MAX_ZONES];
} Batch;

/* Sending */

static void guess_next(FuzzRun *run, const FuzzCmd *cmd)
{
    FuzzModel *model = run->model;
    uint64_t lba = fuzz_slba(&cmd->entry);
    uint32_t nr_blocks = fuzz_nlb(&cmd->entry);
    uint32_t zone_idx;
    uint64_t *guess;

    if ((cmd->entry.opcode != NVME_CMD_WRITE &&
         cmd->entry.opcode != NVME_CMD_WRITE_ZEROES &&
         cmd->entry.opcode != NVME_CMD_ZONE_APPEND) ||
        !fuzz_in_range(model, lba, nr_blocks)) {
        return;
    }
    zone_idx = fuzz_zone_idx(model, lba);
    guess = &run->pick.guess[zone_idx];
    if (*guess + nr_blocks <= model->ref->zones[zone_idx].capacity &&
        (cmd->entry.opcode == NVME_CMD_ZONE_APPEND ||
         lba == zone_idx * model->ref->zone_blocks + *guess)) {
        *guess += nr_blocks;
    }
}

static void send_batch(Batch *batch)
{
    FuzzRun *run = batch->run;
    FuzzPick *pick = &run->pick;
    ZnsCtrl *ctrl = run->drive->ctrl;
    uint16_t cids[MAX_BATCH];
    unsigned i;

    pick->max_blocks = SLOT_BYTES / run->model->block_bytes;
    batch->nr = 2 + fuzz_below(pick, MAX_BATCH - 1);
    for (i = 0; i < batch->nr; i++) {
        batch->cmds[i] = fuzz_pick_io(pick, run->drive->buf_addr +
                                            i * SLOT_BYTES);
        guess_next(run, &batch->cmds[i]);
        cids[i] = fuzz_queue(run, &batch->cmds[i]);
        if (fuzz_below(pick, 12) == 0) {
            zns_ring(ctrl, ZNS_IO);
        }
    }
    zns_ring(ctrl, ZNS_IO);
    for (i = 0; i < batch->nr; i++) {
        batch->replies[i] = zns_wait(ctrl, ZNS_IO, cids[i]);
        run->nr_sent++;
        run->nr_refused += batch->replies[i].status != NVME_SUCCESS;
    }
}

/* What the commands have done */

static const uint8_t *data_of(const Batch *batch, unsigned i)
{
    return batch->run->drive->memory + batch->cmds[i].addr;
}

/* How much a Copy has written: all, or the ranges before one refused */
static uint64_t copied_blocks(const Batch *batch, unsigned i)
{
    const NvmeCopySourceRangeFormat0_2 *ranges =
        (const void *)data_of(batch, i);
    const FuzzCmd *cmd = &batch->cmds[i];
    uint32_t nr = (le32_to_cpu(cmd->entry.cdw12) & 0xff) + 1;
    uint64_t nr_blocks = 0;
    uint32_t j;

    if (batch->replies[i].status) {
        nr = MIN(nr, (uint32_t)batch->replies[i].result);
    }
    for (j = 0; j < nr; j++) {
        nr_blocks += le16_to_cpu(ranges[j].nlb) + 1;
    }
    return nr_blocks;
}

static void note_written(Batch *batch, unsigned i)
{
    const FuzzCmd *cmd = &batch->cmds[i];
    bool success = !batch->replies[i].status;

    batch->lbas[i] = fuzz_slba(&cmd->entry);
    switch (cmd->entry.opcode) {
    case NVME_CMD_ZONE_APPEND:
        batch->lbas[i] = batch->replies[i].result;
        /* fall through */
    case NVME_CMD_WRITE:
    case NVME_CMD_WRITE_ZEROES:
        batch->lengths[i] = success ? fuzz_nlb(&cmd->entry) : 0;
        break;
    case NVME_CMD_COPY:
        batch->lengths[i] = copied_blocks(batch, i);
        break;
    }
}

static void note_send(BatchZone *zone, uint32_t dw13)
{
    switch (dw13 & 0xff) {
    case NVME_ZONE_ACTION_OPEN:
        zone->opened = true;
        zone->zrwa |= (dw13 & ZNS_ZRWA_ALLOC) != 0;
        break;
    case NVME_ZONE_ACTION_CLOSE:
        zone->opened = true;
        break;
    case NVME_ZONE_ACTION_FINISH:
        zone->finished = true;
        break;
    case NVME_ZONE_ACTION_RESET:
        zone->reset = true;
        break;
    case NVME_ZONE_ACTION_OFFLINE:
        zone->offline = true;
        break;
    case NVME_ZONE_ACTION_SET_ZD_EXT:
        zone->zde = true;
        zone->zrwa |= (dw13 & ZNS_ZRWA_ALLOC) != 0;
        break;
    case NVME_ZONE_ACTION_ZRWA_FLUSH:
        zone->zrwa = true;
        break;
    }
}

static void note_dsm(Batch *batch, unsigned i)
{
    const NvmeDsmRange *ranges = (const void *)data_of(batch, i);
    uint32_t nr = (le32_to_cpu(batch->cmds[i].entry.cdw10) & 0xff) + 1;
    FuzzModel *model = batch->model;
    uint32_t j, zone_idx;

    if (!(le32_to_cpu(batch->cmds[i].entry.cdw11) & NVME_DSMGMT_AD)) {
        return;
    }
    for (j = 0; j < nr; j++) {
        uint64_t lba = le64_to_cpu(ranges[j].slba);
        uint32_t nr_blocks = le32_to_cpu(ranges[j].nlb);

        if (!nr_blocks || !fuzz_in_range(model, lba, nr_blocks)) {
            continue;
        }
        memset(model->deallocated + lba, true, nr_blocks);
        for (zone_idx = fuzz_zone_idx(model, lba);
             zone_idx <= fuzz_zone_idx(model, lba + nr_blocks - 1);
             zone_idx++) {
            batch->zones[zone_idx].deallocated = true;
        }
    }
}

static void note_command(Batch *batch, unsigned i)
{
    FuzzModel *model = batch->model;
    const NvmeCmd *entry = &batch->cmds[i].entry;
    uint32_t dw13 = le32_to_cpu(entry->cdw13);
    uint64_t lba = fuzz_slba(entry);
    uint32_t zone_idx;

    note_written(batch, i);
    if (batch->lengths[i]) {
        if (!fuzz_in_range(model, batch->lbas[i], batch->lengths[i])) {
            fuzz_broken(batch->run, &batch->cmds[i], "written out of range");
            return;
        }
        zone_idx = fuzz_zone_idx(model, batch->lbas[i]);
        batch->zones[zone_idx].nr_written += batch->lengths[i];
    }
    if (batch->replies[i].status) {
        return;
    }
    if (entry->opcode == NVME_CMD_DSM) {
        note_dsm(batch, i);
    } else if (entry->opcode == NVME_CMD_ZONE_MGMT_SEND) {
        for (zone_idx = 0; zone_idx < batch->run->drive->nr_zones;
             zone_idx++) {
            if (dw13 & ZNS_SELECT_ALL ||
                zone_idx == fuzz_zone_idx(model, lba)) {
                note_send(&batch->zones[zone_idx], dw13);
            }
        }
    }
}

/* The report */

static bool load_report(Batch *batch)
{
    g_autofree ZnsReport *report = g_new(ZnsReport, 1);
    ZnsDrive *drive = batch->run->drive;
    bool extended = drive->spec->zde_bytes &&
                    drive->spec->zde_bytes <= ZNS_MAX_ZDE_BYTES;
    ZnsReportArgs args = {
        .action = extended ? NVME_ZONE_REPORT_EXTENDED : NVME_ZONE_REPORT,
    };

    if (zns_report(drive, args, report) ||
        report->nr_listed != drive->nr_zones) {
        fuzz_broken(batch->run, NULL, "no report of all zones");
        return false;
    }
    memcpy(batch->after, report->zones,
           drive->nr_zones * sizeof(batch->after[0]));
    return true;
}

static bool is_open(uint8_t state)
{
    return state == NVME_ZONE_STATE_IMPLICITLY_OPEN ||
           state == NVME_ZONE_STATE_EXPLICITLY_OPEN;
}

static bool is_active(uint8_t state)
{
    return is_open(state) || state == NVME_ZONE_STATE_CLOSED;
}

static void check_limits(Batch *batch)
{
    const ZoneGeometry *geometry = &batch->model->ref->g;
    uint32_t nr_open = 0, nr_active = 0, nr_zrwa = 0, i;

    for (i = 0; i < geometry->nr_zones; i++) {
        nr_open += is_open(batch->after[i].state);
        nr_active += is_active(batch->after[i].state);
        nr_zrwa += !!(batch->after[i].attributes & NVME_ZA_ZRWA_VALID);
    }
    if ((geometry->max_open_zones && nr_open > geometry->max_open_zones) ||
        (geometry->max_active_zones &&
         nr_active > geometry->max_active_zones) ||
        (geometry->max_zrwa_zones && nr_zrwa > geometry->max_zrwa_zones)) {
        fuzz_broken(batch->run, NULL, "%u zones open, %u active, %u with a "
                    "random write area", nr_open, nr_active, nr_zrwa);
    }
}

/* Was the zone written, if anything, and no more? */
static bool is_simple(const Batch *batch, uint32_t zone_idx)
{
    const BatchZone *zone = &batch->zones[zone_idx];

    return !zone->reset && !zone->finished && !zone->zrwa &&
           !batch->model->ref->zones[zone_idx].zrwa;
}

/* The write pointer of a simple zone has to be known exactly */
static void check_simple(Batch *batch, uint32_t zone_idx)
{
    const RefTable *ref = batch->model->ref;
    const ZnsZone *after = &batch->after[zone_idx];
    ZoneState before = ref->zones[zone_idx].state;
    uint64_t nr_written = batch->zones[zone_idx].nr_written;
    uint64_t top = fuzz_top(batch->model, zone_idx) + nr_written;
    bool was_active = is_active(before);

    if (was_active || nr_written) {
        if (!was_active && before != ZONE_STATE_EMPTY) {
            fuzz_broken(batch->run, NULL, "zone %u was written in state 0x%x",
                        zone_idx, before);
        } else if (top == ref->zones[zone_idx].capacity
                   ? after->state != NVME_ZONE_STATE_FULL
                   : !is_active(after->state) ||
                     after->wp_lba != after->start_lba + top) {
            fuzz_broken(batch->run, NULL, "zone %u: state 0x%x, write pointer "
                        "0x%" PRIx64 ", but %" PRIu64 " blocks are written",
                        zone_idx, after->state, after->wp_lba, top);
        }
    } else if (before == ZONE_STATE_EMPTY &&
               (batch->zones[zone_idx].opened || batch->zones[zone_idx].zde)) {
        if ((after->state != NVME_ZONE_STATE_EMPTY &&
             !is_active(after->state)) ||
            after->wp_lba != after->start_lba) {
            fuzz_broken(batch->run, NULL, "zone %u: state 0x%x and nothing is "
                        "written", zone_idx, after->state);
        }
    } else if (after->state != before &&
               !(before == ZONE_STATE_READ_ONLY &&
                 batch->zones[zone_idx].offline &&
                 after->state == NVME_ZONE_STATE_OFFLINE)) {
        fuzz_broken(batch->run, NULL, "zone %u: state 0x%x instead of 0x%x",
                    zone_idx, after->state, before);
    }
}

/* What it had, or with a Reset what it was told to have */
static bool may_have_capacity(const Batch *batch, uint32_t zone_idx)
{
    const RefZone *zone = &batch->model->ref->zones[zone_idx];
    uint64_t capacity = batch->after[zone_idx].capacity_blocks;

    return capacity == zone->capacity ||
           (batch->zones[zone_idx].reset && capacity == zone->next_capacity);
}

static void check_zone(Batch *batch, uint32_t zone_idx)
{
    const RefTable *ref = batch->model->ref;
    const ZnsZone *after = &batch->after[zone_idx];
    uint64_t start = zone_idx * ref->zone_blocks;
    bool active = is_active(after->state);
    bool zrwa = after->attributes & NVME_ZA_ZRWA_VALID;

    if (after->start_lba != start ||
        !may_have_capacity(batch, zone_idx) ||
        (active && (after->wp_lba < start ||
                    after->wp_lba >= start + after->capacity_blocks)) ||
        (after->state == NVME_ZONE_STATE_EMPTY && after->wp_lba != start) ||
        (zrwa && !active) ||
        (after->attributes & RECOMMENDED &
         ~ref_attributes(ref, zone_idx)) ||
        (after->limits & ~ref_limits(ref, zone_idx))) {
        fuzz_broken(batch->run, NULL, "zone %u: state 0x%x, attributes 0x%x, "
                    "start 0x%" PRIx64 ", write pointer 0x%" PRIx64, zone_idx,
                    after->state, after->attributes, after->start_lba,
                    after->wp_lba);
    } else if (is_simple(batch, zone_idx)) {
        check_simple(batch, zone_idx);
    }
}

/* Data */

static bool covers(const Batch *batch, unsigned i, uint64_t which)
{
    return which >= batch->lbas[i] &&
           which - batch->lbas[i] < batch->lengths[i];
}

/* May the block have had this at some time since the batch began? */
static bool may_hold(const Batch *batch, uint64_t which, uint32_t stamp)
{
    uint32_t before = batch->model->stamps[which];
    unsigned i;

    if (!stamp || before == stamp || before == FUZZ_UNKNOWN) {
        return true;
    }
    for (i = 0; i < batch->nr; i++) {
        const FuzzCmd *cmd = &batch->cmds[i];

        if (covers(batch, i, which) &&
            (cmd->entry.opcode == NVME_CMD_COPY ||
             (cmd->stamp &&
              stamp == cmd->stamp + (which - batch->lbas[i])))) {
            return true;
        }
    }
    return false;
}

/* In a simple zone: a write that succeeded has its data there, and for good */
static bool has_to_hold(const Batch *batch, uint64_t which, uint32_t *stamp)
{
    const FuzzModel *model = batch->model;
    uint32_t zone_idx = fuzz_zone_idx(model, which);
    unsigned i;

    if (!is_simple(batch, zone_idx) || model->deallocated[which]) {
        return false;
    }
    *stamp = model->stamps[which];
    for (i = 0; i < batch->nr; i++) {
        const FuzzCmd *cmd = &batch->cmds[i];

        if (!covers(batch, i, which)) {
            continue;
        }
        if (cmd->entry.opcode == NVME_CMD_COPY) {
            return false;
        }
        *stamp = cmd->stamp ? cmd->stamp + (which - batch->lbas[i]) : 0;
    }
    return *stamp != FUZZ_UNKNOWN;
}

/*
 * The base zeroes the metadata of blocks that it has seen deallocated without
 * keeping writes out, and so takes the metadata from a write that came there
 * meanwhile.
 */
static bool is_torn_by_dsm(const Batch *batch, uint64_t which, uint32_t found)
{
    return found == FUZZ_UNKNOWN && batch->model->spec->meta_bytes &&
           batch->model->deallocated[which];
}

static void check_block(Batch *batch, uint64_t lba, uint32_t found)
{
    const ZnsZone *after = &batch->after[fuzz_zone_idx(batch->model, lba)];
    uint32_t stamp;

    if (is_torn_by_dsm(batch, lba, found)) {
        return;
    }
    if (has_to_hold(batch, lba, &stamp)) {
        if (found != stamp) {
            fuzz_broken(batch->run, NULL, "block 0x%" PRIx64 " has %x instead "
                        "of %x", lba, found, stamp);
        }
    } else if (!may_hold(batch, lba, found)) {
        fuzz_broken(batch->run, NULL, "block 0x%" PRIx64 " has %x, which "
                    "nobody has written there", lba, found);
    }
    if (found && !(after->attributes & NVME_ZA_ZRWA_VALID) &&
        (is_active(after->state) || after->state == NVME_ZONE_STATE_EMPTY) &&
        lba >= after->wp_lba) {
        fuzz_broken(batch->run, NULL, "block 0x%" PRIx64 " has %x, but the "
                    "write pointer is 0x%" PRIx64, lba, found, after->wp_lba);
    }
}

/* What is read goes to stamps, for the model */
static void check_data(Batch *batch, uint32_t zone_idx, uint32_t *stamps)
{
    FuzzModel *model = batch->model;
    uint64_t lba = zone_idx * model->ref->zone_blocks;
    uint64_t end = lba + model->ref->zone_blocks;
    uint32_t nr_blocks, i;

    for (; lba < end && !batch->run->broken; lba += nr_blocks) {
        const uint8_t *data;

        nr_blocks = MIN(end - lba, FUZZ_MDTS_BYTES / model->block_bytes);
        data = fuzz_look(batch->run, lba, nr_blocks);
        if (!data) {
            fuzz_broken(batch->run, NULL, "zone %u cannot be read", zone_idx);
            return;
        }
        for (i = 0; i < nr_blocks; i++) {
            uint32_t found = fuzz_get_stamp(data + i * model->block_bytes,
                                            model->block_bytes);

            check_block(batch, lba + i, found);
            stamps[lba + i] = found;
            model->deallocated[lba + i] = false;
        }
    }
}

/*
 * What commands have read while others were in flight.  The base reads data
 * and metadata one after the other, so that a write that is on its way can be
 * seen in one of them alone.
 */
static void check_reads(Batch *batch)
{
    FuzzModel *model = batch->model;
    unsigned i;
    uint32_t j;

    for (i = 0; i < batch->nr; i++) {
        const FuzzCmd *cmd = &batch->cmds[i];
        uint64_t lba = fuzz_slba(&cmd->entry);

        if (cmd->entry.opcode != NVME_CMD_READ || batch->replies[i].status) {
            continue;
        }
        for (j = 0; j < fuzz_nlb(&cmd->entry); j++) {
            uint32_t found = fuzz_get_stamp(data_of(batch, i) +
                                            j * model->block_bytes,
                                            model->block_bytes);

            if (found == FUZZ_UNKNOWN && model->spec->meta_bytes) {
                continue;
            }
            if (!may_hold(batch, lba + j, found)) {
                fuzz_broken(batch->run, cmd, "block %u is read as %x, which "
                            "nobody has written there", j, found);
                return;
            }
        }
    }
}

/* Descriptor extensions */

static bool may_be_zde(const Batch *batch, uint32_t zone_idx, uint32_t stamp)
{
    unsigned i;

    if (batch->model->ref->zones[zone_idx].zdev &&
        batch->model->zdes[zone_idx] == stamp) {
        return true;
    }
    for (i = 0; i < batch->nr; i++) {
        const NvmeCmd *entry = &batch->cmds[i].entry;

        if (entry->opcode == NVME_CMD_ZONE_MGMT_SEND &&
            (le32_to_cpu(entry->cdw13) & 0xff) ==
            NVME_ZONE_ACTION_SET_ZD_EXT && !batch->replies[i].status &&
            fuzz_zone_idx(batch->model, fuzz_slba(entry)) == zone_idx &&
            batch->cmds[i].stamp == stamp) {
            return true;
        }
    }
    return false;
}

/* From the zone itself: those of the report are cut to a size */
static void adopt_zde(Batch *batch, uint32_t zone_idx)
{
    FuzzModel *model = batch->model;
    ZnsDrive *drive = batch->run->drive;
    uint32_t zde_bytes = model->ref->g.zd_extension_bytes;
    uint64_t addr = drive->buf_addr + FUZZ_LIST_BYTE;
    size_t bytes = 128 + zde_bytes;
    NvmeCmd cmd = zns_rw_cmd(NVME_CMD_ZONE_MGMT_RECV, zns_lba(drive, zone_idx),
                             bytes / 4);
    uint32_t stamp;

    cmd.cdw13 = cpu_to_le32(NVME_ZONE_REPORT_EXTENDED);
    if (zns_exec(drive->ctrl, ZNS_IO, &cmd, addr, bytes).status) {
        fuzz_broken(batch->run, NULL, "no extended report");
        return;
    }
    stamp = fuzz_get_stamp(drive->memory + addr + 128, zde_bytes);
    if (!may_be_zde(batch, zone_idx, stamp)) {
        fuzz_broken(batch->run, NULL, "zone %u has extension %x, which nobody "
                    "has set", zone_idx, stamp);
    }
    model->zdes[zone_idx] = stamp;
}

/* The model goes on from here */

/* Closed zones, none of which was used last, and without ZRWAs */
static void calm_down(Batch *batch)
{
    ZnsDrive *drive = batch->run->drive;
    uint32_t i;

    if (zns_send(drive, 0, NVME_ZONE_ACTION_CLOSE | ZNS_SELECT_ALL)) {
        fuzz_broken(batch->run, NULL, "Close of all zones is refused");
    }
    for (i = 0; i < drive->nr_zones; i++) {
        if (batch->after[i].attributes & NVME_ZA_ZRWA_VALID) {
            if (zns_reset(drive, i)) {
                fuzz_broken(batch->run, NULL, "Reset is refused");
            }
            batch->after[i].attributes = 0;
            batch->after[i].limits = 0;
            batch->after[i].capacity_blocks =
                batch->model->ref->zones[i].next_capacity;
            batch->after[i].state = NVME_ZONE_STATE_EMPTY;
            batch->after[i].wp_lba = batch->after[i].start_lba;
        } else if (is_open(batch->after[i].state)) {
            batch->after[i].state = NVME_ZONE_STATE_CLOSED;
        }
    }
}

static void adopt_zone(Batch *batch, uint32_t zone_idx)
{
    FuzzModel *model = batch->model;
    RefTable *ref = model->ref;
    RefZone *zone = &ref->zones[zone_idx];
    const ZnsZone *after = &batch->after[zone_idx];
    uint64_t end = after->wp_lba - after->start_lba;
    uint64_t n;

    zone->zrwa = false;
    zone->zfc = after->attributes & NVME_ZA_FINISHED_BY_CTLR;
    zone->fzr = after->attributes & NVME_ZA_FINISH_RECOMMENDED;
    zone->rzr = after->attributes & NVME_ZA_RESET_RECOMMENDED;
    zone->zdev = after->attributes & NVME_ZA_ZD_EXT_VALID;
    zone->fzr_limit = after->limits & 3;
    zone->rzr_limit = after->limits >> 2;
    zone->capacity = after->capacity_blocks;
    zone->state = (ZoneState)after->state;
    if (zone->state == ZONE_STATE_READ_ONLY ||
        zone->state == ZONE_STATE_OFFLINE) {
        return;
    }
    if (zone->state == ZONE_STATE_FULL) {
        end = zone->capacity;
    }
    zone->stored_full = false;
    for (n = 0; n < ref->zone_blocks; n++) {
        zone->blocks[n] = n < end ? REF_WRITTEN : REF_BLANK;
        zone->failed[n] = zone->unsure[n] = 0;
    }
}

static void adopt(Batch *batch, const uint32_t *stamps)
{
    FuzzModel *model = batch->model;
    uint64_t zone_blocks = model->ref->zone_blocks;
    uint32_t i;

    for (i = 0; i < batch->run->drive->nr_zones; i++) {
        uint64_t lba = i * zone_blocks;

        if (batch->after[i].state == NVME_ZONE_STATE_EMPTY) {
            memset(model->stamps + lba, 0, zone_blocks * sizeof(*stamps));
            memset(model->deallocated + lba, false, zone_blocks);
        } else {
            memcpy(model->stamps + lba, stamps + lba,
                   zone_blocks * sizeof(*stamps));
        }
        if (batch->after[i].attributes & NVME_ZA_ZD_EXT_VALID) {
            adopt_zde(batch, i);
        } else {
            model->zdes[i] = 0;
        }
        adopt_zone(batch, i);
    }
}

static bool has_new_data(const Batch *batch, uint32_t zone_idx)
{
    const BatchZone *zone = &batch->zones[zone_idx];

    return batch->after[zone_idx].state != NVME_ZONE_STATE_OFFLINE &&
           (zone->nr_written || zone->reset || zone->finished || zone->zrwa ||
            zone->deallocated ||
            batch->model->ref->zones[zone_idx].zrwa);
}

static void print_batch(const Batch *batch)
{
    unsigned i;

    for (i = 0; i < batch->nr; i++) {
        const NvmeCmd *entry = &batch->cmds[i].entry;

        g_test_message("0x%02x dwords 0x%x 0x%x 0x%x 0x%x stamp %x: status "
                       "0x%x, %" PRIu64 " blocks written at 0x%" PRIx64,
                       entry->opcode, le32_to_cpu(entry->cdw10),
                       le32_to_cpu(entry->cdw11), le32_to_cpu(entry->cdw12),
                       le32_to_cpu(entry->cdw13), batch->cmds[i].stamp,
                       batch->replies[i].status, batch->lengths[i],
                       batch->lbas[i]);
    }
}

static void run_batch(Batch *batch)
{
    FuzzRun *run = batch->run;
    g_autofree uint32_t *stamps = g_memdup2(run->model->stamps,
                                            run->model->nr_blocks *
                                            sizeof(*stamps));
    uint32_t i;

    for (i = 0; i < run->drive->nr_zones; i++) {
        run->pick.guess[i] = fuzz_top(run->model, i);
    }
    send_batch(batch);
    for (i = 0; i < batch->nr; i++) {
        note_command(batch, i);
    }
    check_reads(batch);
    /* which puts the report where the data of the commands is */
    if (run->broken || !load_report(batch)) {
        return;
    }
    check_limits(batch);
    for (i = 0; i < run->drive->nr_zones && !run->broken; i++) {
        check_zone(batch, i);
        if (has_new_data(batch, i)) {
            check_data(batch, i, stamps);
        }
    }
    if (!run->broken) {
        calm_down(batch);
        adopt(batch, stamps);
    }
}

void fuzz_batch(FuzzRun *run)
{
    g_autofree Batch *batch = g_new0(Batch, 1);

    batch->run = run;
    batch->model = run->model;
    run_batch(batch);
    if (run->broken) {
        print_batch(batch);
    }
}
