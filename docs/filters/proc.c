/* Waits for a child and for a timer at once, and leaves the child to wait().
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <sys/event.h>

#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

int main(void) {
    struct kevent changes[2], event;
    int kq = kqueue(), status;
    pid_t child = fork();

    if (child == 0)
        _exit(3);
    if (kq < 0 || child < 0)
        err(1, "kqueue or fork");
    EV_SET(&changes[0], child, EVFILT_PROC, EV_ADD, NOTE_EXIT, 0, NULL);
    EV_SET(&changes[1], 1, EVFILT_TIMER, EV_ADD | EV_ONESHOT, NOTE_SECONDS, 10, NULL);
    if (kevent(kq, changes, 2, &event, 1, NULL) != 1)
        err(1, "kevent");
    if (event.filter != EVFILT_PROC)
        errx(1, "it takes too long");
    status = (int)event.data;
    printf("process %ld exited with %d\n", (long)event.ident, WEXITSTATUS(status));
    /* It was told, not reaped. */
    return waitpid(child, &status, 0) == child && WEXITSTATUS(status) == 3 ? 0 : 1;
}
