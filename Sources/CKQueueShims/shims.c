/*
 * The shims that every platform uses.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#define _GNU_SOURCE
#include "include/kqueue_shims.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/event.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

void *kq_map(size_t bytes) {
    void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
        return NULL;
#ifdef MADV_WIPEONFORK
    (void)madvise(memory, bytes, MADV_WIPEONFORK);
#endif
    return memory;
}

void kq_unmap(void *memory, size_t bytes) {
    (void)munmap(memory, bytes);
}

bool kq_is_open(int descriptor) {
    return descriptor >= 0 && fcntl(descriptor, F_GETFD) != -1;
}

void kq_close_descriptor(int descriptor) {
    (void)syscall(SYS_close, descriptor); /* close() is ours, and a cancellation point */
}

int kq_next_close(int descriptor) {
    typedef int close_function(int);
    static _Atomic(close_function *) next;
    close_function *function = atomic_load_explicit(&next, memory_order_relaxed);
    if (function == NULL) {
        function = (close_function *)dlsym(RTLD_NEXT, "close");
        if (function == NULL)
            return (int)syscall(SYS_close, descriptor);
        atomic_store_explicit(&next, function, memory_order_relaxed);
    }
    return function(descriptor);
}

int kq_open_flags(void) {
    return O_CLOEXEC | O_NONBLOCK;
}

#define TEXT(number) #number
#define DOTTED(major, minor, patch) TEXT(major) "." TEXT(minor) "." TEXT(patch)

int kq_version_number(void) {
    return LIBKQUEUE_VERSION;
}

const char *kq_version_text(void) {
    return DOTTED(LIBKQUEUE_VERSION_MAJOR, LIBKQUEUE_VERSION_MINOR, LIBKQUEUE_VERSION_PATCH);
}

static atomic_bool settings[] = {
    [KQ_SETTING_THREAD_SAFE] = true, [KQ_SETTING_FORK_CLEANUP] = true, [KQ_SETTING_DEBUG] = false};

bool kq_exchange_setting(enum kq_setting setting, bool value) {
    return atomic_exchange(&settings[setting], value);
}

_Noreturn void kq_bug(const char *what) {
    static const char start[] = "libkqueue: BUG: ";
    if (write(STDERR_FILENO, start, sizeof start - 1) == -1 ||
        write(STDERR_FILENO, what, strlen(what)) == -1 || write(STDERR_FILENO, "\n", 1) == -1)
        abort();
    abort();
}

bool kq_tracing(void) {
    return atomic_load_explicit(&settings[KQ_SETTING_DEBUG], memory_order_relaxed);
}

static const char *trace_prefix = "libkqueue";
static int (*trace_function)(const char *format, va_list arguments);

void kq_trace_start(void) {
    const char *setting = getenv("KQUEUE_DEBUG");
    if (setting != NULL && setting[0] != '\0' && setting[0] != '0')
        (void)kq_exchange_setting(KQ_SETTING_DEBUG, true);
}

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
