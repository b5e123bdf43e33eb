/* SPDX-License-Identifier: BSD-2-Clause */
#include "../../../Sources/CKQueueShims/linux_sock_diag.c"

#include "layouts.h"
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/unix_diag.h>

SAME_SIZE(struct kernel_address, struct sockaddr_nl);
SAME(struct kernel_address, process, struct sockaddr_nl, nl_pid);
SAME(struct kernel_address, groups, struct sockaddr_nl, nl_groups);
SAME_SIZE(struct head, struct nlmsghdr);
SAME(struct head, length, struct nlmsghdr, nlmsg_len);
SAME(struct head, type, struct nlmsghdr, nlmsg_type);
SAME(struct head, flags, struct nlmsghdr, nlmsg_flags);
SAME_SIZE(struct attribute, struct rtattr);
SAME(struct attribute, type, struct rtattr, rta_type);
SAME_SIZE(struct local_request, struct unix_diag_req);
SAME(struct local_request, states, struct unix_diag_req, udiag_states);
SAME(struct local_request, inode, struct unix_diag_req, udiag_ino);
SAME(struct local_request, show, struct unix_diag_req, udiag_show);
SAME(struct local_request, cookie, struct unix_diag_req, udiag_cookie);
SAME_SIZE(struct local_found, struct unix_diag_msg);
SAME(struct local_found, type, struct unix_diag_msg, udiag_type);
SAME(struct local_found, state, struct unix_diag_msg, udiag_state);
SAME(struct local_found, inode, struct unix_diag_msg, udiag_ino);
SAME_SIZE(struct internet_id, struct inet_diag_sockid);
SAME(struct internet_id, source_port, struct inet_diag_sockid, idiag_sport);
SAME(struct internet_id, source, struct inet_diag_sockid, idiag_src);
SAME(struct internet_id, target, struct inet_diag_sockid, idiag_dst);
SAME(struct internet_id, cookie, struct inet_diag_sockid, idiag_cookie);
SAME_SIZE(struct internet_request, struct inet_diag_req_v2);
SAME(struct internet_request, id, struct inet_diag_req_v2, id);
SAME(struct internet_request, states, struct inet_diag_req_v2, idiag_states);
SAME_SIZE(struct internet_found, struct inet_diag_msg);
SAME(struct internet_found, id, struct inet_diag_msg, id);
SAME(struct internet_found, received, struct inet_diag_msg, idiag_rqueue);
SAME(struct internet_found, inode, struct inet_diag_msg, idiag_inode);
