/*
 * Signals: the handlers that stand in front of the program's, and its actions as the core has them (SignalHandler,
 * SignalFronts).
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#define _GNU_SOURCE
#include "include/kqueue_shims.h"

#include <string.h>

#define FRONT(place) \
    static void front_##place(int number, siginfo_t *info, void *context) { \
        kq_handle_signal(place, number, info, context); \
    }
FRONT(0)
FRONT(1)
FRONT(2)
FRONT(3)
FRONT(4)
FRONT(5)
FRONT(6)
FRONT(7)

static void (*const fronts[KQ_FRONTS])(int, siginfo_t *, void *) = {
    front_0, front_1, front_2, front_3, front_4, front_5, front_6, front_7};

uintptr_t kq_front_in(unsigned place) {
    return (uintptr_t)fronts[place];
}

int kq_place_of_front(uintptr_t handler) {
    int place = KQ_FRONTS;
    while (--place >= 0 && kq_front_in((unsigned)place) != handler)
        continue;
    return place;
}

/* ---- Actions ---- */

struct kq_action kq_read_action(const void *action) {
    const struct sigaction *from = action;
    return (struct kq_action){.handler = (uintptr_t)from->sa_handler,
                              .flags = from->sa_flags,
                              .mask = kq_numbers_of(&from->sa_mask)};
}

void kq_write_action(struct kq_action action, void *to) {
    struct sigaction *written = to;
    memset(written, 0, sizeof *written);
    written->sa_handler = (void (*)(int))action.handler;
    written->sa_flags = action.flags;
    kq_set_of(action.mask, &written->sa_mask);
}

int kq_next_action(int number, const struct kq_action *action, struct kq_action *old) {
    struct sigaction wanted, found;
    if (action != NULL)
        kq_write_action(*action, &wanted);
    if (kq_next_sigaction(number, action == NULL ? NULL : &wanted, old == NULL ? NULL : &found) != 0)
        return -errno;
    if (old != NULL)
        *old = kq_read_action(&found);
    return 0;
}
