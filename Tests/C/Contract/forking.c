/*
 * fork in all its forms: what the child has, and that the parent misses and
 * gains nothing.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "life.h"

#include <dlfcn.h>
#include <spawn.h>

extern char **environ;
pid_t _Fork(void) __attribute__((weak));

static const struct timespec no_wait = {0, 0};

enum { THREADS = 3 };

static pid_t plain_fork(void) {
    return fork();
}

static pid_t bare_fork(void) {
    return _Fork();
}

static pid_t raw_fork(void) {
    return raw_clone(SIGCHLD);
}

/* A system that says that it will empty memory, and does not. */
static bool pretends_to_wipe;

int madvise(void *memory, size_t bytes, int advice) {
    if (pretends_to_wipe && advice == 18 /* MADV_WIPEONFORK */)
        return 0;
    return (int)syscall(SYS_madvise, memory, bytes, advice);
}

static void close_in_the_child(void) {
    int kq = new_kqueue();
    add_triggered(kq, 1, EV_CLEAR);
    pid_t child = fork();
    if (child == 0) {
        REQUIRE_ERRNO(close(kq), EBADF);
        REQUIRE(!is_open(kq));
        _exit(0);
    }
    finish_child(child);
    REQUIRE_EQ(next_event(kq).ident, 1);
}

static void require_working_child(void) {
    pid_t child = fork();
    if (child == 0) {
        require_working_kqueue();
        _exit(0);
    }
    finish_child(child);
}

static void kqueues_where_wiping_is_pretended(void) {
    struct kevent event;
    pretends_to_wipe = true;
    int kq = new_kqueue();
    add_triggered(kq, 1, EV_CLEAR);
    pid_t child = fork();
    if (child == 0) {
        REQUIRE_ERRNO(kevent(kq, NULL, 0, &event, 1, &no_wait), EBADF);
        REQUIRE(!is_open(kq));
        require_working_kqueue();
        require_working_child();
        _exit(0);
    }
    finish_child(child);
    REQUIRE_EQ(next_event(kq).ident, 1);
}

/* Requires that a number is no kqueue, with nothing done to it. */
static void require_bad(int kq) {
    struct kevent entry, event;
    EV_SET(&entry, 1, EVFILT_USER, EV_ADD, 0, 0, NULL);
    REQUIRE_ERRNO(kevent(kq, NULL, 0, NULL, 0, NULL), EBADF);
    REQUIRE_ERRNO(kevent(kq, NULL, 0, &event, 1, NULL), EBADF);
    REQUIRE_ERRNO(kevent(kq, &entry, 1, NULL, 0, NULL), EBADF);
    REQUIRE_ERRNO(kevent(kq, &entry, 1, &event, 1, &no_wait), EBADF);
}

static void kevent_in_the_child(void) {
    int kq = new_kqueue(), other = new_kqueue();
    add_triggered(kq, 1, EV_CLEAR);
    pid_t child = fork();
    if (child == 0) {
        require_bad(kq);
        require_bad(other);
        int mine = new_kqueue(); /* which may well have the number of one of them */
        REQUIRE(mine == kq || mine == other);
        add_triggered(mine, 7, EV_CLEAR);
        REQUIRE_EQ(next_event(mine).ident, 7);
        require_bad(mine == kq ? other : kq);
        _exit(0);
    }
    finish_child(child);
    REQUIRE_EQ(next_event(kq).ident, 1);
    require_silent(kq);
}

/* The number goes to the child's next file, which is its own to close. */
static void number_is_free_in_the_child(void) {
    int kq = new_kqueue();
    add_triggered(kq, 1, EV_CLEAR);
    pid_t child = fork();
    if (child == 0) {
        move_to(readable_eventfd(), kq);
        REQUIRE_EQ(kevent(kq, NULL, 0, NULL, 0, NULL), -1);
        REQUIRE(errno == EBADF || errno == EINVAL);
        require_working_kqueue();
        REQUIRE(is_open(kq));
        REQUIRE_EQ(close(kq), 0);
        _exit(0);
    }
    finish_child(child);
    REQUIRE_EQ(next_event(kq).ident, 1);
}

