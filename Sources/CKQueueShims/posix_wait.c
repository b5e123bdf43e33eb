/*
 * POSIX: waiting, and what ends a wait (C-347).
 *
 * The first wait of a call is poll(2).  Those that follow it run with signals held
 * outside of them; ppoll(2) lets them in for its own time alone.  POSIX has it since
 * 2024, and most systems had it before.  On others a handler that runs in the moment
 * before poll(2) ends nothing.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#define _GNU_SOURCE /* for ppoll() */
#include "include/kqueue_shims_posix.h"
#include "interruptions.h"

#include <sys/select.h>
#include <unistd.h>

#if (defined(_POSIX_VERSION) && _POSIX_VERSION >= 202405L) || defined(__linux__) || defined(__FreeBSD__) || \
    defined(__OpenBSD__) || defined(__NetBSD__) || defined(__DragonFly__) || defined(__sun)
#define HAS_PPOLL true
#else
#define HAS_PPOLL false
#endif

static int poll_once(struct pollfd *list, size_t count, int64_t nanoseconds) {
    int64_t milliseconds = nanoseconds < 0 ? -1 : nanoseconds / 1000000 + (nanoseconds % 1000000 != 0);
    int got = poll(list, (nfds_t)count, milliseconds > INT_MAX ? INT_MAX : (int)milliseconds);
    return got == -1 ? -errno : got;
}

/* Lets in what came meanwhile, which a wait would not where there are reports all the time; whether a handler ran. */
static bool let_in(const sigset_t *mask) {
    struct timespec now = {0, 0};
    return pselect(0, NULL, NULL, NULL, &now, mask) == -1 && errno == EINTR;
}

#if HAS_PPOLL
static int poll_under(const sigset_t *mask, struct pollfd *list, size_t count, int64_t nanoseconds) {
    struct timespec timeout = {.tv_sec = (time_t)(nanoseconds / 1000000000),
                               .tv_nsec = (long)(nanoseconds % 1000000000)};
    int got = ppoll(list, (nfds_t)count, nanoseconds < 0 ? NULL : &timeout, mask);
    return got == -1 ? -errno : got;
}
#else
static int poll_under(const sigset_t *mask, struct pollfd *list, size_t count, int64_t nanoseconds) {
    sigset_t held;
    pthread_sigmask(SIG_SETMASK, mask, &held);
    int got = poll_once(list, count, nanoseconds);
    pthread_sigmask(SIG_SETMASK, &held, NULL);
    return got;
}
#endif

static int wait_once(struct pollfd *list, size_t count, int64_t nanoseconds, const struct kq_wait_signals *signals) {
    sigset_t mask;
    if (!signals->are_held)
        return poll_once(list, count, nanoseconds);
    kq_waiting_mask(signals, &mask);
    return let_in(&mask) ? -EINTR : poll_under(&mask, list, count, nanoseconds);
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
