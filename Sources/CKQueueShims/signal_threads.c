/*
 * Linux: what the threads of the process block, as /proc tells it.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifdef __linux__
#define _GNU_SOURCE
#include "include/kqueue_shims_linux.h"
#include "kernel_calls.h"
#include "signals.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <unistd.h>

/* What one thread's status says. */
struct thread_status {
    bool is_gone; /* has ended, or is about to */
    uint64_t pending, shared, blocked;
    unsigned long threads, queued; /* of the process, and of its user */
};

/* A file of /proc as a stream of lines; some are long, and of no interest. */
struct lines {
    int descriptor;
    char bytes[1024];
    size_t place, size;
};

static int next_byte(struct lines *file) {
    if (file->place == file->size) {
        long got = syscall(SYS_read, file->descriptor, file->bytes, sizeof file->bytes);
        if (got <= 0)
            return -1;
        file->place = 0;
        file->size = (size_t)got;
    }
    return (unsigned char)file->bytes[file->place++];
}

/* The start of the next line, as far as it fits. */
static bool next_line(struct lines *file, char *line, size_t size) {
    size_t length = 0;
    int byte;
    while ((byte = next_byte(file)) >= 0 && byte != '\n')
        if (length < size - 1)
            line[length++] = (char)byte;
    line[length] = '\0';
    return byte >= 0;
}

static void read_line(const char *line, struct thread_status *status) {
    if (strncmp(line, "State:\t", 7) == 0)
        status->is_gone = line[7] == 'Z' || line[7] == 'X';
    if (strncmp(line, "SigPnd:\t", 8) == 0)
        status->pending = strtoull(line + 8, NULL, 16);
    if (strncmp(line, "ShdPnd:\t", 8) == 0)
        status->shared = strtoull(line + 8, NULL, 16);
    if (strncmp(line, "Threads:\t", 9) == 0)
        status->threads = strtoul(line + 9, NULL, 10);
    if (strncmp(line, "SigQ:\t", 6) == 0)
        status->queued = strtoul(line + 6, NULL, 10);
    if (strncmp(line, "SigBlk:\t", 8) == 0)
        status->blocked = strtoull(line + 8, NULL, 16);
}

static bool read_status(const char *thread, struct thread_status *status) {
    char path[64], line[64];
    struct lines file = {.place = 0};
    snprintf(path, sizeof path, "/proc/self/task/%s/status", thread);
    file.descriptor = (int)syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC);
    *status = (struct thread_status){.is_gone = false};
    if (file.descriptor < 0) {
        status->is_gone = errno == ENOENT;
        return status->is_gone;
    }
    while (next_line(&file, line, sizeof line))
        read_line(line, status);
    (void)syscall(SYS_close, file.descriptor);
    return true;
}

enum { BLOCKED = 1, NOT_BLOCKED = 0, UNKNOWN = -1 };

/* BLOCKED of one thread; a signal sent to the caller alone is nobody else's. */
static int thread_blocks(const char *name, uint64_t bit, bool *is_own) {
    struct thread_status status;
    if (!read_status(name, &status))
        return UNKNOWN;
    *is_own = atoi(name) == (int)syscall(SYS_gettid) && (status.pending & bit) != 0;
    return status.is_gone || (status.blocked & bit) != 0 ? BLOCKED : NOT_BLOCKED;
}

struct directory_entry { /* of getdents64(2) */
    uint64_t inode;
    int64_t offset;
    unsigned short length;
    unsigned char type;
    char name[];
};

static int all_block(int directory, uint64_t bit) {
    _Alignas(struct directory_entry) char entries[2048];
    int result = BLOCKED;
    long got;
    while ((got = syscall(SYS_getdents64, directory, entries, sizeof entries)) > 0) {
        for (long place = 0; place < got;) {
            const struct directory_entry *entry = (const void *)(entries + place);
            bool is_own = false;
            int one = entry->name[0] == '.' ? BLOCKED : thread_blocks(entry->name, bit, &is_own);
            if (is_own)
                return BLOCKED;
            result = one < result ? one : result;
            place += entry->length;
        }
    }
    return got < 0 ? UNKNOWN : result;
}

static bool is_one_thread(int directory) {
    struct stat status;
    return fstat(directory, &status) == 0 && status.st_nlink == 3;
}

int kq_is_blocked_everywhere(int number) {
    int directory = (int)syscall(SYS_openat, AT_FDCWD, "/proc/self/task", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (directory < 0)
        return UNKNOWN;
    int result = is_one_thread(directory) ? BLOCKED : all_block(directory, UINT64_C(1) << (number - 1));
    (void)syscall(SYS_close, directory);
    return result;
}

/* Without /proc: many threads, and a signal that is all theirs. */
void kq_look_at_thread(int number, struct kq_thread_signals *signals) {
    uint64_t bit = number > 0 ? UINT64_C(1) << (number - 1) : 0;
    struct thread_status status;
    char name[16];
    snprintf(name, sizeof name, "%d", (int)syscall(SYS_gettid));
    bool is_told = read_status(name, &status) && !status.is_gone;
    if (!is_told)
        status = (struct thread_status){.shared = bit};
    *signals = (struct kq_thread_signals){.threads = status.threads,
                                          .queued = status.queued,
                                          .is_own = (status.pending & bit) != 0,
                                          .is_shared = (status.shared & bit) != 0};
    if (is_told)
        signals->shared = (struct kq_signal_numbers){.low = status.shared << 1, .high = status.shared >> 63};
}

int kq_first_thread(void) {
    struct thread_status status;
    char name[16];
    int first = kq_process();
    snprintf(name, sizeof name, "%d", first);
    return read_status(name, &status) && !status.is_gone ? first : (int)syscall(SYS_gettid);
}

int kq_signalfd(int descriptor, struct kq_signal_numbers numbers) {
    sigset_t mask;
    sigemptyset(&mask);
    for (int number = 1; number < SIGNALS; number++)
        if ((number < 64 ? numbers.low >> number : numbers.high >> (number - 64)) & 1)
            sigaddset(&mask, number);
    int result = signalfd(descriptor, &mask, SFD_CLOEXEC | SFD_NONBLOCK);
    if (result < 0)
        return kq_unless_denied(-errno);
    return descriptor < 0 ? kq_adopt(result) : result;
}
#endif
