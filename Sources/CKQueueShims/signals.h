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

/* Makes other threads wait, and handlers on this one: between the two nothing is half done. */
static inline void kq_signals_lock(sigset_t *before) {
    kq_set_of(kq_lock_signals(), before);
}
static inline void kq_signals_unlock(const sigset_t *before) {
    kq_unlock_signals(kq_numbers_of(before));
}

/* Whether a knote counts a signal; one load. */
bool kq_signal_is_watched(int number);
/* Whether the counting is this process's, and not a parent's that is seen through shared or copied memory. */
bool kq_signals_are_own(void);
/* The program's action of a watched signal, and a new one for it. The lock is held. */
void kq_signal_program(int number, struct sigaction *action);
int kq_signal_set_program(int number, const struct sigaction *action);
/* Where an action is a handler of ours, puts the program's in its place. */
void kq_signal_translate(int number, struct sigaction *action);

/*
 * Actions of the program as they are handed in and out without tearing: written
 * under the lock, read by handlers, which never wait.
 */
enum { ACTION_WORDS = (sizeof(struct sigaction) + sizeof(unsigned long) - 1) / sizeof(unsigned long) };

struct kq_action {
    atomic_uint version; /* which copy is in force, whether its handler was used up, and a count */
    atomic_ulong words[2][ACTION_WORDS];
};

void kq_action_store(struct kq_action *place, const struct sigaction *action);
void kq_action_load(struct kq_action *place, struct sigaction *action);
/* As a delivery does: SA_RESETHAND leaves the default behind for the next delivery. */
void kq_action_take(struct kq_action *place, struct sigaction *action);

/* The next definitions, in the order of linking; see next.c. */
int kq_next_sigaction(int number, const struct sigaction *action, struct sigaction *old);

typedef void (*kq_handler)(int);

/* Which of our handlers an action is, or -1. */
int kq_front_of(const struct sigaction *action);

#endif /* KQUEUE_SIGNALS_H */
