/*
 * What has gone wrong for users of event libraries, beyond the statements:
 * threads, memory, growth, and descriptors that are closed under the library.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "life.h"

#include <dirent.h>
#include <sys/resource.h>

static const struct timespec no_wait = {0, 0};

/* Uses every facility: wake-ups, timers of both clocks, sockets, files. */
static void use_everything(int kq, const int pair[2]) {
    struct waiter waiter;
    int file = regular_file();
    add_read(kq, file, EV_ONESHOT);
    REQUIRE_EQ(next_event(kq).ident, file);
    close(file);
    add_read(kq, pair[0], 0);
    add_write(kq, pair[0], EV_DISABLE);
    change(kq, 1, EVFILT_TIMER, EV_ADD, 0, 60000, NULL);
    change(kq, 2, EVFILT_TIMER, EV_ADD, NOTE_ABSOLUTE | NOTE_SECONDS, (intptr_t)time(NULL) + 3600, NULL);
    add_user(kq, 1, EV_CLEAR);
    start_waiter(&waiter, kq, 1, PATIENCE);
    park_waiter(&waiter);
    trigger(kq, 1);
    join_waiter(&waiter);
    REQUIRE_EQ(waiter.result, 1);
}

/* ---- F1 ---- */

static int threads(void) {
    int count = 0;
    DIR *directory = opendir(seen_proc("self/task"));
    REQUIRE(directory != NULL);
    for (struct dirent *entry; (entry = readdir(directory)) != NULL;)
        count += entry->d_name[0] != '.';
    closedir(directory);
    return count;
}

/* A thread that was joined is counted for a moment more. */
static void await_threads(int count) {
    while (threads() != count)
        sleep_ms(1);
}

static void no_thread_of_ours(void) {
    need_seen_proc();
    int before = threads(), pair[2];
    unix_pair(pair);
    for (int round = 0; round < 3; round++) {
        int kq = new_kqueue();
        REQUIRE_EQ(threads(), before);
        use_everything(kq, pair); /* also with a thread of the case's own */
        await_threads(before);
        close(kq);
        libkqueue_drain_pending_close();
        REQUIRE_EQ(threads(), before);
    }
}

static void *wait_for_ever(void *argument) {
    struct kevent event;
    (void)kevent(*(int *)argument, NULL, 0, &event, 1, NULL);
    return NULL;
}

/* How many ms a process takes that leaves in one of the ways in which a kqueue can be left. */
static double time_to_exit(int way) {
    double started = now_ms();
    pid_t child = fork();
    if (child == 0) {
        static int kq;
        int pair[2];
        kq = new_kqueue();
        unix_pair(pair);
        if (way > 0)
            use_everything(kq, pair);
        if (way == 2) { /* while a thread waits in it */
            start_thread(wait_for_ever, &kq);
            sleep_ms(20);
        }
        if (way != 1)
            close(kq);
        exit(0);
    }
    finish_child(child);
    return now_ms() - started;
}

/* A busy machine delays some, an exit that waits is late each time. */
static void exit_never_waits(void) {
    need_seen_proc();
    for (int way = 0; way < 4; way++)
        for (int late = 0; time_to_exit(way) >= 1500; late++)
            REQUIRE(late < 4);
}

/* ---- F2 ---- */

static void memory_at_the_highest_limit(void) {
    struct rlimit limit;
    struct kevent event;
    int pair[2];
    if (sanitized())
        contract_skip("a sanitizer takes memory of its own");
    REQUIRE_EQ(getrlimit(RLIMIT_NOFILE, &limit), 0);
    limit.rlim_cur = limit.rlim_max;
    REQUIRE_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
    new_pipe(pair);
    put(pair[1], "x");
    long before = own_memory_kb();
    int kq = new_kqueue();
    add_read(kq, pair[0], 0);
    REQUIRE_EQ(collect(kq, &event, 1, 1000), 1);
    long one = own_memory_kb() - before;
    if (one >= 1024)
        contract_fail(__FILE__, __LINE__, "a kqueue with one knote takes %ld KiB", one);
    int highest = limit.rlim_cur > INT_MAX ? INT_MAX : (int)limit.rlim_cur - 1;
    int high = fcntl(pair[0], F_DUPFD_CLOEXEC, highest);
    if (high == -1)
        return; /* the system has no room for it */
    add_read(kq, high, 0);
    long both = own_memory_kb() - before - (long)(limit.rlim_cur / 128 / 1024); /* the kernel's own table */
    if (both >= 1024)
        contract_fail(__FILE__, __LINE__, "with one on number %d it takes %ld KiB", high, both);
    close(high);
}

