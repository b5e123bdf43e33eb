/*
 * EVFILT_USER: C-316 to C-336.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "contract.h"

#include <semaphore.h>
#include <sys/epoll.h>

static void modify(int kq, uintptr_t ident, int flags, unsigned fflags, intptr_t data, void *udata) {
    change(kq, ident, EVFILT_USER, flags, fflags, data, udata);
}

/* Requires one event with exactly these fields. */
#define EXPECT(kq, ident, flags, fflags, data, udata) expect(__LINE__, kq, ident, flags, fflags, data, udata)
static void expect(int line, int kq, uintptr_t ident, int flags, unsigned fflags, intptr_t data, void *udata) {
    struct kevent event = next_event(kq);
    if (event.ident != ident || event.filter != EVFILT_USER || event.flags != flags || event.fflags != fflags ||
        event.data != data || event.udata != udata)
        contract_fail(__FILE__, line,
                      "ident %ju filter %d flags 0x%x fflags 0x%x data %jd udata %p; "
                      "wanted ident %ju flags 0x%x fflags 0x%x data %jd udata %p",
                      (uintmax_t)event.ident, event.filter, event.flags, event.fflags, (intmax_t)event.data,
                      event.udata, (uintmax_t)ident, (unsigned)flags, fflags, (intmax_t)data, udata);
}

static void untriggered_is_silent(void) {
    int kq = new_kqueue();
    modify(kq, 1, EV_ADD, 0, 0, NULL);
    require_silent(kq);
    modify(kq, 1, EV_ENABLE, 0, 0, NULL);
    modify(kq, 1, EV_ADD, NOTE_FFOR | 5, 3, NULL);
    require_silent(kq);
}

static void a_trigger_is_one_event_with_clear(void) {
    int kq = new_kqueue(), mark;
    modify(kq, 1, EV_ADD | EV_CLEAR, 0, 0, &mark);
    for (int i = 0; i < 3; i++) {
        modify(kq, 1, 0, NOTE_TRIGGER, 0, &mark);
        EXPECT(kq, 1, EV_ADD | EV_CLEAR, 0, 0, &mark);
        require_silent(kq);
    }
}

static void a_trigger_reaches_its_knote_alone(void) {
    int kq = new_kqueue(), other = new_kqueue();
    for (uintptr_t ident = 1; ident <= 3; ident++)
        modify(kq, ident, EV_ADD | EV_CLEAR, 0, 0, NULL);
    modify(other, 2, EV_ADD | EV_CLEAR, 0, 0, NULL);
    modify(kq, 2, 0, NOTE_TRIGGER, 0, NULL);
    EXPECT(kq, 2, EV_ADD | EV_CLEAR, 0, 0, NULL);
    require_silent(kq);
    require_silent(other);
}

static void level_repeats_until_deleted(void) {
    int kq = new_kqueue();
    modify(kq, 1, EV_ADD, 0, 0, NULL);
    modify(kq, 1, 0, NOTE_TRIGGER, 7, NULL);
    for (int i = 0; i < 4; i++)
        EXPECT(kq, 1, EV_ADD, 0, 7, NULL);
    modify(kq, 1, EV_DELETE, 0, 0, NULL);
    require_silent(kq);
}

static void level_pauses_while_disabled(void) {
    int kq = new_kqueue();
    modify(kq, 1, EV_ADD, 0, 0, NULL);
    modify(kq, 1, 0, NOTE_TRIGGER, 0, NULL);
    EXPECT(kq, 1, EV_ADD, 0, 0, NULL);
    modify(kq, 1, EV_DISABLE, 0, 0, NULL);
    require_silent(kq);
    modify(kq, 1, EV_ENABLE, 0, 0, NULL);
    EXPECT(kq, 1, EV_ADD, 0, 0, NULL);
    EXPECT(kq, 1, EV_ADD, 0, 0, NULL);
}

static void many_triggers_are_one_event(void) {
    int kq = new_kqueue();
    modify(kq, 1, EV_ADD | EV_CLEAR, 0, 0, NULL);
    for (int i = 0; i < 10; i++)
        modify(kq, 1, 0, NOTE_TRIGGER, i, NULL);
    EXPECT(kq, 1, EV_ADD | EV_CLEAR, 0, 9, NULL);
    require_silent(kq);
}

