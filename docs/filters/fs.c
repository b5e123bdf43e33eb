/* Hears of file systems that are mounted and unmounted; nothing is, here.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <sys/event.h>

#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int main(int count, char **words) {
    struct timespec while_ = {0, 10 * 1000 * 1000};
    struct kevent change, event;
    int kq = kqueue(), events;

    (void)words;
    EV_SET(&change, 0, EVFILT_FS, EV_ADD, VQ_MOUNT | VQ_UNMOUNT, 0, NULL);
    /* With any argument it waits until something is. */
    events = kevent(kq, &change, 1, &event, 1, count > 1 ? NULL : &while_);
    if (kq < 0 || events < 0)
        err(1, "kevent");
    puts(events == 0 ? "nothing" : event.fflags & VQ_MOUNT ? "mounted" : "unmounted");
    return 0;
}
