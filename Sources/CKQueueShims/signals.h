/*
 * What the files about signals share; nothing of it is Swift's.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef KQUEUE_SIGNALS_H
#define KQUEUE_SIGNALS_H

#include "include/kqueue_shims.h"

#include <stdatomic.h>

enum { SIGNALS = KQ_SIGNALS };

/* Which of our handlers an action is, or -1. */
static inline int kq_front_of(const struct sigaction *action) {
    return kq_front_at((uintptr_t)action->sa_handler);
}

#endif /* KQUEUE_SIGNALS_H */