static void triggers_gather_their_bits(void) {
    int kq = new_kqueue();
    modify(kq, 1, EV_ADD | EV_CLEAR, 0, 0, NULL);
    for (unsigned bit = 1; bit <= 4; bit *= 2)
        modify(kq, 1, 0, NOTE_TRIGGER | NOTE_FFOR | bit, (intptr_t)bit, NULL);
    EXPECT(kq, 1, EV_ADD | EV_CLEAR, 7, 4, NULL);
    require_silent(kq);
}

static void operations_change_the_stored_bits(void) {
    const struct {
        unsigned operation, operand, result;
    } steps[] = {
        {NOTE_FFNOP, 0x123456, 0x00ff0f},  {NOTE_FFAND, 0xf0f00f, 0x00f00f}, {NOTE_FFOR, 0x000ff0, 0x00ffff},
        {NOTE_FFCOPY, 0xabcdef, 0xabcdef}, {NOTE_FFNOP, 0, 0xabcdef},        {NOTE_FFOR, 0, 0xabcdef},
        {NOTE_FFAND, 0xffffff, 0xabcdef},  {NOTE_FFAND, 0, 0},               {NOTE_FFOR, 0xffffff, 0xffffff},
        {NOTE_FFCOPY, 0, 0},
    };
    int level = new_kqueue(), clear = new_kqueue();
    modify(level, 1, EV_ADD, 0x00ff0f, 0, NULL);
    modify(clear, 1, EV_ADD | EV_CLEAR, 0x00ff0f, 0, NULL);
    modify(level, 1, 0, NOTE_TRIGGER, 0, NULL);
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        modify(level, 1, 0, steps[i].operation | steps[i].operand, 0, NULL);
        EXPECT(level, 1, EV_ADD, steps[i].result, 0, NULL);
        modify(clear, 1, 0, steps[i].operation | steps[i].operand | NOTE_TRIGGER, 0, NULL);
        EXPECT(clear, 1, EV_ADD | EV_CLEAR, steps[i].result, 0, NULL);
    }
}

static void a_new_knote_stores_the_bits_whatever_the_operation(void) {
    const unsigned operations[] = {NOTE_FFNOP, NOTE_FFAND, NOTE_FFOR, NOTE_FFCOPY};
    int kq = new_kqueue();
    for (uintptr_t i = 0; i < 4; i++) {
        modify(kq, i, EV_ADD | EV_CLEAR, operations[i] | 0x1234, 0, NULL);
        modify(kq, i, 0, NOTE_TRIGGER, 0, NULL);
        EXPECT(kq, i, EV_ADD | EV_CLEAR, 0x1234, 0, NULL);
    }
}

static void control_bits_are_never_delivered(void) {
    int kq = new_kqueue();
    modify(kq, 1, EV_ADD | EV_CLEAR, 0xffffffff, 0, NULL);
    modify(kq, 1, 0, NOTE_TRIGGER, 0, NULL);
    EXPECT(kq, 1, EV_ADD | EV_CLEAR, 0xffffff, 0, NULL);
    modify(kq, 1, 0, NOTE_FFCOPY | 0xff000000, 0, NULL);
    EXPECT(kq, 1, EV_ADD | EV_CLEAR, 0, 0, NULL);
    modify(kq, 1, 0, NOTE_TRIGGER | NOTE_FFOR | 0xff000001, 0, NULL);
    EXPECT(kq, 1, EV_ADD | EV_CLEAR, 1, 0, NULL);
    modify(kq, 1, 0, NOTE_TRIGGER | NOTE_FFAND | 0x3f000001, 0, NULL);
    EXPECT(kq, 1, EV_ADD | EV_CLEAR, 1, 0, NULL);
    require_silent(kq);
}

