/*
 * POSIX: looking with poll(2), and which file a number names.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "include/kqueue_shims_posix.h"

#include <sys/stat.h>

int kq_identity(int descriptor, struct kq_identity *identity) {
    struct stat status;
    if (fstat(descriptor, &status) == -1)
        return -errno;
    *identity = (struct kq_identity){(uint64_t)status.st_dev, (uint64_t)status.st_ino};
    return 0;
}

int kq_poll_now(struct pollfd *list, size_t count) {
    int state = kq_hold_cancellation();
    int got;
    do /* a handler that runs ends it as it does a wait, though there is no waiting */
        got = poll(list, (nfds_t)count, 0);
    while (got == -1 && errno == EINTR);
    int result = got == -1 ? -errno : got;
    kq_release_cancellation(state);
    return result;
}
