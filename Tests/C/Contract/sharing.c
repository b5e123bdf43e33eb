/*
 * Several threads on one kqueue: who gets an event, who is woken, what a
 * deletion leaves, and churn.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "contract.h"

static const struct timespec no_wait = {0, 0};

enum { THREADS = 4 };

/* Parks so many threads, each with room for one event. */
static void park(struct waiter *waiters, int count, int kq, long milliseconds) {
    for (int i = 0; i < count; i++)
        start_waiter(&waiters[i], kq, 1, milliseconds);
    for (int i = 0; i < count; i++)
        park_waiter(&waiters[i]);
}

/* Joins them all; the number of events they got. */
static int join(struct waiter *waiters, int count) {
    int events = 0;
    for (int i = 0; i < count; i++) {
        join_waiter(&waiters[i]);
        REQUIRE(waiters[i].result >= 0);
        events += waiters[i].result;
    }
    return events;
}

/* One occurrence of a knote of this filter while threads are parked: one of them gets it. */
static void require_one_receiver(int filter, int flags) {
    struct waiter waiters[THREADS];
    for (int round = 0; round < 3; round++) {
        int kq = new_kqueue(), pair[2];
        unix_pair(pair);
        uintptr_t ident = filter == EVFILT_READ || filter == EVFILT_WRITE ? (uintptr_t)pair[0] : 1;
        if (filter == EVFILT_READ || filter == EVFILT_USER)
            change(kq, ident, filter, EV_ADD | flags, 0, 0, NULL);
        park(waiters, THREADS, kq, -1);
        if (filter == EVFILT_READ)
            put(pair[1], "x");
        else if (filter == EVFILT_USER)
            trigger(kq, ident);
        else
            change(kq, ident, filter, EV_ADD | flags, 0, 20, NULL);
        struct kevent event = only_woken(waiters, THREADS);
        REQUIRE_EQ(event.ident, ident);
        REQUIRE_EQ(event.filter, filter);
        if (flags == EV_ONESHOT)
            REQUIRE(!delete_knote(kq, ident, filter));
        close(kq);
    }
}

static void clear_goes_to_one_thread(void) {
    require_one_receiver(EVFILT_USER, EV_CLEAR);
    require_one_receiver(EVFILT_READ, EV_CLEAR);
    require_one_receiver(EVFILT_WRITE, EV_CLEAR);
}

static void oneshot_goes_to_one_thread(void) {
    require_one_receiver(EVFILT_USER, EV_ONESHOT);
    require_one_receiver(EVFILT_READ, EV_ONESHOT);
    require_one_receiver(EVFILT_WRITE, EV_ONESHOT);
    require_one_receiver(EVFILT_TIMER, EV_ONESHOT);
}

/* Gives each event that it gets to the others again. */
static void *collect_and_add(void *argument) {
    const int *queue = argument;
    struct kevent event;
    while (collect(queue[0], &event, 1, 20000) == 1 && event.filter == EVFILT_READ) {
        take(queue[1], 1);
        change(queue[0], (uintptr_t)queue[1], EVFILT_READ, EV_ADD | EV_ONESHOT, 0, 0, NULL);
        put(queue[2], "x");
    }
    return NULL;
}

static double cpu_ms(void) {
    struct timespec used;
    REQUIRE_EQ(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used), 0);
    return (double)used.tv_sec * 1e3 + (double)used.tv_nsec / 1e6;
}

/* Those that are not told take no time either. */
static void oneshot_takes_no_time_from_the_others(void) {
    enum { EVENTS = 400 };
    pthread_t threads[THREADS];
    int watched[2], answers[2];
    unix_pair(watched);
    unix_pair(answers);
    int queue[3] = {new_kqueue(), watched[0], answers[1]};
    change(queue[0], (uintptr_t)watched[0], EVFILT_READ, EV_ADD | EV_ONESHOT, 0, 0, NULL);
    for (int i = 0; i < THREADS; i++)
        threads[i] = start_thread(collect_and_add, queue);
    double before = cpu_ms();
    for (int i = 0; i < EVENTS; i++) {
        put(watched[1], "x");
        take(answers[0], 1);
    }
    double used = cpu_ms() - before;
    add_triggered(queue[0], 1, 0);
    for (int i = 0; i < THREADS; i++)
        join_thread(threads[i]);
    if (!sanitized() && used > allowed_cpu(EVENTS * 0.6))
        contract_fail(__FILE__, __LINE__, "%d events took %.0f ms of the processor", EVENTS, used);
}

