/*
 * EVFILT_READ on stream sockets, their bytes and their end: C-145 to C-154.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "io.h"

static void add_lowat(int kq, int fd, int flags, intptr_t bytes) {
    change(kq, (uintptr_t)fd, EVFILT_READ, EV_ADD | flags, NOTE_LOWAT, bytes, NULL);
}

static int receive_lowat(int fd) {
    int bytes = 0;
    socklen_t length = sizeof bytes;
    REQUIRE(getsockopt(fd, SOL_SOCKET, SO_RCVLOWAT, &bytes, &length) == 0);
    return bytes;
}

static void waiting_bytes_are_counted(void) {
    for (int family = 0; family < FAMILIES; family++) {
        int pair[2], kq = new_kqueue(), mark;
        stream_pair(family, pair);
        send_bytes(pair[1], pair[0], "12345");
        change(kq, (uintptr_t)pair[0], EVFILT_READ, EV_ADD, 0, 0, &mark);
        struct kevent event = next_event(kq);
        REQUIRE(event.ident == (uintptr_t)pair[0] && event.filter == EVFILT_READ && event.udata == &mark);
        REQUIRE_EQ(event.flags, EV_ADD);
        REQUIRE_EQ(event.fflags, 0);
        REQUIRE_EQ(event.data, 5);
    }
}

static void an_arrival_wakes_a_waiter(void) {
    for (int family = 0; family < FAMILIES; family++) {
        int pair[2], kq = new_kqueue();
        struct delayed writer;
        stream_pair(family, pair);
        add_read(kq, pair[0], 0);
        later(&writer, put_eight, pair[1]);
        EXPECT(kq, pair[0], EV_ADD, 0, 8);
        finish(&writer);
    }
}

static void control_data_is_not_counted(void) {
    int pair[2], kq = new_kqueue();
    char byte = 'x';
    union {
        struct cmsghdr header;
        char space[CMSG_SPACE(sizeof(int))];
    } control = {.header = {.cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(sizeof(int))}};
    struct iovec part = {.iov_base = &byte, .iov_len = 1};
    struct msghdr message = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
    unix_pair(pair);
    memcpy(CMSG_DATA(&control.header), &pair[1], sizeof pair[1]);
    REQUIRE_EQ(sendmsg(pair[1], &message, 0), 1);
    add_read(kq, pair[0], 0);
    EXPECT(kq, pair[0], EV_ADD, 0, 1);
}

static void level_repeats_until_drained(void) {
    for (int family = 0; family < FAMILIES; family++) {
        int pair[2], kq = new_kqueue();
        stream_pair(family, pair);
        add_read(kq, pair[0], 0);
        require_silent(kq);
        send_bytes(pair[1], pair[0], "12345");
        for (int i = 0; i < 3; i++)
            EXPECT(kq, pair[0], EV_ADD, 0, 5);
        take(pair[0], 2);
        EXPECT(kq, pair[0], EV_ADD, 0, 3);
        take(pair[0], 3);
        require_silent(kq);
        send_bytes(pair[1], pair[0], "1");
        EXPECT(kq, pair[0], EV_ADD, 0, 1);
    }
}

static void peeking_drains_nothing(void) {
    int pair[2], kq = new_kqueue();
    char buffer[8];
    unix_pair(pair);
    add_read(kq, pair[0], 0);
    put(pair[1], "12345");
    EXPECT(kq, pair[0], EV_ADD, 0, 5);
    REQUIRE_EQ(recv(pair[0], buffer, sizeof buffer, MSG_PEEK), 5);
    EXPECT(kq, pair[0], EV_ADD, 0, 5);
}

static void clear_fires_once_an_arrival(void) {
    for (int family = 0; family < FAMILIES; family++) {
        int pair[2], kq = new_kqueue();
        stream_pair(family, pair);
        add_read(kq, pair[0], EV_CLEAR);
        send_bytes(pair[1], pair[0], "12345");
        EXPECT(kq, pair[0], EV_ADD | EV_CLEAR, 0, 5);
        require_silent(kq);
        send_bytes(pair[1], pair[0], "678");
        EXPECT(kq, pair[0], EV_ADD | EV_CLEAR, 0, 8);
        require_silent(kq);
        take(pair[0], 8);
        require_silent(kq);
        send_bytes(pair[1], pair[0], "9");
        EXPECT(kq, pair[0], EV_ADD | EV_CLEAR, 0, 1);
    }
}

/* Nothing of it looks other than what was told and taken, but it is new. */
static void clear_fires_for_as_many_bytes_again(void) {
    for (int family = 0; family < FAMILIES; family++) {
        int pair[2], kq = new_kqueue();
        stream_pair(family, pair);
        add_read(kq, pair[0], EV_CLEAR);
        send_bytes(pair[1], pair[0], "12345");
        EXPECT(kq, pair[0], EV_ADD | EV_CLEAR, 0, 5);
        take(pair[0], 5);
        require_silent(kq);
        int late = 0;
        for (int round = 0; round < 100; round++) {
            send_bytes(pair[1], pair[0], "12345");
            double sent = now_ms();
            EXPECT(kq, pair[0], EV_ADD | EV_CLEAR, 0, 5);
            late += now_ms() - sent >= 500;
            take(pair[0], 5);
        }
        REQUIRE(late < 50); /* a busy machine delays some; the clock delays all that it tells */
    }
}

