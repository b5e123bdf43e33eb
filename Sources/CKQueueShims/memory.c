/*
 * The memory that signal handlers and the children of fork(2) and vfork(2) find as the process left it. Its header
 * lays it out, and the core has the layout of each member; it is static, so that nobody has to make it first.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "include/kqueue_shims.h"

struct kq_memory kq_memory;

int kq_settings[KQ_SETTINGS] = {[KQ_SETTING_THREAD_SAFE] = true, [KQ_SETTING_FORK_CLEANUP] = true};
