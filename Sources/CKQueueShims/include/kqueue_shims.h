/*
 * What Swift cannot import from libc, for every platform: macros, variadic
 * functions, errno, locks that live in memory of ours.
 *
 * A function that can fail returns a negative errno and leaves errno for the
 * C ABI to set.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef KQUEUE_SHIMS_H
#define KQUEUE_SHIMS_H

#include <errno.h>
#include <limits.h>
#include <poll.h> /* here, since the platforms share it and a header belongs to the module that has it first */
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

/* Zeroed memory of our own that a fork leaves empty in the child where the system can; NULL: none. */
void *kq_map(size_t bytes);
void kq_unmap(void *memory, size_t bytes);
/* The same as kq_map for what is large and mostly unused: a page of it that is used stays a small one. */
void *kq_map_sparse(size_t bytes);

/* Zeroed memory that a forked child inherits. */
void *kq_map_inherited(size_t bytes);

/* The descriptors that are ours: noted, where there is memory for that, forgotten, asked for. */
bool kq_own(int descriptor);
void kq_disown(int descriptor);
bool kq_owns(int descriptor);
/* A new descriptor, noted, or a negative errno: what a system call failed with, or -ENOMEM with the descriptor closed. */
int kq_adopt(int descriptor);
/* Moves a descriptor of ours out of the low numbers, which are the program's; passes a negative errno on. */
int kq_move_high(int descriptor);
bool kq_is_inside(int descriptor);
/* Whether such a one was not closed behind our back, as far as that can be told. */
bool kq_is_still_own(int descriptor);
/* Closes it if so; otherwise the number is somebody else's. */
void kq_close_own(int descriptor);
/* Likewise one of any kind, which was opened in the same call. */
void kq_close_temporary(int descriptor);
void kq_lose(int descriptor);
void kq_lose_range(int first, int last);
unsigned kq_lost(void);
/* Begins the list for this process. */
void kq_own_start(void);
/* In the parent before a fork, where other forks wait until it is over, and after it; in the child: closes them all. */
void kq_own_prepare_fork(void);
void kq_own_resume_parent(void);
void kq_own_close_in_child(void);

/* Has functions run around each fork(2) from now on. A fork that is under way may run the child's alone. */
int kq_at_fork(void (*prepare)(void), void (*parent)(void), void (*child)(void));

/* Gives a descriptor another number, which need not be free; a negative errno. */
int kq_renumber(int descriptor, int number);
/* A duplicate of a descriptor that is the library's, out of the way of the program's numbers; a negative errno. */
int kq_duplicate_inside(int descriptor);

/*
 * A lock whose unlocked state is all zeroes, so that fresh memory holds a usable one.
 *
 * One word says whether it is taken and by which thread, without a moment between the two: a handler may siglongjmp()
 * out of a call that holds it, and the thread comes back.
 */
struct kq_lock {
    uintptr_t owner;   /* the thread that holds it, or 0 */
    uintptr_t frame;   /* the stack frame of the call that took it, or 0 */
    uintptr_t link;    /* what kq_frame_link() said of that */
    uint32_t sleepers; /* threads that may sleep for it */
    uint32_t turns;    /* changes when one of them is to look again */
};

/* The slow ways: sleeps until the lock is the caller's; wakes one who sleeps. */
void kq_lock_await(struct kq_lock *lock);
void kq_lock_wake(struct kq_lock *lock);
/* Whether a caller with this stack is a handler that interrupted the call which holds the lock, and will return to it. */
bool kq_lock_is_interrupted(const struct kq_lock *lock, uintptr_t frame);

static inline bool kq_lock_is_own(const struct kq_lock *lock) {
    return __atomic_load_n(&lock->owner, __ATOMIC_RELAXED) == (uintptr_t)pthread_self();
}

/* These stand in the frame that is in use as long as the lock is held, in builds that optimize nothing as well. */
#define KQ_LOCK_INLINE static inline __attribute__((always_inline))

