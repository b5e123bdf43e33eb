/*
 * Which library this is, time, single changes, and descriptors to watch.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "stress.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>

const struct timespec no_wait = {0, 0};

/* The answer to a question about the library, or -1 where it is refused. */
static intptr_t ask_library(unsigned question, intptr_t data) {
    struct kevent entry;
    int kq = new_kqueue();
    EV_SET(&entry, 0, EVFILT_LIBKQUEUE, EV_ADD, question, data, NULL);
    REQUIRE_EQ(kevent(kq, &entry, 1, &entry, 1, NULL), 1);
    REQUIRE_EQ(close(kq), 0);
    return entry.flags & EV_ERROR ? -1 : entry.data;
}

bool on_posix(void) {
    enum { SAMPLE_NS = 10000000 }; /* files are sampled there, and often enough */
    static atomic_int answer = -1;
    if (answer == -1)
        answer = ask_library(NOTE_FILE_POLL_INTERVAL, SAMPLE_NS) != -1;
    return answer;
}

bool has_pidfds(void) {
    enum { PIDFD_OPEN = 434 };
    static atomic_int answer = -1;
    if (answer == -1) {
        int descriptor = on_posix() ? -1 : (int)syscall(PIDFD_OPEN, getpid(), 0);
        answer = descriptor >= 0 && close(descriptor) == 0;
    }
    return answer;
}

bool closes_are_seen(void) {
    static atomic_int answer = -1;
    if (answer == -1)
        answer = ask_library(NOTE_INTERPOSED, 0) == 1;
    return answer;
}

uint64_t now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

void sleep_us(unsigned microseconds) {
    struct timespec left = {microseconds / 1000000, (long)(microseconds % 1000000) * 1000};
    while (nanosleep(&left, &left) == -1 && errno == EINTR)
        continue;
}

struct timespec milliseconds(unsigned count) {
    return (struct timespec){count / 1000, (long)(count % 1000) * 1000000};
}

int new_kqueue(void) {
    int kq = kqueue();
    REQUIRE(kq >= 0);
    return kq;
}

int change_errno(int kq, uintptr_t ident, int filter, int flags, unsigned fflags, intptr_t data, void *udata) {
    static _Thread_local unsigned calls;
    struct kevent entry, receipt;
    bool with_receipt = ++calls % 8 == 0;
    EV_SET(&entry, ident, filter, flags | (with_receipt ? EV_RECEIPT : 0), fflags, data, udata);
    int got = kevent(kq, &entry, 1, &receipt, with_receipt, NULL);
    if (!with_receipt || got == -1)
        return got == -1 ? errno : 0;
    REQUIRE_EQ(got, 1);
    REQUIRE_EQ(receipt.ident, ident);
    REQUIRE_EQ(receipt.filter, filter);
    REQUIRE(receipt.flags & EV_ERROR);
    return (int)receipt.data;
}

int collect(int kq, struct kevent *events, int room, const struct timespec *timeout) {
    int count = kevent(kq, NULL, 0, events, room, timeout);
    if (count == -1 && errno == EINTR)
        return 0;
    REQUIRE(count >= 0 && count <= room);
    return count;
}

bool poll_readable(int kq) {
    struct pollfd look = {.fd = kq, .events = POLLIN};
    int ready;
    do
        ready = poll(&look, 1, 0);
    while (ready == -1 && errno == EINTR);
    REQUIRE(ready >= 0);
    if (ready == 1)
        REQUIRE_EQ(look.revents, POLLIN);
    return ready == 1;
}

static int loopback_socket(int type, struct sockaddr_in *address) {
    socklen_t length = sizeof *address;
    *address = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);
    REQUIRE(fd >= 0);
    REQUIRE_EQ(bind(fd, (struct sockaddr *)address, sizeof *address), 0);
    REQUIRE_EQ(getsockname(fd, (struct sockaddr *)address, &length), 0);
    return fd;
}

static void connect_to(int fd, const struct sockaddr_in *address) {
    int result;
    do
        result = connect(fd, (const struct sockaddr *)address, sizeof *address);
    while (result == -1 && errno == EINTR);
    REQUIRE_EQ(result, 0);
}

/* Ends with a reset: thousands of pairs would leave no port that is not in TIME_WAIT. */
static void end_by_reset(int fd) {
    struct linger at_once = {.l_onoff = 1, .l_linger = 0};
    REQUIRE_EQ(setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once), 0);
}

static void open_tcp(int pair[2]) {
    struct sockaddr_in address;
    int listener = loopback_socket(SOCK_STREAM, &address), no_delay = 1;
    REQUIRE_EQ(listen(listener, 1), 0);
    REQUIRE((pair[1] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) >= 0);
    connect_to(pair[1], &address);
    do
        pair[0] = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    while (pair[0] == -1 && errno == EINTR);
    REQUIRE(pair[0] >= 0);
    REQUIRE_EQ(setsockopt(pair[1], IPPROTO_TCP, TCP_NODELAY, &no_delay, sizeof no_delay), 0);
    REQUIRE_EQ(close(listener), 0);
    end_by_reset(pair[0]);
    end_by_reset(pair[1]);
}

static void open_udp(int pair[2]) {
    struct sockaddr_in reader, writer;
    pair[0] = loopback_socket(SOCK_DGRAM, &reader);
    pair[1] = loopback_socket(SOCK_DGRAM, &writer);
    connect_to(pair[1], &reader);
    connect_to(pair[0], &writer);
}

void open_transport(enum transport transport, int pair[2]) {
    if (transport == PIPE) {
        REQUIRE_EQ(pipe2(pair, O_CLOEXEC), 0);
    } else if (transport == UNIX_STREAM || transport == UNIX_DATAGRAM) {
        int type = transport == UNIX_STREAM ? SOCK_STREAM : SOCK_DGRAM;
        REQUIRE_EQ(socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, pair), 0);
    } else if (transport == TCP) {
        open_tcp(pair);
    } else if (transport == UDP) {
        open_udp(pair);
    } else {
        REQUIRE((pair[0] = eventfd(0, EFD_CLOEXEC)) >= 0);
        REQUIRE((pair[1] = fcntl(pair[0], F_DUPFD_CLOEXEC, 0)) >= 0);
    }
    for (int i = 0; i < 2; i++)
        REQUIRE_EQ(fcntl(pair[i], F_SETFL, fcntl(pair[i], F_GETFL) | O_NONBLOCK), 0);
}

bool keeps_messages_apart(enum transport transport) {
    return transport == UNIX_DATAGRAM || transport == UDP;
}

bool arrives_late(enum transport transport) {
    return transport == TCP || transport == UDP;
}

bool may_overtake(enum transport transport) {
    return transport == UDP;
}

extern void __tsan_init(void) __attribute__((weak));

void close_somehow(int fd, unsigned way) {
    if (__tsan_init != NULL)
        way = 0; /* it does not see that the others close, and takes the number's next file for the same */
    int other = way == 1 || way == 2 ? eventfd(0, EFD_CLOEXEC) : -1; /* never ready */
    if (way == 1)
        REQUIRE_EQ(dup2(other, fd), fd);
    else if (way == 2)
        REQUIRE_EQ(dup3(other, fd, O_CLOEXEC), fd);
    else if (way == 3 && close_range((unsigned)fd, (unsigned)fd, 0) == 0)
        return;
    REQUIRE_EQ(close(fd), 0);
    if (other != -1)
        REQUIRE_EQ(close(other), 0);
}
