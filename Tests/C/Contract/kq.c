/*
 * The kqueue as a descriptor: poll, select and epoll on it, one inside
 * another, and what does not work on it.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "contract.h"
#include "life.h"

#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/select.h>

/* Waits up to 5 s for the kqueue to be readable, and for nothing else. A handler of SIGCHLD may end poll(2). */
static void require_readable(int kq) {
    struct pollfd item = {.fd = kq, .events = POLLIN | POLLRDNORM};
    int got;
    while ((got = poll(&item, 1, PATIENCE)) == -1)
        REQUIRE_EQ(errno, EINTR);
    REQUIRE_EQ(got, 1);
    REQUIRE_EQ(item.revents & POLLIN, POLLIN);
    REQUIRE_EQ(item.revents & ~(POLLIN | POLLRDNORM), 0);
}

static void require_unreadable(int kq) {
    struct pollfd item = {.fd = kq, .events = POLLIN | POLLRDNORM};
    REQUIRE_EQ(poll(&item, 1, 100), 0);
}

static void poll_with_a_socket(void) {
    posix_lacks("READ, WRITE, TIMER and VNODE make the kqueue readable only while a thread is in kevent()");
    int kq = new_kqueue(), pair[2];
    unix_pair(pair);
    uintptr_t fd = (uintptr_t)pair[0];
    require_unreadable(kq); /* no knote */
    change(kq, fd, EVFILT_READ, EV_ADD, 0, 0, NULL);
    require_unreadable(kq); /* no data */
    put(pair[1], "x");
    require_readable(kq);
    REQUIRE_EQ(next_event(kq).ident, fd);
    require_readable(kq); /* level */
    change(kq, fd, EVFILT_READ, EV_DISABLE, 0, 0, NULL);
    require_unreadable(kq);
    change(kq, fd, EVFILT_READ, EV_ENABLE, 0, 0, NULL);
    require_readable(kq);
    change(kq, fd, EVFILT_READ, EV_DELETE, 0, 0, NULL);
    require_unreadable(kq);
    change(kq, fd, EVFILT_READ, EV_ADD, 0, 0, NULL);
    require_readable(kq);
    take(pair[0], 1);
    require_silent(kq); /* the call finds the condition over ... */
    require_unreadable(kq);
    put(pair[1], "x");
    require_readable(kq); /* ... and the next arrival counts */
    close(pair[1]);
    require_readable(kq);
}

static void poll_with_write(void) {
    posix_lacks("READ, WRITE, TIMER and VNODE make the kqueue readable only while a thread is in kevent()");
    int kq = new_kqueue(), pair[2];
    unix_pair(pair);
    change(kq, (uintptr_t)pair[0], EVFILT_WRITE, EV_ADD, 0, 0, NULL);
    require_readable(kq);
    change(kq, (uintptr_t)pair[0], EVFILT_WRITE, EV_DELETE, 0, 0, NULL);
    require_unreadable(kq);
    change(kq, (uintptr_t)pair[0], EVFILT_WRITE, EV_ADD | EV_CLEAR, 0, 0, NULL);
    require_readable(kq);
    next_event(kq);
    require_unreadable(kq);
}

static void poll_with_user(void) {
    int kq = new_kqueue();
    add_user(kq, 1, EV_CLEAR);
    for (int round = 0; round < 3; round++) {
        require_unreadable(kq);
        trigger(kq, 1);
        require_readable(kq);
        change(kq, 1, EVFILT_USER, EV_DISABLE, 0, 0, NULL);
        require_unreadable(kq);
        change(kq, 1, EVFILT_USER, EV_ENABLE, 0, 0, NULL);
        require_readable(kq);
        REQUIRE_EQ(next_event(kq).ident, 1);
    }
    require_unreadable(kq);
    trigger(kq, 1);
    change(kq, 1, EVFILT_USER, EV_DELETE, 0, 0, NULL);
    require_unreadable(kq);
    add_triggered(kq, 2, 0);
    next_event(kq);
    require_readable(kq); /* level */
}

