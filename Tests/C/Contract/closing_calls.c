/*
 * The other ways to close a descriptor, what they return, closes in a vfork
 * child, and closes that race with threads and signal handlers.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "life.h"

#include <dirent.h>
#include <spawn.h>
#include <sys/time.h>

extern char **environ;

/* ---- Ranges ---- */

enum { FIRST = 200, NUMBERS = 100 }; /* more than one kqueue notes of closed numbers */

/* Watches duplicates of a readable pipe at FIRST and up; its read end. */
static int watch_range(int kq) {
    int pair[2];
    new_pipe(pair);
    put(pair[1], "x");
    for (int i = 0; i < NUMBERS; i++) {
        REQUIRE_EQ(dup3(pair[0], FIRST + i, O_CLOEXEC), FIRST + i); /* some may be inherited */
        add_read(kq, FIRST + i, 0);
    }
    return pair[0];
}

static int count_knotes(int kq) {
    int count = 0;
    for (int i = 0; i < NUMBERS; i++)
        count += change_errno(kq, (uintptr_t)(FIRST + i), EVFILT_READ, EV_DELETE, 0, 0, NULL) == 0;
    return count;
}

static void close_range_removes_knotes(void) {
    need_descriptors(400);
    for (unsigned flags = 0; flags <= CLOSE_RANGE_UNSHARE; flags += CLOSE_RANGE_UNSHARE) {
        int kq = new_kqueue();
        watch_range(kq);
        if (close_range(FIRST, FIRST + NUMBERS - 2, (int)flags) == -1 && is_missing(errno))
            contract_skip("no close_range");
        for (int round = 0; round < 3; round++) /* the last one is outside */
            EXPECT(kq, FIRST + NUMBERS - 1, EV_ADD, 0, 1);
        REQUIRE_NO_KNOTE(kq, FIRST, EVFILT_READ, EBADF);
        REQUIRE_EQ(count_knotes(kq), 1);
        REQUIRE_EQ(close(FIRST + NUMBERS - 1), 0);
        close(kq);
    }
}

static void close_range_for_exec_keeps_knotes(void) {
    need_descriptors(400);
    int kq = new_kqueue();
    struct kevent events[NUMBERS];
    watch_range(kq);
    if (close_range(FIRST, FIRST + NUMBERS - 1, CLOSE_RANGE_CLOEXEC) == -1)
        contract_skip("no CLOSE_RANGE_CLOEXEC");
    REQUIRE(is_open(FIRST));
    REQUIRE_EQ(collect(kq, events, NUMBERS, 1000), NUMBERS);
    REQUIRE_EQ(count_knotes(kq), NUMBERS);
}

static void failed_close_range_keeps_knotes(void) {
    need_descriptors(400);
    int kq = new_kqueue();
    struct kevent events[NUMBERS];
    watch_range(kq);
    if (syscall(SYS_close_range, INT_MAX, INT_MAX, 0) == -1 && is_missing(errno)) {
        REQUIRE_EQ(close_range(FIRST, FIRST + NUMBERS, 0), -1); /* and keeps them as well */
        REQUIRE_EQ(collect(kq, events, NUMBERS, 1000), NUMBERS);
        REQUIRE_EQ(count_knotes(kq), NUMBERS);
        contract_skip("no close_range");
    }
    REQUIRE_ERRNO(close_range(FIRST + 1, FIRST, 0), EINVAL);
    REQUIRE_EQ(collect(kq, events, NUMBERS, 1000), NUMBERS);
    REQUIRE_ERRNO(close_range(FIRST, FIRST + NUMBERS, 0x100), EINVAL);
    REQUIRE_EQ(collect(kq, events, NUMBERS, 1000), NUMBERS);
    REQUIRE_EQ(count_knotes(kq), NUMBERS);
}

