/*
 * TIMER: one that expires once is told exactly once and never early; of one
 * that goes on, as many expirations are told as time has room for.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "load.h"

enum { UNITS = 3, SLACK_PERIODS = 2 };

static const struct unit {
    unsigned fflags;
    uint64_t ns;
} units[UNITS] = {{0, 1000000}, {NOTE_USECONDS, 1000}, {NOTE_NSECONDS, 1}};

struct timer {
    struct source source;
    bool periodic, disabled, dispatch;
    bool was_disabled;           /* expirations while disabled are not counted (contract 6.9) */
    uint64_t started, added;     /* now_ns() before and after the change */
    uint64_t interval;           /* ns */
    uint64_t told, expirations;  /* events, and the sum of their data */
    uint64_t latest;             /* when the last of those calls ended: they are not booked in order */
};

/* From here on the timer runs, or waits disabled. */
static void start_timer(struct timer *timer, struct random *random, int flags) {
    const struct unit *unit = &units[random_below(random, UNITS)];
    unsigned ms = random_between(random, timer->periodic ? 2 : 0, random_chance(random, 80) ? 8 : 40);
    timer->interval = ms * 1000000ull;
    if (timer->dispatch)
        flags |= EV_DISPATCH;
    timer->disabled = flags & EV_DISABLE;
    timer->was_disabled = timer->disabled || timer->dispatch;
    timer->started = now_ns();
    SOURCE_CHANGE(&timer->source, timer->source.kq, EVFILT_TIMER, EV_ADD | flags, unit->fflags,
                  (intptr_t)(timer->interval / unit->ns));
    timer->added = now_ns();
}

static void open_timer(struct timer *timer, struct random *random, bool periodic) {
    timer->periodic = periodic;
    timer->dispatch = periodic && random_chance(random, 20);
    timer->source.late = true;
    timer->source.ident = load_ident(timer->source.load);
    start_timer(timer, random, (periodic ? 0 : EV_ONESHOT) | (random_chance(random, 20) ? EV_DISABLE : 0));
}

static void open_oneshot(struct source *source, struct random *random) {
    open_timer((struct timer *)source, random, false);
}

static void open_periodic(struct source *source, struct random *random) {
    open_timer((struct timer *)source, random, true);
}

/* ENOENT: the one event of a oneshot is on its way to somebody. */
static void set_disabled(struct timer *timer, bool disabled) {
    pthread_mutex_lock(&timer->source.lock);
    int code = source_change(&timer->source, timer->source.kq, EVFILT_TIMER, disabled ? EV_DISABLE : EV_ENABLE, 0, 0);
    if (timer->periodic || code != ENOENT)
        REQUIRE_EQ(code, 0);
    timer->disabled = disabled;
    timer->was_disabled |= disabled;
    pthread_mutex_unlock(&timer->source.lock);
}

/* Another interval for the same timer: what was counted of the old one is dropped. */
static void restart(struct source *source, struct random *random) {
    struct timer *old = (struct timer *)source, *timer = (struct timer *)source_replace(source);
    timer->periodic = true;
    timer->dispatch = old->dispatch;
    /* EV_ADD alone does not enable; an event of the old one that is on its way has disabled it under EV_DISPATCH. */
    start_timer(timer, random, old->disabled ? 0 : EV_ENABLE);
    timer->disabled = old->disabled;
    timer->was_disabled |= old->disabled;
    source_replaced(source, &timer->source);
}

static bool was_told(struct timer *timer) {
    pthread_mutex_lock(&timer->source.lock);
    bool told = timer->told > 0;
    pthread_mutex_unlock(&timer->source.lock);
    return told;
}

static void act_on_timer(struct source *source, struct random *random) {
    struct timer *timer = (struct timer *)source;
    unsigned choice = random_below(random, 100);
    if (choice < 2 || (!timer->periodic && was_told(timer)))
        source_retire(source);
    else if (choice < 20)
        set_disabled(timer, !timer->disabled);
    else if (choice < 35 && timer->periodic)
        restart(source, random);
}

static void calm_timer(struct source *source) {
    struct timer *timer = (struct timer *)source;
    if (timer->disabled)
        set_disabled(timer, false);
}

static void require_in_time(const struct timer *timer, const struct kevent *event) {
    uint64_t passed = timer->latest - timer->started;
    uint64_t least = timer->expirations * timer->interval;
    if (passed < least)
        FAIL("TIMER %ju, every %ju us: %ju expirations are told %ju us after the start (data %jd%s)",
             (uintmax_t)timer->source.ident, (uintmax_t)timer->interval / 1000, (uintmax_t)timer->expirations,
             (uintmax_t)passed / 1000, (intmax_t)event->data, timer->was_disabled ? ", was disabled" : "");
}

static void told_timer(struct source *source, const struct kevent *event, const struct collection *collection) {
    struct timer *timer = (struct timer *)source;
    REQUIRE_EQ(event->filter, EVFILT_TIMER);
    REQUIRE_EQ(event->fflags, 0);
    REQUIRE(event->data >= 1);
    timer->told++;
    timer->expirations += (uint64_t)event->data;
    if (collection->ended > timer->latest)
        timer->latest = collection->ended;
    require_in_time(timer, event);
    if (!timer->periodic)
        REQUIRE_EQ(timer->expirations, 1);
    if (timer->dispatch && !timer->disabled)
        SOURCE_CHANGE(source, source->kq, EVFILT_TIMER, EV_ENABLE, 0, 0);
}

/* A timer that goes on is even when no more than the last periods are missing. */
static bool timer_settled(const struct source *source) {
    const struct timer *timer = (const struct timer *)source;
    if (!timer->periodic || timer->was_disabled)
        return timer->told > 0;
    uint64_t periods = (now_ns() - timer->added) / timer->interval;
    return timer->expirations + SLACK_PERIODS >= periods;
}

static void describe_timer(const struct source *source, char *text, size_t size) {
    const struct timer *timer = (const struct timer *)source;
    snprintf(text, size, "%s, %ju us, started %ju us ago: seen %ju events, %ju expirations%s%s",
             timer->periodic ? "periodic" : "oneshot", (uintmax_t)timer->interval / 1000,
             (uintmax_t)(now_ns() - timer->started) / 1000, (uintmax_t)timer->told, (uintmax_t)timer->expirations,
             timer->was_disabled ? ", was disabled" : "", timer->dispatch ? ", EV_DISPATCH" : "");
}

static void close_timer(struct source *source) {
    struct timer *timer = (struct timer *)source;
    int code = source_change(source, source->kq, EVFILT_TIMER, EV_DELETE, 0, 0);
    if (timer->periodic || code != ENOENT)
        REQUIRE_EQ(code, 0);
}

const struct kind oneshot_timer_kind = {
    .name = "TIMER with EV_ONESHOT", .size = sizeof(struct timer), .open = open_oneshot,
    .act = act_on_timer, .calm = calm_timer, .told = told_timer, .settled = timer_settled,
    .describe = describe_timer, .close = close_timer,
};

const struct kind periodic_timer_kind = {
    .name = "TIMER", .size = sizeof(struct timer), .open = open_periodic, .act = act_on_timer,
    .calm = calm_timer, .told = told_timer, .settled = timer_settled, .describe = describe_timer,
    .close = close_timer,
};
