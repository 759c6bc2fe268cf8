/*
 * What the unit tests of the zone table share
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef TESTS_UNIT_ZONE_TEST_H
#define TESTS_UNIT_ZONE_TEST_H

#include "block/zone.h"

#define KIB 1024ULL

/* Zones of 64 KiB with a capacity of 48 KiB, in all tables of make_table() */
#define ZONE_LEN (64 * KIB)
#define ZONE_CAP (48 * KIB)

/* A table of 8 such zones, and what the arguments add to that */
#define make_table(...)                                                 \
    zone_table_new(&(ZoneGeometry) {                                    \
        .zone_bytes = ZONE_LEN, .capacity_bytes = ZONE_CAP,             \
        .nr_zones = 8, ##__VA_ARGS__                                    \
    })

/* The table recounts itself before every look at it */
ZoneInfo info_of(const ZoneTable *table, uint32_t zone_idx);
ZoneState state_of(const ZoneTable *table, uint32_t zone_idx);
/* From the start of the zone */
uint64_t wp_of(const ZoneTable *table, uint32_t zone_idx);
uint64_t reserved_of(const ZoneTable *table, uint32_t zone_idx);
uint8_t attributes_of(const ZoneTable *table, uint32_t zone_idx);

/* Writes at a position counted from the start of the zone */
ZoneStatus begin_at(ZoneTable *table, ZoneWrite *write, uint32_t zone_idx,
                    uint64_t pos_bytes, uint64_t bytes);
ZoneStatus append_to(ZoneTable *table, ZoneWrite *write, uint32_t zone_idx,
                     uint64_t bytes);
/* Begins a write at the reservation and ends it well */
ZoneStatus write_some(ZoneTable *table, uint32_t zone_idx, uint64_t bytes);

/* FZR and RZR, without a limit */
bool advise(ZoneTable *table, uint32_t zone_idx, uint8_t set, uint8_t clear);
uint64_t word_advised(const ZoneTable *table, uint32_t zone_idx, uint8_t set,
                      uint8_t clear);

ZoneStatus send(ZoneTable *table, uint32_t zone_idx, ZoneEvent event);
void expect_send(ZoneTable *table, uint32_t zone_idx, ZoneEvent event);

/* Brings a fresh zone into a state by the shortest way */
void bring_to(ZoneTable *table, uint32_t zone_idx, ZoneState state);

#endif /* TESTS_UNIT_ZONE_TEST_H */
