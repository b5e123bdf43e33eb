/*
 * EVFILT_PROC: forks, execs, and whole trees of processes, by each of the
 * system's facilities that can tell of them.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "process.h"

#include <linux/capability.h>

/* ---- What the system has ---- */

static int bits_errno(unsigned fflags) {
    int kq = new_kqueue();
    int code = change_errno(kq, (uintptr_t)getpid(), EVFILT_PROC, EV_ADD, fflags, 0, NULL);
    REQUIRE(code == 0 || code == ENOTSUP);
    REQUIRE_NO_KNOTE(kq, getpid(), EVFILT_PROC, code == 0 ? 0 : ENOENT);
    REQUIRE_EQ(close(kq), 0);
    return code;
}

static void need_forks(void) {
    posix_lacks("nothing tells of forks and execs");
    if (bits_errno(NOTE_FORK | NOTE_EXEC) == ENOTSUP)
        contract_skip("nothing here tells of forks and execs");
}

static void need_track(void) {
    posix_lacks("nothing tells of forks and execs");
    if (bits_errno(NOTE_TRACK) == ENOTSUP)
        contract_skip("no process connector");
}

static void without_connector(void) { REQUIRE_EQ(setenv("KQUEUE_NO_CONNECTOR", "1", 1), 0); }
static void without_perf(void) { REQUIRE_EQ(setenv("KQUEUE_NO_PERF", "1", 1), 0); }

/* Nothing to tell but what a child does on its way to its end. */
static void finish_served(int kq, const struct served *child) {
    give_order(child, 'x', 33);
    EXPECT_EXIT(kq, child->pid, 33 << 8);
    require_silent(kq);
    REQUIRE_EQ(reap(child->pid), 33 << 8);
}

#define EXPECT_FORK(kq, child) EXPECT_PROC(kq, (child).pid, EV_ADD | EV_CLEAR, NOTE_FORK, 0)
#define EXPECT_EXEC(kq, child) EXPECT_PROC(kq, (child).pid, EV_ADD | EV_CLEAR, NOTE_EXEC, 0)

/* ---- NOTE_FORK and NOTE_EXEC, however they are learnt ---- */

/* Forks and execs before the registration, or before its mask, are not its own (contract 3.5). */
static void what_came_before_is_not_told(unsigned beside) {
    int kq = new_kqueue();
    struct served other = serve_child(), child = serve_child();
    add_proc(kq, other.pid, beside); /* keeps the kqueue listening */
    have(&child, 'f');
    add_proc(kq, child.pid, NOTE_FORK | NOTE_EXIT);
    require_silent(kq);
    have(&child, 'f');
    REQUIRE(delete_knote(kq, (uintptr_t)child.pid, EVFILT_PROC));
    add_proc(kq, child.pid, NOTE_FORK | NOTE_EXIT);
    require_silent(kq);
    add_proc(kq, child.pid, NOTE_EXEC | NOTE_EXIT);
    have(&child, 'f');
    add_proc(kq, child.pid, NOTE_FORK | NOTE_EXEC | NOTE_EXIT);
    require_silent(kq);
    have(&child, 'f');
    EXPECT_FORK(kq, child);
    finish_served(kq, &child);
}

static void forks_before_are_not_told(void) {
    need_forks();
    what_came_before_is_not_told(NOTE_FORK);
}

static void forks_before_are_not_told_beside_tracking(void) {
    need_track();
    what_came_before_is_not_told(NOTE_TRACK);
}

static void forks_are_reported(void) {
    need_forks();
    int kq = new_kqueue();
    struct served child = serve_child();
    add_proc(kq, child.pid, NOTE_FORK | NOTE_EXIT);
    require_silent(kq);
    for (const char *way = "fvcpT"; *way != '\0'; way++) {
        have(&child, *way);
        EXPECT_FORK(kq, child);
        require_silent(kq);
    }
    finish_served(kq, &child);
}

static void threads_are_silent(void) {
    need_forks();
    int kq = new_kqueue();
    struct served child = serve_child();
    add_proc(kq, child.pid, NOTE_FORK | NOTE_EXEC | NOTE_EXIT);
    for (int i = 0; i < 3; i++)
        have(&child, 't');
    require_silent(kq);
    finish_served(kq, &child);
}

static void grandchildren_are_silent(void) {
    need_forks();
    int kq = new_kqueue();
    struct served child = serve_child();
    add_proc(kq, child.pid, NOTE_FORK | NOTE_EXEC | NOTE_EXIT);
    have(&child, 'g');
    EXPECT_FORK(kq, child); /* once: the second is not its own */
    require_silent(kq);
    have(&child, 'p');
    EXPECT_FORK(kq, child); /* the exec is its child's */
    finish_served(kq, &child);
}

static void execs_are_reported(void) {
    need_forks();
    int kq = new_kqueue();
    struct served child = serve_child();
    add_proc(kq, child.pid, NOTE_EXEC | NOTE_EXIT);
    have_exec(&child, 'e');
    EXPECT_EXEC(kq, child);
    require_silent(kq);
    end_shell(&child);
    EXPECT_EXIT(kq, child.pid, 5 << 8);
    REQUIRE_NO_KNOTE(kq, child.pid, EVFILT_PROC, ENOENT);
}

static void exec_by_another_thread(void) {
    need_forks();
    int kq = new_kqueue();
    struct served child = serve_child();
    add_proc(kq, child.pid, NOTE_EXEC | NOTE_EXIT);
    have_exec(&child, 'E');
    EXPECT_EXEC(kq, child);
    require_silent(kq);
    end_shell(&child);
    EXPECT_EXIT(kq, child.pid, 5 << 8);
}

static void several_are_one_event(void) {
    need_forks();
    int kq = new_kqueue();
    struct served child = serve_child();
    add_proc(kq, child.pid, NOTE_FORK | NOTE_EXEC | NOTE_EXIT);
    have(&child, 'f');
    have(&child, 'f');
    have_exec(&child, 'e');
    EXPECT_PROC(kq, child.pid, EV_ADD | EV_CLEAR, NOTE_FORK | NOTE_EXEC, 0);
    require_silent(kq);
}

static void pending_ones_come_with_the_exit(void) {
    need_forks();
    int kq = new_kqueue();
    struct served child = serve_child();
    add_proc(kq, child.pid, NOTE_FORK | NOTE_EXEC | NOTE_EXIT);
    have(&child, 'f');
    end_child(&child, 3);
    EXPECT_PROC(kq, child.pid, EXIT_FLAGS, NOTE_FORK | NOTE_EXIT, 3 << 8);
    REQUIRE_NO_KNOTE(kq, child.pid, EVFILT_PROC, ENOENT);
}

