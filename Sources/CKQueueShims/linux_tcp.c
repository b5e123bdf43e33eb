/*
 * Linux: what TCP tells of a connection, and what a socket's pending error is.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifdef __linux__
#define _GNU_SOURCE
#include "include/kqueue_shims_linux.h"

#ifdef __GLIBC__
#include <linux/tcp.h> /* glibc's own tcp_info ends too early */
#else
#include <netinet/tcp.h>
#endif
#include <netinet/in.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#ifndef SO_PROTOCOL
#define SO_PROTOCOL 38
#endif
#ifndef TCP_FASTOPEN_CONNECT
#define TCP_FASTOPEN_CONNECT 30
#endif

/* The kernel's numbers, of <net/tcp_states.h> and <linux/in.h>; option numbers that headers of an age lack. */
enum { FIN_WAIT1 = 4, FIN_WAIT2 = 5, LAST_ACK = 9, LISTEN = 10, CLOSING = 11 };
enum { PROTOCOL_MPTCP = 262, ZEROCOPY_RECEIVE = 35 };

/* How much of it the kernel knows, 0 where the socket is no TCP. */
static size_t tcp_info(int descriptor, struct tcp_info *info) {
    socklen_t size = sizeof *info;
    memset(info, 0, sizeof *info);
    return getsockopt(descriptor, IPPROTO_TCP, TCP_INFO, info, &size) == 0 ? size : 0;
}

static int protocol(int descriptor) {
    return kq_socket_option(descriptor, SO_PROTOCOL, 0);
}

static bool knows(size_t size, size_t end) {
    return size >= end;
}
#define KNOWS(size, field) \
    knows(size, offsetof(struct tcp_info, field) + sizeof((struct tcp_info *)0)->field)

static int option(int descriptor, int name, int otherwise) {
    int value = otherwise;
    socklen_t size = sizeof value;
    return getsockopt(descriptor, IPPROTO_TCP, name, &value, &size) == 0 ? value : otherwise;
}

long kq_socket_backlog(int descriptor) {
    struct tcp_info info;
    if (kq_socket_is_local(descriptor))
        return kq_local_backlog(descriptor);
    /* For a listening socket TCP tells the length of the accept queue here. */
    int kind = protocol(descriptor);
    if ((kind == IPPROTO_TCP || kind == PROTOCOL_MPTCP) && tcp_info(descriptor, &info) > 0 && info.tcpi_state == LISTEN)
        return info.tcpi_unacked;
    return -1;
}

bool kq_socket_defers_connect(int descriptor) {
    return option(descriptor, TCP_FASTOPEN_CONNECT, 0) != 0;
}

struct kq_tcp_sender kq_tcp_sender(int descriptor) {
    struct tcp_info info;
    struct kq_tcp_sender sender = {0};
    size_t size = tcp_info(descriptor, &info);
    switch (info.tcpi_state) {
    case FIN_WAIT1:
    case CLOSING:
    case LAST_ACK:
        sender.is_ending = true; /* fallthrough */
    case FIN_WAIT2:
        sender.is_shut = true;
    }
    if (KNOWS(size, tcpi_bytes_retrans)) {
        sender.tells_written = true;
        sender.written = (uint32_t)(info.tcpi_bytes_sent - info.tcpi_bytes_retrans + info.tcpi_notsent_bytes);
    }
    return sender;
}

bool kq_tcp_took_nothing(int descriptor, long unread) {
    struct tcp_info info;
    size_t size = tcp_info(descriptor, &info);
    return KNOWS(size, tcpi_bytes_received) && info.tcpi_bytes_received == (uint64_t)unread;
}

/* ---- The error that waits ---- */

static uint64_t setting(const char *path, uint64_t otherwise) {
    char text[32];
    return kq_read_small(path, text, sizeof text) > 0 ? strtoull(text, NULL, 10) : otherwise;
}

/* How many ms it takes to resend so many times, each time waiting twice as long, as the kernel counts them. */
static uint64_t time_of(uint64_t times, uint64_t least) {
    enum { MOST = 120000, SHIFTS = 16 };
    uint64_t sum = 0;
    for (uint64_t i = 0; i <= times && i <= SHIFTS; i++)
        sum += least << i < MOST ? least << i : MOST;
    return sum;
}

/* For how many ms a connection resends before it gives up. */
static uint64_t patience(int descriptor) {
    enum { LEAST = 200 };
    uint64_t chosen = (uint64_t)(unsigned)option(descriptor, TCP_USER_TIMEOUT, 0);
    return chosen > 0 ? chosen : time_of(setting("/proc/sys/net/ipv4/tcp_retries2", 15), LEAST);
}

/*
 * Whether a connection was given up because nobody answered: it had asked until
 * its time was over.  One that is reset after a few attempts had not.
 */
static bool gave_up(int descriptor, const struct tcp_info *info) {
    enum { MOST_WAIT = 240000 };
    uint64_t limit = patience(descriptor), wait = 2 * (uint64_t)info->tcpi_rto / 1000;
    if (limit > MOST_WAIT)
        limit = MOST_WAIT;
    if (info->tcpi_retransmits > 0)
        return wait * 10 >= limit * 9;
    if (info->tcpi_probes == 0)
        return false;
    uint32_t silence = info->tcpi_last_ack_recv < info->tcpi_last_data_recv ? info->tcpi_last_ack_recv
                                                                           : info->tcpi_last_data_recv;
    int chosen = option(descriptor, TCP_USER_TIMEOUT, 0);
    return chosen > 0 ? silence >= (unsigned)chosen : info->tcpi_probes >= option(descriptor, TCP_KEEPCNT, 9);
}

