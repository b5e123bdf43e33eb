/*
 * One active socket of a thousand: a byte written, waited for and read.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#define _GNU_SOURCE
#include "bench.h"

#include <sys/event.h>

#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { SOCKETS = 1000, STRIDE = 37 /* has no factor in common: each has its turn */, ROOM = 64 };

struct active {
    struct socket_set set;
    int queue;
    int turn;
};

static int next_turn(struct active *a) {
    a->turn = (a->turn + STRIDE) % a->set.count;
    BENCH_REQUIRE(write(a->set.other[a->turn], "x", 1) == 1);
    return a->set.watched[a->turn];
}

static void once_kqueue(void *argument) {
    struct active *a = argument;
    struct kevent events[ROOM];
    char byte;
    int fd = next_turn(a);
    int n = kevent(a->queue, NULL, 0, events, ROOM, NULL);
    BENCH_REQUIRE(n == 1 && (int)events[0].ident == fd);
    BENCH_REQUIRE(read((int)events[0].ident, &byte, 1) == 1);
}

static void once_epoll(void *argument) {
    struct active *a = argument;
    struct epoll_event events[ROOM];
    char byte;
    int fd = next_turn(a);
    int n = epoll_wait(a->queue, events, ROOM, -1);
    int bytes = 0; /* which kevent tells in data */
    BENCH_REQUIRE(n == 1 && events[0].data.fd == fd);
    BENCH_REQUIRE(ioctl(fd, FIONREAD, &bytes) == 0 && bytes == 1);
    BENCH_REQUIRE(read(events[0].data.fd, &byte, 1) == 1);
}

static double measure(int count, int (*watch)(const struct socket_set *), void (*once)(void *)) {
    struct active a = {.turn = 0};
    sockets_open(&a.set, count, false);
    a.queue = watch(&a.set);
    return bench_measure(once, &a);
}

double active_kqueue(void) { return measure(SOCKETS, sockets_kqueue, once_kqueue); }
static double active_epoll(void) { return measure(SOCKETS, sockets_epoll, once_epoll); }
static double active_kqueue_of(void) { return measure(bench_size(), sockets_kqueue, once_kqueue); }
static double active_epoll_of(void) { return measure(bench_size(), sockets_epoll, once_epoll); }

const struct bench active_benches[] = {
    {"active-1-of-1000", "1 active of 1,000", "ns", active_kqueue, active_epoll, 1.1},
    {0},
};

const struct bench_curve active_curves[] = {
    {"active", "1 active of so many sockets", "ns", active_kqueue_of, active_epoll_of, {10, 100, 1000, 9900}},
    {0},
};
