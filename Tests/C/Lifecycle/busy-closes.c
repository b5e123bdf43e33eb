/*
 * How long kevent() takes while four threads open, add, write and close beside
 * 5,000 knotes that are idle, and a fifth collects.
 *
 *   busy-closes [SECONDS]
 *
 * The processor's time of a call counts, since a thread that waits for a processor
 * waits as long in epoll_ctl(2).  The longest time by the clock is printed.  No
 * idle knote may be told again: its byte is unread, and under EV_CLEAR (C-353).
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "life-program.h"

#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/resource.h>

enum { IDLE = 5000, THREADS = 4, DESCRIPTORS = IDLE + 100, SECONDS_DEFAULT = 3 };

/* A call may take 5 ms, and one of 100,000 more: a virtual machine's pauses count as its processor's time. */
static const double limit_ms = 5;
static const long calls_per_long_one = 100000;

/* What a thread's calls took. Each thread has one of its own. */
struct tally {
    int kq;
    long calls, long_ones, told, told_again;
    double longest, longest_by_clock;
};

static int is_over;

static double processor_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static double larger(double left, double right) {
    return left > right ? left : right;
}

/* Calls kevent() and books what it took. */
static int measured(struct tally *tally, const struct kevent *changes, int change_count, struct kevent *events,
                    int room) {
    struct timespec none = {0, 0};
    double clock = now_ms(), processor = processor_ms();
    int count = CHECK(kevent(tally->kq, changes, change_count, events, room, &none));
    processor = processor_ms() - processor;
    tally->longest_by_clock = larger(tally->longest_by_clock, now_ms() - clock);
    tally->longest = larger(tally->longest, processor);
    tally->long_ones += processor > limit_ms;
    tally->calls++;
    return count;
}

static void *close_busily(void *argument) {
    struct tally *tally = argument;
    while (!__atomic_load_n(&is_over, __ATOMIC_RELAXED)) {
        struct kevent change;
        int ends[2];
        CHECK(pipe2(ends, O_CLOEXEC));
        EV_SET(&change, ends[0], EVFILT_READ, EV_ADD | EV_CLEAR, 0, 0, NULL);
        measured(tally, &change, 1, NULL, 0);
        CHECK(write(ends[1], "x", 1));
        CHECK(close(ends[0]));
        CHECK(close(ends[1]));
    }
    return NULL;
}

static void book(struct tally *tally, const struct kevent *events, int count) {
    for (int i = 0; i < count; i++)
        tally->told_again += events[i].udata != NULL;
    tally->told += count;
}

static void *collect_busily(void *argument) {
    struct tally *tally = argument;
    struct kevent events[64];
    while (!__atomic_load_n(&is_over, __ATOMIC_RELAXED)) {
        book(tally, events, collect(tally->kq, events, 64, 100));
        book(tally, events, measured(tally, NULL, 0, events, 64));
    }
    return NULL;
}

static void add_idle_knotes(int kq) {
    static struct kevent change, events[64];
    struct rlimit most;
    CHECK(getrlimit(RLIMIT_NOFILE, &most));
    if (most.rlim_max < DESCRIPTORS)
        skip("%ju descriptors at most", (uintmax_t)most.rlim_max);
    most.rlim_cur = most.rlim_max;
    CHECK(setrlimit(RLIMIT_NOFILE, &most));
    for (int i = 0; i < IDLE; i++) {
        EV_SET(&change, CHECK(eventfd(1, EFD_NONBLOCK | EFD_CLOEXEC)), EVFILT_READ, EV_ADD | EV_CLEAR, 0, 0, &change);
        CHECK(kevent(kq, &change, 1, NULL, 0, NULL));
    }
    while (collect(kq, events, 64, 0) > 0)
        continue;
}

static struct tally sum_of(const struct tally *tallies, int count) {
    struct tally sum = {0};
    for (int i = 0; i < count; i++) {
        sum.calls += tallies[i].calls;
        sum.long_ones += tallies[i].long_ones;
        sum.told += tallies[i].told;
        sum.told_again += tallies[i].told_again;
        sum.longest = larger(sum.longest, tallies[i].longest);
        sum.longest_by_clock = larger(sum.longest_by_clock, tallies[i].longest_by_clock);
    }
    return sum;
}

int main(int argc, char **argv) {
    static struct tally tallies[THREADS + 1];
    pthread_t threads[THREADS + 1];
    int kq = CHECK(kqueue());
    add_idle_knotes(kq);
    for (int i = 0; i <= THREADS; i++) {
        tallies[i].kq = kq;
        if (pthread_create(&threads[i], NULL, i < THREADS ? close_busily : collect_busily, &tallies[i]) != 0)
            fail("no thread");
    }
    sleep(argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : SECONDS_DEFAULT);
    __atomic_store_n(&is_over, 1, __ATOMIC_RELAXED);
    for (int i = 0; i <= THREADS; i++)
        pthread_join(threads[i], NULL);
    struct tally sum = sum_of(tallies, THREADS + 1);
    printf("%ld calls, the longest %.3f ms of the processor, %.1f ms by the clock; %ld events\n", sum.calls,
           sum.longest, sum.longest_by_clock, sum.told);
    if (sum.told_again > 0)
        fail("%ld events of idle knotes", sum.told_again);
    if (sum.long_ones > sum.calls / calls_per_long_one)
        fail("%ld calls took more than %.0f ms", sum.long_ones, limit_ms);
    return 0;
}