/*
 * Whether the peer's end came before the error: the kernel then has an EPIPE of
 * a reset.  This call of two that would tell says EIO of a socket that has
 * nothing to read and will have nothing, and counts the end as a byte that
 * FIONREAD does not; nothing is taken, as there is no memory named to map to.
 */
static bool was_ended_by_peer(int descriptor) {
    struct {
        uint64_t address;
        uint32_t length, skip, unread;
        int32_t error;
    } zero = {0};
    socklen_t size = offsetof(__typeof__(zero), error);
    if (getsockopt(descriptor, IPPROTO_TCP, ZEROCOPY_RECEIVE, &zero, &size) == -1)
        return errno == EIO;
    return (long)zero.unread == kq_readable_bytes(descriptor) + 1;
}

/* A connection that was up: reset, unless nobody answered, or not even a reset came. */
static int error_of_connection(int descriptor, const struct tcp_info *info, size_t size) {
    if (gave_up(descriptor, info))
        return ETIMEDOUT;
    if (was_ended_by_peer(descriptor))
        return EPIPE;
    /* Of what came, one was of the handshake, and what is left without data holds no reset: it was destroyed here. */
    if (KNOWS(size, tcpi_data_segs_in) && info->tcpi_segs_in <= 1 + info->tcpi_data_segs_in)
        return ECONNABORTED;
    return ECONNRESET;
}

/* Whether a connect() asked until its time was over.  The first few times it waits equally long. */
static bool was_never_answered(int descriptor, uint64_t asked) {
    enum { LEAST = 1000 };
    uint64_t equal = setting("/proc/sys/net/ipv4/tcp_syn_linear_timeouts", 0);
    uint64_t chosen = (uint64_t)(unsigned)option(descriptor, TCP_USER_TIMEOUT, 0);
    uint64_t times = (uint64_t)(unsigned)option(descriptor, TCP_SYNCNT, 6);
    uint64_t limit = chosen > 0 ? chosen : time_of(times, LEAST);
    uint64_t spent = asked <= equal ? (asked + 1) * LEAST : equal * LEAST + time_of(asked - equal, LEAST);
    return asked > 0 && (spent >= limit || asked >= times + equal);
}

/* One that never was up: refused where anything came back, else not answered, or not to be reached. */
static int error_of_attempt(int descriptor, const struct tcp_info *info, size_t size) {
    if (!KNOWS(size, tcpi_segs_in))
        return info->tcpi_retransmits > 0 ? ETIMEDOUT : ECONNREFUSED;
    if (info->tcpi_segs_in > 0)
        return ECONNREFUSED;
    return was_never_answered(descriptor, info->tcpi_retransmits) ? ETIMEDOUT : EHOSTUNREACH;
}

/*
 * Taking SO_ERROR would rob the program of it, and no call of Linux shows it
 * without taking it.  So it is told from what the connection went through; what
 * cannot be told apart is named by what is usual (contract 6.1, C-366).
 */
static int tcp_pending_error(int descriptor, const struct tcp_info *info, size_t size) {
    bool was_up = info->tcpi_bytes_acked > 0 || info->tcpi_bytes_received > 0 || info->tcpi_delivered > 0;
    /* Without an end of its receiving side it is one that the program has broken off. */
    int bits = kq_poll(descriptor, EPOLLRDHUP);
    if (bits > 0 && (bits & (EPOLLHUP | EPOLLRDHUP)) == EPOLLHUP)
        return ECONNRESET;
    return was_up ? error_of_connection(descriptor, info, size) : error_of_attempt(descriptor, info, size);
}

/* MPTCP says of a connection that was up what its other side was like; what became of its parts it keeps to itself. */
static int mptcp_pending_error(int descriptor) {
    enum { LEVEL = 284, INFO = 1 };
    uint32_t info[3] = {0}; /* counts, and flags */
    socklen_t size = sizeof info;
    bool was_up = getsockopt(descriptor, LEVEL, INFO, info, &size) == 0 && info[2] != 0;
    return was_up ? ECONNRESET : ECONNREFUSED;
}

int kq_socket_pending_error(int descriptor) {
    struct tcp_info info;
    int kind = protocol(descriptor);
    size_t size = kind == IPPROTO_TCP ? tcp_info(descriptor, &info) : 0;
    if (size > 0)
        return tcp_pending_error(descriptor, &info, size);
    if (kind == PROTOCOL_MPTCP)
        return mptcp_pending_error(descriptor);
    switch (kq_socket_option(descriptor, SO_DOMAIN, AF_UNSPEC)) {
    case AF_INET:
    case AF_INET6:
        /* An ICMP answer to a datagram. */
        return kq_socket_option(descriptor, SO_TYPE, SOCK_DGRAM) == SOCK_STREAM ? ECONNRESET : ECONNREFUSED;
    case AF_NETLINK:
        return ENOBUFS;
    case AF_PACKET:
        return ENETDOWN;
    default:
        return ECONNRESET;
    }
}
#endif
