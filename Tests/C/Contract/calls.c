/*
 * Making a kqueue, and what one kevent call checks and returns.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "contract.h"

#include <dirent.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/un.h>

static const struct timespec no_wait = {0, 0};

/* Lowers the limit of descriptors, or puts back what it was (0). */
static void limit_descriptors(rlim_t count) {
    static struct rlimit before;
    if (count != 0)
        REQUIRE(getrlimit(RLIMIT_NOFILE, &before) == 0);
    struct rlimit limit = {.rlim_cur = count != 0 ? count : before.rlim_cur, .rlim_max = before.rlim_max};
    REQUIRE(setrlimit(RLIMIT_NOFILE, &limit) == 0);
}

/* Duplicates /dev/null until no number is left; the count, numbers in fds[]. */
static int exhaust_descriptors(int fds[], int room) {
    int count = 0, fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    while (fd >= 0 && count < room) {
        fds[count++] = fd;
        fd = fcntl(fds[0], F_DUPFD_CLOEXEC, 0);
    }
    REQUIRE_EQ(fd, -1);
    REQUIRE_EQ(errno, EMFILE);
    return count;
}

static void kqueue_and_close(void) {
    int kq = kqueue();
    REQUIRE(kq >= 0);
    REQUIRE(fcntl(kq, F_GETFD) != -1);
    REQUIRE_EQ(close(kq), 0);
    REQUIRE_ERRNO(fcntl(kq, F_GETFD), EBADF);
}

/* A second time with the library's own descriptors already made. */
static void kqueue_takes_the_lowest_number(void) {
    int fds[6];
    for (int i = 0; i < 6; i++)
        REQUIRE((fds[i] = open("/dev/null", O_RDONLY | O_CLOEXEC)) >= 0);
    close(fds[1]);
    close(fds[4]);
    int first = new_kqueue();
    REQUIRE_EQ(first, fds[1]);
    int lowest = open("/dev/null", O_RDONLY | O_CLOEXEC);
    close(lowest);
    int second = new_kqueue();
    REQUIRE_EQ(second, lowest);
    close(first);
    REQUIRE_EQ(new_kqueue(), first);
}

static void require_emfile_without_leak(void) {
    int fds[64], before = open_descriptors();
    limit_descriptors(48);
    int count = exhaust_descriptors(fds, 64);
    for (int i = 0; i < 20; i++)
        REQUIRE_ERRNO(kqueue(), EMFILE);
    REQUIRE_ERRNO(kqueue1(O_CLOEXEC), EMFILE);
    REQUIRE_ERRNO(kqueuex(0), EMFILE);
    limit_descriptors(0);
    REQUIRE_EQ(open_descriptors(), before + count);
    for (int i = 0; i < count; i++)
        REQUIRE_EQ(close(fds[i]), 0);
    int kq = new_kqueue();
    add_triggered(kq, 1, 0);
    REQUIRE_EQ(next_event(kq).ident, 1);
    close(kq);
    REQUIRE_EQ(open_descriptors(), before);
}

static void emfile_in_a_fresh_process(void) {
    require_emfile_without_leak();
}

static void emfile_beside_another_kqueue(void) {
    int kq = new_kqueue();
    add_user(kq, 1, EV_CLEAR);
    require_emfile_without_leak();
    trigger(kq, 1);
    REQUIRE_EQ(next_event(kq).ident, 1);
}

static void sixty_five_under_a_limit_of_32(void) {
    int pair[2];
    new_pipe(pair);
    put(pair[1], "x");
    limit_descriptors(32);
    for (int i = 0; i < 65; i++) {
        int kq = kqueue();
        REQUIRE(kq >= 0);
        if (i % 2) { /* an empty one, and one in use */
            change(kq, (uintptr_t)pair[0], EVFILT_READ, EV_ADD, 0, 0, NULL);
            REQUIRE_EQ(next_event(kq).ident, pair[0]);
        }
        REQUIRE_EQ(close(kq), 0);
    }
}

static void kqueue1_refuses_unknown_bits(void) {
    int before = open_descriptors();
    REQUIRE_ERRNO(kqueue1(O_APPEND), EINVAL);
    REQUIRE_ERRNO(kqueue1(O_CLOEXEC | O_APPEND), EINVAL);
    REQUIRE_ERRNO(kqueue1(1), EINVAL);
    REQUIRE_ERRNO(kqueue1(1 << 30), EINVAL);
    REQUIRE_ERRNO(kqueue1(-1), EINVAL);
    REQUIRE_EQ(open_descriptors(), before);
}

