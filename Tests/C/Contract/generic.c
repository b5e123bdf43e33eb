/*
 * Knotes of any filter: identity, modify, the behaviour flags, and the
 * fields of an event.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "contract.h"

/* One knote of each filter whose condition the case can make true. */
struct subject {
    const char *name;
    int filter;
    int pair[2]; /* a socket pair; [0] is watched */
    uintptr_t ident;
    int automatic; /* flags the filter sets by itself */
};

enum { SUBJECTS = 4 };

static void set_up(struct subject subjects[SUBJECTS]) {
    static const struct subject all[SUBJECTS] = {
        {.name = "READ", .filter = EVFILT_READ},
        {.name = "WRITE", .filter = EVFILT_WRITE},
        {.name = "USER", .filter = EVFILT_USER, .ident = 5},
        {.name = "TIMER", .filter = EVFILT_TIMER, .ident = 5, .automatic = EV_CLEAR},
    };
    memcpy(subjects, all, sizeof all);
    for (int i = 0; i < SUBJECTS; i++) {
        unix_pair(subjects[i].pair);
        if (subjects[i].ident == 0)
            subjects[i].ident = (uintptr_t)subjects[i].pair[0];
    }
}

/* A change of the knote; a timer is one of 20 ms. */
static void apply(int kq, const struct subject *subject, int flags, void *udata) {
    struct kevent entry, receipt;
    EV_SET(&entry, subject->ident, subject->filter, flags, 0, subject->filter == EVFILT_TIMER ? 20 : 0, udata);
    int room = flags & EV_RECEIPT ? 1 : 0;
    REQUIRE_EQ(kevent(kq, &entry, 1, &receipt, room, NULL), room);
    if (room)
        REQUIRE_EQ(receipt.data, 0);
}

/* Makes the condition true; WRITE is always so, a timer becomes so. */
static void make_ready(int kq, const struct subject *subject, void *udata) {
    if (subject->filter == EVFILT_READ)
        put(subject->pair[1], "x");
    if (subject->filter == EVFILT_USER)
        change(kq, subject->ident, EVFILT_USER, 0, NOTE_TRIGGER, 0, udata);
}

/* Takes what make_ready() left in the socket. */
static void make_idle(const struct subject *subject) {
    if (subject->filter == EVFILT_READ)
        take(subject->pair[0], 1);
}

static struct kevent event_of(int kq, const struct subject *subject) {
    struct kevent event = next_event(kq);
    if (event.ident != subject->ident || event.filter != subject->filter)
        contract_fail(__FILE__, __LINE__, "%s: an event of ident %ju, filter %d", subject->name,
                      (uintmax_t)event.ident, event.filter);
    return event;
}

static void adding_twice_is_one_knote(void) {
    struct subject subjects[SUBJECTS];
    set_up(subjects);
    for (int i = 0; i < SUBJECTS; i++) {
        int kq = new_kqueue();
        struct subject *subject = &subjects[i];
        apply(kq, subject, EV_ADD | EV_CLEAR, NULL);
        apply(kq, subject, EV_ADD | EV_CLEAR, NULL);
        make_ready(kq, subject, NULL);
        event_of(kq, subject);
        if (subject->filter != EVFILT_TIMER)
            require_silent(kq);
        REQUIRE(delete_knote(kq, subject->ident, subject->filter));
        REQUIRE(!delete_knote(kq, subject->ident, subject->filter));
        require_silent(kq);
        close(kq);
    }
}

