/*
 * EVFILT_READ on what is no socket: C-165 to C-181.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "files.h"

#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <termios.h>

static void close_now(int fd) { close(fd); }

/* A FIFO without a name: its read end. */
static int new_fifo(void) {
    struct place place;
    new_place(&place);
    REQUIRE(mkfifo(place.path, 0600) == 0);
    int fd = open(place.path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    REQUIRE(fd >= 0);
    remove_place(&place);
    return fd;
}

static void append_three(int fd) { put(fd, "abc"); }
static void cut_to_four(int fd) { REQUIRE(ftruncate(fd, 4) == 0); }
static void extend_to_twenty(int fd) { REQUIRE(ftruncate(fd, 20) == 0); }

static void pipe_bytes_are_counted(void) {
    int pair[2], kq = new_kqueue();
    new_pipe(pair);
    add_read(kq, pair[0], 0);
    require_silent(kq);
    put(pair[1], "12345");
    EXPECT(kq, pair[0], EV_ADD, 0, 5);
    put(pair[1], "678");
    EXPECT(kq, pair[0], EV_ADD, 0, 8);
    take(pair[0], 2);
    EXPECT(kq, pair[0], EV_ADD, 0, 6);
    take(pair[0], 6);
    require_silent(kq);
}

static void pipe_with_clear_fires_once_an_arrival(void) {
    int pair[2], kq = new_kqueue();
    new_pipe(pair);
    add_read(kq, pair[0], EV_CLEAR);
    for (int bytes = 1; bytes <= 20; bytes++) {
        put(pair[1], "x");
        EXPECT(kq, pair[0], EV_ADD | EV_CLEAR, 0, bytes);
    }
    require_silent(kq);
    take(pair[0], 5);
    require_silent(kq);
}

static void pipe_wakes_a_waiter(void) {
    int pair[2], kq = new_kqueue();
    struct delayed writer;
    new_pipe(pair);
    add_read(kq, pair[0], 0);
    later(&writer, put_eight, pair[1]);
    EXPECT(kq, pair[0], EV_ADD, 0, 8);
    finish(&writer);
}

static void pipe_eof_repeats(void) {
    int pair[2], kq = new_kqueue(), late = new_kqueue();
    struct delayed closer;
    new_pipe(pair);
    add_read(kq, pair[0], 0);
    later(&closer, close_now, pair[1]);
    for (int i = 0; i < 4; i++)
        EXPECT(kq, pair[0], EV_ADD | EV_EOF, 0, 0);
    finish(&closer);
    add_read(late, pair[0], 0);
    EXPECT(late, pair[0], EV_ADD | EV_EOF, 0, 0);
}

static void pipe_eof_counts_once_with_clear(void) {
    int pair[2], kq = new_kqueue();
    new_pipe(pair);
    add_read(kq, pair[0], EV_CLEAR);
    close(pair[1]);
    EXPECT(kq, pair[0], EV_ADD | EV_CLEAR | EV_EOF, 0, 0);
    require_asleep(kq);
}

static void pipe_eof_waits_for_the_last_writer(void) {
    int pair[2], kq = new_kqueue();
    new_pipe(pair);
    add_read(kq, pair[0], 0);
    int second = dup(pair[1]);
    close(pair[1]);
    require_silent(kq);
    close(second);
    EXPECT(kq, pair[0], EV_ADD | EV_EOF, 0, 0);
}

static void pipe_eof_comes_with_the_bytes(void) {
    for (int flags = 0; flags <= EV_CLEAR; flags += EV_CLEAR) {
        int pair[2], kq = new_kqueue();
        new_pipe(pair);
        put(pair[1], "123");
        close(pair[1]);
        add_read(kq, pair[0], flags);
        EXPECT(kq, pair[0], EV_ADD | EV_EOF | flags, 0, 3);
        take(pair[0], 3);
        if (flags == 0)
            EXPECT(kq, pair[0], EV_ADD | EV_EOF, 0, 0);
        else
            require_silent(kq);
    }
}

static void fifo_without_a_writer_is_silent(void) {
    need_seen_proc();
    for (int flags = 0; flags <= EV_CLEAR; flags += EV_CLEAR) {
        int kq = new_kqueue(), fd = new_fifo();
        add_read(kq, fd, flags);
        require_asleep(kq);
        int writer = open_again(fd, O_WRONLY);
        require_silent(kq);
        put(writer, "12");
        EXPECT(kq, fd, EV_ADD | flags, 0, 2);
    }
}

static void fifo_with_its_own_writer_has_no_eof(void) {
    need_seen_proc();
    int kq = new_kqueue(), fd = open_again(new_fifo(), O_RDWR);
    add_read(kq, fd, 0);
    int writer = open_again(fd, O_WRONLY);
    put(writer, "12");
    EXPECT(kq, fd, EV_ADD, 0, 2);
    close(writer);
    EXPECT(kq, fd, EV_ADD, 0, 2);
    take(fd, 2);
    require_silent(kq);
}

static void fifo_eof_ends_with_a_new_writer(void) {
    need_seen_proc();
    int kq = new_kqueue(), fd = new_fifo();
    add_read(kq, fd, 0);
    for (int i = 0; i < 3; i++) {
        int writer = open_again(fd, O_WRONLY);
        require_asleep(kq);
        put(writer, "12");
        EXPECT(kq, fd, EV_ADD, 0, 2);
        close(writer);
        EXPECT(kq, fd, EV_ADD | EV_EOF, 0, 2);
        take(fd, 2);
        EXPECT(kq, fd, EV_ADD | EV_EOF, 0, 0);
    }
}

static void fifo_eof_with_clear_comes_once_a_writer(void) {
    need_seen_proc();
    int kq = new_kqueue(), fd = new_fifo();
    add_read(kq, fd, EV_CLEAR);
    for (int i = 0; i < 3; i++) {
        int writer = open_again(fd, O_WRONLY);
        require_silent(kq);
        put(writer, "12");
        EXPECT(kq, fd, EV_ADD | EV_CLEAR, 0, 2);
        take(fd, 2);
        close(writer);
        EXPECT(kq, fd, EV_ADD | EV_CLEAR | EV_EOF, 0, 0);
        require_asleep(kq);
    }
}

/* Nobody looks before the second writer is gone as well: all is as it was told. */
static void fifo_bytes_of_a_second_writer_like_the_first(void) {
    need_seen_proc();
    int kq = new_kqueue(), fd = new_fifo();
    add_read(kq, fd, EV_CLEAR);
    for (int i = 0; i < 3; i++) {
        int writer = open_again(fd, O_WRONLY);
        put(writer, "12");
        close(writer);
        EXPECT(kq, fd, EV_ADD | EV_CLEAR | EV_EOF, 0, 2);
        take(fd, 2);
    }
}

static void fifo_bytes_left_by_a_writer_outlive_its_eof(void) {
    need_seen_proc();
    int kq = new_kqueue(), fd = new_fifo(), first = open_again(fd, O_WRONLY);
    put(first, "12");
    close(first);
    add_read(kq, fd, 0);
    EXPECT(kq, fd, EV_ADD | EV_EOF, 0, 2);
    int second = open_again(fd, O_WRONLY);
    EXPECT(kq, fd, EV_ADD, 0, 2);
    put(second, "3");
    EXPECT(kq, fd, EV_ADD, 0, 3);
}

/* One end of a FIFO, which is not both ways as pipe(2)'s ends are to a BSD. */
static int fifo_writer(int *reader) {
    char directory[] = "/tmp/contract.XXXXXX", path[sizeof directory + 8];
    REQUIRE(mkdtemp(directory) != NULL);
    snprintf(path, sizeof path, "%s/fifo", directory);
    REQUIRE(mkfifo(path, 0600) == 0);
    *reader = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    int writer = open(path, O_WRONLY | O_CLOEXEC);
    unlink(path);
    rmdir(directory);
    REQUIRE(*reader >= 0 && writer >= 0);
    return writer;
}

static void write_end_tells_the_last_reader_leaves(void) {
    for (int flags = 0; flags <= EV_CLEAR; flags += EV_CLEAR) {
        int pair[2], kq = new_kqueue();
        struct delayed closer;
        new_pipe(pair);
        int second = dup(pair[0]);
        add_read(kq, pair[1], flags);
        require_silent(kq);
        put(pair[1], "1");
        require_silent(kq);
        close(pair[0]);
        require_asleep(kq);
        later(&closer, close_now, second);
        EXPECT(kq, pair[1], EV_ADD | EV_EOF | flags, 0, 0);
        finish(&closer);
        if (flags == 0)
            EXPECT(kq, pair[1], EV_ADD | EV_EOF, 0, 0);
        else
            require_asleep(kq);
        change(kq, (uintptr_t)pair[1], EVFILT_READ, EV_DELETE, 0, 0, NULL);
        add_read(kq, pair[1], flags);
        EXPECT(kq, pair[1], EV_ADD | EV_EOF | flags, 0, 0);
    }
}

/* With a limit of no bytes, too, which a pipe does not have. */
static void write_end_of_a_fifo_never_fires(void) {
    for (int low = 0; low < 2; low++) {
        int reader, kq = new_kqueue(), writer = fifo_writer(&reader);
        struct kevent event;
        change(kq, (uintptr_t)writer, EVFILT_READ, EV_ADD, low ? NOTE_LOWAT : 0, 0, NULL);
        REQUIRE_EQ(collect(kq, &event, 1, 0), 0);
        require_silent(kq);
        close(reader);
        require_asleep(kq);
        REQUIRE_EQ(collect(kq, &event, 1, 0), 0);
        change(kq, (uintptr_t)writer, EVFILT_READ, EV_DELETE, 0, 0, NULL);
    }
}

static void file_says_what_is_left(void) {
    int kq = new_kqueue(), fd = new_file("0123456789");
    take(fd, 4);
    add_read(kq, fd, 0);
    EXPECT(kq, fd, EV_ADD, 0, 6);
    EXPECT(kq, fd, EV_ADD, 0, 6);
    take(fd, 5);
    EXPECT(kq, fd, EV_ADD, 0, 1);
    take(fd, 1);
    require_silent(kq);
    REQUIRE(lseek(fd, 2, SEEK_SET) == 2); /* wakes nobody, but the next call sees it */
    EXPECT(kq, fd, EV_ADD, 0, 8);
}

static void file_with_clear_fires_once(void) {
    need_seen_proc();
    int kq = new_kqueue(), fd = new_file("0123456789");
    take(fd, 4);
    add_read(kq, fd, EV_CLEAR);
    EXPECT(kq, fd, EV_ADD | EV_CLEAR, 0, 6);
    require_asleep(kq);
    await_success(elsewhere(append_three, fd));
    EXPECT(kq, fd, EV_ADD | EV_CLEAR, 0, 9);
    require_silent(kq);
}

static void file_open_for_writing_alone_is_watched(void) {
    need_seen_proc();
    int kq = new_kqueue(), fd = open_again(new_file("0123456789"), O_WRONLY);
    add_read(kq, fd, 0);
    EXPECT(kq, fd, EV_ADD, 0, 10);
    put(fd, "abcd");
    EXPECT(kq, fd, EV_ADD, 0, 6);
    REQUIRE(lseek(fd, 0, SEEK_END) == 10);
    require_silent(kq);
}

static void file_at_end_is_silent(void) {
    for (int flags = 0; flags <= EV_CLEAR; flags += EV_CLEAR) {
        int kq = new_kqueue(), empty = new_file(""), ended = new_file("0123456789");
        take(ended, 10);
        add_read(kq, empty, flags);
        add_read(kq, ended, flags);
        require_asleep(kq);
    }
}

static void growth_elsewhere_wakes(void) {
    need_seen_proc();
    const int flags[] = {0, EV_CLEAR, EV_ONESHOT, EV_DISPATCH};
    for (int i = 0; i < 4; i++) {
        int kq = new_kqueue(), fd = new_file("0123456789");
        take(fd, 10);
        add_read(kq, fd, flags[i]);
        require_silent(kq);
        pid_t child = elsewhere(append_three, fd);
        EXPECT(kq, fd, EV_ADD | flags[i], 0, 3);
        await_success(child);
        take(fd, 3);
        require_silent(kq);
    }
}

static void write_three_behind_ten(int fd) { REQUIRE_EQ(pwrite(fd, "abc", 3, 10), 3); }

/* No name tells inotify of it. */
static void growth_of_memory_wakes(void) {
    const int flags[] = {0, EV_CLEAR, EV_ONESHOT, EV_DISPATCH};
    for (int i = 0; i < 4; i++) {
        int kq = new_kqueue(), fd = (int)syscall(SYS_memfd_create, "memory", 1);
        if (fd < 0)
            contract_skip("no memory is to be had as a file");
        REQUIRE_EQ(write(fd, "0123456789", 10), 10);
        add_read(kq, fd, flags[i]);
        require_silent(kq);
        pid_t child = elsewhere(write_three_behind_ten, fd);
        EXPECT(kq, fd, EV_ADD | flags[i], 0, 3);
        await_success(child);
    }
}

static void growth_wakes_again_and_again(void) {
    need_seen_proc();
    int kq = new_kqueue(), fd = new_file("0123456789"), writer = open_again(fd, O_WRONLY | O_APPEND);
    take(fd, 10);
    add_read(kq, fd, 0);
    for (int i = 0; i < 20; i++) {
        struct delayed appender;
        later(&appender, append_three, writer);
        EXPECT(kq, fd, EV_ADD, 0, 3);
        finish(&appender);
        take(fd, 3);
        REQUIRE_EQ(collect(kq, &(struct kevent){0}, 1, 0), 0);
    }
}

static void growth_by_truncate_wakes(void) {
    need_seen_proc();
    int kq = new_kqueue(), fd = new_file("0123456789");
    take(fd, 10);
    add_read(kq, fd, 0);
    pid_t child = elsewhere(extend_to_twenty, fd);
    EXPECT(kq, fd, EV_ADD, 0, 10);
    await_success(child);
}

static void growth_wakes_every_kqueue_and_descriptor(void) {
    need_seen_proc();
    int first = new_kqueue(), second = new_kqueue(), fd = new_file("0123456789"), other = open_again(fd, O_RDONLY);
    take(fd, 10);
    REQUIRE(lseek(other, 12, SEEK_SET) == 12);
    add_read(first, fd, EV_CLEAR);
    add_read(second, fd, EV_CLEAR);
    add_read(second, other, 0);
    struct kevent events[8];
    REQUIRE_EQ(collect(second, events, 8, PATIENCE), 1); /* size 10, offset 12 */
    REQUIRE(events[0].ident == (uintptr_t)other && events[0].data == -2);
    change(second, (uintptr_t)other, EVFILT_READ, EV_DELETE, 0, 0, NULL);
    pid_t child = elsewhere(append_three, fd);
    EXPECT(first, fd, EV_ADD | EV_CLEAR, 0, 3);
    EXPECT(second, fd, EV_ADD | EV_CLEAR, 0, 3);
    await_success(child);
}

static void growth_wakes_the_knote_that_is_left(void) {
    need_seen_proc();
    int kq = new_kqueue(), fd = new_file("0123456789"), other = open_again(fd, O_RDONLY);
    take(fd, 10);
    take(other, 10);
    add_read(kq, fd, 0);
    add_read(kq, other, 0);
    close(fd);
    pid_t child = elsewhere(append_three, other);
    EXPECT(kq, other, EV_ADD, 0, 3);
    await_success(child);
}

static void unlinked_file_is_watched(void) {
    need_seen_proc();
    struct place place;
    int kq = new_kqueue();
    new_place(&place);
    int fd = open(place.path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    REQUIRE(fd >= 0);
    put(fd, "0123456789");
    add_read(kq, fd, 0);
    require_silent(kq);
    remove_place(&place);
    require_silent(kq);
    pid_t child = elsewhere(append_three, fd);
    EXPECT(kq, fd, EV_ADD, 0, 3);
    await_success(child);
}

static void renamed_file_is_watched(void) {
    need_seen_proc();
    struct place place;
    char renamed[64];
    int kq = new_kqueue();
    new_place(&place);
    int fd = open(place.path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    REQUIRE(fd >= 0);
    put(fd, "0123456789");
    add_read(kq, fd, 0);
    snprintf(renamed, sizeof renamed, "%s/renamed", place.directory);
    REQUIRE(rename(place.path, renamed) == 0);
    int impostor = open(place.path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    REQUIRE(impostor >= 0);
    put(impostor, "0123456789abcdef");
    require_silent(kq);
    pid_t child = elsewhere(append_three, fd);
    EXPECT(kq, fd, EV_ADD, 0, 3);
    await_success(child);
    unlink(renamed);
    remove_place(&place);
}

static void cut_file_says_how_far_beyond(void) {
    need_seen_proc();
    int kq = new_kqueue(), fd = new_file("0123456789");
    take(fd, 10);
    add_read(kq, fd, 0);
    require_silent(kq);
    pid_t child = elsewhere(cut_to_four, fd);
    EXPECT(kq, fd, EV_ADD, 0, -6);
    EXPECT(kq, fd, EV_ADD, 0, -6);
    await_success(child);
    REQUIRE(lseek(fd, 4, SEEK_SET) == 4);
    require_silent(kq);
    REQUIRE(lseek(fd, 1000, SEEK_SET) == 1000);
    EXPECT(kq, fd, EV_ADD, 0, -996);
}

static void file_poll_is_always_ready(void) {
    int kq = new_kqueue(), fd = new_file("0123456789");
    change(kq, (uintptr_t)fd, EVFILT_READ, EV_ADD, NOTE_FILE_POLL, 0, NULL);
    EXPECT(kq, fd, EV_ADD, 0, 10);
    take(fd, 10);
    EXPECT(kq, fd, EV_ADD, 0, 0);
    EXPECT(kq, fd, EV_ADD, 0, 0);
}

static void device_that_never_blocks_is_always_ready(void) {
    const char *const paths[] = {"/dev/null", "/dev/zero"};
    for (int i = 0; i < 2; i++) {
        int level = new_kqueue(), clear = new_kqueue(), fd = open(paths[i], O_RDWR | O_CLOEXEC);
        REQUIRE(fd >= 0);
        add_read(level, fd, 0);
        for (int j = 0; j < 4; j++)
            EXPECT(level, fd, EV_ADD, 0, 0);
        add_read(clear, fd, EV_CLEAR);
        EXPECT(clear, fd, EV_ADD | EV_CLEAR, 0, 0);
        require_silent(clear);
    }
}

static int new_terminal(char name[64]) {
    need_terminals();
    int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    REQUIRE(master >= 0 && grantpt(master) == 0 && unlockpt(master) == 0);
    REQUIRE(ptsname_r(master, name, 64) == 0);
    return master;
}

static int open_slave(const char *name) {
    int slave = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
    REQUIRE(slave >= 0);
    return slave;
}

static void set_raw(int slave) {
    struct termios mode;
    REQUIRE(tcgetattr(slave, &mode) == 0);
    cfmakeraw(&mode);
    REQUIRE(tcsetattr(slave, TCSANOW, &mode) == 0);
}

static void master_counts_the_slaves_bytes(void) {
    char name[64];
    int kq = new_kqueue(), master = new_terminal(name), slave = open_slave(name);
    set_raw(slave);
    add_read(kq, master, 0);
    require_silent(kq);
    put(slave, "12345");
    EXPECT(kq, master, EV_ADD, 0, 5);
    EXPECT(kq, master, EV_ADD, 0, 5);
    take(master, 5);
    require_silent(kq);
}

static void master_has_eof_while_no_slave_is_open(void) {
    char name[64];
    int kq = new_kqueue(), master = new_terminal(name);
    add_read(kq, master, 0);
    require_asleep(kq); /* never opened is not closed */
    int slave = open_slave(name);
    set_raw(slave);
    require_silent(kq);
    put(slave, "12345");
    EXPECT(kq, master, EV_ADD, 0, 5);
    close(slave);
    EXPECT(kq, master, EV_ADD | EV_EOF, 0, 5);
    take(master, 5);
    EXPECT(kq, master, EV_ADD | EV_EOF, 0, 0);
    open_slave(name);
    require_silent(kq);
}

static void slave_counts_the_masters_bytes(void) {
    char name[64];
    int kq = new_kqueue(), master = new_terminal(name), slave = open_slave(name);
    set_raw(slave);
    add_read(kq, slave, 0);
    require_silent(kq);
    put(master, "12345");
    EXPECT(kq, slave, EV_ADD, 0, 5);
    take(slave, 5);
    require_silent(kq);
}

static void canonical_slave_waits_for_a_line(void) {
    char name[64];
    int kq = new_kqueue(), master = new_terminal(name), slave = open_slave(name);
    add_read(kq, slave, 0);
    put(master, "ab");
    require_silent(kq);
    put(master, "c\n");
    EXPECT(kq, slave, EV_ADD, 0, 4);
    take(slave, 4);
    require_silent(kq);
}

static void slave_has_eof_after_the_master(void) {
    for (int flags = 0; flags <= EV_CLEAR; flags += EV_CLEAR) {
        char name[64];
        int kq = new_kqueue(), master = new_terminal(name), slave = open_slave(name);
        struct delayed closer;
        add_read(kq, slave, flags);
        require_silent(kq);
        later(&closer, close_now, master);
        EXPECT(kq, slave, EV_ADD | EV_EOF | flags, 0, 0);
        finish(&closer);
        if (flags == 0)
            EXPECT(kq, slave, EV_ADD | EV_EOF, 0, 0);
        else
            require_asleep(kq);
    }
}

static void put_count(int fd, uint64_t count) {
    REQUIRE_EQ(write(fd, &count, sizeof count), sizeof count);
}

static void eventfd_says_its_counter(void) {
    need_proc("what an eventfd, a signalfd or an inotify holds is told there alone");
    posix_lacks("there are no eventfds");
    const int kinds[] = {0, EFD_SEMAPHORE};
    for (int i = 0; i < 2; i++) {
        int kq = new_kqueue(), fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK | kinds[i]);
        uint64_t count;
        REQUIRE(fd >= 0);
        add_read(kq, fd, 0);
        require_silent(kq);
        put_count(fd, 7);
        EXPECT(kq, fd, EV_ADD, 0, 7);
        EXPECT(kq, fd, EV_ADD, 0, 7);
        REQUIRE_EQ(read(fd, &count, sizeof count), sizeof count);
        REQUIRE_EQ(count, kinds[i] ? 1 : 7); /* the program's read is the first */
        if (kinds[i])
            EXPECT(kq, fd, EV_ADD, 0, 6);
        else
            require_silent(kq);
    }
}

static void eventfd_with_clear_fires_at_each_write(void) {
    need_proc("what an eventfd, a signalfd or an inotify holds is told there alone");
    posix_lacks("there are no eventfds");
    int kq = new_kqueue(), fd = eventfd(0, EFD_CLOEXEC);
    REQUIRE(fd >= 0);
    add_read(kq, fd, EV_CLEAR);
    for (int i = 1; i <= 5; i++) {
        put_count(fd, 2);
        EXPECT(kq, fd, EV_ADD | EV_CLEAR, 0, 2 * i);
        require_silent(kq);
    }
}

/* What is known of a number is of the file that has it, however often it was asked for before. */
static void eventfd_that_has_anothers_number(void) {
    need_proc("what an eventfd, a signalfd or an inotify holds is told there alone");
    posix_lacks("there are no eventfds");
    int kq = new_kqueue(), fd = eventfd(0, EFD_CLOEXEC), before = open_descriptors();
    for (uint64_t count = 1; count < 20; count++) {
        add_read(kq, fd, 0);
        put_count(fd, count);
        for (int i = 0; i < 3; i++)
            EXPECT(kq, fd, EV_ADD, 0, count);
        int next = eventfd(0, EFD_CLOEXEC);
        REQUIRE(dup2(next, fd) == fd && close(next) == 0);
    }
    REQUIRE(open_descriptors() <= before + 2); /* what a kqueue needs for waiting, and for the counter */
    REQUIRE(close(fd) == 0);
    int ends[2];
    REQUIRE(pipe(ends) == 0);
    add_read(kq, ends[0], 0);
    REQUIRE(write(ends[1], "12", 2) == 2);
    EXPECT(kq, ends[0], EV_ADD, 0, 2);
}

/* The number of a file of /proc that a kqueue keeps for an eventfd, or -1. */
static int kept_counter_file(void) {
    char link[64], target[128];
    for (int fd = 0; fd < 4096; fd++) {
        snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
        ssize_t length = readlink(link, target, sizeof target - 1);
        target[length < 0 ? 0 : length] = '\0';
        if (strstr(target, "/fdinfo/") != NULL)
            return fd;
    }
    return -1;
}

static void eventfds_of_two_kqueues_where_a_file_inside_is_closed(void) {
    need_proc("what an eventfd, a signalfd or an inotify holds is told there alone");
    posix_lacks("there are no eventfds");
    int first = new_kqueue(), second = new_kqueue(), one = eventfd(0, EFD_CLOEXEC), two = eventfd(0, EFD_CLOEXEC);
    add_read(first, one, 0);
    add_read(second, two, 0);
    put_count(one, 1);
    put_count(two, 2);
    for (int i = 0; i < 3; i++)
        EXPECT(first, one, EV_ADD, 0, 1);
    EXPECT(second, two, EV_ADD, 0, 2);
    int inside = kept_counter_file();
    if (inside >= 0)
        close(inside);
    for (int i = 0; i < 3; i++)
        EXPECT(second, two, EV_ADD, 0, 2);
    for (int i = 0; i < 3; i++)
        EXPECT(first, one, EV_ADD, 0, 1);
}

static void many_eventfds_in_turn(void) {
    enum { COUNT = 30 };
    need_proc("what an eventfd, a signalfd or an inotify holds is told there alone");
    posix_lacks("there are no eventfds");
    int kq = new_kqueue(), fds[COUNT];
    for (int i = 0; i < COUNT; i++) {
        fds[i] = eventfd(0, EFD_CLOEXEC);
        add_read(kq, fds[i], EV_CLEAR);
    }
    for (uint64_t round = 1; round < 6; round++)
        for (int i = 0; i < COUNT; i++) {
            put_count(fds[i], i + 1);
            EXPECT(kq, fds[i], EV_ADD | EV_CLEAR, 0, round * (i + 1));
        }
}

static void timerfd_is_readable_as_poll_says(void) {
    int kq = new_kqueue(), fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
    struct itimerspec soon = {.it_value.tv_nsec = 50000000};
    uint64_t count;
    REQUIRE(fd >= 0);
    add_read(kq, fd, 0);
    require_silent(kq);
    REQUIRE(timerfd_settime(fd, 0, &soon, NULL) == 0);
    EXPECT(kq, fd, EV_ADD, 0, 1);
    EXPECT(kq, fd, EV_ADD, 0, 1);
    REQUIRE_EQ(read(fd, &count, sizeof count), sizeof count);
    require_silent(kq);
}

static void signalfd_is_readable_as_poll_says(void) {
    int kq = new_kqueue();
    sigset_t set;
    struct signalfd_siginfo info;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    REQUIRE(sigprocmask(SIG_BLOCK, &set, NULL) == 0);
    int fd = signalfd(-1, &set, SFD_CLOEXEC);
    REQUIRE(fd >= 0);
    add_read(kq, fd, 0);
    require_silent(kq);
    REQUIRE(kill(getpid(), SIGUSR1) == 0);
    EXPECT(kq, fd, EV_ADD, 0, 1);
    EXPECT(kq, fd, EV_ADD, 0, 1);
    REQUIRE_EQ(read(fd, &info, sizeof info), sizeof info);
    REQUIRE_EQ(info.ssi_signo, SIGUSR1);
    require_silent(kq);
}

static void inotify_says_its_bytes(void) {
    int kq = new_kqueue(), fd = inotify_init1(IN_CLOEXEC);
    struct place place;
    if (fd < 0)
        contract_skip("no inotify: %s", strerror(errno));
    REQUIRE(fd >= 0);
    new_place(&place);
    REQUIRE(inotify_add_watch(fd, place.directory, IN_CREATE) >= 0);
    add_read(kq, fd, 0);
    require_silent(kq);
    int file = open(place.path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    REQUIRE(file >= 0);
    int bytes = waiting(fd);
    REQUIRE(bytes > 0);
    EXPECT(kq, fd, EV_ADD, 0, bytes);
    take(fd, (size_t)bytes);
    require_silent(kq);
    remove_place(&place);
}

static void pidfd_is_readable_as_poll_says(void) {
    int kq = new_kqueue(), hold[2], status;
    char byte;
    new_pipe(hold);
    pid_t child = fork();
    if (child == 0) {
        close(hold[1]);
        _exit(read(hold[0], &byte, 1) != 0);
    }
    int fd = open_pidfd(child);
    if (fd == -1 && is_missing(errno))
        contract_skip("no pidfd_open");
    REQUIRE(fd >= 0);
    add_read(kq, fd, 0);
    require_silent(kq);
    close(hold[1]);
    EXPECT(kq, fd, EV_ADD, 0, 1);
    EXPECT(kq, fd, EV_ADD, 0, 1);
    REQUIRE_EQ(waitpid(child, &status, 0), child);
    REQUIRE_EQ(status, 0);
    struct pollfd polled = {.fd = fd, .events = POLLIN};
    REQUIRE_EQ(poll(&polled, 1, 0), 1);
    REQUIRE_EQ(next_event(kq).flags, polled.revents & POLLHUP ? EV_ADD | EV_EOF : EV_ADD);
}

static void epoll_is_readable_as_poll_says(void) {
    int kq = new_kqueue(), fd = epoll_create1(EPOLL_CLOEXEC), pair[2];
    struct epoll_event wanted = {.events = EPOLLIN};
    REQUIRE(fd >= 0);
    new_pipe(pair);
    REQUIRE(epoll_ctl(fd, EPOLL_CTL_ADD, pair[0], &wanted) == 0);
    add_read(kq, fd, 0);
    require_silent(kq);
    put(pair[1], "12");
    EXPECT(kq, fd, EV_ADD, 0, 1);
    EXPECT(kq, fd, EV_ADD, 0, 1);
    take(pair[0], 2);
    require_silent(kq);
}

static void netlink_is_readable_as_poll_says(void) {
    int kq = new_kqueue(), fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
    if (fd == -1)
        contract_skip("no netlink socket");
    struct {
        struct nlmsghdr header;
        struct rtgenmsg body;
    } request = {
        .header = {.nlmsg_len = NLMSG_LENGTH(sizeof(struct rtgenmsg)),
                   .nlmsg_type = RTM_GETLINK,
                   .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP},
        .body = {.rtgen_family = AF_UNSPEC},
    };
    char answer[65536];
    add_read(kq, fd, 0);
    require_silent(kq);
    REQUIRE_EQ(send(fd, &request, request.header.nlmsg_len, 0), request.header.nlmsg_len);
    struct kevent event = next_event(kq);
    REQUIRE(event.ident == (uintptr_t)fd && event.filter == EVFILT_READ && event.data >= 1);
    REQUIRE(event.flags == EV_ADD && event.fflags == 0);
    while (recv(fd, answer, sizeof answer, MSG_DONTWAIT) > 0)
        continue;
    require_silent(kq);
}

static void raw_socket_is_readable_as_poll_says(void) {
    enum { PROTOCOL = 253 }; /* one for experiments */
    int kq = new_kqueue(), fd = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, PROTOCOL);
    struct sockaddr_in self = loopback(0);
    char packet[64];
    if (fd == -1)
        contract_skip("no raw socket");
    add_read(kq, fd, 0);
    require_silent(kq);
    REQUIRE_EQ(sendto(fd, "x", 1, 0, (struct sockaddr *)&self, sizeof self), 1);
    struct kevent event = next_event(kq);
    REQUIRE(event.ident == (uintptr_t)fd && event.filter == EVFILT_READ && event.data >= 1);
    REQUIRE(event.flags == EV_ADD && event.fflags == 0);
    REQUIRE(recv(fd, packet, sizeof packet, 0) > 0);
    require_silent(kq);
}

const struct contract_case read_object_cases[] = {
    {"C-165", "a pipe says its bytes", pipe_bytes_are_counted, 0},
    {"C-165", "a pipe with EV_CLEAR fires once an arrival", pipe_with_clear_fires_once_an_arrival, 0},
    {"C-165", "bytes in a pipe wake a waiter", pipe_wakes_a_waiter, 0},
    {"C-166", "a pipe's EOF repeats", pipe_eof_repeats, 0},
    {"C-166", "a pipe's EOF counts once with EV_CLEAR", pipe_eof_counts_once_with_clear, 0},
    {"C-166", "no EOF while a writer is left", pipe_eof_waits_for_the_last_writer, 0},
    {"C-167", "a pipe's EOF comes with the bytes left", pipe_eof_comes_with_the_bytes, 0},
    {"C-168", "a FIFO that never had a writer is silent", fifo_without_a_writer_is_silent, 0},
    {"C-168", "a FIFO opened O_RDWR has no EOF", fifo_with_its_own_writer_has_no_eof, 0},
    {"C-169", "a FIFO's EOF ends with a new writer", fifo_eof_ends_with_a_new_writer, 0},
    {"C-169", "a FIFO's EOF with EV_CLEAR comes once a writer", fifo_eof_with_clear_comes_once_a_writer, 0},
    {"C-169", "EV_CLEAR: a second writer of as many bytes", fifo_bytes_of_a_second_writer_like_the_first, 20},
    {"C-169", "bytes in a FIFO outlive the EOF of their writer", fifo_bytes_left_by_a_writer_outlive_its_eof, 0},
    {"C-170", "a pipe's write end under READ says EV_EOF when the last reader is gone",
     write_end_tells_the_last_reader_leaves, 0},
    {"C-170", "a FIFO's write end under READ never fires", write_end_of_a_fifo_never_fires, 0},
    {"C-171", "a regular file says what is left", file_says_what_is_left, 0},
    {"C-171", "a regular file with EV_CLEAR", file_with_clear_fires_once, 0},
    {"C-171", "a regular file opened O_WRONLY", file_open_for_writing_alone_is_watched, 0},
    {"C-172", "a regular file at its end is silent", file_at_end_is_silent, 0},
    {"C-173", "growth by another process wakes", growth_elsewhere_wakes, 0},
    {"C-173", "growth of memory without a name wakes", growth_of_memory_wakes, 0},
    {"C-173", "growth wakes again and again", growth_wakes_again_and_again, 0},
    {"C-173", "growth by ftruncate() wakes", growth_by_truncate_wakes, 0},
    {"C-173", "growth wakes each kqueue and descriptor", growth_wakes_every_kqueue_and_descriptor, 0},
    {"C-173", "growth wakes the knote that is left on a file", growth_wakes_the_knote_that_is_left, 0},
    {"C-174", "an unlinked file is watched", unlinked_file_is_watched, 0},
    {"C-174", "a renamed file is watched", renamed_file_is_watched, 0},
    {"C-175", "truncated below the offset: negative data", cut_file_says_how_far_beyond, 0},
    {"C-176", "NOTE_FILE_POLL at the end: data 0", file_poll_is_always_ready, 0},
    {"C-177", "/dev/null is ready at every call", device_that_never_blocks_is_always_ready, 0},
    {"C-178", "a pty master counts the slave's bytes", master_counts_the_slaves_bytes, 0},
    {"C-178", "a pty master's EOF, and a slave that comes back", master_has_eof_while_no_slave_is_open, 0},
    {"C-179", "a pty slave counts the master's bytes", slave_counts_the_masters_bytes, 0},
    {"C-179", "a canonical pty slave waits for a line", canonical_slave_waits_for_a_line, 0},
    {"C-179", "a pty slave has EOF after the master", slave_has_eof_after_the_master, 0},
    {"C-180", "an eventfd says its counter", eventfd_says_its_counter, 0},
    {"C-180", "an eventfd with EV_CLEAR fires at each write", eventfd_with_clear_fires_at_each_write, 0},
    {"C-180", "an eventfd that has another's number", eventfd_that_has_anothers_number, 0},
    {"C-180", "eventfds of two kqueues, after a close of a file that one has inside",
     eventfds_of_two_kqueues_where_a_file_inside_is_closed, 0},
    {"C-180", "many eventfds in turn", many_eventfds_in_turn, 0},
    {"C-181", "timerfd", timerfd_is_readable_as_poll_says, 0},
    {"C-181", "signalfd", signalfd_is_readable_as_poll_says, 0},
    {"C-181", "inotify", inotify_says_its_bytes, 0},
    {"C-181", "pidfd", pidfd_is_readable_as_poll_says, 0},
    {"C-181", "epoll", epoll_is_readable_as_poll_says, 0},
    {"C-181", "netlink", netlink_is_readable_as_poll_says, 0},
    {"C-181", "a raw socket", raw_socket_is_readable_as_poll_says, 0},
    {NULL, NULL, NULL, 0},
};