static void kqueue1_close_on_exec(void) {
    const int flags[] = {O_CLOEXEC, O_NONBLOCK, O_CLOEXEC | O_NONBLOCK};
    for (int i = 0; i < 3; i++) {
        int kq = kqueue1(flags[i]);
        REQUIRE(kq >= 0);
        REQUIRE_EQ(fcntl(kq, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
        add_triggered(kq, 1, 0);
        REQUIRE_EQ(next_event(kq).ident, 1);
    }
}

/* O_NONBLOCK makes no kevent call return early. */
static void nonblocking_kqueue_waits(void) {
    struct kevent event;
    int kq = kqueue1(O_NONBLOCK);
    REQUIRE(kq >= 0);
    double start = now_ms();
    REQUIRE_EQ(collect(kq, &event, 1, 50), 0);
    REQUIRE(now_ms() - start >= 50);
}

/* Number of descriptors an exec would keep. */
static int inheritable(void) {
    int count = 0;
    DIR *directory = opendir(seen_proc("self/fd"));
    REQUIRE(directory != NULL);
    for (struct dirent *entry; (entry = readdir(directory)) != NULL;)
        if (entry->d_name[0] != '.')
            count += (fcntl(atoi(entry->d_name), F_GETFD) & FD_CLOEXEC) == 0;
    closedir(directory);
    return count;
}

static void every_kqueue_is_close_on_exec(void) {
    need_seen_proc();
    int pair[2], before = inheritable();
    int kqs[] = {kqueue(), kqueue1(0), kqueuex(0), kqueuex(KQUEUE_CLOEXEC)};
    unix_pair(pair);
    for (int i = 0; i < 4; i++) {
        REQUIRE(kqs[i] >= 0);
        REQUIRE_EQ(fcntl(kqs[i], F_GETFD), FD_CLOEXEC);
        change(kqs[i], (uintptr_t)pair[0], EVFILT_READ, EV_ADD, 0, 0, NULL);
        change(kqs[i], (uintptr_t)pair[0], EVFILT_WRITE, EV_ADD, 0, 0, NULL);
        change(kqs[i], 1, EVFILT_TIMER, EV_ADD, 0, 1000, NULL);
        add_triggered(kqs[i], 1, 0);
    }
    REQUIRE_EQ(inheritable(), before); /* the library's own are no exception */
}

static void kqueuex_refuses_unknown_bits(void) {
    int before = open_descriptors();
    REQUIRE_ERRNO(kqueuex(0x80), EINVAL);
    REQUIRE_ERRNO(kqueuex(KQUEUE_CLOEXEC | 0x4), EINVAL);
    REQUIRE_ERRNO(kqueuex(UINT_MAX), EINVAL);
    REQUIRE_EQ(open_descriptors(), before);
    int kq = kqueuex(KQUEUE_CLOEXEC | KQUEUE_CPONFORK);
    REQUIRE(kq >= 0);
    close(kq);
}

static void kevent_on_no_descriptor(void) {
    const int numbers[] = {-1, INT_MIN, INT_MAX, 700};
    struct kevent event, entry;
    close(new_kqueue()); /* with the library at work, and before */
    EV_SET(&entry, 1, EVFILT_USER, EV_ADD, 0, 0, NULL);
    REQUIRE_ERRNO(fcntl(700, F_GETFD), EBADF);
    for (int i = 0; i < 4; i++) {
        REQUIRE_ERRNO(kevent(numbers[i], NULL, 0, &event, 1, &no_wait), EBADF);
        REQUIRE_ERRNO(kevent(numbers[i], NULL, 0, &event, 1, NULL), EBADF);
        REQUIRE_ERRNO(kevent(numbers[i], &entry, 1, NULL, 0, NULL), EBADF);
        REQUIRE_ERRNO(kevent(numbers[i], NULL, 0, NULL, 0, NULL), EBADF);
        REQUIRE_ERRNO(kevent(numbers[i], &entry, -1, NULL, -1, NULL), EBADF); /* before the counts */
    }
}

/* An epoll set and an eventfd are what a kqueue may be made of. */
static void kevent_on_another_descriptor(void) {
    int pair[2], fds[5];
    struct kevent event, entry;
    new_pipe(pair);
    fds[0] = pair[0];
    fds[1] = pair[1];
    fds[2] = open("/dev/null", O_RDWR | O_CLOEXEC);
    fds[3] = epoll_create1(EPOLL_CLOEXEC);
    fds[4] = eventfd(1, EFD_CLOEXEC);
    EV_SET(&entry, 1, EVFILT_USER, EV_ADD, 0, 0, NULL);
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < 5; i++) {
            REQUIRE_ERRNO(kevent(fds[i], NULL, 0, &event, 1, &no_wait), EINVAL);
            REQUIRE_ERRNO(kevent(fds[i], NULL, 0, &event, 1, NULL), EINVAL);
            REQUIRE_ERRNO(kevent(fds[i], &entry, 1, NULL, 0, NULL), EINVAL);
            REQUIRE_ERRNO(kevent(fds[i], NULL, 0, NULL, 0, NULL), EINVAL);
        }
        new_kqueue();
    }
}