static void closefrom_removes_knotes(void) {
    enum { BASE = 2000, COUNT = 40 };
    struct rlimit limit = {.rlim_cur = BASE + 2 * COUNT, .rlim_max = BASE + 2 * COUNT};
    struct kevent event;
    int pair[2];
    if (setrlimit(RLIMIT_NOFILE, &limit) == -1)
        contract_skip("too few descriptors allowed");
    int kq = new_kqueue();
    new_pipe(pair);
    put(pair[1], "x");
    for (int i = 0; i < COUNT; i++) {
        REQUIRE_EQ(fcntl(pair[0], F_DUPFD_CLOEXEC, BASE + i), BASE + i);
        add_read(kq, BASE + i, 0);
    }
    errno = 77;
    closefrom(BASE + 1);
    REQUIRE_EQ(errno, 77);
    for (int round = 0; round < 3; round++)
        EXPECT(kq, BASE, EV_ADD, 0, 1);
    for (int i = 1; i < COUNT; i++)
        REQUIRE_NO_KNOTE(kq, BASE + i, EVFILT_READ, EBADF);
    REQUIRE_EQ(close(BASE), 0);
    REQUIRE_EQ(collect(kq, &event, 1, 100), 0);
}

/* ---- Streams and directories ---- */

/* A pipe's read end that is watched and readable, with a duplicate that stays. */
static int watched_pipe(int kq, int *writer) {
    int pair[2];
    new_pipe(pair);
    (void)duplicate(pair[0]);
    add_read(kq, pair[0], 0);
    put(pair[1], "x");
    EXPECT(kq, pair[0], EV_ADD, 0, 1);
    if (writer)
        *writer = pair[1];
    return pair[0];
}

static void fclose_removes_the_knote(void) {
    int kq = new_kqueue(), fd = watched_pipe(kq, NULL);
    FILE *stream = fdopen(fd, "r");
    REQUIRE(stream != NULL);
    EXPECT(kq, fd, EV_ADD, 0, 1);
    errno = 77;
    REQUIRE_EQ(fclose(stream), 0);
    REQUIRE_EQ(errno, 77);
    require_silent(kq);
    REQUIRE_NO_KNOTE(kq, fd, EVFILT_READ, EBADF);
    move_to(readable_eventfd(), fd);
    REQUIRE_NO_KNOTE(kq, fd, EVFILT_READ, ENOENT);
    require_silent(kq);
}

/*
 * Other libraries' constructors may run before the library's, and close streams.  What stands in this section runs
 * before all constructors; a sanitizer, or Swift's own runtime in a SwiftPM build, has not begun by then.
 */
static int early_close = 1;

#if defined __has_feature
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define HAS_SANITIZER
#endif
#endif
#if defined __GLIBC__ && !defined SWIFT_PACKAGE && !defined HAS_SANITIZER && !defined __SANITIZE_ADDRESS__ && \
    !defined __SANITIZE_THREAD__
static void close_a_stream_early(void) {
    FILE *stream = fopen("/dev/null", "r");
    early_close = stream == NULL ? 1 : fclose(stream);
}

__attribute__((section(".preinit_array"), used)) static void (*const early)(void) = close_a_stream_early;
#endif

static void fclose_before_constructors(void) {
    if (early_close == 1)
        contract_skip("nothing runs before constructors");
    REQUIRE_EQ(early_close, 0);
}

static void fclose_writes_what_is_buffered(void) {
    int kq = new_kqueue(), pair[2];
    char bytes[8];
    unix_pair(pair);
    add_write(kq, pair[0], EV_CLEAR);
    FILE *stream = fdopen(pair[0], "w");
    REQUIRE(stream != NULL);
    REQUIRE(fputs("hello", stream) >= 0);
    REQUIRE_EQ(fclose(stream), 0);
    REQUIRE_EQ(read(pair[1], bytes, sizeof bytes), 5);
    REQUIRE_EQ(read(pair[1], bytes, sizeof bytes), 0);
    REQUIRE_NO_KNOTE(kq, pair[0], EVFILT_WRITE, EBADF);
}

