/*
 * Jumps out of kevent() at each of its instructions: every later call works on (C-028).
 *
 * The processor traps after each instruction, and the handler of the trap jumps away at the one that is meant. So a
 * change is left between any two stores, and no signal that is held back keeps that from happening.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "life.h"

#include <setjmp.h>
#include <ucontext.h>

#if defined(__x86_64__) && defined(__linux__)

static const struct timespec no_wait = {0, 0};

static sigjmp_buf escape;
/* Instructions still to go; the first trap that finds 0 jumps. */
static volatile long left;
/* Only where a signal could come that can be held back, as another's handler would. */
static bool heeds_mask;

/* Below the red zone of the function that this stands in. */
#define SET_TRAP_FLAG(operation) \
    __asm__ volatile("lea -256(%%rsp), %%rsp\n\tpushfq\n\t" operation "\n\tpopfq\n\tlea 256(%%rsp), %%rsp" \
                     ::: "memory", "cc")

static void trap(int number, siginfo_t *info, void *context) {
    const ucontext_t *interrupted = context;
    (void)number, (void)info;
    if (left > 0)
        left--;
    else if (!heeds_mask || sigismember(&interrupted->uc_sigmask, SIGVTALRM) == 0)
        siglongjmp(escape, 1);
}

/* Calls a function and leaves it after so many instructions. Returns whether it has as many. */
static bool leaves(void (*call)(int), int kq, long instructions) {
    left = instructions;
    if (sigsetjmp(escape, 1) != 0)
        return true;
    SET_TRAP_FLAG("orq $0x100, (%%rsp)");
    call(kq);
    SET_TRAP_FLAG("andq $~0x100, (%%rsp)");
    return false;
}

static long instructions_of(void (*call)(int), int kq) {
    enum { MANY = 400000 };
    if (leaves(call, kq, MANY))
        contract_skip("calls that were built without optimisation have too many instructions");
    return MANY - left;
}

/* ---- What is interrupted ---- */

static int reading[2], both[2], file;

static struct kevent changes[8], events[16];
static int change_count;

static void begin_changes(void) {
    change_count = 0;
}

static void add_change(uintptr_t ident, short filter, int flags, unsigned fflags, intptr_t data) {
    EV_SET(&changes[change_count], ident, filter, (unsigned short)flags, fflags, data, NULL);
    change_count++;
}

static void apply(int kq) {
    (void)kevent(kq, changes, change_count, NULL, 0, NULL);
}

static void collect_events(int kq) {
    (void)kevent(kq, NULL, 0, events, 16, &no_wait);
}

static void prepare_timers(int kq) {
    change(kq, 2, EVFILT_TIMER, EV_ADD, 0, 100000, NULL);
    change(kq, 3, EVFILT_TIMER, EV_ADD, NOTE_SECONDS, 500, NULL);
    change(kq, 4, EVFILT_TIMER, EV_ADD | EV_DISABLE, 0, 200000, NULL);
    begin_changes();
    add_change(1, EVFILT_TIMER, EV_ADD, 0, 50000);
    add_change(2, EVFILT_TIMER, EV_ADD, NOTE_SECONDS, 1000);
    add_change(3, EVFILT_TIMER, EV_DELETE, 0, 0);
    add_change(4, EVFILT_TIMER, EV_ENABLE, 0, 0);
}

static void prepare_users(int kq) {
    change(kq, 2, EVFILT_USER, EV_ADD | EV_CLEAR, 0, 0, NULL);
    change(kq, 3, EVFILT_USER, EV_ADD, NOTE_TRIGGER, 0, NULL);
    begin_changes();
    add_change(1, EVFILT_USER, EV_ADD | EV_CLEAR, NOTE_TRIGGER, 0);
    add_change(2, EVFILT_USER, 0, NOTE_TRIGGER, 0);
    add_change(3, EVFILT_USER, EV_DELETE, 0, 0);
}

static void prepare_conditions(int kq) {
    add_read(kq, both[0], 0);
    begin_changes();
    add_change((uintptr_t)reading[0], EVFILT_READ, EV_ADD, 0, 0);
    add_change((uintptr_t)both[0], EVFILT_WRITE, EV_ADD | EV_CLEAR, 0, 0);
    add_change((uintptr_t)both[0], EVFILT_READ, EV_DELETE, 0, 0);
}

