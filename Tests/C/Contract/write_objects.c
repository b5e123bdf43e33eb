/*
 * EVFILT_WRITE on what is no socket: C-198 to C-204.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "io.h"

#include <sys/eventfd.h>

enum { PAGE = 4096, PIPE_ROOM = 16 * PAGE }; /* PAGE is also Linux's PIPE_BUF */

static void resize_pipe(int fd, int size) {
    int got = fcntl(fd, F_SETPIPE_SZ, size);
    if (got == -1 && errno == EPERM)
        contract_skip("the pipes of this user have all the memory that they may have together");
    REQUIRE_EQ(got, size);
}

/* A pipe of 16 pages whose write end is watched. */
static int watched_pipe(int pair[2], int flags) {
    int kq = new_kqueue();
    if (sysconf(_SC_PAGESIZE) != PAGE)
        contract_skip("a page is not %d bytes", PAGE);
    new_pipe(pair);
    resize_pipe(pair[1], PIPE_ROOM);
    add_write(kq, pair[1], flags);
    return kq;
}

static void put_zeros(int fd, size_t count) {
    static const char zeros[PIPE_ROOM];
    REQUIRE_EQ(write(fd, zeros, count), count);
}

/* Requires one event that says EV_EOF, whatever room it says there is. */
#define EXPECT_END(kq, fd, flags) expect_end(__LINE__, kq, fd, flags)
static void expect_end(int line, int kq, int fd, int flags) {
    struct kevent event = next_event_like(kq, (uintptr_t)fd, EVFILT_WRITE, EV_ADD | EV_EOF | flags);
    expect_event(__FILE__, line, event, fd, EVFILT_WRITE, EV_ADD | EV_EOF | flags, 0, event.data);
}

static void data_is_the_pipes_free_space(void) {
    posix_lacks("a pipe does not tell its free space");
    int pair[2], kq = watched_pipe(pair, 0);
    EXPECT_WRITE(kq, pair[1], EV_ADD, 0, PIPE_ROOM);
    put_zeros(pair[1], PAGE);
    EXPECT_WRITE(kq, pair[1], EV_ADD, 0, PIPE_ROOM - PAGE);
    put_zeros(pair[1], 3 * PAGE);
    EXPECT_WRITE(kq, pair[1], EV_ADD, 0, PIPE_ROOM - 4 * PAGE);
    take(pair[0], 4 * PAGE);
    EXPECT_WRITE(kq, pair[1], EV_ADD, 0, PIPE_ROOM);
}

/* POSIX has no word for the room in a pipe. */
static intptr_t told_room(intptr_t room) { return on_posix() ? 1 : room; }

static void a_pipe_with_clear_fires_once(void) {
    int pair[2], kq = watched_pipe(pair, EV_CLEAR);
    EXPECT_WRITE(kq, pair[1], EV_ADD | EV_CLEAR, 0, told_room(PIPE_ROOM));
    require_silent(kq);
    put_zeros(pair[1], PIPE_ROOM);
    require_silent(kq);
    take(pair[0], PIPE_ROOM);
    struct kevent event = next_event(kq);
    REQUIRE(event.filter == EVFILT_WRITE && event.flags == (EV_ADD | EV_CLEAR) && event.data >= told_room(PAGE));
}

static void a_resized_pipe_has_the_new_room(void) {
    int pair[2], kq = watched_pipe(pair, 0);
    put_zeros(pair[1], PIPE_ROOM);
    require_silent(kq);
    resize_pipe(pair[1], 2 * PIPE_ROOM);
    EXPECT_WRITE(kq, pair[1], EV_ADD, 0, told_room(PIPE_ROOM));
}

static void less_than_pipe_buf_is_silent(void) {
    posix_lacks("a pipe does not tell its free space");
    int pair[2], kq = watched_pipe(pair, 0);
    put_zeros(pair[1], PIPE_ROOM - PAGE);
    EXPECT_WRITE(kq, pair[1], EV_ADD, 0, PAGE);
    put_zeros(pair[1], 1);
    require_asleep(kq);
    take(pair[0], 1);
    take(pair[0], PAGE);
    struct kevent event = next_event(kq);
    REQUIRE(event.filter == EVFILT_WRITE && event.flags == EV_ADD && event.data >= told_room(PAGE));
}

