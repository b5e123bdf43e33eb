/*
 * Which process this is, and whose descriptors a thread closes.  What shares the
 * memory need not share the descriptors: a child of vfork, a process that was
 * cloned with the memory alone, a thread that took a table of its own.
 *
 * All functions are async-signal-safe, but kq_process_mark().
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#define _GNU_SOURCE
#include "include/kqueue_shims.h"

#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

int kq_process(void) {
    return (int)syscall(SYS_getpid);
}

#ifdef __linux__
#include "kernel_calls.h"

#include <sched.h>
#include <sys/stat.h>

#ifndef CLOSE_RANGE_UNSHARE
#define CLOSE_RANGE_UNSHARE 2U
#endif

/*
 * The first process of a pid namespace and the first of the next have the same
 * number.  A timer of the kernel's tells them apart, since it belongs to one
 * process and no child inherits it.  Small numbers alone are in doubt.
 */
enum { NUMBERS_IN_DOUBT = 300, NO_TIMER = -1 };

static atomic_int timer = NO_TIMER;

void kq_process_mark(void) {
    struct sigevent none;
    int fresh = NO_TIMER;
    memset(&none, 0, sizeof none);
    none.sigev_notify = SIGEV_NONE;
    if (kq_process() >= NUMBERS_IN_DOUBT || syscall(SYS_timer_create, CLOCK_MONOTONIC, &none, &fresh) != 0)
        fresh = NO_TIMER;
    atomic_store(&timer, fresh);
}

bool kq_is_process(int process) {
    struct itimerspec setting;
    int mark = atomic_load_explicit(&timer, memory_order_relaxed);
    if (kq_process() != process)
        return false;
    return mark == NO_TIMER || syscall(SYS_timer_gettime, mark, &setting) == 0;
}

/* The threads that took a table of descriptors of their own, by their numbers; 0 is a free place. */
enum { SEPARATE_THREADS = 256 };

static atomic_int separate[SEPARATE_THREADS];
static atomic_bool is_any_separate;

/* Beyond the places there are it is asked for, below. */
static void note_separate(int thread) {
    atomic_store(&is_any_separate, true);
    for (int place = 0; place < SEPARATE_THREADS; place++) {
        int none = 0;
        if (atomic_compare_exchange_strong(&separate[place], &none, thread) || none == thread)
            return;
    }
}

static bool is_separate(int thread) {
    for (int place = 0; place < SEPARATE_THREADS; place++)
        if (atomic_load(&separate[place]) == thread)
            return true;
    return false;
}

enum { KCMP_VM = 1, KCMP_FILES = 2 }; /* of <linux/kcmp.h> */

/* Whether a thread shares what `type` names with the process's first; -1 where the kernel does not tell. */
static int shares(int process, int thread, int type) {
    long order = kq_call(KQ_CALL_KCMP, process, thread, type, 0, 0);
    return order < 0 ? -1 : order == 0;
}

/*
 * A thread's number may be another's by now, and threads that a separate one made share its table: so the kernel is
 * asked where it tells.  It does not of a first thread that has ended, nor of one that is separate itself.
 */
bool kq_shares_descriptors(int process) {
    if (!atomic_load_explicit(&is_any_separate, memory_order_relaxed))
        return true;
    int thread = (int)syscall(SYS_gettid);
    if (!is_separate(process) && shares(process, thread, KCMP_VM) == 1) {
        int answer = shares(process, thread, KCMP_FILES);
        if (answer >= 0)
            return answer == 1;
    }
    return !is_separate(thread);
}

#pragma weak __libc_single_threaded
extern char __libc_single_threaded;

/* Whether other threads have the caller's table. A first thread that cannot find out is taken for the only one. */
static bool has_others(void) {
    struct stat tasks;
    if (stat("/proc/self/task", &tasks) == 0)
        return tasks.st_nlink > 3;
    if (&__libc_single_threaded != NULL)
        return !__libc_single_threaded;
    return syscall(SYS_gettid) != kq_process();
}

int kq_unshare(int flags) {
    bool separates = (flags & CLONE_FILES) != 0 && has_others();
    int result = (int)syscall(SYS_unshare, flags);
    if (result == 0 && separates)
        note_separate((int)syscall(SYS_gettid));
    return result;
}

int kq_close_range_apart(unsigned first, unsigned last, int flags) {
    int result = kq_next_close_range(first, last, flags);
    if (result == 0)
        note_separate((int)syscall(SYS_gettid));
    return result;
}

bool kq_close_range_separates(int flags) {
    return ((unsigned)flags & CLOSE_RANGE_UNSHARE) != 0 && has_others();
}
#else
void kq_process_mark(void) {
}

bool kq_is_process(int process) {
    return kq_process() == process;
}

bool kq_shares_descriptors(int process) {
    (void)process;
    return true;
}

int kq_unshare(int flags) {
    (void)flags;
    errno = ENOSYS;
    return -1;
}

int kq_close_range_apart(unsigned first, unsigned last, int flags) {
    return kq_next_close_range(first, last, flags);
}

bool kq_close_range_separates(int flags) {
    return flags < 0;
}
#endif
