/*
 * The packed word: codec, checks, loading; names and error numbers
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The words are spelt out in hexadecimal, as the format's description counts
 * their bits.
 */

#include "qemu/osdep.h"
#include "zone-test.h"

static const ZoneGeometry geometry = {
    .zone_bytes = ZONE_LEN, .capacity_bytes = ZONE_CAP, .nr_zones = 8,
    .conventional_zones = 1, .zd_extension_bytes = 64,
};

static void test_codec(void)
{
    uint64_t word = zone_word_encode(ZONE_WORD_FULL, true, 0x85,
                                     UINT64_C(0x7edcba9876400));

    g_assert_cmphex(word, ==, UINT64_C(0xec2fedcba9876400));
    g_assert_cmphex(zone_word_state(word), ==, 0xe);
    g_assert_true(zone_word_conventional(word));
    g_assert_cmphex(zone_word_attributes(word), ==, 0x85);
    g_assert_cmphex(zone_word_wp_bytes(word), ==,
                    UINT64_C(0x7edcba9876400));
    g_assert_cmphex(zone_word_less(word | 0x1f0), ==, 0x1f);
    g_assert_cmphex(zone_word_less(word | 0x1f), ==, 1);
    g_assert_cmphex(zone_word_limits(word | 0x1f0), ==, 0);
    g_assert_cmphex(zone_word_limits(word | 0x1f), ==, 0xf);
    g_assert_cmphex(zone_word_wp_bytes(word | 0x1ff), ==,
                    UINT64_C(0x7edcba9876400));
}

static void expect_valid(uint32_t zone_idx, uint64_t word)
{
    g_assert_cmpstr(zone_word_check(&geometry, zone_idx, word), ==, NULL);
}

static void test_valid(void)
{
    uint64_t wp_bytes = 2 * ZONE_LEN;

    expect_valid(0, UINT64_C(0x0800000000000000));
    expect_valid(2, wp_bytes);
    expect_valid(2, wp_bytes + ZONE_CAP);
    expect_valid(2, UINT64_C(0x0438000000000000) + wp_bytes);
    expect_valid(2, UINT64_C(0xd000000000000000) + wp_bytes);
    expect_valid(2, UINT64_C(0xe000000000000000) + wp_bytes);
    expect_valid(2, UINT64_C(0xe000000000000000) + wp_bytes + ZONE_CAP);
    expect_valid(2, UINT64_C(0xf438000000000000) + wp_bytes);
    g_assert_cmphex(zone_empty_word(&geometry, 0), ==,
                    UINT64_C(0x0800000000000000));
    g_assert_cmphex(zone_empty_word(&geometry, 7), ==, 7 * ZONE_LEN);
}

/* Each fault has a phrase of its own */
static void test_faults(void)
{
    static const struct {
        uint32_t zone_idx;
        uint64_t word;
    } faults[] = {
        { 2, UINT64_C(0x1000000000000000) + 2 * ZONE_LEN }, /* state */
        { 2, UINT64_C(0x0040000000000000) + 2 * ZONE_LEN }, /* ZRWAV */
        { 2, UINT64_C(0x0080000000000000) + 2 * ZONE_LEN }, /* reserved bit */
        { 2, UINT64_C(0x0800000000000000) + 2 * ZONE_LEN }, /* type */
        { 0, UINT64_C(0x0000000000000000) },                /* type */
        { 0, UINT64_C(0xe800000000000000) },    /* conventional and Full */
        { 0, UINT64_C(0x0808000000000000) },    /* conventional with ZFC */
        { 0, UINT64_C(0x0800000000000200) },    /* conventional, written */
        { 2, 2 * ZONE_LEN - 512 },
        { 2, 2 * ZONE_LEN + ZONE_CAP + 512 },
        { 2, 2 * ZONE_LEN + 100 },              /* within a block */
    };
    size_t i, j;

    for (i = 0; i < G_N_ELEMENTS(faults); i++) {
        const char *phrase = zone_word_check(&geometry, faults[i].zone_idx,
                                             faults[i].word);

        g_assert_nonnull(phrase);
        for (j = 0; j < i; j++) {
            g_assert_cmpstr(phrase, !=,
                            zone_word_check(&geometry, faults[j].zone_idx,
                                            faults[j].word));
        }
    }
}

