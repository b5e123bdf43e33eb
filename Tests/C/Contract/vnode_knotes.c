/*
 * Knotes of EVFILT_VNODE: masks, flags, sharing, closing and forking.  C-234 to
 * C-241, C-248, and VNODE's part of the generic statements.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "files.h"
#include "life.h"

static void append(int fd) {
    REQUIRE(lseek(fd, 0, SEEK_END) >= 0);
    put(fd, "x");
}

static void overwrite(int fd) { REQUIRE_EQ(pwrite(fd, "x", 1, 0), 1); }
static void change_mode(int fd) {
    static unsigned mode = 0600;
    mode ^= 040;
    REQUIRE(fchmod(fd, mode) == 0);
}

/* Requires one event with these flags and notes. */
#define EXPECT_EVENT(kq, fd, flags, notes) \
    expect_event(__FILE__, __LINE__, next_event(kq), fd, EVFILT_VNODE, flags, notes, 0)

static void touch_and_growth_are_one_event(void) {
    posix_lacks("a time that was set looks like a write");
    int fd = new_file("0123456789"), kq = watching(fd, NOTE_ATTRIB | NOTE_EXTEND);
    REQUIRE(futimens(fd, NULL) == 0);
    REQUIRE(ftruncate(fd, 20) == 0);
    EXPECT_NOTES(kq, fd, NOTE_ATTRIB | NOTE_EXTEND);
}

static void operations_are_one_event(void) {
    int fd = new_file("0123456789"), all = watching(fd, CHANGES);
    change_mode(fd);
    append(fd);
    EXPECT_NOTES(all, fd, NOTE_ATTRIB | NOTE_WRITE | NOTE_EXTEND);
}

static void every_change_in_one_event(void) {
    posix_lacks("fstat(2) does not tell a rename");
    struct place place;
    char other[64];
    int fd = named_file(&place), kq = watching(fd, CHANGES);
    append(fd);
    change_mode(fd);
    REQUIRE(link(place.path, name_beside(&place, other, "other")) == 0);
    REQUIRE(rename(place.path, name_beside(&place, other, "third")) == 0);
    EXPECT_NOTES(kq, fd, NOTE_WRITE | NOTE_EXTEND | NOTE_ATTRIB | NOTE_LINK | NOTE_RENAME);
    unlink(other);
    unlink(name_beside(&place, other, "other"));
    EXPECT_NOTES(kq, fd, NOTE_DELETE);
    remove_place(&place);
}

static void clear_starts_from_nothing(void) {
    int fd = new_file("0123456789"), kq = watching(fd, CHANGES);
    append(fd);
    EXPECT_NOTES(kq, fd, NOTE_WRITE | NOTE_EXTEND);
    change_mode(fd);
    EXPECT_NOTES(kq, fd, NOTE_ATTRIB);
    overwrite(fd);
    EXPECT_NOTES(kq, fd, NOTE_WRITE);
    require_silent(kq);
}

static void without_clear_it_only_grows(void) {
    int fd = new_file("0123456789"), kq = new_kqueue();
    add_vnode(kq, fd, 0, CHANGES);
    require_silent(kq);
    overwrite(fd);
    for (int i = 0; i < 3; i++)
        EXPECT_EVENT(kq, fd, EV_ADD, NOTE_WRITE);
    change_mode(fd);
    for (int i = 0; i < 3; i++)
        EXPECT_EVENT(kq, fd, EV_ADD, NOTE_WRITE | NOTE_ATTRIB);
    append(fd);
    for (int i = 0; i < 3; i++)
        EXPECT_EVENT(kq, fd, EV_ADD, NOTE_WRITE | NOTE_ATTRIB | NOTE_EXTEND);
}

static void oneshot_fires_once(void) {
    int fd = new_file("0123456789"), kq = new_kqueue();
    add_vnode(kq, fd, EV_ONESHOT, CHANGES);
    overwrite(fd);
    EXPECT_EVENT(kq, fd, EV_ADD | EV_ONESHOT, NOTE_WRITE);
    overwrite(fd);
    require_silent(kq);
    REQUIRE(!delete_knote(kq, (uintptr_t)fd, EVFILT_VNODE));
}

