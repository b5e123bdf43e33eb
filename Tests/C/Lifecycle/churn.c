/*
 * Opens, watches and closes, over and over, without ever an EV_DELETE: neither
 * memory nor descriptors may grow.
 *
 *   churn [ROUNDS]
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "life-program.h"

#include <sys/socket.h>

enum { ROUNDS_DEFAULT = 200000, WARM_UP = 10000, GROWTH_MAX_KB = 256 };

static void watch_and_close(int kq, long round) {
    struct kevent events[4];
    int pair[2];
    if (round % 4 == 0) {
        CHECK(pipe2(pair, O_CLOEXEC));
    } else {
        CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair));
        change(kq, pair[0], EVFILT_WRITE, EV_ADD | EV_CLEAR, 0);
    }
    change(kq, pair[0], EVFILT_READ, EV_ADD | (round % 3 ? EV_CLEAR : 0), 0);
    if (round % 8 == 0) {
        CHECK(write(pair[1], "x", 1));
        int count = collect(kq, events, 4, 1000);
        if (count < 1)
            fail("round %ld: no event", round);
        for (int i = 0; i < count; i++)
            if (events[i].ident != (uintptr_t)pair[0])
                fail("round %ld: an event of %ju; only %d is watched", round, (uintmax_t)events[i].ident, pair[0]);
    }
    int copy = round % 16 == 0 ? CHECK(dup(pair[0])) : -1; /* what epoll would go on reporting */
    CHECK(close(pair[0]));
    if (copy != -1) {
        if (collect(kq, events, 4, 0) != 0)
            fail("round %ld: an event of %ju, which is closed", round, (uintmax_t)events[0].ident);
        CHECK(close(copy));
    }
    CHECK(close(pair[1]));
}

int main(int argc, char **argv) {
    long rounds = argc > 1 ? strtol(argv[1], NULL, 10) : ROUNDS_DEFAULT;
    struct kevent event;
    int kq = CHECK(kqueue());
    for (long round = 0; round < WARM_UP; round++)
        watch_and_close(kq, round);
    long memory = own_memory_kb();
    int descriptors = open_descriptors();
    double started = now_ms();
    for (long round = 0; round < rounds; round++)
        watch_and_close(kq, round);
    double taken = now_ms() - started;
    if (collect(kq, &event, 1, 100) != 0)
        fail("an event of %ju at the end", (uintmax_t)event.ident);
    long memory_after = own_memory_kb();
    int descriptors_after = open_descriptors();
    printf("%ld rounds in %.1f s: %ld KiB, then %ld; %d descriptors, then %d\n", rounds, taken / 1e3, memory,
           memory_after, descriptors, descriptors_after);
    if (descriptors_after != descriptors)
        fail("the number of descriptors has changed");
    if (memory_after - memory > GROWTH_MAX_KB)
        fail("memory has grown");
    return 0;
}
