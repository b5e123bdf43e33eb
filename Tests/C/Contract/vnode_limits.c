/*
 * EVFILT_VNODE at the system's limits: C-247, F17, F20.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "files.h"
#include "life.h"

#include <dirent.h>
#include <sched.h>
#include <sys/inotify.h>

/* ---- The queue ---- */

static void queue_overflows(void) {
    struct place place;
    char other[64];
    int fd = named_file(&place), noise = open(place.directory, O_RDONLY | O_CLOEXEC), kq = new_kqueue();
    name_beside(&place, other, "other");
    add_vnode(kq, noise, EV_CLEAR, NOTE_WRITE);
    add_vnode(kq, fd, EV_CLEAR, CHANGES);
    for (int i = 0; i < 20000; i++) { /* names differ, so no two records are one */
        REQUIRE(link(place.path, other) == 0);
        REQUIRE(unlink(other) == 0);
    }
    /* Beyond what the queue holds: */
    put(fd, "text");
    REQUIRE(fchmod(fd, 0640) == 0);
    REQUIRE(link(place.path, other) == 0);
    unsigned told = 0;
    struct kevent event;
    while (collect(kq, &event, 1, 100) != 0)
        if (event.ident == (uintptr_t)fd)
            told |= event.fflags;
    REQUIRE_EQ(told & (NOTE_WRITE | NOTE_EXTEND | NOTE_ATTRIB | NOTE_LINK),
               NOTE_WRITE | NOTE_EXTEND | NOTE_ATTRIB | NOTE_LINK);
    REQUIRE_EQ(told & (NOTE_DELETE | NOTE_RENAME | NOTE_TRUNCATE), 0);
    REQUIRE(ftruncate(fd, 1) == 0); /* and it goes on */
    EXPECT_NOTES(kq, fd, NOTE_WRITE | NOTE_ATTRIB | NOTE_TRUNCATE);
    unlink(other);
    remove_place(&place);
}

static void deletion_beyond_the_queue(void) {
    struct place place, gone;
    char other[64];
    int fd = named_file(&gone), kq = new_kqueue(), noise;
    new_place(&place);
    noise = open(place.directory, O_RDONLY | O_CLOEXEC);
    add_vnode(kq, noise, EV_CLEAR, NOTE_WRITE);
    add_vnode(kq, fd, EV_CLEAR, CHANGES);
    for (int i = 0; i < 10000; i++) {
        create_file(place.path);
        REQUIRE(rename(place.path, name_beside(&place, other, "other")) == 0);
        REQUIRE(unlink(other) == 0);
    }
    remove_place(&gone);
    unsigned told = 0;
    struct kevent event;
    while (collect(kq, &event, 1, 100) != 0)
        if (event.ident == (uintptr_t)fd)
            told |= event.fflags;
    REQUIRE_EQ(told, NOTE_DELETE);
    remove_place(&place);
}

/* ---- Many ---- */

static int allow_descriptors(int count) {
    struct rlimit limit;
    REQUIRE(getrlimit(RLIMIT_NOFILE, &limit) == 0);
    limit.rlim_cur = limit.rlim_max;
    if (limit.rlim_cur < (rlim_t)count + 100 && geteuid() == 0)
        limit.rlim_cur = limit.rlim_max = (rlim_t)count + 100;
    setrlimit(RLIMIT_NOFILE, &limit);
    getrlimit(RLIMIT_NOFILE, &limit);
    return limit.rlim_cur < (rlim_t)count + 100 ? (int)limit.rlim_cur - 100 : count;
}

