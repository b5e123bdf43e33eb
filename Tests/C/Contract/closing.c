/*
 * Closing a watched descriptor, number reuse, and what replaces a number.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "life.h"

static const int behaviours[] = {0, EV_CLEAR, EV_ONESHOT, EV_DISPATCH};
enum { BEHAVIOURS = 4 };

static void changes_after_close(void) {
    static const int actions[] = {EV_DELETE, EV_ENABLE, EV_DISABLE, 0, EV_ADD};
    for (int filter = EVFILT_WRITE; filter <= EVFILT_READ; filter++) {
        for (int a = 0; a < 5; a++) {
            int kq = new_kqueue(), pair[2];
            unix_pair(pair);
            change(kq, (uintptr_t)pair[0], filter, EV_ADD, 0, 0, NULL);
            REQUIRE_EQ(close(pair[0]), 0);
            REQUIRE_EQ(change_errno(kq, (uintptr_t)pair[0], filter, actions[a], 0, 0, NULL), EBADF);
            REQUIRE_NO_KNOTE(kq, pair[0], filter, EBADF);
            require_silent(kq);
            close(pair[1]);
            close(kq);
        }
    }
}

static void close_with_a_duplicate(int pair[2], int behaviour) {
    int kq = new_kqueue(), copy = duplicate(pair[0]);
    add_read(kq, pair[0], behaviour);
    put(pair[1], "x");
    REQUIRE_EQ(close(pair[0]), 0);
    require_silent(kq);
    put(pair[1], "y"); /* what comes later is no event either */
    require_silent(kq);
    REQUIRE_NO_KNOTE(kq, pair[0], EVFILT_READ, EBADF);
    close(copy);
    close(pair[1]);
    close(kq);
}

static void closed_number_is_silent(void) {
    for (int b = 0; b < BEHAVIOURS; b++) {
        int pair[2];
        new_pipe(pair);
        close_with_a_duplicate(pair, behaviours[b]);
        unix_pair(pair);
        close_with_a_duplicate(pair, behaviours[b]);
        tcp_pair(pair);
        close_with_a_duplicate(pair, behaviours[b]);
    }
}

static void closed_number_is_silent_with_both_filters(void) {
    int kq = new_kqueue(), other = new_kqueue(), pair[2];
    unix_pair(pair);
    int copy = duplicate(pair[0]);
    put(pair[1], "x");
    for (int i = 0; i < 2; i++) { /* in two kqueues */
        add_read(i ? kq : other, pair[0], 0);
        add_write(i ? kq : other, pair[0], 0);
    }
    struct kevent events[4];
    REQUIRE_EQ(collect(kq, events, 4, 1000), 2);
    REQUIRE_EQ(close(pair[0]), 0);
    require_silent(kq);
    require_silent(other);
    REQUIRE_NO_KNOTE(kq, pair[0], EVFILT_READ, EBADF);
    REQUIRE_NO_KNOTE(other, pair[0], EVFILT_WRITE, EBADF);
    close(copy);
}

static void duplicate_goes_on(void) {
    int kq = new_kqueue(), pair[2];
    new_pipe(pair);
    int copy = duplicate(pair[0]);
    add_read(kq, pair[0], 0);
    add_read(kq, copy, 0);
    REQUIRE_EQ(close(pair[0]), 0);
    for (int round = 1; round <= 3; round++) {
        put(pair[1], "x");
        EXPECT(kq, copy, EV_ADD, 0, round);
    }
    take(copy, 3);
    require_silent(kq);
    put(pair[1], "x");
    EXPECT(kq, copy, EV_ADD, 0, 1);
    REQUIRE_EQ(close(copy), 0);
    require_silent(kq);
}

static void original_goes_on(void) {
    int kq = new_kqueue(), pair[2];
    new_pipe(pair);
    add_read(kq, pair[0], EV_CLEAR);
    for (int round = 1; round <= 3; round++) {
        int copy = duplicate(pair[0]);
        REQUIRE_NO_KNOTE(kq, copy, EVFILT_READ, ENOENT); /* the new number has none */
        if (round == 2 && closes_are_seen()) /* one like it under the same number is the same to who did not see it */
            add_read(kq, copy, EV_DISABLE);
        REQUIRE_EQ(close(copy), 0);
        put(pair[1], "x");
        EXPECT(kq, pair[0], EV_ADD | EV_CLEAR, 0, round);
    }
}

