/*
 * EVFILT_SIGNAL amid threads: who has the signal blocked, who waits for it, who
 * is sent it. C-278, C-279, C-282, F8.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "signals.h"

#include <sys/signalfd.h>

static atomic_bool may_end;

/* A thread that sleeps with the signal blocked, or not. */
struct sleeper {
    bool blocks;
    _Atomic pid_t tid;
    pthread_t thread;
    int pair[2];
};

static void *run_sleeper(void *argument) {
    struct sleeper *sleeper = argument;
    char byte;
    if (sleeper->blocks)
        block(SIGUSR1);
    else
        unblock(SIGUSR1);
    sleeper->tid = thread_number();
    while (read(sleeper->pair[0], &byte, 1) == -1)
        REQUIRE_EQ(errno, EINTR);
    return NULL;
}

static void start_sleeper(struct sleeper *sleeper, bool blocks) {
    sleeper->blocks = blocks;
    sleeper->tid = 0;
    new_pipe(sleeper->pair);
    sleeper->thread = start_thread(run_sleeper, sleeper);
    AWAIT(sleeper->tid != 0);
    await_sleep(sleeper->tid);
}

static void end_sleeper(struct sleeper *sleeper) {
    put(sleeper->pair[1], "x");
    join_thread(sleeper->thread);
}

/* Takes one that is pending: Linux merges the next with it otherwise (C-350). */
static void take_pending(int number) {
    sigset_t only;
    sigemptyset(&only);
    sigaddset(&only, number);
    REQUIRE_EQ(sigtimedwait(&only, NULL, &(struct timespec){.tv_sec = 5}), number);
}

/* Made before the registration and after it, each with the signal blocked or not. */
static void threads_made_before_and_after(void) {
    need_proc("who blocks a signal, and for whom it is pending, is told there alone");
    need_exact_signals();
    for (int mix = 0; mix < 8; mix++) {
        struct sleeper before, after;
        int kq = new_kqueue();
        install(SIGUSR1, note_run, SA_RESTART);
        runs = 0;
        start_sleeper(&before, mix & 1);
        watch(kq, SIGUSR1, 0);
        start_sleeper(&after, mix & 2);
        if (mix & 4)
            block(SIGUSR1);
        for (int i = 1; i <= 3; i++) {
            deliver(SIGUSR1);
            EXPECT_SIGNAL(kq, SIGUSR1, 1);
            if (mix != 7) {
                AWAIT(runs == i);
            } else {
                REQUIRE_EQ(runs, 0); /* blocked everywhere: nobody could run it */
                take_pending(SIGUSR1);
            }
        }
        require_silent(kq);
        end_sleeper(&before);
        end_sleeper(&after);
        REQUIRE_EQ(close(kq), 0);
        unblock(SIGUSR1);
    }
}

static void one_sent_to_another_thread(void) {
    need_exact_signals();
    struct sleeper other;
    int kq = new_kqueue();
    watch(kq, SIGUSR1, 0);
    start_sleeper(&other, false);
    for (int i = 0; i < 3; i++) {
        REQUIRE_EQ(syscall(SYS_tgkill, getpid(), other.tid, SIGUSR1), 0);
        EXPECT_SIGNAL(kq, SIGUSR1, 1);
    }
    REQUIRE_EQ(pthread_kill(other.thread, SIGUSR1), 0);
    EXPECT_SIGNAL(kq, SIGUSR1, 1);
    end_sleeper(&other);
}

static void *unblock_at_last(void *argument) {
    int *pair = argument;
    char byte;
    REQUIRE_EQ(read(pair[0], &byte, 1), 1);
    unblock(SIGUSR1);
    return NULL;
}

/* One that is sent to a thread that blocks it is not lost: it counts once it gets there. */
static void one_sent_to_a_thread_that_blocks_it(void) {
    int kq = new_kqueue(), pair[2];
    new_pipe(pair);
    watch(kq, SIGUSR1, 0);
    block(SIGUSR1);
    pthread_t thread = start_thread(unblock_at_last, pair);
    REQUIRE_EQ(pthread_kill(thread, SIGUSR1), 0);
    put(pair[1], "x");
    EXPECT_SIGNAL(kq, SIGUSR1, 1);
    join_thread(thread);
}

static void *raise_it(void *argument) {
    (void)argument;
    REQUIRE_EQ(raise(SIGUSR1), 0);
    return NULL;
}

static void one_raised_in_a_thread(void) {
    int kq = new_kqueue();
    watch(kq, SIGUSR1, 0);
    join_thread(start_thread(raise_it, NULL));
    EXPECT_SIGNAL(kq, SIGUSR1, 1);
}

static void *raise_and_collect(void *argument) {
    int kq = *(int *)argument;
    block(SIGUSR1);
    REQUIRE_EQ(raise(SIGUSR1), 0);
    EXPECT_SIGNAL(kq, SIGUSR1, 1);
    return NULL;
}

