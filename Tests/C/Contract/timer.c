/*
 * EVFILT_TIMER: C-290 to C-315.
 *
 * The machine may be busy, so no case expects to run at a given moment: each
 * reads the clock around its calls and says what follows from that.  Only
 * "never early" and the counts of elapsed periods are exact.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "contract.h"

static void set(int kq, uintptr_t ident, int flags, unsigned fflags, intptr_t data) {
    change(kq, ident, EVFILT_TIMER, flags, fflags, data, NULL);
}

static int set_errno(int kq, uintptr_t ident, int flags, unsigned fflags, intptr_t data) {
    return change_errno(kq, ident, EVFILT_TIMER, flags, fflags, data, NULL);
}

/* When a timer was started: some time between the two. */
struct start {
    double before, after;
};

static struct start set_noting(int kq, uintptr_t ident, int flags, unsigned fflags, intptr_t data) {
    struct start start = {.before = now_ms()};
    set(kq, ident, flags, fflags, data);
    start.after = now_ms();
    return start;
}

/* The next event, of this timer and with these flags beside EV_ADD|EV_CLEAR. */
#define EXPECT(kq, ident, flags) expect(__LINE__, kq, ident, flags)
static struct kevent expect(int line, int kq, uintptr_t ident, int flags) {
    struct kevent event = next_event(kq);
    if (event.ident != ident || event.filter != EVFILT_TIMER || event.flags != (EV_ADD | EV_CLEAR | flags) ||
        event.fflags != 0 || event.data < 1)
        contract_fail(__FILE__, line, "ident %ju filter %d flags 0x%x fflags 0x%x data %jd", (uintmax_t)event.ident,
                      event.filter, event.flags, event.fflags, (intmax_t)event.data);
    return event;
}

/* Requires that the timer, started then, fires once its interval is over, and not much later. */
#define EXPECT_AFTER(kq, ident, flags, start, ms) expect_after(__LINE__, kq, ident, flags, start, ms)
static void expect_after(int line, int kq, uintptr_t ident, int flags, struct start start, double ms) {
    struct kevent event = expect(line, kq, ident, flags);
    double elapsed = now_ms() - start.before;
    if (elapsed < ms || elapsed > ms + LATE)
        contract_fail(__FILE__, line, "fired after %.3f ms; wanted %.3f", elapsed, ms);
    if (flags & EV_ONESHOT ? event.data != 1 : (double)event.data * ms > elapsed)
        contract_fail(__FILE__, line, "data %jd after %.3f ms of a period of %.3f", (intmax_t)event.data, elapsed, ms);
}

static double cpu_ms(void) {
    struct rusage use;
    REQUIRE(getrusage(RUSAGE_SELF, &use) == 0);
    return (double)(use.ru_utime.tv_sec + use.ru_stime.tv_sec) * 1e3 +
           (double)(use.ru_utime.tv_usec + use.ru_stime.tv_usec) / 1e3;
}

static int64_t wall_ns(void) {
    struct timespec now;
    REQUIRE(clock_gettime(CLOCK_REALTIME, &now) == 0);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static void the_default_unit_is_milliseconds(void) {
    int kq = new_kqueue();
    struct start start = set_noting(kq, 1, EV_ADD, 0, 100);
    EXPECT_AFTER(kq, 1, 0, start, 100);
}

static void idents_and_udata_come_back(void) {
    int kq = new_kqueue(), mark;
    const uintptr_t idents[] = {0, UINTPTR_MAX, (uintptr_t)INTPTR_MAX + 1};
    for (int i = 0; i < 3; i++) {
        change(kq, idents[i], EVFILT_TIMER, EV_ADD | EV_ONESHOT, 0, 20, &mark);
        REQUIRE(EXPECT(kq, idents[i], EV_ONESHOT).udata == &mark);
    }
}

static void short_timers_are_never_early(void) {
    int kq = new_kqueue();
    for (int i = 0; i < 100; i++) {
        struct start start = set_noting(kq, 1, EV_ADD | EV_ONESHOT, NOTE_USECONDS, 500 + 37 * i);
        EXPECT_AFTER(kq, 1, EV_ONESHOT, start, 0.5 + 0.037 * i);
    }
}

static void a_timer_added_by_a_thread_wakes_a_parked_one(void) {
    int kq = new_kqueue();
    struct waiter waiter;
    set(kq, 1, EV_ADD, NOTE_SECONDS, 60);
    start_waiter(&waiter, kq, 8, -1);
    park_waiter(&waiter);
    struct start start = set_noting(kq, 2, EV_ADD | EV_ONESHOT, 0, 50);
    join_waiter(&waiter);
    REQUIRE_EQ(waiter.result, 1);
    REQUIRE_EQ(waiter.events[0].ident, 2);
    REQUIRE(waiter.ended - start.before >= 50 && waiter.ended - start.after <= 50 + LATE);
}

static void units_scale_data(void) {
    const struct {
        unsigned unit;
        intptr_t data;
        double ms;
    } cases[] = {
        {NOTE_SECONDS, 1, 1000},   {NOTE_USECONDS, 50000, 50},          {NOTE_NSECONDS, 50000000, 50},
        {NOTE_MSECONDS, 50, 50},   {NOTE_USECONDS, 1, 0.001},           {NOTE_NSECONDS, 1, 0.000001},
        {NOTE_USECONDS, 1500, 1.5}, {NOTE_NSECONDS, 1250000, 1.25},
    };
    int kq = new_kqueue();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct start start = set_noting(kq, i, EV_ADD | EV_ONESHOT, cases[i].unit, cases[i].data);
        EXPECT_AFTER(kq, i, EV_ONESHOT, start, cases[i].ms);
    }
}