static void stream_without_a_descriptor(void) {
    char memory[16];
    int kq = new_kqueue(), fd = watched_pipe(kq, NULL);
    FILE *stream = fmemopen(memory, sizeof memory, "w");
    REQUIRE(stream != NULL);
    errno = 77;
    REQUIRE_EQ(fclose(stream), 0);
    REQUIRE_EQ(errno, 77);
    EXPECT(kq, fd, EV_ADD, 0, 1);
}

static void freopen_removes_the_knote(void) {
    int kq = new_kqueue(), fd = watched_pipe(kq, NULL);
    FILE *stream = fdopen(fd, "r");
    REQUIRE(stream != NULL);
    REQUIRE(freopen("/dev/zero", "r", stream) == stream);
    require_silent(kq);
    int now = fileno(stream);
    REQUIRE_NO_KNOTE(kq, fd, EVFILT_READ, now == fd ? ENOENT : EBADF);
    REQUIRE_EQ(getc(stream), 0);
    REQUIRE_EQ(fclose(stream), 0);
    /* One that fails has closed the stream all the same. */
    fd = watched_pipe(kq, NULL);
    stream = fdopen(fd, "r");
    REQUIRE(freopen("/nowhere/at/all", "r", stream) == NULL);
    REQUIRE_EQ(errno, ENOENT);
    REQUIRE(!is_open(fd));
    require_silent(kq);
}

/* What freopen() stands for under -D_FILE_OFFSET_BITS=64, with glibc. */
static void freopen64_removes_the_knote(void) {
#ifdef __GLIBC__
    int kq = new_kqueue(), fd = watched_pipe(kq, NULL);
    FILE *stream = fdopen(fd, "r");
    REQUIRE(stream != NULL);
    REQUIRE(freopen64("/dev/zero", "r", stream) == stream);
    require_silent(kq);
    REQUIRE_NO_KNOTE(kq, fd, EVFILT_READ, fileno(stream) == fd ? ENOENT : EBADF);
    REQUIRE_EQ(fclose(stream), 0);
#endif
}

static void pclose_removes_the_knote(void) {
    int kq = new_kqueue();
    FILE *stream = popen("echo hello; exit 3", "r");
    REQUIRE(stream != NULL);
    int fd = fileno(stream), copy = duplicate(fd);
    add_read(kq, fd, 0);
    REQUIRE_EQ(next_event(kq).ident, fd);
    int status = pclose(stream);
    REQUIRE(WIFEXITED(status) && WEXITSTATUS(status) == 3);
    require_silent(kq);
    REQUIRE_NO_KNOTE(kq, fd, EVFILT_READ, EBADF);
    take(copy, 6);
}

/* Where something watches directories; their stream then closes the number. */
static void closedir_removes_the_knote(void) {
    int kq = new_kqueue(), fd = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    REQUIRE(fd >= 0);
    int filter = EVFILT_READ;
    unsigned fflags = 0;
#ifdef EVFILT_VNODE
    filter = EVFILT_VNODE;
    fflags = NOTE_DELETE;
#endif
    if (change_errno(kq, (uintptr_t)fd, filter, EV_ADD, fflags, 0, NULL) != 0)
        contract_skip("no filter for directories");
    DIR *directory = fdopendir(fd);
    REQUIRE(directory != NULL);
    REQUIRE_EQ(dirfd(directory), fd);
    REQUIRE_EQ(closedir(directory), 0);
    REQUIRE(!is_open(fd));
    move_to(readable_eventfd(), fd);
    require_silent(kq);
    REQUIRE_NO_KNOTE(kq, fd, filter, ENOENT);
}

static void closedir_keeps_other_knotes(void) {
    int kq = new_kqueue(), fd = watched_pipe(kq, NULL);
    for (int round = 0; round < 10; round++) {
        DIR *directory = opendir("/");
        REQUIRE(directory != NULL && readdir(directory) != NULL);
        int number = dirfd(directory);
        errno = 77;
        REQUIRE_EQ(closedir(directory), 0);
        REQUIRE_EQ(errno, 77);
        REQUIRE(!is_open(number));
    }
    EXPECT(kq, fd, EV_ADD, 0, 1);
}

