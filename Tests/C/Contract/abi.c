/*
 * Layout, names and values of <sys/event.h>.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <sys/event.h> /* first and alone: it needs nothing before it */

#include "contract.h"

#include <stddef.h>
#include <sys/syscall.h>

#define WIDE (UINTPTR_MAX > UINT32_MAX)

static void require_layout(size_t size, size_t filter, size_t flags, size_t fflags, size_t data, size_t udata,
                           size_t word) {
    REQUIRE_EQ(sizeof(struct kevent), size);
    REQUIRE_EQ(_Alignof(struct kevent), word);
    REQUIRE_EQ(offsetof(struct kevent, ident), 0);
    REQUIRE_EQ(offsetof(struct kevent, filter), filter);
    REQUIRE_EQ(offsetof(struct kevent, flags), flags);
    REQUIRE_EQ(offsetof(struct kevent, fflags), fflags);
    REQUIRE_EQ(offsetof(struct kevent, data), data);
    REQUIRE_EQ(offsetof(struct kevent, udata), udata);
    struct kevent all_ones;
    memset(&all_ones, 0xff, sizeof all_ones);
    REQUIRE_EQ(sizeof all_ones.ident, word);
    REQUIRE(all_ones.ident > 0);
    REQUIRE_EQ(sizeof all_ones.filter, 2);
    REQUIRE_EQ(all_ones.filter, -1);
    REQUIRE_EQ(sizeof all_ones.flags, 2);
    REQUIRE_EQ(all_ones.flags, 0xffff);
    REQUIRE_EQ(sizeof all_ones.fflags, 4);
    REQUIRE_EQ(all_ones.fflags, 0xffffffff);
    REQUIRE_EQ(sizeof all_ones.data, word);
    REQUIRE_EQ(all_ones.data, -1);
    REQUIRE_EQ(sizeof all_ones.udata, word);
}

static void layout_of_lp64(void) {
    if (!WIDE)
        contract_skip("pointers have 32 bits");
    require_layout(32, 8, 10, 12, 16, 24, 8);
}

static void layout_of_ilp32(void) {
    if (WIDE)
        contract_skip("pointers have 64 bits");
    require_layout(20, 4, 6, 8, 12, 16, 4);
}

struct constant {
    const char *name;
    int64_t value, wanted;
};