static void a_nanosecond_period_is_counted_and_costs_little(void) {
    int kq = new_kqueue();
    double cpu = cpu_ms();
    struct start start = set_noting(kq, 1, EV_ADD, NOTE_NSECONDS, 1);
    sleep_ms(300);
    double until = now_ms();
    struct kevent event = EXPECT(kq, 1, 0);
    double elapsed = now_ms() - start.before;
    REQUIRE((double)event.data <= elapsed * 1e6);
    REQUIRE((double)event.data >= (until - start.after) * 1e6 - 1e6);
    set(kq, 1, EV_DISABLE, 0, 0);
    REQUIRE_EQ(collect(kq, &event, 1, 300), 0);
    REQUIRE(cpu_ms() - cpu < allowed_cpu(200));
}

static void two_units_are_invalid(void) {
    const unsigned pairs[] = {
        NOTE_SECONDS | NOTE_USECONDS,
        NOTE_SECONDS | NOTE_NSECONDS,
        NOTE_USECONDS | NOTE_NSECONDS,
        NOTE_SECONDS | NOTE_USECONDS | NOTE_NSECONDS,
        NOTE_SECONDS | NOTE_USECONDS | NOTE_ABSOLUTE,
    };
    int kq = new_kqueue();
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        REQUIRE_EQ(set_errno(kq, 1, EV_ADD, pairs[i], 1), EINVAL);
        REQUIRE_EQ(set_errno(kq, 1, EV_DELETE, 0, 0), ENOENT);
    }
}

static void unknown_bits_are_invalid(void) {
    const unsigned bits[] = {0x80, 0x100, 0x1000, 0x80000000};
    int kq = new_kqueue();
    for (size_t i = 0; i < sizeof bits / sizeof *bits; i++)
        REQUIRE_EQ(set_errno(kq, 1, EV_ADD, bits[i], 1), EINVAL);
    REQUIRE_EQ(set_errno(kq, 1, EV_DELETE, 0, 0), ENOENT);
}

static void leeway_bits_are_ignored(void) {
    int kq = new_kqueue();
    struct start start =
        set_noting(kq, 1, EV_ADD | EV_ONESHOT, NOTE_LEEWAY | NOTE_CRITICAL | NOTE_BACKGROUND | NOTE_USECONDS, 30000);
    EXPECT_AFTER(kq, 1, EV_ONESHOT, start, 30);
}

static void a_negative_interval_is_invalid(void) {
    const unsigned units[] = {NOTE_MSECONDS, NOTE_SECONDS, NOTE_USECONDS, NOTE_NSECONDS};
    int kq = new_kqueue();
    for (int i = 0; i < 4; i++) {
        REQUIRE_EQ(set_errno(kq, 1, EV_ADD, units[i], -1), EINVAL);
        REQUIRE_EQ(set_errno(kq, 1, EV_ADD | EV_ONESHOT, units[i], INTPTR_MIN), EINVAL);
    }
    REQUIRE_EQ(set_errno(kq, 1, EV_DELETE, 0, 0), ENOENT);
}

static void a_oneshot_of_zero_fires_at_once(void) {
    const unsigned units[] = {NOTE_MSECONDS, NOTE_SECONDS, NOTE_USECONDS, NOTE_NSECONDS};
    int kq = new_kqueue();
    for (int i = 0; i < 4; i++) {
        struct start start = set_noting(kq, 1, EV_ADD | EV_ONESHOT, units[i], 0);
        EXPECT_AFTER(kq, 1, EV_ONESHOT, start, 0);
        REQUIRE_EQ(set_errno(kq, 1, EV_DELETE, 0, 0), ENOENT);
    }
}

static void a_period_of_zero_does_not_spin(void) {
    int kq = new_kqueue(), events = 0;
    double started = now_ms(), cpu = cpu_ms();
    set(kq, 1, EV_ADD, 0, 0);
    while (now_ms() - started < 1000) {
        EXPECT(kq, 1, 0);
        events++;
    }
    REQUIRE(events >= 2);
    REQUIRE(cpu_ms() - cpu < (now_ms() - started) / 2);
}

static void late_drains_are_told_the_count(void) {
    int kq = new_kqueue();
    struct start start = set_noting(kq, 1, EV_ADD, 0, 20);
    sleep_ms(210);
    double until = now_ms();
    struct kevent event = EXPECT(kq, 1, 0);
    double now = now_ms();
    REQUIRE((double)event.data <= (now - start.before) / 20);
    REQUIRE((double)event.data >= (until - start.after) / 20 - 1.5); /* 210 ms: at least 9 */
}

