/*
 * Random commands to a zoned namespace: what each of them should do
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/bswap.h"
#include "qemu/cutils.h"
#include "nvme-zns-fuzz.h"

#define MAX_COPY_BLOCKS     128
#define MAX_COPY_RANGES     128
#define MAX_NSID            256
#define REPORT_HEAD_BYTES   64
#define LOG_BYTES           4096
#define REPORT_ATTRIBUTES   9

FuzzModel *fuzz_model_new(const ZnsDrive *drive)
{
    const FuzzSpec *spec = container_of(drive->spec, FuzzSpec, drive);
    FuzzModel *model = g_new0(FuzzModel, 1);
    ZoneGeometry geometry = {
        .zone_bytes = spec->drive.zone_bytes,
        .capacity_bytes = spec->drive.capacity_bytes,
        .capacity_step_bytes = DIV_ROUND_UP(spec->drive.capacity_bytes,
                                            32 * 4096) * 4096,
        .nr_zones = drive->nr_zones,
        .max_open_zones = spec->drive.max_open_zones,
        .max_active_zones = spec->drive.max_active_zones,
        .zd_extension_bytes = spec->drive.zde_bytes,
        .auto_close = !spec->no_auto_close,
        .zrwa_bytes = spec->zrwa_bytes,
        .zrwa_granularity_bytes = spec->zrwa_granularity_bytes,
        .max_zrwa_zones = spec->max_zrwa_zones,
    };

    g_assert_cmpuint(drive->nr_zones, <=, ZNS_MAX_ZONES);
    model->drive = drive;
    model->spec = spec;
    model->block_bytes = spec->drive.block_bytes + spec->meta_bytes;
    model->ref = ref_new(&geometry, spec->drive.block_bytes);
    model->nr_blocks = drive->nr_zones * drive->zone_blocks;
    model->stamps = g_new0(uint32_t, model->nr_blocks);
    model->deallocated = g_new0(bool, model->nr_blocks);
    model->zdes = g_new0(uint32_t, drive->nr_zones);
    return model;
}

void fuzz_model_free(FuzzModel *model)
{
    ref_free(model->ref);
    g_free(model->stamps);
    g_free(model->deallocated);
    g_free(model->zdes);
    g_free(model);
}

/* Data */

static void set_stamps(FuzzModel *model, uint64_t lba, uint64_t nr_blocks,
                       uint32_t stamp)
{
    uint64_t i;

    for (i = 0; i < nr_blocks; i++) {
        bool counts = stamp && stamp != FUZZ_UNKNOWN;

        model->stamps[lba + i] = counts ? stamp + i : stamp;
        model->deallocated[lba + i] = false;
    }
}

/* Zones */

static uint16_t nvme_status(ZoneStatus status)
{
    switch (status) {
    case ZONE_OK:
        return NVME_SUCCESS;
    case ZONE_ERR_NOT_AT_WP:
        return NVME_ZONE_INVALID_WRITE;
    case ZONE_ERR_BOUNDARY:
        return NVME_ZONE_BOUNDARY_ERROR;
    case ZONE_ERR_FULL:
        return NVME_ZONE_FULL;
    case ZONE_ERR_READ_ONLY:
        return NVME_ZONE_READ_ONLY;
    case ZONE_ERR_OFFLINE:
        return NVME_ZONE_OFFLINE;
    case ZONE_ERR_TOO_MANY_OPEN:
        return NVME_ZONE_TOO_MANY_OPEN;
    case ZONE_ERR_TOO_MANY_ACTIVE:
        return NVME_ZONE_TOO_MANY_ACTIVE;
    case ZONE_ERR_INVALID_TRANSITION:
        return NVME_ZONE_INVAL_TRANSITION;
    case ZONE_ERR_NO_ZRWA:
        return NVME_INVALID_ZONE_OP;
    case ZONE_ERR_ZRWA_EXHAUSTED:
        return NVME_NOZRWA;
    default:
        return NVME_INVALID_FIELD;
    }
}

uint64_t fuzz_top(const FuzzModel *model, uint32_t zone_idx)
{
    const RefTable *ref = model->ref;
    uint64_t top = ref_reserved_bytes(ref, zone_idx) / ref->block_bytes -
                   zone_idx * ref->zone_blocks;

    return MAX(top, ref_wp_bytes(ref, zone_idx) / ref->block_bytes -
                    zone_idx * ref->zone_blocks);
}

