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

/* One more than the last signal. */
#ifdef NSIG
enum { KQ_SIGNALS = NSIG };
#else
enum { KQ_SIGNALS = 65 };
#endif

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
/* The core's: what the calling thread blocks, other than for the time of a call. */
struct kq_signal_numbers kq_blocked_here(void);
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
/* What is held; and holds it back besides what is blocked, which it gives back: a mask. */
struct kq_signal_numbers kq_held_signals(void);
struct kq_signal_numbers kq_hold_back(void);
/* Blocks that and nothing else. */
struct kq_signal_numbers kq_block_all(void);
void kq_set_mask(struct kq_signal_numbers mask);
/* libc's sets, and those that the core counts with. */
struct kq_signal_numbers kq_numbers_of(const sigset_t *set);
void kq_set_of(struct kq_signal_numbers numbers, sigset_t *set);
/* What is pending for the calling thread; false: that is not told. */
bool kq_look_at_pending(struct kq_signal_numbers *pending);
struct kq_signal_numbers kq_pending_signals(void);
/* sigpending(), which never waits for the lock as the one that is exported does. `set` is a sigset_t. */
int kq_pending(void *set);

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
/* Takes one that is pending for the calling thread; false: there is none. */
bool kq_take_signal(int number, siginfo_t *info);
bool kq_send_to_thread(int process, int thread, int number, siginfo_t *info);
void kq_send_to_all(int process, int number, siginfo_t *info);
int kq_thread_number(void);
/* SI_QUEUE; SI_TKILL; SIGRTMIN. */
int kq_code_of_queue(void);
int kq_code_of_thread(void);
int kq_first_queued_signal(void);
/* What listeners were told of signals that were taken is dropped. */
void kq_drop_reports_of_listeners(void);

/* The folder of the process's threads, with its entries as getdents64(2) has them, and a thread's status; -1,
   or a negative errno. */
int kq_open_threads(void);
bool kq_is_one_thread(int folder);
long kq_read_threads(int folder, void *entries, size_t size);
int kq_open_thread_status(int thread);
long kq_read_status(int file, void *bytes, size_t size);

/* What the calling thread blocks, as the kernel has it. */
struct kq_signal_numbers kq_mask_here(void);
/* All that sigfillset(3) says. */
struct kq_signal_numbers kq_all_signals(void);
/* Whether it is what a thread is sent that does something wrong. */
bool kq_is_of_fault(int number);
/* SIGRTMAX. */
int kq_last_signal(void);

/* ---- Counting, which the core does: SignalRecord, Signals, SignalHandler ---- */

/* The memory of a signal, all zeroes at first; with 0, of what all have in common. */
enum { KQ_SIGNAL_BYTES = 320 };
extern char kq_signal_bytes[] __attribute__((visibility("hidden")));
static inline void *kq_signal_memory(int number) {
    return kq_signal_bytes + number * KQ_SIGNAL_BYTES;
}

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

/* Our handlers: that in a place, and the place of one, or -1. */
enum { KQ_FRONTS = 4 };
uintptr_t kq_front_in(unsigned place);
int kq_front_at(uintptr_t handler);
/* For them: the mask in a handler's context; the program's handler; raise(3); a write to whoever is to be told. */
struct kq_signal_numbers kq_mask_in(const void *context);
void kq_run(const struct kq_action *action, int number, siginfo_t *info, void *context);
void kq_raise(int number);
void kq_notify(int notifier);
/* What a signal says of a child, if it is the one; those who listen to a signal are told. Async-signal-safe. */
void kq_hear_child(int number, const siginfo_t *info);
void kq_tell_listeners(int number);
/* In a forked child: removes all listeners. Async-signal-safe. */
void kq_forget_listeners(void);

/* The next definitions, in the order of linking. */
int kq_next_sigaction(int number, const void *action, void *old);
/* The same in our terms: 0, or a negative errno. */
int kq_next_action(int number, const struct kq_action *action, struct kq_action *old);
/* False where there is none. */
bool kq_next_signal(int number, uintptr_t handler, uintptr_t *old);
bool kq_next_sysv_signal(int number, uintptr_t handler, uintptr_t *old);
/* 1, 0 where there is none, -1 where it fails. */
int kq_next_siginterrupt(int number, bool interrupts);
/* Whether the process may have a terminal. */
bool kq_may_have_terminal(void);

/* The core's, for C. */
void kq_handle_signal(unsigned place, int number, siginfo_t *info, void *context);
void kq_signals_lose(int descriptor);

/* Notes which pipe a descriptor of the library's is an end of. */
void kq_own_pipe(int descriptor);
/* In place of a descriptor: those who listen are told. */
enum { KQ_LISTENERS = INT_MAX - 1 };
/*
 * A place for a descriptor, a pipe's writing end or a set with a signalfd, among those who listen, or -ENOMEM; which
 * signals it listens to; and the end of that, after which the descriptor can be closed.
 */
int kq_listen(int descriptor);
void kq_listen_to(int place, int number, bool listens);
void kq_listen_no_more(int place);

#endif /* KQUEUE_SHIMS_SIGNALS_H */
