/*
 * Closing a kqueue: who waits in it, what it leaves, and its number again.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "life.h"

#ifdef __linux__
#include <sys/epoll.h>
#include <sys/syscall.h>
#endif

static const struct timespec no_wait = {0, 0};

enum { THREADS = 4 };

/* Something of every facility. */
static void fill(int kq, const int pair[2]) {
    add_triggered(kq, 1, EV_CLEAR);
    add_read(kq, pair[0], 0);
    add_write(kq, pair[1], EV_CLEAR);
    change(kq, 2, EVFILT_TIMER, EV_ADD, 0, 60000, NULL);
    change(kq, 3, EVFILT_TIMER, EV_ADD, NOTE_ABSOLUTE | NOTE_SECONDS, (intptr_t)time(NULL) + 3600, NULL);
}

static void require_refused(const struct waiter *waiter, double closed) {
    REQUIRE_EQ(waiter->result, -1);
    REQUIRE_EQ(waiter->code, EBADF);
    REQUIRE(waiter->ended >= closed);
    REQUIRE(waiter->ended - closed < LATE);
}

static void close_with_waiters(int count, long milliseconds, bool watching) {
    struct waiter waiters[THREADS];
    int kq = new_kqueue(), pair[2];
    new_pipe(pair);
    if (watching) {
        add_read(kq, pair[0], 0);
        change(kq, 2, EVFILT_TIMER, EV_ADD, 0, 60000, NULL);
    }
    for (int i = 0; i < count; i++)
        start_waiter(&waiters[i], kq, 1, milliseconds);
    for (int i = 0; i < count; i++)
        park_waiter(&waiters[i]);
    double closed = now_ms();
    REQUIRE_EQ(close(kq), 0);
    for (int i = 0; i < count; i++) {
        join_waiter(&waiters[i]);
        require_refused(&waiters[i], closed);
    }
}

static void close_wakes_a_waiter(void) {
    close_with_waiters(1, -1, false);
    close_with_waiters(1, -1, true);
    close_with_waiters(1, 8000, true);
}

static void close_wakes_four_waiters(void) {
    close_with_waiters(THREADS, -1, false);
    close_with_waiters(THREADS, -1, true);
}

static void replacing_wakes_a_waiter(void) {
    struct waiter waiter;
    int kq = new_kqueue(), pair[2];
    struct kevent event;
    new_pipe(pair);
    start_waiter(&waiter, kq, 1, -1);
    park_waiter(&waiter);
    double closed = now_ms();
    REQUIRE_EQ(dup2(pair[0], kq), kq);
    join_waiter(&waiter);
    require_refused(&waiter, closed);
    REQUIRE_EQ(kevent(kq, NULL, 0, &event, 1, &no_wait), -1); /* it is a pipe now */
    REQUIRE(errno == EBADF || errno == EINVAL);
    put(pair[1], "abc");
    take(kq, 3);
}

/* The number is another kqueue's at once; those who wait in the old one are not its waiters. */
static void waiters_never_join_the_next_kqueue(void) {
    for (int round = 0; round < 5; round++) {
        struct waiter waiters[THREADS];
        int kq = new_kqueue();
        add_user(kq, 1, EV_CLEAR);
        for (int i = 0; i < THREADS; i++)
            start_waiter(&waiters[i], kq, 1, -1);
        for (int i = 0; i < THREADS; i++)
            park_waiter(&waiters[i]);
        double closed = now_ms();
        REQUIRE_EQ(close(kq), 0);
        REQUIRE_EQ(kqueue(), kq);
        add_triggered(kq, 1, EV_CLEAR);
        for (int i = 0; i < THREADS; i++) {
            join_waiter(&waiters[i]);
            require_refused(&waiters[i], closed);
        }
        REQUIRE_EQ(next_event(kq).ident, 1);
        REQUIRE_EQ(close(kq), 0);
    }
}

