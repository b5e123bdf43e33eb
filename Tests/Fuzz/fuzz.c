/*
 * Calls of kqueue(), kevent() and kevent64() coded in bytes, each compared with the model.
 *
 * An input is records of 8 bytes. The first byte says what the record is: something done to a descriptor or a kqueue,
 * or a call, with the changes in the records that follow. Whatever the bytes are, they mean something.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "fuzz.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

bool closes_are_seen, is_posix;
int zombie;
uint64_t calls;
bool is_quiet = true;

enum { MOST_CHANGES = 4, LINES = 60, LINE = 200, PAGE = 4096 };

/* ---- The history, printed where something differs ---- */

static char history[LINES][LINE];
static unsigned lines;
/* What a program does first of all where something differs. */
void (*fuzz_report)(void);

void write_down(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(history[lines++ % LINES], LINE, format, arguments);
    va_end(arguments);
}

void print_history(void) {
    unsigned first = lines > LINES ? lines - LINES : 0;
    if (lines > 0)
        fprintf(stderr, "steps of this input, the last is at the end:\n");
    for (unsigned line = first; line < lines; line++)
        fprintf(stderr, "  %3u %s\n", line, history[line % LINES]);
}

void mismatch(const char *format, ...) {
    va_list arguments;
    print_history();
    fprintf(stderr, "MISMATCH: ");
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fprintf(stderr, "\n");
    if (fuzz_report) {
        fuzz_report();
        signal(SIGABRT, SIG_DFL);
    }
    abort(); /* libFuzzer keeps the input */
}

static const char *name_of(int filter) {
    static const char *const names[] = {"0",        "READ", "WRITE", "AIO",  "VNODE",     "PROC",  "SIGNAL", "TIMER",
                                        "PROCDESC", "FS",   "LIO",   "USER", "LIBKQUEUE", "EMPTY", "-14",    "EXCEPT"};
    return filter <= 0 && filter >= -15 ? names[-filter] : "other";
}

static void say_change(const struct change *change) {
    say("    change %s(%d) ident %#jx flags %#x fflags %#x data %jd udata %ju", name_of(change->filter), change->filter,
        (uintmax_t)change->ident, change->flags, change->fflags, (intmax_t)change->data, (uintmax_t)change->udata);
}

static void say_event(const struct kevent64_s *event) {
    say("    got %s ident %#jx flags %#x fflags %#x data %jd udata %ju", name_of(event->filter),
        (uintmax_t)event->ident, event->flags, event->fflags, (intmax_t)event->data, (uintmax_t)event->udata);
}

/* ---- Changes out of bytes ---- */

static const unsigned short known_flags[] = {EV_ADD,     EV_DELETE,   EV_ENABLE,  EV_DISABLE,
                                             EV_ONESHOT, EV_CLEAR,    EV_RECEIPT, EV_DISPATCH};
static uint64_t stamp; /* each change has a udata of its own */

int fuzz_signal(int choice) {
    return choice % 3 == 0 ? SIGRTMIN + 2 : choice % 3 == 1 ? SIGRTMIN + 3 : SIGWINCH;
}

static short decode_filter(uint8_t byte) {
    static const short common[] = {EVFILT_READ,  EVFILT_READ,  EVFILT_READ,   EVFILT_WRITE, EVFILT_WRITE, EVFILT_USER,
                                   EVFILT_USER,  EVFILT_USER,  EVFILT_TIMER,  EVFILT_TIMER, EVFILT_VNODE, EVFILT_SIGNAL,
                                   EVFILT_PROC,  EVFILT_EMPTY, EVFILT_EXCEPT, EVFILT_READ};
    static const short rare[] = {0,   5,   -100, EVFILT_AIO,       -10, EVFILT_PROCDESC, EVFILT_FS, EVFILT_LIBKQUEUE,
                                 -14, -16, 1,    EVFILT_LIBKQUEUE, -17, SHRT_MIN,        SHRT_MAX,  EVFILT_LIBKQUEUE};
    return byte < 232 ? common[byte % 16] : rare[byte % 16];
}

