/*
 * EVFILT_SIGNAL, and what the program blocks and ignores: C-276, C-287.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "signals.h"

/* Takes one that is pending and blocked; whether there was one. */
static bool take_pending(int number) {
    sigset_t only;
    sigemptyset(&only);
    sigaddset(&only, number);
    return sigtimedwait(&only, NULL, &(struct timespec){0, 0}) == number;
}

/* ---- What is ignored ---- */

/* A function is used up, and nothing else: not in the kernel's hands either. */
static void ignoring_is_not_used_up(void) {
    struct sigaction action = {.sa_handler = SIG_IGN, .sa_flags = (int)SA_RESETHAND};
    int kq = new_kqueue();
    sigemptyset(&action.sa_mask);
    REQUIRE_EQ(sigaction(SIGUSR1, &action, NULL), 0);
    watch(kq, SIGUSR1, 0);
    deliver(SIGUSR1);
    deliver(SIGUSR1);
    EXPECT_SIGNAL(kq, SIGUSR1, 2);
    unwatch(kq, SIGUSR1);
    REQUIRE(action_of(SIGUSR1).sa_handler == SIG_IGN);
    deliver(SIGUSR1); /* which nobody dies of */
}

/* Whatever was pending is gone; it counts, once. As of any call that succeeds, errno is left alone. */
static void drop_pending(int number, void (*handler)(int), bool is_counted) {
    int kq = new_kqueue();
    install(number, note_run, 0);
    block(number);
    watch(kq, number, 0);
    deliver(number);
    if (is_counted)
        EXPECT_SIGNAL(kq, number, 1);
    errno = EDOM;
    install(number, handler, 0);
    REQUIRE_EQ(errno, EDOM);
    REQUIRE(!is_pending(number));
    install(number, note_run, 0);
    unblock(number);
    REQUIRE_EQ(runs, 0);
    if (!is_counted)
        EXPECT_SIGNAL(kq, number, 1);
    require_silent(kq);
    deliver(number);
    REQUIRE_EQ(runs, 1);
    EXPECT_SIGNAL(kq, number, 1);
    REQUIRE_EQ(close(kq), 0);
    runs = 0;
}

static void to_ignore_drops_what_is_pending(void) {
    need_proc("who blocks a signal is told there alone");
    need_seen_actions();
    need_exact_signals();
    for (int is_counted = 0; is_counted < 2; is_counted++) {
        drop_pending(SIGUSR1, SIG_IGN, is_counted);
        drop_pending(SIGRTMIN, SIG_IGN, is_counted);
        drop_pending(SIGCHLD, SIG_IGN, is_counted);
        drop_pending(SIGCHLD, SIG_DFL, is_counted);
        drop_pending(SIGWINCH, SIG_DFL, is_counted);
    }
}

static void it_wakes_who_waits(void) {
    need_seen_actions();
    need_exact_signals();
    int kq = new_kqueue();
    struct waiter waiter;
    block(SIGRTMIN);
    watch(kq, SIGRTMIN, 0);
    start_waiter(&waiter, kq, 1, -1);
    park_waiter(&waiter);
    deliver(SIGRTMIN);
    install(SIGRTMIN, SIG_IGN, 0);
    join_waiter(&waiter);
    REQUIRE_EQ(waiter.result, 1);
    REQUIRE_EQ(waiter.events[0].data, 1);
}

static void what_is_pending_by_default_stays(void) {
    const int numbers[] = {SIGCHLD, SIGURG, SIGCONT, SIGWINCH};
    need_exact_signals();
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        int kq = new_kqueue();
        block(numbers[i]);
        watch(kq, numbers[i], 0);
        deliver(numbers[i]);
        if (i % 2 == 0)
            EXPECT_SIGNAL(kq, numbers[i], 1);
        unwatch(kq, numbers[i]);
        REQUIRE(is_pending(numbers[i]));
        REQUIRE(take_pending(numbers[i]));
        REQUIRE_EQ(close(kq), 0);
    }
}

