/*
 * EVFILT_VNODE on a file: which operation gives which notes.  C-211 to C-227,
 * C-242 to C-246.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "files.h"

#include <dlfcn.h>
#include <stdarg.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/xattr.h>

/* A file "0123456789" with a name, and a second name for it to be used. */
struct subject {
    struct place place;
    char other[64];
    int fd;
};

static void set_up(struct subject *subject) {
    subject->fd = named_file(&subject->place);
    name_beside(&subject->place, subject->other, "other");
    put(subject->fd, "0123456789");
    REQUIRE(lseek(subject->fd, 0, SEEK_SET) == 0);
}

static void tear_down(struct subject *subject) {
    close(subject->fd);
    unlink(subject->other);
    remove_place(&subject->place);
}

/* ---- Operations ---- */

static void append(struct subject *s) {
    REQUIRE(lseek(s->fd, 0, SEEK_END) >= 0);
    put(s->fd, "abc");
}

static void overwrite(struct subject *s) { REQUIRE_EQ(pwrite(s->fd, "abc", 3, 2), 3); }
static void cut(struct subject *s) { REQUIRE(ftruncate(s->fd, 4) == 0); }
static void cut_by_name(struct subject *s) { REQUIRE(truncate(s->place.path, 4) == 0); }
static void stretch(struct subject *s) { REQUIRE(ftruncate(s->fd, 20) == 0); }
static void stretch_far(struct subject *s) { REQUIRE(ftruncate(s->fd, 1000000) == 0); }
static void change_mode(struct subject *s) { REQUIRE(fchmod(s->fd, 0640) == 0); }
static void change_owner(struct subject *s) { REQUIRE(fchown(s->fd, getuid(), getgid()) == 0); }
static void touch(struct subject *s) { REQUIRE(futimens(s->fd, NULL) == 0); }

static void open_and_cut(struct subject *s) {
    int fd = open(s->place.path, O_WRONLY | O_TRUNC | O_CLOEXEC);
    REQUIRE(fd >= 0);
    close(fd);
}

static void set_times(struct subject *s) {
    struct timespec times[2] = {{.tv_sec = 1000000}, {.tv_sec = 2000000}};
    REQUIRE(futimens(s->fd, times) == 0);
}

static void set_mtime(struct subject *s) {
    struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, {.tv_sec = 2000000}};
    REQUIRE(futimens(s->fd, times) == 0);
}

static void set_atime(struct subject *s) {
    struct timespec times[2] = {{.tv_sec = 1000000}, {.tv_nsec = UTIME_OMIT}};
    REQUIRE(futimens(s->fd, times) == 0);
}

static void set_attribute(struct subject *s) {
    if (fsetxattr(s->fd, "user.contract", "x", 1, 0) == -1)
        contract_skip("no extended attributes in /tmp: %s", strerror(errno));
}

static void rename_it(struct subject *s) { REQUIRE(rename(s->place.path, s->other) == 0); }
static void link_it(struct subject *s) { REQUIRE(link(s->place.path, s->other) == 0); }
static void unlink_it(struct subject *s) { REQUIRE(unlink(s->place.path) == 0); }

static void replace_it(struct subject *s) {
    create_file(s->other);
    REQUIRE(rename(s->other, s->place.path) == 0);
}

static void write_nothing(struct subject *s) { REQUIRE_EQ(write(s->fd, "", 0), 0); }

static void fail_to_write(struct subject *s) {
    int fd = open(s->place.path, O_RDONLY | O_CLOEXEC);
    REQUIRE(fd >= 0);
    REQUIRE_ERRNO(write(fd, "x", 1), EBADF);
    REQUIRE_ERRNO(pwrite(s->fd, "x", 1, -1), EINVAL);
    close(fd);
}

static void read_it(struct subject *s) {
    char bytes[4];
    REQUIRE_EQ(pread(s->fd, bytes, sizeof bytes, 0), sizeof bytes);
}