static void calls_after_close(void) {
    int kq = new_kqueue(), pair[2];
    struct kevent entry, event;
    new_pipe(pair);
    fill(kq, pair);
    REQUIRE_EQ(close(kq), 0);
    EV_SET(&entry, 1, EVFILT_USER, EV_ADD, 0, 0, NULL);
    for (int round = 0; round < 3; round++) {
        REQUIRE_ERRNO(kevent(kq, NULL, 0, NULL, 0, NULL), EBADF);
        REQUIRE_ERRNO(kevent(kq, NULL, 0, &event, 1, &no_wait), EBADF);
        REQUIRE_ERRNO(kevent(kq, NULL, 0, &event, 1, NULL), EBADF);
        REQUIRE_ERRNO(kevent(kq, &entry, 1, NULL, 0, NULL), EBADF);
        REQUIRE_ERRNO(kevent(kq, &entry, 1, &event, 1, NULL), EBADF);
        REQUIRE_ERRNO(close(kq), EBADF);
        REQUIRE(!is_open(kq));
    }
}

static void calls_after_an_unseen_close(void) {
    int kq = new_kqueue(), pair[2];
    struct kevent event;
    /* Where closes are seen nothing asks for this one at every call: that would cost each of them a system call. */
    int calls = closes_are_seen() ? 63 : 0; /* asked before, since that makes a kqueue, which finds it out */
    new_pipe(pair);
    fill(kq, pair);
    add_triggered(kq, 4, 0);
    close_unseen(kq);
    while (calls-- > 0)
        (void)kevent(kq, NULL, 0, &event, 1, &no_wait);
    REQUIRE_ERRNO(kevent(kq, NULL, 0, &event, 1, &no_wait), EBADF);
    REQUIRE_ERRNO(close(kq), EBADF);
    REQUIRE_EQ(kqueue(), kq);
    require_silent(kq);
    add_triggered(kq, 1, EV_CLEAR);
    REQUIRE_EQ(next_event(kq).ident, 1);
}

static void number_again_is_empty(void) {
    int pair[2], kq = new_kqueue();
    new_pipe(pair);
    put(pair[1], "x");
    for (int round = 0; round < 50; round++) {
        fill(kq, pair);
        change(kq, 4, EVFILT_TIMER, EV_ADD | EV_ONESHOT, NOTE_USECONDS, 1, NULL);
        REQUIRE_EQ(close(kq), 0);
        REQUIRE_EQ(kqueue(), kq);
        struct kevent event;
        REQUIRE_EQ(collect(kq, &event, 1, 0), 0);
        REQUIRE(!delete_knote(kq, 1, EVFILT_USER));
        REQUIRE(!delete_knote(kq, 2, EVFILT_TIMER));
        REQUIRE(!delete_knote(kq, 3, EVFILT_TIMER));
        REQUIRE(!delete_knote(kq, 4, EVFILT_TIMER));
        REQUIRE(!delete_knote(kq, (uintptr_t)pair[0], EVFILT_READ));
        REQUIRE(!delete_knote(kq, (uintptr_t)pair[1], EVFILT_WRITE));
    }
    require_silent(kq);
}

/* Between the two the number is a file's, which is no kqueue. */
/* ---- While it is being closed ---- */

static atomic_int asked, done, to_close;

static void *close_when_asked(void *nothing) {
    for (int round = 1;; round++) {
        while (atomic_load(&asked) != round)
            continue;
        if (to_close < 0)
            return nothing;
        REQUIRE_EQ(close(to_close), 0);
        atomic_store(&done, round);
    }
}

/* It is there, or it is closed; at no moment is it a descriptor that is no kqueue. */
static void calls_while_it_is_closed(void) {
    pthread_t thread = start_thread(close_when_asked, NULL);
    int round = 0;
    for (double end = now_ms() + 1500; now_ms() < end;) {
        struct kevent event;
        int result;
        to_close = new_kqueue();
        atomic_store(&asked, ++round);
        while ((result = kevent(to_close, NULL, 0, &event, 1, &no_wait)) == 0)
            continue;
        for (int i = 0; i < 50; i++) {
            REQUIRE_EQ(result, -1);
            REQUIRE_EQ(errno, EBADF);
            result = kevent(to_close, NULL, 0, &event, 1, &no_wait);
        }
        while (atomic_load(&done) != round)
            continue;
    }
    to_close = -1;
    atomic_store(&asked, ++round);
    join_thread(thread);
}

