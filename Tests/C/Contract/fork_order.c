/*
 * KQUEUE_CPONFORK: what the copy tells, in what order, and what a handler of
 * pthread_atfork(3) may do with such a queue.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "files.h"
#include "life.h"

static int copied_kqueue(void) {
    int kq = kqueuex(KQUEUE_CPONFORK);
    REQUIRE(kq >= 0);
    return kq;
}

/* ---- The order ---- */

enum { ROOM = 32 };

static int collect_all(int kq, struct kevent *events, int at_a_time) {
    int count = 0, got;
    while (count + at_a_time <= ROOM && (got = collect(kq, events + count, at_a_time, 0)) > 0)
        count += got;
    return count;
}

static void add_in_order(int kq, const int order[8], int flags) {
    for (int i = 0; i < 8; i++)
        add_user(kq, (uintptr_t)i, flags);
    for (int i = 0; i < 8; i++) {
        trigger(kq, (uintptr_t)order[i]);
        if (i % 3 == 0)
            change(kq, (uintptr_t)order[i], EVFILT_TIMER, EV_ADD, NOTE_ABSOLUTE | NOTE_SECONDS, 1 + order[i], NULL);
    }
}

static void require_order(int kq, const int order[8], int at_a_time) {
    struct kevent events[ROOM];
    int count = collect_all(kq, events, at_a_time), place = 0;
    REQUIRE_EQ(count, 11);
    for (int i = 0; i < count; i++)
        if (events[i].filter == EVFILT_USER)
            REQUIRE_EQ(events[i].ident, order[place++]);
    REQUIRE_EQ(place, 8);
}

static void copy_keeps_the_order(void) {
    static const int orders[2][8] = {{5, 2, 7, 0, 1, 6, 3, 4}, {7, 6, 5, 4, 3, 2, 1, 0}};
    for (int way = 0; way < 8; way++) {
        const int *order = orders[way % 2];
        int kq = copied_kqueue(), at_a_time = way & 2 ? 1 : 11;
        add_in_order(kq, order, way & 4 ? EV_ONESHOT : EV_CLEAR);
        pid_t child = fork();
        if (child == 0) {
            pid_t grandchild = fork();
            require_order(kq, order, at_a_time);
            if (grandchild == 0)
                _exit(0);
            finish_child(grandchild);
            _exit(0);
        }
        finish_child(child);
        require_order(kq, order, at_a_time);
        REQUIRE_EQ(close(kq), 0);
    }
}

/* ---- What was told ---- */

struct told {
    int kq, pipe[2], stream[2], file, appended;
};

/* One of each, all told. */
static void tell_each(struct told *told) {
    told->kq = copied_kqueue();
    new_pipe(told->pipe);
    unix_pair(told->stream);
    told->file = new_file("12345678");
    told->appended = open_again(told->file, O_WRONLY | O_APPEND);
    put(told->pipe[1], "abc");
    put(told->stream[1], "abc");
    add_read(told->kq, told->pipe[0], EV_CLEAR);
    add_write(told->kq, told->pipe[1], EV_CLEAR);
    add_read(told->kq, told->stream[0], EV_CLEAR);
    add_write(told->kq, told->stream[0], EV_CLEAR);
    add_vnode(told->kq, told->file, EV_CLEAR, NOTE_WRITE | NOTE_EXTEND);
    put(told->appended, "x");
    change(told->kq, 1, EVFILT_TIMER, EV_ADD, NOTE_ABSOLUTE | NOTE_SECONDS, 1, NULL);
    add_triggered(told->kq, 1, EV_CLEAR);
    change(told->kq, SIGUSR1, EVFILT_SIGNAL, EV_ADD, 0, 0, NULL);
    REQUIRE_EQ(kill(getpid(), SIGUSR1), 0);
    struct kevent events[ROOM];
    int count = 0;
    for (double end = now_ms() + PATIENCE; count < 8 && now_ms() < end;)
        count += collect(told->kq, events + count, ROOM - count, 100);
    REQUIRE_EQ(count, 8);
    require_silent(told->kq);
}

/* Silent, and the next of each is told. */
static void require_next(struct told *told) {
    require_silent(told->kq);
    put(told->stream[1], "d");
    EXPECT(told->kq, told->stream[0], EV_ADD | EV_CLEAR, 0, waiting(told->stream[0]));
    put(told->pipe[1], "d");
    struct kevent events[ROOM];
    int count = collect(told->kq, events, ROOM, PATIENCE);
    bool is_told = false; /* and WRITE, which the kernel may tell of again */
    for (int i = 0; i < count; i++)
        is_told |= events[i].ident == (uintptr_t)told->pipe[0];
    REQUIRE(is_told);
    collect_all(told->kq, events, 8);
    put(told->appended, "x");
    EXPECT_NOTES(told->kq, told->file, NOTE_WRITE | NOTE_EXTEND);
    trigger(told->kq, 1);
    REQUIRE_EQ(next_event(told->kq).filter, EVFILT_USER);
    REQUIRE_EQ(kill(getpid(), SIGUSR1), 0);
    REQUIRE_EQ(next_event(told->kq).data, 1);
    require_silent(told->kq);
}

