/*
 * A signal after each system call of a wait: the handler ends the call wherever it
 * comes in (C-347).
 *
 * The case's child is traced, stopped at each system call's beginning and end, and
 * sent a signal at the one that is meant.  So a handler comes in between two waits
 * of a call without chance.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "signals.h"

#ifdef __linux__
#include <sys/ptrace.h>
#include <sys/syscall.h>

/* Of the child: it waits in kevent() and tells how that ended. */
enum { ENDED, LOST, UNTRACED };
enum { STOP_OF_CALL = SIGTRAP | 0x80, MOST = 60, ASLEEP_MS = 100 };

struct subject {
    int kq, pair[2];
    pid_t child;
};

/* A byte below the mark wakes the library, and brings nothing. */
static void make_subject(struct subject *subject) {
    unix_pair(subject->pair);
    subject->kq = new_kqueue();
    change(subject->kq, (uintptr_t)subject->pair[0], EVFILT_READ, EV_ADD, NOTE_LOWAT, 100000, NULL);
    install(SIGUSR1, note_run, SA_RESTART);
}

/* A kqueue that was woken for nothing before is waited for under held signals from the first wait on. */
static void make_known(struct subject *subject) {
    struct kevent event;
    make_subject(subject);
    put(subject->pair[1], "x");
    REQUIRE_EQ(collect(subject->kq, &event, 1, (long)(20 * processor_slowness())), 0);
    take(subject->pair[0], 1);
}

/* One whose signal is watched, so that the library sees the handler run whether signals are held or not. */
static void make_watched(struct subject *subject) {
    make_subject(subject);
    watch(new_kqueue(), SIGUSR1, 0);
}

static _Noreturn void wait_traced(void (*make)(struct subject *)) {
    struct subject subject;
    struct kevent event;
    make(&subject);
    put(subject.pair[1], "x");
    if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) != 0 || raise(SIGSTOP) != 0)
        _exit(UNTRACED);
    (void)syscall(SYS_getppid);
    int got = kevent(subject.kq, NULL, 0, &event, 1, &(struct timespec){.tv_sec = (time_t)(3 * processor_slowness())});
    int code = errno;
    (void)syscall(SYS_getppid);
    if (got == 0)
        _exit(LOST);
    REQUIRE_EQ(got, -1);
    REQUIRE_EQ(code, EINTR);
    REQUIRE_EQ(runs, 1);
    _exit(ENDED);
}

/* The system call that a stopped process is at. */
static long call_of(pid_t child) {
    char name[32];
    long number = -1;
    snprintf(name, sizeof name, "%d/syscall", (int)child);
    FILE *file = fopen(seen_proc(name), "re");
    if (file == NULL)
        contract_skip("nothing tells which system call a process is at");
    REQUIRE_EQ(fscanf(file, "%ld", &number), 1);
    fclose(file);
    return number;
}

static bool is_wait(long number) {
    static const long waits[] = {
        SYS_epoll_pwait,
#ifdef SYS_epoll_pwait2
        SYS_epoll_pwait2,
#endif
#ifdef SYS_epoll_wait
        SYS_epoll_wait,
#endif
#ifdef SYS_poll
        SYS_poll,
#endif
#ifdef SYS_ppoll
        SYS_ppoll,
#endif
#ifdef SYS_ppoll_time64
        SYS_ppoll_time64,
#endif
#ifdef SYS_pselect6
        SYS_pselect6,
#endif
#ifdef SYS_pselect6_time64
        SYS_pselect6_time64,
#endif
    };
    for (size_t i = 0; i < sizeof waits / sizeof *waits; i++)
        if (number == waits[i])
            return true;
    return false;
}

static bool is_asleep(pid_t child) {
    char name[32], state = 0;
    snprintf(name, sizeof name, "%d/stat", (int)child);
    FILE *file = fopen(seen_proc(name), "re");
    if (file == NULL)
        contract_skip("nothing tells whether a process sleeps");
    REQUIRE_EQ(fscanf(file, "%*d %*s %c", &state), 1);
    fclose(file);
    return state == 'S';
}

