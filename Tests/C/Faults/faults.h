/*
 * Faults: every system call that the library makes fails once, on each of its uses, with each error
 * that it can give; and from the start on, as a filter makes it.  README.md has the whole story.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef FAULTS_H
#define FAULTS_H

#include <sys/event.h>

#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* ---- The table of system calls (calls.c) ---- */

enum {
    MOST_ERRORS = 6,
    MOST_CALLS = 128,
    /* Flags of a call. */
    IS_MADE = 1,   /* it is made all the same, and only its answer replaced: so close(2) fails */
    LEAKS = 2,     /* what it was to give back is lost with it: munmap(2) */
    OF_AN_ENTRY = 8, /* it does not fail where what it adds is there */
    OF_A_FILE = 32,  /* it does not fail of what has no place in a file system: sockets, pipes, eventfds */
    LEAVES = 64,   /* what cannot be told to be the library's is left open, where closes go unseen */
    REPEATS = 16,  /* what is known less well is told once more */
    DENIED = 4,    /* filters are known to deny it: EPERM, EACCES and ENOSYS from the start on */
};

struct call {
    const char *name;
    long number;
    int argument;            /* which argument tells it from others of its number; -1: none */
    uint64_t mask, value;    /* what that argument is, of these bits */
    int errors[MOST_ERRORS]; /* each that it can give */
    int answers[MOST_ERRORS];/* what a caller may be told instead, beside the same error */
    unsigned flags;
    const char *otherwise;   /* what stands in for it, or comes of its absence */
};

extern const struct call calls[];
int count_calls(void);
/* The place of a call in the table, or -1. */
int find_call(uint64_t number, const uint64_t arguments[6]);

/* ---- One fault, and what the traced program and the tracer tell each other ---- */

struct fault {
    int call;   /* its place in the table, or -1: no fault */
    int use;    /* the how-manieth use of a round fails; 0: all, in and outside of rounds */
    int error;
};

enum { ROUNDS = 3, LAST_UNFAULTED = 2 }; /* the first is cold, the second warm, the third without faults */

struct left {
    int descriptors;
    long bytes; /* mapped */
};

struct shared {
    _Atomic unsigned made;              /* calls that the library made */
    _Atomic unsigned failed;            /* ... of which were made to fail */
    unsigned uses[ROUNDS][MOST_CALLS];  /* by round */
    uint64_t unlisted[8];               /* the first call that is not in the table, and its arguments */
    bool is_unlisted;
    struct left left[ROUNDS];
    bool is_done, is_skipped;
    char message[512];
};
extern struct shared *shared;
extern struct fault fault;
extern bool is_posix; /* the platform */
extern bool is_traced; /* each call of the library's is printed */

/* ---- Tracing (tracer.c, registers.c) ---- */

enum mark { MARK_IN = 1, MARK_OUT, MARK_ROUND, MARK_REST };
enum { MARK = 0x6b716661 };

/* Runs a function in a process of its own with `fault`: why it failed, "" where it did not, NULL where it hangs. */
const char *run_traced(void (*run)(void), int seconds);
/* Whether a process may be traced here; why not otherwise. */
const char *cannot_trace(void);

struct registers {
    bool is_entry;
    long result;
    uint64_t number, arguments[6];
};
bool read_registers(pid_t thread, struct registers *registers);
void skip_call(pid_t thread);
void set_result(pid_t thread, long result);

/* ---- In the traced program (library.c) ---- */

void mark(enum mark mark, long argument);
/* Around a call of the library: what is called meanwhile counts. */
#define LIBRARY(call) \
    ({ \
        mark(MARK_IN, 0); \
        __typeof__(call) result_ = (call); \
        int error_ = errno; \
        mark(MARK_OUT, 0); \
        errno = error_; \
        result_; \
    })

_Noreturn void fail(const char *file, int line, const char *format, ...) __attribute__((format(printf, 3, 4)));
_Noreturn void skip(const char *why);
#define REQUIRE(condition) ((condition) ? (void)0 : fail(__FILE__, __LINE__, "%s (errno %d)", #condition, errno))

/* Whether an error may be what comes of the fault. */
bool is_allowed(int error);
void require_allowed(const char *what, int error);
bool fails_always(void);
bool on_posix(void);

/* These are made anew where they fail as they may: 0, or the error that stays where the fault does. */
int new_kqueue(int *kq);
int apply(int kq, uintptr_t ident, int filter, int flags, unsigned fflags, intptr_t data);
/* How many events; errors that may be are as no events. */
int collect(int kq, struct kevent *events, int room, long milliseconds);
/* Collects until each of these has come, and requires that none comes twice where it is EV_CLEAR. */
struct wanted {
    uintptr_t ident;
    int filter, seen;
    bool is_clear;
};
void gather(int kq, struct wanted *wanted, int count);
/* Requires that nothing comes, and that few calls are made for it. */
void require_silent(int kq, long milliseconds);
void close_kqueue(int kq);
struct left count_left(void);

/* ---- Bystanders (bystanders.c): knotes of the same kqueue that nothing is to happen to ---- */

struct bystanders {
    int kq, pipe[2];
    int registered; /* bits */
};
void add_bystanders(struct bystanders *bystanders, int kq);
void trigger_bystanders(struct bystanders *bystanders);
/* Adds what was triggered to what is to come. */
int want_bystanders(struct bystanders *bystanders, struct wanted *wanted);
void drain_bystanders(struct bystanders *bystanders);
void free_bystanders(struct bystanders *bystanders);
/* Whether the kqueue goes on: a timer, a knote, a pipe. */
void require_working(int kq);

/* ---- Scenes ---- */

struct scene {
    const char *name;
    void (*run)(const struct scene *scene); /* one round */
    const struct subject *subject;
};

/* Something that a knote is on. */
struct subject {
    const char *name;
    int filter, flags;
    unsigned fflags;
    intptr_t data;
    uintptr_t (*make)(void);      /* its ident */
    void (*trigger)(void);        /* has it told; NULL: it cannot be here */
    void (*quiet)(void);          /* has it silent again */
    void (*end)(void);            /* after the knote is gone */
    bool is_once, not_on_posix;
};
extern const struct subject subjects[];
extern const struct scene other_scenes[];
void run_subject(const struct scene *scene);

#endif /* FAULTS_H */