static void copy_tells_nothing_again(void) {
    need_seen_proc();
    struct told told;
    tell_each(&told);
    pid_t child = fork();
    if (child == 0) {
        require_next(&told);
        _exit(0);
    }
    finish_child(child);
}

static void original_tells_nothing_again(void) {
    need_seen_proc();
    struct told told;
    tell_each(&told);
    for (int i = 0; i < 3; i++) {
        pid_t child = fork();
        if (child == 0)
            _exit(0);
        finish_child(child);
    }
    require_next(&told);
}

/* What the system never reports, since it is always ready. */
static void copy_tells_nothing_again_that_is_always_ready(void) {
    int kq = copied_kqueue(), file = new_file("12345678"), device = open("/dev/null", O_RDWR | O_CLOEXEC);
    int appended = open_again(file, O_WRONLY | O_APPEND);
    add_read(kq, file, EV_CLEAR);
    add_write(kq, file, EV_CLEAR);
    add_read(kq, device, EV_CLEAR);
    add_write(kq, device, EV_CLEAR);
    struct kevent events[ROOM];
    REQUIRE_EQ(collect(kq, events, ROOM, 1000), 4);
    pid_t child = fork();
    if (child == 0) {
        require_silent(kq);
        put(appended, "9");
        EXPECT(kq, file, EV_ADD | EV_CLEAR, 0, 9);
        require_silent(kq);
        _exit(0);
    }
    finish_child(child);
    EXPECT(kq, file, EV_ADD | EV_CLEAR, 0, 9);
    require_silent(kq);
}

/* What a reader leaves, nobody reports (C-346). */
static void copy_looks_at_what_is_left(void) {
    int kq = copied_kqueue(), ends[2];
    REQUIRE_EQ(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, ends), 0);
    put(ends[1], "abc");
    put(ends[1], "de");
    add_read(kq, ends[0], EV_CLEAR);
    REQUIRE_EQ(next_event(kq).ident, ends[0]);
    pid_t child = fork();
    if (child == 0) {
        require_silent(kq);
        take(ends[0], 3);
        REQUIRE_EQ(next_event(kq).ident, ends[0]);
        _exit(0);
    }
    finish_child(child);
}

/* Nor that there is as much room as NOTE_LOWAT asks for. */
static void copy_looks_at_the_room(void) {
    posix_lacks("a socket does not tell its free space");
    int kq = copied_kqueue(), pair[2], size;
    socklen_t length = sizeof size;
    unix_pair(pair);
    REQUIRE_EQ(getsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &size, &length), 0);
    put(pair[0], "x");
    change(kq, (uintptr_t)pair[0], EVFILT_WRITE, EV_ADD | EV_CLEAR, NOTE_LOWAT, size, NULL);
    require_silent(kq);
    pid_t child = fork();
    if (child == 0) {
        require_silent(kq);
        take(pair[1], 1);
        struct kevent event = next_event(kq);
        REQUIRE_EQ(event.ident, pair[0]);
        REQUIRE_EQ(event.data, size);
        _exit(0);
    }
    finish_child(child);
}

/* ---- Handlers of fork(2) ---- */

static int handled_kq, codes[3];

static void use_queue(int place) {
    struct kevent entry;
    EV_SET(&entry, place, EVFILT_USER, 0, NOTE_TRIGGER, 0, NULL);
    codes[place] = kevent(handled_kq, &entry, 1, NULL, 0, NULL) == 0 ? 0 : errno;
}

static void use_in_prepare(void) { use_queue(0); }
static void use_in_parent(void) { use_queue(1); }
static void use_in_child(void) { use_queue(2); }

static void register_handlers(void) {
    REQUIRE_EQ(pthread_atfork(use_in_prepare, use_in_parent, use_in_child), 0);
}

static void open_handled(void) {
    handled_kq = copied_kqueue();
    for (int i = 0; i < 3; i++)
        add_user(handled_kq, (uintptr_t)i, EV_CLEAR);
}

static void require_triggers(int first, int second) {
    REQUIRE_EQ(codes[first], 0);
    REQUIRE_EQ(codes[second], 0);
    struct kevent events[4];
    REQUIRE_EQ(collect(handled_kq, events, 4, PATIENCE), 2);
    REQUIRE_EQ(events[0].ident, first);
    REQUIRE_EQ(events[1].ident, second);
    require_silent(handled_kq);
}

