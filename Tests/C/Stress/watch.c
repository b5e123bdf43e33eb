/*
 * Failures, and the watchdog: an alarm that names what every thread is doing.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "stress.h"

#include <stdarg.h>

enum { WATCHED_MAX = 64, TEXT_MAX = 256 };

/* The handler reads these while their threads write them. */
static struct watched {
    _Atomic(const char *) team, doing;
    atomic_int number;
} watched[WATCHED_MAX];
static atomic_int watched_count;
static _Thread_local struct watched *own;

static char where[TEXT_MAX]; /* "epoch 7, scenario bytes, seed 12" */
static char replay[TEXT_MAX];
static uint64_t run_seed;
static atomic_uint passed;
static bool in_child;

static void say(const char *text) {
    if (write(STDOUT_FILENO, text, strlen(text)) == -1)
        _exit(1);
}

static void say_number(int number) {
    char digits[3] = {(char)('0' + number / 10 % 10), (char)('0' + number % 10), 0};
    say(number < 10 ? digits + 1 : digits);
}

/* Async-signal-safe: "     collector 3: in kevent()". */
static void say_threads(void) {
    for (int i = 0; i < watched_count && i < WATCHED_MAX; i++) {
        const char *team = watched[i].team, *doing = watched[i].doing;
        if (team == NULL)
            continue;
        say("     ");
        say(team);
        say(" ");
        say_number(watched[i].number);
        say(": ");
        say(doing ? doing : "starting");
        say("\n");
    }
}

static _Noreturn void end_run(void) {
    if (in_child)
        _exit(1);
    say(replay);
    char digits[24];
    int place = sizeof digits;
    digits[--place] = 0;
    unsigned left = passed;
    do
        digits[--place] = (char)('0' + left % 10);
    while (left /= 10);
    say(digits + place);
    say(" passed, 1 failed\n");
    _exit(1);
}

static void on_alarm(int signal) {
    (void)signal;
    say("FAIL ");
    say(where);
    say(in_child ? ": a forked child is stuck\n" : ": stuck; expected to be done by now. What each thread is doing:\n");
    if (!in_child)
        say_threads();
    end_run();
}

static void on_crash(int signal) {
    say("FAIL ");
    say(where);
    say(signal == SIGSEGV ? ": SIGSEGV\n" : signal == SIGBUS ? ": SIGBUS\n" : ": SIGABRT or SIGILL\n");
    say_threads();
    end_run();
}

void watch_start(uint64_t seed) {
    static const int crashes[] = {SIGSEGV, SIGBUS, SIGILL, SIGTRAP, SIGABRT};
    struct sigaction action = {.sa_handler = on_alarm};
    run_seed = seed;
    REQUIRE_EQ(sigaction(SIGALRM, &action, NULL), 0);
    action.sa_handler = on_crash;
    for (size_t i = 0; i < sizeof crashes / sizeof *crashes; i++)
        REQUIRE_EQ(sigaction(crashes[i], &action, NULL), 0);
    watch_thread("main", 0);
}

void watch_epoch(const struct epoch *epoch, unsigned seconds) {
    snprintf(where, sizeof where, "epoch %llu, scenario %s, seed %llu", (unsigned long long)epoch->number,
             epoch->scenario->name, (unsigned long long)run_seed);
    snprintf(replay, sizeof replay, "     again: --seed %llu --threads %d --epoch %llu --only %s\n",
             (unsigned long long)run_seed, epoch->threads, (unsigned long long)epoch->number, epoch->scenario->name);
    alarm(seconds);
}

void watch_end(void) {
    alarm(0);
    passed++;
}

unsigned watch_passed(void) {
    return passed;
}

void watch_child(unsigned seconds) {
    in_child = true;
    alarm(seconds);
}

/* Takes a free place; a crowd beyond the table goes unnamed. */
void watch_thread(const char *team, int number) {
    for (int i = 0; i < WATCHED_MAX; i++) {
        const char *none = NULL;
        if (!atomic_compare_exchange_strong(&watched[i].team, &none, team))
            continue;
        watched[i].number = number;
        watched[i].doing = NULL;
        own = &watched[i];
        for (int count = watched_count; count <= i;)
            if (atomic_compare_exchange_weak(&watched_count, &count, i + 1))
                break;
        return;
    }
}

void note(const char *what) {
    if (own)
        own->doing = what;
}

void watch_thread_ends(void) {
    if (own)
        own->team = NULL;
    own = NULL;
}

void stress_fail(const char *file, int line, const char *format, ...) {
    static atomic_flag failing = ATOMIC_FLAG_INIT;
    while (atomic_flag_test_and_set(&failing))
        pause(); /* another thread is telling; the run ends with it */
    char text[1024];
    const char *slash = strrchr(file, '/');
    int length = snprintf(text, sizeof text, "FAIL %s%s\n     %s:%d: ", where, in_child ? ", in a forked child" : "",
                          slash ? slash + 1 : file, line);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text + length, sizeof text - (size_t)length - 1, format, arguments);
    va_end(arguments);
    strcat(text, "\n");
    say(text);
    end_run();
}

void require_equal(const char *file, int line, const char *what, long long got, long long want) {
    if (got != want)
        stress_fail(file, line, "%s: expected %lld, seen %lld", what, want, got);
}
