/*
 * EVFILT_SIGNAL and the program's own actions: C-276, C-277, C-287, C-288, F8.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "signals.h"

#include <setjmp.h>
#include <sys/mman.h>
#include <ucontext.h>

#ifndef __GLIBC__ /* the library has it; musl's header does not say so */
void (*sysv_signal(int number, void (*handler)(int)))(int);
#endif

static void (*by_signal(int number, void (*handler)(int)))(int) {
    return signal(number, handler);
}

static void a_handler_installed_later_runs(void) {
    int kq = new_kqueue();
    watch(kq, SIGUSR1, 0);
    install(SIGUSR1, note_run, 0);
    show_actions(kq);
    deliver(SIGUSR1);
    REQUIRE_EQ(runs, 1);
    EXPECT_SIGNAL(kq, SIGUSR1, 1);
    by_signal(SIGUSR1, SIG_IGN);
    show_actions(kq);
    deliver(SIGUSR1);
    EXPECT_SIGNAL(kq, SIGUSR1, 1);
    by_signal(SIGUSR1, SIG_DFL);
    show_actions(kq);
    deliver(SIGUSR1);
    EXPECT_SIGNAL(kq, SIGUSR1, 1);
    by_signal(SIGUSR1, note_run);
    show_actions(kq);
    deliver(SIGUSR1);
    EXPECT_SIGNAL(kq, SIGUSR1, 1);
    REQUIRE_EQ(runs, 2);
}

/* The action as the kernel has it, whatever a library in between says. */
static unsigned long kernel_handler(int number) {
    unsigned long action[8] = {0};
    REQUIRE_EQ(syscall(SYS_rt_sigaction, number, NULL, action, 8), 0);
    return action[0];
}

/* The signal counts from when the one that waits has seen the handler, which a busy machine may make late. */
static void *replace_while_waiting(void *argument) {
    (void)argument;
    sleep_ms(30);
    install(SIGUSR1, note_run, SA_RESTART);
    AWAIT(kernel_handler(SIGUSR1) != (unsigned long)note_run);
    sleep_ms(200);
    REQUIRE_EQ(pthread_kill(pthread_self(), SIGUSR1), 0);
    return NULL;
}

/* One that waits notices the new handler, too. */
static void a_handler_installed_while_one_waits(void) {
    int kq = new_kqueue();
    watch(kq, SIGUSR1, 0);
    pthread_t thread = start_thread(replace_while_waiting, NULL);
    EXPECT_SIGNAL(kq, SIGUSR1, 1);
    join_thread(thread);
    REQUIRE_EQ(runs, 1);
}

static void queries_say_what_the_program_set(void) {
    need_seen_actions();
    int kq = new_kqueue();
    struct sigaction action = {.sa_handler = note_run, .sa_flags = SA_RESTART | SA_NODEFER}, old;
    install(SIGUSR1, SIG_IGN, 0);
    watch(kq, SIGUSR1, 0);
    watch(kq, SIGUSR2, 0);
    REQUIRE(action_of(SIGUSR1).sa_handler == SIG_IGN);
    REQUIRE(action_of(SIGUSR2).sa_handler == SIG_DFL);
    sigemptyset(&action.sa_mask);
    sigaddset(&action.sa_mask, SIGHUP);
    REQUIRE_EQ(sigaction(SIGUSR1, &action, &old), 0);
    REQUIRE(old.sa_handler == SIG_IGN);
    old = action_of(SIGUSR1);
    REQUIRE(old.sa_handler == note_run);
    REQUIRE_EQ(old.sa_flags & (SA_RESTART | SA_NODEFER | SA_SIGINFO | SA_ONSTACK), SA_RESTART | SA_NODEFER);
    REQUIRE_EQ(sigismember(&old.sa_mask, SIGHUP), 1);
    REQUIRE_EQ(sigismember(&old.sa_mask, SIGTERM), 0);
    REQUIRE(by_signal(SIGUSR1, SIG_DFL) == note_run);
    REQUIRE(by_signal(SIGUSR1, note_run) == SIG_DFL);
    REQUIRE(by_signal(SIGUSR2, SIG_IGN) == SIG_DFL);
    REQUIRE(action_of(SIGUSR2).sa_handler == SIG_IGN);
    deliver(SIGUSR2);
    EXPECT_SIGNAL(kq, SIGUSR2, 1);
}

