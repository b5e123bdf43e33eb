/*
 * Sets of signals: libc's, and those that the core counts with.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef KQUEUE_SIGNAL_SETS_H
#define KQUEUE_SIGNAL_SETS_H

#include "include/kqueue_shims.h"

struct kq_signal_numbers kq_numbers_of(const sigset_t *set);
void kq_set_of(struct kq_signal_numbers numbers, sigset_t *set);

#endif /* KQUEUE_SIGNAL_SETS_H */
