/*
 * Registering 4,000 sockets and taking them out again: nanoseconds for one of
 * them, both ways.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#define _GNU_SOURCE
#include "bench.h"

#include <sys/event.h>

#include <sys/epoll.h>

enum { PAIRS = 2000, DESCRIPTORS = 2 * PAIRS, BATCH = 64 };

struct registration {
    int queue;
    int batch; /* changes a call */
    int descriptors[DESCRIPTORS];
};

static void change_all_kqueue(struct registration *r, unsigned short action) {
    struct kevent changes[BATCH];
    for (int done = 0; done < DESCRIPTORS;) {
        int n = 0;
        for (; n < r->batch && done < DESCRIPTORS; n++, done++)
            EV_SET(&changes[n], r->descriptors[done], EVFILT_READ, action, 0, 0, NULL);
        BENCH_REQUIRE(kevent(r->queue, changes, n, NULL, 0, NULL) == 0);
    }
}

static void add_and_delete_kqueue(void *argument) {
    change_all_kqueue(argument, EV_ADD);
    change_all_kqueue(argument, EV_DELETE);
}

static void change_all_epoll(struct registration *r, int action) {
    for (int i = 0; i < DESCRIPTORS; i++) {
        struct epoll_event event = {.events = EPOLLIN, .data.fd = r->descriptors[i]};
        BENCH_REQUIRE(epoll_ctl(r->queue, action, r->descriptors[i], &event) == 0);
    }
}

static void add_and_delete_epoll(void *argument) {
    change_all_epoll(argument, EPOLL_CTL_ADD);
    change_all_epoll(argument, EPOLL_CTL_DEL);
}

static void open_descriptors(struct registration *r) {
    struct socket_set set;
    sockets_open(&set, PAIRS, false);
    for (int i = 0; i < PAIRS; i++) {
        r->descriptors[2 * i] = set.watched[i];
        r->descriptors[2 * i + 1] = set.other[i];
    }
}

static double kqueue_side(int batch) {
    static struct registration r;
    r.queue = kqueue();
    r.batch = batch;
    BENCH_REQUIRE(r.queue != -1);
    open_descriptors(&r);
    return bench_measure(add_and_delete_kqueue, &r) / DESCRIPTORS;
}

static double single_kqueue(void) { return kqueue_side(1); }
static double batched_kqueue(void) { return kqueue_side(BATCH); }

static double register_epoll(void) {
    static struct registration r;
    r.queue = epoll_create1(EPOLL_CLOEXEC);
    BENCH_REQUIRE(r.queue != -1);
    open_descriptors(&r);
    return bench_measure(add_and_delete_epoll, &r) / DESCRIPTORS;
}

const struct bench register_benches[] = {
    {"register", "add and delete, 1 change a call", "ns", single_kqueue, register_epoll, 1.2},
    {"register-64", "add and delete, 64 changes a call", "ns", batched_kqueue, register_epoll, 1.2},
    {0},
};