static void dispatch_waits_for_enable(void) {
    int fd = new_file("0123456789"), kq = new_kqueue();
    add_vnode(kq, fd, EV_DISPATCH | EV_CLEAR, CHANGES);
    for (int i = 0; i < 3; i++) {
        overwrite(fd);
        EXPECT_EVENT(kq, fd, EV_ADD | EV_DISPATCH | EV_CLEAR, NOTE_WRITE);
        change_mode(fd);
        require_silent(kq);
        change(kq, (uintptr_t)fd, EVFILT_VNODE, EV_ENABLE, 0, 0, NULL);
        EXPECT_EVENT(kq, fd, EV_ADD | EV_DISPATCH | EV_CLEAR, NOTE_ATTRIB);
        change(kq, (uintptr_t)fd, EVFILT_VNODE, EV_ENABLE, 0, 0, NULL);
        require_silent(kq);
    }
}

static void udata_and_receipt(void) {
    need_inotify();
    int fd = new_file("0123456789"), kq = new_kqueue();
    struct kevent entry;
    EV_SET(&entry, fd, EVFILT_VNODE, EV_ADD | EV_CLEAR | EV_RECEIPT, NOTE_WRITE, 0, &fd);
    REQUIRE_EQ(kevent(kq, &entry, 1, &entry, 1, NULL), 1);
    REQUIRE(entry.flags == (EV_ADD | EV_CLEAR | EV_RECEIPT | EV_ERROR) && entry.data == 0);
    overwrite(fd);
    entry = next_event(kq);
    REQUIRE(entry.flags == (EV_ADD | EV_CLEAR | EV_RECEIPT) && entry.udata == &fd && entry.data == 0);
}

static void unwanted_notes_do_not_appear(void) {
    struct place place;
    int fd = named_file(&place), rename_only = watching(fd, NOTE_RENAME), link_only = watching(fd, NOTE_LINK);
    int attribute_only = watching(fd, NOTE_ATTRIB), delete_only = watching(fd, NOTE_DELETE);
    append(fd);
    overwrite(fd);
    require_silent(rename_only);
    require_silent(link_only);
    require_silent(attribute_only);
    change_mode(fd);
    EXPECT_NOTES(attribute_only, fd, NOTE_ATTRIB);
    require_silent(link_only);
    require_silent(delete_only);
    remove_place(&place);
    require_silent(link_only);
    EXPECT_NOTES(delete_only, fd, NOTE_DELETE);
}

/* What nobody asks for makes the kqueue not even readable. */
static void a_quiet_mask_is_quiet(void) {
    struct place place;
    int fd = named_file(&place), kq = watching(fd, NOTE_RENAME);
    struct pollfd polled = {.fd = kq, .events = POLLIN};
    append(fd);
    change_mode(fd);
    REQUIRE_EQ(poll(&polled, 1, 0), 0);
    add_vnode(kq, fd, 0, NOTE_WRITE | NOTE_ATTRIB | NOTE_OPEN);
    add_vnode(kq, fd, 0, NOTE_RENAME); /* and not any more */
    append(fd);
    change_mode(fd);
    close(open_again(fd, O_RDONLY));
    REQUIRE_EQ(poll(&polled, 1, 0), 0);
    remove_place(&place);
}

static void another_mask_silences_the_old(void) {
    int fd = new_file("0123456789"), kq = watching(fd, NOTE_WRITE);
    overwrite(fd);
    EXPECT_NOTES(kq, fd, NOTE_WRITE);
    add_vnode(kq, fd, 0, NOTE_ATTRIB);
    append(fd);
    require_silent(kq);
    change_mode(fd);
    EXPECT_NOTES(kq, fd, NOTE_ATTRIB);
    add_vnode(kq, fd, 0, NOTE_EXTEND);
    change_mode(fd);
    overwrite(fd);
    require_silent(kq);
    append(fd);
    EXPECT_NOTES(kq, fd, NOTE_EXTEND);
}

