/*
 * QEMU dies under load: what is known of the zones, and what is found
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The oracle of nvme-zns-kill.c.  Each check names the contract of
 * docs/devel/zone-store.rst that does not hold when it fails.
 */

#include "qemu/osdep.h"
#include "qemu/cutils.h"
#include "nvme-zns-kill.h"

uint32_t kill_stamp(const KillCommand *cmd)
{
    return cmd->round << 16 | cmd->number;
}

void kill_broken(const KillRun *run, const KillZone *zone, const char *format,
                 ...)
{
    g_autofree char *text = NULL;
    va_list args;

    va_start(args, format);
    text = g_strdup_vprintf(format, args);
    va_end(args);
    if (zone) {
        g_test_message("round %u, zone %u: %s", run->round, zone->idx, text);
    } else {
        g_test_message("round %u: %s", run->round, text);
    }
    g_test_fail();
}

/* What is known of a zone */

bool kill_is_full(const KillRun *run, const KillZone *zone)
{
    return zone->finished || zone->nr_blocks == run->drive->capacity_blocks;
}

static void begin_life(KillZone *zone)
{
    g_ptr_array_set_size(zone->writes, 0);
    zone->nr_blocks = 0;
    zone->finished = false;
    zone->active = false;
    zone->zde = NULL;
}

/* All writes have completed: else there would be no management */
static void finish(KillZone *zone)
{
    guint i;

    for (i = 0; i < zone->writes->len; i++) {
        ((KillCommand *)zone->writes->pdata[i])->durable = true;
    }
    zone->finished = true;
    zone->active = false;
}

void kill_apply(KillZone *zone, const KillCommand *cmd)
{
    switch (cmd->action) {
    case CMD_OPEN:
        zone->active = true;
        break;
    case CMD_RESET:
        begin_life(zone);
        break;
    case CMD_FINISH:
        finish(zone);
        break;
    case CMD_SET_ZDE:
        zone->zde = cmd;
        zone->active = true;
        break;
    default:
        break;
    }
}

bool kill_is_selected(const KillRun *run, const KillZone *zone,
                      const KillCommand *cmd)
{
    return zone->active ||
           (cmd->action == CMD_RESET && kill_is_full(run, zone));
}

/* What is found */

static bool must_be_there(const KillRun *run, const KillCommand *cmd)
{
    return cmd->durable ||
           (cmd->completed_as && cmd->completed_as <= run->nr_flushed);
}

/* Whether the zone shows that management in flight has happened */
static bool has_happened(const KillCommand *cmd, const ZnsZone *found)
{
    switch (cmd->action) {
    case CMD_RESET:
        return found->state == NVME_ZONE_STATE_EMPTY;
    case CMD_FINISH:
        return found->state == NVME_ZONE_STATE_FULL;
    case CMD_SET_ZDE:
        return found->attributes & NVME_ZA_ZD_EXT_VALID;
    default:
        return false;
    }
}

static void settle_management(KillRun *run, KillZone *zone,
                              const ZnsZone *found)
{
    const KillCommand *cmd = zone->managing;
    bool happened;

    if (run->alone && kill_is_selected(run, zone, run->alone)) {
        cmd = run->alone;
    }
    zone->managing = NULL;
    if (!cmd || cmd->action == CMD_OPEN || cmd->action == CMD_CLOSE) {
        return;
    }
    happened = has_happened(cmd, found);
    if (happened) {
        kill_apply(zone, cmd);
    }
    run->nr_after += happened;
    run->nr_before += !happened;
}

