/*
 * A walk of the zone table, compared with a reference model
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Each step is one call on both, then everything that can be asked of the table
 * is compared and the table recounts itself.  Geometries are small, so that
 * limits and ends are met all the time.
 */

#include "qemu/osdep.h"
#include "block/zone.h"
#include "zone-reference.h"
#include "zone-walk.h"

#define HISTORY         12
#define MAX_PICKS       12
#define MAX_FLUSHES     6

typedef struct WalkCase {
    const char *name;
    uint64_t block_bytes;
    uint32_t share;             /* of the steps */
    uint32_t picks[MAX_PICKS];  /* zones to walk on; none: all of them */
    ZoneGeometry g;
} WalkCase;

struct Walk {
    const WalkCase *c;
    ZoneTable *table;
    RefTable *ref;
    ZoneWrite writes[REF_MAX_WRITES];
    ZoneWrite discards[REF_MAX_DISCARDS];
    /* Writes that have ended well, with a flush behind them that will not */
    ZoneWrite flushes[MAX_FLUSHES];
    RefWrite ref_flushes[MAX_FLUSHES];
    const uint8_t *input;       /* NULL: the walk is random */
    size_t input_left;
    uint64_t random;
    uint64_t seed;
    uint64_t step;
    uint32_t nr_picks;
    unsigned percent_well;      /* of writes: a disk fails for a while */
    char history[HISTORY][120];
};

static uint32_t nr_seen[ZONE_BUSY__MAX];
static uint32_t nr_moves[ZONE_STATE__MAX][ZONE_EVENT__MAX];
static uint32_t nr_met[WALK_MET__MAX];

static const WalkCase cases[WALK_CASES] = {
    {
        .name = "plain", .block_bytes = 4096, .share = 3,
        .g = { .zone_bytes = 65536, .capacity_bytes = 49152, .nr_zones = 6,
               .zd_extension_bytes = 64, .capacity_step_bytes = 4096 },
    }, {
        .name = "limits", .block_bytes = 4096, .share = 5,
        .g = { .zone_bytes = 32768, .capacity_bytes = 24576, .nr_zones = 8,
               .max_open_zones = 2, .max_active_zones = 4,
               .max_append_bytes = 8192, .zd_extension_bytes = 64,
               .capacity_step_bytes = 8192 },
    }, {
        .name = "auto-close", .block_bytes = 512, .share = 5,
        .g = { .zone_bytes = 5120, .capacity_bytes = 5120, .nr_zones = 9,
               .max_open_zones = 3, .max_active_zones = 6,
               .zd_extension_bytes = 64, .auto_close = true },
    }, {
        .name = "open-only", .block_bytes = 512, .share = 2,
        .g = { .zone_bytes = 11 * 512, .capacity_bytes = 7 * 512, .nr_zones = 7,
               .max_open_zones = 2, .auto_close = true },
    }, {
        .name = "active-only", .block_bytes = 512, .share = 2,
        .g = { .zone_bytes = 8192, .capacity_bytes = 512, .nr_zones = 7,
               .max_active_zones = 3, .zd_extension_bytes = 128 },
    }, {
        .name = "conventional", .block_bytes = 512, .share = 2,
        .g = { .zone_bytes = 4608, .capacity_bytes = 4096, .nr_zones = 7,
               .conventional_zones = 3, .max_open_zones = 2,
               .max_active_zones = 2, .auto_close = true,
               .capacity_step_bytes = 512 },
    }, {
        .name = "zrwa", .block_bytes = 512, .share = 6,
        .g = { .zone_bytes = 16384, .capacity_bytes = 12288, .nr_zones = 7,
               .max_open_zones = 3, .max_active_zones = 5,
               .zd_extension_bytes = 64, .auto_close = true,
               .zrwa_bytes = 4096, .zrwa_granularity_bytes = 1024,
               .max_zrwa_zones = 2, .capacity_step_bytes = 4096 },
    }, {
        .name = "zrwa-odd", .block_bytes = 512, .share = 3,
        .g = { .zone_bytes = 9728, .capacity_bytes = 8704, .nr_zones = 5,
               .zrwa_bytes = 3072, .zrwa_granularity_bytes = 1536 },
    }, {
        /* Zones that share hash buckets, and the far end of the positions */
        .name = "many", .block_bytes = UINT64_C(1) << 32, .share = 1,
        .picks = { 0, 1, 256, 257, 512, 513, 1022 },
        .g = { .zone_bytes = UINT64_C(1) << 40, .nr_zones = 1023,
               .capacity_bytes = UINT64_C(12) << 32, .max_open_zones = 3,
               .max_active_zones = 5, .auto_close = true,
               .zd_extension_bytes = 64 },
    },
};

/* A small generator of our own: the same walk on every host (xorshift64*) */
static uint64_t random_below(Walk *w, uint64_t limit)
{
    w->random ^= w->random >> 12;
    w->random ^= w->random << 25;
    w->random ^= w->random >> 27;
    return (w->random * UINT64_C(0x2545f4914f6cdd1d) >> 33) % limit;
}

/*
 * What the walk does next: taken from the input, if there is one, and zero
 * behind its end; random otherwise.  What is compared does not depend on the
 * input, so that a change in the middle leaves the steps behind it alone.
 */
static uint64_t choose_below(Walk *w, uint64_t limit)
{
    uint64_t value = 0;
    int i;

    if (!w->input) {
        return random_below(w, limit);
    }
    for (i = 0; i < (limit > 256 ? 2 : 1) && w->input_left; i++) {
        value = value << 8 | *w->input++;
        w->input_left--;
    }
    return value % limit;
}

static bool chance(Walk *w, unsigned percent)
{
    return choose_below(w, 100) < percent;
}

