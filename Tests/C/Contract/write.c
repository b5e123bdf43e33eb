/*
 * EVFILT_WRITE: C-184 to C-204.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "io.h"

#include <linux/sockios.h>
#include <stddef.h>
#include <sys/un.h>

/* Requires one WRITE event of this descriptor with these flags and fflags; its data. */
#define EXPECT_SPACE(kq, fd, flags) expect_space(__LINE__, kq, fd, flags, 0)
#define EXPECT_END(kq, fd, flags, fflags) expect_space(__LINE__, kq, fd, (flags) | EV_EOF, fflags)
static intptr_t expect_space(int line, int kq, int fd, int flags, unsigned fflags) {
    struct kevent event = next_event_like(kq, (uintptr_t)fd, EVFILT_WRITE, EV_ADD | flags);
    expect_event(__FILE__, line, event, fd, EVFILT_WRITE, EV_ADD | flags, fflags, event.data);
    if (event.data < 0 || (event.data == 0 && !(flags & EV_EOF)))
        contract_fail(__FILE__, line, "data %jd", (intmax_t)event.data);
    return event.data;
}

static void add_write_lowat(int kq, int fd, int flags, intptr_t bytes) {
    change(kq, (uintptr_t)fd, EVFILT_WRITE, EV_ADD | flags, NOTE_LOWAT, bytes, NULL);
}

static bool writable(int fd, int milliseconds) {
    struct pollfd room = {.fd = fd, .events = POLLOUT};
    return poll(&room, 1, milliseconds) == 1 && (room.revents & POLLOUT);
}

/* Writes until nothing more goes in, also after what is under way arrived. */
static void fill(int fd) {
    static const char block[4096];
    set_nonblocking(fd);
    do {
        while (write(fd, block, sizeof block) > 0)
            continue;
        REQUIRE(errno == EAGAIN);
    } while (writable(fd, 300)); /* TCP may put an acknowledgement off for 200 ms */
}

/* Reads what is there now. */
static void empty(int fd) {
    char block[65536];
    while (recv(fd, block, sizeof block, MSG_DONTWAIT) > 0)
        continue;
}

/* Has the peer read until an event comes. */
static struct kevent event_while_emptying(int kq, int peer) {
    struct kevent events[8];
    int got = 0;
    for (double end = now_ms() + PATIENCE; got == 0 && now_ms() < end;) {
        empty(peer);
        got = collect(kq, events, 8, 20);
    }
    REQUIRE_EQ(got, 1);
    return events[0];
}

static int unsent(int fd) {
    int bytes = 0;
    REQUIRE(ioctl(fd, SIOCOUTQ, &bytes) == 0);
    return bytes;
}

static void an_idle_socket_fires_at_once(void) {
    for (int family = 0; family < FAMILIES; family++) {
        int pair[2], kq = new_kqueue(), mark;
        stream_pair(family, pair);
        change(kq, (uintptr_t)pair[0], EVFILT_WRITE, EV_ADD, 0, 0, &mark);
        struct kevent event = next_event(kq);
        REQUIRE(event.udata == &mark);
        for (int i = 0; i < 3; i++)
            REQUIRE_EQ(EXPECT_SPACE(kq, pair[0], 0), event.data);
    }
}

static void a_terminal_fires_at_once(void) {
    need_terminals();
    int kq = new_kqueue(), master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    char name[64];
    REQUIRE(master >= 0 && grantpt(master) == 0 && unlockpt(master) == 0);
    REQUIRE(ptsname_r(master, name, sizeof name) == 0);
    int slave = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
    REQUIRE(slave >= 0);
    add_write(kq, slave, 0);
    EXPECT_SPACE(kq, slave, 0);
    EXPECT_SPACE(kq, slave, 0);
    close(master);
    EXPECT_END(kq, slave, 0, 0);
}

