/*
 * Linux: a wait that tells whether a handler ran during it.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef KQUEUE_LINUX_MARKS_H
#define KQUEUE_LINUX_MARKS_H

#include <stdbool.h>
#include <stddef.h>

struct kq_marked_call {
    long number, arguments[6];
    size_t first, last; /* how far below the stack pointer the end of a handler's frame lies, at least and at most */
    long result;  /* as the kernel gives it: a negative errno where it fails */
};

/* Whether such a call can be made on this machine. */
bool kq_can_mark(void);
/* Makes a system call; whether what lies below the stack was written to meanwhile, as by a handler. */
bool kq_make_marked_call(struct kq_marked_call *call);

#endif /* KQUEUE_LINUX_MARKS_H */