static unsigned short decode_flags(uint8_t byte, uint8_t more) {
    static const unsigned short usual[] = {
        EV_ADD, EV_ADD | EV_CLEAR, EV_ADD | EV_ONESHOT, EV_ADD | EV_DISPATCH, EV_ADD | EV_CLEAR | EV_DISPATCH,
        EV_DELETE, EV_ENABLE, EV_DISABLE, 0, EV_ADD | EV_DISABLE,
        EV_KEEPUDATA, EV_ENABLE | EV_KEEPUDATA, EV_ADD | EV_ENABLE, EV_CLEAR, EV_ADD | EV_RECEIPT,
        EV_FORCEONESHOT};
    if (more < 160)
        return usual[byte % 16];
    if (more < 200)
        return usual[byte % 16] | EV_RECEIPT;
    unsigned short flags = 0;
    for (int bit = 0; bit < 8; bit++)
        flags |= byte >> bit & 1 ? known_flags[bit] : 0;
    if (more > 235)
        flags |= (unsigned short)((more & 15) << 8 | (more & 16 ? 0xd000 : 0));
    return flags;
}

static uintptr_t hostile_ident(uint8_t byte) {
    static const uintptr_t idents[] = {UINTPTR_MAX, INT_MAX, (uintptr_t)INT_MAX + 1, 5000, (uintptr_t)INTPTR_MAX,
                                       (uintptr_t)INTPTR_MIN, 99999, 1 << 20};
    return idents[byte % 8];
}

static uintptr_t decode_ident(short filter, uint8_t byte) {
    if (byte >= 250)
        return filter == EVFILT_PROC ? (uintptr_t)INT_MAX : filter == EVFILT_SIGNAL ? 9999 : hostile_ident(byte);
    switch (filter) {
        case EVFILT_USER:
        case EVFILT_TIMER: return byte % 4;
#ifdef FUZZ_CORE
        case EVFILT_PROC:
            if (byte % 4 == 2)
                return (uintptr_t)fake_mortal();
            return byte % 4 == 0 ? 0 : byte % 4 == 1 ? (uintptr_t)getpid() : (uintptr_t)zombie;
#else
        case EVFILT_PROC: return byte % 4 == 0 ? 0 : byte % 4 == 1 ? (uintptr_t)getpid() : (uintptr_t)zombie;
#endif
        case EVFILT_SIGNAL: return byte == 0 ? 0 : (uintptr_t)fuzz_signal(byte);
        case EVFILT_FS:
        case EVFILT_LIBKQUEUE: return 0;
        default:
            if (byte >= 200 && queues[byte % QUEUES].number >= 0)
                return (uintptr_t)queues[byte % QUEUES].number;
            return (uintptr_t)(FIRST_NUMBER + byte % SLOTS);
    }
}

static unsigned decode_fflags(short filter, uint8_t byte) {
    static const unsigned times[] = {0, NOTE_SECONDS, NOTE_USECONDS, NOTE_NSECONDS, NOTE_ABSOLUTE,
                                     NOTE_ABSOLUTE | NOTE_SECONDS, NOTE_ABSOLUTE | NOTE_NSECONDS, NOTE_LEEWAY,
                                     NOTE_SECONDS | NOTE_USECONDS, 0x100, NOTE_CRITICAL | NOTE_NSECONDS};
    static const unsigned processes[] = {NOTE_EXIT, NOTE_EXIT, NOTE_EXIT | NOTE_EXITSTATUS, 0, NOTE_EXIT | 0x100,
                                         NOTE_FORK, NOTE_REAP, NOTE_EXIT | NOTE_EXEC};
    static const unsigned questions[] = {NOTE_VERSION, NOTE_VERSION_STR, NOTE_INTERPOSED, NOTE_FILE_POLL_INTERVAL, 999};
    switch (filter) {
        case EVFILT_USER:
            return (unsigned)(byte & 15) | (byte & 16 ? NOTE_TRIGGER : 0u) | (unsigned)(byte >> 6) << 30 |
                   (byte & 32 ? 0x00ff0000u : 0u);
        case EVFILT_TIMER: return times[byte % 11];
        case EVFILT_VNODE: return byte & 0x3f;
        case EVFILT_PROC: return processes[byte % 8];
        case EVFILT_EXCEPT: return byte < 200 ? NOTE_OOB : byte;
        case EVFILT_LIBKQUEUE: return questions[byte % 5];
        case EVFILT_READ:
        case EVFILT_WRITE: return byte >= 200 ? NOTE_LOWAT : byte >= 196 ? 0x700000 : 0;
        case EVFILT_FS: return VQ_UNMOUNT;
        default: return byte;
    }
}

