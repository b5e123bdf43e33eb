/*
 * Signals that a thread blocks never reach a handler of its own: they are pending, and
 * are looked for by each call of kevent().
 *
 * They stay pending (C-350): sigpending() tells of them, sigwait() takes them, and the
 * handler runs once they are unblocked.  Each is counted once.  Those that have been are
 * marked where the system lets that be done (signal_marks.c).  Elsewhere a number that
 * was found pending counts again only once it was found not to be.
 *
 * What is pending for one thread alone (pthread_kill, raise, a fault of its own)
 * is seen in that thread: when it calls kevent(), or unblocks it and so has the
 * handler count it.  No other thread can be told of it.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#define _GNU_SOURCE
#include "next_signals.h"
#include "pending.h"
#include "signal_records.h"

#include <sys/syscall.h>
#include <unistd.h>

int kq_pending(sigset_t *pending) {
#ifdef __linux__
    return (int)syscall(SYS_rt_sigpending, pending, (size_t)(SIGNALS - 1) / 8);
#else
    return kq_next_signals()->sigpending != NULL ? kq_next_signals()->sigpending(pending) : -1;
#endif
}

/* What the lock alone blocks is not pending for the program. */
int kq_sigpending(void *set) {
    sigset_t *pending = set, before;
    if (!kq_signals_are_own())
        return kq_pending(pending);
    kq_signals_lock(&before);
    int result = kq_pending(pending);
    for (int number = 1; result == 0 && number < SIGNALS; number++)
        if (sigismember(&before, number) != 1)
            sigdelset(pending, number);
    kq_signals_unlock(&before);
    return result;
}

static bool handles_nothing(int number) {
    struct sigaction program;
    kq_signal_program(number, &program);
    return program.sa_handler == SIG_DFL || program.sa_handler == SIG_IGN;
}

/* Whether no thread will handle it: none has it unblocked, or waits for it. */
static bool is_left_to_us(int number) {
    switch (kq_is_blocked_everywhere(number)) {
    case 1:
        return true;
    case 0:
        return false;
    default:
        /* The system does not tell. Without a handler it comes to the same whichever thread takes it. */
        return handles_nothing(number);
    }
}

/* A caller that watches it knows by itself; to be told again would make its kqueue readable for nothing. */
static void tell_others(int number, bool is_callers) {
    sigset_t before;
    kq_signals_lock(&before);
    if (atomic_load(&kq_signal_records[number].users) > (is_callers ? 1u : 0u))
        kq_signal_notify(number);
    kq_signals_unlock(&before);
}

/* A look at all that is watched, by whomever: what others are told of it is dropped. */
struct look {
    struct kq_signal_numbers own; /* the caller's */
    unsigned fresh; /* how many were counted */
    bool found;     /* something was marked, or sent again with its mark */
    bool leaves;    /* something is to be looked at again */
    struct kq_queued queued; /* before; but of `shared`, what still is when it is done */
};

static bool has(const struct kq_signal_numbers *numbers, int number) {
    return ((number < 64 ? numbers->low >> number : numbers->high >> (number - 64)) & 1) != 0;
}

static void put(struct kq_signal_numbers *numbers, int number, bool is_in) {
    uint64_t *word = number < 64 ? &numbers->low : &numbers->high;
    uint64_t bit = UINT64_C(1) << number % 64;
    *word = is_in ? *word | bit : *word & ~bit;
}

static void count_pending(int number, struct look *look) {
    bool handles = !handles_nothing(number);
    struct kq_marking marking = {.number = number, .mark = KQ_MARK_COUNTED, .may_move = !handles};
    kq_mark_pending(&marking);
    look->found = true;
    look->leaves = look->leaves || (marking.is_shared && !handles);
    look->fresh += marking.fresh;
    put(&look->queued.shared, number, marking.is_shared);
    if (marking.fresh == 0)
        return;
    atomic_fetch_add(&kq_signal_records[number].count, marking.fresh);
    tell_others(number, has(&look->own, number));
    atomic_fetch_add(&kq_signal_records[number].told, marking.fresh);
}

/* Whether a look is worth its cost. */
static bool is_any_pending(void) {
    sigset_t pending;
    bool is_any = false;
    if (kq_pending(&pending) != 0)
        return false;
    for (int number = 1; number < SIGNALS; number++) {
        bool is_pending = sigismember(&pending, number) == 1;
        is_any = is_any || (is_pending && kq_signal_is_watched(number));
        if (!is_pending)
            kq_note_none_pending(number);
    }
    return is_any;
}