static void stored_bits_survive_clear(void) {
    int kq = new_kqueue();
    modify(kq, 1, EV_ADD | EV_CLEAR, 0, 0, NULL);
    modify(kq, 1, 0, NOTE_TRIGGER | NOTE_FFOR | 1, 5, NULL);
    EXPECT(kq, 1, EV_ADD | EV_CLEAR, 1, 5, NULL);
    modify(kq, 1, 0, NOTE_TRIGGER | NOTE_FFOR | 2, 6, NULL);
    EXPECT(kq, 1, EV_ADD | EV_CLEAR, 3, 6, NULL);
    modify(kq, 1, 0, NOTE_TRIGGER | NOTE_FFAND, 0, NULL);
    EXPECT(kq, 1, EV_ADD | EV_CLEAR, 0, 0, NULL);
}

static void data_of_the_last_modify_is_delivered(void) {
    int kq = new_kqueue();
    modify(kq, 1, EV_ADD | EV_CLEAR, 0, 11, NULL);
    modify(kq, 1, 0, NOTE_TRIGGER, 12, NULL);
    modify(kq, 1, EV_ADD, 0, 13, NULL);
    EXPECT(kq, 1, EV_ADD | EV_CLEAR, 0, 13, NULL);
    const intptr_t extremes[] = {INTPTR_MIN, INTPTR_MAX, -1, 0};
    for (size_t i = 0; i < sizeof extremes / sizeof *extremes; i++) {
        modify(kq, 1, 0, NOTE_TRIGGER, extremes[i], NULL);
        EXPECT(kq, 1, EV_ADD | EV_CLEAR, 0, extremes[i], NULL);
    }
}

static void a_bare_enable_keeps_data_and_bits(void) {
    int kq = new_kqueue();
    modify(kq, 1, EV_ADD | EV_CLEAR, 3, 11, NULL);
    modify(kq, 1, EV_DISABLE, 0, 1, NULL);
    modify(kq, 1, 0, NOTE_TRIGGER | NOTE_FFOR | 4, 12, NULL);
    modify(kq, 1, EV_ENABLE, 0, 2, NULL);
    EXPECT(kq, 1, EV_ADD | EV_CLEAR, 7, 12, NULL);
}

static void a_bare_trigger_replaces_udata(void) {
    int kq = new_kqueue(), first, second;
    modify(kq, 1, EV_ADD | EV_CLEAR, 0, 0, &first);
    modify(kq, 1, 0, NOTE_TRIGGER, 0, &second);
    EXPECT(kq, 1, EV_ADD | EV_CLEAR, 0, 0, &second);
    modify(kq, 1, 0, NOTE_TRIGGER, 0, NULL);
    EXPECT(kq, 1, EV_ADD | EV_CLEAR, 0, 0, NULL);
    modify(kq, 1, EV_ADD, 0, 0, &first);
    modify(kq, 1, EV_KEEPUDATA, NOTE_TRIGGER, 0, &second);
    EXPECT(kq, 1, EV_ADD | EV_CLEAR, 0, 0, &first);
}

static void adding_with_a_trigger_fires(void) {
    int kq = new_kqueue();
    modify(kq, 1, EV_ADD | EV_CLEAR, NOTE_TRIGGER | NOTE_FFOR | 6, 4, NULL);
    EXPECT(kq, 1, EV_ADD | EV_CLEAR, 6, 4, NULL);
    require_silent(kq);
    modify(kq, 2, EV_ADD | EV_ONESHOT, NOTE_TRIGGER, 0, NULL);
    EXPECT(kq, 2, EV_ADD | EV_ONESHOT, 0, 0, NULL);
}

static void adding_again_with_a_trigger_fires(void) {
    int kq = new_kqueue();
    modify(kq, 1, EV_ADD | EV_CLEAR, 0, 0, NULL);
    require_silent(kq);
    modify(kq, 1, EV_ADD, NOTE_TRIGGER, 2, NULL);
    EXPECT(kq, 1, EV_ADD | EV_CLEAR, 0, 2, NULL);
    require_silent(kq);
}

