/*
 * Linux: what queues hold of which one item is taken a read.  What is told from it
 * stands in platform/linux/ItemsLeft.swift.
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

/* Where SO_MEMINFO has what, of <linux/sock_diag.h>. */
enum { RECEIVED = 0, VARIABLES = 9 };
#define NAME_OF_TUNNEL _IOR('T', 210, unsigned) /* of <linux/if_tun.h> */

uint32_t kq_socket_memory(int descriptor) {
    uint32_t memory[VARIABLES];
    socklen_t size = sizeof memory;
    return getsockopt(descriptor, SOL_SOCKET, SO_MEMINFO, memory, &size) == 0 ? memory[RECEIVED] : 0;
}

bool kq_socket_is_udp(int descriptor) {
    enum { UDP_LITE = 136 };
    int family = kq_socket_option(descriptor, SO_DOMAIN, AF_UNSPEC);
    int protocol = kq_socket_option(descriptor, SO_PROTOCOL, 0);
    return (family == AF_INET || family == AF_INET6) && (protocol == IPPROTO_UDP || protocol == UDP_LITE);
}

static uint64_t mask_after(const char *text, const char *label) {
    const char *line = strstr(text, label);
    return line == NULL ? 0 : strtoull(line + strlen(label), NULL, 16);
}

bool kq_pending_here(uint64_t *signals) {
    char text[4096];
    if (kq_read_small("/proc/thread-self/status", text, sizeof text) <= 0)
        return false;
    *signals = mask_after(text, "\nSigPnd:") | mask_after(text, "\nShdPnd:");
    return true;
}

bool kq_tunnel_sent(int descriptor, uint32_t *packets) {
    struct ifreq interface = {0};
    char path[96], text[32];
    if (ioctl(descriptor, NAME_OF_TUNNEL, &interface) == -1)
        return false;
    interface.ifr_name[IFNAMSIZ - 1] = '\0';
    snprintf(path, sizeof path, "/sys/class/net/%s/statistics/tx_packets", interface.ifr_name);
    if (kq_read_small(path, text, sizeof text) <= 0)
        return false;
    *packets = (uint32_t)strtoull(text, NULL, 10);
    return true;
}

bool kq_is_random_device(int descriptor) {
    enum { MEMORY_DEVICES = 1, RANDOM = 8, URANDOM = 9 };
    struct stat status;
    if (fstat(descriptor, &status) == -1)
        return true;
    return major(status.st_rdev) == MEMORY_DEVICES && (minor(status.st_rdev) == RANDOM || minor(status.st_rdev) == URANDOM);
}

enum kq_anonymous kq_anonymous_kind(int descriptor) {
    char path[48], target[32] = "";
    snprintf(path, sizeof path, "/proc/self/fd/%d", descriptor);
    (void)!readlink(path, target, sizeof target - 1);
    if (strcmp(target, "anon_inode:[eventfd]") == 0)
        return KQ_ANONYMOUS_COUNTER;
    if (strcmp(target, "anon_inode:[signalfd]") == 0)
        return KQ_ANONYMOUS_SIGNALS;
    if (strcmp(target, "anon_inode:inotify") == 0 || strcmp(target, "anon_inode:[fanotify]") == 0)
        return KQ_ANONYMOUS_FILES;
    return KQ_ANONYMOUS_OTHER;
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
