/*
 * EVFILT_SIGNAL: what is counted and how it is told, C-273 to C-286.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "signals.h"

#include <sys/epoll.h>

static void one_kill_is_one_event(void) {
    int kq = new_kqueue(), mark;
    struct kevent event;
    change(kq, SIGUSR1, EVFILT_SIGNAL, EV_ADD, 0xffff, 77, &mark); /* fflags and data mean nothing */
    require_silent(kq);
    deliver(SIGUSR1);
    event = next_event(kq);
    REQUIRE_EQ(event.ident, SIGUSR1);
    REQUIRE_EQ(event.filter, EVFILT_SIGNAL);
    REQUIRE_EQ(event.flags, EV_ADD | EV_CLEAR);
    REQUIRE_EQ(event.fflags, 0);
    REQUIRE_EQ(event.data, 1);
    REQUIRE(event.udata == &mark);
}

static void a_waiter_is_woken(void) {
    int kq = new_kqueue();
    struct waiter waiter;
    watch(kq, SIGUSR1, 0);
    block(SIGUSR1); /* in this thread, and the one that waits */
    start_waiter(&waiter, kq, 1, -1);
    unblock(SIGUSR1);
    park_waiter(&waiter);
    deliver(SIGUSR1);
    join_waiter(&waiter);
    REQUIRE_EQ(waiter.result, 1);
    REQUIRE_EQ(waiter.events[0].data, 1);
}

static void after_delivery_it_is_silent(void) {
    int kq = new_kqueue();
    watch(kq, SIGUSR1, 0);
    for (int i = 0; i < 3; i++) {
        deliver(SIGUSR1);
        EXPECT_SIGNAL(kq, SIGUSR1, 1);
        require_silent(kq);
    }
    require_asleep(kq);
}

static void real_time_signals_are_counted(void) {
    need_exact_signals();
    int kq = new_kqueue(), number = SIGRTMIN + 2;
    watch(kq, number, 0);
    for (int i = 0; i < 3; i++)
        deliver(number);
    EXPECT_SIGNAL(kq, number, 3);
    require_silent(kq);
    deliver(SIGRTMIN + 2);
    EXPECT_SIGNAL(kq, number, 1);
}

static void the_ends_of_the_range_work(void) {
    need_exact_signals();
    const int numbers[] = {SIGHUP, SIGRTMIN, last_signal()};
    int kq = new_kqueue();
    for (int i = 0; i < 3; i++) {
        watch(kq, numbers[i], 0);
        deliver(numbers[i]);
        EXPECT_SIGNAL(kq, numbers[i], 1);
    }
}

static void a_handler_runs_too(void) {
    int kq = new_kqueue();
    install(SIGUSR1, note_run, 0);
    watch(kq, SIGUSR1, 0);
    for (int i = 1; i <= 3; i++) {
        deliver(SIGUSR1);
        REQUIRE_EQ(runs, i);
        REQUIRE_EQ(last_number, SIGUSR1);
    }
    EXPECT_SIGNAL(kq, SIGUSR1, 3);
}

static void an_ignored_one_counts(void) {
    int kq = new_kqueue();
    install(SIGUSR1, SIG_IGN, 0);
    watch(kq, SIGUSR1, 0);
    deliver(SIGUSR1);
    deliver(SIGUSR1);
    EXPECT_SIGNAL(kq, SIGUSR1, 2);
    install(SIGCHLD, SIG_IGN, 0);
    watch(kq, SIGCHLD, 0);
    deliver(SIGCHLD);
    EXPECT_SIGNAL(kq, SIGCHLD, 1);
}

static void a_blocked_one_counts(void) {
    int kq = new_kqueue();
    block(SIGUSR1);
    watch(kq, SIGUSR1, 0);
    for (int i = 0; i < 3; i++) {
        deliver(SIGUSR1);
        EXPECT_SIGNAL(kq, SIGUSR1, 1);
        require_silent(kq);
    }
    unwatch(kq, SIGUSR1);
    unblock(SIGUSR1); /* nothing is left to die of */
}

