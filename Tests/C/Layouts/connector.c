/* SPDX-License-Identifier: BSD-2-Clause */
#define _GNU_SOURCE
#include "../../../Sources/CKQueueShims/include/kqueue_shims_linux_layouts.h"

#include "layouts.h"
#include <linux/connector.h>
#include <linux/filter.h>
#include <linux/netlink.h>
#include <sys/socket.h>

_Static_assert(offsetof(struct kq_connector_request, group) == sizeof(struct nlmsghdr), "request.group");
_Static_assert(offsetof(struct kq_connector_request, operation) == sizeof(struct nlmsghdr) + sizeof(struct cn_msg),
               "request.operation");
_Static_assert(offsetof(struct kq_connector_request, size) == sizeof(struct nlmsghdr) + offsetof(struct cn_msg, len),
               "request.size");
SAME_SIZE(struct kq_filter_step, struct sock_filter);
SAME(struct kq_filter_step, if_true, struct sock_filter, jt);
SAME(struct kq_filter_step, if_false, struct sock_filter, jf);
SAME(struct kq_filter_step, value, struct sock_filter, k);
SAME_SIZE(struct kq_filter_program, struct sock_fprog);
SAME(struct kq_filter_program, steps, struct sock_fprog, filter);
SAME_SIZE(struct kq_message_place, struct iovec);
SAME_SIZE(struct kq_message, struct mmsghdr);
SAME(struct kq_message_head, name_size, struct msghdr, msg_namelen);
SAME(struct kq_message_head, places, struct msghdr, msg_iov);
SAME(struct kq_message_head, count, struct msghdr, msg_iovlen);
SAME(struct kq_message_head, control_size, struct msghdr, msg_controllen);
SAME(struct kq_message_head, flags, struct msghdr, msg_flags);
SAME(struct kq_message, length, struct mmsghdr, msg_len);
_Static_assert((int)KQ_CONNECTOR == (int)NETLINK_CONNECTOR, "NETLINK_CONNECTOR");