bool fuzz_in_range(const FuzzModel *model, uint64_t lba, uint64_t nr_blocks)
{
    return nr_blocks <= model->nr_blocks && lba <= model->nr_blocks - nr_blocks;
}

static bool is_in_state(const FuzzModel *model, uint32_t zone_idx,
                        ZoneState state)
{
    return model->ref->zones[zone_idx].state == state;
}

uint16_t fuzz_check_read(const FuzzModel *model, uint64_t lba,
                         uint32_t nr_blocks)
{
    uint32_t first = fuzz_zone_idx(model, lba);
    uint32_t last = fuzz_zone_idx(model, lba + nr_blocks - 1);
    uint32_t i;

    if (!fuzz_in_range(model, lba, nr_blocks)) {
        return NVME_LBA_RANGE;
    }
    if (!is_in_state(model, first, ZONE_STATE_OFFLINE) && first != last &&
        !model->spec->cross_read) {
        return NVME_ZONE_BOUNDARY_ERROR;
    }
    for (i = first; i <= last; i++) {
        if (is_in_state(model, i, ZONE_STATE_OFFLINE)) {
            return NVME_ZONE_OFFLINE;
        }
    }
    return NVME_SUCCESS;
}

static void forget_data(FuzzModel *model, uint32_t zone_idx)
{
    set_stamps(model, zone_idx * model->ref->zone_blocks,
               model->ref->zone_blocks, 0);
    model->zdes[zone_idx] = 0;
}

static ZoneStatus apply_event(FuzzModel *model, uint32_t zone_idx,
                              ZoneEvent event)
{
    ZoneStatus status = ref_event(model->ref, zone_idx, event);

    if (status == ZONE_OK &&
        (event == ZONE_EVENT_RESET || event == ZONE_EVENT_OFFLINE ||
         event == ZONE_EVENT_FAULT_OFFLINE)) {
        forget_data(model, zone_idx);
    }
    return status;
}

void fuzz_apply_power_cycle(FuzzModel *model)
{
    uint32_t i;

    for (i = 0; i < model->drive->nr_zones; i++) {
        apply_event(model, i, ZONE_EVENT_POWER_CYCLE);
    }
}

/* Format NVM has nothing to reset there: another capacity has to wait on */
static bool has_nothing(const FuzzModel *model, uint32_t zone_idx)
{
    const RefZone *zone = &model->ref->zones[zone_idx];

    return zone->state == ZONE_STATE_EMPTY &&
           !zone->zfc && !zone->fzr && !zone->rzr;
}

void fuzz_apply_format(FuzzModel *model)
{
    uint32_t i;

    for (i = 0; i < model->drive->nr_zones; i++) {
        if (is_in_state(model, i, ZONE_STATE_READ_ONLY)) {
            apply_event(model, i, ZONE_EVENT_OFFLINE);
        } else if (!is_in_state(model, i, ZONE_STATE_OFFLINE) &&
                   !has_nothing(model, i)) {
            apply_event(model, i, ZONE_EVENT_RESET);
        }
    }
}

static void list_changed(FuzzModel *model, uint32_t zone_idx)
{
    uint32_t i;

    for (i = 0; i < model->nr_changed; i++) {
        if (model->changed[i] == zone_idx) {
            return;
        }
    }
    model->changed[model->nr_changed++] = zone_idx;
}

bool fuzz_apply_fault(FuzzModel *model, uint32_t zone_idx, ZoneEvent event)
{
    ZoneState before = model->ref->zones[zone_idx].state;

    if ((event == ZONE_EVENT_EXCURSION && !model->spec->excursions) ||
        apply_event(model, zone_idx, event)) {
        return false;
    }
    if (model->ref->zones[zone_idx].state != before) {
        list_changed(model, zone_idx);
    }
    return true;
}

bool fuzz_apply_attributes(FuzzModel *model, uint32_t zone_idx, bool finish,
                           bool reset, uint8_t finish_limit,
                           uint8_t reset_limit, bool force)
{
    uint8_t limits = ref_limits(model->ref, zone_idx);
    RefZone *zone = &model->ref->zones[zone_idx];
    bool active = zone->state == ZONE_STATE_IMPLICITLY_OPENED ||
                  zone->state == ZONE_STATE_EXPLICITLY_OPENED ||
                  zone->state == ZONE_STATE_CLOSED;
    bool full = zone->state == ZONE_STATE_FULL;
    bool changed;

    if (zone->state == ZONE_STATE_OFFLINE || (full && finish) ||
        (!force && ((finish && !active) || (reset && !full)))) {
        return false;
    }
    changed = zone->fzr != finish || zone->rzr != reset;
    zone->fzr = finish;
    zone->rzr = reset;
    zone->fzr_limit = finish_limit;
    zone->rzr_limit = reset_limit;
    if (changed || ref_limits(model->ref, zone_idx) != limits) {
        list_changed(model, zone_idx);
    }
    return true;
}

