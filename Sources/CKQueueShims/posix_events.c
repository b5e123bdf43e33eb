/*
 * POSIX: waking, with a pipe, and looking with poll(2).
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "include/kqueue_shims_posix.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static int prepare(int descriptor) {
    int flags = fcntl(descriptor, F_GETFL);
    if (flags == -1 || fcntl(descriptor, F_SETFL, flags | O_NONBLOCK) == -1 ||
        fcntl(descriptor, F_SETFD, FD_CLOEXEC) == -1)
        return -errno;
    return kq_own(descriptor) ? 0 : -ENOMEM;
}

int kq_pipe(int ends[2]) {
    if (pipe(ends) == -1)
        return -errno;
    int error = prepare(ends[0]);
    if (error == 0)
        error = prepare(ends[1]);
    if (error == 0)
        return 0;
    kq_close_descriptor(ends[0]);
    kq_close_descriptor(ends[1]);
    return error;
}

/* Calls under a lock must not end a thread that is cancelled. */
static int hold_cancellation(void) {
    int state;
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
    return state;
}

static void release_cancellation(int state) {
    pthread_setcancelstate(state, &state);
}

int kq_pipe_signal(int end) {
    int state = hold_cancellation();
    ssize_t written = write(end, "", 1);
    int result = written == 1 || errno == EAGAIN ? 0 : -errno; /* full is readable as well */
    release_cancellation(state);
    return result;
}

void kq_pipe_drain(int end) {
    char bytes[64];
    int state = hold_cancellation();
    while (read(end, bytes, sizeof bytes) == (ssize_t)sizeof bytes)
        continue;
    release_cancellation(state);
}

int kq_identity(int descriptor, struct kq_identity *identity) {
    struct stat status;
    if (fstat(descriptor, &status) == -1)
        return -errno;
    *identity = (struct kq_identity){(uint64_t)status.st_dev, (uint64_t)status.st_ino};
    return 0;
}

int kq_poll_now(struct pollfd *list, size_t count) {
    int state = hold_cancellation();
    int got;
    do /* a handler that runs ends it as it does a wait, though there is no waiting */
        got = poll(list, (nfds_t)count, 0);
    while (got == -1 && errno == EINTR);
    int result = got == -1 ? -errno : got;
    release_cancellation(state);
    return result;
}