static void prepare_siblings(int kq) {
    add_read(kq, both[0], 0);
    begin_changes();
    add_change((uintptr_t)both[0], EVFILT_WRITE, EV_ADD, 0, 0);
    add_change((uintptr_t)both[0], EVFILT_READ, EV_DISABLE, 0, 0);
    add_change((uintptr_t)both[0], EVFILT_READ, EV_DELETE, 0, 0);
    add_change((uintptr_t)both[0], EVFILT_READ, EV_ADD, 0, 0);
    add_change((uintptr_t)both[0], EVFILT_READ, EV_DELETE, 0, 0);
}

static void prepare_others(int kq) {
    change(kq, SIGUSR2, EVFILT_SIGNAL, EV_ADD, 0, 0, NULL);
    begin_changes();
    add_change((uintptr_t)file, EVFILT_VNODE, EV_ADD | EV_CLEAR, NOTE_WRITE | NOTE_ATTRIB, 0);
    add_change((uintptr_t)getppid(), EVFILT_PROC, EV_ADD, NOTE_EXIT, 0);
    add_change(SIGUSR1, EVFILT_SIGNAL, EV_ADD, 0, 0);
    add_change(SIGUSR2, EVFILT_SIGNAL, EV_DELETE, 0, 0);
    add_change((uintptr_t)file, EVFILT_READ, EV_ADD, 0, 0);
}

static void prepare_events(int kq) {
    change(kq, 1, EVFILT_TIMER, EV_ADD | EV_ONESHOT, NOTE_NSECONDS, 1, NULL);
    change(kq, 2, EVFILT_TIMER, EV_ADD, NOTE_USECONDS, 1, NULL);
    change(kq, 1, EVFILT_USER, EV_ADD | EV_DISPATCH, NOTE_TRIGGER, 0, NULL);
    add_triggered(kq, 2, EV_CLEAR);
    add_triggered(kq, 3, EV_ONESHOT);
    add_read(kq, reading[0], EV_ONESHOT);
    add_read(kq, both[0], 0);
}

/* ---- What holds after it ---- */

static const struct {
    uintptr_t ident;
    short filter;
} numbered[] = {
    {1, EVFILT_TIMER}, {2, EVFILT_TIMER}, {3, EVFILT_TIMER}, {4, EVFILT_TIMER}, {1, EVFILT_USER},
    {2, EVFILT_USER}, {3, EVFILT_USER}, {4, EVFILT_USER}, {SIGUSR1, EVFILT_SIGNAL}, {SIGUSR2, EVFILT_SIGNAL},
};

/* A knote is there or it is not. */
static void remove_if_there(int kq, uintptr_t ident, short filter) {
    (void)delete_knote(kq, ident, filter);
    REQUIRE_EQ(change_errno(kq, ident, filter, EV_DELETE, 0, 0, NULL), ENOENT);
}

static void remove_all(int kq) {
    for (size_t i = 0; i < sizeof numbered / sizeof *numbered; i++)
        remove_if_there(kq, numbered[i].ident, numbered[i].filter);
    remove_if_there(kq, (uintptr_t)getppid(), EVFILT_PROC);
    remove_if_there(kq, (uintptr_t)file, EVFILT_VNODE);
    remove_if_there(kq, (uintptr_t)file, EVFILT_READ);
    remove_if_there(kq, (uintptr_t)reading[0], EVFILT_READ);
    remove_if_there(kq, (uintptr_t)both[0], EVFILT_READ);
    remove_if_there(kq, (uintptr_t)both[0], EVFILT_WRITE);
}

/* Whether it is among the events that there are before long. */
static bool tells(int kq, uintptr_t ident, short filter) {
    static const struct timespec second = {1, 0};
    for (time_t start = time(NULL); time(NULL) - start < 5;) {
        int count = kevent(kq, NULL, 0, events, 16, &second);
        for (int i = 0; i < count; i++)
            if (events[i].ident == ident && events[i].filter == filter)
                return true;
    }
    return false;
}

/* A change that was jumped out of can be made again, whatever became of it. */
static void require_knotes_work(int kq) {
    for (uintptr_t ident = 1; ident <= 4; ident++) {
        change(kq, ident, EVFILT_TIMER, EV_ADD | EV_ENABLE, NOTE_NSECONDS, 1, NULL);
        REQUIRE(tells(kq, ident, EVFILT_TIMER));
        change(kq, ident, EVFILT_USER, EV_ADD | EV_ENABLE, NOTE_TRIGGER, 0, NULL);
        REQUIRE(tells(kq, ident, EVFILT_USER));
    }
    change(kq, (uintptr_t)reading[0], EVFILT_READ, EV_ADD | EV_ENABLE, 0, 0, NULL);
    REQUIRE(tells(kq, (uintptr_t)reading[0], EVFILT_READ));
    change(kq, (uintptr_t)both[0], EVFILT_READ, EV_ADD | EV_ENABLE, 0, 0, NULL);
    REQUIRE(tells(kq, (uintptr_t)both[0], EVFILT_READ));
    change(kq, (uintptr_t)both[0], EVFILT_WRITE, EV_ADD | EV_ENABLE, 0, 0, NULL);
    REQUIRE(tells(kq, (uintptr_t)both[0], EVFILT_WRITE));
}

