/*
 * Two threads, each with a queue of its own and 100 ready sockets in it: how much
 * longer a harvest takes than with one thread.  1 is as it should be; what epoll
 * has above 1 is the machine's.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#define _GNU_SOURCE
#include "bench.h"

#include <sys/event.h>

#include <pthread.h>
#include <stdatomic.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>

enum { SOCKETS = 100, THREADS = 2 };

struct worker {
    pthread_t thread;
    struct socket_set set;
    int queue;
    void (*harvest)(void *);
    pthread_barrier_t *start;
    atomic_int *measuring; /* workers that have not finished measuring */
    double ns;
};

static void harvest_kqueue(void *argument) {
    struct worker *w = argument;
    struct kevent events[SOCKETS];
    BENCH_REQUIRE(kevent(w->queue, NULL, 0, events, SOCKETS, NULL) == SOCKETS);
}

static void harvest_epoll(void *argument) {
    struct worker *w = argument;
    struct epoll_event events[SOCKETS];
    int n = epoll_wait(w->queue, events, SOCKETS, -1), readable;
    BENCH_REQUIRE(n == SOCKETS);
    for (int i = 0; i < n; i++)
        ioctl(events[i].data.fd, FIONREAD, &readable);
}

/* Who is done first keeps on harvesting, or the other would have the machine to itself. */
static void *work(void *argument) {
    struct worker *w = argument;
    pthread_barrier_wait(w->start);
    w->ns = bench_measure(w->harvest, w);
    atomic_fetch_sub(w->measuring, 1);
    while (atomic_load(w->measuring) > 0)
        w->harvest(w);
    return NULL;
}

static double time_threads(struct worker *workers, unsigned count) {
    pthread_barrier_t start;
    atomic_int measuring = (int)count;
    double sum = 0;
    pthread_barrier_init(&start, NULL, count);
    for (unsigned i = 0; i < count; i++) {
        workers[i].start = &start;
        workers[i].measuring = &measuring;
        BENCH_REQUIRE(pthread_create(&workers[i].thread, NULL, work, &workers[i]) == 0);
    }
    for (unsigned i = 0; i < count; i++) {
        pthread_join(workers[i].thread, NULL);
        sum += workers[i].ns;
    }
    pthread_barrier_destroy(&start);
    return sum / count;
}

static double slowdown(void (*harvest)(void *), int (*watch)(const struct socket_set *)) {
    struct worker workers[THREADS] = {{0}};
    for (int i = 0; i < THREADS; i++) {
        sockets_open(&workers[i].set, SOCKETS, true);
        workers[i].queue = watch(&workers[i].set);
        workers[i].harvest = harvest;
    }
    double one = time_threads(workers, 1);
    double two = time_threads(workers, THREADS);
    return two / one;
}

static double threads_kqueue(void) { return slowdown(harvest_kqueue, sockets_kqueue); }
static double threads_epoll(void) { return slowdown(harvest_epoll, sockets_epoll); }

const struct bench thread_benches[] = {
    {"threads", "2 threads, a queue each: slowdown", "x", threads_kqueue, threads_epoll, 1.05},
    {0},
};