static const struct constant constants[] = {
#define CONSTANT(name, wanted) {#name, (int64_t)(name), (int64_t)(wanted)},
    CONSTANT(EVFILT_READ, -1)
    CONSTANT(EVFILT_WRITE, -2)
    CONSTANT(EVFILT_AIO, -3)
#ifdef EVFILT_VNODE
    CONSTANT(EVFILT_VNODE, -4)
#endif
#ifdef EVFILT_PROC
    CONSTANT(EVFILT_PROC, -5)
#endif
#ifdef EVFILT_SIGNAL
    CONSTANT(EVFILT_SIGNAL, -6)
#endif
    CONSTANT(EVFILT_TIMER, -7)
#ifdef EVFILT_PROCDESC
    CONSTANT(EVFILT_PROCDESC, -8)
#endif
#ifdef EVFILT_FS
    CONSTANT(EVFILT_FS, -9)
#endif
    CONSTANT(EVFILT_USER, -11)
    CONSTANT(EVFILT_LIBKQUEUE, -12)
#ifdef EVFILT_EMPTY
    CONSTANT(EVFILT_EMPTY, -13)
#endif
#ifdef EVFILT_EXCEPT
    CONSTANT(EVFILT_EXCEPT, -15)
#endif
    CONSTANT(EV_ADD, 0x0001)
    CONSTANT(EV_DELETE, 0x0002)
    CONSTANT(EV_ENABLE, 0x0004)
    CONSTANT(EV_DISABLE, 0x0008)
    CONSTANT(EV_ONESHOT, 0x0010)
    CONSTANT(EV_CLEAR, 0x0020)
    CONSTANT(EV_RECEIPT, 0x0040)
    CONSTANT(EV_DISPATCH, 0x0080)
    CONSTANT(EV_SYSFLAGS, 0xF000)
    CONSTANT(EV_FLAG1, 0x2000)
    CONSTANT(EV_ERROR, 0x4000)
    CONSTANT(EV_EOF, 0x8000)
    CONSTANT(NOTE_FFNOP, 0x00000000)
    CONSTANT(NOTE_FFAND, 0x40000000)
    CONSTANT(NOTE_FFOR, 0x80000000)
    CONSTANT(NOTE_FFCOPY, 0xc0000000)
    CONSTANT(NOTE_FFCTRLMASK, 0xc0000000)
    CONSTANT(NOTE_FFLAGSMASK, 0x00ffffff)
    CONSTANT(NOTE_TRIGGER, 0x01000000)
    CONSTANT(NOTE_LOWAT, 0x00000001)
    CONSTANT(NOTE_EXIT, 0x80000000)
    CONSTANT(NOTE_FORK, 0x40000000)
    CONSTANT(NOTE_EXEC, 0x20000000)
    CONSTANT(NOTE_PCTRLMASK, 0xf0000000)
    CONSTANT(NOTE_PDATAMASK, 0x000fffff)
    CONSTANT(NOTE_TRACK, 0x1)
    CONSTANT(NOTE_TRACKERR, 0x2)
    CONSTANT(NOTE_CHILD, 0x4)
    CONSTANT(NOTE_SECONDS, 0x1)
    CONSTANT(NOTE_USECONDS, 0x2)
    CONSTANT(NOTE_NSECONDS, 0x4)
    CONSTANT(NOTE_ABSOLUTE, 0x8)
    CONSTANT(NOTE_DELETE, 0x01)
    CONSTANT(NOTE_WRITE, 0x02)
    CONSTANT(NOTE_EXTEND, 0x04)
    CONSTANT(NOTE_ATTRIB, 0x08)
    CONSTANT(NOTE_LINK, 0x10)
    CONSTANT(NOTE_RENAME, 0x20)
    CONSTANT(NOTE_REVOKE, 0x40)
    CONSTANT(NOTE_TRUNCATE, 0x80)
#ifdef NOTE_LINKUP
    CONSTANT(NOTE_LINKUP, 0x1)
#endif
#ifdef NOTE_LINKDOWN
    CONSTANT(NOTE_LINKDOWN, 0x2)
#endif
#ifdef NOTE_LINKINV
    CONSTANT(NOTE_LINKINV, 0x4)
#endif
    CONSTANT(NOTE_VERSION, 1)
    CONSTANT(NOTE_VERSION_STR, 2)
    CONSTANT(NOTE_THREAD_SAFE, 3)
    CONSTANT(NOTE_FORK_CLEANUP, 4)
    CONSTANT(NOTE_DEBUG, 5)
    CONSTANT(NOTE_DEBUG_PREFIX, 6)
    CONSTANT(NOTE_DEBUG_FUNC, 7)
    CONSTANT(NOTE_FILE_POLL_INTERVAL, 8)
    CONSTANT(VQ_NOTRESP, 0x01)
    CONSTANT(VQ_NEEDAUTH, 0x02)
    CONSTANT(VQ_LOWDISK, 0x04)
    CONSTANT(VQ_MOUNT, 0x08)
    CONSTANT(VQ_UNMOUNT, 0x10)
    CONSTANT(VQ_DEAD, 0x20)
    CONSTANT(VQ_ASSIST, 0x40)
    CONSTANT(VQ_NOTRESPLOCK, 0x80)
    /* What the other systems add, table 2.3. */
    CONSTANT(EV_FORCEONESHOT, 0x0100)
    CONSTANT(EV_KEEPUDATA, 0x0200)
    CONSTANT(EV_UDATA_SPECIFIC, 0x0400)
    CONSTANT(EV_VANISHED, 0x0800)
    CONSTANT(EV_DISPATCH2, 0x0480)
    CONSTANT(EV_OOBAND, 0x2000)
    CONSTANT(EV_POLL, 0x1000)
    CONSTANT(NOTE_MSECONDS, 0)
    CONSTANT(NOTE_ABSTIME, 0x8)
    CONSTANT(NOTE_LEEWAY, 0x10)
    CONSTANT(NOTE_CRITICAL, 0x20)
    CONSTANT(NOTE_BACKGROUND, 0x40)
    CONSTANT(NOTE_FILE_POLL, 0x2)
    CONSTANT(NOTE_OOB, 0x4)
    CONSTANT(NOTE_EOF, 0x8)
    CONSTANT(NOTE_OPEN, 0x800)
    CONSTANT(NOTE_CLOSE, 0x100)
    CONSTANT(NOTE_CLOSE_WRITE, 0x200)
    CONSTANT(NOTE_READ, 0x400)
    CONSTANT(NOTE_EXITSTATUS, 0x04000000)
    CONSTANT(NOTE_SIGNAL, 0x08000000)
    CONSTANT(NOTE_REAP, 0x10000000)
#ifdef NOTE_PDSIGCHLD
    CONSTANT(NOTE_PDSIGCHLD, 0x10000000)
#endif
    CONSTANT(KQUEUE_CLOEXEC, 1)
    CONSTANT(KQUEUE_CPONFORK, 2)
#undef CONSTANT
};

static void values_of_constants(void) {
    for (size_t i = 0; i < sizeof constants / sizeof *constants; i++)
        if (constants[i].value != constants[i].wanted)
            contract_fail(__FILE__, __LINE__, "%s is 0x%jx; wanted 0x%jx", constants[i].name,
                          (uintmax_t)constants[i].value, (uintmax_t)constants[i].wanted);
}

