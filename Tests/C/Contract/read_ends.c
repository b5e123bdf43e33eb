/*
 * Ends of sockets and files that READ and WRITE tell, with the errors they
 * came of, and what is an end or a change to neither: C-362 to C-366, C-147,
 * C-182, C-187, and knotes that share a number, C-183.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "io.h"

#include <netinet/tcp.h>
#include <sched.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <sys/un.h>

/* ---- Listeners (C-362) ---- */

enum { LOCAL_LISTENER, TCP_LISTENER, TCP6_LISTENER, LISTENERS };

static int unbound(int family) {
    const int domains[] = {AF_UNIX, AF_INET, AF_INET6};
    return socket(domains[family], SOCK_STREAM | SOCK_CLOEXEC, 0);
}

static void bind_any(int fd, int family) {
    struct sockaddr_un local = {.sun_family = AF_UNIX};
    struct sockaddr_in in = loopback(0);
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    if (family == LOCAL_LISTENER)
        REQUIRE(bind(fd, (struct sockaddr *)&local, offsetof(struct sockaddr_un, sun_path)) == 0);
    else if (family == TCP_LISTENER)
        REQUIRE(bind(fd, (struct sockaddr *)&in, sizeof in) == 0);
    else if (bind(fd, (struct sockaddr *)&in6, sizeof in6) == -1)
        contract_skip("there is no loopback of IPv6");
}

static void shut_listener_says_eof(void) {
    for (int i = 0; i < LISTENERS * 4; i++) {
        int family = i % LISTENERS, how = i / LISTENERS % 2 ? SHUT_RDWR : SHUT_RD;
        int flags = i / (2 * LISTENERS) ? EV_CLEAR : 0, kq = new_kqueue(), fd = unbound(family);
        if (family == LOCAL_LISTENER && how == SHUT_RD && on_posix())
            continue;
        bind_any(fd, family);
        REQUIRE(listen(fd, 5) == 0);
        add_read(kq, fd, flags);
        add_write(kq, fd, flags);
        require_silent(kq);
        REQUIRE(shutdown(fd, how) == 0);
        EXPECT(kq, fd, EV_ADD | EV_EOF | flags, ECONNABORTED, 0);
        if (flags == 0)
            EXPECT(kq, fd, EV_ADD | EV_EOF, ECONNABORTED, 0);
        else
            require_silent(kq);
        close(fd);
        close(kq);
    }
}

static void shut_both(int fd) { REQUIRE(shutdown(fd, SHUT_RDWR) == 0); }

/* It was listening when the knote was made, or later; a thread waits; connections came meanwhile. */
static void shut_listener_wakes_a_sleeper(void) {
    for (int late = 0; late < 2; late++) {
        int kq = new_kqueue(), fd = unbound(TCP_LISTENER);
        struct sockaddr_in address = {0};
        socklen_t length = sizeof address;
        struct delayed shutter;
        bind_any(fd, TCP_LISTENER);
        if (late) {
            add_read(kq, fd, 0);
            require_silent(kq);
        }
        REQUIRE(listen(fd, 5) == 0);
        if (!late)
            add_read(kq, fd, 0);
        REQUIRE(getsockname(fd, (struct sockaddr *)&address, &length) == 0);
        tcp_client(ntohs(address.sin_port));
        next_event(kq);
        REQUIRE(accept(fd, NULL, NULL) >= 0);
        later(&shutter, shut_both, fd);
        EXPECT(kq, fd, EV_ADD | EV_EOF, ECONNABORTED, 0);
        finish(&shutter);
        REQUIRE(listen(fd, 5) == 0); /* and it can listen again */
        require_silent(kq);
        REQUIRE(getsockname(fd, (struct sockaddr *)&address, &length) == 0);
        tcp_client(ntohs(address.sin_port));
        REQUIRE_EQ(next_event(kq).flags, EV_ADD);
        close(fd);
    }
}

static void what_never_listened_stays_silent(void) {
    for (int family = 0; family < LISTENERS; family++) {
        int kq = new_kqueue(), fd = unbound(family);
        bind_any(fd, family);
        add_read(kq, fd, 0);
        require_asleep(kq);
        close(fd);
    }
}

