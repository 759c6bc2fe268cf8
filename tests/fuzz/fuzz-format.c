/*
 * Fuzzer of the format: header extension, zone words, extension slots
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Shows that the decoder accepts exactly what docs/interop/qcow2-zone.rst
 * allows, whatever the bytes: its answers are compared with a second decoder
 * that was written from the tables of that document, in arithmetic of 128 bits.
 * Records of a ring are compared in the same way.
 * What is accepted is encoded again, loaded into a table and read back; what is
 * damaged is repaired, and must then be valid.
 *
 * Input: cluster bits; FIX_*; length of the extension (2 bytes); virtual size
 * (8 bytes); the extension; the words; of a snapshot, a divisor of the number
 * of zones, its record and whether that is cut; the slot of a record, and up to
 * 512 bytes of it.  Zeros follow where it ends.
 */

#include "qemu/osdep.h"
#include "qemu/bswap.h"
#include "qapi/error.h"
#include "block/zone.h"
#include "block/zone/qcow2/decode.h"
#include "block/zone/qcow2/record.h"
#include "fuzz.h"

/* Makes fields agree that a mutation hardly ever hits together */
#define FIX_DEVICE_SIZE 1
#define FIX_REGION_SIZE 2
#define FIX_WORDS       4
#define FIX_RECORD      8

#define MAX_LEN         1100
#define MAX_LOADED      96

typedef unsigned __int128 Wide;

typedef struct Input {
    const uint8_t *bytes;
    size_t left;
} Input;

/* A device as the document's tables describe it; all values as stored */
typedef struct Device {
    uint64_t cluster_bytes;
    uint64_t device_bytes;
    uint32_t len;
    uint8_t ext[MAX_LEN];
    uint64_t zone_size, zone_capacity, meta_offset, meta_size;
    uint32_t nr_zones, conventional, max_active, max_open, max_append;
    uint32_t zde_size;
} Device;

static uint64_t take(Input *in, unsigned nr_bytes)
{
    uint64_t value = 0;

    while (nr_bytes--) {
        value <<= 8;
        if (in->left) {
            value |= *in->bytes++;
            in->left--;
        }
    }
    return value;
}

static uint64_t field(const Device *d, unsigned offset, unsigned nr_bytes)
{
    Input in = { .bytes = d->ext + offset, .left = nr_bytes };

    return take(&in, nr_bytes);
}

static void read_fields(Device *d)
{
    d->zone_size = field(d, 8, 8);
    d->zone_capacity = field(d, 16, 8);
    d->meta_offset = field(d, 24, 8);
    d->meta_size = field(d, 32, 8);
    d->nr_zones = field(d, 40, 4);
    d->conventional = field(d, 44, 4);
    d->max_active = field(d, 48, 4);
    d->max_open = field(d, 52, 4);
    d->max_append = field(d, 56, 4);
    d->zde_size = field(d, 60, 4);
}

/* Section "Metadata region" */
static Wide slots_start(const Device *d)
{
    return ((Wide)8 * d->nr_zones + 4095) / 4096 * 4096;
}

static Wide slots_end(const Device *d)
{
    return d->zde_size ? slots_start(d) + (Wide)d->nr_zones * d->zde_size
                       : (Wide)8 * d->nr_zones;
}

static Wide ring_start(const Device *d)
{
    return (slots_end(d) + 4095) / 4096 * 4096;
}

static bool has_ring(const Device *d)
{
    return d->ext[2] & 2;
}

static Wide region_size(const Device *d)
{
    return has_ring(d) ? ring_start(d) + 32768 : slots_end(d);
}

static void take_device(Device *d, Input *in, unsigned *fix)
{
    uint64_t size_be;
    uint32_t i;

    d->cluster_bytes = UINT64_C(1) << (9 + take(in, 1) % 13);
    *fix = take(in, 1);
    d->len = take(in, 2) % MAX_LEN;
    d->device_bytes = take(in, 8);
    for (i = 0; i < MAX(d->len, QCOW2_ZONE_EXTENSION_BYTES); i++) {
        d->ext[i] = take(in, 1);
    }
    read_fields(d);
    if (*fix & FIX_DEVICE_SIZE) {
        d->device_bytes = d->zone_size * d->nr_zones;
    }
    if (*fix & FIX_REGION_SIZE) {
        d->meta_size = region_size(d);
        size_be = cpu_to_be64(d->meta_size);
        memcpy(d->ext + 32, &size_be, sizeof(size_be));
    }
}