static void open_and_close(struct subject *s) {
    int fd = open(s->place.path, O_RDONLY | O_CLOEXEC);
    REQUIRE(fd >= 0);
    close(fd);
}

/* Requires what a knote with this mask is told of an operation; 0 is silence. */
static void require_told(void (*operation)(struct subject *), unsigned mask, unsigned notes) {
    struct subject subject;
    set_up(&subject);
    int kq = watching(subject.fd, mask);
    REQUIRE_UNTOLD(kq);
    operation(&subject);
    if (notes == 0)
        REQUIRE_UNTOLD(kq);
    else
        EXPECT_NOTES(kq, subject.fd, notes);
    close(kq);
    tear_down(&subject);
}

/* Requires what is told of an operation under a mask of all changes, and under one of each change alone. */
static void require_notes(void (*operation)(struct subject *), unsigned notes) {
    require_told(operation, CHANGES, notes);
    for (unsigned note = 1; note <= CHANGES; note <<= 1)
        if (note == NOTE_WRITE && (notes & NOTE_WRITE))
            require_told(operation, note, notes & (NOTE_WRITE | NOTE_EXTEND)); /* C-213 */
        else
            require_told(operation, note, notes & note);
}

/* ---- Cases ---- */

static void require_refused(int fd) {
    REQUIRE(fd >= 0);
    int kq = new_kqueue();
    REQUIRE_EQ(change_errno(kq, (uintptr_t)fd, EVFILT_VNODE, EV_ADD, CHANGES, 0, NULL), EINVAL);
    REQUIRE_EQ(change_errno(kq, (uintptr_t)fd, EVFILT_VNODE, EV_DELETE, 0, 0, NULL), ENOENT);
}

static void what_is_no_file_is_refused(void) {
    need_inotify();
    int pair[2];
    new_pipe(pair);
    require_refused(pair[0]);
    require_refused(pair[1]);
    unix_pair(pair);
    require_refused(pair[0]);
    require_refused(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    require_refused(eventfd(0, EFD_CLOEXEC));
    require_refused(epoll_create1(EPOLL_CLOEXEC));
    require_refused(timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC));
    require_refused(inotify_init1(IN_CLOEXEC));
    require_refused(new_kqueue());
    if (on_posix())
        return; /* fstat(2) calls the following files, and POSIX has none of them */
    int memory = (int)syscall(SYS_memfd_create, "contract", 1);
    if (memory >= 0)
        require_refused(memory);
    int pidfd = open_pidfd(getpid());
    if (pidfd >= 0)
        require_refused(pidfd);
}

static void what_is_closed_is_refused(void) {
    int kq = new_kqueue();
    REQUIRE_EQ(change_errno(kq, 999, EVFILT_VNODE, EV_ADD, CHANGES, 0, NULL), EBADF);
    REQUIRE_EQ(change_errno(kq, (uintptr_t)INT_MAX + 1, EVFILT_VNODE, EV_ADD, CHANGES, 0, NULL), EBADF);
}

static void growing_write(void) { require_notes(append, NOTE_WRITE | NOTE_EXTEND); }
static void write_in_place(void) { require_notes(overwrite, NOTE_WRITE); }
static void cut_file(void) { require_notes(cut, NOTE_WRITE | NOTE_ATTRIB | NOTE_TRUNCATE); }
static void cut_file_by_name(void) { require_notes(cut_by_name, NOTE_WRITE | NOTE_ATTRIB | NOTE_TRUNCATE); }
static void file_opened_with_o_trunc(void) { require_notes(open_and_cut, NOTE_WRITE | NOTE_ATTRIB | NOTE_TRUNCATE); }
static void mode(void) { require_notes(change_mode, NOTE_ATTRIB); }
static void owner(void) { require_notes(change_owner, NOTE_ATTRIB); }
static void times(void) {
    posix_lacks("a time that was set looks like a write");
    require_notes(set_times, NOTE_ATTRIB);
}
static void times_now(void) {
    posix_lacks("a time that was set looks like a write");
    require_notes(touch, NOTE_ATTRIB);
}
static void attribute(void) { require_notes(set_attribute, NOTE_ATTRIB); }
static void access_time(void) { require_notes(set_atime, NOTE_ATTRIB); }
static void renaming(void) {
    posix_lacks("fstat(2) does not tell a rename");
    require_notes(rename_it, NOTE_RENAME);
}
static void linking(void) { require_notes(link_it, NOTE_LINK); }
static void unlinking(void) { require_notes(unlink_it, NOTE_DELETE); }
static void replacing(void) { require_notes(replace_it, NOTE_DELETE); }
static void writing_nothing(void) { require_notes(write_nothing, 0); }
static void failing(void) { require_notes(fail_to_write, 0); }
static void reading(void) { require_notes(read_it, 0); }
static void opening(void) { require_notes(open_and_close, 0); }

