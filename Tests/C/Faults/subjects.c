/*
 * What knotes are on: one of each kind that the library tells apart.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "faults.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <mqueue.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static int pair[2]; /* [0] is watched */

static void close_pair(void) {
    (void)LIBRARY(close(pair[0]));
    if (pair[1] >= 0)
        close(pair[1]);
}

static void drain(void) {
    char bytes[4096];
    while (read(pair[0], bytes, sizeof bytes) > 0)
        ;
}

static void put_byte(void) {
    REQUIRE(write(pair[1], "x", 1) == 1);
}

static uintptr_t make_pipe(void) {
    REQUIRE(pipe2(pair, O_CLOEXEC | O_NONBLOCK) == 0);
    return (uintptr_t)pair[0];
}

static uintptr_t make_socket(int type) {
    REQUIRE(socketpair(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) == 0);
    return (uintptr_t)pair[0];
}

static uintptr_t make_stream(void) {
    return make_socket(SOCK_STREAM);
}

static uintptr_t make_records(void) {
    return make_socket(SOCK_SEQPACKET);
}

static uintptr_t make_datagrams(void) {
    return make_socket(SOCK_DGRAM);
}

/* ---- Writing: [0] is full until it is read from [1] ---- */

static uintptr_t make_pipe_to_write(void) {
    int ends[2];
    REQUIRE(pipe2(ends, O_CLOEXEC | O_NONBLOCK) == 0);
    pair[0] = ends[1];
    pair[1] = ends[0];
    return (uintptr_t)pair[0];
}

static void fill(void) {
    static const char bytes[4096];
    while (write(pair[0], bytes, sizeof bytes) > 0)
        ;
    while (write(pair[0], bytes, 1) > 0)
        ;
}

static void empty(void) {
    char bytes[4096];
    while (read(pair[1], bytes, sizeof bytes) > 0)
        ;
}

/* ---- TCP ---- */

static int listener;
static struct sockaddr_in address;

static void listen_somewhere(void) {
    socklen_t size = sizeof address;
    address = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    REQUIRE(listener >= 0 && bind(listener, (struct sockaddr *)&address, sizeof address) == 0);
    REQUIRE(listen(listener, 16) == 0 && getsockname(listener, (struct sockaddr *)&address, &size) == 0);
}

static int connect_there(void) {
    int client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    REQUIRE(client >= 0 && connect(client, (struct sockaddr *)&address, sizeof address) == 0);
    return client;
}

static uintptr_t make_tcp(void) {
    listen_somewhere();
    pair[1] = connect_there();
    while ((pair[0] = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK)) < 0)
        REQUIRE(errno == EAGAIN);
    close(listener);
    fcntl(pair[1], F_SETFL, O_NONBLOCK);
    return (uintptr_t)pair[0];
}

static uintptr_t make_listener(void) {
    listen_somewhere();
    pair[0] = listener;
    pair[1] = -1;
    return (uintptr_t)listener;
}

static void connect_once(void) {
    close(connect_there());
}

static void accept_all(void) {
    for (int client; (client = accept4(listener, NULL, NULL, SOCK_CLOEXEC)) >= 0;)
        close(client);
}

static void send_urgent(void) {
    REQUIRE(send(pair[1], "u", 1, MSG_OOB) == 1);
}

static void take_urgent(void) {
    char byte;
    (void)recv(pair[0], &byte, 1, MSG_OOB);
    drain();
}

/* ---- Other descriptors ---- */

static uintptr_t make_eventfd(void) {
    pair[0] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    pair[1] = -1;
    return (uintptr_t)pair[0];
}

static void add_one(void) {
    uint64_t one = 1;
    REQUIRE(write(pair[0], &one, sizeof one) == sizeof one);
}

static uintptr_t make_queue(void) {
    char name[64];
    struct mq_attr attributes = {.mq_maxmsg = 4, .mq_msgsize = 16};
    snprintf(name, sizeof name, "/kqueue-faults-%d", (int)getpid());
    pair[0] = mq_open(name, O_RDWR | O_CREAT | O_CLOEXEC | O_NONBLOCK, 0600, &attributes);
    pair[1] = -1;
    if (pair[0] < 0)
        skip("no message queues");
    mq_unlink(name);
    return (uintptr_t)pair[0];
}

static void send_message(void) {
    REQUIRE(mq_send(pair[0], "m", 1, 0) == 0);
}

static void take_messages(void) {
    char text[16];
    while (mq_receive(pair[0], text, sizeof text, NULL) >= 0)
        ;
}

/* ---- Files ---- */

static char folder[64], path[80];

static void name_files(void) {
    snprintf(folder, sizeof folder, "/tmp/kqueue-faults-%d", (int)getpid());
    snprintf(path, sizeof path, "%s/file", folder);
    mkdir(folder, 0700);
    unlink(path); /* left by another of that number, which failed */
}

static uintptr_t make_file(void) {
    name_files();
    pair[0] = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    pair[1] = -1;
    REQUIRE(pair[0] >= 0);
    return (uintptr_t)pair[0];
}