/* Nobody is inside kevent while it expires. */
static void poll_with_timer(void) {
    posix_lacks("READ, WRITE, TIMER and VNODE make the kqueue readable only while a thread is in kevent()");
    int kq = new_kqueue();
    double start = now_ms();
    change(kq, 1, EVFILT_TIMER, EV_ADD | EV_ONESHOT, 0, 300, NULL);
    require_readable(kq);
    REQUIRE(now_ms() - start >= 300);
    REQUIRE_EQ(next_event(kq).data, 1);
    require_unreadable(kq);
    change(kq, 1, EVFILT_TIMER, EV_ADD, 0, 300, NULL);
    for (int round = 0; round < 2; round++) {
        require_readable(kq);
        next_event(kq);
    }
    change(kq, 1, EVFILT_TIMER, EV_DISABLE, 0, 0, NULL);
    require_unreadable(kq);
}

static void poll_with_signal(void) {
#ifdef EVFILT_SIGNAL
    int kq = new_kqueue();
    change(kq, SIGUSR1, EVFILT_SIGNAL, EV_ADD, 0, 0, NULL);
    require_unreadable(kq);
    REQUIRE_EQ(kill(getpid(), SIGUSR1), 0);
    struct pollfd item = {.fd = kq, .events = POLLIN};
    int ready;
    while ((ready = poll(&item, 1, PATIENCE)) == -1 && errno == EINTR) /* the signal itself may end it */
        continue;
    REQUIRE_EQ(ready, 1);
    REQUIRE_EQ(next_event(kq).ident, SIGUSR1);
    require_unreadable(kq);
#else
    contract_skip("no EVFILT_SIGNAL");
#endif
}

static void poll_with_proc(void) {
#ifdef EVFILT_PROC
    int kq = new_kqueue(), gate[2];
    new_pipe(gate);
    pid_t child = fork();
    if (child == 0) {
        char byte;
        close(gate[1]);
        _exit(read(gate[0], &byte, 1) == 0 ? 3 : 4);
    }
    REQUIRE(child > 0);
    change(kq, (uintptr_t)child, EVFILT_PROC, EV_ADD, NOTE_EXIT, 0, NULL);
    require_unreadable(kq);
    close(gate[1]);
    require_readable(kq);
    REQUIRE_EQ(next_event(kq).ident, child);
    require_unreadable(kq);
#else
    contract_skip("no EVFILT_PROC");
#endif
}

static void poll_with_vnode(void) {
    posix_lacks("READ, WRITE, TIMER and VNODE make the kqueue readable only while a thread is in kevent()");
#ifdef EVFILT_VNODE
    int kq = new_kqueue();
    char path[] = "/tmp/contract-XXXXXX";
    int fd = mkostemp(path, O_CLOEXEC);
    REQUIRE(fd >= 0);
    REQUIRE_EQ(unlink(path), 0);
    change(kq, (uintptr_t)fd, EVFILT_VNODE, EV_ADD | EV_CLEAR, NOTE_WRITE, 0, NULL);
    require_unreadable(kq);
    put(fd, "x");
    require_readable(kq);
    REQUIRE_EQ(next_event(kq).ident, fd);
    require_unreadable(kq);
#else
    contract_skip("no EVFILT_VNODE");
#endif
}

static void drained_is_unreadable(void) {
    static const int flags[] = {EV_CLEAR, EV_DISPATCH, EV_ONESHOT, EV_CLEAR | EV_DISPATCH};
    for (int f = 0; f < 4; f++) {
        int kq = new_kqueue();
        add_triggered(kq, 1, flags[f]);
        require_readable(kq);
        next_event(kq);
        require_unreadable(kq);
    }
}

static void drained_of_sockets_is_unreadable(void) {
    posix_lacks("READ, WRITE, TIMER and VNODE make the kqueue readable only while a thread is in kevent()");
    static const int flags[] = {EV_CLEAR, EV_DISPATCH, EV_ONESHOT, EV_CLEAR | EV_DISPATCH};
    for (int f = 0; f < 4; f++) {
        int kq = new_kqueue(), pair[2];
        unix_pair(pair);
        put(pair[1], "x"); /* and never read */
        change(kq, (uintptr_t)pair[0], EVFILT_READ, EV_ADD | flags[f], 0, 0, NULL);
        require_readable(kq);
        next_event(kq);
        require_unreadable(kq);
        change(kq, (uintptr_t)pair[1], EVFILT_WRITE, EV_ADD | flags[f], 0, 0, NULL);
        require_readable(kq);
        REQUIRE_EQ(next_event(kq).filter, EVFILT_WRITE);
        require_unreadable(kq);
        add_triggered(kq, 1, flags[f]);
        require_readable(kq);
        next_event(kq);
        require_unreadable(kq);
    }
}

