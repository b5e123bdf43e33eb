/*
 * The system calls of Linux as Swift can call them.  Those made while a lock
 * is held go through syscall(2), because libc's wrappers of some of them are
 * cancellation points and a cancelled thread must leave no lock behind.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef KQUEUE_SHIMS_LINUX_H
#define KQUEUE_SHIMS_LINUX_H

#include "kqueue_shims.h"
#include "kqueue_shims_linux_calls.h"

#include <fcntl.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/types.h>

#ifdef __GLIBC__
#include <sys/epoll.h>
#else /* musl has macros of two types, and an empty enumeration; glibc constants of one, which Swift goes by */
#define EPOLL_EVENTS kq_no_epoll_events
#include <sys/epoll.h>
#undef EPOLL_EVENTS
#undef EPOLLIN
#undef EPOLLPRI
#undef EPOLLOUT
#undef EPOLLERR
#undef EPOLLHUP
#undef EPOLLRDHUP
#undef EPOLLONESHOT
#undef EPOLLET
enum EPOLL_EVENTS {
    EPOLLIN = 0x1,
    EPOLLPRI = 0x2,
    EPOLLOUT = 0x4,
    EPOLLERR = 0x8,
    EPOLLHUP = 0x10,
    EPOLLRDHUP = 0x2000,
    EPOLLONESHOT = 1 << 30,
    EPOLLET = 1u << 31,
};
#endif

/* An event as the kernel writes it; the layout is epoll_event's. */
struct kq_epoll_event {
    uint32_t events;
#if !defined(__x86_64__) && !defined(__i386__)
    uint32_t padding; /* where 64 bits are aligned to themselves */
#endif
    uint32_t token[2]; /* data.u64, which is not aligned everywhere */
};

enum { KQ_FOREVER = -1 };

/*
 * epoll_ctl(2), whose record Swift does not import where it is packed.  Not libc's: a
 * program that has an epoll of its own, made of kqueue, may define that name.
 */
static inline int kq_epoll_control(int set, int operation, int descriptor, uint32_t events, uint64_t token) {
    struct epoll_event event = {.events = events, .data.u64 = token};
    return (int)kq_system_call(SYS_epoll_ctl, set, operation, descriptor, (long)&event, 0, 0);
}

/* timerfd_settime(2), to a time of the clock.  Of two calls with 32 bits libc knows which the kernel has. */
static inline int kq_timer_control(int timer, const struct itimerspec *setting) {
#if UINTPTR_MAX > UINT32_MAX
    return (int)kq_system_call(SYS_timerfd_settime, timer, TFD_TIMER_ABSTIME, (long)setting, 0, 0, 0);
#else
    return (int)kq_result(timerfd_settime(timer, TFD_TIMER_ABSTIME, setting, NULL));
#endif
}

/* Events that are there now; no cancellation point. */
static inline int kq_epoll_poll(int set, struct kq_epoll_event *events, int count) {
    return (int)kq_system_call(SYS_epoll_pwait, set, (long)events, count, 0, 0, 0);
}
/*
 * Waits nanoseconds, rounded up to what the kernel can, or KQ_FOREVER: how many
 * events, 0 also where it ended early and no handler of the program's ran, or a
 * negative errno.  A cancellation point; `cancelled` runs where the thread is
 * cancelled there.
 */
int kq_epoll_wait(int set, struct kq_epoll_event *events, int count, int64_t nanoseconds,
                  struct kq_wait_signals *signals, void (*cancelled)(void *), void *context);

/* Whether valgrind runs the program. */
bool kq_runs_on_valgrind(void);
/* The core's: whether some handler asks for a stack of its own. */
bool kq_has_handlers_elsewhere(void);
/* The core's: counts the calls that valgrind may not know as missing. */
void kq_leave_out_new_calls(void);
/* The core's: whether epoll_pwait2(2) is known to be missing, and whether an errno of it says so. */
bool kq_epoll_pwait2_is_missing(void);
bool kq_epoll_pwait2_was_missing(int error);

/* FIONREAD; a negative errno where the descriptor has no such count. */
static inline long kq_readable_bytes(int descriptor) {
    int count = 0;
    return ioctl(descriptor, FIONREAD, &count) == 0 ? count : -(long)errno;
}

#include "kqueue_shims_linux_processes.h"

#endif /* KQUEUE_SHIMS_LINUX_H */
