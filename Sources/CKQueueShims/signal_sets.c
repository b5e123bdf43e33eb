/*
 * Sets of signals: libc's, and those that the core counts with.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#define _GNU_SOURCE
#include "interruptions.h"

#include <string.h>

/* Linux's signals are the first word of a set; what else it has room for, libc leaves to chance. */
#if defined __linux__ && defined __LP64__ && !defined __mips__
struct kq_signal_numbers kq_numbers_of(const sigset_t *set) {
    uint64_t word;
    memcpy(&word, set, sizeof word);
    return (struct kq_signal_numbers){.low = word << 1, .high = word >> 63};
}

void kq_set_of(struct kq_signal_numbers numbers, sigset_t *set) {
    uint64_t word = numbers.low >> 1 | numbers.high << 63;
    sigemptyset(set);
    memcpy(set, &word, sizeof word);
}
#else
struct kq_signal_numbers kq_numbers_of(const sigset_t *set) {
    uint64_t words[2] = {0, 0};
    for (int number = 1; number < KQ_SIGNALS; number++)
        if (sigismember(set, number) == 1)
            words[number / 64] |= UINT64_C(1) << number % 64;
    return (struct kq_signal_numbers){.low = words[0], .high = words[1]};
}

void kq_set_of(struct kq_signal_numbers numbers, sigset_t *set) {
    uint64_t words[2] = {numbers.low, numbers.high};
    sigemptyset(set);
    for (int number = 1; number < KQ_SIGNALS; number++)
        if (words[number / 64] >> number % 64 & 1)
            (void)sigaddset(set, number);
}
#endif

struct kq_signal_numbers kq_all_signals(void) {
    sigset_t all;
    sigfillset(&all);
    return kq_numbers_of(&all);
}

struct kq_signal_numbers kq_change_mask(int how, struct kq_signal_numbers mask) {
    sigset_t wanted, before;
    kq_set_of(mask, &wanted);
    return pthread_sigmask(how, &wanted, &before) == 0 ? kq_numbers_of(&before) : (struct kq_signal_numbers){0, 0};
}