/* Of several that are ready one call takes but one. */
static void partly_drained_stays_readable(void) {
    int kq = new_kqueue(), pair[2];
    struct kevent event;
    unix_pair(pair);
    put(pair[1], "x");
    change(kq, (uintptr_t)pair[0], EVFILT_READ, EV_ADD | EV_CLEAR, 0, 0, NULL);
    add_triggered(kq, 1, EV_CLEAR);
    add_triggered(kq, 2, EV_CLEAR);
    for (int i = 0; i < 3; i++) {
        require_readable(kq);
        REQUIRE_EQ(collect(kq, &event, 1, 0), 1);
    }
    require_unreadable(kq);
}

static void never_writable(void) {
    int kq = new_kqueue(), pair[2];
    unix_pair(pair);
    struct pollfd item = {.fd = kq, .events = POLLOUT | POLLWRNORM};
    REQUIRE_EQ(poll(&item, 1, 50), 0);
    change(kq, (uintptr_t)pair[0], EVFILT_WRITE, EV_ADD, 0, 0, NULL);
    add_triggered(kq, 1, 0);
    REQUIRE_EQ(poll(&item, 1, 50), 0);
    item.events |= POLLIN;
    REQUIRE_EQ(poll(&item, 1, PATIENCE), 1);
    REQUIRE_EQ(item.revents, POLLIN);
}

struct watched {
    int kq;
    atomic_int stage; /* 1: about to wait, 2: woken */
    _Atomic pid_t tid;
};

static void *wait_with_epoll(void *argument) {
    struct watched *watched = argument;
    struct epoll_event event = {.events = EPOLLIN};
    int set = epoll_create1(EPOLL_CLOEXEC);
    REQUIRE_EQ(epoll_ctl(set, EPOLL_CTL_ADD, watched->kq, &event), 0);
    REQUIRE_EQ(epoll_wait(set, &event, 1, 50), 0);
    watched->tid = thread_number();
    watched->stage = 1;
    REQUIRE_EQ(epoll_wait(set, &event, 1, 8000), 1);
    REQUIRE_EQ(event.events, EPOLLIN);
    watched->stage = 2;
    close(set);
    return NULL;
}

static void *wait_with_select(void *argument) {
    struct watched *watched = argument;
    fd_set set;
    FD_ZERO(&set);
    FD_SET(watched->kq, &set);
    struct timeval timeout = {.tv_usec = 50000};
    REQUIRE_EQ(select(watched->kq + 1, &set, NULL, NULL, &timeout), 0);
    FD_SET(watched->kq, &set);
    timeout = (struct timeval){.tv_sec = 8};
    watched->tid = thread_number();
    watched->stage = 1;
    REQUIRE_EQ(select(watched->kq + 1, &set, NULL, NULL, &timeout), 1);
    REQUIRE(FD_ISSET(watched->kq, &set));
    watched->stage = 2;
    return NULL;
}

/* Of USER, TIMER and READ, those that make a kqueue readable while nobody is in kevent(). */
static int sources(void) { return on_posix() ? 1 : 3; }

static void require_wakes(void *(*wait)(void *)) {
    int pair[2];
    unix_pair(pair);
    for (int source = 0; source < sources(); source++) {
        struct watched watched = {.kq = new_kqueue()};
        add_user(watched.kq, 1, EV_CLEAR);
        change(watched.kq, (uintptr_t)pair[0], EVFILT_READ, EV_ADD, 0, 0, NULL);
        pthread_t thread = start_thread(wait, &watched);
        while (watched.stage == 0)
            sleep_ms(1);
        await_sleep(watched.tid);
        REQUIRE_EQ(watched.stage, 1);
        if (source == 0)
            trigger(watched.kq, 1);
        else if (source == 1)
            change(watched.kq, 2, EVFILT_TIMER, EV_ADD | EV_ONESHOT, 0, 20, NULL);
        else
            put(pair[1], "x");
        join_thread(thread);
        REQUIRE_EQ(watched.stage, 2);
        next_event(watched.kq);
        close(watched.kq);
    }
}

static void epoll_is_woken(void) {
    require_wakes(wait_with_epoll);
}

static void select_is_woken(void) {
    require_wakes(wait_with_select);
}