/* Of the 16 values of the state field, 4 mean something */
static void test_states(void)
{
    uint64_t state;

    for (state = 0; state < 16; state++) {
        const char *phrase = zone_word_check(&geometry, 1,
                                             state << 60 | ZONE_LEN);

        g_assert_cmpint(phrase == NULL, ==,
                        state == 0 || state == 13 || state == 14 ||
                        state == 15);
    }
}

/* Of the 8 attribute bits, 4 are stored */
static void test_attributes(void)
{
    unsigned bit;

    for (bit = 0; bit < 8; bit++) {
        const char *phrase = zone_word_check(&geometry, 1, ZONE_LEN |
                                             UINT64_C(1) << (51 + bit));

        g_assert_cmpint(phrase == NULL, ==, bit <= 2 || bit == 7);
    }
}

static void test_zdev_without_extensions(void)
{
    ZoneGeometry bare = geometry;

    bare.zd_extension_bytes = 0;
    g_assert_nonnull(zone_word_check(&bare, 1,
                                     UINT64_C(0x0400000000010000)));
}

typedef struct Load {
    uint64_t word;
    ZoneState state;
    uint64_t wp_bytes;
    uint8_t attributes;
} Load;

static void check_loaded(ZoneTable *table, const Load *load)
{
    g_assert_cmpint(state_of(table, 1), ==, load->state);
    g_assert_cmpint(wp_of(table, 1), ==, load->wp_bytes);
    g_assert_cmpint(reserved_of(table, 1), ==, load->wp_bytes);
    g_assert_cmphex(attributes_of(table, 1), ==, load->attributes);
    g_assert_cmphex(zone_table_word(table, 1), ==, load->word);
    expect_send(table, 1, ZONE_EVENT_POWER_CYCLE);
    g_assert_cmphex(zone_table_word(table, 1), ==, load->word);
}

/* The same for a table that is made of nothing but words */
static void check_made(const Load *load)
{
    g_autofree uint64_t *words = g_new(uint64_t, geometry.nr_zones);
    ZoneTable *table;
    uint32_t i;

    for (i = 0; i < geometry.nr_zones; i++) {
        words[i] = zone_empty_word(&geometry, i);
    }
    words[1] = load->word;
    table = zone_table_new_from_words(&geometry, words);
    check_loaded(table, load);
    zone_table_free(table);
}

/* What a power cycle makes of a word, and that the word stays as it was */
static void test_load(void)
{
    static const Load loads[] = {
        { UINT64_C(0x0000000000010000), ZONE_STATE_EMPTY, 0, 0 },
        { UINT64_C(0x0400000000010000), ZONE_STATE_CLOSED, 0, 0x80 },
        { UINT64_C(0x0000000000010200), ZONE_STATE_CLOSED, 512, 0 },
        { UINT64_C(0x043000000001be00), ZONE_STATE_CLOSED, 48640, 0x86 },
        { UINT64_C(0x000000000001c000), ZONE_STATE_FULL, 49152, 0 },
        { UINT64_C(0xe00000000001c000), ZONE_STATE_FULL, 49152, 0 },
        { UINT64_C(0xe008000000010000), ZONE_STATE_FULL, 0, 1 },
        { UINT64_C(0xd420000000010200), ZONE_STATE_READ_ONLY, 512, 0x84 },
        { UINT64_C(0xf000000000010200), ZONE_STATE_OFFLINE, 512, 0 },
    };
    ZoneTable *table = zone_table_new(&geometry);
    size_t i;

    for (i = 0; i < G_N_ELEMENTS(loads); i++) {
        g_assert_cmpint(zone_stored_state(&geometry, 1, loads[i].word), ==,
                        loads[i].state);
        zone_table_load_word(table, 1, loads[i].word);
        check_loaded(table, &loads[i]);
        check_made(&loads[i]);
    }
    zone_table_free(table);
}

