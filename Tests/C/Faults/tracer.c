/*
 * The tracer: stops a process at each of its system calls, counts those that the library makes, and
 * answers the one that is to fail with an error.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "faults.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

struct shared *shared;
struct fault fault;
bool is_posix;
bool is_traced;

enum { MOST_THREADS = 64 };

static struct thread {
    pid_t number;
    bool is_in_library;
    bool is_failing; /* the call that it is in */
} threads[MOST_THREADS];
static int now; /* the round, or -1 */

static struct thread *thread_of(pid_t number) {
    struct thread *unused = NULL;
    for (int i = 0; i < MOST_THREADS; i++) {
        if (threads[i].number == number)
            return &threads[i];
        if (threads[i].number == 0 && unused == NULL)
            unused = &threads[i];
    }
    if (unused != NULL)
        *unused = (struct thread){.number = number};
    return unused;
}

static void see_mark(struct thread *thread, enum mark mark, long argument) {
    switch (mark) {
    case MARK_IN:
        thread->is_in_library = true;
        break;
    case MARK_OUT:
        thread->is_in_library = false;
        break;
    case MARK_ROUND:
        now = (int)argument;
        break;
    case MARK_REST:
        now = -1;
        break;
    }
}

static void note_unlisted(const struct registers *registers) {
    if (shared->is_unlisted)
        return;
    shared->is_unlisted = true;
    shared->unlisted[0] = registers->number;
    memcpy(shared->unlisted + 1, registers->arguments, sizeof registers->arguments);
}

/*
 * Whether a set has an entry of a number already, and refuses it for that: it does so
 * before it takes any memory.
 */
static bool is_entered(pid_t thread, const struct registers *registers) {
    char path[64], line[256];
    int number;
    bool is_there = false;
    snprintf(path, sizeof path, "/proc/%d/fdinfo/%d", (int)thread, (int)registers->arguments[0]);
    FILE *file = fopen(path, "re");
    while (file != NULL && fgets(line, sizeof line, file) != NULL)
        is_there = is_there || (sscanf(line, "tfd: %d", &number) == 1 && number == (int)registers->arguments[2]);
    if (file != NULL)
        fclose(file);
    return is_there;
}

static bool is_of_file(pid_t thread, const struct registers *registers) {
    char path[64], target[8] = "";
    snprintf(path, sizeof path, "/proc/%d/fd/%d", (int)thread, (int)registers->arguments[0]);
    return readlink(path, target, sizeof target) > 0 && target[0] == '/';
}

static bool cannot_fail_there(const struct thread *thread, int call, const struct registers *registers) {
    return ((calls[call].flags & OF_AN_ENTRY) && is_entered(thread->number, registers)) ||
           ((calls[call].flags & OF_A_FILE) && !is_of_file(thread->number, registers));
}

/* Whether this use of a call is the one that is to fail. */
static bool is_to_fail(int call) {
    unsigned use = 0;
    if (now >= 0)
        use = ++shared->uses[now][call];
    if (call != fault.call)
        return false;
    return fault.use == 0 || (now >= 0 && now < LAST_UNFAULTED && use == (unsigned)fault.use);
}

static void see_entry(struct thread *thread, const struct registers *registers) {
    if (registers->number == SYS_getpid && registers->arguments[0] == MARK)
        see_mark(thread, (enum mark)registers->arguments[1], (long)registers->arguments[2]);
    else if (thread->is_in_library) {
        int call = find_call(registers->number, registers->arguments);
        if (is_traced)
            fprintf(stderr, "[%d] round %d %s(%#lx, %#lx, %#lx, %#lx)\n", (int)thread->number, now,
                    call < 0 ? "?" : calls[call].name, (long)registers->arguments[0], (long)registers->arguments[1],
                    (long)registers->arguments[2], (long)registers->arguments[3]);
        shared->made++;
        if (call < 0)
            note_unlisted(registers);
        else if (cannot_fail_there(thread, call, registers))
            return;
        else if (is_to_fail(call)) {
            shared->failed++;
            thread->is_failing = true;
            if (!(calls[call].flags & IS_MADE))
                skip_call(thread->number);
        }
    }
}

