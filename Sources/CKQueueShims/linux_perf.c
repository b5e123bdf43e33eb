/*
 * Linux: forks and execs as records of perf events, for a process that may not have
 * the process connector.
 *
 * An event belongs to one thread on one processor; the threads that it makes have
 * it, too.  What the events of a processor record goes to one ring of ours.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifdef __linux__
#define _GNU_SOURCE
#include "include/kqueue_shims_linux.h"

#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

/* What <linux/perf_event.h> says, which not every C library comes with. */
struct attributes {
    uint32_t type, size;
    uint64_t config, sample_period, sample_type, read_format, flags;
    uint32_t wakeup_watermark, breakpoint_type;
    uint64_t config1, config2;
    uint64_t more[6];
};
enum { SOFTWARE = 1, DUMMY = 9, CLOSE_ON_EXEC = 8, SET_OUTPUT = 0x2405 };
#define FLAG(bit) (UINT64_C(1) << (bit))
#define INHERIT FLAG(1)
#define EXCLUDE_KERNEL FLAG(5)
#define NAMES FLAG(9)
#define TASKS FLAG(13)
#define WATERMARK FLAG(14)
#define EXCLUDE_HYPERVISOR FLAG(6)
#define EXEC_NAMES FLAG(24)
#define INHERIT_BY_THREADS FLAG(35)

/* The first page of a ring. */
struct ring_head {
    uint32_t version, compatible;
    char others[1016];
    uint64_t head, tail;
};
_Static_assert(offsetof(struct ring_head, head) == 1024, "perf_event_mmap_page");

enum { RING_PAGES = 4 };

static size_t page_size(void) { return (size_t)sysconf(_SC_PAGESIZE); }
static size_t ring_bytes(void) { return page_size() * (RING_PAGES + 1); }

static int event(int thread, int processor, uint64_t flags) {
    struct attributes attributes = {
        .type = SOFTWARE, .size = sizeof attributes, .config = DUMMY, .wakeup_watermark = 1,
        .flags = flags | EXCLUDE_KERNEL | EXCLUDE_HYPERVISOR | WATERMARK};
    return kq_move_high(
        kq_adopt((int)syscall(SYS_perf_event_open, &attributes, thread, processor, -1, CLOSE_ON_EXEC)));
}

int kq_processors(void) {
    long count = sysconf(_SC_NPROCESSORS_CONF);
    return count > 0 ? (int)count : 1;
}

int kq_ring_open(int processor, void **ring) {
    if (kq_environment_says("KQUEUE_NO_PERF")) /* for the tests */
        return -ENOTSUP;
    /* Of the first thread, which ends last as a rule; what it is about itself does not matter. */
    int descriptor = event(kq_process(), processor, 0);
    if (descriptor < 0)
        return descriptor;
    *ring = mmap(NULL, ring_bytes(), PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
    if (*ring != MAP_FAILED)
        return descriptor;
    int error = -errno;
    kq_close_descriptor(descriptor);
    return error;
}

void kq_ring_close(int descriptor, void *ring) {
    (void)munmap(ring, ring_bytes());
    kq_close_own(descriptor);
}

int kq_ring_watch(int thread, int processor, int ring) {
    static const uint64_t wanted = INHERIT | NAMES | TASKS | EXEC_NAMES;
    int descriptor = event(thread, processor, wanted | INHERIT_BY_THREADS);
    if (descriptor == -EINVAL) /* before 5.13 processes inherit it, too; their records are not looked for */
        descriptor = event(thread, processor, wanted);
    if (descriptor < 0)
        return descriptor;
    if (ioctl(descriptor, SET_OUTPUT, ring) == 0)
        return descriptor;
    int error = -errno;
    kq_close_descriptor(descriptor);
    return error;
}

uint64_t kq_ring_written(const void *ring) {
    return __atomic_load_n(&((const struct ring_head *)ring)->head, __ATOMIC_ACQUIRE);
}

uint64_t kq_ring_taken(const void *ring) {
    return ((const struct ring_head *)ring)->tail;
}

void kq_ring_take(void *ring, uint64_t up_to) {
    __atomic_store_n(&((struct ring_head *)ring)->tail, up_to, __ATOMIC_RELEASE);
}

const void *kq_ring_data(const void *ring, size_t *size) {
    *size = RING_PAGES * page_size();
    return (const char *)ring + page_size();
}
#endif
