/*
 * Linux: what stat(2) says of a file.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifdef __linux__
#define _GNU_SOURCE
#include "include/kqueue_shims_linux.h"

#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#ifndef MFD_CLOEXEC
#define MFD_CLOEXEC 1U
#endif

/* File systems of <linux/magic.h> and the kernel's sources. But for the last nobody can mount them. */
enum {
    PIPES = 0x50495045,
    SOCKETS = 0x534f434b,
    ANONYMOUS = 0x09041934,
    PROCESSES = 0x50494446,
    BUFFERS = 0x444d4142,
    SECRETS = 0x5345434d,
    TEMPORARY = 0x01021994, /* tmpfs, which programs and the kernel mount */
};

static int64_t nanoseconds(struct timespec time) {
    return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

int kq_status_of(int descriptor, struct kq_file_status *status) {
    struct stat got;
    if (fstat(descriptor, &got) == -1)
        return -errno;
    *status = (struct kq_file_status){
        .device = got.st_dev,
        .inode = got.st_ino,
        .size = got.st_size,
        .blocks = got.st_blocks,
        .modified = nanoseconds(got.st_mtim),
        .changed = nanoseconds(got.st_ctim),
        .links = (uint32_t)got.st_nlink,
        .mode = got.st_mode,
        .user = got.st_uid,
        .group = got.st_gid,
    };
    return 0;
}

/*
 * A file of memfd_create(2) looks like one of any tmpfs that was unlinked, but
 * since Linux 6.13 nothing is told of it.  Only its device gives it away.
 */
static bool is_memory(const struct kq_file_status *status) {
    struct kq_file_status other;
    int descriptor = (int)syscall(SYS_memfd_create, "", MFD_CLOEXEC);
    if (descriptor < 0)
        return false;
    kq_own(descriptor);
    bool is_same = kq_status_of(descriptor, &other) == 0 && other.device == status->device;
    kq_close_descriptor(descriptor);
    return is_same;
}

bool kq_is_nameable(int descriptor, const struct kq_file_status *status) {
    struct statfs system;
    if ((status->mode & S_IFMT) == 0)
        return false; /* what is anonymous has no type */
    if (fstatfs(descriptor, &system) == -1)
        return false;
    switch ((uint32_t)system.f_type) {
    case PIPES:
    case SOCKETS:
    case ANONYMOUS:
    case PROCESSES:
    case BUFFERS:
    case SECRETS:
        return false;
    case TEMPORARY:
        return status->links > 0 || !is_memory(status);
    default:
        return true;
    }
}
#endif
