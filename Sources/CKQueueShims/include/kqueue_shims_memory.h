/*
 * Static memory that handlers and children share with the process: all zeroes at first.  The core has the
 * layout of each member.  Part of kqueue_shims.h.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef KQUEUE_SHIMS_MEMORY_H
#define KQUEUE_SHIMS_MEMORY_H

#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#define KQ_SHARED extern __attribute__((visibility("hidden")))

enum {
    KQ_OWN_PAGE_WORDS = 512, /* of 64 bits each */
    KQ_OWN_PAGES = INT_MAX / (64 * KQ_OWN_PAGE_WORDS) + 1,
    KQ_OWN_FILES = 4096,
    KQ_SEPARATE_THREADS = 256,
    KQ_LISTENER_PLACES = 16, /* of 24 bytes each */
    KQ_LISTENER_PAGES = 256,
    KQ_CHILD_PAGES = 1024,
    KQ_CHILD_PAGE_PLACES = 128,
    KQ_CHILD_WORDS = 256,
#ifdef NSIG
    KQ_SIGNALS = NSIG, /* one more than the last */
#else
    KQ_SIGNALS = 65,
#endif
    KQ_SIGNAL_BYTES = 104, /* a record, and what the first handler of ours stands in front of */
    KQ_FRONTS = 8,
    KQ_FRONT_BYTES = 72,
};

/* Which system calls may be made: KernelCall. */
struct kq_known_calls { /* atomics */
    unsigned missing, there;
};

struct kq_own_numbers { /* atomics */
    int owner, highest_page, depth;
    unsigned lost, replaced;
};

struct kq_child_place { /* atomics */
    int process, state, status;
};
struct kq_child_counts { /* atomics */
    int running;
    unsigned told, ends;
};
struct kq_children {    /* under the lock of signals */
    unsigned heard;     /* of what was told */
    int in_use;         /* places that are in use or were */
    bool is_any_shared; /* some child may have several places */
    uint64_t next_look; /* when all may be asked for again */
};

/*
 * One struct, with what every process with a kqueue touches in front.  The system copies memory by the page in each
 * forked child, so what is touched is to lie on few pages.
 */
struct kq_memory {
    uintptr_t registry, copies[3];
    uintptr_t segments[2];
    int is_interposed, are_signals_seen;
    int jumps, timer, is_any_separate, telling, listener_page_count;
    struct kq_known_calls calls;
    struct kq_own_numbers own_numbers;
    struct kq_child_counts child_counts;
    struct kq_children children;
    _Alignas(8) char all_signals[KQ_SIGNAL_BYTES]; /* SignalState, which is no larger than a record */
    uint64_t listeners[KQ_LISTENER_PLACES * 3];
    /* Most descriptors have low numbers. */
    uint64_t own_words[KQ_OWN_PAGE_WORDS];
    _Alignas(8) char signals[KQ_SIGNALS * KQ_SIGNAL_BYTES]; /* by number, so place 0 is unused */

    _Alignas(8) char further_fronts[KQ_SIGNALS * (KQ_FRONTS - 1) * KQ_FRONT_BYTES];
    struct kq_child_place child_places[KQ_CHILD_PAGE_PLACES];
    uint64_t child_told[KQ_CHILD_WORDS];
    int separate[KQ_SEPARATE_THREADS];
    uintptr_t listener_pages[KQ_LISTENER_PAGES];
    uintptr_t child_pages[KQ_CHILD_PAGES];
    uint64_t own_files[KQ_OWN_FILES];
    uintptr_t own_pages[KQ_OWN_PAGES];
};
KQ_SHARED struct kq_memory kq_memory;

/* Whether a call was jumped out of: Jumps. */
static inline void *kq_jump_flag(void) {
    return &kq_memory.jumps;
}

static inline void *kq_known_calls(void) {
    return &kq_memory.calls;
}

/* ---- Processes, and threads with descriptors of their own: ProcessMark, SeparateTables ---- */

static inline void *kq_process_timer(void) {
    return &kq_memory.timer;
}
static inline void *kq_separate_threads(void) {
    return kq_memory.separate;
}
static inline void *kq_is_any_separate(void) {
    return &kq_memory.is_any_separate;
}

/* ---- Where the kqueues are, what a fork copies, and where small blocks are cut from: Registry, Segments ---- */

static inline void *kq_registry_place(void) {
    return &kq_memory.registry;
}
static inline void *kq_fork_copies(void) {
    return kq_memory.copies;
}
static inline void *kq_segments(void) {
    return kq_memory.segments;
}

/* ---- The library's descriptors: OwnDescriptors ---- */

static inline void *kq_own_state(void) {
    return &kq_memory.own_numbers;
}
static inline void *kq_own_first_page(void) {
    return kq_memory.own_words;
}
static inline void *kq_own_pages(void) {
    return kq_memory.own_pages;
}
static inline void *kq_own_files(void) {
    return kq_memory.own_files;
}

/* ---- Those who listen to signals: Listeners ---- */

static inline void *kq_first_listeners(void) {
    return kq_memory.listeners;
}
static inline void *kq_listener_pages(void) {
    return kq_memory.listener_pages;
}
static inline void *kq_listener_page_count(void) {
    return &kq_memory.listener_page_count;
}
static inline void *kq_listeners_telling(void) {
    return &kq_memory.telling;
}

/* ---- What is kept of each signal, and of all: SignalRecord ---- */

static inline void *kq_signal_memory(int number) {
    return kq_memory.signals + number * KQ_SIGNAL_BYTES;
}
static inline void *kq_signals_memory(void) {
    return kq_memory.all_signals;
}
/* Where a handler of ours is but the first. */
static inline void *kq_further_front(int number, int place) {
    return kq_memory.further_fronts + (number * (KQ_FRONTS - 1) + place - 1) * KQ_FRONT_BYTES;
}

/* ---- What all kqueues know of children: ChildTable ---- */

static inline void *kq_child_counts(void) {
    return &kq_memory.child_counts;
}
static inline struct kq_children *kq_children_kept(void) {
    return &kq_memory.children;
}
static inline void *kq_child_first_page(void) {
    return kq_memory.child_places;
}
static inline void *kq_child_pages(void) { /* but the first */
    return kq_memory.child_pages;
}
static inline void *kq_child_words(void) { /* what SIGCHLD said */
    return kq_memory.child_told;
}

#endif /* KQUEUE_SHIMS_MEMORY_H */
