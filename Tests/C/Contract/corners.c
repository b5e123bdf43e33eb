/*
 * READ, WRITE, EXCEPT and EMPTY where two things come together that each work alone.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "io.h"
#include "life.h"

#include <netinet/tcp.h>
#include <sys/un.h>

static int events_of(int kq, int ident, int rounds) {
    int count = 0;
    for (int i = 0; i < rounds; i++) {
        struct kevent events[8];
        int got = collect(kq, events, 8, 5);
        for (int j = 0; j < got; j++)
            count += events[j].ident == (uintptr_t)ident;
    }
    return count;
}

/* ---- Files among what is always ready ---- */

static void file_grows_beside_what_is_ready(void) {
    char path[] = "/tmp/contract-XXXXXX";
    int fd = mkstemp(path), writer = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);
    int full = open("/etc/passwd", O_RDONLY | O_CLOEXEC), kq = new_kqueue();
    REQUIRE(unlink(path) == 0 && full >= 0);
    add_read(kq, fd, 0);
    add_read(kq, full, 0);
    add_triggered(kq, 1, 0);
    REQUIRE_EQ(events_of(kq, fd, 2), 0);
    put(writer, "x");
    for (double end = now_ms() + PATIENCE; events_of(kq, fd, 1) == 0;)
        REQUIRE(now_ms() < end);
}

static void file_grows_again_under_clear(void) {
    char path[] = "/tmp/contract-XXXXXX";
    int fd = mkstemp(path), writer = open(path, O_WRONLY | O_APPEND | O_CLOEXEC), kq = new_kqueue();
    struct kevent event;
    REQUIRE(unlink(path) == 0);
    add_read(kq, fd, EV_CLEAR);
    put(writer, "abc");
    REQUIRE_EQ(next_event(kq).data, 3);
    put(writer, "d");
    for (int tries = 0; collect(kq, &event, 1, 0) == 0; tries++) {
        REQUIRE(tries < 100);
        sleep_ms(10);
    }
    REQUIRE_EQ(event.data, 4);
}

/* The end of the last watch leaves nothing to tell behind. */
static void unreadable_once_files_are_gone(void) {
    int kq = new_kqueue();
    struct pollfd readable = {.fd = kq, .events = POLLIN};
    struct kevent event;
    for (int way = 0; way < 2; way++) {
        int fd = open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
        REQUIRE(fd >= 0);
        change(kq, (uintptr_t)fd, EVFILT_VNODE, EV_ADD | (way ? EV_ONESHOT : 0), NOTE_WRITE, 0, NULL);
        put(fd, "x");
        REQUIRE_EQ(next_event(kq).ident, fd);
        if (way == 0)
            REQUIRE(delete_knote(kq, (uintptr_t)fd, EVFILT_VNODE));
        for (int i = 0; i < 3; i++)
            REQUIRE_EQ(collect(kq, &event, 1, 0), 0);
        REQUIRE_EQ(poll(&readable, 1, 0), 0);
    }
}

/* ---- The room of sockets that keep packets apart ---- */

static void udp_pair(int pair[2]) {
    uint16_t ports[2];
    for (int i = 0; i < 2; i++) {
        pair[i] = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        ports[i] = bound_port(pair[i]);
    }
    for (int i = 0; i < 2; i++) {
        struct sockaddr_in address = loopback(ports[!i]);
        REQUIRE(connect(pair[i], (struct sockaddr *)&address, sizeof address) == 0);
    }
}

static void packets(int kind, int pair[2]) {
    if (kind == 0)
        udp_pair(pair);
    else
        REQUIRE(socketpair(AF_UNIX, (kind == 1 ? SOCK_DGRAM : SOCK_SEQPACKET) | SOCK_CLOEXEC, 0, pair) == 0);
}

static void clear_tells_room_for_packets_once(void) {
    for (int kind = 0; kind < 3; kind++) {
        int pair[2], kq = new_kqueue(), other = new_kqueue();
        packets(kind, pair);
        add_write(kq, pair[0], EV_CLEAR);
        add_write(other, pair[0], 0);
        REQUIRE_EQ(next_event(kq).filter, EVFILT_WRITE);
        REQUIRE(events_of(other, pair[0], 20) > 0);
        REQUIRE_EQ(events_of(kq, pair[0], 20), 0);
    }
}

