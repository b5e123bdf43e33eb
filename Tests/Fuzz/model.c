/*
 * The model: what the contract says of knotes, as plainly as can be. Numbers in comments are its sections and
 * statements.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "fuzz.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

struct queue queues[QUEUES];

enum { ACTIONS = EV_ENABLE | EV_DISABLE, STORED = EV_ADD | EV_CLEAR | EV_ONESHOT | EV_DISPATCH | EV_RECEIPT };

static bool watches_descriptor(short filter) {
    return filter == EVFILT_READ || filter == EVFILT_WRITE || filter == EVFILT_VNODE || filter == EVFILT_PROCDESC ||
           filter == EVFILT_EMPTY || filter == EVFILT_EXCEPT;
}

static bool is_known(short filter) {
    switch (filter) {
#ifdef FUZZ_NO_PROCDESC
        case EVFILT_PROCDESC: return false;
#endif
#ifdef FUZZ_NO_FS
        case EVFILT_FS: return false;
#endif
#ifdef FUZZ_NO_EMPTY
        case EVFILT_EMPTY: return false;
#endif
#ifdef FUZZ_NO_EXCEPT
        case EVFILT_EXCEPT: return false;
#endif
        case EVFILT_AIO: return false; /* C-343 */
        default: return watches_descriptor(filter) || filter == EVFILT_PROC || filter == EVFILT_SIGNAL ||
                        filter == EVFILT_TIMER || filter == EVFILT_FS || filter == EVFILT_USER ||
                        filter == EVFILT_LIBKQUEUE;
    }
}

static int queue_of(uintptr_t ident) {
    for (int queue = 0; queue < QUEUES; queue++)
        if (queues[queue].number >= 0 && (uintptr_t)queues[queue].number == ident)
            return queue;
    return -1;
}

struct knote *model_find(int queue, short filter, uintptr_t ident) {
    for (struct knote *knote = queues[queue].knotes; knote < queues[queue].knotes + queues[queue].used; knote++)
        if (knote->is_live && knote->filter == filter && knote->ident == ident)
            return knote;
    return NULL;
}

/* ---- Results of changes: 1.2, 1.4 ---- */

static void add_result(struct results *results, int code) {
    results->codes[results->count++] = code;
}

/* Whether one kqueue watches another, over others or not. */
static bool reaches(int from, int to) {
    if (from == to)
        return true;
    for (struct knote *knote = queues[from].knotes; knote < queues[from].knotes + queues[from].used; knote++)
        if (knote->is_live && knote->filter == EVFILT_READ && queue_of(knote->ident) >= 0 &&
            reaches(queue_of(knote->ident), to))
            return true;
    return false;
}

static bool watches_any(int queue) {
    for (int other = 0; other < QUEUES; other++)
        if (other != queue && queues[other].number >= 0 && reaches(queue, other))
            return true;
    return false;
}

/* Whether more than two kqueues hang together, or did before a close that was not seen yet. */
static bool makes_chain(int outer, int inner) {
    if (queues[outer].is_doubtful || queues[inner].is_doubtful)
        return true;
    for (int other = 0; other < QUEUES; other++)
        if (other != outer && queues[other].number >= 0 && reaches(other, outer))
            return true;
    return watches_any(inner);
}

static void add_queue_results(struct results *results, int queue, int inner, const struct change *change) {
    if (change->filter != EVFILT_READ) {
        add_result(results, EINVAL); /* C-105 */
    } else if (inner == queue) {
        add_result(results, EINVAL); /* C-106 */
    } else if (reaches(inner, queue)) {
        add_result(results, ELOOP); /* C-107 */
        add_result(results, EINVAL);
    } else if (makes_chain(queue, inner)) {
        add_result(results, ELOOP); /* C-108 */
        add_result(results, 0);
    }
}

static void add_object_results(struct results *results, const struct change *change) {
    struct object *object = object_of(change->ident);
    switch (change->filter) {
        case EVFILT_WRITE: /* C-201 */
            if (object->kind == PIPE_WRITE && world.objects[object->peer].references == 0)
                add_result(results, EPIPE);
            break;
        case EVFILT_VNODE: /* C-211 */
            if (object->kind != REGULAR)
                add_result(results, EINVAL);
            break;

        case EVFILT_EMPTY: /* C-210 */
            if (object->kind != UNIX && object->kind != TCP)
                add_result(results, EINVAL);
            break;
        case EVFILT_EXCEPT: /* the descriptor's own readiness for it is the platform's to refuse: 6.3 */
            if (object->kind == REGULAR || object->kind == EVENTFD)
                add_result(results, EINVAL), add_result(results, 0);
            break;
    }
}

static void add_timer_results(struct results *results, const struct change *change) {
    unsigned unit = change->fflags & ~(unsigned)(NOTE_LEEWAY | NOTE_CRITICAL | NOTE_BACKGROUND | NOTE_ABSOLUTE);
    if (unit != 0 && unit != NOTE_SECONDS && unit != NOTE_USECONDS && unit != NOTE_NSECONDS)
        add_result(results, EINVAL); /* C-292 */
    else if (!(change->fflags & NOTE_ABSOLUTE) && change->data < 0)
        add_result(results, EINVAL); /* C-293 */
}

