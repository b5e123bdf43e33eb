/*
 * Linux: what a descriptor is and how much it holds.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifdef __linux__
#define _GNU_SOURCE
#include "include/kqueue_shims_linux.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#ifndef SO_MEMINFO
#define SO_MEMINFO 55
#endif
#ifndef SO_ZEROCOPY
#define SO_ZEROCOPY 60
#endif
#ifndef SO_PROTOCOL
#define SO_PROTOCOL 38
#endif

/* The kernel's numbers, of <linux/sock_diag.h>. */
enum { MEMINFO_WMEM_ALLOC = 2, MEMINFO_SNDBUF = 3, MEMINFO_WMEM_QUEUED = 5, MEMINFO_VARS = 9 };

_Static_assert((int)KQ_PIPE_BUF == PIPE_BUF, "PIPE_BUF");

/* 0 of what is no socket. */
static int socket_kind(int descriptor) {
    switch (kq_socket_option(descriptor, SO_TYPE, 0)) {
    case 0:
        return 0;
    case SOCK_STREAM:
        return KQ_KIND_STREAM;
    case SOCK_SEQPACKET:
        return KQ_KIND_PACKET_STREAM;
    default:
        return KQ_KIND_DATAGRAM;
    }
}

static int pipe_kind(int descriptor) {
    int mode = fcntl(descriptor, F_GETFL) & O_ACCMODE;
    return mode == O_RDONLY ? KQ_KIND_PIPE_READ : mode == O_WRONLY ? KQ_KIND_PIPE_WRITE : KQ_KIND_PIPE_BOTH;
}

bool kq_is_nameless_pipe(int descriptor) {
    enum { PIPES = 0x50495045 }; /* PIPEFS_MAGIC of <linux/magic.h> */
    struct statfs system;
    return fstatfs(descriptor, &system) == 0 && (uint32_t)system.f_type == PIPES;
}

int kq_open_to_read(const char *path) {
    return kq_adopt((int)syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC));
}

long kq_read_folder(int folder, void *entries, size_t size) {
    long got = syscall(SYS_getdents64, folder, entries, size);
    return got < 0 ? -errno : got;
}

int kq_read(int descriptor, void *buffer, size_t size) {
    long got;
    do
        got = syscall(SYS_read, descriptor, buffer, size);
    while (got < 0 && errno == EINTR);
    return got < 0 ? -errno : (int)got;
}

int kq_rewind(int descriptor) {
    return lseek(descriptor, 0, SEEK_SET) == -1 ? -errno : 0;
}

long kq_read_small(const char *path, char *text, size_t size) {
    int descriptor = (int)syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC);
    if (descriptor < 0)
        return -errno;
    long got = syscall(SYS_read, descriptor, text, size - 1);
    if (got < 0)
        got = -errno;
    text[got < 0 ? 0 : got] = '\0';
    kq_close_descriptor(descriptor);
    return got;
}

int kq_kind(int descriptor) {
    struct stat status;
    int kind = socket_kind(descriptor); /* first, as servers have those */
    if (kind != 0)
        return kind;
    if (fstat(descriptor, &status) == -1)
        return -errno;
    switch (status.st_mode & S_IFMT) {
    case S_IFSOCK:
        return KQ_KIND_DATAGRAM; /* its type is not to be had */
    case S_IFIFO:
        return pipe_kind(descriptor);
    case S_IFREG:
        return KQ_KIND_FILE;
    case S_IFDIR:
        return KQ_KIND_DIRECTORY;
    case S_IFCHR:
        return kq_is_terminal(descriptor) ? KQ_KIND_TTY : KQ_KIND_DEVICE;
    case S_IFBLK:
        return KQ_KIND_DEVICE;
    default:
        return kq_anonymous_kind(descriptor) == KQ_ANONYMOUS_COUNTER ? KQ_KIND_EVENTFD : KQ_KIND_OTHER;
    }
}

int kq_file_remaining(int descriptor, int64_t *remaining) {
    struct stat status;
    off_t offset;
    if (fstat(descriptor, &status) == -1 || (offset = lseek(descriptor, 0, SEEK_CUR)) == -1)
        return -errno;
    if (__builtin_sub_overflow((int64_t)status.st_size, (int64_t)offset, remaining))
        *remaining = INT64_MAX; /* /proc/PID/mem has offsets below 0 */
    return 0;
}

