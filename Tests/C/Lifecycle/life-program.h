/*
 * What the programs of this folder share: they end with 0, with 1 and a line
 * that says why, or with 77 where they cannot be tried.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef LIFE_PROGRAM_H
#define LIFE_PROGRAM_H

#include <sys/event.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { SKIPPED = 77 };

__attribute__((format(printf, 1, 2))) _Noreturn static inline void fail(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vprintf(format, arguments);
    printf("\n");
    va_end(arguments);
    fflush(stdout);
    _exit(1);
}

__attribute__((format(printf, 1, 2))) _Noreturn static inline void skip(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    printf("skipped: ");
    vprintf(format, arguments);
    printf("\n");
    va_end(arguments);
    fflush(stdout);
    _exit(SKIPPED);
}

/* The result of a call that must not fail. */
#define CHECK(call) check((call), #call, __LINE__)
static inline int check(long long result, const char *what, int line) {
    if (result == -1)
        fail("line %d: %s: %s", line, what, strerror(errno));
    return (int)result;
}

static inline void change(int kq, int fd, int filter, int flags, intptr_t data) {
    struct kevent entry;
    EV_SET(&entry, fd, filter, flags, 0, data, NULL);
    if (kevent(kq, &entry, 1, NULL, 0, NULL) == -1)
        fail("change of %d, filter %d, flags 0x%x: %s", fd, filter, (unsigned)flags, strerror(errno));
}

static inline int collect(int kq, struct kevent *events, int room, int milliseconds) {
    struct timespec timeout = {.tv_sec = milliseconds / 1000, .tv_nsec = milliseconds % 1000 * 1000000L};
    return CHECK(kevent(kq, NULL, 0, events, room, &timeout));
}

static inline double now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static inline int open_descriptors(void) {
    DIR *directory = opendir("/proc/self/fd");
    if (directory == NULL)
        skip("no /proc/self/fd");
    int count = -1; /* the directory's own */
    for (struct dirent *entry; (entry = readdir(directory)) != NULL;)
        count += entry->d_name[0] != '.';
    closedir(directory);
    return count;
}

/* Memory in use, without the pages of programs and libraries, which come in as they are first used. */
static inline long own_memory_kb(void) {
    char text[1024];
    int fd = open("/proc/self/smaps_rollup", O_RDONLY | O_CLOEXEC);
    if (fd == -1)
        skip("no smaps_rollup");
    ssize_t length = CHECK(read(fd, text, sizeof text - 1));
    close(fd);
    text[length] = 0;
    const char *line = strstr(text, "\nAnonymous:");
    if (line == NULL)
        skip("no sum of anonymous memory");
    return strtol(strchr(line, ':') + 1, NULL, 10);
}

#endif /* LIFE_PROGRAM_H */