static bool is_mortal(uintptr_t ident) {
#ifdef FUZZ_CORE
    return ident == (uintptr_t)fake_mortal();
#else
    (void)ident;
    return false;
#endif
}

static void add_process_results(struct results *results, const struct change *change, bool is_new) {
    unsigned family = NOTE_FORK | NOTE_EXEC | NOTE_TRACK, never = NOTE_REAP | NOTE_SIGNAL;
    bool exists = change->ident == (uintptr_t)getpid() || change->ident == (uintptr_t)zombie ||
                  is_mortal(change->ident);
    if (change->fflags & never)
        add_result(results, ENOTSUP); /* 6.6 */
    if (change->fflags & family)
        add_result(results, ENOTSUP), add_result(results, 0); /* C-265 */
    if (!is_new)
        return;
    if (!exists)
        add_result(results, ESRCH); /* C-256 */
    else if (change->ident == (uintptr_t)zombie && !(change->fflags & NOTE_EXIT))
        add_result(results, ESRCH); /* C-255 */
    else if (change->ident != (uintptr_t)zombie && is_posix)
        add_result(results, ESRCH), add_result(results, ENOTSUP), add_result(results, 0); /* 6.14: children only */
}

static bool redefines(const struct change *change) {
    return change->flags & EV_ADD || !(change->flags & ACTIONS); /* 3.1 */
}

/* What a filter has to say to a change that makes a knote, or says anew what it watches for. */
static void add_filter_results(struct results *results, int queue, const struct change *change, bool is_new) {
    if (is_new && watches_descriptor(change->filter)) {
        int inner = queue_of(change->ident);
        if (inner >= 0)
            add_queue_results(results, queue, inner, change);
        else
            add_object_results(results, change);
    }
    if (change->filter == EVFILT_TIMER && change->flags & EV_ADD)
        add_timer_results(results, change);
    if (change->filter == EVFILT_PROC && redefines(change))
        add_process_results(results, change, is_new);
    if (change->filter == EVFILT_SIGNAL && is_new && (change->ident == 0 || change->ident > (uintptr_t)SIGRTMAX))
        add_result(results, EINVAL); /* C-281 */
    if (change->filter == EVFILT_PROCDESC && is_new)
        add_result(results, EINVAL), add_result(results, ENOTSUP); /* C-272; bits that no descriptor has */
    if (change->filter == EVFILT_FS && is_new)
        add_result(results, EINVAL), add_result(results, 0); /* 6.11: not where the system does not tell */
}

static void add_information_results(struct results *results, const struct change *change) {
    bool adds = change->flags & EV_ADD;
    if (!adds)
        add_result(results, ENOENT), add_result(results, EINVAL); /* C-342 */
    else if (change->fflags == NOTE_FILE_POLL_INTERVAL)
        add_result(results, ENOSYS), add_result(results, EINVAL), add_result(results, 0); /* C-341 */
    else if (change->fflags != NOTE_VERSION && change->fflags != NOTE_VERSION_STR && change->fflags != NOTE_INTERPOSED)
        add_result(results, EINVAL); /* 6.12 */
}

struct results model_results(int queue, const struct change *change) {
    struct results results = {.count = 0};
    unsigned flags = change->flags;
    bool is_core = change->filter == EVFILT_USER || change->filter == EVFILT_TIMER;
    bool contradicts = (flags & EV_ENABLE && flags & EV_DISABLE) || (flags & EV_ADD && flags & EV_KEEPUDATA) ||
                       flags & EV_UDATA_SPECIFIC;
    if (!is_known(change->filter)) {
        add_result(&results, EINVAL); /* C-041, C-042, C-343, C-344 */
        return results;
    }
    if (contradicts)
        add_result(&results, EINVAL); /* C-044, C-046, C-345 */
    if (change->filter == EVFILT_PROCDESC &&
        change->fflags & (NOTE_FORK | NOTE_EXEC | NOTE_TRACK | NOTE_REAP | NOTE_SIGNAL))
        add_result(&results, ENOTSUP);
    bool is_except = change->filter == EVFILT_EXCEPT && redefines(change) && change->fflags != NOTE_OOB;
    if (is_except && !(flags & EV_DELETE && model_find(queue, change->filter, change->ident) != NULL))
        add_result(&results, EINVAL); /* 6.3 */
    else if (is_except)
        add_result(&results, EINVAL), add_result(&results, 0); /* whether it says what to watch for is not said */
    if (watches_descriptor(change->filter) && queue_of(change->ident) < 0 && object_of(change->ident) == NULL) {
        add_result(&results, EBADF); /* C-048, C-049, C-118 */
        return results;
    }
    if (change->filter == EVFILT_LIBKQUEUE) {
        add_information_results(&results, change);
    } else if (model_find(queue, change->filter, change->ident) == NULL) {
        if (!(flags & EV_ADD))
            add_result(&results, ENOENT); /* C-043, C-124 */
        else
            add_filter_results(&results, queue, change, true);
        /* A kqueue that was closed unseen may watch this one still, and what is inside counts as one level more
           (C-108). */
        if (world.has_lost_queue && results.count == 0 && !is_core)
            add_result(&results, ELOOP), add_result(&results, 0);
    } else if (!(flags & EV_DELETE)) {
        add_filter_results(&results, queue, change, false);
    }
    if (results.count == 0)
        add_result(&results, 0);
    return results;
}

