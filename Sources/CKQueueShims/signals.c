/*
 * Counts signals for EVFILT_SIGNAL (contract 6.8): a handler of ours stands in
 * front of the program's action, counts, wakes the waiters, and then does what
 * the program wants done; see signal_handler.c.  For every platform.
 *
 * Two things that cannot be seen: what libc changes by itself (system(3) ignores
 * SIGINT and SIGQUIT for its time, and they are not counted then), and exec.  A
 * signal that is ignored and watched is ignored also in what a forked child
 * executes, but is at its default in what vfork or posix_spawn start: those have
 * the handler of ours, which exec resets.
 *
 * All of it lies in ordinary static memory.  A process that came by a fork has a
 * copy of it, and a child of vfork the very memory: both are told from the
 * process that registered by its number.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#define _GNU_SOURCE
#include "interruptions.h"
#include "listeners.h"
#include "pending.h"
#include "signal_records.h"
#include "signal_sets.h"

struct kq_signal_record kq_signal_records[SIGNALS];
atomic_int kq_signals_owner;

static atomic_int lock_holder; /* the process that holds the lock */

static struct kq_signal_record *record_of(int number) {
    return number > 0 && number < SIGNALS ? &kq_signal_records[number] : NULL;
}

void kq_signals_lock(sigset_t *before) {
    sigset_t all;
    int own = kq_process();
    kq_fill_mask(&all);
    pthread_sigmask(SIG_SETMASK, &all, before);
    for (;;) {
        int holder = 0;
        if (atomic_compare_exchange_strong(&lock_holder, &holder, own))
            return;
        /* Held by a parent's thread when it forked without handlers: no thread of this process. */
        if (holder != own && atomic_compare_exchange_strong(&lock_holder, &holder, own))
            return;
        kq_pause();
    }
}

void kq_signals_unlock(const sigset_t *before) {
    atomic_store(&lock_holder, 0);
    pthread_sigmask(SIG_SETMASK, before, NULL);
}

bool kq_signal_is_watched(int number) {
    struct kq_signal_record *record = record_of(number);
    return record != NULL && atomic_load_explicit(&record->users, memory_order_acquire) != 0;
}

bool kq_signals_are_own(void) {
    return atomic_load(&kq_signals_owner) == kq_process();
}

static void forget(struct kq_signal_record *record) {
    atomic_store(&record->users, 0);
    atomic_store(&record->notifier, 0);
    atomic_store(&record->busy, 0);
    atomic_store(&record->front, 0);
    atomic_store(&record->yields, false);
}

/*
 * The signals that ever were watched.  A forked child writes to the records of these alone, since the kernel copies each
 * page that it writes to.  A bit is set before the record has a notifier, so a clear bit means that there is none.
 */
enum { WORD_BITS = 64 };
static _Atomic uint64_t ever_watched[SIGNALS / WORD_BITS + 1];

static bool was_ever_watched(int number) {
    return (atomic_load(&ever_watched[number / WORD_BITS]) >> number % WORD_BITS & 1) != 0;
}

static void forget_all(void) {
    kq_forget_listeners();
    for (int number = 1; number < SIGNALS; number++) {
        struct kq_signal_record *record = &kq_signal_records[number];
        if (!was_ever_watched(number))
            continue;
        atomic_store(&record->told, atomic_load(&record->count));
        if (!kq_signal_is_watched(number))
            continue;
        kq_front_give_back(number);
        forget(record);
    }
}

void kq_signals_forget_in_child(void) {
    forget_all();
    atomic_store(&kq_signals_owner, 0);
    atomic_store(&lock_holder, 0);
}

/* The first to come after a fork that ran no handler does here what that would have done. */
static void become_owner(void) {
    if (kq_signals_are_own())
        return;
    forget_all();
    atomic_store(&kq_signals_owner, kq_process());
}

bool kq_signal_exists(int number) {
    return number > 0 && number < SIGNALS && number <= SIGRTMAX;
}

bool kq_signal_can_be_seen(int number) {
    return number != SIGKILL && number != SIGSTOP;
}

int kq_signal_notifier(int number) {
    int notifier = kq_signal_is_watched(number) && kq_signals_are_own()
                       ? atomic_load(&kq_signal_records[number].notifier) - 1 : -1;
    return notifier == KQ_LISTENERS || (notifier >= 0 && kq_is_still_own(notifier)) ? notifier : -1;
}

