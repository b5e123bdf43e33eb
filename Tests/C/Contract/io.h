/*
 * What the READ and WRITE cases share.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef IO_H
#define IO_H

#include "contract.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/ioctl.h>

enum { LOCAL, TCP, FAMILIES };

static inline void stream_pair(int family, int pair[2]) {
    if (family == LOCAL)
        unix_pair(pair);
    else
        tcp_pair(pair);
}

static inline void add_read(int kq, int fd, int flags) {
    change(kq, (uintptr_t)fd, EVFILT_READ, EV_ADD | flags, 0, 0, NULL);
}

static inline void add_write(int kq, int fd, int flags) {
    change(kq, (uintptr_t)fd, EVFILT_WRITE, EV_ADD | flags, 0, 0, NULL);
}

/* Requires one event, of this filter and descriptor, with exactly these fields. */
#define EXPECT(kq, fd, flags, fflags, data) \
    expect_next(__FILE__, __LINE__, kq, fd, EVFILT_READ, flags, fflags, data)
#define EXPECT_WRITE(kq, fd, flags, fflags, data) \
    expect_next(__FILE__, __LINE__, kq, fd, EVFILT_WRITE, flags, fflags, data)
static inline void expect_event(const char *file, int line, struct kevent event, int fd, int filter, int flags,
                                unsigned fflags, intptr_t data) {
    if (event.ident != (uintptr_t)fd || event.filter != filter || event.flags != flags ||
        event.fflags != fflags || event.data != data)
        contract_fail(file, line,
                      "ident %ju filter %d flags 0x%x fflags 0x%x data %jd; "
                      "wanted ident %d filter %d flags 0x%x fflags 0x%x data %jd",
                      (uintmax_t)event.ident, event.filter, event.flags, event.fflags, (intmax_t)event.data, fd,
                      filter, (unsigned)flags, fflags, (intmax_t)data);
}

static inline void expect_next(const char *file, int line, int kq, int fd, int filter, int flags, unsigned fflags,
                               intptr_t data) {
    struct kevent event = next_event_like(kq, (uintptr_t)fd, filter, flags);
    expect_event(file, line, event, fd, filter, flags, fflags, data);
}

static inline int waiting(int fd) {
    int bytes = 0;
    REQUIRE(ioctl(fd, FIONREAD, &bytes) == 0);
    return bytes;
}

/* Until these many bytes arrived, or the peer's end did. */
static inline void await_bytes(int fd, int bytes) {
    while (waiting(fd) < bytes)
        poll(NULL, 0, 1);
}

static inline void await_poll(int fd, short bits) {
    struct pollfd wanted = {.fd = fd, .events = bits};
    REQUIRE_EQ(poll(&wanted, 1, 5000), 1);
    REQUIRE(wanted.revents & bits);
}

static inline void send_bytes(int from, int to, const char *bytes) {
    int before = waiting(to);
    put(from, bytes);
    await_bytes(to, before + (int)strlen(bytes));
}

/* Has the kernel answer the close of this TCP socket with a reset. */
static inline void reset_peer(int fd) {
    struct linger hard = {.l_onoff = 1, .l_linger = 0};
    REQUIRE(setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof hard) == 0);
    REQUIRE(close(fd) == 0);
}

/* An emulator of a machine's calls may tell four bytes of what is no number, too. */
static inline void need_told_connections(void) {
#ifdef __linux__
    enum { INFORMATION = 11, UP_TO_THE_ROUND_TRIP = 72 };
    char bytes[512];
    socklen_t length = sizeof bytes;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    REQUIRE(fd >= 0);
    REQUIRE(getsockopt(fd, IPPROTO_TCP, INFORMATION, bytes, &length) == 0);
    close(fd);
    if (!on_posix() && length < UP_TO_THE_ROUND_TRIP)
        contract_skip("the system does not tell what becomes of a connection");
#endif
}

static inline int socket_error(int fd) {
    int code = 0;
    socklen_t length = sizeof code;
    REQUIRE(getsockopt(fd, SOL_SOCKET, SO_ERROR, &code, &length) == 0);
    return code;
}

static inline double cpu_ms(void) {
    struct rusage use;
    REQUIRE(getrusage(RUSAGE_SELF, &use) == 0);
    return (double)(use.ru_utime.tv_sec + use.ru_stime.tv_sec) * 1e3 +
           (double)(use.ru_utime.tv_usec + use.ru_stime.tv_usec) / 1e3;
}

/* Requires half a second without an event, spent asleep. */
static inline void require_asleep(int kq) {
    struct kevent event;
    bool may_tell_again = on_posix();
    double before = cpu_ms();
    if (may_tell_again)
        require_silent_for(kq, 500);
    else
        REQUIRE_EQ(collect(kq, &event, 1, 500), 0);
    REQUIRE(cpu_ms() - before < allowed_cpu(150));
}

/* Does something to a descriptor while the case waits in kevent. */
struct delayed {
    void (*action)(int fd);
    int fd;
    pthread_t thread;
};

static inline void *run_delayed(void *argument) {
    struct delayed *delayed = argument;
    sleep_ms(50);
    delayed->action(delayed->fd);
    return NULL;
}

static inline void later(struct delayed *delayed, void (*action)(int fd), int fd) {
    delayed->action = action;
    delayed->fd = fd;
    delayed->thread = start_thread(run_delayed, delayed);
}

static inline void finish(struct delayed *delayed) {
    join_thread(delayed->thread);
}

static inline void put_eight(int fd) { put(fd, "12345678"); }
static inline void shut_write(int fd) { REQUIRE(shutdown(fd, SHUT_WR) == 0); }
static inline void shut_read(int fd) { REQUIRE(shutdown(fd, SHUT_RD) == 0); }

static inline struct sockaddr_in loopback(uint16_t port) {
    return (struct sockaddr_in){
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

static inline uint16_t bound_port(int fd) {
    struct sockaddr_in address = loopback(0);
    socklen_t length = sizeof address;
    REQUIRE(bind(fd, (struct sockaddr *)&address, sizeof address) == 0);
    REQUIRE(getsockname(fd, (struct sockaddr *)&address, &length) == 0);
    return ntohs(address.sin_port);
}

/* A TCP socket whose connect was refused, the error not yet taken. */
static inline int refused(void) {
    int closed = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    REQUIRE(closed >= 0 && fd >= 0);
    struct sockaddr_in address = loopback(bound_port(closed));
    REQUIRE_ERRNO(connect(fd, (struct sockaddr *)&address, sizeof address), EINPROGRESS);
    await_poll(fd, POLLHUP);
    return fd;
}

#endif /* IO_H */
