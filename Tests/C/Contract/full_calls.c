/*
 * Knotes of every kind of condition and flag, mixed by chance, in one thread, so that it is known what is ready: each
 * call returns as many as fit, of those and no others, with their bytes, and none is starved (C-086).
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "files.h"

enum { OBJECTS_MAX = 40, ROOM_MAX = 6, STEPS = 3000, SEEDS = 40, LOW_WATER = 10 };

enum object_kind { A_PIPE, A_SOCKET, AN_EVENT, A_FILE };

struct object {
    enum object_kind kind;
    int watched[2]; /* for READ and WRITE */
    int feeding;
    int bytes;
    bool ended, happened; /* an event was triggered, a file written */
};

struct knote {
    struct object *object;
    uintptr_t ident;
    int filter, flags, fflags;
    bool exists, enabled;
    bool news, maybe_news; /* under EV_CLEAR; whether there is any is not always known */
    bool ready, told;      /* in the call under way */
    int passed_over;       /* entries that others had since it was ready and had its turn */
};

struct mix {
    uint64_t random;
    unsigned kinds; /* of objects */
    int kq, object_count, count;
    struct object objects[OBJECTS_MAX];
    struct knote knotes[2 * OBJECTS_MAX];
};

static unsigned below(struct mix *mix, unsigned bound) {
    mix->random ^= mix->random << 13;
    mix->random ^= mix->random >> 7;
    mix->random ^= mix->random << 17;
    return (unsigned)(mix->random >> 11) % bound;
}

static struct knote *some_knote(struct mix *mix) {
    return &mix->knotes[below(mix, (unsigned)mix->count)];
}

/* ---- What is known ---- */

static bool holds(const struct knote *knote) {
    const struct object *object = knote->object;
    switch (knote->filter) {
    case EVFILT_USER:
    case EVFILT_VNODE:
        return object->happened;
    case EVFILT_READ:
        return object->ended || object->bytes >= (knote->fflags ? LOW_WATER : 1);
    default:
        return true;
    }
}

static bool may_be_ready(const struct knote *knote) {
    bool is_news = !(knote->flags & EV_CLEAR) || knote->news || knote->maybe_news;
    return knote->exists && knote->enabled && is_news && holds(knote);
}

static bool is_ready(const struct knote *knote) {
    return may_be_ready(knote) && (!(knote->flags & EV_CLEAR) || !knote->maybe_news);
}

static void note_news(struct mix *mix, const struct object *object, int filter, bool is_certain) {
    for (int i = 0; i < mix->count; i++) {
        struct knote *knote = &mix->knotes[i];
        if (knote->object != object || knote->filter != filter)
            continue;
        if (is_certain)
            knote->news = true;
        else
            knote->maybe_news = true;
    }
}

/* ---- What is done ---- */

static void apply(struct mix *mix, struct knote *knote, int flags, unsigned fflags) {
    change(mix->kq, knote->ident, knote->filter, flags, fflags, fflags & NOTE_LOWAT ? LOW_WATER : 0, knote);
}

static void add_or_delete(struct mix *mix, struct knote *knote) {
    static const int kinds[] = {0, 0, EV_ONESHOT, EV_DISPATCH, EV_CLEAR};
    int flags = kinds[below(mix, on_posix() ? 4 : 5)]; /* POSIX does not know what is news */
    bool begins = below(mix, 5) > 0, is_low = below(mix, 4) == 0;
    if (knote->exists) {
        if (below(mix, 3) == 0)
            apply(mix, knote, EV_DELETE, 0);
        else
            return;
        knote->exists = false;
        return;
    }
    if (knote->filter == EVFILT_WRITE && knote->object->ended)
        return; /* EPIPE */
    knote->fflags = is_low && knote->filter == EVFILT_READ && knote->object->kind == A_SOCKET ? NOTE_LOWAT : 0;
    knote->flags = flags;
    if (knote->filter == EVFILT_VNODE) {
        knote->fflags = NOTE_WRITE;
        knote->flags = flags = EV_CLEAR;
    }
    if (knote->object->kind >= AN_EVENT)
        knote->object->happened = false;
    apply(mix, knote, EV_ADD | flags | (begins ? 0 : EV_DISABLE), (unsigned)knote->fflags);
    *knote = (struct knote){.object = knote->object, .ident = knote->ident, .filter = knote->filter, .flags = flags,
                            .fflags = knote->fflags, .exists = true, .enabled = begins,
                            .news = knote->object->kind < AN_EVENT};
}

