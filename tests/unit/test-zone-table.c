/*
 * Zone states: transitions, limits, auto-close, Select All, holds
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Each test shows one rule, written down from the standard or design, on a
 * small table.  That the table agrees with itself is recounted at every look.
 */

#include "qemu/osdep.h"
#include "zone-test.h"

#if defined(__GLIBC__) && __GLIBC_PREREQ(2, 33)
#include <malloc.h>
#define HAVE_MALLINFO2
#endif

static const ZoneState sequential_states[] = {
    ZONE_STATE_EMPTY, ZONE_STATE_IMPLICITLY_OPENED,
    ZONE_STATE_EXPLICITLY_OPENED, ZONE_STATE_CLOSED, ZONE_STATE_READ_ONLY,
    ZONE_STATE_FULL, ZONE_STATE_OFFLINE,
};

#define E   ZONE_STATE_EMPTY
#define IO  ZONE_STATE_IMPLICITLY_OPENED
#define EO  ZONE_STATE_EXPLICITLY_OPENED
#define C   ZONE_STATE_CLOSED
#define RO  ZONE_STATE_READ_ONLY
#define F   ZONE_STATE_FULL
#define OFF ZONE_STATE_OFFLINE
#define BAD (-(int)ZONE_ERR_INVALID_TRANSITION)
#define NO  (-(int)ZONE_ERR_NO_ZRWA)

/* Where each event leads (or a refusal, negative), states in that order */
static const struct {
    ZoneEvent event;
    int to[G_N_ELEMENTS(sequential_states)];
} state_machine[] = {
    { ZONE_EVENT_WRITE, { IO, IO, EO, IO, -(int)ZONE_ERR_READ_ONLY,
                          -(int)ZONE_ERR_FULL, -(int)ZONE_ERR_OFFLINE } },
    { ZONE_EVENT_OPEN,            {  EO,  EO,  EO,  EO, BAD, BAD, BAD } },
    { ZONE_EVENT_OPEN_ZRWA,       {  EO,  NO,  NO,  NO,  NO,  NO,  NO } },
    { ZONE_EVENT_CLOSE,           { BAD,   C,   C,   C, BAD, BAD, BAD } },
    { ZONE_EVENT_AUTO_CLOSE,      { BAD,   C, BAD, BAD, BAD, BAD, BAD } },
    { ZONE_EVENT_FINISH,          {   F,   F,   F,   F, BAD,   F, BAD } },
    { ZONE_EVENT_FILLED,          { BAD, BAD, BAD, BAD, BAD, BAD, BAD } },
    { ZONE_EVENT_RESET,           {   E,   E,   E,   E, BAD,   E, BAD } },
    { ZONE_EVENT_OFFLINE,         { BAD, BAD, BAD, BAD, OFF, BAD, OFF } },
    { ZONE_EVENT_SET_ZDE,         {   C, BAD, BAD, BAD, BAD, BAD, BAD } },
    { ZONE_EVENT_SET_ZDE_ZRWA,    {   C, BAD, BAD, BAD, BAD, BAD, BAD } },
    /* The Explicitly Opened one has nothing written in it */
    { ZONE_EVENT_POWER_CYCLE,     {   E,   C,   E,   C,  RO,   F, OFF } },
    { ZONE_EVENT_EXCURSION,       { BAD,   F,   F,   F, BAD,   F, BAD } },
    { ZONE_EVENT_FAULT_READ_ONLY, {  RO,  RO,  RO,  RO,  RO,  RO, BAD } },
    { ZONE_EVENT_FAULT_OFFLINE,   { OFF, OFF, OFF, OFF, OFF, OFF, OFF } },
};

static void check_one_move(ZoneState from, ZoneEvent event, int to)
{
    ZoneTable *table = make_table(.zd_extension_bytes = 64,
                                  .zrwa_bytes = 8192,
                                  .zrwa_granularity_bytes = 4096);
    ZoneStatus expected = to < 0 ? -to : ZONE_OK;
    uint64_t word, word_after;
    bool changed;

    bring_to(table, 3, from);
    word = zone_table_word(table, 3);
    word_after = word;
    g_assert_cmpint(zone_table_check_event(table, 3, event), ==, expected);
    if (to >= 0) {
        word_after = zone_table_word_after(table, 3, event);
    }
    g_assert_cmpint(zone_table_word(table, 3), ==, word);
    g_assert_cmpint(state_of(table, 3), ==, from);

    g_assert_cmpint(zone_table_event(table, 3, event, &changed), ==,
                    expected);
    g_assert_cmpint(state_of(table, 3), ==, to < 0 ? from : (ZoneState)to);
    g_assert_cmphex(zone_table_word(table, 3), ==, word_after);
    g_assert_cmpint(changed, ==, word_after != word);
    zone_table_free(table);
}

static void test_state_machine(void)
{
    size_t event, state;

    for (event = 0; event < G_N_ELEMENTS(state_machine); event++) {
        for (state = 0; state < G_N_ELEMENTS(sequential_states); state++) {
            check_one_move(sequential_states[state],
                           state_machine[event].event,
                           state_machine[event].to[state]);
        }
    }
}

#undef E
#undef IO
#undef EO
#undef C
#undef RO
#undef F
#undef OFF
#undef BAD
#undef NO

static int open_weight(ZoneState state)
{
    return state == ZONE_STATE_IMPLICITLY_OPENED ||
           state == ZONE_STATE_EXPLICITLY_OPENED;
}

/* The deltas of each row are what its two states make them */
static void test_deltas(void)
{
    int state, event;

    for (state = 0; state < ZONE_STATE__MAX; state++) {
        for (event = 0; event < ZONE_EVENT__MAX; event++) {
            const ZoneTransition *t = zone_transition(state, event);
            int active = (t->next == ZONE_STATE_CLOSED) -
                         (state == ZONE_STATE_CLOSED);
            int open;

            if (t->refusal != ZONE_OK) {
                continue;
            }
            open = open_weight(t->next) - open_weight(state);
            g_assert_cmpint(t->open_delta, ==, open);
            g_assert_cmpint(t->active_delta, ==, active + open);
        }
    }
}

