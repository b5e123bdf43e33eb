/*
 * EVFILT_READ on sockets: errors, states, listeners and datagrams, C-155 to
 * C-164.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "io.h"

#include <stddef.h>
#include <sys/un.h>

static void udp_pair(int pair[2]) {
    uint16_t ports[2];
    for (int i = 0; i < 2; i++) {
        pair[i] = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        REQUIRE(pair[i] >= 0);
        ports[i] = bound_port(pair[i]);
    }
    for (int i = 0; i < 2; i++) {
        struct sockaddr_in address = loopback(ports[1 - i]);
        REQUIRE(connect(pair[i], (struct sockaddr *)&address, sizeof address) == 0);
    }
}

/* An AF_UNIX stream socket with a name of the kernel's choice. */
static int local_socket(struct sockaddr_un *address, socklen_t *length) {
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    REQUIRE(fd >= 0);
    *address = (struct sockaddr_un){.sun_family = AF_UNIX};
    REQUIRE(bind(fd, (struct sockaddr *)address, offsetof(struct sockaddr_un, sun_path)) == 0);
    *length = sizeof *address;
    REQUIRE(getsockname(fd, (struct sockaddr *)address, length) == 0);
    return fd;
}

static int local_client(const struct sockaddr_un *address, socklen_t length) {
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    REQUIRE(fd >= 0);
    REQUIRE(connect(fd, (const struct sockaddr *)address, length) == 0);
    return fd;
}

static void reset_is_eof_with_its_errno(void) {
    need_told_connections();
    for (int flags = 0; flags <= EV_CLEAR; flags += EV_CLEAR) {
        int pair[2], kq = new_kqueue();
        struct delayed closer;
        tcp_pair(pair);
        add_read(kq, pair[0], flags);
        later(&closer, reset_peer, pair[1]);
        EXPECT(kq, pair[0], EV_ADD | EV_EOF | flags, ECONNRESET, 0);
        finish(&closer);
        if (flags == 0)
            EXPECT(kq, pair[0], EV_ADD | EV_EOF, ECONNRESET, 0);
        else
            require_silent(kq);
    }
}

static void reset_leaves_unread_bytes_counted(void) {
    need_told_connections();
    int pair[2], kq = new_kqueue();
    tcp_pair(pair);
    send_bytes(pair[1], pair[0], "12345");
    add_read(kq, pair[0], EV_CLEAR);
    EXPECT(kq, pair[0], EV_ADD | EV_CLEAR, 0, 5);
    reset_peer(pair[1]);
    EXPECT(kq, pair[0], EV_ADD | EV_CLEAR | EV_EOF, ECONNRESET, waiting(pair[0]));
}

/* A local peer that closes with bytes unread resets the connection. */
static void local_reset_is_eof_with_its_errno(void) {
    int pair[2], kq = new_kqueue();
    unix_pair(pair);
    put(pair[0], "unread");
    close(pair[1]);
    add_read(kq, pair[0], 0);
    EXPECT(kq, pair[0], EV_ADD | EV_EOF, ECONNRESET, 0);
    EXPECT(kq, pair[0], EV_ADD | EV_EOF, ECONNRESET, 0);
    REQUIRE_EQ(socket_error(pair[0]), ECONNRESET);
}

static void failed_connect_is_eof_with_its_errno(void) {
    int kq = new_kqueue(), fd = refused();
    add_read(kq, fd, 0);
    EXPECT(kq, fd, EV_ADD | EV_EOF, ECONNREFUSED, 0);
    EXPECT(kq, fd, EV_ADD | EV_EOF, ECONNREFUSED, 0);
    REQUIRE_EQ(socket_error(fd), ECONNREFUSED);
}