/*
 * Where a function goes back to, as its frame says: that stays while the frame is in use, and is something else
 * once other calls use that part of the stack.  Where it stands is not known on every processor.
 */
KQ_LOCK_INLINE uintptr_t kq_frame_link(uintptr_t frame) {
#if defined(__x86_64__) || defined(__i386__) || defined(__aarch64__)
    return ((const volatile uintptr_t *)frame)[1];
#elif defined(__riscv)
    return ((const volatile uintptr_t *)frame)[-1];
#else
    (void)frame;
    return 0;
#endif
}

KQ_LOCK_INLINE void kq_lock_note_frame(struct kq_lock *lock) {
    uintptr_t frame = (uintptr_t)__builtin_frame_address(0);
    lock->link = kq_frame_link(frame);
    __atomic_store_n(&lock->frame, frame, __ATOMIC_RELEASE);
}

KQ_LOCK_INLINE bool kq_lock_try(struct kq_lock *lock) {
    uintptr_t none = 0;
    if (!__atomic_compare_exchange_n(&lock->owner, &none, (uintptr_t)pthread_self(), false, __ATOMIC_SEQ_CST,
                                     __ATOMIC_RELAXED))
        return false;
    kq_lock_note_frame(lock);
    return true;
}

/* The lock is the caller's, as it was an earlier call's. */
KQ_LOCK_INLINE bool kq_lock_take_over(struct kq_lock *lock) {
    kq_lock_note_frame(lock);
    return true;
}

/* Returns whether an earlier call of this thread took it and never came back: what it was doing is half done. */
KQ_LOCK_INLINE bool kq_lock_take(struct kq_lock *lock) {
    if (kq_lock_try(lock))
        return false;
    if (kq_lock_is_own(lock) && !kq_lock_is_interrupted(lock, (uintptr_t)__builtin_frame_address(0)))
        return kq_lock_take_over(lock);
    kq_lock_await(lock);
    return false;
}

static inline void kq_lock_drop(struct kq_lock *lock) {
    lock->frame = 0; /* which the next holder must not take for its own, should it be interrupted at once */
    (void)__atomic_exchange_n(&lock->owner, 0, __ATOMIC_SEQ_CST);
    if (__atomic_load_n(&lock->sleepers, __ATOMIC_SEQ_CST) != 0)
        kq_lock_wake(lock);
}

/*
 * Whether some call was jumped out of in this process. From then on calls hold signals back while they change
 * anything, so that it happens while they wait, where nothing is half done.
 */
bool kq_jumps(void);
void kq_note_jump(void);
/*
 * Keeps a copy of what a thread has that is about to wait, `size` bytes, until the wait ends.  Should a signal handler
 * jump out of it, the thread's next call gives that back by `abandon`, at its beginning.
 */
int kq_wait_begins(void (*abandon)(void *), const void *context, size_t size);
void kq_wait_ends(int place);
void kq_abandon_left_waits(void);
/* In a child, and in a thread that was cancelled: there are no waits. */
void kq_forget_waits(void);

/* What stands before it is stored before what stands behind it, as a handler on this thread sees them. */
static inline void kq_order_stores(void) {
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
}

static inline int kq_errno(void) {
    return errno;
}

static inline void kq_set_errno(int code) {
    errno = code;
}

/* struct timespec of programs that chose a time_t of 32 bits, and of 64, on systems of 32 bits. */
struct kq_timespec32 {
    int32_t seconds, nanoseconds;
};
struct kq_timespec64 {
    int64_t seconds;
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    int32_t gap, nanoseconds;
#else
    int32_t nanoseconds, gap;
#endif
};
static inline struct timespec kq_from_timespec32(const struct kq_timespec32 *time) {
    return (struct timespec){.tv_sec = time->seconds, .tv_nsec = time->nanoseconds};
}
/* What this time_t cannot say is without limit either way. */
static inline struct timespec kq_from_timespec64(const struct kq_timespec64 *time) {
    int64_t seconds = time->seconds > INT32_MAX && sizeof(time_t) == 4 ? INT32_MAX : time->seconds;
    return (struct timespec){.tv_sec = (time_t)(seconds < 0 ? -1 : seconds), .tv_nsec = time->nanoseconds};
}

