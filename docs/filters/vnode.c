/* Follows a file: it grows, is renamed and deleted.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <sys/event.h>

#include <err.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int main(void) {
    char path[] = "/tmp/vnode-XXXXXX", other[sizeof path + 4];
    struct kevent change, event;
    int kq = kqueue(), fd = mkstemp(path);

    if (kq < 0 || fd < 0)
        err(1, "kqueue or mkstemp");
    snprintf(other, sizeof other, "%s.new", path);
    /* EV_CLEAR: each event says what happened since the one before. */
    EV_SET(&change, fd, EVFILT_VNODE, EV_ADD | EV_CLEAR, NOTE_WRITE | NOTE_RENAME | NOTE_DELETE, 0, NULL);
    if (kevent(kq, &change, 1, NULL, 0, NULL) != 0)
        err(1, "kevent");

    if (write(fd, "x", 1) != 1 || kevent(kq, NULL, 0, &event, 1, NULL) != 1 || !(event.fflags & NOTE_WRITE))
        errx(1, "no NOTE_WRITE");
    puts("written to");
    if (rename(path, other) != 0 || kevent(kq, NULL, 0, &event, 1, NULL) != 1)
        err(1, "rename");
    puts(event.fflags & NOTE_RENAME ? "renamed" : "something else");
    if (unlink(other) != 0 || kevent(kq, NULL, 0, &event, 1, NULL) != 1 || !(event.fflags & NOTE_DELETE))
        errx(1, "no NOTE_DELETE");
    puts("deleted");
    return 0;
}