static void end_file(void) {
    close_pair();
    unlink(path);
    rmdir(folder);
}

static void write_file(void) {
    REQUIRE(pwrite(pair[0], "w", 1, lseek(pair[0], 0, SEEK_END)) == 1);
}

static void change_mode(void) {
    static mode_t mode = 0600;
    REQUIRE(fchmod(pair[0], mode ^= 0040) == 0);
}

static uintptr_t make_folder(void) {
    name_files();
    pair[0] = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    pair[1] = -1;
    REQUIRE(pair[0] >= 0);
    return (uintptr_t)pair[0];
}

static void make_entry(void) {
    int file = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    REQUIRE(file >= 0);
    close(file);
    unlink(path);
}

/* ---- Processes ---- */

static pid_t child;
static int orders, answers;

static pid_t raw_fork(void) {
#ifdef __s390__
    return (pid_t)syscall(SYS_clone, 0, SIGCHLD, 0, 0, 0); /* the stack comes first */
#else
    return (pid_t)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
#endif
}

static void obey(int from, int to) {
    char order;
    while (read(from, &order, 1) == 1) {
        pid_t grandchild = order == 'f' ? raw_fork() : -1;
        if (grandchild == 0)
            syscall(SYS_exit_group, 0);
        if (grandchild > 0)
            waitpid(grandchild, NULL, 0);
        (void)!write(to, &order, 1);
    }
    syscall(SYS_exit_group, 7);
}

static uintptr_t make_child(void) {
    int there[2], back[2];
    REQUIRE(pipe2(there, O_CLOEXEC) == 0 && pipe2(back, O_CLOEXEC) == 0);
    child = raw_fork();
    REQUIRE(child >= 0);
    if (child == 0) {
        syscall(SYS_close, there[1]);
        syscall(SYS_close, back[0]);
        obey(there[0], back[1]);
    }
    close(there[0]);
    close(back[1]);
    orders = there[1];
    answers = back[0];
    return (uintptr_t)child;
}

static void have_it_fork(void) {
    char order = 'f';
    REQUIRE(write(orders, &order, 1) == 1 && read(answers, &order, 1) == 1);
}

static void let_it_end(void) {
    if (orders >= 0)
        close(orders);
    orders = -1;
}

static void end_child(void) {
    let_it_end();
    close(answers);
    REQUIRE(waitpid(child, NULL, 0) == child);
}

/* Only the process connector tells of trees, and it is not to be had in each network namespace. */
static uintptr_t make_tracked_child(void) {
    struct kevent change;
    int kq = kqueue();
    EV_SET(&change, getpid(), EVFILT_PROC, EV_ADD, NOTE_TRACK, 0, NULL);
    bool is_lacking = kevent(kq, &change, 1, NULL, 0, NULL) != 0 && errno == ENOTSUP;
    close(kq);
    if (fault.call < 0 && is_lacking)
        skip("no process connector");
    return make_child();
}

#ifdef EVFILT_PROCDESC
static uintptr_t make_descriptor_of_child(void) {
    (void)make_child();
    pair[0] = (int)syscall(434 /* pidfd_open */, child, 0);
    pair[1] = -1;
    if (pair[0] < 0)
        skip("no pidfd_open");
    return (uintptr_t)pair[0];
}

static void end_descriptor_of_child(void) {
    close_pair();
    end_child();
}
#endif

/* ---- Signals, timers, users, file systems ---- */

static void on_signal(int number) {
    (void)number;
}

static uintptr_t make_signal(void) {
    signal(SIGUSR2, on_signal);
    return SIGUSR2;
}

static void send_signal(void) {
    REQUIRE(kill(getpid(), SIGUSR2) == 0);
}

static void set_blocked(int how) {
    sigset_t one;
    sigemptyset(&one);
    sigaddset(&one, SIGUSR2);
    sigprocmask(how, &one, NULL);
}

static uintptr_t make_blocked_signal(void) {
    set_blocked(SIG_BLOCK);
    return make_signal();
}

static void take_signal(void) {
    struct timespec none = {0, 0};
    sigset_t one;
    sigemptyset(&one);
    sigaddset(&one, SIGUSR2);
    while (sigtimedwait(&one, NULL, &none) > 0)
        ;
}

static void end_blocked_signal(void) {
    take_signal();
    set_blocked(SIG_UNBLOCK);
}

static uintptr_t make_number(void) {
    return 4242;
}

static void nothing(void) {
}

/* ---- Kqueues ---- */

static uintptr_t make_inner(void) {
    pair[1] = -1;
    if (new_kqueue(&pair[0]) != 0)
        skip("no kqueue");
    REQUIRE(apply(pair[0], 1, EVFILT_USER, EV_ADD | EV_CLEAR, 0, 0) == 0 || fails_always());
    return (uintptr_t)pair[0];
}

static void trigger_inner(void) {
    (void)apply(pair[0], 1, EVFILT_USER, 0, NOTE_TRIGGER, 0);
}

