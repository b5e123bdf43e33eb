/*
 * What happens to a kqueue as a whole: waking, closing, nesting, forking, growing.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "faults.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* The end of a scene: the kqueue goes on, and the others are told. */
static void end(int kq, struct bystanders *bystanders) {
    struct wanted wanted[2];
    mark(MARK_REST, 0);
    require_working(kq);
    trigger_bystanders(bystanders);
    gather(kq, wanted, want_bystanders(bystanders, wanted));
    close_kqueue(kq);
    free_bystanders(bystanders);
}

static bool begin(int *kq, struct bystanders *bystanders) {
    if (new_kqueue(kq) != 0)
        return false;
    add_bystanders(bystanders, *kq);
    return true;
}

/* ---- A waiter ---- */

struct waiter {
    int kq, got, error;
    struct kevent event;
    pthread_t thread;
    atomic_int number;
    atomic_bool is_over;
};

static void *wait_long(void *argument) {
    struct waiter *waiter = argument;
    struct timespec time = {.tv_sec = 4};
    waiter->number = (int)syscall(SYS_gettid);
    waiter->got = LIBRARY(kevent(waiter->kq, NULL, 0, &waiter->event, 1, &time));
    waiter->error = errno;
    waiter->is_over = true;
    return NULL;
}

static bool sleeps(int thread) {
    char path[64], text[128] = "";
    snprintf(path, sizeof path, "/proc/self/task/%d/stat", thread);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    bool is_read = fd >= 0 && read(fd, text, sizeof text - 1) > 0;
    close(fd);
    return is_read && strstr(text, ") S ") != NULL;
}

/* Until it waits, some looks on end: what is left open is more than where the kqueue is closed before that. */
static void start_waiter(struct waiter *waiter, int kq) {
    struct timespec moment = {.tv_nsec = 2000000};
    *waiter = (struct waiter){.kq = kq};
    REQUIRE(pthread_create(&waiter->thread, NULL, wait_long, waiter) == 0);
    for (int seen = 0; seen < 3 && !waiter->is_over; nanosleep(&moment, NULL))
        seen = waiter->number != 0 && sleeps(waiter->number) ? seen + 1 : 0;
}

static void wake(const struct scene *scene) {
    struct bystanders bystanders;
    struct waiter waiter;
    int kq;
    (void)scene;
    if (!begin(&kq, &bystanders))
        return;
    start_waiter(&waiter, kq);
    int error = apply(kq, 5, EVFILT_USER, EV_ADD | EV_CLEAR, NOTE_TRIGGER, 0);
    pthread_join(waiter.thread, NULL);
    if (waiter.got < 0)
        require_allowed("a wait", waiter.error);
    else
        REQUIRE(waiter.got == 1 || error != 0);
    struct wanted wanted = {5, EVFILT_USER, 0, true};
    if (waiter.got != 1 && error == 0)
        gather(kq, &wanted, 1);
    end(kq, &bystanders);
}

static void close_under_waiter(const struct scene *scene) {
    struct waiter waiter;
    int kq;
    (void)scene;
    if (new_kqueue(&kq) != 0)
        return;
    start_waiter(&waiter, kq);
    close_kqueue(kq);
    pthread_join(waiter.thread, NULL);
    REQUIRE(waiter.got == -1);
    if (waiter.error != EBADF)
        require_allowed("a wait", waiter.error);
}

/* ---- Several knotes on a number, and its close ---- */

static int add_both(int kq, int fd) {
    int error = apply(kq, (uintptr_t)fd, EVFILT_READ, EV_ADD | EV_CLEAR, 0, 0);
    return error != 0 ? error : apply(kq, (uintptr_t)fd, EVFILT_WRITE, EV_ADD | EV_CLEAR, 0, 0);
}

static void sides(const struct scene *scene) {
    struct bystanders bystanders;
    int kq, pair[2];
    (void)scene;
    if (!begin(&kq, &bystanders))
        return;
    REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) == 0);
    int error = add_both(kq, pair[0]);
    REQUIRE(write(pair[1], "x", 1) == 1);
    struct wanted wanted[] = {{(uintptr_t)pair[0], EVFILT_READ, 0, true}, {(uintptr_t)pair[0], EVFILT_WRITE, 0, true}};
    if (error == 0) {
        gather(kq, wanted, 2);
        (void)apply(kq, (uintptr_t)pair[0], EVFILT_READ, EV_DELETE, 0, 0);
    }
    (void)LIBRARY(close(pair[0]));
    close(pair[1]);
    require_silent(kq, 0);
    end(kq, &bystanders);
}

