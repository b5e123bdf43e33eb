/*
 * Runs epochs of scenarios for a while, one after the other, as the seed has it.
 *
 *   stress [--seconds N] [--threads N] [--seed N] [--epoch N] [--only SCENARIO] [--list]
 *
 * The seed is printed and by every failure; with it the same choices are made
 * again. --epoch begins with that one. The last line says how many epochs
 * passed; the first that fails ends the run.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "stress.h"

#include <sys/resource.h>

enum { SECONDS_DEFAULT = 15, EPOCH_SECONDS_MAX = 60, SCENARIOS_MAX = 32, WARM_UPS = 2 };

struct options {
    uint64_t seed, epoch;
    unsigned seconds;
    int threads;
    const char *only;
};

static _Noreturn void list_scenarios(void) {
    for (const struct scenario *scenario = scenarios; scenario->name; scenario++)
        printf("%-12s %s\n", scenario->name, scenario->what);
    exit(0);
}

static _Noreturn void refuse(const char *argument) {
    fprintf(stderr, "stress: %s: not understood; see the head of Tests/C/Stress/main.c\n", argument);
    exit(2);
}

static uint64_t number_after(char **argument) {
    char *end;
    if (argument[1] == NULL)
        refuse(argument[0]);
    unsigned long long number = strtoull(argument[1], &end, 0);
    if (*end != 0 || end == argument[1])
        refuse(argument[1]);
    return number;
}

static struct options read_options(char **arguments) {
    struct options options = {.seed = now_ns() ^ (uint64_t)getpid() << 40, .seconds = SECONDS_DEFAULT,
                              .threads = THREADS_MAX};
    for (char **argument = arguments + 1; *argument; argument += 2) {
        if (strcmp(*argument, "--list") == 0)
            list_scenarios();
        else if (strcmp(*argument, "--only") == 0 && argument[1])
            options.only = argument[1];
        else if (strcmp(*argument, "--seed") == 0)
            options.seed = number_after(argument);
        else if (strcmp(*argument, "--epoch") == 0)
            options.epoch = number_after(argument);
        else if (strcmp(*argument, "--seconds") == 0)
            options.seconds = (unsigned)number_after(argument);
        else if (strcmp(*argument, "--threads") == 0)
            options.threads = (int)number_after(argument);
        else
            refuse(*argument);
    }
    if (options.threads < 2 || options.threads > THREADS_MAX)
        refuse("--threads (2 to 16)");
    return options;
}

/* The scenarios that may be chosen, by their places in the table. */
static int select_scenarios(const struct options *options, int *places) {
    int count = 0;
    for (int i = 0; scenarios[i].name; i++)
        if (options->only == NULL || strcmp(scenarios[i].name, options->only) == 0)
            places[count++] = i;
    if (count == 0)
        refuse(options->only);
    return count;
}

/* Every scenario once, then as the seed has it. */
static struct epoch choose_epoch(const struct options *options, uint64_t number, const int *places, int count) {
    struct epoch epoch = {.number = number, .threads = options->threads};
    epoch.random = random_for(options->seed, number);
    unsigned choice = random_below(&epoch.random, (unsigned)count);
    epoch.scenario = &scenarios[places[number < (uint64_t)count ? number : choice]];
    epoch.seed = random_next(&epoch.random);
    return epoch;
}

/* On a slow machine, such as an emulated one, so many times as long; as of the contract's cases. */
static unsigned epoch_seconds(void) {
    const char *setting = getenv("KQUEUE_TEST_SLOWNESS");
    int slowness = setting == NULL ? 1 : atoi(setting);
    return EPOCH_SECONDS_MAX * (unsigned)(slowness > 1 ? slowness : 1);
}

static void run_epoch(struct epoch *epoch) {
    static unsigned runs[SCENARIOS_MAX];
    watch_epoch(epoch, epoch_seconds());
    epoch->scenario->run(epoch);
    leaks_check(++runs[epoch->scenario - scenarios] <= WARM_UPS);
    watch_end();
}

/* A program for any BSD ignores what it watches; a signal that is watched no longer must not end it. */
static void prepare_process(void) {
    struct rlimit descriptors;
    REQUIRE_EQ(getrlimit(RLIMIT_NOFILE, &descriptors), 0);
    descriptors.rlim_cur = descriptors.rlim_max < 20000 ? descriptors.rlim_max : 20000;
    REQUIRE_EQ(setrlimit(RLIMIT_NOFILE, &descriptors), 0);
    for (int number = SIGRTMIN; number <= SIGRTMAX; number++)
        signal(number, SIG_IGN);
    signal(SIGPIPE, SIG_IGN);
}

int main(int argc, char **argv) {
    (void)argc;
    int places[SCENARIOS_MAX];
    struct options options = read_options(argv);
    int count = select_scenarios(&options, places);
    setvbuf(stdout, NULL, _IOLBF, 0);
    watch_start(options.seed);
    prepare_process();
    printf("seed %llu, %d threads, %s, %s\n", (unsigned long long)options.seed, options.threads,
           on_posix() ? "POSIX" : "Linux", closes_are_seen() ? "closes are seen" : "closes go unseen");
    uint64_t end = now_ns() + options.seconds * 1000000000ull;
    for (uint64_t number = options.epoch; number == options.epoch || now_ns() < end; number++) {
        struct epoch epoch = choose_epoch(&options, number, places, count);
        run_epoch(&epoch);
    }
    printf("%u passed, 0 failed\n", watch_passed());
    return 0;
}
