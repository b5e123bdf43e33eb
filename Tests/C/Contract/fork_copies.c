/*
 * KQUEUE_CPONFORK: the child's copy of a kqueue, under the same number.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "life.h"

static int copied_kqueue(void) {
    int kq = kqueuex(KQUEUE_CPONFORK);
    REQUIRE(kq >= 0);
    return kq;
}

/* Runs something in a child, and waits for its end. */
static void in_child(void (*run)(int kq, const int *pair), int kq, const int *pair) {
    pid_t child = fork();
    if (child == 0) {
        run(kq, pair);
        _exit(0);
    }
    finish_child(child);
}

static void expect_five_bytes(int kq, const int *pair) {
    for (int round = 0; round < 3; round++) { /* level */
        struct kevent event = next_event(kq);
        REQUIRE_EQ(event.ident, pair[0]);
        REQUIRE_EQ(event.filter, EVFILT_READ);
        REQUIRE_EQ(event.flags, EV_ADD);
        REQUIRE_EQ(event.data, 5);
        REQUIRE(event.udata == pair);
    }
}

static void expect_bytes_and_delete(int kq, const int *pair) {
    expect_five_bytes(kq, pair);
    REQUIRE(delete_knote(kq, (uintptr_t)pair[0], EVFILT_READ));
    require_silent(kq);
    REQUIRE_EQ(close(pair[0]), 0);
    REQUIRE_EQ(close(kq), 0);
    REQUIRE_EQ(change_errno(kq, 1, EVFILT_USER, EV_ADD, 0, 0, NULL), EBADF);
}

static void read_knote_is_copied(void) {
    int kq = copied_kqueue(), pair[2];
    new_pipe(pair);
    put(pair[1], "12345");
    change(kq, (uintptr_t)pair[0], EVFILT_READ, EV_ADD, 0, 0, pair);
    expect_five_bytes(kq, pair);
    in_child(expect_five_bytes, kq, pair);
    expect_five_bytes(kq, pair);
    in_child(expect_bytes_and_delete, kq, pair); /* which is the child's own matter */
    expect_five_bytes(kq, pair);
}

static void expect_arrival(int kq, const int *pair) {
    require_silent(kq);
    put(pair[1], "x");
    EXPECT(kq, pair[0], EV_ADD | EV_CLEAR, 0, 1);
    require_silent(kq);
    take(pair[0], 1);
    REQUIRE_EQ(close(pair[0]), 0); /* closes are looked after in the copy, too */
    REQUIRE_NO_KNOTE(kq, pair[0], EVFILT_READ, EBADF);
}

static void copy_sees_what_comes_later(void) {
    int kq = copied_kqueue(), pair[2];
    unix_pair(pair);
    add_read(kq, pair[0], EV_CLEAR);
    in_child(expect_arrival, kq, pair);
    put(pair[1], "x");
    EXPECT(kq, pair[0], EV_ADD | EV_CLEAR, 0, 1);
}

static void enable_and_expect(int kq, const int *pair) {
    require_silent(kq);
    change(kq, (uintptr_t)pair[0], EVFILT_READ, EV_ENABLE, 0, 0, NULL);
    EXPECT(kq, pair[0], EV_ADD | EV_DISPATCH, 0, 1);
    require_silent(kq);
    change(kq, 1, EVFILT_USER, EV_ENABLE, 0, 0, NULL);
    REQUIRE_EQ(next_event(kq).fflags, 5);
    change(kq, 2, EVFILT_TIMER, EV_ENABLE, 0, 0, NULL);
    REQUIRE_EQ(next_event(kq).ident, 2);
    REQUIRE_NO_KNOTE(kq, 3, EVFILT_USER, ENOENT); /* a oneshot that was delivered */
    REQUIRE(delete_knote(kq, 4, EVFILT_USER));    /* one that was not */
}