/* ---- Results ---- */

static void results_are_the_callees(void) {
    for (int used = 0; used < 2; used++) { /* without a kqueue at first, then with one */
        int kq = used ? new_kqueue() : -1, pair[2];
        new_pipe(pair);
        if (used)
            add_read(kq, pair[0], 0);
        REQUIRE_ERRNO(close(-1), EBADF);
        REQUIRE_ERRNO(close(INT_MAX), EBADF);
        REQUIRE_ERRNO(close(INT_MIN), EBADF);
        REQUIRE_ERRNO(dup2(-1, -1), EBADF);
        REQUIRE_ERRNO(dup3(pair[0], -1, 0), EBADF);
        int copy = duplicate(pair[0]);
        errno = 77;
        REQUIRE_EQ(dup2(pair[1], pair[0]), pair[0]);
        if (used && (closes_are_seen() || !on_posix())) /* both ends of a pipe are one file to fstat(2) */
            REQUIRE_NO_KNOTE(kq, pair[0], EVFILT_READ, ENOENT);
        errno = 77;
        REQUIRE_EQ(dup3(copy, pair[0], O_CLOEXEC), pair[0]);
        REQUIRE_EQ(errno, 77);
        REQUIRE_EQ(fcntl(pair[0], F_GETFD), FD_CLOEXEC);
        if (used) {
            add_read(kq, pair[0], 0);
            add_read(kq, copy, 0);
        }
        errno = 77;
        REQUIRE_EQ(close(pair[0]), 0);
        REQUIRE_EQ(errno, 77);
        REQUIRE_ERRNO(close(pair[0]), EBADF);
        errno = 77;
        int result = close_range((unsigned)copy, (unsigned)copy, 0);
        REQUIRE(result == 0 || is_missing(errno)); /* a filter's, where it is older than the call */
        REQUIRE(result != 0 || errno == 77);
        close(pair[1]);
        close(kq);
    }
}

/* Closing what was closed unseen says so. */
static void result_after_an_unseen_close(void) {
    int kq = new_kqueue(), pair[2];
    new_pipe(pair);
    add_read(kq, pair[0], 0);
    close_unseen(pair[0]);
    REQUIRE_ERRNO(close(pair[0]), EBADF);
    REQUIRE_NO_KNOTE(kq, pair[0], EVFILT_READ, EBADF);
}

/* ---- A watched file ---- */

static void closing_a_file(void) {
    static const int filters[] = {
        EVFILT_READ,
#ifdef EVFILT_VNODE
        EVFILT_VNODE,
#endif
    };
    for (size_t f = 0; f < sizeof filters / sizeof *filters; f++)
        for (int kept = 0; kept < 2; kept++) {
            int kq = new_kqueue(), fd = regular_file();
            int copy = kept ? duplicate(fd) : -1;
            unsigned fflags = filters[f] == EVFILT_READ ? 0 : 1;
            change(kq, (uintptr_t)fd, filters[f], EV_ADD, fflags, 0, NULL);
            REQUIRE_EQ(close(fd), 0);
            require_silent(kq);
            REQUIRE_NO_KNOTE(kq, fd, filters[f], EBADF);
            move_to(regular_file(), fd);
            require_silent(kq);
            REQUIRE_NO_KNOTE(kq, fd, filters[f], ENOENT);
            add_read(kq, fd, 0);
            EXPECT(kq, fd, EV_ADD, 0, 8);
            REQUIRE_EQ(close(fd), 0);
            require_silent(kq);
            close(copy);
            close(kq);
        }
}

/* ---- Numbers that change hands ---- */