static void data_starts_from_zero_after_delivery(void) {
    int kq = new_kqueue();
    intptr_t total = 0;
    double until = 0;
    struct start start = set_noting(kq, 1, EV_ADD, 0, 20);
    for (int i = 0; i < 4; i++) {
        sleep_ms(105);
        until = now_ms();
        total += EXPECT(kq, 1, 0).data;
        REQUIRE((double)total <= (now_ms() - start.before) / 20);
    }
    REQUIRE((double)total >= (until - start.after) / 20 - 1.5);
    set(kq, 2, EV_ADD, 0, 5000);
    set(kq, 1, EV_DELETE, 0, 0);
    require_silent(kq);
}

static void oneshot_fires_once_and_is_deleted(void) {
    int kq = new_kqueue();
    struct start start = set_noting(kq, 1, EV_ADD | EV_ONESHOT, 0, 30);
    EXPECT_AFTER(kq, 1, EV_ONESHOT, start, 30);
    require_silent(kq);
    REQUIRE_EQ(set_errno(kq, 1, EV_DELETE, 0, 0), ENOENT);
    REQUIRE_EQ(set_errno(kq, 1, EV_ENABLE, 0, 0), ENOENT);
}

static void oneshot_counts_one_however_late(void) {
    int kq = new_kqueue();
    set(kq, 1, EV_ADD | EV_ONESHOT, 0, 10);
    sleep_ms(60);
    REQUIRE_EQ(EXPECT(kq, 1, EV_ONESHOT).data, 1);
}

static void adding_again_restarts_with_the_new_interval(void) {
    int kq = new_kqueue();
    set(kq, 1, EV_ADD, 0, 10000);
    struct start start = set_noting(kq, 1, EV_ADD, 0, 50);
    EXPECT_AFTER(kq, 1, 0, start, 50);
    set(kq, 1, EV_ADD, 0, 10000);
    require_silent(kq);
    set(kq, 2, EV_ADD, 0, 200);
    sleep_ms(120);
    start = set_noting(kq, 2, EV_ADD, 0, 200);
    EXPECT_AFTER(kq, 2, 0, start, 200);
}

static void adding_again_in_the_handler_restarts(void) {
    int kq = new_kqueue();
    for (int i = 1; i <= 10; i++) {
        struct start start = set_noting(kq, 1, EV_ADD, 0, 5 * i);
        EXPECT_AFTER(kq, 1, 0, start, 5 * i);
    }
}

static void adding_again_replaces_the_unit(void) {
    const struct {
        unsigned unit;
        intptr_t data;
    } cases[] = {{NOTE_USECONDS, 50000}, {NOTE_NSECONDS, 50000000}, {NOTE_MSECONDS, 50}, {NOTE_USECONDS, 50000}};
    int kq = new_kqueue();
    set(kq, 1, EV_ADD, NOTE_SECONDS, 50);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct start start = set_noting(kq, 1, EV_ADD, cases[i].unit, cases[i].data);
        EXPECT_AFTER(kq, 1, 0, start, 50);
    }
}

static void adding_again_drops_what_was_counted(void) {
    int kq = new_kqueue();
    set(kq, 1, EV_ADD, 0, 10);
    sleep_ms(55);
    struct start start = set_noting(kq, 1, EV_ADD, 0, 400);
    EXPECT_AFTER(kq, 1, 0, start, 400);
}

static void adding_again_as_oneshot_leaves_it_periodic(void) {
    int kq = new_kqueue();
    set(kq, 1, EV_ADD, 0, 1000);
    set(kq, 1, EV_ADD | EV_ONESHOT, 0, 20);
    for (int i = 0; i < 4; i++)
        EXPECT(kq, 1, 0);
    set(kq, 1, EV_DELETE, 0, 0);
}

static void an_invalid_second_add_leaves_the_timer_going(void) {
    int kq = new_kqueue(), mark, other;
    struct start start = {.before = now_ms()};
    change(kq, 1, EVFILT_TIMER, EV_ADD, 0, 200, &mark);
    REQUIRE_EQ(change_errno(kq, 1, EVFILT_TIMER, EV_ADD, 0, -1, &other), EINVAL);
    REQUIRE_EQ(change_errno(kq, 1, EVFILT_TIMER, EV_ADD, NOTE_SECONDS | NOTE_NSECONDS, 1, &other), EINVAL);
    sleep_ms(100);
    REQUIRE_EQ(change_errno(kq, 1, EVFILT_TIMER, EV_ADD, 0, -50, &other), EINVAL);
    struct kevent event = EXPECT(kq, 1, 0);
    double elapsed = now_ms() - start.before;
    REQUIRE(elapsed >= 200 && elapsed <= 200 + LATE);
    REQUIRE(event.udata == &mark);
    EXPECT(kq, 1, 0);
    REQUIRE(now_ms() - start.before >= 400);
}

static const struct {
    unsigned unit;
    int64_t nanoseconds;
} units[] = {
    {NOTE_MSECONDS, 1000000}, {NOTE_SECONDS, 1000000000}, {NOTE_USECONDS, 1000}, {NOTE_NSECONDS, 1},
};
enum { UNITS = sizeof units / sizeof *units };

