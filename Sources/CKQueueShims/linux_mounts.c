/*
 * Linux: what is mounted, as /proc/self/mountinfo tells it.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifdef __linux__
#define _GNU_SOURCE
#include "include/kqueue_shims_linux.h"

#include <string.h>
#include <sys/event.h>
#include <sys/syscall.h>
#include <unistd.h>

int kq_mounts_open(void) {
    int descriptor = (int)syscall(SYS_openat, AT_FDCWD, "/proc/self/mountinfo", O_RDONLY | O_CLOEXEC, 0);
    if (descriptor < 0)
        return errno == EMFILE || errno == ENFILE || errno == ENOMEM ? -errno : -EINVAL;
    return kq_adopt(descriptor);
}

void kq_mounts_free(struct kq_mounts *table) {
    if (table->mounts != NULL)
        kq_unmap(table->mounts, table->room * sizeof *table->mounts);
    *table = (struct kq_mounts){0};
}

static int append(struct kq_mounts *table, uint64_t mount) {
    if (table->count == table->room) {
        size_t room = table->room == 0 ? 512 : table->room * 2;
        uint64_t *mounts = kq_map(room * sizeof *mounts);
        if (mounts == NULL)
            return -ENOMEM;
        if (table->mounts != NULL) {
            memcpy(mounts, table->mounts, table->count * sizeof *mounts);
            kq_unmap(table->mounts, table->room * sizeof *mounts);
        }
        table->mounts = mounts;
        table->room = room;
    }
    table->mounts[table->count++] = mount;
    return 0;
}

/*
 * A line as it is read: a mount is known by the first fields (its number, its
 * parent's, the device, the root and where it is mounted), which a remount
 * leaves alone.
 */
struct line {
    uint64_t hash;
    int fields;
};

enum { FIELDS = 5 };

static const struct line fresh_line = {.hash = 0xcbf29ce484222325u};

/* FNV-1a. */
static int take(struct line *line, struct kq_mounts *table, char byte) {
    if (byte == '\n') {
        uint64_t mount = line->hash;
        *line = fresh_line;
        return append(table, mount);
    }
    if (line->fields < FIELDS)
        line->hash = (line->hash ^ (unsigned char)byte) * 0x100000001b3u;
    line->fields += byte == ' ';
    return 0;
}

static int read_all(struct kq_mounts *table, int descriptor) {
    char text[4096];
    struct line line = fresh_line;
    if (lseek(descriptor, 0, SEEK_SET) == -1)
        return -errno;
    for (ssize_t got; (got = syscall(SYS_read, descriptor, text, sizeof text)) != 0;) {
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return -errno;
        for (ssize_t i = 0; i < got; i++)
            if (take(&line, table, text[i]) != 0)
                return -ENOMEM;
    }
    return 0;
}

/* Not qsort(3), which may take memory of malloc(3). */
static void sort(uint64_t *mounts, size_t count) {
    for (size_t gap = count / 2; gap > 0; gap /= 2)
        for (size_t i = gap; i < count; i++) {
            uint64_t mount = mounts[i];
            size_t place = i;
            for (; place >= gap && mounts[place - gap] > mount; place -= gap)
                mounts[place] = mounts[place - gap];
            mounts[place] = mount;
        }
}

static int difference(const struct kq_mounts *before, const struct kq_mounts *now) {
    int bits = 0;
    size_t b = 0, n = 0;
    while (b < before->count || n < now->count) {
        bool gone = n == now->count || (b < before->count && before->mounts[b] < now->mounts[n]);
        bool fresh = b == before->count || (n < now->count && now->mounts[n] < before->mounts[b]);
        bits |= (gone ? VQ_UNMOUNT : 0) | (fresh ? VQ_MOUNT : 0);
        b += !fresh;
        n += !gone;
    }
    return bits;
}

int kq_mounts_read(struct kq_mounts *table, int descriptor) {
    struct kq_mounts now = {.known = true};
    int error = read_all(&now, descriptor);
    if (error != 0) {
        kq_mounts_free(&now);
        return error;
    }
    sort(now.mounts, now.count);
    int bits = table->known ? difference(table, &now) : 0;
    kq_mounts_free(table);
    *table = now;
    return bits;
}
#endif
