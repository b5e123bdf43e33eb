/*
 * Descriptors at a few numbers, and what is done to them: opened, written, drained, shut down, duplicated, and closed
 * in every way there is.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "fuzz.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef SYS_close_range
#define SYS_close_range 436
#endif
int close_range(unsigned first, unsigned last, int flags);

struct world world;

enum { MOST_WRITES = 48 };

static void need(bool holds, const char *what) {
    if (!holds)
        mismatch("the test itself: %s: %s", what, strerror(errno));
}

static int number_of(int slot) {
    return FIRST_NUMBER + slot;
}

int slot_of(uintptr_t ident) {
    bool is_slot = ident >= FIRST_NUMBER && ident < FIRST_NUMBER + SLOTS;
    return is_slot && world.slots[ident - FIRST_NUMBER] >= 0 ? (int)ident - FIRST_NUMBER : -1;
}

struct object *object_of(uintptr_t ident) {
    int slot = slot_of(ident);
    return slot < 0 ? NULL : &world.objects[world.slots[slot]];
}

/* ---- Closing ---- */

/* The last descriptor of an object went: its peer hears of it. */
static void lose_object(int index) {
    struct object *object = &world.objects[index];
    if (object->peer < 0)
        return;
    struct object *peer = &world.objects[object->peer];
    bool had_read = peer->read_over, had_written = peer->write_over;
    if (object->kind == UNIX || object->kind == TCP) {
        peer->is_doubtful |= object->bytes > 0 || object->kind == TCP; /* a reset, or in the network's own time */
        peer->read_over = peer->write_over = true;
    }
    if (object->kind == PIPE_WRITE)
        peer->read_over = true;
    if (object->kind == PIPE_READ)
        peer->write_over = true;
    /* What was over before may be told again as an end of another kind. */
    if (!had_read)
        model_ended(object->peer, EVFILT_READ);
    if (!had_written)
        model_ended(object->peer, EVFILT_WRITE);
    model_perhaps(object->peer, EVFILT_READ);
    model_perhaps(object->peer, EVFILT_WRITE);
}

bool world_is_sure(void) {
    uint64_t ghosts = 0;
    for (int slot = 0; slot < SLOTS; slot++) {
        ghosts |= world.ghosts[slot];
        if (world.former[slot] != 0)
            return false;
    }
    for (int object = 0; object < world.used; object++)
        if (ghosts >> object & 1 && world.objects[object].references > 0)
            return false;
    return !world.has_lost_queue;
}

static void note_unseen(int slot) {
    world.former[slot] |= UINT64_C(1) << world.slots[slot];
    for (int queue = 0; queue < QUEUES; queue++)
        queues[queue].is_doubtful = true;
}

/* What a close of a slot means, seen or not. */
static void note_closed(int slot, bool is_seen) {
    int index = world.slots[slot];
    if (is_seen && closes_are_seen)
        world.ghosts[slot] |= world.former[slot], world.former[slot] = 0;
    else
        note_unseen(slot);
    model_closed((uintptr_t)number_of(slot));
    world.slots[slot] = -1;
    if (--world.objects[index].references == 0)
        lose_object(index);
}

/* Whether a raw close would leave what is reported still, for a copy's sake, and whose bytes may be told without a look
   at what the number is, since a call for each event is what that would cost: a socket, or what was not told of yet, so
   that it is taken for the socket that comes to its number. */
static bool is_trusted(int slot) {
    if (world.slots[slot] < 0)
        return false;
    struct object *object = &world.objects[world.slots[slot]];
    bool is_read = false, is_socket = object->kind == UNIX || object->kind == TCP;
    for (int queue = 0; queue < QUEUES; queue++) {
        const struct knote *knote = model_find(queue, EVFILT_READ, (uintptr_t)number_of(slot));
        is_read |= knote != NULL && (is_socket || (!is_posix && knote->told_at[0] == 0));
    }
    return is_read && closes_are_seen && (is_posix || object->references > 1);
}

static void close_stream(int number) {
    FILE *stream = fdopen(number, "r");
    need(stream != NULL, "fdopen");
    need(fclose(stream) == 0, "fclose");
}

