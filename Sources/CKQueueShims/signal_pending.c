/*
 * Signals that every thread blocks never reach a handler: they are pending, and
 * are looked for by whoever calls kevent().
 *
 * They are taken, not only looked at, since the next one would be merged with
 * one that stays pending, and be lost.  So a program that blocks a signal which a
 * knote watches and takes it by itself, by sigwait(), sigtimedwait() or a
 * signalfd, shares it with the knote: whoever comes first has it.  One that waits
 * in sigwait() does so before it is sent, and no knote counts it then.
 *
 * What is pending for one thread alone (pthread_kill, raise, a fault of its own)
 * is seen in that thread: when it calls kevent(), or unblocks it and so has the
 * handler count it.  No other thread can be told of it.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#define _GNU_SOURCE
#include "signal_records.h"

static bool is_pending(int number) {
    sigset_t pending;
    return sigpending(&pending) == 0 && sigismember(&pending, number) == 1;
}

static bool is_blocked_here(int number) {
    sigset_t blocked;
    return pthread_sigmask(SIG_BLOCK, NULL, &blocked) == 0 && sigismember(&blocked, number) == 1;
}

/* Whether nobody will have it handled: not a thread that has it unblocked, or waits for it. */
static bool is_left_to_us(int number) {
    struct sigaction program;
    switch (kq_is_blocked_everywhere(number)) {
    case 1:
        return true;
    case 0:
        return false;
    default:
        /* The system does not tell. Without a handler it comes to the same whichever thread takes it. */
        kq_signal_program(number, &program);
        return program.sa_handler == SIG_DFL || program.sa_handler == SIG_IGN;
    }
}

/* Takes all that is pending, and says how many that were. */
static unsigned take(int number) {
    static const struct timespec now = {0, 0};
    sigset_t only;
    unsigned taken = 0;
    int state;
    sigemptyset(&only);
    sigaddset(&only, number);
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state); /* the caller holds a lock */
    while (sigtimedwait(&only, NULL, &now) == number)
        taken++;
    pthread_setcancelstate(state, &state);
    return taken;
}

/* The caller knows by itself; to be told again would make its kqueue readable for nothing. */
static void tell_others(int number) {
    sigset_t before;
    kq_signals_lock(&before);
    if (atomic_load(&kq_signal_records[number].users) > 1)
        kq_signal_notify(number);
    kq_signals_unlock(&before);
}

bool kq_signal_collect(int number) {
    struct kq_signal_record *record = &kq_signal_records[number];
    int error = errno;
    if (!kq_signal_is_watched(number) || !is_pending(number) || !is_blocked_here(number))
        return true;
    if (!is_left_to_us(number))
        return false;
    unsigned taken = take(number);
    atomic_fetch_add(&record->count, taken);
    if (taken > 0)
        tell_others(number);
    errno = error;
    return true;
}

void kq_signal_withhold(int number) {
    int error = errno;
    if (is_pending(number) && is_blocked_here(number) && is_left_to_us(number))
        atomic_fetch_add(&kq_signal_records[number].withheld, take(number));
    errno = error;
}

#ifndef __linux__
int kq_is_blocked_everywhere(int number) {
    (void)number;
    return -1;
}
#endif
