/*
 * Registering 4,000 sockets and taking them out again: nanoseconds for one of
 * them, both ways.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#define _GNU_SOURCE
#include "bench.h"

#include <sys/event.h>

#include <stdlib.h>
#include <sys/epoll.h>

enum { DESCRIPTORS = 4000, BATCH = 64 };

struct registration {
    int queue;
    int batch; /* changes a call */
    int count;
    int *descriptors;
};

static void change_all_kqueue(struct registration *r, unsigned short action) {
    struct kevent changes[BATCH];
    for (int done = 0; done < r->count;) {
        int n = 0;
        for (; n < r->batch && done < r->count; n++, done++)
            EV_SET(&changes[n], r->descriptors[done], EVFILT_READ, action, 0, 0, NULL);
        BENCH_REQUIRE(kevent(r->queue, changes, n, NULL, 0, NULL) == 0);
    }
}

static void add_and_delete_kqueue(void *argument) {
    change_all_kqueue(argument, EV_ADD);
    change_all_kqueue(argument, EV_DELETE);
}

static void change_all_epoll(struct registration *r, int action) {
    for (int i = 0; i < r->count; i++) {
        struct epoll_event event = {.events = EPOLLIN, .data.fd = r->descriptors[i]};
        BENCH_REQUIRE(epoll_ctl(r->queue, action, r->descriptors[i], &event) == 0);
    }
}

static void add_and_delete_epoll(void *argument) {
    change_all_epoll(argument, EPOLL_CTL_ADD);
    change_all_epoll(argument, EPOLL_CTL_DEL);
}

static void open_descriptors(struct registration *r, int count) {
    struct socket_set set;
    sockets_open(&set, count / 2, false);
    r->count = count;
    r->descriptors = calloc((size_t)count, sizeof(int));
    BENCH_REQUIRE(r->descriptors != NULL);
    for (int i = 0; i < count / 2; i++) {
        r->descriptors[2 * i] = set.watched[i];
        r->descriptors[2 * i + 1] = set.other[i];
    }
}

static double kqueue_side(int count, int batch) {
    struct registration r = {.queue = kqueue(), .batch = batch};
    BENCH_REQUIRE(r.queue != -1);
    open_descriptors(&r, count);
    return bench_measure(add_and_delete_kqueue, &r) / count;
}

static double single_kqueue(void) { return kqueue_side(DESCRIPTORS, 1); }
static double batched_kqueue(void) { return kqueue_side(DESCRIPTORS, BATCH); }

static double epoll_side(int count) {
    struct registration r = {.queue = epoll_create1(EPOLL_CLOEXEC)};
    BENCH_REQUIRE(r.queue != -1);
    open_descriptors(&r, count);
    return bench_measure(add_and_delete_epoll, &r) / count;
}

static double register_epoll(void) { return epoll_side(DESCRIPTORS); }
static double kqueue_of(void) { return kqueue_side(bench_size(), 1); }
static double epoll_of(void) { return epoll_side(bench_size()); }

const struct bench register_benches[] = {
    {"register", "add and delete, 1 change a call", "ns", single_kqueue, register_epoll, 1.2},
    {"register-64", "add and delete, 64 changes a call", "ns", batched_kqueue, register_epoll, 1.2},
    {0},
};

const struct bench_curve register_curves[] = {
    {"register", "So many added and deleted, each", "ns", kqueue_of, epoll_of, {10, 100, 1000, 10000, 19800}},
    {0},
};