static void a_full_pipe_is_read_byte_by_byte(void) {
    posix_lacks("a pipe does not tell its free space");
    int pair[2], kq = watched_pipe(pair, 0);
    put_zeros(pair[1], PIPE_ROOM);
    require_silent(kq);
    for (int i = 0; i < PAGE - 1; i++)
        take(pair[0], 1);
    require_silent(kq);
    take(pair[0], 1);
    EXPECT_WRITE(kq, pair[1], EV_ADD, 0, PAGE);
}

/* Sixteen packets of one byte fill sixteen pages. */
static void a_pipe_full_of_packets_is_silent(void) {
    int pair[2], kq = new_kqueue();
    REQUIRE(pipe2(pair, O_CLOEXEC | O_DIRECT | O_NONBLOCK) == 0);
    int packets = 0;
    while (write(pair[1], "x", 1) == 1)
        packets++;
    REQUIRE(errno == EAGAIN);
    add_write(kq, pair[1], 0);
    require_asleep(kq);
    char byte;
    while (packets-- > 0)
        REQUIRE_EQ(read(pair[0], &byte, 1), 1);
    struct kevent event = next_event(kq);
    REQUIRE(event.filter == EVFILT_WRITE && event.data >= told_room(PAGE));
}

static void drain_a_pipe(int fd) { take(fd, PIPE_ROOM); }

static void a_reader_wakes_a_waiting_writer(void) {
    for (int flags = 0; flags <= EV_CLEAR; flags += EV_CLEAR) {
        int pair[2], kq = watched_pipe(pair, flags);
        struct delayed reader;
        struct kevent event = next_event(kq);
        put_zeros(pair[1], PIPE_ROOM);
        require_asleep(kq);
        later(&reader, drain_a_pipe, pair[0]);
        event = next_event(kq);
        REQUIRE(event.filter == EVFILT_WRITE && event.flags == (EV_ADD | flags) && event.data >= told_room(PAGE));
        finish(&reader);
    }
}

static void a_read_end_never_fires(void) {
    for (int flags = 0; flags <= EV_CLEAR; flags += EV_CLEAR) {
        int pair[2], kq = new_kqueue();
        new_pipe(pair);
        add_write(kq, pair[0], flags);
        require_asleep(kq);
        put(pair[1], "1");
        require_silent(kq);
        close(pair[1]);
        require_asleep(kq);
        change(kq, (uintptr_t)pair[0], EVFILT_WRITE, EV_DELETE, 0, 0, NULL);
    }
}

static void close_now(int fd) { close(fd); }

static void a_closed_reader_is_eof(void) {
    for (int flags = 0; flags <= EV_CLEAR; flags += EV_CLEAR) {
        for (int full = 0; full < 2; full++) {
            int pair[2], kq = watched_pipe(pair, flags);
            struct delayed closer;
            EXPECT_WRITE(kq, pair[1], EV_ADD | flags, 0, told_room(PIPE_ROOM));
            if (full)
                put_zeros(pair[1], PIPE_ROOM);
            if (full || flags) { /* else every call brings an event */
                require_silent(kq);
                later(&closer, close_now, pair[0]);
                EXPECT_END(kq, pair[1], flags);
                finish(&closer);
            } else {
                close(pair[0]);
            }
            if (flags == 0)
                EXPECT_END(kq, pair[1], flags);
            else
                require_asleep(kq);
            change(kq, (uintptr_t)pair[1], EVFILT_WRITE, EV_DELETE, 0, 0, NULL); /* the knote stayed */
        }
    }
}

static void eof_waits_for_the_last_reader(void) {
    int pair[2], kq = watched_pipe(pair, 0), second = dup(pair[0]);
    close(pair[0]);
    EXPECT_WRITE(kq, pair[1], EV_ADD, 0, told_room(PIPE_ROOM));
    close(second);
    EXPECT_END(kq, pair[1], 0);
}

/* A FIFO without a name, its read end; more ends come through /proc. */
static int new_fifo(void) {
    char directory[] = "/tmp/contract.XXXXXX", path[sizeof directory + 8];
    REQUIRE(mkdtemp(directory) != NULL);
    snprintf(path, sizeof path, "%s/fifo", directory);
    REQUIRE(mkfifo(path, 0600) == 0);
    int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    unlink(path);
    rmdir(directory);
    REQUIRE(fd >= 0);
    return fd;
}

