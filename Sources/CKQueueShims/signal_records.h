/*
 * What is kept of each signal.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef KQUEUE_SIGNAL_RECORDS_H
#define KQUEUE_SIGNAL_RECORDS_H

#include "signals.h"

/*
 * Where the program's sigaction() is not ours it may replace a handler of ours,
 * remember it, and call it from its own.  So there are several, and one that was
 * replaced knows what it stood in front of.
 */
enum { FRONTS = 4 };

typedef void (*kq_front)(int, siginfo_t *, void *);
extern const kq_front kq_fronts[FRONTS];

struct kq_signal_record {
    atomic_uint users;                /* knotes */
    atomic_uint count;                /* occurrences, ever */
    atomic_uint told;                 /* of those, the ones whose notification is written */
    atomic_int notifier;              /* the descriptor to write to, + 1 */
    atomic_int busy;                  /* handlers that may be about to */
    atomic_uint front;                /* the handler in force */
    atomic_bool yields;               /* the program's action is in force, and nothing is counted */
    struct kq_action fronts[FRONTS];  /* what each stands in front of */
};

extern struct kq_signal_record kq_signal_records[SIGNALS];

#endif /* KQUEUE_SIGNAL_RECORDS_H */
