/*
 * Threads that open, add, write, collect and close at the same time, and what
 * long use leaves.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "contract.h"

#include <limits.h>
#include <poll.h>
#include <sched.h>
#include <sys/syscall.h>

static void add(int kq, int fd, int filter, int flags, intptr_t mark) {
    change(kq, (uintptr_t)fd, filter, EV_ADD | flags, 0, 0, (void *)mark);
}

/* ---- C-352 ---- */

enum { SIBLINGS = 5 };

/* What is left behind is reported again and again, among others that are ready. */
static void among_what_nobody_removes(int flags) {
    for (int kind = 0; kind < 2; kind++) {
        int kq = new_kqueue(), pair[2], others[SIBLINGS][2];
        struct kevent events[16];
        kind ? new_pipe(pair) : unix_pair(pair);
        for (int i = 0; i < SIBLINGS; i++) {
            unix_pair(others[i]);
            put(others[i][1], "y");
            add(kq, others[i][0], EVFILT_READ, 0, 0);
        }
        add(kq, pair[0], EVFILT_READ, flags, 0);
        int copy = dup(pair[0]);
        REQUIRE(copy != -1);
        REQUIRE_EQ(syscall(SYS_close, pair[0]), 0);
        for (int round = 0; round < 6; round++) {
            put(pair[1], "x");
            int got = collect(kq, events, 16, 0);
            REQUIRE_EQ(got, SIBLINGS);
            for (int i = 0; i < got; i++)
                for (int j = 0; j < i; j++)
                    REQUIRE(events[i].ident != events[j].ident);
        }
        close(copy);
        close(kq);
    }
}

static void nothing_twice_by_level(void) {
    among_what_nobody_removes(0);
}

static void nothing_twice_by_edge(void) {
    among_what_nobody_removes(EV_CLEAR);
}

/* ---- C-353, C-355 ---- */

struct churn {
    int kq, flags;
    atomic_bool done;
};

/* Opens, adds and closes numbers of its own, all the while. */
static void *churn_numbers(void *argument) {
    struct churn *churn = argument;
    while (!churn->done) {
        int pair[2];
        new_pipe(pair);
        add(churn->kq, pair[0], EVFILT_READ, churn->flags | EV_DISABLE, -1);
        add(churn->kq, pair[1], EVFILT_WRITE, churn->flags | EV_DISABLE, -1);
        close(pair[0]);
        close(pair[1]);
    }
    return NULL;
}

static void require_told_once(int kq, int fd, intptr_t mark) {
    struct kevent events[4];
    REQUIRE_EQ(collect(kq, events, 4, PATIENCE), 1);
    REQUIRE_EQ(events[0].ident, fd);
    REQUIRE_EQ((intptr_t)events[0].udata, mark);
    require_silent_for(kq, 0);
}

static void each_news_is_told_once(void) {
    struct churn churn = {.kq = new_kqueue(), .flags = EV_CLEAR};
    pthread_t threads[2];
    for (int i = 0; i < 2; i++)
        threads[i] = start_thread(churn_numbers, &churn);
    for (int round = 1; round <= 3000; round++) {
        int pair[2];
        unix_pair(pair);
        put(pair[1], "x");
        add(churn.kq, pair[0], EVFILT_READ, EV_CLEAR, round);
        require_told_once(churn.kq, pair[0], round);
        put(pair[1], "x");
        require_told_once(churn.kq, pair[0], round);
        close(pair[0]);
        close(pair[1]);
    }
    churn.done = true;
    for (int i = 0; i < 2; i++)
        join_thread(threads[i]);
}

static void those_of_the_former_file_go(void) {
    int kq = new_kqueue(), pair[2], next[2];
    for (int round = 0; round < 100; round++) {
        unix_pair(pair);
        put(pair[1], "x");
        add(kq, pair[0], EVFILT_READ, round % 2 ? EV_CLEAR : 0, 1);
        int copy = round % 4 < 2 ? dup(pair[0]) : -1;
        unix_pair(next);
        REQUIRE_EQ(dup2(next[0], pair[0]), pair[0]);
        add(kq, pair[0], EVFILT_WRITE, 0, 2);
        struct kevent event = next_event(kq);
        REQUIRE_EQ(event.filter, EVFILT_WRITE);
        REQUIRE_EQ((intptr_t)event.udata, 2);
        REQUIRE_EQ(change_errno(kq, (uintptr_t)pair[0], EVFILT_READ, EV_DELETE, 0, 0, NULL), ENOENT);
        if (copy != -1)
            close(copy);
        close(pair[0]);
        close(pair[1]);
        close(next[0]);
        close(next[1]);
        require_silent(kq);
        if (round >= 8)
            break;
    }
}

