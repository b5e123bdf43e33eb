/*
 * fork() beside threads that are inside the library: the child's kqueues are
 * its own, it leaves the parent's untouched whatever it closes, and a copy by
 * KQUEUE_CPONFORK has what the original had.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "stress.h"

enum { FORKS = 20, CHILD_SECONDS = 20, KEPT_IDENT = 7, BUSY_IDENT = 8, TIMER_MS = 20 };

struct forking {
    int busy_kq, kept_kq; /* threads work in one; the other is only looked at, and copied where it can be */
    int pair[2];          /* watched by kept_kq, a byte unread */
    bool copied;
    atomic_bool over;
    atomic_long triggered, told;
};

/* ---- Threads of the parent ---- */

static void trigger_and_collect(void *context, struct member *member) {
    struct forking *forking = context;
    struct timespec wait = milliseconds(10);
    struct kevent event;
    note("working beside forks");
    while (!forking->over) {
        int pair[2];
        uintptr_t ident = BUSY_IDENT + (uintptr_t)member->number;
        open_transport(random_below(&member->random, 2), pair);
        CHANGE(forking->busy_kq, (uintptr_t)pair[0], EVFILT_READ, EV_ADD | EV_CLEAR, 0, 0, NULL);
        CHANGE(forking->busy_kq, ident, EVFILT_USER, EV_ADD | EV_ONESHOT, NOTE_TRIGGER, 0, forking);
        forking->triggered++;
        if (collect(forking->busy_kq, &event, 1, &wait) == 1 && event.udata == forking)
            forking->told++;
        close_somehow(pair[0], random_below(&member->random, CLOSE_WAYS));
        REQUIRE_EQ(close(pair[1]), 0);
    }
}

/* ---- Children ---- */

/* POSIX tells an unread byte again under EV_CLEAR where nobody takes it for a second: those are left out. */
static int collect_news(int kq, struct kevent *events, int room, const struct timespec *limit, bool *has_read) {
    int count = collect(kq, events, room, limit), news = 0;
    for (int i = 0; i < count; i++) {
        bool is_read = events[i].filter == EVFILT_READ;
        if (is_read && *has_read && on_posix())
            continue;
        *has_read |= is_read;
        events[news++] = events[i];
    }
    return news;
}

/* What has nothing to do with the parent's. */
static void use_own_kqueue(void) {
    struct timespec limit = milliseconds(CHILD_SECONDS * 500);
    struct kevent events[4];
    bool has_read = false;
    int kq = new_kqueue(), pair[2];
    open_transport(UNIX_STREAM, pair);
    CHANGE(kq, 1, EVFILT_USER, EV_ADD | EV_CLEAR, NOTE_TRIGGER, 0, NULL);
    REQUIRE_EQ(collect(kq, events, 4, &limit), 1);
    CHANGE(kq, (uintptr_t)pair[0], EVFILT_READ, EV_ADD | EV_CLEAR, 0, 0, NULL);
    CHANGE(kq, 1, EVFILT_TIMER, EV_ADD | EV_ONESHOT, 0, TIMER_MS, NULL);
    REQUIRE_EQ(write(pair[1], "x", 1), 1);
    for (int left = 2; left > 0;) {
        int count = collect_news(kq, events, 4, &limit, &has_read);
        REQUIRE((count >= 1 || on_posix()) && count <= left);
        left -= count;
    }
    REQUIRE_EQ(collect_news(kq, events, 4, &no_wait, &has_read), 0);
    REQUIRE_EQ(close(kq), 0);
}

static void require_not_inherited(int kq) {
    struct kevent event;
    int count = kevent(kq, NULL, 0, &event, 1, &no_wait), code = errno;
    if (count != -1 || code != EBADF)
        FAIL("the parent's kqueue in a forked child: expected EBADF; seen %d, errno %d", count, code);
    REQUIRE_EQ(close(kq), -1);
}