static int open_again(int fd, int flags) {
    char path[32];
    snprintf(path, sizeof path, "%s/%d", seen_proc("self/fd"), fd);
    int again = open(path, flags | O_CLOEXEC);
    REQUIRE(again >= 0);
    return again;
}

static void a_new_reader_ends_eof(void) {
    need_seen_proc();
    /* Where poll(2) is all there is, an end that comes again between two looks is the one that was told. */
    for (int flags = 0; flags <= (on_posix() ? 0 : EV_CLEAR); flags += EV_CLEAR) {
        int kq = new_kqueue(), reader = new_fifo(), writer = open_again(reader, O_WRONLY);
        int room = fcntl(writer, F_GETPIPE_SZ);
        add_write(kq, writer, flags);
        EXPECT_WRITE(kq, writer, EV_ADD | flags, 0, told_room(room));
        for (int i = 0; i < 2; i++) {
            close(reader);
            EXPECT_END(kq, writer, flags);
            reader = open_again(writer, O_RDONLY | O_NONBLOCK);
            if (flags == 0)
                EXPECT_WRITE(kq, writer, EV_ADD, 0, told_room(room));
        }
    }
}

static void no_reader_at_add_is_epipe(void) {
    int pair[2], kq = new_kqueue();
    struct kevent entry;
    new_pipe(pair);
    close(pair[0]);
    REQUIRE_EQ(change_errno(kq, (uintptr_t)pair[1], EVFILT_WRITE, EV_ADD, 0, 0, NULL), EPIPE);
    EV_SET(&entry, pair[1], EVFILT_WRITE, EV_ADD | EV_CLEAR, 0, 0, NULL);
    REQUIRE_EQ(kevent(kq, &entry, 1, &entry, 1, NULL), 1);
    REQUIRE(entry.ident == (uintptr_t)pair[1] && entry.filter == EVFILT_WRITE);
    REQUIRE_EQ(entry.flags, EV_ADD | EV_CLEAR | EV_ERROR);
    REQUIRE_EQ(entry.data, EPIPE);
    require_silent(kq);
    REQUIRE_EQ(change_errno(kq, (uintptr_t)pair[1], EVFILT_WRITE, EV_DELETE, 0, 0, NULL), ENOENT);
    add_read(kq, pair[1], EV_CLEAR); /* the other filter takes it */
    EXPECT(kq, pair[1], EV_ADD | EV_CLEAR | EV_EOF, 0, 0);
    require_asleep(kq);
}

/* A descriptor of a new regular file without a name. */
static int new_file(void) {
    FILE *file = tmpfile();
    REQUIRE(file != NULL);
    return fileno(file);
}

static void a_regular_file_always_fires(void) {
    int level = new_kqueue(), clear = new_kqueue(), fd = new_file();
    put(fd, "12345");
    add_write(level, fd, 0);
    for (int i = 0; i < 3; i++)
        EXPECT_WRITE(level, fd, EV_ADD, 0, 0);
    add_write(clear, fd, EV_CLEAR);
    EXPECT_WRITE(clear, fd, EV_ADD | EV_CLEAR, 0, 0);
    require_silent(clear);
}

static void a_device_that_never_blocks_always_fires(void) {
    const char *const paths[] = {"/dev/null", "/dev/zero"};
    for (int i = 0; i < 2; i++) {
        int kq = new_kqueue(), fd = open(paths[i], O_RDWR | O_CLOEXEC);
        REQUIRE(fd >= 0);
        add_write(kq, fd, 0);
        for (int j = 0; j < 3; j++)
            EXPECT_WRITE(kq, fd, EV_ADD, 0, 0);
    }
}

static void a_file_beside_others_starves_nobody(void) {
    int kq = new_kqueue(), fd = new_file(), pair[2];
    bool seen = false;
    unix_pair(pair);
    put(pair[1], "1");
    add_write(kq, fd, 0);
    add_read(kq, pair[0], 0);
    for (int i = 0; i < 2; i++) {
        struct kevent event;
        REQUIRE_EQ(collect(kq, &event, 1, PATIENCE), 1);
        seen |= event.filter == EVFILT_READ;
    }
    REQUIRE(seen);
}