static void a_blocked_one_wakes_a_waiter(void) {
    int kq = new_kqueue();
    struct waiter waiter;
    block(SIGUSR1);
    watch(kq, SIGUSR1, 0);
    for (int i = 0; i < 2; i++) {
        start_waiter(&waiter, kq, 1, -1);
        park_waiter(&waiter);
        deliver(SIGUSR1);
        join_waiter(&waiter);
        REQUIRE_EQ(waiter.result, 1);
        REQUIRE_EQ(waiter.events[0].data, 1);
    }
}

static void blocked_real_time_signals_are_counted(void) {
    int kq = new_kqueue(), number = SIGRTMIN + 1;
    block(number);
    watch(kq, number, 0);
    for (int i = 0; i < 5; i++)
        REQUIRE_EQ(sigqueue(getpid(), number, (union sigval){.sival_int = i}), 0);
    EXPECT_SIGNAL(kq, number, 5);
    require_silent(kq);
}

static void one_sent_to_the_thread_counts(void) {
    int kq = new_kqueue();
    watch(kq, SIGUSR1, 0);
    REQUIRE_EQ(pthread_kill(pthread_self(), SIGUSR1), 0);
    EXPECT_SIGNAL(kq, SIGUSR1, 1);
    REQUIRE_EQ(raise(SIGUSR1), 0);
    EXPECT_SIGNAL(kq, SIGUSR1, 1);
    block(SIGUSR1);
    REQUIRE_EQ(pthread_kill(pthread_self(), SIGUSR1), 0);
    EXPECT_SIGNAL(kq, SIGUSR1, 1);
    require_silent(kq);
}

static void those_ignored_by_default_count(void) {
    const int numbers[] = {SIGCONT, SIGURG, SIGWINCH, SIGCHLD};
    int kq = new_kqueue();
    for (int i = 0; i < 4; i++) {
        watch(kq, numbers[i], 0);
        deliver(numbers[i]);
        EXPECT_SIGNAL(kq, numbers[i], 1);
    }
}

static void those_that_do_not_exist(void) {
    const intptr_t numbers[] = {0, -1, 9999, SIGRTMAX + 1, INT_MAX, INTPTR_MIN, (intptr_t)1 << 32 | SIGUSR1};
    int kq = new_kqueue();
    for (int i = 0; i < 7; i++) {
        if (sizeof(void *) == 4 && i == 6)
            continue;
        REQUIRE_EQ(change_errno(kq, (uintptr_t)numbers[i], EVFILT_SIGNAL, EV_ADD, 0, 0, NULL), EINVAL);
        REQUIRE_EQ(change_errno(kq, (uintptr_t)numbers[i], EVFILT_SIGNAL, EV_DELETE, 0, 0, NULL), ENOENT);
    }
    REQUIRE_EQ(change_errno(kq, SIGUSR1, EVFILT_SIGNAL, EV_DELETE, 0, 0, NULL), ENOENT);
}

static void those_that_cannot_be_seen(void) {
    int kq = new_kqueue();
    watch(kq, SIGKILL, 0);
    watch(kq, SIGSTOP, EV_ONESHOT);
    require_silent(kq);
    change(kq, SIGKILL, EVFILT_SIGNAL, EV_DISABLE, 0, 0, NULL);
    change(kq, SIGKILL, EVFILT_SIGNAL, EV_ENABLE, 0, 0, NULL);
    unwatch(kq, SIGKILL);
    unwatch(kq, SIGSTOP);
    REQUIRE(!delete_knote(kq, SIGKILL, EVFILT_SIGNAL));
}

static void each_kqueue_counts(void) {
    int first = new_kqueue(), second = new_kqueue();
    watch(first, SIGUSR1, 0);
    watch(second, SIGUSR1, 0);
    deliver(SIGUSR1);
    EXPECT_SIGNAL(first, SIGUSR1, 1);
    deliver(SIGUSR1);
    EXPECT_SIGNAL(second, SIGUSR1, 2);
    EXPECT_SIGNAL(first, SIGUSR1, 1);
    REQUIRE_EQ(close(first), 0);
    deliver(SIGUSR1);
    EXPECT_SIGNAL(second, SIGUSR1, 1);
    require_silent(second);
}

static void each_kqueue_counts_blocked_ones(void) {
    int first = new_kqueue(), second = new_kqueue();
    block(SIGUSR1);
    watch(first, SIGUSR1, 0);
    watch(second, SIGUSR1, 0);
    deliver(SIGUSR1);
    EXPECT_SIGNAL(first, SIGUSR1, 1);
    EXPECT_SIGNAL(second, SIGUSR1, 1);
    require_silent(first);
    require_silent(second);
}

