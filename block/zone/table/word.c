/*
 * Zone table: checks of stored words, names and error numbers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "block/zone.h"
#include "block/zone/table/internal.h"

/* Error numbers that not every host has; above any that a host uses */
#ifndef EXFULL
#define EXFULL          4201
#endif
#ifndef EKEYREVOKED
#define EKEYREVOKED     4202
#endif
#ifndef ENOTRECOVERABLE
#define ENOTRECOVERABLE 4203
#endif
#ifndef EUSERS
#define EUSERS          4204
#endif
#ifndef EBADFD
#define EBADFD          4205
#endif
#ifndef EBADRQC
#define EBADRQC         4206
#endif
#ifndef ENOSR
#define ENOSR           4207
#endif
#ifndef EBADR
#define EBADR           4208
#endif
#ifndef ELNRNG
#define ELNRNG          4209
#endif
#ifndef ENOTBLK
#define ENOTBLK         4210
#endif
#ifndef ENOCSI
#define ENOCSI          4211
#endif

/* None of these is what an ordinary read, write or flush fails with */
static const struct {
    int number;
    const char *phrase;
} refusals[ZONE_STATUS__MAX] = {
    [ZONE_OK] = { 0, "no error" },
    [ZONE_ERR_NOT_AT_WP] = { ESPIPE, "write not at the write pointer" },
    [ZONE_ERR_BOUNDARY] = { ERANGE, "write beyond the zone's capacity" },
    [ZONE_ERR_FULL] = { EXFULL, "zone is full" },
    [ZONE_ERR_READ_ONLY] = { EKEYREVOKED, "zone is read only" },
    [ZONE_ERR_OFFLINE] = { ENOTRECOVERABLE, "zone is offline" },
    [ZONE_ERR_TOO_MANY_OPEN] = { EMFILE, "too many open zones" },
    [ZONE_ERR_TOO_MANY_ACTIVE] = { EUSERS, "too many active zones" },
    [ZONE_ERR_INVALID_TRANSITION] = {
        EBADFD, "action not possible in the zone's state" },
    [ZONE_ERR_NO_ZRWA] = {
        EBADRQC, "zone random write area absent or in the way" },
    [ZONE_ERR_ZRWA_EXHAUSTED] = {
        ENOSR, "zone random write area cannot be allocated" },
    [ZONE_ERR_UNALIGNED] = {
        EBADR, "not the start of a zone, or not a multiple of the granularity"
    },
    [ZONE_ERR_APPEND_LIMIT] = { ELNRNG, "append longer than the limit" },
    [ZONE_ERR_CONVENTIONAL] = { ENOTBLK, "zone is conventional" },
    [ZONE_ERR_NO_ZDE] = { ENOCSI, "no zone descriptor extensions" },
};

int zone_status_errno(ZoneStatus status)
{
    assert((unsigned)status < ZONE_STATUS__MAX);
    return -refusals[status].number;
}

ZoneStatus zone_status_from_errno(int ret)
{
    unsigned i;

    if (ret >= 0) {
        return ZONE_OK; /* what is asked for every request that completes */
    }
    for (i = ZONE_OK + 1; i < ZONE_STATUS__MAX; i++) {
        if (ret == -refusals[i].number) {
            return i;
        }
    }
    return ZONE_OK;
}

const char *zone_status_str(ZoneStatus status)
{
    static const char *const busy[ZONE_BUSY__MAX - ZONE_BUSY] = {
        "zone is busy", "other zones are busy", "range is busy",
    };

    assert((unsigned)status < ZONE_BUSY__MAX);
    if (zone_status_is_busy(status)) {
        return busy[status - ZONE_BUSY];
    }
    return refusals[status].phrase;
}

