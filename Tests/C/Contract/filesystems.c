/*
 * FS: file systems that come and go (contract 6.11).
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "absent.h"
#include "files.h"
#include "life.h"

#include <sched.h>
#include <sys/mount.h>

/* A mount namespace of the case's own, and an empty folder in it. */
static void own_mounts(char path[static 32]) {
    /* In a chroot the root may be no mount that could be made private. */
    if (unshare(CLONE_NEWNS) == -1 || mount("", "/", "", MS_REC | MS_PRIVATE, NULL) == -1)
        contract_skip("no mounts of its own: %s", strerror(errno));
    strcpy(path, "/tmp/contract-XXXXXX");
    REQUIRE(mkdtemp(path) != NULL);
}

static void finish_mounts(const char *path) {
    while (umount2(path, MNT_DETACH) == 0)
        continue;
    REQUIRE_EQ(rmdir(path), 0);
}

static void mount_tmpfs(const char *path) {
    REQUIRE_EQ(mount("none", path, "tmpfs", 0, "size=64k"), 0);
}

static void add_fs(int kq, int flags, unsigned mask) {
    change(kq, 0, EVFILT_FS, EV_ADD | flags, mask, 0, NULL);
}

#define EXPECT_FS(kq, flags, fflags) \
    expect_event(__FILE__, __LINE__, next_event(kq), 0, EVFILT_FS, flags, fflags, 0)

static void mounts_and_unmounts(void) {
    need_proc("mounts are told there alone");
    posix_lacks("there is no EVFILT_FS");
    char path[32];
    own_mounts(path);
    int kq = new_kqueue();
    add_fs(kq, 0, VQ_MOUNT | VQ_UNMOUNT);
    require_silent(kq);
    for (int round = 0; round < 3; round++) {
        mount_tmpfs(path);
        EXPECT_FS(kq, EV_ADD | EV_CLEAR, VQ_MOUNT);
        require_silent(kq);
        REQUIRE_EQ(umount(path), 0);
        EXPECT_FS(kq, EV_ADD | EV_CLEAR, VQ_UNMOUNT);
        require_silent(kq);
    }
    mount_tmpfs(path);
    REQUIRE_EQ(umount(path), 0);
    mount_tmpfs(path);
    REQUIRE_EQ(next_event(kq).fflags & VQ_MOUNT, VQ_MOUNT);
    finish_mounts(path);
}

static void no_mask_is_every_change(void) {
    need_proc("mounts are told there alone");
    posix_lacks("there is no EVFILT_FS");
    char path[32];
    own_mounts(path);
    int kq = new_kqueue();
    add_fs(kq, 0, 0);
    mount_tmpfs(path);
    EXPECT_FS(kq, EV_ADD | EV_CLEAR, VQ_MOUNT);
    finish_mounts(path);
    EXPECT_FS(kq, EV_ADD | EV_CLEAR, VQ_UNMOUNT);
}

static void remount_is_silent(void) {
    need_proc("mounts are told there alone");
    posix_lacks("there is no EVFILT_FS");
    char path[32];
    own_mounts(path);
    int kq = new_kqueue();
    mount_tmpfs(path);
    add_fs(kq, 0, 0);
    REQUIRE_EQ(mount("none", path, "", MS_REMOUNT | MS_RDONLY, NULL), 0);
    require_silent(kq);
    finish_mounts(path);
}

static void wakes_and_polls(void) {
    need_proc("mounts are told there alone");
    posix_lacks("there is no EVFILT_FS");
    char path[32];
    struct waiter waiter;
    own_mounts(path);
    int kq = new_kqueue();
    add_fs(kq, 0, VQ_MOUNT);
    start_waiter(&waiter, kq, 1, PATIENCE);
    park_waiter(&waiter);
    mount_tmpfs(path);
    join_waiter(&waiter);
    REQUIRE_EQ(waiter.result, 1);
    REQUIRE_EQ(waiter.events[0].fflags, VQ_MOUNT);
    mount_tmpfs(path);
    await_poll(kq, POLLIN);
    EXPECT_FS(kq, EV_ADD | EV_CLEAR, VQ_MOUNT);
    finish_mounts(path);
}