void kq_signals_lose(int descriptor) {
    for (int number = 1; number < SIGNALS; number++) {
        int notifier = descriptor + 1;
        if (was_ever_watched(number))
            (void)atomic_compare_exchange_strong(&kq_signal_records[number].notifier, &notifier, 0);
    }
}

int kq_signal_watch(int number, int notifier) {
    struct kq_signal_record *record = &kq_signal_records[number];
    sigset_t before;
    int error = 0;
    (void)kq_signals_are_seen(); /* found out here, since handlers cannot */
    kq_signals_lock(&before);
    become_owner();
    atomic_fetch_or(&ever_watched[number / WORD_BITS], UINT64_C(1) << number % WORD_BITS);
    /* From here on the program's calls wait for the lock. */
    bool first = atomic_fetch_add(&record->users, 1) == 0;
    int used = kq_signal_notifier(number);
    if (used < 0)
        used = notifier;
    if (used < 0)
        error = -EAGAIN;
    else
        atomic_store(&record->notifier, used + 1);
    if (first && error == 0)
        error = kq_front_begin(number);
    if (first && error != 0)
        forget(record);
    else if (error != 0)
        atomic_fetch_sub(&record->users, 1);
    kq_signals_unlock(&before);
    if (error == 0 && first && used != KQ_LISTENERS)
        kq_signal_withhold(number);
    return error == 0 ? used : error;
}

/* Until no handler is about to write to what is going to be closed; one that never comes on is left behind. */
static bool await_handlers(struct kq_signal_record *record) {
    enum { TRIES = 20000 };
    for (int i = 0; i < TRIES; i++) {
        if (atomic_load(&record->busy) == 0)
            return true;
        kq_pause();
    }
    return false;
}

/*
 * Whether the kernel would drop what is pending for the program, which it has not
 * asked for.  Then ours stays in front; it does what the program's action does.
 */
static bool would_drop_pending(int number) {
    struct sigaction program;
    sigset_t pending;
    kq_signal_program(number, &program);
    return program.sa_handler == SIG_DFL && (number == SIGCHLD || number == SIGURG || number == SIGCONT) &&
           kq_pending(&pending) == 0 && sigismember(&pending, number) == 1;
}

/*
 * Whether the default action of what is pending would be taken once it is unblocked.
 * It was sent while the action was held back, and does not come to it afterwards.
 */
static bool would_be_taken(int number, const sigset_t *mask) {
    struct sigaction program;
    sigset_t pending, blocked;
    kq_set_of(kq_interrupted_mask(kq_numbers_of(mask)), &blocked);
    kq_signal_program(number, &program);
    return program.sa_handler == SIG_DFL && number != SIGCHLD && number != SIGURG && number != SIGCONT &&
           sigismember(&blocked, number) == 1 && kq_pending(&pending) == 0 && sigismember(&pending, number) == 1;
}

int kq_signal_unwatch(int number) {
    struct kq_signal_record *record = &kq_signal_records[number];
    sigset_t before;
    int notifier = -1;
    kq_signals_lock(&before);
    if (kq_signals_are_own() && atomic_load(&record->users) == 1) {
        if (would_be_taken(number, &before))
            kq_drop_counted(number);
        if (!would_drop_pending(number))
            kq_front_give_back(number);
        notifier = atomic_exchange(&record->notifier, 0) - 1;
        if (!await_handlers(record))
            notifier = -1;
    }
    if (kq_signals_are_own() && atomic_load(&record->users) > 0)
        atomic_fetch_sub(&record->users, 1);
    kq_signals_unlock(&before);
    return notifier >= 0 && kq_is_inside(notifier) ? notifier : -1;
}

unsigned kq_signal_count(int number) {
    return atomic_load(&kq_signal_records[number].count);
}

/*
 * A handler that never goes on, as its thread was cancelled in it, is given up once for all.  Where another handler
 * has told meanwhile, its step forward stays.
 */
void kq_signal_await(int number, unsigned count) {
    enum { TRIES = 20000 };
    struct kq_signal_record *record = &kq_signal_records[number];
    unsigned told = atomic_load(&record->told);
    for (int i = 0; i < TRIES && (int)(count - told) > 0; i++) {
        kq_pause();
        told = atomic_load(&record->told);
    }
    if ((int)(count - told) > 0)
        (void)atomic_compare_exchange_strong(&record->told, &told, count);
}