static void errors_are_those_of_old(void) {
    int kq = new_kqueue();
    struct sigaction action = {.sa_handler = note_run};
    watch(kq, SIGUSR1, 0);
    watch(kq, SIGKILL, 0);
    REQUIRE_ERRNO(sigaction(SIGKILL, &action, NULL), EINVAL);
    REQUIRE_ERRNO(sigaction(0, NULL, &action), EINVAL);
    REQUIRE_ERRNO(sigaction(-5, NULL, &action), EINVAL);
    REQUIRE_ERRNO(sigaction(9999, NULL, &action), EINVAL);
    errno = 0;
    REQUIRE(by_signal(SIGUSR1, SIG_ERR) == SIG_ERR);
    REQUIRE_EQ(errno, EINVAL);
    errno = 0;
    REQUIRE(by_signal(9999, SIG_IGN) == SIG_ERR);
    REQUIRE_EQ(errno, EINVAL);
}

static siginfo_t last_info;
static volatile sig_atomic_t had_context;

static void note_info(int number, siginfo_t *info, void *context) {
    last_info = *info;
    had_context = context != NULL && ((ucontext_t *)context)->uc_stack.ss_flags >= 0;
    note_run(number);
}

static void install_with_info(int number, int flags) {
    struct sigaction action = {.sa_sigaction = note_info, .sa_flags = SA_SIGINFO | flags};
    sigemptyset(&action.sa_mask);
    REQUIRE_EQ(sigaction(number, &action, NULL), 0);
}

static void information_is_handed_on(void) {
    int kq = new_kqueue();
    install_with_info(SIGRTMIN, 0);
    watch(kq, SIGRTMIN, 0);
    REQUIRE_EQ(sigqueue(getpid(), SIGRTMIN, (union sigval){.sival_int = 4711}), 0);
    AWAIT(runs == 1); /* at once, but under valgrind */
    REQUIRE_EQ(last_info.si_signo, SIGRTMIN);
    REQUIRE_EQ(last_info.si_code, SI_QUEUE);
    REQUIRE_EQ(last_info.si_value.sival_int, 4711);
    REQUIRE_EQ(last_info.si_pid, getpid());
    REQUIRE(had_context);
    EXPECT_SIGNAL(kq, SIGRTMIN, 1);
}

static void a_handler_is_used_up(void) {
    int kq = new_kqueue();
    install(SIGUSR1, note_run, (int)SA_RESETHAND);
    watch(kq, SIGUSR1, 0);
    deliver(SIGUSR1);
    REQUIRE_EQ(runs, 1);
    if (closes_are_seen())
        REQUIRE(action_of(SIGUSR1).sa_handler == SIG_DFL);
    deliver(SIGUSR1);
    REQUIRE_EQ(runs, 1);
    EXPECT_SIGNAL(kq, SIGUSR1, 2);
    install(SIGUSR1, note_run, (int)SA_RESETHAND);
    show_actions(kq);
    deliver(SIGUSR1);
    REQUIRE_EQ(runs, 2);
    unwatch(kq, SIGUSR1);
    REQUIRE(action_of(SIGUSR1).sa_handler == SIG_DFL);
}

static sigset_t mask_inside;
static atomic_int depth, deepest;

static void note_mask(int number) {
    pthread_sigmask(SIG_BLOCK, NULL, &mask_inside);
    depth++;
    if (depth > deepest)
        deepest = (int)depth;
    if (runs++ == 0)
        raise(number);
    depth--;
}

/* What a handler finds blocked, watched and not. */
static void run_masked(int kq, int flags, int blocked, sigset_t *found, int *deep) {
    struct sigaction action = {.sa_handler = note_mask, .sa_flags = flags};
    sigemptyset(&action.sa_mask);
    sigaddset(&action.sa_mask, blocked);
    REQUIRE_EQ(sigaction(SIGUSR1, &action, NULL), 0);
    show_actions(kq);
    runs = depth = deepest = 0;
    deliver(SIGUSR1);
    REQUIRE_EQ(runs, 2);
    *found = mask_inside;
    *deep = deepest;
}

static void masks_are_those_asked_for(void) {
    const int flags[] = {0, SA_NODEFER};
    need_exact_signals();
    if (on_valgrind())
        contract_skip("valgrind does not block what the mask of a handler that is not watched says");
    for (int i = 0; i < 2; i++) {
        sigset_t plain, watched, before, after;
        int plain_depth, watched_depth;
        block(SIGHUP);
        REQUIRE_EQ(pthread_sigmask(SIG_BLOCK, NULL, &before), 0);
        int kq = new_kqueue();
        run_masked(kq, flags[i], SIGTERM, &plain, &plain_depth);
        watch(kq, SIGUSR1, 0);
        run_masked(kq, flags[i], SIGTERM, &watched, &watched_depth);
        REQUIRE_EQ(pthread_sigmask(SIG_BLOCK, NULL, &after), 0);
        REQUIRE_EQ(plain_depth, i == 0 ? 1 : 2);
        REQUIRE_EQ(watched_depth, plain_depth);
        for (int number = 1; number <= SIGRTMAX; number++) {
            REQUIRE_EQ(sigismember(&watched, number), sigismember(&plain, number));
            REQUIRE_EQ(sigismember(&after, number), sigismember(&before, number));
        }
        EXPECT_SIGNAL(kq, SIGUSR1, 2);
        REQUIRE_EQ(close(kq), 0);
    }
}

