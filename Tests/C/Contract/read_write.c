/*
 * EVFILT_READ and EVFILT_WRITE on one descriptor: C-182 and C-183.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "io.h"

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
            REQUIRE_EQ(collect(kq, &event, 1, 5000), 1);
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
        int ends = 0, count = collect(kq, events, 2, 5000);
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

const struct contract_case read_write_cases[] = {
    {"C-182", "an arrival leaves a drained EV_CLEAR WRITE silent", arrival_leaves_a_drained_write_knote_silent, 0},
    {"C-182", "READ and WRITE in every mix of level and EV_CLEAR", read_and_write_keep_their_own_edges, 20},
    {"C-182", "room leaves an undrained EV_CLEAR READ silent", room_leaves_an_undrained_read_knote_silent, 0},
    {"C-182", "READ and WRITE through an eventlist of one", both_come_through_an_eventlist_of_one, 0},
    {"C-182", "a disabled READ beside a WRITE does not spin", a_disabled_read_knote_does_not_spin_its_neighbour, 0},
    {"C-182", "the end reaches READ beside an EV_CLEAR WRITE", end_reaches_read_beside_a_clear_write, 0},
    {"C-183", "READ works after WRITE was deleted", read_works_after_write_was_deleted, 0},
    {"C-183", "READ and WRITE each survive the other's delete", each_survives_the_others_delete, 0},
    {NULL, NULL, NULL, 0},
};