/* Until the child stops or ends; false where it sleeps meanwhile, which a busy machine alone does not make of it. */
static bool await_stop(pid_t child, int *status) {
    for (double start = now_ms(); now_ms() - start < ASLEEP_MS || !is_asleep(child);) {
        pid_t got = waitpid(child, status, WNOHANG);
        REQUIRE(got >= 0);
        if (got == child)
            return true;
        usleep(50);
    }
    return false;
}

static bool go_on(pid_t child, int *status) {
    REQUIRE_EQ(ptrace(PTRACE_SYSCALL, child, NULL, NULL), 0);
    if (!await_stop(child, status))
        return false;
    REQUIRE(WIFSTOPPED(*status));
    REQUIRE_EQ(WSTOPSIG(*status), STOP_OF_CALL);
    return true;
}

static pid_t start_subject(void (*make)(struct subject *)) {
    int status;
    pid_t child = fork();
    REQUIRE(child >= 0);
    if (child == 0)
        wait_traced(make);
    REQUIRE_EQ(waitpid(child, &status, WUNTRACED), child);
    if (WIFEXITED(status) && WEXITSTATUS(status) == UNTRACED)
        contract_skip("processes cannot be traced here");
    REQUIRE(WIFSTOPPED(status));
    REQUIRE_EQ(ptrace(PTRACE_SETOPTIONS, child, NULL, (void *)PTRACE_O_TRACESYSGOOD), 0);
    return child;
}

/*
 * Sends the signal so many stops behind the beginning of the first wait.
 * Returns whether there were as many before the child slept; where it sleeps the signal comes into that.
 */
static bool interrupt_at(void (*make)(struct subject *), int stop, bool *lost) {
    int status, left = -1;
    pid_t child = start_subject(make);
    bool is_awake = true;
    while (left != 0 && (is_awake = go_on(child, &status))) {
        if (left > 0)
            left--;
        else if (is_wait(call_of(child)))
            left = stop;
    }
    REQUIRE_EQ(kill(child, SIGUSR1), 0);
    if (is_awake)
        REQUIRE_EQ(ptrace(PTRACE_DETACH, child, NULL, NULL), 0);
    while (waitpid(child, &status, 0) == child && WIFSTOPPED(status))
        REQUIRE_EQ(ptrace(PTRACE_CONT, child, NULL,
                          (void *)(uintptr_t)(WSTOPSIG(status) & 0x80 ? 0 : WSTOPSIG(status))), 0);
    REQUIRE(WIFEXITED(status));
    *lost = WEXITSTATUS(status) == LOST;
    REQUIRE(*lost || WEXITSTATUS(status) == ENDED);
    return is_awake;
}

static void need_steps(void) {
    if (on_valgrind() || sanitized())
        contract_skip("what runs the program makes system calls, and handles signals in its own time");
}

static void interrupt_everywhere(void (*make)(struct subject *)) {
    bool is_awake = true, lost;
    need_steps();
    for (int stop = 0; is_awake && stop < MOST; stop++) {
        is_awake = interrupt_at(make, stop, &lost);
        if (lost)
            contract_fail(__FILE__, __LINE__,
                          "a handler %d stops behind the first wait's beginning did not end the call", stop);
    }
}

static void after_each_system_call(void) {
    interrupt_everywhere(make_known);
}

/* The wait that brings nothing and the handler end together. */
static void at_the_end_of_the_first_wait(void) {
    bool lost;
    need_steps();
    for (int stop = 0; stop < 2; stop++) {
        (void)interrupt_at(make_watched, stop, &lost);
        REQUIRE(!lost);
    }
}

#else

static void after_each_system_call(void) {
    contract_skip("system calls are traced on Linux alone");
}

#define at_the_end_of_the_first_wait after_each_system_call

#endif

const struct contract_case interruption_step_cases[] = {
    {"C-347", "a handler after each system call of a wait ends it", after_each_system_call, 60},
    {"C-347", "and one at the end of a wait that brings nothing", at_the_end_of_the_first_wait, 30},
    {NULL, NULL, NULL, 0},
};
