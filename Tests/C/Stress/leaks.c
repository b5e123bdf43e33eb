/*
 * What the process holds: descriptors, mappings, resident memory.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "stress.h"

#include <dirent.h>

/* Stacks and arenas of threads come and go with the scheduler; a leak comes back with every epoch. */
enum { MAPPINGS_MORE = 64, RESIDENT_MORE_KB = 24 * 1024 };

struct held {
    long descriptors, mappings, resident_kb;
};

extern void __asan_init(void) __attribute__((weak));
extern void __tsan_init(void) __attribute__((weak));

static bool sanitized(void) {
    return __asan_init != NULL || __tsan_init != NULL;
}

static long count_descriptors(void) {
    DIR *directory = opendir("/proc/self/fd");
    REQUIRE(directory != NULL);
    long count = -1; /* the directory's own */
    for (struct dirent *entry; (entry = readdir(directory)) != NULL;)
        count += entry->d_name[0] != '.';
    closedir(directory);
    return count;
}

static FILE *open_own(const char *path) {
    FILE *file = fopen(path, "re");
    REQUIRE(file != NULL);
    return file;
}

static long count_mappings(void) {
    FILE *maps = open_own("/proc/self/maps");
    long count = 0;
    for (int byte; (byte = getc(maps)) != EOF;)
        count += byte == '\n';
    fclose(maps);
    return count;
}

static long resident_kb(void) {
    FILE *status = open_own("/proc/self/status");
    char line[256];
    long size = 0;
    while (fgets(line, sizeof line, status))
        sscanf(line, "VmRSS: %ld", &size);
    fclose(status);
    return size;
}

void leaks_check(bool warm_up) {
    static struct held most;
    libkqueue_drain_pending_close(); /* where closes go unseen, what closed kqueues had */
    struct held held = {count_descriptors(), count_mappings(), resident_kb()};
    if (!warm_up && held.descriptors > most.descriptors)
        FAIL("expected at most %ld descriptors, as after the first epochs; seen %ld", most.descriptors,
             held.descriptors);
    if (!warm_up && !sanitized() && held.mappings > most.mappings + MAPPINGS_MORE)
        FAIL("expected about %ld mappings, as after the first epochs; seen %ld", most.mappings, held.mappings);
    if (!warm_up && !sanitized() && held.resident_kb > most.resident_kb + RESIDENT_MORE_KB)
        FAIL("expected about %ld KiB in memory, as after the first epochs; seen %ld", most.resident_kb,
             held.resident_kb);
    if (!warm_up)
        return;
    if (held.descriptors > most.descriptors)
        most.descriptors = held.descriptors;
    if (held.mappings > most.mappings)
        most.mappings = held.mappings;
    if (held.resident_kb > most.resident_kb)
        most.resident_kb = held.resident_kb;
}
