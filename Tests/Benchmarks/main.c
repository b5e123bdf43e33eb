/*
 * Times the public kqueue API against epoll by hand and prints a table; against
 * poll by hand where the library is the one for any system with POSIX.1-2008.
 *
 *   bench [-q] [-n PAIRS] [NAME ...]    these, or all
 *   bench -c [-q] [-n PAIRS] [NAME ...] how costs grow: the curves named, or all
 *   bench -l                            the names of those that are no curves
 *
 * The times are medians, the ratio is the median of the ratios of single pairs
 * of runs.  Below 1 kqueue is the faster one.  Exit status 1 where one could not
 * be run.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#define _GNU_SOURCE
#include "bench.h"

#include <sys/event.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

enum { PAIRS_DEFAULT = 7, PAIRS_QUICK = 3, PAIRS_MOST = 101 };

static const struct bench *const tables[] = {
    harvest_benches,  active_benches, register_benches, user_benches,
    pingpong_benches, timer_benches,  thread_benches,   memory_benches,
    vnode_benches,    proc_benches,   life_benches,     latch_benches,
    kind_benches,     poll_benches,
};

/* Whether the library looks at files from time to time, as the one of POSIX does. */
static bool on_posix(void) {
    enum { USUAL = 250000000 };
    struct kevent entry;
    int kq = kqueue();
    EV_SET(&entry, 0, EVFILT_LIBKQUEUE, EV_ADD, NOTE_FILE_POLL_INTERVAL, USUAL, NULL);
    bool answered = kevent(kq, &entry, 1, &entry, 1, NULL) == 1 && !(entry.flags & EV_ERROR);
    close(kq);
    return answered;
}

/* Those named, or those against what the library is made of. */
bool bench_is_chosen(const char *name, bool fits, char *const *names, int count) {
    for (int i = 0; i < count; i++)
        if (strcmp(names[i], name) == 0)
            return true;
    return count == 0 && fits;
}

enum { TITLE = 34 }; /* the width of the column of titles */

static void print_header(void) {
    printf("%-*s %-4s %10s %10s %7s %8s\n", TITLE, "", "unit", "kqueue", "by hand", "ratio", "target");
}

static void print_value(double value, const char *format, const char *text, int width) {
    if (isnan(value))
        printf(" %*s", width, text);
    else
        printf(format, value);
}

static bool print_result(const struct bench *b, const struct bench_result *r) {
    bool failed = isnan(r->kqueue) || (b->epoll != NULL && isnan(r->epoll));
    double judged = b->epoll != NULL ? r->ratio : r->kqueue;

    printf("%-*.*s %-4s", TITLE, TITLE, b->title, b->unit); /* report.py reads columns */
    print_value(r->kqueue, " %10.2f", "failed", 10);
    print_value(r->epoll, " %10.2f", b->epoll != NULL ? "failed" : "-", 10);
    print_value(r->ratio, " %7.3f", "-", 7);
    print_value(b->target > 0 ? b->target : NAN, " %8.2f", "-", 8);
    printf("%s", b->target > 0 && judged > b->target ? "  over" : "");
    printf("%s%s", r->note[0] != '\0' ? "  " : "", r->note);
    printf("%s%s\n", r->epoll_note[0] != '\0' ? "  by hand: " : "", r->epoll_note);
    return !failed;
}

static void list(void) {
    for (size_t t = 0; t < sizeof tables / sizeof tables[0]; t++)
        for (const struct bench *b = tables[t]; b->name != NULL; b++)
            printf("%-22s %s\n", b->name, b->title);
}

static bool run(char *const *names, int count, int pairs, bool quick) {
    bool all_ran = true, posix = on_posix();
    int ran = 0;
    print_header();
    for (size_t t = 0; t < sizeof tables / sizeof tables[0]; t++)
        for (const struct bench *b = tables[t]; b->name != NULL; b++) {
            struct bench_result result;
            if (!bench_is_chosen(b->name, posix == (tables[t] == poll_benches), names, count))
                continue;
            bench_run(b, pairs, quick, &result);
            all_ran = print_result(b, &result) && all_ran;
            ran++;
        }
    if (ran < count || ran == 0) {
        fprintf(stderr, "bench: a name is unknown, see bench -l\n");
        return false;
    }
    return all_ran;
}

static void raise_descriptor_limit(void) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == -1)
        return;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

struct options {
    bool list, curves, quick;
    int pairs;
};

static bool parse(int argc, char **argv, struct options *options) {
    for (int option; (option = getopt(argc, argv, "cln:q")) != -1;) {
        options->list |= option == 'l';
        options->curves |= option == 'c';
        options->quick |= option == 'q';
        if (option == 'n')
            options->pairs = atoi(optarg);
        if (option == '?' || (option == 'n' && (options->pairs < 1 || options->pairs > PAIRS_MOST)))
            return false;
    }
    if (options->pairs == 0)
        options->pairs = options->quick ? PAIRS_QUICK : PAIRS_DEFAULT;
    return true;
}

int main(int argc, char **argv) {
    struct options options = {0};
    if (!parse(argc, argv, &options)) {
        fprintf(stderr, "usage: bench [-c] [-l] [-q] [-n PAIRS] [NAME ...]\n");
        return 2;
    }
    if (options.list) {
        list();
        return 0;
    }
    raise_descriptor_limit();
    bool (*measure)(char *const *, int, int, bool) = options.curves ? bench_curves : run;
    return measure(argv + optind, argc - optind, options.pairs, options.quick) ? 0 : 1;
}