/* A number is closed behind the library's back while a duplicate lives: its entry cannot be removed. */
static void rebuilding(const struct scene *scene) {
    struct bystanders bystanders;
    int kq, pair[2];
    (void)scene;
    if (!begin(&kq, &bystanders))
        return;
    REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) == 0);
    int error = add_both(kq, pair[0]);
    int other = fcntl(pair[0], F_DUPFD_CLOEXEC, 0);
    if (error == 0) {
        struct wanted wanted = {(uintptr_t)pair[0], EVFILT_WRITE, 0, true};
        gather(kq, &wanted, 1);
    }
    syscall(SYS_close, pair[0]);
    REQUIRE(write(pair[1], "x", 1) == 1);
    for (int i = 0; i < 3; i++)
        require_silent(kq, 0);
    trigger_bystanders(&bystanders);
    struct wanted wanted[2];
    gather(kq, wanted, want_bystanders(&bystanders, wanted));
    drain_bystanders(&bystanders);
    close(other);
    close(pair[1]);
    end(kq, &bystanders);
}

/* ---- Making and closing ---- */

static void kqueues(const struct scene *scene) {
    enum { MANY = 10 };
    int kqs[MANY];
    (void)scene;
    for (int i = 0; i < MANY; i++)
        if (new_kqueue(&kqs[i]) != 0)
            kqs[i] = -1;
    mark(MARK_REST, 0);
    for (int i = 0; i < MANY; i++)
        if (kqs[i] >= 0) {
            require_working(kqs[i]);
            close_kqueue(kqs[i]);
        }
}

static void growth(const struct scene *scene) {
    enum { MANY = 3000 };
    static struct kevent changes[MANY], events[MANY];
    struct bystanders bystanders;
    int kq, added = 0;
    (void)scene;
    if (!begin(&kq, &bystanders))
        return;
    for (int i = 0; i < MANY; i++)
        EV_SET(&changes[i], 10000 + (uintptr_t)i, i % 2 ? EVFILT_USER : EVFILT_TIMER, EV_ADD | EV_ONESHOT,
               i % 2 ? NOTE_TRIGGER : 0, 1, NULL);
    int errors = LIBRARY(kevent(kq, changes, MANY, events, MANY, NULL));
    if (errors < 0)
        require_allowed("a changelist", errno);
    for (int i = 0; i < errors; i++) {
        if (!(events[i].flags & EV_ERROR)) { /* without errors it went on to collect */
            added += 1;
            continue;
        }
        require_allowed("a change", (int)events[i].data);
        if (apply(kq, events[i].ident, events[i].filter, EV_ADD | EV_ONESHOT, events[i].fflags, 1) != 0)
            added++;
    }
    for (int got = 1; added < MANY && got > 0;) {
        struct timespec time = {.tv_sec = 2};
        got = LIBRARY(kevent(kq, NULL, 0, events, MANY, &time));
        if (got < 0) {
            require_allowed("a collection", errno);
            got = !fails_always();
        } else
            added += got;
    }
    REQUIRE(added == MANY || fails_always());
    end(kq, &bystanders);
}

/* ---- Forking ---- */

/* A child finds no kqueue, or a copy; it makes one of its own. */
static void in_child(int kq, bool is_copied, struct bystanders *bystanders) {
    struct wanted wanted[3] = {{77, EVFILT_USER, 0, true}};
    int count = 1;
    int own;
    struct timespec none = {0, 0};
    int got = LIBRARY(kevent(kq, NULL, 0, NULL, 0, &none));
    if (got < 0 && errno != EBADF)
        require_allowed("a collection in a child", errno);
    if (got < 0 && is_copied && shared->failed == 0)
        fail(__FILE__, __LINE__, "there is no copy");
    if (got >= 0 && is_copied && apply(kq, 77, EVFILT_USER, EV_ADD | EV_CLEAR, NOTE_TRIGGER, 0) == 0) {
        count += want_bystanders(bystanders, wanted + 1);
        gather(kq, wanted, count);
    }
    if (new_kqueue(&own) == 0) {
        require_working(own);
        close_kqueue(own);
    }
    _exit(0);
}

static void fork_there(const struct scene *scene) {
    bool is_copied = strcmp(scene->name, "fork-copy") == 0;
    struct bystanders bystanders;
    int kq, status;
    kq = is_copied ? LIBRARY(kqueuex(KQUEUE_CPONFORK)) : LIBRARY(kqueue());
    if (kq < 0) {
        require_allowed("kqueuex()", errno);
        return;
    }
    add_bystanders(&bystanders, kq);
    trigger_bystanders(&bystanders);
    pid_t child = LIBRARY(fork());
    if (child == 0)
        in_child(kq, is_copied, &bystanders);
    if (child > 0)
        REQUIRE(waitpid(child, &status, 0) == child && status == 0);
    else
        require_allowed("fork()", errno);
    struct wanted wanted[2];
    gather(kq, wanted, want_bystanders(&bystanders, wanted));
    drain_bystanders(&bystanders);
    end(kq, &bystanders);
}

const struct scene other_scenes[] = {
    {"wake", wake, NULL},
    {"close-under-waiter", close_under_waiter, NULL},
    {"sides", sides, NULL},
    {"rebuilding", rebuilding, NULL},
    {"kqueues", kqueues, NULL},
    {"growth", growth, NULL},
    {"fork", fork_there, NULL},
    {"fork-copy", fork_there, NULL},
    {NULL, NULL, NULL},
};
