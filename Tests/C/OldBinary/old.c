/*
 * A program that was made for the C libkqueue, and runs on ours.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "old.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { READ = -1, WRITE = -2, VNODE = -4, PROC = -5, SIGNAL = -6, TIMER = -7, USER = -11 };
enum { ADD = 0x1, DELETE = 0x2, ONESHOT = 0x10, CLEAR = 0x20, IS_EOF = 0x8000 };

static int kq;

static void require(int holds, const char *what) {
    if (holds)
        return;
    fprintf(stderr, "old binary: %s\n", what);
    exit(1);
}

static void change(uintptr_t ident, short filter, unsigned short flags, unsigned fflags, intptr_t data) {
    struct kevent entry = {ident, filter, flags, fflags, data, &kq};
    require(kevent(kq, &entry, 1, NULL, 0, NULL) == 0, "a change is refused");
}

static struct kevent await(uintptr_t ident, short filter) {
    struct kevent event;
    struct timespec limit = {5, 0};
    memset(&event, 0, sizeof event);
    require(kevent(kq, NULL, 0, &event, 1, &limit) == 1, "no event");
    require(event.ident == ident && event.filter == filter && event.udata == &kq, "another event");
    return event;
}

static void descriptors(void) {
    int pair[2];
    require(pipe(pair) == 0, "no pipe");
    change((uintptr_t)pair[0], READ, ADD, 0, 0);
    require(write(pair[1], "hello", 5) == 5, "write");
    require(await((uintptr_t)pair[0], READ).data == 5, "not 5 bytes");
    close(pair[1]);
    require((await((uintptr_t)pair[0], READ).flags & IS_EOF) != 0, "no end");
    change((uintptr_t)pair[0], READ, DELETE, 0, 0);
    close(pair[0]);
}

static void others(void) {
    char name[] = "old-binary-XXXXXX";
    int fd = mkstemp(name), status;
    change((uintptr_t)fd, VNODE, ADD | CLEAR, 0x1 | 0x2 | 0x4, 0);
    require(write(fd, "x", 1) == 1, "write");
    require((await((uintptr_t)fd, VNODE).fflags & 0x2) != 0, "no NOTE_WRITE");
    unlink(name);
    require((await((uintptr_t)fd, VNODE).fflags & 0x1) != 0, "no NOTE_DELETE");
    close(fd);
    change(7, TIMER, ADD | ONESHOT, 0, 20);
    require(await(7, TIMER).data == 1, "no timer");
    change(9, USER, ADD | CLEAR, 0, 0);
    change(9, USER, 0, 0x01000000 | 0xc0000000 | 0x5, 0);
    require(await(9, USER).fflags == 0x5, "no trigger");
    signal(SIGUSR1, SIG_IGN);
    change(SIGUSR1, SIGNAL, ADD, 0, 0);
    raise(SIGUSR1);
    require(await(SIGUSR1, SIGNAL).data == 1, "no signal");
    pid_t child = fork();
    if (child == 0) {
        pause();
        _exit(0);
    }
    change((uintptr_t)child, PROC, ADD, 0x80000000U, 0);
    kill(child, SIGKILL);
    require(await((uintptr_t)child, PROC).data == SIGKILL, "no status");
    require(waitpid(child, &status, 0) == child, "reaped");
}

int main(void) {
    require(sizeof(struct kevent) == (sizeof(void *) == 8 ? 32 : 20), "another size");
    require((kq = kqueue()) >= 0, "no kqueue");
    descriptors();
    others();
    libkqueue_drain_pending_close();
    require(close(kq) == 0, "close");
    puts("old binary: all events came");
    return 0;
}