/* ---- A file's end (C-363) ---- */

static int file_with(const char *bytes) {
    FILE *file = tmpfile();
    REQUIRE(file != NULL);
    put(fileno(file), bytes);
    REQUIRE(lseek(fileno(file), 0, SEEK_SET) == 0);
    return fileno(file);
}

static void add_with_end(int kq, int fd, int flags) {
    change(kq, (uintptr_t)fd, EVFILT_READ, EV_ADD | flags, NOTE_EOF, 0, NULL);
}

static void files_end_is_told(void) {
    int kq = new_kqueue(), fd = file_with("12345");
    add_with_end(kq, fd, 0);
    EXPECT(kq, fd, EV_ADD, 0, 5);
    take(fd, 3);
    EXPECT(kq, fd, EV_ADD, 0, 2);
    take(fd, 2);
    for (int i = 0; i < 3; i++)
        EXPECT(kq, fd, EV_ADD, NOTE_EOF, 0);
    REQUIRE_EQ(pwrite(fd, "678", 3, 5), 3);
    EXPECT(kq, fd, EV_ADD, 0, 3);
    REQUIRE(lseek(fd, 10, SEEK_SET) == 10);
    EXPECT(kq, fd, EV_ADD, 0, -2);
    change(kq, (uintptr_t)fd, EVFILT_READ, EV_ADD, 0, 0, NULL);
    REQUIRE(lseek(fd, 0, SEEK_END) == 8);
    require_silent(kq);
}

static void files_end_is_told_once_under_clear(void) {
    need_seen_proc();
    int kq = new_kqueue(), fd = file_with("");
    add_with_end(kq, fd, EV_CLEAR);
    EXPECT(kq, fd, EV_ADD | EV_CLEAR, NOTE_EOF, 0);
    require_silent(kq);
    REQUIRE_EQ(pwrite(fd, "12", 2, 0), 2);
    EXPECT(kq, fd, EV_ADD | EV_CLEAR, 0, 2);
    require_silent(kq);
    take(fd, 2);
    EXPECT(kq, fd, EV_ADD | EV_CLEAR, NOTE_EOF, 0);
    require_silent(kq);
}

/* What is no file has no such end. */
static void files_end_is_of_files_alone(void) {
    int pair[2], kq = new_kqueue();
    new_pipe(pair);
    add_with_end(kq, pair[0], 0);
    require_silent(kq);
    put(pair[1], "1");
    EXPECT(kq, pair[0], EV_ADD, 0, 1);
}

/* ---- connect() (C-364, C-365) ---- */

/* A port whose listener takes no more connections, so that a connect() stays under way. */
static uint16_t full_port(void) {
    uint16_t port;
    int listener = tcp_listener(&port);
    REQUIRE(listen(listener, 0) == 0);
    for (int i = 0; i < 4; i++) {
        struct sockaddr_in address = loopback(port);
        (void)connect(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), (struct sockaddr *)&address,
                      sizeof address);
    }
    sleep_ms(30);
    return port;
}

static int connecting(uint16_t port) {
    struct sockaddr_in address = loopback(port);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    REQUIRE_ERRNO(connect(fd, (struct sockaddr *)&address, sizeof address), EINPROGRESS);
    return fd;
}

static void connect_given_up_is_eof(void) {
    uint16_t port = full_port();
    for (int i = 0; i < 8; i++) {
        const int hows[] = {SHUT_RD, SHUT_RDWR, SHUT_WR, SHUT_RDWR};
        int how = hows[i % 4], filter = i % 4 < 2 ? EVFILT_READ : EVFILT_WRITE, flags = i < 4 ? 0 : EV_CLEAR;
        int fd = connecting(port), kq = new_kqueue();
        change(kq, (uintptr_t)fd, filter, EV_ADD | flags, 0, 0, NULL);
        require_silent(kq);
        REQUIRE(shutdown(fd, how) == 0);
        struct kevent event = next_event(kq);
        REQUIRE_EQ(event.filter, filter);
        REQUIRE_EQ(event.flags, EV_ADD | EV_EOF | flags);
        if (!on_posix())
            REQUIRE_EQ(event.fflags, ECONNRESET);
        REQUIRE_EQ(socket_error(fd), ECONNRESET);
        close(fd);
        close(kq);
    }
}

