/*
 * Calls of the library in the traced program, and what they may come to.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "faults.h"

#include <dirent.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

void mark(enum mark mark, long argument) {
    int error = errno;
    syscall(SYS_getpid, (long)MARK, (long)mark, argument);
    errno = error;
}

void fail(const char *file, int line, const char *format, ...) {
    const char *name = strrchr(file, '/');
    if (shared->message[0] != '\0') /* a child's */
        _exit(1);
    int start = snprintf(shared->message, sizeof shared->message, "%s:%d: ", name != NULL ? name + 1 : file, line);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(shared->message + start, sizeof shared->message - (size_t)start, format, arguments);
    va_end(arguments);
    _exit(1);
}

void skip(const char *why) {
    snprintf(shared->message, sizeof shared->message, "%s", why);
    shared->is_skipped = true;
    _exit(0);
}

/* ---- What may come of the fault ---- */

bool fails_always(void) {
    return fault.call >= 0 && fault.use == 0;
}

/* Asked in a process of its own: this one is not to have called the library before a scene does. */
bool on_posix(void) {
    struct kevent entry = {.filter = EVFILT_LIBKQUEUE, .flags = EV_ADD, .fflags = NOTE_FILE_POLL_INTERVAL,
                           .data = 250000000};
    int status;
    pid_t process = fork();
    if (process == 0)
        _exit(kevent(kqueue(), &entry, 1, NULL, 0, NULL) == 0 ? 1 : 0);
    waitpid(process, &status, 0);
    return WIFEXITED(status) && WEXITSTATUS(status) == 1;
}

bool is_allowed(int error) {
    if (fault.call < 0 || shared->failed == 0)
        return false;
    if (error == fault.error && (error == ENOMEM || error == EMFILE || error == ENFILE))
        return true;
    for (int i = 0; i < MOST_ERRORS && calls[fault.call].answers[i] != 0; i++)
        if (calls[fault.call].answers[i] == error)
            return true;
    return false;
}

void require_allowed(const char *what, int error) {
    if (!is_allowed(error))
        fail(__FILE__, __LINE__, "%s gives %s", what, strerror(error));
}

/* ---- Calls ---- */

int new_kqueue(int *kq) {
    for (int attempt = 0; attempt < 3; attempt++) {
        *kq = LIBRARY(kqueue());
        if (*kq >= 0)
            return 0;
        require_allowed("kqueue()", errno);
        if (fails_always())
            return errno;
    }
    fail(__FILE__, __LINE__, "kqueue() goes on to fail with %s", strerror(errno));
}

int apply(int kq, uintptr_t ident, int filter, int flags, unsigned fflags, intptr_t data) {
    struct kevent change;
    char what[64];
    EV_SET(&change, ident, filter, flags, fflags, data, NULL);
    snprintf(what, sizeof what, "filter %d, flags %#x", filter, (unsigned)flags);
    for (int attempt = 0; attempt < 3; attempt++) {
        if (LIBRARY(kevent(kq, &change, 1, NULL, 0, NULL)) == 0)
            return 0;
        int error = errno;
        /* What failed may have been done. */
        if (attempt > 0 && error == ENOENT && (flags & EV_DELETE))
            return 0;
        REQUIRE(error != EINTR);
        require_allowed(what, error);
        if (fails_always())
            return error;
    }
    fail(__FILE__, __LINE__, "%s goes on to fail with %s", what, strerror(errno));
}

static void require_few_calls(unsigned before, const char *what) {
    enum { FEW = 5000 }; /* a busy system makes some hundred for NOTE_TRACK; who spins makes far more */
    unsigned made = shared->made - before;
    if (made > FEW)
        fail(__FILE__, __LINE__, "%s makes %u system calls", what, made);
}

int collect(int kq, struct kevent *events, int room, long milliseconds) {
    struct timespec time = {.tv_sec = milliseconds / 1000, .tv_nsec = milliseconds % 1000 * 1000000};
    unsigned before = shared->made;
    int got = LIBRARY(kevent(kq, NULL, 0, events, room, &time));
    int error = errno;
    require_few_calls(before, "a collection");
    if (got < 0)
        require_allowed("a collection", error);
    return got;
}

