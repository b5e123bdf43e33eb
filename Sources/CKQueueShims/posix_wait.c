/*
 * POSIX: waiting, and what ends a wait (C-347).
 *
 * The first wait of a call is poll(2).  Those that follow it run with signals held
 * outside of them; only pselect(2) lets them in for its own time alone.  What is too
 * much for pselect(2) is waited for by poll(2) all the same: then a handler that runs
 * in the moment before it ends nothing.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "include/kqueue_shims_posix.h"
#include "interruptions.h"

#include <sys/select.h>

static int poll_once(struct pollfd *list, size_t count, int64_t nanoseconds) {
    int64_t milliseconds = nanoseconds < 0 ? -1 : nanoseconds / 1000000 + (nanoseconds % 1000000 != 0);
    int got = poll(list, (nfds_t)count, milliseconds > INT_MAX ? INT_MAX : (int)milliseconds);
    return got == -1 ? -errno : got;
}

struct sets {
    fd_set read, write, except;
    int end;
};

/* Whether pselect(2) can wait for all of a list; it knows no entry that waits for an end alone. */
static bool select_all(const struct pollfd *list, size_t count, struct sets *sets) {
    FD_ZERO(&sets->read);
    FD_ZERO(&sets->write);
    FD_ZERO(&sets->except);
    sets->end = 0;
    for (size_t i = 0; i < count; i++) {
        int fd = list[i].fd, events = list[i].events;
        if (fd < 0)
            continue;
        if (fd >= FD_SETSIZE || (events & (POLLIN | POLLOUT | POLLPRI)) == 0)
            return false;
        if (events & POLLIN)
            FD_SET(fd, &sets->read);
        if (events & POLLOUT)
            FD_SET(fd, &sets->write);
        if (events & POLLPRI)
            FD_SET(fd, &sets->except);
        if (fd >= sets->end)
            sets->end = fd + 1;
    }
    return true;
}

/* Lets in what came meanwhile; whether that seems to have been for a handler. */
static bool let_in(const sigset_t *mask) {
    struct timespec now = {0, 0};
    return pselect(0, NULL, NULL, NULL, &now, mask) == -1 && errno == EINTR;
}

static int poll_unheld(struct pollfd *list, size_t count, int64_t nanoseconds, const sigset_t *mask) {
    sigset_t held;
    pthread_sigmask(SIG_SETMASK, mask, &held);
    int got = poll_once(list, count, nanoseconds);
    pthread_sigmask(SIG_SETMASK, &held, NULL);
    return got;
}

static int wait_held(struct pollfd *list, size_t count, int64_t nanoseconds, const sigset_t *mask) {
    struct timespec timeout = {.tv_sec = (time_t)(nanoseconds / 1000000000),
                               .tv_nsec = (long)(nanoseconds % 1000000000)};
    struct sets sets;
    if (let_in(mask))
        return -EINTR;
    if (!select_all(list, count, &sets))
        return poll_unheld(list, count, nanoseconds, mask);
    if (pselect(sets.end, &sets.read, &sets.write, &sets.except, nanoseconds < 0 ? NULL : &timeout, mask) == -1 &&
        errno == EINTR)
        return -EINTR;
    return kq_poll_now(list, count);
}

static int wait_once(struct pollfd *list, size_t count, int64_t nanoseconds, const struct kq_wait_signals *signals) {
    sigset_t mask;
    if (!signals->are_held)
        return poll_once(list, count, nanoseconds);
    kq_waiting_mask(signals, &mask);
    return wait_held(list, count, nanoseconds, &mask);
}

int kq_poll_wait(struct pollfd *list, size_t count, int64_t nanoseconds, struct kq_wait_signals *signals,
                 void (*cancelled)(void *), void *context) {
    volatile int got;
    struct kq_interruptions before = kq_interruptions();
    pthread_cleanup_push(cancelled, context);
    got = wait_once(list, count, nanoseconds, signals);
    /* Where the time was only a part of the caller's, the next wait follows; and nothing is in a hurry. */
    if (got == 0)
        kq_signals_hold(signals);
    pthread_cleanup_pop(0);
    bool handled = kq_is_interruption(before, got == -EINTR);
    if (got == -EINTR)
        return handled ? -EINTR : -EAGAIN;
    signals->interrupted = handled;
    return got;
}
