/*
 * Knotes of the same kqueue that nothing is to happen to, and whether it goes on.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "faults.h"

#include <fcntl.h>
#include <unistd.h>

enum { PIPE = 1, USER = 2, BYSTANDER = 7001, NEWCOMER = 7002 };

void add_bystanders(struct bystanders *bystanders, int kq) {
    bystanders->kq = kq;
    bystanders->registered = 0;
    REQUIRE(pipe2(bystanders->pipe, O_CLOEXEC | O_NONBLOCK) == 0);
    if (apply(kq, (uintptr_t)bystanders->pipe[0], EVFILT_READ, EV_ADD | EV_CLEAR, 0, 0) == 0)
        bystanders->registered |= PIPE;
    if (apply(kq, BYSTANDER, EVFILT_USER, EV_ADD | EV_CLEAR, 0, 0) == 0)
        bystanders->registered |= USER;
}

void trigger_bystanders(struct bystanders *bystanders) {
    REQUIRE(write(bystanders->pipe[1], "b", 1) == 1);
    if (bystanders->registered & USER)
        (void)apply(bystanders->kq, BYSTANDER, EVFILT_USER, 0, NOTE_TRIGGER, 0);
}

int want_bystanders(struct bystanders *bystanders, struct wanted *wanted) {
    int count = 0;
    if (bystanders->registered & PIPE)
        wanted[count++] = (struct wanted){(uintptr_t)bystanders->pipe[0], EVFILT_READ, 0, true};
    if (bystanders->registered & USER)
        wanted[count++] = (struct wanted){BYSTANDER, EVFILT_USER, 0, true};
    return count;
}

void drain_bystanders(struct bystanders *bystanders) {
    char bytes[16];
    while (read(bystanders->pipe[0], bytes, sizeof bytes) > 0)
        ;
}

void free_bystanders(struct bystanders *bystanders) {
    (void)LIBRARY(close(bystanders->pipe[0]));
    close(bystanders->pipe[1]);
}

static void require_told(int kq, uintptr_t ident, int filter) {
    struct wanted wanted = {ident, filter, 0, true};
    gather(kq, &wanted, 1);
}

void require_working(int kq) {
    int pair[2];
    REQUIRE(pipe2(pair, O_CLOEXEC | O_NONBLOCK) == 0);
    if (apply(kq, NEWCOMER, EVFILT_TIMER, EV_ADD | EV_ONESHOT, 0, 1) == 0)
        require_told(kq, NEWCOMER, EVFILT_TIMER);
    if (apply(kq, NEWCOMER, EVFILT_USER, EV_ADD | EV_CLEAR, NOTE_TRIGGER, 0) == 0) {
        require_told(kq, NEWCOMER, EVFILT_USER);
        (void)apply(kq, NEWCOMER, EVFILT_USER, EV_DELETE, 0, 0);
    }
    if (apply(kq, (uintptr_t)pair[0], EVFILT_READ, EV_ADD | EV_CLEAR, 0, 0) == 0) {
        REQUIRE(write(pair[1], "n", 1) == 1);
        require_told(kq, (uintptr_t)pair[0], EVFILT_READ);
        (void)apply(kq, (uintptr_t)pair[0], EVFILT_READ, EV_DELETE, 0, 0);
    }
    require_silent(kq, 0);
    require_silent(kq, 2);
    close(pair[0]);
    close(pair[1]);
}