static void reset_error_is_left_for_getsockopt(void) {
    need_told_connections();
    int pair[2], kq = new_kqueue();
    tcp_pair(pair);
    add_read(kq, pair[0], 0);
    reset_peer(pair[1]);
    for (int i = 0; i < 3; i++)
        EXPECT(kq, pair[0], EV_ADD | EV_EOF, ECONNRESET, 0);
    REQUIRE_EQ(socket_error(pair[0]), ECONNRESET);
}

static void reset_error_is_left_for_recv(void) {
    need_told_connections();
    int pair[2], kq = new_kqueue();
    char byte;
    tcp_pair(pair);
    add_read(kq, pair[0], EV_CLEAR);
    reset_peer(pair[1]);
    EXPECT(kq, pair[0], EV_ADD | EV_CLEAR | EV_EOF, ECONNRESET, 0);
    REQUIRE_ERRNO(recv(pair[0], &byte, 1, 0), ECONNRESET);
}

/* A connected UDP socket whose datagram no port took. */
static int unreachable(void) {
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), closed = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    REQUIRE(fd >= 0 && closed >= 0);
    struct sockaddr_in address = loopback(bound_port(closed));
    REQUIRE(connect(fd, (struct sockaddr *)&address, sizeof address) == 0);
    close(closed);
    REQUIRE_EQ(send(fd, "x", 1, 0), 1);
    await_poll(fd, POLLERR);
    return fd;
}

static void error_without_end_is_no_eof(void) {
    int kq = new_kqueue(), fd = unreachable();
    add_read(kq, fd, 0);
    EXPECT(kq, fd, EV_ADD, ECONNREFUSED, 0);
}

static void datagram_error_is_left_for_recv(void) {
    int kq = new_kqueue(), fd = unreachable();
    char byte;
    add_read(kq, fd, 0);
    struct kevent event = next_event(kq);
    REQUIRE_EQ(event.flags, EV_ADD);
    REQUIRE_ERRNO(recv(fd, &byte, 1, MSG_DONTWAIT), ECONNREFUSED);
    require_silent(kq);
}

/* Nobody looks between the two, so that the second error looks as the first. */
static void datagram_error_comes_again_with_clear(void) {
    int kq = new_kqueue(), fd = unreachable();
    char byte;
    add_read(kq, fd, EV_CLEAR);
    for (int i = 0; i < 3; i++) {
        EXPECT(kq, fd, EV_ADD | EV_CLEAR, ECONNREFUSED, 0);
        REQUIRE_ERRNO(recv(fd, &byte, 1, MSG_DONTWAIT), ECONNREFUSED);
        REQUIRE_EQ(send(fd, "x", 1, 0), 1);
        await_poll(fd, POLLERR);
    }
}

static void own_shutdown_is_eof(void) {
    for (int family = 0; family < FAMILIES; family++) {
        for (int flags = 0; flags <= EV_CLEAR; flags += EV_CLEAR) {
            int pair[2], before = new_kqueue(), after = new_kqueue();
            struct delayed closer;
            stream_pair(family, pair);
            add_read(before, pair[0], flags);
            later(&closer, shut_read, pair[0]);
            EXPECT(before, pair[0], EV_ADD | EV_EOF | flags, 0, 0);
            finish(&closer);
            add_read(after, pair[0], flags);
            EXPECT(after, pair[0], EV_ADD | EV_EOF | flags, 0, 0);
        }
    }
}

static void bytes_after_own_shutdown_keep_eof(void) {
    int pair[2], kq = new_kqueue();
    tcp_pair(pair);
    add_read(kq, pair[0], 0);
    shut_read(pair[0]);
    EXPECT(kq, pair[0], EV_ADD | EV_EOF, 0, 0);
    put(pair[1], "123");
    for (int i = 0; i < 5; i++) {
        struct kevent event = next_event(kq);
        REQUIRE_EQ(event.flags, EV_ADD | EV_EOF);
        REQUIRE_EQ(event.fflags, 0);
        REQUIRE(event.data == 0 || event.data == 3);
    }
}