static void data_is_free_space_of_a_local_socket(void) {
    posix_lacks("a socket does not tell its free space");
    int pair[2], kq = new_kqueue();
    char block[4096] = {0};
    unix_pair(pair);
    add_write(kq, pair[0], 0);
    intptr_t idle = EXPECT_SPACE(kq, pair[0], 0);
    REQUIRE_EQ(write(pair[0], block, sizeof block), sizeof block);
    intptr_t less = EXPECT_SPACE(kq, pair[0], 0);
    REQUIRE(less <= idle - (intptr_t)sizeof block);
    REQUIRE_EQ(write(pair[0], block, sizeof block), sizeof block);
    REQUIRE(EXPECT_SPACE(kq, pair[0], 0) <= less - (intptr_t)sizeof block);
    take(pair[1], 2 * sizeof block);
    REQUIRE_EQ(EXPECT_SPACE(kq, pair[0], 0), idle);
}

static void data_is_free_space_of_a_tcp_socket(void) {
    posix_lacks("a socket does not tell its free space");
    enum { BYTES = 100000 };
    static char bytes[BYTES];
    int kq = new_kqueue(), small = 4096, large = 200000;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    REQUIRE(setsockopt(listener, SOL_SOCKET, SO_RCVBUF, &small, sizeof small) == 0);
    REQUIRE(setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &large, sizeof large) == 0);
    struct sockaddr_in address = loopback(bound_port(listener));
    REQUIRE(listen(listener, 1) == 0);
    REQUIRE(connect(fd, (struct sockaddr *)&address, sizeof address) == 0);
    int peer = accept(listener, NULL, NULL);
    REQUIRE(peer >= 0);
    add_write(kq, fd, 0);
    intptr_t idle = EXPECT_SPACE(kq, fd, 0);
    REQUIRE_EQ(write(fd, bytes, BYTES), BYTES);
    intptr_t less = EXPECT_SPACE(kq, fd, 0);
    int waiting = unsent(fd); /* no more than when the event was made */
    REQUIRE(waiting > BYTES / 2);
    REQUIRE(less <= idle - waiting);
    while (unsent(fd) > 0)
        empty(peer);
    REQUIRE_EQ(EXPECT_SPACE(kq, fd, 0), idle);
}

/* Fills what an event told of. Under EV_CLEAR room may have come and gone meanwhile: that event is due. */
static void fill_again(int kq, int fd, int flags) {
    struct kevent event;
    fill(fd);
    if (flags == EV_CLEAR)
        while (collect(kq, &event, 1, 0) > 0)
            continue;
}

/* TCP may make room by itself, late: what was dropped is sent once more. What is told then has to be so. */
static void require_silent_while_full(int kq, int fd, int flags) {
    struct kevent event;
    while (collect(kq, &event, 1, 100) != 0) {
        REQUIRE(event.filter == EVFILT_WRITE && writable(fd, 0));
        fill_again(kq, fd, flags);
    }
}

static void full_is_silent_until_the_peer_reads(void) {
    for (int family = 0; family < FAMILIES; family++) {
        for (int flags = 0; flags <= EV_CLEAR; flags += EV_CLEAR) {
            int pair[2], kq = new_kqueue();
            stream_pair(family, pair);
            fill(pair[0]);
            add_write(kq, pair[0], flags);
            require_asleep(kq);
            for (int i = 0; i < 2; i++) {
                struct kevent event = event_while_emptying(kq, pair[1]);
                REQUIRE(event.filter == EVFILT_WRITE && event.ident == (uintptr_t)pair[0] && event.data > 0);
                REQUIRE_EQ(event.flags, EV_ADD | flags);
                fill_again(kq, pair[0], flags);
                require_silent_while_full(kq, pair[0], flags);
            }
        }
    }
}

static void *read_slowly(void *argument) {
    char bytes[1000];
    for (int i = 0; i < 100000 && recv(*(int *)argument, bytes, sizeof bytes, 0) > 0; i++)
        if (i % 16 == 0)
            sleep_ms(1);
    return NULL;
}