/* An event loop's wake-up: were EV_CLEAR lost with the modify, the loop would spin. */
static void a_receipt_trigger_keeps_clear(void) {
    int kq = new_kqueue();
    struct kevent entry;
    modify(kq, 1, EV_ADD | EV_CLEAR, 0, 0, NULL);
    EV_SET(&entry, 1, EVFILT_USER, EV_ADD | EV_RECEIPT, NOTE_TRIGGER, 0, NULL);
    REQUIRE_EQ(kevent(kq, &entry, 1, &entry, 1, NULL), 1);
    REQUIRE_EQ(entry.flags, EV_ADD | EV_RECEIPT | EV_ERROR);
    REQUIRE_EQ(entry.data, 0);
    EXPECT(kq, 1, EV_ADD | EV_CLEAR, 0, 0, NULL);
    require_silent(kq);
}

static void clear_without_trigger_takes_the_trigger_back(void) {
    const int stored[] = {0, EV_CLEAR};
    const int entries[] = {EV_CLEAR, EV_ADD | EV_CLEAR, EV_ENABLE | EV_CLEAR};
    for (int i = 0; i < 2; i++) {
        for (int j = 0; j < 3; j++) {
            int kq = new_kqueue();
            modify(kq, 1, EV_ADD | stored[i], 0, 0, NULL);
            modify(kq, 1, 0, NOTE_TRIGGER | NOTE_FFOR | 1, 1, NULL);
            modify(kq, 1, entries[j], 0, 2, NULL);
            require_silent(kq);
            modify(kq, 1, 0, NOTE_TRIGGER, 3, NULL);
            EXPECT(kq, 1, EV_ADD | stored[i], 1, 3, NULL);
        }
    }
}

static void a_trigger_taken_back_leaves_the_kqueue_unreadable(void) {
    int kq = new_kqueue();
    struct pollfd readable = {.fd = kq, .events = POLLIN};
    modify(kq, 1, EV_ADD | EV_CLEAR, 0, 0, NULL);
    modify(kq, 1, 0, NOTE_TRIGGER, 0, NULL);
    REQUIRE_EQ(poll(&readable, 1, PATIENCE), 1);
    modify(kq, 1, EV_CLEAR, 0, 0, NULL);
    REQUIRE_EQ(poll(&readable, 1, 0), 0);
}

static void clear_with_trigger_fires(void) {
    const int entries[] = {EV_CLEAR, EV_ADD | EV_CLEAR, EV_ENABLE | EV_CLEAR};
    int kq = new_kqueue();
    modify(kq, 1, EV_ADD | EV_CLEAR, 0, 0, NULL);
    for (int i = 0; i < 3; i++) {
        modify(kq, 1, entries[i], NOTE_TRIGGER, i, NULL);
        EXPECT(kq, 1, EV_ADD | EV_CLEAR, 0, i, NULL);
        require_silent(kq);
    }
    modify(kq, 1, 0, NOTE_TRIGGER, 8, NULL);
    modify(kq, 1, EV_ADD | EV_CLEAR, NOTE_TRIGGER, 9, NULL);
    EXPECT(kq, 1, EV_ADD | EV_CLEAR, 0, 9, NULL);
}

static void enable_and_trigger_in_one_entry_fire(void) {
    int kq = new_kqueue();
    modify(kq, 1, EV_ADD | EV_CLEAR | EV_DISPATCH, 0, 0, NULL);
    modify(kq, 1, 0, NOTE_TRIGGER, 0, NULL);
    EXPECT(kq, 1, EV_ADD | EV_CLEAR | EV_DISPATCH, 0, 0, NULL);
    for (int i = 1; i < 4; i++) {
        require_silent(kq);
        modify(kq, 1, EV_ENABLE, NOTE_TRIGGER, i, NULL);
        EXPECT(kq, 1, EV_ADD | EV_CLEAR | EV_DISPATCH, 0, i, NULL);
    }
}

static void dispatch_without_clear_fires_at_each_enable(void) {
    int kq = new_kqueue();
    modify(kq, 1, EV_ADD | EV_DISPATCH, NOTE_TRIGGER, 0, NULL);
    EXPECT(kq, 1, EV_ADD | EV_DISPATCH, 0, 0, NULL);
    require_silent(kq);
    modify(kq, 1, EV_ENABLE, 0, 0, NULL);
    EXPECT(kq, 1, EV_ADD | EV_DISPATCH, 0, 0, NULL);
    require_silent(kq);
}

