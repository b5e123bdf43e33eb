/*
 * POSIX: what a thread knows of its signals.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "include/kqueue_shims_posix.h"

#include <signal.h>

bool kq_is_blocked_here(int number) {
    sigset_t blocked;
    return pthread_sigmask(SIG_BLOCK, NULL, &blocked) == 0 && sigismember(&blocked, number) == 1;
}