static void a_later_kqueue_counts_later_ones(void) {
    int first = new_kqueue(), second = new_kqueue(), number = SIGRTMIN + 3;
    watch(first, number, 0);
    deliver(number);
    deliver(number);
    watch(second, number, 0);
    require_silent(second);
    deliver(number);
    EXPECT_SIGNAL(second, number, 1);
    EXPECT_SIGNAL(first, number, 3);
}

static void a_later_kqueue_counts_later_blocked_ones(void) {
    int first = new_kqueue(), second = new_kqueue(), number = SIGRTMIN + 3;
    block(number);
    watch(first, number, 0);
    deliver(number);
    deliver(number);
    watch(second, number, 0);
    require_silent(second);
    deliver(number);
    EXPECT_SIGNAL(second, number, 1);
    EXPECT_SIGNAL(first, number, 3);
}

/* It is not counted, does not hide those that come later, and is there again when nobody watches any more. */
static void one_pending_before_is_not_counted(void) {
    int kq = new_kqueue();
    sigset_t pending;
    block(SIGUSR1);
    deliver(SIGUSR1);
    watch(kq, SIGUSR1, 0);
    require_silent(kq);
    deliver(SIGUSR1);
    EXPECT_SIGNAL(kq, SIGUSR1, 1);
    unwatch(kq, SIGUSR1);
    REQUIRE_EQ(sigpending(&pending), 0);
    REQUIRE_EQ(sigismember(&pending, SIGUSR1), 1);
}

static void a_knote_starts_from_nothing(void) {
    int kq = new_kqueue();
    watch(kq, SIGUSR1, 0);
    deliver(SIGUSR1);
    unwatch(kq, SIGUSR1);
    watch(kq, SIGUSR1, 0);
    require_silent(kq);
    deliver(SIGUSR1);
    watch(kq, SIGUSR1, 0); /* a second EV_ADD keeps what was counted */
    EXPECT_SIGNAL(kq, SIGUSR1, 1);
}

static void dispatch_counts_while_disabled(void) {
    int kq = new_kqueue();
    watch(kq, SIGUSR1, EV_DISPATCH);
    for (int i = 0; i < 3; i++) {
        deliver(SIGUSR1);
        EXPECT_SIGNAL_FLAGS(kq, SIGUSR1, EV_DISPATCH, 1);
        deliver(SIGUSR1);
        require_silent(kq);
        change(kq, SIGUSR1, EVFILT_SIGNAL, EV_ENABLE, 0, 0, NULL);
        EXPECT_SIGNAL_FLAGS(kq, SIGUSR1, EV_DISPATCH, 1);
        require_silent(kq);
        change(kq, SIGUSR1, EVFILT_SIGNAL, EV_ENABLE, 0, 0, NULL);
        require_silent(kq);
    }
}

static void a_disabled_one_counts(void) {
    int kq = new_kqueue();
    watch(kq, SIGUSR1, 0);
    deliver(SIGUSR1);
    change(kq, SIGUSR1, EVFILT_SIGNAL, EV_DISABLE, 0, 0, NULL);
    deliver(SIGUSR1);
    require_silent(kq);
    change(kq, SIGUSR1, EVFILT_SIGNAL, EV_ENABLE, 0, 0, NULL);
    EXPECT_SIGNAL(kq, SIGUSR1, 2);
}

static void a_disabled_one_counts_blocked_ones(void) {
    int kq = new_kqueue();
    block(SIGUSR1);
    watch(kq, SIGUSR1, EV_DISABLE);
    deliver(SIGUSR1);
    require_silent(kq);
    change(kq, SIGUSR1, EVFILT_SIGNAL, EV_ENABLE, 0, 0, NULL);
    EXPECT_SIGNAL(kq, SIGUSR1, 1);
}

static void oneshot_is_one_event(void) {
    int kq = new_kqueue();
    watch(kq, SIGUSR1, EV_ONESHOT);
    install(SIGUSR1, SIG_IGN, 0);
    show_actions(kq);
    deliver(SIGUSR1);
    struct kevent event = next_event(kq);
    REQUIRE_EQ(event.flags, EV_ADD | EV_CLEAR | EV_ONESHOT);
    REQUIRE(!delete_knote(kq, SIGUSR1, EVFILT_SIGNAL));
    REQUIRE(action_of(SIGUSR1).sa_handler == SIG_IGN);
}

