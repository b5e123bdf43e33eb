/*
 * What the core asks of C that would be a system call on a number of the fake system's, or cost one where the test has
 * no need of it. The linker puts these in the place of the library's own (--wrap).
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "fake.h"
#include "names.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>
#undef close
#include <sys/mman.h>

bool __wrap_kq_is_open(int number);
void __wrap_kq_close_descriptor(int number);
int __wrap_kq_process(void);
void *__wrap_kq_map(size_t length);
void __wrap_kq_unmap(void *memory, size_t length);

bool __wrap_kq_is_open(int number) {
    return fake_is_open(number);
}

void __wrap_kq_close_descriptor(int number) {
    fake_close(number);
}

/* No number that two namespaces may both have, of which the core would ask more. */
int __wrap_kq_process(void) {
    return 1000;
}

/* ---- Memory that is given back is handed out again, zeroed ---- */

enum { PAGE = 4096, LARGEST_KEPT = 64 };

static void *kept[LARGEST_KEPT + 1]; /* by pages; each begins with the next */

void *__wrap_kq_map(size_t length) {
    size_t pages = (length + PAGE - 1) / PAGE;
    if (pages <= LARGEST_KEPT && kept[pages] != NULL) {
        void *memory = kept[pages];
        kept[pages] = *(void **)memory;
        memset(memory, 0, pages * PAGE);
        return memory;
    }
    void *memory = mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return memory == MAP_FAILED ? NULL : memory;
}

void __wrap_kq_unmap(void *memory, size_t length) {
    size_t pages = (length + PAGE - 1) / PAGE;
    if (memory == NULL)
        return;
    if (pages > LARGEST_KEPT) {
        munmap(memory, pages * PAGE);
        return;
    }
    *(void **)memory = kept[pages];
    kept[pages] = memory;
}
