/*
 * EVFILT_PROCDESC: processes by descriptors of them.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "absent.h"
#include "life.h"
#include "process.h"

#define EXPECT_END(kq, pidfd, status) \
    expect_event(__FILE__, __LINE__, next_event(kq), pidfd, EVFILT_PROCDESC, EXIT_FLAGS, NOTE_EXIT, status)

static int opened(pid_t pid) {
    int pidfd = open_pidfd(pid);
    if (pidfd == -1 && is_missing(errno))
        contract_skip("no descriptors of processes");
    REQUIRE(pidfd >= 0);
    return pidfd;
}

static void add_descriptor(int kq, int pidfd, unsigned fflags) {
    change(kq, (uintptr_t)pidfd, EVFILT_PROCDESC, EV_ADD, fflags, 0, NULL);
}

static void end_is_reported(void) {
    posix_lacks("there is no EVFILT_PROCDESC");
    int kq = new_kqueue(), mark;
    struct served child = serve_child();
    int pidfd = opened(child.pid);
    change(kq, (uintptr_t)pidfd, EVFILT_PROCDESC, EV_ADD, NOTE_EXIT, 0, &mark);
    require_silent(kq);
    give_order(&child, 'x', 14);
    struct kevent event = next_event(kq);
    expect_event(__FILE__, __LINE__, event, pidfd, EVFILT_PROCDESC, EXIT_FLAGS, NOTE_EXIT, 14 << 8);
    REQUIRE(event.udata == &mark);
    require_silent(kq);
    REQUIRE_NO_KNOTE(kq, pidfd, EVFILT_PROCDESC, ENOENT);
    REQUIRE_EQ(reap(child.pid), 14 << 8);
    REQUIRE_EQ(close(pidfd), 0);
}

static void signal_is_reported(void) {
    posix_lacks("there is no EVFILT_PROCDESC");
    int kq = new_kqueue();
    struct served child = serve_child();
    int pidfd = opened(child.pid);
    add_descriptor(kq, pidfd, NOTE_EXIT | NOTE_EXITSTATUS);
    REQUIRE_EQ(kill(child.pid, SIGKILL), 0);
    expect_event(__FILE__, __LINE__, next_event(kq), pidfd, EVFILT_PROCDESC, EXIT_FLAGS, NOTE_EXIT | NOTE_EXITSTATUS,
                 SIGKILL);
}

static void zombie_fires_at_once(void) {
    posix_lacks("there is no EVFILT_PROCDESC");
    int kq = new_kqueue();
    pid_t child = zombie(2);
    int pidfd = opened(child);
    add_descriptor(kq, pidfd, NOTE_EXIT);
    EXPECT_END(kq, pidfd, 2 << 8);
}

/* A descriptor outlives its process, so one that was reaped can be watched still. */
static void reaped_one_fires_at_once(void) {
    posix_lacks("there is no EVFILT_PROCDESC");
    int kq = new_kqueue(), status = told_status(2 << 8);
    pid_t child = zombie(2);
    int pidfd = opened(child);
    reap(child);
    add_descriptor(kq, pidfd, NOTE_EXIT);
    EXPECT_END(kq, pidfd, status);
}

static void reaped_before_drained(void) {
    posix_lacks("there is no EVFILT_PROCDESC");
    int kq = new_kqueue(), status = told_status(7 << 8);
    struct served child = serve_child();
    int pidfd = opened(child.pid);
    add_descriptor(kq, pidfd, NOTE_EXIT);
    give_order(&child, 'x', 7);
    reap(child.pid);
    EXPECT_END(kq, pidfd, status);
}

static void grandchild_is_reported(void) {
    need_proc("the status of what nobody has waited for is told there alone");
    posix_lacks("there is no EVFILT_PROCDESC");
    int kq = new_kqueue();
    struct served child = serve_child();
    pid_t grandchild = have(&child, 'F');
    int pidfd = opened(grandchild);
    add_descriptor(kq, pidfd, NOTE_EXIT);
    REQUIRE_EQ(kill(grandchild, SIGINT), 0);
    EXPECT_END(kq, pidfd, SIGINT);
}