static void disabled_stays_disabled(void) {
    int kq = copied_kqueue(), pair[2];
    new_pipe(pair);
    put(pair[1], "x");
    add_read(kq, pair[0], EV_DISPATCH);
    REQUIRE_EQ(next_event(kq).ident, pair[0]); /* disabled by its delivery */
    add_user(kq, 1, EV_CLEAR | EV_DISABLE);
    change(kq, 1, EVFILT_USER, 0, NOTE_FFCOPY | NOTE_TRIGGER | 5, 0, NULL);
    change(kq, 2, EVFILT_TIMER, EV_ADD | EV_DISABLE, 0, 10, NULL);
    add_triggered(kq, 3, EV_ONESHOT);
    REQUIRE_EQ(next_event(kq).ident, 3);
    add_user(kq, 4, EV_ONESHOT);
    in_child(enable_and_expect, kq, pair);
    enable_and_expect(kq, pair);
}

static void expect_triggered(int kq, const int *pair) {
    struct kevent event = next_event(kq);
    REQUIRE_EQ(event.ident, 1);
    REQUIRE_EQ(event.filter, EVFILT_USER);
    REQUIRE_EQ(event.flags, EV_ADD | EV_CLEAR);
    REQUIRE_EQ(event.fflags, 0xabc);
    REQUIRE(event.udata == pair);
    require_silent(kq); /* once */
    trigger(kq, 1);
    REQUIRE_EQ(next_event(kq).ident, 1);
}

static void expect_silence(int kq, const int *pair) {
    (void)pair;
    require_silent(kq);
    trigger(kq, 1);
    REQUIRE_EQ(next_event(kq).fflags, 0xabc);
}

static void trigger_is_delivered_in_both(void) {
    int kq = copied_kqueue(), pair[2];
    change(kq, 1, EVFILT_USER, EV_ADD | EV_CLEAR, NOTE_FFCOPY | 0xabc, 0, pair);
    change(kq, 1, EVFILT_USER, EV_KEEPUDATA, NOTE_TRIGGER, 0, NULL);
    in_child(expect_triggered, kq, pair);
    expect_triggered(kq, pair);
    in_child(expect_silence, kq, pair); /* delivered by now */
}

/* ---- Timers ---- */

static double added_at, forked_at;

/* The fork came after half of its time: with all of that once more it would be later than one of three quarters. */
static void expect_the_rest(int kq, const int *pair) {
    (void)pair;
    struct kevent event;
    change(kq, 2, EVFILT_TIMER, EV_ADD | EV_ONESHOT, 0, 750, NULL);
    REQUIRE_EQ(collect(kq, &event, 1, PATIENCE), 1);
    REQUIRE(now_ms() - added_at >= 1000);
    REQUIRE_EQ(event.ident, 1);
    REQUIRE_EQ(event.filter, EVFILT_TIMER);
    REQUIRE_EQ(event.data, 1);
    REQUIRE_EQ(next_event(kq).ident, 2);
    require_silent(kq);
    REQUIRE_NO_KNOTE(kq, 1, EVFILT_TIMER, ENOENT);
}

static void timer_has_the_rest_of_its_time(void) {
    int kq = copied_kqueue();
    added_at = now_ms();
    change(kq, 1, EVFILT_TIMER, EV_ADD | EV_ONESHOT, 0, 1000, NULL);
    while (now_ms() - added_at < 500)
        sleep_ms(1);
    pid_t child = fork();
    if (child == 0) {
        expect_the_rest(kq, NULL);
        _exit(0);
    }
    expect_the_rest(kq, NULL);
    finish_child(child);
}

static void expect_periods(int kq, const int *pair) {
    (void)pair;
    struct kevent event = next_event(kq);
    REQUIRE_EQ(event.ident, 1);
    if (event.data < 3)
        contract_fail(__FILE__, __LINE__, "%jd expirations; those before the fork count",
                      (intmax_t)event.data);
    for (int round = 0; round < 3; round++) {
        REQUIRE_EQ(next_event(kq).ident, 1);
    }
}