/* Whether `data` has room for a time of the wall clock in units of so many ns: one of 32 bits has for seconds alone. */
static bool has_room_for_now(int64_t unit) {
    return wall_ns() / unit < INTPTR_MAX - 1000;
}

/* An absolute timer in the finest unit that there is room for. The time that it is for, not before the one wanted. */
static int64_t set_absolute(int kq, int flags, int64_t nanoseconds) {
    int64_t unit = has_room_for_now(1) ? 1 : 1000000000;
    int64_t count = (nanoseconds + unit - 1) / unit;
    set(kq, 1, flags, NOTE_ABSOLUTE | (unit == 1 ? NOTE_NSECONDS : NOTE_SECONDS), (intptr_t)count);
    return count * unit;
}

static void an_absolute_time_is_waited_for(void) {
    for (int i = 0; i < UNITS; i++) {
        int kq = new_kqueue();
        int64_t unit = units[i].nanoseconds;
        if (!has_room_for_now(unit))
            continue;
        int64_t deadline = (wall_ns() + 200000000) / unit + 1;
        set(kq, 1, EV_ADD, units[i].unit | NOTE_ABSOLUTE, (intptr_t)deadline);
        REQUIRE_EQ(EXPECT(kq, 1, 0).data, 1);
        int64_t now = wall_ns();
        REQUIRE(now >= deadline * unit);
        REQUIRE(now - deadline * unit <= (int64_t)LATE * 1000000);
        require_silent(kq);
    }
}

/* By the clock that programs compare with, which is behind the other. */
static void time_says_it_too(void) {
    int kq = new_kqueue();
    for (int round = 0; round < 3; round++) {
        time_t deadline = time(NULL) + 1;
        change(kq, 1, EVFILT_TIMER, EV_ADD, NOTE_SECONDS | NOTE_ABSOLUTE, deadline, NULL);
        REQUIRE_EQ(next_event(kq).data, 1);
        REQUIRE(time(NULL) >= deadline);
    }
}

static void a_past_time_fires_at_once(void) {
    for (int i = 0; i < UNITS; i++) {
        int64_t unit = units[i].nanoseconds, recent = wall_ns() / unit - 10000000000 / unit;
        const intptr_t past[] = {has_room_for_now(unit) ? (intptr_t)recent : 2, 1, 0, -1, INTPTR_MIN};
        for (size_t j = 0; j < sizeof past / sizeof *past; j++) {
            for (int flags = 0; flags <= EV_ONESHOT; flags += EV_ONESHOT) {
                int kq = new_kqueue();
                double started = now_ms();
                set(kq, 1, EV_ADD | flags, units[i].unit | NOTE_ABSOLUTE, past[j]);
                REQUIRE_EQ(EXPECT(kq, 1, flags).data, 1);
                REQUIRE(now_ms() - started <= LATE);
                close(kq);
            }
        }
    }
}

static void an_absolute_timer_fires_once_and_stays(void) {
    int kq = new_kqueue();
    struct kevent event;
    set_absolute(kq, EV_ADD, wall_ns() + 50000000);
    REQUIRE_EQ(EXPECT(kq, 1, 0).data, 1);
    REQUIRE_EQ(collect(kq, &event, 1, 300), 0);
    set(kq, 1, EV_ENABLE, 0, 0);
    require_silent(kq);
    set(kq, 1, EV_DELETE, 0, 0);
    REQUIRE_EQ(set_errno(kq, 1, EV_DELETE, 0, 0), ENOENT);
}

static void an_absolute_oneshot_is_deleted(void) {
    int kq = new_kqueue();
    set_absolute(kq, EV_ADD | EV_ONESHOT, wall_ns() + 50000000);
    REQUIRE_EQ(EXPECT(kq, 1, EV_ONESHOT).data, 1);
    REQUIRE_EQ(set_errno(kq, 1, EV_DELETE, 0, 0), ENOENT);
}

static void adding_again_switches_the_clock(void) {
    int kq = new_kqueue();
    set(kq, 1, EV_ADD, 0, 10000);
    int64_t deadline = set_absolute(kq, EV_ADD, wall_ns() + 200000000);
    REQUIRE_EQ(EXPECT(kq, 1, 0).data, 1);
    REQUIRE(wall_ns() >= deadline);
    set_absolute(kq, EV_ADD, wall_ns() + 60000000000);
    struct start start = set_noting(kq, 1, EV_ADD, 0, 50);
    EXPECT_AFTER(kq, 1, 0, start, 50);
    EXPECT(kq, 1, 0);
}

/* Whether so many units are a second or more from now, as a time or an interval; __int128 is not everywhere. */
static bool is_far(int64_t data, int64_t unit, bool absolute) {
    return data / (1000000000 / unit) > (absolute ? wall_ns() / 1000000000 + 1 : 1);
}

/* A timer of so many units, where `data` has room for them, that shall not be early: whether there is one. */
static bool set_far(int kq, uintptr_t ident, int flags, unsigned fflags, int64_t data, int64_t unit) {
    if (data > INTPTR_MAX || !is_far(data, unit, fflags & NOTE_ABSOLUTE))
        return false;
    set(kq, ident, flags, fflags, (intptr_t)data);
    return true;
}