static void negative_nchanges(void) {
    int kq = new_kqueue();
    struct kevent entry, event;
    EV_SET(&entry, 1, EVFILT_USER, EV_ADD, 0, 0, NULL);
    REQUIRE_ERRNO(kevent(kq, &entry, -1, NULL, 0, NULL), EINVAL);
    REQUIRE_ERRNO(kevent(kq, &entry, INT_MIN, &event, 1, NULL), EINVAL);
    REQUIRE_ERRNO(kevent(kq, NULL, -1, NULL, 0, NULL), EINVAL);
    REQUIRE(!delete_knote(kq, 1, EVFILT_USER));
}

static void negative_nevents(void) {
    int kq = new_kqueue();
    struct kevent entry, event;
    EV_SET(&entry, 1, EVFILT_USER, EV_ADD, 0, 0, NULL);
    REQUIRE_ERRNO(kevent(kq, &entry, 1, &event, -1, NULL), EINVAL);
    REQUIRE_ERRNO(kevent(kq, &entry, 1, &event, INT_MIN, &no_wait), EINVAL);
    REQUIRE_ERRNO(kevent(kq, &entry, 1, NULL, -1, NULL), EINVAL);
    REQUIRE(!delete_knote(kq, 1, EVFILT_USER));
}

/* With a page to write to, and with room for exactly the two. */
static void int_max_events(void) {
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    unsigned char *memory = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    REQUIRE(memory != MAP_FAILED);
    REQUIRE(mprotect(memory + page, page, PROT_NONE) == 0);
    int kq = new_kqueue(), pair[2];
    new_pipe(pair);
    put(pair[1], "x");
    add_triggered(kq, 1, 0);
    change(kq, (uintptr_t)pair[0], EVFILT_READ, EV_ADD, 0, 0, NULL);
    const size_t two = 2 * sizeof(struct kevent);
    const size_t offsets[] = {0, page - two};
    for (int i = 0; i < 2; i++) {
        memset(memory, 0xa5, page);
        struct kevent *events = (struct kevent *)(memory + offsets[i]);
        REQUIRE_EQ(kevent(kq, NULL, 0, events, INT_MAX, &no_wait), 2);
        REQUIRE_EQ(events[0].filter + events[1].filter, EVFILT_USER + EVFILT_READ);
        for (size_t byte = 0; byte < page; byte++)
            if (byte < offsets[i] || byte >= offsets[i] + two)
                REQUIRE_EQ(memory[byte], 0xa5);
    }
}

static void null_changelist(void) {
    int kq = new_kqueue();
    struct kevent event;
    add_triggered(kq, 1, EV_CLEAR);
    REQUIRE_ERRNO(kevent(kq, NULL, 1, NULL, 0, NULL), EFAULT);
    REQUIRE_ERRNO(kevent(kq, NULL, INT_MAX, &event, 1, NULL), EFAULT);
    REQUIRE_EQ(next_event(kq).ident, 1); /* not taken by the failed call */
}

static void null_eventlist(void) {
    int kq = new_kqueue();
    struct kevent entry;
    EV_SET(&entry, 1, EVFILT_USER, EV_ADD | EV_CLEAR, 0, 0, NULL);
    REQUIRE_ERRNO(kevent(kq, &entry, 1, NULL, 1, NULL), EFAULT);
    REQUIRE(!delete_knote(kq, 1, EVFILT_USER));
    REQUIRE_EQ(kevent(kq, &entry, 1, NULL, 0, NULL), 0);
    trigger(kq, 1);
    REQUIRE_ERRNO(kevent(kq, NULL, 0, NULL, 1, &no_wait), EFAULT);
    REQUIRE_EQ(next_event(kq).ident, 1);
}

