/*
 * Children, asked for without reaping them: for every platform and kernel where no
 * descriptor tells of them.
 *
 * All kqueues share what is known of a child, so an end that one has seen is one
 * for the others too when the number names another process.  SIGCHLD says of one
 * child what became of it, but many ends make one SIGCHLD, so all are asked for
 * behind it; where they are many, not so often that it takes all the time.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "include/kqueue_shims_posix.h"

#include "cancellation.h"
#include "listeners.h"
#include "signals.h"

#include <stdatomic.h>
#include <sys/types.h>
#include <sys/wait.h>

enum { PAGES = 1024, PAGE_PLACES = 128, WORDS = 256 };

struct child {
    atomic_int process; /* 0 is free */
    atomic_int state;   /* enum kq_child */
    atomic_int status;
};

/* The first takes no memory that might be lacking, and that would be kept for good. */
static struct child first_page[PAGE_PLACES];
static _Atomic(struct child *) pages[PAGES]; /* but the first; see page_at() */
static int in_use;         /* places that are in use or were; under the lock of signals, as are the times */
static uint64_t next_look; /* when all may be asked for again */
static atomic_int running; /* those of processes that run, as far as is known; a handler reads it */
static atomic_uint ends;

/* What SIGCHLD said: a process above, its status below, WORDS of them. */
static _Atomic uint64_t words[WORDS];
static atomic_uint told;
static unsigned heard;

int kq_child_signal(void) {
    return SIGCHLD;
}

/* waitid(2) is a cancellation point, and a lock is held. */
static int look(idtype_t which, id_t process, siginfo_t *info) {
    *info = (siginfo_t){0}; /* si_pid stays 0 where there is nothing */
    int state = hold_cancellation();
    int result = waitid(which, process, info, WEXITED | WNOHANG | WNOWAIT);
    release_cancellation(state);
    return result;
}

static int wait_status(const siginfo_t *info) {
    enum { CORE = 0x80 }; /* where every system has it */
    switch (info->si_code) {
    case CLD_EXITED:
        return (info->si_status & 0xff) << 8;
    case CLD_DUMPED:
        return info->si_status | CORE;
    default:
        return info->si_status;
    }
}

static enum kq_child state_of(int process, int *status) {
    siginfo_t info;
    if (look(P_PID, (id_t)process, &info) != 0)
        return KQ_CHILD_UNKNOWN;
    if (info.si_pid == 0)
        return KQ_CHILD_RUNS;
    *status = wait_status(&info);
    return KQ_CHILD_ENDED;
}

bool kq_process_exists(int process) {
    return kill(process, 0) == 0 || errno == EPERM;
}

/* ---- What SIGCHLD says ---- */

void kq_hear_child(int number, const siginfo_t *info) {
    if (number != SIGCHLD || atomic_load(&running) == 0)
        return;
    if (info->si_code != CLD_EXITED && info->si_code != CLD_KILLED && info->si_code != CLD_DUMPED)
        return;
    unsigned place = atomic_fetch_add(&told, 1) % WORDS;
    atomic_store(&words[place], (uint64_t)info->si_pid << 32 | (uint64_t)(wait_status(info) & 0xffff));
}

/* ---- What is known ---- */

static struct child *page_at(int number) {
    return number == 0 ? first_page : atomic_load(&pages[number]);
}

static struct child *place_of(int place) {
    return &page_at(place / PAGE_PLACES)[place % PAGE_PLACES];
}

static void end(int process, enum kq_child state, int status) {
    for (int place = 0; place < in_use; place++) {
        struct child *child = place_of(place);
        if (atomic_load(&child->process) != process || atomic_load(&child->state) != KQ_CHILD_RUNS)
            continue;
        atomic_store(&child->status, status);
        atomic_store(&child->state, state);
        atomic_fetch_sub(&running, 1);
        atomic_fetch_add(&ends, 1);
    }
}

/* A process that is no child any more had the status that was told; one that runs is another of the number. */
static void look_at(int process, int status) {
    enum kq_child state = state_of(process, &status);
    if (state == KQ_CHILD_UNKNOWN && status >= 0)
        state = KQ_CHILD_ENDED;
    if (state != KQ_CHILD_RUNS)
        end(process, state, status);
}

