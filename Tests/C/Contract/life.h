/*
 * What the cases of closing and forking share.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef LIFE_H
#define LIFE_H

#include "io.h"

#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/syscall.h>

/* Older C libraries lack these; the library has them. */
int close_range(unsigned first, unsigned last, int flags);
void closefrom(int first);

#ifndef SYS_close_range
#define SYS_close_range 436
#endif
#ifndef CLOSE_RANGE_UNSHARE
#define CLOSE_RANGE_UNSHARE 2U
#endif
#ifndef CLOSE_RANGE_CLOEXEC
#define CLOSE_RANGE_CLOEXEC 4U
#endif

/* Whether the program's close() is the library's; otherwise it finds closes out later. */
static inline bool closes_are_seen(void) {
    struct kevent entry;
    int kq = new_kqueue();
    EV_SET(&entry, 0, EVFILT_LIBKQUEUE, EV_ADD, NOTE_INTERPOSED, 0, NULL);
    REQUIRE_EQ(kevent(kq, &entry, 1, &entry, 1, NULL), 1);
    REQUIRE_EQ(entry.flags & EV_ERROR, 0);
    REQUIRE(entry.data == 0 || entry.data == 1);
    REQUIRE_EQ(close(kq), 0);
    return entry.data == 1;
}

/* A close that no library sees. */
static inline void close_unseen(int fd) {
    REQUIRE_EQ(syscall(SYS_close, fd), 0);
}

/* Requires that EV_DELETE of a knote fails: EBADF of a closed number, ENOENT of one in use. */
#define REQUIRE_NO_KNOTE(kq, fd, filter, code) \
    REQUIRE_EQ(change_errno(kq, (uintptr_t)(fd), filter, EV_DELETE, 0, 0, NULL), code)

/* Moves a descriptor to a number, which must be free or its own. */
static inline void move_to(int fd, int number) {
    if (fd == number)
        return;
    REQUIRE_EQ(fcntl(fd, F_DUPFD_CLOEXEC, number), number);
    REQUIRE_EQ(close(fd), 0);
}

static inline int duplicate(int fd) {
    int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    REQUIRE(copy >= 0);
    return copy;
}

static inline bool is_open(int fd) {
    return fcntl(fd, F_GETFD) != -1;
}

/* A readable descriptor that is no socket and no pipe. */
static inline int readable_eventfd(void) {
    int fd = eventfd(1, EFD_CLOEXEC);
    REQUIRE(fd >= 0);
    return fd;
}

/* A regular file without a name, with some bytes to read. */
static inline int regular_file(void) {
    char path[] = "/tmp/contract-XXXXXX";
    int fd = mkostemp(path, O_CLOEXEC);
    REQUIRE(fd >= 0);
    REQUIRE_EQ(unlink(path), 0);
    put(fd, "12345678");
    REQUIRE_EQ(lseek(fd, 0, SEEK_SET), 0);
    return fd;
}

static inline double process_cpu_ms(void) {
    struct timespec used;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
    return (double)used.tv_sec * 1e3 + (double)used.tv_nsec / 1e6;
}

/* Requires a second without an event, and little of it at work. */
static inline void require_idle_second(int kq) {
    struct kevent event;
    double before = process_cpu_ms();
    REQUIRE_EQ(collect(kq, &event, 1, 1000), 0);
    double used = process_cpu_ms() - before;
    if (used >= allowed_cpu(50) && !sanitized())
        contract_fail(__FILE__, __LINE__, "%.1f ms of CPU in a second's wait", used);
}

/* A line of what the system tells of the memory in use. */
static inline long memory_kb(const char *name) {
    char text[1024];
    int fd = open(seen_proc("self/smaps_rollup"), O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        contract_skip("no smaps_rollup");
    ssize_t length = read(fd, text, sizeof text - 1);
    REQUIRE(length > 0);
    close(fd);
    text[length] = 0;
    const char *line = strstr(text, name);
    REQUIRE(line != NULL);
    return strtol(strchr(line, ':') + 1, NULL, 10);
}

/* A child on a copy of the caller's stack, by the system call alone: libc learns nothing of it. */
static inline pid_t raw_clone(unsigned long flags) {
#ifdef __s390__
    return (pid_t)syscall(SYS_clone, 0, flags, 0, 0, 0); /* the stack comes first */
#else
    return (pid_t)syscall(SYS_clone, flags, 0, 0, 0, 0);
#endif
}

static inline long resident_kb(void) {
    return memory_kb("\nRss:");
}

/* Without the pages of programs and libraries, which come in as they are first used. */
static inline long own_memory_kb(void) {
    return memory_kb("\nAnonymous:");
}

/* Requires that a child ends well; what failed in it, it has said itself. */
static inline void finish_child(pid_t child) {
    int status = 0;
    REQUIRE(child > 0);
    while (waitpid(child, &status, 0) == -1)
        REQUIRE_EQ(errno, EINTR);
    if (!WIFEXITED(status))
        contract_fail(__FILE__, __LINE__, "a child died: %s", strsignal(WTERMSIG(status)));
    REQUIRE_EQ(WEXITSTATUS(status), 0);
}

/* Whether a forked child finds such memory empty, and not only whether the system says so: emulators do nothing. */
static inline bool system_wipes(void) {
    enum { BYTES = 4096, WIPE_ON_FORK = 18 };
    char *memory = mmap(NULL, BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    int status = 1;
    REQUIRE(memory != MAP_FAILED);
    *memory = 1;
    if (madvise(memory, BYTES, WIPE_ON_FORK) == 0) {
        pid_t child = fork();
        if (child == 0)
            _exit(*memory);
        REQUIRE(child > 0 && waitpid(child, &status, 0) == child);
    }
    munmap(memory, BYTES);
    return status == 0;
}

/* What forks that run no handlers, and children that take the number of their parent, are told by. */
static inline void need_wiping(void) {
    const char *setting = getenv("KQUEUE_NO_WIPEONFORK");
    if ((setting != NULL && setting[0] != '\0' && setting[0] != '0') || !system_wipes())
        contract_skip("memory is not wiped (MADV_WIPEONFORK, Linux 4.14), and this fork runs no handlers");
}

/* Requires that a new kqueue of each facility works here. */
static inline void require_working_kqueue(void) {
    int kq = new_kqueue(), pair[2];
    struct waiter waiter;
    struct kevent event;
    add_triggered(kq, 1, EV_CLEAR);
    REQUIRE_EQ(next_event(kq).ident, 1);
    change(kq, 2, EVFILT_TIMER, EV_ADD | EV_ONESHOT, 0, 1, NULL);
    event = next_event(kq);
    REQUIRE_EQ(event.ident, 2);
    REQUIRE_EQ(event.filter, EVFILT_TIMER);
    new_pipe(pair);
    add_read(kq, pair[0], 0);
    put(pair[1], "12345");
    EXPECT(kq, pair[0], EV_ADD, 0, 5);
    REQUIRE_EQ(close(pair[0]), 0);
    REQUIRE_EQ(collect(kq, &event, 1, 0), 0);
    start_waiter(&waiter, kq, 1, 5000);
    trigger(kq, 1);
    join_waiter(&waiter);
    REQUIRE_EQ(waiter.result, 1);
    REQUIRE_EQ(waiter.events[0].ident, 1);
    REQUIRE_EQ(close(pair[1]), 0);
    REQUIRE_EQ(close(kq), 0);
}

#endif /* LIFE_H */
