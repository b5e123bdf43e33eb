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
/* From here to kq_signals_let_go() signals come in only during waits.  Does nothing where they are held. */
void kq_signals_hold(struct kq_wait_signals *signals);
void kq_signals_let_go(struct kq_wait_signals *signals);
/* Has no signal handler run on this thread until that is given back, but of a fault. They nest. */
struct kq_wait_signals kq_block_signals(void);
void kq_unblock_signals(struct kq_wait_signals signals);
/* The mask that a handler interrupted, as the program has it, of that in the handler's context. */
struct kq_signal_numbers kq_interrupted_mask(struct kq_signal_numbers found);
/* What the calling thread blocks, other than for the time of a call; whether a signal is among that. */
struct kq_signal_numbers kq_blocked_here(void);
bool kq_is_blocked_here(int number);

/*
 * Signals (contract 6.8): occurrences are counted for the process, whatever the
 * program does with the signal; signals.c.
 */
bool kq_signal_exists(int number);
/* Not SIGKILL and SIGSTOP. */
bool kq_signal_can_be_seen(int number);
/* The descriptor that is written to at each occurrence, or -1 where a new one must be made. */
int kq_signal_notifier(int number);
/* A descriptor is gone: it notifies of nothing any more. Async-signal-safe. */
void kq_signals_lose(int descriptor);
/*
 * Counts for one knote more, writing to this descriptor unless there is one: the
 * one in use, or a negative errno; -EAGAIN where there is neither.
 */
int kq_signal_watch(int number, int notifier);
/* Notes which pipe a descriptor of the library's is an end of. */
void kq_own_pipe(int descriptor);
/* In place of a descriptor: those who listen are told. */
enum { KQ_LISTENERS = INT_MAX - 1 };
/*
 * A place for a descriptor, a pipe's writing end or a set with a signalfd, among those who listen, or -ENOMEM; which signals
 * it listens to; and the end of that, after which the descriptor can be closed.
 */
int kq_listen(int descriptor);
void kq_listen_to(int place, int number, bool listens);
void kq_listen_no_more(int place);
/*
 * Notes what was sent before the first knote, so that it is not counted; kq_signal_watch() does so by itself but for
 * KQ_LISTENERS, who may not be after the signal as such.
 */
void kq_signal_withhold(int number);
/* For one fewer: the descriptor to close, or -1. The last one gone, all is as it was. */
int kq_signal_unwatch(int number);
/* Occurrences ever; it wraps. */
unsigned kq_signal_count(int number);
/*
 * Returns when the notification of the occurrences up to a count is written, which a handler does after it counts:
 * who takes the count and drops the notification before that is told of nothing later.
 */
void kq_signal_await(int number, unsigned count);
/*
 * Counts what is pending for the calling thread, watched and not counted yet; it stays pending.  All who watch it are
 * told, but not the caller of what is in `own`.  False: to be looked at again, since another thread may take it, or has
 * not taken it.  `seen` is what kq_signal_looks() said before the caller was told of a signal; NULL where no signalfd does.
 */
bool kq_signals_collect(struct kq_signal_numbers own, unsigned *seen);
unsigned kq_signal_looks(void);
/*
 * Where the program's sigaction() is not ours: takes a handler that it has put in
 * place of ours for the program's action, and stands in front of that.  Whatever
 * it replaced stays what it was, since the program may call it from its own.
 */
void kq_signal_look(int number);
/* In a forked child: all is as it was before anything was watched. Async-signal-safe. */
void kq_signals_forget_in_child(void);
/* Whether all threads block a signal, and none waits for it: 1, 0, or -1 where the system does not tell. */
int kq_is_blocked_everywhere(int number);

/* sigaction(2) and its relatives, as the program calls them. Handlers are functions. */
int kq_sigaction(int number, const void *action, void *old);
void *kq_signal(int number, void *handler);
void *kq_sysv_signal(int number, void *handler);
void *kq_sigset(int number, void *handler);
int kq_sigignore(int number);
int kq_siginterrupt(int number, int interrupts);
/* sigpending(2): it does not see that what is pending is taken and sent again. `set` is a sigset_t. */
int kq_sigpending(void *set);

#endif /* KQUEUE_SHIMS_SIGNALS_H */
