/*
 * What the cases of processes share: children that do as they are told.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef PROCESS_H
#define PROCESS_H

#include "life.h"

#include <sched.h>
#include <spawn.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>

enum { EXIT_FLAGS = EV_ADD | EV_CLEAR | EV_ONESHOT | EV_EOF };

/* Requires one event, of this process, with exactly these fields. */
#define EXPECT_PROC(kq, pid, flags, fflags, data) \
    expect_event(__FILE__, __LINE__, next_event(kq), pid, EVFILT_PROC, flags, fflags, data)
#define EXPECT_EXIT(kq, pid, status) EXPECT_PROC(kq, pid, EXIT_FLAGS, NOTE_EXIT, status)

static inline void add_proc(int kq, pid_t pid, unsigned fflags) {
    change(kq, (uintptr_t)pid, EVFILT_PROC, EV_ADD, fflags, 0, NULL);
}

/* What a child is told: a letter, and a number for some. */
struct order {
    int what, number;
};

/* A child that waits for orders, and answers each with a number. */
struct served {
    pid_t pid;
    int control;
};

static inline pid_t reaped(pid_t child) {
    while (waitpid(child, NULL, __WALL) == -1 && errno == EINTR)
        continue;
    return child;
}

static inline pid_t fork_exiting(int code) {
    pid_t child = fork();
    if (child == 0)
        _exit(code);
    return child;
}

static inline pid_t fork_waiting(void) {
    pid_t child = fork();
    if (child == 0)
        for (;;)
            pause();
    return child;
}

static inline pid_t vfork_exiting(void) {
    pid_t child = vfork();
    if (child == 0)
        _exit(0);
    return child;
}

/* A child of which the parent gets no signal. */
static inline pid_t clone_exiting(void) {
    pid_t child = raw_clone(0);
    if (child == 0)
        _exit(0);
    return child;
}

static inline pid_t spawn_true(void) {
    extern char **environ;
    char *arguments[] = {"true", NULL};
    pid_t child = -1;
    return posix_spawn(&child, "/bin/true", NULL, NULL, arguments, environ) == 0 ? child : -1;
}

/* A child with a child of its own; both end, the younger first. */
static inline pid_t fork_two_generations(void) {
    pid_t child = fork();
    if (child == 0) {
        reaped(fork_exiting(2));
        _exit(1);
    }
    return child;
}

static inline pid_t fork_many(int count) {
    for (int i = 0; i < count; i++)
        reaped(fork_exiting(i % 200));
    return count;
}

static inline void *thread_that_does_nothing(void *argument) { return argument; }

static inline void *thread_that_forks(void *answer) {
    *(pid_t *)answer = reaped(fork_exiting(9));
    return NULL;
}

/* A thread that forks when it is told to. */
struct forker {
    _Atomic int asked, forked;
};

static inline void *thread_that_waits(void *argument) {
    struct forker *forker = argument;
    while (!forker->asked)
        sleep_ms(1);
    forker->forked = reaped(fork_exiting(9));
    return NULL;
}

static inline int ask(struct forker *forker) {
    forker->asked = 1;
    while (!forker->forked)
        sleep_ms(1);
    return forker->forked;
}

/* Becomes another program, which says "okay", forks nothing, and ends with 5 when it is told a line. */
static inline _Noreturn void become_shell(int control) {
    dup2(control, 0);
    dup2(control, 1);
    execl("/bin/sh", "sh", "-c", "printf okay; read line; exit 5", (char *)NULL);
    _exit(127);
}

static inline void *thread_that_execs(void *control) {
    become_shell(*(int *)control);
    return NULL;
}

static inline int obey(struct order order, int control) {
    static struct forker forker;
    static int shared_control; /* outlives the first thread's stack */
    pid_t answer = 0;
    pthread_t thread;
    shared_control = control;
    switch (order.what) {
    case 'f': return reaped(fork_exiting(9));
    case 'F': return fork_waiting();
    case 'v': return reaped(vfork_exiting());
    case 'c': return reaped(clone_exiting());
    case 'p': return reaped(spawn_true());
    case 'g': return reaped(fork_two_generations());
    case 'm': return fork_many(order.number);
    case 't': return pthread_create(&thread, NULL, thread_that_does_nothing, NULL) || pthread_join(thread, NULL);
    case 'T':
        pthread_create(&thread, NULL, thread_that_forks, &answer);
        pthread_join(thread, NULL);
        return answer;
    case 'w': return pthread_create(&thread, NULL, thread_that_waits, &forker);
    case 'W': return ask(&forker);
    case 'e': become_shell(control);
    case 'E':
        pthread_create(&thread, NULL, thread_that_execs, &shared_control);
        for (;;)
            pause();
    case 'x': _exit(order.number);
    case 'l': /* only the main thread ends */
        pthread_create(&thread, NULL, thread_that_execs, &shared_control);
        pthread_exit(NULL);
    default: return -1;
    }
}

static inline _Noreturn void serve(int control) {
    struct order order;
    while (read(control, &order, sizeof order) == sizeof order) {
        int answer = obey(order, control);
        if (write(control, &answer, sizeof answer) != sizeof answer)
            break;
    }
    _exit(0);
}

