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
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

/* Zeroed memory of our own that a fork leaves empty in the child where the system can; NULL: none. */
void *kq_map(size_t bytes);
void kq_unmap(void *memory, size_t bytes);

/* A lock whose unlocked state is all zeroes, so that fresh memory holds a usable one. */
struct kq_lock {
    pthread_mutex_t mutex;
};

static inline void kq_lock_take(struct kq_lock *lock) {
    pthread_mutex_lock(&lock->mutex);
}

static inline bool kq_lock_try(struct kq_lock *lock) {
    return pthread_mutex_trylock(&lock->mutex) == 0;
}

static inline void kq_lock_drop(struct kq_lock *lock) {
    pthread_mutex_unlock(&lock->mutex);
}

static inline int kq_errno(void) {
    return errno;
}

static inline void kq_set_errno(int code) {
    errno = code;
}

/* Nanoseconds of a clock. */
static inline uint64_t kq_clock(clockid_t clock) {
    struct timespec now;
    clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* Whether a descriptor number is open. */
bool kq_is_open(int descriptor);

/* Stops the process: an invariant of the library is broken. */
_Noreturn void kq_bug(const char *what);

void kq_close_descriptor(int descriptor);

/* The close(2) that ours stands in front of: libc's, or another library's. */
int kq_next_close(int descriptor);

/* O_CLOEXEC and O_NONBLOCK, the flags of kqueue1(). */
int kq_open_flags(void);

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
