/*
 * The changelist: order, errors, receipts and the flags of an entry.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "contract.h"

static const struct timespec no_wait = {0, 0};

static void set_user(struct kevent *entry, uintptr_t ident, int flags) {
    EV_SET(entry, ident, EVFILT_USER, flags, 0, 0, NULL);
}

static void require_entry(const struct kevent *got, uintptr_t ident, int filter, int flags, unsigned fflags,
                          intptr_t data, void *udata) {
    REQUIRE_EQ(got->ident, ident);
    REQUIRE_EQ(got->filter, filter);
    REQUIRE_EQ(got->flags, flags);
    REQUIRE_EQ(got->fflags, fflags);
    REQUIRE_EQ(got->data, data);
    REQUIRE(got->udata == udata);
}

static void changes_in_array_order(void) {
    int kq = new_kqueue(), pair[2], mark;
    struct kevent entries[100];
    set_user(&entries[0], 1, EV_ADD);
    set_user(&entries[1], 1, EV_DELETE);
    REQUIRE_EQ(kevent(kq, entries, 2, NULL, 0, NULL), 0);
    REQUIRE(!delete_knote(kq, 1, EVFILT_USER));
    for (int i = 0; i < 100; i++)
        set_user(&entries[i], (uintptr_t)(i / 2), i % 2 ? EV_DELETE : EV_ADD);
    REQUIRE_EQ(kevent(kq, entries, 100, NULL, 0, NULL), 0);
    for (uintptr_t i = 0; i < 50; i++)
        REQUIRE(!delete_knote(kq, i, EVFILT_USER));
    new_pipe(pair);
    put(pair[1], "x");
    for (int i = 0; i < 99; i++)
        EV_SET(&entries[i], pair[0], EVFILT_READ, i % 2 ? EV_DELETE : EV_ADD, 0, 0, NULL);
    EV_SET(&entries[99], pair[0], EVFILT_READ, EV_ADD, 0, 0, &mark);
    REQUIRE_EQ(kevent(kq, entries, 100, NULL, 0, NULL), 0);
    REQUIRE(next_event(kq).udata == &mark);
}

static void later_entries_are_applied(void) {
    int kq = new_kqueue();
    struct kevent entries[3], events[4];
    set_user(&entries[0], 1, EV_DELETE);
    set_user(&entries[1], 2, EV_ADD);
    EV_SET(&entries[2], 3, 5, EV_ADD, 0, 0, NULL);
    REQUIRE_EQ(kevent(kq, entries, 3, events, 4, &no_wait), 2);
    REQUIRE_EQ(events[0].data, ENOENT);
    REQUIRE_EQ(events[1].data, EINVAL);
    REQUIRE(delete_knote(kq, 2, EVFILT_USER));
}

static void error_entry_repeats_the_input(void) {
    int kq = new_kqueue(), mark;
    struct kevent entries[3], events[3];
    EV_SET(&entries[0], 77, EVFILT_USER, EV_DELETE, 0x1234, 9, &mark);
    EV_SET(&entries[1], -1, EVFILT_READ, EV_ADD | EV_CLEAR, NOTE_LOWAT, 5, &entries);
    EV_SET(&entries[2], UINTPTR_MAX, 12, EV_ADD | EV_RECEIPT | EV_ONESHOT, UINT_MAX, -1, &events);
    memset(events, 0xa5, sizeof events);
    REQUIRE_EQ(kevent(kq, entries, 3, events, 3, NULL), 3);
    require_entry(&events[0], 77, EVFILT_USER, EV_DELETE | EV_ERROR, 0x1234, ENOENT, &mark);
    require_entry(&events[1], (uintptr_t)-1, EVFILT_READ, EV_ADD | EV_CLEAR | EV_ERROR, NOTE_LOWAT, EBADF, &entries);
    require_entry(&events[2], UINTPTR_MAX, 12, EV_ADD | EV_RECEIPT | EV_ONESHOT | EV_ERROR, UINT_MAX, EINVAL,
                  &events);
}

static void error_without_room(void) {
    int kq = new_kqueue();
    struct kevent entry;
    set_user(&entry, 1, EV_DELETE);
    REQUIRE_ERRNO(kevent(kq, &entry, 1, NULL, 0, NULL), ENOENT);
    EV_SET(&entry, -1, EVFILT_READ, EV_ADD, 0, 0, NULL);
    REQUIRE_ERRNO(kevent(kq, &entry, 1, NULL, 0, &no_wait), EBADF);
    EV_SET(&entry, 1, 5, EV_ADD, 0, 0, NULL);
    REQUIRE_ERRNO(kevent(kq, &entry, 1, &entry, 0, NULL), EINVAL);
}

static void error_without_room_stops(void) {
    int kq = new_kqueue();
    struct kevent entries[2];
    set_user(&entries[0], 1, EV_DELETE);
    set_user(&entries[1], 2, EV_ADD);
    REQUIRE_ERRNO(kevent(kq, entries, 2, NULL, 0, NULL), ENOENT);
    REQUIRE(!delete_knote(kq, 2, EVFILT_USER));
}

static void earlier_entries_stay(void) {
    int kq = new_kqueue();
    struct kevent entries[3];
    set_user(&entries[0], 1, EV_ADD);
    set_user(&entries[1], 2, EV_ADD);
    set_user(&entries[2], 3, EV_DELETE);
    REQUIRE_ERRNO(kevent(kq, entries, 3, NULL, 0, NULL), ENOENT);
    REQUIRE(delete_knote(kq, 1, EVFILT_USER));
    REQUIRE(delete_knote(kq, 2, EVFILT_USER));
}

static void receipt_repeats_the_input(void) {
    int kq = new_kqueue(), pair[2], mark;
    struct kevent entries[4], events[5];
    unix_pair(pair);
    EV_SET(&entries[0], 7, EVFILT_USER, EV_ADD | EV_RECEIPT, NOTE_FFCOPY | 0x12, 5, &mark);
    EV_SET(&entries[1], pair[0], EVFILT_READ, EV_ADD | EV_CLEAR | EV_RECEIPT, NOTE_LOWAT, 3, &entries);
    EV_SET(&entries[2], pair[0], EVFILT_WRITE, EV_ADD | EV_RECEIPT | EV_ENABLE, 0, 4, &events);
    EV_SET(&entries[3], 7, EVFILT_USER, EV_DELETE | EV_RECEIPT, 1, 8, NULL);
    memset(events, 0xa5, sizeof events);
    REQUIRE_EQ(kevent(kq, entries, 4, events, 5, NULL), 4);
    require_entry(&events[0], 7, EVFILT_USER, EV_ADD | EV_RECEIPT | EV_ERROR, NOTE_FFCOPY | 0x12, 0, &mark);
    require_entry(&events[1], (uintptr_t)pair[0], EVFILT_READ, EV_ADD | EV_CLEAR | EV_RECEIPT | EV_ERROR,
                  NOTE_LOWAT, 0, &entries);
    require_entry(&events[2], (uintptr_t)pair[0], EVFILT_WRITE, EV_ADD | EV_RECEIPT | EV_ENABLE | EV_ERROR, 0, 0,
                  &events);
    require_entry(&events[3], 7, EVFILT_USER, EV_DELETE | EV_RECEIPT | EV_ERROR, 1, 0, NULL);
    REQUIRE_EQ(events[4].ident, UINTPTR_MAX / 255 * 0xa5); /* untouched, though WRITE is ready */
}

