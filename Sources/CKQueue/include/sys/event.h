/*
 * kqueue(2) and kevent(2) in user space.
 *
 * Layout, names and values are those of the C libkqueue, so programs and
 * binaries made for it work unchanged.  Manual: kqueue(2), EV_SET(3).
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef LIBKQUEUE_SYS_EVENT_H
#define LIBKQUEUE_SYS_EVENT_H

#include <sys/types.h>
#include <stdint.h>
#include <time.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Tells this header from the kernel's. */
#define LIBKQUEUE                1

/* The version of the library; the build reads it from these three lines. */
#define LIBKQUEUE_VERSION_MAJOR  3
#define LIBKQUEUE_VERSION_MINOR  1
#define LIBKQUEUE_VERSION_PATCH  0
/* As one number, 0xMMmmpprr; EVFILT_LIBKQUEUE's NOTE_VERSION says it of the library in use. */
#define LIBKQUEUE_VERSION \
    (LIBKQUEUE_VERSION_MAJOR << 24 | LIBKQUEUE_VERSION_MINOR << 16 | LIBKQUEUE_VERSION_PATCH << 8)

struct timespec; /* <time.h> of C89 has none */

/* One change or one event. */
struct kevent {
    uintptr_t      ident;  /* what is watched: descriptor, timer number, ... */
    short          filter; /* EVFILT_* */
    unsigned short flags;  /* EV_* */
    unsigned int   fflags; /* NOTE_*, meaning depends on the filter */
    intptr_t       data;   /* meaning depends on the filter */
    void          *udata;  /* handed back as given */
};

/* The same as kevent64() takes it. */
struct kevent64_s {
    uint64_t ident;
    int16_t  filter;
    uint16_t flags;
    uint32_t fflags;
    int64_t  data;
    uint64_t udata;
    uint64_t ext[2]; /* handed back as given */
};

/* Fills *kevp; every argument is evaluated once. */
#define EV_SET(kevp, ident_, filter_, flags_, fflags_, data_, udata_) \
    do { \
        struct kevent *ev_set_kevp = (kevp); \
        ev_set_kevp->ident = (uintptr_t)(ident_); \
        ev_set_kevp->filter = (short)(filter_); \
        ev_set_kevp->flags = (unsigned short)(flags_); \
        ev_set_kevp->fflags = (unsigned int)(fflags_); \
        ev_set_kevp->data = (intptr_t)(data_); \
        ev_set_kevp->udata = (void *)(udata_); \
    } while (0)

#define EV_SET64(kevp, ident_, filter_, flags_, fflags_, data_, udata_, ext0_, ext1_) \
    do { \
        struct kevent64_s *ev_set_kevp = (kevp); \
        ev_set_kevp->ident = (uint64_t)(ident_); \
        ev_set_kevp->filter = (int16_t)(filter_); \
        ev_set_kevp->flags = (uint16_t)(flags_); \
        ev_set_kevp->fflags = (uint32_t)(fflags_); \
        ev_set_kevp->data = (int64_t)(data_); \
        ev_set_kevp->udata = (uint64_t)(udata_); \
        ev_set_kevp->ext[0] = (uint64_t)(ext0_); \
        ev_set_kevp->ext[1] = (uint64_t)(ext1_); \
    } while (0)

/*
 * Filters.  A macro is defined where EV_ADD can succeed, so #ifdef tells the
 * truth; EVFILT_AIO alone is here for programs that name it without asking.  The
 * build for a platform that lacks some leaves their names out of its copy.
 */
#define EVFILT_READ       (-1)
#define EVFILT_WRITE      (-2)
#define EVFILT_AIO        (-3)
#define EVFILT_VNODE      (-4)
#define EVFILT_PROC       (-5)
#define EVFILT_SIGNAL     (-6)
#define EVFILT_TIMER      (-7)
#define EVFILT_PROCDESC   (-8)
#define EVFILT_FS         (-9)
#define EVFILT_USER       (-11)
#define EVFILT_LIBKQUEUE  (-12)
#define EVFILT_EMPTY      (-13)
#define EVFILT_EXCEPT     (-15)
#define EVFILT_SYSCOUNT   15 /* the largest magnitude of a filter's number */

