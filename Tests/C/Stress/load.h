/*
 * A load: producers that make things happen, collectors that wait for events,
 * and an account of what must be told. What is watched is a source; each kind
 * of source is a file of its own.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef LOAD_H
#define LOAD_H

#include "stress.h"

enum { KQUEUES_MAX = 4, SLOTS_MAX = 96, ROOM_MAX = 32 };

/* One call of kevent() that gave events. */
struct collection {
    int kq;
    uint64_t began; /* the load's clock before the call */
    uint64_t ended; /* now_ns() after it */
};

/*
 * What is watched, from EV_ADD until its knotes are gone; udata names it. Kinds
 * put one in front of their own fields. The lock is held in all calls of a
 * kind but act().
 */
struct source {
    const struct kind *kind;
    struct load *load;
    struct slot *slot;
    int kq;
    uintptr_t ident;
    bool late;    /* may become ready by itself, or some time after the act */
    bool lingers; /* what a reader leaves is looked at by a clock, once more after the last of it was read */
    bool retired; /* the owner has given it up: a call that began before may still tell of it */
    pthread_mutex_t lock;
    _Atomic uint64_t gone; /* the load's clock when its knotes were gone for certain; 0 before */
};

struct kind {
    const char *name;
    size_t size;           /* of its struct, which begins with a struct source */
    bool seen_by_pollers;  /* makes the kqueue readable on POSIX too */
    /* May make the kqueue readable for one look that finds nothing. */
    bool looked_at;
    bool told_by_signal;   /* likewise where there are no descriptors of processes */
    int slots_max;         /* of an epoch; 0: any number */
    bool (*works)(void);   /* NULL: everywhere */
    void (*open)(struct source *source, struct random *random); /* makes it and adds its knotes */
    void (*act)(struct source *source, struct random *random);  /* by its owner: something happens, or it is retired */
    void (*calm)(struct source *source);                    /* before a pause: what is disabled is enabled */
    void (*told)(struct source *source, const struct kevent *event, const struct collection *collection);
    bool (*settled)(const struct source *source);           /* all that happened was told */
    void (*describe)(const struct source *source, char *text, size_t size);
    void (*close)(struct source *source);                   /* its knotes and descriptors go */
};

/* The place of one source after the other. */
struct slot {
    const struct kind *kind;
    struct source *source;
    struct load *load;
    int kq, ordinal; /* ordinal: among those of its kind */
    int copy; /* a duplicate of a closed descriptor, which keeps its file open; or -1 */
};

struct load {
    struct epoch *epoch;
    int kqs[KQUEUES_MAX], kq_count;
    int outer_kq, outer_epoll; /* watch the others; -1 where pollers are not told of all */
    atomic_bool late;          /* has had a source that is late */
    bool looked_at;            /* has a kind that is looked at */
    atomic_uint lingering;     /* the kqueues that have had a source that lingers, a bit each */
    bool prompt_only;          /* no source that is late, so pollers must agree exactly */
    int slot_count, producer_count, collector_count, acts;
    unsigned wait_ms;          /* of collectors; 0: without limit */
    struct slot slots[SLOTS_MAX];
    struct team producers, collectors;
    atomic_bool pausing;
    _Atomic uint64_t clock;
    _Atomic uintptr_t next_ident;
    char *arena; /* sources stay until the end, so that an event that comes too late can be told as such */
    _Atomic size_t arena_used;
};

/* Runs one epoch of what the scenario's kinds watch. */
void load_run(struct epoch *epoch);

/* ---- For kinds ---- */

/* A change of one of the source's knotes, with its udata: 0 or errno. */
int source_change(struct source *source, int kq, int filter, int flags, unsigned fflags, intptr_t data);
#define SOURCE_CHANGE(...) REQUIRE_EQ(source_change(__VA_ARGS__), 0)
/* By the owner, in act(): closes it. Its slot has another one later. */
void source_retire(struct source *source);
/* Takes its place with the same ident and kq: the next change replaces udata. Returned locked, the old one unlocked. */
struct source *source_replace(struct source *source);
void source_replaced(struct source *old, struct source *source);
uintptr_t load_ident(struct load *load);
/* A random combination of behaviour flags, of those that an account can be kept of. */
int random_mode(struct random *random);

extern const struct kind stream_kind, duplex_kind, witness_kind, passing_kind, trigger_kind, oneshot_timer_kind,
    periodic_timer_kind, child_kind, signal_kind, file_kind, writable_kind, urgent_kind, empty_kind;

/* ---- Between load.c, sources.c, collect.c and quiet.c ---- */

enum { ARENA_SIZE = 256 << 20 };

unsigned load_bit_of(const struct load *load, int kq);
/* Makes the next source of a slot and adds its knotes. */
void load_open_source(struct slot *slot, struct random *random);

#define PAUSE_IDENT UINTPTR_MAX /* of a USER knote in each kqueue, which ends the collectors' waits */

/* Collects once; the number of events of sources that are not late. *count: of all. */
int load_collect(struct load *load, int kq, int room, const struct timespec *timeout, int *count);
/* One round of a collector: until the load pauses. */
void load_collector(void *context, struct member *member);
/* While all threads are paused: what pollers see is what kevent() gives, and everything is told. */
void load_quiet(struct load *load);
/* A source that has not been told everything, one that is not late first. */
struct source *load_unsettled(struct load *load);
_Noreturn void load_fail_unsettled(struct source *source, const char *when);

#endif /* LOAD_H */
