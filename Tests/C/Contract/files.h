/*
 * What the cases about files share.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef FILES_H
#define FILES_H

#include "io.h"

/* A further descriptor, with an offset of its own, of what this one refers to. */
static inline int open_again(int fd, int flags) {
    char path[64];
    snprintf(path, sizeof path, "%s/%d", seen_proc("self/fd"), fd);
    int again = open(path, flags | O_CLOEXEC);
    if (again < 0 && access(seen_proc("self/fd"), F_OK) != 0)
        contract_skip("no /proc to open a file by its descriptor");
    REQUIRE(again >= 0);
    return again;
}

/* A new directory in /tmp and a name in it. */
struct place {
    char directory[32], path[48];
};

static inline void new_place(struct place *place) {
    strcpy(place->directory, "/tmp/contract.XXXXXX");
    REQUIRE(mkdtemp(place->directory) != NULL);
    snprintf(place->path, sizeof place->path, "%s/name", place->directory);
}

static inline void remove_place(struct place *place) {
    unlink(place->path);
    REQUIRE(rmdir(place->directory) == 0);
}

/* A regular file of these bytes, at offset 0; without a name. */
static inline int new_file(const char *bytes) {
    struct place place;
    new_place(&place);
    int fd = open(place.path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    REQUIRE(fd >= 0);
    remove_place(&place);
    put(fd, bytes);
    REQUIRE(lseek(fd, 0, SEEK_SET) == 0);
    return fd;
}

/* Another process, which does something to the file some time from now. */
static inline pid_t elsewhere(void (*action)(int fd), int fd) {
    pid_t child = fork();
    REQUIRE(child >= 0);
    if (child == 0) {
        sleep_ms(50);
        action(open_again(fd, O_WRONLY | O_APPEND));
        _exit(0);
    }
    return child;
}

static inline void await_success(pid_t child) {
    int status;
    REQUIRE_EQ(waitpid(child, &status, 0), child);
    REQUIRE_EQ(status, 0);
}

/* A new file with a name. */
static inline int named_file(struct place *place) {
    new_place(place);
    int fd = open(place->path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    REQUIRE(fd >= 0);
    return fd;
}

/* A second name in the same place. */
static inline const char *name_beside(const struct place *place, char name[64], const char *last) {
    snprintf(name, 64, "%s/%s", place->directory, last);
    return name;
}

static inline void create_file(const char *path) {
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    REQUIRE(fd >= 0);
    REQUIRE(close(fd) == 0);
}

/* ---- EVFILT_VNODE ---- */

enum {
    CHANGES = NOTE_DELETE | NOTE_WRITE | NOTE_EXTEND | NOTE_ATTRIB | NOTE_LINK | NOTE_RENAME | NOTE_REVOKE |
                 NOTE_TRUNCATE,
};

static inline void add_vnode(int kq, int fd, int flags, unsigned notes) {
    change(kq, (uintptr_t)fd, EVFILT_VNODE, EV_ADD | flags, notes, 0, NULL);
}

/* A kqueue of its own with an EV_CLEAR knote on this descriptor. */
static inline int watching(int fd, unsigned notes) {
    int kq = new_kqueue();
    add_vnode(kq, fd, EV_CLEAR, notes);
    return kq;
}

/* Requires one event with exactly these notes, and then silence. */
#define EXPECT_NOTES(kq, fd, notes) expect_notes(__FILE__, __LINE__, kq, fd, notes)
static inline void expect_notes(const char *file, int line, int kq, int fd, unsigned notes) {
    struct kevent none;
    expect_event(file, line, next_event(kq), fd, EVFILT_VNODE, EV_ADD | EV_CLEAR, notes, 0);
    if (collect(kq, &none, 1, 0) != 0)
        contract_fail(file, line, "a second event, fflags 0x%x", none.fflags);
}

/* Requires that what was done by this process is told of by nothing: it would have been at once. */
#define REQUIRE_UNTOLD(kq) require_untold(__FILE__, __LINE__, kq)
static inline void require_untold(const char *file, int line, int kq) {
    struct kevent none;
    if (collect(kq, &none, 1, 10) != 0)
        contract_fail(file, line, "ident %ju is told 0x%x", (uintmax_t)none.ident, none.fflags);
}

#endif /* FILES_H */