/* Numbers of bytes that are alike in part. */
static void more_bytes_after_own_shutdown_are_news(void) {
    int pair[2], kq = new_kqueue();
    char bytes[256] = {0};
    const struct { size_t size; long sum; } steps[] = {{1, 1}, {64, 65}, {256, 321}};
    tcp_pair(pair);
    add_read(kq, pair[0], EV_CLEAR);
    shut_read(pair[0]);
    EXPECT(kq, pair[0], EV_ADD | EV_EOF | EV_CLEAR, 0, 0);
    for (int i = 0; i < 3; i++) {
        REQUIRE_EQ(send(pair[1], bytes, steps[i].size, 0), steps[i].size);
        EXPECT(kq, pair[0], EV_ADD | EV_EOF | EV_CLEAR, 0, steps[i].sum);
    }
}

static void unconnected_is_silent(void) {
    const int domains[] = {AF_INET, AF_UNIX};
    for (int i = 0; i < 2; i++) {
        for (int flags = 0; flags <= EV_CLEAR; flags += EV_CLEAR) {
            int kq = new_kqueue(), fd = socket(domains[i], SOCK_STREAM | SOCK_CLOEXEC, 0);
            REQUIRE(fd >= 0);
            add_read(kq, fd, flags);
            require_asleep(kq);
        }
    }
}

static void connecting_after_add_takes_effect(void) {
    for (int flags = 0; flags <= EV_CLEAR; flags += EV_CLEAR) {
        uint16_t port;
        int listener = tcp_listener(&port), kq = new_kqueue();
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        struct sockaddr_in address = loopback(port);
        struct delayed writer;
        REQUIRE(fd >= 0);
        add_read(kq, fd, flags);
        require_silent(kq);
        REQUIRE(connect(fd, (struct sockaddr *)&address, sizeof address) == 0);
        int peer = accept(listener, NULL, NULL);
        REQUIRE(peer >= 0);
        require_silent(kq);
        later(&writer, put_eight, peer);
        EXPECT(kq, fd, EV_ADD | flags, 0, 8);
        finish(&writer);
        take(fd, 8);
        shut_write(peer);
        EXPECT(kq, fd, EV_ADD | EV_EOF | flags, 0, 0);
    }
}

static void listening_after_add_takes_effect(void) {
    for (int flags = 0; flags <= EV_CLEAR; flags += EV_CLEAR) {
        int kq = new_kqueue(), fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        REQUIRE(fd >= 0);
        uint16_t port = bound_port(fd);
        add_read(kq, fd, flags);
        require_silent(kq);
        REQUIRE(listen(fd, 8) == 0);
        require_silent(kq);
        tcp_client(port);
        EXPECT(kq, fd, EV_ADD | flags, 0, 1);
    }
}

static void local_listening_after_add_takes_effect(void) {
    struct sockaddr_un address;
    socklen_t length;
    int kq = new_kqueue(), fd = local_socket(&address, &length);
    add_read(kq, fd, 0);
    require_silent(kq);
    REQUIRE(listen(fd, 8) == 0);
    require_asleep(kq);
    local_client(&address, length);
    EXPECT(kq, fd, EV_ADD, 0, 1);
}

static void pending_connection_fires(void) {
    for (int flags = 0; flags <= EV_CLEAR; flags += EV_CLEAR) {
        uint16_t port;
        int kq = new_kqueue(), listener = tcp_listener(&port);
        add_read(kq, listener, flags);
        require_silent(kq);
        tcp_client(port);
        EXPECT(kq, listener, EV_ADD | flags, 0, 1);
        if (flags == 0)
            EXPECT(kq, listener, EV_ADD, 0, 1);
        else
            require_silent(kq);
        tcp_client(port);
        struct kevent event = next_event(kq);
        REQUIRE(event.data >= 1 && event.data <= 2);
    }
}

/* The last handshake step may still be under way when connect() returns. */
static void require_pending(int kq, intptr_t count) {
    struct kevent event = next_event(kq);
    for (double until = now_ms() + PATIENCE; event.data != count && now_ms() < until; event = next_event(kq))
        poll(NULL, 0, 1);
    REQUIRE_EQ(event.data, count);
}