static uint32_t nth_zone(const Walk *w, uint32_t n)
{
    return w->nr_picks ? w->c->picks[n] : n;
}

static uint32_t nr_walked(const Walk *w)
{
    return w->nr_picks ? w->nr_picks : w->c->g.nr_zones;
}

static uint32_t random_zone(Walk *w)
{
    return nth_zone(w, random_below(w, nr_walked(w)));
}

static uint32_t choose_zone(Walk *w)
{
    return nth_zone(w, choose_below(w, nr_walked(w)));
}

/* Telling what went wrong */

static void G_GNUC_PRINTF(2, 3) note(Walk *w, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(w->history[w->step % HISTORY], sizeof(w->history[0]), format,
              args);
    va_end(args);
}

static void print_zone(const Walk *w, uint32_t zone_idx)
{
    static const char marks[] = ".fwxa";
    const RefZone *zone = &w->ref->zones[zone_idx];
    ZoneInfo info;
    uint64_t i;

    zone_table_info(w->table, zone_idx, &info);
    fprintf(stderr, "%4u table: %-17s%s wp +%" PRIu64 " reserved +%" PRIu64
            " attributes %02x word %016" PRIx64 "\n", zone_idx,
            zone_state_str(info.state),
            zone_table_held(w->table, zone_idx) ? " held" : "",
            info.wp_bytes - info.start_bytes,
            info.reserved_bytes - info.start_bytes, info.attributes,
            zone_table_word(w->table, zone_idx));
    fprintf(stderr, "     model: %-17s%s wp +%" PRIu64 " reserved +%" PRIu64
            " attributes %02x word %016" PRIx64 " used %" PRIu64 "\n     ",
            zone_state_str(zone->state), zone->held ? " held" : "",
            ref_wp_bytes(w->ref, zone_idx) - info.start_bytes,
            ref_reserved_bytes(w->ref, zone_idx) - info.start_bytes,
            ref_attributes(w->ref, zone_idx), ref_word(w->ref, zone_idx),
            zone->last_used);
    for (i = 0; i < w->ref->capacity_blocks; i++) {
        fputc(marks[zone->blocks[i]], stderr);
    }
    for (i = 0; i < w->ref->capacity_blocks; i++) {
        if (zone->failed[i]) {
            fprintf(stderr, " %" PRIu64 "+%u", i, zone->failed[i]);
        }
        if (zone->unsure[i]) {
            fprintf(stderr, " unsure %" PRIu64 "+%u", i, zone->unsure[i]);
        }
    }
    fputc('\n', stderr);
}

static void G_GNUC_PRINTF(2, 3) G_GNUC_NORETURN
differ(const Walk *w, const char *format, ...)
{
    va_list args;
    uint32_t i;

    fprintf(stderr, "table and model differ: geometry %s, step %" PRIu64
            ", seed %" PRIu64 "\n  ", w->c->name, w->step, w->seed);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fprintf(stderr, "\nlast calls, the latest at the end:\n");
    for (i = 1; i <= HISTORY; i++) {
        fprintf(stderr, "  %s\n", w->history[(w->step + i) % HISTORY]);
    }
    for (i = 0; i < nr_walked(w); i++) {
        print_zone(w, nth_zone(w, i));
    }
    for (i = 0; i < REF_MAX_WRITES; i++) {
        const RefWrite *write = &w->ref->writes[i];

        if (write->in_use) {
            fprintf(stderr, "  in flight: zone %u blocks %" PRIu64 "..%"
                    PRIu64 " seq %" PRIu64 "%s\n", write->zone_idx,
                    write->start, write->end, write->seq,
                    write->passed_by ? " passed" :
                    write->retry ? " retry" : "");
        }
    }
    abort();
}

static void compare_number(const Walk *w, const char *what, uint64_t table,
                           uint64_t model)
{
    if (table != model) {
        differ(w, "%s: table %" PRIu64 ", model %" PRIu64, what, table, model);
    }
}

static void compare_status(const Walk *w, const char *what, ZoneStatus table,
                           ZoneStatus model)
{
    if (table != model) {
        differ(w, "%s: table says \"%s\", model says \"%s\"", what,
               zone_status_str(table), zone_status_str(model));
    }
    nr_seen[table]++;
}

/* Comparing everything */

static void compare_zone(const Walk *w, uint32_t zone_idx)
{
    const RefZone *zone = &w->ref->zones[zone_idx];
    ZoneInfo info;

    zone_table_info(w->table, zone_idx, &info);
    compare_number(w, "number", info.zone_idx, zone_idx);
    compare_number(w, "start", info.start_bytes,
                   zone_idx * w->c->g.zone_bytes);
    compare_number(w, "length", info.length_bytes, w->c->g.zone_bytes);
    compare_number(w, "capacity", info.capacity_bytes,
                   zone->state == ZONE_STATE_CONVENTIONAL ?
                   w->c->g.zone_bytes : zone->capacity * w->c->block_bytes);
    compare_number(w, "limits", info.limits, ref_limits(w->ref, zone_idx));
    compare_number(w, "state", info.state, zone->state);
    compare_number(w, "write pointer", info.wp_bytes,
                   ref_wp_bytes(w->ref, zone_idx));
    compare_number(w, "reservation", info.reserved_bytes,
                   ref_reserved_bytes(w->ref, zone_idx));
    compare_number(w, "attributes", info.attributes,
                   ref_attributes(w->ref, zone_idx));
    compare_number(w, "word", zone_table_word(w->table, zone_idx),
                   ref_word(w->ref, zone_idx));
    compare_number(w, "held", zone_table_held(w->table, zone_idx), zone->held);
    compare_number(w, "in flight", zone_table_in_flight(w->table, zone_idx),
                   ref_in_flight(w->ref, zone_idx));
}

