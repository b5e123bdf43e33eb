/*
 * Jumps out of a signal handler that interrupted the library: every later call works on (C-028).
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "life.h"

#include <setjmp.h>
#include <sys/time.h>

static const struct timespec no_wait = {0, 0};

/* The handler jumps only while the thread is in a call of the library. */
static sigjmp_buf escape;
static volatile sig_atomic_t may_jump;
static volatile int jumps;

static void jump_out(int number) {
    (void)number;
    if (!may_jump)
        return;
    may_jump = 0;
    jumps++;
    siglongjmp(escape, 1);
}

static void block_alarms(int how) {
    sigset_t alarms;
    sigemptyset(&alarms);
    sigaddset(&alarms, SIGVTALRM);
    REQUIRE_EQ(pthread_sigmask(how, &alarms, NULL), 0);
}

enum { JUMPS = 500 };

static struct kevent events[8];

/* Makes, changes and deletes timers and others; what is not there to be deleted is told as an error. */
static int change_all(int kq, int fd, int round) {
    static struct kevent changes[8];
    for (int i = 0; i < 4; i++) {
        EV_SET(&changes[2 * i], i, EVFILT_USER, EV_ADD | EV_CLEAR, NOTE_TRIGGER, 0, NULL);
        EV_SET(&changes[2 * i + 1], i, EVFILT_TIMER, round % 3 ? EV_ADD : EV_DELETE, 0, 1 + i, NULL);
    }
    EV_SET(&changes[7], fd, EVFILT_READ, round % 2 ? EV_ADD : EV_DELETE, 0, 0, NULL);
    return kevent(kq, changes, 8, events, 8, &no_wait);
}

/*
 * Once without jumps: the runtime of the ordinary build makes types when they are first used, under a lock of its own,
 * which a jump would leave taken.
 */
static void use_all(void) {
    int kq = new_kqueue(), pair[2];
    new_pipe(pair);
    for (int round = 0; round < 6; round++) {
        (void)change_all(kq, pair[0], round);
        (void)collect(kq, events, 8, 2);
    }
    add_read(kq, pair[0], EV_CLEAR);
    REQUIRE_EQ(close(pair[0]), 0);
    REQUIRE_EQ(close(pair[1]), 0);
    (void)collect(kq, events, 8, 2);
    REQUIRE_EQ(close(kq), 0);
}

static void need_jumps(void) {
    if (sanitized())
        contract_skip("a sanitizer's build takes locks of its runtime's at each call, which a jump leaves taken");
}

/* Of this thread alone; SIGALRM is the runner's. */
static timer_t start_alarms(long nanoseconds) {
    need_jumps();
    use_all();
    struct sigaction action = {.sa_handler = jump_out};
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGVTALRM};
    timer_t timer;
    struct itimerspec often = {{0, nanoseconds}, {0, nanoseconds}};
    sigemptyset(&action.sa_mask);
    REQUIRE_EQ(sigaction(SIGVTALRM, &action, NULL), 0);
    REQUIRE_EQ(timer_create(CLOCK_MONOTONIC, &event, &timer), 0);
    REQUIRE_EQ(timer_settime(timer, 0, &often, NULL), 0);
    return timer;
}

static void stop_alarms(timer_t timer) {
    block_alarms(SIG_BLOCK);
    REQUIRE_EQ(timer_delete(timer), 0);
}

/* Does this where a signal may come at any moment, and end it. */
#define INTERRUPTIBLE(call) \
    do { \
        if (sigsetjmp(escape, 1) == 0) { \
            may_jump = 1; \
            (void)(call); \
        } \
        may_jump = 0; \
    } while (0)

static void require_works(int kq) {
    change(kq, 99, EVFILT_USER, EV_ADD | EV_ONESHOT, NOTE_TRIGGER, 0, NULL);
    REQUIRE_EQ(next_event(kq).ident, 99);
}

/* Changes and collections, which do not wait. */
static void jumps_out_of_calls(void) {
    static int kq, pair[2];
    new_pipe(pair);
    put(pair[1], "x");
    kq = new_kqueue();
    timer_t timer = start_alarms(150000);
    for (jumps = 0; jumps < JUMPS;) {
        INTERRUPTIBLE(change_all(kq, pair[0], jumps));
        INTERRUPTIBLE(kevent(kq, NULL, 0, events, 8, &no_wait));
    }
    stop_alarms(timer);
    for (int i = 0; i < 4; i++) {
        (void)delete_knote(kq, (uintptr_t)i, EVFILT_TIMER);
        (void)delete_knote(kq, (uintptr_t)i, EVFILT_USER);
    }
    (void)delete_knote(kq, (uintptr_t)pair[0], EVFILT_READ);
    require_silent(kq);
    require_works(kq);
    add_read(kq, pair[0], 0);
    EXPECT(kq, pair[0], EV_ADD, 0, 1);
    REQUIRE_EQ(close(kq), 0);
}

