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

#include <dirent.h>
#include <dlfcn.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

/* A static program may have no dlsym. */
#pragma weak dlsym
#pragma weak dladdr
/* The program itself, whichever namespace of dlmopen(3) this library is in. */
#ifdef LM_ID_BASE
#pragma weak dlmopen
#define OPEN_PROGRAM (dlmopen == NULL ? NULL : dlmopen(LM_ID_BASE, NULL, RTLD_LAZY))
#else
#pragma weak dlopen
#define OPEN_PROGRAM (dlopen == NULL ? NULL : dlopen(NULL, RTLD_LAZY))
#endif

static struct kq_next_functions next;

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

enum answer { NOT_KNOWN, NO, YES };

/* `alone`: the answer where dlsym(3) finds no definition at all, as it may in a static program. */
static enum answer find_out_own(void *program, const char *name, enum answer alone) {
    Dl_info used, own;
    if (dlsym == NULL || dladdr == NULL)
        return YES; /* a static program: what is linked is what is used */
    void *in_use = dlsym(program, name);
    if (in_use == NULL)
        return alone;
    return dladdr(in_use, &used) != 0 && dladdr((void *)&next, &own) != 0 && used.dli_fbase == own.dli_fbase ? YES : NO;
}

/*
 * Found out when the library is loaded: in a parent that makes no kqueue nobody would ask, and each of its children
 * would search all libraries, under the loader's lock.
 */
static enum answer is_close_own, is_sigaction_own;

/*
 * It is the program's definitions that count.  This library may call others: loaded with RTLD_DEEPBIND or dlmopen(3) it
 * finds its own first.
 */
__attribute__((constructor)) static void find_out(void) {
    void *program = OPEN_PROGRAM;
    if (program == NULL)
        program = RTLD_DEFAULT;
    is_close_own = find_out_own(program, "close", NO); /* closedir() stays libc's there */
    is_sigaction_own = find_out_own(program, "sigaction", YES);
}

static __attribute__((noinline)) bool find_out_interposed(int *known, const enum answer *own) {
    if (*own == NOT_KNOWN)
        find_out(); /* another library's constructor runs before ours */
    /* The variable is for the tests: be as if loaded with dlopen. */
    int answer = kq_environment_says("KQUEUE_VALIDATE") ? NO : (int)*own;
    __atomic_store_n(known, answer, __ATOMIC_RELAXED);
    return answer == YES;
}

static bool is_interposed(int *known, const enum answer *own) {
    int answer = __atomic_load_n(known, __ATOMIC_RELAXED);
    return answer == NOT_KNOWN ? find_out_interposed(known, own) : answer == YES;
}

bool kq_is_interposed(void) {
    return is_interposed(&kq_memory.is_interposed, &is_close_own);
}

bool kq_signals_are_seen(void) {
    return is_interposed(&kq_memory.are_signals_seen, &is_sigaction_own);
}

const struct kq_next_functions *kq_next(void) {
    return &next;
}

int kq_next_close(int descriptor) {
    return next.close != NULL ? next.close(descriptor) : (int)syscall(SYS_close, descriptor);
}

/* Another library's constructor may run before ours. */
const struct kq_next_functions *kq_find_next(void) {
    look_up();
    return &next;
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
