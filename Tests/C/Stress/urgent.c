/*
 * EXCEPT: each urgent byte that is sent when the one before was taken is told.
 * EMPTY: a send queue that has run empty is told.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "load.h"

enum { MOST = 16 };

struct marked {
    struct source source;
    int mode, reader, writer;
    bool expected; /* something was sent, and no event has said so */
    uint64_t told, sent;
};

static void open_marked(struct marked *marked, struct random *random, bool urgent) {
    static const int modes[] = {EV_CLEAR, EV_DISPATCH, EV_CLEAR | EV_DISPATCH};
    int pair[2];
    open_transport(TCP, pair);
    marked->mode = modes[random_below(random, 3)];
    marked->reader = pair[0];
    marked->writer = pair[1];
    marked->source.ident = (uintptr_t)pair[urgent ? 0 : 1];
    marked->source.late = true;
}

static bool marked_settled(const struct source *source) {
    return !((const struct marked *)source)->expected;
}

static void describe_marked(const struct source *source, char *text, size_t size) {
    const struct marked *marked = (const struct marked *)source;
    snprintf(text, size, "expected an event of what was sent; sent %ju times, told %ju times, flags 0x%x",
             (uintmax_t)marked->sent, (uintmax_t)marked->told, (unsigned)marked->mode);
}

static void close_marked(struct source *source) {
    struct marked *marked = (struct marked *)source;
    REQUIRE_EQ(close(marked->reader), 0);
    REQUIRE_EQ(close(marked->writer), 0);
}

/* What is there to read, so that the next urgent byte has a place of its own. */
static void read_all(int fd) {
    char bytes[512];
    ssize_t got;
    do
        got = recv(fd, bytes, sizeof bytes, MSG_DONTWAIT);
    while (got > 0 || (got == -1 && errno == EINTR));
}

/* ---- EXCEPT ---- */

#ifdef EVFILT_EXCEPT
static void open_urgent(struct source *source, struct random *random) {
    struct marked *marked = (struct marked *)source;
    open_marked(marked, random, true);
    SOURCE_CHANGE(source, source->kq, EVFILT_EXCEPT, EV_ADD | marked->mode, NOTE_OOB, 0);
}

static void act_on_urgent(struct source *source, struct random *random) {
    struct marked *marked = (struct marked *)source;
    if (random_chance(random, 4)) {
        source_retire(source);
        return;
    }
    pthread_mutex_lock(&source->lock);
    if (!marked->expected) {
        char byte = (char)++marked->sent;
        marked->expected = true;
        REQUIRE_EQ(send(marked->writer, &byte, 1, MSG_OOB), 1);
    }
    pthread_mutex_unlock(&source->lock);
}

static void told_urgent(struct source *source, const struct kevent *event, const struct collection *collection) {
    struct marked *marked = (struct marked *)source;
    char byte;
    (void)collection;
    REQUIRE_EQ(event->filter, EVFILT_EXCEPT);
    marked->told++;
    if (recv(marked->reader, &byte, 1, MSG_OOB | MSG_DONTWAIT) == 1) {
        REQUIRE_EQ(byte, (char)marked->sent);
        marked->expected = false;
        read_all(marked->reader);
    }
    if (marked->mode & EV_DISPATCH)
        SOURCE_CHANGE(source, source->kq, EVFILT_EXCEPT, EV_ENABLE, NOTE_OOB, 0);
}

const struct kind urgent_kind = {
    .name = "EXCEPT", .size = sizeof(struct marked), .slots_max = MOST, .open = open_urgent,
    .act = act_on_urgent, .told = told_urgent, .settled = marked_settled,
    .describe = describe_marked, .close = close_marked,
};
#endif

/* ---- EMPTY ---- */

#ifdef EVFILT_EMPTY
static void open_empty(struct source *source, struct random *random) {
    struct marked *marked = (struct marked *)source;
    open_marked(marked, random, false);
    marked->mode |= EV_DISPATCH;
    marked->expected = true; /* empty from the beginning */
    SOURCE_CHANGE(source, source->kq, EVFILT_EMPTY, EV_ADD | marked->mode, 0, 0);
}

static void act_on_empty(struct source *source, struct random *random) {
    static const char bytes[100];
    struct marked *marked = (struct marked *)source;
    if (random_chance(random, 4)) {
        source_retire(source);
        return;
    }
    pthread_mutex_lock(&source->lock);
    if (!marked->expected) {
        marked->expected = true;
        marked->sent++;
        REQUIRE_EQ(write(marked->writer, bytes, sizeof bytes), sizeof bytes);
        SOURCE_CHANGE(source, source->kq, EVFILT_EMPTY, EV_ENABLE, 0, 0);
        read_all(marked->reader);
    }
    pthread_mutex_unlock(&source->lock);
}

static void told_empty(struct source *source, const struct kevent *event, const struct collection *collection) {
    struct marked *marked = (struct marked *)source;
    (void)collection;
    REQUIRE_EQ(event->filter, EVFILT_EMPTY);
    marked->told++;
    marked->expected = false;
}

const struct kind empty_kind = {
    .name = "EMPTY", .size = sizeof(struct marked), .slots_max = MOST,
    .looked_at = true, /* a clock says when */
    .open = open_empty, .act = act_on_empty, .told = told_empty, .settled = marked_settled,
    .describe = describe_marked, .close = close_marked,
};
#endif