/* A file that has the number of a kqueue whose close nobody saw can be watched for whatever a file can. */
static void number_of_an_unseen_close_is_a_files(void) {
    static const struct {
        int filter;
        unsigned notes;
    } watched[] = {{EVFILT_VNODE, NOTE_WRITE}, {EVFILT_WRITE, 0}, {EVFILT_READ, 0}};
    for (int i = 0; i < 3; i++) {
        int kq = new_kqueue(), gone = new_kqueue();
        add_triggered(gone, 1, 0);
        close_unseen(gone);
        char path[] = "/tmp/contract-XXXXXX";
        int fd = mkstemp(path);
        REQUIRE(fd >= 0 && unlink(path) == 0);
        move_to(fd, gone);
        change(kq, (uintptr_t)gone, watched[i].filter, EV_ADD | EV_CLEAR, watched[i].notes, 0, NULL);
        put(gone, "text");
        if (watched[i].filter == EVFILT_READ)
            REQUIRE_EQ(lseek(gone, 0, SEEK_SET), 0);
        REQUIRE_EQ(next_event(kq).ident, gone);
        REQUIRE_EQ(close(gone), 0);
        REQUIRE_EQ(close(kq), 0);
    }
    int kq = new_kqueue(), gone = new_kqueue(), pair[2];
    close_unseen(gone);
    unix_pair(pair);
    REQUIRE_EQ(pair[0], gone); /* the lowest free one */
    change(kq, (uintptr_t)gone, EVFILT_EXCEPT, EV_ADD, NOTE_OOB, 0, NULL);
    change(kq, (uintptr_t)gone, EVFILT_WRITE, EV_ADD, 0, 0, NULL);
    REQUIRE_EQ(next_event(kq).filter, EVFILT_WRITE);
}

/* What is always ready is told apart from the next file of its number, too. */
static void number_of_what_was_always_ready(void) {
    for (int way = 0; way < 3; way++) {
        int kq = new_kqueue(), pair[2], filter = way == 0 ? EVFILT_READ : EVFILT_WRITE;
        int fd = way == 2 ? open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600) : open("/dev/null", O_RDWR | O_CLOEXEC);
        REQUIRE(fd >= 0);
        change(kq, (uintptr_t)fd, filter, EV_ADD, 0, 0, NULL);
        REQUIRE_EQ(next_event(kq).ident, fd);
        close_unseen(fd);
        new_pipe(pair);
        REQUIRE_EQ(pair[0], fd); /* the lowest free one */
        require_silent(kq);
        REQUIRE_NO_KNOTE(kq, fd, filter, ENOENT);
        add_read(kq, fd, 0);
        require_silent(kq);
        put(pair[1], "abc");
        REQUIRE_EQ(next_event(kq).data, 3);
        close(pair[0]);
        close(pair[1]);
        close(kq);
    }
}

static void number_of_a_file_is_no_kqueue(void) {
    int pair[2], kq = new_kqueue();
    struct kevent event;
    new_pipe(pair);
    fill(kq, pair);
    REQUIRE_EQ(close(kq), 0);
    move_to(readable_eventfd(), kq);
    REQUIRE_EQ(kevent(kq, NULL, 0, &event, 1, &no_wait), -1);
    REQUIRE(errno == EBADF || errno == EINVAL);
    int other = new_kqueue();
    REQUIRE(other != kq);
    add_read(other, kq, 0);
    REQUIRE_EQ(next_event(other).ident, kq);
    REQUIRE_EQ(close(kq), 0);
    require_silent(other);
}

/* Closed with all its knotes in place, over and over: nothing is left. */
static void close_frees_a_thousand_knotes(void) {
    need_descriptors(700);
    enum { KNOTES = 1000, ROUNDS = 60, WARM_UP = 20, GROWTH_KB = 256 };
    int pairs[KNOTES / 4][2];
    long before = 0;
    int descriptors = 0;
    for (int i = 0; i < KNOTES / 4; i++)
        new_pipe(pairs[i]);
    for (int round = 0; round < ROUNDS; round++) {
        if (round == WARM_UP) {
            before = own_memory_kb();
            descriptors = open_descriptors();
        }
        int kq = new_kqueue();
        for (int i = 0; i < KNOTES / 4; i++) {
            add_read(kq, pairs[i][0], 0);
            add_write(kq, pairs[i][1], 0);
            add_triggered(kq, (uintptr_t)i, 0);
            change(kq, (uintptr_t)i, EVFILT_TIMER, EV_ADD, 0, 60000, NULL);
        }
        struct kevent events[8];
        REQUIRE_EQ(collect(kq, events, 8, 0), 8);
        REQUIRE_EQ(close(kq), 0);
    }
    if (closes_are_seen())
        REQUIRE_EQ(open_descriptors(), descriptors);
    else
        REQUIRE(open_descriptors() <= descriptors + 4); /* the last one's, until the next kqueue */
    if (!sanitized())
        REQUIRE(own_memory_kb() - before < GROWTH_KB);
}

