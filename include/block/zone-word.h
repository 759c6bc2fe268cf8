/*
 * The packed 64-bit word that describes one zone
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The same value in memory and, big-endian, on disk:
 *
 *     63..60 state | 59 type | 58..51 attributes | 50..9 write pointer |
 *     8..4 capacity | 3..0 limits
 *
 * docs/interop/qcow2-zone.rst is the normative description.
 */

#ifndef BLOCK_ZONE_WORD_H
#define BLOCK_ZONE_WORD_H

#include <stdbool.h>
#include <stdint.h>

#define ZONE_WORD_STATE_SHIFT   60
#define ZONE_WORD_TYPE_SHIFT    59
#define ZONE_WORD_ATTR_SHIFT    51
#define ZONE_WORD_LESS_SHIFT    4

/* Every write pointer is a multiple of this: no request is smaller */
#define ZONE_WP_UNIT_BYTES      512

#define ZONE_WORD_LIMITS_MASK   UINT64_C(0xf)
#define ZONE_WORD_LESS_MASK     UINT64_C(0x1f0)
#define ZONE_WORD_DETAIL_MASK   (ZONE_WORD_LESS_MASK | ZONE_WORD_LIMITS_MASK)
#define ZONE_WORD_WP_MASK \
    (((UINT64_C(1) << ZONE_WORD_ATTR_SHIFT) - 1) & ~ZONE_WORD_DETAIL_MASK)

/* The capacity of a zone is in so many steps, one at least */
#define ZONE_CAPACITY_STEPS     32

/* Devices end below the first byte that a write pointer cannot name: 2 PiB */
#define ZONE_MAX_DEVICE_BYTES   (UINT64_C(1) << ZONE_WORD_ATTR_SHIFT)

/* NVMe's Zone Attributes byte */
enum {
    ZONE_ATTR_ZFC   = 1 << 0,   /* Zone Finished by Controller */
    ZONE_ATTR_FZR   = 1 << 1,   /* Finish Zone Recommended */
    ZONE_ATTR_RZR   = 1 << 2,   /* Reset Zone Recommended */
    ZONE_ATTR_ZRWAV = 1 << 3,   /* Zone Random Write Area Valid: never stored */
    ZONE_ATTR_ZDEV  = 1 << 7,   /* Zone Descriptor Extension Valid */
};

/*
 * NVMe's Zone Attributes Information: which of four time limits a
 * recommendation comes with (0: RRL or FRL; 1 to 3: RRL1 ... FRL3)
 */
#define ZONE_LIMITS_OF_FZR      0x3
#define ZONE_LIMITS_RZR_SHIFT   2
#define ZONE_LIMITS_OF_RZR      (0x3 << ZONE_LIMITS_RZR_SHIFT)

/* What the report filter 9h asks for */
#define ZONE_ATTR_REPORTED (ZONE_ATTR_ZFC | ZONE_ATTR_FZR | ZONE_ATTR_RZR)

#define ZONE_ATTR_STORED \
    (ZONE_ATTR_ZFC | ZONE_ATTR_FZR | ZONE_ATTR_RZR | ZONE_ATTR_ZDEV)

/* The state field.  Open states exist in memory only. */
typedef enum ZoneWordState {
    ZONE_WORD_DERIVED   = 0x0,  /* the write pointer and ZDEV tell */
    ZONE_WORD_READ_ONLY = 0xd,
    ZONE_WORD_FULL      = 0xe,  /* finished before the capacity was reached */
    ZONE_WORD_OFFLINE   = 0xf,
} ZoneWordState;

static inline uint64_t zone_word_encode(ZoneWordState state, bool conventional,
                                        uint8_t attributes, uint64_t wp_bytes)
{
    return ((uint64_t)state << ZONE_WORD_STATE_SHIFT) |
           ((uint64_t)conventional << ZONE_WORD_TYPE_SHIFT) |
           ((uint64_t)attributes << ZONE_WORD_ATTR_SHIFT) |
           (wp_bytes & ZONE_WORD_WP_MASK);
}

/* Any of 16 values: compare with the members before trusting it */
static inline unsigned zone_word_state(uint64_t word)
{
    return word >> ZONE_WORD_STATE_SHIFT;
}

static inline bool zone_word_conventional(uint64_t word)
{
    return (word >> ZONE_WORD_TYPE_SHIFT) & 1;
}

static inline uint8_t zone_word_attributes(uint64_t word)
{
    return word >> ZONE_WORD_ATTR_SHIFT;
}

static inline uint64_t zone_word_wp_bytes(uint64_t word)
{
    return word & ZONE_WORD_WP_MASK;
}

/* How many steps of capacity the zone lacks */
static inline unsigned zone_word_less(uint64_t word)
{
    return (word & ZONE_WORD_LESS_MASK) >> ZONE_WORD_LESS_SHIFT;
}

static inline uint8_t zone_word_limits(uint64_t word)
{
    return word & ZONE_WORD_LIMITS_MASK;
}

/* A recommendation that is not made has no limit */
static inline uint8_t zone_limits_of(uint8_t attributes)
{
    return (attributes & ZONE_ATTR_FZR ? ZONE_LIMITS_OF_FZR : 0) |
           (attributes & ZONE_ATTR_RZR ? ZONE_LIMITS_OF_RZR : 0);
}

#endif /* BLOCK_ZONE_WORD_H */
