/*
 * Linux: what a socket tells of its queues and its state.  Part of kqueue_shims_linux.h.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef KQUEUE_SHIMS_LINUX_SOCKETS_H
#define KQUEUE_SHIMS_LINUX_SOCKETS_H

#include "kqueue_shims_linux.h"

bool kq_socket_listens(int descriptor);
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

/* Whether an urgent byte is next. */
bool kq_socket_at_mark(int descriptor);
/* -1 where it is not TCP. */
long kq_socket_bytes_behind_mark(int descriptor);
/* Bytes that were sent and not taken yet; 0 where the socket has none to send. */
long kq_socket_unsent(int descriptor);

/* Memory of what waits in a socket's queue, in the kernel's bytes; 0 where it is in no queue, or the kernel does not say. */
uint32_t kq_socket_memory(int descriptor);
bool kq_socket_is_udp(int descriptor);

#endif /* KQUEUE_SHIMS_LINUX_SOCKETS_H */