/* A pipe's two numbers, then another pipe's the other way about. */
static void swapped_pipe(void) {
    for (int unseen = 0; unseen < 2; unseen++)
        for (int kept = 0; kept < 2; kept++) {
            int kq = new_kqueue(), old[2], fresh[2];
            new_pipe(old);
            int copies[] = {kept ? duplicate(old[0]) : -1, kept ? duplicate(old[1]) : -1};
            new_pipe(fresh);
            add_read(kq, old[0], 0);
            add_write(kq, old[1], 0);
            put(old[1], "x");
            for (int i = 0; i < 2; i++)
                unseen ? close_unseen(old[i]) : (void)close(old[i]);
            move_to(fresh[0], old[1]);
            move_to(fresh[1], old[0]);
            require_silent(kq);
            REQUIRE_NO_KNOTE(kq, old[0], EVFILT_READ, ENOENT);
            REQUIRE_NO_KNOTE(kq, old[1], EVFILT_WRITE, ENOENT);
            add_write(kq, old[0], EV_ONESHOT);
            REQUIRE_EQ(next_event(kq).ident, old[0]);
            add_read(kq, old[1], 0);
            require_silent(kq);
            put(old[0], "123");
            EXPECT(kq, old[1], EV_ADD, 0, 3);
            close(old[0]);
            close(old[1]);
            close(copies[0]);
            close(copies[1]);
            close(kq);
        }
}

struct taking {
    int kq, number;
    pthread_barrier_t *barrier;
};

/* Takes the number the moment that it is free, and watches it. */
static void *take_and_watch(void *argument) {
    struct taking *taking = argument;
    int fd = readable_eventfd(), got;
    pthread_barrier_wait(taking->barrier);
    while ((got = fcntl(fd, F_DUPFD_CLOEXEC, taking->number)) != taking->number) {
        REQUIRE(got >= 0);
        close(got);
    }
    change(taking->kq, (uintptr_t)got, EVFILT_READ, EV_ADD, 0, 0, taking);
    REQUIRE_EQ(close(fd), 0);
    return NULL;
}

static void number_that_never_looks_closed(void) {
    pthread_barrier_t barrier;
    pthread_barrier_init(&barrier, NULL, 2);
    int kq = new_kqueue();
    for (int round = 0; round < 1000; round++) {
        int pair[2];
        new_pipe(pair);
        int copy = duplicate(pair[0]);
        add_read(kq, pair[0], EV_CLEAR);
        put(pair[1], "x");
        struct taking taking = {.kq = kq, .number = pair[0], .barrier = &barrier};
        pthread_t thread = start_thread(take_and_watch, &taking);
        pthread_barrier_wait(&barrier);
        REQUIRE_EQ(close(pair[0]), 0);
        join_thread(thread);
        for (int again = 0; again < 2; again++) {
            struct kevent event = next_event(kq);
            REQUIRE_EQ(event.ident, pair[0]);
            REQUIRE_EQ(event.flags, EV_ADD);
            REQUIRE(event.udata == &taking);
        }
        REQUIRE_EQ(close(pair[0]), 0);
        struct kevent event;
        REQUIRE_EQ(collect(kq, &event, 1, 0), 0);
        close(pair[1]);
        close(copy);
    }
}

static void *close_at_the_barrier(void *argument) {
    struct taking *taking = argument;
    pthread_barrier_wait(taking->barrier);
    REQUIRE_EQ(close(taking->number), 0);
    return NULL;
}

enum { ENOUGH = 100 }; /* as many closes at the least, however slow the machine */