static void inner_event_fires_outer(void) {
    for (int source = 0; source < sources(); source++) {
        int outer = new_kqueue(), inner = new_kqueue(), pair[2];
        unix_pair(pair);
        change(outer, (uintptr_t)inner, EVFILT_READ, EV_ADD, 0, 0, &pair);
        require_silent(outer);
        add_user(inner, 1, EV_CLEAR);
        change(inner, (uintptr_t)pair[0], EVFILT_READ, EV_ADD | EV_CLEAR, 0, 0, NULL);
        require_silent(outer);
        if (source == 0)
            trigger(inner, 1);
        else if (source == 1)
            put(pair[1], "x");
        else
            change(inner, 1, EVFILT_TIMER, EV_ADD | EV_ONESHOT, 0, 20, NULL);
        for (int round = 0; round < 2; round++) { /* level: till the inner one is drained */
            struct kevent event = next_event(outer);
            REQUIRE_EQ(event.ident, inner);
            REQUIRE_EQ(event.filter, EVFILT_READ);
            REQUIRE_EQ(event.flags, EV_ADD);
            REQUIRE(event.data >= 1);
            REQUIRE(event.udata == &pair);
        }
        next_event(inner);
        require_silent(outer);
    }
}

static void inner_event_wakes_outer_waiter(void) {
    struct waiter waiter;
    int outer = new_kqueue(), inner = new_kqueue();
    add_user(inner, 1, EV_CLEAR);
    change(outer, (uintptr_t)inner, EVFILT_READ, EV_ADD, 0, 0, NULL);
    start_waiter(&waiter, outer, 1, -1);
    park_waiter(&waiter);
    trigger(inner, 1);
    join_waiter(&waiter);
    REQUIRE_EQ(waiter.result, 1);
    REQUIRE_EQ(waiter.events[0].ident, inner);
}

static void inner_event_with_clear(void) {
    int outer = new_kqueue(), inner = new_kqueue();
    add_user(inner, 1, EV_CLEAR);
    change(outer, (uintptr_t)inner, EVFILT_READ, EV_ADD | EV_CLEAR, 0, 0, NULL);
    for (int round = 0; round < 3; round++) {
        require_silent(outer);
        trigger(inner, 1);
        REQUIRE_EQ(next_event(outer).ident, inner);
        if (round == 0 || !on_posix()) /* poll(2) tells levels: what was left may be new where all was taken before */
            require_silent(outer);     /* once for each change from empty */
        REQUIRE_EQ(next_event(inner).ident, 1);
    }
}

static void other_filters_on_a_kqueue(void) {
    int kq = new_kqueue(), other = new_kqueue();
    REQUIRE_EQ(change_errno(kq, (uintptr_t)other, EVFILT_WRITE, EV_ADD, 0, 0, NULL), EINVAL);
    REQUIRE_EQ(change_errno(kq, (uintptr_t)kq, EVFILT_WRITE, EV_ADD, 0, 0, NULL), EINVAL);
    REQUIRE(!delete_knote(kq, (uintptr_t)other, EVFILT_WRITE));
#ifdef EVFILT_VNODE
    REQUIRE_EQ(change_errno(kq, (uintptr_t)other, EVFILT_VNODE, EV_ADD, NOTE_WRITE, 0, NULL), EINVAL);
#endif
    require_silent(kq);
}

static void kqueue_in_itself(void) {
    int kq = new_kqueue();
    REQUIRE_EQ(change_errno(kq, (uintptr_t)kq, EVFILT_READ, EV_ADD, 0, 0, NULL), EINVAL);
    REQUIRE(!delete_knote(kq, (uintptr_t)kq, EVFILT_READ));
    add_triggered(kq, 1, EV_CLEAR);
    REQUIRE_EQ(next_event(kq).ident, 1);
    require_unreadable(kq);
}

