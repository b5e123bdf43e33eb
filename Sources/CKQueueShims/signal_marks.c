/*
 * Taking a signal that is pending, and sending it again; the core's SignalMarks say what for.
 *
 * By system calls: libc's calls what was sent to a thread sent to the process, and its idea of which thread this is
 * may be a parent's.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#define _GNU_SOURCE
#include "include/kqueue_shims.h"
#include "listeners.h"
#include "next_signals.h"

#include <sys/syscall.h>
#include <unistd.h>

int kq_first_queued_signal(void) {
    return SIGRTMIN;
}

int kq_code_of_queue(void) {
    return SI_QUEUE;
}

#ifdef __linux__
#include <sys/epoll.h>

enum { SET_BYTES = (KQ_SIGNALS - 1) / 8 };

int kq_pending(void *set) {
    return (int)syscall(SYS_rt_sigpending, set, (size_t)SET_BYTES);
}

int kq_code_of_thread(void) {
    return SI_TKILL;
}

int kq_thread_number(void) {
    return (int)syscall(SYS_gettid);
}

bool kq_take_signal(int number, siginfo_t *info) {
    static const struct timespec now = {0, 0};
    sigset_t only;
    sigemptyset(&only);
    sigaddset(&only, number);
    return syscall(SYS_rt_sigtimedwait, &only, info, &now, (size_t)SET_BYTES) == number;
}

bool kq_send_to_thread(int process, int thread, int number, siginfo_t *info) {
    return syscall(SYS_rt_tgsigqueueinfo, process, thread, number, info) == 0;
}

void kq_send_to_all(int process, int number, siginfo_t *info) {
    (void)syscall(SYS_rt_sigqueueinfo, process, number, info);
}

/*
 * A listener of the Linux platform is an epoll set with nothing but a signalfd in it, which goes on reporting what was
 * taken until the set is polled.  A listener of the POSIX platform is a pipe, of which epoll_pwait(2) refuses to tell.
 */
static void drop_reports(int listener) {
    struct epoll_event event;
    while (syscall(SYS_epoll_pwait, listener, &event, 1, 0, NULL, 0) > 0) /* no cancellation point */
        continue;
}

void kq_drop_reports_of_listeners(void) {
    kq_each_listener(drop_reports);
}
#else
int kq_pending(void *set) {
    return kq_next_signals()->sigpending != NULL ? kq_next_signals()->sigpending(set) : -1;
}

int kq_code_of_thread(void) {
    return 0;
}

int kq_thread_number(void) {
    return 0;
}

bool kq_take_signal(int number, siginfo_t *info) {
    (void)number, (void)info;
    return false;
}

bool kq_send_to_thread(int process, int thread, int number, siginfo_t *info) {
    (void)process, (void)thread, (void)number, (void)info;
    return false;
}

void kq_send_to_all(int process, int number, siginfo_t *info) {
    (void)process, (void)number, (void)info;
}

void kq_drop_reports_of_listeners(void) {}
#endif