static void dispatch_goes_to_one_thread(void) {
    require_one_receiver(EVFILT_USER, EV_DISPATCH);
    require_one_receiver(EVFILT_READ, EV_DISPATCH);
    require_one_receiver(EVFILT_WRITE, EV_DISPATCH);
    require_one_receiver(EVFILT_TIMER, EV_DISPATCH);
}

struct counting {
    int kq;
    atomic_int received; /* events */
    atomic_long counted; /* sum of their data */
    atomic_bool done;
};

static void *keep_counting(void *argument) {
    struct counting *counting = argument;
    while (!counting->done) {
        struct kevent event;
        if (collect(counting->kq, &event, 1, 50) == 1) {
            counting->counted += event.data;
            counting->received++;
        }
    }
    return NULL;
}

/* Triggers one at a time, each after the one before was received: as many events. */
static void one_event_for_each_trigger(void) {
    enum { ROUNDS = 2000 };
    struct counting counting = {.kq = new_kqueue()};
    pthread_t threads[THREADS];
    add_user(counting.kq, 1, EV_CLEAR);
    for (int i = 0; i < THREADS; i++)
        threads[i] = start_thread(keep_counting, &counting);
    for (int round = 0; round < ROUNDS; round++) {
        trigger(counting.kq, 1);
        while (counting.received <= round)
            sched_yield();
        REQUIRE_EQ(counting.received, round + 1);
    }
    sleep_ms(100); /* for one too many to show */
    counting.done = true;
    for (int i = 0; i < THREADS; i++)
        join_thread(threads[i]);
    REQUIRE_EQ(counting.received, ROUNDS);
}

/* No tick is lost or counted twice. */
static void timer_ticks_are_shared_out(void) {
    struct counting counting = {.kq = new_kqueue()};
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++)
        threads[i] = start_thread(keep_counting, &counting);
    double start = now_ms();
    change(counting.kq, 1, EVFILT_TIMER, EV_ADD, 0, 5, NULL);
    sleep_ms(500);
    double least = now_ms() - start;
    while ((double)counting.counted * 5 < least - 5)
        sleep_ms(1); /* the last of them on their way; the limit of the case ends it */
    change(counting.kq, 1, EVFILT_TIMER, EV_DELETE, 0, 0, NULL);
    counting.done = true;
    for (int i = 0; i < THREADS; i++)
        join_thread(threads[i]);
    REQUIRE((double)counting.counted * 5 <= now_ms() - start);
}

static void eight_events_for_eight_threads(void) {
    need_descriptors(150);
    for (int parked = 0; parked < 2; parked++) {
        for (int filter = 0; filter < 2; filter++) {
            struct waiter waiters[8];
            struct kevent entries[8];
            int kq = new_kqueue(), pair[8][2];
            unsigned seen = 0;
            for (int i = 0; i < 8; i++) { /* udata is the knote's place */
                void *place = (void *)(intptr_t)i;
                unix_pair(pair[i]);
                if (filter == 0) {
                    change(kq, (uintptr_t)i, EVFILT_USER, EV_ADD | EV_ONESHOT, 0, 0, place);
                    EV_SET(&entries[i], i, EVFILT_USER, 0, NOTE_TRIGGER, 0, place);
                } else {
                    put(pair[i][1], "x");
                    EV_SET(&entries[i], pair[i][0], EVFILT_READ, EV_ADD | EV_ONESHOT, 0, 0, place);
                }
            }
            if (parked)
                park(waiters, 8, kq, -1);
            REQUIRE_EQ(kevent(kq, entries, 8, NULL, 0, NULL), 0);
            for (int i = 0; i < 8 && !parked; i++)
                start_waiter(&waiters[i], kq, 1, -1);
            REQUIRE_EQ(join(waiters, 8), 8);
            for (int i = 0; i < 8; i++)
                seen |= 1u << (intptr_t)waiters[i].events[0].udata;
            REQUIRE_EQ(seen, 0xff);
            require_silent(kq);
        }
    }
}