static void jumps_out_of_waits(void) {
    static int kq;
    static struct kevent event;
    kq = new_kqueue();
    add_user(kq, 1, EV_CLEAR);
    timer_t timer = start_alarms(500000);
    for (jumps = 0; jumps < JUMPS;) {
        INTERRUPTIBLE(kevent(kq, NULL, 0, &event, 1, NULL));
        if (jumps % 16 == 0) {
            block_alarms(SIG_BLOCK);
            require_works(kq);
            block_alarms(SIG_UNBLOCK);
        }
    }
    stop_alarms(timer);
    require_silent(kq);
    trigger(kq, 1);
    REQUIRE_EQ(next_event(kq).ident, 1);
    REQUIRE_EQ(close(kq), 0);
}

static bool is_readable(int kq) {
    struct pollfd item = {.fd = kq, .events = POLLIN};
    return poll(&item, 1, 0) == 1;
}

static void end_waits_by_jumps(int kq, int count) {
    static struct kevent event;
    timer_t timer = start_alarms(500000);
    block_alarms(SIG_UNBLOCK);
    for (jumps = 0; jumps < count;)
        INTERRUPTIBLE(kevent(kq, NULL, 0, &event, 1, NULL));
    stop_alarms(timer);
}

/* What waits is nobody any more: the kqueue becomes readable by events alone, and none is lost. */
static void nobody_waits_after_a_jump(void) {
    int kq = new_kqueue(), pair[2];
    new_pipe(pair);
    add_user(kq, 1, EV_CLEAR);
    end_waits_by_jumps(kq, 3);
    add_read(kq, pair[0], 0);
    REQUIRE(delete_knote(kq, (uintptr_t)pair[0], EVFILT_READ));
    add_read(kq, pair[0], 0);
    require_silent(kq);
    REQUIRE(!is_readable(kq));
    put(pair[1], "x");
    for (int i = 0; i < 3; i++)
        EXPECT(kq, pair[0], EV_ADD, 0, 1);
    REQUIRE_EQ(close(kq), 0);
}

static struct {
    pthread_t thread;
    pid_t number;
} waiter_here;

/* It is for the wait, which has to have begun by then. */
static void *interrupt_the_wait(void *unused) {
    (void)unused;
    await_sleep(waiter_here.number);
    REQUIRE_EQ(pthread_kill(waiter_here.thread, SIGPROF), 0);
    return NULL;
}

static pthread_t start_interrupter(void) {
    waiter_here.thread = pthread_self();
    waiter_here.number = thread_number();
    return start_thread(interrupt_the_wait, NULL);
}

/* Leaves a wait, and no other part of the call. */
static void leave_the_wait(int kq) {
    static struct kevent event;
    static pthread_t interrupter;
    struct sigaction action = {.sa_handler = jump_out};
    need_jumps();
    sigemptyset(&action.sa_mask);
    REQUIRE_EQ(sigaction(SIGPROF, &action, NULL), 0);
    interrupter = start_interrupter();
    INTERRUPTIBLE(kevent(kq, NULL, 0, &event, 1, NULL));
    join_thread(interrupter);
}

/* The next call on any kqueue finds the wait left; then nobody is inside, and all that it had is given back. */
static void a_kqueue_left_is_closed(void) {
    int other = new_kqueue();
    require_silent(other);
    require_works(other);
    int before = open_descriptors(), kq = new_kqueue();
    leave_the_wait(kq);
    REQUIRE_EQ(close(kq), 0);
    require_silent(other);
    if (closes_are_seen())
        REQUIRE_EQ(open_descriptors(), before);
    require_works(other);
    leave_the_wait(other);
    require_works(other);
}

static int left_kq;

static void call_at_the_end(void *unused) {
    struct kevent event;
    (void)unused;
    REQUIRE_EQ(kevent(left_kq, NULL, 0, &event, 1, &no_wait), 0);
}

static void *wait_with_a_destructor(void *key) {
    struct kevent event;
    REQUIRE_EQ(pthread_setspecific(*(pthread_key_t *)key, key), 0);
    (void)kevent(left_kq, NULL, 0, &event, 1, NULL);
    return NULL;
}

/* A cancelled thread gives back what it has once, though it calls again while it ends. */
static void a_cancelled_thread_calls_again(void) {
    pthread_key_t key;
    pthread_t thread;
    left_kq = new_kqueue();
    add_user(left_kq, 1, EV_CLEAR);
    REQUIRE_EQ(pthread_key_create(&key, call_at_the_end), 0);
    REQUIRE_EQ(pthread_create(&thread, NULL, wait_with_a_destructor, &key), 0);
    sleep_ms(50);
    REQUIRE_EQ(pthread_cancel(thread), 0);
    REQUIRE_EQ(pthread_join(thread, NULL), 0);
    require_works(left_kq);
    REQUIRE_EQ(close(left_kq), 0);
    REQUIRE_EQ(pthread_key_delete(key), 0);
}

static sigjmp_buf outer_escape;

