/*
 * The least that uses the library: a trigger, a byte in a pipe, a timer.
 * C89, as the oldest of its users.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#define _GNU_SOURCE
#include <sys/event.h>

#include <stdio.h>
#include <unistd.h>

#define REQUIRE(condition) \
    do { \
        if (!(condition)) { \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition); \
            return 1; \
        } \
    } while (0)

int main(void) {
    struct kevent changes[3], events[4];
    struct timespec five_seconds = {5, 0};
    int ends[2], kq = kqueue();
    REQUIRE(kq >= 0);
    REQUIRE(pipe(ends) == 0 && write(ends[1], "x", 1) == 1);

    EV_SET(&changes[0], ends[0], EVFILT_READ, EV_ADD, 0, 0, NULL);
    EV_SET(&changes[1], 7, EVFILT_USER, EV_ADD | EV_CLEAR, 0, 0, changes);
    EV_SET(&changes[2], 7, EVFILT_USER, 0, NOTE_TRIGGER, 0, changes);
    REQUIRE(kevent(kq, changes, 3, events, 4, &five_seconds) == 2);
    REQUIRE(close(ends[0]) == 0);

    EV_SET(&changes[0], 1, EVFILT_TIMER, EV_ADD | EV_ONESHOT, NOTE_MSECONDS, 10, NULL);
    REQUIRE(kevent(kq, changes, 1, events, 4, &five_seconds) == 1);
    REQUIRE(events[0].filter == EVFILT_TIMER && events[0].data == 1);
    REQUIRE(close(kq) == 0);
    REQUIRE(kevent(kq, NULL, 0, events, 4, &five_seconds) == -1);
    printf("smoke: ok\n");
    return 0;
}
