/*
 * The system calls of Linux as Swift can call them.  Those made while a lock
 * is held go through syscall(2), because libc's wrappers of some of them are
 * cancellation points and a cancelled thread must leave no lock behind.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef KQUEUE_SHIMS_LINUX_H
#define KQUEUE_SHIMS_LINUX_H

#include "kqueue_shims.h"

#include <fcntl.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/types.h>

#ifdef __GLIBC__
#include <sys/epoll.h>
#else /* musl has macros of two types, and an empty enumeration; glibc constants of one, which Swift goes by */
#define EPOLL_EVENTS kq_no_epoll_events
#include <sys/epoll.h>
#undef EPOLL_EVENTS
#undef EPOLLIN
#undef EPOLLPRI
#undef EPOLLOUT
#undef EPOLLERR
#undef EPOLLHUP
#undef EPOLLRDHUP
#undef EPOLLONESHOT
#undef EPOLLET
enum EPOLL_EVENTS {
    EPOLLIN = 0x1,
    EPOLLPRI = 0x2,
    EPOLLOUT = 0x4,
    EPOLLERR = 0x8,
    EPOLLHUP = 0x10,
    EPOLLRDHUP = 0x2000,
    EPOLLONESHOT = 1 << 30,
    EPOLLET = 1u << 31,
};
#endif

/* An event as the kernel writes it; the layout is epoll_event's. */
struct kq_epoll_event {
    uint32_t events;
#if !defined(__x86_64__) && !defined(__i386__)
    uint32_t padding; /* where 64 bits are aligned to themselves */
#endif
    uint32_t token[2]; /* data.u64, which is not aligned everywhere */
};

enum { KQ_FOREVER = -1 };

/* New descriptors, close-on-exec, or a negative errno. */
int kq_epoll_create(void);
int kq_eventfd(void);
int kq_timerfd(clockid_t clock);
int kq_inotify(void);
/* A signalfd, new with -1. */
int kq_signalfd(int descriptor, struct kq_signal_numbers numbers);

/* What is known of a signal in the calling thread. */
struct kq_thread_signals {
    unsigned long threads, queued; /* of the process, 0 where that is not told; signals that are queued for its user */
    bool is_own, is_shared;        /* pending for the thread, and for all */
    struct kq_signal_numbers shared; /* all that are pending for all; none where that is not told */
};
void kq_look_at_thread(int number, struct kq_thread_signals *signals);
/* The process's first thread, or the calling one where that has ended. */
int kq_first_thread(void);

int kq_epoll_control(int set, int operation, int descriptor, uint32_t events, uint64_t token);

/* Events that are there now; no cancellation point. */
int kq_epoll_poll(int set, struct kq_epoll_event *events, int count);
/*
 * Waits nanoseconds, rounded up to what the kernel can, or KQ_FOREVER: how many
 * events, 0 also where it ended early and no handler of the program's ran, or a
 * negative errno.  A cancellation point; `cancelled` runs where the thread is
 * cancelled there.
 */
int kq_epoll_wait(int set, struct kq_epoll_event *events, int count, int64_t nanoseconds,
                  struct kq_wait_signals *signals, void (*cancelled)(void *), void *context);

int kq_eventfd_signal(int descriptor);
int kq_eventfd_clear(int descriptor);
/* Arms for a time of the clock, or disarms with 0. */
int kq_timerfd_arm(int descriptor, uint64_t deadline);

/*
 * An inotify watch on the file behind a descriptor, not on its name, or on the
 * directory that a directory is in.  -ENOTSUP where /proc is not to be had.
 */
int kq_inotify_watch(int inotify, int descriptor, uint32_t mask);
int kq_inotify_watch_new(int inotify, int descriptor); /* -EEXIST where the file is watched already */
int kq_inotify_watch_parent(int inotify, int descriptor, uint32_t mask);
void kq_inotify_remove(int inotify, int watch);
/* The next batch of records; 0 where there is none. */
int kq_inotify_read(int inotify, void *buffer, size_t size);

/*
 * open(2) for reading, getdents64(2), read(2), and the way back to a file's
 * beginning, as no cancellation points; a negative errno.
 */