static void read_and_write_are_separate(void) {
    int kq = new_kqueue(), pair[2], marks[2];
    struct kevent events[8];
    unix_pair(pair);
    change(kq, (uintptr_t)pair[0], EVFILT_READ, EV_ADD, 0, 0, &marks[0]);
    change(kq, (uintptr_t)pair[0], EVFILT_WRITE, EV_ADD, 0, 0, &marks[1]);
    put(pair[1], "abc");
    REQUIRE_EQ(collect(kq, events, 8, PATIENCE), 2);
    REQUIRE_EQ(events[0].filter + events[1].filter, EVFILT_READ + EVFILT_WRITE);
    for (int i = 0; i < 2; i++) {
        REQUIRE_EQ(events[i].ident, pair[0]);
        REQUIRE(events[i].udata == &marks[events[i].filter == EVFILT_WRITE]);
        if (events[i].filter == EVFILT_READ)
            REQUIRE_EQ(events[i].data, 3);
    }
    change(kq, (uintptr_t)pair[0], EVFILT_WRITE, EV_DELETE, 0, 0, NULL);
    REQUIRE_EQ(next_event(kq).filter, EVFILT_READ);
    change(kq, (uintptr_t)pair[0], EVFILT_WRITE, EV_ADD, 0, 0, NULL);
    change(kq, (uintptr_t)pair[0], EVFILT_READ, EV_DELETE, 0, 0, NULL);
    REQUIRE_EQ(next_event(kq).filter, EVFILT_WRITE);
}

/* Adding, changing or deleting one does not bring the other back. */
static void read_and_write_keep_their_edges(void) {
    int kq = new_kqueue(), pair[2];
    unix_pair(pair);
    put(pair[1], "abc");
    change(kq, (uintptr_t)pair[0], EVFILT_READ, EV_ADD | EV_CLEAR, 0, 0, NULL);
    REQUIRE_EQ(next_event(kq).filter, EVFILT_READ);
    change(kq, (uintptr_t)pair[0], EVFILT_WRITE, EV_ADD | EV_CLEAR, 0, 0, NULL);
    REQUIRE_EQ(next_event(kq).filter, EVFILT_WRITE);
    require_silent(kq);
    change(kq, (uintptr_t)pair[0], EVFILT_WRITE, EV_DELETE, 0, 0, NULL);
    require_silent(kq);
    change(kq, (uintptr_t)pair[0], EVFILT_WRITE, EV_ADD | EV_CLEAR, 0, 0, NULL);
    REQUIRE_EQ(next_event(kq).filter, EVFILT_WRITE);
    change(kq, (uintptr_t)pair[0], EVFILT_READ, EV_ADD, 0, 0, NULL);
    REQUIRE_EQ(next_event(kq).filter, EVFILT_READ);
    require_silent(kq);
}

static void require_new_udata(int flags) {
    struct subject subjects[SUBJECTS];
    int marks[2];
    set_up(subjects);
    for (int i = 0; i < SUBJECTS; i++) {
        int kq = new_kqueue();
        apply(kq, &subjects[i], EV_ADD, &marks[0]);
        if (subjects[i].filter == EVFILT_USER)
            make_ready(kq, &subjects[i], &marks[0]);
        apply(kq, &subjects[i], flags, &marks[1]);
        if (subjects[i].filter == EVFILT_READ)
            make_ready(kq, &subjects[i], NULL);
        REQUIRE(event_of(kq, &subjects[i]).udata == &marks[1]);
        apply(kq, &subjects[i], flags, NULL); /* NULL is a value too */
        REQUIRE(event_of(kq, &subjects[i]).udata == NULL);
        close(kq);
    }
}

static void add_replaces_udata(void) {
    require_new_udata(EV_ADD);
}

static void enable_replaces_udata(void) {
    require_new_udata(EV_ENABLE);
}

static void other_modifies_replace_udata(void) {
    int kq = new_kqueue(), pair[2], marks[3];
    unix_pair(pair);
    put(pair[1], "x");
    change(kq, (uintptr_t)pair[0], EVFILT_READ, EV_ADD, 0, 0, &marks[0]);
    change(kq, (uintptr_t)pair[0], EVFILT_READ, 0, 0, 0, &marks[1]);
    REQUIRE(next_event(kq).udata == &marks[1]);
    change(kq, (uintptr_t)pair[0], EVFILT_READ, EV_DISABLE, 0, 0, &marks[2]);
    change(kq, (uintptr_t)pair[0], EVFILT_READ, EV_ENABLE | EV_KEEPUDATA, 0, 0, NULL);
    REQUIRE(next_event(kq).udata == &marks[2]);
}

