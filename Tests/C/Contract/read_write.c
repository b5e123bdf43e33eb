/*
 * EVFILT_READ and EVFILT_WRITE on one descriptor: C-182 and C-183.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "life.h"

/* Collects once; requires a READ event where asked and a WRITE event where asked, and no other. */
#define EXPECT_PAIR(kq, milliseconds, read, write) expect_pair(__LINE__, kq, milliseconds, read, write)
static void expect_pair(int line, int kq, long milliseconds, bool read_wanted, bool write_wanted) {
    struct kevent events[8];
    int reads = 0, writes = 0, got = collect(kq, events, 8, milliseconds);
    for (int i = 0; i < got; i++) {
        reads += events[i].filter == EVFILT_READ;
        writes += events[i].filter == EVFILT_WRITE;
    }
    if (reads != read_wanted || writes != write_wanted || got != reads + writes)
        contract_fail(__FILE__, line, "%d READ, %d WRITE of %d events; wanted %d and %d", reads, writes, got,
                      read_wanted, write_wanted);
}

static void read_and_write_keep_their_own_edges(void) {
    for (int mix = 0; mix < 8; mix++) {
        int read_flags = mix & 1 ? EV_CLEAR : 0, write_flags = mix & 2 ? EV_CLEAR : 0;
        int pair[2], kq = new_kqueue();
        unix_pair(pair);
        if (mix & 4)
            add_write(kq, pair[0], write_flags);
        add_read(kq, pair[0], read_flags);
        if (!(mix & 4))
            add_write(kq, pair[0], write_flags);
        EXPECT_PAIR(kq, 5000, false, true);
        EXPECT_PAIR(kq, 100, false, !write_flags);
        put(pair[1], "12");
        EXPECT_PAIR(kq, 5000, true, !write_flags);
        EXPECT_PAIR(kq, 100, !read_flags, !write_flags);
        put(pair[1], "3");
        EXPECT_PAIR(kq, 5000, true, !write_flags);
        take(pair[0], 3);
        EXPECT_PAIR(kq, 100, false, !write_flags);
        put(pair[1], "4");
        EXPECT_PAIR(kq, 5000, true, !write_flags);
    }
}

static void arrival_leaves_a_drained_write_knote_silent(void) {
    for (int family = 0; family < FAMILIES; family++) {
        int pair[2], kq = new_kqueue();
        stream_pair(family, pair);
        add_write(kq, pair[0], EV_CLEAR);
        EXPECT_PAIR(kq, 5000, false, true);
        for (int i = 0; i < 3; i++) {
            send_bytes(pair[1], pair[0], "123");
            EXPECT_PAIR(kq, 100, false, false);
        }
        add_read(kq, pair[0], EV_CLEAR);
        EXPECT_PAIR(kq, 5000, true, false);
        send_bytes(pair[1], pair[0], "456");
        EXPECT_PAIR(kq, 5000, true, false);
        EXPECT_PAIR(kq, 100, false, false);
    }
}

static void room_leaves_an_undrained_read_knote_silent(void) {
    int pair[2], kq = new_kqueue();
    char block[1024] = {0};
    unix_pair(pair);
    set_nonblocking(pair[0]);
    add_read(kq, pair[0], EV_CLEAR);
    add_write(kq, pair[0], EV_CLEAR);
    put(pair[1], "unread");
    EXPECT_PAIR(kq, 5000, true, true);
    while (write(pair[0], block, sizeof block) > 0)
        continue;
    EXPECT_PAIR(kq, 100, false, false);
    set_nonblocking(pair[1]);
    while (read(pair[1], block, sizeof block) > 0)
        continue;
    EXPECT_PAIR(kq, 5000, false, true);
    EXPECT_PAIR(kq, 100, false, false);
}

static void both_come_through_an_eventlist_of_one(void) {
    for (int mix = 0; mix < 4; mix++) {
        int pair[2], kq = new_kqueue(), seen = 0;
        struct kevent event;
        unix_pair(pair);
        put(pair[1], "12");
        add_read(kq, pair[0], mix & 1 ? EV_CLEAR : EV_ONESHOT);
        add_write(kq, pair[0], mix & 2 ? EV_CLEAR : EV_ONESHOT);
        for (int i = 0; i < 2; i++) {
            REQUIRE_EQ(collect(kq, &event, 1, PATIENCE), 1);
            seen |= event.filter == EVFILT_READ ? 1 : 2;
        }
        REQUIRE_EQ(seen, 3);
        require_silent(kq);
    }
}

