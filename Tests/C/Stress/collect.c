/*
 * Collectors: threads that wait in a kqueue, or for it from outside, and book
 * each event on its source.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "load.h"

#include <sys/epoll.h>

/* The source that an event's udata names; fails where it names none. */
static struct source *source_of(struct load *load, const struct kevent *event) {
    uintptr_t offset = (uintptr_t)event->udata - (uintptr_t)load->arena;
    if (offset >= load->arena_used || offset % 64 != 0)
        FAIL("an event of ident %ju, filter %d with udata %p, which nobody registered", (uintmax_t)event->ident,
             event->filter, event->udata);
    return event->udata;
}

/* Nothing that was gone before the call began may be told (contract 3.5, C-353). */
static void require_alive(struct source *source, const struct kevent *event, const struct collection *collection) {
    uint64_t gone = source->gone;
    if (gone != 0 && gone <= collection->began)
        FAIL("kqueue %d told of ident %ju, filter %d, flags 0x%x, fflags 0x%x, data %jd: a %s that was gone "
             "before the call",
             collection->kq, (uintmax_t)event->ident, event->filter, event->flags, event->fflags, (intmax_t)event->data,
             source->kind->name);
}

/* Books one event; whether its source is late. */
static bool book(struct load *load, const struct kevent *event, const struct collection *collection) {
    if (event->udata == load)
        return true; /* the knote that pauses */
    struct source *source = source_of(load, event);
    require_alive(source, event, collection);
    pthread_mutex_lock(&source->lock);
    REQUIRE_EQ(event->ident, source->ident);
    if (event->flags & EV_ERROR)
        FAIL("an event with EV_ERROR of %s %ju", source->kind->name, (uintmax_t)event->ident);
    bool late = source->late;
    if (!source->retired)
        source->kind->told(source, event, collection);
    pthread_mutex_unlock(&source->lock);
    return late;
}

/* No knote twice in what one call returns (C-352). */
static void require_no_twice(const struct kevent *events, int count) {
    for (int i = 0; i < count; i++)
        for (int j = 0; j < i; j++)
            if (events[i].ident == events[j].ident && events[i].filter == events[j].filter)
                FAIL("ident %ju, filter %d stands twice in one return of %d", (uintmax_t)events[i].ident,
                     events[i].filter, count);
}

int load_collect(struct load *load, int kq, int room, const struct timespec *timeout, int *count) {
    struct kevent events[ROOM_MAX];
    struct collection collection = {.kq = kq, .began = load->clock};
    note(timeout ? "in kevent() with a timeout" : "in kevent() without a timeout");
    *count = collect(kq, events, room, timeout);
    collection.ended = now_ns();
    note("booking events");
    require_no_twice(events, *count);
    int prompt = 0;
    for (int i = 0; i < *count; i++)
        prompt += !book(load, &events[i], &collection);
    return prompt;
}

/* ---- Ways to wait ---- */

static int random_room(struct random *random) {
    return (int)random_between(random, 1, random_chance(random, 50) ? 3 : ROOM_MAX);
}

static void take_all(struct load *load, int kq, struct random *random) {
    int count;
    load_collect(load, kq, random_room(random), &no_wait, &count);
}

static void wait_inside(struct load *load, struct member *member) {
    struct timespec limit = milliseconds(load->wait_ms);
    int count, kq = load->kqs[member->number % load->kq_count];
    load_collect(load, kq, random_room(&member->random), load->wait_ms ? &limit : NULL, &count);
}

static void wait_in_outer_kqueue(struct load *load, struct member *member) {
    struct timespec limit = milliseconds(load->wait_ms);
    struct kevent events[KQUEUES_MAX];
    note("in kevent() of the outer kqueue");
    int count = collect(load->outer_kq, events, KQUEUES_MAX, load->wait_ms ? &limit : NULL);
    for (int i = 0; i < count; i++)
        take_all(load, (int)events[i].ident, &member->random);
}

static void wait_in_epoll(struct load *load, struct member *member) {
    struct epoll_event events[KQUEUES_MAX];
    note("in epoll_wait()");
    int count = epoll_wait(load->outer_epoll, events, KQUEUES_MAX, load->wait_ms ? (int)load->wait_ms : -1);
    REQUIRE(count >= 0 || errno == EINTR);
    for (int i = 0; i < count; i++)
        take_all(load, events[i].data.fd, &member->random);
}

static void wait_in_poll(struct load *load, struct member *member) {
    struct pollfd looks[KQUEUES_MAX];
    for (int i = 0; i < load->kq_count; i++)
        looks[i] = (struct pollfd){.fd = load->kqs[i], .events = POLLIN};
    note("in poll()");
    int ready = poll(looks, (nfds_t)load->kq_count, load->wait_ms ? (int)load->wait_ms : -1);
    REQUIRE(ready >= 0 || errno == EINTR);
    for (int i = 0; ready > 0 && i < load->kq_count; i++)
        if (looks[i].revents)
            take_all(load, looks[i].fd, &member->random);
}

void load_collector(void *context, struct member *member) {
    static void (*const ways[])(struct load *, struct member *) = {wait_inside, wait_inside, wait_in_outer_kqueue,
                                                                   wait_in_epoll, wait_in_poll};
    struct load *load = context;
    unsigned way = load->outer_kq == -1 ? 0 : random_below(&member->random, sizeof ways / sizeof *ways);
    while (!load->pausing)
        ways[way](load, member);
}
