/*
 * A database's server process: it waits for its client's bytes, the end of its
 * parent, and a signal by which its peers wake it.  Microseconds from a request, or
 * from a signal, to the answer.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "bench.h"

#include <sys/event.h>

#include <signal.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif

/* What a server process waits with. */
struct set {
    int queue, signals /* epoll only */;
    void (*open)(struct set *, int client);
    /* Waits for one of them: whether it is the signal, else the client. */
    bool (*wait)(struct set *);
};

static void open_kqueue(struct set *set, int client) {
    struct kevent changes[3];
    signal(SIGURG, SIG_IGN);
    set->queue = kqueue();
    EV_SET(&changes[0], SIGURG, EVFILT_SIGNAL, EV_ADD, 0, 0, NULL);
    EV_SET(&changes[1], getppid(), EVFILT_PROC, EV_ADD, NOTE_EXIT, 0, NULL);
    EV_SET(&changes[2], client, EVFILT_READ, EV_ADD, 0, 0, NULL);
    BENCH_REQUIRE(set->queue != -1 && kevent(set->queue, changes, 3, NULL, 0, NULL) == 0);
}

static bool wait_kqueue(struct set *set) {
    struct kevent event;
    BENCH_REQUIRE(kevent(set->queue, NULL, 0, &event, 1, NULL) == 1);
    return event.filter == EVFILT_SIGNAL;
}

static void add(int queue, int descriptor) {
    struct epoll_event event = {.events = EPOLLIN | EPOLLRDHUP, .data.fd = descriptor};
    BENCH_REQUIRE(descriptor != -1 && epoll_ctl(queue, EPOLL_CTL_ADD, descriptor, &event) == 0);
}

static void open_epoll(struct set *set, int client) {
    sigset_t urgent;
    sigemptyset(&urgent);
    sigaddset(&urgent, SIGURG);
    BENCH_REQUIRE(sigprocmask(SIG_BLOCK, &urgent, NULL) == 0);
    set->queue = epoll_create1(EPOLL_CLOEXEC);
    set->signals = signalfd(-1, &urgent, SFD_CLOEXEC | SFD_NONBLOCK);
    add(set->queue, set->signals);
    add(set->queue, (int)syscall(SYS_pidfd_open, getppid(), 0));
    add(set->queue, client);
}

static bool wait_epoll(struct set *set) {
    struct epoll_event event;
    struct signalfd_siginfo info;
    BENCH_REQUIRE(epoll_wait(set->queue, &event, 1, -1) == 1);
    if (event.data.fd != set->signals)
        return false;
    BENCH_REQUIRE(read(set->signals, &info, sizeof info) == sizeof info);
    return true;
}

/* Answers requests, and says that a signal has come. */
static void serve(struct set *set, int client) {
    char byte;
    set->open(set, client);
    BENCH_REQUIRE(write(client, "!", 1) == 1);
    for (;;) {
        if (set->wait(set))
            byte = 's';
        else if (recv(client, &byte, 1, 0) != 1)
            _exit(0);
        BENCH_REQUIRE(write(client, &byte, 1) == 1);
    }
}

struct connection {
    int server;
    pid_t process;
};

static void ask(const struct connection *c, char expected) {
    char byte = 0;
    BENCH_REQUIRE(read(c->server, &byte, 1) == 1 && byte == expected);
}

static void request(void *argument) {
    const struct connection *c = argument;
    BENCH_REQUIRE(write(c->server, "b", 1) == 1);
    ask(c, 'b');
}

static void wake(void *argument) {
    const struct connection *c = argument;
    BENCH_REQUIRE(kill(c->process, SIGURG) == 0);
    ask(c, 's');
}

static double answers(void (*op)(void *), struct set set) {
    int pair[2];
    BENCH_REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0);
    struct connection c = {.server = pair[0], .process = fork()};
    BENCH_REQUIRE(c.process != -1);
    if (c.process == 0) {
        close(pair[0]);
        serve(&set, pair[1]);
    }
    close(pair[1]);
    ask(&c, '!');
    double ns = bench_measure(op, &c);
    close(c.server);
    waitpid(c.process, NULL, 0);
    return ns / 1e3;
}

static const struct set by_kqueue = {.open = open_kqueue, .wait = wait_kqueue};
static const struct set by_epoll = {.open = open_epoll, .wait = wait_epoll};

static double requests_kqueue(void) { return answers(request, by_kqueue); }
static double requests_epoll(void) { return answers(request, by_epoll); }
static double signals_kqueue(void) { return answers(wake, by_kqueue); }
static double signals_epoll(void) { return answers(wake, by_epoll); }

const struct bench latch_benches[] = {
    {"latch", "a database's process, asked", "us", requests_kqueue, requests_epoll, 1.03},
    {"latch-signal", "the same, woken by a signal", "us", signals_kqueue, signals_epoll, 0},
    {0},
};
