/*
 * Linux: what the queue of something that hands out one item a read holds, as
 * far as one look can be told from the next (C-346, C-367).
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifdef __linux__
#define _GNU_SOURCE
#include "include/kqueue_shims_linux.h"

#include <mqueue.h>
#include <net/if.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#ifndef SO_MEMINFO
#define SO_MEMINFO 55
#endif
#ifndef SO_PROTOCOL
#define SO_PROTOCOL 38
#endif

/* The kernel's numbers and records, of <linux/sock_diag.h>, <linux/unix_diag.h>, <linux/inet_diag.h>, <linux/if_tun.h>. */
enum { RECEIVED = 0, SENT = 2, VARIABLES = 9 };
enum { SOCK_DIAG = 4, BY_FAMILY = 20, REQUEST = 1 };
enum { SHOW_PEER = 1 << 2, SHOW_LENGTHS = 1 << 4, SHOW_MEMORY = 1 << 5 };
enum { PEER = 2, LENGTHS = 4, MEMORY = 5, SHUTDOWN = 6, SHUT_RECEIVING = 1 };
#define NAME_OF_TUNNEL _IOR('T', 210, unsigned)
enum { UDP_LITE = 136 };

struct kernel_address {
    uint16_t family, unused;
    uint32_t process, groups;
};
struct head {
    uint32_t length;
    uint16_t type, flags;
    uint32_t sequence, process;
};
struct attribute {
    uint16_t length, type;
};
struct local_request {
    uint8_t family, protocol;
    uint16_t unused;
    uint32_t states, inode, show, cookie[2];
};
struct local_found {
    uint8_t family, type, state, unused;
    uint32_t inode, cookie[2];
};
struct internet_id {
    uint16_t source_port, target_port; /* in the order of the network, as what follows */
    uint32_t source[4], target[4], interface, cookie[2];
};
struct internet_request {
    uint8_t family, protocol, extensions, unused;
    uint32_t states;
    struct internet_id id;
};
struct internet_found {
    uint8_t family, state, timer, attempts;
    struct internet_id id;
    uint32_t expires, received, sent, user, inode;
};
_Static_assert(sizeof(struct internet_request) == 56 && sizeof(struct internet_found) == 72, "as the kernel has them");

/* The least memory that a packet takes beside its bytes: its record, and what is shared of it. */
enum { PACKET_COST = 552 };

/* ---- Asking sock_diag ---- */

struct answer {
    _Alignas(8) char bytes[1024];
    long length;
};

static int ask(struct answer *answer, const void *request, size_t size) {
    struct kernel_address kernel = {.family = AF_NETLINK};
    int type = SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK;
    /* The library's while it lasts, so that nobody else's closefrom() closes it and another file has its number. */
    int asker = kq_move_high(kq_adopt((int)syscall(SYS_socket, AF_NETLINK, type, SOCK_DIAG)));
    if (asker < 0)
        return asker;
    long got = syscall(SYS_sendto, asker, request, size, 0, &kernel, sizeof kernel);
    if (got >= 0)
        got = syscall(SYS_recvfrom, asker, answer->bytes, sizeof answer->bytes, 0, NULL, NULL);
    answer->length = got;
    int result = got < 0 ? -errno : 0;
    kq_close_temporary(asker);
    const struct head *head = (const struct head *)answer->bytes;
    if (result == 0 && (got < (long)sizeof *head || head->length > (size_t)got || head->type != BY_FAMILY))
        result = -ENOENT;
    return result;
}

static uint32_t inode_of(int descriptor) {
    struct stat status;
    return fstat(descriptor, &status) == 0 ? (uint32_t)status.st_ino : 0;
}

/* An attribute in the answer of an AF_UNIX socket, of at least this size. */
static int find(const struct answer *answer, uint16_t type, void *value, size_t size) {
    const struct head *head = (const struct head *)answer->bytes;
    size_t place = sizeof *head + sizeof(struct local_found);
    struct attribute attribute;
    for (; place + sizeof attribute <= head->length; place += (attribute.length + 3u) & ~3u) {
        memcpy(&attribute, answer->bytes + place, sizeof attribute);
        if (attribute.length < sizeof attribute || place + attribute.length > head->length)
            break;
        if (attribute.type == type && attribute.length >= sizeof attribute + size) {
            memcpy(value, answer->bytes + place + sizeof attribute, size);
            return 0;
        }
    }
    return -ENOENT;
}

