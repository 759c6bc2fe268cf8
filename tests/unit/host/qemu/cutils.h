/*
 * What the host-only build has in the place of QEMU's header of this name
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef TESTS_UNIT_HOST_CUTILS_H
#define TESTS_UNIT_HOST_CUTILS_H

static inline bool buffer_is_zero(const void *buf, size_t len)
{
    const uint8_t *bytes = buf;

    while (len && *bytes == 0) {
        bytes++;
        len--;
    }
    return len == 0;
}

#endif /* TESTS_UNIT_HOST_CUTILS_H */