static void no_room_returns_at_once(void) {
    int kq = new_kqueue();
    struct kevent event;
    REQUIRE_EQ(kevent(kq, NULL, 0, NULL, 0, NULL), 0);
    add_triggered(kq, 1, EV_CLEAR);
    const struct timespec long_wait = {.tv_sec = 3600}; /* which the limit of the case would end */
    REQUIRE_EQ(kevent(kq, NULL, 0, NULL, 0, NULL), 0);
    REQUIRE_EQ(kevent(kq, NULL, 0, &event, 0, NULL), 0);
    REQUIRE_EQ(kevent(kq, NULL, 0, &event, 0, &long_wait), 0);
    REQUIRE_EQ(next_event(kq).ident, 1);
}

/* The shortest of several tries: a machine may be busy, a wait may not be there. */
static void zero_timeout(void) {
    int kq = new_kqueue(), pair[2];
    double shortest = 1e9;
    struct kevent event;
    new_pipe(pair);
    change(kq, (uintptr_t)pair[0], EVFILT_READ, EV_ADD, 0, 0, NULL);
    add_user(kq, 1, 0);
    for (int i = 0; i < 10; i++) {
        double start = now_ms();
        REQUIRE_EQ(kevent(kq, NULL, 0, &event, 1, &no_wait), 0);
        if (now_ms() - start < shortest)
            shortest = now_ms() - start;
    }
    REQUIRE(shortest < 20);
}

static void require_einval_timeout(int kq, time_t seconds, long nanoseconds) {
    const struct timespec timeout = {.tv_sec = seconds, .tv_nsec = nanoseconds};
    struct kevent event;
    REQUIRE_ERRNO(kevent(kq, NULL, 0, &event, 1, &timeout), EINVAL);
}

static void invalid_nanoseconds(void) {
    int kq = new_kqueue();
    require_einval_timeout(kq, 0, 1000000000);
    require_einval_timeout(kq, 1, LONG_MAX);
    require_einval_timeout(kq, 0, -1);
    require_einval_timeout(kq, 1, LONG_MIN);
    const struct timespec most = {.tv_nsec = 999999999}; /* valid */
    struct kevent event;
    add_triggered(kq, 1, 0);
    REQUIRE_EQ(kevent(kq, NULL, 0, &event, 1, &most), 1);
}

static void invalid_seconds(void) {
    int kq = new_kqueue();
    require_einval_timeout(kq, -1, 0);
    require_einval_timeout(kq, -1, 999999999);
    require_einval_timeout(kq, sizeof(time_t) == 8 ? (time_t)INT64_MIN : (time_t)INT32_MIN, 0);
}

static void invalid_timeout_without_room(void) {
    int kq = new_kqueue();
    const struct timespec bad[] = {{.tv_sec = -1}, {.tv_nsec = -1}, {.tv_nsec = 1000000000}};
    struct kevent entry, event;
    EV_SET(&entry, 1, EVFILT_USER, EV_ADD | EV_RECEIPT, 0, 0, NULL);
    for (int i = 0; i < 3; i++) {
        REQUIRE_EQ(kevent(kq, NULL, 0, NULL, 0, &bad[i]), 0);
        REQUIRE_EQ(kevent(kq, &entry, 1, &event, 1, &bad[i]), 1); /* a receipt ends the call before */
        REQUIRE_EQ(event.data, 0);
    }
}

static void change_beside_an_invalid_timeout(void) {
    int kq = new_kqueue();
    const struct timespec bad = {.tv_nsec = 1000000000};
    struct kevent entry, event;
    EV_SET(&entry, 1, EVFILT_USER, EV_ADD, 0, 0, NULL);
    REQUIRE_ERRNO(kevent(kq, &entry, 1, &event, 1, &bad), EINVAL);
    change(kq, 1, EVFILT_USER, EV_DELETE, 0, 0, NULL);
}

/*
 * An errno that no call gives. A program keeps one across calls that succeed, as a system call allows, and prints what
 * it finds after them.
 */
enum { KEPT_ERRNO = 4711 };