static int ask_local(uint32_t inode, uint32_t show, uint16_t type, void *value, size_t size) {
    struct answer answer;
    struct {
        struct head head;
        struct local_request body;
    } request = {
        .head = {.length = sizeof request, .type = BY_FAMILY, .flags = REQUEST},
        .body = {.family = AF_UNIX, .states = ~0u, .inode = inode, .show = show, .cookie = {~0u, ~0u}},
    };
    int result = inode == 0 ? -EBADF : ask(&answer, &request, sizeof request);
    return result < 0 ? result : find(&answer, type, value, size);
}

long kq_local_backlog(int descriptor) {
    uint32_t lengths[2]; /* what waits, and how much may */
    int result = ask_local(inode_of(descriptor), SHOW_LENGTHS, LENGTHS, lengths, sizeof lengths);
    return result < 0 ? -1 : (long)lengths[0];
}

bool kq_local_peer_refuses(int descriptor) {
    uint32_t peer;
    uint8_t shut;
    return ask_local(inode_of(descriptor), SHOW_PEER, PEER, &peer, sizeof peer) == 0 &&
           ask_local(peer, 0, SHUTDOWN, &shut, sizeof shut) == 0 && (shut & SHUT_RECEIVING) != 0;
}

static void fill(uint32_t address[4], uint16_t *port, const struct sockaddr_storage *from) {
    if (from->ss_family == AF_INET) {
        const struct sockaddr_in *in = (const struct sockaddr_in *)from;
        memcpy(address, &in->sin_addr, sizeof in->sin_addr);
        *port = in->sin_port;
    } else if (from->ss_family == AF_INET6) {
        const struct sockaddr_in6 *in = (const struct sockaddr_in6 *)from;
        memcpy(address, &in->sin6_addr, sizeof in->sin6_addr);
        *port = in->sin6_port;
    }
}

/*
 * Memory of what waits in a UDP socket.  SO_MEMINFO counts what was taken for a
 * while yet.  A socket is found by where a packet for it would come from.
 */
static int udp_memory(int descriptor, int family, int protocol, uint32_t *memory) {
    struct answer answer;
    struct {
        struct head head;
        struct internet_request body;
    } request = {
        .head = {.length = sizeof request, .type = BY_FAMILY, .flags = REQUEST},
        .body = {.family = (uint8_t)family, .protocol = (uint8_t)protocol, .states = ~0u,
                 .id.cookie = {~0u, ~0u}},
    };
    struct sockaddr_storage address = {0};
    socklen_t size = sizeof address;
    if (getsockname(descriptor, (struct sockaddr *)&address, &size) == -1)
        return -errno;
    fill(request.body.id.target, &request.body.id.target_port, &address);
    address = (struct sockaddr_storage){0};
    size = sizeof address;
    if (getpeername(descriptor, (struct sockaddr *)&address, &size) == 0)
        fill(request.body.id.source, &request.body.id.source_port, &address);
    int result = ask(&answer, &request, sizeof request);
    if (result < 0)
        return result;
    const struct internet_found *found = (const struct internet_found *)(answer.bytes + sizeof(struct head));
    if (answer.length < (long)(sizeof(struct head) + sizeof *found) || found->inode != inode_of(descriptor))
        return -ENOENT; /* another of those that share the port */
    *memory = found->received;
    return 0;
}

/* ---- Sockets ---- */

/* One packet alone: whoever takes it leaves none. */
static bool is_one(uint32_t memory, long bytes) {
    return (int64_t)memory - bytes < 2 * PACKET_COST;
}

/* What a local socket holds is charged to whoever sent it, which is known of a connection's other side. */
static enum kq_left local_left(int descriptor, long bytes, uint32_t *mark) {
    uint32_t peer, memory[VARIABLES];
    *mark = (uint32_t)bytes;
    if (ask_local(inode_of(descriptor), SHOW_PEER, PEER, &peer, sizeof peer) < 0 ||
        ask_local(peer, SHOW_MEMORY, MEMORY, memory, sizeof memory) < 0)
        return KQ_LEFT_UNKNOWN;
    *mark = memory[SENT];
    return is_one(memory[SENT], bytes) ? KQ_LEFT_NOTHING : KQ_LEFT_SOME;
}