/* Told once each: the trigger, the unread byte, and the timer when it is time. */
static void require_copy(const struct forking *forking) {
    struct timespec limit = milliseconds(CHILD_SECONDS * 500);
    struct kevent events[8];
    int users = 0, reads = 0, timers = 0;
    bool has_read = false;
    while (users + reads + timers < 3) {
        int count = collect_news(forking->kept_kq, events, 8, &limit, &has_read);
        REQUIRE(count >= 1 || on_posix());
        for (int i = 0; i < count; i++) {
            users += events[i].filter == EVFILT_USER;
            reads += events[i].filter == EVFILT_READ;
            timers += events[i].filter == EVFILT_TIMER;
        }
    }
    int more = collect_news(forking->kept_kq, events, 8, &no_wait, &has_read);
    if (users != 1 || reads != 1 || timers != 1 || more != 0)
        FAIL("a copy by KQUEUE_CPONFORK: expected USER, READ and TIMER once each; seen %d, %d, %d, and %d more", users,
             reads, timers, more);
}

static _Noreturn void be_child(const struct forking *forking, unsigned what) {
    if (what == 0)
        _exit(0);
    watch_child(CHILD_SECONDS);
    require_not_inherited(forking->busy_kq);
    if (forking->copied)
        require_copy(forking);
    else
        require_not_inherited(forking->kept_kq);
    if (what > 1)
        use_own_kqueue();
    if (what > 2) /* whatever it closes is its own */
        for (int fd = 3; fd < 256; fd++)
            close(fd);
    _exit(0);
}

static void fork_and_reap(const struct forking *forking, unsigned what) {
    int status;
    pid_t got, child = fork();
    REQUIRE(child >= 0);
    if (child == 0)
        be_child(forking, what);
    do
        got = waitpid(child, &status, 0);
    while (got == -1 && errno == EINTR);
    REQUIRE_EQ(got, child);
    if (status != 0)
        FAIL("a forked child: expected status 0, seen 0x%x", (unsigned)status);
}

/* ---- The parent ---- */

static void open_forking(struct forking *forking, struct random *random) {
    *forking = (struct forking){.busy_kq = new_kqueue(), .copied = random_chance(random, 50)};
    forking->kept_kq = kqueuex(forking->copied ? KQUEUE_CPONFORK : 0);
    REQUIRE(forking->kept_kq >= 0);
    open_transport(PIPE, forking->pair);
    REQUIRE_EQ(write(forking->pair[1], "x", 1), 1);
    CHANGE(forking->kept_kq, KEPT_IDENT, EVFILT_USER, EV_ADD | EV_CLEAR, NOTE_TRIGGER, 0, NULL);
    CHANGE(forking->kept_kq, (uintptr_t)forking->pair[0], EVFILT_READ, EV_ADD | EV_CLEAR, 0, 0, NULL);
    CHANGE(forking->kept_kq, KEPT_IDENT, EVFILT_TIMER, EV_ADD | EV_ONESHOT, 0, TIMER_MS, NULL);
}

/* The parent's own events are there as if nobody had forked. */
static void require_unharmed(struct forking *forking) {
    struct timespec limit = milliseconds(2000);
    struct kevent events[8];
    int told = 0;
    bool has_read = false;
    for (int tries = 0; told < 3 && tries < 3; tries++)
        told += collect_news(forking->kept_kq, events, 8, &limit, &has_read);
    if (told != 3 || collect_news(forking->kept_kq, events, 8, &no_wait, &has_read) != 0)
        FAIL("the parent's kqueue after forks: expected USER, READ and TIMER, once each; seen %d events", told);
}

/* Each trigger of a oneshot that was not told yet is there still. */
static void require_all_told(struct forking *forking) {
    struct kevent event;
    while (collect(forking->busy_kq, &event, 1, &no_wait) == 1)
        forking->told += event.udata == forking;
    if (forking->told > forking->triggered || forking->told == 0)
        FAIL("beside forks: %ld triggers, %ld told", forking->triggered, forking->told);
}

void run_forks(struct epoch *epoch) {
    struct forking forking;
    struct team team;
    open_forking(&forking, &epoch->random);
    team_start(&team, "worker", (int)random_between(&epoch->random, 1, (unsigned)epoch->threads / 2),
               trigger_and_collect, &forking, epoch->seed);
    team_release(&team);
    for (int i = 0; i < FORKS; i++)
        fork_and_reap(&forking, random_below(&epoch->random, 4));
    forking.over = true;
    team_end(&team);
    require_unharmed(&forking);
    require_all_told(&forking);
    REQUIRE_EQ(close(forking.busy_kq), 0);
    REQUIRE_EQ(close(forking.kept_kq), 0);
    REQUIRE_EQ(close(forking.pair[0]), 0);
    REQUIRE_EQ(close(forking.pair[1]), 0);
}
