/*
 * Reference model of a zoned device: slow, and as plain as can be
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "zone-reference.h"

RefTable *ref_new(const ZoneGeometry *geometry, uint64_t block_bytes)
{
    RefTable *ref = g_new0(RefTable, 1);
    uint32_t i;

    ref->g = *geometry;
    ref->block_bytes = block_bytes;
    ref->zone_blocks = geometry->zone_bytes / block_bytes;
    ref->capacity_blocks = geometry->capacity_bytes / block_bytes;
    ref->zones = g_new0(RefZone, geometry->nr_zones);
    for (i = 0; i < geometry->nr_zones; i++) {
        ref->zones[i].capacity = ref->capacity_blocks;
        ref->zones[i].next_capacity = ref->capacity_blocks;
        ref->zones[i].blocks = g_new0(uint8_t, ref->zone_blocks);
        ref->zones[i].failed = g_new0(uint8_t, ref->zone_blocks);
        ref->zones[i].unsure = g_new0(uint8_t, ref->zone_blocks);
        ref->zones[i].state = i < geometry->conventional_zones ?
                              ZONE_STATE_CONVENTIONAL : ZONE_STATE_EMPTY;
    }
    return ref;
}

void ref_free(RefTable *ref)
{
    uint32_t i;

    for (i = 0; i < ref->g.nr_zones; i++) {
        g_free(ref->zones[i].blocks);
        g_free(ref->zones[i].failed);
        g_free(ref->zones[i].unsure);
    }
    g_free(ref->zones);
    g_free(ref);
}

/* Positions, in blocks from the start of the zone */

/* The end of the last block that is not blank */
static uint64_t top_of(const RefZone *zone)
{
    uint64_t n = zone->capacity;

    while (n > 0 && zone->blocks[n - 1] == REF_BLANK) {
        n--;
    }
    return n;
}

/* Is the block in flight in a ZRWA, for the first time in its life? */
static bool is_fresh(const RefTable *ref, uint32_t zone_idx, uint64_t n)
{
    int i;

    for (i = 0; i < REF_MAX_WRITES; i++) {
        const RefWrite *write = &ref->writes[i];

        if (write->in_use && write->zrwa && write->zone_idx == zone_idx &&
            write->start <= n && n < write->end && write->top <= n) {
            return true;
        }
    }
    return false;
}

static bool has_failed(const RefZone *zone, uint64_t n)
{
    return zone->blocks[n] == REF_FAILED || zone->blocks[n] == REF_LOST;
}

/* The write pointer that a power cycle finds */
static uint64_t stored_wp_of(const RefTable *ref, const RefZone *zone)
{
    uint64_t top = top_of(zone);
    uint64_t n = 0;

    while (n < top && zone->blocks[n] != REF_FLYING &&
           !(zone->zrwa && is_fresh(ref, zone - ref->zones, n))) {
        n++;
    }
    while (!zone->zrwa && n > 0 && has_failed(zone, n - 1)) {
        n--;
    }
    return n;
}

static uint64_t wp_of(const RefTable *ref, const RefZone *zone)
{
    uint64_t end = stored_wp_of(ref, zone);
    uint64_t n = 0;

    if (zone->zrwa) {
        return zone->zrwa_wp;
    }
    while (n < end && zone->blocks[n] != REF_FAILED) {
        n++;
    }
    return n;
}

static void fill(RefZone *zone, uint64_t start, uint64_t end, RefBlock what)
{
    uint64_t n;

    for (n = start; n < end; n++) {
        zone->blocks[n] = what;
    }
}

uint64_t ref_wp_bytes(const RefTable *ref, uint32_t zone_idx)
{
    return zone_idx * ref->g.zone_bytes +
           wp_of(ref, &ref->zones[zone_idx]) * ref->block_bytes;
}

uint64_t ref_reserved_bytes(const RefTable *ref, uint32_t zone_idx)
{
    return zone_idx * ref->g.zone_bytes +
           top_of(&ref->zones[zone_idx]) * ref->block_bytes;
}

bool ref_in_flight(const RefTable *ref, uint32_t zone_idx)
{
    int i;

    for (i = 0; i < REF_MAX_WRITES; i++) {
        if (ref->writes[i].in_use && ref->writes[i].tracked &&
            ref->writes[i].zone_idx == zone_idx) {
            return true;
        }
    }
    for (i = 0; i < REF_MAX_DISCARDS; i++) {
        if (ref->discards[i].in_use && ref->discards[i].zone_idx == zone_idx) {
            return true;
        }
    }
    return false;
}

/* Counting */

static bool is_open(const RefZone *zone)
{
    return zone->state == ZONE_STATE_IMPLICITLY_OPENED ||
           zone->state == ZONE_STATE_EXPLICITLY_OPENED;
}

ZoneCounts ref_counts(const RefTable *ref)
{
    ZoneCounts counts = { 0 };
    uint32_t i;

    for (i = 0; i < ref->g.nr_zones; i++) {
        const RefZone *zone = &ref->zones[i];

        counts.by_state[zone->state]++;
        if (is_open(zone)) {
            counts.open++;
        }
        if (is_open(zone) || zone->state == ZONE_STATE_CLOSED) {
            counts.active++;
        }
        if (zone->zrwa) {
            counts.zrwa++;
        }
    }
    return counts;
}