/* Whichever comes first, EV_ADD or close: afterwards the number has no knote. */
static void add_races_with_close(void) {
    pthread_barrier_t barrier;
    pthread_barrier_init(&barrier, NULL, 2);
    int kq = new_kqueue(), empty[2], added = 0, refused = 0;
    new_pipe(empty);
    double end = now_ms() + 3000;
    for (int round = 0; now_ms() < end || added + refused <= ENOUGH; round++) {
        int pair[2];
        struct kevent event;
        new_pipe(pair);
        int copy = duplicate(pair[0]);
        put(pair[1], "x");
        struct taking taking = {.number = pair[0], .barrier = &barrier};
        pthread_t thread = start_thread(close_at_the_barrier, &taking);
        pthread_barrier_wait(&barrier);
        for (volatile int spin = round % 64 * 20; spin > 0; spin--)
            continue;
        int code = change_errno(kq, (uintptr_t)pair[0], EVFILT_READ, EV_ADD, 0, 0, NULL);
        REQUIRE(code == 0 || code == EBADF);
        added += code == 0;
        refused += code != 0;
        join_thread(thread);
        REQUIRE_EQ(collect(kq, &event, 1, 0), 0);
        move_to(duplicate(empty[0]), pair[0]);
        REQUIRE_EQ(collect(kq, &event, 1, 0), 0);
        REQUIRE_NO_KNOTE(kq, pair[0], EVFILT_READ, ENOENT);
        close(pair[0]);
        close(pair[1]);
        close(copy);
    }
    REQUIRE(added + refused > ENOUGH);
}

/* ---- Rapid opening and closing ---- */

enum { SERIALS = 1024 };

struct churn {
    int kq;
    atomic_long closed;            /* all serials through this one are closed */
    atomic_int numbers[SERIALS];   /* of each serial, its number */
    atomic_bool done;
    bool leave;                    /* with a duplicate that keeps the file */
};

static void *open_and_close(void *argument) {
    struct churn *churn = argument;
    double end = now_ms() + 1500;
    long serial = 0;
    while (now_ms() < end || serial <= ENOUGH) {
        int pair[2], decoy[2];
        new_pipe(pair);
        serial++;
        churn->numbers[serial % SERIALS] = pair[0];
        int copy = churn->leave ? duplicate(pair[0]) : -1;
        change(churn->kq, (uintptr_t)pair[0], EVFILT_READ, EV_ADD | (serial % 2 ? EV_CLEAR : 0), 0, 0, (void *)serial);
        put(pair[1], "x");
        if (serial % 3 == 0)
            sched_yield();
        REQUIRE_EQ(close(pair[0]), 0);
        churn->closed = serial;
        new_pipe(decoy); /* gets the number as a rule, readable, and nobody watches it */
        put(decoy[1], "y");
        if (serial % 5 == 0)
            sched_yield();
        close(decoy[0]);
        close(decoy[1]);
        close(pair[1]);
        close(copy);
    }
    churn->done = true;
    return NULL;
}

/* No event of a registration that was closed before the call began. */
static void churn_shows_nothing_closed(void) {
    for (int leave = 0; leave < 2; leave++) {
        static struct churn churn;
        memset(&churn, 0, sizeof churn);
        churn.leave = leave != 0;
        churn.kq = new_kqueue();
        pthread_t thread = start_thread(open_and_close, &churn);
        while (!churn.done) {
            struct kevent events[4];
            long closed = churn.closed;
            int count = collect(churn.kq, events, 4, 20);
            for (int i = 0; i < count; i++) {
                long serial = (long)events[i].udata;
                REQUIRE_EQ(events[i].filter, EVFILT_READ);
                if (serial <= closed)
                    contract_fail(__FILE__, __LINE__, "serial %ld, closed through %ld", serial, closed);
                if (churn.closed < serial + SERIALS / 2)
                    REQUIRE_EQ(events[i].ident, churn.numbers[serial % SERIALS]);
            }
        }
        join_thread(thread);
        REQUIRE(churn.closed > ENOUGH);
        require_silent(churn.kq);
        close(churn.kq);
    }
}

/* ---- Children that share the memory, but not the descriptors ---- */

__attribute__((noinline)) static pid_t vfork_and_close(int kq, const int *numbers, int count) {
    pid_t child = vfork();
    if (child == 0) {
        for (int i = 0; i < count; i++)
            close(numbers[i]);
        dup2(numbers[count - 1] + 1, numbers[0]);
        close(kq);
        closefrom(3);
        _exit(0);
    }
    return child;
}

