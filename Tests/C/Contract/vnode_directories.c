/*
 * EVFILT_VNODE on a directory: C-228 to C-233.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "files.h"

#include <sched.h>
#include <sys/mount.h>
#include <sys/un.h>

/* A directory that is watched, with names in it and beside it. */
struct tree {
    struct place place; /* place.directory holds all */
    char inside[64], other[64], outside[64];
    int fd;
};

static void set_up(struct tree *tree) {
    new_place(&tree->place);
    REQUIRE(mkdir(tree->place.path, 0700) == 0);
    snprintf(tree->inside, sizeof tree->inside, "%s/inside", tree->place.path);
    snprintf(tree->other, sizeof tree->other, "%s/other", tree->place.path);
    name_beside(&tree->place, tree->outside, "outside");
    tree->fd = open(tree->place.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    REQUIRE(tree->fd >= 0);
}

static void remove_any(const char *path) {
    if (unlink(path) == -1)
        rmdir(path);
}

static void tear_down(struct tree *tree) {
    close(tree->fd);
    remove_any(tree->inside);
    remove_any(tree->other);
    remove_any(tree->outside);
    remove_any(tree->place.path);
    REQUIRE(rmdir(tree->place.directory) == 0);
}

/* ---- What is there before, and what is done ---- */

static void nothing(struct tree *t) { (void)t; }
static void file_inside(struct tree *t) { create_file(t->inside); }
static void files_inside(struct tree *t) {
    create_file(t->inside);
    create_file(t->other);
}
static void directory_inside(struct tree *t) { REQUIRE(mkdir(t->inside, 0700) == 0); }
static void directories_inside(struct tree *t) {
    REQUIRE(mkdir(t->inside, 0700) == 0);
    REQUIRE(mkdir(t->other, 0700) == 0);
}
static void file_outside(struct tree *t) { create_file(t->outside); }
static void directory_outside(struct tree *t) { REQUIRE(mkdir(t->outside, 0700) == 0); }

static void symlink_inside(struct tree *t) { REQUIRE(symlink("x", t->inside) == 0); }
static void fifo_inside(struct tree *t) { REQUIRE(mkfifo(t->inside, 0600) == 0); }
static void link_inside(struct tree *t) { REQUIRE(link(t->outside, t->inside) == 0); }
static void unlink_inside(struct tree *t) { REQUIRE(unlink(t->inside) == 0); }
static void rmdir_inside(struct tree *t) { REQUIRE(rmdir(t->inside) == 0); }
static void rename_inside(struct tree *t) { REQUIRE(rename(t->inside, t->other) == 0); }
static void move_out(struct tree *t) { REQUIRE(rename(t->inside, t->outside) == 0); }
static void move_in(struct tree *t) { REQUIRE(rename(t->outside, t->inside) == 0); }
static void change_mode(struct tree *t) { REQUIRE(fchmod(t->fd, 0750) == 0); }
static void touch(struct tree *t) { REQUIRE(futimens(t->fd, NULL) == 0); }
static void rename_it(struct tree *t) { REQUIRE(rename(t->place.path, t->outside) == 0); }
static void remove_it(struct tree *t) { REQUIRE(rmdir(t->place.path) == 0); }
static void replace_it(struct tree *t) {
    REQUIRE(mkdir(t->outside, 0700) == 0);
    REQUIRE(rename(t->outside, t->place.path) == 0);
}

static void socket_inside(struct tree *t) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    strcpy(address.sun_path, t->inside);
    REQUIRE(bind(fd, (struct sockaddr *)&address, sizeof address) == 0);
    close(fd);
}

/* Everything that can be done to a child but to come and go. */
static void use_child(struct tree *t) {
    char byte;
    int fd = open(t->inside, O_RDWR | O_CLOEXEC);
    put(fd, "text");
    REQUIRE_EQ(pread(fd, &byte, 1, 0), 1);
    REQUIRE(ftruncate(fd, 1) == 0);
    REQUIRE(fchmod(fd, 0640) == 0);
    REQUIRE(futimens(fd, NULL) == 0);
    close(fd);
}

static void require_told(void (*before)(struct tree *), void (*operation)(struct tree *), unsigned mask,
                         unsigned notes) {
    struct tree tree;
    set_up(&tree);
    before(&tree);
    int kq = watching(tree.fd, mask);
    REQUIRE_UNTOLD(kq);
    operation(&tree);
    if (notes == 0)
        REQUIRE_UNTOLD(kq);
    else
        EXPECT_NOTES(kq, tree.fd, notes);
    close(kq);
    tear_down(&tree);
}

