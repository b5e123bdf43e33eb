/*
 * How the work of threads adds up: on one queue, whose sockets they serve in turns
 * (EV_DISPATCH, EPOLLONESHOT), and on a queue each.  Processor time an event, of
 * all threads: where it grows with their number, they are in each other's way.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#define _GNU_SOURCE
#include "bench.h"

#include <sys/event.h>

#include <pthread.h>
#include <stdatomic.h>
#include <sys/epoll.h>
#include <unistd.h>

enum { SOCKETS = 32, EVENTS = 40000, EVENTS_QUICK = 4000, THREADS_MOST = 64 };

/* One event: waits for it, takes the byte, sends another, and has the socket told again. */
typedef void serve(int queue, const int *other);

struct pool {
    pthread_t threads[THREADS_MOST];
    struct socket_set set;
    int *other; /* the ends that are written, by the number of those that are watched */
    int queue;
    serve *serve;
    atomic_int left;
};

static void pass_on(const int *other, int fd) {
    char byte;
    BENCH_REQUIRE(read(fd, &byte, 1) == 1 && write(other[fd], &byte, 1) == 1);
}

static void serve_kqueue(int kq, const int *other) {
    struct kevent event;
    BENCH_REQUIRE(kevent(kq, NULL, 0, &event, 1, NULL) == 1);
    pass_on(other, (int)event.ident);
    EV_SET(&event, event.ident, EVFILT_READ, EV_ENABLE | EV_DISPATCH, 0, 0, NULL);
    BENCH_REQUIRE(kevent(kq, &event, 1, NULL, 0, NULL) == 0);
}

static void serve_epoll(int set, const int *other) {
    struct epoll_event event;
    BENCH_REQUIRE(epoll_wait(set, &event, 1, -1) == 1);
    pass_on(other, event.data.fd);
    event.events = EPOLLIN | EPOLLONESHOT;
    BENCH_REQUIRE(epoll_ctl(set, EPOLL_CTL_MOD, event.data.fd, &event) == 0);
}

static int watch_by_kqueue(const struct socket_set *set) {
    int kq = kqueue();
    BENCH_REQUIRE(kq != -1);
    for (int i = 0; i < set->count; i++) {
        struct kevent change;
        EV_SET(&change, set->watched[i], EVFILT_READ, EV_ADD | EV_DISPATCH, 0, 0, NULL);
        BENCH_REQUIRE(kevent(kq, &change, 1, NULL, 0, NULL) == 0);
    }
    return kq;
}

static int watch_by_epoll(const struct socket_set *set) {
    int ep = epoll_create1(EPOLL_CLOEXEC);
    BENCH_REQUIRE(ep != -1);
    for (int i = 0; i < set->count; i++) {
        struct epoll_event event = {.events = EPOLLIN | EPOLLONESHOT, .data.fd = set->watched[i]};
        BENCH_REQUIRE(epoll_ctl(ep, EPOLL_CTL_ADD, set->watched[i], &event) == 0);
    }
    return ep;
}

/* The sockets stay ready, so none of the threads waits for ever once all events are served. */
static void *work(void *argument) {
    struct pool *pool = argument;
    while (atomic_fetch_sub(&pool->left, 1) > 0)
        pool->serve(pool->queue, pool->other);
    return NULL;
}

static void open_pool(struct pool *pool, int (*watch)(const struct socket_set *), serve *serve) {
    static int other[THREADS_MOST * 2 * SOCKETS * 2];
    sockets_open(&pool->set, SOCKETS, true);
    for (int i = 0; i < SOCKETS; i++) {
        BENCH_REQUIRE(pool->set.watched[i] < (int)(sizeof other / sizeof other[0]));
        other[pool->set.watched[i]] = pool->set.other[i];
    }
    pool->other = other;
    pool->queue = watch(&pool->set);
    pool->serve = serve;
}

static void start(struct pool *pool, int threads, int events) {
    atomic_init(&pool->left, events);
    for (int i = 0; i < threads; i++)
        BENCH_REQUIRE(pthread_create(&pool->threads[i], NULL, work, pool) == 0);
}

static void join(struct pool *pool, int threads) {
    for (int i = 0; i < threads; i++)
        pthread_join(pool->threads[i], NULL);
}

static double of_one_queue(int (*watch)(const struct socket_set *), serve *serve) {
    static struct pool pool;
    int events = bench_quick() ? EVENTS_QUICK : EVENTS;
    open_pool(&pool, watch, serve);
    double before = bench_cpu_ns();
    start(&pool, bench_size(), events);
    join(&pool, bench_size());
    return (bench_cpu_ns() - before) / events;
}

static double of_queues_each(int (*watch)(const struct socket_set *), serve *serve) {
    static struct pool pools[THREADS_MOST];
    int events = (bench_quick() ? EVENTS_QUICK : EVENTS) / bench_size();
    for (int i = 0; i < bench_size(); i++)
        open_pool(&pools[i], watch, serve);
    double before = bench_cpu_ns();
    for (int i = 0; i < bench_size(); i++)
        start(&pools[i], 1, events);
    for (int i = 0; i < bench_size(); i++)
        join(&pools[i], 1);
    return (bench_cpu_ns() - before) / (events * bench_size());
}

static double one_kqueue(void) { return of_one_queue(watch_by_kqueue, serve_kqueue); }
static double one_epoll(void) { return of_one_queue(watch_by_epoll, serve_epoll); }
static double each_kqueue(void) { return of_queues_each(watch_by_kqueue, serve_kqueue); }
static double each_epoll(void) { return of_queues_each(watch_by_epoll, serve_epoll); }

const struct bench_curve thread_curves[] = {
    {"threads", "Threads on one kqueue, CPU an event", "ns", one_kqueue, one_epoll, {1, 2, 4, 8, 16, 64}},
    {"threads-each", "Threads, a kqueue each, CPU an event", "ns", each_kqueue, each_epoll, {1, 2, 4, 8, 16, 64}},
    {0},
};
