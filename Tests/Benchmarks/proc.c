/*
 * The ends of 200 children, seen and their status told, against descriptors of
 * processes in an epoll set, and waitid(2) for each that turns readable.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#define _GNU_SOURCE
#include "bench.h"

#include <sys/event.h>

#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif

enum { CHILDREN = 200, ROUNDS = 15, ROUNDS_QUICK = 3, BY_PIDFD = 3 };

/* Has children end when the pipe is closed, and waits until each is there. */
static int fork_children(pid_t *children, int count) {
    int gate[2];
    BENCH_REQUIRE(pipe(gate) == 0);
    for (int i = 0; i < count; i++) {
        children[i] = fork();
        if (children[i] == 0) {
            char nothing;
            close(gate[1]);
            _exit(read(gate[0], &nothing, 1) == 0 ? 7 : 1);
        }
        BENCH_REQUIRE(children[i] > 0);
    }
    close(gate[0]);
    return gate[1];
}

/* Until all have ended, so that what is measured is our work and not theirs. */
static void end_children(const pid_t *children, int count, int gate) {
    siginfo_t info;
    close(gate);
    for (int i = 0; i < count; i++)
        BENCH_REQUIRE(waitid(P_PID, (id_t)children[i], &info, WEXITED | WNOWAIT) == 0);
}

static void reap_children(const pid_t *children, int count) {
    for (int i = 0; i < count; i++)
        BENCH_REQUIRE(waitpid(children[i], NULL, 0) == children[i]);
}

static void add_to_kqueue(int kq, const pid_t *children, int count) {
    struct kevent change;
    for (int i = 0; i < count; i++) {
        EV_SET(&change, children[i], EVFILT_PROC, EV_ADD, NOTE_EXIT, 0, NULL);
        BENCH_REQUIRE(kevent(kq, &change, 1, NULL, 0, NULL) == 0);
    }
}

static void collect_from_kqueue(int kq, int count) {
    struct kevent events[64];
    for (int seen = 0; seen < count;) {
        int got = kevent(kq, NULL, 0, events, 64, NULL);
        BENCH_REQUIRE(got > 0);
        for (int i = 0; i < got; i++, seen++)
            BENCH_REQUIRE(events[i].data == 7 << 8);
    }
}

static void add_to_epoll(int set, const pid_t *children, int count) {
    for (int i = 0; i < count; i++) {
        int pidfd = (int)syscall(SYS_pidfd_open, children[i], 0);
        struct epoll_event event = {.events = EPOLLIN, .data.fd = pidfd};
        BENCH_REQUIRE(pidfd >= 0 && epoll_ctl(set, EPOLL_CTL_ADD, pidfd, &event) == 0);
    }
}

static void collect_from_epoll(int set, int count) {
    struct epoll_event events[64];
    for (int seen = 0; seen < count;) {
        int got = epoll_wait(set, events, 64, -1);
        BENCH_REQUIRE(got > 0);
        for (int i = 0; i < got; i++, seen++) {
            siginfo_t info = {.si_pid = 0};
            BENCH_REQUIRE(waitid((idtype_t)BY_PIDFD, (id_t)events[i].data.fd, &info, WEXITED | WNOWAIT | WNOHANG) == 0);
            BENCH_REQUIRE(info.si_status == 7);
            close(events[i].data.fd);
        }
    }
}

typedef void adder(int queue, const pid_t *children, int count);
typedef void collector(int queue, int count);

/* Microseconds a child, from when it is watched to when its end is known, as children and watcher take turns. */
static double ends(adder *add, collector *collect, int queue, int count) {
    double times[ROUNDS];
    pid_t *children = calloc((size_t)count, sizeof *children);
    int rounds = bench_quick() ? ROUNDS_QUICK : ROUNDS;
    BENCH_REQUIRE(children != NULL);
    for (int round = 0; round < rounds; round++) {
        int gate = fork_children(children, count);
        double before = bench_now_ns();
        add(queue, children, count);
        close(gate);
        collect(queue, count);
        times[round] = (bench_now_ns() - before) / count / 1e3;
        reap_children(children, count);
    }
    return bench_median(times, (size_t)rounds);
}

/* The calls of the watcher alone: the children end in between. */
static double calls(adder *add, collector *collect, int queue, int count) {
    double times[ROUNDS];
    pid_t *children = calloc((size_t)count, sizeof *children);
    int rounds = bench_quick() ? ROUNDS_QUICK : ROUNDS;
    BENCH_REQUIRE(children != NULL);
    for (int round = 0; round < rounds; round++) {
        int gate = fork_children(children, count);
        double before = bench_now_ns(), between;
        add(queue, children, count);
        between = bench_now_ns() - before;
        end_children(children, count, gate);
        before = bench_now_ns();
        collect(queue, count);
        times[round] = (between + bench_now_ns() - before) / count / 1e3;
        reap_children(children, count);
    }
    return bench_median(times, (size_t)rounds);
}

static int new_kqueue(void) {
    int kq = kqueue();
    BENCH_REQUIRE(kq != -1);
    return kq;
}

static int new_set(void) {
    int set = epoll_create1(EPOLL_CLOEXEC);
    BENCH_REQUIRE(set != -1);
    return set;
}

static double ends_kqueue(void) { return ends(add_to_kqueue, collect_from_kqueue, new_kqueue(), CHILDREN); }
static double ends_epoll(void) { return ends(add_to_epoll, collect_from_epoll, new_set(), CHILDREN); }
static double calls_kqueue(void) { return calls(add_to_kqueue, collect_from_kqueue, new_kqueue(), CHILDREN); }
static double calls_epoll(void) { return calls(add_to_epoll, collect_from_epoll, new_set(), CHILDREN); }

static double kqueue_of(void) { return ends(add_to_kqueue, collect_from_kqueue, new_kqueue(), bench_size()); }
static double epoll_of(void) { return ends(add_to_epoll, collect_from_epoll, new_set(), bench_size()); }

const struct bench proc_benches[] = {
    {"proc", "PROC, 200 children end", "us", ends_kqueue, ends_epoll, 1.1},
    /* Our descriptors make room for the program's: two calls more for each. */
    {"proc-calls", "PROC, the calls for it alone", "us", calls_kqueue, calls_epoll, 0},
    {0},
};

const struct bench_curve proc_curves[] = {
    {"proc", "So many children end, each", "us", kqueue_of, epoll_of, {10, 100, 1000, 5000}},
    {0},
};