static inline struct served serve_child(void) {
    int pair[2];
    unix_pair(pair);
    struct served child = {.pid = fork(), .control = pair[0]};
    REQUIRE(child.pid >= 0);
    if (child.pid == 0) {
        syscall(SYS_close, pair[0]);
        serve(pair[1]);
    }
    REQUIRE_EQ(close(pair[1]), 0);
    return child;
}

static inline void give_order(const struct served *child, int what, int number) {
    struct order order = {what, number};
    REQUIRE_EQ(send(child->control, &order, sizeof order, MSG_NOSIGNAL), sizeof order);
}

/* Has the program that a child became end. */
static inline void end_shell(const struct served *child) { give_order(child, '\n', 0); }

static inline int answer_of(const struct served *child) {
    int answer = 0;
    REQUIRE_EQ(recv(child->control, &answer, sizeof answer, MSG_WAITALL), sizeof answer);
    return answer;
}

/* Has the child do something, and its answer. */
static inline int have(const struct served *child, int what) {
    give_order(child, what, 0);
    int answer = answer_of(child);
    REQUIRE(answer >= 0);
    return answer;
}

static inline void have_exec(const struct served *child, int what) {
    give_order(child, what, 0);
    char text[5] = "";
    REQUIRE_EQ(recv(child->control, text, 4, MSG_WAITALL), 4);
    REQUIRE(strcmp(text, "okay") == 0);
}

/* Until a child has ended; it is not reaped. */
static inline void await_exit(pid_t child) {
    siginfo_t info;
    REQUIRE_EQ(waitid(P_PID, (id_t)child, &info, WEXITED | WNOWAIT), 0);
}

static inline int reap(pid_t child) {
    int status = 0;
    REQUIRE_EQ(waitpid(child, &status, 0), child);
    return status;
}

/* Has a child end with this code, and waits until it has. */
static inline void end_child(const struct served *child, int code) {
    give_order(child, 'x', code);
    await_exit(child->pid);
}

static inline pid_t zombie(int code) {
    pid_t child = fork_exiting(code);
    REQUIRE(child > 0);
    await_exit(child);
    return child;
}

/*
 * Whether the kernel has no descriptors of processes (Linux before 5.3), or a filter denies them: children are told of
 * by SIGCHLD there, and other processes are looked at.
 */
static inline bool lacks_descriptors_of_processes(void) {
    int pidfd = open_pidfd(getpid());
    if (pidfd >= 0)
        REQUIRE_EQ(close(pidfd), 0);
    return pidfd < 0 && !on_posix();
}

/* Whether the kernel tells the status of a process that was reaped: Linux 6.15 and later. */
static inline bool status_outlives_reaping(void) {
    struct {
        uint64_t mask, rest[8];
    } info = {.mask = 1 << 3};
    if (lacks_descriptors_of_processes())
        return false;
    pid_t child = fork_waiting();
    int pidfd = open_pidfd(child);
    REQUIRE(child > 0 && pidfd >= 0);
    REQUIRE_EQ(kill(child, SIGKILL), 0);
    reap(child);
    bool tells = ioctl(pidfd, _IOC(_IOC_READ | _IOC_WRITE, 0xff, 11, sizeof info), &info) == 0 &&
                 (info.mask & 1 << 3) != 0;
    REQUIRE_EQ(close(pidfd), 0);
    return tells;
}

/* The status that an event must tell of a process that was reaped before it was looked at. */
static inline int told_status(int status) {
    return lacks_descriptors_of_processes() || status_outlives_reaping() ? status : 0;
}

/* Where SIGCHLD tells of children, the status of one is whoever's that waits for it first, and may be lost. */
#define EXPECT_EXIT_OF_REAPED(kq, pid, status) \
    do { \
        struct kevent reaped_ = next_event(kq); \
        bool lost_ = (on_posix() || lacks_descriptors_of_processes()) && reaped_.data == 0; \
        expect_event(__FILE__, __LINE__, reaped_, (int)(pid), EVFILT_PROC, EXIT_FLAGS, NOTE_EXIT, \
                     lost_ ? 0 : (status)); \
    } while (0)

/* A namespace of users in which nobody is but root: a limit of the surroundings. */
static inline void need_nobody(void) {
    pid_t child = geteuid() == 0 ? fork() : -1;
    if (child == 0)
        _exit(setresgid(65534, 65534, 65534) != 0 || setresuid(65534, 65534, 65534) != 0);
    if (child > 0 && reap(child) != 0)
        contract_skip("root can become no other user in this namespace of users");
}

/* From now on nobody in particular. */
static inline void become_nobody(void) {
    if (geteuid() != 0)
        return;
    REQUIRE_EQ(setresgid(65534, 65534, 65534), 0);
    REQUIRE_EQ(setresuid(65534, 65534, 65534), 0);
    REQUIRE_EQ(prctl(PR_SET_DUMPABLE, 1), 0);
}

#endif /* PROCESS_H */
