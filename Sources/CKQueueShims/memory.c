/*
 * The memory that signal handlers and the children of fork(2) and vfork(2) find as the process left it. The core has
 * the layout; here it is static, so that nobody has to make it first.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "include/kqueue_shims.h"

_Alignas(16) char kq_signal_bytes[KQ_SIGNALS * KQ_SIGNAL_BYTES];

struct kq_own_numbers kq_own_numbers = {.lowest_inside = INT_MAX};
_Alignas(16) uint64_t kq_own_words[KQ_OWN_PAGE_WORDS];
uintptr_t kq_own_page_list[KQ_OWN_PAGES];
_Alignas(16) uint64_t kq_own_file_names[KQ_OWN_FILES];

uintptr_t kq_listener_list[KQ_LISTENER_PAGES];
int kq_telling;

struct kq_child_counts kq_child_numbers;
struct kq_children kq_children;
struct kq_child_place kq_child_places[KQ_CHILD_PAGE_PLACES];
uintptr_t kq_child_page_list[KQ_CHILD_PAGES];
_Alignas(16) uint64_t kq_child_told[KQ_CHILD_WORDS];

int kq_jumps;
uintptr_t kq_registry, kq_copies[3];
struct kq_known_calls kq_calls;
int kq_timer = -1;
int kq_separate[KQ_SEPARATE_THREADS];
int kq_any_separate;

int kq_settings[KQ_SETTINGS] = {[KQ_SETTING_THREAD_SAFE] = true, [KQ_SETTING_FORK_CLEANUP] = true};