static void keepudata(void) {
    struct subject subjects[SUBJECTS];
    static const int flags[] = {EV_ENABLE | EV_KEEPUDATA, EV_KEEPUDATA};
    int marks[2];
    set_up(subjects);
    for (int i = 0; i < SUBJECTS; i++) {
        int kq = new_kqueue();
        apply(kq, &subjects[i], EV_ADD, &marks[0]);
        make_ready(kq, &subjects[i], &marks[0]);
        for (int f = 0; f < 2; f++) {
            apply(kq, &subjects[i], flags[f], &marks[1]);
            REQUIRE(event_of(kq, &subjects[i]).udata == &marks[0]);
        }
        close(kq);
    }
}

static void level_stays_level(void) {
    struct subject subjects[SUBJECTS];
    set_up(subjects);
    for (int i = 0; i < 3; i++) { /* a timer is never level */
        int kq = new_kqueue();
        apply(kq, &subjects[i], EV_ADD, NULL);
        apply(kq, &subjects[i], EV_ADD | EV_CLEAR, NULL);
        make_ready(kq, &subjects[i], NULL);
        for (int round = 0; round < 4; round++)
            REQUIRE_EQ(event_of(kq, &subjects[i]).flags, EV_ADD);
        close(kq);
    }
}

static void clear_stays_clear(void) {
    struct subject subjects[SUBJECTS];
    set_up(subjects);
    for (int i = 0; i < 3; i++) {
        int kq = new_kqueue();
        apply(kq, &subjects[i], EV_ADD | EV_CLEAR, NULL);
        apply(kq, &subjects[i], EV_ADD, NULL);
        make_ready(kq, &subjects[i], NULL);
        REQUIRE_EQ(event_of(kq, &subjects[i]).flags, EV_ADD | EV_CLEAR);
        require_silent(kq);
        close(kq);
    }
}

/* Nor do EV_ONESHOT, EV_DISPATCH and EV_RECEIPT come or go by a modify. */
static void no_modify_changes_stored_flags(void) {
    static const int flags[] = {EV_ONESHOT, EV_DISPATCH, EV_RECEIPT, EV_CLEAR | EV_ONESHOT};
    struct subject subjects[SUBJECTS];
    set_up(subjects);
    for (int i = 0; i < SUBJECTS; i++) {
        for (int f = 0; f < 4; f++) {
            int kq = new_kqueue();
            apply(kq, &subjects[i], EV_ADD, NULL);
            apply(kq, &subjects[i], EV_ADD | flags[f], NULL);
            make_ready(kq, &subjects[i], NULL);
            for (int round = 0; round < 2; round++)
                REQUIRE_EQ(event_of(kq, &subjects[i]).flags, EV_ADD | subjects[i].automatic);
            make_idle(&subjects[i]);
            close(kq);
            kq = new_kqueue();
            apply(kq, &subjects[i], EV_ADD | flags[f], NULL);
            apply(kq, &subjects[i], EV_ADD, NULL);
            make_ready(kq, &subjects[i], NULL);
            REQUIRE_EQ(event_of(kq, &subjects[i]).flags, EV_ADD | subjects[i].automatic | flags[f]);
            make_idle(&subjects[i]);
            close(kq);
        }
    }
}

/* The way an event loop wakes itself. */
static void trigger_by_add_keeps_clear(void) {
    int kq = new_kqueue();
    struct kevent entry, receipt;
    add_user(kq, 1, EV_CLEAR);
    for (int i = 0; i < 3; i++) {
        EV_SET(&entry, 1, EVFILT_USER, EV_ADD | EV_RECEIPT, NOTE_TRIGGER, 0, NULL);
        REQUIRE_EQ(kevent(kq, &entry, 1, &receipt, 1, NULL), 1);
        REQUIRE_EQ(next_event(kq).flags, EV_ADD | EV_CLEAR);
        require_silent(kq);
    }
}