static void compare_counts(const Walk *w)
{
    ZoneCounts table = zone_table_counts(w->table);
    ZoneCounts model = ref_counts(w->ref);

    compare_number(w, "open zones", table.open, model.open);
    compare_number(w, "active zones", table.active, model.active);
    compare_number(w, "ZRWAs", table.zrwa, model.zrwa);
}

/* Iterating a state meets each of its zones, and nothing else, once */
static void compare_iteration(const Walk *w, ZoneState state)
{
    uint32_t count = 0;
    uint32_t expected = 0;
    int64_t i = -1;

    while ((i = zone_table_next_in_state(w->table, state, i)) >= 0) {
        if (w->ref->zones[i].state != state ||
            ++count > w->c->g.nr_zones) {
            differ(w, "iterating %s meets zone %" PRId64,
                   zone_state_str(state), i);
        }
    }
    for (i = 0; i < w->c->g.nr_zones; i++) {
        expected += w->ref->zones[i].state == state;
    }
    compare_number(w, "zones iterated", count, expected);
}

/* One read: the stretch is uniform, and of the kind the model says */
static void compare_read(Walk *w)
{
    uint64_t block_bytes = w->c->block_bytes;
    uint64_t start_bytes = random_zone(w) * w->c->g.zone_bytes;
    uint64_t zone_blocks = w->ref->zone_blocks;
    uint64_t offset_bytes = start_bytes +
                            random_below(w, zone_blocks) * block_bytes;
    uint64_t bytes = (1 + random_below(w, 2 * zone_blocks)) * block_bytes;
    uint64_t extent_bytes = 0;
    uint64_t pos;
    bool data = zone_table_read_extent(w->table, offset_bytes, bytes,
                                       &extent_bytes);

    if (extent_bytes == 0 || extent_bytes > bytes ||
        extent_bytes % block_bytes) {
        differ(w, "read of %" PRIu64 " bytes at %" PRIu64 " gives %" PRIu64,
               bytes, offset_bytes, extent_bytes);
    }
    for (pos = 0; pos < extent_bytes; pos += block_bytes) {
        if (data != ref_is_data(w->ref, offset_bytes + pos)) {
            differ(w, "read at %" PRIu64 " finds %s", offset_bytes + pos,
                   data ? "data" : "zeros");
        }
    }
}

static void compare_writes(Walk *w)
{
    uint64_t seq = zone_table_next_seq(w->table);
    uint64_t nr_ended = zone_table_nr_ended(w->table);
    uint64_t fewer;
    int i;

    compare_number(w, "next seq", seq, w->ref->seq);
    compare_number(w, "ended", nr_ended, w->ref->nr_ended);
    fewer = nr_ended - random_below(w, MIN(nr_ended, REF_MAX_WRITES) + 1);
    compare_number(w, "passed", zone_table_passed_by(w->table, nr_ended),
                   ref_passed_by(w->ref, nr_ended));
    compare_number(w, "passed by an older one",
                   zone_table_passed_by(w->table, fewer),
                   ref_passed_by(w->ref, fewer));
    i = random_below(w, REF_MAX_WRITES);
    if (w->ref->writes[i].in_use) {
        compare_number(w, "gap",
                       zone_table_write_gap(w->table, &w->writes[i]),
                       ref_gap_bytes(w->ref, i));
    }
}

static void compare_all(Walk *w)
{
    bool few = w->c->g.nr_zones <= 16 || w->step % 512 == 0;
    uint32_t i;

    for (i = 0; i < nr_walked(w); i++) {
        compare_zone(w, nth_zone(w, i));
    }
    if (few) {
        for (i = 0; w->nr_picks && i < w->c->g.nr_zones; i++) {
            compare_zone(w, i);
        }
        compare_counts(w);
        compare_iteration(w, random_below(w, ZONE_STATE__MAX));
        zone_table_verify(w->table);
    }
    compare_read(w);
    compare_writes(w);
}

/* Steps */

/* Before a write of a sequential zone that is accepted */
static void count_write(const Walk *w, uint64_t offset_bytes, uint64_t bytes)
{
    uint32_t zone_idx = offset_bytes / w->c->g.zone_bytes;
    const RefZone *zone = &w->ref->zones[zone_idx];
    uint64_t top_bytes = ref_reserved_bytes(w->ref, zone_idx);
    uint64_t block = offset_bytes % w->c->g.zone_bytes / w->c->block_bytes;
    int i;

    if (zone->state == ZONE_STATE_CONVENTIONAL || zone->zrwa) {
        return;
    }
    if (offset_bytes < top_bytes && zone->unsure[block]) {
        nr_met[WALK_MET_SURE]++;
        nr_met[WALK_MET_SURE_CLOSED] += zone->state == ZONE_STATE_CLOSED;
        nr_met[WALK_MET_SURE_FULL] += zone->state == ZONE_STATE_FULL;
        return;
    }
    nr_met[WALK_MET_RETRY] += offset_bytes < top_bytes;
    nr_met[WALK_MET_RETRY_BEYOND] += offset_bytes > top_bytes;
    if (offset_bytes == top_bytes && zone->failed[block]) {
        nr_met[zone->failed[block] == bytes / w->c->block_bytes ?
               WALK_MET_RETRY_AT_TAIL : WALK_MET_OTHER_AT_TAIL]++;
    }
    for (i = 0; i < REF_MAX_WRITES; i++) {
        const RefWrite *write = &w->ref->writes[i];

        nr_met[WALK_MET_RETRY_TWO] += offset_bytes < top_bytes &&
            write->in_use && write->retry && write->zone_idx == zone_idx;
    }
}

