/* glibc's own functions, under the names that it has for this. SPDX-License-Identifier: BSD-2-Clause */
#include "allocation_counter.h"

#include <errno.h>
#include <stdatomic.h>
#include <stddef.h>

void *__libc_malloc(size_t);
void *__libc_calloc(size_t, size_t);
void *__libc_realloc(void *, size_t);
void *__libc_memalign(size_t, size_t);

static atomic_ulong count;

/* Has its place from the thread's start, so that counting allocates nothing. */
static _Thread_local unsigned long count_of_thread __attribute__((tls_model("initial-exec")));

unsigned long allocation_count(void) {
    return atomic_load(&count);
}

unsigned long allocation_count_of_thread(void) {
    return count_of_thread;
}

static void counted(void) {
    count_of_thread++;
    atomic_fetch_add_explicit(&count, 1, memory_order_relaxed);
}

void *malloc(size_t size) {
    counted();
    return __libc_malloc(size);
}

void *calloc(size_t number, size_t size) {
    counted();
    return __libc_calloc(number, size);
}

void *realloc(void *old, size_t size) {
    counted();
    return __libc_realloc(old, size);
}

void *memalign(size_t alignment, size_t size) {
    counted();
    return __libc_memalign(alignment, size);
}

void *aligned_alloc(size_t alignment, size_t size) {
    counted();
    return __libc_memalign(alignment, size);
}

int posix_memalign(void **result, size_t alignment, size_t size) {
    counted();
    *result = __libc_memalign(alignment, size);
    return *result == NULL ? ENOMEM : 0;
}
