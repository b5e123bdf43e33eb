/*
 * The closing functions that ours stand in front of.
 *
 * They are looked up when the library is loaded, because dlsym(3) is nothing for
 * a signal handler. Before that, and where nothing else defines one, the system
 * call serves.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#define _GNU_SOURCE
#include "include/kqueue_shims.h"

#ifdef __linux__
#include "kernel_calls.h"
#endif

#include <dirent.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef CLOSE_RANGE_UNSHARE
#define CLOSE_RANGE_UNSHARE 2U
#endif

/* A static program may have no dlsym. */
#pragma weak dlsym
#pragma weak dladdr

static struct {
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
} next;

/* ISO C has no cast from an object's address to a function's; POSIX has dlsym. */
#define LOOK_UP(name) (*(void **)&next.name = dlsym(RTLD_NEXT, #name))

__attribute__((constructor)) static void look_up(void) {
    if (dlsym == NULL)
        return;
    LOOK_UP(close);
    LOOK_UP(dup2);
    LOOK_UP(dup3);
    LOOK_UP(close_range);
    LOOK_UP(closefrom);
    LOOK_UP(fclose);
    LOOK_UP(pclose);
    LOOK_UP(freopen);
    *(void **)&next.large_freopen = dlsym(RTLD_NEXT, "freopen64");
    LOOK_UP(closedir);
}

/* `alone`: what holds in a program that has no other definition to look up, a static one. */
static bool find_out_interposed(const char *name, bool alone) {
    Dl_info used, own;
    if (kq_environment_says("KQUEUE_VALIDATE")) /* for the tests: be as if loaded with dlopen */
        return false;
    if (dlsym == NULL || dladdr == NULL)
        return true; /* a static program: what is linked is what is used */
    void *in_use = dlsym(RTLD_DEFAULT, name);
    if (in_use == NULL)
        return alone;
    return dladdr(in_use, &used) != 0 && dladdr((void *)&next, &own) != 0 && used.dli_fbase == own.dli_fbase;
}

enum answer { NOT_KNOWN, NO, YES };

static bool is_interposed(atomic_int *known, const char *name, bool alone) {
    int answer = atomic_load_explicit(known, memory_order_relaxed);
    if (answer == NOT_KNOWN) {
        answer = find_out_interposed(name, alone) ? YES : NO;
        atomic_store_explicit(known, answer, memory_order_relaxed);
    }
    return answer == YES;
}

bool kq_is_interposed(void) {
    static atomic_int known;
    return is_interposed(&known, "close", false); /* closedir() stays libc's there */
}

bool kq_signals_are_seen(void) {
    static atomic_int known;
    return is_interposed(&known, "sigaction", true);
}

int kq_next_close(int descriptor) {
    return next.close != NULL ? next.close(descriptor) : (int)syscall(SYS_close, descriptor);
}

int kq_next_dup2(int old, int new_number) {
    if (next.dup2 != NULL)
        return next.dup2(old, new_number);
    if (old == new_number)
        return fcntl(old, F_GETFD) == -1 ? -1 : old;
    return (int)syscall(SYS_dup3, old, new_number, 0);
}

int kq_next_dup3(int old, int new_number, int flags) {
    /* musl does not look at flags that it does not know, and would replace a number whose knotes are still there. */
    if ((flags & ~O_CLOEXEC) != 0) {
        errno = EINVAL;
        return -1;
    }
    return next.dup3 != NULL ? next.dup3(old, new_number, flags)
                             : (int)syscall(SYS_dup3, old, new_number, flags);
}

#ifdef __linux__
static bool can_close_ranges(void) {
    return kq_call_is_there(KQ_CALL_CLOSE_RANGE);
}

static int close_range_by_call(unsigned first, unsigned last, int flags) {
    return (int)kq_call(KQ_CALL_CLOSE_RANGE, first, last, flags, 0, 0);
}
#else
static bool can_close_ranges(void) {
    return false;
}

static int close_range_by_call(unsigned first, unsigned last, int flags) {
    (void)first, (void)last, (void)flags;
    errno = ENOSYS;
    return -1;
}
#endif

int kq_next_close_range(unsigned first, unsigned last, int flags) {
    return next.close_range != NULL ? next.close_range(first, last, flags)
                                    : close_range_by_call(first, last, flags);
}

/* libc's ends the process where it has neither the call nor /proc. */
void kq_next_closefrom(int first) {
    int error = errno;
    if (!can_close_ranges())
        kq_close_each_from(first < 0 ? 0 : first);
    else if (next.closefrom != NULL)
        next.closefrom(first);
    else if (close_range_by_call(first < 0 ? 0 : (unsigned)first, UINT_MAX, 0) != 0)
        kq_close_each_from(first < 0 ? 0 : first);
    errno = error;
}

/* Another library's constructor may run before ours; and what has no system call must be found. */
#define FIND(name) \
    do { \
        if (next.name == NULL) \
            look_up(); \
        if (next.name == NULL) \
            kq_bug(#name " is nowhere to be found"); \
    } while (0)

int kq_next_fclose(void *stream) {
    FIND(fclose);
    return next.fclose(stream);
}

int kq_next_pclose(void *stream) {
    FIND(pclose);
    return next.pclose(stream);
}

void *kq_next_freopen(const char *path, const char *mode, void *stream) {
    FIND(freopen);
    return next.freopen(path, mode, stream);
}

/* Which only some systems tell from the other. */
void *kq_next_freopen64(const char *path, const char *mode, void *stream) {
    return next.large_freopen != NULL ? next.large_freopen(path, mode, stream) : kq_next_freopen(path, mode, stream);
}

int kq_next_closedir(void *directory) {
    FIND(closedir);
    return next.closedir(directory);
}

int kq_stream_descriptor(void *stream) {
    int error = errno;
    int descriptor = stream == NULL ? -1 : fileno(stream);
    errno = error; /* a stream over memory has none, and that is no error */
    return descriptor;
}

int kq_directory_descriptor(void *directory) {
    return directory == NULL ? -1 : dirfd(directory);
}

int kq_close_on_exec(void) {
    return O_CLOEXEC;
}

bool kq_close_range_closes(int flags) {
    /* An unknown one fails, CLOEXEC closes later. */
    return ((unsigned)flags & ~CLOSE_RANGE_UNSHARE) == 0 && (next.close_range == NULL || can_close_ranges());
}
