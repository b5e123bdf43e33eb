/* A periodic timer, a look that is late, and a deadline.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <sys/event.h>

#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

int main(void) {
    struct timespec late = {0, 105 * 1000 * 1000};
    struct kevent change, event;
    int kq = kqueue();

    EV_SET(&change, 1, EVFILT_TIMER, EV_ADD, 0, 10, NULL);
    if (kq < 0 || kevent(kq, &change, 1, NULL, 0, NULL) != 0)
        err(1, "kevent");
    nanosleep(&late, NULL);
    if (kevent(kq, NULL, 0, &event, 1, NULL) != 1)
        err(1, "kevent");
    printf("%ld expirations in one event\n", (long)event.data);
    if (event.data < 10)
        return 1;

    EV_SET(&change, 1, EVFILT_TIMER, EV_DELETE, 0, 0, NULL);
    if (kevent(kq, &change, 1, NULL, 0, NULL) != 0)
        err(1, "kevent");
    /* At the next full second of the clock on the wall. */
    EV_SET(&change, 2, EVFILT_TIMER, EV_ADD | EV_ONESHOT, NOTE_ABSTIME | NOTE_SECONDS, time(NULL) + 1, NULL);
    if (kevent(kq, &change, 1, &event, 1, NULL) != 1)
        err(1, "kevent");
    puts("a new second");
    return event.ident == 2 ? 0 : 1;
}