static void disabled_and_enabled(void) {
    posix_lacks("there is no EVFILT_PROCDESC");
    int kq = new_kqueue();
    struct served child = serve_child();
    int pidfd = opened(child.pid);
    change(kq, (uintptr_t)pidfd, EVFILT_PROCDESC, EV_ADD | EV_DISABLE, NOTE_EXIT, 0, NULL);
    end_child(&child, 1);
    require_silent(kq);
    change(kq, (uintptr_t)pidfd, EVFILT_PROCDESC, EV_ENABLE, 0, 0, NULL);
    EXPECT_END(kq, pidfd, 1 << 8);
}

static void mask_taken_back(void) {
    posix_lacks("there is no EVFILT_PROCDESC");
    int kq = new_kqueue();
    struct served child = serve_child();
    int pidfd = opened(child.pid);
    add_descriptor(kq, pidfd, NOTE_EXIT);
    add_descriptor(kq, pidfd, 0);
    end_child(&child, 1);
    require_silent(kq);
    REQUIRE_NO_KNOTE(kq, pidfd, EVFILT_PROCDESC, ENOENT);
}

static void deleted(void) {
    posix_lacks("there is no EVFILT_PROCDESC");
    int kq = new_kqueue();
    struct served child = serve_child();
    int pidfd = opened(child.pid);
    struct pollfd readable = {.fd = kq, .events = POLLIN};
    add_descriptor(kq, pidfd, NOTE_EXIT);
    REQUIRE(delete_knote(kq, (uintptr_t)pidfd, EVFILT_PROCDESC));
    REQUIRE_NO_KNOTE(kq, pidfd, EVFILT_PROCDESC, ENOENT);
    add_descriptor(kq, pidfd, NOTE_EXIT);
    end_child(&child, 1);
    REQUIRE_EQ(poll(&readable, 1, PATIENCE), 1);
    REQUIRE(delete_knote(kq, (uintptr_t)pidfd, EVFILT_PROCDESC));
    require_silent(kq);
}

/* Closing it deletes the knote, and does nothing to the process. */
static void closed(void) {
    posix_lacks("there is no EVFILT_PROCDESC");
    int kq = new_kqueue();
    struct served child = serve_child();
    int pidfd = opened(child.pid), other = duplicate(pidfd);
    add_descriptor(kq, pidfd, NOTE_EXIT);
    REQUIRE_EQ(close(pidfd), 0);
    REQUIRE_NO_KNOTE(kq, pidfd, EVFILT_PROCDESC, EBADF);
    require_silent(kq);
    REQUIRE_EQ(kill(child.pid, 0), 0);
    add_descriptor(kq, other, NOTE_EXIT);
    end_child(&child, 5);
    EXPECT_END(kq, other, 5 << 8);
    require_silent(kq);
}

static void number_used_again(void) {
    posix_lacks("there is no EVFILT_PROCDESC");
    int kq = new_kqueue();
    struct served first = serve_child(), second = serve_child();
    int pidfd = opened(first.pid), other = duplicate(pidfd);
    add_descriptor(kq, pidfd, NOTE_EXIT);
    REQUIRE_EQ(close(pidfd), 0);
    REQUIRE_EQ(opened(second.pid), pidfd);
    REQUIRE_NO_KNOTE(kq, pidfd, EVFILT_PROCDESC, ENOENT);
    end_child(&first, 1);
    require_silent(kq);
    add_descriptor(kq, pidfd, NOTE_EXIT);
    end_child(&second, 2);
    EXPECT_END(kq, pidfd, 2 << 8);
    REQUIRE_EQ(close(other), 0);
}