/* What a process did and how it ended, one event also for a list of one. */
static void require_one_event(int room, const char *orders, unsigned want) {
    int kq = new_kqueue();
    struct kevent events[8];
    struct served child = serve_child();
    add_proc(kq, child.pid, NOTE_FORK | NOTE_EXEC | NOTE_EXIT);
    for (; *orders != '\0'; orders++) {
        if (*orders == 'e')
            have_exec(&child, 'e');
        else
            have(&child, *orders);
    }
    if (want & NOTE_EXEC)
        end_shell(&child);
    else
        give_order(&child, 'x', 5);
    await_exit(child.pid);
    sleep_ms(20);
    REQUIRE_EQ(collect(kq, events, room, PATIENCE), 1);
    REQUIRE_EQ(events[0].fflags, want);
    REQUIRE_EQ(events[0].flags, EXIT_FLAGS);
    REQUIRE_EQ(events[0].data, 5 << 8);
    require_silent(kq);
    REQUIRE_NO_KNOTE(kq, child.pid, EVFILT_PROC, ENOENT);
    reap(child.pid);
}

/*
 * What is pending is delivered while more reports are ahead of the exec's and the exit's than the library asks for at a
 * time.
 */
static void what_is_not_reported_yet_is_in_the_event(void) {
    enum { PIPES = 200 };
    static int pairs[PIPES][2];
    struct kevent event;
    need_forks();
    need_descriptors(2 * PIPES + 50);
    int kq = new_kqueue();
    struct served child = serve_child();
    add_proc(kq, child.pid, NOTE_FORK | NOTE_EXEC | NOTE_EXIT);
    add_triggered(kq, 1, EV_CLEAR);
    add_triggered(kq, 2, EV_CLEAR);
    for (int i = 0; i < PIPES; i++) {
        new_pipe(pairs[i]);
        change(kq, (uintptr_t)pairs[i][0], EVFILT_READ, EV_ADD, 0, 0, NULL);
    }
    have(&child, 'f');
    sleep_ms(20);
    for (int i = 0; i < 2; i++) { /* the first of these calls finds the fork, the second that there is no more */
        REQUIRE_EQ(collect(kq, &event, 1, 0), 1);
        REQUIRE_EQ(event.filter, EVFILT_USER);
    }
    for (int i = 0; i < PIPES; i++)
        put(pairs[i][1], "x");
    have_exec(&child, 'e');
    end_shell(&child);
    await_exit(child.pid);
    sleep_ms(20);
    do
        REQUIRE_EQ(collect(kq, &event, 1, 0), 1);
    while (event.filter != EVFILT_PROC);
    REQUIRE_EQ(event.fflags, NOTE_FORK | NOTE_EXEC | NOTE_EXIT);
    reap(child.pid);
}

static void pending_ones_are_one_event_for_any_room(void) {
    need_forks();
    for (int room = 1; room <= 8; room += 7) {
        require_one_event(room, "e", NOTE_EXEC | NOTE_EXIT);
        require_one_event(room, "f", NOTE_FORK | NOTE_EXIT);
        require_one_event(room, "fe", NOTE_FORK | NOTE_EXEC | NOTE_EXIT);
    }
}

/* Several processes through a list of one: each is one event. */
static void each_process_is_one_event(void) {
    need_forks();
    enum { CHILDREN = 12 };
    int kq = new_kqueue();
    struct served children[CHILDREN];
    struct kevent event;
    for (int i = 0; i < CHILDREN; i++) {
        children[i] = serve_child();
        add_proc(kq, children[i].pid, NOTE_FORK | NOTE_EXIT);
    }
    for (int i = 0; i < CHILDREN; i++)
        have(&children[i], 'f');
    for (int i = 0; i < CHILDREN; i++)
        end_child(&children[i], 5);
    for (int i = 0; i < CHILDREN; i++) {
        REQUIRE_EQ(collect(kq, &event, 1, PATIENCE), 1);
        REQUIRE_EQ(event.fflags, NOTE_FORK | NOTE_EXIT);
    }
    require_silent(kq);
}

static void pending_ones_come_where_the_exit_is_not_wanted(void) {
    need_forks();
    int kq = new_kqueue();
    struct served child = serve_child(), quiet = serve_child();
    add_proc(kq, child.pid, NOTE_FORK);
    add_proc(kq, quiet.pid, NOTE_FORK);
    have(&child, 'f');
    end_child(&child, 3);
    end_child(&quiet, 3);
    struct kevent event = next_event(kq);
    REQUIRE_EQ(event.ident, child.pid);
    REQUIRE_EQ(event.flags, EXIT_FLAGS);
    REQUIRE_EQ(event.fflags, NOTE_FORK);
    require_silent(kq);
    REQUIRE_NO_KNOTE(kq, child.pid, EVFILT_PROC, ENOENT);
    REQUIRE_NO_KNOTE(kq, quiet.pid, EVFILT_PROC, ENOENT);
}

static void only_what_the_mask_says(void) {
    need_forks();
    int kq = new_kqueue();
    struct served child = serve_child();
    add_proc(kq, child.pid, NOTE_EXEC);
    have(&child, 'f');
    require_silent(kq);
    add_proc(kq, child.pid, NOTE_FORK); /* from now on */
    require_silent(kq);
    have(&child, 'f');
    EXPECT_FORK(kq, child);
    add_proc(kq, child.pid, NOTE_EXIT);
    have(&child, 'f');
    require_silent(kq);
    finish_served(kq, &child);
}

static void pending_ones_go_with_their_bit(void) {
    need_forks();
    int kq = new_kqueue();
    struct served child = serve_child();
    change(kq, (uintptr_t)child.pid, EVFILT_PROC, EV_ADD | EV_DISABLE, NOTE_FORK | NOTE_EXIT, 0, NULL);
    have(&child, 'f');
    require_silent(kq);
    add_proc(kq, child.pid, NOTE_EXIT);
    change(kq, (uintptr_t)child.pid, EVFILT_PROC, EV_ENABLE, 0, 0, NULL);
    require_silent(kq);
    finish_served(kq, &child);
}

static void recorded_while_disabled(void) {
    need_forks();
    int kq = new_kqueue();
    struct served child = serve_child();
    change(kq, (uintptr_t)child.pid, EVFILT_PROC, EV_ADD | EV_DISPATCH, NOTE_FORK | NOTE_EXEC | NOTE_EXIT, 0, NULL);
    have(&child, 'f');
    EXPECT_PROC(kq, child.pid, EV_ADD | EV_CLEAR | EV_DISPATCH, NOTE_FORK, 0);
    have(&child, 'f');
    have_exec(&child, 'e');
    require_silent(kq);
    change(kq, (uintptr_t)child.pid, EVFILT_PROC, EV_ENABLE, 0, 0, NULL);
    EXPECT_PROC(kq, child.pid, EV_ADD | EV_CLEAR | EV_DISPATCH, NOTE_FORK | NOTE_EXEC, 0);
}