/* ---- F3, F4 ---- */

static void duplicates_come_and_go(void) {
    int kq = new_kqueue(), pair[2], other[2];
    struct kevent event;
    unix_pair(pair);
    unix_pair(other);
    put(pair[1], "x");
    for (int round = 0; round < 2000; round++) {
        int copy = duplicate(pair[0]);
        add_read(kq, copy, round % 2 ? EV_CLEAR : 0);
        REQUIRE_EQ(collect(kq, &event, 1, 1000), 1);
        REQUIRE_EQ(event.ident, copy);
        REQUIRE_EQ(close(copy), 0);
        REQUIRE_EQ(duplicate(other[0]), copy); /* the number is another file's, which is empty */
        REQUIRE_EQ(collect(kq, &event, 1, 0), 0);
        REQUIRE_EQ(close(copy), 0);
    }
    require_idle_second(kq);
}

/* The flags that the system tells of a mapping of the process's own memory, of this size or more; empty: there
   is none. */
static void flags_of_large_memory(size_t least, char *flags, size_t room) {
    FILE *file = fopen(seen_proc("self/smaps"), "re");
    bool is_it = false;
    REQUIRE(file != NULL);
    for (char line[512]; fgets(line, sizeof line, file) != NULL;) {
        uintmax_t from, to;
        char rights[8], name[64] = "";
        if (sscanf(line, "%jx-%jx %7s %*s %*s %*s %63s", &from, &to, rights, name) >= 3)
            is_it = to - from >= least && strcmp(rights, "rw-p") == 0 && name[0] == 0;
        else if (is_it && strncmp(line, "VmFlags:", 8) == 0)
            snprintf(flags, room, "%s", line);
    }
    fclose(file);
}

/* Where the system puts huge pages everywhere, what is mapped for many descriptors takes no megabytes for a few. */
static void no_huge_page_for_a_few(void) {
    char flags[512] = "";
    need_seen_proc();
    if (on_posix() || access("/sys/kernel/mm/transparent_hugepage", F_OK) != 0)
        contract_skip("no huge pages, or nothing that does without");
    if (on_valgrind())
        contract_skip("valgrind's own memory is the largest");
    int kq = new_kqueue();
    flags_of_large_memory(2 << 20, flags, sizeof flags);
    if (flags[0] != 0)
        REQUIRE(sanitized() || strstr(flags, " nh") != NULL);
    REQUIRE_EQ(close(kq), 0);
}

/* What a database's server processes watch: a signal, the process that started them, a socket. */
static void watch_as_a_database_does(int kq, int fd) {
    add_read(kq, fd, 0);
    change(kq, SIGURG, EVFILT_SIGNAL, EV_ADD, 0, 0, NULL);
    change(kq, (uintptr_t)getppid(), EVFILT_PROC, EV_ADD, NOTE_EXIT, 0, NULL);
}

static long page_faults(void) {
    struct rusage usage;
    REQUIRE_EQ(getrusage(RUSAGE_SELF, &usage), 0);
    return usage.ru_minflt;
}

/* Each page costs a process that is forked to make a kqueue as much as some system calls. */
static void a_kqueue_takes_few_pages(void) {
    enum { KQUEUES = 8 };
    int fd = readable_eventfd();
    if (on_posix() || sanitized() || on_valgrind())
        contract_skip("what is taken is another's, or there is no such watch");
    need_descriptors(128);
    watch_as_a_database_does(new_kqueue(), fd);
    long faults = page_faults();
    for (int i = 0; i < KQUEUES; i++)
        watch_as_a_database_does(new_kqueue(), fd);
    faults = page_faults() - faults;
    if (faults > 3 * KQUEUES)
        contract_fail(__FILE__, __LINE__, "%ld page faults for %d kqueues", faults, KQUEUES);
}

