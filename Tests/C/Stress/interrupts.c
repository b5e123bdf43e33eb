/*
 * A handler that runs while a thread is inside a blocking kevent(), and nothing
 * is deliverable, ends it with EINTR, whatever wakes the library meanwhile
 * (C-347).
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "stress.h"

/* Nothing tells when a thread is inside; one that was held up before the call misses its signal. */
enum { WAITS = 40, WAIT_MS = 300, LOST_MAX = 2, MARK = 100000 };

struct interrupted {
    int kq, pair[2];
    atomic_int begun, lost;
    atomic_bool over;
    _Atomic pthread_t waiter;
};

static void on_interrupt(int signal) {
    (void)signal;
}

/* Bytes that come and go below the mark wake the library, and tell nobody anything. */
static void make_noise(struct interrupted *interrupted) {
    char byte;
    while (!interrupted->over) {
        REQUIRE(write(interrupted->pair[1], "x", 1) == 1 || errno == EAGAIN);
        REQUIRE(read(interrupted->pair[0], &byte, 1) == 1 || errno == EAGAIN);
    }
}

static void wait_often(struct interrupted *interrupted) {
    struct timespec limit = milliseconds(WAIT_MS);
    struct kevent event;
    interrupted->waiter = pthread_self();
    for (int i = 0; i < WAITS; i++) {
        interrupted->begun = i + 1;
        int count = kevent(interrupted->kq, NULL, 0, &event, 1, &limit);
        if (count == 0)
            interrupted->lost++;
        else if (count != -1 || errno != EINTR)
            FAIL("a wait that a handler interrupts: expected -1 with EINTR; seen %d, errno %d", count, errno);
    }
    interrupted->over = true;
}

static void interrupt(struct interrupted *interrupted, struct random *random) {
    for (int seen = 0; !interrupted->over; sleep_us(100)) {
        if (interrupted->begun == seen)
            continue;
        seen = interrupted->begun;
        sleep_us(random_between(random, 3000, 6000));
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