/* ---- What is blocked ---- */

static sigset_t mask_inside;

static void note_mask(int number) {
    REQUIRE_EQ(pthread_sigmask(SIG_BLOCK, NULL, &mask_inside), 0);
    note_run(number);
}

static void by_suspending(const sigset_t *mask) {
    REQUIRE_ERRNO(sigsuspend(mask), EINTR);
}

static void by_polling(const sigset_t *mask) {
    REQUIRE_ERRNO(ppoll(NULL, 0, NULL, mask), EINTR);
}

/* What a handler finds blocked while a call has another mask in force than its thread. */
static sigset_t found_blocked(int kq, void (*wait)(const sigset_t *)) {
    struct sigaction action = {.sa_handler = note_mask};
    sigset_t mask;
    sigemptyset(&action.sa_mask);
    sigaddset(&action.sa_mask, SIGALRM);
    REQUIRE_EQ(sigaction(SIGUSR1, &action, NULL), 0);
    show_actions(kq);
    block(SIGUSR1);
    block(SIGHUP);
    deliver(SIGUSR1);
    sigemptyset(&mask);
    sigaddset(&mask, SIGTERM);
    runs = 0;
    wait(&mask);
    REQUIRE_EQ(runs, 1);
    REQUIRE(is_blocked(SIGHUP) && is_blocked(SIGUSR1) && !is_blocked(SIGTERM) && !is_blocked(SIGALRM));
    return mask_inside;
}

static void masks_of_calls_hold_in_handlers(void) {
    void (*const waits[])(const sigset_t *) = {by_suspending, by_polling};
    need_exact_signals();
    if (on_valgrind())
        contract_skip("valgrind does not block what the mask of a handler that is not watched says");
    for (size_t i = 0; i < sizeof waits / sizeof *waits; i++) {
        int kq = new_kqueue();
        sigset_t plain = found_blocked(kq, waits[i]);
        watch(kq, SIGUSR1, 0);
        sigset_t watched = found_blocked(kq, waits[i]);
        REQUIRE_EQ(sigismember(&plain, SIGTERM), 1);
        for (int number = 1; number <= SIGRTMAX; number++)
            REQUIRE_EQ(sigismember(&watched, number), sigismember(&plain, number));
        EXPECT_SIGNAL(kq, SIGUSR1, 1);
        end_kqueue(kq);
    }
}

static void all_that_are_let_in_have_their_handlers_run(void) {
    sigset_t none;
    need_exact_signals();
    if (on_valgrind())
        contract_skip("valgrind runs one handler for a sigsuspend");
    int kq = new_kqueue();
    sigemptyset(&none);
    for (int number = SIGUSR1; number <= SIGUSR2; number += SIGUSR2 - SIGUSR1) {
        install(number, note_run, 0);
        block(number);
        watch(kq, number, 0);
        deliver(number);
    }
    REQUIRE_ERRNO(sigsuspend(&none), EINTR);
    REQUIRE_EQ(runs, 2);
    REQUIRE_EQ(collect(kq, (struct kevent[2]){0}, 2, 1000), 2);
}

const struct contract_case signal_mask_cases[] = {
    {"C-276", "SA_RESETHAND leaves what is ignored ignored", ignoring_is_not_used_up, 0},
    {"C-276", "to ignore a signal drops what is pending, which counts", to_ignore_drops_what_is_pending, 0},
    {"C-276", "and wakes who waits for it", it_wakes_who_waits, 0},
    {"C-287", "what is pending and does nothing by default stays", what_is_pending_by_default_stays, 0},
    {"C-276", "a handler has blocked what sigsuspend and ppoll did", masks_of_calls_hold_in_handlers, 0},
    {"C-276", "sigsuspend has all handlers run that it lets in", all_that_are_let_in_have_their_handlers_run, 0},
    {NULL, NULL, NULL, 0},
};
