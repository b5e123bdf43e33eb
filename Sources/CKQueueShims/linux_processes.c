/*
 * Linux: processes by descriptors, and what they ended with.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifdef __linux__
#define _GNU_SOURCE
#include "include/kqueue_shims_linux.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef SYS_pidfd_send_signal
#define SYS_pidfd_send_signal 424
#endif
#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif
#ifndef __WALL
#define __WALL 0x40000000
#endif

int kq_pidfd_open(int process) {
    return kq_adopt((int)syscall(SYS_pidfd_open, process, 0));
}

/* Signal 0 asks whether a process could be sent one; of another descriptor, that is no question. */
int kq_pidfd_check(int descriptor) {
    if (syscall(SYS_pidfd_send_signal, descriptor, 0, NULL, 0) == 0 || errno == EPERM || errno == ESRCH)
        return 0;
    if (errno == EBADF)
        return kq_is_open(descriptor) ? -EINVAL : -EBADF;
    if (errno == ENOSYS)
        return -ENOTSUP;
    return errno == EINVAL ? 0 : -errno; /* a process out of the namespace's sight */
}

/* Whether nobody has reaped it yet. */
static bool is_there(int pidfd) {
    return syscall(SYS_pidfd_send_signal, pidfd, 0, NULL, 0) == 0 || errno != ESRCH;
}

/* A child's status, which stays there to be waited for. */
static bool status_of_child(int pidfd, int *status) {
    enum { BY_PIDFD = 3 };
    siginfo_t info = {.si_pid = 0};
    if (syscall(SYS_waitid, BY_PIDFD, pidfd, &info, WEXITED | WNOWAIT | WNOHANG | __WALL, NULL) != 0 ||
        info.si_pid == 0)
        return false;
    switch (info.si_code) {
    case CLD_EXITED:
        *status = (info.si_status & 0xff) << 8;
        return true;
    case CLD_DUMPED:
        *status = info.si_status | 0x80;
        return true;
    default:
        *status = info.si_status;
        return true;
    }
}

/* struct pidfd_info of Linux 6.15, in its first size. */
struct information {
    uint64_t mask, cgroup;
    uint32_t process, group, parent, ids[8];
    int32_t exit_code;
};
_Static_assert(sizeof(struct information) == 64, "PIDFD_INFO_SIZE_VER0");

/* Once it is reaped, the kernel keeps the status for whoever holds a descriptor. */
static bool status_of_reaped(int pidfd, int *status) {
    enum { EXIT = 1 << 3 };
    struct information information = {.mask = EXIT};
    if (ioctl(pidfd, _IOC(_IOC_READ | _IOC_WRITE, 0xff, 11, sizeof information), &information) != 0 ||
        (information.mask & EXIT) == 0)
        return false;
    *status = information.exit_code;
    return true;
}

/* The process's number, as /proc has it. */
static int number_of(int pidfd) {
    static const char label[] = "\nPid:";
    char path[48], text[512];
    snprintf(path, sizeof path, "/proc/self/fdinfo/%d", pidfd);
    const char *line = kq_read_small(path, text, sizeof text) > 0 ? strstr(text, label) : NULL;
    return line == NULL ? 0 : atoi(line + sizeof label - 1);
}

/* The status of a process that is nobody's here and was not reaped yet. */
static bool status_of_zombie(int pidfd, int process, int *status) {
    char path[48], text[1024];
    int code;
    if (process <= 0 && (process = number_of(pidfd)) <= 0)
        return false;
    snprintf(path, sizeof path, "/proc/%d/stat", process);
    const char *field = kq_read_small(path, text, sizeof text) > 0 ? strrchr(text, ')') : NULL;
    /* The last of its fields; the second may have blanks and parentheses in it. */
    if (field == NULL || field[1] == '\0' || field[2] != 'Z')
        return false;
    const char *last = strrchr(field, ' ');
    if (last == NULL || sscanf(last, "%d", &code) != 1 || !is_there(pidfd))
        return false; /* somebody reaped it meanwhile, and the number may be another's */
    *status = code;
    return true;
}

/*
 * The kernel tells in ticks since the system booted when a process began; so
 * this only sees a number that was given away again some ticks later.
 */
bool kq_pidfd_began_after(int pidfd, int process, uint64_t time) {
    enum { START_TIME = 22, SLACK = 30000000 };
    char path[48], text[1024];
    snprintf(path, sizeof path, "/proc/%d/stat", process);
    const char *field = kq_read_small(path, text, sizeof text) > 0 ? strrchr(text, ')') : NULL;
    for (int i = 2; field != NULL && i < START_TIME; i++)
        field = strchr(field + 1, ' ');
    if (field == NULL || !is_there(pidfd))
        return false;
    uint64_t start = strtoull(field, NULL, 10) * (1000000000u / (uint64_t)sysconf(_SC_CLK_TCK));
    uint64_t slept = kq_clock(CLOCK_BOOTTIME) - kq_clock(CLOCK_MONOTONIC);
    return start > time + slept + SLACK;
}

bool kq_pidfd_status(int pidfd, int process, int *status) {
    return status_of_child(pidfd, status) || status_of_reaped(pidfd, status) ||
           status_of_zombie(pidfd, process, status) || status_of_reaped(pidfd, status);
}
#endif