/* ---- SCM_RIGHTS ---- */

static void send_descriptor(int over, int fd) {
    char byte = 'x', room[CMSG_SPACE(sizeof fd)];
    struct iovec part = {.iov_base = &byte, .iov_len = 1};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = room, .msg_controllen = sizeof room};
    memset(room, 0, sizeof room);
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof fd);
    memcpy(CMSG_DATA(header), &fd, sizeof fd);
    REQUIRE_EQ(sendmsg(over, &message, 0), 1);
}

static int receive_descriptor(int over) {
    int fd = -1;
    char byte, room[CMSG_SPACE(sizeof fd)];
    struct iovec part = {.iov_base = &byte, .iov_len = 1};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = room, .msg_controllen = sizeof room};
    REQUIRE_EQ(recvmsg(over, &message, MSG_CMSG_CLOEXEC), 1);
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    REQUIRE(header != NULL && header->cmsg_type == SCM_RIGHTS);
    memcpy(&fd, CMSG_DATA(header), sizeof fd);
    return fd;
}

static void require_no_kqueue(int fd) {
    struct kevent entry, event;
    EV_SET(&entry, 1, EVFILT_USER, 0, NOTE_TRIGGER, 0, NULL);
    REQUIRE_EQ(kevent(fd, &entry, 1, NULL, 0, NULL), -1);
    REQUIRE(errno == EBADF || errno == EINVAL);
    REQUIRE_EQ(kevent(fd, NULL, 0, &event, 1, &no_wait), -1);
    REQUIRE(errno == EBADF || errno == EINVAL);
}

/* The receiver is a child, in which the number may well be the same, with or without kqueues of its own. */
static void received_number_is_no_kqueue(void) {
    for (int own = 0; own < 2; own++) {
        int kq = new_kqueue(), pair[2];
        unix_pair(pair);
        add_user(kq, 1, EV_CLEAR);
        pid_t child = fork();
        if (child == 0) {
            int mine = own ? new_kqueue() : -1;
            int received = receive_descriptor(pair[1]);
            require_no_kqueue(received);
            if (own)
                add_triggered(mine, 1, EV_CLEAR);
            require_no_kqueue(received);
            REQUIRE_EQ(close(received), 0);
            if (own)
                REQUIRE_EQ(next_event(mine).ident, 1);
            _exit(0);
        }
        send_descriptor(pair[0], kq);
        finish_child(child);
        require_silent(kq);
        trigger(kq, 1);
        REQUIRE_EQ(next_event(kq).ident, 1);
        close(kq);
    }
}

/* A number sent to oneself is a duplicate: what it does not do is harm. */
static void received_by_the_sender(void) {
    int kq = new_kqueue(), pair[2];
    struct kevent event;
    unix_pair(pair);
    add_triggered(kq, 1, EV_CLEAR);
    send_descriptor(pair[0], kq);
    int received = receive_descriptor(pair[1]);
    REQUIRE(received != kq);
    int got = kevent(received, NULL, 0, &event, 1, &no_wait);
    REQUIRE(got == 1 || (got == -1 && (errno == EINVAL || errno == EBADF)));
    REQUIRE_EQ(close(received), 0);
    trigger(kq, 1);
    REQUIRE_EQ(next_event(kq).ident, 1);
}

/* ---- One kqueue in another ---- */

static void closing_the_inner_one(void) {
    for (int kept = 0; kept < 2; kept++) {
        int outer = new_kqueue(), inner = new_kqueue();
        add_triggered(inner, 1, 0);
        add_read(outer, inner, 0);
        REQUIRE_EQ(next_event(outer).ident, inner);
        int copy = kept ? duplicate(inner) : -1;
        REQUIRE_EQ(close(inner), 0);
        require_idle_second(outer);
        REQUIRE_NO_KNOTE(outer, inner, EVFILT_READ, EBADF);
        REQUIRE_EQ(kqueue(), inner);
        add_triggered(inner, 1, 0);
        require_silent(outer);
        REQUIRE_NO_KNOTE(outer, inner, EVFILT_READ, ENOENT);
        add_read(outer, inner, 0);
        REQUIRE_EQ(next_event(outer).ident, inner);
        close(copy);
        close(inner);
        close(outer);
    }
}