/* As many as the system allows; what it refuses is ENOMEM. */
static void twenty_thousand_files(void) {
    need_inotify();
    static int fds[20000];
    static struct kevent events[512];
    struct place place;
    char name[64];
    int kq = new_kqueue(), most = allow_descriptors(20000), count = 0;
    if (most <= 1000)
        contract_skip("too few descriptors allowed");
    new_place(&place);
    for (int i = 0; i < most; i++) {
        snprintf(name, sizeof name, "%s/%d", place.directory, i);
        fds[i] = open(name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        REQUIRE(fds[i] >= 0 && unlink(name) == 0);
        int code = change_errno(kq, (uintptr_t)fds[i], EVFILT_VNODE, EV_ADD | EV_CLEAR, NOTE_WRITE, 0, NULL);
        if (code != 0) {
            REQUIRE_EQ(code, ENOMEM);
            break;
        }
        count++;
    }
    REQUIRE(count > 1000);
    for (int i = 0; i < count; i++)
        put(fds[i], "x");
    for (int got = 0, more; got < count; got += more) {
        more = collect(kq, events, 512, PATIENCE);
        REQUIRE(more > 0);
        for (int i = 0; i < more; i++)
            REQUIRE_EQ(events[i].fflags, NOTE_WRITE | NOTE_EXTEND);
    }
    require_silent(kq);
    for (int i = 0; i < count; i++) {
        if (i % 2)
            close(fds[i]);
        else
            REQUIRE(delete_knote(kq, (uintptr_t)fds[i], EVFILT_VNODE));
    }
    require_silent(kq);
    remove_place(&place);
}

static void one_descriptor_for_all(void) {
    need_descriptors(400);
    int kq = new_kqueue(), fd = new_file("0123456789");
    add_vnode(kq, fd, EV_CLEAR, CHANGES);
    int before = open_descriptors();
    for (int i = 0; i < 200; i++)
        add_vnode(kq, new_file("0123456789"), EV_CLEAR, CHANGES);
    REQUIRE_EQ(open_descriptors(), before + 200);
}

/* ---- Leaks ---- */

static int inotify_descriptors(void) {
    libkqueue_drain_pending_close();
    DIR *directory = opendir(seen_proc("self/fd"));
    int count = 0;
    REQUIRE(directory != NULL);
    for (struct dirent *entry; (entry = readdir(directory)) != NULL;) {
        char target[64] = "";
        if (readlinkat(dirfd(directory), entry->d_name, target, sizeof target - 1) > 0)
            count += strcmp(target, "anon_inode:inotify") == 0;
    }
    closedir(directory);
    return count;
}

static void nothing_is_leaked(void) {
    posix_lacks("there is no inotify, and no descriptor that could be short");
    int before = open_descriptors();
    for (int i = 0; i < 300; i++) { /* the system allows 128 instances */
        int kq = new_kqueue(), fd = new_file("0123456789"), pair[2];
        add_vnode(kq, fd, EV_CLEAR, CHANGES);
        REQUIRE_EQ(inotify_descriptors(), 1);
        new_pipe(pair);
        REQUIRE_EQ(change_errno(kq, (uintptr_t)pair[0], EVFILT_VNODE, EV_ADD, CHANGES, 0, NULL), EINVAL);
        close(pair[0]);
        close(pair[1]);
        if (i % 2)
            close(fd);
        REQUIRE_EQ(close(kq), 0);
        if (i % 2 == 0)
            close(fd);
        REQUIRE_EQ(inotify_descriptors(), 0);
    }
    REQUIRE_EQ(open_descriptors(), before);
}

/* What is refused leaves no watch behind: the kernel lists them. */
static int watches(int kq) {
    (void)kq;
    DIR *directory = opendir(seen_proc("self/fdinfo"));
    int count = 0;
    REQUIRE(directory != NULL);
    for (struct dirent *entry; (entry = readdir(directory)) != NULL;) {
        char line[512];
        int fd = openat(dirfd(directory), entry->d_name, O_RDONLY | O_CLOEXEC);
        FILE *stream = fd < 0 ? NULL : fdopen(fd, "r");
        while (stream != NULL && fgets(line, sizeof line, stream) != NULL)
            count += strncmp(line, "inotify wd:", 11) == 0;
        if (stream != NULL)
            fclose(stream);
    }
    closedir(directory);
    return count;
}

static void watches_go_with_their_knotes(void) {
    posix_lacks("there is no inotify, and no descriptor that could be short");
    struct place place;
    int kq = new_kqueue(), fd = named_file(&place), copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    int directory = open(place.directory, O_RDONLY | O_CLOEXEC);
    add_vnode(kq, fd, EV_CLEAR, CHANGES);
    add_vnode(kq, copy, EV_CLEAR, CHANGES);
    REQUIRE_EQ(watches(kq), 1);
    add_vnode(kq, directory, EV_CLEAR, NOTE_WRITE);
    REQUIRE_EQ(watches(kq), 2);
    add_vnode(kq, directory, EV_CLEAR, NOTE_WRITE | NOTE_DELETE); /* which its parent tells */
    REQUIRE(watches(kq) <= 3);
    REQUIRE(delete_knote(kq, (uintptr_t)directory, EVFILT_VNODE));
    REQUIRE_EQ(watches(kq), 1);
    REQUIRE(delete_knote(kq, (uintptr_t)copy, EVFILT_VNODE));
    REQUIRE_EQ(watches(kq), 1);
    close(fd);
    REQUIRE(!delete_knote(kq, (uintptr_t)copy, EVFILT_VNODE)); /* any call sees to what was closed */
    if (!closes_are_seen()) /* but it has nothing to say that this was */
        REQUIRE_NO_KNOTE(kq, fd, EVFILT_VNODE, EBADF);
    REQUIRE_EQ(watches(kq), 0);
    remove_place(&place);
}

/* ---- The system's limits ---- */

/* The limits of a user namespace of the case's own, so that nobody else notices. */
static void own_limits(void) {
    if (unshare(CLONE_NEWUSER) == -1)
        contract_skip("no user namespace: %s", strerror(errno));
}

static void set_limit(const char *name, const char *value) {
    char path[64];
    snprintf(path, sizeof path, "%s/%s", seen_proc("sys/user"), name);
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        contract_skip("%s cannot be set: %s", path, strerror(errno));
    if (write(fd, value, strlen(value)) == -1)
        contract_skip("%s cannot be set: %s", path, strerror(errno));
    close(fd);
}

static void no_watch_left(void) {
    posix_lacks("there is no inotify, and no descriptor that could be short");
    own_limits();
    int kq = new_kqueue(), fd = new_file("0123456789"), other = new_file("0123456789"), code, again;
    add_vnode(kq, fd, EV_CLEAR, NOTE_WRITE);
    set_limit("max_inotify_watches", "1");
    code = change_errno(kq, (uintptr_t)other, EVFILT_VNODE, EV_ADD, NOTE_WRITE, 0, NULL);
    again = change_errno(kq, (uintptr_t)other, EVFILT_VNODE, EV_DELETE, 0, 0, NULL);
    set_limit("max_inotify_watches", "100");
    REQUIRE_EQ(code, ENOMEM);
    REQUIRE_EQ(again, ENOENT);
    REQUIRE_EQ(pwrite(fd, "x", 1, 0), 1); /* nothing is lost */
    EXPECT_NOTES(kq, fd, NOTE_WRITE);
    add_vnode(kq, other, EV_CLEAR, NOTE_WRITE);
    REQUIRE_EQ(pwrite(other, "x", 1, 0), 1);
    EXPECT_NOTES(kq, other, NOTE_WRITE);
}

static void no_instance_left(void) {
    need_inotify();
    posix_lacks("there is no inotify, and no descriptor that could be short");
    own_limits();
    int kq = new_kqueue(), fd = new_file("0123456789"), before = open_descriptors(), code;
    set_limit("max_inotify_instances", "0");
    code = change_errno(kq, (uintptr_t)fd, EVFILT_VNODE, EV_ADD, NOTE_WRITE, 0, NULL);
    set_limit("max_inotify_instances", "100");
    REQUIRE_EQ(code, EMFILE);
    int now = open_descriptors();
    REQUIRE(now <= before + 1); /* what wakes the kqueue may be there by now */
    add_vnode(kq, fd, EV_CLEAR, NOTE_WRITE);
    REQUIRE_EQ(pwrite(fd, "x", 1, 0), 1);
    EXPECT_NOTES(kq, fd, NOTE_WRITE);
}

static void no_descriptor_left(void) {
    need_inotify();
    posix_lacks("there is no inotify, and no descriptor that could be short");
    int kq = new_kqueue(), fd = new_file("0123456789");
    struct rlimit limit;
    add_triggered(kq, 1, EV_ONESHOT); /* what wakes it is there */
    next_event(kq);
    REQUIRE(getrlimit(RLIMIT_NOFILE, &limit) == 0);
    rlim_t before = limit.rlim_cur;
    limit.rlim_cur = 3;
    REQUIRE(setrlimit(RLIMIT_NOFILE, &limit) == 0);
    int code = change_errno(kq, (uintptr_t)fd, EVFILT_VNODE, EV_ADD, NOTE_WRITE, 0, NULL);
    limit.rlim_cur = before;
    REQUIRE(setrlimit(RLIMIT_NOFILE, &limit) == 0);
    REQUIRE_EQ(code, EMFILE);
    add_vnode(kq, fd, EV_CLEAR, NOTE_WRITE);
    REQUIRE_EQ(pwrite(fd, "x", 1, 0), 1);
    EXPECT_NOTES(kq, fd, NOTE_WRITE);
}

static void without_proc(void) {
    posix_lacks("there is no inotify, and no descriptor that could be short");
    struct place place;
    int kq = new_kqueue(), fd = named_file(&place);
    remove_place(&place);
    new_place(&place);
    if (chroot(place.directory) == -1)
        contract_skip("no chroot: %s", strerror(errno));
    REQUIRE_EQ(change_errno(kq, (uintptr_t)fd, EVFILT_VNODE, EV_ADD, NOTE_WRITE, 0, NULL), ENOTSUP);
    REQUIRE_EQ(change_errno(kq, (uintptr_t)fd, EVFILT_VNODE, EV_DELETE, 0, 0, NULL), ENOENT);
    add_triggered(kq, 1, EV_CLEAR);
    REQUIRE_EQ(next_event(kq).ident, 1);
}

static void unprivileged(void) {
    struct place place;
    if (geteuid() != 0)
        contract_skip("unprivileged anyway");
    new_place(&place);
    REQUIRE(mkdir(place.path, 0700) == 0);
    if (chown(place.path, 12345, 12345) == -1 && errno == EINVAL)
        contract_skip("root can become no other user in this namespace of users");
    REQUIRE(chown(place.path, 12345, 12345) == 0);
    REQUIRE(chmod(place.directory, 0711) == 0); /* the parent may not be read */
    REQUIRE(setresgid(12345, 12345, 12345) == 0 && setresuid(12345, 12345, 12345) == 0);
    int fd = open(place.path, O_RDONLY | O_CLOEXEC), kq = watching(fd, CHANGES & ~NOTE_EXTEND);
    char name[64];
    snprintf(name, sizeof name, "%s/file", place.path);
    create_file(name);
    EXPECT_NOTES(kq, fd, NOTE_WRITE);
    REQUIRE(unlink(name) == 0);
    EXPECT_NOTES(kq, fd, NOTE_WRITE);
}

const struct contract_case vnode_limit_cases[] = {
    {"C-247", "more than the queue of inotify holds", queue_overflows, 60},
    {"C-247", "a deletion beyond the queue", deletion_beyond_the_queue, 60},
    {"F17", "without /proc: ENOTSUP", without_proc, 0},
    {"F17", "no inotify descriptor is leaked", nothing_is_leaked, 30},
    {"F17", "no watch is leaked", watches_go_with_their_knotes, 0},
    {"F17", "a directory in one that may not be read", unprivileged, 0},
    {"F20", "20,000 files", twenty_thousand_files, 120},
    {"F20", "one descriptor serves all files", one_descriptor_for_all, 0},
    {"F20", "no watch left: ENOMEM", no_watch_left, 0},
    {"F20", "no inotify instance left: EMFILE", no_instance_left, 0},
    {"F20", "no descriptor left: EMFILE", no_descriptor_left, 0},
    {NULL, NULL, NULL, 0},
};
