/*
 * Linux: whether a handler ran during a system call.
 *
 * epoll_wait(2) ends with EINTR also after a stop and a continuation, a debugger's
 * visit, or a suspension of the machine (C-348), and with a number of events also
 * where a handler ran as well.  What tells a handler from all that is its frame: the
 * kernel writes it below the stack pointer.  So marks are laid there before the call
 * and looked at after it.
 *
 * The call is made here and not by libc, whose own frames would lie on the marks.
 * Handlers on a stack of their own leave no trace; see linux_wait.c.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifdef __linux__
#define _GNU_SOURCE
#include "linux_marks.h"

#include "linux_machines.h"

#ifdef KQ_HAS_CALLS

enum { STRIDE = 64 };

#define MARK UINT64_C(0x6b71756575654d21)

#define UNSEEN_BY_SANITIZERS \
    __attribute__((noinline, no_sanitize("address", "thread", "undefined")))

bool kq_can_mark(void) {
    return true;
}

/* Calls nothing: what it called would lie on the marks. */
UNSEEN_BY_SANITIZERS bool kq_make_marked_call(struct kq_marked_call *call) {
    uintptr_t top = kq_stack_pointer() & ~(uintptr_t)7;
    uint64_t damage = 0;
    size_t first = KQ_FRAME_FIRST + call->first, last = KQ_RED_ZONE + call->last;
    for (size_t below = first; below < last; below += STRIDE)
        *(volatile uint64_t *)(top - below) = MARK;
    call->result = kq_make_call(call->number, call->arguments);
    for (size_t below = first; below < last; below += STRIDE)
        damage |= *(volatile uint64_t *)(top - below) ^ MARK;
    return damage != 0;
}

#else

bool kq_can_mark(void) {
    return false;
}

bool kq_make_marked_call(struct kq_marked_call *call) {
    (void)call;
    return true;
}
#endif
#endif
