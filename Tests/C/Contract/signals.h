/*
 * What the cases of EVFILT_SIGNAL share.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef SIGNALS_H
#define SIGNALS_H

#include "life.h"

static inline void watch(int kq, int number, int flags) {
    change(kq, (uintptr_t)number, EVFILT_SIGNAL, EV_ADD | flags, 0, 0, NULL);
}

static inline void unwatch(int kq, int number) {
    change(kq, (uintptr_t)number, EVFILT_SIGNAL, EV_DELETE, 0, 0, NULL);
}

/* To this process, which has it before the call returns unless it is blocked. */
static inline void deliver(int number) {
    REQUIRE_EQ(kill(getpid(), number), 0);
}

/* Requires one event with this count, and these flags beside the usual. */
#define EXPECT_SIGNAL(kq, number, count) expect_signal(__LINE__, kq, number, 0, count)
#define EXPECT_SIGNAL_FLAGS(kq, number, flags, count) expect_signal(__LINE__, kq, number, flags, count)
static inline void expect_signal(int line, int kq, int number, int flags, intptr_t count) {
    struct kevent event = next_event(kq);
    if (event.ident != (uintptr_t)number || event.filter != EVFILT_SIGNAL ||
        event.flags != (EV_ADD | EV_CLEAR | flags) || event.fflags != 0 || event.data != count)
        contract_fail(__FILE__, line, "ident %ju filter %d flags 0x%x fflags 0x%x data %jd; wanted signal %d, data %jd",
                      (uintmax_t)event.ident, event.filter, event.flags, event.fflags, (intmax_t)event.data, number,
                      (intmax_t)count);
}

/*
 * Has the library look at the program's actions, where its sigaction() is not the
 * library's: there it finds out when it is called.  Drops what there is to collect.
 */
static inline void show_actions(int kq) {
    struct kevent event;
    REQUIRE(kevent(kq, NULL, 0, &event, 1, &(struct timespec){0, 0}) >= 0);
}

static inline void need_seen_actions(void) {
    if (!closes_are_seen())
        contract_skip("the program's sigaction() is not the library's");
}

/* Closes a kqueue; where that goes unseen, the next one to be made finds it out. */
static inline void end_kqueue(int kq) {
    REQUIRE_EQ(close(kq), 0);
    REQUIRE_EQ(close(new_kqueue()), 0);
}

static inline void block(int number) {
    sigset_t only;
    sigemptyset(&only);
    sigaddset(&only, number);
    REQUIRE_EQ(pthread_sigmask(SIG_BLOCK, &only, NULL), 0);
}

static inline void unblock(int number) {
    sigset_t only;
    sigemptyset(&only);
    sigaddset(&only, number);
    REQUIRE_EQ(pthread_sigmask(SIG_UNBLOCK, &only, NULL), 0);
}

static inline bool is_blocked(int number) {
    sigset_t mask;
    REQUIRE_EQ(pthread_sigmask(SIG_BLOCK, NULL, &mask), 0);
    return sigismember(&mask, number) == 1;
}

static inline bool is_pending(int number) {
    sigset_t pending;
    REQUIRE_EQ(sigpending(&pending), 0);
    return sigismember(&pending, number) == 1;
}

/* Handlers that leave a trace. */
static atomic_int runs, last_number;

static inline void note_run(int number) {
    last_number = number;
    runs++;
}

/* The last signal that a program may have: valgrind keeps one for itself. */
static inline int last_signal(void) {
    return SIGRTMAX - on_valgrind();
}

/* A sanitizer holds signals back, and merges those that queue. */
static inline void need_exact_signals(void) {
    if (sanitized())
        contract_skip("the sanitizer hands signals on in its own time");
}

static inline void install(int number, void (*handler)(int), int flags) {
    struct sigaction action = {.sa_handler = handler, .sa_flags = flags};
    sigemptyset(&action.sa_mask);
    REQUIRE_EQ(sigaction(number, &action, NULL), 0);
}

static inline struct sigaction action_of(int number) {
    struct sigaction action;
    REQUIRE_EQ(sigaction(number, NULL, &action), 0);
    return action;
}

/* Requires that a child died of a signal. */
static inline void require_death(pid_t child, int number) {
    int status;
    REQUIRE(child > 0);
    while (waitpid(child, &status, 0) == -1)
        REQUIRE_EQ(errno, EINTR);
    REQUIRE(WIFSIGNALED(status));
    REQUIRE_EQ(WTERMSIG(status), number);
}

static inline void no_core(void) {
    REQUIRE_EQ(setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0}), 0);
}

/* Waits until something has come true; the case's own time limit ends it. */
#define AWAIT(condition) \
    do { \
        while (!(condition)) \
            sleep_ms(1); \
    } while (0)

#endif /* SIGNALS_H */