/* ---- Where the system's set has to be made anew (C-131, C-353) ---- */

/* An entry that nobody can remove: its number is another file's, with a knote, and a duplicate keeps it ready. */
struct leftover {
    int former[2], copy, next[2];
};

static void leave_entry(int kq, struct leftover *left) {
    new_pipe(left->former);
    new_pipe(left->next);
    add(kq, left->former[0], EVFILT_READ, 0, 0);
    left->copy = dup(left->former[0]);
    REQUIRE_EQ(syscall(SYS_dup3, left->next[0], left->former[0], O_CLOEXEC), left->former[0]);
    add(kq, left->former[0], EVFILT_READ, 0, 0);
    put(left->former[1], "x");
}

/* POSIX tells unread bytes again after a second, and a busy machine may take as long for a few calls. */
static bool is_told_again(double start) {
    return on_posix() && now_ms() - start > 900;
}

enum { KEPT = 4, NEWS = 8 };

static void news_is_told_once_by_another_set(void) {
    int kq = new_kqueue(), pairs[KEPT + NEWS][2], told[KEPT + NEWS] = {0}, sent;
    double start = now_ms();
    struct leftover left;
    struct kevent event;
    for (int i = 0; i < KEPT + NEWS; i++) {
        unix_pair(pairs[i]);
        if (i < KEPT)
            put(pairs[i][1], "x");
        add(kq, pairs[i][0], EVFILT_READ, EV_CLEAR, i);
    }
    for (int i = 0; i < KEPT; i++)
        REQUIRE_EQ(collect(kq, &event, 1, 1000), 1);
    leave_entry(kq, &left);
    for (sent = KEPT; sent < KEPT + 2; sent++)
        put(pairs[sent][1], "x");
    /* What comes before each call stands behind that entry, and so is not reported yet when the set is made anew. */
    while (collect(kq, &event, 1, 50) == 1) {
        REQUIRE(++told[(intptr_t)event.udata] == 1 || is_told_again(start));
        if (sent < KEPT + NEWS)
            put(pairs[sent++][1], "x");
    }
    for (int i = 0; i < KEPT + NEWS; i++)
        REQUIRE(told[i] == (i >= KEPT) || (told[i] > 0 && is_told_again(start)));
    put(pairs[0][1], "x");
    require_told_once(kq, pairs[0][0], 0);
}

/*
 * The library asks for some 64 reports or more at a time.  So the second one of an entry that nobody can remove, which
 * has the set made anew, is found with others still behind it.
 */
static void news_behind_the_entry_is_told(void) {
    enum { PIPES = 100 };
    static int pairs[2 * PIPES][2];
    int kq = new_kqueue(), told[2 * PIPES] = {0};
    struct leftover left;
    struct kevent event;
    need_descriptors(4 * PIPES + 50);
    for (int i = 0; i < 2 * PIPES; i++) {
        new_pipe(pairs[i]);
        add(kq, pairs[i][0], EVFILT_READ, EV_CLEAR, i);
    }
    double start = now_ms();
    leave_entry(kq, &left);
    for (int i = 0; i < PIPES; i++)
        put(pairs[i][1], "x");
    REQUIRE_EQ(collect(kq, &event, 1, 0), 1);
    for (int i = PIPES; i < 2 * PIPES; i++)
        put(pairs[i][1], "x");
    do
        told[(intptr_t)event.udata]++;
    while (collect(kq, &event, 1, 50) == 1);
    for (int i = 0; i < 2 * PIPES; i++)
        REQUIRE(told[i] == 1 || (told[i] > 1 && is_told_again(start)));
}

static void outer_kqueue_hears_of_another_set(void) {
    posix_lacks("READ, WRITE, TIMER and VNODE make the kqueue readable only while a thread is in kevent()");
    int kq = new_kqueue(), outer = new_kqueue(), pair[2];
    struct leftover left;
    struct kevent event;
    new_pipe(pair);
    add(kq, pair[0], EVFILT_READ, EV_CLEAR, 0);
    add(outer, kq, EVFILT_READ, 0, 0);
    leave_entry(kq, &left);
    for (int i = 0; i < 4; i++)
        REQUIRE_EQ(collect(kq, &event, 1, 10), 0);
    require_silent(outer);
    for (int i = 0; i < 3; i++) {
        put(pair[1], "x");
        REQUIRE_EQ(next_event(outer).ident, kq);
        REQUIRE_EQ(next_event(kq).ident, pair[0]);
        require_silent(outer);
    }
}

