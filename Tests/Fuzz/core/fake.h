/*
 * A system made of plain memory, for the core alone: descriptors, what they refer to, and event sets that are much
 * like epoll's. There is no system call, no sleep, and a clock that only the test moves.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef FUZZ_FAKE_H
#define FUZZ_FAKE_H

#include <stdbool.h>
#include <stdint.h>

struct fake_set;

/* Nanoseconds since the test began; by the wall clock there are some more. */
extern uint64_t fake_time;
extern const uint64_t fake_epoch;
/* Whether closes are told to the core. */
extern bool fake_closes_are_seen;

enum { FAKE_KNOTE, FAKE_WAKE, FAKE_MONOTONIC, FAKE_REALTIME, FAKE_FILES };

struct fake_report {
    uint32_t kind, index, generation;
};

/* How a knote is watched, and how much of it is enough. */
enum { FAKE_EDGE = 1, FAKE_ONCE = 2, FAKE_OFF = 4 };

struct fake_watch {
    int how;
    intptr_t limit;
};

/* What an event for a knote would say. */
struct fake_sample {
    bool is_gone, is_active, is_end;
    intptr_t data;
};

/* What happened to a file. */
struct fake_happening {
    uint32_t index, generation, bits;
};

struct fake_set *fake_set_open(int *number);
void fake_set_renumber(struct fake_set *set, int number);
void fake_set_close(struct fake_set *set);
int fake_set_attached(const struct fake_set *set);

/* The entry of a knote is a number that is never 0. Negative results are errnos. */
int fake_attach(struct fake_set *set, uintptr_t ident, int filter, uint32_t index, uint32_t generation,
                struct fake_watch watch, bool *recorded);
int fake_update(struct fake_set *set, int entry, uint32_t index, uint32_t generation, struct fake_watch watch);
int fake_detach(struct fake_set *set, int entry, uint32_t index, uint32_t generation);
void fake_abandon(struct fake_set *set, int entry, uint32_t index, uint32_t generation);
bool fake_is_current(struct fake_set *set, int entry, uint32_t index, uint32_t generation);
void fake_rearm(struct fake_set *set, int entry, uint32_t index, uint32_t generation);
struct fake_sample fake_look(struct fake_set *set, int entry, uint32_t index, uint32_t generation);
long fake_take_count(struct fake_set *set, int entry, uint32_t index, uint32_t generation);

bool fake_forget(struct fake_set *set, int number);
/* The number that a report of a knote that is gone comes from, or -1. */
int fake_origin(struct fake_set *set, uint32_t index, uint32_t generation);
bool fake_dismiss(struct fake_set *set, int number);
int fake_rebuild(struct fake_set *set, struct fake_report *reports, int room, bool has_waiters);

void fake_arm(struct fake_set *set, bool is_realtime, uint64_t deadline);
void fake_wake(struct fake_set *set);
void fake_take_back_wake(struct fake_set *set);
int fake_poll_set(struct fake_set *set, struct fake_report *reports, int room);
int fake_wait_set(struct fake_set *set, struct fake_report *reports, int room, int64_t nanoseconds);
int fake_gather(struct fake_set *set, struct fake_happening *happenings, int room);
bool fake_is_open(int number);
bool fake_goes_unseen(void);
uint64_t fake_now(bool is_realtime);

/* Begins an input: nothing is watched, and the time is what it always is then. */
void fake_begin(void);

/* Moves both clocks. */
void fake_advance(uint64_t nanoseconds);
/* The process that can be ended, and was not yet. */
int fake_mortal(void);
void fake_end_mortal(void);

/* Of the core: a number is about to be closed, and was closed. */
bool fuzz_let_go(int number);
void fuzz_end_close(int number, bool is_known);

#endif
