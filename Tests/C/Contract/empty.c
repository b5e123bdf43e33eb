/*
 * EMPTY: everything that was sent has been taken (contract 6.4).
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "absent.h"
#include "io.h"

static void add_empty(int kq, int fd, int flags) {
    change(kq, (uintptr_t)fd, EVFILT_EMPTY, EV_ADD | flags, 0, 0, NULL);
}

#define EXPECT_EMPTY(kq, fd, flags) \
    expect_event(__FILE__, __LINE__, next_event(kq), fd, EVFILT_EMPTY, flags, 0, 0)

/* Until the peer does not even have to acknowledge anything any more. */
static void await_unsent(int fd, bool some) {
    int unsent = 0;
    do {
        REQUIRE(ioctl(fd, TIOCOUTQ, &unsent) == 0);
        poll(NULL, 0, 1);
    } while ((unsent > 0) != some);
}

/* More than the peer takes by itself. */
static void fill(int fd) {
    static char bytes[1 << 16];
    set_nonblocking(fd);
    while (write(fd, bytes, sizeof bytes) > 0)
        continue;
    REQUIRE_EQ(errno, EAGAIN);
    await_unsent(fd, true);
}

static void drain(int fd) {
    static char bytes[1 << 16];
    set_nonblocking(fd);
    struct pollfd readable = {.fd = fd, .events = POLLIN};
    ssize_t got = 1;
    while (got != 0 && poll(&readable, 1, 200) == 1)
        while ((got = read(fd, bytes, sizeof bytes)) > 0)
            continue;
}

static void idle_socket_fires(void) {
    posix_lacks("there is no EVFILT_EMPTY");
    int kq = new_kqueue(), pair[2];
    uint16_t port;
    for (int family = LOCAL; family < FAMILIES; family++) {
        stream_pair(family, pair);
        add_empty(kq, pair[0], EV_ONESHOT);
        EXPECT_EMPTY(kq, pair[0], EV_ADD | EV_ONESHOT);
        add_empty(kq, pair[0], 0);
        EXPECT_EMPTY(kq, pair[0], EV_ADD);
        EXPECT_EMPTY(kq, pair[0], EV_ADD); /* level */
        REQUIRE(delete_knote(kq, (uintptr_t)pair[0], EVFILT_EMPTY));
    }
    int listener = tcp_listener(&port);
    add_empty(kq, listener, 0);
    EXPECT_EMPTY(kq, listener, EV_ADD);
}

static void silent_until_taken(void) {
    posix_lacks("there is no EVFILT_EMPTY");
    for (int family = LOCAL; family < FAMILIES; family++) {
        int kq = new_kqueue(), pair[2];
        stream_pair(family, pair);
        fill(pair[0]);
        add_empty(kq, pair[0], 0);
        require_silent(kq);
        drain(pair[1]);
        EXPECT_EMPTY(kq, pair[0], EV_ADD);
        close(kq);
    }
}

static void drain_later(int fd) { drain(fd); }

static void wakes_a_sleeper(void) {
    posix_lacks("there is no EVFILT_EMPTY");
    int kq = new_kqueue(), pair[2];
    struct delayed delayed;
    unix_pair(pair);
    fill(pair[0]);
    add_empty(kq, pair[0], 0);
    later(&delayed, drain_later, pair[1]);
    EXPECT_EMPTY(kq, pair[0], EV_ADD);
    finish(&delayed);
}

static void wakes_a_poller(void) {
    posix_lacks("there is no EVFILT_EMPTY");
    int kq = new_kqueue(), pair[2];
    struct kevent event;
    unix_pair(pair);
    fill(pair[0]);
    add_empty(kq, pair[0], 0);
    REQUIRE_EQ(collect(kq, &event, 1, 0), 0);
    drain(pair[1]);
    await_poll(kq, POLLIN);
    EXPECT_EMPTY(kq, pair[0], EV_ADD);
}

static void once_each_time_under_clear(void) {
    posix_lacks("there is no EVFILT_EMPTY");
    int kq = new_kqueue(), pair[2];
    unix_pair(pair);
    add_empty(kq, pair[0], EV_CLEAR);
    EXPECT_EMPTY(kq, pair[0], EV_ADD | EV_CLEAR);
    require_silent(kq);
    fill(pair[0]);
    require_silent(kq);
    drain(pair[1]);
    EXPECT_EMPTY(kq, pair[0], EV_ADD | EV_CLEAR);
    require_silent(kq);
}