/* What was recorded stays, as far as the new mask wants it; what was not wanted then is not told now. */
static void another_mask_keeps_what_happened(void) {
    struct place place;
    char other[64];
    int fd = named_file(&place);
    REQUIRE(link(place.path, name_beside(&place, other, "other")) == 0);
    int kq = watching(fd, NOTE_LINK | NOTE_WRITE);
    REQUIRE(unlink(other) == 0);
    append(fd);
    change_mode(fd);
    add_vnode(kq, fd, 0, NOTE_LINK | NOTE_ATTRIB);
    EXPECT_NOTES(kq, fd, NOTE_LINK);
    append(fd);
    add_vnode(kq, fd, 0, NOTE_DELETE);
    require_silent(kq);
    add_vnode(kq, fd, 0, NOTE_WRITE);
    require_silent(kq);
    remove_place(&place);
}

static void growth_is_told_from_the_right_size(void) {
    int fd = new_file("0123456789"), kq = watching(fd, NOTE_RENAME);
    append(fd); /* nobody asked */
    add_vnode(kq, fd, 0, NOTE_WRITE | NOTE_EXTEND | NOTE_TRUNCATE);
    overwrite(fd);
    EXPECT_NOTES(kq, fd, NOTE_WRITE);
    REQUIRE(ftruncate(fd, 10) == 0);
    EXPECT_NOTES(kq, fd, NOTE_WRITE | NOTE_TRUNCATE);
}

static void disabled_ones_record(void) {
    int fd = new_file("0123456789"), kq = watching(fd, CHANGES);
    change(kq, (uintptr_t)fd, EVFILT_VNODE, EV_DISABLE, 0, 0, NULL);
    append(fd);
    require_silent(kq);
    change_mode(fd);
    require_silent(kq);
    change(kq, (uintptr_t)fd, EVFILT_VNODE, EV_ENABLE, 0, 0, NULL);
    EXPECT_NOTES(kq, fd, NOTE_WRITE | NOTE_EXTEND | NOTE_ATTRIB);
    int born = new_kqueue();
    add_vnode(born, fd, EV_CLEAR | EV_DISABLE, CHANGES);
    overwrite(fd);
    require_silent(born);
    add_vnode(born, fd, 0, CHANGES); /* which does not enable */
    require_silent(born);
    change(born, (uintptr_t)fd, EVFILT_VNODE, EV_ENABLE, 0, 0, NULL);
    EXPECT_NOTES(born, fd, NOTE_WRITE);
}

static void two_kqueues_both_report(void) {
    int fd = new_file("0123456789"), first = watching(fd, NOTE_WRITE), second = watching(fd, NOTE_WRITE);
    overwrite(fd);
    EXPECT_NOTES(first, fd, NOTE_WRITE);
    EXPECT_NOTES(second, fd, NOTE_WRITE);
    REQUIRE(delete_knote(first, (uintptr_t)fd, EVFILT_VNODE));
    overwrite(fd);
    EXPECT_NOTES(second, fd, NOTE_WRITE);
    require_silent(first);
    close(first);
    overwrite(fd);
    EXPECT_NOTES(second, fd, NOTE_WRITE);
}

/* Requires exactly these notes of two knotes, 0 being no event. */
static void expect_both(int kq, int first, unsigned first_notes, int second, unsigned second_notes) {
    struct kevent events[4];
    int wanted = (first_notes != 0) + (second_notes != 0);
    REQUIRE_EQ(collect(kq, events, 4, PATIENCE), wanted);
    for (int i = 0; i < wanted; i++)
        REQUIRE_EQ(events[i].fflags, events[i].ident == (uintptr_t)first ? first_notes : second_notes);
    if (wanted == 2)
        REQUIRE(events[0].ident != events[1].ident);
    REQUIRE_EQ(collect(kq, events, 4, 0), 0);
}

