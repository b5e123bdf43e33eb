/*
 * EVFILT_SIGNAL and signals that are blocked: each is counted once, and stays the
 * program's. C-350.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "signals.h"

#include <sys/signalfd.h>

/* Takes one, which must be there. */
static siginfo_t take_signal(int number) {
    siginfo_t info;
    sigset_t only;
    sigemptyset(&only);
    sigaddset(&only, number);
    REQUIRE_EQ(sigtimedwait(&only, &info, &(struct timespec){.tv_sec = 5}), number);
    return info;
}

static void the_handler_runs_at_last(void) {
    need_proc("who blocks a signal, and for whom it is pending, is told there alone");
    for (int number = SIGUSR1; number < SIGRTMIN + 5; number = number == SIGUSR1 ? SIGRTMIN + 4 : number + 1) {
        int kq = new_kqueue();
        runs = 0;
        install(number, note_run, 0);
        watch(kq, number, 0);
        for (int i = 1; i <= 3; i++) {
            block(number);
            deliver(number);
            EXPECT_SIGNAL(kq, number, 1);
            REQUIRE_EQ(runs, i - 1);
            unblock(number);
            REQUIRE_EQ(runs, i);
            require_silent(kq); /* counted once */
        }
        deliver(number);
        REQUIRE_EQ(runs, 4);
        EXPECT_SIGNAL(kq, number, 1);
        REQUIRE_EQ(close(kq), 0);
    }
}

static void sigpending_tells_and_sigwait_takes(void) {
    need_proc("who blocks a signal, and for whom it is pending, is told there alone");
    void (*const actions[])(int) = {SIG_DFL, SIG_IGN, note_run};
    for (int i = 0; i < 3; i++) {
        int kq = new_kqueue(), number;
        sigset_t only;
        sigemptyset(&only);
        sigaddset(&only, SIGUSR1);
        install(SIGUSR1, actions[i], 0);
        block(SIGUSR1);
        watch(kq, SIGUSR1, 0);
        for (int round = 0; round < 5; round++) {
            struct kevent event;
            deliver(SIGUSR1);
            EXPECT_SIGNAL(kq, SIGUSR1, 1);
            REQUIRE(is_pending(SIGUSR1));
            if (round % 2 == 1)
                REQUIRE_EQ(collect(kq, &event, 1, 0), 0); /* neither that takes it */
            REQUIRE_EQ(sigwait(&only, &number), 0);
            REQUIRE(!is_pending(SIGUSR1));
        }
        require_silent(kq);
        REQUIRE_EQ(close(kq), 0);
        unblock(SIGUSR1);
    }
    REQUIRE_EQ(runs, 0);
}

/* One that was counted and taken is not taken for the next, whoever looked in between. */
static void it_counts_anew_after_it_was_taken(void) {
    int first = new_kqueue(), second = new_kqueue();
    struct kevent event;
    block(SIGUSR1);
    watch(first, SIGUSR1, 0);
    watch(second, SIGUSR1, 0);
    deliver(SIGUSR1);
    EXPECT_SIGNAL(first, SIGUSR1, 1);
    REQUIRE_EQ(collect(first, &event, 1, 0), 0);
    take_signal(SIGUSR1);
    deliver(SIGUSR1);
    EXPECT_SIGNAL(second, SIGUSR1, 2);
    EXPECT_SIGNAL(first, SIGUSR1, 1);
    REQUIRE(is_pending(SIGUSR1));
    require_silent(first);
    require_silent(second);
}

/* Each of those that queue, with what it says, in order. */
static void queued_ones_stay_as_they_were(void) {
    need_exact_signals();
    int kq = new_kqueue(), number = SIGRTMIN + 1, sent = 0, taken = 0;
    block(number);
    watch(kq, number, 0);
    for (int round = 1; round <= 6; round++) {
        for (int i = 0; i < round; i++)
            REQUIRE_EQ(sigqueue(getpid(), number, (union sigval){.sival_int = sent++}), 0);
        EXPECT_SIGNAL(kq, number, round);
        for (int i = 0; i < round / 2; i++, taken++) {
            siginfo_t info = take_signal(number);
            REQUIRE_EQ(info.si_code, SI_QUEUE);
            REQUIRE_EQ(info.si_value.sival_int, taken);
            REQUIRE_EQ(info.si_pid, getpid());
#ifdef __LP64__ /* elsewhere siginfo_t has no other place for the mark on what was counted */
            REQUIRE_EQ(info.si_errno, 0);
#endif
        }
    }
    require_silent(kq);
    for (; taken < sent; taken++)
        REQUIRE_EQ(take_signal(number).si_value.sival_int, taken);
    REQUIRE(!is_pending(number));
}