static void huge_intervals_are_never_early(void) {
    /* Each, in nanoseconds, wraps round 64 bits, or 32, to less than a second. */
    const int64_t wrapping[] = {18446744073710, 18446744074, 18446744073709552, 1};
    const int64_t short_wrapping[] = {4295, 5, 4294968, 1};
    int kq = new_kqueue();
    struct kevent event;
    uintptr_t ident = 0;
    for (int i = 0; i < UNITS; i++) {
        unsigned unit = units[i].unit;
        int64_t length = units[i].nanoseconds;
        for (int flags = EV_ADD; flags <= (EV_ADD | EV_ONESHOT); flags += EV_ONESHOT) {
            ident += set_far(kq, ident, flags, unit, INTPTR_MAX, length);
            ident += set_far(kq, ident, flags, unit, INTPTR_MAX / 1000, length);
            ident += set_far(kq, ident, flags, unit | NOTE_ABSOLUTE, INTPTR_MAX, length);
            ident += set_far(kq, ident, flags, unit, wrapping[i], length);
            ident += set_far(kq, ident, flags, unit, wrapping[i] / 2 + 1, length);
            ident += set_far(kq, ident, flags, unit, short_wrapping[i], length);
            ident += set_far(kq, ident, flags, unit, short_wrapping[i] / 2 + 1, length);
        }
    }
    REQUIRE(ident >= 20);
    REQUIRE_EQ(collect(kq, &event, 1, 700), 0);
    struct start start = set_noting(kq, ident, EV_ADD | EV_ONESHOT, 0, 30);
    EXPECT_AFTER(kq, ident, EV_ONESHOT, start, 30);
    while (ident-- > 0)
        set(kq, ident, EV_DELETE, 0, 0);
}

static void one_ident_in_two_kqueues_is_two_timers(void) {
    int first = new_kqueue(), second = new_kqueue();
    struct start start = set_noting(first, 1, EV_ADD, 0, 50);
    struct start other = set_noting(second, 1, EV_ADD, 0, 300);
    EXPECT_AFTER(first, 1, 0, start, 50);
    set(first, 1, EV_DELETE, 0, 0);
    EXPECT_AFTER(second, 1, 0, other, 300);
    require_silent(first);
    EXPECT(second, 1, 0);
}

enum { PERIOD = 200 };

/* Sleeps to the middle of a period, so that no expiration falls into the next few calls. */
static void sleep_to_mid_period(double phase) {
    for (;;) {
        double into = now_ms() - phase;
        into -= (double)((long)(into / PERIOD) * PERIOD);
        if (into > PERIOD * 0.3 && into < PERIOD * 0.6)
            return;
        sleep_ms((long)(into < PERIOD * 0.5 ? PERIOD * 0.5 - into : PERIOD * 1.5 - into) + 1);
    }
}

/* Requires that a timer enabled within the last few calls counts from then on only. */
#define EXPECT_FRESH(kq, flags, enabled) expect_fresh(__LINE__, kq, flags, enabled)
static void expect_fresh(int line, int kq, int flags, struct start enabled) {
    sleep_ms(1100);
    double until = now_ms();
    struct kevent event = expect(line, kq, 1, flags);
    double most = (now_ms() - enabled.before) / PERIOD + 1, least = (until - enabled.after) / PERIOD - 1;
    if ((double)event.data > most || (double)event.data < least)
        contract_fail(__FILE__, line, "data %jd; wanted %.2f to %.2f", (intmax_t)event.data, least, most);
}

static void dispatch_counts_from_the_enable(void) {
    int kq;
    struct kevent event;
    for (int attempt = 0;; attempt++) {
        REQUIRE(attempt < 5);
        kq = new_kqueue(); /* in the one before the timer may be disabled */
        struct start start = set_noting(kq, 1, EV_ADD | EV_DISPATCH, 0, PERIOD);
        EXPECT(kq, 1, EV_DISPATCH);
        REQUIRE_EQ(collect(kq, &event, 1, 2 * PERIOD + 50), 0);
        sleep_to_mid_period(start.before);
        double before = now_ms();
        struct start enabled = set_noting(kq, 1, EV_ENABLE, 0, 0);
        int got = collect(kq, &event, 1, 0);
        if (now_ms() - before >= PERIOD * 0.3)
            continue; /* held up past an expiration */
        REQUIRE_EQ(got, 0);
        EXPECT_FRESH(kq, EV_DISPATCH, enabled);
        break;
    }
    require_silent(kq);
    REQUIRE_EQ(collect(kq, &event, 1, 2 * PERIOD), 0);
}

static void disabled_periods_are_not_counted(void) {
    struct kevent event;
    for (int attempt = 0;; attempt++) {
        REQUIRE(attempt < 5);
        int kq = new_kqueue(); /* in the one before the timer is disabled */
        struct start start = set_noting(kq, 1, EV_ADD, 0, PERIOD);
        EXPECT(kq, 1, 0);
        set(kq, 1, EV_DISABLE, 0, 0);
        if (now_ms() - start.before >= 2 * PERIOD)
            continue; /* held up: what it counted before the disable it would tell at once */
        REQUIRE_EQ(collect(kq, &event, 1, 2 * PERIOD + 50), 0);
        sleep_to_mid_period(start.before);
        double before = now_ms();
        struct start enabled = set_noting(kq, 1, EV_ENABLE, NOTE_SECONDS, 1);
        int got = collect(kq, &event, 1, 0);
        if (now_ms() - before >= PERIOD * 0.3)
            continue; /* held up past an expiration */
        REQUIRE_EQ(got, 0);
        EXPECT_FRESH(kq, 0, enabled); /* the entry's unit and data were ignored */
        return;
    }
}