static void two_descriptors_of_a_file(void) {
    int fd = new_file("0123456789"), kq = new_kqueue();
    for (int again = 0; again < 2; again++) {
        int other = again ? open_again(fd, O_RDONLY) : duplicate(fd);
        add_vnode(kq, fd, EV_CLEAR, NOTE_WRITE);
        add_vnode(kq, other, EV_CLEAR, NOTE_WRITE | NOTE_ATTRIB);
        overwrite(fd);
        expect_both(kq, fd, NOTE_WRITE, other, NOTE_WRITE);
        change_mode(fd);
        expect_both(kq, fd, 0, other, NOTE_ATTRIB);
        add_vnode(kq, other, 0, NOTE_ATTRIB); /* which is no matter of the first */
        overwrite(fd);
        expect_both(kq, fd, NOTE_WRITE, other, 0);
        REQUIRE(delete_knote(kq, (uintptr_t)other, EVFILT_VNODE));
        overwrite(fd);
        EXPECT_NOTES(kq, fd, NOTE_WRITE);
        close(other);
    }
}

static void many_descriptors_of_a_file(void) {
    need_descriptors(800);
    enum { COUNT = 600 }; /* more than are handed on at a time */
    static struct kevent events[COUNT];
    static bool told[4096];
    int fd = new_file("0123456789"), kq = new_kqueue();
    for (int i = 0; i < COUNT; i++)
        add_vnode(kq, duplicate(fd), EV_CLEAR, NOTE_WRITE);
    for (int room = 7; room <= COUNT; room = COUNT) {
        memset(told, 0, sizeof told);
        overwrite(fd);
        for (int got = 0, more; got < COUNT; got += more) {
            more = collect(kq, events, room, PATIENCE);
            REQUIRE(more > 0);
            for (int i = 0; i < more; i++) {
                REQUIRE(events[i].fflags == NOTE_WRITE && !told[events[i].ident]);
                told[events[i].ident] = true;
            }
        }
        require_silent(kq);
        if (room == COUNT)
            break;
    }
}

/* A knote gets nothing that happened before it was made, also where its file was watched already. */
static void later_ones_get_nothing_older(void) {
    int fd = new_file("0123456789"), other = duplicate(fd), kq = watching(fd, CHANGES);
    append(fd);
    add_vnode(kq, other, EV_CLEAR, CHANGES);
    EXPECT_NOTES(kq, fd, NOTE_WRITE | NOTE_EXTEND);
    change_mode(fd);
    expect_both(kq, fd, NOTE_ATTRIB, other, NOTE_ATTRIB);
    append(fd);
    REQUIRE(delete_knote(kq, (uintptr_t)fd, EVFILT_VNODE));
    add_vnode(kq, fd, EV_CLEAR, CHANGES);
    EXPECT_NOTES(kq, other, NOTE_WRITE | NOTE_EXTEND);
}

/* READ at the end of a file and VNODE share what the system has. */
static void reading_beside_watching(void) {
    need_proc("VNODE names a file by it");
    int fd = new_file("0123456789"), kq = new_kqueue(), other = open_again(fd, O_RDWR);
    struct kevent events[4];
    take(fd, 10);
    add_read(kq, fd, EV_CLEAR);
    add_vnode(kq, fd, EV_CLEAR, NOTE_ATTRIB);
    add_vnode(kq, other, EV_CLEAR, NOTE_RENAME);
    change_mode(fd);
    EXPECT_NOTES(kq, fd, NOTE_ATTRIB);
    append(other);
    EXPECT(kq, fd, EV_ADD | EV_CLEAR, 0, 1);
    REQUIRE(delete_knote(kq, (uintptr_t)fd, EVFILT_VNODE));
    REQUIRE(delete_knote(kq, (uintptr_t)other, EVFILT_VNODE));
    append(other);
    EXPECT(kq, fd, EV_ADD | EV_CLEAR, 0, 2);
    add_vnode(kq, fd, EV_CLEAR, NOTE_WRITE);
    REQUIRE(delete_knote(kq, (uintptr_t)fd, EVFILT_READ));
    append(other);
    EXPECT_NOTES(kq, fd, NOTE_WRITE | NOTE_EXTEND);
    REQUIRE_EQ(collect(kq, events, 4, 0), 0);
}