/* One thread is woken for many and takes few: the others get the rest. */
static void more_events_than_one_thread_takes(void) {
    for (int round = 0; round < 20; round++) {
        struct waiter waiters[THREADS];
        struct kevent entries[THREADS];
        int kq = new_kqueue();
        for (int i = 0; i < THREADS; i++) {
            add_user(kq, (uintptr_t)i, EV_CLEAR);
            EV_SET(&entries[i], i, EVFILT_USER, 0, NOTE_TRIGGER, 0, NULL);
        }
        park(waiters, THREADS, kq, -1);
        REQUIRE_EQ(kevent(kq, entries, THREADS, NULL, 0, NULL), 0);
        REQUIRE_EQ(join(waiters, THREADS), THREADS);
        require_silent(kq);
        close(kq);
    }
}

/* Starts a thread waiting without limit, makes the change, and requires it woken. */
static void require_woken(int kq, uintptr_t ident, int filter, int flags, unsigned fflags, intptr_t data) {
    struct waiter waiter;
    start_waiter(&waiter, kq, 1, -1);
    park_waiter(&waiter);
    change(kq, ident, filter, flags, fflags, data, NULL);
    join_waiter(&waiter);
    REQUIRE_EQ(waiter.result, 1);
    REQUIRE_EQ(waiter.events[0].ident, ident);
    REQUIRE_EQ(waiter.events[0].filter, filter);
    if (filter == EVFILT_READ || filter == EVFILT_WRITE)
        delete_knote(kq, ident, filter); /* what is under EV_CLEAR may be told again after a second */
}

static void changes_wake_a_parked_thread(void) {
    int kq = new_kqueue(), pair[2], pipes[2];
    unix_pair(pair);
    put(pair[1], "x");
    new_pipe(pipes);
    put(pipes[1], "x");
    require_woken(kq, (uintptr_t)pair[0], EVFILT_READ, EV_ADD | EV_CLEAR, 0, 0);
    require_woken(kq, (uintptr_t)pipes[0], EVFILT_READ, EV_ADD | EV_ONESHOT, 0, 0);
    require_woken(kq, (uintptr_t)pipes[1], EVFILT_WRITE, EV_ADD | EV_CLEAR, 0, 0);
    require_woken(kq, 1, EVFILT_TIMER, EV_ADD | EV_ONESHOT, 0, 10);
    add_user(kq, 1, EV_CLEAR);
    require_woken(kq, 1, EVFILT_USER, 0, NOTE_TRIGGER, 0);
    change(kq, 1, EVFILT_USER, EV_DISABLE, 0, 0, NULL);
    trigger(kq, 1);
    require_woken(kq, 1, EVFILT_USER, EV_ENABLE, 0, 0);
    change(kq, (uintptr_t)pair[1], EVFILT_READ, EV_ADD | EV_ONESHOT, 0, 0, NULL);
    change(kq, (uintptr_t)pair[1], EVFILT_READ, EV_DISABLE, 0, 0, NULL);
    put(pair[0], "x");
    require_woken(kq, (uintptr_t)pair[1], EVFILT_READ, EV_ENABLE, 0, 0);
}

/* A timer sooner than the one the thread sleeps for. */
static void sooner_timer_wakes_a_parked_thread(void) {
    int kq = new_kqueue();
    change(kq, 1, EVFILT_TIMER, EV_ADD, NOTE_SECONDS, 1000, NULL);
    require_woken(kq, 2, EVFILT_TIMER, EV_ADD | EV_ONESHOT, 0, 30);
    require_woken(kq, 1, EVFILT_TIMER, EV_ADD, 0, 30);
}