/* Of all changes but EXTEND, which depends on the file system, and of each alone. */
static void require_notes(void (*before)(struct tree *), void (*operation)(struct tree *), unsigned notes) {
    require_told(before, operation, CHANGES & ~NOTE_EXTEND, notes);
    for (unsigned note = 1; note <= CHANGES; note <<= 1)
        if (note != NOTE_EXTEND)
            require_told(before, operation, note, notes & note);
}

/* ---- Cases ---- */

static void file_comes(void) { require_notes(nothing, file_inside, NOTE_WRITE); }
static void symlink_comes(void) { require_notes(nothing, symlink_inside, NOTE_WRITE); }
static void fifo_comes(void) { require_notes(nothing, fifo_inside, NOTE_WRITE); }
static void socket_comes(void) { require_notes(nothing, socket_inside, NOTE_WRITE); }
static void link_comes(void) { require_notes(file_outside, link_inside, NOTE_WRITE); }
static void file_goes(void) { require_notes(file_inside, unlink_inside, NOTE_WRITE); }
static void directory_comes(void) { require_notes(nothing, directory_inside, NOTE_WRITE | NOTE_LINK); }
static void directory_goes(void) { require_notes(directory_inside, rmdir_inside, NOTE_WRITE | NOTE_LINK); }
static void file_renamed(void) { require_notes(file_inside, rename_inside, NOTE_WRITE); }
static void file_renamed_over(void) { require_notes(files_inside, rename_inside, NOTE_WRITE); }
static void directory_renamed(void) { require_notes(directory_inside, rename_inside, NOTE_WRITE); }
static void file_moved_out(void) { require_notes(file_inside, move_out, NOTE_WRITE); }
static void file_moved_in(void) { require_notes(file_outside, move_in, NOTE_WRITE); }
static void directory_moved_out(void) { require_notes(directory_inside, move_out, NOTE_WRITE | NOTE_LINK); }
static void directory_moved_in(void) { require_notes(directory_outside, move_in, NOTE_WRITE | NOTE_LINK); }
static void child_used(void) { require_notes(file_inside, use_child, 0); }
static void mode(void) { require_notes(nothing, change_mode, NOTE_ATTRIB); }
static void times(void) {
    posix_lacks("a time that was set looks like a write");
    require_notes(nothing, touch, NOTE_ATTRIB);
}
static void renamed(void) {
    posix_lacks("fstat(2) does not tell a rename");
    require_notes(nothing, rename_it, NOTE_RENAME);
}
static void removed(void) { require_notes(nothing, remove_it, NOTE_DELETE); }
static void replaced(void) { require_notes(nothing, replace_it, NOTE_DELETE); }

static void directory_renamed_over(void) {
    require_told(directories_inside, rename_inside, NOTE_WRITE, NOTE_WRITE);
}

static void child_used_under_every_note(void) {
    require_told(file_inside, use_child, CHANGES | NOTE_OPEN | NOTE_READ | NOTE_CLOSE | NOTE_CLOSE_WRITE, 0);
}

/* Growth is told where it is asked for, and only there. */
static void growth_is_asked_for(void) {
    struct tree tree;
    struct stat before, after;
    set_up(&tree);
    int kq = watching(tree.fd, NOTE_WRITE), growth = watching(tree.fd, NOTE_WRITE | NOTE_EXTEND);
    REQUIRE(fstat(tree.fd, &before) == 0);
    create_file(tree.inside);
    REQUIRE(fstat(tree.fd, &after) == 0);
    EXPECT_NOTES(kq, tree.fd, NOTE_WRITE);
    EXPECT_NOTES(growth, tree.fd, NOTE_WRITE | (after.st_size > before.st_size ? NOTE_EXTEND : 0));
    tear_down(&tree);
}

static void moved_between_two(void) {
    struct tree from, to;
    char name[64];
    struct kevent events[4];
    set_up(&from);
    set_up(&to);
    create_file(from.inside);
    int kq = new_kqueue();
    add_vnode(kq, from.fd, EV_CLEAR, NOTE_WRITE | NOTE_LINK);
    add_vnode(kq, to.fd, EV_CLEAR, NOTE_WRITE | NOTE_LINK);
    snprintf(name, sizeof name, "%s", to.inside);
    REQUIRE(rename(from.inside, name) == 0);
    REQUIRE_EQ(collect(kq, events, 4, PATIENCE), 2);
    REQUIRE(events[0].fflags == NOTE_WRITE && events[1].fflags == NOTE_WRITE);
    REQUIRE(events[0].ident != events[1].ident);
    tear_down(&from);
    tear_down(&to);
}

