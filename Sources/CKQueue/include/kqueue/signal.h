/*
 * kq_kill() and kq_raise(), which the C libkqueue has for systems without signals; here they are kill(2) and raise(3).
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef LIBKQUEUE_KQUEUE_SIGNAL_H
#define LIBKQUEUE_KQUEUE_SIGNAL_H

#include <sys/types.h>
#include <signal.h>

#define kq_kill(pid_, signal_) kill((pid_t)(pid_), (signal_))
#define kq_raise(signal_)      raise(signal_)

#endif /* LIBKQUEUE_KQUEUE_SIGNAL_H */