bool fuzz_apply_capacity(FuzzModel *model, uint32_t zone_idx,
                         uint64_t capacity_bytes)
{
    const ZoneGeometry *g = &model->ref->g;
    RefZone *zone = &model->ref->zones[zone_idx];

    if (!model->spec->variable || !capacity_bytes ||
        zone->state == ZONE_STATE_READ_ONLY ||
        zone->state == ZONE_STATE_OFFLINE ||
        capacity_bytes > g->capacity_bytes ||
        (g->capacity_bytes - capacity_bytes) % g->capacity_step_bytes) {
        return false;
    }
    zone->next_capacity = capacity_bytes / model->ref->block_bytes;
    return true;
}

/* Commands that write */

static uint16_t apply_write(FuzzModel *model, uint64_t lba, uint32_t nr_blocks,
                            uint32_t stamp)
{
    RefTable *ref = model->ref;
    ZoneStatus status = ref_write_begin(ref, 0, lba * ref->block_bytes,
                                        nr_blocks * ref->block_bytes);

    if (status == ZONE_OK) {
        ref_write_end(ref, 0, true);
        set_stamps(model, lba, nr_blocks, stamp);
    }
    return nvme_status(status);
}

static uint16_t apply_append(FuzzModel *model, const FuzzCmd *cmd,
                             FuzzExpected *expected)
{
    RefTable *ref = model->ref;
    uint64_t lba = fuzz_slba(&cmd->entry);
    uint64_t bytes = (uint64_t)fuzz_nlb(&cmd->entry) * model->block_bytes;
    /* What is announced is a power of two */
    uint32_t limit_bytes = model->drive->kind == ZNS_QCOW2 &&
                           model->spec->max_append_bytes ?
                           pow2floor(model->spec->max_append_bytes) : 0;
    ZoneStatus status;
    uint64_t top;

    if (lba % ref->zone_blocks || bytes > FUZZ_ZASL_BYTES ||
        (limit_bytes && bytes > limit_bytes)) {
        return NVME_INVALID_FIELD;
    }
    top = fuzz_top(model, fuzz_zone_idx(model, lba));
    status = ref_append_begin(ref, 0, lba * ref->block_bytes,
                              fuzz_nlb(&cmd->entry) * ref->block_bytes);
    if (status == ZONE_OK) {
        ref_write_end(ref, 0, true);
        set_stamps(model, lba + top, fuzz_nlb(&cmd->entry), cmd->stamp);
        expected->has_result = true;
        expected->result = lba + top;
    }
    return nvme_status(status);
}

/* Write, Write Zeroes, Zone Append */
static uint16_t apply_any_write(FuzzModel *model, const FuzzCmd *cmd,
                                FuzzExpected *expected)
{
    uint64_t lba = fuzz_slba(&cmd->entry);
    uint32_t nr_blocks = fuzz_nlb(&cmd->entry);
    bool zeroes = cmd->entry.opcode == NVME_CMD_WRITE_ZEROES;

    if (!zeroes && nr_blocks * model->block_bytes > FUZZ_MDTS_BYTES) {
        return NVME_INVALID_FIELD;
    }
    if (!fuzz_in_range(model, lba, nr_blocks)) {
        return NVME_LBA_RANGE;
    }
    return cmd->entry.opcode == NVME_CMD_ZONE_APPEND ?
           apply_append(model, cmd, expected) :
           apply_write(model, lba, nr_blocks, zeroes ? 0 : cmd->stamp);
}

