/*
 * Images of drives under test
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "zone-image.h"

bool zone_image_run(const char *const *args, int allowed)
{
    g_autofree char *messages = NULL;
    g_autoptr(GError) err = NULL;
    int status = -1;

    if (!g_spawn_sync(NULL, (char **)args, NULL,
                      G_SPAWN_SEARCH_PATH | G_SPAWN_STDOUT_TO_DEV_NULL,
                      NULL, NULL, NULL, &messages, &status, &err)) {
        g_error("cannot run qemu-img: %s", err->message);
    }
    if (WIFEXITED(status) &&
        (WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == allowed)) {
        return true;
    }
    g_test_message("qemu-img %s fails: %s", args[1], messages);
    return false;
}

static bool create(const char *image, const char *options)
{
    const char *args[] = {
        getenv("QTEST_QEMU_IMG"), "create", "-q", "-f", "qcow2",
        "-o", options, image, NULL,
    };

    return zone_image_run(args, 0);
}

char *zone_image_new(const char *prefix, const char *options)
{
    g_autofree char *template = g_strconcat(prefix, "-XXXXXX", NULL);
    g_autoptr(GError) err = NULL;
    char *image = NULL;
    int fd = g_file_open_tmp(template, &image, &err);

    if (fd < 0) {
        g_error("cannot make an image: %s", err->message);
    }
    close(fd);
    if (options && !create(image, options)) {
        g_test_fail();
        unlink(image);
        g_clear_pointer(&image, g_free);
    }
    return image;
}

bool zone_image_check(const char *image, int allowed)
{
    const char *args[] = {
        getenv("QTEST_QEMU_IMG"), "check", "-q", "-f", "qcow2", image, NULL,
    };

    return zone_image_run(args, allowed);
}