/* EV_DELETE is left out because close does it. */
static void no_growth_without_deletes(void) {
    enum { ROUNDS = 100000, WARM_UP = 5000, GROWTH_KB = 256 };
    int kq = new_kqueue(), descriptors = 0, rounds;
    struct kevent event;
    long memory = 0;
    double end = now_ms() + 8000;
    for (rounds = 0; rounds < ROUNDS && (rounds <= 2 * WARM_UP || now_ms() < end); rounds++) {
        int fd;
        if (rounds == WARM_UP) {
            memory = own_memory_kb();
            descriptors = open_descriptors();
        }
        if (rounds % 2) {
            int pair[2];
            unix_pair(pair);
            add_read(kq, pair[0], 0);
            add_write(kq, pair[0], EV_CLEAR);
            close(pair[1]);
            fd = pair[0];
        } else {
            fd = readable_eventfd();
            add_read(kq, fd, 0);
        }
        if (rounds % 7 == 0)
            REQUIRE(collect(kq, &event, 1, 0) == 1 && event.ident == (uintptr_t)fd);
        REQUIRE_EQ(close(fd), 0);
        if (rounds % 100 == 0)
            REQUIRE_EQ(collect(kq, &event, 1, 0), 0);
    }
    REQUIRE_EQ(open_descriptors(), descriptors);
    if (!sanitized() && own_memory_kb() - memory >= GROWTH_KB)
        contract_fail(__FILE__, __LINE__, "%ld KiB more after %d rounds", own_memory_kb() - memory, rounds);
}

/* ---- F7 ---- */

enum { ALL_SEEN, ALL_UNSEEN, INNER_SEEN, INNER_UNSEEN };
enum { OUTSIDE = 500 };

static void close_much(int way) {
    if (way == ALL_SEEN)
        closefrom(3);
    else if (way == ALL_UNSEEN)
        (void)syscall(SYS_close_range, 3, ~0U, 0);
    else if (way == INNER_SEEN)
        closefrom(1024);
    else
        (void)syscall(SYS_close_range, 1024, ~0U, 0);
}

/* EBADF, or what was asked for. */
static bool was_refused(int code) {
    if (code != 0 && code != EBADF)
        contract_fail(__FILE__, __LINE__, "%s; wanted EBADF or success", strerror(code));
    return code == EBADF;
}

static int events_or_refused(int kq, struct kevent *event, long milliseconds) {
    struct timespec timeout = {.tv_sec = milliseconds / 1000, .tv_nsec = milliseconds % 1000 * 1000000};
    int got = kevent(kq, NULL, 0, event, 1, &timeout);
    if (got == -1)
        (void)was_refused(errno);
    return got;
}

static void require_refused_or_working(int kq) {
    struct kevent event;
    int pair[2];
    new_pipe(pair);
    for (int i = 0; i < 2; i++) /* not under the number of the kqueue */
        move_to(pair[i], OUTSIDE + i);
    (void)was_refused(change_errno(kq, 7, EVFILT_USER, EV_ADD | EV_CLEAR, 0, 0, NULL));
    if (!was_refused(change_errno(kq, 7, EVFILT_USER, EV_ADD, NOTE_TRIGGER, 0, NULL))) {
        int got = events_or_refused(kq, &event, 1000);
        REQUIRE(got == -1 || (got == 1 && event.filter == EVFILT_USER));
    }
    if (!was_refused(change_errno(kq, 8, EVFILT_TIMER, EV_ADD | EV_ONESHOT, 0, 5, NULL))) {
        int got = events_or_refused(kq, &event, 1000);
        if (got != -1 && !(got == 1 && event.ident == 8))
            contract_fail(__FILE__, __LINE__, "a timer was taken, and then %d events came", got);
    }
    if (!was_refused(change_errno(kq, OUTSIDE, EVFILT_READ, EV_ADD, 0, 0, NULL))) {
        put(OUTSIDE + 1, "x");
        int got = events_or_refused(kq, &event, 1000);
        REQUIRE(got == -1 || (got == 1 && event.ident == OUTSIDE));
    }
    REQUIRE_EQ(close(OUTSIDE), 0);
    REQUIRE_EQ(close(OUTSIDE + 1), 0);
    double cpu = process_cpu_ms();
    (void)events_or_refused(kq, &event, 300);
    REQUIRE(sanitized() || process_cpu_ms() - cpu < allowed_cpu(100));
    (void)kevent(kq, NULL, 0, &event, 1, &no_wait);
}

