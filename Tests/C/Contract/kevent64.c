/*
 * kevent64(): kevent() with entries of 64 bits and two words more (contract 1.5).
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "io.h"
#include "life.h"

#include <stddef.h>

/* Without waiting. */
static int call(int kq, const struct kevent64_s *changes, int count, struct kevent64_s *events, int room) {
    return kevent64(kq, changes, count, events, room, KEVENT_FLAG_IMMEDIATE, NULL);
}

static struct kevent64_s entry_of(uint64_t ident, int filter, int flags, uint32_t fflags, uint64_t one, uint64_t two) {
    struct kevent64_s entry;
    EV_SET64(&entry, ident, filter, flags, fflags, 0, 0, one, two);
    return entry;
}

static void apply(int kq, struct kevent64_s entry) {
    REQUIRE_EQ(call(kq, &entry, 1, NULL, 0), 0);
}

/* A USER knote, triggered. */
static void add_user64(int kq, uint64_t ident, int flags, uint64_t one, uint64_t two) {
    apply(kq, entry_of(ident, EVFILT_USER, EV_ADD | flags, NOTE_TRIGGER, one, two));
}

#define EXPECT_EXT(kq, ident, one, two) expect_ext(__FILE__, __LINE__, kq, ident, one, two)
static void expect_ext(const char *file, int line, int kq, uint64_t ident, uint64_t one, uint64_t two) {
    struct kevent64_s events[2];
    contract_equal(file, line, "events", call(kq, NULL, 0, events, 2), 1);
    contract_equal(file, line, "ident", (long long)events[0].ident, (long long)ident);
    contract_equal(file, line, "ext[0]", (long long)events[0].ext[0], (long long)one);
    contract_equal(file, line, "ext[1]", (long long)events[0].ext[1], (long long)two);
}

/* ---- Flags ---- */

static void immediate_never_blocks(void) {
    int kq = new_kqueue();
    struct kevent64_s event;
    REQUIRE_EQ(kevent64(kq, NULL, 0, &event, 1, KEVENT_FLAG_IMMEDIATE, NULL), 0);
    struct timespec bad = {.tv_sec = -1}, hour = {.tv_sec = 3600};
    REQUIRE_EQ(kevent64(kq, NULL, 0, &event, 1, KEVENT_FLAG_IMMEDIATE, &bad), 0);
    REQUIRE_EQ(kevent64(kq, NULL, 0, &event, 1, KEVENT_FLAG_IMMEDIATE, &hour), 0);
    add_user64(kq, 1, 0, 0, 0);
    REQUIRE_EQ(kevent64(kq, NULL, 0, &event, 1, KEVENT_FLAG_IMMEDIATE, NULL), 1);
}

static void without_it_the_timeout_counts(void) {
    int kq = new_kqueue();
    struct kevent64_s event;
    double start = now_ms();
    struct timespec timeout = {.tv_nsec = 50000000}, bad = {.tv_nsec = 1000000000};
    REQUIRE_EQ(kevent64(kq, NULL, 0, &event, 1, KEVENT_FLAG_NONE, &timeout), 0);
    REQUIRE(now_ms() - start >= 50);
    REQUIRE_ERRNO(kevent64(kq, NULL, 0, &event, 1, 0, &bad), EINVAL);
    add_user64(kq, 1, 0, 0, 0);
    REQUIRE_EQ(kevent64(kq, NULL, 0, &event, 1, 0, NULL), 1);
}

static void error_events_are_answers_alone(void) {
    int kq = new_kqueue();
    struct kevent64_s events[4], changes[2] = {entry_of(1, EVFILT_USER, EV_ADD, NOTE_TRIGGER, 1, 2),
                                               entry_of(2, EVFILT_USER, EV_DELETE, 0, 3, 4)};
    REQUIRE_EQ(kevent64(kq, changes, 1, events, 4, KEVENT_FLAG_ERROR_EVENTS, NULL), 0);
    REQUIRE_EQ(kevent64(kq, changes, 2, events, 4, KEVENT_FLAG_ERROR_EVENTS, NULL), 1);
    REQUIRE_EQ(events[0].flags, EV_DELETE | EV_ERROR);
    REQUIRE_EQ(events[0].data, ENOENT);
    REQUIRE_EQ(kevent64(kq, NULL, 0, events, 4, KEVENT_FLAG_ERROR_EVENTS | KEVENT_FLAG_IMMEDIATE, NULL), 0);
    EXPECT_EXT(kq, 1, 1, 2);
}