static void growing_without_a_write(void) {
    require_told(stretch, NOTE_EXTEND, NOTE_EXTEND);
    require_told(stretch, NOTE_WRITE, NOTE_WRITE | NOTE_EXTEND);
    require_notes(stretch_far, NOTE_WRITE | NOTE_EXTEND | NOTE_ATTRIB);
}

/* That mtime was set may look like a write, too. */
static void modification_time(void) {
    struct subject subject;
    require_told(set_mtime, NOTE_ATTRIB, NOTE_ATTRIB);
    set_up(&subject);
    int kq = watching(subject.fd, NOTE_WRITE | NOTE_ATTRIB);
    set_mtime(&subject);
    struct kevent event = next_event(kq);
    REQUIRE(event.fflags == NOTE_ATTRIB || event.fflags == (NOTE_ATTRIB | NOTE_WRITE));
    tear_down(&subject);
}

static void a_thousand_bytes_one_by_one(void) {
    struct subject subject;
    set_up(&subject);
    int kq = watching(subject.fd, NOTE_WRITE | NOTE_EXTEND);
    for (int i = 0; i < 1000; i++) {
        append(&subject);
        if (i % 10 == 9)
            EXPECT_NOTES(kq, subject.fd, NOTE_WRITE | NOTE_EXTEND);
    }
    require_silent(kq);
    tear_down(&subject);
}

static void cut_and_written_again(void) {
    struct subject subject;
    set_up(&subject);
    int kq = watching(subject.fd, CHANGES);
    cut(&subject);
    REQUIRE_EQ(pwrite(subject.fd, "x", 1, 0), 1);
    struct kevent event = next_event(kq);
    REQUIRE_EQ(event.fflags & (NOTE_WRITE | NOTE_TRUNCATE), NOTE_WRITE | NOTE_TRUNCATE);
    tear_down(&subject);
}

static void another_process_writes(void) {
    struct subject subject;
    set_up(&subject);
    int kq = watching(subject.fd, NOTE_WRITE), status;
    pid_t child = fork();
    if (child == 0) {
        sleep_ms(50); /* the parent waits by then */
        _exit(pwrite(open_again(subject.fd, O_WRONLY), "x", 1, 0) != 1);
    }
    EXPECT_NOTES(kq, subject.fd, NOTE_WRITE);
    REQUIRE_EQ(waitpid(child, &status, 0), child);
    REQUIRE_EQ(status, 0);
    tear_down(&subject);
}

static void mapped_file_is_harmless(void) {
    struct subject subject;
    set_up(&subject);
    int kq = watching(subject.fd, NOTE_WRITE);
    char *bytes = mmap(NULL, 10, PROT_READ | PROT_WRITE, MAP_SHARED, subject.fd, 0);
    REQUIRE(bytes != MAP_FAILED);
    bytes[0] = 'x'; /* nothing is promised */
    overwrite(&subject);
    EXPECT_NOTES(kq, subject.fd, NOTE_WRITE);
    tear_down(&subject);
}