static void replace(int kind, int old, int number) {
    if (kind == 0)
        REQUIRE_EQ(dup2(old, number), number);
    else if (kind == 1)
        REQUIRE_EQ(dup3(old, number, O_CLOEXEC), number);
    else
        REQUIRE_EQ(syscall(SYS_dup3, old, number, 0), number); /* seen by nobody */
}

static void replaced_number_has_no_knote(void) {
    for (int kind = 0; kind < 3; kind++) {
        int kq = new_kqueue(), pair[2], other[2];
        new_pipe(pair);
        new_pipe(other);
        int copy = duplicate(pair[0]);
        add_read(kq, pair[0], 0);
        put(pair[1], "x");
        replace(kind, other[0], pair[0]);
        require_silent(kq);
        if (kind < 2)
            put(other[1], "y"); /* the new file is readable now; nobody asked */
        put(pair[1], "x");
        require_silent(kq);
        REQUIRE_NO_KNOTE(kq, pair[0], EVFILT_READ, ENOENT);
        if (kind == 2)
            put(other[1], "y");
        add_read(kq, pair[0], 0);
        EXPECT(kq, pair[0], EV_ADD, 0, 1);
        close(copy);
        close(kq);
    }
}

static void replaced_by_its_own_duplicate(void) {
    if (!closes_are_seen())
        contract_skip("the number names the same file as before");
    int kq = new_kqueue(), pair[2];
    new_pipe(pair);
    int copy = duplicate(pair[0]);
    add_read(kq, pair[0], 0);
    REQUIRE_EQ(dup2(copy, pair[0]), pair[0]);
    put(pair[1], "x");
    require_silent(kq);
    REQUIRE_NO_KNOTE(kq, pair[0], EVFILT_READ, ENOENT);
    add_read(kq, pair[0], 0);
    EXPECT(kq, pair[0], EV_ADD, 0, 1);
}

/* Requires that the knote on a pipe's read end is there still, and fires. */
static void require_fires(int kq, const int pair[2]) {
    put(pair[1], "x");
    EXPECT(kq, pair[0], EV_ADD, 0, 1);
    take(pair[0], 1);
    struct kevent event;
    REQUIRE_EQ(collect(kq, &event, 1, 0), 0);
}

static void replaced_by_itself(void) {
    int kq = new_kqueue(), pair[2];
    new_pipe(pair);
    add_read(kq, pair[0], 0);
    REQUIRE_EQ(dup2(pair[0], pair[0]), pair[0]);
    require_fires(kq, pair);
    REQUIRE_ERRNO(dup3(pair[0], pair[0], 0), EINVAL);
    require_fires(kq, pair);
    REQUIRE_ERRNO(dup3(pair[0], pair[0], O_CLOEXEC), EINVAL);
    require_fires(kq, pair);
}

/* A number that nothing has. */
static int free_number(void) {
    int fd = readable_eventfd();
    REQUIRE_EQ(close(fd), 0);
    return fd;
}

static void failed_replacing_keeps_the_knote(void) {
    int kq = new_kqueue(), pair[2];
    new_pipe(pair);
    add_read(kq, pair[0], 0);
    int nothing = free_number();
    REQUIRE_ERRNO(dup2(nothing, pair[0]), EBADF);
    require_fires(kq, pair);
    REQUIRE_ERRNO(dup2(-1, pair[0]), EBADF);
    require_fires(kq, pair);
    REQUIRE_ERRNO(dup3(nothing, pair[0], O_CLOEXEC), EBADF);
    require_fires(kq, pair);
    REQUIRE_ERRNO(dup3(pair[1], pair[0], O_APPEND), EINVAL);
    require_fires(kq, pair);
    REQUIRE_ERRNO(dup3(pair[1], pair[0], -1), EINVAL);
    require_fires(kq, pair);
    REQUIRE_ERRNO(dup2(pair[0], -1), EBADF);
    REQUIRE_ERRNO(dup2(pair[0], INT_MAX), EBADF);
    require_fires(kq, pair);
}