static void close_slot(int slot, int how) {
    if (world.slots[slot] < 0)
        return;
    int number = number_of(slot);
    bool is_write_end = world.objects[world.slots[slot]].kind == PIPE_WRITE;
    say("close %d, way %d", number, how);
    if (how % 4 == 2 && is_trusted(slot))
        how = 0;
    switch (how % 4) {
        case 1: need(close_range((unsigned)number, (unsigned)number, 0) == 0, "close_range"); break;
        case 2: need(syscall(SYS_close, number) == 0, "close"); break;
        case 3:
            if (!is_write_end) {
                close_stream(number);
                break;
            }
            /* fall through */
        default: need(close(number) == 0, "close");
    }
    note_closed(slot, how % 4 != 2);
}

/* ---- Opening ---- */

static int new_object(enum kind kind, int peer) {
    world.objects[world.used] = (struct object){.kind = kind, .peer = peer};
    return world.used++;
}

/* Whether one cannot be told from what was at the number before, where its close was not seen: the file itself, which
   comes back, and whatever may have the same number of an inode (4, tiers). */
static bool is_alike(int object, int slot) {
    enum kind kind = world.objects[object].kind;
    uint64_t former = world.former[slot] | world.ghosts[slot];
    if (world.slots[slot] >= 0)
        former |= UINT64_C(1) << world.slots[slot];
    if (former >> object & 1)
        return true;
    int peer = world.objects[object].peer;
    if (is_posix && kind != UNIX && kind != TCP && peer >= 0 && former >> peer & 1)
        return true; /* the ends of a pipe */
    for (int other = 0; other < world.used; other++)
        if (former >> other & 1 && world.objects[other].kind == kind &&
            (kind == REGULAR || (kind == EVENTFD && is_posix)))
            return true;
    return false;
}

/* Puts an object at a number: over what is there, or after a close. */
static void place(int fd, int object, int slot, int how) {
    int number = number_of(slot);
    say("place object %d of kind %d at %d, way %d", object, (int)world.objects[object].kind, number, how);
    world.objects[object].references++;
    if (world.slots[slot] >= 0 && how & 4) {
        bool is_raw = how & 8 && !is_trusted(slot);
        long result = is_raw ? syscall(SYS_dup3, fd, number, O_CLOEXEC) : dup3(fd, number, O_CLOEXEC);
        need(result == number, "dup3");
        note_closed(slot, !is_raw);
    } else {
        close_slot(slot, how);
        need(fcntl(fd, F_DUPFD_CLOEXEC, number) == number, "F_DUPFD");
    }
    world.slots[slot] = object;
}

static void place_new(int fd, enum kind kind, int slot, int how) {
    need(fd >= 0, "open");
    int object = new_object(kind, -1);
    if (!is_alike(object, slot))
        place(fd, object, slot, how);
    need(close(fd) == 0, "close");
}

static void place_pair(const int pair[2], enum kind first, enum kind second, int slot, int how) {
    int index = new_object(first, world.used + 1);
    new_object(second, index);
    world.objects[index].references++, world.objects[index + 1].references++; /* the temporary numbers */
    place(pair[0], index, slot, how);
    place(pair[1], index + 1, (slot + 1) % SLOTS, how);
    for (int end = 0; end < 2; end++) {
        need(close(pair[end]) == 0, "close");
        if (--world.objects[index + end].references == 0)
            lose_object(index + end);
    }
}

#ifdef FUZZ_CORE
static void tcp_pair(int pair[2]) {
    need(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0, "socketpair");
}
#else
static void tcp_pair(int pair[2]) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    need(listener >= 0 && bind(listener, (struct sockaddr *)&address, sizeof address) == 0, "bind");
    need(listen(listener, 1) == 0 && getsockname(listener, (struct sockaddr *)&address, &length) == 0, "listen");
    pair[0] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    need(pair[0] >= 0 && connect(pair[0], (struct sockaddr *)&address, sizeof address) == 0, "connect");
    pair[1] = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    need(pair[1] >= 0 && close(listener) == 0, "accept");
    for (int end = 0, on = 1; end < 2; end++)
        need(setsockopt(pair[end], IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) == 0, "TCP_NODELAY");
}
#endif

