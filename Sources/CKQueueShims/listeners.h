/*
 * Pipes that are made readable when a signal comes, any number for one signal:
 * where a descriptor cannot stand in several kqueues' sets, each has its own.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef KQUEUE_LISTENERS_H
#define KQUEUE_LISTENERS_H

#include <signal.h>
#include <stdbool.h>

/* Tells those who listen to a signal. Async-signal-safe. */
void kq_tell_listeners(int number);
/* Does something with each descriptor that listens, while it stays open. */
void kq_each_listener(void (*act)(int descriptor));
/* What a signal says of a child, if it is the one. Async-signal-safe. */
void kq_hear_child(int number, const siginfo_t *info);
/* In a forked child: there are no children. Async-signal-safe. */
void kq_forget_children(void);
/* In a forked child: removes all listeners. Async-signal-safe. */
void kq_forget_listeners(void);

#endif /* KQUEUE_LISTENERS_H */