/* The same before anybody can know that all is taken: late, but not lost. */
static void clear_loses_no_second_arrival(void) {
    int pair[2], kq = new_kqueue();
    unix_pair(pair);
    add_read(kq, pair[0], EV_CLEAR);
    for (int round = 0; round < 2; round++) {
        put(pair[1], "12345");
        EXPECT(kq, pair[0], EV_ADD | EV_CLEAR, 0, 5);
        take(pair[0], 5);
    }
}

/* Another thread was told of the first, and does not come back: nobody says that it took them. */
static void clear_tells_another_thread_of_as_many_bytes(void) {
    struct waiter waiter;
    int pair[2], kq = new_kqueue();
    unix_pair(pair);
    add_read(kq, pair[0], EV_CLEAR);
    put(pair[1], "12345");
    start_waiter(&waiter, kq, 1, PATIENCE);
    join_waiter(&waiter);
    REQUIRE_EQ(waiter.result, 1);
    take(pair[0], 5);
    put(pair[1], "12345");
    EXPECT(kq, pair[0], EV_ADD | EV_CLEAR, 0, 5);
}

static void clear_fires_for_each_byte_of_a_drip(void) {
    for (int family = 0; family < FAMILIES; family++) {
        int pair[2], kq = new_kqueue();
        stream_pair(family, pair);
        add_read(kq, pair[0], EV_CLEAR);
        for (int bytes = 1; bytes <= 50; bytes++) {
            send_bytes(pair[1], pair[0], "x");
            EXPECT(kq, pair[0], EV_ADD | EV_CLEAR, 0, bytes);
        }
        require_silent(kq);
    }
}

static void clear_ignores_a_partial_read(void) {
    int pair[2], kq = new_kqueue();
    unix_pair(pair);
    add_read(kq, pair[0], EV_CLEAR);
    put(pair[1], "12345");
    EXPECT(kq, pair[0], EV_ADD | EV_CLEAR, 0, 5);
    take(pair[0], 2);
    require_silent(kq);
}

static void lowat_holds_back_the_event(void) {
    for (int family = 0; family < FAMILIES; family++) {
        int pair[2], kq = new_kqueue();
        stream_pair(family, pair);
        add_lowat(kq, pair[0], 0, 16);
        send_bytes(pair[1], pair[0], "12345678");
        require_silent(kq);
        send_bytes(pair[1], pair[0], "1234567890123456");
        EXPECT(kq, pair[0], EV_ADD, 0, 24);
        take(pair[0], 8);
        EXPECT(kq, pair[0], EV_ADD, 0, 16);
        take(pair[0], 1);
        require_silent(kq);
    }
}

static void lowat_leaves_the_socket_option_alone(void) {
    for (int family = 0; family < FAMILIES; family++) {
        int pair[2], kq = new_kqueue();
        struct pollfd readable;
        stream_pair(family, pair);
        add_lowat(kq, pair[0], 0, 16);
        REQUIRE_EQ(receive_lowat(pair[0]), 1);
        send_bytes(pair[1], pair[0], "12345678");
        require_silent(kq);
        REQUIRE_EQ(receive_lowat(pair[0]), 1);
        readable = (struct pollfd){.fd = pair[0], .events = POLLIN};
        REQUIRE_EQ(poll(&readable, 1, 0), 1);
    }
}

static void lowat_is_crossed_while_waiting(void) {
    for (int family = 0; family < FAMILIES; family++) {
        for (int flags = 0; flags <= EV_CLEAR; flags += EV_CLEAR) {
            int pair[2], kq = new_kqueue();
            struct delayed writer;
            stream_pair(family, pair);
            add_lowat(kq, pair[0], flags, 16);
            send_bytes(pair[1], pair[0], "12345678");
            require_asleep(kq);
            later(&writer, put_eight, pair[1]);
            EXPECT(kq, pair[0], EV_ADD | flags, 0, 16);
            finish(&writer);
        }
    }
}