/* The zone that auto-close would take: unheld, longest without a write */
static RefZone *auto_close_candidate(const RefTable *ref)
{
    RefZone *oldest = NULL;
    uint32_t i;

    if (!ref->g.auto_close) {
        return NULL;
    }
    for (i = 0; i < ref->g.nr_zones; i++) {
        RefZone *zone = &ref->zones[i];

        if (zone->state == ZONE_STATE_IMPLICITLY_OPENED && !zone->held &&
            (!oldest || zone->last_used < oldest->last_used)) {
            oldest = zone;
        }
    }
    return oldest;
}

/* May this zone be opened, as far as resources go? */
static ZoneStatus room_to_open(const RefTable *ref, const RefZone *zone)
{
    ZoneCounts counts = ref_counts(ref);

    if (is_open(zone)) {
        return ZONE_OK;
    }
    if (zone->state == ZONE_STATE_EMPTY && ref->g.max_active_zones != 0 &&
        counts.active + 1 > ref->g.max_active_zones) {
        return ZONE_ERR_TOO_MANY_ACTIVE;
    }
    if (ref->g.max_open_zones != 0 &&
        counts.open + 1 > ref->g.max_open_zones &&
        auto_close_candidate(ref) == NULL) {
        return ref->g.auto_close &&
               counts.by_state[ZONE_STATE_IMPLICITLY_OPENED] ?
               ZONE_BUSY_OTHERS : ZONE_ERR_TOO_MANY_OPEN;
    }
    return ZONE_OK;
}

static void open_zone(RefTable *ref, RefZone *zone, ZoneState state)
{
    ZoneCounts counts = ref_counts(ref);

    if (!is_open(zone) && ref->g.max_open_zones != 0 &&
        counts.open == ref->g.max_open_zones) {
        auto_close_candidate(ref)->state = ZONE_STATE_CLOSED;
    }
    zone->state = state;
}

/* A write, or a flush: the zone opens if it is not open, and was used last */
static void open_by_write(RefTable *ref, RefZone *zone)
{
    if (!is_open(zone)) {
        open_zone(ref, zone, ZONE_STATE_IMPLICITLY_OPENED);
    }
    zone->last_used = ++ref->clock;
}

/* Ends of lives */

/* What has been written until now is not written again, except in a ZRWA */
static void end_life(RefTable *ref, RefZone *zone)
{
    memset(zone->unsure, 0, ref->zone_blocks);
    zone->life_seq = ref->seq;
}

/* Nothing above end counts, and nothing that failed can be made again */
static void cut_at(RefZone *zone, uint64_t end)
{
    uint64_t n;

    for (n = 0; n < zone->capacity; n++) {
        zone->failed[n] = 0;
        if (n >= end) {
            zone->blocks[n] = REF_BLANK;
        } else if (has_failed(zone, n)) {
            zone->blocks[n] = REF_WRITTEN;
        }
    }
}

/* The ZRWA goes, what has been written in it stays; nor are there failures */
static void commit(RefTable *ref, RefZone *zone)
{
    cut_at(zone, stored_wp_of(ref, zone));
    zone->zrwa = false;
}

static void become_full(RefTable *ref, RefZone *zone)
{
    if (zone->zrwa) {
        end_life(ref, zone);
    }
    commit(ref, zone);
    zone->state = ZONE_STATE_FULL;
    zone->fzr = false;
    zone->stored_full = wp_of(ref, zone) < zone->capacity;
}

static void go_offline(RefTable *ref, RefZone *zone)
{
    cut_at(zone, wp_of(ref, zone));
    zone->zrwa = false;
    zone->zfc = zone->fzr = zone->rzr = zone->zdev = false;
    zone->state = ZONE_STATE_OFFLINE;
}

static void become_empty(RefZone *zone)
{
    zone->zrwa = false;
    cut_at(zone, 0);
    zone->state = ZONE_STATE_EMPTY;
    zone->stored_full = false;
    zone->zfc = zone->fzr = zone->rzr = zone->zdev = false;
}

static void lose_power(RefTable *ref, RefZone *zone)
{
    if (zone->state != ZONE_STATE_CONVENTIONAL) {
        commit(ref, zone);
    }
    if (is_open(zone) || zone->state == ZONE_STATE_CLOSED) {
        if (wp_of(ref, zone) == zone->capacity) {
            become_full(ref, zone);
        } else if (wp_of(ref, zone) == 0 && !zone->zdev) {
            zone->state = ZONE_STATE_EMPTY;
            zone->fzr = false;
        } else {
            zone->state = ZONE_STATE_CLOSED;
        }
    }
}

/* Writes */

/* Is there a retry in flight that covers the block? */
static bool is_retried(const RefTable *ref, uint32_t zone_idx, uint64_t n)
{
    int i;

    for (i = 0; i < REF_MAX_WRITES; i++) {
        const RefWrite *write = &ref->writes[i];

        if (write->in_use && write->retry && write->zone_idx == zone_idx &&
            write->start <= n && n < write->end) {
            return true;
        }
    }
    return false;
}

