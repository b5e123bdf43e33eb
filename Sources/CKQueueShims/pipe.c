/*
 * Waking with a pipe. The POSIX platform wakes so, and the handler that counts writes to a listener that is one.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "include/kqueue_shims_posix.h"

#include "cancellation.h"

#include <fcntl.h>
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
