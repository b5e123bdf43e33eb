/* Fills a socket, and hears when there is room again.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <sys/event.h>

#include <err.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

int main(void) {
    static char block[65536];
    struct timespec none = {0, 0};
    struct kevent change, event;
    int ends[2], kq = kqueue();

    if (kq < 0 || socketpair(AF_UNIX, SOCK_STREAM, 0, ends) != 0 || fcntl(ends[0], F_SETFL, O_NONBLOCK) != 0)
        err(1, "kqueue or socketpair");
    EV_SET(&change, ends[0], EVFILT_WRITE, EV_ADD, 0, 0, NULL);
    if (kevent(kq, &change, 1, &event, 1, NULL) != 1)
        err(1, "kevent");
    printf("room for %ld bytes\n", (long)event.data);

    while (write(ends[0], block, sizeof block) > 0)
        continue;
    if (kevent(kq, NULL, 0, &event, 1, &none) != 0)
        errx(1, "a full socket is no event");
    while (recv(ends[1], block, sizeof block, MSG_DONTWAIT) > 0)
        continue;
    if (kevent(kq, NULL, 0, &event, 1, NULL) != 1)
        err(1, "kevent");
    printf("room for %ld bytes again\n", (long)event.data);
    return event.data > 0 ? 0 : 1;
}