static bool all_zero(const Device *d, unsigned first, unsigned end)
{
    unsigned i;

    for (i = first; i < end; i++) {
        if (d->ext[i]) {
            return false;
        }
    }
    return true;
}

/* Section "Header extension": may a reader accept it? */
static bool device_allowed(const Device *d)
{
    return d->ext[0] == 1 && (d->ext[1] == 1 || d->ext[1] == 2) &&
        d->ext[2] <= (d->ext[1] == 2 ? 3 : 0) && all_zero(d, 3, 8) &&
        all_zero(d, 64, 80) && all_zero(d, 80, d->len) &&
        d->zone_size && d->zone_size % d->cluster_bytes == 0 &&
        d->zone_size <= (UINT64_C(1) << 40) &&
        d->zone_capacity && d->zone_capacity % 4096 == 0 &&
        d->zone_capacity <= d->zone_size &&
        d->device_bytes < (UINT64_C(1) << 51) &&
        (Wide)d->nr_zones * d->zone_size == d->device_bytes &&
        d->nr_zones >= 1 && d->nr_zones <= 16777216 &&
        d->conventional <= d->nr_zones &&
        (d->max_active == 0 || d->max_open <= d->max_active) &&
        d->max_append % 512 == 0 &&
        d->zde_size % 64 == 0 && d->zde_size <= 16320 &&
        d->meta_offset && d->meta_offset % d->cluster_bytes == 0 &&
        d->meta_size == region_size(d) &&
        (Wide)d->meta_offset + d->meta_size < ((Wide)1 << 56);
}

/* Section "Details": what the zone's capacity is less by */
static uint64_t less_bytes(const Device *d, uint64_t word)
{
    return (word >> 4 & 0x1f) * ((d->zone_capacity + 131071) / 131072 * 4096);
}

static bool details_allowed(const Device *d, uint64_t word)
{
    if (d->ext[1] == 1) {
        return (word & 0x1ff) == 0;
    }
    return less_bytes(d, word) < d->zone_capacity &&
        ((word & 0xc) == 0 || (word >> 53 & 1)) &&
        ((word & 0x3) == 0 || (word >> 52 & 1));
}

static uint64_t wp_of(uint64_t word)
{
    return word & 0x0007fffffffffe00;
}

/* Section "Validity" */
static bool word_allowed(const Device *d, uint32_t zone_idx, uint64_t word)
{
    unsigned state = word >> 60;
    bool conventional = word >> 59 & 1;
    unsigned attributes = word >> 51 & 0xff;
    Wide wp = wp_of(word);
    Wide start = (Wide)zone_idx * d->zone_size;

    if (zone_idx < d->conventional) {
        return word == (UINT64_C(1) << 59 | (uint64_t)start);
    }
    return (state == 0 || state >= 0xd) && !conventional &&
        !(attributes & 0x78) && (d->zde_size || !(attributes & 0x80)) &&
        wp >= start && details_allowed(d, word) &&
        wp <= start + d->zone_capacity - less_bytes(d, word);
}

/* Section "State" */
static ZoneState word_state(const Device *d, uint32_t zone_idx, uint64_t word)
{
    uint64_t written = wp_of(word) - zone_idx * d->zone_size;

    if (zone_idx < d->conventional) {
        return ZONE_STATE_CONVENTIONAL;
    }
    if (word >> 60) {
        return word >> 60;
    }
    if (written == d->zone_capacity - less_bytes(d, word)) {
        return ZONE_STATE_FULL;
    }
    return written || word >> 58 & 1 ? ZONE_STATE_CLOSED : ZONE_STATE_EMPTY;
}