const char *zone_state_str(ZoneState state)
{
    static const char *const names[ZONE_STATE__MAX] = {
        [ZONE_STATE_CONVENTIONAL] = "Conventional",
        [ZONE_STATE_EMPTY] = "Empty",
        [ZONE_STATE_IMPLICITLY_OPENED] = "Implicitly Opened",
        [ZONE_STATE_EXPLICITLY_OPENED] = "Explicitly Opened",
        [ZONE_STATE_CLOSED] = "Closed",
        [ZONE_STATE_READ_ONLY] = "Read Only",
        [ZONE_STATE_FULL] = "Full",
        [ZONE_STATE_OFFLINE] = "Offline",
    };

    assert((unsigned)state < ZONE_STATE__MAX);
    return names[state] ? names[state] : "Unknown";
}

bool zone_state_has_wp(ZoneState state)
{
    switch (state) {
    case ZONE_STATE_EMPTY:
    case ZONE_STATE_IMPLICITLY_OPENED:
    case ZONE_STATE_EXPLICITLY_OPENED:
    case ZONE_STATE_CLOSED:
        return true;
    default:
        return false;
    }
}

const char *zone_event_str(ZoneEvent event)
{
    static const char *const names[ZONE_EVENT__MAX] = {
        [ZONE_EVENT_WRITE] = "Write",
        [ZONE_EVENT_OPEN] = "Open",
        [ZONE_EVENT_OPEN_ZRWA] = "Open with ZRWA",
        [ZONE_EVENT_CLOSE] = "Close",
        [ZONE_EVENT_AUTO_CLOSE] = "Close to make room",
        [ZONE_EVENT_FINISH] = "Finish",
        [ZONE_EVENT_FILLED] = "Filled",
        [ZONE_EVENT_RESET] = "Reset",
        [ZONE_EVENT_OFFLINE] = "Offline",
        [ZONE_EVENT_SET_ZDE] = "Set descriptor extension",
        [ZONE_EVENT_SET_ZDE_ZRWA] = "Set extension with ZRWA",
        [ZONE_EVENT_POWER_CYCLE] = "Power cycle",
        [ZONE_EVENT_POWER_CYCLE_UNWRITTEN] = "Power cycle, unwritten",
        [ZONE_EVENT_POWER_CYCLE_FILLED] = "Power cycle, filled",
        [ZONE_EVENT_EXCURSION] = "Finished by controller",
        [ZONE_EVENT_FAULT_READ_ONLY] = "Becomes read only",
        [ZONE_EVENT_FAULT_OFFLINE] = "Goes offline",
    };

    assert((unsigned)event < ZONE_EVENT__MAX);
    return names[event];
}

uint64_t zone_capacity_step(uint64_t capacity_bytes)
{
    const uint64_t unit_bytes = 4096 * ZONE_CAPACITY_STEPS;

    return ROUND_UP(capacity_bytes, unit_bytes) / ZONE_CAPACITY_STEPS;
}

uint64_t zone_empty_word(const ZoneGeometry *geometry, uint32_t zone_idx)
{
    return zone_word_encode(ZONE_WORD_DERIVED,
                            zone_idx < geometry->conventional_zones, 0,
                            zone_idx * geometry->zone_bytes);
}

/* Most words of most drives: what else they may be need not be looked at */
static bool is_plain_empty(const ZoneGeometry *geometry, uint32_t zone_idx,
                           uint64_t word)
{
    return word == zone_idx * geometry->zone_bytes &&
           zone_idx >= geometry->conventional_zones;
}

