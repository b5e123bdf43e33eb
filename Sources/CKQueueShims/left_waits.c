/*
 * Waits that a signal handler jumped out of (C-028).  The thread is counted among those
 * who wait, has a buffer, and may have taken reports along; its next call gives it all
 * back, whichever kqueue that is for.
 *
 * A handler may also call kevent() while the wait that it interrupted goes on: then that
 * one's frame is farther up the stack, which grows downward; see kq_can_interrupt().
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#define _GNU_SOURCE
#include "include/kqueue_shims.h"
#include "interruptions.h"

#include <stdatomic.h>
#include <string.h>

/* Waits inside one another; of more than so many, and of larger ones, nothing is kept. */
enum { NESTED = 2, ROOM = 128 };

struct wait {
    uintptr_t frame; /* that of kq_wait_begins, below its caller's */
    void (*abandon)(void *);
    _Alignas(16) char context[ROOM];
};

static OF_THREAD struct {
    volatile int depth;
    struct wait waits[NESTED];
} thread;

/* The compiler must not have it share its caller's frame. */
__attribute__((noinline)) int kq_wait_begins(void (*abandon)(void *), const void *context, size_t size) {
    int place = thread.depth;
    if (place == NESTED || size > ROOM || abandon == NULL)
        return -1;
    struct wait *wait = &thread.waits[place];
    wait->frame = (uintptr_t)__builtin_frame_address(0);
    wait->abandon = abandon;
    memcpy(wait->context, context, size);
    atomic_signal_fence(memory_order_seq_cst);
    thread.depth = place + 1;
    return place;
}

/* Of those inside it that were jumped out of nothing can be given back here, where a lock may be held. */
void kq_wait_ends(int place) {
    if (place >= 0)
        thread.depth = place;
}

void kq_forget_waits(void) {
    thread.depth = 0;
}

/* On a stack of its own a handler is not below what it interrupted. */
static bool is_on_other_stack(void) {
    stack_t stack;
    return sigaltstack(NULL, &stack) != 0 || (stack.ss_flags & SS_ONSTACK) != 0;
}

/* A wait that this call cannot have interrupted was left. */
static __attribute__((noinline)) void abandon_left_waits(uintptr_t here) {
    while (thread.depth > 0 && !kq_can_interrupt(here, thread.waits[thread.depth - 1].frame) &&
           !is_on_other_stack()) {
        struct wait wait = thread.waits[thread.depth - 1];
        thread.depth--;
        wait.abandon(wait.context);
    }
}

/* Apart, so that a call of a thread that waits in none saves no registers. */
__attribute__((noinline)) void kq_abandon_left_waits(void) {
    if (thread.depth > 0)
        abandon_left_waits((uintptr_t)__builtin_frame_address(0));
}
