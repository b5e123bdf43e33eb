/*
 * What a thread in kevent() knows of signals that came to it.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef KQUEUE_INTERRUPTIONS_H
#define KQUEUE_INTERRUPTIONS_H

#include "include/kqueue_shims.h"

#include <signal.h>

/* A handler may be the first to ask in its thread, and cannot have memory made for it. */
#ifdef __GLIBC__
#define OF_THREAD _Thread_local __attribute__((tls_model("initial-exec")))
#else
#define OF_THREAD _Thread_local
#endif

/* How often a watched signal came to the calling thread: for knotes alone, and for a handler of the program's. */
struct kq_interruptions {
    unsigned quiet, handled;
};
struct kq_interruptions kq_interruptions(void);
/*
 * Whether a handler of the program's ran since, given whether one seems to have:
 * not where that was the library's own, in front of an action that handles nothing.
 */
bool kq_is_interruption(struct kq_interruptions before, bool seems_so);

/*
 * Whether a call with this stack frame can be a handler's that interrupted another: then that one's frame is above it,
 * farther than what the kernel saves between them, and at the least so much is saved.
 */
static inline bool kq_can_interrupt(uintptr_t frame, uintptr_t interrupted) {
    return frame + sizeof(ucontext_t) < interrupted;
}

/* The mask that a call waits under, while its signals are held. */
void kq_waiting_mask(const struct kq_wait_signals *signals, sigset_t *mask);

#endif /* KQUEUE_INTERRUPTIONS_H */
