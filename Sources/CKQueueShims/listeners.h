/*
 * Pipes that are made readable when a signal comes, any number for one signal:
 * where a descriptor cannot stand in several kqueues' sets, each has its own.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef KQUEUE_LISTENERS_H
#define KQUEUE_LISTENERS_H

#include "include/kqueue_shims.h"

/* Does something with each descriptor that listens, while it stays open. */
void kq_each_listener(void (*act)(int descriptor));
/* In a forked child: there are no children. Async-signal-safe. */
void kq_forget_children(void);

#endif /* KQUEUE_LISTENERS_H */
