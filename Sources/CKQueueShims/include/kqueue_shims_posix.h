/*
 * POSIX.1-2008 as Swift can call it, for the platform that needs no more.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef KQUEUE_SHIMS_POSIX_H
#define KQUEUE_SHIMS_POSIX_H

#include "kqueue_shims.h"

/* Which file a descriptor names. */
struct kq_identity {
    uint64_t device, number;
};
int kq_identity(int descriptor, struct kq_identity *identity);

/* Looks at descriptors at once; no cancellation point. */
int kq_poll_now(struct pollfd *list, size_t count);
/*
 * Waits nanoseconds, rounded up to milliseconds, or for ever below 0: how many, or a
 * negative errno; -EINTR where a handler of the program's ran, -EAGAIN where the wait
 * ended early for another reason and the list says nothing. A cancellation point;
 * `cancelled` runs where the thread is cancelled there.
 */
int kq_poll_wait(struct pollfd *list, size_t count, int64_t nanoseconds, struct kq_wait_signals *signals,
                 void (*cancelled)(void *), void *context);

/* What a descriptor is, as far as readiness depends on it. */
enum kq_posix_kind {
    KQ_POSIX_UNKNOWN = 0,
    KQ_POSIX_STREAM,     /* socket with connections */
    KQ_POSIX_PACKETS,    /* likewise, of records, which may be empty */
    KQ_POSIX_DATAGRAM,   /* any other socket */
    KQ_POSIX_PIPE_READ,  /* pipes and FIFOs by how they were opened */
    KQ_POSIX_PIPE_WRITE,
    KQ_POSIX_PIPE_BOTH,
    KQ_POSIX_TERMINAL,
    KQ_POSIX_FILE,
    KQ_POSIX_DIRECTORY,
    KQ_POSIX_DEVICE,
    KQ_POSIX_OTHER
};
/* A kq_posix_kind, or a negative errno. */
int kq_posix_kind(int descriptor);

/* Bytes that can be read, where the system counts them; a negative errno. */
long kq_bytes(int descriptor);
/* st_size, and that less the offset; a negative errno. */
int kq_remaining(int descriptor, int64_t *remaining, int64_t *size);

bool kq_listens(int descriptor);
bool kq_is_connected(int descriptor);
/* SO_RCVLOWAT, SO_RCVBUF, SO_SNDBUF; 0 where there is none. */
long kq_receive_low_water(int descriptor);
long kq_receive_buffer(int descriptor);
long kq_send_buffer(int descriptor);
/* What reading a byte would give, which is left there: 1, 0 at the end, -1 where there is none. */
int kq_peek(int descriptor);
/* Whether the receiving side has ended, 0 or 1; -1 where the system does not tell. */
int kq_is_receive_shut(int descriptor);
/* Whether the program has shut the sending side down. */
bool kq_is_send_shut(int descriptor);

/* A number of the calling thread. */
static inline uint32_t kq_thread(void) {
    return (uint32_t)((uintptr_t)&errno >> 4);
}

/* Whether there is a process of this number, to be sent signals or not. */
static inline bool kq_process_exists(int process) {
    return kill(process, 0) == 0 || errno == EPERM;
}

/* What stat(2) says of a file, as far as changes are told from it; times in nanoseconds. */
struct kq_sample {
    uint64_t device, inode, links;
    int64_t size, blocks, accessed, modified, changed;
    uint32_t mode, user, group;
    bool is_directory;
};
/* A negative errno where it fails. */
int kq_take_sample(int descriptor, struct kq_sample *sample);
/* Whether a file has, had or could have a name; a pipe is told from a FIFO by its device, which is any pipe's. */
bool kq_can_have_name(const struct kq_sample *sample, uint64_t pipes_device);
/* The interval of samples in nanoseconds, for all kqueues. */
uint64_t kq_sample_interval(void);
void kq_set_sample_interval(uint64_t nanoseconds);

#endif /* KQUEUE_SHIMS_POSIX_H */