static void require_filters_work(int kq) {
    change(kq, 1, EVFILT_USER, EV_ADD | EV_ONESHOT, NOTE_TRIGGER, 0, NULL);
    REQUIRE_EQ(next_event(kq).filter, EVFILT_USER);
    change(kq, 1, EVFILT_TIMER, EV_ADD | EV_ONESHOT, NOTE_USECONDS, 1, NULL);
    REQUIRE_EQ(next_event(kq).filter, EVFILT_TIMER);
    change(kq, (uintptr_t)reading[0], EVFILT_READ, EV_ADD | EV_ONESHOT, 0, 0, NULL);
    REQUIRE_EQ(next_event(kq).filter, EVFILT_READ);
    change(kq, (uintptr_t)both[0], EVFILT_WRITE, EV_ADD | EV_ONESHOT, 0, 0, NULL);
    REQUIRE_EQ(next_event(kq).filter, EVFILT_WRITE);
    change(kq, (uintptr_t)both[0], EVFILT_READ, EV_ADD | EV_ONESHOT, 0, 0, NULL);
    REQUIRE_EQ(next_event(kq).filter, EVFILT_READ);
}

static void require_nothing(int kq) {
    REQUIRE_EQ(kevent(kq, NULL, 0, events, 16, &no_wait), 0);
}

static void require_whole(int kq) {
    collect_events(kq);
    require_knotes_work(kq);
    remove_all(kq);
    require_nothing(kq);
    require_filters_work(kq);
    require_nothing(kq);
    REQUIRE_EQ(close(kq), 0);
}

/*
 * The same of calls that are farther down the stack than what was left, while a signal is blocked that has a handler:
 * they are not a handler's calls inside of that.
 */
static void require_whole_below(int kq) {
    volatile char below[4096];
    for (size_t i = 0; i < sizeof below; i++)
        below[i] = 1;
    require_whole(kq);
    REQUIRE_EQ(below[0], 1);
}

/* ---- At each instruction ---- */

static void never(int number) {
    (void)number;
}

/* As in the handler of a signal. */
static void block_a_handler(void) {
    struct sigaction action = {.sa_handler = never};
    sigset_t blocked;
    sigemptyset(&action.sa_mask);
    REQUIRE_EQ(sigaction(SIGPROF, &action, NULL), 0);
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGPROF);
    REQUIRE_EQ(pthread_sigmask(SIG_BLOCK, &blocked, NULL), 0);
}

static void set_up(void) {
#ifdef CONTRACT_WITH_SOURCES_HEADER
    contract_skip("calls of the ordinary Swift build take locks of its runtime's, which a jump leaves held");
#endif
    struct sigaction action = {.sa_sigaction = trap, .sa_flags = SA_SIGINFO};
    sigemptyset(&action.sa_mask);
    REQUIRE_EQ(sigaction(SIGTRAP, &action, NULL), 0);
    block_a_handler();
    new_pipe(reading);
    put(reading[1], "x");
    REQUIRE_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, both), 0);
    put(both[1], "y");
    file = regular_file();
}

static int prepared(void (*prepare)(int)) {
    int kq = new_kqueue();
    prepare(kq);
    return kq;
}

/* So many traps are to be enough, of some microseconds each. With more than there are instructions to leave at, none is
 * left out. */
static long traps(void) {
    const char *wanted = getenv("CONTRACT_TRAPS");
    return wanted != NULL ? atol(wanted) : 40000;
}

/* How far apart the instructions are where a call is left, so that all of it takes so many traps. */
static long stride_for(long instructions, long traps) {
    return instructions * instructions / 2 / traps + 1;
}

static void leave_everywhere(void (*prepare)(int), void (*call)(int)) {
    set_up();
    int first = prepared(prepare);
    long count = instructions_of(call, first);
    require_whole(first);
    long stride = stride_for(count, traps());
    for (long place = 0; place <= count; place += stride) {
        int kq = prepared(prepare);
        (void)leaves(call, kq, place);
        (place / stride % 2 ? require_whole_below : require_whole)(kq);
    }
}

