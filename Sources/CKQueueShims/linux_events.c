/*
 * Linux: the descriptors that wait and wake: epoll, eventfd, timerfd, inotify.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifdef __linux__
#define _GNU_SOURCE
#include "include/kqueue_shims_linux.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <unistd.h>

_Static_assert(sizeof(struct kq_epoll_event) == sizeof(struct epoll_event), "epoll_event");

static int result(long value) {
    return value < 0 ? -errno : (int)value;
}

/* A new descriptor of ours, to be closed in a forked child. */
static int own(int descriptor) {
    if (descriptor < 0)
        return -errno;
    kq_own(descriptor);
    return descriptor;
}

int kq_epoll_create(void) {
    return own(epoll_create1(EPOLL_CLOEXEC));
}

int kq_eventfd(void) {
    return own(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
}

int kq_timerfd(clockid_t clock) {
    return own(timerfd_create(clock, TFD_CLOEXEC | TFD_NONBLOCK));
}

int kq_inotify(void) {
    return own(inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
}

/* High enough for programs that use low numbers, low enough for a small table in the kernel. */
enum { HIGHEST_BASE = 1024 };

static int duplicate_high(int descriptor) {
    struct rlimit limit;
    int high = fcntl(descriptor, F_DUPFD_CLOEXEC, HIGHEST_BASE);
    /* A low limit, or nearly no room above. */
    if (high < 0 && getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur / 2 < HIGHEST_BASE &&
        descriptor < (int)(limit.rlim_cur / 2))
        high = fcntl(descriptor, F_DUPFD_CLOEXEC, (int)(limit.rlim_cur / 2));
    return high;
}

int kq_move_high(int descriptor) {
    if (descriptor < 0)
        return descriptor;
    int high = descriptor < HIGHEST_BASE ? duplicate_high(descriptor) : descriptor;
    kq_own_inside(high < 0 ? descriptor : high);
    if (high == descriptor)
        return descriptor;
    if (high < 0)
        return descriptor; /* the upper half is full: a low number serves as well */
    kq_close_descriptor(descriptor);
    return high;
}

int kq_epoll_control(int set, int operation, int descriptor, uint32_t events, uint64_t token) {
    struct epoll_event event = {.events = events, .data.u64 = token};
    return result(epoll_ctl(set, operation, descriptor, &event));
}

int kq_epoll_poll(int set, struct kq_epoll_event *events, int count) {
    return result(syscall(SYS_epoll_pwait, set, events, count, 0, NULL, 0));
}

#ifdef __GLIBC__
#if __GLIBC_PREREQ(2, 35)
#define HAVE_EPOLL_PWAIT2
#endif
#endif

#ifdef HAVE_EPOLL_PWAIT2
static int wait_nanoseconds(int set, struct epoll_event *events, int count, int64_t nanoseconds) {
    struct timespec timeout = {.tv_sec = (time_t)(nanoseconds / 1000000000),
                               .tv_nsec = (long)(nanoseconds % 1000000000)};
    return epoll_pwait2(set, events, count, &timeout, NULL);
}
#else
static int wait_nanoseconds(int set, struct epoll_event *events, int count, int64_t nanoseconds) {
    (void)set, (void)events, (void)count, (void)nanoseconds;
    errno = ENOSYS;
    return -1;
}
#endif

static int wait_rounded_up(int set, struct epoll_event *events, int count, int64_t nanoseconds) {
    int64_t milliseconds = nanoseconds < 0 ? -1 : nanoseconds / 1000000 + (nanoseconds % 1000000 != 0);
    return epoll_wait(set, events, count, milliseconds > INT_MAX ? INT_MAX : (int)milliseconds);
}

static int wait_exactly(int set, struct epoll_event *events, int count, int64_t nanoseconds) {
    if (nanoseconds > 0 && nanoseconds % 1000000 != 0) {
        int got = wait_nanoseconds(set, events, count, nanoseconds);
        if (got >= 0 || errno != ENOSYS)
            return result(got);
    }
    return result(wait_rounded_up(set, events, count, nanoseconds));
}

int kq_epoll_wait(int set, struct kq_epoll_event *events, int count, int64_t nanoseconds,
                  void (*cancelled)(void *), void *context) {
    volatile int got;
    pthread_cleanup_push(cancelled, context);
    got = wait_exactly(set, (struct epoll_event *)events, count, nanoseconds);
    pthread_cleanup_pop(0);
    return got;
}

int kq_eventfd_signal(int descriptor) {
    uint64_t one = 1;
    return result(syscall(SYS_write, descriptor, &one, sizeof one));
}

int kq_eventfd_clear(int descriptor) {
    uint64_t count;
    return result(syscall(SYS_read, descriptor, &count, sizeof count));
}

int kq_timerfd_arm(int descriptor, uint64_t deadline) {
    struct itimerspec setting = {
        .it_value = {.tv_sec = (time_t)(deadline / 1000000000u), .tv_nsec = (long)(deadline % 1000000000u)}};
    return result(timerfd_settime(descriptor, TFD_TIMER_ABSTIME, &setting, NULL));
}

int kq_inotify_watch(int inotify, int descriptor, uint32_t mask) {
    char path[sizeof "/proc/self/fd/" + 3 * sizeof descriptor];
    snprintf(path, sizeof path, "/proc/self/fd/%d", descriptor);
    return result(inotify_add_watch(inotify, path, mask));
}

void kq_inotify_remove(int inotify, int watch) {
    (void)inotify_rm_watch(inotify, watch);
}

int kq_inotify_read(int inotify, void *buffer, size_t size) {
    int got = result(syscall(SYS_read, inotify, buffer, size));
    return got == -EAGAIN ? 0 : got;
}

int kq_poll(int descriptor, int events) {
    struct pollfd entry = {.fd = descriptor, .events = (short)events};
    struct timespec now = {0, 0};
    long got = syscall(SYS_ppoll, &entry, 1, &now, NULL, 0);
    if (got < 0)
        return -errno;
    return entry.revents & POLLNVAL ? -EBADF : (unsigned short)entry.revents;
}
#endif