static enum kq_left socket_left(int descriptor, long bytes, uint32_t *mark) {
    uint32_t memory[VARIABLES];
    socklen_t size = sizeof memory;
    if (getsockopt(descriptor, SOL_SOCKET, SO_MEMINFO, memory, &size) == -1)
        memory[RECEIVED] = 0;
    if (memory[RECEIVED] > 0 && is_one(memory[RECEIVED], bytes))
        return KQ_LEFT_NOTHING;
    int family = kq_socket_option(descriptor, SO_DOMAIN, AF_UNSPEC);
    if (family == AF_UNIX)
        return local_left(descriptor, bytes, mark);
    *mark = memory[RECEIVED] > 0 ? memory[RECEIVED] : (uint32_t)bytes;
    if (memory[RECEIVED] == 0)
        return KQ_LEFT_UNKNOWN; /* frames in a ring that the program maps are in no queue */
    int protocol = kq_socket_option(descriptor, SO_PROTOCOL, 0);
    if ((family != AF_INET && family != AF_INET6) || (protocol != IPPROTO_UDP && protocol != UDP_LITE))
        return KQ_LEFT_SOME;
    if (udp_memory(descriptor, family, protocol, mark) < 0)
        return KQ_LEFT_UNKNOWN;
    return is_one(*mark, bytes) ? KQ_LEFT_NOTHING : KQ_LEFT_SOME;
}

/* ---- What is no socket ---- */

static uint64_t mask_after(const char *text, const char *label) {
    const char *line = strstr(text, label);
    return line == NULL ? 0 : strtoull(line + strlen(label), NULL, 16);
}

/* Signals that wait for the calling thread or its process. Of those of real time several may be queued. */
static enum kq_left signals_left(uint32_t *mark) {
    char text[4096];
    if (kq_read_small("/proc/thread-self/status", text, sizeof text) <= 0)
        return KQ_LEFT_UNKNOWN;
    uint64_t pending = mask_after(text, "\nSigPnd:") | mask_after(text, "\nShdPnd:");
    *mark = (uint32_t)(pending ^ pending >> 32);
    return pending >> 31 != 0 ? KQ_LEFT_UNKNOWN : KQ_LEFT_SOME;
}

/* Packets that were read from a tun device are those that its interface has sent. */
static enum kq_left tunnel_left(int descriptor, uint32_t *mark) {
    struct ifreq interface = {0};
    char path[96], text[32];
    *mark = 0;
    if (ioctl(descriptor, NAME_OF_TUNNEL, &interface) == -1)
        return KQ_LEFT_UNKNOWN;
    interface.ifr_name[IFNAMSIZ - 1] = '\0';
    snprintf(path, sizeof path, "/sys/class/net/%s/statistics/tx_packets", interface.ifr_name);
    if (kq_read_small(path, text, sizeof text) <= 0)
        return KQ_LEFT_UNKNOWN;
    *mark = (uint32_t)strtoull(text, NULL, 10);
    return KQ_LEFT_SOME;
}

/* A device of which one record is read at a time, or not: nobody says.  The random ones are no queue. */
static enum kq_left device_left(int descriptor, uint32_t *mark) {
    enum { MEMORY_DEVICES = 1, RANDOM = 8, URANDOM = 9 };
    struct stat status;
    if (fstat(descriptor, &status) == -1)
        return KQ_LEFT_NOTHING;
    if (major(status.st_rdev) == MEMORY_DEVICES && (minor(status.st_rdev) == RANDOM || minor(status.st_rdev) == URANDOM))
        return KQ_LEFT_NOTHING;
    return tunnel_left(descriptor, mark);
}

static enum kq_left anonymous_left(int descriptor, long bytes, uint32_t *mark) {
    char path[48], target[32] = "";
    snprintf(path, sizeof path, "/proc/self/fd/%d", descriptor);
    (void)!readlink(path, target, sizeof target - 1);
    *mark = (uint32_t)bytes;
    if (strcmp(target, "anon_inode:[signalfd]") == 0)
        return signals_left(mark);
    if (strcmp(target, "anon_inode:inotify") == 0 || strcmp(target, "anon_inode:[fanotify]") == 0)
        return KQ_LEFT_SOME;
    return KQ_LEFT_NOTHING; /* one read takes all that it has, or none takes anything */
}

enum kq_left kq_items_left(int descriptor, int kind, long bytes, uint32_t *mark) {
    switch (kind) {
    case KQ_KIND_PACKET_STREAM:
    case KQ_KIND_DATAGRAM:
        return socket_left(descriptor, bytes, mark);
    case KQ_KIND_DEVICE:
        return device_left(descriptor, mark);
    case KQ_KIND_OTHER:
        return anonymous_left(descriptor, bytes, mark);
    default:
        return KQ_LEFT_NOTHING;
    }
}

long kq_messages(int descriptor) {
#ifdef SYS_mq_getsetattr
    struct mq_attr attributes;
    return syscall(SYS_mq_getsetattr, descriptor, NULL, &attributes) == 0 ? (long)attributes.mq_curmsgs : -1;
#else
    (void)descriptor;
    return -1;
#endif
}
#endif