static int unnamed_file(void) {
    char path[] = "/tmp/fuzz-XXXXXX";
    int fd = mkostemp(path, O_CLOEXEC);
    need(fd >= 0 && unlink(path) == 0, "mkostemp");
    return fd;
}

static void open_slot(int slot, int kind, int how) {
    int pair[2];
    if (world.used + 2 > OBJECTS)
        return;
    switch (kind % 8) {
        case 0:
        case 1:
            need(pipe2(pair, O_CLOEXEC | O_NONBLOCK) == 0, "pipe2");
            return place_pair(pair, PIPE_READ, PIPE_WRITE, slot, how);
        case 2:
        case 3:
        case 4:
            need(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) == 0, "socketpair");
            return place_pair(pair, UNIX, UNIX, slot, how);
        case 5: return place_new(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), EVENTFD, slot, how);
        case 6: return place_new(unnamed_file(), REGULAR, slot, how);
        default: /* dear, so one in several */
            if (how & 16)
                return place_new(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), EVENTFD, slot, how);
            tcp_pair(pair);
            return place_pair(pair, TCP, TCP, slot, how);
    }
}

/* A copy of a descriptor at another number; dup2 onto itself is nothing (C-122). */
static void copy_slot(int from, int to, int how) {
    if (world.slots[from] < 0)
        return;
    if (from == to) {
        need(dup2(number_of(from), number_of(from)) == number_of(from), "dup2");
        return;
    }
    if (!is_alike(world.slots[from], to))
        place(number_of(from), world.slots[from], to, how);
}

/* ---- Using ---- */

/* The network takes its time; the model does not. */
static void await_bytes(struct object *object, int index) {
    for (int slot = 0; slot < SLOTS; slot++) {
        if (world.slots[slot] != index)
            continue;
        int there = 0;
        for (int times = 0; times < 5000; times++) {
            if (ioctl(number_of(slot), FIONREAD, &there) != 0 || there >= object->bytes)
                return;
            poll(NULL, 0, times > 20);
        }
    }
}

static void write_to(int slot, int length) {
    static const char bytes[256];
    int index = world.slots[slot];
    struct object *object = &world.objects[index];
    uint64_t one = (uint64_t)length;
    switch (object->kind) {
        case EVENTFD:
            need(write(number_of(slot), &one, sizeof one) == sizeof one, "write");
            object->bytes += length;
            return model_arrived(index);
        case REGULAR:
            need(pwrite(number_of(slot), bytes, (size_t)length, object->bytes) == length, "pwrite");
            object->bytes += length;
            model_arrived(index);
            return model_wrote_file(index, NOTE_WRITE | NOTE_EXTEND);
        default: break;
    }
    if (object->kind == PIPE_READ || object->kind == NOTHING || object->write_over || object->is_doubtful)
        return;
    struct object *peer = &world.objects[object->peer];
    /* A write of a few bytes takes a local socket's room as a large one does. */
    if (peer->references == 0 || peer->read_over || peer->bytes > 16384 || peer->writes >= MOST_WRITES)
        return;
    need(write(number_of(slot), bytes, (size_t)length) == length, "write");
    peer->bytes += length;
    peer->writes++;
    model_wrote(index);
    model_arrived(object->peer);
    if (object->kind == TCP)
        await_bytes(peer, object->peer);
}

static void read_from(int slot, int length) {
    char bytes[256];
    int index = world.slots[slot];
    struct object *object = &world.objects[index];
    if (object->kind == PIPE_WRITE || object->kind == NOTHING || object->is_doubtful)
        return;
    if (object->kind == REGULAR) {
        long got = read(number_of(slot), bytes, (size_t)length);
        need(got >= 0, "read");
        object->offset += got;
        return;
    }
    if (object->bytes == 0)
        return;
    long got = read(number_of(slot), bytes, object->kind == EVENTFD ? 8 : (size_t)length);
    long wanted = object->bytes < length ? object->bytes : length;
    need(object->kind == EVENTFD ? got == 8 : object->kind == TCP ? got > 0 && got <= wanted : got == wanted, "read");
    object->bytes = object->kind == EVENTFD ? 0 : object->bytes - got;
    if (object->bytes == 0)
        object->writes = 0;
    model_drained(index);
}