static void pending_events_stay(void) {
    int kq = new_kqueue(), pair[2];
    struct kevent events[8];
    unix_pair(pair);
    put(pair[1], "12345");
    add_triggered(kq, 1, EV_CLEAR);
    add_triggered(kq, 2, EV_ONESHOT);
    add_read(kq, pair[0], EV_CLEAR);
    add_write(kq, pair[0], EV_DISPATCH);
    change(kq, 3, EVFILT_TIMER, EV_ADD | EV_ONESHOT, 0, 1, NULL);
    sleep_ms(5);
    for (int round = 0; round < 3; round++) {
        pid_t child = fork();
        if (child == 0)
            _exit(0);
        finish_child(child);
    }
    REQUIRE_EQ(collect(kq, events, 8, 1000), 5);
    require_silent(kq);
}

/* ---- Threads that wait meanwhile ---- */

static void fork_while_threads_wait(pid_t (*how)(void)) {
    struct waiter waiters[THREADS];
    int kqs[THREADS], pair[2];
    new_pipe(pair);
    kqs[0] = new_kqueue();
    kqs[1] = kqs[0];
    kqs[2] = new_kqueue();
    add_user(kqs[0], 1, EV_CLEAR);
    add_read(kqs[2], pair[0], EV_CLEAR);
    for (int i = 0; i < THREADS; i++)
        start_waiter(&waiters[i], kqs[i], 1, -1);
    for (int i = 0; i < THREADS; i++)
        park_waiter(&waiters[i]);
    for (int round = 0; round < 5; round++) {
        pid_t child = how();
        if (child == 0) {
            require_bad(kqs[0]);
            require_working_kqueue();
            close(pair[0]);
            close(pair[1]);
            _exit(0);
        }
        finish_child(child);
    }
    for (int i = 0; i < THREADS; i++) {
        await_sleep(waiters[i].tid);
        REQUIRE_EQ(waiters[i].result, 0);
        REQUIRE(waiters[i].ended == 0);
    }
    trigger(kqs[0], 1);
    while (waiters[0].ended == 0 && waiters[1].ended == 0)
        sleep_ms(1);
    trigger(kqs[0], 1);
    put(pair[1], "x");
    for (int i = 0; i < THREADS; i++) {
        join_waiter(&waiters[i]);
        REQUIRE_EQ(waiters[i].result, 1);
    }
}

static void fork_wakes_nobody(void) {
    fork_while_threads_wait(plain_fork);
}

struct busy {
    atomic_bool done;
    atomic_long rounds;
};

/* Makes, uses and closes kqueues, so that some lock is always taken. */
static void *keep_busy(void *argument) {
    struct busy *busy = argument;
    while (!busy->done) {
        int kq = new_kqueue(), pair[2];
        struct kevent event;
        new_pipe(pair);
        for (int i = 0; i < 20; i++)
            add_triggered(kq, (uintptr_t)i, EV_CLEAR);
        add_read(kq, pair[0], 0);
        put(pair[1], "x");
        REQUIRE_EQ(collect(kq, &event, 1, 1000), 1);
        change(kq, 1, EVFILT_TIMER, EV_ADD, 0, 60000, NULL);
        close(pair[0]);
        close(pair[1]);
        close(kq);
        busy->rounds++;
    }
    return NULL;
}

static void fork_amid_busy_threads(pid_t (*how)(void)) {
    struct busy busy = {.done = false};
    pthread_t threads[2];
    int children = 0;
    for (int i = 0; i < 2; i++)
        threads[i] = start_thread(keep_busy, &busy);
    for (double end = now_ms() + 2500; now_ms() < end || children <= 10 || busy.rounds <= 10; children++) {
        pid_t child = how();
        if (child == 0) {
            int kq = new_kqueue(), fd = readable_eventfd();
            struct kevent event;
            add_triggered(kq, 1, EV_CLEAR);
            REQUIRE_EQ(collect(kq, &event, 1, 1000), 1);
            add_read(kq, fd, 0);
            REQUIRE_EQ(collect(kq, &event, 1, 1000), 1);
            REQUIRE_EQ(close(fd), 0);
            REQUIRE_EQ(collect(kq, &event, 1, 0), 0);
            REQUIRE_EQ(close(kq), 0);
            _exit(0);
        }
        finish_child(child);
    }
    busy.done = true;
    for (int i = 0; i < 2; i++)
        join_thread(threads[i]);
}