/* One call finds out that there is nothing to be had; behind it nothing is readable (C-351). */
static void entry_is_readable_once(void) {
    int kq = new_kqueue();
    struct leftover left;
    struct kevent events[4];
    struct pollfd entry = {.fd = kq, .events = POLLIN};
    leave_entry(kq, &left);
    REQUIRE_EQ(collect(kq, events, 4, 0), 0);
    REQUIRE_EQ(poll(&entry, 1, 0), 0);
}

static double used_ms(void) {
    struct timespec used;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
    return (double)used.tv_sec * 1e3 + (double)used.tv_nsec / 1e6;
}

static void no_descriptor_for_another_set(void) {
    int kq = new_kqueue();
    struct leftover left;
    struct rlimit limit, none;
    struct kevent event;
    add_user(kq, 1, EV_CLEAR);
    leave_entry(kq, &left);
    REQUIRE_EQ(getrlimit(RLIMIT_NOFILE, &limit), 0);
    none = limit;
    none.rlim_cur = 3;
    REQUIRE_EQ(setrlimit(RLIMIT_NOFILE, &none), 0);
    REQUIRE_EQ(collect(kq, &event, 1, 0), 0);
    double before = used_ms();
    REQUIRE_EQ(collect(kq, &event, 1, 1000), 0);
    REQUIRE(sanitized() || used_ms() - before < allowed_cpu(50));
    put(left.next[1], "x");
    REQUIRE_EQ(next_event(kq).ident, left.former[0]);
    take(left.former[0], 1);
    REQUIRE_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
    REQUIRE_EQ(collect(kq, &event, 1, 0), 0);
    struct pollfd entry = {.fd = kq, .events = POLLIN};
    REQUIRE_EQ(poll(&entry, 1, 0), 0);
    put(left.next[1], "x");
    REQUIRE_EQ(next_event(kq).ident, left.former[0]);
}

/* ---- C-354 ---- */

static void the_next_kqueue_is_untouched(void) {
    for (int round = 0; round < 100; round++) {
        struct waiter waiter;
        int kq = new_kqueue();
        start_waiter(&waiter, kq, 1, -1);
        if (round % 2)
            park_waiter(&waiter);
        else
            while (waiter.tid == 0)
                sched_yield();
        close(kq);
        int next = new_kqueue();
        /* Whoever had not begun yet is in the next one, and rightly. */
        if (round % 2) {
            join_waiter(&waiter);
            REQUIRE_EQ(waiter.result, -1);
            REQUIRE_EQ(waiter.code, EBADF);
            add_triggered(next, 7, EV_CLEAR);
            REQUIRE_EQ(next_event(next).ident, 7);
        } else {
            add_user(next, 7, 0);
            trigger(next, 7);
            join_waiter(&waiter);
            if (waiter.result != 1)
                REQUIRE_EQ(waiter.code, EBADF);
            REQUIRE_EQ(next_event(next).ident, 7);
        }
        close(next);
    }
}

/* ---- C-357 ---- */

static long address_space(void) {
    long pages = 0;
    FILE *file = fopen(seen_proc("self/statm"), "r");
    if (file == NULL || fscanf(file, "%ld", &pages) != 1)
        contract_skip("no /proc/self/statm");
    fclose(file);
    return pages * sysconf(_SC_PAGESIZE) >> 20;
}

static void numbers_that_are_not_open(void) {
    static const int numbers[] = {INT_MAX, INT_MAX - 1, 1 << 30, 123456789, 1 << 24, 1 << 20};
    static const int filters[] = {EVFILT_READ, EVFILT_WRITE, EVFILT_VNODE};
    int kq = new_kqueue();
    change_errno(kq, 9999, EVFILT_READ, EV_ADD, 0, 0, NULL);
    long before = address_space();
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        for (size_t j = 0; j < sizeof filters / sizeof *filters; j++)
            REQUIRE_EQ(change_errno(kq, (uintptr_t)numbers[i], filters[j], EV_ADD | EV_CLEAR,
                                    filters[j] == EVFILT_VNODE ? NOTE_WRITE : 0, 0, NULL), EBADF);
    if (!sanitized())
        REQUIRE(address_space() - before < 32);
}

/* ---- C-359 ---- */

enum { TIMERS = 700 };

