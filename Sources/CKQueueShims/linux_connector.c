/*
 * Linux: the socket of the process connector, which tells of every fork, exec and
 * exit; and the capability that older kernels want for it.  What the messages say
 * stands in platform/linux/ConnectorMessages.swift.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifdef __linux__
#define _GNU_SOURCE
#include "include/kqueue_shims_linux.h"

#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifdef KQUEUE_LIBCAP
#include <sys/capability.h>
#endif

/*
 * What the kernel's headers say, which not every C library comes with: those of
 * netlink, of its connector (a header of 20 bytes, of which the first two words
 * name the group), and of packet filters.
 */
struct address {
    uint16_t family, padding;
    uint32_t port, groups;
};
struct request {
    uint32_t length;
    uint16_t type, flags;
    uint32_t sequence, port;
    uint32_t group[2], group_sequence, acknowledged;
    uint16_t size, group_flags;
    uint32_t operation;
};
_Static_assert(sizeof(struct request) == 40, "the header of a message, and its first word");

struct program {
    uint16_t length;
    const struct kq_filter_step *steps;
};

enum { CONNECTOR = 11, DONE = 3, LISTEN = 1, IGNORE = 2, GROUP = 1 };

/* Room for some thousand messages, where it may be had. */
static void make_room(int descriptor) {
    int bytes = 8 << 20;
    if (setsockopt(descriptor, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof bytes) != 0)
        (void)setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
}

int kq_connector_socket(void) {
    int descriptor = kq_adopt(socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, CONNECTOR));
    if (descriptor >= 0)
        make_room(descriptor);
    return descriptor;
}

int kq_connector_bind(int descriptor) {
    struct address address = {.family = AF_NETLINK, .groups = GROUP};
    return bind(descriptor, (struct sockaddr *)&address, sizeof address) == 0 ? 0 : -errno;
}

int kq_connector_ask(int descriptor, bool listens) {
    struct request request = {.length = sizeof request, .type = DONE, .group = {GROUP, GROUP},
                              .size = sizeof request.operation, .operation = listens ? LISTEN : IGNORE};
    return syscall(SYS_sendto, descriptor, &request, sizeof request, 0, NULL, 0) < 0 ? -errno : 0;
}

/* Without a filter everything passes, which is slower and not wrong; with an old one something could be missed. */
void kq_connector_filter(int descriptor, const struct kq_filter_step *steps, int count) {
    struct program description = {(uint16_t)count, steps};
    int nothing = 0;
    if (count == 0 ||
        setsockopt(descriptor, SOL_SOCKET, SO_ATTACH_FILTER, &description, sizeof description) != 0)
        (void)setsockopt(descriptor, SOL_SOCKET, SO_DETACH_FILTER, &nothing, sizeof nothing);
}

int kq_connector_receive(int descriptor, struct kq_connector_message *messages, int count) {
    struct address senders[KQ_PROCESS_EVENTS];
    struct iovec places[KQ_PROCESS_EVENTS];
    struct mmsghdr headers[KQ_PROCESS_EVENTS];
    memset(headers, 0, sizeof headers);
    for (int i = 0; i < count; i++) {
        places[i] = (struct iovec){messages[i].bytes, sizeof messages[i].bytes};
        headers[i].msg_hdr = (struct msghdr){
            .msg_name = &senders[i], .msg_namelen = sizeof senders[i], .msg_iov = &places[i], .msg_iovlen = 1};
    }
    long got = syscall(SYS_recvmmsg, descriptor, headers, count, MSG_DONTWAIT, NULL);
    if (got < 0)
        return errno == EAGAIN ? 0 : -errno;
    for (int i = 0; i < got; i++)
        messages[i].size = senders[i].port == 0 ? headers[i].msg_len : 0;
    return (int)got;
}

/* ---- The capability ---- */

#ifdef KQUEUE_LIBCAP
static bool set_effective(cap_t state, cap_flag_value_t value) {
    cap_value_t capability = CAP_NET_ADMIN;
    return cap_set_flag(state, CAP_EFFECTIVE, 1, &capability, value) == 0 && cap_set_proc(state) == 0;
}

static bool is_permitted_alone(cap_t state) {
    cap_flag_value_t permitted = CAP_CLEAR, effective = CAP_CLEAR;
    return cap_get_flag(state, CAP_NET_ADMIN, CAP_PERMITTED, &permitted) == 0 && permitted == CAP_SET &&
           cap_get_flag(state, CAP_NET_ADMIN, CAP_EFFECTIVE, &effective) == 0 && effective == CAP_CLEAR;
}

/* No handler of the program's runs with more than the program has. */
bool kq_capability_raise(struct kq_capability *capability) {
    cap_t state;
    capability->signals = kq_block_signals();
    capability->state = state = cap_get_proc();
    if (state != NULL && is_permitted_alone(state) && set_effective(state, CAP_SET))
        return true;
    if (state != NULL)
        cap_free(state);
    kq_unblock_signals(capability->signals);
    return false;
}

void kq_capability_lower(struct kq_capability *capability) {
    if (!set_effective(capability->state, CAP_CLEAR))
        kq_bug("a capability was raised and cannot be lowered");
    cap_free(capability->state);
    kq_unblock_signals(capability->signals);
}
#else
bool kq_capability_raise(struct kq_capability *capability) {
    (void)capability;
    return false;
}

void kq_capability_lower(struct kq_capability *capability) {
    (void)capability;
}
#endif
#endif