/* The first kqueue of a process is made while another thread forks: the handlers of a fork come in between. */
static void fork_amid_first_kqueue(void) {
    for (int i = 0; i < 300; i++) {
        pid_t process = fork();
        if (process == 0) {
            struct busy busy = {.done = false};
            pthread_t threads[2];
            for (int t = 0; t < 2; t++)
                threads[t] = start_thread(keep_busy, &busy);
            for (volatile int spin = i % 100 * 3000; spin > 0; spin--)
                continue;
            pid_t child = fork();
            if (child == 0) {
                require_working_kqueue();
                _exit(0);
            }
            finish_child(child);
            busy.done = true;
            for (int t = 0; t < 2; t++)
                join_thread(threads[t]);
            _exit(0);
        }
        finish_child(process);
    }
}

static void fork_amid_locks(void) {
    fork_amid_busy_threads(plain_fork);
}

static void raw_clone_amid_locks(void) {
    need_wiping();
    fork_amid_busy_threads(raw_fork);
}

static void *look_up_symbols(void *argument) {
    atomic_bool *done = argument;
    while (!*done)
        (void)dlsym(RTLD_DEFAULT, "a name that nothing has");
    return NULL;
}

/* The first kqueue of a child where the loader's lock stays taken: a thread that the child does not have took it. */
static void raw_clone_amid_look_ups(void) {
    atomic_bool done = false;
    pthread_t thread = start_thread(look_up_symbols, &done);
    for (int i = 0; i < 200; i++) {
        pid_t child = raw_fork();
        if (child == 0) {
            int kq = new_kqueue();
            add_triggered(kq, 1, EV_CLEAR);
            REQUIRE_EQ(next_event(kq).ident, 1);
            REQUIRE_EQ(close(kq), 0);
            _exit(0);
        }
        finish_child(child);
    }
    done = true;
    join_thread(thread);
}

/* ---- What the child can do ---- */

static void child_has_its_own(void) {
    int kq = new_kqueue(), pair[2];
    unix_pair(pair);
    add_read(kq, pair[0], 0);
    add_user(kq, 1, EV_CLEAR);
    pid_t child = fork();
    if (child == 0) {
        int mine = new_kqueue();
        REQUIRE_NO_KNOTE(mine, 1, EVFILT_USER, ENOENT);
        REQUIRE_NO_KNOTE(mine, pair[0], EVFILT_READ, ENOENT);
        add_read(mine, pair[0], 0); /* the same socket as the parent's */
        put(pair[1], "x");
        EXPECT(mine, pair[0], EV_ADD, 0, 1);
        change(mine, (uintptr_t)pair[0], EVFILT_READ, EV_DELETE, 0, 0, NULL);
        require_working_kqueue();
        _exit(0);
    }
    finish_child(child);
    EXPECT(kq, pair[0], EV_ADD, 0, 1);
    take(pair[0], 1);
    require_silent(kq);
    trigger(kq, 1);
    REQUIRE_EQ(next_event(kq).ident, 1);
}

static void a_thousand_in_the_child(void) {
    need_seen_proc();
    int kq = new_kqueue();
    add_triggered(kq, 1, EV_CLEAR);
    pid_t child = fork();
    if (child == 0) {
        struct kevent event;
        int descriptors = open_descriptors();
        long memory = 0;
        for (int i = 0; i < 2000; i++) {
            if (i == 1000)
                memory = own_memory_kb();
            int mine = new_kqueue();
            add_triggered(mine, 1, EV_CLEAR);
            REQUIRE_EQ(collect(mine, &event, 1, 1000), 1);
            change(mine, 2, EVFILT_TIMER, EV_ADD | EV_ONESHOT, NOTE_USECONDS, 1, NULL);
            REQUIRE_EQ(collect(mine, &event, 1, 1000), 1);
            REQUIRE_EQ(close(mine), 0);
        }
        REQUIRE(open_descriptors() <= descriptors + 3); /* a close unseen is found out at the next kqueue */
        REQUIRE(sanitized() || own_memory_kb() - memory < 128);
        _exit(0);
    }
    finish_child(child);
    REQUIRE_EQ(next_event(kq).ident, 1);
}