/* ... one that is unsure? */
static bool makes_sure(const RefTable *ref, uint32_t zone_idx,
                       uint64_t start, uint64_t end)
{
    const RefZone *zone = &ref->zones[zone_idx];

    return start < zone->capacity && zone->unsure[start] != 0 &&
           zone->unsure[start] == end - start &&
           !is_retried(ref, zone_idx, start);
}

/* Would the write make again one that failed, and that nobody makes now? */
static bool makes_again(const RefTable *ref, uint32_t zone_idx,
                        uint64_t start, uint64_t end)
{
    const RefZone *zone = &ref->zones[zone_idx];

    return start < zone->capacity && zone->failed[start] != 0 &&
           zone->failed[start] == end - start &&
           !is_retried(ref, zone_idx, start);
}

int ref_nth_failed(const RefTable *ref, uint32_t zone_idx, int nth,
                   uint64_t *offset_bytes, uint64_t *bytes)
{
    const RefZone *zone = &ref->zones[zone_idx];
    int count = 0;
    uint64_t n;

    for (n = 0; n < zone->capacity; n++) {
        uint64_t blocks = zone->failed[n] + zone->unsure[n]; /* one is 0 */

        if ((makes_again(ref, zone_idx, n, n + blocks) ||
             makes_sure(ref, zone_idx, n, n + blocks)) && count++ == nth) {
            *offset_bytes = zone_idx * ref->g.zone_bytes +
                            n * ref->block_bytes;
            *bytes = blocks * ref->block_bytes;
        }
    }
    return count;
}

/* Over the ends of zones, as long as all of them are conventional */
static ZoneStatus conventional_status(const RefTable *ref, uint32_t zone_idx,
                                      uint64_t end)
{
    if (zone_idx * ref->zone_blocks + end >
        ref->g.conventional_zones * ref->zone_blocks) {
        return ZONE_ERR_BOUNDARY;
    }
    if (ref->zones[zone_idx].held) {
        return ZONE_BUSY;
    }
    return ZONE_OK;
}

static ZoneStatus write_status(const RefTable *ref, uint32_t zone_idx,
                               uint64_t start, uint64_t end)
{
    const RefZone *zone = &ref->zones[zone_idx];

    if (zone->state == ZONE_STATE_CONVENTIONAL) {
        return conventional_status(ref, zone_idx, end);
    }
    if (end > ref->zone_blocks) {
        return ZONE_ERR_BOUNDARY;
    }
    if (zone->held) {
        return ZONE_BUSY;
    }
    if (zone->state == ZONE_STATE_OFFLINE) {
        return ZONE_ERR_OFFLINE;
    }
    if (zone->state == ZONE_STATE_READ_ONLY) {
        return ZONE_ERR_READ_ONLY;
    }
    if (zone->state == ZONE_STATE_FULL) {
        return makes_sure(ref, zone_idx, start, end) ? ZONE_OK : ZONE_ERR_FULL;
    }
    if (zone->zrwa) {
        uint64_t window = 2 * ref->g.zrwa_bytes / ref->block_bytes;

        if (start < zone->zrwa_wp || end > zone->zrwa_wp + window) {
            return ZONE_ERR_NOT_AT_WP;
        }
    } else {
        uint64_t top = top_of(zone);

        if (makes_again(ref, zone_idx, start, end) ||
            makes_sure(ref, zone_idx, start, end)) {
            return room_to_open(ref, zone);
        }
        if (top == zone->capacity) {
            return ZONE_ERR_FULL;
        }
        if (start != top) {
            return ZONE_ERR_NOT_AT_WP;
        }
    }
    if (end > zone->capacity) {
        return ZONE_ERR_BOUNDARY;
    }
    return room_to_open(ref, zone);
}

ZoneStatus ref_write_status(const RefTable *ref, uint64_t offset_bytes,
                            uint64_t bytes)
{
    uint64_t zone_idx = offset_bytes / ref->g.zone_bytes;
    uint64_t start = offset_bytes % ref->g.zone_bytes / ref->block_bytes;

    if (zone_idx >= ref->g.nr_zones) {
        return ZONE_ERR_BOUNDARY;
    }
    return write_status(ref, zone_idx, start,
                        start + bytes / ref->block_bytes);
}

/* A sequential zone: the write is new, or makes one again */
static void reserve(RefZone *zone, RefWrite *write)
{
    uint64_t top = top_of(zone);
    uint64_t n;

    if (write->start < top) {
        write->retry = true;
        return;
    }
    fill(zone, top, write->start, REF_FAILED);  /* skipped: not beyond now */
    if (write->append || zone->failed[write->start] !=
                         write->end - write->start) {
        for (n = top; n < zone->capacity; n++) {
            zone->failed[n] = 0;
        }
    }
    zone->failed[write->start] = 0;
    fill(zone, write->start, write->end, REF_FLYING);
}