static void no_note_is_silent(void) {
    struct place place;
    int fd = named_file(&place), kq = watching(fd, 0);
    append(fd);
    change_mode(fd);
    remove_place(&place);
    require_silent(kq);
    add_vnode(kq, fd, 0, NOTE_WRITE);
    overwrite(fd);
    EXPECT_NOTES(kq, fd, NOTE_WRITE);
    add_vnode(kq, fd, 0, 0);
    overwrite(fd);
    require_silent(kq);
    REQUIRE(delete_knote(kq, (uintptr_t)fd, EVFILT_VNODE));
}

/* ---- A thread that waits, a kqueue in a kqueue ---- */

static void exactly_one_waiter_gets_it(void) {
    int fd = new_file("0123456789"), kq = watching(fd, NOTE_WRITE);
    struct waiter waiters[4];
    for (int i = 0; i < 4; i++)
        start_waiter(&waiters[i], kq, 1, -1);
    for (int i = 0; i < 4; i++)
        park_waiter(&waiters[i]);
    overwrite(fd);
    REQUIRE_EQ(only_woken(waiters, 4).filter, EVFILT_VNODE);
}

static void inner_kqueue_is_readable(void) {
    posix_lacks("READ, WRITE, TIMER and VNODE make the kqueue readable only while a thread is in kevent()");
    int fd = new_file("0123456789"), inner = watching(fd, NOTE_WRITE), outer = new_kqueue();
    add_read(outer, inner, 0);
    require_silent(outer);
    overwrite(fd);
    REQUIRE_EQ(next_event(outer).ident, inner);
    EXPECT_NOTES(inner, fd, NOTE_WRITE);
    require_silent(outer);
}

/* Nothing to tell is not told again and again to a sleeper. */
static void unwanted_events_leave_it_asleep(void) {
    int fd = new_file("0123456789"), kq = watching(fd, NOTE_DELETE);
    change_mode(fd);
    require_asleep(kq);
    REQUIRE(delete_knote(kq, (uintptr_t)fd, EVFILT_VNODE));
    require_asleep(kq);
}

/* ---- Closing ---- */

static void closing_one_of_two_duplicates(void) {
    int fd = new_file("0123456789"), kq = new_kqueue(), copy = duplicate(fd);
    add_vnode(kq, fd, EV_CLEAR, CHANGES | NOTE_CLOSE | NOTE_CLOSE_WRITE);
    add_vnode(kq, copy, EV_CLEAR, CHANGES | NOTE_CLOSE | NOTE_CLOSE_WRITE);
    overwrite(fd);
    REQUIRE_EQ(close(fd), 0); /* with something recorded */
    EXPECT_NOTES(kq, copy, NOTE_WRITE);
    overwrite(copy);
    EXPECT_NOTES(kq, copy, NOTE_WRITE);
    REQUIRE_NO_KNOTE(kq, fd, EVFILT_VNODE, EBADF);
    REQUIRE_EQ(dup2(copy, fd), fd); /* the same file, but no knote */
    overwrite(copy);
    EXPECT_NOTES(kq, copy, NOTE_WRITE);
    REQUIRE_NO_KNOTE(kq, fd, EVFILT_VNODE, ENOENT);
}

