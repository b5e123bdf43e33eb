/*
 * One event of each kind of descriptor: written, told, read.  By hand as programs
 * write it: nobody asks how much there is.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#define _GNU_SOURCE
#include "bench.h"

#include <sys/event.h>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

struct ends {
    int read, written;
    int queue;
    size_t size;      /* of what is written */
    unsigned how;     /* EV_CLEAR, EV_ONESHOT, EPOLLET or EPOLLONESHOT */
};

static struct ends open_eventfd(void) {
    int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    return (struct ends){.read = fd, .written = fd, .size = sizeof(uint64_t)};
}

static struct ends open_pipe(void) {
    int ends[2];
    BENCH_REQUIRE(pipe2(ends, O_CLOEXEC) == 0);
    return (struct ends){.read = ends[0], .written = ends[1], .size = 1};
}

static struct ends open_local(int type) {
    int ends[2];
    BENCH_REQUIRE(socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, ends) == 0);
    return (struct ends){.read = ends[0], .written = ends[1], .size = 1};
}

static struct ends open_stream(void) { return open_local(SOCK_STREAM); }
static struct ends open_datagram(void) { return open_local(SOCK_DGRAM); }

static struct ends open_udp(void) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    struct ends ends = {.read = socket(AF_INET, SOCK_DGRAM, 0), .written = socket(AF_INET, SOCK_DGRAM, 0), .size = 1};
    BENCH_REQUIRE(bind(ends.read, (struct sockaddr *)&address, size) == 0);
    BENCH_REQUIRE(getsockname(ends.read, (struct sockaddr *)&address, &size) == 0);
    BENCH_REQUIRE(connect(ends.written, (struct sockaddr *)&address, size) == 0);
    return ends;
}

static void put(const struct ends *ends) {
    uint64_t one = 1;
    BENCH_REQUIRE(write(ends->written, &one, ends->size) == (ssize_t)ends->size);
}

static void take(const struct ends *ends) {
    uint64_t room;
    BENCH_REQUIRE(read(ends->read, &room, sizeof room) == (ssize_t)ends->size);
}

static void change(const struct ends *ends, int filter, int flags) {
    struct kevent change;
    EV_SET(&change, ends->read, filter, flags, 0, 0, NULL);
    BENCH_REQUIRE(kevent(ends->queue, &change, 1, NULL, 0, NULL) == 0);
}

static void add_to_kqueue(const struct ends *ends) {
    change(ends, EVFILT_READ, EV_ADD | (int)ends->how);
}

static void round_kqueue(void *argument) {
    const struct ends *ends = argument;
    struct kevent event;
    put(ends);
    BENCH_REQUIRE(kevent(ends->queue, NULL, 0, &event, 1, NULL) == 1);
    take(ends);
    if (ends->how & EV_ONESHOT)
        add_to_kqueue(ends);
}

static void enter_in_epoll(const struct ends *ends, int how) {
    struct epoll_event wanted = {.events = EPOLLIN | ends->how};
    BENCH_REQUIRE(epoll_ctl(ends->queue, how, ends->read, &wanted) == 0);
}

static void round_epoll(void *argument) {
    const struct ends *ends = argument;
    struct epoll_event event;
    put(ends);
    BENCH_REQUIRE(epoll_wait(ends->queue, &event, 1, -1) == 1);
    take(ends);
    if (ends->how & EPOLLONESHOT)
        enter_in_epoll(ends, EPOLL_CTL_MOD);
}

static double time_kqueue(struct ends ends, unsigned how) {
    ends.queue = kqueue();
    ends.how = how;
    add_to_kqueue(&ends);
    return bench_measure(round_kqueue, &ends);
}

static double time_epoll(struct ends ends, unsigned how) {
    ends.queue = epoll_create1(EPOLL_CLOEXEC);
    ends.how = how;
    enter_in_epoll(&ends, EPOLL_CTL_ADD);
    return bench_measure(round_epoll, &ends);
}

/* ---- A request that is answered once there is room ---- */

static void exchange(int from, int to) {
    char byte = 'x';
    BENCH_REQUIRE(write(from, &byte, 1) == 1 && read(to, &byte, 1) == 1);
}

static void answer_kqueue_round(void *argument) {
    const struct ends *ends = argument;
    struct kevent event;
    put(ends);
    BENCH_REQUIRE(kevent(ends->queue, NULL, 0, &event, 1, NULL) == 1);
    take(ends);
    change(ends, EVFILT_WRITE, EV_ADD);
    BENCH_REQUIRE(kevent(ends->queue, NULL, 0, &event, 1, NULL) == 1);
    exchange(ends->read, ends->written);
    change(ends, EVFILT_WRITE, EV_DELETE);
}

static void answer_epoll_round(void *argument) {
    struct ends *ends = argument;
    struct epoll_event event;
    put(ends);
    BENCH_REQUIRE(epoll_wait(ends->queue, &event, 1, -1) == 1);
    take(ends);
    ends->how = EPOLLOUT;
    enter_in_epoll(ends, EPOLL_CTL_MOD);
    BENCH_REQUIRE(epoll_wait(ends->queue, &event, 1, -1) == 1);
    exchange(ends->read, ends->written);
    ends->how = 0;
    enter_in_epoll(ends, EPOLL_CTL_MOD);
}

static double answer_kqueue(void) {
    struct ends ends = open_stream();
    ends.queue = kqueue();
    change(&ends, EVFILT_READ, EV_ADD);
    return bench_measure(answer_kqueue_round, &ends);
}