static siginfo_t last_info;

static void note_info(int number, siginfo_t *info, void *context) {
    (void)context;
    last_info = *info;
    note_run(number);
}

static void *collect_one(void *argument) {
    EXPECT_SIGNAL(*(int *)argument, SIGUSR1, 1);
    return NULL;
}

/* A handler learns who sent it, whichever thread counted it. */
static void information_stays(void) {
    need_proc("who blocks a signal, and for whom it is pending, is told there alone");
    need_exact_signals();
    struct sigaction action = {.sa_sigaction = note_info, .sa_flags = SA_SIGINFO};
    sigemptyset(&action.sa_mask);
    for (int by_thread = 0; by_thread < 2; by_thread++) {
        int kq = new_kqueue();
        runs = 0;
        REQUIRE_EQ(sigaction(SIGUSR1, &action, NULL), 0);
        block(SIGUSR1);
        watch(kq, SIGUSR1, 0);
        pid_t child = fork();
        if (child == 0)
            _exit(kill(getppid(), SIGUSR1) != 0);
        finish_child(child);
        if (by_thread)
            join_thread(start_thread(collect_one, &kq));
        else
            collect_one(&kq);
        unblock(SIGUSR1);
        REQUIRE_EQ(runs, 1);
        REQUIRE_EQ(last_info.si_code, SI_USER);
        REQUIRE_EQ(last_info.si_pid, child);
        REQUIRE_EQ(last_info.si_errno, 0);
        REQUIRE_EQ(close(kq), 0);
    }
}

/* ---- Threads ---- */

static void another_thread_has_it(void) {
    need_proc("who blocks a signal, and for whom it is pending, is told there alone");
    for (int handles = 0; handles < 2; handles++) {
        int kq = new_kqueue();
        struct waiter waiter;
        if (handles)
            install(SIGUSR1, note_run, 0);
        block(SIGUSR1);
        watch(kq, SIGUSR1, 0);
        for (int i = 1; i <= 3; i++) {
            start_waiter(&waiter, kq, 1, PATIENCE);
            park_waiter(&waiter);
            deliver(SIGUSR1);
            join_waiter(&waiter);
            REQUIRE_EQ(waiter.result, 1);
            REQUIRE_EQ(waiter.events[0].data, 1);
            REQUIRE(is_pending(SIGUSR1));
            if (handles) {
                unblock(SIGUSR1);
                REQUIRE_EQ(runs, i);
                block(SIGUSR1);
            } else {
                take_signal(SIGUSR1);
            }
        }
        require_silent(kq);
        REQUIRE_EQ(close(kq), 0);
    }
}

struct collector {
    int kq;
    _Atomic pid_t tid;
    atomic_long count;
    atomic_bool stops;
};

static void *collect_all(void *argument) {
    struct collector *collector = argument;
    collector->tid = thread_number();
    while (!collector->stops) {
        struct kevent event;
        int got = kevent(collector->kq, NULL, 0, &event, 1, &(struct timespec){.tv_nsec = 200000000});
        REQUIRE(got >= 0 || errno == EINTR);
        collector->count += got == 1 ? event.data : 0;
    }
    return NULL;
}