static void oneshot_is_over_with_the_first(void) {
    need_forks();
    int kq = new_kqueue();
    struct served child = serve_child();
    change(kq, (uintptr_t)child.pid, EVFILT_PROC, EV_ADD | EV_ONESHOT, NOTE_FORK | NOTE_EXIT, 0, NULL);
    have(&child, 'f');
    EXPECT_PROC(kq, child.pid, EV_ADD | EV_CLEAR | EV_ONESHOT, NOTE_FORK, 0);
    REQUIRE_NO_KNOTE(kq, child.pid, EVFILT_PROC, ENOENT);
    end_child(&child, 0);
    require_silent(kq);
}

static void other_processes_are_silent(void) {
    need_forks();
    int kq = new_kqueue();
    struct served child = serve_child(), other = serve_child();
    add_proc(kq, child.pid, NOTE_FORK | NOTE_EXEC | NOTE_EXIT);
    have(&other, 'f');
    have_exec(&other, 'e');
    reaped(fork_exiting(0));
    require_silent(kq);
    have(&child, 'f');
    EXPECT_FORK(kq, child);
}

static void two_kqueues_and_two_masks(void) {
    need_forks();
    int one = new_kqueue(), two = new_kqueue();
    struct served child = serve_child();
    add_proc(one, child.pid, NOTE_FORK);
    add_proc(two, child.pid, NOTE_EXEC);
    have(&child, 'f');
    EXPECT_FORK(one, child);
    require_silent(two);
    have_exec(&child, 'e');
    EXPECT_EXEC(two, child);
    require_silent(one);
    REQUIRE(delete_knote(one, (uintptr_t)child.pid, EVFILT_PROC));
    REQUIRE(delete_knote(two, (uintptr_t)child.pid, EVFILT_PROC));
}

/* Enough for any filter on a few processes to be too small. */
static void many_are_watched(void) {
    need_descriptors(1000);
    enum { COUNT = 150 };
    static struct served children[COUNT];
    need_forks();
    int kq = new_kqueue();
    for (int i = 0; i < COUNT; i++) {
        children[i] = serve_child();
        add_proc(kq, children[i].pid, NOTE_FORK | NOTE_EXIT);
        have(&children[i], 'f');
        EXPECT_FORK(kq, children[i]);
    }
    for (int i = 0; i < COUNT; i += 10) {
        have(&children[i], 'f');
        EXPECT_FORK(kq, children[i]);
    }
    for (int i = 0; i < COUNT - 3; i++) /* and few again */
        REQUIRE(delete_knote(kq, (uintptr_t)children[i].pid, EVFILT_PROC));
    have(&children[COUNT - 1], 'f');
    EXPECT_FORK(kq, children[COUNT - 1]);
    have(&children[0], 'f');
    require_silent(kq);
}

static void own_forks_are_reported(void) {
    need_forks();
    int kq = new_kqueue();
    add_proc(kq, getpid(), NOTE_FORK | NOTE_EXIT);
    reaped(fork_exiting(0));
    EXPECT_PROC(kq, getpid(), EV_ADD | EV_CLEAR, NOTE_FORK, 0);
    require_silent(kq);
    REQUIRE(delete_knote(kq, (uintptr_t)getpid(), EVFILT_PROC));
}

static void fork_wakes_a_waiter(void) {
    need_forks();
    int kq = new_kqueue();
    struct served child = serve_child();
    struct waiter waiter;
    add_proc(kq, child.pid, NOTE_FORK);
    start_waiter(&waiter, kq, 1, PATIENCE);
    park_waiter(&waiter);
    have(&child, 'f');
    join_waiter(&waiter);
    REQUIRE_EQ(waiter.result, 1);
    REQUIRE_EQ(waiter.events[0].fflags, NOTE_FORK);
}

static void drained_kqueue_is_not_readable(void) {
    need_forks();
    int kq = new_kqueue();
    struct pollfd readable = {.fd = kq, .events = POLLIN};
    struct served child = serve_child();
    add_proc(kq, child.pid, NOTE_FORK);
    REQUIRE_EQ(poll(&readable, 1, 0), 0);
    have(&child, 'f');
    REQUIRE_EQ(poll(&readable, 1, PATIENCE), 1);
    EXPECT_FORK(kq, child);
    REQUIRE_EQ(poll(&readable, 1, 50), 0);
}

static void zombie_with_forks_wanted(void) {
    need_forks();
    int kq = new_kqueue();
    pid_t child = zombie(1);
    REQUIRE_EQ(change_errno(kq, (uintptr_t)child, EVFILT_PROC, EV_ADD, NOTE_FORK | NOTE_TRACK, 0, NULL), ESRCH);
    add_proc(kq, child, NOTE_FORK | NOTE_EXEC | NOTE_EXIT);
    EXPECT_EXIT(kq, child, 1 << 8);
}

