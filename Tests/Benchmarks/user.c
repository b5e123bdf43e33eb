/*
 * A USER event triggered and collected by one thread, against an eventfd
 * written, waited for and read.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#define _GNU_SOURCE
#include "bench.h"

#include <sys/event.h>

#include <stdint.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct eventfd_in_set {
    int fd, set;
};

static int kqueue_with_user(void) {
    struct kevent change;
    int kq = kqueue();
    EV_SET(&change, 1, EVFILT_USER, EV_ADD | EV_CLEAR, 0, 0, NULL);
    BENCH_REQUIRE(kq != -1 && kevent(kq, &change, 1, NULL, 0, NULL) == 0);
    return kq;
}

static void one_call(void *argument) {
    struct kevent change, event;
    EV_SET(&change, 1, EVFILT_USER, 0, NOTE_TRIGGER, 0, NULL);
    BENCH_REQUIRE(kevent(*(int *)argument, &change, 1, &event, 1, NULL) == 1);
    BENCH_REQUIRE(event.filter == EVFILT_USER);
}

static void two_calls(void *argument) {
    struct kevent change, event;
    EV_SET(&change, 1, EVFILT_USER, 0, NOTE_TRIGGER, 0, NULL);
    BENCH_REQUIRE(kevent(*(int *)argument, &change, 1, NULL, 0, NULL) == 0);
    BENCH_REQUIRE(kevent(*(int *)argument, NULL, 0, &event, 1, NULL) == 1);
    BENCH_REQUIRE(event.filter == EVFILT_USER);
}

static void by_hand(void *argument) {
    struct eventfd_in_set *e = argument;
    struct epoll_event event;
    uint64_t one = 1;
    BENCH_REQUIRE(write(e->fd, &one, sizeof one) == sizeof one);
    BENCH_REQUIRE(epoll_wait(e->set, &event, 1, -1) == 1);
    BENCH_REQUIRE(read(e->fd, &one, sizeof one) == sizeof one);
}

static double one_call_kqueue(void) {
    int kq = kqueue_with_user();
    return bench_measure(one_call, &kq);
}

static double two_calls_kqueue(void) {
    int kq = kqueue_with_user();
    return bench_measure(two_calls, &kq);
}

static double user_epoll(void) {
    struct eventfd_in_set e = {eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), epoll_create1(EPOLL_CLOEXEC)};
    struct epoll_event event = {.events = EPOLLIN};
    BENCH_REQUIRE(e.fd != -1 && e.set != -1 && epoll_ctl(e.set, EPOLL_CTL_ADD, e.fd, &event) == 0);
    return bench_measure(by_hand, &e);
}

const struct bench user_benches[] = {
    {"user", "USER, trigger and collect", "ns", one_call_kqueue, user_epoll, 0.75},
    {"user-two-calls", "USER, trigger, then collect", "ns", two_calls_kqueue, user_epoll, 0.75},
    {0},
};
