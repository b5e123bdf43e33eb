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

static OF_THREAD volatile unsigned quiet, handled;

/* The mask that is to come back, while signals are held. */
static OF_THREAD struct {
    volatile bool are_held;
    struct kq_signal_numbers mask;
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

void kq_waiting_mask(const struct kq_wait_signals *signals, sigset_t *mask) {
    kq_set_of(signals->before, mask);
}

/* Whether a mask blocks all that kq_signals_hold() does. */
static bool is_filled(struct kq_signal_numbers mask) {
    sigset_t set;
    kq_fill_mask(&set);
    sigdelset(&set, SIGKILL);
    sigdelset(&set, SIGSTOP);
    struct kq_signal_numbers filled = kq_numbers_of(&set);
    return (filled.low & ~mask.low) == 0 && (filled.high & ~mask.high) == 0;
}

/* A handler that jumped away from a wait leaves `held` behind, but not the mask. */
struct kq_signal_numbers kq_interrupted_mask(struct kq_signal_numbers found) {
    return held.are_held && is_filled(found) ? held.mask : found;
}

/* ---- Holding ---- */

void kq_signals_hold(struct kq_wait_signals *signals) {
    sigset_t filled, before;
    if (signals->are_held)
        return;
    kq_fill_mask(&filled);
    if (pthread_sigmask(SIG_BLOCK, &filled, &before) != 0)
        return;
    /* A handler may call kevent() in the middle of another call's wait. */
    signals->were_held = held.are_held;
    signals->outer = held.mask;
    signals->before = kq_numbers_of(&before);
    /* Of one inside another the outer one knows the mask. */
    held.mask = kq_interrupted_mask(signals->before);
    held.are_held = signals->are_held = true;
}

void kq_signals_let_go(struct kq_wait_signals *signals) {
    sigset_t before;
    kq_set_of(signals->before, &before);
    held.are_held = signals->were_held;
    held.mask = signals->outer;
    signals->are_held = false;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

struct kq_wait_signals kq_block_signals(void) {
    struct kq_wait_signals signals = {.are_held = false};
    kq_signals_hold(&signals);
    return signals;
}

void kq_unblock_signals(struct kq_wait_signals signals) {
    if (signals.are_held)
        kq_signals_let_go(&signals);
}

struct kq_signal_numbers kq_blocked_here(void) {
    return kq_interrupted_mask(kq_mask_here());
}

bool kq_is_blocked_here(int number) {
    struct kq_signal_numbers blocked = kq_blocked_here();
    return ((number < 64 ? blocked.low >> number : blocked.high >> (number - 64)) & 1) != 0;
}