#define REQUIRE_KEEPS(call, result) \
    do { \
        errno = KEPT_ERRNO; \
        long long got_ = (long long)(call); \
        int errno_ = errno; \
        REQUIRE_EQ(got_, result); \
        REQUIRE_EQ(errno_, KEPT_ERRNO); \
    } while (0)

static void making_keeps_errno(void) {
    for (int i = 0; i < 3; i++) {
        errno = KEPT_ERRNO;
        int kq = kqueue1(0), kept = errno;
        REQUIRE(kq >= 0);
        REQUIRE_EQ(kept, KEPT_ERRNO);
        REQUIRE_KEEPS(close(kq), 0);
    }
    errno = KEPT_ERRNO;
    libkqueue_drain_pending_close();
    REQUIRE_EQ(errno, KEPT_ERRNO);
}

/* Adds and deletes a knote, and lets one be delivered between where something is due. */
static void require_errno_kept(uintptr_t ident, int filter, unsigned fflags, intptr_t data, int due) {
    static const int kinds[] = {0, EV_CLEAR, EV_DISPATCH, EV_ONESHOT};
    for (int i = 0; i < 4; i++) {
        int kq = new_kqueue();
        const struct timespec while_waiting = {.tv_nsec = 2000000}, most = {.tv_sec = 5};
        struct kevent entry, event;
        EV_SET(&entry, ident, filter, EV_ADD | kinds[i], fflags, data, NULL);
        REQUIRE_KEEPS(kevent(kq, &entry, 1, NULL, 0, NULL), 0);
        if (filter == EVFILT_SIGNAL)
            raise((int)ident);
        for (int again = 0; again < 3; again++)
            if (due && (again == 0 || (kinds[i] == 0 && filter == EVFILT_READ)))
                REQUIRE_KEEPS(kevent(kq, NULL, 0, &event, 1, &most), 1);
            else if (!due)
                REQUIRE_KEEPS(kevent(kq, NULL, 0, &event, 1, again == 0 ? &while_waiting : &no_wait), 0);
        if (kinds[i] == EV_ONESHOT && due)
            continue;
        EV_SET(&entry, ident, filter, EV_ENABLE, fflags, data, NULL);
        REQUIRE_KEEPS(kevent(kq, &entry, 1, NULL, 0, NULL), 0);
        EV_SET(&entry, ident, filter, EV_DELETE, 0, 0, NULL);
        REQUIRE_KEEPS(kevent(kq, &entry, 1, NULL, 0, NULL), 0);
        REQUIRE_KEEPS(close(kq), 0);
    }
}

