/*
 * One epoch of a load: rounds of work, each ended by a pause in which the
 * account must be even.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "load.h"

#include <sys/epoll.h>
#include <sys/mman.h>

enum { PATIENCE_S = 10, KINDS_MAX = 24 };

/* ---- Producers ---- */

static void act_on(struct slot *slot, struct random *random) {
    note(slot->kind->name);
    if (slot->source == NULL || slot->source->retired)
        load_open_source(slot, random);
    else
        slot->kind->act(slot->source, random);
}

static void calm_slot(struct slot *slot) {
    struct source *source = slot->source;
    if (source == NULL || source->retired || source->kind->calm == NULL)
        return;
    note("calming");
    source->kind->calm(source);
}

/* Slots are dealt out: producer n has every slot n, n + count, ... */
static void produce(void *context, struct member *member) {
    struct load *load = context;
    int count = load->producer_count;
    int own = (load->slot_count - member->number + count - 1) / count;
    for (int act = 0; own > 0 && act < load->acts; act++) {
        int place = member->number + count * (int)random_below(&member->random, (unsigned)own);
        act_on(&load->slots[place], &member->random);
        if (random_chance(&member->random, 2))
            sleep_us(random_below(&member->random, 300));
    }
    for (int i = member->number; i < load->slot_count; i += count)
        calm_slot(&load->slots[i]);
}

/* ---- The account ---- */

static bool is_settled(struct source *source) {
    pthread_mutex_lock(&source->lock);
    bool settled = source->retired || source->kind->settled(source);
    pthread_mutex_unlock(&source->lock);
    return settled;
}

struct source *load_unsettled(struct load *load) {
    struct source *unsettled = NULL;
    for (int i = 0; i < load->slot_count; i++) {
        struct source *source = load->slots[i].source;
        if (source == NULL || is_settled(source))
            continue;
        unsettled = source;
        if (!source->late)
            break;
    }
    return unsettled;
}

void load_fail_unsettled(struct source *source, const char *when) {
    char text[512] = "";
    pthread_mutex_lock(&source->lock);
    source->kind->describe(source, text, sizeof text);
    FAIL("%s: not told of everything by kqueue %d: %s %ju: %s", when, source->kq, source->kind->name,
         (uintmax_t)source->ident, text);
}

/* Nobody acts any more; the collectors, who wait, must be told of all there is. */
static void await_settled(struct load *load) {
    uint64_t limit = now_ns() + PATIENCE_S * 1000000000ull;
    for (struct source *source; (source = load_unsettled(load)) != NULL; sleep_us(500))
        if (now_ns() > limit)
            load_fail_unsettled(source, "after 10 s, with threads waiting");
}

/* ---- Rounds ---- */

static void set_pause(struct load *load, bool pausing) {
    load->pausing = pausing;
    for (int i = 0; i < load->kq_count; i++)
        CHANGE(load->kqs[i], PAUSE_IDENT, EVFILT_USER, pausing ? 0 : EV_CLEAR, pausing ? NOTE_TRIGGER : 0, 0, load);
}

static void run_round(struct load *load) {
    note("waiting for producers");
    team_release(&load->collectors);
    team_release(&load->producers);
    team_await(&load->producers);
    if (random_chance(&load->epoch->random, 50)) {
        note("waiting until all is told");
        await_settled(load);
    }
    note("waiting for collectors to pause");
    set_pause(load, true);
    team_await(&load->collectors);
    set_pause(load, false);
    note("looking at what is quiet");
    load_quiet(load);
}

/* ---- An epoch ---- */

static int new_queue(struct load *load) {
    int kq = new_kqueue();
    struct epoll_event interest = {.events = EPOLLIN, .data.fd = kq};
    CHANGE(kq, PAUSE_IDENT, EVFILT_USER, EV_ADD, 0, 0, load);
    if (load->outer_kq == -1)
        return kq;
    CHANGE(load->outer_kq, (uintptr_t)kq, EVFILT_READ, EV_ADD, 0, 0, NULL);
    REQUIRE_EQ(epoll_ctl(load->outer_epoll, EPOLL_CTL_ADD, kq, &interest), 0);
    return kq;
}