static void pending_connections_are_counted(void) {
    posix_lacks("a listening socket does not tell how many wait");
    need_told_connections();
    uint16_t port;
    int kq = new_kqueue(), listener = tcp_listener(&port);
    tcp_client(port);
    tcp_client(port);
    add_read(kq, listener, 0);
    require_pending(kq, 2);
    REQUIRE(accept(listener, NULL, NULL) >= 0);
    EXPECT(kq, listener, EV_ADD, 0, 1);
}

static void accepted_connections_are_gone(void) {
    uint16_t port;
    int kq = new_kqueue(), listener = tcp_listener(&port);
    add_read(kq, listener, 0);
    tcp_client(port);
    EXPECT(kq, listener, EV_ADD, 0, 1);
    REQUIRE(accept(listener, NULL, NULL) >= 0);
    require_silent(kq);
}

static void local_listener_works(void) {
    struct sockaddr_un address;
    socklen_t length;
    int kq = new_kqueue(), fd = local_socket(&address, &length);
    REQUIRE(listen(fd, 8) == 0);
    add_read(kq, fd, 0);
    require_silent(kq);
    local_client(&address, length);
    EXPECT(kq, fd, EV_ADD, 0, 1);
    local_client(&address, length);
    struct kevent event = next_event(kq);
    REQUIRE(event.data >= 1 && event.data <= 2);
    REQUIRE(accept(fd, NULL, NULL) >= 0);
    EXPECT(kq, fd, EV_ADD, 0, 1);
    REQUIRE(accept(fd, NULL, NULL) >= 0);
    require_silent(kq);
}

static void a_connection_accepted_elsewhere_is_gone(void) {
    uint16_t port;
    int kq = new_kqueue(), listener = tcp_listener(&port), status;
    add_read(kq, listener, 0);
    tcp_client(port);
    pid_t child = fork();
    if (child == 0)
        _exit(accept(listener, NULL, NULL) < 0);
    REQUIRE_EQ(waitpid(child, &status, 0), child);
    REQUIRE_EQ(status, 0);
    require_silent(kq);
}

static void empty_datagram_fires(void) {
    for (int family = 0; family < FAMILIES; family++) {
        int pair[2], kq = new_kqueue();
        char byte;
        if (family == LOCAL)
            REQUIRE(socketpair(AF_UNIX, SOCK_DGRAM, 0, pair) == 0);
        else
            udp_pair(pair);
        add_read(kq, pair[0], 0);
        require_silent(kq);
        REQUIRE_EQ(send(pair[1], "", 0, 0), 0);
        EXPECT(kq, pair[0], EV_ADD, 0, 0);
        EXPECT(kq, pair[0], EV_ADD, 0, 0);
        REQUIRE_EQ(recv(pair[0], &byte, 1, 0), 0);
        require_silent(kq);
    }
}

static void two_datagrams_fire_until_both_are_read(void) {
    for (int family = 0; family < FAMILIES; family++) {
        int pair[2], kq = new_kqueue();
        char buffer[16];
        if (family == LOCAL)
            REQUIRE(socketpair(AF_UNIX, SOCK_DGRAM, 0, pair) == 0);
        else
            udp_pair(pair);
        add_read(kq, pair[0], 0);
        put(pair[1], "123");
        put(pair[1], "12345");
        struct kevent event = next_event(kq);
        REQUIRE(event.data >= 3 && event.data <= 8);
        REQUIRE_EQ(recv(pair[0], buffer, sizeof buffer, 0), 3);
        EXPECT(kq, pair[0], EV_ADD, 0, 5);
        REQUIRE_EQ(recv(pair[0], buffer, sizeof buffer, 0), 5);
        require_silent(kq);
    }
}