/* States that do not exist refuse everything */
static void test_no_such_state(void)
{
    int state, event;

    for (state = 5; state <= 12; state++) {
        for (event = 0; event < ZONE_EVENT__MAX; event++) {
            g_assert_cmpint(zone_transition(state, event)->refusal, ==,
                            ZONE_ERR_INVALID_TRANSITION);
        }
    }
}

static void test_new(void)
{
    ZoneTable *table = make_table(.conventional_zones = 2);
    ZoneCounts counts = zone_table_counts(table);
    ZoneInfo info = info_of(table, 2);

    g_assert_cmpint(counts.by_state[ZONE_STATE_CONVENTIONAL], ==, 2);
    g_assert_cmpint(counts.by_state[ZONE_STATE_EMPTY], ==, 6);
    g_assert_cmpint(counts.open + counts.active + counts.zrwa, ==, 0);
    g_assert_cmpint(info.start_bytes, ==, 2 * ZONE_LEN);
    g_assert_cmpint(info.length_bytes, ==, ZONE_LEN);
    g_assert_cmpint(info.capacity_bytes, ==, ZONE_CAP);
    g_assert_cmpint(info.wp_bytes, ==, 2 * ZONE_LEN);
    g_assert_cmpint(info.zone_idx, ==, 2);
    g_assert_cmpint(info_of(table, 1).capacity_bytes, ==, ZONE_LEN);
    g_assert_cmpint(zone_table_geometry(table)->nr_zones, ==, 8);
    zone_table_free(table);
    zone_table_free(NULL);
}

/* Zone lookup, by shift and by division, with positions above 32 bits */
static void check_lookup(uint64_t zone_bytes)
{
    ZoneTable *table = zone_table_new(&(ZoneGeometry) {
        .zone_bytes = zone_bytes, .capacity_bytes = zone_bytes,
        .nr_zones = 9,
    });

    g_assert_cmpint(zone_table_idx(table, 0), ==, 0);
    g_assert_cmpint(zone_table_idx(table, zone_bytes - 1), ==, 0);
    g_assert_cmpint(zone_table_idx(table, zone_bytes), ==, 1);
    g_assert_cmpint(zone_table_idx(table, 9 * zone_bytes - 1), ==, 8);
    g_assert_cmpint(info_of(table, 8).start_bytes, ==, 8 * zone_bytes);
    zone_table_free(table);
}

static void test_lookup(void)
{
    check_lookup(512);
    check_lookup(3 * 512);
    check_lookup(ZONE_MAX_BYTES);
    check_lookup(ZONE_MAX_BYTES - 512);
}

/* The largest device there can be: its last zone can be filled */
static void test_largest_device(void)
{
    uint32_t nr_zones = ZONE_MAX_DEVICE_BYTES / ZONE_MAX_BYTES - 1;
    ZoneTable *table = zone_table_new(&(ZoneGeometry) {
        .zone_bytes = ZONE_MAX_BYTES, .capacity_bytes = ZONE_MAX_BYTES,
        .nr_zones = nr_zones,
    });

    g_assert_cmpint(write_some(table, nr_zones - 1, ZONE_MAX_BYTES), ==,
                    ZONE_OK);
    g_assert_cmpint(state_of(table, nr_zones - 1), ==, ZONE_STATE_FULL);
    g_assert_cmphex(zone_table_word(table, nr_zones - 1), ==,
                    nr_zones * ZONE_MAX_BYTES);
    zone_table_free(table);
}

/* Management of conventional zones is refused as such; a power cycle is not */
static void test_conventional_events(void)
{
    ZoneTable *table = make_table(.conventional_zones = 1);
    int event;

    for (event = 0; event < ZONE_EVENT__MAX; event++) {
        bool allowed = event == ZONE_EVENT_WRITE ||
                       event == ZONE_EVENT_POWER_CYCLE ||
                       event == ZONE_EVENT_POWER_CYCLE_UNWRITTEN ||
                       event == ZONE_EVENT_POWER_CYCLE_FILLED;

        g_assert_cmpint(send(table, 0, event), ==,
                        allowed ? ZONE_OK : ZONE_ERR_CONVENTIONAL);
        g_assert_cmpint(state_of(table, 0), ==, ZONE_STATE_CONVENTIONAL);
    }
    zone_table_free(table);
}

static void test_finish_keeps_wp(void)
{
    ZoneTable *table = make_table();

    write_some(table, 1, 4096);
    expect_send(table, 1, ZONE_EVENT_FINISH);
    g_assert_cmpint(wp_of(table, 1), ==, 4096);
    g_assert_cmphex(zone_table_word(table, 1), ==,
                    UINT64_C(0xe000000000000000) + ZONE_LEN + 4096);
    zone_table_free(table);
}

static void test_finish_needs_no_resources(void)
{
    ZoneTable *table = make_table(.max_open_zones = 1, .max_active_zones = 1);

    expect_send(table, 0, ZONE_EVENT_OPEN);
    expect_send(table, 1, ZONE_EVENT_FINISH);
    g_assert_cmpint(state_of(table, 1), ==, ZONE_STATE_FULL);
    zone_table_free(table);
}

static void test_finish_ends_recommendation(void)
{
    ZoneTable *table = make_table();

    write_some(table, 1, 4096);
    advise(table, 1, ZONE_ATTR_FZR | ZONE_ATTR_RZR, 0);
    expect_send(table, 1, ZONE_EVENT_FINISH);
    g_assert_cmphex(attributes_of(table, 1), ==, ZONE_ATTR_RZR);
    zone_table_free(table);
}

/* What cannot be finished or reset any more is not recommended to be */
static void test_read_only_ends_recommendations(void)
{
    ZoneTable *table = make_table(.zd_extension_bytes = 64);
    uint64_t after;

    expect_send(table, 1, ZONE_EVENT_SET_ZDE);
    bring_to(table, 2, ZONE_STATE_FULL);
    advise(table, 1, ZONE_ATTR_FZR, 0);
    advise(table, 2, ZONE_ATTR_RZR, 0);
    after = zone_table_word_after(table, 1, ZONE_EVENT_FAULT_READ_ONLY);
    expect_send(table, 1, ZONE_EVENT_FAULT_READ_ONLY);
    expect_send(table, 2, ZONE_EVENT_FAULT_READ_ONLY);
    g_assert_cmphex(attributes_of(table, 1), ==, ZONE_ATTR_ZDEV);
    g_assert_cmphex(attributes_of(table, 2), ==, 0);
    g_assert_cmphex(zone_table_word(table, 1), ==, after);
    g_assert_cmphex(after, ==, zone_word_encode(ZONE_WORD_READ_ONLY, false,
                                                ZONE_ATTR_ZDEV, ZONE_LEN));
    zone_table_free(table);
}