/* A thread that only collects takes nothing from the others. */
static void a_collector_takes_nothing(void) {
    need_proc("who blocks a signal, and for whom it is pending, is told there alone");
    struct collector collector = {.kq = new_kqueue()};
    bool is_own_sigpending = closes_are_seen(); /* the two come together */
    block(SIGUSR1);
    watch(collector.kq, SIGUSR1, 0);
    pthread_t thread = start_thread(collect_all, &collector);
    for (int i = 1; i <= 20; i++) {
        deliver(SIGUSR1);
        AWAIT(collector.count == i);
        if (is_own_sigpending)
            REQUIRE(is_pending(SIGUSR1));
        else
            AWAIT(is_pending(SIGUSR1)); /* it is taken and sent again, which libc's lets show */
        if (i % 3 == 0)
            sleep_ms(20);
        take_signal(SIGUSR1);
        REQUIRE(!is_pending(SIGUSR1));
    }
    collector.stops = true;
    join_thread(thread);
    REQUIRE_EQ(collector.count, 20);
}

/* One that comes in the moment in which the one before was taken, while the collector looks at that again. */
static void the_next_is_counted_however_soon_it_comes(void) {
    need_proc("who blocks a signal, and for whom it is pending, is told there alone");
    struct collector collector = {.kq = new_kqueue()};
    const int rounds = (int)(1000 / processor_slowness());
    block(SIGUSR1);
    watch(collector.kq, SIGUSR1, 0);
    pthread_t thread = start_thread(collect_all, &collector);
    for (int i = 1; i <= rounds; i++) {
        deliver(SIGUSR1);
        for (double sent = now_ms(); collector.count < i;)
            REQUIRE(now_ms() - sent < PATIENCE);
        for (volatile int k = 0; k < i * 37 % 4000; k++) /* another moment each time */
            continue;
        take_signal(SIGUSR1);
    }
    collector.stops = true;
    join_thread(thread);
    REQUIRE_EQ(collector.count, rounds);
}

/* Who blocks it in all threads and hears of it by the kqueue alone hears of it again. */
static void one_that_nobody_takes_does_not_hide_the_next(void) {
    struct collector collector = {.kq = new_kqueue()};
    block(SIGCHLD);
    watch(collector.kq, SIGCHLD, 0);
    pthread_t thread = start_thread(collect_all, &collector);
    for (int i = 1; i <= 10; i++) {
        AWAIT(collector.tid != 0);
        await_sleep(collector.tid);
        pid_t child = fork();
        if (child == 0)
            _exit(0);
        AWAIT(collector.count == i);
        finish_child(child);
    }
    collector.stops = true;
    join_thread(thread);
}

enum { MANY = 300 };

/* Sent by another process to threads that sleep: all are counted, and all are there. */
static void none_of_many_is_lost(void) {
    need_proc("who blocks a signal, and for whom it is pending, is told there alone");
    need_exact_signals();
    struct collector collectors[3] = {{.kq = new_kqueue()}, {.kq = new_kqueue()}};
    pthread_t threads[3];
    int number = SIGRTMIN + 2;
    collectors[2].kq = collectors[0].kq;
    block(number);
    for (int i = 0; i < 2; i++)
        watch(collectors[i].kq, number, 0);
    for (int i = 0; i < 3; i++)
        threads[i] = start_thread(collect_all, &collectors[i]);
    pid_t child = fork();
    if (child == 0) {
        for (int i = 0; i < MANY; i++) {
            if (sigqueue(getppid(), number, (union sigval){.sival_int = i}) != 0)
                _exit(1);
            if (i % 3 == 0)
                usleep(200);
        }
        _exit(0);
    }
    finish_child(child);
    AWAIT(collectors[0].count + collectors[2].count == MANY && collectors[1].count == MANY);
    sleep_ms(100);
    for (int i = 0; i < 3; i++)
        collectors[i].stops = true;
    for (int i = 0; i < 3; i++)
        join_thread(threads[i]);
    REQUIRE_EQ(collectors[0].count + collectors[2].count, MANY);
    REQUIRE_EQ(collectors[1].count, MANY);
    for (int i = 0; i < MANY; i++)
        take_signal(number);
    REQUIRE(!is_pending(number));
}

static void *see_nothing_pending(void *argument) {
    (void)argument;
    REQUIRE(!is_pending(SIGUSR1));
    return NULL;
}

