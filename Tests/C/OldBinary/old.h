/*
 * What a binary that was made for the C libkqueue has in it: layout and numbers, from no header of ours.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef OLD_H
#define OLD_H

#include <stdint.h>
#include <time.h>

struct kevent {
    uintptr_t ident;
    short filter;
    unsigned short flags;
    unsigned int fflags;
    intptr_t data;
    void *udata;
};

int kqueue(void);
int kevent(int, const struct kevent *, int, struct kevent *, int, const struct timespec *);
void libkqueue_drain_pending_close(void);

#endif /* OLD_H */
