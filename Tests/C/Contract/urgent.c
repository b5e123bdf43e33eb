/*
 * EXCEPT, and EV_OOBAND on READ: urgent data (contract 6.3).
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "io.h"

#include <sys/epoll.h>

static void send_urgent(int from, int to) {
    REQUIRE_EQ(send(from, "!", 1, MSG_OOB), 1);
    await_poll(to, POLLPRI);
}

static void take_urgent(int fd) {
    char byte;
    REQUIRE_EQ(recv(fd, &byte, 1, MSG_OOB), 1);
}

static void add_except(int kq, int fd, int flags) {
    change(kq, (uintptr_t)fd, EVFILT_EXCEPT, EV_ADD | flags, NOTE_OOB, 0, NULL);
}

#define EXPECT_EXCEPT(kq, fd, flags, fflags, data) \
    expect_next(__FILE__, __LINE__, kq, fd, EVFILT_EXCEPT, flags, fflags, data)

static void urgent_byte_fires(void) {
    int kq = new_kqueue(), pair[2];
    tcp_pair(pair);
    add_except(kq, pair[1], 0);
    require_silent(kq);
    send_bytes(pair[0], pair[1], "ordinary");
    require_silent(kq);
    send_urgent(pair[0], pair[1]);
    EXPECT_EXCEPT(kq, pair[1], EV_ADD, NOTE_OOB, 0);
    EXPECT_EXCEPT(kq, pair[1], EV_ADD, NOTE_OOB, 0); /* level */
}

static void urgent_byte_there_at_add(void) {
    int kq = new_kqueue(), pair[2];
    tcp_pair(pair);
    send_urgent(pair[0], pair[1]);
    add_except(kq, pair[1], 0);
    EXPECT_EXCEPT(kq, pair[1], EV_ADD, NOTE_OOB, 0);
}

static void taken_byte_is_silent(void) {
    int kq = new_kqueue(), pair[2];
    tcp_pair(pair);
    add_except(kq, pair[1], 0);
    for (int round = 0; round < 3; round++) {
        send_urgent(pair[0], pair[1]);
        EXPECT_EXCEPT(kq, pair[1], EV_ADD, NOTE_OOB, 0);
        take_urgent(pair[1]);
        require_silent(kq);
    }
}

static void second_urgent_byte_under_clear(void) {
    int kq = new_kqueue(), pair[2];
    tcp_pair(pair);
    add_except(kq, pair[1], EV_CLEAR);
    for (int round = 0; round < 3; round++) {
        send_urgent(pair[0], pair[1]);
        EXPECT_EXCEPT(kq, pair[1], EV_ADD | EV_CLEAR, NOTE_OOB, 0);
        require_silent(kq);
        take_urgent(pair[1]);
        require_silent(kq);
    }
}

static void dispatch_and_oneshot(void) {
    int kq = new_kqueue(), pair[2];
    tcp_pair(pair);
    add_except(kq, pair[1], EV_DISPATCH);
    send_urgent(pair[0], pair[1]);
    EXPECT_EXCEPT(kq, pair[1], EV_ADD | EV_DISPATCH, NOTE_OOB, 0);
    require_silent(kq);
    change(kq, (uintptr_t)pair[1], EVFILT_EXCEPT, EV_ENABLE, 0, 0, NULL);
    EXPECT_EXCEPT(kq, pair[1], EV_ADD | EV_DISPATCH, NOTE_OOB, 0);
    REQUIRE(delete_knote(kq, (uintptr_t)pair[1], EVFILT_EXCEPT));
    add_except(kq, pair[1], EV_ONESHOT);
    EXPECT_EXCEPT(kq, pair[1], EV_ADD | EV_ONESHOT, NOTE_OOB, 0);
    REQUIRE(!delete_knote(kq, (uintptr_t)pair[1], EVFILT_EXCEPT));
}

static void three_filters_on_one_socket(void) {
    int kq = new_kqueue(), pair[2];
    struct kevent events[8];
    tcp_pair(pair);
    add_read(kq, pair[1], 0);
    add_write(kq, pair[1], EV_CLEAR);
    add_except(kq, pair[1], EV_CLEAR);
    REQUIRE_EQ(next_event(kq).filter, EVFILT_WRITE);
    send_urgent(pair[0], pair[1]);
    EXPECT_EXCEPT(kq, pair[1], EV_ADD | EV_CLEAR, NOTE_OOB, 0);
    take_urgent(pair[1]);
    put(pair[0], "abc");
    REQUIRE_EQ(collect(kq, events, 8, 1000), 1);
    REQUIRE_EQ(events[0].filter, EVFILT_READ);
    REQUIRE_EQ(close(pair[1]), 0);
    REQUIRE_EQ(collect(kq, events, 8, 0), 0);
}

static void hangup_is_an_end(void) {
    int kq = new_kqueue(), pair[2];
    tcp_pair(pair);
    add_except(kq, pair[1], EV_CLEAR);
    REQUIRE_EQ(close(pair[0]), 0);
    EXPECT_EXCEPT(kq, pair[1], EV_ADD | EV_CLEAR | EV_EOF, 0, 0);
}