/* Were the period started afresh by the enable, its end would be a whole period away. */
static void the_phase_goes_on_through_a_disable(void) {
    for (int attempt = 0;; attempt++) {
        REQUIRE(attempt < 5);
        int kq = new_kqueue(); /* in the one before the timer is disabled */
        struct start start = set_noting(kq, 1, EV_ADD, 0, PERIOD);
        set(kq, 1, EV_DISABLE, 0, 0);
        if (now_ms() - start.before >= PERIOD)
            continue; /* held up: what it counted before the disable it would tell at once */
        sleep_ms(PERIOD);
        sleep_to_mid_period(start.before);
        struct start enabled = set_noting(kq, 1, EV_ENABLE, 0, 0);
        long periods = (long)((enabled.before - start.before) / PERIOD) + 1;
        EXPECT(kq, 1, 0);
        double now = now_ms();
        REQUIRE(now - start.before >= (double)periods * PERIOD);
        if (now - enabled.before < PERIOD)
            return;
    }
}

static void a_timer_added_disabled_is_silent(void) {
    int kq = new_kqueue();
    struct kevent event;
    set(kq, 1, EV_ADD | EV_DISABLE, 0, 20);
    REQUIRE_EQ(collect(kq, &event, 1, 200), 0);
    set(kq, 1, EV_ENABLE, 0, 0);
    EXPECT(kq, 1, 0);
    EXPECT(kq, 1, 0);
}

static void a_oneshot_expired_while_disabled_waits_for_enable(void) {
    int kq = new_kqueue();
    const int flags[] = {EV_ONESHOT, EV_ONESHOT | EV_DISPATCH};
    for (int i = 0; i < 2; i++) {
        set(kq, 1, EV_ADD | flags[i], 0, 50);
        set(kq, 1, EV_DISABLE, 0, 0);
        set(kq, 2, EV_ADD | EV_DISABLE | flags[i], 0, 50);
        set(kq, 3, EV_ADD | EV_DISABLE | flags[i], 0, 0);
        require_silent(kq);
        for (uintptr_t ident = 1; ident <= 3; ident++) {
            set(kq, ident, EV_ENABLE, 0, 0);
            REQUIRE_EQ(EXPECT(kq, ident, flags[i]).data, 1);
            REQUIRE_EQ(set_errno(kq, ident, EV_DELETE, 0, 0), ENOENT);
        }
    }
}

static void an_absolute_time_past_while_disabled_waits_for_enable(void) {
    int kq = new_kqueue();
    int64_t deadline = set_absolute(kq, EV_ADD | EV_DISABLE, wall_ns() + 50000000);
    do
        require_silent(kq);
    while (wall_ns() < deadline);
    set(kq, 1, EV_ENABLE, 0, 0);
    REQUIRE_EQ(EXPECT(kq, 1, 0).data, 1);
    require_silent(kq);
}

static void a_oneshot_enabled_in_time_keeps_its_time(void) {
    int kq = new_kqueue();
    struct start start = set_noting(kq, 1, EV_ADD | EV_ONESHOT | EV_DISABLE, 0, 300);
    sleep_ms(20);
    set(kq, 1, EV_ENABLE, 0, 5);
    EXPECT_AFTER(kq, 1, EV_ONESHOT, start, 300);
}

static void output_fflags_are_zero(void) {
    int kq = new_kqueue();
    for (int i = 0; i < UNITS; i++) {
        set(kq, 1, EV_ADD | EV_ONESHOT, units[i].unit, 0);
        REQUIRE_EQ(next_event(kq).fflags, 0);
        set(kq, 1, EV_ADD | EV_ONESHOT, units[i].unit | NOTE_ABSOLUTE, 1);
        REQUIRE_EQ(next_event(kq).fflags, 0);
    }
}

static void thousands_of_timers_all_fire(void) {
    enum { COUNT = 5000 };
    static double started[COUNT];
    static bool fired[COUNT];
    int kq = new_kqueue();
    set(kq, COUNT, EV_ADD, NOTE_SECONDS, 1000);
    int descriptors = open_descriptors();
    for (uintptr_t i = 0; i < COUNT; i++) {
        started[i] = now_ms();
        set(kq, i, EV_ADD | EV_ONESHOT, 0, (intptr_t)(i * 7919 % 300));
    }
    REQUIRE_EQ(open_descriptors(), descriptors);
    for (int left = COUNT; left > 0;) {
        struct kevent events[64];
        int got = collect(kq, events, 64, PATIENCE);
        double now = now_ms();
        REQUIRE(got > 0);
        for (int i = 0; i < got; i++) {
            uintptr_t ident = events[i].ident;
            REQUIRE(ident < COUNT && !fired[ident] && events[i].data == 1);
            REQUIRE(now - started[ident] >= (double)(ident * 7919 % 300));
            fired[ident] = true;
        }
        left -= got;
    }
    require_silent(kq);
}