/* Which command has written a block, for a message */
static char *describe_block(const KillRun *run, const char *block)
{
    size_t block_bytes = run->drive->spec->block_bytes;
    g_autofree char *pattern = g_malloc(block_bytes);
    uint32_t i, idx;

    if (buffer_is_zero(block, block_bytes)) {
        return g_strdup("zeros");
    }
    for (i = 0; i < run->commands->len; i++) {
        const KillCommand *cmd = run->commands->pdata[i];

        for (idx = 0; idx < cmd->nr_blocks; idx++) {
            zns_fill_pattern(pattern, block_bytes, kill_stamp(cmd), idx);
            if (!memcmp(pattern, block, block_bytes)) {
                return g_strdup_printf("block %u of command %u of round %u, "
                                       "sent to zone %u", idx, cmd->number,
                                       cmd->round, cmd->zone->idx);
            }
        }
    }
    return g_strdup("what nobody has written");
}

static bool holds(const KillRun *run, const KillCommand *cmd, const char *data)
{
    size_t block_bytes = run->drive->spec->block_bytes;
    g_autofree char *pattern = g_malloc(block_bytes);
    uint32_t i;

    for (i = 0; i < cmd->nr_blocks; i++) {
        zns_fill_pattern(pattern, block_bytes, kill_stamp(cmd), i);
        if (memcmp(pattern, data + i * block_bytes, block_bytes)) {
            return false;
        }
    }
    return true;
}

/* The write whose data begins here.  Appends in flight are known by it alone */
static KillCommand *take_write(const KillRun *run, KillZone *zone,
                               uint64_t lba, const char *data,
                               uint32_t nr_left)
{
    guint i;

    for (i = 0; i < zone->writes->len; i++) {
        KillCommand *cmd = zone->writes->pdata[i];

        if ((!cmd->placed || cmd->lba == lba) && cmd->nr_blocks <= nr_left &&
            holds(run, cmd, data)) {
            return g_ptr_array_steal_index(zone->writes, i);
        }
    }
    return NULL;
}

/* What is left of the writes of the zone when those that were found are out */
static void check_lost(const KillRun *run, const KillZone *zone,
                       uint32_t nr_blocks)
{
    guint i;

    for (i = 0; i < zone->writes->len; i++) {
        const KillCommand *cmd = zone->writes->pdata[i];

        if (must_be_there(run, cmd)) {
            kill_broken(run, zone, "C1: command %u of round %u, %u blocks at %"
                        PRIu64 ", is lost; the write pointer is at %u",
                        cmd->number, cmd->round, cmd->nr_blocks,
                        cmd->lba - zone->start_lba, nr_blocks);
        }
    }
}

/*
 * Leaves in the zone what was found; nr_blocks are below its write pointer.
 * Write pointers only stop between commands: each is there as a whole.
 */
static void check_writes(KillRun *run, KillZone *zone, const char *data,
                         uint32_t nr_blocks)
{
    GPtrArray *found = g_ptr_array_new();
    uint32_t at = 0;

    while (at < nr_blocks) {
        const char *block = data + at * run->drive->spec->block_bytes;
        KillCommand *cmd = take_write(run, zone, zone->start_lba + at, block,
                                      nr_blocks - at);

        if (!cmd) {
            g_autofree char *what = describe_block(run, block);

            kill_broken(run, zone, "C2: block %u, below the write pointer at "
                        "%u, has %s", at, nr_blocks, what);
            break;
        }
        cmd->lba = zone->start_lba + at;
        cmd->placed = true;
        cmd->durable = true;
        g_ptr_array_add(found, cmd);
        at += cmd->nr_blocks;
    }
    check_lost(run, zone, nr_blocks);
    g_ptr_array_unref(zone->writes);
    zone->writes = found;
}

static void check_zeros(KillRun *run, KillZone *zone, const char *data,
                        uint32_t nr_blocks)
{
    size_t block_bytes = run->drive->spec->block_bytes;
    uint32_t at;

    for (at = nr_blocks; at < run->drive->zone_blocks; at++) {
        const char *block = data + at * block_bytes;

        if (!buffer_is_zero(block, block_bytes)) {
            g_autofree char *what = describe_block(run, block);

            kill_broken(run, zone, "C3: block %u, above the write pointer at "
                        "%u, has %s", at, nr_blocks, what);
            return;
        }
    }
}

