/*
 * What Swift cannot import from libc, for every platform: macros, variadic
 * functions, errno, locks that live in memory of ours.
 *
 * A function that says why it failed returns a negative errno.  libc's errno
 * may be changed by it, so what must keep it saves it.
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

#include "kqueue_shims_calls.h"
#include "kqueue_shims_lock.h"
#include "kqueue_shims_memory.h"

/* Zeroed memory of our own that a fork leaves empty in the child where the system can; NULL: none. */
void *kq_map(size_t bytes);
void kq_unmap(void *memory, size_t bytes);

/* Zeroed memory that a forked child inherits. */
void *kq_map_inherited(size_t bytes);

/* The core's, for C, of the descriptors that are ours: OwnDescriptors. */
void kq_disown(int descriptor);
int kq_duplicate_inside(int descriptor);
void kq_close_temporary(int descriptor);
void kq_close_own_in_child(int parent);

/* Has functions run around each fork(2) from now on. A fork that is under way may run the child's alone. */
int kq_at_fork(void (*prepare)(void), void (*parent)(void), void (*child)(void));


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

/*
 * Orders what this thread does in memory with what its system calls do: what it stored before is seen by whoever finds
 * that the next one came first, and what it loads after is not older than what the last one did.  A system looks
 * numbers up without a lock, so it need not do that itself.  On x86 a locked instruction has done it by then: in the
 * exchange that was the store, and in the system as it lets go of a file.
 */
static inline void kq_order_with_system(void) {
#if defined(__x86_64__) || defined(__i386__)
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
#else
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
#endif
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
/* Whether libc knows that there is one thread: 1 or 0, and -1 where it does not tell. */
int kq_is_single_threaded(void);

/* Whether a descriptor number is open. */
bool kq_is_open(int descriptor);

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
 * Whether the program's close is ours: not where the library was loaded with
 * dlopen, built without, or linked behind libc.
 */
bool kq_is_interposed(void);

/* ---- Children, asked for without reaping them: ChildTable ---- */

/* What became of a process, as far as its parent can know. */
enum kq_child {
    KQ_CHILD_RUNS,
    KQ_CHILD_ENDED,   /* with a status as wait(2) gives it */
    KQ_CHILD_UNKNOWN, /* no child, or waited for before anybody looked */
};

/* The descriptor behind a stream or a directory, or -1. */
int kq_stream_descriptor(void *stream);
int kq_directory_descriptor(void *directory);

/* An environment variable, or NULL. */
const char *kq_environment(const char *name);
/* Whether one is set, and not to 0: switches for tests, asked for where nothing is hot. */
bool kq_environment_says(const char *name);

/* The library's version, for EVFILT_LIBKQUEUE. */
const char *kq_version_text(void);

/* What EVFILT_LIBKQUEUE switches. The first two are on by default and cannot do harm either way. */
enum kq_setting { KQ_SETTING_THREAD_SAFE, KQ_SETTING_FORK_CLEANUP, KQ_SETTING_DEBUG, KQ_SETTINGS };
/* Not of one byte: some machines exchange no single bytes without a library. */
KQ_SHARED int kq_settings[KQ_SETTINGS];
/* Sets one and returns what it was. */
static inline bool kq_exchange_setting(enum kq_setting setting, bool value) {
    return __atomic_exchange_n(&kq_settings[setting], value, __ATOMIC_SEQ_CST);
}

/* Tracing: KQUEUE_DEBUG=1 in the environment, or EVFILT_LIBKQUEUE. */
static inline bool kq_tracing(void) {
    return __atomic_load_n(&kq_settings[KQ_SETTING_DEBUG], __ATOMIC_RELAXED);
}
void kq_trace_prefix(const char *prefix);
void kq_trace_function(void *function);
void kq_trace_call(int kq, int changes, int room, int result);
void kq_trace_change(int kq, uintptr_t ident, int filter, unsigned flags, unsigned fflags,
                     intptr_t data, int error);

#include "kqueue_shims_next.h"
#include "kqueue_shims_signals.h"

#endif /* KQUEUE_SHIMS_H */