static char *stack_bytes;
enum { STACK_BYTES = 65536 };

static void note_stack(int number) {
    char here;
    note_run(number);
    last_number = &here >= stack_bytes && &here < stack_bytes + STACK_BYTES;
}

static void a_stack_of_its_own_is_used(void) {
    if (sanitized())
        contract_skip("the sanitizer's sigaction() stands before the library's");
    int kq = new_kqueue();
    stack_bytes = malloc(STACK_BYTES);
    stack_t stack = {.ss_sp = stack_bytes, .ss_size = STACK_BYTES};
    REQUIRE_EQ(sigaltstack(&stack, NULL), 0);
    watch(kq, SIGUSR1, 0);
    install(SIGUSR1, note_stack, SA_ONSTACK);
    show_actions(kq);
    deliver(SIGUSR1);
    REQUIRE_EQ(last_number, 1);
    install(SIGUSR1, note_stack, 0);
    show_actions(kq);
    deliver(SIGUSR1);
    REQUIRE_EQ(last_number, 0);
    REQUIRE_EQ(runs, 2);
}

static atomic_int errno_inside;

static void spoil_errno(int number) {
    errno_inside = errno;
    note_run(number);
    errno = EDOM;
}

static void errno_is_kept(void) {
    need_exact_signals();
    int kq = new_kqueue();
    watch(kq, SIGUSR1, 0);
    errno = ERANGE;
    kill(getpid(), SIGUSR1);
    REQUIRE_EQ(errno, ERANGE);
    install(SIGUSR1, spoil_errno, 0);
    show_actions(kq);
    errno = EILSEQ;
    kill(getpid(), SIGUSR1);
    REQUIRE_EQ(errno, EDOM); /* the handler's own doing */
    REQUIRE_EQ(errno_inside, EILSEQ);
}

/* ---- Calls that signals end ---- */

struct reader {
    pthread_t thread;
    pid_t tid;
    int writer;
    bool is_handled;
};

/* Once it reads; the byte comes when the handler has run, where there is one. */
static void *send_and_write(void *argument) {
    struct reader *reader = argument;
    int before = runs;
    await_sleep(reader->tid);
    pthread_kill(reader->thread, SIGUSR1);
    if (reader->is_handled)
        AWAIT(runs != before);
    else
        sleep_ms(200);
    put(reader->writer, "x");
    return NULL;
}

static void *send_soon(void *argument) {
    sleep_ms(50);
    pthread_kill(*(pthread_t *)argument, SIGUSR1);
    sleep_ms(150);
    return NULL;
}

/* A read that a signal comes to: 1 where it goes on, -1 where it ends with EINTR. */
static int interrupted_read(bool is_handled) {
    int pair[2];
    char byte;
    new_pipe(pair);
    struct reader self = {pthread_self(), thread_number(), pair[1], is_handled};
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pthread_t sender = start_thread(send_and_write, &self);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    int got = (int)read(pair[0], &byte, 1);
    REQUIRE(got == 1 || errno == EINTR);
    join_thread(sender);
    return got;
}

static void calls_go_on_or_end_as_asked(void) {
    int kq = new_kqueue();
    watch(kq, SIGUSR1, 0);
    REQUIRE_EQ(interrupted_read(false), 1); /* nobody but a knote asked for it */
    install(SIGUSR1, note_run, 0);
    show_actions(kq);
    REQUIRE_EQ(interrupted_read(true), -1);
    install(SIGUSR1, note_run, SA_RESTART);
    show_actions(kq);
    REQUIRE_EQ(interrupted_read(true), 1);
    by_signal(SIGUSR1, note_run);
    show_actions(kq);
    REQUIRE_EQ(interrupted_read(true), 1);
    REQUIRE_EQ(siginterrupt(SIGUSR1, 1), 0);
    show_actions(kq);
    REQUIRE_EQ(interrupted_read(true), -1);
    by_signal(SIGUSR1, note_run);
    show_actions(kq);
    REQUIRE_EQ(interrupted_read(true), -1);
    unwatch(kq, SIGUSR1);
    REQUIRE_EQ(interrupted_read(true), -1);
#ifdef __GLIBC__ /* musl's signal() forgets what siginterrupt() was told */
    by_signal(SIGUSR1, note_run);
    REQUIRE_EQ(interrupted_read(true), -1);
#endif
    REQUIRE_EQ(siginterrupt(SIGUSR1, 0), 0);
    REQUIRE_EQ(interrupted_read(true), 1);
}

