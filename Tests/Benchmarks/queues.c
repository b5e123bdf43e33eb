/*
 * What one kqueue of many costs: each with a descriptor of its own, and all with
 * the same one.  By hand, epoll sets.
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

enum { STRIDE = 37 /* has no factor in common: each has its turn */ };

struct queues {
    int count;
    int turn;
    int *queues;
    int *eventfds; /* one each, or the same for all */
    void (*collect)(int queue, int fd);
};

static int watch_by_kqueue(int fd) {
    struct kevent change;
    int kq = kqueue();
    EV_SET(&change, fd, EVFILT_READ, EV_ADD, 0, 0, NULL);
    BENCH_REQUIRE(kq != -1 && kevent(kq, &change, 1, NULL, 0, NULL) == 0);
    return kq;
}

static int watch_by_epoll(int fd) {
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
    int set = epoll_create1(EPOLL_CLOEXEC);
    BENCH_REQUIRE(set != -1 && epoll_ctl(set, EPOLL_CTL_ADD, fd, &event) == 0);
    return set;
}

static void collect_kqueue(int kq, int fd) {
    struct kevent event;
    BENCH_REQUIRE(kevent(kq, NULL, 0, &event, 1, NULL) == 1 && (int)event.ident == fd);
}

static void collect_epoll(int set, int fd) {
    struct epoll_event event;
    BENCH_REQUIRE(epoll_wait(set, &event, 1, -1) == 1 && event.data.fd == fd);
}

static struct queues *open_queues(bool shared, int (*watch)(int fd), void (*collect)(int queue, int fd)) {
    struct queues *q = calloc(1, sizeof *q);
    BENCH_REQUIRE(q != NULL);
    *q = (struct queues){.count = bench_size(), .collect = collect};
    q->queues = calloc((size_t)q->count, sizeof *q->queues);
    q->eventfds = calloc((size_t)q->count, sizeof *q->eventfds);
    BENCH_REQUIRE(q->queues != NULL && q->eventfds != NULL);
    for (int i = 0; i < q->count; i++) {
        q->eventfds[i] = shared && i > 0 ? q->eventfds[0] : eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        BENCH_REQUIRE(q->eventfds[i] != -1);
        q->queues[i] = watch(q->eventfds[i]);
    }
    return q;
}

static void write_one(int fd) {
    uint64_t one = 1;
    BENCH_REQUIRE(write(fd, &one, sizeof one) == sizeof one);
}

static void read_one(int fd) {
    uint64_t one;
    BENCH_REQUIRE(read(fd, &one, sizeof one) == sizeof one);
}

static void use_one(void *argument) {
    struct queues *q = argument;
    q->turn = (q->turn + STRIDE) % q->count;
    write_one(q->eventfds[q->turn]);
    q->collect(q->queues[q->turn], q->eventfds[q->turn]);
    read_one(q->eventfds[q->turn]);
}

static void use_all(void *argument) {
    struct queues *q = argument;
    write_one(q->eventfds[0]);
    for (int i = 0; i < q->count; i++)
        q->collect(q->queues[i], q->eventfds[0]);
    read_one(q->eventfds[0]);
}

static double one_kqueue(void) { return bench_measure(use_one, open_queues(false, watch_by_kqueue, collect_kqueue)); }
static double one_epoll(void) { return bench_measure(use_one, open_queues(false, watch_by_epoll, collect_epoll)); }

static double all_kqueue(void) {
    return bench_measure(use_all, open_queues(true, watch_by_kqueue, collect_kqueue)) / bench_size();
}

static double all_epoll(void) {
    return bench_measure(use_all, open_queues(true, watch_by_epoll, collect_epoll)) / bench_size();
}

const struct bench_curve queue_curves[] = {
    {"queues", "1 active of so many kqueues", "ns", one_kqueue, one_epoll, {1, 10, 100, 1000, 6000}},
    {"queues-same", "So many kqueues, the same descriptor", "ns", all_kqueue, all_epoll, {1, 10, 100, 1000, 9000}},
    {0},
};
