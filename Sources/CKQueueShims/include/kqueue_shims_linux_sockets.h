/*
 * Linux: what a socket tells of its queues and its state.  Part of kqueue_shims_linux.h.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef KQUEUE_SHIMS_LINUX_SOCKETS_H
#define KQUEUE_SHIMS_LINUX_SOCKETS_H

#include "kqueue_shims_linux.h"

bool kq_socket_listens(int descriptor);
/* Connections that wait to be accepted; -1 where the kernel does not say. */
long kq_socket_backlog(int descriptor);
/* The same of an AF_UNIX socket. */
long kq_local_backlog(int descriptor);
/* Free room in a socket's send buffer, at least 0. */
long kq_socket_room(int descriptor);
/* SO_RCVBUF, SO_RCVLOWAT. */
long kq_socket_receive_buffer(int descriptor);
long kq_socket_low_water(int descriptor);
/* A short form of the file that a number names; a negative errno where it cannot be told. */
int kq_short_identity(int descriptor);
/* A socket's own port, or 0. */
unsigned kq_socket_port(int descriptor);
/* AF_UNIX. */
bool kq_socket_is_local(int descriptor);
/* Whether the program asked for notes in the socket's error queue. */
bool kq_socket_queues_errors(int descriptor);
enum kq_protocol { KQ_PROTOCOL_UNKNOWN, KQ_PROTOCOL_TCP, KQ_PROTOCOL_LOCAL, KQ_PROTOCOL_OTHER };
enum kq_protocol kq_socket_protocol(int descriptor);
/* Whether the program has shut the sending side of a stream down. */
bool kq_socket_send_shut(int descriptor, enum kq_protocol protocol);
/* What TCP tells of its sending side; all zeroes where the socket is no TCP. */
struct kq_tcp_sender {
    bool is_shut;       /* the program has shut it down */
    bool is_ending;     /* ... and the peer has not acknowledged that yet */
    bool tells_written; /* since Linux 4.19 */
    uint32_t written;   /* bytes that were ever written, the last 32 bits */
};
struct kq_tcp_sender kq_tcp_sender(int descriptor);
/* Whether the peer of an AF_UNIX socket has shut its receiving side down. */
bool kq_local_peer_refuses(int descriptor);
/* Whether nothing was ever read from a connection that has so many bytes to read. */
bool kq_tcp_took_nothing(int descriptor, long unread);
/* Whether connect() waits for the first write (TCP_FASTOPEN_CONNECT). */
bool kq_socket_defers_connect(int descriptor);
/* The error that waits in SO_ERROR, told without taking it; see the definition. */
int kq_socket_pending_error(int descriptor);

/* Whether an urgent byte is next. */
bool kq_socket_at_mark(int descriptor);
/* -1 where it is not TCP. */
long kq_socket_bytes_behind_mark(int descriptor);
/* Bytes that were sent and not taken yet; 0 where the socket has none to send. */
long kq_socket_unsent(int descriptor);

/* Memory of what waits in a socket's queue, in the kernel's bytes; 0 where it is in no queue, or the kernel does not say. */
uint32_t kq_socket_memory(int descriptor);
/* The same of an AF_UNIX socket: what its peer has sent and was not read yet; a negative errno. */
int kq_local_memory(int descriptor, uint32_t *sent);
bool kq_socket_is_udp(int descriptor);
/* The same of a UDP socket, where SO_MEMINFO counts for a while yet what was taken; a negative errno. */
int kq_udp_memory(int descriptor, uint32_t *memory);

#endif /* KQUEUE_SHIMS_LINUX_SOCKETS_H */
