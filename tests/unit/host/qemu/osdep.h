/*
 * What the host-only build has in the place of QEMU's header of this name
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef TESTS_UNIT_HOST_OSDEP_H
#define TESTS_UNIT_HOST_OSDEP_H

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <glib.h>

#ifdef NDEBUG
#error The zone table relies on its assertions
#endif

#define QEMU_PACKED             __attribute__((packed))
#define QEMU_BUILD_BUG_ON(bug)  G_STATIC_ASSERT(!(bug))

/* To a multiple of any unit; QEMU's takes powers of two only */
#define ROUND_UP(n, unit)       (((n) + (unit) - 1) / (unit) * (unit))

#endif /* TESTS_UNIT_HOST_OSDEP_H */
