/*
 * Many one-shot timers, each created, waited for and gone: the processor's time
 * for one, against a timerfd each in an epoll set.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#define _GNU_SOURCE
#include "bench.h"

#include <sys/event.h>

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

enum { TIMERS = 15000, TIMERS_MANY = 100000, SPREAD_US = 100000, ROOM = 64 };

/* Deadlines all over the 100 ms, in no order. */
static long interval_us(long i) { return 1 + i * 7919 % SPREAD_US; }

static int add_timers_kqueue(int kq, long count) {
    for (long i = 0; i < count; i++) {
        struct kevent change;
        EV_SET(&change, i, EVFILT_TIMER, EV_ADD | EV_ONESHOT, NOTE_USECONDS, interval_us(i), NULL);
        if (kevent(kq, &change, 1, NULL, 0, NULL) == -1)
            bench_fail("timer %ld: %s", i + 1, strerror(errno));
    }
    return kq;
}

static double timers_kqueue(long count) {
    struct kevent events[ROOM];
    double start = bench_cpu_ns();
    int kq = kqueue();
    BENCH_REQUIRE(kq != -1);
    add_timers_kqueue(kq, count);
    for (long left = count; left > 0;) {
        int n = kevent(kq, NULL, 0, events, ROOM, NULL);
        BENCH_REQUIRE(n > 0 && events[0].filter == EVFILT_TIMER);
        left -= n;
    }
    close(kq);
    return (bench_cpu_ns() - start) / (double)count;
}

static int add_timerfd(int ep, long us) {
    int fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    struct itimerspec when = {.it_value = {us / 1000000, us % 1000000 * 1000}};
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
    if (fd == -1)
        bench_fail("timerfd_create: %s", strerror(errno));
    BENCH_REQUIRE(timerfd_settime(fd, 0, &when, NULL) == 0);
    BENCH_REQUIRE(epoll_ctl(ep, EPOLL_CTL_ADD, fd, &event) == 0);
    return fd;
}

static double timers_epoll(long count) {
    struct epoll_event events[ROOM];
    double start = bench_cpu_ns();
    int ep = epoll_create1(EPOLL_CLOEXEC);
    BENCH_REQUIRE(ep != -1);
    for (long i = 0; i < count; i++)
        add_timerfd(ep, interval_us(i));
    for (long left = count; left > 0;) {
        int n = epoll_wait(ep, events, ROOM, -1);
        BENCH_REQUIRE(n > 0);
        for (int i = 0; i < n; i++) {
            uint64_t expirations;
            BENCH_REQUIRE(read(events[i].data.fd, &expirations, sizeof expirations) == 8);
            close(events[i].data.fd);
        }
        left -= n;
    }
    close(ep);
    return (bench_cpu_ns() - start) / (double)count;
}

static double some_kqueue(void) { return timers_kqueue(TIMERS); }
static double some_epoll(void) { return timers_epoll(TIMERS); }
static double many_kqueue(void) { return timers_kqueue(TIMERS_MANY); }
static double kqueue_of(void) { return timers_kqueue(bench_size()); }
static double epoll_of(void) { return timers_epoll(bench_size()); }

/* A connection's time limit, set anew beside so many that stand. */
struct standing {
    int queue;
    int turn;
    int *timers; /* by hand */
};

enum { STRIDE = 37 /* has no factor in common: each has its turn */, FAR_S = 1000 };

static void set_anew_kqueue(void *argument) {
    struct standing *s = argument;
    struct kevent change;
    s->turn = (s->turn + STRIDE) % bench_size();
    EV_SET(&change, s->turn, EVFILT_TIMER, EV_ADD | EV_ONESHOT, NOTE_SECONDS, FAR_S + s->turn % FAR_S, NULL);
    BENCH_REQUIRE(kevent(s->queue, &change, 1, NULL, 0, NULL) == 0);
}

static double anew_kqueue_of(void) {
    struct standing s = {.queue = kqueue()};
    BENCH_REQUIRE(s.queue != -1);
    for (int i = 0; i < bench_size(); i++)
        set_anew_kqueue(&s);
    return bench_measure(set_anew_kqueue, &s);
}

static void set_anew_timerfd(void *argument) {
    struct standing *s = argument;
    s->turn = (s->turn + STRIDE) % bench_size();
    struct itimerspec when = {.it_value.tv_sec = FAR_S + s->turn % FAR_S};
    BENCH_REQUIRE(timerfd_settime(s->timers[s->turn], 0, &when, NULL) == 0);
}

static double anew_epoll_of(void) {
    struct standing s = {.queue = epoll_create1(EPOLL_CLOEXEC), .timers = calloc((size_t)bench_size(), sizeof(int))};
    BENCH_REQUIRE(s.queue != -1 && s.timers != NULL);
    for (int i = 0; i < bench_size(); i++)
        s.timers[i] = add_timerfd(s.queue, FAR_S * 1000000L);
    return bench_measure(set_anew_timerfd, &s);
}

const struct bench timer_benches[] = {
    {"timers-15000", "15,000 one-shot timers, CPU, each", "ns", some_kqueue, some_epoll, 0.1},
    {"timers-100000", "100,000 one-shot timers, CPU, each", "ns", many_kqueue, NULL, 0},
    {0},
};

const struct bench_curve timer_curves[] = {
    {"timers", "So many timers expire, CPU, each", "ns", kqueue_of, epoll_of, {10, 100, 1000, 10000, 100000, 1000000}},
    {"timers-set-anew", "One of so many timers set anew", "ns", anew_kqueue_of, anew_epoll_of,
     {10, 100, 1000, 10000, 100000, 1000000}},
    {0},
};