/* Blocked and sent to the thread itself: nobody else could have it, whatever others block. */
static void one_raised_where_it_is_blocked(void) {
    struct sleeper other;
    int kq = new_kqueue();
    watch(kq, SIGUSR1, 0);
    start_sleeper(&other, false);
    join_thread(start_thread(raise_and_collect, &kq));
    end_sleeper(&other);
}

/* ---- Programs that take it by themselves ---- */

static atomic_int taken;

static void *wait_for_it(void *argument) {
    sigset_t only;
    int number;
    (void)argument;
    sigemptyset(&only);
    sigaddset(&only, SIGUSR1);
    for (int i = 0; i < 3; i++) {
        REQUIRE_EQ(sigwait(&only, &number), 0);
        REQUIRE_EQ(number, SIGUSR1);
        taken++;
    }
    return NULL;
}

/* Who waits in sigwait() has the signal, though a kqueue watches it and a thread sleeps in kevent. */
static void sigwait_has_it(void) {
    int kq = new_kqueue();
    struct waiter waiter;
    block(SIGUSR1);
    watch(kq, SIGUSR1, 0);
    start_waiter(&waiter, kq, 1, 2000);
    park_waiter(&waiter);
    pthread_t thread = start_thread(wait_for_it, NULL);
    for (int i = 1; i <= 3; i++) {
        sleep_ms(50); /* it is on its way back into sigwait */
        deliver(SIGUSR1);
        double limit = now_ms() + PATIENCE;
        while (taken < i && now_ms() < limit)
            sleep_ms(1);
        REQUIRE_EQ(taken, i);
    }
    join_thread(thread);
    join_waiter(&waiter);
    REQUIRE(waiter.result == 0 || waiter.result == 1); /* a knote may count it, too */
}

static void sigwait_of_what_is_pending(void) {
    int kq = new_kqueue(), number;
    sigset_t only;
    sigemptyset(&only);
    sigaddset(&only, SIGUSR1);
    block(SIGUSR1);
    watch(kq, SIGUSR1, 0);
    deliver(SIGUSR1);
    REQUIRE_EQ(sigwait(&only, &number), 0); /* nobody called kevent meanwhile */
    REQUIRE_EQ(number, SIGUSR1);
    deliver(SIGUSR1);
    EXPECT_SIGNAL(kq, SIGUSR1, 1);
}

/* A signalfd of the program's own reads what the knote counts; what it has read is gone. */
static void a_signalfd_reads_it_too(void) {
    int kq = new_kqueue();
    sigset_t only;
    struct signalfd_siginfo info;
    struct kevent event;
    sigemptyset(&only);
    sigaddset(&only, SIGUSR1);
    block(SIGUSR1);
    int fd = signalfd(-1, &only, SFD_CLOEXEC | SFD_NONBLOCK);
    watch(kq, SIGUSR1, 0);
    deliver(SIGUSR1);
    REQUIRE_EQ(read(fd, &info, sizeof info), sizeof info);
    REQUIRE_EQ(collect(kq, &event, 1, 50), 0);
    deliver(SIGUSR1);
    EXPECT_SIGNAL(kq, SIGUSR1, 1);
    REQUIRE_EQ(read(fd, &info, sizeof info), sizeof info);
    change(kq, (uintptr_t)fd, EVFILT_READ, EV_ADD, 0, 0, NULL);
    unwatch(kq, SIGUSR1);
    deliver(SIGUSR1);
    REQUIRE_EQ(next_event(kq).ident, fd);
    REQUIRE_EQ(read(fd, &info, sizeof info), sizeof info);
}

/* A thread that has it unblocked runs the handler, though another sleeps in kevent with it blocked. */
static void the_handler_goes_before(void) {
    int kq = new_kqueue();
    struct waiter waiter;
    install(SIGUSR1, note_run, SA_RESTART);
    watch(kq, SIGUSR1, 0);
    block(SIGUSR1);
    start_waiter(&waiter, kq, 1, PATIENCE);
    park_waiter(&waiter);
    unblock(SIGUSR1);
    for (int i = 1; i <= 200; i++) {
        deliver(SIGUSR1);
        AWAIT(runs == i);
    }
    join_waiter(&waiter);
    REQUIRE_EQ(waiter.result, 1);
    intptr_t count = waiter.events[0].data;
    struct kevent event;
    if (collect(kq, &event, 1, 0) == 1)
        count += event.data;
    REQUIRE_EQ(count, 200);
}

/* ---- Several at a time ---- */

enum { SENDERS = 4, EACH = 2000 };

static void *send_many(void *argument) {
    int number = *(int *)argument;
    for (int i = 0; i < EACH; i++)
        while (sigqueue(getpid(), number, (union sigval){.sival_int = i}) != 0)
            sched_yield();
    return NULL;
}

static void *collect_many(void *argument) {
    int kq = *(int *)argument;
    intptr_t count = 0;
    while (!may_end) {
        struct kevent event;
        int got = kevent(kq, NULL, 0, &event, 1, &(struct timespec){.tv_nsec = 10000000});
        REQUIRE(got >= 0 || errno == EINTR);
        count += got == 1 ? event.data : 0;
    }
    return (void *)count;
}

