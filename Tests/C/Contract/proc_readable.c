/*
 * PROC, from outside: a kqueue whose descriptor is polled, in which nobody waits, is readable for each end that it has
 * to tell (C-351), whoever found it out and when.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "process.h"

static bool becomes_readable(int kq, int milliseconds) {
    struct pollfd item = {.fd = kq, .events = POLLIN};
    int got;
    while ((got = poll(&item, 1, milliseconds)) == -1)
        REQUIRE_EQ(errno, EINTR);
    return got == 1;
}

/* As a loop does that polls it: whether it was told of this child's end, the calls that give nothing included. */
static bool poller_is_told(int kq, pid_t child) {
    struct kevent event;
    while (becomes_readable(kq, 2000))
        if (collect(kq, &event, 1, 0) == 1) {
            REQUIRE_EQ(event.ident, child);
            return true;
        }
    return false;
}

static void one_that_has_ended_is_readable(void) {
    int kq = new_kqueue();
    pid_t child = zombie(3);
    add_proc(kq, child, NOTE_EXIT);
    REQUIRE(becomes_readable(kq, 0));
    EXPECT_EXIT(kq, child, 3 << 8);
    REQUIRE(!becomes_readable(kq, 0));
    reap(child);
}

/* Its signal was for others, and is gathered. */
static void one_that_ended_beside_others_is_readable(void) {
    int kq = new_kqueue();
    pid_t other = fork_waiting();
    add_proc(kq, other, NOTE_EXIT);
    pid_t child = zombie(3);
    require_silent(kq);
    add_proc(kq, child, NOTE_EXIT);
    REQUIRE(becomes_readable(kq, 0));
    EXPECT_EXIT(kq, child, 3 << 8);
    REQUIRE(!becomes_readable(kq, 0));
    REQUIRE_EQ(kill(other, SIGKILL), 0);
    EXPECT_EXIT(kq, other, SIGKILL);
    reap(other);
    reap(child);
}

/* ---- Many, of which a system without descriptors of processes cannot ask all the time ---- */

enum { QUEUES = 64, CHILDREN = 24 };

struct crowd {
    int kqs[QUEUES];
    pid_t children[CHILDREN];
};

/* Each kqueue is on each child. */
static void gather_crowd(struct crowd *crowd) {
    need_descriptors(QUEUES * (CHILDREN + 8));
    for (int child = 0; child < CHILDREN; child++)
        REQUIRE((crowd->children[child] = fork_waiting()) > 0);
    for (int queue = 0; queue < QUEUES; queue++) {
        crowd->kqs[queue] = new_kqueue();
        for (int child = 0; child < CHILDREN; child++)
            add_proc(crowd->kqs[queue], crowd->children[child], NOTE_EXIT);
    }
}

static void disperse(const struct crowd *crowd) {
    for (int child = 0; child < CHILDREN; child++) {
        REQUIRE_EQ(kill(crowd->children[child], SIGKILL), 0);
        reap(crowd->children[child]);
    }
}

/* Two end, and one SIGCHLD tells of the first of them. */
static void end_two_at_once(pid_t first, pid_t second) {
    sigset_t only, before;
    sigemptyset(&only);
    sigaddset(&only, SIGCHLD);
    REQUIRE_EQ(pthread_sigmask(SIG_BLOCK, &only, &before), 0);
    REQUIRE_EQ(kill(first, SIGKILL), 0);
    await_exit(first);
    REQUIRE_EQ(kill(second, SIGKILL), 0);
    await_exit(second);
    REQUIRE_EQ(pthread_sigmask(SIG_SETMASK, &before, NULL), 0);
}

/* All are asked for, on behalf of another kqueue. */
static void look_at_all(void) {
    pid_t child = fork_waiting();
    int kq = new_kqueue();
    add_proc(kq, child, NOTE_EXIT);
    REQUIRE_EQ(kill(child, SIGKILL), 0);
    EXPECT_EXIT(kq, child, SIGKILL);
    reap(child);
    REQUIRE_EQ(close(kq), 0);
}

static void one_of_two_at_once_is_told(void) {
    struct crowd crowd;
    gather_crowd(&crowd);
    for (int round = 0; round < 20; round++) {
        pid_t first = fork_waiting(), second = fork_waiting();
        int kq = new_kqueue();
        add_proc(kq, second, NOTE_EXIT);
        look_at_all();
        end_two_at_once(first, second);
        REQUIRE(poller_is_told(kq, second));
        REQUIRE_EQ(close(kq), 0);
        reap(first);
        reap(second);
    }
    disperse(&crowd);
}