static void removed_after_a_rename(void) {
    struct tree tree;
    char deeper[64], name[80];
    set_up(&tree);
    REQUIRE(mkdir(name_beside(&tree.place, deeper, "deeper"), 0700) == 0);
    snprintf(name, sizeof name, "%s/name", deeper);
    int kq = watching(tree.fd, NOTE_DELETE);
    REQUIRE(rename(tree.place.path, name) == 0);
    require_silent(kq);
    REQUIRE(mkdir(tree.place.path, 0700) == 0);
    REQUIRE(rmdir(tree.place.path) == 0); /* another of its former name */
    require_silent(kq);
    REQUIRE(rmdir(name) == 0);
    EXPECT_NOTES(kq, tree.fd, NOTE_DELETE);
    REQUIRE(rmdir(deeper) == 0);
    tear_down(&tree);
}

static void removal_wakes_a_waiter(void) {
    struct tree tree;
    struct waiter waiter;
    set_up(&tree);
    int kq = watching(tree.fd, NOTE_DELETE);
    start_waiter(&waiter, kq, 1, PATIENCE);
    park_waiter(&waiter);
    REQUIRE(rmdir(tree.place.path) == 0);
    join_waiter(&waiter);
    REQUIRE_EQ(waiter.result, 1);
    REQUIRE_EQ(waiter.events[0].fflags, NOTE_DELETE);
    tear_down(&tree);
}

/* A directory, the one that it is in, and one beside it, in one kqueue and with all orders of leaving. */
static void parent_and_child_are_watched(void) {
    for (int order = 0; order < 3; order++) {
        struct tree tree;
        struct kevent events[4];
        set_up(&tree);
        directories_inside(&tree);
        int kq = new_kqueue(), child = open(tree.inside, O_RDONLY | O_CLOEXEC),
            sister = open(tree.other, O_RDONLY | O_CLOEXEC);
        REQUIRE(child >= 0 && sister >= 0);
        add_vnode(kq, order == 1 ? tree.fd : child, EV_CLEAR, NOTE_DELETE | NOTE_WRITE);
        add_vnode(kq, order == 1 ? child : tree.fd, EV_CLEAR, NOTE_DELETE | NOTE_WRITE);
        add_vnode(kq, sister, EV_CLEAR, NOTE_DELETE);
        REQUIRE(rmdir(tree.inside) == 0);
        REQUIRE_EQ(collect(kq, events, 4, PATIENCE), 2);
        for (int i = 0; i < 2; i++)
            REQUIRE_EQ(events[i].fflags, events[i].ident == (uintptr_t)child ? NOTE_DELETE : NOTE_WRITE);
        if (order == 2)
            REQUIRE(delete_knote(kq, (uintptr_t)tree.fd, EVFILT_VNODE));
        close(child);
        REQUIRE(rmdir(tree.other) == 0);
        REQUIRE_EQ(collect(kq, events, 4, PATIENCE), order == 2 ? 1 : 2);
        require_silent(kq);
        close(sister);
        close(kq);
        tear_down(&tree);
    }
}

static void root_is_its_own_parent(void) {
    int fd = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC), kq = watching(fd, NOTE_DELETE);
    require_silent(kq);
    REQUIRE(delete_knote(kq, (uintptr_t)fd, EVFILT_VNODE));
}

static void many_directories_go(void) {
    need_descriptors(700);
    enum { COUNT = 500 };
    static struct kevent events[COUNT];
    struct place place;
    char name[64];
    int kq = new_kqueue(), got = 0;
    new_place(&place);
    for (int i = 0; i < COUNT; i++) {
        snprintf(name, sizeof name, "%s/%d", place.directory, i);
        REQUIRE(mkdir(name, 0700) == 0);
        int fd = open(name, O_RDONLY | O_CLOEXEC);
        REQUIRE(fd >= 0);
        add_vnode(kq, fd, EV_CLEAR, NOTE_DELETE);
    }
    for (int i = 0; i < COUNT; i++) {
        snprintf(name, sizeof name, "%s/%d", place.directory, i);
        REQUIRE(rmdir(name) == 0);
    }
    while (got < COUNT) {
        int more = collect(kq, events, 7, PATIENCE);
        REQUIRE(more > 0);
        for (int i = 0; i < more; i++)
            REQUIRE_EQ(events[i].fflags, NOTE_DELETE);
        got += more;
    }
    require_silent(kq);
    remove_place(&place);
}

/* More than the queue of inotify holds. */
static void twenty_thousand_children(void) {
    struct tree tree;
    set_up(&tree);
    int kq = watching(tree.fd, NOTE_WRITE | NOTE_LINK);
    for (int i = 0; i < 20000; i++) {
        char name[80];
        snprintf(name, sizeof name, "%s/%d", tree.place.path, i);
        create_file(name);
        unlink(name);
    }
    REQUIRE(mkdir(tree.inside, 0700) == 0);
    struct kevent event = next_event(kq);
    REQUIRE(event.fflags & NOTE_WRITE);
    while (collect(kq, &event, 1, 100) != 0)
        continue;
    REQUIRE(rmdir(tree.inside) == 0);
    EXPECT_NOTES(kq, tree.fd, NOTE_WRITE | NOTE_LINK);
    tear_down(&tree);
}