static void local_peer_close_is_eof(void) {
    const int types[] = {SOCK_STREAM, SOCK_SEQPACKET};
    for (int i = 0; i < 2; i++) {
        for (int flags = 0; flags <= EV_CLEAR; flags += EV_CLEAR) {
            int pair[2], kq = new_kqueue();
            REQUIRE(socketpair(AF_UNIX, types[i], 0, pair) == 0);
            add_read(kq, pair[0], flags);
            put(pair[1], "12345");
            EXPECT(kq, pair[0], EV_ADD | flags, 0, 5);
            close(pair[1]);
            EXPECT(kq, pair[0], EV_ADD | EV_EOF | flags, 0, 5);
            take(pair[0], 5);
            if (flags == 0)
                EXPECT(kq, pair[0], EV_ADD | EV_EOF, 0, 0);
            else
                require_silent(kq);
        }
    }
}

static void eof_waits_for_the_last_holder_of_the_peer(void) {
    int pair[2], kq = new_kqueue();
    unix_pair(pair);
    add_read(kq, pair[0], 0);
    int second = dup(pair[1]);
    close(pair[1]);
    require_silent(kq);
    put(second, "1");
    EXPECT(kq, pair[0], EV_ADD, 0, 1);
    take(pair[0], 1);
    close(second);
    EXPECT(kq, pair[0], EV_ADD | EV_EOF, 0, 0);
}

const struct contract_case read_socket_cases[] = {
    {"C-155", "a reset is EV_EOF with ECONNRESET", reset_is_eof_with_its_errno, 0},
    {"C-155", "a reset with bytes unread", reset_leaves_unread_bytes_counted, 0},
    {"C-155", "a reset of a local socket", local_reset_is_eof_with_its_errno, 0},
    {"C-155", "a refused connect under READ", failed_connect_is_eof_with_its_errno, 0},
    {"C-155", "an error without an end is no EV_EOF", error_without_end_is_no_eof, 0},
    {"C-156", "the reset is left for getsockopt", reset_error_is_left_for_getsockopt, 0},
    {"C-156", "the reset is left for recv", reset_error_is_left_for_recv, 0},
    {"C-156", "a datagram socket's error is left for recv", datagram_error_is_left_for_recv, 0},
    {"C-156", "EV_CLEAR: a second error like the first", datagram_error_comes_again_with_clear, 20},
    {"C-157", "an own SHUT_RD is EV_EOF", own_shutdown_is_eof, 0},
    {"C-157", "bytes after an own SHUT_RD", bytes_after_own_shutdown_keep_eof, 0},
    {"C-157", "more bytes after an own SHUT_RD under EV_CLEAR", more_bytes_after_own_shutdown_are_news, 0},
    {"C-158", "an unconnected socket is silent", unconnected_is_silent, 0},
    {"C-158", "connect() after EV_ADD takes effect", connecting_after_add_takes_effect, 0},
    {"C-159", "listen() after EV_ADD takes effect", listening_after_add_takes_effect, 0},
    {"C-159", "listen() after EV_ADD, local socket", local_listening_after_add_takes_effect, 0},
    {"C-160", "a pending connection fires", pending_connection_fires, 0},
    {"C-160", "a local listener works as TCP's", local_listener_works, 0},
    {"C-161", "pending connections are counted", pending_connections_are_counted, 0},
    {"C-162", "all accepted is silent", accepted_connections_are_gone, 0},
    {"C-162", "accepted by another process", a_connection_accepted_elsewhere_is_gone, 0},
    {"C-163", "an empty datagram fires with data 0", empty_datagram_fires, 0},
    {"C-163", "two datagrams fire until both are read", two_datagrams_fire_until_both_are_read, 0},
    {"C-164", "a local peer's close is EV_EOF", local_peer_close_is_eof, 0},
    {"C-164", "no EOF while a duplicate of the peer is open", eof_waits_for_the_last_holder_of_the_peer, 0},
    {NULL, NULL, NULL, 0},
};
