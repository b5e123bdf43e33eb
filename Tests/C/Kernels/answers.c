/*
 * A TCP_INFO that is shorter than the library knows it, as an older kernel's or an emulator's: each such getsockopt(2)
 * stops (seccomp_unotify(2)), has its length made shorter by a process that watches, and goes on.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "kernels.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#ifdef SECCOMP_IOCTL_NOTIF_RECV /* headers from 5.0 on */

/* Newer than the headers of some C libraries. */
enum { WAITS_FOR_DEATH_ALONE = 1 << 5 /* SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV */, GOES_ON = 1 };
enum { TCP = 6, TCP_INFORMATION = 11 };

static size_t place_of(int argument) {
    size_t half = __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__ ? 4 : 0;
    return offsetof(struct seccomp_data, args) + 8 * (size_t)argument + half;
}

/* The descriptor by which the calls are told; below 0 where there is none. */
static int listen_to_calls(void) {
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, MACHINE, 0, 7),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getsockopt, 0, 5),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)place_of(1)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, TCP, 0, 3),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)place_of(2)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, TCP_INFORMATION, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {.len = sizeof filter / sizeof *filter, .filter = filter};
    long flags = SECCOMP_FILTER_FLAG_NEW_LISTENER;
    if (geteuid() != 0 && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        return -1;
    long fd = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags | WAITS_FOR_DEATH_ALONE, &program);
    return (int)(fd >= 0 ? fd : syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program));
}

static void shorten(const struct seccomp_notif *call, uint32_t most) {
    uint32_t length = 0;
    struct iovec here = {&length, sizeof length};
    struct iovec there = {(void *)(uintptr_t)call->data.args[4], sizeof length};
    if (process_vm_readv((pid_t)call->pid, &here, 1, &there, 1, 0) == sizeof length && length > most) {
        length = most;
        (void)process_vm_writev((pid_t)call->pid, &here, 1, &there, 1, 0);
    }
}

static void serve(int listener, uint32_t most) {
    struct seccomp_notif call = {0};
    if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &call) != 0)
        return;
    shorten(&call, most);
    struct seccomp_notif_resp answer = {.id = call.id, .flags = GOES_ON};
    (void)ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &answer);
}

/* Until the child ends, whose status becomes this process's. */
static _Noreturn void watch(pid_t child, int listener, uint32_t most) {
    enum { LOOK_MS = 20 };
    int status;
    struct pollfd item = {.fd = listener, .events = POLLIN};
    while (waitpid(child, &status, WNOHANG) == 0)
        if (poll(&item, 1, LOOK_MS) == 1)
            serve(listener, most);
    if (WIFSIGNALED(status))
        raise(WTERMSIG(status));
    exit(WIFEXITED(status) ? WEXITSTATUS(status) : 1);
}

bool shorten_answers(unsigned most) {
    int said[2], listener = -1;
    if (pipe2(said, O_CLOEXEC) != 0)
        return false;
    pid_t child = (pid_t)syscall(SYS_clone, (long)(CLONE_FILES | SIGCHLD), 0L, 0L, 0L, 0L);
    if (child == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        listener = listen_to_calls();
        (void)!write(said[1], &listener, sizeof listener);
        return listener >= 0; /* the descriptors are the parent's, too, until this one executes a program */
    }
    if (child > 0 && read(said[0], &listener, sizeof listener) == sizeof listener)
        watch(child, listener, most);
    return false;
}

#else

bool shorten_answers(unsigned most) {
    (void)most;
    errno = ENOSYS;
    return false;
}

#endif