static void a_disabled_read_knote_does_not_spin_its_neighbour(void) {
    int pair[2], kq = new_kqueue();
    unix_pair(pair);
    add_read(kq, pair[0], EV_DISPATCH);
    add_write(kq, pair[0], EV_CLEAR);
    EXPECT_PAIR(kq, 5000, false, true);
    put(pair[1], "12");
    EXPECT_PAIR(kq, 5000, true, false);
    require_asleep(kq);
    change(kq, (uintptr_t)pair[0], EVFILT_READ, EV_ENABLE, 0, 0, NULL);
    EXPECT_PAIR(kq, 5000, true, false);
}

static void end_reaches_read_beside_a_clear_write(void) {
    for (int family = 0; family < FAMILIES; family++) {
        int pair[2], kq = new_kqueue();
        stream_pair(family, pair);
        add_write(kq, pair[0], EV_CLEAR);
        add_read(kq, pair[0], EV_CLEAR);
        EXPECT_PAIR(kq, 5000, false, true);
        shut_write(pair[1]);
        /* Linux wakes both sides for an end: WRITE may say once more that there is room, but no end. */
        struct kevent events[2];
        int ends = 0, count = collect(kq, events, 2, PATIENCE);
        for (int i = 0; i < count; i++) {
            if (events[i].filter == EVFILT_READ)
                ends++;
            REQUIRE_EQ(events[i].flags, EV_ADD | EV_CLEAR | (events[i].filter == EVFILT_READ ? EV_EOF : 0));
        }
        REQUIRE_EQ(ends, 1);
        require_silent(kq);
    }
}

static void read_works_after_write_was_deleted(void) {
    for (int family = 0; family < FAMILIES; family++) {
        int pair[2], kq = new_kqueue();
        stream_pair(family, pair);
        add_write(kq, pair[0], 0);
        EXPECT_PAIR(kq, 5000, false, true);
        change(kq, (uintptr_t)pair[0], EVFILT_WRITE, EV_DELETE, 0, 0, NULL);
        add_read(kq, pair[0], 0);
        require_silent(kq);
        send_bytes(pair[1], pair[0], "12345");
        EXPECT(kq, pair[0], EV_ADD, 0, 5);
    }
}

static void each_survives_the_others_delete(void) {
    int pair[2], kq = new_kqueue();
    unix_pair(pair);
    add_read(kq, pair[0], 0);
    add_write(kq, pair[0], EV_ONESHOT);
    EXPECT_PAIR(kq, 5000, false, true);
    put(pair[1], "1");
    EXPECT(kq, pair[0], EV_ADD, 0, 1);
    add_write(kq, pair[0], 0);
    change(kq, (uintptr_t)pair[0], EVFILT_READ, EV_DELETE, 0, 0, NULL);
    EXPECT_PAIR(kq, 5000, false, true);
    REQUIRE_EQ(change_errno(kq, (uintptr_t)pair[0], EVFILT_READ, EV_DELETE, 0, 0, NULL), ENOENT);
}

static void add_in_order(int kq, int fd, bool write_first, unsigned fflags) {
    if (write_first)
        add_write(kq, fd, 0);
    change(kq, (uintptr_t)fd, EVFILT_READ, EV_ADD, fflags, 3, NULL);
    if (!write_first)
        add_write(kq, fd, 0);
}

static void set_enabled(int kq, int fd, int filter, bool enabled, unsigned fflags) {
    change(kq, (uintptr_t)fd, filter, enabled ? EV_ENABLE : EV_DISABLE, fflags, 3, NULL);
}

static void two_level_knotes_tell_each_its_own(void) {
    for (int mix = 0; mix < 2 * FAMILIES; mix++) {
        int pair[2], kq = new_kqueue();
        stream_pair(mix / 2, pair);
        add_in_order(kq, pair[0], mix % 2, NOTE_LOWAT);
        for (int i = 0; i < 3; i++)
            EXPECT_PAIR(kq, 5000, false, true);
        send_bytes(pair[1], pair[0], "12"); /* below the low-water mark */
        for (int i = 0; i < 3; i++)
            EXPECT_PAIR(kq, 5000, false, true);
        send_bytes(pair[1], pair[0], "3");
        for (int i = 0; i < 3; i++)
            EXPECT_PAIR(kq, 5000, true, true);
        take(pair[0], 2);
        for (int i = 0; i < 3; i++)
            EXPECT_PAIR(kq, 5000, false, true);
        set_enabled(kq, pair[0], EVFILT_WRITE, false, 0);
        require_asleep(kq);
        send_bytes(pair[1], pair[0], "45");
        EXPECT_PAIR(kq, 5000, true, false);
        EXPECT_PAIR(kq, 5000, true, false);
        set_enabled(kq, pair[0], EVFILT_READ, false, NOTE_LOWAT);
        require_asleep(kq);
        set_enabled(kq, pair[0], EVFILT_WRITE, true, 0);
        EXPECT_PAIR(kq, 5000, false, true);
        set_enabled(kq, pair[0], EVFILT_READ, true, NOTE_LOWAT);
        EXPECT_PAIR(kq, 5000, true, true);
        shut_write(pair[1]);
        await_poll(pair[0], POLLRDHUP);
        EXPECT_PAIR(kq, 5000, true, true);
    }
}

