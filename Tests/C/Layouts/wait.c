/* SPDX-License-Identifier: BSD-2-Clause */
#include "../../../Sources/CKQueueShims/linux_wait.c"

#include "layouts.h"
#include <linux/time_types.h>

SAME_SIZE(struct kernel_timespec, struct __kernel_timespec);
SAME(struct kernel_timespec, seconds, struct __kernel_timespec, tv_sec);
SAME(struct kernel_timespec, nanoseconds, struct __kernel_timespec, tv_nsec);
SAME(struct kq_epoll_event, events, struct epoll_event, events);
SAME(struct kq_epoll_event, token, struct epoll_event, data);
SAME_SIZE(struct kq_epoll_event, struct epoll_event);
