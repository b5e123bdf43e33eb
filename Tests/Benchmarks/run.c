/*
 * Runs the two sides of a benchmark in turns, each in a process of its own: none
 * inherits descriptors, memory or a library's state, and none takes the rest
 * with it when it hangs or crashes.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#define _GNU_SOURCE
#include "bench.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SIDE_SECONDS = 30, PAIRS_MAX = 101 };

/* What a side's process sends back. */
struct report {
    double value;
    char note[NOTE_SIZE];
};

static struct report report;
static int report_to = -1;
static bool quick_run;
static int size_now;

bool bench_quick(void) { return quick_run; }
int bench_size(void) { return size_now; }
void bench_set_size(int size) { size_now = size; }

static void set_note(const char *format, va_list arguments) {
    vsnprintf(report.note, sizeof report.note, format, arguments);
}

void bench_note(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    set_note(format, arguments);
    va_end(arguments);
}

_Noreturn static void send_report(double value) {
    report.value = value;
    _exit(write(report_to, &report, sizeof report) == sizeof report ? 0 : 1);
}

void bench_fail(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    set_note(format, arguments);
    va_end(arguments);
    send_report(NAN);
}

static struct report run_side(bench_side *side) {
    struct report got = {.value = NAN};
    int ends[2], status = 0;
    fflush(stdout);
    if (pipe(ends) == -1)
        return got;
    pid_t child = fork();
    if (child == 0) {
        close(ends[0]);
        report_to = ends[1];
        alarm(SIDE_SECONDS);
        send_report(side());
    }
    close(ends[1]);
    if (child == -1 || read(ends[0], &got, sizeof got) != sizeof got)
        got.value = NAN;
    close(ends[0]);
    if (child != -1)
        waitpid(child, &status, 0);
    if (WIFSIGNALED(status))
        snprintf(got.note, sizeof got.note, "ended by signal %d", WTERMSIG(status));
    return got;
}

static int compare_doubles(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double bench_median(double *values, size_t count) {
    if (count == 0)
        return NAN;
    qsort(values, count, sizeof *values, compare_doubles);
    return (values[(count - 1) / 2] + values[count / 2]) / 2;
}

void bench_run(const struct bench *b, int pairs, bool quick, struct bench_result *result) {
    double kqueue[PAIRS_MAX], epoll[PAIRS_MAX], ratios[PAIRS_MAX];
    size_t count = 0;

    memset(result, 0, sizeof *result);
    quick_run = quick;
    for (int i = 0; i < pairs && i < PAIRS_MAX; i++) {
        struct report k = run_side(b->kqueue), e = {.value = NAN};
        if (b->epoll != NULL)
            e = run_side(b->epoll);
        memcpy(result->note, k.note, sizeof result->note);
        memcpy(result->epoll_note, e.note, sizeof result->epoll_note);
        kqueue[count] = k.value;
        epoll[count] = e.value;
        ratios[count++] = k.value / e.value;
        if (isnan(k.value) || (b->epoll != NULL && isnan(e.value))) {
            result->kqueue = k.value;
            result->epoll = e.value;
            result->ratio = NAN;
            return;
        }
    }
    result->kqueue = bench_median(kqueue, count);
    result->epoll = b->epoll != NULL ? bench_median(epoll, count) : NAN;
    result->ratio = b->epoll != NULL ? bench_median(ratios, count) : NAN;
}