/* word: that of the zone before; an Empty zone with FZR stores it no more */
static void compare_begin(Walk *w, int slot, uint64_t word)
{
    bool changed = ref_word(w->ref, w->ref->writes[slot].zone_idx) != word;

    compare_number(w, "begin of a write changes the word",
                   w->writes[slot].changed, changed);
    nr_met[WALK_MET_CHANGED_BY_BEGIN] += changed;
}

static void try_write(Walk *w, int slot, uint64_t offset_bytes, uint64_t bytes)
{
    const ZoneGeometry *g = &w->c->g;
    ZoneStatus expected;
    uint64_t word = 0;

    note(w, "write %" PRIu64 " blocks at %" PRIu64 ", zone %" PRIu64,
         bytes / w->c->block_bytes,
         offset_bytes % g->zone_bytes / w->c->block_bytes,
         offset_bytes / g->zone_bytes);
    expected = ref_write_status(w->ref, offset_bytes, bytes);
    compare_status(w, "check of a write",
                   zone_table_check_write(w->table, offset_bytes, bytes),
                   expected);
    if (expected == ZONE_OK) {
        count_write(w, offset_bytes, bytes);
        word = ref_word(w->ref, offset_bytes / g->zone_bytes);
    }
    compare_status(w, "write",
                   zone_table_write_begin(w->table, &w->writes[slot],
                                          offset_bytes, bytes),
                   ref_write_begin(w->ref, slot, offset_bytes, bytes));
    if (expected == ZONE_OK) {
        compare_begin(w, slot, word);
        /* No other write begins before the gap is zeroed */
        zone_table_gap_filled(w->table, &w->writes[slot]);
    }
}

static void step_begin(Walk *w)
{
    const ZoneGeometry *g = &w->c->g;
    uint32_t zone_idx = choose_zone(w);
    uint64_t block_bytes = w->c->block_bytes;
    uint64_t offset_bytes = ref_reserved_bytes(w->ref, zone_idx);
    uint64_t bytes = (1 + choose_below(w, chance(w, 85) ? 4 : 20)) *
                     block_bytes;
    int slot = choose_below(w, REF_MAX_WRITES);

    if (w->ref->writes[slot].in_use) {
        return;
    }
    if (w->ref->zones[zone_idx].zrwa && chance(w, 80)) {
        offset_bytes = ref_wp_bytes(w->ref, zone_idx) + block_bytes *
                       choose_below(w, 2 * g->zrwa_bytes / block_bytes + 2);
        offset_bytes -= chance(w, 10) && offset_bytes ? block_bytes : 0;
    } else if (chance(w, 15)) {
        offset_bytes = (uint64_t)zone_idx * g->zone_bytes + block_bytes *
                       choose_below(w, 2 * w->ref->zone_blocks);
    }
    try_write(w, slot, offset_bytes, bytes);
}

/* A zone with writes that could be made again, from the chosen one on */
static uint32_t choose_failed_zone(Walk *w, int *count)
{
    uint32_t n = choose_below(w, nr_walked(w));
    uint32_t i;

    for (i = 0; i < nr_walked(w); i++) {
        uint32_t zone_idx = nth_zone(w, (n + i) % nr_walked(w));

        *count = ref_nth_failed(w->ref, zone_idx, -1, NULL, NULL);
        if (*count) {
            return zone_idx;
        }
    }
    return nth_zone(w, n);
}

/* What failed is written again: any of it, or nearly that */
static void step_again(Walk *w)
{
    int count;
    uint32_t zone_idx = choose_failed_zone(w, &count);
    int slot = choose_below(w, REF_MAX_WRITES);
    uint64_t offset_bytes, bytes;

    if (w->ref->writes[slot].in_use || count == 0) {
        return;
    }
    ref_nth_failed(w->ref, zone_idx, choose_below(w, count), &offset_bytes,
                   &bytes);
    if (chance(w, 15)) {
        bytes += w->c->block_bytes;
    } else if (chance(w, 10) && bytes > w->c->block_bytes) {
        offset_bytes += w->c->block_bytes;
        bytes -= w->c->block_bytes;
    }
    try_write(w, slot, offset_bytes, bytes);
}

/* A device makes all its failed writes again: the last first, or the first */
static void step_restart(Walk *w)
{
    int count;
    uint32_t zone_idx = choose_failed_zone(w, &count);
    bool last_first = chance(w, 60);
    uint64_t offset_bytes, bytes;
    int slot;

    for (slot = 0; slot < REF_MAX_WRITES && count; slot++) {
        if (w->ref->writes[slot].in_use) {
            continue;
        }
        ref_nth_failed(w->ref, zone_idx, last_first ? count - 1 : 0,
                       &offset_bytes, &bytes);
        try_write(w, slot, offset_bytes, bytes);
        compare_all(w);
        w->step++;
        note(w, "(nothing)");
        count = ref_nth_failed(w->ref, zone_idx, -1, NULL, NULL);
    }
}

static void step_discard(Walk *w)
{
    int slot = choose_below(w, REF_MAX_DISCARDS);
    uint64_t offset_bytes = choose_zone(w) * w->c->g.zone_bytes +
                            choose_below(w, w->ref->zone_blocks) *
                            w->c->block_bytes;

    if (w->ref->discards[slot].in_use) {
        note(w, "discard %d done", slot);
        zone_table_discard_end(w->table, &w->discards[slot]);
        ref_discard_end(w->ref, slot);
        return;
    }
    note(w, "discard %d at %" PRIu64, slot, offset_bytes);
    nr_met[WALK_MET_DISCARD]++;
    compare_status(w, "discard",
                   zone_table_discard_begin(w->table, &w->discards[slot],
                                            offset_bytes, w->c->block_bytes),
                   ref_discard_begin(w->ref, slot, offset_bytes));
}

