/*
 * Clocks, and the time of a call.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#define _GNU_SOURCE
#include "bench.h"

#include <time.h>

enum { BATCHES_MAX = 400, BATCH_NS = 500000 };

static double read_clock(clockid_t clock) {
    struct timespec t;
    clock_gettime(clock, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

double bench_now_ns(void) { return read_clock(CLOCK_MONOTONIC); }

double bench_cpu_ns(void) { return read_clock(CLOCK_PROCESS_CPUTIME_ID); }

static double time_batch(void (*op)(void *), void *argument, long calls) {
    double start = bench_now_ns();
    for (long i = 0; i < calls; i++)
        op(argument);
    return bench_now_ns() - start;
}

/* So many calls that a batch is long against reading the clock; warms up on the way. */
static long calls_in_batch(void (*op)(void *), void *argument) {
    long calls = 1;
    while (time_batch(op, argument, calls) < BATCH_NS)
        calls *= 2;
    return calls;
}

/* Many short batches and their median: one that the scheduler interrupts does not count. */
double bench_measure(void (*op)(void *), void *argument) {
    double batches[BATCHES_MAX];
    double budget = bench_quick() ? 15e6 : 150e6;
    size_t count = 0;
    long calls = calls_in_batch(op, argument);

    double end = bench_now_ns() + budget;
    while (count < BATCHES_MAX && (count < 3 || bench_now_ns() < end))
        batches[count++] = time_batch(op, argument, calls) / (double)calls;
    return bench_median(batches, count);
}
