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
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct eventfd_in_set {
    int set, fd;
    int *fds; /* where there are several */
    int turn;
};

static int add_eventfd(int set) {
    int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
    BENCH_REQUIRE(fd != -1 && epoll_ctl(set, EPOLL_CTL_ADD, fd, &event) == 0);
    return fd;
}

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
    struct eventfd_in_set e = {.set = epoll_create1(EPOLL_CLOEXEC)};
    BENCH_REQUIRE(e.set != -1);
    e.fd = add_eventfd(e.set);
    return bench_measure(by_hand, &e);
}

/* One of so many is triggered. */
struct many {
    int kq;
    int turn;
};

enum { STRIDE = 37 /* has no factor in common: each has its turn */ };

static void one_of_many(void *argument) {
    struct many *m = argument;
    struct kevent change, event;
    m->turn = (m->turn + STRIDE) % bench_size();
    EV_SET(&change, m->turn, EVFILT_USER, 0, NOTE_TRIGGER, 0, NULL);
    BENCH_REQUIRE(kevent(m->kq, &change, 1, NULL, 0, NULL) == 0);
    BENCH_REQUIRE(kevent(m->kq, NULL, 0, &event, 1, NULL) == 1 && (int)event.ident == m->turn);
}

static double many_kqueue_of(void) {
    struct many m = {.kq = kqueue()};
    BENCH_REQUIRE(m.kq != -1);
    for (int i = 0; i < bench_size(); i++) {
        struct kevent change;
        EV_SET(&change, i, EVFILT_USER, EV_ADD | EV_CLEAR, 0, 0, NULL);
        BENCH_REQUIRE(kevent(m.kq, &change, 1, NULL, 0, NULL) == 0);
    }
    return bench_measure(one_of_many, &m);
}

static void by_hand_of_many(void *argument) {
    struct eventfd_in_set *e = argument;
    struct epoll_event event;
    uint64_t one = 1;
    e->turn = (e->turn + STRIDE) % bench_size();
    BENCH_REQUIRE(write(e->fds[e->turn], &one, sizeof one) == sizeof one);
    BENCH_REQUIRE(epoll_wait(e->set, &event, 1, -1) == 1);
    BENCH_REQUIRE(read(event.data.fd, &one, sizeof one) == sizeof one);
}

static double many_epoll_of(void) {
    struct eventfd_in_set e = {.set = epoll_create1(EPOLL_CLOEXEC), .fds = calloc((size_t)bench_size(), sizeof(int))};
    BENCH_REQUIRE(e.set != -1 && e.fds != NULL);
    for (int i = 0; i < bench_size(); i++)
        e.fds[i] = add_eventfd(e.set);
    return bench_measure(by_hand_of_many, &e);
}

const struct bench user_benches[] = {
    {"user", "USER, trigger and collect", "ns", one_call_kqueue, user_epoll, 0.75},
    {"user-two-calls", "USER, trigger, then collect", "ns", two_calls_kqueue, user_epoll, 0.75},
    {0},
};

const struct bench_curve user_curves[] = {
    {"user", "1 triggered of so many USER knotes", "ns", many_kqueue_of, many_epoll_of,
     {10, 100, 1000, 10000, 100000, 1000000}},
    {0},
};