/* kevent itself: where the signal has an event to give, that is what it gives. */
static void kevent_is_not_ended_by_a_watched_one(void) {
    int kq = new_kqueue();
    pthread_t self = pthread_self();
    struct kevent event;
    watch(kq, SIGUSR1, 0);
    for (int i = 0; i < 5; i++) {
        pthread_t sender = start_thread(send_soon, &self);
        REQUIRE_EQ(kevent(kq, NULL, 0, &event, 1, NULL), 1);
        REQUIRE_EQ(event.ident, SIGUSR1);
        join_thread(sender);
    }
    install(SIGUSR1, note_run, 0);
    show_actions(kq);
    pthread_t sender = start_thread(send_soon, &self);
    int got = kevent(kq, NULL, 0, &event, 1, NULL);
    REQUIRE(got == 1 || errno == EINTR);
    join_thread(sender);
}

/* ---- The relatives of sigaction ---- */

static void relatives_are_seen(void) {
    need_seen_actions();
    int kq = new_kqueue();
    watch(kq, SIGUSR1, 0);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
    REQUIRE_EQ(sigignore(SIGUSR1), 0);
    REQUIRE(action_of(SIGUSR1).sa_handler == SIG_IGN);
    deliver(SIGUSR1);
    EXPECT_SIGNAL(kq, SIGUSR1, 1);
    REQUIRE(sigset(SIGUSR1, note_run) == SIG_IGN);
    deliver(SIGUSR1);
    REQUIRE_EQ(runs, 1);
    EXPECT_SIGNAL(kq, SIGUSR1, 1);
    REQUIRE(sigset(SIGUSR1, SIG_HOLD) == note_run);
    REQUIRE(is_blocked(SIGUSR1));
    deliver(SIGUSR1);
    REQUIRE_EQ(runs, 1);
    REQUIRE(sigset(SIGUSR1, SIG_DFL) == SIG_HOLD);
    REQUIRE(!is_blocked(SIGUSR1));
    REQUIRE_EQ(next_event(kq).data, 1);
    REQUIRE(sysv_signal(SIGUSR1, note_run) == SIG_DFL);
    REQUIRE_EQ(action_of(SIGUSR1).sa_flags & (int)SA_RESETHAND, (int)SA_RESETHAND);
    deliver(SIGUSR1);
    deliver(SIGUSR1);
    REQUIRE_EQ(runs, 2);
    EXPECT_SIGNAL(kq, SIGUSR1, 2);
#pragma GCC diagnostic pop
}

static void relatives_work_unwatched(void) {
    need_exact_signals();
    int kq = new_kqueue();
    watch(kq, SIGUSR2, 0);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
    REQUIRE_EQ(sigignore(SIGUSR1), 0);
    deliver(SIGUSR1);
    REQUIRE(by_signal(SIGUSR1, note_run) == SIG_IGN);
    REQUIRE_EQ(action_of(SIGUSR1).sa_flags & SA_RESTART, SA_RESTART);
    deliver(SIGUSR1);
    REQUIRE(sysv_signal(SIGUSR1, note_run) == note_run);
    deliver(SIGUSR1);
#ifdef __GLIBC__
    REQUIRE(sigset(SIGUSR1, note_run) == SIG_DFL);
#else /* where the old signal() is the usual one */
    REQUIRE(sigset(SIGUSR1, note_run) == note_run);
#endif
    deliver(SIGUSR1);
    REQUIRE_EQ(runs, 3);
    REQUIRE(sigset(SIGUSR1, SIG_HOLD) == note_run);
    REQUIRE(is_blocked(SIGUSR1));
#pragma GCC diagnostic pop
}

/* ---- Handlers that are chained, and actions that are put back, by the program ---- */

static struct sigaction chained;

static void call_the_former(int number) {
    note_run(number);
    if (chained.sa_handler != SIG_DFL && chained.sa_handler != SIG_IGN)
        chained.sa_handler(number);
}

static void first_handler(int number) {
    (void)number;
    depth++;
}

