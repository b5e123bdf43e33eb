/*
 * Linux: what sock_diag(7) tells of sockets that their own descriptors do not.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifdef __linux__
#define _GNU_SOURCE
#include "include/kqueue_shims_linux.h"

#include <netinet/in.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef SO_PROTOCOL
#define SO_PROTOCOL 38
#endif

/* The kernel's numbers and records, of <linux/sock_diag.h>, <linux/unix_diag.h>, <linux/inet_diag.h>. */
enum { SENT = 2, VARIABLES = 9 };
enum { SOCK_DIAG = 4, BY_FAMILY = 20, REQUEST = 1 };
enum { SHOW_PEER = 1 << 2, SHOW_LENGTHS = 1 << 4, SHOW_MEMORY = 1 << 5 };
enum { PEER = 2, LENGTHS = 4, MEMORY = 5, SHUTDOWN = 6, SHUT_RECEIVING = 1 };

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

int kq_local_memory(int descriptor, uint32_t *sent) {
    uint32_t peer, memory[VARIABLES];
    int result = ask_local(inode_of(descriptor), SHOW_PEER, PEER, &peer, sizeof peer);
    if (result == 0)
        result = ask_local(peer, SHOW_MEMORY, MEMORY, memory, sizeof memory);
    if (result == 0)
        *sent = memory[SENT];
    return result;
}

/* A socket is found by where a packet for it would come from. */
int kq_udp_memory(int descriptor, uint32_t *memory) {
    struct answer answer;
    struct {
        struct head head;
        struct internet_request body;
    } request = {
        .head = {.length = sizeof request, .type = BY_FAMILY, .flags = REQUEST},
        .body = {.family = (uint8_t)kq_socket_option(descriptor, SO_DOMAIN, AF_UNSPEC),
                 .protocol = (uint8_t)kq_socket_option(descriptor, SO_PROTOCOL, 0), .states = ~0u,
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
#endif