static void room_for_packets_that_never_comes(void) {
    posix_lacks("a socket does not tell its free space");
    for (int kind = 0; kind < 3; kind++) {
        int pair[2], kq = new_kqueue();
        struct kevent event;
        packets(kind, pair);
        change(kq, (uintptr_t)pair[0], EVFILT_WRITE, EV_ADD, NOTE_LOWAT, 100000000, NULL);
        double used = cpu_ms();
        REQUIRE_EQ(collect(kq, &event, 1, 200), 0);
        REQUIRE(cpu_ms() - used < allowed_cpu(100));
    }
}

/* What a look at a socket must not do: give it an address, send what is held back, or take its error. */
static void looking_changes_nothing(void) {
    struct sockaddr_in address = loopback(0);
    socklen_t size = sizeof address;
    int pair[2], kq = new_kqueue(), fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    char bytes[16];
    add_write(kq, fd, 0);
    REQUIRE_EQ(next_event(kq).ident, fd);
    REQUIRE(getsockname(fd, (struct sockaddr *)&address, &size) == 0);
    REQUIRE_EQ(address.sin_port, 0);
    address = loopback(0);
    REQUIRE(bind(fd, (struct sockaddr *)&address, sizeof address) == 0);
    close(fd);

    udp_pair(pair);
    add_write(kq, pair[0], 0);
    REQUIRE_EQ(send(pair[0], "abc", 3, MSG_MORE), 3);
    REQUIRE_EQ(next_event(kq).ident, pair[0]);
    REQUIRE_EQ(send(pair[0], "def", 3, 0), 3);
    REQUIRE_EQ(recv(pair[1], bytes, sizeof bytes, 0), 6);
}

static void empty_leaves_the_error(void) {
    posix_lacks("there is no EVFILT_EMPTY");
    need_told_connections();
#ifdef EVFILT_EMPTY
    int pair[2], kq = new_kqueue();
    tcp_pair(pair);
    reset_peer(pair[1]);
    await_poll(pair[0], POLLERR);
    change(kq, (uintptr_t)pair[0], EVFILT_EMPTY, EV_ADD, 0, 0, NULL);
    struct kevent event = next_event(kq);
    REQUIRE_EQ(event.flags & EV_EOF, EV_EOF);
    REQUIRE_EQ(event.fflags, ECONNRESET);
    REQUIRE_EQ(socket_error(pair[0]), ECONNRESET);
#endif
}

static void empty_of_a_connection_that_is_over(void) {
    posix_lacks("there is no EVFILT_EMPTY");
#ifdef EVFILT_EMPTY
    int pair[2], kq = new_kqueue(), fresh = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    char bytes[65536] = {0};
    change(kq, (uintptr_t)fresh, EVFILT_EMPTY, EV_ADD | EV_ONESHOT, 0, 0, NULL);
    REQUIRE_EQ(next_event(kq).flags & EV_EOF, 0); /* never connected is no end */
    tcp_pair(pair);
    set_nonblocking(pair[0]);
    while (send(pair[0], bytes, sizeof bytes, 0) > 0)
        continue;
    change(kq, (uintptr_t)pair[0], EVFILT_EMPTY, EV_ADD, 0, 0, NULL);
    require_silent(kq);
    reset_peer(pair[1]);
    REQUIRE_EQ(next_event(kq).flags & EV_EOF, EV_EOF);
#endif
}

/* ---- More of what was told ---- */

/* TCP wakes nobody for more room where there is some. */
static void room_above_the_mark_comes(void) {
    posix_lacks("a socket does not tell its free space");
    int pair[2], kq = new_kqueue(), size = 200000;
    static char bytes[16384];
    tcp_pair(pair);
    REQUIRE(setsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &size, sizeof size) == 0);
    set_nonblocking(pair[0]);
    set_nonblocking(pair[1]);
    add_write(kq, pair[0], EV_ONESHOT);
    intptr_t all = next_event(kq).data, room = all;
    while (room > all * 3 / 4) {
        REQUIRE(send(pair[0], bytes, sizeof bytes, 0) > 0);
        add_write(kq, pair[0], EV_ONESHOT);
        room = next_event(kq).data;
    }
    change(kq, (uintptr_t)pair[0], EVFILT_WRITE, EV_ADD | EV_CLEAR, NOTE_LOWAT, all * 9 / 10, NULL);
    for (double end = now_ms() + 300; now_ms() < end; sleep_ms(5))
        while (recv(pair[1], bytes, sizeof bytes, 0) > 0)
            continue;
    REQUIRE(next_event(kq).data >= all * 9 / 10);
}