static void a_waiter_fills_what_a_slow_peer_empties(void) {
    enum { WANTED = 600000 };
    for (int family = 0; family < FAMILIES; family++) {
        int pair[2], kq = new_kqueue();
        static const char block[4096];
        long written = 0;
        stream_pair(family, pair);
        fill(pair[0]);
        add_write(kq, pair[0], EV_CLEAR);
        pthread_t reader = start_thread(read_slowly, &pair[1]);
        while (written < WANTED) {
            EXPECT_SPACE(kq, pair[0], EV_CLEAR);
            for (ssize_t got; (got = write(pair[0], block, sizeof block)) > 0;)
                written += got;
            REQUIRE(errno == EAGAIN);
        }
        close(pair[0]);
        join_thread(reader);
    }
}

static void a_full_datagram_queue_is_silent(void) {
    for (int flags = 0; flags <= EV_CLEAR; flags += EV_CLEAR) {
        int pair[2], kq = new_kqueue();
        REQUIRE(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, pair) == 0);
        fill(pair[0]);
        add_write(kq, pair[0], flags);
        require_asleep(kq);
        struct kevent event = event_while_emptying(kq, pair[1]);
        REQUIRE(event.filter == EVFILT_WRITE && event.flags == (EV_ADD | flags) && event.data > 0);
    }
}

static void a_larger_buffer_makes_room(void) {
    int pair[2], kq = new_kqueue(), bytes = 4096;
    unix_pair(pair);
    REQUIRE(setsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes) == 0);
    fill(pair[0]);
    add_write(kq, pair[0], 0);
    require_silent(kq);
    bytes = 100000;
    REQUIRE(setsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes) == 0);
    EXPECT_SPACE(kq, pair[0], 0);
}

static void clear_fires_once_while_nothing_changes(void) {
    for (int family = 0; family < FAMILIES; family++) {
        int pair[2], kq = new_kqueue();
        stream_pair(family, pair);
        add_write(kq, pair[0], EV_CLEAR);
        EXPECT_SPACE(kq, pair[0], EV_CLEAR);
        require_silent(kq);
        require_asleep(kq);
    }
}

static void lowat_above_the_buffer_never_fires(void) {
    for (int family = 0; family < FAMILIES; family++) {
        int pair[2], kq = new_kqueue();
        stream_pair(family, pair);
        add_write_lowat(kq, pair[0], 0, INT_MAX);
        require_asleep(kq);
        put(pair[0], "12345");
        take(pair[1], 5);
        require_silent(kq);
        add_write_lowat(kq, pair[0], 0, 1);
        EXPECT_SPACE(kq, pair[0], 0);
    }
}

static void take_thousand(int fd) { take(fd, 1000); }

static void lowat_is_each_knotes_own(void) {
    posix_lacks("a socket does not tell its free space");
    int pair[2], low = new_kqueue(), high = new_kqueue();
    char bytes[1000] = {0};
    struct delayed reader;
    unix_pair(pair);
    add_write(high, pair[0], 0);
    intptr_t idle = EXPECT_SPACE(high, pair[0], 0);
    add_write_lowat(high, pair[0], 0, idle - 100);
    add_write_lowat(low, pair[0], 0, idle / 2);
    REQUIRE_EQ(EXPECT_SPACE(high, pair[0], 0), idle);
    REQUIRE_EQ(EXPECT_SPACE(low, pair[0], 0), idle);
    REQUIRE_EQ(write(pair[0], bytes, sizeof bytes), sizeof bytes);
    require_asleep(high);
    EXPECT_SPACE(low, pair[0], 0);
    later(&reader, take_thousand, pair[1]);
    REQUIRE(EXPECT_SPACE(high, pair[0], 0) >= idle - 100);
    finish(&reader);
}

