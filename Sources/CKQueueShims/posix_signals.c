/*
 * POSIX: what a thread knows of its signals.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "include/kqueue_shims_posix.h"

#include "listeners.h"

#include <stdatomic.h>

bool kq_is_blocked_here(int number) {
    sigset_t blocked;
    return pthread_sigmask(SIG_BLOCK, NULL, &blocked) == 0 && sigismember(&blocked, number) == 1;
}

/* By thread, as far as it matters: two that share a place may take one's interruption for the other's. */
enum { PLACES = 256 };
static atomic_uint quiet[PLACES], handlers[PLACES];

static unsigned place_here(void) {
    return kq_thread() * UINT32_C(2654435769) >> 24;
}

void kq_note_interruption(bool handled) {
    atomic_fetch_add(handled ? &handlers[place_here()] : &quiet[place_here()], 1);
}

struct kq_interruptions kq_interruptions(void) {
    unsigned place = place_here();
    return (struct kq_interruptions){atomic_load(&quiet[place]), atomic_load(&handlers[place])};
}