/* Actions. */
#define EV_ADD            0x0001
#define EV_DELETE         0x0002
#define EV_ENABLE         0x0004
#define EV_DISABLE        0x0008

/* Behaviour. */
#define EV_ONESHOT        0x0010
#define EV_CLEAR          0x0020
#define EV_RECEIPT        0x0040
#define EV_DISPATCH       0x0080
#define EV_FORCEONESHOT   0x0100
#define EV_KEEPUDATA      0x0200
#define EV_UDATA_SPECIFIC 0x0400 /* always EINVAL: identity never includes udata */
#define EV_VANISHED       0x0800 /* never reported */
#define EV_DISPATCH2      (EV_DISPATCH | EV_UDATA_SPECIFIC)

/* Results, and flags that are the system's own. */
#define EV_SYSFLAGS       0xF000
#define EV_POLL           0x1000
#define EV_FLAG1          0x2000
#define EV_OOBAND         EV_FLAG1
#define EV_ERROR          0x4000
#define EV_EOF            0x8000

/* EVFILT_READ, EVFILT_WRITE */
#define NOTE_LOWAT        0x00000001 /* data is the least number of bytes */
#define NOTE_FILE_POLL    0x00000002 /* a regular file is always ready */
#define NOTE_OOB          0x00000004
#define NOTE_EOF          0x00000008

/* EVFILT_VNODE */
#define NOTE_DELETE       0x0001
#define NOTE_WRITE        0x0002
#define NOTE_EXTEND       0x0004
#define NOTE_ATTRIB       0x0008
#define NOTE_LINK         0x0010
#define NOTE_RENAME       0x0020
#define NOTE_REVOKE       0x0040
#define NOTE_TRUNCATE     0x0080
#define NOTE_CLOSE        0x0100
#define NOTE_CLOSE_WRITE  0x0200
#define NOTE_READ         0x0400
#define NOTE_OPEN         0x0800

/* EVFILT_PROC */
#define NOTE_EXIT         0x80000000
#define NOTE_FORK         0x40000000
#define NOTE_EXEC         0x20000000
#define NOTE_REAP         0x10000000
#define NOTE_SIGNAL       0x08000000
#define NOTE_EXITSTATUS   0x04000000
#define NOTE_PCTRLMASK    0xf0000000
#define NOTE_PDATAMASK    0x000fffff
#define NOTE_TRACK        0x00000001
#define NOTE_TRACKERR     0x00000002
#define NOTE_CHILD        0x00000004

/* EVFILT_PROCDESC: ident is a descriptor of a process, as pidfd_open(2) gives; NOTE_EXIT. */
#define NOTE_PDSIGCHLD    0x10000000

/* EVFILT_TIMER: the unit of data; milliseconds unless said. */
#define NOTE_MSECONDS     0x00000000
#define NOTE_SECONDS      0x00000001
#define NOTE_USECONDS     0x00000002
#define NOTE_NSECONDS     0x00000004
#define NOTE_ABSOLUTE     0x00000008 /* a time of CLOCK_REALTIME, not an interval */
#define NOTE_ABSTIME      NOTE_ABSOLUTE
#define NOTE_LEEWAY       0x00000010 /* this and the next two: accepted, no effect */
#define NOTE_CRITICAL     0x00000020
#define NOTE_BACKGROUND   0x00000040

/* EVFILT_USER: an operation on the stored low 24 bits, and the trigger. */
#define NOTE_FFNOP        0x00000000
#define NOTE_FFAND        0x40000000
#define NOTE_FFOR         0x80000000
#define NOTE_FFCOPY       0xc0000000
#define NOTE_FFCTRLMASK   0xc0000000
#define NOTE_FFLAGSMASK   0x00ffffff
#define NOTE_TRIGGER      0x01000000