/* The limit was lowered below a number that is in use. */
static void replacing_above_the_limit_keeps_the_knote(void) {
    need_descriptors(400);
    enum { NUMBER = 300, LIMIT = 100 };
    int kq = new_kqueue(), pair[2];
    struct rlimit limit;
    new_pipe(pair);
    move_to(pair[0], NUMBER);
    pair[0] = NUMBER;
    add_read(kq, NUMBER, 0);
    REQUIRE_EQ(getrlimit(RLIMIT_NOFILE, &limit), 0);
    limit.rlim_cur = LIMIT;
    REQUIRE_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
    REQUIRE_ERRNO(dup2(pair[1], NUMBER), EBADF);
    require_fires(kq, pair);
    REQUIRE_ERRNO(dup3(pair[1], NUMBER, O_CLOEXEC), EBADF);
    require_fires(kq, pair);
}

/* ---- The number again ---- */

enum { EMPTY_PIPE, FULL_PIPE, SOCKET, REGULAR_FILE, EVENT, KQUEUE, SUCCESSORS };

/* Opens something that is (but for the empty pipe) readable; its descriptor. */
static int successor(int kind) {
    int pair[2], fd;
    switch (kind) {
    case EMPTY_PIPE:
    case FULL_PIPE:
        new_pipe(pair);
        if (kind == FULL_PIPE)
            put(pair[1], "x");
        return pair[0];
    case SOCKET:
        unix_pair(pair);
        put(pair[1], "x");
        return pair[0];
    case REGULAR_FILE:
        return regular_file();
    case EVENT:
        return readable_eventfd();
    default:
        fd = new_kqueue();
        add_triggered(fd, 1, 0);
        return fd;
    }
}

/* Watches a socket with both filters, closes it with data pending, and gives its number away. */
static int reuse(int kq, int kind, bool kept, int behaviour) {
    int pair[2];
    unix_pair(pair);
    int copy = kept ? duplicate(pair[0]) : -1;
    add_read(kq, pair[0], behaviour);
    add_write(kq, pair[0], behaviour);
    put(pair[1], "12345");
    REQUIRE_EQ(close(pair[0]), 0);
    if (kind == KQUEUE) {
        REQUIRE_EQ(successor(kind), pair[0]);
    } else {
        int fd = successor(kind);
        if (fd != pair[0])
            move_to(fd, pair[0]);
    }
    (void)copy;
    return pair[0];
}

static void reused_number_is_silent(void) {
    need_descriptors(1000);
    int kq = new_kqueue();
    struct kevent event;
    for (int kind = 0; kind < SUCCESSORS; kind++)
        for (int kept = 0; kept < 2; kept++)
            for (int b = 0; b < BEHAVIOURS; b++) {
                reuse(kq, kind, kept != 0, behaviours[b]);
                REQUIRE_EQ(collect(kq, &event, 1, 20), 0);
            }
    require_idle_second(kq);
}

static void delete_after_reuse(void) {
    need_descriptors(1000);
    for (int kind = 0; kind < SUCCESSORS; kind++)
        for (int kept = 0; kept < 2; kept++) {
            int kq = new_kqueue();
            int fd = reuse(kq, kind, kept != 0, 0);
            REQUIRE_NO_KNOTE(kq, fd, EVFILT_READ, ENOENT);
            REQUIRE_EQ(change_errno(kq, (uintptr_t)fd, EVFILT_WRITE, EV_ENABLE, 0, 0, NULL), ENOENT);
            REQUIRE_NO_KNOTE(kq, fd, EVFILT_WRITE, ENOENT);
            require_silent(kq);
        }
}

