/*
 * Linux: what stat(2) says of a file.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifdef __linux__
#define _GNU_SOURCE
#include "include/kqueue_shims_linux.h"
#include "kernel_calls.h"

#include <sys/syscall.h>
#include <sys/sysmacros.h>
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

/* struct statx of <linux/stat.h>, which older headers of the C library lack, and newer ones clash with. */
struct extended_time {
    int64_t seconds;
    uint32_t nanoseconds;
    int32_t reserved;
};
struct extended_status {
    uint32_t mask, block_size;
    uint64_t attributes;
    uint32_t links, user, group;
    uint16_t mode, reserved;
    uint64_t inode, size, blocks, attributes_mask;
    struct extended_time accessed, born, changed, modified;
    uint32_t special_major, special_minor, device_major, device_minor;
    uint64_t later[14];
};
_Static_assert(sizeof(struct extended_status) == 256, "as the kernel has it");

enum {
    EMPTY_PATH = 0x1000,
    BASICS = 0x7ff,
    BIRTH = 0x800,
};

static int64_t in_nanoseconds(struct extended_time time) {
    return time.seconds * 1000000000 + time.nanoseconds;
}

/* statx(2), the one call that tells a file's birth.  Linux before 4.11 and some sandboxes have none. */
static int extended_status_of(int descriptor, struct kq_file_status *status) {
    struct extended_status got;
    if (kq_call(KQ_CALL_STATX, descriptor, (long)"", EMPTY_PATH, BASICS | BIRTH, (long)&got) == -1)
        return -errno;
    *status = (struct kq_file_status){
        .device = makedev(got.device_major, got.device_minor),
        .inode = got.inode,
        .born = got.mask & BIRTH ? in_nanoseconds(got.born) : 0,
        .size = (int64_t)got.size,
        .blocks = (int64_t)got.blocks,
        .modified = in_nanoseconds(got.modified),
        .changed = in_nanoseconds(got.changed),
        .links = got.links,
        .mode = got.mode,
        .user = got.user,
        .group = got.group,
    };
    return 0;
}

int kq_status_of(int descriptor, struct kq_file_status *status) {
    struct stat got;
    int result = extended_status_of(descriptor, status);
    if (result == 0 || result == -EBADF)
        return result;
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

uint32_t kq_file_mark(int descriptor) {
    struct stat got;
    if (fstat(descriptor, &got) == -1)
        return 1;
    uint64_t sum = (uint64_t)got.st_size * 31 + (uint64_t)nanoseconds(got.st_mtim);
    sum *= UINT64_C(0x9e3779b97f4a7c15);
    return (uint32_t)(sum >> 40) | 1;
}

int kq_short_identity(int descriptor) {
    struct stat got;
    if (fstat(descriptor, &got) == -1)
        return -errno;
    uint64_t sum = ((uint64_t)got.st_dev * 31 + (uint64_t)got.st_ino) * 31 + (got.st_mode & S_IFMT);
    sum = (sum * 31 + (uint64_t)got.st_rdev) * UINT64_C(0x9e3779b97f4a7c15);
    return (int)(sum >> 33);
}

/*
 * A file of memfd_create(2) looks like one of any tmpfs that was unlinked, but
 * since Linux 6.13 nothing is told of it.  Only its device gives it away.
 */
static bool is_memory(const struct kq_file_status *status) {
    struct kq_file_status other;
    int descriptor = kq_adopt((int)syscall(SYS_memfd_create, "", MFD_CLOEXEC));
    if (descriptor < 0)
        return false;
    bool is_same = kq_status_of(descriptor, &other) == 0 && other.device == status->device;
    kq_close_descriptor(descriptor);
    return is_same;
}

bool kq_is_nameable(int descriptor, const struct kq_file_status *status) {
    struct statfs system;
    if ((status->mode & S_IFMT) == 0)
        return false; /* what is anonymous has no type */
    if (fstatfs(descriptor, &system) == -1)
        return true; /* only file systems with names fail, as those of a network do */
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