/* A Full zone at its capacity has two spellings: Finish changes neither */
static void test_two_spellings(void)
{
    ZoneTable *table = zone_table_new(&geometry);
    uint64_t word = UINT64_C(0xe00000000001c000);
    bool changed = true;

    zone_table_load_word(table, 1, word);
    g_assert_cmphex(zone_table_word_after(table, 1, ZONE_EVENT_FINISH), ==,
                    word);
    g_assert_cmpint(zone_table_event(table, 1, ZONE_EVENT_FINISH, &changed),
                    ==, ZONE_OK);
    g_assert_false(changed);
    g_assert_cmphex(zone_table_word(table, 1), ==, word);
    zone_table_free(table);
}

/* Refusals and error numbers map to each other, one to one */
static void test_errno(void)
{
    static const int ordinary[] = {
        0, EIO, EINVAL, ENOSPC, ENOTSUP, EBUSY, EPERM, ENOMEM, EAGAIN, EROFS,
        ENOENT, EACCES, ECANCELED, EFBIG, ENXIO, ENODEV, ENOMEDIUM, EINTR,
        EDQUOT, ETIMEDOUT, EREMOTEIO, ENOTTY, EBADF, EFAULT, EOVERFLOW,
        ESHUTDOWN, ECONNRESET, EPIPE,
    };
    int status, other;
    size_t i;

    g_assert_cmpint(zone_status_errno(ZONE_OK), ==, 0);
    for (status = ZONE_OK + 1; status < ZONE_STATUS__MAX; status++) {
        int ret = zone_status_errno(status);

        g_assert_cmpint(ret, <, 0);
        g_assert_cmpint(zone_status_from_errno(ret), ==, status);
        g_assert_cmpint(zone_status_from_errno(-ret), ==, ZONE_OK);
        for (other = ZONE_OK; other < status; other++) {
            g_assert_cmpint(ret, !=, zone_status_errno(other));
        }
    }
    for (i = 0; i < G_N_ELEMENTS(ordinary); i++) {
        g_assert_cmpint(zone_status_from_errno(-ordinary[i]), ==, ZONE_OK);
    }
}

/* Each thing has a name, and no two have the same */
static void test_names(void)
{
    g_autoptr(GHashTable) names = g_hash_table_new(g_str_hash, g_str_equal);
    int i;

    for (i = 0; i < ZONE_BUSY__MAX; i++) {
        g_assert_true(g_hash_table_add(names, (void *)zone_status_str(i)));
    }
    for (i = 0; i < ZONE_EVENT__MAX; i++) {
        g_assert_true(g_hash_table_add(names, (void *)zone_event_str(i)));
    }
    g_assert_cmpstr(zone_state_str(0), ==, "Conventional");
    g_assert_cmpstr(zone_state_str(1), ==, "Empty");
    g_assert_cmpstr(zone_state_str(2), ==, "Implicitly Opened");
    g_assert_cmpstr(zone_state_str(3), ==, "Explicitly Opened");
    g_assert_cmpstr(zone_state_str(4), ==, "Closed");
    g_assert_cmpstr(zone_state_str(5), ==, "Unknown");
    g_assert_cmpstr(zone_state_str(13), ==, "Read Only");
    g_assert_cmpstr(zone_state_str(14), ==, "Full");
    g_assert_cmpstr(zone_state_str(15), ==, "Offline");
}

/* In the other states, and in conventional zones, it means nothing */
static void test_states_with_wp(void)
{
    for (ZoneState state = 0; state < ZONE_STATE__MAX; state++) {
        g_assert_true(zone_state_has_wp(state) ==
                      (state >= ZONE_STATE_EMPTY &&
                       state <= ZONE_STATE_CLOSED));
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/zone/word/codec", test_codec);
    g_test_add_func("/zone/word/valid", test_valid);
    g_test_add_func("/zone/word/faults", test_faults);
    g_test_add_func("/zone/word/states", test_states);
    g_test_add_func("/zone/word/states-with-wp", test_states_with_wp);
    g_test_add_func("/zone/word/attributes", test_attributes);
    g_test_add_func("/zone/word/zdev-without-extensions",
                    test_zdev_without_extensions);
    g_test_add_func("/zone/word/load", test_load);
    g_test_add_func("/zone/word/two-spellings", test_two_spellings);
    g_test_add_func("/zone/status/errno", test_errno);
    g_test_add_func("/zone/names", test_names);
    return g_test_run();
}
