/*
 * What every file of the stress program uses: choices, failures, the watchdog,
 * time, changes, and teams of threads.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef STRESS_H
#define STRESS_H

#include <sys/event.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { THREADS_MAX = 16 };

/* ---- Choices (random.c): what is chosen follows from the seed alone ---- */

struct random {
    uint64_t state;
};
uint64_t random_next(struct random *random);
/* 0 to bound - 1. */
unsigned random_below(struct random *random, unsigned bound);
/* from to to, both included. */
unsigned random_between(struct random *random, unsigned from, unsigned to);
bool random_chance(struct random *random, unsigned percent);
/* A generator of its own for part number `part` of what the seed stands for. */
struct random random_for(uint64_t seed, uint64_t part);

/* ---- Scenarios (scenarios.c) ---- */

struct epoch {
    uint64_t number, seed;
    const struct scenario *scenario;
    struct random random;
    int threads; /* the most that it may start */
};

struct kind; /* load.h */
struct scenario {
    const char *name, *what;
    void (*run)(struct epoch *epoch);
    const struct kind *const *kinds; /* of what load_run() watches, NULL after the last */
};
extern const struct scenario scenarios[];

/* ---- Failures and the watchdog (watch.c) ---- */

void watch_start(uint64_t seed);
/* From here on the epoch may take so many seconds; what is stuck then is a failure. */
void watch_epoch(const struct epoch *epoch, unsigned seconds);
void watch_end(void);
/* Names the calling thread, and what it is about to do; the texts must stay. */
void watch_thread(const char *team, int number);
void note(const char *what);
void watch_thread_ends(void);
/* In a forked child: it has this long, and its failures are told as its own. */
void watch_child(unsigned seconds);
unsigned watch_passed(void);

/* Prints what was expected and seen with the seed, and ends the run with status 1. */
_Noreturn void stress_fail(const char *file, int line, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
#define FAIL(...) stress_fail(__FILE__, __LINE__, __VA_ARGS__)
#define REQUIRE(condition) \
    ((condition) ? (void)0 : FAIL("expected %s; errno %d, %s", #condition, errno, strerror(errno)))
#define REQUIRE_EQ(got, want) require_equal(__FILE__, __LINE__, #got, (long long)(got), (long long)(want))
void require_equal(const char *file, int line, const char *what, long long got, long long want);

/* ---- What the process holds (leaks.c) ---- */

/* Fails where an epoch of a scenario that ran before left descriptors or memory behind. */
void leaks_check(bool warm_up);

/* ---- The system and the library (support.c) ---- */

/* Whether this is the library for any system with POSIX.1-2008; see docs/compatibility.md. */
bool on_posix(void);
/* Whether it is told of a child's end by a descriptor of the child, and not by SIGCHLD. */
bool has_pidfds(void);
/* Whether the program's close() tells the library. */
bool closes_are_seen(void);

uint64_t now_ns(void);
void sleep_us(unsigned microseconds);
extern const struct timespec no_wait;
struct timespec milliseconds(unsigned count);

int new_kqueue(void);
/* One change: 0 or its errno. Now and then it asks for a receipt, which must say the same. */
int change_errno(int kq, uintptr_t ident, int filter, int flags, unsigned fflags, intptr_t data, void *udata);
#define CHANGE(...) REQUIRE_EQ(change_errno(__VA_ARGS__), 0)
/* kevent() without changes; EINTR is 0 events. */
int collect(int kq, struct kevent *events, int room, const struct timespec *timeout);
bool poll_readable(int kq);

/* What can be watched, non-blocking and close-on-exec. [0] is read from. */
enum transport { PIPE, UNIX_STREAM, UNIX_DATAGRAM, TCP, UDP, EVENTFD, TRANSPORTS };
void open_transport(enum transport transport, int pair[2]);
bool keeps_messages_apart(enum transport transport);
/* Whether bytes may arrive after write() has returned. */
bool arrives_late(enum transport transport);
/*
 * Whether what was written later may be read first: each processor has a queue of its own for the loopback, and
 * a thread may go on writing on another one before the first has emptied its queue.
 */
bool may_overtake(enum transport transport);

/* Older C libraries lack it; the library has it. */
int close_range(unsigned first, unsigned last, int flags);
/* Closes a descriptor in one of the ways there are. */
void close_somehow(int fd, unsigned way);
enum { CLOSE_WAYS = 4 };

/* ---- Threads that work in rounds (team.c) ---- */

struct member {
    struct team *team;
    int number;
    struct random random;
};
struct team {
    const char *name;
    void (*work)(void *context, struct member *member); /* one round */
    void *context;
    int size, round, done;
    bool over;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    pthread_t threads[THREADS_MAX];
    struct member members[THREADS_MAX];
};
void team_start(struct team *team, const char *name, int size, void (*work)(void *, struct member *), void *context,
                uint64_t seed);
/* Has every member do a round; waits until all have done it; ends the threads. */
void team_release(struct team *team);
void team_await(struct team *team);
bool team_is_done(struct team *team);
void team_end(struct team *team);

#endif /* STRESS_H */
