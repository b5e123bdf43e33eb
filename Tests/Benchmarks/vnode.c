/*
 * Files written and their events collected, against inotify by hand: an epoll
 * set with an inotify instance in it, and fstat for what a kevent tells.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#define _GNU_SOURCE
#include "bench.h"

#include <sys/event.h>

#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FEW = 100, MANY = 2000 };

struct files {
    int count;
    int *fds;
    int queue;     /* a kqueue, or an epoll set */
    int inotify;
    int *watched;  /* descriptors by watch, whose numbers begin at 1 ... */
    off_t *sizes;  /* ... and what they were like */
    struct kevent *events;
};

static struct files *open_files(int count) {
    char directory[] = "/tmp/bench.XXXXXX", name[64];
    struct files *files = calloc(1, sizeof *files);
    BENCH_REQUIRE(files != NULL && mkdtemp(directory) != NULL);
    files->count = count;
    files->fds = calloc((size_t)count, sizeof *files->fds);
    files->watched = calloc((size_t)count + 1, sizeof *files->watched);
    files->sizes = calloc((size_t)count + 1, sizeof *files->sizes);
    files->events = calloc((size_t)count, sizeof *files->events);
    BENCH_REQUIRE(files->fds != NULL && files->watched != NULL && files->sizes != NULL && files->events != NULL);
    for (int i = 0; i < count; i++) {
        snprintf(name, sizeof name, "%s/%d", directory, i);
        files->fds[i] = open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        BENCH_REQUIRE(files->fds[i] != -1 && unlink(name) == 0);
        BENCH_REQUIRE(write(files->fds[i], "0123456789", 10) == 10);
    }
    rmdir(directory);
    return files;
}

static void write_all(struct files *files) {
    for (int i = 0; i < files->count; i++)
        BENCH_REQUIRE(pwrite(files->fds[i], "x", 1, 0) == 1);
}

static void round_kqueue(void *argument) {
    struct files *files = argument;
    write_all(files);
    for (int got = 0; got < files->count;) {
        int more = kevent(files->queue, NULL, 0, files->events, files->count, NULL);
        BENCH_REQUIRE(more > 0);
        for (int i = 0; i < more; i++)
            BENCH_REQUIRE(files->events[i].fflags == NOTE_WRITE);
        got += more;
    }
}

/* One record: which file it is of, and whether that grew. */
static int follow_record(struct files *files, const struct inotify_event *record, struct kevent *event) {
    struct stat status;
    int fd = files->watched[record->wd];
    BENCH_REQUIRE(fstat(fd, &status) == 0);
    unsigned notes = status.st_size > files->sizes[record->wd] ? NOTE_WRITE | NOTE_EXTEND : NOTE_WRITE;
    files->sizes[record->wd] = status.st_size;
    EV_SET(event, fd, EVFILT_VNODE, 0, notes, 0, NULL);
    return 1;
}

static void round_inotify(void *argument) {
    static char buffer[16384] __attribute__((aligned(8)));
    struct files *files = argument;
    struct epoll_event ready;
    write_all(files);
    for (int got = 0; got < files->count;) {
        BENCH_REQUIRE(epoll_wait(files->queue, &ready, 1, -1) == 1);
        ssize_t size = read(files->inotify, buffer, sizeof buffer);
        BENCH_REQUIRE(size > 0);
        for (char *record = buffer; record < buffer + size;) {
            const struct inotify_event *event = (void *)record;
            got += follow_record(files, event, &files->events[got]);
            record += sizeof *event + event->len;
        }
    }
}

static double measure_kqueue(int count) {
    struct files *files = open_files(count);
    struct kevent change;
    files->queue = kqueue();
    for (int i = 0; i < count; i++) {
        EV_SET(&change, files->fds[i], EVFILT_VNODE, EV_ADD | EV_CLEAR, NOTE_WRITE, 0, NULL);
        BENCH_REQUIRE(kevent(files->queue, &change, 1, NULL, 0, NULL) == 0);
    }
    return bench_measure(round_kqueue, files) / count;
}

static double measure_inotify(int count) {
    struct files *files = open_files(count);
    struct epoll_event wanted = {.events = EPOLLIN};
    files->queue = epoll_create1(EPOLL_CLOEXEC);
    files->inotify = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    BENCH_REQUIRE(epoll_ctl(files->queue, EPOLL_CTL_ADD, files->inotify, &wanted) == 0);
    for (int i = 0; i < count; i++) {
        char path[32];
        snprintf(path, sizeof path, "/proc/self/fd/%d", files->fds[i]);
        int watch = inotify_add_watch(files->inotify, path, IN_MODIFY);
        BENCH_REQUIRE(watch > 0 && watch <= count);
        files->watched[watch] = files->fds[i];
        files->sizes[watch] = 10;
    }
    return bench_measure(round_inotify, files) / count;
}

static double few_kqueue(void) { return measure_kqueue(FEW); }
static double few_inotify(void) { return measure_inotify(FEW); }
static double many_kqueue(void) { return measure_kqueue(MANY); }
static double many_inotify(void) { return measure_inotify(MANY); }

static double kqueue_of(void) { return measure_kqueue(bench_size()); }
static double inotify_of(void) { return measure_inotify(bench_size()); }

const struct bench vnode_benches[] = {
    {"vnode", "VNODE, each of 100 files written", "ns", few_kqueue, few_inotify, 1.15},
    {"vnode-2000", "VNODE, each of 2,000 files written", "ns", many_kqueue, many_inotify, 1.15},
    {0},
};

const struct bench_curve vnode_curves[] = {
    {"vnode", "So many files written, each", "ns", kqueue_of, inotify_of, {10, 100, 1000, 10000, 19800}},
    {0},
};