/* A ring of so many: the change that would close it fails, the rest works. */
static void require_no_ring(int count) {
    int kqs[4];
    for (int i = 0; i < count; i++)
        kqs[i] = new_kqueue();
    for (int i = 0; i + 1 < count; i++)
        change(kqs[i], (uintptr_t)kqs[i + 1], EVFILT_READ, EV_ADD, 0, 0, NULL);
    int code = change_errno(kqs[count - 1], (uintptr_t)kqs[0], EVFILT_READ, EV_ADD, 0, 0, NULL);
    REQUIRE(code == ELOOP || code == EINVAL);
    REQUIRE(!delete_knote(kqs[count - 1], (uintptr_t)kqs[0], EVFILT_READ));
    for (int i = 0; i < count; i++)
        require_silent(kqs[i]);
    add_triggered(kqs[count - 1], 1, EV_CLEAR);
    for (int i = 0; i + 1 < count; i++)
        REQUIRE_EQ(next_event(kqs[i]).ident, kqs[i + 1]);
    REQUIRE_EQ(next_event(kqs[count - 1]).ident, 1);
    require_silent(kqs[0]);
    /* The ring may be made the other way about once it is open. */
    change(kqs[0], (uintptr_t)kqs[1], EVFILT_READ, EV_DELETE, 0, 0, NULL);
    change(kqs[count - 1], (uintptr_t)kqs[0], EVFILT_READ, EV_ADD, 0, 0, NULL);
}

static void rings_of_kqueues(void) {
    require_no_ring(2);
    if (on_posix() || !closes_are_seen())
        return; /* one inside another is all there is, see the chains */
    require_no_ring(3);
    require_no_ring(4);
}

/* Two threads that each make one half of a ring: one of them fails, neither hangs. */
struct half {
    int outer, inner, code;
    pthread_barrier_t *barrier;
};

static void *make_half(void *argument) {
    struct half *half = argument;
    pthread_barrier_wait(half->barrier);
    half->code = change_errno(half->outer, (uintptr_t)half->inner, EVFILT_READ, EV_ADD, 0, 0, NULL);
    return NULL;
}

static void ring_from_two_threads(void) {
    pthread_barrier_t barrier;
    pthread_barrier_init(&barrier, NULL, 2);
    for (int round = 0; round < 200; round++) {
        int first = new_kqueue(), second = new_kqueue();
        struct half there = {.outer = first, .inner = second, .barrier = &barrier};
        struct half back = {.outer = second, .inner = first, .barrier = &barrier};
        pthread_t thread = start_thread(make_half, &there);
        make_half(&back);
        join_thread(thread);
        int failed = there.code != 0 ? there.code : back.code;
        REQUIRE(there.code == 0 || back.code == 0);
        REQUIRE(failed == ELOOP || failed == EINVAL);
        close(first);
        close(second);
    }
}

/* How many of a chain watch another. */
static int deepest(void) {
    return on_posix() || !closes_are_seen() ? 1 : 3;
}

/* Whatever takes an epoll set of its own on Linux works in the innermost, too. */
static void require_full_use(int kq) {
    int pair[2];
    unix_pair(pair);
    change(kq, (uintptr_t)pair[0], EVFILT_READ, EV_ADD, 0, 0, NULL);
    change(kq, (uintptr_t)pair[0], EVFILT_WRITE, EV_ADD | EV_DISABLE, 0, 0, NULL);
    change(kq, SIGUSR2, EVFILT_SIGNAL, EV_ADD, 0, 0, NULL);
    change(kq, 1, EVFILT_TIMER, EV_ADD, 0, 1000000, NULL);
    REQUIRE_EQ(close(pair[0]), 0);
    REQUIRE_EQ(close(pair[1]), 0);
}

static void chain_of_a_hundred(void) {
    need_descriptors(500);
    int kqs[100], depth = 0;
    for (int i = 0; i < 100; i++)
        kqs[i] = new_kqueue();
    while (depth < 99) { /* from the innermost outwards */
        int code = change_errno(kqs[depth + 1], (uintptr_t)kqs[depth], EVFILT_READ, EV_ADD, 0, 0, NULL);
        if (code != 0) {
            REQUIRE_EQ(code, ELOOP);
            REQUIRE(!delete_knote(kqs[depth + 1], (uintptr_t)kqs[depth], EVFILT_READ));
            break;
        }
        depth++;
    }
    REQUIRE_EQ(depth, deepest());
    require_full_use(kqs[0]);
    require_silent(kqs[depth]);
    add_triggered(kqs[0], 1, EV_CLEAR);
    for (int i = depth; i > 0; i--)
        REQUIRE_EQ(next_event(kqs[i]).ident, kqs[i - 1]);
    REQUIRE_EQ(next_event(kqs[0]).ident, 1);
    require_silent(kqs[depth]);
    for (int i = 0; i < 100; i++)
        REQUIRE_EQ(close(kqs[i]), 0);
}

