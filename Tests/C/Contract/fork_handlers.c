/*
 * What the handler of a signal does that interrupted a call: it forks, and what
 * both find in the child; it makes kqueues.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "life.h"

#include <time.h>

static volatile sig_atomic_t is_child, makes_one;
static volatile pid_t forked;
static int made;

/* In the child it returns to the call that it interrupted. */
static void fork_and_return(int number) {
    (void)number;
    pid_t child = fork();
    if (child > 0) {
        forked = child;
        return;
    }
    is_child = 1;
    if (makes_one) {
        made = new_kqueue();
        add_triggered(made, 1, 0);
    }
}

struct sender {
    pthread_t thread, to;
    pid_t sleeper;
};

static void *send_when_it_sleeps(void *argument) {
    const struct sender *sender = argument;
    await_sleep(sender->sleeper);
    REQUIRE_EQ(pthread_kill(sender->to, SIGUSR1), 0);
    return NULL;
}

static void need_forks_in_handlers(void) {
    if (sanitized())
        contract_skip("a sanitizer's fork takes locks, which the handler may have interrupted");
}

static void handle(int number, void (*handler)(int)) {
    struct sigaction action = {.sa_handler = handler};
    sigemptyset(&action.sa_mask);
    REQUIRE_EQ(sigaction(number, &action, NULL), 0);
}

/* Waits until the handler has forked: in the parent true. */
static bool wait_while_forking(int kq) {
    struct sender sender = {.to = pthread_self(), .sleeper = thread_number()};
    struct kevent event;
    is_child = forked = 0;
    sender.thread = start_thread(send_when_it_sleeps, &sender);
    REQUIRE_EQ(kevent(kq, NULL, 0, &event, 1, NULL), -1);
    if (is_child && errno == EBADF) /* where the system left the child its parent's memory */
        return false;
    REQUIRE_EQ(errno, EINTR);
    if (is_child)
        return false;
    join_thread(sender.thread);
    finish_child(forked);
    return true;
}

/* The child's kqueues are its own, made before or after the call returns. */
static void child_of_a_wait(int kq, bool is_copied) {
    if (makes_one) {
        REQUIRE_EQ(next_event(made).ident, 1);
        REQUIRE_EQ(close(made), 0);
    }
    if (is_copied) {
        trigger(kq, 7);
        REQUIRE_EQ(next_event(kq).ident, 7);
        REQUIRE_EQ(close(kq), 0);
    } else {
        REQUIRE_EQ(change_errno(kq, 7, EVFILT_USER, 0, NOTE_TRIGGER, 0, NULL), EBADF);
    }
    require_working_kqueue();
}

static void forked_in_a_wait(bool is_copied) {
    need_forks_in_handlers();
    int kq = is_copied ? kqueuex(KQUEUE_CPONFORK) : new_kqueue();
    REQUIRE(kq >= 0);
    add_user(kq, 7, EV_CLEAR);
    handle(SIGUSR1, fork_and_return);
    for (int round = 0; round < 6; round++) {
        makes_one = round % 2;
        if (!wait_while_forking(kq)) {
            child_of_a_wait(kq, is_copied);
            _exit(0);
        }
        trigger(kq, 7);
        REQUIRE_EQ(next_event(kq).ident, 7);
    }
}

static void handler_forks_in_a_wait(void) {
    forked_in_a_wait(false);
}

static void handler_forks_in_a_wait_of_a_copied_one(void) {
    forked_in_a_wait(true);
}

/* ---- In changes ---- */

static int changed_kq;
static volatile sig_atomic_t runs;

/* It may have interrupted anything, so the child does not return. The copy is there, or is left out. */
static void fork_and_use(int number) {
    (void)number;
    int saved = errno, status = 0;
    pid_t child = fork();
    if (child == 0) {
        struct kevent event;
        int code = change_errno(changed_kq, 7, EVFILT_USER, 0, NOTE_TRIGGER, 0, NULL);
        if (code != EBADF) {
            REQUIRE_EQ(code, 0);
            REQUIRE_EQ(collect(changed_kq, &event, 1, 0), 1);
            REQUIRE_EQ(event.ident, 7);
        }
        require_working_kqueue();
        _exit(0);
    }
    while (waitpid(child, &status, 0) == -1 && errno == EINTR)
        continue;
    REQUIRE_EQ(status, 0);
    runs++;
    errno = saved;
}

/* Changes a kqueue all the time, and has the handler run at many moments of that. */
static void change_amid(timer_t timer, int kq, double milliseconds) {
    struct itimerspec soon = {.it_value = {0, 0}};
    double end = now_ms() + milliseconds;
    for (int before = 0; now_ms() < end || runs < 20; before = runs) {
        soon.it_value.tv_nsec = 50000 + runs * 7919 % 400000;
        REQUIRE_EQ(timer_settime(timer, 0, &soon, NULL), 0);
        while (runs == before) {
            add_user(kq, 8, 0);
            REQUIRE(delete_knote(kq, 8, EVFILT_USER));
        }
    }
}

static timer_t vtalrm_timer(void (*handler)(int)) {
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGVTALRM};
    timer_t timer;
    handle(SIGVTALRM, handler);
    REQUIRE_EQ(timer_create(CLOCK_MONOTONIC, &event, &timer), 0);
    return timer;
}

static void handler_forks_amid_changes(void) {
    need_forks_in_handlers();
    timer_t timer = vtalrm_timer(fork_and_use);
    changed_kq = kqueuex(KQUEUE_CPONFORK);
    REQUIRE(changed_kq >= 0);
    add_user(changed_kq, 7, EV_CLEAR);
    change_amid(timer, changed_kq, 3000);
    trigger(changed_kq, 7);
    REQUIRE_EQ(next_event(changed_kq).ident, 7);
}

/* ---- Kqueues of the handler's own ---- */

static void make_and_use(int number) {
    (void)number;
    int saved = errno;
    require_working_kqueue();
    runs++;
    errno = saved;
}

static void handler_makes_kqueues(void) {
    timer_t timer = vtalrm_timer(make_and_use);
    int kq = new_kqueue();
    change_amid(timer, kq, 2000);
}

const struct contract_case fork_handler_cases[] = {
    {"C-137", "a handler forks that interrupted a wait", handler_forks_in_a_wait, 30},
    {"C-140", "a handler forks that interrupted a wait", handler_forks_in_a_wait_of_a_copied_one, 30},
    {"C-140", "a handler forks that interrupted a change", handler_forks_amid_changes, 30},
    {"C-138", "the handler of a signal makes kqueues", handler_makes_kqueues, 30},
    {NULL, NULL, NULL, 0},
};