static void add_after_reuse(void) {
    need_descriptors(1000);
    for (int kind = FULL_PIPE; kind < SUCCESSORS; kind++)
        for (int kept = 0; kept < 2; kept++) {
            int kq = new_kqueue(), token;
            int fd = reuse(kq, kind, kept != 0, EV_CLEAR);
            change(kq, (uintptr_t)fd, EVFILT_READ, EV_ADD, 0, 0, &token);
            for (int round = 0; round < 2; round++) { /* of its own: not EV_CLEAR as the old one was */
                struct kevent event = next_event(kq);
                REQUIRE_EQ(event.ident, fd);
                REQUIRE_EQ(event.filter, EVFILT_READ);
                REQUIRE_EQ(event.flags, EV_ADD);
                REQUIRE(event.udata == &token);
            }
            REQUIRE(delete_knote(kq, (uintptr_t)fd, EVFILT_READ));
            require_silent(kq);
            REQUIRE_NO_KNOTE(kq, fd, EVFILT_WRITE, ENOENT);
        }
}

/* One of two events was taken, the other waits inside the library. */
static void queued_event_goes_with_the_close(void) {
    posix_lacks("READ, WRITE, TIMER and VNODE make the kqueue readable only while a thread is in kevent()");
    for (int behaviour = 0; behaviour < 2; behaviour++) {
        int kq = new_kqueue(), first[2], second[2];
        struct kevent event;
        new_pipe(first);
        new_pipe(second);
        int copies[] = {duplicate(first[0]), duplicate(second[0])};
        add_read(kq, first[0], behaviours[behaviour]);
        add_read(kq, second[0], behaviours[behaviour]);
        put(first[1], "x");
        put(second[1], "x");
        await_poll(kq, POLLIN);
        REQUIRE_EQ(collect(kq, &event, 1, PATIENCE), 1);
        int taken = (int)event.ident;
        REQUIRE_EQ(close(taken == first[0] ? second[0] : first[0]), 0);
        if (behaviour == 0) {
            for (int round = 0; round < 4; round++)
                REQUIRE_EQ(next_event(kq).ident, taken);
            REQUIRE_EQ(close(taken), 0);
        }
        /* Where nobody saw it, the set may have been made anew, which tells of the other once more. */
        if (behaviour == 1 && !closes_are_seen() && collect(kq, &event, 1, 0) == 1)
            REQUIRE_EQ(event.ident, taken);
        require_silent(kq);
        close(copies[0]);
        close(copies[1]);
    }
}

/* ---- While threads wait, and race ---- */

static void waiter_keeps_waiting(void) {
    for (int kept = 0; kept < 2; kept++) {
        struct waiter waiter;
        int kq = new_kqueue(), pair[2];
        new_pipe(pair);
        int copy = kept ? duplicate(pair[0]) : -1;
        add_read(kq, pair[0], 0);
        start_waiter(&waiter, kq, 1, 2000);
        park_waiter(&waiter);
        double before = process_cpu_ms();
        REQUIRE_EQ(close(pair[0]), 0);
        if (kept)
            put(pair[1], "x"); /* which the duplicate may read */
        join_waiter(&waiter);
        REQUIRE_EQ(waiter.result, 0);
        REQUIRE(waiter.ended - waiter.started >= 2000);
        REQUIRE(sanitized() || process_cpu_ms() - before < allowed_cpu(50));
        add_triggered(kq, 1, EV_CLEAR);
        REQUIRE_EQ(next_event(kq).ident, 1);
        close(copy);
        close(kq);
    }
}

static void peer_sees_the_end_at_once(void) {
    for (int family = 0; family < FAMILIES; family++)
        for (int waiting = 0; waiting < 2; waiting++) {
            struct waiter waiter;
            int kq = new_kqueue(), pair[2];
            char byte;
            stream_pair(family, pair);
            add_read(kq, pair[0], 0);
            if (!waiting)
                add_write(kq, pair[0], EV_CLEAR);
            if (waiting) {
                add_user(kq, 1, 0);
                start_waiter(&waiter, kq, 1, -1);
                park_waiter(&waiter);
            }
            REQUIRE_EQ(close(pair[0]), 0);
            await_poll(pair[1], POLLRDHUP); /* while the waiter waits on */
            REQUIRE_EQ(read(pair[1], &byte, 1), 0);
            if (waiting) {
                trigger(kq, 1);
                join_waiter(&waiter);
            }
            close(pair[1]);
            close(kq);
        }
}

