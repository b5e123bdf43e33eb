/*
 * The signal functions that ours stand in front of.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef KQUEUE_NEXT_SIGNALS_H
#define KQUEUE_NEXT_SIGNALS_H

#include "signals.h"

typedef void (*kq_handler)(int);

/* NULL where nothing else defines one. */
struct kq_next_signals {
    int (*sigaction)(int, const struct sigaction *, struct sigaction *);
    kq_handler (*signal)(int, kq_handler);
    kq_handler (*sysv_signal)(int, kq_handler);
    int (*siginterrupt)(int, int);
    int (*sigpending)(sigset_t *);
};

const struct kq_next_signals *kq_next_signals(void);

#endif /* KQUEUE_NEXT_SIGNALS_H */
