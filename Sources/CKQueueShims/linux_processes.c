/*
 * Linux: processes by descriptors, and what they ended with.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifdef __linux__
#define _GNU_SOURCE
#include "include/kqueue_shims_linux.h"
#include "kernel_calls.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
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

static long ask_by_signal(int pidfd) {
    return kq_call(KQ_CALL_PIDFD_SEND_SIGNAL, pidfd, 0, 0, 0, 0);
}

/* The process's number as /proc has it: -1 of one that nobody sees any more, 0 where the descriptor is another's. */
static int number_of(int pidfd) {
    static const char label[] = "\nPid:";
    char path[48], text[512];
    snprintf(path, sizeof path, "/proc/self/fdinfo/%d", pidfd);
    const char *line = kq_read_small(path, text, sizeof text) > 0 ? strstr(text, label) : NULL;
    return line == NULL ? 0 : atoi(line + sizeof label - 1);
}

/* Where no signal can be asked with: waitid(2) refuses what is no pidfd with another error, and /proc tells. */
static bool seems_pidfd(int descriptor) {
    siginfo_t info;
    return syscall(SYS_waitid, BY_PIDFD, descriptor, &info, WEXITED | WNOWAIT | WNOHANG, NULL) == 0 ||
           errno == ECHILD || number_of(descriptor) != 0;
}

/* Signal 0 asks whether a process could be sent one; of another descriptor, that is no question. */
int kq_pidfd_check(int descriptor) {
    if (ask_by_signal(descriptor) == 0 || errno == EPERM || errno == ESRCH)
        return 0;
    if (errno == EBADF)
        return kq_is_open(descriptor) ? -EINVAL : -EBADF;
    if (errno == ENOSYS && !kq_is_open(descriptor))
        return -EBADF;
    if (errno == ENOSYS)
        return seems_pidfd(descriptor) ? 0 : -EINVAL;
    return errno == EINVAL ? 0 : -errno; /* a process out of the namespace's sight */
}

/* Whether nobody has reaped it yet. */
static bool is_there(int pidfd) {
    if (ask_by_signal(pidfd) == 0 || (errno != ESRCH && errno != ENOSYS))
        return true;
    return errno == ENOSYS && number_of(pidfd) > 0;
}

/* A child's status, which stays there to be waited for. */
static bool status_of_child(int pidfd, int *status) {
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

/* ---- What /proc says ---- */

/* Fields of /proc/N/stat. The second may have blanks and parentheses in it, so they are counted from its end. */
enum { STATE = 3, THREADS = 20, START_TIME = 22, EXIT_CODE = 52 };

struct stat_fields {
    char text[1024];
    const char *fields; /* behind the second; NULL: it could not be read */
};

static void read_stat(int process, struct stat_fields *stat) {
    char path[48];
    snprintf(path, sizeof path, "/proc/%d/stat", process);
    const char *end = kq_read_small(path, stat->text, sizeof stat->text) > 0 ? strrchr(stat->text, ')') : NULL;
    stat->fields = end != NULL && end[1] == ' ' ? end + 1 : NULL;
}

/* Where a field begins; NULL where there are not so many, as on old kernels. */
static const char *field_of(const struct stat_fields *stat, int number) {
    const char *field = stat->fields;
    for (int i = STATE; field != NULL && i < number; i++)
        field = strchr(field + 1, ' ');
    return field == NULL || field[1] == '\0' ? NULL : field + 1;
}

static uint64_t number_in(const struct stat_fields *stat, int number) {
    const char *field = field_of(stat, number);
    return field == NULL ? 0 : strtoull(field, NULL, 10);
}

/* A process whose first thread alone has ended is a zombie, too, with threads. */
static bool has_ended(const struct stat_fields *stat) {
    const char *state = field_of(stat, STATE);
    return state != NULL && (*state == 'X' || (*state == 'Z' && number_in(stat, THREADS) <= 1));
}

/* The status of a process that is nobody's here and was not reaped yet. */
static bool status_of_zombie(int pidfd, int process, int *status) {
    struct stat_fields stat;
    if (process <= 0 && (process = number_of(pidfd)) <= 0)
        return false;
    read_stat(process, &stat);
    const char *code = has_ended(&stat) ? field_of(&stat, EXIT_CODE) : NULL;
    if (code == NULL || !is_there(pidfd))
        return false; /* somebody reaped it meanwhile, and the number may be another's */
    *status = atoi(code);
    return true;
}

/*
 * The kernel tells in ticks since the system booted when a process began; so
 * this only sees a number that was given away again some ticks later.
 */
bool kq_began_after(uint64_t ticks, uint64_t time) {
    enum { SLACK = 30000000 };
    uint64_t start = ticks * (1000000000u / (uint64_t)sysconf(_SC_CLK_TCK));
    uint64_t slept = kq_clock(CLOCK_BOOTTIME) - kq_clock(CLOCK_MONOTONIC);
    return ticks != 0 && start > time + slept + SLACK;
}

bool kq_pidfd_began_after(int pidfd, int process, uint64_t time) {
    struct stat_fields stat;
    read_stat(process, &stat);
    uint64_t start = number_in(&stat, START_TIME);
    return is_there(pidfd) && kq_began_after(start, time);
}

bool kq_pidfd_status(int pidfd, int process, int *status) {
    return status_of_child(pidfd, status) || status_of_reaped(pidfd, status) ||
           status_of_zombie(pidfd, process, status) || status_of_reaped(pidfd, status);
}

/* ---- Processes without a descriptor of them ---- */

/* Whether what is mounted there has the numbers of this process's namespace. */
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

int kq_look_at_process(int process, struct kq_process_look *look) {
    struct stat_fields stat;
    *look = (struct kq_process_look){.start = 0};
    if (!kq_is_number_used(process))
        return -ESRCH;
    if (!kq_proc_is_ours())
        return 0;
    read_stat(process, &stat);
    const char *code = field_of(&stat, EXIT_CODE);
    look->start = number_in(&stat, START_TIME);
    look->has_ended = has_ended(&stat);
    look->tells_status = look->has_ended && code != NULL;
    look->status = look->tells_status ? atoi(code) : 0;
    return 0;
}

bool kq_process_has_ended(int process, uint64_t start, struct kq_process_look *look) {
    if (kq_look_at_process(process, look) != 0)
        return true;
    if (start == 0 || look->start == 0)
        return look->has_ended;
    if (look->start != start)
        *look = (struct kq_process_look){.start = 0}; /* another's number by now */
    return look->has_ended || look->start != start;
}
#endif
