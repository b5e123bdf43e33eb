/*
 * The calls that close descriptors, behind those of ours.  Part of kqueue_shims.h.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef KQUEUE_SHIMS_NEXT_H
#define KQUEUE_SHIMS_NEXT_H

#include "kqueue_shims.h"

/*
 * The definitions that ours stand in front of, in the order of linking: another
 * library's or libc's, or the system call where there is none.
 */
struct kq_next_functions { /* NULL: there is none */
    int (*close)(int);
    int (*dup2)(int, int);
    int (*dup3)(int, int, int);
    int (*close_range)(unsigned, unsigned, int);
    void (*closefrom)(int);
    int (*fclose)(void *);
    int (*pclose)(void *);
    void *(*freopen)(const char *, const char *, void *);
    void *(*large_freopen)(const char *, const char *, void *); /* freopen64, which is a macro of musl's */
    int (*closedir)(void *);
};
const struct kq_next_functions *kq_next(void);
int kq_next_close(int descriptor);
/* Looks them up once more. */
const struct kq_next_functions *kq_find_next(void);

#endif /* KQUEUE_SHIMS_NEXT_H */
