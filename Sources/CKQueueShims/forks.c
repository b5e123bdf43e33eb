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

/*
 * What the first kqueue has done at a fork.  It may be made while another thread's fork is under way, so the child
 * asks again what there is: memory that the system does not empty has another's locks in it by then.
 */
static _Atomic(handler) before, after, in_child;
static atomic_bool is_registered;
static pthread_mutex_t registering = PTHREAD_MUTEX_INITIALIZER;
/* The thread whose fork is under way, while other forks wait; and whether `before` ran in it. */
static atomic_uintptr_t forking;
static bool is_prepared;
static int parent; /* its process */
static pthread_mutex_t one_fork = PTHREAD_MUTEX_INITIALIZER; /* glibc may run the handlers of two at a time */

static void prepare(void) {
    pthread_mutex_lock(&one_fork);
    parent = kq_process();
    handler run = atomic_load(&before);
    is_prepared = run != NULL;
    if (is_prepared)
        run();
    atomic_store(&forking, (uintptr_t)pthread_self());
}

/* Handlers that are registered during a fork see the end of it alone. */
static void resume(void) {
    uintptr_t own = (uintptr_t)pthread_self();
    if (!atomic_compare_exchange_strong(&forking, &own, 0))
        return;
    if (is_prepared)
        atomic_load(&after)();
    pthread_mutex_unlock(&one_fork);
}

static void start(void) {
    handler run = atomic_load(&in_child);
    atomic_store(&forking, 0);
    one_fork = (pthread_mutex_t)PTHREAD_MUTEX_INITIALIZER; /* it was taken by the parent's thread */
    kq_close_own_in_child(parent);
    kq_forget_waits();
    if (run != NULL)
        run();
}

static int register_handlers(void) {
    if (atomic_load(&is_registered))
        return 0;
    pthread_mutex_lock(&registering);
    int error = atomic_load(&is_registered) ? 0 : pthread_atfork(prepare, resume, start);
    if (error == 0)
        atomic_store(&is_registered, true);
    pthread_mutex_unlock(&registering);
    return error;
}

__attribute__((constructor)) static void register_early(void) {
    (void)register_handlers(); /* where there is no memory, the first kqueue() says so */
}

int kq_at_fork(handler prepare_fork, handler resume_parent, handler start_child) {
    int error = register_handlers();
    if (error != 0)
        return error;
    atomic_store(&in_child, start_child);
    atomic_store(&after, resume_parent);
    atomic_store(&before, prepare_fork);
    return 0;
}
