/*
 * Which knotes one call delivers, how often and in which order.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "contract.h"

static void condition_over_before_the_call(void) {
    int kq = new_kqueue(), pair[2], pipes[2];
    unix_pair(pair);
    new_pipe(pipes);
    const int watched[] = {pair[0], pipes[0]}, feeding[] = {pair[1], pipes[1]};
    for (int i = 0; i < 2; i++) {
        change(kq, (uintptr_t)watched[i], EVFILT_READ, EV_ADD, 0, 0, NULL);
        put(feeding[i], "x");
        take(watched[i], 1);
        require_silent(kq); /* never reported */
        put(feeding[i], "x");
        REQUIRE_EQ(next_event(kq).ident, watched[i]);
        take(watched[i], 1);
        require_silent(kq); /* reported once */
        put(feeding[i], "x");
        REQUIRE_EQ(next_event(kq).ident, watched[i]);
        take(watched[i], 1);
    }
}

/* The condition is looked at again, and a oneshot not spent on one that is over. */
static void oneshot_survives_a_condition_that_is_over(void) {
    static const int flags[] = {EV_ONESHOT, EV_DISPATCH};
    int kq = new_kqueue(), pair[2];
    unix_pair(pair);
    for (int i = 0; i < 2; i++) {
        change(kq, (uintptr_t)pair[0], EVFILT_READ, EV_ADD | flags[i], 0, 0, NULL);
        put(pair[1], "x");
        take(pair[0], 1);
        require_silent(kq);
        put(pair[1], "xy");
        REQUIRE_EQ(next_event(kq).data, 2);
        require_silent(kq);
        take(pair[0], 2);
        delete_knote(kq, (uintptr_t)pair[0], EVFILT_READ);
    }
}

/* Level-ready knotes, the first so many of them pipes, the rest USER. */
static void require_fair(int pipes, int users) {
    int kq = new_kqueue(), pair[16][2], count = pipes + users;
    for (int i = 0; i < count; i++) { /* udata is the knote's place */
        if (i < pipes) {
            new_pipe(pair[i]);
            put(pair[i][1], "x");
            change(kq, (uintptr_t)pair[i][0], EVFILT_READ, EV_ADD, 0, 0, (void *)(intptr_t)i);
        } else {
            add_user(kq, (uintptr_t)i, 0);
            change(kq, (uintptr_t)i, EVFILT_USER, 0, NOTE_TRIGGER, 0, (void *)(intptr_t)i);
        }
    }
    for (int lap = 0; lap < 4; lap++) {
        bool seen[16] = {false};
        int distinct = 0;
        for (int call = 0; call < (count + 2) / 3; call++) {
            struct kevent events[3];
            int got = collect(kq, events, 3, 0);
            REQUIRE(got > 0);
            for (int i = 0; i < got; i++) {
                intptr_t place = (intptr_t)events[i].udata;
                REQUIRE(place >= 0 && place < count);
                if (lap == 0 && distinct < count)
                    REQUIRE(!seen[place]); /* none a second time before all came once */
                distinct += !seen[place];
                seen[place] = true;
            }
        }
        REQUIRE_EQ(distinct, count);
    }
    close(kq);
}

static void ten_level_knotes_three_at_a_time(void) {
    require_fair(10, 0);
    require_fair(0, 10);
    require_fair(5, 5);
    require_fair(1, 9);
    require_fair(9, 1);
}

/* READ, WRITE or both of a socket, or READ of a pipe, all of them ready; udata is the knote's place. */
static int add_ready(int kq, int pair[2], unsigned *seed, int place) {
    enum { READ_OF_A_PIPE, READS, WRITES, BOTH };
    int kind = rand_r(seed) % 4;
    if (kind == READ_OF_A_PIPE)
        new_pipe(pair);
    else
        unix_pair(pair);
    put(pair[1], "x");
    if (kind != WRITES)
        change(kq, (uintptr_t)pair[0], EVFILT_READ, EV_ADD, 0, 0, (void *)(intptr_t)place++);
    if (kind >= WRITES)
        change(kq, (uintptr_t)pair[0], EVFILT_WRITE, EV_ADD, 0, 0, (void *)(intptr_t)place++);
    return place;
}

/* The calls that it takes tell of all, from whichever of them one counts. */
static void require_turns(int kq, int count, int room) {
    int last[16] = {0}, enough = (count + room - 1) / room;
    for (int call = 1; call <= 6 * enough; call++) {
        struct kevent events[16];
        REQUIRE_EQ(collect(kq, events, room, 0), room);
        for (int i = 0; i < room; i++)
            last[(intptr_t)events[i].udata] = call;
        for (int i = 0; i < count; i++)
            REQUIRE(call - last[i] < enough || call < enough);
    }
}

