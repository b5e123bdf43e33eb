/*
 * What the null platform asks of the C library: a bell to sleep by.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef NULL_SHIMS_H
#define NULL_SHIMS_H

#include "kqueue_shims.h"

/* A number that no descriptor of the process has: here a kqueue is none. */
int null_number(void);

/* Rung at any time, it wakes one thread, who waits by it or will; NULL: no memory. */
struct null_bell;
struct null_bell *null_bell_make(void);
void null_bell_free(struct null_bell *bell);
/* Async-signal-safe, as a program may close a kqueue in a signal handler. */
void null_bell_ring(struct null_bell *bell);
/* Has everybody who waits go on, now and from now on.  Async-signal-safe. */
void null_bell_ring_for_all(struct null_bell *bell);
/* Takes back a ring that nobody has heard; whether there was one. */
bool null_bell_take(struct null_bell *bell);
/*
 * Waits so many nanoseconds, or for ever below 0: 1 where it rang, 0 when the time
 * is up, or a negative errno.  A cancellation point; `cancelled` runs where the
 * thread is cancelled there.
 */
int null_bell_wait(struct null_bell *bell, int64_t nanoseconds, void (*cancelled)(void *), void *context);

#endif /* NULL_SHIMS_H */
