/*
 * POSIX: what descriptors are, and how much they hold.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "include/kqueue_shims_posix.h"

#include <fcntl.h>
#include <sys/ioctl.h> /* FIONREAD, which every system has though POSIX does not name it */
#include <sys/socket.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

/* Also one that was hung up, of which isatty(3) is not sure to say so. */
static bool is_terminal(int descriptor) {
    struct termios settings;
    return tcgetattr(descriptor, &settings) == 0 || errno == EIO; /* as one that was hung up answers */
}

/* An option of SOL_SOCKET, or otherwise what is given. */
static int socket_option(int descriptor, int name, int otherwise) {
    int value = otherwise;
    socklen_t size = sizeof value;
    return getsockopt(descriptor, SOL_SOCKET, name, &value, &size) == 0 ? value : otherwise;
}

static int socket_kind(int descriptor) {
    switch (socket_option(descriptor, SO_TYPE, SOCK_DGRAM)) {
    case SOCK_STREAM:
        return KQ_POSIX_STREAM;
    case SOCK_SEQPACKET:
        return KQ_POSIX_PACKETS;
    default:
        return KQ_POSIX_DATAGRAM;
    }
}

static int pipe_kind(int descriptor) {
    switch (fcntl(descriptor, F_GETFL) & O_ACCMODE) {
    case O_RDONLY:
        return KQ_POSIX_PIPE_READ;
    case O_WRONLY:
        return KQ_POSIX_PIPE_WRITE;
    default:
        return KQ_POSIX_PIPE_BOTH;
    }
}

int kq_posix_kind(int descriptor) {
    struct stat status;
    if (fstat(descriptor, &status) == -1)
        return -errno;
    if (S_ISSOCK(status.st_mode))
        return socket_kind(descriptor);
    if (S_ISFIFO(status.st_mode))
        return pipe_kind(descriptor);
    if (S_ISREG(status.st_mode))
        return KQ_POSIX_FILE;
    if (S_ISDIR(status.st_mode))
        return KQ_POSIX_DIRECTORY;
    if (S_ISCHR(status.st_mode))
        return is_terminal(descriptor) ? KQ_POSIX_TERMINAL : KQ_POSIX_DEVICE;
    return S_ISBLK(status.st_mode) ? KQ_POSIX_DEVICE : KQ_POSIX_OTHER;
}

long kq_bytes(int descriptor) {
#ifdef FIONREAD
    int count = 0;
    return ioctl(descriptor, FIONREAD, &count) == 0 ? count : -(long)errno;
#else
    (void)descriptor;
    return -ENOTTY;
#endif
}

int kq_remaining(int descriptor, int64_t *remaining, int64_t *size) {
    struct stat status;
    off_t offset;
    if (fstat(descriptor, &status) == -1 || (offset = lseek(descriptor, 0, SEEK_CUR)) == -1)
        return -errno;
    if (__builtin_sub_overflow((int64_t)status.st_size, (int64_t)offset, remaining))
        *remaining = INT64_MAX; /* some special files have offsets below 0 */
    *size = status.st_size;
    return 0;
}

bool kq_listens(int descriptor) {
    return socket_option(descriptor, SO_ACCEPTCONN, 0) != 0;
}

bool kq_is_connected(int descriptor) {
    struct sockaddr_storage address;
    socklen_t size = sizeof address;
    return getpeername(descriptor, (struct sockaddr *)&address, &size) == 0;
}

long kq_receive_low_water(int descriptor) {
    return socket_option(descriptor, SO_RCVLOWAT, 1);
}

long kq_receive_buffer(int descriptor) {
    return socket_option(descriptor, SO_RCVBUF, 0);
}

long kq_send_buffer(int descriptor) {
    return socket_option(descriptor, SO_SNDBUF, 0);
}

#ifndef MSG_DONTWAIT
#define MSG_DONTWAIT 0 /* poll(2) has said that it need not wait */
#endif

int kq_peek(int descriptor) {
    char byte;
    int state = kq_hold_cancellation();
    int got = (int)recv(descriptor, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    kq_release_cancellation(state);
    return got;
}

int kq_is_receive_shut(int descriptor) {
#ifdef POLLRDHUP /* which POSIX does not name */
    struct pollfd entry = {.fd = descriptor, .events = POLLRDHUP};
    return kq_poll_now(&entry, 1) < 0 ? -1 : (entry.revents & (POLLRDHUP | POLLHUP)) != 0;
#else
    (void)descriptor;
    return -1;
#endif
}

/* A stream answers a send of nothing with EPIPE. */
bool kq_is_send_shut(int descriptor) {
    int type = 0;
    socklen_t size = sizeof type;
    /* Another thread may give the number to a socket of datagrams, to which nothing at all is one. */
    int same = kq_duplicate_inside(descriptor);
    if (same < 0)
        return false;
    int state = kq_hold_cancellation();
    bool answer = getsockopt(same, SOL_SOCKET, SO_TYPE, &type, &size) == 0 && type == SOCK_STREAM &&
                  send(same, "", 0, MSG_NOSIGNAL | MSG_DONTWAIT) == -1 && errno == EPIPE;
    kq_release_cancellation(state);
    kq_close_temporary(same);
    return answer;
}
