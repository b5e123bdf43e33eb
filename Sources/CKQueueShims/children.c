/*
 * Children, asked for without reaping them, and what SIGCHLD says of one.  What is known of
 * them stands here, in ordinary memory; Sources/KQueueCore/Platform/ChildTable.swift keeps it.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "include/kqueue_shims_posix.h"

#include "cancellation.h"
#include "listeners.h"

#include <stdatomic.h>
#include <sys/types.h>
#include <sys/wait.h>

enum { PAGES = 1024, PAGE_PLACES = 128 };

/* The first takes no memory that might be lacking, and that would be kept for good. */
static struct kq_child_place first_page[PAGE_PLACES];
static _Atomic(struct kq_child_place *) pages[PAGES]; /* but the first; see page_at() */
static struct kq_children children;

/* What SIGCHLD said: a process above, its status below. */
static _Atomic uint64_t words[KQ_CHILD_WORDS];

struct kq_children *kq_children(void) {
    return &children;
}

int kq_child_signal(void) {
    return SIGCHLD;
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

/* waitid(2) is a cancellation point, and a lock is held. */
enum kq_child kq_child_ask(int process, int *status) {
    siginfo_t info = {0}; /* si_pid stays 0 where there is nothing */
    int state = hold_cancellation();
    int result = waitid(P_PID, (id_t)process, &info, WEXITED | WNOHANG | WNOWAIT);
    release_cancellation(state);
    if (result != 0)
        return KQ_CHILD_UNKNOWN;
    if (info.si_pid == 0)
        return KQ_CHILD_RUNS;
    *status = wait_status(&info);
    return KQ_CHILD_ENDED;
}

bool kq_process_exists(int process) {
    return kill(process, 0) == 0 || errno == EPERM;
}

void kq_hear_child(int number, const siginfo_t *info) {
    if (number != SIGCHLD || __atomic_load_n(&children.running, __ATOMIC_SEQ_CST) == 0)
        return;
    if (info->si_code != CLD_EXITED && info->si_code != CLD_KILLED && info->si_code != CLD_DUMPED)
        return;
    unsigned place = __atomic_fetch_add(&children.told, 1, __ATOMIC_SEQ_CST) % KQ_CHILD_WORDS;
    atomic_store(&words[place], (uint64_t)info->si_pid << 32 | (uint64_t)(wait_status(info) & 0xffff));
}

uint64_t kq_child_take_word(unsigned number) {
    return atomic_exchange(&words[number % KQ_CHILD_WORDS], 0);
}

static struct kq_child_place *page_at(int number) {
    return number == 0 ? first_page : atomic_load(&pages[number]);
}

struct kq_child_place *kq_child_place(int number) {
    int page = number / PAGE_PLACES;
    if (page >= PAGES)
        return NULL;
    if (page_at(page) == NULL)
        atomic_store(&pages[page], kq_map_inherited(PAGE_PLACES * sizeof(struct kq_child_place)));
    return page_at(page) == NULL ? NULL : &page_at(page)[number % PAGE_PLACES];
}

void kq_forget_children(void) {
    for (int place = 0; place < children.in_use; place++)
        __atomic_store_n(&kq_child_place(place)->process, 0, __ATOMIC_SEQ_CST);
    children.in_use = 0;
    children.is_any_shared = false;
    children.next_look = 0;
    __atomic_store_n(&children.running, 0, __ATOMIC_SEQ_CST);
}
