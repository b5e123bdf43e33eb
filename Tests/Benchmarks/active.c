/*
 * Some active sockets of many: a byte written to each, waited for and read.
 *
 * kevent says how many bytes are there.  A loop by hand asks for them with FIONREAD
 * where that is to be compared; as programs are written it does not.  A kqueue may
 * decline the number.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#define _GNU_SOURCE
#include "bench.h"

#include <sys/event.h>

#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { STRIDE = 37 /* has no factor in common: each has its turn */, ROOM = 128 };

struct active {
    struct socket_set set;
    int queue;
    int turn;
    int count;  /* sockets that are active at a time */
    bool asks;  /* the loop by hand asks how much there is */
};

/* Makes the next sockets readable; the last of them. */
static int write_next(struct active *a) {
    for (int i = 0; i < a->count; i++) {
        a->turn = (a->turn + STRIDE) % a->set.count;
        BENCH_REQUIRE(write(a->set.other[a->turn], "x", 1) == 1);
    }
    return a->set.watched[a->turn];
}

static void read_from(int fd) {
    char byte;
    BENCH_REQUIRE(read(fd, &byte, 1) == 1);
}

static void once_kqueue(void *argument) {
    struct active *a = argument;
    struct kevent events[ROOM];
    int last = write_next(a);
    int n = kevent(a->queue, NULL, 0, events, ROOM, NULL);
    BENCH_REQUIRE(n == a->count && (n > 1 || (int)events[0].ident == last));
    for (int i = 0; i < n; i++) {
        BENCH_REQUIRE(events[i].data == 1);
        read_from((int)events[i].ident);
    }
}

static void once_epoll(void *argument) {
    struct active *a = argument;
    struct epoll_event events[ROOM];
    int last = write_next(a);
    int n = epoll_wait(a->queue, events, ROOM, -1);
    BENCH_REQUIRE(n == a->count && (n > 1 || events[0].data.fd == last));
    for (int i = 0; i < n; i++) {
        int bytes = 0; /* which kevent tells in data */
        BENCH_REQUIRE(!a->asks || (ioctl(events[i].data.fd, FIONREAD, &bytes) == 0 && bytes == 1));
        read_from(events[i].data.fd);
    }
}

/* An event's share. */
static double measure(struct active a, int sockets, int (*watch)(const struct socket_set *), void (*once)(void *)) {
    sockets_open(&a.set, sockets, false);
    a.queue = watch(&a.set);
    return bench_measure(once, &a) / a.count;
}

static int declining_kqueue(const struct socket_set *set) {
    struct kevent entry;
    int kq = sockets_kqueue(set);
    EV_SET(&entry, 0, EVFILT_LIBKQUEUE, EV_ADD, NOTE_DECLINE_DATA, 1, NULL);
    BENCH_REQUIRE(kevent(kq, &entry, 1, &entry, 1, NULL) == 1 && (entry.flags & EV_ERROR) == 0);
    return kq;
}

enum { ONE_OF = 1000, SOME = 100, SOME_OF = 5000 };

#define ONE (struct active){.count = 1}
#define ONE_ASKED (struct active){.count = 1, .asks = true}
#define A_FEW (struct active){.count = SOME}

double active_kqueue(void) { return measure(ONE, ONE_OF, sockets_kqueue, once_kqueue); }
static double active_asking(void) { return measure(ONE_ASKED, ONE_OF, sockets_epoll, once_epoll); }
static double active_epoll(void) { return measure(ONE, ONE_OF, sockets_epoll, once_epoll); }
static double active_declined(void) { return measure(ONE, ONE_OF, declining_kqueue, once_kqueue); }
static double some_kqueue(void) { return measure(A_FEW, SOME_OF, sockets_kqueue, once_kqueue); }
static double some_epoll(void) { return measure(A_FEW, SOME_OF, sockets_epoll, once_epoll); }
static double some_declined(void) { return measure(A_FEW, SOME_OF, declining_kqueue, once_kqueue); }

static double active_kqueue_of(void) { return measure(ONE, bench_size(), sockets_kqueue, once_kqueue); }
static double active_epoll_of(void) { return measure(ONE_ASKED, bench_size(), sockets_epoll, once_epoll); }

const struct bench active_benches[] = {
    {"active-1-of-1000", "1 active of 1,000", "ns", active_kqueue, active_asking, 1.1},
    {"active-unasked", "the same, by hand no FIONREAD", "ns", active_kqueue, active_epoll, 0},
    {"active-declined", "the same, data declined", "ns", active_declined, active_epoll, 0},
    {"active-100-unasked", "100 active of 5,000, no FIONREAD", "ns", some_kqueue, some_epoll, 0},
    {"active-100-declined", "the same, data declined", "ns", some_declined, some_epoll, 0},
    {0},
};

const struct bench_curve active_curves[] = {
    {"active", "1 active of so many sockets", "ns", active_kqueue_of, active_epoll_of, {10, 100, 1000, 9900}},
    {0},
};
