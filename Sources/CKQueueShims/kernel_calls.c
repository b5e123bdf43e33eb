/*
 * Linux: the system calls that may be missing, in one table.
 *
 * An older kernel answers ENOSYS.  A filter of seccomp(2) that is older than a
 * call answers that, EPERM or EACCES, as its author liked.  So these errors mean
 * that the call is missing, unless the call has them for a reason of its own:
 * then it is made once with arguments that it refuses otherwise, and whatever
 * refuses these alike is a filter.
 *
 * valgrind prints a complaint at each call that it does not know, so what it may not
 * know counts as missing there from the beginning.
 *
 * What was found out is kept for the process.  A filter that is installed later is
 * met by the next call; a call that is missing never comes back.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifdef __linux__
#define _GNU_SOURCE
#include "kernel_calls.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Of the kernel's one list for all machines since 5.0; headers may be older than the kernel. */
#ifndef SYS_pidfd_send_signal
#define SYS_pidfd_send_signal 424
#endif
#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif
#ifndef SYS_close_range
#define SYS_close_range 436
#endif
#ifndef SYS_epoll_pwait2
#define SYS_epoll_pwait2 441
#endif
#ifndef SYS_statx
#define SYS_statx -1
#endif
#ifndef SYS_kcmp
#define SYS_kcmp -1
#endif

static const struct {
    long number;
    int own;       /* an error that both the call itself and a filter may answer with; 0 is none */
    long probe[3]; /* arguments that the call answers otherwise */
    bool is_news;  /* to versions of valgrind that are in use */
} calls[KQ_CALLS] = {
    [KQ_CALL_STATX] = {.number = SYS_statx},
    [KQ_CALL_KCMP] = {.number = SYS_kcmp, .own = EPERM, .probe = {-1, -1, -1}}, /* ESRCH */
    [KQ_CALL_PIDFD_SEND_SIGNAL] = {.number = SYS_pidfd_send_signal, .own = EPERM, .probe = {-1, 0, 0}, /* EBADF */
                                   .is_news = true},
    [KQ_CALL_PIDFD_OPEN] = {.number = SYS_pidfd_open, .is_news = true},
    [KQ_CALL_CLOSE_RANGE] = {.number = SYS_close_range, .probe = {1, 0, 0}}, /* EINVAL */
    [KQ_CALL_EPOLL_PWAIT2] = {.number = SYS_epoll_pwait2, .is_news = true},
};

static atomic_bool missing[KQ_CALLS];

bool kq_call_is_missing(enum kq_call call) {
    return atomic_load_explicit(&missing[call], memory_order_relaxed);
}

bool kq_runs_on_valgrind(void) {
    const char *preloaded = getenv("LD_PRELOAD");
    return preloaded != NULL && strstr(preloaded, "vgpreload") != NULL;
}

__attribute__((constructor)) static void leave_out_news(void) {
    bool is_valgrind = kq_runs_on_valgrind();
    for (int call = 0; is_valgrind && call < KQ_CALLS; call++)
        atomic_store(&missing[call], calls[call].is_news);
}

long kq_call_number(enum kq_call call) {
    return calls[call].number;
}

static long probe(enum kq_call call) {
    const long *arguments = calls[call].probe;
    return syscall(calls[call].number, arguments[0], arguments[1], arguments[2], 0, 0);
}

/* Whether a filter answers with this error whatever it is asked. */
static bool is_denied(enum kq_call call, int error) {
    return probe(call) == -1 && errno == error;
}

bool kq_call_was_missing(enum kq_call call, int error) {
    bool is_missing = error == ENOSYS || ((error == EPERM || error == EACCES) &&
                                          (error != calls[call].own || is_denied(call, error)));
    if (is_missing)
        atomic_store(&missing[call], true);
    return is_missing;
}

bool kq_call_is_there(enum kq_call call) {
    static atomic_bool there[KQ_CALLS];
    int error = errno;
    if (kq_call_is_missing(call))
        return false;
    if (!atomic_load_explicit(&there[call], memory_order_relaxed))
        atomic_store(&there[call], probe(call) != -1 || !kq_call_was_missing(call, errno));
    errno = error;
    return atomic_load_explicit(&there[call], memory_order_relaxed);
}

long kq_call(enum kq_call call, long first, long second, long third, long fourth, long fifth) {
    if (kq_call_is_missing(call)) {
        errno = ENOSYS;
        return -1;
    }
    long result = syscall(calls[call].number, first, second, third, fourth, fifth);
    if (result == -1) {
        int error = errno;
        errno = kq_call_was_missing(call, error) ? ENOSYS : error;
    }
    return result;
}
#endif
