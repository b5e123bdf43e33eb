/* SPDX-License-Identifier: BSD-2-Clause */
#include "../../../Sources/CKQueueShims/linux_connector.c"

#include "layouts.h"
#include <linux/connector.h>
#include <linux/filter.h>
#include <linux/netlink.h>

SAME_SIZE(struct address, struct sockaddr_nl);
SAME(struct address, port, struct sockaddr_nl, nl_pid);
SAME(struct address, groups, struct sockaddr_nl, nl_groups);
_Static_assert(offsetof(struct request, group) == sizeof(struct nlmsghdr), "request.group");
_Static_assert(offsetof(struct request, operation) == sizeof(struct nlmsghdr) + sizeof(struct cn_msg), "request.operation");
_Static_assert(offsetof(struct request, size) == sizeof(struct nlmsghdr) + offsetof(struct cn_msg, len), "request.size");
SAME_SIZE(struct kq_filter_step, struct sock_filter);
SAME(struct kq_filter_step, if_true, struct sock_filter, jt);
SAME(struct kq_filter_step, if_false, struct sock_filter, jf);
SAME(struct kq_filter_step, value, struct sock_filter, k);
SAME_SIZE(struct program, struct sock_fprog);
SAME(struct program, steps, struct sock_fprog, filter);
