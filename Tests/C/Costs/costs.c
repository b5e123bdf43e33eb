/*
 * One hot operation, many times: its instructions and system calls are counted
 * from outside, by costs.sh.
 *
 *   costs CASE ROUNDS
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <sys/event.h>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { PAIRS = 200, READY = 50 };

static const struct timespec at_once;
static struct kevent events[PAIRS];
static int pairs[PAIRS][2];

static void require(int holds, const char *what) {
    if (holds)
        return;
    perror(what);
    exit(1);
}

static void change(int kq, uintptr_t ident, int filter, int flags, unsigned fflags, intptr_t data) {
    struct kevent entry;
    EV_SET(&entry, ident, filter, flags, fflags, data, NULL);
    require(kevent(kq, &entry, 1, NULL, 0, NULL) == 0, "a change");
}

static void collect(int kq, int count) {
    require(kevent(kq, NULL, 0, events, PAIRS, &at_once) == count, "the number of events");
}

static void open_pairs(int count) {
    for (int i = 0; i < count; i++)
        require(socketpair(AF_UNIX, SOCK_STREAM, 0, pairs[i]) == 0, "socketpair");
}

static void put(int descriptor) {
    require(write(descriptor, "x", 1) == 1, "write");
}

static void take(int descriptor) {
    char byte;
    require(read(descriptor, &byte, 1) == 1, "read");
}

/* Many descriptors, of which some are ready. */
static void harvest(int kq, long rounds) {
    open_pairs(PAIRS);
    for (int i = 0; i < PAIRS; i++)
        change(kq, (uintptr_t)pairs[i][0], EVFILT_READ, EV_ADD, 0, 0);
    for (int i = 0; i < READY; i++)
        put(pairs[i][1]);
    for (long i = 0; i < rounds; i++)
        collect(kq, READY);
}

static void ready(long rounds) {
    harvest(kqueue(), rounds);
}

static void declined(long rounds) {
    int kq = kqueue();
    struct kevent entry;
    EV_SET(&entry, 0, EVFILT_LIBKQUEUE, EV_ADD, NOTE_DECLINE_DATA, 1, NULL);
    require(kevent(kq, &entry, 1, &entry, 1, NULL) == 1, "NOTE_DECLINE_DATA");
    harvest(kq, rounds);
}

/* One byte comes, is told once and taken. */
static void edge(long rounds) {
    int kq = kqueue();
    open_pairs(1);
    change(kq, (uintptr_t)pairs[0][0], EVFILT_READ, EV_ADD | EV_CLEAR, 0, 0);
    for (long i = 0; i < rounds; i++) {
        put(pairs[0][1]);
        collect(kq, 1);
        take(pairs[0][0]);
    }
}

/* A wake-up by a pipe, as a thread waits for it. */
static void pipes(long rounds) {
    int kq = kqueue(), ends[2];
    require(pipe(ends) == 0, "pipe");
    change(kq, (uintptr_t)ends[0], EVFILT_READ, EV_ADD, 0, 0);
    for (long i = 0; i < rounds; i++) {
        put(ends[1]);
        require(kevent(kq, NULL, 0, events, 1, NULL) == 1, "a wait");
        take(ends[0]);
    }
}

static void user(long rounds) {
    int kq = kqueue();
    change(kq, 1, EVFILT_USER, EV_ADD | EV_CLEAR, 0, 0);
    for (long i = 0; i < rounds; i++) {
        change(kq, 1, EVFILT_USER, 0, NOTE_TRIGGER, 0);
        collect(kq, 1);
    }
}

static void timer(long rounds) {
    int kq = kqueue();
    for (long i = 0; i < rounds; i++) {
        change(kq, (uintptr_t)i % 100, EVFILT_TIMER, EV_ADD | EV_ONESHOT, 0, 0);
        collect(kq, 1);
    }
}

static void registration(long rounds) {
    int kq = kqueue();
    open_pairs(1);
    for (long i = 0; i < rounds; i++) {
        change(kq, (uintptr_t)pairs[0][0], EVFILT_READ, EV_ADD, 0, 0);
        change(kq, (uintptr_t)pairs[0][0], EVFILT_READ, EV_DELETE, 0, 0);
    }
}

/* A watched descriptor is closed, and its number used again. */
static void closing(long rounds) {
    int kq = kqueue();
    open_pairs(1);
    for (long i = 0; i < rounds; i++) {
        int copy = dup(pairs[0][0]);
        change(kq, (uintptr_t)copy, EVFILT_READ, EV_ADD, 0, 0);
        require(close(copy) == 0, "close");
    }
}