static void a_chain_of_handlers_runs_each_once(void) {
    int kq = new_kqueue();
    struct sigaction action = {.sa_handler = call_the_former}, former;
    install(SIGUSR1, first_handler, 0);
    watch(kq, SIGUSR1, 0);
    sigemptyset(&action.sa_mask);
    REQUIRE_EQ(sigaction(SIGUSR1, &action, &chained), 0);
    for (int round = 1; round <= 3; round++) {
        show_actions(kq);
        deliver(SIGUSR1);
        REQUIRE_EQ(runs, round);
        REQUIRE_EQ(depth, round);
        EXPECT_SIGNAL(kq, SIGUSR1, 1);
    }
    REQUIRE_EQ(sigaction(SIGUSR1, &chained, &former), 0);
    show_actions(kq);
    deliver(SIGUSR1);
    REQUIRE_EQ(runs, 3);
    REQUIRE_EQ(depth, 4);
    EXPECT_SIGNAL(kq, SIGUSR1, 1);
    unwatch(kq, SIGUSR1);
    REQUIRE(action_of(SIGUSR1).sa_handler == first_handler);
}

static void a_handler_set_and_put_back_many_times(void) {
    int kq = new_kqueue();
    watch(kq, SIGUSR1, 0);
    for (int round = 1; round <= 50; round++) {
        struct sigaction former, action = {.sa_handler = note_run};
        sigemptyset(&action.sa_mask);
        REQUIRE_EQ(sigaction(SIGUSR1, &action, &former), 0);
        show_actions(kq);
        deliver(SIGUSR1);
        REQUIRE_EQ(runs, round);
        EXPECT_SIGNAL(kq, SIGUSR1, 1);
        REQUIRE_EQ(sigaction(SIGUSR1, &former, NULL), 0);
        show_actions(kq);
        deliver(SIGUSR1);
        EXPECT_SIGNAL(kq, SIGUSR1, 1);
    }
    unwatch(kq, SIGUSR1);
    REQUIRE(action_of(SIGUSR1).sa_handler == SIG_DFL);
}

/* Handlers that a program puts in front of one another: each calls the one that it found. */
enum { LINKS = 12 };
static struct sigaction befores[LINKS];
static int passes[LINKS];

static void pass_on(int which, int number, siginfo_t *info, void *context) {
    const struct sigaction *before = &befores[which];
    if (++passes[which] > 1000)
        contract_fail(__FILE__, __LINE__, "handlers call each other without end");
    if (before->sa_flags & SA_SIGINFO)
        before->sa_sigaction(number, info, context);
    else if (before->sa_handler != SIG_DFL && before->sa_handler != SIG_IGN)
        before->sa_handler(number);
}

#define LINK(which) \
    static void link_##which(int number, siginfo_t *info, void *context) { \
        pass_on(which, number, info, context); \
    }
LINK(0)
LINK(1)
LINK(2)
LINK(3)
LINK(4)
LINK(5)
LINK(6)
LINK(7)
LINK(8)
LINK(9)
LINK(10)
LINK(11)
static void (*const links[LINKS])(int, siginfo_t *, void *) = {
    link_0, link_1, link_2, link_3, link_4, link_5, link_6, link_7, link_8, link_9, link_10, link_11};

static void put_in_front(int which) {
    struct sigaction action = {.sa_sigaction = links[which], .sa_flags = SA_SIGINFO};
    sigemptyset(&action.sa_mask);
    REQUIRE_EQ(sigaction(SIGUSR1, &action, &befores[which]), 0);
}

/* Requires that each of the first runs once, and the knote counts it. */
static void expect_passes(int kq, int count) {
    memset(passes, 0, sizeof passes);
    deliver(SIGUSR1);
    for (int i = 0; i < count; i++)
        REQUIRE_EQ(passes[i], 1);
    EXPECT_SIGNAL(kq, SIGUSR1, 1);
}

static void a_long_chain_runs_each_once(void) {
    for (int delivers = 0; delivers < 2; delivers++) {
        int kq = new_kqueue();
        install(SIGUSR1, SIG_DFL, 0);
        watch(kq, SIGUSR1, 0);
        for (int i = 0; i < LINKS; i++) {
            put_in_front(i);
            show_actions(kq);
            if (delivers)
                expect_passes(kq, i + 1);
        }
        expect_passes(kq, LINKS);
        unwatch(kq, SIGUSR1);
    }
}

/* A chained handler stays, and the end of the knote and another's begin come beneath it. */
static void a_chain_is_watched_again(void) {
    for (int shows = 0; shows < 2; shows++) {
        int kq = new_kqueue();
        install(SIGUSR1, SIG_DFL, 0);
        watch(kq, SIGUSR1, 0);
        put_in_front(0);
        for (int round = 0; round < 20; round++) {
            if (shows)
                show_actions(kq);
            if (round % 3 > 0)
                expect_passes(kq, 1);
            unwatch(kq, SIGUSR1);
            if (round % 2) {
                end_kqueue(kq);
                kq = new_kqueue();
            }
            memset(passes, 0, sizeof passes);
            deliver(SIGUSR1);
            REQUIRE_EQ(passes[0], 1);
            watch(kq, SIGUSR1, 0);
        }
        expect_passes(kq, 1);
        end_kqueue(kq);
    }
}

