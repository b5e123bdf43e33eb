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

static const int faults[] = {
    SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP,
#ifdef SIGSYS
    SIGSYS, /* a filter of system calls may answer by it */
#endif
};
enum { FAULTS = sizeof faults / sizeof *faults };

bool kq_is_of_fault(int number) {
    for (int i = 0; i < FAULTS; i++)
        if (number == faults[i])
            return true;
    return false;
}

/* All but those of faults, which the thread that is at fault must have at once. */
static void fill(sigset_t *mask) {
    sigfillset(mask);
    for (int i = 0; i < FAULTS; i++)
        sigdelset(mask, faults[i]);
}

struct kq_signal_numbers kq_held_signals(void) {
    sigset_t set;
    fill(&set);
    sigdelset(&set, SIGKILL);
    sigdelset(&set, SIGSTOP);
    return kq_numbers_of(&set);
}

bool kq_look_at_pending(struct kq_signal_numbers *pending) {
    sigset_t set;
    sigemptyset(&set);
    bool is_known = kq_pending(&set) == 0;
    *pending = is_known ? kq_numbers_of(&set) : (struct kq_signal_numbers){0, 0};
    return is_known;
}

struct kq_signal_numbers kq_pending_signals(void) {
    struct kq_signal_numbers pending;
    (void)kq_look_at_pending(&pending);
    return pending;
}

struct kq_signal_numbers kq_all_signals(void) {
    sigset_t all;
    sigfillset(&all);
    return kq_numbers_of(&all);
}

struct kq_signal_numbers kq_mask_here(void) {
    sigset_t mask;
    return pthread_sigmask(SIG_BLOCK, NULL, &mask) == 0 ? kq_numbers_of(&mask) : (struct kq_signal_numbers){0, 0};
}

static struct kq_signal_numbers block(int how) {
    sigset_t all, before;
    fill(&all);
    pthread_sigmask(how, &all, &before);
    return kq_numbers_of(&before);
}

struct kq_signal_numbers kq_hold_back(void) {
    return block(SIG_BLOCK);
}

struct kq_signal_numbers kq_block_all(void) {
    return block(SIG_SETMASK);
}

void kq_set_mask(struct kq_signal_numbers mask) {
    sigset_t set;
    kq_set_of(mask, &set);
    pthread_sigmask(SIG_SETMASK, &set, NULL);
}
