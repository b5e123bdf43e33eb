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

static void add_timerfd(int ep, long us) {
    int fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    struct itimerspec when = {.it_value = {us / 1000000, us % 1000000 * 1000}};
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
    if (fd == -1)
        bench_fail("timerfd_create: %s", strerror(errno));
    BENCH_REQUIRE(timerfd_settime(fd, 0, &when, NULL) == 0);
    BENCH_REQUIRE(epoll_ctl(ep, EPOLL_CTL_ADD, fd, &event) == 0);
}

static double timers_epoll(void) {
    struct epoll_event events[ROOM];
    double start = bench_cpu_ns();
    int ep = epoll_create1(EPOLL_CLOEXEC);
    BENCH_REQUIRE(ep != -1);
    for (long i = 0; i < TIMERS; i++)
        add_timerfd(ep, interval_us(i));
    for (long left = TIMERS; left > 0;) {
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
    return (bench_cpu_ns() - start) / TIMERS;
}

static double some_kqueue(void) { return timers_kqueue(TIMERS); }
static double many_kqueue(void) { return timers_kqueue(TIMERS_MANY); }

const struct bench timer_benches[] = {
    {"timers-15000", "15,000 one-shot timers, CPU, each", "ns", some_kqueue, timers_epoll, 0.1},
    {"timers-100000", "100,000 one-shot timers, CPU, each", "ns", many_kqueue, NULL, 0},
    {0},
};