/* A call that does not wait asks for all, though that was done a moment ago: it says that there is nothing (C-351). */
static void one_of_two_is_told_without_a_wait(void) {
    struct crowd crowd;
    gather_crowd(&crowd);
    for (int round = 0; round < 20; round++) {
        pid_t first = fork_waiting(), second = fork_waiting();
        struct kevent event;
        int kq = new_kqueue();
        add_proc(kq, second, NOTE_EXIT);
        look_at_all();
        end_two_at_once(first, second);
        REQUIRE_EQ(collect(kq, &event, 1, 0), 1);
        REQUIRE_EQ(event.ident, second);
        REQUIRE_EQ(close(kq), 0);
        reap(first);
        reap(second);
    }
    disperse(&crowd);
}

enum { WAITERS = 6 };

/* A thread that is told of one does not come back, and others wait already. */
static void wait_for_each(int kq, const pid_t *ended) {
    struct waiter waiters[WAITERS];
    int told = 0;
    for (int i = 0; i < WAITERS; i++) {
        add_proc(kq, ended[i], NOTE_EXIT);
        start_waiter(&waiters[i], kq, 1, PATIENCE);
        park_waiter(&waiters[i]);
    }
    look_at_all();
    for (int i = 0; i < WAITERS; i++)
        REQUIRE_EQ(kill(ended[i], SIGKILL), 0);
    for (int i = 0; i < WAITERS; i++) {
        join_waiter(&waiters[i]);
        told += waiters[i].result;
    }
    REQUIRE_EQ(told, WAITERS);
}

static void each_waiter_is_told_of_one(void) {
    struct crowd crowd;
    gather_crowd(&crowd);
    for (int round = 0; round < 60; round++) {
        pid_t ended[WAITERS];
        int kq = new_kqueue();
        for (int i = 0; i < WAITERS; i++)
            REQUIRE((ended[i] = fork_waiting()) > 0);
        wait_for_each(kq, ended);
        REQUIRE_EQ(close(kq), 0);
        for (int i = 0; i < WAITERS; i++)
            reap(ended[i]);
    }
    disperse(&crowd);
}

/* ---- Descriptors of ours that a child holds, of which libc learns nothing ---- */

static pid_t clone_waiting(void) {
    pid_t child = raw_clone(SIGCHLD);
    while (child == 0)
        pause();
    return child;
}

/* The knote goes while something of its process is still to be told, and a child holds whatever would tell it. */
static void end_with_holder(int kq, pid_t process) {
    pid_t holder = clone_waiting();
    REQUIRE(holder > 0);
    REQUIRE(becomes_readable(kq, 1000));
    REQUIRE(delete_knote(kq, (uintptr_t)process, EVFILT_PROC));
    REQUIRE(!becomes_readable(kq, 50));
    require_silent(kq);
    REQUIRE_EQ(kill(holder, SIGKILL), 0);
    reap(holder);
}

static void nothing_is_left_of_an_end(void) {
    int kq = new_kqueue();
    pid_t child = zombie(3);
    add_proc(kq, child, NOTE_EXIT);
    end_with_holder(kq, child);
    reap(child);
}

static void nothing_is_left_of_a_fork(void) {
    int kq = new_kqueue();
    struct served child = serve_child();
    int code = change_errno(kq, (uintptr_t)child.pid, EVFILT_PROC, EV_ADD, NOTE_FORK, 0, NULL);
    if (code == ENOTSUP)
        contract_skip("nothing here tells of forks and execs");
    REQUIRE_EQ(code, 0);
    have(&child, 'f');
    end_with_holder(kq, child.pid);
    REQUIRE_EQ(kill(child.pid, SIGKILL), 0);
    reap(child.pid);
}

static void nothing_is_left_of_a_fork_by_perf(void) {
    posix_lacks("nothing tells of forks and execs");
    REQUIRE_EQ(setenv("KQUEUE_NO_CONNECTOR", "1", 1), 0);
    nothing_is_left_of_a_fork();
}

const struct contract_case proc_readable_cases[] = {
    {"C-254", "pollers of the kqueue are told at once", one_that_has_ended_is_readable, 0},
    {"C-254", "also where its signal was gathered for others", one_that_ended_beside_others_is_readable, 0},
    {"C-262", "of two at once pollers are told, behind many that run", one_of_two_at_once_is_told, 60},
    {"C-262", "and so is a call that does not wait", one_of_two_is_told_without_a_wait, 60},
    {"C-262", "each thread that waits is told of one, behind many that run", each_waiter_is_told_of_one, 60},
    {"C-351", "a child that holds what told of an end", nothing_is_left_of_an_end, 0},
    {"C-351", "a child that holds what told of a fork", nothing_is_left_of_a_fork, 0},
    {"C-351", "a child that holds what told of a fork, by perf events", nothing_is_left_of_a_fork_by_perf, 0},
    {NULL, NULL, NULL, 0},
};