static void periodic_timer_goes_on(void) {
    int kq = copied_kqueue();
    change(kq, 1, EVFILT_TIMER, EV_ADD, 0, 20, NULL);
    sleep_ms(90);
    in_child(expect_periods, kq, NULL);
    expect_periods(kq, NULL);
}

static void expect_absolute(int kq, const int *pair) {
    (void)pair;
    struct timespec now;
    struct kevent event = next_event(kq);
    clock_gettime(CLOCK_REALTIME, &now);
    REQUIRE_EQ(event.ident, 2);
    REQUIRE((double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6 >= forked_at);
    require_silent(kq);
}

/* forked_at: the time at which it is due. */
static void absolute_timer_goes_on(void) {
    int kq = copied_kqueue();
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    intptr_t due = (intptr_t)now.tv_sec * 1000 + now.tv_nsec / 1000000 + 300;
    forked_at = (double)due;
    change(kq, 2, EVFILT_TIMER, EV_ADD | EV_ONESHOT, NOTE_ABSOLUTE, due, NULL);
    in_child(expect_absolute, kq, NULL);
    expect_absolute(kq, NULL);
}

/* ---- What is not copied ---- */

static void plain_kqueue_is_not_copied(void) {
    int kq = copied_kqueue(), plain = new_kqueue(), inner = copied_kqueue();
    add_triggered(plain, 1, 0);
    add_triggered(inner, 1, EV_CLEAR);
    change(kq, (uintptr_t)plain, EVFILT_READ, EV_ADD | EV_DISABLE, 0, 0, NULL);
    add_read(kq, inner, EV_CLEAR);
    pid_t child = fork();
    if (child == 0) {
        REQUIRE_EQ(change_errno(plain, 1, EVFILT_USER, EV_ADD, 0, 0, NULL), EBADF);
        REQUIRE_NO_KNOTE(kq, plain, EVFILT_READ, EBADF);
        REQUIRE_EQ(next_event(kq).ident, inner);
        REQUIRE_EQ(next_event(inner).ident, 1);
        require_silent(kq);
        REQUIRE(!is_open(plain));
        move_to(readable_eventfd(), plain);
        require_silent(kq);
        REQUIRE_NO_KNOTE(kq, plain, EVFILT_READ, ENOENT);
        _exit(0);
    }
    finish_child(child);
    REQUIRE_EQ(next_event(plain).ident, 1);
    REQUIRE_EQ(next_event(kq).ident, inner);
    change(kq, (uintptr_t)plain, EVFILT_READ, EV_ENABLE, 0, 0, NULL);
    REQUIRE_EQ(next_event(kq).ident, plain);
}

static void expect_gone(int kq, const int *pair) {
    REQUIRE_EQ(change_errno(kq, 1, EVFILT_USER, EV_ADD, 0, 0, NULL), EBADF);
    REQUIRE(!is_open(kq));
    REQUIRE_EQ(close(pair[0]), 0);
    require_working_kqueue();
}

static void closed_copy_is_not_copied(void) {
    int kq = copied_kqueue(), pair[2];
    new_pipe(pair);
    add_read(kq, pair[0], 0);
    REQUIRE_EQ(close(kq), 0);
    in_child(expect_gone, kq, pair);
    REQUIRE_EQ(kqueue(), kq); /* the same number, but not to be copied */
    add_user(kq, 1, 0);
    in_child(expect_gone, kq, pair);
}

/* ---- Many, deep, and with threads ---- */

static void several_kqueues_are_copied(void) {
    need_descriptors(200);
    enum { KQUEUES = 20 };
    int kqs[KQUEUES], pair[2];
    unix_pair(pair);
    for (int i = 0; i < KQUEUES; i++) {
        kqs[i] = copied_kqueue();
        add_triggered(kqs[i], (uintptr_t)(100 + i), EV_CLEAR);
        add_read(kqs[i], pair[0], 0);
    }
    for (int side = 0; side < 2; side++) {
        pid_t child = side == 0 ? fork() : 0;
        if (child == 0) {
            for (int i = 0; i < KQUEUES; i++) {
                REQUIRE_EQ(next_event(kqs[i]).ident, 100 + i);
                REQUIRE(delete_knote(kqs[i], (uintptr_t)pair[0], EVFILT_READ));
            }
            if (side == 0)
                _exit(0);
        } else {
            finish_child(child);
        }
    }
}

static void copy_of_a_copy(void) {
    int kq = copied_kqueue(), pair[2], depth;
    new_pipe(pair);
    put(pair[1], "12345");
    change(kq, (uintptr_t)pair[0], EVFILT_READ, EV_ADD, 0, 0, pair);
    add_user(kq, 1, EV_CLEAR | EV_DISABLE);
    trigger(kq, 1);
    pid_t child = 0;
    for (depth = 0; depth < 4; depth++) {
        child = fork();
        if (child != 0)
            break;
        expect_five_bytes(kq, pair);
        add_triggered(kq, (uintptr_t)(10 + depth), EV_ONESHOT | EV_DISABLE);
    }
    if (child != 0)
        finish_child(child);
    expect_five_bytes(kq, pair);
    REQUIRE(delete_knote(kq, (uintptr_t)pair[0], EVFILT_READ));
    for (int i = 0; i < depth; i++) { /* those that were added on the way here */
        change(kq, (uintptr_t)(10 + i), EVFILT_USER, EV_ENABLE, 0, 0, NULL);
        REQUIRE_EQ(next_event(kq).ident, 10 + i);
    }
    REQUIRE_NO_KNOTE(kq, 10 + depth, EVFILT_USER, ENOENT);
    change(kq, 1, EVFILT_USER, EV_ENABLE, 0, 0, NULL);
    REQUIRE_EQ(next_event(kq).ident, 1);
    if (depth > 0)
        _exit(0);
}

static void thousands_of_knotes(void) {
    enum { KNOTES = 5000 };
    int kq = copied_kqueue(), pair[2];
    new_pipe(pair);
    for (int i = 0; i < KNOTES; i++) {
        if (i % 2)
            add_triggered(kq, (uintptr_t)i, EV_CLEAR);
        else
            change(kq, (uintptr_t)i, EVFILT_TIMER, EV_ADD, 0, 60000, NULL);
    }
    for (int i = 0; i < KNOTES; i += 5)
        change(kq, (uintptr_t)i, i % 2 ? EVFILT_USER : EVFILT_TIMER, EV_DELETE, 0, 0, NULL);
    for (int side = 0; side < 2; side++) {
        pid_t child = side == 0 ? fork() : 0;
        if (child != 0) {
            finish_child(child);
            continue;
        }
        static struct kevent events[KNOTES];
        int count = collect(kq, events, KNOTES, 1000);
        REQUIRE_EQ(count, KNOTES / 2 - KNOTES / 10);
        for (int i = 0; i < count; i++)
            REQUIRE(events[i].ident % 2 == 1 && events[i].ident % 5 != 0);
        for (int i = 0; i < KNOTES; i++)
            REQUIRE_EQ(delete_knote(kq, (uintptr_t)i, i % 2 ? EVFILT_USER : EVFILT_TIMER), i % 5 != 0);
        if (side == 0)
            _exit(0);
    }
}

static void expect_a_woken_waiter(int kq, const int *pair) {
    struct waiter waiter;
    (void)pair;
    start_waiter(&waiter, kq, 1, PATIENCE);
    park_waiter(&waiter);
    trigger(kq, 1);
    join_waiter(&waiter);
    REQUIRE_EQ(waiter.result, 1);
}

static void copied_while_threads_wait(void) {
    struct waiter waiters[3];
    int kq = copied_kqueue();
    add_user(kq, 1, EV_CLEAR);
    for (int i = 0; i < 3; i++)
        start_waiter(&waiters[i], kq, 1, -1);
    for (int i = 0; i < 3; i++)
        park_waiter(&waiters[i]);
    for (int round = 0; round < 3; round++)
        in_child(expect_a_woken_waiter, kq, NULL);
    for (int i = 0; i < 3; i++) {
        await_sleep(waiters[i].tid);
        REQUIRE(waiters[i].ended == 0);
    }
    for (int round = 1; round <= 3; round++) {
        trigger(kq, 1);
        for (int ended = 0; ended < round; sleep_ms(1))
            ended = (waiters[0].ended != 0) + (waiters[1].ended != 0) + (waiters[2].ended != 0);
    }
    for (int i = 0; i < 3; i++) {
        join_waiter(&waiters[i]);
        REQUIRE_EQ(waiters[i].result, 1);
    }
}

struct changing {
    int kq;
    atomic_uint started; /* threads, each with idents of its own */
    atomic_bool done;
};

static void *keep_changing(void *argument) {
    struct changing *changing = argument;
    uintptr_t base = 100 * ++changing->started;
    for (unsigned i = 0; !changing->done; i++) {
        struct kevent event;
        add_triggered(changing->kq, base + i % 50, EV_CLEAR);
        (void)collect(changing->kq, &event, 1, 0);
        change(changing->kq, base + i % 50, EVFILT_USER, EV_DELETE, 0, 0, NULL);
        int other = copied_kqueue();
        add_user(other, 1, 0);
        close(other);
    }
    return NULL;
}

/* The locks that fork takes are given back on both sides. */
static void copied_while_threads_change_it(void) {
    static struct changing changing;
    int kq = copied_kqueue(), children = 0;
    pthread_t threads[2];
    changing.kq = kq;
    add_user(kq, 1, EV_DISABLE);
    for (int i = 0; i < 2; i++)
        threads[i] = start_thread(keep_changing, &changing);
    for (double end = now_ms() + 2500; now_ms() < end || children <= 10; children++) {
        pid_t child = fork();
        if (child == 0) {
            struct kevent event;
            REQUIRE(collect(kq, &event, 1, 0) >= 0);
            REQUIRE(delete_knote(kq, 1, EVFILT_USER));
            int own = new_kqueue();
            add_triggered(own, 1, 0);
            REQUIRE_EQ(collect(own, &event, 1, 1000), 1);
            REQUIRE_EQ(close(kq), 0);
            _exit(0);
        }
        finish_child(child);
    }
    changing.done = true;
    for (int i = 0; i < 2; i++)
        join_thread(threads[i]);
    REQUIRE(delete_knote(kq, 1, EVFILT_USER));
}

const struct contract_case fork_copy_cases[] = {
    {"C-140", "a READ knote is copied", read_knote_is_copied, 0},
    {"C-140", "the copy sees what comes later", copy_sees_what_comes_later, 0},
    {"C-140", "a disabled knote is copied as such", disabled_stays_disabled, 0},
    {"C-140", "several kqueues are copied", several_kqueues_are_copied, 0},
    {"C-140", "a copy is copied again", copy_of_a_copy, 0},
    {"C-140", "thousands of knotes are copied", thousands_of_knotes, 30},
    {"C-140", "copied while threads wait in it", copied_while_threads_wait, 0},
    {"C-140", "copied while threads change it", copied_while_threads_change_it, 30},
    {"C-141", "a trigger is delivered in both", trigger_is_delivered_in_both, 0},
    {"C-142", "a timer has the rest of its time in the child", timer_has_the_rest_of_its_time, 0},
    {"C-142", "a periodic timer goes on in the child", periodic_timer_goes_on, 0},
    {"C-142", "an absolute timer goes on in the child", absolute_timer_goes_on, 0},
    {"C-143", "a plain kqueue is not copied, nor a knote on it", plain_kqueue_is_not_copied, 0},
    {"C-143", "a closed kqueue is not copied", closed_copy_is_not_copied, 0},
    {NULL, NULL, NULL, 0},
};