static void check_stored_fzr(ZoneTable *table, uint32_t zone_idx, bool stored)
{
    g_assert_cmpint(attributes_of(table, zone_idx) & ZONE_ATTR_FZR, !=, 0);
    g_assert_cmpint(!!(zone_word_attributes(zone_table_word(table, zone_idx)) &
                       ZONE_ATTR_FZR), ==, stored);
}

/*
 * Nor is an Empty zone: what is open and unwritten is stored without FZR, and
 * a power cycle takes it.  With an extension the zone stays active.
 */
static void test_empty_ends_recommendation(void)
{
    ZoneTable *table = make_table(.zd_extension_bytes = 64);
    bool changed;

    expect_send(table, 1, ZONE_EVENT_OPEN);
    expect_send(table, 2, ZONE_EVENT_SET_ZDE);
    g_assert_cmphex(word_advised(table, 1, ZONE_ATTR_FZR, 0), ==,
                    ZONE_LEN);
    advise(table, 1, ZONE_ATTR_FZR, 0);
    advise(table, 2, ZONE_ATTR_FZR, 0);
    check_stored_fzr(table, 1, false);
    check_stored_fzr(table, 2, true);
    g_assert_cmpint(zone_table_event(table, 1, ZONE_EVENT_POWER_CYCLE,
                                     &changed), ==, ZONE_OK);
    g_assert_false(changed);
    expect_send(table, 2, ZONE_EVENT_POWER_CYCLE);
    g_assert_cmpint(state_of(table, 1), ==, ZONE_STATE_EMPTY);
    g_assert_cmphex(attributes_of(table, 1), ==, 0);
    check_stored_fzr(table, 2, true);
    zone_table_free(table);
}

/* An Empty zone that has it nevertheless keeps it when it is written */
static void test_empty_with_recommendation(void)
{
    ZoneTable *table = make_table();
    ZoneWrite w;
    bool changed;

    advise(table, 1, ZONE_ATTR_FZR, 0);
    advise(table, 2, ZONE_ATTR_FZR, 0);
    check_stored_fzr(table, 1, true);
    g_assert_cmpint(begin_at(table, &w, 1, 0, 4096), ==, ZONE_OK);
    g_assert_true(w.changed);
    check_stored_fzr(table, 1, false);
    g_assert_true(zone_table_write_end(table, &w, true));
    check_stored_fzr(table, 1, true);
    g_assert_cmpint(begin_at(table, &w, 1, 4096, 4096), ==, ZONE_OK);
    g_assert_false(w.changed);
    zone_table_write_end(table, &w, true);
    g_assert_cmpint(zone_table_event(table, 2, ZONE_EVENT_OPEN, &changed), ==,
                    ZONE_OK);
    g_assert_true(changed);
    zone_table_free(table);
}

static void test_reset_clears(void)
{
    ZoneTable *table = make_table(.zd_extension_bytes = 64);
    uint64_t word = zone_word_encode(ZONE_WORD_FULL, false, ZONE_ATTR_STORED,
                                     ZONE_LEN + 4096);

    zone_table_load_word(table, 1, word);
    g_assert_cmphex(attributes_of(table, 1), ==, ZONE_ATTR_STORED);
    expect_send(table, 1, ZONE_EVENT_RESET);
    g_assert_cmpint(wp_of(table, 1), ==, 0);
    g_assert_cmphex(attributes_of(table, 1), ==, 0);
    g_assert_cmphex(zone_table_word(table, 1), ==,
                    zone_empty_word(zone_table_geometry(table), 1));
    g_assert_cmpint(write_some(table, 1, 4096), ==, ZONE_OK);
    zone_table_free(table);
}

static void test_reset_frees_resources(void)
{
    ZoneTable *table = make_table(.max_open_zones = 1, .max_active_zones = 1);

    expect_send(table, 0, ZONE_EVENT_OPEN);
    g_assert_cmpint(send(table, 1, ZONE_EVENT_OPEN), ==,
                    ZONE_ERR_TOO_MANY_ACTIVE);
    expect_send(table, 0, ZONE_EVENT_RESET);
    expect_send(table, 1, ZONE_EVENT_OPEN);
    zone_table_free(table);
}

static void test_offline_clears_attributes(void)
{
    ZoneTable *table = make_table(.zd_extension_bytes = 64);

    zone_table_load_word(table, 1,
                         zone_word_encode(ZONE_WORD_READ_ONLY, false,
                                          ZONE_ATTR_STORED, ZONE_LEN + 512));
    expect_send(table, 1, ZONE_EVENT_OFFLINE);
    g_assert_cmphex(zone_table_word(table, 1), ==,
                    UINT64_C(0xf000000000000000) + ZONE_LEN + 512);
    zone_table_free(table);
}

static void check_fault(ZoneEvent event, ZoneState state)
{
    ZoneTable *table = make_table(.max_open_zones = 1, .max_active_zones = 1);

    write_some(table, 0, 4096);
    expect_send(table, 0, event);
    g_assert_cmpint(wp_of(table, 0), ==, 4096);
    g_assert_cmpint(state_of(table, 0), ==, state);
    g_assert_cmpint(zone_table_counts(table).active, ==, 0);
    g_assert_cmpint(write_some(table, 1, 4096), ==, ZONE_OK);
    zone_table_free(table);
}

static void test_faults_free_resources(void)
{
    check_fault(ZONE_EVENT_FAULT_READ_ONLY, ZONE_STATE_READ_ONLY);
    check_fault(ZONE_EVENT_FAULT_OFFLINE, ZONE_STATE_OFFLINE);
}