/* One that is not blocked here comes to a handler by itself. */
static void look_at(int number, const sigset_t *pending, struct look *look) {
    if (!kq_signal_is_watched(number) || sigismember(pending, number) != 1)
        return;
    if (kq_is_blocked_here(number) && is_left_to_us(number))
        count_pending(number, look);
    else if (kq_is_blocked_here(number))
        look->leaves = true;
}

static void look_at_all(struct look *look) {
    sigset_t pending;
    look->leaves = look->found = false;
    kq_look_at_queued(&look->queued);
    if (kq_pending(&pending) != 0)
        return;
    for (int number = 1; number < SIGNALS; number++)
        look_at(number, &pending, look);
}

/*
 * To look makes the system tell all kqueues of what is sent again; one whose thread
 * sleeps may be told before that is dropped.  Of two that look after one another there
 * would be no end, so one that is told so, and finds the same queued as then, leaves it
 * at that.
 */
static atomic_uint looks; /* that found nothing new */
static atomic_ulong count_at_looks;
static _Atomic uint64_t shared_at_looks[2];

static bool is_echo(unsigned *seen) {
    struct kq_queued queued, then = {.count = atomic_load(&count_at_looks)};
    unsigned now = atomic_load(&looks);
    if (seen == NULL || *seen == now)
        return false;
    *seen = now;
    then.shared.low = atomic_load(&shared_at_looks[0]);
    then.shared.high = atomic_load(&shared_at_looks[1]);
    kq_look_at_queued(&queued);
    return kq_is_same_queue(&queued, &then);
}

static void note_look(unsigned *seen, const struct kq_queued *queued) {
    atomic_store(&count_at_looks, queued->count);
    atomic_store(&shared_at_looks[0], queued->shared.low);
    atomic_store(&shared_at_looks[1], queued->shared.high);
    *seen = atomic_fetch_add(&looks, 1) + 1;
}

bool kq_is_same_queue(const struct kq_queued *now, const struct kq_queued *before) {
    return now->count == before->count && (now->shared.low & ~before->shared.low) == 0 &&
           (now->shared.high & ~before->shared.high) == 0;
}

unsigned kq_signal_looks(void) {
    return atomic_load(&looks);
}

bool kq_signals_collect(struct kq_signal_numbers own, unsigned *seen) {
    enum { TRIES = 8 };
    struct look look = {.own = own};
    bool is_settled = false;
    int error = errno;
    if (!is_any_pending() || is_echo(seen))
        return true;
    for (int i = 0; i < TRIES && !is_settled; i++) {
        look_at_all(&look);
        is_settled = !look.found || kq_is_settled(&look.queued);
    }
    if (is_settled && look.found && look.fresh == 0 && seen != NULL)
        note_look(seen, &look.queued);
    errno = error;
    return is_settled && !look.leaves;
}

void kq_signal_withhold(int number) {
    struct kq_marking marking = {.number = number, .mark = KQ_MARK_EARLIER};
    sigset_t pending;
    int error = errno;
    if (kq_pending(&pending) == 0 && sigismember(&pending, number) == 1 && kq_is_blocked_here(number) &&
        is_left_to_us(number))
        kq_mark_pending(&marking);
    errno = error;
}

/* ---- Where signals cannot be sent again as they were ---- */

#ifndef __linux__
static atomic_int is_known[SIGNALS]; /* not atomic_bool: see settings */

void kq_mark_pending(struct kq_marking *marking) {
    marking->fresh = !atomic_exchange(&is_known[marking->number], true);
    marking->is_shared = false;
}

void kq_drop_counted(int number) {
    (void)number;
}

bool kq_unmark(int number, siginfo_t *info) {
    (void)info;
    return atomic_exchange(&is_known[number], false);
}

void kq_note_none_pending(int number) {
    atomic_store(&is_known[number], false);
}

int kq_is_blocked_everywhere(int number) {
    (void)number;
    return -1;
}

void kq_look_at_queued(struct kq_queued *queued) {
    *queued = (struct kq_queued){.count = 0};
}

bool kq_is_settled(const struct kq_queued *before) {
    (void)before;
    return true;
}
#endif