/* Each in the place of the one before it, which nobody calls any more. */
static void many_handlers_take_turns(void) {
    int kq = new_kqueue();
    watch(kq, SIGUSR1, 0);
    for (int round = 0; round < 3 * LINKS; round++) {
        int which = round % LINKS;
        memset(passes, 0, sizeof passes);
        put_in_front(which);
        befores[which] = (struct sigaction){.sa_handler = SIG_DFL};
        show_actions(kq);
        deliver(SIGUSR1);
        for (int i = 0; i < LINKS; i++)
            REQUIRE_EQ(passes[i], i == which);
        EXPECT_SIGNAL(kq, SIGUSR1, 1);
    }
}

static sigjmp_buf place;

static void jump_away(int number) {
    note_run(number);
    siglongjmp(place, 1);
}

static void a_handler_may_jump_away(void) {
    int kq = new_kqueue();
    install(SIGUSR1, jump_away, 0);
    watch(kq, SIGUSR1, 0);
    for (volatile int i = 0; i < 10; i++) {
        if (sigsetjmp(place, 1) == 0) {
            deliver(SIGUSR1);
            REQUIRE(false);
        }
        REQUIRE(!is_blocked(SIGUSR1));
    }
    REQUIRE_EQ(runs, 10);
    EXPECT_SIGNAL(kq, SIGUSR1, 10);
    end_kqueue(kq);
    REQUIRE(action_of(SIGUSR1).sa_handler == jump_away);
}

static void change_the_action(int number) {
    struct sigaction action = {.sa_handler = note_run}, old;
    sigemptyset(&action.sa_mask);
    sigaction(number, &action, &old);
    runs += 100 * (old.sa_handler == change_the_action);
}

static void a_handler_may_change_the_action(void) {
    need_seen_actions();
    int kq = new_kqueue();
    install(SIGUSR1, change_the_action, 0);
    watch(kq, SIGUSR1, 0);
    deliver(SIGUSR1);
    REQUIRE_EQ(runs, 100);
    deliver(SIGUSR1);
    REQUIRE_EQ(runs, 101);
    EXPECT_SIGNAL(kq, SIGUSR1, 2);
}

/* ---- As it was before ---- */

static void require_same_action(const struct sigaction *got, const struct sigaction *want) {
    REQUIRE(got->sa_handler == want->sa_handler);
    REQUIRE_EQ(got->sa_flags & ~0x04000000, want->sa_flags & ~0x04000000); /* SA_RESTORER is libc's */
    for (int number = 1; number <= SIGRTMAX; number++)
        REQUIRE_EQ(sigismember(&got->sa_mask, number), sigismember(&want->sa_mask, number));
}

static void ended_by_delete(int kq) { unwatch(kq, SIGUSR1); }
static void ended_by_close(int kq) { REQUIRE_EQ(close(kq), 0); }
static void ended_by_replacing(int kq) { REQUIRE_EQ(dup2(STDERR_FILENO, kq), kq); }
static void ended_by_closefrom(int kq) {
    closefrom(kq);
}

static void the_end_puts_all_back(void) {
    need_exact_signals();
    void (*const ends[])(int) = {ended_by_delete, ended_by_close, ended_by_replacing, ended_by_closefrom};
    struct sigaction handled = {.sa_handler = note_run, .sa_flags = SA_RESTART | SA_NODEFER};
    sigemptyset(&handled.sa_mask);
    sigaddset(&handled.sa_mask, SIGTERM);
    need_seen_actions();
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        for (int kind = 0; kind < 3; kind++) {
            sigset_t before, after;
            int kq = new_kqueue();
            if (kind == 2)
                REQUIRE_EQ(sigaction(SIGUSR1, &handled, NULL), 0);
            else
                install(SIGUSR1, kind == 0 ? SIG_DFL : SIG_IGN, 0);
            struct sigaction want = action_of(SIGUSR1);
            unsigned long handler = kernel_handler(SIGUSR1);
            REQUIRE_EQ(pthread_sigmask(SIG_BLOCK, NULL, &before), 0);
            watch(kq, SIGUSR1, 0);
            REQUIRE(kernel_handler(SIGUSR1) != handler);
            ends[i](kq);
            struct sigaction got = action_of(SIGUSR1);
            require_same_action(&got, &want);
            REQUIRE_EQ(kernel_handler(SIGUSR1), handler);
            REQUIRE_EQ(pthread_sigmask(SIG_BLOCK, NULL, &after), 0);
            for (int number = 1; number <= SIGRTMAX; number++)
                REQUIRE_EQ(sigismember(&after, number), sigismember(&before, number));
            close(kq);
        }
    }
}