static intptr_t decode_data(short filter, uint8_t byte, unsigned fflags) {
    static const intptr_t numbers[] = {0, 1, -1, 3600000, INTPTR_MAX, INTPTR_MIN, INTPTR_MAX / 1000, 5, INT_MAX, 40};
#ifdef FUZZ_CORE
    if (filter == EVFILT_TIMER && byte & 64 && fflags == NOTE_ABSOLUTE) /* not far from now, in ms */
        return (intptr_t)(fake_now(true) / 1000000) + (byte & 63) - 16;
#else
    (void)fflags;
#endif
    if (filter == EVFILT_TIMER && byte & 128)
        return (intptr_t)4000000000000000000; /* a wall clock's time far away, in ns */
    return numbers[byte % 10];
}

static struct change decode_change(const uint8_t *record) {
    struct change change = {.filter = decode_filter(record[0]), .flags = decode_flags(record[1], record[2])};
    change.ident = decode_ident(change.filter, record[3]);
    change.fflags = decode_fflags(change.filter, record[4]);
    change.data = decode_data(change.filter, record[5], change.fflags);
    if (change.filter == EVFILT_PROC)
        change.fflags |= NOTE_EXIT; /* that a process has ended may be found out later than its mask is changed */
    change.udata = ++stamp;
    change.extension = stamp * 7;
    bool has_urgency = change.filter == EVFILT_READ || change.filter == EVFILT_EXCEPT;
    if (has_urgency)
        change.flags &= (unsigned short)~EV_FLAG1; /* other cases have urgent data */
    return change;
}

/* ---- One call ---- */

struct call {
    int queue, kq;                  /* the model's, or -1; the number given */
    struct change changes[MOST_CHANGES];
    int nchanges, room;
    bool is_extended, shares_array;
    unsigned flags;                 /* of kevent64 */
    int hostile;                    /* what is wrong with the arguments */
    struct timespec time;
    bool has_time;
    int result, code;
    struct kevent64_s events[KNOTES + 16];
};

enum { FINE, BAD_CHANGES, BAD_ROOM, NO_CHANGES, NO_EVENTS, BAD_FLAGS, LONG_ROOM };

static char *guarded; /* a page before one that must not be touched */

static void *at_page_end(int entries, size_t size) {
    return guarded + PAGE - (size_t)entries * size;
}

static struct kevent to_kevent(const struct change *change) {
    struct kevent entry;
    EV_SET(&entry, change->ident, change->filter, change->flags, change->fflags, change->data,
           (void *)(uintptr_t)change->udata);
    return entry;
}

static struct kevent64_s to_kevent64(const struct change *change) {
    return (struct kevent64_s){change->ident, change->filter,      change->flags,
                               change->fflags, change->data,       change->udata,
                               {change->extension, ~change->extension}};
}

static int given_changes(const struct call *call) {
    return call->hostile == BAD_CHANGES ? -1 : call->hostile == NO_CHANGES ? 1 : call->nchanges;
}

static int given_room(const struct call *call) {
    switch (call->hostile) {
        case BAD_ROOM: return -1;
        case NO_EVENTS: return 1;
        case LONG_ROOM: return INT_MAX;
        default: return call->room;
    }
}

/* How many entries the array has. */
static int places(const struct call *call) {
    return call->room > call->nchanges || !call->shares_array ? call->room : call->nchanges;
}

/* How many entries may have been written: those before a failure that found no room lie there uncounted (1.3). */
static int readable(const struct call *call) {
    int most = call->result < 0 ? call->nchanges : call->result;
    return most < call->room ? most : call->room;
}

static void do_kevent(struct call *call) {
    struct kevent changes[MOST_CHANGES], *events = at_page_end(places(call), sizeof *events);
    struct kevent *changelist = call->shares_array ? events : changes;
    memset(events, 0, (size_t)places(call) * sizeof *events);
    for (int place = 0; place < call->nchanges; place++)
        changelist[place] = to_kevent(&call->changes[place]);
    call->result = kevent(call->kq, call->hostile == NO_CHANGES ? NULL : changelist, given_changes(call),
                          call->hostile == NO_EVENTS ? NULL : events, given_room(call),
                          call->has_time ? &call->time : NULL);
    call->code = errno;
    for (int place = 0; place < readable(call); place++)
        call->events[place] = (struct kevent64_s){events[place].ident,  events[place].filter,
                                                  events[place].flags,  events[place].fflags,
                                                  events[place].data,   (uintptr_t)events[place].udata, {0, 0}};
}