#ifdef __linux__
#ifndef TCP_FASTOPEN_CONNECT
#define TCP_FASTOPEN_CONNECT 30
#endif
enum { NO_COOKIE = 34 };

static void set_tcp(int fd, int name, int value) {
    if (setsockopt(fd, IPPROTO_TCP, name, &value, sizeof value) == -1)
        contract_skip("the system has no deferred connect()");
}

/* Before a knote is on it, which looks at it then, or after. */
static void defer_connect(int fd) {
    set_tcp(fd, TCP_FASTOPEN_CONNECT, 1);
    set_tcp(fd, NO_COOKIE, 1);
}

static void deferred_connect_is_writable(void) {
    for (int i = 0; i < 16; i++) {
        int before = i & 1, flags = i & 2 ? EV_CLEAR : 0, sleeps = i & 4, early = i & 8, kq = new_kqueue();
        uint16_t port;
        int listener = tcp_listener(&port), fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        struct sockaddr_in address = loopback(port);
        set_tcp(listener, TCP_FASTOPEN, 5);
        set_tcp(listener, NO_COOKIE, 1);
        if (early)
            defer_connect(fd);
        if (before) {
            add_write(kq, fd, flags);
            require_silent(kq);
        }
        if (!early)
            defer_connect(fd);
        if (connect(fd, (struct sockaddr *)&address, sizeof address) == -1)
            contract_skip("the system defers no connect()");
        if (!before)
            add_write(kq, fd, flags);
        if (sleeps)
            sleep_ms(60);
        struct kevent event = next_event(kq);
        REQUIRE(event.filter == EVFILT_WRITE && event.flags == (EV_ADD | flags) && event.fflags == 0);
        REQUIRE(event.data > 0);
        put(fd, "with the first packet");
        int other = accept(listener, NULL, NULL);
        take(other, strlen("with the first packet"));
        close(fd), close(other), close(listener), close(kq);
    }
}

/* ---- Errors (C-366) ---- */

/* A network of its own, where packets can be lost. */
static void enter_own_network(void) {
    posix_lacks("what a connection went through does not show");
    need_told_connections();
    if (unshare(CLONE_NEWNET) == -1 && unshare(CLONE_NEWUSER | CLONE_NEWNET) == -1)
        contract_skip("a network of its own is not to be had");
}

static void run(const char *command) {
    if (system(command) != 0)
        contract_skip("this fails here: %s", command);
}

static void expect_error(int fd, int filter, int code, long milliseconds) {
    struct kevent event;
    int kq = new_kqueue();
    change(kq, (uintptr_t)fd, filter, EV_ADD, 0, 0, NULL);
    REQUIRE_EQ(collect(kq, &event, 1, milliseconds), 1);
    REQUIRE(event.flags & EV_EOF);
    REQUIRE_EQ(event.fflags, code);
    close(kq);
}

/* Under both filters, and the program finds it there still. */
static void expect_errors(int fd, int code, long milliseconds) {
    expect_error(fd, EVFILT_READ, code, milliseconds);
    expect_error(fd, EVFILT_WRITE, code, milliseconds);
    REQUIRE_EQ(socket_error(fd), code);
}

static void unanswered_is_timed_out(void) {
    int pair[2];
    enter_own_network();
    run("ip link set lo up 2>/dev/null");
    int attempt = connecting(full_port());
    set_tcp(attempt, TCP_SYNCNT, 1);
    tcp_pair(pair);
    set_tcp(pair[0], TCP_USER_TIMEOUT, 700);
    run("ip link set lo down");
    put(pair[0], "x");
    expect_errors(pair[0], ETIMEDOUT, 8000);
    expect_errors(attempt, ETIMEDOUT, 12000);
}