static void test_set_zde(void)
{
    ZoneTable *table = make_table(.zd_extension_bytes = 64);

    expect_send(table, 1, ZONE_EVENT_SET_ZDE);
    g_assert_cmpint(state_of(table, 1), ==, ZONE_STATE_CLOSED);
    g_assert_cmphex(attributes_of(table, 1), ==, ZONE_ATTR_ZDEV);
    g_assert_cmphex(zone_table_word(table, 1), ==,
                    UINT64_C(0x0400000000000000) + ZONE_LEN);
    /* What was set outlives a power cycle, although nothing was written */
    expect_send(table, 1, ZONE_EVENT_OPEN);
    expect_send(table, 1, ZONE_EVENT_POWER_CYCLE);
    g_assert_cmpint(state_of(table, 1), ==, ZONE_STATE_CLOSED);
    zone_table_free(table);
}

static void test_set_zde_needs_active(void)
{
    ZoneTable *table = make_table(.zd_extension_bytes = 64,
                                  .max_open_zones = 1, .max_active_zones = 2);

    /* It needs no open resource */
    expect_send(table, 0, ZONE_EVENT_OPEN);
    expect_send(table, 1, ZONE_EVENT_SET_ZDE);
    g_assert_cmpint(send(table, 2, ZONE_EVENT_SET_ZDE), ==,
                    ZONE_ERR_TOO_MANY_ACTIVE);
    zone_table_free(table);
}

/* While it is stored, what it takes is taken, and the zone shows nothing */
static void test_set_zde_claims(void)
{
    ZoneTable *table = make_table(.zd_extension_bytes = 64,
                                  .max_active_zones = 1);
    ZoneWrite write;

    zone_table_hold(table, 1);
    zone_table_claim(table, 1, ZONE_EVENT_SET_ZDE);
    g_assert_cmpint(state_of(table, 1), ==, ZONE_STATE_EMPTY);
    g_assert_cmphex(attributes_of(table, 1), ==, 0);
    g_assert_cmphex(zone_table_word(table, 1), ==, ZONE_LEN);
    g_assert_cmpint(zone_table_counts(table).active, ==, 0);
    g_assert_cmpint(send(table, 2, ZONE_EVENT_OPEN), ==,
                    ZONE_ERR_TOO_MANY_ACTIVE);
    g_assert_cmpint(begin_at(table, &write, 2, 0, 4096), ==,
                    ZONE_ERR_TOO_MANY_ACTIVE);
    zone_table_unclaim(table, 1, ZONE_EVENT_SET_ZDE);
    expect_send(table, 2, ZONE_EVENT_OPEN);
    expect_send(table, 2, ZONE_EVENT_RESET);

    zone_table_claim(table, 1, ZONE_EVENT_SET_ZDE);
    zone_table_unclaim(table, 1, ZONE_EVENT_SET_ZDE);
    expect_send(table, 1, ZONE_EVENT_SET_ZDE);
    zone_table_release(table, 1);
    zone_table_free(table);
}

static void test_no_zde(void)
{
    ZoneTable *table = make_table(.zrwa_bytes = 8192,
                                  .zrwa_granularity_bytes = 4096);

    g_assert_cmpint(send(table, 1, ZONE_EVENT_SET_ZDE), ==, ZONE_ERR_NO_ZDE);
    g_assert_cmpint(send(table, 1, ZONE_EVENT_SET_ZDE_ZRWA), ==,
                    ZONE_ERR_NO_ZDE);
    zone_table_free(table);
}

static void test_close_unwritten(void)
{
    ZoneTable *table = make_table();

    expect_send(table, 1, ZONE_EVENT_OPEN);
    expect_send(table, 1, ZONE_EVENT_CLOSE);
    g_assert_cmpint(state_of(table, 1), ==, ZONE_STATE_CLOSED);
    g_assert_cmpint(zone_table_counts(table).active, ==, 1);
    g_assert_cmphex(zone_table_word(table, 1), ==, ZONE_LEN);
    expect_send(table, 1, ZONE_EVENT_POWER_CYCLE);
    g_assert_cmpint(state_of(table, 1), ==, ZONE_STATE_EMPTY);
    g_assert_cmpint(zone_table_counts(table).active, ==, 0);
    zone_table_free(table);
}

/* Limits */

static void test_max_open(void)
{
    ZoneTable *table = make_table(.max_open_zones = 2, .max_active_zones = 3);

    expect_send(table, 0, ZONE_EVENT_OPEN);
    g_assert_cmpint(write_some(table, 1, 4096), ==, ZONE_OK);
    g_assert_cmpint(write_some(table, 2, 4096), ==, ZONE_ERR_TOO_MANY_OPEN);
    g_assert_cmpint(send(table, 2, ZONE_EVENT_OPEN), ==,
                    ZONE_ERR_TOO_MANY_OPEN);
    g_assert_cmpint(state_of(table, 2), ==, ZONE_STATE_EMPTY);
    /* Open zones go on, whatever the limit */
    expect_send(table, 1, ZONE_EVENT_OPEN);
    g_assert_cmpint(write_some(table, 1, 4096), ==, ZONE_OK);
    expect_send(table, 1, ZONE_EVENT_CLOSE);
    g_assert_cmpint(write_some(table, 2, 4096), ==, ZONE_OK);
    zone_table_free(table);
}

static void test_max_active(void)
{
    ZoneTable *table = make_table(.max_open_zones = 2, .max_active_zones = 2);

    bring_to(table, 0, ZONE_STATE_CLOSED);
    bring_to(table, 1, ZONE_STATE_CLOSED);
    g_assert_cmpint(write_some(table, 2, 4096), ==, ZONE_ERR_TOO_MANY_ACTIVE);
    /* Closed zones are active already */
    g_assert_cmpint(write_some(table, 0, 4096), ==, ZONE_OK);
    expect_send(table, 1, ZONE_EVENT_FINISH);
    g_assert_cmpint(write_some(table, 2, 4096), ==, ZONE_OK);
    zone_table_free(table);
}