static void only_urgent_data_can_be_asked_for(void) {
    need_seen_proc();
    int kq = new_kqueue(), pair[2], file = open(seen_proc("self/exe"), O_RDONLY | O_CLOEXEC);
    tcp_pair(pair);
    REQUIRE_EQ(change_errno(kq, (uintptr_t)pair[0], EVFILT_EXCEPT, EV_ADD, 0, 0, NULL), EINVAL);
    REQUIRE_EQ(change_errno(kq, (uintptr_t)pair[0], EVFILT_EXCEPT, EV_ADD, NOTE_OOB | 1, 0, NULL), EINVAL);
    REQUIRE_EQ(change_errno(kq, (uintptr_t)file, EVFILT_EXCEPT, EV_ADD, NOTE_OOB, 0, NULL), EINVAL);
    REQUIRE_EQ(change_errno(kq, (uintptr_t)kq, EVFILT_EXCEPT, EV_ADD, NOTE_OOB, 0, NULL), EINVAL);
    REQUIRE_EQ(change_errno(kq, (uintptr_t)pair[0], EVFILT_EXCEPT, EV_DELETE, 0, 0, NULL), ENOENT);
    close(file);
    REQUIRE_EQ(change_errno(kq, (uintptr_t)file, EVFILT_EXCEPT, EV_ADD, NOTE_OOB, 0, NULL), EBADF);
    add_except(kq, pair[1], 0);
    REQUIRE_EQ(change_errno(kq, (uintptr_t)pair[1], EVFILT_EXCEPT, EV_ADD, 0, 0, NULL), EINVAL);
    send_urgent(pair[0], pair[1]); /* the knote is as it was */
    EXPECT_EXCEPT(kq, pair[1], EV_ADD, NOTE_OOB, 0);
}

static void read_tells_urgent_data(void) {
    int kq = new_kqueue(), pair[2];
    tcp_pair(pair);
    add_read(kq, pair[1], EV_OOBAND);
    send_bytes(pair[0], pair[1], "abc");
    EXPECT(kq, pair[1], EV_ADD, 0, 3);
    send_urgent(pair[0], pair[1]);
    EXPECT(kq, pair[1], EV_ADD | EV_OOBAND, 0, 3);
    take(pair[1], 3);
    EXPECT(kq, pair[1], EV_ADD | EV_OOBAND, 0, 0);
    take_urgent(pair[1]);
    require_silent(kq);
}

static void read_without_it_does_not(void) {
    int kq = new_kqueue(), pair[2];
    tcp_pair(pair);
    add_read(kq, pair[1], 0);
    send_urgent(pair[0], pair[1]);
    require_silent(kq);
    put(pair[0], "abc"); /* behind the urgent byte, where FIONREAD does not count */
    struct kevent event = next_event(kq);
    REQUIRE_EQ(event.flags, EV_ADD);
    REQUIRE(event.data >= 1);
    take(pair[1], 3);
    require_silent(kq);
}

/* The system counts nothing of what stands behind the place of a byte that was taken; who takes `data` gets all. */
static void bytes_behind_a_taken_one_are_told(void) {
    int kq = new_kqueue(), pair[2];
    struct kevent event;
    tcp_pair(pair);
    add_read(kq, pair[1], EV_CLEAR);
    send_urgent(pair[0], pair[1]);
    take_urgent(pair[1]);
    (void)kevent(kq, NULL, 0, &event, 1, &(struct timespec){0, 0});
    put(pair[0], "abcd");
    await_poll(pair[1], POLLIN);
    for (int left = 4; left > 0; left -= (int)event.data) {
        event = next_event(kq);
        REQUIRE(event.data > 0 && event.data <= left);
        take(pair[1], (int)event.data);
    }
    require_silent(kq);
}

const struct contract_case urgent_cases[] = {
    {"C-205", "EXCEPT: one urgent byte, not ordinary ones", urgent_byte_fires, 0},
    {"C-205", "EXCEPT: an urgent byte that is there already", urgent_byte_there_at_add, 0},
    {"C-205", "EXCEPT under EV_CLEAR: each urgent byte", second_urgent_byte_under_clear, 0},
    {"C-205", "EXCEPT under EV_DISPATCH and EV_ONESHOT", dispatch_and_oneshot, 0},
    {"C-205", "EXCEPT beside READ and WRITE", three_filters_on_one_socket, 0},
    {"C-205", "EXCEPT: the peer's end", hangup_is_an_end, 0},
    {"C-205", "EXCEPT is for NOTE_OOB alone", only_urgent_data_can_be_asked_for, 0},
    {"C-206", "EXCEPT is silent when the byte was taken", taken_byte_is_silent, 0},
    {"C-145", "bytes behind an urgent one that was taken", bytes_behind_a_taken_one_are_told, 0},
    {"C-207", "READ with EV_OOBAND tells urgent data", read_tells_urgent_data, 0},
    {"C-207", "READ without EV_OOBAND does not", read_without_it_does_not, 0},
    {NULL, NULL, NULL, 0},
};
