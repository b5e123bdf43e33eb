/*
 * USER: a trigger whose predecessor was collected is told exactly once, with
 * its own data and bits; several before that may be told as one, the last.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "load.h"

enum { TRIGGERS_MAX = 1024 };

struct user_trigger {
    struct source source;
    int mode;
    bool in_turn;           /* triggers only what was collected */
    bool disabled, over;    /* over: a oneshot that was told, or a level one that was deleted */
    _Atomic unsigned last, told; /* the number of the last trigger; the greatest that was told */
    unsigned told_count;
    uint64_t seen[TRIGGERS_MAX / 64];
};

static int apply(struct user_trigger *user, int flags, unsigned fflags, intptr_t data) {
    return source_change(&user->source, user->source.kq, EVFILT_USER, flags, fflags, data);
}

static void open_trigger(struct source *source, struct random *random) {
    struct user_trigger *user = (struct user_trigger *)source;
    source->ident = load_ident(source->load);
    user->mode = random_mode(random);
    if (user->mode & EV_DISPATCH)
        user->mode |= EV_CLEAR; /* enabling would tell the same trigger again */
    user->in_turn = random_chance(random, 50);
    REQUIRE_EQ(apply(user, EV_ADD | user->mode, 0, 0), 0);
}

/* Trigger n says n in data and in the stored bits. */
static void pull(struct user_trigger *user, int flags) {
    if (user->last + 1 == TRIGGERS_MAX || (user->in_turn && user->told != user->last))
        return;
    unsigned number = user->last + 1;
    user->last = number;
    int code = apply(user, flags, NOTE_TRIGGER | NOTE_FFCOPY | number, number);
    bool may_be_gone = user->mode == 0 || user->mode & EV_ONESHOT; /* after the trigger before */
    if (code == ENOENT && may_be_gone && number > 1)
        user->last = number - 1;
    else
        REQUIRE_EQ(code, 0);
}

static void toggle(struct user_trigger *user) {
    pthread_mutex_lock(&user->source.lock);
    if (!user->over) {
        user->disabled = !user->disabled;
        int code = apply(user, user->disabled ? EV_DISABLE : EV_ENABLE, 0, 0);
        if (code != ENOENT || !(user->mode & EV_ONESHOT)) /* whose event may wait for the lock */
            REQUIRE_EQ(code, 0);
    }
    pthread_mutex_unlock(&user->source.lock);
}

static bool is_over(struct user_trigger *user) {
    pthread_mutex_lock(&user->source.lock);
    bool over = user->over;
    pthread_mutex_unlock(&user->source.lock);
    return over;
}

static void act_on_trigger(struct source *source, struct random *random) {
    struct user_trigger *user = (struct user_trigger *)source;
    unsigned choice = random_below(random, 100);
    if (choice < 3 || is_over(user) || user->last + 1 == TRIGGERS_MAX)
        source_retire(source);
    else if (choice < 8)
        toggle(user);
    else
        pull(user, 0);
}

static void calm_trigger(struct source *source) {
    struct user_trigger *user = (struct user_trigger *)source;
    if (user->disabled)
        toggle(user);
}

static void require_once(struct user_trigger *user, unsigned number, const struct kevent *event) {
    uint64_t bit = 1ull << number % 64;
    if (number == 0 || number > user->last)
        FAIL("USER %ju told of trigger %u; expected 1 to %u", (uintmax_t)event->ident, number, user->last);
    if (user->mode != 0 && user->seen[number / 64] & bit)
        FAIL("USER %ju, flags 0x%x: trigger %u is told twice", (uintmax_t)event->ident, event->flags, number);
    user->seen[number / 64] |= bit;
    REQUIRE_EQ(event->fflags, number);
}

static void told_trigger(struct source *source, const struct kevent *event, const struct collection *collection) {
    struct user_trigger *user = (struct user_trigger *)source;
    unsigned number = (unsigned)event->data;
    (void)collection;
    REQUIRE_EQ(event->filter, EVFILT_USER);
    if (user->over && user->mode == 0)
        return; /* told to several threads, the first of which has deleted it */
    require_once(user, number, event);
    user->told_count++;
    if (number > user->told)
        user->told = number;
    if (user->mode & EV_DISPATCH && !user->disabled)
        REQUIRE_EQ(apply(user, EV_ENABLE, 0, 0), 0);
    if (user->mode == 0)
        REQUIRE_EQ(apply(user, EV_DELETE, 0, 0), 0);
    user->over = user->mode == 0 || user->mode & EV_ONESHOT;
}

static bool trigger_settled(const struct source *source) {
    const struct user_trigger *user = (const struct user_trigger *)source;
    if (user->over)
        return true;
    return user->told == user->last && (!user->in_turn || user->told_count == user->last);
}

static void describe_trigger(const struct source *source, char *text, size_t size) {
    const struct user_trigger *user = (const struct user_trigger *)source;
    snprintf(text, size, "expected trigger %u to be told, seen %u; %u events%s, flags 0x%x", user->last, user->told,
             user->told_count, user->in_turn ? ", each awaited" : "", (unsigned)user->mode);
}

static void close_trigger(struct source *source) {
    struct user_trigger *user = (struct user_trigger *)source;
    int code = apply(user, EV_DELETE, 0, 0);
    bool may_be_gone = user->over || user->mode & EV_ONESHOT; /* a call in progress has it */
    if (code != ENOENT || !may_be_gone)
        REQUIRE_EQ(code, 0);
}

const struct kind trigger_kind = {
    .name = "USER", .size = sizeof(struct user_trigger), .seen_by_pollers = true,
    .open = open_trigger, .act = act_on_trigger, .calm = calm_trigger, .told = told_trigger,
    .settled = trigger_settled, .describe = describe_trigger, .close = close_trigger,
};