static void kept_while_disabled(void) {
    need_proc("mounts are told there alone");
    posix_lacks("there is no EVFILT_FS");
    char path[32];
    own_mounts(path);
    int kq = new_kqueue();
    add_fs(kq, EV_DISPATCH, VQ_MOUNT);
    mount_tmpfs(path);
    EXPECT_FS(kq, EV_ADD | EV_CLEAR | EV_DISPATCH, VQ_MOUNT);
    mount_tmpfs(path);
    require_silent(kq);
    change(kq, 0, EVFILT_FS, EV_ENABLE, 0, 0, NULL);
    EXPECT_FS(kq, EV_ADD | EV_CLEAR | EV_DISPATCH, VQ_MOUNT);
    finish_mounts(path);
}

static void several_knotes_and_kqueues(void) {
    need_proc("mounts are told there alone");
    posix_lacks("there is no EVFILT_FS");
    char path[32];
    own_mounts(path);
    int before = open_descriptors(), one = new_kqueue(), other = new_kqueue();
    struct kevent events[300];
    for (uintptr_t ident = 0; ident < 300; ident++)
        change(one, ident, EVFILT_FS, EV_ADD, VQ_MOUNT, 0, NULL);
    add_fs(other, EV_ONESHOT, VQ_MOUNT);
    mount_tmpfs(path);
    REQUIRE_EQ(collect(one, events, 300, 1000), 300);
    EXPECT_FS(other, EV_ADD | EV_CLEAR | EV_ONESHOT, VQ_MOUNT);
    REQUIRE(!delete_knote(other, 0, EVFILT_FS));
    REQUIRE_EQ(close(one), 0);
    REQUIRE_EQ(close(other), 0);
    REQUIRE_EQ(open_descriptors(), before);
    finish_mounts(path);
}

static void only_what_is_asked_for(void) {
    need_proc("mounts are told there alone");
    posix_lacks("there is no EVFILT_FS");
    char path[32];
    own_mounts(path);
    int kq = new_kqueue();
    add_fs(kq, 0, VQ_UNMOUNT);
    mount_tmpfs(path);
    require_silent(kq);
    finish_mounts(path);
    EXPECT_FS(kq, EV_ADD | EV_CLEAR, VQ_UNMOUNT);
}

static void no_descriptor_for_the_child(void) {
    need_proc("mounts are told there alone");
    posix_lacks("there is no EVFILT_FS");
    int before = open_descriptors(), kq = new_kqueue();
    add_fs(kq, 0, 0);
    pid_t child = fork();
    if (child == 0) {
        if (closes_are_seen())
            REQUIRE_EQ(open_descriptors(), before);
        _exit(0);
    }
    finish_child(child);
    REQUIRE(delete_knote(kq, 0, EVFILT_FS));
    REQUIRE_EQ(change_errno(kq, 0, EVFILT_FS, EV_DELETE, 0, 0, NULL), ENOENT);
}

/* Linux takes no file away from who has it open, so there is nothing to revoke: NOTE_REVOKE is for systems that do. */
static void an_open_file_keeps_its_file_system(void) {
    char path[32], name[40];
    own_mounts(path);
    mount_tmpfs(path);
    snprintf(name, sizeof name, "%s/file", path);
    int fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0600), kq = watching(fd, CHANGES);
    REQUIRE_EQ(umount(path), -1);
    REQUIRE_EQ(errno, EBUSY);
    REQUIRE_EQ(umount2(path, MNT_DETACH), 0);
    require_silent(kq);
    put(fd, "x");
    EXPECT_NOTES(kq, fd, NOTE_WRITE | NOTE_EXTEND);
    REQUIRE_EQ(close(fd), 0); /* which is its end */
    require_silent(kq);
    finish_mounts(path);
}

const struct contract_case filesystem_cases[] = {
    {"C-337", "FS: VQ_MOUNT and VQ_UNMOUNT", mounts_and_unmounts, 0},
    {"C-337", "FS: no mask is every change", no_mask_is_every_change, 0},
    {"C-337", "FS: a remount is silent", remount_is_silent, 0},
    {"C-337", "FS wakes sleepers and pollers", wakes_and_polls, 0},
    {"C-337", "FS: what comes while disabled is kept", kept_while_disabled, 0},
    {"C-337", "FS on several knotes and kqueues", several_knotes_and_kqueues, 0},
    {"C-337", "FS leaves a forked child no descriptor", no_descriptor_for_the_child, 0},
    {"C-338", "FS: with mask VQ_UNMOUNT a mount is silent", only_what_is_asked_for, 0},
    {"C-337", "a watched file keeps its file system", an_open_file_keeps_its_file_system, 0},
    {NULL, NULL, NULL, 0},
};
