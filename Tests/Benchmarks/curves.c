/*
 * How the cost of an operation grows with the number of descriptors, events,
 * timers, kqueues, threads, children or files.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "bench.h"

#include <math.h>
#include <stdio.h>

static const struct bench_curve *const tables[] = {
    active_curves, harvest_curves, register_curves, user_curves, timer_curves,
    queue_curves,  thread_curves,  proc_curves,     vnode_curves,
};

static void print_value(double value, int digits) {
    if (isnan(value))
        printf(" %10s", "-");
    else
        printf(" %10.*f", digits, value);
}

/* A size that one side cannot reach has no value there: by hand, a timer takes a descriptor. */
static void measure_at(const struct bench_curve *curve, int size, int pairs, bool quick) {
    struct bench one = {.name = curve->name, .title = curve->title, .unit = curve->unit,
                        .kqueue = curve->kqueue, .epoll = curve->epoll};
    struct bench_result result;
    bench_set_size(size);
    bench_run(&one, pairs, quick, &result);
    printf("%-16s %8d %-4s", curve->name, size, curve->unit);
    print_value(result.kqueue, 1);
    print_value(result.epoll, 1);
    print_value(result.ratio, 2);
    printf("  %s\n", curve->title);
    fflush(stdout);
}

bool bench_curves(char *const *names, int count, int pairs, bool quick) {
    bool any = false;
    printf("%-16s %8s %-4s %10s %10s %10s\n", "", "size", "unit", "kqueue", "by hand", "ratio");
    for (size_t t = 0; t < sizeof tables / sizeof tables[0]; t++)
        for (const struct bench_curve *curve = tables[t]; curve->name != NULL; curve++) {
            if (!bench_is_chosen(curve->name, true, names, count))
                continue;
            any = true;
            for (const int *size = curve->sizes; *size != 0; size++)
                measure_at(curve, *size, pairs, quick);
        }
    return any;
}