static void enable_keeps_the_mask(void) {
    int kq = new_kqueue(), pair[2];
    tcp_pair(pair);
    change(kq, (uintptr_t)pair[0], EVFILT_READ, EV_ADD, NOTE_LOWAT, 16, NULL);
    change(kq, (uintptr_t)pair[0], EVFILT_READ, EV_DISABLE, 0, 0, NULL);
    change(kq, (uintptr_t)pair[0], EVFILT_READ, EV_ENABLE, 0, 0, NULL);
    put(pair[1], "12345678");
    require_silent(kq);
    put(pair[1], "12345678");
    REQUIRE_EQ(next_event(kq).data, 16);
    /* A timer: neither interval nor unit. */
    change(kq, 1, EVFILT_TIMER, EV_ADD, NOTE_SECONDS, 1000, NULL);
    change(kq, (uintptr_t)pair[0], EVFILT_READ, EV_DELETE, 0, 0, NULL);
    change(kq, 1, EVFILT_TIMER, EV_DISABLE, 0, 1, NULL);
    change(kq, 1, EVFILT_TIMER, EV_ENABLE, 0, 1, NULL);
    require_silent(kq);
    change(kq, 1, EVFILT_TIMER, EV_DELETE, 0, 0, NULL);
    /* A USER knote: neither its bits nor its data. */
    change(kq, 1, EVFILT_USER, EV_ADD | EV_CLEAR, NOTE_FFCOPY | 0x5, 7, NULL);
    change(kq, 1, EVFILT_USER, 0, NOTE_TRIGGER, 7, NULL);
    change(kq, 1, EVFILT_USER, EV_DISABLE, 0, 0, NULL);
    change(kq, 1, EVFILT_USER, EV_ENABLE, 0, 0, NULL);
    struct kevent event = next_event(kq);
    REQUIRE_EQ(event.fflags, 0x5);
    REQUIRE_EQ(event.data, 7);
}

static void add_replaces_the_mask(void) {
    int kq = new_kqueue(), pair[2];
    tcp_pair(pair);
    put(pair[1], "12345678");
    change(kq, (uintptr_t)pair[0], EVFILT_READ, EV_ADD, NOTE_LOWAT, 16, NULL);
    require_silent(kq);
    change(kq, (uintptr_t)pair[0], EVFILT_READ, EV_ADD, 0, 0, NULL); /* or-ed, LOWAT would stay */
    REQUIRE_EQ(next_event(kq).data, 8);
    change(kq, (uintptr_t)pair[0], EVFILT_READ, EV_ADD, NOTE_LOWAT, 9, NULL);
    require_silent(kq);
    change(kq, (uintptr_t)pair[0], EVFILT_READ, EV_ADD, NOTE_LOWAT, 8, NULL);
    REQUIRE_EQ(next_event(kq).data, 8);
    change(kq, (uintptr_t)pair[0], EVFILT_READ, 0, NOTE_LOWAT, 16, NULL); /* no action is as good as EV_ADD */
    require_silent(kq);
    change(kq, (uintptr_t)pair[0], EVFILT_READ, 0, 0, 0, NULL);
    REQUIRE_EQ(next_event(kq).data, 8);
}

static void add_replaces_the_unit(void) {
    int kq = new_kqueue();
    change(kq, 1, EVFILT_TIMER, EV_ADD, NOTE_SECONDS, 1000, NULL);
    change(kq, 1, EVFILT_TIMER, EV_ADD, NOTE_NSECONDS, 50000000, NULL); /* or-ed: two units, EINVAL */
    REQUIRE_EQ(next_event(kq).ident, 1);
    change(kq, 1, EVFILT_TIMER, EV_ADD, NOTE_SECONDS, 1000, NULL);
    require_silent(kq);
}

static void add_leaves_disabled(void) {
    struct subject subjects[SUBJECTS];
    set_up(subjects);
    for (int i = 0; i < SUBJECTS; i++) {
        int kq = new_kqueue();
        apply(kq, &subjects[i], EV_ADD, NULL);
        apply(kq, &subjects[i], EV_DISABLE, NULL);
        apply(kq, &subjects[i], EV_ADD, NULL);
        make_ready(kq, &subjects[i], NULL);
        require_silent(kq);
        apply(kq, &subjects[i], EV_ADD, NULL);
        require_silent(kq);
        apply(kq, &subjects[i], EV_ENABLE, NULL);
        event_of(kq, &subjects[i]);
        close(kq);
    }
}