/* Undelivered, it goes with its descriptor. */
static void closed_while_pending(void) {
    posix_lacks("there is no EVFILT_PROCDESC");
    int kq = new_kqueue();
    struct served child = serve_child();
    int pidfd = opened(child.pid);
    struct pollfd readable = {.fd = kq, .events = POLLIN};
    add_descriptor(kq, pidfd, NOTE_EXIT);
    end_child(&child, 1);
    REQUIRE_EQ(poll(&readable, 1, PATIENCE), 1);
    REQUIRE_EQ(close(pidfd), 0);
    require_silent(kq);
}

/* Four knotes on one process in one kqueue, of which none disturbs another. */
static void beside_other_filters(void) {
    posix_lacks("there is no EVFILT_PROCDESC");
    for (int order = 0; order < 2; order++) {
        int kq = new_kqueue(), seen = 0;
        struct served child = serve_child();
        int pidfd = opened(child.pid), copy = duplicate(pidfd);
        struct kevent events[8];
        if (order == 0)
            change(kq, (uintptr_t)pidfd, EVFILT_READ, EV_ADD | EV_CLEAR, 0, 0, NULL);
        add_descriptor(kq, pidfd, NOTE_EXIT);
        if (order == 1)
            change(kq, (uintptr_t)pidfd, EVFILT_READ, EV_ADD | EV_CLEAR, 0, 0, NULL);
        add_descriptor(kq, copy, NOTE_EXIT);
        add_proc(kq, child.pid, NOTE_EXIT);
        require_silent(kq);
        end_child(&child, 3);
        for (int got = 0; got < 4;) {
            int more = collect(kq, events, 8, PATIENCE);
            REQUIRE(more > 0);
            for (int i = 0; i < more; i++, got++) {
                seen |= events[i].filter == EVFILT_READ ? 1 : events[i].filter == EVFILT_PROC ? 2
                        : events[i].ident == (uintptr_t)pidfd ? 4 : 8;
                if (events[i].filter != EVFILT_READ)
                    REQUIRE_EQ(events[i].data, 3 << 8);
            }
        }
        REQUIRE_EQ(seen, 15);
        require_silent(kq);
        REQUIRE(delete_knote(kq, (uintptr_t)pidfd, EVFILT_READ));
        REQUIRE_EQ(close(kq), 0);
    }
}

static void two_kqueues(void) {
    posix_lacks("there is no EVFILT_PROCDESC");
    int one = new_kqueue(), two = new_kqueue();
    struct served child = serve_child();
    int pidfd = opened(child.pid);
    add_descriptor(one, pidfd, NOTE_EXIT);
    add_descriptor(two, pidfd, NOTE_EXIT);
    end_child(&child, 1);
    EXPECT_END(one, pidfd, 1 << 8);
    EXPECT_END(two, pidfd, 1 << 8);
}

static void unsupported_bits(void) {
    posix_lacks("there is no EVFILT_PROCDESC");
    static const unsigned bits[] = {NOTE_FORK, NOTE_EXEC, NOTE_TRACK, NOTE_PDSIGCHLD, NOTE_EXIT | NOTE_FORK,
                                    NOTE_EXIT | NOTE_SIGNAL};
    int kq = new_kqueue();
    struct served child = serve_child();
    int pidfd = opened(child.pid);
    for (size_t i = 0; i < sizeof bits / sizeof *bits; i++) {
        REQUIRE_EQ(change_errno(kq, (uintptr_t)pidfd, EVFILT_PROCDESC, EV_ADD, bits[i], 0, NULL), ENOTSUP);
        REQUIRE_NO_KNOTE(kq, pidfd, EVFILT_PROCDESC, ENOENT);
    }
}

static void require_refused(int kq, int fd, int code) {
    REQUIRE_EQ(change_errno(kq, (uintptr_t)fd, EVFILT_PROCDESC, EV_ADD, NOTE_EXIT, 0, NULL), code);
    REQUIRE_NO_KNOTE(kq, fd, EVFILT_PROCDESC, code == EBADF ? EBADF : ENOENT);
}

