/*
 * A program that uses a kqueue makes itself a daemon, as they do: fork, setsid,
 * fork, every descriptor closed. The daemon has a kqueue of its own; the
 * program's goes on as if nothing had been.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "life-program.h"

#include <poll.h>
#include <pthread.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>

enum { TRIGGERS = 5, DAEMON_SECONDS = 20 };

void closefrom(int first);

static void trigger(int kq, uintptr_t ident) {
    struct kevent entry;
    EV_SET(&entry, ident, EVFILT_USER, 0, NOTE_TRIGGER, 0, NULL);
    CHECK(kevent(kq, &entry, 1, NULL, 0, NULL));
}

/* Answers each byte from the other end with the next letter, until the end; a timer ticks meanwhile. */
static void serve(int fd) {
    int kq = CHECK(kqueue()), ticks = 0;
    change(kq, fd, EVFILT_READ, EV_ADD, 0);
    change(kq, 1, EVFILT_TIMER, EV_ADD, 5);
    for (;;) {
        struct kevent event;
        if (collect(kq, &event, 1, 5000) != 1)
            fail("the daemon waits in vain");
        if (event.filter == EVFILT_TIMER) {
            ticks++;
            continue;
        }
        char byte;
        if (read(fd, &byte, 1) != 1)
            break;
        byte++;
        while (ticks < 2) /* both kinds arrive */
            ticks += collect(kq, &event, 1, 5000) == 1 && event.filter == EVFILT_TIMER;
        CHECK(write(fd, &byte, 1));
    }
    close(kq);
}

_Noreturn static void become_daemon(int old_kq, int end) {
    if (CHECK(fork()) != 0)
        _exit(0);
    CHECK(setsid());
    if (CHECK(fork()) != 0)
        _exit(0);
    alarm(DAEMON_SECONDS);
    umask(0);
    CHECK(chdir("/"));
    CHECK(dup2(end, 0));
    closefrom(3); /* the library's, too */
    if (kevent(old_kq, NULL, 0, NULL, 0, NULL) != -1 || errno != EBADF)
        fail("the daemon has the program's kqueue");
    serve(0);
    _exit(0);
}

struct waiting {
    int kq, result;
};

static void *wait_once(void *argument) {
    struct waiting *waiting = argument;
    struct kevent event;
    waiting->result = kevent(waiting->kq, NULL, 0, &event, 1, NULL);
    return NULL;
}

static char ask(int fd, char byte) {
    struct pollfd readable = {.fd = fd, .events = POLLIN};
    CHECK(write(fd, &byte, 1));
    if (poll(&readable, 1, 10000) != 1 || read(fd, &byte, 1) != 1)
        fail("the daemon does not answer");
    return byte;
}

int main(void) {
    int kq = CHECK(kqueue()), own[2], line[2];
    struct kevent event;
    CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, own));
    CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, line));
    change(kq, own[0], EVFILT_READ, EV_ADD, 0);
    change(kq, 1, EVFILT_USER, EV_ADD | EV_CLEAR, 0);
    change(kq, 2, EVFILT_TIMER, EV_ADD | EV_ONESHOT, 60000);

    struct waiting waiting = {.kq = kq};
    pthread_t thread;
    if (pthread_create(&thread, NULL, wait_once, &waiting) != 0)
        skip("no threads");
    pid_t child = CHECK(fork());
    if (child == 0)
        become_daemon(kq, line[1]);
    int status;
    CHECK(waitpid(child, &status, 0));
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        fail("the first child did not end well");
    CHECK(close(line[1]));

    for (char byte = 'a'; byte < 'a' + 10; byte++)
        if (ask(line[0], byte) != byte + 1)
            fail("the daemon's answer is wrong");
    trigger(kq, 1);
    pthread_join(thread, NULL);
    if (waiting.result != 1)
        fail("the program's waiting thread got %d", waiting.result);
    for (int i = 0; i < TRIGGERS; i++) {
        trigger(kq, 1);
        if (collect(kq, &event, 1, 1000) != 1 || event.filter != EVFILT_USER)
            fail("the program's trigger %d is lost", i);
    }
    CHECK(write(own[1], "x", 1));
    if (collect(kq, &event, 1, 1000) != 1 || event.ident != (uintptr_t)own[0])
        fail("the program's socket is not reported");
    CHECK(shutdown(line[0], SHUT_WR));
    char byte;
    struct pollfd ended = {.fd = line[0], .events = POLLIN};
    if (poll(&ended, 1, 10000) != 1 || read(line[0], &byte, 1) != 0)
        fail("the daemon does not end");
    printf("ok\n");
    return 0;
}
