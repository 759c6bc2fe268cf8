/*
 * Records: bytes, rules, rings, what they make of words
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qapi/error.h"
#include "block/zone/qcow2/record.h"
#include "zone-test.h"

static const ZoneGeometry geometry = {
    .zone_bytes = ZONE_LEN, .capacity_bytes = ZONE_CAP, .nr_zones = 40,
    .conventional_zones = 1,
};

static Qcow2ZoneChange change_of(uint32_t zone_idx, uint64_t from_bytes,
                                 uint64_t to_bytes)
{
    return (Qcow2ZoneChange) {
        .zone_idx = zone_idx,
        .checksum = from_bytes == to_bytes ? 0 : 0x1234567,
        .old_word = zone_idx * ZONE_LEN + from_bytes,
        .new_word = zone_idx * ZONE_LEN + to_bytes,
    };
}

static Qcow2ZoneRecord record_of(uint64_t seq, uint64_t first,
                                 uint32_t zone_idx, uint64_t from_bytes,
                                 uint64_t to_bytes)
{
    return (Qcow2ZoneRecord) {
        .seq = seq, .first = first, .nr = 1,
        .changes = { change_of(zone_idx, from_bytes, to_bytes) },
    };
}

static bool is_record(const Qcow2ZoneRecord *record)
{
    uint8_t buf[QCOW2_ZONE_RECORD_BYTES];
    Qcow2ZoneRecord decoded;

    qcow2_zone_encode_record(record, buf);
    return qcow2_zone_decode_record(&geometry, buf, record->seq % 64,
                                    &decoded);
}

/* Bytes ******************************************************************/

static void expect_bytes(const uint8_t *buf, unsigned offset, const char *hex)
{
    for (; *hex; hex += 2, offset++) {
        g_assert_cmphex(buf[offset], ==, g_ascii_xdigit_value(hex[0]) << 4 |
                                         g_ascii_xdigit_value(hex[1]));
    }
}

static void test_bytes(void)
{
    Qcow2ZoneRecord record = record_of(0x1234, 0x1200, 2, 512, 4096);
    uint8_t buf[QCOW2_ZONE_RECORD_BYTES];
    unsigned i;

    qcow2_zone_encode_record(&record, buf);
    expect_bytes(buf, 0, "5a4e5243");
    expect_bytes(buf, 8, "0000000000001234" "0000000000001200"
                         "00000001" "00000000");
    expect_bytes(buf, 32, "00000002" "01234567" "0000000000020200"
                          "0000000000021000");
    for (i = 56; i < sizeof(buf); i++) {
        g_assert_cmphex(buf[i], ==, 0);
    }
}

/* The value that RFC 1952 and ISO 3309 give for these nine digits */
static void test_checksum(void)
{
    uint32_t a = qcow2_zone_checksum(0, "1234", 4);
    uint32_t b = qcow2_zone_checksum(0, "56789", 5);

    g_assert_cmphex(qcow2_zone_checksum(0, "123456789", 9), ==, 0xcbf43926);
    g_assert_cmphex(qcow2_zone_checksum(a, "56789", 5), ==, 0xcbf43926);
    g_assert_cmphex(qcow2_zone_checksum_join(a, b, 5), ==, 0xcbf43926);
    g_assert_cmphex(qcow2_zone_checksum_join(0, a, 4), ==, a);
}

static void test_round_trip(void)
{
    Qcow2ZoneRecord record = { .seq = 77, .first = 60, .nr = 20 };
    uint8_t buf[QCOW2_ZONE_RECORD_BYTES], again[sizeof(buf)];
    Qcow2ZoneRecord decoded;
    uint32_t i;

    for (i = 0; i < record.nr; i++) {
        record.changes[i] = change_of(2 * i + 1, 512 * i, 1024 * i);
    }
    qcow2_zone_encode_record(&record, buf);
    g_assert_true(qcow2_zone_decode_record(&geometry, buf, 13, &decoded));
    g_assert_cmpmem(record.changes, sizeof(record.changes), decoded.changes,
                    sizeof(decoded.changes));
    qcow2_zone_encode_record(&decoded, again);
    g_assert_cmpmem(buf, sizeof(buf), again, sizeof(again));
    /* it is one nowhere else */
    g_assert_false(qcow2_zone_decode_record(&geometry, buf, 14, &decoded));
}