static void receipts_keep_events_back(void) {
    int kq = new_kqueue();
    struct kevent entry, events[8];
    add_triggered(kq, 1, EV_CLEAR);
    set_user(&entry, 2, EV_ADD | EV_RECEIPT);
    REQUIRE_EQ(kevent(kq, &entry, 1, events, 8, NULL), 1);
    REQUIRE_EQ(events[0].ident, 2);
    REQUIRE_EQ(next_event(kq).ident, 1); /* kept for the next call */
}

static void error_entry_returns_at_once(void) {
    int kq = new_kqueue();
    struct kevent entry, events[8];
    set_user(&entry, 1, EV_DELETE);
    REQUIRE_EQ(kevent(kq, &entry, 1, events, 8, NULL), 1);
    REQUIRE_EQ(events[0].data, ENOENT);
    add_triggered(kq, 2, EV_CLEAR);
    REQUIRE_EQ(kevent(kq, &entry, 1, events, 8, NULL), 1);
    REQUIRE_EQ(events[0].data, ENOENT);
    REQUIRE_EQ(next_event(kq).ident, 2);
}

static void receipt_without_room_returns_zero(void) {
    int kq = new_kqueue();
    struct kevent entry;
    set_user(&entry, 1, EV_ADD | EV_RECEIPT);
    REQUIRE_EQ(kevent(kq, &entry, 1, NULL, 0, NULL), 0);
    REQUIRE(delete_knote(kq, 1, EVFILT_USER));
}

