/*
 * Calls coded in bytes, against a model of the contract: what the parts share.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef FUZZ_H
#define FUZZ_H

#include <sys/event.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifndef EVFILT_PROCDESC
#define EVFILT_PROCDESC (-8)
#define FUZZ_NO_PROCDESC
#endif
#ifndef EVFILT_FS
#define EVFILT_FS (-9)
#define FUZZ_NO_FS
#endif
#ifndef EVFILT_EMPTY
#define EVFILT_EMPTY (-13)
#define FUZZ_NO_EMPTY
#endif
#ifndef EVFILT_EXCEPT
#define EVFILT_EXCEPT (-15)
#define FUZZ_NO_EXCEPT
#endif

enum { QUEUES = 3, SLOTS = 8, FIRST_NUMBER = 100, KNOTES = 64, OBJECTS = 64, RECORD = 8 };

/* ---- What descriptors refer to (world.c) ---- */

enum kind { NOTHING, PIPE_READ, PIPE_WRITE, UNIX, TCP, EVENTFD, REGULAR };

/* An open file description. Ends of one channel know each other. */
struct object {
    enum kind kind;
    int peer;            /* the other end; -1: none */
    int references;      /* how many slots have it; 0: closed for good */
    long bytes;          /* to be read; an eventfd's counter; a file's size */
    int writes;          /* that the bytes came by, at the most */
    long offset;         /* of a file */
    bool read_over;      /* nothing more will come */
    bool write_over;     /* nothing more can be sent */
    bool is_doubtful;    /* its end may have an error, or is told by the network in its own time */
};

struct world {
    struct object objects[OBJECTS];
    int used;
    int slots[SLOTS];          /* the object of each number; -1: closed */
    bool has_lost_queue;       /* a kqueue was closed unseen */
    uint64_t former[SLOTS];    /* objects that were there when the number was closed unseen */
    uint64_t ghosts[SLOTS];    /* likewise, where it was something else by the time of a close that was seen */
};

extern struct world world;

void world_begin(void);
void world_end(void);
void world_step(const uint8_t *record);
/* Whether nothing is reported under a number that it was taken from unseen. */
bool world_is_sure(void);
/* The slot of a number, or -1. */
int slot_of(uintptr_t ident);
struct object *object_of(uintptr_t ident);

/* ---- The model (model.c) ---- */

enum news { NONE, MAY, MUST };

/* A timer on a clock that only the test moves; times in ns. */
struct timer {
    bool is_absolute, is_spent, is_expired;
    uint64_t due, interval;
    uint64_t before_pause; /* expirations that it counted before it was disabled */
};

struct knote {
    short filter;
    unsigned short flags;    /* as events show them */
    bool is_live, is_enabled, is_forced, is_over;
    bool has_extension;
    bool has_written;        /* WRITE: the program sent something since it was told */
    bool has_changed;        /* and something else changed that the system tells of */
    uintptr_t ident;
    uint64_t udata, extension;
    unsigned fflags;         /* what it watches for; USER: its bits */
    intptr_t data;
    enum news news;
    unsigned must, may;      /* VNODE: what happened */
    bool was_cut;            /* and whether the file was made shorter: how far it grew then cannot be told */
    long count;              /* SIGNAL */
    long told;               /* READ: how many bytes there were when it was delivered */
    struct timer timer;      /* where the time is the test's own */
    uint64_t ready_since;    /* the turn since which it can be delivered all the time: 3.6 */
    uint64_t told_at[3];     /* the calls in which it came last while it could be */
};

struct queue {
    int number;              /* -1: closed */
    bool is_doubtful;        /* something was closed unseen: it may be readable once or twice with nothing to get */
    bool may_be_late;        /* what was ready when it was queued may have gone by now: it may be readable once (3.8) */
    bool is_vague;           /* it had a knote on what the system does not tell all of: a file, an inner kqueue */
    struct knote knotes[KNOTES];
    int used;                /* how many places have, or had, a knote */
};

extern struct queue queues[QUEUES];

/* A change, and what came of it. */
struct change {
    uintptr_t ident;
    short filter;
    unsigned short flags;
    unsigned fflags;
    intptr_t data;
    uint64_t udata, extension;
    bool is_extended;
};

/* Which results are right: a set of errnos. 0 is in it where the change may succeed. */
struct results {
    int codes[8];
    int count;
};

struct expectation {
    enum news news;
    int end;                 /* EV_EOF: 0 no, 1 yes, 2 either */
    bool any_notes, any_data;
    unsigned notes;
    intptr_t least, most;    /* data */
};

struct results model_results(int queue, const struct change *change);
void model_apply(int queue, const struct change *change);
struct expectation model_expect(int queue, const struct knote *knote);
struct knote *model_find(int queue, short filter, uintptr_t ident);
bool model_is_vague(int queue);
void model_deliver(int queue, struct knote *knote);
/* The time has passed on, where it is the test's own. */
void model_follow_time(void);
/* What happened to an object. */
void model_arrived(int object);
void model_ended(int object, short filter);
void model_perhaps(int object, short filter);
void model_moved(int object);
void model_drained(int object);
void model_wrote(int object);
void model_cut_file(int object, unsigned notes);
void model_wrote_file(int object, unsigned notes);
/* A number was closed. */
void model_closed(uintptr_t ident);
void model_signal(int number);
void model_process_ended(int process);
/* Follows which knotes of a kqueue can be delivered. Returns whether there are any that its descriptor shows. */
bool model_follow(int queue);
/* The order of deliveries: 3.6. A knote that another one passed over in the call that began last, or NULL. */
void model_begin_call(void);
void model_note_turn(struct knote *knote);
const struct knote *model_passed_over(int queue);
bool model_is_shown(const struct knote *knote);

/* ---- The calls (fuzz.c) ---- */

extern bool closes_are_seen, is_posix;
extern int zombie;             /* a child that ended with 64, and is not waited for */
extern uint64_t calls;         /* of kevent and kevent64, that were compared */
extern bool is_quiet;          /* nothing is written down of what is done, which costs more than to do it */

int fuzz_signal(int choice);
_Noreturn void mismatch(const char *format, ...) __attribute__((format(printf, 1, 2)));
void write_down(const char *format, ...) __attribute__((format(printf, 1, 2)));
void print_history(void);
#define say(...) (is_quiet ? (void)0 : write_down(__VA_ARGS__))

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count);

#endif