static void silent_peer_is_timed_out(void) {
    int pair[2];
    enter_own_network();
    run("ip link set lo up 2>/dev/null");
    tcp_pair(pair);
    int on = 1;
    REQUIRE(setsockopt(pair[0], SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on) == 0);
    set_tcp(pair[0], TCP_KEEPIDLE, 1);
    set_tcp(pair[0], TCP_KEEPINTVL, 1);
    set_tcp(pair[0], TCP_KEEPCNT, 2);
    run("ip link set lo down");
    expect_errors(pair[0], ETIMEDOUT, 8000);
}

static void unreachable_host_is_named(void) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(80)};
    address.sin_addr.s_addr = htonl(0x0a4d0009);
    enter_own_network();
    run("ip link set lo up && ip link add v0 type veth peer name v1 && ip addr add 10.77.0.1/24 dev v0 && "
        "ip link set v0 up && ip link set v1 up 2>/dev/null");
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    REQUIRE_ERRNO(connect(fd, (struct sockaddr *)&address, sizeof address), EINPROGRESS);
    expect_errors(fd, EHOSTUNREACH, 8000);
}
#endif

static void reset_at_any_time_is_named(void) {
    need_told_connections();
    for (int talks = 0; talks < 3; talks++) {
        int pair[2], kq = new_kqueue();
        tcp_pair(pair);
        for (int i = 0; i < talks; i++) {
            send_bytes(pair[0], pair[1], "ask");
            take(pair[1], 3);
            send_bytes(pair[1], pair[0], "answer");
            take(pair[0], 6);
        }
        add_read(kq, pair[0], 0);
        require_silent(kq);
        reset_peer(pair[1]);
        EXPECT(kq, pair[0], EV_ADD | EV_EOF, ECONNRESET, 0);
        REQUIRE_EQ(socket_error(pair[0]), ECONNRESET);
    }
}

/* Before 5.11 no call tells, of a connection with an error, whether the peer's end came first. */
static void need_told_ends(void) {
    enum { RECEIVE_WITHOUT_COPY = 35 };
    char nowhere[24] = {0};
    socklen_t size = 20;
    int pair[2];
    tcp_pair(pair);
    if (getsockopt(pair[0], IPPROTO_TCP, RECEIVE_WITHOUT_COPY, nowhere, &size) == -1 && errno == EINVAL)
        contract_skip("the kernel (before 5.11) does not tell that the peer's end came before the error");
    close(pair[0]), close(pair[1]);
}

/* The peer closes, and answers what is sent to it nevertheless with a reset: Linux has EPIPE then. */
static void reset_behind_the_end_is_named(void) {
    need_told_ends();
    need_told_connections();
    for (int unread = 0; unread < 2; unread++) {
        int pair[2], kq = new_kqueue();
        posix_lacks("what a connection went through does not show");
        tcp_pair(pair);
        if (unread)
            send_bytes(pair[1], pair[0], "unread");
        close(pair[1]);
        await_poll(pair[0], POLLIN);
        REQUIRE_EQ(send(pair[0], "x", 1, MSG_NOSIGNAL), 1);
        await_poll(pair[0], POLLHUP);
        add_read(kq, pair[0], 0);
        EXPECT(kq, pair[0], EV_ADD | EV_EOF, EPIPE, unread ? 6 : 0);
        REQUIRE_EQ(socket_error(pair[0]), EPIPE);
    }
}

/* ---- What is nothing new under EV_CLEAR ---- */

static void expect_first(int kq, int filter) {
    REQUIRE_EQ(next_event(kq).filter, filter);
    require_silent(kq);
}

static void writer_hears_nothing_of_the_receiving_side(void) {
    for (int family = 0; family < FAMILIES; family++) {
        for (int own = 0; own < 2; own++) {
            int pair[2], kq = new_kqueue();
            stream_pair(family, pair);
            add_write(kq, pair[0], EV_CLEAR);
            expect_first(kq, EVFILT_WRITE);
            send_bytes(pair[1], pair[0], "bytes");
            require_silent(kq);
            REQUIRE(shutdown(pair[!own], own ? SHUT_RD : SHUT_WR) == 0);
            require_silent(kq);
        }
    }
}