static void closing_the_inner_one_while_one_waits(void) {
    struct waiter waiter;
    int outer = new_kqueue(), inner = new_kqueue();
    add_user(inner, 1, 0);
    add_read(outer, inner, 0);
    start_waiter(&waiter, outer, 1, 2500);
    park_waiter(&waiter);
    REQUIRE_EQ(close(inner), 0);
    join_waiter(&waiter);
    REQUIRE_EQ(waiter.result, 0);
    REQUIRE(waiter.ended - waiter.started >= 2500);
}

static void closing_the_outer_one(void) {
    int outer = new_kqueue(), inner = new_kqueue();
    add_user(inner, 1, EV_CLEAR);
    add_read(outer, inner, 0);
    REQUIRE_EQ(close(outer), 0);
    for (int round = 0; round < 3; round++) {
        trigger(inner, 1);
        REQUIRE_EQ(next_event(inner).ident, 1);
    }
}

#ifdef __linux__
/*
 * Another thread closes the number in the middle of a call, and it is given to what looks the same to the system.  A
 * bare system call does that before the call, and so at any point of it: no change and no wait goes by the number.
 */
static void another_set_of_its_number_is_untouched(void) {
    static const struct timespec moment = {0, 20000000};
    int kq = new_kqueue(), set = epoll_create1(EPOLL_CLOEXEC), watched[2], foreign[2];
    struct epoll_event entry = {.events = EPOLLIN | EPOLLONESHOT, .data.u64 = 7}, found[4];
    struct kevent event;
    new_pipe(watched);
    new_pipe(foreign);
    REQUIRE_EQ(epoll_ctl(set, EPOLL_CTL_ADD, foreign[0], &entry), 0);
    put(foreign[1], "x");
    REQUIRE_EQ(syscall(SYS_dup3, set, kq, O_CLOEXEC), kq);
    EV_SET(&event, (uintptr_t)watched[0], EVFILT_READ, EV_ADD, 0, 0, NULL);
    (void)kevent(kq, &event, 1, NULL, 0, NULL);
    (void)kevent(kq, NULL, 0, &event, 1, &moment);
    put(watched[1], "x");
    REQUIRE_EQ(epoll_wait(set, found, 4, 0), 1);
    REQUIRE_EQ(found[0].data.u64, 7);
}
#endif

const struct contract_case kq_closing_cases[] = {
    {"C-111", "close wakes a waiter with EBADF", close_wakes_a_waiter, 0},
    {"C-111", "dup2 over a kqueue wakes its waiter with EBADF", replacing_wakes_a_waiter, 0},
    {"C-112", "close wakes four waiters with EBADF", close_wakes_four_waiters, 0},
    {"C-112", "waiters never see the next kqueue of that number", waiters_never_join_the_next_kqueue, 0},
    {"C-113", "every call after close gives EBADF", calls_after_close, 0},
    {"C-113", "so does one after a close that was not seen", calls_after_an_unseen_close, 0},
    {"C-113", "and one while it is being closed", calls_while_it_is_closed, 0},
    {"C-125", "the number of what was always ready is a pipe's", number_of_what_was_always_ready, 0},
    {"C-125", "the number of a kqueue, closed unseen, is a file's", number_of_an_unseen_close_is_a_files, 0},
#ifdef __linux__
    {"C-354", "an epoll set that gets the number is untouched", another_set_of_its_number_is_untouched, 0},
#endif
    {"C-114", "a kqueue of the same number has no knotes", number_again_is_empty, 0},
    {"C-114", "the number is a file's in between", number_of_a_file_is_no_kqueue, 0},
    {"C-115", "close with 1000 knotes frees them", close_frees_a_thousand_knotes, 30},
    {"C-116", "a number received by another process is no kqueue", received_number_is_no_kqueue, 0},
    {"C-116", "a number received by the sender does no harm", received_by_the_sender, 0},
    {"C-117", "closing the inner kqueue drops its knote", closing_the_inner_one, 0},
    {"C-117", "closing the inner kqueue wakes nobody", closing_the_inner_one_while_one_waits, 0},
    {"C-117", "closing the outer kqueue leaves the inner one", closing_the_outer_one, 0},
    {NULL, NULL, NULL, 0},
};