static void close_in_a_vfork_child(void) {
    int before = open_descriptors();
    int kq = new_kqueue(), inner = new_kqueue(), pair[2];
    struct waiter waiter;
    new_pipe(pair);
    int numbers[] = {pair[0], inner, pair[1]};
    add_read(kq, pair[0], 0);
    add_read(kq, inner, EV_CLEAR);
    add_user(kq, 1, EV_CLEAR);
    add_user(inner, 1, EV_CLEAR);
    start_waiter(&waiter, kq, 1, PATIENCE);
    park_waiter(&waiter);
    for (int round = 0; round < 20; round++)
        finish_child(vfork_and_close(kq, numbers, 3));
    await_sleep(waiter.tid);
    trigger(kq, 1);
    join_waiter(&waiter);
    REQUIRE_EQ(waiter.result, 1);
    put(pair[1], "x");
    EXPECT(kq, pair[0], EV_ADD, 0, 1);
    take(pair[0], 1);
    trigger(inner, 1);
    REQUIRE_EQ(next_event(kq).ident, inner);
    REQUIRE_EQ(next_event(inner).ident, 1);
    pid_t child = fork(); /* which still finds everything of the parent's to close */
    if (child == 0) {
        REQUIRE_EQ(open_descriptors(), before + 2);
        _exit(0);
    }
    finish_child(child);
    REQUIRE_EQ(close(pair[0]), 0); /* and here it counts */
    REQUIRE_NO_KNOTE(kq, pair[0], EVFILT_READ, EBADF);
}

static void close_in_a_spawned_child(void) {
    int kq = new_kqueue(), pair[2];
    posix_spawn_file_actions_t actions;
    char *arguments[] = {"true", NULL};
    pid_t child;
    new_pipe(pair);
    add_read(kq, pair[0], 0);
    add_user(kq, 1, EV_CLEAR);
    REQUIRE_EQ(posix_spawn_file_actions_init(&actions), 0);
    REQUIRE_EQ(posix_spawn_file_actions_addclose(&actions, pair[0]), 0);
    REQUIRE_EQ(posix_spawn_file_actions_adddup2(&actions, pair[1], pair[0]), 0);
    REQUIRE_EQ(posix_spawn_file_actions_addclose(&actions, kq), 0);
    for (int round = 0; round < 5; round++) {
        REQUIRE_EQ(posix_spawnp(&child, "true", &actions, NULL, arguments, environ), 0);
        finish_child(child);
    }
    posix_spawn_file_actions_destroy(&actions);
    put(pair[1], "x");
    EXPECT(kq, pair[0], EV_ADD, 0, 1);
    trigger(kq, 1);
    struct kevent events[2];
    REQUIRE_EQ(collect(kq, events, 2, 1000), 2);
}

/* ---- Signal handlers ---- */

static atomic_int victims[2] = {-1, -1};
static atomic_long handled;

static void close_victims(int signal) {
    int error = errno;
    (void)signal;
    for (int i = 0; i < 2; i++) {
        int victim = atomic_exchange(&victims[i], -1);
        if (victim >= 0 && close(victim) == 0)
            handled++;
    }
    errno = error;
}

/* One event, whatever signals come in between. */
static int collect_through_signals(int kq, struct kevent *event, long milliseconds) {
    struct timespec timeout = {.tv_sec = milliseconds / 1000, .tv_nsec = milliseconds % 1000 * 1000000};
    int got;
    while ((got = kevent(kq, NULL, 0, event, 1, &timeout)) == -1)
        REQUIRE_EQ(errno, EINTR);
    return got;
}