static double answer_epoll(void) {
    struct ends ends = open_stream();
    ends.queue = epoll_create1(EPOLL_CLOEXEC);
    enter_in_epoll(&ends, EPOLL_CTL_ADD);
    return bench_measure(answer_epoll_round, &ends);
}

/* ---- A connection of a server whose runtime adds READ and WRITE by edges: accepted, told both, closed ---- */

struct server {
    int listener, queue;
    struct sockaddr_in address;
};

static struct server open_server(int queue) {
    struct server server = {.listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), .queue = queue};
    server.address = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof server.address;
    BENCH_REQUIRE(bind(server.listener, (struct sockaddr *)&server.address, size) == 0);
    BENCH_REQUIRE(getsockname(server.listener, (struct sockaddr *)&server.address, &size) == 0);
    BENCH_REQUIRE(listen(server.listener, 8) == 0);
    return server;
}

static struct ends open_connection(const struct server *server) {
    struct ends ends = {.written = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), .queue = server->queue, .size = 1};
    BENCH_REQUIRE(connect(ends.written, (const struct sockaddr *)&server->address, sizeof server->address) == 0);
    ends.read = accept(server->listener, NULL, NULL);
    BENCH_REQUIRE(ends.read >= 0);
    return ends;
}

/* Reset, so that no port waits. */
static void close_connection(const struct ends *ends) {
    struct linger reset = {.l_onoff = 1};
    BENCH_REQUIRE(setsockopt(ends->written, SOL_SOCKET, SO_LINGER, &reset, sizeof reset) == 0);
    close(ends->read);
    close(ends->written);
}

static void connection_kqueue_round(void *argument) {
    struct ends ends = open_connection(argument);
    struct kevent changes[2], event;
    /* A library that keeps what it had of a closed number never tells of the next connection. */
    static const struct timespec patience = {5, 0};
    EV_SET(&changes[0], ends.read, EVFILT_READ, EV_ADD | EV_CLEAR, 0, 0, NULL);
    EV_SET(&changes[1], ends.read, EVFILT_WRITE, EV_ADD | EV_CLEAR, 0, 0, NULL);
    BENCH_REQUIRE(kevent(ends.queue, changes, 2, NULL, 0, NULL) == 0);
    BENCH_REQUIRE(kevent(ends.queue, NULL, 0, &event, 1, &patience) == 1);
    put(&ends);
    BENCH_REQUIRE(kevent(ends.queue, NULL, 0, &event, 1, &patience) == 1);
    take(&ends);
    close_connection(&ends);
}

static void connection_epoll_round(void *argument) {
    struct ends ends = open_connection(argument);
    struct epoll_event event;
    ends.how = EPOLLOUT | EPOLLRDHUP | EPOLLET;
    enter_in_epoll(&ends, EPOLL_CTL_ADD);
    BENCH_REQUIRE(epoll_wait(ends.queue, &event, 1, -1) == 1);
    put(&ends);
    BENCH_REQUIRE(epoll_wait(ends.queue, &event, 1, -1) == 1);
    take(&ends);
    close_connection(&ends);
}

static double connection_kqueue(void) {
    struct server server = open_server(kqueue());
    return bench_measure(connection_kqueue_round, &server);
}

static double connection_epoll(void) {
    struct server server = open_server(epoll_create1(EPOLL_CLOEXEC));
    return bench_measure(connection_epoll_round, &server);
}

#define SIDES(name, open, flag, bit) \
    static double name##_kqueue(void) { return time_kqueue(open(), flag); } \
    static double name##_epoll(void) { return time_epoll(open(), bit); }

SIDES(stream, open_stream, 0, 0)
SIDES(stream_clear, open_stream, EV_CLEAR, EPOLLET)
SIDES(stream_once, open_stream, EV_ONESHOT, EPOLLONESHOT)
SIDES(datagram, open_datagram, 0, 0)
SIDES(udp, open_udp, 0, 0)
SIDES(udp_clear, open_udp, EV_CLEAR, EPOLLET)
SIDES(pipe, open_pipe, 0, 0)
SIDES(pipe_clear, open_pipe, EV_CLEAR, EPOLLET)
SIDES(counter, open_eventfd, 0, 0)

const struct bench kind_benches[] = {
    {"kind-stream", "1 byte by a local stream", "ns", stream_kqueue, stream_epoll, 0},
    {"kind-stream-clear", "1 byte, local stream, EV_CLEAR", "ns", stream_clear_kqueue, stream_clear_epoll, 0},
    {"kind-stream-once", "1 byte, local stream, EV_ONESHOT", "ns", stream_once_kqueue, stream_once_epoll, 0},
    {"kind-answer", "1 byte, answered under WRITE", "ns", answer_kqueue, answer_epoll, 0},
    {"kind-connection", "a connection, READ+WRITE, EV_CLEAR", "ns", connection_kqueue, connection_epoll, 0},
    {"kind-datagram", "1 local datagram", "ns", datagram_kqueue, datagram_epoll, 0},
    {"kind-udp", "1 datagram by UDP", "ns", udp_kqueue, udp_epoll, 0},
    {"kind-udp-clear", "1 datagram by UDP, EV_CLEAR", "ns", udp_clear_kqueue, udp_clear_epoll, 0},
    {"kind-pipe", "1 byte by a pipe", "ns", pipe_kqueue, pipe_epoll, 0},
    {"kind-pipe-clear", "1 byte by a pipe, EV_CLEAR", "ns", pipe_clear_kqueue, pipe_clear_epoll, 0},
    {"kind-eventfd", "1 count of an eventfd", "ns", counter_kqueue, counter_epoll, 0},
    {0},
};