static void descriptors_closed_under_the_library(int way, bool waiting) {
    struct waiter waiter;
    int kq = new_kqueue(), pair[2];
    unix_pair(pair);
    use_everything(kq, pair);
    if (waiting) {
        start_waiter(&waiter, kq, 1, 2000);
        park_waiter(&waiter);
    }
    double cpu = process_cpu_ms();
    close_much(way);
    if (waiting) {
        int code = change_errno(kq, 1, EVFILT_USER, 0, NOTE_TRIGGER, 0, NULL);
        double triggered = now_ms();
        REQUIRE(code == 0 || code == EBADF);
        join_waiter(&waiter);
        bool ended_before = waiter.ended <= triggered && waiter.ended - waiter.started >= 2000; /* by its own limit */
        if (code == 0 && !ended_before)
            REQUIRE(waiter.result == 1 || (waiter.result == -1 && waiter.code == EBADF));
        else
            REQUIRE(waiter.result == 0 || (waiter.result == -1 && waiter.code == EBADF));
        REQUIRE(sanitized() || process_cpu_ms() - cpu < allowed_cpu(500));
    }
    for (int round = 0; round < 3; round++)
        require_refused_or_working(kq);
    for (int round = 0; round < 3; round++)
        require_working_kqueue();
    (void)close(kq);
    require_working_kqueue();
}

/* Each in a process of its own. */
static void all_closed_under_the_library(int way) {
    need_descriptors(600);
    for (int waiting = 0; waiting < 2; waiting++) {
        pid_t child = fork();
        if (child == 0) {
            descriptors_closed_under_the_library(way, waiting != 0);
            _exit(0);
        }
        finish_child(child);
    }
}

static void closefrom_takes_all(void) {
    need_seen_proc();
    all_closed_under_the_library(ALL_SEEN);
}

static void raw_close_range_takes_all(void) {
    need_seen_proc();
    all_closed_under_the_library(ALL_UNSEEN);
}

static void closefrom_above_is_refused_or_works(void) {
    need_seen_proc();
    all_closed_under_the_library(INNER_SEEN);
}

/* Closes all numbers from one on, as programs do that do not know which are in use. */
static void sweep_from(int way, int first) {
    enum { CLOSEFROM, RANGE, UP, DOWN };
    int end = 1100;
    if (way == CLOSEFROM || (way == RANGE && close_range((unsigned)first, ~0U, 0) == -1))
        closefrom(first);
    else if (way == UP)
        for (int fd = first; fd < end; fd++)
            (void)close(fd);
    else if (way == DOWN)
        for (int fd = end; fd >= first; fd--)
            (void)close(fd);
}

enum { SWEEPS = 4 };

/* The library's numbers are higher, and not the program's to close: the kqueue and its waiter go on. */
static void swept_above(int way) {
    struct waiter waiter;
    int kq = new_kqueue(), pair[2];
    unix_pair(pair);
    use_everything(kq, pair);
    start_waiter(&waiter, kq, 1, -1);
    park_waiter(&waiter);
    change(kq, 3, EVFILT_TIMER, EV_ADD | EV_ONESHOT, 0, 300, NULL);
    sweep_from(way, pair[1] + 1);
    join_waiter(&waiter);
    REQUIRE(waiter.result == 1 && waiter.events[0].filter == EVFILT_TIMER);
    trigger(kq, 1);
    REQUIRE_EQ(next_event(kq).filter, EVFILT_USER);
    put(pair[1], "x");
    REQUIRE_EQ(next_event(kq).ident, pair[0]);
    require_working_kqueue();
    REQUIRE_EQ(close(kq), 0);
    require_working_kqueue();
}

/* The close of a kqueue wakes its waiters, whatever is closed before or after it. */
static void swept_with_waiters(int way) {
    enum { KQUEUES = 3, THREADS = 4 };
    struct waiter waiters[KQUEUES * THREADS];
    int kqs[KQUEUES];
    for (int i = 0; i < KQUEUES; i++) {
        kqs[i] = new_kqueue();
        if (i > 0)
            change(kqs[i], 1, EVFILT_TIMER, EV_ADD, 0, 60000, NULL);
        if (i > 1 && !on_posix())
            change(kqs[i], SIGUSR1, EVFILT_SIGNAL, EV_ADD, 0, 0, NULL);
    }
    for (int i = 0; i < KQUEUES * THREADS; i++)
        start_waiter(&waiters[i], kqs[i % KQUEUES], 1, -1);
    for (int i = 0; i < KQUEUES * THREADS; i++)
        park_waiter(&waiters[i]);
    sweep_from(way, 3);
    for (int i = 0; i < KQUEUES * THREADS; i++) {
        join_waiter(&waiters[i]);
        REQUIRE(waiters[i].result == -1 && waiters[i].code == EBADF);
    }
    require_working_kqueue();
}