static void begin(RefTable *ref, int slot, uint32_t zone_idx, uint64_t start,
                  uint64_t end, bool append)
{
    RefZone *zone = &ref->zones[zone_idx];
    RefWrite *write = &ref->writes[slot];

    *write = (RefWrite) {
        .in_use = true, .zone_idx = zone_idx, .start = start, .end = end,
        .top = top_of(zone), .append = append,
    };
    if (zone->state == ZONE_STATE_CONVENTIONAL) {
        return;
    }
    if (zone->state != ZONE_STATE_FULL) {
        open_by_write(ref, zone);
    }
    write->tracked = true;
    write->zrwa = zone->zrwa;
    write->seq = ref->seq++;
    if (!zone->zrwa) {
        reserve(zone, write);
    }
}

ZoneStatus ref_write_begin(RefTable *ref, int slot, uint64_t offset_bytes,
                           uint64_t bytes)
{
    ZoneStatus status = ref_write_status(ref, offset_bytes, bytes);
    uint64_t start = offset_bytes % ref->g.zone_bytes / ref->block_bytes;

    if (status == ZONE_OK) {
        begin(ref, slot, offset_bytes / ref->g.zone_bytes, start,
              start + bytes / ref->block_bytes, false);
    }
    return status;
}

ZoneStatus ref_append_begin(RefTable *ref, int slot, uint64_t start_bytes,
                            uint64_t bytes)
{
    uint64_t zone_idx = start_bytes / ref->g.zone_bytes;
    uint64_t top;
    ZoneStatus status;

    if (zone_idx >= ref->g.nr_zones || start_bytes % ref->g.zone_bytes != 0) {
        return ZONE_ERR_UNALIGNED;
    }
    if (ref->zones[zone_idx].state == ZONE_STATE_CONVENTIONAL) {
        return ZONE_ERR_CONVENTIONAL;
    }
    if (ref->g.max_append_bytes != 0 && bytes > ref->g.max_append_bytes) {
        return ZONE_ERR_APPEND_LIMIT;
    }
    if (ref->zones[zone_idx].held) {
        return ZONE_BUSY;
    }
    if (ref->zones[zone_idx].zrwa) {
        return ZONE_ERR_NO_ZRWA;
    }
    top = top_of(&ref->zones[zone_idx]);
    /* An append that is too long is measured by the capacity alone */
    status = write_status(ref, zone_idx, top, top);
    if (status == ZONE_OK || status == ZONE_ERR_TOO_MANY_OPEN ||
        status == ZONE_ERR_TOO_MANY_ACTIVE || status == ZONE_BUSY_OTHERS) {
        if (top + bytes / ref->block_bytes >
            ref->zones[zone_idx].capacity) {
            return ZONE_ERR_BOUNDARY;
        }
    }
    if (status == ZONE_OK) {
        begin(ref, slot, zone_idx, top, top + bytes / ref->block_bytes,
              true);
    }
    return status;
}

/* Block by block from the top, down to one that has been written or may be */
static void roll_back(RefTable *ref, RefZone *zone)
{
    uint64_t n = top_of(zone);
    uint64_t i;

    while (n > 0 && has_failed(zone, n - 1) &&
           !is_retried(ref, zone - ref->zones, n - 1)) {
        n--;
        for (i = n; zone->blocks[n] == REF_LOST && i < zone->capacity;
             i++) {
            zone->failed[i] = 0;    /* nobody gets there without the append */
        }
        zone->blocks[n] = REF_BLANK;
    }
}

static void end_sequential(RefTable *ref, RefZone *zone, const RefWrite *write,
                           bool success)
{
    if (success) {
        fill(zone, write->start, write->end, REF_WRITTEN);
        zone->failed[write->start] = 0;
        zone->unsure[write->start] = 0;
        return;
    }
    if (zone->unsure[write->start] != 0) {
        return; /* written before */
    }
    if (write->append) {
        fill(zone, write->start, write->end, REF_LOST);
    } else {
        fill(zone, write->start, write->end, REF_FAILED);
        zone->failed[write->start] = write->end - write->start;
    }
    if (top_of(zone) == write->end) {
        roll_back(ref, zone);
    }
}

static void end_in_zrwa(RefTable *ref, RefZone *zone, const RefWrite *write)
{
    uint64_t step = ref->g.zrwa_granularity_bytes / ref->block_bytes;
    uint64_t length = ref->g.zrwa_bytes / ref->block_bytes;

    for (;;) {
        bool touched = false;
        int i;

        for (i = 0; i < REF_MAX_WRITES; i++) {
            const RefWrite *other = &ref->writes[i];

            if (other->in_use && other->tracked &&
                other->zone_idx == write->zone_idx &&
                other->start < zone->zrwa_wp + step) {
                touched = true;
            }
        }
        if (touched || top_of(zone) <= zone->zrwa_wp + length) {
            return;
        }
        zone->zrwa_wp += step;
    }
}