static void a_trigger_while_disabled_waits_for_enable(void) {
    int kq = new_kqueue();
    modify(kq, 1, EV_ADD | EV_CLEAR, 0, 0, NULL);
    modify(kq, 1, EV_DISABLE, 0, 0, NULL);
    modify(kq, 1, 0, NOTE_TRIGGER | NOTE_FFOR | 2, 5, NULL);
    require_silent(kq);
    modify(kq, 1, EV_ENABLE, 0, 0, NULL);
    EXPECT(kq, 1, EV_ADD | EV_CLEAR, 2, 5, NULL);
    require_silent(kq);
}

static void added_disabled_and_triggered_fires_at_enable(void) {
    int kq = new_kqueue();
    modify(kq, 1, EV_ADD | EV_CLEAR | EV_DISABLE, NOTE_TRIGGER | 3, 5, NULL);
    require_silent(kq);
    modify(kq, 1, EV_ENABLE, 0, 0, NULL);
    EXPECT(kq, 1, EV_ADD | EV_CLEAR, 3, 5, NULL);
    require_silent(kq);
}

static void a_trigger_wakes_a_parked_thread(void) {
    int kq = new_kqueue();
    struct waiter waiter;
    modify(kq, 1, EV_ADD | EV_CLEAR, 0, 0, NULL);
    for (int i = 0; i < 5; i++) {
        start_waiter(&waiter, kq, 8, -1);
        park_waiter(&waiter);
        double before = now_ms();
        modify(kq, 1, 0, NOTE_TRIGGER, i, NULL);
        double after = now_ms();
        join_waiter(&waiter);
        REQUIRE(after - before < LATE); /* never waits for the sleeper */
        REQUIRE(waiter.ended - before < LATE);
        REQUIRE_EQ(waiter.result, 1);
        REQUIRE_EQ(waiter.events[0].data, i);
    }
}

static void a_trigger_wakes_pollers(void) {
    int kq = new_kqueue(), outer = new_kqueue(), epoll = epoll_create1(EPOLL_CLOEXEC);
    struct pollfd readable = {.fd = kq, .events = POLLIN};
    struct epoll_event ready = {.events = EPOLLIN};
    REQUIRE(epoll_ctl(epoll, EPOLL_CTL_ADD, kq, &ready) == 0);
    change(outer, (uintptr_t)kq, EVFILT_READ, EV_ADD, 0, 0, NULL);
    modify(kq, 1, EV_ADD | EV_CLEAR, 0, 0, NULL);
    for (int i = 0; i < 3; i++) {
        REQUIRE_EQ(poll(&readable, 1, 0), 0);
        REQUIRE_EQ(epoll_wait(epoll, &ready, 1, 0), 0);
        require_silent(outer);
        modify(kq, 1, 0, NOTE_TRIGGER, i, NULL);
        REQUIRE_EQ(poll(&readable, 1, PATIENCE), 1);
        REQUIRE_EQ(epoll_wait(epoll, &ready, 1, PATIENCE), 1);
        struct kevent event = next_event(outer);
        REQUIRE(event.ident == (uintptr_t)kq && event.filter == EVFILT_READ && event.data >= 1);
        EXPECT(kq, 1, EV_ADD | EV_CLEAR, 0, i, NULL);
    }
}

/* Sixteen threads that trigger, sixteen that wait in one kqueue. */
enum { THREADS = 16, ROUNDS = 200, STOP = 1000 };

static struct crowd {
    int kq;
    bool shared; /* all trigger one knote, one after another */
    atomic_int delivered[THREADS];
    sem_t answered[THREADS];
    pthread_mutex_t turn;
} crowd;