/* The other way about, where each new link has the whole chain below it. */
static void chain_from_the_outermost(void) {
    need_descriptors(500);
    int kqs[100], depth = 0;
    for (int i = 0; i < 100; i++)
        kqs[i] = new_kqueue();
    while (depth < 99) {
        int code = change_errno(kqs[depth], (uintptr_t)kqs[depth + 1], EVFILT_READ, EV_ADD, 0, 0, NULL);
        if (code != 0) {
            REQUIRE_EQ(code, ELOOP);
            break;
        }
        depth++;
    }
    REQUIRE_EQ(depth, deepest());
    require_full_use(kqs[depth]);
    add_triggered(kqs[depth], 1, EV_CLEAR);
    REQUIRE_EQ(next_event(kqs[0]).ident, kqs[1]);
    for (int i = 99; i >= 0; i--)
        REQUIRE_EQ(close(kqs[i]), 0);
}

static void fionread_fails(void) {
    posix_lacks("the kqueue is a pipe");
    int kq = new_kqueue(), count = 0;
    REQUIRE_EQ(ioctl(kq, FIONREAD, &count), -1);
    add_triggered(kq, 1, 0);
    REQUIRE_EQ(ioctl(kq, FIONREAD, &count), -1);
}

static void read_and_write_fail(void) {
    posix_lacks("the kqueue is a pipe");
    int kq = new_kqueue();
    char bytes[256] = {0};
    for (int round = 0; round < 2; round++) {
        REQUIRE_EQ(read(kq, bytes, sizeof bytes), -1);
        REQUIRE_EQ(read(kq, bytes, 8), -1);
        REQUIRE_EQ(write(kq, bytes, 8), -1);
        REQUIRE_EQ(write(kq, bytes, sizeof bytes), -1);
        add_triggered(kq, 1, 0);
    }
    REQUIRE_EQ(next_event(kq).ident, 1); /* and take nothing away */
}

const struct contract_case kq_cases[] = {
    {"C-099", "poll is ready while a READ knote is deliverable", poll_with_a_socket, 0},
    {"C-099", "poll is ready while a WRITE knote is deliverable", poll_with_write, 0},
    {"C-100", "poll is ready while a USER knote is deliverable", poll_with_user, 0},
    {"C-100", "poll is ready while a TIMER knote is deliverable", poll_with_timer, 0},
    {"C-100", "poll is ready while a SIGNAL knote is deliverable", poll_with_signal, 0},
    {"C-100", "poll is ready while a PROC knote is deliverable", poll_with_proc, 0},
    {"C-100", "poll is ready while a VNODE knote is deliverable", poll_with_vnode, 0},
    {"C-101", "a drained kqueue is not readable", drained_is_unreadable, 30},
    {"C-101", "one drained of sockets is not readable", drained_of_sockets_is_unreadable, 30},
    {"C-101", "a partly drained kqueue stays readable", partly_drained_stays_readable, 0},
    {"C-102", "poll never reports POLLOUT", never_writable, 0},
    {"C-103", "a kqueue wakes epoll", epoll_is_woken, 0},
    {"C-103", "a kqueue wakes select", select_is_woken, 0},
    {"C-104", "an event of the inner kqueue fires in the outer", inner_event_fires_outer, 0},
    {"C-104", "an event of the inner kqueue wakes a waiter of the outer", inner_event_wakes_outer_waiter, 0},
    {"C-104", "EV_CLEAR on an inner kqueue: once for each change", inner_event_with_clear, 0},
    {"C-105", "no other filter on a kqueue", other_filters_on_a_kqueue, 0},
    {"C-106", "a kqueue in itself gives EINVAL", kqueue_in_itself, 0},
    {"C-107", "no ring of kqueues", rings_of_kqueues, 0},
    {"C-107", "no ring of kqueues made by two threads at once", ring_from_two_threads, 0},
    {"C-108", "a chain of 100 kqueues works or is refused", chain_of_a_hundred, 30},
    {"C-108", "a chain of 100 kqueues made from the outermost", chain_from_the_outermost, 30},
    {"C-109", "FIONREAD fails", fionread_fails, 0},
    {"C-110", "read and write fail", read_and_write_fail, 0},
    {NULL, NULL, NULL, 0},
};