static void closed_number_is_another_file(void) {
    for (int unseen = 0; unseen < 2; unseen++) {
        int fd = new_file("0123456789"), kq = new_kqueue(), copy = duplicate(fd);
        add_vnode(kq, fd, EV_CLEAR, CHANGES);
        if (unseen)
            close_unseen(fd);
        else
            REQUIRE_EQ(close(fd), 0);
        move_to(new_file("0123456789"), fd);
        overwrite(copy);
        overwrite(fd);
        require_silent(kq);
        REQUIRE_NO_KNOTE(kq, fd, EVFILT_VNODE, ENOENT);
        add_vnode(kq, fd, EV_CLEAR, CHANGES);
        overwrite(copy);
        require_silent(kq);
        append(fd);
        EXPECT_NOTES(kq, fd, NOTE_WRITE | NOTE_EXTEND);
        close(fd);
        close(copy);
    }
}

/* The number names another file, and is added again without more ado. */
static void added_again_for_another_file(void) {
    int fd = new_file("0123456789"), kq = watching(fd, CHANGES), copy = duplicate(fd);
    close_unseen(fd);
    move_to(new_file("0123456789"), fd);
    add_vnode(kq, fd, EV_CLEAR, CHANGES);
    overwrite(copy);
    require_silent(kq);
    overwrite(fd);
    EXPECT_NOTES(kq, fd, NOTE_WRITE);
}

/* The same, when something happened to the first file that nobody collected. */
static void added_again_after_an_event(void) {
    int fd = new_file("0123456789"), kq = watching(fd, CHANGES), copy = duplicate(fd);
    overwrite(copy);
    close_unseen(fd);
    move_to(new_file("0123456789"), fd);
    add_vnode(kq, fd, EV_CLEAR, CHANGES);
    require_asleep(kq);
    overwrite(fd);
    EXPECT_NOTES(kq, fd, NOTE_WRITE);
}

static void recorded_events_vanish_with_the_number(void) {
    for (int unseen = 0; unseen < 2; unseen++) {
        int fd = new_file("0123456789"), kq = new_kqueue(), copy = duplicate(fd);
        add_vnode(kq, fd, 0, CHANGES);
        overwrite(copy);
        EXPECT_EVENT(kq, fd, EV_ADD, NOTE_WRITE); /* and it would be told again */
        if (unseen)
            close_unseen(fd);
        else
            REQUIRE_EQ(close(fd), 0);
        require_asleep(kq);
        REQUIRE_NO_KNOTE(kq, fd, EVFILT_VNODE, EBADF);
        close(copy);
    }
}

static void last_close_of_an_unlinked_file(void) {
    int kq = new_kqueue();
    for (int i = 0; i < 50; i++) {
        int fd = new_file("0123456789");
        add_vnode(kq, fd, EV_CLEAR, CHANGES | NOTE_CLOSE | NOTE_CLOSE_WRITE);
        REQUIRE_EQ(close(fd), 0);
    }
    require_asleep(kq);
    /* The number and the inode may both be in use again. */
    int fd = new_file("0123456789");
    add_vnode(kq, fd, EV_CLEAR, CHANGES);
    overwrite(fd);
    EXPECT_NOTES(kq, fd, NOTE_WRITE);
}

static void opened_and_closed_for_years(void) {
    int kq = new_kqueue(), fd = new_file("0123456789");
    add_vnode(kq, fd, EV_CLEAR, NOTE_WRITE);
    int before = open_descriptors();
    long memory = 0;
    for (int i = 0; i < 20000; i++) {
        int copy = open_again(fd, O_RDWR);
        add_vnode(kq, copy, EV_CLEAR, CHANGES);
        if (i % 100 == 0) {
            struct kevent events[4];
            overwrite(copy);
            REQUIRE_EQ(collect(kq, events, 4, PATIENCE), 2);
        }
        REQUIRE_EQ(close(copy), 0);
        if (i == 2000)
            memory = own_memory_kb();
    }
    REQUIRE_EQ(open_descriptors(), before);
    REQUIRE(sanitized() || own_memory_kb() - memory < 200);
    require_silent(kq);
}

static _Atomic bool stop;

