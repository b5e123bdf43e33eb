/*
 * A sigaction() to stand between the library and libc (preload the two in this order): it takes its time around the
 * system call, so that calls of several threads come in between one another, and leaves chance values where libc may.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <dlfcn.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static int (*next)(int, const struct sigaction *, struct sigaction *);
static atomic_uint calls;

__attribute__((constructor)) static void look_up(void) {
    *(void **)&next = dlsym(RTLD_NEXT, "sigaction");
}

static unsigned chance(void) {
    return (atomic_fetch_add(&calls, 1) + 1) * 2654435761u >> 16;
}

/* Three calls of eight, for up to 40 us. */
static void dawdle(void) {
    unsigned turn = chance() % 8;
    if (turn < 3)
        nanosleep(&(struct timespec){.tv_nsec = 1000 + turn * 20000}, NULL);
}

/* The kernel knows 64 signals; what a set has room for besides is nobody's. */
static void scribble(sigset_t *set) {
    enum { KNOWN = 8 };
    if (sizeof *set > KNOWN)
        memset((char *)set + KNOWN, (int)chance(), sizeof *set - KNOWN);
}

int sigaction(int number, const struct sigaction *action, struct sigaction *old) {
    if (next == NULL)
        look_up();
    dawdle();
    int result = next(number, action, old);
    if (result == 0 && old != NULL)
        scribble(&old->sa_mask);
    dawdle();
    return result;
}