static void timers_to_and_fro(void) {
    int kq = new_kqueue();
    struct kevent event;
    for (int i = 0; i < TIMERS; i++)
        change(kq, (uintptr_t)i, EVFILT_TIMER, EV_ADD | EV_DISABLE, 0, 1 + i % 3, NULL);
    sleep_ms(20);
    for (int i = 0; i < TIMERS; i++)
        change(kq, (uintptr_t)i, EVFILT_TIMER, EV_ADD | (i % 2 ? EV_DISABLE : 0), 0, 3600000, NULL);
    for (int i = 0; i < TIMERS; i++)
        change(kq, (uintptr_t)i, EVFILT_TIMER, EV_ENABLE, 0, 0, NULL);
    REQUIRE_EQ(collect(kq, &event, 1, 50), 0);
    for (int i = 0; i < TIMERS; i += 3)
        change(kq, (uintptr_t)i, EVFILT_TIMER, EV_ADD, 0, 1, NULL);
    for (int i = 0; i < 1000; i++)
        REQUIRE(collect(kq, &event, 1, PATIENCE) == 1 && event.ident % 3 == 0);
    for (int i = 0; i < TIMERS; i++)
        REQUIRE(delete_knote(kq, (uintptr_t)i, EVFILT_TIMER));
    REQUIRE_EQ(collect(kq, &event, 1, 0), 0);
}

/* ---- C-360 ---- */

static void long_use(void) {
    int kq = new_kqueue(), kept[2];
    new_pipe(kept);
    add(kq, kept[0], EVFILT_READ, EV_CLEAR, 3);
    for (int round = 0; round < 70000; round++) {
        int pair[2];
        new_pipe(pair);
        add(kq, pair[0], EVFILT_READ, 0, 1);
        add(kq, pair[1], EVFILT_WRITE, EV_DISABLE, 1);
        close(pair[0]);
        close(pair[1]);
    }
    put(kept[1], "x");
    require_told_once(kq, kept[0], 3);
}

/* ---- C-361 ---- */

static void note_cleanup(void *argument) {
    *(atomic_int *)argument += 1;
}

static int cancelled_kq;
static atomic_int cleanups;

static void *wait_to_be_cancelled(void *argument) {
    struct kevent event;
    *(_Atomic pid_t *)argument = thread_number();
    pthread_cleanup_push(note_cleanup, &cleanups);
    pthread_cleanup_push(note_cleanup, &cleanups);
    kevent(cancelled_kq, NULL, 0, &event, 1, NULL);
    pthread_cleanup_pop(0);
    pthread_cleanup_pop(0);
    return NULL;
}

static void cancelled_threads_clean_up(void) {
    if (sanitized())
        contract_skip("the unwinding of a cancelled thread leaves a sanitizer's marks on its stack");
    cancelled_kq = new_kqueue();
    for (int round = 0; round < 20; round++) {
        _Atomic pid_t number = 0;
        void *result;
        cleanups = 0;
        pthread_t thread = start_thread(wait_to_be_cancelled, &number);
        while (number == 0)
            sleep_ms(1);
        if (round % 2)
            await_sleep(number);
        REQUIRE_EQ(pthread_cancel(thread), 0);
        REQUIRE_EQ(pthread_join(thread, &result), 0);
        REQUIRE(result == PTHREAD_CANCELED);
        REQUIRE_EQ(cleanups, 2);
        add_triggered(cancelled_kq, 1, EV_ONESHOT);
        REQUIRE_EQ(next_event(cancelled_kq).ident, 1);
    }
}

const struct contract_case concurrent_cases[] = {
    {"C-352", "level knotes stand once in a list while an unseen close's entry comes again", nothing_twice_by_level,
     30},
    {"C-352", "so they do where it comes by edges", nothing_twice_by_edge, 30},
    {"C-353", "each news under EV_CLEAR is told once while others add and close", each_news_is_told_once, 60},
    {"C-355", "knotes on the former file go, those since stay", those_of_the_former_file_go, 30},
    {"C-353", "each news is told once where the system's set is made anew", news_is_told_once_by_another_set, 0},
    {"C-353", "so is what comes behind an entry that has it made anew", news_behind_the_entry_is_told, 0},
    {"C-353", "an outer kqueue hears of one whose set was made anew", outer_kqueue_hears_of_another_set, 0},
    {"C-131", "and behind one call that finds nothing the kqueue is not readable", entry_is_readable_once, 0},
    {"C-131", "without a descriptor for another set nothing spins, and it is made up for",
     no_descriptor_for_another_set, 0},
    {"C-354", "a kqueue that gets the number is untouched", the_next_kqueue_is_untouched, 60},
    {"C-357", "EV_ADD of numbers that are not open takes no memory", numbers_that_are_not_open, 0},
    {"C-359", "timers are disabled, enabled and added again", timers_to_and_fro, 30},
    {"C-360", "tens of thousands of closes between two calls", long_use, 60},
    {"C-361", "a cancelled thread runs its cleanup handlers", cancelled_threads_clean_up, 30},
    {NULL, NULL, NULL, 0},
};