static void do_kevent64(struct call *call) {
    struct kevent64_s changes[MOST_CHANGES], *events = at_page_end(places(call), sizeof *events);
    struct kevent64_s *changelist = call->shares_array ? events : changes;
    memset(events, 0, (size_t)places(call) * sizeof *events);
    for (int place = 0; place < call->nchanges; place++)
        changelist[place] = to_kevent64(&call->changes[place]);
    call->result = kevent64(call->kq, call->hostile == NO_CHANGES ? NULL : changelist, given_changes(call),
                            call->hostile == NO_EVENTS ? NULL : events, given_room(call), call->flags,
                            call->has_time ? &call->time : NULL);
    call->code = errno;
    for (int place = 0; place < readable(call); place++)
        call->events[place] = events[place];
}

/* ---- What came of it ---- */

static bool allows(const struct results *results, int code) {
    for (int place = 0; place < results->count; place++)
        if (results->codes[place] == code)
            return true;
    return false;
}

/* Whether an entry answers a change: 1.3, C-031, C-035. */
static bool answers(const struct kevent64_s *entry, const struct change *change) {
    if (change->filter == EVFILT_LIBKQUEUE) /* 6.12: a question is answered in its own way */
        return entry->filter == change->filter;
    return entry->flags & EV_ERROR && entry->udata == change->udata && entry->ident == change->ident &&
           entry->filter == change->filter;
}

static void check_answer(const struct call *call, const struct kevent64_s *entry, const struct change *change) {
    unsigned flags = (unsigned)((change->flags & ~EV_SYSFLAGS) | EV_ERROR), optional = EV_FLAG1;
    if (change->filter == EVFILT_LIBKQUEUE)
        return;
    if ((entry->flags & ~optional) != (flags & ~optional) || entry->fflags != change->fflags)
        mismatch("C-031: an answer has flags %#x fflags %#x", entry->flags, entry->fflags);
    (void)call;
}

/* A call that is refused as a whole: 1.2, 1 to 3. Returns the errno, or 0. */
static int refusal(const struct call *call) {
    if (call->is_extended && call->hostile == BAD_FLAGS)
        return EINVAL; /* 1.5 */
    if (call->queue < 0)
        return slot_of((uintptr_t)call->kq) >= 0 ? EINVAL : EBADF; /* C-009, C-010, C-113 */
    if (call->hostile == BAD_CHANGES || call->hostile == BAD_ROOM)
        return EINVAL; /* C-011, C-012 */
    if (call->hostile == NO_CHANGES || call->hostile == NO_EVENTS)
        return EFAULT; /* C-014, C-015 */
    return 0;
}

static const char *text(const struct results *results) {
    static char line[64];
    size_t length = 0;
    for (int place = 0; place < results->count && length < 50; place++)
        length += (size_t)snprintf(line + length, sizeof line - length, "%d ", results->codes[place]);
    return line;
}

static bool is_lost; /* what was applied cannot be known: the input ends here */

/* Follows the changes of a call. Returns how many entries answer them; -1: the call failed, -2: it stopped. */
static int follow_changes(struct call *call) {
    int written = 0;
    for (int place = 0; place < call->nchanges; place++) {
        struct change *change = &call->changes[place];
        if (change->filter == 0)
            continue; /* C-040 */
        struct results results = model_results(call->queue, change);
        bool wants_answer = change->flags & EV_RECEIPT || (change->filter == EVFILT_LIBKQUEUE && allows(&results, 0));
        bool has_room = written < call->room;
        if (!has_room) {
            if (call->result == -1 && !allows(&results, 0)) {
                if (!allows(&results, call->code))
                    mismatch("C-032: errno %d, right are %s", call->code, text(&results));
                return -1;
            }
            if (call->result == -1 && results.count > 1 && allows(&results, call->code)) {
                is_lost = true;
                return -1; /* which of two it was cannot be seen */
            }
            if (!allows(&results, 0))
                mismatch("C-032: a change should fail with %s", text(&results));
            model_apply(call->queue, change);
            if (wants_answer)
                return written; /* 1.3: stops, and returns what was written */
            continue;
        }
        const struct kevent64_s *entry = &call->events[written];
        bool is_answered = (call->result < 0 || written < call->result) && answers(entry, change);
        int code = is_answered && entry->flags & EV_ERROR ? (int)entry->data : 0;
        if (!is_answered && (wants_answer || !allows(&results, 0)))
            mismatch("C-030, C-035: change %d has no answer; right are %s", place, text(&results));
        if (is_answered && !wants_answer && code == 0)
            mismatch("C-035: an answer that nobody asked for");
        if (!allows(&results, code))
            mismatch("1.4: change %d gave errno %d, right are %s", place, code, text(&results));
        if (is_answered)
            check_answer(call, entry, change), written++;
        if (code == 0)
            model_apply(call->queue, change);
    }
    return written;
}

