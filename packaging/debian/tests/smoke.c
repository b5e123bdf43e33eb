/* A pipe, a timer and an event of the program's own, and that a closed descriptor's registrations go.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <stdio.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

#include <sys/event.h> /* The C library's needs those before it. */

int main(void) {
    struct timespec second = {1, 0}, none = {0, 0};
    struct kevent list[4];
    int ends[2], kq = kqueue(), told = 0, looks = 0;

    if (kq < 0 || pipe(ends) != 0 || write(ends[1], "hello", 5) != 5 || dup(ends[0]) < 0)
        return 1;
    EV_SET(&list[0], ends[0], EVFILT_READ, EV_ADD, 0, 0, NULL);
    EV_SET(&list[1], 1, EVFILT_TIMER, EV_ADD | EV_ONESHOT, 0, 10, NULL);
    EV_SET(&list[2], 2, EVFILT_USER, EV_ADD | EV_ONESHOT, 0, 0, NULL);
    EV_SET(&list[3], 2, EVFILT_USER, 0, NOTE_TRIGGER, 0, NULL);
    if (kevent(kq, list, 4, NULL, 0, NULL) != 0)
        return 2;
    while ((told & 7) != 7) {
        int count = kevent(kq, NULL, 0, list, 4, &second);
        if (count <= 0 || looks++ > 10000000)
            return 3;
        for (int i = 0; i < count; i++)
            told |= list[i].filter == EVFILT_READ && list[i].data == 5 ? 1
                : list[i].filter == EVFILT_TIMER                       ? 2
                : list[i].filter == EVFILT_USER                        ? 4
                                                                       : 8;
    }
    close(ends[0]);
    if (told != 7 || kevent(kq, NULL, 0, list, 4, &none) != 0)
        return 4;
    puts("all well");
    return 0;
}