void ref_write_end(RefTable *ref, int slot, bool success)
{
    RefWrite *write = &ref->writes[slot];
    RefZone *zone = &ref->zones[write->zone_idx];
    int i;

    write->in_use = false;
    if (!write->tracked) {
        return;
    }
    ref->nr_ended += success;
    for (i = 0; success && i < REF_MAX_WRITES; i++) {
        RefWrite *other = &ref->writes[i];
        uint64_t fresh = MAX(other->start, other->top);

        if (!other->in_use || !other->tracked || other->passed_by ||
            other->zone_idx != write->zone_idx) {
            continue;
        }
        if (zone->zrwa ? fresh < other->end && fresh < write->end
                       : !other->retry && other->start < write->start) {
            other->passed_by = ref->nr_ended;
        }
    }
    if (write->zrwa) {
        if (success) {
            fill(zone, 0, write->end, REF_WRITTEN);
        }
        end_in_zrwa(ref, zone, write);
        return;
    }
    end_sequential(ref, zone, write, success);
    if (wp_of(ref, zone) == zone->capacity &&
        (is_open(zone) || zone->state == ZONE_STATE_CLOSED)) {
        become_full(ref, zone);
    }
}

/* The table looks no closer than at the last 8 bits of a zone's number */
bool ref_write_unsure(RefTable *ref, const RefWrite *write)
{
    RefZone *zone = &ref->zones[write->zone_idx];
    uint32_t i;

    if (!write->tracked || write->append || zone->zrwa) {
        return false;
    }
    for (i = write->zone_idx % 256; i < ref->g.nr_zones; i += 256) {
        if (write->seq < ref->zones[i].life_seq) {
            return false;
        }
    }
    zone->unsure[write->start] = write->end - write->start;
    return true;
}

ZoneStatus ref_discard_begin(RefTable *ref, int slot, uint64_t offset_bytes)
{
    uint32_t zone_idx = offset_bytes / ref->g.zone_bytes;

    if (ref->zones[zone_idx].held) {
        return ZONE_BUSY;
    }
    ref->discards[slot] = (RefWrite) { .in_use = true, .zone_idx = zone_idx };
    return ZONE_OK;
}

void ref_discard_end(RefTable *ref, int slot)
{
    ref->discards[slot].in_use = false;
}

bool ref_passed_by(const RefTable *ref, uint64_t nr_ended)
{
    int i;

    for (i = 0; i < REF_MAX_WRITES; i++) {
        const RefWrite *write = &ref->writes[i];

        if (write->in_use && write->tracked && write->passed_by &&
            write->passed_by <= nr_ended) {
            return true;
        }
    }
    return false;
}

uint64_t ref_gap_bytes(const RefTable *ref, int slot)
{
    const RefWrite *write = &ref->writes[slot];
    const RefZone *zone = &ref->zones[write->zone_idx];
    uint64_t n = write->start;

    while (write->tracked && zone->zrwa && n > 0 &&
           zone->blocks[n - 1] == REF_BLANK) {
        bool cared_for = false;
        int i;

        for (i = 0; i < REF_MAX_WRITES; i++) {
            const RefWrite *other = &ref->writes[i];

            if (other->in_use && other->tracked && other->seq < write->seq &&
                other->zone_idx == write->zone_idx && other->end >= n) {
                cared_for = true;
            }
        }
        if (cared_for) {
            break;
        }
        n--;
    }
    return write->zone_idx * ref->g.zone_bytes + n * ref->block_bytes;
}

bool ref_is_data(const RefTable *ref, uint64_t offset_bytes)
{
    uint64_t zone_idx = offset_bytes / ref->g.zone_bytes;
    uint64_t n = offset_bytes % ref->g.zone_bytes / ref->block_bytes;
    const RefZone *zone;

    if (zone_idx >= ref->g.nr_zones) {
        return true;
    }
    zone = &ref->zones[zone_idx];
    if (zone->state == ZONE_STATE_CONVENTIONAL) {
        return true;
    }
    if (zone->state == ZONE_STATE_OFFLINE) {
        return false;
    }
    if (!zone->zrwa && n < wp_of(ref, zone)) {
        return true;    /* with what an append has lost */
    }
    return !is_fresh(ref, zone_idx, n) && zone->blocks[n] == REF_WRITTEN;
}

/* Management */

/* A ZRWA is for Empty zones, while the drive has one left */
static ZoneStatus zrwa_status(const RefTable *ref)
{
    return ref->g.max_zrwa_zones != 0 &&
           ref_counts(ref).zrwa + 1 > ref->g.max_zrwa_zones ?
           ZONE_ERR_ZRWA_EXHAUSTED : ZONE_OK;
}

static ZoneStatus zrwa_open_status(const RefTable *ref, const RefZone *zone)
{
    ZoneStatus status;

    if (zone->state != ZONE_STATE_EMPTY) {
        return ZONE_ERR_NO_ZRWA;
    }
    status = room_to_open(ref, zone);
    return status == ZONE_OK ? zrwa_status(ref) : status;
}

static ZoneStatus set_zde_status(const RefTable *ref, const RefZone *zone)
{
    if (zone->state != ZONE_STATE_EMPTY) {
        return ZONE_ERR_INVALID_TRANSITION;
    }
    if (ref->g.max_active_zones != 0 &&
        ref_counts(ref).active + 1 > ref->g.max_active_zones) {
        return ZONE_ERR_TOO_MANY_ACTIVE;
    }
    return ZONE_OK;
}

