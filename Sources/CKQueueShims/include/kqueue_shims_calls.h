/*
 * Calls of the system that every platform makes and Swift cannot call: variadic functions, and macros that it does not
 * import.  Part of kqueue_shims.h.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef KQUEUE_SHIMS_CALLS_H
#define KQUEUE_SHIMS_CALLS_H

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/syscall.h>
#endif

/* What a call of the C library gives, or a negative errno. */
static inline long kq_result(long value) {
    return value < 0 ? -(long)errno : value;
}

/* A system call of Linux, no cancellation point: what it gives, or a negative errno. Elsewhere there is none. */
long kq_system_call(long number, long first, long second, long third, long fourth, long fifth, long sixth);

/* Calls of libc's under a lock do not end a thread that is cancelled. */
static inline int kq_hold_cancellation(void) {
    int state;
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
    return state;
}
static inline void kq_release_cancellation(int state) {
    pthread_setcancelstate(state, &state);
}

/* write(2) and read(2), no cancellation points: what they give, or a negative errno. */
static inline long kq_write(int descriptor, const void *bytes, size_t count) {
#ifdef __linux__
    return kq_system_call(SYS_write, descriptor, (long)bytes, (long)count, 0, 0, 0);
#else
    int state = kq_hold_cancellation();
    long written = kq_result(write(descriptor, bytes, count));
    kq_release_cancellation(state);
    return written;
#endif
}
static inline long kq_read(int descriptor, void *bytes, size_t count) {
#ifdef __linux__
    return kq_system_call(SYS_read, descriptor, (long)bytes, (long)count, 0, 0, 0);
#else
    int state = kq_hold_cancellation();
    long got = kq_result(read(descriptor, bytes, count));
    kq_release_cancellation(state);
    return got;
#endif
}

/*
 * fcntl(2).  Not libc's on Linux: a program may stand in front of that, with a lock that
 * it holds as it calls kqueue().
 */
static inline int kq_control(int descriptor, int operation, long argument) {
#ifdef SYS_fcntl64
    return (int)kq_system_call(SYS_fcntl64, descriptor, operation, argument, 0, 0, 0);
#elif defined __linux__
    return (int)kq_system_call(SYS_fcntl, descriptor, operation, argument, 0, 0, 0);
#else
    return (int)kq_result(fcntl(descriptor, operation, argument));
#endif
}

/* How many descriptors a process may have; no end where that is not told. */
static inline uint64_t kq_descriptor_limit(void) {
    struct rlimit limit;
    return getrlimit(RLIMIT_NOFILE, &limit) == 0 ? (uint64_t)limit.rlim_cur : UINT64_MAX;
}

/* An advice of madvise(2); none where there is none of the kind. */
#ifdef MADV_NOHUGEPAGE
enum { KQ_MADV_NOHUGEPAGE = MADV_NOHUGEPAGE };
#else
enum { KQ_MADV_NOHUGEPAGE = -1 };
#endif

/* A close_range(2) after which the thread has a table of its own; and what unshare(2) calls that. */
#ifndef CLOSE_RANGE_UNSHARE
#define CLOSE_RANGE_UNSHARE 2U
#endif
enum { KQ_CLOSE_RANGE_UNSHARE = CLOSE_RANGE_UNSHARE, KQ_CLONE_FILES = 0x400 };

/* Numbers of calls; those that headers may be too old for are of the kernel's one list for all machines since 5.0. */
#ifdef __linux__
#ifndef SYS_kcmp
#define SYS_kcmp -1
#endif
#ifndef SYS_statx
#define SYS_statx -1
#endif
#ifndef SYS_pidfd_send_signal
#define SYS_pidfd_send_signal 424
#endif
#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif
#ifndef SYS_close_range
#define SYS_close_range 436
#endif
#ifndef SYS_epoll_pwait2
#define SYS_epoll_pwait2 441
#endif
enum {
    KQ_SYS_CLOSE_RANGE = SYS_close_range,
    KQ_SYS_DUP3 = SYS_dup3,
    KQ_SYS_EPOLL_PWAIT = SYS_epoll_pwait,
    KQ_SYS_EPOLL_PWAIT2 = SYS_epoll_pwait2,
    KQ_SYS_GETDENTS64 = SYS_getdents64,
    KQ_SYS_GETTID = SYS_gettid,
    KQ_SYS_KCMP = SYS_kcmp,
    KQ_SYS_OPENAT = SYS_openat,
    KQ_SYS_PIDFD_OPEN = SYS_pidfd_open,
    KQ_SYS_PIDFD_SEND_SIGNAL = SYS_pidfd_send_signal,
    KQ_SYS_READ = SYS_read,
    KQ_SYS_RT_SIGPENDING = SYS_rt_sigpending,
    KQ_SYS_RT_SIGQUEUEINFO = SYS_rt_sigqueueinfo,
    KQ_SYS_RT_SIGTIMEDWAIT = SYS_rt_sigtimedwait,
    KQ_SYS_RT_TGSIGQUEUEINFO = SYS_rt_tgsigqueueinfo,
    KQ_SYS_STATX = SYS_statx,
    KQ_SYS_TIMER_CREATE = SYS_timer_create,
    KQ_SYS_TIMER_GETTIME = SYS_timer_gettime,
    KQ_SYS_UNSHARE = SYS_unshare,
    KQ_SYS_WAITID = SYS_waitid,
    KQ_SYS_WRITE = SYS_write,
};
#else
enum {
    KQ_SYS_CLOSE_RANGE, KQ_SYS_DUP3, KQ_SYS_EPOLL_PWAIT, KQ_SYS_EPOLL_PWAIT2, KQ_SYS_GETDENTS64,
    KQ_SYS_GETTID, KQ_SYS_KCMP, KQ_SYS_OPENAT, KQ_SYS_PIDFD_OPEN, KQ_SYS_PIDFD_SEND_SIGNAL, KQ_SYS_READ,
    KQ_SYS_RT_SIGPENDING, KQ_SYS_RT_SIGQUEUEINFO, KQ_SYS_RT_SIGTIMEDWAIT, KQ_SYS_RT_TGSIGQUEUEINFO,
    KQ_SYS_STATX, KQ_SYS_TIMER_CREATE, KQ_SYS_TIMER_GETTIME,
    KQ_SYS_UNSHARE, KQ_SYS_WAITID, KQ_SYS_WRITE,
};
#endif

#endif /* KQUEUE_SHIMS_CALLS_H */