static void bad_arguments(void) {
    int kq = new_kqueue(), pair[2];
    struct kevent64_s entry = entry_of(1, EVFILT_USER, EV_ADD, 0, 0, 0);
    new_pipe(pair);
    for (unsigned bit = 4; bit != 0; bit <<= 1)
        REQUIRE_ERRNO(kevent64(kq, &entry, 1, NULL, 0, bit, NULL), EINVAL);
    REQUIRE_ERRNO(call(kq, &entry, -1, NULL, 0), EINVAL);
    REQUIRE_ERRNO(call(kq, &entry, 1, &entry, -1), EINVAL);
    REQUIRE_ERRNO(call(kq, NULL, 1, NULL, 0), EFAULT);
    REQUIRE_ERRNO(call(kq, &entry, 1, NULL, 1), EFAULT);
    REQUIRE_ERRNO(call(pair[0], &entry, 1, NULL, 0), EINVAL);
    REQUIRE_ERRNO(call(12345, &entry, 1, NULL, 0), EBADF);
    REQUIRE_NO_KNOTE(kq, 1, EVFILT_USER, ENOENT); /* none of it was applied */
    entry.filter = -100;
    REQUIRE_ERRNO(call(kq, &entry, 1, NULL, 0), EINVAL);
    /* No descriptor; where pointers have 32 bits, nothing that kevent() could say either. */
    entry = entry_of((uint64_t)1 << 40, EVFILT_READ, EV_ADD, 0, 1, 1);
    REQUIRE_ERRNO(call(kq, &entry, 1, NULL, 0), UINTPTR_MAX > UINT32_MAX ? EBADF : EINVAL);
}

/* ---- The two words ---- */

static void words_come_back(void) {
    int kq = new_kqueue(), pair[2];
    new_pipe(pair);
    put(pair[1], "text");
    apply(kq, entry_of((uint64_t)pair[0], EVFILT_READ, EV_ADD, 0, 1, UINT64_MAX));
    for (int i = 0; i < 3; i++)
        EXPECT_EXT(kq, (uint64_t)pair[0], 1, UINT64_MAX);
    apply(kq, entry_of((uint64_t)pair[0], EVFILT_READ, EV_DELETE, 0, 0, 0));
    add_user64(kq, UINTPTR_MAX, EV_ONESHOT, 0x123456789abcdef0, 0);
    EXPECT_EXT(kq, UINTPTR_MAX, 0x123456789abcdef0, 0);
    apply(kq, entry_of(7, EVFILT_TIMER, EV_ADD, NOTE_ABSOLUTE, 5, 6));
    EXPECT_EXT(kq, 7, 5, 6);
}

static void all_fields_have_64_bits(void) {
    int kq = new_kqueue();
    struct kevent64_s change, events[2];
    EV_SET64(&change, 3, EVFILT_USER, EV_ADD, NOTE_TRIGGER | 0x42, INTPTR_MIN, UINTPTR_MAX, 1, 2);
    REQUIRE_EQ(call(kq, &change, 1, events, 2), 1);
    REQUIRE_EQ(events[0].filter, EVFILT_USER);
    REQUIRE_EQ(events[0].flags, EV_ADD);
    REQUIRE_EQ(events[0].fflags, 0x42);
    REQUIRE_EQ(events[0].data, INTPTR_MIN);
    REQUIRE(events[0].udata == UINTPTR_MAX);
}

