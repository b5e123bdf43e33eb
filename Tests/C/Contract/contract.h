/*
 * The harness of the contract cases: one function a numbered statement, each
 * run in a process of its own by the runner in runner.c.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef CONTRACT_H
#define CONTRACT_H

#include <sys/event.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

struct contract_case {
    const char *statement; /* "C-145" */
    const char *title;     /* what holds, in a few words */
    void (*run)(void);
    int seconds;           /* the most it may take; 0 is the usual 10 */
};

/* The tables of the other files, each ended by an entry of NULLs. */
extern const struct contract_case call_cases[], wait_cases[], interruption_cases[], interruption_step_cases[],
    change_cases[], robust_cases[], kevent64_cases[], corner_cases[], abi_cases[], generic_cases[], order_cases[],
    full_call_cases[], sharing_cases[], kq_cases[], read_cases[], read_socket_cases[], read_object_cases[],
    read_item_cases[], read_end_cases[], read_write_cases[], write_cases[], write_object_cases[], urgent_cases[],
    empty_cases[], filesystem_cases[], timer_cases[], user_cases[], libkqueue_cases[],
    vnode_cases[], vnode_directory_cases[], vnode_knote_cases[], vnode_limit_cases[],
    proc_cases[], proc_tree_cases[], procdesc_cases[], proc_readable_cases[],
    signal_cases[], signal_action_cases[], signal_thread_cases[], signal_pending_cases[], signal_mask_cases[],
    signal_terminal_cases[], signal_process_cases[], kq_closing_cases[], kq_readable_cases[], own_table_cases[],
    jump_cases[], jump_step_cases[], fork_order_cases[], fork_handler_cases[], closing_cases[], closing_call_cases[],
    concurrent_cases[], forking_cases[], fork_copy_cases[], field_cases[];