static void receipt_without_room_stops(void) {
    int kq = new_kqueue();
    struct kevent entries[3], event;
    set_user(&entries[0], 1, EV_ADD | EV_RECEIPT);
    set_user(&entries[1], 2, EV_ADD | EV_RECEIPT);
    set_user(&entries[2], 3, EV_ADD);
    REQUIRE_EQ(kevent(kq, entries, 3, NULL, 0, NULL), 0);
    REQUIRE(delete_knote(kq, 1, EVFILT_USER));
    REQUIRE(!delete_knote(kq, 2, EVFILT_USER));
    REQUIRE_EQ(kevent(kq, entries, 3, &event, 1, NULL), 1);
    REQUIRE_EQ(event.ident, 1);
    REQUIRE(delete_knote(kq, 1, EVFILT_USER));
    REQUIRE(delete_knote(kq, 2, EVFILT_USER));
    REQUIRE(!delete_knote(kq, 3, EVFILT_USER));
}

static void error_beyond_the_room_wins(void) {
    int kq = new_kqueue();
    struct kevent entries[3], event;
    set_user(&entries[0], 1, EV_ADD | EV_RECEIPT);
    set_user(&entries[1], 2, EV_DELETE);
    set_user(&entries[2], 3, EV_ADD);
    REQUIRE_ERRNO(kevent(kq, entries, 3, &event, 1, NULL), ENOENT);
    require_entry(&event, 1, EVFILT_USER, EV_ADD | EV_RECEIPT | EV_ERROR, 0, 0, NULL);
    REQUIRE(delete_knote(kq, 1, EVFILT_USER));
    REQUIRE(!delete_knote(kq, 3, EVFILT_USER));
}

static void one_array_receipts_and_errors(void) {
    int kq = new_kqueue(), mark;
    struct kevent list[40];
    for (int i = 0; i < 40; i++) /* plain, receipt, error, error with receipt; more than one batch */
        EV_SET(&list[i], i, EVFILT_USER,
               i % 4 == 0 ? EV_ADD : i % 4 == 1 ? EV_ADD | EV_RECEIPT : i % 4 == 2 ? EV_DELETE : EV_ENABLE | EV_RECEIPT,
               i, i, &mark);
    REQUIRE_EQ(kevent(kq, list, 40, list, 40, NULL), 30);
    for (int i = 0, slot = 0; i < 40; i++) {
        if (i % 4 == 0) {
            REQUIRE(delete_knote(kq, (uintptr_t)i, EVFILT_USER));
            continue;
        }
        int flags = i % 4 == 1 ? EV_ADD | EV_RECEIPT : i % 4 == 2 ? EV_DELETE : EV_ENABLE | EV_RECEIPT;
        require_entry(&list[slot++], (uintptr_t)i, EVFILT_USER, flags | EV_ERROR, (unsigned)i,
                      i % 4 == 1 ? 0 : ENOENT, &mark);
        REQUIRE_EQ(delete_knote(kq, (uintptr_t)i, EVFILT_USER), i % 4 == 1);
    }
}