static void one_of_two_level_knotes_goes_and_comes(void) {
    static const int filters[] = {EVFILT_READ, EVFILT_WRITE};
    for (int mix = 0; mix < 2 * FAMILIES; mix++) {
        int pair[2], kq = new_kqueue();
        stream_pair(mix / 2, pair);
        add_in_order(kq, pair[0], mix % 2, 0);
        send_bytes(pair[1], pair[0], "1");
        for (int turn = 0; turn < 6; turn++) {
            int filter = filters[turn / 2 % 2];
            change(kq, (uintptr_t)pair[0], filter, EV_DELETE, 0, 0, NULL);
            EXPECT_PAIR(kq, 5000, filter == EVFILT_WRITE, filter == EVFILT_READ);
            REQUIRE_NO_KNOTE(kq, pair[0], filter, ENOENT);
            change(kq, (uintptr_t)pair[0], filter, EV_ADD, 0, 0, NULL);
            EXPECT_PAIR(kq, 5000, true, true);
        }
        change(kq, (uintptr_t)pair[0], EVFILT_READ, EV_DELETE, 0, 0, NULL);
        change(kq, (uintptr_t)pair[0], EVFILT_WRITE, EV_DELETE, 0, 0, NULL);
        require_asleep(kq);
    }
}

static void two_level_knotes_take_turns(void) {
    for (int mix = 0; mix < 2; mix++) {
        int pair[2], kq = new_kqueue(), last = 0;
        struct kevent event;
        unix_pair(pair);
        put(pair[1], "1");
        add_in_order(kq, pair[0], mix, 0);
        for (int i = 0; i < 8; i++) {
            REQUIRE_EQ(collect(kq, &event, 1, PATIENCE), 1);
            REQUIRE(event.filter != last);
            last = event.filter;
        }
    }
}

/* What the second descriptor reports takes room and is nothing to deliver, so that the call asks what else there is. */
static void a_call_that_asks_twice_keeps_write(void) {
    for (int mix = 0; mix < 2; mix++) {
        int pair[2], other[2], kq = new_kqueue();
        unix_pair(pair);
        unix_pair(other);
        add_in_order(kq, pair[0], mix, NOTE_LOWAT);
        change(kq, (uintptr_t)other[0], EVFILT_READ, EV_ADD, NOTE_LOWAT, 100, NULL);
        put(pair[1], "1");
        for (int i = 0; i < 8; i++) {
            struct kevent events[2];
            put(other[1], "1");
            REQUIRE_EQ(collect(kq, events, 2, PATIENCE), 1);
            REQUIRE_EQ(events[0].filter, EVFILT_WRITE);
        }
    }
}

/* READ of a socket that never was connected has nothing to tell, though Linux reports a hang-up. */
static void nothing_to_read_lets_write_sleep(void) {
    for (int mix = 0; mix < 2; mix++) {
        int kq = new_kqueue(), fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        REQUIRE(fd >= 0);
        add_in_order(kq, fd, mix, 0);
        require_asleep(kq);
        struct sockaddr_in itself = loopback(bound_port(fd));
        REQUIRE_EQ(connect(fd, (struct sockaddr *)&itself, sizeof itself), 0);
        for (int i = 0; i < 3; i++)
            EXPECT_PAIR(kq, 5000, false, true);
        put(fd, "123");
        await_bytes(fd, 3);
        EXPECT_PAIR(kq, 5000, true, true);
    }
}

static void two_level_knotes_go_with_their_number(void) {
    for (int mix = 0; mix < 4; mix++) {
        int old[2], fresh[2], kq = new_kqueue();
        unix_pair(old);
        unix_pair(fresh);
        add_in_order(kq, old[0], mix % 2, 0);
        int copy = duplicate(old[0]), number = old[0];
        if (mix / 2)
            REQUIRE_EQ(close(old[0]), 0);
        else
            close_unseen(old[0]);
        put(old[1], "old");
        require_asleep(kq);
        move_to(fresh[0], number);
        put(fresh[1], "fresh");
        require_asleep(kq);
        add_write(kq, number, 0);
        EXPECT_PAIR(kq, 5000, false, true);
        add_read(kq, number, 0);
        EXPECT_PAIR(kq, 5000, true, true);
        REQUIRE_EQ(close(copy), 0);
    }
}