static void *churn(void *argument) {
    int kq = *(int *)argument;
    while (!stop) {
        int fd = new_file("0123456789");
        struct kevent entry;
        EV_SET(&entry, fd, EVFILT_VNODE, EV_ADD | EV_CLEAR, CHANGES, 0, NULL);
        REQUIRE_EQ(kevent(kq, &entry, 1, NULL, 0, NULL), 0);
        append(fd);
        EV_SET(&entry, fd, EVFILT_VNODE, EV_ADD, NOTE_WRITE, 0, NULL);
        kevent(kq, &entry, 1, NULL, 0, NULL);
        EV_SET(&entry, fd, EVFILT_VNODE, EV_DELETE, 0, 0, NULL);
        if (fd % 2)
            kevent(kq, &entry, 1, NULL, 0, NULL);
        close(fd);
    }
    return NULL;
}

static void many_threads_change_and_close(void) {
    need_inotify();
    int kq = new_kqueue();
    pthread_t threads[4];
    for (int i = 0; i < 4; i++)
        threads[i] = start_thread(churn, &kq);
    for (double end = now_ms() + 2000; now_ms() < end;) {
        struct kevent events[8];
        int got = collect(kq, events, 8, 10);
        for (int i = 0; i < got; i++)
            REQUIRE(events[i].filter == EVFILT_VNODE && events[i].fflags != 0 && !(events[i].fflags & ~CHANGES));
    }
    stop = true;
    for (int i = 0; i < 4; i++)
        join_thread(threads[i]);
}

/* A kqueue closed with a thousand in place, over and over: nothing is left. */
static void closing_frees_a_thousand(void) {
    need_descriptors(1200);
    enum { FILES = 500, ROUNDS = 30, WARM_UP = 10, GROWTH_KB = 256 };
    static int fds[FILES], copies[FILES];
    long before = 0;
    int descriptors = 0;
    for (int i = 0; i < FILES; i++)
        copies[i] = duplicate(fds[i] = new_file("0123456789"));
    for (int round = 0; round < ROUNDS; round++) {
        if (round == WARM_UP) {
            before = own_memory_kb();
            descriptors = open_descriptors();
        }
        int kq = new_kqueue();
        struct kevent events[8];
        for (int i = 0; i < FILES; i++) {
            add_vnode(kq, fds[i], EV_CLEAR, CHANGES);
            add_vnode(kq, copies[i], 0, CHANGES);
            overwrite(fds[i]);
        }
        REQUIRE_EQ(collect(kq, events, 8, 0), 8);
        REQUIRE_EQ(close(kq), 0);
    }
    if (closes_are_seen())
        REQUIRE_EQ(open_descriptors(), descriptors);
    REQUIRE(sanitized() || own_memory_kb() - before < GROWTH_KB);
}

/* ---- Forking ---- */

static void child_leaves_the_parents_knotes(void) {
    int fd = new_file("0123456789"), kq = watching(fd, CHANGES);
    overwrite(fd);
    pid_t child = fork();
    if (child == 0) {
        int own = watching(fd, CHANGES);
        change_mode(fd);
        EXPECT_NOTES(own, fd, NOTE_ATTRIB);
        close(fd);
        _exit(0);
    }
    finish_child(child);
    EXPECT_NOTES(kq, fd, NOTE_WRITE | NOTE_ATTRIB);
    overwrite(fd);
    EXPECT_NOTES(kq, fd, NOTE_WRITE);
}