/* What is torn, or has any other bit, is none */
static void test_every_bit_counts(void)
{
    Qcow2ZoneRecord record = record_of(77, 60, 2, 512, 4096);
    uint8_t buf[QCOW2_ZONE_RECORD_BYTES];
    unsigned i;

    qcow2_zone_encode_record(&record, buf);
    for (i = 0; i < sizeof(buf) * 8; i++) {
        buf[i / 8] ^= 1 << i % 8;
        g_assert_false(qcow2_zone_decode_record(&geometry, buf, 13, &record));
        buf[i / 8] ^= 1 << i % 8;
    }
}

/* Rules ******************************************************************/

static void test_head_rules(void)
{
    Qcow2ZoneRecord record = record_of(100, 37, 2, 0, 512);

    g_assert_true(is_record(&record));
    record.first = 36; /* its slot would be that of 100 */
    g_assert_false(is_record(&record));
    record.first = 101;
    g_assert_false(is_record(&record));
    record.seq = record.first = 0;
    g_assert_false(is_record(&record));
    record.seq = 1;
    g_assert_false(is_record(&record));
    record.first = 1;
    g_assert_true(is_record(&record));
    record.seq = record.first = INT64_MAX;
    g_assert_true(is_record(&record));
    record.seq = record.first = INT64_MAX + UINT64_C(1);
    g_assert_false(is_record(&record));
    record = (Qcow2ZoneRecord) { .seq = 5, .first = 5 };
    g_assert_true(is_record(&record));
}

/* A field that no encoder writes so, with the right checksum */
static bool is_record_with(unsigned offset, uint32_t value)
{
    Qcow2ZoneRecord record = { .seq = 5, .first = 5, .nr = 2 };
    uint8_t buf[QCOW2_ZONE_RECORD_BYTES];
    uint32_t checksum;

    record.changes[0] = change_of(3, 0, 512);
    record.changes[1] = change_of(4, 0, 512);
    qcow2_zone_encode_record(&record, buf);
    value = GUINT32_TO_BE(value);
    memcpy(buf + offset, &value, sizeof(value));
    memset(buf + 4, 0, 4);
    checksum = GUINT32_TO_BE(qcow2_zone_checksum(0, buf, sizeof(buf)));
    memcpy(buf + 4, &checksum, sizeof(checksum));
    return qcow2_zone_decode_record(&geometry, buf, 5, &record);
}

/* More than there is room for; and bytes behind the last change */
static void test_fields(void)
{
    g_assert_true(is_record_with(24, 2));
    g_assert_false(is_record_with(24, 0));
    g_assert_false(is_record_with(24, 1));
    g_assert_false(is_record_with(24, 21));
    g_assert_false(is_record_with(24, UINT32_MAX));
    g_assert_false(is_record_with(28, 1));
    g_assert_false(is_record_with(508, 1));
    g_assert_false(is_record_with(0, 0x5a4e5354));
}

static void test_change_rules(void)
{
    const Qcow2ZoneRecord good = record_of(5, 5, 2, 512, 4096);
    Qcow2ZoneRecord record = good;

    record.changes[0] = change_of(39, 512, 4096);
    g_assert_true(is_record(&record));
    record.changes[0] = change_of(40, 512, 4096);
    g_assert_false(is_record(&record));
    record.changes[0] = (Qcow2ZoneChange) {
        .old_word = zone_empty_word(&geometry, 0),
        .new_word = zone_empty_word(&geometry, 0), /* conventional */
    };
    g_assert_false(is_record(&record));
    record.changes[0] = change_of(2, 4096, 512); /* back */
    g_assert_false(is_record(&record));
    record.changes[1] = change_of(3, 0, 8192);
    record.nr = 2;
    g_assert_false(is_record(&record));
    record = good;
    record.changes[0] = change_of(2, 0, ZONE_CAP + 512);
    g_assert_false(is_record(&record));
    record = good;
    record.changes[0].old_word |= UINT64_C(1) << 60;
    g_assert_false(is_record(&record));
    record.changes[0] = change_of(2, 512, 512);
    g_assert_true(is_record(&record));
    record.changes[0].checksum = 1; /* of nothing */
    g_assert_false(is_record(&record));
}

