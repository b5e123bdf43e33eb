/*
 * What a knote goes through: it is added, told, disabled, enabled, deleted, beside others.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "faults.h"

#include <unistd.h>

/* A timer goes off again and again. */
static bool is_told_once(const struct subject *subject) {
    return (subject->flags & EV_CLEAR) && subject->filter != EVFILT_TIMER;
}

struct visit {
    const struct subject *subject;
    struct bystanders bystanders;
    uintptr_t ident;
    int kq;
};

/* The subject and the others are told, the others once. */
static void tell(struct visit *visit) {
    struct wanted wanted[4];
    const struct subject *subject = visit->subject;
    trigger_bystanders(&visit->bystanders);
    int count = want_bystanders(&visit->bystanders, wanted);
    if (subject->trigger != NULL) {
        if (subject->filter == EVFILT_USER)
            (void)apply(visit->kq, visit->ident, EVFILT_USER, 0, NOTE_TRIGGER, 0);
        subject->trigger();
        wanted[count++] = (struct wanted){visit->ident, subject->filter, 0, is_told_once(subject)};
    }
    gather(visit->kq, wanted, count);
    drain_bystanders(&visit->bystanders);
    if (subject->quiet != NULL)
        subject->quiet();
}

static void tell_late(struct visit *visit) {
    const struct subject *subject = visit->subject;
    if (apply(visit->kq, visit->ident, subject->filter, EV_DISABLE, subject->fflags, subject->data) != 0)
        return;
    if (subject->filter == EVFILT_USER)
        (void)apply(visit->kq, visit->ident, EVFILT_USER, 0, NOTE_TRIGGER, 0);
    subject->trigger();
    require_silent(visit->kq, 0);
    struct wanted wanted = {visit->ident, subject->filter, 0, is_told_once(subject)};
    if (apply(visit->kq, visit->ident, subject->filter, EV_ENABLE, subject->fflags, subject->data) == 0)
        gather(visit->kq, &wanted, 1);
    if (subject->quiet != NULL)
        subject->quiet();
}

static void go_through(struct visit *visit) {
    const struct subject *subject = visit->subject;
    int flags = EV_ADD | subject->flags;
    visit->ident = subject->make();
    if (subject->quiet != NULL)
        subject->quiet();
    if (apply(visit->kq, visit->ident, subject->filter, flags, subject->fflags, subject->data) == 0) {
        if (subject->filter != EVFILT_TIMER)
            require_silent(visit->kq, 0);
        tell(visit);
        if (!subject->is_once && subject->trigger != NULL && subject->filter != EVFILT_TIMER)
            tell_late(visit);
        if (!subject->is_once)
            (void)apply(visit->kq, visit->ident, subject->filter, EV_DELETE, 0, 0);
    }
    require_silent(visit->kq, 0);
    subject->end();
}

void run_subject(const struct scene *scene) {
    struct visit visit = {.subject = scene->subject};
    if (new_kqueue(&visit.kq) != 0)
        return;
    add_bystanders(&visit.bystanders, visit.kq);
    go_through(&visit);
    mark(MARK_REST, 0);
    require_working(visit.kq);
    trigger_bystanders(&visit.bystanders);
    struct wanted wanted[2];
    gather(visit.kq, wanted, want_bystanders(&visit.bystanders, wanted));
    close_kqueue(visit.kq);
    free_bystanders(&visit.bystanders);
}
