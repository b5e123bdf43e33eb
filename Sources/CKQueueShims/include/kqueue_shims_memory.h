/*
 * Static memory that handlers and children share with the process: all zeroes at first but where it is said.  The core
 * has what lies in it.  Part of kqueue_shims.h.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef KQUEUE_SHIMS_MEMORY_H
#define KQUEUE_SHIMS_MEMORY_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#define KQ_SHARED extern __attribute__((visibility("hidden")))

/* Whether a call was jumped out of: Jumps. */
KQ_SHARED int kq_jumps;
static inline void *kq_jump_flag(void) {
    return &kq_jumps;
}

/* Which system calls may be made: KernelCall. */
struct kq_known_calls { /* atomics */
    unsigned missing, there;
};
KQ_SHARED struct kq_known_calls kq_calls;
static inline void *kq_known_calls(void) {
    return &kq_calls;
}

/* ---- Processes, and threads with descriptors of their own: ProcessMark, SeparateTables ---- */

KQ_SHARED int kq_timer; /* -1 at first */
static inline void *kq_process_timer(void) {
    return &kq_timer;
}
enum { KQ_SEPARATE_THREADS = 256 };
KQ_SHARED int kq_separate[];
static inline void *kq_separate_threads(void) {
    return kq_separate;
}
KQ_SHARED int kq_any_separate;
static inline void *kq_is_any_separate(void) {
    return &kq_any_separate;
}

/* ---- Where the kqueues are, and what a fork copies: Registry ---- */

KQ_SHARED uintptr_t kq_registry;
static inline void *kq_registry_place(void) {
    return &kq_registry;
}
KQ_SHARED uintptr_t kq_copies[3];
static inline void *kq_fork_copies(void) {
    return kq_copies;
}

/* ---- The library's descriptors: OwnDescriptors ---- */

enum {
    KQ_OWN_PAGE_WORDS = 512, /* of 64 bits each */
    KQ_OWN_PAGES = INT_MAX / (64 * KQ_OWN_PAGE_WORDS) + 1,
    KQ_OWN_FILES = 4096,
};

struct kq_own_numbers { /* atomics */
    int owner, highest_page;
    int lowest_inside; /* INT_MAX at first */
    unsigned lost;
};
KQ_SHARED struct kq_own_numbers kq_own_numbers;
static inline void *kq_own_state(void) {
    return &kq_own_numbers;
}
KQ_SHARED uint64_t kq_own_words[];
static inline void *kq_own_first_page(void) {
    return kq_own_words;
}
KQ_SHARED uintptr_t kq_own_page_list[];
static inline void *kq_own_pages(void) {
    return kq_own_page_list;
}
KQ_SHARED uint64_t kq_own_file_names[];
static inline void *kq_own_files(void) {
    return kq_own_file_names;
}

/* ---- Those who listen to signals: Listeners ---- */

enum { KQ_LISTENER_PAGES = 256 };
KQ_SHARED uintptr_t kq_listener_list[];
static inline void *kq_listener_pages(void) {
    return kq_listener_list;
}
KQ_SHARED int kq_telling;
static inline void *kq_listeners_telling(void) {
    return &kq_telling;
}

/* ---- What all kqueues know of children: ChildTable ---- */

enum { KQ_CHILD_PAGES = 1024, KQ_CHILD_PAGE_PLACES = 128, KQ_CHILD_WORDS = 256 };
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
KQ_SHARED struct kq_child_counts kq_child_numbers;
static inline void *kq_child_counts(void) {
    return &kq_child_numbers;
}
KQ_SHARED struct kq_children kq_children;
static inline struct kq_children *kq_children_kept(void) {
    return &kq_children;
}
KQ_SHARED struct kq_child_place kq_child_places[];
static inline void *kq_child_first_page(void) {
    return kq_child_places;
}
KQ_SHARED uintptr_t kq_child_page_list[]; /* but the first */
static inline void *kq_child_pages(void) {
    return kq_child_page_list;
}
KQ_SHARED uint64_t kq_child_told[]; /* what SIGCHLD said */
static inline void *kq_child_words(void) {
    return kq_child_told;
}

#endif /* KQUEUE_SHIMS_MEMORY_H */
