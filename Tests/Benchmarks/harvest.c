/*
 * Collecting many ready sockets.  kevent says how many bytes are there, so the
 * loop by hand asks for them too, with FIONREAD.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#define _GNU_SOURCE
#include "bench.h"

#include <sys/event.h>

#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>

enum { FEW = 100, MANY = 5000, DESCRIPTORS_MAX = 65536 };

struct harvest {
    int queue; /* kqueue or epoll set */
    int count;
    int calls; /* how many collect them all */
    void *events;
};

static void collect_kqueue(void *argument) {
    struct harvest *h = argument;
    struct kevent *events = h->events;
    long bytes = 0, seen = 0;
    for (int call = 0; call < h->calls; call++) {
        int n = kevent(h->queue, NULL, 0, events, h->count, NULL);
        for (int i = 0; i < n; i++)
            bytes += (long)events[i].data;
        seen += n;
    }
    BENCH_REQUIRE(seen >= h->count && bytes == seen);
}

static void collect_epoll(void *argument) {
    struct harvest *h = argument;
    struct epoll_event *events = h->events;
    long bytes = 0;
    int n = epoll_wait(h->queue, events, h->count, -1);
    for (int i = 0; i < n; i++) {
        int readable = 0;
        ioctl(events[i].data.fd, FIONREAD, &readable);
        bytes += readable;
    }
    BENCH_REQUIRE(n == h->count && bytes == n);
}

/* How many calls it takes until each has been reported. */
static int calls_for_all(struct harvest *h) {
    bool *seen = calloc(DESCRIPTORS_MAX, sizeof *seen);
    struct kevent *events = h->events;
    int missing = h->count, calls = 0;
    BENCH_REQUIRE(seen != NULL);
    while (missing > 0 && calls < h->count) {
        int n = kevent(h->queue, NULL, 0, events, h->count, NULL);
        for (int i = 0; i < n; i++) {
            BENCH_REQUIRE(events[i].ident < DESCRIPTORS_MAX);
            missing -= !seen[events[i].ident];
            seen[events[i].ident] = true;
        }
        calls++;
    }
    BENCH_REQUIRE(missing == 0);
    free(seen);
    return calls;
}

static double kqueue_side(int count) {
    struct socket_set set;
    struct harvest h = {.count = count, .events = calloc((size_t)count, sizeof(struct kevent))};
    BENCH_REQUIRE(h.events != NULL);
    sockets_open(&set, count, true);
    h.queue = sockets_kqueue(&set);
    h.calls = calls_for_all(&h);
    if (h.calls > 1)
        bench_note("%d calls for all", h.calls);
    return bench_measure(collect_kqueue, &h) / count;
}

static double epoll_side(int count) {
    struct socket_set set;
    struct harvest h = {.count = count, .events = calloc((size_t)count, sizeof(struct epoll_event))};
    BENCH_REQUIRE(h.events != NULL);
    sockets_open(&set, count, true);
    h.queue = sockets_epoll(&set);
    return bench_measure(collect_epoll, &h) / count;
}

double harvest_few_kqueue(void) { return kqueue_side(FEW); }
static double few_epoll(void) { return epoll_side(FEW); }
static double many_kqueue(void) { return kqueue_side(MANY); }
static double many_epoll(void) { return epoll_side(MANY); }

static double kqueue_of(void) { return kqueue_side(bench_size()); }
static double epoll_of(void) { return epoll_side(bench_size()); }

const struct bench harvest_benches[] = {
    {"harvest-100", "100 ready sockets, each", "ns", harvest_few_kqueue, few_epoll, 1.05},
    {"harvest-5000", "5,000 ready sockets, each", "ns", many_kqueue, many_epoll, 1.05},
    {0},
};

const struct bench_curve harvest_curves[] = {
    {"harvest", "So many ready sockets in a call, each", "ns", kqueue_of, epoll_of, {1, 10, 100, 1000, 9900}},
    {0},
};