static void added_disabled_it_never_fires(void) {
    for (int i = 0; i < 200; i++) {
        int kq = new_kqueue();
        struct kevent event;
        install(SIGUSR1, SIG_IGN, 0);
        watch(kq, SIGUSR1, EV_DISABLE);
        deliver(SIGUSR1);
        REQUIRE_EQ(collect(kq, &event, 1, 0), 0);
        change(kq, SIGUSR1, EVFILT_SIGNAL, EV_ENABLE, 0, 0, NULL);
        EXPECT_SIGNAL(kq, SIGUSR1, 1);
        REQUIRE_EQ(close(kq), 0);
    }
}

static void two_signals_do_not_cross(void) {
    int kq = new_kqueue();
    struct kevent events[4];
    watch(kq, SIGUSR1, 0);
    watch(kq, SIGUSR2, 0);
    deliver(SIGUSR2);
    EXPECT_SIGNAL(kq, SIGUSR2, 1);
    require_silent(kq);
    deliver(SIGUSR1);
    deliver(SIGUSR1);
    deliver(SIGUSR2);
    REQUIRE_EQ(collect(kq, events, 4, 1000), 2);
    for (int i = 0; i < 2; i++)
        REQUIRE_EQ(events[i].data, events[i].ident == SIGUSR1 ? 2 : 1);
    REQUIRE(events[0].ident != events[1].ident);
}

static void two_kqueues_do_not_cross(void) {
    int first = new_kqueue(), second = new_kqueue();
    watch(first, SIGUSR1, 0);
    watch(second, SIGUSR2, 0);
    deliver(SIGUSR1);
    struct pollfd item = {.fd = second, .events = POLLIN};
    REQUIRE_EQ(poll(&item, 1, 50), 0); /* not even woken */
    require_silent(second);
    EXPECT_SIGNAL(first, SIGUSR1, 1);
}

static void a_full_eventlist_loses_nothing(void) {
    int kq = new_kqueue();
    struct kevent event;
    unsigned seen = 0;
    for (int i = 0; i < 20; i++)
        watch(kq, SIGRTMIN + i, 0);
    for (int i = 0; i < 20; i++)
        deliver(SIGRTMIN + i);
    for (int i = 0; i < 20; i++) {
        REQUIRE_EQ(collect(kq, &event, 1, 1000), 1);
        REQUIRE_EQ(event.data, 1);
        seen |= 1u << (event.ident - (uintptr_t)SIGRTMIN);
    }
    REQUIRE_EQ(seen, (1u << 20) - 1);
    require_silent(kq);
}

/* However many there are, one call works on each once. */
static void every_signal_there_is(void) {
    need_descriptors(200);
    if (on_valgrind())
        contract_skip("valgrind cannot go on after a SIGSYS that was sent");
    int kq = new_kqueue(), count = 0;
    struct kevent events[2 * 64];
    need_exact_signals();
    for (int number = 1; number <= last_signal(); number++) {
        if (number == SIGKILL || number == SIGSTOP || (number > 31 && number < SIGRTMIN))
            continue;
        if (action_of(number).sa_handler != SIG_DFL)
            continue; /* the runner's, or the language's that tells of a crash */
        watch(kq, number, 0);
        deliver(number);
        count++;
    }
    REQUIRE_EQ(collect(kq, events, 2 * 64, 1000), count);
    for (int i = 0; i < count; i++)
        REQUIRE_EQ(events[i].data, 1);
    require_silent(kq);
    for (int i = 0; i < count; i++)
        deliver((int)events[i].ident);
    for (int i = 0; i < count; i++)
        REQUIRE_EQ(collect(kq, events, 1, 1000), 1);
    require_silent(kq);
}

static void children_are_counted(void) {
    int kq = new_kqueue();
    watch(kq, SIGCHLD, 0);
    for (int i = 0; i < 3; i++) {
        pid_t child = fork();
        if (child == 0)
            _exit(i);
        EXPECT_SIGNAL(kq, SIGCHLD, 1);
        int status;
        REQUIRE_EQ(waitpid(child, &status, 0), child);
        REQUIRE_EQ(WEXITSTATUS(status), i);
    }
}

