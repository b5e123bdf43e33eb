/*
 * Replays inputs from files, or makes them up.
 *
 *   fuzz-replay FILE...              each once
 *   fuzz-replay --random SEED N      N inputs that follow from a seed
 *   fuzz-replay --seconds SEED N     as many as fit
 *   fuzz-replay --reduce FILE        makes an input that fails shorter, in place
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "fuzz.h"

#include <signal.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#ifdef FUZZ_CORE
#include "fake.h"
#endif

extern void (*fuzz_report)(void);

enum { LARGEST = 1 << 16 };
static uint8_t input[LARGEST];
static size_t length;
static const char *failed_path = "fuzz-failed";

static void save(const char *path, const uint8_t *bytes, size_t count) {
    FILE *file = fopen(path, "wb");
    if (file == NULL || fwrite(bytes, 1, count, file) != count || fclose(file) != 0)
        perror(path);
}

static char **replay_arguments(void) {
    static char *arguments[] = {"fuzz-replay", NULL, NULL, NULL};
    int count = 1;
#ifdef FUZZ_CORE
    if (!fake_closes_are_seen)
        arguments[count++] = "--unseen";
#endif
    arguments[count] = (char *)failed_path;
    return arguments;
}

/*
 * Saves the input; what it does is written down in a process that replays it.  That one may find no difference, where
 * it takes the inputs before to make one; this one fails all the same.  vfork(2) runs no handlers of the library's.
 */
static void report(void) {
    fprintf(stderr, "%llu calls were compared before; the input is in %s\n", (unsigned long long)calls, failed_path);
    save(failed_path, input, length);
    if (!is_quiet)
        return;
    char **replay = replay_arguments();
    pid_t child = vfork();
    if (child == 0) {
        execv("/proc/self/exe", replay);
        _exit(127);
    }
    if (child > 0)
        (void)waitpid(child, NULL, 0);
}

/* The library found something wrong in itself. */
static void report_signal(int number) {
    signal(number, SIG_DFL);
    print_history();
    report();
    raise(number);
}

static void load(const char *path) {
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        perror(path);
        exit(2);
    }
    length = fread(input, 1, sizeof input, file);
    fclose(file);
}

/* ---- Random inputs (SplitMix64) ---- */

static uint64_t state;

static uint64_t next_random(void) {
    uint64_t word = state += UINT64_C(0x9e3779b97f4a7c15);
    word = (word ^ (word >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    word = (word ^ (word >> 27)) * UINT64_C(0x94d049bb133111eb);
    return word ^ (word >> 31);
}

/* One of a seed's inputs; each can be made without those before. */
static void make(uint64_t seed, uint64_t number) {
    state = seed * UINT64_C(0x2545f4914f6cdd1d) + number;
    length = (64 + next_random() % 2048) * RECORD;
    for (size_t place = 0; place < length; place += 8) {
        uint64_t word = next_random();
        memcpy(input + place, &word, 8);
    }
}

static int run_random(uint64_t seed, uint64_t most, time_t until) {
    uint64_t number = 0;
    for (; number < most && (until == 0 || time(NULL) < until); number++) {
        make(seed, number);
        LLVMFuzzerTestOneInput(input, length);
        if (number % 20000 == 19999) {
            printf("%llu inputs, %llu calls compared\n", (unsigned long long)number + 1, (unsigned long long)calls);
            fflush(stdout);
        }
    }
    printf("seed %llu: %llu inputs, %llu calls compared, no difference\n", (unsigned long long)seed,
           (unsigned long long)number, (unsigned long long)calls);
    return 0;
}

/* ---- Making a failing input shorter ---- */

/* Whether bytes fail, in a process of their own. */
static bool fails(const uint8_t *bytes, size_t count) {
    int status = 0;
    pid_t child = fork();
    if (child == 0) {
        int null = open("/dev/null", O_RDWR);
        dup2(null, 2);
        fuzz_report = NULL;
        signal(SIGABRT, SIG_DFL), signal(SIGILL, SIG_DFL), signal(SIGTRAP, SIG_DFL), signal(SIGSEGV, SIG_DFL);
        alarm(20);
        LLVMFuzzerTestOneInput(bytes, count);
        _exit(0);
    }
    waitpid(child, &status, 0);
    return status != 0;
}

static void reduce(const char *path) {
    static uint8_t shorter[LARGEST];
    for (size_t piece = length / 2 / RECORD * RECORD; piece >= RECORD; piece = piece / 2 / RECORD * RECORD)
        for (size_t place = 0; place + piece <= length;) {
            memcpy(shorter, input, place);
            memcpy(shorter + place, input + place + piece, length - place - piece);
            if (fails(shorter, length - piece)) {
                length -= piece;
                memcpy(input, shorter, length);
            } else {
                place += piece;
            }
        }
    save(path, input, length);
    printf("%s: %zu records\n", path, length / RECORD);
}

int main(int count, char **arguments) {
    struct rlimit no_core = {0, 0};
    setrlimit(RLIMIT_CORE, &no_core);
    fuzz_report = report;
    for (const int *number = (const int[]){SIGABRT, SIGILL, SIGTRAP, SIGSEGV, SIGBUS, 0}; *number != 0; number++)
        signal(*number, report_signal);
#ifdef FUZZ_CORE
    if (count > 1 && strcmp(arguments[1], "--unseen") == 0) {
        fake_closes_are_seen = false;
        count--, arguments++;
    }
#endif
    if (getenv("FUZZ_FAILED"))
        failed_path = getenv("FUZZ_FAILED");
    if (count == 4 && strcmp(arguments[1], "--random") == 0)
        return run_random(strtoull(arguments[2], NULL, 10), strtoull(arguments[3], NULL, 10), 0);
    if (count == 4 && strcmp(arguments[1], "--seconds") == 0)
        return run_random(strtoull(arguments[2], NULL, 10), UINT64_MAX, time(NULL) + atoi(arguments[3]));
    if (count == 3 && strcmp(arguments[1], "--reduce") == 0) {
        load(arguments[2]);
        return fails(input, length) ? (reduce(arguments[2]), 0) : 1;
    }
    is_quiet = false;
    for (int place = 1; place < count; place++) {
        load(arguments[place]);
        LLVMFuzzerTestOneInput(input, length);
    }
    printf("%d inputs, %llu calls compared, no difference\n", count - 1, (unsigned long long)calls);
    return 0;
}