/* An Empty zone that lacks both resources is told of the active one */
static void test_both_exhausted(void)
{
    ZoneTable *table = make_table(.max_open_zones = 1, .max_active_zones = 1,
                                  .auto_close = true);

    g_assert_cmpint(write_some(table, 0, 4096), ==, ZONE_OK);
    g_assert_cmpint(write_some(table, 1, 4096), ==, ZONE_ERR_TOO_MANY_ACTIVE);
    g_assert_cmpint(state_of(table, 0), ==, ZONE_STATE_IMPLICITLY_OPENED);
    zone_table_free(table);
}

/* Limits are 0: none at all */
static void test_no_limits(void)
{
    ZoneTable *table = make_table();
    uint32_t i;

    for (i = 0; i < 8; i++) {
        g_assert_cmpint(write_some(table, i, 4096), ==, ZONE_OK);
    }
    g_assert_cmpint(zone_table_counts(table).open, ==, 8);
    zone_table_free(table);
}

/* A stored state may exceed the limits: it only stops further zones */
static void test_loaded_excess(void)
{
    ZoneTable *table = make_table(.max_open_zones = 1, .max_active_zones = 1);

    zone_table_load_word(table, 0, 4096);
    zone_table_load_word(table, 1, ZONE_LEN + 4096);
    g_assert_cmpint(zone_table_counts(table).active, ==, 2);
    g_assert_cmpint(write_some(table, 2, 4096), ==, ZONE_ERR_TOO_MANY_ACTIVE);
    g_assert_cmpint(write_some(table, 1, 4096), ==, ZONE_OK);
    zone_table_free(table);
}

/* Auto-close */

static void test_auto_close_lru(void)
{
    ZoneTable *table = make_table(.max_open_zones = 3, .auto_close = true);

    write_some(table, 0, 4096);
    write_some(table, 1, 4096);
    write_some(table, 2, 4096);
    write_some(table, 0, 4096);     /* now zone 1 is the oldest */
    g_assert_cmpint(write_some(table, 3, 4096), ==, ZONE_OK);
    g_assert_cmpint(state_of(table, 1), ==, ZONE_STATE_CLOSED);
    g_assert_cmpint(write_some(table, 4, 4096), ==, ZONE_OK);
    g_assert_cmpint(state_of(table, 2), ==, ZONE_STATE_CLOSED);
    g_assert_cmpint(state_of(table, 0), ==, ZONE_STATE_IMPLICITLY_OPENED);
    zone_table_free(table);
}

static void test_auto_close_off(void)
{
    ZoneTable *table = make_table(.max_open_zones = 1);

    write_some(table, 0, 4096);
    g_assert_cmpint(write_some(table, 1, 4096), ==, ZONE_ERR_TOO_MANY_OPEN);
    zone_table_free(table);
}

static void test_auto_close_switch(void)
{
    ZoneTable *table = make_table(.max_open_zones = 1);

    write_some(table, 0, 4096);
    zone_table_set_auto_close(table, true);
    g_assert_true(zone_table_geometry(table)->auto_close);
    g_assert_cmpint(write_some(table, 1, 4096), ==, ZONE_OK);
    zone_table_set_auto_close(table, false);
    g_assert_cmpint(write_some(table, 0, 4096), ==, ZONE_ERR_TOO_MANY_OPEN);
    zone_table_free(table);
}

static void test_auto_close_spares_explicit(void)
{
    ZoneTable *table = make_table(.max_open_zones = 2, .auto_close = true);

    expect_send(table, 0, ZONE_EVENT_OPEN);
    write_some(table, 1, 4096);
    g_assert_cmpint(write_some(table, 2, 4096), ==, ZONE_OK);
    g_assert_cmpint(state_of(table, 0), ==, ZONE_STATE_EXPLICITLY_OPENED);
    g_assert_cmpint(state_of(table, 1), ==, ZONE_STATE_CLOSED);
    expect_send(table, 2, ZONE_EVENT_OPEN);
    g_assert_cmpint(write_some(table, 1, 4096), ==, ZONE_ERR_TOO_MANY_OPEN);
    zone_table_free(table);
}

static void test_auto_close_spares_held(void)
{
    ZoneTable *table = make_table(.max_open_zones = 2, .auto_close = true);

    write_some(table, 0, 4096);
    write_some(table, 1, 4096);
    zone_table_hold(table, 0);
    g_assert_cmpint(write_some(table, 2, 4096), ==, ZONE_OK);
    g_assert_cmpint(state_of(table, 0), ==, ZONE_STATE_IMPLICITLY_OPENED);
    g_assert_cmpint(state_of(table, 1), ==, ZONE_STATE_CLOSED);
    zone_table_hold(table, 2);
    g_assert_cmpint(write_some(table, 3, 4096), ==, ZONE_BUSY_OTHERS);
    zone_table_release(table, 0);
    g_assert_cmpint(write_some(table, 3, 4096), ==, ZONE_OK);
    g_assert_cmpint(state_of(table, 0), ==, ZONE_STATE_CLOSED);
    zone_table_free(table);
}

static void test_auto_close_for_open(void)
{
    ZoneTable *table = make_table(.max_open_zones = 1, .auto_close = true);

    write_some(table, 0, 4096);
    g_assert_cmpint(zone_table_check_event(table, 1, ZONE_EVENT_OPEN), ==,
                    ZONE_OK);
    g_assert_cmpint(state_of(table, 0), ==, ZONE_STATE_IMPLICITLY_OPENED);
    expect_send(table, 1, ZONE_EVENT_OPEN);
    g_assert_cmpint(state_of(table, 0), ==, ZONE_STATE_CLOSED);
    zone_table_free(table);
}

