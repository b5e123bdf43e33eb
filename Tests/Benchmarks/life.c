/*
 * What a kqueue costs that is made and dropped, and what it costs a program that
 * forks: against an epoll set, and against the same fork beside none.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "bench.h"

#include <sys/event.h>

#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { KNOTES = 5000 };

static int watched;

static void open_watched(void) {
    int pair[2];
    BENCH_REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0);
    watched = pair[0];
}

/* Makes one, adds a descriptor, looks, and drops it. */
static void use_kqueue(void *unused) {
    static const struct timespec no_wait = {0, 0};
    struct kevent entry;
    int kq = kqueue();
    (void)unused;
    BENCH_REQUIRE(kq != -1);
    EV_SET(&entry, watched, EVFILT_READ, EV_ADD, 0, 0, NULL);
    BENCH_REQUIRE(kevent(kq, &entry, 1, NULL, 0, NULL) == 0);
    BENCH_REQUIRE(kevent(kq, NULL, 0, &entry, 1, &no_wait) == 0);
    BENCH_REQUIRE(close(kq) == 0);
}

static void use_epoll(void *unused) {
    struct epoll_event event = {.events = EPOLLIN};
    int set = epoll_create1(EPOLL_CLOEXEC);
    (void)unused;
    BENCH_REQUIRE(set != -1);
    BENCH_REQUIRE(epoll_ctl(set, EPOLL_CTL_ADD, watched, &event) == 0);
    BENCH_REQUIRE(epoll_wait(set, &event, 1, 0) == 0);
    BENCH_REQUIRE(close(set) == 0);
}

static void do_nothing(void *unused) {
    (void)unused;
}

static void fork_and(void *in_child) {
    pid_t child = fork();
    if (child == 0) {
        (*(void (**)(void *))in_child)(NULL);
        _exit(0);
    }
    BENCH_REQUIRE(child > 0 && waitpid(child, NULL, 0) == child);
}

static double microseconds(void (*op)(void *), void *argument) {
    return bench_measure(op, argument) / 1e3;
}

static double forks(void (*in_child)(void *)) {
    return microseconds(fork_and, &in_child);
}

static double use_kqueues(void) {
    open_watched();
    return microseconds(use_kqueue, NULL);
}

static double use_epolls(void) {
    open_watched();
    return microseconds(use_epoll, NULL);
}

static double fork_beside_kqueue(void) {
    int kq = kqueue();
    BENCH_REQUIRE(kq != -1);
    for (uintptr_t i = 0; i < KNOTES; i++) {
        struct kevent change;
        EV_SET(&change, i, EVFILT_USER, EV_ADD, 0, 0, NULL);
        BENCH_REQUIRE(kevent(kq, &change, 1, NULL, 0, NULL) == 0);
    }
    return forks(do_nothing);
}

static double fork_beside_none(void) {
    return forks(do_nothing);
}

/* The parent has used one as well, as a server has. */
static double fork_and_use_kqueue(void) {
    open_watched();
    use_kqueue(NULL);
    return forks(use_kqueue);
}

static double fork_and_use_epoll(void) {
    open_watched();
    use_epoll(NULL);
    return forks(use_epoll);
}

const struct bench life_benches[] = {
    {"create", "made, 1 descriptor, a look, closed", "us", use_kqueues, use_epolls, 1.5},
    {"fork", "fork beside 5,000 USER knotes", "us", fork_beside_kqueue, fork_beside_none, 1.05},
    {"fork-use", "a child makes, uses and drops one", "us", fork_and_use_kqueue, fork_and_use_epoll, 1.15},
    {0},
};