static void thousands_of_periodic_timers_all_fire(void) {
    enum { COUNT = 10000 };
    static int fired[COUNT];
    int kq = new_kqueue(), left = COUNT;
    for (uintptr_t i = 0; i < COUNT; i++)
        set(kq, i, EV_ADD, 0, (intptr_t)(100 + i % 100));
    while (left > 0) {
        struct kevent events[512];
        int got = collect(kq, events, 512, PATIENCE);
        REQUIRE(got > 0);
        for (int i = 0; i < got; i++) {
            REQUIRE(events[i].ident < COUNT && events[i].data >= 1);
            left -= ++fired[events[i].ident] == 2;
        }
    }
    for (uintptr_t i = 0; i < COUNT; i++)
        set(kq, i, EV_DELETE, 0, 0);
    require_silent(kq);
}

static void timers_fire_in_order_of_their_time(void) {
    enum { COUNT = 10, STEP = 20 };
    struct start starts[COUNT];
    int kq = new_kqueue();
    double earliest = 0; /* that those before can have been due */
    for (uintptr_t i = 0; i < COUNT; i++)
        starts[i] = set_noting(kq, i, EV_ADD | EV_ONESHOT, 0, STEP * (intptr_t)(COUNT - i));
    for (int i = 0; i < COUNT; i++) {
        struct kevent event;
        REQUIRE_EQ(collect(kq, &event, 1, PATIENCE), 1);
        REQUIRE(event.ident < COUNT && event.data == 1);
        double interval = STEP * (double)(COUNT - event.ident);
        REQUIRE(starts[event.ident].after + interval >= earliest);
        earliest = starts[event.ident].before + interval;
    }
    require_silent(kq);
}

/* As many as there were periods, at each event, however late it comes. */
static void expirations_do_not_drift(void) {
    int kq = new_kqueue();
    intptr_t total = 0;
    struct start start = set_noting(kq, 1, EV_ADD, 0, 10);
    while (total < 100) {
        double until = now_ms();
        total += EXPECT(kq, 1, 0).data;
        REQUIRE((double)total <= (now_ms() - start.before) / 10);
        REQUIRE((double)total >= (until - start.after) / 10 - 1.5);
    }
}

static struct churn {
    int kq;
    atomic_bool over;
} churn;

static void *churn_timers(void *argument) {
    uintptr_t base = (uintptr_t)argument;
    for (int i = 0; !atomic_load(&churn.over); i++) {
        uintptr_t ident = i % 8 == 0 ? 0 : base + (uintptr_t)i % 4; /* ident 0 is everybody's */
        int code = set_errno(churn.kq, ident, EV_ADD | (i & 1 ? EV_ONESHOT : 0), NOTE_USECONDS, i % 300);
        REQUIRE_EQ(code, 0);
        if (i % 16 == 0)
            sleep_ms(1);
        code = set_errno(churn.kq, ident, EV_DELETE, 0, 0);
        REQUIRE(code == 0 || code == ENOENT);
    }
    return NULL;
}

static void churn_during_expiry_is_harmless(void) {
    pthread_t threads[4];
    churn.kq = new_kqueue();
    for (uintptr_t i = 0; i < 4; i++)
        threads[i] = start_thread(churn_timers, (void *)(10 * (i + 1)));
    int events = 0;
    for (double end = now_ms() + 3000; now_ms() < end;) {
        struct kevent event[4];
        int got = collect(churn.kq, event, 4, 10);
        for (int i = 0; i < got; i++)
            REQUIRE(event[i].filter == EVFILT_TIMER && event[i].ident < 50 && event[i].data >= 1);
        events += got;
    }
    atomic_store(&churn.over, true);
    for (int i = 0; i < 4; i++)
        join_thread(threads[i]);
    REQUIRE(events > 0);
    require_silent(churn.kq);
    struct start start = set_noting(churn.kq, 99, EV_ADD, 0, 30);
    EXPECT_AFTER(churn.kq, 99, 0, start, 30);
}

static void a_deleted_timer_is_silent_at_any_moment(void) {
    int kq = new_kqueue();
    struct kevent event;
    for (int i = 0; i < 2000; i++) {
        set(kq, 1, EV_ADD, NOTE_USECONDS, 50);
        for (double end = now_ms() + 0.001 * (i % 200); now_ms() < end;)
            continue;
        set(kq, 1, EV_DELETE, 0, 0);
        REQUIRE_EQ(collect(kq, &event, 1, 0), 0);
    }
}

static void a_periodic_expiration_goes_to_one_of_many_waiters(void) {
    enum { WAITERS = 4 };
    int kq = new_kqueue();
    struct waiter waiters[WAITERS];
    for (int i = 0; i < WAITERS; i++) {
        start_waiter(&waiters[i], kq, 1, -1);
        park_waiter(&waiters[i]);
    }
    struct start start = set_noting(kq, 1, EV_ADD, 0, 100);
    intptr_t total = 0;
    double last = 0;
    for (int i = 0; i < WAITERS; i++) {
        join_waiter(&waiters[i]);
        REQUIRE_EQ(waiters[i].result, 1);
        total += waiters[i].events[0].data;
        last = waiters[i].ended > last ? waiters[i].ended : last;
    }
    REQUIRE(total >= WAITERS);
    REQUIRE((double)total <= (last - start.before) / 100);
}

