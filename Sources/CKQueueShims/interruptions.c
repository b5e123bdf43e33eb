/*
 * Signals that come while a thread is in kevent() (contract 6.8, C-347).
 *
 * A system call that waits tells of a handler by EINTR.  One that runs between two
 * waits of the same call would be told by nothing, so signals are held from the end
 * of the first wait, and come in only while the thread waits again.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#define _GNU_SOURCE
#include "interruptions.h"
#include "signals.h"

#include <string.h>

static OF_THREAD volatile unsigned quiet, handled;

/* The mask that is to come back, while signals are held. */
static OF_THREAD struct {
    volatile bool are_held;
    uint64_t mask[KQ_MASK_WORDS];
} held;

void kq_note_interruption(bool by_handler) {
    if (by_handler)
        handled++;
    else
        quiet++;
}

struct kq_interruptions kq_interruptions(void) {
    return (struct kq_interruptions){quiet, handled};
}

bool kq_is_interruption(struct kq_interruptions before, bool seems_so) {
    if (handled != before.handled)
        return true;
    return seems_so && quiet == before.quiet;
}

/* ---- Masks ---- */

/* A set as it is, where all of its signals are in the words that are kept; of Linux's they are the first. */
#ifdef __linux__
enum { KEPT = KQ_MASK_WORDS * 8, FITS = SIGNALS <= KEPT * 8 && sizeof(sigset_t) >= KEPT };
#else
enum { KEPT = sizeof(sigset_t) < KQ_MASK_WORDS * 8 ? sizeof(sigset_t) : KQ_MASK_WORDS * 8,
       FITS = sizeof(sigset_t) <= KQ_MASK_WORDS * 8 };
#endif

static void pack(const sigset_t *set, uint64_t mask[KQ_MASK_WORDS]) {
    mask[0] = mask[1] = 0;
    if (FITS) {
        memcpy(mask, set, KEPT);
        return;
    }
    for (int number = 1; number < SIGNALS; number++)
        if (sigismember(set, number) == 1)
            mask[number / 64] |= UINT64_C(1) << number % 64;
}

static void unpack(const uint64_t mask[KQ_MASK_WORDS], sigset_t *set) {
    sigemptyset(set);
    if (FITS) {
        memcpy(set, mask, KEPT);
        return;
    }
    for (int number = 1; number < SIGNALS; number++)
        if (mask[number / 64] >> number % 64 & 1)
            (void)sigaddset(set, number);
}

void kq_fill_mask(sigset_t *mask) {
    static const int faults[] = {
        SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP,
#ifdef SIGSYS
        SIGSYS, /* a filter of system calls may answer by it */
#endif
    };
    sigfillset(mask);
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++)
        sigdelset(mask, faults[i]);
}

void kq_waiting_mask(const struct kq_wait_signals *signals, sigset_t *mask) {
    unpack(signals->before, mask);
}

/* Whether a mask blocks all that kq_signals_hold() does. */
static bool is_filled(const sigset_t *mask) {
    sigset_t filled;
    kq_fill_mask(&filled);
    for (int number = 1; number < SIGNALS; number++)
        if (number != SIGKILL && number != SIGSTOP && sigismember(&filled, number) == 1 &&
            sigismember(mask, number) == 0)
            return false;
    return true;
}

/* A handler that jumped away from a wait leaves `held` behind, but not the mask. */
void kq_interrupted_mask(const sigset_t *found, sigset_t *mask) {
    if (held.are_held && is_filled(found))
        unpack(held.mask, mask);
    else
        *mask = *found;
}

/* ---- Holding ---- */

void kq_signals_hold(struct kq_wait_signals *signals) {
    sigset_t filled, before, interrupted;
    if (signals->are_held)
        return;
    kq_fill_mask(&filled);
    if (pthread_sigmask(SIG_BLOCK, &filled, &before) != 0)
        return;
    /* A handler may call kevent() in the middle of another call's wait. */
    signals->were_held = held.are_held;
    signals->outer[0] = held.mask[0], signals->outer[1] = held.mask[1];
    pack(&before, signals->before);
    /* Of one inside another the outer one knows the mask. */
    kq_interrupted_mask(&before, &interrupted);
    pack(&interrupted, held.mask);
    held.are_held = signals->are_held = true;
}

void kq_signals_let_go(struct kq_wait_signals *signals) {
    sigset_t before;
    unpack(signals->before, &before);
    held.are_held = signals->were_held;
    held.mask[0] = signals->outer[0], held.mask[1] = signals->outer[1];
    signals->are_held = false;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

struct kq_wait_signals kq_block_signals(void) {
    struct kq_wait_signals signals = {{0}, {0}, false, false, false};
    kq_signals_hold(&signals);
    return signals;
}

void kq_unblock_signals(struct kq_wait_signals signals) {
    if (signals.are_held)
        kq_signals_let_go(&signals);
}

bool kq_is_blocked_here(int number) {
    sigset_t found, blocked;
    if (pthread_sigmask(SIG_BLOCK, NULL, &found) != 0)
        return false;
    kq_interrupted_mask(&found, &blocked);
    return sigismember(&blocked, number) == 1;
}
