/*
 * Linux: system calls by number, and what of the C library Swift cannot call: variadic functions, and macros that
 * it does not import.  Part of kqueue_shims_linux.h.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef KQUEUE_SHIMS_LINUX_CALLS_H
#define KQUEUE_SHIMS_LINUX_CALLS_H

#include "kqueue_shims.h"
#include "kqueue_shims_linux_layouts.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

/*
 * For a call that fails where it stands: its result, or a negative errno, which is ENOTSUP where the call is
 * missing or a filter denies it.  Not for a call that has EPERM or EACCES for a reason of its own.
 */
static inline int kq_unless_denied(int result) {
    return result == -ENOSYS || result == -EPERM || result == -EACCES ? -ENOTSUP : result;
}

/* ioctl(2). */
static inline int kq_device_control(int descriptor, long request, void *argument) {
    return (int)kq_result(ioctl(descriptor, (unsigned)request, argument));
}

/* getsockname(2), or getpeername(2): addresses are a union of pointers to some C libraries. */
static inline int kq_socket_address(int descriptor, bool is_peer, void *address, uint32_t size) {
    socklen_t length = size;
    return (int)kq_result((is_peer ? getpeername : getsockname)(descriptor, (struct sockaddr *)address, &length));
}

/* bind(2), likewise. */
static inline int kq_bind(int descriptor, const void *address, uint32_t size) {
    return (int)kq_result(bind(descriptor, (const struct sockaddr *)address, size));
}

/* Operations of fcntl(2) and ioctl(2). */
#ifndef F_GETPIPE_SZ
#define F_GETPIPE_SZ 1032
#endif
enum {
    KQ_F_GETPIPE_SZ = F_GETPIPE_SZ,
    KQ_SIOCATMARK = (int)SIOCATMARK,
    KQ_TIOCGPTN = (int)TIOCGPTN,
    KQ_TIOCOUTQ = (int)TIOCOUTQ,
    KQ_PERF_SET_OUTPUT = (int)_IO('$', 5),
    KQ_PIDFD_GET_INFO = (int)_IOC(_IOC_READ | _IOC_WRITE, 0xff, 11, sizeof(struct kq_pidfd_information)),
    KQ_TUNGETIFF = (int)_IOR('T', 210, unsigned), /* of <linux/if_tun.h> */
};

/* Numbers of calls. */
#ifndef SYS_mq_getsetattr
#define SYS_mq_getsetattr -1
#endif
enum {
    KQ_SYS_EPOLL_CREATE1 = SYS_epoll_create1,
    KQ_SYS_EVENTFD2 = SYS_eventfd2,
    KQ_SYS_INOTIFY_INIT1 = SYS_inotify_init1,
    KQ_SYS_INOTIFY_ADD_WATCH = SYS_inotify_add_watch,
    KQ_SYS_INOTIFY_RM_WATCH = SYS_inotify_rm_watch,
    KQ_SYS_MEMFD_CREATE = SYS_memfd_create,
    KQ_SYS_MQ_GETSETATTR = SYS_mq_getsetattr,
    KQ_SYS_PERF_EVENT_OPEN = SYS_perf_event_open,
    KQ_SYS_PPOLL = SYS_ppoll,
    KQ_SYS_RECVMMSG = SYS_recvmmsg,
    KQ_SYS_RECVFROM = SYS_recvfrom,
    KQ_SYS_SENDTO = SYS_sendto,
    KQ_SYS_SIGNALFD4 = SYS_signalfd4,
    KQ_SYS_SOCKET = SYS_socket,
    KQ_SYS_TGKILL = SYS_tgkill,
    KQ_SYS_TIMERFD_CREATE = SYS_timerfd_create,
};

/* Options of waitid(2): looks at ends, and at those of threads that clone(2) made as well. */
#ifndef __WALL
#define __WALL 0x40000000
#endif
enum { KQ_WAIT_LOOK = WEXITED | WNOWAIT | WNOHANG, KQ_WAIT_ALL = __WALL };

/* Options of sockets, by the kernel's numbers where headers of an age lack them. */
#ifndef SO_PROTOCOL
#define SO_PROTOCOL 38
#endif
#ifndef SO_MEMINFO
#define SO_MEMINFO 55
#endif
#ifndef SO_ZEROCOPY
#define SO_ZEROCOPY 60
#endif
enum {
    KQ_SO_MEMINFO = SO_MEMINFO,
    KQ_SO_TIMESTAMPING = SO_TIMESTAMPING,
    KQ_SO_ZEROCOPY = SO_ZEROCOPY,

    KQ_SOCK_STREAM = SOCK_STREAM,
    KQ_SOCK_DGRAM = SOCK_DGRAM,
    KQ_SOCK_SEQPACKET = SOCK_SEQPACKET,
    KQ_SOCK_CLOEXEC = SOCK_CLOEXEC,
    KQ_SOCK_NONBLOCK = SOCK_NONBLOCK,
};

#endif /* KQUEUE_SHIMS_LINUX_CALLS_H */