static void delete_does_not_wake(void) {
    struct waiter waiters[THREADS];
    for (int filter = 0; filter < 2; filter++) {
        int kq = new_kqueue(), pair[2];
        unix_pair(pair);
        uintptr_t ident = (uintptr_t)pair[0];
        change(kq, ident, filter ? EVFILT_USER : EVFILT_READ, EV_ADD, 0, 0, NULL);
        park(waiters, THREADS, kq, -1);
        change(kq, ident, filter ? EVFILT_USER : EVFILT_READ, EV_DELETE, 0, 0, NULL);
        put(pair[1], "x");
        sleep_ms(400);
        REQUIRE_EQ(count_ended(waiters, THREADS), 0);
        add_triggered(kq, 99, 0);
        REQUIRE_EQ(join(waiters, THREADS), THREADS);
        for (int i = 0; i < THREADS; i++)
            REQUIRE_EQ(waiters[i].events[0].ident, 99);
        REQUIRE(delete_knote(kq, 99, EVFILT_USER));
        change(kq, ident, EVFILT_READ, EV_ADD | EV_ONESHOT, 0, 0, NULL);
        REQUIRE_EQ(next_event(kq).ident, ident);
        close(kq);
    }
}

static void nothing_after_delete(void) {
    int kq = new_kqueue(), pair[2];
    struct kevent event;
    new_pipe(pair);
    put(pair[1], "x");
    for (int round = 0; round < 100000; round++) {
        int filter = round % 2 ? EVFILT_READ : EVFILT_USER;
        uintptr_t ident = filter == EVFILT_READ ? (uintptr_t)pair[0] : 1;
        change(kq, ident, filter, EV_ADD | (round % 4 < 2 ? EV_CLEAR : 0), 0, 0, NULL);
        if (filter == EVFILT_USER)
            trigger(kq, ident);
        change(kq, ident, filter, EV_DELETE, 0, 0, NULL);
        REQUIRE_EQ(kevent(kq, NULL, 0, &event, 1, &no_wait), 0);
    }
}

struct feeding {
    int kq, fd;
    atomic_bool done;
};

/* Triggers, and makes the pipe readable, at any moment; the knotes may be gone. */
static void *keep_feeding(void *argument) {
    struct feeding *feeding = argument;
    while (!feeding->done) {
        int code = change_errno(feeding->kq, 1, EVFILT_USER, 0, NOTE_TRIGGER, 0, NULL);
        REQUIRE(code == 0 || code == ENOENT);
        if (write(feeding->fd, "x", 1) == -1)
            REQUIRE_EQ(errno, EAGAIN);
    }
    return NULL;
}

static void nothing_after_delete_while_fed(void) {
    struct feeding feeding = {.kq = new_kqueue()};
    int pair[2];
    char bytes[4096];
    struct kevent event;
    new_pipe(pair);
    set_nonblocking(pair[0]);
    set_nonblocking(pair[1]);
    feeding.fd = pair[1];
    pthread_t thread = start_thread(keep_feeding, &feeding);
    for (int round = 0; round < 100000; round++) {
        int filter = round % 2 ? EVFILT_READ : EVFILT_USER;
        uintptr_t ident = filter == EVFILT_READ ? (uintptr_t)pair[0] : 1;
        change(feeding.kq, ident, filter, EV_ADD | EV_CLEAR, 0, 0, NULL);
        if (round % 3 == 0)
            REQUIRE(kevent(feeding.kq, NULL, 0, &event, 1, &no_wait) >= 0);
        change(feeding.kq, ident, filter, EV_DELETE, 0, 0, NULL);
        REQUIRE_EQ(kevent(feeding.kq, NULL, 0, &event, 1, &no_wait), 0);
        if (round % 64 == 0 && read(pair[0], bytes, sizeof bytes) == -1)
            REQUIRE_EQ(errno, EAGAIN);
    }
    feeding.done = true;
    join_thread(thread);
}

struct churn {
    int kq, pipe[2];
    unsigned seed;
    double end;
};

static void require_one_of(int code, int allowed) {
    if (code != 0 && code != allowed)
        contract_fail(__FILE__, __LINE__, "a change failed: %s", strerror(code));
}

