/*
 * A kqueue is closed while threads are inside kevent() of it, and one with its
 * number is made at once. Those inside get EBADF, and have touched nothing of
 * the new one, which works on its own (C-354).
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "stress.h"

#include <sys/eventfd.h>

enum { ROUNDS = 60, RETURN_S = 2, ADDED = 64, STRANGE_IDENT = 0x5eed };

struct closing {
    _Atomic int kq;
    atomic_int inside; /* waiters whose change was seen to be applied */
    int added[ADDED];  /* always readable */
};

/* ---- Waiters ---- */

/* Adds a knote of its own, whose presence says that the call is under way, and waits. */
static void wait_until_closed(void *context, struct member *member) {
    struct closing *closing = context;
    struct kevent change, events[4];
    EV_SET(&change, STRANGE_IDENT + member->number, EVFILT_USER, EV_ADD | EV_DISABLE, 0, 0, NULL);
    int kq = closing->kq;
    note("in kevent() of a kqueue that is going to be closed");
    int count, code;
    do {
        count = kevent(kq, &change, 1, events, 4, NULL);
        code = errno;
    } while (count == -1 && code == EINTR);
    if (count != -1 || code != EBADF)
        FAIL("a waiter in a closed kqueue: expected -1 with EBADF; seen %d, errno %d (%s)%s", count, code,
             count == -1 ? strerror(code) : "events",
             count > 0 && events[0].udata == closing ? "; the event is the new kqueue's" : "");
}

static void await_inside(int kq, int waiters) {
    for (int i = 0; i < waiters; i++)
        while (change_errno(kq, STRANGE_IDENT + (uintptr_t)i, EVFILT_USER, EV_DELETE, 0, 0, NULL) == ENOENT)
            sched_yield();
}

/* The new kqueue tells of its own things, and of nothing else. */
static void require_works(int kq, const int pair[2], void *udata) {
    struct timespec limit = milliseconds(RETURN_S * 1000);
    struct kevent events[4];
    char byte;
    CHANGE(kq, (uintptr_t)pair[0], EVFILT_READ, EV_ADD | EV_CLEAR, 0, 0, udata);
    REQUIRE_EQ(write(pair[1], "x", 1), 1);
    int count = collect(kq, events, 4, &limit);
    if (count != 1 || events[0].ident != (uintptr_t)pair[0])
        FAIL("a kqueue that was made with a closed one's number: expected one event of %d within %d s; seen %d events, "
             "the first of ident %ju", pair[0], RETURN_S, count, count > 0 ? (uintmax_t)events[0].ident : 0);
    REQUIRE_EQ(read(pair[0], &byte, 1), 1);
}

static void await_return(struct team *waiters) {
    uint64_t limit = now_ns() + RETURN_S * 1000000000ull;
    while (!team_is_done(waiters)) {
        if (now_ns() > limit)
            FAIL("waiters in a closed kqueue: expected all %d to return EBADF within %d s; %d have", waiters->size,
                 RETURN_S, waiters->done);
        sleep_us(100);
    }
}

static void close_under_waiters(struct closing *closing, struct team *waiters, struct random *random,
                                const int pair[2]) {
    int old = closing->kq = new_kqueue();
    team_release(waiters);
    await_inside(old, waiters->size);
    sleep_us(random_chance(random, 50) ? 0 : random_below(random, 200));
    close_somehow(old, random_chance(random, 70) ? 0 : random_below(random, CLOSE_WAYS));
    int kq = new_kqueue();
    require_works(kq, pair, closing);
    await_return(waiters);
    require_works(kq, pair, closing);
    REQUIRE_EQ(close(kq), 0);
}

void run_waiters(struct epoch *epoch) {
    struct closing closing = {.kq = -1};
    struct team waiters;
    int pair[2];
    open_transport(PIPE, pair);
    team_start(&waiters, "waiter", (int)random_between(&epoch->random, 1, (unsigned)epoch->threads / 2),
               wait_until_closed, &closing, epoch->seed);
    for (int round = 0; round < ROUNDS; round++)
        close_under_waiters(&closing, &waiters, &epoch->random, pair);
    team_end(&waiters);
    REQUIRE_EQ(close(pair[0]), 0);
    REQUIRE_EQ(close(pair[1]), 0);
}

/* ---- Adders ---- */

/*
 * One call that adds many: all of it goes to one kqueue, or fails where that is
 * gone. EINVAL: the next one's number is taken already, and is no kqueue's yet.
 */
static void add_many(void *context, struct member *member) {
    struct closing *closing = context;
    struct kevent changes[ADDED];
    (void)member;
    for (int i = 0; i < ADDED; i++)
        EV_SET(&changes[i], closing->added[i], EVFILT_READ, EV_ADD, 0, 0, NULL);
    note("in kevent() with many changes");
    if (kevent(closing->kq, changes, ADDED, NULL, 0, NULL) == -1 && errno != EBADF && errno != EINVAL)
        FAIL("adding to a kqueue that is closed meanwhile: expected 0 or EBADF; seen %s", strerror(errno));
}

/* How many of them are there; they are deleted. */
static int count_and_delete(struct closing *closing, int kq) {
    int count = 0;
    for (int i = 0; i < ADDED; i++) {
        int code = change_errno(kq, (uintptr_t)closing->added[i], EVFILT_READ, EV_DELETE, 0, 0, NULL);
        REQUIRE(code == 0 || code == ENOENT);
        count += code == 0;
    }
    return count;
}

/* The call may have begun after the new one was made: then all of them are there. */
static void require_all_or_nothing(struct closing *closing, int kq) {
    struct kevent events[ADDED];
    int told = collect(kq, events, ADDED, &no_wait), there = count_and_delete(closing, kq);
    if (told != there || (there != 0 && there != ADDED))
        FAIL("a kqueue that was made with a closed one's number: %d of %d knotes of one call for the closed one stand "
             "in it, and %d are told", there, ADDED, told);
    if (poll_readable(kq) || collect(kq, events, ADDED, &no_wait) != 0)
        FAIL("a kqueue that was made with a closed one's number has no knotes, and is readable");
}

static void close_under_adder(struct closing *closing, struct team *adder, struct random *random) {
    closing->kq = new_kqueue();
    team_release(adder);
    for (volatile unsigned delay = random_below(random, 20000); delay > 0; delay--)
        continue;
    REQUIRE_EQ(close(closing->kq), 0);
    int kq = new_kqueue();
    team_await(adder);
    require_all_or_nothing(closing, kq);
    REQUIRE_EQ(close(kq), 0);
}

void run_adders(struct epoch *epoch) {
    struct closing closing = {.kq = -1};
    struct team adder;
    int first = on_posix() ? PIPE : EVENTFD, pairs[ADDED][2];
    uint64_t one = 1;
    for (int i = 0; i < ADDED; i++) {
        open_transport((enum transport)first, pairs[i]);
        closing.added[i] = pairs[i][0];
        REQUIRE_EQ(write(pairs[i][1], &one, sizeof one), sizeof one);
    }
    team_start(&adder, "adder", 1, add_many, &closing, epoch->seed);
    for (int round = 0; round < ROUNDS * 5; round++)
        close_under_adder(&closing, &adder, &epoch->random);
    team_end(&adder);
    for (int i = 0; i < ADDED * 2; i++)
        REQUIRE_EQ(close(pairs[i / 2][i % 2]), 0);
}
