/*
 * The handler in front of the program's.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#define _GNU_SOURCE
#include "interruptions.h"
#include "listeners.h"
#include "signal_records.h"

#include <sys/stat.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

static bool is_handler(const struct sigaction *action) {
    return action->sa_handler != SIG_DFL && action->sa_handler != SIG_IGN;
}

/* Sends the signal anew to this thread, where it is blocked until the handler returns. */
static void send_again(int number, siginfo_t *info) {
#ifdef SYS_rt_tgsigqueueinfo
    /* By system calls: libc's idea of which thread this is may be the parent's. */
    if (syscall(SYS_rt_tgsigqueueinfo, kq_process(), syscall(SYS_gettid), number, info) == 0)
        return;
#endif
    (void)info;
    (void)raise(number);
}

/* The program broke something and does not handle it: it is to die of it (C-288). */
static bool is_fatal(int number, const siginfo_t *info, const struct sigaction *program) {
    if (info->si_code <= 0 || is_handler(program))
        return false; /* sent by somebody, or expected */
    switch (number) {
    case SIGSEGV:
    case SIGBUS:
    case SIGFPE:
    case SIGILL:
    case SIGTRAP:
#ifdef SIGSYS
    case SIGSYS:
#endif
        return true;
    default:
        return false;
    }
}

static void let_it_happen(int number, siginfo_t *info, const struct sigaction *action) {
    (void)kq_next_sigaction(number, action, NULL);
    send_again(number, info);
}

/* Where closes go unseen the number may be a file of the program's by now; an eventfd has no type. */
static bool is_safe(int notifier) {
    struct stat status;
    if (!kq_is_inside(notifier))
        return false;
    return kq_is_interposed() ||
           (fstat(notifier, &status) == 0 && ((status.st_mode & S_IFMT) == 0 || S_ISFIFO(status.st_mode)));
}

void kq_signal_notify(int number) {
    struct kq_signal_record *record = &kq_signal_records[number];
    uint64_t one = 1;
    atomic_fetch_add(&record->busy, 1);
    int notifier = atomic_load(&record->notifier) - 1;
    if (notifier == KQ_LISTENERS)
        kq_tell_listeners(number);
    else if (notifier >= 0 && is_safe(notifier))
        (void)!syscall(SYS_write, notifier, &one, sizeof one);
    atomic_fetch_sub(&record->busy, 1);
}

/* Blocks what the program's action would have the kernel block. */
static void mask_as_asked(int number, const struct sigaction *program, const ucontext_t *context) {
    struct kq_signal_numbers before = kq_interrupted_mask(kq_numbers_of(&context->uc_sigmask));
    struct kq_signal_numbers wanted = kq_numbers_of(&program->sa_mask);
    sigset_t mask;
    kq_set_of((struct kq_signal_numbers){wanted.low | before.low, wanted.high | before.high}, &mask);
    if (!(program->sa_flags & SA_NODEFER))
        sigaddset(&mask, number);
    pthread_sigmask(SIG_SETMASK, &mask, NULL);
}

static void run(int number, siginfo_t *info, void *context, const struct sigaction *program) {
    if (program->sa_flags & SA_SIGINFO)
        program->sa_sigaction(number, info, context);
    else
        program->sa_handler(number);
}

/* One that the program called from a handler of its own that it put in front of us. */
static void run_replaced(unsigned place, int number, siginfo_t *info, void *context) {
    struct sigaction program;
    kq_action_load(&kq_signal_records[number].fronts[place], &program);
    if (is_handler(&program))
        run(number, info, context, &program);
}

/* Counts first: a thread that finds the child's end then knows that it has a notification to await. */
static void count(int number, siginfo_t *info) {
    atomic_fetch_add(&kq_signal_records[number].count, 1);
    kq_hear_child(number, info);
    kq_signal_notify(number);
    atomic_fetch_add(&kq_signal_records[number].told, 1);
}

/* Once, though it may have been pending when it was counted. */
static void note(int number, siginfo_t *info, bool was_counted) {
    if (was_counted)
        kq_hear_child(number, info);
    else
        count(number, info);
}

static void handle(unsigned place, int number, siginfo_t *info, void *context) {
    struct kq_signal_record *record = &kq_signal_records[number];
    struct sigaction program;
    int error = errno;
    bool was_counted = kq_unmark(number, info);
    if (place != atomic_load(&record->front))
        return run_replaced(place, number, info, context);
    if (!kq_signals_are_own()) {
        /* A child that runs on a copy of its parent's memory, or in it. */
        kq_action_load(&record->fronts[place], &program);
        let_it_happen(number, info, &program);
        errno = error;
        return;
    }
    kq_action_load(&record->fronts[place], &program);
    if (is_fatal(number, info, &program)) {
        program.sa_handler = SIG_DFL;
        let_it_happen(number, info, &program);
        return;
    }
    if (kq_signal_is_watched(number))
        note(number, info, was_counted);
    kq_action_take(&record->fronts[place], &program);
    kq_note_interruption(is_handler(&program));
    errno = error;
    if (!is_handler(&program))
        return;
    mask_as_asked(number, &program, context);
    run(number, info, context, &program);
}

#define FRONT(place) \
    static void front_##place(int number, siginfo_t *info, void *context) { \
        handle(place, number, info, context); \
    }
FRONT(0)
FRONT(1)
FRONT(2)
FRONT(3)

const kq_front kq_fronts[FRONTS] = {front_0, front_1, front_2, front_3};

int kq_front_of(const struct sigaction *action) {
    for (int place = 0; place < FRONTS; place++)
        if (action->sa_sigaction == kq_fronts[place])
            return place;
    return -1;
}