static uint16_t copy_range(FuzzModel *model, uint64_t to_lba,
                           uint64_t from_lba, uint32_t nr_blocks)
{
    uint16_t status = fuzz_check_read(model, from_lba, nr_blocks);
    g_autofree uint32_t *stamps = NULL;
    g_autofree bool *deallocated = NULL;

    if (status) {
        return status;
    }
    stamps = g_memdup2(model->stamps + from_lba, nr_blocks * sizeof(*stamps));
    deallocated = g_memdup2(model->deallocated + from_lba,
                            nr_blocks * sizeof(*deallocated));
    status = apply_write(model, to_lba, nr_blocks, 0);
    if (!status) {
        memcpy(model->stamps + to_lba, stamps, nr_blocks * sizeof(*stamps));
        memcpy(model->deallocated + to_lba, deallocated,
               nr_blocks * sizeof(*deallocated));
    }
    return status;
}

static const uint8_t *guest_data(const FuzzModel *model, const FuzzCmd *cmd)
{
    return model->drive->memory + cmd->addr;
}

static uint16_t check_copy(const FuzzModel *model, const FuzzCmd *cmd,
                           const NvmeCopySourceRangeFormat0_2 *ranges,
                           uint32_t nr)
{
    const RefTable *ref = model->ref;
    uint64_t lba = fuzz_slba(&cmd->entry);
    uint32_t nr_blocks = 0;
    ZoneStatus status;
    uint32_t i;

    for (i = 0; i < nr; i++) {
        nr_blocks += le16_to_cpu(ranges[i].nlb) + 1;
    }
    if (nr_blocks > MAX_COPY_BLOCKS) {
        return NVME_CMD_SIZE_LIMIT;
    }
    if (!fuzz_in_range(model, lba, nr_blocks)) {
        return NVME_LBA_RANGE;
    }
    status = ref_write_status(ref, lba * ref->block_bytes,
                              nr_blocks * ref->block_bytes);
    return status == ZONE_ERR_NOT_AT_WP &&
           lba % ref->zone_blocks + nr_blocks <=
           ref->zones[fuzz_zone_idx(model, lba)].capacity ?
           NVME_SUCCESS : nvme_status(status);
}

/*
 * Range by range: those before one that is refused stay.  What is wrong in more
 * than one way may be refused for any of them: a zone whose old data is being
 * dropped, which the host cannot know of, has its state looked at later.
 */
static uint16_t apply_copy(FuzzModel *model, const FuzzCmd *cmd,
                           FuzzExpected *expected)
{
    const NvmeCopySourceRangeFormat0_2 *ranges =
        (const void *)guest_data(model, cmd);
    uint32_t dw12 = le32_to_cpu(cmd->entry.cdw12);
    uint32_t nr = (dw12 & 0xff) + 1;
    uint32_t format = dw12 >> 8 & 0xf;
    uint64_t to_lba = fuzz_slba(&cmd->entry);
    uint16_t status;
    uint32_t i;

    if (format > 1) {
        return NVME_INVALID_FIELD;
    }
    if (nr > MAX_COPY_RANGES) {
        return NVME_CMD_SIZE_LIMIT;
    }
    if (format) {
        return NVME_INVALID_FORMAT;
    }
    status = check_copy(model, cmd, ranges, nr);
    expected->any_refusal = true;
    for (i = 0; i < nr && !status; i++) {
        uint32_t nr_blocks = le16_to_cpu(ranges[i].nlb) + 1;

        status = copy_range(model, to_lba, le64_to_cpu(ranges[i].slba),
                            nr_blocks);
        if (status) {
            expected->any_refusal = i == 0;
            expected->has_result = true;
            expected->result = i;
            break;
        }
        to_lba += nr_blocks;
    }
    return status;
}

/* Other commands on data */

static uint16_t check_compare(FuzzModel *model, const FuzzCmd *cmd)
{
    uint64_t lba = fuzz_slba(&cmd->entry);
    uint32_t i;

    for (i = 0; i < fuzz_nlb(&cmd->entry); i++) {
        uint32_t stamp = fuzz_get_stamp(guest_data(model, cmd) +
                                        i * model->block_bytes,
                                        model->block_bytes);

        if (model->deallocated[lba + i] ||
            model->stamps[lba + i] == FUZZ_UNKNOWN) {
            return FUZZ_ANY_STATUS;
        }
        if (model->stamps[lba + i] != stamp) {
            return NVME_CMP_FAILURE;
        }
    }
    return NVME_SUCCESS;
}