static void *wait_in_the_crowd(void *unused) {
    struct kevent event;
    for (;;) {
        REQUIRE_EQ(kevent(crowd.kq, NULL, 0, &event, 1, NULL), 1);
        REQUIRE_EQ(event.filter, EVFILT_USER);
        if (event.ident == STOP)
            return unused;
        REQUIRE(event.ident < THREADS);
        REQUIRE(event.data >= 0 && event.data < THREADS);
        atomic_fetch_add(&crowd.delivered[event.data], 1);
        REQUIRE(sem_post(&crowd.answered[event.data]) == 0);
    }
}

static void *trigger_in_the_crowd(void *argument) {
    int self = (int)(intptr_t)argument;
    for (int round = 0; round < ROUNDS; round++) {
        if (crowd.shared)
            REQUIRE(pthread_mutex_lock(&crowd.turn) == 0);
        modify(crowd.kq, crowd.shared ? 0 : (uintptr_t)self, 0, NOTE_TRIGGER, self, NULL);
        while (sem_wait(&crowd.answered[self]) == -1)
            REQUIRE_EQ(errno, EINTR);
        if (crowd.shared)
            REQUIRE(pthread_mutex_unlock(&crowd.turn) == 0);
    }
    return NULL;
}

static void run_crowd(bool shared) {
    pthread_t waiters[THREADS], triggerers[THREADS];
    crowd.kq = new_kqueue();
    crowd.shared = shared;
    REQUIRE(pthread_mutex_init(&crowd.turn, NULL) == 0);
    for (int i = 0; i < THREADS; i++) {
        modify(crowd.kq, (uintptr_t)i, EV_ADD | EV_CLEAR, 0, 0, NULL);
        REQUIRE(sem_init(&crowd.answered[i], 0, 0) == 0);
    }
    for (int i = 0; i < THREADS; i++)
        waiters[i] = start_thread(wait_in_the_crowd, NULL);
    for (int i = 0; i < THREADS; i++)
        triggerers[i] = start_thread(trigger_in_the_crowd, (void *)(intptr_t)i);
    for (int i = 0; i < THREADS; i++)
        join_thread(triggerers[i]);
    modify(crowd.kq, STOP, EV_ADD, NOTE_TRIGGER, 0, NULL);
    for (int i = 0; i < THREADS; i++)
        join_thread(waiters[i]);
    for (int i = 0; i < THREADS; i++)
        REQUIRE_EQ(crowd.delivered[i], ROUNDS);
}

static void each_trigger_reaches_one_of_many_waiters(void) {
    run_crowd(false);
}

static void triggers_of_one_knote_reach_one_waiter_each(void) {
    run_crowd(true);
}

static void *trigger_fast(void *argument) {
    for (int i = 0; i < 20000; i++) {
        int code = change_errno(*(int *)argument, 1, EVFILT_USER, 0, NOTE_TRIGGER | NOTE_FFOR | 5, 3, NULL);
        REQUIRE(code == 0 || code == ENOENT);
    }
    return NULL;
}

static void triggers_race_deletes(void) {
    int kq = new_kqueue();
    struct kevent events[8];
    pthread_t thread = start_thread(trigger_fast, &kq);
    for (int i = 0; i < 5000; i++) {
        modify(kq, 1, EV_ADD | EV_CLEAR, 0, 0, NULL);
        int got = collect(kq, events, 8, 0);
        REQUIRE(got <= 1);
        if (got == 1)
            REQUIRE(events[0].fflags == 5 && events[0].data == 3);
        modify(kq, 1, EV_DELETE, 0, 0, NULL);
        REQUIRE_EQ(collect(kq, events, 8, 0), 0);
    }
    join_thread(thread);
}

static void a_missing_knote_is_enoent(void) {
    int kq = new_kqueue(), other = new_kqueue();
    modify(other, 1, EV_ADD, 0, 0, NULL);
    modify(kq, 2, EV_ADD, 0, 0, NULL);
    REQUIRE_EQ(change_errno(kq, 1, EVFILT_USER, 0, NOTE_TRIGGER, 0, NULL), ENOENT);
    REQUIRE_EQ(change_errno(kq, 1, EVFILT_USER, EV_ENABLE, NOTE_TRIGGER, 0, NULL), ENOENT);
    modify(kq, 2, EV_DELETE, 0, 0, NULL);
    REQUIRE_EQ(change_errno(kq, 2, EVFILT_USER, 0, NOTE_TRIGGER, 0, NULL), ENOENT);
    require_silent(kq);
    require_silent(other);
}