static void added_disabled(void) {
    struct subject subjects[SUBJECTS];
    set_up(subjects);
    for (int i = 0; i < SUBJECTS; i++) {
        int kq = new_kqueue();
        if (subjects[i].filter == EVFILT_READ)
            make_ready(kq, &subjects[i], NULL);
        apply(kq, &subjects[i], EV_ADD | EV_DISABLE, NULL);
        if (subjects[i].filter == EVFILT_USER)
            make_ready(kq, &subjects[i], NULL);
        require_silent(kq);
        apply(kq, &subjects[i], EV_ENABLE, NULL);
        event_of(kq, &subjects[i]);
        close(kq);
    }
}

static void require_no_delivery(int action) {
    struct subject subjects[SUBJECTS];
    set_up(subjects);
    for (int i = 0; i < SUBJECTS; i++) {
        int kq = new_kqueue();
        struct pollfd readable = {.fd = kq, .events = POLLIN};
        apply(kq, &subjects[i], EV_ADD, NULL);
        make_ready(kq, &subjects[i], NULL);
        REQUIRE_EQ(poll(&readable, 1, PATIENCE), 1); /* it is queued */
        apply(kq, &subjects[i], action, NULL);
        require_silent(kq);
        close(kq);
    }
}

static void disable_suppresses_a_queued_event(void) {
    posix_lacks("READ, WRITE, TIMER and VNODE make the kqueue readable only while a thread is in kevent()");
    require_no_delivery(EV_DISABLE);
}

static void delete_drops_a_queued_event(void) {
    posix_lacks("READ, WRITE, TIMER and VNODE make the kqueue readable only while a thread is in kevent()");
    require_no_delivery(EV_DELETE);
}

static void no_old_occurrence_after_delete_and_add(void) {
    int kq = new_kqueue(), pair[2];
    unix_pair(pair);
    add_triggered(kq, 1, 0);
    change(kq, 1, EVFILT_USER, EV_DELETE, 0, 0, NULL);
    add_user(kq, 1, 0);
    require_silent(kq);
    put(pair[1], "x");
    change(kq, (uintptr_t)pair[0], EVFILT_READ, EV_ADD | EV_CLEAR, 0, 0, NULL);
    take(pair[0], 1);
    change(kq, (uintptr_t)pair[0], EVFILT_READ, EV_DELETE, 0, 0, NULL);
    change(kq, (uintptr_t)pair[0], EVFILT_READ, EV_ADD | EV_CLEAR, 0, 0, NULL);
    require_silent(kq);
}

static void enable_twice(void) {
    struct subject subjects[SUBJECTS];
    set_up(subjects);
    for (int i = 0; i < SUBJECTS; i++) {
        int kq = new_kqueue();
        apply(kq, &subjects[i], EV_ADD | EV_ENABLE, NULL);
        apply(kq, &subjects[i], EV_ENABLE, NULL);
        apply(kq, &subjects[i], EV_ENABLE, NULL);
        make_ready(kq, &subjects[i], NULL);
        event_of(kq, &subjects[i]);
        close(kq);
    }
}

static void oneshot(void) {
    struct subject subjects[SUBJECTS];
    set_up(subjects);
    for (int i = 0; i < SUBJECTS; i++) {
        int kq = new_kqueue();
        for (int round = 0; round < 2; round++) { /* a re-add makes a fresh one */
            apply(kq, &subjects[i], EV_ADD | EV_ONESHOT, NULL);
            make_ready(kq, &subjects[i], NULL);
            event_of(kq, &subjects[i]);
            REQUIRE_EQ(change_errno(kq, subjects[i].ident, subjects[i].filter, EV_DELETE, 0, 0, NULL), ENOENT);
            require_silent(kq);
        }
        close(kq);
    }
}

static void dispatch(void) {
    struct subject subjects[SUBJECTS];
    set_up(subjects);
    for (int i = 0; i < SUBJECTS; i++) {
        int kq = new_kqueue();
        apply(kq, &subjects[i], EV_ADD | EV_DISPATCH, NULL);
        for (int round = 0; round < 4; round++) {
            make_ready(kq, &subjects[i], NULL);
            event_of(kq, &subjects[i]);
            require_silent(kq);
            apply(kq, &subjects[i], EV_ENABLE, NULL);
        }
        close(kq);
    }
}