/* ---- What holds: 6.1, 6.2 ---- */

static struct expectation nothing(void) {
    return (struct expectation){.news = NONE};
}

static struct expectation amount(long data) {
    return (struct expectation){.news = MUST, .least = data, .most = data};
}

static bool is_socket(const struct object *object) {
    return object->kind == UNIX || object->kind == TCP;
}

static struct expectation read_of_stream(const struct object *object, const struct knote *knote) {
    struct expectation expected = amount(object->bytes);
    bool has_limit = knote->fflags & NOTE_LOWAT;
    intptr_t limit = has_limit && is_socket(object) ? knote->data : 1;
    expected.end = object->read_over;
    if (is_posix && is_socket(object) && object->bytes > 0 && object->read_over)
        expected.end = 2; /* poll(2) tells an end of a socket once its bytes are read: 6.14 */
    if (object->is_doubtful) {
        expected.news = MAY, expected.end = 2, expected.any_notes = true, expected.any_data = true;
        return expected;
    }
    if (object->bytes < limit && !object->read_over)
        expected.news = NONE; /* C-148, C-149, C-167 */
    else if (expected.end == 2 && object->bytes < limit)
        expected.news = MAY;
    if (has_limit && (!is_socket(object) || limit <= 0))
        expected.news = object->bytes > 0 || object->read_over ? MUST : MAY; /* a limit of nothing: 6.1 */
    if (has_limit && !is_socket(object) && expected.news == MUST)
        expected.news = MAY; /* for sockets only: 6.1 */
    return expected;
}

static struct expectation read_of(const struct object *object, const struct knote *knote) {
    struct expectation expected;
    switch (object->kind) {
        case PIPE_WRITE: /* C-170 */
            expected = world.objects[object->peer].references == 0 ? amount(0) : nothing();
            expected.end = expected.news == MUST;
            return expected;
        case REGULAR: /* C-171, C-172 */
            if (knote->fflags != 0)
                return (struct expectation){.news = MAY, .any_data = true, .any_notes = true, .end = 2};
            expected = object->bytes != object->offset ? amount(object->bytes - object->offset) : nothing();
            if (is_posix && expected.news == MUST)
                expected.news = MAY; /* POSIX looks at files now and then: 6.14 */
            return expected;
        case EVENTFD: /* C-180 */
            expected = object->bytes > 0 ? amount(object->bytes) : nothing();
            if (knote->fflags & NOTE_LOWAT)
                expected.news = object->bytes > 0 ? MAY : NONE;
            if (knote->fflags & NOTE_LOWAT && knote->data <= 0)
                expected = (struct expectation){.news = MAY, .any_data = true};
            if (is_posix)
                expected.any_data = true; /* POSIX does not tell it */
            return expected;
        default: return read_of_stream(object, knote);
    }
}

static struct expectation write_of(const struct object *object, const struct knote *knote) {
    struct expectation expected = {.news = MUST, .least = 1, .most = INTPTR_MAX};
    bool has_limit = knote->fflags & NOTE_LOWAT;
    if (object->kind == PIPE_READ)
        return nothing(); /* 6.2 */
    if (object->kind == REGULAR)
        return amount(0); /* C-202 */
    if (object->kind == PIPE_WRITE)
        expected.end = world.objects[object->peer].references == 0; /* C-200 */
    if (is_socket(object))
        expected.end = object->write_over; /* C-196, C-197 */
    if (expected.end)
        expected.any_data = true;
    if (object->is_doubtful)
        expected.news = MAY, expected.end = 2, expected.any_notes = true, expected.any_data = true;
    else if (has_limit && !expected.end)
        expected.news = is_socket(object) && knote->data > 1 << 30 ? NONE : MAY; /* C-188 */
    return expected;
}

/* Whether the system may call something ready that is not to be told, which is found out by looking: what has ended and
   is disabled or silent, what is below its NOTE_LOWAT, files, inner kqueues (3.8). */
bool model_is_vague(int queue) {
    for (struct knote *knote = queues[queue].knotes; knote < queues[queue].knotes + queues[queue].used; knote++) {
        struct object *object = knote->is_live ? object_of(knote->ident) : NULL;
        if (object == NULL)
            continue;
        if (object->read_over || object->write_over || object->is_doubtful || knote->fflags & NOTE_LOWAT)
            return true;
        if (object->kind == PIPE_WRITE && world.objects[object->peer].references == 0)
            return true;
    }
    return queues[queue].is_vague || queues[queue].may_be_late;
}