static void descriptors_keep_errno(void) {
    int tcp[2], local[2], ends[2], inner = new_kqueue();
    tcp_pair(tcp);
    unix_pair(local);
    REQUIRE_EQ(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
    add_triggered(inner, 1, 0);
    REQUIRE(send(tcp[1], "abc", 3, 0) == 3 && send(local[1], "abc", 3, 0) == 3 && write(ends[1], "abc", 3) == 3);
    const int readable[] = {tcp[0], local[0], ends[0], inner};
    for (int i = 0; i < 4; i++)
        require_errno_kept((uintptr_t)readable[i], EVFILT_READ, 0, 0, 1);
    require_errno_kept((uintptr_t)tcp[1], EVFILT_READ, 0, 0, 0);
    const int writable[] = {tcp[0], local[0], ends[1]};
    for (int i = 0; i < 3; i++)
        require_errno_kept((uintptr_t)writable[i], EVFILT_WRITE, 0, 0, 1);
}

static void listeners_and_files_keep_errno(void) {
    int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_un unnamed = {.sun_family = AF_UNIX};
    REQUIRE_EQ(bind(listener, (struct sockaddr *)&unnamed, sizeof unnamed.sun_family), 0);
    REQUIRE_EQ(listen(listener, 5), 0);
    require_errno_kept((uintptr_t)listener, EVFILT_READ, 0, 0, 0);
    FILE *file = tmpfile();
    REQUIRE(file != NULL && fputs("abc", file) >= 0 && fflush(file) == 0);
    rewind(file);
    require_errno_kept((uintptr_t)fileno(file), EVFILT_READ, 0, 0, 1);
    if (change_errno(new_kqueue(), (uintptr_t)fileno(file), EVFILT_VNODE, EV_ADD, NOTE_WRITE, 0, NULL) == 0)
        require_errno_kept((uintptr_t)fileno(file), EVFILT_VNODE, NOTE_WRITE, 0, 0);
}

static void other_filters_keep_errno(void) {
    require_errno_kept(1, EVFILT_TIMER, 0, 1, 1);
    require_errno_kept(1, EVFILT_TIMER, 0, 100000, 0);
    require_errno_kept(1, EVFILT_USER, NOTE_TRIGGER, 0, 1);
    signal(SIGUSR1, SIG_IGN);
    require_errno_kept(SIGUSR1, EVFILT_SIGNAL, 0, 0, 1);
    if (!on_posix())
        require_errno_kept((uintptr_t)getppid(), EVFILT_PROC, NOTE_EXIT, 0, 0);
}

static void entries_of_errors_keep_errno(void) {
    int kq = new_kqueue();
    struct kevent entry, answer;
    EV_SET(&entry, 1, EVFILT_USER, EV_DELETE, 0, 0, NULL);
    REQUIRE_KEEPS(kevent(kq, &entry, 1, &answer, 1, NULL), 1);
    REQUIRE_EQ(answer.data, ENOENT);
    EV_SET(&entry, 100000, EVFILT_READ, EV_ADD, 0, 0, NULL);
    REQUIRE_KEEPS(kevent(kq, &entry, 1, &answer, 1, NULL), 1);
    REQUIRE_EQ(answer.data, EBADF);
}

const struct contract_case call_cases[] = {
    {"C-001", "kqueue() gives a descriptor that close() takes", kqueue_and_close, 0},
    {"C-002", "kqueue() takes the lowest free number", kqueue_takes_the_lowest_number, 0},
    {"C-003", "EMFILE in a fresh process leaks nothing", emfile_in_a_fresh_process, 0},
    {"C-003", "EMFILE beside another kqueue leaks nothing", emfile_beside_another_kqueue, 0},
    {"C-004", "65 kqueues one after another under a limit of 32", sixty_five_under_a_limit_of_32, 0},
    {"C-005", "kqueue1 with an unknown bit gives EINVAL", kqueue1_refuses_unknown_bits, 0},
    {"C-006", "kqueue1(O_CLOEXEC) shows FD_CLOEXEC", kqueue1_close_on_exec, 0},
    {"C-006", "O_NONBLOCK does not shorten a wait", nonblocking_kqueue_waits, 0},
    {"C-007", "every kqueue shows FD_CLOEXEC", every_kqueue_is_close_on_exec, 0},
    {"C-008", "kqueuex with an unknown bit gives EINVAL", kqueuex_refuses_unknown_bits, 0},
    {"C-009", "kevent on no descriptor gives EBADF", kevent_on_no_descriptor, 0},
    {"C-010", "kevent on another kind of descriptor gives EINVAL", kevent_on_another_descriptor, 0},
    {"C-011", "a negative nchanges gives EINVAL", negative_nchanges, 0},
    {"C-012", "a negative nevents gives EINVAL and applies nothing", negative_nevents, 0},
    {"C-013", "INT_MAX nevents write what there is and no more", int_max_events, 0},
    {"C-014", "a NULL changelist gives EFAULT", null_changelist, 0},
    {"C-015", "a NULL eventlist gives EFAULT and applies nothing", null_eventlist, 0},
    {"C-016", "no room returns 0 at once", no_room_returns_at_once, 0},
    {"C-017", "a zero timeout does not wait", zero_timeout, 0},
    {"C-018", "tv_nsec out of range gives EINVAL", invalid_nanoseconds, 0},
    {"C-019", "a negative tv_sec gives EINVAL", invalid_seconds, 0},
    {"C-020", "without room or after a receipt no timeout is looked at", invalid_timeout_without_room, 0},
    {"C-021", "a change beside an invalid timeout is applied", change_beside_an_invalid_timeout, 0},
    {"C-369", "a kqueue that is made leaves errno alone", making_keeps_errno, 0},
    {"C-369", "so do the changes and events of sockets, pipes and kqueues", descriptors_keep_errno, 0},
    {"C-369", "and those of listeners and files", listeners_and_files_keep_errno, 0},
    {"C-369", "and those of the other filters", other_filters_keep_errno, 0},
    {"C-369", "and entries of errors", entries_of_errors_keep_errno, 0},
    {NULL, NULL, NULL, 0},
};