static void a_listener_is_silent(void) {
    uint16_t port;
    int kq = new_kqueue(), listener = tcp_listener(&port);
    add_write(kq, listener, 0);
    require_asleep(kq);
    tcp_client(port);
    require_silent(kq);
    REQUIRE(shutdown(listener, SHUT_RDWR) == 0);
    require_asleep(kq);
}

static void unconnected_is_silent_until_it_connects(void) {
    for (int flags = 0; flags <= EV_CLEAR; flags += EV_CLEAR) {
        uint16_t port;
        int kq = new_kqueue(), listener = tcp_listener(&port), fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        struct sockaddr_in address = loopback(port);
        REQUIRE(listener >= 0 && fd >= 0);
        add_write(kq, fd, flags);
        require_asleep(kq);
        REQUIRE(connect(fd, (struct sockaddr *)&address, sizeof address) == 0);
        EXPECT_SPACE(kq, fd, flags);
    }
}

static uint16_t later_port;

static void connect_to_later_port(int fd) {
    struct sockaddr_in address = loopback(later_port);
    REQUIRE(connect(fd, (struct sockaddr *)&address, sizeof address) == 0 || errno == EINPROGRESS);
}

static void connecting_wakes_a_waiter(void) {
    for (int flags = 0; flags <= EV_CLEAR; flags += EV_CLEAR) {
        int kq = new_kqueue(), fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        struct delayed connector;
        REQUIRE(tcp_listener(&later_port) >= 0 && fd >= 0);
        add_write(kq, fd, flags);
        later(&connector, connect_to_later_port, fd);
        EXPECT_SPACE(kq, fd, flags);
        finish(&connector);
    }
}

static void connect_local(int flags) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    socklen_t length = sizeof address;
    int kq = new_kqueue(), listener = socket(AF_UNIX, SOCK_STREAM, 0), fd = socket(AF_UNIX, SOCK_STREAM, 0);
    REQUIRE(listener >= 0 && fd >= 0);
    REQUIRE(bind(listener, (struct sockaddr *)&address, offsetof(struct sockaddr_un, sun_path)) == 0);
    REQUIRE(getsockname(listener, (struct sockaddr *)&address, &length) == 0 && listen(listener, 1) == 0);
    add_write(kq, fd, flags);
    require_asleep(kq);
    REQUIRE(connect(fd, (struct sockaddr *)&address, length) == 0);
    EXPECT_SPACE(kq, fd, flags);
}

static void a_local_socket_is_silent_until_it_connects(void) { connect_local(0); }
static void a_local_socket_with_clear_is_silent_until_it_connects(void) { connect_local(EV_CLEAR); }

static void a_refused_connect_is_eof_with_its_errno(void) {
    for (int flags = 0; flags <= EV_CLEAR; flags += EV_CLEAR) {
        int kq = new_kqueue(), closed = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        REQUIRE(closed >= 0 && fd >= 0);
        struct sockaddr_in address = loopback(bound_port(closed));
        add_write(kq, fd, flags); /* before connect: the event comes without a second EV_ADD */
        require_silent(kq);
        REQUIRE_ERRNO(connect(fd, (struct sockaddr *)&address, sizeof address), EINPROGRESS);
        EXPECT_END(kq, fd, flags, ECONNREFUSED);
        if (flags == 0)
            EXPECT_END(kq, fd, 0, ECONNREFUSED);
        else
            require_silent(kq);
        int late = new_kqueue();
        add_write(late, fd, flags);
        EXPECT_END(late, fd, flags, ECONNREFUSED);
    }
}

static void the_refusal_is_left_for_getsockopt(void) {
    int kq = new_kqueue(), fd = refused();
    add_write(kq, fd, 0);
    for (int i = 0; i < 3; i++)
        EXPECT_END(kq, fd, 0, ECONNREFUSED);
    REQUIRE_EQ(socket_error(fd), ECONNREFUSED);
}