/* Read, Compare, Verify; data that was read is compared elsewhere */
static uint16_t apply_read(FuzzModel *model, const FuzzCmd *cmd)
{
    uint32_t nr_blocks = fuzz_nlb(&cmd->entry);
    uint64_t limit_bytes = cmd->entry.opcode == NVME_CMD_VERIFY ?
                           512 * 1024 : FUZZ_MDTS_BYTES;
    uint16_t status;

    if ((uint64_t)nr_blocks * model->block_bytes > limit_bytes) {
        return NVME_INVALID_FIELD;
    }
    status = fuzz_check_read(model, fuzz_slba(&cmd->entry), nr_blocks);
    if (!status && cmd->entry.opcode == NVME_CMD_COMPARE) {
        return cmd->astray ? FUZZ_ANY_STATUS : check_compare(model, cmd);
    }
    return status;
}

static bool is_over_offline_zone(const FuzzModel *model, uint64_t lba,
                                 uint32_t nr_blocks)
{
    uint32_t i;

    for (i = fuzz_zone_idx(model, lba);
         i <= fuzz_zone_idx(model, lba + nr_blocks - 1); i++) {
        if (is_in_state(model, i, ZONE_STATE_OFFLINE)) {
            return true;
        }
    }
    return false;
}

static uint16_t apply_dsm(FuzzModel *model, const FuzzCmd *cmd)
{
    const NvmeDsmRange *ranges = (const void *)guest_data(model, cmd);
    uint32_t nr = (le32_to_cpu(cmd->entry.cdw10) & 0xff) + 1;
    uint32_t i;

    if (!(le32_to_cpu(cmd->entry.cdw11) & NVME_DSMGMT_AD)) {
        return NVME_SUCCESS;
    }
    for (i = 0; i < nr; i++) {
        uint64_t lba = le64_to_cpu(ranges[i].slba);
        uint32_t nr_blocks = le32_to_cpu(ranges[i].nlb);

        if (nr_blocks && fuzz_in_range(model, lba, nr_blocks) &&
            is_over_offline_zone(model, lba, nr_blocks)) {
            return NVME_ZONE_OFFLINE;
        }
    }
    for (i = 0; i < nr; i++) {
        uint64_t lba = le64_to_cpu(ranges[i].slba);
        uint32_t nr_blocks = le32_to_cpu(ranges[i].nlb);

        if (nr_blocks && fuzz_in_range(model, lba, nr_blocks)) {
            memset(model->deallocated + lba, true, nr_blocks);
        }
    }
    return NVME_SUCCESS;
}

/* Zone Management Send */

static uint16_t apply_set_zde(FuzzModel *model, const FuzzCmd *cmd,
                              uint32_t zone_idx, bool all, bool zrwa)
{
    ZoneStatus status;

    if (all || !model->ref->g.zd_extension_bytes) {
        return NVME_INVALID_FIELD;
    }
    status = apply_event(model, zone_idx, zrwa ? ZONE_EVENT_SET_ZDE_ZRWA
                                               : ZONE_EVENT_SET_ZDE);
    if (status == ZONE_OK) {
        model->zdes[zone_idx] = cmd->stamp;
    }
    return nvme_status(status);
}

static uint16_t apply_zrwa_flush(FuzzModel *model, uint64_t lba, bool all)
{
    ZoneStatus status;

    if (all) {
        return NVME_INVALID_FIELD;
    }
    status = ref_zrwa_flush(model->ref, (lba + 1) * model->ref->block_bytes);
    return status == ZONE_ERR_BOUNDARY || status == ZONE_ERR_UNALIGNED ?
           NVME_INVALID_ZONE_OP : nvme_status(status);
}

static uint16_t apply_open(FuzzModel *model, uint32_t zone_idx, bool all,
                           bool zrwa)
{
    if (!zrwa) {
        return nvme_status(all ? ref_open_all(model->ref)
                               : apply_event(model, zone_idx,
                                             ZONE_EVENT_OPEN));
    }
    if (all) {
        return NVME_INVALID_FIELD;
    }
    return nvme_status(apply_event(model, zone_idx, ZONE_EVENT_OPEN_ZRWA));
}

/* Is a zone in this state one of those that Select All is about? */
static bool is_selected(ZoneState state, ZoneEvent event)
{
    bool open = state == ZONE_STATE_IMPLICITLY_OPENED ||
                state == ZONE_STATE_EXPLICITLY_OPENED;
    bool active = open || state == ZONE_STATE_CLOSED;

    switch (event) {
    case ZONE_EVENT_CLOSE:
        return open;
    case ZONE_EVENT_FINISH:
        return active;
    case ZONE_EVENT_RESET:
        return active || state == ZONE_STATE_FULL;
    default:
        return state == ZONE_STATE_READ_ONLY;
    }
}

