# A program that was written for a BSD may have an epoll of its own, made of kqueue, under epoll's names and those of its
# timers, and stand in front of fcntl(2). The library does not call them: here they would end the program.
#
# SPDX-License-Identifier: BSD-2-Clause
. "$(dirname "$0")/common.sh"
[ -e "$STAGE_LIB/libkqueue.so" ] || skip "no shared library"
cat >own.c <<'C'
#include <sys/event.h>

#include <stdint.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define OWN(name) int name(void); int name(void) { abort(); }
OWN(epoll_create) OWN(epoll_create1) OWN(epoll_ctl) OWN(epoll_wait) OWN(epoll_pwait) OWN(epoll_pwait2)
OWN(eventfd) OWN(signalfd) OWN(timerfd_create) OWN(inotify_init1) OWN(inotify_add_watch) OWN(inotify_rm_watch)
OWN(pidfd_open) OWN(fcntl) OWN(fcntl64)
#if UINTPTR_MAX > UINT32_MAX
OWN(timerfd_settime)
#endif

static int add(int kq, uintptr_t ident, int filter, unsigned fflags, intptr_t data) {
    struct kevent entry;

    EV_SET(&entry, ident, filter, EV_ADD, fflags, data, NULL);
    return kevent(kq, &entry, 1, NULL, 0, NULL) == 0;
}

static int gives(int kq, int filter) {
    struct kevent event;

    return kevent(kq, NULL, 0, &event, 1, NULL) == 1 && event.filter == filter;
}

int main(void) {
    int kq = kqueue(), outer = kqueue(), ends[2];
    struct timespec later = {time(NULL) + 1, 0};
    struct kevent entry;

    if (kq < 0 || outer < 0 || pipe(ends) != 0)
        return 1;
    if (!add(outer, kq, EVFILT_READ, 0, 0) || !add(kq, ends[0], EVFILT_READ, 0, 0))
        return 2;
    if (write(ends[1], "x", 1) != 1 || !gives(outer, EVFILT_READ) || !gives(kq, EVFILT_READ) || close(ends[0]) != 0)
        return 3;
    if (!add(kq, 1, EVFILT_TIMER, NOTE_ABSOLUTE | NOTE_SECONDS, later.tv_sec) || !gives(kq, EVFILT_TIMER))
        return 4;
    EV_SET(&entry, 1, EVFILT_TIMER, EV_ADD | EV_ONESHOT, 0, 10, NULL);
    if (kevent(kq, &entry, 1, NULL, 0, NULL) != 0 || !gives(kq, EVFILT_TIMER))
        return 5;
    if (!add(kq, 1, EVFILT_USER, NOTE_TRIGGER, 0) || !gives(kq, EVFILT_USER))
        return 6;
    return close(kq) != 0 || close(outer) != 0 ? 7 : 0;
}
C
"$CC" -fno-builtin -I"$STAGE_INCLUDE/kqueue" -o own own.c -L"$STAGE_LIB" -lkqueue
LD_LIBRARY_PATH=$STAGE_LIB timeout 60 ./own || fail "the library calls what the program defines: status $?"