static void bystander(long rounds) {
    (void)kqueue();
    open_pairs(1);
    for (long i = 0; i < rounds; i++)
        require(close(dup(pairs[0][0])) == 0, "close");
}

static void creation(long rounds) {
    open_pairs(1);
    for (long i = 0; i < rounds; i++) {
        int kq = kqueue();
        change(kq, (uintptr_t)pairs[0][0], EVFILT_READ, EV_ADD, 0, 0);
        collect(kq, 0);
        require(close(kq) == 0, "close");
    }
}

static void signals(long rounds) {
    int kq = kqueue();
    signal(SIGUSR1, SIG_IGN);
    change(kq, SIGUSR1, EVFILT_SIGNAL, EV_ADD, 0, 0);
    for (long i = 0; i < rounds; i++) {
        require(kill(getpid(), SIGUSR1) == 0, "kill");
        collect(kq, 1);
    }
}

static void files(long rounds) {
    char path[] = "/tmp/kqueue-costs-XXXXXX";
    int kq = kqueue(), file = mkstemp(path);
    require(file != -1, path);
    unlink(path);
    change(kq, (uintptr_t)file, EVFILT_VNODE, EV_ADD | EV_CLEAR, NOTE_WRITE, 0);
    for (long i = 0; i < rounds; i++) {
        require(pwrite(file, "x", 1, 0) == 1, "pwrite");
        collect(kq, 1);
    }
}

/* What a database's server process waits for: its client, its parent's end, and a signal of its peers. */
static void latch(long rounds) {
    int kq = kqueue();
    signal(SIGURG, SIG_IGN);
    open_pairs(1);
    change(kq, SIGURG, EVFILT_SIGNAL, EV_ADD, 0, 0);
    change(kq, (uintptr_t)getppid(), EVFILT_PROC, EV_ADD, NOTE_EXIT, 0);
    for (long i = 0; i < rounds; i++) {
        change(kq, (uintptr_t)pairs[0][0], EVFILT_READ, EV_ADD, 0, 0);
        put(pairs[0][1]);
        collect(kq, 1);
        take(pairs[0][0]);
        change(kq, (uintptr_t)pairs[0][0], EVFILT_READ, EV_DELETE, 0, 0);
    }
}

/* Both ends of a connection by TCP. */
static void connect_by_tcp(int ends[2]) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    require(bind(listener, (struct sockaddr *)&address, size) == 0 && listen(listener, 1) == 0 &&
                getsockname(listener, (struct sockaddr *)&address, &size) == 0, "a listener");
    ends[0] = socket(AF_INET, SOCK_STREAM, 0);
    require(connect(ends[0], (struct sockaddr *)&address, size) == 0, "connect");
    ends[1] = accept(listener, NULL, NULL);
    require(ends[1] != -1 && close(listener) == 0, "accept");
}

/* A loop that asks each time whether it may write, as some web proxies do. */
static void room(long rounds) {
    int kq = kqueue(), ends[2];
    connect_by_tcp(ends);
    for (long i = 0; i < rounds; i++) {
        change(kq, (uintptr_t)ends[0], EVFILT_WRITE, EV_ADD | EV_ONESHOT, 0, 0);
        collect(kq, 1);
    }
}

/* A server that reads a request, and has an answer written once there is room. */
static void answer(long rounds) {
    int kq = kqueue(), ends[2];
    connect_by_tcp(ends);
    change(kq, (uintptr_t)ends[0], EVFILT_READ, EV_ADD, 0, 0);
    for (long i = 0; i < rounds; i++) {
        change(kq, (uintptr_t)ends[0], EVFILT_WRITE, EV_ADD, 0, 0);
        collect(kq, 1);
        change(kq, (uintptr_t)ends[0], EVFILT_WRITE, EV_DELETE, 0, 0);
    }
}

static const struct {
    const char *name;
    void (*run)(long rounds);
} cases[] = {
    {"ready", ready},   {"declined", declined},         {"edge", edge},       {"user", user},
    {"timer", timer},   {"registration", registration}, {"closing", closing}, {"bystander", bystander},
    {"creation", creation}, {"pipes", pipes}, {"signals", signals},       {"files", files},     {"latch", latch},
    {"room", room},   {"answer", answer},
};

int main(int count, char **arguments) {
    size_t all = sizeof cases / sizeof cases[0];
    if (count == 1)
        for (size_t i = 0; i < all; i++)
            puts(cases[i].name);
    if (count != 3)
        return count != 1;
    for (size_t i = 0; i < all; i++)
        if (strcmp(cases[i].name, arguments[1]) == 0) {
            cases[i].run(atol(arguments[2]));
            return 0;
        }
    fprintf(stderr, "%s: no such case\n", arguments[1]);
    return 2;
}