static void other_descriptors(void) {
    need_seen_proc();
    posix_lacks("there is no EVFILT_PROCDESC");
    int kq = new_kqueue(), pair[2], ends[2];
    unix_pair(pair);
    new_pipe(ends);
    require_refused(kq, pair[0], EINVAL);
    require_refused(kq, ends[0], EINVAL);
    require_refused(kq, readable_eventfd(), EINVAL);
    require_refused(kq, regular_file(), EINVAL);
    require_refused(kq, open(seen_proc("self"), O_RDONLY | O_DIRECTORY | O_CLOEXEC), EINVAL);
    require_refused(kq, open("/dev/null", O_RDONLY | O_CLOEXEC), EINVAL);
    require_refused(kq, new_kqueue(), EINVAL);
    require_refused(kq, kq, EINVAL);
    REQUIRE_EQ(close(pair[0]), 0);
    require_refused(kq, pair[0], EBADF);
    require_refused(kq, 3000, EBADF);
    require_silent(kq);
}

static void copy_watches_the_same(void) {
    need_proc("the status of what nobody has waited for is told there alone");
    posix_lacks("there is no EVFILT_PROCDESC");
    int kq = kqueuex(KQUEUE_CPONFORK);
    struct served child = serve_child();
    int pidfd = opened(child.pid);
    REQUIRE(kq >= 0);
    add_descriptor(kq, pidfd, NOTE_EXIT);
    pid_t copy = fork();
    if (copy == 0) {
        give_order(&child, 'x', 4);
        EXPECT_END(kq, pidfd, 4 << 8);
        _exit(0);
    }
    finish_child(copy);
    EXPECT_END(kq, pidfd, 4 << 8);
}

/* A pidfd that has the number of a kqueue whose close nobody saw is no kqueue. */
static void number_of_a_kqueue(void) {
    posix_lacks("there is no EVFILT_PROCDESC");
    int kq = new_kqueue(), gone = new_kqueue();
    struct served child = serve_child();
    int pidfd = opened(child.pid);
    close_unseen(gone);
    move_to(pidfd, gone);
    add_descriptor(kq, gone, NOTE_EXIT);
    give_order(&child, 'x', 3);
    EXPECT_END(kq, gone, 3 << 8);
}

const struct contract_case procdesc_cases[] = {
    {"C-271", "the end is reported, with its status and flags", end_is_reported, 0},
    {"C-271", "an end by a signal, and NOTE_EXITSTATUS", signal_is_reported, 0},
    {"C-271", "a zombie fires at once", zombie_fires_at_once, 0},
    {"C-271", "one that was reaped fires at once", reaped_one_fires_at_once, 0},
    {"C-271", "one that was reaped before it was looked at", reaped_before_drained, 0},
    {"C-271", "a grandchild", grandchild_is_reported, 0},
    {"C-271", "an end while disabled comes with EV_ENABLE", disabled_and_enabled, 0},
    {"C-271", "mask 0 before the end: silent, and the knote is gone", mask_taken_back, 0},
    {"C-271", "EV_DELETE", deleted, 0},
    {"C-271", "beside READ, PROC and a duplicate's", beside_other_filters, 0},
    {"C-271", "two kqueues report", two_kqueues, 0},
    {"C-271", "NOTE_FORK and the like: ENOTSUP", unsupported_bits, 0},
    {"C-272", "other descriptors: EINVAL, closed ones: EBADF", other_descriptors, 0},
    {"C-118", "PROCDESC: closing the descriptor deletes the knote", closed, 0},
    {"C-124", "PROCDESC: a number used again", number_used_again, 0},
    {"C-125", "PROCDESC: the number of a kqueue, closed unseen", number_of_a_kqueue, 0},
    {"C-126", "PROCDESC: a pending event goes with its descriptor", closed_while_pending, 0},
    {"C-140", "PROCDESC: a copied kqueue watches the same", copy_watches_the_same, 0},
    {NULL, NULL, NULL, 0},
};
