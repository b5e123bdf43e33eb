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

#include <stdint.h>

#if defined __LP64__ && (defined __x86_64__ || defined __aarch64__)

#ifdef __x86_64__
enum { RED_ZONE = 128, FIRST = 192 }; /* the kernel leaves the red zone out; rounding may take 64 bytes */
#else
enum { RED_ZONE = 0, FIRST = 16 }; /* the frame begins with a link, here */
#endif
enum { STRIDE = 64 };

#define MARK UINT64_C(0x6b71756575654d21)

#define UNSEEN_BY_SANITIZERS \
    __attribute__((noinline, no_sanitize("address", "thread", "undefined")))

static inline __attribute__((always_inline)) uintptr_t stack_pointer(void) {
    uintptr_t here;
#ifdef __x86_64__
    __asm__ volatile("mov %%rsp, %0" : "=r"(here));
#else
    __asm__ volatile("mov %0, sp" : "=r"(here));
#endif
    return here;
}

static inline __attribute__((always_inline)) long make_call(const struct kq_marked_call *call) {
    const long *a = call->arguments;
#ifdef __x86_64__
    long result;
    register long fourth __asm__("r10") = a[3];
    register long fifth __asm__("r8") = a[4];
    register long sixth __asm__("r9") = a[5];
    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(call->number), "D"(a[0]), "S"(a[1]), "d"(a[2]), "r"(fourth), "r"(fifth), "r"(sixth)
                     : "rcx", "r11", "memory");
    return result;
#else
    register long number __asm__("x8") = call->number;
    register long first __asm__("x0") = a[0];
    register long second __asm__("x1") = a[1];
    register long third __asm__("x2") = a[2];
    register long fourth __asm__("x3") = a[3];
    register long fifth __asm__("x4") = a[4];
    register long sixth __asm__("x5") = a[5];
    __asm__ volatile("svc #0"
                     : "+r"(first)
                     : "r"(number), "r"(second), "r"(third), "r"(fourth), "r"(fifth), "r"(sixth)
                     : "memory", "cc");
    return first;
#endif
}

bool kq_can_mark(void) {
    return true;
}

/* Calls nothing: what it called would lie on the marks. */
UNSEEN_BY_SANITIZERS bool kq_make_marked_call(struct kq_marked_call *call) {
    uintptr_t top = stack_pointer();
    uint64_t damage = 0;
    size_t first = FIRST + call->first, last = RED_ZONE + call->last;
    for (size_t below = first; below < last; below += STRIDE)
        *(volatile uint64_t *)(top - below) = MARK;
    call->result = make_call(call);
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