static void renamed_file_stays_watched(void) {
    posix_lacks("fstat(2) does not tell a rename");
    struct subject subject;
    set_up(&subject);
    int kq = watching(subject.fd, CHANGES);
    rename_it(&subject);
    EXPECT_NOTES(kq, subject.fd, NOTE_RENAME);
    int fd = open(subject.other, O_WRONLY | O_APPEND | O_CLOEXEC);
    put(fd, "x");
    EXPECT_NOTES(kq, subject.fd, NOTE_WRITE | NOTE_EXTEND);
    create_file(subject.place.path); /* another file of its former name */
    require_silent(kq);
    tear_down(&subject);
}

/* Called in front of a system call that watches a file, as the library makes it. */
static void (*before_watching)(void);
static long (*next_syscall)(long number, ...);

long syscall(long number, ...) {
    long arguments[6];
    va_list list;
    va_start(list, number);
    for (int i = 0; i < 6; i++)
        arguments[i] = va_arg(list, long);
    va_end(list);
    if (next_syscall == NULL)
        *(void **)&next_syscall = dlsym(RTLD_NEXT, "syscall");
    if (number == SYS_inotify_add_watch && before_watching != NULL) {
        void (*first)(void) = before_watching;
        before_watching = NULL;
        first();
    }
    return next_syscall(number, arguments[0], arguments[1], arguments[2], arguments[3], arguments[4], arguments[5]);
}

static int calls_by_name;

int inotify_add_watch(int instance, const char *path, uint32_t events) {
    calls_by_name++;
    return (int)syscall(SYS_inotify_add_watch, instance, path, events);
}

/* A library that makes inotify of kqueue would be called by the kqueue that it calls. */
static void functions_named_as_the_systems(void) {
    struct subject subject;
    set_up(&subject);
    int kq = watching(subject.fd, CHANGES);
    REQUIRE_EQ(calls_by_name, 0);
    overwrite(&subject);
    EXPECT_NOTES(kq, subject.fd, NOTE_WRITE);
    tear_down(&subject);
}

static struct subject both_names;

static void unlink_both_names(void) {
    unlink_it(&both_names);
    REQUIRE(unlink(both_names.other) == 0);
}

/*
 * Linux ends a watch with the file's last name, where that is not the one that was opened.  Here it happens while a
 * second knote is being added, which gets a new watch; the first one must hear by that, too.
 */
static void last_name_goes_meanwhile(bool is_changed) {
    struct subject *subject = &both_names;
    struct kevent events[3];
    set_up(subject);
    link_it(subject);
    int kq = watching(subject->fd, NOTE_WRITE | NOTE_DELETE), copy = fcntl(subject->fd, F_DUPFD_CLOEXEC, 0);
    before_watching = unlink_both_names;
    add_vnode(kq, copy, EV_CLEAR, NOTE_WRITE);
    if (before_watching != NULL) {
        REQUIRE(on_posix());
        unlink_both_names();
    }
    if (is_changed)
        add_vnode(kq, subject->fd, EV_CLEAR, NOTE_WRITE | NOTE_DELETE);
    EXPECT_NOTES(kq, subject->fd, NOTE_DELETE);
    for (int i = 0; i < 2; i++) {
        overwrite(subject);
        REQUIRE_EQ(collect(kq, events, 3, PATIENCE), 2);
        REQUIRE_EQ(events[0].fflags, NOTE_WRITE);
        REQUIRE_EQ(events[1].fflags, NOTE_WRITE);
    }
    require_silent(kq);
    REQUIRE(delete_knote(kq, (uintptr_t)copy, EVFILT_VNODE));
    overwrite(subject);
    EXPECT_NOTES(kq, subject->fd, NOTE_WRITE);
    close(copy);
    tear_down(subject);
}

static void last_name_goes_while_another_is_added(void) { last_name_goes_meanwhile(false); }
static void last_name_goes_and_the_first_is_changed(void) { last_name_goes_meanwhile(true); }

