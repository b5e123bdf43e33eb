/*
 * The handlers of ours that stand in front of the program's actions: putting one in
 * place, finding it replaced, giving the program's action back.  The lock of signals
 * is held where something is changed.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#define _GNU_SOURCE
#include "signal_records.h"

#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

void kq_signal_translate(int number, struct sigaction *action) {
    int place = kq_front_of(action);
    if (place >= 0)
        kq_action_load(&kq_signal_records[number].fronts[place], action);
}

void kq_signal_program(int number, struct sigaction *action) {
    struct kq_signal_record *record = &kq_signal_records[number];
    kq_action_load(&record->fronts[atomic_load(&record->front)], action);
}

/* What an action that handles nothing lets the kernel do. */
static int quiet_flags(int number, const struct sigaction *program) {
    /* A handler of ours must not overrun a small stack, nor end a call that the signal did not end before. */
    int flags = SA_ONSTACK | SA_RESTART;
    /* A read from the background would be tried again and again. */
    if (number == SIGTTIN || number == SIGTTOU)
        flags &= ~SA_RESTART;
    if (number == SIGCHLD)
        flags |= program->sa_flags & (SA_NOCLDSTOP | SA_NOCLDWAIT);
    /* Children of a program that ignores them leave nothing to wait for. */
    if (number == SIGCHLD && program->sa_handler == SIG_IGN)
        flags |= SA_NOCLDWAIT;
    return flags;
}

/* Whether the process may have a terminal; where that cannot be told it may. */
static bool may_have_terminal(void) {
    int error = errno;
    int terminal = (int)syscall(SYS_openat, AT_FDCWD, "/dev/tty", O_RDONLY | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
    bool has_none = terminal < 0 && errno == ENXIO;
    if (terminal >= 0)
        (void)syscall(SYS_close, terminal);
    errno = error;
    return !has_none;
}

/*
 * Whether a signal must be ignored indeed and goes uncounted.  The terminal asks what
 * the kernel's action is before it sends a background process these two: a process that
 * ignores them has its call done or refused; one that does not is sent the signal, begins
 * the call again, and is sent it again (C-368).
 */
static bool must_be_ignored(int number, const struct sigaction *program) {
    return (number == SIGTTIN || number == SIGTTOU) && program->sa_handler == SIG_IGN && may_have_terminal();
}

/* With everything blocked until ours is done: it must not be left half done by a handler that jumps away. */
static void make_ours(int number, unsigned place, const struct sigaction *program, struct sigaction *ours) {
    bool handles = program->sa_handler != SIG_DFL && program->sa_handler != SIG_IGN;
    *ours = *program;
    ours->sa_flags = handles ? program->sa_flags & ~(int)SA_RESETHAND : quiet_flags(number, program);
    ours->sa_flags |= SA_SIGINFO;
    ours->sa_sigaction = kq_fronts[place];
    sigfillset(&ours->sa_mask);
}

/* Notes in `ours` what was put in. */
static int install(int number, unsigned place, const struct sigaction *program, struct sigaction *ours,
                   struct sigaction *old) {
    bool yields = must_be_ignored(number, program);
    if (yields)
        *ours = *program;
    else
        make_ours(number, place, program, ours);
    atomic_store(&kq_signal_records[number].yields, yields);
    return kq_next_sigaction(number, ours, old) == 0 ? 0 : -errno;
}

int kq_signal_set_program(int number, const struct sigaction *action) {
    struct kq_signal_record *record = &kq_signal_records[number];
    unsigned place = atomic_load(&record->front);
    struct sigaction program = *action;
    kq_signal_translate(number, &program);
    struct sigaction ours;
    int error = install(number, place, &program, &ours, NULL);
    if (error == 0)
        kq_action_store(&record->fronts[place], &program);
    return error;
}

/* By the signals that can be blocked: what else a sigset_t has room for, libc leaves to chance. */
static bool blocks_the_same(const sigset_t *one, const sigset_t *other) {
    for (int number = 1; number < SIGNALS; number++)
        if (number != SIGKILL && number != SIGSTOP && sigismember(one, number) != sigismember(other, number))
            return false;
    return true;
}

/* Whether one was put in and the other read back, by the flags that programs set: systems add some of their own. */
static bool is_same(const struct sigaction *one, const struct sigaction *other) {
    const int flags = (int)SA_RESETHAND | SA_NOCLDSTOP | SA_NOCLDWAIT | SA_NODEFER | SA_ONSTACK | SA_RESTART |
                      SA_SIGINFO;
    return one->sa_handler == other->sa_handler && ((one->sa_flags ^ other->sa_flags) & flags) == 0 &&
           blocks_the_same(&one->sa_mask, &other->sa_mask);
}

/* The program may change the action meanwhile, by a call that does not wait for the lock; then the newer action stays. */
void kq_front_give_back(int number) {
    struct sigaction replaced, found, action;
    if (kq_next_sigaction(number, NULL, &replaced) != 0 || kq_front_of(&replaced) < 0)
        return;
    action = replaced;
    kq_signal_translate(number, &action);
    while (kq_next_sigaction(number, &action, &found) == 0 && !is_same(&found, &replaced)) {
        replaced = action;
        action = found;
    }
}

/*
 * Puts ours in front of what was found.  As in kq_front_give_back(), what comes in between is
 * the program's action from then on, to be stood in front of.
 */
static int stand_in_front(int number, unsigned place, struct sigaction *program) {
    struct kq_signal_record *record = &kq_signal_records[number];
    struct sigaction found, ours, expected = *program;
    for (;;) {
        kq_action_store(&record->fronts[place], program);
        atomic_store(&record->front, place);
        int error = install(number, place, program, &ours, &found);
        if (error != 0 || kq_front_of(&found) >= 0 || is_same(&found, &expected))
            return error;
        expected = ours;
        *program = found;
    }
}

int kq_front_begin(int number) {
    struct sigaction program;
    if (kq_next_sigaction(number, NULL, &program) != 0)
        return -errno;
    kq_signal_translate(number, &program);
    return stand_in_front(number, 0, &program);
}

/* Whether an action is the handler that is in force, as we installed it. */
static bool is_in_force(struct kq_signal_record *record, const struct sigaction *action) {
    if (atomic_load(&record->yields))
        return action->sa_handler == SIG_IGN;
    return kq_front_of(action) == (int)atomic_load(&record->front) && (action->sa_flags & SA_SIGINFO);
}

/* Stands in front of what was found; or where that is one of ours, lets it be what it was. */
static void look_again(int number, struct kq_signal_record *record, struct sigaction *found) {
    int place = kq_front_of(found);
    unsigned next = place >= 0 ? (unsigned)place : (atomic_load(&record->front) + 1) % FRONTS;
    kq_signal_translate(number, found);
    (void)stand_in_front(number, next, found);
}

void kq_signal_look(int number) {
    struct kq_signal_record *record = &kq_signal_records[number];
    struct sigaction found;
    sigset_t before;
    if (kq_next_sigaction(number, NULL, &found) != 0 || is_in_force(record, &found))
        return;
    kq_signals_lock(&before);
    if (kq_signals_are_own() && kq_signal_is_watched(number) &&
        kq_next_sigaction(number, NULL, &found) == 0 && !is_in_force(record, &found))
        look_again(number, record, &found);
    kq_signals_unlock(&before);
}