/* An error has a text, and there is one exactly when something is refused */
static void check_error(bool accepted, Error *err)
{
    assert(accepted == !err);
    if (err) {
        assert(*error_get_pretty(err));
        error_free(err);
    }
}

static bool check_layout(const Device *d, Qcow2ZoneLayout *layout)
{
    uint8_t encoded[QCOW2_ZONE_EXTENSION_BYTES];
    Error *err = NULL;
    bool accepted = qcow2_zone_check_extension_bytes(d->len, &err);

    assert(accepted == (d->len >= 80 && d->len <= 1024));
    check_error(accepted, err);
    if (!accepted) {
        return false;
    }
    err = NULL;
    accepted = qcow2_zone_decode_extension(d->ext, d->len, d->cluster_bytes,
                                           d->device_bytes, layout, &err);
    assert(accepted == device_allowed(d));
    check_error(accepted, err);
    if (!accepted) {
        return false;
    }
    qcow2_zone_encode_layout(layout, encoded);
    assert(!memcmp(encoded, d->ext, sizeof(encoded)));
    return true;
}

/* The slots follow the words and end with the region */
static void check_slots(const Device *d, const Qcow2ZoneLayout *layout)
{
    assert(layout->meta_offset == d->meta_offset);
    assert(layout->meta_bytes == d->meta_size);
    if (d->zde_size) {
        assert(layout->zde_offset == d->meta_offset + slots_start(d));
        assert((Wide)layout->zde_offset + (Wide)d->nr_zones * d->zde_size ==
               (Wide)d->meta_offset + slots_end(d));
    }
    assert(layout->ring_offset == (has_ring(d) ?
                                   d->meta_offset + ring_start(d) : 0));
}

static void check_word(const Device *d, const ZoneGeometry *g,
                       uint32_t zone_idx, uint64_t word)
{
    bool allowed = word_allowed(d, zone_idx, word);
    const char *fault = zone_word_check(g, zone_idx, word);
    const char *what = NULL;
    uint64_t repaired = qcow2_zone_repaired_word(g, zone_idx, word, &what);

    assert(allowed == !fault);
    assert(!fault || *fault);
    assert(what && *what);
    assert(word_allowed(d, zone_idx, repaired));
    assert(!allowed || repaired == word);
    if (zone_idx >= d->conventional && zone_word_state(repaired) !=
        ZONE_WORD_OFFLINE) {
        /* whatever else is repaired, these are never made up */
        assert(wp_of(repaired) == wp_of(word));
        assert(less_bytes(d, repaired) == less_bytes(d, word));
    }
}

/* What is in the table is what was in the words, and reads end at the wp */
static void check_zone(const Device *d, const ZoneTable *table,
                       uint32_t zone_idx, uint64_t word)
{
    uint64_t start = zone_idx * d->zone_size;
    uint64_t data_bytes = d->zone_size;
    uint64_t extent;
    ZoneInfo info;
    bool data;

    zone_table_info(table, zone_idx, &info);
    assert(info.state == word_state(d, zone_idx, word));
    assert(zone_table_word(table, zone_idx) == word);
    assert(zone_table_idx(table, start + d->zone_size - 1) == zone_idx);
    if (info.state == ZONE_STATE_OFFLINE) {
        data_bytes = 0;
    } else if (info.state != ZONE_STATE_CONVENTIONAL) {
        data_bytes = zone_word_wp_bytes(word) - start;
    }
    data = zone_table_read_extent(table, start, d->zone_size, &extent);
    assert(data == (data_bytes > 0));
    assert(extent == (data ? data_bytes : d->zone_size));
}

