/*
 * The scenarios, by name.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "load.h"

void run_waiters(struct epoch *epoch), run_adders(struct epoch *epoch), run_forks(struct epoch *epoch),
    run_many_timers(struct epoch *epoch), run_siblings(struct epoch *epoch), run_interrupts(struct epoch *epoch);

#define KINDS(...) (const struct kind *const[]){__VA_ARGS__, NULL}

/* What a header does not define is not there to be watched. */
#ifdef EVFILT_EXCEPT
#define URGENT &urgent_kind,
#else
#define URGENT
#endif
#ifdef EVFILT_EMPTY
#define EMPTY &empty_kind,
#else
#define EMPTY
#endif

const struct scenario scenarios[] = {
    {"bytes", "every byte is read once, by somebody whom an event told of it", load_run,
     KINDS(&stream_kind, &duplex_kind)},
    {"triggers", "every USER trigger is told once", load_run, KINDS(&trigger_kind)},
    {"order", "bytes around NOTE_LOWAT, and triggers between them", load_run, KINDS(&stream_kind, &trigger_kind)},
    {"clocks", "timers are told once, and never early", load_run, KINDS(&oneshot_timer_kind, &periodic_timer_kind)},
    {"timers", "thousands of timers that are added disabled", run_many_timers, NULL},
    {"children", "the end of every child is told once, with its status", load_run, KINDS(&child_kind, &trigger_kind)},
    {"signals", "every real-time signal is counted once, by every kqueue", load_run,
     KINDS(&signal_kind, &trigger_kind)},
    {"files", "everything that is done to a file is told", load_run, KINDS(&file_kind)},
    {"room", "what was full is told to be writable, what is urgent or has gone out, too", load_run,
     KINDS(URGENT EMPTY &writable_kind)},
    {"passing", "numbers come back all the time; what nobody touches is told once", load_run,
     KINDS(&passing_kind, &witness_kind, &trigger_kind)},
    {"everything", "all of these on the same kqueues", load_run,
     KINDS(URGENT EMPTY &stream_kind, &trigger_kind, &passing_kind, &witness_kind, &oneshot_timer_kind,
           &periodic_timer_kind, &child_kind, &signal_kind, &file_kind, &writable_kind, &duplex_kind)},
    {"waiters", "a kqueue is closed under threads that wait in it, and its number used at once", run_waiters, NULL},
    {"adders", "the same under a thread that adds to it", run_adders, NULL},
    {"siblings", "numbers that are closed unseen, and knotes of the former and the present file", run_siblings, NULL},
    {"interrupts", "a handler ends a wait with EINTR", run_interrupts, NULL},
    {"forks", "children, their own kqueues, and KQUEUE_CPONFORK, beside threads", run_forks, NULL},
    {NULL, NULL, NULL, NULL},
};