static void children_are_counted_twice_over(void) {
#ifdef EVFILT_PROC
    int kq = new_kqueue(), gate[2];
    new_pipe(gate);
    watch(kq, SIGCHLD, 0);
    pid_t child = fork();
    if (child == 0) {
        char byte;
        close(gate[1]);
        _exit(read(gate[0], &byte, 1) == 0 ? 5 : 6);
    }
    change(kq, (uintptr_t)child, EVFILT_PROC, EV_ADD, NOTE_EXIT, 0, NULL);
    close(gate[1]);
    unsigned seen = 0;
    while (seen != 3) {
        struct kevent event;
        REQUIRE_EQ(collect(kq, &event, 1, PATIENCE), 1);
        if (event.filter == EVFILT_PROC)
            REQUIRE_EQ(WEXITSTATUS(event.data), 5);
        seen |= event.filter == EVFILT_PROC ? 1 : 2;
    }
    REQUIRE_EQ(waitpid(child, NULL, 0), child);
#else
    contract_skip("no EVFILT_PROC");
#endif
}

/* Whoever ignores children leaves none to wait for, watched or not. */
static void ignored_children_leave_nothing(void) {
    int kq = new_kqueue();
    install(SIGCHLD, SIG_IGN, 0);
    watch(kq, SIGCHLD, 0);
    if (fork() == 0)
        _exit(0);
    REQUIRE_ERRNO(waitpid(-1, NULL, 0), ECHILD);
    unwatch(kq, SIGCHLD);
    install(SIGCHLD, SIG_DFL, 0);
    watch(kq, SIGCHLD, 0);
    pid_t child = fork();
    if (child == 0)
        _exit(0);
    REQUIRE_EQ(waitpid(child, NULL, 0), child);
}

/* ---- Where signals come from ---- */

static void a_broken_pipe_counts(void) {
    int kq = new_kqueue(), pair[2];
    watch(kq, SIGPIPE, 0);
    new_pipe(pair);
    close(pair[0]);
    REQUIRE_ERRNO(write(pair[1], "x", 1), EPIPE);
    EXPECT_SIGNAL(kq, SIGPIPE, 1);
}

static void the_own_group_counts(void) {
    int kq = new_kqueue();
    watch(kq, SIGUSR1, 0);
    REQUIRE_EQ(kill(0, SIGUSR1), 0); /* the runner gave the case a group of its own */
    EXPECT_SIGNAL(kq, SIGUSR1, 1);
}

static void a_timer_counts(void) {
    int kq = new_kqueue();
    watch(kq, SIGRTMIN, 0);
    watch(kq, SIGALRM, 0);
    struct sigevent by_signal = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN};
    struct itimerspec soon = {.it_value.tv_nsec = 10000000};
    timer_t timer;
    REQUIRE_EQ(timer_create(CLOCK_MONOTONIC, &by_signal, &timer), 0);
    REQUIRE_EQ(timer_settime(timer, 0, &soon, NULL), 0);
    EXPECT_SIGNAL(kq, SIGRTMIN, 1);
    timer_delete(timer);
    alarm(1);
    EXPECT_SIGNAL(kq, SIGALRM, 1);
}

static void another_process_counts(void) {
    need_exact_signals();
    int kq = new_kqueue();
    watch(kq, SIGRTMIN, 0);
    pid_t child = fork();
    if (child == 0) {
        for (int i = 0; i < 50; i++)
            if (kill(getppid(), SIGRTMIN) != 0)
                _exit(1);
        _exit(0);
    }
    finish_child(child);
    intptr_t count = 0;
    while (count < 50)
        count += next_event(kq).data;
    REQUIRE_EQ(count, 50);
}

enum { STORM = 100000 };

/* Half of what the user's processes may have queued together: what is beyond loses what is said of it, for
   others too. */
static void leave_room_in_the_queue(void) {
    struct rlimit limit;
    REQUIRE_EQ(getrlimit(RLIMIT_SIGPENDING, &limit), 0);
    limit.rlim_cur /= 2;
    REQUIRE_EQ(setrlimit(RLIMIT_SIGPENDING, &limit), 0);
}