/* But of room that comes back it does, whatever else comes at the same time. */
static void writer_hears_of_room_at_the_peers_end(void) {
    for (int family = 0; family < FAMILIES; family++) {
        int pair[2], kq = new_kqueue();
        char bytes[65536] = {0};
        stream_pair(family, pair);
        set_nonblocking(pair[0]);
        set_nonblocking(pair[1]);
        add_write(kq, pair[0], EV_CLEAR);
        expect_first(kq, EVFILT_WRITE);
        for (int idle = 0; idle < 5; idle++)
            for (; write(pair[0], bytes, sizeof bytes) > 0; idle = 0)
                continue;
        require_silent(kq);
        REQUIRE(shutdown(pair[1], SHUT_WR) == 0);
        for (int idle = 0; idle < 20; idle++, sleep_ms(1))
            for (; read(pair[1], bytes, sizeof bytes) > 0; idle = 0)
                continue;
        REQUIRE_EQ(next_event(kq).filter, EVFILT_WRITE);
    }
}

#if defined __linux__ && defined SYS_getsockopt
static int option_of(int fd, int level, int name, void *value, socklen_t *size) {
    return (int)syscall(SYS_getsockopt, fd, level, name, value, size);
}

/* Whether the kernel counts the bytes that came (Linux 4.1); else an acknowledgement is taken for an arrival. */
static bool counts_arrivals(int fd) {
    enum { TO_RECEIVED = 136 }; /* the end of <linux/tcp.h>'s tcpi_bytes_received, which a C library's may not reach */
    char info[2 * TO_RECEIVED];
    socklen_t size = sizeof info;
    return option_of(fd, IPPROTO_TCP, TCP_INFO, info, &size) == 0 && size >= TO_RECEIVED;
}
#else
static bool counts_arrivals(int fd) {
    (void)fd;
    return true;
}
#endif

static void reader_hears_nothing_of_the_sending_side(void) {
    for (int family = 0; family < FAMILIES; family++) {
        for (int own = 0; own < 2; own++) {
            int pair[2], kq = new_kqueue();
            stream_pair(family, pair);
            send_bytes(pair[1], pair[0], "bytes");
            add_read(kq, pair[0], EV_CLEAR);
            expect_first(kq, EVFILT_READ);
            REQUIRE(shutdown(pair[!own], own ? SHUT_WR : SHUT_RD) == 0);
            if (own && !counts_arrivals(pair[0]))
                sleep_ms(60); /* the acknowledgement comes with the end */
            require_silent(kq);
            send_bytes(pair[1], pair[0], "more");
            if (own) /* a local peer that refuses can send still */
                EXPECT(kq, pair[0], EV_ADD | EV_CLEAR, 0, 9);
        }
    }
}

#if defined __linux__ && defined SYS_getsockopt
/* The end of a connection that is acknowledged when somebody asks for its state, and the peer that refuses it. */
static int unacknowledged = -1, deaf_peer;

/* The peer takes no packet that may have come from so far, or takes them again. */
static void set_deaf(bool is_deaf) {
    REQUIRE(setsockopt(deaf_peer, IPPROTO_IP, IP_MINTTL, &(int){is_deaf ? 255 : 0}, sizeof(int)) == 0);
}

static void await_acknowledgement(int fd) {
    struct tcp_info info = {0};
    socklen_t size = sizeof info;
    set_deaf(false);
    for (int i = 0; i < 5000 && info.tcpi_state != TCP_FIN_WAIT2; i++) {
        sleep_ms(1);
        REQUIRE(option_of(fd, IPPROTO_TCP, TCP_INFO, &info, &size) == 0);
    }
}

int getsockopt(int fd, int level, int name, void *restrict value, socklen_t *restrict size) {
    if (fd == unacknowledged && level == IPPROTO_TCP && name == TCP_INFO) {
        unacknowledged = -1;
        await_acknowledgement(fd);
    }
    return option_of(fd, level, name, value, size);
}

