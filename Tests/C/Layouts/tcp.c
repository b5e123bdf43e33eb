/* SPDX-License-Identifier: BSD-2-Clause */
#include "../../../Sources/CKQueueShims/include/kqueue_shims_linux_layouts.h"

#include "layouts.h"
#include <linux/sock_diag.h>
#include <linux/tcp.h>

SAME(struct kq_tcp_info, state, struct tcp_info, tcpi_state);
SAME(struct kq_tcp_info, retransmits, struct tcp_info, tcpi_retransmits);
SAME(struct kq_tcp_info, probes, struct tcp_info, tcpi_probes);
SAME(struct kq_tcp_info, timeout, struct tcp_info, tcpi_rto);
SAME(struct kq_tcp_info, unacknowledged, struct tcp_info, tcpi_unacked);
SAME(struct kq_tcp_info, since_received, struct tcp_info, tcpi_last_data_recv);
SAME(struct kq_tcp_info, since_ack_received, struct tcp_info, tcpi_last_ack_recv);
SAME(struct kq_tcp_info, round_trip, struct tcp_info, tcpi_rtt);
SAME(struct kq_tcp_info, bytes_acknowledged, struct tcp_info, tcpi_bytes_acked);
SAME(struct kq_tcp_info, bytes_received, struct tcp_info, tcpi_bytes_received);
SAME(struct kq_tcp_info, segments_received, struct tcp_info, tcpi_segs_in);
SAME(struct kq_tcp_info, bytes_unsent, struct tcp_info, tcpi_notsent_bytes);
SAME(struct kq_tcp_info, data_segments_received, struct tcp_info, tcpi_data_segs_in);
SAME(struct kq_tcp_info, delivered, struct tcp_info, tcpi_delivered);
SAME(struct kq_tcp_info, bytes_sent, struct tcp_info, tcpi_bytes_sent);
SAME(struct kq_tcp_info, bytes_resent, struct tcp_info, tcpi_bytes_retrans);
SAME(struct kq_tcp_zerocopy, address, struct tcp_zerocopy_receive, address);
SAME(struct kq_tcp_zerocopy, unread, struct tcp_zerocopy_receive, inq);
SAME(struct kq_tcp_zerocopy, error, struct tcp_zerocopy_receive, err);
_Static_assert(KQ_TCP_KEEP_COUNT == TCP_KEEPCNT && KQ_TCP_SYN_COUNT == TCP_SYNCNT && KQ_TCP_INFO == TCP_INFO &&
                   KQ_TCP_USER_TIMEOUT == TCP_USER_TIMEOUT && KQ_TCP_FASTOPEN_CONNECT == TCP_FASTOPEN_CONNECT &&
                   KQ_TCP_ZEROCOPY_RECEIVE == TCP_ZEROCOPY_RECEIVE,
               "options of TCP");
_Static_assert((int)KQ_MEMORY_RECEIVED == (int)SK_MEMINFO_RMEM_ALLOC &&
                   (int)KQ_MEMORY_SENT == (int)SK_MEMINFO_WMEM_ALLOC &&
                   (int)KQ_MEMORY_LIMIT == (int)SK_MEMINFO_SNDBUF &&
                   (int)KQ_MEMORY_QUEUED == (int)SK_MEMINFO_WMEM_QUEUED,
               "SO_MEMINFO");
