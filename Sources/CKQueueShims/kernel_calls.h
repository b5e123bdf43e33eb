/*
 * The system calls of Linux that may be missing.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef KQUEUE_KERNEL_CALLS_H
#define KQUEUE_KERNEL_CALLS_H

#include <stdbool.h>

/* What stands in for each, and what is lost by it, is in platform/linux/README.md. */
enum kq_call {
    KQ_CALL_STATX,
    KQ_CALL_KCMP,
    KQ_CALL_PIDFD_SEND_SIGNAL,
    KQ_CALL_PIDFD_OPEN,
    KQ_CALL_CLOSE_RANGE,
    KQ_CALL_EPOLL_PWAIT2,
    KQ_CALLS
};

/*
 * Makes a call: its result, or -1 with errno, which is ENOSYS alone where the call is missing.  It is not
 * made again then.  No cancellation point; async-signal-safe.
 */
long kq_call(enum kq_call call, long first, long second, long third, long fourth, long fifth);

/* Whether a call can be made, found out by making it with arguments that do no harm. Keeps errno. */
bool kq_call_is_there(enum kq_call call);

/* For a call that is made otherwise: its number, whether it is known to be missing, and whether an errno of it
   says so. */
long kq_call_number(enum kq_call call);
bool kq_call_is_missing(enum kq_call call);
bool kq_call_was_missing(enum kq_call call, int error);

/* Whether valgrind runs the program. */
bool kq_runs_on_valgrind(void);

#endif /* KQUEUE_KERNEL_CALLS_H */
