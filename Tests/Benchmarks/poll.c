/*
 * What the library for any system with POSIX.1-2008 is made of, by hand: poll(2)
 * over an array, and FIONREAD for what kevent says in data.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#define _GNU_SOURCE
#include "bench.h"

#include <poll.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { FEW = 100, SOCKETS = 1000, STRIDE = 37 /* has no factor in common: each has its turn */ };

struct polled {
    struct socket_set set;
    struct pollfd *list;
    int turn;
};

static void open_list(struct polled *p, int count, bool ready) {
    sockets_open(&p->set, count, ready);
    p->turn = 0;
    p->list = calloc((size_t)count, sizeof *p->list);
    BENCH_REQUIRE(p->list != NULL);
    for (int i = 0; i < count; i++)
        p->list[i] = (struct pollfd){.fd = p->set.watched[i], .events = POLLIN};
}

static void collect_poll(void *argument) {
    struct polled *p = argument;
    long bytes = 0;
    int n = poll(p->list, (nfds_t)p->set.count, -1);
    for (int i = 0; i < p->set.count; i++) {
        int readable = 0;
        if (p->list[i].revents == 0)
            continue;
        ioctl(p->list[i].fd, FIONREAD, &readable);
        bytes += readable;
    }
    BENCH_REQUIRE(n == p->set.count && bytes == n);
}

static void once_poll(void *argument) {
    struct polled *p = argument;
    char byte;
    int bytes = 0, place = 0;
    p->turn = (p->turn + STRIDE) % SOCKETS;
    BENCH_REQUIRE(write(p->set.other[p->turn], "x", 1) == 1);
    int n = poll(p->list, SOCKETS, -1);
    while (place < SOCKETS && p->list[place].revents == 0)
        place++;
    BENCH_REQUIRE(n == 1 && place == p->turn);
    BENCH_REQUIRE(ioctl(p->list[place].fd, FIONREAD, &bytes) == 0 && bytes == 1);
    BENCH_REQUIRE(read(p->list[place].fd, &byte, 1) == 1);
}

static double harvest_poll(void) {
    struct polled p;
    open_list(&p, FEW, true);
    return bench_measure(collect_poll, &p) / FEW;
}

static double active_poll(void) {
    struct polled p;
    open_list(&p, SOCKETS, false);
    return bench_measure(once_poll, &p);
}

const struct bench poll_benches[] = {
    {"poll-harvest-100", "100 ready sockets, each, poll", "ns", harvest_few_kqueue, harvest_poll, 1.15},
    {"poll-active-1-of-1000", "1 active of 1,000, poll", "ns", active_kqueue, active_poll, 1.15},
    {0},
};