static uint16_t apply_action(FuzzModel *model, uint32_t zone_idx, bool all,
                             ZoneEvent event)
{
    uint32_t i;

    if (!all) {
        return nvme_status(apply_event(model, zone_idx, event));
    }
    for (i = 0; i < model->drive->nr_zones; i++) {
        if (is_selected(model->ref->zones[i].state, event)) {
            apply_event(model, i, event);
        }
    }
    return NVME_SUCCESS;
}

/* The completion says whether any zone has another capacity now */
static uint16_t apply_reset(FuzzModel *model, uint32_t zone_idx, bool all,
                            FuzzExpected *expected)
{
    g_autofree uint64_t *before = g_new(uint64_t, model->drive->nr_zones);
    uint16_t status;
    uint32_t i;

    for (i = 0; i < model->drive->nr_zones; i++) {
        before[i] = model->ref->zones[i].capacity;
    }
    status = apply_action(model, zone_idx, all, ZONE_EVENT_RESET);
    expected->has_result = !status;
    expected->result = 0;
    for (i = 0; i < model->drive->nr_zones; i++) {
        expected->result |= before[i] != model->ref->zones[i].capacity;
    }
    return status;
}

static uint16_t apply_send(FuzzModel *model, const FuzzCmd *cmd,
                           FuzzExpected *expected)
{
    uint32_t dw13 = le32_to_cpu(cmd->entry.cdw13);
    uint8_t action = dw13;
    uint8_t flags = dw13 >> 8;
    bool all = flags & NVME_ZSFLAG_SELECT_ALL;
    uint64_t lba = all ? 0 : fuzz_slba(&cmd->entry);
    uint32_t zone_idx = fuzz_zone_idx(model, lba);

    if (!fuzz_in_range(model, lba, 1)) {
        return NVME_LBA_RANGE;
    }
    if (lba % model->ref->zone_blocks &&
        action != NVME_ZONE_ACTION_ZRWA_FLUSH) {
        return NVME_INVALID_FIELD;
    }
    switch (action) {
    case NVME_ZONE_ACTION_CLOSE:
        return apply_action(model, zone_idx, all, ZONE_EVENT_CLOSE);
    case NVME_ZONE_ACTION_FINISH:
        return apply_action(model, zone_idx, all, ZONE_EVENT_FINISH);
    case NVME_ZONE_ACTION_OPEN:
        return apply_open(model, zone_idx, all,
                          flags & NVME_ZSFLAG_ZRWA_ALLOC);
    case NVME_ZONE_ACTION_RESET:
        return apply_reset(model, zone_idx, all, expected);
    case NVME_ZONE_ACTION_OFFLINE:
        return apply_action(model, zone_idx, all, ZONE_EVENT_OFFLINE);
    case NVME_ZONE_ACTION_SET_ZD_EXT:
        return apply_set_zde(model, cmd, zone_idx, all,
                             flags & NVME_ZSFLAG_ZRWA_ALLOC);
    case NVME_ZONE_ACTION_ZRWA_FLUSH:
        return apply_zrwa_flush(model, lba, all);
    default:
        return NVME_INVALID_FIELD;
    }
}

/* Zone Management Receive */

static uint16_t check_receive(const FuzzModel *model, const FuzzCmd *cmd)
{
    uint32_t dw13 = le32_to_cpu(cmd->entry.cdw13);
    uint8_t action = dw13;
    uint8_t filter = dw13 >> 8;
    uint64_t bytes = ((uint64_t)le32_to_cpu(cmd->entry.cdw12) + 1) * 4;

    if (!fuzz_in_range(model, fuzz_slba(&cmd->entry), 1)) {
        return NVME_LBA_RANGE;
    }
    if (action > NVME_ZONE_REPORT_EXTENDED ||
        (action == NVME_ZONE_REPORT_EXTENDED &&
         !model->ref->g.zd_extension_bytes) ||
        (filter > NVME_ZONE_REPORT_OFFLINE && filter != REPORT_ATTRIBUTES) ||
        bytes < REPORT_HEAD_BYTES || bytes > FUZZ_MDTS_BYTES) {
        return NVME_INVALID_FIELD;
    }
    return NVME_SUCCESS;
}

/* Admin commands */