/* The acknowledgement of an end is an edge of its own, which may come after the state that it makes was seen. */
static void reader_hears_nothing_of_an_acknowledgement(void) {
    int pair[2], kq = new_kqueue();
    tcp_pair(pair);
    if (!counts_arrivals(pair[0]))
        contract_skip("the kernel (before 4.1) does not count the bytes that came");
    send_bytes(pair[1], pair[0], "bytes");
    add_read(kq, pair[0], EV_CLEAR);
    expect_first(kq, EVFILT_READ);
    REQUIRE(setsockopt(pair[0], IPPROTO_IP, IP_TTL, &(int){64}, sizeof(int)) == 0);
    deaf_peer = pair[1];
    set_deaf(true);
    REQUIRE(shutdown(pair[0], SHUT_WR) == 0);
    unacknowledged = pair[0];
    require_silent(kq);
    require_silent(kq);
    if (unacknowledged >= 0) /* nobody asked */
        await_acknowledgement(pair[0]);
    require_silent(kq);
    send_bytes(pair[1], pair[0], "more");
    EXPECT(kq, pair[0], EV_ADD | EV_CLEAR, 0, 9);
}
#else
static void reader_hears_nothing_of_an_acknowledgement(void) {
    contract_skip("TCP_INFO is Linux's");
}
#endif

/* As many bytes as before are news where they came since. */
static void messages_of_one_size_are_told(void) {
    for (int family = 0; family < FAMILIES; family++) {
        int pair[2], kq = new_kqueue();
        stream_pair(family, pair);
        add_read(kq, pair[0], EV_CLEAR);
        for (int i = 0; i < 300; i++) {
            if (i == 150)
                REQUIRE(shutdown(pair[0], SHUT_WR) == 0);
            if (i == 151)
                sleep_ms(60); /* the acknowledgement */
            send_bytes(pair[1], pair[0], "four");
            EXPECT(kq, pair[0], EV_ADD | EV_CLEAR, 0, 4);
            take(pair[0], 4);
            if (i % 50 == 0)
                require_silent(kq);
        }
    }
}

/* ---- Knotes that share a number (C-183) ---- */

static void last_of_a_number_goes_on(void) {
    const int flags[] = {0, EV_CLEAR, EV_DISPATCH, EV_ONESHOT};
    for (int i = 0; i < 16; i++) {
        int flag = flags[i % 4], readable = i & 4, disabled = i & 8, pair[2], kq = new_kqueue();
        unix_pair(pair);
        add_write(kq, pair[0], EV_DISABLE);
        add_read(kq, pair[0], flag | (disabled ? EV_DISABLE : 0));
        if (readable)
            put(pair[1], "12");
        if (readable && flag == EV_CLEAR && !disabled)
            EXPECT(kq, pair[0], EV_ADD | EV_CLEAR, 0, 2);
        REQUIRE(delete_knote(kq, (uintptr_t)pair[0], EVFILT_WRITE));
        if (disabled || !readable || flag == EV_CLEAR)
            require_silent(kq);
        if (disabled)
            change(kq, (uintptr_t)pair[0], EVFILT_READ, EV_ENABLE, 0, 0, NULL);
        if (!readable || (flag == EV_CLEAR && !disabled))
            put(pair[1], "345");
        struct kevent event = next_event(kq);
        REQUIRE_EQ(event.data, waiting(pair[0]));
        if (flag)
            require_silent(kq);
        else
            REQUIRE_EQ(next_event(kq).data, waiting(pair[0]));
        REQUIRE_EQ(delete_knote(kq, (uintptr_t)pair[0], EVFILT_READ), flag != EV_ONESHOT);
        close(pair[0]), close(pair[1]), close(kq);
    }
}