static _Noreturn void end_child_well(void) {
    trigger(handled_kq, 1);
    REQUIRE_EQ(next_event(handled_kq).ident, 1);
    require_working_kqueue();
    _exit(0);
}

static void fork_with_handlers(void) {
    pid_t child = fork();
    if (child == 0) {
        require_triggers(0, 2);
        end_child_well();
    }
    finish_child(child);
    require_triggers(0, 1);
}

/* The library's own come first in prepare where the program's were registered before it was used, and last
   otherwise. */
static void handlers_from_before(void) {
    register_handlers();
    open_handled();
    for (int i = 0; i < 3; i++)
        fork_with_handlers();
}

static void handlers_from_after(void) {
    open_handled();
    register_handlers();
    for (int i = 0; i < 3; i++)
        fork_with_handlers();
}

/*
 * Registered before all constructors, and so before the library's: in the child they run first, and in prepare last,
 * when the library has what it copies written down.
 */
#if defined __has_feature
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define HAS_SANITIZER
#endif
#endif
static int early_code = -1, changed_file = -1;
static bool uses_early;

static void change_in_child(void) {
    if (changed_file >= 0)
        put(changed_file, "x");
    if (uses_early)
        use_in_child();
}

/* Below what the library's handler used of the stack, and without writing there. */
static void use_in_prepare_early(void) {
    volatile char below[16384];
    below[0] = 1;
    if (uses_early)
        use_in_prepare();
    REQUIRE_EQ(below[0], 1);
}

static void use_in_parent_early(void) {
    if (uses_early)
        use_in_parent();
}

#if defined __GLIBC__ && !defined HAS_SANITIZER && !defined __SANITIZE_ADDRESS__ && !defined __SANITIZE_THREAD__
static void register_early(void) {
    early_code = pthread_atfork(use_in_prepare_early, use_in_parent_early, change_in_child);
}

__attribute__((section(".preinit_array"), used)) static void (*const early)(void) = register_early;
#endif

static void need_early_handlers(void) {
    if (early_code == -1)
        contract_skip("nothing runs before constructors");
    REQUIRE_EQ(early_code, 0);
}

static void never(int number) {
    (void)number;
}

/* As in the handler of a signal: one is blocked that has a handler. */
static void handlers_from_the_start(void) {
    sigset_t blocked;
    need_early_handlers();
    open_handled();
    REQUIRE(signal(SIGUSR1, never) != SIG_ERR);
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGUSR1);
    REQUIRE_EQ(sigprocmask(SIG_BLOCK, &blocked, NULL), 0);
    uses_early = true;
    pid_t child = fork();
    uses_early = false;
    REQUIRE_EQ(codes[0], 0);
    if (child == 0) {
        struct kevent event;
        (void)collect(handled_kq, &event, 1, 0); /* it may be written down before that handler ran */
        end_child_well();
    }
    finish_child(child);
    require_triggers(0, 1);
}

/* What happens after the fork is news to the copy, also where that is not made yet. */
static void a_change_before_the_copy_is_told(void) {
    need_early_handlers();
    need_inotify();
    int kq = copied_kqueue(), file = new_file("12345678");
    changed_file = open_again(file, O_WRONLY | O_APPEND);
    add_vnode(kq, file, EV_CLEAR, NOTE_WRITE | NOTE_EXTEND);
    require_silent(kq);
    pid_t child = fork();
    if (child == 0) {
        EXPECT_NOTES(kq, file, NOTE_WRITE | NOTE_EXTEND);
        require_silent(kq);
        _exit(0);
    }
    changed_file = -1;
    finish_child(child);
    EXPECT_NOTES(kq, file, NOTE_WRITE | NOTE_EXTEND);
}

const struct contract_case fork_order_cases[] = {
    {"C-141", "a copy has what is ready in the same order", copy_keeps_the_order, 30},
    {"C-141", "a copy tells nothing again under EV_CLEAR", copy_tells_nothing_again, 30},
    {"C-141", "nor what is always ready", copy_tells_nothing_again_that_is_always_ready, 0},
    {"C-141", "a copy looks at what a reader left", copy_looks_at_what_is_left, 0},
    {"C-141", "a copy looks at the room that NOTE_LOWAT asks for", copy_looks_at_the_room, 0},
    {"C-141", "the original tells nothing again after forks", original_tells_nothing_again, 30},
    {"C-140", "handlers of pthread_atfork, registered before the first kqueue, use a copied one", handlers_from_before,
     30},
    {"C-140", "handlers that were registered before the library's do", handlers_from_the_start, 10},
    {"C-140", "a file that changes before the copy is made", a_change_before_the_copy_is_told, 0},
    {"C-140", "handlers that were registered after it do", handlers_from_after, 30},
    {NULL, NULL, NULL, 0},
};