static void enable_or_disable(struct mix *mix, struct knote *knote) {
    bool enables = below(mix, 2) == 0;
    if (!knote->exists)
        return;
    apply(mix, knote, enables ? EV_ENABLE : EV_DISABLE, (unsigned)knote->fflags);
    knote->enabled = enables;
    knote->maybe_news |= enables && knote->object->kind < AN_EVENT;
}

static void put_some(struct mix *mix, struct object *object) {
    char bytes[12] = {0};
    size_t count = 1 + below(mix, sizeof bytes);
    if (object->kind == AN_EVENT || object->ended || object->bytes > 2000)
        return;
    REQUIRE_EQ(write(object->feeding, bytes, count), count);
    object->happened = true;
    note_news(mix, object, EVFILT_VNODE, true);
    if (object->kind == A_FILE)
        return;
    object->bytes += (int)count;
    note_news(mix, object, EVFILT_READ, true);
}

static void take_some(struct mix *mix, struct object *object) {
    char bytes[4096];
    size_t count = below(mix, 2) ? sizeof bytes : 1 + below(mix, 6);
    if (object->bytes == 0)
        return;
    ssize_t got = read(object->watched[0], bytes, count);
    REQUIRE(got > 0);
    object->bytes -= (int)got;
    note_news(mix, object, EVFILT_WRITE, false);
}

static void trigger_it(struct mix *mix, struct knote *knote) {
    if (knote->filter != EVFILT_USER || !knote->exists)
        return;
    change(mix->kq, knote->ident, EVFILT_USER, 0, NOTE_TRIGGER, 0, knote);
    knote->object->happened = knote->news = true;
}

/* The feeding end of a pipe is what WRITE watches, so that knote goes. */
static void end_it(struct mix *mix, struct object *object) {
    if (object->kind >= AN_EVENT || object->ended || below(mix, 12) > 0)
        return;
    for (int i = 0; i < mix->count; i++)
        if (mix->knotes[i].object == object && mix->knotes[i].filter == EVFILT_WRITE) {
            if (mix->knotes[i].exists)
                apply(mix, &mix->knotes[i], EV_DELETE, 0);
            mix->knotes[i].exists = false;
        }
    close(object->feeding);
    object->ended = true;
    note_news(mix, object, EVFILT_READ, true);
}

/* ---- What is returned ---- */

static void book(struct knote *knote, const struct kevent *event) {
    REQUIRE_EQ(event->ident, knote->ident);
    REQUIRE_EQ(event->filter, knote->filter);
    REQUIRE(knote->ready);
    REQUIRE(!knote->told);
    if (knote->filter == EVFILT_READ)
        REQUIRE_EQ(event->data, knote->object->bytes);
    knote->told = true;
    knote->news = knote->maybe_news = false;
    if (knote->object->kind >= AN_EVENT && knote->flags & (EV_CLEAR | EV_ONESHOT))
        knote->object->happened = false;
    if (knote->flags & EV_ONESHOT)
        knote->exists = false;
    if (knote->flags & EV_DISPATCH)
        knote->enabled = false;
}

/* Each that is ready has its turn before any other has two. */
static void require_turn(const struct mix *mix, struct knote *knote, int returned) {
    if (!knote->ready || knote->told)
        knote->passed_over = 0;
    else
        knote->passed_over += returned;
    REQUIRE(knote->passed_over <= mix->count || knote->flags & EV_CLEAR);
}