static void changes_replace_them_as_udata(void) {
    int kq = new_kqueue();
    add_user64(kq, 1, EV_CLEAR, 1, 2);
    EXPECT_EXT(kq, 1, 1, 2);
    add_user64(kq, 1, 0, 3, 4);
    EXPECT_EXT(kq, 1, 3, 4);
    apply(kq, entry_of(1, EVFILT_USER, EV_ENABLE, NOTE_TRIGGER, 5, 0));
    EXPECT_EXT(kq, 1, 5, 0);
    apply(kq, entry_of(1, EVFILT_USER, EV_KEEPUDATA, NOTE_TRIGGER, 7, 8));
    EXPECT_EXT(kq, 1, 5, 0);
    apply(kq, entry_of(1, EVFILT_USER, 0, NOTE_TRIGGER, 0, 0));
    EXPECT_EXT(kq, 1, 0, 0);
}

/* The two calls know the same knotes. */
static void beside_kevent(void) {
    int kq = new_kqueue();
    struct kevent event;
    add_triggered(kq, 1, EV_CLEAR);
    EXPECT_EXT(kq, 1, 0, 0);
    add_user64(kq, 2, EV_CLEAR, 1, 2);
    event = next_event(kq);
    REQUIRE_EQ(event.ident, 2);
    trigger(kq, 2); /* says nothing of them */
    EXPECT_EXT(kq, 2, 1, 2);
    add_user64(kq, 1, 0, 3, 4);
    EXPECT_EXT(kq, 1, 3, 4);
    REQUIRE(delete_knote(kq, 1, EVFILT_USER));
    add_triggered(kq, 1, EV_CLEAR); /* another one, in the same place */
    EXPECT_EXT(kq, 1, 0, 0);
}

static void many_have_their_own(void) {
    enum { COUNT = 3000 };
    static struct kevent64_s events[COUNT + 1];
    int kq = new_kqueue();
    for (uint64_t round = 1; round < 4; round++) {
        for (uint64_t i = 0; i < COUNT; i++)
            if (i % 3)
                add_user64(kq, i, EV_ONESHOT, i + 1, i * round);
            else
                add_triggered(kq, i, EV_ONESHOT);
        REQUIRE_EQ(call(kq, NULL, 0, events, COUNT + 1), COUNT);
        for (int i = 0; i < COUNT; i++) {
            uint64_t ident = events[i].ident;
            REQUIRE_EQ(events[i].ext[0], ident % 3 ? ident + 1 : 0);
            REQUIRE_EQ(events[i].ext[1], ident % 3 ? ident * round : 0);
        }
    }
}

static void answers_echo_them(void) {
    int kq = new_kqueue();
    struct kevent64_s list[3] = {entry_of(1, EVFILT_USER, EV_ADD | EV_RECEIPT, NOTE_TRIGGER, 1, 2),
                                 entry_of(9, EVFILT_USER, EV_DELETE, 0, 3, 4),
                                 entry_of(0, EVFILT_LIBKQUEUE, EV_ADD, NOTE_VERSION, 5, 6)};
    list[1].udata = 77;
    REQUIRE_EQ(call(kq, list, 3, list, 3), 3); /* one array for both */
    for (int i = 0; i < 3; i++) {
        REQUIRE_EQ(list[i].ext[0], 1 + 2 * i);
        REQUIRE_EQ(list[i].ext[1], 2 + 2 * i);
    }
    REQUIRE_EQ(list[0].data, 0);
    REQUIRE_EQ(list[1].data, ENOENT);
    REQUIRE_EQ(list[1].udata, 77);
    REQUIRE(list[2].data != 0);
    list[0] = entry_of(2, EVFILT_USER, EV_ADD, NOTE_TRIGGER, 7, 8);
    REQUIRE_EQ(call(kq, list, 1, list, 3), 2); /* and for events */
    REQUIRE_EQ(list[0].ext[0], 1);
    REQUIRE_EQ(list[1].ext[0], 7);
    REQUIRE_EQ(list[1].ext[1], 8);
}