/* As many as were sent of those that queue. */
static void a_storm_is_counted(void) {
    need_exact_signals();
    int kq = new_kqueue(), number = SIGRTMIN + 4;
    const int storm = (int)(STORM / processor_slowness());
    leave_room_in_the_queue();
    install(number, note_run, 0);
    watch(kq, number, 0);
    pid_t child = fork();
    if (child == 0) {
        install(number, SIG_IGN, 0);
        for (int i = 0; i < storm; i++)
            while (sigqueue(getppid(), number, (union sigval){.sival_int = i}) != 0)
                sched_yield(); /* too many wait: RLIMIT_SIGPENDING */
        _exit(0);
    }
    intptr_t count = 0;
    while (count < storm) {
        struct kevent event;
        struct timespec timeout = {10, 0};
        int got = kevent(kq, NULL, 0, &event, 1, &timeout);
        REQUIRE(got == 1 || (got == -1 && errno == EINTR));
        count += got == 1 ? event.data : 0;
    }
    finish_child(child);
    REQUIRE_EQ(count, storm);
    REQUIRE_EQ(runs, storm);
    require_silent(kq);
}

/* Those that merge are seen at least once, and the last is. */
static void a_storm_that_merges(void) {
    int kq = new_kqueue();
    watch(kq, SIGUSR1, 0);
    watch(kq, SIGUSR2, 0);
    pid_t child = fork();
    if (child == 0) {
        for (int i = 0; i < STORM; i++)
            kill(getppid(), SIGUSR1);
        kill(getppid(), SIGUSR2);
        _exit(0);
    }
    intptr_t count = 0;
    for (bool ended = false; !ended;) {
        struct kevent event;
        REQUIRE_EQ(collect(kq, &event, 1, 20000), 1);
        REQUIRE(event.data >= 1);
        ended = event.ident == SIGUSR2;
        count += ended ? 0 : event.data;
    }
    struct kevent event;
    if (collect(kq, &event, 1, 0) == 1)
        count += event.data;
    REQUIRE(count >= 1 && count <= STORM);
    finish_child(child);
}

/* ---- The kqueue as a descriptor, and its end ---- */

static void epoll_sees_it(void) {
    int kq = new_kqueue(), set = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event event = {.events = EPOLLIN};
    REQUIRE_EQ(epoll_ctl(set, EPOLL_CTL_ADD, kq, &event), 0);
    watch(kq, SIGUSR1, 0);
    REQUIRE_EQ(epoll_wait(set, &event, 1, 0), 0);
    deliver(SIGUSR1);
    REQUIRE_EQ(epoll_wait(set, &event, 1, 1000), 1);
    EXPECT_SIGNAL(kq, SIGUSR1, 1);
    REQUIRE_EQ(epoll_wait(set, &event, 1, 0), 0);
}

static void epoll_sees_a_blocked_one(void) {
    posix_lacks("a blocked signal is seen by threads in kevent() alone");
    int kq = new_kqueue(), set = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event event = {.events = EPOLLIN};
    REQUIRE_EQ(epoll_ctl(set, EPOLL_CTL_ADD, kq, &event), 0);
    watch(kq, SIGUSR1, 0);
    block(SIGUSR1);
    deliver(SIGUSR1);
    REQUIRE_EQ(epoll_wait(set, &event, 1, 1000), 1);
    EXPECT_SIGNAL(kq, SIGUSR1, 1);
    REQUIRE_EQ(epoll_wait(set, &event, 1, 0), 0);
}

static void a_disabled_one_is_not_readable(void) {
    int kq = new_kqueue();
    struct pollfd item = {.fd = kq, .events = POLLIN};
    watch(kq, SIGUSR1, EV_DISABLE);
    deliver(SIGUSR1);
    REQUIRE_EQ(poll(&item, 1, 20), 0);
    change(kq, SIGUSR1, EVFILT_SIGNAL, EV_ENABLE, 0, 0, NULL);
    REQUIRE_EQ(poll(&item, 1, 1000), 1);
    EXPECT_SIGNAL(kq, SIGUSR1, 1);
    REQUIRE_EQ(poll(&item, 1, 0), 0);
}