/* Whether a kqueue inside another has anything: 3.8. */
static struct expectation read_of_queue(int inner) {
    struct expectation expected = {.news = NONE, .least = 1, .most = INTPTR_MAX};
    for (struct knote *knote = queues[inner].knotes; knote < queues[inner].knotes + queues[inner].used; knote++) {
        if (!knote->is_live || !knote->is_enabled)
            continue;
        struct expectation one = model_expect(inner, knote);
        bool is_told = !is_posix || knote->filter == EVFILT_USER || knote->filter == EVFILT_SIGNAL; /* 6.14 */
        if (one.news == MUST && !is_told)
            one.news = MAY;
        if (one.news > expected.news)
            expected.news = one.news;
    }
    if ((queues[inner].is_doubtful || model_is_vague(inner)) && expected.news == NONE)
        expected.news = MAY;
    return expected;
}

static struct expectation empty_of(const struct object *object) {
    struct expectation expected = {.news = MAY, .end = 2, .any_notes = true, .any_data = true};
    if (object->kind == UNIX && !object->is_doubtful && object->peer >= 0 &&
        world.objects[object->peer].references > 0 && world.objects[object->peer].bytes > 0 && !object->write_over)
        expected.news = NONE; /* C-209 */
    return expected;
}

static struct expectation condition_of(const struct knote *knote) {
    int inner = queue_of(knote->ident);
    if (inner >= 0)
        return read_of_queue(inner);
    const struct object *object = object_of(knote->ident);
    switch (knote->filter) {
        case EVFILT_READ: return read_of(object, knote);
        case EVFILT_WRITE: return write_of(object, knote);
        case EVFILT_EMPTY: return empty_of(object);
        default: return (struct expectation){.news = MAY, .end = 2, .any_notes = true, .any_data = true};
    }
}

static struct expectation expect_timer(const struct knote *knote);

static enum news lesser(enum news one, enum news other) {
    return one < other ? one : other;
}

static struct expectation occurrence_of(const struct knote *knote) {
    struct expectation expected = {.news = knote->news};
    switch (knote->filter) {
        case EVFILT_USER: /* 6.10 */
            expected.notes = knote->fflags;
            expected.least = expected.most = knote->data;
            break;
        case EVFILT_TIMER: /* 6.9 */
            expected = expect_timer(knote);
            break;
        case EVFILT_SIGNAL: /* C-273, C-275 */
            expected.least = expected.most = knote->count;
            break;
        case EVFILT_PROC: /* C-249, C-254 */
            if (knote->is_over) {
                expected.any_notes = !knote->has_extension; /* a mask that was changed after the end */
                expected.notes = (NOTE_EXIT | NOTE_EXITSTATUS) & knote->fflags;
                expected.least = expected.most = 64 << 8;
                expected.end = 1;
            }
            break;
        case EVFILT_VNODE: /* the bits are looked at where the event is */
            expected.any_notes = true;
            break;
        default: expected = (struct expectation){.news = MAY, .end = 2, .any_notes = true, .any_data = true};
    }
    return expected;
}

struct expectation model_expect(int queue, const struct knote *knote) {
    (void)queue;
    bool is_condition = watches_descriptor(knote->filter) && knote->filter != EVFILT_VNODE;
    struct expectation expected = is_condition ? condition_of(knote) : occurrence_of(knote);
    bool is_file = is_condition && object_of(knote->ident) != NULL && object_of(knote->ident)->kind == REGULAR;
    bool is_always = knote->fflags & NOTE_LOWAT && knote->data <= 0; /* always enough: any edge may tell it */
    if (is_condition && !is_always && (knote->flags & EV_CLEAR || (is_file && knote->filter == EVFILT_READ)))
        expected.news = lesser(expected.news, knote->news); /* C-147, C-187; a file: 6.1 */
    if (is_condition && is_always && knote->flags & EV_CLEAR && expected.news == MUST && knote->news != MUST)
        expected.news = MAY;
#ifndef FUZZ_CORE
    /* An edge with as many bytes as were told before may be the end of the sending side, and is told late (C-147). */
    const struct object *object = is_condition ? object_of(knote->ident) : NULL;
    bool looks_told = object != NULL && object->write_over && object->bytes == knote->told;
    if (knote->filter == EVFILT_READ && knote->flags & EV_CLEAR && looks_told && expected.news == MUST &&
        !object->read_over)
        expected.news = MAY;
#endif
    if (knote->is_forced) { /* C-078 */
        expected.any_data = expected.any_notes = true, expected.end = 2;
        expected.news = MUST;
    }
    if (!knote->is_enabled)
        expected.news = NONE; /* C-072 */
    return expected;
}

/* ---- Changes: 3.1, 3.2, 6.9, 6.10 ---- */

#ifdef FUZZ_CORE
enum { SPACING = 400000 }; /* how far apart the core may wake for timers, in ns: 6.9 leaves it open */

static uint64_t model_time; /* changes are applied before the call that makes them sleeps */

void model_follow_time(void) {
    model_time = fake_now(false);
}

static uint64_t clock_of(const struct timer *timer) {
    return model_time + (timer->is_absolute ? fake_epoch : 0);
}

static bool repeats(const struct knote *knote) {
    return !knote->timer.is_absolute && !(knote->flags & EV_ONESHOT);
}