static void each_sweep(void (*run)(int way), int rounds) {
    need_descriptors(1200);
    for (int i = 0; i < SWEEPS * rounds; i++) {
        pid_t child = fork();
        if (child == 0) {
            run(i % SWEEPS);
            _exit(0);
        }
        finish_child(child);
    }
}

static void sweeps_above_leave_a_kqueue(void) {
    if (!closes_are_seen())
        contract_skip("closes go unseen");
    each_sweep(swept_above, 1);
}

static void sweeps_end_waits(void) {
    each_sweep(swept_with_waiters, 5);
}

/* What it was known by goes to the kqueue that is made next, under the same number or another. */
static void watch_for_good(int kq) {
    change(kq, 1, EVFILT_TIMER, EV_ADD, 0, 60000, NULL);
    change(kq, SIGUSR1, EVFILT_SIGNAL, EV_ADD, 0, 0, NULL);
    change(kq, STDERR_FILENO, EVFILT_WRITE, EV_ADD, 0, 0, NULL);
    change(kq, 1, EVFILT_USER, EV_ADD, 0, 0, NULL);
}

static void made_after_all_were_closed(int taken, int count) {
    struct kevent event;
    signal(SIGUSR1, SIG_IGN);
    if (taken == 3) /* the number of the first is not closed */
        REQUIRE(close(STDIN_FILENO) == 0);
    for (int i = 0; i < count; i++)
        watch_for_good(new_kqueue());
    close_much(ALL_UNSEEN);
    for (int i = 0; i < taken; i++)
        REQUIRE(open("/dev/null", O_RDONLY | O_CLOEXEC) >= 0);
    int kq = new_kqueue(), other = new_kqueue();
    change(other, SIGUSR1, EVFILT_SIGNAL, EV_ADD, 0, 0, NULL);
    watch_for_good(kq);
    change(kq, STDERR_FILENO, EVFILT_WRITE, EV_DELETE, 0, 0, NULL);
    change(kq, 2, EVFILT_TIMER, EV_ADD | EV_ONESHOT, 0, 5, NULL);
    event = next_event(kq);
    REQUIRE_EQ(event.filter, EVFILT_TIMER);
    REQUIRE_EQ(kill(getpid(), SIGUSR1), 0);
    event = next_event(kq);
    REQUIRE_EQ(event.filter, EVFILT_SIGNAL);
    event = next_event(other);
    REQUIRE_EQ(event.filter, EVFILT_SIGNAL);
    for (int i = 0; i < 3; i++)
        require_working_kqueue();
    change(kq, 1, EVFILT_USER, 0, NOTE_TRIGGER, 0, NULL);
    event = next_event(kq);
    REQUIRE_EQ(event.filter, EVFILT_USER);
    REQUIRE(close(kq) == 0 && close(other) == 0);
}

static void a_kqueue_made_after_raw_closes_works(void) {
    need_seen_proc();
    for (int way = 0; way < 8; way++) {
        pid_t child = fork();
        if (child == 0) {
            made_after_all_were_closed(way / 2, 1 + way % 2 * 3);
            _exit(0);
        }
        finish_child(child);
    }
}

static void raw_close_range_takes_the_inner_ones(void) {
    need_seen_proc();
    all_closed_under_the_library(INNER_UNSEEN);
}

/* The numbers that were the library's are the program's now: the library must not close them. */
static void numbers_of_ours_become_the_programs(void) {
    enum { INNER = 1024, COUNT = 16 };
    int kq = new_kqueue(), pair[2], inner = 0, count = 0;
    unix_pair(pair);
    use_everything(kq, pair);
    for (int fd = INNER; fd < INNER + COUNT; fd++)
        inner += is_open(fd);
    if (inner == 0)
        contract_skip("the library's descriptors are elsewhere");
    closefrom(3);
    for (int fd = INNER; fd < INNER + COUNT; fd++)
        count += fcntl(0, F_DUPFD, fd) == fd;
    REQUIRE_EQ(count, COUNT);
    require_working_kqueue();
    (void)close(kq);
    require_working_kqueue();
    for (int fd = INNER; fd < INNER + COUNT; fd++)
        REQUIRE(is_open(fd));
    pid_t child = fork();
    if (child == 0) {
        require_working_kqueue();
        for (int fd = INNER; fd < INNER + COUNT; fd++)
            REQUIRE(is_open(fd));
        _exit(0);
    }
    finish_child(child);
}