/* The states that refuse an event whatever else is true */
static bool state_allows(const RefZone *zone, ZoneEvent event)
{
    bool full = zone->state == ZONE_STATE_FULL;
    bool empty = zone->state == ZONE_STATE_EMPTY;
    bool dead = zone->state == ZONE_STATE_READ_ONLY ||
                zone->state == ZONE_STATE_OFFLINE;

    if (event == ZONE_EVENT_OPEN) {
        return !dead && !full;
    }
    if (event == ZONE_EVENT_CLOSE) {
        return !dead && !full && !empty;
    }
    if (event == ZONE_EVENT_AUTO_CLOSE) {
        return zone->state == ZONE_STATE_IMPLICITLY_OPENED;
    }
    if (event == ZONE_EVENT_FINISH || event == ZONE_EVENT_RESET) {
        return !dead;
    }
    if (event == ZONE_EVENT_EXCURSION) {
        return !dead && !empty;
    }
    if (event == ZONE_EVENT_FILLED) {
        return false;   /* the end of a write does that, nobody else */
    }
    if (event == ZONE_EVENT_OFFLINE) {
        return dead;
    }
    if (event == ZONE_EVENT_FAULT_READ_ONLY) {
        return zone->state != ZONE_STATE_OFFLINE;
    }
    return true;
}

ZoneStatus ref_event_status(const RefTable *ref, uint32_t zone_idx,
                            ZoneEvent event)
{
    const RefZone *zone = &ref->zones[zone_idx];
    bool power_cycle = event == ZONE_EVENT_POWER_CYCLE ||
                       event == ZONE_EVENT_POWER_CYCLE_UNWRITTEN ||
                       event == ZONE_EVENT_POWER_CYCLE_FILLED;

    if (zone->state == ZONE_STATE_CONVENTIONAL) {
        return event == ZONE_EVENT_WRITE || power_cycle ?
               ZONE_OK : ZONE_ERR_CONVENTIONAL;
    }
    if (event == ZONE_EVENT_WRITE) {
        if (zone->state == ZONE_STATE_FULL) {
            return ZONE_ERR_FULL;
        }
        if (zone->state == ZONE_STATE_READ_ONLY) {
            return ZONE_ERR_READ_ONLY;
        }
        if (zone->state == ZONE_STATE_OFFLINE) {
            return ZONE_ERR_OFFLINE;
        }
        return room_to_open(ref, zone);
    }
    if ((event == ZONE_EVENT_SET_ZDE || event == ZONE_EVENT_SET_ZDE_ZRWA) &&
        ref->g.zd_extension_bytes == 0) {
        return ZONE_ERR_NO_ZDE;
    }
    if ((event == ZONE_EVENT_OPEN_ZRWA || event == ZONE_EVENT_SET_ZDE_ZRWA) &&
        ref->g.zrwa_bytes == 0) {
        return ZONE_ERR_NO_ZRWA;
    }
    if (!state_allows(zone, event)) {
        return ZONE_ERR_INVALID_TRANSITION;
    }
    if (event == ZONE_EVENT_OPEN) {
        return room_to_open(ref, zone);
    }
    if (event == ZONE_EVENT_OPEN_ZRWA) {
        return zrwa_open_status(ref, zone);
    }
    if (event == ZONE_EVENT_SET_ZDE) {
        return set_zde_status(ref, zone);
    }
    if (event == ZONE_EVENT_SET_ZDE_ZRWA) {
        ZoneStatus status = set_zde_status(ref, zone);

        return status == ZONE_OK ? zrwa_status(ref) : status;
    }
    return ZONE_OK;
}

/* Does the event, when it is accepted, leave nothing to be made again? */
static bool ends_life(ZoneEvent event)
{
    return event != ZONE_EVENT_WRITE && event != ZONE_EVENT_OPEN &&
           event != ZONE_EVENT_CLOSE && event != ZONE_EVENT_AUTO_CLOSE;
}

ZoneStatus ref_event(RefTable *ref, uint32_t zone_idx, ZoneEvent event)
{
    RefZone *zone = &ref->zones[zone_idx];
    ZoneStatus status = ref_event_status(ref, zone_idx, event);

    if (status != ZONE_OK || zone->state == ZONE_STATE_CONVENTIONAL) {
        return status;
    }
    if (ends_life(event)) {
        end_life(ref, zone);
    }
    if (event == ZONE_EVENT_WRITE) {
        open_by_write(ref, zone);
    } else if (event == ZONE_EVENT_OPEN) {
        open_zone(ref, zone, ZONE_STATE_EXPLICITLY_OPENED);
    } else if (event == ZONE_EVENT_OPEN_ZRWA) {
        open_zone(ref, zone, ZONE_STATE_EXPLICITLY_OPENED);
        zone->zrwa_wp = 0;
        zone->zrwa = true;
    } else if (event == ZONE_EVENT_CLOSE || event == ZONE_EVENT_AUTO_CLOSE) {
        zone->state = ZONE_STATE_CLOSED;
    } else if (event == ZONE_EVENT_FINISH) {
        if (zone->state != ZONE_STATE_FULL) {
            become_full(ref, zone);
        }
    } else if (event == ZONE_EVENT_EXCURSION) {
        if (zone->state != ZONE_STATE_FULL) {
            become_full(ref, zone);
            zone->zfc = true;
        }
    } else if (event == ZONE_EVENT_RESET) {
        become_empty(zone);
        zone->capacity = zone->next_capacity;
    } else if (event == ZONE_EVENT_SET_ZDE ||
               event == ZONE_EVENT_SET_ZDE_ZRWA) {
        zone->zdev = true;
        zone->zrwa_wp = 0;
        zone->zrwa = event == ZONE_EVENT_SET_ZDE_ZRWA;
        zone->state = ZONE_STATE_CLOSED;
    } else if (event == ZONE_EVENT_FAULT_READ_ONLY) {
        commit(ref, zone);
        if (zone->state != ZONE_STATE_READ_ONLY) {
            zone->fzr = zone->rzr = false;
        }
        zone->state = ZONE_STATE_READ_ONLY;
    } else if (event == ZONE_EVENT_OFFLINE ||
               event == ZONE_EVENT_FAULT_OFFLINE) {
        if (zone->state != ZONE_STATE_OFFLINE) {
            go_offline(ref, zone);
        }
    } else {
        lose_power(ref, zone);
    }
    return ZONE_OK;
}

