/*
 * Linux: processes, by descriptors, /proc, the process connector and perf.  Part of kqueue_shims_linux.h.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef KQUEUE_SHIMS_LINUX_PROCESSES_H
#define KQUEUE_SHIMS_LINUX_PROCESSES_H

#include "kqueue_shims_linux.h"

enum { KQ_PROCESS_EVENTS = 16 }; /* as many are read at a time */

/* The socket of the process connector, which is asked for its messages once it is bound; or a negative errno. */
int kq_connector_socket(void);
int kq_connector_bind(int descriptor);
/* Asks to be sent messages, or none any more. */
int kq_connector_ask(int descriptor, bool listens);
/* struct sock_filter of <linux/filter.h>: a step of a packet filter. */
struct kq_filter_step {
    uint16_t code;
    uint8_t if_true, if_false;
    uint32_t value;
};
/* A word as a filter compares it. Swift may have another machine's idea of the order; see cmake/SwiftTarget.cmake. */
static inline uint32_t kq_network_order(uint32_t word) {
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    return word;
#else
    return __builtin_bswap32(word);
#endif
}
/* Has the kernel drop what a program does not let pass; all passes where it has no steps. */
void kq_connector_filter(int descriptor, const struct kq_filter_step *steps, int count);
struct kq_connector_message {
    uint32_t size; /* 0: not from the kernel */
    char bytes[84];
};
/* How many messages came, KQ_PROCESS_EVENTS at most; 0 where there is none, -ENOBUFS where some were lost. */
int kq_connector_receive(int descriptor, struct kq_connector_message *messages, int count);

/* CAP_NET_ADMIN, raised from what is permitted. Until it is lowered no signal handler runs on this thread. */
struct kq_capability {
    void *state;
    struct kq_wait_signals signals;
};
/* False where it is not permitted, or is in effect already: there is nothing to lower then. */
bool kq_capability_raise(struct kq_capability *capability);
void kq_capability_lower(struct kq_capability *capability);

/* The beginning of each record, of <linux/perf_event.h>. */
struct kq_ring_record {
    uint32_t kind;
    uint16_t misc, size;
    uint32_t process, parent; /* of a name: process and thread */
};
enum { KQ_RING_LOSS = 2, KQ_RING_NAME = 3, KQ_RING_FORK = 7, KQ_RING_OF_EXEC = 1 << 13 };
/* What was written to a ring, and up to where it was read, in bytes since it was made. */
static inline uint64_t kq_ring_written(const struct kq_ring_head *ring) {
    return __atomic_load_n(&ring->head, __ATOMIC_ACQUIRE);
}
static inline void kq_ring_take(struct kq_ring_head *ring, uint64_t up_to) {
    __atomic_store_n(&ring->tail, up_to, __ATOMIC_RELEASE);
}

#endif /* KQUEUE_SHIMS_LINUX_PROCESSES_H */