static void lowat_with_clear_fires_at_each_arrival_above_it(void) {
    int pair[2], kq = new_kqueue();
    unix_pair(pair);
    add_lowat(kq, pair[0], EV_CLEAR, 16);
    put(pair[1], "1234567890123456");
    EXPECT(kq, pair[0], EV_ADD | EV_CLEAR, 0, 16);
    require_silent(kq);
    put(pair[1], "7");
    EXPECT(kq, pair[0], EV_ADD | EV_CLEAR, 0, 17);
    take(pair[0], 17);
    put(pair[1], "8");
    require_silent(kq);
}

static void lowat_is_each_knotes_own(void) {
    for (int family = 0; family < FAMILIES; family++) {
        int pair[2], low = new_kqueue(), high = new_kqueue(), plain = new_kqueue();
        stream_pair(family, pair);
        add_lowat(high, pair[0], 0, 32);
        add_lowat(low, pair[0], 0, 16);
        add_read(plain, pair[0], 0);
        send_bytes(pair[1], pair[0], "12345678");
        EXPECT(plain, pair[0], EV_ADD, 0, 8);
        require_silent(low);
        require_silent(high);
        send_bytes(pair[1], pair[0], "12345678");
        EXPECT(low, pair[0], EV_ADD, 0, 16);
        require_silent(high);
        send_bytes(pair[1], pair[0], "1234567890123456");
        EXPECT(high, pair[0], EV_ADD, 0, 32);
        EXPECT(low, pair[0], EV_ADD, 0, 32);
        EXPECT(plain, pair[0], EV_ADD, 0, 32);
    }
}

static void lowat_is_replaced_by_a_second_add(void) {
    int pair[2], kq = new_kqueue();
    unix_pair(pair);
    add_lowat(kq, pair[0], 0, 16);
    put(pair[1], "12345678");
    require_silent(kq);
    add_lowat(kq, pair[0], 0, 8);
    EXPECT(kq, pair[0], EV_ADD, 0, 8);
    add_lowat(kq, pair[0], 0, 9);
    require_silent(kq);
    add_read(kq, pair[0], 0);
    EXPECT(kq, pair[0], EV_ADD, 0, 8);
}

static void lowat_zero_is_always_active(void) {
    int pair[2], kq = new_kqueue();
    unix_pair(pair);
    add_lowat(kq, pair[0], 0, 0);
    EXPECT(kq, pair[0], EV_ADD, 0, 0);
    EXPECT(kq, pair[0], EV_ADD, 0, 0);
}

static void end_below_lowat_fires(void) {
    posix_lacks("the end of a stream does not show before the bytes in front of it are taken");
    for (int family = 0; family < FAMILIES; family++) {
        for (int flags = 0; flags <= EV_CLEAR; flags += EV_CLEAR) {
            int pair[2], kq = new_kqueue();
            struct delayed closer;
            stream_pair(family, pair);
            add_lowat(kq, pair[0], flags, 16);
            send_bytes(pair[1], pair[0], "12345678");
            require_silent(kq);
            later(&closer, shut_write, pair[1]);
            EXPECT(kq, pair[0], EV_ADD | EV_EOF | flags, 0, 8);
            finish(&closer);
        }
    }
}

static void the_sockets_lowat_gates(void) {
    for (int family = 0; family < FAMILIES; family++) {
        int pair[2], kq = new_kqueue(), bytes = 16;
        struct delayed writer;
        stream_pair(family, pair);
        REQUIRE(setsockopt(pair[0], SOL_SOCKET, SO_RCVLOWAT, &bytes, sizeof bytes) == 0);
        add_read(kq, pair[0], 0);
        send_bytes(pair[1], pair[0], "12345678");
        require_asleep(kq);
        later(&writer, put_eight, pair[1]);
        EXPECT(kq, pair[0], EV_ADD, 0, 16);
        finish(&writer);
    }
}