/* Expirations up to now. */
static uint64_t ticks_of(const struct knote *knote) {
    uint64_t now = clock_of(&knote->timer);
    if (now < knote->timer.due)
        return 0;
    return repeats(knote) ? (now - knote->timer.due) / knote->timer.interval + 1 : 1;
}

static uint64_t skip_ticks(struct knote *knote) {
    uint64_t ticks = ticks_of(knote);
    if (repeats(knote))
        knote->timer.due += ticks * knote->timer.interval;
    return ticks;
}

static void start_timer(struct knote *knote, const struct change *change) {
    intptr_t unit = change->fflags & NOTE_SECONDS    ? 1000000000
                    : change->fflags & NOTE_USECONDS ? 1000
                    : change->fflags & NOTE_NSECONDS ? 1
                                                     : 1000000;
    struct timer *timer = &knote->timer;
    intptr_t product;
    *timer = (struct timer){.is_absolute = change->fflags & NOTE_ABSOLUTE};
    bool is_now = !timer->is_absolute && change->data == 0 && knote->flags & EV_ONESHOT;
    intptr_t data = timer->is_absolute || change->data > 0 || is_now ? change->data : 1;
    if (__builtin_mul_overflow(data, unit, &product))
        product = data < 0 ? INTPTR_MIN : INTPTR_MAX;
    timer->interval = (uint64_t)(product < 1 && !is_now ? 1 : product);
    timer->due = (timer->is_absolute ? 0 : model_time) + timer->interval;
    if (timer->due > INT64_MAX)
        timer->due = INT64_MAX; /* beyond what clocks can say: C-308 */
    timer->is_expired = knote->is_enabled && ticks_of(knote) > 0; /* C-294, C-305 */
}

/* EV_DISABLE and EV_ENABLE: what ticks meanwhile is not counted (C-310, C-311). */
static void pause_timer(struct knote *knote) {
    if (repeats(knote))
        knote->timer.before_pause += skip_ticks(knote);
    if (knote->timer.before_pause > UINT32_MAX)
        knote->timer.before_pause = UINT32_MAX; /* as many as a disabled timer keeps */
    knote->timer.is_expired = false;
}

static void resume_timer(struct knote *knote) {
    if (repeats(knote))
        skip_ticks(knote);
    knote->timer.is_expired = knote->timer.before_pause > 0 || (!repeats(knote) && ticks_of(knote) > 0);
}

static struct expectation expect_timer(const struct knote *knote) {
    const struct timer *timer = &knote->timer;
    intptr_t count = (intptr_t)(timer->before_pause + ticks_of(knote));
    bool is_over = timer->is_expired || clock_of(timer) >= timer->due + SPACING;
    if (timer->is_spent || count == 0)
        return (struct expectation){.news = NONE}; /* C-306 */
    return (struct expectation){.news = is_over ? MUST : MAY, .least = count, .most = count}; /* C-296 */
}

static void deliver_timer(struct knote *knote) {
    skip_ticks(knote);
    knote->timer.before_pause = 0;
    knote->timer.is_expired = false;
    knote->timer.is_spent = !repeats(knote);
}
#else
static void start_timer(struct knote *knote, const struct change *change) {
    bool repeats = !(knote->flags & EV_ONESHOT);
    intptr_t second = change->fflags & NOTE_SECONDS    ? 1
                      : change->fflags & NOTE_USECONDS ? 1000000
                      : change->fflags & NOTE_NSECONDS ? 1000000000
                                                       : 1000;
    if (change->fflags & NOTE_ABSOLUTE)
        knote->news = change->data / second < 1000000000 ? MUST : NONE; /* C-305 */
    else if (change->data == 0 && !repeats)
        knote->news = MUST; /* C-294 */
    else
        knote->news = change->data / second < 100 ? MAY : NONE; /* C-308: never early */
}

static struct expectation expect_timer(const struct knote *knote) {
    return (struct expectation){.news = knote->news, .least = 1, .most = INTPTR_MAX};
}

void model_follow_time(void) {
}

static void pause_timer(struct knote *knote) {
    (void)knote;
}

static void resume_timer(struct knote *knote) {
    (void)knote;
}

static void deliver_timer(struct knote *knote) {
    (void)knote;
}
#endif

static unsigned combined(unsigned bits, unsigned fflags) {
    unsigned operand = fflags & NOTE_FFLAGSMASK;
    switch (fflags & NOTE_FFCTRLMASK) { /* C-320 */
        case NOTE_FFAND: return bits & operand;
        case NOTE_FFOR: return bits | operand;
        case NOTE_FFCOPY: return operand;
        default: return bits;
    }
}

static void modify_user(struct knote *knote, const struct change *change) {
    bool triggers = change->fflags & NOTE_TRIGGER;
    bool only_switches =
        change->flags & ACTIONS && !(change->flags & EV_ADD) && !(change->fflags & NOTE_FFCTRLMASK);
    knote->fflags = combined(knote->fflags, change->fflags);
    if (triggers || !only_switches)
        knote->data = change->data; /* C-323 */
    if (triggers)
        knote->news = MUST; /* C-326, C-328 */
    else if (change->flags & EV_CLEAR)
        knote->news = NONE; /* C-327 */
}

