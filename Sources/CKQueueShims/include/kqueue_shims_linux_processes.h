/*
 * Linux: processes, by descriptors, /proc, the process connector and perf.  Part of kqueue_shims_linux.h.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef KQUEUE_SHIMS_LINUX_PROCESSES_H
#define KQUEUE_SHIMS_LINUX_PROCESSES_H

#include "kqueue_shims_linux.h"

/* A word as a filter compares it. Swift may have another machine's idea of the order; see cmake/SwiftTarget.cmake. */
static inline uint32_t kq_network_order(uint32_t word) {
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    return word;
#else
    return __builtin_bswap32(word);
#endif
}
/* libcap's state of the thread, NULL where there is none; whether CAP_NET_ADMIN is permitted in it, or in effect. */
void *kq_capabilities(void);
void kq_free_capabilities(void *state);
bool kq_has_capability(void *state, bool in_effect);
bool kq_put_capability(void *state, bool in_effect);

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