/* All threads use the same few idents, so every change may meet another's. */
static void *run_churn(void *argument) {
    struct churn *churn = argument;
    struct kevent events[4];
    while (now_ms() < churn->end) {
        uintptr_t ident = (uintptr_t)(rand_r(&churn->seed) % 4), fd = (uintptr_t)churn->pipe[0];
        int kq = churn->kq, code = 0;
        switch (rand_r(&churn->seed) % 11) {
        case 0: require_one_of(change_errno(kq, ident, EVFILT_USER, EV_ADD | EV_CLEAR, 0, 0, NULL), 0); break;
        case 1: code = change_errno(kq, ident, EVFILT_USER, 0, NOTE_TRIGGER, 0, NULL); break;
        case 2: code = change_errno(kq, ident, EVFILT_USER, EV_DELETE, 0, 0, NULL); break;
        case 3: require_one_of(change_errno(kq, ident, EVFILT_USER, EV_ADD | EV_ONESHOT, 0, 0, NULL), 0); break;
        case 4: require_one_of(change_errno(kq, ident, EVFILT_TIMER, EV_ADD, NOTE_USECONDS, 200, NULL), 0); break;
        case 5: code = change_errno(kq, ident, EVFILT_TIMER, EV_DELETE, 0, 0, NULL); break;
        case 6: require_one_of(change_errno(kq, fd, EVFILT_READ, EV_ADD | EV_DISPATCH, 0, 0, NULL), 0); break;
        case 7: code = change_errno(kq, fd, EVFILT_READ, EV_ENABLE, 0, 0, NULL); break;
        case 8: code = change_errno(kq, fd, EVFILT_READ, EV_DELETE, 0, 0, NULL); break;
        case 9: code = change_errno(kq, ident, EVFILT_USER, EV_DISABLE, 0, 0, NULL); break;
        default: {
            int got = collect(kq, events, 4, (long)(ident % 2));
            for (int i = 0; i < got; i++) {
                if (events[i].filter == EVFILT_READ)
                    REQUIRE_EQ(events[i].ident, fd);
                else
                    REQUIRE(events[i].ident < 4);
            }
            break;
        }
        }
        require_one_of(code, ENOENT); /* another thread was faster */
    }
    return NULL;
}

static void churn_from_eight_threads(void) {
    struct churn churns[8];
    pthread_t threads[8];
    int before = open_descriptors(), kq = new_kqueue(), pair[2];
    new_pipe(pair);
    put(pair[1], "x");
    double end = now_ms() + 5000;
    for (int i = 0; i < 8; i++) {
        churns[i] = (struct churn){.kq = kq, .pipe = {pair[0], pair[1]}, .seed = (unsigned)i + 1, .end = end};
        threads[i] = start_thread(run_churn, &churns[i]);
    }
    for (int i = 0; i < 8; i++)
        join_thread(threads[i]);
    for (uintptr_t i = 0; i < 4; i++) {
        delete_knote(kq, i, EVFILT_USER);
        delete_knote(kq, i, EVFILT_TIMER);
    }
    delete_knote(kq, (uintptr_t)pair[0], EVFILT_READ);
    require_silent(kq);
    add_triggered(kq, 1, EV_ONESHOT);
    REQUIRE_EQ(next_event(kq).ident, 1);
    close(kq);
    close(pair[0]);
    close(pair[1]);
    REQUIRE_EQ(open_descriptors(), before);
}

/* Kilobytes of memory in use. */
static long resident(void) {
    long pages = 0;
    FILE *file = fopen(seen_proc("self/statm"), "re");
    REQUIRE(file != NULL);
    REQUIRE_EQ(fscanf(file, "%*s %ld", &pages), 1);
    fclose(file);
    return pages * (sysconf(_SC_PAGESIZE) / 1024);
}

/* 100 bytes left behind by each of these knotes would be some 15 MB. */
static void churn_takes_no_memory(void) {
    need_seen_proc();
    if (sanitized())
        contract_skip("a sanitizer keeps freed memory");
    int kq = new_kqueue(), pair[2];
    struct kevent event;
    long before = 0;
    unix_pair(pair);
    put(pair[1], "x");
    for (int round = 0; round < 60000; round++) {
        if (round == 10000)
            before = resident();
        add_triggered(kq, (uintptr_t)round, EV_CLEAR);
        change(kq, (uintptr_t)round, EVFILT_TIMER, EV_ADD, 0, 1000, NULL);
        change(kq, (uintptr_t)pair[0], EVFILT_READ, EV_ADD, 0, 0, NULL);
        REQUIRE(kevent(kq, NULL, 0, &event, 1, &no_wait) == 1);
        change(kq, (uintptr_t)round, EVFILT_USER, EV_DELETE, 0, 0, NULL);
        change(kq, (uintptr_t)round, EVFILT_TIMER, EV_DELETE, 0, 0, NULL);
        change(kq, (uintptr_t)pair[0], EVFILT_READ, EV_DELETE, 0, 0, NULL);
    }
    REQUIRE(resident() - before < 8192);
}