static void facilities_give_descriptors_back(void) {
    need_forks();
    int before = open_descriptors(), kq = new_kqueue();
    struct served child = serve_child();
    add_proc(kq, child.pid, NOTE_FORK | NOTE_EXEC | NOTE_EXIT);
    have(&child, 'f');
    EXPECT_FORK(kq, child);
    for (int fd = 512; fd < 4096; fd++)
        REQUIRE(fcntl(fd, F_GETFD) == -1 || (fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
    REQUIRE_EQ(close(kq), 0);
    REQUIRE_EQ(close(child.control), 0);
    REQUIRE_EQ(open_descriptors(), before);
}

/* ---- The copy in a forked child ---- */

static void copy_learns_of_forks(void) {
    need_forks();
    int kq = kqueuex(KQUEUE_CPONFORK), before;
    struct served child = serve_child();
    REQUIRE(kq >= 0);
    add_proc(kq, child.pid, NOTE_FORK | NOTE_EXIT);
    before = open_descriptors();
    pid_t copy = fork();
    if (copy == 0) {
        if (!lacks_descriptors_of_processes()) /* it is no child of the copy's */
            REQUIRE_EQ(open_descriptors(), before);
        have(&child, 'f');
        EXPECT_FORK(kq, child);
        _exit(0);
    }
    finish_child(copy);
    EXPECT_FORK(kq, child);
    have(&child, 'f');
    EXPECT_FORK(kq, child);
    finish_served(kq, &child);
}

/* A forked child that gets no copy leaves nothing open and takes nothing from the parent. */
static void forked_child_takes_nothing(void) {
    need_forks();
    int before = open_descriptors(), kq = new_kqueue();
    struct served child = serve_child();
    add_proc(kq, child.pid, NOTE_FORK | NOTE_EXIT);
    pid_t other = fork();
    if (other == 0) {
        REQUIRE_EQ(close(child.control), 0);
        REQUIRE_EQ(open_descriptors(), before);
        _exit(0);
    }
    finish_child(other);
    have(&child, 'f');
    EXPECT_FORK(kq, child);
}

/* ---- NOTE_TRACK ---- */

/* What is to come of a child: NOTE_CHILD, then its end. */
static void expect_child(int kq, uintptr_t pid, pid_t parent, const void *udata) {
    struct kevent event = next_event(kq);
    expect_event(__FILE__, __LINE__, event, (int)pid, EVFILT_PROC, EV_ADD | EV_CLEAR | EV_ONESHOT, NOTE_CHILD,
                 parent);
    REQUIRE(event.udata == udata);
}

static void child_is_tracked(void) {
    need_track();
    int kq = new_kqueue(), mark;
    struct served child = serve_child();
    change(kq, (uintptr_t)child.pid, EVFILT_PROC, EV_ADD, NOTE_TRACK | NOTE_EXIT | NOTE_EXEC, 0, &mark);
    pid_t grandchild = have(&child, 'F');
    expect_child(kq, (uintptr_t)grandchild, child.pid, &mark);
    require_silent(kq);
    REQUIRE_EQ(kill(grandchild, SIGTERM), 0);
    struct kevent event = next_event(kq);
    expect_event(__FILE__, __LINE__, event, grandchild, EVFILT_PROC, EXIT_FLAGS, NOTE_EXIT, SIGTERM);
    REQUIRE(event.udata == &mark);
    REQUIRE_NO_KNOTE(kq, grandchild, EVFILT_PROC, ENOENT);
    finish_served(kq, &child);
}

static void parent_tells_forks_if_asked(void) {
    need_track();
    int kq = new_kqueue();
    struct served child = serve_child();
    add_proc(kq, child.pid, NOTE_TRACK | NOTE_FORK | NOTE_EXIT);
    pid_t grandchild = have(&child, 'F');
    struct kevent events[4];
    int got = collect(kq, events, 4, PATIENCE);
    if (got == 1)
        got += collect(kq, events + 1, 3, PATIENCE);
    REQUIRE_EQ(got, 2);
    bool parent_first = events[0].ident == (uintptr_t)child.pid;
    expect_event(__FILE__, __LINE__, events[parent_first ? 0 : 1], child.pid, EVFILT_PROC, EV_ADD | EV_CLEAR, NOTE_FORK,
                 0);
    expect_event(__FILE__, __LINE__, events[parent_first ? 1 : 0], grandchild, EVFILT_PROC,
                 EV_ADD | EV_CLEAR | EV_ONESHOT, NOTE_CHILD, child.pid);
    REQUIRE_EQ(kill(grandchild, SIGKILL), 0);
    EXPECT_EXIT(kq, grandchild, SIGKILL);
    finish_served(kq, &child);
}

/* Gone before its fork could be read: its end is told all the same, with its status. */
static void child_that_is_gone_is_reported(void) {
    need_track();
    int kq = new_kqueue(), mark;
    struct served child = serve_child();
    change(kq, (uintptr_t)child.pid, EVFILT_PROC, EV_ADD, NOTE_TRACK | NOTE_EXIT, 0, &mark);
    pid_t gone = have(&child, 'f'); /* which ended with 9 */
    expect_child(kq, (uintptr_t)gone, child.pid, &mark);
    struct kevent event = next_event(kq);
    expect_event(__FILE__, __LINE__, event, gone, EVFILT_PROC, EXIT_FLAGS, NOTE_EXIT, 9 << 8);
    REQUIRE(event.udata == &mark);
    require_silent(kq);
    REQUIRE_NO_KNOTE(kq, gone, EVFILT_PROC, ENOENT);
    finish_served(kq, &child);
}

static void child_is_never_merged_with_its_end(void) {
    need_track();
    int kq = new_kqueue();
    struct served child = serve_child();
    add_proc(kq, child.pid, NOTE_TRACK | NOTE_EXIT);
    for (int i = 0; i < 20; i++) {
        pid_t gone = have(&child, 'f');
        struct kevent events[8];
        int got = 0;
        while (got < 2) {
            int more = collect(kq, events + got, 8 - got, PATIENCE);
            REQUIRE(more > 0);
            got += more;
        }
        REQUIRE_EQ(got, 2);
        REQUIRE_EQ(events[0].ident, gone);
        REQUIRE_EQ(events[0].fflags, NOTE_CHILD);
        REQUIRE_EQ(events[1].ident, gone);
        REQUIRE_EQ(events[1].fflags, NOTE_EXIT);
    }
    finish_served(kq, &child);
}

static void grandchildren_are_tracked(void) {
    need_track();
    int kq = new_kqueue(), children = 0, ends = 0;
    struct served child = serve_child();
    add_proc(kq, child.pid, NOTE_TRACK | NOTE_EXIT);
    pid_t middle = have(&child, 'g');
    while (children + ends < 4) {
        struct kevent event;
        REQUIRE_EQ(collect(kq, &event, 1, PATIENCE), 1);
        if (event.fflags == NOTE_CHILD) {
            children++;
            REQUIRE_EQ(event.data, event.ident == (uintptr_t)middle ? child.pid : middle);
        } else {
            ends++;
            REQUIRE_EQ(event.fflags, NOTE_EXIT);
            REQUIRE_EQ(event.data, event.ident == (uintptr_t)middle ? 1 << 8 : 2 << 8);
        }
    }
    REQUIRE_EQ(children, 2);
    finish_served(kq, &child);
}

static void ends_that_are_not_wanted_are_not_told(void) {
    need_track();
    int kq = new_kqueue();
    struct served child = serve_child();
    add_proc(kq, child.pid, NOTE_TRACK | NOTE_EXEC);
    pid_t gone = have(&child, 'f');
    expect_child(kq, (uintptr_t)gone, child.pid, NULL);
    require_silent(kq);
    REQUIRE_NO_KNOTE(kq, gone, EVFILT_PROC, ENOENT);
    pid_t spawned = have(&child, 'p');
    expect_child(kq, (uintptr_t)spawned, child.pid, NULL);
    struct kevent event = next_event(kq);
    expect_event(__FILE__, __LINE__, event, spawned, EVFILT_PROC, EXIT_FLAGS, NOTE_EXEC, event.data);
    end_child(&child, 0);
    require_silent(kq);
}

static void tracking_can_be_ended(void) {
    need_track();
    int kq = new_kqueue();
    struct served child = serve_child();
    add_proc(kq, child.pid, NOTE_TRACK | NOTE_EXIT);
    pid_t first = have(&child, 'F');
    expect_child(kq, (uintptr_t)first, child.pid, NULL);
    REQUIRE(delete_knote(kq, (uintptr_t)first, EVFILT_PROC));
    REQUIRE_EQ(kill(first, SIGKILL), 0);
    require_silent(kq);
    add_proc(kq, child.pid, NOTE_EXIT);
    have(&child, 'f');
    require_silent(kq);
    finish_served(kq, &child);
}

/* What is registered for a child already is kept, and its birth told. */
static void child_that_is_watched_already(void) {
    need_track();
    int kq = new_kqueue(), parents, own;
    change(kq, (uintptr_t)getpid(), EVFILT_PROC, EV_ADD, NOTE_TRACK, 0, &parents);
    struct served child = serve_child();
    change(kq, (uintptr_t)child.pid, EVFILT_PROC, EV_ADD, NOTE_EXIT, 0, &own);
    expect_child(kq, (uintptr_t)child.pid, getpid(), &own);
    end_child(&child, 4);
    struct kevent event = next_event(kq);
    expect_event(__FILE__, __LINE__, event, child.pid, EVFILT_PROC, EXIT_FLAGS, NOTE_EXIT, 4 << 8);
    REQUIRE(event.udata == &own);
    require_silent(kq);
}

static void disabled_parent_still_tracks(void) {
    need_track();
    int kq = new_kqueue();
    struct served child = serve_child();
    change(kq, (uintptr_t)child.pid, EVFILT_PROC, EV_ADD | EV_DISABLE, NOTE_TRACK | NOTE_EXIT | NOTE_FORK, 0, NULL);
    pid_t grandchild = have(&child, 'F');
    expect_child(kq, (uintptr_t)grandchild, child.pid, NULL);
    REQUIRE_EQ(kill(grandchild, SIGKILL), 0);
    EXPECT_EXIT(kq, grandchild, SIGKILL);
    change(kq, (uintptr_t)child.pid, EVFILT_PROC, EV_ENABLE, 0, 0, NULL);
    EXPECT_FORK(kq, child);
}

/* The tracker's own end does not lose what it forked just before. */
static void last_child_is_not_lost(void) {
    need_track();
    for (int round = 0; round < 30; round++) {
        int kq = new_kqueue(), children = 0, ends = 0;
        struct served child = serve_child();
        add_proc(kq, child.pid, NOTE_TRACK | NOTE_EXIT);
        pid_t last = have(&child, 'F');
        end_child(&child, 0);
        REQUIRE_EQ(kill(last, SIGKILL), 0);
        while (children + ends < 3) {
            struct kevent event;
            REQUIRE_EQ(collect(kq, &event, 1, PATIENCE), 1);
            children += event.fflags == NOTE_CHILD;
            ends += event.fflags == NOTE_EXIT;
        }
        REQUIRE_EQ(children, 1);
        REQUIRE_EQ(close(kq), 0);
        REQUIRE_EQ(close(child.control), 0);
    }
}

/* As it has udata, of which kevent64() has two words more. */
static void child_has_its_parents_words(void) {
    need_track();
    int kq = new_kqueue();
    struct kevent64_s entry;
    EV_SET64(&entry, getpid(), EVFILT_PROC, EV_ADD, NOTE_TRACK, 0, 3, 1, 2);
    REQUIRE_EQ(kevent64(kq, &entry, 1, NULL, 0, 0, NULL), 0);
    pid_t child = fork_exiting(0);
    REQUIRE_EQ(kevent64(kq, NULL, 0, &entry, 1, 0, &(struct timespec){.tv_sec = 5}), 1);
    REQUIRE_EQ(entry.ident, child);
    REQUIRE_EQ(entry.fflags, NOTE_CHILD);
    REQUIRE_EQ(entry.udata, 3);
    REQUIRE_EQ(entry.ext[0], 1);
    REQUIRE_EQ(entry.ext[1], 2);
    reaped(child);
}

enum { FORKS = 1000 };
static unsigned char births[1 << 22], deaths[1 << 22];

struct tally {
    int children, ends, errors;
};

/*
 * Counts what comes; each child at most once, and never dead before it is born. A number may come again, on a machine
 * that makes many processes meanwhile, for the next child that has it.
 */
static void count_events(const struct kevent *events, int count, pid_t parent, struct tally *tally) {
    for (int i = 0; i < count; i++) {
        uintptr_t pid = events[i].ident;
        REQUIRE(pid < sizeof births);
        if (events[i].fflags & NOTE_TRACKERR) {
            tally->errors++;
        } else if (events[i].fflags == NOTE_CHILD) {
            REQUIRE_EQ(events[i].data, parent);
            REQUIRE_EQ(births[pid], deaths[pid]);
            births[pid]++;
            tally->children++;
        } else if (pid != (uintptr_t)parent) {
            REQUIRE_EQ(events[i].fflags, NOTE_EXIT);
            REQUIRE_EQ(births[pid], deaths[pid] + 1);
            deaths[pid]++;
            tally->ends++;
        }
    }
}

/* Every one of a thousand is reported, in a loop that is busy with nothing else. */
static void thousand_forks_are_tracked(void) {
    need_track();
    int kq = new_kqueue();
    struct served child = serve_child();
    struct tally tally = {0};
    add_proc(kq, child.pid, NOTE_TRACK | NOTE_EXIT);
    give_order(&child, 'm', FORKS);
    while (tally.errors == 0 && tally.children + tally.ends < 2 * FORKS) {
        struct kevent events[64];
        int got = collect(kq, events, 64, 50000); /* a busy machine may leave the child no time for long */
        if (got == 0)
            contract_fail(__FILE__, __LINE__, "%d births and %d ends of %d", tally.children, tally.ends, FORKS);
        count_events(events, got, child.pid, &tally);
    }
    if (tally.errors > 0) { /* some were missed, and those that are to come are not counted */
        REQUIRE_EQ(answer_of(&child), FORKS);
        return;
    }
    REQUIRE(tally.children == FORKS && tally.ends == FORKS);
    require_silent(kq);
    finish_served(kq, &child);
}

/* Of more than the system holds for us, some may be missed; that is said, and every end is told. */
static void overrun_is_told(void) {
    need_proc("a birth that is told late is told by its time from the number's next process");
    need_track();
    const int forks = sanitized() ? 5000 : 40000; /* a sanitized process takes ten times as long to fork */
    int kq = new_kqueue();
    struct served child = serve_child(), other = serve_child();
    struct tally tally = {0};
    add_proc(kq, child.pid, NOTE_TRACK | NOTE_EXIT);
    add_proc(kq, other.pid, NOTE_EXIT | NOTE_FORK);
    give_order(&child, 'm', forks);
    REQUIRE_EQ(answer_of(&child), forks);
    end_child(&other, 6);
    bool other_ended = false;
    for (;;) {
        struct kevent events[64];
        int got = collect(kq, events, 64, 1000), kept = 0;
        if (got == 0)
            break;
        for (int i = 0; i < got; i++) {
            if (events[i].ident != (uintptr_t)other.pid) {
                events[kept++] = events[i];
            } else if (events[i].fflags & NOTE_EXIT) { /* that it forked may be said in vain */
                REQUIRE_EQ(events[i].data, 6 << 8);
                other_ended = true;
            }
        }
        for (int i = 0; i < kept; i++) {
            tally.errors += (events[i].fflags & NOTE_TRACKERR) != 0;
            tally.children += events[i].fflags == NOTE_CHILD;
            tally.ends += (events[i].fflags & NOTE_EXIT) != 0; /* with NOTE_TRACKERR, where it was lost */
        }
    }
    REQUIRE(other_ended);
    REQUIRE_EQ(tally.children, tally.ends); /* whoever was born has died */
    REQUIRE(tally.errors > 0 || tally.children == forks);
    pid_t grandchild = have(&child, 'F'); /* and tracking goes on */
    expect_child(kq, (uintptr_t)grandchild, child.pid, NULL);
    REQUIRE_EQ(kill(grandchild, SIGKILL), 0);
    EXPECT_EXIT(kq, grandchild, SIGKILL);
    finish_served(kq, &child);
}

static void failure_to_attach_is_told(void) {
    need_track();
    if (lacks_descriptors_of_processes())
        contract_skip("no pidfd_open: a process has no descriptor that could be lacking");
    int kq = new_kqueue(), last = -1, fd;
    struct served child = serve_child();
    struct rlimit limit = {.rlim_cur = 40, .rlim_max = 40};
    REQUIRE_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
    add_proc(kq, child.pid, NOTE_TRACK | NOTE_EXIT);
    while ((fd = open("/dev/null", O_RDONLY | O_CLOEXEC)) >= 0)
        last = fd;
    REQUIRE_EQ(errno, EMFILE);
    pid_t grandchild = have(&child, 'F');
    struct kevent event = next_event(kq);
    expect_event(__FILE__, __LINE__, event, child.pid, EVFILT_PROC, EV_ADD | EV_CLEAR, NOTE_TRACKERR, 0);
    REQUIRE_EQ(close(last), 0);
    REQUIRE_EQ(kill(grandchild, SIGKILL), 0);
    require_silent(kq);
    finish_served(kq, &child);
}

/* ---- Each facility, forced ---- */

#define BY_PERF(name) \
    static void name##_by_perf(void) { \
        posix_lacks("nothing tells of forks and execs"); \
        without_connector(); \
        if (bits_errno(NOTE_FORK | NOTE_EXEC) == ENOTSUP) \
            contract_skip("no perf events"); \
        name(); \
    }
BY_PERF(forks_are_reported)
BY_PERF(threads_are_silent)
BY_PERF(grandchildren_are_silent)
BY_PERF(execs_are_reported)
BY_PERF(exec_by_another_thread)
BY_PERF(several_are_one_event)
BY_PERF(pending_ones_come_with_the_exit)
BY_PERF(pending_ones_come_where_the_exit_is_not_wanted)
BY_PERF(pending_ones_are_one_event_for_any_room)
BY_PERF(each_process_is_one_event)
BY_PERF(only_what_the_mask_says)
BY_PERF(recorded_while_disabled)
BY_PERF(other_processes_are_silent)
BY_PERF(two_kqueues_and_two_masks)
BY_PERF(many_are_watched)
BY_PERF(fork_wakes_a_waiter)
BY_PERF(drained_kqueue_is_not_readable)
BY_PERF(facilities_give_descriptors_back)
BY_PERF(copy_learns_of_forks)
BY_PERF(forked_child_takes_nothing)

/* Threads that were there before, and those that they make. */
static void threads_that_are_there_by_perf(void) {
    without_connector();
    need_forks();
    int kq = new_kqueue();
    struct served child = serve_child();
    have(&child, 'w'); /* a thread that forks when it is told to */
    add_proc(kq, child.pid, NOTE_FORK);
    have(&child, 'W');
    EXPECT_FORK(kq, child);
    have(&child, 'T');
    EXPECT_FORK(kq, child);
}

static void perf_does_not_track(void) {
    without_connector();
    int kq = new_kqueue();
    struct served child = serve_child();
    REQUIRE_EQ(change_errno(kq, (uintptr_t)child.pid, EVFILT_PROC, EV_ADD, NOTE_TRACK | NOTE_EXIT, 0, NULL), ENOTSUP);
    REQUIRE_NO_KNOTE(kq, child.pid, EVFILT_PROC, ENOENT);
}

static void neither_facility(void) {
    static const unsigned bits[] = {NOTE_FORK, NOTE_EXEC, NOTE_TRACK, NOTE_EXIT | NOTE_FORK};
    without_connector();
    without_perf();
    int kq = new_kqueue(), before;
    struct served child = serve_child();
    add_user(kq, 1, 0);
    before = open_descriptors();
    for (size_t i = 0; i < sizeof bits / sizeof *bits; i++) {
        REQUIRE_EQ(change_errno(kq, (uintptr_t)child.pid, EVFILT_PROC, EV_ADD, bits[i], 0, NULL), ENOTSUP);
        REQUIRE_NO_KNOTE(kq, child.pid, EVFILT_PROC, ENOENT);
    }
    REQUIRE_EQ(open_descriptors(), before);
    add_proc(kq, child.pid, NOTE_EXIT);
    REQUIRE_EQ(change_errno(kq, (uintptr_t)child.pid, EVFILT_PROC, EV_ADD, NOTE_FORK | NOTE_EXIT, 0, NULL), ENOTSUP);
    end_child(&child, 9); /* the knote is as it was */
    EXPECT_EXIT(kq, child.pid, 9 << 8);
}

/* ---- Privileges ---- */

static void nobody_learns_of_forks(void) {
    need_nobody();
    become_nobody();
    forks_are_reported();
}

static void nobody_learns_of_execs(void) {
    need_nobody();
    become_nobody();
    execs_are_reported();
}

static void nobody_by_perf(void) {
    need_nobody();
    become_nobody();
    forks_are_reported_by_perf();
}

static void nobody_tracks(void) {
    need_nobody();
    become_nobody();
    child_is_tracked();
}

/* A kernel of before 6.6: a connector is neither opened nor bound where CAP_NET_ADMIN is not in effect. */
static bool old_kernel;
static int binds_refused, binds_let, sockets_let, sockets_refused;

static void get_capabilities(struct __user_cap_data_struct *sets) {
    struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
    REQUIRE_EQ(syscall(SYS_capget, &header, sets), 0);
}

static void set_capabilities(unsigned effective, unsigned permitted) {
    struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct sets[2] = {{.effective = effective, .permitted = permitted}};
    REQUIRE_EQ(syscall(SYS_capset, &header, sets), 0);
}

static bool is_effective(void) {
    struct __user_cap_data_struct sets[2];
    get_capabilities(sets);
    return (sets[0].effective & 1u << CAP_NET_ADMIN) != 0;
}

/* The kernel remembers of whom the socket is, and asks that of who opened it. */
int socket(int domain, int type, int protocol) {
    sockets_let += old_kernel && domain == AF_NETLINK && protocol == 11 /* NETLINK_CONNECTOR */ && is_effective();
    int descriptor = (int)syscall(SYS_socket, domain, type, protocol);
    sockets_refused += descriptor == -1 && errno == EPERM; /* such a kernel itself, or a filter that stands for one */
    return descriptor;
}

int bind(int fd, const struct sockaddr *address, socklen_t length) {
    if (old_kernel && address->sa_family == AF_NETLINK) {
        if (!is_effective()) {
            binds_refused++;
            errno = EPERM;
            return -1;
        }
        binds_let++;
    }
    return (int)syscall(SYS_bind, fd, address, length);
}

static void permitted_capability_is_raised(void) {
    struct __user_cap_data_struct sets[2];
    without_perf();
    get_capabilities(sets);
    if ((sets[0].permitted & 1u << CAP_NET_ADMIN) == 0)
        contract_skip("CAP_NET_ADMIN is not permitted");
    need_track();
    if (prctl(PR_SET_KEEPCAPS, 1) != 0)
        contract_skip("capabilities cannot be kept");
    need_nobody();
    become_nobody();
    set_capabilities(0, 1u << CAP_NET_ADMIN);
    old_kernel = true;
    int kq = new_kqueue(), code;
    struct served child = serve_child();
    code = change_errno(kq, (uintptr_t)child.pid, EVFILT_PROC, EV_ADD, NOTE_TRACK | NOTE_FORK, 0, NULL);
    REQUIRE(binds_refused > 0);
    if (code == ENOTSUP && binds_let == 0)
        contract_skip("built without libcap");
    REQUIRE_EQ(code, 0);
    REQUIRE_EQ(binds_let, 1);
    REQUIRE_EQ(sockets_let, 1);
    get_capabilities(sets);
    REQUIRE_EQ(sets[0].effective, 0); /* for the connector alone */
    REQUIRE_EQ(sets[0].permitted, 1u << CAP_NET_ADMIN);
    have(&child, 'F');
    struct kevent events[2];
    REQUIRE(collect(kq, events, 2, PATIENCE) > 0);
}

static void refused_without_the_capability(void) {
    posix_lacks("nothing tells of forks and execs");
    without_perf();
    need_nobody();
    become_nobody();
    if (geteuid() == 0)
        contract_skip("root still");
    old_kernel = true;
    int kq = new_kqueue(), before;
    struct served child = serve_child();
    add_user(kq, 1, 0);
    before = open_descriptors();
    REQUIRE_EQ(change_errno(kq, (uintptr_t)child.pid, EVFILT_PROC, EV_ADD, NOTE_FORK, 0, NULL), ENOTSUP);
    REQUIRE(binds_refused > 0 || sockets_refused > 0);
    REQUIRE_EQ(binds_let, 0);
    REQUIRE_EQ(open_descriptors(), before);
    REQUIRE_NO_KNOTE(kq, child.pid, EVFILT_PROC, ENOENT);
}

static void perf_takes_over(void) {
    posix_lacks("nothing tells of forks and execs");
    need_nobody();
    become_nobody();
    old_kernel = true;
    if (bits_errno(NOTE_FORK | NOTE_EXEC) == ENOTSUP)
        contract_skip("no perf events");
    forks_are_reported();
}

/* Where numbers of processes are not the system's own, the connector's are no use. */
static void own_number_space(void) {
    if (sanitized())
        contract_skip("the sanitizer's check for leaks needs a process tree of its own");
    if (unshare(CLONE_NEWPID) != 0)
        contract_skip("no pid namespace: %s", strerror(errno));
    pid_t first = fork();
    if (first == 0) {
        int kq = new_kqueue();
        struct served child = serve_child();
        add_proc(kq, child.pid, NOTE_EXIT);
        REQUIRE_EQ(change_errno(kq, (uintptr_t)child.pid, EVFILT_PROC, EV_ADD, NOTE_TRACK | NOTE_EXIT, 0, NULL),
                   ENOTSUP);
        if (change_errno(kq, (uintptr_t)child.pid, EVFILT_PROC, EV_ADD, NOTE_FORK | NOTE_EXIT, 0, NULL) == 0) {
            have(&child, 'f');
            EXPECT_FORK(kq, child);
        }
        finish_served(kq, &child);
        exit(0);
    }
    finish_child(first);
}

/* ---- A number that another process has by the time its birth is looked at ---- */

/* Looks at it meanwhile, and keeps what its end says. */
static void *collect_birth_and_end(void *argument) {
    struct kevent *event = argument;
    int kq = (int)event->ident;
    do
        REQUIRE_EQ(collect(kq, event, 1, PATIENCE), 1);
    while (!(event->fflags & NOTE_EXIT));
    return NULL;
}

/* Makes a process of this number, which is over at once. */
static void give_number_away(int last_number, pid_t number) {
    REQUIRE(dprintf(last_number, "%d", (int)number - 1) > 0);
    REQUIRE_EQ(lseek(last_number, 0, SEEK_SET), 0);
    reaped(vfork_exiting());
}

static void number_is_given_away(void) {
    need_track();
    if (getenv("KQUEUE_TEST_NUMBERS") == NULL)
        contract_skip("numbers of other tests' processes would be given away too; KQUEUE_TEST_NUMBERS is not set");
    int kq = new_kqueue(), last_number = open("/proc/sys/kernel/ns_last_pid", O_WRONLY | O_CLOEXEC);
    if (last_number < 0)
        contract_skip("the next process's number cannot be chosen");
    struct served child = serve_child();
    add_proc(kq, child.pid, NOTE_TRACK | NOTE_EXIT | NOTE_EXITSTATUS);
    for (int round = 0; round < 100; round++) {
        pid_t number = have(&child, 'f');
        struct kevent event = {.ident = (uintptr_t)kq};
        sleep_ms(60); /* some ticks: by these the library tells apart when processes began */
        pthread_t thread = start_thread(collect_birth_and_end, &event);
        give_number_away(last_number, number);
        join_thread(thread);
        REQUIRE_EQ(event.ident, number);
        REQUIRE_EQ(event.data, 9 << 8);
    }
}

const struct contract_case proc_tree_cases[] = {
    {"C-265", "neither facility: ENOTSUP, and nothing is registered", neither_facility, 0},
    {"C-265", "perf events do not track: ENOTSUP", perf_does_not_track, 0},
    {"C-265", "no capability on an older kernel: ENOTSUP", refused_without_the_capability, 0},
    {"C-265", "a capability that is permitted is raised for the bind alone", permitted_capability_is_raised, 0},
    {"C-265", "no capability on an older kernel: perf events take over", perf_takes_over, 30},
    {"C-265", "a pid namespace", own_number_space, 20},
    {"C-265", "a zombie with forks wanted", zombie_with_forks_wanted, 0},
    {"C-266", "execs are reported", execs_are_reported, 0},
    {"C-266", "an exec by another thread than the first", exec_by_another_thread, 0},
    {"C-266", "execs are reported to nobody in particular", nobody_learns_of_execs, 0},
    {"C-266", "execs are reported by perf events", execs_are_reported_by_perf, 0},
    {"C-266", "an exec by another thread, by perf events", exec_by_another_thread_by_perf, 0},
    {"C-267", "forks are reported, in each of their ways", forks_are_reported, 20},
    {"C-267", "those before the registration or its mask are not told", forks_before_are_not_told, 0},
    {"C-267", "nor where all are heard", forks_before_are_not_told_beside_tracking, 0},
    {"C-267", "new threads are silent", threads_are_silent, 0},
    {"C-267", "what children do is silent", grandchildren_are_silent, 0},
    {"C-267", "several are one event", several_are_one_event, 0},
    {"C-267", "pending ones come with the exit", pending_ones_come_with_the_exit, 0},
    {"C-267", "pending ones come where the exit is not wanted", pending_ones_come_where_the_exit_is_not_wanted, 0},
    {"C-267", "only what the mask says", only_what_the_mask_says, 0},
    {"C-267", "pending ones go with their bit of the mask", pending_ones_go_with_their_bit, 0},
    {"C-267", "recorded while disabled", recorded_while_disabled, 0},
    {"C-267", "EV_ONESHOT is over with the first", oneshot_is_over_with_the_first, 0},
    {"C-267", "other processes are silent", other_processes_are_silent, 0},
    {"C-267", "two kqueues, two masks", two_kqueues_and_two_masks, 0},
    {"C-267", "many are watched", many_are_watched, 60},
    {"C-267", "the own forks", own_forks_are_reported, 0},
    {"C-267", "a fork wakes a waiter", fork_wakes_a_waiter, 0},
    {"C-267", "forks are reported to nobody in particular", nobody_learns_of_forks, 20},
    {"C-267", "forks are reported by perf events", forks_are_reported_by_perf, 20},
    {"C-267", "forks are reported by perf events to nobody", nobody_by_perf, 20},
    {"C-267", "threads that are there, by perf events", threads_that_are_there_by_perf, 0},
    {"C-267", "new threads are silent, by perf events", threads_are_silent_by_perf, 0},
    {"C-267", "what children do is silent, by perf events", grandchildren_are_silent_by_perf, 0},
    {"C-267", "several are one event, by perf events", several_are_one_event_by_perf, 0},
    {"C-267", "pending ones come with the exit, by perf events", pending_ones_come_with_the_exit_by_perf, 0},
    {"C-267", "pending ones without the exit, by perf events",
     pending_ones_come_where_the_exit_is_not_wanted_by_perf, 0},
    {"C-267", "only what the mask says, by perf events", only_what_the_mask_says_by_perf, 0},
    {"C-267", "recorded while disabled, by perf events", recorded_while_disabled_by_perf, 0},
    {"C-267", "other processes are silent, by perf events", other_processes_are_silent_by_perf, 0},
    {"C-267", "two kqueues, two masks, by perf events", two_kqueues_and_two_masks_by_perf, 0},
    {"C-267", "many are watched, by perf events", many_are_watched_by_perf, 60},
    {"C-267", "a fork wakes a waiter, by perf events", fork_wakes_a_waiter_by_perf, 0},
    {"C-268", "a child is tracked", child_is_tracked, 0},
    {"C-268", "the parent tells its forks if asked", parent_tells_forks_if_asked, 0},
    {"C-268", "a child that is gone is reported", child_that_is_gone_is_reported, 0},
    {"C-268", "a child is never merged with its end", child_is_never_merged_with_its_end, 0},
    {"C-268", "grandchildren are tracked", grandchildren_are_tracked, 0},
    {"C-268", "ends that are not wanted are not told", ends_that_are_not_wanted_are_not_told, 0},
    {"C-268", "tracking can be ended", tracking_can_be_ended, 0},
    {"C-268", "a child that is watched already", child_that_is_watched_already, 0},
    {"C-268", "a disabled parent still tracks", disabled_parent_still_tracks, 0},
    {"C-268", "the last child of a process is not lost", last_child_is_not_lost, 30},
    {"C-268", "a child has its parent's ext", child_has_its_parents_words, 0},
    {"C-268", "a thousand forks", thousand_forks_are_tracked, 60},
    {"C-268", "more forks than the system holds for us", overrun_is_told, 120},
    {"C-268", "failure to attach is told", failure_to_attach_is_told, 0},
    {"C-268", "nobody in particular tracks", nobody_tracks, 0},
    {"C-270", "a number is given away before its birth is looked at", number_is_given_away, 60},
    {"C-100", "PROC: not readable once a fork is drained", drained_kqueue_is_not_readable, 0},
    {"C-100", "PROC: not readable once a fork is drained, by perf events", drained_kqueue_is_not_readable_by_perf, 0},
    {"C-098", "PROC: facilities give descriptors back", facilities_give_descriptors_back, 0},
    {"C-098", "PROC: perf events give descriptors back", facilities_give_descriptors_back_by_perf, 0},
    {"C-140", "PROC: a copied kqueue learns of forks", copy_learns_of_forks, 0},
    {"C-140", "PROC: a copied kqueue learns of forks, by perf events", copy_learns_of_forks_by_perf, 0},
    {"C-144", "PROC: a forked child takes nothing", forked_child_takes_nothing, 0},
    {"C-144", "PROC: a forked child takes nothing, by perf events", forked_child_takes_nothing_by_perf, 0},
    {"C-349", "what is pending is one event, whatever the room", pending_ones_are_one_event_for_any_room, 30},
    {"C-349", "so is what is not reported yet when it is delivered", what_is_not_reported_yet_is_in_the_event, 20},
    {"C-349", "each process is one event in a list of one", each_process_is_one_event, 0},
    {"C-349", "one event whatever the room, by perf events", pending_ones_are_one_event_for_any_room_by_perf, 30},
    {"C-349", "each process is one event in a list of one, by perf events", each_process_is_one_event_by_perf, 0},
    {NULL, NULL, NULL, 0},
};