static void ev_set_evaluates_once(void) {
    struct kevent events[3];
    memset(events, 0, sizeof events);
    int at = 0, ident = 10, filter = -5, flags = 1, fflags = 20, data = 30;
    char bytes[4], *udata = bytes;
    EV_SET(&events[at++], ident++, filter++, flags++, fflags++, data++, udata++);
    REQUIRE_EQ(at, 1);
    REQUIRE_EQ(ident, 11);
    REQUIRE_EQ(filter, -4);
    REQUIRE_EQ(flags, 2);
    REQUIRE_EQ(fflags, 21);
    REQUIRE_EQ(data, 31);
    REQUIRE(udata == bytes + 1);
    REQUIRE_EQ(events[0].ident, 10);
    REQUIRE_EQ(events[0].filter, -5);
    REQUIRE_EQ(events[0].flags, 1);
    REQUIRE_EQ(events[0].fflags, 20);
    REQUIRE_EQ(events[0].data, 30);
    REQUIRE(events[0].udata == bytes);
    REQUIRE_EQ(events[1].ident, 0);
}

/* As a statement of an if without braces, and with arguments of lower precedence. */
static void ev_set_is_one_statement(void) {
    struct kevent events[2], *next = events;
    memset(events, 0, sizeof events);
    for (int i = 0; i < 2; i++)
        if (i == 0)
            EV_SET(next++, 1, EVFILT_USER, i == 0 ? EV_ADD : EV_DELETE, NOTE_FFOR | 1, 2 + 3, NULL);
        else
            EV_SET(next++, UINTPTR_MAX, EVFILT_TIMER, EV_ADD | EV_ONESHOT, 0x80000000, INTPTR_MIN, events);
    REQUIRE(next == events + 2);
    REQUIRE_EQ(events[0].flags, EV_ADD);
    REQUIRE_EQ(events[0].fflags, 0x80000001);
    REQUIRE_EQ(events[0].data, 5);
    REQUIRE(events[1].ident == UINTPTR_MAX);
    REQUIRE_EQ(events[1].flags, EV_ADD | EV_ONESHOT);
    REQUIRE_EQ(events[1].data, INTPTR_MIN);
    REQUIRE(events[1].udata == events);
}

static void names_without_a_probe(void) {
#ifndef LIBKQUEUE
    contract_fail(__FILE__, __LINE__, "LIBKQUEUE is not defined");
#elif !defined NOTE_REVOKE
    contract_fail(__FILE__, __LINE__, "NOTE_REVOKE is not defined");
#elif !defined EVFILT_AIO
    contract_fail(__FILE__, __LINE__, "EVFILT_AIO is not defined");
#else
    REQUIRE_EQ(LIBKQUEUE, 1);
#endif
}

/* An EV_ADD that succeeds wherever the filter does. */
static void require_filter(int filter, bool defined) {
    int kq = new_kqueue(), pair[2], code;
    uintptr_t ident = 1;
    unsigned fflags = 0;
    struct kevent event;
    unix_pair(pair);
    switch (filter) {
    case -1: case -2: case -3: case -13: /* READ, WRITE, AIO, EMPTY */
        ident = (uintptr_t)pair[0];
        break;
    case -4: /* VNODE */
        ident = (uintptr_t)open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        fflags = NOTE_WRITE;
        break;
    case -5: /* PROC */
        ident = (uintptr_t)getpid();
        fflags = NOTE_EXIT;
        break;
    case -6: /* SIGNAL */
        ident = SIGUSR2;
        break;
    case -8: /* PROCDESC */
        ident = (uintptr_t)open_pidfd(getpid());
        if (ident > INT_MAX)
            return; /* there is nothing that it could be added on */
        fflags = NOTE_EXIT;
        break;
    case -9: /* FS */
        ident = 0;
        fflags = VQ_MOUNT | VQ_UNMOUNT;
        break;
    case -12: /* LIBKQUEUE */
        fflags = NOTE_VERSION;
        break;
    case -15: /* EXCEPT */
        ident = (uintptr_t)pair[0];
        fflags = NOTE_OOB;
        break;
    default:
        break;
    }
    EV_SET(&event, ident, filter, EV_ADD, fflags, 1, NULL);
    int got = kevent(kq, &event, 1, &event, 1, &(struct timespec){0, 0});
    code = got == -1 ? errno : got == 1 && (event.flags & EV_ERROR) && filter != -12 ? (int)event.data : 0;
    if (code != (defined ? 0 : EINVAL))
        contract_fail(__FILE__, __LINE__, "filter %d, which is %sdefined: %s", filter, defined ? "" : "not ",
                      strerror(code));
    close(kq);
}

