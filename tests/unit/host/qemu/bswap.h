/*
 * What the host-only build has in the place of QEMU's header of this name
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef TESTS_UNIT_HOST_BSWAP_H
#define TESTS_UNIT_HOST_BSWAP_H

#define be64_to_cpu(n)  GUINT64_FROM_BE(n)
#define be32_to_cpu(n)  GUINT32_FROM_BE(n)
#define cpu_to_be64(n)  GUINT64_TO_BE(n)
#define cpu_to_be32(n)  GUINT32_TO_BE(n)

#endif /* TESTS_UNIT_HOST_BSWAP_H */
