/*
 * Linux: the descriptors that wait and wake: epoll, eventfd, timerfd, inotify.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifdef __linux__
#define _GNU_SOURCE
#include "include/kqueue_shims_linux.h"
#include "kernel_calls.h"

#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <unistd.h>

_Static_assert(sizeof(struct kq_epoll_event) == sizeof(struct epoll_event), "epoll_event");
_Static_assert(offsetof(struct kq_epoll_event, token) == offsetof(struct epoll_event, data), "epoll_event.data");

static int result(long value) {
    return value < 0 ? -errno : (int)value;
}

int kq_epoll_create(void) {
    return kq_adopt(epoll_create1(EPOLL_CLOEXEC));
}

int kq_eventfd(void) {
    return kq_adopt(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
}

int kq_timerfd(clockid_t clock) {
    return kq_adopt(timerfd_create(clock, TFD_CLOEXEC | TFD_NONBLOCK));
}

int kq_inotify(void) {
    return kq_unless_denied(kq_adopt(inotify_init1(IN_CLOEXEC | IN_NONBLOCK)));
}

int kq_epoll_control(int set, int operation, int descriptor, uint32_t events, uint64_t token) {
    struct epoll_event event = {.events = events, .data.u64 = token};
    return result(epoll_ctl(set, operation, descriptor, &event));
}

int kq_epoll_poll(int set, struct kq_epoll_event *events, int count) {
    return result(syscall(SYS_epoll_pwait, set, events, count, 0, NULL, 0));
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

/* The thread's own table of descriptors, where it is told: the process's is gone with its first thread. */
static int watch(int inotify, int descriptor, const char *suffix, uint32_t mask) {
    static const char *const tables[] = {"/proc/thread-self/fd", "/proc/self/fd"};
    char path[64];
    int got = -ENOENT;
    for (size_t t = 0; t < 2 && (got == -ENOENT || got == -ENOTDIR); t++) {
        snprintf(path, sizeof path, "%s/%d%s", tables[t], descriptor, suffix);
        got = result(inotify_add_watch(inotify, path, mask));
    }
    return got;
}

/* A file that may not be read is EACCES as well, but a descriptor that is none is EBADF, unless a filter answers for it. */
static bool is_own_refusal(int result) {
    return result == -EACCES && !(inotify_add_watch(-1, "", IN_ATTRIB) == -1 && errno == EACCES);
}

int kq_inotify_watch(int inotify, int descriptor, uint32_t mask) {
    int got = watch(inotify, descriptor, "", mask);
    if (got == -ENOENT || got == -ENOTDIR)
        return -ENOTSUP;
    return is_own_refusal(got) ? got : kq_unless_denied(got);
}

int kq_inotify_watch_new(int inotify, int descriptor) {
    enum { MUST_BE_NEW = 0x10000000 }; /* IN_MASK_CREATE, of Linux 4.18 */
    return watch(inotify, descriptor, "", IN_ATTRIB | MUST_BE_NEW);
}

int kq_inotify_watch_parent(int inotify, int descriptor, uint32_t mask) {
    return watch(inotify, descriptor, "/..", mask | IN_ONLYDIR);
}

void kq_inotify_remove(int inotify, int watch) {
    (void)inotify_rm_watch(inotify, watch);
}

int kq_inotify_read(int inotify, void *buffer, size_t size) {
    int got = result(syscall(SYS_read, inotify, buffer, size));
    return got == -EAGAIN ? 0 : got;
}

/* A handler that runs ends it as it does a wait, though there is no waiting. */
int kq_poll(int descriptor, int events) {
    struct pollfd entry = {.fd = descriptor, .events = (short)events};
    long got;
    do {
        struct timespec now = {0, 0};
        got = syscall(SYS_ppoll, &entry, 1, &now, NULL, 0);
    } while (got < 0 && errno == EINTR);
    if (got < 0)
        return -errno;
    return entry.revents & POLLNVAL ? -EBADF : (unsigned short)entry.revents;
}
#endif