/* What was sent to one thread stays that thread's. */
static void one_sent_to_the_thread_stays_there(void) {
    need_proc("who blocks a signal, and for whom it is pending, is told there alone");
    struct collector other = {.kq = new_kqueue()};
    int kq = new_kqueue();
    pthread_t thread = start_thread(collect_all, &other);
    block(SIGUSR1);
    watch(kq, SIGUSR1, 0);
    for (int i = 0; i < 3; i++) {
        REQUIRE_EQ(raise(SIGUSR1), 0);
        EXPECT_SIGNAL(kq, SIGUSR1, 1);
        REQUIRE(is_pending(SIGUSR1));
        join_thread(start_thread(see_nothing_pending, NULL));
        take_signal(SIGUSR1);
    }
    require_silent(kq);
    other.stops = true;
    join_thread(thread);
}

/* ---- While it stays pending ---- */

static void do_nothing(int number) {
    (void)number;
}

/* Nothing is told twice, nothing spins, and the kqueue is not readable. */
static void it_is_quiet_while_it_stays(void) {
    int first = new_kqueue(), second = new_kqueue();
    struct collector sleeper = {.kq = second};
    struct pollfd item = {.fd = first, .events = POLLIN};
    install(SIGUSR2, do_nothing, SA_RESTART);
    block(SIGUSR1);
    block(SIGRTMIN);
    for (int number = SIGUSR1; number > 0; number = number == SIGUSR1 ? SIGRTMIN : 0) {
        watch(first, number, 0);
        watch(second, number, 0);
        deliver(number);
    }
    struct kevent events[4];
    REQUIRE_EQ(collect(first, events, 4, 1000), 2);
    REQUIRE_EQ(collect(second, events, 4, 1000), 2);
    REQUIRE_EQ(collect(first, events, 4, 0), 0); /* both are told by one descriptor, also of what one of them found */
    REQUIRE_EQ(poll(&item, 1, 20), 0);
    require_idle_second(first);
    pthread_t thread = start_thread(collect_all, &sleeper);
    double before = process_cpu_ms();
    for (int i = 0; i < 20; i++) {
        deliver(SIGUSR2); /* has the kernel look at all that is pending */
        (void)kevent(first, NULL, 0, events, 4, &(struct timespec){.tv_nsec = 20000000});
    }
    REQUIRE(process_cpu_ms() - before < allowed_cpu(200) || sanitized());
    require_idle_second(first);
    REQUIRE_EQ(sleeper.count, 0);
    sleeper.stops = true;
    join_thread(thread);
    REQUIRE(is_pending(SIGUSR1) && is_pending(SIGRTMIN));
}

/* Kqueues that are polled from outside are readable for what they have to give, and then no more (C-351). */
static void pollers_do_not_spin(void) {
    posix_lacks("a blocked signal is seen by threads in kevent() alone");
    struct pollfd items[3];
    struct kevent event;
    block(SIGUSR1);
    block(SIGRTMIN);
    for (int i = 0; i < 3; i++) {
        items[i] = (struct pollfd){.fd = new_kqueue(), .events = POLLIN};
        watch(items[i].fd, SIGUSR1, 0);
        if (i != 1)
            watch(items[i].fd, SIGRTMIN, 0);
    }
    deliver(SIGUSR1);
    deliver(SIGRTMIN);
    int events = 0, calls = 0;
    while (poll(items, 3, 50) > 0 && calls < 100)
        for (int i = 0; i < 3; i++)
            if (items[i].revents != 0) {
                events += collect(items[i].fd, &event, 1, 0);
                calls++;
            }
    REQUIRE_EQ(events, 5);
    REQUIRE(calls <= 10);
    REQUIRE(is_pending(SIGUSR1) && is_pending(SIGRTMIN));
}

/* The end of the knote leaves a signal to the handler, and its default action, which was held back, undone. */
static void the_end_leaves_it_to_the_program(void) {
    need_proc("who blocks a signal, and for whom it is pending, is told there alone");
    int kq = new_kqueue();
    install(SIGUSR1, note_run, 0);
    block(SIGUSR1);
    watch(kq, SIGUSR1, 0);
    deliver(SIGUSR1);
    EXPECT_SIGNAL(kq, SIGUSR1, 1);
    unwatch(kq, SIGUSR1);
    REQUIRE(is_pending(SIGUSR1));
    watch(kq, SIGUSR1, 0);
    require_silent(kq); /* it was sent before */
    unwatch(kq, SIGUSR1);
    unblock(SIGUSR1);
    REQUIRE_EQ(runs, 1);
    install(SIGUSR1, SIG_DFL, 0);
    block(SIGUSR1);
    watch(kq, SIGUSR1, 0);
    deliver(SIGUSR1);
    EXPECT_SIGNAL(kq, SIGUSR1, 1);
    unwatch(kq, SIGUSR1);
    unblock(SIGUSR1);
}

