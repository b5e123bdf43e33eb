/*
 * Stands in for the C library when the old program is linked: its soname, its three functions, no versions.
 * None is ever called.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "old.h"

#include <stdlib.h>

int kqueue(void) {
    abort();
}

int kevent(int kq, const struct kevent *changes, int nchanges, struct kevent *events, int nevents,
           const struct timespec *timeout) {
    (void)kq, (void)changes, (void)nchanges, (void)events, (void)nevents, (void)timeout;
    abort();
}

void libkqueue_drain_pending_close(void) {
    abort();
}