static void step_append(Walk *w)
{
    const ZoneGeometry *g = &w->c->g;
    uint64_t start_bytes = choose_zone(w) * g->zone_bytes;
    uint64_t bytes = (1 + choose_below(w, chance(w, 85) ? 3 : 20)) *
                     w->c->block_bytes;
    int slot = choose_below(w, REF_MAX_WRITES);
    uint64_t word = 0;
    ZoneStatus status;

    if (w->ref->writes[slot].in_use) {
        return;
    }
    if (chance(w, 5)) {
        start_bytes += w->c->block_bytes *
                       choose_below(w, 2 * w->ref->zone_blocks);
    }
    if (start_bytes / g->zone_bytes < g->nr_zones) {
        word = ref_word(w->ref, start_bytes / g->zone_bytes);
    }
    note(w, "append %" PRIu64 " blocks, zone %" PRIu64 "+%" PRIu64,
         bytes / w->c->block_bytes, start_bytes / g->zone_bytes,
         start_bytes % g->zone_bytes);
    status = zone_table_append_begin(w->table, &w->writes[slot], start_bytes,
                                     bytes);
    compare_status(w, "append", status,
                   ref_append_begin(w->ref, slot, start_bytes, bytes));
    if (status == ZONE_OK) {
        compare_number(w, "position of the append",
                       w->writes[slot].start_bytes, start_bytes +
                       w->ref->writes[slot].start * w->c->block_bytes);
        compare_begin(w, slot, word);
    }
}

/* Is the stored write pointer above what a zone without ZRWA reports? */
static bool is_stored_ahead(const Walk *w, uint32_t zone_idx)
{
    return !w->ref->zones[zone_idx].zrwa &&
           zone_word_wp_bytes(ref_word(w->ref, zone_idx)) >
           ref_wp_bytes(w->ref, zone_idx);
}

/* The flush behind a write that has just ended well is to fail later */
static void begin_flush(Walk *w, int slot)
{
    int i = choose_below(w, MAX_FLUSHES);

    if (!w->ref_flushes[i].in_use) {
        w->flushes[i] = w->writes[slot];
        w->ref_flushes[i] = w->ref->writes[slot];
        w->ref_flushes[i].in_use = true;
    }
}

static void step_unsure(Walk *w)
{
    int i = choose_below(w, MAX_FLUSHES);
    const RefWrite *write = &w->ref_flushes[i];
    uint64_t bytes = w->flushes[i].end_bytes - w->flushes[i].start_bytes;
    bool remembered;

    if (!write->in_use) {
        return;
    }
    note(w, "flush failed, zone %u block %" PRIu64, write->zone_idx,
         write->start);
    zone_table_write_unsure(w->table, &w->flushes[i]);
    remembered = ref_write_unsure(w->ref, write);
    compare_status(w, "check of a write whose flush failed",
                   zone_table_check_write(w->table, w->flushes[i].start_bytes,
                                          bytes),
                   ref_write_status(w->ref, w->flushes[i].start_bytes, bytes));
    nr_met[WALK_MET_UNSURE] += remembered;
    nr_met[WALK_MET_UNSURE_TOO_LATE] += !remembered && write->tracked &&
                                        !write->append && !write->zrwa;
    w->ref_flushes[i].in_use = false;
}

static void end_write(Walk *w, int slot)
{
    bool success = chance(w, w->percent_well);
    uint32_t zone_idx = w->ref->writes[slot].zone_idx;
    uint64_t word = ref_word(w->ref, zone_idx);
    uint64_t wp_bytes = ref_wp_bytes(w->ref, zone_idx);
    bool changed;

    note(w, "write %s, zone %u block %" PRIu64,
         success ? "done" : "failed", zone_idx, w->ref->writes[slot].start);
    changed = zone_table_write_end(w->table, &w->writes[slot], success);
    ref_write_end(w->ref, slot, success);
    compare_number(w, "end of a write changes the word", changed,
                   ref_word(w->ref, zone_idx) != word);
    if (zone_word_wp_bytes(ref_word(w->ref, zone_idx)) <
        zone_word_wp_bytes(word) ||
        ref_wp_bytes(w->ref, zone_idx) < wp_bytes) {
        differ(w, "end of a write takes a write pointer back");
    }
    if (success && chance(w, 30)) {
        begin_flush(w, slot);
    }
    nr_met[WALK_MET_SURE_FAILS] += !success && w->ref->writes[slot].retry &&
        w->ref->zones[zone_idx].unsure[w->ref->writes[slot].start];
    nr_met[WALK_MET_STORED_AHEAD] += is_stored_ahead(w, zone_idx);
    nr_met[WALK_MET_LOST] += !success && w->ref->writes[slot].append &&
                             ref_reserved_bytes(w->ref, zone_idx) >
                             w->writes[slot].start_bytes;
    nr_met[WALK_MET_FILLED_BY_RETRY] += w->ref->writes[slot].retry &&
        w->ref->zones[zone_idx].state == ZONE_STATE_FULL;
}

static void step_end(Walk *w)
{
    int slot = choose_below(w, REF_MAX_WRITES);
    int i;

    for (i = 0; i < REF_MAX_WRITES; i++) {
        if (w->ref->writes[(slot + i) % REF_MAX_WRITES].in_use) {
            end_write(w, (slot + i) % REF_MAX_WRITES);
            return;
        }
    }
}

