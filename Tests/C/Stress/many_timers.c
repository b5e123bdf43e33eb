/*
 * Any number of timers may be added disabled, enabled, added anew and deleted;
 * each that is left is told once (C-359).
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "stress.h"

enum { TIMERS_MAX = 3000, PATIENCE_S = 10, INTERVAL_MS = 10 };

struct many {
    int kq, count;
    uint64_t enabled; /* now_ns() before the first was */
    bool deleted[TIMERS_MAX];
    atomic_int told[TIMERS_MAX], left;
};

static void set_timer(struct many *many, int ident, int flags) {
    CHANGE(many->kq, (uintptr_t)ident, EVFILT_TIMER, flags, 0, INTERVAL_MS, NULL);
}

static void add_disabled(struct many *many, struct random *random) {
    for (int i = 0; i < many->count; i++)
        set_timer(many, i, EV_ADD | EV_DISABLE | EV_ONESHOT);
    for (int i = 0; i < many->count; i++) {
        if (random_chance(random, 10))
            set_timer(many, i, EV_ADD);
        many->deleted[i] = random_chance(random, 10);
        if (many->deleted[i])
            set_timer(many, i, EV_DELETE);
        else
            many->left++;
    }
}

static void enable_all(struct many *many) {
    many->enabled = now_ns();
    for (int i = 0; i < many->count; i++)
        if (!many->deleted[i])
            set_timer(many, i, EV_ENABLE);
}

static void book(struct many *many, const struct kevent *event) {
    if (event->filter != EVFILT_TIMER || event->ident >= (uintptr_t)many->count || many->deleted[event->ident])
        FAIL("an event of ident %ju, filter %d: no such timer", (uintmax_t)event->ident, event->filter);
    if (++many->told[event->ident] != 1 || event->data != 1)
        FAIL("oneshot timer %ju: expected one event with data 1; seen %d, data %jd", (uintmax_t)event->ident,
             many->told[event->ident], (intmax_t)event->data);
    many->left--;
}

static void collect_timers(void *context, struct member *member) {
    struct many *many = context;
    struct kevent events[32];
    uint64_t limit = now_ns() + PATIENCE_S * 1000000000ull;
    struct timespec wait = milliseconds(5);
    note("collecting timers");
    while (many->left > 0) {
        int count = collect(many->kq, events, (int)random_between(&member->random, 1, 32), &wait);
        for (int i = 0; i < count; i++)
            book(many, &events[i]);
        if (now_ns() > limit)
            FAIL("expected all timers to be told within %d s; %d of %d are left", PATIENCE_S, many->left, many->count);
    }
}

void run_many_timers(struct epoch *epoch) {
    static struct many many;
    struct team collectors;
    memset(&many, 0, sizeof many);
    many.kq = new_kqueue();
    many.count = (int)random_between(&epoch->random, 1, random_chance(&epoch->random, 50) ? TIMERS_MAX : 400);
    add_disabled(&many, &epoch->random);
    team_start(&collectors, "collector", epoch->threads / 2, collect_timers, &many, epoch->seed);
    team_release(&collectors);
    enable_all(&many);
    team_end(&collectors);
    REQUIRE_EQ(close(many.kq), 0);
}