static uint16_t check_nsid(uint32_t nsid)
{
    if (nsid == 1) {
        return NVME_SUCCESS;
    }
    return !nsid || nsid > MAX_NSID ? NVME_INVALID_NSID : NVME_INVALID_FIELD;
}

static uint16_t apply_log(FuzzModel *model, const FuzzCmd *cmd)
{
    const NvmeCmd *entry = &cmd->entry;
    uint32_t dw10 = le32_to_cpu(entry->cdw10);
    uint64_t bytes = (((uint64_t)(le32_to_cpu(entry->cdw11) & 0xffff) << 16 |
                       dw10 >> 16) + 1) * 4;
    uint64_t offset = (uint64_t)le32_to_cpu(entry->cdw13) << 32 |
                      le32_to_cpu(entry->cdw12);
    uint16_t status;

    if (offset % 4 || bytes > FUZZ_MDTS_BYTES) {
        return NVME_INVALID_FIELD;
    }
    status = check_nsid(le32_to_cpu(entry->nsid));
    if (!status && offset >= LOG_BYTES) {
        return NVME_INVALID_FIELD;
    }
    if (!status && !(dw10 & 1 << 15)) {
        model->nr_changed = 0;
    }
    return status;
}

uint32_t fuzz_format(const FuzzModel *model)
{
    bool extended = model->spec->meta_bytes;

    return (model->ref->block_bytes == 512 ? 0 : 4) + extended +
           (extended << 4);
}

static uint16_t apply_admin(FuzzModel *model, const FuzzCmd *cmd)
{
    uint32_t nsid = le32_to_cpu(cmd->entry.nsid);
    uint32_t dw10 = le32_to_cpu(cmd->entry.cdw10);
    uint16_t status;

    switch (cmd->entry.opcode) {
    case NVME_ADM_CMD_GET_LOG_PAGE:
        return apply_log(model, cmd);
    case NVME_ADM_CMD_SET_FEATURES:
        return NVME_SUCCESS;
    case NVME_ADM_CMD_FORMAT_NVM:
        status = nsid == NVME_NSID_BROADCAST ? NVME_SUCCESS : check_nsid(nsid);
        /* another one, or protection where it would have no room */
        if (!status && ((dw10 ^ fuzz_format(model)) & 0xf || dw10 >> 5 & 7)) {
            return NVME_INVALID_FORMAT;
        }
        if (!status) {
            fuzz_apply_format(model);
        }
        return status;
    default:
        return FUZZ_ANY_STATUS;
    }
}

/* All of them */

static uint16_t apply_io(FuzzModel *model, const FuzzCmd *cmd,
                         FuzzExpected *expected)
{
    switch (cmd->entry.opcode) {
    case NVME_CMD_WRITE:
    case NVME_CMD_WRITE_ZEROES:
    case NVME_CMD_ZONE_APPEND:
        return apply_any_write(model, cmd, expected);
    case NVME_CMD_READ:
    case NVME_CMD_COMPARE:
    case NVME_CMD_VERIFY:
        return apply_read(model, cmd);
    case NVME_CMD_DSM:
        return apply_dsm(model, cmd);
    case NVME_CMD_COPY:
        return apply_copy(model, cmd, expected);
    case NVME_CMD_ZONE_MGMT_SEND:
        return apply_send(model, cmd, expected);
    case NVME_CMD_ZONE_MGMT_RECV:
        return check_receive(model, cmd);
    case NVME_CMD_IO_MGMT_RECV:
    case NVME_CMD_IO_MGMT_SEND:
        return FUZZ_ANY_STATUS;
    default:
        return NVME_INVALID_OPCODE;
    }
}

FuzzExpected fuzz_apply(FuzzModel *model, const FuzzCmd *cmd)
{
    FuzzExpected expected = { 0 };
    uint32_t nsid = le32_to_cpu(cmd->entry.nsid);

    if (cmd->queue == ZNS_ADMIN) {
        expected.status = apply_admin(model, cmd);
    } else if (cmd->entry.opcode == NVME_CMD_FLUSH) {
        expected.status = nsid == NVME_NSID_BROADCAST ? NVME_SUCCESS
                                                      : check_nsid(nsid);
    } else {
        expected.status = check_nsid(nsid);
        if (!expected.status && cmd->entry.flags & 3) {
            expected.status = NVME_INVALID_FIELD;
        }
        if (!expected.status) {
            expected.status = apply_io(model, cmd, &expected);
        }
    }
    return expected;
}