/* Nanoseconds of a clock. */
static inline uint64_t kq_clock(clockid_t clock) {
    struct timespec now;
    clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* What time(2) says. */
static inline uint64_t kq_seconds(void) {
    return (uint64_t)time(NULL);
}

/* The process's number, asked of the kernel: a child of vfork must not see its parent's. Keeps errno. */
int kq_process(void);
/* Marks this process, so that kq_is_process() tells it from one of the same number in another namespace. */
void kq_process_mark(void);
/* Whether the caller runs in a process: not in one that has its memory, or a copy of it. Async-signal-safe. */
bool kq_is_process(int process);
/* Whether the calling thread, of this process, has the process's table of descriptors. Async-signal-safe. */
bool kq_shares_descriptors(int process);
/* unshare(2), after which a thread may have a table of its own. */
int kq_unshare(int flags);
/* Whether close_range(2) with these flags leaves the process's table alone, and such a call. */
bool kq_close_range_separates(int flags);
int kq_close_range_apart(unsigned first, unsigned last, int flags);

/* Whether a descriptor number is open. */
bool kq_is_open(int descriptor);
/* Whether a character device is a terminal; also one that was hung up, of which isatty(3) is not sure to say so. */
bool kq_is_terminal(int descriptor);
/* A socket's option of SOL_SOCKET, or otherwise what is given. */
int kq_socket_option(int descriptor, int name, int otherwise);

/* Whether a number is below the limit for descriptors, so that dup2(2) can make it. */
bool kq_is_allowed(int descriptor);

/* Ends a thread that was cancelled before. */
void kq_end_if_cancelled(void);
/* Sleeps for a moment. Neither a cancellation point nor ended by a signal of the caller's. Async-signal-safe. */
void kq_pause(void);
/*
 * Sleeps for so many ns: 0, or -EINTR where a handler ran. A cancellation point; where the thread is
 * cancelled here, `cancelled` runs with the context.
 */
int kq_nap(int64_t nanoseconds, void (*cancelled)(void *), void *context);

/* Stops the process: an invariant of the library is broken. */
_Noreturn void kq_bug(const char *what);

/* Closes a descriptor of ours. */
void kq_close_descriptor(int descriptor);

/*
 * The definitions that ours stand in front of, in the order of linking: another
 * library's or libc's, or the system call where there is none.
 */
int kq_next_close(int descriptor);
int kq_next_dup2(int old, int new_number);
int kq_next_dup3(int old, int new_number, int flags);
int kq_next_close_range(unsigned first, unsigned last, int flags);
void kq_next_closefrom(int first);
/* closefrom(3) where no system call does it. Async-signal-safe; keeps errno. */
void kq_close_each_from(int first);
int kq_next_fclose(void *stream);
int kq_next_pclose(void *stream);
void *kq_next_freopen(const char *path, const char *mode, void *stream);
void *kq_next_freopen64(const char *path, const char *mode, void *stream);
int kq_next_closedir(void *directory);

/*
 * Whether the program's close is ours: not where the library was loaded with
 * dlopen, built without, or linked behind libc.
 */
bool kq_is_interposed(void);

/* Whether the program's sigaction() and signal() are ours; as kq_is_interposed. */
bool kq_signals_are_seen(void);

/*
 * What a call of kevent() knows of the signals that come to its thread: all zeroes at
 * its begin, to be let go at its end where they are held.
 */
enum { KQ_MASK_WORDS = 2 };
struct kq_wait_signals {
    uint64_t before[KQ_MASK_WORDS], outer[KQ_MASK_WORDS]; /* masks: of the thread, and of a call that this one interrupted */
    bool are_held, were_held;
    bool interrupted; /* a handler of the program's ran, though the wait brought something */
};
/* From here to kq_signals_let_go() signals come in only during waits.  Does nothing where they are held. */
void kq_signals_hold(struct kq_wait_signals *signals);
void kq_signals_let_go(struct kq_wait_signals *signals);
/* Has no signal handler run on this thread until that is given back, but of a fault. They nest. */
struct kq_wait_signals kq_block_signals(void);
void kq_unblock_signals(struct kq_wait_signals signals);
/* Whether the calling thread blocks a signal, other than for the time of a call. */
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
/* Bit n is signal n. */
struct kq_signal_numbers {
    uint64_t low, high;
};
/*
 * Counts what is pending for the calling thread, watched and not counted yet; it stays pending.  All who watch it are
 * told, but not the caller of what is in `own`.  False: to be looked at again, since somebody else may take it, or has
 * not taken it.  `seen` is what kq_signal_looks() said before the caller was told of a signal; NULL where nobody tells it.
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

/* ---- Children, asked for without reaping them; children.c ---- */

/* SIGCHLD. */
int kq_child_signal(void);
/* What became of a process, as far as its parent can know. */
enum kq_child {
    KQ_CHILD_RUNS,
    KQ_CHILD_ENDED,   /* with a status as wait(2) gives it */
    KQ_CHILD_UNKNOWN, /* no child, or waited for before anybody looked */
};
/* A place for what is known of a child, and what that is now; -ECHILD where it is none, -ENOMEM. */
int kq_child_watch(int process, enum kq_child *state);
void kq_child_unwatch(int place);
/* What is known; nobody is asked. */
enum kq_child kq_child_state(int place, int *status);
/*
 * Asks for those that may have ended, without reaping: 0, or the time of CLOCK_MONOTONIC to ask for the rest, which is put
 * off where that is allowed and they are many.
 */
uint64_t kq_children_look(bool may_put_off);
/* How many ends were ever found; it wraps. */
unsigned kq_children_ends(void);

/* sigaction(2) and its relatives, as the program calls them. Handlers are functions. */
int kq_sigaction(int number, const void *action, void *old);
void *kq_signal(int number, void *handler);
void *kq_sysv_signal(int number, void *handler);
void *kq_sigset(int number, void *handler);
int kq_sigignore(int number);
int kq_siginterrupt(int number, int interrupts);
/* sigpending(2): it does not see that what is pending is taken and sent again. `set` is a sigset_t. */
int kq_sigpending(void *set);

/* The descriptor behind a stream or a directory, or -1. */
int kq_stream_descriptor(void *stream);
int kq_directory_descriptor(void *directory);

int kq_close_on_exec(void); /* O_CLOEXEC */
/* Whether these flags of close_range(2) leave anything to close now. */
bool kq_close_range_closes(int flags);

/* O_CLOEXEC and O_NONBLOCK, the flags of kqueue1(). */
int kq_open_flags(void);

/* Whether an environment variable is set, and not to 0: switches for tests, asked for where nothing is hot. */
bool kq_environment_says(const char *name);

/* The library's version, for EVFILT_LIBKQUEUE. */
int kq_version_number(void);
const char *kq_version_text(void);

/* What EVFILT_LIBKQUEUE switches. The first two are on by default and cannot do harm either way. */
enum kq_setting { KQ_SETTING_THREAD_SAFE, KQ_SETTING_FORK_CLEANUP, KQ_SETTING_DEBUG };
/* Sets one and returns what it was. */
bool kq_exchange_setting(enum kq_setting setting, bool value);

/* Tracing: KQUEUE_DEBUG=1 in the environment, or EVFILT_LIBKQUEUE. */
bool kq_tracing(void);
void kq_trace_start(void);
void kq_trace_prefix(const char *prefix);
void kq_trace_function(void *function);
void kq_trace_call(int kq, int changes, int room, int result);
void kq_trace_change(int kq, uintptr_t ident, int filter, unsigned flags, unsigned fflags,
                     intptr_t data, int error);

#endif /* KQUEUE_SHIMS_H */
