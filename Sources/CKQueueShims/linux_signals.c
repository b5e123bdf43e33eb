/*
 * Linux: signals by a descriptor.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#define _GNU_SOURCE
#include "include/kqueue_shims_linux.h"
#include "kernel_calls.h"

#include <sys/signalfd.h>

int kq_signalfd(int descriptor, struct kq_signal_numbers numbers) {
    sigset_t mask;
    kq_set_of(numbers, &mask);
    int result = signalfd(descriptor, &mask, SFD_CLOEXEC | SFD_NONBLOCK);
    if (result < 0)
        return kq_unless_denied(-errno);
    return descriptor < 0 ? kq_adopt(result) : result;
}