/* It came before, and was told then. */
static void one_enabled_again_is_not_readable(void) {
    int kq = new_kqueue();
    struct pollfd item = {.fd = kq, .events = POLLIN};
    watch(kq, SIGUSR1, 0);
    deliver(SIGUSR1);
    EXPECT_SIGNAL(kq, SIGUSR1, 1);
    change(kq, SIGUSR1, EVFILT_SIGNAL, EV_DISABLE, 0, 0, NULL);
    change(kq, SIGUSR1, EVFILT_SIGNAL, EV_ENABLE, 0, 0, NULL);
    REQUIRE_EQ(poll(&item, 1, 0), 0);
    require_silent(kq);
}

enum { SENDING_ROUNDS = 3000, SENT_IN_A_ROUND = 3 };
static pthread_barrier_t sending;

static void *send_in_rounds(void *unused) {
    (void)unused;
    for (int round = 0; round < SENDING_ROUNDS; round++) {
        pthread_barrier_wait(&sending);
        for (int i = 0; i < SENT_IN_A_ROUND; i++)
            REQUIRE_EQ(pthread_kill(pthread_self(), SIGRTMIN + i), 0);
        pthread_barrier_wait(&sending);
    }
    return NULL;
}

/* A handler counts, and then says that it has: who collects in between leaves nothing that says so. */
static void what_is_collected_is_said_no_more(void) {
    int kq = new_kqueue();
    struct kevent events[SENT_IN_A_ROUND];
    struct pollfd item = {.fd = kq, .events = POLLIN};
    pthread_t sender;
    for (int i = 0; i < SENT_IN_A_ROUND; i++)
        watch(kq, SIGRTMIN + i, 0);
    REQUIRE_EQ(pthread_barrier_init(&sending, NULL, 2), 0);
    REQUIRE_EQ(pthread_create(&sender, NULL, send_in_rounds, NULL), 0);
    for (int round = 0; round < SENDING_ROUNDS; round++) {
        pthread_barrier_wait(&sending);
        for (int got = 0; got < SENT_IN_A_ROUND;)
            got += collect(kq, events, SENT_IN_A_ROUND, 1000);
        pthread_barrier_wait(&sending);
        REQUIRE_EQ(poll(&item, 1, 0), 0);
    }
    REQUIRE_EQ(pthread_join(sender, NULL), 0);
}

static void an_outer_kqueue_sees_it(void) {
    int outer = new_kqueue(), inner = new_kqueue();
    change(outer, (uintptr_t)inner, EVFILT_READ, EV_ADD, 0, 0, NULL);
    watch(inner, SIGUSR1, 0);
    require_silent(outer);
    deliver(SIGUSR1);
    REQUIRE_EQ(next_event(outer).ident, inner);
    EXPECT_SIGNAL(inner, SIGUSR1, 1);
    require_silent(outer);
}

static void all_descriptors_come_back(void) {
    need_descriptors(200);
    int before = open_descriptors();
    for (int round = 0; round < 20; round++) {
        int kq = new_kqueue();
        for (int number = 1; number <= last_signal(); number++)
            if (number < 32 || number >= SIGRTMIN)
                watch(kq, number, 0);
        deliver(SIGUSR1);
        if (round % 2 == 0)
            for (int number = 1; number <= SIGRTMAX; number++)
                delete_knote(kq, (uintptr_t)number, EVFILT_SIGNAL);
        REQUIRE_EQ(close(kq), 0);
        REQUIRE_EQ(open_descriptors(), before);
    }
}

static void a_daemon_closes_what_is_inside(void) {
    int kq = new_kqueue();
    struct kevent event;
    watch(kq, SIGUSR1, 0);
    closefrom(kq + 1);
    int file = open("/dev/null", O_WRONLY | O_CLOEXEC);
    deliver(SIGUSR1);
    int got = kevent(kq, NULL, 0, &event, 1, &(struct timespec){0, 0});
    REQUIRE(got == 1 || (got == -1 && errno == EBADF));
    REQUIRE(is_open(file));
    int fresh = new_kqueue();
    watch(fresh, SIGUSR1, 0);
    deliver(SIGUSR1);
    EXPECT_SIGNAL(fresh, SIGUSR1, 1);
}