static void read_and_write_both_leave_the_refusal(void) {
    int kq = new_kqueue(), fd = refused(), reads = 0, writes = 0;
    struct kevent events[8];
    add_write(kq, fd, EV_CLEAR);
    add_read(kq, fd, EV_CLEAR);
    while (reads + writes < 2) {
        int got = collect(kq, events, 8, PATIENCE);
        REQUIRE(got > 0);
        for (int i = 0; i < got; i++) {
            REQUIRE_EQ(events[i].flags, EV_ADD | EV_CLEAR | EV_EOF);
            REQUIRE_EQ(events[i].fflags, ECONNREFUSED);
            reads += events[i].filter == EVFILT_READ;
            writes += events[i].filter == EVFILT_WRITE;
        }
    }
    REQUIRE(reads == 1 && writes == 1);
    require_silent(kq);
    REQUIRE_EQ(socket_error(fd), ECONNREFUSED);
}

static void an_unconnected_datagram_socket_fires_at_once(void) {
    for (int flags = 0; flags <= EV_CLEAR; flags += EV_CLEAR) {
        int kq = new_kqueue(), fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        REQUIRE(fd >= 0);
        add_write(kq, fd, flags);
        EXPECT_SPACE(kq, fd, flags);
        if (flags == 0)
            EXPECT_SPACE(kq, fd, flags);
        else
            require_silent(kq);
    }
}

static void the_peers_end_is_no_eof(void) {
    for (int family = 0; family < FAMILIES; family++) {
        int pair[2], kq = new_kqueue();
        stream_pair(family, pair);
        add_write(kq, pair[0], 0);
        shut_write(pair[1]);
        await_poll(pair[0], POLLRDHUP);
        for (int i = 0; i < 3; i++)
            EXPECT_SPACE(kq, pair[0], 0);
    }
}

static void a_tcp_peers_close_alone_is_no_eof(void) {
    int pair[2], kq = new_kqueue();
    tcp_pair(pair);
    add_write(kq, pair[0], 0);
    close(pair[1]);
    await_poll(pair[0], POLLRDHUP);
    EXPECT_SPACE(kq, pair[0], 0);
}

static void a_send_to_a_closed_peer_is_eof(void) {
    need_told_connections();
    for (int flags = 0; flags <= EV_CLEAR; flags += EV_CLEAR) {
        int pair[2], kq = new_kqueue();
        tcp_pair(pair);
        fill(pair[0]); /* so that there is no event but the end */
        add_write(kq, pair[0], flags);
        require_silent(kq);
        close(pair[1]); /* with bytes unread: a reset */
        EXPECT_END(kq, pair[0], flags, ECONNRESET);
    }
}

static void a_connection_that_is_over_is_eof(void) {
    need_told_connections();
    posix_lacks("the error of a connection that was over before EV_ADD does not show unless it is taken");
    for (int flags = 0; flags <= EV_CLEAR; flags += EV_CLEAR) {
        int pair[2], late = new_kqueue();
        tcp_pair(pair);
        close(pair[1]);
        await_poll(pair[0], POLLRDHUP);
        put(pair[0], "12345");
        await_poll(pair[0], POLLHUP);
        add_write(late, pair[0], flags);
        struct kevent event = next_event(late);
        REQUIRE_EQ(event.flags, EV_ADD | EV_EOF | flags);
        REQUIRE(event.fflags == EPIPE || event.fflags == ECONNRESET);
        /* Linux calls it EPIPE where the peer had ended its side before, BSD ECONNRESET. */
        int left = socket_error(pair[0]);
        REQUIRE(left == EPIPE || left == ECONNRESET);
    }
}