/* Ends what is in flight in one zone, or in all (-1) */
static void drain(Walk *w, int64_t zone_idx)
{
    int first = choose_below(w, REF_MAX_WRITES);
    int i;

    for (i = 0; i < REF_MAX_WRITES; i++) {
        int slot = (first + i) % REF_MAX_WRITES;

        if (w->ref->writes[slot].in_use &&
            (zone_idx < 0 || w->ref->writes[slot].zone_idx == zone_idx)) {
            end_write(w, slot);
            compare_all(w);
            w->step++;
        }
    }
    for (i = 0; i < REF_MAX_DISCARDS; i++) {
        if (w->ref->discards[i].in_use &&
            (zone_idx < 0 || w->ref->discards[i].zone_idx == zone_idx)) {
            zone_table_discard_end(w->table, &w->discards[i]);
            ref_discard_end(w->ref, i);
        }
    }
}

/* Rare ones are rare because a zone does not live long after them */
static ZoneEvent choose_event(Walk *w)
{
    static const ZoneEvent rare[] = {
        ZONE_EVENT_OFFLINE, ZONE_EVENT_FAULT_READ_ONLY,
        ZONE_EVENT_FAULT_OFFLINE, ZONE_EVENT_EXCURSION, ZONE_EVENT_EXCURSION,
    };
    static const ZoneEvent usual[] = {
        ZONE_EVENT_WRITE, ZONE_EVENT_OPEN, ZONE_EVENT_OPEN,
        ZONE_EVENT_OPEN_ZRWA, ZONE_EVENT_OPEN_ZRWA, ZONE_EVENT_CLOSE,
        ZONE_EVENT_CLOSE, ZONE_EVENT_AUTO_CLOSE, ZONE_EVENT_FINISH,
        ZONE_EVENT_FILLED, ZONE_EVENT_RESET, ZONE_EVENT_RESET,
        ZONE_EVENT_SET_ZDE, ZONE_EVENT_SET_ZDE_ZRWA, ZONE_EVENT_POWER_CYCLE,
        ZONE_EVENT_POWER_CYCLE_UNWRITTEN, ZONE_EVENT_POWER_CYCLE_FILLED,
    };

    return chance(w, 3) ? rare[choose_below(w, G_N_ELEMENTS(rare))] :
                          usual[choose_below(w, G_N_ELEMENTS(usual))];
}

static bool needs_idle(ZoneEvent event)
{
    return event == ZONE_EVENT_FINISH || event == ZONE_EVENT_RESET ||
           event == ZONE_EVENT_OFFLINE || event == ZONE_EVENT_SET_ZDE ||
           event == ZONE_EVENT_SET_ZDE_ZRWA ||
           event == ZONE_EVENT_POWER_CYCLE ||
           event == ZONE_EVENT_POWER_CYCLE_UNWRITTEN ||
           event == ZONE_EVENT_POWER_CYCLE_FILLED ||
           event == ZONE_EVENT_EXCURSION ||
           event == ZONE_EVENT_FAULT_READ_ONLY ||
           event == ZONE_EVENT_FAULT_OFFLINE;
}

/* A ZRWA is for Empty zones: one near by, if there is any */
static uint32_t choose_zone_for(Walk *w, ZoneEvent event)
{
    uint32_t zone_idx = choose_zone(w);
    uint32_t i;

    if ((event != ZONE_EVENT_OPEN_ZRWA && event != ZONE_EVENT_SET_ZDE_ZRWA) ||
        chance(w, 30)) {
        return zone_idx;
    }
    for (i = zone_idx; i < w->c->g.nr_zones && i < zone_idx + 8; i++) {
        if (w->ref->zones[i].state == ZONE_STATE_EMPTY) {
            return i;
        }
    }
    return zone_idx;
}

static void step_event(Walk *w)
{
    ZoneEvent event = choose_event(w);
    uint32_t zone_idx = choose_zone_for(w, event);
    uint64_t word = ref_word(w->ref, zone_idx);
    uint64_t word_after = word;
    ZoneState state;
    ZoneStatus status, expected;
    bool changed;

    if (needs_idle(event) && ref_in_flight(w->ref, zone_idx)) {
        if (chance(w, 60)) {
            return;
        }
        drain(w, zone_idx);
        word = word_after = ref_word(w->ref, zone_idx);
    }
    note(w, "%s, zone %u", zone_event_str(event), zone_idx);
    state = w->ref->zones[zone_idx].state;
    expected = ref_event_status(w->ref, zone_idx, event);
    compare_status(w, "check of an event",
                   zone_table_check_event(w->table, zone_idx, event),
                   expected);
    if (expected == ZONE_OK) {
        word_after = zone_table_word_after(w->table, zone_idx, event);
        nr_moves[state][event]++;
    }
    status = zone_table_event(w->table, zone_idx, event, &changed);
    compare_status(w, "event", status, ref_event(w->ref, zone_idx, event));
    compare_number(w, "event changes the word", changed,
                   ref_word(w->ref, zone_idx) != word);
    compare_number(w, "word foretold", word_after,
                   ref_word(w->ref, zone_idx));
}

static void step_hold(Walk *w)
{
    uint32_t zone_idx = choose_zone(w);
    RefZone *zone = &w->ref->zones[zone_idx];

    if (zone->held) {
        note(w, "release, zone %u", zone_idx);
        zone_table_release(w->table, zone_idx);
        zone->held = false;
    } else if (chance(w, 25)) {
        note(w, "hold, zone %u", zone_idx);
        zone_table_hold(w->table, zone_idx);
        zone->held = true;
    }
}

