/*
 * Marks on signals that are pending, where the system is Linux, whatever the platform (C-350).
 *
 * Nothing tells how many of a number are pending, nor whether one is the same that
 * was counted before.  So they are taken, marked where no program looks, and sent to the
 * process itself again with all that they say.
 *
 * Where to matters.  The kernel merges a signal with one that is pending in the same
 * place: for a thread, or for all.  In a process of one thread what was counted is
 * made the thread's, and what is sent later is seen.  Among several it is left to all
 * as it was, since any of them may be the one that wants it, and what is sent later is
 * merged with it.  A program without a handler that waits in kevent() again, and still
 * has not taken it, may never do so: then it is made the first thread's.
 *
 * From the taking to the sending it is not there.  So what there is to find out is found
 * out before; and sigpending(), where it is ours, waits that long.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifdef __linux__
#define _GNU_SOURCE
#include "include/kqueue_shims_linux.h"
#include "listeners.h"
#include "pending.h"

#include <string.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <unistd.h>

/* ---- The mark ---- */

/*
 * A magic number, the si_code that had to be replaced, and flags.  It lies where
 * siginfo_t has a gap; on machines of 32 bits there is none, but a field without use.
 */
enum { MAGIC = 0x6b71, KINDS = 3, RECODED = 4 };

static void *place_of_mark(siginfo_t *info) {
#ifdef __LP64__
    return (char *)info + 3 * sizeof(int);
#else
    return &info->si_errno;
#endif
}

static uint32_t mark_on(siginfo_t *info) {
    uint32_t mark;
    memcpy(&mark, place_of_mark(info), sizeof mark);
    return mark >> 16 == MAGIC ? mark : 0;
}

static void set_mark(siginfo_t *info, uint32_t mark) {
    memcpy(place_of_mark(info), &mark, sizeof mark);
}

static int code_in(uint32_t mark) {
    int code = mark >> 8 & 0xff;
    return code > 0x80 ? code - 0x100 : code; /* SI_KERNEL is 0x80 */
}

bool kq_unmark(int number, siginfo_t *info) {
    uint32_t mark = mark_on(info);
    (void)number;
    if (mark & RECODED)
        info->si_code = code_in(mark);
    if (mark != 0)
        set_mark(info, 0);
    return mark != 0;
}

void kq_note_none_pending(int number) {
    (void)number;
}

/* ---- Taking, and sending again ---- */

enum { FEW = 16 };

struct taken {
    siginfo_t few[FEW], *all;
    size_t count, room;
};

/* By the system call: libc's calls what was sent to a thread sent to the process. */
static bool take_one(int number, siginfo_t *info) {
    static const struct timespec now = {0, 0};
    sigset_t only;
    sigemptyset(&only);
    sigaddset(&only, number);
    return syscall(SYS_rt_sigtimedwait, &only, info, &now, (size_t)(SIGNALS - 1) / 8) == number;
}

/*
 * Of those that do not queue there is one at the most for the thread, and one for all:
 * no try more, it takes time.  Without /proc it is unknown where they are.
 */
static size_t most_pending(int number, const struct kq_thread_signals *state) {
    bool is_told = state->threads > 0;
    if (number >= SIGRTMIN || !is_told)
        return state->queued + FEW;
    return state->is_own && state->is_shared ? 2 : 1;
}

static void take_all(int number, const struct kq_thread_signals *state, struct taken *taken) {
    size_t room = most_pending(number, state);
    taken->all = room > FEW ? kq_map(room * sizeof *taken->all) : NULL;
    taken->room = taken->all == NULL && room > FEW ? FEW : room;
    if (taken->all == NULL)
        taken->all = taken->few;
    taken->count = 0;
    while (taken->count < taken->room && take_one(number, &taken->all[taken->count]))
        taken->count++;
}

static void give_up(struct taken *taken) {
    if (taken->all != taken->few)
        kq_unmap(taken->all, taken->room * sizeof *taken->all);
}

/* A thread may say anything of a signal to itself; to others nothing that only the kernel says. */
static void recode(siginfo_t *info) {
    uint32_t mark = mark_on(info);
    if (mark & RECODED || (info->si_code < 0 && info->si_code != SI_TKILL))
        return;
    set_mark(info, mark | RECODED | (uint32_t)(info->si_code & 0xff) << 8);
    info->si_code = SI_QUEUE;
}