/*
 * The same as a handler of another signal's does that comes at that moment, which it does not while signals are held
 * back. Each in a process that knows of no jump yet, since after one they always are.
 */
static void leave_as_another(void (*prepare)(int), void (*call)(int)) {
    set_up();
    heeds_mask = true;
    int first = prepared(prepare);
    long count = instructions_of(call, first);
    require_whole(first);
    long stride = stride_for(count, traps());
    for (long place = 0; place <= count; place += stride) {
        pid_t child = fork();
        REQUIRE(child >= 0);
        if (child == 0) {
            int kq = prepared(prepare);
            (void)leaves(call, kq, place);
            require_whole(kq);
            _exit(0);
        }
        int status;
        REQUIRE_EQ(waitpid(child, &status, 0), child);
        REQUIRE_EQ(status, 0);
    }
}

/* Leaves a call, and the one that mends what it left as well. */
static void leave_twice(void (*prepare)(int), void (*call)(int)) {
    enum { PLACES = 12 };
    set_up();
    int first = prepared(prepare);
    long count = instructions_of(call, first);
    require_whole(first);
    for (long place = 1; place < PLACES; place++) {
        int kq = prepared(prepare);
        (void)leaves(call, kq, count * place / PLACES);
        long mending = instructions_of(call, kq);
        require_whole(kq);
        long stride = stride_for(mending, traps() / PLACES);
        for (long second = place % stride; second <= mending; second += stride) {
            kq = prepared(prepare);
            (void)leaves(call, kq, count * place / PLACES);
            (void)leaves(call, kq, second);
            require_whole(kq);
        }
    }
}

static void changes_of_timers(void) {
    leave_everywhere(prepare_timers, apply);
}

static void changes_of_users(void) {
    leave_everywhere(prepare_users, apply);
}

static void changes_of_conditions(void) {
    leave_everywhere(prepare_conditions, apply);
}

static void changes_of_siblings(void) {
    leave_everywhere(prepare_siblings, apply);
}

static void changes_of_others(void) {
    leave_as_another(prepare_others, apply);
}

static void changes_by_another(void) {
    leave_as_another(prepare_timers, apply);
    leave_as_another(prepare_conditions, apply);
}

static void collections_by_another(void) {
    leave_as_another(prepare_events, collect_events);
}

static void collections(void) {
    leave_everywhere(prepare_events, collect_events);
}

static void mended_changes(void) {
    leave_twice(prepare_timers, apply);
}

static void mended_conditions(void) {
    leave_twice(prepare_conditions, apply);
}

static void mended_siblings(void) {
    leave_twice(prepare_siblings, apply);
}

static void mended_collections(void) {
    leave_twice(prepare_events, collect_events);
}

#else

static void no_trap(void) {
    contract_skip("no flag of the processor's that traps after each instruction is known");
}

#define changes_of_timers no_trap
#define changes_of_users no_trap
#define changes_of_conditions no_trap
#define changes_of_siblings no_trap
#define changes_of_others no_trap
#define changes_by_another no_trap
#define collections_by_another no_trap
#define collections no_trap
#define mended_changes no_trap
#define mended_conditions no_trap
#define mended_siblings no_trap
#define mended_collections no_trap

#endif

const struct contract_case jump_step_cases[] = {
    {"C-028", "a jump from anywhere in a change of timers", changes_of_timers, 120},
    {"C-028", "a jump from anywhere in a change of USER knotes", changes_of_users, 120},
    {"C-028", "a jump from anywhere in a change of conditions", changes_of_conditions, 120},
    {"C-028", "a jump from anywhere in a change of READ beside WRITE", changes_of_siblings, 120},
    {"C-028", "a jump from anywhere in a change of files, processes and signals", changes_of_others, 120},
    {"C-028", "a jump from anywhere in a change, by a signal", changes_by_another, 120},
    {"C-028", "a jump from anywhere in a collection, by a signal", collections_by_another, 120},
    {"C-028", "a jump from anywhere in a collection", collections, 120},
    {"C-028", "a jump from anywhere in the call that mends a change of timers", mended_changes, 120},
    {"C-028", "a jump from anywhere in the call that mends a change of conditions", mended_conditions, 120},
    {"C-028", "a jump from anywhere in the call that mends READ beside WRITE", mended_siblings, 120},
    {"C-028", "a jump from anywhere in the call that mends a collection", mended_collections, 120},
    {NULL, NULL, NULL, 0},
};