/* A write in flight ends well in a zone that was closed meanwhile */
static void test_auto_close_in_flight(void)
{
    ZoneTable *table = make_table(.max_open_zones = 1, .auto_close = true);
    ZoneWrite a, b;

    g_assert_cmpint(begin_at(table, &a, 0, 0, ZONE_CAP - 4096), ==, ZONE_OK);
    g_assert_cmpint(begin_at(table, &b, 0, ZONE_CAP - 4096, 4096), ==,
                    ZONE_OK);
    g_assert_cmpint(write_some(table, 1, 4096), ==, ZONE_OK);
    g_assert_cmpint(state_of(table, 0), ==, ZONE_STATE_CLOSED);
    g_assert_true(zone_table_write_end(table, &a, true));
    g_assert_cmpint(state_of(table, 0), ==, ZONE_STATE_CLOSED);
    g_assert_cmpint(wp_of(table, 0), ==, ZONE_CAP - 4096);
    g_assert_true(zone_table_write_end(table, &b, true));
    g_assert_cmpint(state_of(table, 0), ==, ZONE_STATE_FULL);
    g_assert_cmpint(zone_table_counts(table).active, ==, 1);
    zone_table_free(table);
}

/* A refusal closes nothing */
static void test_refusal_closes_nothing(void)
{
    ZoneTable *table = make_table(.max_open_zones = 1, .max_active_zones = 2,
                                  .auto_close = true);
    ZoneWrite w;

    write_some(table, 0, 4096);
    g_assert_cmpint(begin_at(table, &w, 1, 4096, 4096), ==,
                    ZONE_ERR_NOT_AT_WP);
    bring_to(table, 2, ZONE_STATE_CLOSED);
    write_some(table, 0, 4096);
    g_assert_cmpint(write_some(table, 1, 4096), ==, ZONE_ERR_TOO_MANY_ACTIVE);
    g_assert_cmpint(state_of(table, 0), ==, ZONE_STATE_IMPLICITLY_OPENED);
    zone_table_free(table);
}

/* Select All */

static void test_open_all(void)
{
    ZoneTable *table = make_table(.max_open_zones = 3);

    bring_to(table, 1, ZONE_STATE_CLOSED);
    bring_to(table, 4, ZONE_STATE_CLOSED);
    g_assert_cmpint(zone_table_open_all(table), ==, ZONE_OK);
    g_assert_cmpint(state_of(table, 1), ==, ZONE_STATE_EXPLICITLY_OPENED);
    g_assert_cmpint(state_of(table, 4), ==, ZONE_STATE_EXPLICITLY_OPENED);
    g_assert_cmpint(zone_table_counts(table).open, ==, 2);
    g_assert_cmpint(zone_table_open_all(table), ==, ZONE_OK);
    zone_table_free(table);
}

static void test_open_all_or_none(void)
{
    ZoneTable *table = make_table(.max_open_zones = 2);
    uint32_t i;

    for (i = 0; i < 3; i++) {
        bring_to(table, i, ZONE_STATE_CLOSED);
    }
    g_assert_cmpint(zone_table_open_all(table), ==, ZONE_ERR_TOO_MANY_OPEN);
    g_assert_cmpint(zone_table_counts(table).open, ==, 0);
    expect_send(table, 1, ZONE_EVENT_FINISH);
    g_assert_cmpint(zone_table_open_all(table), ==, ZONE_OK);
    g_assert_cmpint(zone_table_counts(table).open, ==, 2);
    zone_table_free(table);
}

/* Zones that are closed to make room are not opened in their turn */
static void test_open_all_auto_close(void)
{
    ZoneTable *table = make_table(.max_open_zones = 3, .auto_close = true);

    bring_to(table, 0, ZONE_STATE_CLOSED);
    bring_to(table, 1, ZONE_STATE_CLOSED);
    bring_to(table, 2, ZONE_STATE_IMPLICITLY_OPENED);
    bring_to(table, 3, ZONE_STATE_IMPLICITLY_OPENED);
    bring_to(table, 4, ZONE_STATE_EXPLICITLY_OPENED);
    g_assert_cmpint(zone_table_open_all(table), ==, ZONE_OK);
    g_assert_cmpint(state_of(table, 0), ==, ZONE_STATE_EXPLICITLY_OPENED);
    g_assert_cmpint(state_of(table, 1), ==, ZONE_STATE_EXPLICITLY_OPENED);
    g_assert_cmpint(state_of(table, 2), ==, ZONE_STATE_CLOSED);
    g_assert_cmpint(state_of(table, 3), ==, ZONE_STATE_CLOSED);
    /* Now 2 and 3 are Closed, and nothing can make room for them */
    g_assert_cmpint(zone_table_open_all(table), ==, ZONE_ERR_TOO_MANY_OPEN);
    zone_table_free(table);
}

static void test_open_all_held(void)
{
    ZoneTable *table = make_table(.max_open_zones = 3);

    bring_to(table, 0, ZONE_STATE_CLOSED);
    bring_to(table, 1, ZONE_STATE_CLOSED);
    zone_table_hold(table, 1);
    g_assert_cmpint(zone_table_open_all(table), ==, ZONE_BUSY_OTHERS);
    g_assert_cmpint(zone_table_counts(table).open, ==, 0);
    zone_table_release(table, 1);
    g_assert_cmpint(zone_table_open_all(table), ==, ZONE_OK);
    zone_table_free(table);
}

/* What can be closed to make room, but not now */
static void test_open_all_room_held(void)
{
    ZoneTable *table = make_table(.max_open_zones = 2, .auto_close = true);

    bring_to(table, 0, ZONE_STATE_CLOSED);
    bring_to(table, 1, ZONE_STATE_CLOSED);
    bring_to(table, 2, ZONE_STATE_IMPLICITLY_OPENED);
    zone_table_hold(table, 2);
    g_assert_cmpint(zone_table_open_all(table), ==, ZONE_BUSY_OTHERS);
    zone_table_release(table, 2);
    g_assert_cmpint(zone_table_open_all(table), ==, ZONE_OK);
    zone_table_free(table);
}

/* Iteration meets the zones of one state; the current one may be changed */
static void test_iteration(void)
{
    ZoneTable *table = make_table();
    int64_t zone_idx, next;
    uint32_t met = 0;

    bring_to(table, 1, ZONE_STATE_CLOSED);
    bring_to(table, 3, ZONE_STATE_CLOSED);
    bring_to(table, 6, ZONE_STATE_CLOSED);
    bring_to(table, 5, ZONE_STATE_FULL);
    zone_idx = zone_table_next_in_state(table, ZONE_STATE_CLOSED, -1);
    while (zone_idx >= 0) {
        next = zone_table_next_in_state(table, ZONE_STATE_CLOSED, zone_idx);
        met |= 1 << zone_idx;
        expect_send(table, zone_idx, ZONE_EVENT_RESET);
        zone_idx = next;
    }
    g_assert_cmphex(met, ==, 1 << 1 | 1 << 3 | 1 << 6);
    g_assert_cmpint(zone_table_next_in_state(table, ZONE_STATE_CLOSED, -1),
                    ==, -1);
    g_assert_cmpint(zone_table_next_in_state(table, ZONE_STATE_FULL, -1), ==,
                    5);
    zone_table_free(table);
}