/* Whether a time is no time (C-018, C-019). */
static bool is_bad_time(const struct call *call) {
    bool is_immediate = call->is_extended && call->flags & KEVENT_FLAG_IMMEDIATE;
    return call->has_time && !is_immediate &&
           (call->time.tv_sec < 0 || call->time.tv_nsec < 0 || call->time.tv_nsec > 999999999);
}

static void check_file_event(const struct kevent64_s *event, const struct knote *knote) {
    unsigned missing = is_posix ? 0 : knote->must & ~event->fflags; /* C-212 to C-219 */
    unsigned extra = event->fflags & ~knote->may & ~(is_posix ? knote->fflags | NOTE_EXTEND : 0u);
    if (!knote->is_forced && (missing || extra || event->fflags == 0))
        mismatch("C-234, C-237: fflags %#x, must have %#x, may have %#x", event->fflags, knote->must, knote->may);
    if (event->data != 0)
        mismatch("6.5: data %jd", (intmax_t)event->data);
}

static void check_event(const struct call *call, const struct kevent64_s *event) {
    struct knote *knote = model_find(call->queue, event->filter, (uintptr_t)event->ident);
    if (knote == NULL)
        mismatch("C-073, C-123, C-126: an event of no knote");
    struct expectation expected = model_expect(call->queue, knote);
    unsigned flags = knote->flags | (knote->is_over ? EV_ONESHOT : 0u);
    if (expected.news == NONE)
        mismatch("3.2: an event without a reason (C-072, C-085, C-101, C-147)");
    if ((event->flags & ~(unsigned)EV_EOF) != flags)
        mismatch("C-082, C-083: flags %#x, right are %#x", event->flags, flags);
    if (expected.end != 2 && !!(event->flags & EV_EOF) != expected.end)
        mismatch("6.1, 6.2: EV_EOF is %d, should be %d", !!(event->flags & EV_EOF), expected.end);
    if (!expected.any_notes && event->fflags != expected.notes)
        mismatch("3.3: fflags %#x, right is %#x", event->fflags, expected.notes);
    if (!expected.any_data && (event->data < expected.least || event->data > expected.most))
        mismatch("3.3: data %jd, right is %jd to %jd", (intmax_t)event->data, (intmax_t)expected.least,
                 (intmax_t)expected.most);
    if (event->udata != knote->udata)
        mismatch("C-063 to C-065: udata %ju, right is %ju", (uintmax_t)event->udata, (uintmax_t)knote->udata);
    if (call->is_extended && knote->has_extension && event->ext[0] != knote->extension)
        mismatch("C-052: ext %ju, right is %ju", (uintmax_t)event->ext[0], (uintmax_t)knote->extension);
    if (knote->filter == EVFILT_VNODE)
        check_file_event(event, knote);
    model_note_turn(knote);
    model_deliver(call->queue, knote);
}

static void check_once(const struct call *call) {
    for (int place = 0; place < call->result; place++)
        for (int before = 0; before < place; before++)
            if (call->events[place].ident == call->events[before].ident &&
                call->events[place].filter == call->events[before].filter)
                mismatch("C-352: a knote stands twice in a return");
}

static int count_of(int queue, enum news least) {
    int count = 0;
    for (struct knote *knote = queues[queue].knotes; knote < queues[queue].knotes + queues[queue].used; knote++)
        count += knote->is_live && model_expect(queue, knote).news >= least;
    return count;
}

static void say_what_must(int queue) {
    for (struct knote *knote = queues[queue].knotes; knote < queues[queue].knotes + queues[queue].used; knote++)
        if (knote->is_live && model_expect(queue, knote).news == MUST)
            say("must be told: %s ident %#jx flags %#x fflags %#x data %jd", name_of(knote->filter),
                (uintmax_t)knote->ident, knote->flags, knote->fflags, (intmax_t)knote->data);
}

static void check_events(struct call *call) {
    int must = count_of(call->queue, MUST), may = count_of(call->queue, MAY);
    if (call->result < 0)
        mismatch("1.2: errno %d", call->code);
    if (call->result > may)
        mismatch("3.2: %d events, of at most %d", call->result, may);
    if (call->room >= KNOTES ? call->result < must : must > 0 && call->result == 0) {
        say_what_must(call->queue);
        mismatch("C-079, C-146: %d events, of at least %d", call->result, must);
    }
    check_once(call);
    model_begin_call();
    for (int place = 0; place < call->result; place++)
        check_event(call, &call->events[place]);
    const struct knote *passed = model_passed_over(call->queue);
    if (passed != NULL)
        mismatch("3.6: others come a third time before %s ident %#jx", name_of(passed->filter),
                 (uintmax_t)passed->ident);
}