/* ---- F19 ---- */

static void descriptors_of_a_kqueue(void) {
    need_descriptors(200);
    /* Where closes go unseen, the wake-up is in use from the first. */
    int wake = closes_are_seen() ? 0 : 1, pairs[50][2];
    /* The kqueue itself, and what threads that are inside reach it by; POSIX has the two ends of a pipe and that. */
    int first = on_posix() ? 3 : 2 + wake, most = 3, clocks = on_posix() ? 0 : 1;
    for (int i = 0; i < 50; i++)
        unix_pair(pairs[i]);
    for (int round = 0; round < 3; round++) {
        int before = open_descriptors();
        int kq = new_kqueue();
        REQUIRE_EQ(open_descriptors(), before + first);
        for (int i = 0; i < 50; i++)
            add_read(kq, pairs[i][0], 0);
        for (int i = 0; i < 50; i++)
            add_triggered(kq, (uintptr_t)i, EV_CLEAR);
        REQUIRE(open_descriptors() <= before + most);
        struct kevent events[64];
        REQUIRE_EQ(collect(kq, events, 64, 100), 50);
        for (int i = 0; i < 50; i++)
            change(kq, (uintptr_t)i, EVFILT_TIMER, EV_ADD, 0, 60000 + i, NULL);
        REQUIRE(open_descriptors() <= before + most + clocks);
        for (int i = 0; i < 50; i++)
            change(kq, (uintptr_t)(100 + i), EVFILT_TIMER, EV_ADD, NOTE_ABSOLUTE | NOTE_SECONDS,
                   (intptr_t)time(NULL) + 3600 + i, NULL);
        REQUIRE(open_descriptors() <= before + most + 2 * clocks);
        REQUIRE_EQ(close(kq), 0);
        if (wake)
            close(new_kqueue()); /* which finds the close out */
        REQUIRE(open_descriptors() <= before + wake);
    }
}

static void descriptors_are_out_of_the_way(void) {
    int kq = new_kqueue(), pair[2];
    unix_pair(pair);
    int next = readable_eventfd();
    REQUIRE_EQ(close(next), 0);
    use_everything(kq, pair);
    int after = readable_eventfd();
    REQUIRE_EQ(after, next); /* the program's numbers are as if the library had none but the kqueue's */
    close(after);
}

const struct contract_case field_cases[] = {
    {"F1", "no thread of the library exists", no_thread_of_ours, 0},
    {"F1", "exit never waits", exit_never_waits, 0},
    {"F2", "no huge page for a few descriptors", no_huge_page_for_a_few, 0},
    {"F2", "one kqueue more takes few pages", a_kqueue_takes_few_pages, 0},
    {"F2", "memory does not depend on the limit of descriptors", memory_at_the_highest_limit, 0},
    {"F3", "duplicates that come and go bring no event", duplicates_come_and_go, 30},
    {"F4", "no growth where EV_DELETE is left out", no_growth_without_deletes, 30},
    {"F7", "closefrom takes the library's descriptors", closefrom_takes_all, 30},
    {"F7", "raw close_range takes the library's descriptors", raw_close_range_takes_all, 30},
    {"F7", "closefrom of the numbers above", closefrom_above_is_refused_or_works, 30},
    {"F7", "a kqueue goes on where all numbers above it are closed", sweeps_above_leave_a_kqueue, 30},
    {"F7", "a close of all descriptors ends waits, in whatever order it goes", sweeps_end_waits, 30},
    {"F7", "a kqueue that is made after a raw close of all works", a_kqueue_made_after_raw_closes_works, 30},
    {"F7", "raw close_range takes those inside", raw_close_range_takes_the_inner_ones, 30},
    {"F7", "numbers that were the library's are not closed by it", numbers_of_ours_become_the_programs, 0},
    {"F19", "descriptors that a kqueue costs", descriptors_of_a_kqueue, 0},
    {"F19", "the library's descriptors are out of the way", descriptors_are_out_of_the_way, 0},
    {NULL, NULL, NULL, 0},
};
