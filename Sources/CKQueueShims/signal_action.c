/*
 * An action of a signal in memory that threads and handlers share.
 *
 * Two copies: the one that is not in force is written and then put in force, so
 * a reader always finds one that is whole, and so does the child of a fork in
 * the middle of it.  A reader that was overtaken twice reads again.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#define _GNU_SOURCE
#include "signals.h"

#include <string.h>

enum { COPY = 1, USED_UP = 2, COUNT = 4 };

void kq_action_store(struct kq_action *place, const struct sigaction *action) {
    unsigned long words[ACTION_WORDS] = {0};
    unsigned version = atomic_load(&place->version);
    unsigned copy = (version & COPY) ^ COPY;
    memcpy(words, action, sizeof *action);
    for (int i = 0; i < ACTION_WORDS; i++)
        atomic_store_explicit(&place->words[copy][i], words[i], memory_order_release);
    atomic_store(&place->version, (version / COUNT + 1) * COUNT | copy);
}

/* Reads the copy of a version; whether it stayed the one in force. */
static bool read_copy(struct kq_action *place, unsigned version, struct sigaction *action) {
    unsigned long words[ACTION_WORDS];
    for (int i = 0; i < ACTION_WORDS; i++)
        words[i] = atomic_load_explicit(&place->words[version & COPY][i], memory_order_acquire);
    memcpy(action, words, sizeof *action);
    if (version & USED_UP)
        action->sa_handler = SIG_DFL;
    return atomic_load(&place->version) == version;
}

void kq_action_load(struct kq_action *place, struct sigaction *action) {
    while (!read_copy(place, atomic_load(&place->version), action))
        continue;
}

void kq_action_take(struct kq_action *place, struct sigaction *action) {
    for (;;) {
        unsigned version = atomic_load(&place->version);
        if (!read_copy(place, version, action))
            continue;
        if (!(action->sa_flags & (int)SA_RESETHAND) || action->sa_handler == SIG_DFL)
            return;
        if (atomic_compare_exchange_strong(&place->version, &version, version | USED_UP))
            return;
    }
}