const struct contract_case signal_cases[] = {
    {"C-273", "a signal is an event with data 1", one_kill_is_one_event, 0},
    {"C-273", "it wakes a waiter", a_waiter_is_woken, 0},
    {"C-274", "after delivery it is silent", after_delivery_it_is_silent, 0},
    {"C-275", "real-time signals are counted", real_time_signals_are_counted, 0},
    {"C-275", "the first and the last signals work", the_ends_of_the_range_work, 0},
    {"C-276", "a handler of the program's runs too", a_handler_runs_too, 0},
    {"C-277", "an ignored signal counts", an_ignored_one_counts, 0},
    {"C-278", "a blocked signal counts, each time", a_blocked_one_counts, 0},
    {"C-278", "it wakes a waiter", a_blocked_one_wakes_a_waiter, 0},
    {"C-278", "blocked real-time signals are counted", blocked_real_time_signals_are_counted, 0},
    {"C-279", "one sent to the own thread counts", one_sent_to_the_thread_counts, 0},
    {"C-280", "SIGCONT and others that do nothing by default count", those_ignored_by_default_count, 0},
    {"C-281", "signals that do not exist: EINVAL", those_that_do_not_exist, 0},
    {"C-281", "SIGKILL and SIGSTOP are accepted and silent", those_that_cannot_be_seen, 0},
    {"C-282", "each of two kqueues counts", each_kqueue_counts, 0},
    {"C-282", "each of two kqueues counts blocked ones", each_kqueue_counts_blocked_ones, 0},
    {"C-283", "a later kqueue counts later signals", a_later_kqueue_counts_later_ones, 0},
    {"C-283", "a later kqueue counts later blocked signals", a_later_kqueue_counts_later_blocked_ones, 0},
    {"C-283", "what is pending at EV_ADD is not counted", one_pending_before_is_not_counted, 0},
    {"C-283", "a knote added again starts from nothing", a_knote_starts_from_nothing, 0},
    {"C-284", "EV_DISPATCH: counted while disabled", dispatch_counts_while_disabled, 0},
    {"C-284", "EV_DISABLE: counted while disabled", a_disabled_one_counts, 0},
    {"C-284", "blocked ones are counted while disabled", a_disabled_one_counts_blocked_ones, 0},
    {"C-284", "EV_ONESHOT is one event", oneshot_is_one_event, 0},
    {"F13", "a signal added disabled never fires", added_disabled_it_never_fires, 0},
    {"C-285", "two signals do not cross", two_signals_do_not_cross, 0},
    {"C-285", "a kqueue is not woken by another's signals", two_kqueues_do_not_cross, 0},
    {"C-285", "twenty signals through a list of one", a_full_eventlist_loses_nothing, 0},
    {"C-286", "SIGCHLD counts the ends of children", children_are_counted, 0},
    {"C-286", "NOTE_EXIT on the same child works too", children_are_counted_twice_over, 0},
    {"C-286", "ignored children leave nothing to wait for", ignored_children_leave_nothing, 0},
    {"C-273", "SIGPIPE of a write", a_broken_pipe_counts, 0},
    {"C-273", "kill(0)", the_own_group_counts, 0},
    {"C-273", "timer_create and alarm", a_timer_counts, 0},
    {"C-273", "from another process", another_process_counts, 0},
    {"C-276", "a storm of 100000 is counted to the last", a_storm_is_counted, 60},
    {"C-273", "a storm that merges", a_storm_that_merges, 60},
    {"C-100", "epoll sees a kqueue with a signal", epoll_sees_it, 0},
    {"C-100", "epoll sees a kqueue with a blocked signal", epoll_sees_a_blocked_one, 0},
    {"C-100", "a disabled signal does not make it readable", a_disabled_one_is_not_readable, 0},
    {"C-351", "a signal enabled again makes nothing readable", one_enabled_again_is_not_readable, 0},
    {"C-351", "what is collected is said no more", what_is_collected_is_said_no_more, 60},
    {"C-352", "every signal there is, in one kqueue", every_signal_there_is, 0},
    {"C-104", "a signal in an inner kqueue", an_outer_kqueue_sees_it, 0},
    {"C-115", "close gives back what signals took", all_descriptors_come_back, 30},
    {"F7", "a daemon closes what signals need", a_daemon_closes_what_is_inside, 0},
    {NULL, NULL, NULL, 0},
};
