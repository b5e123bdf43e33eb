/*
 * A number is closed without anybody's knowing, while a duplicate keeps its
 * file, and names another file at once. The knotes of the former file go; what
 * was added for the new one stays (C-355), and no knote is told twice in one
 * return (C-352).
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "stress.h"

#include <sys/syscall.h>

/* Each thread has numbers of its own, which nobody else's open() gets. */
enum { NUMBERS_FROM = 3000, NUMBERS_EACH = 8, ROUNDS = 40, USER_IDENT = 1 };

struct sibling {
    int kq, number;
    int former[2], next[2]; /* pairs; what the number names is a copy of [0] */
};

/* Past the library: a raw system call. */
static void rename_unseen(int from, int number) {
    REQUIRE_EQ(syscall(SYS_dup3, from, number, O_CLOEXEC), number);
}

static void close_unseen(int number) {
    REQUIRE_EQ(syscall(SYS_close, number), 0);
}

static int change_fd(struct sibling *sibling, int filter, int flags) {
    return change_errno(sibling->kq, (uintptr_t)sibling->number, filter, flags, 0, 0, NULL);
}

static void open_sibling(struct sibling *sibling, int number) {
    *sibling = (struct sibling){.kq = new_kqueue(), .number = number};
    open_transport(UNIX_STREAM, sibling->former);
    open_transport(UNIX_STREAM, sibling->next);
    rename_unseen(sibling->former[0], number);
}

static void close_sibling(struct sibling *sibling) {
    close_unseen(sibling->number);
    for (int i = 0; i < 2; i++) {
        REQUIRE_EQ(close(sibling->former[i]), 0);
        REQUIRE_EQ(close(sibling->next[i]), 0);
    }
    REQUIRE_EQ(close(sibling->kq), 0);
}

/* One filter is watched of the former file, then the other and it of the next one. */
static void add_for_the_next(int number, struct random *random) {
    struct sibling sibling;
    struct kevent events[4];
    int first = random_chance(random, 50) ? EVFILT_READ : EVFILT_WRITE;
    int second = first == EVFILT_READ ? EVFILT_WRITE : EVFILT_READ;
    open_sibling(&sibling, number);
    REQUIRE_EQ(change_fd(&sibling, first, EV_ADD), 0);
    rename_unseen(sibling.next[0], number);
    REQUIRE_EQ(change_fd(&sibling, second, EV_ADD), 0);
    if (random_chance(random, 50))
        REQUIRE_EQ(change_fd(&sibling, first, EV_ADD), 0);
    else
        REQUIRE_EQ(change_fd(&sibling, first, EV_ENABLE), ENOENT);
    int code = change_fd(&sibling, second, EV_ENABLE);
    if (code != 0)
        FAIL("descriptor %d, whose filter %d was added for its present file: expected its knote, seen %s", number,
             second, strerror(code));
    int count = collect(sibling.kq, events, 4, &no_wait);
    bool writable = second == EVFILT_WRITE || change_fd(&sibling, first, EV_DELETE) == 0;
    if (count != writable || (count == 1 && events[0].filter != EVFILT_WRITE))
        FAIL("descriptor %d, an idle socket: expected %d events, of WRITE; seen %d", number, writable, count);
    close_sibling(&sibling);
}

/* Level USER knotes stand beside knotes that turn out to be gone. */
static void deliver_beside_the_gone(int number, struct random *random) {
    struct sibling sibling;
    struct kevent events[8];
    open_sibling(&sibling, number);
    REQUIRE_EQ(write(sibling.former[1], "x", 1), 1);
    bool user_first = random_chance(random, 30);
    if (user_first)
        CHANGE(sibling.kq, USER_IDENT, EVFILT_USER, EV_ADD, NOTE_TRIGGER, 0, NULL);
    REQUIRE_EQ(change_fd(&sibling, EVFILT_READ, EV_ADD), 0);
    REQUIRE_EQ(change_fd(&sibling, EVFILT_WRITE, EV_ADD), 0);
    if (!user_first)
        CHANGE(sibling.kq, USER_IDENT, EVFILT_USER, EV_ADD, NOTE_TRIGGER, 0, NULL);
    close_unseen(number);
    for (int looks = 0; looks < 3; looks++) {
        int count = collect(sibling.kq, events, (int)random_between(random, 2, 8), &no_wait);
        if (count != 1 || events[0].filter != EVFILT_USER)
            FAIL("a level USER knote beside two of a closed descriptor: expected it once; seen %d events, filters %d, "
                 "%d", count, count > 0 ? events[0].filter : 0, count > 1 ? events[1].filter : 0);
        REQUIRE(poll_readable(sibling.kq));
    }
    CHANGE(sibling.kq, USER_IDENT, EVFILT_USER, EV_DELETE, 0, 0, NULL);
    if (collect(sibling.kq, events, 8, &no_wait) != 0 || poll_readable(sibling.kq))
        FAIL("a kqueue whose only descriptor, %d, is closed: expected silence", number);
    rename_unseen(sibling.next[0], number);
    close_sibling(&sibling);
}

static void replace_numbers(void *context, struct member *member) {
    (void)context;
    int number = NUMBERS_FROM + member->number * NUMBERS_EACH;
    note("replacing numbers");
    for (int round = 0; round < ROUNDS; round++) {
        if (random_chance(&member->random, 50))
            add_for_the_next(number, &member->random);
        else
            deliver_beside_the_gone(number, &member->random);
    }
}

void run_siblings(struct epoch *epoch) {
    struct team team;
    int size = (int)random_between(&epoch->random, 1, (unsigned)epoch->threads);
    team_start(&team, "replacer", size, replace_numbers, NULL, epoch->seed);
    team_release(&team);
    team_end(&team);
}
