/*
 * Linux: records and numbers of the kernel, which not every C library's headers have, or have in the same way.
 * Tests/C/Layouts compares them with the kernel's headers.  Part of kqueue_shims_linux.h.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef KQUEUE_SHIMS_LINUX_LAYOUTS_H
#define KQUEUE_SHIMS_LINUX_LAYOUTS_H

#include <stddef.h>
#include <stdint.h>

/* ---- TCP ---- */

/* tcp_info, as far as it is asked for; a kernel writes as much of it as it knows. */
struct kq_tcp_info {
    uint8_t state, congestion, retransmits, probes, backoff, options, scales, flags;
    uint32_t timeout, ack_timeout, send_size, receive_size;
    uint32_t unacknowledged, selected, lost, retransmitted, forward;
    uint32_t since_sent, since_ack_sent, since_received, since_ack_received;
    uint32_t path_size, receive_limit, round_trip, metrics[8];
    uint64_t rates[2];
    uint64_t bytes_acknowledged, bytes_received;
    uint32_t segments_sent, segments_received;
    uint32_t bytes_unsent, least_time;
    uint32_t data_segments_received, data_segments_sent;
    uint64_t times[4];
    uint32_t delivered, delivered_marked;
    uint64_t bytes_sent, bytes_resent;
};
/* Where fields end that not every kernel knows, or not every emulator: some tell four bytes, as of any other option. */
enum {
    KQ_TCP_INFO_TO_UNACKNOWLEDGED = offsetof(struct kq_tcp_info, unacknowledged) + 4,
    KQ_TCP_INFO_TO_RECEIVED = offsetof(struct kq_tcp_info, bytes_received) + 8,
    KQ_TCP_INFO_TO_SEGMENTS = offsetof(struct kq_tcp_info, segments_received) + 4,
    KQ_TCP_INFO_TO_DATA_SEGMENTS = offsetof(struct kq_tcp_info, data_segments_received) + 4,
    KQ_TCP_INFO_TO_RESENT = offsetof(struct kq_tcp_info, bytes_resent) + 8,
};

/* tcp_zerocopy_receive in a size of old; it is passed up to where it tells what is unread. */
struct kq_tcp_zerocopy {
    uint64_t address;
    uint32_t length, skip, unread;
    int32_t error;
};
enum { KQ_TCP_ZEROCOPY_TO_UNREAD = offsetof(struct kq_tcp_zerocopy, error) };

/* Options of IPPROTO_TCP. */
enum {
    KQ_TCP_KEEP_COUNT = 6,
    KQ_TCP_SYN_COUNT = 7,
    KQ_TCP_INFO = 11,
    KQ_TCP_USER_TIMEOUT = 18,
    KQ_TCP_FASTOPEN_CONNECT = 30,
    KQ_TCP_ZEROCOPY_RECEIVE = 35,
};
/* States of a connection; <net/tcp_states.h> is the kernel's alone. */
enum {
    KQ_TCP_FIN_WAIT1 = 4,
    KQ_TCP_FIN_WAIT2 = 5,
    KQ_TCP_LAST_ACK = 9,
    KQ_TCP_LISTEN = 10,
    KQ_TCP_CLOSING = 11,
};

/* ---- Netlink, and sock_diag(7) ---- */

struct kq_netlink_address {
    uint16_t family, unused;
    uint32_t process, groups;
};
struct kq_netlink_head {
    uint32_t length;
    uint16_t type, flags;
    uint32_t sequence, process;
};
struct kq_netlink_attribute {
    uint16_t length, type;
};
enum { KQ_SOCK_DIAG = 4, KQ_SOCK_DIAG_BY_FAMILY = 20, KQ_NETLINK_REQUEST = 1 };

/* What is asked of a local socket, and what is told before the attributes. */
struct kq_local_request {
    uint8_t family, protocol;
    uint16_t unused;
    uint32_t states, inode, show, cookie[2];
};
struct kq_local_question {
    struct kq_netlink_head head;
    struct kq_local_request body;
};
struct kq_local_found {
    uint8_t family, type, state, unused;
    uint32_t inode, cookie[2];
};
enum { KQ_LOCAL_SHOW_PEER = 1 << 2, KQ_LOCAL_SHOW_LENGTHS = 1 << 4, KQ_LOCAL_SHOW_MEMORY = 1 << 5 };
enum { KQ_LOCAL_PEER = 2, KQ_LOCAL_LENGTHS = 4, KQ_LOCAL_MEMORY = 5, KQ_LOCAL_SHUTDOWN = 6 };