/* A signalfd of the program's own reads what the knote counted. */
static void a_signalfd_reads_it(void) {
    int kq = new_kqueue();
    sigset_t only;
    struct signalfd_siginfo info;
    sigemptyset(&only);
    sigaddset(&only, SIGUSR1);
    block(SIGUSR1);
    int fd = signalfd(-1, &only, SFD_CLOEXEC | SFD_NONBLOCK);
    watch(kq, SIGUSR1, 0);
    for (int i = 0; i < 3; i++) {
        deliver(SIGUSR1);
        EXPECT_SIGNAL(kq, SIGUSR1, 1);
        REQUIRE_EQ(read(fd, &info, sizeof info), sizeof info);
        REQUIRE_EQ(info.ssi_signo, SIGUSR1);
        REQUIRE_EQ(info.ssi_pid, getpid());
        REQUIRE_ERRNO(read(fd, &info, sizeof info), EAGAIN);
    }
    require_silent(kq);
}

/* Blocked, they are signals as any others: whoever has sent one means no fault. */
static void blocked_ones_of_faults_stay_blocked(void) {
    const int numbers[] = {SIGTRAP, SIGFPE, SIGILL, SIGSYS, SIGBUS};
    need_proc("who blocks a signal is told there alone");
    need_exact_signals();
    if (on_valgrind())
        contract_skip("valgrind drops a blocked signal of a fault's number");
    int kq = new_kqueue();
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        int number = numbers[i];
        install(number, note_run, 0);
        block(number);
        watch(kq, number, 0);
        deliver(number);
        watch(kq, SIGUSR2, 0);
        (void)action_of(SIGUSR2);
        REQUIRE(is_pending(number));
        EXPECT_SIGNAL(kq, number, 1);
        require_silent(kq);
        REQUIRE_EQ(runs, 0);
        REQUIRE(is_pending(number));
        unblock(number);
        AWAIT(runs == 1);
        require_silent(kq);
        unwatch(kq, SIGUSR2);
        runs = 0;
    }
}

const struct contract_case signal_pending_cases[] = {
    {"C-350", "the handler runs once it is unblocked, and it counts once", the_handler_runs_at_last, 20},
    {"C-350", "sigpending tells of it, sigwait takes it", sigpending_tells_and_sigwait_takes, 20},
    {"C-350", "after it was taken the next one counts", it_counts_anew_after_it_was_taken, 20},
    {"C-350", "those that queue stay as they were", queued_ones_stay_as_they_were, 20},
    {"C-350", "who sent it is not lost", information_stays, 0},
    {"C-350", "another thread takes it, or runs its handler", another_thread_has_it, 20},
    {"C-350", "a thread that collects takes nothing from the others", a_collector_takes_nothing, 20},
    {"C-350", "the next is counted, however soon it comes", the_next_is_counted_however_soon_it_comes, 30},
    {"C-350", "one that nobody takes does not hide the next", one_that_nobody_takes_does_not_hide_the_next, 30},
    {"C-350", "none of many that queue is lost, or there twice", none_of_many_is_lost, 30},
    {"C-350", "one that was sent to a thread stays there", one_sent_to_the_thread_stays_there, 20},
    {"C-350", "nothing happens while it stays pending", it_is_quiet_while_it_stays, 30},
    {"C-350", "pollers of kqueues do not spin meanwhile", pollers_do_not_spin, 20},
    {"C-350", "the end of the knote leaves it to the program", the_end_leaves_it_to_the_program, 20},
    {"C-350", "a signalfd of the program's reads it", a_signalfd_reads_it, 20},
    {"C-350", "a blocked signal of a fault's number stays blocked", blocked_ones_of_faults_stay_blocked, 20},
    {NULL, NULL, NULL, 0},
};