/* Holds */

static void test_hold(void)
{
    ZoneTable *table = make_table(.conventional_zones = 1);
    ZoneWrite w;

    zone_table_hold(table, 2);
    g_assert_true(zone_table_held(table, 2));
    g_assert_false(zone_table_held(table, 3));
    g_assert_cmpint(begin_at(table, &w, 2, 0, 4096), ==, ZONE_BUSY);
    g_assert_cmpint(append_to(table, &w, 2, 4096), ==, ZONE_BUSY);
    g_assert_cmpint(zone_table_check_event(table, 2, ZONE_EVENT_OPEN), ==,
                    ZONE_OK);
    g_assert_cmpint(state_of(table, 2), ==, ZONE_STATE_EMPTY);
    /* Whoever holds it goes on, and the hold outlives the change of state */
    expect_send(table, 2, ZONE_EVENT_FINISH);
    g_assert_cmpint(begin_at(table, &w, 2, 0, 4096), ==, ZONE_BUSY);
    zone_table_release(table, 2);
    g_assert_cmpint(begin_at(table, &w, 2, 0, 4096), ==, ZONE_ERR_FULL);
    zone_table_hold(table, 0);
    g_assert_cmpint(begin_at(table, &w, 0, 0, 4096), ==, ZONE_BUSY);
    zone_table_free(table);
}

static void test_set_attributes(void)
{
    ZoneTable *table = make_table(.conventional_zones = 1);

    bring_to(table, 1, ZONE_STATE_CLOSED);
    g_assert_true(advise(table, 1, ZONE_ATTR_FZR, 0));
    g_assert_false(advise(table, 1, ZONE_ATTR_FZR, 0));
    g_assert_true(advise(table, 1, ZONE_ATTR_RZR,
                                            ZONE_ATTR_FZR));
    g_assert_cmphex(attributes_of(table, 1), ==, ZONE_ATTR_RZR);
    g_assert_cmphex(zone_word_attributes(zone_table_word(table, 1)), ==,
                    ZONE_ATTR_RZR);
    g_assert_cmphex(zone_word_attributes(
                        word_advised(table, 1, ZONE_ATTR_FZR,
                                             ZONE_ATTR_RZR)), ==,
                    ZONE_ATTR_FZR);
    g_assert_cmphex(attributes_of(table, 1), ==, ZONE_ATTR_RZR);
    bring_to(table, 2, ZONE_STATE_OFFLINE);
    g_assert_false(advise(table, 2, ZONE_ATTR_RZR, 0));
    g_assert_false(advise(table, 0, ZONE_ATTR_RZR, 0));
    g_assert_cmphex(word_advised(table, 0, ZONE_ATTR_RZR, 0), ==,
                    zone_table_word(table, 0));
    zone_table_free(table);
}

/* A zone costs 24 bytes here; 8 more are the image format's durable copy */
/* Over more than one group, by comparison with a look at each zone */
static void test_find_and_count(void)
{
    static const uint32_t full[] = { 0, 5, 1023, 1024, 3071, 3072, 4000 };
    const uint32_t nr_zones = 4100;
    ZoneTable *table = zone_table_new(&(ZoneGeometry) {
        .zone_bytes = ZONE_LEN, .capacity_bytes = ZONE_LEN,
        .nr_zones = nr_zones,
    });
    uint32_t nr = 0, found = nr_zones, zone_idx;
    ZoneInfo info;
    size_t i;

    for (i = 0; i < G_N_ELEMENTS(full); i++) {
        g_assert_cmpint(zone_table_event(table, full[i], ZONE_EVENT_FINISH,
                                         NULL), ==, ZONE_OK);
    }
    for (zone_idx = nr_zones; zone_idx-- > 0;) {
        zone_table_info(table, zone_idx, &info);
        if (info.state == ZONE_STATE_FULL) {
            found = zone_idx;
            nr++;
        }
        g_assert_cmpuint(zone_table_find(table, ZONE_STATE_FULL, zone_idx), ==,
                         found);
        g_assert_cmpuint(zone_table_count_from(table, ZONE_STATE_FULL,
                                               zone_idx), ==, nr);
    }
    g_assert_cmpuint(nr, ==, G_N_ELEMENTS(full));
    g_assert_cmpuint(zone_table_find(table, ZONE_STATE_OFFLINE, 0), ==,
                     nr_zones);
    zone_table_verify(table);
    zone_table_free(table);
}

static void test_memory(void)
{
#ifdef HAVE_MALLINFO2
    const uint32_t nr_zones = 1000000;
    struct mallinfo2 before = mallinfo2();
    ZoneTable *table = zone_table_new(&(ZoneGeometry) {
        .zone_bytes = ZONE_LEN, .capacity_bytes = ZONE_LEN,
        .nr_zones = nr_zones,
    });
    struct mallinfo2 after = mallinfo2();
    size_t bytes = after.uordblks + after.hblkhd -
                   before.uordblks - before.hblkhd;

    zone_table_free(table);
    if (bytes > 0) {
        g_assert_cmpint(bytes, >=, nr_zones * 8);
        g_assert_cmpint(bytes, <=, nr_zones * 24 + 65536);
        return;
    }
#endif
    g_test_skip("this allocator does not count");
}

