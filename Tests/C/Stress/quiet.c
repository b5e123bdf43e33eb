/*
 * The account while no thread is at work: a kqueue is readable exactly when
 * kevent() with a zero timeout returns an entry (C-351), inside epoll sets and
 * kqueues too, and once it returns none nothing is left untold.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "load.h"

#include <sys/epoll.h>

enum { LATE_MS = 10000, PASSES_MAX = 1000000 };

/* Which of the kqueues are readable, a bit each. */
static unsigned seen_by_poll(const struct load *load) {
    unsigned readable = 0;
    for (int i = 0; i < load->kq_count; i++)
        readable |= (unsigned)poll_readable(load->kqs[i]) << i;
    return readable;
}

unsigned load_bit_of(const struct load *load, int kq) {
    for (int i = 0; i < load->kq_count; i++)
        if (load->kqs[i] == kq)
            return 1u << i;
    FAIL("descriptor %d is no kqueue of the epoch", kq);
}

static unsigned seen_by_epoll(const struct load *load) {
    struct epoll_event events[KQUEUES_MAX];
    unsigned readable = 0;
    int count = epoll_wait(load->outer_epoll, events, KQUEUES_MAX, 0);
    REQUIRE(count >= 0);
    for (int i = 0; i < count; i++)
        readable |= load_bit_of(load, events[i].data.fd);
    return readable;
}

static unsigned seen_by_kqueue(const struct load *load) {
    struct kevent events[KQUEUES_MAX];
    unsigned readable = 0;
    int count = collect(load->outer_kq, events, KQUEUES_MAX, &no_wait);
    for (int i = 0; i < count; i++)
        readable |= load_bit_of(load, (int)events[i].ident);
    return readable;
}

/* What is late may become readable between two looks, and nothing may cease to be. */
static void require_agreement(const struct load *load, unsigned before, unsigned after, const char *who) {
    unsigned changed = before ^ after;
    if ((before & changed) != 0 || (!load->late && (changed & ~load->lingering) != 0))
        FAIL("poll() saw the kqueues 0x%x of %d readable, an outer %s then 0x%x", before, load->kq_count, who, after);
}

static void compare_pollers(const struct load *load) {
    unsigned readable = seen_by_poll(load);
    require_agreement(load, readable, seen_by_epoll(load), "epoll set");
    require_agreement(load, readable, seen_by_kqueue(load), "kqueue");
}

/* Readable for nothing, as some sources may make it once: it must not stay so. */
static void require_goes_quiet(struct load *load, int kq) {
    int count;
    for (int looks = 0; looks < 4; looks++) {
        if (!poll_readable(kq))
            return;
        load_collect(load, kq, 1, &no_wait, &count);
        if (count > 0)
            return;
    }
    FAIL("kqueue %d stays readable; kevent() with a zero timeout returns nothing", kq);
}

/* One look at one kqueue; whether there may be more, but for what comes late. */
static bool look(struct load *load, int kq) {
    int count, room = (int)random_between(&load->epoch->random, 1, 8);
    bool readable = poll_readable(kq);
    int prompt = load_collect(load, kq, room, &no_wait, &count);
    if (readable && count == 0) {
        if (load->outer_kq != -1 && !load->looked_at && !(load->lingering & load_bit_of(load, kq)))
            FAIL("poll() said that kqueue %d is readable; kevent() with a zero timeout returned nothing", kq);
        require_goes_quiet(load, kq);
    }
    if (!readable && prompt > 0 && load->outer_kq != -1)
        FAIL("poll() said that kqueue %d is not readable; kevent() with a zero timeout returned %d", kq, count);
    return prompt > 0 || count == room;
}

static void drain(struct load *load) {
    bool more;
    int passes = 0;
    do {
        if (load->outer_kq != -1)
            compare_pollers(load);
        more = false;
        for (int i = 0; i < load->kq_count; i++)
            more |= look(load, load->kqs[i]);
        REQUIRE(++passes < PASSES_MAX);
    } while (more);
}

void load_quiet(struct load *load) {
    for (int waited = 0;; waited++) {
        drain(load);
        struct source *source = load_unsettled(load);
        if (source == NULL)
            return;
        if (!source->late || waited >= LATE_MS)
            load_fail_unsettled(source, "kevent() returns nothing more");
        sleep_us(1000);
    }
}
