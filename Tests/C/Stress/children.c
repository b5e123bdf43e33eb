/*
 * PROC: each child that is watched for NOTE_EXIT is told exactly once, with its
 * status, and is there to be waited for afterwards.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "load.h"

#include <sys/prctl.h>

enum { CHILDREN_MAX = 12 };

struct child {
    struct source source;
    pid_t pid;
    int status; /* expected */
    bool lives; /* until it is killed */
    unsigned told;
};

static _Noreturn void be_child(bool lives, unsigned code, unsigned microseconds) {
    struct timespec time = {0, (long)microseconds * 1000};
    prctl(PR_SET_PDEATHSIG, SIGKILL); /* a run that fails leaves none behind */
    while (lives)
        pause();
    if (microseconds)
        nanosleep(&time, NULL);
    _exit((int)code);
}

static void open_child(struct source *source, struct random *random) {
    struct child *child = (struct child *)source;
    unsigned code = random_below(random, 256);
    unsigned microseconds = random_chance(random, 50) ? 0 : random_below(random, 3000);
    child->lives = random_chance(random, 30);
    child->status = child->lives ? SIGKILL : (int)code << 8;
    child->pid = fork();
    if (child->pid == 0)
        be_child(child->lives, code, microseconds);
    REQUIRE(child->pid > 0);
    source->ident = (uintptr_t)child->pid;
    source->late = true;
    SOURCE_CHANGE(source, source->kq, EVFILT_PROC, EV_ADD, NOTE_EXIT, 0);
}

static void kill_child(struct child *child) {
    if (child->lives)
        REQUIRE_EQ(kill(child->pid, SIGKILL), 0);
    child->lives = false;
}

static bool was_told(struct child *child) {
    pthread_mutex_lock(&child->source.lock);
    bool told = child->told > 0;
    pthread_mutex_unlock(&child->source.lock);
    return told;
}

static void act_on_child(struct source *source, struct random *random) {
    struct child *child = (struct child *)source;
    if (was_told(child) || random_chance(random, 2))
        source_retire(source);
    else if (child->lives && random_chance(random, 30))
        kill_child(child);
}

static void calm_child(struct source *source) {
    kill_child((struct child *)source);
}

static void told_child(struct source *source, const struct kevent *event, const struct collection *collection) {
    struct child *child = (struct child *)source;
    (void)collection;
    REQUIRE_EQ(event->filter, EVFILT_PROC);
    REQUIRE_EQ(event->fflags, NOTE_EXIT);
    if (++child->told > 1)
        FAIL("the end of child %d is told %u times", (int)child->pid, child->told);
    if (event->data != child->status)
        FAIL("child %d: expected status 0x%x, seen 0x%jx", (int)child->pid, (unsigned)child->status,
             (uintmax_t)event->data);
}

static bool child_settled(const struct source *source) {
    return ((const struct child *)source)->told > 0;
}

static void describe_child(const struct source *source, char *text, size_t size) {
    const struct child *child = (const struct child *)source;
    snprintf(text, size, "expected its end with status 0x%x, seen nothing", (unsigned)child->status);
}

static void close_child(struct source *source) {
    struct child *child = (struct child *)source;
    int status, code = source_change(source, source->kq, EVFILT_PROC, EV_DELETE, 0, 0);
    if (code != ENOENT) /* as after its event, which may be on its way to somebody */
        REQUIRE_EQ(code, 0);
    kill_child(child);
    pid_t got;
    do
        got = waitpid(child->pid, &status, 0);
    while (got == -1 && errno == EINTR);
    REQUIRE_EQ(got, child->pid);
    REQUIRE_EQ(status, child->status);
}

const struct kind child_kind = {
    .name = "child", .size = sizeof(struct child), .seen_by_pollers = true,
    .slots_max = CHILDREN_MAX,
    .told_by_signal = true, /* SIGCHLD does not say whose child it is */
    .open = open_child, .act = act_on_child, .calm = calm_child, .told = told_child,
    .settled = child_settled, .describe = describe_child, .close = close_child,
};
