/*
 * What a thread in kevent() knows of signals that came to it; the core's HeldSignals say what for.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#define _GNU_SOURCE
#include "interruptions.h"

static OF_THREAD struct kq_thread_signals thread;

struct kq_thread_signals *kq_signals_of_thread(void) {
    return &thread;
}

struct kq_interruptions kq_interruptions(void) {
    return (struct kq_interruptions){thread.quiet, thread.handled};
}

bool kq_is_interruption(struct kq_interruptions before, bool seems_so) {
    if (thread.handled != before.handled)
        return true;
    return seems_so && thread.quiet == before.quiet;
}

void kq_waiting_mask(const struct kq_wait_signals *signals, sigset_t *mask) {
    kq_set_of(signals->before, mask);
}