ZoneStatus ref_open_all(RefTable *ref)
{
    ZoneCounts counts = ref_counts(ref);
    uint32_t nr_closed = counts.by_state[ZONE_STATE_CLOSED];
    uint32_t room = 0;
    uint32_t room_later = 0;
    bool *chosen = g_new0(bool, ref->g.nr_zones);
    ZoneStatus status = ZONE_OK;
    uint32_t i;

    for (i = 0; i < ref->g.nr_zones; i++) {
        const RefZone *zone = &ref->zones[i];

        chosen[i] = zone->state == ZONE_STATE_CLOSED;
        if (chosen[i] && zone->held) {
            status = ZONE_BUSY_OTHERS;
        }
        if (zone->state == ZONE_STATE_IMPLICITLY_OPENED &&
            ref->g.auto_close) {
            room += !zone->held;
            room_later++;
        }
    }
    if (ref->g.max_open_zones != 0 && nr_closed > ref->g.max_open_zones) {
        status = ZONE_ERR_TOO_MANY_OPEN;    /* whoever holds some of them */
    } else if (status == ZONE_OK && ref->g.max_open_zones != 0 &&
               counts.open + nr_closed > ref->g.max_open_zones + room) {
        status = counts.open + nr_closed > ref->g.max_open_zones + room_later ?
                 ZONE_ERR_TOO_MANY_OPEN : ZONE_BUSY_OTHERS;
    }
    for (i = 0; i < ref->g.nr_zones; i++) {
        if (status == ZONE_OK && chosen[i]) {
            open_zone(ref, &ref->zones[i], ZONE_STATE_EXPLICITLY_OPENED);
        }
    }
    g_free(chosen);
    return status;
}

ZoneStatus ref_zrwa_flush(RefTable *ref, uint64_t end_bytes)
{
    uint64_t zone_idx = (end_bytes - 1) / ref->g.zone_bytes;
    uint64_t end = (end_bytes - zone_idx * ref->g.zone_bytes) /
                   ref->block_bytes;
    uint64_t step = ref->g.zrwa_granularity_bytes / ref->block_bytes;
    RefZone *zone;
    ZoneStatus status;

    if (end_bytes == 0 || zone_idx >= ref->g.nr_zones) {
        return ZONE_ERR_BOUNDARY;
    }
    zone = &ref->zones[zone_idx];
    if (!zone->zrwa) {
        return ZONE_ERR_NO_ZRWA;
    }
    if (end <= zone->zrwa_wp || end > zone->capacity ||
        end > zone->zrwa_wp + ref->g.zrwa_bytes / ref->block_bytes) {
        return ZONE_ERR_BOUNDARY;
    }
    if ((end - zone->zrwa_wp) % step != 0 && end != zone->capacity) {
        return ZONE_ERR_UNALIGNED;
    }
    status = room_to_open(ref, zone);
    if (status == ZONE_OK) {
        open_by_write(ref, zone);
        fill(zone, 0, end, REF_WRITTEN);
        zone->zrwa_wp = end;
        if (end == zone->capacity) {
            become_full(ref, zone);
        }
    }
    return status;
}

/* Stored words: bits counted by hand, from the format's description */

uint8_t ref_attributes(const RefTable *ref, uint32_t zone_idx)
{
    const RefZone *zone = &ref->zones[zone_idx];

    return (zone->zfc ? 0x01 : 0) | (zone->fzr ? 0x02 : 0) |
           (zone->rzr ? 0x04 : 0) | (zone->zrwa ? 0x08 : 0) |
           (zone->zdev ? 0x80 : 0);
}

uint8_t ref_limits(const RefTable *ref, uint32_t zone_idx)
{
    const RefZone *zone = &ref->zones[zone_idx];

    return (zone->fzr ? zone->fzr_limit : 0) |
           (zone->rzr ? zone->rzr_limit << 2 : 0);
}