static void one_array_events(void) {
    int kq = new_kqueue();
    struct kevent list[6];
    unsigned seen = 0;
    for (int i = 0; i < 6; i++) {
        add_user(kq, (uintptr_t)i, EV_CLEAR);
        EV_SET(&list[i], i, EVFILT_USER, 0, NOTE_TRIGGER, 0, NULL);
    }
    REQUIRE_EQ(kevent(kq, list, 6, list, 6, NULL), 6);
    for (int i = 0; i < 6; i++)
        seen |= 1u << list[i].ident;
    REQUIRE_EQ(seen, 0x3f);
    set_user(&list[0], 9, EV_ADD);
    EV_SET(&list[1], 3, EVFILT_USER, 0, NOTE_TRIGGER, 0, NULL);
    REQUIRE_EQ(kevent(kq, list, 2, list, 6, NULL), 1);
    REQUIRE_EQ(list[0].ident, 3);
    REQUIRE(delete_knote(kq, 9, EVFILT_USER));
}

/* Over an event that waits, so that one may be collected before the changes are read. */
static void one_array_with_a_waiting_event(void) {
    int kq = new_kqueue();
    struct kevent list[4];
    add_triggered(kq, 1, 0);
    for (int i = 0; i < 4; i++)
        set_user(&list[i], (uintptr_t)(2 + i), EV_ADD);
    REQUIRE_EQ(kevent(kq, list, 4, list, 4, &no_wait), 1);
    REQUIRE_EQ(list[0].ident, 1);
    for (uintptr_t i = 2; i < 6; i++)
        REQUIRE(delete_knote(kq, i, EVFILT_USER));
}

static void filter_zero_is_skipped(void) {
    int kq = new_kqueue();
    struct kevent entries[4], events[4];
    EV_SET(&entries[0], 1, 0, EV_ADD, 0, 0, NULL);
    EV_SET(&entries[1], 1, 0, EV_DELETE | EV_RECEIPT, 0, 0, NULL);
    EV_SET(&entries[2], -1, 0, EV_ADD | EV_ENABLE | EV_DISABLE, UINT_MAX, -1, NULL);
    set_user(&entries[3], 2, EV_ADD);
    REQUIRE_EQ(kevent(kq, entries, 3, NULL, 0, NULL), 0);
    REQUIRE_EQ(kevent(kq, entries, 4, events, 4, &no_wait), 0);
    REQUIRE(delete_knote(kq, 2, EVFILT_USER));
}

static void require_no_filter(const int *numbers, int count) {
    static const int actions[] = {EV_ADD, EV_DELETE, EV_ENABLE, 0};
    int kq = new_kqueue(), before = open_descriptors();
    for (int i = 0; i < count; i++) {
        for (int a = 0; a < 4; a++) {
            REQUIRE_EQ(change_errno(kq, 1, numbers[i], actions[a], 0, 0, NULL), EINVAL);
            REQUIRE_EQ(change_errno(kq, (uintptr_t)kq, numbers[i], actions[a], 0, 0, NULL), EINVAL);
        }
    }
    REQUIRE_EQ(open_descriptors(), before);
    require_silent(kq);
}

static void positive_filters(void) {
    static const int numbers[] = {5, 1, 2, 7, 11, 12, 255, SHRT_MAX};
    require_no_filter(numbers, 8);
}

static void filters_below_the_lowest(void) {
    static const int numbers[] = {-100, -64, -255, -256, -1000, SHRT_MIN};
    require_no_filter(numbers, 6);
}

