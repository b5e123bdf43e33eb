/*
 * The benchmarks: the public kqueue API against epoll by hand doing the same job,
 * or poll where that is what the library is made of.  Each side of each runs in a
 * process of its own, in turns.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef BENCH_H
#define BENCH_H

#include <stdbool.h>
#include <stddef.h>

/* Does the job once in a fresh process; the result in the benchmark's unit. */
typedef double bench_side(void);

struct bench {
    const char *name;    /* chosen by it on the command line */
    const char *title;
    const char *unit;    /* of what a side returns */
    bench_side *kqueue;
    bench_side *epoll;   /* or poll, by hand; NULL: there is nothing to compare with */
    double target;       /* the most that ratio, or value where no epoll, may be; 0 is none */
};

enum { SIZES = 8 };

/* How the cost grows with a size, which a side asks bench_size() for. */
struct bench_curve {
    const char *name;
    const char *title;
    const char *unit;
    bench_side *kqueue;
    bench_side *epoll;
    int sizes[SIZES + 1]; /* ended by a 0 */
};

/* The tables of the other files, each ended by an entry of NULLs. */
extern const struct bench harvest_benches[], active_benches[], register_benches[], user_benches[],
    pingpong_benches[], timer_benches[], thread_benches[], memory_benches[], vnode_benches[], proc_benches[],
    life_benches[], latch_benches[], kind_benches[], poll_benches[];

extern const struct bench_curve active_curves[], harvest_curves[], register_curves[], user_curves[], timer_curves[],
    thread_curves[], vnode_curves[], proc_curves[], queue_curves[];

/* kqueue sides that the rows against poll have as well. */
bench_side harvest_few_kqueue, active_kqueue;

/* ---- run.c: sides in processes, pairs, medians ---- */

enum { NOTE_SIZE = 100 };

struct bench_result {
    double kqueue, epoll; /* medians; NAN where it failed */
    double ratio;         /* the median of the ratios of the pairs */
    char note[NOTE_SIZE]; /* of the kqueue side: a failure or a remark */
    char epoll_note[NOTE_SIZE];
};

void bench_run(const struct bench *b, int pairs, bool quick, struct bench_result *result);
double bench_median(double *values, size_t count); /* sorts them */

/* Whether a name is among those that were asked for, or none was and it fits. */
bool bench_is_chosen(const char *name, bool fits, char *const *names, int count);

/* curves.c: measures the curves named, or all; false where there is none of those names. */
bool bench_curves(char *const *names, int count, int pairs, bool quick);

/* For sides: a remark for the table's last column, and the end of a side that cannot go on. */
void bench_note(const char *format, ...) __attribute__((format(printf, 1, 2)));
_Noreturn void bench_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));
#define BENCH_REQUIRE(condition) \
    ((condition) ? (void)0 : bench_fail("%s:%d: %s", __FILE__, __LINE__, #condition))
/* -q: a tenth of the time, for a look at whether it works. */
bool bench_quick(void);
/* The size at which a curve is measured. */
int bench_size(void);
void bench_set_size(int size);

/* ---- measure.c ---- */

double bench_now_ns(void); /* CLOCK_MONOTONIC */
double bench_cpu_ns(void); /* of all the process's threads */
/* Calls op over and over for a fixed time; nanoseconds a call, the median of many batches. */
double bench_measure(void (*op)(void *), void *argument);

/* ---- sockets.c ---- */

struct socket_set {
    int count;
    int *watched; /* one end of each pair ... */
    int *other;   /* ... and the other */
};

/* count socketpairs, with a byte to read in each watched end where ready. */
void sockets_open(struct socket_set *set, int count, bool ready);
int sockets_kqueue(const struct socket_set *set); /* a kqueue with EVFILT_READ on each */
int sockets_epoll(const struct socket_set *set);  /* an epoll set with EPOLLIN on each */

#endif
