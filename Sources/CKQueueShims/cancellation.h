/*
 * Calls under a lock do not end a thread that is cancelled.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef KQUEUE_CANCELLATION_H
#define KQUEUE_CANCELLATION_H

#include <pthread.h>

static inline int hold_cancellation(void) {
    int state;
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
    return state;
}

static inline void release_cancellation(int state) {
    pthread_setcancelstate(state, &state);
}

#endif
