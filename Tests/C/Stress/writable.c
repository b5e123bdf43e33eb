/*
 * WRITE: a descriptor that was full and is empty again is told to be writable.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "load.h"

struct writable {
    struct source source;
    enum transport transport;
    int mode, reader, writer;
    bool expected; /* it has become writable, and no event has said so */
    unsigned told, rounds;
};

static void make_small(struct writable *writable) {
    int size = 16384;
    if (writable->transport == PIPE)
        return;
    REQUIRE_EQ(setsockopt(writable->writer, SOL_SOCKET, SO_SNDBUF, &size, sizeof size), 0);
    size *= 8; /* a smaller window opens by the kernel's clock */
    REQUIRE_EQ(setsockopt(writable->reader, SOL_SOCKET, SO_RCVBUF, &size, sizeof size), 0);
}

static void open_writable(struct source *source, struct random *random) {
    static const int modes[] = {EV_CLEAR, EV_DISPATCH, EV_CLEAR | EV_DISPATCH};
    static const enum transport transports[] = {PIPE, UNIX_STREAM, TCP};
    struct writable *writable = (struct writable *)source;
    int pair[2];
    writable->transport = transports[random_below(random, source->load->prompt_only ? 2 : 3)];
    writable->mode = modes[random_below(random, 3)];
    open_transport(writable->transport, pair);
    writable->reader = pair[0];
    writable->writer = pair[1];
    make_small(writable);
    source->ident = (uintptr_t)pair[1];
    source->late = arrives_late(writable->transport) || on_posix(); /* poll(2) may not see that it was full */
    writable->expected = true; /* writable from the beginning */
    SOURCE_CHANGE(source, source->kq, EVFILT_WRITE, EV_ADD | writable->mode, 0, 0);
}

/* Writes until it is full; how much. */
static size_t fill(struct writable *writable) {
    static const char bytes[4096];
    size_t filled = 0;
    ssize_t put;
    do {
        put = write(writable->writer, bytes, sizeof bytes);
        filled += put > 0 ? (size_t)put : 0;
    } while (put > 0 || (put == -1 && errno == EINTR));
    REQUIRE_EQ(errno, EAGAIN);
    return filled;
}

/* Reads all of it, also what is under way. */
static void empty(struct writable *writable, size_t filled) {
    char bytes[4096];
    while (filled > 0) {
        ssize_t got = read(writable->reader, bytes, sizeof bytes);
        REQUIRE(got > 0 || (got == -1 && (errno == EAGAIN || errno == EINTR)));
        if (got > 0)
            filled -= (size_t)got;
        else
            sched_yield();
    }
}

/* Between the two a knote that is disabled is enabled: full, it must stay silent. */
static void fill_and_empty(struct writable *writable) {
    pthread_mutex_lock(&writable->source.lock);
    if (!writable->expected) {
        writable->expected = true;
        writable->rounds++;
        size_t filled = fill(writable);
        if (writable->mode & EV_DISPATCH)
            SOURCE_CHANGE(&writable->source, writable->source.kq, EVFILT_WRITE, EV_ENABLE, 0, 0);
        empty(writable, filled);
    }
    pthread_mutex_unlock(&writable->source.lock);
}

static void act_on_writable(struct source *source, struct random *random) {
    if (random_chance(random, 3))
        source_retire(source);
    else
        fill_and_empty((struct writable *)source);
}

static void told_writable(struct source *source, const struct kevent *event, const struct collection *collection) {
    struct writable *writable = (struct writable *)source;
    (void)collection;
    REQUIRE_EQ(event->filter, EVFILT_WRITE);
    REQUIRE(!(event->flags & EV_EOF));
    writable->told++;
    writable->expected = false;
}

static bool writable_settled(const struct source *source) {
    return !((const struct writable *)source)->expected;
}

static void describe_writable(const struct source *source, char *text, size_t size) {
    const struct writable *writable = (const struct writable *)source;
    snprintf(text, size, "was full, is empty: expected an event; seen %u in %u rounds; transport %d, flags 0x%x",
             writable->told, writable->rounds, writable->transport, (unsigned)writable->mode);
}

static void close_writable(struct source *source) {
    struct writable *writable = (struct writable *)source;
    REQUIRE_EQ(close(writable->writer), 0);
    REQUIRE_EQ(close(writable->reader), 0);
}

const struct kind writable_kind = {
    .name = "WRITE", .size = sizeof(struct writable), .open = open_writable, .act = act_on_writable,
    .told = told_writable, .settled = writable_settled, .describe = describe_writable,
    .close = close_writable,
};
