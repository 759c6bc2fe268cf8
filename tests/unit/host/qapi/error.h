/*
 * What the host-only build has in the place of QEMU's header of this name
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * An error is its text; hints are dropped.  errp must not be NULL.
 */

#ifndef TESTS_UNIT_HOST_ERROR_H
#define TESTS_UNIT_HOST_ERROR_H

typedef struct Error {
    char *text;
} Error;

#define ERRP_GUARD() assert(errp)

static inline void G_GNUC_PRINTF(2, 3)
error_setg(Error **errp, const char *format, ...)
{
    va_list args;

    assert(!*errp);
    *errp = g_new0(Error, 1);
    va_start(args, format);
    (*errp)->text = g_strdup_vprintf(format, args);
    va_end(args);
}

static inline void error_prepend(Error **errp, const char *text)
{
    char *old = (*errp)->text;

    (*errp)->text = g_strconcat(text, old, NULL);
    g_free(old);
}

static inline void error_append_hint(Error **errp, const char *text)
{
    assert(*errp && text);
}

static inline const char *error_get_pretty(const Error *err)
{
    return err->text;
}

static inline void error_free(Error *err)
{
    if (err) {
        g_free(err->text);
        g_free(err);
    }
}

#endif /* TESTS_UNIT_HOST_ERROR_H */