static void the_last_of_several_puts_it_back(void) {
    need_exact_signals();
    int first = new_kqueue(), second = new_kqueue();
    install(SIGUSR1, SIG_IGN, 0);
    watch(first, SIGUSR1, 0);
    watch(second, SIGUSR1, 0);
    unwatch(first, SIGUSR1);
    deliver(SIGUSR1);
    EXPECT_SIGNAL(second, SIGUSR1, 1);
    REQUIRE(kernel_handler(SIGUSR1) != (unsigned long)SIG_IGN);
    end_kqueue(second);
    REQUIRE_EQ(kernel_handler(SIGUSR1), (unsigned long)SIG_IGN);
}

static void what_was_set_meanwhile_stays(void) {
    int kq = new_kqueue();
    watch(kq, SIGUSR1, 0);
    install(SIGUSR1, note_run, 0);
    unwatch(kq, SIGUSR1);
    REQUIRE(action_of(SIGUSR1).sa_handler == note_run);
    deliver(SIGUSR1);
    REQUIRE_EQ(runs, 1);
}

/* A blocked one that came too late for the knote does not kill who ignores it by then. */
static void one_left_pending_does_not_kill(void) {
    int kq = new_kqueue();
    block(SIGUSR1);
    watch(kq, SIGUSR1, 0);
    deliver(SIGUSR1);
    install(SIGUSR1, SIG_IGN, 0);
    unwatch(kq, SIGUSR1);
    unblock(SIGUSR1);
}

static void afterwards_the_default_kills(void) {
    if (sanitized())
        contract_skip("the sanitizer's sigaction() stands before the library's");
    pid_t child = fork();
    if (child == 0) {
        no_core();
        int kq = new_kqueue();
        watch(kq, SIGUSR1, 0);
        deliver(SIGUSR1);
        EXPECT_SIGNAL(kq, SIGUSR1, 1); /* alive: the default waits */
        unwatch(kq, SIGUSR1);
        deliver(SIGUSR1);
        _exit(0);
    }
    require_death(child, SIGUSR1);
}

/* ---- Faults ---- */

static void touch_nothing(void) {
    volatile char *page = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    *page = 1;
}

static void divide_by_zero(void) {
#if defined __x86_64__ || defined __i386__
    __asm__ volatile("xorl %%ecx, %%ecx\n\txorl %%edx, %%edx\n\tmovl $1, %%eax\n\tdivl %%ecx" ::: "eax", "ecx", "edx");
#else
    raise(SIGFPE);
    kill(getpid(), SIGKILL);
#endif
}

static void stop_at_a_trap(void) {
#if defined __x86_64__ || defined __i386__
    __asm__ volatile("int3");
#else
    __builtin_trap();
#endif
}

static void read_beyond_the_end(void) {
    int file = regular_file();
    REQUIRE_EQ(ftruncate(file, 0), 0);
    volatile char *page = mmap(NULL, 4096, PROT_READ, MAP_SHARED, file, 0);
    (void)*page;
}

static void run_fault(int number, void (*fault)(void), void (*handler)(int)) {
    pid_t child = fork();
    if (child == 0) {
        no_core();
        signal(number, handler);
        int kq = new_kqueue();
        watch(kq, number, 0);
        fault();
        _exit(0);
    }
    require_death(child, number);
}

static void faults_still_kill(void) {
    const struct {
        int number;
        void (*fault)(void);
    } faults[] = {{SIGSEGV, touch_nothing}, {SIGBUS, read_beyond_the_end},
#if defined __x86_64__ || defined __i386__
                  {SIGFPE, divide_by_zero}, {SIGTRAP, stop_at_a_trap},
#endif
    };
    if (sanitized() || on_valgrind())
        contract_skip("the sanitizer, or valgrind, tells of faults itself");
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
        run_fault(faults[i].number, faults[i].fault, SIG_DFL);
        run_fault(faults[i].number, faults[i].fault, SIG_IGN);
    }
    (void)divide_by_zero, (void)stop_at_a_trap;
}

static void a_fault_that_is_handled(void) {
    if (sanitized() || on_valgrind())
        contract_skip("the sanitizer, or valgrind, tells of faults itself");
    int kq = new_kqueue();
    install(SIGSEGV, jump_away, 0);
    watch(kq, SIGSEGV, 0);
    if (sigsetjmp(place, 1) == 0)
        touch_nothing();
    REQUIRE_EQ(runs, 1);
    EXPECT_SIGNAL(kq, SIGSEGV, 1);
}

static void a_fault_signal_that_is_sent(void) {
    int kq = new_kqueue();
    install(SIGSEGV, SIG_DFL, 0); /* a language runtime may have one */
    watch(kq, SIGSEGV, 0);
    deliver(SIGSEGV);
    EXPECT_SIGNAL(kq, SIGSEGV, 1);
}

