/*
 * Images of drives under test
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * QTEST_QEMU_IMG names the qemu-img.
 */

#ifndef ZONE_IMAGE_H
#define ZONE_IMAGE_H

/*
 * True when qemu-img exits with 0, or the other status that is allowed; else
 * its messages are in the test's log
 */
bool zone_image_run(const char *const *args, int allowed);

/*
 * A new file, whose name begins with prefix: a qcow2 image with these options,
 * or empty without.  The caller frees the name after unlink().  NULL, and the
 * test has failed, when qemu-img does not make it.
 */
char *zone_image_new(const char *prefix, const char *options);

/* qemu-img check finds nothing, or what has the status that is allowed */
bool zone_image_check(const char *image, int allowed);

#endif /* ZONE_IMAGE_H */