/* Zones come and go at the end; all others keep what they have */
static void test_resize(void)
{
    static const uint32_t sizes[] = { 9, 8, 3000, 1024, 1025, 4, 1023, 3, 8 };
    ZoneTable *table = make_table(.conventional_zones = 1,
                                  .max_active_zones = 2);
    ZoneWrite write;
    size_t i;

    g_assert_cmpint(begin_at(table, &write, 1, 0, 4 * KIB), ==, ZONE_OK);
    expect_send(table, 2, ZONE_EVENT_OPEN);
    for (i = 0; i < G_N_ELEMENTS(sizes); i++) {
        zone_table_resize(table, sizes[i]);
        zone_table_verify(table);
        g_assert_cmpuint(zone_table_geometry(table)->nr_zones, ==, sizes[i]);
        g_assert_cmpint(state_of(table, 0), ==, ZONE_STATE_CONVENTIONAL);
        g_assert_cmpint(state_of(table, 1), ==, ZONE_STATE_IMPLICITLY_OPENED);
        g_assert_cmpint(state_of(table, 2), ==, ZONE_STATE_EXPLICITLY_OPENED);
        g_assert_cmpuint(zone_table_counts(table).by_state[ZONE_STATE_EMPTY],
                         ==, sizes[i] - 3);
        g_assert_cmpuint(zone_table_find(table, ZONE_STATE_EMPTY, 0), ==, 3);
        g_assert_cmpuint(zone_table_count_from(table, ZONE_STATE_EMPTY, 2), ==,
                         sizes[i] - 3);
    }
    zone_table_write_end(table, &write, true);
    g_assert_cmpuint(wp_of(table, 1), ==, 4 * KIB);
    g_assert_cmpint(write_some(table, 7, 4 * KIB), ==,
                    ZONE_ERR_TOO_MANY_ACTIVE);
    zone_table_free(table);
}

/* What has been in a zone that went is not there when it comes again */
static void test_resize_forgets(void)
{
    ZoneTable *table = make_table();
    ZoneWrite first, second;

    g_assert_cmpint(begin_at(table, &first, 7, 0, 4 * KIB), ==, ZONE_OK);
    g_assert_cmpint(begin_at(table, &second, 7, 4 * KIB, 4 * KIB), ==,
                    ZONE_OK);
    zone_table_write_end(table, &second, true);
    zone_table_write_end(table, &first, false);
    advise(table, 7, ZONE_ATTR_RZR, 0);
    expect_send(table, 7, ZONE_EVENT_RESET);
    advise(table, 7, ZONE_ATTR_RZR, 0);
    zone_table_resize(table, 7);
    zone_table_resize(table, 8);
    g_assert_cmpint(state_of(table, 7), ==, ZONE_STATE_EMPTY);
    g_assert_cmpint(attributes_of(table, 7), ==, 0);
    g_assert_cmpint(write_some(table, 7, 4 * KIB), ==, ZONE_OK);
    zone_table_free(table);
}

static void test_set_limits(void)
{
    ZoneTable *table = make_table(.max_active_zones = 1);

    g_assert_cmpint(write_some(table, 0, KIB), ==, ZONE_OK);
    g_assert_cmpint(write_some(table, 1, KIB), ==, ZONE_ERR_TOO_MANY_ACTIVE);
    zone_table_set_limits(table, 2, 3, 64 * KIB);
    g_assert_cmpint(write_some(table, 1, KIB), ==, ZONE_OK);
    g_assert_cmpint(write_some(table, 2, KIB), ==, ZONE_ERR_TOO_MANY_OPEN);
    g_assert_cmpuint(zone_table_geometry(table)->max_append_bytes, ==,
                     64 * KIB);
    zone_table_free(table);
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*run)(void);
    } tests[] = {
        { "state-machine", test_state_machine },
        { "deltas", test_deltas },
        { "no-such-state", test_no_such_state },
        { "new", test_new },
        { "lookup", test_lookup },
        { "largest-device", test_largest_device },
        { "conventional-events", test_conventional_events },
        { "finish/keeps-wp", test_finish_keeps_wp },
        { "finish/needs-no-resources", test_finish_needs_no_resources },
        { "finish/ends-recommendation", test_finish_ends_recommendation },
        { "read-only/ends-recommendations",
          test_read_only_ends_recommendations },
        { "empty/ends-recommendation", test_empty_ends_recommendation },
        { "empty/with-recommendation", test_empty_with_recommendation },
        { "reset/clears", test_reset_clears },
        { "reset/frees-resources", test_reset_frees_resources },
        { "offline/clears-attributes", test_offline_clears_attributes },
        { "faults/free-resources", test_faults_free_resources },
        { "zde/set", test_set_zde },
        { "zde/needs-active", test_set_zde_needs_active },
        { "zde/claims-active", test_set_zde_claims },
        { "zde/absent", test_no_zde },
        { "close-unwritten", test_close_unwritten },
        { "limits/open", test_max_open },
        { "limits/active", test_max_active },
        { "limits/both", test_both_exhausted },
        { "limits/none", test_no_limits },
        { "limits/loaded-excess", test_loaded_excess },
        { "auto-close/lru", test_auto_close_lru },
        { "auto-close/off", test_auto_close_off },
        { "auto-close/switch", test_auto_close_switch },
        { "auto-close/spares-explicit", test_auto_close_spares_explicit },
        { "auto-close/spares-held", test_auto_close_spares_held },
        { "auto-close/for-open", test_auto_close_for_open },
        { "auto-close/in-flight", test_auto_close_in_flight },
        { "auto-close/not-on-refusal", test_refusal_closes_nothing },
        { "open-all/all", test_open_all },
        { "open-all/or-none", test_open_all_or_none },
        { "open-all/auto-close", test_open_all_auto_close },
        { "open-all/held", test_open_all_held },
        { "open-all/room-held", test_open_all_room_held },
        { "iteration", test_iteration },
        { "hold", test_hold },
        { "set-attributes", test_set_attributes },
        { "find-and-count", test_find_and_count },
        { "resize", test_resize },
        { "resize/forgets", test_resize_forgets },
        { "set-limits", test_set_limits },
        { "memory", test_memory },
    };
    size_t i;

    g_test_init(&argc, &argv, NULL);
    for (i = 0; i < G_N_ELEMENTS(tests); i++) {
        g_autofree char *path = g_strdup_printf("/zone/table/%s",
                                                tests[i].name);

        g_test_add_func(path, tests[i].run);
    }
    return g_test_run();
}