static void check_call(struct call *call) {
    int code = refusal(call);
    if (code != 0) {
        if (call->result != -1 || call->code != code)
            mismatch("1.2: the call gave %d, errno %d; right is errno %d", call->result, call->code, code);
        return;
    }
    int written = follow_changes(call);
    if (written < 0)
        return;
    bool answered_all = written > 0 || call->room == 0;
    bool takes_none = call->is_extended && call->flags & KEVENT_FLAG_ERROR_EVENTS;
    if (answered_all || takes_none) {
        if (call->result != written)
            mismatch("C-016, C-036: the call gave %d, errno %d; right is %d", call->result, call->code, written);
        return;
    }
    if (is_bad_time(call)) {
        if (call->result != -1 || call->code != EINVAL)
            mismatch("C-018, C-019: the call gave %d", call->result);
        return;
    }
    model_follow_time();
    check_events(call);
}

/* ---- Calls out of bytes ---- */

static void decode_time(struct call *call, uint8_t byte) {
    call->has_time = true;
    bool is_sure = call->queue >= 0 && call->nchanges == 0 && call->room > 0 && count_of(call->queue, MUST) > 0;
    switch (byte % 16) {
        case 12: call->time.tv_nsec = 1000000000; break;
        case 13: call->time.tv_sec = -1; break;
        case 14: call->has_time = !is_sure && call->room > 0; break;
        case 15:
            if (is_sure)
                call->time.tv_sec = (time_t)INT64_MAX;
            break;
        case 11: call->time.tv_nsec = 1; break;
    }
}

static void decode_room(struct call *call, uint8_t byte) {
    static const int rooms[] = {0, 1, 1, 2, 3, 8, KNOTES + 4, KNOTES + 4};
    call->room = rooms[byte % 8];
    if (byte >= 240)
        call->hostile = LONG_ROOM, call->room = KNOTES + 4;
}

static void decode_queue(struct call *call, uint8_t byte) {
    call->queue = byte % 4 == 3 ? 0 : byte % 4;
    call->kq = queues[call->queue].number;
    if (byte >= 248) {
        call->queue = -1;
        call->kq = byte == 248 ? -1 : byte < 252 ? FIRST_NUMBER + byte % SLOTS : INT_MAX;
    } else if (call->kq < 0) {
        call->queue = -1;
    }
}

/* The records that a call took. */
static size_t decode_call(struct call *call, const uint8_t *record, size_t records) {
    *call = (struct call){.room = 0};
    decode_queue(call, record[1]);
    decode_room(call, record[2]);
    call->is_extended = record[4] & 1;
    call->shares_array = record[4] & 2 && call->hostile != LONG_ROOM;
    if (call->is_extended)
        call->flags = record[4] < 32 ? KEVENT_FLAG_ERROR_EVENTS : record[4] < 64 ? KEVENT_FLAG_IMMEDIATE : 0;
    if (call->hostile == FINE && record[5] >= 250)
        call->hostile = record[5] - 249; /* to BAD_FLAGS, and LONG_ROOM */
    if (call->hostile == LONG_ROOM)
        call->room = KNOTES + 4, call->shares_array = false;
    if (call->hostile == BAD_FLAGS && call->is_extended)
        call->flags |= 0x100;
    call->nchanges = record[3] % (MOST_CHANGES + 1);
    if ((size_t)call->nchanges > records - 1)
        call->nchanges = (int)(records - 1);
    for (int place = 0; place < call->nchanges; place++) {
        call->changes[place] = decode_change(record + RECORD * (place + 1));
        call->changes[place].is_extended = call->is_extended;
        if (call->shares_array) /* an entry that was not written could be taken for one that was */
            call->changes[place].flags &= (unsigned short)~EV_ERROR;
    }
    size_t used = 1 + (size_t)call->nchanges;
    if (call->hostile == NO_CHANGES || call->hostile == NO_EVENTS)
        call->nchanges = 0;
    decode_time(call, record[6]);
    return used;
}

static int live_knotes(int queue) {
    int count = 0;
    for (int place = 0; place < queues[queue].used; place++)
        count += queues[queue].knotes[place].is_live;
    return count;
}