static void clear_with_dispatch(void) {
    int kq = new_kqueue(), pair[2];
    unix_pair(pair);
    add_triggered(kq, 1, EV_CLEAR | EV_DISPATCH);
    for (int round = 0; round < 3; round++) {
        REQUIRE_EQ(next_event(kq).flags, EV_ADD | EV_CLEAR | EV_DISPATCH);
        change(kq, 1, EVFILT_USER, EV_ENABLE, 0, 0, NULL);
        require_silent(kq); /* cleared: nothing is left to report */
        trigger(kq, 1);
        next_event(kq);
        trigger(kq, 1);
        require_silent(kq); /* disabled */
        change(kq, 1, EVFILT_USER, EV_ENABLE, 0, 0, NULL);
    }
    next_event(kq);
    change(kq, (uintptr_t)pair[0], EVFILT_READ, EV_ADD | EV_CLEAR | EV_DISPATCH, 0, 0, NULL);
    put(pair[1], "x");
    next_event(kq);
    put(pair[1], "x");
    require_silent(kq);
    change(kq, (uintptr_t)pair[0], EVFILT_READ, EV_ENABLE, 0, 0, NULL);
    REQUIRE_EQ(next_event(kq).data, 2);
}

static void forced_oneshot(void) {
    static const int flags[] = {EV_FORCEONESHOT, EV_ENABLE | EV_FORCEONESHOT, EV_ADD | EV_FORCEONESHOT};
    int kq = new_kqueue(), pair[2];
    unix_pair(pair);
    for (int i = 0; i < 3; i++) {
        change(kq, (uintptr_t)pair[0], EVFILT_READ, EV_ADD, 0, 0, NULL);
        add_user(kq, 1, 0);
        require_silent(kq);
        change(kq, (uintptr_t)pair[0], EVFILT_READ, flags[i], 0, 0, NULL);
        REQUIRE_EQ(next_event(kq).filter, EVFILT_READ);
        REQUIRE(!delete_knote(kq, (uintptr_t)pair[0], EVFILT_READ));
        change(kq, 1, EVFILT_USER, flags[i], 0, 0, NULL);
        REQUIRE_EQ(next_event(kq).filter, EVFILT_USER);
        REQUIRE(!delete_knote(kq, 1, EVFILT_USER));
        require_silent(kq);
    }
}

static void true_before_add(void) {
    int kq = new_kqueue(), pair[2], pipes[2];
    uint16_t port;
    unix_pair(pair);
    put(pair[1], "abc");
    change(kq, (uintptr_t)pair[0], EVFILT_READ, EV_ADD | EV_CLEAR, 0, 0, NULL);
    REQUIRE_EQ(next_event(kq).data, 3);
    change(kq, (uintptr_t)pair[1], EVFILT_WRITE, EV_ADD | EV_CLEAR, 0, 0, NULL);
    REQUIRE_EQ(next_event(kq).filter, EVFILT_WRITE);
    new_pipe(pipes);
    put(pipes[1], "ab");
    change(kq, (uintptr_t)pipes[0], EVFILT_READ, EV_ADD | EV_CLEAR, 0, 0, NULL);
    REQUIRE_EQ(next_event(kq).data, 2);
    int listener = tcp_listener(&port);
    tcp_client(port);
    change(kq, (uintptr_t)listener, EVFILT_READ, EV_ADD | EV_CLEAR, 0, 0, NULL);
    REQUIRE_EQ(next_event(kq).ident, listener);
    require_silent(kq);
}

static void add_and_delivery_in_one_call(void) {
    int kq = new_kqueue(), pair[2], second[2];
    struct kevent entries[2], events[4];
    unix_pair(pair);
    unix_pair(second);
    put(pair[1], "x");
    put(second[1], "x");
    EV_SET(&entries[0], pair[0], EVFILT_READ, EV_ADD | EV_CLEAR, 0, 0, NULL);
    EV_SET(&entries[1], second[0], EVFILT_READ, EV_ADD | EV_CLEAR, 0, 0, NULL);
    REQUIRE_EQ(kevent(kq, entries, 2, events, 4, NULL), 2);
    EV_SET(&entries[0], pair[1], EVFILT_WRITE, EV_ADD | EV_CLEAR, 0, 0, NULL);
    REQUIRE_EQ(kevent(kq, entries, 1, events, 4, &(struct timespec){0, 0}), 1);
    REQUIRE_EQ(events[0].filter, EVFILT_WRITE);
    add_user(kq, 1, EV_CLEAR);
    EV_SET(&entries[0], 1, EVFILT_USER, 0, NOTE_TRIGGER, 0, NULL);
    REQUIRE_EQ(kevent(kq, entries, 1, events, 4, &(struct timespec){0, 0}), 1);
    REQUIRE_EQ(events[0].filter, EVFILT_USER);
}