static void defined_filters_work(void) {
    need_inotify();
#ifdef CONTRACT_WITH_SOURCES_HEADER
    if (on_posix())
        contract_skip("the header of the sources is the one of Linux; a platform's own is made by its build");
#endif
    bool defined[17] = {false};
    int largest = 0;
    defined[-EVFILT_READ] = defined[-EVFILT_WRITE] = true;
    defined[-EVFILT_TIMER] = defined[-EVFILT_USER] = defined[-EVFILT_LIBKQUEUE] = true;
#ifdef EVFILT_VNODE
    defined[4] = true;
#endif
#ifdef EVFILT_PROC
    defined[5] = true;
#endif
#ifdef EVFILT_SIGNAL
    defined[6] = true;
#endif
#if defined EVFILT_PROCDESC || defined EVFILT_NETDEV || defined EVFILT_MACHPORT || defined EVFILT_DEVICE
    defined[8] = true;
#endif
#ifdef EVFILT_FS
    defined[9] = true;
#endif
#ifdef EVFILT_LIO
    defined[10] = true;
#endif
#ifdef EVFILT_EMPTY
    defined[13] = true;
#endif
#if defined EVFILT_JAIL
    defined[14] = true;
#endif
#if defined EVFILT_EXCEPT || defined EVFILT_JAILDESC
    defined[15] = true;
#endif
    for (int i = 1; i <= 16; i++) {
        require_filter(-i, defined[i]);
        if (defined[i])
            largest = i;
    }
    REQUIRE_EQ(EVFILT_SYSCOUNT, largest > 12 ? largest : 12);
}

/* Names whose number means another filter here, or none. */
static void names_of_no_filter(void) {
#if defined EVFILT_SENDFILE || defined EVFILT_MACHPORT || defined EVFILT_VM || defined EVFILT_DEVICE || \
    defined EVFILT_NETDEV || defined EVFILT_LIO || defined EVFILT_JAIL || defined EVFILT_JAILDESC || \
    defined NOTE_MACHTIME || defined NOTE_MACH_CONTINUOUS_TIME
    contract_fail(__FILE__, __LINE__, "a name is defined that must not be");
#else
    REQUIRE_EQ(change_errno(new_kqueue(), 1, EVFILT_AIO, EV_ADD, 0, 0, NULL), EINVAL);
#endif
}

/* Types, and that each name is found when linking; C++ has a program of its own. */
static void functions_of_the_header(void) {
    int (*volatile make)(void) = kqueue;
    int (*volatile make1)(int) = kqueue1;
    int (*volatile makex)(unsigned) = kqueuex;
    int (*volatile wait)(int, const struct kevent *, int, struct kevent *, int, const struct timespec *) = kevent;
    int (*volatile wait64)(int, const struct kevent64_s *, int, struct kevent64_s *, int, unsigned,
                           const struct timespec *) = kevent64;
    void (*volatile drain)(void) = libkqueue_drain_pending_close;
    drain();
    int kq = make(), kq1 = make1(0), kqx = makex(0);
    REQUIRE(kq >= 0 && kq1 >= 0 && kqx >= 0);
    struct kevent entry;
    EV_SET(&entry, 1, EVFILT_USER, EV_ADD, 0, 0, NULL);
    REQUIRE_EQ(wait(kqx, &entry, 1, NULL, 0, NULL), 0);
    REQUIRE_EQ(wait64(kqx, NULL, 0, NULL, 0, 0, NULL), 0);
    drain(); /* harms no open kqueue */
    trigger(kqx, 1);
    REQUIRE_EQ(next_event(kqx).ident, 1);
    REQUIRE_EQ(close(kq), 0);
    drain();
    REQUIRE_ERRNO(kevent(kq, NULL, 0, NULL, 0, NULL), EBADF);
}

const struct contract_case abi_cases[] = {
    {"C-053", "layout of struct kevent with 64-bit pointers", layout_of_lp64, 0},
    {"C-054", "layout of struct kevent with 32-bit pointers", layout_of_ilp32, 0},
    {"C-056", "values of the constants", values_of_constants, 0},
    {"C-057", "EV_SET evaluates each argument once", ev_set_evaluates_once, 0},
    {"C-057", "EV_SET is one statement", ev_set_is_one_statement, 0},
    {"C-058", "LIBKQUEUE is 1; NOTE_REVOKE and EVFILT_AIO are defined", names_without_a_probe, 0},
    {"C-059", "a filter is defined if and only if its EV_ADD succeeds", defined_filters_work, 0},
    {"C-059", "names of other systems' filters are not defined", names_of_no_filter, 0},
    {"C-060", "the header's functions link in C", functions_of_the_header, 0},
    {NULL, NULL, NULL, 0},
};
