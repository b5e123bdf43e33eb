/* One thread wakes another, with bits that say why.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <sys/event.h>

#include <err.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { WORK = 1, STOP = 2 };

static void *wake(void *argument) {
    struct kevent change;
    int kq = *(int *)argument;

    EV_SET(&change, 1, EVFILT_USER, 0, NOTE_TRIGGER | NOTE_FFOR | WORK | STOP, 0, NULL);
    if (kevent(kq, &change, 1, NULL, 0, NULL) != 0)
        err(1, "kevent");
    return NULL;
}

int main(void) {
    struct kevent change, event;
    pthread_t thread;
    int kq = kqueue();

    EV_SET(&change, 1, EVFILT_USER, EV_ADD | EV_CLEAR, 0, 0, NULL);
    if (kq < 0 || kevent(kq, &change, 1, NULL, 0, NULL) != 0)
        err(1, "kevent");
    if (pthread_create(&thread, NULL, wake, &kq) != 0)
        errx(1, "pthread_create");
    if (kevent(kq, NULL, 0, &event, 1, NULL) != 1)
        err(1, "kevent");
    printf("woken: %s%s\n", event.fflags & WORK ? "work " : "", event.fflags & STOP ? "stop" : "");
    pthread_join(thread, NULL);
    return event.fflags == (WORK | STOP) ? 0 : 1;
}
