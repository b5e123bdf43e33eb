/*
 * The handlers of a fork.
 *
 * They are registered when the library is loaded: those before a fork run in the
 * reverse order of their registration, so ours, which lock what is copied to the
 * child and write it down, run after the program's own.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#define _GNU_SOURCE
#include "include/kqueue_shims.h"

#include <stdatomic.h>

typedef void (*handler)(void);

static _Atomic(handler) before, after, in_child;
static atomic_int is_registered; /* not atomic_bool: see settings */
/* The thread whose fork is under way and was prepared for; handlers may be given in between. */
static atomic_uintptr_t prepared;

static void prepare(void) {
    handler run = atomic_load(&before);
    if (run == NULL)
        return;
    run(); /* from here on other forks wait */
    atomic_store(&prepared, (uintptr_t)pthread_self());
}

static void finish(handler run) {
    uintptr_t own = (uintptr_t)pthread_self();
    if (atomic_compare_exchange_strong(&prepared, &own, 0))
        run();
}

static void resume(void) {
    finish(atomic_load(&after));
}

static void start(void) {
    finish(atomic_load(&in_child));
}

static int register_handlers(void) {
    if (atomic_exchange(&is_registered, true))
        return 0;
    int error = pthread_atfork(prepare, resume, start);
    if (error != 0)
        atomic_store(&is_registered, false);
    return error;
}

__attribute__((constructor)) static void register_early(void) {
    (void)register_handlers(); /* where there is no memory, the first kqueue() says so */
}

int kq_at_fork(handler prepare_fork, handler resume_parent, handler start_child) {
    int error = register_handlers();
    if (error != 0)
        return error;
    atomic_store(&after, resume_parent);
    atomic_store(&in_child, start_child);
    atomic_store(&before, prepare_fork);
    return 0;
}
