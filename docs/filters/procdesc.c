/* Waits for a process by a descriptor of it, whose number nobody else can get.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <sys/event.h>

#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

int main(void) {
    struct kevent change, event;
    int kq = kqueue(), fd;
    pid_t child = fork();

    if (child == 0)
        _exit(7);
    fd = (int)syscall(SYS_pidfd_open, child, 0);
    if (kq < 0 || fd < 0)
        err(1, "kqueue or pidfd_open");
    EV_SET(&change, fd, EVFILT_PROCDESC, EV_ADD, NOTE_EXIT, 0, NULL);
    if (kevent(kq, &change, 1, &event, 1, NULL) != 1)
        err(1, "kevent");
    printf("exited with %d\n", WEXITSTATUS((int)event.data));
    return WEXITSTATUS((int)event.data) == 7 && waitpid(child, NULL, 0) == child ? 0 : 1;
}