static void wait_again(int number) {
    static int rounds;
    struct kevent event;
    (void)number;
    if (rounds++ % 2)
        siglongjmp(outer_escape, 1);
    int kq = new_kqueue();
    change(kq, 1, EVFILT_TIMER, EV_ADD, 0, 1, NULL);
    REQUIRE_EQ(kevent(kq, NULL, 0, &event, 1, NULL), 1);
    REQUIRE_EQ(close(kq), 0);
}

/* A handler's own wait inside another, which goes on, or is then jumped out of. */
static void a_wait_inside_another(void) {
    static int kq;
    static pthread_t interrupter;
    struct sigaction action = {.sa_handler = wait_again};
    struct kevent event;
    kq = new_kqueue();
    add_user(kq, 1, EV_CLEAR);
    sigemptyset(&action.sa_mask);
    REQUIRE_EQ(sigaction(SIGPROF, &action, NULL), 0);
    for (volatile int i = 0; i < 6; i++) {
        interrupter = start_interrupter();
        if (sigsetjmp(outer_escape, 1) == 0)
            REQUIRE_ERRNO(kevent(kq, NULL, 0, &event, 1, NULL), EINTR);
        join_thread(interrupter);
    }
    require_silent(kq);
    REQUIRE(!is_readable(kq));
    require_works(kq);
    REQUIRE_EQ(close(kq), 0);
}

/* Those who wait in the same kqueue are woken as ever. */
static void jumps_beside_a_waiter(void) {
    static int kq;
    static struct kevent event;
    static struct waiter waiters[2];
    kq = new_kqueue();
    add_user(kq, 1, EV_CLEAR);
    block_alarms(SIG_BLOCK);
    for (int i = 0; i < 2; i++)
        start_waiter(&waiters[i], kq, 1, -1);
    for (int i = 0; i < 2; i++)
        park_waiter(&waiters[i]);
    block_alarms(SIG_UNBLOCK);
    timer_t timer = start_alarms(500000);
    for (jumps = 0; jumps < JUMPS;) {
        INTERRUPTIBLE(kevent(kq, NULL, 0, &event, 1, NULL));
        INTERRUPTIBLE(kevent(kq, NULL, 0, &event, 1, &no_wait));
    }
    stop_alarms(timer);
    REQUIRE(!waiters[0].has_ended && !waiters[1].has_ended);
    for (int told = 1; told <= 2; told++) {
        trigger(kq, 1);
        while (waiters[0].has_ended + waiters[1].has_ended < told)
            sleep_ms(1);
    }
    for (int i = 0; i < 2; i++) {
        join_waiter(&waiters[i]);
        REQUIRE_EQ(waiters[i].result, 1);
    }
    require_works(kq);
    REQUIRE_EQ(close(kq), 0);
}

/* A close that was jumped out of is one that was, or was not; it can be made up for. */
static void end_close(int fd) {
    if (is_open(fd))
        REQUIRE_EQ(close(fd), 0);
}

static void jumps_out_of_close(void) {
    static int kq, inner, pair[2], i;
    kq = new_kqueue();
    timer_t timer = start_alarms(120000);
    for (jumps = 0; jumps < JUMPS;) {
        block_alarms(SIG_BLOCK);
        new_pipe(pair);
        put(pair[1], "x");
        inner = new_kqueue();
        add_triggered(inner, 1, 0);
        add_read(kq, pair[0], EV_CLEAR);
        add_read(kq, inner, 0);
        block_alarms(SIG_UNBLOCK);
        for (i = 0; i < 20; i++) /* the moment may be anywhere */
            INTERRUPTIBLE(close(i % 2 ? inner : pair[0]));
        block_alarms(SIG_BLOCK);
        end_close(inner);
        end_close(pair[0]);
        REQUIRE_EQ(close(pair[1]), 0);
        struct kevent event;
        REQUIRE_EQ(collect(kq, &event, 1, 0), 0);
        REQUIRE_NO_KNOTE(kq, pair[0], EVFILT_READ, EBADF);
        REQUIRE_NO_KNOTE(kq, inner, EVFILT_READ, EBADF);
        block_alarms(SIG_UNBLOCK);
    }
    stop_alarms(timer);
    require_works(kq);
    require_silent(kq);
    require_working_kqueue();
}

const struct contract_case jump_cases[] = {
    {"C-028", "hundreds of jumps out of calls that do not wait", jumps_out_of_calls, 60},
    {"C-028", "hundreds of jumps out of waits", jumps_out_of_waits, 60},
    {"C-028", "nobody waits after a jump out of a wait", nobody_waits_after_a_jump, 20},
    {"C-028", "a jump out of a wait in a kqueue that is then closed", a_kqueue_left_is_closed, 20},
    {"C-028", "a handler's wait inside another, and a jump out of that", a_wait_inside_another, 20},
    {"C-028", "a cancelled thread calls again while it ends", a_cancelled_thread_calls_again, 20},
    {"C-028", "jumps beside threads that wait in the same kqueue", jumps_beside_a_waiter, 60},
    {"C-028", "jumps out of close()", jumps_out_of_close, 60},
    {NULL, NULL, NULL, 0},
};