static size_t do_call(const uint8_t *record, size_t records) {
    static struct call call;
    size_t used = decode_call(&call, record, records);
    if (call.queue >= 0 && live_knotes(call.queue) + call.nchanges > KNOTES)
        return used;
    say("kevent%s(kq %d, %d changes, room %d, %s %jd.%09ld, flags %#x)", call.is_extended ? "64" : "", call.kq,
        given_changes(&call), given_room(&call), call.has_time ? "time" : "no time", (intmax_t)call.time.tv_sec,
        call.time.tv_nsec, call.flags);
    for (int place = 0; place < call.nchanges; place++)
        say_change(&call.changes[place]);
    errno = 0;
    if (call.is_extended)
        do_kevent64(&call);
    else
        do_kevent(&call);
    calls++;
    say("  = %d, errno %d", call.result, call.code);
    if (call.result > call.room)
        mismatch("1.2: the call gave %d with room for %d", call.result, call.room);
    for (int place = 0; place < call.result; place++)
        say_event(&call.events[place]);
    check_call(&call);
    return used;
}

/* ---- Kqueues ---- */

static void open_queue(int queue, int how) {
    int number = how % 3 == 0 ? kqueue() : how % 3 == 1 ? kqueue1(O_CLOEXEC) : kqueuex(KQUEUE_CPONFORK);
    if (number < 0)
        mismatch("C-001: errno %d", errno);
    queues[queue].number = number;
    queues[queue].is_doubtful = queues[queue].is_vague = queues[queue].may_be_late = false;
    queues[queue].used = 0; /* C-114 */
    say("kqueue() = %d", number);
}

static void close_queue(int queue, int how) {
    int number = queues[queue].number;
    bool is_raw = how % 4 == 3;
    say("close kqueue %d%s", number, is_raw ? " unseen" : "");
    if ((is_raw ? (int)syscall(SYS_close, number) : close(number)) != 0)
        mismatch("C-001: close: errno %d", errno);
    queues[queue].number = -1;
    model_closed((uintptr_t)number); /* C-117 */
    world.has_lost_queue |= is_raw || !closes_are_seen;
    if (is_raw || !closes_are_seen)
        for (int other = 0; other < QUEUES; other++)
            queues[other].is_doubtful = true;
}

static void queue_step(const uint8_t *record) {
    int queue = record[1] % QUEUES;
    if (queues[queue].number < 0)
        open_queue(queue, record[2]);
    else if (record[2] < 24)
        close_queue(queue, record[2]);
}

static void signal_step(const uint8_t *record) {
    int number = fuzz_signal(record[1]);
    say("kill %d", number);
    if (kill(getpid(), number) != 0)
        mismatch("the test itself: kill");
    model_signal(number);
}

#ifdef FUZZ_CORE
/* What only a test can do that has a clock and processes of its own. */
static bool did_own_step(const uint8_t *record) {
    switch (record[2] % 8) {
        case 0:
        case 1:
        case 2:
        case 3:
            say("%d ms pass", record[3] % 64 + 1);
            fake_advance((uint64_t)(record[3] % 64 + 1) * 1000000);
            return true;
        case 4:
            say("%d hours pass", record[3] + 1);
            fake_advance((uint64_t)(record[3] + 1) * 3600000000000);
            return true;
        case 5: {
            int process = fake_mortal();
            say("process %d ends", process);
            fake_end_mortal();
            model_process_ended(process);
            return true;
        }
        default: return false;
    }
}
#else
static bool did_own_step(const uint8_t *record) {
    (void)record;
    return false;
}
#endif

/* ---- poll(kq): C-351 ---- */

/* It may stay readable for a few calls after a close that nobody saw, and no longer. */
static void settle(int queue, struct pollfd *one) {
    struct kevent event;
    struct timespec no_time = {0, 0};
    for (int times = 0; times < 8 && one->revents; times++) {
        int got = kevent(queues[queue].number, NULL, 0, &event, 1, &no_time);
        calls++;
        if (got != 0)
            mismatch("C-119, C-123: %d events after an unseen close: filter %d ident %#jx", got, event.filter,
                     (uintmax_t)event.ident);
        one->revents = 0;
        poll(one, 1, 0);
    }
    if (one->revents)
        mismatch("C-351: kqueue %d stays readable with nothing to get", one->fd);
    queues[queue].may_be_late = false;
    /* What was closed unseen, and has a copy, may be reported anew. */
    queues[queue].is_doubtful &= !world_is_sure();
}

