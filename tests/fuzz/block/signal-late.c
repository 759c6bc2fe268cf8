/*
 * A SIGTERM that comes when a main loop has looked for it, and not slept yet
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * To be loaded before libc: who is about to sleep, has nothing to do, and finds
 * the file that SIGNAL_LATE names, removes it and gets the signal first.
 */

#include <dlfcn.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

typedef int Ppoll(struct pollfd *fds, nfds_t nfds,
                  const struct timespec *timeout, const sigset_t *sigmask);

int ppoll(struct pollfd *fds, nfds_t nfds, const struct timespec *timeout,
          const sigset_t *sigmask)
{
    const struct timespec at_once = { .tv_sec = 0 };
    const char *path = getenv("SIGNAL_LATE");
    Ppoll *real = (Ppoll *)dlsym(RTLD_NEXT, "ppoll");

    if (path && (!timeout || timeout->tv_sec > 0) && !access(path, F_OK) &&
        real(fds, nfds, &at_once, sigmask) == 0 && !unlink(path)) {
        raise(SIGTERM);
    }
    return real(fds, nfds, timeout, sigmask);
}