static void the_sockets_lowat_may_change_after_add(void) {
    for (int family = 0; family < FAMILIES; family++) {
        int pair[2], kq = new_kqueue(), bytes = 16;
        stream_pair(family, pair);
        add_read(kq, pair[0], 0);
        REQUIRE(setsockopt(pair[0], SOL_SOCKET, SO_RCVLOWAT, &bytes, sizeof bytes) == 0);
        send_bytes(pair[1], pair[0], "12345678");
        require_silent(kq);
        bytes = 8;
        REQUIRE(setsockopt(pair[0], SOL_SOCKET, SO_RCVLOWAT, &bytes, sizeof bytes) == 0);
        if (family == LOCAL) /* which looks at it at its next occasion, as on the BSDs */
            add_read(kq, pair[0], 0);
        EXPECT(kq, pair[0], EV_ADD, 0, 8);
    }
}

static void note_lowat_overrules_the_sockets(void) {
    int pair[2], kq = new_kqueue(), bytes = 16;
    unix_pair(pair);
    REQUIRE(setsockopt(pair[0], SOL_SOCKET, SO_RCVLOWAT, &bytes, sizeof bytes) == 0);
    add_lowat(kq, pair[0], 0, 4);
    put(pair[1], "123");
    require_silent(kq);
    put(pair[1], "4");
    EXPECT(kq, pair[0], EV_ADD, 0, 4);
    REQUIRE_EQ(receive_lowat(pair[0]), 16);
}

static void peers_end_is_eof(void) {
    for (int family = 0; family < FAMILIES; family++) {
        int pair[2], kq = new_kqueue();
        struct delayed closer;
        stream_pair(family, pair);
        add_read(kq, pair[0], 0);
        later(&closer, shut_write, pair[1]);
        EXPECT(kq, pair[0], EV_ADD | EV_EOF, 0, 0);
        finish(&closer);
    }
}

static void eof_before_add_is_seen(void) {
    for (int family = 0; family < FAMILIES; family++) {
        int pair[2], kq = new_kqueue();
        stream_pair(family, pair);
        shut_write(pair[1]);
        await_poll(pair[0], POLLRDHUP);
        add_read(kq, pair[0], 0);
        EXPECT(kq, pair[0], EV_ADD | EV_EOF, 0, 0);
    }
}

static void eof_repeats(void) {
    for (int family = 0; family < FAMILIES; family++) {
        int pair[2], kq = new_kqueue();
        stream_pair(family, pair);
        add_read(kq, pair[0], 0);
        shut_write(pair[1]);
        for (int i = 0; i < 4; i++)
            EXPECT(kq, pair[0], EV_ADD | EV_EOF, 0, 0);
    }
}

static void eof_counts_once_with_clear(void) {
    for (int family = 0; family < FAMILIES; family++) {
        int pair[2], kq = new_kqueue();
        stream_pair(family, pair);
        add_read(kq, pair[0], EV_CLEAR);
        shut_write(pair[1]);
        EXPECT(kq, pair[0], EV_ADD | EV_CLEAR | EV_EOF, 0, 0);
        require_asleep(kq);
        char byte;
        REQUIRE_EQ(read(pair[0], &byte, 1), 0);
        require_silent(kq);
    }
}

static void eof_after_unread_bytes_is_an_event_of_its_own(void) {
    posix_lacks("the end of a stream does not show before the bytes in front of it are taken");
    for (int family = 0; family < FAMILIES; family++) {
        int pair[2], kq = new_kqueue();
        stream_pair(family, pair);
        add_read(kq, pair[0], EV_CLEAR);
        send_bytes(pair[1], pair[0], "12345");
        EXPECT(kq, pair[0], EV_ADD | EV_CLEAR, 0, 5);
        shut_write(pair[1]);
        EXPECT(kq, pair[0], EV_ADD | EV_CLEAR | EV_EOF, 0, 5);
        require_silent(kq);
        take(pair[0], 5);
        require_silent(kq);
    }
}

static void eof_comes_with_the_unread_bytes(void) {
    posix_lacks("the end of a stream does not show before the bytes in front of it are taken");
    for (int family = 0; family < FAMILIES; family++) {
        for (int flags = 0; flags <= EV_CLEAR; flags += EV_CLEAR) {
            int pair[2], kq = new_kqueue();
            stream_pair(family, pair);
            send_bytes(pair[1], pair[0], "12345");
            shut_write(pair[1]);
            await_poll(pair[0], POLLRDHUP);
            add_read(kq, pair[0], flags);
            EXPECT(kq, pair[0], EV_ADD | EV_EOF | flags, 0, 5);
        }
    }
}

