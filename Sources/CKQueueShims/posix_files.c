/*
 * POSIX: what a file is like.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "include/kqueue_shims_posix.h"

#include <stdatomic.h>
#include <sys/stat.h>

static int64_t nanoseconds(struct timespec time) {
    return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

int kq_take_sample(int descriptor, struct kq_sample *sample) {
    struct stat status;
    if (fstat(descriptor, &status) == -1)
        return -errno;
    *sample = (struct kq_sample){
        .device = (uint64_t)status.st_dev,
        .inode = (uint64_t)status.st_ino,
        .links = (uint64_t)status.st_nlink,
        .size = (int64_t)status.st_size,
        .blocks = (int64_t)status.st_blocks,
        .accessed = nanoseconds(status.st_atim),
        .modified = nanoseconds(status.st_mtim),
        .changed = nanoseconds(status.st_ctim),
        .mode = (uint32_t)status.st_mode,
        .user = (uint32_t)status.st_uid,
        .group = (uint32_t)status.st_gid,
        .is_directory = S_ISDIR(status.st_mode),
    };
    return 0;
}

bool kq_can_have_name(const struct kq_sample *sample, uint64_t pipes_device) {
    mode_t mode = (mode_t)sample->mode;
    if (S_ISFIFO(mode))
        return sample->device != pipes_device;
    return S_ISREG(mode) || S_ISDIR(mode) || S_ISCHR(mode) || S_ISBLK(mode) || S_ISLNK(mode);
}

enum { USUAL_INTERVAL = 250000000 };
static _Atomic uint64_t interval = USUAL_INTERVAL;

uint64_t kq_sample_interval(void) {
    return atomic_load_explicit(&interval, memory_order_relaxed);
}

void kq_set_sample_interval(uint64_t nanoseconds) {
    enum { LEAST = 1000000 }; /* poll(2) counts milliseconds */
    atomic_store(&interval, nanoseconds < LEAST ? LEAST : nanoseconds);
}
