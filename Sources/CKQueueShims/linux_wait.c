/*
 * Linux: waiting, and what ends a wait (C-347, C-348).
 *
 * The first wait of a call is one system call.  Those that follow it where it brought
 * nothing to deliver run with signals held outside of them, and may cost more.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifdef __linux__
#define _GNU_SOURCE
#include "include/kqueue_shims_linux.h"
#include "interruptions.h"
#include "linux_marks.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/syscall.h>

#ifndef AT_MINSIGSTKSZ
#define AT_MINSIGSTKSZ 51
#endif

static struct timespec as_timespec(int64_t nanoseconds) {
    return (struct timespec){.tv_sec = (time_t)(nanoseconds / 1000000000),
                             .tv_nsec = (long)(nanoseconds % 1000000000)};
}

static int as_milliseconds(int64_t nanoseconds) {
    int64_t milliseconds = nanoseconds < 0 ? -1 : nanoseconds / 1000000 + (nanoseconds % 1000000 != 0);
    return milliseconds > INT_MAX ? INT_MAX : (int)milliseconds;
}

static bool needs_nanoseconds(int64_t nanoseconds) {
    return nanoseconds > 0 && nanoseconds % 1000000 != 0;
}

/* ---- Marks ---- */

extern void __asan_init(void) __attribute__((weak));
extern void __tsan_init(void) __attribute__((weak));

/* How far down a handler's frame ends; 0 where no marks are to be laid. */
static size_t least_depth, most_depth;

bool kq_runs_on_valgrind(void) {
    const char *preloaded = kq_environment("LD_PRELOAD");
    return preloaded != NULL && strstr(preloaded, "vgpreload") != NULL;
}

/* valgrind complains of what lies below the stack, and a sanitizer runs handlers in its own time. */
static bool is_to_mark(void) {
    return kq_can_mark() && __asan_init == NULL && __tsan_init == NULL && !kq_runs_on_valgrind();
}

/* Whether a frame is about as large as the kernel says: of other machines it is not known what they leave out. */
#if defined __LP64__ && (defined __x86_64__ || defined __aarch64__)
enum { TELLS_FRAME = 1 };
#else
enum { TELLS_FRAME = 0 };
#endif

/*
 * The kernel tells the size of the largest frame.  Where that is more than usual, only
 * threads that use large registers have such, and the end may lie anywhere.
 */
__attribute__((constructor)) static void find_depth(void) {
    enum { LEAST = 1024, MOST = 4096, SPAN = 768 };
    unsigned long told = TELLS_FRAME ? getauxval(AT_MINSIGSTKSZ) : 0;
    if (!is_to_mark())
        return;
    most_depth = told < LEAST || told > MOST ? MOST : told;
    least_depth = most_depth == told ? told - SPAN : 0;
}

/* valgrind complains of calls that it does not know. */
__attribute__((constructor)) static void leave_out_news(void) {
    if (kq_runs_on_valgrind())
        kq_leave_out_new_calls();
}

/* Whether a handler may have run without a trace. */
static bool may_leave_no_trace(void) {
    stack_t stack;
    return sigaltstack(NULL, &stack) != 0 || (!(stack.ss_flags & SS_DISABLE) && kq_has_handlers_elsewhere());
}

/* ---- The first wait ---- */

/* A cancellation point, as libc's are: it acts on a cancellation at once, for the time of the call. */
static bool make_call(struct kq_marked_call *call) {
    int type;
    pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, &type);
    bool is_damaged = kq_make_marked_call(call);
    pthread_setcanceltype(type, &type);
    return is_damaged;
}

/* What epoll_pwait2(2) takes, also where timespec has a time_t of 32 bits. */
struct kernel_timespec {
    int64_t seconds, nanoseconds;
};

static int wait_marked(int set, struct kq_epoll_event *events, int count, int64_t nanoseconds, bool *handled) {
    struct kernel_timespec timeout = {nanoseconds / 1000000000, nanoseconds % 1000000000};
    struct kq_marked_call call = {.first = least_depth, .last = most_depth};
    bool is_missing = !needs_nanoseconds(nanoseconds) || kq_epoll_pwait2_is_missing();
    if (!is_missing) {
        call.number = KQ_SYS_EPOLL_PWAIT2;
        memcpy(call.arguments, (long[6]){set, (long)events, count, (long)&timeout, 0, 0}, sizeof call.arguments);
        *handled = make_call(&call);
        is_missing = call.result < 0 && kq_epoll_pwait2_was_missing((int)-call.result);
    }
    if (is_missing) {
        call.number = SYS_epoll_pwait;
        memcpy(call.arguments, (long[6]){set, (long)events, count, as_milliseconds(nanoseconds), 0, 0},
               sizeof call.arguments);
        *handled = make_call(&call);
    }
    if (call.result == -EINTR && !*handled)
        *handled = may_leave_no_trace();
    return (int)call.result;
}

static int wait_plainly(int set, struct kq_epoll_event *events, int count, int64_t nanoseconds, bool *handled) {
    int got = epoll_wait(set, (struct epoll_event *)events, count, as_milliseconds(nanoseconds));
    *handled = got < 0 && errno == EINTR;
    return got < 0 ? -errno : got;
}

/* ---- Waits that follow it ---- */

/*
 * ppoll(2) is what the kernel begins anew by itself where no handler ran.  A first one
 * lets in what came meanwhile: where there are reports all the time a wait would not.
 */
static int wait_held(int set, struct kq_epoll_event *events, int count, int64_t nanoseconds, bool *handled,
                     const sigset_t *mask) {
    struct timespec now = {0, 0}, timeout = as_timespec(nanoseconds);
    struct pollfd entry = {.fd = set, .events = POLLIN};
    *handled = ppoll(NULL, 0, &now, mask) < 0;
    if (!*handled)
        *handled = ppoll(&entry, 1, nanoseconds < 0 ? NULL : &timeout, mask) < 0 && errno == EINTR;
    return *handled ? -EINTR : kq_epoll_poll(set, events, count);
}

static int wait_once(int set, struct kq_epoll_event *events, int count, int64_t nanoseconds,
                     const struct kq_wait_signals *signals, bool *handled) {
    sigset_t mask;
    if (!signals->are_held)
        return most_depth > 0 ? wait_marked(set, events, count, nanoseconds, handled)
                              : wait_plainly(set, events, count, nanoseconds, handled);
    kq_waiting_mask(signals, &mask);
    return wait_held(set, events, count, nanoseconds, handled, &mask);
}

int kq_epoll_wait(int set, struct kq_epoll_event *events, int count, int64_t nanoseconds,
                  struct kq_wait_signals *signals, void (*cancelled)(void *), void *context) {
    volatile int got;
    volatile bool handled = false;
    struct kq_interruptions before = kq_interruptions();
    pthread_cleanup_push(cancelled, context);
    bool seems_so = false;
    got = wait_once(set, events, count, nanoseconds, signals, &seems_so);
    /* Where the time was only a part of the caller's, the next wait follows; and nothing is in a hurry. */
    if (got == 0)
        kq_signals_hold(signals);
    handled = kq_is_interruption(before, seems_so);
    pthread_cleanup_pop(0);
    if (got == -EINTR)
        return handled ? -EINTR : 0;
    signals->interrupted = handled;
    return got;
}
#endif