static void extreme_idents_work(void) {
    const uintptr_t idents[] = {0, UINTPTR_MAX, UINTPTR_MAX - 1, (uintptr_t)INTPTR_MAX + 1, 0x12345678};
    enum { COUNT = sizeof idents / sizeof *idents };
    int kq = new_kqueue();
    for (int i = 0; i < COUNT; i++)
        modify(kq, idents[i], EV_ADD | EV_CLEAR, 0, 0, NULL);
    for (int i = 0; i < COUNT; i++) {
        modify(kq, idents[i], 0, NOTE_TRIGGER, i, NULL);
        EXPECT(kq, idents[i], EV_ADD | EV_CLEAR, 0, i, NULL);
    }
    for (int i = 0; i < COUNT; i++)
        modify(kq, idents[i], EV_DELETE, 0, 0, NULL);
}

static void thousands_of_knotes_need_no_descriptors(void) {
    enum { COUNT = 8192 };
    static struct kevent events[COUNT + 1];
    static bool seen[COUNT];
    int kq = new_kqueue(), got = 0;
    modify(kq, 0, EV_ADD | EV_CLEAR, 0, 0, NULL);
    int descriptors = open_descriptors();
    for (uintptr_t i = 1; i < COUNT; i++)
        modify(kq, i, EV_ADD | EV_CLEAR, 0, 0, NULL);
    REQUIRE_EQ(open_descriptors(), descriptors);
    for (uintptr_t i = 0; i < COUNT; i++)
        modify(kq, i, 0, NOTE_TRIGGER, (intptr_t)i, NULL);
    while (got < COUNT) {
        int now = collect(kq, events, COUNT + 1, PATIENCE);
        REQUIRE(now > 0);
        for (int i = 0; i < now; i++) {
            REQUIRE(events[i].ident < COUNT && events[i].data == (intptr_t)events[i].ident);
            REQUIRE(!seen[events[i].ident]);
            seen[events[i].ident] = true;
        }
        got += now;
    }
    require_silent(kq);
    for (uintptr_t i = 0; i < COUNT; i++)
        modify(kq, i, EV_DELETE, 0, 0, NULL);
}

static void oneshot_delivers_what_is_stored_once(void) {
    int kq = new_kqueue();
    modify(kq, 1, EV_ADD | EV_ONESHOT, 4, 0, NULL);
    require_silent(kq);
    modify(kq, 1, 0, NOTE_TRIGGER | NOTE_FFOR | 2, 9, NULL);
    EXPECT(kq, 1, EV_ADD | EV_ONESHOT, 6, 9, NULL);
    require_silent(kq);
    REQUIRE_EQ(change_errno(kq, 1, EVFILT_USER, EV_DELETE, 0, 0, NULL), ENOENT);
    REQUIRE_EQ(change_errno(kq, 1, EVFILT_USER, 0, NOTE_TRIGGER, 0, NULL), ENOENT);
    modify(kq, 1, EV_ADD | EV_CLEAR, 0, 0, NULL);
    modify(kq, 1, 0, NOTE_TRIGGER, 0, NULL);
    EXPECT(kq, 1, EV_ADD | EV_CLEAR, 0, 0, NULL);
}

static void a_receipt_at_creation_stays_in_the_flags(void) {
    int kq = new_kqueue();
    modify(kq, 1, EV_ADD | EV_CLEAR | EV_RECEIPT, 0, 0, NULL);
    modify(kq, 1, 0, NOTE_TRIGGER, 0, NULL);
    EXPECT(kq, 1, EV_ADD | EV_CLEAR | EV_RECEIPT, 0, 0, NULL);
    struct kevent entry, event;
    EV_SET(&entry, 1, EVFILT_USER, 0, NOTE_TRIGGER, 0, NULL);
    REQUIRE_EQ(kevent(kq, &entry, 1, &event, 1, NULL), 1);
    REQUIRE_EQ(event.flags, EV_ADD | EV_CLEAR | EV_RECEIPT); /* the event, no second receipt */
}