struct kq_internet_id {
    uint16_t source_port, target_port; /* in the order of the network, as what follows */
    uint32_t source[4], target[4], interface, cookie[2];
};
struct kq_internet_request {
    uint8_t family, protocol, extensions, unused;
    uint32_t states;
    struct kq_internet_id id;
};
struct kq_internet_question {
    struct kq_netlink_head head;
    struct kq_internet_request body;
};
struct kq_internet_found {
    uint8_t family, state, timer, attempts;
    struct kq_internet_id id;
    uint32_t expires, received, sent, user, inode;
};

/* ---- Files ---- */

/* struct statx, which older headers of the C library lack, and newer ones clash with. */
struct kq_extended_time {
    int64_t seconds;
    uint32_t nanoseconds;
    int32_t reserved;
};
struct kq_extended_status {
    uint32_t mask, block_size;
    uint64_t attributes;
    uint32_t links, user, group;
    uint16_t mode, reserved;
    uint64_t inode, size, blocks, attributes_mask;
    struct kq_extended_time accessed, born, changed, modified;
    uint32_t special_major, special_minor, device_major, device_minor;
    uint64_t later[14];
};
enum { KQ_STATUS_BASICS = 0x7ff, KQ_STATUS_BIRTH = 0x800 };

/* ---- The process connector, and packet filters ---- */

enum { KQ_CONNECTOR = 11 };

/* A message that asks for others: behind netlink's head one of the connector, which begins with the group. */
struct kq_connector_request {
    struct kq_netlink_head head;
    uint32_t group[2], group_sequence, acknowledged;
    uint16_t size, group_flags;
    uint32_t operation;
};
_Static_assert(sizeof(struct kq_connector_request) == 40, "the header of a message, and its first word");

/* A message that was received. */
struct kq_connector_message {
    uint32_t size; /* 0: not from the kernel */
    char bytes[84];
};
enum { KQ_CONNECTOR_MESSAGE_BYTES = offsetof(struct kq_connector_message, bytes) };

/* struct mmsghdr as the kernel has it, and iovec. */
struct kq_message_place {
    void *memory;
    size_t size;
};
struct kq_message_head {
    void *name;
    uint32_t name_size;
    struct kq_message_place *places;
    size_t count;
    void *control;
    size_t control_size;
    uint32_t flags;
};
struct kq_message {
    struct kq_message_head head;
    uint32_t length;
};
/* Room for a batch of messages, but for their bytes. */
enum { KQ_BATCH = 16 };
struct kq_message_batch {
    struct kq_message messages[KQ_BATCH];
    struct kq_message_place places[KQ_BATCH];
    struct kq_netlink_address senders[KQ_BATCH];
};
enum {
    KQ_BATCH_PLACES = offsetof(struct kq_message_batch, places),
    KQ_BATCH_SENDERS = offsetof(struct kq_message_batch, senders),
};

/* struct sock_filter, a step of a packet filter, and struct sock_fprog. */
struct kq_filter_step {
    uint16_t code;
    uint8_t if_true, if_false;
    uint32_t value;
};
struct kq_filter_program {
    uint16_t length;
    const struct kq_filter_step *steps;
};

/* ---- Processes ---- */

/* siginfo_t of waitid(2). */
struct kq_child_info {
    int32_t signal, error, code;
#ifdef __LP64__
    int32_t gap;
#endif
    int32_t process;
    uint32_t user;
    int32_t status;
    uint32_t others[26];
};
enum { KQ_CHILD_EXITED = 1, KQ_CHILD_DUMPED = 3 };

/* struct pidfd_info of Linux 6.15, in its first size. */
struct kq_pidfd_information {
    uint64_t mask, cgroup;
    uint32_t process, group, parent, ids[8];
    int32_t exit_code;
};
_Static_assert(sizeof(struct kq_pidfd_information) == 64, "PIDFD_INFO_SIZE_VER0");

/* perf_event_attr, which the kernel takes in any size. */
struct kq_perf_attributes {
    uint32_t type, size;
    uint64_t config, sample_period, sample_type, read_format, flags;
    uint32_t wakeup_watermark, breakpoint_type;
    uint64_t config1, config2;
    uint64_t more[6];
};

/* The first page of a ring. */
struct kq_ring_head {
    uint32_t version, compatible;
    char others[1016];
    _Alignas(8) uint64_t head;
    _Alignas(8) uint64_t tail;
};
_Static_assert(offsetof(struct kq_ring_head, head) == 1024, "perf_event_mmap_page");

/* ---- Options of sockets ---- */

/* In which word of SO_MEMINFO stands what. */
enum { KQ_MEMORY_RECEIVED = 0, KQ_MEMORY_SENT = 2, KQ_MEMORY_LIMIT = 3, KQ_MEMORY_QUEUED = 5, KQ_MEMORY_WORDS = 9 };

#endif /* KQUEUE_SHIMS_LINUX_LAYOUTS_H */
