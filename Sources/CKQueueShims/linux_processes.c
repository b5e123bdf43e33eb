/*
 * Linux: processes by descriptors, what they ended with, and whether /proc can be asked for them.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifdef __linux__
#define _GNU_SOURCE
#include "include/kqueue_shims_linux.h"
#include "kernel_calls.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef __WALL
#define __WALL 0x40000000
#endif

int kq_pidfd_open(int process) {
    return kq_adopt((int)kq_call(KQ_CALL_PIDFD_OPEN, process, 0, 0, 0, 0));
}

enum { BY_PIDFD = 3 }; /* P_PIDFD */

int kq_pidfd_ask(int pidfd) {
    return kq_call(KQ_CALL_PIDFD_SEND_SIGNAL, pidfd, 0, 0, 0, 0) == 0 ? 0 : -errno;
}

bool kq_pidfd_can_be_waited_for(int descriptor) {
    siginfo_t info;
    return syscall(SYS_waitid, BY_PIDFD, descriptor, &info, WEXITED | WNOWAIT | WNOHANG, NULL) == 0 || errno == ECHILD;
}

bool kq_pidfd_child_status(int pidfd, int *status) {
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

bool kq_pidfd_reaped_status(int pidfd, int *status) {
    enum { EXIT = 1 << 3 };
    struct information information = {.mask = EXIT};
    if (ioctl(pidfd, _IOC(_IOC_READ | _IOC_WRITE, 0xff, 11, sizeof information), &information) != 0 ||
        (information.mask & EXIT) == 0)
        return false;
    *status = information.exit_code;
    return true;
}

bool kq_proc_is_ours(void) {
    char number[16], wanted[16];
    ssize_t length = readlink("/proc/self", number, sizeof number - 1);
    if (length <= 0)
        return false;
    number[length] = '\0';
    snprintf(wanted, sizeof wanted, "%d", kq_process());
    return strcmp(number, wanted) == 0;
}

/* By tgkill(2), since kill(2) takes the number of any thread. */
bool kq_is_number_used(int process) {
    return syscall(SYS_tgkill, process, process, 0) == 0 || errno != ESRCH;
}

uint64_t kq_nanoseconds_of_tick(void) {
    return 1000000000u / (uint64_t)sysconf(_SC_CLK_TCK);
}
#endif
