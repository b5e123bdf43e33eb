/*
 * closefrom(3) where no system call closes a range: the descriptors that there are,
 * one after the other.
 *
 * All functions are async-signal-safe, and keep errno.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#define _GNU_SOURCE
#include "include/kqueue_shims.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

/* By the limit: a number above it was opened before the limit was lowered, and stays. */
static int highest_allowed(void) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur > INT_MAX)
        return INT_MAX;
    return (int)limit.rlim_cur - 1;
}

/* Many at a time are asked for, as a limit of a thousand million is usual in containers. */
enum { STEP = 512 };

static void close_those_open(int first, int count) {
    struct pollfd entries[STEP];
    for (int i = 0; i < count; i++)
        entries[i] = (struct pollfd){.fd = first + i};
    bool is_told = poll(entries, (nfds_t)count, 0) >= 0;
    for (int i = 0; i < count; i++)
        if (!is_told || !(entries[i].revents & POLLNVAL))
            (void)kq_next_close(first + i);
}

static void close_up_to_limit(int first) {
    int last = highest_allowed();
    for (int64_t next = first; next <= last; next += STEP)
        close_those_open((int)next, last - next < STEP ? (int)(last - next) + 1 : STEP);
}

#ifdef __linux__
struct entry { /* of getdents64(2) */
    uint64_t inode;
    int64_t offset;
    unsigned short length;
    unsigned char type;
    char name[];
};

static bool close_batch(int directory, int first, const char *entries, long size) {
    bool closed = false;
    for (long place = 0; place < size;) {
        const struct entry *entry = (const void *)(entries + place);
        int number = entry->name[0] == '.' ? -1 : atoi(entry->name);
        if (number >= first && number != directory)
            closed |= kq_next_close(number) == 0 || errno != EBADF;
        place += entry->length;
    }
    return closed;
}

/* Closes some: 1; 0 where there are none left, -1 where the directory cannot be read. */
static int close_some(int directory, int first) {
    _Alignas(struct entry) char entries[2048];
    long got;
    while ((got = syscall(SYS_getdents64, directory, entries, sizeof entries)) > 0)
        if (close_batch(directory, first, entries, got))
            return 1;
    return got < 0 ? -1 : 0;
}

/* The thread's, which may have a table of its own. */
static int open_list(void) {
    char path[64];
    snprintf(path, sizeof path, "/proc/self/task/%ld/fd", (long)syscall(SYS_gettid));
    return (int)syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

/* From the beginning after each batch, since what is listed changes with it. */
static bool close_those_listed(int first) {
    int directory = open_list(), closed;
    if (directory < 0 && errno == EMFILE) {
        (void)kq_next_close(first); /* there is none free: this one is in use */
        directory = open_list();
    }
    if (directory < 0)
        return false;
    while ((closed = close_some(directory, first)) > 0)
        (void)lseek(directory, 0, SEEK_SET);
    (void)syscall(SYS_close, directory);
    return closed == 0;
}
#else
static bool close_those_listed(int first) {
    (void)first;
    return false;
}
#endif

void kq_close_each_from(int first) {
    int error = errno;
    if (!close_those_listed(first))
        close_up_to_limit(first);
    errno = error;
}