/* A socket that was told of, and is closed by a raw system call, while a duplicate keeps it (C-131). */
static void a_socket_that_was_told_of_is_closed_unseen(void) {
    static const int types[] = {SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET};
    for (int mix = 0; mix < 9; mix++) {
        int pair[2], kq = new_kqueue();
        struct kevent event;
        REQUIRE_EQ(socketpair(AF_UNIX, types[mix % 3] | SOCK_CLOEXEC, 0, pair), 0);
        put(pair[1], "12");
        if (mix / 3 == 0)
            add_read(kq, pair[0], 0);
        else
            add_in_order(kq, pair[0], mix / 3 == 1, 0);
        for (int i = 0; i < 2; i++)
            REQUIRE(collect(kq, &event, 1, PATIENCE) == 1);
        int copy = duplicate(pair[0]);
        close_unseen(pair[0]);
        require_asleep(kq);
        REQUIRE_EQ(close(copy), 0);
    }
}

/* The sibling that a new knote finds is of the file that had the number before. */
static void a_knote_of_the_former_file_is_no_sibling(void) {
    for (int mix = 0; mix < 2; mix++) {
        int old[2], fresh[2], kq = new_kqueue();
        unix_pair(old);
        unix_pair(fresh);
        if (mix)
            add_read(kq, old[0], 0);
        else
            add_write(kq, old[0], 0);
        int copy = duplicate(old[0]), number = old[0];
        close_unseen(old[0]);
        move_to(fresh[0], number);
        put(fresh[1], "fresh");
        if (mix)
            add_write(kq, number, 0);
        else
            add_read(kq, number, 0);
        EXPECT_PAIR(kq, 5000, !mix, mix);
        EXPECT_PAIR(kq, 5000, !mix, mix);
        REQUIRE_EQ(close(copy), 0);
    }
}

static void a_broken_pipe_is_refused_beside_read(void) {
    int pipe[2], kq = new_kqueue();
    new_pipe(pipe);
    add_read(kq, pipe[1], 0);
    REQUIRE_EQ(close(pipe[0]), 0);
    REQUIRE_EQ(change_errno(kq, (uintptr_t)pipe[1], EVFILT_WRITE, EV_ADD, 0, 0, NULL), EPIPE);
    REQUIRE_EQ(next_event(kq).flags & EV_EOF, EV_EOF);
}

const struct contract_case read_write_cases[] = {
    {"C-182", "an arrival leaves a drained EV_CLEAR WRITE silent", arrival_leaves_a_drained_write_knote_silent, 0},
    {"C-182", "READ and WRITE in every mix of level and EV_CLEAR", read_and_write_keep_their_own_edges, 20},
    {"C-182", "room leaves an undrained EV_CLEAR READ silent", room_leaves_an_undrained_read_knote_silent, 0},
    {"C-182", "READ and WRITE through an eventlist of one", both_come_through_an_eventlist_of_one, 0},
    {"C-182", "a disabled READ beside a WRITE does not spin", a_disabled_read_knote_does_not_spin_its_neighbour, 0},
    {"C-182", "the end reaches READ beside an EV_CLEAR WRITE", end_reaches_read_beside_a_clear_write, 0},
    {"C-182", "of two level knotes each is told its own", two_level_knotes_tell_each_its_own, 20},
    {"C-086", "READ and WRITE by level take turns", two_level_knotes_take_turns, 0},
    {"C-086", "WRITE beside READ with too few bytes, in a call that asks twice", a_call_that_asks_twice_keeps_write, 0},
    {"C-158", "READ with nothing to tell beside WRITE sleeps", nothing_to_read_lets_write_sleep, 0},
    {"C-123", "READ and WRITE go with their number", two_level_knotes_go_with_their_number, 20},
    {"C-131", "a socket that was told of is closed unseen", a_socket_that_was_told_of_is_closed_unseen, 60},
    {"C-124", "a knote of the former file beside a new one", a_knote_of_the_former_file_is_no_sibling, 0},
    {"C-201", "a broken pipe is refused beside READ", a_broken_pipe_is_refused_beside_read, 0},
    {"C-183", "one of two level knotes goes and comes", one_of_two_level_knotes_goes_and_comes, 20},
    {"C-183", "READ works after WRITE was deleted", read_works_after_write_was_deleted, 0},
    {"C-183", "READ and WRITE each survive the other's delete", each_survives_the_others_delete, 0},
    {NULL, NULL, NULL, 0},
};
