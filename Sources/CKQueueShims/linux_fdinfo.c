/*
 * Linux: what an epoll set watches, as /proc tells it.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifdef __linux__
#define _GNU_SOURCE
#include "include/kqueue_shims_linux.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The number of a line's entry where it has the token, or -1. */
static int number_of(const char *line, uint64_t token) {
    int number;
    unsigned events;
    uint64_t data;
    if (sscanf(line, "tfd: %d events: %x data: %" SCNx64, &number, &events, &data) != 3 || data != token)
        return -1;
    return number;
}

/* Looks through whole lines, and moves what is left of one to the front. */
static int find_in(char *text, size_t *size, uint64_t token) {
    char *start = text, *end;
    int number = -1;
    while (number < 0 && (end = memchr(start, '\n', *size - (size_t)(start - text))) != NULL) {
        *end = '\0';
        number = number_of(start, token);
        start = end + 1;
    }
    *size -= (size_t)(start - text);
    memmove(text, start, *size);
    return number;
}

int kq_epoll_number(int set, uint64_t token) {
    char path[48], text[4096];
    size_t size = 0;
    long got;
    int number = -ENOENT;
    snprintf(path, sizeof path, "/proc/thread-self/fdinfo/%d", set);
    int file = (int)syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return -ENOTSUP;
    while (number < 0 && (got = syscall(SYS_read, file, text + size, sizeof text - 1 - size)) > 0) {
        size += (size_t)got;
        int found = find_in(text, &size, token);
        number = found >= 0 ? found : -ENOENT;
    }
    kq_close_descriptor(file);
    return number;
}
#endif