/* Nothing is written but the entries that there are. */
static void room_without_end(void) {
    int kq = new_kqueue();
    struct kevent64_s events[3];
    memset(events, 0x55, sizeof events);
    add_user64(kq, 1, 0, 1, 2);
    add_user64(kq, 2, 0, 3, 4);
    REQUIRE_EQ(call(kq, NULL, 0, events, INT_MAX), 2);
    REQUIRE_EQ(events[2].ident, 0x5555555555555555);
    REQUIRE_EQ(events[1].ext[1], 4);
}

static void copies_have_them(void) {
    int kq = kqueuex(KQUEUE_CPONFORK);
    REQUIRE(kq >= 0);
    add_user64(kq, 1, 0, 1, 2);
    add_triggered(kq, 2, EV_DISABLE);
    pid_t child = fork();
    if (child == 0) {
        EXPECT_EXT(kq, 1, 1, 2);
        apply(kq, entry_of(1, EVFILT_USER, 0, 0, 3, 4));
        EXPECT_EXT(kq, 1, 3, 4);
        _exit(0);
    }
    finish_child(child);
    EXPECT_EXT(kq, 1, 1, 2);
}

/* ---- The header ---- */

static void layout_of_kevent64_s(void) {
    REQUIRE_EQ(sizeof(struct kevent64_s), 48);
    REQUIRE_EQ(offsetof(struct kevent64_s, ident), 0);
    REQUIRE_EQ(offsetof(struct kevent64_s, filter), 8);
    REQUIRE_EQ(offsetof(struct kevent64_s, flags), 10);
    REQUIRE_EQ(offsetof(struct kevent64_s, fflags), 12);
    REQUIRE_EQ(offsetof(struct kevent64_s, data), 16);
    REQUIRE_EQ(offsetof(struct kevent64_s, udata), 24);
    REQUIRE_EQ(offsetof(struct kevent64_s, ext), 32);
    REQUIRE_EQ(KEVENT_FLAG_NONE, 0);
    REQUIRE_EQ(KEVENT_FLAG_IMMEDIATE, 1);
    REQUIRE_EQ(KEVENT_FLAG_ERROR_EVENTS, 2);
}

static void ev_set64_evaluates_once(void) {
    struct kevent64_s list[2], *place = list;
    int i = 0;
    EV_SET64(place++, i++, i++, i++, i++, i++, i++, i++, i++);
    REQUIRE(place == list + 1);
    REQUIRE_EQ(i, 8);
    REQUIRE_EQ(list[0].ident, 0);
    REQUIRE_EQ(list[0].udata, 5);
    REQUIRE_EQ(list[0].ext[1], 7);
}

const struct contract_case kevent64_cases[] = {
    {"C-051", "KEVENT_FLAG_IMMEDIATE never blocks", immediate_never_blocks, 0},
    {"C-051", "without KEVENT_FLAG_IMMEDIATE the timeout counts", without_it_the_timeout_counts, 0},
    {"C-051", "KEVENT_FLAG_ERROR_EVENTS is for answers alone", error_events_are_answers_alone, 0},
    {"C-051", "kevent64 refuses what kevent refuses, and unknown flags", bad_arguments, 0},
    {"C-052", "ext comes back with each event", words_come_back, 0},
    {"C-052", "the other fields have 64 bits", all_fields_have_64_bits, 0},
    {"C-052", "a change replaces ext as it does udata", changes_replace_them_as_udata, 0},
    {"C-052", "kevent and kevent64 know the same knotes", beside_kevent, 0},
    {"C-052", "3,000 knotes, and places used again", many_have_their_own, 60},
    {"C-052", "answers echo ext, in one array for both lists", answers_echo_them, 0},
    {"C-052", "nevents beyond all memory", room_without_end, 0},
    {"C-140", "a copied kqueue has ext", copies_have_them, 0},
    {"C-055", "layout of struct kevent64_s", layout_of_kevent64_s, 0},
    {"C-057", "EV_SET64 evaluates each argument once", ev_set64_evaluates_once, 0},
    {NULL, NULL, NULL, 0},
};