/* ---- Closes that nobody sees ---- */

static void unseen_close_of_a_readable_pipe(void) {
    for (int b = 0; b < BEHAVIOURS; b++) {
        int kq = new_kqueue(), pair[2];
        new_pipe(pair);
        int copy = duplicate(pair[0]);
        add_read(kq, pair[0], behaviours[b]);
        put(pair[1], "x");
        close_unseen(pair[0]);
        require_idle_second(kq);
        add_triggered(kq, 1, EV_CLEAR);
        REQUIRE_EQ(next_event(kq).ident, 1);
        add_read(kq, copy, 0);
        EXPECT(kq, copy, EV_ADD, 0, 1);
        REQUIRE_NO_KNOTE(kq, pair[0], EVFILT_READ, EBADF);
    }
}

static void unseen_close_while_one_waits(void) {
    struct waiter waiter;
    int kq = new_kqueue(), pair[2];
    new_pipe(pair);
    int copy = duplicate(pair[0]);
    add_read(kq, pair[0], 0);
    start_waiter(&waiter, kq, 1, 1000);
    park_waiter(&waiter);
    double before = process_cpu_ms();
    close_unseen(pair[0]);
    put(pair[1], "x");
    join_waiter(&waiter);
    REQUIRE_EQ(waiter.result, 0);
    REQUIRE(waiter.ended - waiter.started >= 1000);
    REQUIRE(sanitized() || process_cpu_ms() - before < allowed_cpu(20));
    /* It is still the same kqueue, and still wakes a waiter. */
    add_user(kq, 1, EV_CLEAR);
    start_waiter(&waiter, kq, 1, PATIENCE);
    park_waiter(&waiter);
    trigger(kq, 1);
    join_waiter(&waiter);
    REQUIRE_EQ(waiter.result, 1);
    close(copy);
}

static void unseen_close_and_a_regular_file(void) {
    int kq = new_kqueue(), pair[2];
    unix_pair(pair);
    int copy = duplicate(pair[0]);
    add_read(kq, pair[0], 0);
    put(pair[1], "x");
    close_unseen(pair[0]);
    move_to(regular_file(), pair[0]);
    require_idle_second(kq);
    REQUIRE_NO_KNOTE(kq, pair[0], EVFILT_READ, ENOENT);
    close(copy);
}

static void unseen_close_and_its_own_number_again(void) {
    for (int kept = 0; kept < 2; kept++) {
        int kq = new_kqueue(), pair[2], other[2];
        new_pipe(pair);
        new_pipe(other);
        int copy = kept ? duplicate(pair[0]) : -1;
        add_read(kq, pair[0], EV_CLEAR);
        put(pair[1], "12");
        close_unseen(pair[0]);
        move_to(other[0], pair[0]);
        add_read(kq, pair[0], 0); /* re-added: a fresh knote, on the new file */
        require_silent(kq);
        put(other[1], "123");
        EXPECT(kq, pair[0], EV_ADD, 0, 3);
        take(pair[0], 3);
        require_idle_second(kq);
        close(copy);
    }
}

/* What is at the number next has bytes as well, and nobody registered it. */
static void unseen_close_and_bytes_at_its_number(int flags, bool is_told_before, bool is_socket) {
    int kq = new_kqueue(), pair[2], next[2];
    struct kevent event;
    is_socket ? unix_pair(pair) : new_pipe(pair);
    is_told_before ? unix_pair(next) : new_pipe(next);
    int number = duplicate(pair[0]);
    add_read(kq, number, flags);
    put(pair[1], "12");
    if (is_told_before) {
        EXPECT(kq, number, EV_ADD | flags, 0, 2);
        put(pair[1], "3");
    }
    close_unseen(number);
    move_to(next[0], number);
    put(next[1], "1234");
    for (int calls = 0; calls < 4; calls++)
        REQUIRE_EQ(kevent(kq, NULL, 0, &event, 1, &(struct timespec){0, 0}), 0);
    close(kq);
    for (int end = 0; end < 2; end++)
        close(pair[end]), close(next[end]);
}

