/*
 * A lock that a signal handler jumped out of.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "interruptions.h"

/* Reads the frame's memory unchecked: after a jump other calls use it, and a sanitizer may have marked it as theirs. */
#if defined(__has_attribute)
#if __has_attribute(no_sanitize)
__attribute__((no_sanitize("address")))
#endif
#endif
static bool is_in_use(const struct kq_lock *lock) {
    return kq_frame_link(lock->frame) == lock->link;
}

/* A handler finds the frame that it interrupted in use. A call that finds another frame there came after a jump
   out of it. */
bool kq_lock_is_interrupted(const struct kq_lock *lock, uintptr_t frame) {
    return kq_can_interrupt(frame, lock->frame) && is_in_use(lock) && kq_may_be_in_handler();
}