/* Mounts an overlay over two directories, in a mount namespace of the case's own. */
static void mount_overlay(const struct tree *tree) {
    char options[256];
    REQUIRE(mkdir(tree->inside, 0700) == 0 && mkdir(tree->other, 0700) == 0 && mkdir(tree->outside, 0700) == 0);
    if (unshare(CLONE_NEWNS) == -1 || mount("", "/", "", MS_PRIVATE | MS_REC, NULL) == -1)
        contract_skip("no mount namespace: %s", strerror(errno));
    snprintf(options, sizeof options, "lowerdir=%s,upperdir=%s,workdir=%s", tree->outside, tree->inside, tree->other);
    if (mount("overlay", tree->outside, "overlay", 0, options) == -1)
        contract_skip("no overlay: %s", strerror(errno));
}

static void on_overlay(void) {
    struct tree tree;
    char name[80], directory[80];
    set_up(&tree);
    mount_overlay(&tree);
    snprintf(directory, sizeof directory, "%s/directory", tree.outside);
    snprintf(name, sizeof name, "%s/name", directory);
    REQUIRE(mkdir(directory, 0700) == 0);
    int fd = open(directory, O_RDONLY | O_CLOEXEC), kq = watching(fd, CHANGES & ~NOTE_EXTEND);
    REQUIRE(mkdir(name, 0700) == 0);
    EXPECT_NOTES(kq, fd, NOTE_WRITE | NOTE_LINK);
    REQUIRE(rmdir(name) == 0);
    EXPECT_NOTES(kq, fd, NOTE_WRITE | NOTE_LINK);
    int file = open(name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600), other = watching(file, CHANGES);
    EXPECT_NOTES(kq, fd, NOTE_WRITE);
    put(file, "text");
    EXPECT_NOTES(other, file, NOTE_WRITE | NOTE_EXTEND);
    REQUIRE(unlink(name) == 0);
    EXPECT_NOTES(other, file, NOTE_DELETE);
    EXPECT_NOTES(kq, fd, NOTE_WRITE);
    REQUIRE(rmdir(directory) == 0);
    EXPECT_NOTES(kq, fd, NOTE_DELETE);
    close(file);
    close(fd);
    REQUIRE(umount2(tree.outside, MNT_DETACH) == 0);
}

const struct contract_case vnode_directory_cases[] = {
    {"C-228", "a file comes", file_comes, 0},
    {"C-228", "a symbolic link comes", symlink_comes, 0},
    {"C-228", "a FIFO comes", fifo_comes, 0},
    {"C-228", "a socket comes", socket_comes, 0},
    {"C-228", "a link comes", link_comes, 0},
    {"C-228", "a file goes", file_goes, 0},
    {"C-228", "growth is told where it is asked for", growth_is_asked_for, 0},
    {"C-228", "on an overlay", on_overlay, 0},
    {"C-229", "mkdir: WRITE|LINK", directory_comes, 0},
    {"C-230", "rmdir: WRITE|LINK", directory_goes, 0},
    {"C-231", "a file renamed inside: WRITE, once", file_renamed, 0},
    {"C-231", "a file renamed over another", file_renamed_over, 0},
    {"C-231", "a directory renamed inside", directory_renamed, 0},
    {"C-231", "a directory renamed over another", directory_renamed_over, 0},
    {"C-231", "a file moved out", file_moved_out, 0},
    {"C-231", "a file moved in", file_moved_in, 0},
    {"C-231", "a directory moved out", directory_moved_out, 0},
    {"C-231", "a directory moved in", directory_moved_in, 0},
    {"C-231", "moved between two that are watched", moved_between_two, 0},
    {"C-232", "what happens to a child is silent", child_used, 0},
    {"C-232", "also under every note", child_used_under_every_note, 0},
    {"C-232", "the directory's own attributes: ATTRIB", mode, 0},
    {"C-232", "the directory's own times: ATTRIB", times, 0},
    {"C-232", "the directory renamed: RENAME", renamed, 0},
    {"C-233", "rmdir of the directory: DELETE", removed, 0},
    {"C-233", "replaced by another: DELETE", replaced, 0},
    {"C-233", "removed after it was moved elsewhere", removed_after_a_rename, 0},
    {"C-233", "a removal wakes a waiter", removal_wakes_a_waiter, 0},
    {"C-233", "parent and child are watched", parent_and_child_are_watched, 0},
    {"C-233", "the root is its own parent", root_is_its_own_parent, 0},
    {"C-233", "500 directories go", many_directories_go, 30},
    {"C-247", "20,000 children come and go", twenty_thousand_children, 60},
    {NULL, NULL, NULL, 0},
};
