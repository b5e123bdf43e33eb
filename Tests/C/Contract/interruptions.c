/*
 * What signals do to a wait: handlers that run while the library itself wakes up,
 * stops and continuations, and the thread's mask. C-347, C-348, contract 6.8.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "signals.h"

#include <setjmp.h>

/* A kqueue of which a byte that comes wakes the library and brings nothing. */
struct noisy {
    int kq, pair[2];
    pthread_t thread;
    atomic_bool stops;
    long pause; /* microseconds between two bytes */
};

static void make_noisy(struct noisy *noisy) {
    unix_pair(noisy->pair);
    noisy->kq = new_kqueue();
    change(noisy->kq, (uintptr_t)noisy->pair[0], EVFILT_READ, EV_ADD, NOTE_LOWAT, 100000, NULL);
}

static void make_noise(struct noisy *noisy) {
    put(noisy->pair[1], "x");
    take(noisy->pair[0], 1);
}

static void *keep_making_noise(void *argument) {
    struct noisy *noisy = argument;
    while (!noisy->stops) {
        make_noise(noisy);
        usleep((useconds_t)noisy->pause);
    }
    return NULL;
}

static void start_noise(struct noisy *noisy, long pause) {
    sigset_t all, before;
    sigfillset(&all);
    noisy->stops = false;
    noisy->pause = pause;
    pthread_sigmask(SIG_SETMASK, &all, &before);
    noisy->thread = start_thread(keep_making_noise, noisy);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

static void stop_noise(struct noisy *noisy) {
    noisy->stops = true;
    join_thread(noisy->thread);
}

/* A thread that waits again and again, and how its waits ended. */
struct interrupted {
    int kq, rounds;
    int stack; /* SA_ONSTACK, or 0 */
    _Atomic pid_t tid;
    atomic_int round;
    atomic_long sleeps; /* how often it had slept before the round's call */
    int lost, spurious;
};

/* How often a thread gave the processor away. */
static long sleeps_of(pid_t thread) {
    static const char label[] = "\nvoluntary_ctxt_switches:";
    char text[4096];
    read_of_thread(thread, "status", text, sizeof text);
    char *line = strstr(text, label);
    REQUIRE(line != NULL);
    return strtol(line + sizeof label - 1, NULL, 10);
}

/* Returns the stack that handlers ran on before. */
static stack_t use_other_stack(void) {
    static char bytes[65536];
    stack_t stack = {.ss_sp = bytes, .ss_size = sizeof bytes}, before;
    REQUIRE_EQ(sigaltstack(&stack, &before), 0);
    return before;
}

static void *wait_over_and_over(void *argument) {
    struct interrupted *waits = argument;
    stack_t before = {.ss_flags = SS_DISABLE};
    if (waits->stack)
        before = use_other_stack();
    waits->tid = thread_number();
    for (int i = 1; i <= waits->rounds; i++) {
        struct kevent event;
        runs = 0;
        waits->sleeps = sleeps_of(waits->tid);
        waits->round = i;
        int got = kevent(waits->kq, NULL, 0, &event, 1, &(struct timespec){.tv_sec = 10});
        bool is_interruption = got == -1 && errno == EINTR;
        waits->lost += !is_interruption;
        waits->spurious += is_interruption && runs == 0;
    }
    waits->round = waits->rounds + 1;
    if (waits->stack) /* a sanitizer frees its own with the thread */
        REQUIRE_EQ(sigaltstack(&before, NULL), 0);
    return NULL;
}

/* Sends one signal in each round: some time after the wait began, or right behind a wake-up where `behind` is given. */
static void interrupt_each(struct interrupted *waits, struct noisy *behind) {
    install(SIGUSR1, note_run, SA_RESTART | waits->stack);
    pthread_t thread = start_thread(wait_over_and_over, waits);
    for (int i = 1; i <= waits->rounds; i++) {
        AWAIT(waits->round >= i);
        if (behind != NULL) {
            await_sleep(waits->tid);
            make_noise(behind);
        } else {
            AWAIT(sleeps_of(waits->tid) > waits->sleeps);
            usleep((useconds_t)(i * 37 % 1000));
        }
        REQUIRE_EQ(pthread_kill(thread, SIGUSR1), 0);
    }
    join_thread(thread);
    REQUIRE_EQ(waits->spurious, 0);
    /* Where handlers are not seen to run, one between two waits is told by a guess. */
    if (waits->lost > 1 + waits->rounds / 100)
        contract_fail(__FILE__, __LINE__, "%d of %d waits were not ended", waits->lost, waits->rounds);
}

static void amid_wake_ups(void) {
    const long pauses[] = {0, 100};
    for (int stack = 0; stack < 2; stack++) {
        for (int i = 0; i < 2; i++) {
            struct noisy noisy;
            make_noisy(&noisy);
            struct interrupted waits = {.kq = noisy.kq, .rounds = 100, .stack = stack * SA_ONSTACK};
            start_noise(&noisy, pauses[i]);
            interrupt_each(&waits, NULL);
            stop_noise(&noisy);
        }
    }
}

static void right_behind_a_wake_up(void) {
    struct noisy noisy;
    make_noisy(&noisy);
    struct interrupted waits = {.kq = noisy.kq, .rounds = 100};
    interrupt_each(&waits, &noisy);
}

/* A signal so many microseconds after a wait began, or as soon as that is seen to sleep. */
struct late {
    pthread_t waiter;
    pid_t tid;
    double begun;
    long after;
};

static void *interrupt_late(void *argument) {
    const struct late *late = argument;
    await_sleep(late->tid);
    double left = late->begun * 1000 + (double)late->after - now_ms() * 1000;
    if (left > 0)
        usleep((useconds_t)left);
    REQUIRE_EQ(pthread_kill(late->waiter, SIGALRM), 0);
    return NULL;
}

/* Where the wait is cut into pieces of 50 ms, the second ends about then. */
static void in_a_long_wait(void) {
    struct late late = {.waiter = pthread_self(), .tid = thread_number()};
    struct noisy noisy;
    struct kevent event;
    make_noisy(&noisy);
    install(SIGALRM, note_run, 0);
    for (int i = 0; i < 40; i++) {
        late.begun = now_ms();
        late.after = 99000 + i * 50;
        pthread_t thread = start_thread(interrupt_late, &late);
        REQUIRE_ERRNO(kevent(noisy.kq, NULL, 0, &event, 1, &(struct timespec){.tv_sec = 10}), EINTR);
        join_thread(thread);
    }
    REQUIRE_EQ(runs, 40);
}

/* ---- What is no handler of the program's ---- */

/* A child that waits 600 ms without a handler; it is stopped and continued meanwhile, some times over. */
static void stop_and_continue(bool has_other_stack, bool is_noisy) {
    pid_t child = fork();
    if (child == 0) {
        struct noisy noisy;
        struct kevent event;
        make_noisy(&noisy);
        if (has_other_stack)
            (void)use_other_stack();
        if (is_noisy)
            start_noise(&noisy, 3000);
        double start = now_ms();
        REQUIRE_EQ(kevent(noisy.kq, NULL, 0, &event, 1, &(struct timespec){.tv_nsec = 600000000}), 0);
        REQUIRE(now_ms() - start >= 600);
        _exit(0);
    }
    for (int i = 0; i < 3; i++) {
        sleep_ms(100);
        REQUIRE_EQ(kill(child, SIGSTOP), 0);
        sleep_ms(20);
        REQUIRE_EQ(kill(child, SIGCONT), 0);
    }
    finish_child(child);
}

static void stops_do_not_end_a_wait(void) {
    if (sanitized())
        contract_skip("the sanitizer's handlers have traces of their own");
    if (on_valgrind())
        contract_skip("under valgrind a stop and a continuation end a wait");
    stop_and_continue(false, false);
    stop_and_continue(true, false);
    stop_and_continue(false, true);
}

static void *signal_some_times(void *argument) {
    struct interrupted *waits = argument;
    for (int i = 0; i < 5; i++) {
        await_sleep(waits->tid);
        syscall(SYS_tgkill, getpid(), waits->tid, SIGUSR2);
    }
    return NULL;
}

/* What is watched by another kqueue and ignored by the program ends no wait; a handler at the same time does. */
static void anothers_ignored_signal_does_not(void) {
    need_exact_signals();
    int watching = new_kqueue(), kq = new_kqueue();
    struct interrupted waits = {.tid = thread_number()};
    struct kevent event;
    install(SIGUSR2, SIG_IGN, 0);
    watch(watching, SIGUSR2, 0);
    pthread_t thread = start_thread(signal_some_times, &waits);
    REQUIRE_EQ(collect(kq, &event, 1, 1000), 0);
    join_thread(thread);
    EXPECT_SIGNAL(watching, SIGUSR2, 5);
    install(SIGUSR2, note_run, SA_RESTART);
    show_actions(watching);
    thread = start_thread(signal_some_times, &waits);
    for (int i = 0; i < 5; i++)
        REQUIRE_ERRNO(kevent(kq, NULL, 0, &event, 1, &(struct timespec){.tv_sec = 5}), EINTR);
    join_thread(thread);
    REQUIRE_EQ(runs, 5);
}

/* ---- The mask ---- */

static void require_mask(const sigset_t *want) {
    sigset_t got;
    REQUIRE_EQ(pthread_sigmask(SIG_BLOCK, NULL, &got), 0);
    for (int number = 1; number <= SIGRTMAX; number++)
        REQUIRE_EQ(sigismember(&got, number), sigismember(want, number));
}

static sigset_t inside, own_mask;

static void note_mask(int number) {
    note_run(number);
    pthread_sigmask(SIG_BLOCK, NULL, &inside);
}

/* What a handler finds blocked: what the program blocks, and itself. */
static void require_mask_inside(int number) {
    sigset_t want = own_mask;
    sigaddset(&want, number);
    for (int other = 1; other <= SIGRTMAX; other++)
        REQUIRE_EQ(sigismember(&inside, other), sigismember(&want, other));
}

static void *signal_soon(void *argument) {
    struct interrupted *waits = argument;
    sleep_ms((long)(30 * processor_slowness()));
    syscall(SYS_tgkill, getpid(), waits->tid, SIGUSR1);
    return NULL;
}

/* However a call ends that woke for nothing before. */
static void the_mask_is_the_programs(void) {
    struct noisy noisy;
    struct kevent event;
    struct interrupted waits = {.tid = thread_number()};
    if (on_valgrind())
        contract_skip("valgrind runs a handler that ends ppoll(2) under the mask from before that");
    block(SIGHUP);
    REQUIRE_EQ(pthread_sigmask(SIG_BLOCK, NULL, &own_mask), 0);
    make_noisy(&noisy);
    add_user(noisy.kq, 1, EV_CLEAR);
    start_noise(&noisy, 1000);
    REQUIRE_EQ(collect(noisy.kq, &event, 1, 50), 0);
    require_mask(&own_mask);
    change(noisy.kq, 2, EVFILT_TIMER, EV_ADD | EV_ONESHOT, 0, 30, NULL);
    REQUIRE_EQ(collect(noisy.kq, &event, 1, PATIENCE), 1);
    require_mask(&own_mask);
    for (int watched = 0; watched < 2; watched++) {
        int other = new_kqueue();
        install(SIGUSR1, note_mask, 0);
        if (watched)
            watch(other, SIGUSR1, 0);
        pthread_t thread = start_thread(signal_soon, &waits);
        REQUIRE_ERRNO(kevent(noisy.kq, NULL, 0, &event, 1, &(struct timespec){.tv_sec = 5}), EINTR);
        join_thread(thread);
        if (!sanitized())
            require_mask_inside(SIGUSR1);
        require_mask(&own_mask);
        end_kqueue(other);
    }
    stop_noise(&noisy);
}

static sigjmp_buf escape;

static void jump_out(int number) {
    (void)number;
    siglongjmp(escape, 1);
}

/* A jump out of the wait, with the mask as it was before. */
static void a_jump_leaves_the_mask(void) {
    static struct noisy noisy;
    static struct interrupted waits;
    static pthread_t thread;
    static struct kevent event;
    waits.tid = thread_number();
    block(SIGHUP);
    REQUIRE_EQ(pthread_sigmask(SIG_BLOCK, NULL, &own_mask), 0);
    make_noisy(&noisy);
    make_noise(&noisy);
    REQUIRE_EQ(collect(noisy.kq, &event, 1, 20), 0);
    install(SIGUSR1, jump_out, 0);
    thread = start_thread(signal_soon, &waits);
    if (sigsetjmp(escape, 1) == 0) {
        kevent(noisy.kq, NULL, 0, &event, 1, NULL);
        contract_fail(__FILE__, __LINE__, "the wait ended before the jump");
    }
    require_mask(&own_mask);
    join_thread(thread);
    /* And one that keeps the handler's: that adds the signal, and nothing else. */
    thread = start_thread(signal_soon, &waits);
    if (sigsetjmp(escape, 0) == 0) {
        kevent(noisy.kq, NULL, 0, &event, 1, NULL);
        contract_fail(__FILE__, __LINE__, "the wait ended before the jump");
    }
    join_thread(thread);
    sigaddset(&own_mask, SIGUSR1);
    require_mask(&own_mask);
}

static sigset_t mask_at_end;

static void note_mask_at_end(void *argument) {
    (void)argument;
    pthread_sigmask(SIG_BLOCK, NULL, &mask_at_end);
}

static void *wait_for_ever(void *argument) {
    struct noisy *noisy = argument;
    struct kevent event;
    pthread_cleanup_push(note_mask_at_end, NULL);
    kevent(noisy->kq, NULL, 0, &event, 1, NULL);
    pthread_cleanup_pop(1);
    return NULL;
}

/* A thread that is cancelled cleans up under its own mask, and so does one whose kqueue is closed. */
static void cancellation_and_close_leave_the_mask(void) {
    for (int closes = 0; closes < 2; closes++) {
        struct noisy noisy;
        make_noisy(&noisy);
        block(SIGHUP);
        REQUIRE_EQ(pthread_sigmask(SIG_BLOCK, NULL, &own_mask), 0);
        sigfillset(&mask_at_end);
        start_noise(&noisy, 1000);
        pthread_t thread = start_thread(wait_for_ever, &noisy);
        sleep_ms(50);
        if (closes)
            REQUIRE_EQ(close(noisy.kq), 0);
        else
            REQUIRE_EQ(pthread_cancel(thread), 0);
        join_thread(thread);
        stop_noise(&noisy);
        for (int number = 1; number <= SIGRTMAX; number++)
            if (number < 32 || number >= SIGRTMIN) /* libc cancels by one of those between */
                REQUIRE_EQ(sigismember(&mask_at_end, number), sigismember(&own_mask, number));
    }
}

const struct contract_case interruption_cases[] = {
    {"C-347", "a handler ends a wait amid wake-ups that bring nothing", amid_wake_ups, 60},
    {"C-347", "and right behind one", right_behind_a_wake_up, 60},
    {"C-347", "and at the end of a part of a long wait", in_a_long_wait, 60},
    {"C-347", "the mask of the thread is the program's", the_mask_is_the_programs, 30},
    {"C-347", "also after a jump out of a wait", a_jump_leaves_the_mask, 30},
    {"C-347", "also after a cancellation or a close", cancellation_and_close_leave_the_mask, 30},
    {"C-348", "stops and continuations do not end a wait", stops_do_not_end_a_wait, 30},
    {"C-024", "nor does a signal that is ignored, and watched by another kqueue", anothers_ignored_signal_does_not, 30},
    {NULL, NULL, NULL, 0},
};
