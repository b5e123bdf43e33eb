/*
 * Counts signals for EVFILT_SIGNAL (contract 6.8): a handler of ours stands in
 * front of the program's action, counts, tells whoever waits, and then does what
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

#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

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
        /* Held by a parent's thread when it forked without handlers: nobody here. */
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

void kq_signal_translate(int number, struct sigaction *action) {
    int place = kq_front_of(action);
    if (place >= 0)
        kq_action_load(&kq_signal_records[number].fronts[place], action);
}

void kq_signal_program(int number, struct sigaction *action) {
    struct kq_signal_record *record = &kq_signal_records[number];
    kq_action_load(&record->fronts[atomic_load(&record->front)], action);
}

/* ---- Putting ours in front ---- */

/* What an action that handles nothing lets the kernel do. */
static int quiet_flags(int number, const struct sigaction *program) {
    /* A handler of ours must not overrun a small stack, nor end a call that the signal did not end before. */
    int flags = SA_ONSTACK | SA_RESTART;
    /* A read from the background would be tried again and again. */
    if (number == SIGTTIN || number == SIGTTOU)
        flags &= ~SA_RESTART;
    if (number == SIGCHLD)
        flags |= program->sa_flags & (SA_NOCLDSTOP | SA_NOCLDWAIT);
    /* Children of a program that ignores them leave nothing to wait for. */
    if (number == SIGCHLD && program->sa_handler == SIG_IGN)
        flags |= SA_NOCLDWAIT;
    return flags;
}

/* Whether the process may have a terminal; where that cannot be told it may. */
static bool may_have_terminal(void) {
    int error = errno;
    int terminal = (int)syscall(SYS_openat, AT_FDCWD, "/dev/tty", O_RDONLY | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
    bool has_none = terminal < 0 && errno == ENXIO;
    if (terminal >= 0)
        (void)syscall(SYS_close, terminal);
    errno = error;
    return !has_none;
}

/*
 * Whether a signal must be ignored indeed and goes uncounted.  The terminal asks what
 * the kernel's action is before it sends a background process these two: who ignores
 * them has its call done or refused, whoever does not is sent one and begins the call
 * again, and is sent one again (C-368).
 */
static bool must_be_ignored(int number, const struct sigaction *program) {
    return (number == SIGTTIN || number == SIGTTOU) && program->sa_handler == SIG_IGN && may_have_terminal();
}

/* With everything blocked until ours is done: it must not be left half done by a handler that jumps away. */
static void make_ours(int number, unsigned place, const struct sigaction *program, struct sigaction *ours) {
    bool handles = program->sa_handler != SIG_DFL && program->sa_handler != SIG_IGN;
    *ours = *program;
    ours->sa_flags = handles ? program->sa_flags & ~(int)SA_RESETHAND : quiet_flags(number, program);
    ours->sa_flags |= SA_SIGINFO;
    ours->sa_sigaction = kq_fronts[place];
    sigfillset(&ours->sa_mask);
}

/* Notes in `ours` what was put in. */
static int install(int number, unsigned place, const struct sigaction *program, struct sigaction *ours,
                   struct sigaction *old) {
    bool yields = must_be_ignored(number, program);
    if (yields)
        *ours = *program;
    else
        make_ours(number, place, program, ours);
    atomic_store(&kq_signal_records[number].yields, yields);
    return kq_next_sigaction(number, ours, old) == 0 ? 0 : -errno;
}

int kq_signal_set_program(int number, const struct sigaction *action) {
    struct kq_signal_record *record = &kq_signal_records[number];
    unsigned place = atomic_load(&record->front);
    struct sigaction program = *action;
    kq_signal_translate(number, &program);
    struct sigaction ours;
    int error = install(number, place, &program, &ours, NULL);
    if (error == 0)
        kq_action_store(&record->fronts[place], &program);
    return error;
}

/* By the signals that can be blocked: what else a sigset_t has room for, libc leaves to chance. */
static bool blocks_the_same(const sigset_t *one, const sigset_t *other) {
    for (int number = 1; number < SIGNALS; number++)
        if (kq_signal_can_be_seen(number) && sigismember(one, number) != sigismember(other, number))
            return false;
    return true;
}

/* Whether one was put in and the other read back, by the flags that programs set: systems add some of their own. */
static bool is_same(const struct sigaction *one, const struct sigaction *other) {
    const int flags = (int)SA_RESETHAND | SA_NOCLDSTOP | SA_NOCLDWAIT | SA_NODEFER | SA_ONSTACK | SA_RESTART |
                      SA_SIGINFO;
    return one->sa_handler == other->sa_handler && ((one->sa_flags ^ other->sa_flags) & flags) == 0 &&
           blocks_the_same(&one->sa_mask, &other->sa_mask);
}

/*
 * Puts the program's action back where ours is in force.  A call of the program's
 * that nobody holds up may come in between, and then it is that one's turn.
 */
static void give_back(int number) {
    struct sigaction replaced, found, action;
    if (kq_next_sigaction(number, NULL, &replaced) != 0 || kq_front_of(&replaced) < 0)
        return;
    action = replaced;
    kq_signal_translate(number, &action);
    while (kq_next_sigaction(number, &action, &found) == 0 && !is_same(&found, &replaced)) {
        replaced = action;
        action = found;
    }
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
 * page that it writes to.  A bit is set before the record has a notifier, so whoever finds it clear finds none.
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
        give_back(number);
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

/*
 * Puts ours in front of what was found.  As in give_back, what comes in between is
 * the program's action from then on, to be stood in front of.
 */
static int stand_in_front(int number, unsigned place, struct sigaction *program) {
    struct kq_signal_record *record = &kq_signal_records[number];
    struct sigaction found, ours, expected = *program;
    for (;;) {
        kq_action_store(&record->fronts[place], program);
        atomic_store(&record->front, place);
        int error = install(number, place, program, &ours, &found);
        if (error != 0 || kq_front_of(&found) >= 0 || is_same(&found, &expected))
            return error;
        expected = ours;
        *program = found;
    }
}

static int begin(int number) {
    struct sigaction program;
    if (kq_next_sigaction(number, NULL, &program) != 0)
        return -errno;
    kq_signal_translate(number, &program);
    return stand_in_front(number, 0, &program);
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
        error = begin(number);
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
    kq_interrupted_mask(mask, &blocked);
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
            give_back(number);
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

/* Whether an action is the handler that is in force, as we installed it. */
static bool is_in_force(struct kq_signal_record *record, const struct sigaction *action) {
    if (atomic_load(&record->yields))
        return action->sa_handler == SIG_IGN;
    return kq_front_of(action) == (int)atomic_load(&record->front) && (action->sa_flags & SA_SIGINFO);
}

/* Stands in front of what was found; or where that is one of ours, lets it be what it was. */
static void look_again(int number, struct kq_signal_record *record, struct sigaction *found) {
    int place = kq_front_of(found);
    unsigned next = place >= 0 ? (unsigned)place : (atomic_load(&record->front) + 1) % FRONTS;
    kq_signal_translate(number, found);
    (void)stand_in_front(number, next, found);
}

void kq_signal_look(int number) {
    struct kq_signal_record *record = &kq_signal_records[number];
    struct sigaction found;
    sigset_t before;
    if (kq_next_sigaction(number, NULL, &found) != 0 || is_in_force(record, &found))
        return;
    kq_signals_lock(&before);
    if (kq_signals_are_own() && kq_signal_is_watched(number) &&
        kq_next_sigaction(number, NULL, &found) == 0 && !is_in_force(record, &found))
        look_again(number, record, &found);
    kq_signals_unlock(&before);
}
