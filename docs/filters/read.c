/* Says how much can be read from a pipe, and that its writer is gone.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <sys/event.h>

#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int main(void) {
    struct kevent change, event;
    int ends[2], kq = kqueue();

    if (kq < 0 || pipe(ends) != 0)
        err(1, "kqueue or pipe");
    EV_SET(&change, ends[0], EVFILT_READ, EV_ADD, 0, 0, NULL);
    if (write(ends[1], "hello", 5) != 5 || kevent(kq, &change, 1, &event, 1, NULL) != 1)
        err(1, "kevent");
    printf("%ld bytes can be read\n", (long)event.data);

    close(ends[1]);
    if (kevent(kq, NULL, 0, &event, 1, NULL) != 1)
        err(1, "kevent");
    /* What is left is read first: EV_EOF comes together with it. */
    printf("%ld bytes left, %s\n", (long)event.data, event.flags & EV_EOF ? "and nobody writes" : "and more may come");
    return event.data == 5 && event.flags & EV_EOF ? 0 : 1;
}
