/*
 * Passing descriptors: opened, watched, written to and closed without an
 * EV_DELETE, so that numbers come back all the time. What was added is there
 * until it is closed, and is never told of after.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "load.h"

struct passing {
    struct source source;
    int mode, pair[2];
    uint64_t told, armed;
    unsigned ways;
};

static void open_passing(struct source *source, struct random *random) {
    struct passing *passing = (struct passing *)source;
    open_transport(random_below(random, 3), passing->pair); /* pipe, AF_UNIX */
    source->ident = (uintptr_t)passing->pair[0];
    passing->mode = random_mode(random);
    source->lingers = (passing->mode & EV_CLEAR) != 0; /* AF_UNIX may be of messages */
    passing->ways = random_below(random, 1 << 16);
    SOURCE_CHANGE(source, source->kq, EVFILT_READ, EV_ADD | passing->mode, 0, 0);
    passing->armed = 1;
    if (random_chance(random, 80))
        REQUIRE_EQ(write(passing->pair[1], "x", 1), 1);
}

/* The knote that was added after another file of the number was closed stays (C-353). */
static void require_knote(struct passing *passing) {
    pthread_mutex_lock(&passing->source.lock);
    int code = source_change(&passing->source, passing->source.kq, EVFILT_READ, EV_ENABLE, 0, 0);
    if (code != 0 && !(code == ENOENT && passing->mode & EV_ONESHOT))
        FAIL("EV_ENABLE of descriptor %d, which was added and not closed: expected 0, seen %s", passing->pair[0],
             strerror(code));
    passing->armed++;
    pthread_mutex_unlock(&passing->source.lock);
}

static void act_on_passing(struct source *source, struct random *random) {
    for (unsigned looks = random_below(random, 4); looks > 0; looks--) {
        require_knote((struct passing *)source);
        sched_yield();
    }
    source_retire(source);
}

static void calm_passing(struct source *source) {
    source_retire(source);
}

static void told_passing(struct source *source, const struct kevent *event, const struct collection *collection) {
    struct passing *passing = (struct passing *)source;
    char byte;
    (void)collection;
    REQUIRE_EQ(event->filter, EVFILT_READ);
    if (passing->mode == 0) /* it would be told all the time */
        REQUIRE(read(passing->pair[0], &byte, 1) == 1 || errno == EAGAIN || errno == EINTR);
    if (++passing->told > passing->armed + 1 && passing->mode != 0 && !on_posix())
        FAIL("descriptor %d, flags 0x%x, written to once: expected at most %ju events, seen %ju", passing->pair[0],
             event->flags, (uintmax_t)passing->armed + 1, (uintmax_t)passing->told);
}

static bool passing_settled(const struct source *source) {
    (void)source;
    return true;
}

static void describe_passing(const struct source *source, char *text, size_t size) {
    (void)source;
    snprintf(text, size, "a passing descriptor");
}

static void close_passing(struct source *source) {
    struct passing *passing = (struct passing *)source;
    struct slot *slot = source->slot;
    if (slot->copy != -1)
        REQUIRE_EQ(close(slot->copy), 0);
    slot->copy = -1;
    if (passing->ways & 1)
        REQUIRE((slot->copy = fcntl(passing->pair[0], F_DUPFD_CLOEXEC, 0)) >= 0);
    int first = passing->ways >> 1 & 1;
    close_somehow(passing->pair[first], (passing->ways >> 2) % CLOSE_WAYS);
    close_somehow(passing->pair[!first], (passing->ways >> 4) % CLOSE_WAYS);
}

const struct kind passing_kind = {
    .name = "passing descriptor", .size = sizeof(struct passing), .open = open_passing,
    .act = act_on_passing, .calm = calm_passing, .told = told_passing, .settled = passing_settled,
    .describe = describe_passing, .close = close_passing,
};