static void collect_some(struct mix *mix) {
    struct kevent events[ROOM_MAX];
    int room = 1 + (int)below(mix, ROOM_MAX), certain = 0;
    for (int i = 0; i < mix->count; i++) {
        certain += is_ready(&mix->knotes[i]);
        mix->knotes[i].ready = may_be_ready(&mix->knotes[i]);
        mix->knotes[i].told = false;
    }
    int got = collect(mix->kq, events, room, 0);
    REQUIRE(got >= (certain < room ? certain : room));
    for (int i = 0; i < got; i++)
        book(events[i].udata, &events[i]);
    for (int i = 0; i < mix->count; i++)
        require_turn(mix, &mix->knotes[i], got);
}

/* ---- Runs ---- */

static void add_knote(struct mix *mix, struct object *object, int filter, uintptr_t ident) {
    mix->knotes[mix->count++] = (struct knote){.object = object, .filter = filter, .ident = ident};
}

static void make_object(struct mix *mix, struct object *object) {
    int pair[2];
    object->kind = (enum object_kind)below(mix, mix->kinds);
    if (object->kind == AN_EVENT)
        return add_knote(mix, object, EVFILT_USER, (uintptr_t)mix->object_count);
    if (object->kind == A_FILE) {
        object->watched[0] = object->feeding = new_file("");
        return add_knote(mix, object, EVFILT_VNODE, (uintptr_t)object->feeding);
    }
    REQUIRE_EQ(object->kind == A_PIPE ? pipe(pair) : socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    object->watched[0] = pair[0];
    object->watched[1] = object->kind == A_PIPE ? pair[1] : pair[0];
    object->feeding = pair[1];
    add_knote(mix, object, EVFILT_READ, (uintptr_t)object->watched[0]);
    add_knote(mix, object, EVFILT_WRITE, (uintptr_t)object->watched[1]);
}

static void step(struct mix *mix) {
    struct knote *knote = some_knote(mix);
    switch (below(mix, 9)) {
    case 0:
    case 1:
        return add_or_delete(mix, knote);
    case 2:
        return put_some(mix, knote->object);
    case 3:
        return take_some(mix, knote->object);
    case 4:
        return trigger_it(mix, knote);
    case 5:
        return enable_or_disable(mix, knote);
    case 6:
        return end_it(mix, knote->object);
    default:
        return collect_some(mix);
    }
}

static void run_mix(uint64_t seed, unsigned kinds) {
    static struct mix mix;
    mix = (struct mix){.random = seed * UINT64_C(0x9e3779b97f4a7c15) + 1, .kinds = kinds, .kq = new_kqueue()};
    int objects = 2 + (int)below(&mix, OBJECTS_MAX - 2);
    while (mix.object_count < objects)
        make_object(&mix, &mix.objects[mix.object_count++]);
    for (int i = 0; i < STEPS; i++)
        step(&mix);
    close(mix.kq);
    for (int i = 0; i < objects; i++)
        if (mix.objects[i].kind != AN_EVENT) {
            close(mix.objects[i].watched[0]);
            if (mix.objects[i].kind != A_FILE && !mix.objects[i].ended)
                close(mix.objects[i].feeding);
        }
}

/* The seeds are fixed: what fails fails again. */
static void calls_are_full_and_fair(void) {
    need_descriptors(200);
    for (uint64_t seed = 1; seed <= SEEDS; seed++)
        run_mix(seed, A_FILE);
}

static void also_beside_files(void) {
    posix_lacks("files are looked at now and then");
    need_inotify();
    need_descriptors(200);
    for (uint64_t seed = 1; seed <= SEEDS; seed++)
        run_mix(seed, A_FILE + 1);
}

const struct contract_case full_call_cases[] = {
    {"C-086", "whatever is mixed, calls are full, and each has its turn", calls_are_full_and_fair, 60},
    {"C-086", "also beside files that are written", also_beside_files, 60},
    {NULL, NULL, NULL, 0},
};