/* Every action but EV_ADD on a knote that is not there. */
static void missing_knote(void) {
    static const int actions[] = {EV_DELETE, EV_ENABLE, EV_DISABLE, 0, EV_CLEAR, EV_DELETE | EV_CLEAR, EV_KEEPUDATA};
    int kq = new_kqueue(), pair[2];
    unix_pair(pair);
    add_user(kq, 1, 0);
    change(kq, (uintptr_t)pair[1], EVFILT_READ, EV_ADD, 0, 0, NULL);
    for (int i = 0; i < 7; i++) {
        REQUIRE_EQ(change_errno(kq, (uintptr_t)pair[0], EVFILT_READ, actions[i], 0, 0, NULL), ENOENT);
        REQUIRE_EQ(change_errno(kq, (uintptr_t)pair[0], EVFILT_WRITE, actions[i], 0, 0, NULL), ENOENT);
        REQUIRE_EQ(change_errno(kq, (uintptr_t)pair[1], EVFILT_WRITE, actions[i], 0, 0, NULL), ENOENT);
        REQUIRE_EQ(change_errno(kq, 1, EVFILT_TIMER, actions[i], 0, 10, NULL), ENOENT);
        REQUIRE_EQ(change_errno(kq, 2, EVFILT_USER, actions[i], 0, 0, NULL), ENOENT);
        REQUIRE_EQ(change_errno(kq, 2, EVFILT_USER, actions[i], NOTE_TRIGGER, 0, NULL), ENOENT);
    }
    require_silent(kq);
}

static void enable_with_disable(void) {
    int kq = new_kqueue(), pair[2];
    new_pipe(pair);
    put(pair[1], "x");
    REQUIRE_EQ(change_errno(kq, 1, EVFILT_USER, EV_ADD | EV_ENABLE | EV_DISABLE, 0, 0, NULL), EINVAL);
    REQUIRE(!delete_knote(kq, 1, EVFILT_USER));
    change(kq, (uintptr_t)pair[0], EVFILT_READ, EV_ADD, 0, 0, NULL);
    REQUIRE_EQ(change_errno(kq, (uintptr_t)pair[0], EVFILT_READ, EV_ENABLE | EV_DISABLE, 0, 0, NULL), EINVAL);
    REQUIRE_EQ(next_event(kq).ident, pair[0]); /* not disabled */
    change(kq, (uintptr_t)pair[0], EVFILT_READ, EV_DISABLE, 0, 0, NULL);
    REQUIRE_EQ(change_errno(kq, (uintptr_t)pair[0], EVFILT_READ, EV_ENABLE | EV_DISABLE, 0, 0, NULL), EINVAL);
    require_silent(kq); /* not enabled */
}

static void add_with_delete(void) {
    int kq = new_kqueue(), pair[2];
    new_pipe(pair);
    put(pair[1], "x");
    change(kq, (uintptr_t)pair[0], EVFILT_READ, EV_ADD, 0, 0, NULL);
    change(kq, (uintptr_t)pair[0], EVFILT_READ, EV_ADD | EV_DELETE, 0, 0, NULL);
    require_silent(kq);
    REQUIRE(!delete_knote(kq, (uintptr_t)pair[0], EVFILT_READ));
    change(kq, (uintptr_t)pair[0], EVFILT_READ, EV_ADD | EV_DELETE, 0, 0, NULL); /* absent: made */
    REQUIRE_EQ(next_event(kq).ident, pair[0]);
    add_user(kq, 1, 0);
    change(kq, 1, EVFILT_USER, EV_ADD | EV_DELETE, 0, 0, NULL);
    REQUIRE(!delete_knote(kq, 1, EVFILT_USER));
}

static void add_with_keepudata(void) {
    int kq = new_kqueue(), pair[2], mark;
    new_pipe(pair);
    put(pair[1], "x");
    REQUIRE_EQ(change_errno(kq, (uintptr_t)pair[0], EVFILT_READ, EV_ADD | EV_KEEPUDATA, 0, 0, NULL), EINVAL);
    REQUIRE(!delete_knote(kq, (uintptr_t)pair[0], EVFILT_READ));
    change(kq, (uintptr_t)pair[0], EVFILT_READ, EV_ADD, 0, 0, &mark);
    REQUIRE_EQ(change_errno(kq, (uintptr_t)pair[0], EVFILT_READ, EV_ADD | EV_KEEPUDATA, 0, 0, NULL), EINVAL);
    REQUIRE(next_event(kq).udata == &mark);
}