static void an_eventfd_at_its_maximum_is_silent(void) {
    need_proc("what an eventfd, a signalfd or an inotify holds is told there alone");
    posix_lacks("there are no eventfds");
    int kq = new_kqueue(), fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    uint64_t most = UINT64_MAX - 1, count = most - 5;
    REQUIRE(fd >= 0);
    add_write(kq, fd, 0);
    EXPECT_WRITE(kq, fd, EV_ADD, 0, INTPTR_MAX);
    REQUIRE_EQ(write(fd, &count, sizeof count), sizeof count);
    EXPECT_WRITE(kq, fd, EV_ADD, 0, 5);
    count = 5;
    REQUIRE_EQ(write(fd, &count, sizeof count), sizeof count);
    require_asleep(kq);
    REQUIRE_EQ(read(fd, &count, sizeof count), sizeof count);
    REQUIRE(count == most);
    EXPECT_WRITE(kq, fd, EV_ADD, 0, INTPTR_MAX);
}

/* The ends that one thread closes while another registers them. */
static struct race {
    int kq;
    atomic_int read_end, write_end, round;
} race;

enum { ROUNDS = 5000 };

static void *register_write(void *unused) {
    struct kevent events[8];
    for (int last = 0; atomic_load(&race.round) < ROUNDS;) {
        int round = atomic_load(&race.round);
        if (round == last)
            continue;
        last = round;
        int fd = atomic_load(&race.write_end);
        int code = change_errno(race.kq, (uintptr_t)fd, EVFILT_WRITE, EV_ADD, 0, 0, NULL);
        if (code != 0 && code != EPIPE && code != EBADF)
            contract_fail(__FILE__, __LINE__, "EV_ADD gave %s", strerror(code));
        collect(race.kq, events, 8, 0);
        code = change_errno(race.kq, (uintptr_t)fd, EVFILT_WRITE, EV_DELETE, 0, 0, NULL);
        if (code != 0 && code != ENOENT && code != EBADF)
            contract_fail(__FILE__, __LINE__, "EV_DELETE gave %s", strerror(code));
    }
    return unused;
}

static void registering_races_the_close(void) {
    race.kq = new_kqueue();
    pthread_t thread = start_thread(register_write, NULL);
    for (int round = 1; round <= ROUNDS; round++) {
        int pair[2];
        new_pipe(pair);
        atomic_store(&race.write_end, pair[1]);
        atomic_store(&race.round, round);
        for (int spin = 0; spin < round % 64 * 8; spin++)
            atomic_load(&race.round);
        close(pair[round & 1]);
        close(pair[!(round & 1)]);
    }
    join_thread(thread);
    require_silent(race.kq);
    int pair[2];
    new_pipe(pair);
    add_write(race.kq, pair[1], 0);
    REQUIRE_EQ(next_event(race.kq).ident, pair[1]);
}

const struct contract_case write_object_cases[] = {
    {"C-198", "data is the pipe's free space", data_is_the_pipes_free_space, 0},
    {"C-198", "a pipe with EV_CLEAR fires once, and after it was full", a_pipe_with_clear_fires_once, 0},
    {"C-198", "a resized pipe has the new room", a_resized_pipe_has_the_new_room, 0},
    {"C-199", "less than PIPE_BUF free is silent", less_than_pipe_buf_is_silent, 0},
    {"C-199", "a full pipe read byte by byte", a_full_pipe_is_read_byte_by_byte, 0},
    {"C-199", "a pipe full of packets is silent", a_pipe_full_of_packets_is_silent, 0},
    {"C-199", "a reader wakes a waiting writer", a_reader_wakes_a_waiting_writer, 0},
    {"C-199", "a read end under WRITE never fires", a_read_end_never_fires, 0},
    {"C-200", "a closed reader is EV_EOF, the knote stays", a_closed_reader_is_eof, 0},
    {"C-200", "no EV_EOF while a reader is left", eof_waits_for_the_last_reader, 0},
    {"C-200", "a FIFO's new reader ends EV_EOF", a_new_reader_ends_eof, 0},
    {"C-201", "EV_ADD without a reader is EPIPE", no_reader_at_add_is_epipe, 0},
    {"C-202", "a regular file fires with data 0", a_regular_file_always_fires, 0},
    {"C-202", "/dev/null fires with data 0", a_device_that_never_blocks_always_fires, 0},
    {"C-202", "a file beside others starves nobody", a_file_beside_others_starves_nobody, 0},
    {"C-203", "an eventfd at its maximum is silent", an_eventfd_at_its_maximum_is_silent, 0},
    {"C-204", "registering WRITE races the close", registering_races_the_close, 30},
    {NULL, NULL, NULL, 0},
};