static void grandchildren(void) {
    int kq = new_kqueue(), depth = 0;
    add_user(kq, 1, EV_CLEAR);
    pid_t child = 0;
    while (depth < 5) { /* each has a kqueue of its own when it forks */
        child = fork();
        if (child != 0)
            break;
        depth++;
        require_bad(kq);
        int mine = new_kqueue();
        add_triggered(mine, (uintptr_t)depth, 0);
        REQUIRE_EQ(next_event(mine).ident, depth);
        kq = mine;
    }
    if (child != 0)
        finish_child(child);
    if (depth > 0) {
        REQUIRE_EQ(next_event(kq).ident, depth); /* the child took nothing of it */
        require_working_kqueue();
        _exit(0);
    }
    trigger(kq, 1);
    REQUIRE_EQ(next_event(kq).ident, 1);
}

/* A daemon as they are made: fork, setsid, fork, everything closed; its word comes through a pipe. */
static void daemon_by_two_forks(void) {
    int kq = new_kqueue(), pair[2], word[2];
    char byte = 0;
    new_pipe(pair);
    new_pipe(word);
    add_read(kq, pair[0], 0);
    add_user(kq, 1, EV_CLEAR);
    move_to(word[1], 3 + 60);
    pid_t child = fork();
    if (child == 0) {
        if (fork() != 0)
            _exit(0);
        REQUIRE(setpgid(0, 0) == 0);
        REQUIRE_EQ(dup2(3 + 60, 3), 3);
        closefrom(4);
        require_working_kqueue();
        REQUIRE_EQ(write(3, "k", 1), 1);
        _exit(0);
    }
    finish_child(child);
    REQUIRE_EQ(close(3 + 60), 0);
    await_poll(word[0], POLLIN | POLLHUP);
    REQUIRE_EQ(read(word[0], &byte, 1), 1);
    REQUIRE_EQ(byte, 'k');
    put(pair[1], "x");
    EXPECT(kq, pair[0], EV_ADD, 0, 1);
    trigger(kq, 1);
    struct kevent events[3];
    REQUIRE_EQ(collect(kq, events, 3, 1000), 2);
}

/* ---- Forks that run no handlers ---- */

static void fork_without_handlers(pid_t (*how)(void)) {
    int kq = new_kqueue(), pair[2];
    new_pipe(pair);
    add_read(kq, pair[0], 0);
    add_user(kq, 1, EV_CLEAR);
    for (int round = 0; round < 5; round++) {
        pid_t child = how();
        if (child == 0) {
            REQUIRE_EQ(change_errno(kq, 1, EVFILT_USER, 0, NOTE_TRIGGER, 0, NULL), EBADF);
            REQUIRE_EQ(close(pair[0]), 0); /* nothing refers to it here */
            require_working_kqueue();
            (void)close(kq); /* the parent's is not touched by it */
            require_working_kqueue();
            require_working_child();
            _exit(0);
        }
        finish_child(child);
    }
    require_silent(kq);
    put(pair[1], "x");
    EXPECT(kq, pair[0], EV_ADD, 0, 1);
    take(pair[0], 1);
    trigger(kq, 1);
    REQUIRE_EQ(next_event(kq).ident, 1);
    require_working_kqueue();
}

static void fork_by_bare_fork(void) {
    if (_Fork == NULL)
        contract_skip("no _Fork");
    need_wiping();
    fork_without_handlers(bare_fork);
    fork_while_threads_wait(bare_fork);
}

static void fork_by_raw_clone(void) {
    need_wiping();
    fork_without_handlers(raw_fork);
    fork_while_threads_wait(raw_fork);
}

/* ---- What an exec'd program has ---- */

