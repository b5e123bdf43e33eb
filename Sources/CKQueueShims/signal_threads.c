/*
 * The files of /proc that tell of the process's threads, where the system is Linux; the core's SignalThreads read them.
 * No cancellation points.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#define _GNU_SOURCE
#include "include/kqueue_shims.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifdef __linux__
static int open_at(const char *path, int flags) {
    int descriptor = (int)syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC | flags);
    return descriptor < 0 ? -errno : descriptor;
}

int kq_open_threads(void) {
    return open_at("/proc/self/task", O_DIRECTORY);
}

bool kq_is_one_thread(int folder) {
    struct stat status;
    return fstat(folder, &status) == 0 && status.st_nlink == 3;
}

long kq_read_threads(int folder, void *entries, size_t size) {
    return syscall(SYS_getdents64, folder, entries, size);
}

int kq_open_thread_status(int thread) {
    char path[64];
    snprintf(path, sizeof path, "/proc/self/task/%d/status", thread);
    return open_at(path, 0);
}

long kq_read_status(int file, void *bytes, size_t size) {
    return syscall(SYS_read, file, bytes, size);
}
#else
int kq_open_threads(void) {
    return -ENOTSUP;
}

bool kq_is_one_thread(int folder) {
    (void)folder;
    return false;
}

long kq_read_threads(int folder, void *entries, size_t size) {
    (void)folder, (void)entries, (void)size;
    return -1;
}

int kq_open_thread_status(int thread) {
    (void)thread;
    return -ENOTSUP;
}

long kq_read_status(int file, void *bytes, size_t size) {
    (void)file, (void)bytes, (void)size;
    return -1;
}
#endif
