/*
 * The fake system's files, and the calls that the test makes on them.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "kernel.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { FIRST_SECOND = 5 };
uint64_t fake_time = FIRST_SECOND * 1000000000ULL;
const uint64_t fake_epoch = 1700000000000000000;
bool fake_closes_are_seen = true;

static struct file files[FAKE_FILES_MOST];
static struct file *numbers[FAKE_NUMBERS];
static struct file standard_input = {.kind = OTHER_FILE, .references = 1};
static int mortal = FAKE_FIRST_MORTAL;

void fake_begin(void) {
    fake_time = FIRST_SECOND * 1000000000ULL;
    mortal = FAKE_FIRST_MORTAL;
}

/* ---- Numbers ---- */

struct file *fake_file_of(int number) {
    if (number == 0)
        return &standard_input;
    return number > 0 && number < FAKE_NUMBERS ? numbers[number] : NULL;
}

bool fake_is_open(int number) {
    return fake_file_of(number) != NULL;
}

bool fake_goes_unseen(void) {
    return !fake_closes_are_seen;
}

uint64_t fake_now(bool is_realtime) {
    return is_realtime ? fake_time + fake_epoch : fake_time;
}

struct file *fake_new_file(enum file_kind kind) {
    static int last;
    for (int tries = 0; tries < FAKE_FILES_MOST; tries++) {
        last = (last + 1) % FAKE_FILES_MOST;
        if (files[last].kind == FREE_FILE) {
            files[last] = (struct file){.kind = kind};
            return &files[last];
        }
    }
    return NULL;
}

int fake_take_number(struct file *file, int least) {
    for (int number = least < 3 ? 3 : least; file != NULL && number < FAKE_NUMBERS; number++)
        if (numbers[number] == NULL) {
            numbers[number] = file;
            file->references++;
            return number;
        }
    errno = EMFILE;
    return -1;
}

static void lose_peer(struct file *file) {
    struct file *peer = file->peer;
    if (peer == NULL)
        return;
    peer->peer = NULL;
    peer->has_lost_peer = true;
    if (file->kind == SOCKET || file->kind == WRITE_END)
        peer->read_over = true;
    if (file->kind == SOCKET || file->kind == READ_END)
        peer->write_over = true;
    fake_notify(peer, EVFILT_READ);
    fake_notify(peer, EVFILT_WRITE);
}

static void drop(int number) {
    struct file *file = numbers[number];
    numbers[number] = NULL;
    if (--file->references > 0)
        return;
    fake_drop_entries(file);
    lose_peer(file);
    file->kind = FREE_FILE;
}

static int close_number(int number, bool is_seen) {
    if (number < 3 || fake_file_of(number) == NULL) {
        errno = EBADF;
        return -1;
    }
    is_seen &= fake_closes_are_seen;
    bool is_known = is_seen && fuzz_let_go(number);
    drop(number);
    if (is_seen)
        fuzz_end_close(number, is_known);
    return 0;
}

int fake_close(int number) {
    return close_number(number, true);
}

int fake_close_range(unsigned first, unsigned last, int flags) {
    (void)flags;
    for (unsigned number = first; number <= last; number++)
        close_number((int)number, true);
    return 0;
}

static int copy_over(int from, int to, bool is_seen) {
    struct file *file = fake_file_of(from);
    if (file == NULL) {
        errno = EBADF;
        return -1;
    }
    is_seen &= fake_closes_are_seen;
    bool is_known = is_seen && fuzz_let_go(to), was_open = numbers[to] != NULL;
    file->references++;
    if (was_open)
        drop(to);
    numbers[to] = file;
    if (is_seen)
        fuzz_end_close(to, is_known);
    return to;
}

int fake_dup3(int from, int to, int flags) {
    (void)flags;
    return copy_over(from, to, true);
}

int fake_dup2(int from, int to) {
    return from == to ? to : copy_over(from, to, true);
}

long fake_raw(long which, int number, ...) {
    if (which == SYS_close)
        return close_number(number, false);
    va_list arguments;
    va_start(arguments, number);
    int to = va_arg(arguments, int);
    va_end(arguments);
    return copy_over(number, to, false);
}

int fake_fcntl(int number, int what, int least) {
    (void)what; /* F_DUPFD_CLOEXEC */
    return fake_take_number(fake_file_of(number), least);
}

FILE *fake_fdopen(int number, const char *mode) {
    (void)mode;
    return (FILE *)(intptr_t)number;
}

int fake_fclose(FILE *stream) {
    return fake_close((int)(intptr_t)stream);
}

/* ---- Files ---- */

static int new_pair(int pair[2], enum file_kind first, enum file_kind second) {
    struct file *one = fake_new_file(first), *other = one ? fake_new_file(second) : NULL;
    if (other == NULL)
        return -1;
    one->peer = other, other->peer = one;
    pair[0] = fake_take_number(one, 3);
    pair[1] = fake_take_number(other, 3);
    return 0;
}

int fake_pipe2(int pair[2], int flags) {
    (void)flags;
    return new_pair(pair, READ_END, WRITE_END);
}

int fake_socketpair(int domain, int type, int protocol, int pair[2]) {
    (void)domain, (void)type, (void)protocol;
    return new_pair(pair, SOCKET, SOCKET);
}

int fake_eventfd(unsigned value, int flags) {
    (void)value, (void)flags;
    return fake_take_number(fake_new_file(COUNTER), 3);
}