static void look_at_those_told(void) {
    unsigned now = atomic_load(&told);
    if (now - heard > WORDS)
        heard = now - WORDS;
    for (; heard != now; heard++) {
        uint64_t word = atomic_exchange(&words[heard % WORDS], 0);
        if (word != 0 && atomic_load(&running) > 0)
            look_at((int)(word >> 32), (int)(word & 0xffff));
    }
}

static uint64_t look_at_all(bool may_put_off) {
    enum { SHARE = 10 }; /* a tenth of the time */
    uint64_t start = kq_clock(CLOCK_MONOTONIC);
    if (may_put_off && start < next_look)
        return next_look;
    for (int place = 0; place < in_use && atomic_load(&running) > 0; place++) {
        struct child *child = place_of(place);
        int process = atomic_load(&child->process);
        if (process != 0 && atomic_load(&child->state) == KQ_CHILD_RUNS)
            look_at(process, -1);
    }
    uint64_t finish = kq_clock(CLOCK_MONOTONIC);
    next_look = finish + (finish - start) * (SHARE - 1);
    return 0;
}

uint64_t kq_children_look(bool may_put_off) {
    sigset_t before;
    kq_signals_lock(&before);
    look_at_those_told();
    uint64_t left = atomic_load(&running) > 0 ? look_at_all(may_put_off) : 0;
    kq_signals_unlock(&before);
    return left;
}

unsigned kq_children_ends(void) {
    return atomic_load(&ends);
}

/* ---- Places ---- */

static bool make_page(int number) {
    if (number >= PAGES)
        return false;
    if (page_at(number) == NULL)
        atomic_store(&pages[number], kq_map_inherited(PAGE_PLACES * sizeof(struct child)));
    return page_at(number) != NULL;
}

static int free_place(void) {
    for (int place = 0; place < in_use; place++)
        if (atomic_load(&place_of(place)->process) == 0)
            return place;
    return make_page(in_use / PAGE_PLACES) ? in_use++ : -ENOMEM;
}

/* It counts as one that runs before it is asked for, so that what SIGCHLD says from then on is heard. */
static int take_place(int process, enum kq_child *state) {
    int status = -1;
    look_at_those_told(); /* of a former process of this number, perhaps */
    atomic_fetch_add(&running, 1);
    *state = state_of(process, &status);
    int place = *state == KQ_CHILD_UNKNOWN ? -ECHILD : free_place();
    if (place < 0 || *state != KQ_CHILD_RUNS)
        atomic_fetch_sub(&running, 1);
    if (place < 0)
        return place;
    struct child *child = place_of(place);
    atomic_store(&child->status, status);
    atomic_store(&child->state, *state);
    atomic_store(&child->process, process);
    if (*state != KQ_CHILD_RUNS)
        atomic_fetch_add(&ends, 1);
    return place;
}

int kq_child_watch(int process, enum kq_child *state) {
    sigset_t before;
    kq_signals_lock(&before);
    int place = take_place(process, state);
    kq_signals_unlock(&before);
    return place;
}

void kq_child_unwatch(int place) {
    sigset_t before;
    kq_signals_lock(&before);
    if (atomic_load(&place_of(place)->state) == KQ_CHILD_RUNS)
        atomic_fetch_sub(&running, 1);
    atomic_store(&place_of(place)->process, 0);
    while (in_use > 0 && atomic_load(&place_of(in_use - 1)->process) == 0)
        in_use--;
    kq_signals_unlock(&before);
}

enum kq_child kq_child_state(int place, int *status) {
    enum kq_child state = (enum kq_child)atomic_load(&place_of(place)->state);
    *status = atomic_load(&place_of(place)->status);
    return state;
}

void kq_forget_children(void) {
    for (int place = 0; place < in_use; place++)
        atomic_store(&place_of(place)->process, 0);
    in_use = 0;
    atomic_store(&running, 0);
    next_look = 0;
}
