/*
 * Linux: forks and execs as records of perf events, for whoever may not have the
 * process connector.
 *
 * An event belongs to one thread on one processor; the threads that it makes have
 * it, too.  What the events of a processor record goes to one ring of ours.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifdef __linux__
#define _GNU_SOURCE
#include "include/kqueue_shims_linux.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
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
enum { SOFTWARE = 1, DUMMY = 9, CLOSE_ON_EXEC = 8, SET_OUTPUT = 0x2405, COMM = 3, LOST = 2, FORK = 7 };
enum { OF_EXEC = 1 << 13 };
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

int kq_threads(int process, int *threads, int room) {
    char path[48], buffer[2048];
    int count = 0;
    if (!kq_proc_is_ours())
        return -ENOTSUP;
    snprintf(path, sizeof path, "/proc/%d/task", process);
    int folder = (int)syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0)
        return errno == ENOENT && kq_is_number_used(process) ? -ENOTSUP : -errno;
    for (long got; (got = syscall(SYS_getdents64, folder, buffer, sizeof buffer)) > 0;) {
        for (long place = 0; place < got;) {
            /* linux_dirent64: two words of 8 bytes, the entry's length, its kind, its name. */
            uint16_t length;
            memcpy(&length, buffer + place + 16, sizeof length);
            int thread = atoi(buffer + place + 19);
            if (thread > 0 && count < room)
                threads[count] = thread;
            count += thread > 0;
            place += length;
        }
    }
    kq_close_descriptor(folder);
    return count;
}

/* Copies a piece of the ring, which may go on at its beginning. */
static void copy_out(const char *data, uint64_t place, void *to, size_t size) {
    size_t room = RING_PAGES * page_size();
    for (size_t i = 0; i < size; i++)
        ((char *)to)[i] = data[(place + i) % room];
}

struct record {
    uint32_t type;
    uint16_t misc, size;
    uint32_t process, parent; /* of COMM: process and thread */
};

/* 1 for news of a process, 0 for anything else, -ENOBUFS where some were lost. */
static int decode(const struct record *record, struct kq_process_event *event) {
    if (record->type == LOST)
        return -ENOBUFS;
    if (record->type == FORK && record->process != record->parent) {
        *event = (struct kq_process_event){
            .what = KQ_PROCESS_FORKED, .process = record->parent, .child = record->process};
        return 1;
    }
    if (record->type == COMM && (record->misc & OF_EXEC) != 0) {
        *event = (struct kq_process_event){.what = KQ_PROCESS_EXECED, .process = record->process};
        return 1;
    }
    return 0;
}

bool kq_ring_has_news(const void *ring) {
    const struct ring_head *head = ring;
    return __atomic_load_n(&head->head, __ATOMIC_ACQUIRE) != head->tail;
}

int kq_ring_read(void *ring, struct kq_process_event *events, int count) {
    struct ring_head *head = ring;
    const char *data = (const char *)ring + page_size();
    uint64_t end = __atomic_load_n(&head->head, __ATOMIC_ACQUIRE), place = head->tail;
    int written = 0, news = 0;
    while (place < end && written < count && news >= 0) {
        struct record record;
        copy_out(data, place, &record, sizeof record);
        news = decode(&record, &events[written]);
        written += news > 0;
        /* A loss is told alone, after what came before it. */
        if (news >= 0 || written == 0)
            place += record.size;
    }
    __atomic_store_n(&head->tail, place, __ATOMIC_RELEASE);
    return news < 0 && written == 0 ? news : written;
}
#endif