int kq_open_to_read(const char *path);
long kq_read_folder(int folder, void *entries, size_t size);
int kq_read(int descriptor, void *buffer, size_t size);
int kq_rewind(int descriptor);
/* Reads a small file without a cancellation point, and ends it with a NUL: its length, or a negative errno. */
long kq_read_small(const char *path, char *text, size_t size);

/* poll(2) of one descriptor, at once: its bits, or a negative errno. */
int kq_poll(int descriptor, int events);

/* FIONREAD; a negative errno where the descriptor has no such count. */
static inline long kq_readable_bytes(int descriptor) {
    int count = 0;
    return ioctl(descriptor, FIONREAD, &count) == 0 ? count : -(long)errno;
}

/* What a descriptor is, as far as readiness depends on it. */
enum kq_kind {
    KQ_KIND_UNKNOWN = 0,
    KQ_KIND_STREAM,        /* socket with connections */
    KQ_KIND_PACKET_STREAM, /* likewise, of records, which may be empty */
    KQ_KIND_DATAGRAM,      /* any other socket */
    KQ_KIND_PIPE_READ, /* pipes and FIFOs by how they were opened */
    KQ_KIND_PIPE_WRITE,
    KQ_KIND_PIPE_BOTH,
    KQ_KIND_TTY,
    KQ_KIND_EVENTFD,
    KQ_KIND_FILE, /* regular */
    KQ_KIND_DIRECTORY,
    KQ_KIND_DEVICE, /* character or block device */
    KQ_KIND_OTHER
};
/* A kq_kind, or a negative errno. */
int kq_kind(int descriptor);
/* Whether a pipe is one of pipe(2), and no FIFO with a name. */
bool kq_is_nameless_pipe(int descriptor);

/* st_size less the offset, for files and directories. */
int kq_file_remaining(int descriptor, int64_t *remaining);

/* What stat(2) says of a file, as far as changes are told from it; times in nanoseconds. */
struct kq_file_status {
    uint64_t device, inode;
    int64_t born; /* when the inode became this file's; 0 where the system does not say */
    int64_t size, blocks;
    int64_t modified, changed;
    uint32_t links, mode, user, group;
};
/* A negative errno where it fails. */
int kq_status_of(int descriptor, struct kq_file_status *status);
/* A number of 24 bits, not 0, that changes with a file's size and times. */
uint32_t kq_file_mark(int descriptor);
/* Whether a descriptor is of a file that has, had or could have a name: no pipe, socket, eventfd, ... */
bool kq_is_nameable(int descriptor, const struct kq_file_status *status);

static inline bool kq_is_directory(uint32_t mode) {
    return S_ISDIR(mode);
}

enum { KQ_PIPE_BUF = 4096 };

/* What belongs to no file system, by its name in /proc. */
enum kq_anonymous {
    KQ_ANONYMOUS_OTHER,
    KQ_ANONYMOUS_COUNTER, /* eventfd */
    KQ_ANONYMOUS_SIGNALS, /* signalfd */
    KQ_ANONYMOUS_FILES    /* inotify, fanotify */
};
enum kq_anonymous kq_anonymous_kind(int descriptor);
/* The signals that are pending for the calling thread and its process, signal n as bit n - 1; false where /proc is lacking. */
bool kq_pending_here(uint64_t *signals);
/* /dev/random, /dev/urandom, or nothing that is open. */
bool kq_is_random_device(int descriptor);
/* Packets that were ever read from a tun device; false where the descriptor is none. */
bool kq_tunnel_sent(int descriptor, uint32_t *packets);
/* Messages in a POSIX message queue; -1 where the descriptor is none. */
long kq_messages(int descriptor);

/* Capacity of a pipe less what is in it. */
long kq_pipe_room(int descriptor);
/* Whether a terminal is the master of a pair. */
bool kq_tty_is_master(int descriptor);
/* Room in a terminal's output queue. */
long kq_tty_room(int descriptor);

#include "kqueue_shims_linux_calls.h"
#include "kqueue_shims_linux_layouts.h"
#include "kqueue_shims_linux_processes.h"
#include "kqueue_shims_linux_sockets.h"

#endif /* KQUEUE_SHIMS_LINUX_H */
