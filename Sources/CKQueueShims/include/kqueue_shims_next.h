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
int kq_next_close(int descriptor);
int kq_next_dup2(int old, int new_number);
int kq_next_dup3(int old, int new_number, int flags);
int kq_next_close_range(unsigned first, unsigned last, int flags);
void kq_next_closefrom(int first);
/* closefrom(3) where no system call does it. Async-signal-safe; keeps errno. */
void kq_close_each_from(int first);
int kq_next_fclose(void *stream);
int kq_next_pclose(void *stream);
void *kq_next_freopen(const char *path, const char *mode, void *stream);
void *kq_next_freopen64(const char *path, const char *mode, void *stream);
int kq_next_closedir(void *directory);

#endif /* KQUEUE_SHIMS_NEXT_H */