/* Each round leaves two descriptors to the handler, which closes them in the midst of the rest of it. */
static void close_in_a_signal_handler(void) {
    struct sigaction action = {.sa_handler = close_victims};
    struct itimerval often = {.it_interval = {0, 150}, .it_value = {0, 150}}, never = {{0, 0}, {0, 0}};
    int kq = new_kqueue(), pair[2];
    struct kevent event;
    long rounds = 0;
    unix_pair(pair);
    add_user(kq, 1, EV_CLEAR);
    add_read(kq, pair[0], EV_CLEAR);
    REQUIRE_EQ(sigaction(SIGALRM, &action, NULL), 0);
    REQUIRE_EQ(setitimer(ITIMER_REAL, &often, NULL), 0); /* instead of the runner's alarm */
    for (double end = now_ms() + 10000; now_ms() < end || rounds <= 20; rounds++) {
        int own[2];
        new_pipe(own);
        put(own[1], "x");
        add_read(kq, own[0], EV_DISABLE);
        int other = new_kqueue(); /* closed, too, where others use the library */
        add_user(other, 1, 0);
        victims[0] = own[0];
        victims[1] = other;
        /* An event of each kind arrives, exactly once. */
        trigger(kq, 1);
        REQUIRE_EQ(collect_through_signals(kq, &event, PATIENCE), 1);
        REQUIRE_EQ(event.ident, 1);
        put(pair[1], "x");
        REQUIRE_EQ(collect_through_signals(kq, &event, PATIENCE), 1);
        REQUIRE_EQ(event.ident, pair[0]);
        take(pair[0], 1);
        change(kq, 2, EVFILT_TIMER, EV_ADD | EV_ONESHOT, NOTE_USECONDS, 1, NULL);
        REQUIRE_EQ(collect_through_signals(kq, &event, PATIENCE), 1);
        REQUIRE_EQ(event.filter, EVFILT_TIMER);
        while (victims[0] >= 0 || victims[1] >= 0)
            REQUIRE_EQ(collect_through_signals(kq, &event, 0), 0);
        REQUIRE_NO_KNOTE(kq, own[0], EVFILT_READ, EBADF);
        close(own[1]);
    }
    REQUIRE_EQ(setitimer(ITIMER_REAL, &never, NULL), 0);
    REQUIRE_EQ(handled, rounds * 2);
}

const struct contract_case closing_call_cases[] = {
    {"C-127", "close_range removes the knotes of its numbers", close_range_removes_knotes, 0},
    {"C-127", "close_range with CLOSE_RANGE_CLOEXEC keeps them", close_range_for_exec_keeps_knotes, 0},
    {"C-127", "close_range that fails keeps them", failed_close_range_keeps_knotes, 0},
    {"C-127", "closefrom removes the knotes of its numbers", closefrom_removes_knotes, 0},
    {"C-128", "fclose removes the knote", fclose_removes_the_knote, 0},
    {"C-128", "fclose writes what is buffered", fclose_writes_what_is_buffered, 0},
    {"C-128", "fclose before the library's constructors have run", fclose_before_constructors, 0},
    {"C-128", "fclose of a stream without a descriptor", stream_without_a_descriptor, 0},
    {"C-128", "freopen removes the knote", freopen_removes_the_knote, 0},
    {"C-128", "freopen64 removes the knote", freopen64_removes_the_knote, 0},
    {"C-128", "pclose removes the knote", pclose_removes_the_knote, 0},
    {"C-128", "closedir removes the knote", closedir_removes_the_knote, 0},
    {"C-128", "closedir keeps the others", closedir_keeps_other_knotes, 0},
    {"C-118", "results and errno are the callee's", results_are_the_callees, 0},
    {"C-118", "close after an unseen close gives EBADF", result_after_an_unseen_close, 0},
    {"C-132", "closing a watched file does no harm", closing_a_file, 0},
    {"C-123", "a pipe's numbers reused in swapped order", swapped_pipe, 30},
    {"C-125", "a number that another thread takes at once", number_that_never_looks_closed, 30},
    {"C-118", "EV_ADD that races with close leaves no knote", add_races_with_close, 30},
    {"C-133", "churn never shows a closed registration", churn_shows_nothing_closed, 30},
    {"C-144", "closes in a vfork child change nothing", close_in_a_vfork_child, 0},
    {"C-144", "closes by posix_spawn change nothing", close_in_a_spawned_child, 0},
    {"F23", "close in a signal handler: no deadlock, no lost event", close_in_a_signal_handler, 30},
    {NULL, NULL, NULL, 0},
};