static void drain(int slot) {
    long before;
    if (world.objects[world.slots[slot]].kind == REGULAR)
        return;
    do {
        before = world.objects[world.slots[slot]].bytes;
        read_from(slot, 256);
    } while (world.objects[world.slots[slot]].bytes < before);
}

static void shut_down(int slot, int how) {
    int index = world.slots[slot];
    struct object *object = &world.objects[index];
    if ((object->kind != UNIX && object->kind != TCP) || object->is_doubtful)
        return;
    struct object *peer = &world.objects[object->peer];
    if (peer->references == 0 || shutdown(number_of(slot), how) != 0)
        return;
    if (object->kind == TCP)
        object->is_doubtful = peer->is_doubtful = true;
    bool had_read = object->read_over, had_written = object->write_over;
    model_perhaps(index, EVFILT_READ), model_perhaps(object->peer, EVFILT_READ); /* what is over may be told again */
    if (had_read && how != SHUT_WR)
        model_perhaps(index, EVFILT_WRITE); /* an edge that looks like room, and nothing new explains it */
    if (had_written && how != SHUT_RD)
        model_perhaps(object->peer, EVFILT_WRITE); /* likewise */
    if (how != SHUT_WR && !had_read) {
        object->read_over = peer->write_over = true;
        model_ended(index, EVFILT_READ);
        model_ended(object->peer, EVFILT_WRITE);
    }
    if (how != SHUT_RD && !had_written) {
        object->write_over = peer->read_over = true;
        model_ended(index, EVFILT_WRITE);
        model_ended(object->peer, EVFILT_READ);
        model_perhaps(index, EVFILT_READ); /* Linux does not tell of a record apart from this */
    }
    model_perhaps(object->peer, EVFILT_READ);
}

static void use_file(int slot, int how) {
    int index = world.slots[slot], number = number_of(slot);
    struct object *object = &world.objects[index];
    if (object->kind != REGULAR)
        return;
    if (how % 3 == 0) {
        need(fchmod(number, how & 4 ? 0600 : 0644) == 0, "fchmod");
        model_wrote_file(index, NOTE_ATTRIB);
    } else if (how % 3 == 1) {
        object->offset = how & 4 ? 0 : object->bytes + (how & 8 ? 5 : 0);
        need(lseek(number, object->offset, SEEK_SET) == object->offset, "lseek");
        model_moved(index);
    } else if (object->bytes > 4) {
        object->bytes = 4;
        need(ftruncate(number, 4) == 0, "ftruncate");
        model_moved(index);
        model_cut_file(index, NOTE_TRUNCATE | NOTE_ATTRIB | NOTE_WRITE);
    }
}

void world_step(const uint8_t *record) {
    int slot = record[1] % SLOTS, what = record[2], how = record[3];
    if (record[0] % 4 == 0)
        return open_slot(slot, what, how);
    if (record[0] % 4 == 1)
        return what & 1 ? close_slot(slot, how) : copy_slot(slot, record[4] % SLOTS, how);
    if (world.slots[slot] < 0)
        return;
    say("use %d: %d %d", number_of(slot), what % 8, how);
    switch (what % 8) {
        case 0:
        case 1:
        case 2: return write_to(slot, 1 + how % 64);
        case 3: return read_from(slot, 1 + how % 64);
        case 4:
        case 5: return drain(slot);
        case 6: return how & 128 ? shut_down(slot, how % 3) : drain(slot);
        default: return use_file(slot, how);
    }
}

void world_begin(void) {
    world = (struct world){.used = 0};
    for (int slot = 0; slot < SLOTS; slot++)
        world.slots[slot] = -1;
    open_slot(0, 0, 0);
    open_slot(2, 2, 0);
    open_slot(4, 5, 0);
    open_slot(5, 6, 0);
}

void world_end(void) {
    for (int slot = 0; slot < SLOTS; slot++)
        if (world.slots[slot] >= 0)
            close(number_of(slot));
}
