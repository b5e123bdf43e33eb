/*
 * Signals that are pending: which were counted, and which not yet.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef KQUEUE_PENDING_H
#define KQUEUE_PENDING_H

#include "signals.h"

/* What is said of one that is pending: counted, or sent before anybody watched. Neither is counted any more. */
enum kq_mark { KQ_MARK_COUNTED = 1, KQ_MARK_EARLIER = 2 };

struct kq_marking {
    int number;
    enum kq_mark mark;
    bool may_move;    /* what is found again may be left to the first thread alone */
    unsigned fresh;   /* out: how many had no mark */
    bool is_shared;   /* out: some of it is there for all threads */
};

/* Marks what is pending for the calling thread, which blocks it; it stays pending. */
void kq_mark_pending(struct kq_marking *marking);
/* Takes away what was counted.  The lock is held. */
void kq_drop_counted(int number);
/* A handler has it: whether it is marked. Takes the mark off. */
bool kq_unmark(int number, siginfo_t *info);
/* It was found not to be pending. */
void kq_note_none_pending(int number);

/* What is queued, as far as that is told. */
struct kq_queued {
    unsigned long count;             /* signals of all kinds, for the process's user */
    struct kq_signal_numbers shared; /* those that are pending for all threads */
};
void kq_look_at_queued(struct kq_queued *queued);
/*
 * Whether nothing came: there are as many, and no number is pending for all that was
 * not.  The second tells of one that came when another was taken, or was left to a
 * thread: the count is the same then.
 */
bool kq_is_same_queue(const struct kq_queued *now, const struct kq_queued *before);
/* Whether nothing came till now, when what all kqueues were told of marking is dropped. */
bool kq_is_settled(const struct kq_queued *before);

/* sigpending(), which never waits for the lock as the one that is exported does. */
int kq_pending(sigset_t *pending);

#endif /* KQUEUE_PENDING_H */