static void draining_before_eof_leaves_eof(void) {
    for (int family = 0; family < FAMILIES; family++) {
        int pair[2], kq = new_kqueue();
        stream_pair(family, pair);
        add_read(kq, pair[0], 0);
        send_bytes(pair[1], pair[0], "12345");
        shut_write(pair[1]);
        await_poll(pair[0], POLLRDHUP);
        /* Where the end does not show before the bytes are taken, it shows then. */
        EXPECT(kq, pair[0], on_posix() ? EV_ADD : EV_ADD | EV_EOF, 0, 5);
        take(pair[0], 5);
        EXPECT(kq, pair[0], EV_ADD | EV_EOF, 0, 0);
        EXPECT(kq, pair[0], EV_ADD | EV_EOF, 0, 0);
    }
}

/* Both sides are shut: then the end shows everywhere. */
static void a_close_comes_with_the_unread_bytes(void) {
    for (int flags = 0; flags <= EV_CLEAR; flags += EV_CLEAR) {
        int pair[2], kq = new_kqueue();
        unix_pair(pair);
        put(pair[1], "12345");
        close(pair[1]);
        add_read(kq, pair[0], flags);
        EXPECT(kq, pair[0], EV_ADD | EV_EOF | flags, 0, 5);
        take(pair[0], 5);
        if (flags == 0)
            EXPECT(kq, pair[0], EV_ADD | EV_EOF, 0, 0);
        else
            require_silent(kq);
    }
}

const struct contract_case read_cases[] = {
    {"C-145", "a socket with 5 bytes waiting says data 5", waiting_bytes_are_counted, 0},
    {"C-145", "bytes that arrive wake a waiter", an_arrival_wakes_a_waiter, 0},
    {"C-145", "control data is not counted", control_data_is_not_counted, 0},
    {"C-146", "level repeats until drained", level_repeats_until_drained, 0},
    {"C-146", "MSG_PEEK leaves it active", peeking_drains_nothing, 0},
    {"C-147", "EV_CLEAR fires once an arrival", clear_fires_once_an_arrival, 0},
    {"C-147", "as many bytes again are an arrival", clear_fires_for_as_many_bytes_again, 0},
    {"C-147", "a second arrival like the first is not lost", clear_loses_no_second_arrival, 0},
    {"C-147", "as many bytes again are told to another thread", clear_tells_another_thread_of_as_many_bytes, 20},
    {"C-147", "a byte at a time into EV_CLEAR", clear_fires_for_each_byte_of_a_drip, 0},
    {"C-147", "a partial read is no arrival", clear_ignores_a_partial_read, 0},
    {"C-148", "NOTE_LOWAT holds the event back", lowat_holds_back_the_event, 0},
    {"C-148", "NOTE_LOWAT leaves SO_RCVLOWAT alone", lowat_leaves_the_socket_option_alone, 0},
    {"C-148", "NOTE_LOWAT crossed by a second write while waiting", lowat_is_crossed_while_waiting, 0},
    {"C-148", "NOTE_LOWAT with EV_CLEAR", lowat_with_clear_fires_at_each_arrival_above_it, 0},
    {"C-148", "NOTE_LOWAT of several kqueues on one socket", lowat_is_each_knotes_own, 0},
    {"C-148", "a second EV_ADD replaces NOTE_LOWAT", lowat_is_replaced_by_a_second_add, 0},
    {"C-148", "NOTE_LOWAT 0 is always active", lowat_zero_is_always_active, 0},
    {"C-149", "the end below NOTE_LOWAT fires", end_below_lowat_fires, 0},
    {"C-150", "SO_RCVLOWAT gates", the_sockets_lowat_gates, 0},
    {"C-150", "SO_RCVLOWAT changed after EV_ADD", the_sockets_lowat_may_change_after_add, 0},
    {"C-150", "NOTE_LOWAT overrules SO_RCVLOWAT", note_lowat_overrules_the_sockets, 0},
    {"C-151", "the peer's SHUT_WR is EV_EOF, fflags 0", peers_end_is_eof, 0},
    {"C-151", "an end before EV_ADD is seen", eof_before_add_is_seen, 0},
    {"C-152", "EOF repeats without EV_CLEAR", eof_repeats, 0},
    {"C-153", "EOF is reported once with EV_CLEAR", eof_counts_once_with_clear, 0},
    {"C-153", "EV_CLEAR: unread bytes, then their end", eof_after_unread_bytes_is_an_event_of_its_own, 0},
    {"C-154", "EOF comes with the unread bytes", eof_comes_with_the_unread_bytes, 0},
    {"C-154", "the close of a local peer comes with the unread bytes", a_close_comes_with_the_unread_bytes, 0},
    {"C-154", "EOF outlasts the unread bytes", draining_before_eof_leaves_eof, 0},
    {NULL, NULL, NULL, 0},
};