static void check_readable(void) {
    struct pollfd polls[QUEUES];
    for (int queue = 0; queue < QUEUES; queue++)
        polls[queue] = (struct pollfd){.fd = queues[queue].number, .events = POLLIN | POLLOUT};
    poll(polls, QUEUES, 0);
    for (int queue = 0; queue < QUEUES; queue++) {
        if (queues[queue].number < 0)
            continue;
        if (polls[queue].revents & ~(POLLIN | POLLRDNORM))
            mismatch("C-102: poll gives %#x of kqueue %d", polls[queue].revents, polls[queue].fd);
        if (model_follow(queue) && !polls[queue].revents)
            mismatch("C-351: kqueue %d is not readable, and has events", polls[queue].fd);
        if (polls[queue].revents && count_of(queue, MAY) == 0) {
            if (!queues[queue].is_doubtful && !model_is_vague(queue))
                mismatch("C-351: kqueue %d is readable with nothing to get", polls[queue].fd);
            settle(queue, &polls[queue]);
        }
    }
}

/* ---- The whole ---- */

/* The lowest number that is free: it grows where something is left open. */
static int lowest_free(void) {
    int number = fcntl(0, F_DUPFD_CLOEXEC, 3);
    if (number >= 0)
        close(number);
    return number;
}

#ifdef FUZZ_CORE
static void make_zombie(void) {
    zombie = fake_zombie();
}
#else
static void make_zombie(void) {
    siginfo_t information;
    zombie = fork();
    if (zombie == 0)
        _exit(64);
    waitid(P_PID, (id_t)zombie, &information, WEXITED | WNOWAIT);
}
#endif

static void find_out(void) {
    struct kevent entry;
    int kq = kqueue();
    EV_SET(&entry, 0, EVFILT_LIBKQUEUE, EV_ADD, NOTE_INTERPOSED, 0, NULL);
    closes_are_seen = kevent(kq, &entry, 1, &entry, 1, NULL) == 1 && entry.data == 1;
    EV_SET(&entry, 0, EVFILT_LIBKQUEUE, EV_ADD | EV_RECEIPT, NOTE_FILE_POLL_INTERVAL, 100000000, NULL);
    is_posix = kevent(kq, &entry, 1, &entry, 1, NULL) == 1 && entry.data != ENOSYS;
    close(kq);
}

static void prepare(void) {
    for (int choice = 0; choice < 3; choice++)
        signal(fuzz_signal(choice), SIG_IGN);
    guarded = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (guarded == MAP_FAILED || mprotect(guarded + PAGE, PAGE, PROT_NONE) != 0)
        mismatch("the test itself: mmap");
    make_zombie();
    find_out();
}

/* poll(2) costs as much as a call, so it is not made after each thing that is done to a descriptor. */
static bool is_to_be_polled(const uint8_t *record) {
    return record[0] >= 0x60 || record[7] % 4 == 0;
}

static size_t step(const uint8_t *record, size_t records) {
    size_t used = 1;
    switch (record[0] >> 4) {
        case 0:
        case 1: world_step(record); break;
        case 2:
        case 3:
        case 4:
        case 5: {
            uint8_t use[RECORD];
            memcpy(use, record, RECORD);
            use[0] = 2; /* the commonest: something is written or read */
            world_step(use);
            break;
        }
        case 6: queue_step(record); break;
        case 7:
            if (!did_own_step(record))
                signal_step(record);
            break;
        default: used = do_call(record, records);
    }
    model_follow_time();
    if (!is_lost && is_to_be_polled(record))
        check_readable();
    return used;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count) {
    if (guarded == NULL)
        prepare();
    int before = lowest_free();
    lines = 0;
    stamp = 0;
#ifdef FUZZ_CORE
    fake_begin();
    model_follow_time();
#endif
    world_begin();
    for (int queue = 0; queue < QUEUES; queue++)
        open_queue(queue, count > 0 ? bytes[0] + queue : 0);
    is_lost = false;
    for (size_t place = 0; place + RECORD <= count && !is_lost;)
        place += RECORD * step(bytes + place, (count - place) / RECORD);
    for (int queue = 0; queue < QUEUES; queue++)
        if (queues[queue].number >= 0)
            close_queue(queue, 0);
    world_end();
    libkqueue_drain_pending_close();
    if (lowest_free() != before)
        mismatch("C-098: a descriptor was left open");
    return 0;
}