/* By how many steps its capacity is less than that of the drive */
static uint64_t steps_less(const RefTable *ref, const RefZone *zone)
{
    uint64_t n = 0;

    while (zone->capacity * ref->block_bytes +
           n * ref->g.capacity_step_bytes < ref->g.capacity_bytes) {
        n++;
    }
    return n;
}

uint64_t ref_word(const RefTable *ref, uint32_t zone_idx)
{
    const RefZone *zone = &ref->zones[zone_idx];
    uint64_t wp = stored_wp_of(ref, zone);
    uint64_t word = zone_idx * ref->g.zone_bytes + wp * ref->block_bytes;
    uint8_t attributes = ref_attributes(ref, zone_idx) & ~0x08;
    uint8_t limits = ref_limits(ref, zone_idx);

    if ((is_open(zone) || zone->state == ZONE_STATE_CLOSED) &&
        (wp == zone->capacity || (wp == 0 && !zone->zdev))) {
        attributes &= ~0x02;
        limits &= ~0x03;
    }
    word += (uint64_t)attributes << 51;
    word += steps_less(ref, zone) * 16 + limits;
    if (zone->state == ZONE_STATE_CONVENTIONAL) {
        word += 0x0800000000000000;
    } else if (zone->state == ZONE_STATE_READ_ONLY) {
        word += 0xd000000000000000;
    } else if (zone->state == ZONE_STATE_FULL && zone->stored_full) {
        word += 0xe000000000000000;
    } else if (zone->state == ZONE_STATE_OFFLINE) {
        word += 0xf000000000000000;
    }
    return word;
}

bool ref_word_valid(const RefTable *ref, uint32_t zone_idx, uint64_t word)
{
    uint64_t start_bytes = zone_idx * ref->g.zone_bytes;
    uint64_t wp_bytes = word & 0x0007fffffffffe00;
    uint64_t less_bytes = (word >> 4 & 0x1f) * ref->g.capacity_step_bytes;
    uint64_t nibble = word >> 60;
    uint64_t attributes = word >> 51 & 0xff;

    if (zone_idx < ref->g.conventional_zones) {
        return word == 0x0800000000000000 + start_bytes;
    }
    if (nibble != 0 && nibble != 13 && nibble != 14 && nibble != 15) {
        return false;
    }
    if (word & 0x0800000000000000) {
        return false;
    }
    if ((attributes & 0x78) ||
        ((attributes & 0x80) && ref->g.zd_extension_bytes == 0)) {
        return false;
    }
    if (ref->g.capacity_step_bytes == 0 && (word & 0x1ff)) {
        return false;
    }
    if (((word & 0x3) && !(attributes & 0x2)) ||
        ((word & 0xc) && !(attributes & 0x4))) {
        return false;
    }
    return less_bytes < ref->g.capacity_bytes && wp_bytes >= start_bytes &&
           wp_bytes - start_bytes <= ref->g.capacity_bytes - less_bytes;
}

void ref_load_word(RefTable *ref, uint32_t zone_idx, uint64_t word)
{
    RefZone *zone = &ref->zones[zone_idx];
    uint64_t less_bytes = (word >> 4 & 0x1f) * ref->g.capacity_step_bytes;
    uint64_t wp = ((word & 0x0007fffffffffe00) -
                   zone_idx * ref->g.zone_bytes) / ref->block_bytes;

    if (zone->state == ZONE_STATE_CONVENTIONAL) {
        return;
    }
    end_life(ref, zone);
    become_empty(zone);
    zone->capacity = ref->capacity_blocks - less_bytes / ref->block_bytes;
    zone->next_capacity = zone->capacity;
    zone->fzr_limit = word & 3;
    zone->rzr_limit = word >> 2 & 3;
    fill(zone, 0, wp, REF_WRITTEN);
    zone->zfc = word >> 51 & 1;
    zone->fzr = word >> 52 & 1;
    zone->rzr = word >> 53 & 1;
    zone->zdev = word >> 58 & 1;
    if (word >> 60 == 0xd) {
        zone->state = ZONE_STATE_READ_ONLY;
    } else if (word >> 60 == 0xe) {
        zone->state = ZONE_STATE_FULL;
        zone->stored_full = true;
    } else if (word >> 60 == 0xf) {
        zone->state = ZONE_STATE_OFFLINE;
    } else if (wp == zone->capacity) {
        zone->state = ZONE_STATE_FULL;
    } else if (wp > 0 || zone->zdev) {
        zone->state = ZONE_STATE_CLOSED;
    }
}

void ref_crash(RefTable *ref)
{
    uint32_t i;
    int slot;

    for (i = 0; i < ref->g.nr_zones; i++) {
        RefZone *zone = &ref->zones[i];

        lose_power(ref, zone);
        end_life(ref, zone);
        zone->life_seq = 0; /* a new table counts anew */
        zone->next_capacity = zone->capacity;
        zone->held = false;
    }
    for (slot = 0; slot < REF_MAX_WRITES; slot++) {
        ref->writes[slot].in_use = false;
    }
    for (slot = 0; slot < REF_MAX_DISCARDS; slot++) {
        ref->discards[slot].in_use = false;
    }
}