static void one_of_two_links(void) {
    struct subject subject;
    set_up(&subject);
    link_it(&subject);
    int kq = watching(subject.fd, CHANGES);
    unlink_it(&subject);
    EXPECT_NOTES(kq, subject.fd, NOTE_LINK);
    REQUIRE(unlink(subject.other) == 0);
    EXPECT_NOTES(kq, subject.fd, NOTE_DELETE);
    for (int i = 0; i < 2; i++) { /* it is there as long as it is open */
        overwrite(&subject);
        EXPECT_NOTES(kq, subject.fd, NOTE_WRITE);
    }
    require_silent(kq);
    tear_down(&subject);
}

static void links_to_and_fro(void) {
    struct subject subject;
    set_up(&subject);
    int kq = watching(subject.fd, NOTE_LINK | NOTE_DELETE);
    for (int i = 0; i < 10; i++) {
        link_it(&subject);
        EXPECT_NOTES(kq, subject.fd, NOTE_LINK);
        REQUIRE(unlink(subject.other) == 0);
        EXPECT_NOTES(kq, subject.fd, NOTE_LINK);
    }
    tear_down(&subject);
}

static void deletion_is_told_once(void) {
    struct subject subject;
    set_up(&subject);
    int kq = watching(subject.fd, CHANGES), copy = fcntl(subject.fd, F_DUPFD_CLOEXEC, 0);
    unlink_it(&subject);
    EXPECT_NOTES(kq, subject.fd, NOTE_DELETE);
    close(copy);
    change_mode(&subject);
    EXPECT_NOTES(kq, subject.fd, NOTE_ATTRIB);
    require_silent(kq);
    tear_down(&subject);
}