/* A process that ended, and a mask without its end: the knote goes (C-259). */
static void modify_process(struct knote *knote, const struct change *change) {
    knote->fflags = change->fflags;
    if (!knote->is_over)
        return;
    if (!(change->fflags & NOTE_EXIT) && !knote->is_forced)
        knote->is_live = false;
}

static void create(int queue, const struct change *change) {
    struct knote *knote = queues[queue].knotes, *end = knote + queues[queue].used;
    while (knote < end && knote->is_live)
        knote++;
    queues[queue].used += knote == end;
    bool implies_clear = change->filter == EVFILT_TIMER || change->filter == EVFILT_PROC ||
                         change->filter == EVFILT_SIGNAL || change->filter == EVFILT_FS;
    *knote = (struct knote){.is_live = true,
                            .filter = change->filter,
                            .ident = change->ident,
                            .flags = (unsigned short)((change->flags & STORED) | (implies_clear ? EV_CLEAR : 0)),
                            .is_enabled = !(change->flags & EV_DISABLE),
                            .udata = change->udata,
                            .has_extension = true,
                            .extension = change->is_extended ? change->extension : 0,
                            .fflags = change->fflags,
                            .data = change->data,
                            .news = watches_descriptor(change->filter) ? MUST : NONE};
    if (change->filter == EVFILT_VNODE)
        knote->news = NONE;
    if (change->filter == EVFILT_USER) {
        knote->fflags = change->fflags & NOTE_FFLAGSMASK;
        knote->news = change->fflags & NOTE_TRIGGER ? MUST : NONE; /* C-325 */
    }
    if (change->filter == EVFILT_TIMER)
        start_timer(knote, change);
    if (change->filter == EVFILT_PROC && change->ident == (uintptr_t)zombie) {
        knote->is_over = true;
        knote->news = MUST;
    }
    struct object *object = watches_descriptor(change->filter) ? object_of(change->ident) : NULL;
    bool is_plain = change->filter == EVFILT_READ || change->filter == EVFILT_WRITE;
    if (watches_descriptor(change->filter) && (object == NULL || object->kind == REGULAR || !is_plain || is_posix))
        queues[queue].is_vague = true;
    if (change->filter == EVFILT_SIGNAL || change->filter == EVFILT_PROC || change->filter == EVFILT_FS)
        queues[queue].is_vague = true; /* counted while it is disabled, and by whichever kqueue reads it first */
    if (change->flags & EV_FORCEONESHOT) {
        knote->is_forced = true;
        knote->flags |= EV_ONESHOT;
    }
}

static struct queue *queue_with(const struct knote *knote) {
    for (struct queue *queue = queues; queue < queues + QUEUES; queue++)
        if (knote >= queue->knotes && knote < queue->knotes + KNOTES)
            return queue;
    return NULL;
}

static void modify(struct knote *knote, const struct change *change) {
    bool was_enabled = knote->is_enabled;
    if (change->flags & EV_ENABLE)
        knote->is_enabled = true;
    if (change->flags & EV_DISABLE)
        knote->is_enabled = false;
    knote->has_extension = false;
    if (!(change->flags & EV_KEEPUDATA))
        knote->udata = change->udata; /* C-063 to C-065 */
    if (change->flags & EV_FORCEONESHOT)
        knote->is_forced = true;
    if (knote->filter == EVFILT_USER) {
        modify_user(knote, change);
    } else if (knote->filter == EVFILT_TIMER) {
        if (change->flags & EV_ADD)
            start_timer(knote, change); /* C-299, C-301 */
        else if (was_enabled && !knote->is_enabled)
            pause_timer(knote);
        else if (!was_enabled && knote->is_enabled)
            resume_timer(knote);
    } else if (redefines(change)) {
        if (knote->filter == EVFILT_VNODE) {
            unsigned kept = change->fflags | (change->fflags & NOTE_WRITE ? NOTE_EXTEND : 0u);
            knote->must &= change->fflags, knote->may &= kept; /* C-238 */
            knote->news = knote->must && !is_posix ? MUST : knote->may ? MAY : NONE; /* 6.14 */
        }
        knote->fflags = change->fflags; /* C-069 */
        knote->data = watches_descriptor(knote->filter) ? change->data : knote->data;
        if (knote->filter == EVFILT_PROC)
            modify_process(knote, change);
    }
    if (watches_descriptor(knote->filter) && knote->filter != EVFILT_VNODE)
        knote->news = MUST; /* C-081: looked at anew */
    if (knote->flags & (EV_CLEAR | EV_ONESHOT | EV_DISPATCH))
        queue_with(knote)->may_be_late = true; /* what was queued for want of room may not hold as it is defined now */
    if (change->flags & EV_FORCEONESHOT)
        knote->flags |= EV_ONESHOT;
}

static void forget_turns(struct knote *knote) {
    knote->ready_since = 0;
    memset(knote->told_at, 0, sizeof knote->told_at);
}

