/*
 * What a registered descriptor costs in user space: how much more memory the
 * process has of its own after registering many.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#define _GNU_SOURCE
#include "bench.h"

#include <sys/event.h>

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

enum { PAIRS_WANTED = 9000, SPARE = 100 /* descriptors for everything else */ };

static long kilobytes(const char *text, const char *field) {
    const char *line = strstr(text, field);
    BENCH_REQUIRE(line != NULL);
    return strtol(line + strlen(field), NULL, 10);
}

/* Private pages, which is what the library made; read without stdio, which takes memory. */
static long private_bytes(void) {
    char text[4096];
    int fd = open("/proc/self/smaps_rollup", O_RDONLY | O_CLOEXEC);
    ssize_t n = read(fd, text, sizeof text - 1);
    BENCH_REQUIRE(fd != -1 && n > 0);
    text[n] = '\0';
    close(fd);
    return 1024 * (kilobytes(text, "Private_Clean:") + kilobytes(text, "Private_Dirty:"));
}

static int pairs_possible(void) {
    struct rlimit limit;
    BENCH_REQUIRE(getrlimit(RLIMIT_NOFILE, &limit) == 0);
    rlim_t pairs = limit.rlim_cur < SPARE ? 0 : (limit.rlim_cur - SPARE) / 2;
    return pairs < PAIRS_WANTED ? (int)pairs : PAIRS_WANTED;
}

static void add(int kq, int fd) {
    struct kevent change;
    EV_SET(&change, fd, EVFILT_READ, EV_ADD, 0, 0, NULL);
    BENCH_REQUIRE(kevent(kq, &change, 1, NULL, 0, NULL) == 0);
}

static double memory_kqueue(void) {
    struct socket_set set;
    sockets_open(&set, pairs_possible(), false);
    private_bytes(); /* the first call touches pages too */
    long before = private_bytes();
    int kq = kqueue();
    BENCH_REQUIRE(kq != -1);
    for (int i = 0; i < set.count; i++) {
        add(kq, set.watched[i]);
        add(kq, set.other[i]);
    }
    long after = private_bytes();
    if (set.count < PAIRS_WANTED)
        bench_note("only %d descriptors allowed", 2 * set.count);
    return (double)(after - before) / (2 * set.count);
}

const struct bench memory_benches[] = {
    {"memory", "memory a registered descriptor", "B", memory_kqueue, NULL, 96},
    {0},
};
