/*
 * The shims that every platform uses.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#define _GNU_SOURCE
#include "include/kqueue_shims.h"

#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/event.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(__linux__) && !defined(MADV_WIPEONFORK)
#define MADV_WIPEONFORK 18 /* in headers since glibc 2.27; kernels that do not know it refuse it */
#endif

/* Not in a program that has more rights than who started it (C-358). */
const char *kq_environment(const char *name) {
#ifdef __linux__
    return secure_getenv(name);
#else
    return geteuid() != getuid() || getegid() != getgid() ? NULL : getenv(name);
#endif
}

bool kq_environment_says(const char *name) {
    const char *setting = kq_environment(name);
    return setting != NULL && setting[0] != '\0' && setting[0] != '0';
}

/* Unknown until the first mapping; then whether the system wipes. */
static atomic_int wipes = -1;

static void find_out_wiping(void *memory, size_t bytes) {
    bool allowed = !kq_environment_says("KQUEUE_NO_WIPEONFORK"); /* for the tests: be as on an old kernel */
#ifdef MADV_WIPEONFORK
    atomic_store(&wipes, allowed && madvise(memory, bytes, MADV_WIPEONFORK) == 0);
#else
    (void)memory, (void)bytes;
    atomic_store(&wipes, false && allowed);
#endif
}

/* What the system says. That it does so shows in a child alone: see startChild() in Registry.swift. */
static bool says_it_wipes(void) {
    return atomic_load_explicit(&wipes, memory_order_relaxed) == true;
}

void *kq_map_inherited(size_t bytes) {
    void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return memory == MAP_FAILED ? NULL : memory;
}

void *kq_map(size_t bytes) {
    void *memory = kq_map_inherited(bytes);
    if (memory == NULL)
        return NULL;
    if (atomic_load_explicit(&wipes, memory_order_relaxed) < 0)
        find_out_wiping(memory, bytes);
#ifdef MADV_WIPEONFORK
    else if (says_it_wipes() && madvise(memory, bytes, MADV_WIPEONFORK) == -1) {
        kq_unmap(memory, bytes); /* a child must never see it */
        return NULL;
    }
#endif
    return memory;
}

void kq_unmap(void *memory, size_t bytes) {
    (void)munmap(memory, bytes);
}

/* Not in the header: so many calls would have it inlined that the library were a page larger. */
long kq_system_call(long number, long first, long second, long third, long fourth, long fifth, long sixth) {
#ifdef __linux__
    return kq_result(syscall(number, first, second, third, fourth, fifth, sixth));
#else
    (void)number, (void)first, (void)second, (void)third, (void)fourth, (void)fifth, (void)sixth;
    return -ENOSYS;
#endif
}

int kq_process(void) {
    return (int)syscall(SYS_getpid);
}

#pragma weak __libc_single_threaded
extern char __libc_single_threaded;

int kq_is_single_threaded(void) {
    return &__libc_single_threaded == NULL ? -1 : __libc_single_threaded;
}

bool kq_is_open(int descriptor) {
    return descriptor >= 0 && kq_control(descriptor, F_GETFD, 0) >= 0;
}

void kq_close_descriptor(int descriptor) {
    kq_disown(descriptor);
#ifdef __SANITIZE_THREAD__
    (void)kq_next_close(descriptor); /* which must see it, or takes the next user of the number for a racer */
#else
    (void)syscall(SYS_close, descriptor); /* close() is ours, and a cancellation point */
#endif
}

int kq_nap(int64_t nanoseconds, void (*cancelled)(void *), void *context) {
    struct timespec time = {.tv_sec = (time_t)(nanoseconds / 1000000000), .tv_nsec = (long)(nanoseconds % 1000000000)};
    volatile int result;
    pthread_cleanup_push(cancelled, context);
    result = nanosleep(&time, NULL) == 0 ? 0 : -errno;
    pthread_cleanup_pop(0);
    return result;
}

#define TEXT(number) #number
#define DOTTED(major, minor, patch) TEXT(major) "." TEXT(minor) "." TEXT(patch)

const char *kq_version_text(void) {
    return DOTTED(LIBKQUEUE_VERSION_MAJOR, LIBKQUEUE_VERSION_MINOR, LIBKQUEUE_VERSION_PATCH);
}

_Noreturn void kq_bug(const char *what) {
    static const char start[] = "libkqueue: BUG: ";
    if (write(STDERR_FILENO, start, sizeof start - 1) == -1 ||
        write(STDERR_FILENO, what, strlen(what)) == -1 || write(STDERR_FILENO, "\n", 1) == -1)
        abort();
    abort();
}

static const char *trace_prefix = "libkqueue";
static int (*trace_function)(const char *format, va_list arguments);

void kq_trace_prefix(const char *prefix) {
    trace_prefix = prefix != NULL ? prefix : "libkqueue";
}

void kq_trace_function(void *function) {
    trace_function = (int (*)(const char *, va_list))function;
}

__attribute__((format(printf, 1, 2))) static void trace(const char *format, ...) {
    char line[256];
    int error = errno;
    va_list arguments;
    va_start(arguments, format);
    if (trace_function != NULL) {
        trace_function(format, arguments);
    } else {
        int start = snprintf(line, sizeof line, "%s: ", trace_prefix);
        if (start > 0 && (size_t)start < sizeof line)
            vsnprintf(line + start, sizeof line - (size_t)start, format, arguments);
        dprintf(STDERR_FILENO, "%s\n", line);
    }
    va_end(arguments);
    errno = error;
}

void kq_trace_call(int kq, int changes, int room, int result) {
    if (result < 0)
        trace("kevent(%d, %d changes, room for %d): %s", kq, changes, room, strerror(-result));
    else
        trace("kevent(%d, %d changes, room for %d) = %d", kq, changes, room, result);
}

void kq_trace_change(int kq, uintptr_t ident, int filter, unsigned flags, unsigned fflags,
                     intptr_t data, int error) {
    trace("kq %d: ident %#jx filter %d flags %#x fflags %#x data %jd: %s", kq, (uintmax_t)ident,
          filter, flags, fflags, (intmax_t)data, error == 0 ? "applied" : strerror(error));
}