static void test_order(void)
{
    Qcow2ZoneRecord record = { .seq = 5, .first = 5, .nr = 2 };

    record.changes[0] = change_of(3, 0, 512);
    record.changes[1] = change_of(4, 0, 512);
    g_assert_true(is_record(&record));
    record.changes[1] = change_of(3, 512, 1024);
    g_assert_false(is_record(&record));
    record.changes[1] = change_of(2, 0, 512);
    g_assert_false(is_record(&record));
}

/* What has to be read to check it is bounded: 1 MiB */
static void test_length(void)
{
    const ZoneGeometry large = {
        .zone_bytes = 2048 * KIB, .capacity_bytes = 2048 * KIB, .nr_zones = 4,
    };
    Qcow2ZoneRecord record = { .seq = 5, .first = 5, .nr = 2 };
    uint8_t buf[QCOW2_ZONE_RECORD_BYTES];
    uint64_t bytes;

    for (bytes = 1023 * KIB; bytes <= 1024 * KIB; bytes += 512) {
        record.changes[0] = (Qcow2ZoneChange) { .checksum = 1,
                                                .new_word = bytes };
        record.changes[1] = (Qcow2ZoneChange) {
            .zone_idx = 1, .checksum = 1, .old_word = large.zone_bytes,
            .new_word = large.zone_bytes + 512,
        };
        qcow2_zone_encode_record(&record, buf);
        g_assert_true(qcow2_zone_decode_record(&large, buf, 5, &record) ==
                      (bytes + 512 <= 1024 * KIB));
    }
}

/* Rings ******************************************************************/

static uint8_t *make_ring(void)
{
    return g_malloc0(QCOW2_ZONE_RING_BYTES);
}

static void put(uint8_t *buf, uint64_t seq, uint64_t first, uint32_t zone_idx,
                uint64_t from_bytes, uint64_t to_bytes)
{
    Qcow2ZoneRecord record = record_of(seq, first, zone_idx, from_bytes,
                                       to_bytes);

    record.nr = zone_idx ? 1 : 0;
    if (!record.nr) {
        memset(record.changes, 0, sizeof(record.changes));
    }
    qcow2_zone_encode_record(&record, buf + seq % 64 * 512);
}

/* Error or not, and what is left in words of zones 2 and 3, from their start */
static bool replay(const uint8_t *buf, uint64_t *words, bool counts,
                   char **text)
{
    g_autofree Qcow2ZoneRing *ring = g_new(Qcow2ZoneRing, 1);
    Error *err = NULL;

    *text = NULL;
    if (qcow2_zone_decode_ring(&geometry, buf, ring, &err) &&
        qcow2_zone_replay_before(ring, words, &err)) {
        if (counts && ring->nr) {
            qcow2_zone_replay_record(qcow2_zone_ring_newest(ring), words);
        }
        return true;
    }
    *text = g_strdup(error_get_pretty(err));
    error_free(err);
    return false;
}

static void reset_words(uint64_t *words)
{
    uint32_t i;

    for (i = 0; i < geometry.nr_zones; i++) {
        words[i] = zone_empty_word(&geometry, i);
    }
}

static void expect_replay(const uint8_t *buf, uint64_t *words, bool counts,
                          uint64_t wp2_bytes, uint64_t wp3_bytes)
{
    g_autofree char *text = NULL;

    g_assert_true(replay(buf, words, counts, &text));
    g_assert_cmphex(words[2], ==, 2 * ZONE_LEN + wp2_bytes);
    g_assert_cmphex(words[3], ==, 3 * ZONE_LEN + wp3_bytes);
}

static bool is_empty(const uint8_t *buf)
{
    g_autofree Qcow2ZoneRing *ring = g_new(Qcow2ZoneRing, 1);
    Error *err = NULL;

    g_assert_true(qcow2_zone_decode_ring(&geometry, buf, ring, &err));
    return qcow2_zone_ring_is_empty(ring);
}