static void collect_inner(void) {
    struct kevent event;
    (void)collect(pair[0], &event, 1, 0);
}

const struct subject subjects[] = {
    {"pipe", EVFILT_READ, 0, 0, 0, make_pipe, put_byte, drain, close_pair, false, false},
    {"pipe-clear", EVFILT_READ, EV_CLEAR, 0, 0, make_pipe, put_byte, drain, close_pair, false, false},
    {"stream", EVFILT_READ, 0, 0, 0, make_stream, put_byte, drain, close_pair, false, false},
    {"datagrams", EVFILT_READ, EV_CLEAR, 0, 0, make_datagrams, put_byte, drain, close_pair, false, false},
    {"records", EVFILT_READ, EV_CLEAR, 0, 0, make_records, put_byte, drain, close_pair, false, false},
    {"tcp", EVFILT_READ, EV_CLEAR, 0, 0, make_tcp, put_byte, drain, close_pair, false, false},
    {"listener", EVFILT_READ, EV_CLEAR, 0, 0, make_listener, connect_once, accept_all, close_pair, false, false},
    {"eventfd", EVFILT_READ, 0, 0, 0, make_eventfd, add_one, drain, close_pair, false, false},
    {"queue", EVFILT_READ, EV_CLEAR, 0, 0, make_queue, send_message, take_messages, close_pair, false, true},
    {"file", EVFILT_READ, 0, 0, 0, make_file, write_file, drain, end_file, false, false},
    {"write-pipe", EVFILT_WRITE, 0, 0, 0, make_pipe_to_write, empty, fill, close_pair, false, false},
    {"write-stream", EVFILT_WRITE, EV_CLEAR, 0, 0, make_stream, empty, fill, close_pair, false, false},
    {"write-tcp", EVFILT_WRITE, 0, 0, 0, make_tcp, empty, fill, close_pair, false, false},
    {"except", EVFILT_EXCEPT, 0, NOTE_OOB, 0, make_tcp, send_urgent, take_urgent, close_pair, false, false},
#ifdef EVFILT_EMPTY
    {"empty", EVFILT_EMPTY, 0, 0, 0, make_stream, empty, fill, close_pair, false, true},
#endif
    {"vnode", EVFILT_VNODE, EV_CLEAR, NOTE_WRITE | NOTE_ATTRIB, 0, make_file, write_file, NULL, end_file, false, false},
    {"vnode-mode", EVFILT_VNODE, EV_CLEAR, NOTE_ATTRIB, 0, make_file, change_mode, NULL, end_file, false, false},
    {"vnode-links", EVFILT_VNODE, EV_CLEAR, NOTE_RENAME | NOTE_DELETE | NOTE_LINK | NOTE_WRITE, 0, make_file,
     write_file, NULL, end_file, false, false},
    {"folder", EVFILT_VNODE, EV_CLEAR, NOTE_WRITE | NOTE_LINK, 0, make_folder, make_entry, NULL, end_file, false,
     false},
    {"process", EVFILT_PROC, 0, NOTE_EXIT, 0, make_child, let_it_end, NULL, end_child, true, false},
    {"process-forks", EVFILT_PROC, EV_CLEAR, NOTE_FORK | NOTE_EXEC, 0, make_child, have_it_fork, NULL, end_child, false,
     true},
    {"process-tree", EVFILT_PROC, EV_CLEAR, NOTE_TRACK | NOTE_EXIT, 0, make_tracked_child, let_it_end, NULL, end_child,
     true, true},
#ifdef EVFILT_PROCDESC
    {"procdesc", EVFILT_PROCDESC, 0, NOTE_EXIT, 0, make_descriptor_of_child, let_it_end, NULL, end_descriptor_of_child,
     true, true},
#endif
    {"signal", EVFILT_SIGNAL, EV_CLEAR, 0, 0, make_signal, send_signal, NULL, nothing, false, false},
    {"signal-blocked", EVFILT_SIGNAL, EV_CLEAR, 0, 0, make_blocked_signal, send_signal, take_signal, end_blocked_signal,
     false, true},
    {"timer", EVFILT_TIMER, EV_CLEAR, 0, 2, make_number, nothing, NULL, nothing, false, false},
    {"timer-absolute", EVFILT_TIMER, EV_ONESHOT, NOTE_ABSOLUTE | NOTE_SECONDS, 1, make_number, nothing, NULL, nothing,
     true, false},
    {"user", EVFILT_USER, EV_CLEAR, 0, 0, make_number, nothing, NULL, nothing, false, false},
#ifdef EVFILT_FS
    {"filesystems", EVFILT_FS, EV_CLEAR, VQ_MOUNT | VQ_UNMOUNT, 0, make_number, NULL, NULL, nothing, false, true},
#endif
    {"kqueue", EVFILT_READ, 0, 0, 0, make_inner, trigger_inner, collect_inner, close_pair, false, false},
    {.name = NULL},
};
