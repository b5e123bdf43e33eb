/* Counts a signal beside its handler.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <sys/event.h>

#include <err.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static volatile sig_atomic_t handled;

static void handle(int signal) {
    (void)signal;
    handled++;
}

int main(void) {
    struct kevent change, event;
    int kq = kqueue();

    signal(SIGUSR1, handle);
    EV_SET(&change, SIGUSR1, EVFILT_SIGNAL, EV_ADD, 0, 0, NULL);
    if (kq < 0 || kevent(kq, &change, 1, NULL, 0, NULL) != 0)
        err(1, "kevent");
    raise(SIGUSR1);
    raise(SIGUSR1);
    if (kevent(kq, NULL, 0, &event, 1, NULL) != 1)
        err(1, "kevent");
    printf("signal %ld came %ld times; the handler ran %d times\n", (long)event.ident, (long)event.data, (int)handled);
    return event.data == 2 && handled == 2 ? 0 : 1;
}