static void step_attributes(Walk *w)
{
    uint32_t zone_idx = choose_zone(w);
    RefZone *zone = &w->ref->zones[zone_idx];
    uint8_t attributes = ref_attributes(w->ref, zone_idx);
    uint8_t limits = ref_limits(w->ref, zone_idx);
    bool frozen = zone->state == ZONE_STATE_CONVENTIONAL ||
                  zone->state == ZONE_STATE_OFFLINE;
    bool fzr = chance(w, 50);
    bool set = chance(w, 50);
    uint8_t bit = fzr ? ZONE_ATTR_FZR : ZONE_ATTR_RZR;
    uint8_t limit = set && w->c->g.capacity_step_bytes ? choose_below(w, 4) : 0;
    ZoneAdvice advice = {
        .set = set ? bit : 0, .clear = set ? 0 : bit,
        .limits = fzr ? limit : limit << 2,
    };
    uint64_t word;
    bool changed;

    note(w, "attribute %02x %s, limit %u, zone %u", bit,
         set ? "set" : "cleared", limit, zone_idx);
    word = zone_table_word_advised(w->table, zone_idx, &advice);
    changed = zone_table_advise(w->table, zone_idx, &advice);
    if (!frozen && fzr) {
        zone->fzr = set;
        zone->fzr_limit = limit;
    } else if (!frozen) {
        zone->rzr = set;
        zone->rzr_limit = limit;
    }
    compare_number(w, "attribute changes", changed,
                   ref_attributes(w->ref, zone_idx) != attributes ||
                   ref_limits(w->ref, zone_idx) != limits);
    compare_number(w, "word foretold", word, ref_word(w->ref, zone_idx));
}

/* Of the drive, or less by steps, which may be too many or none */
static void step_capacity(Walk *w)
{
    const ZoneGeometry *g = &w->c->g;
    uint32_t zone_idx = choose_zone(w);
    RefZone *zone = &w->ref->zones[zone_idx];
    uint64_t less_bytes = choose_below(w, 5) * g->capacity_step_bytes +
                          (chance(w, 10) ? w->c->block_bytes : 0);
    bool possible = g->capacity_step_bytes && less_bytes < g->capacity_bytes &&
                    less_bytes % g->capacity_step_bytes == 0;

    if (zone->state == ZONE_STATE_CONVENTIONAL) {
        return;
    }
    note(w, "next capacity less by %" PRIu64 ", zone %u", less_bytes, zone_idx);
    compare_number(w, "capacity possible",
                   zone_table_set_next_capacity(w->table, zone_idx,
                                                g->capacity_bytes - less_bytes),
                   possible);
    if (possible) {
        zone->next_capacity = (g->capacity_bytes - less_bytes) /
                              w->c->block_bytes;
    }
}

static void step_flush(Walk *w)
{
    const ZoneGeometry *g = &w->c->g;
    uint64_t end_bytes = ref_wp_bytes(w->ref, choose_zone(w)) +
                         w->c->block_bytes *
                         choose_below(w, 2 + g->zrwa_bytes /
                                         w->c->block_bytes);
    uint64_t zone_idx;

    if (chance(w, 20)) {
        zone_idx = choose_zone(w);
        end_bytes = zone_idx * g->zone_bytes +
                    w->ref->zones[zone_idx].capacity * w->c->block_bytes;
    }
    zone_idx = (end_bytes - 1) / g->zone_bytes;
    if (end_bytes && zone_idx < g->nr_zones &&
        ref_in_flight(w->ref, zone_idx)) {
        return;
    }
    note(w, "ZRWA flush to block %" PRIu64 ", zone %" PRIu64,
         end_bytes % g->zone_bytes / w->c->block_bytes, zone_idx);
    compare_status(w, "ZRWA flush",
                   zone_table_zrwa_flush(w->table, end_bytes),
                   ref_zrwa_flush(w->ref, end_bytes));
}

/* Power fails: a new table is made of nothing but the stored words */
static void step_crash(Walk *w)
{
    uint32_t nr_zones = w->c->g.nr_zones;
    g_autofree uint64_t *words = g_new(uint64_t, nr_zones);
    ZoneTable *table;
    uint32_t i;
    int slot;

    note(w, "power failure");
    w->ref->g.auto_close = w->c->g.auto_close;
    for (i = 0; i < nr_zones; i++) {
        const char *fault;

        words[i] = zone_table_word(w->table, i);
        fault = zone_word_check(&w->c->g, i, words[i]);
        if (fault) {
            differ(w, "word of zone %u: %s", i, fault);
        }
    }
    table = zone_table_new_from_words(&w->c->g, words);
    for (i = 0; i < nr_zones; i++) {
        compare_number(w, "word after loading", zone_table_word(table, i),
                       words[i]);
    }
    for (slot = 0; slot < REF_MAX_WRITES; slot++) {
        if (w->ref->writes[slot].in_use) {
            zone_table_write_end(w->table, &w->writes[slot], chance(w, 50));
        }
    }
    for (slot = 0; slot < REF_MAX_DISCARDS; slot++) {
        if (w->ref->discards[slot].in_use) {
            zone_table_discard_end(w->table, &w->discards[slot]);
        }
    }
    for (slot = 0; slot < MAX_FLUSHES; slot++) {
        w->ref_flushes[slot].in_use = false;
    }
    zone_table_free(w->table);
    w->table = table;
    ref_crash(w->ref);
    w->ref->seq = zone_table_next_seq(table);
    w->ref->nr_ended = zone_table_nr_ended(table);
}