int fake_file(char *path, int flags) {
    (void)path, (void)flags;
    return fake_take_number(fake_new_file(PLAIN_FILE), 3);
}

int fake_unlink(const char *path) {
    (void)path;
    return 0;
}

ssize_t fake_write(int number, const void *bytes, size_t length) {
    struct file *file = fake_file_of(number);
    if (file->kind == COUNTER) {
        uint64_t more;
        memcpy(&more, bytes, sizeof more);
        file->bytes += (long)more;
        fake_notify(file, EVFILT_READ);
        fake_notify(file, EVFILT_WRITE);
        return (ssize_t)length;
    }
    struct file *peer = file->peer;
    if (peer == NULL || file->write_over || peer->bytes + (long)length > PIPE_ROOM) {
        errno = EPIPE;
        return -1;
    }
    peer->bytes += (long)length;
    fake_notify(peer, EVFILT_READ);
    return (ssize_t)length;
}

ssize_t fake_pwrite(int number, const void *bytes, size_t length, off_t place) {
    struct file *file = fake_file_of(number);
    (void)bytes;
    long end = (long)place + (long)length;
    bool grows = end > file->bytes;
    file->bytes = grows ? end : file->bytes;
    fake_notify(file, EVFILT_READ);
    fake_happen(file, NOTE_WRITE | (grows ? NOTE_EXTEND : 0u));
    return (ssize_t)length;
}

ssize_t fake_read(int number, void *bytes, size_t length) {
    struct file *file = fake_file_of(number);
    (void)bytes;
    if (file->kind == PLAIN_FILE) {
        long left = file->bytes > file->offset ? file->bytes - file->offset : 0;
        long got = left < (long)length ? left : (long)length;
        file->offset += got;
        return got;
    }
    long got = file->kind == COUNTER ? 8 : file->bytes < (long)length ? file->bytes : (long)length;
    file->bytes = file->kind == COUNTER ? 0 : file->bytes - got;
    if (file->kind == COUNTER)
        fake_notify(file, EVFILT_WRITE);
    if (file->peer != NULL)
        fake_notify(file->peer, EVFILT_WRITE);
    return got;
}

off_t fake_lseek(int number, off_t place, int whence) {
    (void)whence; /* SEEK_SET */
    struct file *file = fake_file_of(number);
    file->offset = (long)place;
    fake_notify(file, EVFILT_READ);
    return place;
}

int fake_ftruncate(int number, off_t size) {
    struct file *file = fake_file_of(number);
    bool shrinks = size < file->bytes;
    file->bytes = (long)size;
    fake_notify(file, EVFILT_READ);
    fake_happen(file, NOTE_ATTRIB | (shrinks ? NOTE_TRUNCATE | NOTE_WRITE : 0u));
    return 0;
}

int fake_fchmod(int number, mode_t mode) {
    (void)mode;
    fake_happen(fake_file_of(number), NOTE_ATTRIB);
    return 0;
}

int fake_shutdown(int number, int how) {
    struct file *file = fake_file_of(number), *peer = file->peer;
    if (peer == NULL) {
        errno = ENOTCONN;
        return -1;
    }
    bool had_read = file->read_over, had_written = file->write_over;
    if (how != SHUT_WR && !had_read) {
        file->read_over = peer->write_over = true;
        fake_notify(file, EVFILT_READ);
        fake_notify(peer, EVFILT_WRITE);
    }
    if (how != SHUT_RD && !had_written) {
        file->write_over = peer->read_over = true;
        fake_notify(file, EVFILT_WRITE);
        fake_notify(peer, EVFILT_READ);
    }
    return 0;
}

int fake_ioctl(int number, unsigned long what, int *answer) {
    (void)what; /* FIONREAD */
    *answer = (int)fake_file_of(number)->bytes;
    return 0;
}

static bool is_readable(const struct file *file) {
    return file != NULL && file->kind == QUEUE_FILE && fake_set_is_readable(file->set);
}

int fake_poll(struct pollfd *polls, nfds_t count, int milliseconds) {
    int ready = 0;
    (void)milliseconds;
    for (nfds_t place = 0; place < count; place++) {
        polls[place].revents = is_readable(fake_file_of(polls[place].fd)) ? POLLIN : 0;
        ready += polls[place].revents != 0;
    }
    return ready;
}

/* ---- Processes and signals ---- */

int fake_kill(pid_t process, int number) {
    (void)process;
    fake_signal(number);
    return 0;
}

pid_t fake_getpid(void) {
    return FAKE_SELF;
}

pid_t fake_zombie(void) {
    return FAKE_ZOMBIE;
}

int fake_mortal(void) {
    return mortal;
}

void fake_end_mortal(void) {
    fake_process_ended(mortal);
    mortal = mortal == FAKE_FIRST_MORTAL + 99 ? FAKE_FIRST_MORTAL : mortal + 1;
}

/* ---- Readiness ---- */

bool fake_is_ready(const struct file *file, int filter) {
    if (filter == EVFILT_WRITE)
        return file->kind != READ_END && file->kind != OTHER_FILE;
    if (filter != EVFILT_READ)
        return false;
    switch (file->kind) {
        case WRITE_END: return file->has_lost_peer;
        case PLAIN_FILE: return file->bytes != file->offset;
        case QUEUE_FILE: return fake_set_is_readable(file->set);
        default: return file->bytes > 0 || file->read_over;
    }
}