static void oneshot_with_dispatch(void) {
    int kq = new_kqueue(), pair[2];
    new_pipe(pair);
    put(pair[1], "x");
    change(kq, (uintptr_t)pair[0], EVFILT_READ, EV_ADD | EV_ONESHOT | EV_DISPATCH, 0, 0, NULL);
    REQUIRE_EQ(next_event(kq).ident, pair[0]);
    REQUIRE_EQ(change_errno(kq, (uintptr_t)pair[0], EVFILT_READ, EV_ENABLE, 0, 0, NULL), ENOENT);
    require_silent(kq);
    add_triggered(kq, 1, EV_ONESHOT | EV_DISPATCH);
    REQUIRE_EQ(next_event(kq).ident, 1);
    REQUIRE(!delete_knote(kq, 1, EVFILT_USER));
}

/* Whether or not there were knotes when the number was open. */
static void closed_descriptor(void) {
    static const int actions[] = {EV_DELETE, EV_ADD, EV_ENABLE, EV_DISABLE, 0, EV_ADD | EV_DELETE};
    int kq = new_kqueue(), pair[2];
    unix_pair(pair);
    change(kq, (uintptr_t)pair[0], EVFILT_READ, EV_ADD, 0, 0, NULL);
    change(kq, (uintptr_t)pair[0], EVFILT_WRITE, EV_ADD, 0, 0, NULL);
    close(pair[0]);
    for (int i = 0; i < 6; i++) {
        REQUIRE_EQ(change_errno(kq, (uintptr_t)pair[0], EVFILT_READ, actions[i], 0, 0, NULL), EBADF);
        REQUIRE_EQ(change_errno(kq, (uintptr_t)pair[0], EVFILT_WRITE, actions[i], 0, 0, NULL), EBADF);
        REQUIRE_EQ(change_errno(kq, 900, EVFILT_READ, actions[i], 0, 0, NULL), EBADF);
        REQUIRE_EQ(change_errno(kq, 900, EVFILT_WRITE, actions[i], 0, 0, NULL), EBADF);
    }
    require_silent(kq);
}

static void descriptor_beyond_int(void) {
    static const int actions[] = {EV_ADD, EV_DELETE, EV_ENABLE, 0};
    int kq = new_kqueue(), pair[2];
    unix_pair(pair);
    put(pair[1], "x");
    const uintptr_t idents[] = {
        (uintptr_t)INT_MAX + 1,
        UINTPTR_MAX,
        (uintptr_t)INTPTR_MAX,
        (uintptr_t)((UINT64_C(1) << 32) + (unsigned)pair[0]), /* an int would cut it to an open one */
        (uintptr_t)((UINT64_C(1) << 63) + (unsigned)pair[0]),
        INT_MAX,
    };
    for (int i = 0; i < 6; i++) {
        if (idents[i] == (uintptr_t)pair[0]) /* where uintptr_t itself has 32 bits */
            continue;
        for (int a = 0; a < 4; a++) {
            REQUIRE_EQ(change_errno(kq, idents[i], EVFILT_READ, actions[a], 0, 0, NULL), EBADF);
            REQUIRE_EQ(change_errno(kq, idents[i], EVFILT_WRITE, actions[a], 0, 0, NULL), EBADF);
        }
    }
    require_silent(kq);
}