static void unseen_close_of_a_pipe_and_bytes_at_its_number(void) {
    static const int flags[] = {0, EV_CLEAR, EV_DISPATCH, EV_ONESHOT};
    for (int i = 0; i < 4; i++)
        unseen_close_and_bytes_at_its_number(flags[i], false, false);
    unseen_close_and_bytes_at_its_number(0, true, false);
    unseen_close_and_bytes_at_its_number(EV_CLEAR, true, false);
    unseen_close_and_bytes_at_its_number(0, false, true);
    unseen_close_and_bytes_at_its_number(EV_ONESHOT, false, true);
}

/* The number has knotes of two files when the close of the second is seen; the first lives on by its other number. */
static void seen_close_of_what_an_unseen_one_left(void) {
    int kq = new_kqueue(), ends[2], pair[2];
    new_pipe(ends);
    unix_pair(pair);
    int number = duplicate(ends[0]);
    add_read(kq, number, 0);
    close_unseen(number);
    move_to(pair[0], number);
    struct kevent write;
    EV_SET(&write, (uintptr_t)number, EVFILT_WRITE, EV_ADD | EV_DISPATCH, 0, 0, NULL);
    REQUIRE_EQ(kevent(kq, &write, 1, NULL, 0, NULL), 0);
    close(number);
    put(ends[1], "1");
    struct kevent event;
    struct pollfd readable = {.fd = kq, .events = POLLIN};
    for (int calls = 0; calls < 8 && poll(&readable, 1, 0) == 1; calls++)
        REQUIRE_EQ(kevent(kq, NULL, 0, &event, 1, &(struct timespec){0, 0}), 0);
    REQUIRE_EQ(poll(&readable, 1, 0), 0);
}

const struct contract_case closing_cases[] = {
    {"C-118", "every change after close gives EBADF", changes_after_close, 30},
    {"C-119", "a closed number is silent while a duplicate lives", closed_number_is_silent, 30},
    {"C-119", "both filters in two kqueues are silent", closed_number_is_silent_with_both_filters, 0},
    {"C-120", "the knote on the duplicate goes on", duplicate_goes_on, 0},
    {"C-120", "the knote on the original goes on", original_goes_on, 0},
    {"C-121", "dup2 and dup3 remove the knote", replaced_number_has_no_knote, 0},
    {"C-121", "dup2 of a duplicate removes the knote", replaced_by_its_own_duplicate, 0},
    {"C-122", "dup2 and dup3 of a number to itself keep the knote", replaced_by_itself, 0},
    {"C-122", "dup2 and dup3 that fail keep the knote", failed_replacing_keeps_the_knote, 0},
    {"C-122", "dup2 above the limit fails and keeps the knote", replacing_above_the_limit_keeps_the_knote, 0},
    {"C-123", "a reused number has no events of its predecessor", reused_number_is_silent, 30},
    {"C-124", "EV_DELETE of a reused number gives ENOENT", delete_after_reuse, 30},
    {"C-125", "EV_ADD of a reused number makes a new knote", add_after_reuse, 30},
    {"C-126", "a queued event goes with the close", queued_event_goes_with_the_close, 0},
    {"C-129", "a waiter keeps waiting when the only descriptor is closed", waiter_keeps_waiting, 0},
    {"C-130", "the peer of a closed socket sees its end at once", peer_sees_the_end_at_once, 0},
    {"C-131", "an unseen close: no event, no CPU", unseen_close_of_a_readable_pipe, 30},
    {"C-131", "an unseen close while one waits", unseen_close_while_one_waits, 30},
    {"C-131", "an unseen close, and a regular file of that number", unseen_close_and_a_regular_file, 0},
    {"C-131", "an unseen close, and a file with bytes of that number", unseen_close_of_a_pipe_and_bytes_at_its_number,
     0},
    {"C-131", "an unseen close, and a seen one of the next file of that number", seen_close_of_what_an_unseen_one_left,
     0},
    {"C-131", "an unseen close, and EV_ADD of the number again", unseen_close_and_its_own_number_again, 0},
    {NULL, NULL, NULL, 0},
};