/* ---- Collecting what is to come ---- */

/* poll(2) does not tell what was told already from what is new: a program that took all before is told again. */
static bool is_told_again(int filter) {
    return is_posix && (filter == EVFILT_READ || filter == EVFILT_WRITE || filter == EVFILT_EXCEPT);
}

static void see_event(struct wanted *wanted, int count, const struct kevent *event) {
    for (int i = 0; i < count; i++) {
        if (wanted[i].ident != event->ident || wanted[i].filter != event->filter)
            continue;
        if (event->flags & EV_ERROR)
            fail(__FILE__, __LINE__, "filter %d is told an error %ld", event->filter, (long)event->data);
        bool may_repeat = (fault.call >= 0 && (calls[fault.call].flags & REPEATS)) || is_told_again(event->filter);
        if (wanted[i].seen++ > 0 && wanted[i].is_clear && !may_repeat)
            fail(__FILE__, __LINE__, "filter %d, ident %ld is told twice", event->filter, (long)event->ident);
        return;
    }
    fail(__FILE__, __LINE__, "filter %d, ident %#lx comes unasked", event->filter, (unsigned long)event->ident);
}

static bool are_seen(const struct wanted *wanted, int count) {
    for (int i = 0; i < count; i++)
        if (wanted[i].seen == 0)
            return false;
    return true;
}

static int pass(int kq, struct wanted *wanted, int count, long milliseconds) {
    struct kevent events[16];
    int got = collect(kq, events, 16, milliseconds);
    for (int i = 0; i < got; i++)
        see_event(wanted, count, &events[i]);
    return got;
}

void gather(int kq, struct wanted *wanted, int count) {
    enum { ATTEMPTS = 12 };
    int got = 0;
    for (int attempt = 0; attempt < ATTEMPTS && !are_seen(wanted, count); attempt++) {
        got = pass(kq, wanted, count, 2000);
        if (got == 0)
            break;
        if (got < 0 && fails_always())
            return;
    }
    for (int i = 0; i < count; i++)
        if (wanted[i].seen == 0)
            fail(__FILE__, __LINE__, "filter %d is not told", wanted[i].filter);
    (void)pass(kq, wanted, count, 0);
}

void require_silent(int kq, long milliseconds) {
    struct kevent events[4];
    int got = collect(kq, events, 4, milliseconds);
    if (got > 0)
        fail(__FILE__, __LINE__, "filter %d, ident %#lx comes in the silence", events[0].filter,
             (unsigned long)events[0].ident);
    if (got < 0 && !fails_always() && (got = collect(kq, events, 4, milliseconds)) != 0)
        fail(__FILE__, __LINE__, "a collection gives %d after an error", got);
}

void close_kqueue(int kq) {
    (void)LIBRARY(close(kq));
}

/* ---- What is left ---- */

static int count_descriptors(void) {
    int count = 0;
    DIR *folder = opendir("/proc/self/fd");
    if (folder == NULL)
        return -1;
    for (struct dirent *entry; (entry = readdir(folder)) != NULL;)
        count += entry->d_name[0] != '.';
    closedir(folder);
    return count - 1;
}

/* Mappings of no file, but the heap and the stack. */
static long count_bytes(void) {
    char line[512];
    long bytes = 0;
    FILE *file = fopen("/proc/self/maps", "re");
    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        unsigned long start, end, inode = 1;
        char name[256] = "";
        if (sscanf(line, "%lx-%lx %*s %*x %*s %lu %255s", &start, &end, &inode, name) >= 3 && inode == 0 &&
            (name[0] == '\0' || strncmp(name, "[anon", 5) == 0))
            bytes += (long)(end - start);
    }
    if (file != NULL)
        fclose(file);
    return bytes;
}

struct left count_left(void) {
    return (struct left){.descriptors = count_descriptors(), .bytes = count_bytes()};
}
