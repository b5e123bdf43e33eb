/*
 * How long kevent waits, and what ends a wait: signals, cancellation, a jump.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "io.h"

#include <sched.h>
#include <setjmp.h>

static const struct timespec no_wait = {0, 0};

static void never_early(void) {
    static const long waits[] = {1, 100000, 999999, 1000001, 1500000, 20000001, 50000000};
    int kq = new_kqueue();
    struct kevent event;
    for (int i = 0; i < 7; i++) {
        for (int round = 0; round < 5; round++) {
            const struct timespec timeout = {.tv_nsec = waits[i]};
            double start = now_ms();
            REQUIRE_EQ(kevent(kq, NULL, 0, &event, 1, &timeout), 0);
            double took = now_ms() - start;
            if (took < (double)waits[i] / 1e6 || took > (double)waits[i] / 1e6 + 2000)
                contract_fail(__FILE__, __LINE__, "a wait of %ld ns took %.6f ms", waits[i], took);
        }
    }
}

/* Work on the kqueue that makes nothing deliverable, till *argument is negative. */
static void *disturb(void *argument) {
    atomic_int *kq = argument;
    for (int i = 0, at; (at = *kq) >= 0; i++) {
        add_user(at, 7, 0);
        change(at, 7, EVFILT_USER, EV_DISABLE, 0, 0, NULL);
        trigger(at, 7);
        add_user(at, 8, 0);
        change(at, 7, EVFILT_USER, EV_DELETE, 0, 0, NULL);
        change(at, 8, EVFILT_USER, EV_DELETE, 0, 0, NULL);
        if (i % 16 == 0)
            sleep_ms(1);
    }
    return NULL;
}

static void disturbed_wait_is_neither_short_nor_long(void) {
    atomic_int kq = new_kqueue();
    struct kevent event;
    pthread_t thread = start_thread(disturb, &kq);
    double start = now_ms();
    REQUIRE_EQ(collect(kq, &event, 1, 300), 0);
    double took = now_ms() - start;
    kq = -1;
    join_thread(thread);
    REQUIRE(took >= 300);
    REQUIRE(took < 300 + LATE);
}

struct parked {
    int kq;
    pid_t tid;
};

static void *trigger_once_parked(void *argument) {
    const struct parked *parked = argument;
    await_sleep(parked->tid);
    trigger(parked->kq, 1);
    return NULL;
}

static void huge_timeouts(void) {
    struct parked parked = {.kq = new_kqueue(), .tid = thread_number()};
    const struct timespec huge[] = {
        {.tv_sec = INT32_MAX},
        {.tv_sec = (time_t)(INT64_C(1) << 32)},
        {.tv_sec = (time_t)(INT64_MAX / 1000)},
        {.tv_sec = (time_t)(INT64_MAX / 1000000000), .tv_nsec = 999999999},
        {.tv_sec = (time_t)INT64_MAX},
        {.tv_sec = (time_t)INT64_MAX, .tv_nsec = 999999999},
    };
    add_user(parked.kq, 1, EV_CLEAR);
    for (size_t i = 0; i < sizeof huge / sizeof *huge; i++) {
        struct kevent event;
        if (sizeof(time_t) < 8 && i > 0)
            break;
        pthread_t thread = start_thread(trigger_once_parked, &parked);
        REQUIRE_EQ(kevent(parked.kq, NULL, 0, &event, 1, &huge[i]), 1);
        REQUIRE_EQ(event.ident, 1);
        join_thread(thread);
    }
}

static atomic_int handled;

static void count_signal(int number) {
    (void)number;
    handled++;
}

static void handle_signal(int number, int flags, void (*handler)(int)) {
    struct sigaction action = {.sa_handler = handler, .sa_flags = flags};
    REQUIRE(sigaction(number, &action, NULL) == 0);
}

struct target {
    pthread_t thread;
    pid_t tid;
    atomic_bool done;
    long pause; /* milliseconds between signals, 0: none */
};

/* Signals the thread over and over, so that none is lost before it waits. */
static void *keep_signalling(void *argument) {
    struct target *target = argument;
    if (target->pause > 0)
        await_sleep(target->tid);
    while (!target->done) {
        pthread_kill(target->thread, SIGUSR1);
        if (target->pause > 0)
            sleep_ms(target->pause);
    }
    return NULL;
}

