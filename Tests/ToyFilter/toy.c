/* What the filter of docs/adding-a-filter.md does, in the library that has it. SPDX-License-Identifier: BSD-2-Clause */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/event.h>
#include <unistd.h>

static int kq;

static void require(int line, int is_so) {
    if (!is_so) {
        fprintf(stderr, "toy.c:%d\n", line);
        exit(1);
    }
}
#define REQUIRE(is_so) require(__LINE__, is_so)

static int change(uintptr_t ident, int flags, int data) {
    struct kevent entry;
    EV_SET(&entry, ident, EVFILT_TOY, flags, 0, data, NULL);
    return kevent(kq, &entry, 1, NULL, 0, NULL);
}

/* The number that the event of an ident says, or 0 where there is no event. */
static int told(uintptr_t ident) {
    struct kevent event;
    struct timespec now = {0, 0};
    if (kevent(kq, NULL, 0, &event, 1, &now) != 1)
        return 0;
    REQUIRE(event.filter == EVFILT_TOY && event.ident == ident);
    return (int)event.data;
}

int main(void) {
    kq = kqueue();
    struct pollfd outside = {kq, POLLIN, 0};
    REQUIRE(change(7, EV_ADD, 0) == 0 && told(7) == 0 && poll(&outside, 1, 0) == 0);
    REQUIRE(change(7, EV_ADD, 3) == 0 && told(7) == 3 && told(7) == 3 && poll(&outside, 1, 0) == 1);
    REQUIRE(change(7, EV_DISABLE, 0) == 0 && told(7) == 0);
    REQUIRE(change(7, EV_ENABLE, 0) == 0 && told(7) == 3);
    REQUIRE(change(7, EV_ADD, 0) == 0 && told(7) == 0);
    REQUIRE(change(8, EV_ADD | EV_ONESHOT, 5) == 0 && told(8) == 5 && told(8) == 0 && change(8, EV_DELETE, 0) == -1);
    REQUIRE(change(7, EV_DELETE, 0) == 0 && change(7, EV_DELETE, 0) == -1);
    return close(kq);
}