bool kq_socket_listens(int descriptor) {
    return kq_socket_option(descriptor, SO_ACCEPTCONN, 0) != 0;
}

long kq_socket_room(int descriptor) {
    uint32_t memory[MEMINFO_VARS];
    socklen_t size = sizeof memory;
    if (getsockopt(descriptor, SOL_SOCKET, SO_MEMINFO, memory, &size) == 0) {
        /* A stream accounts for what it queues, a datagram socket for what it has sent out. */
        long queued = memory[MEMINFO_WMEM_QUEUED];
        long sent = memory[MEMINFO_WMEM_ALLOC];
        long room = (long)memory[MEMINFO_SNDBUF] - (queued > sent ? queued : sent);
        return room > 0 ? room : 0;
    }
    int queued = 0;
    (void)ioctl(descriptor, TIOCOUTQ, &queued);
    long room = (long)kq_socket_option(descriptor, SO_SNDBUF, 0) - queued;
    return room > 0 ? room : 0;
}

bool kq_socket_at_mark(int descriptor) {
    int answer = 0;
    return ioctl(descriptor, SIOCATMARK, &answer) == 0 && answer != 0;
}

/* TCP counts them, and copies nothing. */
long kq_socket_bytes_behind_mark(int descriptor) {
    return syscall(SYS_recvfrom, descriptor, NULL, (size_t)INT_MAX, MSG_PEEK | MSG_TRUNC | MSG_DONTWAIT, NULL, NULL);
}

long kq_socket_unsent(int descriptor) {
    int unsent = 0;
    return ioctl(descriptor, TIOCOUTQ, &unsent) == 0 ? unsent : 0; /* a listener has no such count */
}

long kq_socket_receive_buffer(int descriptor) {
    return kq_socket_option(descriptor, SO_RCVBUF, 0);
}

long kq_socket_low_water(int descriptor) {
    return kq_socket_option(descriptor, SO_RCVLOWAT, 1);
}

bool kq_socket_is_local(int descriptor) {
    return kq_socket_option(descriptor, SO_DOMAIN, AF_UNSPEC) == AF_UNIX;
}

unsigned kq_socket_port(int descriptor) {
    struct sockaddr_storage address;
    socklen_t size = sizeof address;
    if (getsockname(descriptor, (struct sockaddr *)&address, &size) == -1)
        return 0;
    switch (address.ss_family) {
    case AF_INET:
        return ntohs(((struct sockaddr_in *)&address)->sin_port);
    case AF_INET6:
        return ntohs(((struct sockaddr_in6 *)&address)->sin6_port);
    default:
        return 0;
    }
}

/* Notes of what was sent, and for a stream errors of the network that are none of the connection. */
bool kq_socket_queues_errors(int descriptor) {
    int value = 0;
    socklen_t size = sizeof value;
    if (kq_socket_option(descriptor, SO_ZEROCOPY, 0) != 0 || kq_socket_option(descriptor, SO_TIMESTAMPING, 0) != 0)
        return true;
    if (kq_socket_option(descriptor, SO_TYPE, SOCK_DGRAM) != SOCK_STREAM)
        return false;
    return (getsockopt(descriptor, IPPROTO_IP, IP_RECVERR, &value, &size) == 0 && value != 0) ||
           (getsockopt(descriptor, IPPROTO_IPV6, IPV6_RECVERR, &value, &size) == 0 && value != 0);
}

enum kq_protocol kq_socket_protocol(int descriptor) {
    if (kq_socket_is_local(descriptor))
        return KQ_PROTOCOL_LOCAL;
    return kq_socket_option(descriptor, SO_PROTOCOL, 0) == IPPROTO_TCP ? KQ_PROTOCOL_TCP : KQ_PROTOCOL_OTHER;
}

long kq_pipe_room(int descriptor) {
    int capacity = fcntl(descriptor, F_GETPIPE_SZ);
    long held = kq_readable_bytes(descriptor);
    return capacity < 0 || held < 0 ? 1 : capacity > held ? capacity - held : 0;
}

bool kq_tty_is_master(int descriptor) {
    unsigned number;
    return ioctl(descriptor, TIOCGPTN, &number) == 0;
}

long kq_tty_room(int descriptor) {
    enum { OUTPUT_QUEUE = 4096 };
    int queued = 0;
    if (ioctl(descriptor, TIOCOUTQ, &queued) == -1 || queued >= OUTPUT_QUEUE)
        return 1;
    return OUTPUT_QUEUE - queued;
}
#endif