static void require_eintr(int flags, const struct timespec *timeout) {
    struct target target = {.thread = pthread_self(), .tid = thread_number(), .pause = 50};
    struct kevent entry, event;
    int kq = new_kqueue();
    handled = 0;
    handle_signal(SIGUSR1, flags, count_signal);
    EV_SET(&entry, 1, EVFILT_USER, EV_ADD, 0, 0, NULL);
    pthread_t thread = start_thread(keep_signalling, &target);
    REQUIRE_ERRNO(kevent(kq, &entry, 1, &event, 1, timeout), EINTR);
    target.done = true;
    join_thread(thread);
    REQUIRE(handled > 0);
    change(kq, 1, EVFILT_USER, EV_DELETE, 0, 0, NULL);
    close(kq);
}

static void handled_signal_interrupts(void) {
    const struct timespec timeout = {.tv_sec = 8};
    require_eintr(SA_RESTART, NULL);
    require_eintr(0, NULL);
    require_eintr(SA_RESTART, &timeout);
}

static void changes_stand_after_eintr(void) {
    struct target target = {.thread = pthread_self(), .tid = thread_number(), .pause = 50};
    struct kevent entries[3], event;
    int kq = new_kqueue();
    handle_signal(SIGUSR1, SA_RESTART, count_signal);
    add_user(kq, 1, 0);
    add_user(kq, 3, 0);
    EV_SET(&entries[0], 1, EVFILT_USER, EV_DELETE, 0, 0, NULL);
    EV_SET(&entries[1], 2, EVFILT_USER, EV_ADD, 0, 0, NULL);
    EV_SET(&entries[2], 3, EVFILT_USER, EV_DISABLE, 0, 0, NULL);
    pthread_t thread = start_thread(keep_signalling, &target);
    REQUIRE_ERRNO(kevent(kq, entries, 3, &event, 1, NULL), EINTR);
    target.done = true;
    join_thread(thread);
    REQUIRE(!delete_knote(kq, 1, EVFILT_USER));
    change(kq, 2, EVFILT_USER, EV_DELETE, 0, 0, NULL);
    trigger(kq, 3);
    require_silent(kq);
    change(kq, 3, EVFILT_USER, EV_ENABLE, 0, 0, NULL);
    REQUIRE_EQ(next_event(kq).ident, 3);
}

/* A storm of signals, so that some are pending whatever the call is doing. */
static void ready_event_beats_a_signal(void) {
    struct target target = {.thread = pthread_self(), .tid = thread_number()};
    int kq = new_kqueue(), pair[2];
    const struct timespec long_wait = {.tv_sec = 8};
    new_pipe(pair);
    put(pair[1], "x");
    handle_signal(SIGUSR1, 0, count_signal);
    change(kq, (uintptr_t)pair[0], EVFILT_READ, EV_ADD, 0, 0, NULL);
    pthread_t thread = start_thread(keep_signalling, &target);
    while (handled == 0)
        sched_yield();
    for (int i = 0; i < 3000; i++) {
        struct kevent event;
        if (i == 1500) {
            change(kq, (uintptr_t)pair[0], EVFILT_READ, EV_DELETE, 0, 0, NULL);
            add_triggered(kq, 1, 0);
        }
        REQUIRE_EQ(kevent(kq, NULL, 0, &event, 1, i % 2 ? NULL : &long_wait), 1);
    }
    target.done = true;
    join_thread(thread);
}

static void zero_timeout_is_never_interrupted(void) {
    struct target target = {.thread = pthread_self(), .tid = thread_number()};
    int kq = new_kqueue();
    handle_signal(SIGUSR1, 0, count_signal);
    pthread_t thread = start_thread(keep_signalling, &target);
    while (handled == 0)
        sched_yield();
    for (int i = 0; i < 3000; i++) {
        struct kevent event;
        REQUIRE_EQ(kevent(kq, NULL, 0, &event, 1, &no_wait), 0);
    }
    target.done = true;
    join_thread(thread);
}

static void cancel_waiter(struct waiter *waiter) {
    void *result = NULL;
    REQUIRE_EQ(pthread_cancel(waiter->thread), 0);
    REQUIRE_EQ(pthread_join(waiter->thread, &result), 0);
    REQUIRE(result == PTHREAD_CANCELED);
}

static void cancel_ends_a_wait(void) {
    struct waiter waiter;
    int kq = new_kqueue();
    for (int i = 0; i < 2; i++) {
        start_waiter(&waiter, kq, 1, i ? -1 : 3600000);
        park_waiter(&waiter);
        cancel_waiter(&waiter); /* the limit of the case ends one that waits on */
    }
}