/* The sibling goes when it is delivered, in the call that tells both; the other goes on. */
static void last_of_a_number_after_a_delivery(void) {
    for (int order = 0; order < 4; order++) {
        int pair[2], flags = order & 2 ? EV_CLEAR : 0, kq = new_kqueue();
        struct kevent events[4];
        unix_pair(pair);
        put(pair[1], "12");
        for (int i = 0; i < 2; i++) {
            if (i == (order & 1))
                add_write(kq, pair[0], EV_ONESHOT);
            else
                add_read(kq, pair[0], flags);
        }
        REQUIRE_EQ(collect(kq, events, 4, PATIENCE), 2);
        if (flags)
            require_silent(kq);
        for (int i = 0; i < 5; i++) {
            put(pair[1], "3");
            REQUIRE_EQ(collect(kq, events, 4, PATIENCE), 1);
            REQUIRE(events[0].filter == EVFILT_READ && events[0].data == 3 + i);
        }
        take(pair[0], 7);
        require_silent(kq);
    }
}

static void hostile_limits_do_no_harm(void) {
    const intptr_t limits[] = {INTPTR_MIN, INTPTR_MIN + 1, -1, 0, 1, INTPTR_MAX - 1, INTPTR_MAX};
    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
        int fds[6], kq = new_kqueue();
        uint16_t port;
        struct kevent events[16];
        unix_pair(&fds[0]);
        new_pipe(&fds[2]);
        fds[4] = tcp_listener(&port);
        fds[5] = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        for (int n = 0; n < 6; n++) {
            change(kq, (uintptr_t)fds[n], EVFILT_READ, EV_ADD | (n & 1 ? EV_CLEAR : 0), NOTE_LOWAT, limits[i], NULL);
            change(kq, (uintptr_t)fds[n], EVFILT_WRITE, EV_ADD, NOTE_LOWAT, limits[i], NULL);
        }
        for (int room = 1; room <= 16; room++)
            REQUIRE(collect(kq, events, room, 0) >= 0);
        for (int n = 0; n < 6; n++)
            close(fds[n]);
        close(kq);
    }
}

const struct contract_case read_end_cases[] = {
    {"C-362", "a listener that is shut down says EV_EOF", shut_listener_says_eof, 30},
    {"C-362", "a sleeper is told, whenever it began to listen", shut_listener_wakes_a_sleeper, 0},
    {"C-362", "a socket that never listened is silent", what_never_listened_stays_silent, 0},
    {"C-363", "NOTE_EOF: a file's end is told", files_end_is_told, 0},
    {"C-363", "NOTE_EOF under EV_CLEAR: once", files_end_is_told_once_under_clear, 0},
    {"C-363", "NOTE_EOF: not of a pipe", files_end_is_of_files_alone, 0},
    {"C-364", "a connect() that is given up is EV_EOF", connect_given_up_is_eof, 20},
    {"C-366", "a reset is ECONNRESET, whatever went before", reset_at_any_time_is_named, 0},
    {"C-366", "a reset behind the peer's end is EPIPE", reset_behind_the_end_is_named, 0},
#ifdef __linux__
    {"C-365", "a deferred connect() is writable", deferred_connect_is_writable, 20},
    {"C-366", "what nobody answers is ETIMEDOUT", unanswered_is_timed_out, 40},
    {"C-366", "a peer that keeps silent is ETIMEDOUT", silent_peer_is_timed_out, 20},
    {"C-366", "a host that cannot be reached is EHOSTUNREACH", unreachable_host_is_named, 20},
#endif
    {"C-187", "EV_CLEAR: WRITE is silent when the receiving side ends", writer_hears_nothing_of_the_receiving_side, 20},
    {"C-187", "EV_CLEAR: room at the peer's end is told", writer_hears_of_room_at_the_peers_end, 30},
    {"C-147", "EV_CLEAR: READ is silent when the sending side ends", reader_hears_nothing_of_the_sending_side, 20},
    {"C-147", "EV_CLEAR: READ is silent when an end is acknowledged", reader_hears_nothing_of_an_acknowledgement, 20},
    {"C-147", "EV_CLEAR: messages of one size are all told", messages_of_one_size_are_told, 30},
    {"C-183", "the last knote of a number goes on as it was", last_of_a_number_goes_on, 30},
    {"C-183", "so does it where the other was delivered last", last_of_a_number_after_a_delivery, 20},
    {"C-148", "any limit may be asked for", hostile_limits_do_no_harm, 20},
    {NULL, NULL, NULL, 0},
};