static void copied_with_what_happened(void) {
    int fd = new_file("0123456789"), kq = kqueuex(KQUEUE_CPONFORK), level = new_file("0123456789");
    REQUIRE(kq >= 0);
    add_vnode(kq, fd, EV_CLEAR, CHANGES);
    add_vnode(kq, level, EV_CLEAR | EV_DISABLE, CHANGES);
    append(fd); /* not collected by anybody yet */
    overwrite(level);
    pid_t child = fork();
    if (child == 0) {
        EXPECT_NOTES(kq, fd, NOTE_WRITE | NOTE_EXTEND);
        change(kq, (uintptr_t)level, EVFILT_VNODE, EV_ENABLE, 0, 0, NULL);
        EXPECT_NOTES(kq, level, NOTE_WRITE);
        change_mode(fd);
        EXPECT_NOTES(kq, fd, NOTE_ATTRIB);
        _exit(0);
    }
    finish_child(child);
    EXPECT_NOTES(kq, fd, NOTE_WRITE | NOTE_EXTEND | NOTE_ATTRIB);
    change(kq, (uintptr_t)level, EVFILT_VNODE, EV_ENABLE, 0, 0, NULL);
    EXPECT_NOTES(kq, level, NOTE_WRITE);
}

const struct contract_case vnode_knote_cases[] = {
    {"C-234", "several operations are one event", operations_are_one_event, 0},
    {"C-234", "a touch and a growth are one event", touch_and_growth_are_one_event, 0},
    {"C-234", "every change in one event", every_change_in_one_event, 0},
    {"C-235", "EV_CLEAR starts from nothing", clear_starts_from_nothing, 0},
    {"C-235", "EV_ONESHOT fires once", oneshot_fires_once, 0},
    {"C-235", "EV_DISPATCH waits for EV_ENABLE", dispatch_waits_for_enable, 0},
    {"C-235", "udata and EV_RECEIPT", udata_and_receipt, 0},
    {"C-236", "without EV_CLEAR the notes only grow", without_clear_it_only_grows, 0},
    {"C-237", "unwanted notes do not appear", unwanted_notes_do_not_appear, 0},
    {"C-237", "what nobody wants does not even wake", a_quiet_mask_is_quiet, 0},
    {"C-237", "what nobody wants leaves a waiter asleep", unwanted_events_leave_it_asleep, 0},
    {"C-238", "another mask silences the old one's operations", another_mask_silences_the_old, 0},
    {"C-238", "another mask keeps what happened", another_mask_keeps_what_happened, 0},
    {"C-238", "growth is told from the right size", growth_is_told_from_the_right_size, 0},
    {"C-239", "a disabled knote records", disabled_ones_record, 0},
    {"C-240", "two kqueues both report", two_kqueues_both_report, 0},
    {"C-241", "two descriptors of one file", two_descriptors_of_a_file, 0},
    {"C-241", "600 descriptors of one file", many_descriptors_of_a_file, 30},
    {"C-241", "a later knote gets nothing older", later_ones_get_nothing_older, 0},
    {"C-241", "READ and VNODE on one file", reading_beside_watching, 0},
    {"C-248", "no note is silent", no_note_is_silent, 0},
    {"C-091", "exactly one of four waiters gets a VNODE event", exactly_one_waiter_gets_it, 0},
    {"C-097", "VNODE knotes made, changed and closed by four threads", many_threads_change_and_close, 30},
    {"C-104", "a kqueue with a VNODE event is readable", inner_kqueue_is_readable, 0},
    {"C-115", "close with 1000 VNODE knotes frees them", closing_frees_a_thousand, 30},
    {"C-120", "closing one of two duplicates", closing_one_of_two_duplicates, 0},
    {"C-123", "a watched file's number is another's", closed_number_is_another_file, 0},
    {"C-125", "added again for another file", added_again_for_another_file, 0},
    {"C-125", "added again for another file after an event", added_again_after_an_event, 0},
    {"C-126", "what was recorded vanishes with the number", recorded_events_vanish_with_the_number, 0},
    {"C-132", "the last close of an unlinked file", last_close_of_an_unlinked_file, 0},
    {"C-132", "20,000 files watched and closed", opened_and_closed_for_years, 60},
    {"C-136", "a child leaves the parent's VNODE knotes alone", child_leaves_the_parents_knotes, 0},
    {"C-141", "a copied kqueue has the VNODE events of before", copied_with_what_happened, 0},
    {NULL, NULL, NULL, 0},
};
