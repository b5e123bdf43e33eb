/*
 * Signals: counting them, holding them back, and the calls that change what is
 * done with them.  Part of kqueue_shims.h.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef KQUEUE_SHIMS_SIGNALS_H
#define KQUEUE_SHIMS_SIGNALS_H

#include "kqueue_shims.h"

#include <signal.h>
#include <sys/wait.h>

/* Signals, and masks of them: bit n is signal n. */
struct kq_signal_numbers {
    uint64_t low, high;
};

/* Whether the program's sigaction() and signal() are ours; as kq_is_interposed. */
bool kq_signals_are_seen(void);

/*
 * What a call of kevent() knows of the signals that come to its thread: all zeroes at
 * its begin, to be let go at its end where they are held.
 */
struct kq_wait_signals {
    struct kq_signal_numbers before, outer; /* masks: of the thread, and of a call that this one interrupted */
    bool are_held, were_held;
    bool interrupted; /* a handler of the program's ran, though the wait brought something */
};
/* The core's: from here to kq_signals_let_go() signals come in only during waits.  Does nothing where they are held. */
void kq_signals_hold(struct kq_wait_signals *signals);
void kq_signals_let_go(struct kq_wait_signals *signals);
/* Has no signal handler run on this thread until that is given back, but of a fault. They nest. */
static inline struct kq_wait_signals kq_block_signals(void) {
    struct kq_wait_signals signals = {.are_held = false};
    kq_signals_hold(&signals);
    return signals;
}
static inline void kq_unblock_signals(struct kq_wait_signals signals) {
    if (signals.are_held)
        kq_signals_let_go(&signals);
}

/* What is known of signals in a thread. */
struct kq_thread_signals {
    /* How often a watched one came: for knotes alone, and for a handler of the program's. */
    volatile unsigned quiet, handled;
    volatile bool are_held;
    struct kq_signal_numbers mask; /* which is to come back, while signals are held */
};
/* Of the calling one. Async-signal-safe. */
struct kq_thread_signals *kq_signals_of_thread(void);
/* pthread_sigmask(3): the mask that was there. */
struct kq_signal_numbers kq_change_mask(int how, struct kq_signal_numbers mask);
/* libc's sets, and those that the core counts with. */
struct kq_signal_numbers kq_numbers_of(const sigset_t *set);
void kq_set_of(struct kq_signal_numbers numbers, sigset_t *set);
/* The size of the kernel's sets, where the system is Linux. */
enum { KQ_SIGNAL_SET_BYTES = (KQ_SIGNALS - 1) / 8 };

/* ---- Signals that are pending, which the core marks: PendingSignals ---- */

/* Whether they can be taken, and sent again with a mark. */
static inline bool kq_marks_signals(void) {
#ifdef __linux__
    return true;
#else
    return false;
#endif
}
/* Where a mark lies, in a place of siginfo_t that nobody looks at. */
static inline uint32_t *kq_mark_place(siginfo_t *info) {
#ifdef __LP64__
    return (uint32_t *)info + 3; /* a gap */
#else
    return (uint32_t *)&info->si_errno;
#endif
}
/* Codes of signals; and which child one of them tells of, and its status. */
#ifdef SI_TKILL
enum { KQ_SI_TKILL = SI_TKILL };
#else
enum { KQ_SI_TKILL };
#endif
enum { KQ_SIGEV_NONE = SIGEV_NONE };
enum { KQ_SI_QUEUE = SI_QUEUE, KQ_CLD_EXITED = CLD_EXITED, KQ_CLD_KILLED = CLD_KILLED, KQ_CLD_DUMPED = CLD_DUMPED };
static inline int kq_child_in(const siginfo_t *info) {
    return (int)info->si_pid;
}
static inline int kq_child_status_in(const siginfo_t *info) {
    return info->si_status;
}
static inline int kq_child_signal(void) {
    return SIGCHLD;
}
/* SIGRTMIN, and SIGRTMAX, which are calls. */
static inline int kq_first_queued_signal(void) {
    return SIGRTMIN;
}
static inline int kq_last_signal(void) {
    return SIGRTMAX;
}

/* All that sigfillset(3) says. */
struct kq_signal_numbers kq_all_signals(void);

/* ---- Counting, which the core does: SignalRecord, Signals, SignalHandler ---- */

/* An action of a signal. */
struct kq_action {
    uintptr_t handler;
    int flags;
    struct kq_signal_numbers mask;
};
#ifdef SA_ONSTACK /* not where POSIX alone is asked for */
enum {
    KQ_SA_SIGINFO = SA_SIGINFO,
    KQ_SA_RESETHAND = (int)SA_RESETHAND,
    KQ_SA_NODEFER = SA_NODEFER,
    KQ_SA_ONSTACK = SA_ONSTACK,
    KQ_SA_RESTART = SA_RESTART,
    KQ_SA_NOCLDSTOP = SA_NOCLDSTOP,
    KQ_SA_NOCLDWAIT = SA_NOCLDWAIT,
};
#endif
static inline uintptr_t kq_default_action(void) {
    return (uintptr_t)SIG_DFL;
}
static inline uintptr_t kq_ignoring_action(void) {
    return (uintptr_t)SIG_IGN;
}
static inline uintptr_t kq_no_action(void) {
    return (uintptr_t)SIG_ERR;
}
/* SIG_HOLD, which some systems do not show; its value is the same on all. */
static inline uintptr_t kq_holding_action(void) {
    return 2;
}
/* To and from a struct sigaction. */
struct kq_action kq_read_action(const void *action);
void kq_write_action(struct kq_action action, void *to);
typedef struct sigaction kq_libc_action;

/* The handler of ours that is in a place; and the place of a handler of ours, or -1. */
uintptr_t kq_front_in(unsigned place);
int kq_place_of_front(uintptr_t handler);

/* The next definitions, in the order of linking. */
int kq_next_sigaction(int number, const void *action, void *old);
/* The same in our terms: 0, or a negative errno. */
int kq_next_action(int number, const struct kq_action *action, struct kq_action *old);
/* Those that may be missing; NULL: there is none. Handlers are passed as they come. */
struct kq_next_signals {
    int (*sigaction)(int number, const void *action, void *old);
    uintptr_t (*signal)(int number, uintptr_t handler);
    uintptr_t (*sysv_signal)(int number, uintptr_t handler);
    int (*siginterrupt)(int number, int interrupts);
    int (*sigpending)(sigset_t *set);
};
const struct kq_next_signals *kq_next_signals(void);

/* The core's, for C. */
void kq_handle_signal(unsigned place, int number, siginfo_t *info, void *context);

/* In place of a descriptor: those who listen are told. */
enum { KQ_LISTENERS = INT_MAX - 1 };

#endif /* KQUEUE_SHIMS_SIGNALS_H */
