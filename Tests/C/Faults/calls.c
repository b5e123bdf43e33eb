/*
 * The table of the system calls that the library makes, on either platform: what each can fail with,
 * what a caller may be told then, and what stands in for a call that is not to be had.
 *
 * What has several uses stands here once for each; the first entry that fits is taken.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "faults.h"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <termios.h>

#ifndef F_DUPFD_QUERY
#define F_DUPFD_QUERY 1027
#endif

/* Of the kernel's one list for all machines, which headers may be too old for. */
enum { CLOSE_RANGE = 436, EPOLL_PWAIT2 = 441 };

/* Systems of 32 bits have another, and some that alone. */
#ifdef SYS_mmap2
enum { MAPPING = SYS_mmap2 };
#else
enum { MAPPING = SYS_mmap };
#endif

#define ANY .argument = -1
#define WITH(place, what) .argument = (place), .mask = 0xffffffff, .value = (uint32_t)(what)
#define ERRORS(...) .errors = {__VA_ARGS__}
#define ANSWERS(...) .answers = {__VA_ARGS__}
#define CANNOT_FAIL .errors = {0}

const struct call calls[] = {
    /* ---- Memory ---- */
    {"mmap", MAPPING, ANY, ERRORS(ENOMEM), .otherwise = "ENOMEM"},
    {"munmap", SYS_munmap, ANY, ERRORS(ENOMEM), .flags = LEAKS, .otherwise = "the memory is lost"},
    {"madvise-wipe", SYS_madvise, WITH(2, 18 /* MADV_WIPEONFORK */), ERRORS(ENOMEM, EAGAIN, EINVAL), ANSWERS(ENOMEM),
     .flags = DENIED, .otherwise = "ENOMEM once it was seen to work; before, a handler empties the child's memory"},
    {"madvise", SYS_madvise, ANY, ERRORS(ENOMEM, EAGAIN), .otherwise = "the memory stays"},
    {"mprotect", SYS_mprotect, ANY, ERRORS(ENOMEM), .otherwise = "ENOMEM"},
    {"brk", SYS_brk, ANY, CANNOT_FAIL, .otherwise = "libc's own"},

    /* ---- Descriptors ---- */
    {"close", SYS_close, ANY, ERRORS(EINTR, EIO), .flags = IS_MADE,
     .otherwise = "the descriptor is closed all the same"},
    {"close_range", CLOSE_RANGE, ANY, ERRORS(ENOMEM), .flags = DENIED, .otherwise = "one close(2) after the other"},
    {"dup3", SYS_dup3, ANY, ERRORS(EBUSY, EINTR), .otherwise = "tried again"},
    {"fcntl-dup", SYS_fcntl, WITH(1, F_DUPFD_CLOEXEC), ERRORS(EMFILE, EINVAL), .otherwise = "EMFILE, or a low number"},
    {"fcntl-same", SYS_fcntl, WITH(1, F_DUPFD_QUERY), ERRORS(EINVAL), .otherwise = "kcmp(2), or fstat(2)"},
    {"fcntl-getfd", SYS_fcntl, WITH(1, F_GETFD), CANNOT_FAIL, .otherwise = "EBADF of a descriptor that is closed"},
    {"fcntl-getfl", SYS_fcntl, WITH(1, F_GETFL), CANNOT_FAIL, .otherwise = "likewise"},
    {"fcntl-setfd", SYS_fcntl, WITH(1, F_SETFD), CANNOT_FAIL, .otherwise = "likewise"},
    {"fcntl-setfl", SYS_fcntl, WITH(1, F_SETFL), CANNOT_FAIL, .otherwise = "likewise"},
    {"fcntl-pipe-size", SYS_fcntl, WITH(1, F_GETPIPE_SZ), CANNOT_FAIL, .otherwise = "room for 1 byte"},
    {"kcmp", SYS_kcmp, ANY, ERRORS(EPERM), .flags = DENIED, .otherwise = "fstat(2)"},
    {"fstatfs", SYS_fstatfs, ANY, ERRORS(ENOMEM, EINTR), .flags = OF_A_FILE,
     .otherwise = "a pipe counts as one with a name"},
#ifdef SYS_fstat
    {"fstat", SYS_fstat, ANY, ERRORS(ENOMEM), .flags = LEAVES | OF_A_FILE, .otherwise = "ENOMEM"},
#endif
#ifdef SYS_newfstatat
    {"newfstatat", SYS_newfstatat, ANY, ERRORS(ENOMEM), .flags = LEAVES | OF_A_FILE, .otherwise = "ENOMEM"},
#endif
    {"statx", SYS_statx, ANY, ERRORS(ENOMEM), .flags = OF_A_FILE | DENIED, .otherwise = "fstat(2)"},
    {"lseek", SYS_lseek, ANY, CANNOT_FAIL, .otherwise = "ESPIPE of what has no offset"},
    {"readlinkat", SYS_readlinkat, ANY, ERRORS(ENOMEM, EACCES), ANSWERS(ENOTSUP),
     .otherwise = "an eventfd counts as any other"},
#ifdef SYS_readlink
    {"readlink", SYS_readlink, ANY, ERRORS(ENOMEM, EACCES), ANSWERS(ENOTSUP), .flags = LEAVES,
     .otherwise = "an eventfd counts as any other"},
#endif
    {"memfd_create", SYS_memfd_create, ANY, ERRORS(EMFILE, ENFILE, ENOMEM), .flags = DENIED,
     .otherwise = "seen otherwise"},

    /* ---- epoll, and what stands in the set ---- */
    {"epoll_create1", SYS_epoll_create1, ANY, ERRORS(EMFILE, ENFILE, ENOMEM), .otherwise = "the same error"},
    {"epoll_ctl-add", SYS_epoll_ctl, WITH(1, EPOLL_CTL_ADD), ERRORS(ENOMEM, ENOSPC), ANSWERS(ENOMEM),
     .flags = OF_AN_ENTRY, .otherwise = "ENOMEM"},
    {"epoll_ctl-mod", SYS_epoll_ctl, WITH(1, EPOLL_CTL_MOD), ERRORS(ENOMEM), .otherwise = "ENOMEM"},
    {"epoll_ctl-del", SYS_epoll_ctl, WITH(1, EPOLL_CTL_DEL), CANNOT_FAIL, .otherwise = "ENOENT of what is closed"},
    {"epoll_pwait-now", SYS_epoll_pwait, WITH(3, 0), CANNOT_FAIL, .otherwise = ""},
    {"epoll_pwait", SYS_epoll_pwait, ANY, ERRORS(EINTR), ANSWERS(EINTR), .otherwise = "EINTR where a handler ran"},
    {"epoll_pwait2", EPOLL_PWAIT2, ANY, ERRORS(EINTR), ANSWERS(EINTR), .flags = DENIED,
     .otherwise = "epoll_pwait(2)"},
#ifdef SYS_epoll_wait
    {"epoll_wait", SYS_epoll_wait, ANY, ERRORS(EINTR), ANSWERS(EINTR), .otherwise = "EINTR where a handler ran"},
#endif
    {"ppoll", SYS_ppoll, ANY, ERRORS(EINTR), ANSWERS(EINTR), .otherwise = "EINTR where a handler ran in a wait"},
#ifdef SYS_poll
    {"poll", SYS_poll, ANY, ERRORS(EINTR, ENOMEM), ANSWERS(EINTR, ENOMEM), .otherwise = "ENOMEM"},
#endif
    {"eventfd2", SYS_eventfd2, ANY, ERRORS(EMFILE, ENFILE, ENOMEM, ENODEV), ANSWERS(ENODEV),
     .otherwise = "the same error"},
    {"timerfd_create", SYS_timerfd_create, ANY, ERRORS(EMFILE, ENFILE, ENOMEM), .otherwise = "the same error"},
    {"timerfd_settime", SYS_timerfd_settime, ANY, CANNOT_FAIL, .otherwise = "EBADF of what the program closed"},
    {"signalfd4-new", SYS_signalfd4, WITH(0, -1), ERRORS(EMFILE, ENFILE, ENOMEM), .flags = DENIED,
     .otherwise = "ENOTSUP", ANSWERS(ENOTSUP)},
    {"signalfd4", SYS_signalfd4, ANY, CANNOT_FAIL, .otherwise = "EBADF of what the program closed"},
    {"pipe2", SYS_pipe2, ANY, ERRORS(EMFILE, ENFILE), .otherwise = "the same error"},
#ifdef SYS_pipe
    {"pipe", SYS_pipe, ANY, ERRORS(EMFILE, ENFILE), .otherwise = "the same error"},
#endif
    {"read", SYS_read, ANY, ERRORS(EINTR), .otherwise = "asked again later"},
    {"write", SYS_write, ANY, CANNOT_FAIL, .otherwise = "EBADF of what the program closed"},

    /* ---- Files ---- */
    {"inotify_init1", SYS_inotify_init1, ANY, ERRORS(EMFILE, ENFILE, ENOMEM), .flags = DENIED, .otherwise = "ENOTSUP",
     ANSWERS(ENOTSUP)},
    {"inotify_add_watch", SYS_inotify_add_watch, ANY, ERRORS(ENOMEM, ENOSPC), ANSWERS(ENOMEM, ENOTSUP), .flags = DENIED,
     .otherwise = "ENOMEM"},
    {"inotify_rm_watch", SYS_inotify_rm_watch, ANY, CANNOT_FAIL, .otherwise = "EINVAL of a watch that ended"},
    {"openat", SYS_openat, ANY, ERRORS(EMFILE, ENFILE, ENOMEM, EACCES, ENOENT), ANSWERS(EINVAL, ENOTSUP),
     .otherwise = "told without /proc"},
    {"getdents64", SYS_getdents64, ANY, ERRORS(ENOENT), ANSWERS(ENOTSUP), .otherwise = "none is found"},

    /* ---- What a descriptor holds ---- */
    {"ioctl-readable", SYS_ioctl, WITH(1, FIONREAD), CANNOT_FAIL, .otherwise = "ENOTTY of what has no such count"},
    {"ioctl-queued", SYS_ioctl, WITH(1, TIOCOUTQ), CANNOT_FAIL, .otherwise = "likewise"},
    {"ioctl-mark", SYS_ioctl, WITH(1, 0x8905 /* SIOCATMARK */), CANNOT_FAIL, .otherwise = "likewise"},
    {"ioctl-terminal", SYS_ioctl, WITH(1, TCGETS), CANNOT_FAIL, .otherwise = "likewise"},
    {"ioctl-process", SYS_ioctl, .argument = 1, .mask = 0xff00, .value = 0xff00, ERRORS(ENOTTY, ESRCH),
     .otherwise = "the status as /proc has it, or none"},
    {"ioctl-ring", SYS_ioctl, .argument = 1, .mask = 0xff00, .value = 0x2400, ERRORS(EINVAL), ANSWERS(ENOTSUP),
     .otherwise = "ENOTSUP"},
    {"ioctl-number", SYS_ioctl, WITH(1, TIOCGPTN), CANNOT_FAIL, .otherwise = "likewise"},
    {"getsockopt-memory", SYS_getsockopt, WITH(2, 55 /* SO_MEMINFO */), ERRORS(ENOPROTOOPT),
     .otherwise = "two options"},
    {"getsockopt-notes", SYS_getsockopt, WITH(2, 60 /* SO_ZEROCOPY */), ERRORS(ENOPROTOOPT),
     .otherwise = "it has none"},
    {"getsockopt-tcp", SYS_getsockopt, WITH(2, 11 /* TCP_INFO */), ERRORS(ENOPROTOOPT), .otherwise = "it is no TCP"},
    {"getsockopt", SYS_getsockopt, ANY, CANNOT_FAIL, .otherwise = "ENOTSOCK of what is no socket"},
    {"recvmsg", SYS_recvmsg, ANY, ERRORS(ENOMEM), .flags = REPEATS, .otherwise = "not told"},
    {"pselect6", SYS_pselect6, ANY, ERRORS(EINTR), ANSWERS(EINTR), .otherwise = "EINTR where a handler ran"},
    {"getpeername", SYS_getpeername, ANY, ERRORS(ENOBUFS), .otherwise = "no peer"},
    {"setsockopt", SYS_setsockopt, ANY, ERRORS(ENOMEM, ENOPROTOOPT), ANSWERS(ENOTSUP),
     .otherwise = "as of an old system"},
    {"getsockname", SYS_getsockname, ANY, ERRORS(ENOBUFS), .otherwise = "no port"},
    {"sendto", SYS_sendto, ANY, ERRORS(ENOBUFS, ENOMEM, EAGAIN), ANSWERS(ENOMEM, ENOTSUP), .flags = REPEATS,
     .otherwise = "not told"},
    {"recvfrom", SYS_recvfrom, ANY, ERRORS(ENOMEM, EAGAIN, EINTR), .flags = REPEATS, .otherwise = "not told"},
    {"recvmmsg", SYS_recvmmsg, ANY, ERRORS(EINTR), ANSWERS(ENOTSUP), .otherwise = "asked again later"},
    {"socket", SYS_socket, ANY, ERRORS(EMFILE, ENFILE, ENOMEM, EAFNOSUPPORT, EPROTONOSUPPORT), ANSWERS(ENOTSUP),
     .flags = DENIED | REPEATS, .otherwise = "not told"},
    {"bind", SYS_bind, ANY, ERRORS(EPERM), ANSWERS(ENOTSUP), .otherwise = "not told"},
    {"connect", SYS_connect, ANY, ERRORS(EPERM), .otherwise = "not told"},
    {"mq_getsetattr", SYS_mq_getsetattr, ANY, CANNOT_FAIL, .flags = DENIED, .otherwise = "not counted"},

    /* ---- Processes ---- */
    {"pidfd_open", 434, ANY, ERRORS(EMFILE, ENFILE, ENOMEM), .flags = DENIED,
     .otherwise = "SIGCHLD and waitid(2), /proc"},
    {"pidfd_send_signal", 424, ANY, ERRORS(EPERM), .flags = DENIED, ANSWERS(EINVAL), .otherwise = "waitid(2), fdinfo"},
    {"waitid", SYS_waitid, ANY, CANNOT_FAIL, .otherwise = "ECHILD of one that is no child, or was waited for"},
    {"kill", SYS_kill, ANY, ERRORS(EPERM), ANSWERS(EACCES), .otherwise = "EACCES"},
    {"perf_event_open", SYS_perf_event_open, ANY, ERRORS(EMFILE, ENFILE, ENOMEM, EACCES), ANSWERS(ENOTSUP),
     .flags = DENIED, .otherwise = "ENOTSUP"},
    {"sched_getaffinity", SYS_sched_getaffinity, ANY, ERRORS(ENOMEM), .otherwise = "as many as there may be"},
    {"clone", SYS_clone, ANY, ERRORS(EAGAIN, ENOMEM), ANSWERS(EAGAIN, ENOMEM), .otherwise = "fork() fails"},
#ifdef SYS_fork
    {"fork", SYS_fork, ANY, ERRORS(EAGAIN, ENOMEM), ANSWERS(EAGAIN, ENOMEM), .otherwise = "fork() fails"},
#endif
    {"capget", SYS_capget, ANY, ERRORS(EPERM), .otherwise = "no capabilities"},
    {"capset", SYS_capset, ANY, ERRORS(EPERM), .otherwise = "perf's records instead of the connector"},
    {"unshare", SYS_unshare, ANY, ERRORS(EPERM), .flags = DENIED,
     .otherwise = "the table of descriptors counts as shared"},

    /* ---- Signals ---- */
    {"rt_sigaction", SYS_rt_sigaction, ANY, CANNOT_FAIL, .otherwise = "EINVAL of a signal that is none"},
    {"rt_sigprocmask", SYS_rt_sigprocmask, ANY, CANNOT_FAIL, .otherwise = ""},
    {"rt_sigpending", SYS_rt_sigpending, ANY, CANNOT_FAIL, .otherwise = ""},
    {"rt_sigtimedwait", SYS_rt_sigtimedwait, ANY, CANNOT_FAIL, .otherwise = "EAGAIN where another thread took it"},
    {"rt_sigqueueinfo", SYS_rt_sigqueueinfo, ANY, ERRORS(EAGAIN), .otherwise = "it is sent without its sender"},
    {"rt_tgsigqueueinfo", SYS_rt_tgsigqueueinfo, ANY, ERRORS(EAGAIN), .flags = DENIED,
     .otherwise = "it is sent without its sender"},
    {"tgkill", SYS_tgkill, ANY, ERRORS(EAGAIN), .otherwise = "lost"},
    {"rt_sigreturn", SYS_rt_sigreturn, ANY, CANNOT_FAIL, .otherwise = "libc's own"},
    {"sigaltstack", SYS_sigaltstack, ANY, CANNOT_FAIL, .otherwise = ""},

    /* ---- Time, threads, limits ---- */
    {"clock_gettime", SYS_clock_gettime, ANY, CANNOT_FAIL, .otherwise = ""},
    {"clock_nanosleep", SYS_clock_nanosleep, ANY, ERRORS(EINTR), ANSWERS(EINTR),
     .otherwise = "EINTR where a handler ran"},
    {"nanosleep", SYS_nanosleep, ANY, ERRORS(EINTR), ANSWERS(EINTR), .otherwise = "EINTR where a handler ran"},
    {"timer_create", SYS_timer_create, ANY, ERRORS(EAGAIN, ENOMEM), .flags = DENIED,
     .otherwise = "a child of vfork is not told"},
    {"timer_gettime", SYS_timer_gettime, ANY, CANNOT_FAIL, .otherwise = ""},
    {"timer_delete", SYS_timer_delete, ANY, CANNOT_FAIL, .otherwise = ""},
    {"futex-wait", SYS_futex, .argument = 1, .mask = 0x7f, .value = 0, ERRORS(EINTR, EAGAIN),
     .otherwise = "tried again"},
    {"futex", SYS_futex, ANY, CANNOT_FAIL, .otherwise = ""},
    {"prlimit64", SYS_prlimit64, ANY, ERRORS(EPERM), .flags = DENIED, .otherwise = "no limit is known"},
    {"getpid", SYS_getpid, ANY, CANNOT_FAIL, .otherwise = ""},
    {"gettid", SYS_gettid, ANY, CANNOT_FAIL, .otherwise = ""},
    {"set_robust_list", SYS_set_robust_list, ANY, CANNOT_FAIL, .otherwise = "libc's own"},
    {"rseq", 334, ANY, CANNOT_FAIL, .otherwise = "libc's own"},
};

int count_calls(void) {
    _Static_assert(sizeof calls / sizeof calls[0] <= MOST_CALLS, "MOST_CALLS");
    return (int)(sizeof calls / sizeof calls[0]);
}

int find_call(uint64_t number, const uint64_t arguments[6]) {
    for (int place = 0; place < count_calls(); place++) {
        const struct call *call = &calls[place];
        if ((uint64_t)call->number == number &&
            (call->argument < 0 || (arguments[call->argument] & call->mask) == call->value))
            return place;
    }
    return -1;
}