static void check_table(const Device *d, const ZoneGeometry *g,
                        const uint64_t *words)
{
    uint32_t active = 0;
    bool allowed = true;
    Error *err = NULL;
    ZoneTable *table;
    uint32_t i;

    for (i = 0; i < d->nr_zones; i++) {
        allowed = allowed && word_allowed(d, i, words[i]);
        active += word_state(d, i, words[i]) == ZONE_STATE_CLOSED;
    }
    allowed = allowed && (!d->max_active || active <= d->max_active);
    table = qcow2_zone_decode_words(g, words, d->meta_offset, false, &err);
    assert(!!table == allowed);
    check_error(allowed, err);
    if (!table) {
        return;
    }
    assert(zone_table_counts(table).active == active);
    assert(zone_table_counts(table).open == 0);
    zone_table_verify(table);
    for (i = 0; i < d->nr_zones; i++) {
        check_zone(d, table, i, words[i]);
    }
    zone_table_free(table);
}

static uint64_t record_field(const uint8_t *record, unsigned offset,
                             unsigned nr_bytes)
{
    Input in = { .bytes = record + offset, .left = nr_bytes };

    return take(&in, nr_bytes);
}

/* Section "Internal snapshots": of a device that may have another length */
static bool snapshot_allowed(const Device *d, const uint8_t *record,
                             uint32_t record_bytes, Wide nr_zones)
{
    Device sn = *d;
    Wide offset = record_field(record, 8, 8);

    sn.nr_zones = nr_zones;
    sn.ext[2] = 0; /* it has no ring */
    return record_bytes >= 24 && record_field(record, 0, 4) == 0x5a4e5354 &&
        record_field(record, 4, 4) == 0 &&
        nr_zones >= 1 && nr_zones <= 16777216 &&
        nr_zones * d->zone_size < ((Wide)1 << 51) &&
        d->conventional <= nr_zones &&
        offset && offset % d->cluster_bytes == 0 &&
        record_field(record, 16, 8) == region_size(&sn) &&
        offset + region_size(&sn) < ((Wide)1 << 56);
}

static void check_snapshot(const Device *d, Input *in, unsigned fix,
                           const Qcow2ZoneLayout *image)
{
    uint8_t record[QCOW2_ZONE_SNAPSHOT_BYTES], encoded[sizeof(record)];
    uint32_t nr_zones = d->nr_zones / (take(in, 1) % 4 + 1);
    Device sn = *d;
    Qcow2ZoneLayout layout;
    Error *err = NULL;
    uint32_t record_bytes, i;
    uint64_t size_be;
    bool accepted;

    for (i = 0; i < sizeof(record); i++) {
        record[i] = take(in, 1);
    }
    record_bytes = sizeof(record) - take(in, 1) / 128;
    sn.nr_zones = nr_zones;
    sn.ext[2] = 0;
    if (fix & FIX_REGION_SIZE) {
        size_be = cpu_to_be64(region_size(&sn));
        memcpy(record, "ZNST", 4);
        memcpy(record + 16, &size_be, sizeof(size_be));
    }
    accepted = qcow2_zone_decode_snapshot(record, record_bytes,
                                          d->cluster_bytes,
                                          nr_zones * d->zone_size, image,
                                          &layout, &err);
    assert(accepted == snapshot_allowed(d, record, record_bytes, nr_zones));
    check_error(accepted, err);
    if (accepted) {
        assert(layout.geometry.nr_zones == nr_zones);
        qcow2_zone_encode_snapshot(&layout, encoded);
        assert(!memcmp(encoded, record, sizeof(encoded)));
    }
}

/* Section "Records" ******************************************************/

/* Bit by bit, as the document's standard defines it */
static uint32_t crc_of(const uint8_t *bytes, unsigned nr_bytes)
{
    uint32_t crc = UINT32_MAX;
    unsigned i, bit;

    for (i = 0; i < nr_bytes; i++) {
        crc ^= bytes[i];
        for (bit = 0; bit < 8; bit++) {
            crc = crc >> 1 ^ (crc & 1 ? 0xedb88320 : 0);
        }
    }
    return ~crc;
}

static uint32_t record_crc(const uint8_t *record)
{
    uint8_t copy[512];

    memcpy(copy, record, sizeof(copy));
    memset(copy + 4, 0, 4);
    return crc_of(copy, sizeof(copy));
}

static uint64_t word_wp(uint64_t word)
{
    return word & ((UINT64_C(1) << 51) - 1);
}