static void cancel_leaves_the_kqueue_usable(void) {
    struct waiter cancelled[3], other;
    int kq = new_kqueue(), pair[2];
    new_pipe(pair);
    add_user(kq, 1, EV_CLEAR);
    change(kq, (uintptr_t)pair[0], EVFILT_READ, EV_ADD | EV_CLEAR, 0, 0, NULL);
    start_waiter(&other, kq, 1, -1); /* parked all the while */
    park_waiter(&other);
    for (int i = 0; i < 3; i++) {
        start_waiter(&cancelled[i], kq, 1, PATIENCE);
        park_waiter(&cancelled[i]);
    }
    for (int i = 0; i < 3; i++)
        cancel_waiter(&cancelled[i]);
    trigger(kq, 1);
    join_waiter(&other); /* the trigger is not lost on a dead waiter */
    REQUIRE_EQ(other.result, 1);
    start_waiter(&other, kq, 1, PATIENCE);
    park_waiter(&other);
    put(pair[1], "x");
    join_waiter(&other);
    REQUIRE_EQ(other.result, 1);
    REQUIRE_EQ(other.events[0].ident, pair[0]);
    require_silent(kq);
    REQUIRE_EQ(close(kq), 0);
}

static sigjmp_buf escape;

static void jump_out(int number) {
    (void)number;
    siglongjmp(escape, 1);
}

static void *signal_once_parked(void *argument) {
    struct target *target = argument;
    await_sleep(target->tid);
    pthread_kill(target->thread, SIGUSR2);
    return NULL;
}

/* A timer that was armed outlives the wait that a signal ends, also where an earlier wait told one. */
static void interrupted_wait_keeps_the_timer(void) {
    int kq = new_kqueue();
    struct kevent event;
    struct target target = {.thread = pthread_self(), .tid = thread_number()};
    const long wait = (long)(500 * processor_slowness());
    handle_signal(SIGUSR2, 0, count_signal);
    for (int interrupted = 0, attempt = 0; interrupted < 3; attempt++) {
        REQUIRE(attempt < 20);
        change(kq, 1, EVFILT_TIMER, EV_ADD | EV_ONESHOT, 0, 10, NULL);
        REQUIRE_EQ(next_event(kq).ident, 1);
        change(kq, 2, EVFILT_TIMER, EV_ADD | EV_ONESHOT, 0, wait, NULL);
        pthread_t thread = start_thread(signal_once_parked, &target);
        int got = kevent(kq, NULL, 0, &event, 1, NULL), code = errno;
        join_thread(thread);
        if (got == 1)
            continue; /* the timer was first: the signaller was held up */
        REQUIRE_EQ(code, EINTR);
        REQUIRE_EQ(collect(kq, &event, 1, 10 * wait), 1);
        REQUIRE_EQ(event.ident, 2);
        interrupted++;
    }
}

static void siglongjmp_leaves_the_kqueue_usable(void) {
    static int kq; /* neither is on the stack that the jump unwinds */
    static struct target target;
    static pthread_t thread;
    static int rounds;
    static struct waiter other;
    kq = new_kqueue();
    handle_signal(SIGUSR2, 0, jump_out);
    target.thread = pthread_self();
    target.tid = thread_number();
    add_user(kq, 1, EV_CLEAR);
    for (rounds = 0; rounds < 3; rounds++) {
        struct kevent event;
        thread = start_thread(signal_once_parked, &target);
        if (sigsetjmp(escape, 1) == 0) {
            kevent(kq, NULL, 0, &event, 1, NULL);
            contract_fail(__FILE__, __LINE__, "the wait ended before the jump");
        }
        join_thread(thread);
        start_waiter(&other, kq, 1, PATIENCE);
        park_waiter(&other);
        trigger(kq, 1);
        join_waiter(&other);
        REQUIRE_EQ(other.result, 1);
        trigger(kq, 1);
        REQUIRE_EQ(next_event(kq).ident, 1);
    }
    REQUIRE_EQ(close(kq), 0);
}

static void *collect_for_ever(void *argument) {
    struct kevent event;
    while (kevent(*(int *)argument, NULL, 0, &event, 1, NULL) == 1)
        continue;
    return NULL;
}

#ifdef __linux__
struct idler {
    int kq;
    _Atomic pid_t tid;
};

/* It runs when nobody else wants the processor. */
static void *wait_when_idle(void *argument) {
    struct idler *idler = argument;
    struct kevent event;
    (void)sched_setscheduler(0, SCHED_IDLE, &(struct sched_param){0});
    idler->tid = thread_number();
    (void)kevent(idler->kq, NULL, 0, &event, 1, NULL);
    return NULL;
}

/*
 * A report and the cancellation come to a thread that waits before it runs again, since this one has the processor:
 * the thread has taken the report when it is cancelled, and another gets it.
 */