static void check_zde(KillRun *run, const KillZone *zone, const ZnsZone *found)
{
    size_t zde_bytes = run->drive->spec->zde_bytes;
    g_autofree char *expected = g_malloc0(run->drive->spec->block_bytes);

    if (zone->zde) {
        zns_fill_pattern(expected, run->drive->spec->block_bytes,
                         kill_stamp(zone->zde), 0);
    }
    if (found->attributes != (zone->zde ? NVME_ZA_ZD_EXT_VALID : 0) ||
        memcmp(found->zde, expected, zde_bytes)) {
        kill_broken(run, zone, "C4: attributes 0x%x and another extension "
                    "than %s", found->attributes,
                    zone->zde ? "was set" : "none");
    }
}

static void check_state(KillRun *run, const KillZone *zone,
                        const ZnsZone *found)
{
    uint8_t expected = zone->active ? NVME_ZONE_STATE_CLOSED
                                    : NVME_ZONE_STATE_EMPTY;

    if (kill_is_full(run, zone)) {
        expected = NVME_ZONE_STATE_FULL;
    }
    if (found->state != expected) {
        kill_broken(run, zone, "C4: state 0x%x, not 0x%x, with %u blocks "
                    "written%s", found->state, expected, zone->nr_blocks,
                    zone->finished ? ", finished" : "");
    }
}

static void check_data(KillRun *run, KillZone *zone)
{
    g_autofree char *data = zns_load_blocks(run->drive, zone->start_lba,
                                            run->drive->zone_blocks);

    if (data) {
        check_writes(run, zone, data, zone->nr_blocks);
        check_zeros(run, zone, data, zone->nr_blocks);
    } else {
        kill_broken(run, zone, "it cannot be read");
    }
}

/* The zone is one of those that this round has used */
static bool is_hot(const KillRun *run, const KillZone *zone)
{
    uint32_t idx = zone->idx % KILL_GROUP_STEP;

    return idx >= run->hot_idx && idx < run->hot_idx + KILL_GROUP_ZONES;
}

static void check_zone(KillRun *run, KillZone *zone, const ZnsZone *found)
{
    uint32_t capacity_blocks = run->drive->capacity_blocks;

    settle_management(run, zone, found);
    if (!zone->finished) {
        zone->nr_blocks = found->state == NVME_ZONE_STATE_FULL ?
                          capacity_blocks : found->wp_lba - zone->start_lba;
    }
    if (zone->nr_blocks > capacity_blocks) {
        kill_broken(run, zone, "C2: the write pointer is %" PRIu64,
                    found->wp_lba);
        return;
    }
    zone->active = (zone->nr_blocks || zone->zde) && !kill_is_full(run, zone);
    check_state(run, zone, found);
    check_zde(run, zone, found);
    if (zone->nr_blocks || is_hot(run, zone)) {
        check_data(run, zone);
    }
    zone->written_by = 0;
    zone->managed_by = 0;
}

void kill_check_zones(KillRun *run)
{
    ZnsReport report;
    uint32_t idx = 0;
    uint32_t i;

    while (idx < KILL_NR_ZONES && !g_test_failed()) {
        ZnsReportArgs args = {
            .lba = run->zones[idx].start_lba,
            .action = NVME_ZONE_REPORT_EXTENDED,
            .partial = true,
            .bytes = sizeof(NvmeZoneReportHeader) + ZNS_MAX_ZONES *
                     (sizeof(NvmeZoneDescr) + run->drive->spec->zde_bytes),
        };

        zns_assert_ok(zns_report(run->drive, args, &report));
        g_assert_cmpuint(report.nr_listed, >, 0);
        for (i = 0; i < report.nr_listed; i++) {
            check_zone(run, &run->zones[idx++], &report.zones[i]);
        }
    }
}