/* The descriptors of a program that was executed, as it tells them. */
static void list_descriptors(int how, char *text, size_t room) {
    int out[2];
    char *arguments[] = {"sh", "-c", "echo /proc/self/fd/*", NULL};
    posix_spawn_file_actions_t actions;
    pid_t child = -1;
    size_t length = 0;
    new_pipe(out);
    if (how == 0) {
        REQUIRE_EQ(posix_spawn_file_actions_init(&actions), 0);
        REQUIRE_EQ(posix_spawn_file_actions_adddup2(&actions, out[1], 1), 0);
        REQUIRE_EQ(posix_spawnp(&child, "sh", &actions, NULL, arguments, environ), 0);
        posix_spawn_file_actions_destroy(&actions);
    } else {
        child = fork();
        if (child == 0) {
            dup2(out[1], 1);
            if (how == 2)
                new_kqueue(); /* and of its own, too */
            execvp("sh", arguments);
            _exit(127);
        }
    }
    close(out[1]);
    for (ssize_t got; (got = read(out[0], text + length, room - 1 - length)) > 0;)
        length += (size_t)got;
    text[length] = 0;
    close(out[0]);
    finish_child(child);
}

static void executed_program_has_nothing_of_ours(void) {
    for (int how = 0; how < 3; how++) {
        char before[4096], after[4096];
        int pair[2];
        list_descriptors(how, before, sizeof before);
        new_pipe(pair);
        int kqs[] = {new_kqueue(), kqueue1(0), kqueue1(O_CLOEXEC), kqueuex(0), kqueuex(KQUEUE_CPONFORK)};
        for (int i = 0; i < 5; i++) {
            REQUIRE(kqs[i] >= 0);
            add_triggered(kqs[i], 1, EV_CLEAR);
            add_read(kqs[i], pair[0], 0);
            change(kqs[i], 1, EVFILT_TIMER, EV_ADD, 0, 60000, NULL);
            change(kqs[i], 2, EVFILT_TIMER, EV_ADD, NOTE_ABSOLUTE | NOTE_SECONDS, (intptr_t)time(NULL) + 3600, NULL);
            REQUIRE_EQ(next_event(kqs[i]).ident, 1);
        }
        list_descriptors(how, after, sizeof after);
        if (strcmp(before, after) != 0)
            contract_fail(__FILE__, __LINE__, "before: %s after: %s", before, after);
        for (int i = 0; i < 5; i++)
            close(kqs[i]);
    }
}

/* ---- Closes in the child ---- */

enum { CLOSE_EACH, REPLACE, CLOSE_RANGE, CLOSE_FROM, CLOSE_RAW, CLOSE_WITH_OWN_KQUEUE, WAYS };

static void close_all(int way, int kq, const int pair[2]) {
    switch (way) {
    case CLOSE_WITH_OWN_KQUEUE: {
        int mine = new_kqueue();
        add_read(mine, pair[0], 0);
        add_write(mine, pair[1], 0);
        close(pair[0]);
        close(pair[1]);
        close(mine);
        break;
    }
    case CLOSE_EACH:
        close(pair[0]);
        close(pair[1]);
        REQUIRE_ERRNO(close(kq), EBADF);
        break;
    case REPLACE:
        REQUIRE_EQ(dup2(0, pair[0]), pair[0]);
        REQUIRE_EQ(dup2(0, pair[1]), pair[1]);
        REQUIRE_EQ(dup2(0, kq), kq);
        break;
    case CLOSE_RANGE:
        (void)close_range(3, ~0U, 0);
        break;
    case CLOSE_FROM:
        closefrom(3);
        break;
    default:
        (void)syscall(SYS_close_range, 3, ~0U, 0);
    }
    require_working_kqueue();
}