void model_apply(int queue, const struct change *change) {
    if (change->filter == EVFILT_LIBKQUEUE)
        return;
    struct knote *knote = model_find(queue, change->filter, change->ident);
    if (knote != NULL)
        forget_turns(knote);
    if (knote == NULL)
        create(queue, change);
    else if (change->flags & EV_DELETE)
        knote->is_live = false; /* C-045, C-073 */
    else
        modify(knote, change);
}

/* ---- Events ---- */

void model_deliver(int queue, struct knote *knote) {
    (void)queue;
    if (knote->flags & EV_ONESHOT || knote->is_over) {
        knote->is_live = false; /* C-075 */
        return;
    }
    if (knote->filter == EVFILT_TIMER)
        deliver_timer(knote);
    struct object *object = watches_descriptor(knote->filter) ? object_of(knote->ident) : NULL;
    knote->told = object ? object->bytes : 0;
    knote->has_written = knote->has_changed = false;
    bool is_short_timer = knote->filter == EVFILT_TIMER && knote->news == MAY;
    if (knote->flags & EV_CLEAR && !is_short_timer) {
        /* POSIX tells again what it cannot tell from news. */
        bool is_vague = knote->filter == EVFILT_EMPTY || (is_posix && watches_descriptor(knote->filter)) ||
                        knote->filter == EVFILT_EXCEPT ||
                        (watches_descriptor(knote->filter) && queue_of(knote->ident) >= 0);
        knote->news = is_vague ? MAY : NONE;
        knote->must = knote->may = 0; /* C-235 */
        knote->was_cut = false;
        knote->count = 0;
    }
    if (knote->flags & EV_DISPATCH)
        knote->is_enabled = false; /* C-076, C-077 */
}

/* ---- What happens to descriptors and signals ---- */

static void for_knotes_of(int object, void (*body)(struct knote *, int), int argument) {
    for (int queue = 0; queue < QUEUES; queue++)
        for (struct knote *knote = queues[queue].knotes; knote < queues[queue].knotes + queues[queue].used; knote++) {
            int slot = knote->is_live && watches_descriptor(knote->filter) ? slot_of(knote->ident) : -1;
            if (slot >= 0 && world.slots[slot] == object)
                body(knote, argument);
        }
}

static void raise_news(struct knote *knote, int filter_and_news) {
    int filter = filter_and_news >> 2;
    enum news news = (enum news)(filter_and_news & 3);
    struct object *object = object_of(knote->ident);
    bool looks_same = object->kind == EVENTFD || object->bytes <= knote->told;
    bool shows_end = object->read_over && object->bytes == 0; /* before that its bytes hide it */
    if (is_posix && news == MUST && filter == EVFILT_READ && !shows_end && looks_same)
        news = MAY; /* POSIX compares what there is with what there was: 6.14 */
    if (knote->filter == filter && news > knote->news)
        knote->news = news;
}

static void tell(int object, short filter, enum news news) {
    for_knotes_of(object, raise_news, filter * 4 + (int)news);
}

void model_arrived(int object) {
    tell(object, EVFILT_READ, MUST); /* C-147; the other filter stays as it is (C-182) */
    if (world.objects[object].kind == EVENTFD)
        tell(object, EVFILT_WRITE, MAY);
}

static void lower_news(struct knote *knote, int unused) {
    (void)unused;
    if (knote->filter == EVFILT_READ && knote->flags & EV_CLEAR && knote->news == MUST)
        knote->news = MAY;
}

/* One that is told once may have been queued, for want of room, when there was something. */
static void note_gone(struct knote *knote, int unused) {
    (void)unused;
    if (knote->filter == EVFILT_READ && knote->flags & (EV_CLEAR | EV_ONESHOT | EV_DISPATCH))
        queue_with(knote)->may_be_late = true;
}

void model_drained(int object) {
    for_knotes_of(object, note_gone, 0);
    if (is_posix && world.objects[object].read_over)
        tell(object, EVFILT_READ, MAY); /* the end shows once the bytes are read */
    if (is_posix) /* what comes next may look as what was told */
        for_knotes_of(object, lower_news, 0);
    int peer = world.objects[object].peer;
    if (peer >= 0)
        tell(peer, EVFILT_WRITE, MAY); /* 6.2: on each freeing */
    if (world.objects[object].kind == EVENTFD)
        tell(object, EVFILT_WRITE, MAY);
}

static void note_written(struct knote *knote, int unused) {
    (void)unused;
    if (knote->filter != EVFILT_WRITE)
        return;
    knote->has_written = true;
    if (knote->has_changed && knote->news == NONE)
        knote->news = MAY;
}

void model_wrote(int object) {
    for_knotes_of(object, note_written, 0);
}

/* Where the system says that something changed, and the room is another because the program sent something, whether any
   was freed meanwhile cannot be told. */
#ifndef FUZZ_CORE
static void perhaps_freed(struct knote *knote, int unused) {
    (void)unused;
    knote->has_changed = true;
    if (knote->has_written && knote->news == NONE)
        knote->news = MAY;
}

#endif