static intptr_t end_collector(pthread_t thread) {
    void *count;
    REQUIRE_EQ(pthread_join(thread, &count), 0);
    return (intptr_t)count;
}

/* Signals from many threads, two kqueues, two threads each: each kqueue has all, no matter which thread. */
static void none_is_lost_among_threads(void) {
    need_exact_signals();
    int first = new_kqueue(), second = new_kqueue(), number = SIGRTMIN + 5;
    pthread_t senders[SENDERS], collectors[4];
    struct kevent event;
    watch(first, number, 0);
    watch(second, number, 0);
    for (int i = 0; i < 4; i++)
        collectors[i] = start_thread(collect_many, i < 2 ? &first : &second);
    for (int i = 0; i < SENDERS; i++)
        senders[i] = start_thread(send_many, &number);
    for (int i = 0; i < SENDERS; i++)
        join_thread(senders[i]);
    sleep_ms(100);
    may_end = true;
    intptr_t one = end_collector(collectors[0]) + end_collector(collectors[1]);
    intptr_t other = end_collector(collectors[2]) + end_collector(collectors[3]);
    one += collect(first, &event, 1, 0) == 1 ? event.data : 0;
    other += collect(second, &event, 1, 0) == 1 ? event.data : 0;
    REQUIRE_EQ(one, SENDERS * EACH);
    REQUIRE_EQ(other, SENDERS * EACH);
}

/* One event goes to one of several waiters. */
static void one_waiter_has_it(void) {
    int kq = new_kqueue();
    struct waiter waiters[4];
    sigset_t all, before;
    sigfillset(&all);
    watch(kq, SIGUSR1, 0);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    for (int i = 0; i < 4; i++)
        start_waiter(&waiters[i], kq, 1, -1);
    for (int i = 0; i < 4; i++)
        park_waiter(&waiters[i]);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    deliver(SIGUSR1);
    REQUIRE_EQ(only_woken(waiters, 4).filter, EVFILT_SIGNAL);
}

static void *churn(void *argument) {
    int number = *(int *)argument;
    while (!may_end) {
        int kq = new_kqueue();
        watch(kq, number, 0);
        kill(getpid(), number);
        struct kevent event;
        (void)kevent(kq, NULL, 0, &event, 1, &(struct timespec){0, 0});
        if (number % 2 == 0)
            unwatch(kq, number);
        REQUIRE_EQ(close(kq), 0);
    }
    return NULL;
}

static void *change_actions(void *argument) {
    int number = *(int *)argument;
    while (!may_end) {
        struct sigaction old;
        install(number, note_run, SA_RESTART);
        install(number, SIG_IGN, 0);
        REQUIRE_EQ(sigaction(number, NULL, &old), 0);
        REQUIRE(old.sa_handler == SIG_IGN || swaps_no_actions());
    }
    return NULL;
}

/* Registrations, ends of them, changes of actions and signals, all at once; the number of descriptors tells. */
static void everything_at_once(void) {
    need_seen_actions();
    int numbers[] = {SIGRTMIN + 6, SIGRTMIN + 7};
    pthread_t threads[6];
    int before = open_descriptors();
    for (int i = 0; i < 2; i++)
        install(numbers[i], SIG_IGN, 0);
    for (int i = 0; i < 6; i++)
        threads[i] = start_thread(i < 4 ? churn : change_actions, &numbers[i % 2]);
    sleep_ms(2000);
    may_end = true;
    for (int i = 0; i < 6; i++)
        join_thread(threads[i]);
    REQUIRE_EQ(open_descriptors(), before);
    for (int i = 0; i < 2; i++)
        REQUIRE(action_of(numbers[i]).sa_handler == SIG_IGN || swaps_no_actions());
}

const struct contract_case signal_thread_cases[] = {
    {"C-278", "threads made before and after, with and without it blocked", threads_made_before_and_after, 30},
    {"C-279", "one sent to another thread counts", one_sent_to_another_thread, 0},
    {"C-279", "one sent to a thread that blocks it counts in the end", one_sent_to_a_thread_that_blocks_it, 0},
    {"C-279", "one raised in a thread counts", one_raised_in_a_thread, 0},
    {"C-279", "one raised where it is blocked counts there", one_raised_where_it_is_blocked, 0},
    {"F8", "who waits in sigwait has the signal", sigwait_has_it, 20},
    {"F8", "sigwait takes what is pending", sigwait_of_what_is_pending, 0},
    {"F8", "a signalfd of the program's reads what the knote counts", a_signalfd_reads_it_too, 0},
    {"C-278", "a thread that can run the handler does", the_handler_goes_before, 20},
    {"C-282", "none of 8000 is lost among threads and kqueues", none_is_lost_among_threads, 30},
    {"C-282", "one of several waiters has an event", one_waiter_has_it, 0},
    {"C-287", "registrations, actions and signals at once", everything_at_once, 30},
    {NULL, NULL, NULL, 0},
};
