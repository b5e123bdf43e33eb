/*
 * POSIX: children, asked for without reaping them.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "include/kqueue_shims_posix.h"

#include <signal.h>
#include <sys/types.h>
#include <sys/wait.h>

int kq_child_signal(void) {
    return SIGCHLD;
}

/* waitid(2) is a cancellation point, and a lock is held. */
static int look(idtype_t which, id_t process, siginfo_t *info) {
    int state;
    *info = (siginfo_t){0}; /* si_pid stays 0 where there is nothing */
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
    int result = waitid(which, process, info, WEXITED | WNOHANG | WNOWAIT);
    pthread_setcancelstate(state, &state);
    return result;
}

static int wait_status(const siginfo_t *info) {
    enum { CORE = 0x80 }; /* where every system has it */
    switch (info->si_code) {
    case CLD_EXITED:
        return (info->si_status & 0xff) << 8;
    case CLD_DUMPED:
        return info->si_status | CORE;
    default:
        return info->si_status;
    }
}

enum kq_child kq_child_state(int process, int *status) {
    siginfo_t info;
    if (look(P_PID, (id_t)process, &info) != 0)
        return KQ_CHILD_UNKNOWN;
    if (info.si_pid == 0)
        return KQ_CHILD_RUNS;
    *status = wait_status(&info);
    return KQ_CHILD_ENDED;
}

bool kq_has_ended_child(void) {
    siginfo_t info;
    return look(P_ALL, 0, &info) == 0 && info.si_pid != 0;
}

bool kq_process_exists(int process) {
    return kill(process, 0) == 0 || errno == EPERM;
}