static void a_local_peers_close_is_eof(void) {
    for (int flags = 0; flags <= EV_CLEAR; flags += EV_CLEAR) {
        int pair[2], kq = new_kqueue(), late = new_kqueue();
        unix_pair(pair);
        add_write(kq, pair[0], flags);
        EXPECT_SPACE(kq, pair[0], flags);
        close(pair[1]);
        EXPECT_END(kq, pair[0], flags, 0);
        if (flags == 0)
            EXPECT_END(kq, pair[0], 0, 0);
        else
            require_silent(kq);
        REQUIRE_ERRNO(send(pair[0], "1", 1, MSG_NOSIGNAL), EPIPE);
        add_write(late, pair[0], flags);
        EXPECT_END(late, pair[0], flags, 0);
    }
}

static void an_own_shutdown_is_eof(void) {
    for (int family = 0; family < FAMILIES; family++) {
        int pair[2], kq = new_kqueue(), late = new_kqueue();
        stream_pair(family, pair);
        add_write(kq, pair[0], 0);
        EXPECT_SPACE(kq, pair[0], 0);
        shut_write(pair[0]);
        EXPECT_END(kq, pair[0], 0, 0);
        EXPECT_END(kq, pair[0], 0, 0);
        add_write(late, pair[0], EV_CLEAR);
        EXPECT_END(late, pair[0], EV_CLEAR, 0);
        require_silent(late);
    }
}

/* In either order, and after it. */
static void an_own_shutdown_beside_the_peers_is_eof(void) {
    for (int way = 0; way < FAMILIES * 2; way++) {
        int pair[2], kq = new_kqueue(), late = new_kqueue(), first = way & 1;
        stream_pair(way / 2, pair);
        add_write(kq, pair[0], EV_CLEAR);
        EXPECT_SPACE(kq, pair[0], EV_CLEAR);
        shut_write(pair[first]);
        if (first == 0)
            EXPECT_END(kq, pair[0], EV_CLEAR, 0);
        await_poll(pair[!first], POLLIN);
        shut_write(pair[!first]);
        if (first == 1)
            EXPECT_END(kq, pair[0], EV_CLEAR, 0);
        await_poll(pair[first], POLLIN);
        add_write(late, pair[0], 0);
        EXPECT_END(late, pair[0], 0, 0);
        EXPECT_END(late, pair[0], 0, 0);
        close(pair[0]);
        close(pair[1]);
    }
}

static void shut_down_while_waiting(int family, bool full) {
    int pair[2], kq = new_kqueue();
    struct delayed closer;
    stream_pair(family, pair);
    if (full)
        fill(pair[0]);
    add_write(kq, pair[0], EV_CLEAR);
    if (!full)
        EXPECT_SPACE(kq, pair[0], EV_CLEAR);
    require_silent(kq);
    later(&closer, shut_write, pair[0]);
    EXPECT_END(kq, pair[0], EV_CLEAR, 0);
    finish(&closer);
}

static void an_own_shutdown_wakes_a_waiter(void) {
    shut_down_while_waiting(LOCAL, false);
    shut_down_while_waiting(TCP, false);
}

static void an_own_shutdown_of_a_full_tcp_socket_wakes(void) { shut_down_while_waiting(TCP, true); }

static void an_own_shutdown_of_a_full_local_socket_wakes(void) {
    int pair[2];
    struct pollfd entry = {.events = POLLOUT};
    unix_pair(pair);
    fill(pair[0]);
    shut_write(pair[0]);
    entry.fd = pair[0];
    if (poll(&entry, 1, 0) == 0)
        contract_skip("poll(2) of this system does not tell that a full local socket was shut down");
    shut_down_while_waiting(LOCAL, true);
}

/* The probe for an own shutdown, if any, must not reach the peer. */
static void watching_sends_nothing_to_the_peer(void) {
    const int types[] = {SOCK_STREAM, SOCK_SEQPACKET, SOCK_DGRAM};
    char byte;
    for (int i = 0; i < 3; i++) {
        int pair[2], kq = new_kqueue();
        REQUIRE(socketpair(AF_UNIX, types[i] | SOCK_CLOEXEC, 0, pair) == 0);
        add_write(kq, pair[0], 0);
        for (int j = 0; j < 5; j++)
            EXPECT_SPACE(kq, pair[0], 0);
        REQUIRE_ERRNO(recv(pair[1], &byte, 1, MSG_DONTWAIT), EAGAIN);
    }
}