static void require_no_descriptor_left(bool deleted) {
    int pair[2];
    unix_pair(pair);
    int before = open_descriptors();
    for (int round = 0; round < 3; round++) {
        int kq = new_kqueue(), inner = new_kqueue();
        for (uintptr_t i = 0; i < 100; i++) {
            add_triggered(kq, i, 0);
            change(kq, i, EVFILT_TIMER, EV_ADD, 0, 1, NULL);
        }
        change(kq, (uintptr_t)pair[0], EVFILT_READ, EV_ADD, 0, 0, NULL);
        change(kq, (uintptr_t)pair[0], EVFILT_WRITE, EV_ADD, 0, 0, NULL);
        change(kq, (uintptr_t)inner, EVFILT_READ, EV_ADD, 0, 0, NULL);
        struct kevent events[64];
        REQUIRE(collect(kq, events, 64, PATIENCE) > 0);
        if (deleted) {
            for (uintptr_t i = 0; i < 100; i++) {
                change(kq, i, EVFILT_USER, EV_DELETE, 0, 0, NULL);
                change(kq, i, EVFILT_TIMER, EV_DELETE, 0, 0, NULL);
            }
            change(kq, (uintptr_t)pair[0], EVFILT_READ, EV_DELETE, 0, 0, NULL);
            change(kq, (uintptr_t)pair[0], EVFILT_WRITE, EV_DELETE, 0, 0, NULL);
            change(kq, (uintptr_t)inner, EVFILT_READ, EV_DELETE, 0, 0, NULL);
        }
        REQUIRE_EQ(close(kq), 0);
        REQUIRE_EQ(close(inner), 0);
        REQUIRE_EQ(open_descriptors(), before);
    }
}

static void no_descriptor_left_after_delete_and_close(void) {
    require_no_descriptor_left(true);
}

static void no_descriptor_left_after_close(void) {
    require_no_descriptor_left(false);
}

const struct contract_case sharing_cases[] = {
    {"C-091", "an EV_CLEAR event goes to one of several threads", clear_goes_to_one_thread, 30},
    {"C-092", "an EV_ONESHOT event goes to one of several threads", oneshot_goes_to_one_thread, 30},
    {"C-092", "in turn, and at little cost", oneshot_takes_no_time_from_the_others, 30},
    {"C-092", "an EV_DISPATCH event goes to one of several threads", dispatch_goes_to_one_thread, 30},
    {"C-091", "one event for each trigger", one_event_for_each_trigger, 60},
    {"C-091", "a timer's ticks are shared out, none lost or doubled", timer_ticks_are_shared_out, 30},
    {"C-093", "eight EV_ONESHOT knotes, eight threads, one each", eight_events_for_eight_threads, 0},
    {"C-093", "events beyond what one thread takes wake others", more_events_than_one_thread_takes, 30},
    {"C-094", "changes wake a parked thread", changes_wake_a_parked_thread, 0},
    {"C-094", "a sooner timer wakes a parked thread", sooner_timer_wakes_a_parked_thread, 0},
    {"C-095", "EV_DELETE of the only knote wakes no thread", delete_does_not_wake, 0},
    {"C-096", "no event after EV_DELETE", nothing_after_delete, 60},
    {"C-096", "no event after EV_DELETE while another thread feeds it", nothing_after_delete_while_fed, 60},
    {"C-097", "churn from eight threads", churn_from_eight_threads, 30},
    {"C-097", "churn takes no memory", churn_takes_no_memory, 60},
    {"C-098", "no descriptor is left after EV_DELETE and close", no_descriptor_left_after_delete_and_close, 0},
    {"C-098", "no descriptor is left after close", no_descriptor_left_after_close, 0},
    {NULL, NULL, NULL, 0},
};