static void bytes_behind_an_own_end(void) {
    int pair[2], kq = new_kqueue();
    tcp_pair(pair);
    add_read(kq, pair[0], EV_CLEAR);
    shut_read(pair[0]);
    REQUIRE_EQ(next_event(kq).flags & EV_EOF, EV_EOF);
    put(pair[1], "abc");
    struct kevent event = next_event(kq);
    REQUIRE_EQ(event.flags & EV_EOF, EV_EOF);
    REQUIRE_EQ(event.data, 3);
}

/* A port of a socket that does not listen. */
static int idle_port(void) { return bound_port(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)); }

static void connect_in_vain(int kq, int fd, struct sockaddr_in *address) {
    while (connect(fd, (struct sockaddr *)address, sizeof *address) == -1 && errno != EINPROGRESS)
        REQUIRE(errno == ECONNABORTED || errno == ECONNREFUSED);
    struct kevent event = next_event(kq);
    REQUIRE_EQ(event.flags & EV_EOF, EV_EOF);
    REQUIRE_EQ(event.fflags, ECONNREFUSED);
    REQUIRE_EQ(socket_error(fd), ECONNREFUSED);
}

/* Many, since two ports may be alike in part. */
static void further_connects_fail(void) {
    posix_lacks("a connection that failed as the one before looks the same");
    int kq = new_kqueue(), fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    struct sockaddr_in address = loopback(idle_port());
    add_write(kq, fd, EV_CLEAR);
    for (int round = 0; round < 500; round++)
        connect_in_vain(kq, fd, &address);
}

static void further_connects_fail_from_one_port(void) {
    posix_lacks("a connection that failed as the one before looks the same");
    int kq = new_kqueue(), fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    struct sockaddr_in address = loopback(idle_port());
    int chosen = idle_port(), one = 1;
    for (int round = 0; round < 3; round++) {
        struct sockaddr_in own = loopback(chosen);
        REQUIRE(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) == 0);
        bind(fd, (struct sockaddr *)&own, sizeof own);
        if (round == 0)
            add_write(kq, fd, EV_CLEAR);
        connect_in_vain(kq, fd, &address);
    }
    require_silent(kq);
}

/* Notes of what was sent wait in the error queue, and are no error. */
static void notes_in_the_error_queue(void) {
#if defined SO_ZEROCOPY && defined MSG_ZEROCOPY
    posix_lacks("what poll(2) calls an error may be a note of what was sent");
    int pair[2], kq = new_kqueue(), one = 1;
    static char bytes[20000];
    tcp_pair(pair);
    if (setsockopt(pair[0], SOL_SOCKET, SO_ZEROCOPY, &one, sizeof one) == -1)
        contract_skip("no SO_ZEROCOPY: %s", strerror(errno));
    REQUIRE_EQ(send(pair[0], bytes, sizeof bytes, MSG_ZEROCOPY), sizeof bytes);
    take(pair[1], sizeof bytes);
    await_poll(pair[0], POLLERR);
    add_read(kq, pair[0], 0);
    require_silent(kq);
    add_write(kq, pair[0], EV_CLEAR);
    struct kevent event = next_event(kq);
    REQUIRE_EQ(event.filter, EVFILT_WRITE);
    REQUIRE_EQ(event.fflags, 0);
#else
    contract_skip("no SO_ZEROCOPY");
#endif
}

static void connect_to_local(int fd) {
    struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "\0contract-corners"};
    REQUIRE(connect(fd, (struct sockaddr *)&address, sizeof address) == 0);
}

/* A local socket's own connect() wakes nobody. */
static void local_connect_while_one_waits(void) {
    struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "\0contract-corners"};
    int kq = new_kqueue(), listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct waiter waiter;
    REQUIRE(bind(listener, (struct sockaddr *)&address, sizeof address) == 0 && listen(listener, 5) == 0);
    add_write(kq, fd, 0);
    start_waiter(&waiter, kq, 1, PATIENCE);
    park_waiter(&waiter);
    connect_to_local(fd);
    join_waiter(&waiter);
    REQUIRE_EQ(waiter.result, 1);
    REQUIRE(waiter.ended - waiter.started < LATE);
}

static void local_listener_that_was_shut(void) {
    struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "\0contract-corners-2"};
    int kq = new_kqueue(), listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    REQUIRE(bind(listener, (struct sockaddr *)&address, sizeof address) == 0 && listen(listener, 5) == 0);
    add_write(kq, listener, 0);
    REQUIRE(shutdown(listener, SHUT_RDWR) == 0);
    require_silent(kq);
}

/* ---- Order ---- */