static void modify_reports_unread_data_again(void) {
    static const int flags[] = {EV_ADD, EV_ADD | EV_CLEAR, EV_ENABLE, 0};
    int kq = new_kqueue(), pair[2];
    unix_pair(pair);
    put(pair[1], "abc");
    change(kq, (uintptr_t)pair[0], EVFILT_READ, EV_ADD | EV_CLEAR, 0, 0, NULL);
    REQUIRE_EQ(next_event(kq).data, 3);
    require_silent(kq);
    for (int i = 0; i < 4; i++) {
        change(kq, (uintptr_t)pair[0], EVFILT_READ, flags[i], 0, 0, NULL);
        REQUIRE_EQ(next_event(kq).data, 3);
        require_silent(kq);
    }
    take(pair[0], 3);
    change(kq, (uintptr_t)pair[0], EVFILT_READ, EV_ADD, 0, 0, NULL);
    require_silent(kq); /* and only unread data */
}

static void delivered_flags(void) {
    int mark;
    static const int flags[] = {0, EV_CLEAR, EV_ONESHOT, EV_DISPATCH, EV_RECEIPT, EV_CLEAR | EV_DISPATCH,
                                EV_CLEAR | EV_RECEIPT, EV_CLEAR | EV_ONESHOT | EV_RECEIPT};
    struct subject subjects[SUBJECTS];
    set_up(subjects);
    for (int i = 0; i < SUBJECTS; i++) {
        for (int f = 0; f < 8; f++) {
            int kq = new_kqueue();
            apply(kq, &subjects[i], EV_ADD | flags[f], &mark);
            make_ready(kq, &subjects[i], &mark);
            struct kevent event = event_of(kq, &subjects[i]);
            REQUIRE_EQ(event.flags, EV_ADD | subjects[i].automatic | flags[f]);
            REQUIRE_EQ(event.fflags, 0);
            REQUIRE(event.udata == &mark);
            make_idle(&subjects[i]);
            close(kq);
        }
    }
}

static void no_action_in_delivered_flags(void) {
    const int never = EV_ENABLE | EV_DISABLE | EV_DELETE | EV_ERROR | EV_KEEPUDATA;
    struct subject subjects[SUBJECTS];
    set_up(subjects);
    for (int i = 0; i < SUBJECTS; i++) {
        int kq = new_kqueue();
        apply(kq, &subjects[i], EV_ADD | EV_ENABLE, NULL);
        make_ready(kq, &subjects[i], NULL);
        REQUIRE_EQ(event_of(kq, &subjects[i]).flags & never, 0);
        apply(kq, &subjects[i], EV_ENABLE | EV_KEEPUDATA, NULL);
        REQUIRE_EQ(event_of(kq, &subjects[i]).flags & never, 0);
        apply(kq, &subjects[i], EV_DISABLE, NULL);
        apply(kq, &subjects[i], EV_ADD | EV_ENABLE, NULL);
        REQUIRE_EQ(event_of(kq, &subjects[i]).flags & never, 0);
        close(kq);
        kq = new_kqueue();
        make_idle(&subjects[i]);
        apply(kq, &subjects[i], EV_ADD | EV_DISABLE, NULL);
        apply(kq, &subjects[i], EV_ENABLE, NULL);
        make_ready(kq, &subjects[i], NULL);
        REQUIRE_EQ(event_of(kq, &subjects[i]).flags & never, 0);
        close(kq);
    }
}

