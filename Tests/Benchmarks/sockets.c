/*
 * Sets of socketpairs, and the two ways of watching them.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#define _GNU_SOURCE
#include "bench.h"

#include <sys/event.h>

#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

void sockets_open(struct socket_set *set, int count, bool ready) {
    set->count = count;
    set->watched = calloc((size_t)count, sizeof(int));
    set->other = calloc((size_t)count, sizeof(int));
    BENCH_REQUIRE(set->watched != NULL && set->other != NULL);
    for (int i = 0; i < count; i++) {
        int pair[2];
        BENCH_REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0);
        set->watched[i] = pair[0];
        set->other[i] = pair[1];
        BENCH_REQUIRE(!ready || write(pair[1], "x", 1) == 1);
    }
}

int sockets_kqueue(const struct socket_set *set) {
    int kq = kqueue();
    BENCH_REQUIRE(kq != -1);
    for (int i = 0; i < set->count; i++) {
        struct kevent change;
        EV_SET(&change, set->watched[i], EVFILT_READ, EV_ADD, 0, 0, NULL);
        BENCH_REQUIRE(kevent(kq, &change, 1, NULL, 0, NULL) == 0);
    }
    return kq;
}

int sockets_epoll(const struct socket_set *set) {
    int ep = epoll_create1(EPOLL_CLOEXEC);
    BENCH_REQUIRE(ep != -1);
    for (int i = 0; i < set->count; i++) {
        struct epoll_event event = {.events = EPOLLIN, .data.fd = set->watched[i]};
        BENCH_REQUIRE(epoll_ctl(ep, EPOLL_CTL_ADD, set->watched[i], &event) == 0);
    }
    return ep;
}
