/* Waits until the other end has taken everything.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <sys/event.h>

#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

int main(void) {
    struct timespec none = {0, 0};
    struct kevent change, event;
    char bytes[5];
    int ends[2], kq = kqueue();

    if (kq < 0 || socketpair(AF_UNIX, SOCK_STREAM, 0, ends) != 0 || write(ends[0], "hello", 5) != 5)
        err(1, "kqueue or socketpair");
    EV_SET(&change, ends[0], EVFILT_EMPTY, EV_ADD, 0, 0, NULL);
    if (kevent(kq, &change, 1, &event, 1, &none) != 0)
        errx(1, "bytes are on their way");
    if (read(ends[1], bytes, sizeof bytes) != 5 || kevent(kq, NULL, 0, &event, 1, NULL) != 1)
        err(1, "kevent");
    puts("everything was taken");
    return event.filter == EVFILT_EMPTY ? 0 : 1;
}