static void closes_in_the_child_stay_there(void) {
    int kq = new_kqueue(), pair[2];
    struct waiter waiter;
    unix_pair(pair);
    add_read(kq, pair[0], 0);
    add_write(kq, pair[1], EV_DISPATCH); /* silent from now on, by no clock */
    REQUIRE_EQ(next_event(kq).filter, EVFILT_WRITE);
    start_waiter(&waiter, kq, 1, -1);
    park_waiter(&waiter);
    for (int way = 0; way < WAYS; way++) {
        pid_t child = fork();
        if (child == 0) {
            close_all(way, kq, pair);
            _exit(0);
        }
        finish_child(child);
    }
    await_sleep(waiter.tid);
    put(pair[1], "x");
    join_waiter(&waiter);
    REQUIRE_EQ(waiter.result, 1);
    REQUIRE_EQ(waiter.events[0].ident, pair[0]);
    EXPECT(kq, pair[0], EV_ADD, 0, 1);
    REQUIRE(delete_knote(kq, (uintptr_t)pair[0], EVFILT_READ));
    REQUIRE(delete_knote(kq, (uintptr_t)pair[1], EVFILT_WRITE));
}

/* The other way about: the child has what the parent closes, and writes to it. */
static void child_keeps_what_the_parent_closes(void) {
    int kq = new_kqueue(), pairs[2][2], gate[2];
    char byte;
    unix_pair(pairs[0]);
    tcp_pair(pairs[1]);
    unix_pair(gate);
    for (int i = 0; i < 2; i++) {
        add_read(kq, pairs[i][0], 0);
        add_write(kq, pairs[i][0], EV_DISABLE);
        put(pairs[i][1], "x");
    }
    pid_t child = fork();
    if (child == 0) {
        close(gate[0]);
        REQUIRE_EQ(read(gate[1], &byte, 1), 1);
        for (int i = 0; i < 2; i++)
            put(pairs[i][1], "12345"); /* to what the parent closed */
        REQUIRE_EQ(write(gate[1], "d", 1), 1);
        (void)!read(gate[1], &byte, 1);
        _exit(0);
    }
    REQUIRE(child > 0);
    for (int i = 0; i < 2; i++)
        REQUIRE_EQ(close(pairs[i][0]), 0);
    put(gate[0], "g");
    REQUIRE_EQ(read(gate[0], &byte, 1), 1);
    require_idle_second(kq);
    for (int i = 0; i < 2; i++) {
        REQUIRE_NO_KNOTE(kq, pairs[i][0], EVFILT_READ, EBADF);
        REQUIRE_NO_KNOTE(kq, pairs[i][0], EVFILT_WRITE, EBADF);
    }
    add_triggered(kq, 1, EV_CLEAR);
    REQUIRE_EQ(next_event(kq).ident, 1);
    put(gate[0], "g");
    finish_child(child);
}

const struct contract_case forking_cases[] = {
    {"C-134", "close of a kqueue in the child gives EBADF", close_in_the_child, 0},
    {"C-135", "kevent in the child gives EBADF", kevent_in_the_child, 0},
    {"C-135", "the number is free in the child", number_is_free_in_the_child, 0},
    {"C-136", "the parent's pending events stay", pending_events_stay, 0},
    {"C-137", "fork wakes no waiter", fork_wakes_nobody, 30},
    {"C-137", "fork amid threads that hold locks", fork_amid_locks, 30},
    {"C-137", "fork amid threads that make the first kqueue", fork_amid_first_kqueue, 60},
    {"C-138", "the child has kqueues of its own", child_has_its_own, 0},
    {"C-138", "memory that is said to be emptied, and is not", kqueues_where_wiping_is_pretended, 0},
    {"C-138", "a thousand kqueues in the child", a_thousand_in_the_child, 30},
    {"C-139", "an executed program has no descriptor of the library", executed_program_has_nothing_of_ours, 30},
    {"F18", "an executed program has no descriptor of the library", executed_program_has_nothing_of_ours, 30},
    {"C-144", "closes in the child stay there", closes_in_the_child_stay_there, 30},
    {"F5", "grandchildren", grandchildren, 0},
    {"F5", "a daemon by two forks", daemon_by_two_forks, 0},
    {"F5", "_Fork", fork_by_bare_fork, 30},
    {"F5", "raw clone", fork_by_raw_clone, 30},
    {"F5", "raw clone amid threads that hold locks", raw_clone_amid_locks, 30},
    {"F5", "a child's first kqueue after a raw clone amid a look-up of symbols", raw_clone_amid_look_ups, 30},
    {"F6", "a child keeps open what the parent closes", child_keeps_what_the_parent_closes, 0},
    {NULL, NULL, NULL, 0},
};
