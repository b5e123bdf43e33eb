/*
 * Sources: made, changed, replaced, and given up.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "load.h"

static struct source *new_source(struct slot *slot) {
    struct load *load = slot->load;
    size_t size = (slot->kind->size + 63) & ~(size_t)63;
    size_t place = atomic_fetch_add(&load->arena_used, size);
    REQUIRE(place + size <= ARENA_SIZE);
    struct source *source = (struct source *)(load->arena + place);
    source->kind = slot->kind;
    source->load = load;
    source->slot = slot;
    source->kq = slot->kq;
    pthread_mutex_init(&source->lock, NULL);
    pthread_mutex_lock(&source->lock);
    atomic_store(&source->gone, 0); /* from here on other threads may look */
    return source;
}

void load_open_source(struct slot *slot, struct random *random) {
    struct source *source = new_source(slot);
    slot->kind->open(source, random);
    if (source->late)
        slot->load->late = true;
    if (source->lingers)
        slot->load->lingering |= load_bit_of(slot->load, source->kq);
    slot->source = source;
    pthread_mutex_unlock(&source->lock);
}

int source_change(struct source *source, int kq, int filter, int flags, unsigned fflags, intptr_t data) {
    return change_errno(kq, source->ident, filter, flags, fflags, data, source);
}

static void mark_gone(struct source *source) {
    source->gone = atomic_fetch_add(&source->load->clock, 1) + 1;
}

void source_retire(struct source *source) {
    pthread_mutex_lock(&source->lock);
    source->retired = true;
    source->kind->close(source);
    mark_gone(source);
    pthread_mutex_unlock(&source->lock);
}

struct source *source_replace(struct source *source) {
    pthread_mutex_lock(&source->lock);
    struct source *next = new_source(source->slot);
    next->ident = source->ident;
    next->late = source->late;
    next->lingers = source->lingers;
    return next;
}

void source_replaced(struct source *old, struct source *source) {
    old->retired = true;
    mark_gone(old);
    source->slot->source = source;
    pthread_mutex_unlock(&source->lock);
    pthread_mutex_unlock(&old->lock);
}

uintptr_t load_ident(struct load *load) {
    return atomic_fetch_add(&load->next_ident, 1);
}

int random_mode(struct random *random) {
    static const int modes[] = {0, EV_CLEAR, EV_ONESHOT, EV_DISPATCH, EV_CLEAR | EV_DISPATCH};
    return modes[random_below(random, sizeof modes / sizeof *modes)];
}