static void one_renamed_over_the_other(void) {
    posix_lacks("fstat(2) does not tell a rename");
    struct place place;
    char name[64];
    struct kevent events[4];
    int kq = new_kqueue(), target = named_file(&place);
    int source = open(name_beside(&place, name, "other"), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    REQUIRE(source >= 0);
    add_vnode(kq, source, EV_CLEAR, CHANGES);
    add_vnode(kq, target, EV_CLEAR, CHANGES);
    REQUIRE(rename(name, place.path) == 0);
    REQUIRE_EQ(collect(kq, events, 4, PATIENCE), 2);
    for (int i = 0; i < 2; i++)
        REQUIRE_EQ(events[i].fflags, events[i].ident == (uintptr_t)source ? NOTE_RENAME : NOTE_DELETE);
    REQUIRE(events[0].ident != events[1].ident);
    remove_place(&place);
}

/* As editors save: a new file is written beside, and renamed over. */
static void an_editor_saves(void) {
    struct subject subject;
    set_up(&subject);
    int kq = new_kqueue();
    for (int round = 0; round < 5; round++) {
        int fd = open(subject.place.path, O_RDONLY | O_CLOEXEC);
        REQUIRE(fd >= 0);
        add_vnode(kq, fd, EV_CLEAR, CHANGES);
        int fresh = open(subject.other, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        REQUIRE(fresh >= 0);
        put(fresh, "new text");
        close(fresh);
        REQUIRE(rename(subject.other, subject.place.path) == 0);
        EXPECT_NOTES(kq, fd, NOTE_DELETE);
        close(fd);
    }
    tear_down(&subject);
}

static void a_new_file_of_that_name_is_another(void) {
    struct subject subject;
    set_up(&subject);
    int kq = watching(subject.fd, CHANGES);
    unlink_it(&subject);
    EXPECT_NOTES(kq, subject.fd, NOTE_DELETE);
    int fd = open(subject.place.path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    put(fd, "text");
    REQUIRE(fchmod(fd, 0640) == 0);
    require_silent(kq);
    overwrite(&subject);
    EXPECT_NOTES(kq, subject.fd, NOTE_WRITE);
    tear_down(&subject);
}

static void unlinked_before(void) {
    int fd = new_file("0123456789"), kq = watching(fd, CHANGES);
    require_silent(kq);
    REQUIRE_EQ(pwrite(fd, "x", 1, 0), 1);
    EXPECT_NOTES(kq, fd, NOTE_WRITE);
    REQUIRE_EQ(pwrite(fd, "x", 1, 10), 1);
    EXPECT_NOTES(kq, fd, NOTE_WRITE | NOTE_EXTEND);
    REQUIRE(fchmod(fd, 0400) == 0);
    EXPECT_NOTES(kq, fd, NOTE_ATTRIB);
}

/* A file of O_TMPFILE, which may get a name yet. */
static void file_before_its_name(void) {
    struct place place;
    char path[64];
    new_place(&place);
    int fd = open(place.directory, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (fd < 0)
        contract_skip("no O_TMPFILE in /tmp");
    int kq = watching(fd, CHANGES);
    put(fd, "text");
    EXPECT_NOTES(kq, fd, NOTE_WRITE | NOTE_EXTEND);
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    REQUIRE(linkat(AT_FDCWD, path, AT_FDCWD, place.path, AT_SYMLINK_FOLLOW) == 0);
    EXPECT_NOTES(kq, fd, NOTE_LINK);
    remove_place(&place);
    EXPECT_NOTES(kq, fd, NOTE_DELETE);
}

static void fifo_by_name(void) {
    struct place place;
    new_place(&place);
    REQUIRE(mkfifo(place.path, 0600) == 0);
    int fd = open(place.path, O_RDWR | O_NONBLOCK | O_CLOEXEC),
        kq = watching(fd, NOTE_ATTRIB | NOTE_DELETE | NOTE_RENAME);
    REQUIRE(fchmod(fd, 0640) == 0);
    EXPECT_NOTES(kq, fd, NOTE_ATTRIB);
    add_read(kq, fd, EV_CLEAR); /* beside it */
    put(fd, "12");
    EXPECT(kq, fd, EV_ADD | EV_CLEAR, 0, 2);
    REQUIRE(unlink(place.path) == 0);
    EXPECT_NOTES(kq, fd, NOTE_DELETE);
    remove_place(&place);
}

static void device_node(void) {
    struct place place;
    new_place(&place);
    if (mknod(place.path, S_IFCHR | 0600, 0x103) == -1) /* /dev/null's */
        contract_skip("no mknod: %s", strerror(errno));
    int fd = open(place.path, O_RDWR | O_CLOEXEC);
    if (fd < 0)
        contract_skip("no devices in /tmp: %s", strerror(errno));
    int kq = watching(fd, NOTE_ATTRIB | NOTE_DELETE);
    REQUIRE(fchmod(fd, 0640) == 0);
    EXPECT_NOTES(kq, fd, NOTE_ATTRIB);
    REQUIRE(unlink(place.path) == 0);
    EXPECT_NOTES(kq, fd, NOTE_DELETE);
    remove_place(&place);
}

static void descriptor_of_a_path_alone(void) {
    posix_lacks("fstat(2) does not tell a rename");
    struct subject subject;
    set_up(&subject);
    int fd = open(subject.place.path, O_PATH | O_CLOEXEC), kq = watching(fd, CHANGES);
    append(&subject);
    EXPECT_NOTES(kq, fd, NOTE_WRITE | NOTE_EXTEND);
    change_mode(&subject);
    EXPECT_NOTES(kq, fd, NOTE_ATTRIB);
    rename_it(&subject);
    EXPECT_NOTES(kq, fd, NOTE_RENAME);
    tear_down(&subject);
}

static void symbolic_link(void) {
    posix_lacks("fstat(2) does not tell a rename");
    struct subject subject;
    char name[64];
    set_up(&subject);
    REQUIRE(symlink(subject.place.path, subject.other) == 0);
    int fd = open(subject.other, O_PATH | O_NOFOLLOW | O_CLOEXEC), kq = watching(fd, CHANGES);
    append(&subject); /* what it points to is another file */
    require_silent(kq);
    REQUIRE(rename(subject.other, name_beside(&subject.place, name, "third")) == 0);
    EXPECT_NOTES(kq, fd, NOTE_RENAME);
    REQUIRE(unlink(name) == 0);
    EXPECT_NOTES(kq, fd, NOTE_DELETE);
    tear_down(&subject);
}

/* A file on another file system, if there is one. */
static void on_memory(void) {
    char path[] = "/dev/shm/contract.XXXXXX", name[] = "/dev/shm/contract.XXXXXX";
    int fd = mkostemp(path, O_CLOEXEC), unnamed = mkostemp(name, O_CLOEXEC);
    if (fd < 0 || unnamed < 0)
        contract_skip("no /dev/shm");
    REQUIRE(unlink(name) == 0);
    int kq = watching(fd, CHANGES), other = watching(unnamed, CHANGES);
    put(unnamed, "text");
    EXPECT_NOTES(other, unnamed, NOTE_WRITE | NOTE_EXTEND);
    put(fd, "text");
    EXPECT_NOTES(kq, fd, NOTE_WRITE | NOTE_EXTEND);
    REQUIRE(ftruncate(fd, 1) == 0);
    EXPECT_NOTES(kq, fd, NOTE_WRITE | NOTE_ATTRIB | NOTE_TRUNCATE);
    REQUIRE(fchmod(fd, 0640) == 0);
    EXPECT_NOTES(kq, fd, NOTE_ATTRIB);
    REQUIRE(unlink(path) == 0);
    EXPECT_NOTES(kq, fd, NOTE_DELETE);
}

static void actions_of_another_process(void) {
    posix_lacks("nothing tells of opening, reading and closing");
    struct subject subject;
    set_up(&subject);
    const unsigned mask = NOTE_OPEN | NOTE_READ | NOTE_CLOSE | NOTE_CLOSE_WRITE;
    int kq = watching(subject.fd, mask), start[2];
    require_silent(kq);
    new_pipe(start);
    pid_t child = fork();
    if (child == 0) {
        char bytes[4];
        int fd = open(subject.place.path, O_RDONLY);
        if (fd < 0 || read(fd, bytes, 4) != 4 || close(fd) != 0 || read(start[0], bytes, 1) != 1)
            _exit(1);
        _exit(close(open(subject.place.path, O_WRONLY)));
    }
    unsigned told = 0;
    while (told != (NOTE_OPEN | NOTE_READ | NOTE_CLOSE))
        told |= next_event(kq).fflags;
    require_silent(kq);
    put(start[1], "x");
    for (told = 0; told != (NOTE_OPEN | NOTE_CLOSE_WRITE);)
        told |= next_event(kq).fflags;
    await_success(child);
    require_silent(kq);
    tear_down(&subject);
}

static void each_action_alone(void) {
    posix_lacks("nothing tells of opening, reading and closing");
    require_told(read_it, NOTE_READ, NOTE_READ);
    require_told(open_and_close, NOTE_OPEN, NOTE_OPEN);
    require_told(open_and_close, NOTE_CLOSE, NOTE_CLOSE);
    require_told(open_and_close, NOTE_CLOSE_WRITE, 0);
    require_told(open_and_cut, NOTE_CLOSE_WRITE, NOTE_CLOSE_WRITE);
    require_told(open_and_cut, NOTE_CLOSE, 0);
    require_told(append, NOTE_READ | NOTE_OPEN | NOTE_CLOSE | NOTE_CLOSE_WRITE, 0);
}

/* The library looks at the file, and nobody is told of that. */
static void own_accesses_are_silent(void) {
    struct subject subject;
    const unsigned mask = NOTE_OPEN | NOTE_READ | NOTE_CLOSE | NOTE_CLOSE_WRITE;
    set_up(&subject);
    int kq = watching(subject.fd, mask | CHANGES), other = watching(subject.fd, mask);
    append(&subject);
    EXPECT_NOTES(kq, subject.fd, NOTE_WRITE | NOTE_EXTEND);
    add_vnode(kq, subject.fd, 0, mask);
    close(watching(subject.fd, CHANGES));
    require_silent(kq);
    require_silent(other);
    tear_down(&subject);
}

const struct contract_case vnode_cases[] = {
    {"C-211", "pipe, socket, eventfd, kqueue and the like are refused", what_is_no_file_is_refused, 0},
    {"C-211", "a closed number is EBADF", what_is_closed_is_refused, 0},
    {"C-212", "another process writes", another_process_writes, 0},
    {"C-212", "a mapped file is watched", mapped_file_is_harmless, 0},
    {"C-213", "growing write: WRITE|EXTEND", growing_write, 0},
    {"C-214", "a thousand appends", a_thousand_bytes_one_by_one, 0},
    {"C-215", "write in place: WRITE", write_in_place, 0},
    {"C-215", "and where the program defines inotify_add_watch()", functions_named_as_the_systems, 0},
    {"C-216", "ftruncate to larger: EXTEND", growing_without_a_write, 0},
    {"C-217", "ftruncate to smaller: TRUNCATE|ATTRIB|WRITE", cut_file, 0},
    {"C-217", "truncate by name", cut_file_by_name, 0},
    {"C-217", "O_TRUNC", file_opened_with_o_trunc, 0},
    {"C-218", "cut and written again: WRITE is not lost", cut_and_written_again, 0},
    {"C-219", "fchmod: ATTRIB", mode, 0},
    {"C-219", "fchown: ATTRIB", owner, 0},
    {"C-219", "utimes: ATTRIB", times, 0},
    {"C-219", "utimes to now: ATTRIB", times_now, 0},
    {"C-220", "setxattr: ATTRIB", attribute, 0},
    {"C-221", "mtime alone: ATTRIB", modification_time, 0},
    {"C-221", "atime alone: ATTRIB", access_time, 0},
    {"C-222", "rename: RENAME", renaming, 0},
    {"C-222", "a renamed file stays watched", renamed_file_stays_watched, 0},
    {"C-223", "link: LINK", linking, 0},
    {"C-224", "unlink of one of two links: LINK", one_of_two_links, 0},
    {"C-224", "the last name goes while another knote is added", last_name_goes_while_another_is_added, 0},
    {"C-224", "the last name goes, and the first knote is changed", last_name_goes_and_the_first_is_changed, 0},
    {"C-224", "links made and removed", links_to_and_fro, 0},
    {"C-225", "unlink of the last link: DELETE", unlinking, 0},
    {"C-225", "a deletion is told once", deletion_is_told_once, 0},
    {"C-226", "replaced by rename: DELETE", replacing, 0},
    {"C-226", "an editor saves", an_editor_saves, 0},
    {"C-227", "renamed over another, both watched", one_renamed_over_the_other, 0},
    {"C-242", "a new file of that name is another", a_new_file_of_that_name_is_another, 0},
    {"C-243", "a file unlinked before is watched", unlinked_before, 0},
    {"C-243", "a file before it has a name", file_before_its_name, 0},
    {"C-243", "a file in memory", on_memory, 0},
    {"C-244", "a FIFO by name", fifo_by_name, 0},
    {"C-244", "a device node", device_node, 0},
    {"C-244", "O_PATH", descriptor_of_a_path_alone, 0},
    {"C-244", "a symbolic link", symbolic_link, 0},
    {"C-245", "a write of nothing is silent", writing_nothing, 0},
    {"C-245", "a failing write is silent", failing, 0},
    {"C-245", "reading is silent", reading, 0},
    {"C-245", "opening is silent", opening, 0},
    {"C-246", "OPEN, READ, CLOSE, CLOSE_WRITE by another process", actions_of_another_process, 0},
    {"C-246", "each action alone", each_action_alone, 0},
    {"C-246", "the library's own accesses are silent", own_accesses_are_silent, 0},
    {NULL, NULL, NULL, 0},
};
