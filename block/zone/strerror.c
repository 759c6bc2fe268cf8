/*
 * Refusals of zones in words, wherever an errno is printed
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "block/zone-io.h"

const char *zone_strerror(int errnum)
{
    ZoneStatus reason = zone_status_from_errno(-errnum);

    return reason == ZONE_OK ? strerror(errnum) : zone_status_str(reason);
}
