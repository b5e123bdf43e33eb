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
/* The number of the entry that has a token; -ENOENT where there is none, -ENOTSUP where the system does not tell. */
int kq_epoll_number(int set, uint64_t token);

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

/* ---- Processes ---- */

/* A descriptor of a process of ours to watch: -ESRCH where there is none of this number, -ENOSYS where none can be had. */
int kq_pidfd_open(int process);
/* 0 where a descriptor is a process's, -EINVAL where it is another's, -EBADF where it is closed. */
int kq_pidfd_check(int descriptor);
/*
 * What a process ended with, as waitpid(2) says it; false where nobody tells any
 * more.  Nothing is reaped.  `process` is its number, or 0.
 */
bool kq_pidfd_status(int pidfd, int process, int *status);

/* Whether a process of this number, which the pidfd is of, began only after a time of CLOCK_MONOTONIC. */
bool kq_pidfd_began_after(int pidfd, int process, uint64_t time);

/* Whether /proc is there, and of the namespace that this process is in. */
bool kq_proc_is_ours(void);
/* Whether there is a process of this number; it may be a zombie. */
bool kq_is_number_used(int process);
/* What is known of a process that no descriptor tells of. */
struct kq_process_look {
    uint64_t start; /* in ticks since the system booted, by which it is told from another of its number; 0: not told */
    bool has_ended, tells_status;
    int status;
};
/* -ESRCH where there is no process of this number. */
int kq_look_at_process(int process, struct kq_process_look *look);
/* Whether the process that began then has ended; and if it was not reaped, what it ended with. */
bool kq_process_has_ended(int process, uint64_t start, struct kq_process_look *look);
bool kq_began_after(uint64_t ticks, uint64_t time);

enum { KQ_PROCESS_ANSWER, KQ_PROCESS_FORKED, KQ_PROCESS_EXECED, KQ_PROCESS_ENDED };
struct kq_process_event {
    int what;
    uint32_t process;
    uint32_t child; /* of a fork */
    int status;     /* of an end */
    uint64_t time;  /* of the connector's: when it was, by CLOCK_MONOTONIC */
};

enum {
    KQ_PROCESS_EVENTS = 16,      /* as many are read at a time */
    KQ_FILTERED_PROCESSES = 100, /* as many can the filter tell apart */
};

/* The process connector: a socket that tells of forks, execs and ends; -ENOTSUP, -EPERM, ... where there is none. */
int kq_connector(void);
void kq_connector_close(int descriptor);
/* Has only the forks and execs of these processes told, or those of all, and all ends. */
void kq_connector_filter(int descriptor, const uint32_t *processes, int count);
void kq_connector_pass_all(int descriptor);
/* How many events were read; 0 where there is none, -ENOBUFS where some were lost. */
int kq_connector_read(int descriptor, struct kq_process_event *events, int count);

/* Processors that there may be, each of which needs a ring. */
int kq_processors(void);
/* A ring of perf's records for a processor, mapped at *ring: its descriptor; -ENODEV where it is switched off. */
int kq_ring_open(int processor, void **ring);
void kq_ring_close(int descriptor, void *ring);
/* Has a thread's forks and execs on a processor recorded in its ring, and those of threads it makes: a descriptor. */
int kq_ring_watch(int thread, int processor, int ring);
bool kq_ring_has_news(const void *ring);
/* As kq_connector_read, of forks and execs. */
int kq_ring_read(void *ring, struct kq_process_event *events, int count);
/*
 * The threads of a process: how many there are, of which as many as there is room for are written.  -ENOTSUP where /proc
 * does not tell, or tells of another namespace.
 */
int kq_threads(int process, int *threads, int room);

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
/* An eventfd's counter as /proc tells it; a negative errno where it does not. */
int kq_eventfd_counter(int descriptor, uint64_t *counter);

/* What stat(2) says of a file, as far as changes are told from it; times in nanoseconds. */
struct kq_file_status {
    uint64_t device, inode;
    int64_t born; /* when the inode became this file's; 0 where nobody says */
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
/* Bytes that were sent and not taken yet; 0 where the socket has none to send. */
long kq_socket_unsent(int descriptor);

/* What a reader that takes one item leaves behind. */
enum kq_left {
    KQ_LEFT_NOTHING, /* nothing, or no item is taken at a time */
    KQ_LEFT_SOME,    /* the mark changes with each item that is taken */
    KQ_LEFT_UNKNOWN  /* the mark may stay the same */
};
/* The items in a descriptor of a kq_kind that is readable, `bytes` as FIONREAD has them; and a mark of them. */
enum kq_left kq_items_left(int descriptor, int kind, long bytes, uint32_t *mark);
/* Messages in a POSIX message queue; -1 where the descriptor is none. */
long kq_messages(int descriptor);

/* The mounts of this process, each as a number made of what it is and where. */
struct kq_mounts {
    uint64_t *mounts; /* in order */
    size_t count, room;
    bool known;
};
/* A descriptor that poll(2) calls in error once whenever they change; EINVAL where there is none. */
int kq_mounts_open(void);
/* Reads them: VQ_MOUNT and VQ_UNMOUNT as they differ from the last time, or a negative errno. */
int kq_mounts_read(struct kq_mounts *table, int descriptor);
void kq_mounts_free(struct kq_mounts *table);

/* Capacity of a pipe less what is in it. */
long kq_pipe_room(int descriptor);
/* Whether a terminal is the master of a pair. */
bool kq_tty_is_master(int descriptor);
/* Room in a terminal's output queue. */
long kq_tty_room(int descriptor);

#endif /* KQUEUE_SHIMS_LINUX_H */