/* Adds by how much the write pointer advances */
static bool change_allowed(const Device *d, const uint8_t *change,
                           Wide *advance)
{
    uint32_t zone_idx = record_field(change, 0, 4);
    uint64_t old_word = record_field(change, 8, 8);
    uint64_t new_word = record_field(change, 16, 8);

    if (zone_idx < d->conventional || zone_idx >= d->nr_zones ||
        !word_allowed(d, zone_idx, old_word) ||
        !word_allowed(d, zone_idx, new_word) ||
        word_wp(new_word) < word_wp(old_word)) {
        return false;
    }
    *advance += word_wp(new_word) - word_wp(old_word);
    return word_wp(new_word) > word_wp(old_word) ||
           record_field(change, 4, 4) == 0;
}

static bool changes_allowed(const Device *d, const uint8_t *record)
{
    uint32_t nr = record_field(record, 24, 4);
    Wide advance = 0;
    unsigned i;

    for (i = 0; i < nr; i++) {
        const uint8_t *change = record + 32 + 24 * i;

        if (!change_allowed(d, change, &advance) ||
            (i && record_field(change, 0, 4) <=
                  record_field(change - 24, 0, 4))) {
            return false;
        }
    }
    for (i = 32 + 24 * nr; i < 512; i++) {
        if (record[i]) {
            return false;
        }
    }
    return advance <= 1048576;
}

static bool record_allowed(const Device *d, const uint8_t *record,
                           unsigned slot)
{
    uint64_t seq = record_field(record, 8, 8);
    uint64_t first = record_field(record, 16, 8);

    return record_field(record, 0, 4) == 0x5a4e5243 &&
        record_field(record, 4, 4) == record_crc(record) &&
        seq >= 1 && seq < UINT64_C(1) << 63 && seq % 64 == slot &&
        first >= 1 && first <= seq && (Wide)first + 64 > seq &&
        record_field(record, 24, 4) <= 20 &&
        record_field(record, 28, 4) == 0 && changes_allowed(d, record);
}

static void check_record(const Device *d, Input *in, unsigned fix,
                         const ZoneGeometry *g)
{
    uint8_t bytes[512], encoded[512];
    unsigned slot = take(in, 1) % 64;
    Qcow2ZoneRecord record;
    uint32_t crc_be;
    bool allowed;
    unsigned i;

    for (i = 0; i < sizeof(bytes); i++) {
        bytes[i] = take(in, 1);
    }
    if (fix & FIX_RECORD) {
        memcpy(bytes, "ZNRC", 4);
        crc_be = cpu_to_be32(record_crc(bytes));
        memcpy(bytes + 4, &crc_be, sizeof(crc_be));
    }
    allowed = record_allowed(d, bytes, slot);
    assert(allowed == qcow2_zone_decode_record(g, bytes, slot, &record));
    if (allowed) {
        qcow2_zone_encode_record(&record, encoded);
        assert(!memcmp(encoded, bytes, sizeof(encoded)));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t input_bytes)
{
    Input in = { .bytes = input, .left = input_bytes };
    uint64_t words[MAX_LOADED];
    Qcow2ZoneLayout layout;
    Device d = {};
    unsigned fix;
    uint32_t i;

    take_device(&d, &in, &fix);
    if (!check_layout(&d, &layout)) {
        return 0;
    }
    check_slots(&d, &layout);
    for (i = 0; i < MIN(d.nr_zones, MAX_LOADED); i++) {
        words[i] = in.left ? take(&in, 8) : 0;
        if (fix & FIX_WORDS) {
            words[i] += zone_empty_word(&layout.geometry, i);
        }
        check_word(&d, &layout.geometry, i, words[i]);
        check_word(&d, &layout.geometry, d.nr_zones - 1 - i, words[i]);
    }
    if (d.nr_zones <= MAX_LOADED) {
        check_table(&d, &layout.geometry, words);
    }
    check_snapshot(&d, &in, fix, &layout);
    check_record(&d, &in, fix, &layout.geometry);
    return 0;
}