static void both_filters_of_some_descriptors(void) {
    for (unsigned seed = 1; seed <= 300; seed++) {
        unsigned random = seed;
        int kq = new_kqueue(), pair[8][2], objects = 2 + rand_r(&random) % 6, count = 0;
        for (int i = 0; i < objects; i++)
            count = add_ready(kq, pair[i], &random, count);
        require_turns(kq, count, 1 + rand_r(&random) % count);
        for (int i = 0; i < 2 * objects; i++)
            close(pair[i / 2][i % 2]);
        close(kq);
    }
}

/* ---- Knotes that the system reports and that have nothing to deliver ---- */

enum { READY = 6, AT_A_TIME = 2 };

static void add_disabled_at_its_end(int kq) {
    int pipes[2];
    new_pipe(pipes);
    close(pipes[1]);
    change(kq, (uintptr_t)pipes[0], EVFILT_READ, EV_ADD | EV_DISABLE, 0, 0, NULL);
}

static void add_below_low_water(int kq) {
    int pair[2];
    unix_pair(pair);
    put(pair[1], "x");
    change(kq, (uintptr_t)pair[0], EVFILT_READ, EV_ADD, NOTE_LOWAT, 10, NULL);
}

/* Each call returns as many as fit, and each knote has its turn before any has a second one. */
static void require_full_calls(void (*add_idle)(int kq), unsigned short flags) {
    int kq = new_kqueue(), pipes[READY][2], seen[READY] = {0};
    struct kevent events[AT_A_TIME];
    for (int i = 0; i < READY; i++) {
        new_pipe(pipes[i]);
        put(pipes[i][1], "x");
        add_idle(kq);
        change(kq, (uintptr_t)pipes[i][0], EVFILT_READ, EV_ADD | flags, 0, 0, (void *)(intptr_t)i);
    }
    for (int call = 0; call < READY / AT_A_TIME; call++) {
        REQUIRE_EQ(collect(kq, events, AT_A_TIME, 0), AT_A_TIME);
        for (int i = 0; i < AT_A_TIME; i++)
            REQUIRE_EQ(seen[(intptr_t)events[i].udata]++, 0);
    }
    if (flags == 0)
        REQUIRE_EQ(collect(kq, events, AT_A_TIME, 1000), AT_A_TIME);
    else
        require_silent(kq);
}

static void idle_knotes_take_no_room(void) {
    static void (*const idle[])(int) = {add_disabled_at_its_end, add_below_low_water};
    static const unsigned short flags[] = {0, EV_CLEAR, EV_ONESHOT, EV_DISPATCH};
    need_descriptors(1000);
    for (int i = 0; i < 2; i++)
        for (int j = 0; j < 4; j++)
            require_full_calls(idle[i], flags[j]);
}

/* One is ready and is told first; the call polls on, past the others and to that one again. */
static void further_polls_tell_nothing_twice(void) {
    int kq = new_kqueue(), pipes[2];
    struct kevent events[2];
    new_pipe(pipes);
    put(pipes[1], "x");
    change(kq, (uintptr_t)pipes[0], EVFILT_READ, EV_ADD, 0, 0, NULL);
    for (int i = 0; i < 40; i++)
        add_disabled_at_its_end(kq);
    for (int call = 0; call < 3; call++)
        REQUIRE_EQ(collect(kq, events, 2, call == 0 ? 0 : 1000), 1);
}

static void no_knote_twice_in_a_call(void) {
    int kq = new_kqueue(), pair[2];
    struct kevent events[64];
    unix_pair(pair);
    put(pair[1], "x");
    change(kq, (uintptr_t)pair[0], EVFILT_READ, EV_ADD, 0, 0, NULL);
    change(kq, (uintptr_t)pair[0], EVFILT_WRITE, EV_ADD, 0, 0, NULL);
    add_triggered(kq, 1, 0);
    add_triggered(kq, 2, EV_CLEAR);
    change(kq, 3, EVFILT_TIMER, EV_ADD, NOTE_USECONDS, 100, NULL);
    for (int round = 0; round < 50; round++) {
        trigger(kq, 2);
        sleep_ms(1); /* several periods of the timer */
        int got = collect(kq, events, 64, 0);
        REQUIRE(got >= 4 && got <= 5);
        for (int i = 0; i < got; i++)
            for (int j = 0; j < i; j++)
                REQUIRE(events[i].ident != events[j].ident || events[i].filter != events[j].filter);
    }
}

struct triggering {
    int kq;
    atomic_bool done;
};

static void *keep_triggering(void *argument) {
    struct triggering *triggering = argument;
    while (!triggering->done)
        trigger(triggering->kq, 1);
    return NULL;
}

static void no_knote_twice_while_triggered(void) {
    struct triggering triggering = {.kq = new_kqueue()};
    struct kevent events[64];
    add_user(triggering.kq, 1, EV_CLEAR);
    pthread_t thread = start_thread(keep_triggering, &triggering);
    for (int round = 0; round < 3000; round++)
        REQUIRE_EQ(collect(triggering.kq, events, 64, PATIENCE), 1);
    triggering.done = true;
    join_thread(thread);
}

