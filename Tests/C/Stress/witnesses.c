/*
 * Witnesses: a descriptor with something unread under EV_CLEAR that nobody
 * touches is told once, whatever happens around it (C-147, C-353).
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "load.h"

struct witness {
    struct source source;
    enum transport transport;
    int pair[2];
    uint64_t told, opened;
};

static void open_witness(struct source *source, struct random *random) {
    struct witness *witness = (struct witness *)source;
    uint64_t one = 1;
    witness->transport = random_below(random, on_posix() ? EVENTFD : TRANSPORTS);
    if (source->load->prompt_only && arrives_late(witness->transport))
        witness->transport = PIPE;
    open_transport(witness->transport, witness->pair);
    source->ident = (uintptr_t)witness->pair[0];
    source->late = arrives_late(witness->transport);
    source->lingers = keeps_messages_apart(witness->transport);
    witness->opened = now_ns();
    REQUIRE_EQ(write(witness->pair[1], &one, sizeof one), sizeof one);
    SOURCE_CHANGE(source, source->kq, EVFILT_READ, EV_ADD | EV_CLEAR, 0, 0);
}

static void act_on_witness(struct source *source, struct random *random) {
    if (random_chance(random, 1))
        source_retire(source);
}

/* poll(2) cannot tell what is new, so POSIX repeats it once a second, and messages sooner: some may be left. */
static uint64_t most_events(const struct witness *witness, uint64_t now) {
    if (!on_posix())
        return 1;
    uint64_t interval = keeps_messages_apart(witness->transport) ? 200000000 : 1000000000;
    return 2 + (now - witness->opened) / interval;
}

static void told_witness(struct source *source, const struct kevent *event, const struct collection *collection) {
    struct witness *witness = (struct witness *)source;
    uint64_t most = most_events(witness, collection->ended);
    REQUIRE_EQ(event->filter, EVFILT_READ);
    if (source->late)
        most++; /* EV_ADD may come between the arrival of the bytes and the word of it */
    if (++witness->told > most)
        FAIL("descriptor %d, transport %d, under EV_CLEAR, which nobody touches: expected %ju events, seen %ju",
             witness->pair[0], witness->transport, (uintmax_t)most, (uintmax_t)witness->told);
}

static bool witness_settled(const struct source *source) {
    return ((const struct witness *)source)->told > 0;
}

static void describe_witness(const struct source *source, char *text, size_t size) {
    const struct witness *witness = (const struct witness *)source;
    snprintf(text, size, "unread from the beginning, expected one event, seen %ju; transport %d",
             (uintmax_t)witness->told, witness->transport);
}

static void close_witness(struct source *source) {
    struct witness *witness = (struct witness *)source;
    REQUIRE_EQ(close(witness->pair[0]), 0);
    REQUIRE_EQ(close(witness->pair[1]), 0);
}

const struct kind witness_kind = {
    .name = "witness", .size = sizeof(struct witness), .open = open_witness, .act = act_on_witness,
    .told = told_witness, .settled = witness_settled, .describe = describe_witness,
    .close = close_witness,
};
