/*
 * A handler that runs while a thread is inside a blocking kevent(), and nothing
 * is deliverable, ends it with EINTR, whatever wakes the library meanwhile
 * (C-347).
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#define _GNU_SOURCE
#include "stress.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/*
 * Signals are held once a wait of the kqueue has brought nothing: a handler that runs just then, between the first such
 * wait and the hold, is not noticed.
 */
enum { WAITS = 40, WAIT_MS = 5000, LOST_MAX = 1, MARK = 100000 };

struct interrupted {
    int kq, pair[2];
    atomic_int begun, lost;
    atomic_bool over;
    _Atomic pthread_t waiter;
    atomic_int thread;
};

static atomic_int runs;

static void on_interrupt(int signal) {
    (void)signal;
    runs++;
}

/*
 * Bytes that come and go below the mark wake the library, and tell nobody anything.  Between bursts of them the waiter
 * is seen to sleep; on an idle machine it would not be for seconds.
 */
static void make_noise(struct interrupted *interrupted) {
    char byte;
    for (unsigned count = 1; !interrupted->over; count++) {
        if (count % 64 == 0)
            sleep_us(500);
        REQUIRE(write(interrupted->pair[1], "x", 1) == 1 || errno == EAGAIN);
        REQUIRE(read(interrupted->pair[0], &byte, 1) == 1 || errno == EAGAIN);
    }
}

static void read_of(int thread, const char *name, char *text, size_t size) {
    char path[64];
    snprintf(path, sizeof path, "/proc/self/task/%d/%s", thread, name);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    REQUIRE(fd >= 0);
    ssize_t length = read(fd, text, size - 1);
    REQUIRE(length > 0);
    REQUIRE_EQ(close(fd), 0);
    text[length] = '\0';
}

/* How often a thread has gone to sleep, or -1 where it does not sleep. */
static long current_sleep(int thread) {
    static const char state[] = "\nState:\t", count[] = "\nvoluntary_ctxt_switches:";
    char text[4096];
    read_of(thread, "status", text, sizeof text);
    char *letter = strstr(text, state), *switches = strstr(text, count);
    REQUIRE(letter != NULL && switches != NULL);
    return letter[sizeof state - 1] == 'S' ? strtol(switches + sizeof count - 1, NULL, 10) : -1;
}

/* Whether what a thread is in is a system call that waits for descriptors. */
static bool is_call_that_waits(int thread) {
    static const long waits[] = {
#ifdef SYS_poll
        SYS_poll, SYS_epoll_wait,
#endif
#ifdef SYS_epoll_pwait2
        SYS_epoll_pwait2,
#endif
        SYS_epoll_pwait, SYS_ppoll, SYS_pselect6,
    };
    char text[256];
    read_of(thread, "syscall", text, sizeof text); /* "running", or the number and more */
    for (size_t i = 0; i < sizeof waits / sizeof *waits; i++)
        if (text[0] != 'r' && strtol(text, NULL, 10) == waits[i])
            return true;
    return false;
}

/* One sleep, in such a call. A call that only looks may be left for another thread's turn, and does not sleep. */
static bool is_in_wait(int thread) {
    long sleep = current_sleep(thread);
    return sleep >= 0 && is_call_that_waits(thread) && current_sleep(thread) == sleep;
}

static void wait_often(struct interrupted *interrupted) {
    struct timespec limit = milliseconds(WAIT_MS);
    struct kevent event;
    interrupted->waiter = pthread_self();
    interrupted->thread = (int)syscall(SYS_gettid);
    for (int i = 0; i < WAITS; i++) {
        interrupted->begun = i + 1;
        int before = runs, count = kevent(interrupted->kq, NULL, 0, &event, 1, &limit);
        if (count == 0)
            interrupted->lost += runs != before;
        else if (count != -1 || errno != EINTR)
            FAIL("a wait that a handler interrupts: expected -1 with EINTR; seen %d, errno %d", count, errno);
    }
    interrupted->over = true;
}

static void interrupt(struct interrupted *interrupted, struct random *random) {
    for (int seen = 0; !interrupted->over; sleep_us(100)) {
        if (interrupted->begun == seen || !is_in_wait(interrupted->thread))
            continue;
        seen = interrupted->begun;
        sleep_us(random_below(random, 3000));
        if (!interrupted->over)
            REQUIRE_EQ(pthread_kill(interrupted->waiter, SIGUSR1), 0);
    }
}

static void take_part(void *context, struct member *member) {
    struct interrupted *interrupted = context;
    note(member->number == 0 ? "waiting" : member->number == 1 ? "interrupting" : "making noise");
    if (member->number == 0)
        wait_often(interrupted);
    else if (member->number == 1)
        interrupt(interrupted, &member->random);
    else
        make_noise(interrupted);
}

void run_interrupts(struct epoch *epoch) {
    struct interrupted interrupted = {.kq = new_kqueue()};
    struct sigaction action = {.sa_handler = on_interrupt}, before;
    struct team team;
    REQUIRE_EQ(sigaction(SIGUSR1, &action, &before), 0);
    open_transport(UNIX_STREAM, interrupted.pair);
    CHANGE(interrupted.kq, (uintptr_t)interrupted.pair[0], EVFILT_READ, EV_ADD, NOTE_LOWAT, MARK, NULL);
    team_start(&team, "part", random_chance(&epoch->random, 70) && epoch->threads > 2 ? 3 : 2, take_part, &interrupted,
               epoch->seed);
    team_release(&team);
    team_end(&team);
    if (interrupted.lost > LOST_MAX)
        FAIL("expected a handler to end each of %d waits with EINTR; %d slept on", WAITS, interrupted.lost);
    REQUIRE_EQ(sigaction(SIGUSR1, &before, NULL), 0);
    REQUIRE_EQ(close(interrupted.kq), 0);
    REQUIRE_EQ(close(interrupted.pair[0]), 0);
    REQUIRE_EQ(close(interrupted.pair[1]), 0);
}