static void receipt_is_remembered(void) {
    struct subject subjects[SUBJECTS];
    set_up(subjects);
    for (int i = 0; i < SUBJECTS; i++) {
        int kq = new_kqueue();
        apply(kq, &subjects[i], EV_ADD | EV_CLEAR | EV_RECEIPT, NULL);
        make_ready(kq, &subjects[i], NULL);
        REQUIRE_EQ(event_of(kq, &subjects[i]).flags, EV_ADD | EV_CLEAR | EV_RECEIPT);
        /* It forces a receipt for no later change: this one's slot takes the event. */
        struct kevent entry, event;
        EV_SET(&entry, subjects[i].ident, subjects[i].filter, EV_ADD,
               subjects[i].filter == EVFILT_USER ? NOTE_TRIGGER : 0, 20, NULL);
        REQUIRE_EQ(kevent(kq, &entry, 1, &event, 1, NULL), 1);
        REQUIRE_EQ(event.flags, EV_ADD | EV_CLEAR | EV_RECEIPT);
        close(kq);
    }
}

const struct contract_case generic_cases[] = {
    {"C-061", "adding twice makes one knote", adding_twice_is_one_knote, 0},
    {"C-062", "READ and WRITE of one number are separate", read_and_write_are_separate, 0},
    {"C-062", "READ and WRITE of one number keep their edges apart", read_and_write_keep_their_edges, 0},
    {"C-063", "EV_ADD replaces udata", add_replaces_udata, 0},
    {"C-064", "EV_ENABLE replaces udata", enable_replaces_udata, 0},
    {"C-064", "EV_DISABLE and no action replace udata", other_modifies_replace_udata, 0},
    {"C-065", "EV_KEEPUDATA leaves udata", keepudata, 0},
    {"C-066", "EV_CLEAR in a re-add leaves a level knote level", level_stays_level, 0},
    {"C-067", "a re-add without EV_CLEAR leaves an EV_CLEAR knote so", clear_stays_clear, 0},
    {"C-067", "no modify changes the stored flags", no_modify_changes_stored_flags, 60},
    {"C-067", "a trigger by EV_ADD|EV_RECEIPT keeps EV_CLEAR", trigger_by_add_keeps_clear, 0},
    {"C-068", "EV_DISABLE and EV_ENABLE keep fflags and data", enable_keeps_the_mask, 0},
    {"C-069", "EV_ADD replaces fflags", add_replaces_the_mask, 0},
    {"C-069", "EV_ADD replaces a timer's unit", add_replaces_the_unit, 0},
    {"C-070", "EV_ADD leaves a disabled knote disabled", add_leaves_disabled, 0},
    {"C-071", "EV_ADD|EV_DISABLE is silent until EV_ENABLE", added_disabled, 0},
    {"C-072", "EV_DISABLE suppresses a queued event", disable_suppresses_a_queued_event, 0},
    {"C-073", "EV_DELETE drops a queued event", delete_drops_a_queued_event, 0},
    {"C-073", "no old occurrence after EV_DELETE and EV_ADD", no_old_occurrence_after_delete_and_add, 0},
    {"C-074", "EV_ENABLE of an enabled knote is no error", enable_twice, 0},
    {"C-075", "EV_ONESHOT: one event, then the knote is gone", oneshot, 0},
    {"C-076", "EV_DISPATCH: one event for each EV_ENABLE", dispatch, 0},
    {"C-077", "EV_CLEAR and EV_DISPATCH both apply", clear_with_dispatch, 0},
    {"C-078", "EV_FORCEONESHOT delivers an idle knote and deletes it", forced_oneshot, 0},
    {"C-079", "a condition true before EV_ADD is reported", true_before_add, 0},
    {"C-080", "EV_ADD and delivery in one call", add_and_delivery_in_one_call, 0},
    {"C-081", "a modify reports unread data again", modify_reports_unread_data_again, 0},
    {"C-082", "delivered flags are EV_ADD and the registration's", delivered_flags, 30},
    {"C-083", "delivered flags contain no action and no error", no_action_in_delivered_flags, 0},
    {"C-084", "EV_RECEIPT of the registration is in later events", receipt_is_remembered, 0},
    {NULL, NULL, NULL, 0},
};
