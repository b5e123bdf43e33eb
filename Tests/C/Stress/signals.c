/*
 * SIGNAL: of a real-time signal each sigqueue() is counted, once, by every
 * kqueue that watches it.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "load.h"

enum { SENT_AT_ONCE = 20, SIGNALS_MAX = 12 };

struct watched_signal {
    struct source source;
    int number, twin;              /* twin: the other kqueue that watches it, or the same */
    _Atomic uint64_t sent;
    uint64_t counted, counted_by_twin;
};

static void open_signal(struct source *source, struct random *random) {
    struct watched_signal *watched = (struct watched_signal *)source;
    struct load *load = source->load;
    watched->number = SIGRTMIN + 1 + source->slot->ordinal; /* of its own, as those before EV_ADD do not count */
    watched->twin = load->kqs[random_below(random, (unsigned)load->kq_count)];
    source->ident = (uintptr_t)watched->number;
    source->late = true;
    SOURCE_CHANGE(source, source->kq, EVFILT_SIGNAL, EV_ADD, 0, 0);
    if (watched->twin != source->kq)
        SOURCE_CHANGE(source, watched->twin, EVFILT_SIGNAL, EV_ADD, 0, 0);
}

static void send_signals(struct watched_signal *watched, unsigned count) {
    const union sigval value = {0};
    while (count-- > 0 && sigqueue(getpid(), watched->number, value) == 0)
        watched->sent++;
}

static void act_on_signal(struct source *source, struct random *random) {
    send_signals((struct watched_signal *)source, random_between(random, 1, SENT_AT_ONCE));
}

static void told_signal(struct source *source, const struct kevent *event, const struct collection *collection) {
    struct watched_signal *watched = (struct watched_signal *)source;
    REQUIRE_EQ(event->filter, EVFILT_SIGNAL);
    REQUIRE(event->data >= 1);
    if (collection->kq == source->kq)
        watched->counted += (uint64_t)event->data;
    else
        watched->counted_by_twin += (uint64_t)event->data;
}

static bool signal_settled(const struct source *source) {
    const struct watched_signal *watched = (const struct watched_signal *)source;
    return watched->counted == watched->sent &&
           (watched->twin == source->kq || watched->counted_by_twin == watched->sent);
}

static void describe_signal(const struct source *source, char *text, size_t size) {
    const struct watched_signal *watched = (const struct watched_signal *)source;
    snprintf(text, size, "signal %d: expected %ju, counted %ju, by the other kqueue %ju%s", watched->number,
             (uintmax_t)watched->sent, (uintmax_t)watched->counted, (uintmax_t)watched->counted_by_twin,
             watched->twin == source->kq ? " (there is none)" : "");
}

static void close_signal(struct source *source) {
    struct watched_signal *watched = (struct watched_signal *)source;
    SOURCE_CHANGE(source, source->kq, EVFILT_SIGNAL, EV_DELETE, 0, 0);
    if (watched->twin != source->kq)
        SOURCE_CHANGE(source, watched->twin, EVFILT_SIGNAL, EV_DELETE, 0, 0);
}

const struct kind signal_kind = {
    .name = "real-time signal", .size = sizeof(struct watched_signal), .seen_by_pollers = true,
    .slots_max = SIGNALS_MAX, .open = open_signal, .act = act_on_signal, .told = told_signal,
    .settled = signal_settled, .describe = describe_signal, .close = close_signal,
};