/* A word that may or may not be one the zone can have */
static void step_load(Walk *w)
{
    static const uint8_t states[] = { 0, 0, 0, 0xd, 0xe, 0xe, 0xf, 1, 0xc };
    uint32_t zone_idx = choose_zone(w);
    uint64_t wp_bytes = zone_idx * w->c->g.zone_bytes + w->c->block_bytes *
                        choose_below(w, w->ref->capacity_blocks + 2);
    bool conventional = zone_idx < w->c->g.conventional_zones;
    uint64_t word;

    if (ref_in_flight(w->ref, zone_idx)) {
        return;
    }
    word = zone_word_encode(states[choose_below(w, sizeof(states))],
                            conventional ^ chance(w, 3),
                            chance(w, 60) ? 0 : chance(w, 90) ?
                            choose_below(w, 8) : choose_below(w, 256),
                            wp_bytes);
    if (chance(w, 20)) {
        word |= (uint64_t)ZONE_ATTR_ZDEV << ZONE_WORD_ATTR_SHIFT;
    }
    if (chance(w, 20)) {
        word |= choose_below(w, 512); /* capacity and limits, if any */
    }
    note(w, "load word %016" PRIx64 ", zone %u", word, zone_idx);
    compare_number(w, "validity of the word",
                   !zone_word_check(&w->c->g, zone_idx, word),
                   ref_word_valid(w->ref, zone_idx, word));
    /* Only whole blocks can be compared later */
    if (ref_word_valid(w->ref, zone_idx, word) &&
        (wp_bytes - zone_idx * w->c->g.zone_bytes) % w->c->block_bytes == 0) {
        zone_table_load_word(w->table, zone_idx, word);
        ref_load_word(w->ref, zone_idx, word);
    }
}

static void step_power_cycle(Walk *w)
{
    uint32_t i;

    drain(w, -1);
    note(w, "power cycle of all zones");
    for (i = 0; i < w->c->g.nr_zones; i++) {
        compare_status(w, "power cycle",
                       zone_table_event(w->table, i, ZONE_EVENT_POWER_CYCLE,
                                        NULL),
                       ref_event(w->ref, i, ZONE_EVENT_POWER_CYCLE));
    }
}

static void step_auto_close(Walk *w)
{
    bool enable = w->c->g.auto_close && chance(w, 80);

    note(w, "auto-close %s", enable ? "on" : "off");
    zone_table_set_auto_close(w->table, enable);
    w->ref->g.auto_close = enable;
}

static void step_luck(Walk *w)
{
    w->percent_well = chance(w, 60) ? 85 : 25;
    note(w, "%u%% of the writes will succeed", w->percent_well);
}

static void take_step(Walk *w)
{
    uint64_t dice = choose_below(w, 1000);

    note(w, "(nothing)");
    if (dice < 240) {
        step_begin(w);
    } else if (dice < 285) {
        step_again(w);
    } else if (dice < 310) {
        step_restart(w);
    } else if (dice < 380) {
        step_append(w);
    } else if (dice < 400) {
        step_unsure(w);
    } else if (dice < 710) {
        step_end(w);
    } else if (dice < 716) {
        step_luck(w);
    } else if (dice < 730) {
        step_discard(w);
    } else if (dice < 890) {
        step_event(w);
    } else if (dice < 945) {
        step_hold(w);
    } else if (dice < 955) {
        step_attributes(w);
    } else if (dice < 957) {
        step_capacity(w);
    } else if (dice < 958) {
        step_auto_close(w);
    } else if (dice < 985) {
        step_flush(w);
    } else if (dice < 992) {
        note(w, "open all");
        compare_status(w, "open all", zone_table_open_all(w->table),
                       ref_open_all(w->ref));
    } else if (dice < 995) {
        step_load(w);
    } else if (dice < 997) {
        step_power_cycle(w);
    } else if (w->nr_picks == 0 || dice == 999) {
        step_crash(w);
    }
}

/* Read Only and Offline zones stay so: the walk gets a fresh one at times */
static void revive(Walk *w)
{
    uint32_t zone_idx = choose_zone(w);
    ZoneState state = w->ref->zones[zone_idx].state;
    uint64_t word = zone_empty_word(&w->c->g, zone_idx);

    if ((state == ZONE_STATE_OFFLINE || state == ZONE_STATE_READ_ONLY) &&
        !ref_in_flight(w->ref, zone_idx)) {
        zone_table_load_word(w->table, zone_idx, word);
        ref_load_word(w->ref, zone_idx, word);
    }
}

/* Life of a walk */

const char *walk_case_name(size_t case_idx)
{
    return cases[case_idx].name;
}

uint64_t walk_case_steps(size_t case_idx, uint64_t steps)
{
    uint64_t total = 0;
    size_t i;

    for (i = 0; i < WALK_CASES; i++) {
        total += cases[i].share;
    }
    return steps * cases[case_idx].share / total + 1;
}

Walk *walk_new(size_t case_idx, uint64_t seed)
{
    const WalkCase *c = &cases[case_idx];
    Walk *w = g_new0(Walk, 1);

    w->c = c;
    w->seed = seed;
    w->percent_well = 85;
    w->random = (seed + 1) * UINT64_C(0x9e3779b97f4a7c15) + case_idx + 1;
    w->random += !w->random;
    while (w->nr_picks < MAX_PICKS &&
           (c->picks[w->nr_picks] || (w->nr_picks == 0 && c->picks[1]))) {
        w->nr_picks++;
    }
    w->table = zone_table_new(&c->g);
    w->ref = ref_new(&c->g, c->block_bytes);
    return w;
}

void walk_set_input(Walk *w, const uint8_t *input, size_t input_bytes)
{
    w->input = input;
    w->input_left = input_bytes;
}

size_t walk_input_left(const Walk *w)
{
    return w->input_left;
}

void walk_step(Walk *w)
{
    w->step++;
    take_step(w);
    compare_all(w);
    if (w->step % 64 == 0) {
        revive(w);
    }
}

uint64_t walk_free(Walk *w)
{
    uint64_t steps = w->step;

    drain(w, -1);
    zone_table_free(w->table);
    ref_free(w->ref);
    g_free(w);
    return steps;
}

bool walk_met_status(ZoneStatus status)
{
    return nr_seen[status];
}

bool walk_met_move(ZoneState state, ZoneEvent event)
{
    return nr_moves[state][event];
}

bool walk_met(WalkMet what)
{
    return nr_met[what];
}