ZoneState zone_stored_state(const ZoneGeometry *geometry, uint32_t zone_idx,
                            uint64_t word)
{
    uint64_t start_bytes = zone_idx * geometry->zone_bytes;
    uint64_t wp_bytes = zone_word_wp_bytes(word);

    if (is_plain_empty(geometry, zone_idx, word)) {
        return ZONE_STATE_EMPTY;
    }
    switch (zone_word_state(word)) {
    case ZONE_WORD_READ_ONLY:
        return ZONE_STATE_READ_ONLY;
    case ZONE_WORD_FULL:
        return ZONE_STATE_FULL;
    case ZONE_WORD_OFFLINE:
        return ZONE_STATE_OFFLINE;
    default:
        break;
    }
    if (zone_word_conventional(word)) {
        return ZONE_STATE_CONVENTIONAL;
    }
    if (wp_bytes ==
        start_bytes + zone_word_capacity_bytes(geometry, word)) {
        return ZONE_STATE_FULL;
    }
    if (wp_bytes == start_bytes &&
        !(zone_word_attributes(word) & ZONE_ATTR_ZDEV)) {
        return ZONE_STATE_EMPTY;
    }
    return ZONE_STATE_CLOSED;
}

uint32_t zone_words_count_active(const ZoneGeometry *geometry,
                                 const uint64_t *words)
{
    uint32_t nr_active = 0;
    uint32_t i;

    for (i = 0; i < geometry->nr_zones; i++) {
        nr_active += zone_stored_state(geometry, i, words[i]) ==
                     ZONE_STATE_CLOSED;
    }
    return nr_active;
}

static const char *check_conventional(uint64_t start_bytes, uint64_t word)
{
    if (!zone_word_conventional(word)) {
        return "sequential zone in the conventional range";
    }
    if (zone_word_state(word) != ZONE_WORD_DERIVED) {
        return "conventional zone with a state";
    }
    if (zone_word_attributes(word)) {
        return "conventional zone with attributes";
    }
    if (zone_word_wp_bytes(word) != start_bytes) {
        return "conventional zone with a write pointer";
    }
    return word & ZONE_WORD_DETAIL_MASK
           ? "conventional zone with a capacity or limit" : NULL;
}

static const char *check_details(const ZoneGeometry *geometry, uint64_t word)
{
    uint8_t limits = zone_word_limits(word);

    if (!geometry->capacity_step_bytes) {
        return word & ZONE_WORD_DETAIL_MASK
               ? "write pointer not a multiple of 512" : NULL;
    }
    if (zone_word_less(word) * geometry->capacity_step_bytes >=
        geometry->capacity_bytes) {
        return "zone without capacity";
    }
    if (limits & ~zone_limits_of(zone_word_attributes(word))) {
        return "time limit of a recommendation that is not made";
    }
    return NULL;
}

const char *zone_word_check(const ZoneGeometry *geometry, uint32_t zone_idx,
                            uint64_t word)
{
    uint8_t attributes = zone_word_attributes(word);
    unsigned state = zone_word_state(word);
    uint64_t start_bytes = zone_idx * geometry->zone_bytes;
    uint64_t wp_bytes = zone_word_wp_bytes(word);
    const char *fault;

    if (is_plain_empty(geometry, zone_idx, word)) {
        return NULL;
    }
    if (state != ZONE_WORD_DERIVED && state != ZONE_WORD_READ_ONLY &&
        state != ZONE_WORD_FULL && state != ZONE_WORD_OFFLINE) {
        return "unknown zone state";
    }
    if (attributes & ZONE_ATTR_ZRWAV) {
        return "attribute ZRWAV stored";
    }
    if (attributes & ~ZONE_ATTR_STORED) {
        return "reserved attribute bit set";
    }
    if ((attributes & ZONE_ATTR_ZDEV) && !geometry->zd_extension_bytes) {
        return "attribute ZDEV set, but there are no descriptor extensions";
    }
    if (zone_idx < geometry->conventional_zones) {
        return check_conventional(start_bytes, word);
    }
    if (zone_word_conventional(word)) {
        return "conventional zone in the sequential range";
    }
    if (wp_bytes < start_bytes) {
        return "write pointer below the start of the zone";
    }
    fault = check_details(geometry, word);
    if (fault) {
        return fault;
    }
    return wp_bytes > start_bytes + zone_word_capacity_bytes(geometry, word)
           ? "write pointer above the capacity of the zone" : NULL;
}
