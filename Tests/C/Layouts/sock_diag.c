/* SPDX-License-Identifier: BSD-2-Clause */
#include "../../../Sources/CKQueueShims/include/kqueue_shims_linux_layouts.h"

#include "layouts.h"
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <linux/unix_diag.h>

SAME_SIZE(struct kq_netlink_address, struct sockaddr_nl);
SAME(struct kq_netlink_address, process, struct sockaddr_nl, nl_pid);
SAME(struct kq_netlink_address, groups, struct sockaddr_nl, nl_groups);
SAME_SIZE(struct kq_netlink_head, struct nlmsghdr);
SAME(struct kq_netlink_head, length, struct nlmsghdr, nlmsg_len);
SAME(struct kq_netlink_head, type, struct nlmsghdr, nlmsg_type);
SAME(struct kq_netlink_head, flags, struct nlmsghdr, nlmsg_flags);
SAME_SIZE(struct kq_netlink_attribute, struct rtattr);
SAME(struct kq_netlink_attribute, type, struct rtattr, rta_type);
SAME_SIZE(struct kq_local_request, struct unix_diag_req);
SAME(struct kq_local_request, states, struct unix_diag_req, udiag_states);
SAME(struct kq_local_request, inode, struct unix_diag_req, udiag_ino);
SAME(struct kq_local_request, show, struct unix_diag_req, udiag_show);
SAME(struct kq_local_request, cookie, struct unix_diag_req, udiag_cookie);
SAME_SIZE(struct kq_local_found, struct unix_diag_msg);
SAME(struct kq_local_found, type, struct unix_diag_msg, udiag_type);
SAME(struct kq_local_found, state, struct unix_diag_msg, udiag_state);
SAME(struct kq_local_found, inode, struct unix_diag_msg, udiag_ino);
SAME_SIZE(struct kq_internet_id, struct inet_diag_sockid);
SAME(struct kq_internet_id, source_port, struct inet_diag_sockid, idiag_sport);
SAME(struct kq_internet_id, source, struct inet_diag_sockid, idiag_src);
SAME(struct kq_internet_id, target, struct inet_diag_sockid, idiag_dst);
SAME(struct kq_internet_id, cookie, struct inet_diag_sockid, idiag_cookie);
SAME_SIZE(struct kq_internet_request, struct inet_diag_req_v2);
SAME(struct kq_internet_request, id, struct inet_diag_req_v2, id);
SAME(struct kq_internet_request, states, struct inet_diag_req_v2, idiag_states);
SAME_SIZE(struct kq_internet_found, struct inet_diag_msg);
SAME(struct kq_internet_found, id, struct inet_diag_msg, id);
SAME(struct kq_internet_found, received, struct inet_diag_msg, idiag_rqueue);
SAME(struct kq_internet_found, inode, struct inet_diag_msg, idiag_inode);
_Static_assert((int)KQ_SOCK_DIAG == (int)NETLINK_SOCK_DIAG && (int)KQ_SOCK_DIAG_BY_FAMILY == (int)SOCK_DIAG_BY_FAMILY &&
                   (int)KQ_NETLINK_REQUEST == (int)NLM_F_REQUEST,
               "requests");
_Static_assert((int)KQ_LOCAL_SHOW_PEER == (int)UDIAG_SHOW_PEER && (int)KQ_LOCAL_SHOW_LENGTHS == (int)UDIAG_SHOW_RQLEN &&
                   (int)KQ_LOCAL_SHOW_MEMORY == (int)UDIAG_SHOW_MEMINFO,
               "what is asked for");
_Static_assert((int)KQ_LOCAL_PEER == (int)UNIX_DIAG_PEER && (int)KQ_LOCAL_LENGTHS == (int)UNIX_DIAG_RQLEN &&
                   (int)KQ_LOCAL_MEMORY == (int)UNIX_DIAG_MEMINFO && (int)KQ_LOCAL_SHUTDOWN == (int)UNIX_DIAG_SHUTDOWN,
               "attributes");
