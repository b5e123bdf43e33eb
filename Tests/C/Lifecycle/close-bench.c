/*
 * What close() costs of a number that no kqueue watches, compared with the
 * system call by itself.
 *
 *   close-bench
 *
 * Runs of either kind alternate, and the median of the ratios counts. The aim is
 * 1.02; only above 1.15 it fails, as small machines are noisy.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "life-program.h"

#include <sys/syscall.h>

enum { PAIRS = 41, CALLS = 40000 };

static const double aim = 1.02, limit = 1.15;

static int close_by_name(int fd) {
    return close(fd);
}

static int close_by_call(int fd) {
    return (int)syscall(SYS_close, fd);
}

/* Nanoseconds that the process spent on a duplicate made and closed. */
static double run(int (*end)(int), int fd) {
    struct timespec from, to;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &from);
    for (int i = 0; i < CALLS; i++)
        if (end(fcntl(fd, F_DUPFD_CLOEXEC, 100)) != 0)
            fail("close: %s", strerror(errno));
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &to);
    return ((double)(to.tv_sec - from.tv_sec) * 1e9 + (double)(to.tv_nsec - from.tv_nsec)) / CALLS;
}

static int compare(const void *left, const void *right) {
    double difference = *(const double *)left - *(const double *)right;
    return (difference > 0) - (difference < 0);
}

static double median(double *values) {
    qsort(values, PAIRS, sizeof *values, compare);
    return values[PAIRS / 2];
}

int main(void) {
    static double ratios[PAIRS], with[PAIRS], without[PAIRS];
    int kq = CHECK(kqueue()), fd = CHECK(open("/dev/null", O_RDONLY | O_CLOEXEC)), pair[2];
    CHECK(pipe2(pair, O_CLOEXEC));
    change(kq, pair[0], EVFILT_READ, EV_ADD, 0); /* the tables are in use, but not for the number */
    run(close_by_name, fd);
    run(close_by_call, fd);
    for (int i = 0; i < PAIRS; i++) {
        if (i % 2) {
            with[i] = run(close_by_name, fd);
            without[i] = run(close_by_call, fd);
        } else {
            without[i] = run(close_by_call, fd);
            with[i] = run(close_by_name, fd);
        }
        ratios[i] = with[i] / without[i];
    }
    double ratio = median(ratios);
    printf("dup and close: %.1f ns with close(), %.1f ns with the system call; ratio %.3f (aim %.2f)\n", median(with),
           median(without), ratio, aim);
    if (ratio > limit)
        fail("more than %.2f", limit);
    return 0;
}