/* EVFILT_FS */
#define VQ_NOTRESP        0x01
#define VQ_NEEDAUTH       0x02
#define VQ_LOWDISK        0x04
#define VQ_MOUNT          0x08
#define VQ_UNMOUNT        0x10
#define VQ_DEAD           0x20
#define VQ_ASSIST         0x40
#define VQ_NOTRESPLOCK    0x80

/* EVFILT_LIBKQUEUE: fflags is one of these numbers, not a mask. */
#define NOTE_VERSION             1 /* data: LIBKQUEUE_VERSION of the library */
#define NOTE_VERSION_STR         2 /* udata: the same as text */
#define NOTE_THREAD_SAFE         3 /* data sets, the entry's data is the value before */
#define NOTE_FORK_CLEANUP        4 /* likewise */
#define NOTE_DEBUG               5 /* likewise: trace calls on stderr */
#define NOTE_DEBUG_PREFIX        6 /* udata: text before each traced line, NULL resets */
#define NOTE_DEBUG_FUNC          7 /* udata: void (*)(const char *), NULL resets */
#define NOTE_FILE_POLL_INTERVAL  8 /* data: ns between samples, where files are sampled */

#define NOTE_INTERPOSED          64 /* data: 1 where the program's close() tells the library, else 0 */
#define NOTE_DECLINE_DATA        65 /* data sets, for this kqueue: READ says 1 where it would have to ask */

/* kqueuex(): flags. */
#define KQUEUE_CLOEXEC    0x00000001U /* always in force, flag or no flag */
#define KQUEUE_CPONFORK   0x00000002U

/* kevent64(): flags. */
#define KEVENT_FLAG_NONE          0x000000U
#define KEVENT_FLAG_IMMEDIATE     0x000001U /* as with a timeout of zero */
#define KEVENT_FLAG_ERROR_EVENTS  0x000002U /* answers to changes alone, no events */

/*
 * Where a program chooses how many bits time_t has (_TIME_BITS of the GNU C
 * library on systems of 32 bits), its calls go to the function of that size; the
 * plain name is of the size that the library was built with, the system's usual.
 */
#if defined __TIMESIZE && __TIMESIZE == 32 && defined _TIME_BITS
#ifdef __USE_TIME_BITS64
#define LIBKQUEUE_TIMED(name) __asm__(#name "_time64")
#elif _TIME_BITS == 32
#define LIBKQUEUE_TIMED(name) __asm__(#name "_time32")
#endif
#endif
#ifndef LIBKQUEUE_TIMED
#define LIBKQUEUE_TIMED(name)
#endif

/* A new kqueue: its descriptor, or -1 and errno EMFILE, ENFILE or ENOMEM. */
int kqueue(void);
/* flags: O_CLOEXEC and O_NONBLOCK; any other bit is EINVAL. */
int kqueue1(int flags);
/* flags: KQUEUE_*; any other bit is EINVAL. */
int kqueuex(unsigned int flags);

/*
 * Applies the changes, in order, then waits for events: for ever where timeout
 * is NULL.  The number of entries written to eventlist, or -1 and errno.  The
 * two lists may be one array.
 */
int kevent(int kq, const struct kevent *changelist, int nchanges,
           struct kevent *eventlist, int nevents, const struct timespec *timeout)
    LIBKQUEUE_TIMED(kevent);

/*
 * As kevent, with entries that have 64 bits everywhere and two words more, which
 * come back with each event and mean nothing here.  A knote is the same whichever
 * of the two calls made it.  flags: KEVENT_FLAG_*; any other bit is EINVAL.
 */
int kevent64(int kq, const struct kevent64_s *changelist, int nchanges,
             struct kevent64_s *eventlist, int nevents, unsigned int flags,
             const struct timespec *timeout)
    LIBKQUEUE_TIMED(kevent64);

/* Gives back what closed kqueues still hold; nothing need ever call it. */
void libkqueue_drain_pending_close(void);

#ifdef __cplusplus
}
#endif

#endif /* LIBKQUEUE_SYS_EVENT_H */