/* Those of the scenario's kinds that work here; sets what pollers can be held to. */
static int choose_kinds(struct load *load, const struct kind **chosen) {
    bool seen_by_pollers = true;
    int count = 0;
    load->looked_at = !closes_are_seen(); /* a closed file's entry lives on in a duplicate, until it is looked at */
    for (const struct kind *const *kind = load->epoch->scenario->kinds; *kind; kind++) {
        if ((*kind)->works && !(*kind)->works())
            continue;
        chosen[count++] = *kind;
        load->looked_at |= (*kind)->looked_at || (!has_pidfds() && (*kind)->told_by_signal);
        seen_by_pollers &= !on_posix() || (*kind)->seen_by_pollers;
    }
    load->outer_kq = seen_by_pollers ? new_kqueue() : -1;
    load->outer_epoll = seen_by_pollers ? epoll_create1(EPOLL_CLOEXEC) : -1;
    return count;
}

/* Deals the slots out to the kinds in turn, as many to each as it can have. */
static void open_slots(struct load *load, const struct kind **kinds, int kind_count) {
    struct random *random = &load->epoch->random;
    int given[KINDS_MAX] = {0}, next = 0;
    unsigned most = random_chance(random, 50) ? SLOTS_MAX : SLOTS_MAX / 4;
    load->slot_count = (int)random_between(random, (unsigned)kind_count, most);
    for (int i = 0; i < load->slot_count; i++, next++) {
        for (int tries = 0; tries < kind_count; tries++, next++)
            if (!kinds[next % kind_count]->slots_max ||
                given[next % kind_count] < kinds[next % kind_count]->slots_max)
                break;
        int chosen = next % kind_count;
        load->slots[i] = (struct slot){.kind = kinds[chosen], .load = load, .ordinal = given[chosen]++, .copy = -1,
                                       .kq = load->kqs[random_below(random, (unsigned)load->kq_count)]};
    }
}

static void choose_numbers(struct load *load) {
    struct random *random = &load->epoch->random;
    unsigned threads = (unsigned)load->epoch->threads;
    load->collector_count = (int)random_between(random, 1, threads / 2);
    load->producer_count = (int)random_between(random, 1, threads - (unsigned)load->collector_count);
    int most = load->collector_count < KQUEUES_MAX ? load->collector_count : KQUEUES_MAX;
    load->kq_count = (int)random_between(random, 1, (unsigned)most);
    load->wait_ms = random_chance(random, 60) ? 0 : random_between(random, 1, 50);
    load->prompt_only = random_chance(random, 50);
    load->acts = (int)random_between(random, 20, 400);
}

static void open_load(struct load *load, struct epoch *epoch) {
    const struct kind *kinds[KINDS_MAX];
    *load = (struct load){.epoch = epoch, .next_ident = 1, .clock = 1};
    load->arena = mmap(NULL, ARENA_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    REQUIRE(load->arena != MAP_FAILED);
    choose_numbers(load);
    int kind_count = choose_kinds(load, kinds);
    REQUIRE(kind_count > 0);
    for (int i = 0; i < load->kq_count; i++)
        load->kqs[i] = new_queue(load);
    open_slots(load, kinds, kind_count);
}

static void close_slot(struct slot *slot) {
    if (slot->source && !slot->source->retired)
        source_retire(slot->source);
    if (slot->copy != -1)
        REQUIRE_EQ(close(slot->copy), 0);
}

static void close_load(struct load *load) {
    for (int i = 0; i < load->slot_count; i++)
        close_slot(&load->slots[i]);
    for (int i = 0; i < load->kq_count; i++)
        REQUIRE_EQ(close(load->kqs[i]), 0);
    if (load->outer_kq != -1) {
        REQUIRE_EQ(close(load->outer_kq), 0);
        REQUIRE_EQ(close(load->outer_epoll), 0);
    }
    REQUIRE_EQ(munmap(load->arena, ARENA_SIZE), 0);
}

void load_run(struct epoch *epoch) {
    static struct load load;
    open_load(&load, epoch);
    uint64_t seed = random_next(&epoch->random);
    team_start(&load.collectors, "collector", load.collector_count, load_collector, &load, seed);
    team_start(&load.producers, "producer", load.producer_count, produce, &load, ~seed);
    for (unsigned rounds = random_between(&epoch->random, 1, 5); rounds > 0; rounds--)
        run_round(&load);
    team_end(&load.producers);
    team_end(&load.collectors);
    close_load(&load);
}