const struct contract_case write_cases[] = {
    {"C-184", "a connected idle socket fires at once", an_idle_socket_fires_at_once, 0},
    {"C-184", "a terminal fires at once, a hangup is EV_EOF", a_terminal_fires_at_once, 0},
    {"C-185", "data is the free space of a local socket", data_is_free_space_of_a_local_socket, 0},
    {"C-185", "data is the free space of a TCP socket", data_is_free_space_of_a_tcp_socket, 0},
    {"C-186", "a full buffer is silent until the peer reads", full_is_silent_until_the_peer_reads, 20},
    {"C-186", "a waiter fills what a slow peer empties", a_waiter_fills_what_a_slow_peer_empties, 30},
    {"C-186", "a full datagram queue is silent", a_full_datagram_queue_is_silent, 0},
    {"C-186", "a larger SO_SNDBUF makes room", a_larger_buffer_makes_room, 0},
    {"C-187", "EV_CLEAR fires once while nothing changes", clear_fires_once_while_nothing_changes, 0},
    {"C-188", "NOTE_LOWAT above the buffer never fires", lowat_above_the_buffer_never_fires, 0},
    {"C-188", "NOTE_LOWAT is each knote's own", lowat_is_each_knotes_own, 0},
    {"C-189", "a listener is silent, also after shutdown()", a_listener_is_silent, 0},
    {"C-190", "unconnected is silent until it connects", unconnected_is_silent_until_it_connects, 0},
    {"C-190", "connect() wakes a waiter", connecting_wakes_a_waiter, 0},
    {"C-190", "a local socket is silent until it connects", a_local_socket_is_silent_until_it_connects, 0},
    {"C-190", "a local socket with EV_CLEAR is silent until it connects",
     a_local_socket_with_clear_is_silent_until_it_connects, 0},
    {"C-191", "a refused connect is EV_EOF with ECONNREFUSED", a_refused_connect_is_eof_with_its_errno, 0},
    {"C-192", "the refusal is left for getsockopt", the_refusal_is_left_for_getsockopt, 0},
    {"C-192", "READ and WRITE both leave the refusal", read_and_write_both_leave_the_refusal, 0},
    {"C-193", "an unconnected UDP socket fires at once", an_unconnected_datagram_socket_fires_at_once, 0},
    {"C-194", "the peer's SHUT_WR is no EV_EOF", the_peers_end_is_no_eof, 0},
    {"C-194", "a TCP peer's close alone is no EV_EOF", a_tcp_peers_close_alone_is_no_eof, 0},
    {"C-195", "a send to a closed peer is EV_EOF", a_send_to_a_closed_peer_is_eof, 0},
    {"C-195", "one that was over before EV_ADD is EV_EOF", a_connection_that_is_over_is_eof, 0},
    {"C-196", "a local peer's close is EV_EOF", a_local_peers_close_is_eof, 0},
    {"C-197", "an own SHUT_WR is EV_EOF", an_own_shutdown_is_eof, 0},
    {"C-197", "beside the peer's end as well", an_own_shutdown_beside_the_peers_is_eof, 0},
    {"C-197", "an own SHUT_WR wakes a waiter", an_own_shutdown_wakes_a_waiter, 0},
    {"C-197", "an own SHUT_WR of a full TCP socket", an_own_shutdown_of_a_full_tcp_socket_wakes, 0},
    {"C-197", "an own SHUT_WR of a full local socket", an_own_shutdown_of_a_full_local_socket_wakes, 0},
    {"C-197", "watching sends nothing to the peer", watching_sends_nothing_to_the_peer, 0},
    {NULL, NULL, NULL, 0},
};