const struct contract_case timer_cases[] = {
    {"C-290", "the default unit is milliseconds", the_default_unit_is_milliseconds, 0},
    {"C-290", "any ident works, udata comes back", idents_and_udata_come_back, 0},
    {"C-290", "short timers are never early", short_timers_are_never_early, 0},
    {"C-290", "a timer added by a thread wakes a parked one", a_timer_added_by_a_thread_wakes_a_parked_one, 0},
    {"C-291", "NOTE_SECONDS, NOTE_USECONDS, NOTE_NSECONDS scale data", units_scale_data, 0},
    {"C-291", "a period of 1 ns is counted and costs little", a_nanosecond_period_is_counted_and_costs_little, 0},
    {"C-292", "two unit bits are EINVAL", two_units_are_invalid, 0},
    {"C-292", "unknown bits are EINVAL", unknown_bits_are_invalid, 0},
    {"C-292", "leeway bits are ignored", leeway_bits_are_ignored, 0},
    {"C-293", "a negative interval is EINVAL", a_negative_interval_is_invalid, 0},
    {"C-294", "a oneshot of 0 fires at once", a_oneshot_of_zero_fires_at_once, 0},
    {"C-295", "a period of 0 fires and does not spin", a_period_of_zero_does_not_spin, 0},
    {"C-296", "a late drain is told the count", late_drains_are_told_the_count, 0},
    {"C-297", "data starts from 0 after delivery", data_starts_from_zero_after_delivery, 0},
    {"C-298", "EV_ONESHOT fires once and is deleted", oneshot_fires_once_and_is_deleted, 0},
    {"C-298", "EV_ONESHOT says data 1 however late", oneshot_counts_one_however_late, 0},
    {"C-299", "a second add restarts with its interval", adding_again_restarts_with_the_new_interval, 0},
    {"C-299", "a second add after each event restarts", adding_again_in_the_handler_restarts, 0},
    {"C-300", "a second add replaces the unit", adding_again_replaces_the_unit, 0},
    {"C-301", "a second add drops what was counted", adding_again_drops_what_was_counted, 0},
    {"C-302", "a second add with EV_ONESHOT leaves it periodic", adding_again_as_oneshot_leaves_it_periodic, 0},
    {"C-303", "an invalid second add leaves the timer going", an_invalid_second_add_leaves_the_timer_going, 0},
    {"C-304", "NOTE_ABSOLUTE waits for its time, in each unit", an_absolute_time_is_waited_for, 0},
    {"C-304", "NOTE_ABSOLUTE is not early by time(2) either", time_says_it_too, 0},
    {"C-305", "NOTE_ABSOLUTE in the past fires at once", a_past_time_fires_at_once, 0},
    {"C-306", "NOTE_ABSOLUTE fires once and stays", an_absolute_timer_fires_once_and_stays, 0},
    {"C-306", "NOTE_ABSOLUTE with EV_ONESHOT is deleted", an_absolute_oneshot_is_deleted, 0},
    {"C-307", "a second add switches the clock", adding_again_switches_the_clock, 0},
    {"C-308", "huge intervals are never early", huge_intervals_are_never_early, 0},
    {"C-309", "one ident in two kqueues is two timers", one_ident_in_two_kqueues_is_two_timers, 0},
    {"C-310", "EV_DISPATCH counts from the EV_ENABLE", dispatch_counts_from_the_enable, 20},
    {"C-310", "periods while disabled are not counted", disabled_periods_are_not_counted, 20},
    {"C-310", "the phase goes on through EV_DISABLE", the_phase_goes_on_through_a_disable, 20},
    {"C-310", "added disabled is silent till EV_ENABLE", a_timer_added_disabled_is_silent, 0},
    {"C-311", "a oneshot that expired while disabled", a_oneshot_expired_while_disabled_waits_for_enable, 0},
    {"C-311", "an absolute time that passed while disabled", an_absolute_time_past_while_disabled_waits_for_enable, 0},
    {"C-311", "a oneshot enabled in time keeps its time", a_oneshot_enabled_in_time_keeps_its_time, 0},
    {"C-312", "output fflags are 0", output_fflags_are_zero, 0},
    {"C-313", "5000 oneshots all fire, without descriptors", thousands_of_timers_all_fire, 30},
    {"C-313", "10000 periodic timers all fire", thousands_of_periodic_timers_all_fire, 30},
    {"C-313", "timers fire in order of their time", timers_fire_in_order_of_their_time, 0},
    {"C-314", "100 expirations show no drift", expirations_do_not_drift, 20},
    {"C-315", "add and delete from four threads during expiry", churn_during_expiry_is_harmless, 30},
    {"C-315", "a deleted timer is silent at any moment", a_deleted_timer_is_silent_at_any_moment, 0},
    {"C-315", "each expiration goes to one of many waiters", a_periodic_expiration_goes_to_one_of_many_waiters, 0},
    {NULL, NULL, NULL, 0},
};