static void triggers_in_order(void) {
    int kq = new_kqueue();
    struct kevent events[8];
    for (uintptr_t i = 0; i < 8; i++)
        add_user(kq, i, EV_CLEAR);
    for (unsigned round = 0; round < 8; round++) {
        for (unsigned i = 0; i < 8; i++)
            trigger(kq, (i * 3 + round) % 8);
        trigger(kq, round % 8); /* one that is queued does not move */
        REQUIRE_EQ(collect(kq, events, 8, PATIENCE), 8);
        for (unsigned i = 0; i < 8; i++)
            REQUIRE_EQ(events[i].ident, (i * 3 + round) % 8);
    }
}

static void ready_descriptor_does_not_starve_user(void) {
    int kq = new_kqueue(), pair[2];
    struct kevent event;
    unix_pair(pair);
    change(kq, (uintptr_t)pair[0], EVFILT_WRITE, EV_ADD, 0, 0, NULL);
    add_user(kq, 1, EV_CLEAR);
    for (int round = 0; round < 20; round++) {
        for (int i = 0; i < round % 3; i++) {
            REQUIRE_EQ(collect(kq, &event, 1, 0), 1);
            REQUIRE_EQ(event.filter, EVFILT_WRITE);
        }
        trigger(kq, 1);
        bool seen = false;
        for (int call = 0; call < 2; call++) {
            REQUIRE_EQ(collect(kq, &event, 1, 0), 1);
            seen |= event.filter == EVFILT_USER;
        }
        REQUIRE(seen);
    }
}

/* The other way about: a level USER knote and a descriptor that turns ready. */
static void ready_user_does_not_starve_descriptors(void) {
    int kq = new_kqueue(), pair[2];
    struct kevent event;
    unix_pair(pair);
    add_triggered(kq, 1, 0);
    change(kq, (uintptr_t)pair[0], EVFILT_READ, EV_ADD, 0, 0, NULL);
    for (int round = 0; round < 20; round++) {
        put(pair[1], "x");
        bool seen = false;
        for (int call = 0; call < 2; call++) {
            REQUIRE_EQ(collect(kq, &event, 1, 0), 1);
            seen |= event.filter == EVFILT_READ;
        }
        REQUIRE(seen);
        take(pair[0], 1);
    }
}

static void two_kqueues_one_descriptor(void) {
    static const int flags[] = {0, EV_CLEAR, EV_ONESHOT, EV_DISPATCH};
    for (int f = 0; f < 4; f++) {
        int kqs[2] = {new_kqueue(), new_kqueue()}, pair[2];
        unix_pair(pair);
        for (int i = 0; i < 2; i++)
            change(kqs[i], (uintptr_t)pair[0], EVFILT_READ, EV_ADD | flags[f], 0, 0, NULL);
        put(pair[1], "x");
        for (int i = 0; i < 2; i++)
            REQUIRE_EQ(next_event(kqs[i]).ident, pair[0]);
        delete_knote(kqs[0], (uintptr_t)pair[0], EVFILT_READ);
        if (flags[f] == EV_DISPATCH)
            change(kqs[1], (uintptr_t)pair[0], EVFILT_READ, EV_ENABLE, 0, 0, NULL);
        if (flags[f] == EV_ONESHOT)
            change(kqs[1], (uintptr_t)pair[0], EVFILT_READ, EV_ADD, 0, 0, NULL);
        put(pair[1], "x");
        REQUIRE_EQ(next_event(kqs[1]).data, 2);
        require_silent(kqs[0]);
    }
}

const struct contract_case order_cases[] = {
    {"C-085", "a condition over before the call is not reported", condition_over_before_the_call, 0},
    {"C-085", "nor does it spend EV_ONESHOT or EV_DISPATCH", oneshot_survives_a_condition_that_is_over, 0},
    {"C-086", "level knotes take turns", ten_level_knotes_three_at_a_time, 0},
    {"C-086", "READ and WRITE of one descriptor among them", both_filters_of_some_descriptors, 20},
    {"C-086", "what is reported with nothing to deliver takes no room", idle_knotes_take_no_room, 0},
    {"C-086", "nothing is told twice behind it", further_polls_tell_nothing_twice, 0},
    {"C-087", "no knote twice in one call", no_knote_twice_in_a_call, 0},
    {"C-087", "no knote twice while it is triggered", no_knote_twice_while_triggered, 30},
    {"C-088", "USER triggers come in order", triggers_in_order, 0},
    {"C-089", "a ready descriptor does not starve a USER trigger", ready_descriptor_does_not_starve_user, 0},
    {"C-089", "a level USER knote does not starve a descriptor", ready_user_does_not_starve_descriptors, 0},
    {"C-090", "two kqueues watching one descriptor both report", two_kqueues_one_descriptor, 0},
    {NULL, NULL, NULL, 0},
};