static void result_bits_are_ignored(void) {
    int kq = new_kqueue(), pair[2], mark;
    struct kevent entry, event;
    new_pipe(pair);
    put(pair[1], "x");
    EV_SET(&entry, pair[0], EVFILT_READ, EV_ADD | EV_ERROR | EV_EOF | EV_POLL, 0, 0, &mark);
    REQUIRE_EQ(kevent(kq, &entry, 1, &event, 1, NULL), 1);
    require_entry(&event, (uintptr_t)pair[0], EVFILT_READ, EV_ADD, 0, 1, &mark);
    change(kq, (uintptr_t)pair[0], EVFILT_READ, EV_ADD | EV_EOF, 0, 0, &mark);
    event = next_event(kq);
    require_entry(&event, (uintptr_t)pair[0], EVFILT_READ, EV_ADD, 0, 1, &mark);
    change(kq, (uintptr_t)pair[0], EVFILT_READ, EV_DELETE | EV_ERROR | EV_EOF, 0, 0, NULL);
    /* Nor do they come back in an error or a receipt. */
    struct kevent failing = {.ident = 5, .filter = EVFILT_USER, .flags = EV_DELETE | EV_EOF | EV_POLL};
    struct kevent receipt = {.ident = 5, .filter = EVFILT_USER, .flags = EV_ADD | EV_RECEIPT | EV_EOF | EV_ERROR};
    REQUIRE_EQ(kevent(kq, &failing, 1, &event, 1, NULL), 1);
    require_entry(&event, 5, EVFILT_USER, EV_DELETE | EV_ERROR, 0, ENOENT, NULL);
    REQUIRE_EQ(kevent(kq, &receipt, 1, &event, 1, NULL), 1);
    require_entry(&event, 5, EVFILT_USER, EV_ADD | EV_RECEIPT | EV_ERROR, 0, 0, NULL);
}

const struct contract_case change_cases[] = {
    {"C-029", "changes are applied in array order", changes_in_array_order, 0},
    {"C-030", "an entry after a failing one is applied", later_entries_are_applied, 0},
    {"C-031", "an error entry is the input, EV_ERROR and the errno", error_entry_repeats_the_input, 0},
    {"C-032", "a failing entry without room gives -1 and its errno", error_without_room, 0},
    {"C-033", "entries after a failing one without room are not applied", error_without_room_stops, 0},
    {"C-034", "entries before a failing one stay applied", earlier_entries_stay, 0},
    {"C-035", "a receipt is the input, EV_ERROR and data 0", receipt_repeats_the_input, 0},
    {"C-036", "a call that wrote receipts collects no event", receipts_keep_events_back, 0},
    {"C-037", "a call that wrote an error returns at once", error_entry_returns_at_once, 0},
    {"C-038", "a receipt without room returns 0 and the change is in effect",
     receipt_without_room_returns_zero, 0},
    {"C-038", "a receipt without room ends the call", receipt_without_room_stops, 0},
    {"C-038", "an error beyond the room wins over receipts", error_beyond_the_room_wins, 0},
    {"C-039", "one array for changes, receipts and errors", one_array_receipts_and_errors, 0},
    {"C-039", "one array for changes and events", one_array_events, 0},
    {"C-039", "one array while an event waits", one_array_with_a_waiting_event, 0},
    {"C-040", "filter 0 is skipped", filter_zero_is_skipped, 0},
    {"C-041", "positive filters give EINVAL", positive_filters, 0},
    {"C-042", "filters below the lowest give EINVAL", filters_below_the_lowest, 0},
    {"C-043", "a change of a missing knote gives ENOENT", missing_knote, 0},
    {"C-044", "EV_ENABLE|EV_DISABLE gives EINVAL and changes nothing", enable_with_disable, 0},
    {"C-045", "EV_ADD|EV_DELETE deletes a knote, or makes it", add_with_delete, 0},
    {"C-046", "EV_ADD|EV_KEEPUDATA gives EINVAL and changes nothing", add_with_keepudata, 0},
    {"C-047", "EV_ONESHOT|EV_DISPATCH is EV_ONESHOT", oneshot_with_dispatch, 0},
    {"C-048", "any change on a closed number gives EBADF", closed_descriptor, 0},
    {"C-049", "an ident above INT_MAX gives EBADF", descriptor_beyond_int, 0},
    {"C-050", "result bits in a change are ignored", result_bits_are_ignored, 0},
    {NULL, NULL, NULL, 0},
};
