/*
 * sigaction() and its relatives, as the program calls them: of a watched signal
 * they speak of the program's own action, which a handler of ours stands in front
 * of.  Of any other they are passed on, at the cost of one load.
 *
 * All are async-signal-safe.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#define _GNU_SOURCE
#include "signals.h"
#include "next_signals.h"

#include <string.h>

/* siginterrupt() of each signal, which signal() goes by. */
static atomic_bool interrupting[SIGNALS];

static bool intervenes(int number) {
    return kq_signal_is_watched(number) && kq_signals_are_seen();
}

static int fail(int code) {
    errno = code;
    return -1;
}

/* The lock is held. */
static int change(int number, const struct sigaction *action, struct sigaction *old) {
    struct sigaction before;
    kq_signal_program(number, &before);
    int error = action == NULL ? 0 : kq_signal_set_program(number, action);
    if (error != 0)
        return fail(-error);
    if (old != NULL)
        *old = before;
    return 0;
}

/* A signal that no knote watches; a knote may begin to watch it during the call. */
static int pass_on(int number, const struct sigaction *action, struct sigaction *old) {
    int result = kq_next_sigaction(number, action, old);
    if (result != 0)
        return result;
    if (old != NULL && number < SIGNALS)
        kq_signal_translate(number, old);
    if (action != NULL && intervenes(number) && kq_signals_are_own())
        kq_signal_look(number);
    return result;
}

int kq_sigaction(int number, const void *action, void *old) {
    sigset_t before;
    /* In a child of vfork, or of a fork that ran no handler, the action is the child's own affair. */
    if (!intervenes(number) || !kq_signals_are_own())
        return pass_on(number, action, old);
    struct sigaction wanted;
    if (action != NULL)
        wanted = *(const struct sigaction *)action;
    kq_signals_lock(&before);
    int result = kq_signal_is_watched(number) ? change(number, action == NULL ? NULL : &wanted, old)
                                              : kq_next_sigaction(number, action, old);
    kq_signals_unlock(&before);
    return result;
}

/* ---- Those that are made of it ---- */

static kq_handler set_handler(int number, kq_handler handler, int flags, bool blocks_itself) {
    struct sigaction action, old;
    if (handler == SIG_ERR) {
        errno = EINVAL;
        return SIG_ERR;
    }
    memset(&action, 0, sizeof action);
    action.sa_handler = handler;
    action.sa_flags = flags;
    sigemptyset(&action.sa_mask);
    if (blocks_itself && sigaddset(&action.sa_mask, number) != 0)
        return SIG_ERR;
    return kq_sigaction(number, &action, &old) == 0 ? old.sa_handler : SIG_ERR;
}

/* A handler as the next definition gave it back, in the program's terms. */
static kq_handler translated(int number, kq_handler handler) {
    struct sigaction action;
    if (number <= 0 || number >= SIGNALS || handler == SIG_ERR)
        return handler;
    memset(&action, 0, sizeof action);
    action.sa_handler = handler;
    kq_signal_translate(number, &action);
    if (intervenes(number) && kq_signals_are_own())
        kq_signal_look(number);
    return action.sa_handler;
}

void *kq_signal(int number, void *handler) {
    if (!intervenes(number) && kq_next_signals()->signal != NULL)
        return (void *)translated(number, kq_next_signals()->signal(number, (kq_handler)handler));
    bool interrupts = number > 0 && number < SIGNALS && atomic_load(&interrupting[number]);
    return (void *)set_handler(number, (kq_handler)handler, interrupts ? 0 : SA_RESTART, true);
}

void *kq_sysv_signal(int number, void *handler) {
    if (!intervenes(number) && kq_next_signals()->sysv_signal != NULL)
        return (void *)translated(number, kq_next_signals()->sysv_signal(number, (kq_handler)handler));
    return (void *)set_handler(number, (kq_handler)handler, (int)SA_RESETHAND | SA_NODEFER, false);
}

int kq_sigignore(int number) {
    return set_handler(number, SIG_IGN, 0, false) == SIG_ERR ? -1 : 0;
}

/* Some systems have no SIG_HOLD to show; its value is the same on all. */
#ifndef SIG_HOLD
#define SIG_HOLD ((kq_handler)2)
#endif

void *kq_sigset(int number, void *handler) {
    sigset_t only, before;
    struct sigaction action;
    if (kq_sigaction(number, NULL, &action) != 0)
        return (void *)SIG_ERR;
    sigemptyset(&only);
    sigaddset(&only, number);
    bool holds = (kq_handler)handler == SIG_HOLD;
    if (!holds && set_handler(number, (kq_handler)handler, 0, false) == SIG_ERR)
        return (void *)SIG_ERR;
    pthread_sigmask(holds ? SIG_BLOCK : SIG_UNBLOCK, &only, &before);
    return sigismember(&before, number) == 1 ? (void *)SIG_HOLD : (void *)action.sa_handler;
}

int kq_siginterrupt(int number, int interrupts) {
    struct sigaction action;
    /* libc's signal() goes by what libc's siginterrupt() was told. */
    if (kq_next_signals()->siginterrupt != NULL && kq_next_signals()->siginterrupt(number, interrupts) != 0)
        return -1;
    if (number > 0 && number < SIGNALS)
        atomic_store(&interrupting[number], interrupts != 0);
    if (!intervenes(number) && kq_next_signals()->siginterrupt != NULL)
        return 0;
    if (kq_sigaction(number, NULL, &action) != 0)
        return -1;
    action.sa_flags = interrupts ? action.sa_flags & ~SA_RESTART : action.sa_flags | SA_RESTART;
    return kq_sigaction(number, &action, NULL);
}