static void perhaps_told(int object) {
#ifndef FUZZ_CORE
    for_knotes_of(object, perhaps_freed, 0);
#else
    (void)object;
#endif
}

void model_ended(int object, short filter) {
    perhaps_told(object);
    tell(object, filter, MUST); /* C-153, C-200; the other filter stays as it is (C-194) */
}

void model_perhaps(int object, short filter) {
    perhaps_told(object);
    tell(object, filter, MAY);
}

static void set_moved(struct knote *knote, int unused) {
    (void)unused;
    if (knote->filter == EVFILT_READ)
        knote->news = MAY;
}

/* A file's offset: nobody is woken for it, and what looks next sees it (6.1). */
void model_moved(int object) {
    for_knotes_of(object, set_moved, 0);
}

static void happen(struct knote *knote, int notes) {
    if (knote->filter != EVFILT_VNODE)
        return;
    unsigned wanted = (unsigned)notes & knote->fflags;
    knote->must |= wanted & ~(knote->was_cut ? NOTE_EXTEND : 0u);
    knote->may |= wanted | (wanted & NOTE_WRITE ? (unsigned)notes & NOTE_EXTEND : 0u); /* C-213 */
    if (knote->must)
        knote->news = is_posix ? MAY : MUST; /* 6.14: POSIX samples */
    else if (knote->may && knote->news == NONE)
        knote->news = MAY;
}

static void perhaps_happen(struct knote *knote, int notes) {
    if (knote->filter != EVFILT_VNODE)
        return;
#ifndef FUZZ_CORE
    knote->was_cut = true;
    knote->must &= ~(unsigned)NOTE_EXTEND;
    if (!knote->must && knote->news == MUST)
        knote->news = MAY;
#endif
    knote->may |= (unsigned)notes & knote->fflags;
    if (knote->may && knote->news == NONE)
        knote->news = MAY;
}

/* A file that was cut and written again before anybody looked was written, for all that can be told (6.5). */
void model_cut_file(int object, unsigned notes) {
    for_knotes_of(object, perhaps_happen, (int)notes);
}

void model_wrote_file(int object, unsigned notes) {
    for_knotes_of(object, happen, (int)notes);
}

void model_closed(uintptr_t ident) {
    for (int queue = 0; queue < QUEUES; queue++)
        for (struct knote *knote = queues[queue].knotes; knote < queues[queue].knotes + queues[queue].used; knote++)
            if (knote->is_live && watches_descriptor(knote->filter) && knote->ident == ident) {
                knote->is_live = false; /* C-118 to C-127 */
                queues[queue].is_doubtful = true; /* what was queued is dropped by the next call */
            }
}

void model_process_ended(int process) {
    for (int queue = 0; queue < QUEUES; queue++) {
        struct knote *knote = model_find(queue, EVFILT_PROC, (uintptr_t)process);
        if (knote == NULL)
            continue;
        knote->is_over = true;
        knote->news = MUST; /* C-249, C-260 */
    }
}

/* ---- Order: 3.6 ---- */

static uint64_t turn;

bool model_is_shown(const struct knote *knote) {
    return !is_posix || knote->filter == EVFILT_USER || knote->filter == EVFILT_SIGNAL; /* 6.14 */
}

bool model_follow(int queue) {
    bool is_any = false;
    turn++;
    for (struct knote *knote = queues[queue].knotes; knote < queues[queue].knotes + queues[queue].used; knote++) {
        if (!knote->is_live)
            continue;
        if (model_expect(queue, knote).news != MUST) {
            forget_turns(knote);
            continue;
        }
        if (knote->ready_since == 0)
            knote->ready_since = turn;
        is_any |= model_is_shown(knote);
    }
    return is_any;
}

void model_begin_call(void) {
    turn++;
}

void model_note_turn(struct knote *knote) {
    knote->told_at[2] = knote->told_at[1];
    knote->told_at[1] = knote->told_at[0];
    knote->told_at[0] = turn;
}

/* What can be delivered all the time comes in turn. One may come twice, as what the core keeps and what the system
   reports are two lists, of which the second is not read where the room is filled; but not a third time. */
static bool is_passed_over(int queue, const struct knote *knote, const struct knote *other) {
    uint64_t since = knote->told_at[2];
    bool came = knote->is_live && knote->told_at[0] == turn && since != 0;
    bool waits = other->is_live && other->ready_since != 0 && other->ready_since < since && other->told_at[0] < since;
    return came && waits && model_expect(queue, other).news == MUST;
}

const struct knote *model_passed_over(int queue) {
    const struct knote *first = queues[queue].knotes, *end = first + queues[queue].used;
    for (const struct knote *knote = first; knote < end; knote++)
        for (const struct knote *other = first; knote->is_live && knote->told_at[0] == turn && other < end; other++)
            if (is_passed_over(queue, knote, other))
                return other;
    return NULL;
}

void model_signal(int number) {
    for (int queue = 0; queue < QUEUES; queue++) {
        struct knote *knote = model_find(queue, EVFILT_SIGNAL, (uintptr_t)number);
        if (knote == NULL)
            continue;
        knote->count++; /* C-282 */
        knote->news = MUST;
    }
}