static void cancel_loses_no_report(void) {
    cpu_set_t one;
    int cpu = sched_getcpu(), cancelled = 0;
    CPU_ZERO(&one);
    CPU_SET(cpu >= 0 ? cpu : 0, &one);
    if (sched_setaffinity(0, sizeof one, &one) != 0)
        contract_skip("threads cannot be held on one processor");
    for (int i = 0; i < 20; i++) {
        struct idler idler = {.kq = new_kqueue()};
        int pair[2];
        void *result;
        new_pipe(pair);
        change(idler.kq, (uintptr_t)pair[0], EVFILT_READ, EV_ADD | EV_CLEAR, 0, 0, NULL);
        pthread_t thread = start_thread(wait_when_idle, &idler);
        while (idler.tid == 0)
            sleep_ms(1);
        await_sleep(idler.tid);
        put(pair[1], "x");
        REQUIRE_EQ(pthread_cancel(thread), 0);
        REQUIRE_EQ(pthread_join(thread, &result), 0);
        if (result == PTHREAD_CANCELED) {
            cancelled++;
            REQUIRE_EQ(next_event(idler.kq).ident, pair[0]);
        }
        REQUIRE_EQ(close(idler.kq) + close(pair[0]) + close(pair[1]), 0);
    }
    if (cancelled == 0)
        contract_skip("no thread was cancelled before it returned");
}
#endif

/* A thread that never waits, since it always finds events, ends all the same. */
static void cancel_ends_a_busy_thread(void) {
    int pair[2], kq = new_kqueue();
    new_pipe(pair);
    for (int i = 0; i < 2; i++) {
        if (i == 0)
            add_triggered(kq, 1, 0);
        else
            add_write(kq, pair[1], 0);
        pthread_t thread = start_thread(collect_for_ever, &kq);
        sleep_ms(20);
        REQUIRE_EQ(pthread_cancel(thread), 0);
        join_thread(thread);
        struct kevent events[2];
        REQUIRE_EQ(collect(kq, events, 2, 1000), i + 1);
    }
}

static void *apply_and_look(void *argument) {
    struct kevent entry;
    struct timespec none = {0, 0};
    int kq = *(int *)argument;
    pthread_cancel(pthread_self());
    add_user(kq, 1, EV_CLEAR); /* no call for events */
    EV_SET(&entry, 1, EVFILT_USER, 0, NOTE_TRIGGER, 0, NULL);
    REQUIRE_EQ(kevent(kq, &entry, 1, &entry, 1, &none), 1);
    return argument;
}

/* Nor is a call that does not wait in any case a cancellation point. */
static void no_cancel_where_nothing_waits(void) {
    if (sanitized())
        contract_skip("the sanitizer's runtime has cancellation points of its own");
    int kq = new_kqueue();
    void *result;
    pthread_t thread = start_thread(apply_and_look, &kq);
    REQUIRE_EQ(pthread_join(thread, &result), 0);
    REQUIRE(result == &kq);
}

const struct contract_case wait_cases[] = {
    {"C-022", "no wait ends early", never_early, 30},
    {"C-022", "changes that deliver nothing leave a wait its length",
     disturbed_wait_is_neither_short_nor_long, 0},
    {"C-023", "timeouts beyond the clock wait until an event", huge_timeouts, 0},
    {"C-024", "a handled signal ends a wait with EINTR", handled_signal_interrupts, 0},
    {"C-025", "changes stand after EINTR", changes_stand_after_eintr, 0},
    {"C-025", "a timer stands after EINTR", interrupted_wait_keeps_the_timer, 30},
    {"C-026", "a ready event beats a signal", ready_event_beats_a_signal, 30},
    {"C-026", "a zero timeout gives no EINTR", zero_timeout_is_never_interrupted, 30},
    {"C-027", "pthread_cancel ends a wait", cancel_ends_a_wait, 0},
    {"C-027", "pthread_cancel ends a thread that always finds events", cancel_ends_a_busy_thread, 0},
    {"C-027", "a call that does not wait is no cancellation point", no_cancel_where_nothing_waits, 0},
#ifdef __linux__
    {"C-028", "what a cancelled thread had taken is told to another", cancel_loses_no_report, 30},
#endif
    {"C-028", "after a cancel the kqueue works on", cancel_leaves_the_kqueue_usable, 0},
    {"C-028", "after a siglongjmp the kqueue works on", siglongjmp_leaves_the_kqueue_usable, 0},
    {NULL, NULL, NULL, 0},
};