const struct contract_case user_cases[] = {
    {"C-316", "added without a trigger is silent", untriggered_is_silent, 0},
    {"C-317", "a trigger is one event with EV_CLEAR", a_trigger_is_one_event_with_clear, 0},
    {"C-317", "a trigger reaches its knote alone", a_trigger_reaches_its_knote_alone, 0},
    {"C-318", "without EV_CLEAR it repeats until deleted", level_repeats_until_deleted, 0},
    {"C-318", "without EV_CLEAR it pauses while disabled", level_pauses_while_disabled, 0},
    {"C-319", "ten triggers are one event with the last data", many_triggers_are_one_event, 0},
    {"C-319", "triggers gather their bits", triggers_gather_their_bits, 0},
    {"C-320", "FFNOP, FFAND, FFOR, FFCOPY change the stored bits", operations_change_the_stored_bits, 0},
    {"C-320", "a new knote stores the bits whatever the operation", a_new_knote_stores_the_bits_whatever_the_operation,
     0},
    {"C-321", "the top 8 bits are never delivered", control_bits_are_never_delivered, 0},
    {"C-322", "stored bits survive EV_CLEAR", stored_bits_survive_clear, 0},
    {"C-323", "data of the last modify is delivered", data_of_the_last_modify_is_delivered, 0},
    {"C-323", "a bare EV_ENABLE keeps data and bits", a_bare_enable_keeps_data_and_bits, 0},
    {"C-324", "a bare trigger replaces udata", a_bare_trigger_replaces_udata, 0},
    {"C-325", "EV_ADD with NOTE_TRIGGER fires", adding_with_a_trigger_fires, 0},
    {"C-326", "EV_ADD with NOTE_TRIGGER on a knote that exists fires", adding_again_with_a_trigger_fires, 0},
    {"C-326", "a trigger with EV_RECEIPT keeps EV_CLEAR", a_receipt_trigger_keeps_clear, 0},
    {"C-327", "EV_CLEAR without NOTE_TRIGGER takes the trigger back", clear_without_trigger_takes_the_trigger_back, 0},
    {"C-327", "a trigger taken back leaves the kqueue unreadable",
     a_trigger_taken_back_leaves_the_kqueue_unreadable, 0},
    {"C-328", "EV_CLEAR with NOTE_TRIGGER fires", clear_with_trigger_fires, 0},
    {"C-329", "EV_ENABLE and NOTE_TRIGGER in one entry", enable_and_trigger_in_one_entry_fire, 0},
    {"C-329", "EV_DISPATCH without EV_CLEAR fires at each EV_ENABLE", dispatch_without_clear_fires_at_each_enable, 0},
    {"C-330", "a trigger while disabled waits for EV_ENABLE", a_trigger_while_disabled_waits_for_enable, 0},
    {"C-330", "added disabled and triggered", added_disabled_and_triggered_fires_at_enable, 0},
    {"C-331", "a trigger wakes a parked thread", a_trigger_wakes_a_parked_thread, 0},
    {"C-331", "a trigger wakes pollers of the kqueue", a_trigger_wakes_pollers, 0},
    {"C-331", "16 threads trigger, 16 wait", each_trigger_reaches_one_of_many_waiters, 30},
    {"C-331", "16 threads trigger one knote, 16 wait", triggers_of_one_knote_reach_one_waiter_each, 30},
    {"C-331", "triggers race deletes", triggers_race_deletes, 30},
    {"C-332", "a missing knote is ENOENT", a_missing_knote_is_enoent, 0},
    {"C-333", "ident 0 and UINTPTR_MAX work", extreme_idents_work, 0},
    {"C-334", "8192 knotes need no descriptors", thousands_of_knotes_need_no_descriptors, 30},
    {"C-335", "EV_ONESHOT delivers what is stored, once", oneshot_delivers_what_is_stored_once, 0},
    {"C-336", "EV_RECEIPT at creation stays in the flags", a_receipt_at_creation_stays_in_the_flags, 0},
    {NULL, NULL, NULL, 0},
};