/* ---- F8: nothing of the program's is touched unasked ---- */

static void others_are_left_alone(void) {
    unsigned long before[65];
    for (int number = 1; number < 65; number++)
        before[number] = kernel_handler(number);
    int kq = new_kqueue();
    watch(kq, SIGUSR1, 0);
    change(kq, 1, EVFILT_TIMER, EV_ADD, 0, 1, NULL);
    next_event(kq);
    for (int number = 1; number < 65; number++)
        REQUIRE_EQ(kernel_handler(number) == before[number], number != SIGUSR1);
}

static void a_kqueue_alone_touches_nothing(void) {
    unsigned long before[65];
    for (int number = 1; number < 65; number++)
        before[number] = kernel_handler(number);
    require_working_kqueue();
    for (int number = 1; number < 65; number++)
        if (number < 32 || number >= SIGRTMIN) /* libc takes some for its threads */
            REQUIRE_EQ(kernel_handler(number), before[number]);
}

/* Children of the program's are waited for by nobody else, and its SIGCHLD reaches it. */
static void children_stay_the_programs(void) {
    int kq = new_kqueue();
    install(SIGCHLD, note_run, 0);
    watch(kq, SIGCHLD, 0);
    for (int i = 1; i <= 5; i++) {
        pid_t child = fork();
        if (child == 0)
            _exit(i);
        AWAIT(runs == i);
        int status;
        REQUIRE_EQ(waitpid(-1, &status, 0), child);
        REQUIRE_EQ(WEXITSTATUS(status), i);
    }
    EXPECT_SIGNAL(kq, SIGCHLD, 5);
}

const struct contract_case signal_action_cases[] = {
    {"C-276", "a handler installed later runs, and the knote counts", a_handler_installed_later_runs, 0},
    {"C-276", "a handler installed while one waits", a_handler_installed_while_one_waits, 0},
    {"C-277", "sigaction and signal say what the program set", queries_say_what_the_program_set, 0},
    {"C-276", "sigaction and signal fail as ever", errors_are_those_of_old, 0},
    {"C-276", "SA_SIGINFO: the information is handed on", information_is_handed_on, 0},
    {"C-276", "SA_RESETHAND: a handler runs once", a_handler_is_used_up, 0},
    {"C-276", "sa_mask and SA_NODEFER are honoured", masks_are_those_asked_for, 0},
    {"C-276", "SA_ONSTACK is honoured", a_stack_of_its_own_is_used, 0},
    {"C-276", "errno is kept", errno_is_kept, 0},
    {"C-276", "SA_RESTART and siginterrupt are honoured", calls_go_on_or_end_as_asked, 20},
    {"C-276", "a watched signal gives kevent its event, not EINTR", kevent_is_not_ended_by_a_watched_one, 0},
    {"C-276", "sigset, sigignore and sysv_signal are seen", relatives_are_seen, 0},
    {"C-276", "and work on other signals as ever", relatives_work_unwatched, 0},
    {"C-276", "a handler that calls the one before it", a_chain_of_handlers_runs_each_once, 0},
    {"C-276", "a handler set and put back many times", a_handler_set_and_put_back_many_times, 0},
    {"C-276", "a long chain of handlers", a_long_chain_runs_each_once, 0},
    {"C-276", "a chain of handlers that is watched again", a_chain_is_watched_again, 0},
    {"C-276", "many handlers in turn", many_handlers_take_turns, 0},
    {"C-276", "a handler that jumps away", a_handler_may_jump_away, 0},
    {"C-276", "a handler that changes the action", a_handler_may_change_the_action, 0},
    {"C-287", "the end of the knote puts action and mask back", the_end_puts_all_back, 0},
    {"C-287", "the last of several does", the_last_of_several_puts_it_back, 0},
    {"C-287", "what the program set meanwhile stays", what_was_set_meanwhile_stays, 0},
    {"C-287", "one left pending does not kill who ignores it", one_left_pending_does_not_kill, 0},
    {"C-287", "afterwards the default action kills", afterwards_the_default_kills, 0},
    {"C-288", "faults still kill", faults_still_kill, 0},
    {"C-288", "a fault that the program handles", a_fault_that_is_handled, 0},
    {"C-288", "a SIGSEGV that somebody sent counts", a_fault_signal_that_is_sent, 0},
    {"F8", "other signals are left alone", others_are_left_alone, 0},
    {"F8", "a kqueue without signals touches none", a_kqueue_alone_touches_nothing, 0},
    {"F8", "SIGCHLD and children stay the program's", children_stay_the_programs, 0},
    {NULL, NULL, NULL, 0},
};