/* Who sends, and to whom it may be left; found out before anything is taken. */
struct places {
    int process, thread, first;
};

static struct places find_places(const struct kq_marking *marking, const struct kq_thread_signals *state) {
    struct places places = {.process = kq_process(), .thread = (int)syscall(SYS_gettid)};
    places.first = marking->may_move && state->threads != 1 ? kq_first_thread() : places.thread;
    return places;
}

static void send_to_thread(const struct places *places, int thread, int number, siginfo_t *info) {
    if (thread != places->thread)
        recode(info);
    (void)syscall(SYS_rt_tgsigqueueinfo, places->process, thread, number, info);
}

static void send_to_all(const struct places *places, int number, siginfo_t *info) {
    if (places->process != places->thread)
        recode(info);
    (void)syscall(SYS_rt_sigqueueinfo, places->process, number, info);
}

/* ---- Where each belongs ---- */

/* Whether it was sent to the calling thread alone; of those the kernel hands out first. */
static bool is_own(const struct kq_thread_signals *state, int number, size_t place, const siginfo_t *info) {
    if (!state->is_own || !state->is_shared)
        return state->is_own;
    return number < SIGRTMIN ? place == 0 : info->si_code == SI_TKILL;
}

static void send_again(struct kq_marking *marking, const struct kq_thread_signals *state,
                       const struct places *places, siginfo_t *info, size_t place, bool was_counted) {
    bool is_alone = state->threads == 1;
    if (is_alone || is_own(state, marking->number, place, info))
        return send_to_thread(places, places->thread, marking->number, info);
    if (was_counted && marking->may_move)
        return send_to_thread(places, places->first, marking->number, info);
    marking->is_shared = true;
    send_to_all(places, marking->number, info);
}

static void mark_all(struct kq_marking *marking, const struct kq_thread_signals *state) {
    struct places places = find_places(marking, state);
    struct taken taken;
    take_all(marking->number, state, &taken);
    for (size_t i = 0; i < taken.count; i++) {
        siginfo_t *info = &taken.all[i];
        bool was_marked = mark_on(info) != 0;
        marking->fresh += !was_marked;
        if (!was_marked)
            set_mark(info, (uint32_t)MAGIC << 16 | marking->mark);
        send_again(marking, state, &places, info, i, was_marked);
    }
    give_up(&taken);
}

void kq_mark_pending(struct kq_marking *marking) {
    struct kq_thread_signals state;
    sigset_t mask;
    kq_signals_lock(&mask);
    kq_look_at_thread(marking->number, &state);
    mark_all(marking, &state);
    kq_signals_unlock(&mask);
}

void kq_look_at_queued(struct kq_queued *queued) {
    struct kq_thread_signals state;
    kq_look_at_thread(0, &state);
    *queued = (struct kq_queued){.count = state.queued, .shared = state.shared};
}

/*
 * A listener of the Linux platform is an epoll set with nothing but a signalfd in it, which goes on reporting what was
 * taken until the set is polled.  A listener of the POSIX platform is a pipe, of which epoll_pwait(2) refuses to tell.
 */
static void drop_reports(int listener) {
    struct epoll_event event;
    while (syscall(SYS_epoll_pwait, listener, &event, 1, 0, NULL, 0) > 0) /* no cancellation point */
        continue;
}

bool kq_is_settled(const struct kq_queued *before) {
    struct kq_queued now;
    kq_each_listener(drop_reports);
    kq_look_at_queued(&now);
    return kq_is_same_queue(&now, before);
}

void kq_drop_counted(int number) {
    struct kq_marking marking = {.number = number};
    struct kq_thread_signals state;
    struct taken taken;
    kq_look_at_thread(number, &state);
    struct places places = find_places(&marking, &state);
    take_all(number, &state, &taken);
    for (size_t i = 0; i < taken.count; i++)
        if ((mark_on(&taken.all[i]) & KINDS) != KQ_MARK_COUNTED)
            send_again(&marking, &state, &places, &taken.all[i], i, false);
    give_up(&taken);
}
#endif