/* More pairs of knotes on one number than are asked for at a time. */
static void both_filters_of_many(void) {
    need_descriptors(500);
    enum { COUNT = 200 };
    static struct kevent events[2 * COUNT + 1];
    int kq = new_kqueue();
    for (int i = 0; i < COUNT; i++) {
        int pair[2];
        unix_pair(pair);
        put(pair[1], "x");
        add_read(kq, pair[0], 0);
        add_write(kq, pair[0], 0);
    }
    for (int i = 0; i < 3; i++)
        REQUIRE_EQ(collect(kq, events, 2 * COUNT + 1, 1000), 2 * COUNT);
}

/* ---- Flags ---- */

static void urgency_is_for_read_alone(void) {
    int kq = new_kqueue();
    change(kq, 1, EVFILT_USER, EV_ADD | EV_FLAG1, NOTE_TRIGGER, 0, NULL);
    REQUIRE_EQ(next_event(kq).fflags, 0);
    REQUIRE_EQ(change_errno(kq, 0, EVFILT_LIBKQUEUE, EV_ADD | EV_UDATA_SPECIFIC, NOTE_VERSION, 0, NULL), EINVAL);
    REQUIRE_EQ(change_errno(kq, 0, EVFILT_LIBKQUEUE, EV_ADD | EV_ENABLE | EV_DISABLE, NOTE_VERSION, 0, NULL), EINVAL);
}

static void the_end_of_a_terminal(void) {
    need_terminals();
    int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC), kq = new_kqueue();
    REQUIRE(master >= 0 && grantpt(master) == 0 && unlockpt(master) == 0);
    int slave = open(ptsname(master), O_RDWR | O_NOCTTY | O_CLOEXEC);
    REQUIRE(slave >= 0);
    change(kq, (uintptr_t)slave, EVFILT_EXCEPT, EV_ADD, NOTE_OOB, 0, NULL);
    require_silent(kq);
    REQUIRE_EQ(close(master), 0);
    REQUIRE_EQ(next_event(kq).flags & EV_EOF, EV_EOF);
}

static void now_and_no_more(void) {
    int kq = new_kqueue();
    for (int i = 0; i < 100; i++) {
        struct kevent entry, event;
        EV_SET(&entry, 1, EVFILT_TIMER, EV_ADD | EV_ONESHOT, 0, 0, NULL);
        REQUIRE_EQ(kevent(kq, &entry, 1, &event, 1, &(struct timespec){0, 0}), 1);
        REQUIRE_EQ(event.data, 1);
        REQUIRE_NO_KNOTE(kq, 1, EVFILT_TIMER, ENOENT);
    }
}

const struct contract_case corner_cases[] = {
    {"C-173", "a file grows beside what is always ready", file_grows_beside_what_is_ready, 0},
    {"C-173", "a file grows again under EV_CLEAR", file_grows_again_under_clear, 0},
    {"C-101", "unreadable once the last file is not watched", unreadable_once_files_are_gone, 0},
    {"C-187", "EV_CLEAR tells room for packets once", clear_tells_room_for_packets_once, 0},
    {"C-188", "room for packets that never comes", room_for_packets_that_never_comes, 0},
    {"C-193", "looking at a socket changes nothing", looking_changes_nothing, 0},
    {"C-208", "EMPTY leaves a connection's error to the program", empty_leaves_the_error, 0},
    {"C-209", "EMPTY of a connection that is over", empty_of_a_connection_that_is_over, 0},
    {"C-188", "room above the mark comes", room_above_the_mark_comes, 0},
    {"C-147", "bytes behind an own end", bytes_behind_an_own_end, 0},
    {"C-191", "further connects of a socket fail", further_connects_fail, 0},
    {"C-191", "further connects fail from one port", further_connects_fail_from_one_port, 0},
    {"C-155", "notes in the error queue are no error", notes_in_the_error_queue, 0},
    {"C-190", "a local socket connects while one waits", local_connect_while_one_waits, 0},
    {"C-189", "a local listener that was shut", local_listener_that_was_shut, 0},
    {"C-086", "READ and WRITE of 200 descriptors in one call", both_filters_of_many, 0},
    {"C-050", "EV_FLAG1 is for READ and EXCEPT, and LIBKQUEUE has rules", urgency_is_for_read_alone, 0},
    {"C-205", "EXCEPT tells that a terminal hung up", the_end_of_a_terminal, 0},
    {"C-294", "0 is now, in the same call", now_and_no_more, 0},
    {NULL, NULL, NULL, 0},
};