static void see_call(pid_t number) {
    struct registers registers = {0};
    struct thread *thread = thread_of(number);
    if (thread == NULL || !read_registers(number, &registers))
        return;
    if (registers.is_entry) {
        see_entry(thread, &registers);
    } else if (thread->is_failing) {
        set_result(number, -fault.error);
        thread->is_failing = false;
        if (is_traced)
            fprintf(stderr, "[%d] ... fails with %d\n", (int)number, fault.error);
    } else if (is_traced && thread->is_in_library)
        fprintf(stderr, "[%d] ... = %ld\n", (int)number, registers.result);
}

/* What a stop of a thread is for; the signal that it goes on with. */
static int see_stop(pid_t number, int status) {
    int signal = WSTOPSIG(status);
    if (signal == (SIGTRAP | 0x80)) {
        see_call(number);
        return 0;
    }
    return status >> 16 != 0 ? 0 : signal;
}

static void on_alarm(int signal) {
    (void)signal;
}

static void set_alarm(int seconds) {
    struct sigaction action = {.sa_handler = on_alarm}; /* ends a wait */
    sigaction(SIGALRM, &action, NULL);
    alarm((unsigned)seconds);
}

static void kill_all(void) {
    for (int i = 0; i < MOST_THREADS; i++)
        if (threads[i].number != 0)
            kill(threads[i].number, SIGKILL);
    while (waitpid(-1, NULL, __WALL) > 0 || errno == EINTR)
        ;
}

/* Until the process ends, and all that it made: its status, or -1 where the time is up. */
static int follow(pid_t process) {
    int status, result = -1;
    for (;;) {
        pid_t number = waitpid(-1, &status, __WALL);
        if (number < 0 && errno == EINTR)
            return -1;
        if (number < 0)
            return result;
        if (WIFSTOPPED(status)) {
            int signal = see_stop(number, status);
            ptrace(PTRACE_SYSCALL, number, NULL, (void *)(long)signal);
            continue;
        }
        struct thread *thread = thread_of(number);
        if (thread != NULL)
            thread->number = 0;
        if (number == process) {
            result = status;
            kill_all(); /* what it left behind */
            return result;
        }
    }
}

/* The process waits until it is traced. */
static pid_t start(void (*run)(void)) {
    int ready[2];
    char byte = 0;
    if (pipe(ready) < 0)
        return -1;
    pid_t process = fork();
    if (process == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        close(ready[1]);
        bool is_traced = read(ready[0], &byte, 1) == 1;
        close(ready[0]);
        if (is_traced)
            run();
        _exit(0);
    }
    close(ready[0]);
    long options = PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACECLONE | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK |
                   PTRACE_O_TRACEEXEC | PTRACE_O_EXITKILL;
    bool is_traced = ptrace(PTRACE_SEIZE, process, NULL, (void *)options) == 0 &&
                     ptrace(PTRACE_INTERRUPT, process, NULL, NULL) == 0;
    int error = errno;
    if (is_traced)
        (void)!write(ready[1], &byte, 1);
    close(ready[1]);
    if (!is_traced)
        waitpid(process, NULL, 0);
    errno = error;
    return is_traced ? process : -1;
}

const char *run_traced(void (*run)(void), int seconds) {
    static char why[256];
    memset(shared, 0, sizeof *shared);
    memset(threads, 0, sizeof threads);
    now = -1;
    pid_t process = start(run);
    if (process < 0)
        return "cannot be traced";
    set_alarm(seconds);
    int status = follow(process);
    alarm(0);
    if (status == -1) {
        kill_all();
        return "hangs";
    }
    if (shared->message[0] != '\0')
        return shared->message;
    snprintf(why, sizeof why, WIFSIGNALED(status) ? "ended by signal %d" : "ended with status %d",
             WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
    return shared->is_done ? "" : why;
}

static void nothing(void) {
    shared->is_done = true;
}

const char *cannot_trace(void) {
#if !defined(__x86_64__) && !defined(__aarch64__)
    return "no system calls are replaced on this processor";
#endif
    pid_t process = start(nothing);
    if (process < 0)
        return strerror(errno);
    struct registers registers;
    int status;
    bool is_told = false;
    while (waitpid(process, &status, __WALL) == process && WIFSTOPPED(status)) {
        if (WSTOPSIG(status) == (SIGTRAP | 0x80))
            is_told = is_told || read_registers(process, &registers);
        ptrace(PTRACE_SYSCALL, process, NULL, NULL);
    }
    return is_told ? NULL : "PTRACE_GET_SYSCALL_INFO is not there";
}