/* Ends the case as failed or skipped, with a line that says why. */
_Noreturn void contract_fail(const char *file, int line, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Prints where the threads of a group of processes stand (stuck.c). */
void contract_print_stuck(pid_t group);
_Noreturn void contract_skip(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Requires a condition; prints it, and errno, where it does not hold. */
#define REQUIRE(condition) \
    ((condition) ? (void)0 \
                 : contract_fail(__FILE__, __LINE__, "%s (errno %d, %s)", #condition, errno, \
                                 strerror(errno)))
/* Requires two integers to be equal; prints both. */
#define REQUIRE_EQ(got, want) contract_equal(__FILE__, __LINE__, #got, (long long)(got), (long long)(want))
/* Requires -1 and this errno of a call. */
#define REQUIRE_ERRNO(call, code) \
    do { \
        errno = 0; \
        long long result_ = (long long)(call); \
        int errno_ = errno; \
        if (result_ != -1 || errno_ != (code)) \
            contract_fail(__FILE__, __LINE__, "%s gave %lld, errno %d; wanted -1, errno %d", #call, \
                          result_, errno_, (code)); \
    } while (0)

void contract_equal(const char *file, int line, const char *what, long long got, long long want);

/* A fresh kqueue; fails the case where none can be had. */
int new_kqueue(void);

/* Applies one change and requires that it succeeds. */
void change(int kq, uintptr_t ident, int filter, int flags, unsigned fflags, intptr_t data, void *udata);
/* The errno of one change, 0 where it succeeds. */
int change_errno(int kq, uintptr_t ident, int filter, int flags, unsigned fflags, intptr_t data, void *udata);

/* An EVFILT_USER knote, and its trigger in a change of its own. */
void add_user(int kq, uintptr_t ident, int flags);
void trigger(int kq, uintptr_t ident);
void add_triggered(int kq, uintptr_t ident, int flags);
/* Whether there is such a knote; deletes it. */
bool delete_knote(int kq, uintptr_t ident, int filter);

/* Waits up to this long and returns the number of events. */
int collect(int kq, struct kevent *events, int count, long milliseconds);
/* Waits for exactly one event (room for more) and returns it. */
struct kevent next_event(int kq);
/* Likewise, less what is told again before it comes: then an event of this knote with these flags is meant. */
struct kevent next_event_like(int kq, uintptr_t ident, int filter, int flags);
/* Requires that this time, or 100 ms, brings no event but one that may be told again by now. */
void require_silent_for(int kq, long milliseconds);
void require_silent(int kq);

/* Milliseconds of CLOCK_MONOTONIC. */
double now_ms(void);
void sleep_ms(long milliseconds);

/* Number of open descriptors, without the one that counts them. */
int open_descriptors(void);

/* Whether this is the library for any system with POSIX.1-2008, which samples files, and may lose what contract
   6.14 says. */
bool on_posix(void);
/* Skips the case there; the reason is a limit of POSIX. */
void posix_lacks(const char *what);

/* pidfd_open(2); ENOSYS under valgrind, which complains of calls that it may not know. */
int open_pidfd(pid_t pid);
bool on_valgrind(void);

/* Whether a sanitizer is linked in, which takes memory of its own. */
bool sanitized(void);
/* ThreadSanitizer's sigaction() reads its own note of the old action before it sets the new one, so two at once
   lose one. */
bool swaps_no_actions(void);

/* Skips the case where Linux has no /proc; why it is needed. */
void need_proc(const char *why);
/*
 * KQUEUE_TEST_SLOWNESS, by which the limits of cases grow; how many times its usual time a processor takes with it, 1
 * where it is no more than usual, as an emulator's is; and what a case may use of such a processor.
 */
enum { USUAL_SLOWNESS = 3 };
int test_slowness(void);
double processor_slowness(void);
double allowed_cpu(double milliseconds);
/* How many ms an event may take: a machine may have no processor for its cause. One that is lost never comes. */
enum { PATIENCE = 20000 };

/* How many ms late something may be on a machine that does much else. */
enum { LATE = 8000 };

/* A name in the /proc that cases look into: where the library is to have none, the launcher has mounted one for
   them. */
const char *seen_proc(const char *name);
/* Skips the case where not even that is there. */
void need_seen_proc(void);

/* Likewise where nothing tells of files, and VNODE is ENOTSUP. */
void need_inotify(void);
/* Likewise where the limit allows no such number of descriptors; else it is raised to that. */
void need_descriptors(rlim_t count);
/* Likewise where no pseudo-terminals are to be had, as where /dev/pts is not mounted. */
void need_terminals(void);

/* Whether an errno says that a system call is not there, or denied by a filter that does not know it. */
static inline bool is_missing(int code) {
    return code == ENOSYS || code == EPERM || code == EACCES;
}

/* Connected pairs, all close-on-exec; both ends in pair[]. */
void unix_pair(int pair[2]);  /* AF_UNIX, SOCK_STREAM */
void tcp_pair(int pair[2]);   /* loopback; [0] connected, [1] accepted */
void new_pipe(int pair[2]);   /* [0] read end, [1] write end */
/* A listening TCP socket on loopback; its port in *port. */
int tcp_listener(uint16_t *port);
/* A connected client of that port. */
int tcp_client(uint16_t port);
void set_nonblocking(int fd);
/* Writes all of it; fails the case otherwise. */
void put(int fd, const char *bytes);
/* Reads exactly this many bytes; fails the case otherwise. */
void take(int fd, size_t count);

/* A thread that makes one kevent call without changes, and what came of it. */
struct waiter {
    int kq;
    int room;              /* nevents, at most 8 */
    long milliseconds;     /* -1: no timeout */
    pthread_t thread;
    _Atomic pid_t tid;     /* 0 until the call is imminent */
    int result, code;      /* what kevent returned; its errno where -1 */
    double started, ended; /* now_ms() around the call */
    atomic_bool has_ended; /* it came back */
    struct kevent events[8];
};
/* Starts it; park_waiter() returns once it sleeps in the call. */
void start_waiter(struct waiter *waiter, int kq, int room, long milliseconds);
void park_waiter(struct waiter *waiter);
void join_waiter(struct waiter *waiter);

/* How many have come back. */
int count_ended(const struct waiter *waiters, int count);
/* Requires that one alone of those that wait in a kqueue without limit is woken, and wakes the others so that they end.
 * Returns the event that the one got. */
struct kevent only_woken(struct waiter *waiters, int count);
/* The caller's thread number, and a wait until such a thread sleeps. */
pid_t thread_number(void);
void await_sleep(pid_t thread);
/* Reads a file that the kernel has of a thread, of this process, into a text of that size. */
void read_of_thread(pid_t thread, const char *name, char *text, size_t size);
pthread_t start_thread(void *(*run)(void *), void *argument);
void join_thread(pthread_t thread);

#endif /* CONTRACT_H */
