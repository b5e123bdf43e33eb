/*
 * Signals: the memory that handlers share, and who may change it; the core's Signals say what is kept there.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#define _GNU_SOURCE
#include "interruptions.h"
#include "signal_records.h"

struct kq_signal_record kq_signal_records[SIGNALS];

void *kq_signal_memory(int number) {
    return &kq_signal_records[number];
}

struct kq_signal_numbers kq_block_all(void) {
    sigset_t all, before;
    kq_fill_mask(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    return kq_numbers_of(&before);
}

void kq_set_mask(struct kq_signal_numbers mask) {
    sigset_t set;
    kq_set_of(mask, &set);
    pthread_sigmask(SIG_SETMASK, &set, NULL);
}

bool kq_signal_is_watched(int number) {
    return number > 0 && number < SIGNALS && atomic_load_explicit(&kq_signal_records[number].users, memory_order_acquire) != 0;
}

/* The first word in the place of signal 0. */
bool kq_signals_are_own(void) {
    return (int)atomic_load(&kq_signal_records[0].users) == kq_process();
}

int kq_last_signal(void) {
    return SIGRTMAX;
}

bool kq_signal_is_default(int number) {
    struct sigaction program;
    kq_signal_program(number, &program);
    return program.sa_handler == SIG_DFL;
}

bool kq_signal_handles_nothing(int number) {
    struct sigaction program;
    kq_signal_program(number, &program);
    return program.sa_handler == SIG_DFL || program.sa_handler == SIG_IGN;
}