static void test_replay(void)
{
    g_autofree uint8_t *buf = make_ring();
    uint64_t words[40];

    reset_words(words);
    expect_replay(buf, words, true, 0, 0);
    put(buf, 70, 70, 2, 0, 512);
    expect_replay(buf, words, false, 0, 0);
    expect_replay(buf, words, true, 512, 0);
    reset_words(words);
    put(buf, 71, 70, 3, 0, 1024);
    put(buf, 72, 70, 2, 512, 4096);
    expect_replay(buf, words, false, 512, 1024);
    expect_replay(buf, words, true, 4096, 1024);
    /* with some of it in its place */
    reset_words(words);
    words[2] += 4096;
    expect_replay(buf, words, true, 4096, 1024);
    /* what is older than first is nobody's */
    reset_words(words);
    put(buf, 73, 73, 3, 0, 512);
    expect_replay(buf, words, true, 0, 512);
}

/* A record that makes the ring empty takes those of before away */
static void test_empty(void)
{
    g_autofree uint8_t *buf = make_ring();
    uint64_t words[40];

    g_assert_true(is_empty(buf));
    put(buf, 70, 70, 2, 0, 512);
    g_assert_false(is_empty(buf));
    put(buf, 71, 70, 0, 0, 0);
    g_assert_false(is_empty(buf));
    put(buf, 71, 71, 0, 0, 0);
    g_assert_true(is_empty(buf));
    reset_words(words);
    expect_replay(buf, words, true, 0, 0);
}

/* All slots are needed; the one that is not there any more, in all places */
static void test_missing(void)
{
    uint64_t words[40], seq, gone;

    for (gone = 200; gone < 264; gone++) {
        g_autofree uint8_t *buf = make_ring();
        g_autofree char *text = NULL;
        g_autofree char *name = g_strdup_printf("record %" PRIu64 " ", gone);

        reset_words(words);
        for (seq = 200; seq < 264; seq++) {
            put(buf, seq, 200, 2, (seq - 200) * 512, (seq - 199) * 512);
        }
        expect_replay(buf, words, true, 64 * 512, 0);
        if (gone & 1) {
            memset(buf + gone % 64 * 512, 0, 512);
        } else {
            put(buf, gone - 64, gone - 64, 2, 0, 512); /* of a lap before */
        }
        reset_words(words);
        if (gone == 263) {
            expect_replay(buf, words, true, 63 * 512, 0);
        } else {
            g_assert_false(replay(buf, words, true, &text));
            g_assert_nonnull(strstr(text, name));
        }
    }
}

/* The word in its place is neither what was before nor what is to be */
static void test_does_not_follow(void)
{
    g_autofree uint8_t *buf = make_ring();
    g_autofree char *text = NULL;
    uint64_t words[40];

    reset_words(words);
    put(buf, 70, 70, 2, 512, 1024);
    g_assert_false(replay(buf, words, true, &text));
    g_assert_nonnull(strstr(text, "zone 2 "));
    words[2] += 512;
    expect_replay(buf, words, true, 1024, 0);
    expect_replay(buf, words, true, 1024, 0);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/zone/record/bytes", test_bytes);
    g_test_add_func("/zone/record/checksum", test_checksum);
    g_test_add_func("/zone/record/round-trip", test_round_trip);
    g_test_add_func("/zone/record/every-bit-counts", test_every_bit_counts);
    g_test_add_func("/zone/record/rules/head", test_head_rules);
    g_test_add_func("/zone/record/rules/fields", test_fields);
    g_test_add_func("/zone/record/rules/change", test_change_rules);
    g_test_add_func("/zone/record/rules/order", test_order);
    g_test_add_func("/zone/record/rules/length", test_length);
    g_test_add_func("/zone/record/ring/replay", test_replay);
    g_test_add_func("/zone/record/ring/empty", test_empty);
    g_test_add_func("/zone/record/ring/missing", test_missing);
    g_test_add_func("/zone/record/ring/does-not-follow", test_does_not_follow);
    return g_test_run();
}