static void disabled_and_dispatched(void) {
    posix_lacks("there is no EVFILT_EMPTY");
    int kq = new_kqueue(), pair[2];
    unix_pair(pair);
    add_empty(kq, pair[0], EV_DISABLE);
    require_silent(kq);
    change(kq, (uintptr_t)pair[0], EVFILT_EMPTY, EV_ENABLE, 0, 0, NULL);
    EXPECT_EMPTY(kq, pair[0], EV_ADD);
    REQUIRE(delete_knote(kq, (uintptr_t)pair[0], EVFILT_EMPTY));
    add_empty(kq, pair[0], EV_DISPATCH);
    EXPECT_EMPTY(kq, pair[0], EV_ADD | EV_DISPATCH);
    require_silent(kq);
    change(kq, (uintptr_t)pair[0], EVFILT_EMPTY, EV_ENABLE, 0, 0, NULL);
    EXPECT_EMPTY(kq, pair[0], EV_ADD | EV_DISPATCH);
}

static void closing_ends_it(void) {
    posix_lacks("there is no EVFILT_EMPTY");
    int kq = new_kqueue(), pair[2];
    unix_pair(pair);
    fill(pair[0]);
    add_empty(kq, pair[0], 0);
    require_silent(kq);
    REQUIRE_EQ(close(pair[0]), 0);
    drain(pair[1]);
    require_asleep(kq);
    REQUIRE_EQ(change_errno(kq, (uintptr_t)pair[0], EVFILT_EMPTY, EV_DELETE, 0, 0, NULL), EBADF);
}

static void waits_without_work(void) {
    posix_lacks("there is no EVFILT_EMPTY");
    int kq = new_kqueue(), pair[2];
    unix_pair(pair);
    fill(pair[0]);
    add_empty(kq, pair[0], 0);
    require_asleep(kq);
}

static void own_shutdown_is_an_end(void) {
    posix_lacks("there is no EVFILT_EMPTY");
    int kq = new_kqueue(), pair[2];
    tcp_pair(pair);
    REQUIRE_EQ(shutdown(pair[0], SHUT_WR), 0);
    add_empty(kq, pair[0], 0);
    EXPECT_EMPTY(kq, pair[0], EV_ADD | EV_EOF);
}

static void sockets_only(void) {
    need_seen_proc();
    posix_lacks("there is no EVFILT_EMPTY");
    int kq = new_kqueue(), pair[2], file = open(seen_proc("self/exe"), O_RDONLY | O_CLOEXEC);
    new_pipe(pair);
    REQUIRE_EQ(change_errno(kq, (uintptr_t)pair[1], EVFILT_EMPTY, EV_ADD, 0, 0, NULL), EINVAL);
    REQUIRE_EQ(change_errno(kq, (uintptr_t)file, EVFILT_EMPTY, EV_ADD, 0, 0, NULL), EINVAL);
    REQUIRE_EQ(change_errno(kq, (uintptr_t)kq, EVFILT_EMPTY, EV_ADD, 0, 0, NULL), EINVAL);
    close(file);
    REQUIRE_EQ(change_errno(kq, (uintptr_t)file, EVFILT_EMPTY, EV_ADD, 0, 0, NULL), EBADF);
    add_triggered(kq, 1, EV_CLEAR);
    REQUIRE_EQ(next_event(kq).ident, 1);
}

const struct contract_case empty_cases[] = {
    {"C-208", "EMPTY fires on idle and listening sockets", idle_socket_fires, 0},
    {"C-208", "EMPTY under EV_CLEAR: once each time", once_each_time_under_clear, 0},
    {"C-208", "EMPTY under EV_DISABLE and EV_DISPATCH", disabled_and_dispatched, 0},
    {"C-208", "EMPTY: an own SHUT_WR is an end", own_shutdown_is_an_end, 0},
    {"C-209", "EMPTY is silent until the peer took all", silent_until_taken, 0},
    {"C-209", "EMPTY wakes a sleeper", wakes_a_sleeper, 0},
    {"C-209", "EMPTY makes the kqueue readable", wakes_a_poller, 0},
    {"C-209", "EMPTY waits with next to no work", waits_without_work, 0},
    {"C-209", "EMPTY ends with the number", closing_ends_it, 0},
    {"C-210", "EMPTY is for sockets", sockets_only, 0},
    {NULL, NULL, NULL, 0},
};
